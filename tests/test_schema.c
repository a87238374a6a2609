/* Stores of every released schema, tests/stores/schema<N>.db: made by the
 * program of their time from the script that they hold. Each is read as it is,
 * brought to today's schema with a copy kept, and refused for writing when it
 * is of a schema to come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/verify.h"
#include "store/schema_guard.h"
#include "store_help.h"

/* Of a store in a folder of its own that was not opened yet. */
static void fixture_put(place *p, int version)
{
    char command[512];

    memset(p, 0, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/latent-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/latent.db", p->dir);
    snprintf(command, sizeof command, "cp %s/tests/stores/schema%d.db %s",
             LATENT_SOURCE_DIR, version, p->path);
    if (system(command) != 0)
        fail_msg("no store of schema %d was kept in tests/stores", version);
}

static void fixture_open(place *p, lt_store_mode mode)
{
    lt_store_close(p->store);
    p->store = NULL;
    EXPECT_OK(p, lt_store_open(p->path, mode, &p->store, &p->err));
}

/* Every value that the views of schema 1 show, as one text. */
static char *fixture_dump(place *p)
{
    static const char *const queries[] = {
        "SELECT id, experiment, sweep, status, seed, config, message,"
        " started_at, ended_at, seconds, host, git_commit, script, name, tags,"
        " parameters, data, network, uuid FROM runs ORDER BY id",
        "SELECT run, key, value, type FROM params ORDER BY run, key",
        "SELECT run, name, step, epoch, value, at, kind, seq FROM metrics"
        " ORDER BY run, name, seq",
        "SELECT run, name, n, last, last_step, min, max, nonfinite, last_kind"
        " FROM finals ORDER BY run, name",
        "SELECT run, name, kind, path, sha256, bytes FROM artifacts"
        " ORDER BY run, name",
        "SELECT run, at, text FROM notes ORDER BY run, at, text",
        "SELECT run, tag FROM tags ORDER BY run, tag",
        "SELECT id, experiment, question, targets, runs, finished, uuid"
        " FROM sweeps ORDER BY id",
        "SELECT hash, size, text FROM sources ORDER BY hash",
    };
    lt_text out = {0};
    sqlite3_stmt *stmt = NULL;

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        if (sqlite3_prepare_v2(p->store->db, queries[i], -1, &stmt, NULL))
            fail_msg("%s: %s", queries[i], sqlite3_errmsg(p->store->db));
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(stmt); c++)
                lt_text_addf(&out, "%s|", lt__db_text(stmt, c));
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    }
    assert_false(out.failed);
    return out.data;
}

static void count_wrong(void *self, const char *finding)
{
    (void)self;
    /* the weights were not kept */
    if (!strstr(finding, "is not there"))
        fail_msg("%s", finding);
}

static int count_files(const place *p)
{
    char command[160], line[16] = "";
    FILE *f;

    snprintf(command, sizeof command, "ls %s | wc -l", p->dir);
    f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    pclose(f);
    return atoi(line);
}

/* Digests tell the usual case apart; a new schema needs its own. */
static void every_schema_has_its_digest(void **state)
{
    (void)state;
    for (int v = 1; v <= LT__SCHEMA_VERSION; v++) {
        lt_store memory = {.path = (char *)"memory"};
        char hex[LT_DIGEST_HEX];
        lt_err err = {0};

        assert_int_equal(sqlite3_open(":memory:", &memory.db), SQLITE_OK);
        assert_int_equal(lt__schema_build(&memory, v, &err), LT_OK);
        assert_int_equal(lt__schema_digest(&memory, hex, &err), LT_OK);
        assert_string_equal(lt__migrations[v - 1].digest, hex);
        sqlite3_close(memory.db);
    }
}

static void every_released_store_is_read_as_it_is(void **state)
{
    (void)state;
    for (int v = 1; v <= LT__SCHEMA_VERSION; v++) {
        char before[LT_DIGEST_HEX], after[LT_DIGEST_HEX];
        lt_filter *filter = NULL;
        int64_t *runs = NULL;
        char *rows;
        int n = 0;
        place p;

        fixture_put(&p, v);
        EXPECT_OK(&p, lt_digest_file(p.path, before, &p.err));
        fixture_open(&p, LT_STORE_READ);
        assert_int_equal(p.store->version, v);
        assert_null(lt_store_notice(p.store));
        rows = fixture_dump(&p);
        assert_non_null(strstr(rows, "Is what was stored still there?"));
        lt_mem_free(rows);
        EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "38");
        EXPECT_SQL(&p,
                   "SELECT group_concat(status) FROM"
                   " (SELECT status FROM runs ORDER BY id)",
                   "finished,failed,diverged,finished,failed,diverged");
        EXPECT_OK(&p, lt_filter_compile(p.store, "code=2 and test.sse<100",
                                        &filter, &p.err));
        EXPECT_OK(&p, lt_filter_runs(filter, &runs, &n, &p.err));
        assert_int_equal(n, 1);
        lt_mem_free(runs);
        lt_filter_free(filter);
        EXPECT_OK(&p, lt_digest_file(p.path, after, &p.err));
        assert_string_equal(before, after);
        place_close(&p);
    }
}

static void every_released_store_is_brought_to_today(void **state)
{
    (void)state;
    for (int v = 1; v <= LT__SCHEMA_VERSION; v++) {
        lt_verify_opts opts = {.tell = count_wrong};
        lt_verify_report report;
        char *before, *after;
        place p;

        fixture_put(&p, v);
        fixture_open(&p, LT_STORE_READ);
        before = fixture_dump(&p);
        fixture_open(&p, LT_STORE_WRITE);
        after = fixture_dump(&p);
        assert_string_equal(before, after);
        lt_mem_free(after);
        EXPECT_OK(&p, lt_store_verify(p.store, &opts, &report, &p.err));
        assert_int_equal(report.n_wrong, 2);
        assert_int_equal(p.store->version, LT__SCHEMA_VERSION);
        if (v < LT__SCHEMA_VERSION) {
            char backup[160];
            lt_store *old = p.store;

            snprintf(backup, sizeof backup, "%s.schema%d.bak", p.path, v);
            EXPECT_TEXT(lt_store_notice(p.store), backup);
            p.store = NULL;
            lt_store_close(old);
            EXPECT_OK(&p,
                      lt_store_open(backup, LT_STORE_READ, &p.store, &p.err));
            assert_int_equal(p.store->version, v);
            after = fixture_dump(&p);
            assert_string_equal(before, after);
            lt_mem_free(after);
        } else {
            assert_null(lt_store_notice(p.store));
        }
        lt_mem_free(before);
        fixture_open(&p, LT_STORE_WRITE); /* a second time nothing is done */
        assert_null(lt_store_notice(p.store));
        place_close(&p);
    }
}

/* The first comes to it while others already write. */
static void many_that_open_at_once_make_one_copy(void **state)
{
    enum { N = 8 };
    pid_t all[N];
    place p;

    (void)state;
    fixture_put(&p, 1);
    for (int i = 0; i < N; i++) {
        all[i] = fork();
        assert_true(all[i] >= 0);
        if (all[i] == 0) {
            lt_store *s = NULL;
            lt_err err = {0};
            bool ok = lt_store_open(p.path, LT_STORE_WRITE, &s, &err) == LT_OK;

            if (!ok)
                fprintf(stderr, "%s\n", err.text);
            lt_store_close(s);
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < N; i++) {
        int status = -1;

        assert_int_equal(waitpid(all[i], &status, 0), all[i]);
        assert_int_equal(status, 0);
    }
    fixture_open(&p, LT_STORE_WRITE);
    EXPECT_SQL(&p, "PRAGMA user_version", "2");
    lt_store_close(p.store);
    p.store = NULL;
    assert_int_equal(count_files(&p), 2);
    place_close(&p);
}

/* An earlier copy stays, and gets company. */
static void copy_never_replaces_a_copy(void **state)
{
    char command[512];
    place p;

    (void)state;
    fixture_put(&p, 1);
    snprintf(command, sizeof command, "echo precious >%s.schema1.bak", p.path);
    assert_int_equal(system(command), 0);
    fixture_open(&p, LT_STORE_WRITE);
    EXPECT_TEXT(lt_store_notice(p.store), ".schema1.bak.2");
    snprintf(command, sizeof command, "grep -q precious %s.schema1.bak",
             p.path);
    assert_int_equal(system(command), 0);
    place_close(&p);
}

static void store_stays_as_it_is_without_room_for_a_copy(void **state)
{
    char command[512];
    lt_store *s = NULL;
    place p;

    (void)state;
    fixture_put(&p, 1);
    /* the name that the copy is first made under: a folder */
    snprintf(command, sizeof command, "mkdir %s.schema1.bak.%d.part", p.path,
             (int)getpid());
    assert_int_equal(system(command), 0);
    assert_int_equal(lt_store_open(p.path, LT_STORE_WRITE, &s, &p.err),
                     LT_ESTORE);
    EXPECT_TEXT(p.err.text, "no copy could be made first");
    fixture_open(&p, LT_STORE_READ);
    assert_int_equal(p.store->version, 1);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "38");
    place_close(&p);
}

/* As a program to come would leave it: more tables, more columns. */
static void store_of_a_schema_to_come_is_only_read(void **state)
{
    char command[512];
    lt_store *s = NULL;
    place p;

    (void)state;
    fixture_put(&p, LT__SCHEMA_VERSION);
    fixture_open(&p, LT_STORE_WRITE);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "CREATE TABLE colour (run INTEGER) STRICT", ""));
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "ALTER TABLE run ADD COLUMN colour TEXT", ""));
    snprintf(command, sizeof command, "PRAGMA user_version = %d",
             LT__SCHEMA_VERSION + 1);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err, command, ""));
    assert_int_equal(lt_store_open(p.path, LT_STORE_WRITE, &s, &p.err),
                     LT_ESTORE);
    EXPECT_TEXT(p.err.text, "made by a newer latent");
    assert_int_equal(lt_store_open(p.path, LT_STORE_CREATE, &s, &p.err),
                     LT_ESTORE);
    fixture_open(&p, LT_STORE_READ);
    assert_int_equal(p.store->version, LT__SCHEMA_VERSION + 1);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "38");
    place_close(&p);
}

static void removed_runs_are_in_no_view_but_their_own(void **state)
{
    static const char *const views[] = {"params", "metrics",   "finals",
                                        "notes",  "artifacts", "tags"};
    place p;

    (void)state;
    fixture_put(&p, LT__SCHEMA_VERSION);
    fixture_open(&p, LT_STORE_WRITE);
    EXPECT_OK(&p,
              lt__db_do(p.store, &p.err,
                        "INSERT INTO removed (run, at) VALUES (1, 1000)", ""));
    EXPECT_SQL(&p, "SELECT group_concat(id) FROM runs", "2,3,4,5,6");
    EXPECT_SQL(&p, "SELECT runs || ' ' || finished FROM sweeps", "5 1");
    EXPECT_SQL(&p, "SELECT id || status || removed_at FROM removed_runs",
               "1finished1970-01-01T00:00:01.000Z");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char sql[80];

        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE run = 1",
                 views[i]);
        EXPECT_SQL(&p, sql, "0");
        snprintf(sql, sizeof sql, "SELECT count(*) > 0 FROM %s WHERE run = 4",
                 views[i]);
        EXPECT_SQL(&p, sql, "1");
    }
    EXPECT_OK(&p,
              lt__db_do(p.store, &p.err, "DELETE FROM run WHERE id = 1", ""));
    EXPECT_SQL(&p, "SELECT count(*) FROM removed", "0");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_has_its_digest),
        cmocka_unit_test(every_released_store_is_read_as_it_is),
        cmocka_unit_test(every_released_store_is_brought_to_today),
        cmocka_unit_test(many_that_open_at_once_make_one_copy),
        cmocka_unit_test(copy_never_replaces_a_copy),
        cmocka_unit_test(store_stays_as_it_is_without_room_for_a_copy),
        cmocka_unit_test(store_of_a_schema_to_come_is_only_read),
        cmocka_unit_test(removed_runs_are_in_no_view_but_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
