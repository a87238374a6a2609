/* "latent.core.prepare": preparations fitted on a set, and pictures made of
 * pictures, as lua/latent/prepare.lua calls them. */
#include "bind/bind_int.h"

#include "latent/base/path.h"
#include "latent/data/patches.h"
#include "latent/data/prepare.h"

#include <limits.h>
#include <string.h>

#define PREP_TYPE "latent.preparation"
#define FILE_MOST ((size_t)2 << 30) /* bytes of one in a file */

static int prep_collect(lua_State *L)
{
    lt_prep **p = luaL_checkudata(L, 1, PREP_TYPE);

    lt_prep_free(*p);
    *p = NULL;
    return 0;
}

static const lt_prep *check_prep(lua_State *L, int index)
{
    lt_prep **p = luaL_checkudata(L, index, PREP_TYPE);

    if (!*p)
        luaL_error(L, "the preparation was closed");
    return *p;
}

static lt_status whiten_fit(lua_State *L, const lt_dataset *d, lt_prep **out,
                            lt_err *err)
{
    const lt_whiten_opts o = {
        .is_zca = strcmp(lt__get_string(L, 3, "method"), "zca") == 0,
        .components = (int)lt__get_integer(L, 3, "components"),
        .epsilon = lt__get_number(L, 3, "epsilon"),
        .is_trial = lt__get_boolean(L, 3, "is_trial"),
        .pool = lt__pool_of(L)};

    return lt_prep_whiten(d, &o, out, err);
}

/* prepare.fit("scale" | "standardise" | "whiten", set, options) -> preparation
 */
static int prepare_fit(lua_State *L)
{
    const char *kind = luaL_checkstring(L, 1);
    const lt_dataset *d = lt__check_set(L, 2);
    const char *per = lt__get_string(L, 3, "per");
    lt_prep_per which =
        per && strcmp(per, "set") == 0 ? LT_PREP_SET : LT_PREP_ELEMENT;
    lt_prep **out = lua_newuserdatauv(L, sizeof *out, 0);
    lt_err err = {0};
    lt_status rc;

    *out = NULL;
    luaL_setmetatable(L, PREP_TYPE);
    if (strcmp(kind, "scale") == 0)
        rc = lt_prep_scale(d, which, out, &err);
    else if (strcmp(kind, "standardise") == 0)
        rc = lt_prep_standardise(d, which, out, &err);
    else
        rc = whiten_fit(L, d, out, &err);
    return rc == LT_OK ? 1 : lt__raise(L, &err);
}

/* prepare.apply(preparation, set, is inverse, limit or 0) -> set */
static int prepare_apply(lua_State *L)
{
    const lt_prep *p = check_prep(L, 1);
    const lt_dataset *d = lt__check_set(L, 2);
    const lt_prep_opts o = {.is_inverse = lua_toboolean(L, 3),
                            .limit = (int)luaL_optinteger(L, 4, 0),
                            .pool = lt__pool_of(L)};
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc = lt_prep_apply(p, d, &o, out, &err);

    return lt__finish_set(L, rc, &err);
}

static void push_shape(lua_State *L, lt_shape shape)
{
    lua_createtable(L, shape.rank, 0);
    for (int i = 0; i < shape.rank; i++) {
        lua_pushinteger(L, shape.dim[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* prepare.shapes(preparation) -> of what goes in, of what comes out */
static int prepare_shapes(lua_State *L)
{
    const lt_prep *p = check_prep(L, 1);

    push_shape(L, lt_prep_input(p));
    push_shape(L, lt_prep_output(p));
    return 2;
}

/* ---- files ---- */

#define REAL_NAME (sizeof(lt_real) == 4 ? "F32" : "F64")

static void set_bytes(lua_State *L, const char *name, const void *values,
                      size_t size)
{
    if (!values)
        return;
    lua_pushlstring(L, values, size);
    lua_setfield(L, -2, name);
}

/* prepare.numbers(preparation) -> { shift =, factor = or forward =, backward =,
 * variances = } as bytes of F64, the matrices of the type that is returned
 * then */
static int prepare_numbers(lua_State *L)
{
    lt_prep_numbers n = lt_prep_look(check_prep(L, 1));
    size_t d = (size_t)lt_shape_elements(n.input);
    size_t matrix = (size_t)lt_shape_elements(n.output) * d;

    lua_createtable(L, 0, 5);
    set_bytes(L, "shift", n.shift, d * sizeof *n.shift);
    set_bytes(L, "factor", n.factor, d * sizeof *n.factor);
    set_bytes(L, "variances", n.variances, d * sizeof *n.variances);
    set_bytes(L, "forward", n.forward, matrix * sizeof *n.forward);
    set_bytes(L, "backward", n.backward, matrix * sizeof *n.backward);
    lua_pushstring(L, REAL_NAME);
    return 2;
}

/* Raises the fault of the file that argument 3 names. */
static int raise_of_file(lua_State *L, lt_err *err)
{
    lt_err_prefix(err, "%s", luaL_checkstring(L, 3));
    return lt__raise(L, err);
}

static lt_shape get_shape(lua_State *L, const char *name)
{
    int64_t elements = 1, dim[3] = {1, 1, 1};
    int rank;

    lua_getfield(L, 1, name);
    luaL_checktype(L, -1, LUA_TTABLE);
    rank = (int)luaL_len(L, -1);
    if (rank != 1 && rank != 3)
        raise_of_file(L, &(lt_err){LT_EFORMAT, "wanted shapes of 1 or 3 "
                                               "sizes"});
    for (int i = 0; i < rank; i++) {
        lua_rawgeti(L, -1, i + 1);
        dim[i] = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        lua_pop(L, 1);
        if (dim[i] < 1 || dim[i] > INT_MAX / elements)
            raise_of_file(L, &(lt_err){LT_EFORMAT, "wanted shapes of sizes "
                                                   "from 1"});
        elements *= dim[i];
    }
    lua_pop(L, 1);
    return rank == 1 ? lt_shape_flat((int)dim[0])
                     : lt_shape_image((int)dim[0], (int)dim[1], (int)dim[2]);
}

/* A field's bytes as `n` values of `size` bytes, which Lua owns: left on the
 * stack. NULL when there is no such field. */
static void *get_values(lua_State *L, const char *name, size_t n, size_t size)
{
    size_t found = 0;
    const char *bytes;
    void *copy;
    lt_err err = {0};

    lua_getfield(L, 1, name);
    bytes = lua_tolstring(L, -1, &found);
    if (!bytes)
        return NULL;
    if (found / size != n || found % size != 0) {
        lt_err_set(&err, LT_EFORMAT,
                   "%s: found %zu bytes, wanted %zu numbers of %zu", name,
                   found, n, size);
        raise_of_file(L, &err);
    }
    copy = lua_newuserdatauv(L, found, 0); /* aligned, as strings need not be */
    memcpy(copy, bytes, found);
    return copy;
}

/* A matrix of F32 or F64, as `type` says. */
static const lt_real *get_matrix(lua_State *L, const char *name, size_t n,
                                 const char *type)
{
    bool is_float = strcmp(type, "F32") == 0;
    const void *from = get_values(L, name, n, is_float ? 4 : 8);
    lt_real *out;

    if (!from || strcmp(type, REAL_NAME) == 0)
        return from;
    out = lua_newuserdatauv(L, n * sizeof *out, 0);
    for (size_t i = 0; i < n; i++)
        out[i] = is_float ? (lt_real)((const float *)from)[i]
                          : (lt_real)((const double *)from)[i];
    return out;
}

/* prepare.restore({ input = shape, output = shape, shift = bytes, ... }, type
 * of matrices, path for messages) -> preparation */
static int prepare_restore(lua_State *L)
{
    const char *type = luaL_checkstring(L, 2);
    lt_prep_numbers n = {.input = get_shape(L, "input"),
                         .output = get_shape(L, "output")};
    size_t d = (size_t)lt_shape_elements(n.input);
    size_t matrix = (size_t)lt_shape_elements(n.output) * d;
    lt_prep **out;
    lt_err err = {0};

    luaL_checkstack(L, 16, NULL);
    n.shift = get_values(L, "shift", d, sizeof *n.shift);
    n.factor = get_values(L, "factor", d, sizeof *n.factor);
    n.variances = get_values(L, "variances", d, sizeof *n.variances);
    n.forward = get_matrix(L, "forward", matrix, type);
    n.backward = get_matrix(L, "backward", matrix, type);
    out = lua_newuserdatauv(L, sizeof *out, 0);
    *out = NULL;
    luaL_setmetatable(L, PREP_TYPE);
    return lt_prep_copy(&n, out, &err) == LT_OK ? 1 : raise_of_file(L, &err);
}

/* prepare.write(path, bytes): whole or not at all; apart from other files, so
 * that a rehearsal can tell them apart */
static int prepare_write(lua_State *L)
{
    size_t size;
    const char *path = luaL_checkstring(L, 1);
    const char *bytes = luaL_checklstring(L, 2, &size);
    lt_err err = {0};

    if (lt_path_write(path, bytes, size, &err) != LT_OK)
        return lt__raise(L, &err);
    lt__saved(L, path);
    return 0;
}

/* prepare.read(path) -> bytes */
static int prepare_read(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};
    size_t size = 0;

    if (lt_path_read(path, FILE_MOST, &text->data, &size, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, text->data, size);
    return 1;
}

/* prepare.variances(preparation) -> along all axes, or nil */
static int prepare_variances(lua_State *L)
{
    const lt_prep *p = check_prep(L, 1);
    const double *variances = lt_prep_variances(p);
    int n = lt_shape_elements(lt_prep_input(p));

    if (!variances)
        return 0;
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushnumber(L, variances[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static void get_range(lua_State *L, const char *name, double out[2])
{
    lua_getfield(L, 2, name);
    for (int i = 0; i < 2; i++) {
        lua_rawgeti(L, -1, i + 1);
        out[i] = luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* prepare.patches(set, options, limit or 0) -> set */
static int prepare_patches(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    lt_patch_opts o = {.height = (int)lt__get_integer(L, 2, "height"),
                       .width = (int)lt__get_integer(L, 2, "width"),
                       .copies = (int)lt__get_integer(L, 2, "each"),
                       .n = (int)lt__get_integer(L, 2, "n"),
                       .pad = (int)lt__get_integer(L, 2, "pad"),
                       .seed = (uint64_t)lt__get_integer(L, 2, "seed"),
                       .name = lt__get_string(L, 2, "kind"),
                       .stream = lt__get_string(L, 2, "stream"),
                       .limit = (int)luaL_optinteger(L, 3, 0)};
    lt_dataset **out;
    lt_err err = {0};

    get_range(L, "rotate", o.rotate);
    get_range(L, "scale", o.scale);
    out = lt__push_set(L);
    return lt__finish_set(L, lt_patches_make(d, &o, out, &err), &err);
}

/* prepare.resize(set, height, width) -> set */
static int prepare_resize(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    int height = (int)luaL_checkinteger(L, 2);
    int width = (int)luaL_checkinteger(L, 3);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    return lt__finish_set(L, lt_resize_make(d, height, width, out, &err), &err);
}

int lt__open_prepare(lua_State *L)
{
    static const luaL_Reg functions[] = {{"fit", prepare_fit},
                                         {"apply", prepare_apply},
                                         {"shapes", prepare_shapes},
                                         {"numbers", prepare_numbers},
                                         {"restore", prepare_restore},
                                         {"write", prepare_write},
                                         {"read", prepare_read},
                                         {"variances", prepare_variances},
                                         {"patches", prepare_patches},
                                         {"resize", prepare_resize},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, PREP_TYPE, prep_collect);
    lua_pop(L, 1);
    return 1;
}
