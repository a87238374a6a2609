/* Text that others wrote, made fit for a gnuplot script.
 *
 * gnuplot 5.4 runs `...` and expands @macros in some strings, ends a single-
 * quoted string at a newline, and takes a backslash before the closing quote
 * at its word. What is left as safe: single quotes, the quote itself doubled,
 * and no byte below a space. Lines are joined by our own ."\n". between such
 * strings. Also replaced: DEL and C1 controls (terminals obey them), broken
 * UTF-8, U+FFFE and U+FFFF, and "]]>" (all three make an SVG ill-formed). */
#include "figure_int.h"

#include <string.h>

/* Length of the UTF-8 character at s and its code; 1 and -1 when broken. */
static int utf8_next(const char *s, long *code)
{
    const unsigned char *u = (const unsigned char *)s;
    int n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    long c = n == 1 ? u[0] : u[0] & (0x7f >> n);

    *code = -1;
    if ((u[0] >= 0x80 && u[0] < 0xc2) || u[0] > 0xf4)
        return 1;
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (u[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 1;
    *code = c;
    return n;
}

/* The character at *s as it may be shown; moves *s past it. */
static const char *clean_next(const char **s, char buffer[8], int *size)
{
    long code;
    int n = utf8_next(*s, &code);

    memcpy(buffer, *s, (size_t)n);
    *size = n;
    if (code < 0 || code == 0xfffe || code == 0xffff) {
        memcpy(buffer, "\xef\xbf\xbd", 3); /* U+FFFD, the replacement */
        *size = 3;
    } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        buffer[0] = ' ';
        *size = 1;
    } else if (n == 3 && code >= 0x2028 && code <= 0x202e) {
        buffer[0] = ' '; /* line separators and direction overrides */
        *size = 1;
    } else if (!strncmp(*s, "]]>", 3)) {
        memcpy(buffer, "] ", 2);
        *size = 2;
    }
    *s += n;
    return buffer;
}

void lt__clean(lt_text *out, const char *text, int most)
{
    char buffer[8];
    int size;

    for (int n = 0; *text && n < most; n++) {
        const char *c = clean_next(&text, buffer, &size);

        lt_text_add_n(out, c, (size_t)size);
    }
    if (*text)
        lt_text_add(out, "…");
}

/* Characters up to the next place where a line may end. */
static int word_length(const char *s)
{
    int n = 0;
    long code;

    while (*s && (*s != ' ' || n == 0)) {
        s += utf8_next(s, &code);
        n++;
    }
    return n;
}

static int text_length(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

int lt__quote(lt_text *out, const char *text, int wrap)
{
    char buffer[8];
    int size, lines = 1, column = 0, n = 0;

    lt_text_add(out, "'");
    for (; *text && n < LT__TEXT_MOST; n++) {
        if (wrap && *text == ' ' && column &&
            (column + word_length(text) > wrap ||
             (text[1] == '(' && column + text_length(text) > wrap))) {
            lt_text_add(out, "'.\"\\n\".'");
            lines++;
            column = 0;
            text++;
            continue;
        }
        clean_next(&text, buffer, &size);
        if (buffer[0] == '\'' && size == 1)
            lt_text_add(out, "'.\"\\047\".'");
        else
            lt_text_add_n(out, buffer, (size_t)size);
        column++;
    }
    lt_text_add(out, *text ? "…'" : "'");
    return lines;
}

int lt__count_lines(const char *text, int wrap)
{
    lt_text scratch = {0};
    int lines = text && *text ? lt__quote(&scratch, text, wrap) : 0;

    lt_text_deinit(&scratch);
    return lines;
}
