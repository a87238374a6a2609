/* Every element-wise kernel, of every instruction set that this processor
 * has, against plain C library code in double. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/math/vec.h"
#include "math/kernels.h"

#include <string.h>

enum { N = 20011 }; /* odd, and more than two pieces */

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;
static const double tiny = sizeof(lt_real) == 4 ? FLT_MIN : DBL_MIN;

static lt_real in_x[N], in_y[N], in_t[N], out_a[N], out_b[N];

static void fill_range(lt_real *x, int n, double low, double high)
{
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)(low + (high - low) * i / (n - 1));
}

static void fill_random(lt_real *x, int n, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 11, stream);
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

static void fill_targets(void)
{
    lt_rng rng;

    lt_rng_init(&rng, 12, "target");
    for (int i = 0; i < N; i++)
        in_t[i] = i % 3 ? (lt_real)lt_rng_uniform(&rng) : (lt_real)(i % 2);
}

/* Plain definitions, in double. */
static double act_value(lt_act act, double z)
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;

    switch (act) {
    case LT_ACT_SIGMOID:
        return 1 / (1 + exp(-z));
    case LT_ACT_TANH:
        return tanh(z);
    case LT_ACT_RELU:
        return z > 0 ? z : 0;
    case LT_ACT_LEAKY_RELU:
        return z > 0 ? z : 0.01 * z;
    case LT_ACT_ELU:
        return z > 0 ? z : expm1(z);
    case LT_ACT_SELU:
        return scale * (z > 0 ? z : alpha * expm1(z));
    case LT_ACT_SOFTPLUS:
        return z > 30 ? z + exp(-z) : log1p(exp(z));
    default:
        return z;
    }
}

static double act_slope(lt_act act, double z)
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    double s = 1 / (1 + exp(-z));

    switch (act) {
    case LT_ACT_SIGMOID:
        return s * (1 - s);
    case LT_ACT_TANH:
        return 1 - tanh(z) * tanh(z);
    case LT_ACT_RELU:
        return z > 0;
    case LT_ACT_LEAKY_RELU:
        return z > 0 ? 1 : 0.01;
    case LT_ACT_ELU:
        return z > 0 ? 1 : exp(z);
    case LT_ACT_SELU:
        return scale * (z > 0 ? 1 : alpha * exp(z));
    case LT_ACT_SOFTPLUS:
        return s;
    default:
        return 1;
    }
}

/* Relative error in units of epsilon; differences under the smallest normal
 * number do not count. */
static double ulps(double found, double wanted)
{
    double difference = fabs(found - wanted);

    return difference <= 2 * tiny ? 0 : difference / fabs(wanted) / epsilon;
}

static void act_is_within_ulps(const lt__kernels *k, lt_act act, double low,
                               double high)
{
    fill_range(in_x, N, low, high);
    memcpy(out_a, in_x, sizeof out_a);
    k->bias_act(act, 1, N, NULL, out_a);
    for (int i = 0; i < N; i++) {
        double wanted = act_value(act, (double)in_x[i]);

        if (ulps((double)out_a[i], wanted) > 3)
            fail_msg("%s: %s(%.9g) is %.9g, wanted %.9g", k->name,
                     lt_act_name(act), (double)in_x[i], (double)out_a[i],
                     wanted);
    }
}

static void vec_activations_are_within_ulps(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++)
        for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
            act_is_within_ulps(sets[s], (lt_act)a, -1, 1);
            act_is_within_ulps(sets[s], (lt_act)a, -20, 20);
            act_is_within_ulps(sets[s], (lt_act)a, -86, 120);
            act_is_within_ulps(sets[s], (lt_act)a, -1e-6, 1e-6);
        }
}

static void vec_activations_have_right_limits(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++)
        for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
            lt_real x[4] = {(lt_real)-1e30, (lt_real)1e30, (lt_real)NAN, 0};

            sets[s]->bias_act((lt_act)a, 1, 4, NULL, x);
            assert_true(ulps((double)x[0],
                             act_value((lt_act)a, (double)(lt_real)-1e30)) < 4);
            assert_true(ulps((double)x[1],
                             act_value((lt_act)a, (double)(lt_real)1e30)) < 4);
            assert_true(isnan((double)x[2]));
            assert_true(ulps((double)x[3], act_value((lt_act)a, 0)) < 4);
        }
}

static void vec_bias_is_added_to_each_row(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    enum { ROWS = 7, COLS = 45 };

    (void)state;
    fill_random(in_x, ROWS * COLS, "x");
    fill_random(in_y, COLS, "bias");
    for (int s = 0; s < n; s++)
        for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
            memcpy(out_a, in_x, ROWS * COLS * sizeof *in_x);
            sets[s]->bias_act((lt_act)a, ROWS, COLS, in_y, out_a);
            for (int i = 0; i < ROWS * COLS; i++) {
                lt_real z = in_x[i] + in_y[i % COLS];

                assert_true(ulps((double)out_a[i],
                                 act_value((lt_act)a, (double)z)) < 4);
            }
        }
}

static void vec_slopes_match_derivatives(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill_range(in_x, N, -6.02, 6.03);
    for (int s = 0; s < n; s++)
        for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
            for (int i = 0; i < N; i++) {
                out_a[i] = (lt_real)act_value((lt_act)a, (double)in_x[i]);
                out_b[i] = 3;
            }
            sets[s]->act_grad((lt_act)a, N, out_a, out_b);
            /* y is rounded, and 1 - y magnifies that: absolute error */
            for (int i = 0; i < N; i++)
                assert_true(fabs((double)out_b[i] -
                                 3 * act_slope((lt_act)a, (double)in_x[i])) <
                            20 * epsilon);
        }
}

static void vec_slopes_pass_nan_on(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++)
        for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
            lt_real y[2] = {(lt_real)0.5, 1}, dy[2] = {(lt_real)NAN, 1};

            sets[s]->act_grad((lt_act)a, 2, y, dy);
            assert_true(isnan((double)dy[0]));
            assert_false(isnan((double)dy[1]));
        }
}

static void vec_col_sums_add_rows(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    enum { ROWS = 50, COLS = 150 };

    (void)state;
    fill_random(in_x, ROWS * COLS, "x");
    for (int s = 0; s < n; s++)
        for (int beta = 0; beta < 2; beta++) {
            for (int c = 0; c < COLS; c++)
                out_a[c] = beta ? (lt_real)1 : (lt_real)NAN;
            sets[s]->col_sums(ROWS, COLS, COLS, in_x, (lt_real)beta, out_a);
            for (int c = 0; c < COLS; c++) {
                double sum = beta;

                for (int r = 0; r < ROWS; r++)
                    sum += (double)in_x[r * COLS + c];
                assert_true(fabs((double)out_a[c] - sum) < 200 * epsilon);
            }
        }
}

static void vec_bce_is_cross_entropy_from_logits(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    long double loss = 0, squares = 0;

    (void)state;
    fill_targets();
    fill_range(in_x, N, -40, 50);
    for (int i = 0; i < N; i++) {
        double z = (double)in_x[i], t = (double)in_t[i];
        double y = act_value(LT_ACT_SIGMOID, z);

        loss += (z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z)));
        squares += (y - t) * (y - t);
    }
    for (int s = 0; s < n; s++) {
        lt__loss_sums got = sets[s]->bce(N, in_x, in_t, (lt_real)0.25, out_a);
        lt__loss_sums value = sets[s]->bce(N, in_x, in_t, 0, NULL);

        assert_true(fabs(got.loss / (double)loss - 1) < 8 * epsilon);
        assert_true(fabs(got.sse / (double)squares - 1) < 8 * epsilon);
        assert_true(fabs(value.loss / (double)loss - 1) < 8 * epsilon);
        assert_true(fabs(value.sse / (double)squares - 1) < 8 * epsilon);
        for (int i = 0; i < N; i++) {
            double y = act_value(LT_ACT_SIGMOID, (double)in_x[i]);

            assert_true(fabs((double)out_a[i] - 0.25 * (y - (double)in_t[i])) <
                        epsilon);
        }
    }
}

static void vec_bce_may_overwrite_its_logits(void **state)
{
    double sse_a, sse_b, a, b;

    (void)state;
    fill_targets();
    fill_range(in_x, N, -9, 9);
    memcpy(out_b, in_x, sizeof out_b);
    a = lt_vec_bce_logits(NULL, N, in_x, in_t, 2, out_a, &sse_a);
    b = lt_vec_bce_logits(NULL, N, out_b, in_t, 2, out_b, &sse_b);
    assert_true(a == b && sse_a == sse_b);
    assert_memory_equal(out_a, out_b, sizeof out_a);
}

static void vec_losses_are_nan_when_an_element_is(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill_targets();
    fill_range(in_x, N, -9, 9);
    in_x[777] = (lt_real)NAN;
    for (int s = 0; s < n; s++) {
        lt__loss_sums got = sets[s]->bce(N, in_x, in_t, 1, out_a);

        assert_true(isnan(got.loss) && isnan(got.sse));
        assert_true(isnan((double)out_a[777]));
        assert_true(isnan(sets[s]->bce(N, in_x, in_t, 1, NULL).loss));
        assert_true(isnan(sets[s]->sse(N, in_x, in_t, 1, out_a)));
        assert_true(isnan(sets[s]->sse(N, in_x, in_t, 1, NULL)));
    }
}

static void vec_sse_sums_squares(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    long double squares = 0;

    (void)state;
    fill_random(in_x, N, "x");
    fill_targets();
    for (int i = 0; i < N; i++)
        squares += ((double)in_x[i] - (double)in_t[i]) *
                   ((double)in_x[i] - (double)in_t[i]);
    for (int s = 0; s < n; s++) {
        double got = sets[s]->sse(N, in_x, in_t, (lt_real)0.5, out_a);

        assert_true(fabs(got / (double)squares - 1) < 8 * epsilon);
        assert_true(
            fabs(sets[s]->sse(N, in_x, in_t, 0, NULL) / (double)squares - 1) <
            8 * epsilon);
        for (int i = 0; i < N; i++)
            assert_true(out_a[i] == (lt_real)0.5 * (in_x[i] - in_t[i]));
    }
}

/* Three steps of Kingma and Ba's algorithm as the paper writes it. */
static void adam_reference(double rate, double decay, int n, double *w)
{
    double m[64] = {0}, v[64] = {0};

    for (int t = 1; t <= 3; t++)
        for (int i = 0; i < n; i++) {
            double g = (double)in_y[i] * t + decay * w[i];
            double m_hat, v_hat;

            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            m_hat = m[i] / (1 - pow(0.9, t));
            v_hat = v[i] / (1 - pow(0.999, t));
            w[i] -= rate * m_hat / (sqrt(v_hat) + 1e-8);
        }
}

static void vec_adam_follows_the_paper(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    enum { COUNT = 61 };

    (void)state;
    fill_random(in_x, COUNT, "w");
    fill_random(in_y, COUNT, "g");
    for (int s = 0; s < n; s++) {
        lt_real w[COUNT], m[COUNT] = {0}, v[COUNT] = {0}, g[COUNT];
        double wanted[COUNT];

        for (int i = 0; i < COUNT; i++)
            wanted[i] = (double)(w[i] = in_x[i]);
        for (int t = 1; t <= 3; t++) {
            lt_adam_step step = {0.9,
                                 0.999,
                                 (lt_real)(0.01 / (1 - pow(0.9, t))),
                                 (lt_real)(1 / sqrt(1 - pow(0.999, t))),
                                 (lt_real)1e-8,
                                 (lt_real)0.1};

            for (int i = 0; i < COUNT; i++)
                g[i] = in_y[i] * (lt_real)t;
            sets[s]->adam(COUNT, &step, g, w, m, v);
        }
        adam_reference(0.01, 0.1, COUNT, wanted);
        for (int i = 0; i < COUNT; i++)
            assert_true(fabs((double)w[i] - wanted[i]) < 10 * epsilon);
    }
}

static void sgd_reference(const lt_sgd_step *s, int n, double *w, double *u)
{
    for (int i = 0; i < n; i++) {
        double g = (double)in_y[i] + (double)s->decay * w[i];

        u[i] = (double)s->momentum * u[i] + g;
        w[i] -= (double)s->rate *
                (s->nesterov ? g + (double)s->momentum * u[i] : u[i]);
    }
}

static void vec_sgd_follows_pytorch(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    enum { COUNT = 61 };
    const lt_sgd_step steps[] = {
        {(lt_real)0.1, 0, 0, 0},
        {(lt_real)0.1, 0, (lt_real)0.01, 0},
        {(lt_real)0.1, (lt_real)0.9, (lt_real)0.01, 0},
        {(lt_real)0.1, (lt_real)0.9, (lt_real)0.01, 1},
    };

    (void)state;
    fill_random(in_x, COUNT, "w");
    fill_random(in_y, COUNT, "g");
    for (int s = 0; s < n; s++)
        for (int c = 0; c < 4; c++) {
            lt_real w[COUNT], u[COUNT] = {0};
            double wanted[COUNT], velocity[COUNT] = {0};

            for (int i = 0; i < COUNT; i++)
                wanted[i] = (double)(w[i] = in_x[i]);
            for (int t = 0; t < 3; t++) {
                sets[s]->sgd(COUNT, &steps[c], in_y, w, c < 2 ? NULL : u);
                sgd_reference(&steps[c], COUNT, wanted, velocity);
            }
            for (int i = 0; i < COUNT; i++)
                assert_true(fabs((double)w[i] - wanted[i]) < 20 * epsilon);
        }
}

static void vec_axpby_ignores_y_when_b_is_zero(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill_random(in_x, 100, "x");
    for (int s = 0; s < n; s++) {
        for (int i = 0; i < 100; i++)
            out_a[i] = (lt_real)NAN, out_b[i] = (lt_real)i;
        sets[s]->axpby(100, 2, in_x, 0, out_a);
        sets[s]->axpby(100, 2, in_x, -1, out_b);
        for (int i = 0; i < 100; i++) {
            assert_true(out_a[i] == 2 * in_x[i]);
            assert_true(fabs((double)out_b[i] - (2 * (double)in_x[i] - i)) <
                        200 * epsilon);
        }
    }
}

static void vec_from_bytes_scales_all_256(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    uint8_t bytes[256];

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    for (int s = 0; s < n; s++) {
        sets[s]->from_bytes(256, bytes, (lt_real)(1 / 255.0), -1, out_a);
        for (int i = 0; i < 256; i++)
            assert_true(fabs((double)out_a[i] - (i / 255.0 - 1)) < 2 * epsilon);
    }
}

static void vec_all_finite_sees_one_bad_element(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    const lt_real bad[] = {(lt_real)NAN, (lt_real)INFINITY, (lt_real)-INFINITY};

    (void)state;
    for (int s = 0; s < n; s++) {
        fill_random(in_x, N, "x");
        in_x[5] = sizeof(lt_real) == 4 ? (lt_real)FLT_MAX : (lt_real)DBL_MAX;
        in_x[6] = -in_x[5];
        assert_true(sets[s]->all_finite(N, in_x));
        for (int b = 0; b < 3; b++)
            for (int i = 0; i < 40; i++) {
                lt_real kept = in_x[N - 1 - i];

                in_x[N - 1 - i] = bad[b];
                assert_false(sets[s]->all_finite(N, in_x));
                in_x[N - 1 - i] = kept;
            }
    }
    assert_true(lt_vec_all_finite(0, in_x));
}

static void act_names_are_found_again(void **state)
{
    (void)state;
    for (int a = 0; a < LT_ACT_ELEMENTWISE; a++) {
        assert_int_equal(lt_act_find(lt_act_name((lt_act)a)), a);
        assert_string_equal(lt_act_names()[a], lt_act_name((lt_act)a));
    }
    assert_int_equal(lt_act_find("signoid"), -1);
    assert_true(strlen(lt_vec_isa()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vec_activations_are_within_ulps),
        cmocka_unit_test(vec_activations_have_right_limits),
        cmocka_unit_test(vec_bias_is_added_to_each_row),
        cmocka_unit_test(vec_slopes_match_derivatives),
        cmocka_unit_test(vec_slopes_pass_nan_on),
        cmocka_unit_test(vec_col_sums_add_rows),
        cmocka_unit_test(vec_bce_is_cross_entropy_from_logits),
        cmocka_unit_test(vec_bce_may_overwrite_its_logits),
        cmocka_unit_test(vec_losses_are_nan_when_an_element_is),
        cmocka_unit_test(vec_sse_sums_squares),
        cmocka_unit_test(vec_adam_follows_the_paper),
        cmocka_unit_test(vec_sgd_follows_pytorch),
        cmocka_unit_test(vec_axpby_ignores_y_when_b_is_zero),
        cmocka_unit_test(vec_from_bytes_scales_all_256),
        cmocka_unit_test(vec_all_finite_sees_one_bad_element),
        cmocka_unit_test(act_names_are_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
