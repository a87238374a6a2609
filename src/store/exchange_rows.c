/* The rows of a run on their way to another store.
 *
 * Values go from one connection's columns to the other's statements; there is
 * no ATTACH, so that nothing of a stranger's schema is ever part of ours. What
 * the program relies on is not believed but made again: knobs from the config,
 * summaries from the points, hashes from what is hashed. Ids, and the numbers
 * of names and machines, are this store's own. */
#include "store/exchange_int.h"

#include <string.h>

/* ---- the sweep ---- */

enum {
    S_UUID,
    S_EXPERIMENT,
    S_QUESTION,
    S_TARGETS,
    S_DEFAULTS,
    S_COMMAND,
    S_SCRIPT,
    S_SCRIPT_HASH,
    S_COMMIT,
    S_DIFF,
    S_CREATED,
    S_COLUMNS,
};

static lt_status bind_columns(lt__take *t, sqlite3_stmt *to, int first,
                              sqlite3_stmt *from, int n, lt_err *err)
{
    for (int i = 0; i < n; i++)
        if (sqlite3_bind_value(to, first + i, sqlite3_column_value(from, i)) !=
            SQLITE_OK)
            return lt__db_fail(t->to, err);
    return LT_OK;
}

static lt_status check_object(const char *text, const char *what, lt_err *err)
{
    json_t *value = NULL;
    bool is_object;

    LT_TRY(lt_json_parse(text, strlen(text), what, &value, err));
    is_object = json_is_object(value);
    json_decref(value);
    return is_object
               ? LT_OK
               : lt_err_set(err, LT_EFORMAT, "%s: wanted a JSON object", what);
}

static lt_status take_source(lt__take *t, const char *hash, lt_err *err)
{
    lt_status rc = lt__source_copy(t->from, hash, t->to, err);

    if (rc == LT_OK)
        t->out->sources += sqlite3_changes(t->to->db);
    return rc == LT_OK || rc == LT_ENOMEM || !err
               ? rc
               : (err->status = LT_EFORMAT); /* missing, or another text */
}

/* The script is the first of the sources, and its hash the sweep's. */
static lt_status take_sources(lt__take *t, int64_t sweep, const char *script,
                              lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true, has_script = false;
    lt_status rc;

    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT position, path, hash FROM sweep_source"
                       " WHERE sweep = ? ORDER BY position",
                       "i", t->sweep));
    while ((rc = lt__db_next(t->from, stmt, &row, err)) == LT_OK && row) {
        const char *hash = lt__db_text(stmt, 2);

        has_script |=
            sqlite3_column_int64(stmt, 0) == 0 && strcmp(hash, script) == 0;
        rc = take_source(t, hash, err);
        if (rc == LT_OK)
            rc = lt__db_do(t->to, err,
                           "INSERT INTO sweep_source VALUES (?, ?, ?, ?)",
                           "iitt", sweep, sqlite3_column_int64(stmt, 0),
                           lt__db_text(stmt, 1), hash);
        if (rc != LT_OK)
            break;
    }
    sqlite3_finalize(stmt);
    if (rc == LT_OK && !has_script)
        return lt_err_set(err, LT_EFORMAT,
                          "the script of its sweep is not among the sources");
    return rc;
}

static lt_status sweep_insert(lt__take *t, sqlite3_stmt *row, int64_t *sweep,
                              lt_err *err)
{
    const char *diff = lt__db_text(row, S_DIFF);
    sqlite3_stmt *stmt = NULL;
    bool again = false;
    lt_status rc;

    LT_TRY(
        check_object(lt__db_text(row, S_TARGETS), "targets of the sweep", err));
    LT_TRY(check_object(lt__db_text(row, S_DEFAULTS), "defaults of the sweep",
                        err));
    if (*diff)
        LT_TRY(take_source(t, diff, err));
    LT_TRY(lt__db_open(t->to, &stmt, err,
                       "INSERT INTO sweep (uuid, experiment, question, targets,"
                       " defaults, command, script, script_hash, git_commit,"
                       " git_diff, created_at)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       ""));
    rc = bind_columns(t, stmt, 1, row, S_COLUMNS, err);
    if (rc == LT_OK)
        rc = lt__db_next(t->to, stmt, &again, err);
    sqlite3_finalize(stmt);
    *sweep = sqlite3_last_insert_rowid(t->to->db);
    return rc == LT_OK
               ? take_sources(t, *sweep, lt__db_text(row, S_SCRIPT_HASH), err)
               : rc;
}

static lt_status sweep_find(lt__take *t, sqlite3_stmt *row, int64_t *sweep,
                            lt_err *err)
{
    int64_t same = 0;

    LT_TRY(lt__db_integer(t->to, sweep, err,
                          "SELECT id FROM sweep WHERE uuid = ?", "t",
                          lt__db_text(row, S_UUID)));
    if (*sweep == 0)
        return sweep_insert(t, row, sweep, err);
    LT_TRY(lt__db_integer(t->to, &same, err,
                          "SELECT 1 FROM sweep WHERE id = ? AND experiment = ?"
                          " AND script_hash = ?",
                          "itt", *sweep, lt__db_text(row, S_EXPERIMENT),
                          lt__db_text(row, S_SCRIPT_HASH)));
    return same ? LT_OK
                : lt_err_set(err, LT_EFORMAT,
                             "its sweep (%.36s) is here, with another script",
                             lt__db_text(row, S_UUID));
}

static lt_status take_sweep(lt__take *t, int64_t *sweep, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT uuid, experiment, question, targets, defaults,"
                       " command, script, script_hash, git_commit, git_diff,"
                       " created_at FROM sweep WHERE id = ?",
                       "i", t->sweep));
    rc = lt__db_next(t->from, stmt, &row, err);
    if (rc == LT_OK && !row)
        rc = lt_err_set(err, LT_EFORMAT, "its sweep is not there");
    if (rc == LT_OK)
        rc = sweep_find(t, stmt, sweep, err);
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- the run ---- */

#define COLUMNS                                                                \
    "seed, config, config_hash, message, queued_at, started_at, ended_at,"     \
    " seconds, cpu_seconds, threads, boot_id, pid, pid_start, data, network,"  \
    " parameters, examples_per_second"
#define VALUES                                                                 \
    "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"             \
    " ?19, ?20, ?21, ?22"
enum { N_COLUMNS = 17, R_CONFIG = 1, R_MACHINE = N_COLUMNS };

static lt_status take_machine(lt__take *t, sqlite3_stmt *row, int64_t *machine,
                              lt_err *err)
{
    lt_run_env env = {.host.cores = sqlite3_column_int(row, R_MACHINE + 4)};
    char *const texts[] = {env.host.name,  env.host.cpu, env.host.system,
                           env.host.build, NULL,         env.blas_core,
                           env.isa};
    const int sizes[] = {sizeof env.host.name,
                         sizeof env.host.cpu,
                         sizeof env.host.system,
                         sizeof env.host.build,
                         0,
                         sizeof env.blas_core,
                         sizeof env.isa};

    if (sqlite3_column_type(row, R_MACHINE) == SQLITE_NULL)
        return LT_OK;
    for (int i = 0; i < 7; i++)
        if (texts[i])
            sqlite3_snprintf(sizes[i], texts[i], "%s",
                             lt__db_text(row, R_MACHINE + i));
    return lt__machine_id(t->to, &env, machine, err);
}

/* A name is for people, and drawn at random: taken, it is drawn again. */
static lt_status choose_name(lt__take *t, lt_err *err)
{
    char name[LT__NAME_SIZE];
    int64_t is_taken = 1;

    memcpy(name, t->name, sizeof name);
    for (;;) {
        is_taken = 0;
        LT_TRY(lt__db_integer(t->to, &is_taken, err,
                              "SELECT 1 FROM run WHERE name = ?", "t", name));
        if (!is_taken)
            break;
        LT_TRY(lt__random_name(name, err));
    }
    if (strcmp(name, t->name) != 0)
        lt__take_tell(t, "run %s is called %s here: another run has its name",
                      t->name, name);
    memcpy(t->name, name, sizeof name);
    return LT_OK;
}

static lt_status run_write(lt__take *t, sqlite3_stmt *row, lt_err *err)
{
    bool is_new = t->status_here < 0, again = false;
    int64_t machine = 0, sweep = 0;
    sqlite3_stmt *stmt = NULL;
    lt_status rc;

    LT_TRY(check_object(lt__db_text(row, R_CONFIG), "its config", err));
    LT_TRY(take_sweep(t, &sweep, err));
    LT_TRY(take_machine(t, row, &machine, err));
    if (is_new)
        LT_TRY(choose_name(t, err));
    LT_TRY(lt__db_open(
        t->to, &stmt, err,
        is_new ? "INSERT INTO run (id, uuid, name, sweep, machine, status,"
                 " " COLUMNS ") VALUES (nullif(?1, 0), ?2, ?3, ?4,"
                 " nullif(?5, 0), 'queued', " VALUES ")"
               : "UPDATE run SET (machine, status, " COLUMNS ") ="
                 " (nullif(?5, 0), 'queued', " VALUES ") WHERE id = ?1",
        "ittii", t->here, t->uuid, t->name, sweep, machine));
    rc = bind_columns(t, stmt, 6, row, N_COLUMNS, err);
    if (rc == LT_OK)
        rc = lt__db_next(t->to, stmt, &again, err);
    sqlite3_finalize(stmt);
    if (is_new && rc == LT_OK)
        t->here = sqlite3_last_insert_rowid(t->to->db);
    return rc == LT_OK
               ? lt__params_add(t->to, t->here, lt__db_text(row, R_CONFIG), err)
               : rc;
}

/* What a run that went further there has here. */
static lt_status run_empty(lt__take *t, lt_err *err)
{
    static const char *const tables[] = {"metric", "series", "artifact",
                                         "param", "divergence"};
    char sql[64];

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        sqlite3_snprintf((int)sizeof sql, sql, "DELETE FROM %s WHERE run = ?",
                         tables[i]);
        LT_TRY(lt__db_do(t->to, err, sql, "i", t->here));
    }
    return LT_OK;
}

/* Tables of schema 2 with a row for some runs. */
static lt_status take_marks(lt__take *t, lt_err *err)
{
    static const char *const reads[] = {
        "SELECT step, layer, what FROM divergence WHERE run = ?",
        "SELECT at FROM removed WHERE run = ?",
    };
    static const char *const writes[] = {
        "INSERT INTO divergence (run, step, layer, what) VALUES (?, ?, ?, ?)",
        "INSERT OR IGNORE INTO removed (run, at) VALUES (?, ?)",
    };
    static const int n_columns[] = {3, 1};
    /* A run that is here keeps whether it is removed. */
    int n = t->from->version < 2 ? 0 : t->status_here < 0 ? 2 : 1;
    lt_status rc = LT_OK;

    for (int i = 0; rc == LT_OK && i < n; i++) {
        sqlite3_stmt *from = NULL, *to = NULL;
        bool row = false;

        rc = lt__db_open(t->from, &from, err, reads[i], "i", t->there);
        if (rc == LT_OK)
            rc = lt__db_next(t->from, from, &row, err);
        if (rc == LT_OK && row)
            rc = lt__db_open(t->to, &to, err, writes[i], "i", t->here);
        if (rc == LT_OK && row)
            rc = bind_columns(t, to, 2, from, n_columns[i], err);
        if (rc == LT_OK && row)
            rc = lt__db_next(t->to, to, &row, err);
        sqlite3_finalize(from);
        sqlite3_finalize(to);
    }
    return rc;
}

lt_status lt__take_rows(lt__take *t, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    if (t->status_here >= 0)
        LT_TRY(run_empty(t, err));
    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT " COLUMNS ", m.name, m.cpu, m.system, m.build,"
                       " m.cores, m.blas_core, m.isa"
                       " FROM run r LEFT JOIN machine m ON m.id = r.machine"
                       " WHERE r.id = ?",
                       "i", t->there));
    rc = lt__db_next(t->from, stmt, &row, err);
    if (rc == LT_OK && row)
        rc = run_write(t, stmt, err);
    sqlite3_finalize(stmt);
    if (rc == LT_OK)
        rc = lt__take_points(t, err);
    return rc == LT_OK ? take_marks(t, err) : rc;
}

/* ---- the end ---- */

static lt_status take_artifact(lt__take *t, const lt__parcel *p, lt_err *err)
{
    lt_text path = {0}, dir = {0};
    lt_status rc = LT_ENOMEM;

    lt_store_run_dir(t->to, t->here, &dir);
    if (t->packs)
        lt_text_addf(&path, "runs/%lld/%s", (long long)t->here, p->rest);
    else
        lt_text_addf(&path, "%s/%s",
                     lt__store_relative(t->to, lt_text_str(&dir)), p->rest);
    if (!path.failed && !dir.failed)
        rc = lt__db_do(t->to, err,
                       "INSERT INTO artifact VALUES (?, ?, ?, ?, ?, ?, ?)",
                       "ittttii", t->here, p->name, p->kind, path.data, p->hash,
                       p->bytes, p->added_at);
    lt_text_deinit(&dir);
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

lt_status lt__take_seal(lt__take *t, lt_err *err)
{
    for (int i = 0; i < t->n_parcels; i++)
        if (t->parcels[i].is_sound)
            LT_TRY(take_artifact(t, &t->parcels[i], err));
    if (t->status_here < 0)
        LT_TRY(lt__db_do(t->to, err,
                         "INSERT INTO packed (run, path, part, body)"
                         " VALUES (?, '', 0, CAST(? AS BLOB))",
                         "it", t->here,
                         t->packs ? LT__PACKED_INSIDE : LT__PACKED_BESIDE));
    return lt__db_do(t->to, err, "UPDATE run SET status = ? WHERE id = ?", "ti",
                     lt_run_status_name((lt_run_status)t->status), t->here);
}

/* ---- notes and tags ---- */

typedef struct words {
    const char *read, *ask, *write;
} words;

/* Notes are told apart by time and text, but for those of a run that is new
 * here, of which none is left out. */
static const words kinds[] = {
    {"SELECT tag, 0 FROM tag WHERE run = ? ORDER BY tag",
     "SELECT 1 FROM tag WHERE run = ?1 AND tag = ?2",
     "INSERT OR IGNORE INTO tag (run, tag) VALUES (?1, ?2)"},
    {"SELECT text, at FROM note WHERE run = ? ORDER BY id",
     "SELECT 1 FROM note WHERE run = ?1 AND text = ?2 AND at = ?3",
     "INSERT INTO note (run, text, at) VALUES (?1, ?2, ?3)"},
};

static lt_status take_word(lt__take *t, const words *w, sqlite3_stmt *row,
                           bool write, int *n, lt_err *err)
{
    const char *text = lt__db_text(row, 0), *types = w == kinds ? "it" : "iti";
    int64_t at = sqlite3_column_int64(row, 1), is_here = 0;

    if (t->status_here >= 0)
        LT_TRY(lt__db_integer(t->to, &is_here, err, w->ask, types, t->here,
                              text, at));
    if (is_here)
        return LT_OK;
    ++*n;
    return write ? lt__db_do(t->to, err, w->write, types, t->here, text, at)
                 : LT_OK;
}

lt_status lt__take_words(lt__take *t, bool write, int *n, lt_err *err)
{
    lt_status rc = LT_OK;

    *n = 0;
    for (int i = 0; rc == LT_OK && i < 2; i++) {
        sqlite3_stmt *stmt = NULL;
        bool row = true;

        rc = lt__db_open(t->from, &stmt, err, kinds[i].read, "i", t->there);
        while (rc == LT_OK) {
            rc = lt__db_next(t->from, stmt, &row, err);
            if (rc != LT_OK || !row)
                break;
            rc = take_word(t, &kinds[i], stmt, write, n, err);
        }
        sqlite3_finalize(stmt);
    }
    return rc;
}

/* ---- two of one uuid ---- */

#define QUEUED                                                                 \
    "SELECT r.seed || ' ' || r.config || ' ' || s.uuid || ' ' || "             \
    "s.script_hash"
#define RESULTS                                                                \
    " || (SELECT count(*) || ' ' || coalesce(sum(n), 0) FROM series"           \
    "  WHERE run = r.id) || ' ' || coalesce((SELECT group_concat(x, ' ') FROM" \
    "  (SELECT k.name || '=' || coalesce(printf('%!.17g', f.last), 'nan')"     \
    "    AS x FROM series f JOIN metric_name k ON k.id = f.name"               \
    "    WHERE f.run = r.id ORDER BY k.name)), '')"
#define OF_RUN " FROM run r JOIN sweep s ON s.id = r.sweep WHERE r.id = ?"

static lt_status describe(lt_store *s, const char *sql, int64_t run,
                          lt_text *out, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, sql, "i", run));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row)
        lt_text_add(out, lt__db_text(stmt, 0));
    sqlite3_finalize(stmt);
    return rc == LT_OK && out->failed ? lt_err_mark(err, LT_ENOMEM) : rc;
}

static lt_status compare(lt__take *t, const char *sql, bool *same, lt_err *err)
{
    lt_text there = {0}, here = {0};
    lt_status rc = describe(t->from, sql, t->there, &there, err);

    if (rc == LT_OK)
        rc = describe(t->to, sql, t->here, &here, err);
    *same = strcmp(lt_text_str(&there), lt_text_str(&here)) == 0;
    lt_text_deinit(&there);
    lt_text_deinit(&here);
    return rc;
}

lt_status lt__take_is_same(lt__take *t, bool *same, lt_err *err)
{
    return compare(t, QUEUED OF_RUN, same, err);
}

lt_status lt__take_agrees(lt__take *t, bool *agrees, lt_err *err)
{
    return compare(t, QUEUED RESULTS OF_RUN, agrees, err);
}
