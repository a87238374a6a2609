/* Runs from one store to another: what `latent merge`, `import` and `export`
 * do. A run is known by its uuid, whatever its id; ids are a store's own. */
#ifndef LT_EXCHANGE_H
#define LT_EXCHANGE_H

#include "latent/store/store.h"

typedef struct lt_take_opts {
    const int64_t *runs; /* ids in the store taken from; NULL: all */
    int n_runs;
    bool dry_run; /* only counts, and tells */
    /* Gets what should be known, in one line of words: a run that was left,
     * a file that was not there, a name that was taken. */
    void (*tell)(void *self, const char *line);
    void *self;
} lt_take_opts;

typedef struct lt_take_report {
    int64_t n_new, n_updated; /* runs that were not here; that went further */
    int64_t n_same;           /* here already */
    int64_t n_left;           /* not taken, for no fault: see below */
    int64_t n_refused;        /* not taken, as they are not sound */
    int64_t files, bytes;     /* of the runs taken */
    int64_t values, sources;  /* sources that were not here */
    int64_t run;              /* the last run taken: its id here */
} lt_take_report;

/* Takes runs of `from` (any mode, any schema up to ours; perhaps a
 * stranger's) into `to`: rows, points, notes, tags, sweeps and sources, and the
 * files that lie in the runs' folders, or inside of `from`. Each run is one
 * transaction, so that whatever ends this leaves whole runs; done again it
 * takes the rest, and a third time nothing.
 *
 * Which of two with the same uuid is kept: the one that has gone further, in
 * the order (queued, running) < (lost, interrupted) < (failed, diverged,
 * pruned) < finished, and among equals that which ended later. One that is
 * finished here stays as it is; its notes and tags are those of both. Left are
 * runs that have not begun or are being executed, there or here. Points and
 * hashes are checked on the way: a run that is not sound is refused, and told,
 * and the others are taken. Of a store with its files beside it, a file that is
 * not sound or lies outside of its run's folder is left and the run taken.
 *
 * `to` NULL, for a dry run only, is a store without runs. EINVAL when the two
 * are one file. Costs about three microseconds a point, and the files. */
lt_status lt_store_take(lt_store *from, lt_store *to, const lt_take_opts *opts,
                        lt_take_report *out, lt_err *err);

typedef struct lt_export_opts {
    lt_take_opts take;
    const char *path;
    bool replace; /* what is there */
} lt_export_opts;

/* Makes a store of its own at opts->path with these runs, and their files
 * inside: one file, to be read by every command, and taken by lt_store_take.
 * It appears whole or not at all. ENOTFOUND when no run was taken. */
lt_status lt_store_export(lt_store *from, const lt_export_opts *opts,
                          lt_take_report *out, lt_err *err);

#endif
