/* Stores whose schema is not latent's: refused however they are opened, with
 * the object named, and looked at by lt_store_verify alone. What a user of
 * sqlite3 may add stays welcome. Each trick is done as its author would: by
 * another program, with writable_schema where SQLite itself says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/verify.h"
#include "store_help.h"

/* A fresh store, with one run, closed; then `sql` by another program. */
static void strange_make(place *p, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    place_open(p);
    place_queue_many(p, 1);
    lt_store_close(p->store);
    p->store = NULL;
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

#define ROW(type, name, sql)                                                   \
    "INSERT INTO sqlite_schema VALUES ('" type "', '" name "', '" name         \
    "', 0, '" sql "')"
#define EVIL                                                                   \
    "CREATE TRIGGER evil AFTER INSERT ON tag BEGIN DELETE FROM run; END"
#define ENDLESS                                                                \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"          \
    " SELECT i AS run, i AS tag FROM n"

typedef struct trick {
    const char *sql, *told;
} trick;

static const trick tricks[] = {
    {EVIL, "trigger evil is not latent's"},
    {"DROP TRIGGER run_frozen", "trigger run_frozen is missing"},
    {"DROP TRIGGER run_frozen; CREATE TRIGGER run_frozen BEFORE UPDATE ON run"
     " BEGIN DELETE FROM metric; END",
     "trigger run_frozen was changed"},
    {"CREATE TRIGGER look INSTEAD OF INSERT ON tags BEGIN SELECT 1; END",
     "trigger look is not latent's"},
    {"DROP TABLE tag; CREATE VIEW tag AS " ENDLESS, "table tag is missing"},
    {"DROP VIEW tags; CREATE VIEW tags AS " ENDLESS, "view tags was changed"},
    {"DROP VIEW tags; CREATE TABLE tags (run, tag)",
     "table tags is not latent's"},
    {"DROP TABLE note", "index note_run is missing (and 1 more)"},
    {"ALTER TABLE note ADD COLUMN x", "table note was changed"},
    {"CREATE VIRTUAL TABLE words USING fts5(x)", "is not latent's"},
    {"CREATE TABLE mine (a, b AS (a + 1))", "table mine is not latent's"},
    {"CREATE TABLE mine (a, b INT GENERATED ALWAYS AS (length(a)) STORED)",
     "table mine is not latent's"},
    {"CREATE TABLE mine (a CHECK (length(a) < 10))",
     "table mine is not latent's"},
    {"CREATE TABLE mine (a, cHeCk(a>1))", "table mine is not latent's"},
    {"CREATE INDEX slow ON run (length(config))", "index slow is not latent's"},
    {"CREATE INDEX slow ON run (config || 'x')", "index slow is not latent's"},
    {"CREATE INDEX slow ON run (config LIKE 'x')",
     "index slow is not latent's"},
    {"CREATE INDEX slow ON run (-id)", "index slow is not latent's"},
    {"CREATE INDEX slow ON run (seed) WHERE length(config) > 3",
     "index slow is not latent's"},
    {"CREATE UNIQUE INDEX once ON run (status)", "index once is not latent's"},
    {"DROP INDEX note_run", "index note_run is missing"},
    /* Rows that say other things of themselves than SQLite will believe. */
    {ROW("table", "mine", EVIL), "table mine is not latent's"},
    {ROW("view", "look", EVIL), "view look is not latent's"},
    {ROW("index", "sqlite_autoindex_tag_9", EVIL), "is not latent's"},
    {ROW("table", "sqlite_stat1", EVIL), "table sqlite_stat1 is not latent's"},
    {ROW("table", "sqlite_sequence", EVIL), "latent's"},
    {ROW("trigger", "sqlite_x", EVIL), "trigger sqlite_x is not latent's"},
    {ROW("view", "look",
         "create/**/trigger evil after insert on tag begin"
         " delete from run; end"),
     "view look is not latent's"},
    {"UPDATE sqlite_schema SET sql = replace(sql, 'FROM tag', 'FROM note')"
     " WHERE name = 'tags'",
     "view tags was changed"},
    {"PRAGMA user_version = 0", "it has version 0"},
    {"PRAGMA user_version = -5", "it has version -5"},
    {"PRAGMA user_version = 1", "was changed (and "},
};

static void finding_keep(void *self, const char *finding)
{
    lt_text_addf(self, "%s\n", finding);
}

/* The schema is told, whatever else is. */
static void expect_verify(place *p, const trick *t)
{
    lt_text all = {0};
    const lt_verify_opts opts = {.tell = finding_keep, .self = &all};
    lt_verify_report report;

    EXPECT_OK(p, lt_store_open(p->path, LT_STORE_INSPECT, &p->store, &p->err));
    EXPECT_OK(p, lt_store_verify(p->store, &opts, &report, &p->err));
    assert_true(report.n_wrong > 0);
    if (!strstr(lt_text_str(&all), "schema: "))
        fail_msg("%s: verify told: %s", t->sql, lt_text_str(&all));
    lt_text_deinit(&all);
}

/* A file that SQLite itself refuses is refused, too, in its words. */
static void expect_no_store(place *p, const trick *t, lt_store_mode mode)
{
    lt_store *s = NULL;
    lt_err err = {0};

    if (lt_store_open(p->path, mode, &s, &err) != LT_ESTORE)
        fail_msg("%s: was opened in mode %d", t->sql, mode);
    assert_null(s);
    if (!strstr(err.text, t->told) && !strstr(err.text, "malformed"))
        fail_msg("%s: '%s' lacks '%s'", t->sql, err.text, t->told);
}

static void strange_schemas_are_refused_and_told(void **state)
{
    static const lt_store_mode modes[] = {LT_STORE_READ, LT_STORE_WRITE,
                                          LT_STORE_CREATE};

    (void)state;
    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
        char before[LT_DIGEST_HEX], after[LT_DIGEST_HEX];
        lt_store *s = NULL;
        place p;

        strange_make(&p, tricks[i].sql);
        EXPECT_OK(&p, lt_digest_file(p.path, before, &p.err));
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)
            if (modes[m] != LT_STORE_CREATE ||
                !strstr(tricks[i].told, "version 0"))
                expect_no_store(&p, &tricks[i], modes[m]);
        EXPECT_OK(&p, lt_digest_file(p.path, after, &p.err));
        assert_string_equal(before, after);
        if (lt_store_open(p.path, LT_STORE_INSPECT, &s, &p.err) == LT_OK) {
            lt_store_close(s);
            expect_verify(&p, &tricks[i]);
        }
        place_close(&p);
    }
}

static void what_users_add_is_welcome(void **state)
{
    static const char *const additions[] = {
        "CREATE TABLE mine (run INTEGER REFERENCES run (id), x REAL DEFAULT 0,"
        " \"at\" TEXT, name VARCHAR(20), UNIQUE (run, x))",
        "CREATE TABLE mine AS SELECT id, status FROM runs",
        "CREATE TABLE mine (a); CREATE INDEX mine_a ON mine (a DESC)",
        "CREATE INDEX by_seed ON run (seed, \"status\" COLLATE NOCASE)",
        "CREATE VIEW look AS SELECT * FROM runs WHERE seed > 1",
        "CREATE VIEW endless AS " ENDLESS,
        "ANALYZE",
        "VACUUM",
        "PRAGMA journal_mode = DELETE",
    };

    (void)state;
    for (size_t i = 0; i < sizeof additions / sizeof *additions; i++) {
        lt_text all = {0};
        const lt_verify_opts opts = {.tell = finding_keep, .self = &all};
        lt_verify_report report;
        place p;

        strange_make(&p, additions[i]);
        if (lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err) != LT_OK)
            fail_msg("%s: %s", additions[i], p.err.text);
        EXPECT_SQL(&p, "SELECT count(*) FROM runs", "1");
        EXPECT_OK(&p, lt_store_verify(p.store, &opts, &report, &p.err));
        assert_string_equal(lt_text_str(&all), "");
        lt_text_deinit(&all);
        lt_store_close(p.store);
        EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
        place_queue_many(&p, 1);
        place_close(&p);
    }
}

/* It cannot be compared, so it may hold anything; it must end all the same. */
static void newer_store_is_read_with_a_deadline(void **state)
{
    lt_filter *filter = NULL;
    lt_store *s = NULL;
    int64_t *runs = NULL;
    lt_err err = {0};
    int n = 0;
    place p;

    (void)state;
    strange_make(&p, "PRAGMA user_version = 99; DROP VIEW runs; CREATE VIEW"
                     " runs AS SELECT i AS id, '' AS status, 1 AS seed,"
                     " '{}' AS config FROM (WITH RECURSIVE n(i) AS (SELECT 1"
                     " UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)");
    assert_int_equal(lt_store_open(p.path, LT_STORE_WRITE, &s, &err),
                     LT_ESTORE);
    EXPECT_TEXT(err.text, "newer");
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    EXPECT_TEXT(lt_store_notice(p.store), "newer");
    EXPECT_TEXT(lt_store_notice(p.store), "99");
    p.store->budget.patience = 0.2;
    EXPECT_OK(&p, lt_filter_compile(p.store, NULL, &filter, &p.err));
    assert_int_equal(lt_filter_runs(filter, &runs, &n, &err), LT_ESTORE);
    EXPECT_TEXT(err.text, "given up after 0.2 seconds");
    assert_null(runs);
    lt_filter_free(filter);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strange_schemas_are_refused_and_told),
        cmocka_unit_test(what_users_add_is_welcome),
        cmocka_unit_test(newer_store_is_read_with_a_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
