/* Pseudo-inverses and eigenvalues by the identities that define them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/math/linalg.h"

#include <string.h>

enum { MOST = 40 * 40 };

static const double tolerance = sizeof(lt_real) == 4 ? 2e-5 : 1e-11;

/* c (m,n) = a (m,k) b (k,n), in double. */
static void multiply(int m, int n, int k, const double *a, const double *b,
                     double *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            c[i * n + j] = 0;
            for (int q = 0; q < k; q++)
                c[i * n + j] += a[i * k + q] * b[q * n + j];
        }
}

static void assert_near(int n, const double *a, const double *b)
{
    for (int i = 0; i < n; i++)
        assert_true(fabs(a[i] - b[i]) <= tolerance);
}

static void assert_symmetric(int n, const double *a)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            assert_true(fabs(a[i * n + j] - a[j * n + i]) <= tolerance);
}

/* The four conditions of Moore and Penrose. */
static void assert_pseudo_inverse(int r, int c, const lt_real *a,
                                  const lt_real *x)
{
    static double A[MOST], X[MOST], AX[MOST], XA[MOST], back[MOST];

    for (int i = 0; i < r * c; i++) {
        A[i] = (double)a[i];
        X[i] = (double)x[i];
    }
    multiply(r, r, c, A, X, AX);
    multiply(c, c, r, X, A, XA);
    assert_symmetric(r, AX);
    assert_symmetric(c, XA);
    multiply(r, c, r, AX, A, back);
    assert_near(r * c, back, A);
    multiply(c, r, c, XA, X, back);
    assert_near(r * c, back, X);
}

static void fill(lt_rng *rng, int n, lt_real *a)
{
    for (int i = 0; i < n; i++)
        a[i] = (lt_real)lt_rng_normal(rng);
}

static void pinv_meets_moore_penrose_conditions(void **state)
{
    static const int shapes[][2] = {{1, 1},  {1, 9},  {9, 1},
                                    {12, 5}, {5, 12}, {40, 31}};
    lt_real a[MOST], x[MOST];
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 4, "pinv");
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int r = shapes[s][0], c = shapes[s][1];

        fill(&rng, r * c, a);
        assert_int_equal(lt_linalg_pinv(r, c, a, 0, x, NULL), LT_OK);
        assert_pseudo_inverse(r, c, a, x);
    }
}

/* Rank 3: the product of (10,3) and (3,8). */
static void pinv_of_a_deficient_matrix_drops_its_zeros(void **state)
{
    lt_real left[30], right[24], a[80], x[80];
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 5, "pinv");
    fill(&rng, 30, left);
    fill(&rng, 24, right);
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 8; j++) {
            a[i * 8 + j] = 0;
            for (int q = 0; q < 3; q++)
                a[i * 8 + j] += left[i * 3 + q] * right[q * 8 + j];
        }
    assert_int_equal(lt_linalg_pinv(10, 8, a, 0, x, NULL), LT_OK);
    assert_pseudo_inverse(10, 8, a, x);
}

static void pinv_of_zero_is_zero(void **state)
{
    lt_real a[6] = {0}, x[6] = {1, 1, 1, 1, 1, 1};

    (void)state;
    assert_int_equal(lt_linalg_pinv(2, 3, a, 0, x, NULL), LT_OK);
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == 0);
}

static void pinv_respects_its_tolerance(void **state)
{
    lt_real a[4] = {2, 0, 0, (lt_real)0.01}, x[4];

    (void)state;
    assert_int_equal(lt_linalg_pinv(2, 2, a, 0, x, NULL), LT_OK);
    assert_true(fabs((double)x[3] - 100) < 1e-2);
    assert_int_equal(lt_linalg_pinv(2, 2, a, 0.1, x, NULL), LT_OK);
    assert_true(fabs((double)x[3]) < 1e-9);
    assert_true(fabs((double)x[0] - 0.5) < 1e-6);
}

static void pinv_names_what_is_not_finite(void **state)
{
    lt_real a[4] = {1, 2, (lt_real)NAN, 4}, x[4];
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_linalg_pinv(2, 2, a, 0, x, &err), LT_EDIVERGED);
    assert_non_null(strstr(err.text, "(1,0) of a 2x2"));
}

static void eigh_meets_its_identities(void **state)
{
    enum { N = 30 };
    static double a[N * N], v[N * N], values[N], gram[N * N], av[N];
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 6, "eigh");
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            a[i * N + j] = a[j * N + i] = lt_rng_normal(&rng);
    memcpy(v, a, sizeof v);
    assert_int_equal(lt_linalg_eigh(N, v, values, 1, NULL), LT_OK);
    for (int i = 0; i < N; i++) {
        assert_true(i == 0 || values[i - 1] <= values[i]);
        multiply(N, 1, N, a, v + i * N, av);
        for (int j = 0; j < N; j++)
            assert_true(fabs(av[j] - values[i] * v[i * N + j]) < 1e-11);
        for (int j = 0; j < N; j++) {
            multiply(1, 1, N, v + i * N, v + j * N, gram);
            assert_true(fabs(gram[0] - (i == j)) < 1e-12);
        }
    }
}

static void eigh_without_vectors_gives_the_same_values(void **state)
{
    double a[4] = {2, 1, 1, 2}, values[2];

    (void)state;
    assert_int_equal(lt_linalg_eigh(2, a, values, 0, NULL), LT_OK);
    assert_true(fabs(values[0] - 1) < 1e-14 && fabs(values[1] - 3) < 1e-14);
}

static void linalg_reports_failing_memory(void **state)
{
    lt_real a[6] = {1, 2, 3, 4, 5, 6}, x[6];
    double s[4] = {2, 1, 1, 2}, values[2];

    (void)state;
    for (int n = 0; n < 3; n++) {
        lt_mem_fail_after(n);
        assert_int_equal(lt_linalg_pinv(2, 3, a, 0, x, NULL), LT_ENOMEM);
    }
    for (int n = 0; n < 2; n++) {
        lt_mem_fail_after(n);
        assert_int_equal(lt_linalg_eigh(2, s, values, 1, NULL), LT_ENOMEM);
    }
    lt_mem_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pinv_meets_moore_penrose_conditions),
        cmocka_unit_test(pinv_of_a_deficient_matrix_drops_its_zeros),
        cmocka_unit_test(pinv_of_zero_is_zero),
        cmocka_unit_test(pinv_respects_its_tolerance),
        cmocka_unit_test(pinv_names_what_is_not_finite),
        cmocka_unit_test(eigh_meets_its_identities),
        cmocka_unit_test(eigh_without_vectors_gives_the_same_values),
        cmocka_unit_test(linalg_reports_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
