/* CIFAR-10 batches, made up, and found by the catalog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/data/catalog.h"
#include "latent/data/cifar.h"

enum { RECORD = 3073 };

/* `n` records: label i mod 10, red i, green 100 + i, blue 200 + i. */
static uint8_t *records(int n)
{
    uint8_t *file = lt_mem_alloc((size_t)n + 1, RECORD);

    assert_non_null(file);
    for (int i = 0; i < n; i++) {
        uint8_t *r = file + (size_t)i * RECORD;

        r[0] = (uint8_t)(i % 10);
        for (int c = 0; c < 3; c++)
            memset(r + 1 + 1024 * c, 100 * c + i % 50, 1024);
    }
    return file;
}

static const char *batch_write(const char *name, int n, size_t extra)
{
    uint8_t *file = records(n);
    const char *path;

    memset(file + (size_t)n * RECORD, 1, RECORD);
    path = files_write(name, file, (size_t)n * RECORD + extra);
    lt_mem_free(file);
    return path;
}

static void records_check(const lt_dataset *d, int n, int at)
{
    const uint8_t *v = lt_dataset_values(d);

    for (int i = 0; i < n; i++) {
        const uint8_t *e = v + (size_t)(at + i) * 3072;

        assert_int_equal(lt_dataset_labels(d)[at + i], i % 10);
        assert_int_equal(e[0], i % 50);
        assert_int_equal(e[1023], i % 50);
        assert_int_equal(e[1024], 100 + i % 50);
        assert_int_equal(e[3071], 200 + i % 50);
    }
}

static void cifar_joins_batches(void **state)
{
    const char *paths[] = {batch_write("a.bin", 12, 0),
                           batch_write("b.bin", 3, 0)};
    lt_dataset *d = NULL;
    uint8_t *file = records(5);
    gzFile gz = gzopen(files_path("c.bin.gz"), "wb");

    (void)state;
    assert_int_equal(gzwrite(gz, file, 5 * RECORD), 5 * RECORD);
    gzclose(gz);
    lt_mem_free(file);
    assert_int_equal(lt_cifar_load(paths, 2, &d, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(d), 15);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(3, 32, 32)));
    records_check(d, 12, 0);
    records_check(d, 3, 12);
    lt_dataset_free(d);
    d = NULL;
    paths[0] = files_path("c.bin.gz");
    assert_int_equal(lt_cifar_load(paths, 1, &d, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(d), 5);
    records_check(d, 5, 0);
    lt_dataset_free(d);
}

static void cifar_takes_a_whole_batch_and_no_more(void **state)
{
    const char *path = batch_write("full.bin", LT_CIFAR_BATCH, 0);
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_cifar_load(&path, 1, &d, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(d), LT_CIFAR_BATCH);
    records_check(d, LT_CIFAR_BATCH, 0);
    lt_dataset_free(d);
    d = NULL;
    path = batch_write("full.bin", LT_CIFAR_BATCH, 1);
    assert_int_equal(lt_cifar_load(&path, 1, &d, &err), LT_EFORMAT);
    err_check(&err, "full.bin: found more, wanted 1 to 10000 records");
    assert_null(d);
}

static void cifar_refuses_what_is_none(void **state)
{
    static const struct {
        int n;
        size_t extra;
        const char *words;
    } cases[] = {
        {0, 0, "bad.bin: found no bytes, wanted 1 to 10000 records of 3073"},
        {0, 1, "bad.bin: offset 0: found 1 bytes, wanted 3073, a record"},
        {2, 3072, "bad.bin: offset 6146: found 3072 bytes, wanted 3073"},
    };
    uint8_t *file = records(3);
    lt_dataset *d = NULL;
    const char *path;
    lt_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        path = batch_write("bad.bin", cases[i].n, cases[i].extra);
        assert_int_equal(lt_cifar_load(&path, 1, &d, &err), LT_EFORMAT);
        err_check(&err, cases[i].words);
    }
    file[2 * RECORD] = 10;
    path = files_write("bad.bin", file, (size_t)3 * RECORD);
    assert_int_equal(lt_cifar_load(&path, 1, &d, &err), LT_EFORMAT);
    err_check(&err, "offset 6146: found label 10, wanted 0 to 9");
    assert_null(d);
    lt_mem_free(file);
}

static void cifar_survives_every_failed_allocation(void **state)
{
    const char *path = batch_write("a.bin", 2, 0);
    lt_status rc = LT_ENOMEM;
    lt_dataset *d = NULL;
    int n = 0;

    (void)state;
    for (; rc == LT_ENOMEM && n < 20; n++) {
        lt_mem_fail_after(n);
        rc = lt_cifar_load(&path, 1, &d, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 4);
    lt_dataset_free(d);
}

/* All six files, in a folder of either name, or none. */
static void catalog_finds_cifar10(void **state)
{
    static const char *const folders[] = {"cifar10", "cifar-10-batches-bin"};
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    (void)state;
    setenv("LATENT_DATA", files_folder, 1);
    setenv("XDG_CACHE_HOME", files_folder, 1);
    assert_false(lt_catalog_has("cifar10", NULL));
    for (int k = 0; k < 2; k++) {
        char name[64];

        assert_int_equal(mkdir(files_path(folders[k]), 0700), 0);
        for (int i = 1; i <= 5; i++) {
            snprintf(name, sizeof name, "%s/data_batch_%d.bin", folders[k], i);
            batch_write(name, i + k, 0);
        }
        assert_int_equal(lt_catalog_has("cifar10", NULL), k == 1);
        snprintf(name, sizeof name, "%s/test_batch.bin", folders[k]);
        batch_write(name, 4, 0);
        assert_true(lt_catalog_has("cifar10", NULL));
        assert_int_equal(lt_catalog_cifar10(NULL, &pair, NULL), LT_OK);
        assert_int_equal(lt_dataset_rows(pair.train), 15 + 5 * k);
        assert_int_equal(lt_dataset_rows(pair.test), 4);
        records_check(pair.train, 1 + k, 0);
        records_check(pair.train, 5 + k, 10 + 4 * k);
        lt_dataset_free(pair.train);
        lt_dataset_free(pair.test);
    }
    setenv("LATENT_DATA", "/nowhere", 1);
    setenv("XDG_CACHE_HOME", "/nowhere", 1);
    assert_int_equal(lt_catalog_cifar10(NULL, &pair, &err), LT_ENOTFOUND);
    err_check(&err,
              "data_batch_1.bin|/nowhere/cifar10, |cifar-10-batches-bin/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar_joins_batches),
        cmocka_unit_test(cifar_takes_a_whole_batch_and_no_more),
        cmocka_unit_test(cifar_refuses_what_is_none),
        cmocka_unit_test(cifar_survives_every_failed_allocation),
        cmocka_unit_test(catalog_finds_cifar10),
    };

    return cmocka_run_group_tests(tests, files_make, files_drop);
}
