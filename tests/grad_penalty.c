/* Penalties on weights and codes against central differences, in double: each
 * alone and all together, for every tie and way of freezing. */
#include "objective_fixture.h"

enum { D = 6, H = 5, K = 3, ROWS = 4 };

_Static_assert(sizeof(lt_real) == 8, "gradient checks are made in double");

typedef struct penalty_case {
    const char *name;
    lt_objective o;
} penalty_case;

/* Weights beside the loss; what is not named is 0. */
#define CASE(text, ...)                                                        \
    {                                                                          \
        text,                                                                  \
        {                                                                      \
            .loss = LT_LOSS_MSE, .huber_delta = 1, .sparsity_target = 0.2,     \
            __VA_ARGS__                                                        \
        }                                                                      \
    }

static const penalty_case cases[] = {
    CASE("l1", .l1 = 0.3),
    CASE("l2", .l2 = 0.2),
    CASE("code_l1", .code_l1 = 0.4),
    CASE("sparsity", .sparsity = 0.7),
    CASE("orthogonality", .orthogonality = 0.1),
    CASE("contractive", .contractive = 0.3),
    CASE("contractive, two probes", .contractive = 0.3,
         .contractive_probes = 2),
    CASE("all", .l1 = 0.03, .l2 = 0.2, .code_l1 = 0.1, .sparsity = 0.5,
         .orthogonality = 0.05, .contractive = 0.2, .contractive_probes = 1),
};

enum { N_CASES = sizeof cases / sizeof *cases };

static void freeze(lt_net *net, int how)
{
    if (how == 1)
        assert_int_equal(lt_net_freeze_encoder(net, true, NULL), LT_OK);
    if (how == 2)
        assert_int_equal(lt_net_freeze_decoder(net, true, NULL), LT_OK);
    if (how == 3) {
        assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
        assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
    }
    if (how == 4)
        assert_int_equal(lt_net_freeze_layer(net, 1, true, NULL), LT_OK);
}

static void check(const penalty_case *c, const lt_net_spec *spec, int how)
{
    subject s = subject_make(&c->o, spec, ROWS);
    char what[128];

    snprintf(what, sizeof what, "%s, tie %s, freezing %d", c->name,
             lt_tie_name(spec->tie), how);
    freeze(s.net, how);
    subject_check(&s, what);
    subject_free(&s);
}

static void check_all_ties(lt_net_spec spec, int first, int ways)
{
    for (int i = first; i < N_CASES; i++)
        for (int tie = 0; tie < LT_TIE_COUNT; tie++)
            for (int how = 0; how < ways; how++) {
                spec.tie = (lt_tie)tie;
                check(&cases[i], &spec, how);
            }
}

static void penalties_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "dense", .units = K, .act = LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_LINEAR,
                              .seed = 1};

    (void)state;
    check_all_ties(spec, 0, 5);
}

/* More outputs than inputs, and activations of both signs. */
static void wide_codes_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = D + 3, .act = LT_ACT_SOFTPLUS},
        {.kind = "dense", .units = D + 4, .act = LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .seed = 1};

    (void)state;
    check_all_ties(spec, 0, 2);
}

static void codes_of_both_signs_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = H, .act = LT_ACT_ELU},
        {.kind = "dense", .units = K, .act = LT_ACT_TANH}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_LINEAR,
                              .tie = LT_TIE_TIED,
                              .seed = 2};

    (void)state;
    for (int i = 0; i < 3; i++)
        check(&cases[i], &spec, 0);
}

/* Kernels as matrices (out, in h w), tied and not. */
static void kernels_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {{.kind = "conv",
                                      .channels = 3,
                                      .kernel = {3, 2},
                                      .stride = {2, 2},
                                      .dilation = {1, 1},
                                      .act = LT_ACT_TANH},
                                     {.kind = "conv",
                                      .channels = 4,
                                      .kernel = {1, 1},
                                      .stride = {1, 1},
                                      .dilation = {1, 1},
                                      .act = LT_ACT_SIGMOID},
                                     {.kind = "flatten"}};
    const lt_net_spec spec = {.input = lt_shape_image(2, 5, 4),
                              .encoder = encoder,
                              .n_encoder = 3,
                              .output = LT_ACT_LINEAR,
                              .seed = 1};

    (void)state;
    for (int tie = 0; tie < 2; tie++)
        for (int i = 0; i < N_CASES; i++) {
            lt_net_spec one = spec;

            one.tie = tie ? LT_TIE_TIED : LT_TIE_UNTIED;
            check(&cases[i], &one, 0);
            check(&cases[i], &one, 4);
        }
}

/* Of a variational code, both halves of the last weight count. */
static void variational_codes_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "gaussian_code", .units = K}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .seed = 1};

    (void)state;
    for (int tie = 0; tie < 2; tie++)
        for (int i = 0; i < N_CASES; i++) {
            penalty_case c = cases[i];
            lt_net_spec one = spec;

            one.tie = tie ? LT_TIE_TIED : LT_TIE_UNTIED;
            c.o.sparsity = c.o.contractive = 0;
            c.o.beta = 0.5;
            check(&c, &one, 0);
        }
}

/* The first weight of a sparse network stands turned. */
static void sparse_networks_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "dense", .units = K, .act = LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_LINEAR,
                              .seed = 1,
                              .is_sparse = true};

    (void)state;
    for (int tie = 0; tie < 2; tie++)
        for (int i = 0; i < N_CASES; i++) {
            penalty_case c = cases[i];
            lt_net_spec one = spec;

            one.tie = tie ? LT_TIE_TIED : LT_TIE_UNTIED;
            c.o.contractive = 0;
            check(&c, &one, 0);
        }
}

/* A short batch on a tape with room for more. */
static void short_batches_have_their_gradients(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "dense", .units = H, .act = LT_ACT_TANH},
        {.kind = "dense", .units = K, .act = LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .tie = LT_TIE_TIED,
                              .seed = 1};

    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        subject s = subject_make(&cases[i].o, &spec, ROWS);

        subject_loss(&s); /* leaves its traces */
        s.rows = 1;
        subject_check(&s, cases[i].name);
        subject_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties_have_their_gradients),
        cmocka_unit_test(wide_codes_have_their_gradients),
        cmocka_unit_test(codes_of_both_signs_have_their_gradients),
        cmocka_unit_test(kernels_have_their_gradients),
        cmocka_unit_test(variational_codes_have_their_gradients),
        cmocka_unit_test(sparse_networks_have_their_gradients),
        cmocka_unit_test(short_batches_have_their_gradients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
