/* Initial weights.
 *
 * Every layer draws from a stream of its own, "init.encoder.0" and so on:
 * changing one layer moves no other, and networks that differ in their tie
 * only start with the same encoder. Draws are made in order by one thread, so
 * the start depends on the seed alone. Decoder weights that a tie computes are
 * not drawn. */
#include "net/net_int.h"

#include "latent/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const init_names[] = {
#define X(name, text) text,
    LT_INIT_MAP(X)
#undef X
        NULL,
};

const char *lt_init_name(lt_init_kind kind)
{
    LT_ASSERT(kind < LT_INIT_COUNT);
    return init_names[kind];
}

int lt_init_find(const char *name)
{
    for (int i = 0; i < LT_INIT_COUNT; i++)
        if (strcmp(init_names[i], name) == 0)
            return i;
    return -1;
}

const char *const *lt_init_names(void)
{
    return init_names;
}

/* Also puts the default in the place of 0. */
lt_status lt__init_check(lt_init *init, lt_err *err)
{
    LT_ASSERT(init->kind < LT_INIT_COUNT);
    if (!isfinite(init->value) || init->value < 0)
        return lt_err_set(err, LT_EINVAL, "init %s: value %g, wanted above 0",
                          lt_init_name(init->kind), init->value);
    if (init->kind == LT_INIT_SPARSE) {
        if (!(init->value > 0))
            init->value = 15;
        if (init->value < 1 || floor(init->value) < init->value ||
            init->value > LT_LAYER_MAX_ELEMENTS)
            return lt_err_set(err, LT_EINVAL,
                              "init sparse: %g connections, wanted a whole "
                              "number of at least 1",
                              init->value);
    } else if (init->kind == LT_INIT_NORMAL && !(init->value > 0)) {
        init->value = 0.1;
    }
    return LT_OK;
}

/* A weight drawn in the order of (H,D), and put where it is stored: W[i] of
 * row i / D. */
typedef struct filler {
    lt_real *w;
    size_t rows, cols; /* H, D */
    bool is_transposed;
} filler;

static lt_real *filler_at(const filler *f, size_t i)
{
    if (!f->is_transposed)
        return f->w + i;
    return f->w + i % f->cols * f->rows + i / f->cols;
}

static void fill_uniform(lt_rng *rng, double limit, const filler *f)
{
    for (size_t i = 0; i < f->rows * f->cols; i++)
        *filler_at(f, i) = (lt_real)(limit * (2 * lt_rng_uniform(rng) - 1));
}

static void fill_normal(lt_rng *rng, double sd, const filler *f)
{
    for (size_t i = 0; i < f->rows * f->cols; i++)
        *filler_at(f, i) = (lt_real)(sd * lt_rng_normal(rng));
}

/* `wanted` entries of each row, chosen by selection sampling (Knuth, TAOCP 2,
 * algorithm S); the others stay 0. */
static void fill_sparse(lt_rng *rng, uint64_t wanted, const filler *f)
{
    for (size_t i = 0; i < f->rows; i++) {
        uint64_t left = wanted;

        for (size_t j = 0; j < f->cols; j++) {
            if (lt_rng_below(rng, f->cols - j) >= left)
                continue;
            *filler_at(f, i * f->cols + j) = (lt_real)lt_rng_normal(rng);
            left--;
        }
    }
}

static void fill_weight(const lt_net *net, const lt_layer *l, lt_rng *rng)
{
    size_t rows = (size_t)l->weight_dim[0];
    const filler f = {net->params + l->weight, rows, l->weight_count / rows,
                      l->is_transposed};

    switch (net->init.kind) {
    case LT_INIT_GLOROT:
        fill_uniform(rng, sqrt(6.0 / ((double)l->fan_in + l->fan_out)), &f);
        break;
    case LT_INIT_HE:
        fill_normal(rng, sqrt(2.0 / l->fan_in), &f);
        break;
    case LT_INIT_LECUN:
        fill_normal(rng, sqrt(1.0 / l->fan_in), &f);
        break;
    case LT_INIT_NORMAL:
        fill_normal(rng, net->init.value, &f);
        break;
    case LT_INIT_SPARSE:
        fill_sparse(rng, (uint64_t)net->init.value, &f);
        break;
    case LT_INIT_COUNT:
        break;
    }
}

static void fill_layer(const lt_net *net, int index)
{
    const lt_layer *l = &net->layers[index];
    bool is_encoder = index < net->n_encoder;
    char stream[LT_LABEL_TEXT + 8];
    lt_rng rng;

    if (l->ops->start) {
        l->ops->start(l, net->params, net->state);
        return;
    }
    if (!l->weight_count || l->is_borrowed)
        return;
    if (lt__layer_is_tied(l) && net->tie != LT_TIE_UNTIED)
        return; /* the tie computes it */
    snprintf(stream, sizeof stream, "init.%s.%d",
             is_encoder ? "encoder" : "decoder",
             is_encoder ? index : index - net->n_encoder);
    lt_rng_init(&rng, net->seed, stream);
    fill_weight(net, l, &rng);
}

void lt__net_fill(lt_net *net)
{
    for (int i = 0; i < net->n_layers; i++)
        fill_layer(net, i);
}
