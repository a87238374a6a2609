/* Data sets by name: where their files are looked for, and how they are cut
 * into training and test sets; see latent/data/catalog.h.
 *
 * All files of a set come from one folder, so that no set is put together
 * from two versions. Nothing is fetched from a network. */
#include "latent/data/catalog.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/text.h"
#include "latent/data/cifar.h"
#include "latent/data/idx.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILES 6

/* A set's files in one folder, found so far. */
typedef struct catalog_search {
    const char *set;
    const char *folder; /* the set's own, below each place */
    const char *other;  /* another name of it, or NULL */
    const char *names[MAX_FILES];
    int n_names;
    bool is_single; /* one file of a common name, which may be fetched */
    lt_text paths[MAX_FILES]; /* of the files, once found */
    lt_text tried;
    bool is_found;
} catalog_search;

static const catalog_search mnist_files = {
    .set = "mnist",
    .folder = "mnist",
    .names = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
              "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
    .n_names = 4};

static const catalog_search faces_files = {
    .set = "faces",
    .folder = "orl-faces",
    .names = {"faces-images-idx3-ubyte", "faces-labels-idx1-ubyte"},
    .n_names = 2};

static const catalog_search cifar10_files = {
    .set = "cifar10",
    .folder = "cifar-10-batches-bin",
    .other = "cifar10",
    .names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
              "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
    .n_names = 6};

#define RATINGS(name, file)                                                    \
    {                                                                          \
        .set = name, .folder = name, .names = {file}, .n_names = 1,            \
        .is_single = true                                                      \
    }
static const catalog_search ratings_files[] = {
    RATINGS("ml-100k", "u.data"),
    RATINGS("ml-1m", "ratings.dat"),
    RATINGS("ml-20m", "ratings.csv"),
    RATINGS("ml-latest-small", "ratings.csv"),
};

/* NULL when it is none of them. */
static const catalog_search *ratings_find(const char *set)
{
    for (size_t i = 0; i < sizeof ratings_files / sizeof *ratings_files; i++)
        if (strcmp(ratings_files[i].set, set) == 0)
            return &ratings_files[i];
    return NULL;
}

static void search_deinit(catalog_search *s)
{
    for (int i = 0; i < MAX_FILES; i++)
        lt_text_deinit(&s->paths[i]);
    lt_text_deinit(&s->tried);
}

/* Sets *path to folder/name, or the same with .gz; false when neither is. */
static bool file_find(const char *folder, const char *name, lt_text *path)
{
    lt_path_join(path, folder, name);
    if (lt_path_exists(lt_text_str(path)))
        return true;
    lt_text_add(path, ".gz");
    return lt_path_exists(lt_text_str(path));
}

static void folder_try(catalog_search *s, const char *folder)
{
    if (s->is_found)
        return;
    s->is_found = true;
    for (int i = 0; i < s->n_names && s->is_found; i++)
        s->is_found = file_find(folder, s->names[i], &s->paths[i]);
    lt_text_addf(&s->tried, "%s%s", s->tried.size ? ", " : "", folder);
}

/* Whether the last part of `place` is the set's own folder. */
static bool is_own_folder(const catalog_search *s, const char *place)
{
    size_t n = strlen(place), wanted = strlen(s->folder);

    while (n > 0 && place[n - 1] == '/')
        n--;
    return n >= wanted && memcmp(place + n - wanted, s->folder, wanted) == 0 &&
           (n == wanted || place[n - wanted - 1] == '/');
}

static void place_try(catalog_search *s, const char *place)
{
    lt_text own = {0};

    if (!place || !*place)
        return;
    lt_path_join(&own, place, s->folder);
    folder_try(s, lt_text_str(&own));
    if (s->other) {
        lt_path_join(&own, place, s->other);
        folder_try(s, lt_text_str(&own));
    }
    if (!s->is_single || is_own_folder(s, place))
        folder_try(s, place);
    s->tried.failed |= own.failed;
    lt_text_deinit(&own);
}

static void cache_try(catalog_search *s)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    lt_text place = {0};

    if (cache && *cache)
        lt_path_join(&place, cache, "latent");
    else if (home && *home)
        lt_path_join(&place, home, ".cache/latent");
    place_try(s, lt_text_str(&place));
    s->tried.failed |= place.failed;
    lt_text_deinit(&place);
}

static lt_status search_run(catalog_search *s, const char *dir, lt_err *err)
{
    bool failed;

    place_try(s, dir);
    place_try(s, getenv("LATENT_DATA"));
    place_try(s, "data");
    cache_try(s);
    failed = s->tried.failed;
    for (int i = 0; i < s->n_names; i++)
        failed |= s->paths[i].failed;
    if (failed)
        return lt_err_mark(err, LT_ENOMEM);
    if (s->is_found)
        return LT_OK;
    if (s->is_single)
        return lt_err_set(err, LT_ENOTFOUND,
                          "%s: %s (plain or .gz) is in none of: %s; `latent "
                          "data fetch %s` gets it, or set LATENT_DATA to the "
                          "folder that holds %s/",
                          s->set, s->names[0], lt_text_str(&s->tried), s->set,
                          s->folder);
    return lt_err_set(err, LT_ENOTFOUND,
                      "%s: %s and %s (plain or .gz) are in none of: %s; "
                      "`latent data fetch %s` gets them, or set LATENT_DATA to "
                      "the folder that holds %s/",
                      s->set, s->names[0],
                      s->n_names == 2 ? s->names[1] : "its companions",
                      lt_text_str(&s->tried), s->set, s->folder);
}

bool lt_catalog_has(const char *set, const char *dir)
{
    const catalog_search *const sets[] = {&mnist_files, &faces_files,
                                          &cifar10_files};
    const catalog_search *known = ratings_find(set);
    catalog_search s;
    bool found;

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        known = strcmp(set, sets[i]->set) == 0 ? sets[i] : known;
    if (!known)
        return false;
    s = *known;
    found = search_run(&s, dir, NULL) == LT_OK;
    search_deinit(&s);
    return found;
}

lt_status lt_catalog_mnist(const char *dir, lt_data_pair *out, lt_err *err)
{
    catalog_search s = mnist_files;
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = search_run(&s, dir, err);

    if (rc == LT_OK)
        rc = lt_idx_load(lt_text_str(&s.paths[0]), lt_text_str(&s.paths[1]), 0,
                         &pair.train, err);
    if (rc == LT_OK)
        rc = lt_idx_load(lt_text_str(&s.paths[2]), lt_text_str(&s.paths[3]), 0,
                         &pair.test, err);
    if (rc == LT_OK && !lt_shape_equal(lt_dataset_shape(pair.train),
                                       lt_dataset_shape(pair.test)))
        rc = lt_err_set(err, LT_EFORMAT,
                        "%s: its pictures differ in shape from those of %s",
                        lt_text_str(&s.paths[2]), lt_text_str(&s.paths[0]));
    if (rc == LT_OK)
        *out = pair;
    else {
        lt_dataset_free(pair.train);
        lt_dataset_free(pair.test);
    }
    search_deinit(&s);
    return rc;
}

/* A copy of the examples whose label is in [low, high). */
static lt_status labels_select(const lt_dataset *d, int low, int high,
                               lt_dataset **out, lt_err *err)
{
    const uint8_t *labels = lt_dataset_labels(d);
    const uint8_t *values = lt_dataset_values(d);
    size_t size = (size_t)lt_shape_elements(lt_dataset_shape(d));
    size_t rows = (size_t)lt_dataset_rows(d);
    uint8_t *kept_values = lt_mem_alloc(rows, size);
    uint8_t *kept_labels = lt_mem_alloc(rows, 1);
    int n = 0;

    if (!kept_values || !kept_labels) {
        lt_mem_free(kept_values);
        lt_mem_free(kept_labels);
        return lt_err_mark(err, LT_ENOMEM);
    }
    for (size_t i = 0; i < rows; i++) {
        if (labels[i] < low || labels[i] >= high)
            continue;
        memcpy(kept_values + (size_t)n * size, values + i * size, size);
        kept_labels[n++] = labels[i];
    }
    return lt_dataset_new_take(LT_ELEM_U8, n, lt_dataset_shape(d), kept_values,
                               kept_labels, out, err);
}

static lt_status people_split(const lt_dataset *all, const char *path,
                              int train_people, lt_data_pair *out, lt_err *err)
{
    lt_data_pair pair = {NULL, NULL};
    lt_status rc;

    if (lt_dataset_type(all) != LT_ELEM_U8)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 2: found float32 values, wanted bytes",
                          path);
    rc = labels_select(all, 0, train_people, &pair.train, err);
    if (rc == LT_OK)
        rc = labels_select(all, train_people, 256, &pair.test, err);
    if (rc == LT_OK) {
        *out = pair;
        return LT_OK;
    }
    lt_dataset_free(pair.train);
    lt_err_prefix(err, "%s, split after %d people", path, train_people);
    return rc;
}

lt_status lt_catalog_faces(const char *dir, int train_people, lt_data_pair *out,
                           lt_err *err)
{
    catalog_search s = faces_files;
    lt_dataset *all = NULL;
    lt_status rc;

    if (train_people < 1 || train_people > 39)
        return lt_err_set(err, LT_EINVAL,
                          "faces: %d people to train on, wanted 1 to 39",
                          train_people);
    rc = search_run(&s, dir, err);
    if (rc == LT_OK)
        rc = lt_idx_load(lt_text_str(&s.paths[0]), lt_text_str(&s.paths[1]), 0,
                         &all, err);
    if (rc == LT_OK)
        rc =
            people_split(all, lt_text_str(&s.paths[0]), train_people, out, err);
    lt_dataset_free(all);
    search_deinit(&s);
    return rc;
}

lt_status lt_catalog_cifar10(const char *dir, lt_data_pair *out, lt_err *err)
{
    catalog_search s = cifar10_files;
    lt_data_pair pair = {NULL, NULL};
    const char *paths[MAX_FILES];
    lt_status rc = search_run(&s, dir, err);

    for (int i = 0; i < s.n_names; i++)
        paths[i] = lt_text_str(&s.paths[i]);
    if (rc == LT_OK)
        rc = lt_cifar_load(paths, s.n_names - 1, &pair.train, err);
    if (rc == LT_OK)
        rc = lt_cifar_load(paths + s.n_names - 1, 1, &pair.test, err);
    if (rc == LT_OK)
        *out = pair;
    else
        lt_dataset_free(pair.train);
    search_deinit(&s);
    return rc;
}

lt_status lt_catalog_ratings(const char *set, const char *dir, lt_text *path,
                             lt_err *err)
{
    const catalog_search *known = ratings_find(set);
    catalog_search s;
    lt_status rc;

    if (!known)
        return lt_err_set(err, LT_EINVAL, "found no set of ratings \"%s\"",
                          set);
    s = *known;
    rc = search_run(&s, dir, err);
    if (rc == LT_OK) {
        lt_text_clear(path);
        lt_text_add(path, lt_text_str(&s.paths[0]));
        rc = path->failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
    }
    search_deinit(&s);
    return rc;
}
