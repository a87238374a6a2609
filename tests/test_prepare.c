/* Scaling, standardising and whitening: by hand, there and back, constants,
 * missing values, every allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/data/prepare.h"

static lt_dataset *floats(int n, int elements, const float *values)
{
    lt_dataset *d = NULL;
    size_t count = (size_t)n * (size_t)elements;
    float *copy = lt_mem_alloc(count, sizeof *copy);
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);

    memcpy(copy, values, count * sizeof *copy);
    for (int i = 0; i < n; i++)
        labels[i] = (uint8_t)(i + 3);
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, n,
                                         lt_shape_flat(elements), copy, labels,
                                         &d, NULL),
                     LT_OK);
    return d;
}

static lt_dataset *run(const lt_prep *p, const lt_dataset *d, lt_prep_opts o)
{
    lt_dataset *out = NULL;
    lt_err err = {0};

    if (lt_prep_apply(p, d, &o, &out, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(lt_dataset_type(out), LT_ELEM_F32);
    assert_int_equal(lt_dataset_rows(out), lt_dataset_rows(d));
    return out;
}

static lt_dataset *apply(const lt_prep *p, const lt_dataset *d)
{
    return run(p, d, (lt_prep_opts){0});
}

static lt_dataset *invert(const lt_prep *p, const lt_dataset *d)
{
    return run(p, d, (lt_prep_opts){.is_inverse = true});
}

static void assert_values(const lt_dataset *d, const float *wanted, double tol)
{
    const float *found = lt_dataset_values(d);
    int n = lt_dataset_rows(d) * lt_shape_elements(lt_dataset_shape(d));

    for (int i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)wanted[i]) <= tol) &&
            !(isnan(found[i]) && isnan(wanted[i])))
            fail_msg("value %d is %g, wanted %g", i, (double)found[i],
                     (double)wanted[i]);
}

typedef lt_status fit_function(const lt_dataset *, lt_prep_per, lt_prep **,
                               lt_err *);

static lt_prep *fit(fit_function *f, const lt_dataset *d, lt_prep_per per)
{
    lt_prep *p = NULL;
    lt_err err = {0};

    if (f(d, per, &p, &err) != LT_OK)
        fail_msg("%s", err.text);
    return p;
}

/* ---- numbers of each element, or of the set ---- */

/* Three elements; the second never changes in the training set. */
static const float train_values[] = {1, 5, -2, 2, 5, 2, 6, 5, 0};
static const float test_values[] = {3, 7, 4, -1, 5, 0};

typedef struct by_hand {
    fit_function *fit;
    lt_prep_per per;
    float train[9], test[6];
} by_hand;

/* Element means 3, 5, 0; variances 14/3, 0, 8/3: their mean is 22/9. */
#define SD0    2.16024690f /* sqrt(14/3) */
#define SD2    1.63299316f /* sqrt(8/3) */
#define SD_ALL 1.56347192f /* sqrt(22/9) */
static const by_hand hands[] = {
    {lt_prep_scale,
     LT_PREP_ELEMENT,
     {0, 0, 0, 0.2f, 0, 1, 1, 0, 0.5f},
     {0.4f, 2, 1.5f, -0.4f, 0, 0.5f}},
    {lt_prep_scale,
     LT_PREP_SET, /* -2 to 6 */
     {0.375f, 0.875f, 0, 0.5f, 0.875f, 0.5f, 1, 0.875f, 0.25f},
     {0.625f, 1.125f, 0.75f, 0.125f, 0.875f, 0.25f}},
    {lt_prep_standardise,
     LT_PREP_ELEMENT,
     {-2 / SD0, 0, -2 / SD2, -1 / SD0, 0, 2 / SD2, 3 / SD0, 0, 0},
     {0, 2, 4 / SD2, -4 / SD0, 0, 0}},
    {lt_prep_standardise,
     LT_PREP_SET,
     {-2 / SD_ALL, 0, -2 / SD_ALL, -1 / SD_ALL, 0, 2 / SD_ALL, 3 / SD_ALL, 0,
      0},
     {0, 2 / SD_ALL, 4 / SD_ALL, -4 / SD_ALL, 0, 0}},
};

static void prepare_is_fitted_on_the_training_set_alone(void **state)
{
    lt_dataset *train = floats(3, 3, train_values);
    lt_dataset *test = floats(2, 3, test_values);

    (void)state;
    for (size_t i = 0; i < sizeof hands / sizeof *hands; i++) {
        lt_prep *p = fit(hands[i].fit, train, hands[i].per);
        lt_dataset *a = apply(p, train), *b = apply(p, test);

        assert_values(a, hands[i].train, 1e-6);
        assert_values(b, hands[i].test, 1e-6);
        assert_memory_equal(lt_dataset_labels(b), "\3\4", 2);
        lt_dataset_free(a);
        lt_dataset_free(b);
        lt_prep_free(p);
    }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void prepare_inverts_what_it_applied(void **state)
{
    lt_dataset *train = floats(3, 3, train_values);
    lt_dataset *test = floats(2, 3, test_values);

    (void)state;
    for (size_t i = 0; i < sizeof hands / sizeof *hands; i++) {
        lt_prep *p = fit(hands[i].fit, train, hands[i].per);
        lt_dataset *a = apply(p, test), *b = invert(p, a);

        assert_values(b, test_values, 1e-6);
        lt_dataset_free(a);
        lt_dataset_free(b);
        lt_prep_free(p);
    }
    lt_dataset_free(train);
    lt_dataset_free(test);
}

static void prepare_reads_bytes_as_shares_and_doubles_as_they_are(void **state)
{
    static const double far[] = {1e9, 1e9 + 1, 1e9 + 2};
    lt_dataset *bytes = NULL, *doubles = NULL, *out;
    uint8_t *values = lt_mem_alloc(4, 1);
    double *large = lt_mem_alloc(3, sizeof *large);
    lt_prep *p;

    (void)state;
    memcpy(values, "\0\xff\x33\x66", 4);
    memcpy(large, far, sizeof far);
    lt_dataset_new_take(LT_ELEM_U8, 4, lt_shape_flat(1), values, NULL, &bytes,
                        NULL);
    p = fit(lt_prep_standardise, bytes, LT_PREP_SET);
    out = apply(p, bytes); /* 0, 1, 0.2, 0.4: mean 0.4, variance 0.14 */
    assert_values(out, (const float[]){-1.0690450f, 1.6035675f, -0.5345225f, 0},
                  1e-6);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(bytes);

    lt_dataset_new_take(LT_ELEM_F64, 3, lt_shape_flat(1), large, NULL, &doubles,
                        NULL);
    p = fit(lt_prep_standardise, doubles, LT_PREP_ELEMENT);
    out = apply(p, doubles);
    assert_values(out, (const float[]){-1.2247449f, 0, 1.2247449f}, 1e-6);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(doubles);
}

static void prepare_knows_constants_whatever_their_rounding(void **state)
{
    float same[1000];
    lt_dataset *d, *out;
    lt_prep *p;

    (void)state;
    for (int i = 0; i < 1000; i++)
        same[i] = 0.1f;
    d = floats(1000, 1, same);
    p = fit(lt_prep_standardise, d, LT_PREP_ELEMENT);
    out = apply(p, d);
    for (int i = 0; i < 1000; i++)
        assert_true(((const float *)lt_dataset_values(out))[i] == 0);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(d);
}

static void prepare_leaves_missing_values_out(void **state)
{
    const float holes[] = {1, NAN, 3, NAN, NAN, 7};
    lt_dataset *d = floats(3, 2, holes), *out;
    lt_prep *p = fit(lt_prep_standardise, d, LT_PREP_ELEMENT);

    (void)state;
    out = apply(p, d); /* 1 and 3: mean 2, variance 1; 7 alone */
    assert_values(out, (const float[]){-1, NAN, 1, NAN, NAN, 0}, 1e-6);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(d);
}

static void prepare_works_on_a_stretch_and_leaves_zeros(void **state)
{
    lt_dataset *train = floats(3, 3, train_values), *out;
    lt_prep *p = fit(lt_prep_scale, train, LT_PREP_SET);

    (void)state;
    out = run(p, train, (lt_prep_opts){.limit = 1});
    assert_values(out, (const float[]){0.375f, 0.875f, 0, 0, 0, 0, 0, 0, 0},
                  1e-6);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(train);
}

/* ---- whitening ---- */

enum { N = 1100, D = 6 }; /* more than two blocks of each kind */

/* Correlated values: a lower triangle times independent ones, plus means. */
static lt_dataset *correlated(uint64_t seed)
{
    float values[N * D];
    lt_rng rng;

    lt_rng_init(&rng, seed, "test");
    for (int i = 0; i < N; i++) {
        double z[D];

        for (int j = 0; j < D; j++) {
            double x = 10 * j;

            z[j] = lt_rng_normal(&rng);
            for (int k = 0; k <= j; k++)
                x += z[k] * (k + 1) / (1 + abs(j - k));
            values[i * D + j] = (float)x;
        }
    }
    return floats(N, D, values);
}

static lt_prep *whiten(const lt_dataset *d, lt_whiten_opts o)
{
    lt_prep *p = NULL;
    lt_err err = {0};

    if (lt_prep_whiten(d, &o, &p, &err) != LT_OK)
        fail_msg("%s", err.text);
    return p;
}

/* Entry (a,b) of a set's covariance, with means of its own. */
static double covariance(const lt_dataset *d, int a, int b)
{
    const float *x = lt_dataset_values(d);
    int wide = lt_shape_elements(lt_dataset_shape(d)), n = lt_dataset_rows(d);
    double ma = 0, mb = 0, sum = 0;

    for (int i = 0; i < n; i++) {
        ma += (double)x[i * wide + a] / n;
        mb += (double)x[i * wide + b] / n;
    }
    for (int i = 0; i < n; i++)
        sum += ((double)x[i * wide + a] - ma) * ((double)x[i * wide + b] - mb);
    return sum / n;
}

static void assert_white(const lt_dataset *d)
{
    int wide = lt_shape_elements(lt_dataset_shape(d));

    for (int a = 0; a < wide; a++)
        for (int b = 0; b < wide; b++)
            assert_true(fabs(covariance(d, a, b) - (a == b)) < 2e-5);
}

static void whiten_gives_the_identity_as_covariance(void **state)
{
    static const lt_whiten_opts opts[] = {
        {.is_zca = false}, {.is_zca = true}, {.components = 3}};
    lt_dataset *d = correlated(1);

    (void)state;
    for (int i = 0; i < 3; i++) {
        lt_prep *p = whiten(d, opts[i]);
        lt_dataset *out = apply(p, d);

        assert_int_equal(lt_shape_elements(lt_dataset_shape(out)),
                         opts[i].components ? 3 : D);
        assert_white(out);
        lt_dataset_free(out);
        lt_prep_free(p);
    }
    lt_dataset_free(d);
}

static void whiten_divides_by_the_root_of_variance_plus_epsilon(void **state)
{
    lt_dataset *d = correlated(2);
    lt_prep *p = whiten(d, (lt_whiten_opts){.epsilon = 0.5});
    lt_dataset *out = apply(p, d);
    const double *l = lt_prep_variances(p);

    (void)state;
    for (int i = 0; i < D; i++) {
        assert_true(i == 0 || l[i] <= l[i - 1]);
        assert_true(fabs(covariance(out, i, i) - l[i] / (l[i] + 0.5)) < 1e-5);
    }
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(d);
}

static double distance2(const lt_dataset *a, const lt_dataset *b)
{
    const float *x = lt_dataset_values(a), *y = lt_dataset_values(b);
    double sum = 0;

    for (int i = 0; i < N * D; i++) {
        double by = (double)x[i] - (double)y[i];

        sum += by * by;
    }
    return sum;
}

/* Turns the elements a and b of each example. */
static void turn(lt_dataset *d, int a, int b, double angle)
{
    float *x = (float *)lt_dataset_values(d);

    for (int i = 0; i < N; i++) {
        double u = (double)x[i * D + a], v = (double)x[i * D + b];

        x[i * D + a] = (float)(cos(angle) * u - sin(angle) * v);
        x[i * D + b] = (float)(sin(angle) * u + cos(angle) * v);
    }
}

/* Every turned ZCA is white too, and further from the centred examples. */
static void whiten_zca_moves_the_examples_least(void **state)
{
    lt_dataset *d = correlated(3), *white, *pca;
    lt_prep *centre = fit(lt_prep_standardise, d, LT_PREP_SET);
    lt_dataset *origin = apply(centre, d);
    lt_prep *zca = whiten(origin, (lt_whiten_opts){.is_zca = true});
    lt_prep *axes = whiten(origin, (lt_whiten_opts){.is_zca = false});
    double least;

    (void)state;
    white = apply(zca, origin);
    pca = apply(axes, origin);
    least = distance2(white, origin);
    assert_true(least < distance2(pca, origin));
    for (int a = 0; a < D; a++)
        for (int b = 0; b < a; b++) {
            turn(white, a, b, 0.05);
            assert_true(distance2(white, origin) > least);
            turn(white, a, b, -0.1);
            assert_true(distance2(white, origin) > least);
            turn(white, a, b, 0.05);
        }
    lt_dataset_free(white);
    lt_dataset_free(pca);
    lt_dataset_free(origin);
    lt_dataset_free(d);
    lt_prep_free(centre);
    lt_prep_free(zca);
    lt_prep_free(axes);
}

static void whiten_inverts_what_it_applied(void **state)
{
    static const lt_whiten_opts opts[] = {{.is_zca = false},
                                          {.is_zca = true},
                                          {.is_zca = false, .epsilon = 0.1},
                                          {.is_zca = true, .epsilon = 0.1}};
    lt_dataset *d = correlated(4), *other = correlated(5);

    (void)state;
    for (int i = 0; i < 4; i++) {
        lt_prep *p = whiten(d, opts[i]);
        lt_dataset *out = apply(p, other), *back = invert(p, out);

        assert_values(back, lt_dataset_values(other), 2e-4);
        lt_dataset_free(out);
        lt_dataset_free(back);
        lt_prep_free(p);
    }
    lt_dataset_free(d);
    lt_dataset_free(other);
}

/* There and back through k axes is the projection on them: what is lost is the
 * sum of the other variances. */
static void whiten_loses_the_axes_left_out(void **state)
{
    lt_dataset *d = correlated(6);

    (void)state;
    for (int zca = 0; zca < 2; zca++) {
        lt_prep *p =
            whiten(d, (lt_whiten_opts){.is_zca = zca, .components = 4});
        lt_dataset *out = apply(p, d), *back = invert(p, out);
        const double *l = lt_prep_variances(p);
        double lost = distance2(back, d) / N;

        assert_true(fabs(lost - (l[4] + l[5])) < 1e-4 * (l[4] + l[5]));
        lt_dataset_free(out);
        lt_dataset_free(back);
        lt_prep_free(p);
    }
    lt_dataset_free(d);
}

static void whiten_gives_zero_where_nothing_varies(void **state)
{
    float values[20 * 3];
    lt_dataset *d, *out, *back;

    (void)state;
    for (int i = 0; i < 20; i++) {
        values[3 * i] = (float)(i % 5);
        values[3 * i + 1] = 7;                 /* constant */
        values[3 * i + 2] = 2 * values[3 * i]; /* the first again */
    }
    d = floats(20, 3, values);
    for (int zca = 0; zca < 2; zca++) {
        lt_prep *p = whiten(d, (lt_whiten_opts){.is_zca = zca});

        out = apply(p, d);
        back = invert(p, out);
        for (int i = 0; i < 60; i++)
            assert_true(isfinite(((const float *)lt_dataset_values(out))[i]));
        assert_true(fabs(covariance(out, 0, 0) + covariance(out, 1, 1) +
                         covariance(out, 2, 2) - 1) < 1e-5);
        assert_values(back, values, 1e-5);
        lt_dataset_free(out);
        lt_dataset_free(back);
        lt_prep_free(p);
    }
    lt_dataset_free(d);
}

static void whiten_has_the_same_bits_for_all_threads(void **state)
{
    lt_dataset *d = correlated(7), *a, *b;
    lt_pool *pool = NULL;
    lt_prep *p, *q;

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    p = whiten(d, (lt_whiten_opts){.is_zca = true});
    q = whiten(d, (lt_whiten_opts){.is_zca = true, .pool = pool});
    a = apply(p, d);
    b = run(q, d, (lt_prep_opts){.pool = pool});
    assert_memory_equal(lt_dataset_values(a), lt_dataset_values(b),
                        N * D * sizeof(float));
    lt_dataset_free(a);
    lt_dataset_free(b);
    lt_prep_free(p);
    lt_prep_free(q);
    lt_pool_free(pool);
    lt_dataset_free(d);
}

static void whiten_on_trial_has_the_right_shapes(void **state)
{
    lt_dataset *d = correlated(8);
    lt_prep *p = whiten(d, (lt_whiten_opts){.components = 2, .is_trial = true});
    lt_dataset *out = apply(p, d);

    (void)state;
    assert_int_equal(lt_shape_elements(lt_dataset_shape(out)), 2);
    assert_int_equal(lt_dataset_rows(out), N);
    lt_dataset_free(out);
    lt_prep_free(p);
    lt_dataset_free(d);
}

/* ---- what is refused ---- */

static void expect(lt_status found, const lt_err *err, const char *text)
{
    assert_int_equal(found, LT_EINVAL);
    if (!strstr(err->text, text))
        fail_msg("found:  %s\nwanted: %s", err->text, text);
}

static void prepare_refuses_what_it_cannot_do(void **state)
{
    lt_dataset *d = floats(3, 3, train_values), *out = NULL;
    lt_dataset *wide = floats(1, 9, train_values);
    lt_dataset *holes = floats(3, 1, (const float[]){1, NAN, 2});
    lt_dataset *endless = floats(3, 1, (const float[]){1, INFINITY, 2});
    lt_prep *p = fit(lt_prep_scale, d, LT_PREP_SET), *none = NULL;
    const lt_prep_opts back = {.is_inverse = true}, forth = {0};
    lt_err err = {0};

    (void)state;
    expect(lt_prep_apply(p, wide, &forth, &out, &err), &err,
           "examples of 9, wanted 3, as the set that this was fitted on");
    expect(lt_prep_apply(p, wide, &back, &out, &err), &err,
           "examples of 9, wanted 3, as this preparation makes");
    expect(lt_prep_whiten(holes, &(lt_whiten_opts){0}, &none, &err), &err,
           "whiten: element 1 of example 2 is nan");
    expect(lt_prep_scale(endless, LT_PREP_SET, &none, &err), &err,
           "scale: element 1 of example 2 is inf, wanted finite");
    expect(lt_prep_whiten(d, &(lt_whiten_opts){.components = 4}, &none, &err),
           &err, "whiten: 4 components, wanted 1 to 3");
    expect(lt_prep_whiten(d, &(lt_whiten_opts){.epsilon = -1}, &none, &err),
           &err, "epsilon -1, wanted 0 or more");
    assert_null(none);
    assert_null(out);
    lt_prep_free(p);
    lt_dataset_free(d);
    lt_dataset_free(wide);
    lt_dataset_free(holes);
    lt_dataset_free(endless);
}

static void prepare_refuses_sparse_sets_and_other_targets(void **state)
{
    lt_sparse s = {1, 2, lt_mem_zero(2, 8), lt_mem_zero(1, 4),
                   lt_mem_zero(1, 4)};
    lt_dataset *sparse = NULL, *d = floats(3, 3, train_values);
    lt_prep *p = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &sparse, &err),
                     LT_OK);
    expect(lt_prep_standardise(sparse, LT_PREP_SET, &p, &err), &err,
           "standardise: a sparse set of 2 columns, wanted dense values");
    assert_int_equal(
        lt_dataset_set_target_take(d, floats(3, 3, train_values), &err), LT_OK);
    expect(lt_prep_whiten(d, &(lt_whiten_opts){0}, &p, &err), &err,
           "whiten: a set with targets of its own");
    lt_dataset_free(sparse);
    lt_dataset_free(d);
}

static lt_status all_of_it(const lt_dataset *d, int kind, lt_err *err)
{
    const lt_whiten_opts pca = {.components = 2}, zca = {.is_zca = true};
    lt_prep *p = NULL;
    lt_dataset *out = NULL, *back = NULL;
    lt_status rc = kind == 0   ? lt_prep_scale(d, LT_PREP_SET, &p, err)
                   : kind == 1 ? lt_prep_whiten(d, &pca, &p, err)
                               : lt_prep_whiten(d, &zca, &p, err);

    if (rc == LT_OK)
        rc = lt_prep_apply(p, d, &(lt_prep_opts){0}, &out, err);
    if (rc == LT_OK)
        rc = lt_prep_apply(p, out, &(lt_prep_opts){.is_inverse = true}, &back,
                           err);
    lt_dataset_free(out);
    lt_dataset_free(back);
    lt_prep_free(p);
    return rc;
}

static void prepare_survives_every_failing_allocation(void **state)
{
    lt_dataset *d = correlated(9);

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        lt_status rc = LT_ENOMEM;
        int n = 0;

        for (; rc != LT_OK; n++) {
            lt_err err = {0};

            lt_mem_fail_after(n);
            rc = all_of_it(d, kind, &err);
            lt_mem_fail_after(-1);
            if (rc != LT_OK) {
                assert_int_equal(rc, LT_ENOMEM);
                assert_true(err.text[0]);
            }
        }
        assert_true(n > 10);
    }
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepare_is_fitted_on_the_training_set_alone),
        cmocka_unit_test(prepare_inverts_what_it_applied),
        cmocka_unit_test(prepare_reads_bytes_as_shares_and_doubles_as_they_are),
        cmocka_unit_test(prepare_knows_constants_whatever_their_rounding),
        cmocka_unit_test(prepare_leaves_missing_values_out),
        cmocka_unit_test(prepare_works_on_a_stretch_and_leaves_zeros),
        cmocka_unit_test(whiten_gives_the_identity_as_covariance),
        cmocka_unit_test(whiten_divides_by_the_root_of_variance_plus_epsilon),
        cmocka_unit_test(whiten_zca_moves_the_examples_least),
        cmocka_unit_test(whiten_inverts_what_it_applied),
        cmocka_unit_test(whiten_loses_the_axes_left_out),
        cmocka_unit_test(whiten_gives_zero_where_nothing_varies),
        cmocka_unit_test(whiten_has_the_same_bits_for_all_threads),
        cmocka_unit_test(whiten_on_trial_has_the_right_shapes),
        cmocka_unit_test(prepare_refuses_what_it_cannot_do),
        cmocka_unit_test(prepare_refuses_sparse_sets_and_other_targets),
        cmocka_unit_test(prepare_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
