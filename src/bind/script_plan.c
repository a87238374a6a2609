/* Planning: the loaded experiment's configs into the store's queue.
 *
 * What is queued is decided in lua/latent/plan.lua; here its table becomes
 * the store's structs. Their strings belong to that table, which stays on the
 * stack until the store has taken them; their arrays are Lua's too, so that
 * an error on the way leaves nothing behind. */
#include "bind/script_int.h"

#include "latent/base/digest.h"

#include <stdio.h>

typedef struct plan_args {
    lt_store *store;
    const lt_plan_opts *opts;
    int64_t sweep;
    int n_queued;
} plan_args;

void lt__push_sets(lua_State *L, const lt_plan_opts *opts)
{
    lua_createtable(L, opts->n_sets, 0);
    for (int i = 0; i < opts->n_sets; i++) {
        lua_pushstring(L, opts->sets[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* nil, or the text that is stored with the sweep. */
static void push_limits(lua_State *L)
{
    const lt__ctx *ctx = lt__ctx_of(L);

    if (ctx->is_sandboxed || ctx->max_seconds > 0 || ctx->max_bytes > 0)
        lua_pushfstring(L, "{\"sandbox\":%s,\"seconds\":%f,\"bytes\":%I}\n",
                        ctx->is_sandboxed ? "true" : "false", ctx->max_seconds,
                        (LUAI_UACINT)ctx->max_bytes);
    else
        lua_pushnil(L);
}

/* plan.make(experiment, sets, seeds, limits); leaves its table on the stack. */
static int push_plan(lua_State *L, const lt_plan_opts *opts)
{
    lt__push_function(L, "latent.plan", "make");
    lua_getfield(L, LUA_REGISTRYINDEX, LT__EXPERIMENT);
    lt__push_sets(L, opts);
    lua_pushinteger(L, opts->seeds);
    push_limits(L);
    lua_call(L, 4, 1);
    return lua_gettop(L);
}

/* The table's `sources`, stored each (a dry run only hashes them); the array
 * stays on the stack. */
static lt_source_ref *push_sources(lua_State *L, int plan,
                                   const plan_args *args, int *n)
{
    lt_source_ref *refs;
    lt_err err = {0};
    int list;

    lua_getfield(L, plan, "sources");
    list = lua_gettop(L);
    *n = (int)luaL_len(L, list);
    refs = lua_newuserdatauv(L, sizeof *refs * ((size_t)*n + 1), 0);
    for (int i = 0; i < *n; i++) {
        size_t size;
        const char *text;

        lua_rawgeti(L, list, i + 1);
        refs[i].path = lt__get_string(L, lua_gettop(L), "path");
        lua_getfield(L, -1, "text");
        text = luaL_checklstring(L, -1, &size);
        if (args->opts->dry_run)
            lt_digest_bytes(text, size, refs[i].hex);
        else if (lt_store_put_source(args->store, text, size, refs[i].hex,
                                     &err) != LT_OK)
            lt__raise(L, &err);
        lua_pop(L, 2);
    }
    return refs;
}

static lt_queue_item *push_items(lua_State *L, int plan, int *n)
{
    lt_queue_item *items;
    int list;

    lua_getfield(L, plan, "items");
    list = lua_gettop(L);
    *n = (int)luaL_len(L, list);
    items = lua_newuserdatauv(L, sizeof *items * ((size_t)*n + 1), 0);
    for (int i = 0; i < *n; i++) {
        int item;

        lua_rawgeti(L, list, i + 1);
        item = lua_gettop(L);
        items[i].config = lt__get_string(L, item, "json");
        items[i].seed = lt__get_integer(L, item, "seed");
        items[i].config_hash = lt__get_string(L, item, "hash");
        lua_pop(L, 1);
    }
    return items;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* The diff is stored as a source; its hash goes to `hex`. */
static void put_diff(lua_State *L, int plan, lt_store *store,
                     char hex[LT_DIGEST_HEX])
{
    size_t size;
    const char *text;
    lt_err err = {0};

    hex[0] = '\0';
    lua_getfield(L, plan, "diff");
    text = lua_tolstring(L, -1, &size);
    if (text && size > 0 &&
        lt_store_put_source(store, text, size, hex, &err) != LT_OK)
        lt__raise(L, &err);
}

static void fill_spec(lua_State *L, int plan, const plan_args *args,
                      lt_sweep_spec *spec)
{
    *spec = (lt_sweep_spec){
        .experiment = lt__get_string(L, plan, "name"),
        .question = lt__get_string(L, plan, "question"),
        .targets = lt__get_string(L, plan, "targets"),
        .defaults = lt__get_string(L, plan, "defaults"),
        .git_commit = or_empty(lt__get_string(L, plan, "commit")),
        .command = or_empty(args->opts->command),
        .allow = args->opts->allow,
        .allow_self = args->opts->allow_self,
    };
}

/* Marks in the table which items are done already. */
static void mark_done(lua_State *L, int plan, const plan_args *args,
                      lt_sweep_spec *spec)
{
    lt_err err = {0};
    int n;
    lt_queue_item *items;

    spec->sources = push_sources(L, plan, args, &spec->n_sources);
    items = push_items(L, plan, &n);
    lua_getfield(L, plan, "items");
    for (int i = 0; i < n; i++) {
        bool done = false;

        if (lt_store_is_done(args->store, spec, &items[i], &done, &err) !=
            LT_OK)
            lt__raise(L, &err);
        lua_rawgeti(L, -1, i + 1);
        lua_pushboolean(L, done);
        lua_setfield(L, -2, "done");
        lua_pop(L, 1);
    }
}

static int dry_run(lua_State *L, int plan, const plan_args *args)
{
    lt_sweep_spec spec;

    fill_spec(L, plan, args, &spec);
    if (args->opts->needed && args->store)
        mark_done(L, plan, args, &spec);
    lt__push_function(L, "latent.plan", "print");
    lua_pushvalue(L, plan);
    lua_call(L, 1, 0);
    return 0;
}

static int plan_call(lua_State *L)
{
    plan_args *args = lua_touserdata(L, 1);
    int plan = push_plan(L, args->opts);
    char diff[LT_DIGEST_HEX];
    lt_queue_item *items;
    lt_sweep_spec spec;
    lt_err err = {0};
    int n;

    if (args->opts->dry_run)
        return dry_run(L, plan, args);
    fill_spec(L, plan, args, &spec);
    spec.sources = push_sources(L, plan, args, &spec.n_sources);
    put_diff(L, plan, args->store, diff);
    spec.git_diff_hex = diff;
    items = push_items(L, plan, &n);
    if (lt_store_queue(args->store, &spec, items, n, args->opts->needed,
                       &args->sweep, &args->n_queued, &err) != LT_OK)
        return lt__raise(L, &err);
    return 0;
}

lt_status lt_script_plan(lt_script *s, lt_store *store,
                         const lt_plan_opts *opts, int64_t *sweep,
                         int *n_queued, lt_err *err)
{
    plan_args args = {store, opts, 0, 0};
    lt_status rc = lt__script_protect(s, plan_call, &args, err);

    if (opts->dry_run)
        fflush(stdout);
    if (rc == LT_OK) {
        *sweep = args.sweep;
        *n_queued = args.n_queued;
    }
    return rc;
}
