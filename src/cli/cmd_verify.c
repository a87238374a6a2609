/* latent verify: whether a store is what it should be, one line for each thing
 * that is wrong. */
#include "cli/cli_int.h"

#include "latent/base/mem.h"
#include "latent/store/filter.h"
#include "latent/store/verify.h"

#include <inttypes.h>
#include <stdio.h>

const char lt__help_verify[] =
    "latent verify: check the store, its files and its sources\n"
    "\n"
    "  latent verify [FILTER] [options]\n"
    "\n"
    "  FILTER               the runs whose metrics and files are checked "
    "(default:\n"
    "                       all); the database as a whole is checked in any "
    "case\n"
    "  --db PATH            the store (else $LATENT_DB, else "
    "results/latent.db)\n"
    "  -h, --help           show this help\n"
    "\n"
    "Says what is wrong, one line each, and changes nothing. Checked are:\n"
    "  - the database: its pages and rows (SQLite's quick_check), references\n"
    "    between tables, the schema, compared with the program's own\n"
    "  - metrics: every point, and the summaries (view finals) made again "
    "from\n"
    "    them; knobs (view params) against the configs\n"
    "  - sources: scripts, Lua files and diffs against their SHA-256\n"
    "  - files that runs saved: size and SHA-256. What lies outside of the\n"
    "    store's folder is not opened\n"
    "  - what runs could not store and left beside the store (any other "
    "command\n"
    "    takes it in)\n"
    "  - runs that are said to be running while their process is gone; folders "
    "of\n"
    "    runs that are not in the store\n"
    "Runs may go on meanwhile; files of a run that is being executed are left "
    "out.\n"
    "\n"
    "Exit status: 0 nothing is wrong; 2 a mistake in the command; 3 no such "
    "run;\n"
    "4 the store cannot be opened; 6 something is wrong.\n"
    "\n"
    "Examples:\n"
    "  latent verify\n"
    "  latent verify \"experiment=width and status=finished\"\n"
    "  latent verify --db copy/latent.db && rm -r results\n";

typedef struct verify_args {
    lt__list rest;
    lt_text filter;
} verify_args;

static lt_status read_args(const lt__call *call, verify_args *a, lt_err *err)
{
    a->rest.items = lt_mem_zero((size_t)call->argc + 1, sizeof *a->rest.items);
    if (!a->rest.items)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt__options_parse(call, NULL, 0, &a->rest, err));
    for (int i = 0; i < a->rest.n; i++) {
        lt_text_add(&a->filter, i ? " " : "");
        lt_text_add(&a->filter, a->rest.items[i]);
    }
    return a->filter.failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

static lt_status find_runs(lt_store *store, const char *text, int64_t **runs,
                           int *n, lt_err *err)
{
    lt_filter *filter = NULL;
    lt_status rc = lt_filter_compile(store, text, &filter, err);

    if (rc == LT_OK)
        rc = lt_filter_runs(filter, runs, n, err);
    lt_filter_free(filter);
    if (rc == LT_OK && *n == 0)
        return lt_err_set(err, LT_ENOTFOUND, "%s: no run matches %s",
                          lt_store_path(store), text);
    return rc;
}

static void tell(void *self, const char *finding)
{
    (void)self;
    lt__print_visible(stdout, finding);
    putchar('\n');
}

static void summarise(const lt_verify_report *r)
{
    fflush(stdout);
    fprintf(stderr,
            "checked: %" PRId64 " run%s, %" PRId64 " value%s, %" PRId64
            " file%s (%.1f MB), %" PRId64 " source%s",
            r->runs, r->runs == 1 ? "" : "s", r->values,
            r->values == 1 ? "" : "s", r->files, r->files == 1 ? "" : "s",
            (double)r->bytes / 1e6, r->sources, r->sources == 1 ? "" : "s");
    if (r->n_outside > 0)
        fprintf(stderr, "; not opened: %" PRId64 " outside of the store",
                r->n_outside);
    if (r->n_wrong > 0)
        fprintf(stderr, "\n%" PRId64 " thing%s wrong\n", r->n_wrong,
                r->n_wrong == 1 ? "" : "s");
    else
        fputs("\nnothing is wrong\n", stderr);
}

static int verify(const lt__call *call, const verify_args *a, lt_store **store)
{
    lt_verify_opts opts = {.tell = tell};
    lt_verify_report report;
    int64_t *runs = NULL;
    lt_err err = {0};
    lt_status rc;

    if (lt_store_open(call->db, LT_STORE_INSPECT, store, &err) != LT_OK) {
        err.status = LT_ESTORE; /* also one that is not there */
        return lt__fail(call, &err);
    }
    /* Of a strange store nothing is asked: the schema is all there is to
     * tell. */
    rc = a->filter.size && !lt_store_is_strange(*store)
             ? find_runs(*store, lt_text_str(&a->filter), &runs, &opts.n_runs,
                         &err)
             : LT_OK;
    opts.runs = runs;
    if (rc == LT_OK)
        rc = lt_store_verify(*store, &opts, &report, &err);
    lt_mem_free(runs);
    if (rc != LT_OK)
        return lt__fail(call, &err);
    summarise(&report);
    return report.n_wrong > 0 ? LT__EXIT_DIFFERS : LT__EXIT_OK;
}

int lt__cmd_verify(const lt__call *call)
{
    verify_args a = {0};
    lt_store *store = NULL;
    lt_err err = {0};
    int status;

    if (read_args(call, &a, &err) != LT_OK)
        status = lt__fail(call, &err);
    else
        status = verify(call, &a, &store);
    lt_store_close(store);
    lt_mem_free(a.rest.items);
    lt_text_deinit(&a.filter);
    return status;
}
