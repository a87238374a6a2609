/* Child processes without a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "latent/base/clock.h"
#include "latent/base/spawn.h"

static void output_and_status_come_back(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo '$HOME *'; exit 3",
                                       NULL};
    lt_text out = {0};
    lt_err err = {0};
    int code = -1;

    (void)state;
    lt_text_add(&out, "before ");
    assert_int_equal(lt_spawn_capture(argv, 100, 10, &out, &code, &err), LT_OK);
    assert_string_equal(lt_text_str(&out), "before $HOME *\n");
    assert_int_equal(code, 3);
    lt_text_deinit(&out);
}

static void arguments_pass_no_shell(void **state)
{
    static const char *const argv[] = {"printf", "%s", "a b; $(id) > x", NULL};
    lt_text out = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100, 10, &out, &code, NULL), LT_OK);
    assert_string_equal(lt_text_str(&out), "a b; $(id) > x");
    assert_int_equal(code, 0);
    lt_text_deinit(&out);
}

static void a_missing_program_is_told(void **state)
{
    static const char *const argv[] = {"no-such-program-here", NULL};
    lt_text out = {0};
    lt_err err = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100, 10, &out, &code, &err),
                     LT_ENOTFOUND);
    assert_non_null(strstr(err.text, "no-such-program-here: cannot run"));
    lt_text_deinit(&out);
}

static void too_much_output_ends_the_child(void **state)
{
    static const char *const argv[] = {"yes", NULL};
    lt_text out = {0};
    lt_err err = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100000, 60, &out, &code, &err),
                     LT_EIO);
    assert_non_null(strstr(err.text, "yes: more than 100000 bytes"));
    assert_true(out.size <= 100000);
    lt_text_deinit(&out);
}

static void a_child_without_end_is_ended(void **state)
{
    static const char *const argv[] = {"sleep", "600", NULL};
    lt_text out = {0};
    lt_err err = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100, 0.05, &out, &code, &err),
                     LT_EIO);
    assert_non_null(strstr(err.text, "no end after 0.05 seconds"));
    assert_int_equal(code, 128 + 9);
    lt_text_deinit(&out);
}

static void a_child_that_closed_its_output_is_ended_too(void **state)
{
    static const char *const argv[] = {"sh", "-c", "exec >&-; exec sleep 5",
                                       NULL};
    lt_text out = {0};
    lt_err err = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100, 0.5, &out, &code, &err),
                     LT_EIO);
    assert_non_null(strstr(err.text, "sh: no end after 0.5 seconds"));
    assert_int_equal(code, 128 + 9);
    lt_text_deinit(&out);
}

static void standard_input_is_empty(void **state)
{
    static const char *const argv[] = {"cat", NULL};
    lt_text out = {0};
    int code = -1;

    (void)state;
    assert_int_equal(lt_spawn_capture(argv, 100, 10, &out, &code, NULL), LT_OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(code, 0);
    lt_text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status_come_back),
        cmocka_unit_test(arguments_pass_no_shell),
        cmocka_unit_test(a_missing_program_is_told),
        cmocka_unit_test(too_much_output_ends_the_child),
        cmocka_unit_test(a_child_without_end_is_ended),
        cmocka_unit_test(a_child_that_closed_its_output_is_ended_too),
        cmocka_unit_test(standard_input_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
