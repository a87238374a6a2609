/* Gradients of every kind of layer and of its mirror against central
 * differences, in double: free, tied, and with each layer frozen in turn. */
#include "layers_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 5 };

_Static_assert(sizeof(lt_real) == 8, "gradient checks are made in double");

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

/* 0 where both are rounding errors of the differences. */
static double segment_difference(size_t n, const lt_real *a, const lt_real *b)
{
    double size = 0;

    for (size_t i = 0; i < n; i++)
        size += fabs(a[i]) + fabs(b[i]);
    return size < 1e-8 ? 0 : fixture_difference(n, a, b);
}

static void check_segments(lt_net *net, lt_tape *tape, lt_loss loss,
                           const char *what)
{
    int n = 0;
    const lt_segment *s = lt_net_segments(net, &n);
    const lt_real *g = lt_net_grads(net);
    lt_real *numeric = malloc(lt_net_n_params(net) * sizeof *numeric);

    for (int i = 0; i < n; i++) {
        double difference;

        for (size_t j = 0; j < s[i].count; j++)
            numeric[j] = s[i].is_frozen
                             ? 0
                             : numeric_one(net, tape, loss, s[i].offset + j);
        difference = segment_difference(s[i].count, g + s[i].offset, numeric);
        if (!(difference < 1e-6))
            fail_msg("%s: layer %d: relative error %g", what, s[i].layer,
                     difference);
    }
    free(numeric);
}

/* Shakes weights, and scales and averages that must stay above 0. */
static void shake(lt_net *net)
{
    lt_real *state = lt_net_state(net);

    fixture_shake(net, 0.6, 17);
    for (size_t i = 0; i < lt_net_n_state(net); i++)
        state[i] = 0.5 + 0.1 * (double)(i % 7);
}

static void check_one(const layers_case *c, lt_tie tie, int frozen)
{
    lt_net *net = layers_net(c, tie, 1);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    char what[128];

    snprintf(what, sizeof what, "%s, tie %s, layer %d frozen", c->name,
             lt_tie_name(tie), frozen);
    shake(net);
    fixture_batch((size_t)(ROWS * lt_shape_elements(c->input)),
                  lt_tape_input(tape), 5);
    lt_tape_draw(tape, 7, 3);
    if (frozen >= 0)
        assert_int_equal(lt_net_freeze_layer(net, frozen, true, NULL), LT_OK);
    fixture_loss(net, tape, ROWS, c->loss, true);
    check_segments(net, tape, c->loss, what);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++)
        check_one(&layers_cases[i], LT_TIE_UNTIED, -1);
}

static void tied_gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++)
        if (!layers_cases[i].decoder[0].kind) {
            check_one(&layers_cases[i], LT_TIE_TIED, -1);
            check_one(&layers_cases[i], LT_TIE_MIRRORED, -1);
        }
}

static void gradients_match_with_each_layer_frozen(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++) {
        lt_net *net = layers_net(&layers_cases[i], LT_TIE_UNTIED, 1);
        int n = lt_net_n_layers(net);

        lt_net_free(net);
        for (int frozen = 0; frozen < n; frozen++)
            check_one(&layers_cases[i], LT_TIE_UNTIED, frozen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(tied_gradients_match_differences),
        cmocka_unit_test(gradients_match_with_each_layer_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
