/* Status codes and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "latent/base/status.h"

static void status_names_and_texts_follow_the_list(void **state)
{
    (void)state;
    assert_string_equal(lt_status_name(LT_OK), "OK");
    assert_string_equal(lt_status_name(LT_EBUSY), "EBUSY");
    assert_string_equal(lt_status_text(LT_EDIVERGED), "loss is not finite");
}

static void err_set_fills_and_returns(void **state)
{
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_err_set(&e, LT_EINVAL, "layer %d", 3), LT_EINVAL);
    assert_int_equal(e.status, LT_EINVAL);
    assert_string_equal(e.text, "layer 3");
    assert_int_equal(lt_err_set(NULL, LT_EIO, "no one listens"), LT_EIO);
}

static void err_set_cuts_long_messages(void **state)
{
    char big[3000];
    lt_err e = {0};

    (void)state;
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    lt_err_set(&e, LT_EIO, "%s", big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void err_prefix_puts_context_before(void **state)
{
    lt_err e = {0};

    (void)state;
    lt_err_set(&e, LT_EINVAL, "0 units");
    assert_int_equal(lt_err_prefix(&e, "layer %d (dense)", 3), LT_EINVAL);
    assert_string_equal(e.text, "layer 3 (dense): 0 units");
}

static void err_mark_adds_a_message_only_where_none_is(void **state)
{
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_err_mark(&e, LT_OK), LT_OK);
    assert_int_equal(e.status, LT_OK);
    assert_int_equal(lt_err_mark(&e, LT_ENOMEM), LT_ENOMEM);
    assert_string_equal(e.text, "out of memory");
    lt_err_set(&e, LT_EIO, "disk full");
    assert_int_equal(lt_err_mark(&e, LT_EIO), LT_EIO);
    assert_string_equal(e.text, "disk full");
}

static lt_status tried(lt_status first, int *reached)
{
    LT_TRY(first);
    *reached = 1;
    return LT_OK;
}

static void try_returns_at_the_first_failure(void **state)
{
    int reached = 0;

    (void)state;
    assert_int_equal(tried(LT_ENOTFOUND, &reached), LT_ENOTFOUND);
    assert_int_equal(reached, 0);
    assert_int_equal(tried(LT_OK, &reached), LT_OK);
    assert_int_equal(reached, 1);
}

static void assert_aborts_in_every_build(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        LT_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_and_texts_follow_the_list),
        cmocka_unit_test(err_set_fills_and_returns),
        cmocka_unit_test(err_set_cuts_long_messages),
        cmocka_unit_test(err_prefix_puts_context_before),
        cmocka_unit_test(err_mark_adds_a_message_only_where_none_is),
        cmocka_unit_test(try_returns_at_the_first_failure),
        cmocka_unit_test(assert_aborts_in_every_build),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
