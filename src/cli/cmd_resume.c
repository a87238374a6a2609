/* latent resume and latent retry: what was cut off goes on, what failed is
 * tried again. Both put runs back into the queue and then do as latent run
 * does once it has queued its sweep; the scripts are those in the store. */
#include "cli/cli_int.h"

#include "latent/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXECUTION_HELP                                                         \
    "  -j, --jobs N         runs at a time, each with its share of the "       \
    "cores\n"                                                                  \
    "                       (default: as many as there are cores or runs)\n"   \
    "  --threads N          of each run (default: its share of the "           \
    "cores)\n" LT__LIMIT_HELP                                                  \
    "  --no-space-check     begin even if the disk seems to be too full\n"     \
    "  --db PATH            the store (else $LATENT_DB, else "                 \
    "results/latent.db)\n"                                                     \
    "  -h, --help           show this help\n"

const char lt__help_resume[] =
    "latent resume: go on with what was cut off\n"
    "\n"
    "  latent resume [SWEEP] [options]\n"
    "\n" EXECUTION_HELP "\n"
    "Executes the runs of a sweep (without SWEEP: of all sweeps) that are\n"
    "queued, and those that are lost (their process is gone: a crash, a kill, "
    "a\n"
    "power cut) or interrupted (Ctrl-C). What such a run had logged after its\n"
    "last checkpoint is logged again, never twice: in the end its metrics are\n"
    "bit for bit those of a run that nothing had cut off. A run that another\n"
    "process executes right now is left alone. A sweep runs the script and "
    "the\n"
    "files that it was queued with, whatever these say today. Runs that came "
    "from\n"
    "other stores (latent merge, import) go on only where their sweep is "
    "named.\n"
    "\n"
    "Exit status: 0 the runs executed are finished, or there was nothing to "
    "do;\n"
    "1 one of them failed, diverged or was lost; 2 a mistake in the command; "
    "3 no\n"
    "such sweep; 4 the store or a file; 130, 143 interrupted.\n"
    "\n"
    "Examples:\n"
    "  latent resume\n"
    "  latent resume 12 -j 2\n"
    "  latent sql \"SELECT id, experiment, runs, finished FROM sweeps\"\n";

const char lt__help_retry[] =
    "latent retry: try failed runs again\n"
    "\n"
    "  latent retry --failed [SWEEP] [options]\n"
    "\n"
    "  --failed             the runs that failed or diverged\n" EXECUTION_HELP
    "\n"
    "The failed runs of a sweep (without SWEEP: of all sweeps) begin anew, "
    "from\n"
    "nothing; what the failed attempt had logged is forgotten when its run\n"
    "begins, and a note keeps how it ended. For failures that came from "
    "outside:\n"
    "no memory, a full disk, missing data. A run executes the script that it "
    "was\n"
    "queued with: after a change of the script use latent run SCRIPT.lua "
    "--needed.\n"
    "Runs that are queued are executed too.\n"
    "\n"
    "Exit status: 0 the runs executed are finished, or there was nothing to "
    "do;\n"
    "1 one of them failed, diverged or was lost; 2 a mistake in the command; "
    "3 no\n"
    "such sweep; 4 the store or a file; 130, 143 interrupted.\n"
    "\n"
    "Examples:\n"
    "  latent retry --failed\n"
    "  latent retry --failed 12 -j 2\n";

typedef struct resume_args {
    lt__list rest;
    lt__execution execution;
    bool failed, no_space_check;
} resume_args;

static lt_status read_sweep(const char *text, int64_t *sweep, lt_err *err)
{
    char *end;
    long long id = strtoll(text, &end, 10);

    if (end == text || *end || id < 1)
        return lt_err_set(err, LT_EINVAL,
                          "SWEEP: found '%s', wanted the number of a sweep "
                          "(latent sql \"SELECT id, experiment FROM sweeps\")",
                          text);
    *sweep = id;
    return LT_OK;
}

static lt_status read_args(const lt__call *call, bool is_retry, resume_args *a,
                           lt_err *err)
{
    const lt__option options[] = {
        {"--jobs", "-j", LT__OPTION_INT, &a->execution.jobs, 1},
        {"--threads", NULL, LT__OPTION_INT, &a->execution.threads, 1},
        LT__LIMIT_OPTIONS(a->execution.limits),
        {"--no-space-check", NULL, LT__OPTION_FLAG, &a->no_space_check, 0},
        {"--failed", NULL, LT__OPTION_FLAG, &a->failed, 0},
    };

    a->rest.items = lt_mem_zero((size_t)call->argc + 1, sizeof *a->rest.items);
    if (!a->rest.items)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt__options_parse(call, options, is_retry ? 7 : 6, &a->rest, err));
    if (is_retry && !a->failed)
        return lt_err_set(err, LT_EINVAL,
                          "which runs? (latent retry --failed [SWEEP])");
    if (a->rest.n > 1)
        return lt_err_set(err, LT_EINVAL, "one argument too many: '%s'",
                          a->rest.items[1]);
    return a->rest.n == 1
               ? read_sweep(a->rest.items[0], &a->execution.sweep, err)
               : LT_OK;
}

static int nothing_to_do(bool is_retry, int n_running)
{
    fprintf(stderr, "nothing to do: no run %s",
            is_retry ? "failed or diverged" : "is queued, lost or interrupted");
    if (n_running > 0)
        fprintf(stderr, "; %d %s being executed", n_running,
                n_running == 1 ? "is" : "are");
    fputs("\n", stderr);
    return LT__EXIT_OK;
}

static lt_status tell_of_taken(lt_store *store, lt_requeue which, lt_err *err)
{
    int n = 0;

    LT_TRY(lt_store_count_taken(store, which, &n, err));
    if (n > 0)
        fprintf(
            stderr,
            "%d run%s of other stores left alone: name their sweep to go on "
            "with them\n",
            n, n == 1 ? "" : "s");
    return LT_OK;
}

static int go_on(const lt__call *call, bool is_retry, const resume_args *a,
                 lt_store **store)
{
    lt_requeue which = is_retry ? LT_REQUEUE_FAILED : LT_REQUEUE_CUT;
    int64_t sweep = a->execution.sweep;
    int counts[LT_RUN_STATUS_COUNT], n = 0;
    lt_err err = {0};

    if (lt__ready_store(call->db, LT_STORE_WRITE, store, &err) != LT_OK) {
        err.status = LT_ESTORE; /* also one that is not there */
        return lt__fail(call, &err);
    }
    if ((!a->no_space_check && lt__space_allow_sweep(call->db, *store, sweep,
                                                     which, &err) != LT_OK) ||
        lt_store_requeue(*store, sweep, which, &n, &err) != LT_OK ||
        (sweep == 0 && tell_of_taken(*store, which, &err) != LT_OK) ||
        lt_store_sweep_counts(*store, sweep, counts, &err) != LT_OK)
        return lt__fail(call, &err);
    if (counts[LT_RUN_QUEUED] == 0)
        return nothing_to_do(is_retry, counts[LT_RUN_RUNNING]);
    if (n > 0)
        fprintf(stderr, "%d run%s queued again: %s\n", n, n == 1 ? "" : "s",
                is_retry ? "failed or diverged" : "lost or interrupted");
    return lt__execute(call, *store, &a->execution);
}

static int resume(const lt__call *call, bool is_retry)
{
    resume_args a = {0};
    lt_store *store = NULL;
    lt_err err = {0};
    int status;

    if (read_args(call, is_retry, &a, &err) != LT_OK)
        status = lt__fail(call, &err);
    else
        status = go_on(call, is_retry, &a, &store);
    lt_store_close(store);
    lt_mem_free(a.rest.items);
    return status;
}

int lt__cmd_resume(const lt__call *call)
{
    return resume(call, false);
}

int lt__cmd_retry(const lt__call *call)
{
    return resume(call, true);
}
