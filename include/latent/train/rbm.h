/* Restricted Boltzmann machines trained by contrastive divergence, as in the
 * code released with Hinton and Salakhutdinov 2006 (Science 313:504).
 *
 * Energy of a binary-binary machine, v (D), h (H), W (H,D), a (D), b (H):
 *   E(v,h) = -a'v - b'h - h'Wv;  F(v) = -a'v - sum_j softplus(b_j + W_j v)
 * Gaussian visibles of unit variance:  |v-a|^2/2 instead of -a'v.
 * Linear (Gaussian) hidden units of unit variance: F has -(b+Wv)^2/2 a unit
 * in place of the softplus. */
#ifndef LT_RBM_H
#define LT_RBM_H

#include <stdbool.h>

#include "latent/base/rng.h"
#include "latent/base/snapshot.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"

typedef enum lt_unit { LT_UNIT_BINARY, LT_UNIT_GAUSSIAN } lt_unit;

typedef struct lt_rbm_spec {
    int visible, hidden; /* D, H */
    lt_unit visible_unit, hidden_unit;
    int cd; /* Gibbs steps k, 1 or more */
    int batch;
} lt_rbm_spec;

typedef struct lt_rbm lt_rbm;

/* W = sd N(0,1) from stream "init" of the seed, biases 0. Sampling draws from
 * stream "sample". */
lt_status lt_rbm_new(const lt_rbm_spec *spec, double sd, uint64_t seed,
                     lt_pool *pool, lt_rbm **out, lt_err *err);
void lt_rbm_free(lt_rbm *rbm);
lt_real *lt_rbm_weight(lt_rbm *rbm);       /* (H,D) */
lt_real *lt_rbm_visible_bias(lt_rbm *rbm); /* (D) */
lt_real *lt_rbm_hidden_bias(lt_rbm *rbm);  /* (H) */

/* One CD-k update from v (rows, D):
 *   dW = momentum dW + rate ((h+ v+' - h- v-')/rows - cost W),  W += dW
 * and the same without cost for the biases. Positive statistics use hidden
 * probabilities (means); a sample drives the reconstruction, which is visible
 * probabilities (means); negative statistics use probabilities (means).
 * With k > 1 the visibles of the chain are sampled too, and the last sample
 * (with its hidden probabilities) makes the negative statistics: with means
 * there, no k would reach the gradient of the likelihood.
 * Returns the sum of squared reconstruction errors over the batch. */
double lt_rbm_step(lt_rbm *rbm, const lt_real *v, int rows, double rate,
                   double momentum, double cost);

/* Whether W and the biases are finite after the last step. */
bool lt_rbm_is_finite(const lt_rbm *rbm);

/* Sum of F(v) over the rows of v (rows, D), rows <= spec.batch. */
double lt_rbm_free_energy(lt_rbm *rbm, const lt_real *v, int rows);

/* All that later steps depend on, as blocks "prefix.w" and so on. */
void lt_rbm_snapshot(lt_rbm *rbm, const char *prefix, lt_snapshot *out);

/* The last step's reconstructions (rows, D), means; borrowed. */
const lt_real *lt_rbm_reconstruction(const lt_rbm *rbm);

#endif
