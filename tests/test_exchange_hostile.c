/* Files of runs that lie: each is refused as a whole, in words, and nothing
 * of it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "exchange_fixture.h"

typedef struct lie {
    const char *sql, *words;
} lie;

static const lie lies[] = {
    /* files */
    {"UPDATE packed SET body = zeroblob(length(body)) WHERE part = 1",
     "file net (runs/1/net) was changed: SHA-256"},
    {"UPDATE packed SET body = x'0102030405' WHERE path LIKE '%small'",
     "file small (runs/1/deep/er/small) was changed"},
    {"DELETE FROM packed WHERE part = 1", "lacks part 1"},
    {"DELETE FROM packed WHERE part = 2", "has fewer bytes than the 2097157"},
    {"DELETE FROM packed WHERE path = 'runs/1/net'", "has fewer bytes"},
    {"UPDATE packed SET part = 9223372036854775807 WHERE part = 2",
     "lacks part 2"},
    {"UPDATE packed SET part = -1 WHERE part = 0 AND path = 'runs/1/net'",
     "lacks part 0"},
    {"UPDATE packed SET body = x'' WHERE part = 1", "lacks part 1"},
    {"UPDATE packed SET body = zeroblob(5000000) WHERE part = 1",
     "lacks part 1"},
    {"WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE"
     " i < 5000) INSERT INTO packed SELECT 1, 'runs/1/net', i, x'00' FROM n",
     "has more bytes than the 2097157"},
    {"UPDATE artifact SET bytes = 1 WHERE name = 'net'", "has more bytes"},
    {"UPDATE artifact SET bytes = 9223372036854775807 WHERE name = 'net'",
     "has fewer bytes"},
    {"UPDATE artifact SET bytes = -1 WHERE name = 'net'", "has more bytes"},
    {"UPDATE artifact SET bytes = -1 WHERE name = 'empty'", "has more bytes"},
    {"UPDATE artifact SET sha256 = '' WHERE name = 'empty'", "was changed"},
    {"INSERT INTO artifact SELECT run, 'twin', kind, path, 'x', bytes, added_at"
     " FROM artifact WHERE name = 'net'",
     "file twin (runs/1/net) was changed"},
    /* places */
    {"UPDATE artifact SET path = '../../x' WHERE name = 'net'",
     "file net (../../x) does not lie in its run's folder"},
    {"UPDATE artifact SET path = '/etc/passwd' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/2/net' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/../../../x' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/.' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1//etc/x' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'xruns/1/net' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = '' WHERE name = 'net'", "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/lock' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/stages/1' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/checkpoint' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/deep/.latent-0' WHERE name = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/a' || char(10) || 'b' WHERE name ="
     " 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/' || printf('%.300c', 'a') WHERE name"
     " = 'net'",
     "does not lie in"},
    {"UPDATE artifact SET path = 'runs/1/a/' || replace(printf('%.600c', 'a'),"
     " 'a', 'a/') || 'b' WHERE name = 'net'",
     "does not lie in"},
    /* the run */
    {"UPDATE run SET name = '../../evil'", "a name that latent gives no run"},
    {"UPDATE run SET name = 'abc;rm -r'", "a name that latent gives no run"},
    {"UPDATE run SET name = ''", "a name that latent gives no run"},
    {"UPDATE run SET uuid = 'x'", "its uuid is none"},
    {"PRAGMA ignore_check_constraints = ON; UPDATE run SET status = 'done'",
     "its status is none"},
    {"UPDATE run SET config = '['", "its config: "},
    {"UPDATE run SET config = ''", "its config: "},
    {"UPDATE run SET config = '[1]'", "wanted a JSON object"},
    {"UPDATE run SET config = printf('%.500c', '[') || printf('%.500c', ']')",
     "nested deeper than 64"},
    {"UPDATE run SET config = '{\"a\":1,\"a\":2}'", "its config: "},
    {"UPDATE run SET config = printf('%.3000000c', '[')", "its config: "},
    /* its sweep and sources */
    {"UPDATE sweep SET targets = '7'", "targets of the sweep: wanted a JSON"},
    {"UPDATE sweep SET defaults = '{'", "defaults of the sweep"},
    {"UPDATE source SET body = CAST('evil' AS BLOB)", "was changed"},
    {"DELETE FROM source", "no source with hash"},
    {"UPDATE sweep SET script_hash = 'x'", "is not among the sources"},
    {"UPDATE sweep_source SET position = 1", "is not among the sources"},
    {"DELETE FROM sweep_source", "is not among the sources"},
    {"UPDATE sweep SET git_diff = 'abc'", "no source with hash abc"},
    {"DELETE FROM sweep", "its sweep is not there"},
    /* points */
    {"UPDATE metric SET kind = 2 WHERE seq = 0", "is not what it is said"},
    {"UPDATE metric SET kind = 0, value = NULL WHERE seq = 1",
     "is not what it is said"},
    {"UPDATE metric SET seq = 9 WHERE seq = 1", "is not what it is said"},
    {"DELETE FROM metric WHERE seq = 0", "is not what it is said"},
    {"UPDATE metric SET seq = -1 WHERE seq = 0", "is not what it is said"},
    {"DELETE FROM metric_name", "a metric has no name"},
};

static void expect_nothing(place *to)
{
    EXPECT_SQL(
        to,
        "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM"
        " sweep) + (SELECT count(*) FROM source) + (SELECT count(*) FROM"
        " metric) + (SELECT count(*) FROM packed) + (SELECT count(*) FROM"
        " artifact)",
        "0");
    assert_int_equal(count_folders(to), 0);
}

typedef struct stage {
    place from, to;
    char file[160], lying[160];
    lt_text lines;
} stage;

static void stage_open(stage *s, size_t net_size)
{
    lt_take_report report;

    memset(s, 0, sizeof *s);
    sent_open(&s->from, 1, net_size);
    snprintf(s->file, sizeof s->file, "%s/out.latent", s->from.dir);
    snprintf(s->lying, sizeof s->lying, "%s/lying.latent", s->from.dir);
    EXPECT_OK(&s->from, pack(&s->from, s->file, &report, &s->lines));
    assert_int_equal(report.n_new, 1);
    place_open(&s->to);
}

static void stage_close(stage *s)
{
    lt_text_deinit(&s->lines);
    place_close(&s->to);
    place_close(&s->from);
}

/* Opens the lying file and takes from it. */
static lt_status try_it(stage *s, lt_take_report *report)
{
    place lying = {0};
    lt_status rc;

    *report = (lt_take_report){0};
    rc = lt_store_open(s->lying, LT_STORE_READ, &lying.store, &s->to.err);
    if (rc == LT_OK)
        rc = take(&lying, &s->to, report, &s->lines);
    lt_store_close(lying.store);
    return rc;
}

static void each_lie_is_refused_and_leaves_nothing(void **state)
{
    lt_take_report report;
    stage s;

    (void)state;
    stage_open(&s, NET_SIZE);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        copy_file(s.file, s.lying);
        edit(s.lying, lies[i].sql);
        EXPECT_OK(&s.to, try_it(&s, &report));
        if (report.n_refused != 1 || report.n_new != 0)
            fail_msg("taken: %s", lies[i].sql);
        assert_int_equal(report.files + report.bytes + report.values, 0);
        EXPECT_TEXT(lt_text_str(&s.lines), lies[i].words);
        EXPECT_TEXT(lt_text_str(&s.lines), ": refused\n");
        expect_nothing(&s.to);
    }
    copy_file(s.file, s.lying);
    EXPECT_OK(&s.to, try_it(&s, &report));
    assert_int_equal(report.n_new, 1);
    expect_sound(&s.to);
    expect_same(&s.from, &s.to);
    stage_close(&s);
}

static void runs_that_are_not_over_are_left(void **state)
{
    lt_take_report report;
    stage s;

    (void)state;
    stage_open(&s, 5);
    copy_file(s.file, s.lying);
    edit(s.lying, "UPDATE run SET status = 'running'");
    EXPECT_OK(&s.to, try_it(&s, &report));
    assert_int_equal(report.n_left, 1);
    edit(s.lying, "UPDATE run SET status = 'queued'");
    EXPECT_OK(&s.to, try_it(&s, &report));
    assert_int_equal(report.n_left, 1);
    expect_nothing(&s.to);
    stage_close(&s);
}

/* A text where a number is to be: only a program without STRICT writes it. */
static void values_of_another_type_are_refused(void **state)
{
    static const char loosen[] =
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
        " replace(sql, ') STRICT', ')') WHERE name = 'run'";
    static const char tighten[] =
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql ||"
        " ' STRICT' WHERE name = 'run'";
    lt_take_report report;
    stage s;

    (void)state;
    stage_open(&s, 5);
    copy_file(s.file, s.lying);
    edit(s.lying, loosen);
    edit(s.lying, "UPDATE run SET threads = 'many'");
    edit(s.lying, tighten);
    EXPECT_OK(&s.to, try_it(&s, &report));
    assert_int_equal(report.n_refused, 1);
    EXPECT_TEXT(lt_text_str(&s.lines), "cannot store TEXT value in INTEGER");
    expect_nothing(&s.to);
    stage_close(&s);
}

static void strange_tables_are_not_read(void **state)
{
    static const char *const edits[] = {
        "ALTER TABLE tag RENAME TO tag2; CREATE VIEW tag AS WITH RECURSIVE n(i)"
        " AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS run, 'x' AS"
        " tag FROM n",
        "DROP TABLE note",
        "PRAGMA user_version = 99",
        "PRAGMA application_id = 7",
        "ALTER TABLE run ADD COLUMN more TEXT",
    };
    lt_take_report report;
    stage s;

    (void)state;
    stage_open(&s, 5);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        copy_file(s.file, s.lying);
        edit(s.lying, edits[i]);
        assert_int_equal(try_it(&s, &report), LT_ESTORE);
        EXPECT_TEXT(s.to.err.text, "lying.latent");
        expect_nothing(&s.to);
    }
    stage_close(&s);
}

static void empty_folder(const place *p)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s/runs/*", p->dir);
    assert_int_equal(system(command), 0);
}

/* Need not outlive a power cut. */
static void write_plain(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Bytes changed here and there: whatever is taken is sound.
 * LATENT_EXCHANGE_TRIES says how often. */
static void damaged_files_are_refused_or_harmless(void **state)
{
    const char *more = getenv("LATENT_EXCHANGE_TRIES");
    const int n_tries = more ? atoi(more) : 150;
    char *bytes = NULL;
    unsigned x = 1;
    size_t size = 0;
    int n_taken = 0;
    stage s;

    (void)state;
    stage_open(&s, 20000);
    EXPECT_OK(&s.to, lt_path_read(s.file, 1 << 30, &bytes, &size, &s.to.err));
    for (int i = 0; i < n_tries; i++) {
        char kept[64];
        size_t at, n;
        lt_take_report report;

        x = x * 1664525U + 1013904223U;
        n = 1 + x % sizeof kept;
        x = x * 1664525U + 1013904223U;
        at = 100 + x % (size - 100 - n); /* the header is another test's */
        memcpy(kept, bytes + at, n);
        memset(bytes + at, (int)(x >> 20), n);
        write_plain(s.lying, bytes, size);
        memcpy(bytes + at, kept, n);
        if (try_it(&s, &report) == LT_OK && report.n_new > 0) {
            n_taken++;
            expect_sound(&s.to);
            assert_int_equal(sqlite3_exec(s.to.store->db,
                                          "DELETE FROM run; DELETE FROM sweep;"
                                          "DELETE FROM source",
                                          NULL, NULL, NULL),
                             SQLITE_OK);
            empty_folder(&s.to);
        }
        expect_nothing(&s.to);
    }
    assert_in_range(n_taken, 1, n_tries - 1); /* unused bytes, and others */
    lt_mem_free(bytes);
    stage_close(&s);
}

/* Files beside a store: nothing but a plain file below the run's folder. */
static void files_beside_a_store_are_not_followed(void **state)
{
    static const char *const plants[] = {
        "mv %s/runs/1/net %s/net; ln -s ../../net %s/runs/1/net",
        "mv %s/runs/1/deep %s/deep; ln -s ../../deep %s/runs/1/deep",
        "rm %s/runs/1/net; mkfifo %s/runs/1/net; true %s",
        "rm %s/runs/1/net; mkdir %s/runs/1/net; true %s",
        "rm %s/runs/1/net; true %s %s",
        "echo x >>%s/runs/1/net; true %s %s",
        "printf y | dd of=%s/runs/1/net conv=notrunc 2>&1; true %s %s",
        "mv %s/runs/1 %s/one; ln -s ../one %s/runs/1",
    };
    static const int n_files[] = {2, 2, 2, 2, 2, 2, 2, 0};

    (void)state;
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        char command[512];
        lt_take_report report;
        lt_text lines = {0};
        place from, to;

        sent_open(&from, 1, 100);
        place_open(&to);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(command, sizeof command, plants[i], from.dir, from.dir,
                 from.dir);
#pragma GCC diagnostic pop
        assert_int_equal(system(command), 0);
        EXPECT_OK(&to, take(&from, &to, &report, &lines));
        assert_int_equal(report.n_new, 1);
        assert_int_equal(report.files, n_files[i]);
        EXPECT_TEXT(lt_text_str(&lines), ": left behind\n");
        expect_sound(&to);
        lt_text_deinit(&lines);
        place_close(&from);
        place_close(&to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lie_is_refused_and_leaves_nothing),
        cmocka_unit_test(runs_that_are_not_over_are_left),
        cmocka_unit_test(values_of_another_type_are_refused),
        cmocka_unit_test(strange_tables_are_not_read),
        cmocka_unit_test(damaged_files_are_refused_or_harmless),
        cmocka_unit_test(files_beside_a_store_are_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
