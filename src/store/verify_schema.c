/* The schema that a store has against the one that this program would make:
 * made, in memory, and compared text by text. A trigger or a view that a
 * stranger added or changed could otherwise show anything.
 *
 * Tables that are not as they should be are not read after that: in the place
 * of one there may be a view that never ends. */
#include "store/verify_int.h"

#include <string.h>

#define OBJECTS                                                                \
    "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema"         \
    " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"

typedef struct side {
    lt_store *store;
    sqlite3_stmt *stmt;
    bool row;
} side;

static lt_status side_next(side *s, lt_err *err)
{
    return lt__db_next(s->store, s->stmt, &s->row, err);
}

/* What is wrong with `object`, "table run"; `is_ours`: that latent makes. */
static void tell_object(lt__verify *v, const char *object, const char *what,
                        bool is_ours)
{
    lt__verify_wrong(v, "schema: %s %s", object, what);
    v->is_strange |= is_ours && strncmp(object, "table ", 6) == 0;
}

static lt_status compare_objects(lt__verify *v, side *found, side *wanted,
                                 lt_err *err)
{
    LT_TRY(side_next(found, err));
    LT_TRY(side_next(wanted, err));
    while (found->row || wanted->row) {
        const char *a = lt__db_text(found->stmt, 0);
        const char *b = lt__db_text(wanted->stmt, 0);
        int order = !found->row ? 1 : !wanted->row ? -1 : strcmp(a, b);

        if (order < 0)
            tell_object(v, a, "is not latent's", false);
        else if (order > 0)
            tell_object(v, b, "is missing", true);
        else if (strcmp(lt__db_text(found->stmt, 1),
                        lt__db_text(wanted->stmt, 1)) != 0)
            tell_object(v, a, "was changed", true);
        if (order <= 0)
            LT_TRY(side_next(found, err));
        if (order >= 0)
            LT_TRY(side_next(wanted, err));
    }
    return LT_OK;
}

static lt_status compare_schemas(lt__verify *v, lt_store *memory,
                                 int64_t version, lt_err *err)
{
    side found = {.store = v->store}, wanted = {.store = memory};
    lt_status rc = lt__schema_build(memory, version, err);

    if (rc == LT_OK)
        rc = lt__db_open(v->store, &found.stmt, err, OBJECTS, "");
    if (rc == LT_OK)
        rc = lt__db_open(memory, &wanted.stmt, err, OBJECTS, "");
    if (rc == LT_OK)
        rc = compare_objects(v, &found, &wanted, err);
    sqlite3_finalize(found.stmt);
    sqlite3_finalize(wanted.stmt);
    return rc;
}

lt_status lt__verify_schema(lt__verify *v, lt_err *err)
{
    lt_store memory = {.path = (char *)"(memory)"};
    int64_t version = 0, id = 0;
    lt_status rc;

    LT_TRY(lt__db_integer(v->store, &version, err, "PRAGMA user_version", ""));
    LT_TRY(lt__db_integer(v->store, &id, err, "PRAGMA application_id", ""));
    if (id != LT__APPLICATION_ID)
        lt__verify_wrong(v, "database: application id %lld, wanted %d",
                         (long long)id, LT__APPLICATION_ID);
    if (version < 1 || version > lt__schema_version()) {
        lt__verify_wrong(v,
                         "schema: version %lld, this program knows 1 to %lld",
                         (long long)version, (long long)lt__schema_version());
        v->is_strange = true;
        return LT_OK;
    }
    if (sqlite3_open(":memory:", &memory.db) != SQLITE_OK)
        rc = lt__db_fail(&memory, err);
    else
        rc = compare_schemas(v, &memory, version, err);
    sqlite3_close(memory.db);
    return rc;
}
