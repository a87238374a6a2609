/* latent run: from a script to a finished sweep.
 *
 * The sweep is queued as rows first (a mistake in the script ends here, before
 * anything ran), then workers execute it, then a table says what came of it.
 * Each worker gets its share of the cores. */
#include "cli/cli_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/text.h"
#include "latent/bind/script.h"

#include <stdio.h>
#include <string.h>

const char lt__help_run[] =
    "latent run: train the sweep that a script declares\n"
    "\n"
    "  latent run SCRIPT.lua [options]\n"
    "\n"
    "  -s, --set KEY=VALUE  set a knob; several values make an axis:\n"
    "                       -s code=2,6,30 (may be repeated)\n"
    "  -j, --jobs N         runs at a time, each with its share of the cores\n"
    "                       (default: as many as there are cores or runs)\n"
    "  --threads N          of each run (default: its share of the cores); "
    "the\n"
    "                       results are the same bits for any number\n"
    "  --seeds N            every config with seed = 1 .. N\n"
    "  --needed             leave out what is already finished in the store:\n"
    "                       same script, same config\n"
    "  --dry-run            print the runs that would be queued, do nothing\n"
    "  --no-rehearsal       do not play the run function before queueing\n"
    "  --no-space-check     begin even if the disk seems to be too full for "
    "it\n"
    "  --sandbox            the script gets no files, programs, environment, "
    "native\n"
    "                       libraries or bytecode; data sets are read from "
    "the\n"
    "                       usual folders, written is the run's folder only\n"
    "  --max-time SECONDS   of one run; longer, and it fails (--sandbox: "
    "3600)\n"
    "  --max-memory MB      of one run, the engine's with Lua's (--sandbox: "
    "4096)\n"
    "  --db PATH            the store (else $LATENT_DB, else "
    "results/latent.db)\n"
    "  -h, --help           show this help\n"
    "\n"
    "First the run function is rehearsed with the first config and with each\n"
    "that brings a new word, up to 16: data are made and networks built, but\n"
    "nothing is trained, recorded or written. A wrong option, name, knob or\n"
    "shape ends the command there, before anything is queued; an error that\n"
    "the script itself raises (error, assert) is only a warning, as it may\n"
    "depend on results.\n"
    "\n"
    "All runs are queued before the first begins. Ctrl-C ends the running "
    "ones\n"
    "as interrupted, keeps what they logged, and leaves the rest queued; a\n"
    "second Ctrl-C kills them. latent resume goes on, after a crash too. A "
    "run\n"
    "that fails, diverges or crashes is recorded with its message and never\n"
    "stops the others.\n"
    "\n"
    "A script that you did not write is run by --sandbox. Both limits and the\n"
    "sandbox are stored with the sweep, and hold wherever it is executed; a "
    "run\n"
    "that does not heed its limit of time is killed some seconds later.\n"
    "\n"
    "Exit status: 0 all finished; 1 a run failed, diverged or was lost; 2 a\n"
    "mistake in the command or the script; 4 the store or a file; 130, 143\n"
    "interrupted.\n"
    "\n"
    "Examples:\n"
    "  latent run experiments/quickstart.lua\n"
    "  latent run tied.lua -s code=2,6,30 -s tie=tied,untied --seeds 5 -j 2\n"
    "  latent run tied.lua --seeds 5 --needed --dry-run\n";

typedef struct run_args {
    const char *script;
    lt__list sets, rest;
    int jobs, threads, seeds;
    bool needed, dry_run, no_rehearsal, no_space_check;
    lt__limit_args limits;
} run_args;

typedef struct sweep_plan {
    int64_t sweep;
    int n_queued;
} sweep_plan;

static lt_status read_args(const lt__call *call, run_args *a, lt_err *err)
{
    const lt__option options[] = {
        {"--set", "-s", LT__OPTION_LIST, &a->sets, 0},
        {"--jobs", "-j", LT__OPTION_INT, &a->jobs, 1},
        {"--threads", NULL, LT__OPTION_INT, &a->threads, 1},
        {"--seeds", NULL, LT__OPTION_INT, &a->seeds, 1},
        {"--needed", NULL, LT__OPTION_FLAG, &a->needed, 0},
        {"--dry-run", NULL, LT__OPTION_FLAG, &a->dry_run, 0},
        {"--no-rehearsal", NULL, LT__OPTION_FLAG, &a->no_rehearsal, 0},
        {"--no-space-check", NULL, LT__OPTION_FLAG, &a->no_space_check, 0},
        LT__LIMIT_OPTIONS(a->limits),
    };
    size_t room = (size_t)call->argc + 1;

    a->sets.items = lt_mem_zero(room, sizeof *a->sets.items);
    a->rest.items = lt_mem_zero(room, sizeof *a->rest.items);
    if (!a->sets.items || !a->rest.items)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt__options_parse(call, options, sizeof options / sizeof *options,
                             &a->rest, err));
    if (a->rest.n == 0)
        return lt_err_set(err, LT_EINVAL,
                          "which script? (latent run SCRIPT.lua)");
    if (a->rest.n > 1)
        return lt_err_set(
            err, LT_EINVAL, "one argument too many: '%s'%s", a->rest.items[1],
            strchr(a->rest.items[1], '=') ? " (knobs are set by -s key=value)"
                                          : "");
    a->script = a->rest.items[0];
    return LT_OK;
}

/* The command line as one would type it again. */
static void quote_command(const lt__call *call, lt_text *out)
{
    lt_text_add(out, "latent");
    for (int i = 1; i < call->full_argc; i++) {
        lt_text_add(out, " ");
        lt__shell_quote(out, call->full_argv[i]);
    }
}

/* A dry run creates no store; with none, nothing is done already. */
static lt_status open_store(const lt__call *call, const run_args *a,
                            lt_store **out, lt_err *err)
{
    if (a->dry_run)
        return lt_path_exists(call->db)
                   ? lt__ready_store(call->db, LT_STORE_READ, out, err)
                   : LT_OK;
    return lt__ready_store(call->db, LT_STORE_CREATE, out, err);
}

static lt_plan_opts plan_opts(const run_args *a)
{
    return (lt_plan_opts){.sets = a->sets.items,
                          .n_sets = a->sets.n,
                          .seeds = a->seeds,
                          .needed = a->needed,
                          .dry_run = a->dry_run};
}

static lt_status queue(const lt__call *call, const run_args *a,
                       lt_script *script, lt_store *store, sweep_plan *plan,
                       lt_err *err)
{
    lt_text command = {0};
    lt_plan_opts opts = plan_opts(a);
    lt_status rc;

    quote_command(call, &command);
    opts.command = lt_text_str(&command);
    opts.allow = a->no_space_check ? NULL : lt__space_allow;
    opts.allow_self = (void *)(uintptr_t)call->db;
    rc = lt_script_plan(script, store, &opts, &plan->sweep, &plan->n_queued,
                        err);
    lt_text_deinit(&command);
    return rc;
}

static lt_status rehearse(const run_args *a, lt_script *script, lt_err *err)
{
    const lt_plan_opts opts = plan_opts(a);
    lt_text warning = {0};
    lt_status rc = lt_script_rehearse(script, a->script, &opts, &warning, err);

    if (warning.size > 0) {
        fputs("warning: in a rehearsal the script raised: ", stderr);
        lt__print_visible(stderr, warning.data);
        fputc('\n', stderr);
    }
    lt_text_deinit(&warning);
    return rc;
}

/* A file that cannot be read is as bad a script as one with a mistake. */
static lt_status load(const run_args *a, lt_script *script, lt_err *err)
{
    lt_status rc = a->no_rehearsal ? LT_OK : rehearse(a, script, err);

    if (rc == LT_OK)
        rc = lt_script_load(script, a->script, err);
    if (rc == LT_ENOTFOUND || rc == LT_EIO || rc == LT_EFORMAT)
        rc = err->status = LT_EINVAL;
    return rc;
}

/* Loads the script and queues its sweep. The store is touched only once the
 * script is known to be sound; nothing of the script's state is left when the
 * workers begin. */
static lt_status prepare(const lt__call *call, const run_args *a,
                         lt_store **store, sweep_plan *plan, lt_err *err)
{
    const lt_script_opts opts = {.threads = 1,
                                 .limits = lt__limits_of(&a->limits)};
    lt_script *script = NULL;
    lt_status rc = lt_script_new(&opts, &script, err);

    lt__watchdog_set(&opts.limits);
    if (rc == LT_OK)
        rc = load(a, script, err);
    if (rc == LT_OK)
        rc = open_store(call, a, store, err);
    if (rc == LT_OK)
        rc = queue(call, a, script, *store, plan, err);
    lt_script_free(script);
    lt__watchdog_clear();
    return rc;
}

static int run_sweep(const lt__call *call, const run_args *a, lt_store **store)
{
    lt__execution e = {.jobs = a->jobs, .threads = a->threads};
    sweep_plan plan = {0};
    lt_err err = {0};

    if (prepare(call, a, store, &plan, &err) != LT_OK)
        return lt__fail(call, &err);
    if (a->dry_run)
        return LT__EXIT_OK;
    if (plan.n_queued == 0) {
        fputs("nothing to do: every run is already finished\n", stderr);
        return LT__EXIT_OK;
    }
    e.sweep = plan.sweep;
    return lt__execute(call, *store, &e);
}

int lt__cmd_run(const lt__call *call)
{
    run_args a = {0};
    lt_err err = {0};
    lt_store *store = NULL;
    int status;

    if (read_args(call, &a, &err) != LT_OK) {
        status = lt__fail(call, &err);
        fputs("usage: latent run SCRIPT.lua [options]   (latent help run)\n",
              stderr);
    } else {
        status = run_sweep(call, &a, &store);
    }
    lt_store_close(store);
    lt_mem_free(a.sets.items);
    lt_mem_free(a.rest.items);
    return status;
}
