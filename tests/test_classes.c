/* Names of classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/classes.h"

static void classes_are_numbered_as_they_come(void **state)
{
    lt_classes c = {0};

    (void)state;
    assert_int_equal(lt_classes_find(&c, "dog"), -1);
    assert_true(lt_classes_add(&c, "dog"));
    assert_true(lt_classes_add(&c, "cat"));
    assert_int_equal(lt_classes_find(&c, "dog"), 0);
    assert_int_equal(lt_classes_find(&c, "cat"), 1);
    assert_int_equal(lt_classes_find(&c, "ca"), -1);
    lt_classes_deinit(&c);
    assert_int_equal(c.n, 0);
}

static void classes_text_ends_in_dots_when_there_are_many(void **state)
{
    char text[LT_CLASSES_TEXT], name[40];
    lt_classes c = {0};

    (void)state;
    assert_string_equal(lt_classes_text(&c, text), "");
    assert_true(lt_classes_add(&c, "dog"));
    assert_string_equal(lt_classes_text(&c, text), "dog");
    assert_true(lt_classes_add(&c, "cat"));
    assert_string_equal(lt_classes_text(&c, text), "dog, cat");
    while (c.n < LT_CLASSES_MOST) {
        snprintf(name, sizeof name, "%0*d", c.n % 39 + 1, c.n);
        assert_true(lt_classes_add(&c, name));
    }
    lt_classes_text(&c, text);
    assert_non_null(strstr(text, "dog, cat, "));
    assert_string_equal(text + strlen(text) - 5, ", ...");
    lt_classes_deinit(&c);
}

static void classes_survive_a_failing_allocation(void **state)
{
    lt_classes c = {0};

    (void)state;
    lt_mem_fail_after(0);
    assert_false(lt_classes_add(&c, "dog"));
    lt_mem_fail_after(-1);
    assert_int_equal(c.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_numbered_as_they_come),
        cmocka_unit_test(classes_text_ends_in_dots_when_there_are_many),
        cmocka_unit_test(classes_survive_a_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
