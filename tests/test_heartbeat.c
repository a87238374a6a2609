/* The heartbeat: a run that computes without a word still shows life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/clock.h"
#include "store_help.h"
#include "work/work_int.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

static void make_old(const char *path)
{
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static bool is_old(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mtime == 1;
}

/* Whether the lock is touched within `seconds`. */
static bool is_touched(const char *path, double seconds)
{
    double start = lt_clock_elapsed();

    make_old(path);
    while (is_old(path) && lt_clock_elapsed() - start < seconds)
        usleep(10000);
    return !is_old(path);
}

static void heart_beats_until_it_is_stopped(void **state)
{
    lt_claim *claim;
    lt__heart heart;
    char path[160];
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    snprintf(path, sizeof path, "%s/lock", lt_claim_dir(claim));
    lt__heart_start(&heart, claim, 1);
    assert_true(heart.is_beating);
    for (int i = 0; i < 2; i++)
        assert_true(is_touched(path, 20));
    lt__heart_stop(&heart);
    assert_false(is_touched(path, 1.5));
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

/* An end is not waited for: a sweep of short runs would be slow. */
static void heart_stops_at_once(void **state)
{
    double start = lt_clock_elapsed();
    lt_claim *claim;
    place p;

    (void)state;
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    for (int i = 0; i < 100; i++) {
        lt__heart heart;

        lt__heart_start(&heart, claim, 3600);
        lt__heart_stop(&heart);
    }
    assert_true(lt_clock_elapsed() - start < 60);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

static volatile sig_atomic_t caught_by_main;
static pthread_t main_thread;

static void on_signal(int number)
{
    (void)number;
    caught_by_main = pthread_equal(pthread_self(), main_thread) != 0;
}

static void heart_leaves_signals_to_the_main_thread(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    lt_claim *claim;
    lt__heart heart;
    place p;

    (void)state;
    main_thread = pthread_self();
    place_open(&p);
    place_queue_many(&p, 1);
    claim = place_claim(&p);
    sigaction(SIGUSR1, &action, &before);
    lt__heart_start(&heart, claim, 3600);
    for (int i = 0; i < 20; i++) {
        caught_by_main = 0;
        kill(getpid(), SIGUSR1);
        assert_true(caught_by_main);
    }
    lt__heart_stop(&heart);
    sigaction(SIGUSR1, &before, NULL);
    EXPECT_OK(&p, lt_claim_end(claim, LT_RUN_FINISHED, "", &p.err));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heart_beats_until_it_is_stopped),
        cmocka_unit_test(heart_stops_at_once),
        cmocka_unit_test(heart_leaves_signals_to_the_main_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
