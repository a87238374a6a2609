/* What runs could not store: a full disk, a broken one, a store that another
 * program keeps locked. A run keeps it beside its store, in the file
 * runs/unsaved/<id>, and the next command folds it in. */
#ifndef LT_FOLD_H
#define LT_FOLD_H

#include "latent/store/store.h"

typedef struct lt_folded {
    int runs;        /* of which something got into the store */
    int64_t values;  /* of their metrics */
    int n_waiting;   /* files that stay, of runs whose process is gone */
    lt_err why;      /* the first of them does */
    char where[512]; /* their folder */
} lt_folded;

/* Folds in what runs whose process is gone have left beside the store at
 * `path`, in one transaction; numbers of points go on, ends are the runs' own.
 * With nothing there it costs a look at one folder, and with no store nothing
 * is done. The store is opened for writing only where there is something. What
 * cannot be folded in stays as it is: that is told in *out, as are damaged
 * files. An error is what keeps from looking. */
lt_status lt_store_fold(const char *path, lt_folded *out, lt_err *err);

/* Calls `tell` once, with words for the user, when the claim's run first finds
 * that its store cannot be written; from the thread that logs. */
void lt_claim_listen(lt_claim *claim, void (*tell)(void *self, const char *),
                     void *self);

#endif
