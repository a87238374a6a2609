/* The description of machine and program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latent/base/host.h"

static void describe_fills_what_linux_tells(void **state)
{
    char name[128] = "";
    lt_host h;

    (void)state;
    lt_host_describe(&h);
    gethostname(name, sizeof name - 1);
    assert_string_equal(h.name, name);
    assert_int_equal(strncmp(h.system, "Linux ", 6), 0);
    assert_int_equal(strlen(h.boot_id), 36);
    assert_null(strchr(h.cpu, '\n'));
    assert_true(h.cores >= 1);
}

static void build_names_version_compiler_type_and_real(void **state)
{
    lt_host h;

    (void)state;
    lt_host_describe(&h);
    assert_int_equal(strncmp(h.build, "latent " LATENT_VERSION ", ", 9), 0);
#ifdef __clang__
    assert_non_null(strstr(h.build, ", clang "));
#else
    assert_non_null(strstr(h.build, ", gcc "));
#endif
    assert_non_null(strstr(h.build, ", " LATENT_BUILD_TYPE ", "));
    assert_true(strstr(h.build, ", float") || strstr(h.build, ", double"));
}

static void cores_follow_the_affinity_mask(void **state)
{
    cpu_set_t all, one;
    lt_host h;
    int first = 0;

    (void)state;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        skip();
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    lt_host_describe(&h);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(h.cores, 1);
}

static void process_start_tells_processes_apart(void **state)
{
    int64_t own = lt_host_process_start(getpid());

    (void)state;
    assert_true(own > 0);
    assert_true(lt_host_process_start(1) <= own);
    assert_int_equal(lt_host_process_start(1 << 30), -1);
}

static void memory_in_use_shows_what_was_touched(void **state)
{
    const size_t size = 64u << 20;
    int64_t before = lt_host_resident_bytes(), during;
    char *p = malloc(size);

    (void)state;
    assert_non_null(p);
    memset(p, 1, size);
    during = lt_host_resident_bytes();
    assert_int_equal(p[size / 2], 1);
    free(p);
    assert_true(before > 0);
    assert_true(during - before > (int64_t)size / 2);
    assert_true(lt_host_peak_bytes() >= during / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describe_fills_what_linux_tells),
        cmocka_unit_test(build_names_version_compiler_type_and_real),
        cmocka_unit_test(cores_follow_the_affinity_mask),
        cmocka_unit_test(process_start_tells_processes_apart),
        cmocka_unit_test(memory_in_use_shows_what_was_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
