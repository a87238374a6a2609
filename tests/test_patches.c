/* Crops, shifts, patches and smaller pictures, against pictures made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/data/patches.h"

/* n pictures of bytes; labels are their numbers. */
static lt_dataset *pictures(int n, lt_shape shape, const uint8_t *values)
{
    size_t elements = (size_t)lt_shape_elements(shape);
    uint8_t *copy = lt_mem_alloc((size_t)n, elements);
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);
    lt_dataset *d = NULL;

    memcpy(copy, values, (size_t)n * elements);
    for (int i = 0; i < n; i++)
        labels[i] = (uint8_t)i;
    assert_int_equal(
        lt_dataset_new_take(LT_ELEM_U8, n, shape, copy, labels, &d, NULL),
        LT_OK);
    return d;
}

/* A picture whose pixel at (row, col) is 16 row + col. */
static lt_dataset *ramp(int height, int width)
{
    uint8_t values[256];

    for (int i = 0; i < height * width; i++)
        values[i] = (uint8_t)(i / width * 16 + i % width);
    return pictures(1, lt_shape_image(1, height, width), values);
}

static lt_patch_opts plain(int height, int width)
{
    return (lt_patch_opts){.height = height,
                           .width = width,
                           .copies = 1,
                           .scale = {1, 1},
                           .seed = 1};
}

static lt_dataset *make(const lt_dataset *d, lt_patch_opts o)
{
    lt_dataset *out = NULL;
    lt_err err = {0};

    if (lt_patches_make(d, &o, &out, &err) != LT_OK)
        fail_msg("%s", err.text);
    return out;
}

static const uint8_t *bytes(const lt_dataset *d)
{
    assert_int_equal(lt_dataset_type(d), LT_ELEM_U8);
    return lt_dataset_values(d);
}

/* ---- whole pixels ---- */

static void patches_are_stretches_of_the_picture_at_every_place(void **state)
{
    lt_dataset *d = ramp(6, 7), *out;
    lt_patch_opts o = plain(3, 4);
    bool seen[4][4] = {{false}};
    int places = 0;

    (void)state;
    o.copies = 400;
    out = make(d, o);
    assert_int_equal(lt_dataset_rows(out), 400);
    assert_true(lt_shape_equal(lt_dataset_shape(out), lt_shape_image(1, 3, 4)));
    for (int i = 0; i < 400; i++) {
        const uint8_t *p = bytes(out) + 12 * i;
        int top = p[0] / 16, left = p[0] % 16;

        assert_in_range(top, 0, 3);
        assert_in_range(left, 0, 3);
        for (int k = 0; k < 12; k++)
            assert_int_equal(p[k], 16 * (top + k / 4) + left + k % 4);
        places += !seen[top][left];
        seen[top][left] = true;
    }
    assert_int_equal(places, 16);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

static void patches_shift_pictures_over_zeros(void **state)
{
    lt_dataset *d = ramp(3, 3), *out;
    lt_patch_opts o = plain(3, 3);
    bool seen[3][3] = {{false}};

    (void)state;
    o.pad = 1;
    o.copies = 200;
    out = make(d, o);
    for (int i = 0; i < 200; i++) {
        const uint8_t *p = bytes(out) + 9 * i;
        int found = 0;

        for (int down = -1; down <= 1; down++)
            for (int right = -1; right <= 1; right++) {
                bool is_it = true;

                for (int k = 0; k < 9; k++) {
                    int row = k / 3 + down, col = k % 3 + right;
                    bool inside = row >= 0 && row < 3 && col >= 0 && col < 3;

                    is_it = is_it && p[k] == (inside ? 16 * row + col : 0);
                }
                found += is_it;
                seen[down + 1][right + 1] |= is_it;
            }
        assert_int_equal(found, 1);
    }
    for (int k = 0; k < 9; k++)
        assert_true(seen[k / 3][k % 3]);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

static void patches_keep_channels_types_labels_and_order(void **state)
{
    uint8_t values[2 * 2 * 4];
    float *real = lt_mem_alloc(16, sizeof *real);
    lt_dataset *d, *f = NULL, *out;
    lt_patch_opts o = plain(1, 1);

    (void)state;
    for (int i = 0; i < 16; i++) {
        values[i] = (uint8_t)(i + 1);
        real[i] = (float)i + 0.25f;
    }
    d = pictures(2, lt_shape_image(2, 2, 2), values);
    o.copies = 3;
    out = make(d, o);
    assert_int_equal(lt_dataset_rows(out), 6);
    assert_memory_equal(lt_dataset_labels(out), "\0\0\0\1\1\1", 6);
    for (int i = 0; i < 6; i++) { /* channel 2 lies 4 above channel 1 */
        const uint8_t *p = bytes(out) + 2 * i;

        assert_in_range(p[0], 1 + i / 3 * 8, 4 + i / 3 * 8);
        assert_int_equal(p[1], p[0] + 4);
    }
    lt_dataset_free(out);
    lt_dataset_new_take(LT_ELEM_F32, 2, lt_shape_image(2, 2, 2), real, NULL, &f,
                        NULL);
    out = make(f, plain(2, 2));
    assert_int_equal(lt_dataset_type(out), LT_ELEM_F32);
    assert_memory_equal(lt_dataset_values(out), real, 16 * sizeof *real);
    assert_null(lt_dataset_labels(out));
    lt_dataset_free(out);
    lt_dataset_free(d);
    lt_dataset_free(f);
}

static void patches_in_all_are_of_random_pictures(void **state)
{
    static const uint8_t values[] = {10, 20, 30, 40, 50};
    lt_dataset *d = pictures(5, lt_shape_image(1, 1, 1), values), *out;
    lt_patch_opts o = plain(1, 1);
    int seen[5] = {0};

    (void)state;
    o.n = 500;
    out = make(d, o);
    assert_int_equal(lt_dataset_rows(out), 500);
    for (int i = 0; i < 500; i++) {
        int label = lt_dataset_labels(out)[i];

        assert_int_equal(bytes(out)[i], values[label]);
        seen[label]++;
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(seen[i], 60, 140);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

/* ---- turned and scaled ---- */

static void patches_turn_a_quarter_exactly(void **state)
{
    /* by degrees, counter-clockwise, as numpy's rot90 has it */
    static const struct {
        double degrees;
        uint8_t wanted[9];
    } cases[] = {{90, {3, 6, 9, 2, 5, 8, 1, 4, 7}},
                 {-90, {7, 4, 1, 8, 5, 2, 9, 6, 3}},
                 {180, {9, 8, 7, 6, 5, 4, 3, 2, 1}},
                 {270, {7, 4, 1, 8, 5, 2, 9, 6, 3}},
                 {360, {1, 2, 3, 4, 5, 6, 7, 8, 9}}};
    static const uint8_t values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    lt_dataset *d = pictures(1, lt_shape_image(1, 3, 3), values);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_patch_opts o = plain(3, 3);
        lt_dataset *out;

        o.rotate[0] = o.rotate[1] = cases[i].degrees;
        out = make(d, o);
        assert_memory_equal(bytes(out), cases[i].wanted, 9);
        lt_dataset_free(out);
    }
    lt_dataset_free(d);
}

/* A 2x4 window turned by 90 degrees shows a 4x2 stretch of the picture. */
static void patches_turn_windows_that_are_not_square(void **state)
{
    static const uint8_t wanted[] = {1, 17, 33, 49, 0, 16, 32, 48};
    lt_dataset *d = ramp(4, 2), *out;
    lt_patch_opts o = plain(2, 4);

    (void)state;
    o.rotate[0] = o.rotate[1] = 90;
    out = make(d, o);
    assert_memory_equal(bytes(out), wanted, 8);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

static void patches_scale_by_mixing_neighbours(void **state)
{
    lt_dataset *d = ramp(4, 4), *out;
    lt_patch_opts o = plain(3, 3);
    static const uint8_t wanted[] = {0, 2, 3, 24, 26, 27, 48, 50, 51};

    (void)state;
    o.scale[0] = o.scale[1] = 1.5; /* points 0, 1.5, 3 of 0..3: all of it */
    out = make(d, o);
    assert_memory_equal(bytes(out), wanted, 9); /* halves are rounded up */
    lt_dataset_free(out);
    lt_dataset_free(d);
}

/* On a plane a + b row + c col, bilinear mixing is exact anywhere: every
 * patch must be such a plane again, with the slopes turned and scaled. */
static void patches_of_a_slope_are_slopes(void **state)
{
    float *values = lt_mem_alloc(30 * 30, sizeof *values);
    lt_dataset *d = NULL, *out;
    lt_patch_opts o = plain(5, 5);
    double most = 0, least = 1e9;

    (void)state;
    for (int i = 0; i < 900; i++)
        values[i] = 100 + 3 * (float)(i / 30) + (float)(i % 30);
    lt_dataset_new_take(LT_ELEM_F32, 1, lt_shape_image(1, 30, 30), values, NULL,
                        &d, NULL);
    o.copies = 300;
    o.rotate[0] = -90;
    o.rotate[1] = 90;
    o.scale[0] = 1.4;
    o.scale[1] = 1.8;
    out = make(d, o);
    for (int i = 0; i < 300; i++) {
        const float *p = (const float *)lt_dataset_values(out) + 25 * i;
        double right = (double)(p[1] - p[0]), down = (double)(p[5] - p[0]);
        double length = sqrt((right * right + down * down) / 10);
        double angle = atan2(3, 1) - atan2(down, right);

        for (int k = 0; k < 25; k++)
            assert_true(fabs((double)(p[k] - p[0]) - down * (k / 5) -
                             right * (k % 5)) < 1e-3);
        assert_true(length > 1.4 - 1e-3 && length < 1.8 + 1e-3);
        angle = remainder(angle, 2 * acos(-1)) * 180 / acos(-1);
        assert_true(angle > -90.1 && angle < 90.1);
        most = angle > most ? angle : most;
        least = angle < least ? angle : least;
    }
    assert_true(most > 80 && least < -80);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

/* ---- seeds ---- */

static void patches_repeat_by_seed_and_stream(void **state)
{
    lt_dataset *d = ramp(12, 12), *a, *b;
    lt_patch_opts o = plain(4, 4);

    (void)state;
    o.copies = 30;
    a = make(d, o);
    b = make(d, o);
    assert_memory_equal(bytes(a), bytes(b), 30 * 16);
    lt_dataset_free(b);
    o.limit = 10; /* the same, as far as it goes; then zeros */
    b = make(d, o);
    assert_memory_equal(bytes(a), bytes(b), 10 * 16);
    assert_int_equal(lt_dataset_rows(b), 30);
    assert_int_equal(bytes(b)[10 * 16 + 15], 0);
    lt_dataset_free(b);
    o.limit = 0;
    o.stream = "test";
    b = make(d, o);
    assert_memory_not_equal(bytes(a), bytes(b), 30 * 16);
    lt_dataset_free(b);
    o.stream = NULL;
    o.seed = 2;
    b = make(d, o);
    assert_memory_not_equal(bytes(a), bytes(b), 30 * 16);
    lt_dataset_free(b);
    lt_dataset_free(a);
    lt_dataset_free(d);
}

/* ---- what is refused ---- */

static void refuse(const lt_dataset *d, lt_patch_opts o, const char *text)
{
    lt_dataset *out = NULL;
    lt_err err = {0};

    assert_int_equal(lt_patches_make(d, &o, &out, &err), LT_EINVAL);
    assert_null(out);
    if (!strstr(err.text, text))
        fail_msg("found:  %s\nwanted: %s", err.text, text);
}

static void patches_refuse_what_does_not_fit(void **state)
{
    lt_dataset *d = ramp(8, 8), *out;
    lt_dataset *flat = pictures(1, lt_shape_flat(4), (const uint8_t *)"abcd");
    lt_patch_opts o = plain(9, 3);

    (void)state;
    refuse(d, o,
           "patches: a window of 9x3, wanted one that fits in pictures of 8x8 "
           "with a pad of 0");
    o.name = "crops";
    refuse(d, o, "crops: a window of 9x3");
    refuse(flat, o, "crops: examples of 4, wanted pictures");
    o = plain(6, 6); /* 5 x 1.414 + 1 = 8.07 */
    o.rotate[1] = 90;
    refuse(d, o,
           "reaches over 8.071x8.071 pixels when turned and scaled most, "
           "wanted one that fits in 8x8");
    o.rotate[1] = 10; /* 5 (cos 10 + sin 10) + 1 = 6.79 */
    out = make(d, o);
    lt_dataset_free(out);
    o.scale[1] = 1.3;
    refuse(d, o, "8.53x8.53"); /* 6.5 x 1.159 + 1 */
    o.scale[1] = 0.5;
    refuse(d, o, "scale from 1 to 0.5, wanted a range");
    o = plain(2, 2);
    o.copies = 0;
    refuse(d, o, "0 of each picture, 0 in all");
    o.copies = INT_MAX;
    out = pictures(2, lt_shape_image(1, 2, 2), (const uint8_t *)"abcdefgh");
    refuse(out, o, "of each of 2 pictures");
    lt_dataset_free(out);
    o = plain(0, 2);
    refuse(d, o, "0x2");
    lt_dataset_free(d);
    lt_dataset_free(flat);
}

/* The paper's window: 25 points of 1.8 pixels at any angle just fit in 64. */
static void patches_of_the_faces_fit(void **state)
{
    uint8_t grey[64 * 64] = {0};
    lt_dataset *d = pictures(1, lt_shape_image(1, 64, 64), grey), *out;
    lt_patch_opts o = plain(25, 25);

    (void)state;
    o.rotate[0] = -90;
    o.rotate[1] = 90;
    o.scale[0] = 1.4;
    o.scale[1] = 1.8;
    o.copies = 20;
    out = make(d, o);
    lt_dataset_free(out);
    o.scale[1] = 1.9;
    refuse(d, o, "fits in 64x64");
    lt_dataset_free(d);
}

/* ---- other sizes ---- */

static lt_dataset *resize(const lt_dataset *d, int height, int width)
{
    lt_dataset *out = NULL;
    lt_err err = {0};

    if (lt_resize_make(d, height, width, &out, &err) != LT_OK)
        fail_msg("%s", err.text);
    return out;
}

static void resize_takes_the_mean_of_areas(void **state)
{
    static const uint8_t values[] = {0, 40, 10, 30, 20, 60, 90, 50, 70};
    lt_dataset *d = pictures(1, lt_shape_image(1, 3, 3), values), *out;

    (void)state;
    out = resize(d, 1, 1);
    assert_int_equal(bytes(out)[0], 41); /* 370 / 9 = 41.1 */
    lt_dataset_free(out);
    out = resize(d, 1, 3);
    assert_memory_equal(bytes(out), ((uint8_t[]){40, 37, 47}), 3);
    lt_dataset_free(out);
    /* 1.5 pixels each: (0 + 40/2 + 30/2 + 20/4) / 2.25 = 17.8 and so on */
    out = resize(d, 2, 2);
    assert_memory_equal(bytes(out), ((uint8_t[]){18, 29, 60, 58}), 4);
    lt_dataset_free(out);
    out = resize(d, 3, 3);
    assert_memory_equal(bytes(out), values, 9);
    lt_dataset_free(out);
    out = resize(d, 6, 3); /* larger: each row twice */
    assert_memory_equal(bytes(out) + 3, values, 3);
    assert_memory_equal(bytes(out) + 15, values + 6, 3);
    lt_dataset_free(out);
    lt_dataset_free(d);
}

static void resize_keeps_channels_and_labels(void **state)
{
    static const uint8_t values[] = {1, 3, 5, 7, 100, 100, 100, 104,
                                     2, 2, 2, 2, 9,   9,   9,   9};
    lt_dataset *d = pictures(2, lt_shape_image(2, 2, 2), values), *out;
    lt_err err = {0};

    (void)state;
    out = resize(d, 1, 1);
    assert_memory_equal(bytes(out), ((uint8_t[]){4, 101, 2, 9}), 4);
    assert_memory_equal(lt_dataset_labels(out), "\0\1", 2);
    lt_dataset_free(out);
    out = NULL;
    assert_int_equal(lt_resize_make(d, 0, 3, &out, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "0x3"));
    lt_dataset_free(d);
}

static void pictures_of_too_many_elements_are_refused(void **state)
{
    lt_dataset *d =
        pictures(1, lt_shape_image(3, 1, 1), (const uint8_t *)"abc");
    lt_dataset *out = NULL;
    lt_patch_opts o = plain(32768, 32768);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_resize_make(d, 32768, 32768, &out, &err), LT_EINVAL);
    assert_null(out);
    assert_non_null(strstr(err.text, "pictures of 3x32768x32768, wanted at "
                                     "most 2147483647 elements"));
    o.pad = 20000;
    refuse(d, o, "pictures of 3x32768x32768, wanted at most");
    lt_dataset_free(d);
}

static void patches_survive_every_failing_allocation(void **state)
{
    lt_dataset *d = ramp(8, 8), *out = NULL;
    lt_patch_opts o = plain(3, 3);
    int n = 0, m = 0;

    (void)state;
    for (; !out; n++) {
        lt_err err = {0};

        lt_mem_fail_after(n);
        if (lt_patches_make(d, &o, &out, &err) != LT_OK)
            assert_int_equal(err.status, LT_ENOMEM);
        lt_mem_fail_after(-1);
    }
    lt_dataset_free(out);
    for (out = NULL; !out; m++) {
        lt_err err = {0};

        lt_mem_fail_after(m);
        if (lt_resize_make(d, 4, 4, &out, &err) != LT_OK)
            assert_int_equal(err.status, LT_ENOMEM);
        lt_mem_fail_after(-1);
    }
    lt_dataset_free(out);
    assert_int_equal(n, 4); /* values, labels and the set */
    assert_int_equal(m, 4);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_stretches_of_the_picture_at_every_place),
        cmocka_unit_test(patches_shift_pictures_over_zeros),
        cmocka_unit_test(patches_keep_channels_types_labels_and_order),
        cmocka_unit_test(patches_in_all_are_of_random_pictures),
        cmocka_unit_test(patches_turn_a_quarter_exactly),
        cmocka_unit_test(patches_turn_windows_that_are_not_square),
        cmocka_unit_test(patches_scale_by_mixing_neighbours),
        cmocka_unit_test(patches_of_a_slope_are_slopes),
        cmocka_unit_test(patches_repeat_by_seed_and_stream),
        cmocka_unit_test(patches_refuse_what_does_not_fit),
        cmocka_unit_test(patches_of_the_faces_fit),
        cmocka_unit_test(resize_takes_the_mean_of_areas),
        cmocka_unit_test(resize_keeps_channels_and_labels),
        cmocka_unit_test(pictures_of_too_many_elements_are_refused),
        cmocka_unit_test(patches_survive_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
