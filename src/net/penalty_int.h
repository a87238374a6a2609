/* Penalties: what the loss has beside the reconstruction. */
#ifndef LT_PENALTY_INT_H
#define LT_PENALTY_INT_H

#include "latent/net/objective.h"
#include "net/tape_int.h"

/* Weights of the objective, and terms, of the same names. */
#define LT__PENALTY_MAP(X)                                                     \
    X(l1)                                                                      \
    X(l2)                                                                      \
    X(code_l1)                                                                 \
    X(sparsity)                                                                \
    X(contractive)                                                             \
    X(orthogonality)

/* Vectors of one tape, made before the first step. */
struct lt__room {
    lt_real *block;      /* owns the vectors below */
    lt_real **lists;     /* owns slope and bend */
    lt_real **slope;     /* one an encoder layer, (B,H): the gradient at its
                            pre-activation in a product with the Jacobian */
    lt_real **bend;      /* one an encoder layer, (B,H): what the products add
                            to the loss's gradient there; NULL where the
                            activation is straight */
    lt_real *tangent[2]; /* (B, widest of the input and the encoder) */
    lt_real *grads;      /* of the encoder's parameters, which come first; not
                            in closed form */
    lt_real *units;      /* (2, widest layer): of units, from lt__penalty_before
                            to lt__penalty_after */
    lt_real *gram;       /* the largest product of a weight with itself */
};

/* One batch, after its forward pass. */
typedef struct lt__penalty {
    const lt_objective *o;
    lt_net *net;
    lt_tape *tape;
    lt_pool *pool;
    int rows;
    bool with_gradient;
} lt__penalty;

bool lt__penalty_is_any(const lt_objective *o);

/* EINVAL names what does not go with the network; weights are 0 or more. */
lt_status lt__penalty_check(const lt_objective *o, const lt_net *net,
                            lt_err *err);

/* Values into *sums. Before the backward pass: what acts on codes and the
 * Jacobian, with the gradients that the pass shall take up; after it: what
 * acts on weights, and all gradients that are added to the network's own. */
void lt__penalty_before(const lt__penalty *p, lt_sums *sums);
void lt__penalty_after(const lt__penalty *p, lt_sums *sums);

/* The divergence of the last forward pass into *sums. */
void lt__kl_add(const lt_objective *o, const lt_tape *tape, lt_sums *sums);

/* The encoder's one layer that does anything, when that is dense; else -1. */
int lt__contractive_only(const lt_net *net);

/* The squared norm of the encoder's Jacobian, summed over the batch; and, after
 * the backward pass, its gradient in the weights that it acts on directly. */
double lt__contractive(const lt__penalty *p);
void lt__contractive_add(const lt__penalty *p);

/* The matrix (m,n) that a layer's weight is, as it is stored; false: none. */
bool lt__weight_matrix(const lt_layer *l, int *m, int *n);

#endif
