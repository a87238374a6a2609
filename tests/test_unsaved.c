/* Side files: what a store could not take gets there later, once, and nothing
 * that lies in their folder does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/store/fold.h"
#include "latent/store/verify.h"
#include "store/unsaved_int.h"
#include "store_help.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

/* The first fails only when the pages that there are have no room. */
#define FULL   "PRAGMA max_page_count = 1"
#define CLOSED "PRAGMA query_only = 1"
#define OPEN   "PRAGMA query_only = 0"
#define ROOM   "PRAGMA max_page_count = 1000000"

static int n_log_syncs;

/* In place of the C library's: counts those of a store's log. */
int fsync(int fd)
{
    char link[32], path[400];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path);
    n_log_syncs += n > 4 && strncmp(path + n - 4, "-wal", 4) == 0;
    return (int)syscall(SYS_fsync, fd);
}

static void side_file(const place *p, int run, char out[160])
{
    snprintf(out, 160, "%s/runs/unsaved/%d", p->dir, run);
}

static bool is_there(const place *p, int run)
{
    char path[160];

    side_file(p, run, path);
    return access(path, F_OK) == 0;
}

static void fold(place *p, int runs, int values, int waiting)
{
    lt_folded f;

    EXPECT_OK(p, lt_store_fold(p->path, &f, &p->err));
    if (f.n_waiting != waiting)
        fail_msg("%d waiting: %s", f.n_waiting, f.why.text);
    assert_int_equal(f.runs, runs);
    assert_int_equal(f.values, values);
}

/* In a process of its own: claims, logs x = 0, 1, .. and y, the store closed to
 * it after `n_before`; dies, or ends the run. */
static void run_on_closed_store(place *p, int n_before, int n,
                                lt_run_status end)
{
    pid_t pid;

    lt_store_close(p->store);
    p->store = NULL;
    pid = fork();
    if (pid == 0) {
        lt_claim *claim;
        lt_recorder *r;

        if (lt_store_open(p->path, LT_STORE_WRITE, &p->store, &p->err) != LT_OK)
            _exit(9);
        claim = place_claim(p);
        r = recorder_on(p, claim);
        for (int i = 0; i < n_before; i++)
            record(r, "x", i, i);
        if (lt_recorder_flush(r, &p->err) != LT_OK)
            _exit(8);
        place_ask(p, CLOSED);
        for (int i = n_before; i < n; i++) {
            record(r, "x", i, i);
            if (i % 2)
                record(r, "y", i, -i);
        }
        if (lt_recorder_flush(r, &p->err) == LT_OK)
            _exit(7);
        if (end && (lt_claim_note(claim, "a word", &p->err) != LT_OK ||
                    lt_claim_tag(claim, "tagged", &p->err) != LT_OK ||
                    lt_recorder_close(r, &p->err) != LT_OK ||
                    lt_claim_end(claim, end, "m", &p->err) != LT_OK))
            _exit(6);
        _exit(0);
    }
    assert_int_equal(child_status(pid), 0);
    EXPECT_OK(p, lt_store_open(p->path, LT_STORE_WRITE, &p->store, &p->err));
}

static void expect_series(place *p, int n)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%d,%d,%d", n, n - 1, n * (n - 1) / 2);
    EXPECT_SQL(p,
               "SELECT count(*) || ',' || max(seq) || ',' ||"
               " CAST(sum(value) AS INTEGER) FROM metrics WHERE name = 'x'",
               wanted);
    EXPECT_SQL(p,
               "SELECT count(*) FROM metrics WHERE name = 'x' AND"
               " (value <> seq OR step <> seq OR epoch <> seq / 10.0)",
               "0");
    snprintf(wanted, sizeof wanted, "%d,%d", n, n - 1);
    EXPECT_SQL(p,
               "SELECT n || ',' || CAST(max AS INTEGER) FROM finals"
               " WHERE name = 'x'",
               wanted);
}

static void run_that_ended_on_a_closed_store_has_ended(void **state)
{
    char checkpoint[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 10, 5000, LT_RUN_FINISHED);
    EXPECT_SQL(&p, "SELECT status FROM runs", "running");
    snprintf(checkpoint, sizeof checkpoint, "%s/runs/1/checkpoint", p.dir);
    fclose(fopen(checkpoint, "w"));
    fold(&p, 1, 4990 + 2495, 0);
    assert_int_not_equal(access(checkpoint, F_OK), 0);
    EXPECT_SQL(&p,
               "SELECT status || message || (seconds >= 0) || (ended_at >="
               " started_at) FROM runs",
               "finishedm11");
    expect_series(&p, 5000);
    EXPECT_SQL(&p, "SELECT n || first FROM finals WHERE name = 'y'",
               "2495-11.0");
    EXPECT_SQL(&p, "SELECT text FROM notes", "a word");
    EXPECT_SQL(&p, "SELECT tag FROM tags", "tagged");
    assert_false(is_there(&p, 1));
    fold(&p, 0, 0, 0);
    place_close(&p);
}

static void
run_that_died_on_a_closed_store_is_lost_with_its_values(void **state)
{
    place p;
    int n = 0;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 3, 100, 0);
    EXPECT_OK(&p, lt_store_reap(p.store, &n, &p.err));
    assert_int_equal(n, 1);
    EXPECT_SQL(&p, "SELECT status FROM runs", "lost");
    expect_series(&p, 100);
    assert_false(is_there(&p, 1));
    place_close(&p);
}

/* The process that folds dies between its commit and the removal. */
static void fold_again(lt_run_status end)
{
    char path[160], command[400];
    place p;

    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 0, 50, end);
    side_file(&p, 1, path);
    snprintf(command, sizeof command, "cp %s %s/kept", path, p.dir);
    assert_int_equal(system(command), 0);
    fold(&p, 1, 75, 0);
    snprintf(command, sizeof command, "cp %s/kept %s", p.dir, path);
    assert_int_equal(system(command), 0);
    fold(&p, end == LT_RUN_FINISHED ? 0 : 1, 0, 0);
    expect_series(&p, 50);
    EXPECT_SQL(&p, "SELECT count(*) FROM notes", "1");
    assert_string_equal(place_ask(&p, "SELECT status FROM runs"),
                        lt_run_status_name(end));
    assert_false(is_there(&p, 1));
    place_close(&p);
}

static void folded_twice_is_folded_once(void **state)
{
    (void)state;
    fold_again(LT_RUN_FINISHED);
    fold_again(LT_RUN_FAILED);
}

/* Cut off anywhere, or with a byte changed: what is before it gets in. */
static void torn_file_is_good_up_to_there(void **state)
{
    char path[160], bytes[65536];
    size_t size, n_all = 0;
    place p;
    FILE *f;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 0, 40, LT_RUN_FAILED);
    side_file(&p, 1, path);
    f = fopen(path, "rb");
    size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(size > 2000 && size < sizeof bytes);
    for (size_t i = 0; i <= size; i += 13) {
        lt_folded folded;

        f = fopen(path, "wb");
        if (i % 2 && i < size)
            bytes[i] ^= 64;
        fwrite(bytes, 1, i % 2 ? size : i, f);
        if (i % 2 && i < size)
            bytes[i] ^= 64;
        fclose(f);
        EXPECT_OK(&p, lt_store_fold(p.path, &folded, &p.err));
        assert_true(folded.values == 0 || folded.values == 40 ||
                    folded.values == 60);
        n_all += folded.values == 60;
        EXPECT_SQL(&p,
                   "SELECT count(*) FROM finals f WHERE n <>"
                   " (SELECT count(*) FROM metrics m WHERE m.name ="
                   " f.name)",
                   "0");
        EXPECT_OK(&p, lt__db_do(p.store, &p.err, "DELETE FROM metric", ""));
        EXPECT_OK(&p, lt__db_do(p.store, &p.err, "DELETE FROM series", ""));
        EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                                "UPDATE run SET status = 'running'", ""));
    }
    assert_true(n_all > 5);
    place_close(&p);
}

static void claim_that_goes_on_gets_its_values_first(void **state)
{
    const char *names[] = {"x"};
    const int64_t counts[] = {60};
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 3, 100, 0);
    EXPECT_OK(
        &p, lt__db_do(p.store, &p.err, "UPDATE run SET status = 'queued'", ""));
    n_log_syncs = 0;
    claim = place_claim(&p);
    assert_true(n_log_syncs > 0); /* before the file went */
    EXPECT_OK(&p, lt_claim_rewind(claim, names, counts, 1, &p.err));
    expect_series(&p, 60);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    assert_false(is_there(&p, 1));
    place_close(&p);
}

static void store_with_room_again_gets_all_from_the_run_itself(void **state)
{
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    assert_true(is_there(&p, 1));
    r = recorder_on(&p, claim);
    for (int round = 0; round < 3; round++) {
        place_ask(&p, FULL);
        for (int i = 0; i < 5000; i++)
            record(r, "x", 5000 * round + i, 5000 * round + i);
        assert_int_equal(lt_recorder_flush(r, &p.err), LT_ESTORE);
        EXPECT_OK(&p, lt_claim_note(claim, "said", &p.err));
        fold(&p, 0, 0, 0); /* the run lives: nobody else folds */
        assert_true(is_there(&p, 1));
        place_ask(&p, ROOM);
        record(r, "y", round, round);
        if (round < 2)
            EXPECT_OK(&p, lt_recorder_flush(r, &p.err));
    }
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    expect_series(&p, 15000);
    EXPECT_SQL(&p, "SELECT count(*) FROM notes", "3");
    EXPECT_SQL(&p, "SELECT status || message FROM runs", "finished");
    assert_false(is_there(&p, 1));
    place_close(&p);
}

/* Another host has taken the run for lost, and removed what it had folded. */
static void file_without_a_name_is_read_by_its_own_run(void **state)
{
    char path[160];
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    place_ask(&p, CLOSED);
    record(r, "x", 0, 0);
    record(r, "x", 1, 1);
    assert_int_equal(lt_recorder_flush(r, &p.err), LT_ESTORE);
    EXPECT_OK(&p, lt_claim_note(claim, "said", &p.err));
    side_file(&p, 1, path);
    assert_int_equal(unlink(path), 0);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    place_ask(&p, OPEN);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    expect_series(&p, 2);
    EXPECT_SQL(&p, "SELECT text FROM notes", "said");
    place_close(&p);
}

/* A run of another host, silent for ten minutes: what it left is taken in, but
 * it may live after all, and needs its file. */
static void silent_run_keeps_its_file(void **state)
{
    const struct timespec then[2] = {{time(NULL) - 600, 0},
                                     {time(NULL) - 600, 0}};
    char lock[160];
    pid_t pid;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    lt_store_close(p.store);
    p.store = NULL;
    pid = fork();
    if (pid == 0) {
        lt_run_env env = {.host = {.name = "elsewhere", .boot_id = "another"}};
        lt_claim *claim = NULL;
        lt_recorder *r;

        if (lt_store_open(p.path, LT_STORE_WRITE, &p.store, NULL) != LT_OK ||
            lt_claim_next(p.store, 0, &env, &claim, NULL) != LT_OK)
            _exit(1);
        r = recorder_on(&p, claim);
        place_ask(&p, CLOSED);
        record(r, "x", 0, 0);
        _exit(lt_recorder_flush(r, NULL) == LT_ESTORE ? 0 : 1);
    }
    assert_int_equal(child_status(pid), 0);
    fold(&p, 0, 0, 0); /* not silent for long enough */
    snprintf(lock, sizeof lock, "%s/runs/1/lock", p.dir);
    assert_int_equal(utimensat(AT_FDCWD, lock, then, 0), 0);
    fold(&p, 1, 1, 0);
    assert_true(is_there(&p, 1));
    fold(&p, 0, 0, 0);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &p.store, &p.err));
    expect_series(&p, 1);
    place_close(&p);
}

/* Points that the machine's power took: the run has not ended that way. */
static void run_with_a_gap_is_lost(void **state)
{
    place p;
    int n = 0;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 10, 50, LT_RUN_FINISHED);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "DELETE FROM metric WHERE seq >= 7", ""));
    EXPECT_OK(&p, lt__db_do(p.store, &p.err, "UPDATE series SET n = 7", ""));
    EXPECT_OK(&p, lt_store_reap(p.store, &n, &p.err));
    assert_int_equal(n, 1);
    EXPECT_SQL(&p, "SELECT status FROM runs", "lost");
    EXPECT_SQL(&p,
               "SELECT group_concat(value) FROM (SELECT CAST(value AS INTEGER)"
               " AS value FROM metrics WHERE name = 'x' AND seq BETWEEN 5 AND"
               " 8 ORDER BY seq)",
               "5,6,10,11");
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics WHERE name = 'x'", "47");
    assert_false(is_there(&p, 1));
    place_close(&p);
}

static void told(void *self, const char *words)
{
    char *out = self;

    assert_string_equal(out, "");
    snprintf(out, 1024, "%s", words);
}

static void user_is_told_once_per_run(void **state)
{
    char words[1024] = "";
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    lt_claim_listen(claim, told, words);
    r = recorder_on(&p, claim);
    record(r, "x", 1, 1);
    EXPECT_OK(&p, lt_recorder_flush(r, &p.err));
    assert_string_equal(words, "");
    place_ask(&p, FULL);
    for (int i = 0; i < 20000; i++)
        record(r, "x", i, i);
    lt_recorder_flush(r, NULL);
    EXPECT_TEXT(words, "latent.db: database or disk is full");
    EXPECT_TEXT(words, "/runs/unsaved/1");
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* A claim that comes, and dies, between a fold and its end: its file stays. */
static void file_of_a_later_claim_stays(void **state)
{
    lt__folding all = {0};
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 0, 10, 0);
    EXPECT_OK(&p, lt__db_begin(p.store, &p.err));
    EXPECT_OK(&p, lt__db_end(p.store, lt__fold_run(p.store, 1, &all, &p.err),
                             &p.err));
    EXPECT_OK(
        &p, lt__db_do(p.store, &p.err, "UPDATE run SET status = 'queued'", ""));
    run_on_closed_store(&p, 0, 20, 0);
    lt__fold_clear(p.store, &all);
    assert_true(is_there(&p, 1));
    fold(&p, 1, 20 + 10, 0);
    assert_false(is_there(&p, 1));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics WHERE name = 'x'", "30");
    place_close(&p);
}

/* A stranger's folder: what a link in it leads to is not the run's. */
static void checkpoint_behind_a_link_stays(void **state)
{
    char command[500], checkpoint[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 1, 10, LT_RUN_FINISHED);
    snprintf(command, sizeof command,
             "cd %s && rm -r runs/1 && mkdir mine && echo > mine/checkpoint"
             " && ln -s ../mine runs/1",
             p.dir);
    assert_int_equal(system(command), 0);
    fold(&p, 1, 9 + 5, 0);
    assert_false(is_there(&p, 1));
    snprintf(checkpoint, sizeof checkpoint, "%s/mine/checkpoint", p.dir);
    assert_int_equal(access(checkpoint, F_OK), 0);
    place_close(&p);
}

/* A checkpoint may count what the side file has, and what flushes before had
 * stored is on the disk. */
static void settled_is_what_the_side_file_has(void **state)
{
    lt_counts counts = {0};
    lt_claim *claim;
    lt_recorder *r;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    r = recorder_on(&p, claim);
    record(r, "x", 0, 0);
    EXPECT_OK(&p, lt_recorder_flush(r, &p.err));
    place_ask(&p, CLOSED);
    record(r, "x", 1, 1);
    record(r, "x", 2, 2);
    record(r, "y", 1, 1);
    n_log_syncs = 0;
    EXPECT_OK(&p, lt_recorder_settle(r, &counts, &p.err));
    assert_true(n_log_syncs > 0);
    assert_int_equal(counts.n, 2);
    assert_int_equal(counts.counts[0] * 10 + counts.counts[1], 31);
    lt_counts_deinit(&counts);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "1");
    place_ask(&p, OPEN);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    expect_series(&p, 3);
    place_close(&p);
}

/* No file could take them either: they wait in memory. */
static void words_wait_in_memory_without_a_side_file(void **state)
{
    char words[1024] = "";
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim_without_side_file(&p);
    lt_claim_listen(claim, told, words);
    place_ask(&p, CLOSED);
    EXPECT_OK(&p, lt_claim_note(claim, "one", &p.err));
    EXPECT_OK(&p, lt_claim_note(claim, "two", &p.err));
    EXPECT_OK(&p, lt_claim_tag(claim, "three", &p.err));
    EXPECT_TEXT(words, "in memory");
    place_ask(&p, OPEN);
    EXPECT_SQL(&p, "SELECT count(*) FROM notes", "0");
    EXPECT_OK(&p, lt_claim_note(claim, "four", &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_SQL(&p, "SELECT group_concat(text) FROM notes", "one,two,four");
    EXPECT_SQL(&p, "SELECT tag FROM tags", "three");
    place_close(&p);
}

/* Of an earlier claim: the run has been done again since. */
static void file_of_an_earlier_claim_is_dropped(void **state)
{
    char path[160], command[400];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 0, 50, 0);
    side_file(&p, 1, path);
    snprintf(command, sizeof command, "cp %s %s/kept", path, p.dir);
    assert_int_equal(system(command), 0);
    EXPECT_OK(&p,
              lt__db_do(p.store, &p.err,
                        "UPDATE run SET status = 'queued', started_at = NULL",
                        ""));
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FINISHED, "", &p.err));
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "0");
    snprintf(command, sizeof command, "cp %s/kept %s", p.dir, path);
    assert_int_equal(system(command), 0);
    fold(&p, 0, 0, 0);
    EXPECT_SQL(&p, "SELECT count(*) FROM metrics", "0");
    assert_false(is_there(&p, 1));
    place_close(&p);
}

static void put(const place *p, const char *name, const char *bytes)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof path, "%s/runs/unsaved/%s", p->dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    fputs(bytes, f);
    fclose(f);
}

static void strange_files_do_no_harm(void **state)
{
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 3);
    for (int i = 0; i < 3; i++)
        EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FAILED, "", &p.err));
    put(&p, "1", "not such a file");
    put(&p, "2", "");
    side_file(&p, 3, path);
    assert_int_equal(mkfifo(path, 0600), 0); /* would wait for ever */
    put(&p, "77", "of no run");
    put(&p, "12x", "");
    put(&p, "-3", "");
    put(&p, "99999999999999999999999", "");
    fold(&p, 0, 0, 3);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "failed,failed,failed");
    place_close(&p);
}

static void found(void *self, const char *finding)
{
    lt_text *all = self;

    lt_text_add(all, finding);
    lt_text_add(all, "\n");
}

/* What latent verify says, one line each. */
static void expect_findings(place *p, const char *a, const char *b)
{
    lt_text all = {0};
    const lt_verify_opts opts = {.tell = found, .self = &all};
    lt_verify_report report;
    int wanted = (a != NULL) + (b != NULL);

    EXPECT_OK(p, lt_store_verify(p->store, &opts, &report, &p->err));
    if (report.n_wrong != wanted)
        fail_msg("%s", lt_text_str(&all));
    if (a)
        EXPECT_TEXT(all.data, a);
    if (b)
        EXPECT_TEXT(all.data, b);
    lt_text_deinit(&all);
}

static void verify_knows_side_files(void **state)
{
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    run_on_closed_store(&p, 0, 40, LT_RUN_FAILED);
    expect_findings(&p, "run 1: 60 metric values and 3 other things wait in ",
                    "run 1: is said to be running");
    side_file(&p, 1, path);
    assert_int_equal(truncate(path, 1000), 0);
    EXPECT_OK(&p,
              lt__db_do(p.store, &p.err, "UPDATE run SET status = 'lost'", ""));
    expect_findings(&p, "runs/unsaved/1: damaged after 0 metric values", NULL);
    put(&p, "1", "gibberish");
    expect_findings(&p, "does not begin with", NULL);
    assert_int_equal(unlink(path), 0);
    expect_findings(&p, NULL, NULL);
    place_close(&p);
}

static void folding_without_a_store_is_nothing(void **state)
{
    lt_folded f;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_store_fold("/nowhere/at/all.db", &f, &err), LT_OK);
    assert_int_equal(f.runs + f.n_waiting, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
    const struct CMUnitTest tests[] = {
        T(run_that_ended_on_a_closed_store_has_ended),
        T(run_that_died_on_a_closed_store_is_lost_with_its_values),
        T(folded_twice_is_folded_once),
        T(torn_file_is_good_up_to_there),
        T(claim_that_goes_on_gets_its_values_first),
        T(store_with_room_again_gets_all_from_the_run_itself),
        T(file_without_a_name_is_read_by_its_own_run),
        T(silent_run_keeps_its_file),
        T(file_of_a_later_claim_stays),
        T(checkpoint_behind_a_link_stays),
        T(run_with_a_gap_is_lost),
        T(user_is_told_once_per_run),
        T(settled_is_what_the_side_file_has),
        T(words_wait_in_memory_without_a_side_file),
        T(file_of_an_earlier_claim_is_dropped),
        T(strange_files_do_no_harm),
        T(verify_knows_side_files),
        T(folding_without_a_store_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
