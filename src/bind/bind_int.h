/* Shared inside bind: how C modules are opened and how errors become Lua's.
 *
 * Each bind_<x>.c has one non-static function, lt__open_<x>, in the manner of
 * luaopen_*: it pushes one table, which Lua finds as
 * require "latent.core.<x>". Policy and option checking live in lua/latent/. */
#ifndef LT_BIND_INT_H
#define LT_BIND_INT_H

#include "latent/base/json.h"
#include "latent/base/status.h"

#include <lauxlib.h>
#include <lua.h>

int lt__open_sys(lua_State *L);
int lt__open_json(lua_State *L);
int lt__open_data(lua_State *L);
int lt__open_net(lua_State *L);
int lt__open_train(lua_State *L);
int lt__open_store(lua_State *L);
int lt__open_plot(lua_State *L);
int lt__open_bench(lua_State *L);

/* Raises err's text as a Lua error. The caller owns nothing by then. */
int lt__raise(lua_State *L, const lt_err *err);

/* Pushes a JSON value; integers and reals keep their Lua subtype. */
void lt__push_json(lua_State *L, const json_t *value);

/* The value at `index` as JSON; a table whose keys are 1..n is an array.
 * EINVAL names the path of what JSON cannot hold. */
lt_status lt__to_json(lua_State *L, int index, json_t **out, lt_err *err);

#endif
