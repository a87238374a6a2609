/* "latent.core.store": the store for Lua, to read.
 *
 *   core.open(path [, mode])  -> store, notice or nil; mode "read" (default),
 *                                "write" (the file must exist) or "create"
 *   store:runs([filter])      -> array of all columns of view runs by name,
 *                                config as a table, oldest first
 *   store:count([filter])     -> how many
 *   store:table(filter, {columns = {...}, order =, limit =})
 *                             -> array of rows by the columns' names
 *   store:keys([filter])      -> array of {key =, differs =, n =}
 *   store:metric(run, name)   -> steps, epochs, values, elapsed: four arrays
 *   store:finals(run)         -> name -> row of view finals
 *   store:artifacts(run)      -> array of rows, `file` the path from here
 *   store:sql(text, ...)      -> array of rows by name, array of names
 *   store:query(text, seconds, ...)
 *                             -> array of rows by number, array of names
 *   store:find(text)          -> id of a run      store:path()
 *   store:counts([sweep])     -> status -> number  store:source(hash) -> text
 *   store:reap()  -> number marked lost, or found (reader)  store:close()
 * A run is an id or a text as for find. NULL is nil; a metric's nan is nan.
 * Rows stream from SQLite straight into Lua tables. Queries are marked to be
 * closed, so that an error in between leaves none open. */
#include "bind/bind_int.h"

#include <math.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/store.h"

#define STORE_TYPE  "latent.store"
#define QUERY_TYPE  "latent.query"
#define FILTER_TYPE "latent.filter"
#define SQL_SECONDS 60

/* ---- handles ---- */

static int store_collect(lua_State *L)
{
    lt_store **s = luaL_checkudata(L, 1, STORE_TYPE);

    lt_store_close(*s);
    *s = NULL;
    return 0;
}

static int query_collect(lua_State *L)
{
    lt_query **q = luaL_checkudata(L, 1, QUERY_TYPE);

    lt_query_close(*q);
    *q = NULL;
    return 0;
}

static int filter_collect(lua_State *L)
{
    lt_filter **f = luaL_checkudata(L, 1, FILTER_TYPE);

    lt_filter_free(*f);
    *f = NULL;
    return 0;
}

lt_store *lt__check_store(lua_State *L)
{
    lt_store **s = luaL_checkudata(L, 1, STORE_TYPE);

    if (!*s)
        luaL_error(L, "the store is closed");
    return *s;
}

/* Closed when the C function returns or raises. */
static lt_query **new_query(lua_State *L)
{
    lt_query **q = lua_newuserdatauv(L, sizeof *q, 0);

    *q = NULL;
    luaL_setmetatable(L, QUERY_TYPE);
    lua_toclose(L, -1);
    return q;
}

static lt_filter *new_filter(lua_State *L, lt_store *s, int index)
{
    const char *text = luaL_optstring(L, index, NULL);
    lt_filter **f = lua_newuserdatauv(L, sizeof *f, 0);
    lt_err err = {0};

    *f = NULL;
    luaL_setmetatable(L, FILTER_TYPE);
    lua_toclose(L, -1);
    if (lt_filter_compile(s, text, f, &err) != LT_OK)
        lt__raise(L, &err);
    return *f;
}

/* An id, or a text for lt_store_find_run. */
static int64_t check_run(lua_State *L, lt_store *s, int index)
{
    lt_err err = {0};
    int64_t run = 0;

    if (lua_isinteger(L, index))
        return lua_tointeger(L, index);
    if (lt_store_find_run(s, luaL_checkstring(L, index), &run, &err) != LT_OK)
        lt__raise(L, &err);
    return run;
}

/* ---- rows ---- */

static void push_value(lua_State *L, const lt_query *q, int column)
{
    lt_value v;

    lt_query_value(q, column, &v);
    switch (v.type) {
    case LT_VALUE_INTEGER:
        lua_pushinteger(L, v.integer);
        break;
    case LT_VALUE_REAL:
        lua_pushnumber(L, v.real);
        break;
    case LT_VALUE_TEXT:
    case LT_VALUE_BLOB:
        lua_pushlstring(L, v.text ? v.text : "", v.size);
        break;
    case LT_VALUE_NULL:
        lua_pushnil(L);
        break;
    }
}

static bool query_step(lua_State *L, lt_query *q)
{
    lt_err err = {0};
    bool row = false;

    if (lt_query_next(q, &row, &err) != LT_OK)
        lt__raise(L, &err);
    return row;
}

/* Pushes an array of the names of the columns. */
static void push_names(lua_State *L, const lt_query *q)
{
    int n = lt_query_columns(q);

    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(L, lt_query_column_name(q, i));
        lua_rawseti(L, -2, i + 1);
    }
}

/* Pushes the row under way; its keys are in the array at `names`, or numbers
 * when that is 0. */
static void push_row(lua_State *L, const lt_query *q, int names)
{
    int n = lt_query_columns(q);

    lua_createtable(L, names ? 0 : n, names ? n : 0);
    for (int i = 0; i < n; i++) {
        push_value(L, q, i);
        if (names) {
            lua_rawgeti(L, names, i + 1);
            lua_insert(L, -2);
            lua_rawset(L, -3);
        } else {
            lua_rawseti(L, -2, i + 1);
        }
    }
}

/* Pushes the array of names and an empty table; where the array is. */
static int push_start(lua_State *L, const lt_query *q)
{
    push_names(L, q);
    lua_newtable(L);
    return lua_gettop(L) - 1;
}

/* Pushes the array of all rows. */
static void push_rows(lua_State *L, lt_query *q, int names)
{
    lua_newtable(L);
    for (lua_Integer n = 1; query_step(L, q); n++) {
        push_row(L, q, names);
        lua_rawseti(L, -2, n);
    }
}

/* Binds the arguments from `first` on. */
static void bind_arguments(lua_State *L, lt_query *q, int first, int last)
{
    for (int i = first; i <= last; i++) {
        lt_value v = {.type = LT_VALUE_NULL};
        lt_err err = {0};

        if (lua_isinteger(L, i)) {
            v = (lt_value){.type = LT_VALUE_INTEGER,
                           .integer = lua_tointeger(L, i)};
        } else if (lua_type(L, i) == LUA_TNUMBER) {
            v = (lt_value){.type = LT_VALUE_REAL, .real = lua_tonumber(L, i)};
        } else if (lua_isboolean(L, i)) {
            v = (lt_value){.type = LT_VALUE_INTEGER,
                           .integer = lua_toboolean(L, i)};
        } else if (!lua_isnil(L, i)) {
            v.text = luaL_checklstring(L, i, &v.size);
            v.type = LT_VALUE_TEXT;
        }
        if (lt_query_bind(q, i - first + 1, &v, &err) != LT_OK)
            lt__raise(L, &err);
    }
}

/* A query of our own about one run; its first '?' is the id. */
static lt_query *query_run(lua_State *L, lt_store *s, const char *sql,
                           int64_t run)
{
    lt_value id = {.type = LT_VALUE_INTEGER, .integer = run};
    lt_query **q = new_query(L);
    lt_err err = {0};

    if (lt_query_open(s, sql, 0, q, &err) != LT_OK ||
        lt_query_bind(*q, 1, &id, &err) != LT_OK)
        lt__raise(L, &err);
    return *q;
}

/* ---- methods ---- */

static int store_open(lua_State *L)
{
    static const char *const modes[] = {"read", "write", "create", NULL};
    const char *path = luaL_checkstring(L, 1);
    int mode = luaL_checkoption(L, 2, "read", modes);
    lt_store **s = lua_newuserdatauv(L, sizeof *s, 0);
    lt_err err = {0};

    *s = NULL;
    luaL_setmetatable(L, STORE_TYPE);
    if (lt_store_open(path, (lt_store_mode)mode, s, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushstring(L, lt_store_notice(*s));
    return 2;
}

/* The user's query at 2, with arguments from `first` on; left on the stack. */
static lt_query *query_text(lua_State *L, double seconds, int first)
{
    lt_store *s = lt__check_store(L);
    const char *sql = luaL_checkstring(L, 2);
    int top = lua_gettop(L);
    lt_query **q = new_query(L);
    lt_err err = {0};

    if (lt_query_open(s, sql, seconds, q, &err) != LT_OK)
        lt__raise(L, &err);
    bind_arguments(L, *q, first, top);
    return *q;
}

static int store_sql(lua_State *L)
{
    lt_query *q = query_text(L, SQL_SECONDS, 3);

    push_names(L, q);
    push_rows(L, q, lua_gettop(L));
    lua_insert(L, -2);
    return 2;
}

static int store_query(lua_State *L)
{
    lt_query *q = query_text(L, luaL_optnumber(L, 3, SQL_SECONDS), 4);

    push_rows(L, q, 0);
    push_names(L, q);
    return 2;
}

/* Replaces the text of the field `config` of the row on top by its table. */
static void decode_config(lua_State *L)
{
    json_t **config;
    lt_err err = {0};
    const char *text;
    size_t size;

    lua_getfield(L, -1, "config");
    text = luaL_checklstring(L, -1, &size);
    config = lt__new_json_guard(L);
    if (lt_json_parse(text, size, "config", config, &err) != LT_OK)
        lt__raise(L, &err);
    lt__push_json(L, *config);
    lua_setfield(L, -4, "config");
    json_decref(*config); /* not left to the collector: 10,000 runs */
    *config = NULL;
    lua_pop(L, 2);
}

static int store_runs(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_filter *f = new_filter(L, s, 2);
    lt_query **q = new_query(L);
    lt_err err = {0};
    int names;

    if (lt_filter_open(f, q, &err) != LT_OK)
        return lt__raise(L, &err);
    names = push_start(L, *q);
    for (lua_Integer n = 1; query_step(L, *q); n++) {
        push_row(L, *q, names);
        decode_config(L);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

static int store_count(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_filter *f = new_filter(L, s, 2);
    int64_t *ids = NULL;
    lt_err err = {0};
    int n = 0;

    if (lt_filter_runs(f, &ids, &n, &err) != LT_OK)
        return lt__raise(L, &err);
    lt_mem_free(ids);
    lua_pushinteger(L, n);
    return 1;
}

/* The names in the array at `index`, in memory that Lua owns; the array
 * keeps the texts. */
static const char *const *check_columns(lua_State *L, int index, int *n)
{
    const char **columns;

    *n = (int)lua_rawlen(L, index);
    if (*n < 1 || *n > 1000)
        luaL_error(L, "columns: found %d names, wanted 1 to 1000", *n);
    columns = lua_newuserdatauv(L, (size_t)*n * sizeof *columns, 0);
    for (int i = 0; i < *n; i++) {
        if (lua_rawgeti(L, index, i + 1) != LUA_TSTRING)
            luaL_error(L, "columns: number %d is no name", i + 1);
        columns[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return columns;
}

/* The row on top has NaN where the filter's table has a blob. */
static void decode_nan(lua_State *L, const lt_query *q, int names)
{
    for (int i = 0; i < lt_query_columns(q); i++) {
        lt_value v;

        lt_query_value(q, i, &v);
        if (v.type == LT_VALUE_BLOB) {
            lua_rawgeti(L, names, i + 1);
            lua_pushnumber(L, (lua_Number)NAN);
            lua_rawset(L, -3);
        }
    }
}

static int store_table(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_table_spec spec = {0};
    lt_err err = {0};
    lt_filter *f;
    lt_query **q;

    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    if (lua_getfield(L, 3, "columns") != LUA_TTABLE)
        luaL_error(L, "columns: wanted an array of names");
    spec.columns = check_columns(L, 4, &spec.n_columns);
    spec.order = lt__get_string(L, 3, "order"); /* the table keeps it */
    lua_getfield(L, 3, "limit");
    spec.limit = luaL_optinteger(L, -1, 0);
    f = new_filter(L, s, 2);
    q = new_query(L);
    if (lt_filter_table(f, &spec, q, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_newtable(L);
    for (lua_Integer n = 1; query_step(L, *q); n++) {
        push_row(L, *q, 4);
        decode_nan(L, *q, 4);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

static int store_keys(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_filter *f = new_filter(L, s, 2);
    lt_query **q = new_query(L);
    lt_err err = {0};
    int names;

    if (lt_filter_keys(f, q, &err) != LT_OK)
        return lt__raise(L, &err);
    names = push_start(L, *q);
    for (lua_Integer n = 1; query_step(L, *q); n++) {
        push_row(L, *q, names);
        lua_getfield(L, -1, "differs");
        lua_pushboolean(L, lua_tointeger(L, -1) != 0);
        lua_setfield(L, -3, "differs");
        lua_pop(L, 1);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

/* Arrays at base + 1 .. base + 4: step, epoch, value, elapsed. */
static void push_point(lua_State *L, const lt_query *q, int base, lua_Integer n)
{
    for (int i = 0; i < 4; i++) {
        push_value(L, q, i);
        if (lua_isnil(L, -1)) { /* SQLite has no nan */
            lua_pop(L, 1);
            lua_pushnumber(L, (lua_Number)NAN);
        }
        lua_rawseti(L, base + 1 + i, n);
    }
}

static int store_metric(lua_State *L)
{
    static const char sql[] = "SELECT step, epoch, value, elapsed FROM metrics"
                              " WHERE run = ? AND name = ? ORDER BY seq";
    lt_store *s = lt__check_store(L);
    lt_value name = {.type = LT_VALUE_TEXT};
    lt_err err = {0};
    lt_query *q;
    int base;

    name.text = luaL_checklstring(L, 3, &name.size);
    q = query_run(L, s, sql, check_run(L, s, 2));
    if (lt_query_bind(q, 2, &name, &err) != LT_OK)
        return lt__raise(L, &err);
    base = lua_gettop(L);
    for (int i = 0; i < 4; i++)
        lua_newtable(L);
    for (lua_Integer n = 1; query_step(L, q); n++)
        push_point(L, q, base, n);
    return 4;
}

static int store_finals(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_query *q =
        query_run(L, s, "SELECT * FROM finals WHERE run = ? ORDER BY name",
                  check_run(L, s, 2));
    int names = push_start(L, q);

    while (query_step(L, q)) {
        push_row(L, q, names);
        lua_getfield(L, -1, "name");
        lua_insert(L, -2);
        lua_rawset(L, -3);
    }
    return 1;
}

/* The path from here of an artifact's path below the store's folder. */
static void push_file(lua_State *L, const lt_store *s, const char *path)
{
    const char *store = lt_store_path(s), *slash = strrchr(store, '/');

    if (*path == '/' || !slash) {
        lua_pushstring(L, path);
        return;
    }
    lua_pushlstring(L, store, (size_t)(slash - store) + 1);
    lua_pushstring(L, path);
    lua_concat(L, 2);
}

static int store_artifacts(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_query *q =
        query_run(L, s, "SELECT * FROM artifacts WHERE run = ? ORDER BY name",
                  check_run(L, s, 2));
    int names = push_start(L, q);

    for (lua_Integer n = 1; query_step(L, q); n++) {
        push_row(L, q, names);
        lua_getfield(L, -1, "path");
        push_file(L, s, lua_tostring(L, -1));
        lua_setfield(L, -3, "file");
        lua_pop(L, 1);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

static int store_find(lua_State *L)
{
    lua_pushinteger(L, check_run(L, lt__check_store(L), 2));
    return 1;
}

static int store_counts(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    int counts[LT_RUN_STATUS_COUNT];
    lt_err err = {0};

    if (lt_store_sweep_counts(s, luaL_optinteger(L, 2, 0), counts, &err) !=
        LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, LT_RUN_STATUS_COUNT);
    for (int i = 0; i < LT_RUN_STATUS_COUNT; i++) {
        lua_pushinteger(L, counts[i]);
        lua_setfield(L, -2, lt_run_status_name((lt_run_status)i));
    }
    return 1;
}

static int store_source(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    const char *hash = luaL_checkstring(L, 2);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};

    if (lt_store_get_source(s, hash, text, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    return 1;
}

static int store_reap(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_err err = {0};
    int n = 0;

    if (lt_store_reap(s, &n, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushinteger(L, n);
    return 1;
}

static int store_path(lua_State *L)
{
    lua_pushstring(L, lt_store_path(lt__check_store(L)));
    return 1;
}

static int store_tostring(lua_State *L)
{
    lt_store **s = luaL_checkudata(L, 1, STORE_TYPE);

    if (*s)
        lua_pushfstring(L, "store (%s)", lt_store_path(*s));
    else
        lua_pushliteral(L, "store (closed)");
    return 1;
}

int lt__open_store(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"sql", store_sql},       {"query", store_query},
        {"runs", store_runs},     {"count", store_count},
        {"table", store_table},   {"keys", store_keys},
        {"metric", store_metric}, {"finals", store_finals},
        {"find", store_find},     {"artifacts", store_artifacts},
        {"counts", store_counts}, {"source", store_source},
        {"reap", store_reap},     {"path", store_path},
        {"close", store_collect}, {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"open", store_open}, {NULL, NULL}};

    lt__new_type(L, QUERY_TYPE, query_collect);
    lt__new_type(L, FILTER_TYPE, filter_collect);
    lt__new_type(L, STORE_TYPE, store_collect);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, store_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 3);
    luaL_newlib(L, functions);
    return 1;
}
