/* Splits of ratings: nothing lost, nothing doubled, nothing told early. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/data/ratings.h"

static const lt_ratings_cut tenth = {LT_SPLIT_RANDOM, 0.1, 0, 7, false, false};
static const lt_ratings_cut leave3 = {LT_SPLIT_LEAVE, 0, 3, 7, false, false};

/* 400 users of 0 to a dozen ratings. */
static lt_ratings *made(void)
{
    lt_ratings_plan plan = {400, 60, 2, 0.08, 0.3, 1.2, 5};
    lt_ratings *r = NULL;

    assert_int_equal(lt_ratings_generate(&plan, &r, NULL), LT_OK);
    return r;
}

static lt_data_pair cut_with(const lt_ratings *r, lt_ratings_cut cut)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    if (lt_ratings_pair(r, &cut, &pair, &err) != LT_OK)
        fail_msg("%s", err.text);
    return pair;
}

static void pair_free(lt_data_pair pair)
{
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

/* One cell (user, item) of the table: its value in each of the three parts,
 * NAN where it has none. Ids of the generated are 1, 2, ... */
typedef struct cell {
    float all, train, input, target;
} cell;

typedef struct grid {
    int rows, cols;
    cell *cells;
} grid;

static cell *cell_at(const grid *g, int64_t row_id, int64_t column_id)
{
    assert_in_range(row_id, 1, g->rows);
    assert_in_range(column_id, 1, g->cols);
    return &g->cells[(row_id - 1) * g->cols + column_id - 1];
}

static void part_enter(const grid *g, const lt_dataset *d, lt_legend legend,
                       bool by_item, size_t part)
{
    const lt_sparse *s = lt_dataset_sparse(d);

    assert_non_null(s);
    for (int i = 0; i < s->rows; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            int64_t row = legend.row_ids[i];
            int64_t column = legend.column_ids[s->index[e]];
            cell *c =
                by_item ? cell_at(g, column, row) : cell_at(g, row, column);
            float *at = (float *)((char *)c + part);

            assert_true(isnan(*at)); /* not twice */
            *at = s->value[e];
        }
}

static grid grid_make(const lt_ratings *r, lt_data_pair pair, bool by_item)
{
    const lt_sparse *s = lt_ratings_table(r);
    grid g = {s->rows, s->cols, NULL};
    lt_legend names = {lt_ratings_user_ids(r), lt_ratings_item_ids(r), 0};
    size_t n = (size_t)g.rows * (size_t)g.cols;

    g.cells = malloc(n * sizeof *g.cells);
    assert_non_null(g.cells);
    for (size_t i = 0; i < n; i++)
        g.cells[i] = (cell){NAN, NAN, NAN, NAN};
    for (int u = 0; u < s->rows; u++)
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++)
            cell_at(&g, names.row_ids[u], names.column_ids[s->index[e]])->all =
                s->value[e];
    part_enter(&g, pair.train, lt_dataset_legend(pair.train), by_item,
               offsetof(cell, train));
    part_enter(&g, pair.test, lt_dataset_legend(pair.test), by_item,
               offsetof(cell, input));
    part_enter(&g, lt_dataset_target(pair.test), lt_dataset_legend(pair.test),
               by_item, offsetof(cell, target));
    return g;
}

/* Every rating is in train or held out, never both; the inputs of test are
 * the training ratings of its rows. Returns how many are held out. */
static int parts_check(const lt_ratings *r, lt_data_pair pair, bool by_item)
{
    grid g = grid_make(r, pair, by_item);
    int held = 0;

    for (int i = 0; i < g.rows * g.cols; i++) {
        const cell *c = &g.cells[i];
        bool is_held = !isnan(c->target), is_trained = !isnan(c->train);

        assert_int_equal(is_held + is_trained, !isnan(c->all));
        if (is_held)
            assert_true(c->target == c->all && isnan(c->input));
        if (is_trained)
            assert_true(c->train == c->all);
        if (!isnan(c->input))
            assert_true(c->input == c->train);
        held += is_held;
    }
    free(g.cells);
    return held;
}

static int64_t entries(const lt_dataset *d)
{
    const lt_sparse *s = lt_dataset_sparse(d);

    return s->start[s->rows] - s->start[0];
}

/* Rows of train have ratings; rows of test have something to be judged by,
 * and all that train knows of them. */
static void rows_check(lt_data_pair pair)
{
    const lt_sparse *train = lt_dataset_sparse(pair.train);
    const lt_sparse *input = lt_dataset_sparse(pair.test);
    const lt_sparse *target = lt_dataset_sparse(lt_dataset_target(pair.test));
    const int64_t *train_ids = lt_dataset_legend(pair.train).row_ids;
    const int64_t *test_ids = lt_dataset_legend(pair.test).row_ids;
    int at = 0;

    for (int i = 0; i < train->rows; i++)
        assert_true(train->start[i + 1] > train->start[i]);
    for (int i = 0; i < input->rows; i++) {
        assert_true(target->start[i + 1] > target->start[i]);
        assert_true(i == 0 || test_ids[i] > test_ids[i - 1]);
        while (at < train->rows && train_ids[at] < test_ids[i])
            at++;
        if (at < train->rows && train_ids[at] == test_ids[i])
            assert_int_equal(input->start[i + 1] - input->start[i],
                             train->start[at + 1] - train->start[at]);
        else
            assert_int_equal(input->start[i + 1], input->start[i]);
    }
}

static void random_split_holds_out_its_share(void **state)
{
    static const double shares[] = {0.001, 0.1, 0.5, 0.97};
    lt_ratings *r = made();
    int64_t n = lt_ratings_table(r)->start[400];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        lt_ratings_cut cut = tenth;
        lt_data_pair pair;

        cut.share = shares[i / 2];
        cut.by_item = i % 2;
        pair = cut_with(r, cut);
        assert_int_equal(parts_check(r, pair, cut.by_item),
                         (int)((double)n * cut.share + 0.5));
        rows_check(pair);
        pair_free(pair);
    }
    lt_ratings_free(r);
}

/* Every rating is held out about as often as any other. */
static void random_split_is_even(void **state)
{
    enum { TIMES = 400 };
    lt_ratings *r = made();
    int64_t n = lt_ratings_table(r)->start[400];
    double early = 0, expected = TIMES * 0.1;

    (void)state;
    for (int k = 0; k < TIMES; k++) {
        lt_ratings_cut cut = tenth;
        lt_data_pair pair;
        const lt_sparse *held;
        const int64_t *ids;

        cut.seed = (uint64_t)k;
        pair = cut_with(r, cut);
        held = lt_dataset_sparse(lt_dataset_target(pair.test));
        ids = lt_dataset_legend(pair.test).row_ids;
        for (int i = 0; i < held->rows; i++)
            if (ids[i] <= 100)
                early += (double)(held->start[i + 1] - held->start[i]);
        pair_free(pair);
    }
    expected *= (double)lt_ratings_table(r)->start[100];
    assert_true(n > 1500);
    assert_true(fabs(early - expected) < 5 * sqrt(expected));
    lt_ratings_free(r);
}

/* Users with more than three ratings lose three, the others none. */
static void leave_split_takes_n_from_those_who_have_more(void **state)
{
    lt_ratings *r = made();
    const lt_sparse *all = lt_ratings_table(r);
    lt_data_pair pair = cut_with(r, leave3);
    const lt_sparse *held = lt_dataset_sparse(lt_dataset_target(pair.test));
    const int64_t *ids = lt_dataset_legend(pair.test).row_ids;
    int with_more = 0, kept_all = 0;

    (void)state;
    for (int u = 0; u < all->rows; u++) {
        int64_t n = all->start[u + 1] - all->start[u];

        kept_all += n > 0 && n <= 3;
        if (n <= 3)
            continue;
        assert_int_equal(ids[with_more], u + 1);
        assert_int_equal(held->start[with_more + 1] - held->start[with_more],
                         3);
        with_more++;
    }
    assert_int_equal(with_more, held->rows);
    assert_true(kept_all > 0); /* or this tests less than it should */
    assert_int_equal(parts_check(r, pair, false), 3 * with_more);
    rows_check(pair);
    pair_free(pair);
    lt_ratings_free(r);
}

/* Where in its row the one that is left out stood: even over five places. */
static void leave_split_is_even(void **state)
{
    lt_ratings_plan plan = {20000, 5, 1, 1, 0, 0, 1};
    lt_ratings_cut cut = {LT_SPLIT_LEAVE, 0, 1, 3, false, false};
    lt_ratings *r = NULL;
    lt_data_pair pair;
    const lt_sparse *held;
    double places[5] = {0};

    (void)state;
    assert_int_equal(lt_ratings_generate(&plan, &r, NULL), LT_OK);
    pair = cut_with(r, cut);
    held = lt_dataset_sparse(lt_dataset_target(pair.test));
    assert_int_equal(held->rows, 20000);
    for (int i = 0; i < 20000; i++)
        places[held->index[i]]++;
    for (int k = 0; k < 5; k++)
        assert_true(fabs(places[k] - 4000) < 5 * sqrt(20000 * 0.2 * 0.8));
    pair_free(pair);
    lt_ratings_free(r);
}

static void by_item_holds_out_the_same_ratings(void **state)
{
    lt_ratings *r = made();

    (void)state;
    for (int k = 0; k < 2; k++) {
        lt_ratings_cut cut = k ? leave3 : tenth;
        lt_data_pair users = cut_with(r, cut), items;
        grid a, b;

        cut.by_item = true;
        items = cut_with(r, cut);
        a = grid_make(r, users, false);
        b = grid_make(r, items, true);
        for (int i = 0; i < a.rows * a.cols; i++) {
            assert_int_equal(isnan(a.cells[i].target),
                             isnan(b.cells[i].target));
            assert_int_equal(isnan(a.cells[i].train), isnan(b.cells[i].train));
        }
        parts_check(r, items, true);
        rows_check(items);
        assert_int_equal(lt_dataset_shape(items.train).dim[0], 400);
        assert_int_equal(lt_dataset_shape(users.train).dim[0], 60);
        free(a.cells);
        free(b.cells);
        pair_free(users);
        pair_free(items);
    }
    lt_ratings_free(r);
}

static void fingerprints(lt_data_pair pair, char hex[2][LT_DIGEST_HEX])
{
    lt_dataset_fingerprint(pair.train, hex[0]);
    lt_dataset_fingerprint(pair.test, hex[1]);
}

static void same_seed_same_split(void **state)
{
    lt_ratings *r = made(), *again = made();
    char hex[3][2][LT_DIGEST_HEX];

    (void)state;
    for (int k = 0; k < 2; k++) {
        lt_ratings_cut cut = k ? leave3 : tenth;

        for (int i = 0; i < 3; i++) {
            lt_data_pair pair;

            cut.seed = i == 2 ? 8 : 7;
            pair = cut_with(i == 1 ? again : r, cut);
            fingerprints(pair, hex[i]);
            pair_free(pair);
        }
        for (int part = 0; part < 2; part++) {
            assert_string_equal(hex[0][part], hex[1][part]);
            assert_string_not_equal(hex[0][part], hex[2][part]);
        }
    }
    lt_ratings_free(r);
    lt_ratings_free(again);
}

static void centred_sets_have_lost_the_training_mean(void **state)
{
    lt_ratings *r = made();
    lt_ratings_cut cut = tenth;
    lt_data_pair raw = cut_with(r, cut), centred;
    const lt_sparse *a = lt_dataset_sparse(raw.train), *b;
    double mean = 0, left = 0;

    (void)state;
    cut.centre = true;
    centred = cut_with(r, cut);
    b = lt_dataset_sparse(centred.train);
    for (int64_t e = 0; e < entries(raw.train); e++)
        mean += (double)a->value[e] / (double)entries(raw.train);
    for (int64_t e = 0; e < entries(raw.train); e++) {
        left += (double)b->value[e];
        assert_true(fabs((double)b->value[e] + mean - (double)a->value[e]) <
                    1e-6);
    }
    assert_true(fabs(left / (double)entries(raw.train)) < 1e-6);
    assert_true(fabs(lt_dataset_legend(centred.train).centre - mean) < 1e-9);
    assert_true(lt_dataset_legend(centred.test).centre ==
                lt_dataset_legend(centred.train).centre);
    assert_true(lt_dataset_legend(raw.test).centre == 0);
    a = lt_dataset_sparse(lt_dataset_target(raw.test));
    b = lt_dataset_sparse(lt_dataset_target(centred.test));
    for (int64_t e = 0; e < a->start[a->rows]; e++)
        assert_true(fabs((double)b->value[e] + mean - (double)a->value[e]) <
                    1e-6);
    pair_free(raw);
    pair_free(centred);
    lt_ratings_free(r);
}

/* ---- by time ---- */

static lt_ratings *from_text(const char *text)
{
    char path[] = "/tmp/latent-split-XXXXXX";
    lt_ratings *r = NULL;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
    assert_int_equal(lt_ratings_load(path, LT_RATINGS_AUTO, &r, NULL), LT_OK);
    unlink(path);
    return r;
}

static void time_split_takes_the_latest_of_each(void **state)
{
    lt_ratings *r = from_text("1,10,1,500\n1,20,2,-9\n1,30,3,900\n1,40,4,70\n"
                              "2,10,5,1\n2,40,1,2\n"
                              "3,20,2,30\n3,30,3,10\n3,40,4,20\n");
    lt_ratings_cut cut = {LT_SPLIT_TIME, 0, 2, 1, false, false};
    lt_data_pair pair = cut_with(r, cut);
    const lt_sparse *held = lt_dataset_sparse(lt_dataset_target(pair.test));

    (void)state;
    assert_int_equal(held->rows, 2); /* user 2 has no more than two */
    assert_int_equal(lt_dataset_legend(pair.test).row_ids[0], 1);
    assert_int_equal(lt_dataset_legend(pair.test).row_ids[1], 3);
    assert_int_equal(held->start[2], 4);
    assert_int_equal(held->index[0], 0); /* items 10 and 30 at 500 and 900 */
    assert_int_equal(held->index[1], 2);
    assert_int_equal(held->index[2], 1); /* items 20 and 40 at 30 and 20 */
    assert_int_equal(held->index[3], 3);
    pair_free(pair);
    lt_ratings_free(r);
}

/* All rated at once: the one held out is drawn, by the seed. */
static void time_split_draws_among_equal_times(void **state)
{
    lt_ratings *r = from_text("1,1,1,5\n1,2,1,5\n1,3,1,5\n1,4,1,5\n1,5,1,4\n");
    int seen[5] = {0};

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        lt_ratings_cut cut = {LT_SPLIT_TIME, 0, 1, seed, false, false};
        lt_data_pair pair = cut_with(r, cut);

        seen[lt_dataset_sparse(lt_dataset_target(pair.test))->index[0]]++;
        pair_free(pair);
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 20, 80);
    assert_int_equal(seen[4], 0);
    lt_ratings_free(r);
}

/* ---- what cannot be ---- */

static void splits_refuse_what_cannot_be(void **state)
{
    static const struct {
        lt_ratings_cut cut;
        const char *text;
    } cases[] = {
        {{LT_SPLIT_RANDOM, 0, 5, 1, false, false}, "share 0, wanted above 0"},
        {{LT_SPLIT_RANDOM, 1, 5, 1, false, false}, "share 1, wanted above 0"},
        {{LT_SPLIT_RANDOM, NAN, 5, 1, false, false}, "share nan"},
        {{LT_SPLIT_LEAVE, 0.5, 0, 1, false, false}, "0 held out of every user"},
        {{LT_SPLIT_RANDOM, 0.01, 0, 1, false, false}, "no ratings to hold out"},
        {{LT_SPLIT_RANDOM, 0.99, 0, 1, true, false}, "no ratings to train on"},
        {{LT_SPLIT_LEAVE, 0, 3, 1, false, false},
         "no ratings to hold out, of 4"},
        {{LT_SPLIT_TIME, 0, 1, 1, false, false}, "found no times"},
    };
    lt_ratings *r = from_text("1,1,1\n1,2,1\n1,3,1\n2,1,1\n");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_data_pair pair = {NULL, NULL};
        lt_err err = {0};

        assert_int_equal(lt_ratings_pair(r, &cases[i].cut, &pair, &err),
                         LT_EINVAL);
        if (!strstr(err.text, cases[i].text))
            fail_msg("found %s, wanted %s", err.text, cases[i].text);
        assert_null(pair.train);
        assert_null(pair.test);
    }
    lt_ratings_free(r);
}

static void splits_survive_every_failed_allocation(void **state)
{
    lt_ratings *r = from_text("1,1,1,1\n1,2,1,2\n1,3,1,4\n2,1,1,7\n2,3,1,1\n");

    (void)state;
    for (int k = 0; k < 4; k++) {
        lt_ratings_cut cut = {k < 2 ? LT_SPLIT_RANDOM : LT_SPLIT_TIME,
                              0.4,
                              1,
                              1,
                              k % 2 == 1,
                              true};
        lt_data_pair pair = {NULL, NULL};
        lt_status rc = LT_ENOMEM;
        int n;

        for (n = 0; rc == LT_ENOMEM && n < 60; n++) {
            lt_mem_fail_after(n);
            rc = lt_ratings_pair(r, &cut, &pair, NULL);
            lt_mem_fail_after(-1);
        }
        assert_int_equal(rc, LT_OK);
        assert_true(n > 15);
        pair_free(pair);
    }
    lt_ratings_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_split_holds_out_its_share),
        cmocka_unit_test(random_split_is_even),
        cmocka_unit_test(leave_split_takes_n_from_those_who_have_more),
        cmocka_unit_test(leave_split_is_even),
        cmocka_unit_test(by_item_holds_out_the_same_ratings),
        cmocka_unit_test(same_seed_same_split),
        cmocka_unit_test(centred_sets_have_lost_the_training_mean),
        cmocka_unit_test(time_split_takes_the_latest_of_each),
        cmocka_unit_test(time_split_draws_among_equal_times),
        cmocka_unit_test(splits_refuse_what_cannot_be),
        cmocka_unit_test(splits_survive_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
