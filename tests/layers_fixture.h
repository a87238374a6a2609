/* Networks of all kinds of layers, for the tests that every kind must pass:
 * gradients, round trips, threads, no allocation. */
#ifndef LT_LAYERS_FIXTURE_H
#define LT_LAYERS_FIXTURE_H

#include "net_fixture.h"

enum { LAYERS_MAX = 6 };

typedef struct layers_case {
    const char *name;
    lt_shape input;
    lt_layer_spec encoder[LAYERS_MAX], decoder[LAYERS_MAX];
    lt_act output;
    lt_loss loss;
} layers_case;

#define FLAT(n)                                                                \
    {                                                                          \
        1,                                                                     \
        {                                                                      \
            n, 1, 1                                                            \
        }                                                                      \
    }
#define PICTURE(c, h, w)                                                       \
    {                                                                          \
        3,                                                                     \
        {                                                                      \
            c, h, w                                                            \
        }                                                                      \
    }
#define DENSE(n, a)                                                            \
    {                                                                          \
        .kind = "dense", .units = n, .act = LT_ACT_##a                         \
    }
#define RESHAPE(c, h, w)                                                       \
    {                                                                          \
        .kind = "reshape", .shape = { c, h, w }                                \
    }
#define CONV_KIND(name, c, k, s, d, p, a)                                      \
    {                                                                          \
        .kind = name, .channels = c, .kernel = {k, k}, .stride = {s, s},       \
        .dilation = {d, d}, .pad = LT_PAD_##p, .pad_size = {1, 2},             \
        .act = LT_ACT_##a                                                      \
    }
#define CONV(c, k, s, d, p, a) CONV_KIND("conv", c, k, s, d, p, a)
#define CONV_TRANSPOSE(c, k, s, d, p, a)                                       \
    CONV_KIND("conv_transpose", c, k, s, d, p, a)
#define POOL(name, k, s, p)                                                    \
    {                                                                          \
        .kind = name, .kernel = {k, k}, .stride = {s, s}, .pad = LT_PAD_##p    \
    }
#define COPYPOOL(k, s, p)                                                      \
    {                                                                          \
        .kind = "avgpool", .kernel = {k, k}, .stride = {s, s},                 \
        .pad = LT_PAD_##p, .unpool = LT_UNPOOL_COPY                            \
    }
#define UPSAMPLE(a, b, how)                                                    \
    {                                                                          \
        .kind = "upsample", .factor = {a, b}, .interp = LT_INTERP_##how        \
    }
#define NORM(a)                                                                \
    {                                                                          \
        .kind = "batchnorm", .momentum = 0.1, .epsilon = 1e-5,                 \
        .act = LT_ACT_##a                                                      \
    }
#define NOISE(how, share)                                                      \
    {                                                                          \
        .kind = "noise", .noise = LT_NOISE_##how, .amount = share              \
    }
#define DROPOUT(share)                                                         \
    {                                                                          \
        .kind = "dropout", .amount = share                                     \
    }
#define GAUSSIAN(n)                                                            \
    {                                                                          \
        .kind = "gaussian_code", .units = n                                    \
    }
#define FLATTEN                                                                \
    {                                                                          \
        .kind = "flatten"                                                      \
    }
#define K_SPARSE(k)                                                            \
    {                                                                          \
        .kind = "k_sparse", .units = k                                         \
    }

/* Smooth activations, so that differences are gradients. */
static const layers_case layers_cases[] = {
    {"conv same, odd pictures",
     PICTURE(1, 7, 6),
     {CONV(2, 3, 2, 1, SAME, TANH), CONV(3, 3, 2, 1, SAME, SIGMOID)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"conv valid, dilated",
     PICTURE(2, 7, 8),
     {CONV(3, 3, 1, 2, VALID, SOFTPLUS), FLATTEN, DENSE(4, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"conv padded by hand, stride 3, in and out of pools",
     PICTURE(1, 8, 9),
     {CONV(2, 2, 3, 1, SIZE, TANH), POOL("avgpool", 2, 2, SAME),
      CONV(2, 1, 1, 1, VALID, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"conv_transpose in the encoder",
     PICTURE(2, 3, 2),
     {CONV_TRANSPOSE(2, 3, 2, 1, SAME, TANH),
      CONV_TRANSPOSE(1, 2, 1, 2, VALID, TANH), FLATTEN, DENSE(3, TANH)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"conv_transpose in the decoder",
     PICTURE(1, 6, 4),
     {DENSE(6, TANH)},
     {RESHAPE(1, 3, 2), CONV_TRANSPOSE(3, 3, 2, 1, SAME, TANH), NORM(TANH),
      CONV_TRANSPOSE(1, 1, 1, 1, VALID, SIGMOID)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_MSE},
    {"conv, of pictures made of rows",
     FLAT(30),
     {RESHAPE(1, 5, 6), CONV(2, 3, 2, 1, SAME, TANH), DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"conv, that ends in rows",
     FLAT(30),
     {DENSE(4, TANH)},
     {DENSE(60, TANH), RESHAPE(2, 5, 6), CONV(1, 3, 1, 1, SAME, SIGMOID)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_MSE},
    {"maxpool 2x2",
     PICTURE(2, 4, 6),
     {DENSE(30, TANH), RESHAPE(2, 3, 5), POOL("maxpool", 2, 2, SAME),
      DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"maxpool 3x3/2 overlapping",
     FLAT(9),
     {DENSE(25, TANH), RESHAPE(1, 5, 5), POOL("maxpool", 3, 2, VALID),
      DENSE(3, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"avgpool 2x2, spread",
     PICTURE(1, 3, 4),
     {DENSE(24, TANH), RESHAPE(2, 4, 3), POOL("avgpool", 2, 2, SAME),
      DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_MSE},
    {"avgpool 3x3/2 overlapping, spread",
     FLAT(9),
     {DENSE(36, TANH), RESHAPE(1, 6, 6), POOL("avgpool", 3, 2, SAME),
      DENSE(3, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"avgpool 3x3/2 overlapping, copy",
     FLAT(9),
     {DENSE(36, TANH), RESHAPE(1, 6, 6), COPYPOOL(3, 2, SAME),
      DENSE(3, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"avgpool 2x2 of odd pictures, copy",
     FLAT(9),
     {DENSE(35, TANH), RESHAPE(1, 7, 5), COPYPOOL(2, 2, VALID),
      DENSE(3, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"upsample nearest, in the encoder",
     FLAT(6),
     {DENSE(12, TANH), RESHAPE(2, 2, 3), UPSAMPLE(2, 2, NEAREST),
      DENSE(4, LINEAR)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"upsample, in the decoder",
     PICTURE(1, 6, 8),
     {DENSE(3, TANH)},
     {DENSE(8, TANH), RESHAPE(1, 2, 4), UPSAMPLE(3, 2, BILINEAR),
      UPSAMPLE(1, 1, NEAREST)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"batchnorm of units",
     FLAT(7),
     {DENSE(6, LINEAR), NORM(TANH), DENSE(3, LINEAR), NORM(LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"batchnorm of channels",
     FLAT(6),
     {DENSE(24, TANH), RESHAPE(2, 3, 4), NORM(SOFTPLUS), FLATTEN,
      DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_MSE},
    {"batchnorm first and so last",
     FLAT(6),
     {NORM(LINEAR), DENSE(3, SIGMOID)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"dropout",
     FLAT(8),
     {DROPOUT(0.2), DENSE(9, TANH), DROPOUT(0.5), DENSE(4, TANH), DROPOUT(0.3)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"noise",
     FLAT(8),
     {NOISE(GAUSSIAN, 0.3), DENSE(9, TANH), NOISE(MASKING, 0.4),
      DENSE(6, SIGMOID), NOISE(SALT_PEPPER, 0.4), DENSE(3, LINEAR)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"gaussian noise on the code",
     FLAT(8),
     {DENSE(5, TANH), NOISE(GAUSSIAN, 0.5)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"gaussian_code",
     FLAT(8),
     {DENSE(7, TANH), GAUSSIAN(3)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
    {"gaussian_code alone",
     FLAT(6),
     {GAUSSIAN(4)},
     .output = LT_ACT_LINEAR,
     .loss = LT_LOSS_MSE},
    {"k_sparse",
     FLAT(8),
     {DENSE(10, TANH), K_SPARSE(4), DENSE(6, LINEAR), K_SPARSE(2)},
     .output = LT_ACT_SIGMOID,
     .loss = LT_LOSS_BCE},
};

enum { N_LAYERS_CASES = sizeof layers_cases / sizeof *layers_cases };

__attribute__((unused)) static int layers_count(const lt_layer_spec *list)
{
    int n = 0;

    while (n < LAYERS_MAX && list[n].kind)
        n++;
    return n;
}

__attribute__((unused)) static lt_net *layers_net(const layers_case *c,
                                                  lt_tie tie, uint64_t seed)
{
    const lt_net_spec spec = {.input = c->input,
                              .encoder = c->encoder,
                              .n_encoder = layers_count(c->encoder),
                              .decoder = c->decoder,
                              .n_decoder = layers_count(c->decoder),
                              .output = c->output,
                              .tie = tie,
                              .seed = seed};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s: %s", c->name, err.text);
    return net;
}

#endif
