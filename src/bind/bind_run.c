/* "latent.core.run": the run being executed, as script.c put it into the
 * context. lua/latent/run.lua makes the `run` object of scripts from it.
 *
 * Every function raises when no run is being executed. */
#include "bind/resume_int.h"

#include "latent/store/recorder.h"
#include "latent/store/store.h"

static lt__ctx *check_run(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx || !ctx->claim || !ctx->recorder)
        luaL_error(L, "no run is being executed");
    return ctx;
}

static int finish(lua_State *L, lt_status rc, const lt_err *err)
{
    return rc == LT_OK ? 0 : lt__raise(L, err);
}

/* run.info() -> {id, name, dir, seed, config (JSON)} or nil */
static int run_info(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx || !ctx->claim)
        return 0;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, lt_claim_run(ctx->claim));
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, lt_claim_seed(ctx->claim));
    lua_setfield(L, -2, "seed");
    lua_pushstring(L, lt_claim_name(ctx->claim));
    lua_setfield(L, -2, "name");
    lua_pushstring(L, lt_claim_config(ctx->claim));
    lua_setfield(L, -2, "config");
    lua_pushstring(L, lt_claim_dir(ctx->claim));
    lua_setfield(L, -2, "dir");
    return 1;
}

/* run.metric(name, step, epoch, value) */
static int run_metric(lua_State *L)
{
    lt__ctx *ctx = check_run(L);
    const lt__metric m = {luaL_checkstring(L, 1), luaL_checkinteger(L, 2),
                          luaL_checknumber(L, 3), luaL_checknumber(L, 4)};
    lt_err err = {0};

    return finish(L, lt__resume_metric(ctx, &m, &err), &err);
}

/* run.artifact(name, kind, path) */
static int run_artifact(lua_State *L)
{
    lt__ctx *ctx = check_run(L);
    lt_err err = {0};
    lt_status rc =
        lt_claim_artifact(ctx->claim, luaL_checkstring(L, 1),
                          luaL_checkstring(L, 2), luaL_checkstring(L, 3), &err);

    return finish(L, rc, &err);
}

static int run_note(lua_State *L)
{
    lt__ctx *ctx = check_run(L);
    lt_err err = {0};

    return finish(L, lt_claim_note(ctx->claim, luaL_checkstring(L, 1), &err),
                  &err);
}

static int run_tag(lua_State *L)
{
    lt__ctx *ctx = check_run(L);
    lt_err err = {0};

    return finish(L, lt_claim_tag(ctx->claim, luaL_checkstring(L, 1), &err),
                  &err);
}

/* run.facts{data =, network =, parameters =, examples_per_second =}: what is
 * absent stays as it is. */
static int run_facts(lua_State *L)
{
    lt__ctx *ctx = check_run(L);
    lt_run_facts facts = {0};
    lt_err err = {0};

    facts.data_fingerprint = lt__get_string(L, 1, "data");
    facts.network = lt__get_string(L, 1, "network");
    lua_getfield(L, 1, "parameters");
    facts.parameters = luaL_optinteger(L, -1, 0);
    lua_getfield(L, 1, "examples_per_second");
    facts.examples_per_second = luaL_optnumber(L, -1, 0);
    return finish(L, lt_claim_facts(ctx->claim, &facts, &err), &err);
}

/* run.is_replaying() -> whether on_epoch hears again what a process told that
 * has died: what it made then is there. */
static int run_is_replaying(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    lua_pushboolean(L, ctx && lt__resume_is_replaying(ctx->resume));
    return 1;
}

/* run.recall(name) -> nothing, or true, or true and what it was: see
 * lt__stage_recall, and lua/latent/recall.lua. */
static int run_recall(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);
    const json_t *answer = NULL;
    lt__recall what;
    lt_err err = {0};

    if (!ctx || !ctx->resume)
        return 0;
    if (lt__stage_recall(ctx->resume, luaL_checkstring(L, 1), &what, &answer,
                         &err) != LT_OK)
        return lt__raise(L, &err);
    if (what == LT__RECALL_NONE)
        return 0;
    lua_pushboolean(L, true);
    if (what == LT__RECALL_KEEP)
        return 1;
    lt__push_json(L, answer);
    return 2;
}

/* run.remember(answer) */
static int run_remember(lua_State *L)
{
    json_t *answer = NULL;

    if (lt__to_json(L, 1, &answer, NULL) != LT_OK)
        answer = NULL;
    lt__stage_remember(check_run(L)->resume, answer);
    return 0;
}

int lt__open_run(lua_State *L)
{
    static const luaL_Reg functions[] = {{"info", run_info},
                                         {"metric", run_metric},
                                         {"artifact", run_artifact},
                                         {"note", run_note},
                                         {"tag", run_tag},
                                         {"facts", run_facts},
                                         {"is_replaying", run_is_replaying},
                                         {"recall", run_recall},
                                         {"remember", run_remember},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
