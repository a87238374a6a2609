/* "latent.core.recommend": what networks that learned from ratings say of
 * others, as lua/latent/net.lua asks. */
#include "bind/bind_int.h"

#include "latent/data/dataset.h"
#include "latent/train/recommend.h"

/* recommend.predict(net, set) -> set */
static int recommend_predict(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_dataset *set = lt__check_set(L, 2);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc = lt_predict(net, set, lt__pool_of(L), out, &err);

    return lt__finish_set(L, rc, &err);
}

/* { column =, id = (when known), score = } */
static void push_item(lua_State *L, const lt_legend *legend,
                      const lt_recommended *item)
{
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, item->column + 1);
    lua_setfield(L, -2, "column");
    if (legend->column_ids) {
        lua_pushinteger(L, legend->column_ids[item->column]);
        lua_setfield(L, -2, "id");
    }
    lua_pushnumber(L, (lua_Number)item->score);
    lua_setfield(L, -2, "score");
}

/* recommend.best(net, set, row from 1, n, with known) -> list, best first */
static int recommend_best(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_dataset *set = lt__check_set(L, 2);
    lt_legend legend = lt_dataset_legend(set);
    const lt_recommend_opts opts = {
        .first = (int)luaL_checkinteger(L, 3) - 1,
        .rows = 1,
        .n = (int)luaL_checkinteger(L, 4),
        .with_known = lua_toboolean(L, 5),
    };
    lt_recommended *list;
    lt_err err = {0};

    luaL_argcheck(L, opts.n > 0, 4, "wanted at least 1");
    list = lua_newuserdatauv(L, (size_t)opts.n * sizeof *list, 0);
    if (lt_recommend(net, set, &opts, lt__pool_of(L), list, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_newtable(L);
    for (int i = 0; i < opts.n && list[i].column >= 0; i++) {
        push_item(L, &legend, &list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

int lt__open_recommend(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"predict", recommend_predict}, {"best", recommend_best}, {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
