/* Upsampling and layers of shape alone: values by hand, shapes, mirrors. */
#include "layers_fixture.h"

/* A decoder of one upsampling of a 1xHxW code that the encoder makes by
 * averaging, on an input of `f` times its size. */
static lt_net *up_net(int h, int w, const int f[2], lt_interp interp)
{
    const lt_layer_spec encoder[] = {
        {.kind = "avgpool", .kernel = {f[0], f[1]}, .pad = LT_PAD_VALID}};
    const lt_layer_spec decoder[] = {
        {.kind = "upsample", .factor = {f[0], f[1]}, .interp = (int)interp}};
    const lt_net_spec spec = {.input = lt_shape_image(1, h * f[0], w * f[1]),
                              .encoder = encoder,
                              .n_encoder = 1,
                              .decoder = decoder,
                              .n_decoder = 1};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static void up_check(int h, int w, const int f[2], lt_interp interp,
                     const lt_real *x, const double *wanted)
{
    lt_net *net = up_net(h, w, f, interp);
    lt_tape *tape = fixture_tape(net, 1, false, NULL);
    const lt_real *y = lt_net_forward(net, tape, x, 1, 1, 2, false);

    for (int i = 0; i < h * f[0] * w * f[1]; i++)
        assert_true(fabs((double)y[i] - wanted[i]) < 1e-6);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void nearest_repeats_pixels(void **state)
{
    const lt_real x[] = {1, 2, 3, 4};
    const double wanted[] = {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                             3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4};
    const double twice[] = {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4};

    (void)state;
    up_check(2, 2, (int[]){2, 3}, LT_INTERP_NEAREST, x, wanted);
    up_check(2, 2, (int[]){2, 2}, LT_INTERP_NEAREST, x, twice);
}

/* The example in the documentation of torch.nn.Upsample(scale_factor=2,
 * mode="bilinear"), whose align_corners is False. */
static void bilinear_is_that_of_the_reference(void **state)
{
    const lt_real x[] = {1, 2, 3, 4}, line[] = {0, 3};
    const double wanted[] = {1,   1.25, 1.75, 2,   1.5, 1.75, 2.25, 2.5,
                             2.5, 2.75, 3.25, 3.5, 3,   3.25, 3.75, 4};
    const double thirds[] = {0, 0, 1, 2, 3, 3};

    (void)state;
    up_check(2, 2, (int[]){2, 2}, LT_INTERP_BILINEAR, x, wanted);
    up_check(1, 2, (int[]){1, 3}, LT_INTERP_BILINEAR, line, thirds);
    up_check(2, 1, (int[]){3, 1}, LT_INTERP_BILINEAR, line, thirds);
    up_check(1, 2, (int[]){1, 1}, LT_INTERP_BILINEAR, line, (double[]){0, 3});
}

static lt_status try_net(lt_shape input, const lt_layer_spec *encoder, int n,
                         lt_act output, lt_net **net, lt_err *err)
{
    const lt_net_spec spec = {
        .input = input, .encoder = encoder, .n_encoder = n, .output = output};

    return lt_net_new(&spec, net, err);
}

static void an_encoders_nearest_is_undone_by_averages(void **state)
{
    const lt_layer_spec encoder[] = {UPSAMPLE(2, 3, NEAREST)};
    const lt_real x[] = {5, 7};
    lt_net *net = NULL;
    lt_tape *tape;
    lt_err err = {0};

    (void)state;
    assert_int_equal(
        try_net(lt_shape_image(1, 1, 2), encoder, 1, LT_ACT_LINEAR, &net, &err),
        LT_OK);
    assert_string_equal(lt_net_layer(net, 1)->ops->name, "avgpool");
    tape = fixture_tape(net, 1, false, NULL);
    assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 2, false), x,
                        sizeof x);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void shapes_come_back_and_the_last_is_left_out(void **state)
{
    const lt_layer_spec encoder[] = {RESHAPE(4, 2, 3),
                                     POOL("avgpool", 1, 1, SAME), FLATTEN,
                                     DENSE(5, TANH), RESHAPE(5, 1, 1)};
    const char *kinds[] = {"reshape", "avgpool", "flatten",
                           "dense",   "reshape", "reshape",
                           "dense",   "reshape", "avgunpool"};
    lt_net *net = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(
        try_net(lt_shape_flat(24), encoder, 5, LT_ACT_LINEAR, &net, &err),
        LT_OK);
    assert_int_equal(lt_net_n_layers(net), 9);
    for (int i = 0; i < 9; i++)
        assert_string_equal(lt_net_layer(net, i)->ops->name, kinds[i]);
    assert_true(lt_shape_equal(lt_net_code(net), lt_shape_image(5, 1, 1)));
    assert_true(lt_shape_equal(lt_net_layer(net, 5)->out, lt_shape_flat(5)));
    assert_true(
        lt_shape_equal(lt_net_layer(net, 7)->out, lt_shape_image(4, 2, 3)));
    /* the reshape to 24 that would be next changes nothing but the name */
    assert_true(lt_shape_equal(lt_net_output(net), lt_shape_flat(24)));
    lt_net_free(net);
}

static void bad_shapes_are_refused_by_name(void **state)
{
    const struct {
        lt_shape input;
        lt_layer_spec layer;
        const char *message;
    } cases[] = {
        {PICTURE(1, 2, 2), UPSAMPLE(2, 2, BILINEAR),
         "encoder layer 1 (upsample): no layer undoes it; write the decoder "
         "out"},
        {PICTURE(1, 2, 2), UPSAMPLE(2, 0, NEAREST),
         "encoder layer 1 (upsample): factor 0, wanted 1 to 1024"},
        {PICTURE(1, 8192, 2), UPSAMPLE(1024, 1024, NEAREST),
         "encoder layer 1 (upsample): gives 1x8388608x2048, wanted at most "
         "67108864 elements"},
        {PICTURE(1, 100000, 2), UPSAMPLE(1024, 1, NEAREST),
         "encoder layer 1 (upsample): 100000 pixels times 1024, wanted at most "
         "67108864 elements"},
        {FLAT(4), UPSAMPLE(2, 2, NEAREST),
         "encoder layer 1 (upsample): takes pictures (channels x height x "
         "width), found 4 numbers; a reshape before it makes pictures of "
         "them"},
        {FLAT(6), RESHAPE(1, 2, 4),
         "encoder layer 1 (reshape): shape 1x2x4 has 8 elements, wanted the "
         "input's 6 (6)"},
        {PICTURE(1, 2, 3), RESHAPE(7, 0, 0),
         "encoder layer 1 (reshape): shape 7 has 7 elements, wanted the "
         "input's 6 (1x2x3)"},
        {FLAT(6), RESHAPE(-2, -3, 1),
         "encoder layer 1 (reshape): shape -2x-3x1 has 0 elements, wanted the "
         "input's 6 (6)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(try_net(cases[i].input, &cases[i].layer, 1,
                                 LT_ACT_LINEAR, &net, &err),
                         LT_EINVAL);
        assert_string_equal(err.text, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_repeats_pixels),
        cmocka_unit_test(bilinear_is_that_of_the_reference),
        cmocka_unit_test(an_encoders_nearest_is_undone_by_averages),
        cmocka_unit_test(shapes_come_back_and_the_last_is_left_out),
        cmocka_unit_test(bad_shapes_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
