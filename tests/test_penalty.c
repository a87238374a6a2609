/* Penalties: values worked out by hand, what they are refused for, and that
 * they neither allocate in a step nor depend on threads. */
#include "objective_fixture.h"

static void near_to(const char *what, double found, double wanted)
{
    double tolerance = 1e-6 * (1 + fabs(wanted));

    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%s: %.9g, wanted %.9g", what, found, wanted);
}

static lt_net_spec spec_of(const lt_layer_spec *encoder, int n, int d,
                           lt_tie tie)
{
    return (lt_net_spec){.input = lt_shape_flat(d),
                         .encoder = encoder,
                         .n_encoder = n,
                         .output = LT_ACT_LINEAR,
                         .tie = tie,
                         .seed = 1};
}

static void set(lt_net *net, int layer, const double *weight,
                const double *bias)
{
    const lt_layer *l = lt_net_layer(net, layer);

    for (size_t i = 0; weight && i < l->weight_count; i++)
        lt_net_params(net)[l->weight + i] = (lt_real)weight[i];
    for (size_t i = 0; i < l->bias_count; i++)
        lt_net_params(net)[l->bias + i] = (lt_real)bias[i];
}

/* Two examples of two numbers, one sigmoid unit. */
static subject small_make(const lt_objective *o, lt_tie tie)
{
    static const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = 1, .act = LT_ACT_SIGMOID}};
    static const double w1[] = {0.5, -2}, b1[] = {0.25};
    static const double w2[] = {3, -1}, b2[] = {7, 8};
    static const lt_real x[] = {1, 0, -1, 0.5};
    lt_net_spec spec = spec_of(encoder, 1, 2, tie);
    subject s = subject_make(o, &spec, 2);

    set(s.net, 0, w1, b1);
    set(s.net, 1, tie == LT_TIE_UNTIED ? w2 : NULL, b2);
    memcpy(s.x, x, sizeof x);
    memcpy(s.target, x, sizeof x);
    return s;
}

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* z = 0.75 and -1.25. */
static void small_terms_are_those_worked_out_by_hand(void **state)
{
    lt_objective o = lt_objective_of(LT_LOSS_MSE);
    double a = sigmoid(0.75), b = sigmoid(-1.25), r = (a + b) / 2;
    double sa = a * (1 - a), sb = b * (1 - b);
    double loss;
    subject s;
    lt_terms t;

    (void)state;
    o.l1 = 0.1, o.l2 = 0.2, o.code_l1 = 0.3, o.orthogonality = 0.4;
    o.sparsity = 0.5, o.sparsity_target = 0.25, o.contractive = 0.6;
    s = small_make(&o, LT_TIE_UNTIED);
    t = subject_terms(&s);
    near_to("l1", t.l1, 6.5);
    near_to("l2", t.l2, 0.25 + 4 + 9 + 1);
    near_to("code_l1", t.code_l1, r);
    near_to("sparsity", t.sparsity,
            0.25 * log(0.25 / r) + 0.75 * log(0.75 / (1 - r)));
    near_to("contractive", t.contractive, 4.25 * (sa * sa + sb * sb) / 2);
    near_to("orthogonality", t.orthogonality, 3.25 * 3.25);
    near_to("recon", t.recon, t.sse / 2);
    loss = t.recon + 0.1 * t.l1 + 0.2 * t.l2 + 0.3 * t.code_l1 +
           0.5 * t.sparsity + 0.6 * t.contractive + 0.4 * t.orthogonality;
    near_to("loss", t.loss, loss);
    subject_free(&s);
}

/* A tied weight counts once; a frozen one does not; nor does one that follows
 * the encoder's. Their gradients: a + 2 b w beside the loss's. */
static void weights_count_once_and_when_they_train(void **state)
{
    const struct {
        lt_tie tie;
        int frozen;
        double l1, l2;
    } all[] = {
        {LT_TIE_UNTIED, -1, 6.5, 14.25}, {LT_TIE_TIED, -1, 2.5, 4.25},
        {LT_TIE_UNTIED, 0, 4, 10},       {LT_TIE_UNTIED, 1, 2.5, 4.25},
        {LT_TIE_TIED, 0, 0, 0},          {LT_TIE_MIRRORED, -1, 2.5, 4.25},
        {LT_TIE_TIED, 1, 2.5, 4.25}};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lt_objective plain = lt_objective_of(LT_LOSS_MSE), o = plain;
        subject a, b;
        lt_terms t;

        o.l1 = 0.5, o.l2 = 0.25;
        a = small_make(&o, all[i].tie);
        b = small_make(&plain, all[i].tie);
        if (all[i].frozen >= 0) {
            lt_net_freeze_layer(a.net, all[i].frozen, true, NULL);
            lt_net_freeze_layer(b.net, all[i].frozen, true, NULL);
        }
        t = subject_terms(&a);
        subject_terms(&b);
        near_to("l1", t.l1, all[i].l1);
        near_to("l2", t.l2, all[i].l2);
        for (size_t j = 0; j < lt_net_n_params(a.net); j++) {
            const lt_layer *e = lt_net_layer(a.net, 0);
            const lt_layer *d = lt_net_layer(a.net, 1);
            double w = (double)lt_net_params(a.net)[j];
            bool first = j < 2 && !e->is_weight_frozen;
            bool second = j >= d->weight && j < d->weight + 2 &&
                          !d->is_borrowed && !d->is_weight_frozen;
            double wanted =
                first || second ? (w > 0 ? 0.5 : -0.5) + 0.5 * w : 0;

            near_to("gradient",
                    (double)lt_net_grads(a.net)[j] -
                        (double)lt_net_grads(b.net)[j],
                    wanted);
        }
        subject_free(&a);
        subject_free(&b);
    }
}

/* W (2,3) and (3,2), whose product with itself is the smaller one. */
static void orthogonality_takes_the_smaller_side(void **state)
{
    static const lt_layer_spec wide[] = {
        {.kind = "dense", .units = 2, .act = LT_ACT_LINEAR}};
    static const lt_layer_spec tall[] = {
        {.kind = "dense", .units = 3, .act = LT_ACT_LINEAR}};
    static const double w[] = {1, 0, 2, 0, 1, 1}, b[] = {0, 0, 0};
    static const double turned[] = {1, 0, 0, 1, 2, 1};
    lt_objective o = lt_objective_of(LT_LOSS_MSE);

    (void)state;
    o.orthogonality = 1;
    for (int i = 0; i < 2; i++) {
        lt_net_spec spec = spec_of(i ? tall : wide, 1, i ? 2 : 3, LT_TIE_TIED);
        subject s = subject_make(&o, &spec, 1);

        set(s.net, 0, i ? turned : w, b);
        /* W W' - I = {4, 2; 2, 1} */
        near_to("orthogonality", subject_terms(&s).orthogonality, 25);
        subject_free(&s);
    }
}

/* Units that are off, or on, to the last digit. */
static void sparsity_of_saturated_units_is_finite(void **state)
{
    lt_objective o = lt_objective_of(LT_LOSS_MSE);
    const double w[] = {0, 0}, off[] = {-1000}, on[] = {1000};

    (void)state;
    o.sparsity = 1, o.sparsity_target = 0.5;
    for (int i = 0; i < 2; i++) {
        subject s = small_make(&o, LT_TIE_UNTIED);
        lt_terms t;

        set(s.net, 0, w, i ? on : off);
        t = subject_terms(&s);
        near_to("sparsity", t.sparsity,
                0.5 * log(0.5 / 1e-6) + 0.5 * log(0.5 / (1 - 1e-6)));
        for (size_t j = 0; j < lt_net_n_params(s.net); j++)
            assert_true(isfinite(lt_net_grads(s.net)[j]));
        subject_free(&s);
    }
}

/* A NaN in the codes must reach the loss. */
static void penalties_pass_nan_on(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        lt_objective o = lt_objective_of(LT_LOSS_MSE);
        subject s;
        lt_terms t;

        o.sparsity = i == 0, o.code_l1 = i == 1, o.contractive = i == 2;
        s = small_make(&o, LT_TIE_UNTIED);
        s.x[0] = (lt_real)NAN;
        t = subject_terms(&s);
        assert_true(isnan(t.loss));
        assert_true(isnan(i == 0   ? t.sparsity
                          : i == 1 ? t.code_l1
                                   : t.contractive));
        subject_free(&s);
    }
}

/* ---- what is refused ---- */

static const lt_layer_spec two[] = {
    {.kind = "dense", .units = 4, .act = LT_ACT_TANH},
    {.kind = "dense", .units = 3, .act = LT_ACT_RELU}};
static const lt_layer_spec normal[] = {
    {.kind = "dense", .units = 4, .act = LT_ACT_LINEAR},
    {.kind = "batchnorm",
     .momentum = 0.1,
     .epsilon = 1e-5,
     .act = LT_ACT_SIGMOID}};

static const lt_layer_spec variational[] = {
    {.kind = "dense", .units = 4, .act = LT_ACT_TANH},
    {.kind = "gaussian_code", .units = 2}};

static void refused(const lt_objective *o, const lt_layer_spec *encoder,
                    const char *wanted)
{
    lt_net_spec spec = spec_of(encoder, 2, 5, LT_TIE_UNTIED);
    lt_net *net = subject_net(&spec);
    lt_err err = {0};

    assert_int_equal(lt_objective_check(o, net, &err), LT_EINVAL);
    assert_string_equal(err.text, wanted);
    lt_net_free(net);
}

static void what_does_not_go_is_named(void **state)
{
    lt_objective o = lt_objective_of(LT_LOSS_MSE);

    (void)state;
    o.l1 = -1;
    refused(&o, two, "objective: l1 is -1, wanted 0 or more");
    o.l1 = 0, o.orthogonality = NAN;
    refused(&o, two, "objective: orthogonality is nan, wanted 0 or more");
    o.orthogonality = 0, o.sparsity = 1;
    refused(&o, two,
            "objective: sparsity wants a code of sigmoid units, but encoder "
            "layer 2 (dense) gives \"relu\"");
    o.sparsity_target = 1;
    refused(&o, normal,
            "objective: sparsity_target is 1, wanted above 0 and below 1");
    o.sparsity = 0, o.contractive = 1, o.contractive_probes = -2;
    refused(&o, two, "objective: contractive_probes is -2, wanted 0 or more");
    o.contractive_probes = 0;
    refused(&o, normal,
            "objective: contractive wants layers with a Jacobian of each "
            "example, but encoder layer 2 (batchnorm) mixes the examples of a "
            "batch unless it is frozen");
    refused(&o, variational,
            "objective: contractive wants layers with a Jacobian of each "
            "example, which encoder layer 2 (gaussian_code) has not");
    o.contractive = INFINITY;
    refused(&o, two, "objective: contractive is inf, wanted 0 or more");
}

static void what_goes_is_let_through(void **state)
{
    lt_net_spec spec = spec_of(normal, 2, 5, LT_TIE_UNTIED);
    lt_net *net = subject_net(&spec);
    lt_objective o = lt_objective_of(LT_LOSS_MSE);

    (void)state;
    o.sparsity = 1;
    assert_int_equal(lt_objective_check(&o, net, NULL), LT_OK);
    o.contractive = 1;
    assert_int_equal(lt_objective_check(&o, net, NULL), LT_EINVAL);
    assert_int_equal(lt_net_freeze_layer(net, 1, true, NULL), LT_OK);
    assert_int_equal(lt_objective_check(&o, net, NULL), LT_OK);
    lt_net_free(net);
}

/* ---- a step ---- */

enum { WIDTH = 90, ROWS = 60 };

static const lt_layer_spec deep[] = {
    {.kind = "dense", .units = 130, .act = LT_ACT_SIGMOID},
    {.kind = "dense", .units = 40, .act = LT_ACT_TANH},
    {.kind = "dense", .units = 12, .act = LT_ACT_SIGMOID}};

static lt_objective every_penalty(int probes)
{
    lt_objective o = lt_objective_of(LT_LOSS_MSE);

    o.l1 = 1e-3, o.l2 = 1e-2, o.code_l1 = 0.1, o.sparsity = 0.2;
    o.contractive = 0.3, o.orthogonality = 0.01;
    o.contractive_probes = probes;
    return o;
}

static void results_do_not_depend_on_threads(void **state)
{
    lt_net_spec spec = spec_of(deep, 3, WIDTH, LT_TIE_TIED);

    (void)state;
    for (int probes = 0; probes < 3; probes++) {
        lt_objective o = every_penalty(probes);
        subject one = subject_make(&o, &spec, ROWS);
        lt_terms wanted = subject_terms(&one);

        for (int threads = 2; threads <= 4; threads++) {
            subject s = subject_make(&o, &spec, ROWS);
            lt_terms found;

            lt_tape_free(s.tape);
            assert_int_equal(lt_pool_new(threads, &s.pool, NULL), LT_OK);
            s.tape = fixture_tape(s.net, ROWS, true, s.pool);
            assert_int_equal(lt_objective_reserve(&o, s.tape, NULL), LT_OK);
            lt_tape_draw(s.tape, 9, 3);
            s.x = one.x;
            found = subject_terms(&s);
            assert_memory_equal(&found, &wanted, sizeof found);
            assert_memory_equal(lt_net_grads(s.net), lt_net_grads(one.net),
                                lt_net_n_params(s.net) * sizeof(lt_real));
            subject_free(&s);
            lt_pool_free(s.pool);
        }
        subject_free(&one);
    }
}

static void steps_allocate_nothing(void **state)
{
    lt_net_spec spec = spec_of(deep, 3, WIDTH, LT_TIE_UNTIED);

    (void)state;
    for (int probes = 0; probes < 2; probes++) {
        lt_objective o = every_penalty(probes);
        subject s = subject_make(&o, &spec, ROWS);
        int64_t before = lt_mem_allocations();

        subject_terms(&s);
        assert_int_equal(lt_mem_allocations(), before);
        subject_free(&s);
    }
}

/* With no penalty a step is what it was without them, to the bit, and nothing
 * is reserved. */
static void no_penalty_costs_nothing(void **state)
{
    lt_net_spec spec = spec_of(deep, 3, WIDTH, LT_TIE_TIED);
    lt_objective o = lt_objective_of(LT_LOSS_MSE);
    subject s = subject_make(&o, &spec, ROWS), plain;
    lt_tape *tape = fixture_tape(s.net, ROWS, true, NULL);
    int64_t before = lt_mem_allocations();
    lt_terms t = subject_terms(&s);
    double loss;

    (void)state;
    assert_int_equal(lt_objective_reserve(&o, tape, NULL), LT_OK);
    assert_int_equal(lt_mem_allocations(), before);
    lt_tape_free(tape);
    plain = subject_make(&o, &spec, ROWS);
    loss = fixture_loss(plain.net, plain.tape, ROWS, LT_LOSS_MSE, true);
    assert_true(t.loss == loss);
    assert_memory_equal(lt_net_grads(s.net), lt_net_grads(plain.net),
                        lt_net_n_params(s.net) * sizeof(lt_real));
    for (int i = 0; i < LT_TERM_COUNT; i++)
        assert_true(isnan(lt_term_value(&t, i)) ==
                    (strcmp(lt_term_name(i), "loss") != 0 &&
                     strcmp(lt_term_name(i), "sse") != 0));
    subject_free(&s);
    subject_free(&plain);
}

/* Evaluation, on a tape that keeps no activations, tells the same. */
static void evaluation_tells_what_training_tells(void **state)
{
    lt_net_spec spec = spec_of(deep, 3, WIDTH, LT_TIE_UNTIED);

    (void)state;
    for (int probes = 0; probes < 2; probes++) {
        lt_objective o = every_penalty(probes);
        subject s = subject_make(&o, &spec, ROWS);
        lt_tape *tape = fixture_tape(s.net, ROWS, false, NULL);
        lt_terms training = subject_terms(&s), found;
        lt_sums sums;

        assert_int_equal(lt_objective_reserve(&o, tape, NULL), LT_OK);
        lt_tape_draw(tape, 9, 3);
        lt_objective_value(&o, s.net, tape, NULL, ROWS, s.x, s.target, &sums);
        found = lt_sums_mean(&o, s.net, &sums);
        for (int i = 0; i < LT_TERM_COUNT; i++) {
            double a = lt_term_value(&training, i);
            double b = lt_term_value(&found, i);

            assert_true(isnan(a) ? isnan(b) : fabs(a - b) <= 1e-6 * fabs(a));
        }
        lt_tape_free(tape);
        subject_free(&s);
    }
}

static void reserve_survives_failed_allocations(void **state)
{
    lt_net_spec spec = spec_of(deep, 3, WIDTH, LT_TIE_UNTIED);
    lt_objective o = every_penalty(1);
    lt_net *net = subject_net(&spec);
    int64_t n = 0;
    lt_status rc = LT_ENOMEM;

    (void)state;
    for (int learns = 0; learns < 2; learns++) {
        rc = LT_ENOMEM;
        for (n = 0; rc != LT_OK; n++) {
            lt_tape *tape = fixture_tape(net, ROWS, learns, NULL);

            lt_mem_fail_after(n);
            rc = lt_objective_reserve(&o, tape, NULL);
            lt_mem_fail_after(-1);
            assert_true(rc == LT_OK || rc == LT_ENOMEM);
            if (rc != LT_OK) { /* the tape works as before */
                assert_non_null(lt_net_forward(net, tape, lt_tape_input(tape),
                                               ROWS, 0, 6, false));
            }
            lt_tape_free(tape);
        }
        assert_true(n > 2);
    }
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_terms_are_those_worked_out_by_hand),
        cmocka_unit_test(weights_count_once_and_when_they_train),
        cmocka_unit_test(orthogonality_takes_the_smaller_side),
        cmocka_unit_test(sparsity_of_saturated_units_is_finite),
        cmocka_unit_test(penalties_pass_nan_on),
        cmocka_unit_test(what_does_not_go_is_named),
        cmocka_unit_test(what_goes_is_let_through),
        cmocka_unit_test(results_do_not_depend_on_threads),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(no_penalty_costs_nothing),
        cmocka_unit_test(evaluation_tells_what_training_tells),
        cmocka_unit_test(reserve_survives_failed_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
