/* Diagonal Gaussians, of every instruction set that this processor has, against
 * plain C library code in double and against values computed by hand. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/rng.h"
#include "math/kernels.h"

enum { ROWS = 37, UNITS = 531, N = ROWS * UNITS };

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;

static lt_real z[2 * N], eps[N], dy[N], out[2 * N], again[2 * N];

static void fill(size_t n, lt_real *x, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 3, stream);
    for (size_t i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

static void fill_all(void)
{
    fill(2 * N, z, "z");
    fill(N, eps, "eps");
    fill(N, dy, "dy");
}

static void near_to(double found, double wanted, double size)
{
    if (!(fabs(found - wanted) <= 8 * epsilon * (fabs(wanted) + size)))
        fail_msg("%.12g, wanted %.12g", found, wanted);
}

static double mean_at(size_t i)
{
    return (double)z[i / UNITS * 2 * UNITS + i % UNITS];
}

static double logvar_at(size_t i)
{
    return (double)z[i / UNITS * 2 * UNITS + UNITS + i % UNITS];
}

/* Means 0.5 and -1, variances exp(0.2) and exp(-0.4): (0.25 +
 * 1.22140275816017 - 1.2) / 2 and (1 + 0.670320046035639 - 0.6) / 2. */
static void divergence_is_the_one_computed_by_hand(void **state)
{
    const lt_real two[4] = {(lt_real)0.5, -1, (lt_real)0.2, (lt_real)-0.4};
    const lt_real none[4] = {0, 0, 0, 0};

    (void)state;
    near_to(lt_gaussian_kl(NULL, 1, 2, two),
            0.135701379080085 + 0.5351600230178195, 1);
    assert_true(lt_gaussian_kl(NULL, 1, 2, none) == 0);
}

static void draws_divergences_and_gradients_agree_with_the_c_library(void **s)
{
    const double scale = 0.375;
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    long double kl = 0;

    (void)s;
    fill_all();
    for (size_t i = 0; i < N; i++)
        kl += (mean_at(i) * mean_at(i) + exp(logvar_at(i)) - 1 - logvar_at(i)) /
              2;
    for (int k = 0; k < n; k++) {
        const lt_gaussian_back back = {ROWS, UNITS,          z,  eps,
                                       dy,   (lt_real)scale, out};

        near_to(sets[k]->gaussian_kl(ROWS, UNITS, z), (double)kl, 0);
        sets[k]->gaussian_draw(ROWS, UNITS, z, eps, out);
        for (size_t i = 0; i < N; i++)
            near_to((double)out[i],
                    mean_at(i) + (double)eps[i] * exp(logvar_at(i) / 2), 1);
        sets[k]->gaussian_back(&back);
        for (size_t i = 0; i < N; i++) {
            size_t at = i / UNITS * 2 * UNITS + i % UNITS;
            double slope = (double)dy[i], v = logvar_at(i);

            near_to((double)out[at], slope + scale * mean_at(i), 4);
            near_to((double)out[at + UNITS],
                    slope * (double)eps[i] * exp(v / 2) / 2 +
                        scale * (exp(v) - 1) / 2,
                    4);
        }
    }
}

static void what_is_not_finite_shows(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int k = 0; k < n; k++) {
        const lt_real bad[] = {(lt_real)NAN, (lt_real)INFINITY, 800,
                               -(lt_real)INFINITY};

        for (int i = 0; i < 4; i++)
            for (size_t at = 0; at < 2; at++) {
                lt_real one[2] = {0, 0};

                one[at] = bad[i];
                if (at == 1 || i != 2) /* a mean of 800 is finite */
                    assert_false(isfinite(sets[k]->gaussian_kl(1, 1, one)));
            }
    }
}

static void without_draws_the_code_is_the_mean(void **state)
{
    (void)state;
    fill_all();
    lt_gaussian_draw(NULL, ROWS, UNITS, z, NULL, out);
    for (size_t i = 0; i < N; i++)
        assert_true((double)out[i] == mean_at(i));
}

static void threads_do_not_change_the_bits(void **state)
{
    lt_gaussian_back back = {ROWS, UNITS, z, eps, dy, (lt_real)0.5, out};
    double kl;

    (void)state;
    fill_all();
    kl = lt_gaussian_kl(NULL, ROWS, UNITS, z);
    lt_gaussian_backward(NULL, &back);
    back.dz = again;
    for (int threads = 2; threads <= 3; threads++) {
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
        assert_true(kl == lt_gaussian_kl(pool, ROWS, UNITS, z));
        memset(again, 0, sizeof again);
        lt_gaussian_backward(pool, &back);
        assert_memory_equal(out, again, sizeof out);
        lt_gaussian_draw(NULL, ROWS, UNITS, z, eps, out);
        lt_gaussian_draw(pool, ROWS, UNITS, z, eps, again);
        assert_memory_equal(out, again, N * sizeof *out);
        back.dz = out;
        lt_gaussian_backward(NULL, &back);
        back.dz = again;
        lt_pool_free(pool);
    }
}

/* One row a piece, and more rows than a pool takes pieces. */
static void every_row_counts_whatever_the_shape(void **state)
{
    const int rows[] = {1, 2, 255, 257, 4097}, units[] = {1, 3, 4};

    (void)state;
    fill_all();
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++) {
            double one = 0;

            for (int r = 0; r < rows[i]; r++)
                one += lt_gaussian_kl(NULL, 1, units[k],
                                      z + 2 * (size_t)r * (size_t)units[k]);
            near_to(lt_gaussian_kl(NULL, rows[i], units[k], z), one, 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_the_one_computed_by_hand),
        cmocka_unit_test(
            draws_divergences_and_gradients_agree_with_the_c_library),
        cmocka_unit_test(what_is_not_finite_shows),
        cmocka_unit_test(without_draws_the_code_is_the_mean),
        cmocka_unit_test(threads_do_not_change_the_bits),
        cmocka_unit_test(every_row_counts_whatever_the_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
