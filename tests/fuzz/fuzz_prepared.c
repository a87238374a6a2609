/* Preparations in files, read as a script reads them: either there is one, and
 * whatever may be asked of it gets an answer or a message, or a message names
 * the file. A fault of the reader's own (Lua's "attempt to ...") is a finding.
 *
 * One Lua state serves many inputs, so that most of the time is the reader's.
 */
#include "fuzz.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bind/script_int.h"

enum { INPUTS_PER_STATE = 5000 };

static const char reader[] =
    "local prepare = require 'latent.prepare'\n"
    "local data = require('latent').data\n"
    "local pair = prepare.resize { height = 2, width = 2 }:apply(\n"
    "  data.curves { n_train = 2, n_test = 1 })\n"
    "return function(path)\n"
    "  local prep = prepare.load(path)\n"
    "  local ask = { function() return prep:variances() end,\n"
    "    function() return prep:apply(pair.train) end,\n"
    "    function() return prep:invert(pair.train) end }\n"
    "  assert(tostring(prep) == 'preparation: ' .. prep.kind)\n"
    "  for _, f in ipairs(ask) do\n"
    "    local ok, why = pcall(f)\n"
    "    assert(ok or not tostring(why):find('attempt to', 1, true), why)\n"
    "  end\n"
    "end\n";

static lt_script *script;

static int reader_make(lua_State *L)
{
    if (luaL_loadstring(L, reader) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "reader");
    return 0;
}

static int reader_call(lua_State *L)
{
    const char *path = lua_touserdata(L, 1);

    lua_getfield(L, LUA_REGISTRYINDEX, "reader");
    lua_pushstring(L, path);
    lua_call(L, 1, 0);
    return 0;
}

static void script_drop(void)
{
    lt_script_free(script);
}

static void state_make(void)
{
    const lt_script_opts opts = {
        .threads = 1, .seed = 1, .limits = {.bytes = 200000000}};

    if (!script) {
        LT_ASSERT(lt_script_new(&opts, &script, NULL) == LT_OK);
        atexit(script_drop);
    } else {
        LT_ASSERT(lt__script_reopen(script, 1, NULL) == LT_OK);
    }
    LT_ASSERT(lt__script_protect(script, reader_make, NULL, NULL) == LT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int n_inputs;
    const char *path = fuzz_file(0, data, size);
    lt_err err = {0};
    lt_status rc;

    if (n_inputs++ % INPUTS_PER_STATE == 0)
        state_make();
    rc = lt__script_protect(script, reader_call, (void *)(uintptr_t)path, &err);
    LT_ASSERT(rc == LT_OK || rc == LT_ELIMIT || strstr(err.text, path));
    LT_ASSERT(rc == LT_OK || !strstr(err.text, "attempt to"));
    return 0;
}
