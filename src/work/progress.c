/* The progress board on stderr.
 *
 * On a terminal: lines that stay (a run's end, output of scripts) scroll up;
 * below them one line a worker and one for the sweep are redrawn in place,
 * each frame in a single write. Lines are cut to the terminal's width: a
 * wrapped line could not be redrawn. Elsewhere: a plain line when a run
 * starts or ends, and one about all of them every ten seconds. */
#include "work/work_int.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/visible.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DIM   "\033[2m"
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define RESET "\033[0m"

/* Whatever the width of its letters, a line of the board does not wrap. */
#define WRAP_OFF "\033[?7l"
#define WRAP_ON  "\033[?7h"

static const double LIVE_SECONDS = 0.2;
static const double PLAIN_SECONDS = 10;

struct lt__board {
    lt__board_opts opts;
    lt__row *rows;
    char name[128];
    lt_text frame, line;
    int drawn; /* live lines on the terminal now */
    bool is_stale;
    int ended, bad;
    double began, last, run_seconds; /* run_seconds: sum over ended runs */
};

static bool is_utf8_locale(void)
{
    const char *name = getenv("LC_ALL");

    if (!name || !*name)
        name = getenv("LC_CTYPE");
    if (!name || !*name)
        name = getenv("LANG");
    return name && (strcasestr(name, "utf-8") || strcasestr(name, "utf8"));
}

void lt__board_detect(lt__board_opts *opts)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");

    opts->live = isatty(opts->fd) && term && strcmp(term, "dumb") != 0;
    opts->color = opts->live && (!no_color || !*no_color);
    opts->utf8 = is_utf8_locale();
}

/* One line, cut between two characters. */
static void copy_visible(char *out, size_t size, const char *text)
{
    lt_text safe = {0};

    lt_visible_add(&safe, text);
    for (size_t i = 0; i < safe.size; i++)
        if (safe.data[i] == '\n' || safe.data[i] == '\t')
            safe.data[i] = ' ';
    if (safe.size >= size) {
        safe.size = size - 1;
        while (safe.size > 0 && (safe.data[safe.size] & 0xC0) == 0x80)
            safe.size--;
    }
    snprintf(out, size, "%.*s", (int)safe.size, lt_text_str(&safe));
    lt_text_deinit(&safe);
}

lt_status lt__board_new(const lt__board_opts *opts, lt__board **out,
                        lt_err *err)
{
    lt__board *b = lt_mem_zero(1, sizeof *b);

    if (b)
        b->rows = lt_mem_zero((size_t)opts->jobs, sizeof *b->rows);
    if (!b || !b->rows) {
        lt_mem_free(b);
        return lt_err_mark(err, LT_ENOMEM);
    }
    b->opts = *opts;
    copy_visible(b->name, sizeof b->name, opts->name ? opts->name : "");
    b->began = b->last = lt_clock_elapsed();
    *out = b;
    return LT_OK;
}

void lt__board_free(lt__board *b)
{
    if (!b)
        return;
    lt__board_clear(b);
    lt_text_deinit(&b->frame);
    lt_text_deinit(&b->line);
    lt_mem_free(b->rows);
    lt_mem_free(b);
}

static int board_width(const lt__board *b)
{
    struct winsize size;

    if (b->opts.width > 0)
        return b->opts.width;
    if (ioctl(b->opts.fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col > 200 ? 199 : size.ws_col - 1;
    return 79;
}

static void board_write(lt__board *b)
{
    const char *p = lt_text_str(&b->frame);
    size_t left = b->frame.size;

    while (left > 0) {
        ssize_t n = write(b->opts.fd, p, left);

        if (n < 0 && errno != EINTR)
            break;
        p += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    lt_text_clear(&b->frame);
}

/* To the first of the live lines, and nothing below. */
static void frame_rewind(lt__board *b)
{
    if (b->drawn == 0)
        return;
    lt_text_add(&b->frame, "\r");
    if (b->drawn > 1)
        lt_text_addf(&b->frame, "\033[%dA", b->drawn - 1);
    lt_text_add(&b->frame, "\033[J");
    b->drawn = 0;
}

void lt__board_clear(lt__board *b)
{
    frame_rewind(b);
    board_write(b);
}

static void frame_add(lt__board *b, const char *color, const char *text)
{
    bool with_color = b->opts.color && color[0];

    if (with_color)
        lt_text_add(&b->frame, color);
    lt_text_add(&b->frame, text);
    if (with_color)
        lt_text_add(&b->frame, RESET);
}

/* A line that stays; control characters in it cannot harm the terminal. */
static void board_say(lt__board *b, const char *color, const char *text)
{
    lt_text safe = {0};

    for (size_t n; *text; text += n) {
        n = strcspn(text, "\n\t");
        lt_visible_add_n(&safe, text, n);
        if (n == 0) {
            lt_text_add(&safe, *text == '\n' ? "\n    " : "  ");
            n = 1;
        }
    }
    frame_rewind(b);
    frame_add(b, color, lt_text_str(&safe));
    lt_text_add(&b->frame, "\n");
    board_write(b);
    lt_text_deinit(&safe);
    b->is_stale = true;
}

void lt__board_note(lt__board *b, const char *text)
{
    board_say(b, "", text);
}

void lt__board_start(lt__board *b, int slot, const char *title)
{
    lt__row *r = &b->rows[slot];

    *r = (lt__row){.busy = true};
    copy_visible(r->title, sizeof r->title, title);
    r->started = r->phase_started = lt_clock_elapsed();
    b->is_stale = true;
    if (b->opts.live)
        return;
    lt_text_clear(&b->line);
    lt_text_addf(&b->line, "run %s started", r->title);
    board_say(b, "", lt_text_str(&b->line));
}

void lt__board_progress(lt__board *b, int slot, const lt__msg *m)
{
    lt__row *r = &b->rows[slot];

    if (strcmp(r->now.phase, m->phase) != 0)
        r->phase_started = lt_clock_elapsed();
    r->now = *m;
}

/* The traceback is in the store; here one line says where it happened. */
static size_t without_traceback(const char *text)
{
    const char *trace = strstr(text, "\nstack traceback:");

    return trace ? (size_t)(trace - text) : strlen(text);
}

void lt__board_end(lt__board *b, int slot, lt_run_status s, const char *text)
{
    lt__row *r = &b->rows[slot];
    double seconds = lt_clock_elapsed() - r->started;
    bool is_good = s == LT_RUN_FINISHED;

    b->ended++;
    b->bad += !is_good && s != LT_RUN_INTERRUPTED;
    b->run_seconds += seconds;
    lt_text_clear(&b->line);
    lt_text_addf(&b->line, "run %s %s after ", r->title, lt_run_status_name(s));
    lt__format_duration(seconds, &b->line);
    if (!is_good && text[0])
        lt_text_addf(&b->line, ": %.*s", (int)without_traceback(text), text);
    r->busy = false;
    if (!is_good || !b->opts.live)
        board_say(b, is_good ? "" : RED, lt_text_str(&b->line));
    b->is_stale = true;
}

/* Expected from the mean time of a run, less what running ones have spent. */
static double seconds_left(const lt__board *b, double now)
{
    double mean, sum;
    int todo = b->opts.total - b->ended;

    if (b->ended == 0 || todo <= 0)
        return -1;
    mean = b->run_seconds / b->ended;
    sum = mean * todo;
    for (int i = 0; i < b->opts.jobs; i++) {
        double spent = b->rows[i].busy ? now - b->rows[i].started : 0;

        sum -= spent < mean ? spent : mean;
    }
    return sum / (todo < b->opts.jobs ? todo : b->opts.jobs);
}

static void add_sweep(lt__board *b, double now, int width)
{
    lt_text *t = &b->line;
    double left = seconds_left(b, now);

    lt_text_clear(t);
    if (b->name[0])
        lt_text_addf(t, "%s: ", b->name);
    lt_text_addf(t, "%d/%d runs done", b->ended, b->opts.total);
    if (b->bad > 0)
        lt_text_addf(t, ", %d failed", b->bad);
    lt_text_add(t, ", ");
    lt__format_duration(now - b->began, t);
    if (left >= 0) {
        lt_text_add(t, ", about ");
        lt__format_duration(left, t);
        lt_text_add(t, " left");
    }
    lt__format_cut(t, width);
}

static void draw_live(lt__board *b, double now)
{
    int width = board_width(b), lines = 0;

    frame_rewind(b);
    lt_text_add(&b->frame, WRAP_OFF);
    for (int i = 0; i < b->opts.jobs; i++) {
        if (!b->rows[i].busy)
            continue;
        lt_text_clear(&b->line);
        lt__format_row(&b->rows[i], width, b->opts.utf8, &b->line);
        frame_add(b, "", lt_text_str(&b->line));
        lt_text_add(&b->frame, "\n");
        lines++;
    }
    add_sweep(b, now, width);
    frame_add(b,
              b->bad > 0 ? RED
              : b->ended ? GREEN
                         : DIM,
              lt_text_str(&b->line));
    lt_text_add(&b->frame, WRAP_ON);
    b->drawn = lines + 1;
    board_write(b);
}

static void draw_plain(lt__board *b, double now)
{
    add_sweep(b, now, 10000);
    for (int i = 0; i < b->opts.jobs; i++) {
        const lt__row *r = &b->rows[i];

        if (!r->busy || !r->now.phase[0])
            continue;
        lt_text_addf(&b->line, "; run %s %s ", r->title, r->now.phase);
        if (r->now.epochs > 0)
            lt_text_addf(&b->line, "%d/%d loss %.4g ", r->now.epoch,
                         r->now.epochs, r->now.loss);
        lt__format_rate(r->now.examples_per_second, &b->line);
    }
    board_say(b, "", lt_text_str(&b->line));
}

void lt__board_draw(lt__board *b)
{
    double now = lt_clock_elapsed();
    double wanted = b->opts.live ? LIVE_SECONDS : PLAIN_SECONDS;

    if (now - b->last < wanted && !(b->opts.live && b->is_stale))
        return;
    b->last = now;
    b->is_stale = false;
    if (b->opts.live)
        draw_live(b, now);
    else
        draw_plain(b, now);
}
