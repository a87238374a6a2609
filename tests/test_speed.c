/* Measured speeds: positive, and a product is not faster than the peak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "math/kernels.h"

static void speed_of_products_is_below_the_peak(void **state)
{
    lt_blas_speed s;

    (void)state;
    lt_blas_threads(1);
    assert_int_equal(lt_blas_measure(0.1, &s, NULL), LT_OK);
    assert_true(s.gemm_gflops > 0);
    assert_true(s.gemm_gflops < 1.5 * s.peak_gflops); /* clock rates move */
}

/* x = x/2 + 1/4 goes to 1/2 from anywhere; the twelve chains are added, the
 * first twice. */
static void speed_burn_computes(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++) {
        lt_real x = 0;

        assert_true(sets[s]->burn(200, &x) > 200 * 12 * 2);
        assert_true(x > (lt_real)6.499 && x < (lt_real)6.501);
    }
}

static void speed_reports_failing_memory(void **state)
{
    lt_blas_speed s;

    (void)state;
    lt_mem_fail_after(0);
    assert_int_equal(lt_blas_measure(0.1, &s, NULL), LT_ENOMEM);
    lt_mem_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speed_of_products_is_below_the_peak),
        cmocka_unit_test(speed_burn_computes),
        cmocka_unit_test(speed_reports_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
