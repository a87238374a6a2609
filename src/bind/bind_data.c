/* "latent.core.data": sets of examples.
 *
 * A Lua set is a handle on a counted lt__set, because a view must keep its
 * parent alive whatever order Lua's finalizers run in. User value 1 holds the
 * recipe, a table from which lua/latent/data.lua makes the set again.
 *
 * Pairs that were loaded or generated are kept in the context for a worker's
 * next runs (LT__CACHED_PAIRS of them). */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/data/catalog.h"
#include "latent/data/curves.h"
#include "latent/data/dataset.h"
#include "latent/data/idx.h"

#include <string.h>

#define SET_TYPE "latent.set"
#define RECIPE   1

struct lt__set {
    lt_dataset *data;
    lt__set *parent; /* of a view, or NULL */
    int refs;
    char fingerprint[LT_DIGEST_HEX]; /* "" until asked for */
};

void lt__set_release(lt__set *set)
{
    while (set && --set->refs == 0) {
        lt__set *parent = set->parent;

        lt_dataset_free(set->data);
        lt_mem_free(set);
        set = parent;
    }
}

static int set_collect(lua_State *L)
{
    lt__set **handle = luaL_checkudata(L, 1, SET_TYPE);

    lt__set_release(*handle);
    *handle = NULL;
    return 0;
}

/* An empty, collectable handle. */
static lt__set **push_handle(lua_State *L)
{
    lt__set **handle = lua_newuserdatauv(L, sizeof *handle, RECIPE);

    *handle = NULL;
    luaL_setmetatable(L, SET_TYPE);
    return handle;
}

static lt__set *check_handle(lua_State *L, int index)
{
    lt__set **handle = luaL_checkudata(L, index, SET_TYPE);

    if (!*handle || !(*handle)->data)
        luaL_error(L, "the set was closed");
    return *handle;
}

const lt_dataset *lt__check_set(lua_State *L, int index)
{
    return check_handle(L, index)->data;
}

lt_dataset **lt__push_set(lua_State *L)
{
    lt__set **handle = push_handle(L);

    *handle = lt_mem_zero(1, sizeof **handle);
    if (!*handle)
        lt__raise(L, &(lt_err){LT_ENOMEM, "a set: out of memory"});
    (*handle)->refs = 1;
    return &(*handle)->data;
}

static size_t set_bytes(const lt_dataset *d)
{
    const lt_dataset *target = lt_dataset_target(d);

    return lt_dataset_bytes(d) + (target != d ? lt_dataset_bytes(target) : 0);
}

int lt__finish_set(lua_State *L, lt_status rc, const lt_err *err)
{
    if (rc != LT_OK)
        return lt__raise(L, err);
    lt__account(L, set_bytes(lt__check_set(L, -1)));
    return 1;
}

/* ---- pairs, cached ---- */

static lt__cached_pair *cache_find(lt__ctx *ctx, const char *key)
{
    for (int i = 0; ctx && i < LT__CACHED_PAIRS; i++)
        if (ctx->cache[i].key && strcmp(ctx->cache[i].key, key) == 0)
            return &ctx->cache[i];
    return NULL;
}

static void cache_add(lt__ctx *ctx, const char *key, lt__set *train,
                      lt__set *test)
{
    lt__cached_pair *slot;
    char *copy = ctx ? lt_mem_strdup(key) : NULL;

    if (!copy) /* no cache, or no memory for it: nothing is lost */
        return;
    slot = &ctx->cache[ctx->next_cached];
    ctx->next_cached = (ctx->next_cached + 1) % LT__CACHED_PAIRS;
    lt_mem_free(slot->key);
    lt__set_release(slot->train);
    lt__set_release(slot->test);
    *slot = (lt__cached_pair){copy, train, test};
    train->refs++;
    test->refs++;
}

static lt_status pair_make(lua_State *L, lt_data_pair *out, lt_err *err)
{
    const char *kind = lt__get_string(L, 1, "kind");

    if (strcmp(kind, "curves") == 0)
        return lt_curves_make((int)lt__get_integer(L, 1, "n_train"),
                              (int)lt__get_integer(L, 1, "n_test"),
                              (uint64_t)lt__get_integer(L, 1, "seed"), out,
                              err);
    if (strcmp(kind, "mnist") == 0)
        return lt_catalog_mnist(lt__get_string(L, 1, "dir"), out, err);
    if (strcmp(kind, "faces") == 0)
        return lt_catalog_faces(lt__get_string(L, 1, "dir"),
                                (int)lt__get_integer(L, 1, "train_people"), out,
                                err);
    return lt_err_set(err, LT_EINVAL, "data: no pair of sets \"%s\"", kind);
}

/* Both handles on a cached pair. */
static void push_cached(lua_State *L, const lt__cached_pair *cached)
{
    *push_handle(L) = cached->train;
    cached->train->refs++;
    *push_handle(L) = cached->test;
    cached->test->refs++;
}

int lt__push_pair(lua_State *L, const char *key, lt__pair_maker *make)
{
    lt__ctx *ctx = lt__ctx_of(L);
    lt__cached_pair *cached = cache_find(ctx, key);
    lt_dataset **train, **test;
    lt_data_pair pair = {0};
    lt_err err = {0};

    if (cached) {
        push_cached(L, cached);
        return 2;
    }
    train = lt__push_set(L);
    test = lt__push_set(L);
    if (make(L, &pair, &err) != LT_OK)
        return lt__raise(L, &err);
    *train = pair.train;
    *test = pair.test;
    lt__account(L, set_bytes(*train) + set_bytes(*test));
    cache_add(ctx, key, check_handle(L, -2), check_handle(L, -1));
    return 2;
}

/* data.pair(options with `kind`, cache key) -> train, test */
static int data_pair(lua_State *L)
{
    return lt__push_pair(L, luaL_checkstring(L, 2), pair_make);
}

/* data.has("mnist" [, dir]) -> whether its files are found */
static int data_has(lua_State *L)
{
    lua_pushboolean(
        L, lt_catalog_has(luaL_checkstring(L, 1), luaL_optstring(L, 2, NULL)));
    return 1;
}

/* data.idx(images, labels or nil, limit) -> set */
static int data_idx(lua_State *L)
{
    const char *images = luaL_checkstring(L, 1);
    const char *labels = luaL_optstring(L, 2, NULL);
    int limit = (int)luaL_optinteger(L, 3, 0);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc = lt_idx_load(images, labels, limit, out, &err);

    return lt__finish_set(L, rc, &err);
}

/* ---- sets made from values ---- */

static lt_shape check_shape(lua_State *L, int index)
{
    lua_Integer dim[3] = {1, 1, 1};
    lua_Integer rank = luaL_len(L, index);

    luaL_argcheck(L, rank == 1 || rank == 3, index,
                  "a shape has 1 or 3 numbers");
    for (int i = 0; i < (int)rank; i++) {
        lua_rawgeti(L, index, i + 1);
        dim[i] = luaL_checkinteger(L, -1);
        luaL_argcheck(L, dim[i] >= 1 && dim[i] <= 1 << 24, index,
                      "a size must be 1 to 16777216");
        lua_pop(L, 1);
    }
    if (rank == 1)
        return lt_shape_flat((int)dim[0]);
    return lt_shape_image((int)dim[0], (int)dim[1], (int)dim[2]);
}

/* data.rows(flat values, n, shape) -> set of floats */
static int data_rows(lua_State *L)
{
    lt_shape shape = check_shape(L, 3);
    lua_Integer n = luaL_checkinteger(L, 2);
    size_t count = (size_t)n * (size_t)lt_shape_elements(shape);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc;
    float *values;

    luaL_argcheck(L, n >= 1 && n <= 1 << 24, 2, "wanted 1 to 16777216 rows");
    for (size_t i = 0; i < count; i++) { /* before anything is owned */
        if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TNUMBER)
            return luaL_error(L, "value %d is no number", (int)i + 1);
        lua_pop(L, 1);
    }
    values = lt_mem_alloc(count, sizeof *values);
    if (!values)
        return lt__raise(L, &(lt_err){LT_ENOMEM, "a set: out of memory"});
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        values[i] = (float)lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    rc = lt_dataset_new_take(LT_ELEM_F32, (int)n, shape, values, NULL, out,
                             &err);
    return lt__finish_set(L, rc, &err);
}

/* data.view(set, first, n) -> set; first counts from 0 */
static int data_view(lua_State *L)
{
    lt__set *parent = check_handle(L, 1);
    lua_Integer first = luaL_checkinteger(L, 2), n = luaL_checkinteger(L, 3);
    lua_Integer rows = lt_dataset_rows(parent->data);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};

    luaL_argcheck(L, first >= 0 && n >= 1 && first <= rows && n <= rows - first,
                  2, "outside of the set");
    if (lt_dataset_view(parent->data, (int)first, (int)n, out, &err) != LT_OK)
        return lt__raise(L, &err);
    check_handle(L, -1)->parent = parent;
    parent->refs++;
    return 1;
}

/* data.target(set) -> what the network should give, or nil: the set itself */
static int data_target(lua_State *L)
{
    lt__set *parent = check_handle(L, 1);
    const lt_dataset *target = lt_dataset_target(parent->data);
    lt_dataset **out;
    lt_err err = {0};

    if (target == parent->data) {
        lua_pushnil(L);
        return 1;
    }
    out = lt__push_set(L);
    if (lt_dataset_view(target, 0, lt_dataset_rows(target), out, &err) != LT_OK)
        return lt__raise(L, &err);
    check_handle(L, -1)->parent = parent;
    parent->refs++;
    return 1;
}

/* data.shuffled(set, seed) -> a copy in an order drawn from stream "split" */
static int data_shuffled(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 2);
    int n = lt_dataset_rows(d);
    int32_t *index = lua_newuserdatauv(L, sizeof *index * (size_t)n, 0);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_rng rng;

    for (int i = 0; i < n; i++)
        index[i] = i;
    lt_rng_init(&rng, seed, "split");
    lt_rng_shuffle(&rng, index, (size_t)n);
    return lt__finish_set(L, lt_dataset_select(d, index, n, out, &err), &err);
}

/* ---- what a set tells ---- */

static int data_size(lua_State *L)
{
    lua_pushinteger(L, lt_dataset_rows(lt__check_set(L, 1)));
    return 1;
}

static int data_shape(lua_State *L)
{
    lt_shape shape = lt_dataset_shape(lt__check_set(L, 1));

    lua_createtable(L, shape.rank, 0);
    for (int i = 0; i < shape.rank; i++) {
        lua_pushinteger(L, shape.dim[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* data.row(set, i [, n]) -> flat values of example i (and n-1 after it) */
static int data_row(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    lua_Integer first = luaL_checkinteger(L, 2), n = luaL_optinteger(L, 3, 1);
    lua_Integer rows = lt_dataset_rows(d);
    size_t count;
    lt_real *values;

    luaL_argcheck(
        L, first >= 1 && n >= 0 && first <= rows && n <= rows + 1 - first, 2,
        "no such example");
    count = (size_t)n * (size_t)lt_shape_elements(lt_dataset_shape(d));
    values = lua_newuserdatauv(L, sizeof *values * count, 0);
    lt_dataset_gather(d, NULL, (int)first - 1, (int)n, values);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushnumber(L, (lua_Number)values[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* data.label(set, i) -> integer, or nil when the set has none */
static int data_label(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    const uint8_t *labels = lt_dataset_labels(d);

    luaL_argcheck(L, i >= 1 && i <= lt_dataset_rows(d), 2, "no such example");
    if (labels)
        lua_pushinteger(L, labels[i - 1]);
    else
        lua_pushnil(L);
    return 1;
}

static int data_fingerprint(lua_State *L)
{
    lt__set *set = check_handle(L, 1);

    if (!set->fingerprint[0])
        lt_dataset_fingerprint(set->data, set->fingerprint);
    lua_pushstring(L, set->fingerprint);
    return 1;
}

/* data.recipe(set [, recipe]): sets it, or gives what was set */
static int data_recipe(lua_State *L)
{
    luaL_checkudata(L, 1, SET_TYPE);
    if (lua_isnoneornil(L, 2)) {
        lua_getiuservalue(L, 1, RECIPE);
        return 1;
    }
    lua_settop(L, 2);
    lua_setiuservalue(L, 1, RECIPE);
    return 0;
}

int lt__open_data(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"pair", data_pair},         {"has", data_has},
        {"idx", data_idx},           {"rows", data_rows},
        {"view", data_view},         {"target", data_target},
        {"shuffled", data_shuffled}, {"size", data_size},
        {"shape", data_shape},       {"row", data_row},
        {"label", data_label},       {"fingerprint", data_fingerprint},
        {"recipe", data_recipe},     {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, SET_TYPE, set_collect);
    lua_setfield(L, -2, "meta");
    return 1;
}
