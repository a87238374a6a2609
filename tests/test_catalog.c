/* Data sets by name: where they are looked for, and what they hold. The real
 * sets are checked when LATENT_DATA points at them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "latent/base/host.h"
#include "latent/base/path.h"
#include "latent/data/catalog.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* ThreadSanitizer keeps four times what a program has. */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define MEMORY_TIMES 8
#else
#define MEMORY_TIMES 1
#endif

static char folder[] = "/tmp/latent-catalog-XXXXXX";
static char *real_data; /* LATENT_DATA as the test was started */

static int folder_make(void **state)
{
    const char *data = getenv("LATENT_DATA");

    (void)state;
    real_data = data && *data ? strdup(data) : NULL;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int folder_drop(void **state)
{
    char command[96];

    (void)state;
    free(real_data);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") || system(command);
}

/* No places but those that a test names. */
static int places_clear(void **state)
{
    (void)state;
    unsetenv("LATENT_DATA");
    setenv("XDG_CACHE_HOME", "no-cache", 1);
    return 0;
}

static void file_write(const char *dir, const char *name, const uint8_t *bytes,
                       size_t n)
{
    char path[512];

    assert_int_equal(lt_path_make_dirs(dir, NULL), LT_OK);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(lt_path_write(path, bytes, n, NULL), LT_OK);
}

/* `n` pictures of 1x2, all pixels `ink`, and labels 0, 1, ... */
static void pair_write(const char *dir, const char *images, const char *labels,
                       uint8_t n, uint8_t ink)
{
    uint8_t pictures[16 + 2 * 40] = {0, 0, 8, 3, 0, 0, 0, n,
                                     0, 0, 0, 1, 0, 0, 0, 2};
    uint8_t classes[8 + 40] = {0, 0, 8, 1, 0, 0, 0, n};

    memset(pictures + 16, ink, 2 * (size_t)n);
    for (uint8_t i = 0; i < n; i++)
        classes[8 + i] = i;
    file_write(dir, images, pictures, 16 + 2 * (size_t)n);
    file_write(dir, labels, classes, 8 + (size_t)n);
}

static void mnist_write(const char *dir, uint8_t ink)
{
    pair_write(dir, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 5,
               ink);
    pair_write(dir, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 3, ink);
}

static void pair_free(lt_data_pair pair)
{
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

/* The ink of the MNIST that is found, or -1. */
static int mnist_ink(const char *dir)
{
    lt_data_pair pair = {NULL, NULL};
    int ink = -1;

    if (lt_catalog_mnist(dir, &pair, NULL) == LT_OK)
        ink = *(const uint8_t *)lt_dataset_values(pair.test);
    pair_free(pair);
    return ink;
}

static void catalog_looks_in_each_place_in_order(void **state)
{
    (void)state;
    assert_int_equal(mnist_ink(NULL), -1);
    mnist_write("no-cache/latent/mnist", 1);
    assert_int_equal(mnist_ink(NULL), 1);
    mnist_write("data/mnist", 2);
    assert_int_equal(mnist_ink(NULL), 2);
    mnist_write("elsewhere", 3); /* the folder itself */
    setenv("LATENT_DATA", "elsewhere", 1);
    assert_int_equal(mnist_ink(NULL), 3);
    mnist_write("given/mnist", 4);
    assert_int_equal(mnist_ink("given"), 4);
    assert_int_equal(mnist_ink("given/mnist"), 4);
    assert_int_equal(mnist_ink("not-there"), 3);
}

static void catalog_takes_no_set_from_two_places(void **state)
{
    (void)state;
    mnist_write("half", 7);
    assert_int_equal(unlink("half/t10k-labels-idx1-ubyte"), 0);
    mnist_write("data/mnist", 2);
    assert_int_equal(mnist_ink("half"), 2);
}

static void catalog_names_the_places_it_tried(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    (void)state;
    setenv("LATENT_DATA", "my-data", 1);
    assert_int_equal(lt_catalog_faces("given", 30, &pair, &err), LT_ENOTFOUND);
    assert_non_null(strstr(err.text, "faces-images-idx3-ubyte"));
    assert_non_null(strstr(err.text, "given/orl-faces, given, my-data/orl"));
    assert_non_null(strstr(err.text, "no-cache/latent"));
    assert_null(pair.train);
}

/* "" when it is not found. */
static void ratings_path_check(const char *set, const char *dir,
                               const char *wanted)
{
    lt_text path = {0};
    lt_status rc = lt_catalog_ratings(set, dir, &path, NULL);

    assert_int_equal(rc, *wanted ? LT_OK : LT_ENOTFOUND);
    assert_string_equal(lt_text_str(&path), wanted);
    assert_int_equal(lt_catalog_has(set, dir), *wanted != '\0');
    lt_text_deinit(&path);
}

/* "ratings.csv" alone may be any set: a place is taken by its name only. */
static void ratings_are_looked_for_in_folders_of_their_name(void **state)
{
    (void)state;
    ratings_path_check("ml-100k", NULL, "");
    file_write("no-cache/latent/ml-100k", "u.data.gz", (const uint8_t *)"", 0);
    ratings_path_check("ml-100k", NULL, "no-cache/latent/ml-100k/u.data.gz");
    file_write("store/ml-20m", "ratings.csv", (const uint8_t *)"", 0);
    ratings_path_check("ml-20m", "store", "store/ml-20m/ratings.csv");
    ratings_path_check("ml-20m", "store/ml-20m", "store/ml-20m/ratings.csv");
    ratings_path_check("ml-20m", "store/ml-20m/", "store/ml-20m/ratings.csv");
    ratings_path_check("ml-20m", "store/ml-20m/.", "");
    ratings_path_check("ml-latest-small", "store/ml-20m", "");
    ratings_path_check("ml-latest-small", "store", "");
    file_write("data/ml-1m", "ratings.dat", (const uint8_t *)"", 0);
    ratings_path_check("ml-1m", NULL, "data/ml-1m/ratings.dat");
}

static void missing_ratings_name_places_and_command(void **state)
{
    lt_text path = {0};
    lt_err err = {0};

    (void)state;
    assert_int_equal(
        lt_catalog_ratings("ml-latest-small", "given", &path, &err),
        LT_ENOTFOUND);
    assert_non_null(strstr(err.text,
                           "ml-latest-small: ratings.csv (plain or .gz) is in "
                           "none of: given/ml-latest-small, data/ml-latest-"
                           "small, no-cache/latent/ml-latest-small; `latent "
                           "data fetch ml-latest-small` gets it"));
    assert_int_equal(lt_catalog_ratings("ml-7", NULL, &path, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "no set of ratings \"ml-7\""));
    assert_false(lt_catalog_has("ml-7", NULL));
    lt_text_deinit(&path);
}

static void faces_are_split_by_person(void **state)
{
    lt_data_pair pair = {NULL, NULL};

    (void)state;
    pair_write("people", "faces-images-idx3-ubyte", "faces-labels-idx1-ubyte",
               40, 9);
    assert_int_equal(lt_catalog_faces("people", 25, &pair, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(pair.train), 25);
    assert_int_equal(lt_dataset_rows(pair.test), 15);
    assert_int_equal(lt_dataset_labels(pair.train)[24], 24);
    assert_int_equal(lt_dataset_labels(pair.test)[0], 25);
    pair_free(pair);
}

static void faces_want_people_on_both_sides(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_catalog_faces(NULL, 40, &pair, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "40 people to train on, wanted 1 to 39"));
    assert_int_equal(lt_catalog_faces(NULL, 0, &pair, &err), LT_EINVAL);
}

static bool real_is_missing(const char *name)
{
    lt_text path = {0};
    bool is_missing = true;

    if (real_data) {
        lt_path_join(&path, real_data, name);
        is_missing = !lt_path_exists(lt_text_str(&path));
    }
    lt_text_deinit(&path);
    if (is_missing)
        print_message("%s is not in LATENT_DATA: skipped\n", name);
    return is_missing;
}

static void mnist_is_the_published_one(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    int64_t before = lt_host_resident_bytes(), grown;
    char hex[LT_DIGEST_HEX];

    (void)state;
    if (real_is_missing("mnist"))
        skip();
    assert_int_equal(lt_catalog_mnist(real_data, &pair, NULL), LT_OK);
    grown = lt_host_resident_bytes() - before;
    assert_int_equal(lt_dataset_rows(pair.train), 60000);
    assert_int_equal(lt_dataset_rows(pair.test), 10000);
    assert_int_equal(lt_dataset_labels(pair.train)[0], 5);
    assert_int_equal(lt_dataset_labels(pair.test)[0], 7);
    assert_true(lt_shape_equal(lt_dataset_shape(pair.train),
                               lt_shape_image(1, 28, 28)));
    lt_digest_bytes(lt_dataset_values(pair.train), 60000 * 784, hex);
    assert_string_equal(
        hex,
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757");
    assert_true(grown < MEMORY_TIMES * (80 << 20)); /* bytes, and once */
    pair_free(pair);
}

static void faces_are_four_hundred(void **state)
{
    lt_data_pair pair = {NULL, NULL};

    (void)state;
    if (real_is_missing("orl-faces"))
        skip();
    assert_int_equal(lt_catalog_faces(real_data, 30, &pair, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(pair.train), 300);
    assert_int_equal(lt_dataset_rows(pair.test), 100);
    assert_true(lt_shape_equal(lt_dataset_shape(pair.train),
                               lt_shape_image(1, 112, 92)));
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(catalog_looks_in_each_place_in_order,
                               places_clear),
        cmocka_unit_test_setup(catalog_takes_no_set_from_two_places,
                               places_clear),
        cmocka_unit_test_setup(catalog_names_the_places_it_tried, places_clear),
        cmocka_unit_test_setup(ratings_are_looked_for_in_folders_of_their_name,
                               places_clear),
        cmocka_unit_test_setup(missing_ratings_name_places_and_command,
                               places_clear),
        cmocka_unit_test_setup(faces_are_split_by_person, places_clear),
        cmocka_unit_test_setup(faces_want_people_on_both_sides, places_clear),
        cmocka_unit_test_setup(mnist_is_the_published_one, places_clear),
        cmocka_unit_test_setup(faces_are_four_hundred, places_clear),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
