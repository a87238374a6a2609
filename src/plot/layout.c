/* Where everything stands on the page, in inches.
 *
 * gnuplot places plots by what its text takes, a little different for every
 * terminal, and lets long labels run over the edge. Here margins are computed
 * from estimated text widths and given to gnuplot as numbers: plots line up
 * across panels, pictures keep their aspect, the key's place is known before
 * it is drawn. The type is 11 pt on a panel 4.6 in wide, so 8 pt when the
 * picture is set in a 3.4 in column; narrower figures get smaller type, never
 * below 8 pt. Text widths are estimates for a wide sans serif. */
#include "figure_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latent/base/mem.h"

/* Characters of a rotated name that are shown, and their width. */
#define CATEGORY_MOST 32
#define CATEGORY_EMS  17.2

static const double panel_width = 4.6, panel_height = 3.2;

double lt__text_width(const char *text, double em)
{
    double n = 0;

    for (const char *s = text ? text : ""; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return (n * 0.53 + (n > 6 ? 0.25 : n * 0.04)) * em;
}

int lt__wrap_at(double width, double em)
{
    return (int)(width / (0.53 * em));
}

int lt__wrap_even(const char *text, double width, double em)
{
    int most = lt__wrap_at(width, em), lines = lt__count_lines(text, most);
    int wrap = most;

    while (lines > 1 && wrap > 8 && lt__count_lines(text, wrap - 1) == lines)
        wrap--;
    return wrap;
}

/* A tick's label: braces and hats do not show, raised figures are small. */
static double tick_width(const char *label, double em)
{
    const char *raised = strstr(label, "^{");
    double n = lt__text_width(label, em);

    return raised ? n - lt__text_width(raised, em) * 0.3 - 3 * 0.4 * em : n;
}

static double ticks_width(const lt__ticks *t, double em)
{
    double widest = 0;

    for (int i = 0; i < t->n; i++)
        widest = fmax(widest, tick_width(t->label[i], em));
    return widest;
}

bool lt__tiles_row_has_caption(const lt_tiles *t, int row)
{
    for (int c = 0; t->captions && c < t->cols; c++)
        if (t->captions[row * t->cols + c])
            return true;
    return false;
}

int lt__tiles_sheet_width(const lt_tiles *t, const lt__place *p)
{
    return t->cols * t->width + (t->cols - 1) * p->gap;
}

int lt__tiles_row_top(const lt_tiles *t, const lt__place *p, int row)
{
    int top = 0;

    for (int r = 0; r < row; r++) {
        top += t->height + p->gap;
        if (lt__tiles_row_has_caption(t, r))
            top += p->caption;
    }
    return top;
}

int lt__tiles_sheet_height(const lt_tiles *t, const lt__place *p)
{
    int last = t->rows - 1;

    return lt__tiles_row_top(t, p, last) + t->height +
           (lt__tiles_row_has_caption(t, last) ? p->caption : 0);
}

/* Lines of the panel's title; the figure's own when there is one panel. */
static double title_height(const char *title, double width, double em)
{
    return 1.3 * em * lt__count_lines(title, lt__wrap_at(width, em));
}

/* ---- tiles ---- */

/* Of the numbers beside a diverging sheet's scale. */
static double scale_width(const lt_tiles *t, double em)
{
    char low[32], high[32];

    snprintf(low, sizeof low, "%+.2g", t->low);
    snprintf(high, sizeof high, "%+.2g", t->high);
    return fmax(lt__text_width(low, em), lt__text_width(high, em));
}

/* Left and right margins that all tile panels of a column share. */
static void tiles_margins(const lt_figure *f, int column, int columns,
                          double em, double *left, double *right)
{
    *left = *right = 0.4 * em;
    for (int i = column; i < f->n_panels; i += columns) {
        const lt_tiles *t = f->panels[i].tiles;

        for (int r = 0; t && t->row_labels && r < t->rows; r++)
            *left = fmax(*left, lt__text_width(t->row_labels[r], em) + em);
        if (t && t->is_diverging)
            *right = fmax(*right, 1.9 * em + scale_width(t, em));
    }
    *left = fmin(*left, 14 * em);
}

static double tiles_place(const lt_figure *f, int i, int columns, lt__layout *l)
{
    const lt_tiles *t = f->panels[i].tiles;
    lt__place *p = &l->places[i];
    double width = l->width / columns, left, right, top;

    tiles_margins(f, i % columns, columns, l->em, &left, &right);
    p->gap = t->width / 14 > 1 ? t->width / 14 : 1;
    p->pixel = (width - left - right) / lt__tiles_sheet_width(t, p);
    p->caption = (int)ceil(1.1 * l->em / p->pixel);
    top = title_height(f->panels[i].title, width, l->em);
    /* gnuplot keeps its distance: over one sheet that is the page's edge. */
    if (top > 0)
        top += (l->title_height > 0 ? 1.3 : 0.3) * l->em;
    p->plot.w = lt__tiles_sheet_width(t, p) * p->pixel;
    p->plot.h = lt__tiles_sheet_height(t, p) * p->pixel;
    p->plot.x = left;
    /* half of the scale's lowest number hangs under a low sheet */
    p->plot.y = (t->is_diverging ? 0.6 : 0.3) * l->em;
    return p->plot.y + p->plot.h + top + p->gap * p->pixel;
}

/* ---- series ---- */

static int count_entries(const lt__panel *p, double em, double *widest,
                         double *sample)
{
    int n = 0;

    *widest = 0;
    *sample = 0.5; /* enough for points */
    for (int i = 0; i < p->n_series; i++)
        if (p->series[i].label && p->series[i].mark != LT_MARK_TEXT) {
            *widest = fmax(*widest, lt__text_width(p->series[i].label, em));
            if (p->series[i].mark != LT_MARK_POINTS)
                *sample = 2.4;
            n++;
        }
    return n;
}

/* Chooses the key's place for a plot of about w by h; below, it may be `room`
 * wide. */
static lt__key key_choose(const lt__panel *p, const lt__view *v,
                          const double size[2], double room, double em)
{
    double w = size[0], h = size[1];
    lt__key k = {0};
    double widest;
    int n = count_entries(p, em, &widest, &k.sample);

    if (n == 0)
        return k;
    widest = fmin(widest, LT__KEY_MOST * 0.53 * em);
    k.entry = widest * 1.05 + (k.sample * 0.8 + 1.7) * em;
    k.width = k.entry;
    k.height = n * 1.25 * em;
    k.place = lt__view_corner(p, v, (k.width + 0.6 * em) / w,
                              (k.height + 0.5 * em) / h);
    if (k.place != LT__KEY_OUTSIDE)
        return k;
    k.n_columns = (int)(fmax(w + 2 * em, room) / k.entry);
    if (k.n_columns < 1)
        k.n_columns = 1;
    if (k.n_columns > n)
        k.n_columns = n;
    if (n > 4 && k.entry < 0.25 * w && k.height < h) {
        k.n_columns = 0; /* at the right */
        return k;
    }
    k.n_rows = (n + k.n_columns - 1) / k.n_columns;
    k.n_columns = (n + k.n_rows - 1) / k.n_rows;
    k.height = k.n_rows * 1.25 * em;
    k.width = k.n_columns * k.entry;
    return k;
}

static void axis_ticks(const lt_axis *a, double low, double high, int wanted,
                       bool whole, lt__ticks *out)
{
    if (a->is_categorical)
        memset(out, 0, sizeof *out); /* the names are the ticks */
    else if (a->is_log)
        lt__ticks_log(low, high, wanted, false, out);
    else
        lt__ticks_linear(low, high, wanted, whole, false, out);
}

/* Room under the axis: tick labels, rotated when they are long, and label. */
static double bottom_margin(const lt__panel *p, lt__place *place, double w,
                            double em)
{
    double bottom = 2.0 * em;
    double widest = 0;

    for (int i = 0; i < p->x.n_categories; i++)
        widest = fmax(widest, lt__text_width(p->x.categories[i], em));
    place->rotates_x =
        p->x.n_categories && widest + 0.5 * em > w / p->x.n_categories;
    place->category_room = place->rotates_x ? CATEGORY_MOST : 0;
    if (place->rotates_x)
        bottom = fmin(widest, CATEGORY_EMS * em) * 0.55 + 1.3 * em;
    if (p->x.label)
        bottom += 1.4 * em * lt__count_lines(p->x.label, lt__wrap_at(w, em));
    return bottom + 0.2 * em;
}

/* Room at the left of a plot of w by h: numbers and label, and the beginnings
 * of rotated names. */
static double left_margin(const lt__panel *p, const lt__place *place,
                          const double size[2], double em)
{
    double left = ticks_width(&place->y, em) + 1.3 * em;

    if (p->y.label)
        left +=
            1.4 * em * lt__count_lines(p->y.label, lt__wrap_at(size[1], em));
    for (int i = 0; place->rotates_x && i < p->x.n_categories; i++) {
        double w = lt__text_width(p->x.categories[i], em);

        left = fmax(left, fmin(w, CATEGORY_EMS * em) * 0.82 -
                              (i + 0.5) * size[0] / p->x.n_categories);
    }
    return left;
}

/* Fills place->plot, relative to the panel; place->key_room is known. */
static void series_place(const lt__panel *p, const lt__view *v, double em,
                         lt__rect panel, lt__place *place)
{
    double top = title_height(p->title, panel.w, em);
    double left = 4 * em, right = 1.2 * em, w = panel.w - left - right;
    double bottom = place->below = bottom_margin(p, place, w, em);
    double h;

    top += (top > 0 ? 1.3 : 0.8) * em; /* gnuplot keeps its distance */
    h = panel.h - top - bottom;
    place->key = key_choose(p, v, (double[]){w, h}, place->key_room, em);
    if (place->key.place == LT__KEY_OUTSIDE && place->key.n_columns == 0)
        right += place->key.width;
    else if (place->key.place == LT__KEY_OUTSIDE)
        bottom += place->key.height + 0.3 * em;
    h = fmax(panel.h - top - bottom, 2 * em);
    axis_ticks(&p->y, v->y_low, v->y_high, (int)(h / (2.2 * em)), false,
               &place->y);
    left = left_margin(p, place, (double[]){w, h}, em);
    w = panel.w - left - right;
    axis_ticks(&p->x, v->x_low, v->x_high, (int)(w / (4.5 * em)), v->is_whole,
               &place->x);
    right = fmax(right, ticks_width(&place->x, em) / 2 + 0.3 * em);
    place->plot = (lt__rect){left, bottom, panel.w - left - right, h};
}

/* ---- the page ---- */

/* Height of a panel of series when the caller gave none: the usual shape, and
 * more for a key below and for long names. */
static double series_height(const lt_figure *f, int i, double width,
                            const lt__layout *l)
{
    double h = width * panel_height / panel_width;
    lt__place scratch = {.key_room = l->places[i].key_room};

    series_place(&f->panels[i], &l->views[i], l->em, (lt__rect){0, 0, width, h},
                 &scratch);
    if (scratch.key.place == LT__KEY_OUTSIDE && scratch.key.n_columns > 0)
        h += scratch.key.height;
    if (scratch.rotates_x)
        h += fmax(0, scratch.below - 6 * l->em);
    return h;
}

/* Heights of the rows of panels, into heights[]; tile panels are placed. */
static void rows_measure(const lt_figure *f, int columns, lt__layout *l,
                         double *heights)
{
    double width = l->width / columns, fixed = 0;
    int rows = (f->n_panels + columns - 1) / columns, n_free = 0;

    for (int r = 0; r < rows; r++) {
        bool is_free = false;

        for (int i = r * columns; i < f->n_panels && i < (r + 1) * columns;
             i++) {
            bool has_tiles = f->panels[i].tiles;
            double h = has_tiles ? tiles_place(f, i, columns, l)
                                 : series_height(f, i, width, l);

            is_free = is_free || !has_tiles;
            heights[r] = fmax(heights[r], h);
        }
        fixed += is_free ? 0 : heights[r];
        n_free += is_free;
    }
    for (int i = 0; i < f->n_panels && f->height > 0; i++)
        if (!f->panels[i].tiles)
            heights[i / columns] =
                fmax((f->height - l->title_height - fixed) / n_free, 1);
}

/* The plots of a row stand on one line and are equally high. */
static void row_align(const lt_figure *f, int from, int to, lt__layout *l)
{
    double bottom = 0, above = 0;

    for (int i = from; i < to; i++) {
        const lt__place *p = &l->places[i];

        if (f->panels[i].tiles)
            continue;
        bottom = fmax(bottom, p->plot.y);
        above = fmax(above, p->panel.h - p->plot.y - p->plot.h);
    }
    for (int i = from; i < to; i++) {
        lt__place *p = &l->places[i];

        if (!f->panels[i].tiles) {
            p->plot.y = bottom;
            p->plot.h = fmax(p->panel.h - above - bottom, 2 * l->em);
        }
        p->plot.x += p->panel.x;
        p->plot.y += p->panel.y;
    }
}

static void page_place(const lt_figure *f, int columns, lt__layout *l,
                       const double *heights)
{
    double y = l->height - l->title_height;
    double width = l->width / columns;

    for (int from = 0; from < f->n_panels; from += columns) {
        int to = from + columns < f->n_panels ? from + columns : f->n_panels;
        double h = heights[from / columns];

        y -= h;
        for (int i = from; i < to; i++) {
            lt__place *p = &l->places[i];

            p->panel = (lt__rect){(i - from) * width, y, width, h};
            if (!f->panels[i].tiles)
                series_place(&f->panels[i], &l->views[i], l->em, p->panel, p);
        }
        row_align(f, from, to, l);
    }
}

/* A key that is the only one of its row may be as wide as the page. */
static void keys_room(const lt_figure *f, int columns, lt__layout *l)
{
    double widest, sample;

    for (int from = 0; from < f->n_panels; from += columns) {
        int last = -1, n = 0;

        for (int i = from; i < f->n_panels && i < from + columns; i++)
            if (count_entries(&f->panels[i], 1, &widest, &sample) > 0) {
                last = i;
                n++;
            }
        if (n == 1)
            l->places[last].key_room = l->width - 2 * l->em;
    }
}

static lt_status layout_views(const lt_figure *f, const lt__canvas *canvas,
                              lt__layout *l, int columns)
{
    int n_buckets = (int)(l->width / columns * 200);

    if (canvas->format == LT_FORMAT_TERMINAL)
        n_buckets = canvas->columns * 2;
    for (int i = 0; i < f->n_panels; i++) {
        l->n_panels = i + 1;
        LT_TRY(lt__view_make(&f->panels[i], n_buckets, &l->views[i]));
    }
    return LT_OK;
}

static double page_title_height(const lt_figure *f, const lt__layout *l)
{
    int lines = lt__count_lines(f->title, lt__wrap_at(l->width, l->em));

    return lines ? (1.35 * lines + 0.5) * l->em : 0;
}

lt_status lt__layout_make(const lt_figure *f, const lt__canvas *canvas,
                          lt__layout *out, lt_err *err)
{
    int columns = f->columns < f->n_panels ? f->columns : f->n_panels;
    double *heights = NULL;
    lt_status rc = LT_ENOMEM;

    memset(out, 0, sizeof *out);
    columns = columns < 1 ? 1 : columns;
    out->width = f->width > 0 ? f->width : panel_width * columns;
    out->font = fmin(11, fmax(8, 11 * out->width / columns / panel_width));
    out->font_unit = canvas->format == LT_FORMAT_SVG ? 96.0 / 72 : 1;
    out->em = out->font / 72;
    out->title_height = page_title_height(f, out);
    out->places = lt_mem_zero((size_t)f->n_panels, sizeof *out->places);
    out->views = lt_mem_zero((size_t)f->n_panels, sizeof *out->views);
    heights = lt_mem_zero((size_t)f->n_panels + 1, sizeof *heights);
    if (!out->places || !out->views || !heights)
        goto done;
    rc = layout_views(f, canvas, out, columns);
    if (rc != LT_OK)
        goto done;
    keys_room(f, columns, out);
    rows_measure(f, columns, out, heights);
    out->height = out->title_height;
    for (int r = 0; r < f->n_panels; r++)
        out->height += heights[r];
    if (f->n_panels == 0)
        out->height += panel_height;
    page_place(f, columns, out, heights);
done:
    lt_mem_free(heights);
    if (rc != LT_OK)
        lt__layout_free(out);
    return lt_err_mark(err, rc);
}

void lt__layout_free(lt__layout *l)
{
    for (int i = 0; l->views && i < l->n_panels; i++)
        lt__view_free(&l->views[i]);
    lt_mem_free(l->views);
    lt_mem_free(l->places);
    memset(l, 0, sizeof *l);
}
