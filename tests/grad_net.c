/* Gradients against central differences, in double: every activation, loss,
 * tie and way of freezing; and the gradient of a tied weight against its two
 * uses in an untied network. Weights that a tie computes count as constants,
 * as they do in training. */
#include "net_fixture.h"

#include <stdio.h>

enum { D = 6, H = 5, K = 3, ROWS = 4, MAX_PARAMS = 256 };

_Static_assert(sizeof(lt_real) == 8, "gradient checks are made in double");

typedef enum {
    FREEZE_NONE,
    FREEZE_ENCODER,
    FREEZE_DECODER,
    FREEZE_SOME,
    FREEZE_COUNT
} freezing;

static void freeze(lt_net *net, freezing how)
{
    if (how == FREEZE_ENCODER)
        assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    if (how == FREEZE_DECODER)
        assert_int_equal(lt_net_freeze_decoder(net, true, NULL), LT_OK);
    if (how == FREEZE_SOME) {
        assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
        assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
    }
}

static double numeric_one(lt_net *net, lt_tape *tape, lt_loss loss, size_t i)
{
    const double step = 1e-5;
    lt_real *w = lt_net_params(net) + i, old = *w;
    double above, below;

    *w = old + step;
    above = fixture_loss(net, tape, ROWS, loss, false);
    *w = old - step;
    below = fixture_loss(net, tape, ROWS, loss, false);
    *w = old;
    return (above - below) / (2 * step);
}

static void check_segments(lt_net *net, lt_tape *tape, lt_loss loss,
                           const char *what)
{
    int n = 0;
    const lt_segment *s = lt_net_segments(net, &n);
    const lt_real *g = lt_net_grads(net);
    lt_real numeric[MAX_PARAMS];

    for (int i = 0; i < n; i++) {
        double difference;

        for (size_t j = 0; j < s[i].count; j++)
            numeric[j] = s[i].is_frozen
                             ? 0
                             : numeric_one(net, tape, loss, s[i].offset + j);
        difference = fixture_difference(s[i].count, g + s[i].offset, numeric);
        if (!(difference < 1e-6))
            fail_msg("%s: layer %d %s: relative error %g", what, s[i].layer,
                     s[i].is_weight ? "weight" : "bias", difference);
    }
}

static void check_one(fixture_spec f, lt_loss loss, freezing how)
{
    lt_net *net = fixture_net(f);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    char what[128];

    snprintf(what, sizeof what, "act %s, output %s, loss %s, tie %s, freeze %d",
             lt_act_name(f.act), lt_act_name(f.output), lt_loss_name(loss),
             lt_tie_name(f.tie), (int)how);
    assert_true(lt_net_n_params(net) <= MAX_PARAMS);
    fixture_shake(net, 0.6, 17);
    fixture_batch(ROWS * D, lt_tape_input(tape), 5);
    freeze(net, how);
    fixture_loss(net, tape, ROWS, loss, true);
    check_segments(net, tape, loss, what);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void check_all_ties(fixture_spec f, lt_loss loss)
{
    for (int tie = 0; tie < LT_TIE_COUNT; tie++)
        for (int how = 0; how < FREEZE_COUNT; how++) {
            f.tie = (lt_tie)tie;
            check_one(f, loss, (freezing)how);
        }
}

static void bce_gradients_match_differences(void **state)
{
    (void)state;
    for (int act = 0; act < LT_ACT_ELEMENTWISE; act++)
        check_all_ties((fixture_spec){D, H, K, (lt_act)act, LT_ACT_SIGMOID,
                                      LT_TIE_UNTIED, 1},
                       LT_LOSS_BCE);
}

static void mse_gradients_match_differences(void **state)
{
    (void)state;
    for (int act = 0; act < LT_ACT_ELEMENTWISE; act++)
        for (int output = 0; output < LT_ACT_ELEMENTWISE; output++)
            check_all_ties((fixture_spec){D, H, K, (lt_act)act, (lt_act)output,
                                          LT_TIE_UNTIED, 1},
                           LT_LOSS_MSE);
}

/* Gives the untied network the tied one's weights. */
static void copy_tied(lt_net *tied, lt_net *untied)
{
    for (int i = 0; i < 4; i++) {
        const lt_layer *t = lt_net_layer(tied, i), *u = lt_net_layer(untied, i);
        const lt_real *from = lt_net_params(tied) + t->weight;
        lt_real *to = lt_net_params(untied) + u->weight;
        int d = lt_shape_elements(u->in), h = lt_shape_elements(u->out);

        for (int r = 0; r < h; r++)
            for (int c = 0; c < d; c++)
                to[r * d + c] = from[t->is_transposed ? c * h + r : r * d + c];
        memcpy(lt_net_params(untied) + u->bias, lt_net_params(tied) + t->bias,
               u->bias_count * sizeof(lt_real));
    }
}

static void tied_gradient_is_the_sum_of_both_uses(void **state)
{
    fixture_spec f = {D, H, K, LT_ACT_TANH, LT_ACT_SIGMOID, LT_TIE_TIED, 3};
    lt_net *tied = fixture_net(f), *untied;
    lt_tape *a = fixture_tape(tied, ROWS, true, NULL), *b;

    (void)state;
    f.tie = LT_TIE_UNTIED;
    untied = fixture_net(f);
    b = fixture_tape(untied, ROWS, true, NULL);
    fixture_shake(tied, 0.6, 23);
    copy_tied(tied, untied);
    fixture_batch(ROWS * D, lt_tape_input(a), 5);
    fixture_batch(ROWS * D, lt_tape_input(b), 5);
    assert_true(fabs(fixture_loss(tied, a, ROWS, LT_LOSS_BCE, true) -
                     fixture_loss(untied, b, ROWS, LT_LOSS_BCE, true)) < 1e-14);
    for (int e = 0; e < 2; e++) {
        const lt_layer *enc = lt_net_layer(untied, e);
        const lt_layer *dec = lt_net_layer(untied, 3 - e);
        const lt_real *ge = lt_net_grads(untied) + enc->weight;
        const lt_real *gd = lt_net_grads(untied) + dec->weight;
        const lt_real *gt = lt_net_grads(tied) + lt_net_layer(tied, e)->weight;
        int d = lt_shape_elements(enc->in), h = lt_shape_elements(enc->out);

        for (int r = 0; r < h; r++)
            for (int c = 0; c < d; c++)
                assert_true(fabs(gt[r * d + c] - ge[r * d + c] -
                                 gd[c * h + r]) < 1e-14);
    }
    lt_tape_free(a);
    lt_tape_free(b);
    lt_net_free(tied);
    lt_net_free(untied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bce_gradients_match_differences),
        cmocka_unit_test(mse_gradients_match_differences),
        cmocka_unit_test(tied_gradient_is_the_sum_of_both_uses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
