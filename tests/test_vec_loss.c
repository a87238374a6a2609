/* Huber, masked and multinomial losses and softmax, of every instruction set
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

enum { N = 20011, ROWS = 17, COLS = 1177 }; /* ROWS COLS < N */

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;

static lt_real in_y[N], in_t[N], out_a[N], out_b[N];

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

static void vec_huber_is_square_near_and_line_far(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    long double loss = 0, squares = 0;

    (void)state;
    fill(in_y, 2, "y");
    fill(in_t, 1, "t");
    for (int i = 0; i < N; i++) {
        double e = (double)in_y[i] - (double)in_t[i];

        loss += fabs(e) <= 0.75 ? e * e / 2 : 0.75 * (fabs(e) - 0.375);
        squares += e * e;
    }
    for (int s = 0; s < n; s++) {
        const lt_real w = (lt_real)0.75, by = (lt_real)0.5;
        lt__loss_sums with = sets[s]->huber(N, in_y, in_t, w, by, out_a);
        lt__loss_sums without = sets[s]->huber(N, in_y, in_t, w, 0, NULL);

        near_to(with.loss, (double)loss, 8 * epsilon * (double)loss);
        near_to(with.sse, (double)squares, 8 * epsilon * (double)squares);
        assert_true(with.loss == without.loss && with.sse == without.sse);
        for (int i = 0; i < N; i++) {
            double e = (double)(in_y[i] - in_t[i]);

            near_to((double)out_a[i], 0.5 * fmax(-0.75, fmin(0.75, e)), 0);
        }
        in_y[N - 1] = (lt_real)NAN;
        assert_true(isnan(sets[s]->huber(N, in_y, in_t, w, 0, out_a).loss));
        assert_true(isnan((double)out_a[N - 1]));
        fill(in_y, 2, "y");
    }
}

static void vec_masked_sse_leaves_out_what_is_not_known(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    long double squares = 0;
    size_t known = 0;

    (void)state;
    fill(in_y, 2, "y");
    fill(in_t, 1, "t");
    for (int i = 0; i < N; i++) {
        double e = (double)in_y[i] - (double)in_t[i];

        if (i % 3 == 1) {
            in_t[i] = (lt_real)NAN;
            in_y[i] = i % 2 ? (lt_real)NAN : in_y[i]; /* does not matter */
        } else {
            squares += e * e;
            known++;
        }
    }
    for (int s = 0; s < n; s++) {
        double with = sets[s]->masked_sse(N, in_y, in_t, (lt_real)0.5, out_a);

        near_to(with, (double)squares, 8 * epsilon * (double)squares);
        assert_true(with == sets[s]->masked_sse(N, in_y, in_t, 0, NULL));
        assert_true(sets[s]->known(N, in_t) == known);
        sets[s]->known_or_zero(N, in_t, out_b);
        for (int i = 0; i < N; i++) {
            assert_true(out_a[i] ==
                        (isnan((double)in_t[i]) ? 0 : (in_y[i] - in_t[i]) / 2));
            assert_true(out_b[i] == (isnan((double)in_t[i]) ? 0 : in_t[i]));
        }
    }
}

static void vec_masked_sse_is_nan_when_a_known_output_is(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill(in_y, 2, "y");
    fill(in_t, 1, "t");
    in_y[1000] = (lt_real)NAN;
    for (int s = 0; s < n; s++)
        assert_true(isnan(sets[s]->masked_sse(N, in_y, in_t, 1, NULL)));
}

/* Softmax of a row, in double. */
static void plain_softmax(const lt_real *z, double *p)
{
    double most = -HUGE_VAL;
    long double sum = 0;

    for (int i = 0; i < COLS; i++)
        most = fmax(most, (double)z[i]);
    for (int i = 0; i < COLS; i++)
        sum += p[i] = exp((double)z[i] - most);
    for (int i = 0; i < COLS; i++)
        p[i] = (double)(p[i] / sum);
}

static void vec_softmax_is_of_rows(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    static double p[COLS];

    (void)state;
    fill(in_y, 20, "y");
    fill(in_t, 5, "t");
    for (int s = 0; s < n; s++)
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            memcpy(out_a, in_y, sizeof out_a);
            sets[s]->bias_act(LT_ACT_SOFTMAX, ROWS, COLS,
                              with_bias ? in_t : NULL, out_a);
            for (int r = 0; r < ROWS; r++) {
                for (int c = 0; c < COLS; c++)
                    out_b[c] = in_y[r * COLS + c] + (with_bias ? in_t[c] : 0);
                plain_softmax(out_b, p);
                for (int c = 0; c < COLS; c++)
                    near_to((double)out_a[r * COLS + c], p[c],
                            2 * FLT_MIN + 50 * epsilon * p[c]);
            }
        }
}

static void vec_softmax_survives_wild_logits_and_tells_of_nan(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++) {
        lt_real z[6] = {(lt_real)1e30, 0, (lt_real)-1e30, 0, (lt_real)NAN, 1};

        sets[s]->bias_act(LT_ACT_SOFTMAX, 2, 3, NULL, z);
        assert_true(z[0] == 1 && z[1] == 0 && z[2] == 0);
        for (int i = 3; i < 6; i++)
            assert_true(isnan((double)z[i]));
    }
}

static void vec_multinomial_is_cross_entropy_of_counts(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    static double p[COLS], slope[ROWS * COLS];
    long double loss = 0, squares = 0, words = 0;

    (void)state;
    fill(in_y, 6, "y");
    fill(in_t, 2, "t");
    for (int i = 0; i < N; i++) /* counts, most of them 0; row 3 has none */
        in_t[i] = i / COLS == 3 || in_t[i] < 1 ? 0 : floor(in_t[i]);
    for (int r = 0; r < ROWS; r++) {
        double total = 0;

        plain_softmax(in_y + (ptrdiff_t)r * COLS, p);
        for (int c = 0; c < COLS; c++)
            total += (double)in_t[r * COLS + c];
        for (int c = 0; c < COLS; c++) {
            double t = (double)in_t[r * COLS + c], e = total * p[c] - t;

            loss -= t > 0 ? t * log(p[c]) : 0;
            squares += e * e;
            slope[r * COLS + c] = 0.25 * e;
        }
        words += total;
    }
    for (int s = 0; s < n; s++) {
        lt__loss_sums with =
            sets[s]->multinomial(ROWS, COLS, in_y, in_t, (lt_real)0.25, out_a);
        lt__loss_sums without =
            sets[s]->multinomial(ROWS, COLS, in_y, in_t, 0, NULL);

        near_to(with.loss, (double)loss, 16 * epsilon * (double)loss);
        near_to(with.sse, (double)squares, 100 * epsilon * (double)squares);
        near_to(with.words, (double)words, 0);
        assert_memory_equal(&with, &without, sizeof with);
        for (int i = 0; i < ROWS * COLS; i++)
            near_to((double)out_a[i], slope[i],
                    epsilon * (1 + 50 * (fabs(slope[i]) + in_t[i])));
        for (int c = 0; c < COLS; c++)
            assert_true(out_a[3 * COLS + c] == 0);
    }
}

static void vec_losses_may_overwrite_their_outputs(void **state)
{
    lt_multinomial_sums a, b;
    double sse;

    (void)state;
    fill(in_y, 3, "y");
    fill(in_t, 3, "t");
    memcpy(out_b, in_y, sizeof out_b);
    lt_vec_huber(NULL, N, in_y, in_t, 1, 2, out_a, &sse);
    lt_vec_huber(NULL, N, out_b, in_t, 1, 2, out_b, &sse);
    assert_memory_equal(out_a, out_b, sizeof out_a);
    memcpy(out_b, in_y, sizeof out_b);
    lt_vec_masked_sse(NULL, N, in_y, in_t, 2, out_a);
    lt_vec_masked_sse(NULL, N, out_b, in_t, 2, out_b);
    assert_memory_equal(out_a, out_b, sizeof out_a);
    for (int i = 0; i < N; i++)
        in_t[i] = fabs(in_t[i]);
    memcpy(out_b, in_y, sizeof out_b);
    memcpy(out_a, in_y, sizeof out_a);
    a = lt_vec_multinomial_logits(NULL, ROWS, COLS, in_y, in_t, 2, out_a);
    b = lt_vec_multinomial_logits(NULL, ROWS, COLS, out_b, in_t, 2, out_b);
    assert_memory_equal(out_a, out_b, sizeof out_a);
    assert_memory_equal(&a, &b, sizeof a);
}

static void vec_losses_do_not_depend_on_the_threads(void **state)
{
    lt_multinomial_sums a, b;
    lt_pool *pool = NULL;
    double sse[2];

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    fill(in_y, 3, "y");
    fill(in_t, 3, "t");
    for (int i = 0; i < N; i++)
        in_t[i] = fabs(in_t[i]);
    a = lt_vec_multinomial_logits(NULL, ROWS, COLS, in_y, in_t, 2, out_a);
    b = lt_vec_multinomial_logits(pool, ROWS, COLS, in_y, in_t, 2, out_b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(out_a, out_b, ROWS * COLS * sizeof *out_a);
    assert_true(lt_vec_huber(NULL, N, in_y, in_t, 1, 2, out_a, sse) ==
                lt_vec_huber(pool, N, in_y, in_t, 1, 2, out_b, sse + 1));
    assert_true(sse[0] == sse[1]);
    in_t[5] = (lt_real)NAN;
    assert_true(lt_vec_masked_sse(NULL, N, in_y, in_t, 2, out_a) ==
                lt_vec_masked_sse(pool, N, in_y, in_t, 2, out_b));
    assert_true(lt_vec_known(pool, N, in_t) == N - 1);
    lt_vec_known_or_zero(pool, N, in_t, in_t);
    assert_true(lt_vec_known(pool, N, in_t) == N && in_t[5] == 0);
    lt_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vec_huber_is_square_near_and_line_far),
        cmocka_unit_test(vec_masked_sse_leaves_out_what_is_not_known),
        cmocka_unit_test(vec_masked_sse_is_nan_when_a_known_output_is),
        cmocka_unit_test(vec_softmax_is_of_rows),
        cmocka_unit_test(vec_softmax_survives_wild_logits_and_tells_of_nan),
        cmocka_unit_test(vec_multinomial_is_cross_entropy_of_counts),
        cmocka_unit_test(vec_losses_may_overwrite_their_outputs),
        cmocka_unit_test(vec_losses_do_not_depend_on_the_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
