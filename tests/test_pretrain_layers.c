/* Pre-training of encoders with layers that it passes by: noise, dropout,
 * batch normalisations. What is learned is what the dense layers alone would
 * learn, series are numbered by the dense layers, and nothing else moves. */
#include "pretrain_fixture.h"

#define DENSE1                                                                 \
    {                                                                          \
        .kind = "dense", .units = H1, .act = LT_ACT_SIGMOID                    \
    }
#define DENSE2                                                                 \
    {                                                                          \
        .kind = "dense", .units = H2                                           \
    }
#define DROPOUT                                                                \
    {                                                                          \
        .kind = "dropout", .amount = 0.5                                       \
    }
#define NOISE                                                                  \
    {                                                                          \
        .kind = "noise", .noise = LT_NOISE_SALT_PEPPER, .amount = 0.3          \
    }

static lt_net *build(const lt_layer_spec *encoder, int n, lt_tie tie)
{
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = n,
                              .output = LT_ACT_SIGMOID,
                              .tie = tie,
                              .seed = 3};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* The `nth` dense layer. */
static const lt_layer *dense_of(const lt_net *net, int nth)
{
    for (int i = 0; i < lt_net_n_layers(net); i++)
        if (strcmp(lt_net_layer(net, i)->ops->name, "dense") == 0 && !nth--)
            return lt_net_layer(net, i);
    fail();
    return NULL;
}

static void copy_dense(lt_net *from, lt_net *to)
{
    for (int i = 0; i < 4; i++) {
        const lt_layer *a = dense_of(from, i), *b = dense_of(to, i);

        memcpy(lt_net_params(to) + b->weight, lt_net_params(from) + a->weight,
               a->weight_count * sizeof(lt_real));
        memcpy(lt_net_params(to) + b->bias, lt_net_params(from) + a->bias,
               a->bias_count * sizeof(lt_real));
    }
}

static void dense_assert_equal(lt_net *a, lt_net *b)
{
    for (int i = 0; i < 4; i++) {
        const lt_layer *x = dense_of(a, i), *y = dense_of(b, i);

        assert_memory_equal(lt_net_params(a) + x->weight,
                            lt_net_params(b) + y->weight,
                            x->weight_count * sizeof(lt_real));
        assert_memory_equal(lt_net_params(a) + x->bias,
                            lt_net_params(b) + y->bias,
                            x->bias_count * sizeof(lt_real));
    }
}

static void learns_as_dense_layers_alone(const lt_layer_spec *plain,
                                         const lt_layer_spec *full, int n_full,
                                         lt_pretrain_method method)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_net *a = build(plain, 2, LT_TIE_UNTIED);
    lt_net *b = build(full, n_full, LT_TIE_UNTIED);
    lt_pretrain_opts o = opts_make(method, train);
    memory m;
    lt_observer observer = memory_observer(&m);

    copy_dense(a, b);
    pretrain_ok(a, &o);
    o.observer = &observer;
    pretrain_ok(b, &o);
    dense_assert_equal(a, b);
    assert_int_equal(memory_count(&m, "pretrain.1.recon"), o.epochs);
    assert_int_equal(memory_count(&m, "pretrain.2.recon"), o.epochs);
    assert_int_equal(memory_count(&m, "pretrain.3.recon"), 0);
    assert_true(strncmp(m.phase, "pretrain ", 9) == 0);
    assert_string_equal(m.phase + 10, "/2");
    lt_net_free(a);
    lt_net_free(b);
    lt_dataset_free(train);
}

static void noise_is_off_and_has_no_number(void **state)
{
    const lt_layer_spec plain[] = {DENSE1, DENSE2};
    const lt_layer_spec full[] = {NOISE, DENSE1, DROPOUT,
                                  NOISE, DENSE2, DROPOUT};

    (void)state;
    for (int method = 0; method <= LT_PRETRAIN_DENOISING; method++)
        learns_as_dense_layers_alone(plain, full, 6,
                                     (lt_pretrain_method)method);
}

/* With its averages at the start (0 and 1) and no epsilon to speak of, a
 * normalisation changes nothing in evaluation; batch statistics would. */
static void batchnorm_runs_as_in_evaluation(void **state)
{
    const lt_layer_spec plain[] = {{"dense", H1, LT_ACT_LINEAR}, DENSE2};
    const lt_layer_spec full[] = {
        {"dense", H1, LT_ACT_LINEAR},
        {.kind = "batchnorm", .momentum = 0.1, .epsilon = 1e-30},
        DENSE2};

    (void)state;
    learns_as_dense_layers_alone(plain, full, 3, LT_PRETRAIN_AUTOENCODER);
}

static void moving_averages_do_not_move(void **state)
{
    const lt_layer_spec encoder[] = {DENSE1,
                                     {.kind = "batchnorm",
                                      .momentum = 0.1,
                                      .epsilon = 1e-5,
                                      .act = LT_ACT_SIGMOID},
                                     DENSE2};
    lt_dataset *train = patterns_make(N, D, 1);
    lt_net *net = build(encoder, 3, LT_TIE_TIED);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_real before[4 * H1];
    const lt_layer *norm = lt_net_layer(net, 1);

    (void)state;
    assert_int_equal(lt_net_n_state(net), 4 * H1);
    for (int i = 0; i < 4 * H1; i++)
        lt_net_state(net)[i] = before[i] = (lt_real)(0.25 + i % 5);
    pretrain_ok(net, &o);
    assert_memory_equal(lt_net_state(net), before, sizeof before);
    for (size_t i = 0; i < norm->weight_count; i++)
        assert_true(lt_net_params(net)[norm->weight + i] == 1);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* A linear layer and a normalisation that does nothing but apply a sigmoid are
 * to what stands above them a sigmoid layer: visibles are binary. */
static void the_nearest_activation_below_decides(void **state)
{
    const lt_layer_spec plain[] = {DENSE1, DENSE2};
    const lt_layer_spec full[] = {{"dense", H1, LT_ACT_LINEAR},
                                  {.kind = "batchnorm",
                                   .momentum = 0.1,
                                   .epsilon = 1e-30,
                                   .act = LT_ACT_SIGMOID},
                                  DROPOUT,
                                  DENSE2};
    lt_dataset *train = patterns_make(N, D, 1);
    lt_net *a = build(plain, 2, LT_TIE_UNTIED);
    lt_net *b = build(full, 4, LT_TIE_UNTIED), *fresh;
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);

    (void)state;
    copy_dense(a, b);
    fresh = build(plain, 2, LT_TIE_UNTIED);
    assert_int_equal(lt_net_freeze_layer(a, 0, true, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_layer(b, 0, true, NULL), LT_OK);
    pretrain_ok(a, &o);
    pretrain_ok(b, &o);
    dense_assert_equal(a, b);
    assert_memory_not_equal(weight_of(a, 1), weight_of(fresh, 1),
                            H1 * H2 * sizeof(lt_real));
    lt_net_free(a);
    lt_net_free(b);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_off_and_has_no_number),
        cmocka_unit_test(batchnorm_runs_as_in_evaluation),
        cmocka_unit_test(moving_averages_do_not_move),
        cmocka_unit_test(the_nearest_activation_below_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
