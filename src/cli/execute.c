/* What run, resume and retry share: workers execute what is queued, then
 * tables say what came of it, and how to go on where something was cut off.
 *
 * The exit status speaks of the runs executed now: failures of an earlier
 * command that lie in the same sweep do not count. */
#include "cli/cli_int.h"

#include "latent/base/host.h"
#include "latent/base/text.h"
#include "latent/bind/script.h"
#include "latent/store/query.h"
#include "latent/work/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SWEEPS = 16 }; /* that get a table each */

/* The sweeps that have something queued. */
typedef struct sweeps {
    int64_t ids[MAX_SWEEPS]; /* the first */
    int n;                   /* of all */
} sweeps;

void lt__shell_quote(lt_text *out, const char *arg)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-./=,+:@%";

    if (*arg && strspn(arg, plain) == strlen(arg)) {
        lt_text_add(out, arg);
        return;
    }
    lt_text_add(out, "'");
    for (; *arg; arg++)
        if (*arg == '\'')
            lt_text_add(out, "'\\''");
        else
            lt_text_add_n(out, arg, 1);
    lt_text_add(out, "'");
}

lt_status lt__reap(lt_store *store, lt_err *err)
{
    int n = 0;

    LT_TRY(lt_store_reap(store, &n, err));
    if (n > 0)
        fprintf(stderr,
                "%d earlier run%s of which the process is gone: now lost\n", n,
                n == 1 ? "" : "s");
    return LT_OK;
}

lt_status lt__ready_store(const char *path, lt_store_mode mode, lt_store **out,
                          lt_err *err)
{
    LT_TRY(lt_store_open(path, mode, out, err));
    if (lt_store_notice(*out))
        fprintf(stderr, "%s\n", lt_store_notice(*out));
    return mode == LT_STORE_READ ? LT_OK : lt__reap(*out, err);
}

static lt_status find_sweeps(lt_store *store, int64_t sweep, sweeps *out,
                             lt_err *err)
{
    const lt_value v = {.type = LT_VALUE_INTEGER, .integer = sweep};
    lt_query *q = NULL;
    lt_value id;
    bool row = false;
    lt_status rc = lt_query_open(store,
                                 "SELECT DISTINCT sweep FROM runs WHERE"
                                 " status = 'queued' AND (?1 = 0 OR"
                                 " sweep = ?1) ORDER BY sweep",
                                 0, &q, err);

    if (rc == LT_OK)
        rc = lt_query_bind(q, 1, &v, err);
    while (rc == LT_OK && (rc = lt_query_next(q, &row, err)) == LT_OK && row) {
        lt_query_value(q, 0, &id);
        if (out->n < MAX_SWEEPS)
            out->ids[out->n] = id.integer;
        out->n++;
    }
    lt_query_close(q);
    return rc;
}

void lt__find_program(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);

    if (n > 0)
        out[n] = '\0';
    if (n <= 0 || access(out, X_OK) != 0)
        snprintf(out, size, "/proc/self/exe");
}

static void announce(const sweeps *all, int n_queued,
                     const lt_supervise_opts *opts)
{
    if (all->n == 1)
        fprintf(stderr, "sweep %" PRId64, all->ids[0]);
    else
        fprintf(stderr, "%d sweeps", all->n);
    fprintf(stderr, ": %d run%s, %d at a time, %d thread%s each\n", n_queued,
            n_queued == 1 ? "" : "s", opts->jobs, opts->threads,
            opts->threads == 1 ? "" : "s");
}

static lt_status supervise(lt_store *store, const lt__execution *e,
                           const sweeps *all, int counts[LT_RUN_STATUS_COUNT],
                           lt_err *err)
{
    lt_supervise_opts opts = {.sweep = all->n == 1 ? all->ids[0] : e->sweep};
    int n_queued = counts[LT_RUN_QUEUED];
    char program[4096];
    lt__worker_args args;
    lt_host host;

    lt_host_describe(&host);
    lt__limits_args(&e->limits, &args);
    opts.args = args.items;
    opts.n_args = args.n;
    opts.jobs = e->jobs > 0 ? e->jobs : host.cores;
    if (opts.jobs > n_queued)
        opts.jobs = n_queued;
    opts.threads = e->threads > 0 ? e->threads : host.cores / opts.jobs;
    if (opts.threads < 1)
        opts.threads = 1;
    lt__find_program(program, sizeof program);
    opts.program = program;
    announce(all, n_queued, &opts);
    return lt_supervise(store, &opts, counts, err);
}

/* The tables of the sweeps' runs, and where their files are, on stdout; the
 * exit status. */
static int summarise(const lt__call *call, const sweeps *all)
{
    const lt_script_opts opts = {.threads = 1};
    int n = all->n < MAX_SWEEPS ? all->n : MAX_SWEEPS;
    char ids[MAX_SWEEPS][24];
    char *args[MAX_SWEEPS + 1] = {NULL};
    lt_script *script = NULL;
    lt_err err = {0};
    int status = LT__EXIT_STORE;

    for (int i = 0; i < n; i++) {
        snprintf(ids[i], sizeof ids[i], "%" PRId64, all->ids[i]);
        args[i] = ids[i];
    }
    if (lt_script_new(&opts, &script, &err) == LT_OK)
        status = lt_script_command(script, "finish", call->db, n, args, &err);
    if (err.status != LT_OK)
        lt__fail(call, &err);
    lt_script_free(script);
    return status;
}

/* "to go on: latent resume 5 --db other.db", where runs were cut off. */
static void hint(const lt__call *call, const sweeps *all, const int *counts)
{
    const char *usual = getenv("LATENT_DB");
    lt_text line = {0};

    if (counts[LT_RUN_QUEUED] + counts[LT_RUN_INTERRUPTED] +
            counts[LT_RUN_LOST] ==
        0)
        return;
    lt_text_add(&line, "to go on: latent resume");
    if (all->n == 1)
        lt_text_addf(&line, " %" PRId64, all->ids[0]);
    if (strcmp(call->db, usual && *usual ? usual : LT__DEFAULT_DB) != 0) {
        lt_text_add(&line, " --db ");
        lt__shell_quote(&line, call->db);
    }
    lt_text_add(&line, "\n");
    lt__print_visible(stderr, lt_text_str(&line));
    lt_text_deinit(&line);
}

/* Interrupted without a signal: for want of room. */
static int count_bad(const int *counts)
{
    return counts[LT_RUN_FAILED] + counts[LT_RUN_DIVERGED] +
           counts[LT_RUN_LOST] + counts[LT_RUN_INTERRUPTED];
}

int lt__execute(const lt__call *call, lt_store *store, const lt__execution *e)
{
    int counts[LT_RUN_STATUS_COUNT] = {0}, bad_before;
    bool is_all_stored, is_reaped;
    lt_err late = {0};
    sweeps all = {0};
    lt_err err = {0};
    int status;

    if (lt_store_sweep_counts(store, e->sweep, counts, &err) != LT_OK ||
        find_sweeps(store, e->sweep, &all, &err) != LT_OK)
        return lt__fail(call, &err);
    bad_before = count_bad(counts);
    if (counts[LT_RUN_QUEUED] == 0)
        return LT__EXIT_OK; /* another process was quicker */
    supervise(store, e, &all, counts, &err);
    is_all_stored = lt__fold(call);
    is_reaped = lt__reap(store, &late) ==
                LT_OK; /* what another supervisor left since we began */
    lt_store_sweep_counts(store, e->sweep, counts, NULL);
    status = summarise(call, &all);
    if (err.status != LT_OK)
        status = lt__fail(call, &err);
    else if (!is_reaped && is_all_stored)
        status = lt__fail(call, &late);
    else if (count_bad(counts) > bad_before)
        status = LT__EXIT_RUN;
    else if (!is_all_stored)
        status = LT__EXIT_STORE;
    if (lt_store_sweep_counts(store, all.n == 1 ? all.ids[0] : e->sweep, counts,
                              NULL) == LT_OK)
        hint(call, &all, counts);
    return status;
}
