/* The stop that a script cannot swallow: Ctrl-C, and limits of time and memory.
 *
 * A count hook polls. When a stop comes, the hook of the running coroutine and
 * of the main one is set to fire at every instruction: a loop around pcall gets
 * the error again outside of it. Other coroutines have the polling hook, each
 * with a count of its own, and lua/latent/boot.lua polls whenever one is made
 * or resumed: chains of short coroutines cannot outrun the count.
 *
 * Memory is Lua's and the engine's together, all that lt_mem gave. When Lua is
 * refused a block it collects all garbage and asks for the same again: only the
 * second refusal is the end. An engine that is refused one gives up at once.
 * After that there is some room more, for the error's own words.
 *
 * What no hook interrupts (a function of Lua's own library that is busy with a
 * pattern, a finaliser) is left to the supervisor, which kills. */
#include "bind/bind_int.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"

#include <string.h>

#define HOOK_INSTRUCTIONS 10000
#define LAST_WORDS        ((int64_t)16 << 20)
#define MEGABYTE          1e6

/* `wanted`: the bytes that were refused; 0: not for want of memory. */
static void ctx_stop(lt__ctx *ctx, lua_State *L, lt_status why, size_t wanted);

/* ---- why ---- */

void lt__limits_begin(lt__ctx *ctx)
{
    ctx->is_stopped = false;
    ctx->stop = (lt_err){0};
    ctx->refused = ctx->stop_wanted = 0;
    ctx->began = lt_clock_elapsed();
    lt_mem_set_limit(ctx->max_bytes);
}

void lt__limits_end(lt__ctx *ctx)
{
    if (ctx->max_bytes > 0)
        lt_mem_set_limit(0);
}

void lt__limits_refuse(lt__ctx *ctx, size_t size)
{
    if (ctx->max_bytes <= 0 || ctx->is_stopped || lt_mem_refused() == 0)
        return;
    if (ctx->refused == size && ctx->L)
        ctx_stop(ctx, ctx->L, LT_ELIMIT, size);
    ctx->refused = size;
}

static bool is_late(const lt__ctx *ctx)
{
    return ctx->max_seconds > 0 &&
           lt_clock_elapsed() - ctx->began > ctx->max_seconds;
}

static void add_size(lt_text *out, double bytes)
{
    if (bytes < MEGABYTE)
        lt_text_addf(out, "%.3g kB", bytes / 1e3);
    else
        lt_text_addf(out, "%.1f MB", bytes / MEGABYTE);
}

static void describe_memory(const lt__ctx *ctx, lt_text *out)
{
    lt_text_add(out, "memory limit: ");
    add_size(out, (double)ctx->stop_bytes);
    lt_text_add(out, " in use and ");
    add_size(out, (double)ctx->stop_wanted);
    lt_text_addf(out, " more wanted, allowed %.0f MB (--max-memory)",
                 (double)ctx->max_bytes / MEGABYTE);
}

static void describe(const lt__ctx *ctx, lt_text *out)
{
    if (ctx->stop.status != LT_ELIMIT)
        lt_text_add(out, "interrupted");
    else if (ctx->stop_wanted > 0)
        describe_memory(ctx, out);
    else
        lt_text_addf(out,
                     "time limit: still busy after %.1f s, allowed %g s "
                     "(--max-time)",
                     ctx->stop_seconds, ctx->max_seconds);
}

/* ---- the hooks ---- */

static void stop_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lt__raise_stop(L);
}

/* From now on nothing runs in this thread or in the main one. */
static void ctx_stop(lt__ctx *ctx, lua_State *L, lt_status why, size_t wanted)
{
    if (!ctx->is_stopped) {
        ctx->is_stopped = true;
        ctx->stop_wanted = wanted;
        ctx->stop.status = why;
        ctx->stop_seconds = lt_clock_elapsed() - ctx->began;
        ctx->stop_bytes = lt_mem_bytes();
        if (ctx->max_bytes > 0)
            lt_mem_set_limit(ctx->max_bytes + LAST_WORDS);
    }
    lua_sethook(L, stop_hook, LUA_MASKCOUNT | LUA_MASKLINE, 1);
    lua_sethook(ctx->L, stop_hook, LUA_MASKCOUNT | LUA_MASKLINE, 1);
}

bool lt__should_stop(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);
    lt_status why = LT_OK;

    if (!ctx)
        return false;
    if (ctx->is_stopped)
        why = ctx->stop.status;
    else if ((ctx->should_stop && ctx->should_stop()) ||
             lt_observe_stop(ctx->progress))
        why = LT_EINTERRUPTED;
    else if (is_late(ctx))
        why = LT_ELIMIT;
    if (why == LT_OK)
        return false;
    ctx_stop(ctx, L, why, 0);
    return true;
}

static void poll_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (lt__should_stop(L))
        lt__raise_stop(L);
}

void lt__install_hook(lua_State *L)
{
    lua_sethook(L, poll_hook, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
}

/* ---- raising ---- */

bool lt__stops(lua_State *L, lt_status status)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (status == LT_ENOMEM && ctx->max_bytes > 0 && lt_mem_refused() > 0)
        ctx_stop(ctx, L, LT_ELIMIT, (size_t)lt_mem_refused());
    else if (status == LT_EINTERRUPTED)
        ctx_stop(ctx, L, LT_EINTERRUPTED, 0);
    return ctx->is_stopped;
}

/* Always the first message: later ones would only say where a script's
 * attempts to go on were cut. */
int lt__raise_stop(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx->stop.text[0]) {
        lt_text why = {0};

        lt__push_where(L);
        describe(ctx, &why);
        lt_err_set(&ctx->stop, ctx->stop.status, "%s%s", lua_tostring(L, -1),
                   lt_text_str(&why));
        lt_text_deinit(&why);
    }
    ctx->last = ctx->stop;
    lua_pushstring(L, ctx->stop.text);
    return lua_error(L);
}

void lt__limits_blame(lt__ctx *ctx, const char *message)
{
    if (!ctx->is_stopped && ctx->max_bytes > 0 && lt_mem_refused() > 0 &&
        strstr(message, "not enough memory"))
        ctx_stop(ctx, ctx->L, LT_ELIMIT, (size_t)lt_mem_refused());
}

lt_status lt__stop_error(lt__ctx *ctx, lt_err *err)
{
    if (!ctx->stop.text[0]) {
        lt_text why = {0};

        describe(ctx, &why);
        lt_err_set(&ctx->stop, ctx->stop.status, "%s", lt_text_str(&why));
        lt_text_deinit(&why);
    }
    return lt_err_set(err, ctx->stop.status, "%s", ctx->stop.text);
}
