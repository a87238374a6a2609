/* Variational codes: what is drawn, what is told, what a mirror borrows, and
 * how training weighs the divergence. */
#include "objective_fixture.h"
#include "train_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

enum { D = 24, H = 7, K = 4 };

/* D-H-K and its mirror. */
static lt_net_spec variational(lt_tie tie)
{
    static const lt_layer_spec encoder[] = {
        {"dense", H, LT_ACT_TANH}, {.kind = "gaussian_code", .units = K}};

    return (lt_net_spec){.input = lt_shape_flat(D),
                         .encoder = encoder,
                         .n_encoder = 2,
                         .output = LT_ACT_SIGMOID,
                         .tie = tie,
                         .seed = 3};
}

static lt_net *net_new(lt_tie tie)
{
    lt_net_spec spec = variational(tie);

    return subject_net(&spec);
}

/* Every example has the same posterior: means 0.5, -1, 0, 0 and variances
 * exp(0.2), exp(-0.4), 1, 1, whose divergence is 0.670861402 nats. */
#define CONSTANT_KL 0.6708614021

static lt_net *constant_net(void)
{
    lt_net *net = net_new(LT_TIE_UNTIED);
    const lt_layer *code = lt_net_layer(net, 1);
    lt_real *w = lt_net_params(net), *bias = w + code->bias;

    memset(w + code->weight, 0, code->weight_count * sizeof *w);
    memset(bias, 0, code->bias_count * sizeof *bias);
    bias[0] = (lt_real)0.5;
    bias[1] = -1;
    bias[K] = (lt_real)0.2;
    bias[K + 1] = (lt_real)-0.4;
    return net;
}

static lt_terms terms_of(lt_net *net, const lt_dataset *set,
                         const lt_objective *o, uint64_t seed)
{
    lt_terms mean;
    lt_err err = {0};

    if (lt_evaluate_terms(net, set, o, seed, NULL, &mean, &err) != LT_OK)
        fail_msg("%s", err.text);
    return mean;
}

static void near_to(double found, double wanted)
{
    if (!(fabs(found - wanted) < 2e-6 * (1 + fabs(wanted))))
        fail_msg("%.9g, wanted %.9g", found, wanted);
}

/* ---- the layer ---- */

static void a_code_has_means_and_logarithms_of_variances(void **state)
{
    lt_net *net = net_new(LT_TIE_UNTIED);
    const lt_layer *code = lt_net_layer(net, 1), *mirror = lt_net_layer(net, 2);

    (void)state;
    assert_true(lt_net_is_variational(net));
    assert_int_equal(code->weight_count, 2 * K * H);
    assert_int_equal(code->bias_count, 2 * K);
    assert_int_equal(code->weight_dim[0], 2 * K);
    assert_int_equal(lt_shape_elements(lt_net_code(net)), K);
    assert_string_equal(mirror->spec.kind, "dense");
    assert_int_equal(mirror->spec.act, LT_ACT_TANH);
    assert_int_equal(mirror->weight_count, K * H);
    assert_int_equal(lt_net_n_params(net),
                     D * H + H + 2 * K * H + 2 * K + K * H + H + H * D + D);
    lt_net_free(net);
    net = net_new(LT_TIE_TIED);
    assert_int_equal(lt_net_n_params(net),
                     D * H + H + 2 * K * H + 2 * K + H + D);
    lt_net_free(net);
}

/* The mirror's weight is that of the means alone, whatever the tie. */
static void mirrors_borrow_the_means_half(void **state)
{
    const lt_tie ties[] = {LT_TIE_TIED, LT_TIE_UNROLLED, LT_TIE_MIRRORED};

    (void)state;
    for (int t = 0; t < 3; t++) {
        lt_net *net = net_new(ties[t]);
        const lt_layer *enc, *dec = lt_net_layer(net, 2);
        const lt_real *w, *v;

        fixture_shake(net, 0.5, 1);
        enc = lt_net_layer(net, 1);
        w = lt_net_params(net) + enc->weight;
        v = lt_net_params(net) + dec->weight;
        assert_int_equal(dec->mirror_of, 1);
        assert_int_equal(dec->is_borrowed, ties[t] == LT_TIE_TIED);
        for (int k = 0; k < K; k++)
            for (int h = 0; h < H; h++)
                assert_true(v[dec->is_transposed ? k * H + h : h * K + k] ==
                            w[k * H + h]);
        lt_net_free(net);
    }
}

/* A decoder that is written out may be tied as well. */
static void explicit_decoders_borrow_too(void **state)
{
    const lt_layer_spec decoder[] = {{"dense", H, LT_ACT_TANH},
                                     {"dense", D, LT_ACT_SIGMOID}};
    lt_net_spec spec = variational(LT_TIE_TIED);
    lt_net *mirror = subject_net(&spec), *net;

    (void)state;
    spec.decoder = decoder;
    spec.n_decoder = 2;
    net = subject_net(&spec);
    assert_true(lt_net_layer(net, 2)->is_borrowed);
    assert_int_equal(lt_net_layer(net, 2)->weight,
                     lt_net_layer(net, 1)->weight);
    params_assert_equal(net, mirror);
    lt_net_free(mirror);
    lt_net_free(net);
}

/* W+ W = 1 for the K means' rows of W (K,H), K < H: W W+ = 1. */
static void pinv_inverts_the_means_half(void **state)
{
    lt_net *net = net_new(LT_TIE_PINV);
    const lt_layer *enc = lt_net_layer(net, 1), *dec = lt_net_layer(net, 2);
    const lt_real *w = lt_net_params(net) + enc->weight;
    const lt_real *p = lt_net_params(net) + dec->weight; /* (H,K) */

    (void)state;
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            double sum = 0;

            for (int h = 0; h < H; h++)
                sum += (double)w[i * H + h] * (double)p[h * K + j];
            assert_true(fabs(sum - (i == j)) < 1e-5);
        }
    lt_net_free(net);
}

static void draws_are_normal_and_follow_the_step(void **state)
{
    enum { ROWS = 5000 };
    lt_net *net = constant_net();
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    static lt_real first[ROWS * K];
    const double mean[K] = {0.5, -1, 0, 0};
    const double sd[K] = {exp(0.1), exp(-0.2), 1, 1};
    lt_real *x = lt_tape_input(tape);

    (void)state;
    fixture_batch(ROWS * D, x, 1);
    for (int step = 0; step < 3; step++) {
        double sum[K] = {0}, squares[K] = {0};
        const lt_real *y;

        lt_tape_draw(tape, 5, step % 2);
        y = lt_net_forward(net, tape, x, ROWS, 0, 2, false);
        for (size_t i = 0; i < ROWS * K; i++) {
            double e = ((double)y[i] - mean[i % K]) / sd[i % K];

            sum[i % K] += e;
            squares[i % K] += e * e;
        }
        for (int k = 0; k < K; k++) { /* five standard errors */
            assert_true(fabs(sum[k] / ROWS) < 5 / sqrt(ROWS));
            assert_true(fabs(squares[k] / ROWS - 1) < 5 * sqrt(2.0 / ROWS));
        }
        if (step == 0)
            memcpy(first, y, sizeof first);
        assert_int_equal(memcmp(first, y, sizeof first) == 0, step != 1);
        near_to(lt_tape_kl(tape) / ROWS, CONSTANT_KL);
    }
    lt_tape_free(tape);
    lt_net_free(net);
}

static void codes_of_a_set_are_means(void **state)
{
    lt_net *net = constant_net();
    lt_dataset *set = patterns_make(20, D, 1), *codes = NULL;
    const float *values;

    (void)state;
    assert_int_equal(lt_evaluate_map(net, set, 0, 2, NULL, &codes, NULL),
                     LT_OK);
    values = lt_dataset_values(codes);
    for (int i = 0; i < 20; i++) {
        assert_true(fabs((double)values[i * K] - 0.5) < 1e-7);
        assert_true(fabs((double)values[i * K + 1] + 1) < 1e-7);
        assert_true(fabs((double)values[i * K + 2]) < 1e-7);
    }
    lt_dataset_free(codes);
    lt_dataset_free(set);
    lt_net_free(net);
}

static void places_and_sizes_are_checked(void **state)
{
    const lt_layer_spec early[] = {{.kind = "gaussian_code", .units = K},
                                   {"dense", 3, LT_ACT_TANH}};
    const lt_layer_spec none[] = {{.kind = "gaussian_code", .units = 0}};
    const lt_layer_spec right[] = {{.kind = "gaussian_code", .units = 2}};
    const lt_layer_spec late[] = {{.kind = "gaussian_code", .units = D}};
    lt_net_spec spec = variational(LT_TIE_UNTIED);
    lt_net *net = NULL;
    lt_err err = {0};

    (void)state;
    spec.encoder = early;
    assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
    assert_string_equal(err.text, "encoder layer 1 (gaussian_code): is a code, "
                                  "wanted as the encoder's last layer only");
    spec.encoder = right;
    spec.n_encoder = 1;
    spec.decoder = late;
    spec.n_decoder = 1;
    assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "decoder layer 1"));
    spec.n_decoder = 0;
    spec.encoder = none;
    assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "0 units, wanted 1 to"));
}

/* ---- evaluation ---- */

static void evaluation_tells_the_bound_and_its_parts(void **state)
{
    lt_net *net = constant_net();
    lt_dataset *set = patterns_make(1000, D, 1);
    lt_objective o = lt_objective_of(LT_LOSS_BCE);
    lt_terms one, same, other;

    (void)state;
    o.beta = 0.25;
    one = terms_of(net, set, &o, 1);
    same = terms_of(net, set, &o, 1);
    other = terms_of(net, set, &o, 2);
    near_to(one.kl, CONSTANT_KL);
    near_to(one.loss, one.recon + 0.25 * one.kl);
    near_to(one.bound, -(one.recon + one.kl));
    assert_true(one.active_units == 0);
    assert_memory_equal(&one, &same, sizeof one);
    assert_true(other.recon > 0 && other.recon < 2 * one.recon);
    assert_true(one.recon < other.recon || one.recon > other.recon);
    o.loss = LT_LOSS_MSE; /* no likelihood */
    one = terms_of(net, set, &o, 1);
    near_to(one.loss, one.recon + 0.25 * one.kl);
    assert_true(isnan(one.bound) && isfinite(one.kl));
    assert_int_equal(lt_evaluate(net, set, LT_LOSS_BCE, NULL, &one, NULL),
                     LT_OK);
    near_to(one.loss, one.recon); /* the loss alone */
    lt_dataset_free(set);
    lt_net_free(net);
}

/* Unit k's mean is element k of the example, 0 or 1, times 1 or 0.01: variances
 * of some 0.2 and 0.00002. */
static void units_are_active_whose_means_vary(void **state)
{
    const lt_layer_spec encoder[] = {{.kind = "gaussian_code", .units = K}};
    lt_net_spec spec = variational(LT_TIE_UNTIED);
    lt_dataset *set = patterns_make(1000, D, 1);
    lt_objective o = lt_objective_of(LT_LOSS_BCE);
    lt_net *net;
    lt_real *w;

    (void)state;
    spec.encoder = encoder;
    spec.n_encoder = 1;
    net = subject_net(&spec);
    w = lt_net_params(net);
    memset(w, 0, lt_net_n_params(net) * sizeof *w);
    assert_true(terms_of(net, set, &o, 1).active_units == 0);
    for (int k = 0; k < K; k++) {
        w[k * D + k] = k % 2 ? (lt_real)0.01 : 1;
        assert_true(terms_of(net, set, &o, 1).active_units == k / 2 + 1);
    }
    lt_dataset_free(set);
    lt_net_free(net);
}

static void threads_do_not_change_evaluations(void **state)
{
    lt_net *net = net_new(LT_TIE_TIED);
    lt_dataset *set = patterns_make(700, D, 1);
    lt_objective o = lt_objective_of(LT_LOSS_BCE);
    lt_terms one = terms_of(net, set, &o, 1), more;

    (void)state;
    for (int threads = 2; threads <= 3; threads++) {
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
        assert_int_equal(lt_evaluate_terms(net, set, &o, 1, pool, &more, NULL),
                         LT_OK);
        assert_memory_equal(&one, &more, sizeof one);
        lt_pool_free(pool);
    }
    lt_dataset_free(set);
    lt_net_free(net);
}

/* ---- training ---- */

static lt_fit_opts fit_opts(const lt_dataset *train, memory *m,
                            lt_observer *observer)
{
    *observer = memory_observer(m);
    return (lt_fit_opts){.train = train,
                         .objective = lt_objective_of(LT_LOSS_BCE),
                         .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                         .epochs = 4,
                         .batch = 10,
                         .seed = 1,
                         .observer = observer};
}

static void fit_ok(lt_net *net, const lt_fit_opts *o, lt_fit_result *out)
{
    lt_err err = {0};

    if (lt_fit(net, o, out, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static double value_of(const memory *m, const char *name, int nth)
{
    const memory_event *e = memory_find(m, name, nth);

    if (!e)
        fail_msg("%s was emitted %d times", name, nth);
    return e->value;
}

/* Steps too small to move anything: every batch's divergence is known, and
 * only its weight changes from step to step. */
static void the_divergence_warms_up_step_by_step(void **state)
{
    enum { STEPS = 40, WARM = 20 }; /* 10 a epoch */
    lt_dataset *train = patterns_make(100, D, 1);
    static memory plain, warm;
    lt_observer observers[2];
    lt_fit_opts o = fit_opts(train, &plain, &observers[0]);

    (void)state;
    o.optimizer.rate = 1e-30;
    o.log_every = 1;
    o.objective.beta = 0.5;
    for (int i = 0; i < 2; i++) {
        lt_net *net = constant_net();

        if (i == 1) {
            observers[1] = memory_observer(&warm);
            o.observer = &observers[1];
            o.kl_warmup = 2;
        }
        fit_ok(net, &o, NULL);
        lt_net_free(net);
    }
    for (int s = 0; s < STEPS; s++) {
        double missing = s + 1 < WARM ? 1 - (s + 1) / (double)WARM : 0;

        near_to(value_of(&plain, "step.loss", s) -
                    value_of(&warm, "step.loss", s),
                0.5 * missing * CONSTANT_KL);
    }
    near_to(value_of(&warm, "train.kl", 0), CONSTANT_KL); /* unweighted */
    near_to(value_of(&warm, "train.loss", 3),
            value_of(&warm, "train.recon", 3) + 0.5 * CONSTANT_KL);
    lt_dataset_free(train);
}

static void warming_up_wants_a_variational_code(void **state)
{
    lt_dataset *train = patterns_make(20, D, 1);
    static memory m;
    lt_observer observer;
    lt_fit_opts o = fit_opts(train, &m, &observer);
    lt_net *net =
        fixture_net((fixture_spec){D, H, K, LT_ACT_TANH, LT_ACT_SIGMOID, 0, 1});
    lt_err err = {0};

    (void)state;
    o.kl_warmup = 2;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    assert_string_equal(err.text, "fit: kl_warmup is 2, but the network's code "
                                  "is not variational (gaussian_code)");
    o.kl_warmup = 0;
    o.objective.beta = -1;
    assert_int_equal(lt_fit(net, &o, NULL, &err), LT_EINVAL);
    assert_string_equal(err.text, "objective: beta is -1, wanted 0 or more");
    lt_net_free(net);
    lt_dataset_free(train);
}

/* All terms by epoch, of both sets; allocates nothing from step to step; the
 * bound rises, and the patterns are told apart by some of the units. */
static void training_raises_the_bound_and_tells_every_part(void **state)
{
    const char *const names[] = {"recon", "kl", "bound", "active_units"};
    lt_dataset *train = patterns_make(400, D, 1),
               *test = patterns_make(99, D, 2);
    static memory m;
    lt_observer observer;
    lt_fit_opts o = fit_opts(train, &m, &observer);
    lt_net *net = net_new(LT_TIE_TIED);
    double first, last;

    (void)state;
    o.test = test;
    o.epochs = 30;
    o.optimizer.rate = 0.01;
    fit_ok(net, &o, NULL);
    assert_int_equal(m.allocation_changes, 0);
    for (int i = 0; i < 4; i++) {
        char name[40];

        snprintf(name, sizeof name, "train.%s", names[i]);
        assert_int_equal(memory_count(&m, name), 30);
        snprintf(name, sizeof name, "test.%s", names[i]);
        assert_int_equal(memory_count(&m, name), 30);
    }
    for (int i = 0; i < 30; i++)
        near_to(value_of(&m, "test.bound", i),
                -value_of(&m, "test.recon", i) - value_of(&m, "test.kl", i));
    first = value_of(&m, "test.bound", 0);
    last = value_of(&m, "test.bound", 29);
    assert_true(last > first + 2);
    assert_in_range((int)value_of(&m, "test.active_units", 29), 2, K);
    lt_net_free(net);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void training_gives_the_same_bits_on_any_threads(void **state)
{
    lt_dataset *train = patterns_make(103, D, 1);
    static memory m;
    lt_observer observer;
    lt_fit_opts o = fit_opts(train, &m, &observer);
    lt_net *one = net_new(LT_TIE_TIED);

    (void)state;
    fit_ok(one, &o, NULL);
    for (int threads = 2; threads <= 3; threads++) {
        lt_net *more = net_new(LT_TIE_TIED);

        assert_int_equal(lt_pool_new(threads, &o.pool, NULL), LT_OK);
        fit_ok(more, &o, NULL);
        params_assert_equal(one, more);
        lt_pool_free(o.pool);
        o.pool = NULL;
        lt_net_free(more);
    }
    lt_net_free(one);
    lt_dataset_free(train);
}

/* beta presses the code into the prior. */
static void a_large_beta_closes_the_code(void **state)
{
    lt_dataset *train = patterns_make(200, D, 1);
    static memory m;
    lt_observer observer;
    lt_fit_opts o = fit_opts(train, &m, &observer);
    lt_net *net = net_new(LT_TIE_UNTIED);
    lt_fit_result r;

    (void)state;
    o.objective.beta = 1000;
    o.epochs = 60;
    o.optimizer.rate = 0.01;
    fit_ok(net, &o, &r);
    assert_true(r.last.train.kl < 1e-3);
    assert_true(r.last.train.active_units == 0);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void every_failed_allocation_is_survived(void **state)
{
    lt_net *net = net_new(LT_TIE_TIED);
    lt_status rc = LT_ENOMEM;
    int i;

    (void)state;
    for (i = 0; rc == LT_ENOMEM && i < 50; i++) {
        lt_tape *tape = NULL;
        lt_err err = {0};

        lt_mem_fail_after(i);
        rc = lt_tape_new(net, 3, true, NULL, &tape, &err);
        lt_mem_fail_after(-1);
        assert_true((rc == LT_OK) == (tape != NULL));
        lt_tape_free(tape);
    }
    assert_int_equal(rc, LT_OK);
    assert_in_range(i, 5, 50);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_has_means_and_logarithms_of_variances),
        cmocka_unit_test(mirrors_borrow_the_means_half),
        cmocka_unit_test(explicit_decoders_borrow_too),
        cmocka_unit_test(pinv_inverts_the_means_half),
        cmocka_unit_test(draws_are_normal_and_follow_the_step),
        cmocka_unit_test(codes_of_a_set_are_means),
        cmocka_unit_test(places_and_sizes_are_checked),
        cmocka_unit_test(evaluation_tells_the_bound_and_its_parts),
        cmocka_unit_test(units_are_active_whose_means_vary),
        cmocka_unit_test(threads_do_not_change_evaluations),
        cmocka_unit_test(the_divergence_warms_up_step_by_step),
        cmocka_unit_test(warming_up_wants_a_variational_code),
        cmocka_unit_test(training_raises_the_bound_and_tells_every_part),
        cmocka_unit_test(training_gives_the_same_bits_on_any_threads),
        cmocka_unit_test(a_large_beta_closes_the_code),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
