/* Figures as data; see latent/plot/figure.h.
 *
 * Everything the caller gives is copied, so that a figure outlives its
 * sources. A copy that fails marks the figure, which then refuses to be
 * written: callers that build in a loop need check only the end.
 *
 * A figure knows nothing of gnuplot, ranges or places. */
#include "figure_int.h"

#include <string.h>

#include "latent/base/mem.h"

/* Grows `items` so that it holds n + 1, amortised. */
static void *figure_grow(void *items, int n, size_t size)
{
    if (n & (n - 1))
        return items;
    return lt_mem_grow(items, n ? (size_t)n * 2 : 1, size);
}

static char *text_copy(const char *text, bool *failed)
{
    char *copy = text ? lt_mem_strdup(text) : NULL;

    *failed = *failed || (text && !copy);
    return copy;
}

static double *reals_copy(const double *values, size_t n, bool *failed)
{
    double *copy = values ? lt_mem_alloc(n, sizeof *copy) : NULL;

    *failed = *failed || (values && !copy);
    if (copy)
        memcpy(copy, values, n * sizeof *copy);
    return copy;
}

static const char *const *texts_copy(const char *const *texts, size_t n,
                                     bool *failed)
{
    char **copy = texts ? lt_mem_zero(n, sizeof *copy) : NULL;

    *failed = *failed || (texts && !copy);
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = text_copy(texts[i], failed);
    return (const char *const *)copy;
}

static void texts_free(const char *const *texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        lt_mem_free((void *)texts[i]);
    lt_mem_free((void *)texts);
}

static void axis_free(lt_axis *a)
{
    lt_mem_free((void *)a->label);
    texts_free(a->categories, (size_t)a->n_categories);
}

static void series_free(lt_series *s)
{
    lt_mem_free((void *)s->label);
    lt_mem_free((void *)s->x);
    lt_mem_free((void *)s->y);
    lt_mem_free((void *)s->low);
    lt_mem_free((void *)s->high);
}

static void tiles_free(lt_tiles *t)
{
    if (!t)
        return;
    lt_mem_free((void *)t->values);
    texts_free(t->row_labels, (size_t)t->rows);
    texts_free(t->captions, (size_t)t->rows * (size_t)t->cols);
    lt_mem_free(t);
}

static void panel_free(lt__panel *p)
{
    lt_mem_free(p->title);
    axis_free(&p->x);
    axis_free(&p->y);
    for (int i = 0; i < p->n_series; i++)
        series_free(&p->series[i]);
    lt_mem_free(p->series);
    tiles_free(p->tiles);
}

lt_status lt_figure_new(const char *title, lt_figure **out, lt_err *err)
{
    lt_figure *f = lt_mem_zero(1, sizeof *f);

    LT_ASSERT(out && !*out);
    if (!f)
        return lt_err_mark(err, LT_ENOMEM);
    f->columns = 1;
    f->title = text_copy(title, &f->failed);
    *out = f;
    return LT_OK;
}

void lt_figure_free(lt_figure *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->n_panels; i++)
        panel_free(&f->panels[i]);
    lt_mem_free(f->panels);
    lt_mem_free(f->title);
    lt_mem_free(f);
}

void lt_figure_set_columns(lt_figure *f, int columns)
{
    LT_ASSERT(columns > 0);
    f->columns = columns;
}

void lt_figure_set_size(lt_figure *f, double width, double height)
{
    LT_ASSERT(width >= 0 && width <= 100 && height >= 0 && height <= 100);
    f->width = width;
    f->height = height;
}

static lt_axis axis_copy(const lt_axis *a, bool *failed)
{
    lt_axis copy = {0};

    if (!a)
        return copy;
    LT_ASSERT(!a->has_range || a->low < a->high);
    LT_ASSERT(!a->is_categorical || a->n_categories > 0);
    copy = *a;
    copy.label = text_copy(a->label, failed);
    copy.n_categories = a->is_categorical ? a->n_categories : 0;
    copy.categories =
        a->is_categorical
            ? texts_copy(a->categories, (size_t)a->n_categories, failed)
            : NULL;
    if (a->is_categorical && !copy.categories)
        copy.n_categories = 0;
    return copy;
}

static lt_status figure_status(const lt_figure *f, lt_err *err)
{
    return f->failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

lt_status lt_figure_add_panel(lt_figure *f, const char *title, const lt_axis *x,
                              const lt_axis *y, lt_err *err)
{
    lt__panel *panels = figure_grow(f->panels, f->n_panels, sizeof *panels);

    if (!panels) {
        f->failed = true;
        return lt_err_mark(err, LT_ENOMEM);
    }
    f->panels = panels;
    panels[f->n_panels] = (lt__panel){
        .title = text_copy(title, &f->failed),
        .x = axis_copy(x, &f->failed),
        .y = axis_copy(y, &f->failed),
    };
    f->n_panels++;
    return figure_status(f, err);
}

lt_status lt_figure_add_series(lt_figure *f, const lt_series *s, lt_err *err)
{
    lt__panel *p = f->n_panels ? &f->panels[f->n_panels - 1] : NULL;
    lt_series *series;
    lt_series copy = *s;

    LT_ASSERT(p || f->failed);
    LT_ASSERT(s->color >= 0 && s->dash >= 0 && (s->x || !s->n));
    LT_ASSERT(s->mark == LT_MARK_BAND || s->y || !s->n);
    LT_ASSERT((s->mark != LT_MARK_BAND && s->mark != LT_MARK_BARS) || !s->n ||
              (s->low && s->high));
    if (f->failed)
        return figure_status(f, err);
    series = figure_grow(p->series, p->n_series, sizeof *series);
    if (!series) {
        f->failed = true;
        return lt_err_mark(err, LT_ENOMEM);
    }
    p->series = series;
    copy.label = text_copy(s->label, &f->failed);
    copy.x = reals_copy(s->x, s->n, &f->failed);
    copy.y = reals_copy(s->y, s->n, &f->failed);
    copy.low = reals_copy(s->low, s->n, &f->failed);
    copy.high = reals_copy(s->high, s->n, &f->failed);
    series[p->n_series++] = copy;
    return figure_status(f, err);
}

lt_status lt_figure_add_tiles(lt_figure *f, const lt_tiles *t, lt_err *err)
{
    lt__panel *p = f->n_panels ? &f->panels[f->n_panels - 1] : NULL;
    size_t n = (size_t)t->rows * (size_t)t->cols;
    lt_tiles *copy;

    LT_ASSERT(p || f->failed);
    LT_ASSERT(t->rows > 0 && t->cols > 0 && t->height > 0 && t->width > 0);
    if (f->failed)
        return figure_status(f, err);
    LT_ASSERT(!p->tiles);
    copy = lt_mem_zero(1, sizeof *copy);
    if (!copy) {
        f->failed = true;
        return lt_err_mark(err, LT_ENOMEM);
    }
    *copy = *t;
    copy->values = reals_copy(
        t->values, n * (size_t)t->height * (size_t)t->width, &f->failed);
    copy->row_labels = texts_copy(t->row_labels, (size_t)t->rows, &f->failed);
    copy->captions = texts_copy(t->captions, n, &f->failed);
    p->tiles = copy;
    return figure_status(f, err);
}
