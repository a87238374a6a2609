/* PGM and PPM; see latent/base/pnm.h and netpbm's manual pages pgm(5), ppm(5).
 *
 * A header is two bytes, then width, height and greatest value as decimal
 * numbers with blanks and comments (# to the line's end) between them, and one
 * blank. Values follow as bytes, as two bytes each when the greatest value is
 * over 255 (big-endian), or as decimal numbers (P2, P3). Before pixels are
 * allocated the bytes left must suffice for them. Only blanks may follow: a
 * second picture in the same file would go unseen. */
#include "latent/base/pnm.h"

#include <inttypes.h>
#include <stdbool.h>

#define MAX_VALUE 65535

typedef struct pnm_input {
    const uint8_t *bytes;
    size_t size, at;
    uint32_t greatest;
    int channels;
    bool is_plain;
} pnm_input;

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Blanks and comments. */
static void blanks_skip(pnm_input *in)
{
    bool in_comment = false;

    for (; in->at < in->size; in->at++) {
        uint8_t c = in->bytes[in->at];

        if (c == '#')
            in_comment = true;
        else if (!in_comment && !is_blank(c))
            return;
        if (c == '\n' || c == '\r')
            in_comment = false;
    }
}

/* The next decimal number, `least` to `most`. */
static lt_status number_take(pnm_input *in, const char *what, uint32_t least,
                             uint32_t most, uint32_t *out, lt_err *err)
{
    uint32_t x = 0;
    size_t from;

    blanks_skip(in);
    from = in->at;
    while (in->at < in->size && in->bytes[in->at] >= '0' &&
           in->bytes[in->at] <= '9' && x <= most)
        x = x * 10 + (in->bytes[in->at++] - (uint32_t)'0');
    if (in->at == from && in->at == in->size)
        return lt_err_set(err, LT_EFORMAT,
                          "offset %zu: found the end, wanted the %s", from,
                          what);
    if (in->at == from)
        return lt_err_set(err, LT_EFORMAT,
                          "offset %zu: found byte 0x%02x, wanted the %s", from,
                          in->bytes[from], what);
    if (x < least || x > most)
        return lt_err_set(err, LT_EFORMAT,
                          "offset %zu: the %s is %" PRIu32 "%s, wanted %" PRIu32
                          " to %" PRIu32,
                          from, what, x, x > most ? " or more" : "", least,
                          most);
    *out = x;
    return LT_OK;
}

static lt_status magic_take(pnm_input *in, lt_err *err)
{
    const uint8_t *b = in->bytes;

    if (in->size < 2 || b[0] != 'P' || b[1] < '1' || b[1] > '6')
        return lt_err_set(err, LT_EFORMAT,
                          "offset 0: found %s, wanted P2, P3, P5 or P6",
                          in->size < 2 ? "the end" : "other bytes");
    if (b[1] == '1' || b[1] == '4')
        return lt_err_set(err, LT_EFORMAT,
                          "offset 0: found P%c, a bitmap, wanted P2, P3, P5 "
                          "or P6",
                          b[1]);
    in->is_plain = b[1] < '4';
    in->channels = b[1] == '3' || b[1] == '6' ? 3 : 1;
    in->at = 2;
    return LT_OK;
}

/* The bytes that so many values take at least. */
static uint64_t least_bytes(const pnm_input *in, uint64_t values)
{
    if (in->is_plain)
        return 2 * values - 1; /* digits with blanks between them */
    return in->greatest > 255 ? 2 * values : values;
}

static lt_status head_take(pnm_input *in, lt_picture *out, lt_err *err)
{
    uint32_t width = 0, height = 0;
    uint64_t wanted;

    LT_TRY(magic_take(in, err));
    LT_TRY(number_take(in, "width", 1, LT_PICTURE_SIDE, &width, err));
    LT_TRY(number_take(in, "height", 1, LT_PICTURE_SIDE, &height, err));
    LT_TRY(number_take(in, "greatest value", 1, MAX_VALUE, &in->greatest, err));
    if (in->at >= in->size || !is_blank(in->bytes[in->at]))
        return lt_err_set(err, LT_EFORMAT, "offset %zu: wanted a blank",
                          in->at);
    in->at++;
    wanted = least_bytes(in, (uint64_t)width * height * (unsigned)in->channels);
    if (wanted > in->size - in->at)
        return lt_err_set(err, LT_EFORMAT,
                          "offset %zu: found %zu bytes, wanted %s%" PRIu64
                          " for %" PRIu32 "x%" PRIu32 " pixels",
                          in->at, in->size - in->at,
                          in->is_plain ? "at least " : "", wanted, width,
                          height);
    return lt_picture_init(out, width, height, in->channels, err);
}

/* That its bytes are there is known. */
static lt_status raw_take(pnm_input *in, uint32_t *out, lt_err *err)
{
    size_t from = in->at;
    uint32_t x = in->bytes[in->at++];

    if (in->greatest > 255)
        x = x << 8 | in->bytes[in->at++];
    *out = x;
    if (x <= in->greatest)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "offset %zu: found value %" PRIu32 ", wanted at most "
                      "%" PRIu32 ", the greatest",
                      from, x, in->greatest);
}

static lt_status pixels_take(pnm_input *in, lt_picture *p, lt_err *err)
{
    size_t n = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    uint32_t half = in->greatest / 2, x = 0;

    for (size_t i = 0; i < n; i++) {
        if (in->is_plain)
            LT_TRY(number_take(in, "value", 0, in->greatest, &x, err));
        else
            LT_TRY(raw_take(in, &x, err));
        p->pixels[i] = (uint8_t)((x * 255 + half) / in->greatest);
    }
    while (in->at < in->size && is_blank(in->bytes[in->at]))
        in->at++;
    if (in->at == in->size)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "offset %zu: found more bytes, wanted the end of the "
                      "picture",
                      in->at);
}

lt_status lt_pnm_decode(const void *bytes, size_t size, lt_picture *out,
                        lt_err *err)
{
    pnm_input in = {.bytes = bytes, .size = size};
    lt_picture picture = {0};
    lt_status rc = head_take(&in, &picture, err);

    if (rc == LT_OK)
        rc = pixels_take(&in, &picture, err);
    if (rc == LT_OK)
        *out = picture;
    else
        lt_picture_deinit(&picture);
    return rc;
}
