/* Greedy pre-training: what is learned, where it lands, what is told. */
#include "train_fixture.h"

#include "latent/math/vec.h"
#include "latent/train/evaluate.h"
#include "latent/train/pretrain.h"
#include "train/batch.h"

enum { N = 130, D = 24, BATCH = 20, H1 = 16, H2 = 5 };

static lt_net *deep_net(lt_tie tie)
{
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_SIGMOID,
                  .tie = tie,
                  .refresh = LT_REFRESH_STEP,
                  .seed = 3};

    return net_make(&p);
}

static lt_pretrain_opts opts_make(lt_pretrain_method method,
                                  const lt_dataset *train)
{
    lt_pretrain_opts o = lt_pretrain_defaults(method);

    o.train = train;
    o.epochs = 7;
    o.batch = BATCH;
    o.seed = 9;
    return o;
}

static void pretrain_ok(lt_net *net, const lt_pretrain_opts *o)
{
    lt_err err = {0};

    if (lt_pretrain(net, o, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static const lt_real *weight_of(lt_net *net, int layer)
{
    return lt_net_params(net) + lt_net_layer(net, layer)->weight;
}

static const lt_real *bias_of(lt_net *net, int layer)
{
    return lt_net_params(net) + lt_net_layer(net, layer)->bias;
}

/* ---- the whole of it by hand ---- */

/* An RBM on `features` (n, visible) with the recipe of the paper written out:
 * rates, the momentum's switch after five epochs, the weight cost. */
static lt_rbm *rbm_by_hand(const lt_dataset *features, int layer,
                           const lt_rbm_spec *spec, double rate)
{
    char stream[40];
    lt__batcher b;
    lt_rbm *rbm = NULL;
    lt_real x[BATCH * D];
    lt_rng rng;

    snprintf(stream, sizeof stream, "pretrain.%d.rbm", layer);
    lt_rng_init(&rng, 9, stream);
    assert_int_equal(lt_rbm_new(spec, 0.1, lt_rng_next(&rng), NULL, &rbm, NULL),
                     LT_OK);
    snprintf(stream, sizeof stream, "pretrain.%d.shuffle", layer);
    assert_int_equal(lt__batcher_init(&b, features, BATCH, 9, stream, NULL),
                     LT_OK);
    for (int epoch = 0; epoch < 7; epoch++) {
        lt__batcher_shuffle(&b, epoch);
        for (int i = 0; i < lt__batcher_count(&b); i++) {
            int rows = lt__batcher_gather(&b, i, x);

            lt_rbm_step(rbm, x, rows, rate, epoch < 5 ? 0.5 : 0.9, 0.0002);
        }
    }
    lt__batcher_deinit(&b);
    return rbm;
}

static void near_check(size_t n, const lt_real *a, const lt_real *b)
{
    for (size_t i = 0; i < n; i++)
        assert_true(fabs((double)a[i] - b[i]) < 1e-4);
}

static void rbm_layers_follow_the_papers_recipe(void **state)
{
    const lt_rbm_spec first = {D, H1, LT_UNIT_BINARY, LT_UNIT_BINARY, 1, BATCH};
    const lt_rbm_spec code = {H1, H2,   LT_UNIT_BINARY, LT_UNIT_GAUSSIAN,
                              1,  BATCH};
    lt_dataset *train = patterns_make(N, D, 1), *features = NULL;
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_UNROLLED);
    lt_rbm *a, *b;

    (void)state;
    pretrain_ok(net, &o);
    a = rbm_by_hand(train, 1, &first, 0.1);
    near_check(D * H1, weight_of(net, 0), lt_rbm_weight(a));
    near_check(H1, bias_of(net, 0), lt_rbm_hidden_bias(a));
    near_check(D, bias_of(net, 3), lt_rbm_visible_bias(a));
    assert_int_equal(lt_evaluate_map(net, train, 0, 1, NULL, &features, NULL),
                     LT_OK);
    b = rbm_by_hand(features, 2, &code, 0.001);
    near_check(H1 * H2, weight_of(net, 1), lt_rbm_weight(b));
    near_check(H2, bias_of(net, 1), lt_rbm_hidden_bias(b));
    near_check(H1, bias_of(net, 2), lt_rbm_visible_bias(b));
    lt_rbm_free(a);
    lt_rbm_free(b);
    lt_dataset_free(features);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- ties ---- */

/* Decoder layer `layer` (rows, cols) is its encoder's weight transposed. */
static void transpose_check(lt_net *net, int layer)
{
    const lt_layer *dec = lt_net_layer(net, layer);
    const lt_real *w = weight_of(net, dec->mirror_of),
                  *m = weight_of(net, layer);
    int rows = lt_shape_elements(dec->out), cols = lt_shape_elements(dec->in);

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            assert_memory_equal(&m[r * cols + c], &w[c * rows + r], sizeof *m);
}

/* m (rows, cols) w (cols, rows) m = m: m is a pseudo-inverse of w. */
static void pinv_check(lt_net *net, int layer)
{
    const lt_layer *dec = lt_net_layer(net, layer);
    const lt_real *w = weight_of(net, dec->mirror_of),
                  *m = weight_of(net, layer);
    int rows = lt_shape_elements(dec->out), cols = lt_shape_elements(dec->in);

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            double sum = 0;

            for (int k = 0; k < cols; k++)
                for (int l = 0; l < rows; l++)
                    sum += (double)m[r * cols + k] * w[k * rows + l] *
                           m[l * cols + c];
            assert_true(fabs(sum - m[r * cols + c]) < 1e-3);
        }
}

static void decoder_check(lt_net *net, lt_net *fresh)
{
    for (int layer = 2; layer < 4; layer++) {
        const lt_layer *l = lt_net_layer(net, layer);

        switch (lt_net_tie(net)) {
        case LT_TIE_UNTIED: /* its own start, untouched */
            assert_memory_equal(weight_of(net, layer), weight_of(fresh, layer),
                                l->weight_count * sizeof(lt_real));
            break;
        case LT_TIE_TIED:
            assert_true(l->weight_is_transposed);
            break;
        case LT_TIE_PINV:
            pinv_check(net, layer);
            break;
        default:
            transpose_check(net, layer);
        }
    }
}

static void rbm_lands_in_every_tie(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *first = deep_net(LT_TIE_UNROLLED);

    (void)state;
    pretrain_ok(first, &o);
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net *net = deep_net((lt_tie)tie), *fresh = deep_net((lt_tie)tie);

        pretrain_ok(net, &o);
        for (int i = 0; i < 2; i++) { /* the encoder is the same for all */
            const lt_layer *l = lt_net_layer(net, i);

            assert_memory_equal(weight_of(net, i), weight_of(first, i),
                                l->weight_count * sizeof(lt_real));
            assert_memory_equal(bias_of(net, i), bias_of(first, i),
                                l->bias_count * sizeof(lt_real));
            assert_memory_equal(bias_of(net, 3 - i), bias_of(first, 3 - i),
                                lt_net_layer(net, 3 - i)->bias_count *
                                    sizeof(lt_real));
        }
        decoder_check(net, fresh);
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_net_free(first);
    lt_dataset_free(train);
}

static void autoencoders_land_in_every_tie(void **state)
{
    const lt_pretrain_method methods[] = {LT_PRETRAIN_AUTOENCODER,
                                          LT_PRETRAIN_DENOISING};
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int k = 0; k < 2 * LT_TIE_COUNT; k++) {
        lt_tie tie = (lt_tie)(k / 2);
        lt_pretrain_opts o = opts_make(methods[k % 2], train);
        lt_net *net = deep_net(tie), *fresh = deep_net(tie);
        static memory m;
        lt_observer observer = memory_observer(&m);
        bool decodes_itself = tie == LT_TIE_UNTIED;

        o.rate = 0.01;
        o.epochs = 30;
        o.observer = &observer;
        pretrain_ok(net, &o);
        for (int layer = 1; layer <= 2; layer++) {
            const char *name =
                layer == 1 ? "pretrain.1.recon" : "pretrain.2.recon";

            assert_int_equal(memory_count(&m, name), 30);
            assert_true(memory_find(&m, name, 29)->value <
                        0.95 * memory_find(&m, name, 0)->value);
            assert_memory_not_equal(weight_of(net, layer - 1),
                                    weight_of(fresh, layer - 1), 64);
            assert_memory_not_equal(bias_of(net, 4 - layer),
                                    bias_of(fresh, 4 - layer), 16);
        }
        if (decodes_itself)
            assert_memory_not_equal(weight_of(net, 2), weight_of(fresh, 2), 64);
        else
            decoder_check(net, fresh);
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_dataset_free(train);
}

/* The last of the layers' own reconstruction errors is that of the network
 * that is left, seen from the layer: the parameters landed. */
static void
one_layer_autoencoder_leaves_a_network_that_reconstructs(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED, LT_TIE_UNROLLED,
                           LT_TIE_MIRRORED};

    (void)state;
    for (int k = 0; k < 4; k++) {
        net_plan p = {.width = D,
                      .units = {H1},
                      .n = 1,
                      .code_act = LT_ACT_SIGMOID,
                      .output = LT_ACT_SIGMOID,
                      .tie = ties[k],
                      .seed = 3};
        lt_pretrain_opts o = opts_make(LT_PRETRAIN_AUTOENCODER, train);
        lt_net *net = net_make(&p);
        static memory m;
        lt_observer observer = memory_observer(&m);
        lt_loss_sums mean;

        o.epochs = 60;
        o.rate = 0.01;
        o.observer = &observer;
        pretrain_ok(net, &o);
        assert_int_equal(
            lt_evaluate(net, train, LT_LOSS_BCE, NULL, &mean, NULL), LT_OK);
        assert_true(
            fabs(mean.sse / memory_find(&m, "pretrain.1.recon", 59)->value -
                 1) < 0.05);
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

/* ---- what is told ---- */

static void rbm_emits_reconstruction_and_free_energy_gap(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(40, D, 2);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_TIED);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.observer = &observer;
    o.test = test;
    pretrain_ok(net, &o);
    assert_int_equal(m.n, 2 * 7 * 2);
    assert_int_equal(memory_count(&m, "pretrain.2.recon"), 7);
    assert_int_equal(memory_count(&m, "pretrain.1.free_energy_gap"), 7);
    assert_int_equal(memory_find(&m, "pretrain.2.recon", 0)->step, 7);
    assert_int_equal(memory_find(&m, "pretrain.2.recon", 6)->step, 49);
    assert_true(memory_find(&m, "pretrain.2.recon", 6)->epoch >= 7);
    assert_true(memory_find(&m, "pretrain.1.recon", 6)->value <
                memory_find(&m, "pretrain.1.recon", 0)->value);
    assert_string_equal(m.phase, "pretrain 2/2");
    assert_int_equal(m.polls, 2 * 49);
    lt_net_free(net);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

/* One hidden unit layer and one epoch: the gap worked out from the network's
 * own parameters. */
static void free_energy_gap_is_test_minus_train(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(40, D, 2);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1},
                  .n = 1,
                  .code_act = LT_ACT_SIGMOID,
                  .output = LT_ACT_SIGMOID,
                  .seed = 3};
    lt_net *net = net_make(&p);
    static memory m;
    lt_observer observer = memory_observer(&m);
    const lt_dataset *sets[] = {test, train};
    double means[2] = {0, 0}, told;

    (void)state;
    o.observer = &observer;
    o.test = test;
    o.epochs = 1;
    pretrain_ok(net, &o);
    for (int k = 0; k < 2; k++)
        for (int n = 0; n < 40; n++) { /* as many training as test examples */
            lt_real x[D];

            lt_dataset_gather(sets[k], NULL, n, 1, x);
            for (int i = 0; i < D; i++)
                means[k] -= bias_of(net, 1)[i] * x[i] / 40.0;
            for (int j = 0; j < H1; j++) {
                double z = bias_of(net, 0)[j];

                for (int i = 0; i < D; i++)
                    z += weight_of(net, 0)[j * D + i] * x[i];
                means[k] -= log1p(exp(z)) / 40;
            }
        }
    told = memory_find(&m, "pretrain.1.free_energy_gap", 0)->value;
    assert_true(fabs(told - (means[0] - means[1])) < 1e-4);
    lt_net_free(net);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void rbm_without_a_test_set_emits_the_contrast(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_TIED);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.observer = &observer;
    pretrain_ok(net, &o);
    assert_int_equal(memory_count(&m, "pretrain.1.free_energy_contrast"), 7);
    assert_int_equal(memory_count(&m, "pretrain.2.free_energy_contrast"), 7);
    assert_int_equal(memory_count(&m, "pretrain.1.free_energy_gap"), 0);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- promises ---- */

static void pretraining_is_the_same_bits_on_any_threads(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *a = deep_net(LT_TIE_UNROLLED), *b = deep_net(LT_TIE_UNROLLED);
        lt_net *c = deep_net(LT_TIE_UNROLLED);

        pretrain_ok(a, &o);
        o.pool = pool;
        pretrain_ok(b, &o);
        params_assert_equal(a, b);
        o.seed = 10;
        pretrain_ok(c, &o);
        assert_memory_not_equal(lt_net_params(a), lt_net_params(c), 64);
        lt_net_free(a);
        lt_net_free(b);
        lt_net_free(c);
    }
    lt_pool_free(pool);
    lt_dataset_free(train);
}

/* Allocations happen where a layer begins, and nowhere else. */
static void pretraining_steps_allocate_nothing(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(40, D, 2);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = deep_net(LT_TIE_TIED);
        static memory m;
        lt_observer observer = memory_observer(&m);

        o.observer = &observer;
        o.test = test;
        pretrain_ok(net, &o);
        assert_int_equal(m.polls, 2 * 49);
        assert_int_equal(m.allocation_changes, 1);
        lt_net_free(net);
    }
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void frozen_layers_are_passed_by(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = deep_net(LT_TIE_UNTIED), *fresh = deep_net(LT_TIE_UNTIED);

        assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
        assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
        pretrain_ok(net, &o);
        assert_memory_equal(weight_of(net, 0), weight_of(fresh, 0),
                            D * H1 * sizeof(lt_real));
        assert_memory_equal(bias_of(net, 2), bias_of(fresh, 2),
                            H1 * sizeof(lt_real));
        assert_memory_not_equal(weight_of(net, 1), weight_of(fresh, 1), 64);
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_dataset_free(train);
}

/* An untied decoder that mirrors nothing: the encoder alone is trained. */
static void decoders_of_another_shape_are_left_alone(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", H1, LT_ACT_SIGMOID},
                                     {"dense", H2, LT_ACT_SIGMOID}};
    const lt_layer_spec decoder[] = {{"dense", D, LT_ACT_SIGMOID}};
    lt_net_spec spec = {.input = lt_shape_flat(D),
                        .encoder = encoder,
                        .n_encoder = 2,
                        .decoder = decoder,
                        .n_decoder = 1,
                        .seed = 3};
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_net *net = NULL, *fresh = NULL;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        assert_int_equal(lt_net_new(&spec, &fresh, NULL), LT_OK);
        pretrain_ok(net, &o);
        assert_memory_not_equal(weight_of(net, 1), weight_of(fresh, 1), 64);
        assert_memory_equal(weight_of(net, 2), weight_of(fresh, 2),
                            D * H2 * sizeof(lt_real));
        assert_memory_equal(bias_of(net, 2), bias_of(fresh, 2),
                            D * sizeof(lt_real));
        lt_net_free(net);
        lt_net_free(fresh);
    }
    lt_dataset_free(train);
}

static void real_valued_data_take_gaussian_visibles(void **state)
{
    lt_dataset *train = plane_make(400, D, 4, 0.1, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_LINEAR,
                  .tie = LT_TIE_TIED,
                  .seed = 3};
    lt_net *net = net_make(&p);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.visible = LT_UNIT_GAUSSIAN;
    o.rate = 0.01;
    o.epochs = 40;
    o.observer = &observer;
    pretrain_ok(net, &o);
    assert_true(memory_find(&m, "pretrain.1.recon", 39)->value <
                0.9 * memory_find(&m, "pretrain.1.recon", 0)->value);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* ---- how it ends ---- */

static void divergence_names_layer_and_step(void **state)
{
    lt_dataset *train = plane_make(N, D, 3, 0.1, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1},
                  .n = 1,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_LINEAR,
                  .seed = 3};
    lt_net *net = net_make(&p), *fresh = net_make(&p);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_err err = {0};

    (void)state;
    o.visible = LT_UNIT_GAUSSIAN;
    o.rate_linear = 1e15;
    o.observer = &observer;
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EDIVERGED);
    assert_non_null(strstr(err.text, "pre-training of layer 1: step "));
    assert_non_null(strstr(err.text, "(epoch 1)"));
    assert_int_equal(m.n, 1);
    assert_false(isfinite(m.events[0].value));
    params_assert_equal(net, fresh); /* nothing broken landed */
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_stops_at_the_step_when_asked(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_UNTIED);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_err err = {0};

    (void)state;
    o.observer = &observer;
    m.stop_at = 60; /* in the second layer */
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EINTERRUPTED);
    assert_non_null(strstr(err.text, "layer 2, epoch 2"));
    assert_int_equal(m.polls, 60);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void no_epochs_change_nothing(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    lt_net *net = deep_net(LT_TIE_UNTIED), *fresh = deep_net(LT_TIE_UNTIED);

    (void)state;
    o.epochs = 0;
    pretrain_ok(net, &o);
    params_assert_equal(net, fresh);
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_refuses_what_it_cannot_do(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *wide = patterns_make(5, 30, 1);
    lt_pretrain_opts good = opts_make(LT_PRETRAIN_RBM, train), bad[8];
    const char *messages[] = {
        "epochs is -1",  "batch is 0",      "cd is 0",  "corruption is 1",
        "momentum is 1", "no training set", "test set", "rate is -1"};
    lt_net *net = deep_net(LT_TIE_UNTIED);

    (void)state;
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].epochs = -1;
    bad[1].batch = 0;
    bad[2].cd = 0;
    bad[3].corruption = 1;
    bad[4].momentum = 1;
    bad[5].train = NULL;
    bad[6].test = wide;
    bad[7].rate = -1;
    for (int i = 0; i < 8; i++) {
        lt_err err = {0};

        assert_int_equal(lt_pretrain(net, &bad[i], &err), LT_EINVAL);
        if (!strstr(err.text, messages[i]))
            fail_msg("\"%s\" lacks \"%s\"", err.text, messages[i]);
    }
    lt_net_free(net);
    lt_dataset_free(wide);
    lt_dataset_free(train);
}

static void rbm_wants_sigmoid_or_linear_before_it_trains(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_RBM, train);
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_RELU,
                  .output = LT_ACT_SIGMOID,
                  .seed = 3};
    lt_net *net = net_make(&p), *fresh = net_make(&p);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_pretrain(net, &o, &err), LT_EINVAL);
    assert_string_equal(err.text, "encoder layer 2 (relu): RBM pre-training "
                                  "wants sigmoid or linear");
    params_assert_equal(net, fresh);
    o.method = LT_PRETRAIN_DENOISING; /* which takes any */
    pretrain_ok(net, &o);
    lt_net_free(net);
    lt_net_free(fresh);
    lt_dataset_free(train);
}

static void pretraining_survives_every_failed_allocation(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int method = 0; method < 3; method++) {
        lt_pretrain_opts o = opts_make((lt_pretrain_method)method, train);
        lt_status rc = LT_ENOMEM;

        o.epochs = 1;
        for (int n = 0; rc == LT_ENOMEM && n < 200; n++) {
            lt_net *net = deep_net(LT_TIE_TIED);

            lt_mem_fail_after(n);
            rc = lt_pretrain(net, &o, NULL);
            lt_mem_fail_after(-1);
            lt_net_free(net);
        }
        assert_int_equal(rc, LT_OK);
    }
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rbm_layers_follow_the_papers_recipe),
        cmocka_unit_test(rbm_lands_in_every_tie),
        cmocka_unit_test(autoencoders_land_in_every_tie),
        cmocka_unit_test(
            one_layer_autoencoder_leaves_a_network_that_reconstructs),
        cmocka_unit_test(rbm_emits_reconstruction_and_free_energy_gap),
        cmocka_unit_test(free_energy_gap_is_test_minus_train),
        cmocka_unit_test(rbm_without_a_test_set_emits_the_contrast),
        cmocka_unit_test(pretraining_is_the_same_bits_on_any_threads),
        cmocka_unit_test(pretraining_steps_allocate_nothing),
        cmocka_unit_test(frozen_layers_are_passed_by),
        cmocka_unit_test(decoders_of_another_shape_are_left_alone),
        cmocka_unit_test(real_valued_data_take_gaussian_visibles),
        cmocka_unit_test(divergence_names_layer_and_step),
        cmocka_unit_test(pretraining_stops_at_the_step_when_asked),
        cmocka_unit_test(no_epochs_change_nothing),
        cmocka_unit_test(pretraining_refuses_what_it_cannot_do),
        cmocka_unit_test(rbm_wants_sigmoid_or_linear_before_it_trains),
        cmocka_unit_test(pretraining_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
