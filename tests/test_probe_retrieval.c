/* Retrieval by two rankings worked out on paper, and against plain rankings of
 * binary codes, most of whose distances are equal. */
#include "probe_fixture.h"

#include <stdlib.h>

static bool is_close(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

/* Labels A B A A B B A at 1 to 7. From 0, an A: 1 0 1 1 0 0 1. From 8, a B:
 * 0 1 1 0 0 1 0. */
static void two_rankings_worked_out(void **state)
{
    static const float at[] = {1, 2, 3, 4, 5, 6, 7}, from[] = {0, 8};
    static const uint8_t labels[] = {1, 2, 1, 1, 2, 2, 1}, truth[] = {1, 2};
    lt_dataset *train = codes_make(7, 1, at, labels);
    lt_dataset *test = codes_make(2, 1, from, truth);
    lt_probe p = {.train = train, .test = test};
    lt_retrieval r;

    (void)state;
    assert_int_equal(lt_probe_retrieval(&p, &r, NULL), LT_OK);
    assert_int_equal(r.n_points, 3);
    assert_int_equal(r.n[0], 1);
    assert_int_equal(r.n[1], 3);
    assert_int_equal(r.n[2], 7);
    assert_true(is_close(r.precision[0], (1 + 0) / 2.0));
    assert_true(is_close(r.precision[1], (2.0 / 3 + 2.0 / 3) / 2));
    assert_true(is_close(r.precision[2], (4.0 / 7 + 3.0 / 7) / 2));
    assert_true(is_close(r.map, ((1 + 2.0 / 3 + 3.0 / 4 + 4.0 / 7) / 4 +
                                 (1.0 / 2 + 2.0 / 3 + 3.0 / 6) / 3) /
                                    2));
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void a_label_that_training_lacks_finds_nothing(void **state)
{
    static const float at[] = {1, 2};
    static const uint8_t labels[] = {1, 2}, truth[] = {1, 3};
    lt_dataset *train = codes_make(2, 1, at, labels);
    lt_dataset *test = codes_make(2, 1, at, truth);
    lt_probe p = {.train = train, .test = test};
    lt_retrieval r;

    (void)state;
    assert_int_equal(lt_probe_retrieval(&p, &r, NULL), LT_OK);
    assert_int_equal(r.n_points, 1);
    assert_true(is_close(r.precision[0], 0.5));
    assert_true(is_close(r.map, 0.5));
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void plain_retrieval(const lt_probe *p, lt_retrieval *r)
{
    static ranked ranking[3000];
    const lt_dataset *items = p->train ? p->train : p->test;
    const uint8_t *labels = lt_dataset_labels(items);
    int tests = lt_dataset_rows(p->test);

    *r = (lt_retrieval){0};
    for (int i = 0; i < tests; i++) {
        int n = plain_ranking(p, i, ranking), hits = 0;
        uint8_t label = lt_dataset_labels(p->test)[i];
        double sum = 0;

        r->n_points = 0;
        for (int j = 0; j < n; j++) {
            hits += labels[ranking[j].item] == label;
            sum += labels[ranking[j].item] == label ? hits / (j + 1.0) : 0;
            if (((j + 1) & (j + 2)) == 0) /* 1, 3, 7, 15 ... */
                r->precision[r->n_points++] += hits / (j + 1.0) / tests;
        }
        r->map += hits ? sum / hits / tests : 0;
    }
}

static void check_against_plain(const lt_probe *p)
{
    lt_retrieval found, wanted;

    assert_int_equal(lt_probe_retrieval(p, &found, NULL), LT_OK);
    plain_retrieval(p, &wanted);
    assert_int_equal(found.n_points, wanted.n_points);
    for (int i = 0; i < found.n_points; i++) {
        assert_int_equal(found.n[i], (2 << i) - 1);
        if (!is_close(found.precision[i], wanted.precision[i]))
            fail_msg("precision at %d: %.9f, wanted %.9f", found.n[i],
                     found.precision[i], wanted.precision[i]);
    }
    assert_true(is_close(found.map, wanted.map));
}

static void rankings_are_those_of_a_plain_sort(void **state)
{
    lt_dataset *train = codes_draw(1500, 7, 2, 0, 1);
    lt_dataset *test = codes_draw(300, 7, 2, 0, 2);
    lt_dataset *grid = codes_draw(1100, 3, 5, 100, 3);
    lt_dataset *smooth = codes_draw(1100, 4, 0, 0, 4);
    lt_dataset *other = codes_draw(50, 4, 0, 0, 5);

    (void)state;
    check_against_plain(&(lt_probe){.train = train, .test = test});
    check_against_plain(&(lt_probe){.test = grid});
    check_against_plain(&(lt_probe){.train = smooth, .test = other});
    check_against_plain(&(lt_probe){
        .train = smooth, .test = other, .distance = LT_DISTANCE_COSINE});
    lt_dataset_free(other);
    lt_dataset_free(smooth);
    lt_dataset_free(grid);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void figures_are_the_same_bits_on_any_threads(void **state)
{
    lt_dataset *train = codes_draw(1500, 6, 0, 0, 1);
    lt_dataset *test = codes_draw(300, 6, 0, 0, 2);
    lt_pool *pool = NULL;
    lt_retrieval r[2];

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    for (int i = 0; i < 2; i++) {
        lt_probe p = {.train = train, .test = test, .pool = i ? pool : NULL};

        memset(&r[i], 0, sizeof r[i]);
        assert_int_equal(lt_probe_retrieval(&p, &r[i], NULL), LT_OK);
    }
    assert_memory_equal(r[0].precision, r[1].precision, sizeof r[0].precision);
    assert_memory_equal(&r[0].map, &r[1].map, sizeof r[0].map);
    lt_pool_free(pool);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static lt_status retrieval_once(const lt_probe *p, lt_err *err)
{
    lt_retrieval r;

    return lt_probe_retrieval(p, &r, err);
}

static void stops_and_failed_allocations_are_survived(void **state)
{
    lt_dataset *train = codes_draw(1200, 2, 0, 0, 1);
    lt_dataset *test = codes_draw(300, 2, 0, 0, 2);
    lt_probe p = {.train = train, .test = test};

    (void)state;
    check_interrupts(&p, retrieval_once);
    check_allocations(&p, retrieval_once);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void bad_requests_are_told(void **state)
{
    static const float row[] = {1};
    static const uint8_t label[] = {1};
    lt_dataset *one = codes_make(1, 1, row, label);
    lt_dataset *bare = codes_make(1, 1, row, NULL);
    lt_probe p = {.test = one};
    lt_err err = {0};
    lt_retrieval r;

    (void)state;
    assert_int_equal(lt_probe_retrieval(&p, &r, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "wanted at least 2"));
    p.train = bare;
    assert_int_equal(lt_probe_retrieval(&p, &r, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "retrieval: the training set has no"));
    lt_dataset_free(bare);
    lt_dataset_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_rankings_worked_out),
        cmocka_unit_test(a_label_that_training_lacks_finds_nothing),
        cmocka_unit_test(rankings_are_those_of_a_plain_sort),
        cmocka_unit_test(figures_are_the_same_bits_on_any_threads),
        cmocka_unit_test(stops_and_failed_allocations_are_survived),
        cmocka_unit_test(bad_requests_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
