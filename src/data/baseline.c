/* Means and biases as baselines; see latent/data/baseline.h.
 *
 * The bias model is Koren's (Factorization meets the neighborhood, KDD 2008,
 * section 2.1), solved by alternating: given the rows' biases each column's
 * is a mean of residuals shrunk towards 0, sum / (ridge + n), and the other
 * way round. The last half-sweep is the rows', so a row of test gets its bias
 * from its own inputs by the same formula as a row of train, and the two sets
 * need not be matched row by row.
 *
 * All sums are in double and in the order of the entries. */
#include "latent/data/baseline.h"

#include <math.h>
#include <stdbool.h>

#include "latent/base/mem.h"

/* What was learnt from train; all but `mean` are (columns). */
typedef struct model {
    double mean;
    double *column_mean;
    double *column_bias;
    double *count;
} model;

static lt_status sets_check(const lt_dataset *train, const lt_dataset *test,
                            lt_err *err)
{
    const lt_dataset *target = lt_dataset_target(test);
    const lt_sparse *s = lt_dataset_sparse(train);
    const lt_sparse *t = lt_dataset_sparse(test);

    if (!s || !t || !lt_dataset_sparse(target))
        return lt_err_set(err, LT_EINVAL,
                          "baselines: found a set that is not sparse, wanted "
                          "ratings");
    if (target == test)
        return lt_err_set(err, LT_EINVAL,
                          "baselines: the test set has no target, wanted its "
                          "held-out ratings as one");
    if (s->cols != t->cols)
        return lt_err_set(err, LT_EINVAL,
                          "baselines: %d columns in train, %d in test, wanted "
                          "as many",
                          s->cols, t->cols);
    return LT_OK;
}

static int64_t entries_of(const lt_sparse *s)
{
    return s->start[s->rows] - s->start[0];
}

static void means_learn(const lt_sparse *s, model *m)
{
    int64_t end = s->start[s->rows];
    double sum = 0;

    for (int64_t e = s->start[0]; e < end; e++) {
        sum += (double)s->value[e];
        m->column_mean[s->index[e]] += (double)s->value[e];
        m->count[s->index[e]]++;
    }
    m->mean = entries_of(s) > 0 ? sum / (double)entries_of(s) : 0;
    for (int j = 0; j < s->cols; j++)
        m->column_mean[j] =
            m->count[j] > 0 ? m->column_mean[j] / m->count[j] : m->mean;
}

/* The bias of row `i` of `s`, given the columns'. */
static double row_bias(const model *m, const lt_sparse *s, int i, double ridge)
{
    double sum = 0, n = (double)(s->start[i + 1] - s->start[i]);

    for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
        sum += (double)s->value[e] - m->mean - m->column_bias[s->index[e]];
    return n > 0 ? sum / (ridge + n) : 0;
}

/* The columns' biases, given the rows' as they follow from the columns' old
 * ones: a sweep from the second on; the first begins with rows of 0. `next`
 * (columns) is scratch. */
static void columns_improve(const lt_sparse *s, const lt_baseline_opts *o,
                            bool is_first, double *next, model *m)
{
    for (int j = 0; j < s->cols; j++)
        next[j] = 0;
    for (int i = 0; i < s->rows; i++) {
        double b = is_first ? 0 : row_bias(m, s, i, o->row_ridge);

        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            next[s->index[e]] += (double)s->value[e] - m->mean - b;
    }
    for (int j = 0; j < s->cols; j++)
        m->column_bias[j] =
            m->count[j] > 0 ? next[j] / (o->column_ridge + m->count[j]) : 0;
}

static double row_mean(const lt_sparse *s, int i, double fallback)
{
    double sum = 0, n = (double)(s->start[i + 1] - s->start[i]);

    for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
        sum += (double)s->value[e];
    return n > 0 ? sum / n : fallback;
}

static double squared(double x)
{
    return x * x;
}

static void errors_measure(const model *m, const lt_sparse *input,
                           const lt_sparse *target, double row_ridge,
                           lt_baseline *out)
{
    lt_baseline sum = {0};
    double n = (double)entries_of(target);

    for (int i = 0; i < input->rows; i++) {
        double mean = row_mean(input, i, m->mean);
        double bias = row_bias(m, input, i, row_ridge);

        for (int64_t e = target->start[i]; e < target->start[i + 1]; e++) {
            double r = (double)target->value[e];
            int32_t j = target->index[e];

            sum.global += squared(r - m->mean);
            sum.rows += squared(r - mean);
            sum.columns += squared(r - m->column_mean[j]);
            sum.bias += squared(r - m->mean - bias - m->column_bias[j]);
        }
    }
    *out = (lt_baseline){sqrt(sum.global / n), sqrt(sum.rows / n),
                         sqrt(sum.columns / n), sqrt(sum.bias / n)};
}

lt_status lt_baseline_rate(const lt_dataset *train, const lt_dataset *test,
                           const lt_baseline_opts *opts, lt_baseline *out,
                           lt_err *err)
{
    const lt_sparse *s = lt_dataset_sparse(train);
    const lt_sparse *target = lt_dataset_sparse(lt_dataset_target(test));
    model m = {0};
    double *block;
    size_t wide;

    LT_TRY(sets_check(train, test, err));
    if (!(opts->row_ridge >= 0 && opts->column_ridge >= 0) || opts->sweeps < 1)
        return lt_err_set(err, LT_EINVAL,
                          "baselines: ridges %g and %g, %d sweeps, wanted at "
                          "least 0 and 1",
                          opts->row_ridge, opts->column_ridge, opts->sweeps);
    if (entries_of(target) == 0)
        return lt_err_set(err, LT_EINVAL, "baselines: nothing is held out");
    wide = (size_t)s->cols;
    block = lt_mem_zero(4 * wide, sizeof *block);
    if (!block)
        return lt_err_mark(err, LT_ENOMEM);
    m.column_mean = block;
    m.column_bias = block + wide;
    m.count = block + 2 * wide;
    means_learn(s, &m);
    for (int k = 0; k < opts->sweeps; k++)
        columns_improve(s, opts, k == 0, block + 3 * wide, &m);
    errors_measure(&m, lt_dataset_sparse(test), target, opts->row_ridge, out);
    lt_mem_free(block);
    return LT_OK;
}
