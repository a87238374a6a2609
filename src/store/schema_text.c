/* The schema's SQL, version by version. Migration n makes version n of version
 * n - 1 and is never changed once released: stores have its text, and
 * lt_store_verify compares them with it. The views are the stable face (names
 * and order of columns stay); tables are internal.
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

/* Views come in pieces: what a version shows, and where from, so that the next
 * can show more without saying it all again. LEFT JOIN, so that SQLite leaves
 * out a table none of whose columns is asked for. */
#define RUNS_SHOW                                                              \
    "SELECT r.id AS id, s.experiment AS experiment,"                           \
    " r.sweep AS sweep, r.status AS status, r.seed AS seed,"                   \
    " r.config AS config, r.message AS message,"                               \
    " " ISO("r.started_at") " AS started_at,"                                  \
    " " ISO("r.ended_at") " AS ended_at,"                                      \
    " r.seconds AS seconds, m.name AS host, s.git_commit AS git_commit,"       \
    " s.script AS script,"                                                     \
    " r.name AS name, s.question AS question, s.command AS command,"           \
    " (SELECT group_concat(t.tag, ',') FROM tag t WHERE t.run = r.id) AS tags,"\
    " r.parameters AS parameters, r.cpu_seconds AS cpu_seconds,"               \
    " r.examples_per_second AS examples_per_second, r.threads AS threads,"     \
    " m.blas_core AS blas_core, m.isa AS isa, m.cpu AS cpu, m.cores AS cores," \
    " m.system AS system, m.build AS build, r.data AS data,"                   \
    " r.network AS network, s.script_hash AS script_hash,"                     \
    " s.git_diff AS git_diff, r.config_hash AS config_hash,"                   \
    " " ISO("r.queued_at") " AS queued_at, r.pid AS pid,"                      \
    " r.boot_id AS boot_id, r.uuid AS uuid"
#define RUNS_FROM                                                              \
    " FROM run r LEFT JOIN sweep s ON s.id = r.sweep"                          \
    " LEFT JOIN machine m ON m.id = r.machine"

/* type is JSON's: text, integer, real, true, false, null, array, object */
#define PARAMS                                                                 \
    "SELECT p.run AS run, k.name AS key,"                                      \
    " p.value AS value, p.type AS type"                                        \
    " FROM param p JOIN param_name k ON k.id = p.key"

/* elapsed is in seconds since the run started; at is a time of day. */
#define METRICS                                                                \
    "SELECT m.run AS run, k.name AS name,"                                     \
    " m.step AS step, m.epoch AS epoch, m.value AS value,"                     \
    " " ISO("r.started_at + m.elapsed") " AS at, " KIND("m.kind") " AS kind,"  \
    " m.seq AS seq, m.elapsed / 1000.0 AS elapsed"                             \
    " FROM metric m JOIN metric_name k ON k.id = m.name"                       \
    " LEFT JOIN run r ON r.id = m.run"

#define FINALS                                                                 \
    "SELECT f.run AS run, k.name AS name, f.n AS n,"                           \
    " f.last AS last, f.last_step AS last_step, f.min AS min,"                 \
    " f.min_step AS min_step, f.max AS max, f.max_step AS max_step,"           \
    " f.nonfinite AS nonfinite, f.first AS first,"                             \
    " f.first_step AS first_step, f.last_epoch AS last_epoch,"                 \
    " " KIND("f.last_kind") " AS last_kind, f.bad_step AS bad_step"            \
    " FROM series f JOIN metric_name k ON k.id = f.name"

/* path is relative to the store's folder when the file lies below it */
#define ARTIFACTS                                                              \
    "SELECT run, name, kind, path, sha256, bytes,"                             \
    " " ISO("added_at") " AS added_at FROM artifact"
#define NOTES "SELECT run, " ISO("at") " AS at, text FROM note"
#define TAGS  "SELECT run, tag FROM tag"

#define SWEEPS(shown)                                                          \
    "SELECT s.id AS id, s.experiment AS experiment,"                           \
    " s.question AS question, " ISO("s.created_at") " AS created_at,"          \
    " s.script AS script, s.command AS command, s.git_commit AS git_commit,"   \
    " s.targets AS targets, s.defaults AS defaults,"                           \
    " (SELECT count(*) FROM run r WHERE r.sweep = s.id" shown ") AS runs,"     \
    " (SELECT count(*) FROM run r WHERE r.sweep = s.id" shown                  \
    "  AND r.status = 'finished') AS finished,"                                \
    " s.script_hash AS script_hash, s.git_diff AS git_diff, s.uuid AS uuid"    \
    " FROM sweep s"

static const char views_1[] =
    "CREATE VIEW runs AS " RUNS_SHOW RUNS_FROM ";"
    "CREATE VIEW params AS " PARAMS ";"
    "CREATE VIEW metrics AS " METRICS ";"
    "CREATE VIEW finals AS " FINALS ";"
    "CREATE VIEW artifacts AS " ARTIFACTS ";"
    "CREATE VIEW notes AS " NOTES ";"
    "CREATE VIEW tags AS " TAGS ";"
    "CREATE VIEW sources AS SELECT hash, size, CAST(body AS TEXT) AS text,"
    " " ISO("added_at") " AS added_at FROM source;"
    "CREATE VIEW sweeps AS " SWEEPS("") ";";

/* ---- version 2: runs removed, divergence, files inside a store ---- */

/* removed: hidden from every view until it is restored, or gone for good.
 * divergence: the step of the first value that was not finite, and the layer
 * (from 1; NULL when none is to blame). packed: the files of an exported
 * run, cut into parts that are numbered from 0. */
static const char tables_2[] =
    "CREATE TABLE removed ("
    " run INTEGER PRIMARY KEY REFERENCES run(id) ON DELETE CASCADE,"
    " at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE divergence ("
    " run INTEGER PRIMARY KEY REFERENCES run(id) ON DELETE CASCADE,"
    " step INTEGER NOT NULL, layer INTEGER, what TEXT NOT NULL) STRICT;"
    "CREATE TABLE packed ("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " path TEXT NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,"
    " UNIQUE (run, path, part)) STRICT;";

#define SHOWN(run) run " NOT IN (SELECT run FROM removed)"

static const char views_2[] =
    "DROP VIEW runs; DROP VIEW params; DROP VIEW metrics; DROP VIEW finals;"
    "DROP VIEW artifacts; DROP VIEW notes; DROP VIEW tags; DROP VIEW sweeps;"
    "CREATE VIEW runs AS " RUNS_SHOW ","
    " d.step AS bad_step, d.layer AS bad_layer, d.what AS bad_what" RUNS_FROM
    " LEFT JOIN divergence d ON d.run = r.id WHERE " SHOWN("r.id") ";"
    "CREATE VIEW params AS " PARAMS " WHERE " SHOWN("p.run") ";"
    "CREATE VIEW metrics AS " METRICS " WHERE " SHOWN("m.run") ";"
    "CREATE VIEW finals AS " FINALS " WHERE " SHOWN("f.run") ";"
    "CREATE VIEW artifacts AS " ARTIFACTS " WHERE " SHOWN("run") ";"
    "CREATE VIEW notes AS " NOTES " WHERE " SHOWN("run") ";"
    "CREATE VIEW tags AS " TAGS " WHERE " SHOWN("run") ";"
    "CREATE VIEW sweeps AS " SWEEPS(" AND " SHOWN("r.id")) ";"
    "CREATE VIEW removed_runs AS SELECT r.id AS id, r.name AS name,"
    " s.experiment AS experiment, r.sweep AS sweep, r.status AS status,"
    " r.seed AS seed, r.config AS config,"
    " " ISO("d.at") " AS removed_at, r.uuid AS uuid"
    " FROM removed d JOIN run r ON r.id = d.run"
    " LEFT JOIN sweep s ON s.id = r.sweep;";

const char lt__removed_runs[] =
    "(" RUNS_SHOW ","
    " d.step AS bad_step, d.layer AS bad_layer, d.what AS bad_what" RUNS_FROM
    " LEFT JOIN divergence d ON d.run = r.id"
    " WHERE r.id IN (SELECT run FROM removed))";
/* clang-format on */

const lt__migration lt__migrations[LT__SCHEMA_VERSION] = {
    {{tables_1, triggers_1, views_1},
     "b0fba208f513a029e077713fc794a08b91869723fd55ddf47a2e3617b24c1836"},
    {{tables_2, views_2},
     "009da2cbc1154ab3c9ddf87df1e59ff8bd3271c51169605c63454835d931457d"},
};
