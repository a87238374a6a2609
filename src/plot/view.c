/* What a panel of series shows: its points, its ranges, a free corner.
 *
 * Ranges are found here and not by gnuplot, which gives up on data that are
 * all NaN, all equal, or not positive on a log axis. An empty panel gets a
 * range that can be drawn and says so. The key goes to the first corner where
 * its box covers no point, segment or band; the cost is one pass over the
 * points a corner. */
#include "figure_int.h"

#include <math.h>
#include <string.h>

#include "latent/base/mem.h"

typedef struct range {
    double low, high;
} range;

static void range_add(range *r, double v)
{
    r->low = fmin(r->low, v);
    r->high = fmax(r->high, v);
}

static bool mark_has_y(lt_mark m)
{
    return m != LT_MARK_BAND;
}

static bool mark_has_ends(lt_mark m)
{
    return m == LT_MARK_BAND || m == LT_MARK_BARS;
}

/* How far down an interval's low end stretches the axis. On a logarithmic one
 * not below a tenth of the high end: wide intervals over few seeds would
 * squeeze the curves; the plot cuts them. NaN: it could not be shown at all. */
static double low_shown(double low, double high, bool is_log)
{
    if (isnan(low))
        return high;
    return is_log ? fmax(low, high / 10) : low;
}

static void view_extent(const lt__panel *p, const lt__view *v, range *x,
                        range *y)
{
    for (int s = 0; s < v->n_series; s++) {
        const lt__points *q = &v->points[s];
        lt_mark mark = p->series[s].mark;

        for (size_t i = 0; i < q->n; i++) {
            range_add(x, q->x[i]);
            if (mark_has_y(mark))
                range_add(y, q->y[i]);
            if (mark_has_ends(mark)) {
                range_add(y, q->high[i]);
                range_add(y, low_shown(q->low[i], q->high[i], p->y.is_log));
            }
        }
    }
}

/* Widens a range by `share` of itself, and one without width to something. */
static range range_pad(range r, bool is_log, double share)
{
    if (is_log) {
        double width = log(r.high / r.low);
        double pad = width > 1e-9 ? width * share : log(2);

        return (range){fmax(r.low * exp(-pad), 1e-300),
                       fmin(r.high * exp(pad), 1e300)};
    }
    {
        double width = r.high - r.low;
        double most = fmax(fabs(r.low), fabs(r.high));
        double pad = width > most * 1e-12 ? width * share : most * 0.1;

        if (pad == 0 && width == 0)
            pad = 0.5;
        return (range){r.low - pad, r.high + pad};
    }
}

static bool panel_has_scatter(const lt__panel *p)
{
    for (int s = 0; s < p->n_series; s++)
        if (p->series[s].mark != LT_MARK_LINE &&
            p->series[s].mark != LT_MARK_BAND)
            return true;
    return false;
}

static range axis_range(const lt_axis *a, range r, double share)
{
    if (a->is_categorical)
        return (range){-0.5, a->n_categories - 0.5};
    if (a->has_range && (!a->is_log || a->low > 0))
        return (range){a->low, a->high};
    if (r.low > r.high)
        return a->is_log ? (range){0.1, 10} : (range){0, 1};
    return range_pad(r, a->is_log, share);
}

static void view_ranges(const lt__panel *p, lt__view *v)
{
    range x = {INFINITY, -INFINITY}, y = {INFINITY, -INFINITY};

    view_extent(p, v, &x, &y);
    v->is_empty = x.low > x.high;
    x = axis_range(&p->x, x, panel_has_scatter(p) ? 0.05 : 0);
    y = axis_range(&p->y, y, 0.05);
    v->x_low = x.low;
    v->x_high = x.high;
    v->y_low = y.low;
    v->y_high = y.high;
}

/* A low end that could not be shown becomes the bottom of the plot. */
static void view_fill_lows(lt__view *v)
{
    for (int s = 0; s < v->n_series; s++)
        for (size_t i = 0; i < v->points[s].n; i++)
            if (isnan(v->points[s].low[i]))
                v->points[s].low[i] = v->y_low;
}

lt_status lt__view_make(const lt__panel *panel, int n_buckets, lt__view *out)
{
    memset(out, 0, sizeof *out);
    out->is_whole = true;
    out->points = lt_mem_zero((size_t)panel->n_series, sizeof *out->points);
    if (!out->points)
        return LT_ENOMEM;
    for (int s = 0; s < panel->n_series; s++) {
        lt__points *q = &out->points[s];

        LT_TRY(lt__points_collect(panel, &panel->series[s], q));
        out->n_series = s + 1;
        for (size_t i = 0; i < q->n && out->is_whole; i++)
            out->is_whole = floor(q->x[i]) == q->x[i];
        lt__points_decimate(q, panel->series[s].mark, panel->x.is_log,
                            n_buckets);
    }
    view_ranges(panel, out);
    view_fill_lows(out);
    return LT_OK;
}

void lt__view_free(lt__view *v)
{
    for (int s = 0; v->points && s < v->n_series; s++)
        lt__points_free(&v->points[s]);
    lt_mem_free(v->points);
    memset(v, 0, sizeof *v);
}

/* Place within the plot, 0 to 1. */
static double unit(double v, double low, double high, bool is_log)
{
    return is_log ? log(v / low) / log(high / low) : (v - low) / (high - low);
}

/* Whether [a, b] and [low, high] overlap, either end first. */
static bool overlaps(double a, double b, double low, double high)
{
    return fmin(a, b) <= high && fmax(a, b) >= low;
}

typedef struct box {
    double x0, x1, y0, y1;
} box;

/* Whether the segment from a to b meets the box: clip in x, then compare y. */
static bool segment_hits(box k, const double a[2], const double b[2])
{
    double dx = b[0] - a[0], t0, t1;

    if (!overlaps(a[0], b[0], k.x0, k.x1))
        return false;
    if (fabs(dx) < 1e-12)
        return overlaps(a[1], b[1], k.y0, k.y1);
    t0 = fmax(0, fmin(1, (k.x0 - a[0]) / dx));
    t1 = fmax(0, fmin(1, (k.x1 - a[0]) / dx));
    return overlaps(a[1] + t0 * (b[1] - a[1]), a[1] + t1 * (b[1] - a[1]), k.y0,
                    k.y1);
}

static bool series_hits(const lt__panel *p, const lt__view *v, int s, box k)
{
    const lt__points *q = &v->points[s];
    lt_mark mark = p->series[s].mark;
    double before[2] = {0, 0};

    for (size_t i = 0; i < q->n; i++) {
        double at[2] = {unit(q->x[i], v->x_low, v->x_high, p->x.is_log), 0};
        bool in_x = at[0] >= k.x0 && at[0] <= k.x1;

        at[1] = mark_has_y(mark)
                    ? unit(q->y[i], v->y_low, v->y_high, p->y.is_log)
                    : unit(q->high[i], v->y_low, v->y_high, p->y.is_log);
        if (in_x && at[1] >= k.y0 && at[1] <= k.y1)
            return true;
        if (in_x && mark_has_ends(mark) &&
            overlaps(unit(q->low[i], v->y_low, v->y_high, p->y.is_log),
                     unit(q->high[i], v->y_low, v->y_high, p->y.is_log), k.y0,
                     k.y1))
            return true;
        if (i && mark != LT_MARK_POINTS && mark != LT_MARK_TEXT &&
            segment_hits(k, before, at))
            return true;
        before[0] = at[0];
        before[1] = at[1];
    }
    return false;
}

lt__key_place lt__view_corner(const lt__panel *panel, const lt__view *v,
                              double width, double height)
{
    static const lt__key_place order[] = {
        LT__KEY_TOP_RIGHT, LT__KEY_BOTTOM_RIGHT, LT__KEY_TOP_LEFT,
        LT__KEY_BOTTOM_LEFT};

    if (width > 0.75 || height > 0.6)
        return LT__KEY_OUTSIDE;
    for (int c = 0; c < 4; c++) {
        bool right = c < 2, top = c % 2 == 0, hit = false;
        box k = {right ? 1 - width : -1, right ? 2 : width,
                 top ? 1 - height : -1, top ? 2 : height};

        for (int s = 0; s < v->n_series && !hit; s++)
            hit = series_hits(panel, v, s, k);
        if (!hit)
            return order[c];
    }
    return LT__KEY_OUTSIDE;
}
