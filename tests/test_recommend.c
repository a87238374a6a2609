/* Predictions, recommendations, codes and errors of sets of ratings, against
 * the network's outputs on the same rows as arrays. */
#include "ratings_fixture.h"

#include "latent/train/evaluate.h"
#include "latent/train/recommend.h"

#include <limits.h>

enum { USERS = 150, ITEMS = 30 };

typedef struct fixture {
    lt_dataset *set, *dense; /* the same examples */
    lt_net *net[3];          /* sparse, not sparse, sparse and mirrored */
    lt_dataset *outputs;     /* of net[0], from `dense` */
} fixture;

static lt_net *net_of(lt_tie tie, bool is_sparse)
{
    net_plan plan = {.width = ITEMS,
                     .units = {11, 4},
                     .n = 2,
                     .act = LT_ACT_SELU,
                     .code_act = LT_ACT_TANH,
                     .output = LT_ACT_LINEAR,
                     .tie = tie,
                     .seed = 4,
                     .is_sparse = is_sparse};

    return net_make(&plan);
}

static int setup(void **state)
{
    static fixture f;
    int64_t *row_ids = lt_mem_zero(USERS, sizeof *row_ids);

    f.set = ratings_make(USERS, ITEMS, 3, 5);
    for (int i = 0; i < USERS; i++)
        row_ids[i] = 1000 + i;
    lt_dataset_set_legend_take(f.set, row_ids, NULL, 3.5);
    f.dense = ratings_twin(f.set);
    f.net[0] = net_of(LT_TIE_UNTIED, true);
    f.net[1] = net_of(LT_TIE_UNTIED, false);
    f.net[2] = net_of(LT_TIE_MIRRORED, true);
    f.outputs = NULL;
    assert_int_equal(
        lt_evaluate_map(f.net[0], f.dense, 0, 4, NULL, &f.outputs, NULL),
        LT_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < 3; i++)
        lt_net_free(f->net[i]);
    lt_dataset_free(f->set);
    lt_dataset_free(f->dense);
    lt_dataset_free(f->outputs);
    return 0;
}

static const float *output_of(const fixture *f, int row)
{
    return (const float *)lt_dataset_values(f->outputs) + row * ITEMS;
}

static void codes_are_those_of_arrays(void **state)
{
    fixture *f = *state;

    for (int last = 1; last <= 4; last++) {
        lt_dataset *a = NULL, *b = NULL;
        const float *x, *y;
        int n;

        assert_int_equal(
            lt_evaluate_map(f->net[0], f->set, 0, last, NULL, &a, NULL), LT_OK);
        assert_int_equal(
            lt_evaluate_map(f->net[0], f->dense, 0, last, NULL, &b, NULL),
            LT_OK);
        x = lt_dataset_values(a), y = lt_dataset_values(b);
        n = USERS * lt_shape_elements(lt_dataset_shape(b));
        for (int i = 0; i < n; i++)
            assert_true(fabsf(x[i] - y[i]) < 1e-5F);
        lt_dataset_free(a);
        lt_dataset_free(b);
    }
}

static void rmse_is_that_of_held_out_ratings(void **state)
{
    fixture *f = *state;
    const lt_sparse *t = lt_dataset_sparse(lt_dataset_target(f->set));
    double sum = 0;
    lt_terms terms;

    for (int r = 0; r < USERS; r++)
        for (int64_t e = t->start[r]; e < t->start[r + 1]; e++) {
            double d = (double)(output_of(f, r)[t->index[e]] - t->value[e]);

            sum += d * d;
        }
    assert_int_equal(
        lt_evaluate(f->net[0], f->set, LT_LOSS_MASKED_MSE, NULL, &terms, NULL),
        LT_OK);
    assert_true(fabs(terms.rmse / sqrt(sum / (double)t->start[USERS]) - 1) <
                1e-5);
    assert_true(fabs(terms.sse / (sum / USERS) - 1) < 1e-5);
}

static void predictions_are_outputs_at_held_out_ratings(void **state)
{
    fixture *f = *state;
    const lt_sparse *t = lt_dataset_sparse(lt_dataset_target(f->set));

    for (int i = 0; i < 2; i++) { /* the two have the same weights */
        lt_dataset *found = NULL;
        const lt_sparse *p;

        assert_int_equal(lt_predict(f->net[i], f->set, NULL, &found, NULL),
                         LT_OK);
        p = lt_dataset_sparse(found);
        assert_int_equal(p->start[USERS], t->start[USERS]);
        for (int r = 0; r < USERS; r++)
            for (int64_t e = t->start[r]; e < t->start[r + 1]; e++) {
                assert_int_equal(p->index[e], t->index[e]);
                assert_true(fabsf(p->value[e] - output_of(f, r)[p->index[e]]) <
                            1e-5F);
            }
        assert_int_equal(lt_dataset_legend(found).row_ids[7], 1007);
        assert_true(lt_dataset_legend(found).centre == 3.5);
        lt_dataset_free(found);
    }
}

static void predictions_of_a_view_are_its_own(void **state)
{
    fixture *f = *state;
    lt_dataset *view = NULL, *some = NULL, *all = NULL;
    const lt_sparse *a, *b;

    assert_int_equal(lt_dataset_view(f->set, 40, 20, &view, NULL), LT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lt_predict(f->net[i], view, NULL, &some, NULL), LT_OK);
        assert_int_equal(lt_predict(f->net[i], f->set, NULL, &all, NULL),
                         LT_OK);
        a = lt_dataset_sparse(some), b = lt_dataset_sparse(all);
        for (int64_t e = 0; e < a->start[20]; e++)
            assert_true(fabsf(a->value[e] - b->value[b->start[40] + e]) <
                        1e-5F);
        assert_int_equal(lt_dataset_legend(some).row_ids[0], 1040);
        lt_dataset_free(some);
        lt_dataset_free(all);
        some = all = NULL;
    }
    lt_dataset_free(view);
}

static bool is_known(const fixture *f, int row, int column)
{
    const lt_sparse *s = lt_dataset_sparse(f->set);

    for (int64_t e = s->start[row]; e < s->start[row + 1]; e++)
        if (s->index[e] == column)
            return true;
    return false;
}

/* Whether column a comes before b: a better output, or an equal one first. */
static bool is_before(const float *y, int a, int b)
{
    return y[a] > y[b] || (!(y[b] > y[a]) && a < b);
}

static void check_row(const fixture *f, int row, int n, bool with_known,
                      const lt_recommended *list)
{
    const float *y = output_of(f, row);

    for (int c = 0; c < ITEMS; c++) {
        int place = 0;

        if (!with_known && is_known(f, row, c))
            place = n;
        for (int k = 0; place < n && k < ITEMS; k++)
            place += k != c && (with_known || !is_known(f, row, k)) &&
                     is_before(y, k, c);
        for (int i = 0; i < n; i++)
            assert_true((list[i].column == c) == (place == i));
        if (place < n)
            assert_true(fabsf(list[place].score - y[c] - 3.5F) < 1e-5F);
    }
}

static void recommendations_are_the_best_unknown(void **state)
{
    static lt_recommended list[USERS * ITEMS];
    fixture *f = *state;

    for (int i = 0; i < 4; i++) {
        lt_recommend_opts o = {.first = 5,
                               .rows = 130,
                               .n = i < 2 ? 4 : ITEMS,
                               .with_known = i % 2};

        assert_int_equal(lt_recommend(f->net[0], f->set, &o, NULL, list, NULL),
                         LT_OK);
        for (int r = 0; r < o.rows; r++)
            check_row(f, o.first + r, o.n, o.with_known, list + r * o.n);
    }
}

static void too_few_columns_leave_the_list_open(void **state)
{
    fixture *f = *state;
    lt_recommended list[ITEMS];
    const lt_recommend_opts o = {.first = 4, .rows = 1, .n = ITEMS};
    const lt_sparse *s = lt_dataset_sparse(f->set);
    int known = (int)(s->start[5] - s->start[4]);

    assert_true(known > 0);
    assert_int_equal(lt_recommend(f->net[0], f->set, &o, NULL, list, NULL),
                     LT_OK);
    for (int i = 0; i < ITEMS; i++)
        assert_true((list[i].column == -1) == (i >= ITEMS - known));
}

static void refused(lt_status rc, const lt_err *err, const char *text)
{
    assert_int_equal(rc, LT_EINVAL);
    if (!strstr(err->text, text))
        fail_msg("found \"%s\", wanted \"%s\"", err->text, text);
}

static void mistakes_are_named(void **state)
{
    fixture *f = *state;
    lt_recommended list[4];
    lt_recommend_opts o = {.first = 148, .rows = 3, .n = 1};
    lt_dataset *out = NULL, *wide = ratings_make(9, ITEMS + 1, 1, 0);
    lt_err err = {0};

    refused(lt_recommend(f->net[0], f->set, &o, NULL, list, &err), &err,
            "recommend: 3 rows from row 149 on, wanted some of the set's 150");
    o.rows = INT_MAX;
    refused(lt_recommend(f->net[0], f->set, &o, NULL, list, &err), &err,
            "recommend: 2147483647 rows from row 149 on");
    o.rows = 1;
    o.n = 0;
    refused(lt_recommend(f->net[0], f->set, &o, NULL, list, &err), &err,
            "n is 0");
    o.n = 1;
    refused(lt_recommend(f->net[0], f->dense, &o, NULL, list, &err), &err,
            "not sparse");
    refused(lt_predict(f->net[0], f->dense, NULL, &out, &err), &err,
            "not sparse");
    refused(lt_predict(f->net[0], wide, NULL, &out, &err), &err,
            "examples of shape 31");
    lt_dataset_free(wide);
}

static void memory_may_run_out(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        lt_status rc = LT_ENOMEM;

        for (int n = 0; rc != LT_OK; n++) {
            const lt_recommend_opts o = {.first = 0, .rows = 70, .n = 1};
            lt_recommended list[70];
            lt_dataset *out = NULL;
            lt_err err = {0};

            lt_mem_fail_after(n);
            rc = lt_predict(f->net[i], f->set, NULL, &out, &err);
            if (rc == LT_OK)
                rc = lt_recommend(f->net[i], f->set, &o, NULL, list, &err);
            lt_mem_fail_after(-1);
            assert_true(rc == LT_OK || rc == LT_ENOMEM);
            lt_dataset_free(out);
            assert_true(n < 300);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_arrays),
        cmocka_unit_test(rmse_is_that_of_held_out_ratings),
        cmocka_unit_test(predictions_are_outputs_at_held_out_ratings),
        cmocka_unit_test(predictions_of_a_view_are_its_own),
        cmocka_unit_test(recommendations_are_the_best_unknown),
        cmocka_unit_test(too_few_columns_leave_the_list_open),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(memory_may_run_out),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
