/* SQL for readers; see latent/store/query.h.
 *
 * Three fences: the statement must be one and read-only, an authorizer lets
 * it do nothing but select (recursion included) and ask for the shape of
 * tables, and it is stopped at its deadline (budget.c). The deadline counts
 * time spent inside SQLite, not the reader's between rows. The authorizer is
 * installed for the life of the connection and minds a flag: installing one
 * expires all statements. The flag is up while a row is fetched, too, as
 * SQLite prepares again after a change of the schema. */
#include "latent/store/query.h"

#include "latent/base/mem.h"
#include "store/store_int.h"

#include <ctype.h>
#include <string.h>

struct lt_query {
    lt_store *store;
    sqlite3_stmt *stmt;
    double seconds; /* 0: as long as any statement may take */
    double spent;
    int64_t rows; /* so far */
};

static bool pragma_is_harmless(const char *name, const char *value)
{
    static const char *const shapes[] = {
        "table_info", "table_xinfo", "table_list",       "index_list",
        "index_info", "index_xinfo", "foreign_key_list",
    };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (sqlite3_stricmp(name, shapes[i]) == 0)
            return true;
    return !value && (sqlite3_stricmp(name, "user_version") == 0 ||
                      sqlite3_stricmp(name, "application_id") == 0);
}

int lt__query_authorize(void *store, int action, const char *a, const char *b,
                        const char *database, const char *trigger)
{
    static const char *const forbidden[] = {
        "load_extension", "fts3_tokenizer", "readfile", "writefile", "edit",
    };

    (void)database, (void)trigger;
    if (!((lt_store *)store)->guarded)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_PRAGMA:
        return pragma_is_harmless(a, b) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_UPDATE:
        /* SQLite asks this of itself as it sets up pragma_table_info(..). A
         * user's own UPDATE of it is no read-only statement. */
        return sqlite3_stricmp(a, "sqlite_master") == 0 ? SQLITE_OK
                                                        : SQLITE_DENY;
    case SQLITE_FUNCTION:
        for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
            if (sqlite3_stricmp(b, forbidden[i]) == 0)
                return SQLITE_DENY;
        return SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* Past white space, comments and semicolons. */
static const char *sql_skip_blank(const char *p)
{
    while (*p) {
        if (isspace((unsigned char)*p) || *p == ';') {
            p++;
        } else if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");

            p = end ? end + 2 : p + strlen(p);
        } else {
            break;
        }
    }
    return p;
}

/* What SQLite said, for people: the path matters less than the mistake. */
static lt_status query_fail(lt_store *s, lt_err *err)
{
    int rc = sqlite3_errcode(s->db) & 0xff;

    if (rc == SQLITE_AUTH)
        return lt_err_set(err, LT_EINVAL,
                          "SQL: only SELECT is allowed here (%s)",
                          sqlite3_errmsg(s->db));
    if (rc == SQLITE_ERROR || rc == SQLITE_RANGE || rc == SQLITE_MISMATCH) {
        int at = sqlite3_error_offset(s->db);

        return at < 0 ? lt_err_set(err, LT_EINVAL, "SQL: %s",
                                   sqlite3_errmsg(s->db))
                      : lt_err_set(err, LT_EINVAL, "SQL: column %d: %s", at + 1,
                                   sqlite3_errmsg(s->db));
    }
    return lt__db_fail(s, err);
}

static double query_limit(const lt_query *q)
{
    return q->seconds > 0 ? q->seconds : q->store->budget.patience;
}

static lt_status query_prepare(lt_query *q, const char *sql, lt_err *err)
{
    lt_store *s = q->store;
    const char *rest = NULL;
    int rc;

    s->guarded = true;
    lt__budget_begin(s, 0, query_limit(q));
    rc = sqlite3_prepare_v2(s->db, sql, -1, &q->stmt, &rest);
    (void)lt__budget_end(s);
    s->guarded = false;
    if (rc != SQLITE_OK)
        return query_fail(s, err);
    if (!q->stmt)
        return lt_err_set(err, LT_EINVAL,
                          "SQL: nothing there, wanted a "
                          "SELECT");
    rest = sql_skip_blank(rest);
    if (*rest != '\0')
        return lt_err_set(err, LT_EINVAL,
                          "SQL: column %d: a second statement, wanted one",
                          (int)(rest - sql) + 1);
    if (!sqlite3_stmt_readonly(q->stmt))
        return lt_err_set(err, LT_EINVAL, "SQL: only SELECT is allowed here");
    return LT_OK;
}

lt_status lt_query_open(lt_store *store, const char *sql, double seconds,
                        lt_query **out, lt_err *err)
{
    lt_query *q = lt_mem_zero(1, sizeof *q);
    lt_status rc;

    if (!q)
        return lt_err_mark(err, LT_ENOMEM);
    q->store = store;
    q->seconds = seconds;
    rc = query_prepare(q, sql, err);
    if (rc != LT_OK) {
        lt_query_close(q);
        return rc;
    }
    *out = q;
    return LT_OK;
}

void lt_query_close(lt_query *q)
{
    if (!q)
        return;
    sqlite3_finalize(q->stmt);
    lt_mem_free(q);
}

lt_status lt_query_bind(lt_query *q, int index, const lt_value *v, lt_err *err)
{
    int n = sqlite3_bind_parameter_count(q->stmt);
    int rc = SQLITE_OK;

    if (index < 1 || index > n)
        return lt_err_set(err, LT_EINVAL,
                          "SQL: value %d given, but the statement has %d '?'",
                          index, n);
    switch (v->type) {
    case LT_VALUE_NULL:
        rc = sqlite3_bind_null(q->stmt, index);
        break;
    case LT_VALUE_INTEGER:
        rc = sqlite3_bind_int64(q->stmt, index, v->integer);
        break;
    case LT_VALUE_REAL:
        rc = sqlite3_bind_double(q->stmt, index, v->real);
        break;
    case LT_VALUE_TEXT:
        rc = sqlite3_bind_text64(q->stmt, index, v->text, v->size,
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case LT_VALUE_BLOB:
        rc = sqlite3_bind_blob64(q->stmt, index, v->text, v->size,
                                 SQLITE_TRANSIENT);
        break;
    }
    return rc == SQLITE_OK ? LT_OK : query_fail(q->store, err);
}

int lt_query_columns(const lt_query *q)
{
    return sqlite3_column_count(q->stmt);
}

const char *lt_query_column_name(const lt_query *q, int column)
{
    return sqlite3_column_name(q->stmt, column);
}

/* The user's own limit was reached. */
static lt_status query_late(const lt_query *q, lt_err *err)
{
    return lt_err_set(err, LT_EBUSY,
                      "SQL: stopped after its limit of %g seconds", q->seconds);
}

lt_status lt_query_next(lt_query *q, bool *row, lt_err *err)
{
    lt_store *s = q->store;
    int rc;

    s->guarded = true;
    lt__budget_begin(s, q->spent, query_limit(q));
    rc = sqlite3_step(q->stmt);
    q->spent = lt__budget_end(s);
    s->guarded = false;
    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW && ++q->rows > s->budget.most_rows)
        return lt_err_set(err, LT_EBUSY, "SQL: stopped after %lld rows",
                          (long long)s->budget.most_rows);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return LT_OK;
    return s->budget.is_late && q->seconds > 0 ? query_late(q, err)
                                               : query_fail(s, err);
}

void lt_query_value(const lt_query *q, int column, lt_value *out)
{
    sqlite3_stmt *stmt = q->stmt;

    *out = (lt_value){.type = LT_VALUE_NULL};
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        out->type = LT_VALUE_INTEGER;
        out->integer = sqlite3_column_int64(stmt, column);
        out->real = (double)out->integer;
        break;
    case SQLITE_FLOAT:
        out->type = LT_VALUE_REAL;
        out->real = sqlite3_column_double(stmt, column);
        break;
    case SQLITE_TEXT:
        out->type = LT_VALUE_TEXT;
        out->text = (const char *)sqlite3_column_text(stmt, column);
        out->size = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    case SQLITE_BLOB:
        out->type = LT_VALUE_BLOB;
        out->text = sqlite3_column_blob(stmt, column);
        out->size = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    default:
        break;
    }
}
