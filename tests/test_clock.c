/* Clocks: the right epoch, and only forward. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "latent/base/clock.h"

static void wall_agrees_with_the_c_library(void **state)
{
    (void)state;
    assert_true(fabs(lt_clock_wall() - (double)time(NULL)) < 5);
}

static void elapsed_never_goes_back(void **state)
{
    double last = lt_clock_elapsed();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        double now = lt_clock_elapsed();

        assert_true(now >= last);
        last = now;
    }
}

/* Of all threads: never less than what this thread alone used. */
static void cpu_counts_the_work_of_this_thread(void **state)
{
    double start = lt_clock_cpu(), used;
    clock_t mine = clock();

    (void)state;
    while (clock() - mine < CLOCKS_PER_SEC / 50)
        continue;
    used = lt_clock_cpu() - start;
    assert_true(used >= 0.019);
    assert_true(used <= (double)clock() / CLOCKS_PER_SEC + 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_agrees_with_the_c_library),
        cmocka_unit_test(elapsed_never_goes_back),
        cmocka_unit_test(cpu_counts_the_work_of_this_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
