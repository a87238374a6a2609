/* "latent.core.books": bookkeeping of a store, for the commands.
 *
 *   books.remove(store, ids)   -> how many of them were not removed yet
 *   books.restore(store, ids)  -> how many of them were removed
 *   books.show_removed(store, on)   filters and names take removed runs only
 *   books.delete_removed(store, ids)  -> how many were deleted for good
 *   books.delete_folder(store, run, is_dead), check_folder(store, run),
 *   delete_trash(store, name), free_artifact(store, run, name),
 *   delete_file(store, run, path), compact(store)
 *                              -> true, or nil, why not, whether it is a fault
 *   books.delete_loose(store, is_dry) -> {sweeps =, sources =, source_bytes =}
 *   books.pages(store)         -> {page_bytes =, all =, free =}
 *   books.table_bytes(store, table)   -> bytes, or nil
 *   books.runs_folder(store)   -> "runs"
 *   books.walk(store, path, depth)    -> array of files and folders; or nil
 *                                 and why not, where a link is in the way
 *   books.space(path)          -> bytes free, bytes in all
 *
 * `store` is a handle of latent.core.store. What is removed and when, and what
 * the user is asked, is decided in lua/latent/cmd/. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/tree.h"
#include "latent/store/books.h"

#include <string.h>

#define ENTRIES_TYPE "latent.entries"

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

/* ---- deleting for good ---- */

/* true; or nil, why not, and whether that is a fault: not when there was reason
 * to leave a thing alone. */
static int push_outcome(lua_State *L, lt_status rc, const lt_err *err)
{
    if (rc == LT_OK) {
        lua_pushboolean(L, true);
        return 1;
    }
    if (rc == LT_ENOMEM)
        return lt__raise(L, err);
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushboolean(L, rc != LT_EBUSY && rc != LT_EINVAL);
    return 3;
}

static int books_delete_removed(lua_State *L)
{
    return books_change(L, lt_store_delete_removed);
}

static int books_delete_folder(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    int64_t run = luaL_checkinteger(L, 2);
    lt_err err = {0};

    return push_outcome(
        L, lt_store_delete_folder(s, run, lua_toboolean(L, 3), &err), &err);
}

static int books_check_folder(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_err err = {0};

    return push_outcome(
        L, lt_store_check_folder(s, luaL_checkinteger(L, 2), &err), &err);
}

static int books_delete_trash(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_err err = {0};

    return push_outcome(
        L, lt_store_delete_trash(s, luaL_checkstring(L, 2), &err), &err);
}

static int books_free_artifact(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    int64_t run = luaL_checkinteger(L, 2);
    lt_err err = {0};

    return push_outcome(
        L, lt_store_free_artifact(s, run, luaL_checkstring(L, 3), &err), &err);
}

static int books_delete_file(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    int64_t run = luaL_checkinteger(L, 2);
    lt_err err = {0};

    return push_outcome(
        L, lt_store_delete_file(s, run, luaL_checkstring(L, 3), &err), &err);
}

static void set_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static int books_delete_loose(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_loose_rows rows;
    lt_err err = {0};

    if (lt_store_delete_loose(s, lua_toboolean(L, 2), &rows, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 3);
    set_integer(L, "sweeps", rows.sweeps);
    set_integer(L, "sources", rows.sources);
    set_integer(L, "source_bytes", rows.source_bytes);
    return 1;
}

static int books_compact(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_err err = {0};

    return push_outcome(L, lt_store_compact(s, &err), &err);
}

/* ---- what takes up the disk ---- */

static int books_pages(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_pages pages;
    lt_err err = {0};

    if (lt_store_pages(s, &pages, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 3);
    set_integer(L, "page_bytes", pages.page_bytes);
    set_integer(L, "all", pages.all);
    set_integer(L, "free", pages.free);
    return 1;
}

static int books_table_bytes(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    const char *table = luaL_checkstring(L, 2);
    int64_t bytes = -1;
    lt_err err = {0};

    if (lt_store_table_bytes(s, table, &bytes, &err) != LT_OK)
        return lt__raise(L, &err);
    if (bytes < 0)
        return 0;
    lua_pushinteger(L, bytes);
    return 1;
}

static int books_runs_folder(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    lt_text *name = lt__new_text_guard(L);

    lt_store_runs_folder(s, name);
    lua_pushstring(L, lt_text_str(name));
    return 1;
}

/* books.space(path) -> bytes free, bytes in all */
static int books_space(lua_State *L)
{
    int64_t free = 0, all = 0;
    lt_err err = {0};

    if (lt_path_space(luaL_checkstring(L, 1), &free, &all, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushinteger(L, free);
    lua_pushinteger(L, all);
    return 2;
}

/* Entries are gathered here first: Lua's errors must not pass through a walk
 * that holds folders open. */
typedef struct entries {
    lt_tree_entry *items; /* their paths are at offsets in `paths` */
    size_t n, capacity;
    lt_text paths;
} entries;

static int entries_collect(lua_State *L)
{
    entries *all = luaL_checkudata(L, 1, ENTRIES_TYPE);

    lt_mem_free(all->items);
    lt_text_deinit(&all->paths);
    *all = (entries){0};
    return 0;
}

static lt_status entries_add(void *self, const lt_tree_entry *e, lt_err *err)
{
    entries *all = self;

    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 64;
        lt_tree_entry *items = lt_mem_grow(all->items, capacity, sizeof *items);

        if (!items)
            return lt_err_mark(err, LT_ENOMEM);
        all->items = items;
        all->capacity = capacity;
    }
    all->items[all->n++] = *e;
    lt_text_add_n(&all->paths, e->path, strlen(e->path) + 1);
    return all->paths.failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

static void push_entries(lua_State *L, const entries *all)
{
    static const char *const kinds[] = {"file", "folder", "link", "other"};
    const char *path = all->paths.data;

    lua_createtable(L, (int)all->n, 0);
    for (size_t i = 0; i < all->n; i++, path += strlen(path) + 1) {
        lua_createtable(L, 0, 4);
        lua_pushstring(L, path);
        lua_setfield(L, -2, "path");
        lua_pushstring(L, kinds[all->items[i].kind]);
        lua_setfield(L, -2, "kind");
        set_integer(L, "bytes", all->items[i].bytes);
        lua_pushnumber(L, all->items[i].changed);
        lua_setfield(L, -2, "changed");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* books.walk(store, path, depth) -> array of {path, kind, bytes, changed};
 * nothing is found where no folder is. `path` is below the store's folder,
 * theirs below `path`. */
static int books_walk(lua_State *L)
{
    lt_store *s = lt__check_store(L);
    const char *path = luaL_checkstring(L, 2);
    int depth = (int)luaL_checkinteger(L, 3);
    entries *all = lua_newuserdatauv(L, sizeof *all, 0);
    lt_err err = {0};
    lt_status rc;

    *all = (entries){0};
    luaL_setmetatable(L, ENTRIES_TYPE);
    lua_toclose(L, -1);
    rc = lt_tree_walk(lt_store_folder(s), path, depth, entries_add, all, &err);
    if (rc == LT_EINVAL) {
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }
    if (rc != LT_OK && rc != LT_ENOTFOUND)
        return lt__raise(L, &err);
    push_entries(L, all);
    return 1;
}

int lt__open_books(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"remove", books_remove},
        {"restore", books_restore},
        {"show_removed", books_show_removed},
        {"delete_removed", books_delete_removed},
        {"delete_folder", books_delete_folder},
        {"check_folder", books_check_folder},
        {"delete_trash", books_delete_trash},
        {"free_artifact", books_free_artifact},
        {"delete_file", books_delete_file},
        {"delete_loose", books_delete_loose},
        {"compact", books_compact},
        {"pages", books_pages},
        {"table_bytes", books_table_bytes},
        {"runs_folder", books_runs_folder},
        {"space", books_space},
        {"walk", books_walk},
        {NULL, NULL}};

    lt__new_type(L, ENTRIES_TYPE, entries_collect);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
