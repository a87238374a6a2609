/* Numbers and lines of the progress board as text. Pure functions of their
 * arguments (and the clock); one column a code point. */
#include "work/work_int.h"

#include "latent/base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void lt__format_duration(double seconds, lt_text *out)
{
    long long s;

    if (!(seconds >= 0) || seconds > 1e9) {
        lt_text_add(out, "?");
        return;
    }
    s = (long long)(seconds + 0.5);
    if (seconds < 9.95)
        lt_text_addf(out, "%.1fs", seconds);
    else if (s < 60)
        lt_text_addf(out, "%llds", s);
    else if (s < 3600)
        lt_text_addf(out, "%lldm%02llds", s / 60, s % 60);
    else if (s < 86400)
        lt_text_addf(out, "%lldh%02lldm", s / 3600, s % 3600 / 60);
    else
        lt_text_addf(out, "%lldd%02lldh", s / 86400, s % 86400 / 3600);
}

void lt__format_rate(double per_second, lt_text *out)
{
    if (!(per_second > 0) || per_second > 1e12)
        return;
    if (per_second < 1000)
        lt_text_addf(out, "%.0f/s", per_second);
    else if (per_second < 99950)
        lt_text_addf(out, "%.1fk/s", per_second / 1e3);
    else if (per_second < 999500)
        lt_text_addf(out, "%.0fk/s", per_second / 1e3);
    else
        lt_text_addf(out, "%.1fM/s", per_second / 1e6);
}

void lt__format_bar(double share, int width, bool utf8, lt_text *out)
{
    int filled;

    if (!(share > 0))
        share = 0;
    filled = (int)((share > 1 ? 1 : share) * width + 0.5);
    for (int i = 0; i < width; i++)
        lt_text_add(out, i < filled ? (utf8 ? "━" : "#") : (utf8 ? "╌" : "."));
}

static int columns(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

void lt__format_cut(lt_text *t, int width)
{
    int n = 0;

    for (size_t i = 0; i < t->size; i++) {
        if (((unsigned char)t->data[i] & 0xC0) == 0x80)
            continue;
        if (n++ >= width) {
            t->data[i] = '\0';
            t->size = i;
            return;
        }
    }
}

/* What stands to the right of the title: fixed columns, so that the lines
 * of several workers stand under each other. */
static void add_state(const lt__row *r, bool utf8, int bar, lt_text *out)
{
    const lt__msg *m = &r->now;
    double spent = lt_clock_elapsed() - r->phase_started;
    lt_text cell = {0};

    lt_text_addf(out, "%-12.12s ", m->phase[0] ? m->phase : "starting");
    if (m->epochs > 0)
        lt_text_addf(&cell, "%d/%d", m->epoch, m->epochs);
    lt_text_addf(out, "%7s ", lt_text_str(&cell));
    lt__format_bar(m->done, bar, utf8, out);
    lt_text_clear(&cell);
    if (m->phase[0] && isfinite(m->loss))
        lt_text_addf(&cell, "loss %.4g", m->loss);
    lt_text_addf(out, "  %-14s", lt_text_str(&cell));
    lt_text_clear(&cell);
    lt__format_rate(m->examples_per_second, &cell);
    lt_text_addf(out, "%8s ", lt_text_str(&cell));
    lt_text_clear(&cell);
    if (m->done > 0.01 && spent > 0.5)
        lt__format_duration(spent * (1 - m->done) / m->done, &cell);
    lt_text_addf(out, "%7s", lt_text_str(&cell));
    lt_text_deinit(&cell);
}

void lt__format_row(const lt__row *r, int width, bool utf8, lt_text *out)
{
    enum { STATE = 13 + 8 + 16 + 9 + 7, TITLE_MIN = 12 };
    int bar = width >= 110 ? 16 : width >= 95 ? 8 : 0;
    int room = width - STATE - bar - 2;
    lt_text title = {0};

    if (room < TITLE_MIN)
        room = TITLE_MIN;
    if (room > 60)
        room = 60;
    if (!r->busy)
        return;
    lt_text_add(&title, r->title);
    lt__format_cut(&title, room);
    lt_text_add(out, lt_text_str(&title));
    lt_text_addf(out, "%*s  ", room - columns(lt_text_str(&title)), "");
    lt_text_deinit(&title);
    add_state(r, utf8, bar, out);
    lt__format_cut(out, width);
}
