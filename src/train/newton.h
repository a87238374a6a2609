/* Newton's method for smooth convex functions, by products with the Hessian. */
#ifndef LT_TRAIN_NEWTON_H
#define LT_TRAIN_NEWTON_H

#include <stdbool.h>
#include <stddef.h>

#include "latent/base/status.h"

/* All vectors have `size` elements. */
typedef struct lt__newton {
    size_t size;
    double tolerance; /* of the gradient's length */
    int iterations;   /* at most */
    /* Share of the value that rounding may have made: a step that loses no
     * more is taken. */
    double noise;
    void *self;
    /* The function's value at w; fills gradient, and makes w the place of
     * later products. */
    double (*value)(void *self, const double *w, double *gradient);
    /* out = H v */
    void (*product)(void *self, const double *v, double *out);
    /* Before each product; anything but OK ends the search with it. `done` is
     * the share of the gradient's digits that are gone. */
    lt_status (*poll)(void *self, double done, lt_err *err);
} lt__newton;

typedef struct lt__newton_result {
    double value, gradient;
    int iterations;
    bool is_converged;
} lt__newton_result;

/* From w to the minimum, in place. ENOMEM, or what `poll` said. */
lt_status lt__newton_run(const lt__newton *m, double *w, lt__newton_result *out,
                         lt_err *err);

#endif
