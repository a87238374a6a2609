/* Sheets of pictures in a terminal.
 *
 * gnuplot's text terminal cannot draw images. With colour a character shows
 * two pixels, one above the other (the upper half block in two 24-bit
 * colours); without, one character of rising ink stands for a pixel about
 * twice as high as wide. Pictures are averaged down to fit; those that do not
 * fit side by side at a readable size are left out, and a line says so. */
#include "figure_int.h"

#include <math.h>

enum { TILE_WANTED = 14 }; /* characters a picture should have at least */

/* Mean of the pixels that fall into cell (cx, cy) of a (ch, cw) grid. */
static double cell_mean(const lt_tiles *t, const double *v, const int at[2],
                        const int cells[2])
{
    int x0 = at[0] * t->width / cells[0], y0 = at[1] * t->height / cells[1];
    int x1 = (at[0] + 1) * t->width / cells[0];
    int y1 = (at[1] + 1) * t->height / cells[1];
    double sum = 0;
    int n = 0;

    x1 = x1 > x0 ? x1 : x0 + 1;
    y1 = y1 > y0 ? y1 : y0 + 1;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (isfinite(v[y * t->width + x])) {
                sum += v[y * t->width + x];
                n++;
            }
    sum = n ? sum / n : t->low;
    return t->high > t->low ? (sum - t->low) / (t->high - t->low) : 0;
}

static void cell_color(const lt_tiles *t, const double *v, const int at[2],
                       const int cells[2], lt_text *out)
{
    unsigned char up[3], down[3] = {0, 0, 0};
    int below[2] = {at[0], at[1] + 1};
    bool has_below = below[1] < cells[1];

    lt__palette_at(t->is_diverging, cell_mean(t, v, at, cells), up);
    if (has_below)
        lt__palette_at(t->is_diverging, cell_mean(t, v, below, cells), down);
    lt_text_addf(out, "\033[38;2;%d;%d;%dm", up[0], up[1], up[2]);
    if (has_below)
        lt_text_addf(out, "\033[48;2;%d;%d;%dm", down[0], down[1], down[2]);
    lt_text_add(out, "▀\033[0m");
}

static void cell_mono(const lt_tiles *t, const double *v, const int at[2],
                      const int cells[2], lt_text *out)
{
    static const char bright[] = " .:-=+*#%@", signs[] = "=- +#";
    double s = cell_mean(t, v, at, cells);

    if (t->is_diverging)
        lt_text_add_n(out, &signs[(int)lround(fmax(0, fmin(1, s)) * 4)], 1);
    else
        lt_text_add_n(out, &bright[(int)lround(fmax(0, fmin(1, s)) * 9)], 1);
}

static void row_draw(const lt_tiles *t, int row, int shown, const int cells[2],
                     const lt__canvas *canvas, lt_text *out)
{
    size_t size = (size_t)t->width * (size_t)t->height;
    const double *v = t->values + (size_t)row * (size_t)t->cols * size;

    if (t->row_labels && t->row_labels[row]) {
        lt__clean(out, t->row_labels[row], LT__TEXT_MOST);
        lt_text_add(out, "\n");
    }
    for (int y = 0; y < cells[1]; y += canvas->color ? 2 : 1) {
        for (int c = 0; c < shown; c++) {
            for (int x = 0; x < cells[0]; x++) {
                const int at[2] = {x, y};

                if (canvas->color)
                    cell_color(t, v + (size_t)c * size, at, cells, out);
                else
                    cell_mono(t, v + (size_t)c * size, at, cells, out);
            }
            lt_text_add(out, c + 1 < shown ? " " : "\n");
        }
    }
}

static void captions_draw(const lt_tiles *t, int row, int shown, int width,
                          lt_text *out)
{
    if (!lt__tiles_row_has_caption(t, row))
        return;
    for (int c = 0; c < shown; c++) {
        const char *caption = t->captions[row * t->cols + c];
        size_t before = out->size;

        lt__clean(out, caption ? caption : "", LT__TEXT_MOST);
        while (out->size - before < (size_t)width + 1 && !out->failed)
            lt_text_add(out, " ");
    }
    lt_text_add(out, "\n");
}

void lt__tiles_draw_text(const lt_tiles *t, const lt__canvas *canvas,
                         lt_text *out)
{
    int wanted = t->width < TILE_WANTED ? t->width : TILE_WANTED;
    int shown = canvas->columns / (wanted + 1);
    int cells[2];

    shown = shown < 1 ? 1 : shown > t->cols ? t->cols : shown;
    cells[0] = canvas->columns / shown - 1;
    cells[0] = cells[0] > t->width ? t->width : cells[0];
    cells[0] = cells[0] < 1 ? 1 : cells[0];
    cells[1] = (int)lround((double)cells[0] * t->height / t->width /
                           (canvas->color ? 1 : 2));
    cells[1] = cells[1] < 1 ? 1 : cells[1] > t->height ? t->height : cells[1];
    for (int r = 0; r < t->rows; r++) {
        row_draw(t, r, shown, cells, canvas, out);
        captions_draw(t, r, shown, cells[0], out);
    }
    if (shown < t->cols)
        lt_text_addf(out, "(%d of %d columns fit here)\n", shown, t->cols);
}
