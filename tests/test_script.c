/* Scripts from the file to the store: golden scripts, mistakes and how they
 * are told, stops that cannot be swallowed, runs that repeat bit by bit.
 *
 * All in one process: a store in a temporary folder, plans, and the claim
 * loop that a worker has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/bind/script.h"
#include "latent/store/filter.h"
#include "latent/store/query.h"
#include "latent/store/recorder.h"

/* ---- a world: a folder, a store, a script ---- */

typedef struct world {
    char dir[64];
    char script_path[96];
    lt_store *store;
    lt_script *script;
    lt_err err;
} world;

static int polls_until_stop = -1; /* negative: never */

static bool stop_after_polls(void)
{
    return polls_until_stop >= 0 && polls_until_stop-- == 0
               ? (polls_until_stop = 0, true)
               : false;
}

static int world_setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    lt_script_opts opts = {1, 1, stop_after_polls};
    char db[96];

    strcpy(w->dir, "/tmp/latent-script-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(db, sizeof db, "%s/latent.db", w->dir);
    snprintf(w->script_path, sizeof w->script_path, "%s/script.lua", w->dir);
    assert_int_equal(lt_store_open(db, LT_STORE_CREATE, &w->store, &w->err),
                     LT_OK);
    assert_int_equal(lt_script_new(&opts, &w->script, &w->err), LT_OK);
    polls_until_stop = -1;
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    world *w = *state;
    char command[96];

    lt_script_free(w->script);
    lt_store_close(w->store);
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static void fail_with(const world *w)
{
    print_message("%s\n%s\n", w->err.text, lt_script_traceback(w->script));
    fail();
}

static void write_script(world *w, const char *text)
{
    assert_int_equal(lt_path_write(w->script_path, text, strlen(text), &w->err),
                     LT_OK);
}

static lt_status plan(world *w, const char *path, const lt_plan_opts *opts,
                      int *n)
{
    int64_t sweep = 0;

    LT_TRY(lt_script_load(w->script, path, &w->err));
    return lt_script_plan(w->script, w->store, opts, &sweep, n, &w->err);
}

static int plan_ok(world *w, const char *path, const lt_plan_opts *opts)
{
    int n = -1;

    if (plan(w, path, opts, &n) != LT_OK)
        fail_with(w);
    return n;
}

/* Executes one queued run; its end state, LT_RUN_QUEUED when there is none. */
static lt_run_status execute_one(world *w, int64_t *run)
{
    lt_run_env env;
    lt_claim *claim = NULL;
    lt_run_status status;
    lt_err err = {0};

    lt_script_describe_env(1, &env);
    if (lt_claim_next(w->store, 0, &env, &claim, &err) == LT_ENOTFOUND)
        return LT_RUN_QUEUED;
    assert_non_null(claim);
    if (run)
        *run = lt_claim_run(claim);
    w->err = (lt_err){0};
    status = lt_script_execute(w->script, w->store, claim, NULL, &w->err);
    assert_int_equal(lt_claim_end(claim, status, w->err.text, &err), LT_OK);
    return status;
}

/* All queued runs; fails when one does not finish. */
static int execute_all(world *w)
{
    lt_run_status status;
    int n = 0;

    while ((status = execute_one(w, NULL)) != LT_RUN_QUEUED) {
        if (status != LT_RUN_FINISHED)
            fail_with(w);
        n++;
    }
    return n;
}

/* The first column of the first row, or NaN when there is none. */
static double query_number(world *w, const char *sql)
{
    lt_query *q = NULL;
    lt_value value;
    double x = 0.0 / 0.0;
    bool row = false;

    if (lt_query_open(w->store, sql, 0, &q, &w->err) != LT_OK)
        fail_with(w);
    assert_int_equal(lt_query_next(q, &row, &w->err), LT_OK);
    if (row) {
        lt_query_value(q, 0, &value);
        x = value.type == LT_VALUE_INTEGER ? (double)value.integer : value.real;
    }
    lt_query_close(q);
    return x;
}

/* The same as text; "" when there is none. */
static const char *query_text(world *w, const char *sql, char out[4096])
{
    lt_query *q = NULL;
    lt_value value;
    bool row = false;

    out[0] = '\0';
    if (lt_query_open(w->store, sql, 0, &q, &w->err) != LT_OK)
        fail_with(w);
    assert_int_equal(lt_query_next(q, &row, &w->err), LT_OK);
    if (row) {
        lt_query_value(q, 0, &value);
        if (value.type == LT_VALUE_TEXT)
            snprintf(out, 4096, "%.*s", (int)value.size, value.text);
    }
    lt_query_close(q);
    return out;
}

/* ---- golden scripts ---- */

#define GOLDEN(name) LATENT_SOURCE_DIR "/tests/golden/" name

static void golden_scripts_plan_their_runs(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    int n;

    assert_int_equal(plan_ok(w, GOLDEN("tied.lua"), &opts), 8);
    assert_int_equal(plan_ok(w, GOLDEN("ties.lua"), &opts), 18);
    n = plan_ok(w, GOLDEN("mnist.lua"), &opts);
    assert_in_range(n, 1, 4);
    assert_int_equal(plan_ok(w, GOLDEN("mnist.lua"), &opts), n);
}

static void golden_tied_runs(void **state)
{
    static const char *const sets[] = {"n_train=300", "n_test=50", "epochs=1",
                                       "pretrain_epochs=1"};
    world *w = *state;
    lt_plan_opts opts = {.sets = sets, .n_sets = 4};

    assert_int_equal(plan_ok(w, GOLDEN("tied.lua"), &opts), 8);
    assert_int_equal(execute_all(w), 8);
    assert_int_equal(query_number(w, "SELECT count(*) FROM finals "
                                     "WHERE name = 'test.sse' AND last > 0"),
                     8);
    assert_int_equal(query_number(w,
                                  "SELECT count(*) FROM finals WHERE name LIKE "
                                  "'pretrain.%.recon'"),
                     12);
    assert_int_equal(query_number(w, "SELECT count(*) FROM artifacts WHERE "
                                     "kind = 'network' AND bytes > 100000"),
                     8);
    assert_int_equal(query_number(w, "SELECT count(*) FROM artifacts WHERE "
                                     "name LIKE 'reconstructions%'") >= 8,
                     1);
}

static void golden_ties_runs(void **state)
{
    static const char *const sets[] = {"epochs=1", "seed=1"};
    world *w = *state;
    lt_plan_opts opts = {.sets = sets, .n_sets = 2};
    char text[4096];

    assert_int_equal(plan_ok(w, GOLDEN("ties.lua"), &opts), 6);
    assert_int_equal(execute_all(w), 6);
    assert_int_equal(query_number(w, "SELECT count(*) FROM metrics WHERE name "
                                     "= 'test.rmse' AND epoch = 1 AND step = "
                                     "20 AND value > 0"),
                     6);
    query_text(w, "SELECT text FROM notes WHERE run = 1", text);
    assert_string_equal(text, "parameters: 102296");
    query_text(w, "SELECT group_concat(DISTINCT tag) FROM tags", text);
    assert_non_null(strstr(text, "mirrored"));
}

static void golden_mnist_runs_where_the_data_are(void **state)
{
    static const char *const sets[] = {"n=1200", "epochs=1", "code=2",
                                       "pretrain_epochs=1"};
    world *w = *state;
    lt_plan_opts opts = {.sets = sets, .n_sets = 4};
    const char *data = getenv("LATENT_DATA");

    if (!data || !*data) {
        print_message("skipped: LATENT_DATA names no folder\n");
        skip();
    }
    assert_in_range(plan_ok(w, GOLDEN("mnist.lua"), &opts), 1, 2);
    execute_all(w);
    assert_true(query_number(w, "SELECT count(*) FROM metrics WHERE name = "
                                "'step.loss'") >= 1);
}

/* ---- sweeps and overrides ---- */

#define HEAD "local latent = require \"latent\"\n"
#define TINY                                                                   \
    HEAD "return latent.experiment {\n"                                        \
         "  name = \"tiny\", config = { code = 2, rate = 0.01, tie = "         \
         "\"untied\", wide = false, seed = 1 },\n"

static void overrides_make_axes(void **state)
{
    static const struct {
        const char *set;
        int seeds, n;
    } cases[] = {
        {"code=2,6,30", 0, 3},     {"code=2,2,6", 0, 2}, {"rate=1", 0, 1},
        {"wide=true,false", 0, 2}, {"code=4", 5, 5},     {"tie=tied", 0, 1},
        {"seed=4,5", 0, 2},
    };
    world *w = *state;

    write_script(w, TINY "  sweep = latent.grid { code = { 2, 3 } } * "
                         "latent.list { {} },\n"
                         "  run = function(run, c) end }\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_plan_opts opts = {
            .sets = &cases[i].set, .n_sets = 1, .seeds = cases[i].seeds};
        bool replaces = strncmp(cases[i].set, "code", 4) == 0;

        assert_int_equal(plan_ok(w, w->script_path, &opts),
                         cases[i].n * (replaces ? 1 : 2));
    }
}

static void configs_keep_their_types(void **state)
{
    static const char *const sets[] = {"rate=1"};
    world *w = *state;
    lt_plan_opts opts = {.sets = sets, .n_sets = 1};
    char text[4096];

    write_script(w, TINY "  run = function(run, c)\n"
                         "    assert(math.type(c.rate) == 'float')\n"
                         "    assert(math.type(c.code) == 'integer')\n"
                         "    assert(c.wide == false)\n"
                         "    local names = {}\n"
                         "    for k in pairs(c) do names[#names + 1] = k end\n"
                         "    assert(table.concat(names, ' ') == 'code rate "
                         "seed tie wide')\n  end }\n");
    assert_int_equal(plan_ok(w, w->script_path, &opts), 1);
    assert_int_equal(execute_all(w), 1);
    query_text(w, "SELECT config FROM runs", text);
    assert_string_equal(text, "{\"code\":2,\"rate\":1.0,\"seed\":1,"
                              "\"tie\":\"untied\",\"wide\":false}");
    assert_int_equal(query_number(w, "SELECT count(DISTINCT config_hash) FROM "
                                     "runs"),
                     1);
}

static void needed_leaves_out_what_is_done(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {.seeds = 3, .needed = true};

    write_script(w, TINY "  run = function(run, c) end }\n");
    assert_int_equal(plan_ok(w, w->script_path, &opts), 3);
    assert_int_equal(execute_all(w), 3);
    opts.seeds = 5;
    assert_int_equal(plan_ok(w, w->script_path, &opts), 2);
}

/* ---- mistakes ---- */

typedef struct mistake {
    const char *text;    /* after HEAD, from line 2 */
    const char *message; /* a part of it; S stands for the script's path */
} mistake;

#define EXP  "return latent.experiment { name = 'x', config = { seed = 1, "
#define RUN  "  run = function(run, c)\n"
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
    {"latent.conv { 3 }", "latent.conv is not in this version"},
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

/* `pattern` with its S replaced is in `text`. */
static void assert_message(const world *w, const char *pattern)
{
    char wanted[1024];

    if (*pattern == 'S')
        snprintf(wanted, sizeof wanted, "%s%s", w->script_path, pattern + 1);
    else
        snprintf(wanted, sizeof wanted, "%s", pattern);
    if (!strstr(w->err.text, wanted))
        fail_msg("found:  %s\nwanted: %s", w->err.text, wanted);
}

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

#define DATA                                                                   \
    "    local data = latent.data.curves { n_train = 40, n_test = 10 }\n"      \
    "    local net = latent.autoencoder { input = data.train.shape, encoder "  \
    "= { latent.dense { 4 } }, output = 'linear' }\n"

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
        assert_message(w, "interrupted");
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

/* ---- repeating ---- */

static void the_same_config_gives_the_same_bits(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};

    write_script(
        w, TINY RUN
        "    local data = latent.data.curves { n_train = 300, n_test = 50 }\n"
        "    local net = latent.autoencoder { input = data.train.shape, "
        "encoder = { latent.dense { 20, act = 'sigmoid' }, latent.dense { 4 } "
        "} }\n"
        "    latent.pretrain(net, { method = 'rbm', data = data.train, epochs "
        "= 2, run = run })\n"
        "    latent.fit(net, { train = data.train, test = data.test, epochs = "
        "3, batch = 32, run = run, log_every = 1 })\n"
        "    run:log { ['a.random'] = math.random(), ['a.int'] = "
        "math.random(10) }\n"
        "  end }\n");
    for (int i = 0; i < 2; i++)
        plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_all(w), 2);
    assert_true(query_number(w, "SELECT count(*) FROM metrics WHERE run = 1") >
                40);
    assert_int_equal(
        query_number(w, "SELECT count(*) FROM (SELECT name, step, value FROM "
                        "metrics WHERE run = 1 EXCEPT SELECT name, step, value "
                        "FROM metrics WHERE run = 2)"),
        0);
}

static void another_seed_gives_other_bits(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {.seeds = 2};

    write_script(w, TINY RUN DATA
                 "    latent.fit(net, { train = data.train, epochs = 1, run = "
                 "run })\n    run:log { r = math.random() }\n  end }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_all(w), 2);
    assert_int_equal(query_number(w, "SELECT count(DISTINCT last) FROM finals "
                                     "WHERE name IN ('train.loss', 'r')"),
                     4);
}

static void a_run_uses_the_files_of_its_plan(void **state)
{
    static const char module[] = "return { value = 41 }\n";
    static const char changed[] = "return { value = 0 }\n";
    world *w = *state;
    lt_plan_opts opts = {0};
    char path[128];

    snprintf(path, sizeof path, "%s/helper.lua", w->dir);
    assert_int_equal(lt_path_write(path, module, strlen(module), &w->err),
                     LT_OK);
    write_script(w, HEAD "local helper = require 'helper'\n" EXP
                         "}, run = function(run, c) run:log { v = "
                         "helper.value + 1 } end }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(lt_path_write(path, changed, strlen(changed), &w->err),
                     LT_OK);
    write_script(w, "error('changed')\n");
    assert_int_equal(execute_all(w), 1);
    assert_int_equal(
        query_number(w, "SELECT last FROM finals WHERE name = 'v'"), 42);
}

static void facts_are_kept(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096];

    write_script(w, TINY RUN DATA
                 "    latent.fit(net, { train = data.train:take(20), test = "
                 "data.test, epochs = 1, run = run })\n  end }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_all(w), 1);
    query_text(w, "SELECT data FROM runs", text);
    assert_non_null(strstr(text, "\"test\":{\"recipe\":{\"kind\":\"curves\""));
    assert_non_null(strstr(text, "\"kind\":\"take\",\"n\":20"));
    assert_non_null(strstr(text, "\"sha256\":\""));
    assert_int_equal(query_number(w, "SELECT parameters FROM runs"),
                     784 * 4 * 2 + 4 + 784);
    query_text(w, "SELECT network FROM runs", text);
    assert_non_null(strstr(text, "dense"));
    assert_true(query_number(w, "SELECT examples_per_second FROM runs") > 0);
}

/* ---- the interface, in Lua ---- */

static void lua_files_of_the_tests_pass(void **state)
{
    static const char *const files[] = {"interface.lua", "sweeps.lua"};
    world *w = *state;
    lt_plan_opts opts = {0};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];

        snprintf(path, sizeof path, "%s/tests/lua/%s", LATENT_SOURCE_DIR,
                 files[i]);
        plan_ok(w, path, &opts);
        execute_all(w);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(golden_scripts_plan_their_runs),
        TEST(golden_tied_runs),
        TEST(golden_ties_runs),
        TEST(golden_mnist_runs_where_the_data_are),
        TEST(overrides_make_axes),
        TEST(configs_keep_their_types),
        TEST(needed_leaves_out_what_is_done),
        TEST(mistakes_name_file_and_line),
        TEST(overrides_that_are_wrong_are_told),
        TEST(mistakes_in_a_run_end_that_run),
        TEST(the_traceback_shows_the_script),
        TEST(loops_are_interrupted),
        TEST(a_loop_at_load_is_interrupted),
        TEST(training_is_interrupted_and_keeps_its_log),
        TEST(the_same_config_gives_the_same_bits),
        TEST(another_seed_gives_other_bits),
        TEST(a_run_uses_the_files_of_its_plan),
        TEST(facts_are_kept),
        TEST(lua_files_of_the_tests_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
