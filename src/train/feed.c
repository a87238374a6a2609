/* Inputs and targets of a batch; see feed.h.
 *
 * A missing value, NaN in a set of floats or what a sparse row does not have,
 * is 0 to the network. As a target it is NaN for masked_mse, which leaves it
 * out; to other losses a sparse row's absent entry is 0, and NaN is refused
 * before training starts. */
#include "train/feed.h"

#include "latent/base/mem.h"
#include "latent/math/vec.h"

#include <math.h>

/* ---- checks ---- */

/* A set's values, whatever their type; those of bytes are not looked at. */
typedef struct feed_values {
    const lt_dataset *set;
    const float *floats;
    const double *doubles;
    size_t n;
} feed_values;

static feed_values values_of(const lt_dataset *set)
{
    const lt_sparse *s = lt_dataset_sparse(set);
    size_t rows = (size_t)lt_dataset_rows(set);
    feed_values v = {.set = set};

    if (s) {
        v.floats = s->value + s->start[0];
        v.n = (size_t)(s->start[rows] - s->start[0]);
        return v;
    }
    v.n = rows * (size_t)lt_shape_elements(lt_dataset_shape(set));
    if (lt_dataset_type(set) == LT_ELEM_F32)
        v.floats = lt_dataset_values(set);
    if (lt_dataset_type(set) == LT_ELEM_F64)
        v.doubles = lt_dataset_values(set);
    return v;
}

static double value_at(const feed_values *v, size_t i)
{
    return v->floats ? (double)v->floats[i] : v->doubles[i];
}

/* The example, from 1, that value i belongs to. */
static size_t example_of(const feed_values *v, size_t i)
{
    const lt_sparse *s = lt_dataset_sparse(v->set);
    size_t row = 0;

    if (!s)
        return i / (size_t)lt_shape_elements(lt_dataset_shape(v->set)) + 1;
    while ((size_t)(s->start[row + 1] - s->start[0]) <= i)
        row++;
    return row + 1;
}

static const char *wanted_by(lt_loss loss, double found)
{
    if (loss == LT_LOSS_BCE)
        return "values from 0 to 1";
    if (loss == LT_LOSS_MULTINOMIAL)
        return "counts, 0 or more";
    return isnan(found) ? "no missing values; masked_mse leaves them out"
                        : "finite values";
}

/* Finite also in the numbers that the network computes with. */
static bool is_wanted(lt_loss loss, double value)
{
    if (loss == LT_LOSS_BCE)
        return value >= 0 && value <= 1;
    if (loss == LT_LOSS_MASKED_MSE && isnan(value))
        return true;
    return isfinite((lt_real)value) &&
           (loss != LT_LOSS_MULTINOMIAL || value >= 0);
}

static lt_status check_each(const feed_values *v, lt_loss loss,
                            const char *name, lt_err *err)
{
    for (size_t i = 0; i < v->n; i++) {
        double value = value_at(v, i);

        if (!is_wanted(loss, value))
            return lt_err_set(err, LT_EINVAL,
                              "%s: example %zu has the value %g, loss %s "
                              "wants %s",
                              name, example_of(v, i), value, lt_loss_name(loss),
                              wanted_by(loss, value));
    }
    return LT_OK;
}

/* What goes in where it is not what should come out: what is missing is 0 to
 * the network. */
lt_status lt__feed_check_inputs(const lt_dataset *set, const char *name,
                                lt_err *err)
{
    feed_values v = values_of(set);

    for (size_t i = 0; i < v.n && (v.floats || v.doubles); i++) {
        double value = value_at(&v, i);

        if (!isnan(value) && !isfinite((lt_real)value))
            return lt_err_set(err, LT_EINVAL,
                              "%s: example %zu has the value %g, wanted finite "
                              "values",
                              name, example_of(&v, i), value);
    }
    return LT_OK;
}

static lt_status check_any_known(const feed_values *v, const char *name,
                                 lt_err *err)
{
    for (size_t i = 0; i < v->n; i++)
        if (!isnan(value_at(v, i)))
            return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: no value is known, loss masked_mse wants at least "
                      "one",
                      name);
}

lt_status lt__feed_check(const lt_dataset *set, lt_loss loss, const char *name,
                         lt_err *err)
{
    feed_values v = values_of(lt_dataset_target(set));

    if (lt_dataset_target(set) != set)
        LT_TRY(lt__feed_check_inputs(set, name, err));
    if (v.n > 0 && !v.floats && !v.doubles)
        return LT_OK;
    LT_TRY(check_each(&v, loss, name, err));
    return loss == LT_LOSS_MASKED_MSE ? check_any_known(&v, name, err) : LT_OK;
}

/* ---- batches ---- */

lt_status lt__feed_room(const lt_dataset *set, lt_loss loss, int rows,
                        lt_real **out, lt_err *err)
{
    size_t elements = (size_t)lt_shape_elements(lt_dataset_shape(set));

    if (lt_dataset_target(set) == set && loss != LT_LOSS_MASKED_MSE)
        return LT_OK;
    *out = lt_mem_aligned((size_t)rows * elements, sizeof **out);
    return lt_err_mark(err, *out ? LT_OK : LT_ENOMEM);
}

static size_t range_elements(const lt_dataset *set, lt__feed_range r)
{
    return (size_t)r.rows * (size_t)lt_shape_elements(lt_dataset_shape(set));
}

void lt__feed_inputs(const lt_dataset *set, lt__feed_range r, lt_real *x)
{
    lt_dataset_gather(set, r.index, r.first, r.rows, x);
    if (lt_dataset_type(set) != LT_ELEM_U8)
        lt_vec_known_or_zero(NULL, range_elements(set, r), x, x);
}

const lt_real *lt__feed_gather(const lt_dataset *set, lt_loss loss,
                               lt__feed_range r, lt_real *x, lt_real *target)
{
    const lt_dataset *wanted = lt_dataset_target(set);

    if (wanted == set && loss != LT_LOSS_MASKED_MSE) {
        lt_dataset_gather(set, r.index, r.first, r.rows, x);
        return x; /* checked: nothing is missing */
    }
    if (loss == LT_LOSS_MASKED_MSE)
        lt_dataset_gather_known(wanted, r.index, r.first, r.rows, target);
    else
        lt_dataset_gather(wanted, r.index, r.first, r.rows, target);
    if (wanted == set)
        lt_vec_known_or_zero(NULL, range_elements(set, r), target, x);
    else
        lt__feed_inputs(set, r, x);
    return target;
}
