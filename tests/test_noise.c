/* Dropout and noise: amounts, what a draw depends on, evaluation, the clean
 * target. */
#include "layers_fixture.h"
#include "train_fixture.h"

#include "latent/train/fit.h"

enum { D = 1000, ROWS = 100, N = D * ROWS };

/* A layer, then a small dense one, so that the network has a mirror. */
static lt_net *noise_net(const lt_layer_spec *first, int times)
{
    lt_layer_spec encoder[4] = {*first, *first, *first};
    const lt_net_spec spec = {
        .input = lt_shape_flat(D), .encoder = encoder, .n_encoder = times + 1};
    lt_net *net = NULL;
    lt_err err = {0};

    encoder[times] = (lt_layer_spec){"dense", 2, LT_ACT_LINEAR};
    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(lt_net_n_layers(net), times + 2); /* none in the mirror */
    return net;
}

static lt_real in_x[N], out_y[N], out_z[N];

/* y = the first layer's output on x, in training, by seed and step. */
static void draw(lt_net *net, uint64_t seed, int64_t step, lt_real *y)
{
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);

    lt_tape_draw(tape, seed, step);
    memcpy(y, lt_net_forward(net, tape, in_x, ROWS, 0, 1, false), sizeof in_x);
    lt_tape_free(tape);
}

static double share(const lt_real *y, double value)
{
    int n = 0;

    for (int i = 0; i < N; i++)
        n += fabs((double)y[i] - value) < 1e-7;
    return (double)n / N;
}

static void fill_input(double value)
{
    for (int i = 0; i < N; i++)
        in_x[i] = (lt_real)value;
}

static const lt_layer_spec dropout = DROPOUT(0.3);
static const lt_layer_spec gaussian = NOISE(GAUSSIAN, 0.25);
static const lt_layer_spec masking = NOISE(MASKING, 0.4);
static const lt_layer_spec salt_pepper = NOISE(SALT_PEPPER, 0.2);

/* Four standard deviations of a share of 100,000. */
static const double margin = 4 * 0.5 / 316;

static void dropout_drops_its_share_and_scales_the_rest(void **state)
{
    lt_net *net = noise_net(&dropout, 1);

    (void)state;
    fill_input(0.5);
    draw(net, 1, 1, out_y);
    assert_true(fabs(share(out_y, 0) - 0.3) < margin);
    assert_true(fabs(share(out_y, 0.5 / 0.7) - 0.7) < margin);
    lt_net_free(net);
}

static void masking_leaves_the_rest_alone(void **state)
{
    lt_net *net = noise_net(&masking, 1);

    (void)state;
    fill_input(0.5);
    draw(net, 1, 1, out_y);
    assert_true(fabs(share(out_y, 0) - 0.4) < margin);
    assert_true(share(out_y, 0) + share(out_y, 0.5) == 1);
    lt_net_free(net);
}

static void salt_and_pepper_are_as_many(void **state)
{
    lt_net *net = noise_net(&salt_pepper, 1);

    (void)state;
    fill_input(0.5);
    draw(net, 1, 1, out_y);
    assert_true(fabs(share(out_y, 0) - 0.1) < margin);
    assert_true(fabs(share(out_y, 1) - 0.1) < margin);
    assert_true(fabs(share(out_y, 0.5) - 0.8) < margin);
    lt_net_free(net);
}

static void gaussian_noise_has_its_deviation(void **state)
{
    lt_net *net = noise_net(&gaussian, 1);
    double sum = 0, squares = 0;

    (void)state;
    fill_input(3);
    draw(net, 1, 1, out_y);
    for (int i = 0; i < N; i++) {
        double e = (double)out_y[i] - 3;

        sum += e;
        squares += e * e;
    }
    assert_true(fabs(sum / N) < 4 * 0.25 / 316);
    assert_true(fabs(sqrt(squares / N) - 0.25) < 4 * 0.25 / 447);
    lt_net_free(net);
}

static const lt_layer_spec *const all[] = {&dropout, &gaussian, &masking,
                                           &salt_pepper};

static double agreement(const lt_real *a, const lt_real *b)
{
    int n = 0;

    for (int i = 0; i < N; i++)
        n += a[i] == b[i];
    return (double)n / N;
}

/* Independent draws of shares p and 1 - p agree by chance. */
static void draws_depend_on_seed_step_and_layer_alone(void **state)
{
    const double chance[] = {0.3 * 0.3 + 0.7 * 0.7, 0, 0.4 * 0.4 + 0.6 * 0.6,
                             0.1 * 0.1 * 2 + 0.8 * 0.8};

    (void)state;
    fill_input(0.5);
    for (int i = 0; i < 4; i++) {
        lt_net *net = noise_net(all[i], 3);
        lt_tape *tape = fixture_tape(net, ROWS, true, NULL);

        draw(net, 7, 5, out_y);
        draw(net, 7, 5, out_z);
        assert_true(agreement(out_y, out_z) == 1);
        draw(net, 7, 6, out_z);
        assert_true(fabs(agreement(out_y, out_z) - chance[i]) < margin);
        draw(net, 8, 5, out_z);
        assert_true(fabs(agreement(out_y, out_z) - chance[i]) < margin);
        lt_tape_draw(tape, 7, 5); /* the same layer in another place */
        memcpy(out_z, lt_net_forward(net, tape, in_x, ROWS, 1, 2, false),
               sizeof out_z);
        assert_true(fabs(agreement(out_y, out_z) - chance[i]) < margin);
        lt_tape_free(tape);
        lt_net_free(net);
    }
}

/* Rows and columns of a mask are as independent as its values. */
static void rows_are_dropped_independently(void **state)
{
    lt_net *net = noise_net(&masking, 1);

    (void)state;
    fill_input(0.5);
    draw(net, 3, 0, out_y);
    for (int r = 0; r + 1 < ROWS; r++) {
        int n = 0;

        for (int j = 0; j < D; j++)
            n += out_y[r * D + j] == out_y[(r + 1) * D + j];
        assert_true(fabs(n / (double)D - 0.52) < 5 * 0.5 / 31.6);
    }
    lt_net_free(net);
}

static void evaluation_changes_nothing(void **state)
{
    (void)state;
    fixture_batch(N, in_x, 3);
    for (int i = 0; i < 4; i++) {
        lt_net *net = noise_net(all[i], 1);
        lt_tape *tape = fixture_tape(net, ROWS, false, NULL);

        lt_tape_draw(tape, 7, 5);
        assert_memory_equal(lt_net_forward(net, tape, in_x, ROWS, 0, 1, false),
                            in_x, sizeof in_x);
        lt_tape_free(tape);
        lt_net_free(net);
    }
}

static void a_frozen_network_still_drops_out(void **state)
{
    lt_net *net = noise_net(&dropout, 1);

    (void)state;
    assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_layer(net, 0, false, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    fill_input(0.5);
    draw(net, 1, 1, out_y);
    assert_true(fabs(share(out_y, 0) - 0.3) < margin);
    lt_net_free(net);
}

static void an_amount_of_nothing_changes_nothing(void **state)
{
    const lt_layer_spec none[] = {DROPOUT(0), NOISE(GAUSSIAN, 0),
                                  NOISE(MASKING, 0), NOISE(SALT_PEPPER, 0)};

    (void)state;
    fixture_batch(N, in_x, 3);
    for (int i = 0; i < 4; i++) {
        lt_net *net = noise_net(&none[i], 1);

        draw(net, 1, 1, out_y);
        assert_memory_equal(out_y, in_x, sizeof in_x);
        lt_net_free(net);
    }
}

/* Weights of 0 make every output 0: the error is that of the clean input. */
static void the_target_is_the_clean_input(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const lt_layer_spec encoder[] = {*all[i], DENSE(3, LINEAR)};
        const lt_net_spec spec = {
            .input = lt_shape_flat(12), .encoder = encoder, .n_encoder = 2};
        lt_dataset *train = plane_make(30, 12, 2, 0.3, 1);
        const float *x = lt_dataset_values(train);
        lt_fit_opts o = {.train = train,
                         .objective = lt_objective_of(LT_LOSS_MSE),
                         .optimizer = lt_opt_defaults(LT_OPT_SGD),
                         .epochs = 1,
                         .batch = 7,
                         .seed = 4};
        lt_fit_result result;
        lt_net *net = NULL;
        double sse = 0;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        memset(lt_net_params(net), 0, lt_net_n_params(net) * sizeof(lt_real));
        for (int j = 0; j < lt_net_n_layers(net); j++)
            assert_int_equal(lt_net_freeze_layer(net, j, true, NULL), LT_OK);
        assert_int_equal(lt_fit(net, &o, &result, NULL), LT_OK);
        for (int j = 0; j < 30 * 12; j++)
            sse += (double)x[j] * (double)x[j] / 30;
        assert_true(fabs(result.last.train.sse - sse) < 1e-5 * sse);
        lt_net_free(net);
        lt_dataset_free(train);
    }
}

static void bad_amounts_are_refused(void **state)
{
    const struct {
        lt_layer_spec layer;
        const char *message;
    } cases[] = {
        {DROPOUT(1), "encoder layer 1 (dropout): a share of 1, wanted 0 or "
                     "more and below 1"},
        {NOISE(MASKING, -0.1), "encoder layer 1 (noise): a share of -0.1, "
                               "wanted 0 or more and below 1"},
        {NOISE(SALT_PEPPER, NAN), "encoder layer 1 (noise): a share of nan, "
                                  "wanted 0 or more and below 1"},
        {NOISE(GAUSSIAN, -1), "encoder layer 1 (noise): a standard deviation "
                              "of -1, wanted at least 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lt_layer_spec encoder[] = {cases[i].layer, DENSE(2, LINEAR)};
        const lt_net_spec spec = {
            .input = lt_shape_flat(5), .encoder = encoder, .n_encoder = 2};
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
        assert_string_equal(err.text, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_drops_its_share_and_scales_the_rest),
        cmocka_unit_test(masking_leaves_the_rest_alone),
        cmocka_unit_test(salt_and_pepper_are_as_many),
        cmocka_unit_test(gaussian_noise_has_its_deviation),
        cmocka_unit_test(draws_depend_on_seed_step_and_layer_alone),
        cmocka_unit_test(rows_are_dropped_independently),
        cmocka_unit_test(evaluation_changes_nothing),
        cmocka_unit_test(a_frozen_network_still_drops_out),
        cmocka_unit_test(an_amount_of_nothing_changes_nothing),
        cmocka_unit_test(the_target_is_the_clean_input),
        cmocka_unit_test(bad_amounts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
