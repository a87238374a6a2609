/* Matrix products against three plain loops, and the same bits for every
 * number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/math/blas.h"

#include <stdlib.h>
#include <string.h>

typedef struct product {
    lt_trans ta, tb;
    int m, n, k;
    lt_real alpha, beta;
    lt_real *a, *b, *c;
} product;

static lt_real *random_block(lt_rng *rng, int rows, int cols)
{
    size_t n = (size_t)rows * (size_t)cols;
    lt_real *x = lt_mem_aligned(n, sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (lt_real)(2 * lt_rng_uniform(rng) - 1);
    return x;
}

static product product_make(const int shape[3], int trans, lt_real beta)
{
    product p = {trans & 1 ? LT_TRANS : LT_NOTRANS,
                 trans & 2 ? LT_TRANS : LT_NOTRANS,
                 shape[0],
                 shape[1],
                 shape[2],
                 (lt_real)0.75,
                 beta,
                 NULL,
                 NULL,
                 NULL};
    lt_rng rng;

    lt_rng_init(&rng, 1, "product");
    p.a = random_block(&rng, p.m, p.k);
    p.b = random_block(&rng, p.k, p.n);
    p.c = random_block(&rng, p.m, p.n);
    return p;
}

static void product_free(product *p)
{
    lt_mem_free(p->a);
    lt_mem_free(p->b);
    lt_mem_free(p->c);
}

static double element(const lt_real *x, lt_trans trans, int rows, int cols,
                      int r, int c)
{
    return trans == LT_TRANS ? (double)x[(size_t)c * (size_t)rows + (size_t)r]
                             : (double)x[(size_t)r * (size_t)cols + (size_t)c];
}

/* Element (i,j) of the result, in double. */
static double naive(const product *p, int i, int j)
{
    double sum = 0, c = (double)p->c[(size_t)i * (size_t)p->n + (size_t)j];

    for (int q = 0; q < p->k; q++)
        sum += element(p->a, p->ta, p->m, p->k, i, q) *
               element(p->b, p->tb, p->k, p->n, q, j);
    sum *= (double)p->alpha;
    return p->beta == 0 ? sum : sum + (double)p->beta * c;
}

static void assert_product(const product *p, const lt_real *got, int stride)
{
    double tolerance = (sizeof(lt_real) == 4 ? 1e-6 : 1e-14) * (p->k + 10);

    for (int i = 0; i < p->m; i += i + 1 + stride < p->m ? stride : 1)
        for (int j = 0; j < p->n; j += j + 1 + stride < p->n ? stride : 1) {
            double found = (double)got[(size_t)i * (size_t)p->n + (size_t)j];

            assert_true(fabs(found - naive(p, i, j)) <= tolerance);
        }
}

static lt_real *product_copy(const product *p)
{
    size_t n = (size_t)p->m * (size_t)p->n;
    lt_real *c = lt_mem_aligned(n, sizeof *c);

    assert_non_null(c);
    memcpy(c, p->c, n * sizeof *c);
    return c;
}

static lt_real *product_run(const product *p, lt_pool *pool)
{
    lt_real *c = product_copy(p);

    lt_gemm(pool, p->ta, p->tb, p->m, p->n, p->k, p->alpha, p->a, p->b, p->beta,
            c);
    return c;
}

static void gemm_agrees_with_plain_loops(void **state)
{
    static const int shapes[][3] = {
        {1, 1, 1},    {1, 7, 3},       {5, 1, 9},      {3, 4, 0},
        {17, 33, 65}, {64, 64, 64},    {100, 250, 30}, {31, 250, 500},
        {7, 900, 81}, {300, 129, 257},
    };

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int trans = 0; trans < 4; trans++)
            for (int beta = 0; beta < 2; beta++) {
                product p = product_make(shapes[s], trans, (lt_real)beta);
                lt_real *c = product_run(&p, NULL);

                assert_product(&p, c, p.m * p.n > 4096 ? 7 : 1);
                lt_mem_free(c);
                product_free(&p);
            }
}

static void gemm_has_the_same_bits_for_every_thread_count(void **state)
{
    static const int shapes[][3] = {
        {100, 1000, 784}, {1000, 784, 100}, {100, 784, 1000}, {500, 30, 1000},
        {128, 81, 196},   {784, 32, 32},    {1003, 517, 100},
    };

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int trans = 0; trans < 4; trans++) {
            product p = product_make(shapes[s], trans, 1);
            lt_real *expected = product_run(&p, NULL);
            size_t size = (size_t)p.m * (size_t)p.n * sizeof *expected;

            assert_product(&p, expected, 61);
            for (int threads = 1; threads <= 4; threads++) {
                lt_pool *pool = NULL;
                lt_real *c;

                assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
                c = product_run(&p, pool);
                assert_memory_equal(c, expected, size);
                lt_mem_free(c);
                lt_pool_free(pool);
            }
            lt_mem_free(expected);
            product_free(&p);
        }
}

static lt_product product_args(const product *p, lt_real *c)
{
    return (lt_product){p->ta,    p->tb,   p->m, p->n, p->k,
                        p->alpha, p->beta, p->a, p->b, c};
}

/* A layer's two gradients, at three sizes; and an empty product in a pair. */
static void gemm_pair_is_two_products(void **state)
{
    static const int shapes[][2][3] = {{{40, 30, 20}, {20, 30, 40}},
                                       {{200, 81, 128}, {128, 200, 81}},
                                       {{1000, 784, 100}, {100, 784, 1000}},
                                       {{700, 600, 650}, {650, 700, 600}},
                                       {{0, 30, 20}, {20, 30, 40}}};

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int threads = 1; threads <= 3; threads++) {
            product p[2] = {product_make(shapes[s][0], 1, 1),
                            product_make(shapes[s][1], 0, 0)};
            lt_real *c[2] = {product_copy(&p[0]), product_copy(&p[1])};
            lt_product args[2] = {product_args(&p[0], c[0]),
                                  product_args(&p[1], c[1])};
            lt_pool *pool = NULL;

            assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
            lt_gemm_pair(pool, args);
            for (int i = 0; i < 2; i++) {
                assert_product(&p[i], c[i], 31);
                lt_mem_free(c[i]);
                product_free(&p[i]);
            }
            lt_pool_free(pool);
        }
}

static void gemm_with_beta_zero_ignores_what_was_there(void **state)
{
    static const int shapes[][3] = {{3, 5, 7}, {100, 500, 250}, {4, 4, 0}};

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        product p = product_make(shapes[s], 2, 0);
        lt_real *c;

        for (size_t i = 0; i < (size_t)p.m * (size_t)p.n; i++)
            p.c[i] = (lt_real)NAN;
        c = product_run(&p, NULL);
        for (size_t i = 0; i < (size_t)p.m * (size_t)p.n; i++)
            assert_true(isfinite((double)c[i]));
        lt_mem_free(c);
        product_free(&p);
    }
}

static void gemm_of_nothing_does_nothing(void **state)
{
    lt_real c = 3;

    (void)state;
    lt_gemm(NULL, LT_NOTRANS, LT_NOTRANS, 0, 4, 4, 1, &c, &c, 0, &c);
    lt_gemm(NULL, LT_NOTRANS, LT_NOTRANS, 4, 0, 4, 1, &c, &c, 0, &c);
    assert_true(c == 3);
}

static void gemm_bare_agrees_with_gemm(void **state)
{
    const int shape[3] = {33, 70, 45};
    product p = product_make(shape, 1, 1);
    lt_real *got;

    (void)state;
    got = lt_mem_aligned((size_t)(p.m * p.n), sizeof *got);
    memcpy(got, p.c, (size_t)(p.m * p.n) * sizeof *got);
    lt_gemm_bare(p.ta, p.tb, p.m, p.n, p.k, p.alpha, p.a, p.b, p.beta, got);
    assert_product(&p, got, 1);
    lt_mem_free(got);
    product_free(&p);
}

static void blas_describes_itself(void **state)
{
    lt_blas_info info;

    (void)state;
    lt_blas_describe(&info);
    assert_true(strlen(info.core) > 0);
    assert_non_null(strstr(info.library, "OpenBLAS"));
    if (!*info.wanted)
        assert_true(info.is_right);
    if (!getenv("OPENBLAS_CORETYPE"))
        assert_false(info.user_set);
}

/* With the user's own choice, or with nothing to correct, the call returns. A
 * wrong core would end in an exec of this test, which then passes too. */
static void blas_correct_respects_the_user(void **state)
{
    char *argv[] = {(char *)"test_blas", NULL};
    lt_blas_info info;

    (void)state;
    setenv("OPENBLAS_CORETYPE", "Haswell", 1);
    unsetenv("LATENT_BLAS_CORRECTED");
    lt_blas_describe(&info);
    assert_true(info.user_set);
    lt_blas_correct(argv);
    assert_string_equal(getenv("OPENBLAS_CORETYPE"), "Haswell");
    assert_null(getenv("LATENT_BLAS_CORRECTED"));
    assert_string_equal(getenv("OPENBLAS_NUM_THREADS"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_agrees_with_plain_loops),
        cmocka_unit_test(gemm_has_the_same_bits_for_every_thread_count),
        cmocka_unit_test(gemm_pair_is_two_products),
        cmocka_unit_test(gemm_with_beta_zero_ignores_what_was_there),
        cmocka_unit_test(gemm_of_nothing_does_nothing),
        cmocka_unit_test(gemm_bare_agrees_with_gemm),
        cmocka_unit_test(blas_describes_itself),
        cmocka_unit_test(blas_correct_respects_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
