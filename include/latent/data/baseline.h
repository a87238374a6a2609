/* What simple rules reach on held-out ratings: the figures that a recommender
 * network has to beat. */
#ifndef LT_BASELINE_H
#define LT_BASELINE_H

#include "latent/data/dataset.h"

typedef struct lt_baseline_opts {
    double row_ridge, column_ridge; /* of the bias model, at least 0 */
    int sweeps;
} lt_baseline_opts;

/* Root mean squared errors on the held-out ratings. */
typedef struct lt_baseline {
    double global;  /* the mean of all training ratings */
    double rows;    /* a row's mean (users, unless by item) */
    double columns; /* a column's mean */
    double bias;    /* mean + b_row + b_column */
} lt_baseline;

/* `train` is sparse, and so are `test` and its target (as lt_ratings_pair
 * makes them): what is known of a row of test are its inputs. A row or column
 * without ratings has the global mean, and bias 0. The bias model minimises
 *     sum (r - mean - b_row - b_column)^2
 *         + row_ridge sum b_row^2 + column_ridge sum b_column^2
 * over train by `sweeps` alternations. Sets of other kinds, without a target,
 * or of different widths are EINVAL. Time grows with ratings x sweeps. */
lt_status lt_baseline_rate(const lt_dataset *train, const lt_dataset *test,
                           const lt_baseline_opts *opts, lt_baseline *out,
                           lt_err *err);

#endif
