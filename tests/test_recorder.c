/* Metrics: nothing lost, nothing changed, summaries that agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "latent/base/rng.h"
#include "store_help.h"

#include <math.h>
#include <stdio.h>

static void recorder_round_trips_all_kinds_of_value(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 5, 0.1);
    record(r, "x", 6, NAN);
    record(r, "x", 7, INFINITY);
    record(r, "x", 8, -INFINITY);
    record(r, "x", 8, 5e-324);
    record(r, "bad", 1, NAN);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p,
               "SELECT group_concat(kind || '@' || step) FROM metrics"
               " WHERE name = 'x'",
               "finite@5,nan@6,+inf@7,-inf@8,finite@8");
    EXPECT_SQL(&p,
               "SELECT value = 0.1 AND epoch = 0.5 AND elapsed >= 0 AND"
               " at >= (SELECT started_at FROM runs) AND at GLOB '20*T*Z'"
               " FROM metrics WHERE step = 5",
               "1");
    EXPECT_SQL(&p, "SELECT value FROM metrics WHERE step = 6", "NULL");
    EXPECT_SQL(&p, "SELECT value = 9e999 FROM metrics WHERE step = 7", "1");
    EXPECT_SQL(&p,
               "SELECT n || ' ' || nonfinite || ' ' || bad_step || ' ' ||"
               " first || ' ' || last_kind || ' ' || min_step || ' ' ||"
               " max_step FROM finals WHERE name = 'x'",
               "5 3 6 0.1 finite 8 5");
    EXPECT_SQL(&p,
               "SELECT last IS NULL AND min IS NULL AND max_step IS NULL"
               " AND last_kind = 'nan' FROM finals WHERE name = 'bad'",
               "1");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* finals as recomputed from metrics, by other means than the recorder's. */
static void expect_summaries_agree(place *p)
{
    EXPECT_SQL(
        p,
        "WITH m AS (SELECT * FROM metrics), again AS (SELECT run, name,"
        " count(*) AS n,"
        " (SELECT value FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  ORDER BY seq DESC LIMIT 1) AS last,"
        " (SELECT step FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  ORDER BY seq DESC LIMIT 1) AS last_step,"
        " min(value) FILTER (WHERE kind = 'finite') AS min,"
        " (SELECT step FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  AND kind = 'finite' ORDER BY value, seq LIMIT 1) AS min_step,"
        " max(value) FILTER (WHERE kind = 'finite') AS max,"
        " (SELECT step FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  AND kind = 'finite' ORDER BY value DESC, seq LIMIT 1) AS max_step,"
        " count(*) FILTER (WHERE kind != 'finite') AS nonfinite,"
        " (SELECT value FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  ORDER BY seq LIMIT 1) AS first,"
        " (SELECT min(step) FROM m b WHERE b.run = a.run AND b.name = a.name"
        "  AND kind != 'finite') AS bad_step"
        " FROM m a GROUP BY run, name)"
        " SELECT count(*) FROM (SELECT * FROM again EXCEPT SELECT run, name, n,"
        "  last, last_step, min, min_step, max, max_step, nonfinite, first,"
        "  bad_step FROM finals)",
        "0");
}

static void recorder_summary_equals_recomputation(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    char name[32];
    lt_rng rng;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    lt_rng_init(&rng, 5, "test");
    for (int i = 0; i < 3000; i++) {
        double x = lt_rng_normal(&rng);

        if (i % 1000 == 500) /* several flushes */
            EXPECT_OK(&p, lt_recorder_flush(r, &p.err));
        snprintf(name, sizeof name, "m%d", (int)lt_rng_below(&rng, 40));
        record(r, name, i, i % 97 == 0 ? NAN : i % 89 == 0 ? INFINITY : x);
    }
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "3000");
    EXPECT_SQL(&p, "SELECT count(*) FROM finals", "40");
    EXPECT_SQL(&p, "SELECT sum(n) FROM finals", "3000");
    expect_summaries_agree(&p);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void recorder_keeps_every_point_in_order(void **state)
{
    enum { N = 20000 };
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    for (int i = 0; i < N; i++)
        record(r, i % 3 ? "a" : "b", 7, i); /* steps that repeat */
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "20000");
    EXPECT_SQL(&p,
               "SELECT count(*) FROM (SELECT value,"
               " lag(value) OVER (PARTITION BY name ORDER BY seq) AS before"
               " FROM metrics) WHERE before >= value",
               "0");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void recorder_goes_on_where_an_earlier_claim_stopped(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    for (int round = 0; round < 2; round++) {
        claim = place_claim(&p);
        r = recorder_on(&p, claim);
        record(r, "x", 1, round == 0 ? 4 : NAN);
        record(r, "x", 2, round == 0 ? 2 : 3);
        EXPECT_OK(&p, lt_recorder_close(r, &p.err));
        EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_INTERRUPTED, "", &p.err));
        EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                                "UPDATE run SET status = 'queued'", ""));
    }
    EXPECT_SQL(&p,
               "SELECT n || ' ' || min || ' ' || max || ' ' || first ||"
               " ' ' || last || ' ' || bad_step FROM finals",
               "4 2.0 4.0 4.0 3.0 1");
    expect_summaries_agree(&p);
    place_close(&p);
}

static void recorder_survives_a_full_disk(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 0, 1);
    EXPECT_OK(&p, lt_recorder_flush(r, &p.err));
    place_ask(&p, "PRAGMA max_page_count = 1");
    for (int i = 1; i < 9000; i++)
        record(r, i % 2 ? "x" : "y", i, i);
    assert_int_equal(lt_recorder_flush(r, &p.err), LT_ESTORE);
    EXPECT_TEXT(p.err.text, "full");
    EXPECT_SQL(&p, "SELECT n FROM finals", "1");
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "1");
    place_ask(&p, "PRAGMA max_page_count = 1000000");
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "9000");
    expect_summaries_agree(&p);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_SQL(&p, "SELECT message FROM runs", "");
    place_close(&p);
}

static void recorder_tells_what_was_lost_in_the_message(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim_without_side_file(&p);
    r = recorder_on(&p, claim);
    place_ask(&p, "PRAGMA max_page_count = 1");
    for (int i = 0; i < 9000; i++)
        record(r, "x", i, i);
    assert_int_equal(lt_recorder_close(r, &p.err), LT_ESTORE);
    EXPECT_TEXT(p.err.text, "9000 metric values");
    place_ask(&p, "PRAGMA max_page_count = 1000000");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "fine", &p.err));
    EXPECT_TEXT(place_ask(&p, "SELECT message FROM runs"),
                "fine; 9000 metric values were lost: ");
    place_close(&p);
}

static void loss_that_the_message_tells_is_told_once(void **state)
{
    char message[1024];
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim_without_side_file(&p);
    r = recorder_on(&p, claim);
    place_ask(&p, "PRAGMA max_page_count = 1");
    for (int i = 0; i < 9000; i++)
        record(r, "x", i, i);
    assert_int_equal(lt_recorder_close(r, &p.err), LT_ESTORE);
    snprintf(message, sizeof message, "%s", p.err.text);
    place_ask(&p, "PRAGMA max_page_count = 1000000");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FAILED, message, &p.err));
    assert_string_equal(place_ask(&p, "SELECT message FROM runs"), message);
    place_close(&p);
}

static void recorder_open_at_the_end_is_flushed(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 1, 1);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_INTERRUPTED, "", &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "1");
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    place_close(&p);
}

static void recorder_without_memory_loses_values_not_the_run(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    for (int i = 0; i < 3; i++) {
        r = NULL;
        lt_mem_fail_after(i);
        if (lt_recorder_new(claim, &r, NULL) == LT_OK)
            break;
        assert_null(r);
    }
    assert_non_null(r);
    lt_mem_fail_after(0);
    record(r, "x", 1, 1);
    lt_mem_fail_after(-1);
    record(r, "x", 2, 2);
    assert_int_equal(lt_recorder_close(r, &p.err), LT_ENOMEM);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "1");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_TEXT(place_ask(&p, "SELECT message FROM runs"),
                "1 metric values were lost");
    place_close(&p);
}

/* One of eight writers: claims, logs, ends. */
static int write_beside_others(const char *path, int n)
{
    lt_run_env env = {.threads = 1};
    lt_store *s = NULL;
    lt_claim *claim = NULL;
    lt_recorder *r = NULL;
    lt_err err = {0};
    lt_status rc = lt_store_open(path, LT_STORE_WRITE, &s, &err);

    lt_host_describe(&env.host);
    if (rc == LT_OK)
        rc = lt_claim_next(s, 0, &env, &claim, &err);
    if (rc == LT_OK)
        rc = lt_recorder_new(claim, &r, &err);
    for (int i = 0; rc == LT_OK && i < n; i++) {
        lt_observe_metric(lt_recorder_observer(r), "x", i, 0, i, NULL);
        if (i % 50 == 49)
            rc = lt_recorder_flush(r, &err);
    }
    if (rc == LT_OK)
        rc = lt_recorder_close(r, &err);
    if (rc == LT_OK)
        rc = lt_claim_end(claim, LT_RUN_FINISHED, "", &err);
    lt_store_close(s);
    if (rc != LT_OK)
        fprintf(stderr, "writer: %s\n", err.text);
    return rc == LT_OK ? 0 : 1;
}

static void recorder_eight_processes_write_at_once(void **state)
{
    pid_t pids[8];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 8);
    lt_store_close(p.store);
    p.store = NULL;
    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(write_beside_others(p.path, 2000));
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(child_status(pids[i]), 0);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "16000");
    EXPECT_SQL(&p,
               "SELECT count(*) FROM runs WHERE status = 'finished'"
               " AND message = ''",
               "8");
    expect_summaries_agree(&p);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorder_round_trips_all_kinds_of_value),
        cmocka_unit_test(recorder_summary_equals_recomputation),
        cmocka_unit_test(recorder_keeps_every_point_in_order),
        cmocka_unit_test(recorder_goes_on_where_an_earlier_claim_stopped),
        cmocka_unit_test(recorder_survives_a_full_disk),
        cmocka_unit_test(recorder_tells_what_was_lost_in_the_message),
        cmocka_unit_test(loss_that_the_message_tells_is_told_once),
        cmocka_unit_test(recorder_open_at_the_end_is_flushed),
        cmocka_unit_test(recorder_without_memory_loses_values_not_the_run),
        cmocka_unit_test(recorder_eight_processes_write_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
