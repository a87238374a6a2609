/* Evaluation that is made ready once. */
#ifndef LT_TRAIN_EVALUATE_INT_H
#define LT_TRAIN_EVALUATE_INT_H

#include "latent/train/evaluate.h"
#include "train/divergence.h"
#include "train/sparse_feed.h"

/* EINVAL when the examples of `set` are not what the network takes and gives
 * back; `name` ("test set") says which set it is. */
lt_status lt__evaluate_check(const lt_net *net, const lt_dataset *set,
                             const char *name, lt_err *err);

/* Rows that go through together: they depend on shapes only. */
int lt__evaluate_rows(const lt_net *net, const lt_dataset *set);

/* lt_evaluate_terms again and again, without allocating. */
typedef struct lt__evaluator {
    /* The caller's. */
    lt_net *net;
    const lt_objective *objective; /* read at every run */
    lt_pool *pool;
    /* The evaluator's. */
    const lt_dataset *set;
    bool is_sparse; /* goes over sparse rows */
    lt__sparse_feed sparse;
    lt_tape *tape;
    lt_real *target; /* (tape's batch, output) */
} lt__evaluator;

/* For a set that was checked. Also after a failure, lt__evaluator_close. */
lt_status lt__evaluator_open(lt__evaluator *e, const lt_dataset *set,
                             lt_err *err);
void lt__evaluator_close(lt__evaluator *e);
void lt__evaluator_run(lt__evaluator *e, uint64_t seed, lt_terms *mean);

/* After a run whose loss was not finite: goes through it again and fills layer
 * and what. */
void lt__evaluator_blame(lt__evaluator *e, uint64_t seed, lt_divergence *d);

#endif
