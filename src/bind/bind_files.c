/* "latent.core.files": sets that are read from files, as
 * lua/latent/data_files.lua calls them. Each function takes the options that
 * Lua has checked and gives a set; cifar10 gives a pair. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/data/catalog.h"
#include "latent/data/classes.h"
#include "latent/data/csv.h"
#include "latent/data/dataset.h"
#include "latent/data/npy.h"
#include "latent/data/pictures.h"

#include <limits.h>

#define CLASSES_TYPE "latent.classes"

/* ---- names of classes ---- */

static int classes_collect(lua_State *L)
{
    lt_classes_deinit(luaL_checkudata(L, 1, CLASSES_TYPE));
    return 0;
}

/* Pushes a collectable copy of the option `classes`, empty when it is nil. */
static lt_classes *push_classes(lua_State *L)
{
    lt_classes *c = lua_newuserdatauv(L, sizeof *c, 0);
    int n = 0;

    c->n = 0;
    luaL_setmetatable(L, CLASSES_TYPE);
    if (lua_getfield(L, 1, "classes") == LUA_TTABLE)
        n = (int)luaL_len(L, -1);
    luaL_argcheck(L, n <= LT_CLASSES_MOST, 1, "over 256 classes");
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        if (!lt_classes_add(c, luaL_checkstring(L, -1)))
            lt__raise(L, &(lt_err){LT_ENOMEM, "classes: out of memory"});
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return c;
}

/* The set is on top of the stack; returns it and a list of names, or nil. */
static int finish_with_classes(lua_State *L, lt_status rc, const lt_err *err,
                               const lt_classes *c)
{
    lt__finish_set(L, rc, err);
    if (c->n == 0) {
        lua_pushnil(L);
        return 2;
    }
    lua_createtable(L, c->n, 0);
    for (int i = 0; i < c->n; i++) {
        lua_pushstring(L, c->names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 2;
}

/* ---- files ---- */

/* files.npy { images, labels, limit, missing } -> set */
static int files_npy(lua_State *L)
{
    const lt_npy_opts opts = {
        .labels = lt__get_string(L, 1, "labels"),
        .limit = (int)lt__get_integer(L, 1, "limit"),
        .missing = lt__get_boolean(L, 1, "missing"),
    };
    const char *path = lt__get_string(L, 1, "images");
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return lt__finish_set(L, lt_npy_load(path, &opts, out, &err), &err);
}

/* {elements} or {channels, height, width}; nil gives rank 0. */
static lt_shape shape_get(lua_State *L, const char *name)
{
    lt_shape shape = {0, {1, 1, 1}};
    lua_Integer elements = 1, size;

    if (lua_getfield(L, 1, name) == LUA_TTABLE) {
        shape.rank = (int)luaL_len(L, -1);
        luaL_argcheck(L, shape.rank == 1 || shape.rank == 3, 1,
                      "a shape has 1 or 3 numbers");
        for (int i = 0; i < shape.rank; i++) {
            lua_rawgeti(L, -1, i + 1);
            size = luaL_checkinteger(L, -1);
            luaL_argcheck(L, size >= 1 && size <= INT_MAX / elements, 1,
                          "a shape has sizes from 1 to 2147483647 in all");
            shape.dim[i] = (int)size;
            elements *= size;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return shape;
}

static lt_csv_header header_get(lua_State *L)
{
    bool is_given = lua_getfield(L, 1, "header") != LUA_TNIL;
    bool is_there = lua_toboolean(L, -1);

    lua_pop(L, 1);
    if (!is_given)
        return LT_CSV_DETECT;
    return is_there ? LT_CSV_HEADER : LT_CSV_NO_HEADER;
}

/* "," or ";" or "tab" or NULL */
static char separator_of(const char *name)
{
    if (!name)
        return '\0';
    return name[0] == 't' ? '\t' : name[0];
}

/* files.csv { path, separator, header, missing, label, label_column, shape,
 * limit, classes } -> set, classes or nil */
static int files_csv(lua_State *L)
{
    lt_classes *classes = push_classes(L);
    const lt_csv_opts opts = {
        .separator = separator_of(lt__get_string(L, 1, "separator")),
        .header = header_get(L),
        .missing = lt__get_boolean(L, 1, "missing"),
        .label = lt__get_string(L, 1, "label"),
        .label_column = (int)lt__get_integer(L, 1, "label_column"),
        .shape = shape_get(L, "shape"),
        .limit = (int)lt__get_integer(L, 1, "limit"),
        .classes = classes,
    };
    const char *path = lt__get_string(L, 1, "path");
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return finish_with_classes(L, lt_csv_load(path, &opts, out, &err), &err,
                               classes);
}

/* files.pictures { dir, channels, labels, limit, classes } -> set, classes or
 * nil */
static int files_pictures(lua_State *L)
{
    lt_classes *classes = push_classes(L);
    const lt_pictures_opts opts = {
        .channels = (int)lt__get_integer(L, 1, "channels"),
        .labels = lt__get_boolean(L, 1, "labels"),
        .limit = (int)lt__get_integer(L, 1, "limit"),
        .classes = classes,
    };
    const char *dir = lt__get_string(L, 1, "dir");
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return finish_with_classes(L, lt_pictures_load(dir, &opts, out, &err), &err,
                               classes);
}

static lt_status cifar10_make(lua_State *L, lt_data_pair *out, lt_err *err)
{
    return lt_catalog_cifar10(lt__get_string(L, 1, "dir"), out, err);
}

/* files.cifar10({ dir }, cache key) -> train, test */
static int files_cifar10(lua_State *L)
{
    return lt__push_pair(L, luaL_checkstring(L, 2), cifar10_make);
}

int lt__open_files(lua_State *L)
{
    static const luaL_Reg functions[] = {{"npy", files_npy},
                                         {"csv", files_csv},
                                         {"pictures", files_pictures},
                                         {"cifar10", files_cifar10},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, CLASSES_TYPE, classes_collect);
    lua_pop(L, 1);
    return 1;
}
