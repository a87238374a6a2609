/* A sweep becomes rows: the sweep, its sources, and one queued run a config,
 * in one transaction; see latent/store/store.h.
 *
 * A config is kept whole as JSON in the run, and knob by knob in `param`, so
 * that filters and tables find a value by an index. The numbers in `param`
 * come from our own JSON reader, whose decimals round correctly (SQLite's are
 * sometimes off by one bit), so that `rate=0.1` in a filter is found. */
#include "store/store_int.h"

#include <string.h>

typedef struct queue {
    lt_store *store;
    const lt_sweep_spec *spec;
    int64_t sweep, now;
    sqlite3_stmt *done, *run, *key, *param;
} queue;

static const char *spec_script(const lt_sweep_spec *spec)
{
    return spec->n_sources > 0 ? spec->sources[0].hex : "";
}

/* ---- which are done already ---- */

static lt_status done_open(lt_store *s, sqlite3_stmt **out, lt_err *err)
{
    return lt__db_open(s, out, err,
                       "SELECT 1 FROM runs WHERE config_hash = ? AND seed = ?"
                       " AND status = 'finished' AND config = ?"
                       " AND experiment = ? AND script_hash = ? LIMIT 1",
                       "");
}

static lt_status done_ask(lt_store *s, sqlite3_stmt *stmt,
                          const lt_sweep_spec *spec, const lt_queue_item *item,
                          bool *done, lt_err *err)
{
    lt_status rc = LT_OK;

    if (sqlite3_bind_text(stmt, 1, item->config_hash, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(stmt, 2, item->seed) ||
        sqlite3_bind_text(stmt, 3, item->config, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(stmt, 4, spec->experiment, -1, SQLITE_STATIC) ||
        sqlite3_bind_text(stmt, 5, spec_script(spec), -1, SQLITE_STATIC))
        rc = lt__db_fail(s, err);
    if (rc == LT_OK)
        rc = lt__db_next(s, stmt, done, err);
    sqlite3_reset(stmt);
    return rc;
}

lt_status lt_store_is_done(lt_store *store, const lt_sweep_spec *spec,
                           const lt_queue_item *item, bool *done, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    lt_status rc = done_open(store, &stmt, err);

    if (rc == LT_OK)
        rc = done_ask(store, stmt, spec, item, done, err);
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- knobs ---- */

static const char *const type_names[] = {
    [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "text",
    [JSON_INTEGER] = "integer", [JSON_REAL] = "real",   [JSON_TRUE] = "true",
    [JSON_FALSE] = "false",     [JSON_NULL] = "null",
};

/* Binds `value` as the fourth value of `stmt`. */
static lt_status param_bind(queue *q, const json_t *value, lt_err *err)
{
    lt_text text = {0};
    int rc = SQLITE_OK;

    switch (json_typeof(value)) {
    case JSON_STRING:
        rc = sqlite3_bind_text64(q->param, 4, json_string_value(value),
                                 json_string_length(value), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
        break;
    case JSON_INTEGER:
        rc = sqlite3_bind_int64(q->param, 4, json_integer_value(value));
        break;
    case JSON_REAL:
        rc = sqlite3_bind_double(q->param, 4, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        rc = sqlite3_bind_int64(q->param, 4, json_is_true(value));
        break;
    case JSON_NULL:
        rc = sqlite3_bind_null(q->param, 4);
        break;
    default:
        LT_TRY(lt_json_dump(value, &text, err));
        rc = sqlite3_bind_text64(q->param, 4, lt_text_str(&text), text.size,
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
        lt_text_deinit(&text);
    }
    return rc == SQLITE_OK ? LT_OK : lt__db_fail(q->store, err);
}

static lt_status queue_param(queue *q, int64_t run, const char *key,
                             const json_t *value, lt_err *err)
{
    LT_TRY(lt__db_again(q->store, q->key, err, "t", key));
    LT_TRY(param_bind(q, value, err));
    return lt__db_again(q->store, q->param, err, "tit", key, run,
                        type_names[json_typeof(value)]);
}

static lt_status queue_config(queue *q, int64_t run, const json_t *config,
                              lt_err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(config))
        return lt_err_set(err, LT_EINVAL,
                          "config of run %lld: wanted a JSON object",
                          (long long)run);
    json_object_foreach((json_t *)config, key, value)
        LT_TRY(queue_param(q, run, key, value, err));
    return LT_OK;
}

static lt_status params_open(queue *q, lt_err *err)
{
    LT_TRY(lt__db_open(q->store, &q->key, err,
                       "INSERT OR IGNORE INTO param_name (name) VALUES (?)",
                       ""));
    return lt__db_open(q->store, &q->param, err,
                       "INSERT INTO param (key, run, type, value) VALUES"
                       " ((SELECT id FROM param_name WHERE name = ?), ?, ?, ?)",
                       "");
}

static lt_status params_add(queue *q, int64_t run, const char *text,
                            lt_err *err)
{
    json_t *config = NULL;
    char what[64];
    lt_status rc;

    sqlite3_snprintf((int)sizeof what, what, "config of run %lld", run);
    LT_TRY(lt_json_parse(text, strlen(text), what, &config, err));
    rc = queue_config(q, run, config, err);
    json_decref(config);
    return rc;
}

lt_status lt__params_add(lt_store *s, int64_t run, const char *config,
                         lt_err *err)
{
    queue q = {.store = s};
    lt_status rc = params_open(&q, err);

    if (rc == LT_OK)
        rc = params_add(&q, run, config, err);
    sqlite3_finalize(q.key);
    sqlite3_finalize(q.param);
    return rc;
}

/* ---- rows ---- */

static lt_status queue_run(queue *q, const lt_queue_item *item, lt_err *err)
{
    char name[LT__NAME_SIZE], uuid[LT__UUID_SIZE];

    LT_TRY(lt__random_name(name, err));
    LT_TRY(lt__random_uuid(uuid, err));
    LT_TRY(lt__db_again(q->store, q->run, err, "ttiitti", uuid, name, q->sweep,
                        item->seed, item->config, item->config_hash, q->now));
    return params_add(q, sqlite3_last_insert_rowid(q->store->db), item->config,
                      err);
}

static lt_status queue_sources(queue *q, lt_err *err)
{
    const lt_sweep_spec *spec = q->spec;

    for (int i = 0; i < spec->n_sources; i++)
        LT_TRY(lt__db_do(q->store, err,
                         "INSERT INTO sweep_source VALUES (?, ?, ?, ?)", "iitt",
                         q->sweep, (int64_t)i, spec->sources[i].path,
                         spec->sources[i].hex));
    return LT_OK;
}

static lt_status json_check(const char *text, const char *what, lt_err *err)
{
    json_t *value = NULL;

    LT_TRY(lt_json_parse(text, strlen(text), what, &value, err));
    json_decref(value);
    return LT_OK;
}

static lt_status queue_sweep(queue *q, lt_err *err)
{
    const lt_sweep_spec *spec = q->spec;
    char uuid[LT__UUID_SIZE];

    LT_TRY(json_check(spec->targets, "targets of the sweep", err));
    LT_TRY(json_check(spec->defaults, "defaults of the sweep", err));
    LT_TRY(lt__random_uuid(uuid, err));
    LT_TRY(lt__db_do(q->store, err,
                     "INSERT INTO sweep (uuid, experiment, question, targets,"
                     " defaults, command, script, script_hash, git_commit,"
                     " git_diff, created_at)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "tttttttttti", uuid, spec->experiment, spec->question,
                     spec->targets, spec->defaults, spec->command,
                     spec->n_sources > 0 ? spec->sources[0].path : "",
                     spec_script(spec), spec->git_commit, spec->git_diff_hex,
                     q->now));
    q->sweep = sqlite3_last_insert_rowid(q->store->db);
    return queue_sources(q, err);
}

static lt_status queue_prepare(queue *q, lt_err *err)
{
    lt_store *s = q->store;

    LT_TRY(done_open(s, &q->done, err));
    LT_TRY(lt__db_open(s, &q->run, err,
                       "INSERT INTO run (uuid, name, sweep, status, seed,"
                       " config, config_hash, queued_at)"
                       " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?)",
                       ""));
    return params_open(q, err);
}

static lt_status queue_all(queue *q, const lt_queue_item *items, int n,
                           bool needed, int *n_queued, lt_err *err)
{
    LT_TRY(queue_prepare(q, err));
    LT_TRY(queue_sweep(q, err));
    for (int i = 0; i < n; i++) {
        bool done = false;

        if (needed)
            LT_TRY(done_ask(q->store, q->done, q->spec, &items[i], &done, err));
        if (!done) {
            LT_TRY(queue_run(q, &items[i], err));
            ++*n_queued;
        }
    }
    return LT_OK;
}

lt_status lt_store_queue(lt_store *store, const lt_sweep_spec *spec,
                         const lt_queue_item *items, int n, bool needed,
                         int64_t *sweep, int *n_queued, lt_err *err)
{
    queue q = {.store = store, .spec = spec, .now = lt__now_ms()};
    int count = 0;
    lt_status rc;

    LT_TRY(lt__db_begin(store, err));
    rc = queue_all(&q, items, n, needed, &count, err);
    if (rc == LT_OK && count > 0 && spec->allow)
        rc = spec->allow(spec->allow_self, store, spec->experiment, count, err);
    sqlite3_finalize(q.done);
    sqlite3_finalize(q.run);
    sqlite3_finalize(q.key);
    sqlite3_finalize(q.param);
    if (rc == LT_OK && count == 0) {
        q.sweep = 0; /* all done before: no sweep without runs */
        lt__db_end(store, LT_EINVAL, NULL);
    } else {
        rc = lt__db_end(store, rc, err);
    }
    if (rc == LT_OK) {
        *sweep = q.sweep;
        *n_queued = count;
    }
    return rc;
}

lt_status lt_store_sweep_counts(lt_store *store, int64_t sweep,
                                int counts[LT_RUN_STATUS_COUNT], lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    char sql[160];
    lt_status rc;

    for (int i = 0; i < LT_RUN_STATUS_COUNT; i++)
        counts[i] = 0;
    sqlite3_snprintf(
        (int)sizeof sql, sql,
        "SELECT status, count(*) FROM run WHERE %s%s"
        " GROUP BY status",
        sweep ? "sweep = ?" : "id != ?",
        store->version < 2 ? "" : " AND id NOT IN (SELECT run FROM removed)");
    LT_TRY(lt__db_open(store, &stmt, err, sql, "i", sweep));
    while ((rc = lt__db_next(store, stmt, &row, err)) == LT_OK && row) {
        int status = lt_run_status_find(lt__db_text(stmt, 0));

        if (status >= 0)
            counts[status] = sqlite3_column_int(stmt, 1);
    }
    sqlite3_finalize(stmt);
    return rc;
}
