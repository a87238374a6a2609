/* k-sparse codes (Makhzani and Frey 2013): of each example the k largest
 * activations stay, the others are 0; of equal ones those with the lower index
 * stay. In training and in evaluation; the gradient goes through what stayed. A
 * mirror has nothing in its place.
 *
 * The k-th largest is found by quickselect in the output's own row, so that no
 * other memory is needed; the layer keeps it, and the index of the last of its
 * equals that stayed, for the way back. An example with a NaN stays as it is:
 * the loss shall see it. Cost: a few reads of the batch. */
#include "net/net_int.h"

#include <math.h>
#include <string.h>

static lt_status k_sparse_plan(lt_layer *l, lt_err *err)
{
    int n = lt_shape_elements(l->in);

    if (l->spec.units < 1 || l->spec.units > n)
        return lt_err_set(err, LT_EINVAL,
                          "%d of %d activations to keep, wanted 1 to %d",
                          l->spec.units, n, n);
    l->out = l->in;
    return LT_OK;
}

/* For each row the k-th largest, and after all rows the last index kept. */
static size_t k_sparse_keep(const lt_layer *l, int rows, bool with_gradient)
{
    (void)l, (void)with_gradient;
    return 2 * (size_t)rows;
}

typedef struct k_job {
    const lt_layer *l;
    const lt_pass *p;
    const lt_real *x, *from;
    lt_real *to;
} k_job;

static lt_real *kept_least(const lt_pass *p)
{
    return p->keep;
}

static int32_t *kept_last(const lt_pass *p)
{
    return (int32_t *)(p->keep + p->rows);
}

static void swap(lt_real *a, lt_real *b)
{
    lt_real t = *a;

    *a = *b;
    *b = t;
}

/* The k-th largest of v (n), which is put in another order; no NaN in it.
 * Hoare's selection: after each turn all left of i are at least, all right of
 * j at most the pivot. */
static lt_real select_largest(lt_real *v, int n, int k)
{
    int low = 0, high = n - 1, wanted = k - 1;

    while (low < high) {
        lt_real pivot = v[low + (high - low) / 2];
        int i = low, j = high;

        while (i <= j) {
            while (v[i] > pivot)
                i++;
            while (v[j] < pivot)
                j--;
            if (i <= j)
                swap(&v[i++], &v[j--]);
        }
        if (wanted <= j)
            high = j;
        else if (wanted >= i)
            low = i;
        else
            break;
    }
    return v[wanted];
}

/* Where the last of those equal to `least` stands that still belongs to the
 * k largest. */
static int last_kept(const lt_real *x, int n, int k, lt_real least)
{
    int left = k, i;

    for (i = 0; i < n; i++)
        left -= x[i] > least;
    for (i = 0; i < n && left > 0; i++)
        left -= !(x[i] > least) && !(x[i] < least);
    return i - 1;
}

static bool has_nan(const lt_real *x, int n)
{
    bool found = false;

    for (int i = 0; i < n; i++)
        found = found || isnan(x[i]);
    return found;
}

/* to = from where x is among the k largest of its row, else 0. */
static void row_filter(const k_job *j, int row)
{
    int n = lt_shape_elements(j->l->in), last = kept_last(j->p)[row];
    size_t at = (size_t)row * (size_t)n;
    lt_real least = kept_least(j->p)[row];

    for (int i = 0; i < n; i++) {
        lt_real x = j->x[at + (size_t)i];
        bool stays = i <= last ? !(x < least) : x > least;

        j->to[at + (size_t)i] = stays ? j->from[at + (size_t)i] : 0;
    }
}

static void row_forward(void *arg, int row)
{
    const k_job *j = arg;
    int n = lt_shape_elements(j->l->in);
    const lt_real *x = j->x + (size_t)row * (size_t)n;
    lt_real *y = j->to + (size_t)row * (size_t)n;
    lt_real least = -(lt_real)INFINITY;

    memcpy(y, x, (size_t)n * sizeof *y);
    if (!has_nan(x, n))
        least = select_largest(y, n, j->l->spec.units);
    kept_least(j->p)[row] = least;
    kept_last(j->p)[row] = isinf(least) && least < 0
                               ? n - 1
                               : last_kept(x, n, j->l->spec.units, least);
    row_filter(j, row);
}

static void row_filter_again(void *arg, int row)
{
    row_filter(arg, row);
}

static void k_sparse_forward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, lt_real *y)
{
    k_job j = {l, p, x, x, y};

    lt__rows_run(p->pool, p->rows, row_forward, &j);
}

static void k_sparse_backward(const lt_layer *l, const lt_pass *p,
                              const lt_real *x, const lt_real *y, lt_real *dy,
                              lt_real *dx)
{
    k_job j = {l, p, x, dy, dx};

    (void)y;
    if (dx)
        lt__rows_run(p->pool, p->rows, row_filter_again, &j);
}

static void k_sparse_tangent(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, const lt_real *t, lt_real *dz)
{
    k_job j = {l, p, x, t, dz};

    lt__rows_run(p->pool, p->rows, row_filter_again, &j);
}

static const char *const k_sparse_fields[] = {"units", NULL};

const lt_layer_ops lt__layer_k_sparse = {
    .name = "k_sparse",
    .fields = k_sparse_fields,
    .plan = k_sparse_plan,
    .keep_size = k_sparse_keep,
    .forward = k_sparse_forward,
    .backward = k_sparse_backward,
    .tangent = k_sparse_tangent,
};
