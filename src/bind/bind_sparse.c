/* "latent.core.sparse": sets of ratings and of word counts, what is in them,
 * and the baselines of recommenders, as lua/latent/data_sparse.lua calls
 * them. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/data/baseline.h"
#include "latent/data/catalog.h"
#include "latent/data/dataset.h"
#include "latent/data/holdout.h"
#include "latent/data/libsvm.h"
#include "latent/data/ratings.h"
#include "latent/data/topics.h"

#include <string.h>

/* The place of `name` in `names`, which Lua has checked; 0 for nil. */
static int choice_of(const char *name, const char *const *names)
{
    int i = 0;

    while (name && names[i] && strcmp(names[i], name) != 0)
        i++;
    return name && names[i] ? i : 0;
}

/* ---- ratings ---- */

static lt_status ratings_load(lua_State *L, lt_ratings **out, lt_err *err)
{
    static const char *const formats[] = {"auto", "tab", "csv", "dat", NULL};
    const char *path = lt__get_string(L, 1, "path");
    lt_ratings_format format =
        (lt_ratings_format)choice_of(lt__get_string(L, 1, "format"), formats);
    lt_text found = {0};
    lt_status rc = LT_OK;

    if (!path) {
        rc = lt_catalog_ratings(lt__get_string(L, 1, "set"),
                                lt__get_string(L, 1, "dir"), &found, err);
        path = lt_text_str(&found);
    }
    if (rc == LT_OK)
        rc = lt_ratings_load(path, format, out, err);
    lt_text_deinit(&found);
    return rc;
}

static lt_status ratings_generate(lua_State *L, lt_ratings **out, lt_err *err)
{
    lt_ratings_plan plan;

    lua_getfield(L, 1, "generate");
    plan = (lt_ratings_plan){
        .users = (int)lt__get_integer(L, -1, "users"),
        .items = (int)lt__get_integer(L, -1, "items"),
        .rank = (int)lt__get_integer(L, -1, "rank"),
        .density = lt__get_number(L, -1, "density"),
        .noise = lt__get_number(L, -1, "noise"),
        .popularity = lt__get_number(L, -1, "popularity"),
        .seed = (uint64_t)lt__get_integer(L, -1, "seed"),
    };
    lua_pop(L, 1);
    return lt_ratings_generate(&plan, out, err);
}

static lt_status ratings_make(lua_State *L, lt_data_pair *out, lt_err *err)
{
    static const char *const splits[] = {"random", "leave", "time", NULL};
    const lt_ratings_cut cut = {
        .split =
            (lt_ratings_split)choice_of(lt__get_string(L, 1, "split"), splits),
        .share = lt__get_number(L, 1, "share"),
        .n = (int)lt__get_integer(L, 1, "n"),
        .seed = (uint64_t)lt__get_integer(L, 1, "seed"),
        .by_item = strcmp(lt__get_string(L, 1, "by"), "item") == 0,
        .centre = lt__get_boolean(L, 1, "centre"),
    };
    bool is_generated = lua_getfield(L, 1, "generate") == LUA_TTABLE;
    lt_ratings *ratings = NULL;
    lt_status rc;

    lua_pop(L, 1);
    rc = is_generated ? ratings_generate(L, &ratings, err)
                      : ratings_load(L, &ratings, err);
    if (rc == LT_OK)
        rc = lt_ratings_pair(ratings, &cut, out, err);
    lt_ratings_free(ratings);
    return rc;
}

/* sparse.ratings(options, cache key) -> train, test */
static int sparse_ratings(lua_State *L)
{
    return lt__push_pair(L, luaL_checkstring(L, 2), ratings_make);
}

/* ---- word counts and other sparse sets ---- */

static lt_libsvm_opts libsvm_opts(lua_State *L)
{
    return (lt_libsvm_opts){
        .first = (int)lt__get_integer(L, 1, "first"),
        .features = (int)lt__get_integer(L, 1, "features"),
        .counts = lt__get_boolean(L, 1, "counts"),
    };
}

/* sparse.libsvm(options with `path`) -> set */
static int sparse_libsvm(lua_State *L)
{
    const char *path = lt__get_string(L, 1, "path");
    const lt_libsvm_opts opts = libsvm_opts(L);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc = lt_libsvm_load(path, &opts, out, &err);

    return lt__finish_set(L, rc, &err);
}

static lt_status libsvm_make(lua_State *L, lt_data_pair *out, lt_err *err)
{
    const lt_libsvm_opts opts = libsvm_opts(L);
    const char *path = lt__get_string(L, 1, "path");
    lt_dataset *all = NULL;
    uint64_t seed;
    double share;
    lt_status rc;

    if (!path)
        return lt_libsvm_load_pair(lt__get_string(L, 1, "train"),
                                   lt__get_string(L, 1, "test"), &opts, out,
                                   err);
    share = lt__get_number(L, 1, "share");
    seed = (uint64_t)lt__get_integer(L, 1, "seed");
    rc = lt_libsvm_load(path, &opts, &all, err);
    if (rc == LT_OK)
        rc = lt_holdout_split(all, share, seed, out, err);
    lt_dataset_free(all);
    return rc;
}

/* sparse.libsvm_pair(options, cache key) -> train, test: of `train` and
 * `test`, or cut from `path` by `share` and `seed` */
static int sparse_libsvm_pair(lua_State *L)
{
    return lt__push_pair(L, luaL_checkstring(L, 2), libsvm_make);
}

static lt_status topics_make(lua_State *L, lt_data_pair *out, lt_err *err)
{
    const lt_topics_plan plan = {
        .n_train = (int)lt__get_integer(L, 1, "n_train"),
        .n_test = (int)lt__get_integer(L, 1, "n_test"),
        .words = (int)lt__get_integer(L, 1, "words"),
        .topics = (int)lt__get_integer(L, 1, "topics"),
        .length = (int)lt__get_integer(L, 1, "length"),
        .seed = (uint64_t)lt__get_integer(L, 1, "seed"),
    };

    return lt_topics_make(&plan, out, err);
}

/* sparse.topics(options, cache key) -> train, test */
static int sparse_topics(lua_State *L)
{
    return lt__push_pair(L, luaL_checkstring(L, 2), topics_make);
}

/* ---- what a set tells ---- */

/* sparse.count(set) -> number of entries, or nil when it is not sparse */
static int sparse_count(lua_State *L)
{
    const lt_sparse *s = lt_dataset_sparse(lt__check_set(L, 1));

    if (s)
        lua_pushinteger(L, s->start[s->rows] - s->start[0]);
    else
        lua_pushnil(L);
    return 1;
}

/* sparse.mean(set) -> mean of its entries, before centring; 0 of none */
static int sparse_mean(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    const lt_sparse *s = lt_dataset_sparse(d);
    double sum = 0;
    int64_t n;

    luaL_argcheck(L, s, 1, "not sparse");
    n = s->start[s->rows] - s->start[0];
    for (int64_t e = s->start[0]; e < s->start[s->rows]; e++)
        sum += (double)s->value[e];
    lua_pushnumber(L,
                   n > 0 ? sum / (double)n + lt_dataset_legend(d).centre : 0);
    return 1;
}

/* sparse.centre(set) -> what was subtracted from its entries */
static int sparse_centre(lua_State *L)
{
    lua_pushnumber(L, lt_dataset_legend(lt__check_set(L, 1)).centre);
    return 1;
}

/* sparse.entries(set, i) -> list of columns (from 1), list of values */
static int sparse_entries(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    const lt_sparse *s = lt_dataset_sparse(d);
    lua_Integer i = luaL_checkinteger(L, 2);
    int64_t first, n;

    luaL_argcheck(L, s, 1, "not sparse");
    luaL_argcheck(L, i >= 1 && i <= s->rows, 2, "no such example");
    first = s->start[i - 1];
    n = s->start[i] - first;
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    for (int64_t e = 0; e < n; e++) {
        lua_pushinteger(L, (lua_Integer)s->index[first + e] + 1);
        lua_rawseti(L, -3, e + 1);
        lua_pushnumber(L, (lua_Number)s->value[first + e]);
        lua_rawseti(L, -2, e + 1);
    }
    return 2;
}

static int push_ids(lua_State *L, const int64_t *ids, int n)
{
    if (!ids) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushinteger(L, ids[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* sparse.row_ids(set), sparse.column_ids(set) -> list, or nil */
static int sparse_row_ids(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);

    return push_ids(L, lt_dataset_legend(d).row_ids, lt_dataset_rows(d));
}

static int sparse_column_ids(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);

    return push_ids(L, lt_dataset_legend(d).column_ids,
                    lt_shape_elements(lt_dataset_shape(d)));
}

/* sparse.baselines(train, test, options) -> global, rows, columns, bias */
static int sparse_baselines(lua_State *L)
{
    const lt_dataset *train = lt__check_set(L, 1);
    const lt_dataset *test = lt__check_set(L, 2);
    const lt_baseline_opts opts = {
        .row_ridge = lt__get_number(L, 3, "row_ridge"),
        .column_ridge = lt__get_number(L, 3, "column_ridge"),
        .sweeps = (int)lt__get_integer(L, 3, "sweeps"),
    };
    lt_baseline found;
    lt_err err = {0};

    if (lt_baseline_rate(train, test, &opts, &found, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushnumber(L, found.global);
    lua_pushnumber(L, found.rows);
    lua_pushnumber(L, found.columns);
    lua_pushnumber(L, found.bias);
    return 4;
}

int lt__open_sparse(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"ratings", sparse_ratings},
        {"libsvm", sparse_libsvm},
        {"libsvm_pair", sparse_libsvm_pair},
        {"topics", sparse_topics},
        {"count", sparse_count},
        {"mean", sparse_mean},
        {"centre", sparse_centre},
        {"entries", sparse_entries},
        {"row_ids", sparse_row_ids},
        {"column_ids", sparse_column_ids},
        {"baselines", sparse_baselines},
        {NULL, NULL},
    };

    luaL_newlib(L, functions);
    return 1;
}
