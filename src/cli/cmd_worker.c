/* latent worker: the process that executes queued runs (started by latent
 * run, never by people). Every run gets a fresh Lua state, so that no run
 * can leave anything behind for the next. */
#include "cli/cli_int.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "latent/bind/script.h"
#include "latent/work/work.h"

static bool is_stopped(void)
{
    return lt_work_signal() != 0;
}

static lt_run_status execute(void *self, lt_store *store, lt_claim *claim,
                             const lt_observer *progress, lt_err *message)
{
    const int *threads = self;
    const lt_script_opts opts = {.threads = *threads,
                                 .seed = (uint64_t)lt_claim_seed(claim),
                                 .should_stop = is_stopped};
    lt_script *script = NULL;
    lt_run_status status = LT_RUN_FAILED;

    if (lt_script_new(&opts, &script, message) == LT_OK)
        status = lt_script_execute(script, store, claim, progress, message);
    lt_script_free(script);
    return status;
}

/* A worker must not outlive its supervisor, nor start after its death. */
static bool follow_supervisor(int parent)
{
    if (parent <= 0)
        return true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == (pid_t)parent;
}

int lt__cmd_worker(const lt__call *call)
{
    int sweep = 0, threads = 1, fd = -1, parent = 0, n_bad = 0;
    const lt__option options[] = {
        {"--sweep", NULL, LT__OPTION_INT, &sweep, 0},
        {"--threads", NULL, LT__OPTION_INT, &threads, 1},
        {"--progress-fd", NULL, LT__OPTION_INT, &fd, -1},
        {"--parent", NULL, LT__OPTION_INT, &parent, 0},
    };
    const char *items[64];
    lt__list rest = {.items = items};
    lt_worker_opts opts = {.execute = execute, .self = &threads};
    lt_store *store = NULL;
    lt_err err = {0};
    lt_status rc = LT_OK;

    if (call->argc > 64)
        return LT__EXIT_USAGE;
    if (lt__options_parse(call, options, sizeof options / sizeof *options,
                          &rest, &err) != LT_OK)
        return lt__fail(call, &err);
    if (!follow_supervisor(parent))
        return LT__EXIT_OK;
    lt_work_catch_signals();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a script's prints, as they come */
    opts.sweep = sweep;
    opts.threads = threads;
    opts.progress_fd = fd;
    lt_script_describe_env(threads, &opts.env);
    rc = lt_store_open(call->db, LT_STORE_WRITE, &store, &err);
    if (rc == LT_OK)
        rc = lt_worker_run(store, &opts, &n_bad, &err);
    lt_store_close(store);
    return rc == LT_OK ? LT__EXIT_OK : lt__fail(call, &err);
}
