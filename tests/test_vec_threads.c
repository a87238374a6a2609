/* Random fills, of every instruction set that this processor has; and every
 * function of vec.h gives the same bits for every number of threads. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/math/vec.h"
#include "math/kernels.h"

#include <string.h>

enum { N = 20011 }; /* odd, and more than two pieces */

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;

static lt_real in_x[N], in_y[N], in_t[N], out_a[N], out_b[N], out_c[N];

static void fill_random(lt_real *x, int n, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 11, stream);
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

static void fill_range(lt_real *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)i / (lt_real)(n - 1);
}

/* ---- random ---- */

static void vec_random_is_the_same_for_every_set(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    fill_range(in_x, N);
    for (int s = 1; s < n; s++) {
        sets[0]->uniform(123456789, 64, N, out_a);
        sets[s]->uniform(123456789, 64, N, out_b);
        assert_memory_equal(out_a, out_b, sizeof out_a);
        sets[0]->bernoulli(99, 0, N, in_x, out_a);
        sets[s]->bernoulli(99, 0, N, in_x, out_b);
        assert_memory_equal(out_a, out_b, sizeof out_a);
    }
}

/* Element i depends on the key and i alone. */
static void vec_random_pieces_join(void **state)
{
    const lt__kernels *k = lt__kernels_best();
    void (*const fills[])(uint64_t, size_t, size_t, lt_real *) = {k->uniform,
                                                                  k->normal};

    (void)state;
    for (int f = 0; f < 2; f++) {
        fills[f](42, 0, N, out_a);
        fills[f](42, 0, 96, out_b);
        fills[f](42, 96, 5, out_b + 96);
        fills[f](42, 96, N - 96, out_b + 96);
        assert_memory_equal(out_a, out_b, sizeof out_a);
    }
}

/* Known answer of Random123's kat_vectors: threefry2x32, 20 rounds, key and
 * counter 0: 6b200159 99ba4efe. */
static void vec_uniform_is_threefry(void **state)
{
    lt_real out[32];

    (void)state;
    lt__kernels_best()->uniform(0, 0, 32, out);
    if (sizeof(lt_real) == 4) {
        assert_true((double)out[0] == (0x6b200159u >> 8) * 0x1p-24);
        assert_true((double)out[16] == (0x99ba4efeu >> 8) * 0x1p-24);
    } else {
        assert_true((double)out[0] ==
                    (double)(0x6b20015999ba4efeu >> 11) * 0x1p-53);
    }
}

/* Kolmogorov-Smirnov distance of N draws from the normal distribution; a
 * true sample exceeds 2.2/sqrt(N) once in 10^4. */
static double normal_distance(const lt_real *x, int n)
{
    enum { BINS = 600 };
    int count[BINS] = {0}, below = 0;
    double worst = 0;

    for (int i = 0; i < n; i++) {
        double at = floor(((double)x[i] + 6) * 50);

        assert_true(at >= 0 && at < BINS);
        count[(int)at]++;
    }
    for (int b = 0; b < BINS; b++) {
        double edge = (b + 1) / 50.0 - 6;

        below += count[b];
        worst =
            fmax(worst, fabs((double)below / n - 0.5 * erfc(-edge / sqrt(2))));
    }
    return worst;
}

static void vec_normal_is_normal(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int s = 0; s < n; s++) {
        double product = 0;

        sets[s]->normal(2024, 0, N, out_a);
        assert_true(normal_distance(out_a, N) < 2.2 / sqrt(N));
        for (int i = 0; i + 16 < N; i++) /* the two of a pair */
            product += (double)out_a[i] * (double)out_a[i + 16];
        assert_true(fabs(product / N) < 4 / sqrt(N));
    }
}

/* The fill itself is Box and Muller's formula on the uniforms. */
static void vec_normal_is_box_and_muller(void **state)
{
    const double half = sizeof(lt_real) == 4 ? 0x1p-25 : 0x1p-54;
    const double two_pi = 6.283185307179586;

    (void)state;
    lt__kernels_best()->uniform(7, 0, N, out_a);
    lt__kernels_best()->normal(7, 0, N, out_b);
    for (int i = 0; i + 32 <= N; i += 32)
        for (int j = i; j < i + 16; j++) {
            double radius = sqrt(-2 * log((double)(out_a[j] + (lt_real)half)));
            double angle = two_pi * (double)out_a[j + 16];
            double tolerance = 8 * epsilon;

            assert_true(fabs((double)out_b[j] - radius * cos(angle)) <
                        tolerance * (1 + radius));
            assert_true(fabs((double)out_b[j + 16] - radius * sin(angle)) <
                        tolerance * (1 + radius));
        }
}

static void vec_bernoulli_obeys_its_probabilities(void **state)
{
    double sum = 0;
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 3, "sample");
    for (int i = 0; i < N; i++)
        in_x[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : (lt_real)0.3;
    lt_vec_bernoulli(NULL, &rng, N, in_x, out_a);
    for (int i = 0; i < N; i++) {
        assert_true(out_a[i] == 0 || out_a[i] == 1);
        if (i % 3 < 2)
            assert_true(out_a[i] == in_x[i]);
        else
            sum += (double)out_a[i];
    }
    assert_true(fabs(sum / (N / 3) - 0.3) < 4 * sqrt(0.21 / (N / 3)));
}

static void vec_random_moves_the_stream_by_one_draw(void **state)
{
    lt_rng a, b;

    (void)state;
    lt_rng_init(&a, 3, "noise");
    b = a;
    lt_vec_normal(NULL, &a, N, out_a);
    lt_vec_normal(NULL, &a, N, out_b);
    assert_true(memcmp(out_a, out_b, sizeof out_a) != 0);
    lt_rng_next(&b);
    lt_rng_next(&b);
    assert_memory_equal(&a, &b, sizeof a);
}

/* ---- threads ---- */

typedef struct digest {
    double loss, bce_sse, sse;
    lt_real act[N], slope[N], sums[N], bce[N], dy[N], adam[N], sgd[N], noise[N],
        sample[N];
} digest;

/* All that is cut into pieces, on one pool. */
static void digest_fill(lt_pool *pool, digest *d)
{
    const lt_adam_step adam = {0.9,          0.999,         (lt_real)0.01,
                               (lt_real)1.5, (lt_real)1e-8, (lt_real)0.1};
    const lt_sgd_step sgd = {(lt_real)0.01, (lt_real)0.9, (lt_real)0.1, 1};
    enum { ROWS = 149, COLS = 134 };
    lt_rng rng;

    fill_random(in_x, N, "x");
    fill_random(in_y, N, "y");
    fill_range(in_t, N);
    memset(d, 0, sizeof *d);
    memcpy(d->act, in_x, sizeof d->act);
    lt_vec_bias_act(pool, LT_ACT_TANH, ROWS, COLS, in_y, d->act);
    memcpy(d->slope, in_y, sizeof d->slope);
    lt_vec_act_grad(pool, LT_ACT_SIGMOID, N, in_x, d->slope);
    lt_vec_col_sums(pool, ROWS, COLS, in_x, 0, d->sums);
    d->loss = lt_vec_bce_logits(pool, N, in_x, in_t, 3, d->bce, &d->bce_sse);
    d->sse = lt_vec_sse(pool, N, in_x, in_t, 3, d->dy);
    memcpy(d->adam, in_x, sizeof d->adam);
    memset(out_a, 0, sizeof out_a);
    memset(out_b, 0, sizeof out_b);
    lt_vec_adam(pool, N, &adam, in_y, d->adam, out_a, out_b);
    memcpy(d->sgd, in_x, sizeof d->sgd);
    lt_vec_sgd(pool, N, &sgd, in_y, d->sgd, out_a);
    lt_vec_axpby(pool, N, 2, in_y, 3, d->sgd);
    lt_rng_init(&rng, 1, "noise");
    lt_vec_normal(pool, &rng, N, d->noise);
    lt_vec_uniform(pool, &rng, N, out_c);
    lt_vec_bernoulli(pool, &rng, N, out_c, d->sample);
}

static void vec_has_the_same_bits_for_every_thread_count(void **state)
{
    static digest one, other;

    (void)state;
    digest_fill(NULL, &one);
    for (int threads = 1; threads <= 4; threads++) {
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
        digest_fill(pool, &other);
        assert_memory_equal(&one, &other, sizeof one);
        lt_pool_free(pool);
    }
}

/* In pieces of one strip these would be more than a pool takes in one job. */
static void vec_col_sums_take_millions_of_columns(void **state)
{
    const int cols = 65536 * 64 + 1;
    lt_real *x = lt_mem_aligned((size_t)cols * 2, sizeof *x);
    lt_real *sums = lt_mem_aligned((size_t)cols, sizeof *sums);
    lt_pool *pool = NULL;

    (void)state;
    assert_true(x && sums);
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    for (int c = 0; c < 2 * cols; c++)
        x[c] = (lt_real)(c < cols ? c % 1000 : 1);
    lt_vec_col_sums(pool, 2, cols, x, 0, sums);
    for (int c = 0; c < cols; c++)
        assert_true(fabs((double)sums[c] - c % 1000 - 1) < 1e-6);
    lt_pool_free(pool);
    lt_mem_free(sums);
    lt_mem_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vec_random_is_the_same_for_every_set),
        cmocka_unit_test(vec_random_pieces_join),
        cmocka_unit_test(vec_uniform_is_threefry),
        cmocka_unit_test(vec_normal_is_normal),
        cmocka_unit_test(vec_normal_is_box_and_muller),
        cmocka_unit_test(vec_bernoulli_obeys_its_probabilities),
        cmocka_unit_test(vec_random_moves_the_stream_by_one_draw),
        cmocka_unit_test(vec_has_the_same_bits_for_every_thread_count),
        cmocka_unit_test(vec_col_sums_take_millions_of_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
