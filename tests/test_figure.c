/* Figures without gnuplot: what scripts say, which points stay, where ticks
 * and keys go, what runs out of memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/plot/figure.h"
#include "plot/figure_int.h"

static const lt_axis plain_axis = {.label = "epoch"};
static const lt_axis log_axis = {.label = "loss", .is_log = true};

static lt_figure *figure_of(const lt_series *s, const lt_axis *y)
{
    lt_figure *f = NULL;

    assert_int_equal(lt_figure_new("a title", &f, NULL), LT_OK);
    assert_int_equal(lt_figure_add_panel(f, "panel", &plain_axis, y, NULL),
                     LT_OK);
    assert_int_equal(lt_figure_add_series(f, s, NULL), LT_OK);
    return f;
}

/* Lines of the script's first datablock; -1 when there is none. */
static int count_data_lines(const char *script)
{
    const char *at = strstr(script, "$P1S1 << LATENT_END\n");
    int n = -1;

    if (!at)
        return -1;
    for (; strncmp(at, "LATENT_END", 10) != 0; at = strchr(at, '\n') + 1)
        n++;
    return n;
}

static int lines_written(const lt_series *s, const lt_axis *y)
{
    lt_figure *f = figure_of(s, y);
    lt_text script = {0};
    int n;

    assert_int_equal(lt_figure_script(f, LT_FORMAT_SVG, &script, NULL), LT_OK);
    n = count_data_lines(lt_text_str(&script));
    lt_text_deinit(&script);
    lt_figure_free(f);
    return n;
}

static void script_leaves_out_what_cannot_be_drawn(void **state)
{
    const double x[] = {1, 2, 3, 4, 5, 6};
    const double y[] = {1, NAN, INFINITY, -1, 0, 1e308};
    lt_series s = {.label = "run", .n = 6, .x = x, .y = y};

    (void)state;
    assert_int_equal(lines_written(&s, &plain_axis), 3); /* 1, -1, 0 */
    assert_int_equal(lines_written(&s, &log_axis), 1);
}

static void series_without_points_keeps_its_key_entry(void **state)
{
    const double x[] = {1}, y[] = {NAN};
    lt_series s = {.label = "all NaN", .n = 1, .x = x, .y = y};
    lt_figure *f = figure_of(&s, &log_axis);
    lt_text script = {0};

    (void)state;
    assert_int_equal(lt_figure_script(f, LT_FORMAT_PDF, &script, NULL), LT_OK);
    assert_non_null(strstr(script.data, "keyentry"));
    assert_non_null(strstr(script.data, "'all NaN'"));
    assert_non_null(strstr(script.data, "nothing to show"));
    lt_text_deinit(&script);
    lt_figure_free(f);
}

static void long_lines_keep_their_extremes(void **state)
{
    enum { N = 200000 };
    double *x = lt_mem_alloc(N, sizeof *x), *y = lt_mem_alloc(N, sizeof *y);
    lt_series s = {.n = N, .x = x, .y = y};
    lt_figure *f;
    lt_text script = {0};

    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = sin(i * 0.01);
    }
    y[77777] = 12345.5;
    y[123456] = -9876.25;
    f = figure_of(&s, &plain_axis);
    assert_int_equal(lt_figure_script(f, LT_FORMAT_PNG, &script, NULL), LT_OK);
    assert_in_range(count_data_lines(script.data), 500, 2000);
    assert_non_null(strstr(script.data, "\n77777 12345.5 \n"));
    assert_non_null(strstr(script.data, "\n123456 -9876.25 \n"));
    lt_text_deinit(&script);
    lt_figure_free(f);
    lt_mem_free(x);
    lt_mem_free(y);
}

static void decimation_keeps_order_and_is_within_the_envelope(void **state)
{
    enum { N = 5000 };
    double block[4 * N];
    lt__points p = {.n = N,
                    .x = block,
                    .y = block + N,
                    .low = block + 2 * N,
                    .high = block + 3 * N};

    (void)state;
    for (int i = 0; i < N; i++) {
        p.x[i] = pow(10, i * 4.0 / N);
        p.y[i] = cos(i);
    }
    lt__points_decimate(&p, LT_MARK_LINE, true, 100);
    assert_in_range(p.n, 150, 200);
    for (size_t i = 1; i < p.n; i++)
        assert_true(p.x[i] > p.x[i - 1]);
    /* Equal shares of the logarithm: about half the points below 100. */
    {
        size_t below = 0;

        while (p.x[below] < 100)
            below++;
        assert_in_range(below, p.n * 4 / 10, p.n * 6 / 10);
    }
}

static void band_decimation_never_narrows(void **state)
{
    enum { N = 3000 };
    double block[4 * N];
    lt__points p = {.n = N,
                    .x = block,
                    .y = block + N,
                    .low = block + 2 * N,
                    .high = block + 3 * N};
    double low = INFINITY, high = -INFINITY;

    (void)state;
    for (int i = 0; i < N; i++) {
        p.x[i] = i;
        p.low[i] = -1 - (i % 7) - (i == 1500 ? 50 : 0);
        p.high[i] = 1 + (i % 5) + (i == 2000 ? 90 : 0);
    }
    lt__points_decimate(&p, LT_MARK_BAND, false, 50);
    assert_int_equal(p.n, 50);
    for (size_t i = 0; i < p.n; i++) {
        low = fmin(low, p.low[i]);
        high = fmax(high, p.high[i]);
        assert_true(p.low[i] <= -7 && p.high[i] >= 5);
    }
    assert_true(low <= -51 && high >= 91);
    p.n = N;
    for (int i = 0; i < N; i++) {
        p.x[i] = i;
        p.low[i] = i % 9 == 4 ? NAN : 1; /* reaches the bottom */
    }
    lt__points_decimate(&p, LT_MARK_BAND, false, 50);
    for (size_t i = 0; i < p.n; i++)
        assert_true(isnan(p.low[i]));
}

static void quoting_leaves_no_way_out(void **state)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"plain", "'plain'"},
        {"it's", "'it'.\"\\047\".'s'"},
        {"'", "''.\"\\047\".''"},
        {"x\\'; a", "'x\\'.\"\\047\".'; a'"},
        {"a\nb\rc\td", "'a b c d'"},
        {"\x1b[31mred\x7f", "' [31mred '"},
        {"\xc2\x9b", "' '"},
        {"bad \xff\xc3", "'bad \xef\xbf\xbd\xef\xbf\xbd'"},
        {"overlong \xc0\xaf", "'overlong \xef\xbf\xbd\xef\xbf\xbd'"},
        {"\xed\xa0\x80", "'\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd'"},
        {"\xef\xbf\xbf", "'\xef\xbf\xbd'"},
        {"a]]>b", "'a] ]>b'"},
        {"\xe2\x80\xaegnp", "' gnp'"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'"},
        {"", "''"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_text out = {0};

        lt__quote(&out, cases[i].text, 0);
        assert_string_equal(lt_text_str(&out), cases[i].quoted);
        lt_text_deinit(&out);
    }
}

static void long_texts_are_wrapped_and_cut(void **state)
{
    lt_text out = {0};
    char text[1000];

    (void)state;
    assert_int_equal(lt__quote(&out, "one two three", 8), 2);
    assert_string_equal(lt_text_str(&out), "'one two'.\"\\n\".'three'");
    lt_text_clear(&out);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lt__quote(&out, text, 0);
    assert_in_range(out.size, 290, 320);
    lt_text_deinit(&out);
}

static int count_major(const lt__ticks *t)
{
    int n = 0;

    for (int i = 0; i < t->n; i++)
        n += !t->is_minor[i];
    return n;
}

static void every_axis_has_a_few_ticks_inside(void **state)
{
    static const double ranges[][2] = {
        {0, 1},       {1, 50},     {-3, 3},      {0.9999, 1.0001},
        {1e-9, 3e-9}, {0, 123456}, {5e6, 9.5e8}, {2.5, 2.500001}};
    lt__ticks t;

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        lt__ticks_linear(ranges[i][0], ranges[i][1], 6, false, false, &t);
        assert_in_range(t.n, 2, 8);
        for (int k = 0; k < t.n; k++) {
            assert_true(t.at[k] >= ranges[i][0] - 1e-9 * ranges[i][1]);
            assert_true(t.at[k] <= ranges[i][1] * (1 + 1e-9));
            assert_true(t.label[k][0] != '\0');
        }
    }
}

static void neighbouring_ticks_have_different_labels(void **state)
{
    static const double ranges[][2] = {
        {0.50001, 0.50009}, {1000000, 1000100}, {-7.00004, -7.00001}};
    lt__ticks t;

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        for (int plain = 0; plain < 2; plain++) {
            lt__ticks_linear(ranges[i][0], ranges[i][1], 6, false, plain, &t);
            assert_in_range(t.n, 2, 8);
            for (int k = 1; k < t.n; k++)
                assert_string_not_equal(t.label[k], t.label[k - 1]);
        }
}

static void log_axes_have_ticks_at_any_span(void **state)
{
    static const double ranges[][2] = {{1, 1000},   {2, 3},       {0.8, 60},
                                       {1e-8, 1},   {1e-30, 1e9}, {15, 18},
                                       {0.1, 0.99}, {1, 100}};
    lt__ticks t;

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        lt__ticks_log(ranges[i][0], ranges[i][1], 6, false, &t);
        assert_in_range(count_major(&t), 2, 9);
        for (int k = 0; k < t.n; k++)
            assert_true(t.at[k] >= ranges[i][0] * (1 - 1e-9) &&
                        t.at[k] <= ranges[i][1] * (1 + 1e-9));
    }
}

static void tick_labels_read_well(void **state)
{
    lt__ticks t;

    (void)state;
    lt__ticks_linear(0, 1, 5, false, false, &t);
    assert_string_equal(t.label[0], "0.0");
    assert_string_equal(t.label[1], "0.2");
    lt__ticks_linear(1, 3, 8, true, false, &t);
    assert_int_equal(t.n, 3); /* whole epochs only */
    lt__ticks_linear(0, 4e6, 4, false, false, &t);
    assert_string_equal(t.label[2], "2·10^{6}");
    lt__ticks_log(1e-8, 1, 5, false, &t);
    assert_string_equal(t.label[0], "10^{-8}");
    lt__ticks_log(1e-8, 1, 5, true, &t);
    assert_string_equal(t.label[0], "1e-08");
}

/* The key's corner for a line through the given points in a unit square. */
static lt__key_place corner_of(const double *x, const double *y, size_t n)
{
    const lt_axis unit = {.has_range = true, .low = 0, .high = 1};
    lt_series s = {.label = "s", .n = n, .x = x, .y = y};
    lt_figure *f = NULL;
    lt__view v;
    lt__key_place place;

    assert_int_equal(lt_figure_new(NULL, &f, NULL), LT_OK);
    lt_figure_add_panel(f, NULL, &unit, &unit, NULL);
    lt_figure_add_series(f, &s, NULL);
    assert_int_equal(lt__view_make(&f->panels[0], 1000, &v), LT_OK);
    place = lt__view_corner(&f->panels[0], &v, 0.3, 0.3);
    lt__view_free(&v);
    lt_figure_free(f);
    return place;
}

static void key_hides_no_data(void **state)
{
    const double x[] = {0, 1}, down[] = {1, 0}, up[] = {0, 1};
    const double box_x[] = {0, 1, 1, 0, 0}, box_y[] = {0, 0, 1, 1, 0};

    (void)state;
    assert_int_equal(corner_of(x, down, 2), LT__KEY_TOP_RIGHT);
    assert_int_equal(corner_of(x, up, 2), LT__KEY_BOTTOM_RIGHT);
    assert_int_equal(corner_of(box_x, box_y, 5), LT__KEY_OUTSIDE);
}

static void format_is_told_by_the_name(void **state)
{
    lt_format format;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_format_of_path("a/b.svg", &format, &err), LT_OK);
    assert_int_equal(format, LT_FORMAT_SVG);
    assert_int_equal(lt_format_of_path("x.PNG", &format, &err), LT_OK);
    assert_int_equal(format, LT_FORMAT_PNG);
    assert_int_equal(lt_format_of_path("x.pdf", &format, &err), LT_OK);
    assert_int_equal(format, LT_FORMAT_PDF);
    assert_int_equal(lt_format_of_path("a.svg/b", &format, &err), LT_EINVAL);
    assert_int_equal(lt_format_of_path(".svg", &format, &err), LT_EINVAL);
    assert_int_equal(lt_format_of_path("x.jpg", &format, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, ".svg, .png or .pdf"));
}

static lt_status build_and_write(void)
{
    const double x[] = {1, 2, 3}, y[] = {3, 2, 1}, pixels[8] = {0};
    const char *const names[] = {"a", "b"};
    lt_axis words = {.label = "tie",
                     .is_categorical = true,
                     .categories = names,
                     .n_categories = 2};
    lt_series s = {.label = "run", .n = 3, .x = x, .y = y};
    lt_tiles t = {.rows = 1,
                  .cols = 2,
                  .height = 2,
                  .width = 2,
                  .values = pixels,
                  .high = 1,
                  .captions = names};
    lt_text script = {0};
    lt_figure *f = NULL;
    lt_status rc = lt_figure_new("title", &f, NULL);

    if (rc != LT_OK)
        return rc;
    lt_figure_add_panel(f, "one", &words, &plain_axis, NULL);
    lt_figure_add_series(f, &s, NULL);
    lt_figure_add_series(f, &s, NULL);
    lt_figure_add_panel(f, "two", NULL, NULL, NULL);
    lt_figure_add_tiles(f, &t, NULL);
    rc = lt_figure_script(f, LT_FORMAT_SVG, &script, NULL);
    lt_text_deinit(&script);
    lt_figure_free(f);
    return rc;
}

static void figure_survives_every_failing_allocation(void **state)
{
    lt_status rc = LT_ENOMEM;
    int n;

    (void)state;
    for (n = 0; rc != LT_OK && n < 1000; n++) {
        lt_mem_fail_after(n);
        rc = build_and_write();
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
    }
    assert_int_equal(rc, LT_OK);
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_leaves_out_what_cannot_be_drawn),
        cmocka_unit_test(series_without_points_keeps_its_key_entry),
        cmocka_unit_test(long_lines_keep_their_extremes),
        cmocka_unit_test(decimation_keeps_order_and_is_within_the_envelope),
        cmocka_unit_test(band_decimation_never_narrows),
        cmocka_unit_test(quoting_leaves_no_way_out),
        cmocka_unit_test(long_texts_are_wrapped_and_cut),
        cmocka_unit_test(every_axis_has_a_few_ticks_inside),
        cmocka_unit_test(neighbouring_ticks_have_different_labels),
        cmocka_unit_test(log_axes_have_ticks_at_any_span),
        cmocka_unit_test(tick_labels_read_well),
        cmocka_unit_test(key_hides_no_data),
        cmocka_unit_test(format_is_told_by_the_name),
        cmocka_unit_test(figure_survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
