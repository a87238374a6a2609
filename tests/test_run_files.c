/* What a run that goes on makes of files: its checkpoint when that is damaged,
 * those that the script wrote, the data it reads. */
#include "run_resume_fixture.h"

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
    for (int i = 0; i < 40; i++) {
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
        cmocka_unit_test_setup_teardown(other_data_are_another_run, world_setup,
                                        world_teardown),
    };

    lt_rng_init(&chance, 17, "chance");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
