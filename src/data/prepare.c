/* Scaling and standardising, and how any preparation is used; see
 * latent/data/prepare.h. Whitening is fitted in whiten.c.
 *
 * Numbers are fitted in double by two passes over the set: first the mean (and
 * the range), then the squares of the deviations from it, so that data far from
 * 0 lose no digits. Sums run in the order of the examples, whatever the
 * threads. Sets are read a row at a time in their own type; fitting 60,000
 * x 784 bytes takes a quarter of a second, and so does applying it.
 *
 * An element that is constant is known by its range, not by its variance:
 * rounding in the mean would make the variance a tiny number, and its inverse a
 * huge one. */
#include "data/prepare_int.h"

#include "latent/base/mem.h"
#include "latent/math/blas.h"

#include <math.h>
#include <string.h>

#define BLOCK 256 /* rows multiplied at once */

lt_status lt__prep_check(const char *what, const lt_dataset *d, lt_err *err)
{
    if (lt_dataset_type(d) == LT_ELEM_SPARSE)
        return lt_err_set(err, LT_EINVAL,
                          "%s: a sparse set of %d columns, wanted dense values "
                          "(bytes, floats or doubles)",
                          what, lt_shape_elements(lt_dataset_shape(d)));
    if (lt_dataset_target(d) != d)
        return lt_err_set(err, LT_EINVAL,
                          "%s: a set with targets of its own, wanted one that "
                          "is its own target",
                          what);
    return LT_OK;
}

lt_status lt__prep_new(const lt_dataset *d, lt_prep **out, lt_err *err)
{
    lt_shape shape = lt_dataset_shape(d);
    lt_prep *p = lt_mem_zero(1, sizeof *p);

    if (p)
        p->shift =
            lt_mem_zero((size_t)lt_shape_elements(shape), sizeof *p->shift);
    if (!p || !p->shift) {
        lt_prep_free(p);
        return lt_err_mark(err, LT_ENOMEM);
    }
    p->input = p->output = shape;
    *out = p;
    return LT_OK;
}

void lt_prep_free(lt_prep *p)
{
    if (!p)
        return;
    lt_mem_free(p->shift);
    lt_mem_free(p->factor);
    lt_mem_free(p->forward);
    lt_mem_free(p->backward);
    lt_mem_free(p->variances);
    lt_mem_free(p);
}

lt_shape lt_prep_input(const lt_prep *p)
{
    return p->input;
}

lt_shape lt_prep_output(const lt_prep *p)
{
    return p->output;
}

const double *lt_prep_variances(const lt_prep *p)
{
    return p->variances;
}

lt_status lt__labels_copy(const lt_dataset *d, int copies, uint8_t **out,
                          lt_err *err)
{
    const uint8_t *labels = lt_dataset_labels(d);
    size_t rows = (size_t)lt_dataset_rows(d), each = (size_t)copies;

    if (!labels)
        return LT_OK;
    *out = lt_mem_alloc(rows, each);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < rows; i++)
        memset(*out + i * each, labels[i], each);
    return LT_OK;
}

/* ---- reading rows ---- */

/* out (D) = example i, in double. */
static void row_load(const lt_dataset *d, int i, double *out)
{
    size_t n = (size_t)lt_shape_elements(lt_dataset_shape(d));
    size_t at = (size_t)i * n;
    const void *values = lt_dataset_values(d);

    if (lt_dataset_type(d) == LT_ELEM_U8)
        for (size_t j = 0; j < n; j++)
            out[j] = ((const uint8_t *)values)[at + j] / 255.0;
    else if (lt_dataset_type(d) == LT_ELEM_F32)
        for (size_t j = 0; j < n; j++)
            out[j] = (double)((const float *)values)[at + j];
    else
        memcpy(out, (const double *)values + at, n * sizeof *out);
}

/* ---- fitting numbers ---- */

/* Of each element, missing values left out. */
typedef struct facts {
    int elements;
    double *row;
    double *count, *low, *high, *mean, *squares; /* (D) each */
} facts;

static lt_status facts_init(facts *f, int elements, lt_err *err)
{
    size_t n = (size_t)elements;
    double *block = lt_mem_zero(6 * n, sizeof *block);

    if (!block)
        return lt_err_mark(err, LT_ENOMEM);
    *f = (facts){elements,      block,         block + n,    block + 2 * n,
                 block + 3 * n, block + 4 * n, block + 5 * n};
    for (size_t j = 0; j < n; j++) {
        f->low[j] = INFINITY;
        f->high[j] = -INFINITY;
    }
    return LT_OK;
}

static void facts_deinit(facts *f)
{
    lt_mem_free(f->row);
}

static lt_status row_measure(facts *f, int i, const char *what, lt_err *err)
{
    for (int j = 0; j < f->elements; j++) {
        double x = f->row[j];

        if (isnan(x))
            continue;
        if (isinf(x))
            return lt_err_set(err, LT_EINVAL,
                              "%s: element %d of example %d is %g, wanted "
                              "finite numbers (or NaN where one is missing)",
                              what, j + 1, i + 1, x);
        f->count[j]++;
        f->mean[j] += x;
        f->low[j] = x < f->low[j] ? x : f->low[j];
        f->high[j] = x > f->high[j] ? x : f->high[j];
    }
    return LT_OK;
}

static void row_deviate(facts *f)
{
    for (int j = 0; j < f->elements; j++) {
        double x = f->row[j] - f->mean[j];

        if (!isnan(x))
            f->squares[j] += x * x;
    }
}

static lt_status facts_collect(facts *f, const lt_dataset *d, const char *what,
                               lt_err *err)
{
    int n = lt_dataset_rows(d);

    for (int i = 0; i < n; i++) {
        row_load(d, i, f->row);
        LT_TRY(row_measure(f, i, what, err));
    }
    for (int j = 0; j < f->elements; j++) {
        bool is_constant = f->low[j] >= f->high[j];

        if (f->count[j] > 0)
            f->mean[j] = is_constant ? f->low[j] : f->mean[j] / f->count[j];
    }
    for (int i = 0; i < n; i++) {
        row_load(d, i, f->row);
        row_deviate(f);
    }
    return LT_OK;
}

/* 1 / x, and 1 for what never changes or was never seen. */
static double inverse_of(double x)
{
    return x > 0 && isfinite(x) ? 1 / x : 1;
}

static void scale_fill(const facts *f, lt_prep_per per, lt_prep *p)
{
    double low = INFINITY, high = -INFINITY;

    for (int j = 0; j < f->elements; j++) {
        low = f->low[j] < low ? f->low[j] : low;
        high = f->high[j] > high ? f->high[j] : high;
    }
    for (int j = 0; j < f->elements; j++) {
        bool is_own = per == LT_PREP_ELEMENT;
        double from = is_own ? f->low[j] : low;
        double to = is_own ? f->high[j] : high;

        p->shift[j] = isfinite(from) ? from : 0;
        p->factor[j] = inverse_of(to - from);
    }
}

static void standardise_fill(const facts *f, lt_prep_per per, lt_prep *p)
{
    double total = 0, seen = 0;

    for (int j = 0; j < f->elements; j++)
        if (f->count[j] > 0) {
            total += f->squares[j] / f->count[j];
            seen++;
        }
    for (int j = 0; j < f->elements; j++) {
        double variance =
            per == LT_PREP_ELEMENT ? f->squares[j] / f->count[j] : total / seen;

        p->shift[j] = f->mean[j];
        p->factor[j] = inverse_of(sqrt(variance));
    }
}

typedef struct method {
    const char *name;
    void (*fill)(const facts *f, lt_prep_per per, lt_prep *p);
    lt_prep_per per;
} method;

static lt_status numbers_fit(const lt_dataset *d, const method *m,
                             lt_prep **out, lt_err *err)
{
    int elements = lt_shape_elements(lt_dataset_shape(d));
    facts f = {0};
    lt_prep *p = NULL;
    lt_status rc = lt__prep_check(m->name, d, err);

    if (rc == LT_OK)
        rc = facts_init(&f, elements, err);
    if (rc == LT_OK)
        rc = lt__prep_new(d, &p, err);
    if (rc == LT_OK) {
        p->factor = lt_mem_alloc((size_t)elements, sizeof *p->factor);
        rc = p->factor ? facts_collect(&f, d, m->name, err) : LT_ENOMEM;
    }
    if (rc == LT_OK) {
        m->fill(&f, m->per, p);
        *out = p;
        p = NULL; /* now the caller's */
    }
    lt_prep_free(p);
    facts_deinit(&f);
    return lt_err_mark(err, rc);
}

lt_status lt_prep_scale(const lt_dataset *train, lt_prep_per per, lt_prep **out,
                        lt_err *err)
{
    const method m = {"scale", scale_fill, per};

    return numbers_fit(train, &m, out, err);
}

lt_status lt_prep_standardise(const lt_dataset *train, lt_prep_per per,
                              lt_prep **out, lt_err *err)
{
    const method m = {"standardise", standardise_fill, per};

    return numbers_fit(train, &m, out, err);
}

/* ---- using it ---- */

/* One set on its way through a preparation. */
typedef struct pass {
    const lt_prep *p;
    const lt_dataset *d;
    bool is_inverse;
    lt_pool *pool;
    int from, to;   /* elements before and after */
    double *row;    /* one example before */
    lt_real *x, *y; /* (BLOCK,from) and (BLOCK,to), with matrices */
    float *out;     /* (n,to) */
} pass;

static lt_status pass_init(pass *s, const lt_prep *p, const lt_dataset *d,
                           const lt_prep_opts *o, lt_err *err)
{
    size_t from, to;

    *s = (pass){.p = p, .d = d, .is_inverse = o->is_inverse, .pool = o->pool};
    s->from = lt_shape_elements(o->is_inverse ? p->output : p->input);
    s->to = lt_shape_elements(o->is_inverse ? p->input : p->output);
    from = (size_t)s->from;
    to = (size_t)s->to;
    s->row = lt_mem_alloc(from, sizeof *s->row);
    s->out = lt_mem_zero((size_t)lt_dataset_rows(d) * to, sizeof *s->out);
    if (!p->factor) {
        s->x = lt_mem_alloc(BLOCK * from, sizeof *s->x);
        s->y = lt_mem_alloc(BLOCK * to, sizeof *s->y);
    }
    if (s->row && s->out && (p->factor || (s->x && s->y)))
        return LT_OK;
    return lt_err_mark(err, LT_ENOMEM);
}

static void pass_deinit(pass *s)
{
    lt_mem_free(s->row);
    lt_mem_free(s->x);
    lt_mem_free(s->y);
    lt_mem_free(s->out);
}

static void pass_scale(pass *s, int i)
{
    const double *shift = s->p->shift, *factor = s->p->factor;
    float *out = s->out + (size_t)i * (size_t)s->to;

    row_load(s->d, i, s->row);
    if (s->is_inverse)
        for (int j = 0; j < s->to; j++)
            out[j] = (float)(s->row[j] / factor[j] + shift[j]);
    else
        for (int j = 0; j < s->to; j++)
            out[j] = (float)((s->row[j] - shift[j]) * factor[j]);
}

/* Rows [first, first + n): y = (x - shift) forward', or x backward + shift. */
static void pass_multiply(pass *s, int first, int n)
{
    const double *shift = s->p->shift;
    size_t from = (size_t)s->from, to = (size_t)s->to;
    float *out = s->out + (size_t)first * to;

    for (int i = 0; i < n; i++) {
        lt_real *x = s->x + (size_t)i * from;

        row_load(s->d, first + i, s->row);
        for (size_t j = 0; j < from; j++)
            x[j] = (lt_real)(s->row[j] - (s->is_inverse ? 0 : shift[j]));
    }
    lt_gemm(s->pool, LT_NOTRANS, s->is_inverse ? LT_NOTRANS : LT_TRANS, n,
            s->to, s->from, 1, s->x,
            s->is_inverse ? s->p->backward : s->p->forward, 0, s->y);
    for (size_t i = 0; i < (size_t)n * to; i++)
        out[i] = (float)((double)s->y[i] + (s->is_inverse ? shift[i % to] : 0));
}

static void pass_run(pass *s, int rows)
{
    if (s->p->factor) {
        for (int i = 0; i < rows; i++)
            pass_scale(s, i);
        return;
    }
    for (int at = 0; at < rows; at += BLOCK)
        pass_multiply(s, at, rows - at < BLOCK ? rows - at : BLOCK);
}

static lt_status fit_check(const lt_prep *p, const lt_dataset *d,
                           bool is_inverse, lt_err *err)
{
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];
    lt_shape shape = is_inverse ? p->output : p->input;

    LT_TRY(lt__prep_check("prepare", d, err));
    if (lt_shape_elements(lt_dataset_shape(d)) == lt_shape_elements(shape))
        return LT_OK;
    return lt_err_set(err, LT_EINVAL, "prepare: examples of %s, wanted %s, %s",
                      lt_shape_text(lt_dataset_shape(d), found),
                      lt_shape_text(shape, wanted),
                      is_inverse ? "as this preparation makes"
                                 : "as the set that this was fitted on");
}

lt_status lt_prep_apply(const lt_prep *p, const lt_dataset *d,
                        const lt_prep_opts *opts, lt_dataset **out, lt_err *err)
{
    int n = lt_dataset_rows(d);
    int rows = opts->limit > 0 && opts->limit < n ? opts->limit : n;
    uint8_t *labels = NULL;
    pass s = {0};
    lt_status rc = fit_check(p, d, opts->is_inverse, err);

    if (rc == LT_OK)
        rc = pass_init(&s, p, d, opts, err);
    if (rc == LT_OK)
        rc = lt__labels_copy(d, 1, &labels, err);
    if (rc == LT_OK) {
        pass_run(&s, rows);
        rc = lt_dataset_new_take(LT_ELEM_F32, n,
                                 opts->is_inverse ? p->input : p->output, s.out,
                                 labels, out, err);
        s.out = NULL; /* the set's, or freed by it */
    }
    pass_deinit(&s);
    return lt_err_mark(err, rc);
}
