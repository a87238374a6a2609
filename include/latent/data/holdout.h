/* One set cut into two at random. */
#ifndef LT_HOLDOUT_H
#define LT_HOLDOUT_H

#include "latent/data/dataset.h"

/* Copies: `share` (0 to 1) of the examples, rounded, are drawn by `seed` and
 * become test, the others train, both in the order they have in `d`, with
 * labels, targets and legends. EINVAL when either would be empty. */
lt_status lt_holdout_split(const lt_dataset *d, double share, uint64_t seed,
                           lt_data_pair *out, lt_err *err);

#endif
