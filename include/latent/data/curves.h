/* The CURVES set: 28x28 grey pictures of smooth curves through three random
 * points (six intrinsic numbers), after Hinton and Salakhutdinov 2006. */
#ifndef LT_CURVES_H
#define LT_CURVES_H

#include "latent/data/dataset.h"

/* 20,000 + 10,000 pictures take about a second. The same bytes on every
 * machine: no libm function but sqrt is used. Train and test are different
 * streams of the seed, so n_train does not move the test set. */
lt_status lt_curves_make(int n_train, int n_test, uint64_t seed,
                         lt_data_pair *out, lt_err *err);

#endif
