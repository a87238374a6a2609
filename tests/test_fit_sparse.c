/* Fits on sets of ratings: the same as on arrays with gaps, with held-out
 * targets, with dense re-feeding, and however they end. In float here, in
 * double by grad_fit_sparse.c. */
#include "ratings_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

enum { USERS = 83, ITEMS = 40, BATCH = 10 };

static const double tolerance = sizeof(lt_real) == 4 ? 2e-4 : 1e-9;

static lt_net *dropout_net(lt_tie tie, bool is_sparse)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = 12, .act = LT_ACT_SELU},
        {.kind = "dense", .units = 7, .act = LT_ACT_SELU},
        {.kind = "dropout", .amount = 0.3}};
    const lt_net_spec spec = {.input = lt_shape_flat(ITEMS),
                              .encoder = encoder,
                              .n_encoder = 3,
                              .output = LT_ACT_SELU,
                              .tie = tie,
                              .seed = 6,
                              .is_sparse = is_sparse};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static lt_fit_opts opts_for(const lt_dataset *train, const lt_dataset *test)
{
    lt_fit_opts o = {.train = train,
                     .test = test,
                     .objective = lt_objective_of(LT_LOSS_MASKED_MSE),
                     .optimizer = lt_opt_defaults(LT_OPT_SGD),
                     .epochs = 2,
                     .batch = BATCH,
                     .seed = 3};

    o.optimizer.momentum = 0.9;
    o.optimizer.rate = 0.01;
    return o;
}

static void fit_ok(lt_net *net, const lt_fit_opts *o, lt_fit_result *out)
{
    lt_err err = {0};

    if (lt_fit(net, o, out, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static void params_check(lt_net *a, lt_net *b)
{
    double difference = 0, size = 0;

    for (size_t i = 0; i < lt_net_n_params(a); i++) {
        double x = (double)lt_net_params(a)[i], y = (double)lt_net_params(b)[i];

        difference += (x - y) * (x - y);
        size += y * y;
    }
    if (!(sqrt(difference / size) < tolerance))
        fail_msg("parameters differ by %g", sqrt(difference / size));
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= tolerance * fabs(b)))
        fail_msg("found %.12g, wanted %.12g", a, b);
}

/* Fits a sparse network on the sets and on their dense twins. */
static void fits_check(lt_tie tie, int refeed, lt_opt_kind kind)
{
    lt_dataset *train = ratings_make(USERS, ITEMS, 1, 0);
    lt_dataset *test = ratings_make(30, ITEMS, 2, 3);
    lt_dataset *dense_train = ratings_twin(train);
    lt_dataset *dense_test = ratings_twin(test);
    lt_net *a = dropout_net(tie, true), *b = dropout_net(tie, true);
    lt_fit_opts o = opts_for(train, test);
    lt_fit_result ra, rb;

    o.refeed = refeed;
    if (kind == LT_OPT_ADAM) {
        o.optimizer = lt_opt_defaults(kind);
        o.optimizer.epsilon = 1e-4;
    }
    fit_ok(a, &o, &ra);
    o.train = dense_train;
    o.test = dense_test;
    fit_ok(b, &o, &rb);
    params_check(a, b);
    near(ra.last.train.loss, rb.last.train.loss);
    near(ra.last.test.rmse, rb.last.test.rmse);
    near(ra.last.test.rmse * ra.last.test.rmse, ra.last.test.loss);
    lt_net_free(a);
    lt_net_free(b);
    lt_dataset_free(train);
    lt_dataset_free(test);
    lt_dataset_free(dense_train);
    lt_dataset_free(dense_test);
}

static void fit_on_ratings_is_fit_on_arrays(void **state)
{
    const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED, LT_TIE_MIRRORED};

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int kind = 0; kind < LT_OPT_COUNT; kind++)
            for (int refeed = 0; refeed < 3; refeed++)
                fits_check(ties[i], refeed, (lt_opt_kind)kind);
}

/* One step and two re-fed ones by hand, without dropout. */
static void refeeding_learns_its_own_output(void **state)
{
    net_plan plan = {.width = ITEMS,
                     .units = {9},
                     .n = 1,
                     .act = LT_ACT_TANH,
                     .code_act = LT_ACT_TANH,
                     .output = LT_ACT_LINEAR,
                     .seed = 4,
                     .is_sparse = true};
    lt_net *net = net_make(&plan), *by_hand = net_make(&plan);
    lt_dataset *train = ratings_make(BATCH, ITEMS, 1, 0);
    lt_dataset *dense = ratings_twin(train);
    lt_fit_opts o = opts_for(train, NULL);
    lt_objective mse = lt_objective_of(LT_LOSS_MSE);
    size_t n = (size_t)BATCH * ITEMS;
    lt_real *target = lt_mem_zero(n, sizeof *target), *x;
    lt_tape *tape = NULL;
    lt_opt *opt = NULL;
    lt_sums sums;

    (void)state;
    o.epochs = 1;
    o.refeed = 2;
    fit_ok(net, &o, NULL);

    assert_int_equal(lt_tape_new(by_hand, BATCH, true, NULL, &tape, NULL),
                     LT_OK);
    assert_int_equal(lt_opt_new(&o.optimizer, by_hand, &opt, NULL), LT_OK);
    x = lt_tape_input(tape);
    lt_dataset_gather(dense, NULL, 0, BATCH, target);
    for (size_t i = 0; i < n; i++)
        x[i] = isnan(target[i]) ? 0 : target[i];
    lt_objective_gradient(&o.objective, by_hand, tape, NULL, BATCH, x, target,
                          &sums);
    for (int i = 0; i < 2; i++) {
        memcpy(x, lt_tape_activation(tape, 1), n * sizeof *x);
        lt_opt_step(opt, NULL);
        lt_objective_gradient(&mse, by_hand, tape, NULL, BATCH, x, x, &sums);
    }
    lt_opt_step(opt, NULL);
    params_check(net, by_hand);
    lt_opt_free(opt);
    lt_tape_free(tape);
    lt_mem_free(target);
    lt_net_free(net);
    lt_net_free(by_hand);
    lt_dataset_free(train);
    lt_dataset_free(dense);
}

static void refeed_wants_squared_errors(void **state)
{
    lt_dataset *train = patterns_make(20, ITEMS, 1);
    net_plan plan = {.width = ITEMS,
                     .units = {3},
                     .n = 1,
                     .output = LT_ACT_SIGMOID,
                     .seed = 1};
    lt_net *net = net_make(&plan);
    lt_fit_opts o = opts_for(train, NULL);
    lt_err err = {0};

    (void)state;
    o.objective = lt_objective_of(LT_LOSS_BCE);
    o.refeed = 1;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    assert_string_equal(err.text, "fit: refeed wants loss \"masked_mse\" or "
                                  "\"mse\", found \"bce\"");
    o.refeed = -1;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    o.refeed = 1;
    o.objective = lt_objective_of(LT_LOSS_MSE);
    fit_ok(net, &o, NULL);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* Stopped in the middle of an epoch, no row is behind. */
static void an_interrupted_fit_is_settled(void **state)
{
    lt_dataset *train = ratings_make(USERS, ITEMS, 1, 0);
    lt_dataset *dense = ratings_twin(train);
    lt_net *net[2] = {dropout_net(LT_TIE_UNTIED, true),
                      dropout_net(LT_TIE_UNTIED, true)};
    static memory m;
    lt_observer observer;

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_fit_opts o = opts_for(i ? dense : train, NULL);
        lt_err err = {0};

        observer = memory_observer(&m);
        m.stop_at = 6;
        o.observer = &observer;
        assert_int_equal(lt_fit(net[i], &o, NULL, &err), LT_EINTERRUPTED);
    }
    params_check(net[0], net[1]);
    lt_net_free(net[0]);
    lt_net_free(net[1]);
    lt_dataset_free(train);
    lt_dataset_free(dense);
}

static void steps_on_ratings_allocate_nothing(void **state)
{
    lt_dataset *train = ratings_make(USERS, ITEMS, 1, 0);
    lt_dataset *test = ratings_make(30, ITEMS, 2, 3);

    (void)state;
    for (int refeed = 0; refeed < 2; refeed++) {
        lt_net *net = dropout_net(LT_TIE_TIED, true);
        lt_fit_opts o = opts_for(train, test);
        static memory m;
        lt_observer observer = memory_observer(&m);

        o.observer = &observer;
        o.refeed = refeed;
        fit_ok(net, &o, NULL);
        assert_true(m.polls > 10);
        assert_int_equal(m.allocation_changes, 0);
        assert_int_equal(memory_count(&m, "test.rmse"), 2);
        lt_net_free(net);
    }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void memory_may_run_out(void **state)
{
    lt_dataset *train = ratings_make(USERS, ITEMS, 1, 0);
    lt_dataset *test = ratings_make(30, ITEMS, 2, 3);
    lt_net *net = dropout_net(LT_TIE_TIED, true);
    lt_fit_opts o = opts_for(train, test);
    lt_status rc = LT_ENOMEM;

    (void)state;
    o.epochs = 1;
    o.refeed = 1;
    for (int n = 0; rc != LT_OK; n++) {
        lt_err err = {0};

        lt_mem_fail_after(n);
        rc = lt_fit(net, &o, NULL, &err);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
        assert_true(n < 200);
    }
    lt_net_free(net);
    lt_dataset_free(train);
    lt_dataset_free(test);
}

/* An entry that is NaN is as good as none. */
static void unknown_entries_are_left_out(void **state)
{
    lt_dataset *train = ratings_make(USERS, ITEMS, 1, 0), *dense;
    lt_net *a = dropout_net(LT_TIE_UNTIED, true);
    lt_net *b = dropout_net(LT_TIE_UNTIED, true);
    lt_fit_opts o = opts_for(train, NULL);

    (void)state;
    lt_dataset_sparse(train)->value[5] = NAN;
    dense = ratings_twin(train);
    fit_ok(a, &o, NULL);
    o.train = dense;
    fit_ok(b, &o, NULL);
    assert_true(isfinite(lt_net_params(a)[0]));
    params_check(a, b);
    lt_net_free(a);
    lt_net_free(b);
    lt_dataset_free(train);
    lt_dataset_free(dense);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_on_ratings_is_fit_on_arrays),
        cmocka_unit_test(refeeding_learns_its_own_output),
        cmocka_unit_test(refeed_wants_squared_errors),
        cmocka_unit_test(an_interrupted_fit_is_settled),
        cmocka_unit_test(steps_on_ratings_allocate_nothing),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(unknown_entries_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
