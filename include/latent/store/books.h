/* Bookkeeping: runs that are removed, and brought back; what takes up the disk,
 * and how it is deleted for good.
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

/* ---- deleting for good ----
 *
 * The rows go first, and are on the disk as gone, before any file does: what a
 * kill or a power cut leaves behind is a run as it was, or files that no row
 * speaks of, which the next gc finds. Nothing of a run that may live is deleted
 * (its lock is held), and nothing is that a link leads to. */

/* The rows of those of the runs that are removed and not alive, in one
 * transaction; *n_done counts them. */
lt_status lt_store_delete_removed(lt_store *store, const int64_t *runs, int n,
                                  int *n_done, lt_err *err);

/* "runs": where the runs' folders are, below the store's folder. Cleared
 * first. */
void lt_store_runs_folder(const lt_store *store, lt_text *out);
const char *lt_store_folder(const lt_store *store); /* borrowed */

/* The folder of a run that is not in the store. It is renamed to LT_STORE_TRASH
 * and more first, so that half of it is never taken for a run's. EBUSY when a
 * row is there, when its lock is held, or, unless it is known that its run is
 * dead (`is_dead`), when that was touched in the last five minutes; EINVAL for
 * a link. */
#define LT_STORE_TRASH ".deleted-"
lt_status lt_store_delete_folder(lt_store *store, int64_t run, bool is_dead,
                                 lt_err *err);
/* Whether that would be refused now. */
lt_status lt_store_check_folder(lt_store *store, int64_t run, lt_err *err);
/* One that a gc had renamed, by its name; EINVAL for another. */
lt_status lt_store_delete_trash(lt_store *store, const char *name, lt_err *err);

/* Rows of artifacts of an ended run, with a note for each of what was freed;
 * their files are for lt_store_delete_file. */
lt_status lt_store_free_artifact(lt_store *store, int64_t run, const char *name,
                                 lt_err *err);

/* A file, or a folder with all that is in it, below the folder of a run that
 * has ended, and that no artifact is kept in. EBUSY when the run may go on,
 * lives, or the file is an artifact's. */
lt_status lt_store_delete_file(lt_store *store, int64_t run, const char *path,
                               lt_err *err);

/* Sweeps that have no run, removed ones counted, and sources that no sweep
 * refers to; sources stay for an hour, as a sweep that is being queued has put
 * its own before. `is_dry` only counts. */
typedef struct lt_loose_rows {
    int64_t sweeps, sources, source_bytes;
} lt_loose_rows;
lt_status lt_store_delete_loose(lt_store *store, bool is_dry,
                                lt_loose_rows *out, lt_err *err);

/* The file's pages, those of them that are free, and the bytes of a table's
 * (-1: this SQLite cannot tell). */
typedef struct lt_pages {
    int64_t page_bytes, all, free;
} lt_pages;
lt_status lt_store_pages(lt_store *store, lt_pages *out, lt_err *err);
lt_status lt_store_table_bytes(lt_store *store, const char *table,
                               int64_t *bytes, lt_err *err);

/* Gives the free pages back to the file system; needs room for a copy. Others
 * that write wait for it. */
lt_status lt_store_compact(lt_store *store, lt_err *err);

/* ---- room on the disk ---- */

/* What `runs` runs are expected to write, with files, checkpoints and rows: by
 * the finished runs of their experiments (`known` of them have such), and at
 * least 64 MiB; and what the file system of the store has. */
typedef struct lt_space {
    int64_t needed, free, all; /* bytes; all 0: it does not tell */
    int runs, known;
} lt_space;

/* Adds `n` runs of an experiment. */
lt_status lt_store_expect(lt_store *store, const char *experiment, int n,
                          lt_space *sum, lt_err *err);
/* Adds those that resume or retry would execute: of a sweep, 0: of all. */
lt_status lt_store_expect_sweep(lt_store *store, int64_t sweep,
                                lt_requeue which, lt_space *sum, lt_err *err);

#endif
