/* SHA-256 against the published vectors of FIPS 180-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latent/base/digest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define A1M   "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void bytes_give_published_values(void **state)
{
    char hex[LT_DIGEST_HEX];

    (void)state;
    lt_digest_bytes("", 0, hex);
    assert_string_equal(hex, EMPTY);
    lt_digest_bytes("abc", 3, hex);
    assert_string_equal(hex, ABC);
}

static void pieces_give_the_same_and_end_resets(void **state)
{
    char hex[LT_DIGEST_HEX];
    lt_digest *d = NULL;
    lt_err e = {0};

    (void)state;
    assert_int_equal(lt_digest_new(&d, &e), LT_OK);
    for (int i = 0; i < 100000; i++)
        lt_digest_add(d, "aaaaaaaaaa", 10);
    lt_digest_end(d, hex);
    assert_string_equal(hex, A1M);
    lt_digest_add(d, "a", 1);
    lt_digest_add(d, "bc", 2);
    lt_digest_end(d, hex);
    assert_string_equal(hex, ABC);
    lt_digest_free(d);
}

static void file_gives_the_digest_of_its_bytes(void **state)
{
    char path[] = "/tmp/latent-digest-XXXXXX", hex[LT_DIGEST_HEX];
    int fd = mkstemp(path);
    lt_err e = {0};
    FILE *f;

    (void)state;
    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    for (int i = 0; i < 1000000; i++)
        fputc('a', f);
    fclose(f);
    assert_int_equal(lt_digest_file(path, hex, &e), LT_OK);
    assert_string_equal(hex, A1M);
    unlink(path);
    assert_int_equal(lt_digest_file(path, hex, &e), LT_EIO);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(lt_digest_file("/tmp", hex, &e), LT_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_give_published_values),
        cmocka_unit_test(pieces_give_the_same_and_end_resets),
        cmocka_unit_test(file_gives_the_digest_of_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
