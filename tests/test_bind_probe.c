/* latent.probe in scripts: tests/lua/probe.lua, what its run leaves in the
 * store, stops, and rehearsals. */
#include <math.h>

#include "script_fixture.h"

/* ---- a run ---- */

static double last_of(world *w, const char *metric)
{
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT last FROM finals WHERE name = '%s'",
             metric);
    return query_number(w, sql);
}

static void a_run_logs_what_was_found(void **state)
{
    static const char *const there[] = {
        "probe.knn.1",
        "probe.linear.accuracy",
        "probe.linear.loss",
        "probe.retrieval.7",
        "probe.map",
        "probe.units.dead",
        "probe.units.saturated",
        "probe.units.variance",
        "pca.knn.1",
        "probe.units.effective",
        "pca.linear.loss",
        "pca.train_sse",
        "pca.retrieval.31",
        "late.pca.sse",
        "late.linear.accuracy",
    };
    static const char *const absent[] = {"probe.knn.5", "probe.retrieval.63",
                                         "late.knn.1", "late.map",
                                         "pca.units.saturated"};
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[4096];

    plan_ok(w, LATENT_SOURCE_DIR "/tests/lua/probe.lua", &opts);
    assert_int_equal(execute_all(w), 1);
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!isfinite(last_of(w, there[i])))
            fail_msg("no %s", there[i]);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (!isnan(last_of(w, absent[i])))
            fail_msg("there is %s", absent[i]);
    assert_true(last_of(w, "pca.knn.1") == 1);
    /* the curve is one series over the number retrieved */
    query_text(w,
               "SELECT group_concat(step, ' ') FROM (SELECT step FROM metrics "
               "WHERE name = 'probe.retrieval' ORDER BY step)",
               text);
    assert_string_equal(text, "1 3 7 15 31");
    assert_true(query_number(w, "SELECT value FROM metrics WHERE name = "
                                "'probe.retrieval' AND step = 7") ==
                last_of(w, "probe.retrieval.7"));
    assert_true(query_number(w, "SELECT count(*) FROM artifacts WHERE name "
                                "LIKE 'retrieval%'") >= 1);
    query_text(w, "SELECT text FROM notes", text);
    assert_non_null(strstr(text, "late.linear: not converged after 1 "));
}

static void probes_are_interrupted(void **state)
{
    static const char *const parts[] = {"units = true, pca = false",
                                        "units = false, pca = true"};
    world *w = *state;
    lt_plan_opts opts = {0};
    char text[1024];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(text, sizeof text,
                 "%s%s%s    while true do pcall(latent.probe, { net = net, "
                 "train = data.train, test = data.test, %s }) end\n  end }\n",
                 TINY, RUN, DATA, parts[i]);
        write_script(w, text);
        polls_until_stop = -1;
        plan_ok(w, w->script_path, &opts);
        polls_until_stop = 10;
        assert_int_equal(execute_one(w, NULL), LT_RUN_INTERRUPTED);
    }
}

/* ---- rehearsals ---- */

enum { N = 40, SIDE = 4 };

/* Labelled pictures in the world's folder, as IDX files. */
static void write_pictures(world *w)
{
    unsigned char images[16 + N * SIDE * SIDE] = {0, 0, 8, 3,    0, 0, 0, N,
                                                  0, 0, 0, SIDE, 0, 0, 0, SIDE};
    unsigned char labels[8 + N] = {0, 0, 8, 1, 0, 0, 0, N};
    char path[128];

    for (size_t i = 0; i < N * SIDE * SIDE; i++)
        images[16 + i] = (unsigned char)(i * i % 251);
    for (size_t i = 0; i < N; i++)
        labels[8 + i] = (unsigned char)(i % 3);
    snprintf(path, sizeof path, "%s/images", w->dir);
    assert_int_equal(
        lt_path_write(path, (const char *)images, sizeof images, &w->err),
        LT_OK);
    snprintf(path, sizeof path, "%s/labels", w->dir);
    assert_int_equal(
        lt_path_write(path, (const char *)labels, sizeof labels, &w->err),
        LT_OK);
}

static lt_status rehearse(world *w, const char *body, lt_text *warning)
{
    static const char head[] =
        "    local set = latent.data.idx { images = '%s/images', labels = "
        "'%s/labels' }\n"
        "    local s = set:split { train = 30, test = 10 }\n"
        "    local net = latent.autoencoder { input = set.shape, encoder = { "
        "latent.dense { 3 } } }\n";
    lt_plan_opts opts = {0};
    char data[512], text[4096];

    write_pictures(w);
    snprintf(data, sizeof data, head, w->dir, w->dir);
    snprintf(text, sizeof text, "%s%s%s%s  end }\n", TINY, RUN, data, body);
    write_script(w, text);
    w->err = (lt_err){0};
    return lt_script_rehearse(w->script, w->script_path, &opts, warning,
                              &w->err);
}

#define PROBE "latent.probe { net = net, train = s.train, test = s.test, run = "

#define ALL_PARTS                                                              \
    "    local r = " PROBE "run, knn = { 1, 30 } }\n"                          \
    "    assert(r.knn[30] and r.pca.knn[1] and r.metrics['pca.sse'])\n"        \
    "    run:figure('r', latent.plot.retrieval(r))\n"
#define AMONG_TEST                                                             \
    "    local r = " PROBE "run, among = 'test', linear = { l2 = 0 } }\n"      \
    "    assert(r.linear.accuracy <= 1 and #r.units.means == 3)\n"
#define OF_CODES                                                               \
    "    latent.probe { codes = { train = net:encode(s.train), test = "        \
    "net:encode(s.test) } }\n"

/* A rehearsal plays with ten examples; what the sets allow counts. */
static void sound_probes_are_rehearsed_at_once(void **state)
{
    static const char *const bodies[] = {ALL_PARTS, AMONG_TEST, OF_CODES};
    world *w = *state;

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        lt_text warning = {0};

        if (rehearse(w, bodies[i], &warning) != LT_OK || warning.size > 0)
            fail_msg("%s: %s%s", bodies[i], w->err.text, lt_text_str(&warning));
        lt_text_deinit(&warning);
    }
    assert_int_equal(query_number(w, "SELECT count(*) FROM metrics"), 0);
}

static void mistakes_are_found_by_rehearsing(void **state)
{
    static const struct {
        const char *body, *message;
    } mistakes[] = {
        {"    " PROBE "run, knn = 31 }\n", "S:8: latent.probe: knn: found 31"},
        {"    " PROBE "run, pac = true }\n", "unknown option 'pac'"},
        {"    " PROBE "run, linear = { l = 1 } }\n", "latent.probe: linear: "},
        {"    local d = latent.data.rows { { 1 }, { 2 } }\n    latent.probe { "
         "codes = { train = d, test = d }, knn = 1 }\n",
         "S:9: latent.probe: knn: codes.test has no labels"},
    };
    world *w = *state;

    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const char *message = mistakes[i].message;
        lt_text warning = {0};

        if (rehearse(w, mistakes[i].body, &warning) != LT_EINVAL)
            fail_msg("accepted: %s", mistakes[i].body);
        if (message[0] == 'S' && message[1] == ':')
            message++; /* the script's name is the world's */
        if (!strstr(w->err.text, message))
            fail_msg("%s, wanted %s", w->err.text, message);
        lt_text_deinit(&warning);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_logs_what_was_found),
        TEST(probes_are_interrupted),
        TEST(sound_probes_are_rehearsed_at_once),
        TEST(mistakes_are_found_by_rehearsing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
