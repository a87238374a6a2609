/* Figures through gnuplot: nothing that a user named runs, every odd figure
 * is drawn, and a gnuplot that is missing, broken or stuck does no harm. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/plot/figure.h"
#include "plot/figure_int.h"

static char folder[] = "/tmp/latent-gnuplot-XXXXXX";

static bool has_gnuplot(void)
{
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

#define NEEDS_GNUPLOT()                                                        \
    do {                                                                       \
        if (!has_gnuplot()) {                                                  \
            print_message("gnuplot is not installed\n");                       \
            skip();                                                            \
        }                                                                      \
    } while (0)

/* Every test works in a folder of its own. */
static int enter_folder(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static int count_files(void)
{
    DIR *d = opendir(".");
    int n = 0;

    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static char *file_read(const char *path, size_t *size)
{
    char *text = NULL;

    assert_int_equal(lt_path_read(path, 1 << 26, &text, size, NULL), LT_OK);
    return text;
}

static const char *const hostile[] = {
    "`touch PWNED`",
    "\"`touch PWNED`\"",
    "'; system('touch PWNED'); '",
    "\\'; system(\"touch PWNED\"); #",
    "'; system(\"touch PWNED\") #\\",
    "a\nsystem(\"touch PWNED\")\n!touch PWNED\n",
    "a\r!touch PWNED",
    "LATENT_END\nsystem(\"touch PWNED\")",
    "LATENT_END",
    "EOD",
    "@touch_PWNED @x",
    "< touch PWNED",
    "| touch PWNED",
    "$(touch PWNED)",
    "!touch PWNED",
    "'.system(\"touch PWNED\").'",
    "{/Symbol a}_{b}^{c} R&D ~x{.6-} <b>",
    "%s%n%d \\ \\n \\\\",
    "]]> <script>alert(1)</script>",
    "a\\",
    "\\'",
    "'",
    "''",
    "\x01\x02\x1b[2J\xff",
};

/* A figure with `text` everywhere a text may be. */
static lt_figure *figure_full_of(const char *text)
{
    const double x[] = {0, 1}, y[] = {1, 2}, pixels[8] = {0};
    const char *const texts[] = {text, text};
    lt_axis words = {.label = text,
                     .is_categorical = true,
                     .categories = texts,
                     .n_categories = 2};
    lt_axis plain = {.label = text};
    lt_series s = {.label = text, .n = 2, .x = x, .y = y};
    lt_series note = {
        .label = text, .mark = LT_MARK_TEXT, .n = 1, .x = x, .y = y};
    lt_tiles t = {.rows = 2,
                  .cols = 1,
                  .height = 2,
                  .width = 2,
                  .values = pixels,
                  .high = 1,
                  .row_labels = texts,
                  .captions = texts};
    lt_figure *f = NULL;

    assert_int_equal(lt_figure_new(text, &f, NULL), LT_OK);
    lt_figure_add_panel(f, text, &words, &plain, NULL);
    lt_figure_add_series(f, &s, NULL);
    lt_figure_add_series(f, &note, NULL);
    lt_figure_add_panel(f, text, NULL, NULL, NULL);
    lt_figure_add_tiles(f, &t, NULL);
    return f;
}

static void hostile_texts_run_nothing(void **state)
{
    (void)state;
    NEEDS_GNUPLOT();
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        lt_figure *f = figure_full_of(hostile[i]);
        lt_text text = {0};
        lt_err err = {0};

        if (lt_figure_write(f, "a.svg", &err) != LT_OK)
            fail_msg("text %d (%s): %s", (int)i, hostile[i], err.text);
        assert_int_equal(lt_figure_draw_text(f, 70, 20, true, &text, &err),
                         LT_OK);
        assert_int_equal(count_files(), 2); /* a.svg, a.gp */
        lt_text_deinit(&text);
        lt_figure_free(f);
    }
}

/* `text` as it stands in XML, for texts without control characters. */
static void xml_of(const char *text, lt_text *out)
{
    for (; *text; text++) {
        if (*text == '&')
            lt_text_add(out, "&amp;");
        else if (*text == '<')
            lt_text_add(out, "&lt;");
        else
            lt_text_add_n(out, text, 1);
    }
}

static void hostile_texts_are_shown_as_they_are(void **state)
{
    static const char *const shown[] = {
        "`touch PWNED`",   "\\'; system(\"touch PWNED\"); #",
        "@touch_PWNED @x", "{/Symbol a}_{b}^{c} R&D ~x{.6-} <b>",
        "| touch PWNED",   "$(touch PWNED)"};

    (void)state;
    NEEDS_GNUPLOT();
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        lt_figure *f = figure_full_of(shown[i]);
        lt_text wanted = {0};
        size_t size;
        char *svg;
        int n = 0;

        assert_int_equal(lt_figure_write(f, "a.svg", NULL), LT_OK);
        svg = file_read("a.svg", &size);
        xml_of(shown[i], &wanted);
        for (char *at = svg; (at = strstr(at, wanted.data)); at++)
            n++;
        /* title, 2 panel titles, 2 axes, 2 categories, key, note, 2 rows,
         * 2 captions */
        assert_true(n >= 10);
        lt_text_deinit(&wanted);
        lt_mem_free(svg);
        lt_figure_free(f);
    }
}

/* How far down the page, in its heights, the text ends in the SVG. */
static double depth_of(const char *svg, const char *text)
{
    const char *at = strstr(svg, text), *size = strstr(svg, "height=\"");
    double y = NAN, height = NAN;

    assert_non_null(at);
    assert_non_null(size);
    while (strncmp(at, "translate(", 10) != 0)
        assert_ptr_not_equal(at--, svg);
    assert_int_equal(sscanf(at, "translate(%*f,%lf)", &y), 1);
    assert_int_equal(sscanf(size, "height=\"%lf\"", &height), 1);
    return y / height;
}

/* Rows of the key are not of the same height in every terminal. */
static void every_entry_of_a_long_key_is_on_the_page(void **state)
{
    const double x[] = {0, 1}, y[] = {0, 1}, z[] = {1, 0};
    lt_axis xa = {.label = "epoch"}, ya = {.label = "loss"};
    lt_figure *f = NULL;
    char label[80], *svg;
    size_t size;

    (void)state;
    NEEDS_GNUPLOT();
    assert_int_equal(lt_figure_new("long", &f, NULL), LT_OK);
    lt_figure_add_panel(f, NULL, &xa, &ya, NULL);
    for (int i = 0; i < 9; i++) {
        lt_series s = {.label = label, .color = i, .n = 2, .x = x};

        s.y = i % 2 ? z : y;
        snprintf(label, sizeof label, "a setting of several knobs %d", i);
        assert_int_equal(lt_figure_add_series(f, &s, NULL), LT_OK);
    }
    assert_int_equal(lt_figure_write(f, "a.svg", NULL), LT_OK);
    svg = file_read("a.svg", &size);
    assert_true(depth_of(svg, "<text>epoch<") <
                depth_of(svg, "<text>a setting of several knobs 0<"));
    assert_true(depth_of(svg, "<text>a setting of several knobs 8<") < 0.995);
    lt_mem_free(svg);
    lt_figure_free(f);
}

/* Half of a low sheet's scale's lowest number hangs under the sheet. */
static void lowest_number_of_a_scale_is_on_the_page(void **state)
{
    static const double pixels[2 * 16 * 9];
    lt_tiles t = {.rows = 2,
                  .cols = 16,
                  .height = 3,
                  .width = 3,
                  .values = pixels,
                  .low = -0.5,
                  .high = 0.5,
                  .is_diverging = true};
    lt_figure *f = NULL;
    size_t size;
    char *svg;

    (void)state;
    NEEDS_GNUPLOT();
    assert_int_equal(lt_figure_new("low", &f, NULL), LT_OK);
    lt_figure_add_panel(f, NULL, NULL, NULL, NULL);
    lt_figure_add_tiles(f, &t, NULL);
    assert_int_equal(lt_figure_write(f, "a.svg", NULL), LT_OK);
    svg = file_read("a.svg", &size);
    assert_true(depth_of(svg, ">-0.5<") < 0.995);
    lt_mem_free(svg);
    lt_figure_free(f);
}

static void script_alone_draws_the_same_picture(void **state)
{
    lt_figure *f = figure_full_of("R&D's 5 % {x}_y");
    size_t n, m;
    char *a, *b;

    (void)state;
    NEEDS_GNUPLOT();
    assert_int_equal(lt_figure_write(f, "a.svg", NULL), LT_OK);
    assert_int_equal(system("gnuplot a.gp > b.svg 2>/dev/null"), 0);
    a = file_read("a.svg", &n);
    b = file_read("b.svg", &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    assert_null(strstr(a, "href='/"));
    assert_null(strstr(a, "http://gnuplot"));
    lt_mem_free(a);
    lt_mem_free(b);
    lt_figure_free(f);
}

static lt_figure *figure_of(const double *x, const double *y, size_t n,
                            bool is_log)
{
    lt_axis xa = {.label = "epoch"}, ya = {.label = "loss", .is_log = is_log};
    lt_figure *f = NULL;

    assert_int_equal(lt_figure_new("odd", &f, NULL), LT_OK);
    lt_figure_add_panel(f, NULL, &xa, &ya, NULL);
    for (int mark = LT_MARK_LINE; mark <= LT_MARK_BARS; mark++) {
        lt_series s = {.label = "s",
                       .mark = (lt_mark)mark,
                       .color = mark,
                       .n = n,
                       .x = x,
                       .y = y,
                       .low = y,
                       .high = y};

        assert_int_equal(lt_figure_add_series(f, &s, NULL), LT_OK);
    }
    return f;
}

static void odd_data_give_a_picture(void **state)
{
    static const double x[] = {1, 2, 3};
    static const double ys[][3] = {
        {NAN, NAN, NAN},       {0, 0, 0},   {-1, -2, -3},       {5, 5, 5},
        {1e308, 1, -INFINITY}, {0, 1, 100}, {1e-300, 1e299, 1}, {NAN, 7, NAN}};
    static const char *const paths[] = {"a.svg", "a.png", "a.pdf"};

    (void)state;
    NEEDS_GNUPLOT();
    for (size_t i = 0; i < sizeof ys / sizeof *ys; i++)
        for (size_t n = i ? 3 : 0; n <= 3; n += 3)
            for (int is_log = 0; is_log < 2; is_log++) {
                lt_figure *f = figure_of(x, ys[i], n, is_log);
                lt_text text = {0};
                lt_err err = {0};

                if (lt_figure_write(f, paths[i % 3], &err) != LT_OK ||
                    lt_figure_draw_text(f, 60, 15, false, &text, &err) != LT_OK)
                    fail_msg("data %d: %s", (int)i, err.text);
                assert_true(text.size > 200);
                lt_text_deinit(&text);
                lt_figure_free(f);
            }
}

static void figure_without_panels_is_an_error(void **state)
{
    lt_figure *f = NULL;
    lt_err err = {0};
    lt_status rc;

    (void)state;
    NEEDS_GNUPLOT();
    assert_int_equal(lt_figure_new(NULL, &f, NULL), LT_OK);
    rc = lt_figure_write(f, "a.svg", &err);
    assert_int_equal(rc, LT_EINVAL);
    assert_non_null(strstr(err.text, "no panels"));
    lt_figure_free(f);
}

static void file_make(const char *path, const char *text, mode_t mode)
{
    assert_int_equal(lt_path_write(path, text, strlen(text), NULL), LT_OK);
    assert_int_equal(chmod(path, mode), 0);
}

/* Writes a.svg with the given gnuplot; the old picture must stay. */
static lt_status write_with(const char *fake, double timeout, lt_err *err)
{
    static const double x[] = {1, 2, 3};
    lt_figure *f = figure_of(x, x, 3, false);
    lt__gnuplot_opts opts = {.path = folder, .timeout = timeout};
    lt_status rc;
    size_t size;
    char *old;

    file_make("a.svg", "old", 0644);
    if (fake)
        file_make("gnuplot", fake, 0755);
    rc = lt__figure_write(f, "a.svg", &opts, err);
    old = file_read("a.svg", &size);
    assert_string_equal(old, "old");
    assert_true(lt_path_exists("a.gp"));
    assert_int_equal(count_files(), fake ? 3 : 2);
    lt_mem_free(old);
    lt_figure_free(f);
    return rc;
}

static void missing_gnuplot_leaves_the_script(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(write_with(NULL, 5, &err), LT_ENOTFOUND);
    assert_non_null(strstr(err.text, "install"));
}

static void stuck_gnuplot_is_stopped(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(write_with("#!/bin/sh\nsleep 1000\n", 0.2, &err), LT_EIO);
    assert_non_null(strstr(err.text, "longer than 0.2 seconds"));
}

static void failing_gnuplot_is_quoted(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(
        write_with("#!/bin/sh\necho half\necho 'no such thing' >&2\nexit 3\n",
                   20, &err),
        LT_EIO);
    assert_non_null(strstr(err.text, "status 3"));
    assert_non_null(strstr(err.text, "no such thing"));
    assert_non_null(strstr(err.text, "a.svg"));
}

static void silent_gnuplot_is_an_error(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(write_with("#!/bin/sh\nexit 0\n", 20, &err), LT_EIO);
    assert_non_null(strstr(err.text, "wrote no picture"));
}

static void killed_gnuplot_is_an_error(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(write_with("#!/bin/sh\nkill -9 $$\n", 20, &err), LT_EIO);
    assert_non_null(strstr(err.text, "signal 9"));
}

static void what_is_no_picture_is_an_error(void **state)
{
    static const char *const fakes[] = {
        "#!/bin/sh\necho hello\n",
        "#!/bin/sh\nprintf '<?xml version=\"1.0\"?>\\n<svg><g>'\n",
        "#!/bin/sh\necho '</svg>'\n",
        "#!/bin/sh\nprintf '\\211PNG\\r\\n\\032\\nIEND'\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
        lt_err err = {0};

        assert_int_equal(write_with(fakes[i], 20, &err), LT_EIO);
        assert_non_null(strstr(err.text, "figure a.svg: gnuplot wrote "));
        assert_non_null(strstr(err.text, "no whole SVG picture"));
    }
}

static void endless_output_is_stopped(void **state)
{
    lt_err err = {0};

    (void)state;
    assert_int_equal(write_with("#!/bin/sh\nyes\n", 60, &err), LT_EIO);
    assert_non_null(strstr(err.text, "wrote more than 256 MB"));
}

static void child_gets_a_clean_environment(void **state)
{
    static const double x[] = {1, 2};
    lt_figure *f = figure_of(x, x, 2, false);
    lt__gnuplot_opts opts = {.path = folder, .timeout = 20};
    size_t size;
    char *seen;

    (void)state;
    setenv("GNUPLOT_LIB", "/somewhere", 1);
    setenv("LATENT_SECRET", "x", 1);
    file_make("gnuplot",
              "#!/bin/sh\necho \"$*\"\necho '<svg>'\nenv\necho '</svg>'\n",
              0755);
    assert_int_equal(lt__figure_write(f, "a.svg", &opts, NULL), LT_OK);
    seen = file_read("a.svg", &size);
    assert_true(!strncmp(seen, "-d -\n", 5));
    assert_non_null(strstr(seen, "LC_ALL=C"));
    assert_null(strstr(seen, "GNUPLOT_LIB"));
    assert_null(strstr(seen, "LATENT_SECRET"));
    lt_mem_free(seen);
    lt_figure_free(f);
}

static void names_of_files_never_reach_gnuplot(void **state)
{
    static const double x[] = {1, 2};
    static const char *const names[] = {"| touch PWNED.svg",
                                        "';system(\"touch PWNED\").svg",
                                        "`touch PWNED`.svg", "-e.svg"};
    lt_figure *f = figure_of(x, x, 2, false);

    (void)state;
    NEEDS_GNUPLOT();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(lt_figure_write(f, names[i], NULL), LT_OK);
        assert_true(lt_path_exists(names[i]));
        assert_int_equal(count_files(), 2 * ((int)i + 1));
    }
    lt_figure_free(f);
}

static void folder_that_is_not_there_is_named(void **state)
{
    static const double x[] = {1, 2};
    lt_figure *f = figure_of(x, x, 2, false);
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_figure_write(f, "no/where/a.svg", &err), LT_EIO);
    assert_non_null(strstr(err.text, "no/where/a"));
    lt_figure_free(f);
}

static void tiles_are_drawn_in_a_terminal_without_gnuplot(void **state)
{
    const double pixels[] = {0, 1, 1, 0};
    lt_tiles t = {.rows = 1,
                  .cols = 1,
                  .height = 2,
                  .width = 2,
                  .values = pixels,
                  .high = 1};
    lt_figure *f = NULL;
    lt_text text = {0};
    char path[1000] = "";

    (void)state;
    if (getenv("PATH"))
        snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "", 1);
    assert_int_equal(lt_figure_new("t", &f, NULL), LT_OK);
    lt_figure_add_panel(f, NULL, NULL, NULL, NULL);
    lt_figure_add_tiles(f, &t, NULL);
    assert_int_equal(lt_figure_draw_text(f, 40, 20, false, &text, NULL), LT_OK);
    assert_string_equal(lt_text_str(&text), "t\n++\n");
    setenv("PATH", path, 1);
    lt_text_deinit(&text);
    lt_figure_free(f);
}

#define IN_FOLDER(f)                                                           \
    cmocka_unit_test_setup_teardown(f, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(hostile_texts_run_nothing),
        IN_FOLDER(hostile_texts_are_shown_as_they_are),
        IN_FOLDER(every_entry_of_a_long_key_is_on_the_page),
        IN_FOLDER(lowest_number_of_a_scale_is_on_the_page),
        IN_FOLDER(script_alone_draws_the_same_picture),
        IN_FOLDER(odd_data_give_a_picture),
        IN_FOLDER(figure_without_panels_is_an_error),
        IN_FOLDER(missing_gnuplot_leaves_the_script),
        IN_FOLDER(stuck_gnuplot_is_stopped),
        IN_FOLDER(failing_gnuplot_is_quoted),
        IN_FOLDER(silent_gnuplot_is_an_error),
        IN_FOLDER(killed_gnuplot_is_an_error),
        IN_FOLDER(what_is_no_picture_is_an_error),
        IN_FOLDER(endless_output_is_stopped),
        IN_FOLDER(child_gets_a_clean_environment),
        IN_FOLDER(names_of_files_never_reach_gnuplot),
        IN_FOLDER(folder_that_is_not_there_is_named),
        IN_FOLDER(tiles_are_drawn_in_a_terminal_without_gnuplot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
