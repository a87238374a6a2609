/* Training: what it tells, what it promises, and how it ends. */
#include "train_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

enum { N = 103, D = 24, BATCH = 10, STEPS = 11 };

static lt_net *small_net(lt_tie tie, lt_act output)
{
    net_plan p = {.width = D,
                  .units = {16, 5},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = output,
                  .tie = tie,
                  .refresh = LT_REFRESH_EPOCH,
                  .seed = 3};

    return net_make(&p);
}

static lt_fit_opts small_opts(const lt_dataset *train, lt_opt_kind kind)
{
    lt_fit_opts o = {.train = train,
                     .objective.loss = LT_LOSS_BCE,
                     .optimizer = lt_opt_defaults(kind),
                     .epochs = 2,
                     .batch = BATCH,
                     .seed = 1};

    return o;
}

static void fit_ok(lt_net *net, const lt_fit_opts *o, lt_fit_result *out)
{
    lt_err err = {0};

    if (lt_fit(net, o, out, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static void event_check(const memory *m, const char *name, int nth,
                        int64_t step, double epoch)
{
    const memory_event *e = memory_find(m, name, nth);

    if (!e)
        fail_msg("%s was emitted %d times", name, nth);
    assert_int_equal(e->step, step);
    assert_true(fabs(e->epoch - epoch) < 1e-12);
    assert_true(isfinite(e->value));
}

static void fit_emits_metrics_by_epoch_and_step(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(50, D, 2);
    lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_fit_result r;

    (void)state;
    o.test = test;
    o.observer = &observer;
    o.log_every = 4;
    o.first_step = 100;
    o.first_epoch = 5;
    fit_ok(net, &o, &r);
    event_check(&m, "train.loss", 0, 111, 6);
    event_check(&m, "train.sse", 1, 122, 7);
    event_check(&m, "test.loss", 1, 122, 7);
    event_check(&m, "test.sse", 0, 111, 6);
    assert_int_equal(memory_count(&m, "step.loss"), 5);
    event_check(&m, "step.loss", 0, 104, 5 + 4.0 / STEPS);
    event_check(&m, "step.loss", 4, 120, 6 + 9.0 / STEPS);
    assert_int_equal(m.n, 2 * 4 + 5);
    assert_int_equal(r.last.epoch, 7);
    assert_int_equal(r.last.step, 122);
    assert_true(r.last.test.sse == memory_find(&m, "test.sse", 1)->value);
    assert_true(r.seconds > 0 && r.examples_per_second > 0);
    assert_int_equal(m.polls, 2 * STEPS);
    lt_net_free(net);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

/* With a rate so small that nothing moves, the means over an epoch's batches
 * are those of the set: each example was used once, the last three too. */
static void fit_uses_the_last_short_batch(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    lt_terms mean;
    lt_fit_result r;

    (void)state;
    o.epochs = 1;
    o.optimizer.rate = 1e-30;
    fit_ok(net, &o, &r);
    assert_int_equal(r.last.step, STEPS);
    assert_int_equal(lt_evaluate(net, train, LT_LOSS_BCE, NULL, &mean, NULL),
                     LT_OK);
    assert_true(fabs(r.last.train.loss - mean.loss) < 1e-5 * mean.loss);
    assert_true(fabs(r.last.train.sse - mean.sse) < 1e-5 * mean.sse);
    assert_true(isnan(r.last.test.sse));
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_gives_the_same_bits_for_a_seed_on_any_threads(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
        lt_net *a = small_net((lt_tie)tie, LT_ACT_SIGMOID);
        lt_net *b = small_net((lt_tie)tie, LT_ACT_SIGMOID);
        lt_net *c = small_net((lt_tie)tie, LT_ACT_SIGMOID);
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
        fit_ok(a, &o, NULL);
        o.pool = pool;
        fit_ok(b, &o, NULL);
        params_assert_equal(a, b);
        o.seed = 2;
        fit_ok(c, &o, NULL);
        assert_memory_not_equal(lt_net_params(a), lt_net_params(c),
                                lt_net_n_params(a) * sizeof(lt_real));
        lt_net_free(a);
        lt_net_free(b);
        lt_net_free(c);
        lt_pool_free(pool);
    }
    lt_dataset_free(train);
}

/* Large enough that products and sweeps are cut into pieces. */
static void fit_gives_the_same_bits_on_two_threads_when_large(void **state)
{
    lt_dataset *train = patterns_make(300, 700, 1);
    net_plan p = {.width = 700,
                  .units = {400, 30},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_SIGMOID,
                  .seed = 3};
    lt_net *a = net_make(&p), *b = net_make(&p);
    lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
    lt_pool *pool = NULL;

    (void)state;
    o.batch = 100;
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    fit_ok(a, &o, NULL);
    o.pool = pool;
    fit_ok(b, &o, NULL);
    params_assert_equal(a, b);
    lt_pool_free(pool);
    lt_net_free(a);
    lt_net_free(b);
    lt_dataset_free(train);
}

/* Plain descent has no state, so two fits of one epoch are one of two. */
static void fit_goes_on_where_another_ended(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *whole = small_net(LT_TIE_TIED, LT_ACT_SIGMOID);
    lt_net *parts = small_net(LT_TIE_TIED, LT_ACT_SIGMOID);

    (void)state;
    fit_ok(whole, &o, NULL);
    o.epochs = 1;
    fit_ok(parts, &o, NULL);
    o.first_epoch = 1;
    o.first_step = STEPS;
    fit_ok(parts, &o, NULL);
    params_assert_equal(whole, parts);
    lt_net_free(whole);
    lt_net_free(parts);
    lt_dataset_free(train);
}

static void fit_allocates_nothing_after_its_start(void **state)
{
    static const struct {
        lt_tie tie;
        lt_opt_kind optimizer;
        lt_loss loss;
        int threads;
    } cases[] = {
        {LT_TIE_UNTIED, LT_OPT_ADAM, LT_LOSS_BCE, 1},
        {LT_TIE_TIED, LT_OPT_SGD, LT_LOSS_BCE, 2},
        {LT_TIE_UNROLLED, LT_OPT_SGD, LT_LOSS_MSE, 1},
        {LT_TIE_MIRRORED, LT_OPT_ADAM, LT_LOSS_MSE, 2},
    };
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_fit_opts o = small_opts(train, cases[i].optimizer);
        lt_net *net = small_net(cases[i].tie, LT_ACT_SIGMOID);
        static memory m;
        lt_observer observer = memory_observer(&m);

        o.observer = &observer;
        o.epochs = 5;
        o.log_every = 1;
        o.test = train;
        o.objective.loss = cases[i].loss;
        assert_int_equal(lt_pool_new(cases[i].threads, &o.pool, NULL), LT_OK);
        fit_ok(net, &o, NULL);
        assert_int_equal(m.polls, 5 * STEPS);
        assert_int_equal(m.allocation_changes, 0);
        lt_net_free(net);
        lt_pool_free(o.pool);
    }
    lt_dataset_free(train);
}

static void fit_reports_divergence_with_its_step(void **state)
{
    lt_dataset *train = plane_make(N, D, 3, 0.1, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_LINEAR);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_fit_result r;
    lt_err err = {0};
    char wanted[80];

    (void)state;
    o.objective.loss = LT_LOSS_MSE;
    o.optimizer.rate = 1e18;
    o.observer = &observer; /* and no log_every: emitted all the same */
    assert_int_equal(lt_fit(net, &o, &r, &err), LT_EDIVERGED);
    assert_true(m.n > 0 && m.n < 3);
    assert_string_equal(m.events[m.n - 1].name, "step.loss");
    assert_false(isfinite(m.events[m.n - 1].value));
    snprintf(wanted, sizeof wanted,
             "diverged at step %d (epoch 1): ", (int)m.events[m.n - 1].step);
    assert_memory_equal(err.text, wanted, strlen(wanted));
    assert_int_equal(r.last.step, m.events[m.n - 1].step - 1);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* Whatever a tie makes of weights that are not finite, it is divergence. */
static void fit_diverges_alike_with_every_tie(void **state)
{
    lt_dataset *train = plane_make(N, D, 3, 0.1, 1);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++)
        for (int when = LT_REFRESH_STEP; when <= LT_REFRESH_EPOCH; when++) {
            net_plan p = {.width = D,
                          .units = {5},
                          .n = 1,
                          .tie = (lt_tie)tie,
                          .refresh = (lt_refresh)when,
                          .seed = 3};
            lt_fit_opts o = small_opts(train, LT_OPT_SGD);
            lt_net *net = net_make(&p);

            o.objective.loss = LT_LOSS_MSE;
            o.optimizer.rate = 1e308;
            assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_EDIVERGED);
            lt_net_free(net);
        }
    lt_dataset_free(train);
}

/* One step, whose loss is fine and whose update is not. */
static void fit_reports_divergence_of_the_last_step(void **state)
{
    lt_dataset *train = plane_make(N, D, 3, 0.1, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_LINEAR);
    lt_err err = {0};

    (void)state;
    o.objective.loss = LT_LOSS_MSE;
    o.optimizer.rate = 1e308;
    o.epochs = 1;
    o.batch = N;
    o.test = train;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EDIVERGED);
    assert_non_null(strstr(err.text, "diverged at step 1 (epoch 1): "));
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_stops_at_the_step_when_asked(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_fit_result r;
    lt_err err = {0};

    (void)state;
    o.observer = &observer;
    m.stop_at = STEPS + 4;
    assert_int_equal(lt_fit(net, &o, &r, &err), LT_EINTERRUPTED);
    assert_int_equal(r.last.step, STEPS + 3);
    assert_int_equal(r.last.epoch, 1);
    assert_int_equal(memory_count(&m, "train.loss"), 1);
    lt_net_free(net);
    lt_dataset_free(train);
}

static lt_status stop_after_two(void *self, const lt_epoch_report *report,
                                bool *stop, lt_err *err)
{
    (void)self;
    (void)err;
    *stop = report->epoch == 2;
    return LT_OK;
}

static lt_status callback_fails(void *self, const lt_epoch_report *report,
                                bool *stop, lt_err *err)
{
    (void)self;
    (void)report;
    (void)stop;
    return lt_err_set(err, LT_ECALLBACK, "script.lua:7: no");
}

static void fit_obeys_on_epoch(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    lt_fit_result r;
    lt_err err = {0};

    (void)state;
    o.epochs = 50;
    o.on_epoch = stop_after_two;
    fit_ok(net, &o, &r);
    assert_int_equal(r.last.epoch, 2);
    o.on_epoch = callback_fails;
    assert_int_equal(lt_fit(net, &o, &r, &err), LT_ECALLBACK);
    assert_string_equal(err.text, "script.lua:7: no");
    assert_int_equal(r.last.epoch, 1);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_of_no_epochs_only_evaluates(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *test = patterns_make(50, D, 2);
    lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    lt_net *same = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    lt_terms a, b;
    lt_fit_result r;

    (void)state;
    o.epochs = 0;
    o.test = test;
    fit_ok(net, &o, &r);
    params_assert_equal(net, same);
    assert_int_equal(lt_evaluate(net, train, LT_LOSS_BCE, NULL, &a, NULL),
                     LT_OK);
    assert_int_equal(lt_evaluate(net, test, LT_LOSS_BCE, NULL, &b, NULL),
                     LT_OK);
    assert_true(fabs(r.last.train.loss - a.loss) < 1e-6 * a.loss);
    assert_true(fabs(r.last.test.sse - b.sse) < 1e-6 * b.sse);
    assert_int_equal(r.last.epoch, 0);
    lt_net_free(net);
    lt_net_free(same);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

/* Decoders that copy the encoder do so before anything is evaluated: what was
 * reported is what the network that is left gives. */
static void fit_reports_the_network_that_it_leaves(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
        lt_net *net = small_net((lt_tie)tie, LT_ACT_SIGMOID);
        lt_terms mean;
        lt_fit_result r;

        o.test = train;
        fit_ok(net, &o, &r);
        assert_int_equal(lt_net_refresh(net, LT_REFRESH_EPOCH, NULL), LT_OK);
        assert_int_equal(
            lt_evaluate(net, train, LT_LOSS_BCE, NULL, &mean, NULL), LT_OK);
        assert_true(fabs(r.last.test.loss - mean.loss) < 1e-6 * mean.loss);
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

static void fit_lowers_the_loss_with_every_tie(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
        lt_net *net = small_net((lt_tie)tie, LT_ACT_SIGMOID);
        static memory m;
        lt_observer observer = memory_observer(&m);

        o.observer = &observer;
        o.epochs = 40;
        o.optimizer.rate = 0.01;
        fit_ok(net, &o, NULL);
        assert_true(memory_find(&m, "train.loss", 39)->value <
                    0.9 * memory_find(&m, "train.loss", 0)->value);
        lt_net_free(net);
    }
    lt_dataset_free(train);
}

static void fit_refuses_what_it_cannot_do(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1), *wide = patterns_make(5, 30, 1);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    lt_fit_opts good = small_opts(train, LT_OPT_SGD), bad[6];
    const char *messages[] = {"batch is 0",      "epochs is -1", "log_every",
                              "no training set", "test set",     "rate"};

    (void)state;
    for (int i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].batch = 0;
    bad[1].epochs = -1;
    bad[2].log_every = -3;
    bad[3].train = NULL;
    bad[4].test = wide;
    bad[5].optimizer.rate = 0;
    for (int i = 0; i < 6; i++) {
        lt_err err = {0};

        assert_int_equal(lt_fit(net, &bad[i], NULL, &err), LT_EINVAL);
        if (!strstr(err.text, messages[i]))
            fail_msg("\"%s\" lacks \"%s\"", err.text, messages[i]);
    }
    lt_net_free(net);
    lt_dataset_free(wide);
    lt_dataset_free(train);
}

static void fit_tells_progress_a_few_times_a_second(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_SGD);
    lt_net *net = small_net(LT_TIE_UNTIED, LT_ACT_SIGMOID);
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_fit_result r;

    (void)state;
    o.observer = &observer;
    o.epochs = 100;
    fit_ok(net, &o, &r);
    assert_true(m.told >= 1 && m.told <= 2 + 5.1 * r.seconds);
    assert_string_equal(m.phase, "fit");
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_survives_every_failed_allocation(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = small_opts(train, LT_OPT_ADAM);
    lt_net *net = small_net(LT_TIE_TIED, LT_ACT_SIGMOID);
    lt_status rc = LT_ENOMEM;

    (void)state;
    o.test = train;
    for (int n = 0; rc == LT_ENOMEM && n < 100; n++) {
        lt_mem_fail_after(n);
        rc = lt_fit(net, &o, NULL, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    lt_net_free(net);
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_emits_metrics_by_epoch_and_step),
        cmocka_unit_test(fit_uses_the_last_short_batch),
        cmocka_unit_test(fit_gives_the_same_bits_for_a_seed_on_any_threads),
        cmocka_unit_test(fit_gives_the_same_bits_on_two_threads_when_large),
        cmocka_unit_test(fit_goes_on_where_another_ended),
        cmocka_unit_test(fit_allocates_nothing_after_its_start),
        cmocka_unit_test(fit_reports_divergence_with_its_step),
        cmocka_unit_test(fit_reports_divergence_of_the_last_step),
        cmocka_unit_test(fit_diverges_alike_with_every_tie),
        cmocka_unit_test(fit_stops_at_the_step_when_asked),
        cmocka_unit_test(fit_obeys_on_epoch),
        cmocka_unit_test(fit_of_no_epochs_only_evaluates),
        cmocka_unit_test(fit_reports_the_network_that_it_leaves),
        cmocka_unit_test(fit_lowers_the_loss_with_every_tie),
        cmocka_unit_test(fit_refuses_what_it_cannot_do),
        cmocka_unit_test(fit_tells_progress_a_few_times_a_second),
        cmocka_unit_test(fit_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
