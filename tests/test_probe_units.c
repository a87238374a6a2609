/* Unit statistics of activations made for them, and principal components as a
 * baseline, by their identities and MNIST's known errors. */
#include "probe_fixture.h"

#include <stdlib.h>

#include "latent/data/catalog.h"

enum { N = 1200 };

static bool is_close(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

/* Four units: 0.5 always; 0.01 and 0.99 by turns; 0.3 and 0.7 by turns; in
 * turns of two 0.2 and 0.98. */
static lt_dataset *activations(void)
{
    static float rows[N * 4];

    for (int i = 0; i < N; i++) {
        rows[4 * i] = 0.5f;
        rows[4 * i + 1] = i % 2 ? 0.99f : 0.01f;
        rows[4 * i + 2] = i % 2 ? 0.7f : 0.3f;
        rows[4 * i + 3] = i % 4 < 2 ? 0.2f : 0.98f;
    }
    return codes_make(N, 4, rows, NULL);
}

static void sigmoid_units_are_told_apart(void **state)
{
    static const double means[] = {0.5, 0.5, 0.5, 0.59};
    static const double variances[] = {0, 0.49 * 0.49, 0.04, 0.39 * 0.39};
    static const double saturated[] = {0, 1, 0, 0.5};
    lt_dataset *codes = activations();
    lt_unit_opts o = lt_unit_defaults(LT_ACT_SIGMOID);
    lt_unit_stats s = {0};
    double a = 0.49 * 0.49, b = 0.04, c = 0.39 * 0.39, ab = 0.49 * 0.2;

    (void)state;
    assert_int_equal(lt_probe_units(codes, &o, &s, NULL), LT_OK);
    assert_int_equal(s.units, 4);
    for (int j = 0; j < 4; j++) {
        assert_true(is_close(s.mean[j], means[j]));
        assert_true(is_close(s.variance[j], variances[j]));
        assert_true(is_close(s.saturated[j], saturated[j]));
        assert_true(s.is_dead[j] == (j == 0));
    }
    assert_int_equal(s.n_dead, 1);
    assert_true(is_close(s.mean_variance, (a + b + c) / 4));
    assert_true(is_close(s.mean_saturated, 1.5 / 4));
    /* units 2 and 3 rise together, 4 is independent of both */
    assert_true(
        is_close(s.effective, (a + b + c) * (a + b + c) /
                                  (a * a + b * b + c * c + 2 * ab * ab)));
    lt_unit_stats_deinit(&s);
    lt_dataset_free(codes);
}

static void saturation_depends_on_the_activation(void **state)
{
    static const float rows[] = {-0.97f, 0, 0.94f, 0.96f};
    lt_dataset *codes = codes_make(4, 1, rows, NULL);
    lt_unit_opts tanh_opts = lt_unit_defaults(LT_ACT_TANH);
    lt_unit_opts linear = lt_unit_defaults(LT_ACT_LINEAR);
    lt_unit_stats s = {0};

    (void)state;
    assert_int_equal(lt_probe_units(codes, &tanh_opts, &s, NULL), LT_OK);
    assert_true(is_close(s.mean_saturated, 0.5));
    lt_unit_stats_deinit(&s);
    assert_int_equal(lt_probe_units(codes, &linear, &s, NULL), LT_OK);
    assert_true(isnan(s.mean_saturated) && isnan(s.saturated[0]));
    assert_int_equal(s.n_dead, 0);
    lt_unit_stats_deinit(&s);
    lt_dataset_free(codes);
}

static void a_unit_that_is_always_0_is_dead_whatever_the_threshold(void **state)
{
    static const float rows[] = {0, 1, 0, 1, 0, 1};
    lt_dataset *codes = codes_make(3, 2, rows, NULL);
    lt_unit_opts o = lt_unit_defaults(LT_ACT_RELU);
    lt_unit_stats s = {0};

    (void)state;
    o.dead_below = 0;
    assert_int_equal(lt_probe_units(codes, &o, &s, NULL), LT_OK);
    assert_true(s.is_dead[0] && !s.is_dead[1]);
    assert_true(s.effective == 0);
    lt_unit_stats_deinit(&s);
    lt_dataset_free(codes);
}

static void effective_dimension_counts_directions(void **state)
{
    static float rows[64 * 6];
    lt_dataset *codes;
    lt_unit_opts o = lt_unit_defaults(LT_ACT_LINEAR);
    lt_unit_stats s = {0};

    (void)state;
    for (int i = 0; i < 64; i++) /* all corners of a cube of six dimensions */
        for (int j = 0; j < 6; j++)
            rows[6 * i + j] = (float)(i >> j & 1);
    codes = codes_make(64, 6, rows, NULL);
    assert_int_equal(lt_probe_units(codes, &o, &s, NULL), LT_OK);
    assert_true(is_close(s.effective, 6));
    lt_unit_stats_deinit(&s);
    lt_dataset_free(codes);
    for (int i = 0; i < 64; i++) /* a line */
        for (int j = 0; j < 6; j++)
            rows[6 * i + j] = (float)(i * (j + 1));
    codes = codes_make(64, 6, rows, NULL);
    assert_int_equal(lt_probe_units(codes, &o, &s, NULL), LT_OK);
    assert_true(is_close(s.effective, 1));
    lt_unit_stats_deinit(&s);
    lt_dataset_free(codes);
}

static lt_status units_once(const lt_probe *p, lt_err *err)
{
    lt_unit_opts o = lt_unit_defaults(LT_ACT_SIGMOID);
    lt_unit_stats s = {0};
    lt_status rc;

    o.observer = p->observer;
    rc = lt_probe_units(p->test, &o, &s, err);
    assert_true((rc == LT_OK) == (s.mean != NULL));
    lt_unit_stats_deinit(&s);
    return rc;
}

/* ---- the baseline ---- */

static void
components_keep_labels_and_leave_the_rest_of_the_variance(void **state)
{
    lt_dataset *train = codes_draw(1300, 6, 0, 10, 1);
    lt_dataset *test = codes_draw(700, 6, 0, 10, 2);
    lt_probe p = {.train = train, .test = test};
    lt_pca_probe few = {0}, all = {0};

    (void)state;
    assert_int_equal(lt_probe_pca(&p, 2, &few, NULL), LT_OK);
    assert_int_equal(lt_probe_pca(&p, 6, &all, NULL), LT_OK);
    assert_true(all.train_sse < 1e-8 && all.test_sse < 1e-8);
    assert_true(is_close(all.explained, 1));
    assert_int_equal(lt_dataset_rows(few.train), 1300);
    assert_int_equal(lt_dataset_rows(few.test), 700);
    assert_int_equal(lt_shape_elements(lt_dataset_shape(few.test)), 2);
    assert_memory_equal(lt_dataset_labels(few.test), lt_dataset_labels(test),
                        700);
    /* what two components do not explain is their error */
    assert_true(few.explained > 2.0 / 6 && few.explained < 0.6);
    {
        const float *x = lt_dataset_values(few.train);
        double kept = 0, mean[2] = {0};

        for (int i = 0; i < 2 * 1300; i++) {
            kept += (double)x[i] * (double)x[i] / 1300;
            mean[i % 2] += (double)x[i] / 1300;
        }
        assert_true(fabs(mean[0]) < 1e-5 && fabs(mean[1]) < 1e-5);
        assert_true(fabs(kept / (kept + few.train_sse) - few.explained) < 1e-5);
    }
    lt_dataset_free(few.train);
    lt_dataset_free(few.test);
    lt_dataset_free(all.train);
    lt_dataset_free(all.test);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static lt_status pca_once(const lt_probe *p, lt_err *err)
{
    lt_pca_probe made = {0};
    lt_status rc = lt_probe_pca(p, 2, &made, err);

    lt_dataset_free(made.train);
    lt_dataset_free(made.test);
    return rc;
}

static void stops_and_failed_allocations_are_survived(void **state)
{
    lt_dataset *train = codes_draw(1300, 6, 0, 0, 1);
    lt_dataset *test = codes_draw(700, 6, 0, 0, 2);
    lt_probe p = {.train = train, .test = test};

    (void)state;
    check_interrupts(&p, units_once);
    check_allocations(&p, units_once);
    check_interrupts(&p, pca_once);
    check_allocations(&p, pca_once);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void bad_requests_are_told(void **state)
{
    static const float rows[] = {1, 2, 3, NAN};
    lt_dataset *nan = codes_make(2, 2, rows, NULL);
    lt_dataset *good = codes_make(1, 2, rows, NULL);
    lt_unit_opts o = lt_unit_defaults(LT_ACT_RELU);
    lt_probe p = {.train = good, .test = good};
    lt_pca_probe made = {0};
    lt_unit_stats s = {0};
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_probe_units(nan, &o, &s, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "codes: element 2 of example 2 is nan"));
    assert_int_equal(lt_probe_pca(&p, 3, &made, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "3 components, wanted 1 to 2"));
    p.test = nan;
    assert_int_equal(lt_probe_pca(&p, 1, &made, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "test set: element 2 of example 2"));
    assert_null(made.train);
    lt_dataset_free(good);
    lt_dataset_free(nan);
}

static void mnist_has_its_known_errors_and_neighbours(void **state)
{
    static const int one[] = {1};
    lt_data_pair pair = {0};
    lt_pca_probe made = {0};
    lt_pool *pool = NULL;
    lt_probe p = {0};
    double accuracy;

    (void)state;
    if (!getenv("LATENT_DATA") || !lt_catalog_has("mnist", NULL)) {
        print_message("MNIST is not in LATENT_DATA: skipped\n");
        return;
    }
    assert_int_equal(lt_catalog_mnist(NULL, &pair, NULL), LT_OK);
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    p = (lt_probe){.train = pair.train, .test = pair.test, .pool = pool};
    assert_int_equal(lt_probe_pca(&p, 30, &made, NULL), LT_OK);
    assert_true(fabs(made.train_sse - 14.2071) < 1e-4);
    assert_true(fabs(made.test_sse - 13.8663) < 1e-4);
    p.train = made.train;
    p.test = made.test;
    assert_int_equal(lt_probe_knn(&p, one, 1, &accuracy, NULL), LT_OK);
    assert_true(accuracy > 0.97 && accuracy < 0.98);
    lt_pool_free(pool);
    lt_dataset_free(made.train);
    lt_dataset_free(made.test);
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmoid_units_are_told_apart),
        cmocka_unit_test(saturation_depends_on_the_activation),
        cmocka_unit_test(
            a_unit_that_is_always_0_is_dead_whatever_the_threshold),
        cmocka_unit_test(effective_dimension_counts_directions),
        cmocka_unit_test(
            components_keep_labels_and_leave_the_rest_of_the_variance),
        cmocka_unit_test(stops_and_failed_allocations_are_survived),
        cmocka_unit_test(bad_requests_are_told),
        cmocka_unit_test(mnist_has_its_known_errors_and_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
