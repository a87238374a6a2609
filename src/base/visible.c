/* Text made fit for a terminal; see latent/base/visible.h. One pass; what is
 * plain is copied in runs. */
#include "latent/base/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Of the characters above ASCII, what must not be shown as it is: C1 controls,
 * the soft hyphen, marks and overrides of direction, spaces of no width (not
 * the joiners, which emoji need), separators of lines, annotations, tags. */
static const range unseen[] = {
    {0x80, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e},
    {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff},
};

static bool is_unseen(uint32_t code)
{
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
        if (code >= unseen[i].first && code <= unseen[i].last)
            return true;
    return false;
}

/* Bytes of the UTF-8 character at u, of which n are left; 0 when broken. */
static size_t utf8_decode(const unsigned char *u, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

    if ((u[0] >= 0x80 && u[0] < 0xc2) || u[0] > 0xf4 || size > n)
        return 0;
    *code = size == 1 ? u[0] : u[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (u[i] & 0x3f);
    }
    if (*code < least[size] || *code > 0x10ffff ||
        (*code >= 0xd800 && *code < 0xe000))
        return 0;
    return size;
}

static bool is_plain_ascii(const unsigned char *u, size_t n)
{
    return (u[0] >= ' ' && u[0] < 127) || u[0] == '\n' || u[0] == '\t' ||
           (u[0] == '\r' && n > 1 && u[1] == '\n');
}

void lt_visible_add_n(lt_text *out, const char *bytes, size_t n)
{
    const unsigned char *u = (const unsigned char *)bytes;
    size_t start = 0;

    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t size = utf8_decode(u + i, n - i, &code);

        if (size > 0 &&
            (code < 0x80 ? is_plain_ascii(u + i, n - i) : !is_unseen(code))) {
            i += size;
            continue;
        }
        lt_text_add_n(out, bytes + start, i - start);
        if (size == 0 || code < 0x80)
            lt_text_addf(out, "\\x%02x", (unsigned)u[i]);
        else
            lt_text_addf(out, "\\u{%x}", (unsigned)code);
        start = i += size > 0 ? size : 1;
    }
    lt_text_add_n(out, bytes + start, n - start);
}

void lt_visible_add(lt_text *out, const char *text)
{
    lt_visible_add_n(out, text, strlen(text));
}
