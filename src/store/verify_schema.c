/* The schema that a store has against the one that this program would make
 * (schema_guard.c). A trigger or a view that a stranger added or changed could
 * otherwise show anything.
 *
 * Tables that are not as they should be are not read after that: in the place
 * of one there may be a view that never ends; nor are those that others added
 * with expressions, which quick_check would evaluate. */
#include "store/schema_guard.h"
#include "store/verify_int.h"

#include <string.h>

static void object_tell(void *self, const char *object, lt__schema_fault fault)
{
    lt__verify *v = self;
    bool is_table = strncmp(object, "table ", 6) == 0;
    bool is_index = strncmp(object, "index ", 6) == 0;

    lt__verify_wrong(v, "schema: %s %s", object, lt__schema_fault_text(fault));
    if (is_table || (is_index && fault != LT__SCHEMA_MISSING))
        v->is_strange = true;
}

lt_status lt__verify_schema(lt__verify *v, lt_err *err)
{
    const lt__schema_teller to = {object_tell, v};
    int64_t version = 0, id = 0;

    LT_TRY(lt__db_integer(v->store, &version, err, "PRAGMA user_version", ""));
    LT_TRY(lt__db_integer(v->store, &id, err, "PRAGMA application_id", ""));
    if (id != LT__APPLICATION_ID)
        lt__verify_wrong(v, "database: application id %lld, wanted %d",
                         (long long)id, LT__APPLICATION_ID);
    if (version >= 1 && version <= lt__schema_version())
        return lt__schema_compare(v->store, version, &to, err);
    lt__verify_wrong(v, "schema: version %lld, this program knows 1 to %lld",
                     (long long)version, (long long)lt__schema_version());
    v->is_strange = true;
    return LT_OK;
}
