/* The store for Lua: tests/lua/store.lua on a store made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bind/bind_int.h"
#include "store_help.h"

#include <lualib.h>
#include <math.h>

static void log_loss(place *p, lt_claim *claim, const double *values, int n)
{
    lt_recorder *r = NULL;

    EXPECT_OK(p, lt_recorder_new(claim, &r, &p->err));
    for (int i = 0; i < n; i++)
        lt_observe_metric(lt_recorder_observer(r), "loss", i, i / 2.0,
                          values[i], NULL);
    EXPECT_OK(p, lt_recorder_close(r, &p->err));
}

static void three_runs(place *p)
{
    static const char *const configs[] = {
        ("{\"code\":2,\"deep\":true,\"layers\":[4,3],\"rate\":0.1,"
         "\"tie\":\"tied\"}"),
        "{\"code\":6,\"deep\":false,\"rate\":0.1,\"tie\":\"untied\"}",
        "{\"code\":6,\"rate\":0.1,\"tie\":\"tied\"}",
    };
    static const double values[] = {0.5, NAN, INFINITY, 0.25};
    static const double more[] = {1, 2};
    lt_claim *claim;
    char path[160];
    FILE *f;

    place_queue(p, "bind", configs, 3);
    claim = place_claim(p);
    log_loss(p, claim, values, 4);
    snprintf(path, sizeof path, "%s/note.txt", lt_claim_dir(claim));
    f = fopen(path, "wb");
    assert_non_null(f);
    fputs("hello", f);
    fclose(f);
    EXPECT_OK(p, lt_claim_artifact(claim, "note", "text", path, &p->err));
    EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
    /* Milliseconds apart, so that @last is this one. */
    usleep(2000);
    claim = place_claim(p);
    log_loss(p, claim, more, 2);
    EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
}

static void store_is_read_from_lua(void **state)
{
    lua_State *L = luaL_newstate();
    place p;

    (void)state;
    assert_non_null(L);
    place_open(&p);
    three_runs(&p);
    luaL_openlibs(L);
    lt__preload_modules(L);
    if (luaL_loadfile(L, LATENT_SOURCE_DIR "/tests/lua/store.lua") != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_pushstring(L, p.path);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_close(L);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_is_read_from_lua),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
