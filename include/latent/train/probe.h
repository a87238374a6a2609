/* Judging codes: what can be told of examples by their codes alone.
 *
 * Codes are sets like any other (lt_evaluate_map makes them with the labels of
 * what they encode), so the same probes judge a network's codes, principal
 * components, or the inputs themselves. Nothing here is random, and results
 * are the same bits for every number of threads. EINVAL when labels are missing
 * that a probe needs, when sets differ in elements, or when a code is not
 * finite; EINTERRUPTED when the observer asks for a stop. */
#ifndef LT_PROBE_H
#define LT_PROBE_H

#include "latent/base/observer.h"
#include "latent/data/dataset.h"
#include "latent/math/pool.h"
#include "latent/math/vec.h"

/* cosine: the Euclidean distance of codes divided by their lengths, which
 * ranks as the cosine does; a code of zeros stays one. */
#define LT_DISTANCE_MAP(X)                                                     \
    X(EUCLIDEAN, "euclidean")                                                  \
    X(COSINE, "cosine")

typedef enum lt_distance {
#define X(name, text) LT_DISTANCE_##name,
    LT_DISTANCE_MAP(X)
#undef X
        LT_DISTANCE_COUNT
} lt_distance;

int lt_distance_find(const char *name); /* or -1 */
const char *const *lt_distance_names(void);

typedef struct lt_probe {
    const lt_dataset *train; /* NULL for neighbours: each test example looks
                                for them among the other test examples */
    const lt_dataset *test;
    lt_distance distance;
    lt_pool *pool;
    const lt_observer *observer; /* or NULL; only progress and stop are used */
} lt_probe;

/* ---- neighbours ---- */

/* accuracy[i] = share of the test examples whose label is that of most of
 * their k[i] nearest training examples, for each of the n_k numbers (1 to the
 * training examples there are; at most LT_KNN_MOST). Exact: distances that
 * decide are computed in double from the codes as they are. Of training
 * examples at one distance, those that come first in the set are nearer; of
 * labels with equally many neighbours, that of the nearest one wins. */
#define LT_KNN_MOST 1000
lt_status lt_probe_knn(const lt_probe *p, const int *k, int n_k,
                       double *accuracy, lt_err *err);

/* Every test example ranks all training examples by distance (computed in
 * lt_real; equal ones in the set's order). precision[i]: share of those at
 * ranks 1 to n[i] that have its label, mean over test examples; n is 1, 3, 7,
 * 15, ... up to the number of training examples (Hinton and Salakhutdinov
 * 2006). map: mean average precision, the mean over the training examples of
 * its label of the precision at their ranks (0 when there are none), mean over
 * test examples. Memory: 256 rankings. */
#define LT_RETRIEVAL_POINTS 31
typedef struct lt_retrieval {
    int n_points;
    int n[LT_RETRIEVAL_POINTS];
    double precision[LT_RETRIEVAL_POINTS];
    double map;
} lt_retrieval;

lt_status lt_probe_retrieval(const lt_probe *p, lt_retrieval *out, lt_err *err);

/* ---- a linear classifier ---- */

/* Multinomial logistic regression on codes standardised by the training
 * codes' means and deviations (N, not N - 1; units that do not vary count 0).
 * Minimises, from 0,
 *   mean cross-entropy + l2/2 |W|^2        (biases are free)
 * by Newton's method with conjugate gradients until the gradient's length is
 * at most `tolerance`; the objective is convex and the minimum of the weights
 * unique for l2 > 0. */
typedef struct lt_linear_opts {
    double l2;        /* 1e-4 */
    double tolerance; /* 1e-5 */
    int iterations;   /* 100, of Newton's method, at most */
} lt_linear_opts;

typedef struct lt_linear_result {
    double train_accuracy, train_loss; /* loss: mean cross-entropy in nats, */
    double test_accuracy, test_loss;   /* without the penalty */
    double gradient;                   /* its length at the end */
    int iterations, products;          /* Newton steps; passes over the set */
    bool is_converged;
} lt_linear_result;

lt_linear_opts lt_linear_defaults(void);

lt_status lt_probe_linear(const lt_probe *p, const lt_linear_opts *opts,
                          lt_linear_result *out, lt_err *err);

/* ---- units ---- */

/* What each code unit does over a set. No labels are needed. */
typedef struct lt_unit_opts {
    lt_act act;        /* of the units: decides what saturated means */
    double dead_below; /* variance under which a unit is dead: 1e-4 */
    lt_pool *pool;
    const lt_observer *observer;
} lt_unit_opts;

/* Within this of 0 or 1 (sigmoid), of -1 or 1 (tanh), a unit is saturated. */
#define LT_SATURATED_WITHIN 0.05

typedef struct lt_unit_stats {
    int units;
    double *mean, *variance; /* (units); variance: mean squared deviation */
    double *saturated;       /* (units) share of examples; NaN for activations
                                other than sigmoid and tanh */
    bool *is_dead;           /* (units) hardly any variance, or always 0 */
    int n_dead;
    double mean_variance;  /* over units */
    double mean_saturated; /* over units, or NaN */
    /* Participation ratio (sum v)^2 / sum v^2 of the covariance's eigenvalues
     * v: 1 when all lies on a line, `units` when the covariance is a multiple
     * of the identity; 0 when nothing varies. */
    double effective;
} lt_unit_stats;

lt_unit_opts lt_unit_defaults(lt_act act);

lt_status lt_probe_units(const lt_dataset *codes, const lt_unit_opts *opts,
                         lt_unit_stats *out, lt_err *err);
void lt_unit_stats_deinit(lt_unit_stats *stats); /* accepts {0} */

/* ---- the baseline ---- */

/* Principal components of the training examples (p->train and p->test are
 * inputs here, not codes), as many as a code has units. */
typedef struct lt_pca_probe {
    double train_sse, test_sse; /* of the reconstructions; no clipping */
    double explained;           /* share of the training set's variance */
    lt_dataset *train, *test;   /* the codes (n, components), with the labels;
                                   the caller's to free */
} lt_pca_probe;

lt_status lt_probe_pca(const lt_probe *p, int components, lt_pca_probe *out,
                       lt_err *err);

#endif
