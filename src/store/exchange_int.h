/* Shared by the parts of an exchange: one run on its way. */
#ifndef LT_EXCHANGE_INT_H
#define LT_EXCHANGE_INT_H

#include "latent/store/exchange.h"
#include "store/store_int.h"

/* Table `packed` has a row (run, "", 0, one of these) for each run that came
 * from another store: with its files inside of this one, or beside it. */
#define LT__PACKED_INSIDE "files inside"
#define LT__PACKED_BESIDE "taken"

/* A file's bytes in table `packed` come in parts of at most so many. */
#define LT__PART_SIZE ((size_t)1 << 20)

/* A file that a run made. */
typedef struct lt__parcel {
    char *name, *kind, *path, *hash; /* as the row there says */
    const char *rest;                /* of path, below the run's folder */
    int64_t bytes, added_at;
    bool is_sound; /* was taken */
    bool is_twin;  /* with one before it, whose file it is */
} lt__parcel;

typedef struct lt__take {
    lt_store *from, *to;
    const lt_take_opts *opts;
    lt_take_report *out;
    bool packs;   /* files go inside of `to` */
    char *buffer; /* of LT__PART_SIZE, once a file was copied */

    /* the run under way */
    int64_t there, here; /* its id; here 0: none yet */
    int64_t sweep;       /* there */
    char uuid[LT__UUID_SIZE], name[LT__NAME_SIZE];
    int status, status_here; /* lt_run_status; -1: not here */
    int64_t ended, ended_here;
    bool is_packed; /* its files are inside of `from` */
    lt__parcel *parcels;
    int n_parcels;
    lt_text dir; /* its folder here, while it is ours */
    int lock;    /* of that; or -1 */
} lt__take;

void lt__take_tell(lt__take *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As lt_store_take, files into table `packed` of a store that is new. */
lt_status lt__store_pack(lt_store *from, lt_store *to, const lt_take_opts *opts,
                         lt_take_report *out, lt_err *err);

/* ---- exchange_rows.c: all within transactions of both stores ---- */

/* The run's row, its sweep, its machine, knobs and points; t->here gets its
 * id when it has none. Its status is `queued` until lt__take_seal. */
lt_status lt__take_rows(lt__take *t, lt_err *err);
/* Artifacts that are sound, where the run comes from, its status. */
lt_status lt__take_seal(lt__take *t, lt_err *err);
/* Notes and tags that are not here; counted, and with `write` written. */
lt_status lt__take_words(lt__take *t, bool write, int *n, lt_err *err);
/* Whether the run that is on both sides was queued with the same. */
lt_status lt__take_is_same(lt__take *t, bool *same, lt_err *err);
/* Whether it says the same of itself, too. */
lt_status lt__take_agrees(lt__take *t, bool *agrees, lt_err *err);

/* ---- exchange_points.c ---- */

lt_status lt__take_points(lt__take *t, lt_err *err);

/* ---- exchange_files.c ---- */

lt_status lt__parcels_find(lt__take *t, lt_err *err);
void lt__parcels_free(lt__take *t);
/* Where a file of that run lies below its folder: "runs/12/net.safetensors" is
 * net.safetensors of run 12. NULL for what is no such path. */
const char *lt__parcel_rest(const char *path, int64_t run);
/* Copies files to the run's folder, under other names, or into table packed. */
lt_status lt__parcels_copy(lt__take *t, lt_err *err);
/* They get their names, or go. */
lt_status lt__parcels_publish(lt__take *t, bool keep, lt_err *err);
/* Bytes of a packed file, part after part: *hash when all is as said, else
 * *wrong says what is not. */
lt_status lt__packed_check(lt_store *s, int64_t run, const char *path,
                           const char *hash, int64_t bytes, lt_text *wrong,
                           lt_err *err);

/* ---- exchange_place.c: folders of runs to come ---- */

/* Makes a folder under an id that no run has or will have, and locks it;
 * t->here, t->dir, t->lock. For a run that is here: locks its own. EBUSY when
 * that is locked. */
lt_status lt__place_make(lt__take *t, lt_err *err);
/* After the transaction: the folder is the run's, or goes. */
void lt__place_end(lt__take *t, bool is_taken);
/* Removes what exchanges that were killed have left. */
lt_status lt__place_clean(lt_store *s, lt_err *err);
/* Whether a folder of no run is one of an exchange under way. */
bool lt__place_is_live(const char *dir);

#endif
