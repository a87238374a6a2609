/* Fits and pre-trainings that are cut off, at random steps, and go on in a
 * fresh network from their snapshots: metrics and parameters are those of
 * training in one sitting, bit for bit. */
#include "ratings_fixture.h"
#include "resume_fixture.h"

#include "latent/train/fit.h"
#include "latent/train/pretrain.h"

enum { N = 103, D = 36, BATCH = 10 };

/* ---- what is trained ---- */

typedef lt_net *net_maker(int variant);

static lt_net *net_of(const lt_net_spec *spec)
{
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* variant: 2 tie + refresh */
static lt_net *dense_net(int variant)
{
    net_plan p = {.width = D,
                  .units = {16, 5},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_SIGMOID,
                  .tie = (lt_tie)(variant / 2),
                  .refresh = (lt_refresh)(variant % 2),
                  .seed = 3};

    return net_make(&p);
}

static lt_net *conv_net(int tie)
{
    const lt_layer_spec encoder[] = {
        {.kind = "noise", .amount = 0.2},
        {.kind = "conv",
         .channels = 3,
         .kernel = {3, 3},
         .stride = {1, 1},
         .dilation = {1, 1}},
        {.kind = "batchnorm",
         .act = LT_ACT_RELU,
         .momentum = 0.1,
         .epsilon = 1e-5},
        {.kind = "maxpool",
         .kernel = {2, 2},
         .stride = {2, 2},
         .dilation = {1, 1}},
        {.kind = "dropout", .amount = 0.3},
        {.kind = "dense", .units = 4, .act = LT_ACT_TANH}};
    const lt_net_spec spec = {.input = {3, {1, 6, 6}},
                              .encoder = encoder,
                              .n_encoder = 6,
                              .output = LT_ACT_SIGMOID,
                              .tie = (lt_tie)tie,
                              .seed = 4};

    return net_of(&spec);
}

static lt_net *variational_net(int tie)
{
    const lt_layer_spec encoder[] = {{"dense", 7, LT_ACT_TANH},
                                     {.kind = "gaussian_code", .units = 4}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .tie = (lt_tie)tie,
                              .seed = 3};

    return net_of(&spec);
}

static lt_net *ratings_net(int tie)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = 12, .act = LT_ACT_SELU},
        {.kind = "dense", .units = 7, .act = LT_ACT_SELU},
        {.kind = "dropout", .amount = 0.3}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 3,
                              .output = LT_ACT_SELU,
                              .tie = (lt_tie)tie,
                              .seed = 6,
                              .is_sparse = true};

    return net_of(&spec);
}

static lt_fit_opts opts_for(const lt_dataset *train, const lt_dataset *test)
{
    return (lt_fit_opts){.train = train,
                         .test = test,
                         .objective = lt_objective_of(LT_LOSS_BCE),
                         .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                         .epochs = 4,
                         .batch = BATCH,
                         .log_every = 1,
                         .first_step = 7,
                         .first_epoch = 2,
                         .seed = 1};
}

/* ---- one sitting, many sittings ---- */

static memory whole, parts;
static lt_rng chance; /* when it is cut off */

static void fits_assert_equal(net_maker *make, int variant,
                              const lt_fit_opts *given)
{
    lt_net *a = make(variant), *b = make(variant);
    lt_fit_opts o = *given;
    lt_observer watch = memory_observer(&whole);
    lt_fit_result ra = {0}, rb = {0};
    lt_status rc = LT_EINTERRUPTED;
    lt_err err = {0};
    keeper k;
    int n = 0;

    o.observer = &watch;
    if (lt_fit(a, &o, &ra, &err) != LT_OK)
        fail_msg("%s", err.text);
    keeper_init(&k);
    watch = memory_observer(&parts);
    o.saver = &k.saver;
    for (; rc == LT_EINTERRUPTED; n++) {
        parts.stop_at = parts.polls + 1 + (int)lt_rng_below(&chance, 12);
        rc = lt_fit(b, &o, &rb, &err);
        if (rc == LT_EINTERRUPTED) {
            lt_net_free(b);
            b = make(variant);
            keeper_reopen(&k);
        }
    }
    if (rc != LT_OK)
        fail_msg("%s", err.text);
    assert_true(n > 3);
    events_assert_equal(&whole, &parts);
    params_assert_equal(a, b);
    if (lt_net_n_state(a) > 0)
        assert_memory_equal(lt_net_state(a), lt_net_state(b),
                            lt_net_n_state(a) * sizeof(lt_real));
    assert_memory_equal(&ra.last.train, &rb.last.train, sizeof ra.last.train);
    assert_memory_equal(&ra.last.test, &rb.last.test, sizeof ra.last.test);
    assert_int_equal(ra.last.epoch, rb.last.epoch);
    assert_int_equal(ra.last.step, rb.last.step);
    keeper_drop(&k);
    lt_net_free(a);
    lt_net_free(b);
}

static void every_optimiser_goes_on(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(50, D, 2);

    (void)state;
    for (int i = 0; i < 5; i++) {
        lt_fit_opts o = opts_for(train, test);

        if (i < 3) {
            o.optimizer = lt_opt_defaults(LT_OPT_SGD);
            o.optimizer.rate = 0.1;
            o.optimizer.momentum = i > 0 ? 0.9 : 0;
            o.optimizer.nesterov = i == 2;
        }
        o.optimizer.weight_decay = i == 1 || i == 4 ? 1e-3 : 0;
        for (int tie = 0; tie < LT_TIE_COUNT; tie++)
            fits_assert_equal(dense_net, 2 * tie + i % 2, &o);
    }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void every_refresh_goes_on(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_for(train, NULL);

    (void)state;
    for (int tie = LT_TIE_MIRRORED; tie <= LT_TIE_PINV; tie++)
        for (int refresh = 0; refresh < 2; refresh++)
            fits_assert_equal(dense_net, 2 * tie + refresh, &o);
    lt_dataset_free(train);
}

static lt_dataset *pictures_make(int n, uint64_t seed)
{
    lt_dataset *flat = patterns_make(n, D, seed), *out = NULL;
    uint8_t *values = lt_mem_alloc((size_t)n, D);
    lt_real row[D];

    for (int i = 0; i < n; i++) {
        lt_dataset_gather(flat, NULL, i, 1, row);
        for (int j = 0; j < D; j++)
            values[i * D + j] = row[j] > 0 ? 255 : 0;
    }
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, n,
                                         (lt_shape){3, {1, 6, 6}}, values, NULL,
                                         &out, NULL),
                     LT_OK);
    lt_dataset_free(flat);
    return out;
}

/* Draws of noise and dropout, moving averages, a shuffled order. */
static void noise_and_averages_go_on(void **state)
{
    lt_dataset *train = pictures_make(N, 1), *test = pictures_make(50, 2);
    lt_fit_opts o = opts_for(train, test);

    (void)state;
    fits_assert_equal(conv_net, LT_TIE_TIED, &o);
    fits_assert_equal(conv_net, LT_TIE_UNTIED, &o);
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* Sampled codes, a beta that rises, active units over an epoch; penalties with
 * draws of their own. */
static void objectives_go_on(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(50, D, 2);
    lt_fit_opts o = opts_for(train, test);

    (void)state;
    o.kl_warmup = 3;
    fits_assert_equal(variational_net, LT_TIE_UNTIED, &o);
    assert_true(memory_count(&whole, "train.active_units") > 0);
    o.kl_warmup = 0;
    o.objective.contractive = 1e-3;
    o.objective.l1 = 1e-4;
    o.objective.orthogonality = 1e-3;
    fits_assert_equal(dense_net, 0, &o);
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* Rows that are behind stay behind; the widths differ, so does the tape. */
static void sparse_networks_go_on(void **state)
{
    lt_dataset *train = ratings_make(N, D, 1, 0);
    lt_dataset *test = ratings_make(30, D, 2, 3);

    (void)state;
    for (int i = 0; i < 4; i++) {
        lt_fit_opts o = opts_for(train, test);

        o.objective = lt_objective_of(LT_LOSS_MASKED_MSE);
        if (i % 2) {
            o.optimizer = lt_opt_defaults(LT_OPT_SGD);
            o.optimizer.momentum = 0.9;
            o.optimizer.weight_decay = 1e-3;
        }
        o.refeed = i / 2;
        fits_assert_equal(ratings_net, LT_TIE_UNTIED, &o);
        fits_assert_equal(ratings_net, LT_TIE_TIED, &o);
    }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* Another network than the one that is saved would have gone on with. */
static void pretrainings_assert_equal(lt_tie tie, const lt_pretrain_opts *given)
{
    lt_net *a = dense_net(2 * (int)tie), *b = dense_net(2 * (int)tie);
    lt_pretrain_opts o = *given;
    lt_observer watch = memory_observer(&whole);
    lt_status rc = LT_EINTERRUPTED;
    lt_err err = {0};
    keeper k;
    int n = 0;

    o.observer = &watch;
    if (lt_pretrain(a, &o, &err) != LT_OK)
        fail_msg("%s", err.text);
    keeper_init(&k);
    watch = memory_observer(&parts);
    o.saver = &k.saver;
    for (; rc == LT_EINTERRUPTED; n++) {
        parts.stop_at = parts.polls + 1 + (int)lt_rng_below(&chance, 17);
        rc = lt_pretrain(b, &o, &err);
        if (rc == LT_EINTERRUPTED) {
            lt_net_free(b);
            b = dense_net(2 * (int)tie);
            keeper_reopen(&k);
        }
    }
    if (rc != LT_OK)
        fail_msg("%s", err.text);
    assert_true(n > 3);
    events_assert_equal(&whole, &parts);
    params_assert_equal(a, b);
    keeper_drop(&k);
    lt_net_free(a);
    lt_net_free(b);
}

static void every_pretraining_goes_on(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(50, D, 2);

    (void)state;
    for (int method = 0; method < 3; method++)
        for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
            lt_pretrain_opts o =
                lt_pretrain_defaults((lt_pretrain_method)method);

            o.train = train;
            o.test = tie % 2 ? test : NULL;
            o.epochs = 7;
            o.batch = BATCH;
            o.cd = tie == LT_TIE_UNROLLED ? 3 : 1;
            o.seed = 9;
            pretrainings_assert_equal((lt_tie)tie, &o);
        }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* ---- when, and what for ---- */

static void snapshots_are_taken_when_they_are_due(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_for(train, NULL);
    lt_net *a = dense_net(0), *b = dense_net(0);
    keeper k;

    (void)state;
    keeper_init(&k);
    k.due_every = 5;
    assert_int_equal(lt_fit(a, &o, NULL, NULL), LT_OK);
    o.saver = &k.saver;
    assert_int_equal(lt_fit(b, &o, NULL, NULL), LT_OK);
    assert_int_equal(k.asked, 4 * 11);
    assert_int_equal(k.saved, 8);
    params_assert_equal(a, b); /* to be saved moves nothing */
    keeper_drop(&k);
    lt_net_free(a);
    lt_net_free(b);
    lt_dataset_free(train);
}

static void expect_refusal(lt_net *net, const lt_fit_opts *o, const char *text)
{
    lt_err err = {0};
    lt_status rc = lt_fit(net, o, NULL, &err);

    if (rc != LT_EFORMAT || !strstr(err.text, text))
        fail_msg("%s: %s", lt_status_name(rc), err.text);
    lt_net_free(net);
}

static void other_snapshots_are_refused(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_for(train, NULL);
    lt_pretrain_opts p = lt_pretrain_defaults(LT_PRETRAIN_RBM);
    lt_net *net = dense_net(0);
    lt_observer watch = memory_observer(&whole);
    lt_err err = {0};
    keeper k;

    (void)state;
    keeper_init(&k);
    o.observer = &watch;
    o.saver = &k.saver;
    whole.stop_at = 36;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_EINTERRUPTED);
    keeper_reopen(&k);
    whole.stop_at = 0;
    expect_refusal(variational_net(0), &o, "net.params: found ");
    o.optimizer = lt_opt_defaults(LT_OPT_SGD);
    o.optimizer.momentum = 0.5;
    o.epochs = 3;
    expect_refusal(dense_net(0), &o,
                   "epoch 3, batch 2, step 35 of a fit of 3 epochs of 11");
    o = opts_for(train, NULL);
    o.saver = &k.saver;
    o.batch = 20;
    expect_refusal(dense_net(0), &o, "of a fit of 4 epochs of 6 batches");
    p.train = train;
    p.saver = &k.saver;
    assert_int_equal(lt_pretrain(net, &p, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "pretrain.at: found 0 numbers"));
    keeper_drop(&k);
    lt_net_free(net);
    lt_dataset_free(train);
}

static lt_net *spoilt;

/* A parameter that no longer is a number, and a stop. */
static bool stop_spoilt(void *self)
{
    (void)self;
    lt_net_params(spoilt)[3] = (lt_real)NAN;
    return true;
}

static void parameters_that_are_not_finite_are_refused(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_for(train, NULL);
    lt_net *net = dense_net(0);
    lt_observer watch = memory_observer(&whole);
    keeper k;

    (void)state;
    keeper_init(&k);
    watch.should_stop = stop_spoilt;
    spoilt = net;
    o.observer = &watch;
    o.saver = &k.saver;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_EINTERRUPTED);
    keeper_reopen(&k);
    expect_refusal(dense_net(0), &o, "a parameter is not finite");
    keeper_drop(&k);
    lt_net_free(net);
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimiser_goes_on),
        cmocka_unit_test(every_refresh_goes_on),
        cmocka_unit_test(noise_and_averages_go_on),
        cmocka_unit_test(objectives_go_on),
        cmocka_unit_test(sparse_networks_go_on),
        cmocka_unit_test(every_pretraining_goes_on),
        cmocka_unit_test(snapshots_are_taken_when_they_are_due),
        cmocka_unit_test(other_snapshots_are_refused),
        cmocka_unit_test(parameters_that_are_not_finite_are_refused),
    };

    lt_rng_init(&chance, 5, "chance");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
