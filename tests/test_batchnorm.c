/* Batch normalisation: moving averages by hand, in training, evaluation, files
 * and fits; frozen; never tied nor decayed. */
#include "layers_fixture.h"
#include "train_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "latent/net/checkpoint.h"
#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

static lt_net *norm_net(lt_shape input, double momentum)
{
    const lt_layer_spec encoder[] = {
        {.kind = "batchnorm", .momentum = momentum, .epsilon = 1e-5}};
    const lt_net_spec spec = {
        .input = input, .encoder = encoder, .n_encoder = 1};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static void near_check(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-6 * (1 + fabs(wanted))))
        fail_msg("found %.9g, wanted %.9g", found, wanted);
}

static void averages_check(lt_net *net, double m0, double m1, double v0,
                           double v1)
{
    const lt_real *s = lt_net_state(net) + lt_net_layer(net, 0)->state;

    near_check(s[0], m0);
    near_check(s[1], m1);
    near_check(s[2], v0);
    near_check(s[3], v1);
}

/* Two units, three batches of three rows; in the last the first unit does not
 * vary. Means 3, -1; 1, 2; 5, 0. Unbiased variances 7, 1; 3, 4; 0, 9. */
static const lt_real batches[3][6] = {
    {1, -2, 2, 0, 6, -1}, {0, 0, 0, 2, 3, 4}, {5, -3, 5, 0, 5, 3}};

static void train_three(lt_net *net, lt_tape *tape)
{
    averages_check(net, 0, 0, 1, 1);
    lt_net_forward(net, tape, batches[0], 3, 0, 1, false);
    averages_check(net, 0.3, -0.1, 1.6, 1);
    lt_net_forward(net, tape, batches[1], 3, 0, 1, false);
    averages_check(net, 0.37, 0.11, 1.74, 1.3);
    lt_net_forward(net, tape, batches[2], 3, 0, 1, false);
    averages_check(net, 0.833, 0.099, 1.566, 2.07);
}

static void averages_move_as_computed_by_hand(void **state)
{
    lt_net *net = norm_net(lt_shape_flat(2), 0.1);
    lt_tape *tape = fixture_tape(net, 3, true, NULL);

    (void)state;
    train_three(net, tape);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void training_uses_the_batch_and_evaluation_the_averages(void **state)
{
    lt_net *net = norm_net(lt_shape_flat(2), 0.1);
    lt_tape *train = fixture_tape(net, 3, true, NULL);
    lt_tape *test = fixture_tape(net, 3, false, NULL);
    const lt_layer *l = lt_net_layer(net, 0);
    const lt_real *y;

    (void)state;
    lt_net_params(net)[l->weight] = 2;
    lt_net_params(net)[l->bias] = (lt_real)0.5;
    y = lt_net_forward(net, train, batches[0], 3, 0, 1, false);
    near_check(y[4], 2 * (6 - 3) / sqrt(14 / 3. + 1e-5) + 0.5);
    near_check(y[5], 0);
    lt_net_forward(net, train, batches[1], 3, 0, 1, false);
    lt_net_forward(net, train, batches[2], 3, 0, 1, false);
    y = lt_net_forward(net, test, batches[0], 3, 0, 1, false);
    near_check(y[4], 2 * (6 - 0.833) / sqrt(1.566 + 1e-5) + 0.5);
    near_check(y[5], (-1 - 0.099) / sqrt(2.07 + 1e-5));
    averages_check(net, 0.833, 0.099, 1.566, 2.07); /* evaluation moves none */
    lt_tape_free(train);
    lt_tape_free(test);
    lt_net_free(net);
}

/* 2 channels of 1x3 in one example: statistics over the three pixels. */
static void pictures_are_normalised_by_channel(void **state)
{
    lt_net *net = norm_net(lt_shape_image(2, 1, 3), 0.1);
    lt_tape *tape = fixture_tape(net, 2, true, NULL);
    const lt_real x[] = {1, 2, 6, -2, 0, -1};
    const lt_real *y = lt_net_forward(net, tape, x, 1, 0, 1, false);

    (void)state;
    assert_int_equal(lt_net_layer(net, 0)->weight_count, 2);
    assert_int_equal(lt_net_n_state(net), 8); /* the mirror has its own */
    near_check(y[2], 3 / sqrt(14 / 3. + 1e-5));
    near_check(y[3], -1 / sqrt(2 / 3. + 1e-5));
    averages_check(net, 0.3, -0.1, 1.6, 1);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void one_value_has_no_variance_to_learn(void **state)
{
    lt_net *net = norm_net(lt_shape_flat(2), 0.5);
    lt_tape *tape = fixture_tape(net, 3, true, NULL);
    const lt_real x[] = {8, -4};
    const lt_real *y = lt_net_forward(net, tape, x, 1, 0, 1, false);

    (void)state;
    assert_true(y[0] == 0 && y[1] == 0);
    averages_check(net, 4, -2, 1, 1);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void momentum_one_keeps_the_last_batch(void **state)
{
    lt_net *net = norm_net(lt_shape_flat(2), 1);
    lt_tape *tape = fixture_tape(net, 3, true, NULL);

    (void)state;
    lt_net_forward(net, tape, batches[0], 3, 0, 1, false);
    lt_net_forward(net, tape, batches[1], 3, 0, 1, false);
    averages_check(net, 1, 2, 3, 4);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void averages_are_saved_and_loaded(void **state)
{
    char path[] = "/tmp/latent-batchnorm-XXXXXX";
    int file = mkstemp(path);
    lt_net *net = norm_net(lt_shape_flat(2), 0.1), *back = NULL;
    lt_tape *tape = fixture_tape(net, 3, true, NULL), *test;
    lt_err err = {0};

    (void)state;
    assert_true(file >= 0);
    close(file);
    train_three(net, tape);
    assert_int_equal(lt_checkpoint_save(net, path, NULL, &err), LT_OK);
    if (lt_checkpoint_load(path, &back, &err) != LT_OK)
        fail_msg("%s", err.text);
    averages_check(back, 0.833, 0.099, 1.566, 2.07);
    test = fixture_tape(back, 3, false, NULL);
    near_check(lt_net_forward(back, test, batches[0], 3, 0, 1, false)[4],
               (6 - 0.833) / sqrt(1.566 + 1e-5));
    unlink(path);
    lt_tape_free(test);
    lt_tape_free(tape);
    lt_net_free(back);
    lt_net_free(net);
}

/* ---- in a fit ---- */

enum { N = 40, D = 3 };

static lt_net *fit_net(void)
{
    const lt_layer_spec encoder[] = {NORM(LINEAR), DENSE(2, LINEAR)};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_LINEAR,
                              .tie = LT_TIE_TIED,
                              .seed = 1};
    lt_net *net = NULL;

    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    return net;
}

static lt_fit_opts fit_opts(const lt_dataset *train, int epochs, int batch)
{
    return (lt_fit_opts){.train = train,
                         .objective = lt_objective_of(LT_LOSS_MSE),
                         .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                         .epochs = epochs,
                         .batch = batch,
                         .seed = 4};
}

static void moments(const lt_dataset *set, int column, double *mean,
                    double *variance)
{
    const float *x = lt_dataset_values(set);
    double sum = 0, squares = 0;
    int n = lt_dataset_rows(set);

    for (int i = 0; i < n; i++)
        sum += (double)x[i * D + column];
    *mean = sum / n;
    for (int i = 0; i < n; i++)
        squares += ((double)x[i * D + column] - *mean) *
                   ((double)x[i * D + column] - *mean);
    *variance = squares / (n - 1);
}

/* The first layer sees the data: after k steps on all of it its averages are
 * (1 - 0.9^k) mean and 0.9^k + (1 - 0.9^k) variance. */
static void a_fit_moves_the_averages_at_every_step(void **state)
{
    lt_dataset *train = plane_make(N, D, 2, 0.3, 1);
    lt_net *net = fit_net();
    lt_fit_opts o = fit_opts(train, 6, N);
    const lt_real *s = lt_net_state(net);
    double left = pow(0.9, 6);

    (void)state;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_OK);
    for (int j = 0; j < D; j++) {
        double mean, variance;

        moments(train, j, &mean, &variance);
        near_check(s[j], (1 - left) * mean);
        near_check(s[D + j], left + (1 - left) * variance);
    }
    lt_net_free(net);
    lt_dataset_free(train);
}

static void test_sets_are_evaluated_with_the_averages(void **state)
{
    lt_dataset *train = plane_make(N, D, 2, 0.3, 1);
    lt_dataset *test = plane_make(7, D, 2, 0.3, 2), *one = NULL;
    lt_net *net = fit_net();
    lt_fit_opts o = fit_opts(train, 3, 16);
    lt_fit_result result;
    lt_dataset *whole = NULL, *single = NULL;
    const float *a, *b;
    lt_terms again;

    (void)state;
    o.test = test;
    assert_int_equal(lt_fit(net, &o, &result, NULL), LT_OK);
    assert_int_equal(lt_evaluate(net, test, LT_LOSS_MSE, NULL, &again, NULL),
                     LT_OK);
    near_check(result.last.test.loss, again.loss);
    /* an example's output does not depend on its company */
    assert_int_equal(lt_evaluate_map(net, test, 0, 4, NULL, &whole, NULL),
                     LT_OK);
    assert_int_equal(lt_dataset_view(test, 3, 1, &one, NULL), LT_OK);
    assert_int_equal(lt_evaluate_map(net, one, 0, 4, NULL, &single, NULL),
                     LT_OK);
    a = lt_dataset_values(single);
    b = lt_dataset_values(whole);
    for (int j = 0; j < D; j++)
        near_check((double)a[j], (double)b[3 * D + j]);
    lt_dataset_free(single);
    lt_dataset_free(whole);
    lt_dataset_free(one);
    lt_dataset_free(test);
    lt_dataset_free(train);
    lt_net_free(net);
}

/* ---- frozen, tied, decayed ---- */

static void frozen_it_uses_its_averages_and_keeps_them(void **state)
{
    lt_net *net = norm_net(lt_shape_flat(2), 0.1);
    lt_tape *tape = fixture_tape(net, 3, true, NULL);
    const lt_real *y;

    (void)state;
    train_three(net, tape);
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    y = lt_net_forward(net, tape, batches[0], 3, 0, 1, false);
    near_check(y[4], (6 - 0.833) / sqrt(1.566 + 1e-5));
    averages_check(net, 0.833, 0.099, 1.566, 2.07);
    assert_int_equal(lt_net_freeze_layer(net, 0, false, NULL), LT_OK);
    y = lt_net_forward(net, tape, batches[0], 3, 0, 1, false);
    near_check(y[4], 3 / sqrt(14 / 3. + 1e-5));
    near_check(lt_net_state(net)[0], 0.9 * 0.833 + 0.3);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void a_fit_leaves_a_frozen_one_alone(void **state)
{
    lt_dataset *train = plane_make(N, D, 2, 0.3, 1);
    lt_net *net = fit_net(), *fresh = fit_net();
    const lt_layer *first = lt_net_layer(net, 0), *last = lt_net_layer(net, 3);
    lt_fit_opts o = fit_opts(train, 3, 16);
    const lt_real *a = lt_net_state(net), *b = lt_net_state(fresh);

    (void)state;
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_OK);
    assert_memory_equal(a + first->state, b + first->state,
                        first->state_count * sizeof *a);
    assert_memory_equal(lt_net_params(net) + first->weight,
                        lt_net_params(fresh) + first->weight,
                        2 * D * sizeof *a);
    assert_memory_not_equal(a + last->state, b + last->state,
                            last->state_count * sizeof *a);
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void scales_are_never_tied_or_decayed(void **state)
{
    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        const lt_layer_spec encoder[] = {DENSE(4, LINEAR), NORM(RELU),
                                         DENSE(2, LINEAR)};
        const lt_net_spec spec = {.input = lt_shape_flat(5),
                                  .encoder = encoder,
                                  .n_encoder = 3,
                                  .tie = (lt_tie)tie};
        lt_net *net = NULL;
        const lt_segment *s;
        int n;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        assert_true(lt_net_layer(net, 4)->weight !=
                    lt_net_layer(net, 1)->weight);
        assert_false(lt_net_layer(net, 4)->is_weight_frozen);
        assert_int_equal(lt_net_layer(net, 4)->mirror_of, 1);
        s = lt_net_segments(net, &n);
        for (int i = 0; i < n; i++)
            if (s[i].layer == 1 || s[i].layer == 4)
                assert_false(s[i].is_weight || s[i].is_frozen);
        lt_net_free(net);
    }
}

static void bad_options_are_refused(void **state)
{
    const struct {
        double momentum, epsilon;
        const char *message;
    } cases[] = {
        {-0.1, 1e-5,
         "encoder layer 1 (batchnorm): momentum -0.1, wanted 0 to "
         "1"},
        {1.5, 1e-5, "encoder layer 1 (batchnorm): momentum 1.5, wanted 0 to 1"},
        {0.1, 0, "encoder layer 1 (batchnorm): epsilon 0, wanted above 0"},
        {0.1, NAN, "encoder layer 1 (batchnorm): epsilon nan, wanted above 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lt_layer_spec encoder[] = {{.kind = "batchnorm",
                                          .momentum = cases[i].momentum,
                                          .epsilon = cases[i].epsilon}};
        const lt_net_spec spec = {
            .input = lt_shape_flat(5), .encoder = encoder, .n_encoder = 1};
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
        assert_string_equal(err.text, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_move_as_computed_by_hand),
        cmocka_unit_test(training_uses_the_batch_and_evaluation_the_averages),
        cmocka_unit_test(pictures_are_normalised_by_channel),
        cmocka_unit_test(one_value_has_no_variance_to_learn),
        cmocka_unit_test(momentum_one_keeps_the_last_batch),
        cmocka_unit_test(averages_are_saved_and_loaded),
        cmocka_unit_test(a_fit_moves_the_averages_at_every_step),
        cmocka_unit_test(test_sets_are_evaluated_with_the_averages),
        cmocka_unit_test(frozen_it_uses_its_averages_and_keeps_them),
        cmocka_unit_test(a_fit_leaves_a_frozen_one_alone),
        cmocka_unit_test(scales_are_never_tied_or_decayed),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
