/* Random streams: repeatable, independent, uniform enough. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/rng.h"

static void rng_gives_published_xoshiro_values(void **state)
{
    lt_rng rng = {{1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(lt_rng_next(&rng) == expected[i]);
}

static void rng_streams_differ_by_name_and_seed(void **state)
{
    lt_rng a, b, c;

    (void)state;
    lt_rng_init(&a, 1, "init");
    lt_rng_init(&b, 1, "shuffle");
    lt_rng_init(&c, 2, "init");
    assert_true(lt_rng_next(&a) != lt_rng_next(&b));
    lt_rng_init(&a, 1, "init");
    assert_true(lt_rng_next(&a) != lt_rng_next(&c));
}

static void rng_shuffle_is_a_permutation(void **state)
{
    int32_t items[100];
    int seen[100] = {0};
    lt_rng rng;

    (void)state;
    for (int i = 0; i < 100; i++)
        items[i] = i;
    lt_rng_init(&rng, 7, "shuffle");
    lt_rng_shuffle(&rng, items, 100);
    for (int i = 0; i < 100; i++)
        seen[items[i]]++;
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
}

static void rng_normal_has_unit_variance(void **state)
{
    double sum = 0, squares = 0;
    const int n = 200000;
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 3, "noise");
    for (int i = 0; i < n; i++) {
        double x = lt_rng_normal(&rng);

        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / n) < 0.01);
    assert_true(fabs(squares / n - 1) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_gives_published_xoshiro_values),
        cmocka_unit_test(rng_streams_differ_by_name_and_seed),
        cmocka_unit_test(rng_shuffle_is_a_permutation),
        cmocka_unit_test(rng_normal_has_unit_variance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
