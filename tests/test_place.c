/* Stores on network file systems: another journal, values in side files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/fold.h"
#include "latent/store/place.h"
#include "store_help.h"

static void say(const char *what)
{
    setenv("LATENT_NETWORK_STORE", what, 1);
}

static void place_is_that_of_the_nearest_folder(void **state)
{
    lt_place a, b;

    (void)state;
    unsetenv("LATENT_NETWORK_STORE");
    lt_place_find("/proc/1/no/such/latent.db", &a); /* proc is no network's */
    assert_false(a.is_network || a.is_said);
    assert_string_equal(a.name, "");
    lt_place_find("/", &a);
    lt_place_find("/no/such/folder", &b);
    assert_int_equal(a.is_network, b.is_network);
    lt_place_find("latent.db", &a);
    lt_place_find(".", &b);
    assert_int_equal(a.is_network, b.is_network);
    say("1");
    lt_place_find("/", &a);
    assert_true(a.is_network && a.is_said);
    say("0");
    lt_place_find("/", &a);
    assert_true(!a.is_network && a.is_said);
    say("yes");
    lt_place_find("/", &a);
    assert_false(a.is_said);
}

static void journal_is_that_of_the_place(void **state)
{
    lt_store *second = NULL;
    place p;

    (void)state;
    say("1");
    place_open(&p);
    assert_string_equal(lt_place_journal(p.path), "truncate");
    EXPECT_SQL(&p, "PRAGMA journal_mode", "truncate");
    EXPECT_SQL(&p, "PRAGMA synchronous", "2");
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &second, &p.err));
    lt_store_close(second);
    lt_store_close(p.store);
    say("0");
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
    assert_string_equal(lt_place_journal(p.path), "wal");
    EXPECT_SQL(&p, "PRAGMA synchronous", "1");
    EXPECT_SQL(&p, "SELECT count(*) FROM runs", "0");
    /* moved there while it is open: never a log for two hosts */
    say("1");
    second = NULL;
    assert_int_equal(lt_store_open(p.path, LT_STORE_WRITE, &second, &p.err),
                     LT_ESTORE);
    assert_null(second);
    EXPECT_TEXT(p.err.text, "another process has open");
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &second, &p.err));
    lt_store_close(second);
    lt_store_close(p.store);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err));
    assert_string_equal(lt_place_journal(p.path), "truncate");
    assert_string_equal(lt_place_journal("/dev/null"), "");
    assert_string_equal(lt_place_journal("/no/such/store.db"), "");
    place_close(&p);
}

static void run_stores_its_values_when_it_ends(void **state)
{
    lt_counts counts = {0};
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    say("1");
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    for (int i = 0; i < 10000; i++) {
        record(r, "x", i, i);
        if (i % 100 == 0)
            record(r, "y", i, -i);
    }
    EXPECT_OK(&p, lt_claim_note(claim, "said", &p.err));
    EXPECT_OK(&p, lt_recorder_settle(r, &counts, &p.err));
    assert_int_equal(counts.n, 2);
    assert_int_equal(counts.counts[0], 10000);
    assert_int_equal(counts.counts[1], 100);
    lt_counts_deinit(&counts);
    record(r, "x", 10000, 10000);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "0");
    EXPECT_SQL(&p, "SELECT count(*) FROM notes", "0");
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_SQL(&p,
               "SELECT count(*) || ' ' || sum(seq = value AND step = seq)"
               " FROM metrics WHERE name = 'x'",
               "10001 10001");
    EXPECT_SQL(&p, "SELECT n || ' ' || last FROM finals WHERE name = 'y'",
               "100 -9900.0");
    EXPECT_SQL(&p, "SELECT text FROM notes", "said");
    EXPECT_SQL(&p, "SELECT status || message FROM runs", "finished");
    place_close(&p);
}

/* Killed after a flush: all that was flushed is there. */
static void run_that_dies_leaves_what_it_flushed(void **state)
{
    lt_folded f;
    pid_t pid;
    place p;

    (void)state;
    say("1");
    place_open(&p);
    place_queue_many(&p, 1);
    lt_store_close(p.store);
    p.store = NULL;
    pid = fork();
    if (pid == 0) {
        lt_recorder *r;

        if (lt_store_open(p.path, LT_STORE_WRITE, &p.store, &p.err) != LT_OK)
            _exit(1);
        r = recorder_on(&p, place_claim(&p));
        for (int i = 0; i < 6000; i++)
            record(r, "x", i, i);
        _exit(lt_recorder_flush(r, NULL) == LT_OK ? 0 : 1);
    }
    assert_int_equal(child_status(pid), 0);
    EXPECT_OK(&p, lt_store_fold(p.path, &f, &p.err));
    assert_int_equal(f.values, 6000);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    EXPECT_SQL(&p, "SELECT n || ' ' || max FROM finals", "6000 5999.0");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_is_that_of_the_nearest_folder),
        cmocka_unit_test(journal_is_that_of_the_place),
        cmocka_unit_test(run_stores_its_values_when_it_ends),
        cmocka_unit_test(run_that_dies_leaves_what_it_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
