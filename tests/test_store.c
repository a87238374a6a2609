/* Opening, migrating and refusing files; sources; the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_help.h"

static void store_has_the_views_of_the_design(void **state)
{
    static const char *const views[][2] = {
        {"runs", "id,experiment,sweep,status,seed,config,message,started_at,"
                 "ended_at,seconds,host,git_commit,script"},
        {"params", "run,key,value"},
        {"metrics", "run,name,step,epoch,value,at,kind"},
        {"finals",
         "run,name,n,last,last_step,min,min_step,max,max_step,nonfinite"},
        {"artifacts", "run,name,kind,path,sha256,bytes"},
    };
    place p;

    (void)state;
    place_open(&p);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char sql[128];

        snprintf(sql, sizeof sql,
                 "SELECT group_concat(name) FROM pragma_table_info('%s')",
                 views[i][0]);
        assert_memory_equal(place_ask(&p, sql), views[i][1],
                            strlen(views[i][1]));
    }
    EXPECT_SQL(&p, "PRAGMA user_version", "2");
    EXPECT_SQL(&p, "PRAGMA application_id", "1818326126");
    EXPECT_SQL(&p, "PRAGMA journal_mode", "wal");
    EXPECT_SQL(&p, "PRAGMA foreign_keys", "1");
    EXPECT_SQL(&p,
               "SELECT count(*) FROM pragma_table_list"
               " WHERE type = 'table' AND NOT strict"
               " AND name NOT LIKE 'sqlite%'",
               "0");
    place_close(&p);
}

static void file_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void file_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void expect_refused(const char *path, lt_store_mode mode,
                           lt_status status, const char *part)
{
    lt_store *s = NULL;
    lt_err err = {0};

    assert_int_equal(lt_store_open(path, mode, &s, &err), status);
    assert_null(s);
    EXPECT_TEXT(err.text, path);
    EXPECT_TEXT(err.text, part);
}

static void store_refuses_what_is_not_a_store(void **state)
{
    char junk[8192], path[160];
    place p;

    (void)state;
    place_open(&p);
    memset(junk, 'x', sizeof junk);
    snprintf(path, sizeof path, "%s/junk", p.dir);
    file_write(path, junk, sizeof junk);
    expect_refused(path, LT_STORE_CREATE, LT_ESTORE, "not a latent store");
    expect_refused(path, LT_STORE_READ, LT_ESTORE, "not a latent store");
    snprintf(path, sizeof path, "%s/other.db", p.dir);
    file_sql(path, "CREATE TABLE a (b)");
    expect_refused(path, LT_STORE_CREATE, LT_ESTORE, "not a latent store");
    expect_refused(path, LT_STORE_READ, LT_ESTORE, "not a latent store");
    expect_refused(p.dir, LT_STORE_CREATE, LT_ESTORE, "a folder");
    snprintf(path, sizeof path, "%s/empty.db", p.dir);
    file_write(path, "", 0);
    expect_refused(path, LT_STORE_READ, LT_ENOTFOUND, "empty");
    place_close(&p);
}

static void store_missing_says_how_to_make_one(void **state)
{
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    snprintf(path, sizeof path, "%s/none/latent.db", p.dir);
    expect_refused(path, LT_STORE_READ, LT_ENOTFOUND, "latent run");
    expect_refused(path, LT_STORE_WRITE, LT_ENOTFOUND, "latent run");
    assert_int_not_equal(access(path, F_OK), 0);
    place_close(&p);
}

static void store_is_created_with_its_folders(void **state)
{
    lt_store *s = NULL;
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    snprintf(path, sizeof path, "%s/a/b#?%%/latent.db", p.dir);
    EXPECT_OK(&p, lt_store_open(path, LT_STORE_CREATE, &s, &p.err));
    assert_string_equal(lt_store_path(s), path);
    lt_store_close(s);
    s = NULL;
    EXPECT_OK(&p, lt_store_open(path, LT_STORE_READ, &s, &p.err));
    lt_store_close(s);
    place_close(&p);
}

static void store_of_newer_schema_is_read_not_written(void **state)
{
    lt_store *s = NULL;
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err, "PRAGMA user_version = 7", ""));
    expect_refused(p.path, LT_STORE_WRITE, LT_ESTORE, "newer");
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &s, &p.err));
    lt_store_close(s);
    place_close(&p);
}

static void store_opened_to_read_changes_nothing(void **state)
{
    char hex[LT_DIGEST_HEX];
    lt_store *s = NULL;
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &s, &p.err));
    assert_int_equal(lt_store_put_source(s, "x", 1, hex, &p.err), LT_ESTORE);
    EXPECT_TEXT(p.err.text, "readonly");
    lt_store_close(s);
    place_close(&p);
}

/* A user without the right to write reads a store in a closed folder. */
static int read_as_nobody(const char *path, bool has_log)
{
    lt_store *s = NULL;
    lt_err err = {0};
    lt_status rc;

    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 77;
    rc = lt_store_open(path, LT_STORE_READ, &s, &err);
    lt_store_close(s);
    if (has_log)
        return rc == LT_ESTORE && strstr(err.text, "-wal") ? 0 : 2;
    if (rc != LT_OK)
        fprintf(stderr, "%s\n", err.text);
    return rc == LT_OK ? 0 : 1;
}

static void store_in_a_closed_folder_can_be_read(void **state)
{
    char wal[160];
    pid_t pid;
    place p;

    (void)state;
    place_open(&p);
    lt_store_close(p.store);
    p.store = NULL;
    assert_int_equal(chmod(p.dir, 0555), 0);
    assert_int_equal(chmod(p.path, 0444), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(read_as_nobody(p.path, false));
    assert_int_equal(WEXITSTATUS(child_status(pid)), 0);
    /* With a log that cannot be used, it says so. */
    assert_int_equal(chmod(p.dir, 0755), 0);
    snprintf(wal, sizeof wal, "%s-wal", p.path);
    file_write(wal, "changes", 7);
    assert_int_equal(chmod(wal, 0), 0);
    assert_int_equal(chmod(p.dir, 0555), 0);
    pid = fork();
    if (pid == 0)
        _exit(read_as_nobody(p.path, true));
    assert_int_equal(WEXITSTATUS(child_status(pid)), 0);
    assert_int_equal(chmod(p.dir, 0755), 0);
    place_close(&p);
}

static void store_opened_first_by_many_is_made_once(void **state)
{
    enum { N = 8 };
    pid_t pids[N];
    int go[2];
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    snprintf(path, sizeof path, "%s/many/latent.db", p.dir);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            lt_store *s = NULL;
            lt_err err = {0};
            char byte;

            close(go[1]);
            (void)!read(go[0], &byte, 1); /* until the parent lets go */
            if (lt_store_open(path, LT_STORE_CREATE, &s, &err) != LT_OK) {
                fprintf(stderr, "%s\n", err.text);
                _exit(1);
            }
            lt_store_close(s);
            _exit(0);
        }
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < N; i++)
        assert_int_equal(child_status(pids[i]), 0);
    place_close(&p);
}

static void store_half_migrated_leaves_nothing(void **state)
{
    lt_store *s = NULL;
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    snprintf(path, sizeof path, "%s/late.db", p.dir);
    /* A view in the way of the last part of the migration. */
    file_sql(path, "PRAGMA application_id = 1818326126;"
                   "CREATE VIEW sweeps AS SELECT 1");
    assert_int_equal(lt_store_open(path, LT_STORE_CREATE, &s, &p.err),
                     LT_ESTORE);
    EXPECT_TEXT(p.err.text, "sweeps");
    file_sql(path, "DROP VIEW sweeps");
    EXPECT_OK(&p, lt_store_open(path, LT_STORE_CREATE, &s, &p.err));
    lt_store_close(s);
    place_close(&p);
}

static void source_is_kept_once_and_comes_back(void **state)
{
    static const char body[] = "return {\0} -- \xff";
    char a[LT_DIGEST_HEX], b[LT_DIGEST_HEX];
    lt_text out = {0};
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt_store_put_source(p.store, body, sizeof body, a, &p.err));
    EXPECT_OK(&p, lt_store_put_source(p.store, body, sizeof body, b, &p.err));
    assert_string_equal(a, b);
    EXPECT_SQL(&p, "SELECT count(*) FROM source", "1");
    EXPECT_OK(&p, lt_store_get_source(p.store, a, &out, &p.err));
    assert_int_equal(out.size, sizeof body);
    assert_memory_equal(out.data, body, sizeof body);
    EXPECT_OK(&p, lt_store_put_source(p.store, "", 0, a, &p.err));
    EXPECT_OK(&p, lt_store_get_source(p.store, a, &out, &p.err));
    assert_int_equal(out.size, 0);
    assert_int_equal(lt_store_get_source(p.store, "abc", &out, &p.err),
                     LT_ENOTFOUND);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "UPDATE source SET body = x'00' WHERE hash = ?",
                            "t", b));
    assert_int_equal(lt_store_get_source(p.store, b, &out, &p.err), LT_ESTORE);
    EXPECT_TEXT(p.err.text, "was changed");
    lt_text_deinit(&out);
    place_close(&p);
}

static void queue_makes_rows_of_a_sweep(void **state)
{
    static const char *const configs[] = {
        "{\"code\":2,\"deep\":true,\"rate\":0.1,\"tie\":\"tied\"}",
        "{\"code\":6,\"layers\":[3,2],\"rate\":1e-300,\"tie\":null}",
    };
    lt_text path = {0}, body = {0};
    int64_t sweep;
    place p;

    (void)state;
    place_open(&p);
    sweep = place_queue(&p, "first", configs, 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs", "queued,queued");
    EXPECT_SQL(&p,
               "SELECT count(DISTINCT name) FROM runs"
               " WHERE name GLOB '[a-z]*' AND length(name) = 9",
               "2");
    EXPECT_SQL(&p,
               "SELECT group_concat(key || typeof(value) || type)"
               " FROM (SELECT * FROM params WHERE run = 1 ORDER BY key)",
               "codeintegerinteger,deepintegertrue,raterealreal,"
               "tietexttext");
    EXPECT_SQL(&p, "SELECT value FROM params WHERE key = 'layers'", "[3,2]");
    EXPECT_SQL(&p,
               "SELECT count(*) FROM params WHERE key = 'rate'"
               " AND value = 0.1",
               "1");
    EXPECT_SQL(&p, "SELECT runs || experiment || script FROM sweeps",
               "2firstexperiments/test.lua");
    EXPECT_OK(&p,
              lt_store_sweep_source(p.store, sweep, 0, &path, &body, &p.err));
    assert_string_equal(lt_text_str(&path), "experiments/test.lua");
    assert_string_equal(lt_text_str(&body), "first");
    assert_int_equal(
        lt_store_sweep_source(p.store, sweep, 1, &path, &body, &p.err),
        LT_ENOTFOUND);
    lt_text_deinit(&path);
    lt_text_deinit(&body);
    place_close(&p);
}

static void queue_with_a_bad_config_leaves_nothing(void **state)
{
    lt_queue_item items[] = {{"{\"a\":1}", 1, "h"}, {"[1]", 1, "h"}};
    lt_sweep_spec spec = {
        .experiment = "bad",
        .question = "",
        .targets = "{}",
        .defaults = "{}",
        .command = "",
        .git_commit = "",
        .git_diff_hex = "",
    };
    int64_t sweep = 0;
    int n = 0;
    place p;

    (void)state;
    place_open(&p);
    assert_int_equal(
        lt_store_queue(p.store, &spec, items, 2, false, &sweep, &n, &p.err),
        LT_EINVAL);
    EXPECT_TEXT(p.err.text, "object");
    EXPECT_SQL(&p, "SELECT count(*) FROM run", "0");
    EXPECT_SQL(&p, "SELECT count(*) FROM sweep", "0");
    EXPECT_SQL(&p, "SELECT count(*) FROM param_name", "0");
    place_close(&p);
}

static void queue_needed_leaves_out_finished_runs(void **state)
{
    lt_source_ref source = {.path = "s.lua"};
    lt_sweep_spec spec = {
        .experiment = "e",
        .question = "",
        .targets = "{}",
        .defaults = "{}",
        .command = "",
        .sources = &source,
        .n_sources = 1,
        .git_commit = "",
        .git_diff_hex = "",
    };
    lt_queue_item items[] = {
        {"{\"a\":1,\"seed\":1}", 1, "h"},
        {"{\"a\":1,\"seed\":2}", 2, "h"},
        {"{\"a\":2,\"seed\":1}", 1, "h"}, /* a hash that collides */
    };
    int64_t sweep = 0;
    bool done = true;
    int n = 0;
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt_store_put_source(p.store, "s", 1, source.hex, &p.err));
    EXPECT_OK(
        &p, lt_store_queue(p.store, &spec, items, 3, true, &sweep, &n, &p.err));
    assert_int_equal(n, 3);
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FINISHED, "", &p.err));
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FAILED, "", &p.err));
    EXPECT_OK(
        &p, lt_store_queue(p.store, &spec, items, 3, true, &sweep, &n, &p.err));
    assert_int_equal(n, 2);
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &items[0], &done, &p.err));
    assert_true(done);
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &items[2], &done, &p.err));
    assert_false(done);
    EXPECT_OK(
        &p, lt_store_queue(p.store, &spec, items, 1, true, &sweep, &n, &p.err));
    assert_int_equal(n, 0);
    assert_int_equal(sweep, 0);
    EXPECT_SQL(&p, "SELECT count(*) FROM sweep", "2");
    /* Another script: nothing is done. */
    EXPECT_OK(&p, lt_store_put_source(p.store, "t", 1, source.hex, &p.err));
    EXPECT_OK(&p, lt_store_is_done(p.store, &spec, &items[0], &done, &p.err));
    assert_false(done);
    place_close(&p);
}

static void sweep_counts_are_by_status(void **state)
{
    int counts[LT_RUN_STATUS_COUNT];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 3);
    place_queue_many(&p, 2);
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_DIVERGED, "", &p.err));
    EXPECT_OK(&p, lt_store_sweep_counts(p.store, 1, counts, &p.err));
    assert_int_equal(counts[LT_RUN_QUEUED], 2);
    assert_int_equal(counts[LT_RUN_DIVERGED], 1);
    assert_int_equal(counts[LT_RUN_FINISHED], 0);
    EXPECT_OK(&p, lt_store_sweep_counts(p.store, 0, counts, &p.err));
    assert_int_equal(counts[LT_RUN_QUEUED], 4);
    place_close(&p);
}

static void status_names_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < LT_RUN_STATUS_COUNT; i++)
        assert_int_equal(
            lt_run_status_find(lt_run_status_name((lt_run_status)i)), i);
    assert_int_equal(lt_run_status_find("done"), -1);
}

/* ---- a change that was cut off ---- */

/* A process dies within a transaction, with the journal and some of the pages
 * on the disk. Without a write-ahead log. */
static void place_cut_off(place *p)
{
    pid_t pid;

    lt_store_close(p->store);
    p->store = NULL;
    pid = fork();
    if (pid == 0) {
        sqlite3 *db = NULL;

        if (sqlite3_open(p->path, &db) != SQLITE_OK ||
            sqlite3_exec(db,
                         "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1;"
                         "BEGIN; CREATE TABLE more (x);"
                         "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT"
                         " i + 1 FROM n WHERE i < 200) INSERT INTO more"
                         " SELECT hex(randomblob(2000)) FROM n;"
                         "UPDATE run SET message = hex(randomblob(2000))",
                         NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(child_status(pid), 0);
}

static void change_that_was_cut_off_is_taken_back_by_a_reader(void **state)
{
    char journal[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 20);
    place_cut_off(&p);
    snprintf(journal, sizeof journal, "%s-journal", p.path);
    assert_int_equal(access(journal, F_OK), 0);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM run WHERE message = ''", "20");
    EXPECT_SQL(&p, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'",
               "0");
    assert_int_not_equal(access(journal, F_OK), 0);
    place_close(&p);
}

/* The end of a journal that names another file: its length, the sum of its
 * bytes, a mark. Whoever rolls it back may remove that file. */
static void journal_that_names_another_file_is_left_alone(void **state)
{
    static const unsigned char mark[] = {0xd9, 0xd5, 0x05, 0xf9,
                                         0x20, 0xa1, 0x63, 0xd7};
    char journal[160], victim[160];
    unsigned sum = 0, size;
    place p;
    FILE *f;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 20);
    place_cut_off(&p);
    snprintf(victim, sizeof victim, "%s/victim", p.dir);
    f = fopen(victim, "w");
    fputs("mine", f);
    fclose(f);
    snprintf(journal, sizeof journal, "%s-journal", p.path);
    f = fopen(journal, "a");
    size = (unsigned)strlen(victim);
    for (unsigned i = 0; i < size; i++)
        sum += (unsigned char)victim[i];
    fputs(victim, f);
    for (int i = 3; i >= 0; i--)
        putc((int)(size >> 8 * i & 255), f);
    for (int i = 3; i >= 0; i--)
        putc((int)(sum >> 8 * i & 255), f);
    fwrite(mark, 1, sizeof mark, f);
    fclose(f);
    assert_int_equal(lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err),
                     LT_ESTORE);
    assert_int_equal(access(victim, F_OK), 0);
    assert_int_equal(access(journal, F_OK), 0);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_has_the_views_of_the_design),
        cmocka_unit_test(store_refuses_what_is_not_a_store),
        cmocka_unit_test(store_missing_says_how_to_make_one),
        cmocka_unit_test(store_is_created_with_its_folders),
        cmocka_unit_test(store_of_newer_schema_is_read_not_written),
        cmocka_unit_test(store_opened_to_read_changes_nothing),
        cmocka_unit_test(store_in_a_closed_folder_can_be_read),
        cmocka_unit_test(store_opened_first_by_many_is_made_once),
        cmocka_unit_test(store_half_migrated_leaves_nothing),
        cmocka_unit_test(source_is_kept_once_and_comes_back),
        cmocka_unit_test(queue_makes_rows_of_a_sweep),
        cmocka_unit_test(queue_with_a_bad_config_leaves_nothing),
        cmocka_unit_test(queue_needed_leaves_out_finished_runs),
        cmocka_unit_test(sweep_counts_are_by_status),
        cmocka_unit_test(status_names_round_trip),
        cmocka_unit_test(change_that_was_cut_off_is_taken_back_by_a_reader),
        cmocka_unit_test(journal_that_names_another_file_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
