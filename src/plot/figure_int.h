/* Shared inside plot.
 *
 * The way of a figure: figure.c keeps what the caller said; view.c drops the
 * points that cannot be drawn and finds ranges, ticks and a place for the key;
 * layout.c gives every panel its place in inches; gnuplot_script.c and
 * tiles_script.c write it down; gnuplot_run.c draws it. */
#ifndef LT_FIGURE_INT_H
#define LT_FIGURE_INT_H

#include "latent/plot/figure.h"

typedef struct lt__panel {
    char *title;
    lt_axis x, y;
    lt_series *series;
    int n_series;
    lt_tiles *tiles; /* or NULL */
} lt__panel;

struct lt_figure {
    char *title;
    int columns;
    double width, height; /* inches; 0: by content */
    lt__panel *panels;
    int n_panels;
    bool failed; /* ran out of memory while it was built */
};

/* ---- palette.c ---- */

/* "#0072b2" of series colour `i`, paler when faint. */
typedef struct lt__rgb {
    char text[8];
} lt__rgb;
lt__rgb lt__palette_color(int i, bool is_faint);
int lt__palette_marker(int i);       /* gnuplot's point type */
const char *lt__palette_dash(int i); /* gnuplot's dash type */
/* gnuplot's "set palette" argument. */
const char *lt__palette_map(bool is_diverging);
/* The colour of the map at t in [0, 1], as three bytes. */
void lt__palette_at(bool is_diverging, double t, unsigned char rgb[3]);

/* ---- decimate.c ---- */

/* Points fit to be drawn; low and high only where the mark needs them. */
typedef struct lt__points {
    size_t n;
    double *x, *y, *low, *high; /* (n); one block, owned by x */
} lt__points;

/* Copies the drawable points of `s`: finite, positive on a log axis, within
 * the axes' x range. ENOMEM. */
lt_status lt__points_collect(const lt__panel *panel, const lt_series *s,
                             lt__points *out);
void lt__points_free(lt__points *p);

/* At most 2 points in each of `n_buckets` slices of the x range (of the
 * logarithm of x when `log_x`): the lowest and the highest, in their order.
 * Bands get one: lowest low, highest high. Left alone when already few. */
void lt__points_decimate(lt__points *p, lt_mark mark, bool log_x,
                         int n_buckets);

/* ---- ticks.c ---- */

enum { LT__MAX_TICKS = 48 };

typedef struct lt__ticks {
    int n;
    double at[LT__MAX_TICKS];
    bool is_minor[LT__MAX_TICKS];
    char label[LT__MAX_TICKS][24]; /* enhanced text, "" on minor ones */
} lt__ticks;

/* About `wanted` ticks within [low, high]. `plain` labels have no raised
 * exponents; `whole` asks for whole numbers only. */
void lt__ticks_linear(double low, double high, int wanted, bool whole,
                      bool plain, lt__ticks *out);
void lt__ticks_log(double low, double high, int wanted, bool plain,
                   lt__ticks *out);

/* ---- view.c ---- */

/* The key's place. */
typedef enum lt__key_place {
    LT__KEY_NONE,
    LT__KEY_TOP_RIGHT,
    LT__KEY_BOTTOM_RIGHT,
    LT__KEY_TOP_LEFT,
    LT__KEY_BOTTOM_LEFT,
    LT__KEY_OUTSIDE,
} lt__key_place;

typedef struct lt__view {
    lt__points *points; /* (n_series) */
    int n_series;
    bool is_empty; /* nothing to draw */
    bool is_whole; /* every x is a whole number */
    double x_low, x_high, y_low, y_high;
} lt__view;

lt_status lt__view_make(const lt__panel *panel, int n_buckets, lt__view *out);
void lt__view_free(lt__view *v);
/* A corner where a box of `width` by `height` (fractions of the plot) hides
 * no data, or OUTSIDE. */
lt__key_place lt__view_corner(const lt__panel *panel, const lt__view *v,
                              double width, double height);

/* ---- layout.c ---- */

typedef struct lt__rect {
    double x, y, w, h; /* inches from the bottom left */
} lt__rect;

/* What the script is for. */
typedef struct lt__canvas {
    lt_format format;
    int columns, rows; /* of characters, for the terminal */
    bool color;        /* the terminal's */
    int only;          /* this panel alone; -1: all */
} lt__canvas;

typedef struct lt__key {
    lt__key_place place;
    int n_columns; /* outside, below: 0 means at the right */
    int n_rows;    /* outside, below */
    double width;  /* of the whole, inches */
    double entry;  /* of one entry, inches */
    double sample; /* length of a sample, characters */
    double height; /* of the whole, inches */
} lt__key;

typedef struct lt__place {
    lt__rect panel, plot;
    double below;    /* the axis' labels, under the plot */
    double key_room; /* inches that a key below may take; 0: the plot's */
    lt__key key;
    lt__ticks x, y;
    bool rotates_x;    /* long category names */
    int category_room; /* characters of each that are shown; 0: all */
    double pixel;      /* tiles: inches a pixel */
    int gap;           /* tiles: pixels between pictures */
    int caption;       /* tiles: pixels for a caption */
} lt__place;

typedef struct lt__layout {
    double width, height; /* inches */
    double font;          /* points */
    double font_unit;     /* font sizes of the terminal a point */
    double em;            /* inches */
    double title_height;  /* inches */
    lt__place *places;    /* (n_panels) */
    lt__view *views;      /* (n_panels) */
    int n_panels;
} lt__layout;

lt_status lt__layout_make(const lt_figure *f, const lt__canvas *canvas,
                          lt__layout *out, lt_err *err);
void lt__layout_free(lt__layout *l);
/* Characters that surely fit `width` inches. */
int lt__wrap_at(double width, double em);
/* No more, but so that a text's lines are about equally long. */
int lt__wrap_even(const char *text, double width, double em);
double lt__text_width(const char *text, double em); /* about, in em's unit */
/* The tile rows that have a caption. */
bool lt__tiles_row_has_caption(const lt_tiles *t, int row);
/* Height of the sheet in pixels: pictures, gaps and captions. */
int lt__tiles_sheet_height(const lt_tiles *t, const lt__place *p);
int lt__tiles_sheet_width(const lt_tiles *t, const lt__place *p);
/* The sheet's row of pixels where tile row `row` begins. */
int lt__tiles_row_top(const lt_tiles *t, const lt__place *p, int row);

/* ---- gnuplot_text.c ---- */

/* Characters of a text, and of a name in a key, that are shown. */
enum { LT__TEXT_MOST = 300, LT__KEY_MOST = 46 };

/* Appends `text` as a gnuplot expression that is exactly this text: pieces in
 * single quotes, quotes apart, control characters, broken UTF-8 and what
 * XML forbids replaced, cut at LT__TEXT_MOST characters, wrapped at about
 * `wrap` characters (0: never). Returns the lines made. */
int lt__quote(lt_text *out, const char *text, int wrap);
/* The text as it is shown, without quotes; for our own terminal drawing. */
void lt__clean(lt_text *out, const char *text, int most); /* characters */
int lt__count_lines(const char *text, int wrap);

/* ---- gnuplot_script.c, series_script.c, tiles_script.c, tiles_text.c ---- */

lt_status lt__script_write(const lt_figure *f, const lt__canvas *canvas,
                           lt_text *out, lt_err *err);
/* Whether the series is drawn or has an entry in the key. */
bool lt__series_is_shown(const lt_series *s, const lt__points *q,
                         const lt__canvas *c);
void lt__series_data(const lt__panel *p, const lt__view *v, int panel,
                     lt_text *out);
void lt__series_plot(const lt__panel *p, const lt__view *v, const lt__canvas *c,
                     int panel, lt_text *out);
void lt__tiles_data(const lt_tiles *t, const lt__place *p, int panel,
                    lt_text *out);
void lt__tiles_plot(const lt_tiles *t, const lt__layout *l, int panel,
                    lt_text *out);
void lt__tiles_draw_text(const lt_tiles *t, const lt__canvas *canvas,
                         lt_text *out);

/* ---- gnuplot_run.c ---- */

typedef struct lt__gnuplot_opts {
    const char *path; /* folders to look in; NULL: $PATH */
    double timeout;   /* seconds */
} lt__gnuplot_opts;

/* Runs gnuplot on the script with its output into the open file `out_fd`.
 * ENOTFOUND: no gnuplot. EIO: it failed, said nothing or took too long; the
 * message has what it said. */
lt_status lt__gnuplot_run(const char *script, size_t size, int out_fd,
                          const lt__gnuplot_opts *opts, lt_err *err);

/* lt_figure_write with options. */
lt_status lt__figure_write(const lt_figure *f, const char *path,
                           const lt__gnuplot_opts *opts, lt_err *err);

#endif
