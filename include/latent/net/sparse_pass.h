/* Passes of a sparse network over sparse rows: the first layer multiplies the
 * entries that its rows have, the last one computes the outputs at the entries
 * of the targets, and masked squared error is taken there. Time and memory
 * grow with the entries and the inner layers, not with rows x items.
 *
 * What a pass back leaves of the gradient lies in two places. That of the inner
 * layers and of the first layer's bias is in lt_net_grads, as always. That of
 * the tables (items, width) - the first layer's weight, the last one's weight
 * and bias - is 0 but for the items of the batch, and is told by
 * lt_tape_tables; their part of lt_net_grads is not touched.
 *
 * Order of a step: gather and arrange both batches, lt_opt_catch_up,
 * lt_objective_gradient_sparse, lt_opt_step_sparse. */
#ifndef LT_SPARSE_PASS_H
#define LT_SPARSE_PASS_H

#include "latent/math/table_rows.h"
#include "latent/net/net.h"

#define LT_NET_TABLES 3

/* A table of a sparse network in the flat vectors: `items` rows of `width`. */
typedef struct lt_table {
    size_t offset;
    int items, width;
    bool is_weight; /* decayed */
    bool is_frozen;
} lt_table;

/* The tables of a sparse network; a tied one has two. */
int lt_net_tables(const lt_net *net, lt_table out[LT_NET_TABLES]);

typedef struct lt_table_gradient {
    lt_table table;
    lt_rows_gradient rows;
} lt_table_gradient;

/* What goes in and what should come out: as many rows of each; `target` may be
 * `x` itself. Going back, x is arranged, and so is target, with x
 * (lt_sparse_batch_arrange_both). */
typedef struct lt_sparse_pair {
    const lt_sparse_batch *x, *target;
} lt_sparse_pair;

/* EINVAL when the network is not sparse, or decoder weights are computed from
 * the encoder's: such networks go the dense way. */
lt_status lt_net_check_sparse(const lt_net *net, lt_err *err);

/* Room for `batch` rows whose targets have at most `entries`; of a network that
 * lt_net_check_sparse accepts. Such a tape has no lt_tape_input, and its last
 * layer no lt_tape_activation. */
lt_status lt_tape_new_sparse(lt_net *net, int batch, int64_t entries,
                             bool with_gradient, lt_pool *pool, lt_tape **out,
                             lt_err *err);

/* Layers [0, last) on rows `x`, but the network's last layer; returns the
 * output of layer last - 1. */
const lt_real *lt_net_forward_sparse(lt_net *net, lt_tape *tape,
                                     const lt_sparse_batch *x, int last);

/* All of the network. Returns the sum of squared errors at the targets'
 * entries. On a tape with gradient also prepares the way back, for the gradient
 * of `scale` times half that sum. */
double lt_net_sse_sparse(lt_net *net, lt_tape *tape, const lt_sparse_pair *pair,
                         double scale);

/* (entries): the outputs at the targets' entries, of the last pass. */
const lt_real *lt_tape_outputs(const lt_tape *tape);

/* After lt_net_sse_sparse. */
void lt_net_backward_sparse(lt_net *net, lt_tape *tape);

/* The tables that train, with their gradients, until the next pass. */
int lt_tape_tables(const lt_tape *tape, const lt_table_gradient **out);

#endif
