/* Where training diverges: networks made so that one layer, gradient or update
 * overflows, which is known from their weights alone. In float here, in double
 * by grad_divergence.c. */
#include "train_fixture.h"

#include "latent/train/fit.h"
#include "latent/train/pretrain.h"

#include <float.h>

enum { N = 20, D = 4, STEPS = 5 };

/* HUGE_SIZE is finite, and its square is not; TINY_SIZE times it is about 1. */
#define IS_FLOAT  (sizeof(lt_real) == 4)
#define HUGE_SIZE (IS_FLOAT ? 1e25 : 1e200)
#define TINY_SIZE (1 / HUGE_SIZE)

/* ---- an observer of divergence ---- */

static memory seen;
static lt_divergence found;
static int n_found;

static void keep_divergence(void *self, const lt_divergence *d)
{
    (void)self;
    found = *d;
    n_found++;
}

static lt_observer keeping_observer(void)
{
    lt_observer o = memory_observer(&seen);

    o.diverged = keep_divergence;
    n_found = 0;
    return o;
}

/* What was told and what the message says are the same. */
static void expect_found(const lt_err *err, int64_t step, int layer,
                         const char *const *words)
{
    char start[64];

    assert_int_equal(err->status, LT_EDIVERGED);
    assert_int_equal(n_found, 1);
    if (found.step != step || found.layer != layer)
        fail_msg("step %d, layer %d, wanted %d, %d: %s", (int)found.step,
                 found.layer, (int)step, layer, found.what);
    snprintf(start, sizeof start, "diverged at step %d (epoch ", (int)step);
    assert_memory_equal(err->text, start, strlen(start));
    assert_non_null(strstr(err->text, found.what));
    for (; *words; words++)
        if (!strstr(found.what, *words))
            fail_msg("'%s' lacks '%s'", found.what, *words);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- sets and networks ---- */

/* Values from 1 to 2: no sum of them is 0. */
static lt_dataset *ones_make(double scale)
{
    double *values = lt_mem_alloc((size_t)N * D, sizeof *values);
    lt_dataset *d = NULL;

    for (int i = 0; i < N * D; i++)
        values[i] = scale * (1 + (i * 7 % 11) / 10.0);
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F64, N, lt_shape_flat(D),
                                         values, NULL, &d, NULL),
                     LT_OK);
    return d;
}

static lt_dataset *pictures_make(void)
{
    uint8_t *values = lt_mem_alloc((size_t)N * 36, 1);
    lt_dataset *d = NULL;

    for (int i = 0; i < N * 36; i++)
        values[i] = (uint8_t)(50 + i * 7 % 200);
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, N, lt_shape_image(1, 6, 6),
                                         values, NULL, &d, NULL),
                     LT_OK);
    return d;
}

static lt_net *spec_net(lt_shape input, const lt_layer_spec *layers, int n,
                        lt_tie tie, bool is_sparse)
{
    const lt_net_spec spec = {.input = input,
                              .encoder = layers,
                              .n_encoder = n,
                              .output = LT_ACT_LINEAR,
                              .tie = tie,
                              .init = {LT_INIT_GLOROT, 0},
                              .seed = 3,
                              .is_sparse = is_sparse};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static const lt_layer_spec dense3[] = {
    {.kind = "dense", .units = 6, .act = LT_ACT_LINEAR},
    {.kind = "dense", .units = 5, .act = LT_ACT_LINEAR},
    {.kind = "dense", .units = 3, .act = LT_ACT_LINEAR}};

/* All weights of a layer become `value`. */
static void weights_set(lt_net *net, int layer, double value)
{
    const lt_layer *l = lt_net_layer(net, layer);

    for (size_t i = 0; i < l->weight_count; i++)
        lt_net_params(net)[l->weight + i] = (lt_real)value;
}

static lt_fit_opts opts_for(const lt_dataset *train, lt_observer *observer)
{
    lt_fit_opts o = {.train = train,
                     .objective = lt_objective_of(LT_LOSS_MSE),
                     .optimizer = lt_opt_defaults(LT_OPT_SGD),
                     .epochs = 2,
                     .batch = N / STEPS,
                     .observer = observer,
                     .seed = 1};

    *observer = keeping_observer();
    return o;
}

static void fit_diverges(lt_net *net, const lt_fit_opts *o, lt_err *err)
{
    *err = (lt_err){0};
    assert_int_equal(lt_fit(net, o, NULL, err), LT_EDIVERGED);
}

/* ---- outputs ---- */

/* Two huge layers follow each other, all others keep sizes: the second one
 * overflows. */
static void the_layer_that_overflows_is_named(void **state)
{
    lt_dataset *train = ones_make(1);

    (void)state;
    for (int layer = 1; layer < 6; layer++) {
        lt_net *net =
            spec_net(lt_shape_flat(D), dense3, 3, LT_TIE_UNTIED, false);
        lt_observer observer;
        lt_fit_opts o = opts_for(train, &observer);
        char name[40];
        lt_err err;

        for (int i = 0; i < 6; i++)
            weights_set(net, i,
                        i == layer || i == layer - 1 ? HUGE_SIZE : 0.25);
        fit_diverges(net, &o, &err);
        snprintf(name, sizeof name, "layer %d (%s %d: dense ", layer + 1,
                 layer < 3 ? "encoder" : "decoder",
                 layer < 3 ? layer + 1 : layer - 2);
        expect_found(&err, 1, layer + 1,
                     WORDS("output of ", name,
                           " is infinite; its weights "
                           "reach 1e+",
                           ", its input "));
        assert_int_equal(seen.n, 1);
        assert_string_equal(seen.events[0].name, "step.loss");
        assert_false(isfinite(seen.events[0].value));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* A tied decoder's weights are huge with its encoder's. */
static void tied_layers_are_named_where_they_overflow(void **state)
{
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 2, LT_TIE_TIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, HUGE_SIZE);
    weights_set(net, 1, 1);
    o.first_step = 100; /* of an earlier fit */
    fit_diverges(net, &o, &err);
    expect_found(&err, 101, 4, WORDS("output of layer 4 (decoder 2: dense 4"));
    lt_net_free(net);
    lt_dataset_free(train);
}

static void convolutions_are_named(void **state)
{
    static const lt_layer_spec layers[] = {
        {.kind = "conv",
         .channels = 2,
         .kernel = {3, 3},
         .stride = {1, 1},
         .dilation = {1, 1},
         .act = LT_ACT_RELU},
        {.kind = "maxpool", .kernel = {2, 2}},
        {.kind = "conv",
         .channels = 3,
         .kernel = {2, 2},
         .stride = {1, 1},
         .dilation = {1, 1},
         .act = LT_ACT_LINEAR}};
    lt_dataset *train = pictures_make();
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net =
        spec_net(lt_shape_image(1, 6, 6), layers, 3, LT_TIE_TIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, HUGE_SIZE);
    weights_set(net, 2, HUGE_SIZE);
    fit_diverges(net, &o, &err);
    expect_found(&err, 1, 3,
                 WORDS("output of layer 3 (encoder 3: conv 2x2", "linear)"));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* 4 ratings a user; the tape has no room for outputs but those. */
static lt_dataset *ratings_make(void)
{
    lt_sparse s = {.rows = N, .cols = 2 * D};
    lt_dataset *d = NULL;

    s.start = lt_mem_alloc(N + 1, sizeof *s.start);
    s.index = lt_mem_alloc((size_t)4 * N, sizeof *s.index);
    s.value = lt_mem_alloc((size_t)4 * N, sizeof *s.value);
    for (int i = 0; i <= N; i++)
        s.start[i] = 4 * i;
    for (int e = 0; e < 4 * N; e++) {
        s.index[e] = 2 * (e % 4) + e / 4 % 2;
        s.value[e] = (float)(1 + e % 5);
    }
    assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &d, NULL), LT_OK);
    return d;
}

static void sparse_layers_are_named(void **state)
{
    lt_dataset *train = ratings_make();

    (void)state;
    for (int layer = 1; layer < 4; layer++) {
        lt_observer observer;
        lt_fit_opts o = opts_for(train, &observer);
        lt_net *net =
            spec_net(lt_shape_flat(2 * D), dense3, 2, LT_TIE_UNTIED, true);
        lt_err err;

        o.objective = lt_objective_of(LT_LOSS_MASKED_MSE);
        for (int i = 0; i < 4; i++)
            weights_set(net, i,
                        i == layer || i == layer - 1 ? HUGE_SIZE : 0.25);
        fit_diverges(net, &o, &err);
        expect_found(&err, 1, layer + 1, WORDS("output of layer "));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* ---- gradients, updates, averages ---- */

/* h is 1e30 and y 1e15, whose squares' sum is finite; their product is the
 * gradient of the decoder's weights, and is not. */
static void gradients_are_named(void **state)
{
    double h = IS_FLOAT ? 1e30 : 1e250, y = IS_FLOAT ? 1e15 : 1e100;
    static const lt_opt_kind kinds[] = {LT_OPT_SGD, LT_OPT_ADAM};
    lt_dataset *train = ones_make(1);

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_observer observer;
        lt_fit_opts o = opts_for(train, &observer);
        lt_net *net =
            spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
        lt_err err;

        o.optimizer = lt_opt_defaults(kinds[i]);
        weights_set(net, 0, h);
        weights_set(net, 1, y / h);
        fit_diverges(net, &o, &err);
        expect_found(&err, 1, 2,
                     WORDS("gradient of the weights of layer 2 (decoder 1",
                           "is infinite"));
        assert_int_equal(seen.n, 1);
        assert_true(isfinite(seen.events[0].value));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* Finite gradients above 10, and a step too long for them. */
static void updates_are_named(void **state)
{
    lt_dataset *train = ones_make(100);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, 1);
    weights_set(net, 1, 1);
    o.optimizer.rate = IS_FLOAT ? 3e38 : 1.7e308;
    fit_diverges(net, &o, &err);
    expect_found(&err, 1, 1,
                 WORDS("weights of layer 1 (encoder 1: dense 6, linear) are "
                       "infinite",
                       " by the update; gradients are finite (at most "));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* The same over rows of tables. */
static void updates_of_tables_are_named(void **state)
{
    lt_dataset *train = ratings_make();
    static const lt_opt_kind kinds[] = {LT_OPT_SGD, LT_OPT_ADAM};

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_observer observer;
        lt_fit_opts o = opts_for(train, &observer);
        lt_net *net =
            spec_net(lt_shape_flat(2 * D), dense3, 1, LT_TIE_UNTIED, true);
        lt_err err;

        o.objective = lt_objective_of(LT_LOSS_MASKED_MSE);
        o.optimizer = lt_opt_defaults(kinds[i]);
        o.optimizer.rate = 1e308; /* adam's first one is ten times that */
        weights_set(net, 0, 100);
        weights_set(net, 1, 100);
        fit_diverges(net, &o, &err);
        expect_found(&err, 1, 1, WORDS("weights of layer 1 (encoder 1"));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* A batch whose values' variance overflows is normalised to 0, without an
 * infinite output: its moving average alone shows it. */
static void moving_averages_are_named(void **state)
{
    static const lt_layer_spec layers[] = {
        {.kind = "dense", .units = 6, .act = LT_ACT_LINEAR},
        {.kind = "batchnorm",
         .momentum = 0.1,
         .epsilon = 1e-5,
         .act = LT_ACT_TANH},
        {.kind = "dense", .units = 3, .act = LT_ACT_LINEAR}};
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), layers, 3, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, HUGE_SIZE);
    fit_diverges(net, &o, &err);
    expect_found(&err, 1, 2,
                 WORDS("moving averages of layer 2 (encoder 2: batchnorm"));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- the step ---- */

/* y = w2 (w1 x), one example of one number, by hand: numbers grow until one is
 * too large. Where that is, and what it is, depends on rounding in no way: each
 * step takes about the third power. */
static void the_step_is_the_first_one(void **state)
{
    static const lt_layer_spec one = {
        .kind = "dense", .units = 1, .act = LT_ACT_LINEAR};
    lt_real w1 = (lt_real)0.5, w2 = (lt_real)0.25, b1 = 0, b2 = 0;
    const lt_real x = 3, rate = (lt_real)2;
    double *value = lt_mem_alloc(1, sizeof *value);
    lt_dataset *train = NULL;
    lt_observer observer;
    lt_net *net = spec_net(lt_shape_flat(1), &one, 1, LT_TIE_UNTIED, false);
    lt_fit_opts o;
    int step = 0, layer = 0;
    lt_err err;

    (void)state;
    *value = x;
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F64, 1, lt_shape_flat(1),
                                         value, NULL, &train, NULL),
                     LT_OK);
    weights_set(net, 0, w1);
    weights_set(net, 1, w2);
    o = opts_for(train, &observer);
    o.epochs = 100;
    o.batch = 1;
    o.optimizer.rate = rate;
    fit_diverges(net, &o, &err);
    while (!layer) {
        lt_real h = w1 * x + b1, y = w2 * h + b2;
        lt_real dy = 2 * (y - x), dh = dy * w2; /* of the squared error */

        step++;
        layer = !isfinite(h) ? 1 : !isfinite((y - x) * (y - x)) ? 2 : 0;
        if (!layer)
            layer = !isfinite(dy * h) ? 2 : !isfinite(dh * x) ? 1 : 0;
        w1 -= rate * dh * x, b1 -= rate * dh;
        w2 -= rate * dy * h, b2 -= rate * dy;
    }
    assert_true(step > 2);
    expect_found(&err, step, layer, WORDS("layer "));
    lt_net_free(net);
    lt_dataset_free(train);
}

static lt_status spoil(void *self, const lt_epoch_report *report, bool *stop,
                       lt_err *err)
{
    (void)report, (void)stop, (void)err;
    lt_net_params(self)[lt_net_layer(self, 1)->bias] = (lt_real)NAN;
    return LT_OK;
}

/* A relu makes 0 of what is not a number: no loss shows it. */
static void weights_that_were_not_finite_are_named(void **state)
{
    static const lt_layer_spec layers[] = {
        {.kind = "dense", .units = 6, .act = LT_ACT_RELU},
        {.kind = "dense", .units = 3, .act = LT_ACT_RELU}};
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), layers, 2, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    o.optimizer.rate = 1e-6;
    o.on_epoch = spoil;
    o.on_epoch_self = net;
    fit_diverges(net, &o, &err);
    expect_found(&err, STEPS, 2,
                 WORDS("biases of layer 2 (encoder 2: dense 3, relu) are NaN "
                       "in 1 of 3 values between two epochs"));
    observer = keeping_observer();
    fit_diverges(net, &o, &err);
    expect_found(&err, 0, 2, WORDS("biases of layer 2", "at the start"));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- the loss, evaluation, data ---- */

static void a_term_of_the_loss_is_named(void **state)
{
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, TINY_SIZE);
    o.objective.l2 = 1e308;
    weights_set(net, 1, 1e4);
    fit_diverges(net, &o, &err);
    expect_found(&err, 1, 0,
                 WORDS("the loss is not finite, but each of its terms is"));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* The test set's numbers alone are too large for the first layer. */
static void outputs_too_large_for_the_loss_are_named(void **state)
{
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, 1);
    weights_set(net, 1, HUGE_SIZE);
    fit_diverges(net, &o, &err);
    expect_found(&err, 1, 2,
                 WORDS("the loss is not finite, by its term ",
                       " of layer 2 (decoder 1: dense 4, linear); its output "
                       "reaches "));
    lt_net_free(net);
    lt_dataset_free(train);
}

static void the_test_set_is_named(void **state)
{
    lt_dataset *train = ones_make(TINY_SIZE);
    lt_dataset *test = ones_make(IS_FLOAT ? 1e37 : 1e307);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 2, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    weights_set(net, 0, 1);
    weights_set(net, 1, 1e4);
    o.test = test;
    o.optimizer.rate = 1e-9;
    fit_diverges(net, &o, &err);
    expect_found(&err, STEPS, 2,
                 WORDS("examples 1 to 20 of the test set: output of layer 2 "
                       "(encoder 2: dense 5, linear) is infinite"));
    lt_net_free(net);
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void the_test_set_of_ratings_is_named(void **state)
{
    lt_dataset *train = ratings_make();
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_net *net =
        spec_net(lt_shape_flat(2 * D), dense3, 2, LT_TIE_UNTIED, true);
    lt_dataset *few = NULL, *test = NULL;
    lt_err err;

    (void)state;
    /* Items that no training user has rated: their rows are huge. */
    assert_int_equal(lt_dataset_select(train, (int32_t[]){0, 2}, 2, &few, NULL),
                     LT_OK);
    assert_int_equal(
        lt_dataset_select(train, (int32_t[]){2, 1, 3}, 3, &test, NULL), LT_OK);
    for (int i = 1; i < 2 * D; i += 2)
        for (int k = 0; k < 6; k++)
            lt_net_params(
                net)[lt_net_layer(net, 0)->weight + (size_t)(i * 6 + k)] =
                (lt_real)HUGE_SIZE;
    weights_set(net, 1, HUGE_SIZE);
    weights_set(net, 2, TINY_SIZE);
    o.train = few;
    o.test = test;
    o.batch = 1;
    o.objective = lt_objective_of(LT_LOSS_MASKED_MSE);
    assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    assert_int_equal(lt_net_freeze_decoder(net, true, NULL), LT_OK);
    fit_diverges(net, &o, &err);
    expect_found(&err, 2, 2,
                 WORDS("examples 1 to 3 of the test set: output of layer 2"));
    lt_net_free(net);
    lt_dataset_free(train);
    lt_dataset_free(few);
    lt_dataset_free(test);
}

/* Before anything is trained; a missing number (NaN) is 0 to a network. */
static void infinite_data_are_no_divergence(void **state)
{
    lt_dataset *train = ones_make(1), *target = ones_make(1);
    double *values = (double *)(uintptr_t)lt_dataset_values(train);
    lt_observer observer;
    lt_fit_opts o = opts_for(train, &observer);
    lt_pretrain_opts p = lt_pretrain_defaults(LT_PRETRAIN_RBM);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err = {0};

    (void)state;
    p.train = train;
    values[2 * D + 1] = INFINITY;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "training set: example 3 has the value "
                                     "inf"));
    assert_int_equal(lt_dataset_set_target_take(train, target, NULL), LT_OK);
    err = (lt_err){0};
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "training set: example 3 has the value "
                                     "inf"));
    err = (lt_err){0};
    assert_int_equal(lt_pretrain(net, &p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "training set: example 3 has the value "
                                     "inf"));
    values[2 * D + 1] = NAN;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_OK);
    assert_int_equal(n_found, 0);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- pre-training ---- */

static lt_pretrain_opts pretrain_opts(const lt_dataset *train,
                                      lt_observer *observer,
                                      lt_pretrain_method method)
{
    lt_pretrain_opts o = lt_pretrain_defaults(method);

    *observer = keeping_observer();
    o.train = train;
    o.epochs = 2;
    o.batch = N / STEPS;
    o.visible = LT_UNIT_GAUSSIAN;
    o.seed = 4;
    o.observer = observer;
    return o;
}

static void pretrain_diverges(lt_net *net, const lt_pretrain_opts *o,
                              lt_err *err)
{
    *err = (lt_err){0};
    assert_int_equal(lt_pretrain(net, o, err), LT_EDIVERGED);
    assert_string_equal(seen.events[seen.n - 1].name, "pretrain.1.recon");
}

/* Huge first weights: hidden units are as large, and what they give back is
 * too large. */
static void machines_tell_what_overflowed(void **state)
{
    lt_dataset *train = ones_make(1);
    lt_observer observer;
    lt_pretrain_opts o = pretrain_opts(train, &observer, LT_PRETRAIN_RBM);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    o.init_sd = HUGE_SIZE;
    pretrain_diverges(net, &o, &err);
    expect_found(&err, 1, 1,
                 WORDS("pre-training of layer 1: reconstructions of layer 1 "
                       "(encoder 1: dense 6, linear)",
                       "infinite", "; its weights reach "));
    lt_net_free(net);
    lt_dataset_free(train);
}

/* The step is too long for its finite direction: the error says nothing. */
static void machines_tell_of_updates(void **state)
{
    lt_dataset *train = ones_make(100);
    lt_observer observer;
    lt_pretrain_opts o = pretrain_opts(train, &observer, LT_PRETRAIN_RBM);
    lt_net *net = spec_net(lt_shape_flat(D), dense3, 1, LT_TIE_UNTIED, false);
    lt_err err;

    (void)state;
    o.rate_linear = IS_FLOAT ? 3e38 : 1.7e308;
    pretrain_diverges(net, &o, &err);
    expect_found(&err, 1, 1,
                 WORDS("pre-training of layer 1: steps of the weights of "
                       "layer 1"));
    assert_true(isfinite(seen.events[seen.n - 1].value));
    lt_net_free(net);
    lt_dataset_free(train);
}

static void a_layer_below_is_named(void **state)
{
    static const lt_pretrain_method methods[] = {LT_PRETRAIN_RBM,
                                                 LT_PRETRAIN_AUTOENCODER};
    lt_dataset *train = ones_make(1);

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_observer observer;
        lt_pretrain_opts o = pretrain_opts(train, &observer, methods[i]);
        lt_net *net =
            spec_net(lt_shape_flat(D), dense3, 3, LT_TIE_UNTIED, false);
        lt_err err = {0};

        for (int k = 0; k < 2; k++) {
            weights_set(net, k, HUGE_SIZE);
            assert_int_equal(lt_net_freeze_layer(net, k, true, NULL), LT_OK);
        }
        assert_int_equal(lt_pretrain(net, &o, &err), LT_EDIVERGED);
        expect_found(&err, 1, 2,
                     WORDS("pre-training of layer 3: output of layer 2 "
                           "(encoder 2: dense 5, linear) is infinite"));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* The small network's layers are told by the big one's numbers: layer 6 undoes
 * layer 1. */
static void small_autoencoders_name_the_big_ones_layers(void **state)
{
    static const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED};
    lt_dataset *train = ones_make(1);

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_observer observer;
        lt_pretrain_opts o =
            pretrain_opts(train, &observer, LT_PRETRAIN_AUTOENCODER);
        lt_net *net = spec_net(lt_shape_flat(D), dense3, 3, ties[i], false);
        lt_err err;

        weights_set(net, 0, HUGE_SIZE);
        weights_set(net, 5, HUGE_SIZE);
        pretrain_diverges(net, &o, &err);
        expect_found(&err, 1, 6,
                     WORDS("pre-training of layer 1: output of layer 6 "
                           "(decoder 3: dense 4, linear) is infinite"));
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layer_that_overflows_is_named),
        cmocka_unit_test(tied_layers_are_named_where_they_overflow),
        cmocka_unit_test(convolutions_are_named),
        cmocka_unit_test(sparse_layers_are_named),
        cmocka_unit_test(gradients_are_named),
        cmocka_unit_test(updates_are_named),
        cmocka_unit_test(updates_of_tables_are_named),
        cmocka_unit_test(moving_averages_are_named),
        cmocka_unit_test(the_step_is_the_first_one),
        cmocka_unit_test(weights_that_were_not_finite_are_named),
        cmocka_unit_test(a_term_of_the_loss_is_named),
        cmocka_unit_test(outputs_too_large_for_the_loss_are_named),
        cmocka_unit_test(the_test_set_is_named),
        cmocka_unit_test(the_test_set_of_ratings_is_named),
        cmocka_unit_test(infinite_data_are_no_divergence),
        cmocka_unit_test(machines_tell_what_overflowed),
        cmocka_unit_test(machines_tell_of_updates),
        cmocka_unit_test(a_layer_below_is_named),
        cmocka_unit_test(small_autoencoders_name_the_big_ones_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
