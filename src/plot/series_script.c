/* A panel's series, for gnuplot: their points as datablocks and the plot
 * command that draws them. Bands lie under lines, lines under texts. Series
 * without a point keep their entry in the key. */
#include "figure_int.h"

#include <ctype.h>

/* ---- data ---- */

static void write_block(const lt__points *q, lt_mark mark, lt_text *out)
{
    for (size_t i = 0; i < q->n; i++) {
        lt_text_addf(out, "%.17g ", q->x[i]);
        if (mark != LT_MARK_BAND)
            lt_text_addf(out, "%.17g ", q->y[i]);
        if (mark == LT_MARK_BAND || mark == LT_MARK_BARS)
            lt_text_addf(out, "%.17g %.17g", q->low[i], q->high[i]);
        lt_text_add(out, "\n");
    }
}

static bool is_note(const lt__panel *p, const lt__view *v, int s)
{
    return p->series[s].mark == LT_MARK_TEXT && v->points[s].n > 0 &&
           p->series[s].label;
}

static bool has_notes(const lt__panel *p, const lt__view *v)
{
    for (int s = 0; s < p->n_series; s++)
        if (is_note(p, v, s))
            return true;
    return false;
}

/* Where texts stand: a pale disc lies under each. */
static void write_note_places(const lt__panel *p, const lt__view *v, int panel,
                              lt_text *out)
{
    if (!has_notes(p, v))
        return;
    lt_text_addf(out, "$P%dNOTES << LATENT_END\n", panel + 1);
    for (int s = 0; s < p->n_series; s++)
        if (is_note(p, v, s))
            lt_text_addf(out, "%.17g %.17g\n", v->points[s].x[0],
                         v->points[s].y[0]);
    lt_text_add(out, "LATENT_END\n");
}

void lt__series_data(const lt__panel *p, const lt__view *v, int panel,
                     lt_text *out)
{
    for (int s = 0; s < p->n_series; s++) {
        if (v->points[s].n == 0 || p->series[s].mark == LT_MARK_TEXT)
            continue;
        lt_text_addf(out, "$P%dS%d << LATENT_END\n", panel + 1, s + 1);
        write_block(&v->points[s], p->series[s].mark, out);
        lt_text_add(out, "LATENT_END\n");
    }
    write_note_places(p, v, panel, out);
}

/* ---- plots ---- */

static const double KEY_POINT = 0.7; /* also of error bars */

/* Points are the smaller the more there are; the SVG terminal's are twice as
 * large as the others'. */
static double point_size(const lt__panel *p, const lt__view *v,
                         lt_format format)
{
    size_t n = 0;
    double size;

    for (int s = 0; s < v->n_series; s++)
        if (p->series[s].mark == LT_MARK_POINTS)
            n += v->points[s].n;
    size = n > 3000 ? 0.25 : n > 800 ? 0.35 : n > 200 ? 0.5 : KEY_POINT;
    return format == LT_FORMAT_SVG ? 0.55 * size : size;
}

/* "with lines ..." of a series; a line of one point becomes a point. */
static void write_style_of(const lt__panel *p, const lt_series *s, size_t n,
                           double size, lt_text *out)
{
    lt__rgb rgb = lt__palette_color(s->color, s->is_faint);
    const char *dash = lt__palette_dash(s->dash);

    if (s->mark == LT_MARK_BAND)
        lt_text_addf(out,
                     "with filledcurves fillstyle transparent solid %g "
                     "noborder linecolor rgb '%s'",
                     s->is_faint ? 0.08 : 0.2, rgb.text);
    else if (s->mark == LT_MARK_BARS)
        lt_text_addf(out,
                     "with %s linecolor rgb '%s' linewidth 1.5 dashtype %s "
                     "pointtype %d pointsize %g",
                     p->x.is_categorical ? "yerrorbars" : "yerrorlines",
                     rgb.text, p->x.is_categorical ? "1" : dash,
                     lt__palette_marker(s->color), size);
    else if (s->mark == LT_MARK_LINE && n != 1)
        lt_text_addf(out,
                     "with lines linecolor rgb '%s' linewidth %g "
                     "dashtype %s",
                     rgb.text, s->is_faint ? 0.9 : 2.0, dash);
    else
        lt_text_addf(out,
                     "with points linecolor rgb '%s' pointtype %d "
                     "pointsize %g",
                     rgb.text, lt__palette_marker(s->color), size);
}

/* A key wider than the page would lose its right end. */
static void write_title_of(const char *label, lt_text *out)
{
    lt_text cut = {0};

    if (!label) {
        lt_text_add(out, " notitle");
        return;
    }
    lt_text_add(out, " title ");
    lt__clean(&cut, label, LT__KEY_MOST);
    lt__quote(out, lt_text_str(&cut), 0);
    out->failed = out->failed || cut.failed;
    lt_text_deinit(&cut);
}

static void write_notes(const lt__panel *p, const lt__view *v, lt_text *out)
{
    for (int s = 0; s < p->n_series; s++) {
        if (!is_note(p, v, s))
            continue;
        lt_text_add(out, "set label ");
        lt__quote(out, p->series[s].label, 0);
        lt_text_addf(out,
                     " at first %.17g, first %.17g center front "
                     "noenhanced\n",
                     v->points[s].x[0], v->points[s].y[0]);
    }
    if (v->is_empty)
        lt_text_add(out, "set label 'nothing to show: no finite values' "
                         "at graph 0.5, graph 0.5 center\n");
}

bool lt__series_is_shown(const lt_series *s, const lt__points *q,
                         const lt__canvas *c)
{
    if (s->mark == LT_MARK_TEXT ||
        (s->mark == LT_MARK_BAND && c->format == LT_FORMAT_TERMINAL))
        return false;
    return q->n > 0 || s->label;
}

/* In a terminal a class with a short name is drawn by that name's letter. */
static void write_letters(const lt_series *s, lt_text *out)
{
    char c = s->label && isalnum((unsigned char)s->label[0]) && !s->label[1]
                 ? s->label[0]
                 : (char)('A' + s->color % 26);

    lt_text_addf(out, "with points pointtype '%c' linecolor rgb '%s'", c,
                 lt__palette_color(s->color, s->is_faint).text);
}

/* One element of the plot command, and the key's where they differ: points
 * too small to be told apart are larger there. */
static void write_element(const lt__panel *p, const lt__view *v,
                          const lt__canvas *c, const int at[2], lt_text *out)
{
    const lt_series *s = &p->series[at[1]];
    const lt__points *q = &v->points[at[1]];
    double key = c->format == LT_FORMAT_SVG ? 0.55 * KEY_POINT : KEY_POINT;
    double size = s->mark == LT_MARK_POINTS ? point_size(p, v, c->format) : key;
    bool has_own_key = q->n == 0 || (size < key && s->label &&
                                     c->format != LT_FORMAT_TERMINAL);

    if (q->n > 0) {
        lt_text_addf(out, "$P%dS%d using 1:2%s ", at[0] + 1, at[1] + 1,
                     s->mark == LT_MARK_BAND   ? ":3"
                     : s->mark == LT_MARK_BARS ? ":3:4"
                                               : "");
        if (s->mark == LT_MARK_POINTS && c->format == LT_FORMAT_TERMINAL)
            write_letters(s, out);
        else
            write_style_of(p, s, q->n, size, out);
        write_title_of(has_own_key ? NULL : s->label, out);
    }
    if (has_own_key) {
        lt_text_add(out, q->n > 0 ? ", \\\n    keyentry " : "keyentry ");
        write_style_of(p, s, q->n, key, out);
        write_title_of(s->label, out);
    }
    lt_text_add(out, ", \\\n    ");
}

void lt__series_plot(const lt__panel *p, const lt__view *v, const lt__canvas *c,
                     int panel, lt_text *out)
{
    write_notes(p, v, out);
    lt_text_add(out, "plot ");
    for (int pass = 0; pass < 2; pass++) /* bands lie under the lines */
        for (int s = 0; s < p->n_series; s++)
            if (lt__series_is_shown(&p->series[s], &v->points[s], c) &&
                (p->series[s].mark == LT_MARK_BAND) == (pass == 0))
                write_element(p, v, c, (const int[]){panel, s}, out);
    if (has_notes(p, v) && c->format != LT_FORMAT_TERMINAL)
        lt_text_addf(out,
                     "$P%dNOTES using 1:2 with points pointtype 7 pointsize %g "
                     "linecolor rgb '#40ffffff' notitle, \\\n    ",
                     panel + 1, c->format == LT_FORMAT_SVG ? 0.8 : 1.5);
    lt_text_add(out, "NaN notitle\n"); /* ends the list; draws nothing */
}
