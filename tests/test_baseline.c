/* Baselines against sums by hand, and the bias model against its normal
 * equations solved as a dense system. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/baseline.h"
#include "latent/data/ratings.h"

static lt_dataset *sparse_of(int rows, int cols, const float *table)
{
    lt_sparse s = {.rows = rows, .cols = cols};
    lt_dataset *d = NULL;
    int64_t n = 0;

    s.start = lt_mem_zero((size_t)rows + 1, sizeof *s.start);
    s.index = lt_mem_zero((size_t)(rows * cols), sizeof *s.index);
    s.value = lt_mem_zero((size_t)(rows * cols), sizeof *s.value);
    assert_true(s.start && s.index && s.value);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++)
            if (!isnan(table[i * cols + j])) {
                s.index[n] = j;
                s.value[n++] = table[i * cols + j];
            }
        s.start[i + 1] = n;
    }
    assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &d, NULL), LT_OK);
    return d;
}

static lt_baseline rate(const lt_dataset *train, const lt_dataset *test,
                        lt_baseline_opts opts)
{
    lt_baseline b = {0};
    lt_err err = {0};

    if (lt_baseline_rate(train, test, &opts, &b, &err) != LT_OK)
        fail_msg("%s", err.text);
    return b;
}

static void near(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("found %.12g, wanted %.12g", found, wanted);
}

/* Three users, four items; the last item and the test set's second row are
 * unknown. Means: all 3, row 0 2, columns 2, 3.5, 4 (of 1,3; 3,4; 4). */
static void means_are_those_of_the_training_ratings(void **state)
{
    const float none = NAN;
    const float known[] = {1, 3, none, none, 3, 4, 4, none};
    const float inputs[] = {1, 3, none, none, none, none, none, none};
    const float held[] = {none, none, 5, 1, 2, none, none, 6};
    lt_dataset *train = sparse_of(2, 4, known);
    lt_dataset *test = sparse_of(2, 4, inputs);
    lt_baseline b;

    (void)state;
    assert_int_equal(
        lt_dataset_set_target_take(test, sparse_of(2, 4, held), NULL), LT_OK);
    b = rate(train, test, (lt_baseline_opts){1e9, 1e9, 10});
    near(b.global, sqrt((4 + 4 + 1 + 9) / 4.0), 1e-12);
    near(b.rows, sqrt((9 + 1 + 1 + 9) / 4.0), 1e-12);
    near(b.columns, sqrt((1 + 4 + 0 + 9) / 4.0), 1e-12);
    near(b.bias, b.global, 1e-6); /* such ridges leave no biases */
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* ---- a split of generated ratings, by brute force ---- */

enum { USERS = 30, ITEMS = 20, UNKNOWNS = USERS + ITEMS };

typedef struct fixture {
    lt_data_pair pair;
    double train[USERS][ITEMS], held[USERS][ITEMS]; /* NAN: none */
    double mean;
} fixture;

static void table_fill(const lt_dataset *d, lt_legend legend, bool by_item,
                       double out[USERS][ITEMS])
{
    const lt_sparse *s = lt_dataset_sparse(d);

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            out[u][i] = NAN;
    for (int k = 0; k < s->rows; k++)
        for (int64_t e = s->start[k]; e < s->start[k + 1]; e++) {
            int64_t row = legend.row_ids[k] - 1;
            int64_t column = legend.column_ids[s->index[e]] - 1;

            if (by_item)
                out[column][row] = (double)s->value[e];
            else
                out[row][column] = (double)s->value[e];
        }
}

static fixture fixture_make(bool by_item)
{
    lt_ratings_plan plan = {USERS, ITEMS, 2, 0.3, 0.5, 1, 3};
    lt_ratings_cut cut = {LT_SPLIT_RANDOM, 0.3, 0, 2, by_item, false};
    lt_ratings *r = NULL;
    fixture f = {.mean = 0};
    double n = 0;

    assert_int_equal(lt_ratings_generate(&plan, &r, NULL), LT_OK);
    assert_int_equal(lt_ratings_pair(r, &cut, &f.pair, NULL), LT_OK);
    lt_ratings_free(r);
    table_fill(f.pair.train, lt_dataset_legend(f.pair.train), by_item, f.train);
    table_fill(lt_dataset_target(f.pair.test), lt_dataset_legend(f.pair.test),
               by_item, f.held);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (!isnan(f.train[u][i])) {
                f.mean += f.train[u][i];
                n++;
            }
    f.mean /= n;
    return f;
}

static void fixture_free(fixture *f)
{
    lt_dataset_free(f->pair.train);
    lt_dataset_free(f->pair.test);
}

static double rmse(const fixture *f, double prediction[USERS][ITEMS])
{
    double sum = 0, n = 0;

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (!isnan(f->held[u][i])) {
                sum += pow(f->held[u][i] - prediction[u][i], 2);
                n++;
            }
    return sqrt(sum / n);
}

/* a x = b, by elimination with pivots; b becomes x. */
static void solve(double a[UNKNOWNS][UNKNOWNS], double b[UNKNOWNS])
{
    for (int k = 0; k < UNKNOWNS; k++) {
        int best = k;

        for (int i = k; i < UNKNOWNS; i++)
            best = fabs(a[i][k]) > fabs(a[best][k]) ? i : best;
        for (int j = 0; j < UNKNOWNS; j++) {
            double t = a[k][j];

            a[k][j] = a[best][j];
            a[best][j] = t;
        }
        {
            double t = b[k];

            b[k] = b[best];
            b[best] = t;
        }
        for (int i = 0; i < UNKNOWNS; i++) {
            double factor = i == k ? 0 : a[i][k] / a[k][k];

            for (int j = k; j < UNKNOWNS; j++)
                a[i][j] -= factor * a[k][j];
            b[i] -= factor * b[k];
        }
    }
    for (int k = 0; k < UNKNOWNS; k++)
        b[k] /= a[k][k];
}

/* The minimum of the header's objective: set its gradient to 0. */
static double bias_by_brute_force(const fixture *f, double user_ridge,
                                  double item_ridge)
{
    double a[UNKNOWNS][UNKNOWNS] = {{0}}, b[UNKNOWNS] = {0};
    double prediction[USERS][ITEMS];

    for (int k = 0; k < UNKNOWNS; k++)
        a[k][k] = k < USERS ? user_ridge : item_ridge;
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            if (isnan(f->train[u][i]))
                continue;
            a[u][u]++;
            a[USERS + i][USERS + i]++;
            a[u][USERS + i]++;
            a[USERS + i][u]++;
            b[u] += f->train[u][i] - f->mean;
            b[USERS + i] += f->train[u][i] - f->mean;
        }
    solve(a, b);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            prediction[u][i] = f->mean + b[u] + b[USERS + i];
    return rmse(f, prediction);
}

static void biases_solve_their_normal_equations(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        fixture f = fixture_make(k);
        lt_baseline_opts opts = {2, 5, 2000};

        if (k) /* rows are items */
            opts = (lt_baseline_opts){5, 2, 2000};
        near(rate(f.pair.train, f.pair.test, opts).bias,
             bias_by_brute_force(&f, 2, 5), 1e-6);
        fixture_free(&f);
    }
}

static void means_agree_with_brute_force(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        fixture f = fixture_make(k);
        double global[USERS][ITEMS], users[USERS][ITEMS], items[USERS][ITEMS];
        lt_baseline b;

        for (int u = 0; u < USERS; u++)
            for (int i = 0; i < ITEMS; i++) {
                double sum[2] = {0}, n[2] = {0};

                for (int j = 0; j < ITEMS; j++)
                    if (!isnan(f.train[u][j])) {
                        sum[0] += f.train[u][j];
                        n[0]++;
                    }
                for (int v = 0; v < USERS; v++)
                    if (!isnan(f.train[v][i])) {
                        sum[1] += f.train[v][i];
                        n[1]++;
                    }
                global[u][i] = f.mean;
                users[u][i] = n[0] > 0 ? sum[0] / n[0] : f.mean;
                items[u][i] = n[1] > 0 ? sum[1] / n[1] : f.mean;
            }
        b = rate(f.pair.train, f.pair.test, (lt_baseline_opts){15, 10, 10});
        near(b.global, rmse(&f, global), 1e-9);
        near(k ? b.columns : b.rows, rmse(&f, users), 1e-9);
        near(k ? b.rows : b.columns, rmse(&f, items), 1e-9);
        assert_true(b.rows != b.columns);
        fixture_free(&f);
    }
}

/* One sweep by hand: columns from the means, then rows. */
static void a_sweep_is_columns_then_rows(void **state)
{
    const float none = NAN;
    const float known[] = {5, 1, 4, none};
    const float held[] = {none, none, none, 2};
    lt_dataset *train = sparse_of(2, 2, known), *test = sparse_of(2, 2, known);
    double mean = 10 / 3.0;
    double column0 = (5 - mean + 4 - mean) / (3 + 2);
    double column1 = (1 - mean) / (3 + 1);
    double row1 = (4 - mean - column0) / (2 + 1);

    (void)state;
    assert_int_equal(
        lt_dataset_set_target_take(test, sparse_of(2, 2, held), NULL), LT_OK);
    near(rate(train, test, (lt_baseline_opts){2, 3, 1}).bias,
         fabs(2 - mean - row1 - column1), 1e-6);
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void baselines_refuse_other_sets(void **state)
{
    const float one[] = {1, 2}, none[] = {NAN, NAN};
    const lt_baseline_opts opts = {1, 1, 1};
    lt_dataset *a = sparse_of(1, 2, one), *b = sparse_of(1, 2, one);
    lt_dataset *narrow = sparse_of(2, 1, one), *dense = NULL;
    lt_baseline out;
    lt_err err = {0};
    float *values = lt_mem_zero(2, sizeof *values);

    (void)state;
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, 1, lt_shape_flat(2),
                                         values, NULL, &dense, NULL),
                     LT_OK);
    assert_int_equal(lt_baseline_rate(dense, b, &opts, &out, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "not sparse"));
    assert_int_equal(lt_baseline_rate(a, b, &opts, &out, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "has no target"));
    assert_int_equal(lt_dataset_set_target_take(b, sparse_of(1, 2, none), NULL),
                     LT_OK);
    assert_int_equal(lt_baseline_rate(a, b, &opts, &out, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "nothing is held out"));
    assert_int_equal(lt_baseline_rate(narrow, b, &opts, &out, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "1 columns in train, 2 in test"));
    assert_int_equal(
        lt_baseline_rate(a, b, &(lt_baseline_opts){-1, 1, 1}, &out, &err),
        LT_EINVAL);
    assert_non_null(strstr(err.text, "ridges -1 and 1"));
    lt_dataset_free(a);
    lt_dataset_free(b);
    lt_dataset_free(narrow);
    lt_dataset_free(dense);
}

static void baselines_survive_a_failed_allocation(void **state)
{
    fixture f = fixture_make(false);
    lt_baseline out;
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    for (n = 0; rc == LT_ENOMEM && n < 10; n++) {
        lt_mem_fail_after(n);
        rc = lt_baseline_rate(f.pair.train, f.pair.test,
                              &(lt_baseline_opts){1, 1, 1}, &out, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 1);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_those_of_the_training_ratings),
        cmocka_unit_test(biases_solve_their_normal_equations),
        cmocka_unit_test(means_agree_with_brute_force),
        cmocka_unit_test(a_sweep_is_columns_then_rows),
        cmocka_unit_test(baselines_refuse_other_sets),
        cmocka_unit_test(baselines_survive_a_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
