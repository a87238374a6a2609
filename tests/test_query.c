/* Guarded SQL: what readers may ask, and what they may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "store_help.h"

#include <math.h>

static lt_query *query_open(place *p, const char *sql)
{
    lt_query *q = NULL;

    EXPECT_OK(p, lt_query_open(p->store, sql, 5, &q, &p->err));
    return q;
}

static lt_value query_first(place *p, const char *sql)
{
    static char text[256];
    lt_query *q = query_open(p, sql);
    bool row = false;
    lt_value v;

    EXPECT_OK(p, lt_query_next(q, &row, &p->err));
    assert_true(row);
    lt_query_value(q, 0, &v);
    if (v.text) {
        snprintf(text, sizeof text, "%.*s", (int)v.size, v.text);
        v.text = text;
    }
    lt_query_close(q);
    return v;
}

static void query_reads_rows_of_every_type(void **state)
{
    static const lt_value_type types[] = {LT_VALUE_INTEGER, LT_VALUE_REAL,
                                          LT_VALUE_TEXT, LT_VALUE_BLOB,
                                          LT_VALUE_NULL};
    lt_query *q;
    bool row;
    place p;

    (void)state;
    place_open(&p);
    q = query_open(&p, "SELECT 9007199254740993 AS a, 0.1 AS \"b c\", 'x', "
                       "x'0102', NULL; -- the end");
    assert_int_equal(lt_query_columns(q), 5);
    assert_string_equal(lt_query_column_name(q, 0), "a");
    assert_string_equal(lt_query_column_name(q, 1), "b c");
    EXPECT_OK(&p, lt_query_next(q, &row, &p.err));
    assert_true(row);
    for (int i = 0; i < 5; i++) {
        lt_value v;

        lt_query_value(q, i, &v);
        assert_int_equal(v.type, types[i]);
        if (i == 0)
            assert_true(v.integer == 9007199254740993);
        if (i == 1)
            assert_true(v.real == 0.1);
        if (i == 3)
            assert_memory_equal(v.text, "\1\2", v.size);
    }
    EXPECT_OK(&p, lt_query_next(q, &row, &p.err));
    assert_false(row);
    lt_query_close(q);
    place_close(&p);
}

static void query_binds_values(void **state)
{
    const lt_value values[] = {
        {.type = LT_VALUE_INTEGER, .integer = 3},
        {.type = LT_VALUE_REAL, .real = 0.5},
        {.type = LT_VALUE_TEXT, .text = "it's", .size = 4},
        {.type = LT_VALUE_NULL},
    };
    lt_query *q;
    lt_value v;
    bool row;
    place p;

    (void)state;
    place_open(&p);
    q = query_open(&p, "SELECT (?1 + ?2) || ?3 || coalesce(?4, '-')");
    for (int i = 0; i < 4; i++)
        EXPECT_OK(&p, lt_query_bind(q, i + 1, &values[i], &p.err));
    EXPECT_OK(&p, lt_query_next(q, &row, &p.err));
    lt_query_value(q, 0, &v);
    assert_string_equal(v.text, "3.5it's-");
    assert_int_equal(lt_query_bind(q, 5, &values[0], &p.err), LT_EINVAL);
    EXPECT_TEXT(p.err.text, "has 4 '?'");
    lt_query_close(q);
    place_close(&p);
}

static void query_refuses_all_but_reading(void **state)
{
    static const char *const cases[][2] = {
        {"INSERT INTO tag VALUES (1, 'x')", "only SELECT"},
        {"UPDATE run SET status = 'lost'", "only SELECT"},
        {"DELETE FROM run", "only SELECT"},
        {"DROP TABLE run", "only SELECT"},
        {"UPDATE sqlite_master SET sql = ''", "may not be modified"},
        {"UPDATE sqlite_schema SET type = 'x'", "may not be modified"},
        {"CREATE TABLE x (y)", "only SELECT"},
        {"CREATE TEMP TABLE x (y)", "only SELECT"},
        {"ATTACH '/tmp/latent-x.db' AS x", "only SELECT"},
        {"DETACH main", "only SELECT"},
        {"PRAGMA journal_mode = DELETE", "only SELECT"},
        {"PRAGMA user_version = 9", "only SELECT"},
        {"PRAGMA writable_schema = ON", "only SELECT"},
        {"BEGIN", "only SELECT"},
        {"COMMIT", "only SELECT"},
        {"SAVEPOINT a", "only SELECT"},
        {"VACUUM INTO '/tmp/latent-x.db'", "only SELECT"},
        {"REINDEX", "only SELECT"},
        {"ANALYZE", "only SELECT"},
        {"SELECT load_extension('x')", "not authorized"},
        {"EXPLAIN DELETE FROM run", "only SELECT"},
        {"SELECT * FROM pragma_journal_mode", "only SELECT"},
        {"SELECT * FROM pragma_database_list", "only SELECT"},
        {"SELECT * FROM pragma_optimize", "only SELECT"},
        {"PRAGMA trusted_schema = ON", "only SELECT"},
        {"PRAGMA query_only = OFF", "only SELECT"},
        {"PRAGMA hard_heap_limit = 0", "only SELECT"},
        {"PRAGMA mmap_size = 1000000000", "only SELECT"},
        {"PRAGMA temp_store_directory = '/tmp'", "only SELECT"},
        {"PRAGMA wal_checkpoint(TRUNCATE)", "only SELECT"},
        {"PRAGMA incremental_vacuum", "only SELECT"},
        {"CREATE VIEW x AS SELECT 1", "only SELECT"},
        {"CREATE VIRTUAL TABLE x USING fts5(y)", "only SELECT"},
        {"CREATE TRIGGER x AFTER INSERT ON tag BEGIN SELECT 1; END",
         "only SELECT"},
        {"ALTER TABLE run RENAME TO x", "only SELECT"},
        {"REPLACE INTO tag VALUES (1, 'x')", "only SELECT"},
        {"INSERT INTO tag SELECT 1, 'x' RETURNING run", "only SELECT"},
        {"ROLLBACK", "only SELECT"},
        {"RELEASE a", "only SELECT"},
        {"VACUUM", "only SELECT"},
        {"SELECT fts3_tokenizer('simple')", "not authorized"},
        {"SELECT rtreecheck('main', 'run')", "only SELECT"},
        {"SELECT readfile('/etc/passwd')", "no such function"},
        {"SELECT writefile('/tmp/latent-x', 'y')", "no such function"},
        {"SELECT edit('x', 'sh')", "no such function"},
        {"SELECT length(randomblob(1000000000))", "too big"},
        {"SELECT length(zeroblob(2000000000))", "too big"},
        {"SELECT length(group_concat(zeroblob(200000000))) FROM (VALUES (1),"
         " (2))",
         "too big"},
        {"WITH x AS (SELECT 1) DELETE FROM run", "only SELECT"},
        {"SELECT 1; SELECT 2", "column 11: a second statement"},
        {"SELECT 1; DROP TABLE run", "a second statement"},
        {"", "nothing there"},
        {" -- only words\n", "nothing there"},
        {"SELEC 1", "column 1: near \"SELEC\": syntax error"},
        {"SELECT nme FROM runs", "column 8: no such column: nme"},
        {"SELECT \"nme\" FROM runs", "no such column"},
        {"SELECT * FROM rnus", "no such table: rnus"},
    };
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_query *q = NULL;

        if (lt_query_open(p.store, cases[i][0], 5, &q, &p.err) == LT_OK) {
            bool row;

            if (lt_query_next(q, &row, &p.err) == LT_OK)
                fail_msg("%s: allowed", cases[i][0]);
            lt_query_close(q);
        }
        EXPECT_TEXT(p.err.text, cases[i][1]);
    }
    EXPECT_SQL(&p, "SELECT status FROM run", "queued");
    /* The fence is down again for the program's own work. */
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void query_allows_what_readers_need(void **state)
{
    lt_store *reader = NULL;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 3);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &reader, &p.err));
    lt_store_close(p.store);
    p.store = reader;
    assert_int_equal(query_first(&p, "SELECT count(*) FROM runs").integer, 3);
    assert_int_equal(query_first(&p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                                     "ALL SELECT i + 1 FROM n WHERE i < 10) "
                                     "SELECT sum(i) FROM n")
                         .integer,
                     55);
    assert_int_equal(
        query_first(&p, "SELECT config ->> '$.code' FROM runs").integer, 6);
    assert_string_equal(query_first(&p, "SELECT name FROM"
                                        " pragma_table_info('runs')")
                            .text,
                        "id");
    assert_int_equal(query_first(&p, "PRAGMA user_version").integer, 2);
    assert_string_equal(query_first(&p, "SELECT name FROM sqlite_schema"
                                        " WHERE name = 'finals'")
                            .text,
                        "finals");
    place_close(&p);
}

static void query_stops_at_its_deadline(void **state)
{
    lt_query *q = NULL;
    double start;
    bool row;
    place p;

    (void)state;
    place_open(&p);
    EXPECT_OK(&p, lt_query_open(p.store,
                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                                "SELECT i + 1 FROM n) SELECT count(*) FROM n",
                                0.1, &q, &p.err));
    start = lt_clock_elapsed();
    assert_int_equal(lt_query_next(q, &row, &p.err), LT_EBUSY);
    EXPECT_TEXT(p.err.text, "0.1 seconds");
    assert_true(lt_clock_elapsed() - start >= 0.1);
    lt_query_close(q);
    /* Another one starts anew. */
    assert_int_equal(query_first(&p, "SELECT 1").integer, 1);
    place_close(&p);
}

static void query_has_median_and_stddev(void **state)
{
    place p;

    (void)state;
    place_open(&p);
    assert_true(query_first(&p, "SELECT median(column1) FROM (VALUES (3), (1),"
                                " (NULL), (10))")
                    .real == 3);
    assert_true(query_first(&p, "SELECT median(column1) FROM (VALUES (4), (1),"
                                " (2), (9))")
                    .real == 3);
    assert_int_equal(
        query_first(&p, "SELECT median(column1) FROM (VALUES (NULL))").type,
        LT_VALUE_NULL);
    /* 2 4 4 4 5 5 7 9 has the sum of squares 32 about its mean. */
    assert_true(fabs(query_first(&p, "SELECT stddev(column1) FROM (VALUES (2),"
                                     "(4),(4),(4),(5),(5),(7),(9))")
                         .real -
                     sqrt(32.0 / 7)) < 1e-12);
    assert_int_equal(query_first(&p, "SELECT stddev(1)").type, LT_VALUE_NULL);
    assert_int_equal(query_first(&p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                                     "ALL SELECT i + 1 FROM n WHERE i < 1001) "
                                     "SELECT median(1002 - i) FROM n")
                         .real,
                     501);
    place_close(&p);
}

static void query_outlives_its_store(void **state)
{
    lt_query *q;
    place p;

    (void)state;
    place_open(&p);
    q = query_open(&p, "SELECT 1");
    lt_store_close(p.store);
    p.store = NULL;
    lt_query_close(q);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_reads_rows_of_every_type),
        cmocka_unit_test(query_binds_values),
        cmocka_unit_test(query_refuses_all_but_reading),
        cmocka_unit_test(query_allows_what_readers_need),
        cmocka_unit_test(query_stops_at_its_deadline),
        cmocka_unit_test(query_has_median_and_stddev),
        cmocka_unit_test(query_outlives_its_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
