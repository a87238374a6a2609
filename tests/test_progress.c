/* The board, drawn into a pipe. */
#include "work/work_int.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct drawn {
    int fds[2];
    lt__board *board;
    char text[65536];
} drawn;

static void drawn_begin(drawn *d, bool live, bool color)
{
    lt__board_opts opts = {.jobs = 2,
                           .total = 4,
                           .name = "golden",
                           .width = 90,
                           .live = live,
                           .color = color};

    memset(d, 0, sizeof *d);
    assert_int_equal(pipe(d->fds), 0);
    fcntl(d->fds[0], F_SETFL, O_NONBLOCK);
    opts.fd = d->fds[1];
    assert_int_equal(lt__board_new(&opts, &d->board, NULL), LT_OK);
}

static const char *drawn_text(drawn *d)
{
    ssize_t n = read(d->fds[0], d->text, sizeof d->text - 1);

    d->text[n > 0 ? n : 0] = '\0';
    return d->text;
}

static void drawn_end(drawn *d)
{
    lt__board_free(d->board);
    close(d->fds[0]);
    close(d->fds[1]);
}

static int count(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

static void live_board_redraws_in_place(void **state)
{
    drawn d;

    (void)state;
    drawn_begin(&d, true, false);
    lt__board_start(d.board, 0, "1 tie=tied");
    lt__board_start(d.board, 1, "2 tie=untied");
    lt__board_draw(d.board);
    assert_int_equal(count(drawn_text(&d), "\n"), 2);
    assert_non_null(strstr(d.text, "1 tie=tied"));
    assert_non_null(strstr(d.text, "golden: 0/4 runs done"));
    lt__board_end(d.board, 0, LT_RUN_FINISHED, "");
    lt__board_draw(d.board);
    assert_non_null(strstr(drawn_text(&d), "\r\033[2A\033[J"));
    assert_null(strstr(d.text, "tie=tied")); /* a success leaves no line */
    assert_non_null(strstr(d.text, "1/4 runs done"));
    drawn_end(&d);
}

static void failure_is_told_once_and_stays(void **state)
{
    drawn d;

    (void)state;
    drawn_begin(&d, true, false);
    lt__board_start(d.board, 0, "1");
    lt__board_end(d.board, 0, LT_RUN_FAILED,
                  "tied.lua:12: no such layer\nstack traceback:\n\t[C]: ?");
    lt__board_draw(d.board);
    drawn_text(&d);
    assert_int_equal(count(d.text, "tied.lua:12: no such layer\n"), 1);
    assert_null(strstr(d.text, "traceback"));
    assert_non_null(strstr(d.text, "1 failed"));
    drawn_end(&d);
}

static void plain_board_has_no_escapes(void **state)
{
    drawn d;

    (void)state;
    drawn_begin(&d, false, false);
    lt__board_start(d.board, 0, "1 tie=tied");
    lt__board_draw(d.board);
    lt__board_end(d.board, 0, LT_RUN_FINISHED, "");
    lt__board_free(d.board);
    d.board = NULL;
    drawn_text(&d);
    assert_null(strchr(d.text, '\033'));
    assert_null(strchr(d.text, '\r'));
    assert_non_null(strstr(d.text, "run 1 tie=tied started\n"));
    assert_non_null(strstr(d.text, "run 1 tie=tied finished after "));
    drawn_end(&d);
}

static void note_cannot_steer_the_terminal(void **state)
{
    drawn d;

    (void)state;
    drawn_begin(&d, true, false);
    lt__board_note(d.board, "a\033]0;title\007b");
    assert_string_equal(drawn_text(&d), "a\\x1b]0;title\\x07b\n");
    drawn_end(&d);
}

static void rows_cannot_steer_the_terminal_nor_wrap(void **state)
{
    const char *off, *on;
    drawn d;

    (void)state;
    drawn_begin(&d, true, false);
    lt__board_start(d.board, 0, "1 tie=\033[31m");
    lt__board_draw(d.board);
    assert_non_null(strstr(drawn_text(&d), "1 tie=\\x1b[31m"));
    off = strstr(d.text, "\033[?7l");
    on = strstr(d.text, "\033[?7h");
    assert_true(off && on && off < strstr(d.text, "1 tie") &&
                strstr(d.text, "0/4 runs") < on);
    assert_string_equal(on, "\033[?7h");
    drawn_end(&d);
}

static void color_only_when_asked(void **state)
{
    drawn d;

    (void)state;
    drawn_begin(&d, true, true);
    lt__board_start(d.board, 0, "1");
    lt__board_end(d.board, 0, LT_RUN_FAILED, "x");
    assert_non_null(strstr(drawn_text(&d), "\033[31m"));
    drawn_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_board_redraws_in_place),
        cmocka_unit_test(failure_is_told_once_and_stays),
        cmocka_unit_test(plain_board_has_no_escapes),
        cmocka_unit_test(note_cannot_steer_the_terminal),
        cmocka_unit_test(rows_cannot_steer_the_terminal_nor_wrap),
        cmocka_unit_test(color_only_when_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
