/* "latent.core.books": bookkeeping of a store, for the commands.
 *
 *   books.remove(store, ids)   -> how many of them were not removed yet
 *   books.restore(store, ids)  -> how many of them were removed
 *   books.show_removed(store, on)   filters and names take removed runs only
 *
 * `store` is a handle of latent.core.store. What is removed and when, and what
 * the user is asked, is decided in lua/latent/cmd/. */
#include "bind/bind_int.h"

#include "latent/store/books.h"

/* The ids in the array at `index`, in memory that Lua owns. */
static int64_t *check_ids(lua_State *L, int index, int *n)
{
    int64_t *ids;

    luaL_checktype(L, index, LUA_TTABLE);
    *n = (int)lua_rawlen(L, index);
    ids = lua_newuserdatauv(L, sizeof *ids * ((size_t)*n + 1), 0);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, index, i + 1);
        ids[i] = luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    return ids;
}

typedef lt_status change_runs(lt_store *store, const int64_t *runs, int n,
                              int *n_done, lt_err *err);

static int books_change(lua_State *L, change_runs *change)
{
    lt_store *s = lt__check_store(L);
    lt_err err = {0};
    int n, n_done = 0;
    const int64_t *ids = check_ids(L, 2, &n);

    if (change(s, ids, n, &n_done, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushinteger(L, n_done);
    return 1;
}

static int books_remove(lua_State *L)
{
    return books_change(L, lt_store_remove);
}

static int books_restore(lua_State *L)
{
    return books_change(L, lt_store_restore);
}

static int books_show_removed(lua_State *L)
{
    lt_store_show_removed(lt__check_store(L), lua_toboolean(L, 2));
    return 0;
}

int lt__open_books(lua_State *L)
{
    static const luaL_Reg functions[] = {{"remove", books_remove},
                                         {"restore", books_restore},
                                         {"show_removed", books_show_removed},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
