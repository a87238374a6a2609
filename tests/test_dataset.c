/* Sets of examples: gathering, views, fingerprints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/dataset.h"

enum { N = 6, D = 20 };

/* Example i has bytes i, i + 1, ... and label 10 i. */
static lt_dataset *bytes_make(void)
{
    uint8_t *values = lt_mem_alloc(N, D), *labels = lt_mem_alloc(N, 1);
    lt_dataset *d = NULL;

    for (int i = 0; i < N; i++) {
        labels[i] = (uint8_t)(10 * i);
        for (int j = 0; j < D; j++)
            values[i * D + j] = (uint8_t)(i + 12 * j);
    }
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, N, lt_shape_image(1, 4, 5),
                                         values, labels, &d, NULL),
                     LT_OK);
    return d;
}

static lt_dataset *floats_make(void)
{
    float *values = lt_mem_alloc((size_t)N * D, sizeof *values);
    lt_dataset *d = NULL;

    for (int i = 0; i < N * D; i++)
        values[i] = (float)i / 4 - 3;
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, N, lt_shape_flat(D),
                                         values, NULL, &d, NULL),
                     LT_OK);
    return d;
}

static void dataset_gathers_bytes_as_shares_of_255(void **state)
{
    const int32_t index[] = {4, 0, 4, 5, 1, 2, 3};
    lt_dataset *d = bytes_make();
    lt_real x[7 * D];

    (void)state;
    lt_dataset_gather(d, index, 0, 7, x);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < D; j++)
            assert_true(fabs((double)x[i * D + j] -
                             (index[i] + 12 * j) / 255.0) < 1e-7);
    lt_dataset_free(d);
}

static void dataset_gathers_a_stretch_like_its_indices(void **state)
{
    const int32_t index[] = {2, 3, 4, 5};
    lt_dataset *sets[] = {bytes_make(), floats_make()};
    lt_real a[4 * D], b[4 * D];

    (void)state;
    for (int k = 0; k < 2; k++) {
        lt_dataset_gather(sets[k], index, 0, 4, a);
        lt_dataset_gather(sets[k], NULL, 2, 4, b);
        assert_memory_equal(a, b, sizeof a);
        lt_dataset_free(sets[k]);
    }
}

static void dataset_maps_byte_255_to_one_and_0_to_zero(void **state)
{
    uint8_t *values = lt_mem_alloc(256, 1);
    lt_dataset *d = NULL;
    lt_real x[256];

    (void)state;
    for (int i = 0; i < 256; i++)
        values[i] = (uint8_t)i;
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, 256, lt_shape_flat(1),
                                         values, NULL, &d, NULL),
                     LT_OK);
    lt_dataset_gather(d, NULL, 0, 256, x);
    assert_true(x[0] >= 0 && x[0] <= 0);
    assert_true(x[255] >= 1 && x[255] <= 1); /* bce wants no target above 1 */
    lt_dataset_free(d);
}

static void dataset_gathers_floats_as_they_are(void **state)
{
    const int32_t index[] = {5, 1};
    lt_dataset *d = floats_make();
    lt_real x[2 * D];

    (void)state;
    lt_dataset_gather(d, index, 0, 2, x);
    for (int j = 0; j < D; j++) {
        assert_float_equal(x[j], (5 * D + j) / 4.0 - 3, 0);
        assert_float_equal(x[D + j], (D + j) / 4.0 - 3, 0);
    }
    lt_dataset_free(d);
}

static void dataset_view_is_a_window(void **state)
{
    lt_dataset *d = bytes_make(), *view = NULL, *inner = NULL;

    (void)state;
    assert_int_equal(lt_dataset_view(d, 2, 3, &view, NULL), LT_OK);
    assert_int_equal(lt_dataset_view(view, 1, 2, &inner, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(view), 3);
    assert_ptr_equal(lt_dataset_values(inner),
                     (const uint8_t *)lt_dataset_values(d) + 3 * D);
    assert_int_equal(lt_dataset_labels(inner)[0], 30);
    lt_dataset_free(inner);
    lt_dataset_free(view);
    assert_int_equal(lt_dataset_labels(d)[5], 50); /* still there */
    lt_dataset_free(d);
}

static void dataset_view_rejects_what_is_not_there(void **state)
{
    const int bad[][2] = {{0, 7}, {6, 1}, {-1, 2}, {0, 0}, {3, -1}, {9, 1}};
    lt_dataset *d = bytes_make(), *view = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        lt_err err = {0};

        assert_int_equal(lt_dataset_view(d, bad[i][0], bad[i][1], &view, &err),
                         LT_EINVAL);
        assert_non_null(strstr(err.text, "data set of 6 examples"));
        assert_null(view);
    }
    lt_dataset_free(d);
}

static void dataset_of_nothing_is_an_error(void **state)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, 0, lt_shape_flat(3),
                                         lt_mem_alloc(3, 1), NULL, &d, &err),
                     LT_EINVAL);
    assert_null(d);
}

static void dataset_fingerprint_follows_content(void **state)
{
    lt_dataset *d = bytes_make(), *same = bytes_make(), *other = floats_make();
    lt_dataset *all = NULL, *less = NULL;
    char a[LT_DIGEST_HEX], b[LT_DIGEST_HEX];

    (void)state;
    lt_dataset_fingerprint(d, a);
    lt_dataset_fingerprint(same, b);
    assert_string_equal(a, b);
    assert_int_equal(lt_dataset_view(d, 0, N, &all, NULL), LT_OK);
    lt_dataset_fingerprint(all, b);
    assert_string_equal(a, b);
    assert_int_equal(lt_dataset_view(d, 0, N - 1, &less, NULL), LT_OK);
    lt_dataset_fingerprint(less, b);
    assert_string_not_equal(a, b);
    lt_dataset_fingerprint(other, b);
    assert_string_not_equal(a, b);
    ((uint8_t *)lt_dataset_labels(same))[3] ^= 1;
    lt_dataset_fingerprint(same, b);
    assert_string_not_equal(a, b);
    lt_dataset_free(less);
    lt_dataset_free(all);
    lt_dataset_free(d);
    lt_dataset_free(same);
    lt_dataset_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dataset_gathers_bytes_as_shares_of_255),
        cmocka_unit_test(dataset_gathers_a_stretch_like_its_indices),
        cmocka_unit_test(dataset_maps_byte_255_to_one_and_0_to_zero),
        cmocka_unit_test(dataset_gathers_floats_as_they_are),
        cmocka_unit_test(dataset_view_is_a_window),
        cmocka_unit_test(dataset_view_rejects_what_is_not_there),
        cmocka_unit_test(dataset_of_nothing_is_an_error),
        cmocka_unit_test(dataset_fingerprint_follows_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
