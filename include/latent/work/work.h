/* Workers and their supervisor.
 *
 * A worker is this same program ("latent worker --db PATH --sweep N --threads
 * T --progress-fd FD"): it claims queued runs one after another and executes
 * each through a callback until the queue is empty. The supervisor starts
 * `jobs` of them, reads their progress from pipes, draws it, passes on
 * signals, and records what became of workers that died without a word. */
#ifndef LT_WORK_H
#define LT_WORK_H

#include "latent/base/observer.h"
#include "latent/store/store.h"

/* ---- in the worker process ---- */

/* Set by SIGINT and SIGTERM once lt_work_catch_signals was called: the
 * number of the signal, 0 when none came. */
int lt_work_signal(void);
void lt_work_catch_signals(void);

typedef struct lt_worker_opts {
    int64_t sweep; /* 0: all */
    int threads;
    int progress_fd; /* -1: none */
    lt_run_env env;
    /* Executes the claimed run; `progress` has progress and should_stop only.
     * Fills `message` (status failed, diverged, interrupted). Does not end the
     * claim. */
    lt_run_status (*execute)(void *self, lt_store *store, lt_claim *claim,
                             const lt_observer *progress, lt_err *message);
    /* How long a run of that sweep may take, 0: any; or NULL. Told to the
     * supervisor, which kills a worker that takes much longer. */
    double (*seconds_of)(void *self, lt_store *store, int64_t sweep);
    void *self;
} lt_worker_opts;

/* Until the queue is empty or a signal came. What became of each run is in the
 * store. */
lt_status lt_worker_run(lt_store *store, const lt_worker_opts *opts,
                        lt_err *err);

/* ---- in the supervisor ---- */

typedef struct lt_supervise_opts {
    const char *program; /* path of this program's file */
    int64_t sweep;       /* 0: all that is queued */
    int jobs;            /* workers at a time, at least 1 */
    int threads;         /* of each worker */
    /* More arguments for the workers: at most LT_WORKER_ARGS. */
    const char *const *args;
    int n_args;
    /* Asked about once a second, or NULL: when true, the workers are stopped
     * as by a signal, but that is no interruption. */
    bool (*is_enough)(void *self);
    void *self;
} lt_supervise_opts;
#define LT_WORKER_ARGS 8

/* Runs the sweep's queue to its end. Progress goes to stderr: live lines on a
 * terminal, else a plain line every so often. On SIGINT or SIGTERM stops the
 * workers cleanly and returns LT_EINTERRUPTED; the runs not yet begun stay
 * queued. A second signal kills them. */
lt_status lt_supervise(lt_store *store, const lt_supervise_opts *opts,
                       int counts[LT_RUN_STATUS_COUNT], lt_err *err);

#endif
