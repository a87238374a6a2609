/* Growing text: content, growth, and memory running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/base/text.h"

static void text_starts_as_an_empty_string(void **state)
{
    lt_text t = {0};

    (void)state;
    assert_string_equal(lt_text_str(&t), "");
    lt_text_deinit(&t);
}

static void text_appends_strings_bytes_and_formats(void **state)
{
    lt_text t = {0};

    (void)state;
    lt_text_add(&t, "run");
    lt_text_add_n(&t, " -----", 2);
    lt_text_addf(&t, "%d%s", 12, "!");
    assert_string_equal(lt_text_str(&t), "run -12!");
    assert_int_equal(t.size, 8);
    lt_text_deinit(&t);
}

static void text_grows_past_any_size(void **state)
{
    lt_text t = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        lt_text_addf(&t, "%04d,", i);
    assert_int_equal(t.size, 50000);
    assert_memory_equal(t.data + 49995, "9999,", 6);
    lt_text_deinit(&t);
}

static void text_keeps_bytes_of_value_zero(void **state)
{
    lt_text t = {0};

    (void)state;
    lt_text_add_n(&t, "a\0b", 3);
    assert_int_equal(t.size, 3);
    assert_memory_equal(t.data, "a\0b", 4);
    lt_text_deinit(&t);
}

static void text_cleared_is_empty_and_usable(void **state)
{
    lt_text t = {0};

    (void)state;
    lt_text_add(&t, "before");
    lt_text_clear(&t);
    assert_string_equal(lt_text_str(&t), "");
    lt_text_add(&t, "after");
    assert_string_equal(lt_text_str(&t), "after");
    lt_text_deinit(&t);
}

static void text_out_of_memory_keeps_what_it_has(void **state)
{
    char big[200];
    lt_text t = {0};

    (void)state;
    memset(big, 'x', sizeof big);
    lt_text_add(&t, "kept");
    lt_mem_fail_after(0);
    lt_text_add_n(&t, big, sizeof big);
    lt_mem_fail_after(-1);
    assert_true(t.failed);
    lt_text_add(&t, "!"); /* would fit; the text stays as it was */
    assert_string_equal(lt_text_str(&t), "kept");
    lt_text_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_starts_as_an_empty_string),
        cmocka_unit_test(text_appends_strings_bytes_and_formats),
        cmocka_unit_test(text_grows_past_any_size),
        cmocka_unit_test(text_keeps_bytes_of_value_zero),
        cmocka_unit_test(text_cleared_is_empty_and_usable),
        cmocka_unit_test(text_out_of_memory_keeps_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
