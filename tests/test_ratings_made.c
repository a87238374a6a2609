/* Generated ratings: their number, who rates what, and the noise floor. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "latent/base/digest.h"
#include "latent/base/mem.h"
#include "latent/data/ratings.h"

static lt_ratings *make(lt_ratings_plan plan)
{
    lt_ratings *r = NULL;
    lt_err err = {0};

    if (lt_ratings_generate(&plan, &r, &err) != LT_OK)
        fail_msg("%s", err.text);
    return r;
}

static int64_t count(const lt_ratings *r)
{
    return lt_ratings_table(r)->start[lt_ratings_table(r)->rows];
}

/* In [0, items), ascending in each row: each user rates an item once. */
static void rows_check(const lt_ratings *r)
{
    const lt_sparse *s = lt_ratings_table(r);

    assert_int_equal(s->start[0], 0);
    for (int u = 0; u < s->rows; u++) {
        assert_true(s->start[u] <= s->start[u + 1]);
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++) {
            assert_in_range(s->index[e], 0, s->cols - 1);
            if (e > s->start[u])
                assert_true(s->index[e] > s->index[e - 1]);
        }
    }
}

static void made_has_the_density_asked_for_exactly(void **state)
{
    static const struct {
        int users, items;
        double density, popularity;
        int64_t total;
    } cases[] = {
        {1000, 500, 0.01, 0, 5000},
        {1000, 500, 0.01, 1, 5000},
        {1000, 500, 0.6, 0, 300000},
        {1000, 500, 0.6, 1.5, 300000},
        {77, 31, 0.123, 0.7, 294},
        {20, 30, 1, 0, 600},
        {20, 30, 1, 2, 600},
        {3, 100000, 0.5, 1, 150000},
        {100000, 3, 0.5, 1, 150000},
        {1, 1, 1, 0, 1},
        {1000000, 1000000, 1e-7, 1, 100000}, /* 4 TB, were they dense */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_ratings *r = make((lt_ratings_plan){cases[i].users, cases[i].items,
                                               2, cases[i].density, 0.1,
                                               cases[i].popularity, i});

        assert_int_equal(lt_ratings_table(r)->rows, cases[i].users);
        assert_int_equal(lt_ratings_table(r)->cols, cases[i].items);
        assert_int_equal(count(r), cases[i].total);
        rows_check(r);
        assert_null(lt_ratings_times(r));
        assert_int_equal(lt_ratings_user_ids(r)[cases[i].users - 1],
                         cases[i].users);
        assert_int_equal(lt_ratings_item_ids(r)[0], 1);
        lt_ratings_free(r);
    }
}

static int *item_counts(const lt_ratings *r)
{
    const lt_sparse *s = lt_ratings_table(r);
    int *n = calloc((size_t)s->cols, sizeof *n);

    assert_non_null(n);
    for (int64_t e = 0; e < count(r); e++)
        n[s->index[e]]++;
    return n;
}

/* Item i has its share of i^-s within one rating; those capped at all users
 * come first. c is found here by bisection. */
static void popularity_check(int users, int items, double density, double s)
{
    lt_ratings *r = make((lt_ratings_plan){users, items, 1, density, 0, s, 9});
    int *n = item_counts(r);
    double low = 0, high = 1e9;

    for (int step = 0; step < 200; step++) {
        double c = (low + high) / 2, sum = 0;

        for (int i = 0; i < items; i++)
            sum += fmin(users, c * pow(i + 1, -s));
        *(sum < (double)users * items * density ? &low : &high) = c;
    }
    for (int i = 0; i < items; i++)
        if (fabs(n[i] - fmin(users, low * pow(i + 1, -s))) > 1.001)
            fail_msg("item %d: found %d ratings, wanted %g", i + 1, n[i],
                     fmin(users, low * pow(i + 1, -s)));
    free(n);
    lt_ratings_free(r);
}

static void made_items_have_their_popularity(void **state)
{
    (void)state;
    popularity_check(5000, 300, 0.05, 0);
    popularity_check(5000, 300, 0.05, 1);
    popularity_check(5000, 300, 0.4, 1); /* many capped */
    popularity_check(500, 300, 0.02, 2.5);
}

/* Users are drawn evenly: 400 items x 50 of 200 users, counts of mean 100 and
 * variance 400 x 1/4 x 3/4 = 75; above half by the complement alike. */
static void made_users_are_drawn_evenly(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        double density = k ? 0.75 : 0.25, chi2 = 0;
        lt_ratings *r = make((lt_ratings_plan){200, 400, 1, density, 0, 0, 4});
        const lt_sparse *s = lt_ratings_table(r);

        for (int u = 0; u < 200; u++)
            chi2 += pow((double)(s->start[u + 1] - s->start[u]) - 400 * density,
                        2) /
                    75;
        /* about 199 degrees of freedom: sd 20 */
        assert_true(chi2 > 100 && chi2 < 300);
        lt_ratings_free(r);
    }
}

/* The difference of two sets that differ in their noise alone is that noise:
 * its deviation, and no correlation with the rating beneath. */
static void made_noise_is_the_floor(void **state)
{
    lt_ratings_plan plan = {2000, 1000, 5, 0.1, 0, 0.5, 11};
    lt_ratings *clean = make(plan), *noisy = NULL;
    const float *a, *b;
    double sum = 0, squares = 0, product = 0, n = (double)count(clean);

    (void)state;
    plan.noise = 0.4;
    noisy = make(plan);
    assert_int_equal(count(noisy), count(clean));
    assert_memory_equal(lt_ratings_table(noisy)->index,
                        lt_ratings_table(clean)->index,
                        (size_t)n * sizeof(int32_t));
    a = lt_ratings_table(clean)->value;
    b = lt_ratings_table(noisy)->value;
    for (int64_t e = 0; e < count(clean); e++) {
        double d = (double)b[e] - (double)a[e];

        sum += d;
        squares += d * d;
        product += d * ((double)a[e] - 3);
    }
    assert_true(fabs(sum / n) < 5 * 0.4 / sqrt(n));
    assert_true(fabs(sqrt(squares / n) - 0.4) < 5 * 0.4 / sqrt(2 * n));
    assert_true(fabs(product / n) < 5 * 0.4 / sqrt(n));
    lt_ratings_free(clean);
    lt_ratings_free(noisy);
}

/* Without noise: mean 3, variance 1 (loose: the factors are few), and every
 * block of rank + 1 users and items that all rated has determinant 0. */
static double determinant(double m[4][4])
{
    double product = 1;

    for (int k = 0; k < 4; k++) {
        int best = k;

        for (int i = k; i < 4; i++)
            best = fabs(m[i][k]) > fabs(m[best][k]) ? i : best;
        for (int j = 0; j < 4; j++) {
            double t = m[k][j];

            m[k][j] = m[best][j];
            m[best][j] = t;
        }
        product *= m[k][k];
        for (int i = k + 1; i < 4; i++)
            for (int j = 3; j >= k; j--)
                m[i][j] -= m[k][j] * m[i][k] / m[k][k];
    }
    return product;
}

static void made_signal_is_of_low_rank(void **state)
{
    lt_ratings *r = make((lt_ratings_plan){300, 400, 3, 1, 0, 0, 12});
    const float *x = lt_ratings_table(r)->value;
    double sum = 0, squares = 0, n = 300 * 400, full = 0;

    (void)state;
    for (int i = 0; i < 300 * 400; i++) {
        sum += (double)x[i];
        squares += ((double)x[i] - 3) * ((double)x[i] - 3);
    }
    assert_true(fabs(sum / n - 3) < 0.1);
    assert_true(fabs(squares / n - 1) < 0.2);
    for (int k = 0; k < 50; k++) {
        double m[4][4], with_mean[4][4];

        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
                with_mean[i][j] = (double)x[(4 * k + i) * 400 + 7 * k + j];
                m[i][j] = with_mean[i][j] - 3;
            }
        assert_true(fabs(determinant(m)) < 1e-5);
        full += fabs(determinant(with_mean)); /* rank 4 with the 3 */
    }
    assert_true(full > 0.01);
    lt_ratings_free(r);
}

static void digest_check(const lt_ratings *r, const char *wanted)
{
    const lt_sparse *s = lt_ratings_table(r);
    char part[3][LT_DIGEST_HEX], hex[LT_DIGEST_HEX];

    lt_digest_bytes(s->start, ((size_t)s->rows + 1) * sizeof *s->start,
                    part[0]);
    lt_digest_bytes(s->index, (size_t)count(r) * sizeof *s->index, part[1]);
    lt_digest_bytes(s->value, (size_t)count(r) * sizeof *s->value, part[2]);
    lt_digest_bytes(part, sizeof part, hex);
    assert_string_equal(hex, wanted);
}

static void made_is_the_same_bytes_on_every_machine(void **state)
{
    lt_ratings *r = make((lt_ratings_plan){500, 300, 7, 0.07, 0.3, 0.8, 1});

    (void)state;
    digest_check(
        r, "24566cad7f2306cd6d037bb9c83f1d42e883e247d658e99da73e7cb94fffd4bb");
    lt_ratings_free(r);
}

static void made_differs_by_seed(void **state)
{
    lt_ratings *a = make((lt_ratings_plan){50, 30, 2, 0.2, 0.1, 0, 1});
    lt_ratings *b = make((lt_ratings_plan){50, 30, 2, 0.2, 0.1, 0, 2});

    (void)state;
    assert_memory_not_equal(lt_ratings_table(a)->index,
                            lt_ratings_table(b)->index, 300 * sizeof(int32_t));
    lt_ratings_free(a);
    lt_ratings_free(b);
}

static void made_refuses_what_cannot_be(void **state)
{
    static const struct {
        lt_ratings_plan plan;
        const char *text;
    } cases[] = {
        {{0, 5, 1, 0.5, 0, 0, 1}, "0 users, 5 items, rank 1, wanted at least"},
        {{5, 5, 0, 0.5, 0, 0, 1}, "rank 0"},
        {{5, 5, 1, 0, 0, 0, 1}, "density 0, wanted above 0, at most 1"},
        {{5, 5, 1, 1.01, 0, 0, 1}, "density 1.01"},
        {{5, 5, 1, NAN, 0, 0, 1}, "density nan"},
        {{5, 5, 1, 0.5, -1, 0, 1}, "noise -1"},
        {{5, 5, 1, 0.5, INFINITY, 0, 1}, "noise inf"},
        {{5, 5, 1, 0.5, 0, -1, 1}, "popularity -1"},
        {{5, 5, 1, 0.001, 0, 0, 1}, "0 ratings, wanted 1 to"},
        {{2000000000, 2000000000, 1, 1, 0, 0, 1}, "wanted 1 to 2147483647"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_ratings *r = NULL;
        lt_err err = {0};

        assert_int_equal(lt_ratings_generate(&cases[i].plan, &r, &err),
                         LT_EINVAL);
        if (!strstr(err.text, cases[i].text))
            fail_msg("found %s, wanted %s", err.text, cases[i].text);
    }
}

static void made_survives_every_failed_allocation(void **state)
{
    lt_ratings_plan plan = {50, 30, 2, 0.2, 0.1, 1, 1};
    lt_ratings *r = NULL;
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    for (n = 0; rc == LT_ENOMEM && n < 50; n++) {
        lt_mem_fail_after(n);
        rc = lt_ratings_generate(&plan, &r, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 8);
    lt_ratings_free(r);
}

/* Printed, not judged: 20,000 items, 1 % density. */
static void a_million_ratings_take_their_time(void **state)
{
    double start = lt_clock_elapsed();
    lt_ratings *r = make((lt_ratings_plan){5000, 20000, 10, 0.01, 0.3, 1, 1});

    (void)state;
    print_message("%lld ratings: %.2f s\n", (long long)count(r),
                  lt_clock_elapsed() - start);
    lt_ratings_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_has_the_density_asked_for_exactly),
        cmocka_unit_test(made_items_have_their_popularity),
        cmocka_unit_test(made_users_are_drawn_evenly),
        cmocka_unit_test(made_noise_is_the_floor),
        cmocka_unit_test(made_signal_is_of_low_rank),
        cmocka_unit_test(made_is_the_same_bytes_on_every_machine),
        cmocka_unit_test(made_differs_by_seed),
        cmocka_unit_test(made_refuses_what_cannot_be),
        cmocka_unit_test(made_survives_every_failed_allocation),
        cmocka_unit_test(a_million_ratings_take_their_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
