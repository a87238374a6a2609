/* "latent.core.files": sets that are read from files, as
 * lua/latent/data_files.lua calls them. Each function takes the options that
 * Lua has checked and gives a set; cifar10 gives a pair. */
#include "bind/bind_int.h"

#include "latent/data/catalog.h"
#include "latent/data/csv.h"
#include "latent/data/dataset.h"
#include "latent/data/npy.h"
#include "latent/data/pictures.h"

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

    if (lua_getfield(L, 1, name) == LUA_TTABLE) {
        shape.rank = (int)luaL_len(L, -1);
        luaL_argcheck(L, shape.rank == 1 || shape.rank == 3, 1,
                      "a shape has 1 or 3 numbers");
        for (int i = 0; i < shape.rank; i++) {
            lua_rawgeti(L, -1, i + 1);
            shape.dim[i] = (int)luaL_checkinteger(L, -1);
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
 * limit } -> set */
static int files_csv(lua_State *L)
{
    const lt_csv_opts opts = {
        .separator = separator_of(lt__get_string(L, 1, "separator")),
        .header = header_get(L),
        .missing = lt__get_boolean(L, 1, "missing"),
        .label = lt__get_string(L, 1, "label"),
        .label_column = (int)lt__get_integer(L, 1, "label_column"),
        .shape = shape_get(L, "shape"),
        .limit = (int)lt__get_integer(L, 1, "limit"),
    };
    const char *path = lt__get_string(L, 1, "path");
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return lt__finish_set(L, lt_csv_load(path, &opts, out, &err), &err);
}

/* files.pictures { dir, channels, labels, limit } -> set */
static int files_pictures(lua_State *L)
{
    const lt_pictures_opts opts = {
        .channels = (int)lt__get_integer(L, 1, "channels"),
        .labels = lt__get_boolean(L, 1, "labels"),
        .limit = (int)lt__get_integer(L, 1, "limit"),
    };
    const char *dir = lt__get_string(L, 1, "dir");
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return lt__finish_set(L, lt_pictures_load(dir, &opts, out, &err), &err);
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
    return 1;
}
