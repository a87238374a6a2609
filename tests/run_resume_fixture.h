/* Runs that are cut off and go on, compared with one in one sitting: run 1 of a
 * world in one, run 2 by stops or by deaths of its process. */
#ifndef LT_RUN_RESUME_FIXTURE_H
#define LT_RUN_RESUME_FIXTURE_H

#include "script_fixture.h"

#include "latent/base/rng.h"

#include <fcntl.h>
#include <sys/wait.h>

static lt_rng chance; /* when a run is cut off */

/* ---- two runs of a script, compared ---- */

/* Run 1 in one sitting; run 2 waits. */
static inline void begin(world *w, const char *script)
{
    const lt_plan_opts opts = {.command = "test"};

    write_script(w, script);
    assert_int_equal(plan_ok(w, w->script_path, &opts), 1);
    if (execute_one(w, NULL) != LT_RUN_FINISHED)
        fail_with(w);
    assert_int_equal(plan_ok(w, w->script_path, &opts), 1);
}

static inline void requeue(world *w)
{
    int n = 0;

    assert_int_equal(lt_store_reap(w->store, &n, &w->err), LT_OK);
    assert_int_equal(lt_store_requeue(w->store, 0, LT_REQUEUE_CUT, &n, &w->err),
                     LT_OK);
    assert_int_equal(n, 1);
}

#define POINTS(run)                                                            \
    "SELECT name, seq, step, epoch, value, kind FROM metrics WHERE run "       \
    "= " #run

#define FINALS(run)                                                            \
    "SELECT name, n, last, last_step, min, min_step, max, max_step, nonfinite" \
    " FROM finals WHERE run = " #run

static inline void expect_same(world *w, const char *what, const char *a,
                               const char *b)
{
    char sql[2048];

    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT * FROM (%s EXCEPT %s) UNION ALL"
             " SELECT * FROM (%s EXCEPT %s))",
             a, b, b, a);
    if (query_number(w, sql) != 0)
        fail_msg("%s: %g rows differ", what, query_number(w, sql));
    snprintf(sql, sizeof sql,
             "SELECT (SELECT count(*) FROM (%s)) - count(*)"
             " FROM (%s)",
             a, b);
    assert_true(query_number(w, sql) == 0);
}

/* A file's tensors; the metadata before them name the run. */
static inline char *tensors_read(const world *w, int run, const char *name,
                                 size_t *size)
{
    char path[160], *bytes = NULL;
    uint64_t header;
    lt_err err = {0};

    snprintf(path, sizeof path, "%s/runs/%d/%s.safetensors", w->dir, run, name);
    if (lt_path_read(path, (size_t)1 << 24, &bytes, size, &err) != LT_OK)
        fail_msg("%s", err.text);
    memcpy(&header, bytes, 8);
    *size -= 8 + header;
    memmove(bytes, bytes + 8 + header, *size);
    return bytes;
}

static inline void tensors_assert_equal(const world *w, const char *name)
{
    size_t a_size, b_size;
    char *a = tensors_read(w, 1, name, &a_size);
    char *b = tensors_read(w, 2, name, &b_size);

    assert_int_equal(a_size, b_size);
    if (memcmp(a, b, a_size) != 0)
        fail_msg("%s: other weights", name);
    lt_mem_free(a);
    lt_mem_free(b);
}

/* `files`: the networks that each saves. */
static inline void runs_assert_equal(world *w, const char *const *files, int n)
{
    assert_true(query_number(w, "SELECT count(*) FROM metrics WHERE run = 1") >
                20);
    expect_same(w, "points", POINTS(1), POINTS(2));
    expect_same(w, "summaries", FINALS(1), FINALS(2));
    expect_same(w, "notes", "SELECT text FROM notes WHERE run = 1",
                "SELECT text FROM notes WHERE run = 2 AND text NOT LIKE"
                " 'resumed %' AND text NOT LIKE '%queued again'");
    expect_same(w, "tags", "SELECT tag FROM tags WHERE run = 1",
                "SELECT tag FROM tags WHERE run = 2");
    expect_same(w, "artifacts",
                "SELECT name, kind, bytes FROM artifacts WHERE run = 1",
                "SELECT name, kind, bytes FROM artifacts WHERE run = 2");
    assert_true(query_number(w, "SELECT count(*) FROM artifacts WHERE run = "
                                "2") == n);
    for (int i = 0; i < n; i++)
        tensors_assert_equal(w, files[i]);
}

static inline bool is_there(const world *w, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/runs/2/%s", w->dir, name);
    return lt_path_exists(path);
}

/* ---- cutting off ---- */

/* Interrupts run 2 at random moments until it is finished; how often. */
static inline int finish_by_stops(world *w, int most_polls)
{
    int n = 0;

    for (;; n++) {
        lt_run_status status;

        polls_until_stop = 1 + (int)lt_rng_below(&chance, (uint64_t)most_polls);
        status = execute_one(w, NULL);
        polls_until_stop = -1;
        if (status == LT_RUN_FINISHED)
            break;
        if (status != LT_RUN_INTERRUPTED)
            fail_with(w);
        requeue(w);
    }
    assert_false(is_there(w, "checkpoint"));
    assert_false(is_there(w, "stages"));
    return n;
}

static int polls_until_death = -1;

static inline bool die_after_polls(void)
{
    if (polls_until_death >= 0 && polls_until_death-- == 0)
        _exit(9);
    return false;
}

/* A process of its own executes the run, and dies without a word. */
static inline void execute_and_die(const world *w, int polls)
{
    lt_script_opts opts = {
        .threads = 1, .seed = 1, .should_stop = die_after_polls};
    lt_run_env env;
    lt_store *store = NULL;
    lt_script *script = NULL;
    lt_claim *claim = NULL;
    lt_err err = {0};
    char db[96];

    snprintf(db, sizeof db, "%s/latent.db", w->dir);
    lt_script_describe_env(1, &env);
    polls_until_death = polls;
    if (lt_store_open(db, LT_STORE_WRITE, &store, &err) != LT_OK ||
        lt_script_new(&opts, &script, &err) != LT_OK ||
        lt_claim_next(store, 0, &env, &claim, &err) != LT_OK)
        _exit(1);
    if (lt_script_execute(script, store, claim, NULL, &err) !=
        LT_RUN_FINISHED) {
        fprintf(stderr, "%s\n%s\n", err.text, lt_script_traceback(script));
        _exit(2);
    }
    _exit(lt_claim_end(claim, LT_RUN_FINISHED, "", &err) == LT_OK ? 0 : 3);
}

static inline int finish_by_deaths(world *w, int most_polls)
{
    int n = 0;

    for (;; n++) {
        int polls = 1 + (int)lt_rng_below(&chance, (uint64_t)most_polls);
        int status = 0;
        pid_t child;

        fflush(NULL);
        child = fork();
        if (child == 0)
            execute_and_die(w, polls);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 0)
            return n;
        assert_int_equal(WEXITSTATUS(status), 9);
        requeue(w);
    }
}

/* `body` of a run with sets in `data` and a network `net`. */
#define SHORT(body) HEAD EXP "}, run = function(run, c)\n" DATA body "end }\n"

#define FIT(more)                                                              \
    "    latent.fit(net, { train = data.train, epochs = 6, batch = 10,\n"      \
    "      log_every = 1, run = run, checkpoint_seconds = 0, " more " })\n"

/* A stop after so many polls; the run waits again. */
static inline void stop_once(world *w, int polls)
{
    polls_until_stop = polls;
    if (execute_one(w, NULL) != LT_RUN_INTERRUPTED)
        fail_with(w);
    polls_until_stop = -1;
    requeue(w);
}

static inline void checkpoint_path(const world *w, char out[128])
{
    snprintf(out, 128, "%s/runs/2/checkpoint", w->dir);
}

#endif
