/* Text made fit for a terminal: the cases of tests/reference/visible.txt, which
 * the same function in Lua is tested by too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/visible.h"

static void add_utf8(lt_text *out, unsigned long c)
{
    char b[4];

    if (c < 0x80) {
        b[0] = (char)c;
        lt_text_add_n(out, b, 1);
    } else if (c < 0x800) {
        b[0] = (char)(0xc0 | c >> 6);
        b[1] = (char)(0x80 | (c & 63));
        lt_text_add_n(out, b, 2);
    } else if (c < 0x10000) {
        b[0] = (char)(0xe0 | c >> 12);
        b[1] = (char)(0x80 | (c >> 6 & 63));
        b[2] = (char)(0x80 | (c & 63));
        lt_text_add_n(out, b, 3);
    } else {
        b[0] = (char)(0xf0 | c >> 18);
        b[1] = (char)(0x80 | (c >> 12 & 63));
        b[2] = (char)(0x80 | (c >> 6 & 63));
        b[3] = (char)(0x80 | (c & 63));
        lt_text_add_n(out, b, 4);
    }
}

/* A string as it is written in the file. */
static void unescape(const char *s, size_t n, lt_text *out)
{
    static const char names[] = "ntr\\", values[] = "\n\t\r\\";

    for (const char *end = s + n; s < end;) {
        const char *name;
        char *after;

        if (*s != '\\') {
            lt_text_add_n(out, s++, 1);
        } else if (s[1] == 'x') {
            char hex[3] = {s[2], s[3], '\0'};
            char byte = (char)strtoul(hex, NULL, 16);

            lt_text_add_n(out, &byte, 1);
            s += 4;
        } else if (s[1] == 'u') {
            add_utf8(out, strtoul(s + 3, &after, 16));
            s = after + 1;
        } else {
            name = strchr(names, s[1]);
            assert_non_null(name);
            lt_text_add_n(out, values + (name - names), 1);
            s += 2;
        }
    }
}

static void check_case(const char *line)
{
    const char *arrow = strstr(line, " => ");
    lt_text text = {0}, wanted = {0}, found = {0};

    assert_non_null(arrow);
    unescape(line, (size_t)(arrow - line), &text);
    unescape(arrow + 4, strcspn(arrow + 4, "\n"), &wanted);
    lt_visible_add_n(&found, lt_text_str(&text), text.size);
    if (strcmp(lt_text_str(&found), lt_text_str(&wanted)) != 0)
        fail_msg("%sfound: %s", line, lt_text_str(&found));
    assert_int_equal(found.size, wanted.size);
    lt_text_deinit(&text);
    lt_text_deinit(&wanted);
    lt_text_deinit(&found);
}

static void visible_shows_what_a_terminal_would_obey(void **state)
{
    FILE *f = fopen(LATENT_SOURCE_DIR "/tests/reference/visible.txt", "r");
    char line[256];
    int n = 0;

    (void)state;
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); n += line[0] != '#')
        if (line[0] != '#')
            check_case(line);
    fclose(f);
    assert_true(n > 20);
}

/* Of any bytes at all: nothing below a space but what is kept, no DEL, and what
 * is shown once is not changed by being shown again. */
static void visible_bytes_are_plain_whatever_they_were(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        lt_text once = {0}, twice = {0};
        char bytes[12];
        size_t n = (size_t)round % sizeof bytes;

        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        lt_visible_add_n(&once, bytes, n);
        lt_visible_add_n(&twice, lt_text_str(&once), once.size);
        for (size_t i = 0; i < once.size; i++) {
            unsigned char c = (unsigned char)once.data[i];

            assert_true(c >= ' ' || c == '\n' || c == '\t' || c == '\r');
            assert_int_not_equal(c, 127);
        }
        assert_string_equal(lt_text_str(&once), lt_text_str(&twice));
        lt_text_deinit(&once);
        lt_text_deinit(&twice);
    }
}

static void visible_survives_want_of_memory(void **state)
{
    lt_text out = {0};

    (void)state;
    lt_mem_fail_after(0);
    lt_visible_add(&out, "\x1b");
    lt_mem_fail_after(-1);
    assert_true(out.failed);
    assert_string_equal(lt_text_str(&out), "");
    lt_text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visible_shows_what_a_terminal_would_obey),
        cmocka_unit_test(visible_bytes_are_plain_whatever_they_were),
        cmocka_unit_test(visible_survives_want_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
