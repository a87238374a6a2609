/* What a script's on_epoch raises, however it does: the run fails with the
 * script's words and line, what was logged before stays, the store is sound,
 * and the worker executes the next run. */
#include "script_fixture.h"

#include "latent/store/verify.h"

/* Line 7 is on_epoch's first. */
#define FIT_BEGINS                                                             \
    DATA "    latent.fit(net, { train = data.train, run = run, epochs = 4, "   \
         "on_epoch = function(epoch)\n"                                        \
         "      if epoch < 3 then return end\n"
#define FIT_ENDS "    end })\n"

#define CLOSING(f) "local x <close> = setmetatable({}, { __close = " f " })\n"

static const struct {
    const char *body; /* in on_epoch, at the third epoch; from line 9 */
    lt_run_status status;
    const char *message, *trace;
} cases[] = {
    {"error('a word')", LT_RUN_FAILED, "S:9: a word", "S:9: in"},
    {"error('no place', 0)", LT_RUN_FAILED, "no place", "S:9: in"},
    {"error({ message = 'of a table' })", LT_RUN_FAILED, "of a table",
     "S:9: in"},
    {"error({})", LT_RUN_FAILED, "the error is a table value", "S:9: in"},
    {"error(nil)", LT_RUN_FAILED, "the error is a nil value", "S:9: in"},
    {"error()", LT_RUN_FAILED, "the error is a nil value", "S:9: in"},
    {"error(print)", LT_RUN_FAILED, "the error is a function value", "S:9: in"},
    {"error(42)", LT_RUN_FAILED, "42", "S:9: in"},
    {"error(setmetatable({}, { __tostring = error, __index = error }))",
     LT_RUN_FAILED, "the error is a table value", "S:9: in"},
    {"local t = nil; t.x = 1", LT_RUN_FAILED, "S:9: attempt to index a nil",
     "S:9: in"},
    {"coroutine.wrap(function() error('deep') end)()", LT_RUN_FAILED,
     "S:9: deep", "S:9: in"},
    {"local co = coroutine.create(function() coroutine.yield() error('in a "
     "thread') end) coroutine.resume(co) assert(coroutine.resume(co))",
     LT_RUN_FAILED, "S:9: in a thread", "S:9: in"},
    {"coroutine.wrap(function() coroutine.wrap(error)({}) end)()",
     LT_RUN_FAILED, "the error is a table value", "S:9: in"},
    {"coroutine.yield()", LT_RUN_FAILED, "outside a coroutine", "S:9: in"},
    {CLOSING("function() error('closing') end"), LT_RUN_FAILED, "S:9: closing",
     "S:9: in"},
    {CLOSING("function() error('closing') end") "error('first')", LT_RUN_FAILED,
     "S:9: closing", "S:9: in"},
    {CLOSING("function() error() end") "error('first')", LT_RUN_FAILED,
     "the error is a nil value", "S:9: in"},
    {"local co = coroutine.create(function() " CLOSING(
         "function() error('in its close') end") " coroutine.yield() end) "
                                                 "coroutine.resume(co) "
                                                 "assert(coroutine.close(co))",
     LT_RUN_FAILED, "S:9: in its close", "S:10: in"},
    {"local function f() return 1 + f() end f()", LT_RUN_FAILED,
     "stack overflow", "S:9: in"},
    {"local s = setmetatable({}, {__index = function(t, k) return t[k .. 1] "
     "end}); print(s.x)",
     LT_RUN_FAILED, "overflow", "S:9: in"},
    {"error(('long '):rep(100000))", LT_RUN_FAILED, "S:9: long long", "long"},
    {"return 'halt'", LT_RUN_FAILED, "on_epoch returned 'halt'", ""},
    {"run:log { ['after'] = 1 } run:note('a note') error('after')",
     LT_RUN_FAILED, "S:9: after", "S:9: in"},
    {"latent.fit(net, { train = data.train, run = run, epochs = 2, on_epoch = "
     "function() error('inner') end })",
     LT_RUN_FAILED, "S:9: inner", "S:9: in"},
    /* Those that go on. */
    {"setmetatable({}, { __gc = function() error('collected') end }) "
     "collectgarbage()",
     LT_RUN_FINISHED, "", ""},
    {"pcall(error, 'swallowed') pcall(error) pcall(coroutine.wrap(error), {})",
     LT_RUN_FINISHED, "", ""},
    {"coroutine.wrap(function() pcall(coroutine.yield) end)()", LT_RUN_FINISHED,
     "", ""},
    {"xpcall(error, function() error('in the handler') end, 'x')",
     LT_RUN_FINISHED, "", ""},
};

static void finding_fail(void *self, const char *finding)
{
    fail_msg("case %d: %s", *(int *)self, finding);
}

static void store_check(world *w, int which)
{
    const lt_verify_opts opts = {.tell = finding_fail, .self = &which};
    lt_verify_report report;

    assert_int_equal(lt_store_verify(w->store, &opts, &report, &w->err), LT_OK);
}

/* Three epochs were trained: their losses are there, also that of the one in
 * which it was raised. */
static void metrics_check(world *w, int64_t run, lt_run_status status)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT n FROM finals WHERE run = %lld AND name = 'train.loss'",
             (long long)run);
    assert_true(query_number(w, sql) >= (status == LT_RUN_FINISHED ? 4 : 3));
}

static void what_on_epoch_raises_fails_the_run(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t run = 0;

        snprintf(text, sizeof text, "%s%s%s      %s\n%s  end }\n", TINY, RUN,
                 FIT_BEGINS, cases[i].body, FIT_ENDS);
        write_script(w, text);
        plan_ok(w, w->script_path, &opts);
        if (execute_one(w, &run) != cases[i].status)
            fail_msg("not as expected: %s: %s", cases[i].body, w->err.text);
        assert_message(w, cases[i].message);
        assert_message(w, cases[i].trace);
        metrics_check(w, run, cases[i].status);
        store_check(w, (int)i);
    }
}

/* The fit is within the coroutine, and on_epoch within the fit. */
static void coroutines_around_a_fit_pass_it_on(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};

    write_script(
        w, TINY RUN DATA
        "    local go = coroutine.wrap(function()\n"
        "      latent.fit(net, { train = data.train, run = run, on_epoch = "
        "function() error('within') end })\n"
        "    end)\n"
        "    local ok, e = pcall(go)\n"
        "    assert(not ok and e:find('within'))\n"
        "    latent.fit(net, { train = data.train, run = run, epochs = 2 })\n"
        "    error(e, 0)\n"
        "  end }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_one(w, NULL), LT_RUN_FAILED);
    assert_message(w, "S:8: within");
    store_check(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_on_epoch_raises_fails_the_run,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(coroutines_around_a_fit_pass_it_on,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
