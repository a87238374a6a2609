/* What pre-training asks of a machine that has diverged. */
#ifndef LT_TRAIN_RBM_INT_H
#define LT_TRAIN_RBM_INT_H

#include "latent/train/rbm.h"
#include "train/divergence.h"

/* What of the last step, on v (rows, D), was not finite first; `name` is the
 * layer's. */
void lt__rbm_blame(const lt_rbm *r, const lt_real *v, int rows,
                   const char *name, lt_divergence *d);

#endif
