/* SQL in one call: prepare, bind, step, and SQLite's errors as ours.
 *
 * Writes run inside BEGIN IMMEDIATE, never BEGIN: a deferred transaction that
 * reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT when another
 * process wrote in between, whatever the busy handler says. */
#include "store/store_int.h"

#include "latent/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

lt_status lt__db_fail(lt_store *s, lt_err *err)
{
    s->failed = sqlite3_errcode(s->db) & 0xff;
    if (sqlite3_errcode(s->db) == SQLITE_NOMEM)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", s->path);
    if (s->budget.is_late && sqlite3_errcode(s->db) == SQLITE_INTERRUPT)
        return lt_err_set(err, LT_ESTORE,
                          "%s: given up after %g seconds in one statement; "
                          "latent verify checks the file",
                          s->path, s->budget.limit);
    return lt_err_set(err, LT_ESTORE, "%s: %s", s->path, sqlite3_errmsg(s->db));
}

static int db_bind(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int rc = SQLITE_OK;

    for (int i = 1; rc == SQLITE_OK && types[i - 1]; i++) {
        switch (types[i - 1]) {
        case 'i':
            rc = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
            break;
        case 'd':
            rc = sqlite3_bind_double(stmt, i, va_arg(args, double));
            break;
        default:
            LT_ASSERT(types[i - 1] == 't');
            rc = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1,
                                   SQLITE_TRANSIENT);
        }
    }
    return rc;
}

static lt_status db_open(lt_store *s, sqlite3_stmt **out, lt_err *err,
                         const char *sql, const char *types, va_list args)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    lt__budget_begin(s, 0, s->budget.patience); /* it may read the schema */
    code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    (void)lt__budget_end(s);
    s->budget.spent = 0;
    if (code != SQLITE_OK || db_bind(stmt, types, args) != SQLITE_OK) {
        lt_status rc = lt__db_fail(s, err);

        sqlite3_finalize(stmt);
        return rc;
    }
    *out = stmt;
    return LT_OK;
}

lt_status lt__db_open(lt_store *s, sqlite3_stmt **out, lt_err *err,
                      const char *sql, const char *types, ...)
{
    va_list args;
    lt_status rc;

    va_start(args, types);
    rc = db_open(s, out, err, sql, types, args);
    va_end(args);
    return rc;
}

lt_status lt__db_next(lt_store *s, sqlite3_stmt *stmt, bool *row, lt_err *err)
{
    int rc;

    lt__budget_begin(s, s->budget.spent, s->budget.patience);
    rc = sqlite3_step(stmt);
    (void)lt__budget_end(s);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? LT_OK : lt__db_fail(s, err);
}

lt_status lt__db_do(lt_store *s, lt_err *err, const char *sql,
                    const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    va_list args;
    lt_status rc;

    va_start(args, types);
    rc = db_open(s, &stmt, err, sql, types, args);
    va_end(args);
    while (rc == LT_OK && row)
        rc = lt__db_next(s, stmt, &row, err);
    sqlite3_finalize(stmt);
    return rc;
}

lt_status lt__db_integer(lt_store *s, int64_t *out, lt_err *err,
                         const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    va_list args;
    lt_status rc;

    va_start(args, types);
    rc = db_open(s, &stmt, err, sql, types, args);
    va_end(args);
    if (rc == LT_OK)
        rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc;
}

lt_status lt__db_again(lt_store *s, sqlite3_stmt *stmt, lt_err *err,
                       const char *types, ...)
{
    lt_status rc = LT_OK;
    va_list args;
    int bound;

    va_start(args, types);
    bound = db_bind(stmt, types, args);
    va_end(args);
    if (bound != SQLITE_OK || sqlite3_step(stmt) != SQLITE_DONE)
        rc = lt__db_fail(s, err);
    sqlite3_reset(stmt);
    return rc;
}

bool lt__db_is_in_trouble(const lt_store *s)
{
    switch (s->failed) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return true;
    default:
        return false;
    }
}

static void db_roll_back(lt_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->is_stuck = !sqlite3_get_autocommit(s->db);
}

/* Out of memory not even a rollback is possible: it is tried again. */
lt_status lt__db_begin(lt_store *s, lt_err *err)
{
    if (s->is_stuck)
        db_roll_back(s);
    return lt__db_do(s, err, "BEGIN IMMEDIATE", "");
}

lt_status lt__db_end(lt_store *s, lt_status rc, lt_err *err)
{
    if (rc == LT_OK)
        rc = lt__db_do(s, err, "COMMIT", "");
    for (int i = 0; rc != LT_OK && i < 3; i++)
        db_roll_back(s);
    return rc;
}

const char *lt__db_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text ? text : "";
}

int64_t lt__now_ms(void)
{
    return (int64_t)(lt_clock_wall() * 1000);
}

static lt_status random_fill(unsigned char *out, size_t n, lt_err *err)
{
    /* Requests up to 256 bytes are never cut short. */
    if (getrandom(out, n, 0) != (ssize_t)n)
        return lt_err_set(err, LT_EIO, "the system has no random bytes");
    return LT_OK;
}

/* 23 letters, then 31 letters and digits: no i, l, o, 0, 1, which look alike.
 * About 2e13 names. */
lt_status lt__random_name(char out[LT__NAME_SIZE], lt_err *err)
{
    static const char signs[] = "abcdefghjkmnpqrstuvwxyz23456789";
    const unsigned letters = 23, all = sizeof signs - 1;
    unsigned char bytes[2 * (LT__NAME_SIZE - 1)];

    LT_TRY(random_fill(bytes, sizeof bytes, err));
    for (int i = 0; i < LT__NAME_SIZE - 1; i++) {
        unsigned draw = bytes[2 * i] * 256U + bytes[2 * i + 1];

        out[i] = signs[draw % (i == 0 ? letters : all)];
    }
    out[LT__NAME_SIZE - 1] = '\0';
    return LT_OK;
}

lt_status lt__random_uuid(char out[LT__UUID_SIZE], lt_err *err)
{
    unsigned char b[16];

    LT_TRY(random_fill(b, sizeof b, err));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, LT__UUID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);
    return LT_OK;
}
