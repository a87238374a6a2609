/* Trees of files: walked and deleted, and never left by a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/tree.h"

typedef struct place {
    char dir[64];
    lt_err err;
} place;

static void run(const place *p, const char *command)
{
    char whole[512];

    snprintf(whole, sizeof whole, "cd %s && %s", p->dir, command);
    assert_int_equal(system(whole), 0);
}

static void place_open(place *p)
{
    memset(p, 0, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/latent-tree-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    run(p, "mkdir -p runs/1/stages outside/deep && echo abc >runs/1/a &&"
           " echo precious >outside/deep/x && printf 12345 >runs/1/stages/2");
}

static void place_close(place *p)
{
    char command[96];

    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", p->dir,
             p->dir);
    assert_int_equal(system(command), 0);
}

static bool there(const place *p, const char *path)
{
    char whole[160];
    struct stat st;

    snprintf(whole, sizeof whole, "%s/%s", p->dir, path);
    return lstat(whole, &st) == 0;
}

typedef struct sum {
    int n[4];
    int64_t bytes;
    char seen[256];
} sum;

static lt_status add(void *self, const lt_tree_entry *e, lt_err *err)
{
    sum *s = self;

    (void)err;
    assert_true(e->changed > 1e9);
    s->n[e->kind]++;
    s->bytes += e->bytes;
    snprintf(s->seen + strlen(s->seen), sizeof s->seen - strlen(s->seen),
             " %s ", e->path);
    return LT_OK;
}

static void walk_counts_what_is_there(void **state)
{
    sum s = {0}, flat = {0};
    place p;

    (void)state;
    place_open(&p);
    run(&p, "ln -s ../../outside runs/1/link && mkfifo runs/1/pipe");
    assert_int_equal(lt_tree_walk(p.dir, "runs/1", 9, add, &s, &p.err), LT_OK);
    assert_int_equal(s.bytes, 9);
    assert_int_equal(s.n[LT_TREE_FILE], 2);
    assert_int_equal(s.n[LT_TREE_FOLDER], 1);
    assert_int_equal(s.n[LT_TREE_LINK], 1);
    assert_int_equal(s.n[LT_TREE_OTHER], 1);
    assert_non_null(strstr(s.seen, " stages/2 "));
    assert_null(strstr(s.seen, "deep"));
    assert_int_equal(lt_tree_walk(p.dir, "runs", 1, add, &flat, &p.err), LT_OK);
    assert_string_equal(flat.seen, " 1 ");
    assert_int_equal(lt_tree_walk(p.dir, "runs/7", 1, add, &s, &p.err),
                     LT_ENOTFOUND);
    assert_int_equal(lt_tree_walk(p.dir, "runs/1/a", 1, add, &s, &p.err),
                     LT_EINVAL);
    assert_int_equal(lt_tree_walk(p.dir, "runs/1/link", 1, add, &s, &p.err),
                     LT_EINVAL);
    assert_int_equal(
        lt_tree_walk(p.dir, "runs/1/link/deep", 1, add, &s, &p.err), LT_EINVAL);
    place_close(&p);
}

static void walk_starts_at_a_linked_base(void **state)
{
    char base[96];
    sum s = {0};
    place p;

    (void)state;
    place_open(&p);
    run(&p, "ln -s . here");
    snprintf(base, sizeof base, "%s/here", p.dir);
    assert_int_equal(lt_tree_walk(base, "runs/1", 9, add, &s, &p.err), LT_OK);
    assert_int_equal(s.bytes, 9);
    place_close(&p);
}

static void remove_takes_the_tree_and_nothing_else(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    run(&p, "ln -s ../../outside runs/1/link && ln -s ../outside runs/2 &&"
            " ln runs/1/a kept");
    assert_int_equal(lt_tree_remove(p.dir, "runs/1", &p.err), LT_OK);
    assert_false(there(&p, "runs/1"));
    assert_int_equal(lt_tree_remove(p.dir, "runs/2", &p.err), LT_OK);
    assert_false(there(&p, "runs/2"));
    assert_true(there(&p, "outside/deep/x"));
    assert_true(there(&p, "kept"));
    assert_int_equal(lt_tree_remove(p.dir, "runs/1", &p.err), LT_OK);
    assert_int_equal(lt_tree_remove(p.dir, "no/such/folder", &p.err), LT_OK);
    place_close(&p);
}

static void remove_goes_through_no_link_and_no_dots(void **state)
{
    static const char *const paths[] = {
        "runs/1/link/deep/x",
        "runs/1/../../outside",
        "runs/1/link/deep",
        "..",
        "runs/..",
        "runs//1",
        "runs/1/",
        "/tmp",
        "runs/./1",
        "",
        "runs/1/a/b",
    };
    place p;

    (void)state;
    place_open(&p);
    run(&p, "ln -s ../../outside runs/1/link");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        lt_status rc = lt_tree_remove(p.dir, paths[i], &p.err);

        if (rc != LT_EINVAL)
            fail_msg("'%s': status %d", paths[i], rc);
        assert_non_null(strstr(p.err.text, "not followed"));
    }
    assert_true(there(&p, "outside/deep/x"));
    assert_true(there(&p, "runs/1/stages/2"));
    place_close(&p);
}

/* Deeper than the bound on open folders, and many in one. */
static void remove_knows_its_bounds(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    run(&p, "mkdir runs/3 && cd runs/3 && seq 5000 | xargs touch");
    assert_int_equal(lt_tree_remove(p.dir, "runs/3", &p.err), LT_OK);
    assert_false(there(&p, "runs/3"));
    run(&p, "d=runs/1; for i in $(seq 70); do d=$d/d; done; mkdir -p $d");
    assert_int_equal(lt_tree_remove(p.dir, "runs/1", &p.err), LT_EIO);
    assert_true(there(&p, "runs/1/d/d"));
    place_close(&p);
}

static void rename_is_of_folders_only(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    run(&p, "ln -s ../outside runs/2");
    assert_int_equal(lt_tree_rename(p.dir, "runs/2", "t", &p.err), LT_EINVAL);
    assert_int_equal(lt_tree_rename(p.dir, "runs/1/a", "t", &p.err), LT_EINVAL);
    assert_int_equal(lt_tree_rename(p.dir, "runs/9", "t", &p.err),
                     LT_ENOTFOUND);
    assert_int_equal(lt_tree_rename(p.dir, "runs/1", "t", &p.err), LT_OK);
    assert_true(there(&p, "runs/t/stages/2"));
    place_close(&p);
}

static void tree_fails_cleanly_without_memory(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    for (int i = 0;; i++) {
        sum s = {0};
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_tree_walk(p.dir, "runs", 9, add, &s, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_int_equal(s.bytes, 9);
            assert_true(i > 0);
            break;
        }
        assert_int_equal(rc, LT_ENOMEM);
    }
    place_close(&p);
}

static void space_is_that_of_the_file_system(void **state)
{
    int64_t free_here = -1, all = -1, free_below = -2, again = -3;
    char below[160];
    place p;

    (void)state;
    place_open(&p);
    assert_int_equal(lt_path_space(p.dir, &free_here, &all, &p.err), LT_OK);
    assert_true(free_here > 0 && all >= free_here);
    snprintf(below, sizeof below, "%s/not/there/latent.db", p.dir);
    assert_int_equal(lt_path_space(below, &free_below, &again, &p.err), LT_OK);
    assert_int_equal(all, again);
    assert_int_equal(lt_path_space("notthere", &free_below, &again, &p.err),
                     LT_OK);
    assert_int_equal(lt_path_space("/notthere/x", &free_below, &again, &p.err),
                     LT_OK);
    assert_true(all > 0);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_counts_what_is_there),
        cmocka_unit_test(walk_starts_at_a_linked_base),
        cmocka_unit_test(remove_takes_the_tree_and_nothing_else),
        cmocka_unit_test(remove_goes_through_no_link_and_no_dots),
        cmocka_unit_test(remove_knows_its_bounds),
        cmocka_unit_test(rename_is_of_folders_only),
        cmocka_unit_test(tree_fails_cleanly_without_memory),
        cmocka_unit_test(space_is_that_of_the_file_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
