/* "latent.core.fetch": downloads, archives and files, as the command "latent
 * data" needs them (lua/latent/cmd/data.lua). Which sets there are, where from
 * and what is said of them is policy, in Lua.
 *
 * A download is driven by Lua, a step at a time, so that Lua draws the
 * progress and looks for signals in between. */
#include "bind/bind_int.h"

#include "latent/base/digest.h"
#include "latent/base/download.h"
#include "latent/base/gzin.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/unpack.h"
#include "latent/data/idx.h"
#include "latent/work/work.h"

#include <string.h>
#include <sys/stat.h>

#define DOWNLOAD_TYPE "latent.download"
#define UNPACK_TYPE   "latent.unpacked"

/* ---- downloads ---- */

static int download_collect(lua_State *L)
{
    lt_download **d = luaL_checkudata(L, 1, DOWNLOAD_TYPE);

    lt_download_close(*d);
    *d = NULL;
    return 0;
}

static lt_download *check_download(lua_State *L)
{
    lt_download **d = luaL_checkudata(L, 1, DOWNLOAD_TYPE);

    if (!*d)
        luaL_error(L, "the download was closed");
    return *d;
}

/* fetch.open { url =, path =, size = or -1, limit =, sha256 = or nil, stall =,
 * pause =, tries = } -> download */
static int fetch_open(lua_State *L)
{
    const lt_download_opts o = {.url = lt__get_string(L, 1, "url"),
                                .path = lt__get_string(L, 1, "path"),
                                .size = (int64_t)lt__get_integer(L, 1, "size"),
                                .limit =
                                    (int64_t)lt__get_integer(L, 1, "limit"),
                                .sha256 = lt__get_string(L, 1, "sha256"),
                                .stall_seconds = lt__get_number(L, 1, "stall"),
                                .pause_seconds = lt__get_number(L, 1, "pause"),
                                .tries = (int)lt__get_integer(L, 1, "tries")};
    lt_download **out = lua_newuserdatauv(L, sizeof *out, 0);
    lt_err err = {0};

    *out = NULL;
    luaL_setmetatable(L, DOWNLOAD_TYPE);
    return lt_download_open(&o, out, &err) == LT_OK ? 1 : lt__raise(L, &err);
}

/* fetch.step(download, seconds) -> whether the file is there */
static int fetch_step(lua_State *L)
{
    lt_download *d = check_download(L);
    bool done = false;
    lt_err err = {0};

    if (lt_download_step(d, luaL_checknumber(L, 2), &done, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushboolean(L, done);
    return 1;
}

/* fetch.look(download) -> have, size or -1, failed tries, pause, trouble */
static int fetch_look(lua_State *L)
{
    lt_download_state s;

    lt_download_look(check_download(L), &s);
    lua_pushinteger(L, s.have);
    lua_pushinteger(L, s.size);
    lua_pushinteger(L, s.tries);
    lua_pushnumber(L, s.pause);
    lua_pushstring(L, s.text);
    return 5;
}

/* fetch.catch(): signals no longer end the program but are told by signal() */
static int fetch_catch(lua_State *L)
{
    (void)L;
    lt_work_catch_signals();
    return 0;
}

static int fetch_signal(lua_State *L)
{
    lua_pushinteger(L, lt_work_signal());
    return 1;
}

/* ---- archives ---- */

/* The texts of members, for Lua's collector. */
typedef struct unpacked {
    lt_text *texts;
    int n;
} unpacked;

static int unpacked_collect(lua_State *L)
{
    unpacked *u = luaL_checkudata(L, 1, UNPACK_TYPE);

    for (int i = 0; i < u->n; i++)
        lt_text_deinit(&u->texts[i]);
    lt_mem_free(u->texts);
    *u = (unpacked){NULL, 0};
    return 0;
}

/* The strings of the list at `index`; the list keeps them alive. */
static const char **check_strings(lua_State *L, int index, int *n)
{
    const char **out;

    luaL_checktype(L, index, LUA_TTABLE);
    *n = (int)luaL_len(L, index);
    out = lua_newuserdatauv(L, sizeof *out * ((size_t)*n + 1), 0);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, index, i + 1);
        out[i] = luaL_checkstring(L, -1);
        lua_pop(L, 1);
    }
    return out;
}

static int push_texts(lua_State *L, const lt_unpack *what)
{
    unpacked *u = lua_newuserdatauv(L, sizeof *u, 0);
    lt_err err = {0};

    *u = (unpacked){NULL, 0};
    luaL_setmetatable(L, UNPACK_TYPE);
    u->texts = lt_mem_zero((size_t)what->n, sizeof *u->texts);
    if (!u->texts)
        return lt__raise(L, &(lt_err){LT_ENOMEM, "unpack: out of memory"});
    u->n = what->n;
    if (lt_unpack_texts(what, u->texts, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, u->n, 0);
    for (int i = 0; i < u->n; i++) {
        lua_pushlstring(L, lt_text_str(&u->texts[i]), u->texts[i].size);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static bool is_signalled(void *self)
{
    (void)self;
    return lt_work_signal() != 0;
}

/* fetch.unpack(archive, members, limit, paths) writes files;
 * fetch.unpack(archive, members, limit) -> their texts. A signal that was
 * caught ends it. */
static int fetch_unpack(lua_State *L)
{
    const lt_observer observer = {.should_stop = is_signalled};
    lt_unpack what = {.archive = luaL_checkstring(L, 1),
                      .limit = (int64_t)luaL_checkinteger(L, 3),
                      .observer = &observer};
    const char *const *paths;
    lt_err err = {0};
    int n;

    lua_settop(L, 4);
    what.members = check_strings(L, 2, &what.n);
    if (lua_isnil(L, 4))
        return push_texts(L, &what);
    paths = check_strings(L, 4, &n);
    luaL_argcheck(L, n == what.n, 4, "one path a member");
    return lt_unpack_files(&what, paths, &err) == LT_OK ? 0
                                                        : lt__raise(L, &err);
}

/* ---- files ---- */

/* fetch.sha256(path) -> of the file's bytes */
static int fetch_sha256(lua_State *L)
{
    char hex[LT_DIGEST_HEX];
    lt_err err = {0};

    if (lt_digest_file(luaL_checkstring(L, 1), hex, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushstring(L, hex);
    return 1;
}

static lt_status content_digest(const char *path, char hex[LT_DIGEST_HEX],
                                lt_err *err)
{
    char chunk[16384];
    lt_digest *digest = NULL;
    lt_gzin *in = NULL;
    size_t got = 0;
    lt_status rc = lt_digest_new(&digest, err);

    if (rc == LT_OK)
        rc = lt_gzin_open(path, &in, err);
    while (rc == LT_OK) {
        rc = lt_gzin_some(in, chunk, sizeof chunk, &got, err);
        if (rc != LT_OK || got == 0)
            break;
        lt_digest_add(digest, chunk, got);
    }
    if (rc == LT_OK)
        lt_digest_end(digest, hex);
    lt_gzin_close(in);
    lt_digest_free(digest);
    return rc;
}

/* fetch.content_sha256(path) -> of what is in it, gzip-compressed or not */
static int fetch_content_sha256(lua_State *L)
{
    char hex[LT_DIGEST_HEX];
    lt_err err = {0};

    if (content_digest(luaL_checkstring(L, 1), hex, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushstring(L, hex);
    return 1;
}

/* fetch.size(path) -> bytes, or nil when there is no such file */
static int fetch_size(lua_State *L)
{
    struct stat st;

    if (stat(luaL_checkstring(L, 1), &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    lua_pushinteger(L, st.st_size);
    return 1;
}

/* fetch.folder(path): makes it */
static int fetch_folder(lua_State *L)
{
    lt_err err = {0};

    if (lt_path_make_dirs(luaL_checkstring(L, 1), &err) != LT_OK)
        return lt__raise(L, &err);
    return 0;
}

/* fetch.write(path, text): whole or not at all */
static int fetch_write(lua_State *L)
{
    size_t size;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_checklstring(L, 2, &size);
    lt_err err = {0};

    if (lt_path_write(path, text, size, &err) != LT_OK)
        return lt__raise(L, &err);
    return 0;
}

/* fetch.save_idx(set, images [, labels]) */
static int fetch_save_idx(lua_State *L)
{
    const lt_dataset *d = lt__check_set(L, 1);
    const char *images = luaL_checkstring(L, 2);
    const char *labels = luaL_optstring(L, 3, NULL);
    lt_err err = {0};

    if (lt_idx_save(d, images, labels, &err) != LT_OK)
        return lt__raise(L, &err);
    return 0;
}

int lt__open_fetch(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open", fetch_open},
        {"step", fetch_step},
        {"look", fetch_look},
        {"catch", fetch_catch},
        {"signal", fetch_signal},
        {"unpack", fetch_unpack},
        {"sha256", fetch_sha256},
        {"content_sha256", fetch_content_sha256},
        {"size", fetch_size},
        {"folder", fetch_folder},
        {"write", fetch_write},
        {"save_idx", fetch_save_idx},
        {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, DOWNLOAD_TYPE, download_collect);
    lua_pop(L, 1);
    lt__new_type(L, UNPACK_TYPE, unpacked_collect);
    lua_pop(L, 1);
    return 1;
}
