/* Optimisers: the first steps by hand, decay on weights only, frozen parts
 * and their state, refused settings. Ten steps against PyTorch are in
 * test_reference.c. */
#include "net_fixture.h"

#include "latent/base/mem.h"
#include "latent/opt/optimizer.h"

enum { MAX_PARAMS = 128 };

static lt_net *small(lt_tie tie)
{
    lt_net *net = fixture_net(
        (fixture_spec){6, 5, 3, LT_ACT_TANH, LT_ACT_SIGMOID, tie, 1});

    fixture_shake(net, 0.5, 2);
    assert_true(lt_net_n_params(net) <= MAX_PARAMS);
    return net;
}

static lt_opt *start(const lt_opt_spec *spec, lt_net *net)
{
    lt_opt *opt = NULL;
    lt_err err = {0};

    if (lt_opt_new(spec, net, &opt, &err) != LT_OK)
        fail_msg("%s", err.text);
    return opt;
}

static void set_gradient(lt_net *net, uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "gradient");
    for (size_t i = 0; i < lt_net_n_params(net); i++)
        lt_net_grads(net)[i] = (lt_real)lt_rng_normal(&rng);
}

static void plain_descent_subtracts_rate_times_gradient(void **state)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_SGD);
    lt_net *net = small(LT_TIE_UNTIED);
    lt_opt *opt = start(&spec, net);
    lt_real before[MAX_PARAMS];
    size_t n = lt_net_n_params(net);

    (void)state;
    set_gradient(net, 1);
    memcpy(before, lt_net_params(net), n * sizeof *before);
    lt_opt_step(opt, NULL);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(lt_net_params(net)[i] - before[i] +
                         0.01 * lt_net_grads(net)[i]) < 1e-6);
    assert_int_equal(lt_opt_steps(opt), 1);
    lt_opt_free(opt);
    lt_net_free(net);
}

/* The first step of Adam is the rate in the gradient's direction. */
static void adam_starts_with_steps_of_the_rate(void **state)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
    lt_net *net = small(LT_TIE_TIED);
    lt_opt *opt = start(&spec, net);
    lt_real before[MAX_PARAMS];
    size_t n = lt_net_n_params(net);

    (void)state;
    set_gradient(net, 1);
    memcpy(before, lt_net_params(net), n * sizeof *before);
    lt_opt_step(opt, NULL);
    for (size_t i = 0; i < n; i++) {
        double wanted = lt_net_grads(net)[i] > 0 ? -0.001 : 0.001;

        assert_true(fabs(lt_net_params(net)[i] - before[i] - wanted) < 1e-6);
    }
    lt_opt_free(opt);
    lt_net_free(net);
}

/* Ten steps against Adam in double. Of a beta2 rounded to float before it is
 * taken from 1, four digits are left at 0.9999 and three at 0.99999. */
static void adam_keeps_its_digits_with_a_beta2_near_one(void **state)
{
    const double beta2[] = {0.999, 0.9999, 0.99999};

    (void)state;
    for (int k = 0; k < 3; k++) {
        lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
        lt_net *net = small(LT_TIE_TIED);
        double m = 0, v = 0, w = 0;
        lt_opt *opt;

        spec.beta2 = beta2[k];
        opt = start(&spec, net);
        lt_net_params(net)[0] = 0;
        for (int t = 1; t <= 10; t++) {
            double g = lt_net_grads(net)[0] = (lt_real)0.3;

            lt_opt_step(opt, NULL);
            m = 0.9 * m + (1 - 0.9) * g;
            v = beta2[k] * v + (1 - beta2[k]) * g * g;
            w -= 0.001 * m / (1 - pow(0.9, t)) /
                 (sqrt(v / (1 - pow(beta2[k], t))) + 1e-8);
        }
        assert_true(fabs(lt_net_params(net)[0] / w - 1) < 3e-6);
        lt_opt_free(opt);
        lt_net_free(net);
    }
}

static void decay_acts_on_weights_only(void **state)
{
    (void)state;
    for (int tie = 0; tie < LT_TIE_UNROLLED; tie++) {
        lt_opt_spec spec = lt_opt_defaults(LT_OPT_SGD);
        lt_net *net = small((lt_tie)tie);
        lt_real before[MAX_PARAMS], *w = lt_net_params(net);
        lt_opt *opt;
        int n = 0;
        const lt_segment *s = lt_net_segments(net, &n);

        spec.rate = 0.5;
        spec.weight_decay = 0.1;
        opt = start(&spec, net);
        memcpy(before, w, lt_net_n_params(net) * sizeof *before);
        lt_opt_step(opt, NULL); /* gradients are 0 */
        for (int i = 0; i < n; i++)
            for (size_t j = s[i].offset; j < s[i].offset + s[i].count; j++) {
                double kept = s[i].is_weight ? 0.95 : 1;

                assert_true(fabs(w[j] - kept * before[j]) < 1e-6);
            }
        lt_opt_free(opt);
        lt_net_free(net);
    }
}

/* Steps with a layer frozen leave its parameters and its state as they were:
 * after unfreezing it goes on as if those steps had not been. */
static void frozen_parts_keep_parameters_and_state(void **state)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_SGD);
    lt_net *a = small(LT_TIE_UNTIED), *b = small(LT_TIE_UNTIED);
    const lt_layer *l = lt_net_layer(a, 1);
    lt_opt *opt_a, *opt_b;
    const lt_real *before;

    (void)state;
    spec.momentum = 0.9;
    opt_a = start(&spec, a);
    opt_b = start(&spec, b);
    for (int i = 0; i < 2; i++) {
        set_gradient(a, 1);
        set_gradient(b, 1);
        lt_opt_step(opt_a, NULL);
        lt_opt_step(opt_b, NULL);
    }
    assert_int_equal(lt_net_freeze_layer(a, 1, true, NULL), LT_OK);
    set_gradient(a, 2);
    lt_opt_step(opt_a, NULL);
    before = lt_net_params(b);
    assert_memory_equal(lt_net_params(a) + l->weight, before + l->weight,
                        (l->weight_count + l->bias_count) * sizeof *before);
    assert_true(memcmp(lt_net_params(a), before, l->weight * sizeof *before));
    assert_int_equal(lt_net_freeze_layer(a, 1, false, NULL), LT_OK);
    set_gradient(a, 3);
    set_gradient(b, 3);
    lt_opt_step(opt_a, NULL);
    lt_opt_step(opt_b, NULL);
    assert_memory_equal(lt_net_params(a) + l->weight, before + l->weight,
                        (l->weight_count + l->bias_count) * sizeof *before);
    lt_opt_free(opt_a);
    lt_opt_free(opt_b);
    lt_net_free(a);
    lt_net_free(b);
}

/* The encoder can be trained under a decoder that only copies it. */
static void derived_weights_are_left_to_their_tie(void **state)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
    lt_net *net = small(LT_TIE_MIRRORED);
    const lt_layer *dec = lt_net_layer(net, 3);
    lt_opt *opt;
    lt_real before[MAX_PARAMS];

    (void)state;
    spec.weight_decay = 0.1;
    opt = start(&spec, net);
    set_gradient(net, 1);
    memcpy(before, lt_net_params(net), lt_net_n_params(net) * sizeof *before);
    lt_opt_step(opt, NULL);
    assert_memory_equal(before + dec->weight, lt_net_params(net) + dec->weight,
                        dec->weight_count * sizeof *before);
    assert_true(memcmp(before + dec->bias, lt_net_params(net) + dec->bias,
                       dec->bias_count * sizeof *before) != 0);
    assert_true(memcmp(before, lt_net_params(net), 30 * sizeof *before) != 0);
    lt_opt_free(opt);
    lt_net_free(net);
}

static void steps_lower_the_loss(void **state)
{
    (void)state;
    for (int kind = 0; kind < LT_OPT_COUNT; kind++) {
        lt_opt_spec spec = lt_opt_defaults((lt_opt_kind)kind);
        lt_net *net = small(LT_TIE_TIED);
        lt_tape *tape = fixture_tape(net, 8, true, NULL);
        lt_opt *opt = start(&spec, net);
        double first, last = 0;

        fixture_batch(8 * 6, lt_tape_input(tape), 1);
        first = fixture_loss(net, tape, 8, LT_LOSS_BCE, true);
        for (int i = 0; i < 200; i++) {
            lt_opt_step(opt, NULL);
            last = fixture_loss(net, tape, 8, LT_LOSS_BCE, true);
        }
        assert_true(last < 0.97 * first);
        lt_opt_free(opt);
        lt_tape_free(tape);
        lt_net_free(net);
    }
}

static void bad_settings_are_refused(void **state)
{
    const struct {
        lt_opt_spec spec;
        const char *message;
    } cases[] = {
        {{.kind = LT_OPT_SGD}, "rate is 0, wanted above 0"},
        {{.kind = LT_OPT_SGD, .rate = NAN}, "rate is nan, wanted above 0"},
        {{.kind = LT_OPT_SGD, .rate = 1, .momentum = 1},
         "sgd: momentum is 1, wanted at least 0 and below 1"},
        {{.kind = LT_OPT_SGD, .rate = 1, .nesterov = true},
         "sgd: nesterov wants a momentum above 0"},
        {{.kind = LT_OPT_SGD, .rate = 1, .weight_decay = -1},
         "weight_decay is -1, wanted at least 0"},
        {{.kind = LT_OPT_ADAM, .rate = 1, .beta1 = 1, .epsilon = 1},
         "adam: beta1 is 1, wanted at least 0 and below 1"},
        {{.kind = LT_OPT_ADAM, .rate = 1, .beta2 = -1, .epsilon = 1},
         "adam: beta2 is -1, wanted at least 0 and below 1"},
        {{.kind = LT_OPT_ADAM, .rate = 1},
         "adam: epsilon is 0, wanted above "
         "0"},
    };
    lt_net *net = small(LT_TIE_UNTIED);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_opt *opt = NULL;
        lt_err err = {0};

        assert_int_equal(lt_opt_new(&cases[i].spec, net, &opt, &err),
                         LT_EINVAL);
        assert_string_equal(err.text, cases[i].message);
        assert_null(opt);
    }
    lt_net_free(net);
}

static void failed_allocations_are_reported(void **state)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
    lt_net *net = small(LT_TIE_UNTIED);
    lt_opt *opt = NULL;

    (void)state;
    for (int n = 0; n < 3; n++) {
        lt_mem_fail_after(n);
        assert_int_equal(lt_opt_new(&spec, net, &opt, NULL), LT_ENOMEM);
        lt_mem_fail_after(-1);
        assert_null(opt);
    }
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_descent_subtracts_rate_times_gradient),
        cmocka_unit_test(adam_starts_with_steps_of_the_rate),
        cmocka_unit_test(adam_keeps_its_digits_with_a_beta2_near_one),
        cmocka_unit_test(decay_acts_on_weights_only),
        cmocka_unit_test(frozen_parts_keep_parameters_and_state),
        cmocka_unit_test(derived_weights_are_left_to_their_tie),
        cmocka_unit_test(steps_lower_the_loss),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(failed_allocations_are_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
