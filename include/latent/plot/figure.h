/* A figure is data: panels, each with axes and series. It is written as a
 * self-contained gnuplot script with its data inside, and drawn by gnuplot as
 * a child process without a shell. Nothing that a user named can reach gnuplot
 * as a command (every text is quoted and stripped of control characters).
 *
 * Building never fails half-way: the lt_figure_* calls return ENOMEM only, and
 * a figure that ran out of memory says so when it is written. */
#ifndef LT_FIGURE_H
#define LT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "latent/base/status.h"
#include "latent/base/text.h"

typedef enum lt_mark {
    LT_MARK_LINE,   /* x, y */
    LT_MARK_POINTS, /* x, y */
    LT_MARK_BAND,   /* x, low, high: a translucent band in the colour */
    LT_MARK_BARS,   /* x, y, low, high: points with error bars, joined unless
                       the x axis has categories */
    LT_MARK_TEXT,   /* x, y: the label itself, written at the first point */
} lt_mark;

typedef struct lt_axis {
    const char *label; /* or NULL; copied */
    bool is_log;
    bool has_range;
    double low, high;
    bool is_categorical; /* x only: values are 0.. into `categories` */
    const char *const *categories;
    int n_categories;
} lt_axis;

typedef struct lt_series {
    const char *label; /* in the key; NULL: not listed. Copied */
    lt_mark mark;
    int color;     /* index into the colour-blind safe order, from 0 */
    int dash;      /* 0 solid, 1 dashed, ... */
    bool is_faint; /* thin and pale: one seed behind the mean */
    size_t n;
    const double *x, *y, *low, *high; /* (n) as the mark needs; copied.
                                         Non-finite points are left out */
} lt_series;

/* Grey (or diverging) pictures in a grid: reconstructions, filters. */
typedef struct lt_tiles {
    int rows, cols;       /* of pictures */
    int height, width;    /* of each, pixels */
    const double *values; /* (rows*cols, height, width), row by row; copied */
    double low, high;     /* values drawn darkest and lightest */
    bool is_diverging;    /* blue - white - red about 0 */
    const char *const *row_labels; /* (rows) or NULL */
    const char *const *captions;   /* (rows*cols), below each; or NULL, and
                                      each may be NULL */
} lt_tiles;

typedef struct lt_figure lt_figure;

lt_status lt_figure_new(const char *title, lt_figure **out, lt_err *err);
void lt_figure_free(lt_figure *f);

/* Panels are laid out left to right in `columns` columns. */
void lt_figure_set_columns(lt_figure *f, int columns);
/* Width and height of the whole in inches (default 4.6 by 3.2 a panel). */
void lt_figure_set_size(lt_figure *f, double width, double height);
lt_status lt_figure_add_panel(lt_figure *f, const char *title, const lt_axis *x,
                              const lt_axis *y, lt_err *err);
/* To the last panel. */
lt_status lt_figure_add_series(lt_figure *f, const lt_series *s, lt_err *err);
lt_status lt_figure_add_tiles(lt_figure *f, const lt_tiles *t, lt_err *err);

typedef enum lt_format {
    LT_FORMAT_SVG,
    LT_FORMAT_PNG,
    LT_FORMAT_PDF,
    LT_FORMAT_TERMINAL,
} lt_format;

/* By the path's ending; EINVAL names the endings known. */
lt_status lt_format_of_path(const char *path, lt_format *out, lt_err *err);

/* The script alone, as it would be written beside a picture. */
lt_status lt_figure_script(const lt_figure *f, lt_format format, lt_text *out,
                           lt_err *err);

/* Draws to `path` (through a temporary file and rename), and writes the
 * script to the same path with its ending replaced by ".gp". Without gnuplot:
 * the script is written and ENOTFOUND says what to install. */
lt_status lt_figure_write(const lt_figure *f, const char *path, lt_err *err);

/* Draws as text, `columns` by `rows` characters, appended to `out`. */
lt_status lt_figure_draw_text(const lt_figure *f, int columns, int rows,
                              bool color, lt_text *out, lt_err *err);

#endif
