/* The texts of the progress board. */
#include "work/work_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "latent/base/clock.h"

static void durations_read_well(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0, "0.0s"},        {9.94, "9.9s"},    {9.96, "10s"},
        {59.4, "59s"},      {59.6, "1m00s"},   {3599.6, "1h00m"},
        {86399.7, "1d00h"}, {200000, "2d07h"}, {NAN, "?"},
        {-1, "?"},          {INFINITY, "?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_text t = {0};

        lt__format_duration(cases[i].seconds, &t);
        assert_string_equal(lt_text_str(&t), cases[i].text);
        lt_text_deinit(&t);
    }
}

static void rates_keep_three_digits(void **state)
{
    static const struct {
        double rate;
        const char *text;
    } cases[] = {
        {0, ""},
        {NAN, ""},
        {INFINITY, ""},
        {12, "12/s"},
        {61234, "61.2k/s"},
        {123456, "123k/s"},
        {1234567, "1.2M/s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_text t = {0};

        lt__format_rate(cases[i].rate, &t);
        assert_string_equal(lt_text_str(&t), cases[i].text);
        lt_text_deinit(&t);
    }
}

static void bar_is_full_only_at_the_end(void **state)
{
    static const struct {
        double share;
        const char *text;
    } cases[] = {{0, "...."}, {0.5, "##.."}, {1, "####"},
                 {7, "####"}, {-1, "...."},  {NAN, "...."}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_text t = {0};

        lt__format_bar(cases[i].share, 4, false, &t);
        assert_string_equal(lt_text_str(&t), cases[i].text);
        lt_text_deinit(&t);
    }
}

static int columns_of(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void row_never_exceeds_the_width(void **state)
{
    lt__row r = {.busy = true,
                 .now = {.epoch = 123,
                         .epochs = 1000,
                         .done = 0.123,
                         .loss = 123.456789,
                         .examples_per_second = 54321}};

    (void)state;
    memset(r.title, 'x', sizeof r.title - 1);
    memset(r.now.phase, 'p', sizeof r.now.phase - 1);
    r.phase_started = lt_clock_elapsed() - 1000;
    for (int width = 10; width < 220; width++) {
        for (int utf8 = 0; utf8 < 2; utf8++) {
            lt_text t = {0};

            lt__format_row(&r, width, utf8, &t);
            assert_in_range(columns_of(lt_text_str(&t)), 1, width);
            lt_text_deinit(&t);
        }
    }
}

static void row_tells_run_phase_epoch_loss_and_rate(void **state)
{
    lt__row r = {.busy = true,
                 .title = "12 tie=tied",
                 .now = {.phase = "fit",
                         .epoch = 3,
                         .epochs = 5,
                         .done = 0.6,
                         .loss = 45.25,
                         .examples_per_second = 61234}};
    lt_text t = {0};

    (void)state;
    r.phase_started = lt_clock_elapsed() - 6;
    lt__format_row(&r, 100, false, &t);
    assert_non_null(strstr(t.data, "12 tie=tied "));
    assert_non_null(strstr(t.data, " fit "));
    assert_non_null(strstr(t.data, " 3/5 "));
    assert_non_null(strstr(t.data, "loss 45.25"));
    assert_non_null(strstr(t.data, "61.2k/s"));
    assert_non_null(strstr(t.data, " 4.0s"));
    lt_text_deinit(&t);
}

static void cut_keeps_whole_characters(void **state)
{
    lt_text t = {0};

    (void)state;
    lt_text_add(&t, "a\u00e9\u6f22b");
    lt__format_cut(&t, 3);
    assert_string_equal(lt_text_str(&t), "a\u00e9\u6f22");
    lt_text_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_read_well),
        cmocka_unit_test(rates_keep_three_digits),
        cmocka_unit_test(bar_is_full_only_at_the_end),
        cmocka_unit_test(row_never_exceeds_the_width),
        cmocka_unit_test(row_tells_run_phase_epoch_loss_and_rate),
        cmocka_unit_test(cut_keeps_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
