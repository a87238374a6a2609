/* The inside of a tape, for dense passes (tape.c) and those over sparse rows
 * (sparse_pass.c). */
#ifndef LT_NET_TAPE_INT_H
#define LT_NET_TAPE_INT_H

#include "latent/net/sparse_pass.h"
#include "net/net_int.h"

/* What a tape over sparse rows has more. */
typedef struct lt__sparse_tape {
    lt_sparse_pair pair; /* of the last forward pass */
    lt_real *y, *dz;     /* (entries): outputs, and the gradient at them */
    lt_table_gradient tables[LT_NET_TABLES];
    int n_tables;
} lt__sparse_tape;

/* What penalties keep on a tape between steps (room.c). */
typedef struct lt__room lt__room;
void lt__room_free(lt__room *room);

struct lt_tape {
    lt_net *net;
    lt_pool *pool;
    int batch;
    int64_t entries; /* of targets, on a tape over sparse rows; else -1 */
    bool has_gradient;
    const lt_real *x; /* what the last forward pass read */
    lt_real *block;   /* owns all below */
    lt_real *input;   /* (B,D); NULL over sparse rows */
    lt_real *delta[2];
    lt_real *code_delta; /* (B, code) */
    lt_real *work;       /* of one layer's call */
    lt_real **y;         /* one a layer: its output (B,H) */
    lt_real **keep;      /* one a layer: what it keeps for its backward pass
                            and its mirror */
    lt__sparse_tape sparse;
    lt__room *room;       /* of penalties, or NULL */
    lt_real *const *bend; /* one an encoder layer, each (B,H) or NULL: what the
                             next backward pass adds to the gradients at
                             their pre-activations; NULL: nothing */
    bool adds_code_delta, samples;
    uint64_t seed; /* of random draws */
    int64_t step;
    double kl;         /* of the last forward pass */
    double kl_scale;   /* for the next backward pass */
    double *unit_sums; /* (2, code) of a variational code's means and their
                          squares, or NULL */
    double unit_rows;  /* examples in them */
};

/* A tape as lt_tape_new makes it; over sparse rows when entries >= 0. */
lt_status lt__tape_make(lt_net *net, int batch, int64_t entries,
                        bool with_gradient, lt_pool *pool, lt_tape **out,
                        lt_err *err);

/* What layer `index` sees of a pass, without gradients of parameters. */
lt_pass lt__tape_pass(const lt_tape *tape, int rows, int index);

/* What layer `index` received in the last forward pass, (B,D). */
const lt_real *lt__tape_received(const lt_tape *tape, int index);

/* The gradient at the output of layer `index` while going back. */
lt_real *lt__tape_delta_of(const lt_tape *tape, int index);

/* Adds the code's own gradient where `index` gives the code. */
void lt__tape_meet_code(const lt_tape *tape, int rows, int index);

/* Layers `from` down to `to`: from the gradient at the output of `from` to
 * that at the input of `to`, which is left out where `to` is the lowest layer
 * that trains. */
void lt__tape_back(lt_tape *tape, int rows, int from, int to, bool logits);

#endif
