/* Scripts that are wrong: every mistake is told with file and line and the
 * nearest right name, and nothing that a script does swallows a stop. */
#include "script_fixture.h"

/* ---- mistakes ---- */

typedef struct mistake {
    const char *text;    /* after HEAD, from line 2 */
    const char *message; /* a part of it; S stands for the script's path */
} mistake;

#define NET_ "local net = latent.autoencoder { input = { 784 }, "

static const mistake load_mistakes[] = {
    {"x = = 1", "S:2: unexpected symbol near '='"},
    {"return 1", "S: a script returns latent.experiment { ... }, found 1"
                 ""},
    {"return latent.experimen {}", "S:2: latent.experimen: no such name, did "
                                   "you mean latent.experiment?"},
    {"latent.grdi {}", "S:2: latent.grdi: no such name, did you mean "
                       "latent.grid?"},
    {"latent.foo()", "latent.foo: no such name"},
    {"latent.rmsprop {}", "latent.rmsprop is not in this version"},
    {"local t = {}\nt.nothing()", "S:3: attempt to call a nil value (field "
                                  "'nothing')"},
    {"prnt('x')", "S:2: undefined name 'prnt', did you mean 'print'?"},
    {"local function f() leak = 1 end\nf()", "S:2: assignment to undefined "
                                             "name 'leak'"},
    {EXP "} }", "S:2: latent.experiment: run is missing, wanted a function"},
    {EXP "}, runs = print }", "S:2: latent.experiment: unknown option 'runs', "
                              "did you mean 'run'?"},
    {"return latent.experiment { name = 'x', config = {}, run = print }",
     "S:2: config: seed is missing, wanted seed = 1"},
    {EXP "f = {} }, run = print }", "config.f is a table, wanted a string, a "
                                    "finite number or a boolean"},
    {EXP "code = 2 },\n sweep = latent.grid { cod = { 1 } },\n run = print }",
     "S:3: sweep: no knob 'cod' in config, did you mean 'code'?"},
    {EXP
     "code = 2 },\n sweep = latent.grid { code = { 'a' } },\n run = print }",
     "S:3: sweep: code is 'a', wanted a number as its default 2 is"},
    {EXP
     "code = 2 },\n sweep = latent.grid { code = { 2.5 } },\n run = print }",
     "S:3: sweep: code is 2.5, but its default 2 is an integer"},
    {"local t = {} for i = 1, 1100 do t[i] = i end\n" EXP
     "a = 1, b = 1 }, sweep = latent.grid { a = t, b = t }, run = print }",
     "S:3: sweep: 1210000 configs, wanted at most 1000000"},
    {EXP "}, sweep = latent.random { n = 1 << 40, seed = 1 }, run = print }",
     "S:2: latent.random: 1099511627776 configs, wanted at most 1000000"},
    {EXP "},\n sweep = latent.list {}, run = print }", "S:3: sweep: it has no "
                                                       "configs"},
    {EXP "}, sweep = latent.grid { seed = 3 }, run = print }",
     "S:2: latent.grid: seed is 3, wanted a list of values"},
    {EXP "}, sweep = latent.random { n = 2, seed = 1, seed2 = 3 }, run = "
         "print }",
     "latent.random: seed2 is 3, wanted latent.uniform"},
    {"local s = latent.grid { seed = { 1 } }\nreturn s * s",
     "S:3: sweep: 'seed' is in both factors of *"},
    {"require 'nothing.here'", "no file 'nothing/here.lua' beside the script"},
    {"error({})", "the error is a table value, not a message"},
    {"error(nil)", "the error is a nil value, not a message"},
    {"load(string.dump(function() end))()", "attempt to call a nil value"},
    {"dofile('x.lua')", "S:2: dofile: use require"},
    {"latent.dense { 10, activation = 'tanh' }",
     "S:2: latent.dense: unknown option 'activation'"},
    {"latent.dense { 10, atc = 'tanh' }", "did you mean 'act'?"},
    {"latent.dense { 10, act = 'sigmod' }",
     "S:2: latent.dense: act is 'sigmod', did you mean 'sigmoid'?"},
    {"latent.dense { 0 }", "S:2: latent.dense: units is 0, wanted an integer "
                           "from 1 to"},
    {"latent.dense { 2.5 }", "latent.dense: units is 2.5"},
    {"latent.dense(10)", "S:2: latent.dense: found 10, wanted a table of "
                         "options"},
    {"latent.adam { rate = -1 }", "S:2: latent.adam: rate is -1, wanted a "
                                  "number above 0"},
    {"latent.sgd { rate = 1, nesterov = true }", "nesterov = true wants "
                                                 "momentum"},
    {NET_ "encoder = {} }", "S:2: latent.autoencoder: encoder has no layers"},
    {NET_ "encoder = { 3 } }", "encoder layer 1 is 3, wanted a layer"},
    {NET_ "encoder = { latent.dense { 3 } }, tie = 'teid' }",
     "S:2: latent.autoencoder: tie is 'teid', did you mean 'tied'?"},
    {NET_ "encoder = { latent.dense { 3 } }, tie = { 'tied', refresh = "
          "'step' } }",
     "tie 'tied' has no refresh"},
    {NET_ "encoder = { latent.dense { 3 } }, init = 'gloort' }",
     "did you mean 'glorot'?"},
    {"local data = latent.data.curves { n_train = 5, n_test = 5 }\n" NET_
     "encoder = { latent.dense { 3 } } }\nnet:encod(data.train)",
     "S:4: a network has no 'encod', did you mean 'encode'?"},
    {"local data = latent.data.curves { n_train = 5, n_test = 5 }\n"
     "local net = latent.autoencoder { input = { 10 }, encoder = { "
     "latent.dense { 3 } } }\nnet:encode(data.train)",
     "S:4: net:encode: examples of 1x28x28, wanted 10"},
    {"local data = latent.data.curves { n_train = 5, n_test = 5 }\n"
     "local net = latent.autoencoder { input = { 10 }, encoder = { "
     "latent.dense { 3 } } }\nlatent.fit(net, { train = data.train })",
     "S:4: latent.fit: train has examples of 1x28x28, the network takes 10"},
    {"latent.data.curves { n_trian = 5 }", "did you mean 'n_train'?"},
    {"latent.data.curvs { n_train = 5 }", "latent.data.curvs: no such name"},
    {"latent.data.curves { n_train = 5, n_test = 5 }.train:take(6)",
     "S:2: set:take: found 6, wanted 1 to 5"},
};

static void mistakes_name_file_and_line(void **state)
{
    world *w = *state;
    char text[2048];

    for (size_t i = 0; i < sizeof load_mistakes / sizeof *load_mistakes; i++) {
        const mistake *m = &load_mistakes[i];

        snprintf(text, sizeof text, "%s%s\n", HEAD, m->text);
        write_script(w, text);
        w->err = (lt_err){0};
        if (lt_script_load(w->script, w->script_path, &w->err) != LT_EINVAL)
            fail_msg("accepted, or not EINVAL (%s): %s", w->err.text, m->text);
        assert_message(w, m->message);
    }
}

static void overrides_that_are_wrong_are_told(void **state)
{
    static const mistake cases[] = {
        {"cod=3", "-s cod=3: no knob 'cod' in config, did you mean 'code'?"},
        {"code=a", "-s code=a: code is 'a', wanted a number as its default 2 "
                   "is"},
        {"code=2.5", "code is 2.5, but its default 2 is an integer"},
        {"wide=yes", "wide is 'yes', wanted true or false"},
        {"code", "-s code: wanted key=value"},
        {"code=1,", "code is '', wanted a number"},
        {"tie=a\xff", "-s tie=a\xff: tie is not UTF-8"},
        {"rate=1e999", "-s rate=1e999: rate is '1e999', wanted a finite "
                       "number"},
    };
    world *w = *state;
    int n;

    write_script(w, TINY "  run = function(run, c) end }\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_plan_opts opts = {.sets = &cases[i].text, .n_sets = 1};

        assert_int_equal(plan(w, w->script_path, &opts, &n), LT_EINVAL);
        assert_message(w, cases[i].message);
    }
    assert_int_equal(query_number(w, "SELECT count(*) FROM runs"), 0);
}

static const struct {
    const char *body;
    lt_run_status status;
    const char *message;
} run_mistakes[] = {
    {"    local t\n    t.x = 1\n", LT_RUN_FAILED,
     "S:6: attempt to index a nil value (local 't')"},
    {"    c.code = 3\n", LT_RUN_FAILED,
     "S:5: config.code: a run's config cannot be changed"},
    {"    print(c.cod)\n", LT_RUN_FAILED,
     "S:5: config has no knob 'cod', did you mean 'code'?"},
    {"    run:lgo { x = 1 }\n", LT_RUN_FAILED,
     "S:5: run has no 'lgo', did you mean 'log'?"},
    {"    run:log { x = 'a' }\n", LT_RUN_FAILED,
     "S:5: run:log: x is 'a', wanted a number"},
    {"    run:save('../x', 1)\n", LT_RUN_FAILED,
     "S:5: run:save: name is "
     "'../x'"},
    {DATA "    latent.fit(net, { train = data.train, run = run,\n"
          "      on_epoch = function() error('in on_epoch') end })\n",
     LT_RUN_FAILED, "S:8: in on_epoch"},
    {DATA "    latent.fit(net, { train = data.train, run = run, on_epoch = "
          "function() error({}) end })\n",
     LT_RUN_FAILED, "not a message"},
    {DATA "    coroutine.wrap(function() latent.fit(net, { train = "
          "data.train, on_epoch = coroutine.yield }) end)()\n",
     LT_RUN_FAILED, "attempt to yield across a C-call boundary"},
    {DATA "    latent.fit(net, { train = data.train, run = run, loss = 'mse', "
          "epochs = 50,\n      optimizer = latent.sgd { rate = 1e20 } })\n",
     LT_RUN_DIVERGED, "S:7: "},
    {DATA "    local ok, e = pcall(latent.fit, net, { train = data.train, "
          "loss = 'mse', epochs = 50, optimizer = latent.sgd { rate = 1e20 } "
          "})\n    assert(not ok)\n    error('gave up: ' .. e)\n",
     LT_RUN_DIVERGED, "gave up: "},
    {DATA "    local ok, e = pcall(latent.fit, net, { train = data.train, "
          "loss = 'mse', epochs = 50, optimizer = latent.sgd { rate = 1e20 } "
          "})\n    local d = latent.divergence(e)\n"
          "    assert(d.step > 0 and d.layer > 0 and e:find(d.what, 1, true))\n"
          "    assert(latent.divergence({ message = e }).step == d.step)\n"
          "    assert(not latent.divergence('x') and not "
          "latent.divergence({}))\n"
          "    assert(not latent.divergence())\n"
          "    error('was told')\n",
     LT_RUN_FAILED, "was told"},
    {"    latent.plto = 1\n", LT_RUN_FAILED, "cannot be changed"},
    {"    latent.data.mnist { dir = 1 }\n", LT_RUN_FAILED,
     "S:5: latent.data.mnist: dir is 1, wanted a string"},
    {"    require 'late'\n", LT_RUN_FAILED, "require modules at the top"},
};

static void mistakes_in_a_run_end_that_run(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096], found[4096];

    for (size_t i = 0; i < sizeof run_mistakes / sizeof *run_mistakes; i++) {
        int64_t run = 0;
        char sql[96];

        snprintf(text, sizeof text, "%s%s%s  end }\n", TINY, RUN,
                 run_mistakes[i].body);
        write_script(w, text);
        plan_ok(w, w->script_path, &opts);
        if (execute_one(w, &run) != run_mistakes[i].status)
            fail_msg("not as expected: %s: %s", run_mistakes[i].body,
                     w->err.text);
        assert_message(w, run_mistakes[i].message);
        snprintf(sql, sizeof sql, "SELECT message FROM runs WHERE id = %lld",
                 (long long)run);
        query_text(w, sql, found);
        assert_string_equal(found, w->err.text);
    }
}

static void the_traceback_shows_the_script(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};

    write_script(w, HEAD "local function deep() error('here') end\n" EXP
                         "}, run = function(run, c)\n" DATA
                         "  latent.fit(net, { train = data.train, on_epoch = "
                         "function() deep() end })\nend }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_one(w, NULL), LT_RUN_FAILED);
    assert_message(w, "S:2: here");
    assert_message(w, "stack traceback:");
    assert_message(w, "in upvalue 'deep'");
}

/* ---- stopping ---- */

static void loops_are_interrupted(void **state)
{
    static const char *const bodies[] = {
        "while true do end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do pcall(function() while true do end end) end",
        "while true do coroutine.wrap(function() pcall(function() while true "
        "do end end) end)() end",
        "while true do xpcall(function() while true do end end, function() "
        "while true do end end) end",
        "local t = setmetatable({}, { __close = function() while true do end "
        "end })\n do local x <close> = t error('x') end",
    };
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096];

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        snprintf(text, sizeof text, "%s%s%s\n  end }\n", TINY, RUN, bodies[i]);
        write_script(w, text);
        polls_until_stop = -1;
        plan_ok(w, w->script_path, &opts);
        polls_until_stop = 3;
        assert_int_equal(execute_one(w, NULL), LT_RUN_INTERRUPTED);
        assert_message(w, "S:5: interrupted");
    }
}

static void a_loop_at_load_is_interrupted(void **state)
{
    world *w = *state;

    write_script(w, "while true do pcall(error) end\n");
    polls_until_stop = 3;
    assert_int_equal(lt_script_load(w->script, w->script_path, &w->err),
                     LT_EINTERRUPTED);
}

static void training_is_interrupted_and_keeps_its_log(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};

    write_script(w, TINY RUN DATA
                 "  while true do pcall(latent.fit, net, { train = data.train, "
                 "run = run, epochs = 100000, log_every = 1, batch = 10 }) end"
                 "\n  end }\n");
    plan_ok(w, w->script_path, &opts);
    polls_until_stop = 50;
    assert_int_equal(execute_one(w, NULL), LT_RUN_INTERRUPTED);
    assert_true(query_number(w, "SELECT count(*) FROM metrics WHERE name = "
                                "'step.loss'") >= 10);
}

/* ---- commands ---- */

static void commands_end_with_the_status_of_their_error(void **state)
{
    static const struct {
        const char *command, *arg;
        bool has_store;
        int status;
        const char *message;
    } cases[] = {
        {"sql", "SELEC 1", true, 2, "syntax error"},
        {"show", "99", true, 3, "no run '99'"},
        {"ls", "tie=tied", false, 4, "no store"},
        {"no_such_command", "", true, 2, "latent.cmd.no_such_command"},
    };
    world *w = *state;
    char missing[96];

    snprintf(missing, sizeof missing, "%s/missing.db", w->dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arg[32];
        char *argv[] = {arg};
        const char *db = cases[i].has_store ? lt_store_path(w->store) : missing;

        snprintf(arg, sizeof arg, "%s", cases[i].arg);
        w->err = (lt_err){0};
        assert_int_equal(lt_script_command(w->script, cases[i].command, db, 1,
                                           argv, &w->err),
                         cases[i].status);
        assert_message(w, cases[i].message);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(mistakes_name_file_and_line),
        TEST(overrides_that_are_wrong_are_told),
        TEST(mistakes_in_a_run_end_that_run),
        TEST(the_traceback_shows_the_script),
        TEST(loops_are_interrupted),
        TEST(a_loop_at_load_is_interrupted),
        TEST(training_is_interrupted_and_keeps_its_log),
        TEST(commands_end_with_the_status_of_their_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
