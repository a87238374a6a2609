/* Metrics of two runs compared, and runs queued once more elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "latent/store/replay.h"
#include "store_help.h"

#include <math.h>

typedef struct two {
    place a, b;
    lt_run_ref ra, rb;
} two;

typedef struct logged {
    const char *name;
    int64_t step;
    double epoch, value;
} logged;

static void place_log(place *p, const logged *points, int n)
{
    lt_claim *claim;
    lt_recorder *r = NULL;

    place_queue_many(p, 1);
    claim = place_claim(p);
    EXPECT_OK(p, lt_recorder_new(claim, &r, &p->err));
    for (int i = 0; i < n; i++)
        lt_observe_metric(lt_recorder_observer(r), points[i].name,
                          points[i].step, points[i].epoch, points[i].value,
                          NULL);
    EXPECT_OK(p, lt_recorder_close(r, &p->err));
    EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
}

static void two_open(two *t, const logged *a, int n_a, const logged *b, int n_b)
{
    place_open(&t->a);
    place_open(&t->b);
    place_queue_many(&t->b, 1); /* other numbers of names and runs there */
    lt_claim_end(place_claim(&t->b), LT_RUN_FAILED, "", NULL);
    place_log(&t->b, &(logged){"zzz", 1, 1, 1}, 1);
    place_log(&t->a, a, n_a);
    place_log(&t->b, b, n_b);
    t->ra = (lt_run_ref){t->a.store, 1};
    t->rb = (lt_run_ref){t->b.store, 3};
}

static void two_close(two *t)
{
    place_close(&t->a);
    place_close(&t->b);
}

static const logged usual[] = {
    {"loss", 1, 0.5, 3.0},      {"loss", 2, 1, 2.0},
    {"loss", 3, 1.5, 1.0},      {"sse", 2, 1, 0.1},
    {"sse", 4, 2, NAN},         {"sse", 6, 3, INFINITY},
    {"fit.seconds", 6, 3, 1.0}, {"rate", 6, NAN, -INFINITY},
};
enum { N_USUAL = sizeof usual / sizeof *usual, N_COUNTED = N_USUAL - 1 };

/* The comparison of `usual` with itself but for what `change` does. */
static lt_comparison compared(const logged *b, int n_b,
                              const lt_compare_opts *opts)
{
    lt_comparison c = {0};
    two t;

    two_open(&t, usual, N_USUAL, b, n_b);
    EXPECT_OK(&t.a, lt_store_compare_runs(&t.ra, &t.rb, opts, &c, &t.a.err));
    two_close(&t);
    return c;
}

static void the_same_is_identical(void **state)
{
    lt_compare_opts opts = {0};
    logged other[N_USUAL];
    lt_comparison c;

    (void)state;
    memcpy(other, usual, sizeof usual);
    other[6].value = 2.0; /* the clock's */
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_values, N_COUNTED);
    assert_int_equal(c.n_different, 0);
    assert_int_equal(c.first, LT_DIFFERENCE_NONE);
    assert_string_equal(lt_text_str(&c.skipped), "fit.seconds");
    assert_true(c.largest == 0);
    lt_comparison_deinit(&c);
}

static void one_bit_is_found(void **state)
{
    lt_compare_opts opts = {0};
    logged other[N_USUAL];
    lt_comparison c;

    (void)state;
    memcpy(other, usual, sizeof usual);
    other[1].value = nextafter(2.0, 3.0);
    other[3].value = 0.2; /* the same step, a later name */
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_different, 2);
    assert_int_equal(c.first, LT_DIFFERENCE_VALUE);
    assert_string_equal(lt_text_str(&c.metric), "loss");
    assert_int_equal(c.seq, 1);
    assert_int_equal(c.a.step, 2);
    assert_true(c.a.value == 2.0 && c.b.value == nextafter(2.0, 3.0));
    assert_true(fabs(c.largest - 0.5) < 1e-15);
    lt_comparison_deinit(&c);
}

static void the_smallest_step_is_told(void **state)
{
    lt_compare_opts opts = {0};
    logged other[N_USUAL];
    lt_comparison c;

    (void)state;
    memcpy(other, usual, sizeof usual);
    other[2].value = 7; /* loss, step 3 */
    other[3].value = 7; /* sse, step 2 */
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_different, 2);
    assert_string_equal(lt_text_str(&c.metric), "sse");
    assert_int_equal(c.a.step, 2);
    lt_comparison_deinit(&c);
}

static void tolerance_is_relative(void **state)
{
    lt_compare_opts opts = {.tolerance = 1e-6};
    logged other[N_USUAL];
    lt_comparison c;

    (void)state;
    memcpy(other, usual, sizeof usual);
    other[0].value = 3.0 * (1 + 5e-7);
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_different, 0);
    assert_true(fabs(c.largest - 5e-7) < 1e-12);
    lt_comparison_deinit(&c);
    other[0].value = 3.0 * (1 + 2e-6);
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_different, 1);
    lt_comparison_deinit(&c);
    opts.tolerance = 10;
    other[0].value = usual[0].value;
    other[4].value = INFINITY; /* another kind: no tolerance helps */
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.first, LT_DIFFERENCE_VALUE);
    assert_int_equal(c.a.step, 4);
    assert_true(isnan(c.a.value) && isinf(c.b.value));
    lt_comparison_deinit(&c);
    other[4].value = NAN;
    other[5].value = -INFINITY;
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.n_different, 1);
    lt_comparison_deinit(&c);
}

static void places_are_compared(void **state)
{
    lt_compare_opts opts = {.tolerance = 1};
    logged other[N_USUAL];
    lt_comparison c;

    (void)state;
    memcpy(other, usual, sizeof usual);
    other[0].epoch = 0.25;
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.first, LT_DIFFERENCE_PLACE);
    assert_true(c.a.epoch == 0.5 && c.b.epoch == 0.25);
    lt_comparison_deinit(&c);
    other[0].epoch = 0.5;
    other[5].step = 7;
    c = compared(other, N_USUAL, &opts);
    assert_int_equal(c.first, LT_DIFFERENCE_PLACE);
    assert_int_equal(c.a.step, 6);
    assert_int_equal(c.b.step, 7);
    lt_comparison_deinit(&c);
}

static void missing_and_extra_points(void **state)
{
    lt_compare_opts opts = {0};
    logged more[N_USUAL + 2];
    lt_comparison c;

    (void)state;
    c = compared(usual, N_USUAL - 3, &opts);
    assert_int_equal(c.first, LT_DIFFERENCE_MISSING);
    assert_int_equal(c.n_different, 2); /* of sse and rate, both at step 6 */
    assert_string_equal(lt_text_str(&c.metric), "rate");
    lt_comparison_deinit(&c);
    memcpy(more, usual, sizeof usual);
    more[N_USUAL] = (logged){"loss", 9, 4, 0.5};
    more[N_USUAL + 1] = (logged){"new", 8, 4, 0.25};
    c = compared(more, N_USUAL + 2, &opts);
    assert_int_equal(c.n_values, N_COUNTED);
    assert_int_equal(c.n_different, 2);
    assert_int_equal(c.first, LT_DIFFERENCE_EXTRA);
    assert_string_equal(lt_text_str(&c.metric), "new");
    assert_int_equal(c.b.step, 8);
    assert_true(c.b.value == 0.25);
    lt_comparison_deinit(&c);
    opts.prefix = true;
    c = compared(more, N_USUAL + 2, &opts);
    assert_int_equal(c.n_different, 0);
    lt_comparison_deinit(&c);
    c = compared(usual, N_USUAL - 3, &opts);
    assert_int_equal(c.n_different, 2);
    lt_comparison_deinit(&c);
}

static void one_run_catches_up_with_another(void **state)
{
    bool has = false;
    lt_err err = {0};
    two t;

    (void)state;
    two_open(&t, usual, N_USUAL, usual, N_USUAL - 1); /* without rate */
    assert_int_equal(lt_store_has_caught_up(&t.ra, &t.rb, &has, &err), LT_OK);
    assert_false(has);
    assert_int_equal(lt_store_has_caught_up(&t.rb, &t.ra, &has, &err), LT_OK);
    assert_true(has);
    assert_int_equal(lt_store_has_caught_up(&t.ra, &t.ra, &has, &err), LT_OK);
    assert_true(has);
    two_close(&t);
    two_open(&t, usual, 3, usual, 2); /* one point fewer */
    assert_int_equal(lt_store_has_caught_up(&t.ra, &t.rb, &has, &err), LT_OK);
    assert_false(has);
    two_close(&t);
}

static void metrics_may_be_left_out(void **state)
{
    static const char *const except[] = {"loss", "rate"};
    lt_compare_opts opts = {.except = except, .n_except = 2};
    lt_comparison c = compared(usual + 3, 3, &opts);

    (void)state;
    assert_int_equal(c.n_different, 0);
    assert_int_equal(c.n_values, 3);
    assert_string_equal(lt_text_str(&c.skipped), "fit.seconds, loss, rate");
    lt_comparison_deinit(&c);
}

static void the_clock_is_known_by_its_words(void **state)
{
    static const char *const clocks[] = {
        "seconds",   "fit.seconds", "examples_per_second",
        "wall-time", "a/b.ms",      "total_hours"};
    static const char *const others[] = {
        "train.loss", "secondstage", "seconds.loss", "times", "ms2", "", "."};

    (void)state;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        if (!lt_metric_is_timing(clocks[i]))
            fail_msg("%s", clocks[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (lt_metric_is_timing(others[i]))
            fail_msg("%s", others[i]);
}

/* ---- copies ---- */

static void a_copy_is_queued_as_the_run_was(void **state)
{
    static const char *const configs[] = {"{\"code\":2,\"seed\":1}",
                                          "{\"code\":6,\"seed\":2}"};
    int64_t sweep = 0;
    place from, to;
    char name[32];

    (void)state;
    place_open(&from);
    place_open(&to);
    place_queue_many(&from, 3);
    place_queue(&from, "proof", configs, 2);
    snprintf(name, sizeof name, "%s",
             place_ask(&from, "SELECT name FROM run WHERE id = 5"));
    EXPECT_OK(&to, lt_store_copy_run(from.store, 5, to.store, &sweep, &to.err));
    assert_int_equal(sweep, 1);
    EXPECT_SQL(&to,
               "SELECT id || status || seed || config || config_hash FROM run",
               "5queued2{\"code\":6,\"seed\":2}{\"code\":6,\"seed\":2}");
    EXPECT_SQL(&to, "SELECT name FROM run", name);
    EXPECT_SQL(&to, "SELECT value FROM params WHERE run = 5 AND key = 'code'",
               "6");
    EXPECT_SQL(&to, "SELECT experiment || script FROM sweeps",
               "proofexperiments/test.lua");
    EXPECT_SQL(&to, "SELECT text FROM sources", "proof");
    assert_int_equal(
        lt_store_copy_run(from.store, 99, to.store, &sweep, &to.err),
        LT_ENOTFOUND);
    EXPECT_OK(&to, lt_store_copy_run(from.store, 4, to.store, &sweep, &to.err));
    EXPECT_SQL(&to, "SELECT max(id) FROM run", "6"); /* 5 is taken */
    EXPECT_SQL(&from, "SELECT count(*) FROM run WHERE status = 'queued'", "5");
    place_close(&from);
    place_close(&to);
}

static void a_changed_source_is_not_copied(void **state)
{
    int64_t sweep = 0;
    place from, to;

    (void)state;
    place_open(&from);
    place_open(&to);
    place_queue_many(&from, 1);
    place_ask(&from, "UPDATE source SET body = x'00'");
    assert_int_equal(
        lt_store_copy_run(from.store, 1, to.store, &sweep, &to.err), LT_ESTORE);
    EXPECT_TEXT(to.err.text, "was changed");
    EXPECT_SQL(&to, "SELECT count(*) FROM run", "0");
    place_close(&from);
    place_close(&to);
}

/* ---- memory ---- */

static void want_of_memory_is_told(void **state)
{
    lt_compare_opts opts = {0};
    lt_status rc = LT_ENOMEM;
    int64_t sweep = 0;
    place to;
    two t;

    (void)state;
    two_open(&t, usual, N_USUAL, usual, 3);
    place_open(&to);
    for (int n = 0; rc == LT_ENOMEM && n < 200; n++) {
        lt_comparison c = {0};

        lt_mem_fail_after(n);
        rc = lt_store_compare_runs(&t.ra, &t.rb, &opts, &c, NULL);
        lt_mem_fail_after(-1);
        lt_comparison_deinit(&c);
    }
    assert_int_equal(rc, LT_OK);
    rc = LT_ENOMEM;
    for (int n = 0; rc == LT_ENOMEM && n < 200; n++) {
        lt_mem_fail_after(n);
        rc = lt_store_copy_run(t.a.store, 1, to.store, &sweep, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    place_close(&to);
    two_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_identical),
        cmocka_unit_test(one_bit_is_found),
        cmocka_unit_test(the_smallest_step_is_told),
        cmocka_unit_test(tolerance_is_relative),
        cmocka_unit_test(places_are_compared),
        cmocka_unit_test(missing_and_extra_points),
        cmocka_unit_test(one_run_catches_up_with_another),
        cmocka_unit_test(metrics_may_be_left_out),
        cmocka_unit_test(the_clock_is_known_by_its_words),
        cmocka_unit_test(a_copy_is_queued_as_the_run_was),
        cmocka_unit_test(a_changed_source_is_not_copied),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
