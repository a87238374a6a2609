/* Evaluation with a tape that the caller keeps. */
#ifndef LT_TRAIN_EVALUATE_INT_H
#define LT_TRAIN_EVALUATE_INT_H

#include "latent/train/evaluate.h"

/* EINVAL when the examples of `set` are not what the network takes and gives
 * back; `name` ("test set") says which set it is. */
lt_status lt__evaluate_check(const lt_net *net, const lt_dataset *set,
                             const char *name, lt_err *err);

/* EINVAL when a value of `set` lies where the loss is not defined: bce wants
 * targets from 0 to 1. Bytes always are; floats are read through once. */
lt_status lt__evaluate_check_targets(const lt_dataset *set, lt_loss loss,
                                     const char *name, lt_err *err);

/* Rows of a tape that suits evaluation on `set`. */
int lt__evaluate_rows(const lt_dataset *set);

/* lt_evaluate_terms on a tape of any batch size; allocates nothing. The set's
 * target is gathered into `target` (tape's batch, output), which may be NULL
 * when the set is its own. */
void lt__evaluate_with(lt_net *net, lt_tape *tape, const lt_dataset *set,
                       const lt_objective *objective, uint64_t seed,
                       lt_real *target, lt_pool *pool, lt_terms *mean);

#endif
