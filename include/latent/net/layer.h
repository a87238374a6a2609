/* Layers: what a kind of layer is, and what a network asks of it.
 *
 * A kind is one constant table in one source file, listed once in
 * layer_kinds[] (src/net/layer.c). A layer's weights live in the network's
 * flat parameter vector; a layer holds offsets into it. A layer whose weight
 * is another layer's, transposed (tie = tied), has that layer's offset and
 * weight_is_transposed. */
#ifndef LT_LAYER_H
#define LT_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "latent/base/status.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"
#include "latent/math/shape.h"
#include "latent/math/vec.h"

typedef struct lt_layer lt_layer;
typedef struct lt_layer_ops lt_layer_ops;

/* What a script says of a layer. */
typedef struct lt_layer_spec {
    const char *kind; /* "dense" */
    int units;        /* dense: outputs, at least 1 */
    lt_act act;
} lt_layer_spec;

struct lt_layer {
    const lt_layer_ops *ops;
    lt_layer_spec spec;
    lt_shape in, out;
    size_t weight;       /* offset; (H,D), or (D,H) when transposed */
    size_t weight_count; /* 0: the layer has none */
    size_t bias;         /* offset; (H) */
    size_t bias_count;
    bool weight_is_transposed; /* borrowed from the layer it mirrors */
    bool adds_gradient; /* a second user of a weight: gradients are added */
    bool is_weight_frozen, is_bias_frozen;
    int mirror_of; /* index of the encoder layer it undoes, or -1 */
};

/* One call's surroundings: the flat vectors and the pool. */
typedef struct lt_pass {
    lt_pool *pool;
    const lt_real *params; /* (P) */
    lt_real *grads;        /* (P) */
    int rows;              /* B */
    bool is_training;
    bool skips_act; /* forward: leave the pre-activation (the loss fuses it) */
} lt_pass;

struct lt_layer_ops {
    const char *name;
    /* Checks spec and `in`, fills out, weight_count and bias_count. The caller
     * puts the layer's name before the message: "0 units, wanted at least 1".
     */
    lt_status (*plan)(lt_layer *l, lt_err *err);
    /* The spec of the layer that undoes `l`; its activation is the caller's. */
    void (*mirror)(const lt_layer *l, lt_layer_spec *out);
    /* y (B,H) from x (B,D). */
    void (*forward)(const lt_layer *l, const lt_pass *p, const lt_real *x,
                    lt_real *y);
    /* dy (B,H) in: the gradient at y, or at the pre-activation when
     * p->skips_act; overwritten. Adds to or sets the layer's gradients unless
     * frozen; sets dx (B,D) unless NULL. */
    void (*backward)(const lt_layer *l, const lt_pass *p, const lt_real *x,
                     const lt_real *y, lt_real *dy, lt_real *dx);
};

const lt_layer_ops *lt_layer_find(const char *kind); /* or NULL */

/* The name of a kind for messages, `index` from 0; NULL beyond the last. */
const char *lt_layer_kind_name(int index);

/* The most elements a layer may take or give. */
#define LT_LAYER_MAX_ELEMENTS (1 << 26)

#endif
