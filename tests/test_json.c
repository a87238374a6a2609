/* JSON: canonical bytes, exact numbers, refused input. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "latent/base/json.h"
#include "latent/base/mem.h"

/* Parses and dumps again; "" when either fails. */
static void round_trip(const char *text, lt_text *out)
{
    json_t *v = NULL;
    lt_err e = {0};

    lt_text_clear(out);
    if (lt_json_parse(text, strlen(text), "test", &v, &e) == LT_OK)
        assert_int_equal(lt_json_dump(v, out, &e), LT_OK);
    json_decref(v);
}

static void dump_is_canonical(void **state)
{
    const char *cases[][2] = {
        {" { \"b\" : 1 , \"a\" : [ true , null ] } ",
         "{\"a\":[true,null],\"b\":1}"},
        {"{\"a.b\":0,\"a\":1,\"B\":2,\"\u00e9\":3}",
         "{\"B\":2,\"a\":1,\"a.b\":0,\"\u00e9\":3}"},
        {"{}", "{}"},
        {"[[],{}]", "[[],{}]"},
        {"\"q\\\"\\n\"", "\"q\\\"\\n\""},
        {"0.1", "0.1"},
        {"1.0", "1.0"},
        {"1e3", "1000.0"},
        {"-0.0", "-0.0"},
        {"1e300", "1e+300"},
        {"9007199254740993", "9007199254740993"},
        {"0.30000000000000004", "0.30000000000000004"},
    };
    lt_text out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        round_trip(cases[i][0], &out);
        assert_string_equal(lt_text_str(&out), cases[i][1]);
    }
    lt_text_deinit(&out);
}

static void reals_read_back_exactly(void **state)
{
    const double cases[] = {
        0.1,  1 / 3.0, DBL_MAX,    DBL_MIN, 5e-324, 1e22, 123456789.123456789,
        2e-5, -1e-300, DBL_EPSILON};
    lt_text out = {0};
    lt_err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *v = json_real(cases[i]), *back = NULL;

        lt_text_clear(&out);
        assert_int_equal(lt_json_dump(v, &out, &e), LT_OK);
        assert_int_equal(lt_json_parse(out.data, out.size, "test", &back, &e),
                         LT_OK);
        assert_true(json_is_real(back));
        assert_true(json_real_value(back) == cases[i]);
        json_decref(v);
        json_decref(back);
    }
    lt_text_deinit(&out);
}

static void parse_refuses_and_says_where(void **state)
{
    const char *cases[] = {"",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\":}",
                           "[1,2",
                           "[1] x",
                           "nan",
                           "1e999",
                           "\"\xff\"",
                           "99999999999999999999",
                           "{a:1}"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *v = NULL;
        lt_err e = {0};

        assert_int_equal(lt_json_parse(cases[i], strlen(cases[i]),
                                       "config of run 12", &v, &e),
                         LT_EFORMAT);
        assert_null(v);
        assert_int_equal(strncmp(e.text, "config of run 12: line", 22), 0);
    }
}

static void nesting_is_limited_to_64_levels(void **state)
{
    char deep[140];
    lt_text out = {0};

    (void)state;
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    round_trip(deep, &out);
    assert_string_equal(lt_text_str(&out), deep);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    round_trip(deep, &out);
    assert_string_equal(lt_text_str(&out), "");
    lt_text_deinit(&out);
}

/* One allocation alone fails: jansson would leave out a character, or a member
 * of a copy, and go on. */
static void values_are_whole_or_not_at_all(void **state)
{
    const char *text = "{\"a long name of a member\":[0.1234567890123456,"
                       "{\"b\":\"a text that is longer than a few bytes\"}]}";
    bool was_hit = true;

    (void)state;
    for (int n = 0; was_hit; n++) {
        json_t *v = NULL, *copy = NULL;
        lt_text out = {0};
        lt_err e = {0};
        lt_status rc;

        lt_mem_fail_some(n, 1);
        rc = lt_json_parse(text, strlen(text), "t", &v, &e);
        if (rc == LT_OK)
            copy = lt_json_copy(v);
        was_hit = lt_mem_failures() > 0;
        lt_mem_fail_after(-1);
        if (!was_hit)
            assert_non_null(copy);
        if (rc != LT_OK)
            assert_int_equal(rc, LT_ENOMEM);
        if (copy) {
            assert_int_equal(lt_json_dump(copy, &out, &e), LT_OK);
            assert_string_equal(lt_text_str(&out), text);
        }
        lt_text_deinit(&out);
        json_decref(copy);
        json_decref(v);
    }
}

static void dump_survives_every_failing_allocation(void **state)
{
    const char *text = "{\"a\":[1,{\"b\":0.5}],\"c\":\"text\"}";
    json_t *v = NULL;
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_json_parse(text, strlen(text), "t", &v, &e), LT_OK);
    for (int n = 0;; n++) {
        lt_text out = {0};
        lt_status rc;

        lt_mem_fail_after(n);
        rc = lt_json_dump(v, &out, &e);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            assert_string_equal(lt_text_str(&out), text);
        else
            assert_int_equal(rc, LT_ENOMEM);
        lt_text_deinit(&out);
        if (rc == LT_OK) {
            assert_true(n >= 3); /* two objects and the text */
            break;
        }
    }
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dump_is_canonical),
        cmocka_unit_test(reals_read_back_exactly),
        cmocka_unit_test(parse_refuses_and_says_where),
        cmocka_unit_test(nesting_is_limited_to_64_levels),
        cmocka_unit_test(values_are_whole_or_not_at_all),
        cmocka_unit_test(dump_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
