/* Text files by lines, and numbers by the text; see lines.h.
 *
 * The buffer holds the line at hand and what was read behind it; it grows to
 * the longest line, and never beyond what the caller allows, so an endless
 * line (a compressed one costs its sender nothing) is an error and not a full
 * memory.
 *
 * A decimal of up to 15 digits with an exponent of up to 22 is the quotient or
 * product of two numbers that double holds exactly, so one division rounds it
 * as strtod would (Clinger 1990), at a tenth of the time; others are left to
 * strtod in the "C" locale: a script may have set another, with a decimal
 * comma (os.setlocale). */
#include "lines.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"

#define FIRST_ROOM ((size_t)64 << 10)

lt_status lt__lines_open(lt__lines *l, const char *path, size_t longest,
                         lt_err *err)
{
    *l = (lt__lines){.path = path, .longest = longest};
    l->room = FIRST_ROOM;
    l->buffer = lt_mem_alloc(l->room, 1);
    if (!l->buffer)
        return lt_err_mark(err, LT_ENOMEM);
    return lt_gzin_open(path, &l->in, err);
}

void lt__lines_close(lt__lines *l)
{
    lt_gzin_close(l->in);
    lt_mem_free(l->buffer);
    *l = (lt__lines){0};
}

lt_status lt__lines_fail(const lt__lines *l, lt_err *err, const char *format,
                         ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return lt_err_set(err, LT_EFORMAT, "%s:%" PRId64 ": %s", l->path, l->number,
                      text);
}

/* More bytes behind those in the buffer; at least one is kept free for the
 * NUL of a last line without an end. */
static lt_status lines_refill(lt__lines *l, lt_err *err)
{
    size_t rest = l->have - l->at, got = 0;

    memmove(l->buffer, l->buffer + l->at, rest);
    l->at = 0;
    l->have = rest;
    if (l->room - rest < 2) {
        char *grown = lt_mem_grow(l->buffer, 2 * l->room, 1);

        if (!grown)
            return lt_err_mark(err, LT_ENOMEM);
        l->buffer = grown;
        l->room *= 2;
    }
    LT_TRY(
        lt_gzin_some(l->in, l->buffer + rest, l->room - rest - 1, &got, err));
    l->have += got;
    l->is_end = l->have < l->room - 1;
    return LT_OK;
}

/* Bytes of the line that starts at l->at, without its LF. */
static lt_status line_find(lt__lines *l, size_t *size, lt_err *err)
{
    size_t seen = 0;

    for (;;) {
        char *from = l->buffer + l->at + seen;
        char *end = memchr(from, '\n', l->have - l->at - seen);

        *size = end ? (size_t)(end - (l->buffer + l->at)) : l->have - l->at;
        if (*size > l->longest)
            return lt__lines_fail(l, err,
                                  "found a line of over %zu bytes, wanted at "
                                  "most that",
                                  l->longest);
        if (end || l->is_end)
            return LT_OK;
        seen = *size;
        LT_TRY(lines_refill(l, err));
    }
}

lt_status lt__lines_next(lt__lines *l, char **line, lt_err *err)
{
    size_t size = 0;
    char *start;

    l->number++;
    *line = NULL;
    LT_TRY(line_find(l, &size, err));
    if (l->at == l->have) /* no byte behind the last LF: the end */
        return LT_OK;
    start = l->buffer + l->at;
    l->at += size + (l->at + size < l->have);
    if (memchr(start, '\0', size))
        return lt__lines_fail(l, err, "found a zero byte, wanted text");
    if (size > 0 && start[size - 1] == '\r')
        size--;
    start[size] = '\0';
    if (l->number == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    *line = start;
    return LT_OK;
}

const char *lt__shown(const char *text, char out[LT__SHOWN])
{
    size_t n = strlen(text), kept = n > 24 ? 21 : n;
    char *to = out;

    *to++ = '\'';
    for (size_t i = 0; i < kept; i++)
        *to++ = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
    memcpy(to, n > kept ? "...'" : "'", n > kept ? 5 : 2);
    return out;
}

/* ---- numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool lt__scan_integer(const char **at, int64_t *out)
{
    const char *p = *at;
    bool is_negative = *p == '-';
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;

    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return false;
    for (; is_digit(*p); p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *at = p;
    *out = is_negative ? (int64_t)-value : (int64_t)value;
    return true;
}

/* Digits and a point at p: their value without the point, how many digits
 * count, and how many stand behind the point. Returns where they end. */
static const char *digits_scan(const char *p, uint64_t *value, int *n_digits,
                               int *n_behind)
{
    bool is_behind = false;

    *value = 0;
    *n_digits = *n_behind = 0;
    for (; is_digit(*p) || (*p == '.' && !is_behind); p++) {
        if (*p == '.') {
            is_behind = true;
            continue;
        }
        *value = *value * 10 + (unsigned)(*p - '0'); /* may wrap: not used */
        *n_digits += *n_digits > 0 || *p != '0';
        *n_behind += is_behind;
    }
    return p;
}

static bool number_scan_slow(const char **at, double *out)
{
    /* glibc keeps this one ready: nothing is allocated, nothing to free */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end = NULL;

    *out = strtod_l(*at, &end, c);
    if (end == *at || !isfinite(*out))
        return false;
    *at = end;
    return true;
}

bool lt__scan_number(const char **at, double *out)
{
    static const double tens[] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *start = *at + (**at == '-' || **at == '+'), *end;
    uint64_t value;
    int n_digits, n_behind;

    if (!is_digit(*start) && !(*start == '.' && is_digit(start[1])))
        return false;
    if (*start == '0' && (start[1] == 'x' || start[1] == 'X'))
        return false;
    end = digits_scan(start, &value, &n_digits, &n_behind);
    if (*end == 'e' || *end == 'E' || n_digits > 15 || n_behind > 22)
        return number_scan_slow(at, out);
    *out = (double)value / tens[n_behind];
    *out = **at == '-' ? -*out : *out;
    *at = end;
    return true;
}
