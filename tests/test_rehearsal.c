/* The rehearsal: mistakes in a run function are told before anything is
 * queued, a script's own errors are not held against it, and nothing is left
 * behind. */
#include "script_fixture.h"

#define FIT(more)                                                              \
    "    latent.fit(net, { train = data.train, run = run, " more " })\n"

static lt_status rehearse(world *w, const char *body, lt_text *warning)
{
    lt_plan_opts opts = {0};
    char text[4096];

    snprintf(text, sizeof text, "%s%s%s  end }\n", TINY, RUN, body);
    write_script(w, text);
    w->err = (lt_err){0};
    return lt_script_rehearse(w->script, w->script_path, &opts, warning,
                              &w->err);
}

/* Another network over DATA's set. */
#define NET(layers)                                                            \
    "    net = latent.autoencoder { input = data.train.shape, output = "       \
    "'linear', encoder = { " layers " } }\n"

static const struct {
    const char *body, *message;
} mistakes[] = {
    {"    print(c.cod)\n", "S:5: config has no knob 'cod', did you mean "
                           "'code'?"},
    {"    c.code = 3\n", "S:5: config.code: a run's config cannot be changed"},
    {"    local t\n    t.x = 1\n", "S:6: attempt to index a nil value"},
    {"    latent.nothing.at = all\n", "S:5: latent.nothing: no such name"},
    {"    latent.dense { 4, atc = 'tanh' }\n", "S:5: latent.dense: unknown "
                                               "option 'atc', did you mean "
                                               "'act'?"},
    {"    prnt(1)\n", "S:5: undefined name 'prnt', did you mean 'print'?"},
    {"    run:lgo { x = 1 }\n", "S:5: run has no 'lgo', did you mean 'log'?"},
    {"    run:log { x = 'a' }\n", "S:5: run:log: x is 'a', wanted a number"},
    {"    run:tag ''\n", "S:5: run:tag: the tag is empty"},
    {"    run:save('net', 3)\n", "S:5: run:save: found 3, wanted a net"},
    {"    require 'late'\n", "require modules at the top"},
    {DATA FIT("epoch = 3"), "S:7: latent.fit: unknown option 'epoch', did you "
                            "mean 'epochs'?"},
    {DATA FIT("loss = 'bce'"), "S:7: "},
    {DATA FIT("stop = { metric = 'test.loss' }"), "there is no test set"},
    {DATA "    latent.pretrain(net, { data = data.train, method = 'rmb' })\n",
     "S:7: latent.pretrain: method is 'rmb', did you mean 'rbm'?"},
    {DATA FIT("on_epoch = function(e, m) run:lgo { e = e } end"),
     "S:7: run has no 'lgo'"},
    {DATA FIT("on_epoch = function(e, m) return 'sotp' end"), "on_epoch "
                                                              "returned "},
    {DATA "    net:encode(latent.data.rows { { 1, 2 } })\n",
     "S:7: net:encode: examples of 2, wanted 1x28x28"},
    {DATA "    net:evaluate(data.tset)\n", "S:7: "},
    {DATA NET(
         "latent.conv { 2, kernel = 3 }, latent.maxpool { 2 }") "    "
                                                                "net:decode { "
                                                                "{ 1 } }\n",
     "S:8: net:decode: examples of 1, wanted 2x14x14"},
    {DATA NET("latent.conv { 2, kernel = 3 }, latent.maxpool { 2 }, "
              "latent.dense { 1 }") "    net:decode { { 1 } }\n",
     "S:8: decoder layer 2 (maxunpool): needs the switches of an encoder pass"},
    {DATA NET("latent.dense { 4 }, latent.conv { 2, kernel = 3 }"),
     "S:7: encoder layer 2 (conv): takes pictures (channels x height x width), "
     "found 4 numbers; a reshape before it"},
    {DATA NET("latent.dense { 4 } }, decoder = { latent.dense { 784 }, "
              "latent.dropout { 0.1 }"),
     "S:7: decoder layer 2 (dropout): acts in training only"},
    {DATA NET(
         "latent.conv { 2, kernel = 3 }") "    latent.pretrain(net, { method = "
                                          "'rbm', data = data.train })\n",
     "S:8: encoder layer 1 (conv): pre-training wants dense layers"},
    {DATA NET("latent.batchnorm {}, latent.dense { 3 }") FIT("loss = 'bce'"),
     "loss \"bce\": output is \"linear\""},
    {DATA FIT("penalty = { sparcity = 0.1 }"),
     "S:7: latent.fit: penalty: unknown option 'sparcity', did you mean "
     "'sparsity'?"},
    {DATA FIT("penalty = { sparsity = 0.1 }"),
     "S:7: objective: sparsity wants a code of sigmoid units"},
    {DATA FIT("beta = 2"), "S:7: latent.fit: beta is 2, but the network's code "
                           "is not variational (latent.gaussian_code)"},
    {DATA FIT("stop = { metric = 'train.kl' }"),
     "S:7: latent.fit: stop: metric is 'train.kl', which this fit does not "
     "tell"},
    {DATA NET("latent.gaussian_code { 3 }, latent.dense { 3 }"),
     "S:7: encoder layer 1 (gaussian_code): is a code, wanted as the encoder's "
     "last layer only"},
    {"    pcall(error, 'x')\n    latent.grdi {}\n", "S:6: latent.grdi"},
};

static void mistakes_are_found(void **state)
{
    world *w = *state;

    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        lt_text warning = {0};

        if (rehearse(w, mistakes[i].body, &warning) != LT_EINVAL)
            fail_msg("accepted, or not EINVAL (%s, %s): %s", w->err.text,
                     lt_text_str(&warning), mistakes[i].body);
        assert_message(w, mistakes[i].message);
        lt_text_deinit(&warning);
    }
}

static void a_scripts_own_errors_are_warnings(void **state)
{
    static const char *const bodies[] = {
        "    error('wanted')\n",
        "    assert(false, 'wanted')\n",
        "    error({ message = 'wanted' })\n",
        DATA FIT("on_epoch = function() error('wanted') end"),
        "    coroutine.wrap(function() error('wanted') end)()\n",
        "    print(('%d wanted'):format(0 / 0))\n    string.rep()\n",
    };
    world *w = *state;

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        lt_text warning = {0};

        if (rehearse(w, bodies[i], &warning) != LT_OK)
            fail_msg("%s: %s", bodies[i], w->err.text);
        if (i < 5)
            assert_non_null(strstr(lt_text_str(&warning), "wanted"));
        else
            assert_non_null(strstr(lt_text_str(&warning), "bad argument"));
        lt_text_deinit(&warning);
    }
}

/* What a sound script does with a run, results, files and programs. */
static const char *const sound[] = {
    DATA FIT("epochs = 1000000, test = data.test, stop = { patience = 3 }"),
    DATA "    local best, at = math.huge\n" FIT(
        "epochs = 9, test = data.test, on_epoch = function(e, m)\n"
        "      if m['test.sse'] < best then best, at = m['test.sse'], e end "
        "end") "    run:log { at = at, best = best }\n",
    DATA "    local r = latent.fit(net, { train = data.train, epochs = 7 })\n"
         "    assert(r.epoch == 7 and r['train.sse'] > 0 and "
         "not r['test.sse'])\n"
         "    assert(net:encode(data.train).n == 40)\n"
         "    assert(net:evaluate(data.train).sse > 0)\n",
    DATA "    local path = run:save('net', net)\n"
         "    assert(latent.load(path).layers == net.layers)\n"
         "    run:artifact(run.dir .. '/made.csv')\n"
         "    run:figure('r', latent.plot.reconstructions(net, data.test, "
         "{ n = 2 }))\n"
         "    run:note('n')\n    run:tag('t')\n",
    "    assert(io.open(run.dir .. '/x', 'w')):write('x')\n    nothing()\n",
    "    os.exit(3)\n",
    "    os.execute('touch ' .. run.dir)\n    nothing()\n",
    "    local store <close> = latent.store.open('nowhere.db')\n",
    DATA NET("latent.gaussian_code { 3 }") FIT(
        "test = data.test, beta = 2, kl_warmup = 3, stop = { metric = "
        "'test.kl' }, on_epoch = function(e, m) assert(m['train.kl'] + "
        "m['test.active_units'] >= 0) end") "    "
                                            "assert(net:evaluate(data.test, { "
                                            "loss = 'huber', penalty = { "
                                            "l1 = 1 } }).l1 > 0)\n",
    DATA FIT("on_epoch = function() os.remove('x') end"),
};

static void sound_scripts_pass_and_leave_nothing(void **state)
{
    world *w = *state;
    char command[256];

    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        lt_text warning = {0};

        if (rehearse(w, sound[i], &warning) != LT_OK || warning.size > 0)
            fail_msg("%s: %s%s", sound[i], w->err.text, lt_text_str(&warning));
        lt_text_deinit(&warning);
    }
    assert_int_equal(query_number(w, "SELECT count(*) FROM sweeps"), 0);
    snprintf(command, sizeof command,
             "test \"$(ls '%s' | grep -v latent.db)\" = script.lua -a ! -e "
             "rehearsal",
             w->dir);
    assert_int_equal(system(command), 0);
}

static void options_and_shape_of_the_sweep_count(void **state)
{
    static const char *const sets[] = {"code=7"};
    const lt_plan_opts with = {.sets = sets, .n_sets = 1};
    lt_text warning = {0};
    world *w = *state;

    write_script(w, TINY RUN "    if c.code == 7 then latent.oops() end\n"
                             "    assert(c.seed == 1 and run.seed == 1)\n"
                             "  end }\n");
    assert_int_equal(
        lt_script_rehearse(w->script, w->script_path, &with, &warning, &w->err),
        LT_EINVAL);
    assert_message(w, "S:5: latent.oops: no such name");
    lt_text_deinit(&warning);
}

static void every_new_word_of_the_sweep_is_played(void **state)
{
    static const char *const sets[] = {"code=2,3", "tie=untied,tyed"};
    const lt_plan_opts with = {.sets = sets, .n_sets = 2};
    lt_text warning = {0};
    world *w = *state;

    write_script(w, TINY RUN "    assert(c.tie == 'tyed' or c.code == 2)\n"
                             "    latent.autoencoder { input = { 9 }, tie ="
                             " c.tie, encoder = { latent.dense { 4 } } }\n"
                             "  end }\n");
    assert_int_equal(
        lt_script_rehearse(w->script, w->script_path, &with, &warning, &w->err),
        LT_EINVAL);
    assert_message(w, "S:6: latent.autoencoder: tie is 'tyed', did you mean "
                      "'tied'?");
    assert_message(w, "found by rehearsing config 2 of 4");
    assert_int_equal(warning.size, 0);
    lt_text_deinit(&warning);
}

/* The state of a rehearsal is gone with it. */
static void the_run_itself_is_as_without(void **state)
{
    world *w = *state;
    lt_plan_opts opts = {0};
    lt_text warning = {0};
    double with, without;

    write_script(w, TINY RUN DATA FIT("epochs = 2") "  end }\n");
    plan_ok(w, w->script_path, &opts);
    execute_all(w);
    without = query_number(w, "SELECT last FROM finals WHERE run = 1 AND name "
                              "= 'train.sse'");
    assert_int_equal(
        lt_script_rehearse(w->script, w->script_path, &opts, &warning, &w->err),
        LT_OK);
    plan_ok(w, w->script_path, &opts);
    execute_all(w);
    with = query_number(w, "SELECT last FROM finals WHERE run = 2 AND name = "
                           "'train.sse'");
    assert_true(with == without && with > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_found, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_scripts_own_errors_are_warnings,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sound_scripts_pass_and_leave_nothing,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(options_and_shape_of_the_sweep_count,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(every_new_word_of_the_sweep_is_played,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_run_itself_is_as_without,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
