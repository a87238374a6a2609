/* Normalisation of batches against sums in long double, for vectors and
 * pictures, for every instruction set, and the same bits on any threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/rng.h"
#include "latent/math/norm.h"
#include "math/kernels.h"

enum { MOST = 60000, CHANNELS = 300 };

static lt_real x[MOST], dz[MOST], y[MOST], again[MOST];
static lt_real mean[CHANNELS], rate[CHANNELS], scale[CHANNELS], shift[CHANNELS];
static lt_real variance[CHANNELS], dshift[CHANNELS], dscale[CHANNELS];

static const lt_norm shapes[] = {
    {100, 7, 1},  {33, 64, 1},   {1, 3, 1},     {20, 201, 1}, {9, 4, 6},
    {12, 1, 785}, {100, 16, 25}, {1, 300, 200}, {2, 5, 1},    {1, 2, 9},
};

#define EACH_SHAPE(n)                                                          \
    for (const lt_norm *n = shapes;                                            \
         n < shapes + sizeof shapes / sizeof *shapes; n++)

static void fill(lt_real *to, int n, double offset, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 5, stream);
    for (int i = 0; i < n; i++)
        to[i] = (lt_real)(offset + lt_rng_normal(&rng));
}

static size_t at(const lt_norm *n, int row, int channel, int spot)
{
    return ((size_t)row * (size_t)n->channels + (size_t)channel) *
               (size_t)n->spots +
           (size_t)spot;
}

static void start(const lt_norm *n)
{
    assert_true(n->rows * n->channels * n->spots <= MOST);
    fill(x, MOST, 30, "x"); /* means far from 0 cost digits */
    fill(dz, MOST, 0.1, "dz");
    fill(scale, CHANNELS, 1, "scale");
    fill(shift, CHANNELS, 0, "shift");
    lt_norm_moments(NULL, n, x, mean, variance);
    for (int c = 0; c < n->channels; c++)
        rate[c] = (lt_real)(1 / sqrt((double)variance[c] + 1e-5));
}

/* Sum over a channel of a (x - centre)^power. */
static double channel_sum(const lt_norm *n, const lt_real *a, int channel,
                          double centre, int power)
{
    long double sum = 0;

    for (int r = 0; r < n->rows; r++)
        for (int s = 0; s < n->spots; s++) {
            size_t i = at(n, r, channel, s);
            long double term = a ? (long double)a[i] : 1;

            for (int p = 0; p < power; p++)
                term *= (long double)x[i] - centre;
            sum += term;
        }
    return (double)sum;
}

static bool near(double found, double wanted, double scale_of)
{
    return fabs(found - wanted) <= 2e-6 * (fabs(wanted) + scale_of);
}

static void moments_are_means_and_biased_variances(void **state)
{
    (void)state;
    EACH_SHAPE(n)
    {
        double m = (double)n->rows * n->spots;

        start(n);
        for (int c = 0; c < n->channels; c++) {
            double middle = channel_sum(n, NULL, c, 0, 1) / m;

            assert_true(near((double)mean[c], middle, 0));
            assert_true(near((double)variance[c],
                             channel_sum(n, NULL, c, middle, 2) / m, 0));
        }
    }
}

static void applied_channels_are_scaled_and_shifted(void **state)
{
    const lt_norm_map map = {mean, rate, scale, shift};

    (void)state;
    EACH_SHAPE(n)
    {
        start(n);
        lt_norm_apply(NULL, n, LT_ACT_TANH, &map, x, y);
        for (int c = 0; c < n->channels; c++)
            for (int r = 0; r < n->rows; r++)
                for (int s = 0; s < n->spots; s++) {
                    size_t i = at(n, r, c, s);
                    double z = (double)scale[c] *
                                   ((double)x[i] - (double)mean[c]) *
                                   (double)rate[c] +
                               (double)shift[c];

                    assert_true(near((double)y[i], tanh(z), 1));
                }
    }
}

static void sums_are_the_gradients_of_shift_and_scale(void **state)
{
    const lt_norm_map map = {mean, rate, scale, shift};

    (void)state;
    EACH_SHAPE(n)
    {
        double m = (double)n->rows * n->spots;

        start(n);
        lt_norm_sums(NULL, n, &map, x, dz, dshift, dscale);
        for (int c = 0; c < n->channels; c++) {
            assert_true(
                near((double)dshift[c], channel_sum(n, dz, c, 0, 0), sqrt(m)));
            assert_true(near((double)dscale[c],
                             channel_sum(n, dz, c, (double)mean[c], 1) *
                                 (double)rate[c],
                             sqrt(m)));
        }
    }
}

/* The gradient of sum dz y: no change when all of a channel's x move or grow
 * together (but for epsilon), and the rest by the formula. */
static void gradients_go_through_mean_and_variance(void **state)
{
    const lt_norm_map map = {mean, rate, scale, shift};

    (void)state;
    EACH_SHAPE(n)
    {
        double m = (double)n->rows * n->spots;

        start(n);
        lt_norm_sums(NULL, n, &map, x, dz, dshift, dscale);
        lt_norm_back(NULL, n, &map, x, dz, dshift, dscale, y);
        for (int c = 0; c < n->channels; c++)
            for (int r = 0; r < n->rows; r++)
                for (int s = 0; s < n->spots; s++) {
                    size_t i = at(n, r, c, s);
                    double hat =
                        ((double)x[i] - (double)mean[c]) * (double)rate[c];
                    double wanted = (double)scale[c] * (double)rate[c] *
                                    ((double)dz[i] - (double)dshift[c] / m -
                                     hat * (double)dscale[c] / m);

                    assert_true(
                        near((double)y[i], wanted, (double)rate[c] * 3));
                }
        lt_norm_back(NULL, n, &map, x, dz, NULL, NULL, y);
        for (int c = 0; c < n->channels; c++)
            assert_true(near((double)y[at(n, 0, c, 0)],
                             (double)scale[c] * (double)rate[c] *
                                 (double)dz[at(n, 0, c, 0)],
                             0));
    }
}

/* One plane and one strip, on every set. */
static void every_set_computes_the_same(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    const lt_norm_map map = {mean, rate, scale, shift};
    const lt__norm_slope slope = {(lt_real)0.5, 2, (lt_real)0.25, 3};

    (void)state;
    start(&shapes[1]);
    for (int k = 0; k < n; k++) {
        lt_real m[2], v[2], strip_mean[64], strip_variance[64];
        double a, b;

        sets[k]->norm_moments(3, 101, 200, x, m, v);
        sets[k]->norm_sums(3, 101, 200, x, dz, m[0], &a, &b);
        sets[0]->norm_moments(3, 101, 200, x, m + 1, v + 1);
        assert_true(near((double)m[0], (double)m[1], 0));
        assert_true(near((double)v[0], (double)v[1], 0));
        sets[k]->norm_apply(101, x, m[0], 2, 1, y);
        assert_true(near((double)y[100], ((double)x[100] - m[0]) * 2 + 1, 1));
        sets[k]->norm_back(101, x, dz, &slope, y);
        assert_true(
            near((double)y[100],
                 2 * (double)dz[100] - 0.25 - ((double)x[100] - 0.5) * 3, 1));
        sets[k]->norm_moments_strip(33, 63, 64, x, strip_mean, strip_variance);
        assert_true(near((double)strip_mean[62], (double)mean[62], 0));
        assert_true(near((double)strip_variance[62], (double)variance[62], 0));
        sets[k]->norm_apply_row(63, &map, x, y);
        assert_true(near(
            (double)y[62],
            ((double)x[62] - mean[62]) * scale[62] * rate[62] + shift[62], 1));
    }
}

static void threads_do_not_change_normalisation(void **state)
{
    const lt_norm_map map = {mean, rate, scale, shift};
    lt_real sums[4][CHANNELS];

    (void)state;
    EACH_SHAPE(n)
    {
        size_t bytes = (size_t)(n->rows * n->channels * n->spots) * sizeof *x;
        size_t channels = (size_t)n->channels * sizeof *x;

        start(n);
        memcpy(sums[0], mean, channels);
        memcpy(sums[1], variance, channels);
        lt_norm_sums(NULL, n, &map, x, dz, sums[2], sums[3]);
        lt_norm_apply(NULL, n, LT_ACT_SIGMOID, &map, x, again);
        for (int threads = 1; threads <= 3; threads++) {
            lt_pool *pool = NULL;

            assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
            lt_norm_moments(pool, n, x, mean, variance);
            lt_norm_sums(pool, n, &map, x, dz, dshift, dscale);
            lt_norm_apply(pool, n, LT_ACT_SIGMOID, &map, x, y);
            lt_pool_free(pool);
            assert_memory_equal(mean, sums[0], channels);
            assert_memory_equal(variance, sums[1], channels);
            assert_memory_equal(dshift, sums[2], channels);
            assert_memory_equal(dscale, sums[3], channels);
            assert_memory_equal(y, again, bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_means_and_biased_variances),
        cmocka_unit_test(applied_channels_are_scaled_and_shifted),
        cmocka_unit_test(sums_are_the_gradients_of_shift_and_scale),
        cmocka_unit_test(gradients_go_through_mean_and_variance),
        cmocka_unit_test(every_set_computes_the_same),
        cmocka_unit_test(threads_do_not_change_normalisation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
