/* The order of a verification, and what SQLite itself knows to check; see
 * latent/store/verify.h.
 *
 * What can only be judged together is read in one transaction, so that a live
 * run may go on writing. Files and locks come after it, since they are as they
 * are now: what looks wrong there is looked up once more in the store of that
 * moment before it is told.
 *
 * A check that damage keeps from its end tells so, and the next one begins:
 * one broken page must not hide a file that is gone. */
#include "store/verify_int.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- telling ---- */

void lt__verify_wrong(lt__verify *v, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) /* one line, whatever names say */
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    v->out->n_wrong++;
    v->opts->tell(v->opts->self, text);
}

bool lt__verify_wants(const lt__verify *v, int64_t run)
{
    int low = 0, high = v->opts->n_runs;

    if (!v->opts->runs)
        return true;
    while (low < high) {
        int middle = low + (high - low) / 2;

        if (v->opts->runs[middle] < run)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->opts->n_runs && v->opts->runs[low] == run;
}

/* ---- the database ---- */

static lt_status check_pages(lt__verify *v, bool tells, int *n, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    *n = 0;
    LT_TRY(lt__db_open(v->store, &stmt, err, "PRAGMA quick_check(20)", ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row) {
        if (sqlite3_stricmp(lt__db_text(stmt, 0), "ok") == 0)
            continue;
        ++*n;
        if (tells)
            lt__verify_wrong(v, "database: %s", lt__db_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* quick_check calls a page broken that it had no memory for, so what it finds
 * is told only when it finds it twice. */
lt_status lt__verify_pages(lt__verify *v, lt_err *err)
{
    int n = 0;

    LT_TRY(check_pages(v, false, &n, err));
    return n > 0 ? check_pages(v, true, &n, err) : LT_OK;
}

/* ---- rows that must agree ---- */

/* Tells a line for every row of `sql`, whose columns are what is named, a run
 * (or NULL) and more words. */
static lt_status tell_rows(lt__verify *v, const char *sql, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(v->store, &stmt, err, sql, ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        if (sqlite3_column_type(stmt, 0) == SQLITE_NULL ||
            lt__verify_wants(v, sqlite3_column_int64(stmt, 0)))
            lt__verify_wrong(v, "%s", lt__db_text(stmt, 1));
    sqlite3_finalize(stmt);
    return rc;
}

static const char foreign_keys[] =
    "SELECT DISTINCT NULL, 'table ' || \"table\" || ': a row of ' || parent"
    " || ' that it names is not there' FROM pragma_foreign_key_check";

/* Metrics have no foreign keys: the runs and names are found by leaps through
 * the table's order. */
static const char strays[] =
    "WITH RECURSIVE leap(id) AS (SELECT min(run) FROM metric UNION ALL"
    " SELECT (SELECT min(run) FROM metric WHERE run > leap.id) FROM leap"
    " WHERE leap.id IS NOT NULL)"
    " SELECT NULL, 'metrics of run ' || id || ', which is not there' FROM leap"
    " WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM run)";

static const char configs[] =
    "SELECT id, 'run ' || id || ': its config is no JSON object' FROM run"
    " WHERE NOT json_valid(config) OR json_type(config) <> 'object'";

/* SQLite reads some decimals one bit off. */
static const char knobs[] =
    "SELECT r.id, 'run ' || r.id || ': knob ' || j.key || ': view params says'"
    " || ' otherwise than its config'"
    " FROM run r, json_each(CASE WHEN json_valid(r.config) THEN CASE"
    "  json_type(r.config) WHEN 'object' THEN r.config ELSE '{}' END"
    "  ELSE '{}' END) j LEFT JOIN param_name k ON k.name = j.key"
    " LEFT JOIN param p ON p.run = r.id AND p.key = k.id"
    " WHERE p.type IS NOT j.type OR CASE j.type"
    "  WHEN 'text' THEN p.value IS NOT j.value"
    "  WHEN 'integer' THEN p.value IS NOT j.value"
    "  WHEN 'real' THEN abs(p.value - j.value) > 1e-12 * abs(j.value)"
    "  ELSE 0 END"
    " UNION ALL SELECT p.run, 'run ' || p.run || ': knob ' || k.name ||"
    " ': is not in its config' FROM param p JOIN param_name k ON k.id = p.key"
    " JOIN run r ON r.id = p.run WHERE json_valid(r.config) AND NOT EXISTS"
    " (SELECT 1 FROM json_each(r.config) j WHERE j.key = k.name)";

static const char ends[] =
    "SELECT id, 'run ' || id || ': ' || status || ', but it has no time of'"
    " || CASE WHEN started_at IS NULL THEN ' its start' ELSE ' its end' END"
    " FROM run WHERE status = 'finished' AND (started_at IS NULL"
    " OR ended_at IS NULL) OR status = 'running' AND started_at IS NULL";

lt_status lt__verify_rows(lt__verify *v, lt_err *err)
{
    static const char *const all[] = {foreign_keys, strays, configs, knobs,
                                      ends};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        LT_TRY(tell_rows(v, all[i], err));
    return LT_OK;
}

/* ---- all ---- */

typedef struct check {
    const char *name;
    lt_status (*run)(lt__verify *v, lt_err *err);
} check;

static lt_status run_checks(lt__verify *v, const check *checks, size_t n,
                            lt_err *err)
{
    for (size_t i = 0; i < n && !v->is_strange; i++) {
        lt_err own = {0};
        lt_status rc = checks[i].run(v, &own);
        int code = sqlite3_errcode(v->store->db) & 0xff;

        if (rc == LT_ESTORE && code != SQLITE_BUSY)
            lt__verify_wrong(v, "%s: not checked to the end: %s",
                             checks[i].name, own.text);
        else if (rc != LT_OK)
            return lt_err_set(err, rc, "%s",
                              own.text[0] ? own.text : lt_status_text(rc));
    }
    return LT_OK;
}

lt_status lt_store_verify(lt_store *store, const lt_verify_opts *opts,
                          lt_verify_report *out, lt_err *err)
{
    static const check together[] = {{"schema", lt__verify_schema},
                                     {"database", lt__verify_pages},
                                     {"rows", lt__verify_rows},
                                     {"metrics", lt__verify_series},
                                     {"sources", lt__verify_sources}};
    static const check outside[] = {{"running runs", lt__verify_alive},
                                    {"files", lt__verify_artifacts},
                                    {"folders", lt__verify_folders},
                                    {"side files", lt__verify_unsaved}};
    lt__verify v = {.store = store, .opts = opts, .out = out};
    lt_status rc;

    *out = (lt_verify_report){0};
    LT_TRY(lt__db_do(store, err, "BEGIN", ""));
    rc = lt__db_end(
        store,
        run_checks(&v, together, sizeof together / sizeof *together, err), err);
    if (rc == LT_OK && v.is_strange)
        lt__verify_wrong(&v, "the tables are not those that this program "
                             "knows: nothing else was checked");
    if (rc == LT_OK)
        rc = run_checks(&v, outside, sizeof outside / sizeof *outside, err);
    lt_text_deinit(&v.line);
    return rc;
}
