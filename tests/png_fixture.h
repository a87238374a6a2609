/* PNG files put together from the format's specification (ISO 15948): a
 * signature, chunks with check sums, rows with filter bytes, deflated. */
#ifndef PNG_FIXTURE_H
#define PNG_FIXTURE_H

#include <stdint.h>
#include <string.h>
#include <zlib.h>

typedef struct png_file {
    uint8_t bytes[1 << 17];
    size_t size;
} png_file;

static inline void put_big_endian(uint8_t *out, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(x >> (24 - 8 * i));
}

static inline void png_put_chunk(png_file *f, const char *type,
                                 const void *data, size_t n)
{
    uint8_t *at = f->bytes + f->size;

    put_big_endian(at, (uint32_t)n);
    memcpy(at + 4, type, 4);
    if (n)
        memcpy(at + 8, data, n);
    put_big_endian(at + 8 + n, (uint32_t)crc32(0, at + 4, (unsigned)(n + 4)));
    f->size += n + 12;
}

/* The signature and IHDR. `type`: 0 grey, 2 colour, 3 palette, 4 and 6 with
 * alpha. */
static inline void png_begin(png_file *f, uint32_t width, uint32_t height,
                             uint8_t depth, uint8_t type, uint8_t interlace)
{
    uint8_t head[13] = {0};

    memcpy(f->bytes, "\x89PNG\r\n\x1a\n", 8);
    f->size = 8;
    put_big_endian(head, width);
    put_big_endian(head + 4, height);
    head[8] = depth;
    head[9] = type;
    head[12] = interlace;
    png_put_chunk(f, "IHDR", head, 13);
}

/* IDAT of these bytes, rows with their filter bytes. */
static inline void png_put_rows(png_file *f, const void *raw, size_t n)
{
    uint8_t packed[4096];
    uLongf size = sizeof packed;

    compress2(packed, &size, raw, n, 9);
    png_put_chunk(f, "IDAT", packed, size);
}

static inline void png_end(png_file *f)
{
    png_put_chunk(f, "IEND", NULL, 0);
}

#endif
