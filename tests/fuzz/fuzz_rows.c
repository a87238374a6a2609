/* A store whose tables are latent's, and whose values are a stranger's: the
 * input says what is put into which column, and then every reader reads, the
 * verification too. This goes where fuzz_store rarely comes, as that one breaks
 * pages: into names, JSON, counts and kinds that nobody wrote.
 *
 * The input is the number of a reader and a list of changes, of at most
 * MOST_CHANGES: a byte that names a column (of all tables), one that says which
 * rows and which type of value, one for its size, the value. All happens in one
 * transaction that is rolled back, so that no file is written. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/bind/script.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/recorder.h"
#include "latent/store/replay.h"
#include "store/verify_int.h"

enum { MOST_COLUMNS = 256, MOST_CHANGES = 16, MOST_ROWS = 50 };

static char folder[64] = "/dev/shm/latent-fuzz-XXXXXX";
static lt_store *store;
static sqlite3_stmt *columns[MOST_COLUMNS]; /* UPDATE statements */
static int n_columns;

/* ---- the store ---- */

static void store_drop(void)
{
    char command[96];

    for (int i = 0; i < n_columns; i++)
        sqlite3_finalize(columns[i]);
    lt_store_close(store);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s: not removed\n", folder);
}

static void run_make(const lt_run_env *env)
{
    lt_claim *claim = NULL;
    lt_recorder *r = NULL;

    LT_ASSERT(lt_claim_next(store, 0, env, &claim, NULL) == LT_OK);
    LT_ASSERT(lt_recorder_new(claim, &r, NULL) == LT_OK);
    for (int i = 0; i < 3; i++)
        LT_ASSERT(lt_observe_metric(lt_recorder_observer(r), "test.sse", i, i,
                                    1.0 / (i + 1), NULL) == LT_OK);
    LT_ASSERT(lt_recorder_close(r, NULL) == LT_OK);
    LT_ASSERT(lt_claim_note(claim, "n", NULL) == LT_OK);
    LT_ASSERT(lt_claim_tag(claim, "a", NULL) == LT_OK);
    LT_ASSERT(lt_claim_artifact(claim, "f", "figure", "/dev/null", NULL) ==
              LT_OK);
    LT_ASSERT(lt_claim_end(claim, LT_RUN_FINISHED, "", NULL) == LT_OK);
}

static void sweep_make(void)
{
    lt_source_ref sources[] = {{.path = "a.lua"}, {.path = LT_LIMITS_SOURCE}};
    lt_queue_item items[] = {{"{\"code\":6,\"tie\":\"tied\"}", 1, "a"},
                             {"{\"code\":30,\"deep\":true}", 2, "b"},
                             {"{\"code\":30,\"deep\":[1]}", 2, "c"}};
    lt_sweep_spec spec = {
        .experiment = "e",
        .question = "?",
        .targets = "{}",
        .defaults = "{}",
        .command = "latent run a.lua",
        .sources = sources,
        .n_sources = 2,
        .git_commit = "",
        .git_diff_hex = "",
    };
    int64_t sweep = 0;
    int n = 0;

    LT_ASSERT(lt_store_put_source(store, "e", 1, sources[0].hex, NULL) ==
              LT_OK);
    LT_ASSERT(lt_store_put_source(store, "{\"sandbox\":true}", 16,
                                  sources[1].hex, NULL) == LT_OK);
    LT_ASSERT(lt_store_queue(store, &spec, items, 3, false, &sweep, &n, NULL) ==
              LT_OK);
}

/* Rows of one half: by what is in the first column. */
static void columns_find(void)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;

    LT_ASSERT(lt__db_open(store, &stmt, NULL,
                          "SELECT 'UPDATE OR REPLACE \"' || t.name || '\" SET "
                          "\"' || c.name || '\" = ?1 WHERE length(hex(\"' ||"
                          " f.name || '\")) % 4 <> ?2'"
                          " FROM sqlite_schema t, pragma_table_info(t.name) c,"
                          " pragma_table_info(t.name) f"
                          " WHERE t.type = 'table' AND f.cid = 0"
                          " AND t.name NOT LIKE 'sqlite%' ORDER BY 1",
                          "") == LT_OK);
    while (lt__db_next(store, stmt, &row, NULL) == LT_OK && row) {
        LT_ASSERT(n_columns < MOST_COLUMNS);
        LT_ASSERT(lt__db_open(store, &columns[n_columns++], NULL,
                              lt__db_text(stmt, 0), "") == LT_OK);
    }
    sqlite3_finalize(stmt);
}

static void store_make(void)
{
    lt_run_env env = {.threads = 1};
    char path[96];

    fuzz_sqlite_memory();
    if (access("/dev/shm", W_OK) != 0)
        strcpy(folder, "/tmp/latent-fuzz-XXXXXX");
    LT_ASSERT(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/latent.db", folder);
    LT_ASSERT(lt_store_open(path, LT_STORE_CREATE, &store, NULL) == LT_OK);
    atexit(store_drop);
    lt_host_describe(&env.host);
    sweep_make();
    run_make(&env);
    run_make(&env);
    columns_find();
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    LT_ASSERT(sqlite3_exec(store->db, "PRAGMA ignore_check_constraints = ON",
                           NULL, NULL, NULL) == SQLITE_OK);
}

/* ---- changes ---- */

static void value_bind(sqlite3_stmt *stmt, int type, const uint8_t *bytes,
                       size_t n)
{
    int64_t number = 0;
    double real;

    memcpy(&number, bytes, n < sizeof number ? n : sizeof number);
    memcpy(&real, &number, sizeof real);
    if (type == 0)
        sqlite3_bind_int64(stmt, 1, number);
    else if (type == 1)
        sqlite3_bind_double(stmt, 1, real);
    else if (type == 2)
        sqlite3_bind_blob(stmt, 1, bytes, (int)n, SQLITE_STATIC);
    else
        sqlite3_bind_text(stmt, 1, (const char *)bytes, (int)n, SQLITE_STATIC);
}

/* What a STRICT table refuses is no change. */
static void change_make(const uint8_t *head, const uint8_t *bytes, size_t n)
{
    sqlite3_stmt *stmt = columns[head[0] % n_columns];

    value_bind(stmt, head[1] & 3, bytes, n);
    sqlite3_bind_int(stmt, 2, head[1] & 4 ? 2 : 1);
    (void)sqlite3_step(stmt);
    sqlite3_reset(stmt);
}

static void changes_make(const uint8_t *data, size_t size)
{
    for (int i = 0; i < MOST_CHANGES && size > 3; i++) {
        size_t n = data[2];

        n = n < size - 3 ? n : size - 3;
        change_make(data, data + 3, n);
        data += 3 + n;
        size -= 3 + n;
    }
}

/* ---- readers; an error must have a message ---- */

static void query_read(lt_query *q)
{
    lt_err err = {0};
    lt_value v;
    bool row = true;

    for (int n = 0; row && n < MOST_ROWS; n++) {
        if (lt_query_next(q, &row, &err) != LT_OK) {
            LT_ASSERT(err.text[0]);
            return;
        }
        for (int i = 0; row && i < lt_query_columns(q); i++)
            lt_query_value(q, i, &v);
    }
}

static lt_filter *filter_make(void)
{
    lt_filter *f = NULL;
    lt_err err = {0};

    LT_ASSERT(lt_filter_compile(store, "code>=2 or test.sse<9 or tag=a", &f,
                                &err) == LT_OK ||
              err.text[0]);
    return f;
}

static void read_table(void)
{
    static const char *const names[] = {"id", "tags", "code", "test.sse"};
    const lt_table_spec spec = {names, 4, "-test.sse", 20};
    lt_filter *f = filter_make();
    lt_query *q = NULL;

    if (f && lt_filter_table(f, &spec, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
    lt_filter_free(f);
}

static void read_runs(void)
{
    lt_filter *f = filter_make();
    lt_query *q = NULL;

    if (f && lt_filter_open(f, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
    q = NULL;
    if (f && lt_filter_keys(f, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
    lt_filter_free(f);
}

static void view_read(const char *sql)
{
    lt_query *q = NULL;

    if (lt_query_open(store, sql, 1, &q, NULL) == LT_OK)
        query_read(q);
    lt_query_close(q);
}

static void read_views(void)
{
    view_read("SELECT * FROM metrics");
    view_read("SELECT * FROM sweeps");
    view_read("SELECT * FROM sources");
}

static void read_comparison(void)
{
    const lt_compare_opts opts = {0};
    lt_run_ref a = {store, 1}, b = {store, 2};
    lt_comparison c = {0};
    bool has;

    (void)lt_store_has_caught_up(&a, &b, &has, NULL);
    (void)lt_store_compare_runs(&a, &b, &opts, &c, NULL);
    lt_comparison_deinit(&c);
}

static void read_sources(void)
{
    lt_script_limits limits;
    lt_text name = {0}, body = {0};

    (void)lt_store_sweep_source(store, 1, 0, &name, &body, NULL);
    lt_text_deinit(&name);
    lt_text_deinit(&body);
    (void)lt_script_stored_limits(store, 1, &limits, NULL);
}

static void read_names(void)
{
    static const char *const names[] = {"@last", "@best(test.sse)", "r"};
    int counts[LT_RUN_STATUS_COUNT], n = 0;
    int64_t run = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)lt_store_find_run(store, names[i], &run, NULL);
    (void)lt_store_sweep_counts(store, 0, counts, NULL);
    store->mode = LT_STORE_READ; /* only looks */
    (void)lt_store_reap(store, &n, NULL);
    store->mode = LT_STORE_CREATE;
}

static void finding_check(void *self, const char *finding)
{
    (void)self;
    LT_ASSERT(finding[0] && !strpbrk(finding, "\n\r"));
}

typedef lt_status verify_part(lt__verify *v, lt_err *err);

/* A part: the whole wants a transaction of its own. */
static void verify_one(verify_part *part)
{
    const lt_verify_opts opts = {.tell = finding_check};
    lt_verify_report report = {0};
    lt__verify v = {.store = store, .opts = &opts, .out = &report};
    lt_err err = {0};

    LT_ASSERT(part(&v, &err) == LT_OK || err.text[0]);
    lt_text_deinit(&v.line);
}

static void verify_rows(void)
{
    verify_one(lt__verify_rows);
}

static void verify_series(void)
{
    verify_one(lt__verify_series);
}

static void verify_files(void)
{
    verify_one(lt__verify_sources);
    verify_one(lt__verify_artifacts);
    verify_one(lt__verify_folders);
}

static void verify_alive(void)
{
    verify_one(lt__verify_alive);
}

/* The first byte says which reader reads. */
static void (*const readers[])(void) = {
    read_table,   read_runs,   read_views,    read_comparison, read_names,
    read_sources, verify_rows, verify_series, verify_files,    verify_alive};
enum { N_READERS = sizeof readers / sizeof *readers };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!store)
        store_make();
    if (size == 0)
        return 0;
    LT_ASSERT(lt__db_begin(store, NULL) == LT_OK);
    changes_make(data + 1, size - 1);
    readers[data[0] % N_READERS]();
    LT_ASSERT(sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL) ==
              SQLITE_OK);
    return 0;
}
