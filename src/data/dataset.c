/* Sets of examples; see latent/data/dataset.h.
 *
 * A set holds its examples in the type they came in: MNIST is 47 MB of bytes,
 * and never 188 MB of floats. A batch becomes lt_real as it is gathered, by
 * the vectorised kernel, row by row; rows ahead are prefetched, because the
 * order is shuffled and no hardware prefetcher can guess it. A view borrows
 * its parent's memory and owns nothing. */
#include "latent/data/dataset.h"

#include "latent/base/mem.h"
#include "latent/math/vec.h"

#include <stdio.h>

#define CACHE_LINE 64
/* Rows between the one converted and the one asked for. */
#define PREFETCH_ROWS 2

struct lt_dataset {
    lt_elem type;
    int n;
    int elements;
    lt_shape shape;
    const void *values;
    const uint8_t *labels;
    void *owned_values; /* NULL in a view */
    uint8_t *owned_labels;
};

static size_t elem_size(lt_elem type)
{
    return type == LT_ELEM_U8 ? sizeof(uint8_t) : sizeof(float);
}

lt_status lt_dataset_new_take(lt_elem type, int n, lt_shape shape, void *values,
                              uint8_t *labels, lt_dataset **out, lt_err *err)
{
    lt_dataset *d = NULL;
    lt_status rc = LT_ENOMEM;

    LT_ASSERT(out && values && lt_shape_elements(shape) > 0);
    if (n < 1) {
        rc = lt_err_set(err, LT_EINVAL,
                        "data set: %d examples, wanted at least 1", n);
        goto done;
    }
    d = lt_mem_zero(1, sizeof *d);
    if (!d)
        goto done;
    *d = (lt_dataset){type,   n,      lt_shape_elements(shape),
                      shape,  values, labels,
                      values, labels};
    *out = d;
    return LT_OK;
done:
    lt_mem_free(values);
    lt_mem_free(labels);
    return lt_err_mark(err, rc);
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
    view->values = (const char *)d->values +
                   (size_t)first * (size_t)d->elements * elem_size(d->type);
    view->labels = d->labels ? d->labels + first : NULL;
    view->owned_values = NULL;
    view->owned_labels = NULL;
    *out = view;
    return LT_OK;
}

void lt_dataset_free(lt_dataset *d)
{
    if (!d)
        return;
    lt_mem_free(d->owned_values);
    lt_mem_free(d->owned_labels);
    lt_mem_free(d);
}

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

const void *lt_dataset_values(const lt_dataset *d)
{
    return d->values;
}

const uint8_t *lt_dataset_labels(const lt_dataset *d)
{
    return d->labels;
}

static void floats_convert(size_t n, const float *in, lt_real *out)
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
    else
        floats_convert(n, (const float *)d->values + at, out);
}

static void row_prefetch(const lt_dataset *d, int32_t row)
{
    size_t size = (size_t)d->elements * elem_size(d->type);
    const char *p = (const char *)d->values + (size_t)row * size;

    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch(p + at);
}

void lt_dataset_gather(const lt_dataset *d, const int32_t *index, int first,
                       int n, lt_real *out)
{
    size_t elements = (size_t)d->elements;

    if (!index) {
        LT_ASSERT(first >= 0 && n >= 0 && n <= d->n - first);
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

/* Digests of the parts, then of their text: nothing to allocate, so nothing
 * that can fail. */
void lt_dataset_fingerprint(const lt_dataset *d, char hex[LT_DIGEST_HEX])
{
    char values[LT_DIGEST_HEX], labels[LT_DIGEST_HEX] = "none";
    char shape[LT_SHAPE_TEXT], text[2 * LT_DIGEST_HEX + LT_SHAPE_TEXT + 64];
    int size;

    lt_digest_bytes(d->values,
                    (size_t)d->n * (size_t)d->elements * elem_size(d->type),
                    values);
    if (d->labels)
        lt_digest_bytes(d->labels, (size_t)d->n, labels);
    size = snprintf(text, sizeof text, "%s %d %s\nvalues %s\nlabels %s\n",
                    d->type == LT_ELEM_U8 ? "u8" : "f32", d->n,
                    lt_shape_text(d->shape, shape), values, labels);
    lt_digest_bytes(text, (size_t)size, hex);
}
