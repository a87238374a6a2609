/* "latent.core.sys": the machine, the program, files, hashes, git, the
 * generator behind math.random, and errors at the script's line.
 *
 * Nothing here decides anything: what is recorded and how is policy, in
 * lua/latent/. git is run without a shell and with everything off that could
 * start another program. */
#include "bind/bind_int.h"

#include "latent/base/clock.h"
#include "latent/base/digest.h"
#include "latent/base/host.h"
#include "latent/base/path.h"
#include "latent/base/spawn.h"
#include "latent/base/suggest.h"
#include "latent/store/place.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RNG_TYPE    "latent.rng"
#define DIFF_LIMIT  ((size_t)8 << 20)
#define FILE_LIMIT  ((size_t)64 << 20)
#define GIT_SECONDS 10.0

/* ---- errors ---- */

/* sys.fail(message [, where]): raises at the script's line. */
static int sys_fail(lua_State *L)
{
    luaL_checkstring(L, 1);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lt__push_where(L);
    } else {
        luaL_checkstring(L, 2);
        lua_settop(L, 2);
    }
    lua_insert(L, 1);
    lua_concat(L, 2);
    return lua_error(L);
}

/* sys.where() -> "script.lua:12: " or "" */
static int sys_where(lua_State *L)
{
    lt__push_where(L);
    return 1;
}

/* sys.suggest(name, {names...}) -> nearest or nil */
static int sys_suggest(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    lua_Integer n = luaL_len(L, 2);
    const char **names =
        lua_newuserdatauv(L, sizeof *names * ((size_t)n + 1), 0);
    const char *found;

    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        names[i] = luaL_checkstring(L, -1); /* the table keeps it alive */
        lua_pop(L, 1);
    }
    found = lt_suggest(name, names, (size_t)n);
    if (found)
        lua_pushstring(L, found);
    else
        lua_pushnil(L);
    return 1;
}

/* The handler that is the upvalue, unless all is to stop: Lua calls it inside
 * of the hook that raised the error, where no hook can interrupt it. */
static int guarded_handler(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    lua_settop(L, 1);
    if (ctx && ctx->is_stopped)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* sys.guard(handler) -> a message handler for xpcall */
static int sys_guard(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushcclosure(L, guarded_handler, 1);
    return 1;
}

/* sys.poll(): raises when all is to stop */
static int sys_poll(lua_State *L)
{
    return lt__should_stop(L) ? lt__raise_stop(L) : 0;
}

/* ---- the terminal, the clock, the machine ---- */

static int sys_isatty(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* sys.columns([fd]) -> width of the terminal, or nil when it is none */
static int sys_columns(lua_State *L)
{
    struct winsize size;

    if (ioctl((int)luaL_optinteger(L, 1, 1), TIOCGWINSZ, &size) == 0 &&
        size.ws_col > 0)
        lua_pushinteger(L, size.ws_col);
    else
        lua_pushnil(L);
    return 1;
}

/* sys.terminal(t) -> t with what is known of standard output: is_tty, width
 * (80 when it is none) and color */
static int sys_terminal(lua_State *L)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool is_tty = isatty(1);
    struct winsize size;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushboolean(L, is_tty);
    lua_setfield(L, 1, "is_tty");
    lua_pushboolean(L, is_tty && !(no_color && *no_color) &&
                           !(term && strcmp(term, "dumb") == 0));
    lua_setfield(L, 1, "color");
    if (ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        size.ws_col = 80;
    lua_pushinteger(L, size.ws_col);
    lua_setfield(L, 1, "width");
    return 1;
}

static int sys_env(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

static int sys_clock(lua_State *L)
{
    lua_pushnumber(L, lt_clock_elapsed());
    return 1;
}

static int sys_wall(lua_State *L)
{
    lua_pushnumber(L, lt_clock_wall());
    return 1;
}

static void set_string(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static int sys_host(lua_State *L)
{
    lt_host host;

    lt_host_describe(&host);
    lua_createtable(L, 0, 8);
    set_string(L, "name", host.name);
    set_string(L, "cpu", host.cpu);
    set_string(L, "system", host.system);
    set_string(L, "build", host.build);
    lua_pushinteger(L, host.cores);
    lua_setfield(L, -2, "cores");
    lua_pushinteger(L, lt_host_resident_bytes());
    lua_setfield(L, -2, "resident_bytes");
    lua_pushinteger(L, lt_host_peak_bytes());
    lua_setfield(L, -2, "peak_bytes");
    return 1;
}

/* ---- files and hashes ---- */

static int sys_sha256(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    char hex[LT_DIGEST_HEX];

    lt_digest_bytes(text, size, hex);
    lua_pushstring(L, hex);
    return 1;
}

static int sys_exists(lua_State *L)
{
    lua_pushboolean(L, lt_path_exists(luaL_checkstring(L, 1)));
    return 1;
}

/* sys.real(path) -> without links, dots and double slashes, or nil when nothing
 * is there. A path with a zero byte is none. */
static int sys_real(lua_State *L)
{
    char real[PATH_MAX];
    size_t size;
    const char *path = luaL_checklstring(L, 1, &size);

    if (strlen(path) != size || !realpath(path, real))
        return 0;
    lua_pushstring(L, real);
    return 1;
}

/* Owns what lt_path_read gives until Lua has it. */
static int sys_read(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};
    size_t size = 0;

    if (lt_path_read(path, FILE_LIMIT, &text->data, &size, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, text->data, size);
    return 1;
}

/* ---- git ---- */

/* One git command in `dir`: true and its output, or false. */
static bool git_run(const char *dir, const char *const *args, lt_text *out)
{
    const char *argv[16] = {"git",
                            "-C",
                            dir,
                            "--no-pager",
                            "--no-optional-locks",
                            "-c",
                            "core.fsmonitor=false"};
    int n = 7, code = -1;

    while (n < 15 && *args)
        argv[n++] = *args++;
    return lt_spawn_capture(argv, DIFF_LIMIT, GIT_SECONDS, out, &code, NULL) ==
               LT_OK &&
           code == 0;
}

/* sys.git(dir) -> commit, diff against it; nil when dir is in no repository.
 * A diff that is too large is nil. */
static int sys_git(lua_State *L)
{
    static const char *const head[] = {"rev-parse", "--verify", "HEAD", NULL};
    static const char *const diff[] = {
        "diff",       "--no-ext-diff", "--no-textconv",
        "--no-color", "--binary",      "HEAD",
        NULL};
    const char *dir = luaL_checkstring(L, 1);
    lt_text *out = lt__new_text_guard(L);

    if (!git_run(dir, head, out) || out->size == 0)
        return 0;
    lua_pushlstring(L, out->data, out->size - 1); /* without the newline */
    lt_text_clear(out);
    if (!git_run(dir, diff, out))
        return 1;
    lua_pushlstring(L, lt_text_str(out), out->size);
    return 2;
}

/* ---- random numbers ---- */

/* Lua's math.random on our generator: (), (0), (m) and (m, n). */
static int push_random(lua_State *L, lt_rng *rng, int arg)
{
    lua_Integer low = 1, high;
    lua_Unsigned span;

    if (lua_isnoneornil(L, arg)) {
        lua_pushnumber(L, lt_rng_uniform(rng));
        return 1;
    }
    high = luaL_checkinteger(L, arg);
    if (!lua_isnoneornil(L, arg + 1)) {
        low = high;
        high = luaL_checkinteger(L, arg + 1);
    } else if (high == 0) {
        lua_pushinteger(L, (lua_Integer)lt_rng_next(rng));
        return 1;
    }
    luaL_argcheck(L, low <= high, arg, "interval is empty");
    span = (lua_Unsigned)high - (lua_Unsigned)low;
    lua_pushinteger(
        L, (lua_Integer)((lua_Unsigned)low +
                         (span == (lua_Unsigned)-1
                              ? lt_rng_next(rng)
                              : lt_rng_below(rng, (uint64_t)span + 1))));
    return 1;
}

static int sys_random(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx)
        return luaL_error(L, "no generator in this state");
    return push_random(L, &ctx->rng, 1);
}

static int sys_randomseed(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (ctx)
        lt_rng_init(&ctx->rng, (uint64_t)luaL_checkinteger(L, 1), "script");
    return 0;
}

/* sys.rng(seed, stream) -> a generator called like math.random */
static int sys_rng(lua_State *L)
{
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
    const char *stream = luaL_checkstring(L, 2);
    lt_rng *rng = lua_newuserdatauv(L, sizeof *rng, 0);

    lt_rng_init(rng, seed, stream);
    luaL_setmetatable(L, RNG_TYPE);
    return 1;
}

static int rng_call(lua_State *L)
{
    return push_random(L, luaL_checkudata(L, 1, RNG_TYPE), 2);
}

/* sys.place(path) -> {network = name or nil, is_network =, is_said =,
 * journal = "wal", "truncate" or ""}, of the store there */
static int sys_place(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lt_place place;

    lt_place_find(path, &place);
    lua_createtable(L, 0, 4);
    lua_pushboolean(L, place.is_network);
    lua_setfield(L, -2, "is_network");
    lua_pushboolean(L, place.is_said);
    lua_setfield(L, -2, "is_said");
    set_string(L, "journal", lt_place_journal(path));
    if (place.name[0])
        set_string(L, "network", place.name);
    return 1;
}

int lt__open_sys(lua_State *L)
{
    static const luaL_Reg functions[] = {{"guard", sys_guard},
                                         {"poll", sys_poll},
                                         {"fail", sys_fail},
                                         {"where", sys_where},
                                         {"env", sys_env},
                                         {"suggest", sys_suggest},
                                         {"clock", sys_clock},
                                         {"isatty", sys_isatty},
                                         {"wall", sys_wall},
                                         {"columns", sys_columns},
                                         {"terminal", sys_terminal},
                                         {"host", sys_host},
                                         {"sha256", sys_sha256},
                                         {"git", sys_git},
                                         {"exists", sys_exists},
                                         {"real", sys_real},
                                         {"place", sys_place},
                                         {"read", sys_read},
                                         {"random", sys_random},
                                         {"rng", sys_rng},
                                         {"randomseed", sys_randomseed},
                                         {NULL, NULL}};

    luaL_newmetatable(L, RNG_TYPE);
    lua_pushcfunction(L, rng_call);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    set_string(L, "version", LATENT_VERSION);
    return 1;
}
