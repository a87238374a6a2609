/* CSV files, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <math.h>
#include <zlib.h>
#include <cmocka.h>

#include "files_fixture.h"
#include "latent/base/host.h"
#include "latent/data/csv.h"

#define MISSING (-7) /* stands for NaN in tables of values */

static lt_dataset *load(const char *text, lt_csv_opts opts)
{
    const char *path = files_write_text("a.csv", text);
    lt_dataset *d = NULL;
    lt_err err = {0};

    if (lt_csv_load(path, &opts, &d, &err) != LT_OK)
        fail_msg("%s\n%s", err.text, text);
    return d;
}

static void refused(const char *text, lt_csv_opts opts, lt_status wanted,
                    const char *words)
{
    const char *path = files_write_text("a.csv", text);
    lt_dataset *d = NULL;
    lt_err err = {0};

    if (lt_csv_load(path, &opts, &d, &err) != wanted)
        fail_msg("\"%s\" gave \"%s\"", text, err.text);
    assert_null(d);
    err_check(&err, words);
}

static void values_check(const lt_dataset *d, int n, int columns,
                         const float *values)
{
    const float *found = lt_dataset_values(d);

    assert_int_equal(lt_dataset_type(d), LT_ELEM_F32);
    assert_int_equal(lt_dataset_rows(d), n);
    assert_true(lt_shape_equal(lt_dataset_shape(d), lt_shape_flat(columns)));
    for (int i = 0; i < n * columns; i++)
        if (values[i] == MISSING ? !isnan(found[i]) : found[i] != values[i])
            fail_msg("value %d is %g, wanted %g", i, (double)found[i],
                     (double)values[i]);
}

static const lt_csv_opts plain = {0};

/* ---- what is read ---- */

/* All are {1, 2.5, -3; 4, 5, 6000}. */
static void csv_reads_many_spellings(void **state)
{
    static const float values[] = {1, 2.5f, -3, 4, 5, 6000};
    static const char *const texts[] = {
        "1,2.5,-3\n4,5,6000\n",
        "1,2.5,-3\n4,5,6000",
        "1,2.5,-3\r\n4,5,6000\r\n",
        "1;2.5;-3\n4;5;6000\n",
        "1\t2.5\t-3\n4\t5\t6000\n",
        "a,b,c\n1,2.5,-3\n4,5,6000\n",
        "\xef\xbb\xbf"
        "1,2.5,-3\n4,5,6000\n",
        "\xef\xbb\xbf"
        "a,b,c\r\n1,2.5,-3\r\n4,5,6000\r\n",
        " 1 , 2.5 ,\t-3 \n 4,5,6e3\n",
        "\"1\",\"2.5\",\"-3\"\n\"4\" , \"5\",6000\n",
        "\"a, b\",\"c \"\"d\"\"\",\"\"\n1,+2.5,-3\n4,5.0,.6E+4\n",
        "\n\n1,2.5,-3\n\n  \n4,5,6000\n\n",
        "a\tb;c,d\te\n1\t2.5\t-3\n4\t5\t6000\n",
        "1,25e-1,-3.\n004,5,6000.000000000000000000000000\n",
        "1,2.5,-3.0000000000000000000000000000000001\n4,5,60000e-1\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        lt_dataset *d = load(texts[i], plain);

        values_check(d, 2, 3, values);
        assert_null(lt_dataset_labels(d));
        lt_dataset_free(d);
    }
}

static void csv_reads_gzip(void **state)
{
    static const float values[] = {1, 2, 3, 4};
    const char *path = files_path("a.csv.gz");
    gzFile f = gzopen(path, "wb");
    lt_dataset *d = NULL;

    (void)state;
    assert_int_equal(gzputs(f, "x,y\n1,2\n3,4\n"), 12);
    gzclose(f);
    assert_int_equal(lt_csv_load(path, &plain, &d, NULL), LT_OK);
    values_check(d, 2, 2, values);
    lt_dataset_free(d);
}

static void csv_header_may_be_given(void **state)
{
    static const float values[] = {0, 1, 2, 3};
    lt_dataset *d = load("0,1\n2,3\n", (lt_csv_opts){0});

    (void)state;
    values_check(d, 2, 2, values);
    lt_dataset_free(d);
    d = load("0,1\n2,3\n", (lt_csv_opts){.header = LT_CSV_HEADER});
    values_check(d, 1, 2, values + 2);
    lt_dataset_free(d);
    refused("a,b\n2,3\n", (lt_csv_opts){.header = LT_CSV_NO_HEADER}, LT_EFORMAT,
            "a.csv:1:1: found 'a', wanted a number");
    /* gaps and words among the labels make no header */
    d = load(",NaN\n2,3\n", (lt_csv_opts){.missing = true});
    assert_int_equal(lt_dataset_rows(d), 2);
    lt_dataset_free(d);
    d = load("cat,1\ndog,3\n", (lt_csv_opts){.label_column = 1});
    assert_int_equal(lt_dataset_rows(d), 2);
    lt_dataset_free(d);
    d = load("kind,x\ndog,3\n", (lt_csv_opts){.label_column = 1});
    assert_int_equal(lt_dataset_rows(d), 1);
    lt_dataset_free(d);
}

static void csv_separator_may_be_given(void **state)
{
    static const float values[] = {1, 2};
    lt_dataset *d = load("a;b,c\n1,2\n", (lt_csv_opts){.separator = ','});

    (void)state;
    values_check(d, 1, 2, values);
    lt_dataset_free(d);
    refused("1,2\n", (lt_csv_opts){.separator = ' '}, LT_EINVAL,
            "separator ' ', wanted ',', ';' or a tab");
    refused("1,5;2\n1,5;2\n", plain, LT_EFORMAT, "a.csv:2:1: found '1,5'");
}

static void csv_gaps_are_missing_when_allowed(void **state)
{
    static const float values[] = {MISSING, 2,       MISSING, 4,
                                   MISSING, MISSING, MISSING, MISSING};
    const char *text = ",2\nNaN,4\nNA,nan\n\"\" ,na\n";
    lt_dataset *d = load(text, (lt_csv_opts){.missing = true});

    (void)state;
    values_check(d, 4, 2, values);
    lt_dataset_free(d);
    d = load("1\t2\n\t\n3\t\n",
             (lt_csv_opts){.missing = true, .separator = '\t'});
    assert_int_equal(lt_dataset_rows(d), 3);
    lt_dataset_free(d);
    refused("1,2\n3,\n", plain, LT_EFORMAT,
            "a.csv:2:2: found an empty cell, wanted a number (missing = true");
    refused("1,2\nNaN,4\n", plain, LT_EFORMAT, "a.csv:2:1: found 'NaN'");
    refused("1,2\ninf,4\n", (lt_csv_opts){.missing = true}, LT_EFORMAT,
            "a.csv:2:1: found 'inf', wanted a number");
}

static void csv_takes_labels_from_a_column(void **state)
{
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        const char *text;
        lt_csv_opts opts;
    } cases[] = {
        {"1,2,7\n3,4,0\n5,6,255\n", {.label_column = 3}},
        {"1,2,7\n3,4,0\n5,6,255\n", {.label_column = -1}},
        {"7,1,2\n0,3,4\n255,5,6\n", {.label_column = 1}},
        {"7,1,2\n0,3,4\n255,5,6\n", {.label_column = -3}},
        {"a,y,b\n1,7,2\n3,0,4\n5,255.0,6\n", {.label = "y"}},
        {"3, y ,b\n1,7,2\n3,0,4\n5,255,6\n", {.label = "y"}},
        {"0,1,2\n1,7,2\n3,0,4\n5,255,6\n", {.label = "1"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lt_dataset *d = load(cases[i].text, cases[i].opts);

        values_check(d, 3, 2, values);
        assert_memory_equal(lt_dataset_labels(d), "\7\0\377", 3);
        lt_dataset_free(d);
    }
}

/* In the order of their bytes, whatever the order of appearance. */
static void csv_labels_may_be_words(void **state)
{
    static const float values[] = {1, 2, 3, 4, 5};
    lt_dataset *d = load("x,kind\n1,setosa\n2,\"virginica\"\n3,Iris\n4,setosa\n"
                         "5,10\n",
                         (lt_csv_opts){.label = "kind"});

    (void)state;
    values_check(d, 5, 1, values);
    assert_memory_equal(lt_dataset_labels(d), "\2\3\1\2\0", 5);
    lt_dataset_free(d);
}

/* A test set has the numbers of its training set, whatever words it lacks. */
static void csv_numbers_words_as_another_file_does(void **state)
{
    lt_classes classes = {0};
    lt_csv_opts opts = {.label_column = 2, .classes = &classes};
    lt_dataset *d = load("1,dog\n2,ape\n3,cat\n", opts);

    (void)state;
    assert_memory_equal(lt_dataset_labels(d), "\2\0\1", 3);
    lt_dataset_free(d);
    assert_int_equal(classes.n, 3);
    assert_string_equal(classes.names[0], "ape");
    assert_string_equal(classes.names[2], "dog");
    d = load("1,dog\n2,cat\n", opts);
    assert_memory_equal(lt_dataset_labels(d), "\2\1", 2);
    lt_dataset_free(d);
    refused("1,dog\n2,bird\n", opts, LT_EFORMAT,
            "a.csv:2:2: found 'bird', wanted one of the labels ape, cat, dog");
    refused("1,7\n", opts, LT_EFORMAT, "a.csv:1:2: found '7', wanted one of");
    assert_int_equal(classes.n, 3);
    lt_classes_deinit(&classes);
    d = load("1,7\n", opts); /* numbers need no names */
    assert_memory_equal(lt_dataset_labels(d), "\7", 1);
    assert_int_equal(classes.n, 0);
    lt_dataset_free(d);
}

static void csv_refuses_bad_labels(void **state)
{
    lt_csv_opts first = {.label_column = 1};
    char text[4096] = "";

    (void)state;
    refused("256,1\n", first, LT_EFORMAT,
            "a.csv:1:1: found '256', wanted a label, a whole number from 0");
    refused("1,1\n1.5,1\n", first, LT_EFORMAT, "a.csv:2:1: found '1.5'");
    refused("1,1\n-1,1\n", first, LT_EFORMAT, "a.csv:2:1: found '-1'");
    refused("1,1\ncat,1\n", first, LT_EFORMAT, "a.csv:2:1: found 'cat'");
    refused("1,1\n,1\n", first, LT_EFORMAT,
            "a.csv:2:1: found an empty cell, wanted a label");
    refused("1\n2\n", first, LT_EFORMAT, "found no column but the labels'");
    refused("1,2\n", (lt_csv_opts){.label_column = 3}, LT_EINVAL,
            "a.csv:1: found 2 columns, wanted labels in column 3");
    refused("1,2\n", (lt_csv_opts){.label_column = -3}, LT_EINVAL,
            "found 2 columns, wanted labels in column -3");
    refused("a,b\n1,2\n", (lt_csv_opts){.label = "c"}, LT_EINVAL,
            "a.csv:1: found no column 'c' in the header");
    refused("a,a\n1,2\n", (lt_csv_opts){.label = "a"}, LT_EINVAL,
            "a.csv:1: found two columns 'a'");
    refused("a,b\n1,2\n", (lt_csv_opts){.label = "a", .label_column = 1},
            LT_EINVAL, "wanted a header and no column by number");
    for (int i = 0; i < 257; i++)
        snprintf(text + strlen(text), 12, "w%d,1\n", i);
    refused(text, first, LT_EFORMAT,
            "a.csv:257:1: found 'w256', wanted a label, of which there may");
}

static void csv_gives_examples_a_shape(void **state)
{
    lt_csv_opts opts = {.label_column = 1, .shape = lt_shape_image(1, 2, 3)};
    lt_dataset *d = load("7,1,2,3,4,5,6\n", opts);

    (void)state;
    assert_true(lt_shape_equal(lt_dataset_shape(d), opts.shape));
    assert_true(((const float *)lt_dataset_values(d))[5] == 6);
    lt_dataset_free(d);
    refused("7,1,2,3,4,5\n", opts, LT_EINVAL,
            "a.csv:1: found 5 columns of values, wanted 6, as the shape has");
}

static void csv_reads_no_more_than_the_limit(void **state)
{
    static const float values[] = {1, 2};
    lt_dataset *d = load("x\n1\n2\nnonsense\n", (lt_csv_opts){.limit = 2});

    (void)state;
    values_check(d, 2, 1, values);
    lt_dataset_free(d);
}

/* ---- what is refused ---- */

static void csv_names_line_and_cell(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "a.csv: found no line of numbers"},
        {"\n \n", "a.csv: found no line of numbers"},
        {"a,b\n", "a.csv: found no line of numbers below the header"},
        {"1,2\n3\n", "a.csv:2: found 1 columns, wanted 2, as line 1 has"},
        {"\nx,y\n1,2\n3,4,5\n",
         "a.csv:4: found over 2 columns, wanted 2, as line 2 has"},
        {"1,2\n3,x\n", "a.csv:2:2: found 'x', wanted a number"},
        {"1,2\n3,4x\n", "a.csv:2:2: found '4x', wanted a number"},
        {"1,2\n3,0x10\n", "a.csv:2:2: found '0x10', wanted a number"},
        {"1,2\n3,1e999\n", "a.csv:2:2: found '1e999', wanted a number"},
        {"1,2\n3,-1e39\n", "found '-1e39', wanted a number that a float"},
        {"1,2\n3,4 5\n", "a.csv:2:2: found '4 5'"},
        {"1,2\n3,1 000\n", "a.csv:2:2: found '1 000'"},
        {"1;2\n3;4,5\n", "a.csv:2:2: found '4,5', wanted a number"},
        {"1,2\n3,\"4\n", "a.csv:2:2: found a quote that is not closed"},
        {"1,2\n3,\"4\" 5\n", "a.csv:2:2: found text behind a closing quote"},
        {"\"a,1\n3,4\n", "a.csv:1:1: found a quote that is not closed"},
        {"1,2\n3,--4\n", "a.csv:2:2: found '--4'"},
        {"1,2\n3,\x01\n", "a.csv:2:2: found '?'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(cases[i].text, plain, LT_EFORMAT, cases[i].words);
}

static void csv_refuses_what_is_no_text(void **state)
{
    lt_dataset *d = NULL;
    lt_err err = {0};

    (void)state;
    files_write("b.csv", "1,2\n3,\0\n", 8);
    assert_int_equal(lt_csv_load(files_path("b.csv"), &plain, &d, &err),
                     LT_EFORMAT);
    err_check(&err, "b.csv:2: found a zero byte");
    assert_int_equal(lt_csv_load("/nowhere.csv", &plain, &d, &err), LT_EIO);
    err_check(&err, "/nowhere.csv: cannot open");
    assert_null(d);
}

/* Sixty-four kilobytes of gzip that are one line of 60 million commas. */
static void csv_wide_line_of_little_gzip_costs_little(void **state)
{
    const char *path = files_path("w.csv.gz");
    gzFile f = gzopen(path, "wb9");
    static char commas[1 << 20];
    lt_csv_opts opts = {.missing = true};
    lt_dataset *d = NULL;
    lt_err err = {0};
    int64_t before;

    (void)state;
    memset(commas, ',', sizeof commas);
    for (int i = 0; i < 80; i++)
        assert_int_equal(gzwrite(f, commas, sizeof commas), sizeof commas);
    gzclose(f);
    before = lt_host_peak_bytes();
    assert_int_equal(lt_csv_load(path, &opts, &d, &err), LT_EFORMAT);
    err_check(&err, "w.csv.gz:1: found a line of over 67108864 bytes");
    assert_true(lt_host_peak_bytes() - before < 400 << 20);
}

/* strtod obeys the locale; a number of 20 digits is left to it. */
static void csv_numbers_know_no_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
                                        "fr_FR.UTF-8", "fr_FR.utf8"};
    const char *found = NULL;
    const float *values;
    lt_dataset *d;

    (void)state;
    for (int i = 0; i < 5 && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    if (!found || localeconv()->decimal_point[0] != ',') {
        print_message("no locale with a decimal comma: skipped\n");
        skip();
    }
    d = load("1.5,0.12345678901234567890,2.5e1\n", plain);
    values = lt_dataset_values(d);
    setlocale(LC_NUMERIC, "C");
    assert_true(values[0] == 1.5f);
    assert_true(values[1] == 0.12345678901234567890f);
    assert_true(values[2] == 25);
    lt_dataset_free(d);
}

static void csv_reads_many_lines(void **state)
{
    enum { N = 40000 };
    char *text = lt_mem_alloc(N, 32), *to = text;
    lt_dataset *d;
    const float *values;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < N; i++)
        to += sprintf(to, "%d,%d,%d.25\n", i % 256, i, -i);
    d = load(text, (lt_csv_opts){.label_column = 1});
    values = lt_dataset_values(d);
    assert_int_equal(lt_dataset_rows(d), N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(lt_dataset_labels(d)[i], i % 256);
        assert_true(values[2 * i] == (float)i);
        assert_true(values[2 * i + 1] == (i ? -(float)i - 0.25f : 0.25f));
    }
    lt_dataset_free(d);
    lt_mem_free(text);
}

static void csv_survives_every_failed_allocation(void **state)
{
    const char *path = files_write_text("a.csv", "x,y\n1,cat\n2,dog\n");
    lt_classes classes = {0};
    lt_csv_opts opts = {.label = "y", .classes = &classes};
    lt_status rc = LT_ENOMEM;
    lt_dataset *d = NULL;
    lt_err err = {0};
    int n = 0;

    (void)state;
    for (; rc != LT_OK && n < 50; n++) {
        lt_mem_fail_after(n);
        rc = lt_csv_load(path, &opts, &d, &err);
        lt_mem_fail_after(-1);
        if (rc != LT_OK && rc != LT_ENOMEM)
            fail_msg("allocation %d: %s", n, err.text);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 7);
    assert_memory_equal(lt_dataset_labels(d), "\0\1", 2);
    lt_dataset_free(d);
    assert_int_equal(classes.n, 2);
    lt_classes_deinit(&classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_reads_many_spellings),
        cmocka_unit_test(csv_reads_gzip),
        cmocka_unit_test(csv_header_may_be_given),
        cmocka_unit_test(csv_separator_may_be_given),
        cmocka_unit_test(csv_gaps_are_missing_when_allowed),
        cmocka_unit_test(csv_takes_labels_from_a_column),
        cmocka_unit_test(csv_labels_may_be_words),
        cmocka_unit_test(csv_numbers_words_as_another_file_does),
        cmocka_unit_test(csv_refuses_bad_labels),
        cmocka_unit_test(csv_gives_examples_a_shape),
        cmocka_unit_test(csv_reads_no_more_than_the_limit),
        cmocka_unit_test(csv_names_line_and_cell),
        cmocka_unit_test(csv_refuses_what_is_no_text),
        cmocka_unit_test(csv_wide_line_of_little_gzip_costs_little),
        cmocka_unit_test(csv_numbers_know_no_locale),
        cmocka_unit_test(csv_reads_many_lines),
        cmocka_unit_test(csv_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, files_make, files_drop);
}
