/* For tests of the store: a folder of its own, a sweep, a claim, SQL. */
#ifndef STORE_HELP_H
#define STORE_HELP_H

#include "latent/base/mem.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/recorder.h"
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct place {
    char dir[64];
    char path[128];
    lt_store *store;
    lt_err err;
} place;

static inline void place_open(place *p)
{
    memset(p, 0, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/latent-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/latent.db", p->dir);
    if (lt_store_open(p->path, LT_STORE_CREATE, &p->store, &p->err) != LT_OK)
        fail_msg("%s", p->err.text);
}

static inline void place_close(place *p)
{
    char command[160];

    lt_store_close(p->store);
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", p->dir,
             p->dir);
    assert_int_equal(system(command), 0);
}

#define EXPECT_OK(p, call)                                                     \
    do {                                                                       \
        if ((call) != LT_OK)                                                   \
            fail_msg("%s", (p)->err.text);                                     \
    } while (0)

/* A sweep of `n` runs of the config texts; returns its id. */
static inline int64_t place_queue(place *p, const char *experiment,
                                  const char *const *configs, int n)
{
    lt_source_ref source = {.path = "experiments/test.lua"};
    lt_queue_item *items = lt_mem_zero((size_t)n, sizeof *items);
    lt_sweep_spec spec = {
        .experiment = experiment,
        .question = "Does it work?",
        .targets = "{}",
        .defaults = "{}",
        .command = "latent run test.lua",
        .sources = &source,
        .n_sources = 1,
        .git_commit = "",
        .git_diff_hex = "",
    };
    int64_t sweep = 0;
    int n_queued = 0;

    EXPECT_OK(p, lt_store_put_source(p->store, experiment, strlen(experiment),
                                     source.hex, &p->err));
    for (int i = 0; i < n; i++)
        items[i] = (lt_queue_item){configs[i], i + 1, configs[i]};
    EXPECT_OK(p, lt_store_queue(p->store, &spec, items, n, false, &sweep,
                                &n_queued, &p->err));
    assert_int_equal(n_queued, n);
    lt_mem_free(items);
    return sweep;
}

static inline void place_queue_many(place *p, int n)
{
    const char **configs = lt_mem_zero((size_t)n, sizeof *configs);

    for (int i = 0; i < n; i++)
        configs[i] = "{\"code\":6}";
    place_queue(p, "test", configs, n);
    lt_mem_free(configs);
}

static inline lt_claim *place_claim(place *p)
{
    lt_run_env env = {.blas_core = "SkylakeX", .isa = "avx512", .threads = 1};
    lt_claim *claim = NULL;

    lt_host_describe(&env.host);
    EXPECT_OK(p, lt_claim_next(p->store, 0, &env, &claim, &p->err));
    return claim;
}

/* A claim whose side file cannot be made: its folder is a file. */
static inline lt_claim *place_claim_without_side_file(place *p)
{
    char command[200];

    snprintf(command, sizeof command, "mkdir -p %s/runs; touch %s/runs/unsaved",
             p->dir, p->dir);
    assert_int_equal(system(command), 0);
    return place_claim(p);
}

static inline lt_recorder *recorder_on(place *p, lt_claim *claim)
{
    lt_recorder *r = NULL;

    EXPECT_OK(p, lt_recorder_new(claim, &r, &p->err));
    return r;
}

static inline void record(lt_recorder *r, const char *name, int64_t step,
                          double value)
{
    assert_int_equal(lt_observe_metric(lt_recorder_observer(r), name, step,
                                       (double)step / 10, value, NULL),
                     LT_OK);
}

/* The first column of the first row as text; borrowed until the next call. */
static inline const char *place_ask(place *p, const char *sql)
{
    static char answer[4096];
    sqlite3_stmt *stmt = NULL;

    snprintf(answer, sizeof answer, "(no row)");
    if (sqlite3_prepare_v2(p->store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(p->store->db));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        snprintf(answer, sizeof answer, "%s",
                 sqlite3_column_type(stmt, 0) == SQLITE_NULL
                     ? "NULL"
                     : (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return answer;
}

#define EXPECT_SQL(p, sql, answer)                                             \
    assert_string_equal(place_ask(p, sql), answer)

#define EXPECT_TEXT(text, part)                                                \
    do {                                                                       \
        if (!strstr(text, part))                                               \
            fail_msg("'%s' lacks '%s'", text, part);                           \
    } while (0)

static inline int child_status(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

#endif
