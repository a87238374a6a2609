/* What a computation tells those who watch it.
 *
 * The trainer emits events; the recorder that writes them to the store, the
 * progress line and a script's callbacks are observers, and training knows
 * none of them. Every member may be NULL, and so may the observer. */
#ifndef LT_OBSERVER_H
#define LT_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/status.h"

typedef struct lt_progress {
    const char *phase; /* "fit", "pretrain 2/4"; borrowed during the call */
    int epoch;         /* epochs ended so far */
    int epochs;        /* epochs in this phase */
    double done;       /* share of the phase done, 0 to 1 */
    double loss;       /* mean loss of the epoch so far; NaN when unknown */
    double examples_per_second;
} lt_progress;

/* Where training left the finite numbers. */
typedef struct lt_divergence {
    int64_t step; /* the first with one: updates made by its end */
    int layer;    /* of the network, from 1; 0: none is to blame */
    char
        what[512]; /* "output of layer 3 (...) is NaN; ...": a sentence's end */
} lt_divergence;

typedef struct lt_observer {
    void *self;
    /* One value of the metric `name` ("train.loss"), after `step` updates,
     * `epoch` epochs into the phase (fractions within one). `value` may be
     * NaN or infinite. Must be cheap: it may be called at every step. */
    lt_status (*metric)(void *self, const char *name, int64_t step,
                        double epoch, double value, lt_err *err);
    /* Called a few times a second at most. */
    void (*progress)(void *self, const lt_progress *progress);
    /* Polled at every step; true ends the work with LT_EINTERRUPTED. */
    bool (*should_stop)(void *self);
    /* Before a call fails with LT_EDIVERGED: once, at its end. */
    void (*diverged)(void *self, const lt_divergence *divergence);
} lt_observer;

/* Calls the member if it is there. */
lt_status lt_observe_metric(const lt_observer *o, const char *name,
                            int64_t step, double epoch, double value,
                            lt_err *err);
void lt_observe_progress(const lt_observer *o, const lt_progress *progress);
bool lt_observe_stop(const lt_observer *o);
void lt_observe_divergence(const lt_observer *o, const lt_divergence *d);

#endif
