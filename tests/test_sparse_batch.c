/* Batches of sparse rows: what is gathered, how it is arranged by column, how
 * much room the largest batch wants. */
#include "sparse_fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 40, COLS = 200 };

static int descending(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

static void sparse_most_entries_is_of_the_longest_rows(void **state)
{
    lt_sparse s = sparse_random(ROWS, COLS, 0.2, 1), view;
    int count[ROWS];
    int64_t sum = 0;

    (void)state;
    for (int i = 0; i < ROWS; i++)
        count[i] = (int)(s.start[i + 1] - s.start[i]);
    qsort(count, ROWS, sizeof *count, descending);
    for (int n = 1; n <= ROWS; n++) {
        sum += count[n - 1];
        assert_int_equal(lt_sparse_most_entries(&s, n), sum);
    }
    assert_int_equal(lt_sparse_most_entries(&s, ROWS + 9), sum);
    view = s; /* rows 10 to 14, whose start is not 0 */
    view.start += 10;
    view.rows = 5;
    assert_int_equal(lt_sparse_most_entries(&view, 5),
                     s.start[15] - s.start[10]);
    sparse_drop(&s);
}

static void batch_has_the_rows_asked_for(void **state)
{
    const int32_t index[] = {5, 3, 39, 5, 0};
    lt_sparse s = sparse_random(ROWS, COLS, 0.2, 2);
    lt_sparse_batch *b = NULL;

    (void)state;
    assert_int_equal(lt_sparse_batch_new(ROWS, 5000, COLS, &b, NULL), LT_OK);
    lt_sparse_batch_gather(b, &s, index, 0, 5);
    assert_int_equal(b->rows, 5);
    for (int i = 0; i < 5; i++) {
        int64_t from = s.start[index[i]];
        int n = (int)(s.start[index[i] + 1] - from);

        assert_int_equal(b->start[i + 1] - b->start[i], n);
        for (int e = 0; e < n; e++) {
            assert_int_equal(b->index[b->start[i] + e], s.index[from + e]);
            assert_true(b->value[b->start[i] + e] ==
                        (lt_real)s.value[from + e]);
        }
    }
    lt_sparse_batch_gather(b, &s, NULL, 7, 3);
    assert_int_equal(b->start[3], s.start[10] - s.start[7]);
    assert_int_equal(b->index[0], s.index[s.start[7]]);
    lt_sparse_batch_free(b);
    sparse_drop(&s);
}

/* Every entry once, under its column, rows in order; columns in order. */
static void check_arranged(const lt_sparse_batch *b)
{
    int n = b->start[b->rows];
    bool *found = calloc((size_t)n + 1, sizeof *found);

    assert_int_equal(b->column_start[0], 0);
    assert_int_equal(b->column_start[b->n_columns], n);
    for (int t = 0; t < b->n_columns; t++) {
        assert_true(t == 0 || b->column[t] > b->column[t - 1]);
        for (int k = b->column_start[t]; k < b->column_start[t + 1]; k++) {
            int e = b->entry[k], r = b->row[k];

            assert_true(e >= b->start[r] && e < b->start[r + 1]);
            assert_int_equal(b->index[e], b->column[t]);
            assert_true(k == b->column_start[t] || r > b->row[k - 1]);
            assert_false(found[e]);
            found[e] = true;
        }
    }
    free(found);
}

static void batch_is_arranged_by_column(void **state)
{
    const int32_t index[] = {1, 8, 3, 20, 0, 39};
    lt_sparse s = sparse_random(ROWS, COLS, 0.1, 3);
    lt_sparse_batch *b = sparse_batch_of(&s, index, 6);

    (void)state;
    for (int again = 0; again < 3; again++) { /* nothing is left behind */
        lt_sparse_batch_gather(b, &s, index, 0, 6 - again);
        lt_sparse_batch_arrange(b);
        check_arranged(b);
        for (int t = 0; t < b->n_columns; t++)
            assert_true(b->column_start[t + 1] > b->column_start[t]);
    }
    lt_sparse_batch_free(b);
    sparse_drop(&s);
}

static void batches_share_their_columns(void **state)
{
    const int32_t index[] = {1, 8, 4, 20, 0, 39};
    lt_sparse s = sparse_random(ROWS, COLS, 0.1, 3);
    lt_sparse t = sparse_random(ROWS, COLS, 0.05, 4);
    lt_sparse_batch *a = sparse_batch_of(&s, index, 6);
    lt_sparse_batch *b = sparse_batch_of(&t, index, 6);
    bool in_either[COLS] = {false};
    int n = 0;

    (void)state;
    for (int e = 0; e < a->start[6]; e++)
        in_either[a->index[e]] = true;
    for (int e = 0; e < b->start[6]; e++)
        in_either[b->index[e]] = true;
    lt_sparse_batch_arrange_both(a, b);
    check_arranged(a);
    check_arranged(b);
    assert_int_equal(a->n_columns, b->n_columns);
    for (int c = 0; c < COLS; c++)
        if (in_either[c]) {
            assert_int_equal(a->column[n], c);
            assert_int_equal(b->column[n++], c);
        }
    assert_int_equal(a->n_columns, n);
    lt_sparse_batch_free(a);
    lt_sparse_batch_free(b);
    sparse_drop(&s);
    sparse_drop(&t);
}

static void empty_rows_make_an_empty_batch(void **state)
{
    const int32_t index[] = {3, 10};
    lt_sparse s = sparse_random(ROWS, COLS, 0.1, 3);
    lt_sparse_batch *b = sparse_batch_of(&s, index, 2);

    (void)state;
    assert_int_equal(b->n_columns, 0);
    assert_int_equal(b->start[2], 0);
    assert_int_equal(b->column_start[0], 0);
    lt_sparse_batch_free(b);
    sparse_drop(&s);
}

static void batch_without_memory_is_an_error(void **state)
{
    lt_sparse_batch *b = NULL;
    lt_err err = {0};
    int failures = 0;

    (void)state;
    for (;; failures++) {
        lt_status rc;

        lt_mem_fail_after(failures);
        rc = lt_sparse_batch_new(4, 100, COLS, &b, &err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
        assert_null(b);
    }
    assert_true(failures >= 9);
    lt_sparse_batch_free(b);
    b = NULL;
    assert_int_equal(lt_sparse_batch_new(4, INT32_MAX, COLS, &b, &err),
                     LT_EINVAL);
    assert_non_null(strstr(err.text, "2147483647 entries"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparse_most_entries_is_of_the_longest_rows),
        cmocka_unit_test(batch_has_the_rows_asked_for),
        cmocka_unit_test(batch_is_arranged_by_column),
        cmocka_unit_test(batches_share_their_columns),
        cmocka_unit_test(empty_rows_make_an_empty_batch),
        cmocka_unit_test(batch_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
