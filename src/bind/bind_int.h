/* Shared inside bind: how C modules are opened, how errors become Lua's, and
 * what a Lua state of this program has beside it.
 *
 * Each bind_<x>.c has a function lt__open_<x>, in the manner of luaopen_*: it
 * pushes one table, which Lua finds as require "latent.core.<x>"; modules.c
 * lists them. Policy and option checking live in lua/latent/: a core function
 * is called by our own modules only, with values that those have checked. */
#ifndef LT_BIND_INT_H
#define LT_BIND_INT_H

#include "latent/base/json.h"
#include "latent/base/observer.h"
#include "latent/base/rng.h"
#include "latent/base/status.h"
#include "latent/base/text.h"

#include <lauxlib.h>
#include <lua.h>

typedef struct lt_pool lt_pool;
typedef struct lt_store lt_store;
typedef struct lt_claim lt_claim;
typedef struct lt_recorder lt_recorder;
typedef struct lt_net lt_net;
typedef struct lt_dataset lt_dataset;
typedef struct lt_data_pair lt_data_pair;
typedef struct lt__set lt__set;
typedef struct lt__resume lt__resume;

int lt__open_sys(lua_State *L);
int lt__open_json(lua_State *L);
int lt__open_data(lua_State *L);
int lt__open_files(lua_State *L);
int lt__open_sparse(lua_State *L);
int lt__open_fetch(lua_State *L);
int lt__open_prepare(lua_State *L);
int lt__open_net(lua_State *L);
int lt__open_train(lua_State *L);
int lt__open_probe(lua_State *L);
int lt__open_recommend(lua_State *L);
int lt__open_run(lua_State *L);
int lt__open_store(lua_State *L);
int lt__open_books(lua_State *L);
int lt__open_exchange(lua_State *L);
int lt__open_plot(lua_State *L);
int lt__open_bench(lua_State *L);

/* ---- the state's surroundings ---- */

#define LT__CACHED_PAIRS 4

/* A generated or loaded pair of sets, kept from one run of a worker to the
 * next. */
typedef struct lt__cached_pair {
    char *key;
    lt__set *train, *test;
} lt__cached_pair;

/* One for each Lua state that script.c makes. Its members outlive the state
 * but for `L`. */
typedef struct lt__ctx {
    lua_State *L; /* main thread */
    lt_pool *pool;
    int threads;
    bool (*should_stop)(void); /* or NULL */
    bool is_stopped;           /* a stop was seen; nothing may go on */
    lt_err stop;               /* ... why; its text once it was raised */
    double began, max_seconds; /* max_seconds 0: any */
    int64_t max_bytes;         /* 0: any */
    size_t refused;            /* what Lua asked for last, in vain */
    double stop_seconds;       /* spent by then */
    int64_t stop_bytes;        /* in use by then */
    size_t stop_wanted;        /* and more wanted; 0: not for want of memory */
    bool is_sandboxed;
    lt_rng rng;             /* math.random */
    lt_err last;            /* the last error that lt__raise raised */
    lt_divergence diverged; /* the last that training told of */
    lt_text inner_message;  /* of the last failing callback ... */
    lt_text inner_trace;    /* ... and where that was raised */
    lt_text trace;          /* of the last uncaught error */
    int error_status;       /* of a {status =} error, or 0 */
    int callbacks;          /* of engines at work, under way */
    lt_claim *claim;        /* the run being executed, or NULL */
    lt_recorder *recorder;
    lt__resume *resume;          /* with a recorder */
    const lt_observer *progress; /* of the worker, or NULL */
    lt__cached_pair cache[LT__CACHED_PAIRS];
    int next_cached;
} lt__ctx;

/* NULL in a state that script.c did not make (a test's own). */
lt__ctx *lt__ctx_of(lua_State *L);
void lt__ctx_attach(lua_State *L, lt__ctx *ctx);
lt_pool *lt__pool_of(lua_State *L); /* or NULL */

/* One value for the run's recorder. */
typedef struct lt__metric {
    const char *name;
    int64_t step;
    double epoch, value;
} lt__metric;

/* ---- stopping: stop.c ---- */

/* Polls for a stop: a signal, or a limit of time. Once there is one, every
 * later instruction of Lua raises it, so that no pcall loop survives it. */
bool lt__should_stop(lua_State *L);

/* Before any coroutine is made, so that all inherit it. */
void lt__install_hook(lua_State *L);

/* The clock and the memory of a fresh state begin; the limits end with it. */
void lt__limits_begin(lt__ctx *ctx);
void lt__limits_end(lt__ctx *ctx);

/* Lua's allocator was refused `size` bytes. */
void lt__limits_refuse(lt__ctx *ctx, size_t size);

/* An error that nobody caught: when Lua says that it is out of memory, and it
 * was the limit that refused some, that is a stop. */
void lt__limits_blame(lt__ctx *ctx, const char *message);

/* Whether an engine's error of this status is a stop. */
bool lt__stops(lua_State *L, lt_status status);

/* Raises the stop, with its first message. */
int lt__raise_stop(lua_State *L);

/* The stop, whatever a script made of its error. */
lt_status lt__stop_error(lt__ctx *ctx, lt_err *err);

/* ---- errors ---- */

/* Raises err's text as a Lua error, with the file and line of the innermost
 * script (not of our own modules). The caller owns nothing by then. */
int lt__raise(lua_State *L, const lt_err *err);

/* The divergence that an error's text tells of, if it was the last one; else
 * NULL. */
const lt_divergence *lt__divergence_in(const lt__ctx *ctx, const char *text);

/* Pushes "file.lua:12: " of the innermost script's function, or "". */
void lt__push_where(lua_State *L);

/* A message handler for lua_pcall: keeps a traceback in the context and
 * returns the error value as it is. */
int lt__traceback(lua_State *L);

/* The error value on top of the stack as text, whatever it is. */
void lt__error_text(lua_State *L, lt_text *out);

/* ---- JSON ---- */

/* Pushes a JSON value; integers and reals keep their Lua subtype, null is
 * nil. May raise: keep `value` in a lt__new_json_guard. */
void lt__push_json(lua_State *L, const json_t *value);

/* The value at `index` as JSON; a table whose keys are 1..n is an array, an
 * empty one an object. EINVAL names the path of what JSON cannot hold. Never
 * raises. */
lt_status lt__to_json(lua_State *L, int index, json_t **out, lt_err *err);

/* Pushes a value that owns the json_t put into it. */
json_t **lt__new_json_guard(lua_State *L);

/* Pushes a value that owns the text put into it. */
lt_text *lt__new_text_guard(lua_State *L);

/* ---- modules ---- */

/* The C modules and the embedded Lua ones, into package.preload. */
void lt__preload_modules(lua_State *L);

/* What bind_<x>.c asks of an options table that Lua has checked. */
lua_Integer lt__get_integer(lua_State *L, int table, const char *name);
lua_Number lt__get_number(lua_State *L, int table, const char *name);
bool lt__get_boolean(lua_State *L, int table, const char *name);
/* Borrowed while the table is unchanged; NULL for nil. */
const char *lt__get_string(lua_State *L, int table, const char *name);

/* Makes a metatable named `name`: __gc and __close are `collect`, hidden from
 * getmetatable. Leaves it on the stack; Lua adds __index. */
void lt__new_type(lua_State *L, const char *name, lua_CFunction collect);

/* Tells Lua's collector of `bytes` that it cannot see. */
void lt__account(lua_State *L, size_t bytes);

/* The script has saved a file: when the run goes on after its process has died,
 * the content goes back with it (resume_files.c). Any path. */
void lt__saved(lua_State *L, const char *path);

/* ---- objectives (bind_objective.c) ---- */

typedef struct lt_objective lt_objective;
typedef struct lt_terms lt_terms;

/* Every field of the table at `table` is there. */
void lt__get_objective(lua_State *L, int table, lt_objective *out);

/* The terms that apply into the table on top of the stack, as "PREFIXsse". */
void lt__set_terms(lua_State *L, const char *prefix, const lt_terms *terms);

/* ---- handles of bind_store.c, bind_net.c and bind_data.c ---- */

/* The open store that is argument 1; raises when there is none. */
lt_store *lt__check_store(lua_State *L);

lt_net *lt__check_net(lua_State *L, int index);
const lt_dataset *lt__check_set(lua_State *L, int index);
void lt__set_release(lt__set *set); /* accepts NULL */

/* Pushes an empty set; the engine's set is put where the result points, then
 * lt__finish_set with the status returns 1 or raises. */
lt_dataset **lt__push_set(lua_State *L);
int lt__finish_set(lua_State *L, lt_status rc, const lt_err *err);

/* Pushes the sets train and test and returns 2: those that are kept under
 * `key`, or else those that make() gives, kept from then on. The options of a
 * core function are its argument 1, which Lua has checked. */
typedef lt_status lt__pair_maker(lua_State *L, lt_data_pair *out, lt_err *err);
int lt__push_pair(lua_State *L, const char *key, lt__pair_maker *make);

#endif
