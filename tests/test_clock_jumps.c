/* The clock of the wall is set, by hours and back, while runs are executed.
 *
 * The calls that tell the time are ours here, in place of the C library's, and
 * add to the wall's clock what a page says that all processes of the test
 * share; so is the one that touches a file, whose clock may be set by itself,
 * as a file server's. The monotonic clock goes on as it does.
 * ctest: TIMEOUT 300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "program_fixture.h"
#include "store/store_int.h"
#include "work/work_int.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define HOUR 3600

/* Seconds by which clocks are ahead; how often a file was touched. */
typedef struct clocks {
    atomic_int wall, files, n_touched;
} clocks;

static clocks *set;

/* ---- the calls ---- */

int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, id, t);

    if (id == CLOCK_REALTIME && set)
        t->tv_sec += set->wall;
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int futimens(int fd, const struct timespec times[2])
{
    struct timespec now[2];

    if (!times) {
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &now[0]);
        now[0].tv_sec += set ? set->files : 0;
        now[1] = now[0];
        times = now;
        if (set)
            set->n_touched++;
    }
    return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

static void set_clocks(int seconds)
{
    set->wall = seconds;
    set->files = seconds;
}

/* ---- commands ---- */

static void pause_ms(int ms)
{
    const struct timespec t = {.tv_nsec = ms * 1000000L};

    nanosleep(&t, NULL);
}

/* A worker in `place`, while the clock is set to and fro. */
static outcome work_while_it_jumps(const char *place, const char *const *args)
{
    static const int hours[] = {3, -5, 0, 48, -1, 9000, -9000};
    outcome o;
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0;; i++) {
            set_clocks(hours[i % 7] * HOUR);
            pause_ms(3);
        }
    }
    o = attempt(place, args, (fault){-1, 0, false});
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    set_clocks(0);
    return o;
}

static void expect(const char *place, const char *sql, const char *answer)
{
    char *found = ask(place, sql);

    if (strcmp(found, answer) != 0)
        fail_msg("%s: found %s, wanted %s", sql, found, answer);
    free(found);
}

static lt_status queue_loop(lt_store *store, lt_err *err)
{
    static const char *const sets[] = {"act=loop", "tie=tied", "code=2"};
    const lt_script_opts opts = {.threads = 1};
    const lt_plan_opts plan = {
        .command = "latent run tiny.lua", .sets = sets, .n_sets = 3};
    lt_script *script = NULL;
    int64_t sweep;
    int n;

    LT_TRY(lt_script_new(&opts, &script, err));
    LT_TRY(lt_script_load(script, LATENT_SOURCE_DIR "/tests/scripts/tiny.lua",
                          err));
    LT_TRY(lt_script_plan(script, store, &plan, &sweep, &n, err));
    lt_script_free(script);
    return LT_OK;
}

/* A claimed run. */
typedef struct scene {
    lt_store *store;
    lt_claim *claim;
    char lock[160];
    lt_err err;
} scene;

static void scene_open(scene *s, const char *place)
{
    lt_run_env env = {.threads = 1};
    char path[160];

    *s = (scene){0};
    make_place(place);
    in_child(place, queue_faults);
    snprintf(path, sizeof path, "%s/%s/latent.db", folder, place);
    lt_host_describe(&env.host);
    if (lt_store_open(path, LT_STORE_WRITE, &s->store, &s->err) != LT_OK ||
        lt_claim_next(s->store, 0, &env, &s->claim, &s->err) != LT_OK)
        fail_msg("%s", s->err.text);
    snprintf(s->lock, sizeof s->lock, "%s/lock", lt_claim_dir(s->claim));
}

static void scene_close(scene *s, lt_run_status status)
{
    set_clocks(0);
    (void)lt_claim_end(s->claim, status, "", NULL);
    lt_store_close(s->store);
}

/* ---- what is measured ---- */

static void runs_and_their_durations_are_those_of_a_steady_clock(void **state)
{
    double start = lt_clock_elapsed();
    char *steady, *jumped;
    outcome o;

    (void)state;
    make_place("steady");
    in_child("steady", queue_faults);
    must("steady", WORKER);
    make_place("jumps");
    in_child("jumps", queue_faults);
    o = work_while_it_jumps("jumps",
                            ARGS("worker", DB, "--sweep", "1", "--threads", "1",
                                 "--max-time", "600"));
    if (o.status != 0)
        fail_msg("%s", o.err);
    outcome_deinit(&o);
    steady = contents("steady");
    jumped = contents("jumps");
    assert_string_equal(steady, jumped);
    free(steady);
    free(jumped);
    expect("jumps", "SELECT count(*) FROM run WHERE seconds BETWEEN 0 AND 600",
           "2");
    expect("jumps",
           "SELECT count(*) FROM metric WHERE elapsed < 0 OR"
           " elapsed > 600000",
           "0");
    expect("jumps",
           "SELECT count(*) FROM metric a JOIN metric b ON b.run = a.run AND"
           " b.name = a.name AND b.seq = a.seq + 1 AND b.elapsed < a.elapsed",
           "0");
    assert_true(lt_clock_elapsed() - start < 600);
}

static void readers_bear_runs_that_end_before_they_begin(void **state)
{
    static const int hours[] = {0, -20000, 20000};
    scene s;

    (void)state;
    set_clocks(48 * HOUR);
    scene_open(&s, "ends");
    set_clocks(0);
    scene_close(&s, LT_RUN_FINISHED);
    outcome_forget(work_while_it_jumps("ends", WORKER));
    expect("ends", "SELECT count(*) FROM run WHERE status = 'finished'", "2");
    expect("ends", "SELECT ended_at < started_at FROM run WHERE id = 1", "1");
    for (int i = 0; i < 3; i++) {
        set_clocks(hours[i] * HOUR);
        must("ends", ARGS("ls", DB));
        must("ends", ARGS("ls", DB, "--json"));
        must("ends", ARGS("show", "1", DB));
        must("ends", ARGS("show", "@last", "--json", DB));
        must("ends", ARGS("best", "test.sse", DB));
        must("ends", ARGS("sql", "SELECT * FROM runs", DB));
        must("ends", ARGS("plot", "curves", "-o", "c.svg", DB));
        must("ends", ARGS("verify", DB));
        must("ends", ARGS("gc", "--dry-run", "--older-than", "1d", DB));
    }
    set_clocks(0);
}

static void limit_of_time_holds_when_the_clock_is_set_back(void **state)
{
    double start = lt_clock_elapsed();
    outcome o;

    (void)state;
    make_place("loop");
    in_child("loop", queue_loop);
    o = work_while_it_jumps(
        "loop", ARGS("worker", DB, "--sweep", "1", "--max-time", "1"));
    outcome_deinit(&o);
    assert_true(lt_clock_elapsed() - start < 30);
    expect("loop", "SELECT status FROM run", "failed");
    expect("loop", "SELECT message LIKE '%time limit%' FROM run", "1");
}

/* ---- who lives ---- */

static int reaped(scene *s)
{
    int n = -1;

    if (lt_store_reap(s->store, &n, &s->err) != LT_OK)
        fail_msg("%s", s->err.text);
    return n;
}

/* The row is another host's, and its lock cannot be seen from here. */
static void scene_elsewhere(scene *s)
{
    if (sqlite3_exec(s->store->db,
                     "UPDATE run SET boot_id = 'another' WHERE status ="
                     " 'running'; UPDATE machine SET name = 'elsewhere'",
                     NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(s->store->db));
    close(s->claim->lock);
    s->claim->lock = open(s->lock, O_RDWR | O_CLOEXEC);
}

static void lock_of_this_kernel_needs_no_clock(void **state)
{
    static const int hours[] = {3, -3, 9000, -9000};
    scene s;

    (void)state;
    scene_open(&s, "here");
    for (int i = 0; i < 4; i++) {
        set_clocks(hours[i] * HOUR);
        assert_int_equal(reaped(&s), 0);
    }
    close(s.claim->lock); /* its process dies */
    s.claim->lock = -1;
    set_clocks(-3 * HOUR);
    assert_int_equal(reaped(&s), 1);
    scene_close(&s, LT_RUN_LOST);
}

/* Two minutes of silence, by both clocks as they are now. */
static void wait_silence(void)
{
    set->wall += 130;
    set->files += 130;
}

static void look_after_clocks_are_set_back(const char *place, bool lives)
{
    scene s;

    set_clocks(3 * HOUR);
    scene_open(&s, place);
    scene_elsewhere(&s);
    set_clocks(0);
    assert_int_equal(reaped(&s), 0); /* touched in three hours */
    if (lives) {
        wait_silence();
        lt_claim_beat(s.claim);
        assert_int_equal(reaped(&s), 0);
    }
    wait_silence();
    assert_int_equal(reaped(&s), 1);
    scene_close(&s, LT_RUN_LOST);
}

static void silence_counts_anew_when_clocks_are_set_back(void **state)
{
    (void)state;
    look_after_clocks_are_set_back("back_alive", true);
    look_after_clocks_are_set_back("back_dead", false);
}

static void live_run_survives_a_server_set_ahead(void **state)
{
    scene s;

    (void)state;
    scene_open(&s, "ahead");
    scene_elsewhere(&s);
    set->files = 3 * HOUR; /* and the run has not touched its lock yet */
    assert_int_equal(reaped(&s), 0);
    wait_silence();
    lt_claim_beat(s.claim);
    assert_int_equal(reaped(&s), 0);
    wait_silence(); /* the server's clock stays wrong, the run is gone */
    assert_int_equal(reaped(&s), 1);
    scene_close(&s, LT_RUN_LOST);
}

static void heart_beats_while_the_clock_is_set_back(void **state)
{
    lt__heart heart;
    scene s;
    int before;

    (void)state;
    scene_open(&s, "heart");
    before = set->n_touched;
    lt__heart_start(&heart, s.claim, 1);
    set_clocks(-5 * HOUR);
    for (int i = 0; i < 200 && set->n_touched < before + 3; i++)
        pause_ms(100);
    lt__heart_stop(&heart);
    assert_true(set->n_touched >= before + 3);
    scene_close(&s, LT_RUN_LOST);
}

static int set_up(void **state)
{
    (void)state;
    program_begin();
    set = mmap(NULL, sizeof *set, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(set != MAP_FAILED);
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_their_durations_are_those_of_a_steady_clock),
        cmocka_unit_test(readers_bear_runs_that_end_before_they_begin),
        cmocka_unit_test(limit_of_time_holds_when_the_clock_is_set_back),
        cmocka_unit_test(lock_of_this_kernel_needs_no_clock),
        cmocka_unit_test(silence_counts_anew_when_clocks_are_set_back),
        cmocka_unit_test(live_run_survives_a_server_set_ahead),
        cmocka_unit_test(heart_beats_while_the_clock_is_set_back),
    };

    lt_script_prepare_engine(argv);
    if (argc > 1)
        return lt__program(argc, argv);
    unsetenv("LATENT_DB");
    setenv("NO_COLOR", "1", 1);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
