/* IDX files, good and hostile, plain and compressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "latent/base/host.h"
#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/data/idx.h"

static char folder[] = "/tmp/latent-idx-XXXXXX";
static char images[64], labels[64];

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(labels, sizeof labels, "%s/labels", folder);
    return 0;
}

static int folder_drop(void **state)
{
    (void)state;
    unlink(images);
    unlink(labels);
    return rmdir(folder);
}

static void plain_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void gzip_write(const char *path, const void *bytes, size_t n)
{
    gzFile f = gzopen(path, "wb1");

    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)n), n);
    gzclose(f);
}

/* 3 pictures of 2x4, their pixels 1, 2, 3 ... */
static const uint8_t good[] = {
    0, 0, 8, 3, 0, 0,  0,  3,  0,  0,  0,  2,  0,  0,  0,  4,  1,  2,  3,  4,
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
static const uint8_t good_labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};

static lt_dataset *load(const char *labels_path, int limit)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    if (lt_idx_load(images, labels_path, limit, &d, &err) != LT_OK)
        fail_msg("%s", err.text);
    return d;
}

static void good_check(const lt_dataset *d, int n)
{
    assert_int_equal(lt_dataset_rows(d), n);
    assert_int_equal(lt_dataset_type(d), LT_ELEM_U8);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(1, 2, 4)));
    assert_memory_equal(lt_dataset_values(d), good + 16, (size_t)n * 8);
    assert_memory_equal(lt_dataset_labels(d), good_labels + 8, (size_t)n);
}

static void idx_reads_plain_and_gzip_alike(void **state)
{
    lt_dataset *d;

    (void)state;
    plain_write(images, good, sizeof good);
    plain_write(labels, good_labels, sizeof good_labels);
    d = load(labels, 0);
    good_check(d, 3);
    lt_dataset_free(d);
    gzip_write(images, good, sizeof good);
    gzip_write(labels, good_labels, sizeof good_labels);
    d = load(labels, 0);
    good_check(d, 3);
    lt_dataset_free(d);
}

static void idx_reads_no_more_than_the_limit(void **state)
{
    lt_dataset *d;

    (void)state;
    plain_write(images, good, sizeof good);
    plain_write(labels, good_labels, sizeof good_labels);
    d = load(labels, 2);
    good_check(d, 2);
    lt_dataset_free(d);
    d = load(labels, 100);
    good_check(d, 3);
    lt_dataset_free(d);
}

static void idx_without_labels_has_none(void **state)
{
    lt_dataset *d;

    (void)state;
    plain_write(images, good, sizeof good);
    d = load(NULL, 0);
    assert_null(lt_dataset_labels(d));
    lt_dataset_free(d);
}

static void idx_reads_ranks_two_and_four(void **state)
{
    const uint8_t flat[] = {0, 0, 8, 2, 0, 0, 0, 2, 0,
                            0, 0, 3, 1, 2, 3, 4, 5, 6};
    const uint8_t deep[] = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0,
                            0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    lt_dataset *d;

    (void)state;
    plain_write(images, flat, sizeof flat);
    d = load(NULL, 0);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_flat(3)));
    lt_dataset_free(d);
    plain_write(images, deep, sizeof deep);
    d = load(NULL, 0);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(2, 1, 3)));
    assert_int_equal(lt_dataset_rows(d), 1);
    lt_dataset_free(d);
}

static void idx_reads_big_endian_floats(void **state)
{
    const uint8_t file[] = {0,    0,    13, 2, 0,    0,    0, 1, 0, 0, 0, 3,
                            0x3f, 0x80, 0,  0, 0xc0, 0x20, 0, 0, 0, 0, 0, 0};
    const float wanted[] = {1, -2.5f, 0};
    lt_dataset *d;

    (void)state;
    plain_write(images, file, sizeof file);
    d = load(NULL, 0);
    assert_int_equal(lt_dataset_type(d), LT_ELEM_F32);
    assert_memory_equal(lt_dataset_values(d), wanted, sizeof wanted);
    lt_dataset_free(d);
}

typedef struct hostile {
    const char *what;
    int at; /* first byte changed */
    uint8_t bytes[4];
    int n_bytes;
    int size; /* of the file */
    const char *message;
} hostile;

static const hostile hostiles[] = {
    {"empty", 0, {0}, 0, 0, "offset 0: found 0 bytes, wanted 4"},
    {"a magic alone", 0, {0}, 0, 4, "offset 4: found 0 bytes, wanted 4"},
    {"half a size", 0, {0}, 0, 10, "offset 8: found 2 bytes, wanted 4"},
    {"one byte short", 0, {0}, 0, 39, "promises 3 examples, 24 bytes"},
    {"no zeros", 0, {'P', 'K'}, 2, 40, "offset 0: found bytes 0x50 0x4b"},
    {"ints", 2, {12}, 1, 40, "offset 2: found type 0x0c, wanted 0x08"},
    {"rank 0", 3, {0}, 1, 40, "offset 3: found rank 0, wanted 2 to 4"},
    {"rank 1", 3, {1}, 1, 40, "offset 3: found rank 1, wanted 2 to 4"},
    {"rank 5", 3, {5}, 1, 40, "offset 3: found rank 5, wanted 2 to 4"},
    {"no examples", 4, {0, 0, 0, 0}, 4, 40, "offset 4: found size 0"},
    {"no width", 12, {0, 0, 0, 0}, 4, 40, "offset 12: found size 0"},
    {"negative", 4, {255, 255, 255, 255}, 4, 40, "found size 4294967295"},
    {"2 billion", 4, {127, 255, 255, 255}, 4, 40, "promises 2147483647"},
    {"overflow", 8, {127, 255, 255, 255}, 4, 40, "offset 8: found examples"},
    {"one more", 7, {4}, 1, 40, "promises 4 examples, 32 bytes"},
    {"one fewer", 7, {2}, 1, 40, "offset 32: found more bytes"},
    {"floats", 2, {13}, 1, 40, "promises 3 examples, 96 bytes"},
};

static void idx_refuses_hostile_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostiles / sizeof hostiles[0]; i++) {
        const hostile *h = &hostiles[i];
        uint8_t file[sizeof good];
        lt_dataset *d = NULL;
        lt_err err = {0};

        memcpy(file, good, sizeof good);
        memcpy(file + h->at, h->bytes, (size_t)h->n_bytes);
        plain_write(images, file, (size_t)h->size);
        if (lt_idx_load(images, NULL, 0, &d, &err) != LT_EFORMAT || d)
            fail_msg("%s: not refused: %s", h->what, err.text);
        if (!strstr(err.text, h->message) || !strstr(err.text, images))
            fail_msg("%s: \"%s\" lacks \"%s\"", h->what, err.text, h->message);
    }
}

/* The bound of a compressed file is loose, the bytes still must be there. */
static void idx_refuses_short_gzip(void **state)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    gzip_write(images, good, sizeof good - 5);
    assert_int_equal(lt_idx_load(images, NULL, 0, &d, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "offset 16: found 19 bytes, wanted 24"));
}

static void idx_refuses_bad_labels(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t size;
        const char *message;
    } cases[] = {
        {{0, 0, 8, 1, 0, 0, 0, 2, 7, 8}, 10, "found 2 labels, wanted 3"},
        {{0, 0, 8, 1, 0, 0, 0, 3, 7, 8}, 10, "promises 3 examples, 3 bytes"},
        {{0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9, 9}, 12, "offset 11: found more"},
        {{0, 0, 8, 2, 0, 0, 0, 3, 7, 8, 9}, 11, "found rank 2, wanted 1 to 1"},
        {{0, 0, 9, 1, 0, 0, 0, 3, 7, 8, 9}, 11, "found type 0x09"},
    };

    (void)state;
    plain_write(images, good, sizeof good);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_dataset *d = NULL;
        lt_err err = {0};

        plain_write(labels, cases[i].bytes, cases[i].size);
        assert_int_equal(lt_idx_load(images, labels, 0, &d, &err), LT_EFORMAT);
        if (!strstr(err.text, cases[i].message))
            fail_msg("\"%s\" lacks \"%s\"", err.text, cases[i].message);
        assert_null(d);
    }
}

static void idx_refuses_floats_that_are_not_finite(void **state)
{
    const uint8_t file[] = {0, 0, 13,   2,    0, 0, 0,    1,    0, 0,
                            0, 2, 0x3f, 0x80, 0, 0, 0x7f, 0xc0, 0, 0};
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    plain_write(images, file, sizeof file);
    assert_int_equal(lt_idx_load(images, NULL, 0, &d, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "offset 16: found nan"));
}

static void idx_names_a_missing_file(void **state)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_not_equal(lt_idx_load("/nowhere/images", NULL, 0, &d, &err),
                         LT_OK);
    assert_non_null(strstr(err.text, "/nowhere/images"));
}

static void idx_promise_of_gigabytes_allocates_none(void **state)
{
    uint8_t file[sizeof good];
    int64_t before = lt_host_peak_bytes(), grown;
    lt_dataset *d = NULL;

    (void)state;
    memcpy(file, good, sizeof good);
    file[5] = 255; /* 16 million examples of 8 */
    for (int gzip = 0; gzip < 2; gzip++) {
        (gzip ? gzip_write : plain_write)(images, file, sizeof file);
        assert_int_equal(lt_idx_load(images, NULL, 0, &d, NULL), LT_EFORMAT);
    }
    grown = lt_host_peak_bytes() - before;
    assert_true(grown < 8 << 20);
}

/* A file of which two megabytes do not shrink may hold two gigabytes by its
 * size on disk; it holds what it holds. */
static void idx_large_gzip_may_lie_without_cost(void **state)
{
    const size_t size = 2000000;
    uint8_t *file = lt_mem_zero(size, 1);
    int64_t before = lt_host_peak_bytes();
    lt_dataset *d = NULL;
    lt_err err = {0};
    lt_rng rng;

    (void)state;
    assert_non_null(file);
    lt_rng_init(&rng, 1, "noise");
    for (size_t i = 16; i < size; i++)
        file[i] = (uint8_t)lt_rng_next(&rng);
    memcpy(file, good, 16);
    file[4] = 15; /* 250 million examples of 8 bytes */
    gzip_write(images, file, size);
    assert_int_equal(lt_idx_load(images, NULL, 0, &d, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "offset 16: found 1999984 bytes"));
    assert_true(lt_host_peak_bytes() - before < 100 << 20);
    lt_mem_free(file);
}

/* More than is read in one go: the parts join. */
static void idx_reads_large_sets_whole(void **state)
{
    const size_t size = (150u << 20) + 16, boundary = (64u << 20) + 16;
    uint8_t *file = lt_mem_zero(size, 1);
    lt_dataset *d;

    (void)state;
    assert_non_null(file);
    memcpy(file, good, 16);
    file[4] = 1, file[5] = 0x2c, file[6] = 0, file[7] = 0; /* 150 M / 8 */
    for (size_t i = 16; i < size; i += 4099)
        file[i] = (uint8_t)(i >> 8);
    memset(file + boundary - 3, 7, 6);
    file[size - 1] = 9;
    gzip_write(images, file, size);
    d = load(NULL, 0);
    assert_int_equal(lt_dataset_rows(d), (size - 16) / 8);
    assert_int_equal(memcmp(lt_dataset_values(d), file + 16, size - 16), 0);
    lt_dataset_free(d);
    lt_mem_free(file);
}

/* Bytes of a header set to values at the edges, and every truncation: never
 * a crash, never a set from a file that is not the good one. */
static void idx_survives_mutations(void **state)
{
    const uint8_t values[] = {0, 1, 2, 3, 4, 8, 13, 127, 128, 255};

    (void)state;
    for (size_t k = 0; k < 16 * sizeof values; k++) {
        uint8_t file[sizeof good];
        lt_dataset *d = NULL;
        lt_status rc;
        bool is_good;

        memcpy(file, good, sizeof good);
        file[k / sizeof values] = values[k % sizeof values];
        is_good = memcmp(file, good, sizeof good) == 0;
        plain_write(images, file, sizeof file);
        rc = lt_idx_load(images, NULL, 0, &d, NULL);
        assert_int_equal(rc, is_good ? LT_OK : LT_EFORMAT);
        assert_true(is_good == (d != NULL));
        lt_dataset_free(d);
    }
    for (size_t size = 0; size < sizeof good; size++) {
        lt_dataset *d = NULL;

        plain_write(images, good, size);
        assert_int_equal(lt_idx_load(images, NULL, 0, &d, NULL), LT_EFORMAT);
    }
}

static void idx_survives_every_failed_allocation(void **state)
{
    lt_dataset *d = NULL;
    lt_status rc = LT_ENOMEM;

    (void)state;
    plain_write(images, good, sizeof good);
    plain_write(labels, good_labels, sizeof good_labels);
    for (int n = 0; rc == LT_ENOMEM && n < 50; n++) {
        lt_mem_fail_after(n);
        rc = lt_idx_load(images, labels, 0, &d, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    good_check(d, 3);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_reads_plain_and_gzip_alike),
        cmocka_unit_test(idx_reads_no_more_than_the_limit),
        cmocka_unit_test(idx_without_labels_has_none),
        cmocka_unit_test(idx_reads_ranks_two_and_four),
        cmocka_unit_test(idx_reads_big_endian_floats),
        cmocka_unit_test(idx_refuses_hostile_files),
        cmocka_unit_test(idx_refuses_short_gzip),
        cmocka_unit_test(idx_refuses_bad_labels),
        cmocka_unit_test(idx_refuses_floats_that_are_not_finite),
        cmocka_unit_test(idx_names_a_missing_file),
        cmocka_unit_test(idx_promise_of_gigabytes_allocates_none),
        cmocka_unit_test(idx_survives_mutations),
        cmocka_unit_test(idx_large_gzip_may_lie_without_cost),
        cmocka_unit_test(idx_reads_large_sets_whole),
        cmocka_unit_test(idx_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
