/* LIBSVM's sparse text, good and hostile, and sets held out from one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/text.h"
#include "latent/data/holdout.h"
#include "latent/data/libsvm.h"

static char paths[2][32] = {"/tmp/latent-libsvm-XXXXXX",
                            "/tmp/latent-libsvm-XXXXXX"};
static const lt_libsvm_opts plain = {1, 0, false};

static int files_make(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = mkstemp(paths[i]);

        if (fd < 0)
            return -1;
        close(fd);
    }
    return 0;
}

static int files_drop(void **state)
{
    (void)state;
    return unlink(paths[0]) || unlink(paths[1]);
}

static void file_write(int which, const char *text)
{
    assert_int_equal(lt_path_write(paths[which], text, strlen(text), NULL),
                     LT_OK);
}

static lt_dataset *good(const char *text, lt_libsvm_opts opts)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    file_write(0, text);
    if (lt_libsvm_load(paths[0], &opts, &d, &err) != LT_OK)
        fail_msg("%s", err.text);
    return d;
}

/* "label|index=value index=value;" of every example, indices from 0. */
static void content_check(const lt_dataset *d, const char *wanted)
{
    const lt_sparse *s = lt_dataset_sparse(d);
    const uint8_t *labels = lt_dataset_labels(d);
    lt_text text = {0};

    assert_non_null(s);
    for (int i = 0; i < s->rows; i++) {
        if (labels)
            lt_text_addf(&text, "%d", labels[i]);
        lt_text_add(&text, "|");
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            lt_text_addf(&text, "%s%d=%g", e > s->start[i] ? " " : "",
                         s->index[e], (double)s->value[e]);
        lt_text_add(&text, ";");
    }
    assert_string_equal(lt_text_str(&text), wanted);
    lt_text_deinit(&text);
}

static void content_of(const char *text, lt_libsvm_opts opts, int width,
                       const char *wanted)
{
    lt_dataset *d = good(text, opts);

    content_check(d, wanted);
    assert_int_equal(lt_dataset_shape(d).dim[0], width);
    lt_dataset_free(d);
}

static void libsvm_reads_labels_and_entries(void **state)
{
    (void)state;
    content_of("+1 1:0.5 3:-2e1\n-1 2:1\n", plain, 3, "1|0=0.5 2=-20;0|1=1;");
    content_of("# a set\n\n3 1:1 # note 7:7\r\n \t2\t4:2  5:0 \r\n2.5 2:1",
               plain, 5, "2|0=1;0|3=2 4=0;1|1=1;");
    content_of("7\n7 2:1\n", plain, 2, "0|;0|1=1;"); /* nothing in the first */
    content_of("1:1 2:2\n3:3\n", plain, 3, "|0=1 1=2;|2=3;");
    content_of("0 0:1 4:2\n", (lt_libsvm_opts){0, 0, false}, 5, "0|0=1 4=2;");
    content_of("0 1:1\n", (lt_libsvm_opts){1, 9, false}, 9, "0|0=1;");
    content_of("3\n3\n", (lt_libsvm_opts){1, 5, false}, 5, "0|;0|;");
    content_of("0 2147483647:1\n", plain, 2147483647, "0|2147483646=1;");
}

/* Nothing in any row: still a set that can be hashed and copied. */
static void libsvm_rows_may_all_be_empty(void **state)
{
    lt_dataset *d = good("3\n4\n", (lt_libsvm_opts){1, 5, false});
    lt_dataset *some = NULL;
    const int32_t second = 1;
    char hex[LT_DIGEST_HEX];

    (void)state;
    lt_dataset_fingerprint(d, hex);
    assert_int_equal(lt_dataset_select(d, &second, 1, &some, NULL), LT_OK);
    assert_int_equal(lt_dataset_labels(some)[0], 1);
    lt_dataset_free(some);
    lt_dataset_free(d);
}

static void libsvm_reads_gzip(void **state)
{
    gzFile f = gzopen(paths[0], "wb9");
    lt_dataset *d = NULL;

    (void)state;
    for (int i = 1; i <= 5000; i++)
        gzprintf(f, "%d %d:%d %d:1\n", i % 3, i, i + 7, i + 1);
    gzclose(f);
    assert_int_equal(lt_libsvm_load(paths[0], &plain, &d, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(d), 5000);
    assert_int_equal(lt_dataset_shape(d).dim[0], 5001);
    for (int i = 1; i <= 5000; i++) {
        const lt_sparse *s = lt_dataset_sparse(d);
        int64_t e = s->start[i - 1];

        assert_int_equal(lt_dataset_labels(d)[i - 1], i % 3);
        assert_int_equal(s->start[i], e + 2);
        assert_int_equal(s->index[e], i - 1);
        assert_true(s->value[e] == (float)(i + 7) && s->value[e + 1] == 1);
    }
    lt_dataset_free(d);
}

/* Numbers in ascending order; 256 different ones are the most. */
static void libsvm_numbers_labels_or_keeps_none(void **state)
{
    (void)state;
    content_of("1e3 1:1\n-2 1:1\n0.5 1:1\n-0 1:1\n0 1:1\n", plain, 1,
               "3|0=1;0|0=1;2|0=1;1|0=1;1|0=1;");
    for (int n = 256; n <= 257; n++) {
        lt_text text = {0};
        lt_dataset *d;

        for (int i = 0; i < 2 * n; i++)
            lt_text_addf(&text, "%g 1:1\n", (i * 31 % n) * 0.25);
        d = good(lt_text_str(&text), plain);
        assert_int_equal(lt_dataset_labels(d) != NULL, n == 256);
        for (int i = 0; n == 256 && i < 2 * n; i++)
            assert_int_equal(lt_dataset_labels(d)[i], i * 31 % n);
        lt_dataset_free(d);
        lt_text_deinit(&text);
    }
}

static lt_data_pair pair_of(const char *train, const char *test)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    file_write(0, train);
    file_write(1, test);
    if (lt_libsvm_load_pair(paths[0], paths[1], &plain, &pair, &err) != LT_OK)
        fail_msg("%s", err.text);
    return pair;
}

static void pair_free(lt_data_pair pair)
{
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

static void libsvm_pairs_share_width_and_labels(void **state)
{
    lt_data_pair pair = pair_of("5 1:1\n3 2:1\n", "4 7:1\n3 1:1\n");

    (void)state;
    content_check(pair.train, "2|0=1;0|1=1;");
    content_check(pair.test, "1|6=1;0|0=1;");
    assert_int_equal(lt_dataset_shape(pair.train).dim[0], 7);
    assert_int_equal(lt_dataset_shape(pair.test).dim[0], 7);
    pair_free(pair);
    pair = pair_of("5 1:1\n", "1:1 2:3\n"); /* labels in one file only */
    content_check(pair.train, "|0=1;");
    content_check(pair.test, "|0=1 1=3;");
    pair_free(pair);
}

static void libsvm_names_file_line_and_what_was_wanted(void **state)
{
    static const struct {
        const char *text;
        lt_libsvm_opts opts;
        const char *message;
    } cases[] = {
        {"", {1, 0, false}, ": found no examples"},
        {"\n# only this\n", {1, 0, false}, ": found no examples"},
        {"1\n2\n", {1, 0, false}, ": found no index:value"},
        {"1 1:1\n1 0:1\n",
         {1, 0, false},
         ":2: found index 0, wanted at least 1 (or the option first = 0)"},
        {"1 -1:1\n", {0, 0, false}, ":1: found index -1, wanted at least 0"},
        {"1 3:1 3:1\n",
         {1, 0, false},
         ":1: found index 3 after 3, wanted indices in ascending order"},
        {"1 3:1 2:1\n", {1, 0, false}, ":1: found index 2 after 3"},
        {"1 6:1\n", {1, 5, false}, ":1: found index 6, wanted at most 5"},
        {"1 5:1\n", {0, 5, false}, ":1: found index 5, wanted at most 4"},
        {"1 2147483648:1\n",
         {1, 0, false},
         ":1: found index 2147483648, wanted at most 2147483647"},
        {"1 2147483647:1\n",
         {0, 0, false},
         ":1: found index 2147483647, wanted at most 2147483646"},
        {"1 x:1\n", {1, 0, false}, ":1: found 'x:1', wanted index:value"},
        {"1 1:\n", {1, 0, false}, ":1: found '1:', wanted index:value"},
        {"1 1\n", {1, 0, false}, ":1: found '1', wanted index:value"},
        {"1 1:2:3\n", {1, 0, false}, ":1: found '1:2:3', wanted index:value"},
        {"1 1: 2\n", {1, 0, false}, ":1: found '1: 2', wanted index:value"},
        {"1 1:nan\n", {1, 0, false}, ":1: found '1:nan', wanted index:value"},
        {"1 1:1e40\n", {1, 0, false}, ":1: found '1:1e40', wanted index"},
        {"1 qid:3 1:1\n", {1, 0, false}, ":1: found 'qid:3 1:1', wanted ind"},
        {"1,2 1:1\n", {1, 0, false}, ":1: found '1,2 1:1', wanted a label"},
        {"yes 1:1\n", {1, 0, false}, ":1: found 'yes 1:1', wanted a label"},
        {"1 1:1\n2:1\n",
         {1, 0, false},
         ":2: found '2:1', wanted a label as in the lines before"},
        {"1:1\n1 2:1\n",
         {1, 0, false},
         ":2: found '1 2:1', wanted no label as in the lines before"},
        {"1 1:-1\n", {1, 0, true}, ":1: found '1:-1', wanted a count"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_dataset *d = NULL;
        lt_err err = {0};

        file_write(0, cases[i].text);
        assert_int_equal(lt_libsvm_load(paths[0], &cases[i].opts, &d, &err),
                         LT_EFORMAT);
        if (strncmp(err.text, paths[0], strlen(paths[0])) != 0 ||
            !strstr(err.text, cases[i].message))
            fail_msg("found %s, wanted %s", err.text, cases[i].message);
    }
}

static void libsvm_tells_which_file_of_a_pair_is_bad(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    (void)state;
    file_write(0, "1 1:1\n");
    file_write(1, "1 1:1\n1 1:y\n");
    assert_int_equal(
        lt_libsvm_load_pair(paths[0], paths[1], &plain, &pair, &err),
        LT_EFORMAT);
    assert_int_equal(strncmp(err.text, paths[1], strlen(paths[1])), 0);
    assert_non_null(strstr(err.text, ":2: found '1:y'"));
    assert_null(pair.train);
}

static void libsvm_survives_every_failed_allocation(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = LT_ENOMEM;
    lt_text text = {0};
    int n;

    (void)state;
    for (int i = 0; i < 3000; i++)
        lt_text_addf(&text, "%d 1:2 %d:1\n", i % 5, i + 2);
    file_write(0, lt_text_str(&text));
    file_write(1, lt_text_str(&text));
    lt_text_deinit(&text);
    for (n = 0; rc == LT_ENOMEM && n < 100; n++) {
        lt_mem_fail_after(n);
        rc = lt_libsvm_load_pair(paths[0], paths[1], &plain, &pair, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 20);
    assert_int_equal(lt_dataset_rows(pair.test), 3000);
    pair_free(pair);
}

/* ---- held out ---- */

/* Example i has i at index 1 and label i % 3. */
static lt_dataset *numbered(int n)
{
    lt_text text = {0};
    lt_dataset *d;

    for (int i = 0; i < n; i++)
        lt_text_addf(&text, "%d 1:%d\n", i % 3, i);
    d = good(lt_text_str(&text), plain);
    lt_text_deinit(&text);
    return d;
}

static void holdout_loses_and_doubles_none(void **state)
{
    lt_dataset *d = numbered(101);
    lt_data_pair a = {NULL, NULL}, b = {NULL, NULL}, c = {NULL, NULL};
    const lt_dataset *parts[2];
    char hex[3][LT_DIGEST_HEX];
    int seen[101] = {0};

    (void)state;
    assert_int_equal(lt_holdout_split(d, 0.25, 4, &a, NULL), LT_OK);
    assert_int_equal(lt_holdout_split(d, 0.25, 4, &b, NULL), LT_OK);
    assert_int_equal(lt_holdout_split(d, 0.25, 5, &c, NULL), LT_OK);
    assert_int_equal(lt_dataset_rows(a.test), 25);
    assert_int_equal(lt_dataset_rows(a.train), 76);
    parts[0] = a.train;
    parts[1] = a.test;
    for (int k = 0; k < 2; k++) {
        const lt_sparse *s = lt_dataset_sparse(parts[k]);

        for (int i = 0; i < s->rows; i++) {
            int number = (int)s->value[s->start[i]];

            assert_int_equal(lt_dataset_labels(parts[k])[i], number % 3);
            assert_true(i == 0 || s->value[s->start[i - 1]] < (float)number);
            seen[number]++;
        }
    }
    for (int i = 0; i < 101; i++)
        assert_int_equal(seen[i], 1);
    lt_dataset_fingerprint(a.test, hex[0]);
    lt_dataset_fingerprint(b.test, hex[1]);
    lt_dataset_fingerprint(c.test, hex[2]);
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    pair_free(a);
    pair_free(b);
    pair_free(c);
    lt_dataset_free(d);
}

static void holdout_refuses_empty_sets_and_survives(void **state)
{
    lt_dataset *d = numbered(4);
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};
    lt_status rc = LT_ENOMEM;

    (void)state;
    assert_int_equal(lt_holdout_split(d, 0, 1, &pair, &err), LT_EINVAL);
    assert_int_equal(lt_holdout_split(d, 1, 1, &pair, &err), LT_EINVAL);
    assert_int_equal(lt_holdout_split(d, 0.1, 1, &pair, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "0 of 4 examples"));
    assert_int_equal(lt_holdout_split(d, 0.9, 1, &pair, &err), LT_EINVAL);
    for (int n = 0; rc == LT_ENOMEM && n < 30; n++) {
        lt_mem_fail_after(n);
        rc = lt_holdout_split(d, 0.5, 1, &pair, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    pair_free(pair);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libsvm_reads_labels_and_entries),
        cmocka_unit_test(libsvm_rows_may_all_be_empty),
        cmocka_unit_test(libsvm_reads_gzip),
        cmocka_unit_test(libsvm_numbers_labels_or_keeps_none),
        cmocka_unit_test(libsvm_pairs_share_width_and_labels),
        cmocka_unit_test(libsvm_names_file_line_and_what_was_wanted),
        cmocka_unit_test(libsvm_tells_which_file_of_a_pair_is_bad),
        cmocka_unit_test(libsvm_survives_every_failed_allocation),
        cmocka_unit_test(holdout_loses_and_doubles_none),
        cmocka_unit_test(holdout_refuses_empty_sets_and_survives),
    };

    return cmocka_run_group_tests(tests, files_make, files_drop);
}
