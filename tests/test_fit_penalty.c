/* Training with penalties: what is told, that nothing is allocated after the
 * start, that failed allocations are survived, that training lowers each. */
#include "train_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

enum { D = 20, N = 110, BATCH = 25 };

static lt_net *small_net(lt_tie tie)
{
    const net_plan plan = {.width = D,
                           .units = {12, 6},
                           .n = 2,
                           .act = LT_ACT_TANH,
                           .code_act = LT_ACT_SIGMOID,
                           .output = LT_ACT_SIGMOID,
                           .tie = tie,
                           .seed = 1};

    return net_make(&plan);
}

static lt_objective every_penalty(void)
{
    lt_objective o = lt_objective_of(LT_LOSS_BCE);

    o.l1 = 1e-3, o.l2 = 2e-3, o.code_l1 = 0.1, o.sparsity = 0.2;
    o.contractive = 0.05, o.orthogonality = 0.01;
    return o;
}

static lt_fit_opts opts_of(const lt_dataset *train)
{
    return (lt_fit_opts){.train = train,
                         .test = train,
                         .objective = every_penalty(),
                         .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                         .epochs = 3,
                         .batch = BATCH,
                         .seed = 1};
}

static double told(const memory *m, const char *set, const char *term,
                   int epoch)
{
    char name[64];
    const memory_event *e;

    snprintf(name, sizeof name, "%s.%s", set, term);
    e = memory_find(m, name, epoch);
    if (!e)
        fail_msg("%s is not told", name);
    return e->value;
}

static void fit_tells_each_penalty_by_its_name(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_of(train);
    lt_net *net = small_net(LT_TIE_TIED);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.observer = &observer;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_OK);
    for (int i = 0; i < 2; i++)
        for (int epoch = 0; epoch < 3; epoch++) {
            const char *set = i ? "test" : "train";
            double parts = told(&m, set, "recon", epoch) +
                           1e-3 * told(&m, set, "l1", epoch) +
                           2e-3 * told(&m, set, "l2", epoch) +
                           0.1 * told(&m, set, "code_l1", epoch) +
                           0.2 * told(&m, set, "sparsity", epoch) +
                           0.05 * told(&m, set, "contractive", epoch) +
                           0.01 * told(&m, set, "orthogonality", epoch);

            assert_true(fabs(told(&m, set, "loss", epoch) - parts) <
                        1e-9 * parts);
        }
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_with_penalties_allocates_nothing_after_its_start(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_of(train);
    lt_net *net = small_net(LT_TIE_UNTIED);
    static memory m;
    lt_observer observer = memory_observer(&m);

    (void)state;
    o.observer = &observer;
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_OK);
    assert_true(m.polls > 10);
    assert_int_equal(m.allocation_changes, 0);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void fit_with_penalties_survives_failed_allocations(void **state)
{
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_of(train);
    lt_net *net = small_net(LT_TIE_TIED);
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    for (n = 0; rc == LT_ENOMEM && n < 100; n++) {
        lt_mem_fail_after(n);
        rc = lt_fit(net, &o, NULL, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 10);
    lt_net_free(net);
    lt_dataset_free(train);
}

/* What a fit that is given one penalty alone ends with, or without it. */
static double ends_with(const lt_dataset *d, lt_objective o, int term)
{
    lt_fit_opts opts = opts_of(d);
    lt_net *net = small_net(LT_TIE_UNTIED);
    lt_objective all = every_penalty();
    double value;
    lt_terms t;

    opts.objective = o;
    opts.epochs = 40;
    opts.optimizer.rate = 0.01;
    all.contractive_probes = 0;
    all.sparsity_target = o.sparsity_target;
    assert_int_equal(lt_fit(net, &opts, NULL, NULL), LT_OK);
    assert_int_equal(lt_evaluate_terms(net, d, &all, 1, NULL, &t, NULL), LT_OK);
    value = lt_term_value(&t, term);
    lt_net_free(net);
    return value;
}

/* The last batch is shorter (10 of 110); its examples count as the others. */
static void means_do_not_depend_on_how_batches_are_cut(void **state)
{
    lt_dataset *d = patterns_make(N, D, 1);
    lt_fit_opts o = opts_of(d);
    lt_net *net = small_net(LT_TIE_UNTIED);
    lt_fit_result r;

    (void)state;
    o.objective.contractive_probes = 0;
    o.objective.sparsity = 0; /* of a batch as a whole */
    o.epochs = 1;
    o.optimizer.rate = 1e-12; /* as good as not at all */
    assert_int_equal(lt_fit(net, &o, &r, NULL), LT_OK);
    for (int i = 0; i < LT_TERM_COUNT; i++) {
        double train = lt_term_value(&r.last.train, i);
        double test = lt_term_value(&r.last.test, i);

        if (isnan(train) ? !isnan(test) : !(fabs(train / test - 1) < 1e-5))
            fail_msg("%s: %g in training, %g in evaluation", lt_term_name(i),
                     train, test);
    }
    lt_net_free(net);
    lt_dataset_free(d);
}

static lt_status unfreeze(void *self, const lt_epoch_report *report, bool *stop,
                          lt_err *err)
{
    (void)stop;
    return report->epoch < 2 ? LT_OK : lt_net_freeze_layer(self, 0, false, err);
}

/* A normalisation that is unfrozen on the way has no Jacobian any more. */
static void what_on_epoch_unfreezes_is_checked(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "batchnorm",
         .momentum = 0.1,
         .epsilon = 1e-5,
         .act = LT_ACT_LINEAR},
        {.kind = "dense", .units = 3, .act = LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .seed = 1};
    lt_dataset *train = patterns_make(N, D, 1);
    lt_fit_opts o = opts_of(train);
    lt_net *net = NULL;
    lt_fit_result r;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    assert_int_equal(lt_fit(net, &o, NULL, NULL), LT_EINVAL);
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    o.on_epoch = unfreeze;
    o.on_epoch_self = net;
    assert_int_equal(lt_fit(net, &o, &r, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "encoder layer 1 (batchnorm) mixes"));
    assert_int_equal(r.last.epoch, 2);
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    o.epochs = 2; /* nothing comes after */
    assert_int_equal(lt_fit(net, &o, &r, NULL), LT_OK);
    lt_net_free(net);
    lt_dataset_free(train);
}

static int term_called(const char *name)
{
    for (int i = 0; i < LT_TERM_COUNT; i++)
        if (strcmp(lt_term_name(i), name) == 0)
            return i;
    fail_msg("no term %s", name);
    return -1;
}

static void each_penalty_gets_smaller_when_it_counts(void **state)
{
    lt_dataset *d = patterns_make(N, D, 1);
    lt_objective plain = lt_objective_of(LT_LOSS_BCE);
    struct {
        const char *name;
        lt_objective o;
        double share; /* of what it is without */
    } all[] = {{"l1", plain, 0.6},          {"l2", plain, 0.6},
               {"code_l1", plain, 0.6},     {"sparsity", plain, 0.3},
               {"contractive", plain, 0.6}, {"orthogonality", plain, 0.3}};

    (void)state;
    all[0].o.l1 = 0.02;
    all[1].o.l2 = 0.02;
    all[2].o.code_l1 = 0.5;
    all[3].o.sparsity = 2;
    all[4].o.contractive = 0.5;
    all[5].o.orthogonality = 0.5;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int term = term_called(all[i].name);
        double without = ends_with(d, plain, term);
        double with = ends_with(d, all[i].o, term);

        if (!(with < all[i].share * without))
            fail_msg("%s: %g, without it %g", all[i].name, with, without);
    }
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_tells_each_penalty_by_its_name),
        cmocka_unit_test(fit_with_penalties_allocates_nothing_after_its_start),
        cmocka_unit_test(fit_with_penalties_survives_failed_allocations),
        cmocka_unit_test(means_do_not_depend_on_how_batches_are_cut),
        cmocka_unit_test(what_on_epoch_unfreezes_is_checked),
        cmocka_unit_test(each_penalty_gets_smaller_when_it_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
