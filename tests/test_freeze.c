/* Freezing: what each call freezes, per tie; what segments and counts say. */
#include "net_fixture.h"

#include "latent/opt/optimizer.h"

enum { D = 6, H = 5, K = 3, ROWS = 4 };

static lt_net *net_of(lt_tie tie)
{
    return fixture_net(
        (fixture_spec){D, H, K, LT_ACT_TANH, LT_ACT_SIGMOID, tie, 1});
}

/* Trainable: one letter a layer and part, "wb" both, "-" none. */
static const char *trains(lt_net *net, char out[16])
{
    for (int i = 0; i < 4; i++) {
        const lt_layer *l = lt_net_layer(net, i);

        out[2 * i] = l->is_weight_frozen ? '-' : 'w';
        out[2 * i + 1] = l->is_bias_frozen ? '-' : 'b';
    }
    out[8] = '\0';
    return out;
}

typedef enum { ENCODER = -1, DECODER = -2 } part;

static lt_status freeze(lt_net *net, int what, bool frozen, lt_err *err)
{
    if (what == ENCODER)
        return lt_net_freeze_encoder(net, frozen, err);
    if (what == DECODER)
        return lt_net_freeze_decoder(net, frozen, err);
    return lt_net_freeze_layer(net, what, frozen, err);
}

static void each_call_freezes_its_parts(void **state)
{
    const struct {
        lt_tie tie;
        int what;
        const char *wanted;
    } cases[] = {
        {LT_TIE_UNTIED, ENCODER, "----wbwb"},
        {LT_TIE_UNTIED, DECODER, "wbwb----"},
        {LT_TIE_UNTIED, 1, "wb--wbwb"},
        {LT_TIE_UNTIED, 3, "wbwbwb--"},
        {LT_TIE_TIED, ENCODER, "-----b-b"},
        {LT_TIE_TIED, DECODER, "wbwbw-w-"},
        {LT_TIE_TIED, 0, "--wbwb-b"},
        {LT_TIE_TIED, 3, "wbwbwbw-"},
        {LT_TIE_UNROLLED, ENCODER, "----wbwb"},
        {LT_TIE_MIRRORED, ENCODER, "-----b-b"},
        {LT_TIE_MIRRORED, DECODER, "wbwb----"},
        {LT_TIE_PINV, 2, "wbwb---b"},
    };
    char text[16];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_net *net = net_of(cases[i].tie);
        char before[16];

        trains(net, before);
        assert_int_equal(freeze(net, cases[i].what, true, NULL), LT_OK);
        assert_string_equal(trains(net, text), cases[i].wanted);
        assert_int_equal(freeze(net, cases[i].what, false, NULL), LT_OK);
        assert_string_equal(trains(net, text), before);
        lt_net_free(net);
    }
}

static void derived_weights_cannot_be_unfrozen(void **state)
{
    lt_net *net = net_of(LT_TIE_MIRRORED);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_net_freeze_decoder(net, false, &err), LT_EINVAL);
    assert_string_equal(err.text,
                        "decoder layer 1 (dense): its weights are computed "
                        "from the encoder's (tie \"mirrored\") and cannot be "
                        "unfrozen; its biases are not frozen");
    assert_int_equal(lt_net_freeze_layer(net, 3, false, &err), LT_EINVAL);
    assert_int_equal(lt_net_freeze_layer(net, 1, false, &err), LT_OK);
    assert_int_equal(lt_net_freeze_layer(net, 4, true, &err), LT_EINVAL);
    assert_string_equal(err.text, "layer 5, wanted 1 to 4");
    lt_net_free(net);
}

/* Layers without parameters may be named, and say nothing of the others. */
static void layers_without_parameters_freeze_like_any(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "reshape", .shape = {1, 4, 4}},
        {.kind = "dropout", .amount = 0.5},
        {.kind = "maxpool", .kernel = {2, 2}},
        {"dense", 3, LT_ACT_LINEAR},
    };
    const lt_net_spec spec = {.input = lt_shape_flat(16),
                              .encoder = encoder,
                              .n_encoder = 4,
                              .tie = LT_TIE_MIRRORED};
    lt_net *net = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, &err), LT_OK);
    assert_int_equal(lt_net_n_layers(net), 6); /* dense, maxunpool */
    assert_int_equal(lt_net_freeze_layer(net, 1, true, &err), LT_OK);
    assert_int_equal(lt_net_n_trainable(net), 4 * 3 + 3 + 4);
    assert_int_equal(lt_net_freeze_layer(net, 1, false, &err), LT_OK);
    assert_int_equal(lt_net_freeze_layer(net, 5, false, &err), LT_OK);
    assert_int_equal(lt_net_freeze_encoder(net, true, &err), LT_OK);
    assert_int_equal(lt_net_n_trainable(net), 4);
    assert_int_equal(lt_net_freeze_encoder(net, false, &err), LT_OK);
    assert_int_equal(lt_net_freeze_decoder(net, false, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "decoder layer 1 (dense): its weights"));
    lt_net_free(net);
}

static void trainable_counts_leave_out_what_is_frozen(void **state)
{
    lt_net *net = net_of(LT_TIE_TIED);
    const size_t all = D * H + H + H * K + K + H + D;

    (void)state;
    assert_int_equal(lt_net_n_params(net), all);
    assert_int_equal(lt_net_n_trainable(net), all);
    assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    assert_int_equal(lt_net_n_trainable(net), H + D);
    lt_net_free(net);
    net = net_of(LT_TIE_PINV);
    assert_int_equal(lt_net_n_params(net), all + D * H + H * K);
    assert_int_equal(lt_net_n_trainable(net), all);
    lt_net_free(net);
}

static void frozen_gradients_are_zero(void **state)
{
    lt_net *net = net_of(LT_TIE_UNTIED);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    int n = 0;
    const lt_segment *s;

    (void)state;
    fixture_batch(ROWS * D, lt_tape_input(tape), 1);
    fixture_loss(net, tape, ROWS, LT_LOSS_BCE, true);
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
    fixture_loss(net, tape, ROWS, LT_LOSS_BCE, true);
    s = lt_net_segments(net, &n);
    for (int i = 0; i < n; i++) {
        double sum = 0;

        for (size_t j = 0; j < s[i].count; j++)
            sum += fabs(lt_net_grads(net)[s[i].offset + j]);
        assert_int_equal(sum > 0, !s[i].is_frozen);
        assert_int_equal(s[i].is_frozen, s[i].layer == 0 || s[i].layer == 2);
    }
    lt_tape_free(tape);
    lt_net_free(net);
}

/* Nothing to train at all is allowed, and does nothing. */
static void a_network_frozen_whole_still_steps(void **state)
{
    lt_net *net = net_of(LT_TIE_UNTIED);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
    lt_opt *opt = NULL;
    lt_real before[128];
    size_t n = lt_net_n_params(net);

    (void)state;
    assert_true(n <= 128);
    assert_int_equal(lt_opt_new(&spec, net, &opt, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_decoder(net, true, NULL), LT_OK);
    memcpy(before, lt_net_params(net), n * sizeof *before);
    fixture_batch(ROWS * D, lt_tape_input(tape), 1);
    fixture_loss(net, tape, ROWS, LT_LOSS_BCE, true);
    lt_opt_step(opt, NULL);
    assert_memory_equal(before, lt_net_params(net), n * sizeof *before);
    assert_int_equal(lt_net_n_trainable(net), 0);
    lt_opt_free(opt);
    lt_tape_free(tape);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_freezes_its_parts),
        cmocka_unit_test(derived_weights_cannot_be_unfrozen),
        cmocka_unit_test(layers_without_parameters_freeze_like_any),
        cmocka_unit_test(trainable_counts_leave_out_what_is_frozen),
        cmocka_unit_test(frozen_gradients_are_zero),
        cmocka_unit_test(a_network_frozen_whole_still_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
