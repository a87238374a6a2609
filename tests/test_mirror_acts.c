/* Which activations a mirror's layers have, with normalisations, pools, shapes
 * and noise between: the layer that gives back what layer j put out has the
 * activation of layer j, or of the nearest below that has one; a normalisation
 * in the encoder has one in the mirror, which carries it there. */
#include "layers_fixture.h"

#include "latent/base/text.h"

/* "dense:relu maxunpool dense:sigmoid" */
static void decoder_check(lt_shape input, const lt_layer_spec *encoder,
                          const char *wanted)
{
    const lt_net_spec spec = {.input = input,
                              .encoder = encoder,
                              .n_encoder = layers_count(encoder),
                              .output = LT_ACT_SIGMOID,
                              .tie = LT_TIE_TIED};
    lt_net *net = NULL;
    lt_text text = {0};
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    for (int i = lt_net_n_encoder(net); i < lt_net_n_layers(net); i++) {
        const lt_layer *l = lt_net_layer(net, i);

        lt_text_addf(&text, "%s%s", text.size ? " " : "", l->ops->name);
        if (lt_layer_has_field(l->ops, "act"))
            lt_text_addf(&text, ":%s", lt_act_name(l->spec.act));
        else
            assert_int_equal(l->spec.act, LT_ACT_LINEAR);
    }
    assert_string_equal(lt_text_str(&text), wanted);
    lt_text_deinit(&text);
    lt_net_free(net);
}

static void normalisations_carry_the_activation(void **state)
{
    const lt_layer_spec with_relu[LAYERS_MAX] = {DENSE(5, LINEAR), NORM(RELU),
                                                 DENSE(2, LINEAR)};
    const lt_layer_spec after_relu[LAYERS_MAX] = {DENSE(5, RELU), NORM(LINEAR),
                                                  DENSE(2, LINEAR)};
    const lt_layer_spec twice[LAYERS_MAX] = {DENSE(5, LINEAR), NORM(TANH),
                                             DENSE(4, LINEAR), NORM(RELU),
                                             DENSE(2, LINEAR)};
    const lt_layer_spec first[LAYERS_MAX] = {NORM(LINEAR), DENSE(4, TANH),
                                             DENSE(2, LINEAR)};

    (void)state;
    decoder_check(lt_shape_flat(6), with_relu,
                  "dense:linear batchnorm:relu dense:sigmoid");
    decoder_check(lt_shape_flat(6), after_relu,
                  "dense:linear batchnorm:relu dense:sigmoid");
    decoder_check(lt_shape_flat(6), twice,
                  "dense:linear batchnorm:relu dense:linear batchnorm:tanh "
                  "dense:sigmoid");
    decoder_check(lt_shape_flat(6), first,
                  "dense:tanh dense:linear batchnorm:sigmoid");
}

/* Whatever activation it has in the encoder: the output is what was asked. */
static void a_first_normalisation_ends_with_the_output(void **state)
{
    const lt_layer_spec first[LAYERS_MAX] = {NORM(RELU), DENSE(4, TANH),
                                             DENSE(2, LINEAR)};
    const lt_layer_spec behind_noise[LAYERS_MAX] = {
        NOISE(MASKING, 0.5), NORM(RELU), DENSE(2, LINEAR)};
    const lt_layer_spec two[LAYERS_MAX] = {NORM(TANH), NORM(RELU),
                                           DENSE(2, LINEAR)};

    (void)state;
    decoder_check(lt_shape_flat(6), first,
                  "dense:tanh dense:relu batchnorm:sigmoid");
    decoder_check(lt_shape_flat(6), behind_noise,
                  "dense:relu batchnorm:sigmoid");
    decoder_check(lt_shape_flat(6), two,
                  "dense:linear batchnorm:relu batchnorm:sigmoid");
}

/* The normalisation of the code normalises what the decoder gets; its mirror
 * has the activation of the layer below it. */
static void normalised_codes(void **state)
{
    const lt_layer_spec linear[LAYERS_MAX] = {DENSE(5, TANH), DENSE(2, LINEAR),
                                              NORM(LINEAR)};
    const lt_layer_spec sigmoid[LAYERS_MAX] = {DENSE(5, TANH), DENSE(2, LINEAR),
                                               NORM(SIGMOID)};

    (void)state;
    decoder_check(lt_shape_flat(6), linear,
                  "batchnorm:linear dense:tanh dense:sigmoid");
    decoder_check(lt_shape_flat(6), sigmoid,
                  "batchnorm:sigmoid dense:tanh dense:sigmoid");
}

static void pools_and_shapes_let_it_through(void **state)
{
    const lt_layer_spec pooled[LAYERS_MAX] = {DENSE(16, RELU), RESHAPE(1, 4, 4),
                                              POOL("maxpool", 2, 2, VALID),
                                              DENSE(3, TANH), DENSE(2, LINEAR)};
    const lt_layer_spec normalised[LAYERS_MAX] = {
        DENSE(16, LINEAR), RESHAPE(1, 4, 4),
        NORM(RELU),        POOL("avgpool", 2, 2, VALID),
        FLATTEN,           DENSE(2, LINEAR)};

    (void)state;
    decoder_check(lt_shape_flat(6), pooled,
                  "dense:tanh dense:relu maxunpool reshape dense:sigmoid");
    decoder_check(lt_shape_flat(6), normalised,
                  "dense:linear reshape avgunpool batchnorm:relu reshape "
                  "dense:sigmoid");
}

static void noise_leaves_nothing(void **state)
{
    const lt_layer_spec between[LAYERS_MAX] = {
        NOISE(GAUSSIAN, 0.1), DENSE(5, RELU), DROPOUT(0.5),
        DENSE(2, TANH),       DROPOUT(0.2),   K_SPARSE(1)};
    const lt_layer_spec normalised[LAYERS_MAX] = {
        DENSE(5, LINEAR), NORM(RELU), DROPOUT(0.5), DENSE(2, LINEAR)};

    (void)state;
    decoder_check(lt_shape_flat(6), between, "dense:relu dense:sigmoid");
    decoder_check(lt_shape_flat(6), normalised,
                  "dense:linear batchnorm:relu dense:sigmoid");
}

static void nothing_but_noise_has_no_mirror(void **state)
{
    const lt_layer_spec encoder[] = {DROPOUT(0.5), K_SPARSE(2)};
    const lt_net_spec spec = {
        .input = lt_shape_flat(4), .encoder = encoder, .n_encoder = 2};
    lt_net *net = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
    assert_string_equal(err.text, "encoder: no layer that a mirror could undo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisations_carry_the_activation),
        cmocka_unit_test(a_first_normalisation_ends_with_the_output),
        cmocka_unit_test(normalised_codes),
        cmocka_unit_test(pools_and_shapes_let_it_through),
        cmocka_unit_test(noise_leaves_nothing),
        cmocka_unit_test(nothing_but_noise_has_no_mirror),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
