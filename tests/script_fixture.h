/* What the tests of scripts share: a world with a folder, a store and a
 * script; the claim loop of a worker; beginnings of scripts. */
#ifndef LT_SCRIPT_FIXTURE_H
#define LT_SCRIPT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/bind/script.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/recorder.h"

typedef struct world {
    char dir[64];
    char script_path[96];
    lt_store *store;
    lt_script *script;
    lt_err err;
} world;

static int polls_until_stop = -1; /* negative: never */

static inline bool stop_after_polls(void)
{
    return polls_until_stop >= 0 && polls_until_stop-- == 0
               ? (polls_until_stop = 0, true)
               : false;
}

static inline int world_setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    lt_script_opts opts = {
        .threads = 1, .seed = 1, .should_stop = stop_after_polls};
    char db[96];

    strcpy(w->dir, "/tmp/latent-script-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(db, sizeof db, "%s/latent.db", w->dir);
    snprintf(w->script_path, sizeof w->script_path, "%s/script.lua", w->dir);
    assert_int_equal(lt_store_open(db, LT_STORE_CREATE, &w->store, &w->err),
                     LT_OK);
    assert_int_equal(lt_script_new(&opts, &w->script, &w->err), LT_OK);
    polls_until_stop = -1;
    *state = w;
    return 0;
}

static inline int world_teardown(void **state)
{
    world *w = *state;
    char command[96];

    lt_script_free(w->script);
    lt_store_close(w->store);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static inline void fail_with(const world *w)
{
    print_message("%s\n%s\n", w->err.text, lt_script_traceback(w->script));
    fail();
}

static inline void write_script(world *w, const char *text)
{
    assert_int_equal(lt_path_write(w->script_path, text, strlen(text), &w->err),
                     LT_OK);
}

static inline lt_status plan(world *w, const char *path,
                             const lt_plan_opts *opts, int *n)
{
    int64_t sweep = 0;

    LT_TRY(lt_script_load(w->script, path, &w->err));
    return lt_script_plan(w->script, w->store, opts, &sweep, n, &w->err);
}

static inline int plan_ok(world *w, const char *path, const lt_plan_opts *opts)
{
    int n = -1;

    if (plan(w, path, opts, &n) != LT_OK)
        fail_with(w);
    return n;
}

/* Executes one queued run; its end state, LT_RUN_QUEUED when there is none. */
static inline lt_run_status execute_one(world *w, int64_t *run)
{
    lt_run_env env;
    lt_claim *claim = NULL;
    lt_run_status status;
    lt_err err = {0};

    lt_script_describe_env(1, &env);
    if (lt_claim_next(w->store, 0, &env, &claim, &err) == LT_ENOTFOUND)
        return LT_RUN_QUEUED;
    assert_non_null(claim);
    if (run)
        *run = lt_claim_run(claim);
    w->err = (lt_err){0};
    status = lt_script_execute(w->script, w->store, claim, NULL, &w->err);
    assert_int_equal(lt_claim_end(claim, status, w->err.text, &err), LT_OK);
    return status;
}

/* All queued runs; fails when one does not finish. */
static inline int execute_all(world *w)
{
    lt_run_status status;
    int n = 0;

    while ((status = execute_one(w, NULL)) != LT_RUN_QUEUED) {
        if (status != LT_RUN_FINISHED)
            fail_with(w);
        n++;
    }
    return n;
}

/* The first column of the first row, or NaN when there is none. */
static inline double query_number(world *w, const char *sql)
{
    lt_query *q = NULL;
    lt_value value;
    double x = 0.0 / 0.0;
    bool row = false;

    if (lt_query_open(w->store, sql, 0, &q, &w->err) != LT_OK)
        fail_with(w);
    assert_int_equal(lt_query_next(q, &row, &w->err), LT_OK);
    if (row) {
        lt_query_value(q, 0, &value);
        x = value.type == LT_VALUE_INTEGER ? (double)value.integer : value.real;
    }
    lt_query_close(q);
    return x;
}

/* The same as text; "" when there is none. */
static inline const char *query_text(world *w, const char *sql, char out[4096])
{
    lt_query *q = NULL;
    lt_value value;
    bool row = false;

    out[0] = '\0';
    if (lt_query_open(w->store, sql, 0, &q, &w->err) != LT_OK)
        fail_with(w);
    assert_int_equal(lt_query_next(q, &row, &w->err), LT_OK);
    if (row) {
        lt_query_value(q, 0, &value);
        if (value.type == LT_VALUE_TEXT)
            snprintf(out, 4096, "%.*s", (int)value.size, value.text);
    }
    lt_query_close(q);
    return out;
}

/* ---- beginnings of scripts ---- */

#define HEAD "local latent = require \"latent\"\n"
#define TINY                                                                   \
    HEAD "return latent.experiment {\n"                                        \
         "  name = \"tiny\", config = { code = 2, rate = 0.01, tie = "         \
         "\"untied\", wide = false, seed = 1 },\n"

#define EXP "return latent.experiment { name = 'x', config = { seed = 1, "
#define RUN "  run = function(run, c)\n"

#define DATA                                                                   \
    "    local data = latent.data.curves { n_train = 40, n_test = 10 }\n"      \
    "    local net = latent.autoencoder { input = data.train.shape, encoder "  \
    "= { latent.dense { 4 } }, output = 'linear' }\n"

/* `pattern` with its S replaced is in `text`. */
static inline void assert_message(const world *w, const char *pattern)
{
    char wanted[1024];

    if (*pattern == 'S')
        snprintf(wanted, sizeof wanted, "%s%s", w->script_path, pattern + 1);
    else
        snprintf(wanted, sizeof wanted, "%s", pattern);
    if (!strstr(w->err.text, wanted))
        fail_msg("found:  %s\nwanted: %s", w->err.text, wanted);
}

#endif
