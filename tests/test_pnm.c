/* PGM and PPM pictures, and what becomes of any picture's channels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/base/host.h"
#include "latent/base/pnm.h"

/* The bytes of a string literal, NUL left out. */
#define FILE_OF(text) text, sizeof(text) - 1

static void pnm_decodes_good_files(void **state)
{
    static const struct {
        const char *file;
        size_t size;
        int width, height, channels;
        const char *pixels;
    } cases[] = {
        {FILE_OF("P5 3 2 255\n\1\2\3\4\5\6"), 3, 2, 1, "\1\2\3\4\5\6"},
        {FILE_OF("P5\n# a note\n3 # width\n2\n#\n255\n\1\2\3\4\5\6\n"), 3, 2, 1,
         "\1\2\3\4\5\6"},
        {FILE_OF("P5\r\n#x\r2 1\r255\r#\n"), 2, 1, 1, "#\n"},
        {FILE_OF("P5 2 1 255\n  "), 2, 1, 1, "  "},
        {FILE_OF("P6 1 2 255 abcdef"), 1, 2, 3, "abcdef"},
        {FILE_OF("P2 3 1 255 0 10 255"), 3, 1, 1, "\0\12\377"},
        {FILE_OF("P2\n3 1\n#c\n255\n0\n10 # ten\n255\n"), 3, 1, 1, "\0\12\377"},
        {FILE_OF("P3 1 1 255 7 8 9"), 1, 1, 3, "\7\10\11"},
        /* 1 of 2 is 127.5, rounded up; 5 of 10 too; 1 of 3 is 85 */
        {FILE_OF("P2 3 1 2 0 1 2"), 3, 1, 1, "\0\200\377"},
        {FILE_OF("P5 3 1 3 \0\1\3"), 3, 1, 1, "\0\125\377"},
        {FILE_OF("P5 1 1 1 \1"), 1, 1, 1, "\377"},
        /* two bytes each, the high one first: 0x0101 of 0xffff is 1 */
        {FILE_OF("P5 2 1 65535 \1\1\377\377"), 2, 1, 1, "\1\377"},
        {FILE_OF("P6 1 1 1023 \3\377\0\0\2\0"), 1, 1, 3, "\377\0\200"},
        {FILE_OF("P2 2 1 65535 257 65535"), 2, 1, 1, "\1\377"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_picture p = {0};
        lt_err err = {0};

        if (lt_pnm_decode(cases[i].file, cases[i].size, &p, &err) != LT_OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(p.width, cases[i].width);
        assert_int_equal(p.height, cases[i].height);
        assert_int_equal(p.channels, cases[i].channels);
        assert_memory_equal(p.pixels, cases[i].pixels,
                            (size_t)p.width * (size_t)p.height *
                                (size_t)p.channels);
        lt_picture_deinit(&p);
    }
}

static void pnm_refuses_bad_files(void **state)
{
    static const struct {
        const char *file;
        size_t size;
        const char *words;
    } cases[] = {
        {FILE_OF(""), "offset 0: found the end"},
        {FILE_OF("P"), "offset 0: found the end, wanted P2, P3, P5 or P6"},
        {FILE_OF("P7 1 1"), "offset 0: found other bytes"},
        {FILE_OF("BM1 1 1"), "offset 0: found other bytes"},
        {FILE_OF("P4 1 1 x"), "found P4, a bitmap"},
        {FILE_OF("P5"), "offset 2: found the end, wanted the width"},
        {FILE_OF("P5 # 3 2 255"), "found the end, wanted the width"},
        {FILE_OF("P5 x"), "offset 3: found byte 0x78, wanted the width"},
        {FILE_OF("P5 -1 2"), "offset 3: found byte 0x2d"},
        {FILE_OF("P5 0 2 255 "), "the width is 0, wanted 1 to 16384"},
        {FILE_OF("P5 2 16385 255 "), "offset 5: the height is 16385 or more"},
        {FILE_OF("P5 99999999999999999999 2 255 "), "the width is 99999 or"},
        {FILE_OF("P5 1 1 0 x"), "the greatest value is 0, wanted 1 to 65535"},
        {FILE_OF("P5 1 1 65536 x"), "the greatest value is 65536 or more"},
        {FILE_OF("P5 1 1 255"), "offset 10: wanted a blank"},
        {FILE_OF("P5 1 1 255x"), "offset 10: wanted a blank"},
        {FILE_OF("P5 2 2 255 abc"), "offset 11: found 3 bytes, wanted 4 for"},
        {FILE_OF("P6 2 2 255 abc"), "found 3 bytes, wanted 12 for 2x2"},
        {FILE_OF("P5 2 1 256 abc"), "found 3 bytes, wanted 4 for 2x1"},
        {FILE_OF("P5 16384 4096 255 abc"), "found 3 bytes, wanted 67108864"},
        {FILE_OF("P3 16384 16384 255 1"), "wanted at least 1610612735"},
        {FILE_OF("P5 2 1 255 abc"), "offset 13: found more bytes"},
        {FILE_OF("P5 2 1 7 a\7"), "offset 9: found value 97, wanted at most 7"},
        {FILE_OF("P5 1 1 256 \1\1"), "found value 257, wanted at most 256"},
        {FILE_OF("P2 2 1 255 1  "), "offset 14: found the end, wanted the val"},
        {FILE_OF("P2 2 1 255 1 x"), "offset 13: found byte 0x78"},
        {FILE_OF("P2 2 1 255 1 256"), "the value is 256 or more, wanted 0 to"},
        {FILE_OF("P2 1 1 255 1 2"), "offset 13: found more bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_picture p = {0};
        lt_err err = {0};

        if (lt_pnm_decode(cases[i].file, cases[i].size, &p, &err) != LT_EFORMAT)
            fail_msg("case %zu was not refused", i);
        assert_null(p.pixels);
        err_check(&err, cases[i].words);
    }
}

/* Many pixels with enough bytes behind them to be believed. */
static void pnm_refuses_too_many_pixels(void **state)
{
    const size_t size = ((size_t)1 << 27) + 32;
    char *file = lt_mem_zero(size, 1);
    int64_t before = lt_host_peak_bytes();
    lt_picture p = {0};
    lt_err err = {0};

    (void)state;
    assert_non_null(file);
    memcpy(file, "P5 16384 8192 255 ", 18);
    assert_int_equal(lt_pnm_decode(file, size, &p, &err), LT_EFORMAT);
    err_check(&err, "picture of 16384x8192|at most 67108864 pixels");
    assert_true(lt_host_peak_bytes() - before < 16 << 20);
    lt_mem_free(file);
}

static void picture_becomes_planes(void **state)
{
    uint8_t colour[] = {1, 2, 3, 4, 5, 6}, grey[] = {7, 8}, out[6];
    /* 0.299, 0.587 and 0.114 of 255: 76.2, 149.7, 29.1 */
    uint8_t primaries[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    lt_picture p = {2, 1, 3, colour};

    (void)state;
    lt_picture_planes(&p, 3, out);
    assert_memory_equal(out, "\1\4\2\5\3\6", 6);
    p = (lt_picture){4, 1, 3, primaries};
    lt_picture_planes(&p, 1, out);
    assert_memory_equal(out, "\114\226\35\377", 4);
    p = (lt_picture){2, 1, 1, grey};
    lt_picture_planes(&p, 1, out);
    assert_memory_equal(out, "\7\10", 2);
    lt_picture_planes(&p, 3, out);
    assert_memory_equal(out, "\7\10\7\10\7\10", 6);
}

static void pnm_survives_a_failed_allocation(void **state)
{
    lt_picture p = {0};
    lt_err err = {0};

    (void)state;
    lt_mem_fail_after(0);
    assert_int_equal(lt_pnm_decode("P2 1 1 9 9", 10, &p, &err), LT_ENOMEM);
    lt_mem_fail_after(-1);
    assert_null(p.pixels);
    assert_true(err.text[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pnm_decodes_good_files),
        cmocka_unit_test(pnm_refuses_bad_files),
        cmocka_unit_test(pnm_refuses_too_many_pixels),
        cmocka_unit_test(picture_becomes_planes),
        cmocka_unit_test(pnm_survives_a_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
