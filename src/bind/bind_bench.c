/* "latent.core.bench": measurements, for latent bench and latent doctor.
 *
 *   bench.cases()            -> { {name, network, batch, tie, loss}, ... }
 *   bench.network{name, threads, seconds, throughput}  -> times of one
 *                            network; with throughput only steps, by the wall
 *   bench.sparse{items, units, tied, popularity, threads, seconds}
 *                            -> sparse_ms, dense_ms of a step
 *   bench.together{name, processes, seconds}   -> examples/s of each process
 *   bench.logging{name, seconds}               -> plain_ms, logged_ms
 *   bench.recording(rows)                      -> seconds
 *   bench.checkpoint{name}                     -> ms, step_ms, megabytes
 *   bench.capture({program, arguments...}, seconds)   -> what it printed; nil
 *                            when it is not there, fails or takes longer
 *   bench.blas()             -> what OpenBLAS is, and should be
 *   bench.speed(seconds)     -> GFLOP/s of products, and at most
 *   bench.versions()         -> { lua =, sqlite = }
 *
 * Nothing is judged here. */
#include "bind/bind_int.h"

#include "bind/bench_store.h"
#include "latent/base/spawn.h"
#include "latent/math/blas.h"
#include "latent/store/store.h"
#include "latent/train/bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCESSES 64
#define MAX_ARGUMENTS 8
#define OUTPUT_LIMIT  ((size_t)1 << 16)

static void set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* ---- networks ---- */

/* "784-32", or "1x28x28-16-32" of convolutions. */
static void push_sizes(lua_State *L, const lt_bench_case *c)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (int i = 0; i < LT_BENCH_SIZES && c->sizes[i] > 0; i++) {
        char text[48];

        snprintf(text, sizeof text, i ? "-%d" : "%d", c->sizes[i]);
        luaL_addstring(&b, text);
        if (i == 0 && c->side) {
            snprintf(text, sizeof text, "x%dx%d", c->side, c->side);
            luaL_addstring(&b, text);
        }
    }
    luaL_pushresult(&b);
}

static int bench_list(lua_State *L)
{
    int n;
    const lt_bench_case *c = lt_bench_cases(&n);

    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_createtable(L, 0, 5);
        set_text(L, "name", c[i].name);
        push_sizes(L, &c[i]);
        lua_setfield(L, -2, "network");
        set_integer(L, "batch", c[i].batch);
        set_text(L, "tie", lt_tie_name(c[i].tie));
        set_text(L, "loss", lt_loss_name(c[i].loss));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static const lt_bench_case *check_case(lua_State *L)
{
    const char *name;
    const lt_bench_case *c;

    luaL_checktype(L, 1, LUA_TTABLE);
    name = lt__get_string(L, 1, "name");
    c = name ? lt_bench_find(name) : NULL;
    if (!c)
        luaL_error(L, "no network \"%s\"", name ? name : "nil");
    return c;
}

static int bench_network(lua_State *L)
{
    const lt_bench_case *c = check_case(L);
    const lt_bench_opts opts = {
        .threads = (int)lt__get_integer(L, 1, "threads"),
        .seconds = lt__get_number(L, 1, "seconds"),
        .is_throughput = lt__get_boolean(L, 1, "throughput"),
    };
    lt_bench_result r;
    lt_err err = {0};

    if (lt_bench_run(c, &opts, &r, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 10);
    set_number(L, "step_ms", r.step_ms);
    set_number(L, "floor_ms", r.floor_ms);
    set_number(L, "share", r.share);
    set_number(L, "best_step_ms", r.best_step_ms);
    set_number(L, "best_floor_ms", r.best_floor_ms);
    set_number(L, "examples_per_second", r.examples_per_second);
    set_number(L, "floor_gflops", r.floor_gflops);
    set_integer(L, "parameters", (lua_Integer)r.parameters);
    set_integer(L, "threads", opts.threads);
    set_integer(L, "blocks", r.blocks);
    return 1;
}

/* As papers train on ratings: momentum, batches of 128. */
static int bench_sparse(lua_State *L)
{
    lt_bench_sparse_case c = {
        .items = (int)lt__get_integer(L, 1, "items"),
        .tie = lt__get_boolean(L, 1, "tied") ? LT_TIE_TIED : LT_TIE_UNTIED,
        .optimizer = LT_OPT_SGD,
        .batch = 128,
        .density = 0.01,
        .popularity = lt__get_number(L, 1, "popularity"),
    };
    int threads = (int)lt__get_integer(L, 1, "threads");
    double seconds = lt__get_number(L, 1, "seconds");
    lt_bench_sparse_result r;
    lt_err err = {0};

    lua_getfield(L, 1, "units");
    for (int i = 0; i + 1 < LT_BENCH_SIZES; i++) {
        lua_rawgeti(L, -1, i + 1);
        c.units[i] = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    if (lt_bench_sparse_run(&c, threads, seconds, &r, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushnumber(L, r.sparse_ms);
    lua_pushnumber(L, r.dense_ms);
    return 2;
}

/* ---- several processes at once ---- */

/* In the child: measures, writes examples/s to `fd`, never returns. */
static _Noreturn void child_main(const lt_bench_case *c, double seconds, int fd)
{
    const lt_bench_opts opts = {
        .threads = 1, .seconds = seconds, .is_throughput = true};
    lt_bench_result r;
    lt_err err = {0};
    double rate = -1;

    if (lt_bench_run(c, &opts, &r, &err) == LT_OK)
        rate = r.examples_per_second;
    _exit(write(fd, &rate, sizeof rate) == sizeof rate ? 0 : 1);
}

/* Starts a child; the end of its pipe to read from, or -1. */
static int child_start(const lt_bench_case *c, double seconds, pid_t *pid)
{
    int ends[2];

    if (pipe(ends) != 0)
        return -1;
    *pid = fork();
    if (*pid == 0)
        child_main(c, seconds, ends[1]);
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

/* Its examples/s, or -1 when it failed. */
static double child_finish(pid_t pid, int fd)
{
    double rate = -1;
    ssize_t n;

    do {
        n = read(fd, &rate, sizeof rate);
    } while (n < 0 && errno == EINTR);
    close(fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return n == sizeof rate ? rate : -1;
}

static int bench_together(lua_State *L)
{
    const lt_bench_case *c = check_case(L);
    int wanted = (int)lt__get_integer(L, 1, "processes"), n = 0;
    double seconds = lt__get_number(L, 1, "seconds");
    bool failed = false;
    pid_t pid[MAX_PROCESSES];
    int fd[MAX_PROCESSES];

    luaL_argcheck(L, wanted >= 1 && wanted <= MAX_PROCESSES, 1,
                  "processes: wanted 1 to 64");
    fflush(NULL);
    while (n < wanted && (fd[n] = child_start(c, seconds, &pid[n])) >= 0)
        n++;
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        double rate = child_finish(pid[i], fd[i]);

        failed = failed || rate < 0;
        lua_pushnumber(L, rate);
        lua_rawseti(L, -2, i + 1);
    }
    if (failed || n < wanted)
        return luaL_error(L, "%d of %d processes could be measured", n, wanted);
    return 1;
}

/* ---- the store's costs ---- */

static int bench_logging(lua_State *L)
{
    const lt_bench_case *c = check_case(L);
    lt__logging logging;
    lt_err err = {0};

    if (lt__bench_logging(c->name, lt__get_number(L, 1, "seconds"), &logging,
                          &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushnumber(L, logging.plain_ms);
    lua_pushnumber(L, logging.logged_ms);
    return 2;
}

static int bench_checkpoint(lua_State *L)
{
    const lt_bench_case *c = check_case(L);
    lt__checkpointing checkpoint = {0};
    lt_err err = {0};

    if (lt__bench_checkpoint(c->name, &checkpoint, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushnumber(L, checkpoint.ms);
    lua_pushnumber(L, checkpoint.step_ms);
    lua_pushnumber(L, checkpoint.megabytes);
    return 3;
}

static int bench_recording(lua_State *L)
{
    double seconds = 0;
    lt_err err = {0};

    if (lt__bench_recording((int)luaL_checkinteger(L, 1), &seconds, &err) !=
        LT_OK)
        return lt__raise(L, &err);
    lua_pushnumber(L, seconds);
    return 1;
}

/* ---- other programs ---- */

static int bench_capture(lua_State *L)
{
    const char *argv[MAX_ARGUMENTS + 1] = {NULL};
    lua_Integer n = luaL_len(L, 1);
    lt_text out = {0};
    int code = -1;
    lt_status rc;

    luaL_argcheck(L, n >= 1 && n <= MAX_ARGUMENTS, 1, "wanted 1 to 8 strings");
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1); /* [strings ...], which keep them alive */
        argv[i] = luaL_checkstring(L, -1);
    }
    rc = lt_spawn_capture(argv, OUTPUT_LIMIT, luaL_checknumber(L, 2), &out,
                          &code, NULL);
    if (rc == LT_OK && code == 0)
        lua_pushstring(L, lt_text_str(&out));
    else
        lua_pushnil(L);
    lt_text_deinit(&out);
    return 1;
}

/* ---- the machine ---- */

static int bench_blas(lua_State *L)
{
    lt_blas_info info;

    lt_blas_describe(&info);
    lua_createtable(L, 0, 6);
    set_text(L, "library", info.library);
    set_text(L, "core", info.core);
    set_text(L, "wanted", info.wanted);
    set_boolean(L, "user_set", info.user_set);
    set_boolean(L, "is_right", info.is_right);
    set_text(L, "isa", lt_vec_isa());
    return 1;
}

static int bench_speed(lua_State *L)
{
    lt_blas_speed speed;
    lt_err err = {0};

    if (lt_blas_measure(luaL_checknumber(L, 1), &speed, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 2);
    set_number(L, "gemm_gflops", speed.gemm_gflops);
    set_number(L, "peak_gflops", speed.peak_gflops);
    return 1;
}

static int bench_versions(lua_State *L)
{
    lua_createtable(L, 0, 2);
    set_text(L, "lua",
             LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
    set_text(L, "sqlite", lt_store_sqlite_version());
    return 1;
}

int lt__open_bench(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"cases", bench_list},          {"network", bench_network},
        {"together", bench_together},   {"logging", bench_logging},
        {"recording", bench_recording}, {"checkpoint", bench_checkpoint},
        {"capture", bench_capture},     {"sparse", bench_sparse},
        {"blas", bench_blas},           {"speed", bench_speed},
        {"versions", bench_versions},   {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
