/* The inside of a network, shared by the files of this room. */
#ifndef LT_NET_INT_H
#define LT_NET_INT_H

#include "latent/math/norm.h"
#include "latent/math/pooling.h"
#include "latent/net/net.h"

struct lt_net {
    lt_shape input;
    lt_layer *layers; /* encoder, then decoder */
    int n_layers, n_encoder;
    bool has_own_decoder; /* an explicit list, not the mirror */
    lt_tie tie;
    lt_refresh refresh;
    lt_init init;
    uint64_t seed;
    bool is_sparse;
    size_t n_state;         /* S */
    lt_real *state;         /* (S) */
    size_t n_params;        /* P */
    lt_real *params;        /* (P) */
    lt_real *grads;         /* (P) */
    lt_segment *segments;   /* room for two a layer */
    int n_segments, lowest; /* lowest layer that trains, or n_layers */
};

#define LT_LABEL_TEXT 64

/* "encoder layer 2 (dense)"; returns `out`. */
const char *lt__net_label(const lt_net *net, int index,
                          char out[LT_LABEL_TEXT]);

/* A checked network without vectors: nothing here grows with the number of
 * parameters, so that a file's promises can be compared with its size. */
lt_status lt__net_plan(const lt_net_spec *spec, lt_net **out, lt_err *err);

/* EINVAL when a layer stands where its kind or activation has no meaning. */
lt_status lt__net_check(const lt_net *net, lt_err *err);

/* The vectors of a planned network, all 0. */
lt_status lt__net_allocate(lt_net *net, lt_err *err);

/* Gives a planned network its vectors, initial weights and tie. Takes `net`
 * over: *out is it, or it is freed. */
lt_status lt__net_start_take(lt_net *net, lt_net **out, lt_err *err);

/* Initial weights of every layer that owns one. */
void lt__net_fill(lt_net *net);
lt_status lt__init_check(lt_init *init, lt_err *err);

/* Sets mirror_of in the layers of an explicit decoder; EINVAL when the tie
 * wants partners that are not there. */
lt_status lt__net_match(lt_net *net, lt_err *err);

/* Whether the layer's weight and its mirror's are tied as the network says. */
bool lt__layer_is_tied(const lt_layer *l);

/* A block of values with a name of its own in files. */
typedef struct lt__tensor {
    int layer;
    const char *part; /* "weight", "bias", "running_mean", ... */
    int rank, dim[4];
    size_t offset, count; /* in the parameters, or the state */
    bool is_state;
    bool is_transposed; /* stands (dim[1], dim[0]) in the parameters */
} lt__tensor;

/* The tensors of a network in file order: parameters, then state. `out` has
 * room for LT__TENSORS_PER_LAYER a layer; returns how many there are. */
#define LT__TENSORS_PER_LAYER 4
int lt__net_tensors(const lt_net *net, lt__tensor *out);

/* out (cols, rows) = a (rows, cols) transposed */
void lt__transpose(int rows, int cols, const lt_real *a, lt_real *out);

/* Whether decoder weights are computed from the encoder's: mirrored, pinv. */
bool lt__tie_is_derived(lt_tie tie);
lt_status lt__tie_derive(lt_net *net, lt_err *err);

/* Rebuilds segments and `lowest` after offsets or freezing changed. */
void lt__net_segment(lt_net *net);

/* A planned network from its JSON form. */
lt_status lt__net_plan_json(const json_t *spec, lt_net **out, lt_err *err);

/* "encoder.0.weight", the tensor's name in a checkpoint and (without its last
 * part) the name of the layer's random stream; returns `out`. */
const char *lt__net_tensor(const lt_net *net, int index, const char *part,
                           char out[LT_LABEL_TEXT]);

/* ---- layers ---- */

/* Calls row(arg, 0 .. rows-1), each once, over the pool. */
void lt__rows_run(lt_pool *pool, int rows, void (*row)(void *arg, int row),
                  void *arg);

/* EINVAL unless the numbers of the spec's window are in range. */
lt_status lt__window_check(const lt_layer_spec *spec, lt_err *err);

/* EINVAL unless the shape is a picture's. */
lt_status lt__picture_check(lt_shape in, lt_err *err);

/* l->out = channels x size, if it is not too large. */
lt_status lt__picture_plan(lt_layer *l, int channels, const int size[2],
                           lt_err *err);

/* Pools: window and shape from the spec; of their mirrors, whose larger picture
 * is spec.size; a mirror's spec; and what the kernels want to know. */
lt_status lt__pool_plan(lt_layer *l, lt_err *err);
lt_status lt__unpool_plan(lt_layer *l, lt_err *err);
void lt__pool_mirror(const lt_layer *l, const char *kind, lt_layer_spec *out);
lt_pooling lt__pool_geometry(const lt_layer *l, int rows);

/* EINVAL unless the share is in [0, 1). */
lt_status lt__share_check(double share, lt_err *err);

extern const lt_layer_ops lt__layer_dense;
extern const lt_layer_ops lt__layer_conv;
extern const lt_layer_ops lt__layer_conv_transpose;
extern const lt_layer_ops lt__layer_maxpool;
extern const lt_layer_ops lt__layer_maxunpool;
extern const lt_layer_ops lt__layer_avgpool;
extern const lt_layer_ops lt__layer_avgunpool;
extern const lt_layer_ops lt__layer_upsample;
extern const lt_layer_ops lt__layer_flatten;
extern const lt_layer_ops lt__layer_reshape;
extern const lt_layer_ops lt__layer_batchnorm;
extern const lt_layer_ops lt__layer_dropout;
extern const lt_layer_ops lt__layer_noise;
extern const lt_layer_ops lt__layer_k_sparse;
extern const lt_layer_ops lt__layer_gaussian_code;

#endif
