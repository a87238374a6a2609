/* Shared inside the store: the connection, SQL in one call, locks. */
#ifndef LT_STORE_INT_H
#define LT_STORE_INT_H

#include "latent/store/store.h"

#include <sqlite3.h>

typedef struct lt_recorder lt_recorder;
typedef struct lt__unsaved lt__unsaved;

/* What one statement may take; see budget.c. */
typedef struct lt__budget {
    double patience; /* seconds a statement, by default; 0: any */
    double limit;    /* of the one that runs */
    double spent, since;
    bool is_running, is_late;
    int64_t most_rows; /* of one query: whoever reads them keeps them */
} lt__budget;

struct lt_store {
    sqlite3 *db;
    char *path;
    char *folder; /* of the file: "." or "results" */
    lt_store_mode mode;
    int64_t version;   /* of the file's schema */
    lt_text notice;    /* what opening it did, for people; or empty */
    double busy_limit; /* seconds to wait for another writer */
    double busy_since;
    double busy_longest; /* wait for others so far, in seconds */
    bool is_network;     /* lies on such a file system: place.c */
    bool guarded;        /* the authorizer forbids all but reading */
    bool is_strange;     /* its schema is not latent's (LT_STORE_INSPECT) */
    lt__budget budget;
    bool shows_removed; /* filters and names take removed runs, no others */
    int failed;         /* SQLite's code of the last failure */
    bool is_stuck;      /* in a transaction that could not be rolled back */
};

struct lt_claim {
    lt_store *store; /* outlives the claim */
    int64_t run, sweep, seed;
    char *name, *config, *dir;
    char boot_id[64];
    int lock;       /* file descriptor, or -1 */
    bool is_placed; /* its folder's name is on the disk */
    double started; /* that `elapsed` counts from: claimed, less what an
                       earlier claim's points that stay took */
    double claimed, cpu_started;
    bool is_anew;           /* had not begun before, or is to begin again */
    int64_t notes, matched; /* ids: the last note before the claim; the last
                               of those that the run has written again */
    int64_t noted;          /* when the last note was, in ms */
    lt_recorder *recorder;  /* not closed yet, or NULL */
    int64_t n_unsaved;      /* metric values that no flush could write */
    lt_err trouble;         /* and why */
    lt__unsaved *unsaved;   /* its side file */
    bool is_gone;           /* it is another's by now */
    bool has_told;          /* of trouble with the store, once */
    void (*tell)(void *self, const char *words);
    void *tell_self;
    bool has_diverged;
    lt_divergence divergence; /* then */
};

/* ---- db.c: SQL ---- */

/* "PATH: SQLite's words"; returns ESTORE, or ENOMEM. */
lt_status lt__db_fail(lt_store *s, lt_err *err);

/* Values follow by `types`: i int64_t, d double, t const char * (NULL is
 * NULL). Integers must have that very type. */
lt_status lt__db_open(lt_store *s, sqlite3_stmt **out, lt_err *err,
                      const char *sql, const char *types, ...);
lt_status lt__db_next(lt_store *s, sqlite3_stmt *stmt, bool *row, lt_err *err);
lt_status lt__db_do(lt_store *s, lt_err *err, const char *sql,
                    const char *types, ...);

/* The first column of the first row, or `*out` as it was. */
lt_status lt__db_integer(lt_store *s, int64_t *out, lt_err *err,
                         const char *sql, const char *types, ...);

/* A statement for many executions: bind, step to its end, reset. */
lt_status lt__db_again(lt_store *s, sqlite3_stmt *stmt, lt_err *err,
                       const char *types, ...);

/* Whether what failed last is no fault of the statement's: the disk is full or
 * broken, another has the store locked, the file is damaged. */
bool lt__db_is_in_trouble(const lt_store *s);

lt_status lt__db_begin(lt_store *s, lt_err *err);
/* Commits when `rc` is LT_OK, else rolls back; returns rc or commit's. */
lt_status lt__db_end(lt_store *s, lt_status rc, lt_err *err);

/* Column as a string for a message or a copy: "" for NULL. */
const char *lt__db_text(sqlite3_stmt *stmt, int column);

/* The same as a number: NaN for NULL. */
double lt__db_real(sqlite3_stmt *stmt, int column);

int64_t lt__now_ms(void);

/* Lower-case random text of 9 characters; a random UUID, version 4. */
#define LT__NAME_SIZE 10
#define LT__UUID_SIZE 37
lt_status lt__random_name(char out[LT__NAME_SIZE], lt_err *err);
lt_status lt__random_uuid(char out[LT__UUID_SIZE], lt_err *err);

/* ---- recover.c ---- */

/* Takes back a change that was cut off; false when there is none. */
bool lt__store_take_back(const lt_store *s);

/* ---- store.c ---- */

/* A store that is not opened: it knows where its files are. */
lt_status lt__store_new(const char *path, lt_store_mode mode, lt_store **out,
                        lt_err *err);

/* Waits until what was committed is on the disk. */
lt_status lt__store_sync(const lt_store *s, lt_err *err);

/* The runs that filters choose from, for "FROM %s r": their columns are those
 * of the view. */
const char *lt__store_runs(const lt_store *s);

/* "runs/12/net.safetensors" of a path in the store's folder, which may move
 * with what is in it; any other path as it is. */
const char *lt__store_relative(const lt_store *s, const char *path);

/* ---- source.c, queue.c: for runs that come from another store ---- */

/* The source with that hash, which is checked. */
lt_status lt__source_copy(lt_store *from, const char *hex, lt_store *to,
                          lt_err *err);
/* The knobs of a run's config, a JSON object, into table param. */
lt_status lt__params_add(lt_store *s, int64_t run, const char *config,
                         lt_err *err);

/* Open for reading only. */
bool lt__store_is_reader(const lt_store *s);

/* Whether a file or folder that is there lies in the store's folder, links
 * followed. */
bool lt__store_holds(const lt_store *s, const char *path);

/* ---- journal.c ---- */

typedef enum lt__journal {
    LT__JOURNAL_NONE,
    LT__JOURNAL_OURS,
    LT__JOURNAL_STRANGE, /* must not be played back; or cannot be read */
} lt__journal;

lt__journal lt__journal_look(const lt_store *s);
/* ESTORE when it is strange. */
lt_status lt__journal_check(const lt_store *s, lt_err *err);

/* ---- budget.c ---- */

/* Limits of a fresh connection. */
void lt__budget_open(lt_store *s);
/* Around what executes SQL: `spent` is what the statement has taken before,
 * the result what it has taken now. */
void lt__budget_begin(lt_store *s, double spent, double limit);
double lt__budget_end(lt_store *s);

/* ---- schema.c ---- */

/* Checks that the file is a store of a known version and, where the mode
 * allows it, makes or migrates it. */
lt_status lt__schema_open(lt_store *s, lt_err *err);

#define LT__APPLICATION_ID 0x6c61746e /* "latn" */
#define LT__SCHEMA_VERSION 2
int64_t lt__schema_version(void); /* of the newest schema known */
/* Makes the tables and views of that version in an empty database. */
lt_status lt__schema_build(lt_store *s, int64_t version, lt_err *err);

/* ---- schema_text.c ---- */

typedef struct lt__migration {
    const char *sql[3]; /* NULL where there is less */
    const char *digest; /* of the schema then: lt__schema_digest */
} lt__migration;

extern const lt__migration lt__migrations[LT__SCHEMA_VERSION];

/* View runs, but of the runs that were removed; since version 2. */
extern const char lt__removed_runs[];

/* ---- aggregate.c, query.c ---- */

lt_status lt__aggregates_register(lt_store *s, lt_err *err);
int lt__query_authorize(void *store, int action, const char *a, const char *b,
                        const char *database, const char *trigger);

/* ---- lock.c ---- */

/* EBUSY when another open file has it. */
lt_status lt__lock_take(const char *path, int *fd, lt_err *err);
/* True when the file is not there, or nobody holds its lock. */
bool lt__lock_is_free(const char *path);
/* The lock's holder lives: other hosts see it by the file's time. */
void lt__lock_touch(int fd);

/* ---- alive.c ---- */

/* A claimed run, as its row says. */
typedef struct lt__whereabouts {
    int64_t run;
    const char *host, *boot_id;
    double claimed; /* seconds since 1970 */
} lt__whereabouts;

typedef enum lt__sign {
    LT__SIGN_ALIVE,
    LT__SIGN_GONE,   /* its process is, says this kernel */
    LT__SIGN_REBOOT, /* of an earlier boot of this machine */
    LT__SIGN_SILENT, /* of another host, for `silence` seconds */
} lt__sign;

typedef struct lt__verdict {
    lt__sign sign;
    double silence; /* seconds */
} lt__verdict;

lt_status lt__run_judge(const lt_store *s, const lt__whereabouts *w,
                        const lt_host *here, lt__verdict *out, lt_err *err);

/* Runs, gathered while a statement is read, for what is done after it. */
typedef struct lt__ids {
    int64_t *items; /* lt_mem_free */
    int n;
} lt__ids;
lt_status lt__ids_add(lt__ids *all, int64_t id, lt_err *err);

/* Whether the run's process lives, or may: it is said to be running or lost
 * and the signs do not say that it is gone, or its lock is held. Inside the
 * transaction that is to rely on it. */
lt_status lt__run_is_live(lt_store *s, int64_t run, const lt_host *here,
                          bool *live, lt_err *err);

/* ---- claim.c ---- */

/* Before anything is counted on that is in a run's folder: its name, and those
 * of the folders above it, are on the disk. */
void lt__claim_place(lt_claim *c);
bool lt__folder_place(const char *dir);

/* The row of table machine that says this; made when there is none. */
lt_status lt__machine_id(lt_store *s, const lt_run_env *env, int64_t *id,
                         lt_err *err);

/* ESTORE when the row is another's by now: queued again, or claimed. A run that
 * another host wrote off as lost is still its process's own. */
lt_status lt__claim_check(lt_claim *c, lt_err *err);

/* Within a transaction: what the claim's side file has goes into the store.
 * *is_all: whether that was all of it; then the file is emptied after the
 * commit. */
lt_status lt__claim_drain(lt_claim *c, bool *is_all, lt_err *err);

/* Removes the checkpoint and the stages in a run's folder. */
lt_status lt__run_clear(const char *dir, lt_err *err);

/* One more to the counts of lt_claim_counts. */
lt_status lt__counts_add(lt_counts *c, const char *name, int64_t count,
                         lt_err *err);

/* The store could not be written, why `err` says; tells the user, once. */
void lt__claim_complain(lt_claim *c, const lt_err *err, bool is_kept);

/* ---- series.c: points of one metric and their summary ---- */

typedef struct lt__point {
    int64_t step, elapsed; /* elapsed in ms */
    double epoch, value;
} lt__point;

/* What table `series` holds. */
typedef struct lt__summary {
    int64_t n, nonfinite;
    double first, last, last_epoch, min, max;
    int64_t first_step, last_step, min_step, max_step, bad_step;
    int64_t last_kind, last_elapsed;
} lt__summary;

int64_t lt__value_kind(double x); /* 0 finite, 1 nan, 2 +inf, 3 -inf */
void lt__summary_add(lt__summary *s, const lt__point *p);
/* Leaves `out` as it is when there is no such series. */
lt_status lt__summary_load(lt_store *s, int64_t run, int64_t name,
                           lt__summary *out, lt_err *err);
/* The statement that lt__summary_save executes. */
lt_status lt__summary_open(lt_store *s, sqlite3_stmt **out, lt_err *err);
lt_status lt__summary_save(lt_store *s, sqlite3_stmt *stmt, int64_t run,
                           int64_t name, const lt__summary *f, lt_err *err);

/* The number of a metric's name, made where it has none. */
lt_status lt__series_name(lt_store *s, const char *name, int64_t *id,
                          lt_err *err);

/* Statements for many points. */
typedef struct lt__series_writer {
    sqlite3_stmt *insert, *upsert; /* upsert: for lt__summary_save */
} lt__series_writer;

lt_status lt__writer_open(lt_store *s, lt__series_writer *w, lt_err *err);
void lt__writer_close(lt__series_writer *w);
/* Writes the point as number `sum->n`, and adds it to `sum`. */
lt_status lt__writer_point(lt_store *s, const lt__series_writer *w, int64_t run,
                           int64_t name, const lt__point *p, lt__summary *sum,
                           lt_err *err);

/* ---- recorder.c ---- */

/* Before its claim ends: flushes what it can and lets go of the claim. */
void lt__recorder_detach(lt_recorder *r);

#endif
