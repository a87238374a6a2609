/* The memory door: counting, failing on demand, overflow, alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "latent/base/mem.h"

static void mem_counts_every_allocation(void **state)
{
    int64_t before = lt_mem_allocations();
    char *p = lt_mem_alloc(3, 5);

    (void)state;
    p = lt_mem_grow(p, 30, 5);
    lt_mem_free(p);
    lt_mem_free(lt_mem_zero(1, 1));
    lt_mem_free(lt_mem_aligned(1, 1));
    lt_mem_free(lt_mem_strdup("x"));
    assert_int_equal(lt_mem_allocations() - before, 5);
}

static void mem_fails_after_the_given_count_and_then_always(void **state)
{
    void *first, *second, *third;

    (void)state;
    lt_mem_fail_after(1);
    first = lt_mem_alloc(1, 1);
    second = lt_mem_alloc(1, 1);
    third = lt_mem_zero(1, 1);
    lt_mem_fail_after(-1);
    assert_non_null(first);
    assert_null(second);
    assert_null(third);
    lt_mem_free(first);
    first = lt_mem_alloc(1, 1);
    assert_non_null(first);
    lt_mem_free(first);
}

static void mem_fails_so_many_and_no_more(void **state)
{
    void *p[5];

    (void)state;
    lt_mem_fail_some(1, 2);
    for (int i = 0; i < 5; i++)
        p[i] = lt_mem_alloc(1, 1);
    assert_non_null(p[0]);
    assert_null(p[1]);
    assert_null(p[2]);
    assert_non_null(p[3]);
    assert_non_null(p[4]);
    assert_int_equal(lt_mem_failures(), 2);
    for (int i = 0; i < 5; i++)
        lt_mem_free(p[i]);
    lt_mem_fail_after(-1);
    assert_int_equal(lt_mem_failures(), 0);
}

static void mem_counts_the_bytes_in_use(void **state)
{
    int64_t before = lt_mem_bytes();
    char *p = lt_mem_alloc(1000, 10), *q;

    (void)state;
    assert_in_range(lt_mem_bytes() - before, 10000, 10100);
    p = lt_mem_grow(p, 30000, 1);
    q = lt_mem_aligned(5000, 1);
    assert_in_range(lt_mem_bytes() - before, 35000, 35400);
    p = lt_mem_grow(p, 10, 1);
    assert_in_range(lt_mem_bytes() - before, 5010, 5500);
    lt_mem_free(p);
    lt_mem_free(q);
    lt_mem_free(NULL);
    lt_mem_free(lt_mem_grow(NULL, 7, 7));
    lt_mem_free(lt_mem_strdup("text"));
    assert_int_equal(lt_mem_bytes(), before);
}

static void mem_refuses_what_is_beyond_its_limit(void **state)
{
    char *p = lt_mem_alloc(1000, 1), *q;

    (void)state;
    lt_mem_set_limit(lt_mem_bytes() + 5000);
    assert_int_equal(lt_mem_refused(), 0);
    assert_null(lt_mem_alloc(6000, 1));
    assert_int_equal(lt_mem_refused(), 6000);
    assert_null(lt_mem_zero(6001, 1));
    assert_null(lt_mem_aligned(6002, 1));
    assert_null(lt_mem_grow(NULL, 6003, 1));
    assert_int_equal(lt_mem_refused(), 6003);
    assert_null(lt_mem_grow(p, 7000, 1)); /* 1000 of them are there */
    q = lt_mem_grow(p, 5000, 1);
    assert_non_null(q);
    assert_null(lt_mem_alloc(3000, 1));
    p = lt_mem_grow(q, 100, 1); /* giving back is never refused */
    assert_non_null(p);
    q = lt_mem_alloc(3000, 1);
    assert_non_null(q);
    lt_mem_set_limit(1); /* what is there stays */
    assert_null(lt_mem_alloc(1, 1));
    p = lt_mem_grow(p, 50, 1);
    assert_non_null(p);
    lt_mem_set_limit(0);
    assert_int_equal(lt_mem_refused(), 0);
    lt_mem_free(p);
    lt_mem_free(q);
    p = lt_mem_alloc(100000, 1);
    assert_non_null(p);
    lt_mem_free(p);
}

static void mem_refuses_sizes_that_overflow(void **state)
{
    char *p = lt_mem_strdup("kept");

    (void)state;
    assert_null(lt_mem_alloc(SIZE_MAX / 2, 3));
    assert_null(lt_mem_zero(SIZE_MAX, SIZE_MAX));
    assert_null(lt_mem_aligned(SIZE_MAX, 2));
    assert_null(lt_mem_grow(p, SIZE_MAX / 2, 4));
    assert_string_equal(p, "kept");
    lt_mem_free(p);
}

static void mem_of_nothing_is_a_valid_pointer(void **state)
{
    void *p = lt_mem_alloc(0, 8);

    (void)state;
    assert_non_null(p);
    lt_mem_free(p);
    lt_mem_free(NULL);
}

static void mem_aligned_is_aligned_and_zero(void **state)
{
    const size_t sizes[] = {1, 63, 4096, 5u << 20};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *p = lt_mem_aligned(sizes[i], 1);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t j = 0; j < sizes[i]; j += 61)
            assert_int_equal(p[j], 0);
        lt_mem_free(p);
    }
}

static void mem_strndup_ends_with_nul(void **state)
{
    char *p = lt_mem_strndup("autoencoder", 4);

    (void)state;
    assert_string_equal(p, "auto");
    lt_mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_counts_every_allocation),
        cmocka_unit_test(mem_fails_after_the_given_count_and_then_always),
        cmocka_unit_test(mem_fails_so_many_and_no_more),
        cmocka_unit_test(mem_counts_the_bytes_in_use),
        cmocka_unit_test(mem_refuses_what_is_beyond_its_limit),
        cmocka_unit_test(mem_refuses_sizes_that_overflow),
        cmocka_unit_test(mem_of_nothing_is_a_valid_pointer),
        cmocka_unit_test(mem_aligned_is_aligned_and_zero),
        cmocka_unit_test(mem_strndup_ends_with_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
