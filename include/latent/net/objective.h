/* The objective of training: a loss and what is added to it.
 *
 *   loss = recon + beta kl + l1 |W|_1 + l2 |W|^2 + code_l1 |h|_1
 *          + sparsity KL(rho || mean h) + contractive |dh/dx|^2
 *          + orthogonality |W W' - I|^2
 *
 *   recon          the loss of loss.h, mean over the batch
 *   kl             divergence of a variational code from N(0,1) in nats, mean
 *                  over examples (Kingma and Welling 2014); beta weighs it
 *                  (Higgins et al. 2017)
 *   l1, l2         sums of |w| and w^2 over all weights that train (not biases,
 *                  not a normalisation's scale). A tied weight counts once:
 *                  to give the tied network the penalty of an untied one with
 *                  mirror weights, double it. l2 = d/2 is weight_decay = d of
 *                  sgd.
 *   code_l1        sum of |h| over the code's units, mean over examples
 *   sparsity       sum over the code's units of KL(rho || r), r the unit's mean
 *                  over the batch, rho = sparsity_target; wants a sigmoid code
 *                  (Ng, CS294A notes). r counts as 1e-6 away from 0 and 1.
 *   contractive    squared Frobenius norm of the encoder's Jacobian dh/dx, mean
 *                  over examples (Rifai et al. 2011): exact for one dense
 *                  layer; for several an unbiased estimate from `probes` random
 *                  products, or exact with as many products as code units when
 *                  probes is 0. Noise and dropout are those of the pass. Not
 *                  for encoders that draw their code or, in training, mix the
 *                  examples of a batch (batchnorm, unless it is frozen), nor
 *                  for sparse networks.
 *   orthogonality  sum over the encoder's weights, as matrices, of |W W' - I|^2
 *                  (|W' W - I|^2 where that is smaller: outputs > inputs)
 *
 * Each is logged by its name, unweighted, when its weight is not 0 (kl of every
 * variational network); then recon too. bound is -(recon + kl): the evidence
 * lower bound of a variational network whose recon is a negative log-likelihood
 * (bce, multinomial). rmse is the root of masked_mse's mean; perplexity
 * exp(recon per word). active_units counts the code's units whose mean varies
 * by more than 0.01 over the examples (Burda et al. 2016). */
#ifndef LT_OBJECTIVE_H
#define LT_OBJECTIVE_H

#include "latent/net/loss.h"
#include "latent/net/sparse_pass.h"

/* What is told of training and evaluation; NaN: does not apply. */
#define LT_TERM_MAP(X)                                                         \
    X(loss)                                                                    \
    X(sse)                                                                     \
    X(recon)                                                                   \
    X(kl)                                                                      \
    X(bound)                                                                   \
    X(active_units)                                                            \
    X(l1)                                                                      \
    X(l2)                                                                      \
    X(code_l1)                                                                 \
    X(sparsity)                                                                \
    X(contractive)                                                             \
    X(orthogonality)                                                           \
    X(rmse)                                                                    \
    X(perplexity)

typedef struct lt_terms {
#define X(name) double name;
    LT_TERM_MAP(X)
#undef X
} lt_terms;

#define LT_TERM_COUNT ((int)(sizeof(lt_terms) / sizeof(double)))
const char *lt_term_name(int index); /* "sse" */
double lt_term_value(const lt_terms *terms, int index);
lt_terms lt_terms_none(void); /* all NaN */

typedef struct lt_objective {
    lt_loss loss;
    double huber_delta; /* above 0 */
    double beta;        /* all weights are 0 or more */
    double l1, l2, code_l1;
    double sparsity, sparsity_target; /* target in (0, 1) */
    double contractive;
    int contractive_probes;
    double orthogonality;
} lt_objective;

/* huber_delta 1, beta 1, sparsity_target 0.05, one probe, no penalties. */
lt_objective lt_objective_of(lt_loss loss);

/* EINVAL names what does not go with the network. */
lt_status lt_objective_check(const lt_objective *o, const lt_net *net,
                             lt_err *err);

/* Room on the tape for what the penalties need, once: before the first call
 * below that has any. */
lt_status lt_objective_reserve(const lt_objective *o, lt_tape *tape,
                               lt_err *err);

/* Sums over the batches seen, all 0 at the start. */
typedef struct lt_sums {
    lt_terms total;      /* weighted by rows, but recon */
    double rows;         /* examples */
    double recon_weight; /* examples or known entries */
    double penalty;      /* what the loss has beside recon, times rows */
    double words;        /* of multinomial targets */
} lt_sums;
void lt_sums_add(lt_sums *to, const lt_sums *more);
/* Means over what was summed; terms that do not apply are NaN, and so are
 * active_units: lt_tape_active_units counts those. */
lt_terms lt_sums_mean(const lt_objective *o, const lt_net *net,
                      const lt_sums *sums);

/* Forward, objective, backward: fills lt_net_grads with the gradient of the
 * mean over x (rows, D), whose targets are target (rows, output), and puts
 * this batch's sums into *sums. The tape has a gradient; x may be
 * lt_tape_input. Not finite: sums' mean loss is not. Allocates nothing. */
void lt_objective_gradient(const lt_objective *o, lt_net *net, lt_tape *tape,
                           lt_pool *pool, int rows, const lt_real *x,
                           const lt_real *target, lt_sums *sums);

/* Forward and the values alone. */
void lt_objective_value(const lt_objective *o, lt_net *net, lt_tape *tape,
                        lt_pool *pool, int rows, const lt_real *x,
                        const lt_real *target, lt_sums *sums);

/* ---- sparse rows (sparse_pass.h) ---- */

/* Whether the known entries alone tell the objective: masked_mse without
 * penalties on weights or the Jacobian, of a network that lt_net_check_sparse
 * accepts. Others go the dense way. */
bool lt_objective_is_sparse(const lt_objective *o, const lt_net *net);

/* As lt_objective_gradient and lt_objective_value, on a tape over sparse rows.
 * Gradients of tables: lt_tape_tables. */
void lt_objective_gradient_sparse(const lt_objective *o, lt_net *net,
                                  lt_tape *tape, const lt_sparse_pair *pair,
                                  lt_sums *sums);
void lt_objective_value_sparse(const lt_objective *o, lt_net *net,
                               lt_tape *tape, const lt_sparse_pair *pair,
                               lt_sums *sums);

#endif
