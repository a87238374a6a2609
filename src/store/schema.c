/* The schema: all of its SQL text, and how a file comes to have it.
 *
 * user_version counts schemas; migration n makes version n of version n - 1
 * and is never changed once released. All that are missing are applied in one
 * BEGIN IMMEDIATE transaction which first reads user_version again, so that
 * any number of processes may open a new file at once and none sees half of
 * it. The views are the stable face (names and order of columns stay); tables
 * are internal.
 *
 * Times are stored as milliseconds since 1970 UTC (`*_at`), those of metrics
 * as milliseconds since their run started (`elapsed`): small integers. Views
 * give times as ISO 8601 text in UTC with milliseconds.
 *
 * No CHECK (json_valid(..)): with an untrusted schema SQLite allows only
 * harmless functions there, and 3.40 does not count JSON's among them. The
 * writer parses what it stores.
 *
 * `metric` has no foreign key, which would cost a look-up a row; a trigger
 * empties it when a run goes. */
#include "store/store_int.h"

#include "latent/base/clock.h"

#include <time.h>

static const char tables_1[] =
    "CREATE TABLE source ("
    " hash TEXT PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL,"
    " added_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE sweep ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
    " experiment TEXT NOT NULL, question TEXT NOT NULL,"
    " targets TEXT NOT NULL,"
    " defaults TEXT NOT NULL,"
    " command TEXT NOT NULL, script TEXT NOT NULL, script_hash TEXT NOT NULL,"
    " git_commit TEXT NOT NULL, git_diff TEXT NOT NULL,"
    " created_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE sweep_source ("
    " sweep INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, path TEXT NOT NULL,"
    " hash TEXT NOT NULL REFERENCES source(hash),"
    " PRIMARY KEY (sweep, position)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE machine ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL, cpu TEXT NOT NULL,"
    " system TEXT NOT NULL, build TEXT NOT NULL, cores INTEGER NOT NULL,"
    " blas_core TEXT NOT NULL, isa TEXT NOT NULL,"
    " UNIQUE (name, cpu, system, build, cores, blas_core, isa)) STRICT;"

    "CREATE TABLE run ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " sweep INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,"
    " status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'finished',"
    "  'failed', 'diverged', 'interrupted', 'lost', 'pruned')),"
    " seed INTEGER NOT NULL,"
    " config TEXT NOT NULL,"
    " config_hash TEXT NOT NULL, message TEXT NOT NULL DEFAULT '',"
    " queued_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER,"
    " seconds REAL, cpu_seconds REAL,"
    " machine INTEGER REFERENCES machine(id), threads INTEGER,"
    " boot_id TEXT, pid INTEGER, pid_start INTEGER,"
    " data TEXT, network TEXT, parameters INTEGER,"
    " examples_per_second REAL) STRICT;"
    "CREATE INDEX run_sweep ON run (sweep);"
    "CREATE INDEX run_queued ON run (sweep, id) WHERE status = 'queued';"
    "CREATE INDEX run_running ON run (id) WHERE status = 'running';"
    "CREATE INDEX run_finished ON run (config_hash, seed)"
    " WHERE status = 'finished';"

    /* value: 1 and 0 for booleans, JSON text for arrays and objects. */
    "CREATE TABLE param_name ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE param ("
    " key INTEGER NOT NULL REFERENCES param_name(id),"
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " type TEXT NOT NULL, value ANY,"
    " PRIMARY KEY (key, run)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX param_run ON param (run);"

    /* seq counts the points of a series, so that none ever replaces another.
     * kind: 0 finite, 1 nan (value NULL), 2 +inf, 3 -inf. */
    "CREATE TABLE metric_name ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE metric ("
    " run INTEGER NOT NULL, name INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " step INTEGER NOT NULL, epoch REAL, value REAL, kind INTEGER NOT NULL,"
    " elapsed INTEGER NOT NULL,"
    " PRIMARY KEY (run, name, seq)) STRICT, WITHOUT ROWID;"

    /* What `finals` shows, kept in the transaction that writes the points.
     * min and max are of finite values. */
    "CREATE TABLE series ("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " name INTEGER NOT NULL REFERENCES metric_name(id),"
    " n INTEGER NOT NULL, nonfinite INTEGER NOT NULL,"
    " first REAL, first_step INTEGER NOT NULL,"
    " last REAL, last_step INTEGER NOT NULL, last_epoch REAL,"
    " last_kind INTEGER NOT NULL, last_elapsed INTEGER NOT NULL,"
    " min REAL, min_step INTEGER, max REAL, max_step INTEGER,"
    " bad_step INTEGER,"
    " PRIMARY KEY (run, name)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE artifact ("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL,"
    " sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,"
    " added_at INTEGER NOT NULL,"
    " PRIMARY KEY (run, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE note ("
    " id INTEGER PRIMARY KEY,"
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE INDEX note_run ON note (run);"
    "CREATE TABLE tag ("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " tag TEXT NOT NULL, PRIMARY KEY (run, tag)) STRICT, WITHOUT ROWID;";

/* clang-format off */
#define FROZEN(when, table, run)                                               \
    "CREATE TRIGGER " table "_frozen_" when " BEFORE " when " ON " table       \
    " WHEN (SELECT status FROM run WHERE id = " run ") = 'finished'"           \
    " BEGIN SELECT RAISE(ABORT, 'a finished run is frozen'); END;"

static const char triggers_1[] =
    "CREATE TRIGGER run_frozen BEFORE UPDATE ON run"
    " WHEN old.status = 'finished'"
    " BEGIN SELECT RAISE(ABORT, 'a finished run is frozen'); END;"
    FROZEN("insert", "series", "new.run")
    FROZEN("update", "series", "new.run")
    FROZEN("insert", "artifact", "new.run")
    FROZEN("update", "artifact", "new.run")
    "CREATE TRIGGER run_deleted AFTER DELETE ON run"
    " BEGIN DELETE FROM metric WHERE run = old.id; END;";
/* clang-format on */

/* clang-format off */
#define ISO(ms)                                                                \
    "strftime('%Y-%m-%dT%H:%M:%fZ', (" ms ") / 1000.0, 'unixepoch')"
#define KIND(k)                                                                \
    "CASE " k " WHEN 0 THEN 'finite' WHEN 1 THEN 'nan' WHEN 2 THEN '+inf'"     \
    " ELSE '-inf' END"

/* LEFT JOIN, so that SQLite leaves out a table none of whose columns is
 * asked for. */
static const char views_1[] =
    "CREATE VIEW runs AS SELECT r.id AS id, s.experiment AS experiment,"
    " r.sweep AS sweep, r.status AS status, r.seed AS seed,"
    " r.config AS config, r.message AS message,"
    " " ISO("r.started_at") " AS started_at,"
    " " ISO("r.ended_at") " AS ended_at,"
    " r.seconds AS seconds, m.name AS host, s.git_commit AS git_commit,"
    " s.script AS script,"
    " r.name AS name, s.question AS question, s.command AS command,"
    " (SELECT group_concat(t.tag, ',') FROM tag t WHERE t.run = r.id) AS tags,"
    " r.parameters AS parameters, r.cpu_seconds AS cpu_seconds,"
    " r.examples_per_second AS examples_per_second, r.threads AS threads,"
    " m.blas_core AS blas_core, m.isa AS isa, m.cpu AS cpu, m.cores AS cores,"
    " m.system AS system, m.build AS build, r.data AS data,"
    " r.network AS network, s.script_hash AS script_hash,"
    " s.git_diff AS git_diff, r.config_hash AS config_hash,"
    " " ISO("r.queued_at") " AS queued_at, r.pid AS pid,"
    " r.boot_id AS boot_id, r.uuid AS uuid"
    " FROM run r LEFT JOIN sweep s ON s.id = r.sweep"
    " LEFT JOIN machine m ON m.id = r.machine;"

    /* type is JSON's: text, integer, real, true, false, null, array, object */
    "CREATE VIEW params AS SELECT p.run AS run, k.name AS key,"
    " p.value AS value, p.type AS type"
    " FROM param p JOIN param_name k ON k.id = p.key;"

    /* elapsed is in seconds since the run started; at is a time of day. */
    "CREATE VIEW metrics AS SELECT m.run AS run, k.name AS name,"
    " m.step AS step, m.epoch AS epoch, m.value AS value,"
    " " ISO("r.started_at + m.elapsed") " AS at, " KIND("m.kind") " AS kind,"
    " m.seq AS seq, m.elapsed / 1000.0 AS elapsed"
    " FROM metric m JOIN metric_name k ON k.id = m.name"
    " LEFT JOIN run r ON r.id = m.run;"

    "CREATE VIEW finals AS SELECT f.run AS run, k.name AS name, f.n AS n,"
    " f.last AS last, f.last_step AS last_step, f.min AS min,"
    " f.min_step AS min_step, f.max AS max, f.max_step AS max_step,"
    " f.nonfinite AS nonfinite, f.first AS first,"
    " f.first_step AS first_step, f.last_epoch AS last_epoch,"
    " " KIND("f.last_kind") " AS last_kind, f.bad_step AS bad_step"
    " FROM series f JOIN metric_name k ON k.id = f.name;"

    /* path is relative to the store's folder when the file lies below it */
    "CREATE VIEW artifacts AS SELECT run, name, kind, path, sha256, bytes,"
    " " ISO("added_at") " AS added_at FROM artifact;"
    "CREATE VIEW notes AS SELECT run, " ISO("at") " AS at, text FROM note;"
    "CREATE VIEW tags AS SELECT run, tag FROM tag;"
    "CREATE VIEW sources AS SELECT hash, size, CAST(body AS TEXT) AS text,"
    " " ISO("added_at") " AS added_at FROM source;"
    "CREATE VIEW sweeps AS SELECT s.id AS id, s.experiment AS experiment,"
    " s.question AS question, " ISO("s.created_at") " AS created_at,"
    " s.script AS script, s.command AS command, s.git_commit AS git_commit,"
    " s.targets AS targets, s.defaults AS defaults,"
    " (SELECT count(*) FROM run r WHERE r.sweep = s.id) AS runs,"
    " (SELECT count(*) FROM run r WHERE r.sweep = s.id"
    "  AND r.status = 'finished') AS finished,"
    " s.script_hash AS script_hash, s.git_diff AS git_diff, s.uuid AS uuid"
    " FROM sweep s;";
/* clang-format on */

typedef struct migration {
    const char *sql[3];
} migration;

static const migration migrations[] = {
    {{tables_1, triggers_1, views_1}},
};
#define VERSION ((int64_t)(sizeof migrations / sizeof *migrations))

int64_t lt__schema_version(void)
{
    return VERSION;
}

/* ---- opening ---- */

static lt_status schema_apply(lt_store *s, const migration *m, lt_err *err)
{
    for (int i = 0; i < 3; i++)
        if (m->sql[i] &&
            sqlite3_exec(s->db, m->sql[i], NULL, NULL, NULL) != SQLITE_OK)
            return lt__db_fail(s, err);
    return LT_OK;
}

lt_status lt__schema_build(lt_store *s, int64_t version, lt_err *err)
{
    LT_ASSERT(version <= VERSION);
    for (int64_t i = 0; i < version; i++)
        LT_TRY(schema_apply(s, &migrations[i], err));
    return LT_OK;
}

static lt_status schema_stamp(lt_store *s, lt_err *err)
{
    char sql[128];

    sqlite3_snprintf((int)sizeof sql, sql,
                     "PRAGMA application_id = %d; PRAGMA user_version = %d",
                     LT__APPLICATION_ID, (int)VERSION);
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? LT_OK
               : lt__db_fail(s, err);
}

static lt_status schema_migrate(lt_store *s, lt_err *err)
{
    int64_t version = 0;
    lt_status rc;

    LT_TRY(lt__db_begin(s, err));
    rc = lt__db_integer(s, &version, err, "PRAGMA user_version", "");
    for (int64_t i = version; rc == LT_OK && i < VERSION; i++)
        rc = schema_apply(s, &migrations[i], err);
    if (rc == LT_OK && version < VERSION)
        rc = schema_stamp(s, err);
    return lt__db_end(s, rc, err);
}

static lt_status schema_refuse(lt_store *s, int64_t id, int64_t n, lt_err *err)
{
    if (id == 0 && n == 0)
        return lt_err_set(err, LT_ENOTFOUND,
                          "%s: an empty file, holds no store yet", s->path);
    return lt_err_set(err, LT_ESTORE,
                      "%s: an SQLite file, but not a latent store (application "
                      "id %lld, wanted %d)",
                      s->path, (long long)id, LT__APPLICATION_ID);
}

/* In one transaction: another process may be making the file right now. */
static lt_status schema_identify(lt_store *s, int64_t *id, int64_t *version,
                                 int64_t *n, lt_err *err)
{
    lt_status rc;

    LT_TRY(lt__db_do(s, err, "BEGIN", ""));
    rc = lt__db_integer(s, n, err, "SELECT count(*) FROM sqlite_schema", "");
    if (rc == LT_OK)
        rc = lt__db_integer(s, id, err, "PRAGMA application_id", "");
    if (rc == LT_OK)
        rc = lt__db_integer(s, version, err, "PRAGMA user_version", "");
    return lt__db_end(s, rc, err);
}

/* A change of the journal mode does not call the busy handler when two
 * processes want it at once. */
static lt_status schema_use_wal(lt_store *s, lt_err *err)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    double start = lt_clock_elapsed();
    sqlite3_stmt *stmt = NULL;
    bool row = false, is_wal = false;
    lt_status rc;

    do {
        rc = lt__db_open(s, &stmt, err, "PRAGMA journal_mode = WAL", "");
        if (rc == LT_OK)
            rc = lt__db_next(s, stmt, &row, err);
        is_wal = rc == LT_OK && row &&
                 sqlite3_stricmp(lt__db_text(stmt, 0), "wal") == 0;
        sqlite3_finalize(stmt);
        stmt = NULL;
        if (!is_wal)
            nanosleep(&pause, NULL);
    } while (rc != LT_OK && sqlite3_errcode(s->db) == SQLITE_BUSY &&
             lt_clock_elapsed() - start < s->busy_limit);
    if (rc == LT_OK && !is_wal)
        rc = lt_err_set(err, LT_ESTORE,
                        "%s: this file system allows no write-ahead log "
                        "(a network folder?); wanted a local one",
                        s->path);
    return rc;
}

lt_status lt__schema_open(lt_store *s, lt_err *err)
{
    int64_t id = 0, version = 0, n = 0;

    LT_TRY(schema_identify(s, &id, &version, &n, err));
    if (id != LT__APPLICATION_ID &&
        (id != 0 || n != 0 || s->mode != LT_STORE_CREATE))
        return schema_refuse(s, id, n, err);
    if (s->mode == LT_STORE_READ)
        return LT_OK;
    if (version > VERSION)
        return lt_err_set(err, LT_ESTORE,
                          "%s: made by a newer latent (schema %lld, this "
                          "program knows up to %lld); it can be read, not "
                          "written",
                          s->path, (long long)version, (long long)VERSION);
    LT_TRY(schema_use_wal(s, err));
    return version < VERSION ? schema_migrate(s, err) : LT_OK;
}
