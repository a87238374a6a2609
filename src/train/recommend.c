/* Predictions and recommendations; see latent/train/recommend.h.
 *
 * Recommending asks for all outputs of a row, so it is dense, some rows at a
 * time; the n best are kept in a short sorted list, into which few of many
 * thousand outputs are ever inserted. */
#include "latent/train/recommend.h"

#include "latent/base/mem.h"
#include "latent/train/evaluate.h"
#include "train/evaluate_int.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 64 }; /* rows whose outputs are there at once */

static lt_status sparse_check(const lt_net *net, const lt_dataset *set,
                              lt_err *err)
{
    if (!lt_dataset_sparse(set) || !lt_dataset_sparse(lt_dataset_target(set)))
        return lt_err_set(err, LT_EINVAL,
                          "set of ratings: not sparse, wanted one of "
                          "latent.data.ratings");
    return lt__evaluate_check(net, set, "set of ratings", err);
}

/* ---- predictions ---- */

/* The entries of `s` with values of 0, starting at 0. */
static lt_status entries_copy(const lt_sparse *s, lt_sparse *out, lt_err *err)
{
    size_t rows = (size_t)s->rows;
    size_t n = (size_t)(s->start[rows] - s->start[0]);

    *out = (lt_sparse){.rows = s->rows, .cols = s->cols};
    out->start = lt_mem_alloc(rows + 1, sizeof *out->start);
    out->index = lt_mem_alloc(n, sizeof *out->index);
    out->value = lt_mem_zero(n, sizeof *out->value);
    if (!out->start || !out->index || !out->value) {
        lt_mem_free(out->start);
        lt_mem_free(out->index);
        lt_mem_free(out->value);
        return lt_err_mark(err, LT_ENOMEM);
    }
    for (size_t i = 0; i <= rows; i++)
        out->start[i] = s->start[i] - s->start[0];
    memcpy(out->index, s->index + s->start[0], n * sizeof *out->index);
    return LT_OK;
}

static lt_status ids_copy(const int64_t *ids, int n, int64_t **out, lt_err *err)
{
    if (!ids)
        return LT_OK;
    *out = lt_mem_alloc((size_t)n, sizeof *ids);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    memcpy(*out, ids, (size_t)n * sizeof *ids);
    return LT_OK;
}

/* A set with the entries of set's target; *values are its values. */
static lt_status predicted_new(const lt_dataset *set, float **values,
                               lt_dataset **out, lt_err *err)
{
    const lt_sparse *s = lt_dataset_sparse(lt_dataset_target(set));
    lt_legend legend = lt_dataset_legend(set);
    int64_t *row_ids = NULL, *column_ids = NULL;
    lt_dataset *made = NULL;
    lt_sparse entries;
    lt_status rc;

    LT_TRY(entries_copy(s, &entries, err));
    *values = entries.value;
    LT_TRY(lt_dataset_new_sparse_take(&entries, NULL, &made, err));
    rc = ids_copy(legend.row_ids, s->rows, &row_ids, err);
    if (rc == LT_OK)
        rc = ids_copy(legend.column_ids, s->cols, &column_ids, err);
    lt_dataset_set_legend_take(made, row_ids, column_ids, legend.centre);
    if (rc == LT_OK)
        *out = made;
    else
        lt_dataset_free(made);
    return rc;
}

/* Outputs at the entries alone. */
static lt_status predict_sparse(lt_net *net, const lt_dataset *set,
                                const lt_objective *objective, lt_pool *pool,
                                float *values, lt_err *err)
{
    lt__evaluator e = {.net = net, .objective = objective, .pool = pool};
    lt_status rc = lt__evaluator_open(&e, set, err);
    int batch = rc == LT_OK ? lt_tape_batch(e.tape) : 1;

    for (int at = 0, n = lt_dataset_rows(set); rc == LT_OK && at < n;
         at += batch) {
        int rows = n - at < batch ? n - at : batch;
        lt_sparse_pair pair = lt__sparse_feed_gather(
            &e.sparse, (lt__feed_range){NULL, at, rows}, false);

        lt_net_sse_sparse(net, e.tape, &pair, 0);
        for (int i = 0; i < pair.target->start[rows]; i++)
            *values++ = (float)lt_tape_outputs(e.tape)[i];
    }
    lt__evaluator_close(&e);
    return rc;
}

/* What the network makes of rows [first, first + rows), as floats. */
static lt_status rows_map(lt_net *net, const lt_dataset *set, int first,
                          int rows, lt_pool *pool, lt_dataset **out,
                          lt_err *err)
{
    lt_dataset *view = NULL;
    lt_status rc;

    LT_TRY(lt_dataset_view(set, first, rows, &view, err));
    rc = lt_evaluate_map(net, view, 0, lt_net_n_layers(net), pool, out, err);
    lt_dataset_free(view);
    return rc;
}

static lt_status predict_dense(lt_net *net, const lt_dataset *set,
                               lt_pool *pool, float *values, lt_err *err)
{
    const lt_sparse *t = lt_dataset_sparse(lt_dataset_target(set));

    for (int at = 0; at < t->rows; at += CHUNK) {
        int rows = t->rows - at < CHUNK ? t->rows - at : CHUNK;
        lt_dataset *y = NULL;
        const float *outputs;

        LT_TRY(rows_map(net, set, at, rows, pool, &y, err));
        outputs = lt_dataset_values(y);
        for (int r = 0; r < rows; r++, outputs += t->cols)
            for (int64_t e = t->start[at + r]; e < t->start[at + r + 1]; e++)
                *values++ = outputs[t->index[e]];
        lt_dataset_free(y);
    }
    return LT_OK;
}

lt_status lt_predict(lt_net *net, const lt_dataset *set, lt_pool *pool,
                     lt_dataset **out, lt_err *err)
{
    const lt_objective masked = lt_objective_of(LT_LOSS_MASKED_MSE);
    lt_dataset *made = NULL;
    float *values = NULL;
    lt_status rc;

    LT_ASSERT(out && !*out);
    LT_TRY(sparse_check(net, set, err));
    LT_TRY(predicted_new(set, &values, &made, err));
    if (lt_objective_is_sparse(&masked, net) && lt__sparse_feed_suits(set))
        rc = predict_sparse(net, set, &masked, pool, values, err);
    else
        rc = predict_dense(net, set, pool, values, err);
    if (rc == LT_OK)
        *out = made;
    else
        lt_dataset_free(made);
    return rc;
}

/* ---- recommendations ---- */

/* Puts a column into the list, which has `count` of at most n, where it
 * belongs; returns how many there are then. Columns come in order. */
static int list_insert(lt_recommended *list, int count, int n,
                       lt_recommended next)
{
    int at = count < n ? count : n - 1;

    if (count == n && !(next.score > list[n - 1].score))
        return count;
    for (; at > 0 && next.score > list[at - 1].score; at--)
        list[at] = list[at - 1];
    list[at] = next;
    return count < n ? count + 1 : n;
}

/* The n best of y (cols), but the columns known[0..n_known), ascending. */
static void row_recommend(const float *y, int cols, const int32_t *known,
                          int64_t n_known, int n, lt_recommended *out)
{
    int count = 0;

    for (int c = 0; c < cols; c++) {
        if (n_known > 0 && *known == c) {
            known++, n_known--;
            continue;
        }
        if (!isnan(y[c]))
            count = list_insert(out, count, n, (lt_recommended){c, y[c]});
    }
    for (; count < n; count++)
        out[count] = (lt_recommended){-1, NAN};
}

static void chunk_recommend(const lt_dataset *set, const lt_dataset *y,
                            const lt_recommend_opts *o, int first,
                            lt_recommended *out)
{
    const lt_sparse *s = lt_dataset_sparse(set);
    const float *outputs = lt_dataset_values(y);
    float centre = (float)lt_dataset_legend(set).centre;

    for (int r = 0; r < lt_dataset_rows(y);
         r++, outputs += s->cols, out += o->n) {
        int64_t at = s->start[first + r];
        int64_t n_known = o->with_known ? 0 : s->start[first + r + 1] - at;

        row_recommend(outputs, s->cols, s->index + at, n_known, o->n, out);
        for (int i = 0; i < o->n; i++)
            out[i].score += centre;
    }
}

static lt_status range_check(const lt_dataset *set, const lt_recommend_opts *o,
                             lt_err *err)
{
    int n = lt_dataset_rows(set);

    if (o->n < 1)
        return lt_err_set(err, LT_EINVAL,
                          "recommend: n is %d, wanted at least 1", o->n);
    if (o->first < 0 || o->rows < 1 || o->first > n || o->rows > n - o->first)
        return lt_err_set(err, LT_EINVAL,
                          "recommend: %d rows from row %d on, wanted some of "
                          "the set's %d",
                          o->rows, o->first + 1, n);
    return LT_OK;
}

lt_status lt_recommend(lt_net *net, const lt_dataset *set,
                       const lt_recommend_opts *opts, lt_pool *pool,
                       lt_recommended *out, lt_err *err)
{
    int end;

    LT_TRY(sparse_check(net, set, err));
    LT_TRY(range_check(set, opts, err));
    end = opts->first + opts->rows;
    for (int at = opts->first; at < end; at += CHUNK) {
        int rows = end - at < CHUNK ? end - at : CHUNK;
        lt_dataset *y = NULL;

        LT_TRY(rows_map(net, set, at, rows, pool, &y, err));
        chunk_recommend(set, y, opts, at,
                        out + (size_t)(at - opts->first) * (size_t)opts->n);
        lt_dataset_free(y);
    }
    return LT_OK;
}
