/* The benchmark's own sanity: it measures what it says, for every network. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/train/bench.h"

#include <string.h>

static void bench_names_are_found_again(void **state)
{
    int n;
    const lt_bench_case *cases = lt_bench_cases(&n);

    (void)state;
    assert_true(n >= 4);
    for (int i = 0; i < n; i++)
        assert_ptr_equal(lt_bench_find(cases[i].name), &cases[i]);
    assert_null(lt_bench_find("nothing"));
}

typedef struct witness {
    int64_t steps;
    double first, last;
} witness;

static lt_status witness_metric(void *self, const char *name, int64_t step,
                                double epoch, double value, lt_err *err)
{
    witness *w = self;

    (void)err;
    assert_string_equal(name, "step.loss");
    assert_true(step == w->steps + 1 && epoch > 0);
    if (w->steps++ == 0)
        w->first = value;
    w->last = value;
    return LT_OK;
}

/* What is timed is training: the loss falls, and the floor's products, which
 * share the network's vectors, do not disturb it. */
static void bench_steps_train(void **state)
{
    witness w = {0};
    const lt_observer observer = {.self = &w, .metric = witness_metric};
    const lt_bench_opts opts = {
        .threads = 1, .seconds = 0.3, .observer = &observer};
    lt_bench_result r;

    (void)state;
    assert_int_equal(lt_bench_run(lt_bench_find("small-32"), &opts, &r, NULL),
                     LT_OK);
    assert_int_equal(w.steps, r.steps);
    assert_true(w.last < w.first);
    assert_int_equal(r.parameters, 2 * 784 * 32 + 784 + 32);
    assert_true(r.blocks >= 5 && r.step_ms > 0 && r.floor_ms > 0);
    assert_true(r.best_step_ms <= r.step_ms);
    assert_true(fabs(r.examples_per_second * r.step_ms / 32e3 - 1) < 1e-9);
}

static void bench_throughput_has_no_floor(void **state)
{
    const lt_bench_opts opts = {
        .threads = 2, .seconds = 0.1, .is_throughput = true};
    lt_bench_result r;

    (void)state;
    assert_int_equal(lt_bench_run(lt_bench_find("small-32"), &opts, &r, NULL),
                     LT_OK);
    assert_true(r.examples_per_second > 0 && r.floor_ms <= 0 && r.share <= 0);
}

static void bench_refuses_no_threads(void **state)
{
    const lt_bench_opts opts = {.threads = 0, .seconds = 0.1};
    lt_bench_result r;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_bench_run(lt_bench_find("small-32"), &opts, &r, &err),
                     LT_EINVAL);
    assert_non_null(strstr(err.text, "0 threads"));
}

/* Both ways are measured, and the sparse one is quicker where items are many.
 */
static void sparse_steps_are_timed_against_dense_ones(void **state)
{
    const lt_bench_sparse_case c = {.items = 5000,
                                    .units = {16, 8},
                                    .tie = LT_TIE_TIED,
                                    .optimizer = LT_OPT_ADAM,
                                    .batch = 20,
                                    .density = 0.01,
                                    .popularity = 1};
    lt_bench_sparse_result r;

    (void)state;
    assert_int_equal(lt_bench_sparse_run(&c, 1, 0.05, &r, NULL), LT_OK);
    assert_int_equal(r.parameters, 5000 * 16 + 16 + 16 * 8 + 8 + 16 + 5000);
    assert_true(r.turns >= 3 && r.sparse_ms > 0);
    assert_true(r.dense_ms > r.sparse_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparse_steps_are_timed_against_dense_ones),
        cmocka_unit_test(bench_names_are_found_again),
        cmocka_unit_test(bench_steps_train),
        cmocka_unit_test(bench_throughput_has_no_floor),
        cmocka_unit_test(bench_refuses_no_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
