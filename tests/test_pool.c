/* The pool runs every piece once, whatever the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/math/pool.h"

#include <pthread.h>
#include <time.h>

enum { MOST = 1000 };

typedef struct tally {
    atomic_int calls[MOST];
    int plain[MOST]; /* each written by one piece: seen after the run */
} tally;

static void tally_piece(void *arg, int piece)
{
    tally *t = arg;

    atomic_fetch_add(&t->calls[piece], 1);
    t->plain[piece]++;
}

static lt_pool *pool_of(int threads)
{
    lt_pool *pool = NULL;

    assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
    assert_int_equal(lt_pool_threads(pool), threads);
    return pool;
}

static void pool_runs_each_piece_once(void **state)
{
    const int pieces[] = {0, 1, 2, 3, 7, 64, MOST};

    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        lt_pool *pool = pool_of(threads);

        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            static tally t;

            t = (tally){0};
            lt_pool_run(pool, pieces[i], tally_piece, &t);
            for (int p = 0; p < MOST; p++) {
                assert_int_equal(atomic_load(&t.calls[p]), p < pieces[i]);
                assert_int_equal(t.plain[p], p < pieces[i]);
            }
        }
        lt_pool_free(pool);
    }
}

typedef struct trail {
    pthread_t caller;
    int pieces[8];
    int n;
} trail;

static void trail_piece(void *arg, int piece)
{
    trail *t = arg;

    assert_true(pthread_equal(t->caller, pthread_self()));
    t->pieces[t->n++] = piece;
}

static void pool_null_runs_in_order_in_the_caller(void **state)
{
    trail t = {.caller = pthread_self()};

    (void)state;
    lt_pool_run(NULL, 5, trail_piece, &t);
    assert_int_equal(t.n, 5);
    for (int p = 0; p < 5; p++)
        assert_int_equal(t.pieces[p], p);
    assert_int_equal(lt_pool_threads(NULL), 1);
    lt_pool_free(NULL);
}

/* Jobs of changing sizes back to back: a late thread must not take a piece of
 * a job that is over, or miss one of the next. */
static void pool_survives_many_small_jobs(void **state)
{
    lt_pool *pool = pool_of(4);
    static tally t;
    int expected = 0;

    (void)state;
    t = (tally){0};
    for (int i = 0; i < 20000; i++) {
        int pieces = i % 5;

        lt_pool_run(pool, pieces, tally_piece, &t);
        expected += pieces > 3;
        assert_int_equal(t.plain[3], expected);
    }
    lt_pool_free(pool);
}

static void pool_wakes_threads_that_fell_asleep(void **state)
{
    lt_pool *pool = pool_of(3);
    const struct timespec pause = {0, 5000000};
    static tally t;

    (void)state;
    t = (tally){0};
    for (int i = 0; i < 10; i++) {
        nanosleep(&pause, NULL);
        lt_pool_run(pool, 16, tally_piece, &t);
    }
    for (int p = 0; p < 16; p++)
        assert_int_equal(t.plain[p], 10);
    lt_pool_free(pool);
}

static void pool_run_allocates_nothing(void **state)
{
    lt_pool *pool = pool_of(2);
    static tally t;
    int64_t before = lt_mem_allocations();

    (void)state;
    lt_pool_run(pool, MOST, tally_piece, &t);
    assert_true(lt_mem_allocations() == before);
    lt_pool_free(pool);
}

static void denormal_piece(void *arg, int piece)
{
    volatile float *x = arg;

    x[piece] = x[piece] * 0.5f;
}

static void pool_flushes_denormals_in_pieces_only(void **state)
{
    (void)state;
#if defined(__x86_64__)
    for (int threads = 1; threads <= 2; threads++) {
        lt_pool *pool = pool_of(threads);
        volatile float x[4] = {0x1p-126f, 0x1p-126f, 0x1p-126f, 0x1p-126f};
        volatile float y = 0x1p-126f;

        lt_pool_run(pool, 4, denormal_piece, (void *)x);
        for (int i = 0; i < 4; i++)
            assert_true(x[i] == 0);
        y = y * 0.5f;
        assert_true(y > 0);
        lt_pool_free(pool);
    }
#else
    (void)denormal_piece;
#endif
}

static void pool_refuses_less_than_one_thread(void **state)
{
    lt_pool *pool = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_pool_new(0, &pool, &err), LT_EINVAL);
    assert_null(pool);
    assert_string_equal(err.text, "pool: 0 threads, wanted at least 1");
}

static void pool_reports_failing_memory(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        lt_pool *pool = NULL;

        lt_mem_fail_after(n);
        assert_int_equal(lt_pool_new(2, &pool, NULL), LT_ENOMEM);
        lt_mem_fail_after(-1);
        assert_null(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_runs_each_piece_once),
        cmocka_unit_test(pool_null_runs_in_order_in_the_caller),
        cmocka_unit_test(pool_survives_many_small_jobs),
        cmocka_unit_test(pool_wakes_threads_that_fell_asleep),
        cmocka_unit_test(pool_run_allocates_nothing),
        cmocka_unit_test(pool_flushes_denormals_in_pieces_only),
        cmocka_unit_test(pool_refuses_less_than_one_thread),
        cmocka_unit_test(pool_reports_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
