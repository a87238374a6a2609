/* Limits of time and memory: whatever a script does to go on, it ends, as
 * failed, with a message that says which limit. And a stop by a signal ends
 * what hides in coroutines. */
#include "script_fixture.h"

#include "latent/base/clock.h"

#define SECONDS   0.2
#define MEGABYTES 24

static void limit(world *w, double seconds, int64_t bytes)
{
    lt_script_opts opts = {
        .threads = 1, .seed = 1, .should_stop = stop_after_polls};

    opts.limits = (lt_script_limits){false, seconds, bytes};
    lt_script_free(w->script);
    w->script = NULL;
    assert_int_equal(lt_script_new(&opts, &w->script, &w->err), LT_OK);
}

static lt_run_status run_body(world *w, const char *body)
{
    char text[4096];
    lt_plan_opts opts = {0};

    snprintf(text, sizeof text, "%s%s%s  end }\n", TINY, RUN, body);
    write_script(w, text);
    plan_ok(w, w->script_path, &opts);
    return execute_one(w, NULL);
}

static const char *const ways_to_go_on[] = {
    "while true do end",
    "repeat until false",
    "::again:: goto again",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(error, function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() while "
    "true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    "while true do coroutine.resume(coroutine.create(function() while true do "
    "end end)) end",
    /* short ones, one in another, none of which is ever counted to the end */
    "local function f(d) if d == 0 then for i = 1, 100 do end return end\n"
    "for i = 1, 1000 do coroutine.wrap(f)(d - 1) end end f(6)",
    "local function f(d) if d == 0 then return end for i = 1, 1000 do\n"
    "coroutine.resume(coroutine.create(f), d - 1) end end f(6)",
    /* what a stopped coroutine still has to close */
    "while true do pcall(coroutine.wrap(function() local x <close> = "
    "setmetatable({}, { __close = function() while true do end end }) while "
    "true do end end)) end",
    "local co = coroutine.create(function() local x <close> = "
    "setmetatable({}, { __close = function() while true do end end }) while "
    "true do end end) while true do coroutine.resume(co) "
    "pcall(coroutine.close, co) end",
    "local x <close> = setmetatable({}, { __close = function() while true do "
    "end end }) while true do end",
    "for _ in function() return 1 end, nil, nil, setmetatable({}, { __close = "
    "function() while true do end end }) do end",
    /* through Lua's own library */
    "while true do pcall(table.sort, { 3, 2, 1, 5, 4 }, function() while true "
    "do end end) end",
    "while true do pcall(string.gsub, 'x', 'x', function() while true do end "
    "end) end",
    "while true do pcall(tostring, setmetatable({}, { __tostring = function() "
    "while true do end end })) end",
    "local t = setmetatable({}, { __index = function(t, k) while true do end "
    "end }) while true do pcall(function() return t.x end) end",
    "while true do pcall(load, function() while true do end end) end",
    "local function f() pcall(f) pcall(f) end f()",
    "local function f() return f() end f()",
    /* through the engine, and its callbacks */
    DATA "while true do pcall(latent.fit, net, { train = data.train, epochs = "
         "1000000 }) end",
    DATA "while true do pcall(latent.fit, net, { train = data.train, on_epoch "
         "= function() while true do end end }) end",
    DATA "while true do pcall(latent.fit, net, { train = data.train, on_epoch "
         "= function() error('x') end }) end",
    DATA "while true do pcall(latent.pretrain, net, { data = data.train, "
         "method = 'rbm', epochs = 100000 }) end",
};

#define N(a) (sizeof(a) / sizeof *(a))

static void time_is_up_whatever_a_script_does(void **state)
{
    world *w = *state;

    limit(w, SECONDS, 0);
    for (size_t i = 0; i < N(ways_to_go_on); i++) {
        double began = lt_clock_elapsed();
        lt_run_status status = run_body(w, ways_to_go_on[i]);

        if (status != LT_RUN_FAILED ||
            !strstr(w->err.text, "time limit: still busy after ") ||
            !strstr(w->err.text, "allowed 0.2 s (--max-time)") ||
            lt_clock_elapsed() - began > 5)
            fail_msg("%s\n%s: %s", ways_to_go_on[i], lt_run_status_name(status),
                     w->err.text);
    }
}

static void a_signal_ends_the_same(void **state)
{
    world *w = *state;

    for (size_t i = 0; i < N(ways_to_go_on); i++) {
        lt_run_status status;

        polls_until_stop = 8;
        status = run_body(w, ways_to_go_on[i]);
        polls_until_stop = -1;
        if (status != LT_RUN_INTERRUPTED || !strstr(w->err.text, "interrupted"))
            fail_msg("%s\n%s: %s", ways_to_go_on[i], lt_run_status_name(status),
                     w->err.text);
    }
}

static const char *const ways_to_fill[] = {
    "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "local t = {} while true do t[#t + 1] = {} end",
    "local s = 'x' while true do s = s .. s end",
    "local s = ('x'):rep(1000000000)",
    "local s = ('x'):rep(100000):gsub('x', ('y'):rep(1000))",
    "local t = table.pack(('x'):rep(900000):byte(1, -1)) while true do t = "
    "table.pack(t, table.unpack(t)) end",
    "local t = {} while true do t[#t + 1] = coroutine.create(function() end) "
    "end",
    "local t = {} while true do pcall(function() while true do t[#t + 1] = "
    "('x'):rep(1000) .. #t end end) end",
    "local t = {} coroutine.wrap(function() while true do pcall(function() "
    "while true do t[#t + 1] = ('x'):rep(1000) .. #t end end) end end)()",
    "local t = {} while true do coroutine.resume(coroutine.create(function() "
    "while true do t[#t + 1] = ('x'):rep(1000) .. #t end end)) end",
    "local t = {} while true do xpcall(function() while true do t[#t + 1] = "
    "('x'):rep(1000) .. #t end end, function() while true do t[#t + 1] = {} "
    "end end) end",
    /* the engine's */
    "local t = {} while true do t[#t + 1] = latent.autoencoder { input = { "
    "784 }, encoder = { latent.dense { 100 } } } end",
    "local t = {} while true do pcall(function() t[#t + 1] = "
    "latent.autoencoder { input = { 784 }, encoder = { latent.dense { 100 } } "
    "} end) end",
    "local t = {} while true do pcall(function() t[#t + 1] = "
    "latent.data.curves { n_train = 1000, seed = #t }.train end) end",
    "latent.data.curves { n_train = 10000000 }",
    "while true do pcall(latent.data.topics, { n_train = 1000000 }) end",
    "latent.autoencoder { input = { 10000 }, encoder = { latent.dense { 10000 "
    "} } }",
};

static void memory_is_full_whatever_a_script_does(void **state)
{
    world *w = *state;

    limit(w, 60, MEGABYTES * 1000000);
    for (size_t i = 0; i < N(ways_to_fill); i++) {
        lt_run_status status = run_body(w, ways_to_fill[i]);

        if (status != LT_RUN_FAILED || !strstr(w->err.text, "memory limit: ") ||
            !strstr(w->err.text, "allowed 24 MB (--max-memory)"))
            fail_msg("%s\n%s: %s", ways_to_fill[i], lt_run_status_name(status),
                     w->err.text);
    }
}

/* What can be let go is let go before the limit is felt. */
static void what_fits_is_not_disturbed(void **state)
{
    static const char *const fits[] = {
        "for i = 1, 50 do local s = ('x'):rep(1000000) .. i end",
        "local t for i = 1, 300000 do t = { t and i } end",
        "for i = 1, 40 do latent.autoencoder { input = { 784 }, encoder = { "
        "latent.dense { 300 } } } end",
        "for i = 1, 10 do latent.data.curves { n_train = 5000, n_test = 10, "
        "seed = i } end",
        /* an error of the script's own that it caught is its own affair */
        "for i = 1, 5 do pcall(error, 'not enough memory') end",
        DATA "latent.fit(net, { train = data.train, run = run, epochs = 3 })",
    };
    world *w = *state;

    limit(w, 60, MEGABYTES * 1000000);
    for (size_t i = 0; i < N(fits); i++)
        if (run_body(w, fits[i]) != LT_RUN_FINISHED)
            fail_msg("%s\n%s", fits[i], w->err.text);
}

/* No run gets less because of those before it. */
static void every_run_has_its_own_limit(void **state)
{
    world *w = *state;

    limit(w, 60, MEGABYTES * 1000000);
    for (int i = 0; i < 3; i++) {
        char body[128];

        snprintf(body, sizeof body,
                 "latent.data.curves { n_train = 12000, n_test = 10, seed = "
                 "%d }",
                 i);
        if (run_body(w, body) != LT_RUN_FINISHED)
            fail_with(w);
        assert_int_equal(run_body(w, ways_to_fill[0]), LT_RUN_FAILED);
    }
    assert_int_equal(run_body(w, "run:log { x = 1 }"), LT_RUN_FINISHED);
}

static void loading_is_limited_too(void **state)
{
    world *w = *state;

    limit(w, SECONDS, 0);
    write_script(w, HEAD "while true do pcall(load, 'while true do end') end");
    assert_int_equal(lt_script_load(w->script, w->script_path, &w->err),
                     LT_ELIMIT);
    assert_message(w, "S:2: time limit: ");
    limit(w, 60, MEGABYTES * 1000000);
    write_script(w, HEAD "local t = {} while true do t[#t + 1] = {} end");
    assert_int_equal(lt_script_load(w->script, w->script_path, &w->err),
                     LT_ELIMIT);
    assert_non_null(strstr(w->err.text, "memory limit: "));
}

/* Stored limits that are not understood end the run, not the limits. */
static void limits_of_a_stranger_are_checked(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "true",
        "{\"sandbox\":1}",
        "{\"sandbox\":true",
        "{\"sandbox\":true,\"seconds\":-1}",
        "{\"sandbox\":true,\"seconds\":\"1\"}",
        "{\"sandbox\":true,\"bytes\":1e30}",
    };
    world *w = *state;
    lt_source_ref sources[2] = {{.path = "a.lua"}, {.path = LT_LIMITS_SOURCE}};
    lt_queue_item item = {"{\"seed\":1}", 1, "h"};
    lt_sweep_spec spec = {.experiment = "x",
                          .question = "",
                          .targets = "{}",
                          .defaults = "{}",
                          .command = "",
                          .git_commit = "",
                          .git_diff_hex = "",
                          .sources = sources,
                          .n_sources = 2};
    const char *script = "return 1";

    assert_int_equal(lt_store_put_source(w->store, script, strlen(script),
                                         sources[0].hex, &w->err),
                     LT_OK);
    for (size_t i = 0; i < N(texts); i++) {
        int64_t sweep = 0;
        int n = 0;

        assert_int_equal(lt_store_put_source(w->store, texts[i],
                                             strlen(texts[i]), sources[1].hex,
                                             &w->err),
                         LT_OK);
        assert_int_equal(lt_store_queue(w->store, &spec, &item, 1, false,
                                        &sweep, &n, &w->err),
                         LT_OK);
        assert_int_equal(execute_one(w, NULL), LT_RUN_FAILED);
        if (!strstr(w->err.text, LT_LIMITS_SOURCE))
            fail_msg("%s: %s", texts[i], w->err.text);
    }
}

/* Whatever allocation fails: the limits are read, or that is an error. */
static void limits_are_not_lost_for_want_of_memory(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    lt_script_limits limits;
    int64_t sweep = 0, i;
    int n = 0;
    lt_status rc;

    limit(w, 7, 80000000);
    write_script(w, TINY RUN " end }");
    assert_int_equal(lt_script_load(w->script, w->script_path, &w->err), LT_OK);
    assert_int_equal(
        lt_script_plan(w->script, w->store, &opts, &sweep, &n, &w->err), LT_OK);
    for (i = 0; i < 1000; i++) {
        lt_err err = {0};

        lt_mem_fail_after(i);
        rc = lt_script_stored_limits(w->store, sweep, &limits, &err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_true(err.text[0]);
    }
    assert_in_range(i, 1, 999);
    assert_true(limits.seconds == 7 && limits.bytes == 80000000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(time_is_up_whatever_a_script_does),
        T(a_signal_ends_the_same),
        T(memory_is_full_whatever_a_script_does),
        T(what_fits_is_not_disturbed),
        T(every_run_has_its_own_limit),
        T(loading_is_limited_too),
        T(limits_of_a_stranger_are_checked),
        T(limits_are_not_lost_for_want_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
