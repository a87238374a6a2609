/* Whether a file's schema is the one that this program would have made.
 *
 * A store may come from a stranger, and a schema is code: a trigger runs at the
 * next write, a view in the place of a table may never end, and an expression
 * in a table or an index is evaluated where nobody asked. So every opening
 * compares it, text by text, before anything else is asked of the file. (SQLite
 * has parsed these texts by then; that executes nothing.)
 *
 * The usual case costs one digest over 8 kB, some 50 us: the digests of all
 * versions are known (schema_text.c; a test makes them anew). Where it differs,
 * the wanted schema is made in memory (1.7 ms) and compared object by object.
 *
 * People who use sqlite3 add things of their own. What cannot act is left
 * alone: plain tables, views (only who names one reads it), indexes that are
 * lists of columns. What is allowed is told by the text, since what a row of
 * sqlite_schema says beside it (type, name) SQLite does not believe either; in
 * doubt it is refused. Names of SQLite's own are believed only with SQLite's
 * own texts. */
#include "store/schema_guard.h"

#include <ctype.h>
#include <string.h>

#define OBJECTS                                                                \
    "SELECT coalesce(type, '') || ' ' || coalesce(name, ''),"                  \
    " coalesce(sql, '') FROM sqlite_schema ORDER BY 1"

/* ---- what others may add ---- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* Whether one of the words stands in the text, in any case. */
static bool has_word(const char *sql, const char *const *words)
{
    for (const char *p = sql; *p;) {
        size_t n = 0;

        while (is_word(p[n]))
            n++;
        for (const char *const *w = words; n > 0 && *w; w++)
            if (strlen(*w) == n && sqlite3_strnicmp(p, *w, (int)n) == 0)
                return true;
        p += n ? n : 1;
    }
    return false;
}

/* SQLite writes these beginnings itself, whatever a user has typed. */
static const char *text_after(const char *sql, const char *beginning)
{
    size_t n = strlen(beginning);

    return strncmp(sql, beginning, n) == 0 ? sql + n : NULL;
}

static bool table_is_plain(const char *sql)
{
    static const char *const words[] = {"check", "generated", "as", NULL};

    return text_after(sql, "CREATE TABLE ") && !has_word(sql, words);
}

/* name ON table (column, column DESC): no other signs, no operators. */
static bool index_is_plain(const char *sql)
{
    static const char *const words[] = {
        "where", "and",    "or",   "not",  "is",      "in",     "like", "glob",
        "match", "regexp", "case", "cast", "between", "isnull", "null", NULL};
    const char *p = text_after(sql, "CREATE INDEX ");
    int opened = 0;

    if (!p || has_word(p, words))
        return false;
    for (; *p; p++) {
        opened += *p == '(';
        if (!is_word(*p) && !strchr(" \t\r\n,()\"`[].", *p))
            return false;
    }
    return opened == 1;
}

static bool is_sqlites(const char *object, const char *sql)
{
    static const char *const known[][2] = {
        {"table sqlite_sequence", "CREATE TABLE sqlite_sequence(name,seq)"},
        {"table sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"},
        {"table sqlite_stat4",
         "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(object, known[i][0]) == 0 && strcmp(sql, known[i][1]) == 0)
            return true;
    return text_after(object, "index sqlite_autoindex_") && !*sql;
}

/* Whether an object that is not latent's can be left alone. */
static bool is_harmless(const char *object, const char *sql)
{
    const char *name = strchr(object, ' ');

    if (is_sqlites(object, sql))
        return true;
    if (!name || sqlite3_strnicmp(name + 1, "sqlite_", 7) == 0)
        return false;
    if (text_after(object, "table "))
        return table_is_plain(sql);
    if (text_after(object, "index "))
        return index_is_plain(sql);
    return text_after(object, "view ") && text_after(sql, "CREATE VIEW ");
}

/* ---- object by object ---- */

typedef struct side {
    lt_store *store;
    sqlite3_stmt *stmt;
    bool row;
} side;

static lt_status side_next(side *s, lt_err *err)
{
    return lt__db_next(s->store, s->stmt, &s->row, err);
}

/* An object that is not latent's; one with a name of latent's is never fine. */
static lt_status foreign_judge(const side *found, const side *wanted,
                               lt__schema_fault *fault, lt_err *err)
{
    const char *object = lt__db_text(found->stmt, 0);
    const char *name = strchr(object, ' ');
    int64_t is_taken = 0;

    LT_TRY(lt__db_integer(wanted->store, &is_taken, err,
                          "SELECT 1 FROM sqlite_schema WHERE name = ?"
                          " COLLATE NOCASE",
                          "t", name ? name + 1 : ""));
    if (!is_taken && is_harmless(object, lt__db_text(found->stmt, 1)))
        *fault = LT__SCHEMA_FINE;
    else
        *fault = LT__SCHEMA_FOREIGN;
    return LT_OK;
}

/* One step of a merge: what the first of both sides is to the other. */
static lt_status objects_judge(const side *found, const side *wanted, int order,
                               lt__schema_fault *fault, lt_err *err)
{
    if (order < 0)
        return foreign_judge(found, wanted, fault, err);
    if (order > 0)
        *fault = LT__SCHEMA_MISSING;
    else if (strcmp(lt__db_text(found->stmt, 1),
                    lt__db_text(wanted->stmt, 1)) != 0)
        *fault = LT__SCHEMA_CHANGED;
    else
        *fault = LT__SCHEMA_FINE;
    return LT_OK;
}

static lt_status objects_compare(side *found, side *wanted,
                                 const lt__schema_teller *to, lt_err *err)
{
    LT_TRY(side_next(found, err));
    LT_TRY(side_next(wanted, err));
    while (found->row || wanted->row) {
        const char *a = lt__db_text(found->stmt, 0);
        const char *b = lt__db_text(wanted->stmt, 0);
        int order = !found->row ? 1 : !wanted->row ? -1 : strcmp(a, b);
        lt__schema_fault fault;

        LT_TRY(objects_judge(found, wanted, order, &fault, err));
        if (fault != LT__SCHEMA_FINE)
            to->tell(to->self, order > 0 ? b : a, fault);
        if (order <= 0)
            LT_TRY(side_next(found, err));
        if (order >= 0)
            LT_TRY(side_next(wanted, err));
    }
    return LT_OK;
}

static lt_status schemas_compare(lt_store *s, lt_store *memory, int64_t version,
                                 const lt__schema_teller *to, lt_err *err)
{
    side found = {.store = s}, wanted = {.store = memory};
    lt_status rc = lt__schema_build(memory, version, err);

    if (rc == LT_OK)
        rc = lt__db_open(s, &found.stmt, err, OBJECTS, "");
    if (rc == LT_OK)
        rc = lt__db_open(memory, &wanted.stmt, err, OBJECTS, "");
    if (rc == LT_OK)
        rc = objects_compare(&found, &wanted, to, err);
    sqlite3_finalize(found.stmt);
    sqlite3_finalize(wanted.stmt);
    return rc;
}

/* ---- all at once ---- */

lt_status lt__schema_digest(lt_store *s, char hex[LT_DIGEST_HEX], lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    lt_digest *d = NULL;
    bool row = true;
    lt_status rc = lt_digest_new(&d, err);

    if (rc == LT_OK)
        rc = lt__db_open(s, &stmt, err, OBJECTS, "");
    while (rc == LT_OK && (rc = lt__db_next(s, stmt, &row, err)) == LT_OK &&
           row)
        for (int i = 0; i < 2; i++) { /* with their ends */
            const char *text = lt__db_text(stmt, i);

            lt_digest_add(d, text, strlen(text) + 1);
        }
    if (rc == LT_OK)
        lt_digest_end(d, hex);
    sqlite3_finalize(stmt);
    lt_digest_free(d);
    return rc;
}

lt_status lt__schema_compare(lt_store *s, int64_t version,
                             const lt__schema_teller *to, lt_err *err)
{
    lt_store memory = {.path = (char *)"(memory)"};
    char hex[LT_DIGEST_HEX];
    lt_status rc;

    LT_ASSERT(version >= 0 && version <= LT__SCHEMA_VERSION);
    LT_TRY(lt__schema_digest(s, hex, err));
    if (version > 0 && strcmp(hex, lt__migrations[version - 1].digest) == 0)
        return LT_OK;
    if (sqlite3_open(":memory:", &memory.db) != SQLITE_OK)
        rc = lt__db_fail(&memory, err);
    else
        rc = schemas_compare(s, &memory, version, to, err);
    sqlite3_close(memory.db);
    return rc;
}

const char *lt__schema_fault_text(lt__schema_fault fault)
{
    return fault == LT__SCHEMA_MISSING   ? "is missing"
           : fault == LT__SCHEMA_CHANGED ? "was changed"
                                         : "is not latent's";
}
