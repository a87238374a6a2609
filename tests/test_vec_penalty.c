/* Sizes of vectors and tangents through activations, of every instruction set
 * that this processor has, against plain C library code in double. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/math/vec.h"
#include "math/kernels.h"

enum { N = 20011 };

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;

static lt_real in_x[N], in_y[N], in_a[N], in_t[N], out_a[N], out_b[N];

static void fill(lt_real *x, double sd, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 11, stream);
    for (int i = 0; i < N; i++)
        x[i] = (lt_real)(sd * lt_rng_normal(&rng));
}

static void near_to(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%.12g, wanted %.12g", found, wanted);
}

static void vec_shrink_sums_and_pulls_to_zero(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    double sizes = 0, squares = 0;

    (void)state;
    fill(in_x, 2, "x");
    fill(in_t, 1, "g");
    for (int i = 0; i < N; i += 7)
        in_x[i] = i % 2 ? 0 : -(lt_real)0;
    for (int i = 0; i < N; i++) {
        sizes += fabs((double)in_x[i]);
        squares += (double)in_x[i] * (double)in_x[i];
    }
    for (int s = 0; s < n; s++) {
        const lt_real a = (lt_real)0.75, b = (lt_real)0.5;
        lt_vec_sizes with, without;

        memcpy(out_a, in_t, sizeof out_a);
        with = sets[s]->shrink(N, in_x, a, b, out_a);
        without = sets[s]->shrink(N, in_x, a, b, NULL);
        near_to(with.abs, sizes, 8 * epsilon * sizes);
        near_to(with.squares, squares, 8 * epsilon * squares);
        assert_true(with.abs == without.abs);
        assert_true(with.squares == without.squares);
        for (int i = 0; i < N; i++) {
            double x = (double)in_x[i];
            double sign = x > 0 ? 1 : x < 0 ? -1 : 0;

            near_to((double)out_a[i], (double)in_t[i] + 0.75 * sign + 0.5 * x,
                    8 * epsilon);
        }
    }
}

/* act, its first and second derivative at z. */
static void act_of(lt_act act, double z, double out[3])
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    double s = 1 / (1 + exp(-z)), t = tanh(z), e = exp(z);
    bool up = z > 0;
    const double all[LT_ACT_ELEMENTWISE][3] = {
        {z, 1, 0},
        {s, s * (1 - s), s * (1 - s) * (1 - 2 * s)},
        {t, 1 - t * t, -2 * t * (1 - t * t)},
        {up ? z : 0, up, 0},
        {up ? z : 0.01 * z, up ? 1 : 0.01, 0},
        {up ? z : e - 1, up ? 1 : e, up ? 0 : e},
        {scale * (up ? z : alpha * (e - 1)), scale * (up ? 1 : alpha * e),
         up ? 0 : scale * alpha * e},
        {log1p(e), s, s * (1 - s)},
    };

    memcpy(out, all[act], sizeof all[act]);
}

/* With a = g act'(z), bend gains g t act''(z). */
static void vec_act_bend_has_the_second_derivative(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill(in_x, 2, "z");
    fill(in_a, 1, "g");
    fill(in_t, 1, "t");
    for (int act = 0; act < LT_ACT_ELEMENTWISE; act++) {
        double largest = 0;

        for (int i = 0; i < N; i++) {
            double d[3];

            act_of((lt_act)act, (double)in_x[i], d);
            in_y[i] = (lt_real)d[0];
            largest = fabs(d[2]) > largest ? fabs(d[2]) : largest;
        }
        assert_true(lt_act_is_curved((lt_act)act) == (largest > 0));
        for (int s = 0; s < n; s++) {
            lt_real *bend = out_b, *slopes = out_a;
            static lt_real t[N];

            for (int i = 0; i < N; i++) {
                bend[i] = (lt_real)0.25;
                slopes[i] = in_a[i];
            }
            memcpy(t, in_t, sizeof t);
            sets[s]->act_grad((lt_act)act, N, in_y, slopes);
            sets[s]->act_bend((lt_act)act, N, in_y, slopes, t, bend);
            for (int i = 0; i < N; i++) {
                double d[3], g = (double)in_a[i], v = (double)in_t[i];

                /* y near 1 has lost digits of z. */
                act_of((lt_act)act, (double)in_x[i], d);
                near_to((double)t[i], v * d[1], 8 * epsilon * (fabs(v) + 1));
                near_to((double)bend[i], 0.25 + g * v * d[2],
                        16 * epsilon * (fabs(g * v) + 1));
            }
        }
    }
}

static void vec_penalties_do_not_depend_on_threads(void **state)
{
    lt_pool *pool = NULL;
    lt_vec_sizes one, three;

    (void)state;
    fill(in_x, 2, "x");
    fill(in_a, 1, "a");
    fill(in_t, 1, "t");
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    memcpy(out_a, in_t, sizeof out_a);
    memcpy(out_b, in_t, sizeof out_b);
    one = lt_vec_shrink(NULL, N, in_x, 1, 2, out_a);
    three = lt_vec_shrink(pool, N, in_x, 1, 2, out_b);
    assert_memory_equal(&one, &three, sizeof one);
    assert_memory_equal(out_a, out_b, sizeof out_a);
    memcpy(in_y, in_t, sizeof in_y);
    lt_vec_act_bend(NULL, LT_ACT_TANH, N, in_x, in_a, in_t, out_a);
    lt_vec_act_bend(pool, LT_ACT_TANH, N, in_x, in_a, in_y, out_b);
    assert_memory_equal(out_a, out_b, sizeof out_a);
    assert_memory_equal(in_t, in_y, sizeof in_t);
    lt_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vec_shrink_sums_and_pulls_to_zero),
        cmocka_unit_test(vec_act_bend_has_the_second_derivative),
        cmocka_unit_test(vec_penalties_do_not_depend_on_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
