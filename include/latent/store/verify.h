/* Whether a store is what it should be: the database, the summaries, the
 * sources, the runs' files. */
#ifndef LT_VERIFY_H
#define LT_VERIFY_H

#include "latent/store/store.h"

typedef struct lt_verify_report {
    int64_t runs, values, files, bytes, sources; /* that were looked at */
    int64_t n_outside; /* files outside of the store's folder: not opened */
    int64_t n_wrong;
} lt_verify_report;

typedef struct lt_verify_opts {
    const int64_t *runs; /* ascending; NULL: all. Of the database and the */
    int n_runs;          /* sources the whole is checked in any case */
    /* Gets each thing that is wrong, in one line of words. */
    void (*tell)(void *self, const char *finding);
    void *self;
} lt_verify_opts;

/* Changes nothing; the store may be open for reading. Damage is told, not an
 * error; an error is what keeps from looking (no memory, a store too busy).
 * A live run's metrics are checked as of one moment, its files are not. Costs
 * under a microsecond a value, and the reading of the files. */
lt_status lt_store_verify(lt_store *store, const lt_verify_opts *opts,
                          lt_verify_report *out, lt_err *err);

#endif
