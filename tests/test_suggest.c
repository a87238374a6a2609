/* "did you mean ...?" */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/suggest.h"

static const char *const knobs[] = {"rate",  "momentum", "nesterov", "epochs",
                                    "batch", "seed",     "tie",      "code"};

static const char *nearest(const char *name)
{
    return lt_suggest(name, knobs, sizeof knobs / sizeof *knobs);
}

static void suggest_mends_one_slip_of_each_kind(void **state)
{
    const char *cases[][2] = {
        {"epoch", "epochs"},     {"epochss", "epochs"},
        {"epocks", "epochs"},    {"tei", "tie"},
        {"Rate", "rate"},        {"MOMENTUM", "momentum"},
        {"nestrov", "nesterov"}, {"rate", "rate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(nearest(cases[i][0]), cases[i][1]);
}

static void suggest_says_nothing_when_all_are_far(void **state)
{
    (void)state;
    assert_null(nearest("learning_rate"));
    assert_null(nearest("zzzzzz"));
    assert_null(nearest("q"));
    assert_null(nearest(""));
    assert_null(lt_suggest("rate", NULL, 0));
}

static void suggest_takes_the_first_of_equals(void **state)
{
    const char *const names[] = {"cat", "bat"};

    (void)state;
    assert_string_equal(lt_suggest("rat", names, 2), "cat");
}

static void suggest_prefers_a_wrong_case_to_a_wrong_letter(void **state)
{
    const char *const names[] = {"modes", "Mode"};

    (void)state;
    assert_string_equal(lt_suggest("mode", names, 2), "Mode");
}

static void suggest_passes_over_names_too_long_to_type(void **state)
{
    char name[201];
    const char *const names[] = {name, "short"};

    (void)state;
    for (int i = 0; i < 200; i++)
        name[i] = 'n';
    name[200] = '\0';
    assert_null(lt_suggest(name, names, 2));
    assert_string_equal(lt_suggest("shrot", names, 2), "short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest_mends_one_slip_of_each_kind),
        cmocka_unit_test(suggest_says_nothing_when_all_are_far),
        cmocka_unit_test(suggest_takes_the_first_of_equals),
        cmocka_unit_test(suggest_prefers_a_wrong_case_to_a_wrong_letter),
        cmocka_unit_test(suggest_passes_over_names_too_long_to_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
