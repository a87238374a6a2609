/* Proving a result: a run queued once more, in another store, and the metrics
 * of two runs compared. */
#ifndef LT_REPLAY_H
#define LT_REPLAY_H

#include "latent/store/store.h"

/* Queues in `to` a run as it was queued in `from`: the same name, config and
 * seed, in a sweep of its own with the same script, sources (limits among them)
 * and words. It has the same id where `to` has none as large. The sources are
 * checked against their hashes. *sweep is that in `to`. */
lt_status lt_store_copy_run(lt_store *from, int64_t run, lt_store *to,
                            int64_t *sweep, lt_err *err);

/* ---- comparing ---- */

typedef struct lt_run_ref {
    lt_store *store;
    int64_t run;
} lt_run_ref;

typedef struct lt_compare_opts {
    bool prefix;      /* the first run was cut off: the second may have more */
    double tolerance; /* of |a - b| / max(|a|, |b|); 0: the same bits */
    const char *const *except; /* metrics not to be compared */
    int n_except;
} lt_compare_opts;

typedef enum lt_difference {
    LT_DIFFERENCE_NONE,
    LT_DIFFERENCE_VALUE,
    LT_DIFFERENCE_PLACE,   /* another step or epoch */
    LT_DIFFERENCE_MISSING, /* a point that the second run lacks */
    LT_DIFFERENCE_EXTRA,   /* a point that only the second run has */
} lt_difference;

typedef struct lt_logged {
    int64_t step;
    double epoch, value;
} lt_logged;

typedef struct lt_comparison {
    int64_t n_values;    /* of the first run, compared */
    int64_t n_different; /* of them, and extra ones */
    lt_difference first; /* that of the smallest step; its metric, its number
                            in the series, and what each run has there */
    lt_text metric;
    int64_t seq;
    lt_logged a, b;
    double largest;  /* relative difference of two finite values */
    lt_text skipped; /* metrics not compared: "fit.seconds, step.ms" */
} lt_comparison;

/* Whether the second run, perhaps still under way, has logged as many points
 * of every metric as the first. */
lt_status lt_store_has_caught_up(const lt_run_ref *a, const lt_run_ref *b,
                                 bool *has, lt_err *err);

/* Whether that metric tells of the clock, by its name's last word: time,
 * seconds, second, minutes, hours, ms, milliseconds ("fit.seconds",
 * "examples_per_second"). No two runs agree on those. */
bool lt_metric_is_timing(const char *name);

/* Compares number, step, epoch and value of every point of every metric, but
 * of those that tell of the clock. *out must be zero and is deinited by the
 * caller, also after an error. Costs about a microsecond a point. */
lt_status lt_store_compare_runs(const lt_run_ref *a, const lt_run_ref *b,
                                const lt_compare_opts *opts, lt_comparison *out,
                                lt_err *err);
void lt_comparison_deinit(lt_comparison *c);

#endif
