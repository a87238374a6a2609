/* Sparse sets: gathering, views, copies, targets, legends, fingerprints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/dataset.h"

enum { N = 4, D = 5 };

/*  row 0:  .  2  .  .  9
 *  row 1:  (nothing)
 *  row 2:  1  0* 3  .  .     (* a known zero)
 *  row 3:  .  .  .  .  7 */
static const int64_t starts[N + 1] = {0, 2, 2, 5, 6};
static const int32_t columns[] = {1, 4, 0, 1, 2, 4};
static const float values[] = {2, 9, 1, 0, 3, 7};
static const lt_real dense[N][D] = {
    {0, 2, 0, 0, 9}, {0, 0, 0, 0, 0}, {1, 0, 3, 0, 0}, {0, 0, 0, 0, 7}};

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = lt_mem_alloc(n, size);

    return to ? memcpy(to, from, n * size) : NULL;
}

static lt_status make(const float *value, const int32_t *index,
                      lt_dataset **out, lt_err *err)
{
    lt_sparse s = {.rows = N, .cols = D};

    s.start = copy(starts, N + 1, sizeof *starts);
    s.index = copy(index, 6, sizeof *columns);
    s.value = copy(value, 6, sizeof *values);
    if (s.start && s.index && s.value)
        return lt_dataset_new_sparse_take(&s, NULL, out, err);
    lt_mem_free(s.start);
    lt_mem_free(s.index);
    lt_mem_free(s.value);
    return LT_ENOMEM;
}

static lt_dataset *sparse_make(void)
{
    lt_dataset *d = NULL;

    assert_int_equal(make(values, columns, &d, NULL), LT_OK);
    return d;
}

/* With a target of tens, row ids 100.. and column ids 200.. */
static lt_status full_make(lt_dataset **out)
{
    static const float tens[] = {20, 90, 10, 40, 30, 70};
    static const int64_t rows[N] = {100, 101, 102, 103};
    static const int64_t cols[D] = {200, 201, 202, 203, 204};
    lt_dataset *d = NULL, *target = NULL;
    int64_t *r = NULL, *c = NULL;
    lt_status rc = make(values, columns, &d, NULL);

    if (rc == LT_OK)
        rc = make(tens, columns, &target, NULL);
    if (rc == LT_OK)
        rc = lt_dataset_set_target_take(d, target, NULL);
    if (rc == LT_OK) {
        r = copy(rows, N, sizeof *rows);
        c = copy(cols, D, sizeof *cols);
        lt_dataset_set_legend_take(d, r, c, 3.5);
        rc = r && c ? LT_OK : LT_ENOMEM;
    }
    if (rc == LT_OK)
        *out = d;
    else
        lt_dataset_free(d);
    return rc;
}

static void sparse_gathers_zero_where_nothing_is_known(void **state)
{
    lt_dataset *d = sparse_make();
    const int32_t index[] = {3, 0, 0, 1, 2};
    lt_real x[5][D];

    (void)state;
    lt_dataset_gather(d, NULL, 0, N, &x[0][0]);
    assert_memory_equal(x, dense, sizeof dense);
    lt_dataset_gather(d, index, 0, 5, &x[0][0]);
    for (int i = 0; i < 5; i++)
        assert_memory_equal(x[i], dense[index[i]], sizeof x[i]);
    assert_int_equal(lt_dataset_bytes(d), 6 * 8 + 5 * 8);
    assert_null(lt_dataset_values(d));
    assert_ptr_equal(lt_dataset_target(d), d);
    lt_dataset_free(d);
}

static void absent_entries_are_nan_where_only_known_ones_count(void **state)
{
    const int32_t index[] = {2, 1, 0};
    const double nan = (double)NAN;
    const double wanted[3][D] = {
        {1, 0, 3, nan, nan}, {nan, nan, nan, nan, nan}, {nan, 2, nan, nan, 9}};
    lt_dataset *d = sparse_make();
    lt_real x[3][D], y[2][D];

    (void)state;
    lt_dataset_gather_known(d, index, 0, 3, &x[0][0]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < D; j++)
            assert_true(isnan(wanted[i][j]) ? isnan(x[i][j])
                                            : x[i][j] == wanted[i][j]);
    lt_dataset_gather_known(d, NULL, 1, 2, &y[0][0]);
    assert_memory_equal(y[0], x[1], sizeof y[0]);
    assert_memory_equal(y[1], x[0], sizeof y[0]);
    lt_dataset_free(d);
}

static void sparse_view_is_a_stretch_of_rows_targets_and_ids(void **state)
{
    lt_dataset *d = NULL, *view = NULL, *inner = NULL;
    lt_real x[3][D];

    (void)state;
    assert_int_equal(full_make(&d), LT_OK);
    assert_int_equal(lt_dataset_view(d, 1, 3, &view, NULL), LT_OK);
    lt_dataset_gather(view, NULL, 0, 3, &x[0][0]);
    assert_memory_equal(x, dense[1], sizeof x);
    assert_int_equal(lt_dataset_view(view, 1, 2, &inner, NULL), LT_OK);
    lt_dataset_gather(inner, NULL, 0, 2, &x[0][0]);
    assert_memory_equal(x, dense[2], 2 * sizeof x[0]);
    assert_int_equal(lt_dataset_rows(lt_dataset_target(inner)), 2);
    lt_dataset_gather(lt_dataset_target(inner), NULL, 0, 2, &x[0][0]);
    assert_true(x[0][1] == 40 && x[0][2] == 30 && x[1][4] == 70);
    assert_int_equal(lt_dataset_legend(inner).row_ids[0], 102);
    assert_int_equal(lt_dataset_legend(inner).column_ids[4], 204);
    assert_true(lt_dataset_legend(inner).centre == 3.5);
    lt_dataset_free(inner);
    lt_dataset_free(view);
    lt_dataset_free(d);
}

/* A copy of a view, with every failed allocation on the way there. */
static void sparse_copy_has_rows_targets_and_ids(void **state)
{
    const int32_t index[] = {2, 0, 2};
    lt_dataset *d = NULL, *view = NULL, *some = NULL;
    lt_status rc = LT_ENOMEM;
    lt_real x[3][D];

    (void)state;
    assert_int_equal(full_make(&d), LT_OK);
    assert_int_equal(lt_dataset_view(d, 1, 3, &view, NULL), LT_OK);
    for (int n = 0; rc == LT_ENOMEM && n < 40; n++) {
        lt_mem_fail_after(n);
        rc = lt_dataset_select(view, index, 3, &some, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    lt_dataset_free(view);
    lt_dataset_free(d);
    lt_dataset_gather(some, NULL, 0, 3, &x[0][0]);
    assert_memory_equal(x[0], dense[3], sizeof x[0]);
    assert_memory_equal(x[1], dense[1], sizeof x[0]);
    assert_memory_equal(x[2], dense[3], sizeof x[0]);
    lt_dataset_gather(lt_dataset_target(some), NULL, 2, 1, &x[0][0]);
    assert_true(x[0][4] == 70 && x[0][0] == 0);
    assert_int_equal(lt_dataset_legend(some).row_ids[0], 103);
    assert_int_equal(lt_dataset_legend(some).row_ids[1], 101);
    assert_int_equal(lt_dataset_legend(some).column_ids[2], 202);
    assert_true(lt_dataset_legend(some).centre == 3.5);
    lt_dataset_free(some);
}

static void hex_of(const lt_dataset *d, char hex[LT_DIGEST_HEX])
{
    lt_dataset_fingerprint(d, hex);
}

/* Whatever the arrays a set was cut from; but not whatever it holds. */
static void sparse_fingerprint_is_of_the_content(void **state)
{
    const int32_t index[] = {2, 3};
    char a[LT_DIGEST_HEX], b[LT_DIGEST_HEX];
    lt_dataset *d = NULL, *plain = sparse_make(), *view = NULL, *some = NULL;

    (void)state;
    assert_int_equal(full_make(&d), LT_OK);
    assert_int_equal(lt_dataset_view(d, 2, 2, &view, NULL), LT_OK);
    assert_int_equal(lt_dataset_select(d, index, 2, &some, NULL), LT_OK);
    hex_of(view, a);
    hex_of(some, b);
    assert_string_equal(a, b);
    hex_of(plain, a);
    hex_of(d, b);
    assert_string_not_equal(a, b); /* it has a target */
    lt_dataset_free(view);
    lt_dataset_free(some);
    lt_dataset_free(plain);
    lt_dataset_free(d);
}

/* One value, one column, or where a row ends. */
static void sparse_fingerprint_sees_every_part(void **state)
{
    const float other[] = {2, 9, 1, 0, 3, 8};
    const int32_t moved[] = {1, 4, 0, 1, 3, 4};
    const float row_values[] = {2, 9};
    char hex[5][LT_DIGEST_HEX];
    lt_dataset *sets[5] = {sparse_make()};

    (void)state;
    assert_int_equal(make(other, columns, &sets[1], NULL), LT_OK);
    assert_int_equal(make(values, moved, &sets[2], NULL), LT_OK);
    for (int k = 3; k < 5; k++) { /* {2, 9} in one row, or in two */
        lt_sparse s = {.rows = 2, .cols = D};
        int64_t from[] = {0, k - 2, 2};

        s.start = copy(from, 3, sizeof *from);
        s.index = copy(columns, 2, sizeof *columns);
        s.value = copy(row_values, 2, sizeof *row_values);
        assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &sets[k], NULL),
                         LT_OK);
    }
    for (int k = 0; k < 5; k++) {
        hex_of(sets[k], hex[k]);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(hex[j], hex[k]);
        lt_dataset_free(sets[k]);
    }
}

static void sparse_refuses_columns_out_of_order(void **state)
{
    static const struct {
        int32_t index[6];
        const char *text;
    } cases[] = {
        {{1, 5, 0, 1, 2, 4}, "row 1: column 6, wanted 3 to 5"},
        {{1, 1, 0, 1, 2, 4}, "row 1: column 2, wanted 3 to 5"},
        {{1, 4, 0, 2, 1, 4}, "row 3: column 2, wanted 4 to 5"},
        {{-1, 4, 0, 1, 2, 4}, "row 1: column 0, wanted 1 to 5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_dataset *d = NULL;
        lt_err err = {0};

        assert_int_equal(make(values, cases[i].index, &d, &err), LT_EINVAL);
        if (!strstr(err.text, cases[i].text))
            fail_msg("found %s, wanted %s", err.text, cases[i].text);
    }
}

static void target_must_have_as_many_examples_and_elements(void **state)
{
    lt_dataset *d = sparse_make(), *whole = sparse_make(), *small = NULL;
    const int32_t first = 0;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_dataset_select(whole, &first, 1, &small, NULL), LT_OK);
    assert_int_equal(lt_dataset_set_target_take(d, small, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "target: 1 examples of 5 elements, "
                                     "wanted 4 of 5"));
    assert_ptr_equal(lt_dataset_target(d), d);
    lt_dataset_free(whole);
    lt_dataset_free(d);
}

static void sparse_set_survives_every_failed_allocation(void **state)
{
    lt_dataset *d = NULL, *view = NULL;
    lt_status rc = LT_ENOMEM;

    (void)state;
    for (int n = 0; rc == LT_ENOMEM && n < 40; n++) {
        lt_mem_fail_after(n);
        rc = full_make(&d);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    rc = LT_ENOMEM;
    for (int n = 0; rc == LT_ENOMEM && n < 40; n++) {
        lt_mem_fail_after(n);
        rc = lt_dataset_view(d, 0, 2, &view, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    lt_dataset_free(view);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparse_gathers_zero_where_nothing_is_known),
        cmocka_unit_test(absent_entries_are_nan_where_only_known_ones_count),
        cmocka_unit_test(sparse_view_is_a_stretch_of_rows_targets_and_ids),
        cmocka_unit_test(sparse_copy_has_rows_targets_and_ids),
        cmocka_unit_test(sparse_fingerprint_is_of_the_content),
        cmocka_unit_test(sparse_fingerprint_sees_every_part),
        cmocka_unit_test(sparse_refuses_columns_out_of_order),
        cmocka_unit_test(target_must_have_as_many_examples_and_elements),
        cmocka_unit_test(sparse_set_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
