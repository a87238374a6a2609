/* Text files by lines, and the numbers in them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/rng.h"
#include "data/lines.h"

static char path[] = "/tmp/latent-lines-XXXXXX";

static int file_make(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int file_drop(void **state)
{
    (void)state;
    return unlink(path);
}

static void file_write(const char *bytes, size_t n)
{
    assert_int_equal(lt_path_write(path, bytes, n, NULL), LT_OK);
}

/* All lines, each in brackets. */
static lt_status lines_join(const char *bytes, size_t n, size_t longest,
                            lt_text *out, lt_err *err)
{
    lt__lines l;
    lt_status rc;
    char *line = NULL;

    file_write(bytes, n);
    rc = lt__lines_open(&l, path, longest, err);
    while (rc == LT_OK && (rc = lt__lines_next(&l, &line, err)) == LT_OK &&
           line)
        lt_text_addf(out, "[%s]", line);
    lt__lines_close(&l);
    return rc;
}

static void lines_end_with_lf_crlf_or_the_file(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"\n", "[]"},
        {"a", "[a]"},
        {"a\n", "[a]"},
        {"a\r\n", "[a]"},
        {"a\r", "[a]"},
        {"a\n\nb", "[a][][b]"},
        {"a\r\nb\r\n\r\n", "[a][b][]"},
        {"a\rb\n", "[a\rb]"},
        {"\xef\xbb\xbf"
         "a\nb",
         "[a][b]"},
        {"a\n\xef\xbb\xbf"
         "b",
         "[a][\xef\xbb\xbf"
         "b]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_text text = {0};

        assert_int_equal(
            lines_join(cases[i][0], strlen(cases[i][0]), 100, &text, NULL),
            LT_OK);
        assert_string_equal(lt_text_str(&text), cases[i][1]);
        lt_text_deinit(&text);
    }
}

/* Lines of every length around the buffer's, with every failed allocation. */
static void lines_outgrow_the_buffer(void **state)
{
    const size_t lengths[] = {65534, 65535, 65536, 65537, 131072, 200000, 3};
    size_t total = 0, at = 0;
    char *bytes;

    (void)state;
    for (size_t i = 0; i < 7; i++)
        total += lengths[i] + 1;
    bytes = malloc(total);
    assert_non_null(bytes);
    for (size_t i = 0; i < 7; i++) {
        memset(bytes + at, 'a' + (int)i, lengths[i]);
        bytes[at += lengths[i]] = '\n';
        at++;
    }
    file_write(bytes, total);
    for (int n = 0; n < 20; n++) {
        lt__lines l;
        lt_status rc;
        char *line = NULL;
        size_t seen = 0;

        lt_mem_fail_after(n < 19 ? n : -1);
        rc = lt__lines_open(&l, path, 200000, NULL);
        while (rc == LT_OK && (rc = lt__lines_next(&l, &line, NULL)) == LT_OK &&
               line) {
            assert_int_equal(strlen(line), lengths[seen]);
            assert_int_equal(line[0], 'a' + (int)seen);
            assert_int_equal(line[lengths[seen] - 1], 'a' + (int)seen);
            seen++;
        }
        lt_mem_fail_after(-1);
        assert_int_equal(rc, seen == 7 ? LT_OK : LT_ENOMEM);
        assert_true(n < 19 || rc == LT_OK);
        lt__lines_close(&l);
    }
    free(bytes);
}

static void lines_refuse_long_ones_and_zero_bytes(void **state)
{
    lt_text text = {0};
    lt_err err = {0};

    (void)state;
    assert_int_equal(lines_join("abc\nabcd\n", 9, 4, &text, NULL), LT_OK);
    assert_int_equal(lines_join("abc\nabcde\n", 10, 4, &text, &err),
                     LT_EFORMAT);
    assert_non_null(strstr(err.text, ":2: found a line of over 4 bytes"));
    assert_int_equal(lines_join("a\n\n\0\n", 5, 4, &text, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, ":3: found a zero byte"));
    lt_text_deinit(&text);
}

static void shown_text_is_short_and_prints(void **state)
{
    char out[LT__SHOWN];

    (void)state;
    assert_string_equal(lt__shown("", out), "''");
    assert_string_equal(lt__shown("a\tb\x80", out), "'a?b?'");
    assert_string_equal(lt__shown("123456789012345678901234", out),
                        "'123456789012345678901234'");
    assert_string_equal(lt__shown("1234567890123456789012345", out),
                        "'123456789012345678901...'");
}

static void integers_are_whole_and_of_64_bits(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        int used; /* 0: refused */
    } cases[] = {
        {"0", 0, 1},
        {"-0", 0, 2},
        {"+7", 7, 2},
        {"0012x", 12, 4},
        {"9223372036854775807", INT64_MAX, 19},
        {"-9223372036854775808", INT64_MIN, 20},
        {"9223372036854775808", 0, 0},
        {"-9223372036854775809", 0, 0},
        {"99999999999999999999999", 0, 0},
        {"", 0, 0},
        {"-", 0, 0},
        {" 1", 0, 0},
        {"a", 0, 0},
        {"3.5", 3, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = cases[i].text;
        int64_t value = 0;
        bool is_read = lt__scan_integer(&at, &value);

        assert_int_equal(at - cases[i].text, cases[i].used);
        assert_int_equal(is_read, cases[i].used > 0);
        assert_true(value == cases[i].value || !is_read);
    }
}

/* Both ways of reading agree with strtod to the bit. */
static void numbers_are_rounded_as_strtod_does(void **state)
{
    lt_rng rng;

    (void)state;
    lt_rng_init(&rng, 1, "numbers");
    for (int i = 0; i < 200000; i++) {
        char text[64];
        const char *at = text;
        double value = 0, scale = pow(10, (double)lt_rng_below(&rng, 25) - 12);
        double x = (lt_rng_uniform(&rng) - 0.5) * scale;

        snprintf(text, sizeof text, i % 3 ? "%.*g" : "%.*f",
                 (int)lt_rng_below(&rng, 20), x);
        assert_true(lt__scan_number(&at, &value));
        assert_int_equal(*at, 0);
        if (value != strtod(text, NULL) ||
            signbit(value) != signbit(strtod(text, NULL)))
            fail_msg("%s: found %.17g", text, value);
    }
}

static void numbers_are_decimal_and_finite(void **state)
{
    static const struct {
        const char *text;
        int used; /* 0: refused */
    } cases[] = {
        {"1", 1},      {"-1.", 3},   {".5", 2},   {"+.5e2x", 5}, {"1e5", 3},
        {"1e", 1},     {"1.2.3", 3}, {"0", 1},    {"1e308", 5},  {"1e309", 0},
        {"-1e309", 0}, {"inf", 0},   {"nan", 0},  {"-nan", 0},   {"0x10", 0},
        {"-0x1", 0},   {" 1", 0},    {"", 0},     {".", 0},      {"-.", 0},
        {"e5", 0},     {"--1", 0},   {"5::3", 1}, {"1e-400", 6}, {"1,5", 1},
        {"+inf", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = cases[i].text;
        double value = 0;
        bool is_read = lt__scan_number(&at, &value);

        if (at - cases[i].text != cases[i].used ||
            is_read != (cases[i].used > 0))
            fail_msg("%s: read %d bytes", cases[i].text,
                     (int)(at - cases[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_lf_crlf_or_the_file),
        cmocka_unit_test(lines_outgrow_the_buffer),
        cmocka_unit_test(lines_refuse_long_ones_and_zero_bytes),
        cmocka_unit_test(shown_text_is_short_and_prints),
        cmocka_unit_test(integers_are_whole_and_of_64_bits),
        cmocka_unit_test(numbers_are_rounded_as_strtod_does),
        cmocka_unit_test(numbers_are_decimal_and_finite),
    };

    return cmocka_run_group_tests(tests, file_make, file_drop);
}
