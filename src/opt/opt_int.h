/* The inside of an optimiser, for dense steps (optimizer.c) and steps on some
 * rows of tables (opt_rows.c). */
#ifndef LT_OPT_OPT_INT_H
#define LT_OPT_OPT_INT_H

#include "latent/opt/optimizer.h"

/* How far rows of tables may be behind. */
typedef struct lt__opt_rows {
    int items;
    int32_t *last; /* (items): the step, counted from when all were settled,
                      after which the row is up to date */
    int32_t now;   /* steps since all were settled */
    /* What k missed steps of sgd make of a row; weights that decay, others. */
    lt_rows_power *power[2];
    lt_adam_step *adam; /* of steps 1 .. now since all were settled */
    int adam_most;      /* steps until a row's motion is over */
} lt__opt_rows;

struct lt_opt {
    lt_opt_spec spec;
    lt_net *net;
    int64_t steps;
    lt_real *state[2]; /* sgd: velocity; adam: first and second moment */
    lt__opt_rows rows; /* of a sparse network */
};

lt_sgd_step lt__opt_sgd(const lt_opt *opt, bool is_decayed);
/* Of the step whose number is opt->steps. */
lt_adam_step lt__opt_adam(const lt_opt *opt, bool is_decayed);

/* The parameters outside of tables[0..n); whether they are finite. */
bool lt__opt_step_others(lt_opt *opt, lt_pool *pool, const lt_table *tables,
                         int n);

lt_status lt__opt_rows_init(lt_opt *opt, lt_err *err);
void lt__opt_rows_deinit(lt_opt *opt);
/* Nothing where the network is not sparse. */
void lt__opt_rows_snapshot(lt_opt *opt, const char *prefix, lt_snapshot *out);
lt_status lt__opt_rows_restored(lt_opt *opt, lt_err *err);

#endif
