/* The store's costs, as bench_store.h says.
 *
 * A throw-away store with one claimed run is made in $TMPDIR (or /tmp), on the
 * file system that is there, and removed. The steps of the smallest network
 * are timed with and without an observer that records each loss, in turns,
 * because the difference is smaller than what a machine drifts by. */
#include "bind/bench_store.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/snapshot.h"
#include "latent/store/recorder.h"
#include "latent/train/bench.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 9, SERIES = 10 };

/* A store of its own with one run under way. */
typedef struct scratch {
    char dir[512];
    lt_store *store;
    lt_claim *claim;
    lt_recorder *recorder;
} scratch;

static lt_status scratch_queue(scratch *s, lt_err *err)
{
    lt_source_ref source = {.path = "bench.lua"};
    const lt_queue_item item = {"{}", 1, "bench"};
    const lt_sweep_spec spec = {.experiment = "bench",
                                .question = "",
                                .targets = "{}",
                                .defaults = "{}",
                                .command = "latent bench",
                                .sources = &source,
                                .n_sources = 1,
                                .git_commit = "",
                                .git_diff_hex = ""};
    int64_t sweep = 0;
    int n = 0;

    LT_TRY(lt_store_put_source(s->store, "", 0, source.hex, err));
    return lt_store_queue(s->store, &spec, &item, 1, false, &sweep, &n, err);
}

static lt_status scratch_open(scratch *s, lt_err *err)
{
    const char *parent = getenv("TMPDIR");
    lt_run_env env = {.threads = 1};
    char path[600];

    *s = (scratch){0};
    snprintf(s->dir, sizeof s->dir, "%s/latent-bench-XXXXXX",
             parent && *parent && strlen(parent) < 400 ? parent : "/tmp");
    if (!mkdtemp(s->dir)) {
        lt_err_set(err, LT_EIO, "%s: cannot make a folder", s->dir);
        s->dir[0] = '\0';
        return LT_EIO;
    }
    snprintf(path, sizeof path, "%s/latent.db", s->dir);
    LT_TRY(lt_store_open(path, LT_STORE_CREATE, &s->store, err));
    LT_TRY(scratch_queue(s, err));
    lt_host_describe(&env.host);
    LT_TRY(lt_claim_next(s->store, 0, &env, &s->claim, err));
    return lt_recorder_new(s->claim, &s->recorder, err);
}

static int remove_entry(const char *path, const struct stat *status, int flag,
                        struct FTW *where)
{
    (void)status;
    (void)flag;
    (void)where;
    (void)remove(path);
    return 0;
}

/* The recorder's and the run's end; errors count, `err` may have one already.
 */
static lt_status scratch_end(scratch *s, lt_err *err)
{
    lt_status closed = LT_OK, ended = LT_OK;

    if (s->recorder)
        closed = lt_recorder_close(s->recorder, err);
    s->recorder = NULL;
    if (s->claim)
        ended = lt_claim_end(s->claim, LT_RUN_FINISHED, "", err);
    s->claim = NULL;
    return closed != LT_OK ? closed : ended;
}

static void scratch_remove(scratch *s)
{
    lt_err ignored = {0};

    (void)scratch_end(s, &ignored);
    lt_store_close(s->store);
    if (s->dir[0])
        (void)nftw(s->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- logging ---- */

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static lt_status logging_turns(const lt_bench_case *c, const lt_observer *o,
                               double seconds, lt__logging *out, lt_err *err)
{
    double plain[TURNS], logged[TURNS];

    for (int i = 0; i < TURNS; i++) {
        lt_bench_opts opts = {.threads = 1, .seconds = seconds / TURNS / 2};
        lt_bench_result r;

        LT_TRY(lt_bench_run(c, &opts, &r, err));
        plain[i] = r.step_ms;
        opts.observer = o;
        LT_TRY(lt_bench_run(c, &opts, &r, err));
        logged[i] = r.step_ms;
    }
    qsort(plain, TURNS, sizeof *plain, double_compare);
    qsort(logged, TURNS, sizeof *logged, double_compare);
    *out = (lt__logging){plain[TURNS / 2], logged[TURNS / 2]};
    return LT_OK;
}

lt_status lt__bench_logging(const char *name, double seconds, lt__logging *out,
                            lt_err *err)
{
    const lt_bench_case *c = lt_bench_find(name);
    lt_status rc;
    scratch s;

    if (!c)
        return lt_err_set(err, LT_EINVAL, "no network \"%s\"", name);
    rc = scratch_open(&s, err);
    if (rc == LT_OK)
        rc = logging_turns(c, lt_recorder_observer(s.recorder), seconds, out,
                           err);
    scratch_remove(&s);
    return rc;
}

/* ---- recording ---- */

static lt_status rows_record(scratch *s, int rows, lt_err *err)
{
    static const char *const names[SERIES] = {
        "train.loss", "train.sse", "test.loss", "test.sse", "step.loss",
        "a.sse",      "b.sse",     "c.sse",     "d.sse",    "e.sse"};
    const lt_observer *o = lt_recorder_observer(s->recorder);

    for (int i = 0; i < rows; i++) {
        int64_t step = i / SERIES;

        LT_TRY(lt_observe_metric(o, names[i % SERIES], step, (double)step / 600,
                                 1.0 / (1 + i), err));
    }
    return scratch_end(s, err);
}

lt_status lt__bench_recording(int rows, double *seconds, lt_err *err)
{
    lt_status rc;
    scratch s;

    rc = scratch_open(&s, err);
    if (rc == LT_OK) {
        double began = lt_clock_elapsed();

        rc = rows_record(&s, rows, err);
        *seconds = lt_clock_elapsed() - began;
    }
    scratch_remove(&s);
    return rc;
}

/* ---- checkpoints ---- */

static lt_status snapshot_once(const scratch *s, const lt_snapshot *snapshot,
                               double *ms, lt_err *err)
{
    char path[600];
    double began = lt_clock_elapsed();
    lt_counts counts = {0};
    lt_status rc;

    snprintf(path, sizeof path, "%s/checkpoint", s->dir);
    LT_TRY(lt_observe_metric(lt_recorder_observer(s->recorder), "train.loss", 1,
                             1, 1, err));
    rc = lt_recorder_settle(s->recorder, &counts, err);
    lt_counts_deinit(&counts);
    if (rc == LT_OK)
        rc = lt_snapshot_write(snapshot, "{}", path, err);
    *ms = 1000 * (lt_clock_elapsed() - began);
    return rc;
}

static lt_status snapshots_time(size_t n, double *ms, lt_err *err)
{
    float *numbers = lt_mem_zero(n, sizeof *numbers);
    lt_snapshot snapshot = {0};
    double each[TURNS];
    scratch s = {0};
    lt_status rc = numbers ? scratch_open(&s, err) : LT_ENOMEM;

    if (numbers)
        LT_SNAPSHOT_ADD(&snapshot, "net", "params", numbers, n);
    for (int i = 0; rc == LT_OK && i < TURNS; i++)
        rc = snapshot_once(&s, &snapshot, &each[i], err);
    if (rc == LT_OK) {
        qsort(each, TURNS, sizeof *each, double_compare);
        *ms = each[TURNS / 2];
    }
    if (numbers)
        scratch_remove(&s);
    lt_mem_free(numbers);
    return lt_err_mark(err, rc);
}

lt_status lt__bench_checkpoint(const char *name, lt__checkpointing *out,
                               lt_err *err)
{
    const lt_bench_case *c = lt_bench_find(name);
    const lt_bench_opts opts = {
        .threads = 1, .seconds = 0.5, .is_throughput = true};
    lt_bench_result r;

    if (!c)
        return lt_err_set(err, LT_EINVAL, "no network \"%s\"", name);
    LT_TRY(lt_bench_run(c, &opts, &r, err));
    out->step_ms = 1000 * c->batch / r.examples_per_second;
    out->megabytes = 3e-6 * (double)r.parameters * sizeof(float);
    return snapshots_time(3 * r.parameters, &out->ms, err);
}
