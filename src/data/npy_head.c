/* The header of an NPY file: eight bytes (magic, version), the length of the
 * text that follows (2 bytes in version 1, else 4), and the text, a Python
 * dictionary:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
 *
 * It is parsed as what it is, not searched: the three keys in any order, each
 * once, and nothing else. Python 2 wrote shapes as (3L, 4L). See
 * numpy/lib/format.py. */
#include "data/npy_int.h"

#include "latent/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_SIZE 8
#define MAX_TEXT   65536 /* of a header; those of plain arrays have 118 */

/* The text and how far it is read. */
typedef struct head_text {
    const char *path;
    const char *text;
    size_t size, at;
    size_t start; /* its offset in the file */
} head_text;

lt_status lt__npy_read(const lt__npy_file *f, uint64_t at, void *out, size_t n,
                       lt_err *err)
{
    char *to = out;
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(f->fd, to + done, n - done, (off_t)(at + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lt_err_set(err, LT_EIO, "%s: cannot read: %s", f->path,
                              strerror(errno));
        if (got == 0)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: offset %" PRIu64 ": found %zu bytes, "
                              "wanted %zu",
                              f->path, at, done, n);
        done += (size_t)got;
    }
    return LT_OK;
}

/* ---- pieces of the dictionary ---- */

static lt_status text_fail(const head_text *t, const char *wanted, lt_err *err)
{
    unsigned char c = t->at < t->size ? (unsigned char)t->text[t->at] : 0;
    char found[16] = "the end";

    if (t->at < t->size && c >= 32 && c < 127)
        memcpy(found, (char[]){'\'', (char)c, '\'', '\0'}, 4);
    else if (t->at < t->size)
        memcpy(found, "a strange byte", 15);
    return lt_err_set(err, LT_EFORMAT,
                      "%s: offset %zu (header): found %s, wanted %s", t->path,
                      t->start + t->at, found, wanted);
}

static void blanks_skip(head_text *t)
{
    while (t->at < t->size && strchr(" \t\n\r", t->text[t->at]) &&
           t->text[t->at])
        t->at++;
}

/* Takes `c`, after blanks, when it is next. */
static bool mark_take(head_text *t, char c)
{
    blanks_skip(t);
    if (t->at >= t->size || t->text[t->at] != c)
        return false;
    t->at++;
    return true;
}

/* A Python string without escapes; at most size - 1 bytes. */
static lt_status string_take(head_text *t, char *out, size_t size, lt_err *err)
{
    size_t n = 0;
    char quote;

    blanks_skip(t);
    if (t->at >= t->size || !strchr("'\"", t->text[t->at]) || !t->text[t->at])
        return text_fail(t, "a string in quotes", err);
    quote = t->text[t->at++];
    while (t->at < t->size && t->text[t->at] != quote) {
        if (n + 1 >= size || t->text[t->at] < 32)
            return text_fail(t, "the string's end", err);
        out[n++] = t->text[t->at++];
    }
    out[n] = '\0';
    return mark_take(t, quote) ? LT_OK : text_fail(t, "a quote", err);
}

static lt_status size_take(head_text *t, int *out, lt_err *err)
{
    int64_t size = 0;
    size_t from;

    blanks_skip(t);
    from = t->at;
    while (t->at < t->size && t->text[t->at] >= '0' && t->text[t->at] <= '9') {
        size = size * 10 + (t->text[t->at++] - '0');
        if (size > INT_MAX)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: offset %zu (header): found a size over "
                              "%d, wanted 1 to that",
                              t->path, t->start + from, INT_MAX);
    }
    if (t->at == from)
        return text_fail(t, "a size", err);
    if (t->at < t->size && t->text[t->at] == 'L')
        t->at++;
    if (size < 1)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %zu (header): found size 0, wanted 1 to "
                          "%d",
                          t->path, t->start + from, INT_MAX);
    *out = (int)size;
    return LT_OK;
}

/* ---- the three entries ---- */

static lt_status shape_take(head_text *t, lt__npy_head *h, lt_err *err)
{
    size_t from = t->at;
    int more = 0;

    if (!mark_take(t, '('))
        return text_fail(t, "'(', a shape's start", err);
    while (!mark_take(t, ')')) {
        int size = 0;

        if (h->rank + more > 0 && !mark_take(t, ','))
            return text_fail(t, "',' or ')'", err);
        if (h->rank + more > 0 && mark_take(t, ')'))
            break;
        LT_TRY(size_take(t, &size, err));
        if (h->rank < LT__NPY_RANK)
            h->dim[h->rank++] = size;
        else
            more++;
    }
    if (h->rank < 1 || more > 0)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %zu (header): found %d axes, wanted 1 "
                          "to %d",
                          t->path, t->start + from, h->rank + more,
                          LT__NPY_RANK);
    return LT_OK;
}

static lt_status order_take(head_text *t, lt__npy_head *h, lt_err *err)
{
    static const char *const words[] = {"False", "True"};

    blanks_skip(t);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(words[i]);

        if (t->size - t->at >= n && memcmp(t->text + t->at, words[i], n) == 0) {
            t->at += n;
            h->is_fortran = i == 1;
            return LT_OK;
        }
    }
    return text_fail(t, "True or False", err);
}

/* '|u1', '<f4': order, kind, width. */
static lt_status descr_take(head_text *t, lt__npy_head *h, lt_err *err)
{
    size_t from;
    char d[32] = "";

    blanks_skip(t);
    from = t->at;
    if (t->at < t->size && t->text[t->at] == '[')
        return text_fail(t,
                         "a type such as '<f4' (fields have no place in a "
                         "set of examples)",
                         err);
    LT_TRY(string_take(t, d, sizeof d, err));
    if (strlen(d) == 3 && strchr("uifb", d[1]) && strchr("1248", d[2]) &&
        (d[0] == '<' || (d[0] == '|' && d[2] == '1'))) {
        h->kind = d[1];
        h->width = d[2] - '0';
        return LT_OK;
    }
    return lt_err_set(err, LT_EFORMAT,
                      "%s: offset %zu (header): found type '%s', wanted "
                      "little-endian numbers such as '|u1', '<f4' or '<f8'%s",
                      t->path, t->start + from, d,
                      d[0] == '>' ? " (numpy: a.astype('<f4'))" : "");
}

static lt_status entry_take(head_text *t, lt__npy_head *h, bool seen[3],
                            lt_err *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    static lt_status (*const takes[])(head_text *, lt__npy_head *, lt_err *) = {
        descr_take, order_take, shape_take};
    size_t from = t->at;
    char key[32] = "";

    LT_TRY(string_take(t, key, sizeof key, err));
    for (int i = 0; i < 3; i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (seen[i])
            break;
        seen[i] = true;
        if (!mark_take(t, ':'))
            return text_fail(t, "':'", err);
        return takes[i](t, h, err);
    }
    return lt_err_set(err, LT_EFORMAT,
                      "%s: offset %zu (header): found key '%s', wanted "
                      "'descr', 'fortran_order' and 'shape', once each",
                      t->path, t->start + from, key);
}

static lt_status text_parse(head_text *t, lt__npy_head *h, lt_err *err)
{
    bool seen[3] = {false};

    if (!mark_take(t, '{'))
        return text_fail(t, "'{'", err);
    while (!mark_take(t, '}')) {
        LT_TRY(entry_take(t, h, seen, err));
        if (mark_take(t, ','))
            continue;
        if (!mark_take(t, '}'))
            return text_fail(t, "',' or '}'", err);
        break;
    }
    if (!seen[0] || !seen[1] || !seen[2])
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %zu (header): found no '%s'", t->path,
                          t->start,
                          !seen[0]   ? "descr"
                          : !seen[1] ? "fortran_order"
                                     : "shape");
    blanks_skip(t);
    return t->at == t->size ? LT_OK : text_fail(t, "the header's end", err);
}

/* ---- before the text ---- */

static lt_status magic_check(const char *path, const uint8_t *b, lt_err *err)
{
    if (memcmp(b, "\x93NUMPY", 6) != 0)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 0: found bytes 0x%02x 0x%02x%s, wanted "
                          "0x93 NUMPY, which opens an NPY file",
                          path, b[0], b[1],
                          memcmp(b, "PK", 2) == 0 ? " (a zip archive: .npz?)"
                                                  : "");
    if (b[6] < 1 || b[6] > 3)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 6: found version %d, wanted 1 to 3", path,
                          b[6]);
    return LT_OK;
}

/* Sets start and size of the text. */
static lt_status length_read(const lt__npy_file *f, head_text *t, lt_err *err)
{
    uint8_t b[MAGIC_SIZE + 4] = {0};
    uint64_t left;
    uint32_t n;

    LT_TRY(lt__npy_read(f, 0, b, MAGIC_SIZE, err));
    LT_TRY(magic_check(f->path, b, err));
    t->start = MAGIC_SIZE + (b[6] == 1 ? 2 : 4);
    LT_TRY(lt__npy_read(f, MAGIC_SIZE, b + MAGIC_SIZE, t->start - MAGIC_SIZE,
                        err));
    n = (uint32_t)b[8] | (uint32_t)b[9] << 8 | (uint32_t)b[10] << 16 |
        (uint32_t)b[11] << 24;
    left = f->size > t->start ? f->size - t->start : 0;
    if (n > MAX_TEXT || n > left)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %d: found a header of %" PRIu32
                          " bytes, wanted at most %" PRIu64,
                          f->path, MAGIC_SIZE, n,
                          left < MAX_TEXT ? left : MAX_TEXT);
    t->size = n;
    return LT_OK;
}

lt_status lt__npy_head_read(const lt__npy_file *f, lt__npy_head *out,
                            lt_err *err)
{
    head_text t = {.path = f->path};
    char *text;
    lt_status rc;

    LT_TRY(length_read(f, &t, err));
    text = lt_mem_alloc(t.size, 1);
    if (!text)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", f->path);
    t.text = text;
    rc = lt__npy_read(f, t.start, text, t.size, err);
    *out = (lt__npy_head){.at = t.start + t.size};
    if (rc == LT_OK)
        rc = text_parse(&t, out, err);
    lt_mem_free(text);
    return rc;
}
