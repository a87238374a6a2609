/* latent worker: the process that executes queued runs (started by latent
 * run, never by people). One lt_script serves all its runs: it keeps loaded
 * data from run to run, and gives each run a fresh Lua state. */
#include "cli/cli_int.h"

#include "latent/bind/script.h"
#include "latent/work/work.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX_ARGS = 64 };

static bool is_stopped(void)
{
    return lt_work_signal() != 0;
}

typedef struct runner {
    int threads;
    lt_script_limits limits; /* besides those of each sweep */
    lt_script *script;       /* made with the first run */
} runner;

static lt_run_status execute(void *self, lt_store *store, lt_claim *claim,
                             const lt_observer *progress, lt_err *message)
{
    runner *r = self;
    const lt_script_opts opts = {.threads = r->threads,
                                 .seed = (uint64_t)lt_claim_seed(claim),
                                 .should_stop = is_stopped,
                                 .limits = r->limits};

    if (!r->script && lt_script_new(&opts, &r->script, message) != LT_OK)
        return LT_RUN_FAILED;
    return lt_script_execute(r->script, store, claim, progress, message);
}

/* For the supervisor, which sees to it; a sweep whose limits cannot be read
 * says so when its run is executed. */
static double seconds_of(void *self, lt_store *store, int64_t sweep)
{
    const runner *r = self;
    lt_script_limits limits;
    double own = r->limits.seconds;

    if (lt_script_stored_limits(store, sweep, &limits, NULL) != LT_OK ||
        limits.seconds <= 0)
        return own;
    return own > 0 && own < limits.seconds ? own : limits.seconds;
}

/* A worker must not outlive its supervisor, nor start after its death. */
static bool follow_supervisor(int parent)
{
    if (parent <= 0)
        return true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == (pid_t)parent;
}

static lt_status work(const lt__call *call, lt_worker_opts *opts,
                      const lt__limit_args *limits, lt_err *err)
{
    runner r = {.threads = opts->threads, .limits = lt__limits_of(limits)};
    lt_store *store = NULL;
    lt_status rc;

    opts->execute = execute;
    opts->seconds_of = seconds_of;
    opts->self = &r;
    lt_script_describe_env(opts->threads, &opts->env);
    rc = lt_store_open(call->db, LT_STORE_WRITE, &store, err);
    if (rc == LT_OK)
        rc = lt_worker_run(store, opts, err);
    lt_script_free(r.script);
    lt_store_close(store);
    return rc;
}

int lt__cmd_worker(const lt__call *call)
{
    lt_worker_opts opts = {.threads = 1, .progress_fd = -1};
    lt__limit_args limits = {0};
    int sweep = 0, parent = 0;
    const lt__option options[] = {
        {"--sweep", NULL, LT__OPTION_INT, &sweep, 0},
        {"--threads", NULL, LT__OPTION_INT, &opts.threads, 1},
        {"--progress-fd", NULL, LT__OPTION_INT, &opts.progress_fd, -1},
        {"--parent", NULL, LT__OPTION_INT, &parent, 0},
        LT__LIMIT_OPTIONS(limits),
    };
    const char *items[MAX_ARGS];
    lt__list rest = {.items = items};
    lt_err err = {0};

    if (call->argc > MAX_ARGS ||
        lt__options_parse(call, options, sizeof options / sizeof *options,
                          &rest, &err) != LT_OK)
        return lt__fail(call, &err);
    if (!follow_supervisor(parent))
        return LT__EXIT_OK;
    opts.sweep = sweep;
    lt_work_catch_signals();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a script's prints, as they come */
    return work(call, &opts, &limits, &err) == LT_OK ? LT__EXIT_OK
                                                     : lt__fail(call, &err);
}
