/* Runs that are cut off, by a stop or by the death of their process, and go
 * on: their metrics, files and weights are those of a run in one sitting. */
#include "run_resume_fixture.h"

#include "bind/resume_int.h"

/* ---- scripts ---- */

/* Everything that a script's variables and its run may remember. */
#define STORY(seconds)                                                         \
    HEAD EXP                                                                   \
        "}, run = function(run, c)\n"                                          \
        "  local data = latent.data.curves { n_train = 130, n_test = 30 }\n"   \
        "  local net = latent.autoencoder { input = data.train.shape,\n"       \
        "    encoder = { latent.dense { 12, act = 'sigmoid' },\n"              \
        "    latent.dense { 4, act = 'linear' } }, tie = 'unrolled', seed = "  \
        "3 }\n"                                                                \
        "  latent.pretrain(net, { method = 'rbm', data = data.train,\n"        \
        "    test = data.test, epochs = 3, batch = 20, run = run,\n"           \
        "    checkpoint_seconds = " seconds " })\n"                            \
        "  run:note('pretrained')\n"                                           \
        "  run:log { ['pretrained.sse'] = net:evaluate(data.test).sse }\n"     \
        "  local best, heard, lowest, sum = math.huge, 0, math.huge, 0\n"      \
        "  local function on_epoch(epoch, m)\n"                                \
        "    heard = heard + 1\n"                                              \
        "    run:log { heard = heard, chance = math.random() }\n"              \
        "    if m['test.loss'] < best then\n"                                  \
        "      best = m['test.loss']\n"                                        \
        "      run:save('best', net)\n"                                        \
        "    end\n"                                                            \
        "    if heard % 2 == 0 then\n"                                         \
        "      local sse = net:evaluate(data.test).sse\n"                      \
        "      local x = net:encode(data.test):row(3)[2] + net:weight(1)[5]\n" \
        "      lowest, sum = math.min(lowest, sse), sum + x\n"                 \
        "      run:note(('%.17g %.17g'):format(sse, x))\n"                     \
        "    end\n"                                                            \
        "    if heard == 5 then run:note('five') run:tag('five') end\n"        \
        "    if heard == 11 then return 'stop' end\n"                          \
        "  end\n"                                                              \
        "  local one = latent.fit(net, { train = data.train, test = "          \
        "data.test,\n"                                                         \
        "    epochs = 5, batch = 20, log_every = 3, run = run,\n"              \
        "    on_epoch = on_epoch, checkpoint_seconds = " seconds " })\n"       \
        "  run:save('middle', net)\n"                                          \
        "  local two = latent.fit(net, { train = data.train, test = "          \
        "data.test,\n"                                                         \
        "    optimizer = latent.sgd { rate = 0.01, momentum = 0.9 },\n"        \
        "    epochs = 50, batch = 30, log_every = 1, run = run,\n"             \
        "    on_epoch = on_epoch, checkpoint_seconds = " seconds " })\n"       \
        "  local three = latent.fit(net, { train = data.train,\n"              \
        "    test = data.test, optimizer = latent.adam { rate = 1e-9 },\n"     \
        "    epochs = 50, batch = 30, run = run,\n"                            \
        "    stop = { patience = 4, min_delta = 1 },\n"                        \
        "    checkpoint_seconds = " seconds " })\n"                            \
        "  run:log { best = best, one = one['test.sse'], two = two.step,\n"    \
        "    three = three.epoch, lowest = lowest, sum = sum, at = run.step, " \
        "epochs = run.epoch }\n"                                               \
        "  run:save('net', net)\n"                                             \
        "end }\n"

static const char *const story_files[] = {"best", "middle", "net"};

static void a_run_that_is_stopped_goes_on(void **state)
{
    world *w = *state;

    begin(w, STORY("60"));
    assert_true(finish_by_stops(w, 40) > 5);
    runs_assert_equal(w, story_files, 3);
    assert_true(query_number(w, "SELECT count(*) FROM notes WHERE run = 2 AND"
                                " text LIKE 'resumed at epoch %'") > 3);
    assert_true(query_number(w, "SELECT value FROM metrics WHERE run = 2 AND"
                                " name = 'heard' AND seq = 10") == 11);
}

/* Checkpoints at every epoch's end; deaths anywhere. */
static void a_run_whose_process_dies_goes_on(void **state)
{
    world *w = *state;

    begin(w, STORY("0"));
    assert_true(finish_by_deaths(w, 60) > 2);
    runs_assert_equal(w, story_files, 3);
}

/* No checkpoint is ever due: the run begins anew each time, with the points
 * that it had. */
static void a_run_without_a_checkpoint_begins_anew(void **state)
{
    world *w = *state;

    begin(w, STORY("1000"));
    assert_true(finish_by_deaths(w, 150) >= 0);
    runs_assert_equal(w, story_files, 3);
}

/* ---- what cannot go on ---- */

/* Another network is trained for each epoch, by what the first one says: none
 * of that can be told again. What came before is kept. */
static void a_run_goes_on_before_what_cannot_be_repeated(void **state)
{
    world *w = *state;
    static const char *const files[] = {"other"};

    begin(w, SHORT("    local other = latent.autoencoder { input = { 4 },\n"
                   "      encoder = { latent.dense { 2 } }, output = "
                   "'linear' }\n" FIT(
                       "on_epoch = function(epoch)\n"
                       "      if epoch < 3 then return end\n"
                       "      latent.fit(other, { train ="
                       " net:encode(data.train), epochs = 1, run = run })\n"
                       "    end") "    run:save('other', other)\n"));
    assert_true(finish_by_deaths(w, 28) > 0);
    runs_assert_equal(w, files, 1);
}

static void a_damaged_checkpoint_is_forgotten(void **state)
{
    world *w = *state;
    static const char *const files[] = {"net"};
    char path[128], *bytes = NULL;
    size_t size;

    begin(w, SHORT(FIT("") FIT("") "    run:save('net', net)\n"));
    stop_once(w, 36);
    checkpoint_path(w, path);
    assert_int_equal(lt_path_read(path, (size_t)1 << 24, &bytes, &size, NULL),
                     LT_OK);
    bytes[size - 20] ^= 1;
    assert_int_equal(lt_path_write(path, bytes, size, NULL), LT_OK);
    lt_mem_free(bytes);
    assert_int_equal(execute_all(w), 1);
    assert_true(query_number(w, "SELECT count(*) FROM notes WHERE run = 2 AND"
                                " text LIKE 'the run began anew, its checkpoint"
                                " was no good: %damaged%'") == 1);
    assert_true(query_number(w, "SELECT count(*) FROM notes WHERE run = 2 AND"
                                " text LIKE 'resumed at%'") == 0);
    expect_same(w, "points", POINTS(1), POINTS(2));
    tensors_assert_equal(w, files[0]);
}

/* The text is right, but the blocks are not those of a fit. */
static void a_checkpoint_of_something_else_is_forgotten(void **state)
{
    world *w = *state;
    lt_snapshot_file *f = NULL;
    lt_snapshot other = {0};
    double one = 1;
    char path[128];

    begin(w, SHORT(FIT("") FIT("") "    run:save('net', net)\n"));
    stop_once(w, 36);
    checkpoint_path(w, path);
    assert_int_equal(lt_snapshot_open(path, &f, NULL), LT_OK);
    LT_SNAPSHOT_ADD(&other, "some", "thing", &one, 1);
    assert_int_equal(lt_snapshot_write(&other, lt_snapshot_text(f), path, NULL),
                     LT_OK);
    lt_snapshot_close(f);
    assert_int_equal(execute_all(w), 1);
    assert_true(query_number(w,
                             "SELECT count(*) FROM notes WHERE run = 2 AND"
                             " text LIKE 'the run began anew, %fit.at%'") == 1);
    expect_same(w, "points", POINTS(1), POINTS(2));
    tensors_assert_equal(w, "net");
}

static void a_script_that_does_not_repeat_itself_fails(void **state)
{
    world *w = *state;

    begin(w, SHORT("    local f = io.open(run.dir .. '/here', 'a')\n"
                   "    local n = 5 + f:seek('end')\n"
                   "    f:write('x') f:close()\n"
                   "    latent.fit(net, { train = data.train, epochs = n,\n"
                   "      batch = 10, run = run })\n"));
    stop_once(w, 12);
    assert_int_equal(execute_one(w, NULL), LT_RUN_FAILED);
    assert_non_null(strstr(w->err.text, "the run cannot go on: it does not "
                                        "repeat itself. Its training number 1 "
                                        "was {latent.fit: 5 epochs"));
    assert_non_null(strstr(w->err.text, "is now {latent.fit: 6 epochs"));
}

/* Something is where the checkpoint should be. */
static void a_checkpoint_that_cannot_be_written_is_told_once(void **state)
{
    world *w = *state;

    begin(w, SHORT("    os.execute('mkdir -p ' .. run.dir .. '/checkpoint/x')"
                   "\n" FIT("") "    run:save('net', net)\n"));
    assert_int_equal(execute_all(w), 1);
    assert_true(query_number(w, "SELECT count(*) FROM notes WHERE run = 2 AND"
                                " text LIKE 'no checkpoint was written: "
                                "%checkpoint: cannot replace: %'") == 1);
    expect_same(w, "points", POINTS(1), POINTS(2));
    tensors_assert_equal(w, "net");
}

/* Every allocation fails in turn, while a run is read and written. */
static void without_memory_nothing_breaks(void **state)
{
    world *w = *state;
    lt_claim *claim = NULL;
    lt__resume *r = NULL;
    double x[3] = {1, 2, 3};
    lt_snapshot s = {0};
    const lt_layer_spec layer = {.kind = "dense", .units = 2};
    const lt_net_spec spec = {
        .input = lt_shape_flat(3), .encoder = &layer, .n_encoder = 1};
    lt_net *net = NULL;
    lt_run_env env;
    int64_t bytes;
    lt_status rc = LT_ENOMEM;

    begin(w, SHORT(FIT("on_epoch = function() end") FIT("")));
    stop_once(w, 20);
    lt_script_describe_env(1, &env);
    assert_int_equal(lt_claim_next(w->store, 0, &env, &claim, &w->err), LT_OK);
    bytes = lt_mem_bytes();
    for (int i = 0; rc != LT_OK; i++) {
        lt_err err = {0};

        lt_mem_fail_after(i);
        rc = lt__resume_open(claim, &r, &err);
        lt_mem_fail_after(-1);
        if (rc != LT_OK) {
            assert_null(r);
            assert_true(err.text[0] != '\0');
            assert_int_equal(lt_mem_bytes(), bytes);
        }
    }
    LT_SNAPSHOT_ADD(&s, "some", "thing", x, 3);
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    for (int i = 0; i < 60; i++) {
        lt__stage stage = {"a training", net, 0};
        lt__stage_way way;
        lt__resume *own = r;
        lt_epoch_report report = {0};

        lt_mem_fail_after(i);
        rc = lt__stage_begin(&own, &stage, &way, NULL);
        if (rc == LT_OK && lt__stage_report(own, &report, NULL) == LT_OK)
            lt_saver_save(lt__stage_saver(own), &s);
        lt_mem_fail_after(-1);
    }
    lt__resume_close(r);
    lt_net_free(net);
    assert_int_equal(lt_claim_end(claim, LT_RUN_INTERRUPTED, "", NULL), LT_OK);
    requeue(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_that_is_stopped_goes_on,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_run_whose_process_dies_goes_on,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_run_without_a_checkpoint_begins_anew,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_run_goes_on_before_what_cannot_be_repeated, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_checkpoint_is_forgotten,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_checkpoint_of_something_else_is_forgotten, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            a_script_that_does_not_repeat_itself_fails, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            a_checkpoint_that_cannot_be_written_is_told_once, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(without_memory_nothing_breaks,
                                        world_setup, world_teardown),
    };

    lt_rng_init(&chance, 11, "chance");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
