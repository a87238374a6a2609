/* Max and average pools as layers: shapes that come back exactly, mirrors that
 * are adjoint, switches that decoding alone lacks, and what is refused. */
#include "layers_fixture.h"

#include "latent/base/mem.h"
#include "latent/train/evaluate.h"

enum { ROWS = 3, MOST = ROWS * 2 * 11 * 11 };

static lt_net *pool_net(const char *kind, lt_shape input, int k, int s,
                        lt_pad pad)
{
    const lt_layer_spec encoder[] = {
        {.kind = kind, .kernel = {k, k}, .stride = {s, s}, .pad = (int)pad}};
    const lt_net_spec spec = {
        .input = input, .encoder = encoder, .n_encoder = 1};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* 9x9 and 10x10 by 2 "same" are both 5x5, and come back as they were. */
static void mirrors_give_back_the_size_received(void **state)
{
    const char *kinds[] = {"maxpool", "avgpool"};

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int side = 9; side <= 10; side++) {
            lt_shape in = lt_shape_image(2, side, side);
            lt_net *net = pool_net(kinds[i], in, 2, 0, LT_PAD_SAME);
            const lt_layer *pool = lt_net_layer(net, 0);
            const lt_layer *back = lt_net_layer(net, 1);

            assert_true(lt_shape_equal(pool->out, lt_shape_image(2, 5, 5)));
            assert_int_equal(pool->spec.stride[0], 2); /* the kernel's */
            assert_string_equal(back->ops->name, i ? "avgunpool" : "maxunpool");
            assert_true(lt_shape_equal(back->in, pool->out));
            assert_true(lt_shape_equal(back->out, in));
            assert_int_equal(back->mirror_of, 0);
            assert_int_equal(lt_net_n_params(net), 0);
            lt_net_free(net);
        }
}

static double dot(int n, const lt_real *a, const lt_real *b)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void fill(int n, lt_real *x, uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "test");
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

/* <pool(x), y> = <x, mirror(y)>, with the switches of that pass. */
static void adjoint_check(lt_net *net, bool with_gradient)
{
    lt_tape *tape = fixture_tape(net, ROWS, with_gradient, NULL);
    int n_in = ROWS * lt_shape_elements(lt_net_layer(net, 0)->in);
    int n_out = ROWS * lt_shape_elements(lt_net_layer(net, 0)->out);
    lt_real x[MOST], y[MOST], pooled[MOST];
    double left, right;

    assert_true(n_in <= MOST && n_out <= MOST);
    fill(n_in, x, 1);
    fill(n_out, y, 2);
    memcpy(pooled, lt_net_forward(net, tape, x, ROWS, 0, 1, false),
           (size_t)n_out * sizeof *y);
    left = dot(n_out, pooled, y);
    right = dot(n_in, x, lt_net_forward(net, tape, y, ROWS, 1, 2, false));
    assert_true(fabs(left - right) < 1e-6 * (1 + fabs(left) + n_in));
    lt_tape_free(tape);
}

static void mirrors_are_adjoint(void **state)
{
    const char *kinds[] = {"maxpool", "avgpool"};
    int count = 0;

    (void)state;
    for (int code = 0; code < 2 * 2 * 3 * 3 * 4; code++) {
        int k = 1 + code / 4 % 3, s = 1 + code / 12 % 3, side = 7 + code / 36;
        lt_net *net =
            pool_net(kinds[code % 2], lt_shape_image(2, side, side + 1), k, s,
                     code / 2 % 2 ? LT_PAD_SAME : LT_PAD_VALID);

        adjoint_check(net, code % 3 == 0);
        lt_net_free(net);
        count++;
    }
    assert_int_equal(count, 144);
}

/* By hand, 1x4x4 by 2x2. */
static void values_go_back_to_where_they_were(void **state)
{
    const lt_real x[] = {1, 2, 0, 0, /* */
                         4, 3, 0, 9, /* */
                         5, 0, 1, 1, /* */
                         0, 6, 1, 1};
    const lt_real pooled[] = {4, 9, 6, 1};
    const lt_real wanted[] = {0, 0, 0, 0, /* */
                              4, 0, 0, 9, /* */
                              0, 0, 1, 0, /* the first of equals */
                              0, 6, 0, 0};
    lt_net *net =
        pool_net("maxpool", lt_shape_image(1, 4, 4), 2, 2, LT_PAD_VALID);
    lt_tape *tape = fixture_tape(net, 1, false, NULL);

    (void)state;
    assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 1, false), pooled,
                        sizeof pooled);
    assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 2, false), wanted,
                        sizeof wanted);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void averages_come_back_spread_or_copied(void **state)
{
    const lt_real x[] = {1, 2, 8, /* */
                         4, 5, 0, /* */
                         6, 0, 3};
    const lt_real pooled[] = {3, 4, 3, 3};     /* of 4, 2, 2 and 1 pixels */
    const lt_real spread[] = {0.75f, 0.75f, 2, /* */
                              0.75f, 0.75f, 2, /* */
                              1.5f,  1.5f,  3};
    const lt_real copied[] = {3, 3, 4, 3, 3, 4, 3, 3, 3};

    (void)state;
    for (int unpool = 0; unpool < LT_UNPOOL_COUNT; unpool++) {
        const lt_layer_spec encoder[] = {{.kind = "avgpool",
                                          .kernel = {2, 2},
                                          .pad = LT_PAD_SAME,
                                          .unpool = unpool}};
        const lt_net_spec spec = {.input = lt_shape_image(1, 3, 3),
                                  .encoder = encoder,
                                  .n_encoder = 1};
        lt_net *net = NULL;
        lt_tape *tape;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        tape = fixture_tape(net, 1, false, NULL);
        assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 1, false),
                            pooled, sizeof pooled);
        assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 2, false),
                            unpool == LT_UNPOOL_COPY ? copied : spread,
                            sizeof spread);
        lt_tape_free(tape);
        lt_net_free(net);
    }
}

static lt_dataset *floats(int n, int elements)
{
    float *values = lt_mem_zero((size_t)n * (size_t)elements, sizeof *values);
    lt_dataset *set = NULL;

    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, n,
                                         lt_shape_flat(elements), values, NULL,
                                         &set, NULL),
                     LT_OK);
    return set;
}

static void decoding_alone_has_no_switches(void **state)
{
    const lt_layer_spec encoder[] = {POOL("maxpool", 2, 2, VALID),
                                     DENSE(3, LINEAR)};
    const lt_net_spec spec = {
        .input = lt_shape_image(1, 4, 4), .encoder = encoder, .n_encoder = 2};
    lt_dataset *codes = floats(5, 3), *pictures = floats(5, 16), *out = NULL;
    lt_net *net = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    assert_int_equal(lt_evaluate_map(net, codes, 2, 4, NULL, &out, &err),
                     LT_EINVAL);
    assert_string_equal(err.text,
                        "decoder layer 2 (maxunpool): needs the switches of an "
                        "encoder pass; reconstruct instead (net:reconstruct), "
                        "or build the network with avgpool");
    assert_null(out);
    /* the dense layer before it needs none */
    assert_int_equal(lt_evaluate_map(net, codes, 2, 3, NULL, &out, &err),
                     LT_OK);
    lt_dataset_free(out);
    out = NULL;
    assert_int_equal(lt_evaluate_map(net, pictures, 0, 4, NULL, &out, &err),
                     LT_OK);
    lt_dataset_free(out);
    lt_dataset_free(codes);
    lt_dataset_free(pictures);
    lt_net_free(net);
}

typedef struct refusal {
    lt_shape input;
    lt_layer_spec encoder[2], decoder[2];
    lt_act output;
    const char *message;
} refusal;

static const refusal refusals[] = {
    {FLAT(16),
     {POOL("maxpool", 2, 2, VALID)},
     .message = "encoder layer 1 (maxpool): takes pictures (channels x height "
                "x width), found 16 numbers; a reshape before it makes "
                "pictures of them"},
    {PICTURE(1, 4, 4),
     {POOL("avgpool", 5, 2, VALID)},
     .message = "encoder layer 1 (avgpool): kernel spans 5, larger than the "
                "input's height of 4"},
    {PICTURE(1, 4, 4),
     {POOL("avgpool", 0, 2, VALID)},
     .message = "encoder layer 1 (avgpool): kernel 0 (height), wanted 1 to "
                "65536"},
    {PICTURE(1, 4, 4),
     {{.kind = "maxpool", .kernel = {2, 2}, .stride = {0, 1}}},
     .message = "encoder layer 1 (maxpool): stride 0 (height), wanted 1 to "
                "65536"},
    {PICTURE(1, 4, 4),
     {{.kind = "maxpool",
       .kernel = {3, 2},
       .pad = LT_PAD_SIZE,
       .pad_size = {2, 2}}},
     .message = "encoder layer 1 (maxpool): pad 2 (width), wanted less than "
                "the kernel's 2"},
    {PICTURE(1, 4, 4),
     {POOL("maxpool", 2, 2, VALID), DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .message = "decoder layer 2 (maxunpool): has no activation, but the "
                "output is to be \"sigmoid\"; begin the encoder with another "
                "layer, or ask for output = \"linear\""},
    {PICTURE(1, 4, 4),
     {POOL("maxpool", 2, 2, VALID)},
     {{.kind = "maxunpool", .kernel = {2, 2}, .size = {4, 4}}},
     .message = "decoder layer 1 (maxunpool): stands in mirrors only: it "
                "undoes one layer of the encoder"},
    {PICTURE(1, 4, 4),
     {POOL("avgpool", 2, 2, VALID)},
     {{.kind = "avgunpool", .kernel = {2, 2}, .size = {5, 7}}},
     .message = "decoder layer 1 (avgunpool): pictures of 2x2, but 5x7 would "
                "be pooled to 3x4"},
    {PICTURE(1, 4, 4),
     {POOL("avgpool", 2, 2, VALID)},
     {{.kind = "avgunpool", .kernel = {2, 2}, .pad = LT_PAD_VALID}},
     .message = "decoder layer 1 (avgunpool): size 0, wanted 1 to 67108864"},
    {PICTURE(1, 4, 4),
     {{.kind = "avgunpool", .kernel = {2, 2}, .size = {8, 8}}},
     .message = "encoder layer 1 (avgunpool): no layer undoes it; write the "
                "decoder out"},
};

static void bad_pools_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        const lt_net_spec spec = {.input = r->input,
                                  .encoder = r->encoder,
                                  .n_encoder = r->encoder[1].kind ? 2 : 1,
                                  .decoder = r->decoder,
                                  .n_decoder = !r->decoder[0].kind  ? 0
                                               : r->decoder[1].kind ? 2
                                                                    : 1,
                                  .output = r->output};
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
        assert_string_equal(err.text, r->message);
        assert_null(net);
    }
}

/* Written out, an average pool's mirror stands alone. */
static void avgunpool_may_be_written_out(void **state)
{
    const lt_layer_spec encoder[] = {POOL("avgpool", 2, 2, SAME)};
    const lt_layer_spec decoder[] = {{.kind = "avgunpool",
                                      .kernel = {2, 2},
                                      .pad = LT_PAD_SAME,
                                      .size = {5, 5}}};
    const lt_net_spec spec = {.input = lt_shape_image(1, 5, 5),
                              .encoder = encoder,
                              .n_encoder = 1,
                              .decoder = decoder,
                              .n_decoder = 1};
    lt_net *net = NULL;

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    adjoint_check(net, true);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirrors_give_back_the_size_received),
        cmocka_unit_test(mirrors_are_adjoint),
        cmocka_unit_test(values_go_back_to_where_they_were),
        cmocka_unit_test(averages_come_back_spread_or_copied),
        cmocka_unit_test(decoding_alone_has_no_switches),
        cmocka_unit_test(bad_pools_are_refused_by_name),
        cmocka_unit_test(avgunpool_may_be_written_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
