/* The contractive penalty in double: its value against the Jacobian by central
 * differences, its gradient against differences of the value, for every kind
 * of layer; and its estimates by random products, which must be right in the
 * mean and vary as theory says. */
#include "layers_fixture.h"
#include "objective_fixture.h"

#include <stdlib.h>

enum { ROWS = 3 };

_Static_assert(sizeof(lt_real) == 8, "gradient checks are made in double");

typedef struct encoder_case {
    const char *name;
    lt_shape input;
    lt_layer_spec encoder[LAYERS_MAX];
    bool is_frozen; /* its first layer */
} encoder_case;

static const encoder_case cases[] = {
    {"one layer, linear", FLAT(5), {DENSE(4, LINEAR)}, false},
    {"one layer, sigmoid", FLAT(5), {DENSE(4, SIGMOID)}, false},
    {"one layer, tanh", FLAT(5), {DENSE(7, TANH)}, false},
    {"one layer, relu", FLAT(5), {DENSE(4, RELU)}, false},
    {"one layer, leaky_relu", FLAT(5), {DENSE(4, LEAKY_RELU)}, false},
    {"one layer, elu", FLAT(5), {DENSE(6, ELU)}, false},
    {"one layer, selu", FLAT(5), {DENSE(6, SELU)}, false},
    {"one layer, softplus", FLAT(5), {DENSE(4, SOFTPLUS)}, false},
    {"one layer of pictures",
     PICTURE(2, 2, 3),
     {FLATTEN, DENSE(4, TANH), RESHAPE(1, 2, 2)},
     false},
    {"two sigmoid layers",
     FLAT(6),
     {DENSE(5, SIGMOID), DENSE(3, SIGMOID)},
     false},
    {"three layers",
     FLAT(6),
     {DENSE(5, TANH), DENSE(7, SOFTPLUS), DENSE(3, LINEAR)},
     false},
    {"selu and elu", FLAT(6), {DENSE(5, SELU), DENSE(4, ELU)}, false},
    {"kinks and curves",
     FLAT(6),
     {DENSE(5, RELU), DENSE(5, TANH), DENSE(3, LEAKY_RELU)},
     false},
    {"frozen below", FLAT(6), {DENSE(5, TANH), DENSE(3, SIGMOID)}, true},
    {"convolution", PICTURE(2, 4, 5), {CONV(3, 3, 2, 1, SAME, TANH)}, false},
    {"convolutions",
     PICTURE(1, 5, 5),
     {CONV(2, 3, 2, 1, SAME, SIGMOID), CONV(3, 2, 1, 1, SAME, TANH), FLATTEN,
      DENSE(3, TANH)},
     false},
    {"transposed convolution",
     PICTURE(2, 2, 2),
     {CONV_TRANSPOSE(1, 3, 2, 1, SAME, TANH), FLATTEN, DENSE(3, SIGMOID)},
     false},
    {"average pool",
     PICTURE(1, 4, 4),
     {CONV(2, 3, 1, 1, SAME, TANH), POOL("avgpool", 2, 2, SAME), FLATTEN,
      DENSE(3, TANH)},
     false},
    {"max pool",
     PICTURE(1, 4, 4),
     {CONV(2, 3, 1, 1, SAME, TANH), POOL("maxpool", 3, 2, SAME), FLATTEN,
      DENSE(3, TANH)},
     false},
    {"upsampling",
     FLAT(6),
     {DENSE(4, TANH), RESHAPE(1, 2, 2), UPSAMPLE(2, 2, NEAREST),
      DENSE(3, TANH)},
     false},
    {"frozen normalisation",
     FLAT(6),
     {NORM(TANH), DENSE(4, TANH), DENSE(3, SIGMOID)},
     true},
    {"frozen normalisation of channels",
     PICTURE(2, 3, 3),
     {NORM(SOFTPLUS), CONV(2, 2, 1, 1, SAME, TANH), DENSE(3, TANH)},
     true},
    {"dropout", FLAT(6), {DENSE(6, TANH), DROPOUT(0.4), DENSE(3, TANH)}, false},
    {"gaussian noise",
     FLAT(6),
     {NOISE(GAUSSIAN, 0.3), DENSE(4, TANH), DENSE(3, TANH)},
     false},
    {"masking noise", FLAT(6), {NOISE(MASKING, 0.4), DENSE(4, TANH)}, false},
    {"salt and pepper",
     FLAT(6),
     {NOISE(SALT_PEPPER, 0.4), DENSE(4, TANH)},
     false},
    {"k_sparse",
     FLAT(6),
     {DENSE(8, TANH), K_SPARSE(3), DENSE(4, TANH), K_SPARSE(2)},
     false},
};

enum { N_CASES = sizeof cases / sizeof *cases };

static subject make(const encoder_case *c, lt_tie tie, int probes)
{
    const lt_layer_spec out = {.kind = "dense",
                               .units = lt_shape_elements(c->input)};
    lt_objective o = lt_objective_of(LT_LOSS_MSE);
    lt_net_spec spec = {.input = c->input,
                        .encoder = c->encoder,
                        .n_encoder = layers_count(c->encoder),
                        .decoder = &out,
                        .n_decoder = tie == LT_TIE_UNTIED,
                        .tie = tie,
                        .seed = 1};
    lt_real *state;
    subject s;

    s = (subject){.objective = o, .rows = ROWS};
    s.objective.contractive = 0.4;
    s.objective.contractive_probes = probes;
    s.net = subject_net(&spec);
    fixture_shake(s.net, 0.6, 17);
    state = lt_net_state(s.net);
    for (size_t i = 0; i < lt_net_n_state(s.net); i++)
        state[i] = 0.5 + 0.1 * (double)(i % 7);
    if (c->is_frozen)
        assert_int_equal(lt_net_freeze_layer(s.net, 0, true, NULL), LT_OK);
    assert_int_equal(lt_objective_check(&s.objective, s.net, NULL), LT_OK);
    s.tape = fixture_tape(s.net, ROWS, true, NULL);
    assert_int_equal(lt_objective_reserve(&s.objective, s.tape, NULL), LT_OK);
    s.n = (size_t)ROWS * (size_t)lt_shape_elements(c->input);
    s.x = lt_tape_input(s.tape);
    s.target = lt_mem_zero(s.n, sizeof *s.target);
    fixture_batch(s.n, s.x, 5);
    memcpy(s.target, s.x, s.n * sizeof *s.x);
    lt_tape_draw(s.tape, 9, 3);
    return s;
}

/* J (B, K, D) of the pass, by differences. */
static double *jacobian(const subject *s, lt_tape *tape)
{
    const double step = 1e-5;
    int d = lt_shape_elements(lt_net_input(s->net));
    int k = lt_shape_elements(lt_net_code(s->net));
    size_t n = (size_t)s->rows * (size_t)k;
    double *j = calloc(n * (size_t)d, sizeof *j);

    for (int i = 0; i < 2 * d; i++) {
        double by = i % 2 ? -step : step;
        const lt_real *h;

        for (int r = 0; r < s->rows; r++)
            s->x[r * d + i / 2] += by;
        h = lt_net_forward(s->net, tape, s->x, s->rows, 0,
                           lt_net_n_encoder(s->net), false);
        for (size_t u = 0; u < n; u++)
            j[u * (size_t)d + (size_t)(i / 2)] += h[u] / (2 * by);
        for (int r = 0; r < s->rows; r++)
            s->x[r * d + i / 2] = s->target[r * d + i / 2];
    }
    return j;
}

/* Mean over the batch of |J|^2. */
static double brute_force(const subject *s, lt_tape *tape)
{
    size_t n = s->n * (size_t)lt_shape_elements(lt_net_code(s->net));
    double *j = jacobian(s, tape), sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += j[i] * j[i];
    free(j);
    return sum / s->rows;
}

static void near_to(const char *what, double found, double wanted,
                    double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%s: %.12g, wanted %.12g", what, found, wanted);
}

static void values_are_the_norm_of_the_jacobian(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        subject s = make(&cases[i], LT_TIE_UNTIED, 0);
        lt_terms found = subject_terms(&s);
        double wanted = brute_force(&s, s.tape);

        assert_true(wanted > 1e-3);
        near_to(cases[i].name, found.contractive, wanted, 1e-7 * wanted);
        near_to(cases[i].name, found.loss,
                found.recon + 0.4 * found.contractive, 1e-12);
        subject_free(&s);
    }
}

/* In evaluation: without noise, on a tape that keeps no activations. */
static void evaluation_has_the_value_too(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        subject s = make(&cases[i], LT_TIE_UNTIED, 0);
        lt_tape *tape = fixture_tape(s.net, ROWS, false, NULL);
        double wanted = brute_force(&s, tape);
        lt_sums sums;

        assert_int_equal(lt_objective_reserve(&s.objective, tape, NULL), LT_OK);
        lt_objective_value(&s.objective, s.net, tape, NULL, ROWS, s.x, s.target,
                           &sums);
        near_to(cases[i].name,
                lt_sums_mean(&s.objective, s.net, &sums).contractive, wanted,
                1e-7 * wanted);
        lt_tape_free(tape);
        subject_free(&s);
    }
}

static void gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        for (int probes = 0; probes < 4; probes += 3) {
            subject s = make(&cases[i], LT_TIE_UNTIED, probes);

            subject_check(&s, cases[i].name);
            subject_free(&s);
        }
}

static void tied_gradients_match_differences(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        for (int probes = 0; probes < 2; probes++) {
            subject s = make(&cases[i], LT_TIE_TIED, probes);

            subject_check(&s, cases[i].name);
            subject_free(&s);
        }
}

/* ---- estimates ---- */

/* Variance of the estimate of one product by random signs: per example, twice
 * the squares of J J' beside its diagonal. */
static double variance_wanted(const subject *s)
{
    int d = lt_shape_elements(lt_net_input(s->net));
    int k = lt_shape_elements(lt_net_code(s->net));
    double *all = jacobian(s, s->tape), sum = 0;

    for (int r = 0; r < s->rows; r++)
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) {
                const double *ja = all + (size_t)(r * k + a) * (size_t)d;
                const double *jb = all + (size_t)(r * k + b) * (size_t)d;
                double dot = 0;

                for (int i = 0; i < d; i++)
                    dot += ja[i] * jb[i];
                sum += a == b ? 0 : 2 * dot * dot;
            }
    free(all);
    return sum / ((double)s->rows * s->rows);
}

enum { DRAWS = 4000, PARAMS = 200 };

/* Mean and variance over draws of the value and of each gradient. */
typedef struct moments {
    double mean[PARAMS + 1], variance[PARAMS + 1];
} moments;

static moments draw_many(const subject *s)
{
    size_t n = lt_net_n_params(s->net);
    moments m = {{0}, {0}};

    assert_true(n <= PARAMS);
    for (int i = 0; i < DRAWS; i++) {
        double value;

        lt_tape_draw(s->tape, 1000 + (uint64_t)i / 2, i % 2);
        value = subject_terms(s).contractive;
        for (size_t j = 0; j <= n; j++) {
            double v = j < n ? lt_net_grads(s->net)[j] : value;

            m.mean[j] += v / DRAWS;
            m.variance[j] += v * v / DRAWS;
        }
    }
    for (size_t j = 0; j <= n; j++)
        m.variance[j] = fmax(0, m.variance[j] - m.mean[j] * m.mean[j]);
    return m;
}

static const encoder_case estimated = {
    "estimated", FLAT(6), {DENSE(5, TANH), DENSE(4, SIGMOID)}, false};

/* Within 5 standard errors of the exact ones, each gradient too: with 4000
 * draws a bias of a tenth of one estimate's deviation would show. */
static void estimates_are_right_in_the_mean(void **state)
{
    (void)state;
    for (int probes = 1; probes <= 3; probes += 2) {
        subject exact = make(&estimated, LT_TIE_UNTIED, 0);
        subject s = make(&estimated, LT_TIE_UNTIED, probes);
        double value = subject_terms(&exact).contractive;
        size_t n = lt_net_n_params(s.net);
        moments m = draw_many(&s);

        assert_true(m.variance[n] > 0);
        for (size_t j = 0; j <= n; j++)
            near_to("mean", m.mean[j],
                    j < n ? lt_net_grads(exact.net)[j] : value,
                    5 * sqrt(m.variance[j] / DRAWS) + 1e-10);
        subject_free(&exact);
        subject_free(&s);
    }
}

/* The deviation of a variance from 4000 draws is about 2 to 4 % of it. */
static void estimates_vary_as_theory_says(void **state)
{
    (void)state;
    for (int probes = 1; probes <= 4; probes += 3) {
        subject s = make(&estimated, LT_TIE_UNTIED, probes);
        double wanted = variance_wanted(&s) / probes;
        moments m = draw_many(&s);

        near_to("variance", m.variance[lt_net_n_params(s.net)], wanted,
                0.15 * wanted);
        subject_free(&s);
    }
}

/* Every step of every seed has its own signs, and the same ones again. */
static void estimates_follow_seed_and_step(void **state)
{
    const struct {
        uint64_t seed;
        int64_t step;
    } draws[] = {{9, 3}, {9, 4}, {10, 3}, {9, 3}};
    subject s = make(&estimated, LT_TIE_UNTIED, 1);
    double found[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        lt_tape_draw(s.tape, draws[i].seed, draws[i].step);
        found[i] = subject_terms(&s).contractive;
    }
    assert_true(found[0] == found[3]);
    assert_true(found[0] != found[1] && found[0] != found[2]);
    assert_true(found[1] != found[2]);
    subject_free(&s);
}

/* One unit has one product, whatever its sign. */
static void estimate_of_one_unit_is_exact(void **state)
{
    const encoder_case one = {
        "one unit", FLAT(6), {DENSE(5, TANH), DENSE(1, TANH)}, false};
    subject s = make(&one, LT_TIE_UNTIED, 1);
    double wanted = brute_force(&s, s.tape);

    (void)state;
    near_to("one unit", subject_terms(&s).contractive, wanted, 1e-7 * wanted);
    subject_free(&s);
}

/* The same network twice: in closed form, and by products past a layer that
 * changes nothing. */
static void closed_form_is_the_sum_of_products(void **state)
{
    const encoder_case one = {"one layer", FLAT(6), {DENSE(5, TANH)}, false};
    const encoder_case two = {
        "and no noise", FLAT(6), {NOISE(GAUSSIAN, 0), DENSE(5, TANH)}, false};
    subject a = make(&one, LT_TIE_UNTIED, 1), b = make(&two, LT_TIE_UNTIED, 0);
    size_t n = lt_net_n_params(a.net);

    (void)state;
    assert_int_equal(n, lt_net_n_params(b.net));
    near_to("value", subject_terms(&a).contractive,
            subject_terms(&b).contractive, 1e-12);
    assert_true(fixture_difference(n, lt_net_grads(a.net),
                                   lt_net_grads(b.net)) < 1e-13);
    subject_free(&a);
    subject_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_norm_of_the_jacobian),
        cmocka_unit_test(evaluation_has_the_value_too),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(tied_gradients_match_differences),
        cmocka_unit_test(estimates_are_right_in_the_mean),
        cmocka_unit_test(estimates_vary_as_theory_says),
        cmocka_unit_test(estimates_follow_seed_and_step),
        cmocka_unit_test(estimate_of_one_unit_is_exact),
        cmocka_unit_test(closed_form_is_the_sum_of_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
