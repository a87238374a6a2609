/* Shared by prepare.c and whiten.c: what a preparation consists of. */
#ifndef LT_PREPARE_INT_H
#define LT_PREPARE_INT_H

#include "latent/data/prepare.h"

/* y = (x - shift) factor, or y = (x - shift) forward', all on rows; back again
 * x = y / factor + shift, or x = y backward + shift. */
struct lt_prep {
    lt_shape input, output; /* of D and K elements */
    double *shift;          /* (D) */
    double *factor;         /* (D); NULL with matrices */
    lt_real *forward;       /* (K,D) */
    lt_real *backward;      /* (K,D) */
    double *variances;      /* (D) of whitening, or NULL */
};

/* EINVAL unless `d` is a dense set without targets of its own; `what` is the
 * name in the message. */
lt_status lt__prep_check(const char *what, const lt_dataset *d, lt_err *err);

/* An empty one for sets like `d`, whose shift is there. */
lt_status lt__prep_new(const lt_dataset *d, lt_prep **out, lt_err *err);

/* A copy of d's labels `copies` times each; NULL when there are none. */
lt_status lt__labels_copy(const lt_dataset *d, int copies, uint8_t **out,
                          lt_err *err);

#endif
