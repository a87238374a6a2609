/* Sets written as IDX files: byte for byte, and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/data/curves.h"
#include "latent/data/idx.h"

static char folder[] = "/tmp/latent-save-XXXXXX";
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
    return rmdir(folder); /* fails when a temporary file was left */
}

static void *copied(const void *bytes, size_t n)
{
    void *copy = lt_mem_alloc(n, 1);

    assert_non_null(copy);
    return memcpy(copy, bytes, n);
}

static lt_dataset *make(lt_elem type, int n, lt_shape shape, const void *values,
                        size_t size, const char *classes)
{
    lt_dataset *d = NULL;

    assert_int_equal(lt_dataset_new_take(
                         type, n, shape, copied(values, size),
                         classes ? copied(classes, (size_t)n) : NULL, &d, NULL),
                     LT_OK);
    return d;
}

static void assert_file(const char *path, const void *wanted, size_t n)
{
    char *found = NULL;
    size_t size = 0;
    lt_err err = {0};

    if (lt_path_read(path, 1 << 20, &found, &size, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(size, n);
    assert_memory_equal(found, wanted, n);
    lt_mem_free(found);
}

static void save_writes_these_bytes(void **state)
{
    static const uint8_t grey[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0,
                                   1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    static const uint8_t classes[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9};
    static const uint8_t real[] = {0, 0, 13,   2,    0, 0, 0,    1,    0, 0,
                                   0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0};
    static const uint8_t colour[] = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2,
                                     0, 0, 0, 1, 0, 0, 0, 2, 9, 8, 7, 6};
    const float values[] = {1, -2.5f};
    lt_dataset *d = make(LT_ELEM_U8, 2, lt_shape_image(1, 1, 3), "\1\2\3\4\5\6",
                         6, "\7\11");
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_idx_save(d, images, labels, &err), LT_OK);
    assert_file(images, grey, sizeof grey);
    assert_file(labels, classes, sizeof classes);
    lt_dataset_free(d);
    d = make(LT_ELEM_F32, 1, lt_shape_flat(2), values, sizeof values, NULL);
    assert_int_equal(lt_idx_save(d, images, NULL, &err), LT_OK);
    assert_file(images, real, sizeof real);
    lt_dataset_free(d);
    d = make(LT_ELEM_U8, 1, lt_shape_image(2, 1, 2), "\11\10\7\6", 4, NULL);
    assert_int_equal(lt_idx_save(d, images, NULL, &err), LT_OK);
    assert_file(images, colour, sizeof colour);
    lt_dataset_free(d);
}

static void save_and_load_are_inverse(void **state)
{
    lt_data_pair pair = {0};
    lt_dataset *back = NULL;
    char wanted[LT_DIGEST_HEX], found[LT_DIGEST_HEX];
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_curves_make(50, 1, 3, &pair, &err), LT_OK);
    assert_int_equal(lt_idx_save(pair.train, images, NULL, &err), LT_OK);
    assert_int_equal(lt_idx_load(images, NULL, 0, &back, &err), LT_OK);
    lt_dataset_fingerprint(pair.train, wanted);
    lt_dataset_fingerprint(back, found);
    assert_string_equal(found, wanted);
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
    lt_dataset_free(back);
}

static void save_refuses_what_idx_cannot_hold(void **state)
{
    const double values[] = {1, 2};
    lt_dataset *d =
        make(LT_ELEM_F64, 1, lt_shape_flat(2), values, sizeof values, NULL);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_idx_save(d, images, NULL, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "doubles, wanted bytes or floats"));
    lt_dataset_free(d);
    d = make(LT_ELEM_U8, 1, lt_shape_flat(2), "\1\2", 2, NULL);
    assert_int_equal(lt_idx_save(d, images, labels, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "no labels"));
    assert_int_equal(lt_idx_save(d, "/tmp/no/such/file", NULL, &err), LT_EIO);
    assert_non_null(strstr(err.text, "/tmp/no/such/file"));
    lt_dataset_free(d);
}

static void save_survives_every_failing_allocation(void **state)
{
    const float values[] = {1, 2};
    lt_dataset *d =
        make(LT_ELEM_F32, 1, lt_shape_flat(2), values, sizeof values, "\3");
    lt_status rc = LT_ENOMEM;
    int n = 0;

    (void)state;
    for (; rc != LT_OK; n++) {
        lt_err err = {0};

        lt_mem_fail_after(n);
        rc = lt_idx_save(d, images, labels, &err);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || err.text[0]);
    }
    assert_true(n > 3);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(save_writes_these_bytes),
        cmocka_unit_test(save_and_load_are_inverse),
        cmocka_unit_test(save_refuses_what_idx_cannot_hold),
        cmocka_unit_test(save_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
