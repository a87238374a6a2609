/* Sheets of pictures, for gnuplot.
 *
 * All pictures of a panel stand in one matrix of pixels with white between
 * them, drawn by one "with image" (an SVG embeds it as one picture), framed by
 * thin lines. The panel's place was made so that pixels are square. */
#include "figure_int.h"

#include <math.h>

#include "latent/base/mem.h"

/* The sheet, (height, width), row by row; NULL when out of memory. */
static double *sheet_make(const lt_tiles *t, const lt__place *p)
{
    int w = lt__tiles_sheet_width(t, p), h = lt__tiles_sheet_height(t, p);
    double white = t->is_diverging ? (t->low + t->high) / 2 : t->high;
    double *sheet = lt_mem_alloc((size_t)w * (size_t)h, sizeof *sheet);
    const double *v = t->values;

    for (size_t i = 0; sheet && i < (size_t)w * (size_t)h; i++)
        sheet[i] = white;
    for (int r = 0; sheet && r < t->rows; r++)
        for (int c = 0; c < t->cols; c++)
            for (int y = 0; y < t->height; y++)
                for (int x = 0; x < t->width; x++, v++) {
                    int at_y = lt__tiles_row_top(t, p, r) + y;
                    int at_x = c * (t->width + p->gap) + x;

                    if (isfinite(*v))
                        sheet[(size_t)at_y * (size_t)w + (size_t)at_x] =
                            fmax(t->low, fmin(t->high, *v));
                }
    return sheet;
}

static void write_frames(const lt_tiles *t, const lt__place *p, int panel,
                         lt_text *out)
{
    lt_text_addf(out, "$P%dFRAMES << LATENT_END\n", panel + 1);
    for (int r = 0; r < t->rows; r++)
        for (int c = 0; c < t->cols; c++) {
            double x = c * (t->width + p->gap) - 0.5;
            double y = lt__tiles_row_top(t, p, r) - 0.5;
            double x1 = x + t->width, y1 = y + t->height;

            lt_text_addf(out, "%g %g\n%g %g\n%g %g\n%g %g\n%g %g\n\n", x, y, x1,
                         y, x1, y1, x, y1, x, y);
        }
    lt_text_add(out, "LATENT_END\n");
}

void lt__tiles_data(const lt_tiles *t, const lt__place *p, int panel,
                    lt_text *out)
{
    int w = lt__tiles_sheet_width(t, p), h = lt__tiles_sheet_height(t, p);
    double *sheet = sheet_make(t, p);

    if (!sheet) {
        out->failed = true;
        return;
    }
    lt_text_addf(out, "$P%dPIXELS << LATENT_END\n", panel + 1);
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++)
            lt_text_addf(out, "%.4g ",
                         sheet[(size_t)y * (size_t)w + (size_t)x]);
        lt_text_add(out, "\n");
    }
    lt_text_add(out, "LATENT_END\n");
    write_frames(t, p, panel, out);
    lt_mem_free(sheet);
}

/* Type that lets the widest caption stand under its picture, within reason;
 * in the terminal's unit. */
static double caption_font(const lt_tiles *t, const lt__place *p,
                           const lt__layout *l)
{
    double widest = 0, room = 0.94 * t->width * p->pixel;

    for (int i = 0; t->captions && i < t->rows * t->cols; i++)
        widest = fmax(widest, lt__text_width(t->captions[i], l->em));
    return l->font * l->font_unit *
           fmax(0.65, fmin(1, room / fmax(widest * 1.12, 1e-9)));
}

static void write_texts(const lt_tiles *t, const lt__place *p,
                        const lt__layout *l, lt_text *out)
{
    for (int r = 0; r < t->rows; r++) {
        double top = lt__tiles_row_top(t, p, r) - 0.5;

        if (t->row_labels && t->row_labels[r]) {
            lt_text_add(out, "set label ");
            lt__quote(out, t->row_labels[r], 0);
            lt_text_addf(out, " at screen %.5f, first %g right noenhanced\n",
                         (p->plot.x - 0.5 * l->em) / l->width,
                         top + t->height / 2.0);
        }
        for (int c = 0; t->captions && c < t->cols; c++) {
            const char *caption = t->captions[r * t->cols + c];

            if (!caption)
                continue;
            lt_text_add(out, "set label ");
            lt__quote(out, caption, 0);
            lt_text_addf(out,
                         " at first %g, first %g center front noenhanced "
                         "font ',%.4g'\n",
                         c * (t->width + p->gap) + t->width / 2.0 - 0.5,
                         top + t->height + p->caption * 0.55,
                         caption_font(t, p, l));
        }
    }
}

/* The scale of a diverging sheet, at its right. */
static void write_scale(const lt_tiles *t, const lt__place *p,
                        const lt__layout *l, lt_text *out)
{
    double middle = (t->low + t->high) / 2;
    double h = fmin(p->plot.h, 1.6), y = p->plot.y + p->plot.h - h;

    if (lt__tiles_row_has_caption(t, t->rows - 1) && h == p->plot.h) {
        h -= p->caption * p->pixel;
        y += p->caption * p->pixel;
    }
    if (!t->is_diverging) {
        lt_text_add(out, "unset colorbox\n");
        return;
    }
    lt_text_addf(out,
                 "set style line 9 linecolor rgb '#b0b0b0' linewidth 0.5\n"
                 "set colorbox user origin screen %.5f, screen %.5f "
                 "size screen %.5f, screen %.5f border 9\n",
                 (p->plot.x + p->plot.w + 0.6 * l->em) / l->width,
                 y / l->height, 0.6 * l->em / l->width, h / l->height);
    lt_text_addf(out,
                 "set cbtics scale 0 offset -0.6,0 textcolor rgb '#000000' "
                 "('%+.2g' %.17g, '%+.2g' %.17g",
                 t->low, t->low, t->high, t->high);
    if (h > 3.6 * l->em)
        lt_text_addf(out, ", '%.2g' %.17g", middle, middle);
    lt_text_add(out, ")\n");
}

void lt__tiles_plot(const lt_tiles *t, const lt__layout *l, int panel,
                    lt_text *out)
{
    const lt__place *p = &l->places[panel];

    lt_text_add(out, "unset border\nunset tics\nunset grid\nunset key\n");
    lt_text_addf(out, "set palette %s\n", lt__palette_map(t->is_diverging));
    lt_text_addf(out, "set cbrange [%.17g:%.17g]\n", t->low, t->high);
    lt_text_addf(out, "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\n",
                 lt__tiles_sheet_width(t, p) - 0.5,
                 lt__tiles_sheet_height(t, p) - 0.5);
    write_scale(t, p, l, out);
    write_texts(t, p, l, out);
    lt_text_addf(out,
                 "plot $P%dPIXELS matrix with image, \\\n"
                 "    $P%dFRAMES using 1:2 with lines linecolor rgb "
                 "'#b0b0b0' linewidth 0.5\n",
                 panel + 1, panel + 1);
}
