/* Paths and whole files, in a folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"

static char folder[] = "/tmp/latent-path-XXXXXX";

static const char *inside(lt_text *t, const char *name)
{
    lt_path_join(t, folder, name);
    return lt_text_str(t);
}

static void join_puts_one_slash(void **state)
{
    const char *cases[][3] = {{"a", "b", "a/b"},
                              {"a/", "b", "a/b"},
                              {"", "b", "b"},
                              {"a", "/b", "/b"},
                              {"/", "b", "/b"}};
    lt_text t = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_path_join(&t, cases[i][0], cases[i][1]);
        assert_string_equal(lt_text_str(&t), cases[i][2]);
    }
    lt_text_deinit(&t);
}

static void name_is_what_follows_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(lt_path_name("a/b/c.lua"), "c.lua");
    assert_string_equal(lt_path_name("c.lua"), "c.lua");
    assert_string_equal(lt_path_name("a/"), "");
}

static void make_dirs_creates_parents_and_accepts_existing(void **state)
{
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_make_dirs(inside(&t, "x/y//z/"), &e), LT_OK);
    assert_true(lt_path_exists(inside(&t, "x/y/z")));
    assert_int_equal(lt_path_make_dirs(inside(&t, "x/y/z"), &e), LT_OK);
    lt_text_deinit(&t);
}

static void make_dirs_names_a_file_in_the_way(void **state)
{
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_write(inside(&t, "file"), "1", 1, &e), LT_OK);
    assert_int_equal(lt_path_make_dirs(inside(&t, "file"), &e), LT_EIO);
    assert_non_null(strstr(e.text, inside(&t, "file")));
    assert_int_equal(lt_path_make_dirs(inside(&t, "file/sub"), &e), LT_EIO);
    lt_text_deinit(&t);
}

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    while (d && readdir(d))
        n++;
    closedir(d);
    return n - 2; /* without . and .. */
}

static void write_then_read_gives_the_same_bytes(void **state)
{
    char big[70000], *back = NULL;
    size_t size = 0;
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 % 251);
    assert_int_equal(lt_path_make_dirs(inside(&t, "w"), &e), LT_OK);
    inside(&t, "w/f");
    assert_int_equal(lt_path_write(t.data, "old", 3, &e), LT_OK);
    assert_int_equal(lt_path_write(t.data, big, sizeof big, &e), LT_OK);
    assert_int_equal(lt_path_read(t.data, 1 << 20, &back, &size, &e), LT_OK);
    assert_int_equal(size, sizeof big);
    assert_memory_equal(back, big, sizeof big);
    assert_int_equal(back[size], 0);
    assert_int_equal(entries(inside(&t, "w")), 1); /* no temporary left */
    lt_mem_free(back);
    lt_text_deinit(&t);
}

static void write_parts_joins_its_pieces(void **state)
{
    const lt_path_part parts[] = {{"one ", 4}, {"", 0}, {"two", 3}};
    lt_text t = {0};
    char *back = NULL;
    size_t size = 0;

    (void)state;
    inside(&t, "parts");
    assert_int_equal(lt_path_write_parts(t.data, parts, 3, NULL), LT_OK);
    assert_int_equal(lt_path_read(t.data, 100, &back, &size, NULL), LT_OK);
    assert_int_equal(size, 7);
    assert_string_equal(back, "one two");
    lt_mem_free(back);
    lt_text_deinit(&t);
}

static void read_accepts_an_empty_file(void **state)
{
    char *back = NULL;
    size_t size = 1;
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_write(inside(&t, "none"), "", 0, &e), LT_OK);
    assert_int_equal(lt_path_read(t.data, 0, &back, &size, &e), LT_OK);
    assert_int_equal(size, 0);
    assert_string_equal(back, "");
    lt_mem_free(back);
    lt_text_deinit(&t);
}

static void read_refuses_a_file_over_the_limit(void **state)
{
    char *back = NULL;
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_write(inside(&t, "five"), "12345", 5, &e), LT_OK);
    assert_int_equal(lt_path_read(t.data, 4, &back, NULL, &e), LT_EIO);
    assert_null(back);
    assert_non_null(strstr(e.text, "more than 4 bytes"));
    assert_int_equal(lt_path_read(t.data, 5, &back, NULL, &e), LT_OK);
    lt_mem_free(back);
    lt_text_deinit(&t);
}

static void read_names_what_it_cannot_open(void **state)
{
    char *back = NULL;
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_read(inside(&t, "absent"), 9, &back, NULL, &e),
                     LT_EIO);
    assert_non_null(strstr(e.text, "absent: cannot open: No such file"));
    assert_int_equal(lt_path_read(folder, 9, &back, NULL, &e), LT_EIO);
    assert_null(back);
    lt_text_deinit(&t);
}

static void write_that_fails_leaves_the_target_and_no_litter(void **state)
{
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_path_make_dirs(inside(&t, "v/taken"), &e), LT_OK);
    assert_int_equal(lt_path_write(inside(&t, "v/taken"), "x", 1, &e), LT_EIO);
    assert_int_equal(entries(inside(&t, "v")), 1);
    assert_int_equal(lt_path_write(inside(&t, "no/f"), "x", 1, &e), LT_EIO);
    lt_text_deinit(&t);
}

static void files_survive_every_failing_allocation(void **state)
{
    lt_text t = {0};
    lt_err e = {0};

    (void)state;
    inside(&t, "mem");
    for (int n = 0;; n++) {
        char *back = NULL;
        lt_status rc;

        lt_mem_fail_after(n);
        rc = lt_path_write(t.data, "content", 7, &e);
        if (rc == LT_OK)
            rc = lt_path_read(t.data, 100, &back, NULL, &e);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_true(n > 0);
            assert_string_equal(back, "content");
            lt_mem_free(back);
            break;
        }
        assert_null(back);
    }
    lt_text_deinit(&t);
}

static void remove_takes_folders_and_spares_what_links_name(void **state)
{
    lt_text kept = {0}, tree = {0}, deep = {0}, link = {0};
    lt_err e = {0};

    (void)state;
    inside(&kept, "kept");
    inside(&tree, "tree");
    inside(&deep, "tree/a/b");
    inside(&link, "tree/a/link");
    assert_int_equal(lt_path_make_dirs(kept.data, &e), LT_OK);
    assert_int_equal(lt_path_make_dirs(deep.data, &e), LT_OK);
    assert_int_equal(symlink(kept.data, link.data), 0);
    inside(&deep, "tree/a/b/file");
    assert_int_equal(lt_path_write(deep.data, "x", 1, &e), LT_OK);
    for (int i = 0; i < 2; i++) /* again: nothing there */
        assert_int_equal(lt_path_remove(tree.data, &e), LT_OK);
    assert_false(lt_path_exists(tree.data));
    assert_true(lt_path_exists(kept.data));
    inside(&deep, "kept/file");
    assert_int_equal(lt_path_write(deep.data, "x", 1, &e), LT_OK);
    assert_int_equal(lt_path_remove(deep.data, &e), LT_OK);
    assert_false(lt_path_exists(deep.data));
    if (geteuid() != 0) {
        inside(&deep, "kept/closed");
        assert_int_equal(lt_path_make_dirs(deep.data, &e), LT_OK);
        assert_int_equal(chmod(kept.data, 0500), 0);
        assert_int_equal(lt_path_remove(deep.data, &e), LT_EIO);
        assert_non_null(strstr(e.text, "kept/closed: cannot remove: "));
        assert_int_equal(chmod(kept.data, 0700), 0);
    }
    lt_text_deinit(&kept);
    lt_text_deinit(&tree);
    lt_text_deinit(&deep);
    lt_text_deinit(&link);
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_puts_one_slash),
        cmocka_unit_test(name_is_what_follows_the_last_slash),
        cmocka_unit_test(make_dirs_creates_parents_and_accepts_existing),
        cmocka_unit_test(make_dirs_names_a_file_in_the_way),
        cmocka_unit_test(write_then_read_gives_the_same_bytes),
        cmocka_unit_test(write_parts_joins_its_pieces),
        cmocka_unit_test(read_accepts_an_empty_file),
        cmocka_unit_test(read_refuses_a_file_over_the_limit),
        cmocka_unit_test(read_names_what_it_cannot_open),
        cmocka_unit_test(write_that_fails_leaves_the_target_and_no_litter),
        cmocka_unit_test(remove_takes_folders_and_spares_what_links_name),
        cmocka_unit_test(files_survive_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
