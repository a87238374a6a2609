/* The list of modules: one line for each C module, and all that lua/ holds.
 *
 * Both go into package.preload, so that require finds them in any folder and
 * nothing outside of the program can take their names. A Lua module's chunk is
 * called "[latent] x.lua": lt__push_where knows it by that. */
#include "bind/bind_int.h"

#include "latent/bind/embedded.h"

static const luaL_Reg core_modules[] = {
    {"latent.core.json", lt__open_json},
    {"latent.core.sys", lt__open_sys},
    {"latent.core.data", lt__open_data},
    {"latent.core.files", lt__open_files},
    {"latent.core.sparse", lt__open_sparse},
    {"latent.core.fetch", lt__open_fetch},
    {"latent.core.prepare", lt__open_prepare},
    {"latent.core.net", lt__open_net},
    {"latent.core.train", lt__open_train},
    {"latent.core.probe", lt__open_probe},
    {"latent.core.recommend", lt__open_recommend},
    {"latent.core.run", lt__open_run},
    {"latent.core.plot", lt__open_plot},
    {"latent.core.store", lt__open_store},
    {"latent.core.books", lt__open_books},
    {"latent.core.exchange", lt__open_exchange},
    {"latent.core.bench", lt__open_bench},
    {NULL, NULL},
};

/* The loader of one embedded module; its entry is the upvalue. */
static int embedded_load(lua_State *L)
{
    const lt_embedded *m = lua_touserdata(L, lua_upvalueindex(1));

    lua_pushfstring(L, "=[latent] %s", m->path);
    if (luaL_loadbufferx(L, m->text, m->size, lua_tostring(L, -1), "t") !=
        LUA_OK)
        return lua_error(L);
    lua_pushstring(L, m->name);
    lua_call(L, 1, 1);
    return 1;
}

void lt__preload_modules(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, core_modules, 0);
    for (const lt_embedded *m = lt_embedded_lua; m->name; m++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)m);
        lua_pushcclosure(L, embedded_load, 1);
        lua_setfield(L, -2, m->name);
    }
    lua_pop(L, 1);
}
