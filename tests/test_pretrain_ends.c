/* Greedy pre-training: promises about bits, memory and frozen layers, and how
 * it ends when something is wrong. */
#include "pretrain_fixture.h"

/* ---- promises ---- */

static void pretraining_is_the_same_bits_on_any_threads(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *a = deep_net(LT_TIE_UNROLLED), *b = deep_net(LT_TIE_UNROLLED);
        lt_net *c = deep_net(LT_TIE_UNROLLED);

        pretrain_ok(a, &o);
        o.pool = pool;
        pretrain_ok(b, &o);
        params_assert_equal(a, b);
        o.seed = 10;
        pretrain_ok(c, &o);
        assert_memory_not_equal(lt_net_params(a), lt_net_params(c), 64);
        lt_net_free(a);
        lt_net_free(b);
        lt_net_free(c);
    }
    lt_pool_free(pool);
    lt_dataset_free(train);
}

/* Allocations happen where a layer begins, and nowhere else. */
static void pretraining_steps_allocate_nothing(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(40, D, 2);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = deep_net(LT_TIE_TIED);
        static memory m;
        lt_observer observer = memory_observer(&m);

        o.observer = &observer;
        o.test = test;
        pretrain_ok(net, &o);
        assert_int_equal(m.polls, 2 * 49);
        assert_int_equal(m.allocation_changes, 1);
        lt_net_free(net);
    }
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void frozen_layers_are_passed_by(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = deep_net(LT_TIE_UNTIED), *fresh = deep_net(LT_TIE_UNTIED);

        assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
        assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
        pretrain_ok(net, &o);
        assert_memory_equal(weight_of(net, 0), weight_of(fresh, 0),
                            D * H1 * sizeof(lt_real));
        assert_memory_equal(bias_of(net, 2), bias_of(fresh, 2),
                            H1 * sizeof(lt_real));
        assert_memory_not_equal(weight_of(net, 1), weight_of(fresh, 1), 64);
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_dataset_free(train);
}

/* An untied decoder that mirrors nothing: the encoder alone is trained. */
static void decoders_of_another_shape_are_left_alone(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", H1, LT_ACT_SIGMOID},
                                     {"dense", H2, LT_ACT_SIGMOID}};
    const lt_layer_spec decoder[] = {{"dense", D, LT_ACT_SIGMOID}};
    lt_net_spec spec = {.input = lt_shape_flat(D),
                        .encoder = encoder,
                        .n_encoder = 2,
                        .decoder = decoder,
                        .n_decoder = 1,
                        .seed = 3};
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = NULL, *fresh = NULL;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        assert_int_equal(lt_net_new(&spec, &fresh, NULL), LT_OK);
        pretrain_ok(net, &o);
        assert_memory_not_equal(weight_of(net, 1), weight_of(fresh, 1), 64);
        assert_memory_equal(weight_of(net, 2), weight_of(fresh, 2),
                            D * H2 * sizeof(lt_real));
        assert_memory_equal(bias_of(net, 2), bias_of(fresh, 2),
                            D * sizeof(lt_real));
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_dataset_free(train);
}

static void real_valued_data_take_gaussian_visibles(void **state)
{
    lt_dataset *train = plane_make(400, D, 4, 0.1, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_LINEAR,
                  .tie = LT_TIE_TIED,
                  .seed = 3};
    lt_net *net = net_make(&p);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.visible = LT_UNIT_GAUSSIAN;
    o.rate = 0.01;
    o.epochs = 40;
    o.observer = &observer;
    pretrain_ok(net, &o);
    assert_true(memory_find(&m, "pretrain.1.recon", 39)->value <
                0.9 * memory_find(&m, "pretrain.1.recon", 0)->value);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- how it ends ---- */

static void divergence_names_layer_and_step(void **state)
{
    lt_dataset *train = plane_make(N, D, 3, 0.1, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1},
                  .n = 1,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_LINEAR,
                  .seed = 3};
    lt_net *net = net_make(&p), *fresh = net_make(&p);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_err err = {0};

    (void)state;
    o.visible = LT_UNIT_GAUSSIAN;
    o.rate_linear = 1e15;
    o.observer = &observer;
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EDIVERGED);
    assert_non_null(strstr(err.text, "diverged at step "));
    assert_non_null(strstr(err.text, "(epoch 1): pre-training of layer 1: "));
    assert_int_equal(m.n, 1);
    assert_false(isfinite(m.events[0].value));
    params_assert_equal(net, fresh); /* nothing broken landed */
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_stops_at_the_step_when_asked(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_UNTIED);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_err err = {0};

    (void)state;
    o.observer = &observer;
    m.stop_at = 60; /* in the second layer */
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EINTERRUPTED);
    assert_non_null(strstr(err.text, "layer 2, epoch 2"));
    assert_int_equal(m.polls, 60);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void no_epochs_change_nothing(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_UNTIED), *fresh = deep_net(LT_TIE_UNTIED);

    (void)state;
    o.epochs = 0;
    pretrain_ok(net, &o);
    params_assert_equal(net, fresh);
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_refuses_what_it_cannot_do(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *wide = patterns_make(5, 30, 1);
    lt_pretrain_opts good = opts_make(LT_PRETRAIN_RBM, train), bad[8];
    const char *messages[] = {
        "epochs is -1",  "batch is 0",      "cd is 0",  "corruption is 1",
        "momentum is 1", "no training set", "test set", "rate is -1"};
    lt_net *net = deep_net(LT_TIE_UNTIED);

    (void)state;
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].epochs = -1;
    bad[1].batch = 0;
    bad[2].cd = 0;
    bad[3].corruption = 1;
    bad[4].momentum = 1;
    bad[5].train = NULL;
    bad[6].test = wide;
    bad[7].rate = -1;
    for (int i = 0; i < 8; i++) {
        lt_err err = {0};

        assert_int_equal(lt_pretrain(net, &bad[i], &err), LT_EINVAL);
        if (!strstr(err.text, messages[i]))
            fail_msg("\"%s\" lacks \"%s\"", err.text, messages[i]);
    }
    lt_net_free(net);
    lt_dataset_free(wide);
    lt_dataset_free(train);
}

static void pretraining_wants_a_network_that_is_not_sparse(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_AUTOENCODER, train);
    net_plan p = {.width = D, .units = {H1}, .n = 1, .is_sparse = true};
    lt_net *net = net_make(&p);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EINVAL);
    assert_string_equal(err.text, "encoder layer 1: pre-training wants a "
                                  "network that is not sparse");
    lt_net_free(net);
    lt_dataset_free(train);
}

static void rbm_wants_sigmoid_or_linear_before_it_trains(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_RELU,
                  .output = LT_ACT_SIGMOID,
                  .seed = 3};
    lt_net *net = net_make(&p), *fresh = net_make(&p);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EINVAL);
    assert_string_equal(err.text, "encoder layer 2 (relu): RBM pre-training "
                                  "wants sigmoid or linear");
    params_assert_equal(net, fresh);
    assert_int_equal(lt_net_freeze_layer(net, 1, true, NULL), LT_OK);
    pretrain_ok(net, &o); /* what is frozen is not asked */
    assert_int_equal(lt_net_freeze_layer(net, 1, false, NULL), LT_OK);
    o.method = LT_PRETRAIN_DENOISING; /* which takes any */
    pretrain_ok(net, &o);
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_survives_every_failed_allocation(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_status rc = LT_ENOMEM;

        o.epochs = 1;
        for (int n = 0; rc == LT_ENOMEM && n < 200; n++) {
            lt_net *net = deep_net(LT_TIE_TIED);

            lt_mem_fail_after(n);
            rc = lt_pretrain(net, &o, NULL);
            lt_mem_fail_after(-1);
            lt_net_free(net);
        }
        assert_int_equal(rc, LT_OK);
    }
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pretraining_is_the_same_bits_on_any_threads),
        cmocka_unit_test(pretraining_steps_allocate_nothing),
        cmocka_unit_test(frozen_layers_are_passed_by),
        cmocka_unit_test(decoders_of_another_shape_are_left_alone),
        cmocka_unit_test(real_valued_data_take_gaussian_visibles),
        cmocka_unit_test(divergence_names_layer_and_step),
        cmocka_unit_test(pretraining_stops_at_the_step_when_asked),
        cmocka_unit_test(no_epochs_change_nothing),
        cmocka_unit_test(pretraining_refuses_what_it_cannot_do),
        cmocka_unit_test(pretraining_wants_a_network_that_is_not_sparse),
        cmocka_unit_test(rbm_wants_sigmoid_or_linear_before_it_trains),
        cmocka_unit_test(pretraining_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
