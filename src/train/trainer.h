/* One step of training, whatever the examples are. */
#ifndef LT_TRAIN_TRAINER_H
#define LT_TRAIN_TRAINER_H

#include "latent/opt/optimizer.h"
#include "train/divergence.h"
#include "train/sparse_feed.h"

typedef struct lt__trainer {
    /* The caller's. */
    lt_net *net;
    const lt_dataset *set;
    const lt_objective *objective; /* read at every step */
    lt_pool *pool;
    int batch;
    bool refeeds;
    uint64_t seed;
    /* The trainer's. */
    bool is_sparse;         /* goes over sparse rows */
    lt__sparse_feed sparse; /* then */
    lt_tape *tape;
    lt_tape *dense;  /* of examples fed anew; tape itself unless is_sparse */
    lt_real *target; /* (B, output) where targets are not the examples */
    lt_opt *opt;
    int rows;        /* of the last gradient */
    bool is_by_rows; /* its tables have theirs by rows */
} lt__trainer;

/* Also after a failure, lt__trainer_close. */
lt_status lt__trainer_open(lt__trainer *t, const lt_opt_spec *optimizer,
                           lt_err *err);
/* The network has all of its updates then. */
void lt__trainer_close(lt__trainer *t);

/* The gradient at the examples of `range`, the step-th of the run. */
void lt__trainer_gradient(lt__trainer *t, lt__feed_range range, int64_t step,
                          lt_sums *sums);
/* False when a parameter is not finite then. */
bool lt__trainer_update(lt__trainer *t);

/* The last gradient's pass, to be looked at. */
lt__scene lt__trainer_scene(const lt__trainer *t);

/* Dense re-feeding: what the last gradient's pass gave, by the parameters of
 * then, is the new input and its own target. The gradient there, for another
 * update. */
void lt__trainer_refeed(lt__trainer *t, int64_t draw, lt_sums *sums);

/* Before anything else reads the parameters. */
void lt__trainer_settle(lt__trainer *t);

#endif
