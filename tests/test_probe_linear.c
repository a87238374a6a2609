/* The softmax classifier against figures of PyTorch (made by
 * tests/reference/make_linear.py), and on sets whose answer is known. */
#include "probe_fixture.h"

#include <stdlib.h>

#include "latent/base/json.h"
#include "latent/base/path.h"

/* ---- PyTorch's figures ---- */

static json_t *reference_read(void)
{
    char path[512], *text = NULL;
    size_t size = 0;
    json_t *json = NULL;

    snprintf(path, sizeof path, "%s/tests/reference/linear_probe.json",
             LATENT_SOURCE_DIR);
    assert_int_equal(lt_path_read(path, 1 << 20, &text, &size, NULL), LT_OK);
    assert_int_equal(lt_json_parse(text, size, path, &json, NULL), LT_OK);
    lt_mem_free(text);
    return json;
}

static lt_dataset *reference_set(const json_t *json, const char *values_key,
                                 const char *labels_key)
{
    const json_t *values = json_object_get(json, values_key);
    const json_t *labels = json_object_get(json, labels_key);
    int units = (int)json_integer_value(json_object_get(json, "units"));
    int n = (int)json_array_size(labels);
    float rows[1000];
    uint8_t marks[200];

    assert_true(n > 0 && n <= 200 && n * units <= 1000);
    for (int i = 0; i < n * units; i++)
        rows[i] = (float)json_number_value(json_array_get(values, (size_t)i));
    for (int i = 0; i < n; i++)
        marks[i] =
            (uint8_t)json_integer_value(json_array_get(labels, (size_t)i));
    return codes_make(n, units, rows, marks);
}

static void check_figures(const json_t *wanted, double accuracy, double loss)
{
    double a = json_number_value(json_object_get(wanted, "accuracy"));
    double l = json_number_value(json_object_get(wanted, "loss"));

    assert_true(fabs(accuracy - a) < 1e-12);
    if (!(fabs(loss - l) < 2e-6))
        fail_msg("loss %.9f, wanted %.9f", loss, l);
}

static void figures_are_those_of_pytorch(void **state)
{
    json_t *json = reference_read();
    const json_t *cases = json_object_get(json, "cases"), *one;
    lt_dataset *train = reference_set(json, "train", "train_labels");
    lt_dataset *test = reference_set(json, "test", "test_labels");
    lt_probe p = {.train = train, .test = test};
    size_t i;

    (void)state;
    assert_int_equal(json_array_size(cases), 2);
    json_array_foreach(cases, i, one)
    {
        lt_linear_opts o = lt_linear_defaults();
        lt_linear_result r;

        o.l2 = json_number_value(json_object_get(one, "l2"));
        o.tolerance = 1e-6;
        assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
        assert_true(r.is_converged && r.gradient <= 1e-6);
        assert_true(r.iterations > 1 && r.products > r.iterations);
        check_figures(json_object_get(one, "train"), r.train_accuracy,
                      r.train_loss);
        check_figures(json_object_get(one, "test"), r.test_accuracy,
                      r.test_loss);
    }
    lt_dataset_free(test);
    lt_dataset_free(train);
    json_decref(json);
}

/* ---- known answers ---- */

/* Three clusters a hundred deviations apart, in more than one piece. */
static lt_dataset *clusters(int n, uint64_t seed)
{
    float *rows = lt_mem_alloc((size_t)n * 2, sizeof *rows);
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);
    lt_dataset *out;
    lt_rng rng;

    lt_rng_init(&rng, seed, "clusters");
    for (int i = 0; i < n; i++) {
        labels[i] = (uint8_t)(i % 3);
        rows[2 * i] = (float)(labels[i] + 0.01 * lt_rng_normal(&rng));
        rows[2 * i + 1] =
            (float)((labels[i] == 1) + 0.01 * lt_rng_normal(&rng));
    }
    out = codes_make(n, 2, rows, labels);
    lt_mem_free(labels);
    lt_mem_free(rows);
    return out;
}

static void separable_codes_are_separated(void **state)
{
    lt_dataset *train = clusters(5000, 1), *test = clusters(500, 2);
    lt_probe p = {.train = train, .test = test};
    lt_linear_opts o = lt_linear_defaults();
    lt_linear_result r;

    (void)state;
    assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
    assert_true(r.is_converged);
    assert_true(r.train_accuracy == 1 && r.test_accuracy == 1);
    assert_true(r.train_loss < 0.01 && r.test_loss < 0.01);
    o.l2 = 0; /* no minimum: Newton's method still ends */
    assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
    assert_true(r.train_accuracy == 1 && r.train_loss < 0.001);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

/* Codes that tell nothing: the labels' shares are all there is to learn, 3/4
 * and 1/4, and their entropy is the loss. */
static void codes_that_tell_nothing_give_the_shares(void **state)
{
    static const float rows[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    static const uint8_t labels[8] = {0, 0, 0, 1, 0, 0, 0, 1};
    static const uint8_t truth[8] = {0, 0, 2, 2, 0, 0, 0, 1};
    lt_dataset *train = codes_make(8, 1, rows, labels);
    lt_dataset *test = codes_make(8, 1, rows, truth);
    lt_probe p = {.train = train, .test = train};
    lt_linear_opts o = lt_linear_defaults();
    lt_linear_result r;

    (void)state;
    assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
    assert_true(r.is_converged);
    assert_true(r.train_accuracy == 0.75 && r.test_accuracy == 0.75);
    assert_true(fabs(r.train_loss + 0.75 * log(0.75) + 0.25 * log(0.25)) <
                1e-5);
    p.test = test; /* with a label that training lacks */
    assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
    assert_true(r.test_accuracy == 5.0 / 8 && isfinite(r.test_loss));
    assert_true(r.test_loss > r.train_loss);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void one_step_is_not_called_converged(void **state)
{
    lt_dataset *train = codes_draw(300, 4, 0, 0, 1);
    lt_probe p = {.train = train, .test = train};
    lt_linear_opts o = lt_linear_defaults();
    lt_linear_result r;

    (void)state;
    o.iterations = 1;
    assert_int_equal(lt_probe_linear(&p, &o, &r, NULL), LT_OK);
    assert_false(r.is_converged);
    assert_true(r.gradient > o.tolerance);
    assert_int_equal(r.iterations, 1);
    lt_dataset_free(train);
}

static void figures_are_the_same_bits_on_any_threads(void **state)
{
    lt_dataset *train = codes_draw(5000, 6, 0, 0, 1);
    lt_dataset *test = codes_draw(500, 6, 0, 0, 2);
    lt_linear_opts o = lt_linear_defaults();
    lt_linear_result r[2];
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    for (int i = 0; i < 2; i++) {
        lt_probe p = {.train = train, .test = test, .pool = i ? pool : NULL};

        assert_int_equal(lt_probe_linear(&p, &o, &r[i], NULL), LT_OK);
    }
    assert_true(r[0].gradient == r[1].gradient);
    assert_true(r[0].train_loss == r[1].train_loss);
    assert_true(r[0].test_loss == r[1].test_loss);
    assert_int_equal(r[0].products, r[1].products);
    lt_pool_free(pool);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static lt_status linear_once(const lt_probe *p, lt_err *err)
{
    lt_linear_opts o = lt_linear_defaults();
    lt_linear_result r;

    return lt_probe_linear(p, &o, &r, err);
}

static void stops_failed_allocations_and_bad_codes(void **state)
{
    static const float rows[] = {1, INFINITY};
    static const uint8_t labels[] = {0, 1};
    lt_dataset *train = codes_draw(3000, 4, 0, 0, 1);
    lt_dataset *bad = codes_make(2, 1, rows, labels);
    lt_dataset *good = codes_draw(5, 1, 0, 0, 1);
    lt_probe p = {.train = train, .test = train};
    lt_err err = {0};

    (void)state;
    check_interrupts(&p, linear_once);
    check_allocations(&p, linear_once);
    p = (lt_probe){.train = bad, .test = good};
    assert_int_equal(linear_once(&p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "training set: element 1 of example 2"));
    p = (lt_probe){.train = good, .test = bad};
    assert_int_equal(linear_once(&p, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "test set: element 1 of example 2"));
    lt_dataset_free(good);
    lt_dataset_free(bad);
    lt_dataset_free(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_pytorch),
        cmocka_unit_test(separable_codes_are_separated),
        cmocka_unit_test(codes_that_tell_nothing_give_the_shares),
        cmocka_unit_test(one_step_is_not_called_converged),
        cmocka_unit_test(figures_are_the_same_bits_on_any_threads),
        cmocka_unit_test(stops_failed_allocations_and_bad_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
