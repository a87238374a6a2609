/* Folders of pictures: order, sizes, colours, labels, and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/data/pictures.h"
#include "png_fixture.h"

/* An empty folder of this name, and its path. */
static const char *folder(const char *name)
{
    assert_int_equal(mkdir(files_path(name), 0700), 0);
    return files_path(name);
}

/* A grey PGM of 2x1 with these two pixels. */
static void pgm_write(const char *name, char a, char b)
{
    char file[] = "P5 2 1 255 ..";

    file[11] = a;
    file[12] = b;
    files_write(name, file, sizeof file - 1);
}

static lt_dataset *load(const char *dir, lt_pictures_opts opts)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    if (lt_pictures_load(dir, &opts, &d, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(lt_dataset_type(d), LT_ELEM_U8);
    return d;
}

static void refused(const char *dir, lt_pictures_opts opts, lt_status wanted,
                    const char *words)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    assert_int_equal(lt_pictures_load(dir, &opts, &d, &err), wanted);
    assert_null(d);
    err_check(&err, words);
}

static void pictures_are_sorted_by_name(void **state)
{
    const char *dir = folder("sorted");
    lt_dataset *d;

    (void)state;
    pgm_write("sorted/9.pgm", 'e', 'f');
    pgm_write("sorted/10.PGM", 'c', 'd');
    pgm_write("sorted/B.pnm", 'g', 'h');
    pgm_write("sorted/a.ppm", 'i', 'j'); /* a PGM by what it holds */
    pgm_write("sorted/1.pgm", 'a', 'b');
    pgm_write("sorted/.hidden.pgm", 'x', 'x');
    files_write_text("sorted/notes.txt", "no picture");
    files_write_text("sorted/pgm", "no picture");
    assert_int_equal(mkdir(files_path("sorted/sub.pgm"), 0700), 0);
    d = load(dir, (lt_pictures_opts){0});
    assert_int_equal(lt_dataset_rows(d), 5);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(1, 1, 2)));
    assert_memory_equal(lt_dataset_values(d), "abcdefghij", 10);
    assert_null(lt_dataset_labels(d));
    lt_dataset_free(d);
    d = load(dir, (lt_pictures_opts){.limit = 2});
    assert_int_equal(lt_dataset_rows(d), 2);
    assert_memory_equal(lt_dataset_values(d), "abcd", 4);
    lt_dataset_free(d);
}

/* One of each kind, all of the same pixels: white and black. */
static void pictures_of_all_kinds_in_grey_and_colour(void **state)
{
    const char *dir = folder("kinds");
    png_file f;
    lt_dataset *d;

    (void)state;
    png_begin(&f, 2, 1, 8, 2, 0);
    png_put_rows(&f, "\0\377\377\377\0\0\0", 7);
    png_end(&f);
    files_write("kinds/a.png", f.bytes, f.size);
    png_begin(&f, 2, 1, 1, 0, 0);
    png_put_rows(&f, "\0\200", 2);
    png_end(&f);
    files_write("kinds/b.png", f.bytes, f.size);
    files_write_text("kinds/c.pgm", "P2 2 1 7 7 0");
    files_write_text("kinds/d.ppm", "P3 2 1 9999 9999 9999 9999 0 0 0");
    d = load(dir, (lt_pictures_opts){.channels = 1});
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(1, 1, 2)));
    for (int i = 0; i < 4; i++)
        assert_memory_equal((const char *)lt_dataset_values(d) + 2 * i,
                            "\377\0", 2);
    lt_dataset_free(d);
    d = load(dir, (lt_pictures_opts){.channels = 3});
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(3, 1, 2)));
    for (int i = 0; i < 12; i++)
        assert_memory_equal((const char *)lt_dataset_values(d) + 2 * i,
                            "\377\0", 2);
    lt_dataset_free(d);
    refused(dir, (lt_pictures_opts){0}, LT_EFORMAT,
            "kinds/b.png: found a picture in grey, wanted colour, as |/a.png "
            "is (or channels = 1 or 3)");
}

static void pictures_keep_their_channels(void **state)
{
    const char *dir = folder("colour");
    lt_dataset *d;

    (void)state;
    files_write_text("colour/a.ppm", "P3 2 1 255 1 2 3 4 5 6");
    d = load(dir, (lt_pictures_opts){0});
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_image(3, 1, 2)));
    assert_memory_equal(lt_dataset_values(d), "\1\4\2\5\3\6", 6);
    lt_dataset_free(d);
}

static void pictures_must_have_one_size(void **state)
{
    const char *dir = folder("sizes");

    (void)state;
    pgm_write("sizes/a.pgm", 1, 2);
    pgm_write("sizes/b.pgm", 3, 4);
    files_write_text("sizes/c.pgm", "P2 1 2 9 1 2");
    refused(dir, (lt_pictures_opts){.channels = 1}, LT_EFORMAT,
            "sizes/c.pgm: found 1x2 pixels (width x height), wanted 2x1, the "
            "size of |/sizes/a.pgm");
}

static void pictures_name_the_damaged_one(void **state)
{
    const char *dir = folder("damaged");

    (void)state;
    pgm_write("damaged/a.pgm", 1, 2);
    files_write_text("damaged/b.pgm", "P5 2 1 255 x");
    refused(dir, (lt_pictures_opts){0}, LT_EFORMAT,
            "damaged/b.pgm: offset 11: found 1 bytes, wanted 2");
    files_write_text("damaged/b.pgm", "");
    refused(dir, (lt_pictures_opts){0}, LT_EFORMAT,
            "damaged/b.pgm: offset 0: found 0 bytes, wanted a PNG file");
    files_write_text("damaged/b.pgm", "\x89PNG\r\n\x1a\nnothing more");
    refused(dir, (lt_pictures_opts){0}, LT_EFORMAT, "damaged/b.pgm: offset ");
}

static void sub_folders_are_labels(void **state)
{
    const char *dir = folder("labelled");
    lt_dataset *d;

    (void)state;
    folder("labelled/dogs");
    folder("labelled/cats");
    folder("labelled/.cache");
    files_write_text("labelled/README", "what this is");
    pgm_write("labelled/dogs/1.pgm", 'e', 'f');
    pgm_write("labelled/cats/2.pgm", 'c', 'd');
    pgm_write("labelled/cats/1.pgm", 'a', 'b');
    d = load(dir, (lt_pictures_opts){.labels = true});
    assert_int_equal(lt_dataset_rows(d), 3);
    assert_memory_equal(lt_dataset_values(d), "abcdef", 6);
    assert_memory_equal(lt_dataset_labels(d), "\0\0\1", 3);
    lt_dataset_free(d);
    d = load(dir, (lt_pictures_opts){.labels = true, .limit = 1});
    assert_int_equal(lt_dataset_rows(d), 1);
    lt_dataset_free(d);
    refused(dir, (lt_pictures_opts){0}, LT_ENOTFOUND,
            "labelled: found no pictures (.png");
    pgm_write("labelled/stray.pgm", 'x', 'y');
    refused(dir, (lt_pictures_opts){.labels = true}, LT_EFORMAT,
            "labelled/stray.pgm: found a picture, wanted it in a sub-folder");
    assert_int_equal(unlink(files_path("labelled/stray.pgm")), 0);
    folder("labelled/empty");
    refused(dir, (lt_pictures_opts){.labels = true}, LT_ENOTFOUND,
            "labelled/empty: found no pictures");
}

static void sub_folders_are_numbered_as_others_are(void **state)
{
    lt_classes classes = {0};
    lt_pictures_opts opts = {.labels = true, .classes = &classes};
    const char *train = folder("classes");
    lt_dataset *d;

    (void)state;
    folder("classes/ape");
    folder("classes/cat");
    pgm_write("classes/ape/1.pgm", 'a', 'b');
    pgm_write("classes/cat/1.pgm", 'c', 'd');
    d = load(train, opts);
    lt_dataset_free(d);
    assert_int_equal(classes.n, 2);
    folder("fewer");
    folder("fewer/cat");
    pgm_write("fewer/cat/1.pgm", 'c', 'd');
    d = load(files_path("fewer"), opts);
    assert_memory_equal(lt_dataset_labels(d), "\1", 1);
    lt_dataset_free(d);
    folder("fewer/dog");
    refused(files_path("fewer"), opts, LT_EFORMAT,
            "fewer: found the sub-folder dog, wanted one of the labels ape, "
            "cat");
    lt_classes_deinit(&classes);
}

static void pictures_want_a_folder(void **state)
{
    const char *dir = folder("plain");

    (void)state;
    refused("/nowhere", (lt_pictures_opts){0}, LT_ENOTFOUND,
            "/nowhere: cannot open the folder");
    pgm_write("plain/a.pgm", 1, 2);
    refused(files_path("plain/a.pgm"), (lt_pictures_opts){0}, LT_EIO,
            "plain/a.pgm: cannot open the folder");
    assert_int_equal(unlink(files_path("plain/a.pgm")), 0);
    refused(dir, (lt_pictures_opts){.labels = true}, LT_ENOTFOUND,
            "plain: found no sub-folders");
    /* a link to nothing is no reason to leave a picture out silently */
    assert_int_equal(symlink("gone", files_path("plain/b.pgm")), 0);
    refused(dir, (lt_pictures_opts){0}, LT_EIO, "plain/b.pgm: cannot look at");
}

static void pictures_want_at_most_256_labels(void **state)
{
    const char *dir = folder("many");

    (void)state;
    for (int i = 0; i < 257; i++) {
        char name[32];

        snprintf(name, sizeof name, "many/%03d", i);
        folder(name);
    }
    refused(dir, (lt_pictures_opts){.labels = true}, LT_EFORMAT,
            "many: found 257 sub-folders, wanted at most 256");
}

static void pictures_survive_every_failed_allocation(void **state)
{
    const char *dir = folder("memory");
    lt_pictures_opts opts = {.labels = true};
    lt_dataset *d = NULL;
    lt_status rc = LT_ENOMEM;
    lt_err err = {0};
    int n = 0;

    (void)state;
    folder("memory/a");
    pgm_write("memory/a/1.pgm", 1, 2);
    pgm_write("memory/a/2.pgm", 3, 4);
    for (; rc != LT_OK && n < 200; n++) {
        lt_mem_fail_after(n);
        rc = lt_pictures_load(dir, &opts, &d, &err);
        lt_mem_fail_after(-1);
        if (rc != LT_OK && rc != LT_ENOMEM)
            fail_msg("allocation %d: %s", n, err.text);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 10);
    assert_memory_equal(lt_dataset_values(d), "\1\2\3\4", 4);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_sorted_by_name),
        cmocka_unit_test(pictures_of_all_kinds_in_grey_and_colour),
        cmocka_unit_test(pictures_keep_their_channels),
        cmocka_unit_test(pictures_must_have_one_size),
        cmocka_unit_test(pictures_name_the_damaged_one),
        cmocka_unit_test(sub_folders_are_labels),
        cmocka_unit_test(sub_folders_are_numbered_as_others_are),
        cmocka_unit_test(pictures_want_a_folder),
        cmocka_unit_test(pictures_want_at_most_256_labels),
        cmocka_unit_test(pictures_survive_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, files_make, files_drop);
}
