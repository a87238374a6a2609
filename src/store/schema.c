/* How a file comes to have the schema (schema_text.c), and to be refused.
 *
 * user_version counts schemas. All migrations that are missing are applied in
 * one BEGIN IMMEDIATE transaction which first reads user_version again, so
 * that any number of processes may open a new file at once and none sees half
 * of it. An older store is copied first, as it is, to "<path>.schema1.bak": by
 * a second connection, while the first holds the lock that keeps all others
 * from writing, so that the copy misses nothing and is made once.
 *
 * A store of a newer schema is read, never written: its views are the stable
 * face. A store of an older one that is opened for reading stays as it is.
 *
 * What says that it is a latent store must have latent's schema
 * (schema_guard.c), or it is not opened at all: but for LT_STORE_INSPECT. That
 * is looked at in the transaction that reads the version, so that a schema that
 * another process is making is seen whole or not at all. */
#include "store/schema_guard.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONVERT_SECONDS 5.0 /* for others to close it */
#define VERSION         ((int64_t)LT__SCHEMA_VERSION)

int64_t lt__schema_version(void)
{
    return VERSION;
}

/* ---- opening ---- */

static lt_status schema_apply(lt_store *s, const lt__migration *m, lt_err *err)
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
        LT_TRY(schema_apply(s, &lt__migrations[i], err));
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

/* ---- the copy of an older store ---- */

/* "<path>.schema1.bak", or with ".2", ".3" where there are such already: an
 * earlier copy is never replaced. */
static void backup_name(const lt_store *s, int64_t version, lt_text *out)
{
    for (int i = 1; i == 1 || (!out->failed && lt_path_exists(out->data));
         i++) {
        lt_text_clear(out);
        lt_text_addf(out, "%s.schema%lld.bak", s->path, (long long)version);
        if (i > 1)
            lt_text_addf(out, ".%d", i);
    }
}

static lt_status backup_sync(const char *path, lt_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    lt_status rc = LT_OK;

    if (fd < 0 || fsync(fd) != 0)
        rc = lt_err_set(err, LT_EIO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* As SQLite's own copy of what is committed, log included. */
static lt_status backup_copy(lt_store *s, const char *to, lt_err *err)
{
    lt_store other = {.path = s->path, .busy_limit = s->busy_limit};
    lt_text name = {0};
    lt_status rc;

    lt_text_addf(&name, "%s%s", *s->path == '/' ? "" : "./", s->path);
    if (name.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else if (sqlite3_open_v2(name.data, &other.db,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                             NULL) != SQLITE_OK)
        rc = lt__db_fail(&other, err);
    else
        rc = lt__db_do(&other, err, "VACUUM INTO ?", "t", to);
    sqlite3_close(other.db);
    lt_text_deinit(&name);
    return rc;
}

static lt_status schema_backup(lt_store *s, int64_t version, lt_err *err)
{
    lt_text part = {0}, to = {0};
    lt_err own = {0};
    lt_status rc = LT_ENOMEM;

    backup_name(s, version, &to);
    lt_text_addf(&part, "%s%s.%d.part", *s->path == '/' ? "" : "./",
                 lt_text_str(&to), (int)getpid());
    if (!part.failed && !to.failed)
        rc = backup_copy(s, part.data, &own);
    if (rc == LT_OK)
        rc = backup_sync(part.data, &own);
    if (rc == LT_OK)
        rc = lt_path_replace(part.data, to.data, &own);
    if (rc == LT_OK)
        lt_text_addf(&s->notice,
                     "%s: of schema %lld, now %lld; as it was it is in %s",
                     s->path, (long long)version, (long long)VERSION, to.data);
    else if (part.data)
        (void)unlink(part.data);
    lt_text_deinit(&part);
    lt_text_deinit(&to);
    if (rc == LT_OK || rc == LT_ENOMEM)
        return lt_err_mark(err, rc);
    return lt_err_set(err, rc,
                      "%s: of schema %lld, and not brought to %lld, as no copy "
                      "could be made first: %s",
                      s->path, (long long)version, (long long)VERSION,
                      own.text);
}

static lt_status schema_raise(lt_store *s, lt_err *err)
{
    int64_t version = 0;

    LT_TRY(lt__db_integer(s, &version, err, "PRAGMA user_version", ""));
    if (version >= VERSION)
        return LT_OK;
    if (version > 0)
        LT_TRY(schema_backup(s, version, err));
    for (int64_t i = version; i < VERSION; i++)
        LT_TRY(schema_apply(s, &lt__migrations[i], err));
    return schema_stamp(s, err);
}

static lt_status schema_migrate(lt_store *s, lt_err *err)
{
    LT_TRY(lt__db_begin(s, err));
    LT_TRY(lt__db_end(s, schema_raise(s, err), err));
    s->version = VERSION;
    return LT_OK;
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

/* ---- whether it is one of ours ---- */

typedef struct identity {
    int64_t id, version, n; /* n objects */
} identity;

/* What is wrong with the schema: the first object, and how many there are. */
typedef struct faults {
    char first[160];
    int n, n_read; /* all; those that reading comes upon */
} faults;

static void faults_add(void *self, const char *object, lt__schema_fault fault)
{
    faults *f = self;

    if (f->n++ == 0)
        sqlite3_snprintf((int)sizeof f->first, f->first, "%.100s %s", object,
                         lt__schema_fault_text(fault));
    f->n_read += strncmp(object, "trigger ", 8) != 0;
}

static lt_status schema_strange(lt_store *s, const faults *f, lt_err *err)
{
    char more[40] = "";

    s->is_strange = f->n_read > 0;
    if (s->mode == LT_STORE_INSPECT)
        return LT_OK;
    if (f->n > 1)
        sqlite3_snprintf((int)sizeof more, more, " (and %d more)", f->n - 1);
    return lt_err_set(err, LT_ESTORE,
                      "%s: its schema is not latent's: %s%s; nothing was read "
                      "(latent verify tells all that is wrong)",
                      s->path, f->first, more);
}

/* Version 0 is a file that is still to be filled. */
static lt_status schema_check(lt_store *s, int64_t version, lt_err *err)
{
    faults f = {0};
    const lt__schema_teller to = {faults_add, &f};

    if (version > VERSION)
        return LT_OK;
    if (version < 0 || (version == 0 && s->mode != LT_STORE_CREATE)) {
        f = (faults){.n = 1, .n_read = 1};
        sqlite3_snprintf((int)sizeof f.first, f.first, "it has version %lld",
                         version);
    } else {
        LT_TRY(lt__schema_compare(s, version, &to, err));
    }
    return f.n > 0 ? schema_strange(s, &f, err) : LT_OK;
}

static lt_status identity_read(lt_store *s, identity *i, lt_err *err)
{
    LT_TRY(lt__db_integer(s, &i->n, err, "SELECT count(*) FROM sqlite_schema",
                          ""));
    LT_TRY(lt__db_integer(s, &i->id, err, "PRAGMA application_id", ""));
    LT_TRY(lt__db_integer(s, &i->version, err, "PRAGMA user_version", ""));
    return i->id == LT__APPLICATION_ID ? schema_check(s, i->version, err)
                                       : LT_OK;
}

/* In one transaction: another process may be making the file right now. */
static lt_status schema_identify(lt_store *s, identity *i, lt_err *err)
{
    LT_TRY(lt__db_do(s, err, "BEGIN", ""));
    return lt__db_end(s, identity_read(s, i, err), err);
}

/* A change of the journal mode does not call the busy handler when two
 * processes want it at once. */
static lt_status journal_set(lt_store *s, const char *sql, const char *mode,
                             bool *is_set, lt_err *err)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    double start = lt_clock_elapsed();
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    do {
        rc = lt__db_open(s, &stmt, err, sql, "");
        if (rc == LT_OK)
            rc = lt__db_next(s, stmt, &row, err);
        *is_set = rc == LT_OK && row &&
                  sqlite3_stricmp(lt__db_text(stmt, 0), mode) == 0;
        sqlite3_finalize(stmt);
        stmt = NULL;
        if (!*is_set)
            nanosleep(&pause, NULL);
    } while (rc != LT_OK && sqlite3_errcode(s->db) == SQLITE_BUSY &&
             lt_clock_elapsed() - start < s->busy_limit);
    return rc;
}

static lt_status schema_use_wal(lt_store *s, lt_err *err)
{
    bool is_set = false;

    LT_TRY(journal_set(s, "PRAGMA journal_mode = WAL", "wal", &is_set, err));
    return is_set ? LT_OK
                  : lt_err_set(err, LT_ESTORE,
                               "%s: this file system allows no write-ahead log "
                               "(a network folder?); LATENT_NETWORK_STORE=1 "
                               "goes without",
                               s->path);
}

/* A log that the store had on another disk goes, if nobody else has it open:
 * two hosts must never both write to one. */
static lt_status schema_use_journal(lt_store *s, lt_err *err)
{
    double limit = s->busy_limit;
    bool is_set = false;
    lt_status rc;

    s->busy_limit = fmin(limit, CONVERT_SECONDS);
    rc = journal_set(s, "PRAGMA journal_mode = TRUNCATE", "truncate", &is_set,
                     err);
    s->busy_limit = limit;
    if (rc == LT_ESTORE && s->failed == SQLITE_BUSY)
        return lt_err_set(err, rc,
                          "%s: lies on a network's file system with a "
                          "write-ahead log, which is not safe there, and which "
                          "another process has open; try again when that has "
                          "ended",
                          s->path);
    LT_TRY(rc);
    return lt__db_do(s, err, "PRAGMA synchronous = FULL", "");
}

/* What cannot be compared, is read and never written. */
static lt_status schema_newer(lt_store *s, lt_err *err)
{
    if (!lt__store_is_reader(s))
        return lt_err_set(err, LT_ESTORE,
                          "%s: made by a newer latent (schema %lld, this "
                          "program knows up to %lld); it can be read, not "
                          "written",
                          s->path, (long long)s->version, (long long)VERSION);
    lt_text_addf(&s->notice,
                 "%s: made by a newer latent (schema %lld, this program knows "
                 "up to %lld): only read, and unchecked",
                 s->path, (long long)s->version, (long long)VERSION);
    return lt_err_mark(err, s->notice.failed ? LT_ENOMEM : LT_OK);
}

lt_status lt__schema_open(lt_store *s, lt_err *err)
{
    identity i = {0};

    LT_TRY(schema_identify(s, &i, err));
    if (i.id != LT__APPLICATION_ID &&
        (i.id != 0 || i.n != 0 || s->mode != LT_STORE_CREATE))
        return schema_refuse(s, i.id, i.n, err);
    s->version = i.version;
    if (s->version > VERSION)
        return schema_newer(s, err);
    if (lt__store_is_reader(s))
        return LT_OK;
    LT_TRY(s->is_network ? schema_use_journal(s, err) : schema_use_wal(s, err));
    return s->version < VERSION ? schema_migrate(s, err) : LT_OK;
}
