/* What goes into a network and what should come out: missing values, sparse
 * rows, targets of their own, values that a loss does not take. */
#include "train_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/fit.h"
#include "train/feed.h"

enum { N = 3, D = 4 };

static lt_dataset *dense(lt_elem type, const double *values)
{
    bool is_double = type == LT_ELEM_F64;
    void *copy = lt_mem_alloc((size_t)N * D, is_double ? 8 : 4);
    lt_dataset *d = NULL;

    for (int i = 0; i < N * D; i++)
        if (is_double)
            ((double *)copy)[i] = values[i];
        else
            ((float *)copy)[i] = (float)values[i];
    assert_int_equal(
        lt_dataset_new_take(type, N, lt_shape_flat(D), copy, NULL, &d, NULL),
        LT_OK);
    return d;
}

/*  . 2 . .   /  . . . .  /  0 . . 5  (a known zero) */
static lt_dataset *sparse(void)
{
    static const int64_t starts[N + 1] = {0, 1, 1, 3};
    static const int32_t columns[] = {1, 0, 3};
    static const float values[] = {2, 0, 5};
    lt_sparse s = {.rows = N, .cols = D};
    lt_dataset *d = NULL;

    s.start = lt_mem_alloc(N + 1, sizeof *s.start);
    s.index = lt_mem_alloc(3, sizeof *s.index);
    s.value = lt_mem_alloc(3, sizeof *s.value);
    memcpy(s.start, starts, sizeof starts);
    memcpy(s.index, columns, sizeof columns);
    memcpy(s.value, values, sizeof values);
    assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &d, NULL), LT_OK);
    return d;
}

static const double holes[N * D] = {1, NAN, 3, 4, NAN, NAN, 7, 8, 9, 1, 2, 3};
static const double whole[N * D] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2};

static void same(const lt_real *found, const double *wanted, int n)
{
    for (int i = 0; i < n; i++)
        if (isnan(wanted[i]) ? !isnan((double)found[i])
                             : found[i] != (lt_real)wanted[i])
            fail_msg("element %d: %g, wanted %g", i, (double)found[i],
                     wanted[i]);
}

static void missing_inputs_are_zero_and_missing_targets_nan(void **state)
{
    const double zeros[N * D] = {1, 0, 3, 4, 0, 0, 7, 8, 9, 1, 2, 3};
    const lt_elem types[] = {LT_ELEM_F32, LT_ELEM_F64};
    lt_real x[N * D], room[N * D];

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_dataset *d = dense(types[i], holes);
        const lt_real *t = lt__feed_gather(
            d, LT_LOSS_MASKED_MSE, (lt__feed_range){NULL, 0, N}, x, room);

        same(x, zeros, N * D);
        same(t, holes, N * D);
        lt_dataset_free(d);
    }
}

static void absent_entries_are_zero_inputs_and_nan_targets(void **state)
{
    const int32_t index[] = {2, 0};
    const double in[] = {0, 0, 0, 5, 0, 2, 0, 0};
    const double out[] = {0, NAN, NAN, 5, NAN, 2, NAN, NAN};
    lt_dataset *d = sparse();
    lt_real x[2 * D], room[2 * D];
    const lt_real *t = lt__feed_gather(d, LT_LOSS_MASKED_MSE,
                                       (lt__feed_range){index, 0, 2}, x, room);

    (void)state;
    same(x, in, 2 * D);
    same(t, out, 2 * D);
    t = lt__feed_gather(d, LT_LOSS_MSE, (lt__feed_range){index, 0, 2}, x, NULL);
    assert_ptr_equal(t, x);
    same(x, in, 2 * D);
    lt_dataset_free(d);
}

static void targets_of_their_own_are_known_where_they_have_entries(void **state)
{
    const double zeros[N * D] = {1, 0, 3, 4, 0, 0, 7, 8, 9, 1, 2, 3};
    const double held[N * D] = {NAN, 2,   NAN, NAN, NAN, NAN,
                                NAN, NAN, 0,   NAN, NAN, 5};
    const double plain[N * D] = {0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};
    const lt__feed_range all = {NULL, 0, N};
    lt_dataset *d = dense(LT_ELEM_F32, holes);
    lt_real x[N * D], room[N * D];

    (void)state;
    assert_int_equal(lt_dataset_set_target_take(d, sparse(), NULL), LT_OK);
    same(lt__feed_gather(d, LT_LOSS_MASKED_MSE, all, x, room), held, N * D);
    same(x, zeros, N * D);
    same(lt__feed_gather(d, LT_LOSS_MSE, all, x, room), plain, N * D);
    same(x, zeros, N * D);
    lt_dataset_free(d);
}

static void losses_refuse_targets_they_are_not_defined_for(void **state)
{
    const struct {
        lt_loss loss;
        double at_5;
        const char *wanted; /* or NULL */
    } cases[] = {
        {LT_LOSS_BCE, 1.5, "set: example 2 has the value 1.5, loss bce wants "},
        {LT_LOSS_BCE, 0.5, NULL},
        {LT_LOSS_MSE, NAN, "example 2 has the value nan, loss mse wants no "},
        {LT_LOSS_HUBER, NAN, "loss huber wants no missing values"},
        {LT_LOSS_MULTINOMIAL, -1, "wants counts, 0 or more"},
        {LT_LOSS_MULTINOMIAL, 7, NULL},
        {LT_LOSS_MASKED_MSE, NAN, NULL},
        {LT_LOSS_MSE, INFINITY,
         "example 2 has the value inf, loss mse wants "
         "finite values"},
        {LT_LOSS_HUBER, -INFINITY, "the value -inf, loss huber wants finite"},
        {LT_LOSS_MULTINOMIAL, INFINITY, "wants counts, 0 or more"},
        {LT_LOSS_MASKED_MSE, INFINITY, "loss masked_mse wants finite values"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int type = LT_ELEM_F32; type <= LT_ELEM_F64; type++) {
            double values[N * D] = {0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 1};
            lt_dataset *d;
            lt_err err = {0};
            lt_status rc;

            values[5] = cases[i].at_5;
            d = dense((lt_elem)type, values);
            rc = lt__feed_check(d, cases[i].loss, "set", &err);
            assert_int_equal(rc, cases[i].wanted ? LT_EINVAL : LT_OK);
            if (cases[i].wanted && !strstr(err.text, cases[i].wanted))
                fail_msg("%s", err.text);
            lt_dataset_free(d);
        }
}

static void sparse_sets_are_checked_by_their_entries(void **state)
{
    lt_dataset *d = sparse(), *none = NULL;
    double nothing[N * D];
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt__feed_check(d, LT_LOSS_BCE, "set", &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "example 1 has the value 2"));
    assert_int_equal(lt__feed_check(d, LT_LOSS_MULTINOMIAL, "set", NULL),
                     LT_OK);
    assert_int_equal(lt__feed_check(d, LT_LOSS_MASKED_MSE, "set", NULL), LT_OK);
    assert_int_equal(lt_dataset_view(d, 1, 1, &none, NULL), LT_OK);
    err = (lt_err){0};
    assert_int_equal(lt__feed_check(none, LT_LOSS_MASKED_MSE, "held out", &err),
                     LT_EINVAL);
    assert_string_equal(err.text, "held out: no value is known, loss "
                                  "masked_mse wants at least one");
    lt_dataset_free(none);
    lt_dataset_free(d);
    for (int i = 0; i < N * D; i++)
        nothing[i] = NAN;
    d = dense(LT_ELEM_F32, nothing);
    assert_int_equal(lt__feed_check(d, LT_LOSS_MASKED_MSE, "set", NULL),
                     LT_EINVAL);
    lt_dataset_free(d);
}

/* A missing value may stand in a sparse row too. */
static void missing_entries_of_sparse_rows_are_zero_inputs(void **state)
{
    const double zeros[N * D] = {0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const double nans[N * D] = {NAN, 2,   NAN, NAN, NAN, NAN,
                                NAN, NAN, 0,   NAN, NAN, NAN};
    lt_dataset *d = sparse();
    lt_real x[N * D], room[N * D];
    const lt__feed_range all = {NULL, 0, N};

    (void)state;
    lt_dataset_sparse(d)->value[2] = NAN;
    lt__feed_inputs(d, all, x);
    same(x, zeros, N * D);
    same(lt__feed_gather(d, LT_LOSS_MASKED_MSE, all, x, room), nans, N * D);
    same(x, zeros, N * D);
    assert_int_equal(
        lt_dataset_set_target_take(d, dense(LT_ELEM_F32, whole), NULL), LT_OK);
    same(lt__feed_gather(d, LT_LOSS_MSE, all, x, room), whole, N * D);
    same(x, zeros, N * D);
    lt_dataset_free(d);
}

static lt_net *small_net(lt_act output)
{
    net_plan p = {.width = D,
                  .units = {3},
                  .n = 1,
                  .code_act = LT_ACT_TANH,
                  .output = output,
                  .seed = 3};

    return net_make(&p);
}

/* The mean over the set is over its known entries, in whatever batches. */
static void masked_means_are_over_known_entries(void **state)
{
    lt_dataset *d = dense(LT_ELEM_F32, holes), *out = NULL, *code = NULL;
    lt_net *net = small_net(LT_ACT_LINEAR);
    lt_fit_opts o = {.train = d,
                     .objective.loss = LT_LOSS_MASKED_MSE,
                     .optimizer = lt_opt_defaults(LT_OPT_SGD),
                     .epochs = 1,
                     .batch = 2,
                     .seed = 4};
    double squares = 0;
    const float *y;
    lt_fit_result r;
    lt_terms mean;

    (void)state;
    assert_int_equal(lt_evaluate_map(net, d, 0, 2, NULL, &out, NULL), LT_OK);
    assert_int_equal(lt_evaluate_map(net, d, 0, 1, NULL, &code, NULL), LT_OK);
    y = lt_dataset_values(out);
    for (int i = 0; i < N * D; i++) {
        assert_true(isfinite(y[i])); /* missing inputs were 0 */
        squares += isnan(holes[i]) ? 0 : (y[i] - holes[i]) * (y[i] - holes[i]);
    }
    assert_int_equal(lt_evaluate(net, d, LT_LOSS_MASKED_MSE, NULL, &mean, NULL),
                     LT_OK);
    assert_true(fabs(mean.loss - squares / 9) < 1e-4);
    assert_true(fabs(mean.sse - squares / N) < 1e-4);
    assert_true(fabs(mean.rmse - sqrt(squares / 9)) < 1e-4);
    o.optimizer.rate = 1e-12; /* as good as not at all */
    assert_int_equal(lt_fit(net, &o, &r, NULL), LT_OK);
    assert_true(fabs(r.last.train.loss - squares / 9) < 1e-4);
    assert_true(fabs(r.last.train.rmse - sqrt(squares / 9)) < 1e-4);
    lt_dataset_free(code);
    lt_dataset_free(out);
    lt_dataset_free(d);
    lt_net_free(net);
}

/* An example of which nothing is known, alone in its batch, changes nothing
 * and counts nothing. */
static void batches_without_known_entries_change_nothing(void **state)
{
    double values[N * D];
    lt_dataset *d, *known = NULL;
    lt_fit_opts o = {.objective.loss = LT_LOSS_MASKED_MSE,
                     .optimizer = lt_opt_defaults(LT_OPT_SGD),
                     .epochs = 1,
                     .batch = 1,
                     .seed = 4};
    lt_net *nets[2];
    lt_fit_result r[2];

    (void)state;
    for (int i = 0; i < N * D; i++)
        values[i] = i < D ? whole[i] : NAN;
    d = dense(LT_ELEM_F32, values);
    assert_int_equal(lt_dataset_view(d, 0, 1, &known, NULL), LT_OK);
    o.optimizer.rate = 0.01;
    for (int i = 0; i < 2; i++) {
        nets[i] = small_net(LT_ACT_LINEAR);
        o.train = i ? known : d;
        assert_int_equal(lt_fit(nets[i], &o, &r[i], NULL), LT_OK);
    }
    params_assert_equal(nets[0], nets[1]);
    assert_true(r[0].last.train.loss == r[1].last.train.loss);
    assert_true(r[0].last.train.rmse == r[1].last.train.rmse);
    assert_true(fabs(r[0].last.train.sse * N - r[1].last.train.sse) < 1e-4);
    for (int i = 0; i < 2; i++)
        lt_net_free(nets[i]);
    lt_dataset_free(known);
    lt_dataset_free(d);
}

static void perplexity_is_of_a_word(void **state)
{
    double counts[N * D], loss = 0, words = 0;
    lt_dataset *d, *out = NULL;
    lt_net *net = small_net(LT_ACT_SOFTMAX);
    const float *y;
    lt_terms mean;

    (void)state;
    for (int i = 0; i < N * D; i++)
        counts[i] = i < D ? 0 : whole[i]; /* the first has no words */
    d = dense(LT_ELEM_F32, counts);
    assert_int_equal(lt_evaluate_map(net, d, 0, 2, NULL, &out, NULL), LT_OK);
    y = lt_dataset_values(out);
    for (int i = 0; i < N * D; i++) {
        loss -= counts[i] * log((double)y[i]);
        words += counts[i];
    }
    assert_int_equal(
        lt_evaluate(net, d, LT_LOSS_MULTINOMIAL, NULL, &mean, NULL), LT_OK);
    assert_true(fabs(mean.loss - loss / N) < 1e-4);
    assert_true(fabs(mean.perplexity - exp(loss / words)) < 1e-4);
    assert_true(isnan(mean.rmse) && isnan(mean.kl) && isnan(mean.recon));
    lt_dataset_free(out);
    lt_dataset_free(d);
    lt_net_free(net);
}

static void fit_without_epochs_finds_room_for_either_set(void **state)
{
    lt_dataset *d = dense(LT_ELEM_F32, whole),
               *test = dense(LT_ELEM_F32, whole);
    lt_net *net = small_net(LT_ACT_LINEAR);
    lt_fit_opts o = {.train = d,
                     .test = test,
                     .objective.loss = LT_LOSS_MSE,
                     .optimizer = lt_opt_defaults(LT_OPT_SGD),
                     .batch = 2};
    lt_fit_result r;

    (void)state;
    assert_int_equal(
        lt_dataset_set_target_take(d, dense(LT_ELEM_F32, whole), NULL), LT_OK);
    assert_int_equal(lt_fit(net, &o, &r, NULL), LT_OK);
    assert_true(fabs(r.last.train.loss - r.last.test.loss) < 1e-12);
    lt_dataset_free(d);
    lt_dataset_free(test);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_inputs_are_zero_and_missing_targets_nan),
        cmocka_unit_test(absent_entries_are_zero_inputs_and_nan_targets),
        cmocka_unit_test(
            targets_of_their_own_are_known_where_they_have_entries),
        cmocka_unit_test(losses_refuse_targets_they_are_not_defined_for),
        cmocka_unit_test(sparse_sets_are_checked_by_their_entries),
        cmocka_unit_test(missing_entries_of_sparse_rows_are_zero_inputs),
        cmocka_unit_test(batches_without_known_entries_change_nothing),
        cmocka_unit_test(masked_means_are_over_known_entries),
        cmocka_unit_test(perplexity_is_of_a_word),
        cmocka_unit_test(fit_without_epochs_finds_room_for_either_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
