/* Networks on whole sets: means over batches, maps through some layers. */
#include "train_fixture.h"

#include "latent/train/evaluate.h"
#include "train/evaluate_int.h"

enum { N = 1100, D = 12 }; /* two whole batches and a short one */

static net_plan plan(lt_act output)
{
    return (net_plan){.width = D,
                      .units = {20, 15},
                      .n = 2,
                      .act = LT_ACT_TANH,
                      .code_act = LT_ACT_LINEAR,
                      .output = output,
                      .seed = 3};
}

/* Means worked out from the reconstruction, in double. */
static lt_terms means_by_hand(const lt_dataset *set, const lt_dataset *out,
                              lt_loss loss)
{
    const float *y = lt_dataset_values(out);
    lt_loss_sums sums = {0, 0};
    lt_real x[D];

    for (int i = 0; i < N; i++) {
        lt_dataset_gather(set, NULL, i, 1, x);
        for (int j = 0; j < D; j++) {
            double t = x[j], p = y[i * D + j];

            sums.sse += (p - t) * (p - t);
            sums.loss += loss == LT_LOSS_BCE
                             ? -(t * log(p) + (1 - t) * log(1 - p))
                             : (p - t) * (p - t) / D;
        }
    }
    return (lt_terms){.loss = sums.loss / N, .sse = sums.sse / N};
}

static void evaluate_gives_means_over_all_examples(void **state)
{
    const lt_loss losses[] = {LT_LOSS_BCE, LT_LOSS_MSE, LT_LOSS_MSE};
    const lt_act outputs[] = {LT_ACT_SIGMOID, LT_ACT_SIGMOID, LT_ACT_LINEAR};
    lt_dataset *set = patterns_make(N, D, 1);

    (void)state;
    for (int k = 0; k < 3; k++) {
        net_plan p = plan(outputs[k]);
        lt_net *net = net_make(&p);
        lt_dataset *out = NULL;
        lt_terms mean, hand;

        assert_int_equal(lt_evaluate(net, set, losses[k], NULL, &mean, NULL),
                         LT_OK);
        assert_int_equal(lt_evaluate_map(net, set, 0, 4, NULL, &out, NULL),
                         LT_OK);
        hand = means_by_hand(set, out, losses[k]);
        assert_true(fabs(mean.loss - hand.loss) < 2e-5 * hand.loss);
        assert_true(fabs(mean.sse - hand.sse) < 2e-5 * hand.sse);
        lt_dataset_free(out);
        lt_net_free(net);
    }
    lt_dataset_free(set);
}

/* The code is wider than the input: a batch of codes needs its own room. */
static void evaluate_map_composes_encoder_and_decoder(void **state)
{
    lt_dataset *set = patterns_make(N, D, 1);
    lt_dataset *code = NULL, *decoded = NULL, *whole = NULL;
    net_plan p = plan(LT_ACT_SIGMOID);
    lt_net *net = net_make(&p);

    (void)state;
    assert_int_equal(lt_evaluate_map(net, set, 0, 2, NULL, &code, NULL), LT_OK);
    assert_true(lt_shape_equal(lt_dataset_shape(code), lt_shape_flat(15)));
    assert_int_equal(lt_evaluate_map(net, code, 2, 4, NULL, &decoded, NULL),
                     LT_OK);
    assert_int_equal(lt_evaluate_map(net, set, 0, 4, NULL, &whole, NULL),
                     LT_OK);
    assert_int_equal(lt_dataset_rows(decoded), N);
    for (int i = 0; i < N * D; i++)
        assert_true(fabsf(((const float *)lt_dataset_values(decoded))[i] -
                          ((const float *)lt_dataset_values(whole))[i]) < 1e-6);
    assert_memory_equal(lt_dataset_labels(decoded), lt_dataset_labels(set), N);
    lt_dataset_free(whole);
    lt_dataset_free(decoded);
    lt_dataset_free(code);
    lt_net_free(net);
    lt_dataset_free(set);
}

static void evaluate_refuses_examples_of_another_size(void **state)
{
    lt_dataset *set = patterns_make(5, D + 1, 1), *out = NULL;
    net_plan p = plan(LT_ACT_SIGMOID);
    lt_net *net = net_make(&p);
    lt_terms mean;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_evaluate(net, set, LT_LOSS_MSE, NULL, &mean, &err),
                     LT_EINVAL);
    assert_non_null(strstr(err.text, "shape 13"));
    assert_non_null(strstr(err.text, "12"));
    assert_int_equal(lt_evaluate_map(net, set, 0, 2, NULL, &out, &err),
                     LT_EINVAL);
    assert_null(out);
    lt_net_free(net);
    lt_dataset_free(set);
}

static void evaluate_refuses_bce_without_a_sigmoid(void **state)
{
    lt_dataset *set = patterns_make(5, D, 1);
    net_plan p = plan(LT_ACT_LINEAR);
    lt_net *net = net_make(&p);
    lt_terms mean;

    (void)state;
    assert_int_equal(lt_evaluate(net, set, LT_LOSS_BCE, NULL, &mean, NULL),
                     LT_EINVAL);
    lt_net_free(net);
    lt_dataset_free(set);
}

static void evaluate_refuses_bce_of_values_outside_0_to_1(void **state)
{
    const float bad[] = {1.5f, -0.25f, NAN};
    net_plan p = plan(LT_ACT_SIGMOID);
    lt_net *net = net_make(&p);

    (void)state;
    for (int i = 0; i < 3; i++) {
        lt_dataset *set = NULL;
        lt_terms mean;
        lt_err err = {0};
        int n = lt_shape_elements(lt_net_input(net));
        float *values = lt_mem_zero(2 * (size_t)n, sizeof *values);

        values[n] = bad[i];
        assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, 2, lt_net_input(net),
                                             values, NULL, &set, &err),
                         LT_OK);
        assert_int_equal(lt_evaluate(net, set, LT_LOSS_BCE, NULL, &mean, &err),
                         LT_EINVAL);
        assert_non_null(strstr(err.text, "example 2 has the value "));
        lt_dataset_free(set);
    }
    lt_net_free(net);
}

/* A convolution's outputs for 512 examples could be many gigabytes. */
static void evaluate_takes_few_rows_of_wide_layers(void **state)
{
    static const struct {
        int units, rows;
    } cases[] = {{1000, 512}, {32768, 512}, {40000, 419}, {8388608, 2}};
    lt_dataset *set = patterns_make(N, 1, 1);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lt_layer_spec encoder[] = {
            {.kind = "dense", .units = cases[i].units},
            {.kind = "dense", .units = 1}};
        const lt_net_spec spec = {
            .input = lt_shape_flat(1), .encoder = encoder, .n_encoder = 2};
        lt_net *net = NULL;

        assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
        assert_int_equal(lt__evaluate_rows(net, set), cases[i].rows);
        lt_net_free(net);
    }
    lt_dataset_free(set);
}

static void evaluate_map_survives_every_failed_allocation(void **state)
{
    lt_dataset *set = patterns_make(20, D, 1), *out = NULL;
    net_plan p = plan(LT_ACT_SIGMOID);
    lt_net *net = net_make(&p);
    lt_status rc = LT_ENOMEM;

    (void)state;
    for (int n = 0; rc == LT_ENOMEM && n < 50; n++) {
        lt_mem_fail_after(n);
        rc = lt_evaluate_map(net, set, 0, 4, NULL, &out, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    lt_dataset_free(out);
    lt_net_free(net);
    lt_dataset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluate_gives_means_over_all_examples),
        cmocka_unit_test(evaluate_map_composes_encoder_and_decoder),
        cmocka_unit_test(evaluate_refuses_examples_of_another_size),
        cmocka_unit_test(evaluate_refuses_bce_without_a_sigmoid),
        cmocka_unit_test(evaluate_refuses_bce_of_values_outside_0_to_1),
        cmocka_unit_test(evaluate_takes_few_rows_of_wide_layers),
        cmocka_unit_test(evaluate_map_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
