/* Figures as gnuplot scripts.
 *
 * A script is self-contained: the data stand in it as datablocks of numbers
 * that this file formatted, so no line of them can end a block early, and
 * every text of the user's goes through lt__quote. No file name of the user's
 * is in it: the picture goes to standard output. Plain "gnuplot FILE.gp"
 * draws the same picture again; everything in it may be edited by hand.
 *
 * Enhanced text is on for our own tick labels ("10^{-3}") and off for every
 * text that is not ours. */
#include "figure_int.h"

#include <math.h>
#include <stdio.h>

static const int png_dpi = 200;

static void write_terminal(const lt__canvas *c, const lt__layout *l,
                           lt_text *out)
{
    double dpi = png_dpi;

    switch (c->format) {
    case LT_FORMAT_SVG:
        lt_text_addf(out,
                     "set terminal svg size %.0f,%.0f enhanced "
                     "font 'sans-serif,%.4g' dashlength 0.6 "
                     "background rgb 'white'\n",
                     l->width * 96, l->height * 96, l->font * 96 / 72);
        break;
    case LT_FORMAT_PNG:
        lt_text_addf(out,
                     "set terminal pngcairo size %.0f,%.0f enhanced "
                     "font 'Sans,%.4g' fontscale %.4g linewidth %.4g "
                     "pointscale %.4g background rgb 'white'\n",
                     l->width * dpi, l->height * dpi, l->font, dpi / 96,
                     dpi / 96, dpi / 96);
        break;
    case LT_FORMAT_PDF:
        lt_text_addf(out,
                     "set terminal pdfcairo size %.4gin,%.4gin enhanced color "
                     "font 'Sans,%.4g' fontscale 0.75 linewidth 1.5 "
                     "pointscale 0.75\n",
                     l->width, l->height, l->font);
        break;
    case LT_FORMAT_TERMINAL:
        lt_text_addf(out, "set terminal dumb size %d,%d noenhanced %s\n",
                     c->columns, c->rows, c->color ? "ansirgb" : "mono");
        break;
    }
}

/* ---- data ---- */

static void write_data(const lt_figure *f, const lt__layout *l, int panel,
                       lt_text *out)
{
    lt__series_data(&f->panels[panel], &l->views[panel], panel, out);
    if (f->panels[panel].tiles)
        lt__tiles_data(f->panels[panel].tiles, &l->places[panel], panel, out);
}

/* ---- frame ---- */

static void write_margins(const lt__layout *l, const lt__place *p, lt_text *out)
{
    lt_text_addf(out, "set lmargin at screen %.5f\n", p->plot.x / l->width);
    lt_text_addf(out, "set rmargin at screen %.5f\n",
                 (p->plot.x + p->plot.w) / l->width);
    lt_text_addf(out, "set bmargin at screen %.5f\n", p->plot.y / l->height);
    lt_text_addf(out, "set tmargin at screen %.5f\n",
                 (p->plot.y + p->plot.h) / l->height);
}

static void write_named(lt_text *out, const char *what, const char *text,
                        int wrap)
{
    if (!text || !*text)
        return;
    lt_text_addf(out, "set %s ", what);
    lt__quote(out, text, wrap);
    lt_text_add(out, " noenhanced\n");
}

static void write_ticks(lt_text *out, char axis, const lt__ticks *t)
{
    lt_text_addf(out, "set %ctics enhanced (", axis);
    for (int i = 0; i < t->n; i++)
        lt_text_addf(out, "%s'%s' %.17g%s", i ? ", " : "", t->label[i],
                     t->at[i], t->is_minor[i] ? " 1" : "");
    lt_text_add(out, ")\n");
}

/* A tick's label is a format to gnuplot: '%' is written twice. */
static void quote_tick(lt_text *out, const char *name)
{
    lt_text doubled = {0};

    for (; *name; name++)
        lt_text_add_n(&doubled, *name == '%' ? "%%" : name,
                      *name == '%' ? 2 : 1);
    lt__quote(out, lt_text_str(&doubled), 0);
    out->failed = out->failed || doubled.failed;
    lt_text_deinit(&doubled);
}

/* Names cut to `room` characters when it is not 0. */
static void write_categories(lt_text *out, const lt_axis *a, bool rotates,
                             int room)
{
    lt_text name = {0};

    lt_text_addf(out, "set xtics noenhanced%s (",
                 rotates ? " rotate by 35 right" : "");
    for (int i = 0; i < a->n_categories; i++) {
        lt_text_add(out, i ? ", " : "");
        lt_text_clear(&name);
        lt__clean(&name, a->categories[i] ? a->categories[i] : "",
                  room ? room : LT__TEXT_MOST);
        quote_tick(out, lt_text_str(&name));
        lt_text_addf(out, " %d", i);
        out->failed = out->failed || name.failed;
    }
    lt_text_add(out, ")\n");
    lt_text_deinit(&name);
}

static void write_axes(const lt__panel *p, const lt__view *v,
                       const lt__place *place, lt_text *out)
{
    if (p->x.is_log)
        lt_text_add(out, "set logscale x\n");
    if (p->y.is_log)
        lt_text_add(out, "set logscale y\n");
    lt_text_addf(out, "set xrange [%.17g:%.17g]\n", v->x_low, v->x_high);
    lt_text_addf(out, "set yrange [%.17g:%.17g]\n", v->y_low, v->y_high);
    if (p->x.is_categorical)
        write_categories(out, &p->x, place->rotates_x, place->category_room);
    else
        write_ticks(out, 'x', &place->x);
    write_ticks(out, 'y', &place->y);
}

/* The axes' labels, where the layout left room for them. */
static void write_axis_labels(const lt__panel *p, const lt__layout *l,
                              const lt__place *place, lt_text *out)
{
    int across = lt__wrap_at(place->plot.w, l->em);
    int up = lt__wrap_at(place->plot.h, l->em);

    if (p->x.label && *p->x.label) {
        int lines = lt__count_lines(p->x.label, across);
        double y = place->plot.y - place->below + (1.3 * lines - 0.45) * l->em;

        lt_text_add(out, "set label ");
        lt__quote(out, p->x.label, across);
        lt_text_addf(out, " at screen %.5f, screen %.5f center noenhanced\n",
                     (place->plot.x + place->plot.w / 2) / l->width,
                     y / l->height);
    }
    if (p->y.label && *p->y.label) {
        lt_text_add(out, "set label ");
        lt__quote(out, p->y.label, up);
        lt_text_addf(out,
                     " at screen %.5f, screen %.5f center rotate by 90 "
                     "noenhanced\n",
                     (place->panel.x + 0.85 * l->em) / l->width,
                     (place->plot.y + place->plot.h / 2) / l->height);
    }
}

/* The key of a row of panels stands below the middle of the page, that of one
 * panel below its plot. */
static double key_left(const lt__key *k, const lt__layout *l,
                       const lt__place *p)
{
    double middle = p->plot.x + p->plot.w / 2;

    if (p->key_room > 0 && p->panel.w < 0.99 * l->width)
        middle = l->width / 2;
    return fmax(0, fmin(middle - k->width / 2, l->width - k->width));
}

/* `spacing` is that of the rows, in lines of the terminal. */
static void write_key(const lt__layout *l, const lt__place *p, double spacing,
                      lt_text *out)
{
    static const char *const corners[] = {
        "", "top right", "bottom right", "top left", "bottom left", ""};
    const lt__key *k = &p->key;
    char style[80];

    snprintf(style, sizeof style,
             "noenhanced Left reverse samplen %g spacing %g", k->sample,
             spacing);

    if (k->place == LT__KEY_NONE)
        lt_text_add(out, "unset key\n");
    else if (k->place != LT__KEY_OUTSIDE)
        lt_text_addf(out, "set key %s inside %s vertical\n", style,
                     corners[k->place]);
    else if (k->n_columns == 0)
        lt_text_addf(out,
                     "set key %s at screen %.5f, screen %.5f left top "
                     "vertical maxcols 1\n",
                     style, (p->plot.x + p->plot.w + 0.5 * l->em) / l->width,
                     (p->plot.y + p->plot.h) / l->height);
    else /* more rows than fit beside the plot only in a horizontal key */
        lt_text_addf(out,
                     "set key %s at screen %.5f, screen %.5f left top "
                     "%s %d\n",
                     style, key_left(k, l, p) / l->width,
                     (p->panel.y + k->height + 0.3 * l->em) / l->height,
                     k->n_columns == 1 ? "horizontal maxcols"
                                       : "vertical maxrows",
                     k->n_columns == 1 ? 1 : k->n_rows);
}

/* A line of gnuplot's SVG is 1.5 em high, one of its other pictures less than
 * 1.2: what it measures in lines is corrected here and in the key. */
static void write_style(const lt__canvas *c, lt_text *out)
{
    lt_text_add(out, "set border 3 linecolor rgb '#606060' linewidth 0.8\n"
                     "set tics out nomirror scale 0.6,0.3 textcolor "
                     "rgb '#000000'\n");
    if (c->format != LT_FORMAT_TERMINAL)
        lt_text_add(out, "set grid xtics ytics back linetype 1 dashtype 1 "
                         "linecolor rgb '#e4e4e4' linewidth 0.6\n");
    if (c->format == LT_FORMAT_SVG)
        lt_text_add(out, "set xtics offset 0,0.3\nset ytics offset 0.6,0\n");
}

/* ---- panels and page ---- */

static void write_page_title(const lt_figure *f, const lt__canvas *c,
                             const lt__layout *l, lt_text *out)
{
    if (!f->title || !*f->title || c->format == LT_FORMAT_TERMINAL)
        return;
    lt_text_add(out, "set label ");
    lt__quote(out, f->title, lt__wrap_even(f->title, l->width, l->em));
    lt_text_addf(out, " at screen 0.5, screen %.5f center noenhanced front\n",
                 1 - 0.95 * l->em / l->height);
}

/* The key of a terminal: the layout's inches are not its own. */
static void write_terminal_key(const lt__panel *p, const lt__view *v,
                               const lt__canvas *c, lt_text *out)
{
    static const char *const corners[] = {"", "top right", "bottom right",
                                          "top left", "bottom left"};
    double widest = 0;
    int n = 0;
    lt__key_place place;

    for (int s = 0; s < p->n_series; s++)
        if (p->series[s].label &&
            lt__series_is_shown(&p->series[s], &v->points[s], c)) {
            widest = fmax(widest, lt__text_width(p->series[s].label, 1 / 0.53));
            n++;
        }
    place = lt__view_corner(p, v, (widest + 8) / (c->columns - 10),
                            (n + 1.0) / (c->rows - 6));
    if (n == 0)
        lt_text_add(out, "unset key\n");
    else if (place == LT__KEY_OUTSIDE)
        lt_text_add(out, "set key noenhanced below Left reverse\n");
    else
        lt_text_addf(out, "set key noenhanced inside %s Left reverse\n",
                     corners[place]);
}

static void write_terminal_ticks(const lt__panel *p, const lt__view *v,
                                 const lt__canvas *c, lt__place *place)
{
    int up = c->rows / 3, across = c->columns / 9;

    if (p->y.is_log)
        lt__ticks_log(v->y_low, v->y_high, up, true, &place->y);
    else
        lt__ticks_linear(v->y_low, v->y_high, up, false, true, &place->y);
    place->rotates_x = false;
    if (p->x.is_categorical) {
        place->category_room = (c->columns - 12) / p->x.n_categories - 1;
        if (place->category_room < 1)
            place->category_room = 1;
        return;
    }
    if (p->x.is_log)
        lt__ticks_log(v->x_low, v->x_high, across, true, &place->x);
    else
        lt__ticks_linear(v->x_low, v->x_high, across, v->is_whole, true,
                         &place->x);
}

static void write_panel(const lt_figure *f, const lt__canvas *c, lt__layout *l,
                        int i, lt_text *out)
{
    const lt__panel *p = &f->panels[i];
    lt__place *place = &l->places[i];
    const lt__view *v = &l->views[i];

    lt_text_addf(out, "\n# panel %d\n%s", i + 1, i ? "reset\n" : "");
    write_style(c, out);
    if (i == 0)
        write_page_title(f, c, l, out);
    if (c->format == LT_FORMAT_TERMINAL) {
        write_terminal_ticks(p, v, c, place);
        write_axes(p, v, place, out);
        write_named(out, "xlabel", p->x.label, c->columns - 10);
        if (c->only < 0)
            write_named(out, "title", p->title ? p->title : f->title, 70);
        write_terminal_key(p, v, c, out);
    } else {
        write_margins(l, place, out);
        write_named(out, "title", p->title,
                    lt__wrap_even(p->title, place->panel.w, l->em));
        if (p->tiles) {
            lt__tiles_plot(p->tiles, l, i, out);
            return;
        }
        write_axes(p, v, place, out);
        write_axis_labels(p, l, place, out);
        write_key(l, place, c->format == LT_FORMAT_SVG ? 0.83 : 1.05, out);
    }
    lt__series_plot(p, v, c, i, out);
}

static bool is_shown(const lt_figure *f, const lt__canvas *c, int i)
{
    if (c->format == LT_FORMAT_TERMINAL && f->panels[i].tiles)
        return false;
    return c->only < 0 || c->only == i;
}

lt_status lt__script_write(const lt_figure *f, const lt__canvas *c,
                           lt_text *out, lt_err *err)
{
    bool is_multi = f->n_panels > 1 && c->format != LT_FORMAT_TERMINAL;
    lt__layout l;

    if (f->failed)
        return lt_err_set(err, LT_ENOMEM,
                          "figure: out of memory while it was built");
    if (f->n_panels == 0)
        return lt_err_set(err, LT_EINVAL,
                          "figure: no panels, wanted at least one");
    LT_TRY(lt__layout_make(f, c, &l, err));
    lt_text_add(out, "# A figure made by latent. To draw it again:\n"
                     "#   gnuplot THIS_FILE > PICTURE\n"
                     "set encoding utf8\n");
    write_terminal(c, &l, out);
    for (int i = 0; i < f->n_panels; i++)
        if (is_shown(f, c, i))
            write_data(f, &l, i, out);
    if (is_multi)
        lt_text_add(out, "set multiplot\n");
    for (int i = 0; i < f->n_panels; i++)
        if (is_shown(f, c, i))
            write_panel(f, c, &l, i, out);
    if (is_multi)
        lt_text_add(out, "unset multiplot\n");
    lt__layout_free(&l);
    return out->failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

lt_status lt_figure_script(const lt_figure *f, lt_format format, lt_text *out,
                           lt_err *err)
{
    lt__canvas canvas = {
        .format = format, .columns = 79, .rows = 24, .only = -1};

    return lt__script_write(f, &canvas, out, err);
}
