/* The points of a series that can be drawn, and no more than can be seen.
 *
 * A line of 200,000 points takes gnuplot's finest terminals half a minute and
 * shows nothing that its lowest and highest point in every column of pixels
 * would not show. So the x range is cut into about twice as many slices as the
 * picture has columns, and each keeps its extremes in their order (min/max
 * decimation: peaks and dips survive, unlike every k-th point). One pass,
 * in place. Points whose x runs backwards (a spiral) are cut by position.
 *
 * Values beyond 1e300 count as infinite: gnuplot's own limit is near. */
#include "figure_int.h"

#include <math.h>
#include <string.h>

#include "latent/base/mem.h"

static bool is_drawable(double v, bool is_log)
{
    return isfinite(v) && fabs(v) < 1e300 && (!is_log || v > 1e-300);
}

/* Whether point i can be drawn; a missing end of an error bar becomes y, and
 * a low end that a log axis cannot show becomes NaN ("the bottom"). */
static bool points_take(const lt__panel *p, const lt_series *s, size_t i,
                        double v[4])
{
    bool is_log = p->y.is_log;

    v[0] = s->x[i];
    v[1] = s->y ? s->y[i] : 0;
    v[2] = s->low ? s->low[i] : 0;
    v[3] = s->high ? s->high[i] : 0;
    if (!is_drawable(v[0], p->x.is_log) ||
        (p->x.has_range && (v[0] < p->x.low || v[0] > p->x.high)))
        return false;
    if (s->mark == LT_MARK_BAND) {
        if (!is_drawable(v[3], is_log) || !is_drawable(v[2], false))
            return false;
    } else if (!is_drawable(v[1], is_log)) {
        return false;
    }
    if (s->mark == LT_MARK_BARS &&
        !(is_drawable(v[2], false) && is_drawable(v[3], is_log)))
        v[2] = v[3] = v[1];
    if (is_log && v[2] <= 1e-300)
        v[2] = NAN;
    return true;
}

lt_status lt__points_collect(const lt__panel *panel, const lt_series *s,
                             lt__points *out)
{
    double *block = lt_mem_alloc(s->n, 4 * sizeof *block);
    size_t n = 0;

    memset(out, 0, sizeof *out);
    if (!block)
        return LT_ENOMEM;
    out->x = block;
    out->y = block + s->n;
    out->low = block + 2 * s->n;
    out->high = block + 3 * s->n;
    for (size_t i = 0; i < s->n; i++) {
        double v[4];

        if (!points_take(panel, s, i, v))
            continue;
        out->x[n] = v[0];
        out->y[n] = v[1];
        out->low[n] = v[2];
        out->high[n] = v[3];
        n++;
    }
    out->n = n;
    return LT_OK;
}

void lt__points_free(lt__points *p)
{
    lt_mem_free(p->x);
    memset(p, 0, sizeof *p);
}

static bool points_ascend(const lt__points *p)
{
    for (size_t i = 1; i < p->n; i++)
        if (p->x[i] < p->x[i - 1])
            return false;
    return true;
}

static void points_move(lt__points *p, size_t to, size_t from)
{
    p->x[to] = p->x[from];
    p->y[to] = p->y[from];
    p->low[to] = p->low[from];
    p->high[to] = p->high[from];
}

/* Keeps of points [from, to) what the slice shows; returns the new end. */
static size_t slice_keep(lt__points *p, lt_mark mark, size_t from, size_t to,
                         size_t end)
{
    size_t lowest = from, highest = from;

    if (mark == LT_MARK_BAND) {
        double low = p->low[from], high = p->high[from];

        for (size_t i = from; i < to; i++) {
            if (!(low <= p->low[i])) /* NaN, the bottom, is the lowest */
                low = isnan(low) ? low : p->low[i];
            high = fmax(high, p->high[i]);
        }
        points_move(p, end, from);
        p->low[end] = low;
        p->high[end] = high;
        return end + 1;
    }
    for (size_t i = from; i < to; i++) {
        if (p->y[i] < p->y[lowest])
            lowest = i;
        if (p->y[i] > p->y[highest])
            highest = i;
    }
    {
        size_t first = lowest < highest ? lowest : highest;
        size_t second = lowest < highest ? highest : lowest;

        points_move(p, end++, first);
        if (second != first)
            points_move(p, end++, second);
    }
    return end;
}

void lt__points_decimate(lt__points *p, lt_mark mark, bool log_x, int n_buckets)
{
    bool by_x = points_ascend(p);
    double first, span;
    size_t n = p->n, end = 0, from = 0;

    if (n <= 2 * (size_t)n_buckets + 2 ||
        (mark != LT_MARK_LINE && mark != LT_MARK_BAND))
        return;
    first = log_x ? log(p->x[0]) : p->x[0];
    span = (log_x ? log(p->x[n - 1]) : p->x[n - 1]) - first;
    by_x = by_x && span > 0;
    for (int b = 0; b < n_buckets; b++) {
        size_t to = from;

        while (to < n) {
            double x = log_x ? log(p->x[to]) : p->x[to];
            double share = by_x ? (x - first) / span : (double)to / (double)n;

            if (share * n_buckets >= b + 1 && b + 1 < n_buckets)
                break;
            to++;
        }
        if (to > from)
            end = slice_keep(p, mark, from, to, end);
        from = to;
    }
    p->n = end;
}
