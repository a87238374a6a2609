/* A run's life: claimed by one, ended once, frozen, or found dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/path.h"
#include "store_help.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <time.h>

static void claim_records_where_it_runs(void **state)
{
    lt_claim *claim;
    char dir[160];
    struct stat st;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    claim = place_claim(&p);
    assert_int_equal(lt_claim_run(claim), 1);
    assert_int_equal(lt_claim_sweep(claim), 1);
    assert_int_equal(lt_claim_seed(claim), 1);
    assert_string_equal(lt_claim_config(claim), "{\"code\":6}");
    assert_string_equal(lt_claim_name(claim),
                        place_ask(&p, "SELECT name FROM runs WHERE id = 1"));
    snprintf(dir, sizeof dir, "%s/runs/1", p.dir);
    assert_string_equal(lt_claim_dir(claim), dir);
    assert_int_equal(stat(dir, &st), 0);
    EXPECT_SQL(&p,
               "SELECT status || threads || blas_core || isa || (ended_at IS"
               " NULL) || (host != '') || (pid > 0) || (started_at >="
               " queued_at) FROM runs WHERE id = 1",
               "running1SkylakeXavx5121111");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FAILED, "file.lua:3: no", &p.err));
    EXPECT_SQL(&p,
               "SELECT status || message || (seconds >= 0) || (cpu_seconds >="
               " 0) || (ended_at >= started_at) FROM runs WHERE id = 1",
               "failedfile.lua:3: no111");
    place_close(&p);
}

static void claim_of_an_empty_queue_finds_nothing(void **state)
{
    lt_run_env env = {.threads = 1};
    lt_claim *claim = NULL;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    assert_int_equal(lt_claim_next(p.store, 9, &env, &claim, &p.err),
                     LT_ENOTFOUND);
    EXPECT_OK(&p, lt_claim_next(p.store, 1, &env, &claim, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, NULL, &p.err));
    claim = NULL;
    assert_int_equal(lt_claim_next(p.store, 0, &env, &claim, &p.err),
                     LT_ENOTFOUND);
    assert_null(claim);
    place_close(&p);
}

static void claim_keeps_facts_artifacts_notes_and_tags(void **state)
{
    lt_run_facts facts = {.data_fingerprint = "train:ab", .parameters = 12};
    lt_claim *claim;
    char path[160];
    FILE *f;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    EXPECT_OK(&p, lt_claim_facts(claim, &facts, &p.err));
    facts = (lt_run_facts){.network = "784-30", .examples_per_second = 5.5};
    EXPECT_OK(&p, lt_claim_facts(claim, &facts, &p.err));
    EXPECT_SQL(&p,
               "SELECT data || parameters || network || examples_per_second"
               " FROM runs",
               "train:ab12784-305.5");
    snprintf(path, sizeof path, "%s/net.safetensors", lt_claim_dir(claim));
    f = fopen(path, "wb");
    assert_non_null(f);
    fputs("abc", f);
    fclose(f);
    for (int i = 0; i < 2; i++) /* saved again: replaced */
        EXPECT_OK(&p, lt_claim_artifact(claim, "net", "network", path, &p.err));
    EXPECT_SQL(&p,
               "SELECT count(*) || name || kind || path || bytes || sha256"
               " FROM artifacts",
               "1netnetworkruns/1/net.safetensors3"
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
               "ad");
    assert_int_not_equal(
        lt_claim_artifact(claim, "x", "x", "/no/such/file", &p.err), LT_OK);
    EXPECT_TEXT(p.err.text, "/no/such/file");
    EXPECT_OK(&p, lt_claim_note(claim, "looks odd", &p.err));
    EXPECT_OK(&p, lt_claim_tag(claim, "b", &p.err));
    EXPECT_OK(&p, lt_claim_tag(claim, "a", &p.err));
    EXPECT_OK(&p, lt_claim_tag(claim, "a", &p.err));
    EXPECT_SQL(&p, "SELECT tags FROM runs", "a,b");
    EXPECT_SQL(&p, "SELECT text FROM notes WHERE run = 1", "looks odd");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void expect_frozen(place *p, const char *sql)
{
    assert_int_equal(lt__db_do(p->store, &p->err, sql, ""), LT_ESTORE);
    EXPECT_TEXT(p->err.text, "frozen");
}

static void finished_run_is_frozen(void **state)
{
    lt_recorder *r = NULL;
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    EXPECT_OK(&p, lt_recorder_new(claim, &r, &p.err));
    lt_observe_metric(lt_recorder_observer(r), "x", 1, 1, 1, NULL);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    expect_frozen(&p, "UPDATE run SET status = 'queued'");
    expect_frozen(&p, "UPDATE run SET message = 'better'");
    expect_frozen(&p, "UPDATE series SET last = 0");
    expect_frozen(&p, "INSERT INTO artifact VALUES (1, '', '', '', '', 0, 0)");
    /* Words about it may come later, and it can be removed whole. */
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "INSERT INTO tag VALUES (1, 'good')", ""));
    EXPECT_OK(&p, lt__db_do(p.store, &p.err, "DELETE FROM run", ""));
    EXPECT_SQL(&p,
               "SELECT (SELECT count(*) FROM metric) +"
               " (SELECT count(*) FROM series) +"
               " (SELECT count(*) FROM param) + (SELECT count(*) FROM tag)",
               "0");
    place_close(&p);
}

/* Claims until the queue is empty; one byte a run into the pipe. */
static void claim_all(const char *path, int out)
{
    lt_run_env env = {.threads = 1};
    lt_store *s = NULL;
    lt_err err = {0};
    lt_status rc = lt_store_open(path, LT_STORE_WRITE, &s, &err);

    while (rc == LT_OK) {
        lt_claim *claim = NULL;
        unsigned char id;

        rc = lt_claim_next(s, 0, &env, &claim, &err);
        if (rc != LT_OK)
            break;
        id = (unsigned char)lt_claim_run(claim);
        (void)!write(out, &id, 1);
        rc = lt_claim_end(claim, LT_RUN_FINISHED, "", &err);
    }
    if (rc != LT_ENOTFOUND)
        fprintf(stderr, "claims: %s\n", err.text);
    _exit(rc == LT_ENOTFOUND ? 0 : 1);
}

static void claim_gives_each_run_to_one_process(void **state)
{
    enum { RUNS = 60, WORKERS = 4 };
    int seen[RUNS + 1] = {0}, ends[2], n = 0;
    pid_t pids[WORKERS];
    unsigned char id;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, RUNS);
    lt_store_close(p.store);
    p.store = NULL;
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            claim_all(p.path, ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], &id, 1) == 1) {
        assert_in_range(id, 1, RUNS);
        seen[id]++;
        n++;
    }
    close(ends[0]);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(child_status(pids[i]), 0);
    assert_int_equal(n, RUNS);
    for (int i = 1; i <= RUNS; i++)
        assert_int_equal(seen[i], 1);
    place_close(&p);
}

/* Claims a run, logs and flushes a value, says so, and waits for its end. */
static void claim_and_hang(const char *path, int out)
{
    lt_run_env env = {.threads = 1};
    lt_store *s = NULL;
    lt_claim *claim = NULL;
    lt_recorder *r = NULL;
    lt_err err = {0};

    lt_host_describe(&env.host);
    if (lt_store_open(path, LT_STORE_WRITE, &s, &err) != LT_OK ||
        lt_claim_next(s, 0, &env, &claim, &err) != LT_OK ||
        lt_recorder_new(claim, &r, &err) != LT_OK)
        _exit(1);
    lt_observe_metric(lt_recorder_observer(r), "x", 1, 1, 7, NULL);
    lt_recorder_flush(r, &err);
    (void)!write(out, "x", 1);
    for (;;)
        pause();
}

static pid_t hanging_child(place *p)
{
    int ends[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        claim_and_hang(p->path, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void reap_finds_the_killed_and_spares_the_living(void **state)
{
    lt_claim *mine;
    pid_t dead, alive;
    int n = -1;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 3);
    dead = hanging_child(&p);
    alive = hanging_child(&p);
    mine = place_claim(&p);
    EXPECT_OK(&p, lt_store_reap(p.store, &n, &p.err));
    assert_int_equal(n, 0);
    kill(dead, SIGKILL);
    child_status(dead);
    EXPECT_OK(&p, lt_store_reap(p.store, &n, &p.err));
    assert_int_equal(n, 1);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "lost,running,running");
    EXPECT_SQL(&p,
               "SELECT message LIKE 'its process (%) ended%' AND"
               " ended_at >= started_at FROM runs WHERE id = 1",
               "1");
    EXPECT_SQL(&p, "SELECT value FROM metrics WHERE run = 1", "7.0");
    EXPECT_SQL(&p, "PRAGMA integrity_check", "ok");
    EXPECT_OK(&p, lt_store_reap(p.store, &n, &p.err));
    assert_int_equal(n, 0);
    EXPECT_OK(&p, lt_claim_end(mine, LT_RUN_FINISHED, "", &p.err));
    kill(alive, SIGKILL);
    child_status(alive);
    place_close(&p);
}

/* The lock is beside the file, not beside the link. */
static void living_run_is_spared_through_a_link(void **state)
{
    lt_store *other = NULL;
    char folder[96], link[112];
    lt_claim *mine;
    int n = -1;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    mine = place_claim(&p);
    snprintf(folder, sizeof folder, "%s/elsewhere", p.dir);
    snprintf(link, sizeof link, "%s/link.db", folder);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(symlink(p.path, link), 0);
    EXPECT_OK(&p, lt_store_open(link, LT_STORE_WRITE, &other, &p.err));
    EXPECT_OK(&p, lt_store_reap(other, &n, &p.err));
    assert_int_equal(n, 0);
    lt_store_close(other);
    EXPECT_OK(&p, lt_claim_end(mine, LT_RUN_FINISHED, "", &p.err));
    other = NULL;
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("nothing.db", link), 0);
    assert_int_equal(lt_store_open(link, LT_STORE_CREATE, &other, &p.err),
                     LT_ESTORE);
    EXPECT_TEXT(p.err.text, "link to a file that is not there");
    place_close(&p);
}

static void reap_pid_buries_what_the_supervisor_saw(void **state)
{
    int64_t run = -1;
    pid_t pid;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    pid = hanging_child(&p);
    /* Still alive: not touched. */
    EXPECT_OK(&p, lt_store_reap_pid(p.store, pid, LT_RUN_LOST, "killed", &run,
                                    &p.err));
    assert_int_equal(run, 0);
    kill(pid, SIGKILL);
    child_status(pid);
    EXPECT_OK(&p, lt_store_reap_pid(p.store, pid, LT_RUN_LOST,
                                    "killed by signal 9", &run, &p.err));
    assert_int_equal(run, 1);
    EXPECT_SQL(&p, "SELECT status || message FROM runs",
               "lostkilled by signal 9");
    EXPECT_OK(&p, lt_store_reap_pid(p.store, pid, LT_RUN_LOST, "again", &run,
                                    &p.err));
    assert_int_equal(run, 0);
    place_close(&p);
}

/* Run `run` as if claimed on host `host` in boot `boot_id`, its lock last
 * touched `age` seconds ago (negative: with no lock file). */
static void move_run(place *p, int64_t run, const char *host, const char *boot,
                     int64_t age)
{
    struct timespec times[2] = {{0}};
    char path[160];

    EXPECT_OK(p, lt__db_do(p->store, &p->err,
                           "INSERT OR IGNORE INTO machine (name, cpu, system,"
                           " build, cores, blas_core, isa)"
                           " VALUES (?, '', '', '', 1, '', '')",
                           "t", host));
    EXPECT_OK(p,
              lt__db_do(p->store, &p->err,
                        "UPDATE run SET boot_id = ?, machine = (SELECT id FROM"
                        " machine WHERE name = ? AND cpu = '') WHERE id = ?",
                        "tti", boot, host, run));
    snprintf(path, sizeof path, "%s/runs/%d/lock", p->dir, (int)run);
    if (age < 0) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    times[0].tv_sec = times[1].tv_sec = time(NULL) - age;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void kill_claims(place *p, int n)
{
    for (int i = 0; i < n; i++) {
        pid_t pid = hanging_child(p);

        kill(pid, SIGKILL);
        child_status(pid);
    }
}

static int reap(place *p)
{
    int n = -1;

    EXPECT_OK(p, lt_store_reap(p->store, &n, &p->err));
    return n;
}

static void reap_knows_boots(void **state)
{
    struct timespec up;
    lt_host here;
    place p;

    (void)state;
    lt_host_describe(&here);
    clock_gettime(CLOCK_BOOTTIME, &up);
    place_open(&p);
    place_queue_many(&p, 4);
    kill_claims(&p, 4);
    /* This kernel under another name (a container): its word counts. */
    move_run(&p, 1, "far", here.boot_id, 0);
    /* This name, but touched since this kernel started: another machine. */
    move_run(&p, 2, here.name, "other", up.tv_sec < 100 ? 0 : 60);
    /* Touched before that: this machine, an earlier boot. */
    move_run(&p, 3, here.name, "other", up.tv_sec + 60);
    move_run(&p, 4, "far", "other", 0);
    assert_int_equal(reap(&p), 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "lost,running,lost,running");
    EXPECT_SQL(&p, "SELECT message LIKE 'its process%' FROM runs", "1");
    EXPECT_SQL(&p, "SELECT message FROM runs WHERE id = 3",
               "the machine restarted while it ran");
    place_close(&p);
}

static void reap_for_a_reader_only_counts(void **state)
{
    lt_store *reading = NULL;
    int n = -1;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    kill_claims(&p, 2);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_READ, &reading, &p.err));
    EXPECT_OK(&p, lt_store_reap(reading, &n, &p.err));
    assert_int_equal(n, 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs", "running,running");
    assert_int_equal(reap(&p), 2);
    EXPECT_OK(&p, lt_store_reap(reading, &n, &p.err));
    assert_int_equal(n, 0);
    lt_store_close(reading);
    place_close(&p);
}

static void reap_waits_for_other_hosts_to_fall_silent(void **state)
{
    int n = -1;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 5);
    kill_claims(&p, 5);
    move_run(&p, 1, "far", "other", 100);
    move_run(&p, 2, "far", "other", 140);
    move_run(&p, 3, "far", "other", -1); /* claimed just now */
    move_run(&p, 4, "far", "other", -1);
    EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                            "UPDATE run SET started_at = started_at - 140000"
                            " WHERE id = 4",
                            ""));
    move_run(&p, 5, "far", "other", 0);
    assert_int_equal(reap(&p), 2);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "running,lost,running,lost,running");
    EXPECT_SQL(&p,
               "SELECT message GLOB 'no sign of life from host far for 14?"
               " seconds' FROM runs WHERE id = 2",
               "1");
    /* A lost run of which signs come again is not put back. */
    move_run(&p, 2, "far", "other", 3);
    EXPECT_OK(&p, lt_store_requeue(p.store, 0, LT_REQUEUE_CUT, &n, &p.err));
    assert_int_equal(n, 1);
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs",
               "running,lost,running,queued,running");
    place_close(&p);
}

/* A stopped process gives no sign of life, but holds its lock. */
static void live_run_is_spared_whatever_its_age(void **state)
{
    const char *hosts[] = {"far", NULL};
    lt_claim *claim;
    lt_host here;
    place p;

    (void)state;
    lt_host_describe(&here);
    hosts[1] = here.name;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    for (int i = 0; i < 2; i++) {
        move_run(&p, 1, hosts[i], "other", 100000000);
        assert_int_equal(reap(&p), 0);
        move_run(&p, 1, hosts[i], here.boot_id, 100000000);
        assert_int_equal(reap(&p), 0);
    }
    EXPECT_SQL(&p, "SELECT status FROM runs", "running");
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* As latent merge does, of a run that it brings up to date. */
static void locked_run_holds_up_no_other(void **state)
{
    lt_run_env env = {.threads = 1};
    lt_claim *claim, *none = NULL;
    char path[160];
    int lock = -1;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 2);
    snprintf(path, sizeof path, "%s/runs/1", p.dir);
    EXPECT_OK(&p, lt_path_make_dirs(path, &p.err));
    snprintf(path, sizeof path, "%s/runs/1/lock", p.dir);
    EXPECT_OK(&p, lt__lock_take(path, &lock, &p.err));
    claim = place_claim(&p);
    assert_int_equal(lt_claim_run(claim), 2);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    assert_int_equal(lt_claim_next(p.store, 0, &env, &none, &p.err), LT_EBUSY);
    EXPECT_TEXT(p.err.text, "/runs/1/lock: locked by another process");
    EXPECT_SQL(&p, "SELECT group_concat(status) FROM runs", "queued,finished");
    close(lock);
    claim = place_claim(&p);
    assert_int_equal(lt_claim_run(claim), 1);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void claim_touches_its_lock(void **state)
{
    lt_claim *claim;
    char path[160];
    struct stat st;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    snprintf(path, sizeof path, "%s/runs/1/lock", p.dir);
    claim = place_claim(&p);
    for (int i = 0; i < 2; i++) {
        const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        if (i == 0) {
            lt_claim_beat(claim);
        } else { /* an old file, locked again */
            int n = 0;

            EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_LOST, "", &p.err));
            EXPECT_OK(&p,
                      lt_store_requeue(p.store, 0, LT_REQUEUE_CUT, &n, &p.err));
            claim = place_claim(&p);
        }
        assert_int_equal(stat(path, &st), 0);
        assert_true(time(NULL) - st.st_mtime < 60);
    }
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static void run_taken_for_lost_ends_as_any_other(void **state)
{
    lt_recorder *r = NULL;
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    EXPECT_OK(&p, lt_recorder_new(claim, &r, &p.err));
    EXPECT_OK(&p,
              lt__db_do(p.store, &p.err, "UPDATE run SET status = 'lost'", ""));
    lt_observe_metric(lt_recorder_observer(r), "x", 1, 1, 7, NULL);
    EXPECT_OK(&p, lt_recorder_close(r, &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    EXPECT_SQL(&p, "SELECT status || (SELECT value FROM metrics) FROM runs",
               "finished7.0");
    place_close(&p);
}

/* Queued again, and perhaps claimed elsewhere: no word more from this one. */
static void claim_of_a_run_given_away_writes_nothing(void **state)
{
    place p;

    (void)state;
    for (int i = 0; i < 2; i++) {
        lt_recorder *r = NULL;
        lt_claim *claim;

        place_open(&p);
        place_queue_many(&p, 1);
        claim = place_claim(&p);
        EXPECT_OK(&p, lt_recorder_new(claim, &r, &p.err));
        EXPECT_OK(&p, lt__db_do(p.store, &p.err,
                                i == 0 ? "UPDATE run SET status = 'queued'"
                                       : "UPDATE run SET pid = pid + 1",
                                ""));
        lt_observe_metric(lt_recorder_observer(r), "x", 1, 1, 7, NULL);
        assert_int_equal(lt_recorder_close(r, &p.err), LT_ESTORE);
        EXPECT_TEXT(p.err.text, "no longer this process's");
        assert_int_equal(lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err),
                         LT_ESTORE);
        EXPECT_TEXT(p.err.text, "its end (finished) was not recorded");
        EXPECT_SQL(&p,
                   "SELECT status || (SELECT count(*) FROM metrics) FROM runs",
                   i == 0 ? "queued0" : "running0");
        place_close(&p);
    }
}

static void stores_in_one_folder_keep_their_files_apart(void **state)
{
    lt_claim *claim, *other;
    lt_store *first;
    char dir[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    first = p.store;
    p.store = NULL;
    snprintf(p.path, sizeof p.path, "%s/second.db", p.dir);
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_CREATE, &p.store, &p.err));
    place_queue_many(&p, 1);
    other = place_claim(&p);
    snprintf(dir, sizeof dir, "%s/second.runs/1", p.dir);
    assert_string_equal(lt_claim_dir(other), dir);
    EXPECT_OK(&p, lt_claim_end(other, LT_RUN_FINISHED, "", &p.err));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    lt_store_close(first);
    place_close(&p);
}

/* Its run still writes to the files that run 1 of the new store would have. */
static void store_made_anew_beside_a_live_run_is_refused(void **state)
{
    lt_run_env env = {.threads = 1};
    lt_claim *claim, *other = NULL;
    lt_store *first;
    char old[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    first = p.store;
    p.store = NULL;
    snprintf(old, sizeof old, "%s/old", p.dir);
    assert_int_equal(rename(p.path, old), 0);
    for (const char *const *end = (const char *[]){"-wal", "-shm", NULL}; *end;
         end++) {
        snprintf(old, sizeof old, "%s%s", p.path, *end);
        assert_int_equal(unlink(old), 0);
    }
    EXPECT_OK(&p, lt_store_open(p.path, LT_STORE_CREATE, &p.store, &p.err));
    place_queue_many(&p, 1);
    assert_int_equal(lt_claim_next(p.store, 0, &env, &other, &p.err), LT_EBUSY);
    EXPECT_TEXT(p.err.text, "made anew");
    EXPECT_SQL(&p, "SELECT status FROM runs", "queued");
    (void)lt_claim_end(claim, LT_RUN_FINISHED, "", NULL);
    lt_store_close(first);
    place_close(&p);
}

static void interrupted_transaction_leaves_nothing(void **state)
{
    pid_t pid;
    int ends[2];
    char byte;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        lt_store *s = NULL;
        lt_err err = {0};

        if (lt_store_open(p.path, LT_STORE_WRITE, &s, &err) != LT_OK ||
            lt__db_begin(s, &err) != LT_OK ||
            lt__db_do(s, &err, "UPDATE run SET status = 'running'", "") !=
                LT_OK)
            _exit(1);
        (void)!write(ends[1], "x", 1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    kill(pid, SIGKILL);
    child_status(pid);
    EXPECT_SQL(&p, "SELECT status FROM runs", "queued");
    EXPECT_SQL(&p, "PRAGMA integrity_check", "ok");
    EXPECT_OK(&p, lt_claim_end(place_claim(&p), LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claim_records_where_it_runs),
        cmocka_unit_test(claim_of_an_empty_queue_finds_nothing),
        cmocka_unit_test(claim_keeps_facts_artifacts_notes_and_tags),
        cmocka_unit_test(finished_run_is_frozen),
        cmocka_unit_test(claim_gives_each_run_to_one_process),
        cmocka_unit_test(reap_finds_the_killed_and_spares_the_living),
        cmocka_unit_test(living_run_is_spared_through_a_link),
        cmocka_unit_test(reap_pid_buries_what_the_supervisor_saw),
        cmocka_unit_test(reap_knows_boots),
        cmocka_unit_test(reap_for_a_reader_only_counts),
        cmocka_unit_test(reap_waits_for_other_hosts_to_fall_silent),
        cmocka_unit_test(live_run_is_spared_whatever_its_age),
        cmocka_unit_test(locked_run_holds_up_no_other),
        cmocka_unit_test(claim_touches_its_lock),
        cmocka_unit_test(run_taken_for_lost_ends_as_any_other),
        cmocka_unit_test(claim_of_a_run_given_away_writes_nothing),
        cmocka_unit_test(stores_in_one_folder_keep_their_files_apart),
        cmocka_unit_test(store_made_anew_beside_a_live_run_is_refused),
        cmocka_unit_test(interrupted_transaction_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
