/* Runs that are removed: hidden from every reader and from the queue, and
 * brought back as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/books.h"
#include "store_help.h"

/* Runs 1 and 2 finished with x = 5 and 3, run 3 failed, run 4 is queued. */
static void four_runs(place *p)
{
    static const char *const configs[] = {"{\"code\":2,\"seed\":1}",
                                          "{\"code\":4,\"seed\":1}",
                                          "{\"code\":6,\"seed\":1}", "{}"};
    static const double values[] = {5, 3};

    place_open(p);
    place_queue(p, "test", configs, 4);
    for (int i = 0; i < 3; i++) {
        lt_claim *claim = place_claim(p);
        lt_recorder *r = recorder_on(p, claim);

        if (i < 2)
            record(r, "x", 1, values[i]);
        lt_recorder_close(r, &p->err);
        EXPECT_OK(p, lt_claim_tag(claim, "seen", &p->err));
        EXPECT_OK(p,
                  lt_claim_end(claim, i < 2 ? LT_RUN_FINISHED : LT_RUN_FAILED,
                               "the end", &p->err));
    }
}

static int change(place *p, bool back, int64_t run)
{
    int n = -1;

    EXPECT_OK(p, back ? lt_store_restore(p->store, &run, 1, &n, &p->err)
                      : lt_store_remove(p->store, &run, 1, &n, &p->err));
    return n;
}

/* The ids of the runs that match, as "1 2 4". */
static const char *matching(place *p, const char *text)
{
    static char out[64];
    lt_filter *f = NULL;
    int64_t *ids = NULL;
    int n = 0;

    EXPECT_OK(p, lt_filter_compile(p->store, text, &f, &p->err));
    EXPECT_OK(p, lt_filter_runs(f, &ids, &n, &p->err));
    out[0] = '\0';
    for (int i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%lld",
                 i ? " " : "", (long long)ids[i]);
    lt_mem_free(ids);
    lt_filter_free(f);
    return out;
}

/* "code:4" for a knob that four runs have, "code:4!" when it differs. */
static const char *knobs(place *p)
{
    static char out[128];
    lt_filter *f = NULL;
    lt_query *q = NULL;
    bool row = true;

    EXPECT_OK(p, lt_filter_compile(p->store, NULL, &f, &p->err));
    EXPECT_OK(p, lt_filter_keys(f, &q, &p->err));
    out[0] = '\0';
    for (;;) {
        lt_value key, differs, n;

        EXPECT_OK(p, lt_query_next(q, &row, &p->err));
        if (!row)
            break;
        lt_query_value(q, 0, &key);
        lt_query_value(q, 1, &differs);
        lt_query_value(q, 2, &n);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s:%lld%s ",
                 key.text, (long long)n.integer, differs.integer ? "!" : "");
    }
    lt_query_close(q);
    lt_filter_free(f);
    return out;
}

static int64_t find(place *p, const char *text)
{
    int64_t run = 0;

    p->err = (lt_err){0};
    return lt_store_find_run(p->store, text, &run, &p->err) == LT_OK ? run : 0;
}

static void removed_run_is_in_no_view_filter_or_count(void **state)
{
    int counts[LT_RUN_STATUS_COUNT];
    place p;

    (void)state;
    four_runs(&p);
    assert_string_equal(knobs(&p), "code:3! seed:3! ");
    assert_int_equal(change(&p, false, 2), 1);
    assert_int_equal(change(&p, false, 2), 0);
    EXPECT_SQL(&p,
               "SELECT (SELECT count(*) FROM runs) || (SELECT count(*) FROM"
               " metrics) || (SELECT count(*) FROM finals) || (SELECT count(*)"
               " FROM tags) || (SELECT runs || finished FROM sweeps)",
               "311231");
    EXPECT_SQL(&p, "SELECT count(*) FROM params WHERE run = 2", "0");
    EXPECT_SQL(&p,
               "SELECT id || name = (SELECT id || name FROM run WHERE id ="
               " 2) FROM removed_runs",
               "1");
    assert_string_equal(matching(&p, NULL), "1 3 4");
    assert_string_equal(matching(&p, "code>=4"), "3");
    assert_string_equal(knobs(&p), "code:2! seed:2! ");
    EXPECT_OK(&p, lt_store_sweep_counts(p.store, 1, counts, &p.err));
    assert_int_equal(counts[LT_RUN_FINISHED], 1);
    EXPECT_OK(&p, lt_store_sweep_counts(p.store, 0, counts, &p.err));
    assert_int_equal(counts[LT_RUN_FINISHED], 1);
    lt_store_show_removed(p.store, true);
    assert_string_equal(matching(&p, NULL), "2");
    assert_string_equal(matching(&p, "code>=4 and status=finished"), "2");
    assert_string_equal(matching(&p, "code=6"), "");
    assert_string_equal(knobs(&p), "code:1 seed:1 ");
    lt_store_show_removed(p.store, false);
    assert_int_equal(change(&p, true, 2), 1);
    assert_int_equal(change(&p, true, 2), 0);
    assert_string_equal(matching(&p, NULL), "1 2 3 4");
    EXPECT_SQL(&p, "SELECT value FROM metrics WHERE run = 2", "3.0");
    place_close(&p);
}

static void removed_run_is_found_by_no_name(void **state)
{
    char name[16];
    place p;

    (void)state;
    four_runs(&p);
    snprintf(name, sizeof name, "%s",
             place_ask(&p, "SELECT name FROM runs WHERE id = 2"));
    assert_int_equal(find(&p, "@best(x)"), 2);
    assert_int_equal(find(&p, "@last"), 3);
    assert_int_equal(find(&p, name), 2);
    assert_int_equal(change(&p, false, 2), 1);
    assert_int_equal(change(&p, false, 3), 1);
    assert_int_equal(find(&p, "@best(x)"), 1);
    assert_int_equal(find(&p, "@last"), 1);
    assert_int_equal(find(&p, name), 0);
    EXPECT_TEXT(p.err.text, "run 2 was removed; latent restore 2");
    assert_int_equal(find(&p, "2"), 0);
    EXPECT_TEXT(p.err.text, "run 2 was removed");
    assert_int_equal(find(&p, "77"), 0);
    EXPECT_TEXT(p.err.text, "no run '77'");
    lt_store_show_removed(p.store, true);
    assert_int_equal(find(&p, name), 2);
    assert_int_equal(find(&p, "2"), 2);
    assert_int_equal(find(&p, "@last"), 3); /* the larger id of one moment */
    assert_int_equal(find(&p, "@best(x)"), 2);
    assert_int_equal(find(&p, "1"), 0);
    EXPECT_TEXT(p.err.text, "no removed run '1'");
    place_close(&p);
}

static void removed_run_is_not_executed(void **state)
{
    lt_run_env env = {.threads = 1};
    lt_claim *claim = NULL;
    place p;
    int n = -1;

    (void)state;
    four_runs(&p);
    assert_int_equal(change(&p, false, 4), 1);
    assert_int_equal(change(&p, false, 3), 1);
    lt_host_describe(&env.host);
    assert_int_equal(lt_claim_next(p.store, 0, &env, &claim, NULL),
                     LT_ENOTFOUND);
    assert_int_equal(lt_claim_next(p.store, 1, &env, &claim, NULL),
                     LT_ENOTFOUND);
    EXPECT_OK(&p, lt_store_requeue(p.store, 0, LT_REQUEUE_FAILED, &n, &p.err));
    assert_int_equal(n, 0);
    assert_int_equal(change(&p, true, 4), 1);
    assert_int_equal(change(&p, true, 3), 1);
    EXPECT_OK(&p, lt_store_requeue(p.store, 0, LT_REQUEUE_FAILED, &n, &p.err));
    assert_int_equal(n, 1);
    claim = place_claim(&p);
    assert_int_equal(lt_claim_run(claim), 3);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* `needed` does not count on what was removed. */
static void removed_run_is_needed_again(void **state)
{
    lt_queue_item item = {"{\"code\":2,\"seed\":1}", 1,
                          "{\"code\":2,\"seed\":1}"};
    lt_source_ref source = {.path = "experiments/test.lua"};
    lt_sweep_spec spec = {
        .experiment = "test", .sources = &source, .n_sources = 1};
    bool done = false;
    place p;

    (void)state;
    four_runs(&p);
    EXPECT_OK(&p, lt_store_put_source(p.store, "test", 4, source.hex, &p.err));
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &item, &done, &p.err));
    assert_true(done);
    change(&p, false, 1);
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &item, &done, &p.err));
    assert_false(done);
    change(&p, true, 1);
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &item, &done, &p.err));
    assert_true(done);
    place_close(&p);
}

static void run_that_lives_is_not_removed(void **state)
{
    static const int64_t all[] = {1, 2, 3, 4};
    lt_claim *claim;
    place p;
    int n = -1;

    (void)state;
    four_runs(&p);
    claim = place_claim(&p);
    assert_int_equal(lt_store_remove(p.store, all, 4, &n, &p.err), LT_EBUSY);
    EXPECT_TEXT(p.err.text, "a run is being executed: run 4 (");
    EXPECT_SQL(&p, "SELECT count(*) FROM removed", "0");
    /* Written off by another host, but its lock is held. */
    EXPECT_SQL(&p, "UPDATE run SET status = 'lost' WHERE id = 4 RETURNING 1",
               "1");
    assert_int_equal(lt_store_remove(p.store, all, 4, &n, &p.err), LT_EBUSY);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_INTERRUPTED, "", &p.err));
    EXPECT_OK(&p, lt_store_remove(p.store, all, 4, &n, &p.err));
    assert_int_equal(n, 4);
    EXPECT_SQL(&p, "SELECT count(DISTINCT at) FROM removed", "1");
    place_close(&p);
}

static void runs_that_are_not_there_change_nothing(void **state)
{
    static const int64_t some[] = {1, 99};
    place p;
    int n = -1;

    (void)state;
    four_runs(&p);
    assert_int_equal(lt_store_remove(p.store, some, 2, &n, &p.err),
                     LT_ENOTFOUND);
    EXPECT_TEXT(p.err.text, "no run 99");
    EXPECT_SQL(&p, "SELECT count(*) FROM removed", "0");
    change(&p, false, 1);
    assert_int_equal(lt_store_restore(p.store, some, 2, &n, &p.err),
                     LT_ENOTFOUND);
    EXPECT_SQL(&p, "SELECT count(*) FROM removed", "1");
    place_close(&p);
}

/* A store of schema 1 opened for reading has no table of removed runs. */
static void old_store_has_no_removed_runs(void **state)
{
    char command[256];
    place p;

    (void)state;
    place_open(&p);
    lt_store_close(p.store);
    p.store = NULL;
    snprintf(command, sizeof command,
             "rm -f %s*; cp %s/tests/stores/schema1.db %s", p.path,
             LATENT_SOURCE_DIR, p.path);
    assert_int_equal(system(command), 0);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    assert_true(strlen(matching(&p, NULL)) > 0);
    assert_int_equal(find(&p, "1"), 1);
    assert_int_equal(find(&p, "99"), 0);
    assert_true(strlen(knobs(&p)) > 0);
    lt_store_show_removed(p.store, true);
    assert_string_equal(matching(&p, NULL), "");
    assert_string_equal(matching(&p, "id>0"), "");
    assert_string_equal(knobs(&p), "");
    assert_int_equal(find(&p, "1"), 0);
    assert_int_equal(find(&p, "@last"), 0);
    place_close(&p);
}

static void removing_without_memory_changes_nothing(void **state)
{
    static const int64_t all[] = {1, 2, 3, 4};
    lt_claim *claim;
    place p;
    int n = -1, i;

    (void)state;
    four_runs(&p);
    claim = place_claim(&p);
    for (i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_remove(p.store, all, 4, &n, &p.err);
        lt_mem_fail_after(-1);
        EXPECT_SQL(&p, "SELECT count(*) FROM removed", "0");
        if (rc == LT_EBUSY)
            break;
        assert_int_equal(rc, LT_ENOMEM);
    }
    assert_true(i > 4);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    for (i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_remove(p.store, all, 4, &n, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
        EXPECT_SQL(&p, "SELECT count(*) FROM removed", "0");
    }
    assert_int_equal(n, 4);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_run_is_in_no_view_filter_or_count),
        cmocka_unit_test(removed_run_is_found_by_no_name),
        cmocka_unit_test(removed_run_is_not_executed),
        cmocka_unit_test(removed_run_is_needed_again),
        cmocka_unit_test(run_that_lives_is_not_removed),
        cmocka_unit_test(runs_that_are_not_there_change_nothing),
        cmocka_unit_test(old_store_has_no_removed_runs),
        cmocka_unit_test(removing_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
