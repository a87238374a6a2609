/* Runs that go on: back into the queue, back to a checkpoint's counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/path.h"
#include "latent/base/rng.h"
#include "store_help.h"

#include <math.h>

static void end_as(place *p, lt_claim *claim, lt_run_status status,
                   const char *message)
{
    EXPECT_OK(p, lt_claim_end(claim, status, message, &p->err));
}

static int requeue(place *p, int64_t sweep, lt_requeue which)
{
    int n = -1;

    EXPECT_OK(p, lt_store_requeue(p->store, sweep, which, &n, &p->err));
    return n;
}

/* ---- back into the queue ---- */

/* Runs 1 to 6: finished, lost, interrupted, failed, diverged, queued. */
static void make_ends(place *p)
{
    static const lt_run_status ends[] = {LT_RUN_FINISHED, LT_RUN_LOST,
                                         LT_RUN_INTERRUPTED, LT_RUN_FAILED,
                                         LT_RUN_DIVERGED};
    static const char *const messages[] = {"", "killed by signal 9",
                                           "interrupted", "a.lua:3: no\nstack",
                                           "loss is nan"};

    place_queue_many(p, 6);
    for (int i = 0; i < 5; i++)
        end_as(p, place_claim(p), ends[i], messages[i]);
}

static void requeue_takes_what_was_cut_off(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    make_ends(&p);
    assert_int_equal(requeue(&p, 0, LT_REQUEUE_CUT), 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "finished,queued,queued,failed,diverged,queued");
    EXPECT_SQL(
        &p,
        "SELECT group_concat(message) || count(started_at) ||"
        " count(ended_at) || count(seconds) FROM runs WHERE id IN (2, 3)",
        "killed by signal 9,interrupted222");
    EXPECT_SQL(&p, "SELECT group_concat(run || text, '|') FROM notes",
               "2lost: killed by signal 9; queued again|"
               "3interrupted; queued again");
    assert_int_equal(requeue(&p, 0, LT_REQUEUE_CUT), 0);
    EXPECT_SQL(&p, "SELECT count(*) FROM notes", "2");
    place_close(&p);
}

static void requeue_lets_failed_runs_begin_anew(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    make_ends(&p);
    assert_int_equal(requeue(&p, 1, LT_REQUEUE_FAILED), 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "finished,lost,interrupted,queued,queued,queued");
    EXPECT_SQL(&p,
               "SELECT group_concat(message, '') || count(started_at) ||"
               " count(ended_at) || count(seconds) || count(cpu_seconds)"
               " FROM runs WHERE id IN (4, 5)",
               "0000");
    EXPECT_SQL(&p, "SELECT group_concat(text, '|') FROM notes",
               "failed: a.lua:3: no; queued again|"
               "diverged: loss is nan; queued again");
    place_close(&p);
}

static void requeue_knows_sweeps(void **state)
{
    const char *config = "{\"code\":6}";
    int n = 7;
    place p;

    (void)state;
    place_open(&p);
    assert_int_equal(place_queue(&p, "a", &config, 1), 1);
    assert_int_equal(place_queue(&p, "b", &config, 1), 2);
    for (int i = 0; i < 2; i++)
        end_as(&p, place_claim(&p), LT_RUN_LOST, "");
    assert_int_equal(requeue(&p, 2, LT_REQUEUE_CUT), 1);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs", "lost,queued");
    assert_int_equal(lt_store_requeue(p.store, 3, LT_REQUEUE_CUT, &n, &p.err),
                     LT_ENOTFOUND);
    EXPECT_TEXT(p.err.text, "no sweep 3");
    assert_int_equal(n, 7);
    place_close(&p);
}

/* Said to be lost, by a mistake of another machine's; but it holds its lock. */
static void requeue_never_touches_a_live_run(void **state)
{
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    assert_int_equal(requeue(&p, 0, LT_REQUEUE_CUT), 0);
    assert_int_equal(requeue(&p, 0, LT_REQUEUE_FAILED), 0);
    EXPECT_SQL(&p, "SELECT status FROM runs", "running");
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(&p, lt__db_do(p.store, &p.err, "UPDATE run SET status = ?",
                                "t", i ? "failed" : "lost"));
        assert_int_equal(requeue(&p, 0, LT_REQUEUE_CUT), 0);
        assert_int_equal(requeue(&p, 0, LT_REQUEUE_FAILED), 0);
    }
    EXPECT_SQL(&p, "SELECT status || (SELECT count(*) FROM notes) FROM runs",
               "failed0");
    (void)lt_claim_end(claim, LT_RUN_FINISHED, "", NULL);
    assert_int_equal(requeue(&p, 0, LT_REQUEUE_FAILED), 1);
    place_close(&p);
}

static void requeue_without_memory_changes_nothing(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    make_ends(&p);
    for (int i = 0;; i++) {
        int n = 0;
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_requeue(p.store, 0, LT_REQUEUE_CUT, &n, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_int_equal(n, 2);
            assert_true(i > 0);
            break;
        }
        EXPECT_SQL(&p, "SELECT count(*) FROM runs WHERE status = 'queued'",
                   "1");
        EXPECT_SQL(&p, "SELECT count(*) FROM notes", "0");
    }
    place_close(&p);
}

/* ---- checkpoints in the run's folder ---- */

static void put_checkpoint(place *p, const lt_claim *claim)
{
    char path[200];

    snprintf(path, sizeof path, "%s/stages", lt_claim_dir(claim));
    EXPECT_OK(p, lt_path_make_dirs(path, &p->err));
    snprintf(path, sizeof path, "%s/stages/1", lt_claim_dir(claim));
    EXPECT_OK(p, lt_path_write(path, "x", 1, &p->err));
    snprintf(path, sizeof path, "%s/checkpoint", lt_claim_dir(claim));
    EXPECT_OK(p, lt_path_write(path, "x", 1, &p->err));
}

static bool has_checkpoint(const lt_claim *claim)
{
    char path[200];
    bool has_file, has_folder;

    snprintf(path, sizeof path, "%s/checkpoint", lt_claim_dir(claim));
    has_file = lt_path_exists(path);
    snprintf(path, sizeof path, "%s/stages", lt_claim_dir(claim));
    has_folder = lt_path_exists(path);
    assert_int_equal(has_file, has_folder);
    return has_file;
}

static void checkpoint_is_kept_to_go_on_and_removed_to_begin(void **state)
{
    lt_claim *claim;
    char path[200];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    /* What a store that was here before had left. */
    snprintf(path, sizeof path, "%s/runs/1/stages/1", p.dir);
    EXPECT_OK(&p, lt_path_make_dirs(path, &p.err));
    snprintf(path, sizeof path, "%s/runs/1/checkpoint", p.dir);
    EXPECT_OK(&p, lt_path_write(path, "old", 3, &p.err));
    claim = place_claim(&p);
    assert_false(has_checkpoint(claim));
    put_checkpoint(&p, claim);
    end_as(&p, claim, LT_RUN_LOST, "");
    requeue(&p, 0, LT_REQUEUE_CUT);
    claim = place_claim(&p);
    assert_true(has_checkpoint(claim));
    end_as(&p, claim, LT_RUN_FAILED, "");
    snprintf(path, sizeof path, "%s/runs/1/checkpoint", p.dir);
    assert_false(lt_path_exists(path));
    requeue(&p, 0, LT_REQUEUE_FAILED);
    claim = place_claim(&p);
    assert_false(has_checkpoint(claim));
    end_as(&p, claim, LT_RUN_FINISHED, "");
    place_close(&p);
}

static void notes_are_not_made_twice(void **state)
{
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    for (int round = 0; round < 3; round++) {
        claim = place_claim(&p);
        EXPECT_OK(&p, lt_claim_note(claim, "a", &p.err));
        EXPECT_OK(&p, lt_claim_note(claim, "a", &p.err));
        if (round > 0)
            EXPECT_OK(&p, lt_claim_note(claim, "b", &p.err));
        end_as(&p, claim, LT_RUN_INTERRUPTED, "interrupted");
        requeue(&p, 0, LT_REQUEUE_CUT);
        /* Someone else's note is no note of the run's. */
        if (round == 0)
            EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                                    "INSERT INTO note (run, at, text)"
                                    " VALUES (1, 0, 'odd')",
                                    ""));
    }
    EXPECT_SQL(&p,
               "SELECT group_concat(text) FROM notes"
               " WHERE text NOT LIKE '%again'",
               "a,a,odd,b");
    EXPECT_SQL(&p, "SELECT count(*) FROM notes WHERE text LIKE '%again'", "3");
    place_close(&p);
}

/* ---- back to a checkpoint ---- */

#define SERIES(run)                                                            \
    "SELECT group_concat(line, ';') FROM (SELECT name || ' ' || n || ' ' ||"   \
    " nonfinite || ' ' || coalesce(first, 'null') || ' ' || first_step ||"     \
    " ' ' || coalesce(last, 'null') || ' ' || last_step || ' ' || last_epoch"  \
    " || ' ' || last_kind || ' ' || coalesce(min, 'null') || ' ' ||"           \
    " coalesce(min_step, 'null') || ' ' || coalesce(max, 'null') || ' ' ||"    \
    " coalesce(max_step, 'null') || ' ' || coalesce(bad_step, 'null') AS line" \
    " FROM finals WHERE run = " run " ORDER BY name)"
#define POINTS(run)                                                            \
    "SELECT group_concat(line, ';') FROM (SELECT name || seq || ' ' || step"   \
    " || ' ' || epoch || coalesce(value, 'null') || kind AS line FROM metrics" \
    " WHERE run = " run " ORDER BY name, seq)"

static void expect_same_runs(place *p)
{
    static char wanted[4096];

    snprintf(wanted, sizeof wanted, "%s", place_ask(p, SERIES("2")));
    EXPECT_SQL(p, SERIES("1"), wanted);
    snprintf(wanted, sizeof wanted, "%s", place_ask(p, POINTS("2")));
    EXPECT_SQL(p, POINTS("1"), wanted);
}

static void rewind_mends_what_summaries_hold(void **state)
{
    const char *names[] = {"x", "y"};
    const int64_t counts[] = {3, 1};
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    for (int i = 0; i < 6; i++) /* 4 5 2 | nan -1 9 */
        record(r, "x", i, (double[]){4, 5, 2, NAN, -1, 9}[i]);
    record(r, "y", 3, INFINITY);
    record(r, "y", 4, 1);
    record(r, "z", 5, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_rewind(claim, names, counts, 2, &p.err));
    EXPECT_SQL(&p, SERIES("1"),
               "x 3 0 4.0 0 2.0 2 0.2 finite 2.0 2 5.0 1 null;"
               "y 1 1 Inf 3 Inf 3 0.3 +inf null null null null 3");
    EXPECT_SQL(&p, POINTS("1"),
               "x0 0 0.04.0finite;x1 1 0.15.0finite;x2 2 0.22.0finite;"
               "y0 3 0.3Inf+inf");
    r = recorder_on(&p, claim);
    record(r, "x", 7, 1);
    record(r, "z", 7, NAN);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p, SERIES("1"),
               "x 4 0 4.0 0 1.0 7 0.7 finite 1.0 7 5.0 1 null;"
               "y 1 1 Inf 3 Inf 3 0.3 +inf null null null null 3;"
               "z 1 1 null 7 null 7 0.7 nan null null null null 7");
    EXPECT_SQL(&p, "SELECT group_concat(seq) FROM metrics WHERE name = 'x'",
               "0,1,2,3");
    end_as(&p, claim, LT_RUN_FINISHED, "");
    place_close(&p);
}

static void rewind_to_nothing_forgets_all(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    for (int run = 1; run <= 2; run++) {
        claim = place_claim(&p);
        EXPECT_OK(&p, lt_claim_rewind(claim, NULL, NULL, 0, &p.err));
        r = recorder_on(&p, claim);
        record(r, "x", 1, 1);
        record(r, "y", 1, 1);
        EXPECT_OK(&p, lt_recorder_close(r, &p.err));
        if (run == 2)
            EXPECT_OK(&p, lt_claim_rewind(claim, NULL, NULL, 0, &p.err));
        end_as(&p, claim, LT_RUN_LOST, "");
    }
    EXPECT_SQL(&p,
               "SELECT group_concat(run || name) || (SELECT count(*) FROM"
               " finals) FROM metrics",
               "1x,1y2");
    place_close(&p);
}

static void rewind_refuses_counts_that_the_store_cannot_meet(void **state)
{
    static const struct {
        const char *name, *message;
        int64_t count;
    } cases[] = {
        {"x", "counts 3 points of x, the store has 2", 3},
        {"x", "counts -1 points of x", -1},
        {"new", "counts 1 points of new, the store has 0", 1},
    };
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 1, 1);
    record(r, "x", 2, 1);
    record(r, "a", 1, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            lt_claim_rewind(claim, &cases[i].name, &cases[i].count, 1, &p.err),
            LT_EFORMAT);
        EXPECT_TEXT(p.err.text, cases[i].message);
        EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "3");
    }
    EXPECT_OK(
        &p, lt__db_do(p.store, &p.err, "UPDATE run SET status = 'queued'", ""));
    assert_int_equal(lt_claim_rewind(claim, NULL, NULL, 0, &p.err), LT_ESTORE);
    EXPECT_TEXT(p.err.text, "no longer this process's");
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "3");
    (void)lt_claim_end(claim, LT_RUN_FINISHED, "", NULL);
    place_close(&p);
}

/* Elapsed time is work done: 60 s before the cut, and on from there. */
static void rewind_lets_the_clock_go_on(void **state)
{
    const char *name = "x";
    const int64_t count = 1;
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    claim->started -= 60;
    r = recorder_on(&p, claim);
    record(r, "x", 1, 1);
    claim->started -= 40;
    record(r, "x", 2, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    end_as(&p, claim, LT_RUN_LOST, "");
    EXPECT_SQL(&p, "SELECT CAST(seconds AS INTEGER) FROM runs", "100");
    EXPECT_OK(&p, lt__db_do(p.store, &p.err, /* long ago */
                            "UPDATE run SET started_at = 1, ended_at = 2", ""));
    requeue(&p, 0, LT_REQUEUE_CUT);
    claim = place_claim(&p);
    for (int i = 0; i < 2; i++)
        EXPECT_OK(&p, lt_claim_rewind(claim, &name, &count, 1, &p.err));
    r = recorder_on(&p, claim);
    record(r, "x", 2, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_SQL(&p, "SELECT group_concat(CAST(elapsed AS INTEGER)) FROM metrics",
               "60,60");
    end_as(&p, claim, LT_RUN_FINISHED, "");
    EXPECT_SQL(&p,
               "SELECT CAST(seconds AS INTEGER) || ' ' ||"
               " (abs(ended_at - started_at - seconds * 1000) < 100)"
               " FROM run",
               "60 1");
    EXPECT_SQL(&p,
               "SELECT max(at) <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') AND"
               " max(at) >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-9 seconds')"
               " FROM metrics",
               "1");
    place_close(&p);
}

typedef struct tape {
    int name;
    int64_t step;
    double value;
} tape;

static double draw_value(lt_rng *rng)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 5e-324};
    unsigned kind = (unsigned)(lt_rng_uniform(rng) * 24);

    return kind < 6 ? odd[kind] : floor(lt_rng_uniform(rng) * 9) / 4 - 1;
}

static void play(place *p, lt_claim *claim, const tape *points, int from,
                 int until)
{
    static const char *const names[] = {"x", "train.loss", "z"};
    lt_recorder *r = recorder_on(p, claim);

    for (int i = from; i < until; i++) {
        record(r, names[points[i].name], points[i].step, points[i].value);
        if (i % 13 == 5)
            EXPECT_OK(p, lt_recorder_flush(r, &p->err));
    }
    EXPECT_OK(p, lt_recorder_close(r, &p->err));
}

static void rewind_to(place *p, lt_claim *claim, const tape *points, int until)
{
    static const char *const names[] = {"z", "x", "train.loss"};
    int64_t counts[3] = {0};

    for (int i = 0; i < until; i++)
        counts[(points[i].name + 1) % 3]++;
    EXPECT_OK(p, lt_claim_rewind(claim, names, counts, 3, &p->err));
}

/* Run 1 logs all, dies, goes back and on; run 2 never went further. */
static void rewind_equals_never_having_gone_further(void **state)
{
    enum { POINTS_MAX = 60 };
    tape points[POINTS_MAX];
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 7, "tapes");
    for (int trial = 0; trial < 40; trial++) {
        int n = 1 + (int)(lt_rng_uniform(&rng) * (POINTS_MAX - 1));
        int kept = (int)(lt_rng_uniform(&rng) * (n + 1));
        lt_claim *first, *second;
        place p;

        for (int i = 0; i < n; i++)
            points[i] =
                (tape){(int)(lt_rng_uniform(&rng) * 3),
                       (int64_t)(lt_rng_uniform(&rng) * 30), draw_value(&rng)};
        place_open(&p);
        place_queue_many(&p, 2);
        first = place_claim(&p);
        second = place_claim(&p);
        play(&p, first, points, 0, n);
        play(&p, second, points, 0, kept);
        rewind_to(&p, first, points, kept);
        expect_same_runs(&p);
        play(&p, first, points, kept, n);
        play(&p, second, points, kept, n);
        expect_same_runs(&p);
        end_as(&p, first, LT_RUN_FINISHED, "");
        end_as(&p, second, LT_RUN_FINISHED, "");
        place_close(&p);
    }
}

static void rewind_without_memory_changes_nothing(void **state)
{
    const char *name = "x";
    const int64_t count = 1;
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 1, 3);
    record(r, "x", 2, 2);
    record(r, "y", 2, 2);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_claim_rewind(claim, &name, &count, 1, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_true(i > 0);
            break;
        }
        EXPECT_SQL(&p, "SELECT count(*) || sum(min) FROM finals", "24.0");
    }
    EXPECT_SQL(&p, "SELECT count(*) || sum(min) FROM finals", "13.0");
    end_as(&p, claim, LT_RUN_FINISHED, "");
    place_close(&p);
}

/* What a checkpoint keeps, and what it is for: also by a second process, whose
 * recorder has not heard of all of the metrics. */
static void settle_counts_what_rewind_restores(void **state)
{
    lt_counts counts = {0};
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    end_as(&p, place_claim(&p), LT_RUN_FINISHED, "");
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    EXPECT_OK(&p, lt_recorder_settle(r, &counts, &p.err));
    assert_int_equal(counts.n, 0);
    record(r, "b", 1, 1);
    record(r, "b", 2, 1);
    record(r, "a", 1, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    end_as(&p, claim, LT_RUN_LOST, "");
    requeue(&p, 0, LT_REQUEUE_CUT);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "c", 1, 1);
    record(r, "b", 3, 1);
    EXPECT_OK(&p, lt_recorder_settle(r, &counts, &p.err));
    assert_int_equal(counts.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(counts.names[i],
                            ((const char *[]){"a", "b", "c"})[i]);
        assert_int_equal(counts.counts[i], ((int[]){1, 3, 1})[i]);
    }
    record(r, "c", 4, 1);
    record(r, "d", 4, 1);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_rewind(claim, (const char *const *)counts.names,
                                  counts.counts, counts.n, &p.err));
    EXPECT_SQL(&p,
               "SELECT group_concat(name || n) FROM (SELECT * FROM finals"
               " ORDER BY name)",
               "a1,b3,c1");
    lt_counts_deinit(&counts);
    end_as(&p, claim, LT_RUN_FINISHED, "");
    place_close(&p);
}

static void settle_tells_of_a_full_disk(void **state)
{
    lt_counts counts = {0};
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
    assert_int_equal(lt_recorder_settle(r, &counts, &p.err), LT_ESTORE);
    assert_null(counts.names);
    place_ask(&p, "PRAGMA max_page_count = 1000000");
    EXPECT_OK(&p, lt_recorder_settle(r, &counts, &p.err));
    assert_int_equal(counts.counts[0], 9000);
    lt_counts_deinit(&counts);
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_recorder_settle(r, &counts, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_true(i > 0);
            break;
        }
        assert_null(counts.names);
    }
    lt_counts_deinit(&counts);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    end_as(&p, claim, LT_RUN_FINISHED, "");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requeue_takes_what_was_cut_off),
        cmocka_unit_test(requeue_lets_failed_runs_begin_anew),
        cmocka_unit_test(requeue_knows_sweeps),
        cmocka_unit_test(requeue_never_touches_a_live_run),
        cmocka_unit_test(requeue_without_memory_changes_nothing),
        cmocka_unit_test(checkpoint_is_kept_to_go_on_and_removed_to_begin),
        cmocka_unit_test(notes_are_not_made_twice),
        cmocka_unit_test(rewind_mends_what_summaries_hold),
        cmocka_unit_test(rewind_to_nothing_forgets_all),
        cmocka_unit_test(rewind_refuses_counts_that_the_store_cannot_meet),
        cmocka_unit_test(rewind_lets_the_clock_go_on),
        cmocka_unit_test(rewind_equals_never_having_gone_further),
        cmocka_unit_test(rewind_without_memory_changes_nothing),
        cmocka_unit_test(settle_counts_what_rewind_restores),
        cmocka_unit_test(settle_tells_of_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
