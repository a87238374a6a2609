/* Portable functions against libm's, and normal draws by their moments. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data/portable.h"

static void near(double found, double wanted, double relative)
{
    if (!(fabs(found - wanted) <= relative * fabs(wanted)))
        fail_msg("found %.17g, wanted %.17g", found, wanted);
}

static void log_agrees_with_libm(void **state)
{
    (void)state;
    assert_true(lt__portable_log(1) == 0);
    for (double x = DBL_MIN; x < 1e308; x *= 1.0371)
        near(lt__portable_log(x), log(x), 1e-15);
    for (double x = 0.5; x < 2; x += 0.00037) /* where it nears zero */
        if (fabs(x - 1) > 1e-9)
            near(lt__portable_log(x), log(x), 1e-15);
}

static void exp_agrees_with_libm(void **state)
{
    (void)state;
    assert_true(lt__portable_exp(0) == 1);
    for (double x = -700; x < 700; x += 0.0971)
        near(lt__portable_exp(x), exp(x), 1e-15);
}

/* Moments of 10^6 draws: each within five standard errors of its own. */
static void normal_has_the_moments_of_n01(void **state)
{
    enum { N = 1000000 };
    double sum[5] = {0}, tail = 0;
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 3, "test");
    for (int i = 0; i < N; i++) {
        double x = lt__portable_normal(&rng), power = 1;

        for (int k = 1; k < 5; k++)
            sum[k] += power *= x;
        tail += fabs(x) > 1.959963984540054;
    }
    assert_true(fabs(sum[1] / N) < 5 * sqrt(1.0 / N));
    assert_true(fabs(sum[2] / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(sum[3] / N) < 5 * sqrt(15.0 / N));
    assert_true(fabs(sum[4] / N - 3) < 5 * sqrt(96.0 / N));
    assert_true(fabs(tail / N - 0.05) < 5 * sqrt(0.05 * 0.95 / N));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_agrees_with_libm),
        cmocka_unit_test(exp_agrees_with_libm),
        cmocka_unit_test(normal_has_the_moments_of_n01),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
