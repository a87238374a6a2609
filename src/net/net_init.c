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

static void fill_uniform(lt_rng *rng, double limit, size_t n, lt_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (lt_real)(limit * (2 * lt_rng_uniform(rng) - 1));
}

static void fill_normal(lt_rng *rng, double sd, size_t n, lt_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (lt_real)(sd * lt_rng_normal(rng));
}

/* W (H,D): `wanted` entries of each row, chosen by selection sampling (Knuth,
 * TAOCP 2, algorithm S). */
static void fill_sparse(lt_rng *rng, uint64_t wanted, int h, int d, lt_real *w)
{
    for (int i = 0; i < h; i++, w += d) {
        uint64_t left = wanted;

        for (int j = 0; j < d; j++) {
            if (lt_rng_below(rng, (uint64_t)(d - j)) >= left)
                continue;
            w[j] = (lt_real)lt_rng_normal(rng);
            left--;
        }
    }
}

static void fill_weight(const lt_net *net, const lt_layer *l, lt_rng *rng,
                        lt_real *w)
{
    int d = lt_shape_elements(l->in), h = lt_shape_elements(l->out);

    switch (net->init.kind) {
    case LT_INIT_GLOROT:
        fill_uniform(rng, sqrt(6.0 / ((double)d + h)), l->weight_count, w);
        break;
    case LT_INIT_HE:
        fill_normal(rng, sqrt(2.0 / d), l->weight_count, w);
        break;
    case LT_INIT_LECUN:
        fill_normal(rng, sqrt(1.0 / d), l->weight_count, w);
        break;
    case LT_INIT_NORMAL:
        fill_normal(rng, net->init.value, l->weight_count, w);
        break;
    case LT_INIT_SPARSE:
        fill_sparse(rng, (uint64_t)net->init.value, h, d, w);
        break;
    case LT_INIT_COUNT:
        break;
    }
}

void lt__net_fill(lt_net *net)
{
    char stream[LT_LABEL_TEXT + 8];
    lt_rng rng;

    for (int i = 0; i < net->n_layers; i++) {
        const lt_layer *l = &net->layers[i];
        bool is_encoder = i < net->n_encoder;

        if (!is_encoder && net->tie != LT_TIE_UNTIED)
            break;
        snprintf(stream, sizeof stream, "init.%s.%d",
                 is_encoder ? "encoder" : "decoder",
                 is_encoder ? i : i - net->n_encoder);
        lt_rng_init(&rng, net->seed, stream);
        fill_weight(net, l, &rng, net->params + l->weight);
    }
}
