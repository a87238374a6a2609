/* Nearest neighbours against a plain search in double, ties and distances
 * that float would lose included. */
#include "probe_fixture.h"

#include <stdlib.h>

enum { MOST = 3000, N_K = 5 };

static const int ks[N_K] = {1, 2, 3, 7, 40};

/* Most neighbours, then the nearest of those labels. */
static int plain_vote(const uint8_t *labels, const ranked *r, int k)
{
    int best = -1, best_count = 0;

    for (int i = 0; i < k; i++) {
        int count = 0;

        for (int j = 0; j < k; j++)
            count += labels[r[j].item] == labels[r[i].item];
        if (count > best_count) {
            best = labels[r[i].item];
            best_count = count;
        }
    }
    return best;
}

static void plain_knn(const lt_probe *p, double *accuracy)
{
    static ranked ranking[MOST];
    const lt_dataset *items = p->train ? p->train : p->test;
    const uint8_t *labels = lt_dataset_labels(items);
    const uint8_t *truth = lt_dataset_labels(p->test);
    int tests = lt_dataset_rows(p->test), hits[N_K] = {0};

    for (int i = 0; i < tests; i++) {
        plain_ranking(p, i, ranking);
        for (int j = 0; j < N_K; j++)
            hits[j] += plain_vote(labels, ranking, ks[j]) == truth[i];
    }
    for (int j = 0; j < N_K; j++)
        accuracy[j] = (double)hits[j] / tests;
}

static void check_against_plain(const lt_probe *p)
{
    double found[N_K], wanted[N_K];
    lt_err err = {0};

    if (lt_probe_knn(p, ks, N_K, found, &err) != LT_OK)
        fail_msg("%s", err.text);
    plain_knn(p, wanted);
    for (int j = 0; j < N_K; j++)
        if (found[j] != wanted[j])
            fail_msg("k = %d: %.6f, wanted %.6f", ks[j], found[j], wanted[j]);
}

static void neighbours_are_those_of_a_plain_search(void **state)
{
    static const struct {
        int train, test, d, grid;
        double offset;
        lt_distance distance;
        bool is_alone;
    } cases[] = {
        {300, 100, 6, 0, 0, LT_DISTANCE_EUCLIDEAN, false},
        {1500, 1100, 3, 4, 0, LT_DISTANCE_EUCLIDEAN, false},   /* ties */
        {1500, 200, 12, 2, 0, LT_DISTANCE_EUCLIDEAN, false},   /* binary */
        {1500, 200, 4, 0, 3000, LT_DISTANCE_EUCLIDEAN, false}, /* far away */
        {41, 1, 1, 0, 0, LT_DISTANCE_EUCLIDEAN, false},
        {1100, 200, 5, 0, 1, LT_DISTANCE_COSINE, false},
        {0, 1100, 3, 4, 0, LT_DISTANCE_EUCLIDEAN, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_dataset *test = codes_draw(cases[i].test, cases[i].d, cases[i].grid,
                                      cases[i].offset, 2);
        lt_dataset *train = cases[i].is_alone
                                ? NULL
                                : codes_draw(cases[i].train, cases[i].d,
                                             cases[i].grid, cases[i].offset, 1);
        lt_probe p = {
            .train = train, .test = test, .distance = cases[i].distance};

        check_against_plain(&p);
        lt_dataset_free(train);
        lt_dataset_free(test);
    }
}

/* On a line: labels 5 at 0, 0 at 1, 0 at 3; a test example at 0.4 has one
 * neighbour of each label among two, and that at 0 is nearer; among three the
 * zeros win. At 2 both neighbours are 1 away: the set's order decides. */
static void ties_go_to_the_nearer_then_to_the_first(void **state)
{
    static const float train[] = {0, 1, 3}, test[] = {0.4f, 2},
                       other[] = {3, 1};
    static const uint8_t labels[] = {5, 0, 0}, truth[] = {5, 7};
    static const uint8_t first[] = {7, 8}, at_two[] = {7};
    static const int two[] = {2, 3}, one[] = {1, 2};
    lt_probe p = {.train = codes_make(3, 1, train, labels),
                  .test = codes_make(1, 1, test, truth)};
    double accuracy[2];

    (void)state;
    assert_int_equal(lt_probe_knn(&p, two, 2, accuracy, NULL), LT_OK);
    assert_true(accuracy[0] == 1 && accuracy[1] == 0);
    lt_dataset_free((lt_dataset *)(uintptr_t)p.train);
    lt_dataset_free((lt_dataset *)(uintptr_t)p.test);
    p.train = codes_make(2, 1, other, first);
    p.test = codes_make(1, 1, test + 1, at_two);
    assert_int_equal(lt_probe_knn(&p, one, 2, accuracy, NULL), LT_OK);
    assert_true(accuracy[0] == 1 && accuracy[1] == 1);
    lt_dataset_free((lt_dataset *)(uintptr_t)p.train);
    lt_dataset_free((lt_dataset *)(uintptr_t)p.test);
}

/* Numbers whose squares float cannot hold. */
static void huge_codes_are_searched_too(void **state)
{
    static const float train[] = {1e25f, -1e25f, 3e25f}, test[] = {2.9e25f};
    static const uint8_t labels[] = {0, 1, 2}, truth[] = {2};
    lt_dataset *a = codes_make(3, 1, train, labels);
    lt_dataset *b = codes_make(1, 1, test, truth);
    lt_probe p = {.train = a, .test = b};
    static const int k[] = {1, 3};
    double accuracy[2];

    (void)state;
    assert_int_equal(lt_probe_knn(&p, k, 2, accuracy, NULL), LT_OK);
    assert_true(accuracy[0] == 1 && accuracy[1] == 1);
    lt_dataset_free(b);
    lt_dataset_free(a);
}

static lt_status knn_once(const lt_probe *p, lt_err *err)
{
    double accuracy[N_K];

    return lt_probe_knn(p, ks, N_K, accuracy, err);
}

static void accuracy_does_not_depend_on_threads(void **state)
{
    lt_dataset *train = codes_draw(1500, 6, 0, 0, 1);
    lt_dataset *test = codes_draw(1100, 6, 0, 0, 2);
    double accuracy[2][N_K];
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    for (int i = 0; i < 2; i++) {
        lt_probe p = {.train = train, .test = test, .pool = i ? pool : NULL};

        assert_int_equal(lt_probe_knn(&p, ks, N_K, accuracy[i], NULL), LT_OK);
    }
    assert_memory_equal(accuracy[0], accuracy[1], sizeof accuracy[0]);
    lt_pool_free(pool);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void the_observer_stops_it(void **state)
{
    lt_dataset *train = codes_draw(1500, 2, 0, 0, 1);
    lt_dataset *test = codes_draw(1100, 2, 0, 0, 2);
    lt_probe p = {.train = train, .test = test};

    (void)state;
    check_interrupts(&p, knn_once);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void every_failed_allocation_is_survived(void **state)
{
    lt_dataset *train = codes_draw(50, 2, 0, 0, 1);
    lt_dataset *test = codes_draw(20, 2, 0, 0, 2);
    lt_probe p = {.train = train, .test = test};

    (void)state;
    check_allocations(&p, knn_once);
    lt_dataset_free(test);
    lt_dataset_free(train);
}

static void refused(const lt_probe *p, int k, const char *message)
{
    lt_err err = {0};
    double accuracy;

    assert_int_equal(lt_probe_knn(p, &k, 1, &accuracy, &err), LT_EINVAL);
    if (!strstr(err.text, message))
        fail_msg("%s, wanted %s", err.text, message);
}

static void bad_requests_are_told(void **state)
{
    static const float rows[] = {1, 2, 3, NAN};
    static const uint8_t labels[] = {0, 1};
    lt_dataset *good = codes_draw(9, 2, 0, 0, 1);
    lt_dataset *wide = codes_draw(9, 3, 0, 0, 1);
    lt_dataset *bare = codes_make(1, 2, rows, NULL);
    lt_dataset *nan = codes_make(2, 2, rows, labels);

    (void)state;
    refused(&(lt_probe){.train = good, .test = good}, 0,
            "knn: 0 neighbours, wanted 1 to 9");
    refused(&(lt_probe){.train = good, .test = good}, 10, "10 neighbours");
    refused(&(lt_probe){.test = good}, 9, "9 neighbours, wanted 1 to 8");
    refused(&(lt_probe){.train = good, .test = wide}, 1,
            "examples of shape 3 in the test set, wanted 2");
    refused(&(lt_probe){.train = bare, .test = good}, 1,
            "the training set has no labels");
    refused(&(lt_probe){.train = good, .test = bare}, 1,
            "the test set has no labels");
    refused(&(lt_probe){.train = good, .test = nan}, 1,
            "test set: element 2 of example 2 is nan");
    lt_dataset_free(nan);
    lt_dataset_free(bare);
    lt_dataset_free(wide);
    lt_dataset_free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_those_of_a_plain_search),
        cmocka_unit_test(ties_go_to_the_nearer_then_to_the_first),
        cmocka_unit_test(huge_codes_are_searched_too),
        cmocka_unit_test(accuracy_does_not_depend_on_threads),
        cmocka_unit_test(the_observer_stops_it),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(bad_requests_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
