/* Files of ratings, good and hostile, plain and compressed. */
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

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/rng.h"
#include "latent/base/text.h"
#include "latent/data/ratings.h"

static char path[] = "/tmp/latent-ratings-XXXXXX";

static int file_make(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int file_drop(void **state)
{
    (void)state;
    return unlink(path);
}

static lt_status load(const char *text, lt_ratings **out, lt_err *err)
{
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
    return lt_ratings_load(path, LT_RATINGS_AUTO, out, err);
}

static lt_ratings *good(const char *text)
{
    lt_ratings *r = NULL;
    lt_err err = {0};

    if (load(text, &r, &err) != LT_OK)
        fail_msg("%s", err.text);
    return r;
}

/* "user:item=value@time" of every entry, users and items by their ids. */
static void entries_check(const lt_ratings *r, const char *wanted)
{
    const lt_sparse *s = lt_ratings_table(r);
    const int64_t *times = lt_ratings_times(r);
    lt_text text = {0};

    for (int u = 0; u < s->rows; u++)
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++) {
            lt_text_addf(&text, "%s%lld:%lld=%g", text.size ? " " : "",
                         (long long)lt_ratings_user_ids(r)[u],
                         (long long)lt_ratings_item_ids(r)[s->index[e]],
                         (double)s->value[e]);
            if (times)
                lt_text_addf(&text, "@%lld", (long long)times[e]);
        }
    assert_string_equal(lt_text_str(&text), wanted);
    lt_text_deinit(&text);
}

#define MOVIELENS "1:10=3@881250949 1:30=4.5@881250950 2:10=1@5 7:20=5@0"

static void ratings_reads_movielens_three_ways(void **state)
{
    static const char *const files[] = {
        "7\t20\t5\t0\n1\t30\t4.5\t881250950\n2\t10\t1\t5\n"
        "1\t10\t3\t881250949\n",
        "userId,movieId,rating,timestamp\n7,20,5.0,0\n1,30,4.5,881250950\n"
        "1,10,3.0,881250949\n2,10,1.0,5\n",
        "1::10::3::881250949\n1::30::4.5::881250950\n2::10::1::5\n"
        "7::20::5::0\n",
        "\xef\xbb\xbfuserId,movieId,rating,timestamp\r\n7,20,5.0,0\r\n"
        "1,30,4.5,881250950\r\n1,10,3.0,881250949\r\n\r\n2,10,1.0,5",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "7\t20\t5\t0\n1\t30\t4.5\t881250950.0\n2\t10\t1\t5\n"
        "1\t10\t3\t8.81250949e8\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        lt_ratings *r = good(files[i]);

        entries_check(r, MOVIELENS);
        assert_int_equal(lt_ratings_table(r)->rows, 3);
        assert_int_equal(lt_ratings_table(r)->cols, 3);
        lt_ratings_free(r);
    }
}

static void ratings_may_have_no_times(void **state)
{
    lt_ratings *r = good("5,1,2\n4,1,0\n");

    (void)state;
    assert_null(lt_ratings_times(r));
    entries_check(r, "4:1=0 5:1=2");
    lt_ratings_free(r);
}

static void ratings_takes_any_id_of_64_bits(void **state)
{
    lt_ratings *r = good("-9223372036854775808\t9223372036854775807\t-2.5\t-8\n"
                         "9223372036854775807\t-1\t1e-3\t9007199254740993\n"
                         "0\t-1\t3\t1\n-1\t0\t4\t1\n");

    (void)state;
    entries_check(r, "-9223372036854775808:9223372036854775807=-2.5@-8 "
                     "-1:0=4@1 0:-1=3@1 "
                     "9223372036854775807:-1=0.001@9007199254740993");
    lt_ratings_free(r);
}

static void the_later_of_two_ratings_wins(void **state)
{
    lt_ratings *r = good("1,5,1,100\n1,4,2,10\n1,5,2,300\n1,5,3,200\n"
                         "2,5,1,7\n2,5,2,7\n");
    lt_ratings *untimed = good("1,5,1\n2,5,4\n1,5,2\n1,5,3\n");

    (void)state;
    entries_check(r, "1:4=2@10 1:5=2@300 2:5=2@7");
    entries_check(untimed, "1:5=3 2:5=4");
    lt_ratings_free(r);
    lt_ratings_free(untimed);
}

static void ratings_name_file_line_and_what_was_wanted(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", ": found no ratings"},
        {"userId,movieId,rating,timestamp\n", ": found no ratings"},
        {"1 2 3 4\n", ":1: found '1 2 3 4' without a tab, comma or '::'"},
        {"1;2;3;4\n", ":1: found '1;2;3;4' without a tab"},
        {"1\t2\t3\t4\n1,2,3,4\n", ":2: found 1 field between tabs, wanted 4"},
        {"1,2,3,4\n1,2,3\n", ":2: found 3 fields between commas, wanted 4 as"},
        {"1,2,3\n1,2,3,4\n", ":2: found 4 fields between commas, wanted 3 as"},
        {"1::2\n", ":1: found 2 fields between '::', wanted 4: user, item"},
        {"1,2,3,4,5\n", ":1: found 5 fields between commas, wanted 4"},
        {"1,2,3,4\n1,x,3,4\n", ":2: found 'x', wanted an item's id"},
        {"1,2,3,4\n\n1.5,2,3,4\n", ":3: found '1.5', wanted a user's id"},
        {"1,2,3,4\n99999999999999999999,2,3,4\n",
         ":2: found '99999999999999999999', wanted a user's id, a whole "
         "number of 64 bits"},
        {"1,2,3,4\n1,2,,4\n", ":2: found '', wanted a rating"},
        {"1,2,nan,4\n", ":1: found 'nan', wanted a rating"},
        {"1,2,1e39,4\n", ":1: found '1e39', wanted a rating"},
        {"1,2,3,monday\n", ":1: found 'monday', wanted a time"},
        {"1,2,3,1e99\n", ":1: found '1e99', wanted a time"},
        {"movieId,userId,rating,timestamp\n1,2,3,4\n",
         ":1: found 'movieId,userId,rating...', wanted numbers, or a header "
         "with user, movie (or item), rating, time in this order"},
        {"alice\tmatrix\t5\t1\n", ":1: found 'alice?matrix?5?1', wanted num"},
        {"1,2,3,4\nuserId,movieId,rating,timestamp\n", ":2: found 'userId'"},
        {" 1,2,3,4\n", ":1: found ' 1,2,3,4', wanted numbers"},
        {"1, 2,3,4\n", ":1: found ' 2', wanted an item's id"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_ratings *r = NULL;
        lt_err err = {0};

        assert_int_equal(load(cases[i].text, &r, &err), LT_EFORMAT);
        assert_int_equal(err.status, LT_EFORMAT);
        if (strncmp(err.text, path, strlen(path)) != 0 ||
            !strstr(err.text, cases[i].message))
            fail_msg("found %s, wanted %s", err.text, cases[i].message);
    }
}

static void a_format_that_is_given_is_not_guessed(void **state)
{
    lt_ratings *r = NULL;
    lt_err err = {0};
    const char *text = "1,2,3,4\n";

    (void)state;
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
    assert_int_equal(lt_ratings_load(path, LT_RATINGS_DAT, &r, &err),
                     LT_EFORMAT);
    assert_non_null(strstr(err.text, "found 1 field between '::'"));
    assert_int_equal(lt_ratings_load(path, LT_RATINGS_CSV, &r, NULL), LT_OK);
    lt_ratings_free(r);
}

static void a_missing_file_is_an_io_error(void **state)
{
    lt_ratings *r = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(
        lt_ratings_load("/no/such/u.data", LT_RATINGS_AUTO, &r, &err), LT_EIO);
    assert_non_null(strstr(err.text, "/no/such/u.data: cannot open"));
}

/* 3,000 ratings in a random order, 60 users by 100 items, each once. */
static void shuffled_write(gzFile f)
{
    int32_t order[3000];
    lt_rng rng;

    lt_rng_init(&rng, 1, "test");
    for (int i = 0; i < 3000; i++)
        order[i] = i;
    lt_rng_shuffle(&rng, order, 3000);
    for (int i = 0; i < 3000; i++)
        gzprintf(f, "%d::%d::%d::%d\n", order[i] / 50 - 7,
                 order[i] % 50 * 2 + order[i] / 50 % 2, order[i] % 5 + 1, i);
    gzclose(f);
}

static void shuffled_check(const lt_ratings *r)
{
    const lt_sparse *s = lt_ratings_table(r);

    assert_int_equal(s->rows, 60);
    assert_int_equal(s->cols, 100);
    assert_int_equal(s->start[60], 3000);
    for (int u = 0; u < 60; u++) {
        assert_int_equal(lt_ratings_user_ids(r)[u], u - 7);
        assert_int_equal(s->start[u], 50 * u);
        for (int k = 0; k < 50; k++) {
            assert_int_equal(s->index[50 * u + k], 2 * k + u % 2);
            assert_true(s->value[50 * u + k] == (float)((50 * u + k) % 5 + 1));
        }
    }
}

static void ratings_reads_gzip_in_any_order(void **state)
{
    lt_ratings *r = NULL;
    lt_err err = {0};
    char *bytes = NULL;
    size_t size = 0;

    (void)state;
    shuffled_write(gzopen(path, "wb6"));
    assert_int_equal(lt_ratings_load(path, LT_RATINGS_AUTO, &r, NULL), LT_OK);
    shuffled_check(r);
    lt_ratings_free(r);
    r = NULL;
    assert_int_equal(lt_path_read(path, 1 << 20, &bytes, &size, NULL), LT_OK);
    assert_int_equal(lt_path_write(path, bytes, size - 20, NULL), LT_OK);
    lt_mem_free(bytes);
    assert_int_equal(lt_ratings_load(path, LT_RATINGS_AUTO, &r, &err),
                     LT_EFORMAT);
    assert_non_null(strstr(err.text, "cut off"));
    assert_null(r);
}

static void ratings_survive_every_failed_allocation(void **state)
{
    lt_ratings *r = NULL;
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    shuffled_write(gzopen(path, "wT"));
    for (n = 0; rc == LT_ENOMEM && n < 100; n++) {
        lt_mem_fail_after(n);
        rc = lt_ratings_load(path, LT_RATINGS_AUTO, &r, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 10);
    shuffled_check(r);
    lt_ratings_free(r);
}

/* Printed, not judged. */
static void a_million_lines_take_their_time(void **state)
{
    lt_text text = {0};
    lt_rng rng;
    double start;

    (void)state;
    lt_rng_init(&rng, 1, "test");
    for (int i = 0; i < 1000000; i++)
        lt_text_addf(&text, "%d,%d,%.1f,%d\n", i / 100,
                     (int)lt_rng_below(&rng, 20000) * 7, (i % 10 + 1) * 0.5,
                     1000000000 + i);
    start = lt_clock_elapsed();
    lt_ratings_free(good(lt_text_str(&text)));
    print_message("1,000,000 lines: %.2f s\n", lt_clock_elapsed() - start);
    lt_text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratings_reads_movielens_three_ways),
        cmocka_unit_test(ratings_may_have_no_times),
        cmocka_unit_test(ratings_takes_any_id_of_64_bits),
        cmocka_unit_test(the_later_of_two_ratings_wins),
        cmocka_unit_test(ratings_name_file_line_and_what_was_wanted),
        cmocka_unit_test(a_format_that_is_given_is_not_guessed),
        cmocka_unit_test(a_missing_file_is_an_io_error),
        cmocka_unit_test(ratings_reads_gzip_in_any_order),
        cmocka_unit_test(ratings_survive_every_failed_allocation),
        cmocka_unit_test(a_million_lines_take_their_time),
    };

    return cmocka_run_group_tests(tests, file_make, file_drop);
}
