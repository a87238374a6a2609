/* An autoencoder: an encoder, and a decoder that is by default its mirror.
 *
 * One flat parameter vector and one flat gradient vector (P); layers hold
 * offsets into them. Everything is planned and checked at construction; a
 * forward and backward pass allocates nothing.
 *
 * Order of a step:  lt_net_forward, a loss (loss.h) that leaves the gradient
 * in lt_tape_delta, lt_net_backward, an optimiser on params and grads, then
 * lt_net_refresh(LT_REFRESH_STEP). */
#ifndef LT_NET_H
#define LT_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/json.h"
#include "latent/base/snapshot.h"
#include "latent/base/text.h"
#include "latent/net/layer.h"

/* DESIGN, ties. Biases are never tied. */
#define LT_TIE_MAP(X)                                                          \
    X(UNTIED, "untied")                                                        \
    X(TIED, "tied")                                                            \
    X(UNROLLED, "unrolled")                                                    \
    X(MIRRORED, "mirrored")                                                    \
    X(PINV, "pinv")

typedef enum lt_tie {
#define X(name, text) LT_TIE_##name,
    LT_TIE_MAP(X)
#undef X
        LT_TIE_COUNT
} lt_tie;

typedef enum lt_refresh { LT_REFRESH_STEP, LT_REFRESH_EPOCH } lt_refresh;

/* Initial weights; biases start at 0. D and H are a layer's inputs and
 * outputs.
 *   glorot  uniform +-sqrt(6/(D+H))            (Glorot and Bengio 2010)
 *   he      normal, sd sqrt(2/D)               (He et al. 2015)
 *   lecun   normal, sd sqrt(1/D)               (LeCun et al. 1998)
 *   normal  normal, sd `value`
 *   sparse  each unit has `value` incoming weights from N(0,1), the rest 0
 *           (Martens 2010)                                            */
#define LT_INIT_MAP(X)                                                         \
    X(GLOROT, "glorot")                                                        \
    X(HE, "he")                                                                \
    X(LECUN, "lecun")                                                          \
    X(NORMAL, "normal")                                                        \
    X(SPARSE, "sparse")

typedef enum lt_init_kind {
#define X(name, text) LT_INIT_##name,
    LT_INIT_MAP(X)
#undef X
        LT_INIT_COUNT
} lt_init_kind;

typedef struct lt_init {
    lt_init_kind kind;
    double value; /* sd of normal, connections of sparse; 0: 0.1 and 15 */
} lt_init;

const char *lt_tie_name(lt_tie tie);
int lt_tie_find(const char *name); /* or -1 */
const char *const *lt_tie_names(void);
const char *lt_init_name(lt_init_kind kind);
int lt_init_find(const char *name);
const char *const *lt_init_names(void);

typedef struct lt_net_spec {
    lt_shape input;
    const lt_layer_spec *encoder;
    int n_encoder;                /* at least 1 */
    const lt_layer_spec *decoder; /* n_decoder 0: the encoder's mirror */
    int n_decoder;
    lt_act output; /* activation of the last decoder layer of a mirror */
    lt_tie tie;    /* an explicit decoder must be a mirror in shape, layer by
                      layer, for any tie but untied */
    lt_refresh refresh;
    lt_init init;
    uint64_t seed;  /* streams "init.encoder.0", ..., one a layer, so that tied
                       and untied networks have the same encoder at the start */
    bool is_sparse; /* for sparse examples of many elements: the first layer
                       (dense) stores its weight (D,H), so that an element's
                       weights lie together; the last layer is dense too */
} lt_net_spec;

typedef struct lt_net lt_net;

/* The mirror undoes the encoder's layers from the last to the first; layers
 * without a mirror (noise, dropout) leave nothing in it, and shape-only layers
 * at its end are left out. maxpool is undone by switches, which carry positions
 * past the code to the decoder (maxpool.c): what such a network reconstructs is
 * not what its code alone tells, and its decoder cannot run alone. Its hidden
 * activations are those of the encoder layer below: the decoder layer that
 * gives back the output of encoder layer j has the activation of encoder layer
 * j, or of the nearest below it that has one. A batch normalisation in the
 * encoder has one in the mirror, with its own scale, shift and averages, and
 * carries that activation there: dense, batch normalisation with relu, dense is
 * mirrored by dense, batch normalisation with relu, dense. Where it is the
 * first with an activation, its mirror has the output's, and the one before
 * that its own.
 *
 * An explicit decoder with a tie other than untied has as many dense and
 * convolutional layers as the encoder, each the reverse of its partner; other
 * layers stand where they like. */
lt_status lt_net_new(const lt_net_spec *spec, lt_net **out, lt_err *err);
void lt_net_free(lt_net *net);

int lt_net_n_layers(const lt_net *net);
int lt_net_n_encoder(const lt_net *net);
const lt_layer *lt_net_layer(const lt_net *net, int index); /* 0-based */
lt_shape lt_net_input(const lt_net *net);
lt_shape lt_net_code(const lt_net *net);
lt_shape lt_net_output(const lt_net *net); /* the input's */
lt_act lt_net_output_act(const lt_net *net);
lt_tie lt_net_tie(const lt_net *net);
lt_refresh lt_net_refresh_kind(const lt_net *net);

size_t lt_net_n_params(const lt_net *net); /* P: a tied weight counts once */
lt_real *lt_net_params(lt_net *net);       /* (P) */
lt_real *lt_net_grads(lt_net *net);        /* (P) */
size_t lt_net_n_state(const lt_net *net);  /* S */
lt_real *lt_net_state(lt_net *net);        /* (S): what training changes
                                              without a gradient */
bool lt_net_is_sparse(const lt_net *net);
bool lt_net_is_variational(const lt_net *net); /* a gaussian_code is the code */
size_t lt_net_n_trainable(const lt_net *net);  /* of P, not frozen */

/* The flat vectors in stretches of one nature, in order, without gaps. */
typedef struct lt_segment {
    size_t offset, count;
    int layer;      /* first layer that uses it, 0-based */
    bool is_weight; /* weight decay and penalties apply to weights only; the
                       scale of a normalisation is none */
    bool is_frozen;
} lt_segment;
const lt_segment *lt_net_segments(const lt_net *net, int *n);

/* Freezing. `layer` is 0-based over encoder then decoder. A tied weight is
 * frozen when its encoder layer is. mirrored and pinv decoder weights are
 * always frozen: freezing and unfreezing move their biases only, and to
 * unfreeze what has nothing left to unfreeze but such weights is EINVAL.
 * Layers without parameters may be named and stay as they are: dropout drops
 * in a frozen network too. A batch normalisation that is frozen uses its moving
 * averages in training and does not move them. Gradients of what is frozen are
 * 0. Freezing is not saved in checkpoints. */
lt_status lt_net_freeze_layer(lt_net *net, int layer, bool frozen, lt_err *err);
lt_status lt_net_freeze_encoder(lt_net *net, bool frozen, lt_err *err);
lt_status lt_net_freeze_decoder(lt_net *net, bool frozen, lt_err *err);

/* Recomputes mirrored and pinv decoder weights when the tie's refresh is
 * `when` (epoch also serves step ties); nothing for other ties. Only pinv
 * can fail, and only pinv allocates (the workspace of LAPACK). */
lt_status lt_net_refresh(lt_net *net, lt_refresh when, lt_err *err);

/* After pre-training has set encoder weights: unrolled decoders become the
 * encoder's transposes (frozen ones too: freezing is against training),
 * mirrored and pinv ones are refreshed. */
lt_status lt_net_retie(lt_net *net, lt_err *err);

/* ---- passes ---- */

typedef struct lt_tape lt_tape; /* one batch's activations and deltas */

/* Room for up to `batch` rows; a tape without `with_gradient` can only go
 * forward and keeps its input and two layers' activations. The net and the
 * pool outlive it. */
lt_status lt_tape_new(lt_net *net, int batch, bool with_gradient, lt_pool *pool,
                      lt_tape **out, lt_err *err);
void lt_tape_free(lt_tape *tape);
int lt_tape_batch(const lt_tape *tape);

/* The random draws of the passes that follow: of noise, dropout and
 * variational codes. A fit sets it at every step. */
void lt_tape_draw(lt_tape *tape, uint64_t seed, int64_t step);

/* A tape without gradient runs layers as in evaluation: no noise, moving
 * averages, a variational code is its mean. With `samples`, the code is drawn
 * all the same: for an estimate of the bound. */
void lt_tape_set_sampling(lt_tape *tape, bool samples);

/* Of the last forward pass: layer `index`'s output, (rows, H); every layer's on
 * a tape with gradient, on others only the last two layers'. */
const lt_real *lt_tape_activation(const lt_tape *tape, int index);

/* The divergence of a variational code from N(0,1), in nats, summed over the
 * last forward pass's rows; 0 without one. */
double lt_tape_kl(const lt_tape *tape);

/* How many units of a variational code had means that varied by more than 0.01
 * over the examples of all forward passes since the tape was made or cleared;
 * NaN without such a code, or without passes. */
void lt_tape_clear_units(lt_tape *tape);
double lt_tape_active_units(const lt_tape *tape);
/* What it has counted so far, as blocks "prefix.units", "prefix.unit_rows". */
void lt_tape_snapshot(lt_tape *tape, const char *prefix, lt_snapshot *out);

lt_real *lt_tape_input(lt_tape *tape); /* (B,D): gather a batch here */

/* Runs layers [first, last) on x (rows, in of `first`), which may be
 * lt_tape_input; returns the last one's output, borrowed until the next call.
 * With `logits`, the network's last layer leaves its pre-activation. */
const lt_real *lt_net_forward(lt_net *net, lt_tape *tape, const lt_real *x,
                              int rows, int first, int last, bool logits);

/* EINVAL when layers [first, last) cannot run without those before them: an
 * unpooling layer reads the switches of the max pool that it mirrors, from the
 * tape's last pass through that pool. */
lt_status lt_net_check_part(const lt_net *net, int first, int last,
                            lt_err *err);

/* (B, output): the loss writes its gradient here before lt_net_backward. */
lt_real *lt_tape_delta(lt_tape *tape);

/* (B, code): a gradient that is added at the code going back (penalties on
 * codes), when the flag is set; lt_net_backward clears the flag. */
lt_real *lt_tape_code_delta(lt_tape *tape);
void lt_tape_add_code_delta(lt_tape *tape);

/* The weight of the divergence's gradient in the next lt_net_backward, over
 * the rows: beta / rows. 0 at the start. */
void lt_tape_set_kl_scale(lt_tape *tape, double scale);

/* After a forward pass over all layers (whose input must still be there), and
 * a loss that left in lt_tape_delta the gradient at the last pre-activation
 * (when the forward pass was with `logits`) or at the output: fills
 * lt_net_grads of all that is not frozen. Stops at the lowest layer that
 * trains. Overwrites lt_tape_delta. */
void lt_net_backward(lt_net *net, lt_tape *tape, int rows, bool logits);

/* Parameters and state, as blocks "prefix.params" and "prefix.state". */
void lt_net_snapshot(lt_net *net, const char *prefix, lt_snapshot *out);

/* ---- descriptions and files ---- */

/* The spec as JSON, from which lt_net_from_json makes an equal network. */
lt_status lt_net_to_json(const lt_net *net, json_t **out, lt_err *err);
lt_status lt_net_from_json(const json_t *spec, lt_net **out, lt_err *err);

/* "layer 3 (decoder 1: dense 500, sigmoid)", by the numbers and words of the
 * summary; returns `out`. */
#define LT_LAYER_TEXT 128
const char *lt_net_layer_text(const lt_net *net, int index,
                              char out[LT_LAYER_TEXT]);

/* A table of layers for people: name, kind, shape in and out, activation,
 * parameters, trained or frozen; ends with totals. */
lt_status lt_net_summary(const lt_net *net, lt_text *out, lt_err *err);

#endif
