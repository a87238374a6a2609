/* Sixteen processes write to one store while others list, follow curves, read
 * everything, export runs and merge them into another store: no transaction
 * fails, and no reader waits for a writer.
 *
 * "Waits" is the time spent in SQLite's busy handler, which does not depend on
 * how busy the machine is; what a reader's questions took on the wall is told
 * as well. LATENT_CROWD=full makes it long (tests/check_crowd_full.sh).
 * ctest: PROCESSORS 2
 * ctest: TIMEOUT 900 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "latent/store/exchange.h"
#include "store_help.h"

#include <math.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { WRITERS = 16, READERS = 6, MEMBERS = WRITERS + READERS + 1 };
enum { NAMES = 4, FLUSH_EVERY = 64 };

typedef struct worker_sheet {
    double waited, slowest, total; /* seconds */
    int64_t n;                     /* runs written, or questions asked */
} worker_sheet;

/* Shared by all processes. */
typedef struct board {
    atomic_int n_writing, n_reading;
    atomic_bool is_kept; /* the store, open */
    int runs, points;    /* of each writer, of each run */
    worker_sheet writers[WRITERS], readers[READERS];
} board;

static board *shared;

static void note_times(worker_sheet *sheet, const lt_store *s, double start)
{
    double took = lt_clock_elapsed() - start;

    sheet->n++;
    sheet->total += took;
    sheet->slowest = fmax(sheet->slowest, took);
    sheet->waited = fmax(sheet->waited, s->busy_longest);
}

/* ---- writers ---- */

static lt_status log_run(lt_claim *claim, lt_err *err)
{
    static const char *const names[NAMES] = {"step.loss", "train.loss",
                                             "test.loss", "test.sse"};
    lt_recorder *r = NULL;

    LT_TRY(lt_recorder_new(claim, &r, err));
    for (int i = 0; i < shared->points; i++) {
        lt_observe_metric(lt_recorder_observer(r), names[i % NAMES], i, i, i,
                          NULL);
        if (i % FLUSH_EVERY == FLUSH_EVERY - 1)
            LT_TRY(lt_recorder_flush(r, err));
    }
    return lt_recorder_close(r, err);
}

static lt_status write_run(lt_store *s, const lt_run_env *env, lt_err *err)
{
    const lt_run_facts facts = {.network = "784-30", .parameters = 12};
    lt_claim *claim = NULL;

    LT_TRY(lt_claim_next(s, 0, env, &claim, err));
    LT_TRY(lt_claim_rewind(claim, NULL, NULL, 0, err));
    LT_TRY(lt_claim_facts(claim, &facts, err));
    LT_TRY(lt_claim_note(claim, "a note", err));
    LT_TRY(lt_claim_tag(claim, "crowd", err));
    LT_TRY(log_run(claim, err));
    return lt_claim_end(claim, LT_RUN_FINISHED, "", err);
}

static int writer_main(const char *path, worker_sheet *sheet)
{
    lt_run_env env = {.threads = 1};
    lt_store *s = NULL;
    lt_err err = {0};
    lt_status rc = lt_store_open(path, LT_STORE_WRITE, &s, &err);

    lt_host_describe(&env.host);
    for (int i = 0; rc == LT_OK && i < shared->runs; i++) {
        double start = lt_clock_elapsed();

        rc = write_run(s, &env, &err);
        note_times(sheet, s, start);
    }
    atomic_fetch_sub(&shared->n_writing, 1);
    lt_store_close(s);
    if (rc != LT_OK)
        fprintf(stderr, "writer: %s\n", err.text);
    return rc == LT_OK ? 0 : 1;
}

/* ---- readers: each question opens the store, as a command does ---- */

static lt_status drain(lt_query *q, int *rows, lt_err *err)
{
    bool row = true;

    for (; row; *rows += row)
        LT_TRY(lt_query_next(q, &row, err));
    return LT_OK;
}

/* What `latent ls` asks; its search for the dead too. */
static lt_status list_runs(lt_store *s, int *rows, lt_err *err)
{
    static const char *const columns[] = {"id", "status", "code", "test.sse",
                                          "min(test.loss)"};
    const lt_table_spec spec = {columns, 5, "-id", 30};
    lt_filter *filter = NULL;
    lt_query *q = NULL;
    int n_lost = 0;
    lt_status rc = lt_store_reap(s, &n_lost, err);

    if (rc == LT_OK && n_lost > 0)
        rc = lt_err_set(err, LT_EINVAL, "a live run was called lost");
    if (rc == LT_OK)
        rc = lt_filter_compile(s, "code=6", &filter, err);
    if (rc == LT_OK)
        rc = lt_filter_table(filter, &spec, &q, err);
    if (rc == LT_OK)
        rc = drain(q, rows, err);
    lt_query_close(q);
    lt_filter_free(filter);
    return rc;
}

static lt_status read_rows(lt_store *s, const char *sql, int *rows, lt_err *err)
{
    lt_query *q = NULL;
    lt_status rc = lt_query_open(s, sql, 0, &q, err);

    if (rc == LT_OK)
        rc = drain(q, rows, err);
    lt_query_close(q);
    return rc;
}

/* Points and summaries of one moment agree, however many are writing. */
static lt_status read_all(lt_store *s, int *rows, lt_err *err)
{
    int n_bad = 0;

    LT_TRY(read_rows(s,
                     "SELECT 1 FROM finals f WHERE n != (SELECT count(*) FROM"
                     " metrics m WHERE m.run = f.run AND m.name = f.name)",
                     &n_bad, err));
    if (n_bad > 0)
        return lt_err_set(err, LT_EINVAL, "%d summaries disagree", n_bad);
    return read_rows(s, "SELECT * FROM metrics WHERE run % 16 = 1", rows, err);
}

/* The run that ended last, as one file. */
static lt_status export_last(lt_store *s, int *rows, lt_err *err)
{
    char path[256];
    int64_t run = 1;
    lt_take_report report;
    lt_export_opts opts = {
        .take = {.runs = &run, .n_runs = 1}, .path = path, .replace = true};

    LT_TRY(lt__db_integer(s, &run, err,
                          "SELECT id FROM run WHERE status = 'finished'"
                          " ORDER BY ended_at DESC LIMIT 1",
                          ""));
    snprintf(path, sizeof path, "%s.%d.latent", lt_store_path(s), getpid());
    LT_TRY(lt_store_export(s, &opts, &report, err));
    if (report.n_new != 1 || report.values != shared->points)
        return lt_err_set(err, LT_EINVAL, "not all of run %lld was exported",
                          (long long)run);
    *rows += (int)report.values;
    return LT_OK;
}

/* What is finished by now, into a store of one's own. */
static lt_status merge_all(lt_store *s, int *rows, lt_err *err)
{
    const lt_take_opts opts = {0};
    lt_take_report report = {0};
    lt_store *to = NULL;
    char path[256];
    lt_status rc;

    snprintf(path, sizeof path, "%s.%d.db", lt_store_path(s), getpid());
    LT_TRY(lt_store_open(path, LT_STORE_CREATE, &to, err));
    rc = lt_store_take(s, to, &opts, &report, err);
    lt_store_close(to);
    *rows += (int)report.values;
    if (rc == LT_OK && (report.n_refused > 0 || report.n_updated > 0 ||
                        report.values != report.n_new * shared->points))
        rc = lt_err_set(err, LT_EINVAL, "not all of the runs was merged");
    return rc;
}

static lt_status ask_once(lt_store *s, int which, int *rows, lt_err *err)
{
    switch (which) {
    case 0:
    case 1:
        return list_runs(s, rows, err);
    case 2:
        return read_rows(s,
                         "SELECT step, value FROM metrics WHERE name ="
                         " 'step.loss' AND run = (SELECT max(id) FROM runs"
                         " WHERE status = 'running')",
                         rows, err);
    case 3:
        return read_all(s, rows, err);
    case 4:
        return export_last(s, rows, err);
    default:
        return merge_all(s, rows, err);
    }
}

static int reader_main(const char *path, int which, worker_sheet *sheet)
{
    lt_status rc = LT_OK;
    lt_err err = {0};
    int rows = 0;

    while (rc == LT_OK && atomic_load(&shared->n_writing) > 0) {
        double start = lt_clock_elapsed();
        lt_store *s = NULL;

        rc = lt_store_open(path, LT_STORE_READ, &s, &err);
        if (rc == LT_OK) {
            rc = ask_once(s, which, &rows, &err);
            note_times(sheet, s, start);
        }
        lt_store_close(s);
        usleep(5000);
    }
    atomic_fetch_sub(&shared->n_reading, 1);
    if (rc != LT_OK)
        fprintf(stderr, "reader %d: %s\n", which, err.text);
    return rc == LT_OK && rows > 0 ? 0 : 1;
}

/* ---- the crowd ---- */

/* Has the store open as long as anyone, as the supervisor of a sweep has: the
 * first to open a store and the last to close it lock all others out. */
static int keeper_main(const char *path)
{
    lt_store *s = NULL;
    lt_err err = {0};
    lt_status rc = lt_store_open(path, LT_STORE_WRITE, &s, &err);

    atomic_store(&shared->is_kept, true);
    while (rc == LT_OK && (atomic_load(&shared->n_writing) > 0 ||
                           atomic_load(&shared->n_reading) > 0))
        usleep(5000);
    lt_store_close(s);
    return rc == LT_OK ? 0 : 1;
}

static void shared_open(void)
{
    const char *mode = getenv("LATENT_CROWD");
    bool is_full = mode && strcmp(mode, "full") == 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->runs = is_full ? 25 : 3;
    shared->points = is_full ? 5000 : 1000;
    atomic_store(&shared->n_writing, WRITERS);
    atomic_store(&shared->n_reading, READERS);
}

static int member_main(const char *path, int number)
{
    if (number == WRITERS + READERS)
        return keeper_main(path);
    if (number < WRITERS)
        return writer_main(path, &shared->writers[number]);
    number -= WRITERS;
    return reader_main(path, number, &shared->readers[number]);
}

/* The keeper, number MEMBERS - 1, first. */
static void start_all(const char *path, pid_t *pids)
{
    for (int i = MEMBERS - 1; i >= 0; i--) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(member_main(path, i));
        while (!atomic_load(&shared->is_kept))
            usleep(1000);
    }
}

static double longest(const worker_sheet *sheets, int n, double *slowest,
                      double *total, int64_t *asked)
{
    double waited = 0;

    *slowest = *total = 0;
    *asked = 0;
    for (int i = 0; i < n; i++) {
        waited = fmax(waited, sheets[i].waited);
        *slowest = fmax(*slowest, sheets[i].slowest);
        *total += sheets[i].total;
        *asked += sheets[i].n;
    }
    return waited;
}

static void tell(double seconds)
{
    static const char *const kinds[READERS] = {"lists",
                                               "lists",
                                               "curves",
                                               "everything",
                                               "one run, to export it",
                                               "all runs, to merge them"};
    double slowest, total, waited;
    int64_t n;

    waited = longest(shared->writers, WRITERS, &slowest, &total, &n);
    printf("%d writers: %d runs, %d points in %.1f s (%.0f a second); longest "
           "wait for the others %.3f s\n",
           WRITERS, (int)n, (int)n * shared->points, seconds,
           (double)n * shared->points / seconds, waited);
    for (int i = 0; i < READERS; i++) {
        waited = longest(&shared->readers[i], 1, &slowest, &total, &n);
        printf("a reader of %s: %d questions, %.1f ms each, at most %.1f; "
               "longest wait for a writer %.1f ms\n",
               kinds[i], (int)n, 1000 * total / (double)n, 1000 * slowest,
               1000 * waited);
        assert_true(waited <= 0.1);
    }
}

static void expect_everything_there(place *p)
{
    char wanted[64];
    int runs = WRITERS * shared->runs + 1;

    snprintf(wanted, sizeof wanted, "%d %d", runs, runs * shared->points);
    EXPECT_SQL(p,
               "SELECT (SELECT count(*) FROM runs WHERE status = 'finished'"
               " AND message = '') || ' ' || (SELECT count(*) FROM metrics)",
               wanted);
    snprintf(wanted, sizeof wanted, "%d", runs * NAMES);
    EXPECT_SQL(p,
               "SELECT count(*) FROM (SELECT run, name, count(*) AS n,"
               " max(seq) + 1 AS next FROM metrics GROUP BY run, name) m JOIN"
               " finals f USING (run, name) WHERE m.n = f.n AND f.n = m.next",
               wanted);
    snprintf(wanted, sizeof wanted, "%d %d", runs, runs);
    EXPECT_SQL(p,
               "SELECT (SELECT count(*) FROM notes) || ' ' ||"
               " (SELECT count(*) FROM tags)",
               wanted);
    EXPECT_SQL(p, "PRAGMA integrity_check", "ok");
}

static void crowd_of_writers_and_readers_gets_along(void **state)
{
    pid_t pids[MEMBERS];
    lt_run_env env = {.threads = 1};
    double start;
    place p;

    (void)state;
    shared_open();
    place_open(&p);
    place_queue_many(&p, WRITERS * shared->runs + 1);
    lt_host_describe(&env.host);
    EXPECT_OK(&p, write_run(p.store, &env, &p.err)); /* names to ask for */
    lt_store_close(p.store);
    p.store = NULL;
    start = lt_clock_elapsed();
    start_all(p.path, pids);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(child_status(pids[i]), 0);
    tell(lt_clock_elapsed() - start);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    expect_everything_there(&p);
    place_close(&p);
    munmap(shared, sizeof *shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crowd_of_writers_and_readers_gets_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
