/* Layers: what a kind of layer is, and what a network asks of it.
 *
 * A kind is one constant table in one source file, listed once in
 * layer_kinds[] (src/net/layer.c). A layer's weights live in the network's
 * flat parameter vector; a layer holds offsets into it. A layer whose weight
 * is that of the layer it mirrors (tie = tied) has that layer's offset and
 * is_borrowed. What training changes without a gradient (the moving averages
 * of a batch normalisation) lives in the network's flat state vector. */
#ifndef LT_LAYER_H
#define LT_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latent/base/rng.h"
#include "latent/base/status.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"
#include "latent/math/shape.h"
#include "latent/math/vec.h"

typedef struct lt_layer lt_layer;
typedef struct lt_layer_ops lt_layer_ops;

/* Padding of convolutions and pools.
 *   same   as TensorFlow: out = ceil(in / stride); an odd pixel of padding
 *          goes to the bottom and to the right
 *   valid  none
 *   size   pad_size pixels before and after (height, width) */
#define LT_PAD_MAP(X)                                                          \
    X(SAME, "same")                                                            \
    X(VALID, "valid")                                                          \
    X(SIZE, "size")

/* What an average pool's mirror does with a pooled value: spreads it evenly
 * over its window (the adjoint), or copies it. */
#define LT_UNPOOL_MAP(X)                                                       \
    X(SPREAD, "spread")                                                        \
    X(COPY, "copy")

#define LT_INTERP_MAP(X)                                                       \
    X(NEAREST, "nearest")                                                      \
    X(BILINEAR, "bilinear")

/* gaussian: + sd N(0,1); masking: a share is set to 0; salt_pepper: a share
 * is set to 0 or 1 with equal chance. */
#define LT_NOISE_MAP(X)                                                        \
    X(GAUSSIAN, "gaussian")                                                    \
    X(MASKING, "masking")                                                      \
    X(SALT_PEPPER, "salt_pepper")

#define X(name, text) LT_PAD_##name,
typedef enum lt_pad { LT_PAD_MAP(X) LT_PAD_COUNT } lt_pad;
#undef X
#define X(name, text) LT_UNPOOL_##name,
typedef enum lt_unpool { LT_UNPOOL_MAP(X) LT_UNPOOL_COUNT } lt_unpool;
#undef X
#define X(name, text) LT_INTERP_##name,
typedef enum lt_interp { LT_INTERP_MAP(X) LT_INTERP_COUNT } lt_interp;
#undef X
#define X(name, text) LT_NOISE_##name,
typedef enum lt_noise { LT_NOISE_MAP(X) LT_NOISE_COUNT } lt_noise;
#undef X

/* What a script says of a layer. A kind reads the fields that its table
 * names; the others are 0. Pairs are {height, width}. */
typedef struct lt_layer_spec {
    const char *kind; /* "dense" */
    int units;        /* outputs of dense, gaussian_code; kept by k_sparse */
    lt_act act;
    int channels;                          /* conv, conv_transpose: outputs */
    int kernel[2], stride[2], dilation[2]; /* pools: stride {0, 0} is kernel */
    int pad;                               /* an lt_pad */
    int pad_size[2];                       /* of LT_PAD_SIZE */
    int size[2];     /* conv_transpose: output, where the input's size leaves
                        it open; {0, 0}: the smallest (valid), or in times
                        stride (same); of a pool's mirror: output */
    int shape[3];    /* reshape: {c, h, w}; {n, 0, 0}: flat */
    int factor[2];   /* upsample */
    int unpool;      /* avgpool: an lt_unpool */
    int interp;      /* upsample: an lt_interp */
    int noise;       /* noise: an lt_noise */
    double amount;   /* dropout, noise: share, or sd */
    double momentum; /* batchnorm: share of the new in the moving averages */
    double epsilon;  /* batchnorm: added to the variance */
} lt_layer_spec;

/* A field of the spec, for whoever reads or writes specs: JSON, Lua. */
typedef enum lt_field_type {
    LT_FIELD_INT,
    LT_FIELD_PAIR,  /* int[2] */
    LT_FIELD_SHAPE, /* int[3] */
    LT_FIELD_REAL,
    LT_FIELD_NAME, /* an enum, by one of `names` */
} lt_field_type;

typedef struct lt_field {
    const char *name;
    lt_field_type type;
    size_t offset;
    const char *const *names; /* of LT_FIELD_NAME, NULL at the end */
} lt_field;

/* A kernel's way over a picture, as conv and the pools plan it. Index 0 is
 * height, 1 is width. Window o of `out` covers the inputs
 * o stride - before + k dilation, k in [0, kernel), that lie in [0, in). */
typedef struct lt_window {
    int in[2], out[2];
    int kernel[2], stride[2], dilation[2], before[2];
} lt_window;

/* From the fields kernel, stride, dilation and pad of `spec`, for a picture of
 * `in` (height, width). EINVAL when the kernel is larger than the padded
 * picture or a number is out of range. */
lt_status lt_window_plan(const lt_layer_spec *spec, const int in[2],
                         lt_window *out, lt_err *err);

struct lt_layer {
    const lt_layer_ops *ops;
    lt_layer_spec spec;
    int index; /* in the network, 0-based */
    lt_shape in, out;
    lt_window window;    /* conv, pools and their mirrors */
    size_t weight;       /* offset in the parameters */
    size_t weight_count; /* 0: the layer has none */
    int weight_rank;     /* as it stands in files: dense (H,D), */
    int weight_dim[4];   /* conv (out, in, h, w) */
    int fan_in, fan_out; /* connections of a unit, for the initial weights */
    size_t bias;         /* offset */
    size_t bias_count;
    size_t state; /* offset in the network's state */
    size_t state_count;
    bool is_borrowed;   /* the weight is the mirrored layer's */
    bool is_transposed; /* dense: the weight is stored (D,H) */
    bool adds_gradient; /* a second user of a weight: gradients are added */
    bool is_weight_frozen, is_bias_frozen;
    int mirror_of; /* index of the encoder layer it undoes, or -1 */
};

/* One call's surroundings. */
typedef struct lt_pass {
    lt_pool *pool;
    const lt_real *params;  /* (P) */
    lt_real *grads;         /* (P); NULL going forward, and going back (through
                               kinds with a tangent) when only the input's
                               gradient is wanted */
    lt_real *state;         /* (S) */
    lt_real *keep;          /* this layer's: forward leaves here what backward
                               or its mirror needs */
    const lt_real *partner; /* `keep` of the layer that this one mirrors */
    lt_real *work;          /* shared by all layers: lost after the call */
    int rows;               /* B */
    bool is_training; /* noise and dropout act, batch statistics are used */
    bool samples;     /* gaussian_code draws (in training always) */
    bool skips_act; /* forward: leave the pre-activation (the loss fuses it) */
    uint64_t seed;  /* of the random draws of this pass ... */
    int64_t step;   /* ... which is the step-th */
    lt_real kl_scale; /* backward of gaussian_code: the divergence's gradient
                         times this (beta / rows) is added */
    double *kl; /* forward of gaussian_code: the divergence, summed over the
                   batch, is added; NULL: not wanted */
    double *unit_sums; /* forward of gaussian_code: each unit's mean, summed
                          over the batch, is added to the first H, its square
                          to the next H; NULL: not wanted */
} lt_pass;

/* The generator of one layer in one pass: stream "noise.LAYER.STEP" of the
 * pass's seed. Backward and forward of a step see the same. */
void lt_pass_rng(const lt_pass *p, const lt_layer *l, lt_rng *rng);

/* How a mirror's weight follows from the layer's own. */
typedef enum lt_mirror_weight {
    LT_MIRROR_NONE,       /* nothing to tie: pools, normalisation */
    LT_MIRROR_TRANSPOSED, /* dense: W'; gaussian_code: its means' half */
    LT_MIRROR_SAME,       /* conv: the same kernels, used by the adjoint */
} lt_mirror_weight;

struct lt_layer_ops {
    const char *name;
    const char *const *fields; /* names, NULL at the end; "act" among them
                                  when the layer has an activation */
    lt_mirror_weight mirror_weight;
    bool is_shape_only; /* flatten, reshape: copies */
    bool is_noise;      /* changes what passes in training only; no network
                           ends with it */
    bool needs_partner; /* reads what the layer it mirrors kept in the same
                           pass: only a mirror has it */
    /* Checks spec and `in`, fills out, the counts and what belongs to them.
     * The caller puts the layer's name before the message: "0 units, wanted
     * at least 1". */
    lt_status (*plan)(lt_layer *l, lt_err *err);
    /* The spec of the layer that undoes `l`; its activation is the caller's. A
     * kind left NULL: nothing undoes it, a network that has it wants an
     * explicit decoder. The function NULL: a mirror has nothing in the layer's
     * place (noise, dropout). */
    void (*mirror)(const lt_layer *l, lt_layer_spec *out);
    /* Starts weights and state that are not drawn (normalisation: scale 1);
     * NULL: weights are drawn as the network's init says, state is 0. */
    void (*start)(const lt_layer *l, lt_real *params, lt_real *state);
    /* Elements of `keep` and of `work` for `rows` rows; NULL: none. */
    size_t (*keep_size)(const lt_layer *l, int rows, bool with_gradient);
    size_t (*work_size)(const lt_layer *l, int rows, bool with_gradient);
    /* y (B,H) from x (B,D). */
    void (*forward)(const lt_layer *l, const lt_pass *p, const lt_real *x,
                    lt_real *y);
    /* dy (B,H) in: the gradient at y, or at the pre-activation when
     * p->skips_act; overwritten. Adds to or sets the layer's gradients unless
     * frozen; sets dx (B,D) unless NULL. */
    void (*backward)(const lt_layer *l, const lt_pass *p, const lt_real *x,
                     const lt_real *y, lt_real *dy, lt_real *dx);
    /* dz (B,H): the derivative of the layer's pre-activations at x along t
     * (B,D), with the noise of the pass; after forward, of which everything
     * kept stays. NULL: the contractive penalty is not for such encoders. */
    void (*tangent)(const lt_layer *l, const lt_pass *p, const lt_real *x,
                    const lt_real *t, lt_real *dz);
};

const lt_layer_ops *lt_layer_find(const char *kind); /* or NULL */

/* The name of a kind for messages, `index` from 0; NULL beyond the last. */
const char *lt_layer_kind_name(int index);

/* Whether the kind reads the field. */
bool lt_layer_has_field(const lt_layer_ops *ops, const char *name);
const lt_field *lt_layer_field(const char *name); /* NULL: no such field */

/* The most elements a layer may take or give. */
#define LT_LAYER_MAX_ELEMENTS (1 << 26)

#endif
