/* Snapshots: what is written comes back bit for bit; what was damaged, cut
 * short or made by somebody else does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/snapshot.h"

typedef struct work {
    int32_t i[3];
    int64_t l[2];
    uint64_t u[4];
    float f[9001]; /* ends within a word, and within a chunk */
    double d[2];
} work;

static work full(void)
{
    work w = {{1, -2, INT32_MAX},
              {INT64_MIN, 5},
              {UINT64_MAX, 1, 2, 3},
              {0},
              {-0.0, NAN}};

    for (int i = 0; i < 9001; i++)
        w.f[i] = (float)i / 7;
    return w;
}

static lt_snapshot list(work *w)
{
    lt_snapshot s = {0};

    LT_SNAPSHOT_ADD(&s, "a", "i", w->i, 3);
    LT_SNAPSHOT_ADD(&s, "a", "none", w->i, 0);
    LT_SNAPSHOT_ADD(&s, "a", "f", w->f, 9001);
    LT_SNAPSHOT_ADD(&s, "b", "l", w->l, 2);
    LT_SNAPSHOT_ADD(&s, "b", "u", w->u, 4);
    LT_SNAPSHOT_ADD(&s, "b", "d", w->d, 2);
    return s;
}

static char dir[] = "/tmp/latent-snapshot-XXXXXX";
static char path[64];

static int folder_make(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/one", mkdtemp(dir));
    return 0;
}

static int folder_drop(void **state)
{
    (void)state;
    return lt_path_remove(dir, NULL) == LT_OK ? 0 : -1;
}

static void write_ok(void)
{
    work w = full();
    lt_snapshot s = list(&w);
    lt_err err = {0};

    if (lt_snapshot_write(&s, "{\"a\": 1}", path, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static lt_snapshot_file *open_ok(void)
{
    lt_snapshot_file *f = NULL;
    lt_err err = {0};

    if (lt_snapshot_open(path, &f, &err) != LT_OK)
        fail_msg("%s", err.text);
    return f;
}

static void what_is_written_comes_back(void **state)
{
    work w = full(), back = {{0}};
    lt_snapshot s = list(&w), into = list(&back);
    lt_snapshot_file *f;

    (void)state;
    assert_int_equal(lt_snapshot_size(&s), 12 + 16 + 32 + 9001 * 4 + 16);
    write_ok();
    f = open_ok();
    assert_string_equal(lt_snapshot_text(f), "{\"a\": 1}");
    assert_int_equal(lt_snapshot_count(f, "a.f"), 9001);
    assert_int_equal(lt_snapshot_count(f, "a.none"), 0);
    assert_int_equal(lt_snapshot_count(f, "checksum"), 0);
    assert_int_equal(lt_snapshot_read(f, &into, NULL), LT_OK);
    assert_memory_equal(w.i, back.i, sizeof w.i);
    assert_memory_equal(w.l, back.l, sizeof w.l);
    assert_memory_equal(w.u, back.u, sizeof w.u);
    assert_memory_equal(w.f, back.f, sizeof w.f);
    assert_memory_equal(w.d, back.d, sizeof w.d);
    lt_snapshot_close(f);
}

/* Nothing is filled when one block is another's. */
static void other_blocks_are_refused(void **state)
{
    work back = {{0}}, zero = {{0}};
    lt_snapshot wider = {0}, typed = {0}, named = {0};
    const lt_snapshot *const wrong[] = {&wider, &typed, &named};
    static const char *const texts[] = {
        "b.l: found 2 numbers (I64), wanted 1 (I64)",
        "b.l: found 2 numbers (I64), wanted 2 (U64)",
        "b.x: found 0 numbers (none), wanted 2 (F64)"};
    lt_snapshot_file *f;

    (void)state;
    write_ok();
    f = open_ok();
    LT_SNAPSHOT_ADD(&wider, "a", "i", back.i, 3);
    LT_SNAPSHOT_ADD(&wider, "b", "l", back.l, 1);
    LT_SNAPSHOT_ADD(&typed, "a", "i", back.i, 3);
    LT_SNAPSHOT_ADD(&typed, "b", "l", back.u, 2);
    LT_SNAPSHOT_ADD(&named, "a", "i", back.i, 3);
    LT_SNAPSHOT_ADD(&named, "b", "x", back.d, 2);
    for (int i = 0; i < 3; i++) {
        lt_err err = {0};

        assert_int_equal(lt_snapshot_read(f, wrong[i], &err), LT_EFORMAT);
        assert_string_equal(err.text, texts[i]);
    }
    assert_memory_equal(&back, &zero, sizeof back);
    lt_snapshot_close(f);
}

static char *bytes_of(size_t *size)
{
    char *bytes = NULL;

    assert_int_equal(lt_path_read(path, (size_t)1 << 20, &bytes, size, NULL),
                     LT_OK);
    return bytes;
}

static void expect_refusal(const void *bytes, size_t size, const char *what)
{
    lt_snapshot_file *f = NULL;
    lt_err err = {0};
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
    if (lt_snapshot_open(path, &f, &err) != LT_EFORMAT ||
        !strstr(err.text, path))
        fail_msg("%s: %s: '%s'", what, lt_status_name(err.status), err.text);
    assert_null(f);
}

/* One bit anywhere; each at a place of its own, some 400 of them. */
static void damage_is_seen(void **state)
{
    size_t size;
    char *bytes;

    (void)state;
    write_ok();
    bytes = bytes_of(&size);
    for (size_t at = 0; at < size; at += at < 200 ? 1 : 193) {
        bytes[at] ^= (char)(1 << at % 8);
        expect_refusal(bytes, size, "damaged");
        bytes[at] ^= (char)(1 << at % 8);
    }
    lt_mem_free(bytes);
}

static void what_is_cut_short_is_seen(void **state)
{
    size_t size;
    char *bytes;

    (void)state;
    write_ok();
    bytes = bytes_of(&size);
    for (size_t n = 0; n < size; n += n < 100 ? 1 : 397)
        expect_refusal(bytes, n, "short");
    expect_refusal(bytes, size - 1, "short");
    bytes = lt_mem_grow(bytes, size + 8, 1);
    memset(bytes + size, 0, 8);
    expect_refusal(bytes, size + 8, "long");
    lt_mem_free(bytes);
}

static void expect_header_refused(const char *json, size_t data)
{
    uint64_t n = strlen(json);
    char file[1024] = {0};

    assert_true(8 + n + data < sizeof file);
    memcpy(file, &n, 8);
    memcpy(file + 8, json, n);
    expect_refusal(file, 8 + n + data, json);
}

#define META "\"__metadata__\":{\"text\":\"\"}"
#define SUM(begin, end)                                                        \
    "\"checksum\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[" #begin  \
    "," #end "]}"
#define BLOCK(dtype, count, begin, end)                                        \
    "\"a\":{\"dtype\":\"" dtype "\",\"shape\":[" #count                        \
    "],\"data_offsets\":[" #begin "," #end "]}"

static void lies_are_refused(void **state)
{
    (void)state;
    expect_header_refused("", 0);
    expect_header_refused("{}", 8);
    expect_header_refused("[1, 2]", 8);
    expect_header_refused("7", 8);
    expect_header_refused("{" META "}", 0);
    expect_header_refused("{\"__metadata__\":{\"text\":1}," SUM(0, 8) "}", 8);
    expect_header_refused("{" META "," SUM(0, 8) "}", 16);
    expect_header_refused("{" META "," SUM(0, 8) "}", 0);
    expect_header_refused("{" META "," SUM(-8, 0) "}", 8);
    expect_header_refused("{" META "," BLOCK("F32", 1, 0, 4) "}", 4);
    expect_header_refused("{" META "," BLOCK("F16", 2, 0, 4) "," SUM(4, 12) "}",
                          12);
    expect_header_refused("{" META "," BLOCK("F32", 2, 0, 4) "," SUM(4, 12) "}",
                          12);
    expect_header_refused(
        "{" META "," BLOCK("F32", 4611686018427387904, 0, 4) "," SUM(4, 12) "}",
        12);
    expect_header_refused(
        "{" META "," BLOCK("F64", 9, 8, 9223372036854775807) "," SUM(0, 8) "}",
        16);
    expect_header_refused("{" META "," BLOCK("F32", 2, 4, 12) "," SUM(0, 8) "}",
                          12);
    expect_header_refused(
        "{" META
        ",\"a\":{\"dtype\":7,\"shape\":3,\"data_offsets\":{}}," SUM(0, 8) "}",
        8);
    expect_header_refused("{" META ",\"a\":null," SUM(0, 8) "}", 8);
}

static void what_is_not_there_is_not_found(void **state)
{
    lt_snapshot_file *f = NULL;
    lt_err err = {0};

    (void)state;
    (void)unlink(path);
    assert_int_equal(lt_snapshot_open(path, &f, &err), LT_ENOTFOUND);
    assert_int_equal(lt_snapshot_open(dir, &f, &err), LT_EFORMAT);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_null(f);
}

/* The last good one stays until the next is sound. */
static void a_write_that_fails_leaves_the_old_one(void **state)
{
    work w = full(), back = {{0}};
    lt_snapshot s = list(&w), into = list(&back);
    int64_t bytes = lt_mem_bytes();
    lt_snapshot_file *f;
    lt_status rc;

    (void)state;
    write_ok();
    w.f[0] = 7;
    for (int i = 0;; i++) {
        lt_mem_fail_after(i);
        rc = lt_snapshot_write(&s, "{}", path, NULL);
        lt_mem_fail_after(-1);
        if (rc == LT_OK)
            break;
        assert_true(rc == LT_ENOMEM || rc == LT_EIO); /* no name for it */
        f = open_ok();
        assert_int_equal(lt_snapshot_read(f, &into, NULL), LT_OK);
        assert_true(back.f[0] == 0);
        lt_snapshot_close(f);
    }
    assert_int_equal(lt_snapshot_write(&s, "{}", "/nowhere/at/all", NULL),
                     LT_EIO);
    assert_int_equal(lt_mem_bytes(), bytes);
}

static void to_open_without_memory_is_an_error(void **state)
{
    int64_t bytes = lt_mem_bytes();
    lt_status rc = LT_ENOMEM;

    (void)state;
    write_ok();
    for (int i = 0; rc != LT_OK; i++) {
        lt_snapshot_file *f = NULL;
        lt_err err = {0};

        lt_mem_fail_after(i);
        rc = lt_snapshot_open(path, &f, &err);
        lt_mem_fail_after(-1);
        if (rc != LT_OK) {
            assert_int_equal(rc, LT_ENOMEM);
            assert_null(f);
            assert_true(err.text[0] != '\0');
        }
        lt_snapshot_close(f);
    }
    assert_int_equal(lt_mem_bytes(), bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(other_blocks_are_refused),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(what_is_cut_short_is_seen),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_write_that_fails_leaves_the_old_one),
        cmocka_unit_test(to_open_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
