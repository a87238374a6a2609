/* Greedy pre-training: what is learned, where it lands, what is told. */
#include "pretrain_fixture.h"

#include "latent/train/evaluate.h"
#include "train/batch.h"

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
            assert_true(l->is_transposed);
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
        lt_terms mean;

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

/* A one-layer network whose untied decoder is frozen: what is learned is an
 * encoder for that decoder, so the loss falls and the decoder stays. */
static void autoencoders_learn_to_be_read_by_a_frozen_decoder(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_pretrain_opts o = opts_make(LT_PRETRAIN_AUTOENCODER, train);
    net_plan p = {.width = D,
                  .units = {H1},
                  .n = 1,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_SIGMOID,
                  .seed = 3};
    lt_net *net = net_make(&p), *fresh = net_make(&p);
    lt_terms before, after;

    (void)state;
    o.epochs = 60;
    o.rate = 0.01;
    assert_int_equal(lt_net_freeze_layer(net, 1, true, NULL), LT_OK);
    assert_int_equal(lt_evaluate(net, train, LT_LOSS_BCE, NULL, &before, NULL),
                     LT_OK);
    pretrain_ok(net, &o);
    assert_int_equal(lt_evaluate(net, train, LT_LOSS_BCE, NULL, &after, NULL),
                     LT_OK);
    assert_true(after.loss < 0.8 * before.loss);
    assert_memory_equal(weight_of(net, 1), weight_of(fresh, 1),
                        D * H1 * sizeof(lt_real));
    assert_memory_equal(bias_of(net, 1), bias_of(fresh, 1),
                        D * sizeof(lt_real));
    lt_net_free(net);
    lt_net_free(fresh);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rbm_layers_follow_the_papers_recipe),
        cmocka_unit_test(rbm_lands_in_every_tie),
        cmocka_unit_test(autoencoders_land_in_every_tie),
        cmocka_unit_test(
            one_layer_autoencoder_leaves_a_network_that_reconstructs),
        cmocka_unit_test(autoencoders_learn_to_be_read_by_a_frozen_decoder),
        cmocka_unit_test(rbm_emits_reconstruction_and_free_energy_gap),
        cmocka_unit_test(free_energy_gap_is_test_minus_train),
        cmocka_unit_test(rbm_without_a_test_set_emits_the_contrast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
