/* What the greedy pre-training of one layer asks of a method: pretrain.c
 * walks the layers and the batches, a learner (pretrain_rbm.c, pretrain_ae.c)
 * learns from one batch of the layer's inputs at a time. */
#ifndef LT_PRETRAIN_INT_H
#define LT_PRETRAIN_INT_H

#include "latent/train/pretrain.h"
#include "train/batch.h"
#include "train/divergence.h"

typedef struct lt__phase lt__phase;

typedef struct lt__learner_ops {
    /* Learns from x (rows, n_inputs); *error is set to the sum of squared
     * reconstruction errors. Sets p->is_spoilt when a number is not finite
     * then, which the error need not show. */
    lt_status (*step)(void *self, const lt_real *x, int rows, double *error,
                      lt_err *err);
    /* After such a step, or such an error: layer and what. */
    void (*blame)(void *self, const lt_real *x, int rows, lt_divergence *d);
    /* After the last batch of an epoch: more metrics. */
    lt_status (*epoch_end)(void *self, lt_err *err);
    /* Copies what was learned into the network. */
    void (*land)(void *self);
    /* All that its later steps depend on; and what is to do after that was
     * read back. */
    void (*snapshot)(void *self, lt_snapshot *out);
    lt_status (*restored)(void *self, lt_err *err);
    void (*free)(void *self); /* accepts NULL */
} lt__learner_ops;

struct lt__phase {
    lt_net *net;
    const lt_pretrain_opts *o;
    const lt_layer *layer;  /* borrowed from the network */
    const lt_layer *mirror; /* the decoder layer that undoes it, or NULL */
    int index;              /* in the network, 0-based */
    int number;             /* among the encoder's weighted layers, from 1 */
    int n_inputs, n_units;
    lt_tape *tape; /* for the layers below */
    lt__batcher batches;
    const lt__learner_ops *ops;
    void *learner;
    int64_t steps;
    int epochs; /* ended */
    int rows;   /* of the last batch */
    bool is_spoilt;
};

lt_status lt__learner_rbm(lt__phase *p, const lt__learner_ops **ops, void **out,
                          lt_err *err);
lt_status lt__learner_ae(lt__phase *p, const lt__learner_ops **ops, void **out,
                         lt_err *err);

/* The layer's inputs for `rows` examples that are in the tape's input;
 * borrowed until the next call. */
const lt_real *lt__phase_inputs(lt__phase *p, int rows);

/* Emits "pretrain.L.NAME" after the epochs and steps so far. */
lt_status lt__phase_metric(const lt__phase *p, const char *name, double value,
                           lt_err *err);

/* "pretrain.L.NAME" */
#define LT__PHASE_NAME 64
const char *lt__phase_name(const lt__phase *p, const char *name,
                           char out[LT__PHASE_NAME]);

/* The nearest layer below that has an activation, which the layer's inputs
 * carry; NULL: they are the network's own inputs. */
const lt_layer *lt__phase_below(const lt__phase *p);

/* Whether the layer's inputs are in [0,1] or standard, seen from below: the
 * network's own as asked; above a linear layer they are Gaussian. */
lt_unit lt__phase_input_unit(const lt__phase *p);

#endif
