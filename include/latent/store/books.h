/* Bookkeeping: runs that are removed, and brought back.
 *
 * A removed run is hidden, nothing of it is lost: it is in no view, is found by
 * no name and no filter, is no reason to leave a run out, and is neither
 * claimed nor queued again. lt_store_show_removed shows those that are. */
#ifndef LT_BOOKS_H
#define LT_BOOKS_H

#include "latent/store/store.h"

/* Each in one transaction: all of the runs, or none. *n_done counts those of
 * which it was not so already. Removing is EBUSY, with their names, when some
 * of the runs are being executed; ENOTFOUND when one is not in the store. */
lt_status lt_store_remove(lt_store *store, const int64_t *runs, int n,
                          int *n_done, lt_err *err);
lt_status lt_store_restore(lt_store *store, const int64_t *runs, int n,
                           int *n_done, lt_err *err);

#endif
