/* What is deleted for good, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/books.h"
#include "latent/store/verify.h"
#include "store_help.h"

#include <time.h>
#include <utime.h>

static void shell(const place *p, const char *command)
{
    char whole[512];

    snprintf(whole, sizeof whole, "cd %s && %s", p->dir, command);
    assert_int_equal(system(whole), 0);
}

static bool there(const place *p, const char *path)
{
    char whole[192];
    struct stat st;

    snprintf(whole, sizeof whole, "%s/%s", p->dir, path);
    return lstat(whole, &st) == 0;
}

/* The run's weights: "runs/1/net.safetensors", an artifact. */
static void put_weights(place *p, lt_claim *claim)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/net.safetensors", lt_claim_dir(claim));
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("weights", f);
    fclose(f);
    EXPECT_OK(p, lt_claim_artifact(claim, "net", "network", path, &p->err));
}

/* Runs 1 to n, finished, with points and weights. */
static void finished_runs(place *p, int n)
{
    place_open(p);
    place_queue_many(p, n);
    for (int i = 0; i < n; i++) {
        lt_claim *claim = place_claim(p);
        lt_recorder *r = recorder_on(p, claim);

        record(r, "x", 1, i);
        lt_recorder_close(r, &p->err);
        put_weights(p, claim);
        EXPECT_OK(p, lt_claim_note(claim, "noted", &p->err));
        EXPECT_OK(p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p->err));
    }
}

static void tell_all(void *self, const char *finding)
{
    lt_text_addf(self, "%s\n", finding);
}

/* What latent verify finds. */
static const char *verified(place *p)
{
    static char out[512];
    lt_text text = {0};
    const lt_verify_opts opts = {.tell = tell_all, .self = &text};
    lt_verify_report report;

    EXPECT_OK(p, lt_store_verify(p->store, &opts, &report, &p->err));
    snprintf(out, sizeof out, "%s", lt_text_str(&text));
    lt_text_deinit(&text);
    return out;
}

static int delete_rows(place *p, const int64_t *runs, int n)
{
    int n_done = -1;

    EXPECT_OK(p, lt_store_delete_removed(p->store, runs, n, &n_done, &p->err));
    return n_done;
}

static void remove_runs(place *p, const int64_t *runs, int n)
{
    int n_done = 0;

    EXPECT_OK(p, lt_store_remove(p->store, runs, n, &n_done, &p->err));
    assert_int_equal(n_done, n);
}

static void only_removed_runs_are_deleted(void **state)
{
    static const int64_t all[] = {1, 2, 3}, one[] = {2};
    place p;

    (void)state;
    finished_runs(&p, 3);
    assert_int_equal(delete_rows(&p, all, 3), 0);
    remove_runs(&p, one, 1);
    assert_int_equal(delete_rows(&p, all, 3), 1);
    assert_int_equal(delete_rows(&p, all, 3), 0);
    EXPECT_SQL(&p,
               "SELECT (SELECT group_concat(id) FROM run) || ' ' ||"
               " (SELECT group_concat(DISTINCT run) FROM metric) || ' ' ||"
               " (SELECT group_concat(DISTINCT run) FROM series) || ' ' ||"
               " (SELECT group_concat(DISTINCT run) FROM param) || ' ' ||"
               " (SELECT group_concat(DISTINCT run) FROM artifact) || ' ' ||"
               " (SELECT group_concat(DISTINCT run) FROM note) || ' ' ||"
               " (SELECT count(*) FROM removed)",
               "1,3 1,3 1,3 1,3 1,3 1,3 0");
    assert_true(there(&p, "runs/2/net.safetensors"));
    EXPECT_TEXT(verified(&p), "runs/2: of a run that is not in the store");
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 2, true, &p.err));
    assert_false(there(&p, "runs/2"));
    shell(&p, "test -z \"$(ls -A runs | grep -v '^[13]$' | grep -v unsaved)\"");
    assert_string_equal(verified(&p), "");
    /* The next run gets a number of its own. */
    place_queue_many(&p, 1);
    EXPECT_SQL(&p, "SELECT max(id) FROM runs", "4");
    place_close(&p);
}

/* Removed while it was lost, by another host's word, and yet it lives. */
static void run_that_lives_is_not_deleted(void **state)
{
    static const int64_t one[] = {1};
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    EXPECT_SQL(&p, "INSERT INTO removed VALUES (1, 1) RETURNING run", "1");
    assert_int_equal(delete_rows(&p, one, 1), 0);
    EXPECT_SQL(&p, "UPDATE run SET status = 'lost' RETURNING id", "1");
    assert_int_equal(delete_rows(&p, one, 1), 0);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FAILED, "", &p.err));
    assert_int_equal(delete_rows(&p, one, 1), 1);
    place_close(&p);
}

static void age_lock(const place *p, int run, int seconds)
{
    char path[160];
    struct utimbuf times = {0};

    snprintf(path, sizeof path, "%s/runs/%d/lock", p->dir, run);
    times.actime = times.modtime = time(NULL) - seconds;
    assert_int_equal(utime(path, &times), 0);
}

static void expect_refusal(place *p, int64_t run, lt_status rc,
                           const char *text)
{
    char path[32];

    p->err = (lt_err){0};
    assert_int_equal(lt_store_delete_folder(p->store, run, false, &p->err), rc);
    EXPECT_TEXT(p->err.text, text);
    snprintf(path, sizeof path, "runs/%lld", (long long)run);
    assert_true(there(p, path));
}

static void folder_goes_only_when_nobody_has_it(void **state)
{
    lt_err own = {0};
    int fd = -1;
    char lock[160];
    place p;

    (void)state;
    finished_runs(&p, 1);
    shell(&p, "mkdir -p runs/unsaved && echo x >runs/unsaved/7 &&"
              " echo x >runs/unsaved/1");
    shell(&p, "mkdir -p runs/7/sub runs/8 elsewhere && echo x >runs/7/sub/x &&"
              " touch runs/7/lock && echo x >elsewhere/x &&"
              " ln -s ../elsewhere runs/9");
    expect_refusal(&p, 1, LT_EBUSY, "run 1 is in the store");
    snprintf(lock, sizeof lock, "%s/runs/7/lock", p.dir);
    EXPECT_OK(&p, lt__lock_take(lock, &fd, &p.err));
    age_lock(&p, 7, 600);
    expect_refusal(&p, 7, LT_EBUSY, "held by a process");
    close(fd);
    age_lock(&p, 7, 60);
    expect_refusal(&p, 7, LT_EBUSY, "touched in the last 5 minutes");
    assert_int_equal(lt_store_check_folder(p.store, 7, &own), LT_EBUSY);
    age_lock(&p, 7, 600);
    EXPECT_OK(&p, lt_store_check_folder(p.store, 7, &p.err));
    assert_true(there(&p, "runs/unsaved/7"));
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 7, false, &p.err));
    assert_false(there(&p, "runs/7") || there(&p, "runs/unsaved/7"));
    assert_true(there(&p, "runs/unsaved/1"));
    expect_refusal(&p, 8, LT_EBUSY, "touched in the last 5 minutes");
    shell(&p, "touch -h -d '1 hour ago' runs/8 runs/9");
    EXPECT_OK(&p, lt_store_check_folder(p.store, 8, &p.err));
    EXPECT_OK(&p, lt_store_check_folder(p.store, 8, &p.err));
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 8, false, &p.err));
    expect_refusal(&p, 9, LT_EINVAL, "a link or no folder, left alone");
    assert_true(there(&p, "elsewhere/x"));
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 99, false, &p.err));
    shell(&p, "mv runs elsewhere/runs && ln -s elsewhere/runs runs &&"
              " mkdir elsewhere/runs/7 &&"
              " touch -d '1 hour ago' elsewhere/runs/7");
    expect_refusal(&p, 7, LT_EINVAL, "not followed");
    place_close(&p);
}

static void trash_is_known_by_its_name(void **state)
{
    static const char *const names[] = {
        "1", "..", "", ".deleted", ".deleted-1/../1", "x.deleted-1"};
    place p;

    (void)state;
    finished_runs(&p, 1);
    shell(&p, "mkdir -p runs/.deleted-5-77/x && touch runs/.deleted-5-77/x/y");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(lt_store_delete_trash(p.store, names[i], &p.err),
                         LT_EINVAL);
    EXPECT_OK(&p, lt_store_delete_trash(p.store, ".deleted-5-77", &p.err));
    assert_false(there(&p, "runs/.deleted-5-77"));
    assert_true(there(&p, "runs/1"));
    place_close(&p);
}

static void weights_are_freed_with_a_note(void **state)
{
    place p;

    (void)state;
    finished_runs(&p, 1);
    assert_int_equal(
        lt_store_delete_file(p.store, 1, "net.safetensors", &p.err), LT_EBUSY);
    EXPECT_TEXT(p.err.text, "an artifact is there");
    EXPECT_OK(&p, lt_store_free_artifact(p.store, 1, "net", &p.err));
    EXPECT_OK(&p, lt_store_free_artifact(p.store, 1, "net", &p.err));
    EXPECT_SQL(&p, "SELECT group_concat(substr(text, 1, 55), ';') FROM notes",
               "noted;gc freed net: runs/1/net.safetensors, 7 bytes, SHA-256 ");
    EXPECT_SQL(&p, "SELECT count(*) FROM artifacts", "0");
    EXPECT_OK(&p, lt_store_delete_file(p.store, 1, "net.safetensors", &p.err));
    assert_false(there(&p, "runs/1/net.safetensors"));
    EXPECT_OK(&p, lt_store_delete_file(p.store, 1, "net.safetensors", &p.err));
    assert_string_equal(verified(&p), "");
    place_close(&p);
}

static void files_of_runs_that_may_go_on_stay(void **state)
{
    static const char *const statuses[] = {"queued", "running", "lost",
                                           "interrupted"};
    char sql[96];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    shell(&p, "mkdir -p runs/1/stages outside && touch runs/1/checkpoint"
              " runs/1/stages/1 outside/x && ln -s ../../outside runs/1/link");
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE run SET status = '%s' RETURNING status", statuses[i]);
        EXPECT_SQL(&p, sql, statuses[i]);
        assert_int_equal(lt_store_delete_file(p.store, 1, "checkpoint", NULL),
                         LT_EBUSY);
        assert_int_equal(lt_store_free_artifact(p.store, 1, "net", NULL),
                         LT_EBUSY);
    }
    assert_int_equal(lt_store_delete_file(p.store, 2, "checkpoint", NULL),
                     LT_EBUSY);
    EXPECT_SQL(&p, "UPDATE run SET status = 'failed' RETURNING status",
               "failed");
    EXPECT_OK(&p, lt_store_delete_file(p.store, 1, "checkpoint", &p.err));
    EXPECT_OK(&p, lt_store_delete_file(p.store, 1, "stages", &p.err));
    assert_false(there(&p, "runs/1/stages"));
    assert_int_equal(lt_store_delete_file(p.store, 1, "link/x", &p.err),
                     LT_EINVAL);
    assert_int_equal(lt_store_delete_file(p.store, 1, "../../outside/x", NULL),
                     LT_EINVAL);
    assert_true(there(&p, "outside/x"));
    place_close(&p);
}

static void loose_rows_go_young_sources_stay(void **state)
{
    static const int64_t one[] = {1};
    char hex[LT_DIGEST_HEX];
    lt_loose_rows rows;
    place p;

    (void)state;
    finished_runs(&p, 1);
    EXPECT_OK(&p, lt_store_delete_loose(p.store, false, &rows, &p.err));
    assert_int_equal(rows.sweeps + rows.sources, 0);
    remove_runs(&p, one, 1);
    EXPECT_OK(&p, lt_store_delete_loose(p.store, false, &rows, &p.err));
    assert_int_equal(rows.sweeps, 0); /* may be restored */
    delete_rows(&p, one, 1);
    EXPECT_OK(&p, lt_store_delete_loose(p.store, true, &rows, &p.err));
    assert_int_equal(rows.sweeps, 1);
    assert_int_equal(rows.sources, 0); /* young */
    EXPECT_SQL(&p, "SELECT count(*) FROM sweeps", "1");
    EXPECT_SQL(&p,
               "UPDATE source SET added_at = added_at - 4000000"
               " RETURNING 1",
               "1");
    EXPECT_OK(&p, lt_store_delete_loose(p.store, true, &rows, &p.err));
    assert_int_equal(rows.sources, 1);
    assert_int_equal(rows.source_bytes, 4); /* "test" */
    /* Put again for a sweep that is about to be queued: young again. */
    EXPECT_OK(&p, lt_store_put_source(p.store, "test", 4, hex, &p.err));
    EXPECT_OK(&p, lt_store_delete_loose(p.store, false, &rows, &p.err));
    assert_int_equal(rows.sources, 0);
    EXPECT_SQL(&p, "SELECT count(*) FROM source", "1");
    EXPECT_SQL(&p, "SELECT count(*) FROM sweep", "0");
    EXPECT_SQL(&p, "UPDATE source SET added_at = 0 RETURNING 1", "1");
    EXPECT_OK(&p, lt_store_delete_loose(p.store, false, &rows, &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM source", "0");
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 1, true, &p.err));
    assert_string_equal(verified(&p), "");
    place_close(&p);
}

static void compacting_gives_free_pages_back(void **state)
{
    static const int64_t one[] = {1};
    lt_pages before, after;
    int64_t bytes = 0;
    lt_recorder *r;
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    for (int i = 0; i < 20000; i++)
        record(r, "x", i, i);
    lt_recorder_close(r, &p.err);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_OK(&p, lt_store_table_bytes(p.store, "metric", &bytes, &p.err));
    assert_true(bytes == -1 || (bytes > 20000 * 20 && bytes < 20000 * 60));
    remove_runs(&p, one, 1);
    delete_rows(&p, one, 1);
    EXPECT_OK(&p, lt_store_pages(p.store, &before, &p.err));
    assert_true(before.free > before.all / 2);
    EXPECT_OK(&p, lt_store_compact(p.store, &p.err));
    EXPECT_OK(&p, lt_store_pages(p.store, &after, &p.err));
    assert_int_equal(after.free, 0);
    assert_true(after.all <= before.all - before.free);
    shell(&p, "test $(stat -c %s latent.db) -lt 200000");
    EXPECT_SQL(&p, "PRAGMA user_version", "2");
    EXPECT_SQL(&p, "PRAGMA journal_mode", "wal");
    EXPECT_OK(&p, lt_store_delete_folder(p.store, 1, true, &p.err));
    assert_string_equal(verified(&p), "");
    place_close(&p);
}

/* Whatever fails for want of memory, the run is whole, or is gone but for files
 * that the next gc finds. */
static void deleting_without_memory_is_all_or_nothing(void **state)
{
    static const int64_t one[] = {1};
    place p;
    int n = 0;

    (void)state;
    finished_runs(&p, 1);
    remove_runs(&p, one, 1);
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_delete_removed(p.store, one, 1, &n, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_true(i > 0);
            break;
        }
        assert_int_equal(rc, LT_ENOMEM);
        assert_true(there(&p, "runs/1/net.safetensors"));
    }
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_delete_folder(p.store, 1, true, &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK) {
            assert_true(i > 0);
            break;
        }
        assert_int_equal(rc, LT_ENOMEM);
    }
    assert_false(there(&p, "runs/1"));
    place_close(&p);
}

static void freeing_without_memory_is_all_or_nothing(void **state)
{
    place p;

    (void)state;
    finished_runs(&p, 1);
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_free_artifact(p.store, 1, "net", &p.err);
        lt_mem_fail_after(-1);
        EXPECT_SQL(&p,
                   "SELECT count(*) + (SELECT count(*) FROM notes) FROM"
                   " artifacts",
                   "2");
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
    }
    for (int i = 0;; i++) {
        lt_status rc;

        lt_mem_fail_after(i);
        rc = lt_store_delete_file(p.store, 1, "net.safetensors", &p.err);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_int_equal(rc, LT_ENOMEM);
        assert_true(there(&p, "runs/1/net.safetensors"));
    }
    assert_string_equal(verified(&p), "");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_removed_runs_are_deleted),
        cmocka_unit_test(run_that_lives_is_not_deleted),
        cmocka_unit_test(folder_goes_only_when_nobody_has_it),
        cmocka_unit_test(trash_is_known_by_its_name),
        cmocka_unit_test(weights_are_freed_with_a_note),
        cmocka_unit_test(files_of_runs_that_may_go_on_stay),
        cmocka_unit_test(loose_rows_go_young_sources_stay),
        cmocka_unit_test(compacting_gives_free_pages_back),
        cmocka_unit_test(deleting_without_memory_is_all_or_nothing),
        cmocka_unit_test(freeing_without_memory_is_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
