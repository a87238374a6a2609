/* Convolutions as layers: TensorFlow's "same" sizes, shapes that come back
 * exactly, mirrors that are adjoint, kernels as they stand in files, decoders
 * written out, and what is refused. */
#include "layers_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "latent/base/mem.h"
#include "latent/math/conv.h"
#include "latent/net/checkpoint.h"

enum { ROWS = 3, SIDE_MOST = 12, MOST = ROWS * 3 * 40 * 40 };

static lt_net *net_of(lt_shape input, const lt_layer_spec *layer, lt_tie tie)
{
    const lt_net_spec spec = {
        .input = input, .encoder = layer, .n_encoder = 1, .tie = tie};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* ---- "same" ---- */

typedef struct same_row {
    int in, kernel, stride, dilation, out, before, after;
} same_row;

/* By hand, from tensorflow.org/api_docs/python/tf/nn, "notes on padding"; the
 * row of 13, 6, 5 is its own example. */
static const same_row same_rows[] = {
    {9, 3, 2, 1, 5, 1, 1},     {10, 3, 2, 1, 5, 0, 1},
    {28, 3, 2, 1, 14, 0, 1},   {28, 5, 2, 1, 14, 1, 2},
    {7, 3, 1, 1, 7, 1, 1},     {7, 2, 1, 1, 7, 0, 1},
    {7, 4, 1, 1, 7, 1, 2},     {5, 2, 3, 1, 2, 0, 0},
    {13, 6, 5, 1, 3, 1, 2},    {1, 3, 1, 1, 1, 1, 1},
    {1, 3, 2, 1, 1, 1, 1},     {4, 1, 3, 1, 2, 0, 0},
    {6, 3, 1, 2, 6, 2, 2},     {8, 3, 2, 2, 4, 1, 2},
    {6, 3, 4, 1, 2, 0, 1},     {8, 3, 4, 1, 2, 0, 0},
    {224, 7, 2, 1, 112, 2, 3}, {299, 3, 2, 1, 150, 1, 1},
};

static lt_layer_spec same_spec(const same_row *r)
{
    return (lt_layer_spec){.kind = "conv",
                           .channels = 1,
                           .kernel = {r->kernel, r->kernel},
                           .stride = {r->stride, r->stride},
                           .dilation = {r->dilation, r->dilation},
                           .pad = LT_PAD_SAME};
}

static void same_check(const same_row *r)
{
    const lt_layer_spec spec = same_spec(r);
    const int in[2] = {r->in, r->in};
    lt_window w;

    assert_int_equal(lt_window_plan(&spec, in, &w, NULL), LT_OK);
    for (int i = 0; i < 2; i++)
        if (w.out[i] != r->out || w.before[i] != r->before)
            fail_msg("%d by %d/%d dilated %d: %d, %d before; wanted %d, %d",
                     r->in, r->kernel, r->stride, r->dilation, w.out[i],
                     w.before[i], r->out, r->before);
}

static void same_sizes_are_tensorflows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same_rows / sizeof *same_rows; i++)
        same_check(&same_rows[i]);
}

/* The same page's formula. */
static void same_sizes_are_tensorflows_over_a_grid(void **state)
{
    int count = 0;

    (void)state;
    for (int in = 1; in <= 20; in++)
        for (int kernel = 1; kernel <= 7; kernel++)
            for (int stride = 1; stride <= 5; stride++) {
                int rest = in % stride ? in % stride : stride;
                int along = kernel > rest ? kernel - rest : 0;
                const same_row r = {.in = in,
                                    .kernel = kernel,
                                    .stride = stride,
                                    .dilation = 1,
                                    .out = (in + stride - 1) / stride,
                                    .before = along / 2};

                same_check(&r);
                count++;
            }
    assert_int_equal(count, 700);
}

/* The odd pixel of padding is at the bottom and right. */
static void same_pads_the_end(void **state)
{
    const lt_layer_spec spec = CONV(1, 2, 1, 1, SAME, LINEAR);
    const lt_real x[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    const lt_real wanted[] = {27, 54, 36, 216, 432, 288, 192, 384, 256};
    lt_net *net = net_of(lt_shape_image(1, 3, 3), &spec, LT_TIE_TIED);
    lt_tape *tape = fixture_tape(net, 1, false, NULL);

    (void)state;
    for (int i = 0; i < 4; i++)
        lt_net_params(net)[lt_net_layer(net, 0)->weight + (size_t)i] = 1;
    assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 1, false), wanted,
                        sizeof wanted);
    lt_tape_free(tape);
    lt_net_free(net);
}

/* ---- mirrors ---- */

/* 9x9 and 10x10 by 2 "same" are both 5x5, and come back as they were. */
static void mirrors_give_back_the_size_received(void **state)
{
    const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED, LT_TIE_UNROLLED,
                           LT_TIE_MIRRORED};
    const lt_layer_spec spec = CONV(4, 3, 2, 1, SAME, LINEAR);

    (void)state;
    for (size_t i = 0; i < sizeof ties / sizeof *ties; i++)
        for (int side = 9; side <= 10; side++) {
            lt_shape in = lt_shape_image(2, side, side);
            lt_net *net = net_of(in, &spec, ties[i]);
            const lt_layer *conv = lt_net_layer(net, 0);
            const lt_layer *back = lt_net_layer(net, 1);

            assert_true(lt_shape_equal(conv->out, lt_shape_image(4, 5, 5)));
            assert_string_equal(back->ops->name, "conv_transpose");
            assert_true(lt_shape_equal(back->in, conv->out));
            assert_true(lt_shape_equal(back->out, in));
            assert_int_equal(back->mirror_of, 0);
            assert_int_equal(lt_net_n_params(net),
                             (ties[i] == LT_TIE_TIED ? 1 : 2) * 72 + 4 + 2);
            lt_net_free(net);
        }
}

static void fill(int n, lt_real *x, uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "test");
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

/* The sum of products, and of their sizes. */
static double dot(int n, const lt_real *a, const lt_real *b, double *size)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
        *size += fabs((double)a[i] * (double)b[i]);
    }
    return sum;
}

/* <conv(x), y> = <x, mirror(y)>; biases start as 0. */
static void adjoint_check(lt_net *net)
{
    static lt_real x[MOST], y[MOST], z[MOST];
    double limit = sizeof(lt_real) == 8 ? 1e-13 : 1e-6;
    const lt_layer *conv = lt_net_layer(net, 0);
    int n_in = ROWS * lt_shape_elements(conv->in);
    int n_out = ROWS * lt_shape_elements(conv->out);
    lt_tape *tape = fixture_tape(net, ROWS, false, NULL);
    double left, right, size = 0;

    assert_true(n_in <= MOST && n_out <= MOST);
    fill(n_in, x, 1);
    fill(n_out, y, 2);
    memcpy(z, lt_net_forward(net, tape, x, ROWS, 0, 1, false),
           (size_t)n_out * sizeof *z);
    left = dot(n_out, z, y, &size);
    right =
        dot(n_in, x, lt_net_forward(net, tape, y, ROWS, 1, 2, false), &size);
    if (!(fabs(left - right) <= limit * size))
        fail_msg("%dx%d by %dx%d/%dx%d dilated %dx%d, %d and %d before: %g "
                 "against %g",
                 conv->window.in[0], conv->window.in[1], conv->window.kernel[0],
                 conv->window.kernel[1], conv->window.stride[0],
                 conv->window.stride[1], conv->window.dilation[0],
                 conv->window.dilation[1], conv->window.before[0],
                 conv->window.before[1], left, right);
    lt_tape_free(tape);
}

/* Whether a window of the spec fits a side. */
static bool fits(const lt_layer_spec *s, int axis, int in)
{
    int pad = s->pad == LT_PAD_SIZE ? 2 * s->pad_size[axis] : 0;

    return s->pad == LT_PAD_SAME ||
           (s->kernel[axis] - 1) * s->dilation[axis] + 1 <= in + pad;
}

/* Tied, and with a copy of the kernels. `code` chooses width and padding. */
static int adjoint_checks(int side, int k, int s, int d, int code)
{
    int width = 1 + (side + code) % SIDE_MOST;
    const lt_layer_spec spec = {.kind = "conv",
                                .channels = 1 + (side + k) % 3,
                                .kernel = {k, 1 + (k + code) % 5},
                                .stride = {s, 1 + (s + code) % 3},
                                .dilation = {d, 1 + (d + code) % 2},
                                .pad = code % LT_PAD_COUNT,
                                .pad_size = {code % 4, (code + k) % 4}};
    lt_shape in = lt_shape_image(1 + code % 3, side, width);

    if (!fits(&spec, 0, side) || !fits(&spec, 1, width))
        return 0;
    for (int i = 0; i < 2; i++) {
        lt_net *net = net_of(in, &spec, i ? LT_TIE_TIED : LT_TIE_UNROLLED);

        assert_true(lt_shape_equal(lt_net_layer(net, 1)->out, in));
        adjoint_check(net);
        lt_net_free(net);
    }
    return 1;
}

static void mirrors_are_adjoint(void **state)
{
    int count = 0;

    (void)state;
    for (int side = 1; side <= SIDE_MOST; side++)
        for (int k = 1; k <= 5; k++)
            for (int s = 1; s <= 3; s++)
                for (int d = 1; d <= 2; d++)
                    for (int code = 0; code < 6; code++)
                        count += adjoint_checks(side, k, s, d, code);
    assert_true(count > 1500);
}

/* Sizes of two layers deep, as the whole network's. */
static void deep_mirrors_give_back_every_size(void **state)
{
    const lt_layer_spec encoder[] = {CONV(2, 3, 2, 1, SAME, RELU),
                                     CONV(3, 2, 3, 1, VALID, RELU),
                                     CONV(2, 3, 1, 1, SIZE, RELU)};

    (void)state;
    for (int side = 3; side <= 40; side++) {
        const lt_net_spec spec = {.input = lt_shape_image(1, side, 43 - side),
                                  .encoder = encoder,
                                  .n_encoder = 3,
                                  .tie = LT_TIE_TIED};
        lt_net *net = NULL;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        for (int i = 0; i < 3; i++)
            assert_true(lt_shape_equal(lt_net_layer(net, i)->in,
                                       lt_net_layer(net, 5 - i)->out));
        lt_net_free(net);
    }
}

/* Glorot's bound counts the connections of a channel. */
static void first_kernels_know_their_fans(void **state)
{
    const lt_layer_spec spec = CONV(30, 5, 1, 1, SAME, LINEAR);
    const lt_net_spec net_spec = {.input = lt_shape_image(20, 6, 6),
                                  .encoder = &spec,
                                  .n_encoder = 1,
                                  .init = {LT_INIT_GLOROT, 0},
                                  .seed = 1};
    double bound = sqrt(6.0 / (20 * 25 + 30 * 25)), most = 0;
    lt_net *net = NULL;
    const lt_real *w;

    (void)state;
    assert_int_equal(lt_net_new(&net_spec, &net, NULL), LT_OK);
    w = lt_net_params(net) + lt_net_layer(net, 0)->weight;
    for (int i = 0; i < 30 * 20 * 25; i++)
        most = fabs((double)w[i]) > most ? fabs((double)w[i]) : most;
    assert_true(most <= bound * (1 + 1e-6) && most > 0.99 * bound);
    lt_net_free(net);
}

/* ---- files ---- */

/* The header of a safetensors file; *data is where tensors begin. */
static json_t *header_read(const char *path, FILE **file, long *data)
{
    unsigned char size[8];
    uint64_t n = 0;
    char *text;
    json_t *json;

    *file = fopen(path, "rb");
    assert_non_null(*file);
    assert_int_equal(fread(size, 1, 8, *file), 8);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | size[i];
    text = malloc(n);
    assert_int_equal(fread(text, 1, n, *file), n);
    json = json_loadb(text, n, 0, NULL);
    assert_non_null(json);
    free(text);
    *data = 8 + (long)n;
    return json;
}

/* The tensor is there with this shape, its values 0, 1, 2 and so on. */
static void tensor_check(const json_t *header, const char *name, FILE *file,
                         long data, const int shape[4])
{
    const json_t *t = json_object_get(header, name);
    const json_t *offsets = json_object_get(t, "data_offsets");
    int n = 1;

    assert_non_null(t);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            json_integer_value(json_array_get(json_object_get(t, "shape"), i)),
            shape[i]);
        n *= shape[i];
    }
    assert_int_equal(json_array_size(json_object_get(t, "shape")), 4);
    assert_int_equal(
        fseek(file, data + (long)json_integer_value(json_array_get(offsets, 0)),
              SEEK_SET),
        0);
    for (int i = 0; i < n; i++) {
        lt_real x;

        assert_int_equal(fread(&x, sizeof x, 1, file), 1);
        assert_true(x == (lt_real)i);
    }
}

static void kernels_stand_out_in_height_width_in_files(void **state)
{
    const lt_layer_spec spec = {.kind = "conv",
                                .channels = 5,
                                .kernel = {2, 4},
                                .stride = {1, 1},
                                .dilation = {1, 1}};
    const int shape[] = {5, 3, 2, 4};
    lt_net *net = net_of(lt_shape_image(3, 6, 7), &spec, LT_TIE_UNTIED);
    char path[] = "/tmp/latent-conv-XXXXXX";
    int handle = mkstemp(path);
    FILE *file;
    json_t *header;
    long data;

    (void)state;
    assert_true(handle >= 0);
    close(handle);
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < 5 * 3 * 2 * 4; i++)
            lt_net_params(net)[lt_net_layer(net, l)->weight + (size_t)i] =
                (lt_real)i;
    assert_int_equal(lt_checkpoint_save(net, path, NULL, NULL), LT_OK);
    header = header_read(path, &file, &data);
    tensor_check(header, "encoder.0.weight", file, data, shape);
    /* its input's channels first, as PyTorch has it */
    tensor_check(header, "decoder.0.weight", file, data, shape);
    json_decref(header);
    fclose(file);
    unlink(path);
    lt_net_free(net);
}

/* ---- written out ---- */

/* A decoder that is written out as the mirror is the mirror, with any tie. */
static void decoders_written_out_are_tied(void **state)
{
    const lt_layer_spec encoder[] = {CONV(3, 3, 2, 1, SAME, LINEAR)};
    lt_layer_spec decoder[] = {CONV_TRANSPOSE(1, 3, 2, 1, SAME, LINEAR)};
    lt_net_spec spec = {.input = lt_shape_image(1, 9, 10),
                        .encoder = encoder,
                        .n_encoder = 1,
                        .decoder = decoder,
                        .n_decoder = 1,
                        .tie = LT_TIE_TIED};
    lt_net *net = NULL;

    (void)state;
    decoder[0].size[0] = 9;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    assert_int_equal(lt_net_layer(net, 1)->mirror_of, 0);
    assert_true(lt_net_layer(net, 1)->is_borrowed);
    adjoint_check(net);
    lt_net_free(net);
}

/* Without a size: the stride times the input with "same", else the least. */
static void transposes_choose_a_size(void **state)
{
    const struct {
        int in, kernel, stride, dilation;
        lt_pad pad;
        int out;
    } rows[] = {
        {5, 3, 2, 1, LT_PAD_SAME, 10},  {5, 3, 2, 1, LT_PAD_VALID, 11},
        {5, 2, 3, 1, LT_PAD_VALID, 14}, {4, 3, 1, 2, LT_PAD_VALID, 8},
        {5, 5, 2, 1, LT_PAD_SIZE, 11}, /* 1 above and below */
        {7, 4, 1, 1, LT_PAD_SAME, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const lt_layer_spec spec = {
            .kind = "conv_transpose",
            .channels = 2,
            .kernel = {rows[i].kernel, rows[i].kernel},
            .stride = {rows[i].stride, rows[i].stride},
            .dilation = {rows[i].dilation, rows[i].dilation},
            .pad = (int)rows[i].pad,
            .pad_size = {1, 1}};
        lt_net *net = net_of(lt_shape_image(3, rows[i].in, rows[i].in), &spec,
                             LT_TIE_TIED);

        assert_int_equal(lt_net_layer(net, 0)->out.dim[1], rows[i].out);
        assert_int_equal(lt_net_layer(net, 0)->out.dim[2], rows[i].out);
        assert_int_equal(lt_net_layer(net, 1)->out.dim[1], rows[i].in);
        adjoint_check(net);
        lt_net_free(net);
    }
}

/* ---- refusals ---- */

typedef struct refusal {
    lt_shape input;
    lt_layer_spec encoder, decoder;
    lt_tie tie;
    const char *message;
} refusal;

static const refusal refusals[] = {
    {FLAT(81), CONV(2, 3, 1, 1, SAME, RELU),
     .message = "encoder layer 1 (conv): takes pictures (channels x height x "
                "width), found 81 numbers; a reshape before it makes pictures "
                "of them"},
    {PICTURE(1, 3, 3), CONV(2, 5, 1, 1, VALID, RELU),
     .message = "encoder layer 1 (conv): kernel spans 5, larger than the "
                "input's height of 3"},
    {PICTURE(1, 9, 9), CONV(2, 4, 1, 3, VALID, RELU),
     .message = "encoder layer 1 (conv): kernel spans 10, larger than the "
                "input's height of 9"},
    {PICTURE(1, 9, 9), CONV(0, 3, 1, 1, SAME, RELU),
     .message = "encoder layer 1 (conv): 0 channels, wanted 1 to 67108864"},
    {PICTURE(1, 9, 9), CONV(2, 3, 0, 1, SAME, RELU),
     .message = "encoder layer 1 (conv): stride 0 (height), wanted 1 to 65536"},
    {PICTURE(1, 9, 9), CONV(60000000, 100, 1, 1, SAME, RELU),
     .message = "encoder layer 1 (conv): gives 60000000x9x9, wanted at most "
                "67108864 elements"},
    {PICTURE(1, 9, 9), CONV(500000, 80, 1, 1, SAME, RELU),
     .message = "encoder layer 1 (conv): 1 channels to 500000 by a kernel of "
                "80x80 over 9x9: too large"},
    {PICTURE(1, 9, 9), CONV(2, 3, 2, 1, SAME, RELU), .tie = LT_TIE_PINV,
     .message = "encoder layer 1 (conv): tie \"pinv\" wants dense layers"},
    {PICTURE(1, 10, 10), CONV(2, 2, 2, 1, VALID, RELU),
     CONV_TRANSPOSE(1, 2, 2, 1, SIZE, RELU),
     .message = "decoder layer 1 (conv_transpose): 48 elements, wanted the "
                "input's 100 (1x10x10)"},
    {PICTURE(1, 6, 6),
     CONV(1, 3, 1, 1, SAME, RELU),
     {.kind = "conv_transpose",
      .channels = 1,
      .kernel = {3, 3},
      .stride = {1, 1},
      .dilation = {1, 1},
      .pad = LT_PAD_SAME,
      .size = {7, 6}},
     .message = "decoder layer 1 (conv_transpose): height of 7, wanted 6 to 6: "
                "the window takes those to the input's 6"},
    {PICTURE(1, 6, 6), CONV(1, 5, 1, 1, SAME, RELU),
     CONV_TRANSPOSE(1, 5, 1, 1, SAME, RELU), .tie = LT_TIE_TIED},
    {PICTURE(1, 6, 6), CONV(1, 3, 1, 2, SAME, RELU),
     CONV_TRANSPOSE(1, 5, 1, 1, SAME, RELU), .tie = LT_TIE_TIED,
     .message = "decoder layer 1 (conv_transpose): a window of 5x5/1x1 dilated "
                "1x1, 2x2 before, of 6x6; tie \"tied\" wants that of encoder "
                "layer 1 (conv), 3x3/1x1 dilated 2x2, 2x2 before, of 6x6"},
    {PICTURE(1, 6, 6), CONV(1, 3, 1, 1, SAME, RELU),
     CONV(1, 3, 1, 1, SAME, RELU), .tie = LT_TIE_TIED,
     .message = "decoder layer 1 (conv): tie \"tied\" wants a conv_transpose, "
                "the reverse of encoder layer 1 (conv)"},
};

static void bad_convolutions_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        const lt_net_spec spec = {.input = r->input,
                                  .encoder = &r->encoder,
                                  .n_encoder = 1,
                                  .decoder = &r->decoder,
                                  .n_decoder = r->decoder.kind ? 1 : 0,
                                  .tie = r->tie};
        lt_net *net = NULL;
        lt_err err = {0};
        lt_status rc = lt_net_new(&spec, &net, &err);

        if (r->message) {
            assert_string_equal(err.text, r->message);
            assert_int_equal(rc, LT_EINVAL);
            assert_null(net);
        } else {
            assert_int_equal(rc, LT_OK);
        }
        lt_net_free(net);
    }
}

/* 2^bits, or anything less. */
static int any_size(lt_rng *rng, int bits)
{
    uint64_t n = lt_rng_next(rng), size = n >> 8 & 31;

    if (size > (uint64_t)bits)
        return 1 << bits;
    return 1 + (int)((n >> 16) % ((uint64_t)1 << size));
}

/* From a file, sizes may be anything: none overflows on the way to an error. */
static void absurd_windows_are_refused_or_possible(void **state)
{
    int refused = 0, possible = 0;
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 1, "absurd");
    for (int i = 0; i < 200000; i++) {
        lt_layer_spec s = {.kind = "conv", .pad = i % LT_PAD_COUNT};
        lt_conv c = {.channels = any_size(&rng, 26),
                     .kernels = any_size(&rng, 26)};
        int in[2];
        lt_window w;

        for (int axis = 0; axis < 2; axis++) {
            in[axis] = any_size(&rng, axis ? 10 : 16);
            s.kernel[axis] = any_size(&rng, 16);
            s.stride[axis] = any_size(&rng, 16);
            s.dilation[axis] = any_size(&rng, 16);
            s.pad_size[axis] = any_size(&rng, 16);
        }
        if (lt_window_plan(&s, in, &w, NULL) != LT_OK) {
            refused++;
            continue;
        }
        memcpy(c.in, w.in, sizeof c.in);
        memcpy(c.out, w.out, sizeof c.out);
        memcpy(c.kernel, w.kernel, sizeof c.kernel);
        memcpy(c.stride, w.stride, sizeof c.stride);
        memcpy(c.dilation, w.dilation, sizeof c.dilation);
        memcpy(c.before, w.before, sizeof c.before);
        assert_true(w.out[0] > 0 && w.out[1] > 0);
        assert_true(w.before[0] >= 0 && w.before[1] >= 0);
        if (lt_conv_is_possible(&c))
            possible++;
    }
    assert_true(refused > 1000 && possible > 1000);
}

/* Networks and tapes fail whole when any allocation does. */
static void convolutions_fail_whole(void **state)
{
    const lt_layer_spec encoder = CONV(4, 3, 2, 1, SAME, RELU);
    const lt_net_spec spec = {
        .input = lt_shape_image(2, 9, 9), .encoder = &encoder, .n_encoder = 1};
    lt_status rc = LT_ENOMEM;
    int64_t n;

    (void)state;
    for (n = 0; rc != LT_OK && n < 100; n++) {
        lt_net *net = NULL;
        lt_tape *tape = NULL;

        lt_mem_fail_after(n);
        rc = lt_net_new(&spec, &net, NULL);
        if (rc == LT_OK)
            rc = lt_tape_new(net, ROWS, true, NULL, &tape, NULL);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
        lt_tape_free(tape);
        lt_net_free(net);
    }
    assert_true(rc == LT_OK && n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_sizes_are_tensorflows),
        cmocka_unit_test(same_sizes_are_tensorflows_over_a_grid),
        cmocka_unit_test(same_pads_the_end),
        cmocka_unit_test(mirrors_give_back_the_size_received),
        cmocka_unit_test(mirrors_are_adjoint),
        cmocka_unit_test(deep_mirrors_give_back_every_size),
        cmocka_unit_test(first_kernels_know_their_fans),
        cmocka_unit_test(kernels_stand_out_in_height_width_in_files),
        cmocka_unit_test(decoders_written_out_are_tied),
        cmocka_unit_test(transposes_choose_a_size),
        cmocka_unit_test(bad_convolutions_are_refused_by_name),
        cmocka_unit_test(absurd_windows_are_refused_or_possible),
        cmocka_unit_test(convolutions_fail_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
