/* A script's Lua state: how it is made, and everything in protected mode.
 *
 * A state is made afresh for every script, run and command, so that no run
 * can see what another left behind; the pool of threads and the cached data
 * stay with the lt_script. Memory of the state goes through lt_mem. LUA_INIT,
 * LUA_PATH and LUA_CPATH are not looked at.
 *
 * An error's status is found by its text: lt__raise notes what it raised, and
 * an error that carries that text still has that status, even when a script
 * wrapped it into its own words. All others are the script's mistakes. */
#include "bind/script_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/math/blas.h"
#include "latent/math/pool.h"
#include "latent/math/vec.h"

#include <errno.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT_LIMIT ((size_t)16 << 20)

/* ---- the state ---- */

/* Lua takes a smaller block for granted. */
static void *state_alloc(void *ud, void *p, size_t old_size, size_t size)
{
    lt__ctx *ctx = ud;
    void *q;

    if (size == 0) {
        lt_mem_free(p);
        return NULL;
    }
    q = lt_mem_grow(p, size, 1);
    if (q)
        ctx->refused = 0;
    else
        lt__limits_refuse(ctx, size);
    return !q && p && size <= old_size ? p : q;
}

void lt__push_function(lua_State *L, const char *module, const char *name)
{
    luaL_checkstack(L, 8, module);
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

static int state_setup(lua_State *L)
{
    lt__ctx_attach(L, lua_touserdata(L, 1));
    lt__install_hook(L);
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    luaL_openlibs(L);
    lt__preload_modules(L);
    lt__push_function(L, "latent.boot", "setup");
    lua_pushboolean(L, lt__ctx_of(L)->is_sandboxed);
    lua_call(L, 1, 0);
    return 0;
}

void lt__script_close(lt_script *s)
{
    if (s->ctx.L)
        lua_close(s->ctx.L);
    s->ctx.L = NULL;
    lt__limits_end(&s->ctx);
}

void lt__script_limit(lt_script *s, const lt_script_limits *limits)
{
    s->ctx.is_sandboxed = limits->sandbox;
    s->ctx.max_seconds = limits->seconds;
    s->ctx.max_bytes = limits->bytes;
}

lt_status lt__script_reopen(lt_script *s, uint64_t seed, lt_err *err)
{
    lt__ctx *ctx = &s->ctx;

    lt__script_close(s);
    lt__limits_begin(ctx);
    ctx->last = (lt_err){0};
    ctx->diverged = (lt_divergence){0};
    lt_text_clear(&ctx->trace);
    lt_text_clear(&ctx->inner_message);
    lt_text_clear(&ctx->inner_trace);
    lt_rng_init(&ctx->rng, seed, "script");
    ctx->L = lua_newstate(state_alloc, ctx);
    if (!ctx->L)
        return lt_err_set(err, LT_ENOMEM, "Lua: out of memory");
    return lt__script_protect(s, state_setup, ctx, err);
}

/* ---- protected calls ---- */

static lt_status error_status(const lt__ctx *ctx, int rc, const char *text)
{
    if (rc == LUA_ERRMEM)
        return LT_ENOMEM;
    if (ctx->last.status != LT_OK && ctx->last.text[0] &&
        strstr(text, ctx->last.text))
        return ctx->last.status;
    return LT_EINVAL;
}

/* The `status` of an error that is a table {status =, message =}, or 0. */
static int thrown_status(lua_State *L)
{
    int status = 0;

    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "status");
        lua_rawget(L, -2);
        status = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    return status;
}

lt_status lt__script_protect(lt_script *s, lua_CFunction f, void *arg,
                             lt_err *err)
{
    lua_State *L = s->ctx.L;
    lt_text text = {0};
    lt_status rc;
    int lua_rc;

    lua_settop(L, 0);
    lua_pushcfunction(L, lt__traceback);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, arg);
    lua_rc = lua_pcall(L, 1, 0, 1);
    if (lua_rc != LUA_OK) {
        lt__error_text(L, &text);
        s->ctx.error_status = thrown_status(L);
        lt__limits_blame(&s->ctx, lt_text_str(&text));
    }
    lua_settop(L, 0);
    if (s->ctx.is_stopped) {
        rc = lt__stop_error(&s->ctx, err);
    } else if (lua_rc == LUA_OK) {
        rc = LT_OK;
    } else if (text.failed) {
        rc = lt_err_set(err, LT_ENOMEM, "Lua: out of memory");
    } else {
        rc = error_status(&s->ctx, lua_rc, lt_text_str(&text));
        lt_err_set(err, rc, "%s", lt_text_str(&text));
    }
    lt_text_deinit(&text);
    return rc;
}

/* ---- new and free ---- */

lt_status lt_script_new(const lt_script_opts *opts, lt_script **out,
                        lt_err *err)
{
    lt_script *s = lt_mem_zero(1, sizeof *s);
    lt_status rc;

    if (!s)
        return lt_err_mark(err, LT_ENOMEM);
    s->opts = *opts;
    s->ctx.should_stop = opts->should_stop;
    lt__script_limit(s, &opts->limits);
    s->ctx.threads = opts->threads > 0 ? opts->threads : 1;
    rc = lt_pool_new(s->ctx.threads, &s->ctx.pool, err);
    if (rc == LT_OK)
        rc = lt__script_reopen(s, opts->seed, err);
    if (rc == LT_OK)
        *out = s;
    else
        lt_script_free(s);
    return rc;
}

void lt__script_forget(lt_script *s)
{
    for (int i = 0; i < LT__CACHED_PAIRS; i++) {
        lt_mem_free(s->ctx.cache[i].key);
        lt__set_release(s->ctx.cache[i].train);
        lt__set_release(s->ctx.cache[i].test);
        s->ctx.cache[i] = (lt__cached_pair){0};
    }
}

void lt_script_free(lt_script *s)
{
    if (!s)
        return;
    lt__script_close(s);
    lt__script_forget(s);
    lt_text_deinit(&s->ctx.trace);
    lt_text_deinit(&s->ctx.inner_message);
    lt_text_deinit(&s->ctx.inner_trace);
    lt_pool_free(s->ctx.pool);
    lt_mem_free(s);
}

const char *lt_script_traceback(const lt_script *s)
{
    return lt_text_str(&s->ctx.trace);
}

/* ---- loading ---- */

typedef struct load_args {
    const char *text, *path;
    size_t size;
} load_args;

static int load_call(lua_State *L)
{
    const load_args *args = lua_touserdata(L, 1);

    lt__push_function(L, "latent.boot", "load");
    lua_pushlstring(L, args->text, args->size);
    lua_pushstring(L, args->path);
    lua_call(L, 2, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, LT__EXPERIMENT);
    return 0;
}

lt_status lt_script_load_text(lt_script *s, const char *text, size_t size,
                              const char *path, lt_err *err)
{
    load_args args = {text, path, size};

    LT_TRY(lt__script_reopen(s, s->opts.seed, err));
    return lt__script_protect(s, load_call, &args, err);
}

lt_status lt_script_load(lt_script *s, const char *path, lt_err *err)
{
    char *text = NULL;
    size_t size = 0;
    lt_status rc = lt_path_read(path, SCRIPT_LIMIT, &text, &size, err);

    if (rc == LT_OK)
        rc = lt_script_load_text(s, text, size, path, err);
    lt_mem_free(text);
    return rc;
}

/* ---- commands ---- */

typedef struct command_args {
    const char *name, *db;
    int argc;
    char **argv;
    int status;
} command_args;

/* {db =, width =, is_tty =, color =} */
static void push_context(lua_State *L, const command_args *args)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, args->db);
    lua_setfield(L, -2, "db");
    lt__push_function(L, "latent.core.sys", "terminal");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

static int command_call(lua_State *L)
{
    command_args *args = lua_touserdata(L, 1);

    lt__push_function(L, "latent.output", "install");
    lua_call(L, 0, 0);
    lua_pushfstring(L, "latent.cmd.%s", args->name);
    lt__push_function(L, lua_tostring(L, -1), "main");
    lua_createtable(L, args->argc, 0);
    for (int i = 0; i < args->argc; i++) {
        lua_pushstring(L, args->argv[i]);
        lua_rawseti(L, -2, i + 1);
    }
    push_context(L, args);
    lua_call(L, 2, 1);
    args->status = (int)luaL_optinteger(L, -1, 0);
    return 0;
}

/* DESIGN section 7. */
static int exit_status(lt_status rc)
{
    switch (rc) {
    case LT_OK:
        return 0;
    case LT_ENOTFOUND:
        return 3;
    case LT_EDIVERGED:
        return 1;
    case LT_EINTERRUPTED:
        return 130;
    case LT_ESTORE:
    case LT_EIO:
    case LT_ENOSPC:
    case LT_EFORMAT:
    case LT_EBUSY:
    case LT_ENOMEM:
        return 4;
    default:
        return 2;
    }
}

int lt_script_command(lt_script *s, const char *name, const char *db, int argc,
                      char **argv, lt_err *err)
{
    command_args args = {name, db, argc, argv, 0};
    lt_status rc = lt__script_reopen(s, s->opts.seed, err);

    s->ctx.error_status = 0;
    if (rc == LT_OK)
        rc = lt__script_protect(s, command_call, &args, err);
    if (fflush(stdout) != 0 && errno != EPIPE && rc == LT_OK)
        rc = lt_err_set(err, LT_EIO, "standard output: %s", strerror(errno));
    if (rc == LT_OK)
        return args.status;
    return s->ctx.error_status ? s->ctx.error_status : exit_status(rc);
}

/* ---- the engine ---- */

void lt_script_prepare_engine(char **argv)
{
    lt_blas_correct(argv);
}

void lt_script_describe_env(int threads, lt_run_env *out)
{
    lt_blas_info blas;

    *out = (lt_run_env){.threads = threads};
    lt_host_describe(&out->host);
    lt_blas_describe(&blas);
    snprintf(out->blas_core, sizeof out->blas_core, "%s", blas.core);
    snprintf(out->isa, sizeof out->isa, "%s", lt_vec_isa());
}
