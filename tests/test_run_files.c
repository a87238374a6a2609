/* What a run that goes on makes of files: its checkpoint when that is damaged,
 * those that the script wrote, the data it reads. */
#include "run_resume_fixture.h"

#include "bind/resume_state.h"
#include "latent/store/verify.h"

static void finding_fail(void *self, const char *finding)
{
    (void)self;
    fail_msg("%s", finding);
}

static void verify_ok(world *w)
{
    const lt_verify_opts opts = {.tell = finding_fail};
    lt_verify_report report;

    assert_int_equal(lt_store_verify(w->store, &opts, &report, &w->err), LT_OK);
}

/* ---- checkpoints ---- */

/* `n` bytes of the checkpoint, changed by the caller's, in its place. */
static void checkpoint_write(const world *w, const char *bytes, size_t n)
{
    char path[128];

    checkpoint_path(w, path);
    assert_int_equal(lt_path_write(path, bytes, n, NULL), LT_OK);
}

static char *checkpoint_read(const world *w, size_t *n)
{
    char path[128], *bytes = NULL;

    checkpoint_path(w, path);
    assert_int_equal(lt_path_read(path, (size_t)1 << 24, &bytes, n, NULL),
                     LT_OK);
    return bytes;
}

static int anew_notes(world *w)
{
    return (int)query_number(w, "SELECT count(*) FROM notes WHERE run = 2 AND"
                                " text LIKE 'the run began anew, its checkpoint"
                                " was no good: %'");
}

/* Cut after any number of bytes, or with any bit turned over: told, and the run
 * begins anew, time and again. */
static void every_damage_is_told_and_the_run_begins_anew(void **state)
{
    world *w = *state;

    begin(w, SHORT(FIT("") FIT("") "    run:save('net', net)\n"));
    for (int i = 0; i < 24; i++) {
        size_t n = 0;
        char *bytes;

        stop_once(w, 2 + i % 36);
        bytes = checkpoint_read(w, &n);
        if (i % 2)
            bytes[lt_rng_below(&chance, n)] ^=
                (char)(1 << lt_rng_below(&chance, 8));
        else
            n = i ? (size_t)lt_rng_below(&chance, n) : 0;
        checkpoint_write(w, bytes, n);
        lt_mem_free(bytes);
        stop_once(w, 1);
        if (query_number(w, "SELECT count(*) FROM metrics WHERE run = 2") != 0)
            fail_msg("damage %d was not seen", i);
    }
    assert_true(anew_notes(w) > 3); /* each kind of damage once */
    assert_int_equal(execute_all(w), 1);
    expect_same(w, "points", POINTS(1), POINTS(2));
    tensors_assert_equal(w, "net");
}

/* The process died after a stage's end was written, before the checkpoint that
 * says so; and the end of a stage is damaged: it is trained again. */
static void stages_that_the_checkpoint_does_not_know_do_no_harm(void **state)
{
    world *w = *state;
    char path[128], *bytes;
    size_t n = 0;

    begin(w, SHORT(FIT("") "    run:log { between = 1 }\n" FIT(
                 "stop = { patience = 2, metric = 'train.loss', min_delta = "
                 "1e9 }") "    run:save('net', net)\n"));
    stop_once(w, 10);
    bytes = checkpoint_read(w, &n);
    stop_once(w, 20); /* in the second stage */
    assert_true(is_there(w, "stages/1"));
    checkpoint_write(w, bytes, n);
    lt_mem_free(bytes);
    stop_once(w, 20);
    snprintf(path, sizeof path, "%s/runs/2/stages/1", w->dir);
    assert_int_equal(lt_path_write(path, "garbage", 7, NULL), LT_OK);
    assert_int_equal(execute_all(w), 1);
    assert_int_equal(anew_notes(w), 0);
    expect_same(w, "points", POINTS(1), POINTS(2));
    expect_same(w, "summaries", FINALS(1), FINALS(2));
    tensors_assert_equal(w, "net");
}

/* ---- files of the script ---- */

static void die_once(world *w, int polls)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0)
        execute_and_die(w, polls);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
    requeue(w);
}

/* on_epoch hears again of epochs that are over: what it wrote of the network
 * then stays as it was. */
static void networks_saved_at_every_epoch_stay(void **state)
{
    world *w = *state;

    begin(w, SHORT(FIT("on_epoch = function(epoch) net:save(run.dir .. '/e' .. "
                       "epoch .. '.safetensors')\n    end")));
    assert_true(finish_by_stops(w, 12) > 1);
    expect_same(w, "points", POINTS(1), POINTS(2));
    for (int i = 1; i <= 6; i++) {
        char name[16];

        snprintf(name, sizeof name, "e%d", i);
        tensors_assert_equal(w, name);
    }
}

/* The best network is saved, read again, trained on and saved by the same name,
 * and the first one is asked once more at the end. `seconds`: between
 * checkpoints of the first training; without one its end is not kept either,
 * and it is done again. */
#define BEST(seconds)                                                          \
    "    local first\n"                                                        \
    "    for phase = 1, 3 do\n"                                                \
    "      local best = math.huge\n"                                           \
    "      latent.fit(net, { train = data.train, test = data.test,\n"          \
    "        epochs = 4, batch = 10, run = run,\n"                             \
    "        checkpoint_seconds = phase == 1 and " seconds " or 0,\n"          \
    "        optimizer = latent.sgd { rate = phase * 0.5, momentum = 0.9 },\n" \
    "        on_epoch = function(epoch, m)\n"                                  \
    "          if m['test.loss'] > best then return end\n"                     \
    "          best = m['test.loss']\n"                                        \
    "          run:save('best', net)\n"                                        \
    "        end })\n"                                                         \
    "      net = latent.load(run.dir .. '/best.safetensors')\n"                \
    "      first = first or latent.load(run.dir .. '/best.safetensors')\n"     \
    "      run:log { kept = net:evaluate(data.test).sse }\n"                   \
    "    end\n"                                                                \
    "    run:log { first = first:evaluate(data.test).sse }\n"                  \
    "    for i = 1, 9 do run:log { enough = i } end\n"                         \
    "    run:save('net', net)\n"

static void expect_files_of_then(void **state, const char *script)
{
    static const char *const files[] = {"best", "net"};

    for (int polls = 3; polls < 48; polls += 3) {
        world *w = *state;

        begin(w, script);
        die_once(w, polls);
        assert_int_equal(execute_all(w), 1);
        runs_assert_equal(w, files, 2);
        assert_true(query_number(w,
                                 "SELECT count(*) FROM artifacts a JOIN "
                                 "artifacts b USING (name) WHERE a.run = 1 "
                                 "AND b.run = 2 AND a.bytes <> b.bytes") == 0);
        verify_ok(w);
        world_teardown(state);
        world_setup(state);
    }
}

static void the_best_network_is_the_one_of_then(void **state)
{
    expect_files_of_then(state, SHORT(BEST("0")));
}

static void trainings_done_again_leave_later_files_alone(void **state)
{
    expect_files_of_then(state, SHORT(BEST("1000")));
}

/* Deaths after deaths. */
static void the_best_network_survives_many_deaths(void **state)
{
    world *w = *state;
    static const char *const files[] = {"best", "net"};

    begin(w, SHORT(BEST("0")));
    assert_true(finish_by_deaths(w, 14) > 2);
    runs_assert_equal(w, files, 2);
    verify_ok(w);
}

/* A checkpoint that names files which are not the script's is none. */
static void lists_of_files_are_looked_at(void **state)
{
    static const char *const wrong[] = {
        "[\"../x\"]", "[\"a/b\"]", "[\"lock\"]", "[\"..\"]",
        "[\"\"]",     "[3]",       "{}",         "[\"checkpoint\"]"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *list = json_loads(wrong[i], 0, NULL);

        assert_non_null(list);
        assert_false(lt__files_are_right(list));
        json_decref(list);
    }
}

/* ---- data ---- */

static void data_write(const world *w, const char *last)
{
    char path[128], text[400] = "";

    snprintf(path, sizeof path, "%s/data.csv", w->dir);
    for (int i = 0; i < 40; i++)
        strcat(text, i % 3 ? "0.5,0.25\n" : "0.125,1\n");
    memcpy(text + strlen(text) - strlen(last), last, strlen(last));
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
}

/* The same number of other examples: no later step would be that of before. */
static void other_data_are_another_run(void **state)
{
    world *w = *state;
    char script[2048];

    data_write(w, "0.125,1\n");
    snprintf(script, sizeof script,
             HEAD EXP "}, run = function(run, c)\n"
                      "    local set = latent.data.csv { path = '%s/data.csv' }"
                      "\n    local net = latent.autoencoder { input = "
                      "set.shape, encoder = { latent.dense { 1 } } }\n"
                      "    latent.fit(net, { train = set, epochs = 9, batch = "
                      "10, loss = 'mse',\n      run = run })\n"
                      "end }\n",
             w->dir);
    begin(w, script);
    stop_once(w, 12);
    data_write(w, "0.250,1\n");
    assert_int_equal(execute_one(w, NULL), LT_RUN_FAILED);
    assert_non_null(strstr(w->err.text, "it does not repeat itself. Its "
                                        "training number 1 was {latent.fit: "));
    assert_non_null(strstr(w->err.text, "40 examples (data "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            every_damage_is_told_and_the_run_begins_anew, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            stages_that_the_checkpoint_does_not_know_do_no_harm, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(networks_saved_at_every_epoch_stay,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_best_network_is_the_one_of_then,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            trainings_done_again_leave_later_files_alone, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(the_best_network_survives_many_deaths,
                                        world_setup, world_teardown),
        cmocka_unit_test(lists_of_files_are_looked_at),
        cmocka_unit_test_setup_teardown(other_data_are_another_run, world_setup,
                                        world_teardown),
    };

    lt_rng_init(&chance, 17, "chance");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
