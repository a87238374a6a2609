/* "latent.core.prepare": preparations fitted on a set, and pictures made of
 * pictures, as lua/latent/prepare.lua calls them. */
#include "bind/bind_int.h"

#include "latent/data/patches.h"
#include "latent/data/prepare.h"

#include <string.h>

#define PREP_TYPE "latent.preparation"

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
                                         {"variances", prepare_variances},
                                         {"patches", prepare_patches},
                                         {"resize", prepare_resize},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, PREP_TYPE, prep_collect);
    lua_pop(L, 1);
    return 1;
}
