/* NPY files: those that numpy 1.24 wrote (they are the fuzz target's corpus),
 * built byte by byte, good and hostile, read and mapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <unistd.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/base/host.h"
#include "latent/data/npy.h"

#define READ SIZE_MAX /* map_from: never */
#define MAP  1

/* A file of numpy's in the corpus. */
static const char *numpy_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, LATENT_SOURCE_DIR "/tests/fuzz/corpus/npy/%s",
             name);
    return path;
}

static lt_dataset *load(const char *path, lt_npy_opts opts)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    if (lt_npy_load(path, &opts, &d, &err) != LT_OK)
        fail_msg("%s", err.text);
    return d;
}

/* Refused, and with these words. */
static void refused(const char *path, lt_npy_opts opts, const char *words)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    assert_int_equal(lt_npy_load(path, &opts, &d, &err), LT_EFORMAT);
    assert_null(d);
    err_check(&err, words);
}

/* The element i of any type. */
static double element(const lt_dataset *d, int i)
{
    const void *v = lt_dataset_values(d);

    switch (lt_dataset_type(d)) {
    case LT_ELEM_U8:
        return ((const uint8_t *)v)[i];
    case LT_ELEM_F32:
        return (double)((const float *)v)[i];
    default:
        return ((const double *)v)[i];
    }
}

/* A header of `version` with this dictionary, and values 0, 1, 2 ... as bytes
 * behind it. */
static const char *raw_write(int version, const char *dictionary, size_t values)
{
    uint8_t file[1024] = "\x93NUMPY";
    size_t n = strlen(dictionary), at = version == 1 ? 10 : 12;

    file[6] = (uint8_t)version;
    file[8] = (uint8_t)n;
    file[9] = (uint8_t)(n >> 8);
    memcpy(file + at, dictionary, n);
    for (size_t i = 0; i < values; i++)
        file[at + n + i] = (uint8_t)i;
    return files_write("raw.npy", file, at + n + values);
}

/* ---- what numpy wrote ---- */

/* Every file holds 0, 1, 2 ... in C order, floats a quarter of that. */
static void npy_reads_what_numpy_wrote(void **state)
{
    static const struct {
        const char *name;
        lt_elem type;
        int n, rank, dim[3];
    } cases[] = {
        {"bytes_pictures", LT_ELEM_U8, 3, 3, {1, 2, 4}},
        {"f4_flat", LT_ELEM_F32, 6, 1, {4, 1, 1}},
        {"f4_one_axis", LT_ELEM_F32, 5, 1, {1, 1, 1}},
        {"f8_colour", LT_ELEM_F64, 2, 3, {3, 2, 2}},
        {"bytes_fortran", LT_ELEM_U8, 6, 1, {4, 1, 1}},
        {"f4_fortran", LT_ELEM_F32, 3, 3, {1, 2, 4}},
        {"f8_fortran", LT_ELEM_F64, 2, 3, {3, 2, 2}},
        {"version2", LT_ELEM_U8, 6, 1, {4, 1, 1}},
        {"version3", LT_ELEM_U8, 6, 1, {4, 1, 1}},
        {"python2", LT_ELEM_U8, 2, 1, {3, 1, 1}},
    };

    (void)state;
    for (size_t k = 0; k < 2 * sizeof cases / sizeof cases[0]; k++) {
        size_t map_from = k % 2 ? MAP : READ;
        lt_dataset *d = load(numpy_path(cases[k / 2].name),
                             (lt_npy_opts){.map_from = map_from});
        lt_shape shape = lt_dataset_shape(d);
        double unit = lt_dataset_type(d) == LT_ELEM_U8 ? 1 : 0.25;

        assert_int_equal(lt_dataset_type(d), cases[k / 2].type);
        assert_int_equal(lt_dataset_rows(d), cases[k / 2].n);
        assert_int_equal(shape.rank, cases[k / 2].rank);
        assert_memory_equal(shape.dim, cases[k / 2].dim, sizeof shape.dim);
        for (int i = 0; i < lt_dataset_rows(d) * lt_shape_elements(shape); i++)
            assert_true(element(d, i) == i * unit);
        lt_dataset_free(d);
    }
}

/* More examples than are turned at once, sizes that divide nothing. */
static void npy_fortran_order_is_c_order(void **state)
{
    enum { N = 71, B = 3, C = 5, D = 2 };
    uint8_t bytes[N * B * C * D];
    char head[128], file[sizeof bytes + 256];
    lt_dataset *d;
    int size;

    (void)state;
    for (int i = 0; i < N; i++) /* the value is a hash of where it belongs */
        for (int j = 0; j < B * C * D; j++) {
            int z = j / (C * D), y = j / D % C, x = j % D;

            bytes[i + N * (z + B * (y + C * x))] = (uint8_t)(i * 31 + j * 7);
        }
    size = snprintf(head, sizeof head,
                    "{'descr': '|u1', 'fortran_order': True, "
                    "'shape': (%d, %d, %d, %d), }\n",
                    N, B, C, D);
    memcpy(file, "\x93NUMPY\1\0\0\0", 10);
    file[8] = (char)size;
    memcpy(file + 10, head, (size_t)size);
    memcpy(file + 10 + size, bytes, sizeof bytes);
    d = load(files_write("f.npy", file, 10 + (size_t)size + sizeof bytes),
             (lt_npy_opts){0});
    for (int i = 0; i < N * B * C * D; i++)
        assert_int_equal(element(d, i),
                         (uint8_t)(i / (B * C * D) * 31 + i % (B * C * D) * 7));
    lt_dataset_free(d);
}

static void npy_reads_labels_of_many_types(void **state)
{
    static const char *const types[] = {"|u1", "|i1", "<u2", "<i2",
                                        "<u4", "<i4", "<u8", "<i8"};
    const char *names[] = {"labels_i8", "labels_u2_column"};
    char path[512];

    (void)state;
    snprintf(path, sizeof path, "%s", numpy_path("bytes_pictures"));
    for (int i = 0; i < 2; i++) {
        lt_dataset *d =
            load(path, (lt_npy_opts){.labels = numpy_path(names[i])});

        assert_memory_equal(lt_dataset_labels(d), "\7\0\377", 3);
        lt_dataset_free(d);
    }
    for (int i = 0; i < 8; i++) { /* 5 and 9, of any width */
        size_t width = (size_t)(types[i][2] - '0');
        char head[100];
        uint8_t file[160] = "\x93NUMPY\1";
        lt_dataset *d;

        snprintf(head, sizeof head,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }",
                 types[i]);
        file[8] = (uint8_t)strlen(head);
        memcpy(file + 10, head, strlen(head));
        file[10 + strlen(head)] = 5;
        file[10 + strlen(head) + width] = 9;
        files_write("labels.npy", file, 10 + strlen(head) + 2 * width);
        raw_write(1, "{'descr':'|u1','fortran_order':False,'shape':(2,3)}", 6);
        d = load(files_path("raw.npy"),
                 (lt_npy_opts){.labels = files_path("labels.npy")});
        assert_memory_equal(lt_dataset_labels(d), "\5\11", 2);
        lt_dataset_free(d);
    }
}

static void npy_refuses_bad_labels(void **state)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"labels_i1", "labels_i1: label 3 is -1, wanted 0 to 255"},
        {"f4_flat", "labels of type 'f4', wanted integers"},
        {"bytes_fortran",
         "found 6 x 4 labels, wanted 3, one for each|pictures"},
        {"bytes_pictures", "found 3 x 8 labels, wanted 3"},
        {"big_endian", "found type '>f4'"},
    };
    char path[512];

    (void)state;
    snprintf(path, sizeof path, "%s", numpy_path("bytes_pictures"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(path, (lt_npy_opts){.labels = numpy_path(cases[i].name)},
                cases[i].words);
}

static void npy_reads_no_more_than_the_limit(void **state)
{
    const char *names[] = {"bytes_pictures", "f4_fortran"};
    char labels[512];

    (void)state;
    snprintf(labels, sizeof labels, "%s", numpy_path("labels_i8"));
    for (int i = 0; i < 4; i++) {
        lt_npy_opts opts = {
            .labels = labels, .limit = 2, .map_from = i % 2 ? MAP : READ};
        lt_dataset *d = load(numpy_path(names[i / 2]), opts);

        assert_int_equal(lt_dataset_rows(d), 2);
        for (int k = 0; k < 16; k++)
            assert_true(element(d, k) == (i / 2 ? k * 0.25 : k));
        lt_dataset_free(d);
        opts.limit = 100;
        d = load(numpy_path(names[i / 2]), opts);
        assert_int_equal(lt_dataset_rows(d), 3);
        lt_dataset_free(d);
    }
}

/* ---- mapping ---- */

/* Whether memory maps of this process name the file. */
static bool is_mapped(const char *name)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[1024];
    bool found = false;

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        found |= strstr(line, name) != NULL;
    fclose(f);
    return found;
}

static void npy_maps_when_large_and_unmaps(void **state)
{
    lt_npy_opts opts = {.map_from = 24};
    lt_dataset *d, *view = NULL;
    uint8_t values[8];

    (void)state;
    d = load(numpy_path("bytes_pictures"), opts); /* 24 bytes */
    assert_true(is_mapped("npy/bytes_pictures"));
    assert_int_equal(lt_dataset_view(d, 1, 2, &view, NULL), LT_OK);
    memcpy(values, lt_dataset_values(view), 8);
    assert_memory_equal(values, "\10\11\12\13\14\15\16\17", 8);
    lt_dataset_free(view);
    assert_true(is_mapped("npy/bytes_pictures")); /* the view owned nothing */
    lt_dataset_free(d);
    assert_false(is_mapped("npy/bytes_pictures"));
    opts.map_from = 25;
    d = load(numpy_path("bytes_pictures"), opts);
    assert_false(is_mapped("npy/bytes_pictures"));
    lt_dataset_free(d);
    d = load(numpy_path("f8_fortran"), (lt_npy_opts){.map_from = MAP});
    assert_false(is_mapped("npy/f8_fortran"));
    lt_dataset_free(d);
}

/* The file's name may go while the set lives. */
static void npy_mapping_outlives_the_name(void **state)
{
    const char *path =
        raw_write(1, "{'descr':'|u1','fortran_order':False,'shape':(2,3)}", 6);
    lt_dataset *d;

    (void)state;
    d = load(path, (lt_npy_opts){.map_from = MAP});
    assert_int_equal(unlink(path), 0);
    assert_int_equal(element(d, 5), 5);
    lt_dataset_free(d);
}

static void npy_misaligned_floats_are_read(void **state)
{
    lt_dataset *d =
        load(numpy_path("misaligned"), (lt_npy_opts){.map_from = MAP});

    (void)state;
    assert_false(is_mapped("npy/misaligned"));
    assert_int_equal((uintptr_t)lt_dataset_values(d) % sizeof(float), 0);
    for (int i = 0; i < 4; i++)
        assert_true(element(d, i) == i);
    lt_dataset_free(d);
}

/* ---- refusals ---- */

static void npy_missing_values_must_be_asked_for(void **state)
{
    lt_dataset *d;

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_npy_opts opts = {.map_from = i ? MAP : READ};

        refused(numpy_path("nan"), opts,
                "example 1: found NaN|missing = true keeps");
        refused(numpy_path("inf"), opts, "example 2: found -inf");
        opts.missing = true;
        refused(numpy_path("inf"), opts, "example 2: found -inf");
        d = load(numpy_path("nan"), opts);
        assert_true(isnan(element(d, 1)));
        assert_true(element(d, 2) == 2);
        lt_dataset_free(d);
    }
}

#define GOOD "{'descr':'|u1','fortran_order':False,'shape':"

static void npy_refuses_hostile_headers(void **state)
{
    static const struct {
        const char *dictionary;
        size_t values;
        const char *words;
    } cases[] = {
        {GOOD "(2,3)}", 5, "promises 6 values of 1 bytes|found 5 bytes"},
        {GOOD "(2,3)}", 7, "promises 6 values|found 7 bytes"},
        {GOOD "(2147483647,2147483647)}", 9, "found 9 bytes"},
        {GOOD "(2147483648,1)}", 9, "found a size over 2147483647"},
        {GOOD "(99999999999999999999999999,1)}", 9, "found a size over"},
        {GOOD "(1,65536,65536)}", 9, "examples of over 2147483647"},
        {GOOD "(1,2147483647,2147483647,2147483647)}", 9, "examples of over"},
        {GOOD "(0,3)}", 0, "offset 56 (header): found size 0"},
        {GOOD "(-1,3)}", 3, "found '-', wanted a size"},
        {GOOD "()}", 1, "found 0 axes, wanted 1 to 4"},
        {GOOD "(1,1,1,1,1)}", 1, "found 5 axes, wanted 1 to 4"},
        {GOOD "(2 3)}", 6, "found '3', wanted ',' or ')'"},
        {GOOD "(,)}", 6, "found ',', wanted a size"},
        {GOOD "(2,3)", 6, "found the end, wanted ',' or '}'"},
        {GOOD "(2,3", 6, "found the end, wanted ',' or ')'"},
        {GOOD "(2,3)} x", 6, "found 'x', wanted the header's end"},
        {GOOD "(2,3),'shape':(2,3)}", 6, "found key 'shape'|once each"},
        {GOOD "(2,3),'more':1}", 6, "found key 'more'"},
        {GOOD "[2,3]}", 6, "found '[', wanted '('"},
        {"{'descr':'|u1','shape':(2,3)}", 6, "found no 'fortran_order'"},
        {"{}", 6, "found no 'descr'"},
        {"", 6, "found the end, wanted '{'"},
        {"{'descr", 0, "found the end, wanted a quote"},
        {"{'descr':'|u1','fortran_order':Falsch,'shape':(2,3)}", 6,
         "found 'F', wanted True or False"},
        {"{'descr':'<f2','fortran_order':False,'shape':(2,3)}", 12,
         "type 'f2', wanted 'u1'"},
        {"{'descr':'<U8','fortran_order':False,'shape':(2,3)}", 12,
         "found type '<U8'"},
        {"{'descr':'|O','fortran_order':False,'shape':(2,3)}", 12,
         "found type '|O'"},
        {"{'descr':'|f4','fortran_order':False,'shape':(2,3)}", 24,
         "found type '|f4'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int version = 1; version <= 3; version += 2) {
            const char *words = cases[i].words;

            if (version != 1 && strstr(words, "offset 56"))
                continue;
            refused(raw_write(version, cases[i].dictionary, cases[i].values),
                    (lt_npy_opts){.map_from = MAP}, words);
        }
}

static void npy_refuses_what_numpy_calls_otherwise(void **state)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"big_endian", "big_endian: |found type '>f4'|a.astype('<f4')"},
        {"fields", "found '[', wanted a type"},
        {"empty", "found size 0"},
        {"scalar", "found 0 axes"},
        {"five_axes", "found 5 axes"},
        {"bools", "type 'b1', wanted 'u1'"},
        {"labels_i8", "type 'i8', wanted 'u1', 'f4' or 'f8'"},
        {"archive", "(a zip archive: .npz?)"},
        {"huge_header", "found a header of 4294967295 bytes"},
        {"huge", "promises 4611686014132420609 values|found 3 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(numpy_path(cases[i].name), (lt_npy_opts){0}, cases[i].words);
}

static void npy_names_what_cannot_be_opened(void **state)
{
    lt_npy_opts opts = {0};
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_npy_load("/nowhere.npy", &opts, &d, &err), LT_EIO);
    err_check(&err, "/nowhere.npy: cannot open");
    assert_int_equal(lt_npy_load("/tmp", &opts, &d, &err), LT_EIO);
    err_check(&err, "/tmp: found a folder");
    assert_int_equal(lt_npy_load("/dev/zero", &opts, &d, &err), LT_EIO);
    assert_null(d);
}

/* Every cut and every changed byte of the header: never a crash, and never a
 * set from a cut file. */
static void npy_survives_cuts_and_changes(void **state)
{
    static const uint8_t values[] = {0, 1, 39, 40, 44, 57, 127, 255};
    uint8_t file[1024], changed[1024];
    FILE *f = fopen(numpy_path("f4_fortran"), "rb");
    size_t size;

    (void)state;
    assert_non_null(f);
    size = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t cut = 0; cut < size; cut++)
        refused(files_write("c.npy", file, cut), (lt_npy_opts){0}, "c.npy: ");
    for (size_t k = 0; k < 128 * sizeof values; k++) {
        const char *path;
        lt_dataset *d = NULL;
        lt_npy_opts opts = {.map_from = MAP};
        lt_status rc;

        memcpy(changed, file, size);
        changed[k / sizeof values] = values[k % sizeof values];
        path = files_write("c.npy", changed, size);
        rc = lt_npy_load(path, &opts, &d, NULL);
        assert_true(rc == LT_OK || rc == LT_EFORMAT);
        assert_true((rc == LT_OK) == (d != NULL));
        lt_dataset_free(d);
    }
}

static void npy_survives_every_failed_allocation(void **state)
{
    char path[512];

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *name = i == 0 ? "f4_fortran" : "bytes_pictures";
        lt_npy_opts opts = {.labels = numpy_path("labels_i8"),
                            .map_from = i == 1 ? MAP : READ};
        lt_dataset *d = NULL;
        lt_status rc = LT_ENOMEM;
        int n = 0;

        snprintf(path, sizeof path, "%s", opts.labels);
        opts.labels = path;
        for (; rc == LT_ENOMEM && n < 50; n++) {
            lt_mem_fail_after(n);
            rc = lt_npy_load(numpy_path(name), &opts, &d, NULL);
            lt_mem_fail_after(-1);
        }
        assert_int_equal(rc, LT_OK);
        assert_true(n > 4);
        lt_dataset_free(d);
    }
    assert_false(is_mapped("corpus/npy"));
}

/* A hole of a gigabyte on disk costs no memory when it is mapped. */
static void npy_mapping_takes_no_memory(void **state)
{
    const char head[] = "{'descr':'|u1','fortran_order':False,"
                        "'shape':(1048576,1024)}";
    const char *path = raw_write(1, head, 0);
    int64_t before = lt_host_peak_bytes();
    lt_dataset *d;

    (void)state;
    assert_int_equal(truncate(path, (off_t)(10 + sizeof head - 1) + (1 << 30)),
                     0);
    d = load(path, (lt_npy_opts){0});
    assert_int_equal(lt_dataset_rows(d), 1048576);
    assert_true(element(d, (1 << 30) - 1) == 0);
    assert_true(lt_host_peak_bytes() - before < 64 << 20);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_reads_what_numpy_wrote),
        cmocka_unit_test(npy_fortran_order_is_c_order),
        cmocka_unit_test(npy_reads_labels_of_many_types),
        cmocka_unit_test(npy_refuses_bad_labels),
        cmocka_unit_test(npy_reads_no_more_than_the_limit),
        cmocka_unit_test(npy_maps_when_large_and_unmaps),
        cmocka_unit_test(npy_mapping_outlives_the_name),
        cmocka_unit_test(npy_misaligned_floats_are_read),
        cmocka_unit_test(npy_missing_values_must_be_asked_for),
        cmocka_unit_test(npy_refuses_hostile_headers),
        cmocka_unit_test(npy_refuses_what_numpy_calls_otherwise),
        cmocka_unit_test(npy_names_what_cannot_be_opened),
        cmocka_unit_test(npy_survives_cuts_and_changes),
        cmocka_unit_test(npy_survives_every_failed_allocation),
        cmocka_unit_test(npy_mapping_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, files_make, files_drop);
}
