/* The supervisor with real processes: this test's own program, started as
 * "latent worker", acts out what each queued run's config says.
 * ctest: TIMEOUT 120 */
#include "latent/work/work.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/store/query.h"
#include "latent/store/recorder.h"
#include "work/work_int.h"

/* ---- the worker's side ---- */

static lt_run_status act_out(const char *act, const lt_observer *progress,
                             lt_err *message)
{
    if (strstr(act, "finish"))
        return LT_RUN_FINISHED;
    if (strstr(act, "fail")) {
        lt_err_set(message, LT_ECALLBACK, "script.lua:12: wanted 3 layers");
        return LT_RUN_FAILED;
    }
    if (strstr(act, "diverge")) {
        lt_err_set(message, LT_EDIVERGED, "loss is nan");
        return LT_RUN_DIVERGED;
    }
    if (strstr(act, "kill"))
        raise(SIGKILL);
    if (strstr(act, "abort")) {
        fprintf(stderr, "net.c:12: assertion failed\n");
        fflush(stderr);
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
    }
    if (strstr(act, "exit"))
        _exit(0);
    while (strstr(act, "deaf"))
        usleep(10000);
    for (int i = 0; i < 3000 && !lt_observe_stop(progress); i++) {
        lt_progress p = {"fit", 1, 2, 0.5, 1.25, 1000};

        lt_observe_progress(progress, &p);
        usleep(10000);
    }
    return LT_RUN_INTERRUPTED;
}

static lt_run_status execute(void *self, lt_store *store, lt_claim *claim,
                             const lt_observer *progress, lt_err *message)
{
    lt_recorder *recorder = NULL;
    const lt_observer *o;
    lt_run_status status;

    (void)self;
    (void)store;
    if (lt_recorder_new(claim, &recorder, message) != LT_OK)
        return LT_RUN_FAILED;
    o = lt_recorder_observer(recorder);
    lt_observe_metric(o, "train.loss", 1, 1, 0.5, NULL);
    lt_recorder_flush(recorder, NULL);
    status = act_out(lt_claim_config(claim), progress, message);
    return lt_recorder_close(recorder, message) == LT_OK ? status
                                                         : LT_RUN_FAILED;
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return "";
}

static int worker_main(int argc, char **argv)
{
    lt_worker_opts opts = {.threads = 1, .execute = execute};
    lt_store *store = NULL;
    lt_err err = {0};

    if (strstr(option(argc, argv, "--db"), "nostart"))
        return 4;
    opts.sweep = atoll(option(argc, argv, "--sweep"));
    opts.progress_fd = atoi(option(argc, argv, "--progress-fd"));
    lt_host_describe(&opts.env.host);
    lt_work_catch_signals();
    if (lt_store_open(option(argc, argv, "--db"), LT_STORE_WRITE, &store,
                      &err) != LT_OK ||
        lt_worker_run(store, &opts, &err) != LT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 4;
    }
    lt_store_close(store);
    return 0;
}

/* ---- the supervisor's side ---- */

typedef struct rig {
    char dir[64], db[128];
    lt_store *store;
    int64_t sweep;
    int counts[LT_RUN_STATUS_COUNT];
    lt_err err;
    int saved_stderr;
    lt_text heard; /* what the board wrote */
} rig;

/* One more sweep; r->sweep is its id. */
static void rig_queue(rig *r, const char *experiment, const char *const *acts)
{
    lt_sweep_spec spec = {.experiment = experiment,
                          .question = "",
                          .targets = "{}",
                          .defaults = "{}",
                          .command = "test",
                          .git_commit = "",
                          .git_diff_hex = ""};
    lt_source_ref source = {.path = "acts.lua"};
    lt_queue_item items[16];
    char configs[16][64], hashes[16][24];
    int n = 0, n_queued = 0;

    assert_int_equal(lt_store_put_source(r->store, "x", 1, source.hex, NULL),
                     LT_OK);
    spec.sources = &source;
    spec.n_sources = 1;
    for (; acts[n]; n++) {
        snprintf(configs[n], sizeof configs[n], "{\"act\":\"%s\",\"seed\":%d}",
                 acts[n], n);
        snprintf(hashes[n], sizeof hashes[n], "%d", n);
        items[n] = (lt_queue_item){configs[n], n, hashes[n]};
    }
    if (lt_store_queue(r->store, &spec, items, n, false, &r->sweep, &n_queued,
                       &r->err) != LT_OK)
        fail_msg("%s", r->err.text);
    assert_int_equal(n_queued, n);
}

static void rig_open(rig *r, const char *db_name, const char *const *acts)
{
    memset(r, 0, sizeof *r);
    snprintf(r->dir, sizeof r->dir, "/tmp/latent-work-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->db, sizeof r->db, "%s/%s", r->dir, db_name);
    if (lt_store_open(r->db, LT_STORE_CREATE, &r->store, &r->err) != LT_OK)
        fail_msg("%s", r->err.text);
    rig_queue(r, "acts", acts);
}

static void rig_close(rig *r)
{
    char command[256];

    lt_store_close(r->store);
    lt_text_deinit(&r->heard);
    snprintf(command, sizeof command, "rm -rf '%s'", r->dir);
    assert_int_equal(system(command), 0);
}

/* Runs the sweep with stderr in a file, which is then in r->heard. */
static lt_status rig_run(rig *r, int jobs)
{
    lt_supervise_opts opts = {.program = "/proc/self/exe",
                              .sweep = r->sweep,
                              .jobs = jobs,
                              .threads = 1};
    char path[160], bytes[4096];
    ssize_t n;
    lt_status rc;
    int fd;

    snprintf(path, sizeof path, "%s/stderr", r->dir);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    r->saved_stderr = dup(2);
    dup2(fd, 2);
    rc = lt_supervise(r->store, &opts, r->counts, &r->err);
    dup2(r->saved_stderr, 2);
    close(r->saved_stderr);
    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        lt_text_add_n(&r->heard, bytes, (size_t)n);
    close(fd);
    lt__signal_forget();
    return rc;
}

/* The value of a query with one row and one column, as text. */
static void ask(rig *r, const char *sql, char *out, size_t size)
{
    lt_query *q = NULL;
    lt_value v;
    bool row = false;

    assert_int_equal(lt_query_open(r->store, sql, 0, &q, &r->err), LT_OK);
    assert_int_equal(lt_query_next(q, &row, &r->err), LT_OK);
    assert_true(row);
    lt_query_value(q, 0, &v);
    if (v.type == LT_VALUE_INTEGER)
        snprintf(out, size, "%lld", (long long)v.integer);
    else
        snprintf(out, size, "%.*s", (int)v.size, v.text ? v.text : "");
    lt_query_close(q);
}

static void assert_answer(rig *r, const char *sql, const char *wanted)
{
    char text[1024];

    ask(r, sql, text, sizeof text);
    assert_string_equal(text, wanted);
}

static int count(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

static void every_queued_run_is_executed_once(void **state)
{
    const char *acts[] = {"finish", "finish", "finish", "finish",
                          "finish", "finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    assert_int_equal(rig_run(&r, 2), LT_OK);
    assert_int_equal(r.counts[LT_RUN_FINISHED], 6);
    assert_int_equal(r.counts[LT_RUN_QUEUED], 0);
    assert_answer(&r, "SELECT count(*) FROM metrics", "6");
    assert_non_null(strstr(lt_text_str(&r.heard), " seed=3 finished after "));
    rig_close(&r);
}

static void sweep_zero_is_all_that_is_queued(void **state)
{
    const char *acts[] = {"finish", "fail", NULL}, *others[] = {"finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    rig_queue(&r, "others", others);
    r.sweep = 0;
    assert_int_equal(rig_run(&r, 2), LT_OK);
    assert_int_equal(r.counts[LT_RUN_FINISHED], 2);
    assert_int_equal(r.counts[LT_RUN_FAILED], 1);
    assert_answer(&r, "SELECT group_concat(sweep || status) FROM runs",
                  "1finished,1failed,2finished");
    assert_non_null(
        strstr(lt_text_str(&r.heard), "2 act=fail seed=1 failed after "));
    rig_close(&r);
}

static void failures_are_told_once_and_stop_nothing(void **state)
{
    const char *acts[] = {"fail", "finish", "diverge", "finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    assert_int_equal(rig_run(&r, 1), LT_OK);
    assert_int_equal(r.counts[LT_RUN_FINISHED], 2);
    assert_int_equal(r.counts[LT_RUN_FAILED], 1);
    assert_int_equal(r.counts[LT_RUN_DIVERGED], 1);
    assert_int_equal(
        count(lt_text_str(&r.heard), "script.lua:12: wanted 3 layers"), 1);
    assert_non_null(strstr(lt_text_str(&r.heard), "1 act=fail seed=0 failed"));
    assert_answer(&r, "SELECT message FROM runs WHERE status = 'failed'",
                  "script.lua:12: wanted 3 layers");
    rig_close(&r);
}

static void dead_workers_are_replaced(void **state)
{
    const char *acts[] = {"kill", "abort", "exit", "kill", "finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    assert_int_equal(rig_run(&r, 1), LT_OK);
    assert_int_equal(r.counts[LT_RUN_LOST], 2);
    assert_int_equal(r.counts[LT_RUN_FAILED], 2);
    assert_int_equal(r.counts[LT_RUN_FINISHED], 1);
    assert_answer(&r, "SELECT message FROM runs WHERE status = 'lost' LIMIT 1",
                  "killed by signal 9 (SIGKILL)");
    assert_answer(&r,
                  "SELECT message FROM runs WHERE config ->> 'act' = 'abort'",
                  "killed by signal 6 (SIGABRT): net.c:12: assertion failed");
    assert_answer(&r, "SELECT count(*) FROM metrics", "5");
    rig_close(&r);
}

static void workers_that_cannot_start_end_the_sweep_with_an_error(void **state)
{
    const char *acts[] = {"finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "nostart.db", acts);
    assert_int_equal(rig_run(&r, 2), LT_EIO);
    assert_non_null(strstr(r.err.text, "1 run still queued"));
    assert_non_null(strstr(r.err.text, "exit status 4"));
    rig_close(&r);
}

typedef struct sender {
    rig *r;
    int n_signals;
} sender;

static void *send_signals(void *arg)
{
    sender *s = arg;
    lt_store *store = NULL;
    int counts[LT_RUN_STATUS_COUNT] = {0};

    lt_store_open(s->r->db, LT_STORE_READ, &store, NULL);
    while (counts[LT_RUN_RUNNING] < 1) {
        usleep(10000);
        lt_store_sweep_counts(store, s->r->sweep, counts, NULL);
    }
    lt_store_close(store);
    for (int i = 0; i < s->n_signals; i++) {
        usleep(400000);
        kill(getpid(), SIGINT);
        usleep(50000);
        kill(getpid(), SIGTERM); /* so near: the same */
    }
    return NULL;
}

static void run_with_signals(rig *r, int n_signals)
{
    sender s = {r, n_signals};
    sigset_t ours, before;
    pthread_t thread;

    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &s), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(rig_run(r, 1), LT_EINTERRUPTED);
    pthread_join(thread, NULL);
    usleep(10000);
    lt__signal_forget(); /* a last one may have come after the sweep's end */
}

static void first_signal_ends_runs_as_interrupted(void **state)
{
    const char *acts[] = {"sleep", "finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    run_with_signals(&r, 1);
    assert_int_equal(r.counts[LT_RUN_INTERRUPTED], 1);
    assert_int_equal(r.counts[LT_RUN_QUEUED], 1);
    assert_answer(&r, "SELECT count(*) FROM metrics", "1");
    rig_close(&r);
}

static void second_signal_kills_the_deaf(void **state)
{
    const char *acts[] = {"deaf", "finish", NULL};
    rig r;

    (void)state;
    rig_open(&r, "x.db", acts);
    run_with_signals(&r, 2);
    assert_int_equal(r.counts[LT_RUN_INTERRUPTED], 1);
    assert_answer(&r, "SELECT message FROM runs WHERE status = 'interrupted'",
                  "killed by signal 9 (SIGKILL) at the second signal");
    rig_close(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_queued_run_is_executed_once),
        cmocka_unit_test(sweep_zero_is_all_that_is_queued),
        cmocka_unit_test(failures_are_told_once_and_stop_nothing),
        cmocka_unit_test(dead_workers_are_replaced),
        cmocka_unit_test(workers_that_cannot_start_end_the_sweep_with_an_error),
        cmocka_unit_test(first_signal_ends_runs_as_interrupted),
        cmocka_unit_test(second_signal_kills_the_deaf),
    };

    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
