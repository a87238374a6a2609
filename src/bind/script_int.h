/* Shared by the files of lt_script: one Lua state after another, each set up
 * afresh, with the engine's pool and the cached data beside them. */
#ifndef LT_SCRIPT_INT_H
#define LT_SCRIPT_INT_H

#include "bind/bind_int.h"
#include "latent/bind/script.h"

struct lt_script {
    lt_script_opts opts;
    lt__ctx ctx; /* ctx.L is NULL between states */
};

/* Closes the state and makes a new one, seeded, with the limits that
 * lt__script_limit has set. */
lt_status lt__script_reopen(lt_script *s, uint64_t seed, lt_err *err);
void lt__script_limit(lt_script *s, const lt_script_limits *limits);
void lt__script_close(lt_script *s);

/* Lets go of the data that are kept from run to run. */
void lt__script_forget(lt_script *s);

/* Calls f in protected mode with `arg` as light userdata. An error's text and
 * status go to `err`; its traceback stays in the context. */
lt_status lt__script_protect(lt_script *s, lua_CFunction f, void *arg,
                             lt_err *err);

/* Pushes field `name` of module `module`. May raise. */
void lt__push_function(lua_State *L, const char *module, const char *name);

/* Pushes the list of `-s` texts. */
void lt__push_sets(lua_State *L, const lt_plan_opts *opts);

/* Where lt_script_load keeps the experiment, in the registry. */
#define LT__EXPERIMENT "latent.experiment"

#endif
