/* Construction: shapes, mirrors, offsets, and every way to be refused. */
#include "net_fixture.h"

#include <stdio.h>

#include "latent/base/mem.h"

static const lt_layer_spec hinton[] = {{"dense", 1000, LT_ACT_SIGMOID},
                                       {"dense", 500, LT_ACT_SIGMOID},
                                       {"dense", 250, LT_ACT_SIGMOID},
                                       {"dense", 30, LT_ACT_LINEAR}};

static lt_net *make(const lt_net_spec *spec)
{
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* Figures of shared reference: Hinton and Salakhutdinov's MNIST network. */
static void parameters_are_those_of_the_published_network(void **state)
{
    lt_net_spec spec = {.input = lt_shape_image(1, 28, 28),
                        .encoder = hinton,
                        .n_encoder = 4,
                        .output = LT_ACT_SIGMOID};
    const size_t wanted[LT_TIE_COUNT] = {2837314, 1420814, 2837314, 2837314,
                                         2837314};

    (void)state;
    for (int tie = 0; tie < LT_TIE_PINV; tie++) {
        lt_net *net;

        spec.tie = (lt_tie)tie;
        net = make(&spec);
        assert_int_equal(lt_net_n_params(net), wanted[tie]);
        lt_net_free(net);
    }
}

static void mirror_gives_back_shapes_and_activations(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", 9, LT_ACT_TANH},
                                     {"dense", 5, LT_ACT_RELU},
                                     {"dense", 2, LT_ACT_LINEAR}};
    const lt_net_spec spec = {.input = lt_shape_image(3, 2, 2),
                              .encoder = encoder,
                              .n_encoder = 3,
                              .output = LT_ACT_SIGMOID,
                              .tie = LT_TIE_TIED};
    const int out[] = {9, 5, 2, 5, 9, 12};
    const lt_act act[] = {LT_ACT_TANH, LT_ACT_RELU, LT_ACT_LINEAR,
                          LT_ACT_RELU, LT_ACT_TANH, LT_ACT_SIGMOID};
    lt_net *net = make(&spec);

    (void)state;
    assert_int_equal(lt_net_n_layers(net), 6);
    for (int i = 0; i < 6; i++) {
        const lt_layer *l = lt_net_layer(net, i);

        assert_int_equal(lt_shape_elements(l->out), out[i]);
        assert_int_equal(l->spec.act, act[i]);
        assert_int_equal(l->mirror_of, i < 3 ? -1 : 5 - i);
        assert_int_equal(l->is_transposed, i >= 3);
        assert_int_equal(l->adds_gradient, i < 3);
    }
    assert_true(lt_shape_equal(lt_net_output(net), spec.input));
    assert_true(lt_shape_equal(lt_net_code(net), lt_shape_flat(2)));
    assert_int_equal(lt_net_output_act(net), LT_ACT_SIGMOID);
    lt_net_free(net);
}

static void segments_cover_the_vector_without_gaps(void **state)
{
    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net *net = fixture_net((fixture_spec){
            6, 5, 3, LT_ACT_TANH, LT_ACT_LINEAR, (lt_tie)tie, 1});
        int n = 0;
        const lt_segment *s = lt_net_segments(net, &n);
        size_t at = 0;

        for (int i = 0; i < n; i++) {
            assert_int_equal(s[i].offset, at);
            at += s[i].count;
        }
        assert_int_equal(at, lt_net_n_params(net));
        assert_int_equal(n, tie == LT_TIE_TIED ? 6 : 8);
        lt_net_free(net);
    }
}

static void explicit_decoder_keeps_its_own_activations(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", 5, LT_ACT_TANH}};
    const lt_layer_spec free_decoder[] = {{"dense", 7, LT_ACT_ELU},
                                          {"dense", 8, LT_ACT_SOFTPLUS}};
    const lt_layer_spec mirror[] = {{"dense", 8, LT_ACT_SELU}};
    lt_net_spec spec = {.input = lt_shape_flat(8),
                        .encoder = encoder,
                        .n_encoder = 1,
                        .decoder = free_decoder,
                        .n_decoder = 2};
    lt_net *net = make(&spec);

    (void)state;
    assert_int_equal(lt_net_n_layers(net), 3);
    assert_int_equal(lt_net_layer(net, 1)->mirror_of, -1);
    assert_int_equal(lt_net_output_act(net), LT_ACT_SOFTPLUS);
    lt_net_free(net);
    spec.decoder = mirror;
    spec.n_decoder = 1;
    spec.tie = LT_TIE_TIED;
    net = make(&spec);
    assert_true(lt_net_layer(net, 1)->is_transposed);
    assert_int_equal(lt_net_output_act(net), LT_ACT_SELU);
    lt_net_free(net);
}

typedef struct refusal {
    lt_shape input;
    lt_layer_spec encoder[2], decoder[2];
    int n_encoder, n_decoder;
    lt_tie tie;
    lt_init init;
    const char *message;
} refusal;

#define DENSE(units)                                                           \
    {                                                                          \
        "dense", units, LT_ACT_LINEAR                                          \
    }
#define FLAT8                                                                  \
    {                                                                          \
        1,                                                                     \
        {                                                                      \
            8, 1, 1                                                            \
        }                                                                      \
    }

static const refusal refusals[] = {
    {FLAT8,
     {DENSE(5), DENSE(0)},
     {DENSE(0)},
     2,
     0,
     LT_TIE_UNTIED,
     {0},
     "encoder layer 2 (dense): 0 units, wanted at least 1"},
    {FLAT8,
     {DENSE(1 << 30)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {0},
     "encoder layer 1 (dense): 1073741824 units, wanted at most 67108864"},
    {FLAT8,
     {{"dance", 5, LT_ACT_LINEAR}},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {0},
     "encoder layer 1 (dance): no layer kind of this name, wanted \"dense\""},
    {FLAT8,
     {DENSE(5)},
     {DENSE(0)},
     0,
     0,
     LT_TIE_UNTIED,
     {0},
     "encoder: 0 layers, wanted at least 1"},
    {{2, {8, 8, 1}},
     {DENSE(5)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {0},
     "input shape: 2 dimensions, wanted 1 or 3"},
    {{3, {8, 0, 1}},
     {DENSE(5)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {0},
     "input shape: dimension 2 is 0, wanted at least 1"},
    {{3, {65536, 65536, 65536}},
     {DENSE(5)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {0},
     "input shape: 4294967296 elements, wanted at most 67108864"},
    {FLAT8,
     {DENSE(5)},
     {DENSE(7)},
     1,
     1,
     LT_TIE_UNTIED,
     {0},
     "decoder layer 1 (dense): 7 elements, wanted the input's 8 (8)"},
    {FLAT8,
     {DENSE(5)},
     {DENSE(6), DENSE(8)},
     1,
     2,
     LT_TIE_TIED,
     {0},
     "decoder: 2 dense and convolutional layers, but tie \"tied\" wants one "
     "for each of the encoder's 1"},
    {FLAT8,
     {DENSE(5), DENSE(3)},
     {DENSE(6), DENSE(8)},
     2,
     2,
     LT_TIE_MIRRORED,
     {0},
     "decoder layer 1 (dense): takes 3 to 6, but tie \"mirrored\" wants 3 to "
     "5, the reverse of encoder layer 2 (dense)"},
    {FLAT8,
     {DENSE(5)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {LT_INIT_NORMAL, -1},
     "init normal: value -1, wanted above 0"},
    {FLAT8,
     {DENSE(5)},
     {DENSE(0)},
     1,
     0,
     LT_TIE_UNTIED,
     {LT_INIT_SPARSE, 2.5},
     "init sparse: 2.5 connections, wanted a whole number of at least 1"},
};

static void bad_networks_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        const lt_net_spec spec = {.input = r->input,
                                  .encoder = r->encoder,
                                  .n_encoder = r->n_encoder,
                                  .decoder = r->decoder,
                                  .n_decoder = r->n_decoder,
                                  .tie = r->tie,
                                  .init = r->init};
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
        assert_string_equal(err.text, r->message);
        assert_null(net);
    }
}

static void every_failed_allocation_is_reported_and_freed(void **state)
{
    const lt_layer_spec encoder[] = {DENSE(5), DENSE(3)};
    const lt_net_spec spec = {.input = lt_shape_flat(8),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .tie = LT_TIE_MIRRORED};
    lt_net *net = NULL;
    int failures = 0;

    (void)state;
    for (int64_t n = 0; !net; n++) {
        lt_err err = {0};
        lt_status rc;

        lt_mem_fail_after(n);
        rc = lt_net_new(&spec, &net, &err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
        assert_int_equal(err.status, LT_ENOMEM);
        failures++;
    }
    assert_true(failures >= 4);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_those_of_the_published_network),
        cmocka_unit_test(mirror_gives_back_shapes_and_activations),
        cmocka_unit_test(segments_cover_the_vector_without_gaps),
        cmocka_unit_test(explicit_decoder_keeps_its_own_activations),
        cmocka_unit_test(bad_networks_are_refused_by_name),
        cmocka_unit_test(every_failed_allocation_is_reported_and_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
