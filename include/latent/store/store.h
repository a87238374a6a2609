/* The store: one SQLite file that holds sweeps, runs, metrics, artifacts and
 * sources. DESIGN section 6 lists its stable face, the views.
 *
 * One lt_store is one connection, used by one thread. Writes are BEGIN
 * IMMEDIATE transactions that wait for other writers. Readers never create a
 * store. Errors are LT_ESTORE (or ENOTFOUND) with the path and SQLite's words.
 *
 * A store of an older schema is brought to the newest by the first opening
 * for writing, after a copy of it, "<path>.schema1.bak", was made; opened for
 * reading it stays as it is. One of a newer schema is only read: ESTORE for
 * the other modes. */
#ifndef LT_STORE_H
#define LT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/digest.h"
#include "latent/base/host.h"
#include "latent/base/json.h"
#include "latent/base/observer.h"
#include "latent/base/status.h"
#include "latent/base/text.h"

/* DESIGN section 6. A finished run is frozen. */
#define LT_RUN_STATUS_MAP(X)                                                   \
    X(QUEUED, "queued")                                                        \
    X(RUNNING, "running")                                                      \
    X(FINISHED, "finished")                                                    \
    X(FAILED, "failed")                                                        \
    X(DIVERGED, "diverged")                                                    \
    X(INTERRUPTED, "interrupted")                                              \
    X(LOST, "lost")                                                            \
    X(PRUNED, "pruned")

typedef enum lt_run_status {
#define X(name, text) LT_RUN_##name,
    LT_RUN_STATUS_MAP(X)
#undef X
        LT_RUN_STATUS_COUNT
} lt_run_status;

const char *lt_run_status_name(lt_run_status s);
int lt_run_status_find(const char *name); /* or -1 */

typedef enum lt_store_mode {
    LT_STORE_READ,    /* the file must exist; nothing is ever changed */
    LT_STORE_WRITE,   /* the file must exist */
    LT_STORE_CREATE,  /* created with its folder when missing */
    LT_STORE_INSPECT, /* as READ, also when its schema is not latent's: for
                         lt_store_verify, which reads what can be read */
} lt_store_mode;

typedef struct lt_store lt_store;

/* ESTORE when the file is none of ours, and when its schema is not exactly what
 * this program would have made: a trigger, a view in the place of a table.
 * Plain tables, views and indexes of others are left alone. A store of a newer
 * schema is read only, with a notice, as it cannot be compared. */
lt_status lt_store_open(const char *path, lt_store_mode mode, lt_store **out,
                        lt_err *err);
void lt_store_close(lt_store *store);

/* What opening the store did that its user should be told, such as a copy
 * made; NULL when there is nothing. Borrowed. */
const char *lt_store_notice(const lt_store *store);

/* Its schema is not latent's: open with LT_STORE_INSPECT only, and nothing but
 * lt_store_verify should read it. */
bool lt_store_is_strange(const lt_store *store);

/* From now on filters and lt_store_find_run take the runs that were removed
 * (books.h), and no others. */
void lt_store_show_removed(lt_store *store, bool on);

const char *lt_store_sqlite_version(void); /* "3.40.1" */

const char *lt_store_path(const lt_store *store); /* borrowed */

/* The folder of a run's files, "<folder of the store>/runs/<id>"; a store with
 * another name than latent.db has "<its name without .db>.runs/<id>". */
void lt_store_run_dir(const lt_store *store, int64_t run, lt_text *out);

/* ---- sources, by hash ---- */

/* Stores a text (a script, a Lua module, a git diff) once by its SHA-256. */
lt_status lt_store_put_source(lt_store *store, const void *bytes, size_t size,
                              char hex[LT_DIGEST_HEX], lt_err *err);
lt_status lt_store_get_source(lt_store *store, const char *hex, lt_text *out,
                              lt_err *err);

/* ---- sweeps and the queue ---- */

typedef struct lt_source_ref {
    const char *path; /* as the script named it: "experiments/tied.lua" */
    char hex[LT_DIGEST_HEX];
} lt_source_ref;

/* Asked before a sweep of `n_runs` runs is stored; not LT_OK, and it is not. */
typedef lt_status lt_queue_allow(void *self, lt_store *store,
                                 const char *experiment, int n_runs,
                                 lt_err *err);

typedef struct lt_sweep_spec {
    const char *experiment;       /* name */
    const char *question;         /* or "" */
    const char *targets;          /* JSON object, "{}" when none */
    const char *defaults;         /* JSON object: the config's defaults */
    const char *command;          /* the command line, for people */
    const lt_source_ref *sources; /* the script first */
    int n_sources;
    const char *git_commit;   /* or "" */
    const char *git_diff_hex; /* of a stored source, or "" */
    lt_queue_allow *allow;    /* or NULL */
    void *allow_self;
} lt_sweep_spec;

typedef struct lt_queue_item {
    const char *config; /* canonical JSON object (lt_json_dump) */
    int64_t seed;
    const char *config_hash; /* of the config without its seed */
} lt_queue_item;

/* One transaction: the sweep and its runs, all `queued`, or nothing. With
 * `needed`, items for which a finished run of the same experiment, script
 * hash and config (seed included) exists are left out. *sweep gets its id,
 * *n_queued the number of rows; when none is left, nothing is stored and both
 * are 0. */
lt_status lt_store_queue(lt_store *store, const lt_sweep_spec *spec,
                         const lt_queue_item *items, int n, bool needed,
                         int64_t *sweep, int *n_queued, lt_err *err);

/* The first of those that `needed` would leave out: for --dry-run. */
lt_status lt_store_is_done(lt_store *store, const lt_sweep_spec *spec,
                           const lt_queue_item *item, bool *done, lt_err *err);

typedef enum lt_requeue {
    LT_REQUEUE_CUT,    /* lost and interrupted: to go on */
    LT_REQUEUE_FAILED, /* failed and diverged: to begin anew */
} lt_requeue;

/* Puts the runs of `sweep` (0: of all) that were cut off, or that failed, back
 * into the queue, in one transaction; a run whose lock is held is left alone.
 * A note keeps how each ended ("lost: killed by signal 9; queued again"). Runs
 * to go on keep message and times until they are claimed, those to begin anew
 * lose them, and their checkpoints when they are claimed. *n counts them.
 * ENOTFOUND when there is no such sweep. */
lt_status lt_store_requeue(lt_store *store, int64_t sweep, lt_requeue which,
                           int *n, lt_err *err);

/* Of these runs, those that came from another store (exchange.h): with sweep 0
 * they are left alone. For a store that is open for writing. */
lt_status lt_store_count_taken(lt_store *store, lt_requeue which, int *n,
                               lt_err *err);

/* ---- a run's life ---- */

typedef struct lt_claim lt_claim; /* a running run of this process */

/* What is captured when a run starts. */
typedef struct lt_run_env {
    lt_host host;
    char blas_core[32];
    char isa[32];
    int threads;
} lt_run_env;

/* Claims the oldest queued run of `sweep` (0: of any) in one transaction:
 * takes the kernel lock on <run dir>/lock (held until the claim is closed,
 * dropped by the kernel if the process dies), records host, boot id, pid and
 * its start time, sets `running`. ENOTFOUND when the queue is empty. Runs whose
 * lock another holds are passed over; EBUSY when there are only such. Empties
 * <run dir>/checkpoint and <run dir>/stages of a run that begins (anew). */
lt_status lt_claim_next(lt_store *store, int64_t sweep, const lt_run_env *env,
                        lt_claim **out, lt_err *err);
int64_t lt_claim_run(const lt_claim *claim);
int64_t lt_claim_sweep(const lt_claim *claim);
int64_t lt_claim_seed(const lt_claim *claim);
const char *lt_claim_name(const lt_claim *claim);   /* borrowed */
const char *lt_claim_config(const lt_claim *claim); /* JSON, borrowed */
const char *lt_claim_dir(const lt_claim *claim);    /* exists; borrowed */

/* A sign of life for other hosts: touches the lock's file. To be given every
 * ten seconds or so; any thread may. */
void lt_claim_beat(const lt_claim *claim);

/* Where a run goes on: forgets in one transaction all points but the first
 * counts[i] of metric names[i]; n = 0 forgets all. Summaries become what they
 * would be, had the others never been logged, and a recorder made after this
 * numbers points and counts `elapsed` on from the last that stays. EFORMAT,
 * and nothing forgotten, when the store holds fewer points than counted. For
 * claims that have no recorder yet; costs nothing when nothing was logged. */
lt_status lt_claim_rewind(lt_claim *claim, const char *const *names,
                          const int64_t *counts, int n, lt_err *err);

/* How many points of each metric the store has of the run, by name: what a
 * checkpoint keeps for lt_claim_rewind. See lt_recorder_settle. */
typedef struct lt_counts {
    char **names;
    int64_t *counts;
    int n;
} lt_counts;

lt_status lt_claim_counts(const lt_claim *claim, lt_counts *out, lt_err *err);
void lt_counts_deinit(lt_counts *counts);

/* Facts known only as the run goes; NULL or 0 leaves a field as it is. */
typedef struct lt_run_facts {
    const char *data_fingerprint; /* "train:<sha256> test:<sha256>" */
    const char *network;          /* summary for people */
    int64_t parameters;
    double examples_per_second;
} lt_run_facts;
lt_status lt_claim_facts(lt_claim *claim, const lt_run_facts *facts,
                         lt_err *err);

/* Where the run's training diverged: kept, and written with the end of a run
 * that ends as diverged. */
void lt_claim_divergence(lt_claim *claim, const lt_divergence *divergence);

/* Flushes metrics, writes the end state with wall and CPU seconds and
 * `message`, lets go of the lock, frees the claim (also on error). A run that
 * another host has taken for lost ends as any other; one that was put back
 * into the queue is no longer the claim's: ESTORE, as for its metrics. An end
 * that the store cannot take waits beside it (fold.h): LT_OK. */
lt_status lt_claim_end(lt_claim *claim, lt_run_status status,
                       const char *message, lt_err *err);

lt_status lt_claim_artifact(lt_claim *claim, const char *name, const char *kind,
                            const char *path, lt_err *err);
/* The file at `path` is another by now, or gone: so is its row, where there is
 * one. */
lt_status lt_claim_refile(lt_claim *claim, const char *path, lt_err *err);
/* A note that an earlier claim of the run made is not made again. */
lt_status lt_claim_note(lt_claim *claim, const char *text, lt_err *err);
lt_status lt_claim_tag(lt_claim *claim, const char *tag, lt_err *err);

/* Marks `lost` every run said to be running whose process is gone: on this
 * machine, when its lock is free; on another, when besides nobody has touched
 * the lock for two minutes. Never a live run: one whose lock is held. Writes
 * only when there is one, and never to a store open for reading: then *n
 * counts those found, else those marked. */
lt_status lt_store_reap(lt_store *store, int *n, lt_err *err);

/* The same for the one run whose process (pid) the caller saw end without
 * a word: `message` says how ("killed by signal 9"). *run gets the run's id, 0
 * when that process had none. */
lt_status lt_store_reap_pid(lt_store *store, int pid, lt_run_status status,
                            const char *message, int64_t *run, lt_err *err);

/* Source number `index` of a sweep (0: its script) as it was queued: path and
 * text, both cleared first. ENOTFOUND past the last. */
lt_status lt_store_sweep_source(lt_store *store, int64_t sweep, int index,
                                lt_text *path, lt_text *body, lt_err *err);

/* Counts by status of one sweep (0: of all). */
lt_status lt_store_sweep_counts(lt_store *store, int64_t sweep,
                                int counts[LT_RUN_STATUS_COUNT], lt_err *err);

#endif
