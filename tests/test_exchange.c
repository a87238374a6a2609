/* Runs from one store to another: all of a run arrives, once, whoever else is
 * at work and whatever fails on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "exchange_fixture.h"

#include <fcntl.h>

static void expect_report(const lt_take_report *r, int n_new, int n_updated,
                          int n_same, int n_left)
{
    assert_int_equal(r->n_new, n_new);
    assert_int_equal(r->n_updated, n_updated);
    assert_int_equal(r->n_same, n_same);
    assert_int_equal(r->n_left, n_left);
    assert_int_equal(r->n_refused, 0);
}

static void write_sql(place *p, const char *sql)
{
    char *problem = NULL;

    if (sqlite3_exec(p->store->db, sql, NULL, NULL, &problem) != SQLITE_OK)
        fail_msg("%s: %s", sql, problem);
}

static void everything_arrives_once(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    place from, to;

    (void)state;
    sent_open(&from, 2, NET_SIZE);
    write_sql(&from, "INSERT INTO divergence VALUES (2, 7, 3, 'x');"
                     "INSERT INTO removed VALUES (2, 99)");
    place_open(&to);
    place_queue_many(&to, 3); /* other ids than there */
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 2, 0, 0, 0);
    assert_int_equal(r.files, 3);
    assert_int_equal(r.bytes, NET_SIZE + 5);
    assert_int_equal(r.values, 14);
    assert_int_equal(r.sources, 1);
    assert_string_equal(lt_text_str(&lines), "");
    write_sql(&to, "DELETE FROM run WHERE id < 4; DELETE FROM sweep WHERE"
                   " experiment = 'test'; DELETE FROM source WHERE"
                   " hash NOT IN (SELECT hash FROM sweep_source)");
    expect_same(&from, &to);
    expect_sound(&to);
    EXPECT_SQL(&to, "SELECT path FROM artifact WHERE name = 'small'",
               "runs/4/deep/er/small");
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 0, 2, 0);
    assert_int_equal(r.files + r.values + r.sources, 0);
    EXPECT_OK(&from, take(&to, &from, &r, &lines));
    expect_report(&r, 0, 0, 2, 0);
    expect_same(&from, &to);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* From beside to inside, from inside to inside, and beside again. */
static void packed_files_are_the_same_files(void **state)
{
    char one[160], two[160];
    lt_take_report r;
    lt_text lines = {0};
    place from, file = {0}, to;

    (void)state;
    sent_open(&from, 2, NET_SIZE);
    snprintf(one, sizeof one, "%s/one.latent", from.dir);
    snprintf(two, sizeof two, "%s/two.latent", from.dir);
    EXPECT_OK(&from, pack(&from, one, &r, &lines));
    expect_report(&r, 2, 0, 0, 0);
    EXPECT_OK(&file, lt_store_open(one, LT_STORE_READ, &file.store, &file.err));
    expect_same(&from, &file);
    expect_sound(&file);
    EXPECT_SQL(&file, "PRAGMA journal_mode", "delete");
    EXPECT_SQL(&file, "SELECT count(*) FROM packed WHERE path = 'runs/1/net'",
               "3");
    EXPECT_OK(&file, pack(&file, two, &r, &lines));
    assert_int_equal(pack(&file, two, &r, &lines), LT_EINVAL);
    EXPECT_TEXT(file.err.text, "two.latent: is there already");
    lt_store_close(file.store);
    EXPECT_OK(&file, lt_store_open(two, LT_STORE_READ, &file.store, &file.err));
    place_open(&to);
    EXPECT_OK(&to, take(&file, &to, &r, &lines));
    expect_report(&r, 2, 0, 0, 0);
    expect_same(&from, &to);
    expect_sound(&to);
    assert_string_equal(lt_text_str(&lines), "");
    lt_store_close(file.store);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* An exported store whose packed file was changed. */
static void verify_looks_into_packed_files(void **state)
{
    lt_verify_report report;
    lt_text lines = {0};
    const lt_verify_opts opts = {.tell = keep_lines, .self = &lines};
    char path[160];
    lt_take_report r;
    place from, file = {0};

    (void)state;
    sent_open(&from, 1, 100);
    snprintf(path, sizeof path, "%s/out.latent", from.dir);
    EXPECT_OK(&from, pack(&from, path, &r, &lines));
    edit(path, "UPDATE packed SET body = zeroblob(100) WHERE path LIKE '%net'");
    EXPECT_OK(&file, lt_store_open(path, LT_STORE_READ, &file.store, NULL));
    EXPECT_OK(&file, lt_store_verify(file.store, &opts, &report, &file.err));
    assert_int_equal(report.n_wrong, 1);
    assert_int_equal(report.files, 3);
    EXPECT_TEXT(lt_text_str(&lines),
                "run 1: file net (runs/1/net, in the store) was changed");
    lt_store_close(file.store);
    lt_text_deinit(&lines);
    place_close(&from);
}

static void a_name_that_is_taken_is_drawn_again(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    place from, to;

    (void)state;
    sent_open(&from, 1, 5);
    sent_open(&to, 2, 5);
    write_sql(&from, "DROP TRIGGER run_frozen;"
                     "UPDATE run SET name = 'samename2'");
    write_sql(&to, "UPDATE run SET name = 'samename2' WHERE id = 2");
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 1, 0, 0, 0);
    EXPECT_TEXT(lt_text_str(&lines), "run samename2 is called ");
    EXPECT_TEXT(lt_text_str(&lines), " here: another run has its name");
    EXPECT_SQL(&to, "SELECT count(DISTINCT name) || max(length(name)) FROM run",
               "39");
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 0, 1, 0);
    assert_string_equal(lt_text_str(&lines), "");
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* ---- a run that is here, and went further there ---- */

static void a_live_run_is_left(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char lock[160];
    place from, to;
    int fd = -1;

    (void)state;
    sent_open(&from, 2, 5);
    place_open(&to);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    write_sql(&from, "UPDATE run SET ended_at = ended_at + 1, message = 'more'"
                     " WHERE id = 2");
    write_sql(&to, "UPDATE run SET status = 'running' WHERE id = 2");
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 0, 1, 1);
    EXPECT_TEXT(lt_text_str(&lines), "is being executed here: left");
    /* It has recorded its end, but holds its lock for a moment yet. */
    write_sql(&to, "UPDATE run SET status = 'failed' WHERE id = 2");
    snprintf(lock, sizeof lock, "%s/runs/2", to.dir);
    EXPECT_OK(&to, lt_path_make_dirs(lock, &to.err));
    snprintf(lock, sizeof lock, "%s/runs/2/lock", to.dir);
    EXPECT_OK(&to, lt__lock_take(lock, &fd, &to.err));
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 0, 1, 1);
    EXPECT_SQL(&to, "SELECT message FROM run WHERE id = 2", "the end");
    close(fd);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 1, 1, 0);
    expect_same(&from, &to);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

static void a_finished_run_is_never_changed(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char *before;
    place from, to;

    (void)state;
    sent_open(&from, 1, 5);
    place_open(&to);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    before = said(&to);
    lt_store_close(from.store);
    edit(from.path, "UPDATE run SET ended_at = ended_at + 1, message = 'x';"
                    "UPDATE series SET last = 7 WHERE n = 5;"
                    "UPDATE metric SET value = 7 WHERE seq = 4");
    EXPECT_OK(&from,
              lt_store_open(from.path, LT_STORE_WRITE, &from.store, &from.err));
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 0, 0, 0, 1);
    EXPECT_TEXT(lt_text_str(&lines), "with other results: this store's are");
    expect_said(&to, before);
    lt_mem_free(before);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* What is not sound leaves the files here as they are. */
static void a_bad_file_replaces_none(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char one[160], command[512], hash[LT_DIGEST_HEX], zeros[100] = {0};
    place from, file = {0}, to;

    (void)state;
    sent_open(&from, 1, 100);
    place_open(&to);
    lt_store_close(from.store);
    edit(from.path, "UPDATE run SET status = 'failed'");
    EXPECT_OK(&from,
              lt_store_open(from.path, LT_STORE_WRITE, &from.store, &from.err));
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_sound(&to);
    snprintf(one, sizeof one, "%s/one.latent", from.dir);
    EXPECT_OK(&from, pack(&from, one, &r, &lines));
    lt_digest_bytes(zeros, sizeof zeros, hash);
    snprintf(command, sizeof command,
             "UPDATE run SET status = 'finished';"
             "UPDATE artifact SET sha256 = '%s' WHERE name = 'net';"
             "UPDATE packed SET body = zeroblob(100) WHERE path LIKE '%%net';"
             "UPDATE packed SET body = zeroblob(5) WHERE path LIKE '%%small'",
             hash);
    edit(one, command);
    EXPECT_OK(&file, lt_store_open(one, LT_STORE_READ, &file.store, &file.err));
    EXPECT_OK(&to, take(&file, &to, &r, &lines));
    assert_int_equal(r.n_refused, 1);
    expect_sound(&to);
    expect_same(&from, &to);
    snprintf(command, sizeof command,
             "! find %s/runs -name '.latent*' | grep -q .", to.dir);
    assert_int_equal(system(command), 0);
    lt_store_close(file.store);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* The same uuid with another config is no other state of the run. */
static void another_config_is_refused(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char *before;
    place from, to;

    (void)state;
    sent_open(&from, 2, 5);
    place_open(&to);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    before = said(&to);
    write_sql(&from, "UPDATE run SET config = '{}', ended_at = ended_at + 1"
                     " WHERE id = 2");
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    assert_int_equal(r.n_refused, 1);
    EXPECT_TEXT(lt_text_str(&lines), "it is here with another config");
    expect_said(&to, before);
    lt_mem_free(before);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* A side file of metrics waits beside that store: not all of the run is in it.
 */
static void a_run_that_waits_there_is_left(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char path[160];
    place from, to;

    (void)state;
    sent_open(&from, 2, 5);
    place_open(&to);
    for (int run = 1; run <= 2; run++) {
        snprintf(path, sizeof path, "%s/runs/unsaved", from.dir);
        EXPECT_OK(&from, lt_path_make_dirs(path, &from.err));
        snprintf(path, sizeof path, "%s/runs/unsaved/%d", from.dir, run);
        EXPECT_OK(&from, lt_path_write(path, "x", 1, &from.err));
    }
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 1, 0, 0, 1); /* a finished run has got all */
    EXPECT_TEXT(lt_text_str(&lines), "could not store all there");
    assert_int_equal(unlink(path), 0);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 1, 0, 1, 0);
    expect_same(&from, &to);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* ---- folders ---- */

static void make_folder(const place *p, int id, bool marked)
{
    char path[160];

    snprintf(path, sizeof path, "%s/runs/%d", p->dir, id);
    assert_int_equal(lt_path_make_dirs(path, NULL), LT_OK);
    snprintf(path, sizeof path, "%s/runs/%d/%s", p->dir, id,
             marked ? "incoming" : "other");
    assert_int_equal(lt_path_write(path, "x", 1, NULL), LT_OK);
}

static void what_was_left_by_the_killed_is_removed(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    char path[160];
    place from, to;
    int fd = -1;

    (void)state;
    sent_open(&from, 1, 5);
    place_open(&to);
    make_folder(&to, 1, false); /* of an earlier store: its id is not used */
    make_folder(&to, 70, true);
    make_folder(&to, 71, true); /* of one that is under way */
    snprintf(path, sizeof path, "%s/runs/71/lock", to.dir);
    EXPECT_OK(&to, lt__lock_take(path, &fd, &to.err));
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    expect_report(&r, 1, 0, 0, 0);
    EXPECT_SQL(&to, "SELECT id FROM run", "2");
    assert_int_equal(count_folders(&to), 3);
    close(fd);
    EXPECT_OK(&to, take(&from, &to, &r, &lines));
    assert_int_equal(count_folders(&to), 2);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* ---- many at once ---- */

static void several_take_the_same_at_once(void **state)
{
    enum { N = 4 };
    lt_take_report r;
    lt_text lines = {0};
    pid_t pids[N];
    place from, to;

    (void)state;
    sent_open(&from, 2, 100000);
    place_open(&to);
    lt_store_close(to.store);
    lt_store_close(from.store);
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            place a = from, b = to;

            if (lt_store_open(a.path, LT_STORE_READ, &a.store, NULL) != LT_OK ||
                lt_store_open(b.path, LT_STORE_WRITE, &b.store, NULL) != LT_OK)
                _exit(2);
            if (take(&a, &b, &r, &lines) != LT_OK)
                _exit(3);
            _exit(r.n_new + r.n_same + r.n_left == 2 ? 0 : 4);
        }
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(child_status(pids[i]), 0);
    EXPECT_OK(&from,
              lt_store_open(from.path, LT_STORE_WRITE, &from.store, &from.err));
    EXPECT_OK(&to, lt_store_open(to.path, LT_STORE_WRITE, &to.store, &to.err));
    expect_same(&from, &to);
    expect_sound(&to);
    assert_int_equal(count_folders(&to), 1);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

/* ---- no memory ---- */

static void memory_may_run_out_anywhere(void **state)
{
    lt_take_report r;
    lt_text lines = {0};
    const lt_take_opts opts = {0};
    lt_status rc = LT_ENOMEM;
    place from, to;
    int n = 0;

    (void)state;
    sent_open(&from, 2, 100);
    place_open(&to);
    for (; rc == LT_ENOMEM && n < 2000; n++) {
        lt_mem_fail_after(n);
        rc = lt_store_take(from.store, to.store, &opts, &r, NULL);
        lt_mem_fail_after(-1);
        expect_sound(&to); /* whole runs, and no folder of none */
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 20);
    expect_same(&from, &to);
    lt_text_deinit(&lines);
    place_close(&from);
    place_close(&to);
}

static void no_file_is_left_when_memory_runs_out(void **state)
{
    lt_take_report r;
    char path[160];
    lt_export_opts opts = {.path = path};
    lt_status rc = LT_ENOMEM;
    place from;
    int n = 0, before;

    (void)state;
    sent_open(&from, 1, 100);
    before = count_folders(&from);
    snprintf(path, sizeof path, "%s/runs/out.latent", from.dir);
    for (; rc == LT_ENOMEM && n < 2000; n++) {
        lt_mem_fail_after(n);
        rc = lt_store_export(from.store, &opts, &r, NULL);
        lt_mem_fail_after(-1);
        assert_int_equal(count_folders(&from), before + (rc == LT_OK));
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 20);
    place_close(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives_once),
        cmocka_unit_test(packed_files_are_the_same_files),
        cmocka_unit_test(verify_looks_into_packed_files),
        cmocka_unit_test(a_name_that_is_taken_is_drawn_again),
        cmocka_unit_test(a_live_run_is_left),
        cmocka_unit_test(a_finished_run_is_never_changed),
        cmocka_unit_test(a_bad_file_replaces_none),
        cmocka_unit_test(another_config_is_refused),
        cmocka_unit_test(a_run_that_waits_there_is_left),
        cmocka_unit_test(what_was_left_by_the_killed_is_removed),
        cmocka_unit_test(several_take_the_same_at_once),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(no_file_is_left_when_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
