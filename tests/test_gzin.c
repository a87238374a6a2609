/* Input files: plain, compressed, cut off, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "latent/base/gzin.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

#define SIZE 300000

static char path[] = "/tmp/latent-gzin-XXXXXX";
static unsigned char content[SIZE], packed[SIZE * 2];
static size_t packed_size;

static int gzin_setup(void **state)
{
    z_stream z = {0};
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    for (unsigned i = 0; i < SIZE; i++)
        content[i] = (unsigned char)((i * 2654435761u) >> 27);
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
        return -1;
    z.next_in = content;
    z.avail_in = SIZE;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        return -1;
    packed_size = z.total_out;
    deflateEnd(&z);
    return 0;
}

static int gzin_teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static lt_gzin *open_with(const void *bytes, size_t n)
{
    lt_gzin *in = NULL;
    lt_err e = {0};

    assert_int_equal(lt_path_write(path, bytes, n, &e), LT_OK);
    assert_int_equal(lt_gzin_open(path, &in, &e), LT_OK);
    return in;
}

static void reads_all(const void *bytes, size_t n)
{
    unsigned char head[16], *rest = malloc(SIZE), one;
    lt_gzin *in = open_with(bytes, n);
    lt_err e = {0};
    size_t got = 1;

    assert_non_null(rest);
    assert_true(lt_gzin_bound(in) >= SIZE);
    assert_int_equal(lt_gzin_read(in, head, 16, &e), LT_OK);
    assert_int_equal(lt_gzin_offset(in), 16);
    assert_int_equal(lt_gzin_read(in, rest, SIZE - 16, &e), LT_OK);
    assert_int_equal(lt_gzin_offset(in), SIZE);
    assert_int_equal(lt_gzin_some(in, &one, 1, &got, &e), LT_OK);
    assert_int_equal(got, 0);
    assert_memory_equal(head, content, 16);
    assert_memory_equal(rest, content + 16, SIZE - 16);
    lt_gzin_close(in);
    free(rest);
}

static void gzin_reads_plain_and_compressed_alike(void **state)
{
    (void)state;
    reads_all(content, SIZE);
    reads_all(packed, packed_size);
}

static void gzin_bound_of_a_plain_file_is_its_size(void **state)
{
    lt_gzin *in = open_with(content, 1000);

    (void)state;
    assert_int_equal(lt_gzin_bound(in), 1000);
    lt_gzin_close(in);
}

static void gzin_bound_holds_for_the_best_compression(void **state)
{
    const size_t size = 20u << 20;
    lt_gzin *in = NULL;
    lt_err e = {0};
    gzFile f = gzopen(path, "wb9");
    char *zeros = calloc(1, size);

    (void)state;
    assert_non_null(zeros);
    assert_int_equal(gzwrite(f, zeros, (unsigned)size), size);
    gzclose(f);
    assert_int_equal(lt_gzin_open(path, &in, &e), LT_OK);
    assert_true(lt_gzin_bound(in) >= size);
    assert_true(lt_gzin_bound(in) < 2 * size);
    lt_gzin_close(in);
    free(zeros);
}

static void gzin_says_offset_found_and_wanted(void **state)
{
    char bytes[200], message[200];
    lt_gzin *in = open_with(content, 116);
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_gzin_read(in, bytes, 16, &e), LT_OK);
    assert_int_equal(lt_gzin_read(in, bytes, 200, &e), LT_EFORMAT);
    snprintf(message, sizeof message,
             "%s: offset 16: found 100 bytes, wanted 200", path);
    assert_string_equal(e.text, message);
    lt_gzin_close(in);
}

/* Reads to the end; the status of the read that failed, or LT_OK. */
static lt_status read_through(lt_gzin *in, lt_err *err)
{
    unsigned char bytes[4096];
    size_t got;

    do {
        lt_status rc = lt_gzin_some(in, bytes, sizeof bytes, &got, err);

        if (rc != LT_OK)
            return rc;
    } while (got > 0);
    return LT_OK;
}

static void gzin_notices_a_file_cut_anywhere(void **state)
{
    const size_t keep[] = {20, packed_size / 2, packed_size - 1};

    (void)state;
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        lt_gzin *in = open_with(packed, keep[i]);
        lt_err e = {0};

        assert_int_equal(read_through(in, &e), LT_EFORMAT);
        assert_non_null(strstr(e.text, path));
        assert_non_null(strstr(e.text, "cut off"));
        lt_gzin_close(in);
    }
}

static void gzin_notices_a_flipped_bit(void **state)
{
    lt_gzin *in;
    lt_err e = {0};

    (void)state;
    packed[packed_size - 6] ^= 1; /* in the check sum */
    in = open_with(packed, packed_size);
    packed[packed_size - 6] ^= 1;
    assert_int_equal(read_through(in, &e), LT_EFORMAT);
    assert_non_null(strstr(e.text, "offset"));
    lt_gzin_close(in);
}

static void gzin_refuses_folders_and_absent_files(void **state)
{
    lt_gzin *in = NULL;
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_gzin_open("/tmp", &in, &e), LT_EIO);
    assert_non_null(strstr(e.text, "folder"));
    assert_int_equal(lt_gzin_open("/tmp/no/such", &in, &e), LT_EIO);
    assert_non_null(strstr(e.text, "/tmp/no/such"));
    assert_null(in);
    lt_gzin_close(NULL);
}

static void gzin_open_survives_every_failing_allocation(void **state)
{
    lt_gzin *in = open_with(content, 10);
    lt_err e = {0};
    int n = 0;

    (void)state;
    lt_gzin_close(in);
    for (in = NULL; !in; n++) {
        lt_mem_fail_after(n);
        (void)lt_gzin_open(path, &in, &e);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(n, 3); /* the third try is the first with both */
    lt_gzin_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzin_reads_plain_and_compressed_alike),
        cmocka_unit_test(gzin_bound_of_a_plain_file_is_its_size),
        cmocka_unit_test(gzin_bound_holds_for_the_best_compression),
        cmocka_unit_test(gzin_says_offset_found_and_wanted),
        cmocka_unit_test(gzin_notices_a_file_cut_anywhere),
        cmocka_unit_test(gzin_notices_a_flipped_bit),
        cmocka_unit_test(gzin_refuses_folders_and_absent_files),
        cmocka_unit_test(gzin_open_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, gzin_setup, gzin_teardown);
}
