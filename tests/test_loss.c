/* Losses against their definitions, far out on the sigmoid too. */
#include "net_fixture.h"

enum { D = 3, ROWS = 2, N = D * ROWS };

static lt_net *net_with(lt_act output)
{
    return fixture_net(
        (fixture_spec){D, 4, 2, LT_ACT_TANH, output, LT_TIE_UNTIED, 1});
}

static const lt_real logits[N] = {-3, -0.5f, 0, 0.25f, 2, 4};
static const lt_real target[N] = {0, 0.3f, 1, 0.5f, 0.9f, 0};

static void close_to(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-6 * (1 + fabs(wanted))))
        fail_msg("%.9g, wanted %.9g", found, wanted);
}

static void bce_is_the_cross_entropy_in_nats(void **state)
{
    lt_net *net = net_with(LT_ACT_SIGMOID);
    double loss = 0, sse = 0;
    lt_loss_sums with, without;
    lt_real delta[N];

    (void)state;
    lt_loss_compute(LT_LOSS_BCE, 1, net, NULL, ROWS, logits, target, delta,
                    &with);
    lt_loss_compute(LT_LOSS_BCE, 1, net, NULL, ROWS, logits, target, NULL,
                    &without);
    for (int i = 0; i < N; i++) {
        double y = 1 / (1 + exp(-(double)logits[i])), t = target[i];

        loss -= t * log(y) + (1 - t) * log(1 - y);
        sse += (y - t) * (y - t);
        close_to(delta[i], (y - t) / ROWS);
    }
    close_to(with.loss, loss);
    close_to(with.sse, sse);
    close_to(without.loss, loss);
    close_to(without.sse, sse);
    lt_net_free(net);
}

static void bce_stays_finite_for_wild_logits(void **state)
{
    lt_net *net = net_with(LT_ACT_SIGMOID);
    const lt_real wild[N] = {-1000, 1000, -1000, 1000, -90, 90};
    const lt_real wanted[N] = {0, 1, 1, 0, 0.5f, 0.5f};
    lt_real delta[N];
    lt_loss_sums sums;

    (void)state;
    lt_loss_compute(LT_LOSS_BCE, 1, net, NULL, ROWS, wild, wanted, delta,
                    &sums);
    close_to(sums.loss, 0 + 0 + 1000 + 1000 + 45 + 45);
    close_to(sums.sse, 0 + 0 + 1 + 1 + 0.25 + 0.25);
    for (int i = 0; i < N; i++)
        assert_true(isfinite(delta[i]));
    lt_net_free(net);
}

static void mse_divides_by_the_elements(void **state)
{
    lt_net *net = net_with(LT_ACT_LINEAR);
    lt_loss_sums with, without;
    lt_real delta[N];
    double sse = 0;

    (void)state;
    lt_loss_compute(LT_LOSS_MSE, 1, net, NULL, ROWS, logits, target, delta,
                    &with);
    lt_loss_compute(LT_LOSS_MSE, 1, net, NULL, ROWS, logits, target, NULL,
                    &without);
    for (int i = 0; i < N; i++) {
        double e = (double)logits[i] - target[i];

        sse += e * e;
        close_to(delta[i], 2 * e / (ROWS * D));
    }
    close_to(with.sse, sse);
    close_to(with.loss, sse / D);
    close_to(without.sse, sse);
    close_to(without.loss, sse / D);
    lt_net_free(net);
}

/* e = -3, -0.8, -1, -0.25, 1.1, 4 with delta 1: 2.5 + .32 + .5 + .03125 + .6 +
 * 3.5; slopes -1, -0.8, -1, -0.25, 1, 1. */
static void huber_is_square_near_and_line_far(void **state)
{
    const double slopes[N] = {-1, -0.8, -1, -0.25, 1, 1};
    lt_net *net = net_with(LT_ACT_LINEAR);
    lt_loss_sums with, without;
    lt_real delta[N];

    (void)state;
    lt_loss_compute(LT_LOSS_HUBER, 1, net, NULL, ROWS, logits, target, delta,
                    &with);
    lt_loss_compute(LT_LOSS_HUBER, 1, net, NULL, ROWS, logits, target, NULL,
                    &without);
    close_to(with.loss, (2.5 + 0.32 + 0.5 + 0.03125 + 0.6 + 3.5) / D);
    close_to(with.sse, 9 + 0.64 + 1 + 0.0625 + 1.21 + 16);
    close_to(with.weight, ROWS);
    close_to(without.loss, with.loss);
    for (int i = 0; i < N; i++)
        close_to(delta[i], slopes[i] / (ROWS * D));
    lt_loss_compute(LT_LOSS_HUBER, 100, net, NULL, ROWS, logits, target, delta,
                    &with);
    close_to(with.loss, with.sse / 2 / D);
    lt_net_free(net);
}

/* Logits log 1, log 2, log 5 give shares 1/8, 2/8, 5/8. */
static void multinomial_is_the_cross_entropy_of_counts(void **state)
{
    const lt_real z[N] = {
        (lt_real)log(1.0), (lt_real)log(2.0), (lt_real)log(5.0), 7, -3, 1000};
    const lt_real counts[N] = {4, 0, 4, 0, 0, 0};
    const double wanted[N] = {8 / 8.0 - 4, 2, 5 - 4, 0, 0, 0};
    lt_net *net = net_with(LT_ACT_SOFTMAX);
    lt_loss_sums with, without;
    lt_real delta[N];

    (void)state;
    lt_loss_compute(LT_LOSS_MULTINOMIAL, 1, net, NULL, ROWS, z, counts, delta,
                    &with);
    lt_loss_compute(LT_LOSS_MULTINOMIAL, 1, net, NULL, ROWS, z, counts, NULL,
                    &without);
    close_to(with.loss, 4 * log(8) + 4 * log(8.0 / 5));
    close_to(with.sse, 9 + 4 + 1);
    close_to(with.words, 8);
    close_to(with.weight, ROWS);
    close_to(without.loss, with.loss);
    close_to(without.sse, with.sse);
    for (int i = 0; i < N; i++)
        close_to(delta[i], wanted[i] / ROWS);
    assert_true(lt_loss_wants_logits(LT_LOSS_MULTINOMIAL, net));
    lt_net_free(net);
}

static void masked_mse_counts_known_entries_only(void **state)
{
    const lt_real gone = (lt_real)NAN;
    const lt_real some[N] = {gone, 0.3f, 1, 0.5f, gone, gone};
    const lt_real none[N] = {gone, gone, gone, gone, gone, gone};
    const double errors[N] = {0, -0.8, -1, -0.25, 0, 0};
    lt_net *net = net_with(LT_ACT_LINEAR);
    lt_loss_sums with, without;
    lt_real delta[N];

    (void)state;
    lt_loss_compute(LT_LOSS_MASKED_MSE, 1, net, NULL, ROWS, logits, some, delta,
                    &with);
    lt_loss_compute(LT_LOSS_MASKED_MSE, 1, net, NULL, ROWS, logits, some, NULL,
                    &without);
    close_to(with.loss, 0.64 + 1 + 0.0625);
    close_to(with.sse, with.loss);
    close_to(with.weight, 3);
    close_to(without.loss, with.loss);
    for (int i = 0; i < N; i++)
        close_to(delta[i], 2 * errors[i] / 3);
    lt_loss_compute(LT_LOSS_MASKED_MSE, 1, net, NULL, ROWS, logits, none, delta,
                    &with);
    assert_true(with.loss == 0 && with.weight == 0);
    for (int i = 0; i < N; i++)
        assert_true(delta[i] == 0);
    lt_net_free(net);
}

static void softmax_goes_with_multinomial_alone(void **state)
{
    lt_net *softmax = net_with(LT_ACT_SOFTMAX), *tanh = net_with(LT_ACT_TANH);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_loss_check(LT_LOSS_MULTINOMIAL, softmax, NULL), LT_OK);
    assert_int_equal(lt_loss_check(LT_LOSS_MULTINOMIAL, tanh, &err), LT_EINVAL);
    assert_string_equal(err.text, "loss \"multinomial\": output is \"tanh\", "
                                  "wanted \"softmax\"");
    for (int loss = 0; loss < LT_LOSS_COUNT; loss++)
        if (loss != LT_LOSS_MULTINOMIAL && loss != LT_LOSS_BCE) {
            err = (lt_err){0};
            assert_int_equal(lt_loss_check((lt_loss)loss, softmax, &err),
                             LT_EINVAL);
            assert_non_null(strstr(err.text, "which wants loss \"multinomial"));
        }
    lt_net_free(softmax);
    lt_net_free(tanh);
}

static void losses_know_the_outputs_they_go_with(void **state)
{
    (void)state;
    for (int act = 0; act < LT_ACT_ELEMENTWISE; act++) {
        lt_net *net = net_with((lt_act)act);
        bool is_sigmoid = act == LT_ACT_SIGMOID;
        lt_err err = {0};

        assert_int_equal(lt_loss_check(LT_LOSS_MSE, net, NULL), LT_OK);
        assert_int_equal(lt_loss_check(LT_LOSS_BCE, net, &err),
                         is_sigmoid ? LT_OK : LT_EINVAL);
        assert_int_equal(lt_loss_wants_logits(LT_LOSS_MSE, net),
                         act == LT_ACT_LINEAR);
        if (act == LT_ACT_TANH)
            assert_string_equal(err.text, "loss \"bce\": output is \"tanh\", "
                                          "wanted \"sigmoid\"");
        lt_net_free(net);
    }
}

static void names_are_found_and_others_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < LT_LOSS_COUNT; i++)
        assert_int_equal(lt_loss_find(lt_loss_name((lt_loss)i)), i);
    assert_int_equal(lt_loss_find("nll"), -1);
    assert_null(lt_loss_names()[LT_LOSS_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bce_is_the_cross_entropy_in_nats),
        cmocka_unit_test(bce_stays_finite_for_wild_logits),
        cmocka_unit_test(mse_divides_by_the_elements),
        cmocka_unit_test(huber_is_square_near_and_line_far),
        cmocka_unit_test(multinomial_is_the_cross_entropy_of_counts),
        cmocka_unit_test(masked_mse_counts_known_entries_only),
        cmocka_unit_test(softmax_goes_with_multinomial_alone),
        cmocka_unit_test(losses_know_the_outputs_they_go_with),
        cmocka_unit_test(names_are_found_and_others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
