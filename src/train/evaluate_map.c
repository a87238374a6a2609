/* What networks make of whole sets; see latent/train/evaluate.h. The first
 * layer of a sparse network reads sparse rows as they are where its output is
 * asked for, or that of a layer above but the last. */
#include "train/evaluate_int.h"

#include "latent/base/mem.h"

#include <string.h>

/* A set of `n` examples of `shape`, zero, with a copy of the labels; *values
 * points into it. */
static lt_status floats_new(int n, lt_shape shape, const uint8_t *labels,
                            float **values, lt_dataset **out, lt_err *err)
{
    uint8_t *copy = NULL;

    *values = lt_mem_zero((size_t)n * (size_t)lt_shape_elements(shape),
                          sizeof **values);
    if (labels)
        copy = lt_mem_alloc((size_t)n, 1);
    if (!*values || (labels && !copy)) {
        lt_mem_free(*values);
        lt_mem_free(copy);
        return lt_err_mark(err, LT_ENOMEM);
    }
    if (labels)
        memcpy(copy, labels, (size_t)n);
    return lt_dataset_new_take(LT_ELEM_F32, n, shape, *values, copy, out, err);
}

typedef struct layer_map {
    lt_net *net;
    int first, last;
    lt_pool *pool;
    lt_tape *tape;
    lt_real *x; /* (B,D), D that of the first layer: the tape's own input may
                   be narrower */
    lt_sparse_batch *rows; /* instead of x */
} layer_map;

static bool map_is_sparse(const layer_map *m, const lt_dataset *set)
{
    return m->first == 0 && m->last < lt_net_n_layers(m->net) &&
           lt_net_check_sparse(m->net, NULL) == LT_OK &&
           lt__sparse_feed_suits(set);
}

static lt_status map_open(layer_map *m, const lt_dataset *set, lt_err *err)
{
    const lt_sparse *s = lt_dataset_sparse(set);
    int batch = lt__evaluate_rows(m->net, set);
    size_t elements = (size_t)lt_shape_elements(lt_dataset_shape(set));

    if (map_is_sparse(m, set)) {
        LT_TRY(lt_sparse_batch_new(batch, lt_sparse_most_entries(s, batch),
                                   s->cols, &m->rows, err));
        return lt_tape_new_sparse(m->net, batch, 0, false, m->pool, &m->tape,
                                  err);
    }
    m->x = lt_mem_aligned((size_t)batch * elements, sizeof *m->x);
    if (!m->x)
        return lt_err_mark(err, LT_ENOMEM);
    return lt_tape_new(m->net, batch, false, m->pool, &m->tape, err);
}

static void map_close(layer_map *m)
{
    lt_tape_free(m->tape);
    lt_mem_free(m->x);
    lt_sparse_batch_free(m->rows);
}

static const lt_real *map_rows(const layer_map *m, const lt_dataset *set,
                               int first, int rows)
{
    if (m->rows) {
        lt_sparse_batch_gather(m->rows, lt_dataset_sparse(set), NULL, first,
                               rows);
        return lt_net_forward_sparse(m->net, m->tape, m->rows, m->last);
    }
    lt__feed_inputs(set, (lt__feed_range){NULL, first, rows}, m->x);
    return lt_net_forward(m->net, m->tape, m->x, rows, m->first, m->last,
                          false);
}

/* The layers on the whole set, into out (N,H). */
static void map_run(const layer_map *m, const lt_dataset *set, float *out)
{
    int n = lt_dataset_rows(set), batch = lt_tape_batch(m->tape);
    size_t width =
        (size_t)lt_shape_elements(lt_net_layer(m->net, m->last - 1)->out);

    for (int at = 0; at < n; at += batch) {
        int rows = n - at < batch ? n - at : batch;
        const lt_real *y = map_rows(m, set, at, rows);

        for (size_t i = 0; i < (size_t)rows * width; i++)
            *out++ = (float)y[i];
    }
}

static lt_status map_check(const layer_map *m, const lt_dataset *set,
                           lt_err *err)
{
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];
    lt_shape in = lt_net_layer(m->net, m->first)->in;
    lt_shape shape = lt_dataset_shape(set);

    if (lt_shape_elements(in) != lt_shape_elements(shape))
        return lt_err_set(
            err, LT_EINVAL,
            "set of examples of shape %s: wanted the input of layer %d, %s",
            lt_shape_text(shape, found), m->first + 1,
            lt_shape_text(in, wanted));
    return lt_net_check_part(m->net, m->first, m->last, err);
}

/* A network's last layer may make pictures where its output is rows. */
static lt_shape map_shape(const layer_map *m)
{
    if (m->last == lt_net_n_layers(m->net))
        return lt_net_output(m->net);
    return lt_net_layer(m->net, m->last - 1)->out;
}

lt_status lt_evaluate_map(lt_net *net, const lt_dataset *set, int first,
                          int last, lt_pool *pool, lt_dataset **out,
                          lt_err *err)
{
    layer_map m = {.net = net, .first = first, .last = last, .pool = pool};
    float *values = NULL;
    lt_status rc;

    LT_ASSERT(first >= 0 && first < last && last <= lt_net_n_layers(net));
    LT_TRY(map_check(&m, set, err));
    rc = map_open(&m, set, err);
    if (rc == LT_OK)
        rc = floats_new(lt_dataset_rows(set), map_shape(&m),
                        lt_dataset_labels(set), &values, out, err);
    if (rc == LT_OK)
        map_run(&m, set, values);
    map_close(&m);
    return rc;
}
