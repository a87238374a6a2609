/* Kinds and activations that have a meaning in one place only. */
#include "net_fixture.h"

static void refused(const lt_net_spec *spec, const char *message)
{
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(spec, &net, &err) != LT_EINVAL)
        fail_msg("not refused: %s", message);
    assert_string_equal(err.text, message);
    assert_null(net);
}

static void softmax_is_the_last_dense_layers(void **state)
{
    const lt_layer_spec hidden[] = {{"dense", 5, LT_ACT_SOFTMAX},
                                    {"dense", 3, LT_ACT_TANH}};
    const lt_layer_spec plain[] = {{"dense", 5, LT_ACT_TANH},
                                   {"dense", 3, LT_ACT_TANH}};
    const lt_layer_spec early[] = {{"dense", 5, LT_ACT_SOFTMAX},
                                   {"dense", 8, LT_ACT_LINEAR}};
    const lt_layer_spec right[] = {{"dense", 5, LT_ACT_TANH},
                                   {"dense", 8, LT_ACT_SOFTMAX}};
    lt_net_spec spec = {.input = lt_shape_flat(8),
                        .encoder = hidden,
                        .n_encoder = 2,
                        .output = LT_ACT_LINEAR};
    lt_net *net = NULL;

    (void)state;
    refused(&spec, "encoder layer 1 (dense): act \"softmax\", wanted in the "
                   "last layer of the network only");
    spec.encoder = plain;
    spec.decoder = early;
    spec.n_decoder = 2;
    refused(&spec, "decoder layer 1 (dense): act \"softmax\", wanted in the "
                   "last layer of the network only");
    spec.decoder = right;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    assert_int_equal(lt_net_output_act(net), LT_ACT_SOFTMAX);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_the_last_dense_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
