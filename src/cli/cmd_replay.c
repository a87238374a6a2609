/* latent replay: a run done once more, from the store alone, and compared.
 *
 * The run is queued in a store of its own in a temporary folder and executed
 * there by a worker, as every run is; the user's store is only read. The copy
 * has the run's id and name, and with them the script's whole view of the
 * world is what it was, but for data files and the machine. */
#include "cli/cli_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/work/work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char lt__help_replay[] =
    "latent replay: prove a run: do it again and compare\n"
    "\n"
    "  latent replay RUN [options]\n"
    "\n"
    "  RUN                  an id, a unique prefix of a name, @last, or\n"
    "                       @best(METRIC)\n"
    "  --tolerance X        values may differ by X, relative to the larger "
    "one:\n"
    "                       for another kind of CPU (default 0: the same "
    "bits)\n"
    "  --except METRIC      do not compare this metric (may be repeated)\n"
    "  --threads N          (default: as many as the run had); the results "
    "are\n"
    "                       the same bits for any number\n" LT__LIMIT_HELP
    "  --db PATH            the store (else $LATENT_DB, else "
    "results/latent.db)\n"
    "  -h, --help           show this help\n"
    "\n"
    "Executes the stored script and Lua files with the stored configuration "
    "and\n"
    "seed, whatever the files say today, in a temporary folder ($TMPDIR) that "
    "is\n"
    "removed afterwards, and compares every point of every metric with the "
    "store:\n"
    "number, step, epoch and all bits of the value; then the saved networks. "
    "The\n"
    "store is only read. Prints \"identical (N values)\", or the first step "
    "that\n"
    "differs with both values, and what differs in the environment: build, "
    "CPU,\n"
    "BLAS core, instruction set, threads, data.\n"
    "\n"
    "Of a run that did not finish the values that it has are compared; the "
    "replay\n"
    "stops when it has as many. A run made in a sandbox is replayed in one.\n"
    "Metrics that tell of the clock cannot agree and do not count: those "
    "whose\n"
    "name ends in time, seconds, second, minutes, hours, ms or milliseconds\n"
    "(fit.seconds, examples_per_second).\n"
    "\n"
    "Exit status: 0 identical, or within the tolerance; 1 the replay itself\n"
    "failed; 2 a mistake in the command; 3 no such run, or nothing to "
    "compare;\n"
    "4 the store or a file; 6 something differs; 130, 143 interrupted.\n"
    "\n"
    "Examples:\n"
    "  latent replay 12\n"
    "  latent replay \"@best(test.sse)\" --tolerance 1e-4\n";

enum { ASK_SECONDS = 60 }; /* a stranger's views may never end */

typedef struct replay_args {
    lt__list rest, except;
    double tolerance;
    int threads;
    lt__limit_args limits;
} replay_args;

/* A store in a folder of its own. */
typedef struct scratch {
    char dir[512];
    lt_store *store;
    int64_t sweep;
} scratch;

static lt_status read_args(const lt__call *call, replay_args *a, lt_err *err)
{
    const lt__option options[] = {
        {"--tolerance", NULL, LT__OPTION_REAL, &a->tolerance, 0},
        {"--except", NULL, LT__OPTION_LIST, &a->except, 0},
        {"--threads", NULL, LT__OPTION_INT, &a->threads, 1},
        LT__LIMIT_OPTIONS(a->limits),
    };
    size_t room = (size_t)call->argc + 1;

    a->rest.items = lt_mem_zero(room, sizeof *a->rest.items);
    a->except.items = lt_mem_zero(room, sizeof *a->except.items);
    if (!a->rest.items || !a->except.items)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt__options_parse(call, options, sizeof options / sizeof *options,
                             &a->rest, err));
    if (a->rest.n == 0)
        return lt_err_set(err, LT_EINVAL, "which run? (latent replay RUN)");
    if (a->rest.n > 1)
        return lt_err_set(err, LT_EINVAL, "one argument too many: '%s'",
                          a->rest.items[1]);
    return LT_OK;
}

/* ---- asking the store ---- */

lt_status lt__ask_text(const lt_run_ref *r, const char *sql, const char *name,
                       lt_text *out, lt_err *err)
{
    const lt_value run = {.type = LT_VALUE_INTEGER, .integer = r->run};
    lt_value v = {.type = LT_VALUE_TEXT, .text = name};
    lt_query *q = NULL;
    bool row = false;
    lt_status rc = lt_query_open(r->store, sql, ASK_SECONDS, &q, err);

    lt_text_clear(out);
    if (rc == LT_OK)
        rc = lt_query_bind(q, 1, &run, err);
    if (rc == LT_OK && name) {
        v.size = strlen(name);
        rc = lt_query_bind(q, 2, &v, err);
    }
    if (rc == LT_OK)
        rc = lt_query_next(q, &row, err);
    if (rc == LT_OK && row) {
        lt_query_value(q, 0, &v);
        if (v.type == LT_VALUE_INTEGER)
            lt_text_addf(out, "%" PRId64, v.integer);
        else if (v.type == LT_VALUE_TEXT)
            lt_text_add_n(out, v.text, v.size);
    }
    lt_query_close(q);
    return rc;
}

static lt_status ask_number(const lt_run_ref *r, const char *sql, long *out,
                            lt_err *err)
{
    lt_text text = {0};
    lt_status rc = lt__ask_text(r, sql, NULL, &text, err);

    *out = strtol(lt_text_str(&text), NULL, 10);
    lt_text_deinit(&text);
    return rc;
}

/* The run and its state; ENOTFOUND where there is nothing to compare. */
static lt_status find_run(const char *text, lt_run_ref *r, lt_text *status,
                          lt_err *err)
{
    long has_points = 0;

    LT_TRY(lt_store_find_run(r->store, text, &r->run, err));
    LT_TRY(lt__ask_text(r, "SELECT status FROM runs WHERE id = ?1", NULL,
                        status, err));
    LT_TRY(ask_number(r, "SELECT EXISTS (SELECT 1 FROM metrics WHERE run = ?1)",
                      &has_points, err));
    if (!has_points)
        return lt_err_set(err, LT_ENOTFOUND,
                          "run %" PRId64 " (%s) has logged no metric: nothing "
                          "to compare",
                          r->run, lt_text_str(status));
    return LT_OK;
}

/* ---- doing it again ---- */

static lt_status scratch_open(scratch *s, lt_err *err)
{
    const char *parent = getenv("TMPDIR");
    char path[600];

    snprintf(s->dir, sizeof s->dir, "%s/latent-replay-XXXXXX",
             parent && *parent && strlen(parent) < 400 ? parent : "/tmp");
    if (!mkdtemp(s->dir)) {
        lt_err_set(err, LT_EIO, "%s: cannot make a folder: %s", s->dir,
                   strerror(errno));
        s->dir[0] = '\0';
        return LT_EIO;
    }
    snprintf(path, sizeof path, "%s/latent.db", s->dir);
    return lt_store_open(path, LT_STORE_CREATE, &s->store, err);
}

static void scratch_remove(scratch *s)
{
    lt_store_close(s->store);
    if (s->dir[0])
        lt_path_remove(s->dir, NULL);
}

/* Of a run that was cut off no more is wanted than it has. */
static bool has_caught_up(void *self)
{
    lt__replayed *r = self;

    return lt_store_has_caught_up(&r->original, &r->replay, &r->is_enough,
                                  NULL) == LT_OK &&
           r->is_enough;
}

static lt_status execute(lt__replayed *r, scratch *s, const replay_args *a,
                         lt_err *err)
{
    const lt_run_ref *original = &r->original;
    lt_run_ref *replay = &r->replay;
    lt_supervise_opts opts = {.jobs = 1,
                              .threads = a->threads,
                              .is_enough =
                                  r->opts.prefix ? has_caught_up : NULL,
                              .self = r};
    lt__worker_args args;
    int counts[LT_RUN_STATUS_COUNT];
    char program[4096];
    long stored = 0, run = 0;

    LT_TRY(ask_number(original, "SELECT threads FROM runs WHERE id = ?1",
                      &stored, err));
    if (opts.threads == 0)
        opts.threads = stored > 0 && stored < 4096 ? (int)stored : 1;
    LT_TRY(scratch_open(s, err));
    LT_TRY(lt_store_copy_run(original->store, original->run, s->store,
                             &s->sweep, err));
    *replay = (lt_run_ref){s->store, s->sweep};
    LT_TRY(
        ask_number(replay, "SELECT id FROM runs WHERE sweep = ?1", &run, err));
    replay->run = run;
    lt__limits_args(&a->limits, &args);
    opts.args = args.items;
    opts.n_args = args.n;
    lt__find_program(program, sizeof program);
    opts.program = program;
    opts.sweep = s->sweep;
    return lt_supervise(s->store, &opts, counts, err);
}

/* A replay that ended otherwise than by itself proves nothing. One that fails
 * where the original failed is what was wanted. */
static bool is_over(const lt__call *call, const lt__replayed *r, int *status)
{
    lt_text state = {0}, message = {0};
    lt_err err = {0};
    bool is_bad;

    if (lt__ask_text(&r->replay, "SELECT status FROM runs WHERE id = ?1", NULL,
                     &state, &err) != LT_OK ||
        lt__ask_text(&r->replay, "SELECT message FROM runs WHERE id = ?1", NULL,
                     &message, &err) != LT_OK) {
        *status = lt__fail(call, &err);
        is_bad = true;
    } else {
        const char *s = lt_text_str(&state);

        is_bad = !r->is_enough && strcmp(s, "finished") != 0 &&
                 strcmp(s, "diverged") != 0 &&
                 (strcmp(s, "failed") != 0 || strcmp(r->status, s) != 0);
        if (is_bad) {
            lt_err_set(&err, LT_EDIVERGED, "the replay is %s: %s", s,
                       lt_text_str(&message));
            *status = lt__fail(call, &err);
        }
    }
    lt_text_deinit(&state);
    lt_text_deinit(&message);
    return !is_bad;
}

static int replay(const lt__call *call, const replay_args *a, lt__replayed *r,
                  lt_text *state)
{
    scratch s = {0};
    lt_err err = {0};
    int status = LT__EXIT_OK;

    if (find_run(a->rest.items[0], &r->original, state, &err) != LT_OK)
        return lt__fail(call, &err);
    r->status = lt_text_str(state);
    r->opts.prefix = strcmp(r->status, "finished") != 0 &&
                     strcmp(r->status, "diverged") != 0;
    if (execute(r, &s, a, &err) != LT_OK)
        status = lt__fail(call, &err);
    else if (is_over(call, r, &status))
        status = lt__replay_report(call, r);
    scratch_remove(&s);
    return status;
}

int lt__cmd_replay(const lt__call *call)
{
    replay_args a = {0};
    lt__replayed r = {0};
    lt_text state = {0};
    lt_err err = {0};
    int status;

    if (read_args(call, &a, &err) != LT_OK) {
        status = lt__fail(call, &err);
    } else if (lt_store_open(call->db, LT_STORE_READ, &r.original.store,
                             &err) != LT_OK) {
        err.status = LT_ESTORE; /* also one that is not there */
        status = lt__fail(call, &err);
    } else {
        r.opts.tolerance = a.tolerance;
        r.opts.except = a.except.items;
        r.opts.n_except = a.except.n;
        status = replay(call, &a, &r, &state);
    }
    lt_store_close(r.original.store);
    lt_text_deinit(&state);
    lt_mem_free(a.rest.items);
    lt_mem_free(a.except.items);
    return status;
}
