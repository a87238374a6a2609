/* Members of archives: the right ones, from hostile archives too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/unpack.h"

static char folder[] = "/tmp/latent-unpack-XXXXXX";
static char file[128], out_a[128], out_b[128], inner[128];

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(inner, sizeof inner, "%s/inner", folder);
    snprintf(file, sizeof file, "%s/archive", folder);
    snprintf(out_a, sizeof out_a, "%s/inner/deep/a", folder);
    snprintf(out_b, sizeof out_b, "%s/inner/b", folder);
    return 0;
}

static int folder_drop(void **state)
{
    char command[160];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* ---- making archives ---- */

typedef enum { TAR_GZ, TAR, ZIP } kind;

typedef struct item {
    const char *name, *text;
    const char *link; /* a symbolic link to there */
    const char *hard; /* a hard link to there */
} item;

static void archive_make(kind k, const item *items, int n)
{
    struct archive *a = archive_write_new();

    if (k == TAR_GZ)
        archive_write_add_filter_gzip(a);
    if (k == ZIP)
        archive_write_set_format_zip(a);
    else
        archive_write_set_format_pax_restricted(a);
    assert_int_equal(archive_write_open_filename(a, file), ARCHIVE_OK);
    for (int i = 0; i < n; i++) {
        struct archive_entry *e = archive_entry_new();
        size_t size = items[i].text ? strlen(items[i].text) : 0;

        archive_entry_set_pathname(e, items[i].name);
        archive_entry_set_filetype(e, items[i].link ? AE_IFLNK : AE_IFREG);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_size(e, (int64_t)size);
        if (items[i].link)
            archive_entry_set_symlink(e, items[i].link);
        if (items[i].hard)
            archive_entry_set_hardlink(e, items[i].hard);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (size)
            assert_int_equal(archive_write_data(a, items[i].text, size), size);
        archive_entry_free(e);
    }
    archive_write_free(a);
}

static const char *const two[] = {"u.data", "sub/ratings.csv"};

static lt_unpack unpack(int n, int64_t limit)
{
    return (lt_unpack){.archive = file, .members = two, .n = n, .limit = limit};
}

static lt_status to_files(int n, int64_t limit, lt_err *err)
{
    const char *const paths[] = {out_a, out_b};
    lt_unpack u = unpack(n, limit);

    unlink(out_a);
    unlink(out_b);
    return lt_unpack_files(&u, paths, err);
}

static void assert_file(const char *path, const char *wanted)
{
    char *found = NULL;
    size_t size = 0;
    lt_err err = {0};

    if (lt_path_read(path, 1 << 20, &found, &size, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_string_equal(found, wanted);
    lt_mem_free(found);
}

/* ---- tests ---- */

static void unpack_takes_what_was_asked_for(void **state)
{
    static const item items[] = {{"set/README", "no", NULL, NULL},
                                 {"set/sub/ratings.csv", "1,2,3\n", NULL, NULL},
                                 {"xu.data", "not it", NULL, NULL},
                                 {"set/u.data", "first", NULL, NULL},
                                 {"u.data", "second", NULL, NULL}};

    (void)state;
    for (int k = TAR_GZ; k <= ZIP; k++) {
        lt_err err = {0};
        lt_text texts[2] = {{0}};
        lt_unpack u = unpack(2, 100);

        archive_make((kind)k, items, 5);
        if (to_files(2, 100, &err) != LT_OK)
            fail_msg("%s", err.text);
        assert_file(out_a, "first");
        assert_file(out_b, "1,2,3\n");
        assert_int_equal(lt_unpack_texts(&u, texts, &err), LT_OK);
        assert_string_equal(lt_text_str(&texts[0]), "first");
        assert_string_equal(lt_text_str(&texts[1]), "1,2,3\n");
        lt_text_deinit(&texts[0]);
        lt_text_deinit(&texts[1]);
    }
}

static void unpack_never_goes_where_an_archive_says(void **state)
{
    char above[160];
    item items[] = {{"../u.data", "climbs", NULL, NULL},
                    {NULL, "absolute", NULL, NULL},
                    {"sub", NULL, "/tmp", NULL},
                    {"x/../../../sub/ratings.csv", "far", NULL, NULL}};

    (void)state;
    snprintf(above, sizeof above, "%s/absolute", folder);
    items[1].name = above;
    for (int k = TAR_GZ; k <= ZIP; k++) {
        lt_err err = {0};

        archive_make((kind)k, items, 4);
        if (to_files(2, 100, &err) != LT_OK)
            fail_msg("%s", err.text);
        assert_file(out_a, "climbs"); /* the caller's own places */
        assert_file(out_b, "far");
        assert_false(lt_path_exists(above));
        snprintf(above, sizeof above, "%s/u.data", folder);
        assert_false(lt_path_exists(above));
        snprintf(above, sizeof above, "%s/absolute", folder);
    }
}

static void unpack_passes_over_links(void **state)
{
    static const item links[] = {{"file", "text", NULL, NULL},
                                 {"u.data", NULL, "/etc/hostname", NULL},
                                 {"sub/u.data", NULL, NULL, "file"}};
    lt_err err = {0};

    (void)state;
    archive_make(TAR, links, 3);
    assert_int_equal(to_files(1, 100, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "archive: has no u.data"));
    assert_false(lt_path_exists(out_a));
}

static void unpack_refuses_what_is_too_large(void **state)
{
    static const item items[] = {{"u.data", "0123456789", NULL, NULL}};
    char parts[160];

    (void)state;
    snprintf(parts, sizeof parts, "%s.part", out_a);
    for (int k = TAR_GZ; k <= ZIP; k++) {
        lt_err err = {0};

        archive_make((kind)k, items, 1);
        assert_int_equal(to_files(1, 10, &err), LT_OK);
        assert_int_equal(to_files(1, 9, &err), LT_EFORMAT);
        assert_non_null(strstr(err.text, "u.data is larger than 9 bytes"));
        assert_false(lt_path_exists(out_a));
        assert_false(lt_path_exists(parts));
    }
}

/* A member that an archive has not, and what is no archive at all. */
static void unpack_refuses_other_files(void **state)
{
    static const item items[] = {{"u.data.txt", "x", NULL, NULL}};
    static const char *const texts[] = {"", "plain text", "PK\3\4 cut",
                                        "\x1f\x8b\x08 cut"};
    lt_err err = {0};

    (void)state;
    archive_make(ZIP, items, 1);
    assert_int_equal(to_files(1, 100, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "has no u.data"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lt_path_write(file, texts[i], strlen(texts[i]), NULL);
        assert_int_equal(to_files(1, 100, &err), LT_EFORMAT);
        assert_non_null(strstr(err.text, file));
    }
    unlink(file);
    assert_int_equal(to_files(1, 100, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, file));
}

static void unpack_notices_archives_cut_anywhere(void **state)
{
    char text[3000], *bytes = NULL;
    const item items[] = {{"u.data", text, NULL, NULL}};
    size_t size = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + (i * 2654435761u >> 28));
    text[sizeof text - 1] = '\0';
    for (int k = TAR_GZ; k <= ZIP; k++) {
        lt_err err = {0};
        size_t keep;

        archive_make((kind)k, items, 1);
        lt_path_read(file, 1 << 20, &bytes, &size, NULL);
        keep = k == TAR ? 2000 : size / 2;
        lt_path_write(file, bytes, keep, NULL);
        assert_int_equal(to_files(1, 10000, &err), LT_EFORMAT);
        assert_false(lt_path_exists(out_a));
        lt_mem_free(bytes);
        bytes = NULL;
    }
}

static void unpack_survives_every_failing_allocation(void **state)
{
    static const item items[] = {{"u.data", "0123456789", NULL, NULL},
                                 {"sub/ratings.csv", "1", NULL, NULL}};
    lt_status rc = LT_ENOMEM;
    int n = 0;

    (void)state;
    archive_make(ZIP, items, 2);
    for (; rc != LT_OK; n++) {
        lt_text texts[2] = {{0}};
        lt_unpack u = unpack(2, 100);
        lt_err err = {0};

        lt_mem_fail_after(n);
        rc = to_files(2, 100, &err);
        if (rc == LT_OK)
            rc = lt_unpack_texts(&u, texts, &err);
        lt_mem_fail_after(-1);
        lt_text_deinit(&texts[0]);
        lt_text_deinit(&texts[1]);
        assert_true(rc == LT_OK || (rc == LT_ENOMEM && err.text[0]));
    }
    assert_true(n > 6);
}

static bool stop(void *self)
{
    return --*(int *)self < 0;
}

/* A file that was half unpacked is not there. */
static void unpack_ends_when_it_is_asked_to(void **state)
{
    static const item items[] = {{"u.data", "first", NULL, NULL},
                                 {"sub/ratings.csv", "1,2,3", NULL, NULL}};
    const char *const paths[] = {out_a, out_b};
    int polls = 1;
    const lt_observer observer = {.self = &polls, .should_stop = stop};
    lt_unpack u = unpack(2, 100);
    lt_err err = {0};

    (void)state;
    unlink(out_a);
    unlink(out_b);
    archive_make(ZIP, items, 2);
    u.observer = &observer;
    assert_int_equal(lt_unpack_files(&u, paths, &err), LT_EINTERRUPTED);
    assert_file(out_a, "first");
    assert_false(lt_path_exists(out_b));
    polls = 2;
    assert_int_equal(lt_unpack_files(&u, paths, &err), LT_OK);
    assert_file(out_b, "1,2,3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpack_takes_what_was_asked_for),
        cmocka_unit_test(unpack_never_goes_where_an_archive_says),
        cmocka_unit_test(unpack_passes_over_links),
        cmocka_unit_test(unpack_refuses_what_is_too_large),
        cmocka_unit_test(unpack_refuses_other_files),
        cmocka_unit_test(unpack_notices_archives_cut_anywhere),
        cmocka_unit_test(unpack_ends_when_it_is_asked_to),
        cmocka_unit_test(unpack_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
