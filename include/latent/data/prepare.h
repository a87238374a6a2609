/* Preparation that is fitted on a training set and kept for every other set:
 * scaling, standardising, whitening. What comes out are floats in a set of
 * its own, labels carried along.
 *
 * A set is bytes (taken as byte/255), floats or doubles; sparse sets, and sets
 * with targets of their own, are EINVAL. NaN means "missing": it stays NaN and
 * is left out of means and ranges; whitening refuses it. An element that never
 * changes in the training set comes out as its difference from that value: 0
 * in the training set itself. */
#ifndef LT_PREPARE_H
#define LT_PREPARE_H

#include <stdbool.h>

#include "latent/data/dataset.h"
#include "latent/math/pool.h"

typedef struct lt_prep lt_prep;

typedef enum lt_prep_per {
    LT_PREP_ELEMENT, /* numbers of its own for each element */
    LT_PREP_SET,     /* one for all */
} lt_prep_per;

/* (x - min) / (max - min): the training set's values fill [0,1]. */
lt_status lt_prep_scale(const lt_dataset *train, lt_prep_per per, lt_prep **out,
                        lt_err *err);

/* Each element has mean 0; divided by its standard deviation, or (per set) all
 * by one number so that the mean of the elements' variances is 1. Variances
 * are over n, not n - 1. */
lt_status lt_prep_standardise(const lt_dataset *train, lt_prep_per per,
                              lt_prep **out, lt_err *err);

/* PCA: y = (l + epsilon)^-1/2 U (x - mean) with the axes U and variances l of
 * the training set; gives {components}. ZCA: U' y, in the set's own shape: of
 * all whitenings the one that moves the examples least. With epsilon 0, axes
 * along which nothing varies give 0. */
typedef struct lt_whiten_opts {
    bool is_zca;
    int components; /* the first so many axes; 0: all */
    double epsilon; /* 0 or more, in units of a variance */
    bool is_trial;  /* learn nothing: right in its shapes only */
    lt_pool *pool;  /* or NULL */
} lt_whiten_opts;
lt_status lt_prep_whiten(const lt_dataset *train, const lt_whiten_opts *opts,
                         lt_prep **out, lt_err *err);

void lt_prep_free(lt_prep *p);

lt_shape lt_prep_input(const lt_prep *p);  /* of the set fitted on */
lt_shape lt_prep_output(const lt_prep *p); /* of the sets that it makes */
/* (elements): variances along all axes, descending; NULL unless whitening.
 * Borrowed. */
const double *lt_prep_variances(const lt_prep *p);

/* All that was learnt, for files. With D elements in and K out: */
typedef struct lt_prep_numbers {
    lt_shape input, output;
    const double *shift;     /* (D) */
    const double *factor;    /* (D); NULL with matrices */
    const lt_real *forward;  /* (K,D), or NULL */
    const lt_real *backward; /* (K,D), or NULL */
    const double *variances; /* (D) of whitening, or NULL */
} lt_prep_numbers;

lt_prep_numbers lt_prep_look(const lt_prep *p); /* borrowed from `p` */

/* A preparation of copies of them; EFORMAT when they are none. */
lt_status lt_prep_copy(const lt_prep_numbers *n, lt_prep **out, lt_err *err);

typedef struct lt_prep_opts {
    bool is_inverse; /* from prepared values back to the original ones */
    int limit;       /* work on the first so many examples only and let the
                        rest be zeros; 0: all */
    lt_pool *pool;   /* or NULL */
} lt_prep_opts;

/* EINVAL when d's examples have another number of elements than those that
 * `p` was fitted on (or, inverse, that it makes). What whitening left out
 * (other axes) the inverse gives the training set's mean of. */
lt_status lt_prep_apply(const lt_prep *p, const lt_dataset *d,
                        const lt_prep_opts *opts, lt_dataset **out,
                        lt_err *err);

#endif
