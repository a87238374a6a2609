/* "latent.core.probe": what lua/latent/probe.lua asks of codes.
 *
 * Probes poll for a stop as training does, and tell the worker's progress line
 * how far they are. Nothing is recorded here: metrics are logged in Lua. */
#include "bind/bind_int.h"

#include "latent/data/dataset.h"
#include "latent/math/pca.h"
#include "latent/net/net.h"
#include "latent/train/evaluate.h"
#include "latent/train/probe.h"

#include <math.h>

#define STATS_TYPE "latent.unit_stats"

/* ---- the observer ---- */

static void observe_progress(void *self, const lt_progress *progress)
{
    lt__ctx *ctx = lt__ctx_of(self);

    if (ctx)
        lt_observe_progress(ctx->progress, progress);
}

static bool observe_stop(void *self)
{
    return lt__should_stop(self);
}

static lt_observer observer_of(lua_State *L)
{
    return (lt_observer){
        .self = L, .progress = observe_progress, .should_stop = observe_stop};
}

/* ---- what Lua gives ---- */

/* Arguments 1, 2: training set (or nil) and test set. */
static lt_probe get_sets(lua_State *L, const lt_observer *observer)
{
    return (lt_probe){.train = lua_isnil(L, 1) ? NULL : lt__check_set(L, 1),
                      .test = lt__check_set(L, 2),
                      .pool = lt__pool_of(L),
                      .observer = observer};
}

static lt_distance get_distance(lua_State *L, int index)
{
    int distance = lt_distance_find(luaL_checkstring(L, index));

    luaL_argcheck(L, distance >= 0, index, "no such distance");
    return (lt_distance)distance;
}

/* The list of integers at `index`; the array belongs to Lua and is left on
 * the stack. */
static int *get_integers(lua_State *L, int index, int *n)
{
    int *list;

    luaL_checktype(L, index, LUA_TTABLE);
    *n = (int)luaL_len(L, index);
    luaL_argcheck(L, *n > 0, index, "an empty list");
    list = lua_newuserdatauv(L, sizeof *list * (size_t)*n, 0);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, index, i + 1);
        list[i] = (int)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    return list;
}

/* ---- what Lua gets ---- */

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_numbers(lua_State *L, const char *name, int n,
                        const double *values)
{
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushnumber(L, values[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, name);
}

/* ---- probes ---- */

/* probe.knn(train or nil, test, list of k, distance) -> list of accuracies */
static int probe_knn(lua_State *L)
{
    lt_observer observer = observer_of(L);
    lt_probe p = get_sets(L, &observer);
    int n, *k;
    double *accuracy;
    lt_err err = {0};

    p.distance = get_distance(L, 4);
    k = get_integers(L, 3, &n);
    accuracy = lua_newuserdatauv(L, sizeof *accuracy * (size_t)n, 0);
    if (lt_probe_knn(&p, k, n, accuracy, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushnumber(L, accuracy[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* probe.retrieval(train or nil, test, distance) -> {n, precision, map} */
static int probe_retrieval(lua_State *L)
{
    lt_observer observer = observer_of(L);
    lt_probe p = get_sets(L, &observer);
    lt_retrieval r;
    lt_err err = {0};

    p.distance = get_distance(L, 3);
    if (lt_probe_retrieval(&p, &r, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 3);
    lua_createtable(L, r.n_points, 0);
    for (int i = 0; i < r.n_points; i++) {
        lua_pushinteger(L, r.n[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "n");
    set_numbers(L, "precision", r.n_points, r.precision);
    set_number(L, "map", r.map);
    return 1;
}

/* probe.linear(train, test, {l2, tolerance, iterations}) -> {accuracy, loss,
 * train_accuracy, train_loss, gradient, iterations, converged} */
static int probe_linear(lua_State *L)
{
    lt_observer observer = observer_of(L);
    lt_probe p = get_sets(L, &observer);
    lt_linear_opts o;
    lt_linear_result r;
    lt_err err = {0};

    luaL_argcheck(L, p.train, 1, "no training set");
    o.l2 = lt__get_number(L, 3, "l2");
    o.tolerance = lt__get_number(L, 3, "tolerance");
    o.iterations = (int)lt__get_integer(L, 3, "iterations");
    if (lt_probe_linear(&p, &o, &r, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 7);
    set_number(L, "accuracy", r.test_accuracy);
    set_number(L, "loss", r.test_loss);
    set_number(L, "train_accuracy", r.train_accuracy);
    set_number(L, "train_loss", r.train_loss);
    set_number(L, "gradient", r.gradient);
    lua_pushinteger(L, r.iterations);
    lua_setfield(L, -2, "iterations");
    lua_pushboolean(L, r.is_converged);
    lua_setfield(L, -2, "converged");
    return 1;
}

static int stats_collect(lua_State *L)
{
    lt_unit_stats_deinit(luaL_checkudata(L, 1, STATS_TYPE));
    return 0;
}

static void push_stats(lua_State *L, const lt_unit_stats *s)
{
    lua_createtable(L, 0, 8);
    set_number(L, "dead", (double)s->n_dead / s->units);
    set_number(L, "variance", s->mean_variance);
    set_number(L, "effective", s->effective);
    set_numbers(L, "means", s->units, s->mean);
    set_numbers(L, "variances", s->units, s->variance);
    if (!isnan(s->mean_saturated)) {
        set_number(L, "saturated", s->mean_saturated);
        set_numbers(L, "saturations", s->units, s->saturated);
    }
    lua_createtable(L, s->n_dead, 0);
    for (int i = 0, n = 0; i < s->units; i++)
        if (s->is_dead[i]) {
            lua_pushinteger(L, i + 1);
            lua_rawseti(L, -2, ++n);
        }
    lua_setfield(L, -2, "dead_units");
}

/* probe.units(codes, act, dead below) -> {dead, variance, effective,
 * saturated or nil; means, variances, saturations or nil, dead_units} */
static int probe_units(lua_State *L)
{
    const lt_dataset *codes = lt__check_set(L, 1);
    int act = lt_act_find(luaL_checkstring(L, 2));
    lt_observer observer = observer_of(L);
    lt_unit_opts o = lt_unit_defaults((lt_act)act);
    lt_unit_stats *stats;
    lt_err err = {0};

    luaL_argcheck(L, act >= 0, 2, "no such activation");
    o.dead_below = luaL_checknumber(L, 3);
    o.pool = lt__pool_of(L);
    o.observer = &observer;
    stats = lua_newuserdatauv(L, sizeof *stats, 0);
    *stats = (lt_unit_stats){0};
    luaL_setmetatable(L, STATS_TYPE);
    if (lt_probe_units(codes, &o, stats, &err) != LT_OK)
        return lt__raise(L, &err);
    push_stats(L, stats);
    return 1;
}

/* probe.pca(train, test, components) -> {sse, train_sse, explained}, codes of
 * train, codes of test */
static int probe_pca(lua_State *L)
{
    lt_observer observer = observer_of(L);
    lt_probe p = get_sets(L, &observer);
    int components = (int)luaL_checkinteger(L, 3);
    lt_pca_probe made = {0};
    lt_dataset **train, **test;
    lt_err err = {0};

    luaL_argcheck(L, p.train, 1, "no training set");
    luaL_argcheck(L, components > 0, 3, "no components");
    lua_createtable(L, 0, 3);
    train = lt__push_set(L);
    test = lt__push_set(L);
    if (lt_probe_pca(&p, components, &made, &err) != LT_OK)
        return lt__raise(L, &err);
    *train = made.train;
    *test = made.test;
    lt__account(L, lt_dataset_bytes(*train) + lt_dataset_bytes(*test));
    lua_pushvalue(L, -3); /* [table, train, test, table] */
    set_number(L, "sse", made.test_sse);
    set_number(L, "train_sse", made.train_sse);
    set_number(L, "explained", made.explained);
    lua_pop(L, 1);
    return 3;
}

/* ---- networks ---- */

/* probe.encode(net, set) -> set of codes; apart from net.map, so that a
 * rehearsal can tell them apart */
static int probe_encode(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_dataset *set = lt__check_set(L, 2);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc = lt_evaluate_map(net, set, 0, lt_net_n_encoder(net),
                                   lt__pool_of(L), out, &err);

    return lt__finish_set(L, rc, &err);
}

/* probe.act(net) -> name of the code units' activation */
static int probe_act(lua_State *L)
{
    const lt_net *net = lt__check_net(L, 1);
    int i = lt_net_n_encoder(net) - 1;
    const lt_layer *l = lt_net_layer(net, i);

    while (l->ops->is_shape_only && i > 0)
        l = lt_net_layer(net, --i);
    lua_pushstring(L, lt_act_name(lt_layer_has_field(l->ops, "act")
                                      ? l->spec.act
                                      : LT_ACT_LINEAR));
    return 1;
}

int lt__open_probe(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"knn", probe_knn},       {"retrieval", probe_retrieval},
        {"linear", probe_linear}, {"units", probe_units},
        {"pca", probe_pca},       {"encode", probe_encode},
        {"act", probe_act},       {NULL, NULL}};

    luaL_newlib(L, functions);
    lua_createtable(L, LT_DISTANCE_COUNT, 0);
    for (int i = 0; i < LT_DISTANCE_COUNT; i++) {
        lua_pushstring(L, lt_distance_names()[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "distances");
    lua_pushinteger(L, LT_PCA_MOST);
    lua_setfield(L, -2, "pca_most");
    lua_pushinteger(L, LT_KNN_MOST);
    lua_setfield(L, -2, "knn_most");
    lt__new_type(L, STATS_TYPE, stats_collect);
    lua_pop(L, 1);
    return 1;
}
