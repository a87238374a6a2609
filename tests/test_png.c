/* PNG pictures, put together byte by byte; the pixels expected follow from the
 * format's specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/base/host.h"
#include "latent/base/png.h"
#include "png_fixture.h"

static void decoded(const png_file *f, int width, int height, int channels,
                    const uint8_t *pixels)
{
    lt_picture p = {0};
    lt_err err = {0};

    if (lt_png_decode(f->bytes, f->size, &p, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(p.width, width);
    assert_int_equal(p.height, height);
    assert_int_equal(p.channels, channels);
    assert_memory_equal(p.pixels, pixels,
                        (size_t)width * (size_t)height * (size_t)channels);
    lt_picture_deinit(&p);
}

static void refused(const png_file *f, const char *words)
{
    lt_picture p = {0};
    lt_err err = {0};

    assert_int_equal(lt_png_decode(f->bytes, f->size, &p, &err), LT_EFORMAT);
    assert_null(p.pixels);
    err_check(&err, words);
}

static void one_make(png_file *f, uint8_t depth, uint8_t type, const char *raw,
                     size_t n)
{
    png_begin(f, 2, 2, depth, type, 0);
    if (type == 3)
        png_put_chunk(f, "PLTE", "\1\2\3\11\12\13\376\375\374", 9);
    png_put_rows(f, raw, n);
    png_end(f);
}

/* 2x2 pictures of every type and depth; each row starts with its filter. */
static void png_decodes_every_type(void **state)
{
    static const struct {
        uint8_t depth, type;
        size_t n;
        const char *raw;
        int channels;
        const char *pixels;
    } cases[] = {
        {8, 0, 6, "\0\1\2\0\3\4", 1, "\1\2\3\4"},
        {1, 0, 4, "\0\100\0\200", 1, "\0\377\377\0"},
        {2, 0, 4, "\0\100\0\260", 1, "\125\0\252\377"},
        {4, 0, 4, "\0\22\0\360", 1, "\21\42\377\0"},
        /* 0x0101 is 1 of 255; 0x807f is 128.5 - 1/257: 127.99 */
        {16, 0, 10, "\0\1\1\200\177\0\377\377\0\177", 1, "\1\200\377\0"},
        {8, 2, 14, "\0\1\2\3\4\5\6\0\7\10\11\12\13\14", 3,
         "\1\2\3\4\5\6\7\10\11\12\13\14"},
        {16, 2, 26,
         "\0\1\1\2\2\3\3\4\4\5\5\6\6\0\7\7\10\10\11\11\12\12\13\13\14\14", 3,
         "\1\2\3\4\5\6\7\10\11\12\13\14"},
        {8, 3, 6, "\0\1\0\0\2\1", 3, "\11\12\13\1\2\3\376\375\374\11\12\13"},
        {2, 3, 4, "\0\100\0\220", 3, "\11\12\13\1\2\3\376\375\374\11\12\13"},
        {8, 4, 10, "\0\1\0\2\377\0\3\200\4\7", 1, "\1\2\3\4"},
        {8, 6, 18, "\0\1\2\3\0\4\5\6\377\0\7\10\11\1\12\13\14\0", 3,
         "\1\2\3\4\5\6\7\10\11\12\13\14"},
        /* filters: 1 adds the pixel before, 2 the one above */
        {8, 0, 6, "\1\5\6\2\1\1", 1, "\5\13\6\14"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        png_file f;

        one_make(&f, cases[i].depth, cases[i].type, cases[i].raw, cases[i].n);
        decoded(&f, 2, 2, cases[i].channels, (const uint8_t *)cases[i].pixels);
    }
}

/* Adam7 of a 5x3 picture: pass 1 has (0,0); 2 (4,0); 3 none (row 4);
 * 4 (2,0); 5 row 2 at columns 0, 2, 4; 6 columns 1, 3 of rows 0, 2; 7 row 1. */
static void png_decodes_interlaced(void **state)
{
    static const uint8_t raw[] = {0, 0, 0, 4,  0,  2, 0, 10, 12, 14, 0,
                                  1, 3, 0, 11, 13, 0, 5, 6,  7,  8,  9};
    uint8_t pixels[15];
    png_file f;

    (void)state;
    for (uint8_t i = 0; i < 15; i++)
        pixels[i] = i;
    png_begin(&f, 5, 3, 8, 0, 1);
    png_put_rows(&f, raw, sizeof raw);
    png_end(&f);
    decoded(&f, 5, 3, 1, pixels);
}

/* What programs add: texts, gamma, transparency, bytes after the end. */
static void png_ignores_what_is_no_pixel(void **state)
{
    png_file f;

    (void)state;
    png_begin(&f, 2, 2, 8, 3, 0);
    png_put_chunk(&f, "gAMA", "\0\0\261\217", 4);
    png_put_chunk(&f, "PLTE", "\1\2\3\4\5\6", 6);
    png_put_chunk(&f, "tRNS", "\0\200", 2);
    png_put_chunk(&f, "tEXt", "Title\0nothing", 13);
    png_put_chunk(&f, "juNk", "whatever", 8);
    png_put_rows(&f, "\0\0\1\0\1\0", 6);
    png_end(&f);
    f.bytes[f.size++] = 'x';
    decoded(&f, 2, 2, 3, (const uint8_t *)"\1\2\3\4\5\6\4\5\6\1\2\3");
}

static void png_refuses_damage(void **state)
{
    png_file f;

    (void)state;
    one_make(&f, 8, 0, "\0\1\2\0\3\4", 6);
    f.bytes[f.size - 20] ^= 1; /* within IDAT */
    refused(&f, "offset ");
    one_make(&f, 8, 0, "\0\1\2\0\3\4", 6);
    f.bytes[20] ^= 1; /* IHDR's width; its check sum says no */
    refused(&f, "CRC");
    one_make(&f, 8, 0, "\0\1\2", 3);
    refused(&f, "offset |Not enough image data");
    one_make(&f, 8, 0, "\7\1\2\0\3\4", 6);
    refused(&f, "bad adaptive filter value");
    one_make(&f, 8, 5, "\0\1\2\0\3\4", 6);
    refused(&f, "Invalid IHDR data");
    one_make(&f, 3, 0, "\0\1\2\0\3\4", 6);
    refused(&f, "Invalid IHDR data");
    png_begin(&f, 2, 2, 8, 3, 0);
    png_put_rows(&f, "\0\0\1\0\1\0", 6);
    png_end(&f);
    refused(&f, "Missing PLTE before IDAT");
    f.size = 5;
    refused(&f, "offset 0: found 5 bytes, wanted a PNG file");
    memcpy(f.bytes, "P5 1 1 255 x", 12);
    f.size = 12;
    refused(&f, "found bytes 0x50 0x35, wanted the 8 that open a PNG file");
    memcpy(f.bytes, "\xff\xd8\xff\xe0", 4);
    refused(&f, "found bytes 0xff 0xd8 (a JPEG picture?), wanted the 8");
}

static void png_refuses_every_cut(void **state)
{
    png_file f;

    (void)state;
    one_make(&f, 8, 2, "\0\1\2\3\4\5\6\0\7\10\11\12\13\14", 14);
    for (size_t whole = f.size--; f.size > 0; f.size--) {
        uint8_t *exact = lt_mem_alloc(f.size, 1);
        lt_picture p = {0};

        assert_non_null(exact);
        memcpy(exact, f.bytes, f.size);
        if (lt_png_decode(exact, f.size, &p, NULL) != LT_EFORMAT)
            fail_msg("%zu of %zu bytes: not refused", f.size, whole);
        assert_null(p.pixels);
        lt_mem_free(exact);
    }
}

/* Few bytes that promise much: nothing is allocated for them. */
static void png_refuses_bombs(void **state)
{
    static const uint32_t sides[][2] = {
        {0, 1},         {1, 0},           {16385, 1},
        {1, 16385},     {0x7fffffff, 1},  {0xffffffff, 0xffffffff},
        {16384, 16384}, {65536, 0x10000},
    };
    int64_t before = lt_host_peak_bytes();
    png_file f;

    (void)state;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        png_begin(&f, sides[i][0], sides[i][1], 16, 6, 0);
        png_put_rows(&f, "\0", 1);
        png_end(&f);
        refused(&f, "");
    }
    png_begin(&f, 8192, 8192, 16, 6, 0);
    png_put_rows(&f, "\0", 1);
    png_end(&f);
    refused(&f, "the header promises 8192x8192 pixels; found");
    assert_true(lt_host_peak_bytes() - before < 16 << 20);
}

/* A text of 64 MB in a chunk of 64 kB is not blown up. */
static void png_bomb_in_a_chunk_stays_packed(void **state)
{
    const size_t size = 64 << 20;
    uint8_t *zeros = lt_mem_zero(size, 1);
    uLongf packed = compressBound(size);
    uint8_t *chunk = lt_mem_alloc(packed + 8, 1);
    png_file *f = lt_mem_zero(1, sizeof *f);
    lt_picture p = {0};
    int64_t before;

    (void)state;
    assert_true(zeros && chunk && f);
    memcpy(chunk, "bomb\0\0", 6);
    compress2(chunk + 6, &packed, zeros, size, 9);
    lt_mem_free(zeros);
    assert_true(packed < 100000);
    before = lt_host_peak_bytes();
    png_begin(f, 1, 1, 8, 0, 0);
    png_put_chunk(f, "zTXt", chunk, packed + 6);
    png_put_rows(f, "\0\7", 2);
    png_end(f);
    assert_int_equal(lt_png_decode(f->bytes, f->size, &p, NULL), LT_OK);
    assert_int_equal(p.pixels[0], 7);
    assert_true(lt_host_peak_bytes() - before < 16 << 20);
    lt_picture_deinit(&p);
    lt_mem_free(chunk);
    lt_mem_free(f);
}

static void png_survives_every_failed_allocation(void **state)
{
    lt_picture p = {0};
    lt_status rc = LT_ENOMEM;
    lt_err err = {0};
    png_file f;
    int n = 0;

    (void)state;
    one_make(&f, 8, 2, "\0\1\2\3\4\5\6\0\7\10\11\12\13\14", 14);
    for (; rc != LT_OK && n < 100; n++) {
        lt_mem_fail_after(n);
        rc = lt_png_decode(f.bytes, f.size, &p, &err);
        lt_mem_fail_after(-1);
        if (rc != LT_OK && rc != LT_ENOMEM)
            fail_msg("allocation %d: %s", n, err.text);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 4);
    lt_picture_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_decodes_every_type),
        cmocka_unit_test(png_decodes_interlaced),
        cmocka_unit_test(png_ignores_what_is_no_pixel),
        cmocka_unit_test(png_refuses_damage),
        cmocka_unit_test(png_refuses_every_cut),
        cmocka_unit_test(png_refuses_bombs),
        cmocka_unit_test(png_bomb_in_a_chunk_stays_packed),
        cmocka_unit_test(png_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
