/* JSON and Lua values, both ways, and the module "latent.core.json".
 *
 * Integers stay integers and reals reals: Lua's subtype is JSON's dot. A
 * table whose keys are 1..n is an array, one whose keys are strings an
 * object, an empty one an object. What has no place in JSON (functions, mixed
 * keys, NaN, cycles) is an error that names its path. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 64

static int guard_collect(lua_State *L)
{
    json_t **value = luaL_checkudata(L, 1, "latent.json");

    json_decref(*value);
    *value = NULL;
    return 0;
}

json_t **lt__new_json_guard(lua_State *L)
{
    json_t **value = lua_newuserdatauv(L, sizeof *value, 0);

    *value = NULL;
    if (luaL_getmetatable(L, "latent.json") == LUA_TNIL) {
        lua_pop(L, 1);
        lt__new_type(L, "latent.json", guard_collect);
    }
    lua_setmetatable(L, -2);
    return value;
}

static void push_array(lua_State *L, const json_t *value)
{
    size_t n = json_array_size(value);

    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lt__push_json(L, json_array_get(value, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* jansson's iterators take a json_t that is not const, but change nothing. */
static void push_object(lua_State *L, json_t *value)
{
    const char *key;
    json_t *item;

    lua_createtable(L, 0, (int)json_object_size(value));
    json_object_foreach(value, key, item)
    {
        lt__push_json(L, item);
        lua_setfield(L, -2, key);
    }
}

void lt__push_json(lua_State *L, const json_t *value)
{
    luaL_checkstack(L, 8, "JSON");
    if (json_is_object(value))
        push_object(L, (json_t *)(uintptr_t)value);
    else if (json_is_array(value))
        push_array(L, value);
    else if (json_is_string(value))
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        lua_pushinteger(L, json_integer_value(value));
    else if (json_is_real(value))
        lua_pushnumber(L, json_real_value(value));
    else if (json_is_boolean(value))
        lua_pushboolean(L, json_is_true(value));
    else
        lua_pushnil(L);
}

/* ---- from Lua ---- */

/* Where in the value we are: a chain of keys from the innermost out. */
typedef struct place {
    const struct place *parent;
    const char *key;   /* or NULL for an array's ... */
    lua_Integer index; /* ... element */
    int depth;
} place;

static void place_text(const place *p, lt_text *out)
{
    if (!p || !p->parent)
        return;
    place_text(p->parent, out);
    if (p->key)
        lt_text_addf(out, "%s%s", out->size ? "." : "", p->key);
    else
        lt_text_addf(out, "[%lld]", (long long)p->index);
}

static lt_status place_error(const place *p, const char *found, lt_err *err)
{
    lt_text path = {0};

    if (lt_json_lacked_memory())
        return lt_err_set(err, LT_ENOMEM, "JSON: out of memory");
    place_text(p, &path);
    lt_err_set(err, LT_EINVAL, "%s%s%s, wanted what JSON can hold",
               lt_text_str(&path), path.size ? ": found " : "found ", found);
    lt_text_deinit(&path);
    return LT_EINVAL;
}

static lt_status value_to_json(lua_State *L, int index, const place *p,
                               json_t **out, lt_err *err);

static lt_status array_to_json(lua_State *L, int index, const place *p,
                               json_t **out, lt_err *err)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);
    json_t *array = json_array();
    lt_status rc = array ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    for (lua_Integer i = 1; i <= n && rc == LT_OK; i++) {
        place here = {p, NULL, i, p->depth + 1};
        json_t *item = NULL;

        lua_rawgeti(L, index, i);
        rc = value_to_json(L, lua_gettop(L), &here, &item, err);
        lua_pop(L, 1);
        if (rc == LT_OK && json_array_append_new(array, item) != 0)
            rc = lt_err_mark(err, LT_ENOMEM);
    }
    if (rc == LT_OK)
        *out = array;
    else
        json_decref(array);
    return rc;
}

/* One field, key and value on top of the stack; pops the value. */
static lt_status field_to_json(lua_State *L, const place *p, json_t *object,
                               lt_err *err)
{
    place here = {p, NULL, 0, p->depth + 1};
    json_t *item = NULL;
    lt_status rc;

    if (lua_type(L, -2) != LUA_TSTRING) {
        lua_pop(L, 1);
        return place_error(p, "a table with both names and numbers as keys",
                           err);
    }
    here.key = lua_tostring(L, -2);
    rc = value_to_json(L, lua_gettop(L), &here, &item, err);
    lua_pop(L, 1);
    if (rc == LT_OK && json_object_set_new(object, here.key, item) != 0)
        rc = place_error(&here, "a key that is not UTF-8", err);
    return rc;
}

static lt_status object_to_json(lua_State *L, int index, const place *p,
                                json_t **out, lt_err *err)
{
    json_t *object = json_object();
    lt_status rc = object ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    lua_pushnil(L);
    while (rc == LT_OK && lua_next(L, index))
        rc = field_to_json(L, p, object, err);
    if (rc == LT_OK) {
        *out = object;
    } else {
        lua_pop(L, 1); /* the key */
        json_decref(object);
    }
    return rc;
}

static lt_status table_to_json(lua_State *L, int index, const place *p,
                               json_t **out, lt_err *err)
{
    if (p->depth >= MAX_DEPTH || !lua_checkstack(L, 8))
        return place_error(NULL, "a table nested too deep, or in itself", err);
    return lua_rawlen(L, index) > 0 ? array_to_json(L, index, p, out, err)
                                    : object_to_json(L, index, p, out, err);
}

static lt_status number_to_json(lua_State *L, int index, const place *p,
                                json_t **out, lt_err *err)
{
    lua_Number x = lua_tonumber(L, index);

    if (lua_isinteger(L, index))
        *out = json_integer(lua_tointeger(L, index));
    else if (isfinite(x))
        *out = json_real(x);
    else
        return place_error(p, isnan(x) ? "nan" : "an infinite number", err);
    return *out ? LT_OK : lt_err_mark(err, LT_ENOMEM);
}

static lt_status value_to_json(lua_State *L, int index, const place *p,
                               json_t **out, lt_err *err)
{
    size_t size;
    const char *text;

    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        return table_to_json(L, index, p, out, err);
    case LUA_TNUMBER:
        return number_to_json(L, index, p, out, err);
    case LUA_TBOOLEAN:
        *out = json_boolean(lua_toboolean(L, index));
        return LT_OK;
    case LUA_TNIL:
        *out = json_null();
        return LT_OK;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &size);
        *out = json_stringn(text, size);
        return *out ? LT_OK : place_error(p, "text that is not UTF-8", err);
    default:
        return place_error(p, luaL_typename(L, index), err);
    }
}

lt_status lt__to_json(lua_State *L, int index, json_t **out, lt_err *err)
{
    place root = {NULL, NULL, 0, 0};
    int top = lua_gettop(L);
    lt_status rc;

    if (!lua_checkstack(L, 8))
        return lt_err_mark(err, LT_ENOMEM);
    (void)lt_json_lacked_memory(); /* before this */
    rc = value_to_json(L, lua_absindex(L, index), &root, out, err);
    lua_settop(L, top);
    return rc;
}

/* ---- the module ---- */

/* json.encode(value) -> canonical text */
static int json_encode(lua_State *L)
{
    json_t **value = lt__new_json_guard(L);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};

    if (lt__to_json(L, 1, value, &err) != LT_OK ||
        lt_json_dump(*value, text, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    return 1;
}

/* json.try(text) -> value; nil and a message when it is no JSON */
static int json_try(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    json_t **value = lt__new_json_guard(L);
    lt_err err = {0};
    lt_status rc = lt_json_parse(text, size, "JSON", value, &err);

    if (rc == LT_OK) {
        lt__push_json(L, *value);
        return 1;
    }
    if (rc != LT_EFORMAT)
        return lt__raise(L, &err);
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

/* json.decode(text [, what]) -> value */
static int json_decode(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const char *what = luaL_optstring(L, 2, "JSON");
    json_t **value = lt__new_json_guard(L);
    lt_err err = {0};

    if (lt_json_parse(text, size, what, value, &err) != LT_OK)
        return lt__raise(L, &err);
    lt__push_json(L, *value);
    return 1;
}

int lt__open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"encode", json_encode},
                                         {"decode", json_decode},
                                         {"try", json_try},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
