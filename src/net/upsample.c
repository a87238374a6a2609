/* Upsampling of pictures by whole factors, for decoders that are written out.
 *
 *   nearest   every pixel becomes a block of factor[0] x factor[1] equal ones
 *   bilinear  pixel i of the result lies at s = (i + 1/2) / factor - 1/2 of
 *             the input, between its two neighbours there; beyond the outer
 *             pixels' centres the outer pixel's value holds (align_corners =
 *             False, as PyTorch calls it). Factors of 1 change nothing.
 *
 * In an encoder, nearest is undone by averaging the blocks; what undid bilinear
 * upsampling would be no layer of ours. Backward passes are the adjoints.
 * Cost: bilinear some ten operations a pixel, nearest a copy. Where the columns
 * of the result lie is worked out once a pass. */
#include "net/net_int.h"

#include <string.h>

static lt_status upsample_plan(lt_layer *l, lt_err *err)
{
    const int *f = l->spec.factor;
    int size[2];

    LT_TRY(lt__picture_check(l->in, err));
    for (int i = 0; i < 2; i++) {
        if (f[i] < 1 || f[i] > 1024)
            return lt_err_set(err, LT_EINVAL, "factor %d, wanted 1 to 1024",
                              f[i]);
        if (l->in.dim[1 + i] > LT_LAYER_MAX_ELEMENTS / f[i])
            return lt_err_set(err, LT_EINVAL,
                              "%d pixels times %d, wanted at most %d elements",
                              l->in.dim[1 + i], f[i], LT_LAYER_MAX_ELEMENTS);
        size[i] = l->in.dim[1 + i] * f[i];
    }
    return lt__picture_plan(l, l->in.dim[0], size, err);
}

static void upsample_mirror(const lt_layer *l, lt_layer_spec *out)
{
    if (l->spec.interp != LT_INTERP_NEAREST)
        return; /* none */
    out->kind = "avgpool";
    out->pad = LT_PAD_VALID;
    memcpy(out->kernel, l->spec.factor, sizeof out->kernel);
}

/* Blocks side by side, seen as a pool of the larger picture. */
static lt_pooling blocks(const lt_layer *l, int rows)
{
    const int *f = l->spec.factor;

    return (lt_pooling){.planes = (size_t)rows * (size_t)l->in.dim[0],
                        .in = {l->in.dim[1] * f[0], l->in.dim[2] * f[1]},
                        .out = {l->in.dim[1], l->in.dim[2]},
                        .kernel = {f[0], f[1]},
                        .stride = {f[0], f[1]}};
}

/* ---- bilinear ---- */

/* Place i of the result: `low` and its share, `high` and the rest. */
typedef struct tap {
    int low, high;
    lt_real low_share, high_share;
} tap;

static tap tap_at(int i, int n, int factor)
{
    double s = (i + 0.5) / factor - 0.5;
    int low = s > 0 ? (int)s : 0;
    double rest = s > low ? s - low : 0;

    return (tap){low, low + 1 < n ? low + 1 : low, (lt_real)(1 - rest),
                 (lt_real)rest};
}

/* Those of the columns, in the pass's workspace. */
static size_t taps_size(const lt_layer *l, int rows, bool with_gradient)
{
    size_t bytes = (size_t)(l->in.dim[2] * l->spec.factor[1]) * sizeof(tap);

    (void)rows, (void)with_gradient;
    return l->spec.interp == LT_INTERP_BILINEAR
               ? (bytes + sizeof(lt_real) - 1) / sizeof(lt_real)
               : 0;
}

static const tap *taps_fill(const lt_layer *l, const lt_pass *p)
{
    tap *taps = (tap *)(void *)p->work;

    for (int j = 0; j < l->in.dim[2] * l->spec.factor[1]; j++)
        taps[j] = tap_at(j, l->in.dim[2], l->spec.factor[1]);
    return taps;
}

typedef struct bilinear_job {
    const lt_layer *l;
    const tap *columns;
    const lt_real *from;
    lt_real *to;
    bool is_back;
} bilinear_job;

/* One plane: y (out) from x (in). */
static void plane_up(const lt_layer *l, const tap *columns, const lt_real *x,
                     lt_real *y)
{
    const int *f = l->spec.factor;
    int height = l->in.dim[1], width = l->in.dim[2];

    for (int i = 0; i < height * f[0]; i++) {
        tap v = tap_at(i, height, f[0]);
        const lt_real *low = x + v.low * width, *high = x + v.high * width;

        for (int j = 0; j < width * f[1]; j++, y++) {
            const tap h = columns[j];

            *y = v.low_share *
                     (h.low_share * low[h.low] + h.high_share * low[h.high]) +
                 v.high_share *
                     (h.low_share * high[h.low] + h.high_share * high[h.high]);
        }
    }
}

/* Its adjoint: dx (in) from dy (out). */
static void plane_down(const lt_layer *l, const tap *columns, const lt_real *dy,
                       lt_real *dx)
{
    const int *f = l->spec.factor;
    int height = l->in.dim[1], width = l->in.dim[2];

    memset(dx, 0, (size_t)height * (size_t)width * sizeof *dx);
    for (int i = 0; i < height * f[0]; i++) {
        tap v = tap_at(i, height, f[0]);
        lt_real *low = dx + v.low * width, *high = dx + v.high * width;

        for (int j = 0; j < width * f[1]; j++, dy++) {
            const tap h = columns[j];

            low[h.low] += v.low_share * h.low_share * *dy;
            low[h.high] += v.low_share * h.high_share * *dy;
            high[h.low] += v.high_share * h.low_share * *dy;
            high[h.high] += v.high_share * h.high_share * *dy;
        }
    }
}

/* One example. */
static void bilinear_row(void *arg, int row)
{
    const bilinear_job *j = arg;
    size_t small = (size_t)j->l->in.dim[1] * (size_t)j->l->in.dim[2];
    size_t large =
        small * (size_t)j->l->spec.factor[0] * (size_t)j->l->spec.factor[1];
    size_t channels = (size_t)j->l->in.dim[0];
    size_t first = (size_t)row * channels;

    for (size_t i = first; i < first + channels; i++)
        if (j->is_back)
            plane_down(j->l, j->columns, j->from + i * large,
                       j->to + i * small);
        else
            plane_up(j->l, j->columns, j->from + i * small, j->to + i * large);
}

/* ---- both ---- */

static void bilinear_run(const lt_layer *l, const lt_pass *p,
                         const lt_real *from, lt_real *to, bool is_back)
{
    bilinear_job j = {l, taps_fill(l, p), from, to, is_back};

    lt__rows_run(p->pool, p->rows, bilinear_row, &j);
}

static void upsample_forward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, lt_real *y)
{
    const lt_pooling g = blocks(l, p->rows);

    if (l->spec.interp == LT_INTERP_NEAREST)
        lt_pooling_copy(p->pool, &g, x, y);
    else
        bilinear_run(l, p, x, y, false);
}

static void upsample_backward(const lt_layer *l, const lt_pass *p,
                              const lt_real *x, const lt_real *y, lt_real *dy,
                              lt_real *dx)
{
    const lt_pooling g = blocks(l, p->rows);

    (void)x, (void)y;
    if (!dx)
        return;
    if (l->spec.interp == LT_INTERP_NEAREST)
        lt_pooling_copy_sum(p->pool, &g, dy, dx);
    else
        bilinear_run(l, p, dy, dx, true);
}

static void upsample_tangent(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, const lt_real *t, lt_real *dz)
{
    (void)x;
    upsample_forward(l, p, t, dz);
}

static const char *const upsample_fields[] = {"factor", "interp", NULL};

const lt_layer_ops lt__layer_upsample = {
    .name = "upsample",
    .fields = upsample_fields,
    .plan = upsample_plan,
    .mirror = upsample_mirror,
    .work_size = taps_size,
    .forward = upsample_forward,
    .backward = upsample_backward,
    .tangent = upsample_tangent,
};
