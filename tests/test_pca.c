/* Covariances against sums written out, components by the identities that
 * define them, and MNIST's known reconstruction errors when LATENT_DATA holds
 * the set. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/data/catalog.h"
#include "latent/math/pca.h"
#include "latent/math/vec.h"

#include <stdlib.h>
#include <string.h>

enum { N = 1300, D = 130, K = 7 };

static lt_real rows[N * D];

/* Correlated, each element with a mean and a size of its own. */
static void rows_make(double offset)
{
    lt_rng rng;

    lt_rng_init(&rng, 3, "pca");
    for (int i = 0; i < N; i++) {
        double common = lt_rng_normal(&rng);

        for (int j = 0; j < D; j++)
            rows[i * D + j] =
                (lt_real)(offset + j +
                          (1 + j % 5) * (common + lt_rng_normal(&rng)));
    }
}

static lt_covariance *covariance_of(int n, int d, const lt_real *x,
                                    lt_pool *pool)
{
    static const int blocks[] = {1, 700, 3, 90, 1000000};
    lt_covariance *c = NULL;
    int at = 0;

    assert_int_equal(lt_covariance_new(d, pool, &c, NULL), LT_OK);
    for (int i = 0; at < n; i++) {
        int count = n - at < blocks[i] ? n - at : blocks[i];

        lt_covariance_add(c, count, x + (size_t)at * (size_t)d);
        at += count;
    }
    return c;
}

static void covariance_is_that_of_the_sums_written_out(void **state)
{
    static double mean[D], cov[D * D];

    (void)state;
    for (int far = 0; far < 2; far++) {
        lt_covariance *c;

        rows_make(far ? 1000 : 0);
        c = covariance_of(N, D, rows, NULL);
        assert_int_equal(lt_covariance_rows(c), N);
        assert_int_equal(lt_covariance_get(c, mean, cov, NULL), LT_OK);
        for (int a = 0; a < D; a += 13)
            for (int b = 0; b < D; b += 7) {
                long double ma = 0, mb = 0, sum = 0;

                for (int i = 0; i < N; i++) {
                    ma += (long double)rows[i * D + a] / N;
                    mb += (long double)rows[i * D + b] / N;
                }
                for (int i = 0; i < N; i++)
                    sum += ((long double)rows[i * D + a] - ma) *
                           ((long double)rows[i * D + b] - mb) / N;
                assert_true(fabs(mean[a] - (double)ma) < 1e-12 * (double)ma);
                assert_true(fabs(cov[a * D + b] - (double)sum) < 1e-11);
                assert_true(cov[a * D + b] == cov[b * D + a]);
            }
        lt_covariance_free(c);
    }
}

/* Points on the line (2,1) t + (5,-1) with t in {-1, 0, 1}, and two beside it:
 * the variances are 2 along (2,1)/sqrt 5 and 2/5 along (-1,2)/sqrt 5. */
static void components_of_five_points(void **state)
{
    static const double dev = 0.4472135954999579; /* 1/sqrt(5) */
    const lt_real x[10] = {3,
                           -2,
                           5,
                           -1,
                           7,
                           0,
                           (lt_real)(5 - dev),
                           (lt_real)(-1 + 2 * dev),
                           (lt_real)(5 + dev),
                           (lt_real)(-1 - 2 * dev)};
    lt_covariance *c = covariance_of(5, 2, x, NULL);
    lt_pca *p = NULL;
    lt_real code[5], back[10];

    (void)state;
    assert_int_equal(lt_pca_fit(c, 1, &p, NULL), LT_OK);
    assert_int_equal(lt_pca_inputs(p), 2);
    assert_int_equal(lt_pca_components(p), 1);
    assert_true(fabs(lt_pca_mean(p)[0] - 5) < 1e-6);
    assert_true(fabs(lt_pca_mean(p)[1] + 1) < 1e-6);
    assert_true(fabs(lt_pca_variances(p)[0] - 2) < 1e-6);
    assert_true(fabs(lt_pca_variances(p)[1] - 0.4) < 1e-6);
    assert_true(fabs(lt_pca_axes(p)[0] - 2 * dev) < 1e-6);
    assert_true(fabs(lt_pca_axes(p)[1] - dev) < 1e-6);
    lt_pca_encode(p, NULL, 5, x, code);
    lt_pca_decode(p, NULL, 5, code, back);
    assert_true(fabs((double)code[2] - 5 * dev) < 1e-5);
    assert_true(fabs((double)code[3]) < 1e-5);
    assert_true(fabs((double)back[4] - 7) < 1e-5);
    assert_true(fabs((double)back[6] - 5) < 1e-5);
    lt_pca_free(p);
    lt_covariance_free(c);
}

static double squared_error(const lt_pca *p, int n, const lt_real *x)
{
    size_t d = (size_t)lt_pca_inputs(p), k = (size_t)lt_pca_components(p);
    lt_real *code = lt_mem_zero(512 * k, sizeof *code);
    lt_real *back = lt_mem_zero(512 * d, sizeof *back);
    double sum = 0;

    for (int at = 0; at < n; at += 512) {
        int count = n - at < 512 ? n - at : 512;

        lt_pca_encode(p, NULL, count, x + (size_t)at * d, code);
        lt_pca_decode(p, NULL, count, code, back);
        sum +=
            lt_vec_sse_value(NULL, (size_t)count * d, back, x + (size_t)at * d);
    }
    lt_mem_free(back);
    lt_mem_free(code);
    return sum / n;
}

static void axes_are_orthonormal_and_errors_the_variances_left(void **state)
{
    lt_covariance *c;
    lt_pca *p = NULL;
    double left = 0;

    (void)state;
    rows_make(0);
    c = covariance_of(N, D, rows, NULL);
    assert_int_equal(lt_pca_fit(c, K, &p, NULL), LT_OK);
    for (int a = 0; a < K; a++)
        for (int b = 0; b <= a; b++) {
            const double *u = lt_pca_axes(p) + a * D;
            const double *v = lt_pca_axes(p) + b * D;
            double dot = 0, most = 0;

            for (int j = 0; j < D; j++) {
                dot += u[j] * v[j];
                most = fabs(u[j]) > fabs(most) ? u[j] : most;
            }
            assert_true(fabs(dot - (a == b)) < 1e-12);
            assert_true(most > 0);
        }
    for (int i = K; i < D; i++) {
        left += lt_pca_variances(p)[i];
        assert_true(lt_pca_variances(p)[i] <= lt_pca_variances(p)[i - 1]);
    }
    assert_true(fabs(squared_error(p, N, rows) - left) < 1e-5 * left);
    lt_pca_free(p);
    p = NULL;
    assert_int_equal(lt_pca_fit(c, D, &p, NULL), LT_OK);
    assert_true(squared_error(p, N, rows) < 1e-6);
    lt_pca_free(p);
    lt_covariance_free(c);
}

static void components_are_the_same_bits_on_any_threads(void **state)
{
    lt_pool *pool = NULL;
    lt_covariance *c[2];
    lt_pca *p[2] = {NULL, NULL};

    (void)state;
    rows_make(0);
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    for (int i = 0; i < 2; i++) {
        c[i] = covariance_of(N, D, rows, i ? pool : NULL);
        assert_int_equal(lt_pca_fit(c[i], K, &p[i], NULL), LT_OK);
    }
    assert_memory_equal(lt_pca_axes(p[0]), lt_pca_axes(p[1]),
                        K * D * sizeof(double));
    for (int i = 0; i < 2; i++) {
        lt_pca_free(p[i]);
        lt_covariance_free(c[i]);
    }
    lt_pool_free(pool);
}

static void bad_requests_are_told(void **state)
{
    lt_real x[4] = {1, 2, (lt_real)NAN, 4};
    lt_covariance *c = NULL;
    lt_pca *p = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_covariance_new(LT_PCA_MOST + 1, NULL, &c, &err),
                     LT_EINVAL);
    assert_non_null(strstr(err.text, "8193"));
    assert_int_equal(lt_covariance_new(2, NULL, &c, &err), LT_OK);
    assert_int_equal(lt_pca_fit(c, 1, &p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "no examples"));
    assert_int_equal(lt_pca_fit(c, 3, &p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "3 components, wanted 1 to 2"));
    lt_covariance_add(c, 2, x);
    assert_int_equal(lt_pca_fit(c, 1, &p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "element 1 "));
    assert_null(p);
    lt_covariance_free(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    lt_status rc = LT_ENOMEM;

    (void)state;
    for (int n = 0; rc != LT_OK; n++) {
        lt_covariance *c = NULL;
        lt_pca *p = NULL;

        lt_mem_fail_after(n);
        rc = lt_covariance_new(4, NULL, &c, NULL);
        if (rc == LT_OK) {
            lt_covariance_add(c, 5, rows);
            rc = lt_pca_fit(c, 2, &p, NULL);
        }
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
        assert_true((rc == LT_OK) == (p != NULL));
        assert_true(n < 20);
        lt_pca_free(p);
        lt_covariance_free(c);
    }
}

static lt_real *images_of(const lt_dataset *d)
{
    int n = lt_dataset_rows(d);
    lt_real *x = lt_mem_alloc((size_t)n * 784, sizeof *x);

    assert_non_null(x);
    lt_dataset_gather(d, NULL, 0, n, x);
    return x;
}

/* The figures are those of any correct PCA on pixels / 255. */
static void mnist_has_its_known_errors(void **state)
{
    static const struct {
        int k;
        double train, test;
    } known[] = {{2, 43.8669, 43.6449}, {30, 14.2071, 13.8663}};
    lt_data_pair pair = {0};
    lt_covariance *c = NULL;
    lt_real *train, *test;

    (void)state;
    if (!getenv("LATENT_DATA") || !lt_catalog_has("mnist", NULL)) {
        print_message("MNIST is not in LATENT_DATA: skipped\n");
        return;
    }
    assert_int_equal(lt_catalog_mnist(NULL, &pair, NULL), LT_OK);
    train = images_of(pair.train);
    test = images_of(pair.test);
    c = covariance_of(60000, 784, train, NULL);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        lt_pca *p = NULL;

        assert_int_equal(lt_pca_fit(c, known[i].k, &p, NULL), LT_OK);
        assert_true(fabs(lt_pca_variances(p)[0] - 5.11679) < 1e-5);
        assert_true(fabs(squared_error(p, 60000, train) - known[i].train) <
                    1e-4);
        assert_true(fabs(squared_error(p, 10000, test) - known[i].test) < 1e-4);
        lt_pca_free(p);
    }
    lt_covariance_free(c);
    lt_mem_free(test);
    lt_mem_free(train);
    lt_dataset_free(pair.test);
    lt_dataset_free(pair.train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covariance_is_that_of_the_sums_written_out),
        cmocka_unit_test(components_of_five_points),
        cmocka_unit_test(axes_are_orthonormal_and_errors_the_variances_left),
        cmocka_unit_test(components_are_the_same_bits_on_any_threads),
        cmocka_unit_test(bad_requests_are_told),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(mnist_has_its_known_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
