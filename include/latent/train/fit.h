/* Training: epochs over shuffled batches.
 *
 * Every epoch visits each example once in an order of its own: epoch e of the
 * run draws it from stream "shuffle.e" of the seed, so that fits that follow
 * each other (first_epoch) see other orders, and a fit that goes on sees those
 * it would have seen. The last short batch is used, not dropped. Gradients are
 * of the mean loss over the batch. Allocates at the start only. The
 * optimiser's state lives as long as the call.
 *
 * Sparse sets (ratings) go to a sparse network as they are when the objective
 * lies at their known entries (lt_objective_is_sparse): time and memory of a
 * step grow with those. Otherwise, and for dense re-feeding (Kuchaiev and
 * Ginsburg 2017), a batch is an array.
 *
 * A fit can go on in another process (lt_saver): what `saver` keeps between two
 * steps is all that later steps depend on, so that metrics and parameters are
 * bit for bit those of a fit that nothing cut off. A fit that is interrupted is
 * saved too. One that goes on takes parameters and state of the network from
 * the snapshot; its options must be those it had.
 *
 * Metrics emitted, per epoch: train.loss and train.sse (means over the epoch
 * as it was trained), test.loss and test.sse when there is a test set, and by
 * the names of lt_term_name, train.recon, ..., whatever terms apply; every
 * `log_every` steps: step.loss. The step.loss of a step that diverges is
 * always emitted. */
#ifndef LT_FIT_H
#define LT_FIT_H

#include "latent/base/observer.h"
#include "latent/data/dataset.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

typedef struct lt_epoch_report {
    int epoch;      /* first_epoch + epochs ended */
    int64_t step;   /* first_step + updates made */
    lt_terms train; /* means over the epoch as it was trained */
    lt_terms test;  /* NaN without a test set */
} lt_epoch_report;

/* Sets *stop to end training after this epoch. */
typedef lt_status lt_fit_epoch(void *self, const lt_epoch_report *report,
                               bool *stop, lt_err *err);

typedef struct lt_fit_opts {
    const lt_dataset *train;
    const lt_dataset *test; /* or NULL */
    lt_objective objective;
    int kl_warmup; /* epochs over which beta rises evenly from 0, by the step,
                      counted from the call's first (Bowman et al. 2016);
                      0: none */
    lt_opt_spec optimizer;
    int epochs;    /* 0 or more; 0 evaluates only, and reports that */
    int batch;     /* 1 or more */
    int refeed;    /* dense re-feeding: so many updates more a step, in which
                      the network's output is its new input and target; of
                      masked_mse and mse. 0: none */
    int log_every; /* steps between step.loss; 0: never */
    uint64_t seed;
    int64_t first_step; /* a run's earlier fits have used these numbers */
    int first_epoch;
    lt_pool *pool;               /* or NULL */
    const lt_observer *observer; /* or NULL */
    const lt_saver *saver;       /* or NULL */
    lt_fit_epoch *on_epoch;      /* or NULL */
    void *on_epoch_self;
} lt_fit_opts;

typedef struct lt_fit_result {
    lt_epoch_report last;
    double seconds;             /* in training steps, evaluation not counted */
    double examples_per_second; /* of training */
} lt_fit_result;

/* EDIVERGED names the first step in which a number was not finite and where it
 * appeared: a layer's output, a gradient, weights, moving averages, the loss
 * or, at an epoch's end, the test set's outputs; the observer is told. Batches'
 * losses and updated parameters are seen at every step. EINTERRUPTED when the
 * observer asked to stop; ECALLBACK as on_epoch says; EFORMAT, before the first
 * step, when saver->from is not this fit's. The network keeps the parameters it
 * had then, and `out` (or NULL) what was known. */
lt_status lt_fit(lt_net *net, const lt_fit_opts *opts, lt_fit_result *out,
                 lt_err *err);

#endif
