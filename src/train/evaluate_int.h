/* Evaluation with a tape that the caller keeps. */
#ifndef LT_TRAIN_EVALUATE_INT_H
#define LT_TRAIN_EVALUATE_INT_H

#include "latent/train/evaluate.h"

/* EINVAL when the examples of `set` are not what the network takes and gives
 * back; `name` ("test set") says which set it is. */
lt_status lt__evaluate_check(const lt_net *net, const lt_dataset *set,
                             const char *name, lt_err *err);

/* Rows of a tape that suits evaluation on `set`. */
int lt__evaluate_rows(const lt_dataset *set);

/* lt_evaluate_terms on a tape of any batch size; allocates nothing. `target`
 * (tape's batch, output) is from lt__feed_room. */
void lt__evaluate_with(lt_net *net, lt_tape *tape, const lt_dataset *set,
                       const lt_objective *objective, uint64_t seed,
                       lt_real *target, lt_pool *pool, lt_terms *mean);

#endif
