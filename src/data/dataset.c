/* Sets of examples; see latent/data/dataset.h.
 *
 * A set holds its examples in the type they came in: MNIST is 47 MB of bytes,
 * and never 188 MB of floats. A batch becomes lt_real as it is gathered, by
 * the vectorised kernel, row by row; rows ahead are prefetched, because the
 * order is shuffled and no hardware prefetcher can guess it. Ratings and word
 * counts stay sparse. A view borrows its parent's memory and owns nothing but
 * the view of its target. */
#include "latent/data/dataset.h"

#include "latent/base/mem.h"
#include "latent/math/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CACHE_LINE 64
/* Rows between the one converted and the one asked for. */
#define PREFETCH_ROWS 2

struct lt_dataset {
    lt_elem type;
    int n;
    int elements;
    lt_shape shape;
    const void *values; /* NULL when sparse */
    const uint8_t *labels;
    lt_sparse sparse;        /* when type says so */
    lt_dataset *target;      /* or NULL: the set itself */
    void (*release)(void *); /* of what owns the values; NULL in a view */
    void *owner;
    uint8_t *owned_labels;
    lt_legend legend;
    int64_t *owned_ids[2]; /* of the legend: rows', columns' */
};

static size_t elem_size(lt_elem type)
{
    switch (type) {
    case LT_ELEM_U8:
        return sizeof(uint8_t);
    case LT_ELEM_F32:
        return sizeof(float);
    case LT_ELEM_F64:
        return sizeof(double);
    case LT_ELEM_SPARSE:
        break;
    }
    return 0;
}

/* ---- making and freeing ---- */

lt_status lt_dataset_new_borrow(lt_elem type, int n, lt_shape shape,
                                const void *values, void (*release)(void *),
                                void *owner, uint8_t *labels, lt_dataset **out,
                                lt_err *err)
{
    lt_dataset *d = NULL;
    lt_status rc = LT_ENOMEM;

    LT_ASSERT(out && values && lt_shape_elements(shape) > 0);
    LT_ASSERT(type != LT_ELEM_SPARSE);
    if (n < 1)
        rc = lt_err_set(err, LT_EINVAL,
                        "data set: %d examples, wanted at least 1", n);
    else
        d = lt_mem_zero(1, sizeof *d);
    if (!d) {
        release(owner);
        lt_mem_free(labels);
        return lt_err_mark(err, rc);
    }
    d->type = type;
    d->n = n;
    d->elements = lt_shape_elements(shape);
    d->shape = shape;
    d->values = values;
    d->labels = d->owned_labels = labels;
    d->release = release;
    d->owner = owner;
    *out = d;
    return LT_OK;
}

lt_status lt_dataset_new_take(lt_elem type, int n, lt_shape shape, void *values,
                              uint8_t *labels, lt_dataset **out, lt_err *err)
{
    return lt_dataset_new_borrow(type, n, shape, values, lt_mem_free, values,
                                 labels, out, err);
}

static lt_status sparse_check(const lt_sparse *s, lt_err *err)
{
    if (s->rows < 1 || s->cols < 1)
        return lt_err_set(err, LT_EINVAL,
                          "sparse set: %d rows of %d columns, wanted at least "
                          "1 of each",
                          s->rows, s->cols);
    for (int i = 0; i < s->rows; i++) {
        int32_t least = 0;

        LT_ASSERT(s->start[i] <= s->start[i + 1]);
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            if (s->index[e] < least || s->index[e] >= s->cols)
                return lt_err_set(err, LT_EINVAL,
                                  "sparse set: row %d: column %d, wanted %d "
                                  "to %d, in ascending order",
                                  i + 1, s->index[e] + 1, least + 1, s->cols);
            least = s->index[e] + 1;
        }
    }
    return LT_OK;
}

static void sparse_release(void *owner)
{
    lt_sparse *s = &((lt_dataset *)owner)->sparse;

    lt_mem_free(s->start);
    lt_mem_free(s->index);
    lt_mem_free(s->value);
}

lt_status lt_dataset_new_sparse_take(const lt_sparse *s, uint8_t *labels,
                                     lt_dataset **out, lt_err *err)
{
    lt_dataset *d = lt_mem_zero(1, sizeof *d);
    lt_dataset failed = {.sparse = *s};
    lt_status rc = d ? sparse_check(s, err) : LT_ENOMEM;

    if (rc != LT_OK) {
        sparse_release(&failed);
        lt_mem_free(labels);
        lt_mem_free(d);
        return lt_err_mark(err, rc);
    }
    d->type = LT_ELEM_SPARSE;
    d->n = s->rows;
    d->elements = s->cols;
    d->shape = lt_shape_flat(s->cols);
    d->sparse = *s;
    d->labels = d->owned_labels = labels;
    d->release = sparse_release;
    d->owner = d;
    *out = d;
    return LT_OK;
}

lt_status lt_dataset_set_target_take(lt_dataset *d, lt_dataset *target,
                                     lt_err *err)
{
    LT_ASSERT(!d->target);
    if (target->n == d->n && target->elements == d->elements) {
        d->target = target;
        return LT_OK;
    }
    lt_err_set(err, LT_EINVAL,
               "target: %d examples of %d elements, wanted %d of %d, as the "
               "set has",
               target->n, target->elements, d->n, d->elements);
    lt_dataset_free(target);
    return LT_EINVAL;
}

void lt_dataset_set_legend_take(lt_dataset *d, int64_t *row_ids,
                                int64_t *column_ids, double centre)
{
    LT_ASSERT(!d->owned_ids[0] && !d->owned_ids[1]);
    d->owned_ids[0] = row_ids;
    d->owned_ids[1] = column_ids;
    d->legend = (lt_legend){row_ids, column_ids, centre};
}

lt_status lt_dataset_view(const lt_dataset *d, int first, int n,
                          lt_dataset **out, lt_err *err)
{
    lt_dataset *view;

    if (first < 0 || n < 1 || first > d->n || n > d->n - first)
        return lt_err_set(err, LT_EINVAL,
                          "data set of %d examples: cannot take %d from "
                          "example %d on",
                          d->n, n, first);
    view = lt_mem_zero(1, sizeof *view);
    if (!view)
        return lt_err_mark(err, LT_ENOMEM);
    *view = *d;
    view->n = n;
    view->labels = d->labels ? d->labels + first : NULL;
    view->target = NULL;
    view->release = NULL;
    view->owned_labels = NULL;
    view->owned_ids[0] = view->owned_ids[1] = NULL;
    if (d->legend.row_ids)
        view->legend.row_ids += first;
    if (d->type == LT_ELEM_SPARSE) {
        view->sparse.rows = n;
        view->sparse.start += first;
    } else {
        view->values = (const char *)d->values +
                       (size_t)first * (size_t)d->elements * elem_size(d->type);
    }
    if (d->target &&
        lt_dataset_view(d->target, first, n, &view->target, err) != LT_OK) {
        lt_dataset_free(view);
        return lt_err_mark(err, LT_ENOMEM);
    }
    *out = view;
    return LT_OK;
}

void lt_dataset_free(lt_dataset *d)
{
    if (!d)
        return;
    lt_dataset_free(d->target);
    if (d->release)
        d->release(d->owner);
    lt_mem_free(d->owned_labels);
    lt_mem_free(d->owned_ids[0]);
    lt_mem_free(d->owned_ids[1]);
    lt_mem_free(d);
}

/* ---- copies of some examples ---- */

/* The labels of the examples chosen; *out is NULL when there are none. */
static lt_status labels_select(const lt_dataset *d, const int32_t *index, int n,
                               uint8_t **out, lt_err *err)
{
    if (!d->labels)
        return LT_OK;
    *out = lt_mem_alloc((size_t)n, 1);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = 0; i < n; i++)
        (*out)[i] = d->labels[index[i]];
    return LT_OK;
}

static lt_status sparse_select(const lt_dataset *d, const int32_t *index, int n,
                               lt_sparse *out, lt_err *err)
{
    const lt_sparse *s = &d->sparse;
    int64_t total = 0;

    for (int i = 0; i < n; i++)
        total += s->start[index[i] + 1] - s->start[index[i]];
    out->start = lt_mem_alloc((size_t)n + 1, sizeof *out->start);
    out->index = lt_mem_alloc((size_t)total, sizeof *out->index);
    out->value = lt_mem_alloc((size_t)total, sizeof *out->value);
    if (!out->start || !out->index || !out->value)
        return lt_err_mark(err, LT_ENOMEM);
    out->rows = n;
    out->cols = s->cols;
    out->start[0] = 0;
    for (int i = 0; i < n; i++) {
        int64_t from = s->start[index[i]], to = out->start[i];
        size_t count = (size_t)(s->start[index[i] + 1] - from);

        memcpy(out->index + to, s->index + from, count * sizeof *out->index);
        memcpy(out->value + to, s->value + from, count * sizeof *out->value);
        out->start[i + 1] = to + (int64_t)count;
    }
    return LT_OK;
}

static lt_status dense_select(const lt_dataset *d, const int32_t *index, int n,
                              void **out, lt_err *err)
{
    size_t row = (size_t)d->elements * elem_size(d->type);
    char *to = lt_mem_alloc((size_t)n, row);

    *out = to;
    if (!to)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = 0; i < n; i++)
        memcpy(to + (size_t)i * row,
               (const char *)d->values + (size_t)index[i] * row, row);
    return LT_OK;
}

/* The examples without their target. */
static lt_status own_select(const lt_dataset *d, const int32_t *index, int n,
                            lt_dataset **out, lt_err *err)
{
    uint8_t *labels = NULL;
    void *values = NULL;
    lt_sparse sparse = {0};
    lt_status rc = labels_select(d, index, n, &labels, err);

    if (rc == LT_OK && d->type == LT_ELEM_SPARSE)
        rc = sparse_select(d, index, n, &sparse, err);
    else if (rc == LT_OK)
        rc = dense_select(d, index, n, &values, err);
    if (rc == LT_OK && d->type == LT_ELEM_SPARSE)
        return lt_dataset_new_sparse_take(&sparse, labels, out, err);
    if (rc == LT_OK)
        return lt_dataset_new_take(d->type, n, d->shape, values, labels, out,
                                   err);
    lt_mem_free(sparse.start);
    lt_mem_free(sparse.index);
    lt_mem_free(sparse.value);
    lt_mem_free(values);
    lt_mem_free(labels);
    return rc;
}

static lt_status legend_select(const lt_dataset *d, const int32_t *index,
                               lt_dataset *copy, lt_err *err)
{
    const int64_t *rows = d->legend.row_ids, *columns = d->legend.column_ids;
    size_t n = (size_t)copy->n, wide = (size_t)copy->elements;
    int64_t *row_ids = rows ? lt_mem_alloc(n, sizeof *rows) : NULL;
    int64_t *column_ids = columns ? lt_mem_alloc(wide, sizeof *columns) : NULL;

    lt_dataset_set_legend_take(copy, row_ids, column_ids, d->legend.centre);
    if ((rows && !row_ids) || (columns && !column_ids))
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; rows && i < n; i++)
        row_ids[i] = rows[index[i]];
    if (columns)
        memcpy(column_ids, columns, wide * sizeof *columns);
    return LT_OK;
}

lt_status lt_dataset_select(const lt_dataset *d, const int32_t *index, int n,
                            lt_dataset **out, lt_err *err)
{
    lt_dataset *copy = NULL;
    lt_status rc = own_select(d, index, n, &copy, err);

    if (rc == LT_OK)
        rc = legend_select(d, index, copy, err);
    if (rc == LT_OK && d->target)
        rc = own_select(d->target, index, n, &copy->target, err);
    if (rc == LT_OK)
        *out = copy;
    else
        lt_dataset_free(copy);
    return rc;
}

/* ---- what a set tells ---- */

int lt_dataset_rows(const lt_dataset *d)
{
    return d->n;
}

lt_shape lt_dataset_shape(const lt_dataset *d)
{
    return d->shape;
}

lt_elem lt_dataset_type(const lt_dataset *d)
{
    return d->type;
}

static size_t entry_count(const lt_dataset *d)
{
    return (size_t)(d->sparse.start[d->n] - d->sparse.start[0]);
}

size_t lt_dataset_bytes(const lt_dataset *d)
{
    if (d->type == LT_ELEM_SPARSE)
        return entry_count(d) * (sizeof(int32_t) + sizeof(float)) +
               ((size_t)d->n + 1) * sizeof(int64_t);
    return (size_t)d->n * (size_t)d->elements * elem_size(d->type);
}

const void *lt_dataset_values(const lt_dataset *d)
{
    return d->values;
}

const uint8_t *lt_dataset_labels(const lt_dataset *d)
{
    return d->labels;
}

const lt_sparse *lt_dataset_sparse(const lt_dataset *d)
{
    return d->type == LT_ELEM_SPARSE ? &d->sparse : NULL;
}

const lt_dataset *lt_dataset_target(const lt_dataset *d)
{
    return d->target ? d->target : d;
}

lt_legend lt_dataset_legend(const lt_dataset *d)
{
    return d->legend;
}

/* ---- gathering ---- */

static void floats_convert(size_t n, const float *in, lt_real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (lt_real)in[i];
}

static void doubles_convert(size_t n, const double *in, lt_real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (lt_real)in[i];
}

/* `n` elements from element `at` on. */
static void values_convert(const lt_dataset *d, size_t at, size_t n,
                           lt_real *out)
{
    if (d->type == LT_ELEM_U8)
        lt_vec_from_bytes(n, (const uint8_t *)d->values + at,
                          (lt_real)1 / (lt_real)255, 0, out);
    else if (d->type == LT_ELEM_F32)
        floats_convert(n, (const float *)d->values + at, out);
    else
        doubles_convert(n, (const double *)d->values + at, out);
}

/* Entries that the row does not have become `absent`. */
static void sparse_scatter(const lt_sparse *s, int row, lt_real absent,
                           lt_real *out)
{
    for (int i = 0; i < s->cols; i++)
        out[i] = absent;
    for (int64_t e = s->start[row]; e < s->start[row + 1]; e++)
        out[s->index[e]] = (lt_real)s->value[e];
}

static void row_prefetch(const lt_dataset *d, int32_t row)
{
    size_t size = (size_t)d->elements * elem_size(d->type);
    const char *p = (const char *)d->values + (size_t)row * size;

    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch(p + at);
}

static void sparse_gather(const lt_dataset *d, const int32_t *index, int first,
                          int n, lt_real absent, lt_real *out)
{
    for (int i = 0; i < n; i++)
        sparse_scatter(&d->sparse, index ? index[i] : first + i, absent,
                       out + (size_t)i * (size_t)d->elements);
}

void lt_dataset_gather_known(const lt_dataset *d, const int32_t *index,
                             int first, int n, lt_real *out)
{
    LT_ASSERT(index || (first >= 0 && n >= 0 && n <= d->n - first));
    if (d->type == LT_ELEM_SPARSE)
        sparse_gather(d, index, first, n, (lt_real)NAN, out);
    else
        lt_dataset_gather(d, index, first, n, out);
}

void lt_dataset_gather(const lt_dataset *d, const int32_t *index, int first,
                       int n, lt_real *out)
{
    size_t elements = (size_t)d->elements;

    LT_ASSERT(index || (first >= 0 && n >= 0 && n <= d->n - first));
    if (d->type == LT_ELEM_SPARSE) {
        sparse_gather(d, index, first, n, 0, out);
        return;
    }
    if (!index) {
        values_convert(d, (size_t)first * elements, (size_t)n * elements, out);
        return;
    }
    for (int i = 0; i < n; i++) {
        LT_DASSERT(index[i] >= 0 && index[i] < d->n);
        if (i + PREFETCH_ROWS < n)
            row_prefetch(d, index[i + PREFETCH_ROWS]);
        values_convert(d, (size_t)index[i] * elements, elements,
                       out + (size_t)i * elements);
    }
}

/* ---- fingerprints ---- */

static const char *type_name(lt_elem type)
{
    static const char *const names[] = {"u8", "f32", "f64", "sparse"};

    return names[type];
}

/* Digest of the numbers of entries a row, a block at a time, each with the
 * digest so far before it. */
static void counts_digest(const lt_dataset *d, char hex[LT_DIGEST_HEX])
{
    struct {
        char before[LT_DIGEST_HEX];
        int64_t counts[256];
    } block;
    const int64_t *start = d->sparse.start;

    memset(hex, '0', LT_DIGEST_HEX);
    for (int at = 0; at < d->n; at += 256) {
        memset(&block, 0, sizeof block);
        memcpy(block.before, hex, LT_DIGEST_HEX);
        for (int i = 0; i < 256 && at + i < d->n; i++)
            block.counts[i] = start[at + i + 1] - start[at + i];
        lt_digest_bytes(&block, sizeof block, hex);
    }
}

static void sparse_digest(const lt_dataset *d, char hex[LT_DIGEST_HEX])
{
    char part[3][LT_DIGEST_HEX];
    size_t n = entry_count(d);

    counts_digest(d, part[0]);
    lt_digest_bytes(d->sparse.index + d->sparse.start[0],
                    n * sizeof *d->sparse.index, part[1]);
    lt_digest_bytes(d->sparse.value + d->sparse.start[0],
                    n * sizeof *d->sparse.value, part[2]);
    lt_digest_bytes(part, sizeof part, hex);
}

/* Digests of the parts, then of their text: nothing to allocate, so nothing
 * that can fail. */
void lt_dataset_fingerprint(const lt_dataset *d, char hex[LT_DIGEST_HEX])
{
    char values[LT_DIGEST_HEX], labels[LT_DIGEST_HEX] = "none";
    char target[LT_DIGEST_HEX] = "";
    char shape[LT_SHAPE_TEXT], text[3 * LT_DIGEST_HEX + LT_SHAPE_TEXT + 64];
    int size;

    if (d->type == LT_ELEM_SPARSE)
        sparse_digest(d, values);
    else
        lt_digest_bytes(d->values, lt_dataset_bytes(d), values);
    if (d->labels)
        lt_digest_bytes(d->labels, (size_t)d->n, labels);
    if (d->target)
        lt_dataset_fingerprint(d->target, target);
    size = snprintf(text, sizeof text, "%s %d %s\nvalues %s\nlabels %s\n%s%s",
                    type_name(d->type), d->n, lt_shape_text(d->shape, shape),
                    values, labels, d->target ? "target " : "", target);
    lt_digest_bytes(text, (size_t)size, hex);
}
