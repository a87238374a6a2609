/* What a sweep is expected to write, and being asked before it is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/books.h"
#include "store_help.h"

#define LEAST ((int64_t)64 << 20)

/* A file of the run that has `bytes` bytes, as an artifact of that kind. */
static void put_file(place *p, lt_claim *claim, const char *kind, size_t bytes)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", lt_claim_dir(claim), kind);
    f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < bytes; i++)
        fputc('x', f);
    fclose(f);
    EXPECT_OK(p, lt_claim_artifact(claim, kind, kind, path, &p->err));
}

static void execute(place *p, int values, size_t network, size_t figure)
{
    lt_claim *claim = place_claim(p);
    lt_recorder *r = recorder_on(p, claim);

    for (int i = 0; i < values; i++)
        record(r, "x", i, i);
    lt_recorder_close(r, &p->err);
    if (network)
        put_file(p, claim, "network", network);
    if (figure)
        put_file(p, claim, "figure", figure);
    EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
}

static void nothing_known_is_a_little(void **state)
{
    lt_space space = {0};
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt_store_expect(p.store, "test", 1000, &space, &p.err));
    assert_int_equal(space.needed, LEAST);
    assert_int_equal(space.runs, 1000);
    assert_int_equal(space.known, 0);
    assert_true(space.free > 0 && space.free <= space.all);
    EXPECT_OK(
        &p, lt_store_expect_sweep(p.store, 0, LT_REQUEUE_CUT, &space, &p.err));
    assert_int_equal(space.runs, 1000);
    place_close(&p);
}

/* 200 and 400 values, networks of 1000 bytes, one figure of 500. */
static void finished_runs_tell(void **state)
{
    lt_space space = {0};
    lt_host here;
    place p;
    int n_checkpoints;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    execute(&p, 200, 1000, 0);
    execute(&p, 400, 1000, 500);
    lt_host_describe(&here);
    n_checkpoints = here.cores < 10 ? here.cores : 10;
    EXPECT_OK(&p, lt_store_expect(p.store, "test", 10, &space, &p.err));
    assert_int_equal(space.known, 10);
    assert_int_equal(space.needed, LEAST + 10 * (2048 + 31 * 300 + 1500) +
                                       3 * 1000 * n_checkpoints);
    EXPECT_OK(&p, lt_store_expect(p.store, "other", 5, &space, &p.err));
    assert_int_equal(space.runs, 15);
    assert_int_equal(space.known, 10);
    /* Weights that were freed count as they were for the runs that have some.
     */
    EXPECT_OK(&p, lt_store_free_artifact(p.store, 1, "network", &p.err));
    space = (lt_space){0};
    EXPECT_OK(&p, lt_store_expect(p.store, "test", 1, &space, &p.err));
    assert_int_equal(space.needed, LEAST + 2048 + 31 * 300 + 1500 + 3 * 1000);
    place_close(&p);
}

static void only_what_would_be_executed_counts(void **state)
{
    static const char *const statuses[] = {"queued", "lost",     "interrupted",
                                           "failed", "diverged", "running"};
    static const int64_t one[] = {1};
    char sql[96];
    lt_space space = {0};
    place p;
    int n = 0;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 6);
    place_queue_many(&p, 1);
    for (int i = 0; i < 6; i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE run SET status = '%s' WHERE id = %d RETURNING 1",
                 statuses[i], i + 1);
        EXPECT_SQL(&p, sql, "1");
    }
    EXPECT_OK(
        &p, lt_store_expect_sweep(p.store, 1, LT_REQUEUE_CUT, &space, &p.err));
    assert_int_equal(space.runs, 3);
    EXPECT_OK(&p, lt_store_expect_sweep(p.store, 0, LT_REQUEUE_FAILED, &space,
                                        &p.err));
    assert_int_equal(space.runs, 3 + 4);
    EXPECT_OK(&p, lt_store_remove(p.store, one, 1, &n, &p.err));
    space = (lt_space){0};
    EXPECT_OK(
        &p, lt_store_expect_sweep(p.store, 1, LT_REQUEUE_CUT, &space, &p.err));
    assert_int_equal(space.runs, 2);
    place_close(&p);
}

typedef struct answer {
    lt_status status;
    int n_asked, n_runs;
} answer;

static lt_status allow(void *self, lt_store *store, const char *experiment,
                       int n_runs, lt_err *err)
{
    lt_space space = {0};
    answer *a = self;

    a->n_asked++;
    a->n_runs = n_runs;
    LT_TRY(lt_store_expect(store, experiment, n_runs, &space, err));
    return a->status == LT_OK ? LT_OK
                              : lt_err_set(err, a->status, "the disk is full");
}

/* By `needed` one of the two is left out. */
static lt_status queue(place *p, answer *a, bool needed, int *n)
{
    static const lt_queue_item items[] = {{"{\"code\":6}", 1, "{\"code\":6}"},
                                          {"{\"code\":8}", 1, "{\"code\":8}"}};
    lt_source_ref source = {.path = "experiments/test.lua"};
    lt_sweep_spec spec = {.experiment = "test",
                          .question = "",
                          .targets = "{}",
                          .defaults = "{}",
                          .command = "",
                          .sources = &source,
                          .n_sources = 1,
                          .git_commit = "",
                          .git_diff_hex = "",
                          .allow = allow,
                          .allow_self = a};
    int64_t sweep = 0;

    EXPECT_OK(p, lt_store_put_source(p->store, "test", 4, source.hex, &p->err));
    return lt_store_queue(p->store, &spec, items, 2, needed, &sweep, n,
                          &p->err);
}

static void sweep_is_stored_only_if_allowed(void **state)
{
    answer a = {.status = LT_EIO};
    place p;
    int n = 0;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    execute(&p, 1, 0, 0);
    assert_int_equal(queue(&p, &a, false, &n), LT_EIO);
    assert_int_equal(a.n_runs, 2);
    EXPECT_TEXT(p.err.text, "the disk is full");
    EXPECT_SQL(&p, "SELECT count(*) || (SELECT count(*) FROM sweep) FROM run",
               "11");
    assert_int_equal(queue(&p, &a, true, &n), LT_EIO);
    assert_int_equal(a.n_runs, 1);
    a.status = LT_OK;
    assert_int_equal(queue(&p, &a, true, &n), LT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(a.n_asked, 3);
    EXPECT_SQL(&p, "SELECT count(*) || (SELECT count(*) FROM sweep) FROM run",
               "22");
    place_close(&p);
}

static void expecting_fails_cleanly_without_memory(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    execute(&p, 1, 10, 0);
    place_queue_many(&p, 2);
    for (int i = 0;; i++) {
        lt_space space = {0};
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_expect_sweep(p.store, 0, LT_REQUEUE_CUT, &space, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_int_equal(space.runs, 2);
            assert_true(i > 0);
            break;
        }
        assert_int_equal(rc, LT_ENOMEM);
    }
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_a_little),
        cmocka_unit_test(finished_runs_tell),
        cmocka_unit_test(only_what_would_be_executed_counts),
        cmocka_unit_test(sweep_is_stored_only_if_allowed),
        cmocka_unit_test(expecting_fails_cleanly_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
