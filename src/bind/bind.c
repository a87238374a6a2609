/* The ground of every binding: the context beside a Lua state, and errors.
 *
 * A core function collects what it needs, lets go of all it owns, then calls
 * lt__raise: Lua's errors are longjmps. The position put before a message is
 * that of the innermost function of a script; our own modules are named
 * "[latent] x.lua" and passed over, so that a mistake is always reported
 * where the user made it. */
#include "bind/bind_int.h"

#include <string.h>

#define OWN_SOURCE "=[latent]"

static const char ctx_key = 0;

void lt__ctx_attach(lua_State *L, lt__ctx *ctx)
{
    lua_pushlightuserdata(L, ctx);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ctx_key);
}

lt__ctx *lt__ctx_of(lua_State *L)
{
    lt__ctx *ctx = NULL;

    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &ctx_key) == LUA_TLIGHTUSERDATA)
        ctx = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return ctx;
}

lt_pool *lt__pool_of(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    return ctx ? ctx->pool : NULL;
}

/* ---- errors ---- */

void lt__push_where(lua_State *L)
{
    lua_Debug ar;

    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0 ||
            strncmp(ar.source, OWN_SOURCE, strlen(OWN_SOURCE)) == 0)
            continue;
        lua_pushfstring(
            L, "%s:%d: ", *ar.source == '@' ? ar.source + 1 : ar.short_src,
            ar.currentline);
        return;
    }
    lua_pushliteral(L, "");
}

int lt__raise(lua_State *L, const lt_err *err)
{
    lt__ctx *ctx = lt__ctx_of(L);
    lt_err copy = *err;

    if (ctx) {
        ctx->last = copy;
        if (lt__stops(L, copy.status))
            return lt__raise_stop(L);
    }
    lt__push_where(L);
    lua_pushstring(L, copy.text[0] ? copy.text : lt_status_text(copy.status));
    lua_concat(L, 2);
    return lua_error(L);
}

const lt_divergence *lt__divergence_in(const lt__ctx *ctx, const char *text)
{
    const char *what = ctx->diverged.what;

    return ctx->last.status == LT_EDIVERGED && *what && strstr(text, what)
               ? &ctx->diverged
               : NULL;
}

/* A table may say what it is: {message = "..."} or by __tostring. */
void lt__error_text(lua_State *L, lt_text *out)
{
    const char *text = NULL;

    if (lua_isstring(L, -1)) {
        text = lua_tostring(L, -1);
    } else if (lua_istable(L, -1)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, -2);
        text = lua_tostring(L, -1);
        lua_pop(L, 1); /* the table still holds the text */
    }
    if (text)
        lt_text_add(out, text);
    else
        lt_text_addf(out, "the error is a %s value, not a message",
                     luaL_typename(L, -1));
}

/* Where a callback failed, when it is its error that passes here again. */
static void add_inner_trace(lua_State *L, lt__ctx *ctx)
{
    lt_text text = {0};

    if (ctx->inner_message.size == 0)
        return;
    lt__error_text(L, &text);
    if (strcmp(lt_text_str(&text), lt_text_str(&ctx->inner_message)) == 0) {
        lt_text_add(&ctx->trace, lt_text_str(&ctx->inner_trace));
        lt_text_add(&ctx->trace, "\n");
    }
    lt_text_deinit(&text);
    lt_text_clear(&ctx->inner_message);
}

int lt__traceback(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx)
        return 1;
    lt_text_clear(&ctx->trace);
    add_inner_trace(L, ctx);
    luaL_traceback(L, L, NULL, 1);
    lt_text_add(&ctx->trace, lua_tostring(L, -1));
    lua_pop(L, 1);
    return 1;
}

/* ---- options, types, guards ---- */

lua_Integer lt__get_integer(lua_State *L, int table, const char *name)
{
    lua_Integer value;

    lua_getfield(L, table, name);
    value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return value;
}

lua_Number lt__get_number(lua_State *L, int table, const char *name)
{
    lua_Number value;

    lua_getfield(L, table, name);
    value = luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

bool lt__get_boolean(lua_State *L, int table, const char *name)
{
    bool value;

    lua_getfield(L, table, name);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

const char *lt__get_string(lua_State *L, int table, const char *name)
{
    const char *value;

    lua_getfield(L, table, name);
    value = lua_isnil(L, -1) ? NULL : luaL_checkstring(L, -1);
    lua_pop(L, 1);
    return value;
}

/* A script's <close>. In a callback the engine may be at work with the thing
 * (a network that is being trained): it is left to the collector then. */
static int type_close(lua_State *L)
{
    const lt__ctx *ctx = lt__ctx_of(L);

    if (ctx && ctx->callbacks > 0)
        return 0;
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void lt__new_type(lua_State *L, const char *name, lua_CFunction collect)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, collect);
    lua_pushcclosure(L, type_close, 1);
    lua_setfield(L, -2, "__close");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

void lt__account(lua_State *L, size_t bytes)
{
    if (bytes >= 1024)
        lua_gc(L, LUA_GCSTEP,
               (int)(bytes >> 10 < 1 << 20 ? bytes >> 10 : 1 << 20));
}

static int text_guard_collect(lua_State *L)
{
    lt_text_deinit(luaL_checkudata(L, 1, "latent.text"));
    return 0;
}

lt_text *lt__new_text_guard(lua_State *L)
{
    lt_text *t = lua_newuserdatauv(L, sizeof *t, 0);

    *t = (lt_text){0};
    if (luaL_getmetatable(L, "latent.text") == LUA_TNIL) {
        lua_pop(L, 1);
        lt__new_type(L, "latent.text", text_guard_collect);
    }
    lua_setmetatable(L, -2);
    return t;
}
