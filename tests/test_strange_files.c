/* What a stranger's folder has beside a store: links that lead elsewhere, pipes
 * that never end, a journal that names a file to be deleted; and pages that
 * lead to each other for ever. Each would do harm, were it not looked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "latent/base/path.h"
#include "latent/base/snapshot.h"
#include "latent/net/checkpoint.h"
#include "latent/store/verify.h"
#include "store_help.h"

/* A pipe that nobody writes to is opened, or waited for until this. */
enum { PATIENCE = 60 };

static void make_run_folder(const place *p, int run, char out[192])
{
    lt_text dir = {0};

    lt_store_run_dir(p->store, run, &dir);
    assert_int_equal(lt_path_make_dirs(lt_text_str(&dir), NULL), LT_OK);
    snprintf(out, 192, "%s", lt_text_str(&dir));
    lt_text_deinit(&dir);
}

static void expect_no_claim(place *p, const char *told)
{
    lt_run_env env = {.threads = 1};
    lt_claim *claim = NULL;
    lt_err err = {0};

    lt_host_describe(&env.host);
    assert_int_not_equal(lt_claim_next(p->store, 0, &env, &claim, &err), LT_OK);
    assert_null(claim);
    EXPECT_TEXT(err.text, told);
}

static void links_in_the_place_of_locks_are_not_followed(void **state)
{
    char dir[192], lock[256], victim[160], *text = NULL;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    make_run_folder(&p, 1, dir);
    snprintf(lock, sizeof lock, "%s/lock", dir);
    snprintf(victim, sizeof victim, "%s/victim", p.dir);
    assert_int_equal(symlink(victim, lock), 0);
    expect_no_claim(&p, "/lock: ");
    assert_false(lt_path_exists(victim));
    assert_int_equal(lt_path_write(victim, "precious", 8, NULL), LT_OK);
    expect_no_claim(&p, "/lock: ");
    assert_false(lt__lock_is_free(lock));
    assert_int_equal(lt_path_read(victim, 100, &text, NULL, NULL), LT_OK);
    assert_string_equal(text, "precious");
    lt_mem_free(text);
    place_close(&p);
}

static void pipes_are_not_waited_for(void **state)
{
    char dir[192], pipe[256];
    lt_snapshot_file *file = NULL;
    lt_net *net = NULL;
    lt_store *s = NULL;
    lt_err err = {0};
    place p;

    (void)state;
    alarm(PATIENCE);
    place_open(&p);
    make_run_folder(&p, 1, dir);
    snprintf(pipe, sizeof pipe, "%s/lock", dir);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    (void)lt__lock_is_free(pipe);
    assert_int_equal(lt_snapshot_open(pipe, &file, &err), LT_EFORMAT);
    EXPECT_TEXT(err.text, "not a regular file");
    assert_int_equal(lt_checkpoint_load(pipe, &net, &err), LT_EIO);
    EXPECT_TEXT(err.text, "not a regular file");
    assert_int_equal(lt_store_open(pipe, LT_STORE_READ, &s, &err), LT_ESTORE);
    EXPECT_TEXT(err.text, "no plain file");
    alarm(0);
    place_close(&p);
}

static void runs_stay_in_the_stores_folder(void **state)
{
    char dir[192], elsewhere[160], runs[160], inner[200];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    snprintf(elsewhere, sizeof elsewhere, "/tmp/latent-else-%d", (int)getpid());
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    make_run_folder(&p, 1, dir);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(symlink(elsewhere, dir), 0);
    expect_no_claim(&p, "a link leads it out of the store's folder");
    assert_int_equal(unlink(dir), 0);
    snprintf(runs, sizeof runs, "%s/runs", p.dir);
    assert_int_equal(rmdir(runs), 0);
    assert_int_equal(symlink(elsewhere, runs), 0);
    expect_no_claim(&p, "a link leads it out of the store's folder");
    assert_int_equal(rmdir(elsewhere), 0); /* it is empty */
    assert_int_equal(unlink(runs), 0);
    /* a link within the folder is its owner's business */
    snprintf(inner, sizeof inner, "%s/inner", p.dir);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(symlink("inner", runs), 0);
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* As SQLite's pager.c has it: page, name, size, sum, magic. */
static void write_journal(const char *path, const char *name)
{
    unsigned char journal[1024] = {0};
    size_t at = 512, n = strlen(name);
    uint32_t sum = 0;
    FILE *f = fopen(path, "wb");

    memset(journal, 'x', at);
    memcpy(journal + at, "\0\x04\0\1", 4);
    memcpy(journal + at + 4, name, n);
    at += 4 + n;
    for (size_t i = 0; i < n; i++)
        sum += (unsigned char)name[i];
    for (int i = 0; i < 4; i++) {
        journal[at + i] = (unsigned char)(n >> (24 - 8 * i));
        journal[at + 4 + i] = (unsigned char)(sum >> (24 - 8 * i));
    }
    memcpy(journal + at + 8, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
    assert_non_null(f);
    assert_int_equal(fwrite(journal, 1, at + 16, f), at + 16);
    fclose(f);
}

static void journal_deletes_no_file(void **state)
{
    char victim[160], journal[160];
    lt_store *s = NULL;
    lt_err err = {0};
    sqlite3 *db = NULL;
    place p;

    (void)state;
    place_open(&p);
    lt_store_close(p.store);
    p.store = NULL;
    assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    snprintf(victim, sizeof victim, "%s/victim", p.dir);
    snprintf(journal, sizeof journal, "%s-journal", p.path);
    assert_int_equal(lt_path_write(victim, "precious\0", 9, NULL), LT_OK);
    write_journal(journal, victim);
    assert_int_equal(lt_store_open(p.path, LT_STORE_WRITE, &s, &err),
                     LT_ESTORE);
    EXPECT_TEXT(err.text, "could have SQLite delete a file");
    assert_int_equal(lt_store_open(p.path, LT_STORE_READ, &s, &err), LT_ESTORE);
    assert_true(lt_path_exists(victim));
    /* It is what SQLite does by itself, or this tests nothing. */
    assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "SELECT * FROM sqlite_schema", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_false(lt_path_exists(victim));
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
    place_close(&p);
}

/* ---- pages ---- */

enum { PAGE = 512, LEVELS = 9, CELLS = 40 };

static void put_number(unsigned char *out, size_t size, uint32_t x)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(x >> (8 * (size - 1 - i)));
}

/* An inner page of a table: CELLS times, and at last, the same child. */
static void inner_page(unsigned char *page, uint32_t child)
{
    memset(page, 0, PAGE);
    page[0] = 5;
    put_number(page + 3, 2, CELLS);
    put_number(page + 5, 2, PAGE - CELLS * 5);
    put_number(page + 8, 4, child);
    for (uint32_t i = 0; i < CELLS; i++) {
        unsigned char *cell = page + PAGE - (i + 1) * 5;

        put_number(page + 12 + 2 * i, 2, PAGE - (i + 1) * 5);
        put_number(cell, 4, child);
        cell[4] = (unsigned char)(i + 1); /* its key */
    }
}

/* Table note becomes a tree of 41^9 leaves, all of them one page. */
static void pages_spoil(const place *p, int64_t root, uint32_t n_pages)
{
    unsigned char page[PAGE], count[4];
    int fd = open(p->path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, page, PAGE, (root - 1) * PAGE), PAGE);
    assert_int_equal(page[0], 13); /* its leaf, with one note */
    assert_int_equal(pwrite(fd, page, PAGE, (off_t)n_pages * PAGE), PAGE);
    for (uint32_t i = 1; i < LEVELS; i++) {
        inner_page(page, n_pages + i);
        assert_int_equal(pwrite(fd, page, PAGE, (off_t)(n_pages + i) * PAGE),
                         PAGE);
    }
    inner_page(page, n_pages + LEVELS);
    assert_int_equal(pwrite(fd, page, PAGE, (root - 1) * PAGE), PAGE);
    put_number(count, 4, n_pages + LEVELS);
    assert_int_equal(pwrite(fd, count, 4, 28), 4);
    close(fd);
}

static void endless_open(place *p)
{
    int64_t root = 0, pages = 0;
    sqlite3 *db = NULL;

    place_open(p);
    place_queue_many(p, 1);
    EXPECT_OK(p, lt__db_do(p->store, &p->err,
                           "INSERT INTO note (run, at, text) VALUES"
                           " (1, 1, 'n')",
                           ""));
    lt_store_close(p->store);
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode = DELETE;"
                                  "PRAGMA page_size = 512; VACUUM",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    EXPECT_OK(p, lt_store_open(p->path, LT_STORE_READ, &p->store, &p->err));
    EXPECT_OK(p, lt__db_integer(p->store, &root, &p->err,
                                "SELECT rootpage FROM sqlite_schema WHERE"
                                " type = 'table' AND name = 'note'",
                                ""));
    EXPECT_OK(
        p, lt__db_integer(p->store, &pages, &p->err, "PRAGMA page_count", ""));
    lt_store_close(p->store);
    pages_spoil(p, root, (uint32_t)pages);
    EXPECT_OK(p, lt_store_open(p->path, LT_STORE_READ, &p->store, &p->err));
}

static void finding_count(void *self, const char *finding)
{
    *(int *)self += strstr(finding, "database: ") != NULL;
}

static void statements_that_never_end_are_given_up(void **state)
{
    int found = 0;
    const lt_verify_opts opts = {.tell = finding_count, .self = &found};
    lt_verify_report report;
    sqlite3_stmt *stmt = NULL;
    lt_query *q = NULL;
    lt_err err = {0};
    int64_t n = 0;
    bool row = true;
    place p;

    (void)state;
    endless_open(&p);
    p.store->budget.patience = 0.2;
    /* within one step */
    assert_int_equal(
        lt__db_integer(p.store, &n, &err, "SELECT count(text) FROM note", ""),
        LT_ESTORE);
    EXPECT_TEXT(err.text, "given up after 0.2 seconds");
    /* row by row */
    EXPECT_OK(&p,
              lt__db_open(p.store, &stmt, &p.err, "SELECT * FROM note", ""));
    while (row)
        if (lt__db_next(p.store, stmt, &row, &err) != LT_OK)
            break;
    EXPECT_TEXT(err.text, "given up after 0.2 seconds");
    sqlite3_finalize(stmt);
    row = true;
    EXPECT_OK(&p, lt_query_open(p.store, "SELECT run, text FROM notes", 0, &q,
                                &p.err));
    while (row)
        if (lt_query_next(q, &row, &err) != LT_OK)
            break;
    EXPECT_TEXT(err.text, "given up after 0.2 seconds");
    lt_query_close(q);
    /* nor are rows without end kept */
    q = NULL;
    row = true;
    n = 0;
    p.store->budget.most_rows = 1000;
    EXPECT_OK(&p, lt_query_open(p.store, "SELECT run, text FROM notes", 0, &q,
                                &p.err));
    while (row && lt_query_next(q, &row, &err) == LT_OK)
        n++;
    assert_int_equal(n, 1000);
    EXPECT_TEXT(err.text, "stopped after 1000 rows");
    lt_query_close(q);
    /* and verify says what is the matter */
    EXPECT_OK(&p, lt_store_verify(p.store, &opts, &report, &p.err));
    assert_true(found > 0);
    place_close(&p);
}

static void values_have_a_largest_size(void **state)
{
    int64_t n = 0;
    lt_err err = {0};
    place p;

    (void)state;
    place_open(&p);
    assert_int_not_equal(lt__db_integer(p.store, &n, &err,
                                        "SELECT length(zeroblob(268435457))",
                                        ""),
                         LT_OK);
    EXPECT_TEXT(err.text, "too big");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_in_the_place_of_locks_are_not_followed),
        cmocka_unit_test(pipes_are_not_waited_for),
        cmocka_unit_test(runs_stay_in_the_stores_folder),
        cmocka_unit_test(journal_deletes_no_file),
        cmocka_unit_test(statements_that_never_end_are_given_up),
        cmocka_unit_test(values_have_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
