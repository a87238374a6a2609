/* Every loss and every penalty against central differences, in double: alone
 * and together, tied and not, for one layer and for several. */
#include "objective_fixture.h"

enum { D = 6, H = 5, K = 3, ROWS = 4 };

_Static_assert(sizeof(lt_real) == 8, "gradient checks are made in double");

static lt_net_spec two_layers(lt_act act, lt_act output, lt_tie tie)
{
    static lt_layer_spec encoder[2];

    encoder[0] = (lt_layer_spec){.kind = "dense", .units = H, .act = act};
    encoder[1] = (lt_layer_spec){.kind = "dense", .units = K, .act = act};
    return (lt_net_spec){.input = lt_shape_flat(D),
                         .encoder = encoder,
                         .n_encoder = 2,
                         .output = output,
                         .tie = tie,
                         .seed = 1};
}

/* ---- losses ---- */

static void huber_gradients_match_differences(void **state)
{
    const lt_act outputs[] = {LT_ACT_LINEAR, LT_ACT_SIGMOID, LT_ACT_SELU};
    const double widths[] = {0.05, 0.4, 10}; /* lines, both, squares */

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
            lt_objective o = lt_objective_of(LT_LOSS_HUBER);
            lt_net_spec spec = two_layers(LT_ACT_TANH, outputs[i], (lt_tie)tie);
            subject s;

            o.huber_delta = widths[i];
            s = subject_make(&o, &spec, ROWS);
            subject_check(&s, "huber");
            subject_free(&s);
        }
}

static void multinomial_gradients_match_differences(void **state)
{
    const lt_objective o = lt_objective_of(LT_LOSS_MULTINOMIAL);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net_spec spec = two_layers(LT_ACT_TANH, LT_ACT_SOFTMAX, (lt_tie)tie);
        subject s = subject_make(&o, &spec, ROWS);

        for (size_t i = 0; i < s.n; i++) /* a row without words too */
            s.target[i] = i < D ? 0 : (lt_real)(i % 4 == 1 ? i : 0);
        subject_check(&s, "multinomial");
        subject_free(&s);
    }
}

static void masked_gradients_match_differences(void **state)
{
    const lt_objective o = lt_objective_of(LT_LOSS_MASKED_MSE);
    const lt_act outputs[] = {LT_ACT_LINEAR, LT_ACT_TANH};

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
            lt_net_spec spec = two_layers(LT_ACT_SELU, outputs[i], (lt_tie)tie);
            subject s = subject_make(&o, &spec, ROWS);

            for (size_t j = 0; j < s.n; j++)
                if (j < D || j % 3 == 0) {
                    s.x[j] = 0;
                    s.target[j] = (lt_real)NAN;
                }
            subject_check(&s, "masked_mse");
            subject_free(&s);
        }
}

/* ---- variational codes ---- */

/* The divergence's gradient goes on to the layers below a frozen code. */
static void frozen_codes_pass_the_divergence_on(void **state)
{
    static const lt_layer_spec encoder[2] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "gaussian_code", .units = K}};
    const lt_objective o = lt_objective_of(LT_LOSS_BCE);

    (void)state;
    for (int frozen = 0; frozen < 4; frozen++) {
        lt_net_spec spec = two_layers(LT_ACT_TANH, LT_ACT_SIGMOID, LT_TIE_TIED);
        subject s;

        spec.encoder = encoder;
        s = subject_make(&o, &spec, ROWS);
        assert_int_equal(lt_net_freeze_layer(s.net, frozen, true, NULL), LT_OK);
        subject_check(&s, "frozen");
        subject_free(&s);
    }
}

static void variational_gradients_match_differences(void **state)
{
    static const lt_layer_spec encoder[2] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "gaussian_code", .units = K}};
    const double betas[] = {0, 1, 3.5};
    lt_objective o = lt_objective_of(LT_LOSS_BCE);

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int tie = 0; tie < LT_TIE_COUNT; tie++)
            for (int first = 0; first < 2; first++) {
                lt_net_spec spec =
                    two_layers(LT_ACT_TANH, LT_ACT_SIGMOID, (lt_tie)tie);
                subject s;

                o.beta = betas[i];
                spec.encoder = encoder + first;
                spec.n_encoder = 2 - first;
                s = subject_make(&o, &spec, ROWS);
                subject_check(&s, "variational");
                subject_free(&s);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(huber_gradients_match_differences),
        cmocka_unit_test(multinomial_gradients_match_differences),
        cmocka_unit_test(masked_gradients_match_differences),
        cmocka_unit_test(variational_gradients_match_differences),
        cmocka_unit_test(frozen_codes_pass_the_divergence_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
