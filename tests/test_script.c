/* Scripts from the file to the store: golden scripts, sweeps and overrides,
 * runs that repeat bit by bit, what is kept of a run. */
#include "script_fixture.h"

#include <math.h>

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

/* Each part of the objective is a metric of its own in the store. */
static void a_variational_run_logs_the_bound_and_its_parts(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096];

    write_script(
        w, HEAD EXP
        "}, run = function(run)\n"
        "  local data = latent.data.curves { n_train = 60, n_test = 20 }\n"
        "  local net = latent.autoencoder { input = data.train.shape, "
        "encoder = { latent.dense { 6, act = 'tanh' }, "
        "latent.gaussian_code { 3 } } }\n"
        "  latent.fit(net, { train = data.train, test = data.test, beta = "
        "0.5, kl_warmup = 1, penalty = { l2 = 1e-3 }, epochs = 2, run = "
        "run })\n"
        "end }\n");
    plan_ok(w, w->script_path, &opts);
    assert_int_equal(execute_all(w), 1);
    query_text(w,
               "SELECT group_concat(name, ' ') FROM (SELECT DISTINCT name "
               "FROM metrics ORDER BY name)",
               text);
    assert_string_equal(
        text, "test.active_units test.bound test.kl test.l2 test.loss "
              "test.recon test.sse train.active_units train.bound train.kl "
              "train.l2 train.loss train.recon train.sse");
    assert_true(
        fabs(query_number(
            w, "SELECT sum(value * CASE name WHEN 'test.loss' THEN 1 WHEN "
               "'test.recon' THEN -1 WHEN 'test.kl' THEN -0.5 WHEN 'test.l2' "
               "THEN -0.001 ELSE 0 END) FROM metrics WHERE epoch = 2")) < 1e-4);
}

/* ---- the interface, in Lua ---- */

static void lua_files_of_the_tests_pass(void **state)
{
    static const char *const files[] = {
        "conv.lua",   "files.lua",     "interface.lua",
        "layers.lua", "objective.lua", "prepare.lua",
        "sparse.lua", "sweeps.lua",    "values.lua"};
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

/* ---- memory ---- */

static void a_script_survives_failing_allocations(void **state)
{
    lt_script_opts opts = {.threads = 1, .seed = 1};
    int failures = 0;

    (void)state;
    for (int64_t n = 0;; n += 1 + n / 16) {
        lt_script *script = NULL;
        lt_err err = {0};
        lt_status rc;

        lt_mem_fail_after(n);
        rc = lt_script_new(&opts, &script, &err);
        lt_mem_fail_after(-1);
        lt_script_free(script);
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
        failures++;
    }
    assert_true(failures > 50);
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
        TEST(the_same_config_gives_the_same_bits),
        TEST(another_seed_gives_other_bits),
        TEST(a_run_uses_the_files_of_its_plan),
        TEST(facts_are_kept),
        TEST(a_variational_run_logs_the_bound_and_its_parts),
        TEST(lua_files_of_the_tests_pass),
        cmocka_unit_test(a_script_survives_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
