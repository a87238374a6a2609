/* Average pooling:  y = the mean over each window's real pixels (padding does
 * not count); and its mirror, which gives back the picture's size, in one of
 * two ways.
 *
 *   spread  each value is spread evenly over its window: the exact adjoint of
 *           the pool. Windows that overlap add; pixels under no window are 0.
 *   copy    each pixel has the value of the window whose centre is nearest
 *           (pooling.h), as nearest-neighbour upsampling does. With windows
 *           side by side this is k^2 times the spread of k x k windows.
 *
 * Backward passes are the adjoints: mean for spread, spread for mean, and the
 * sum over its pixels for copy. Cost: about one addition a pixel and window. */
#include "net/net_int.h"

static void avgpool_mirror(const lt_layer *l, lt_layer_spec *out)
{
    lt__pool_mirror(l, "avgunpool", out);
}

static void avgpool_forward(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, lt_real *y)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    lt_pooling_mean(p->pool, &g, x, y);
}

static void avgpool_backward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, const lt_real *y, lt_real *dy,
                             lt_real *dx)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    (void)x, (void)y;
    if (dx)
        lt_pooling_spread(p->pool, &g, dy, dx);
}

static void avgpool_tangent(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, const lt_real *t, lt_real *dz)
{
    (void)x;
    avgpool_forward(l, p, t, dz);
}

static void unpool_forward(const lt_layer *l, const lt_pass *p,
                           const lt_real *x, lt_real *y)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    if (l->spec.unpool == LT_UNPOOL_SPREAD)
        lt_pooling_spread(p->pool, &g, x, y);
    else
        lt_pooling_copy(p->pool, &g, x, y);
}

static void unpool_backward(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, const lt_real *y, lt_real *dy,
                            lt_real *dx)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    (void)x, (void)y;
    if (!dx)
        return;
    if (l->spec.unpool == LT_UNPOOL_SPREAD)
        lt_pooling_mean(p->pool, &g, dy, dx);
    else
        lt_pooling_copy_sum(p->pool, &g, dy, dx);
}

static const char *const avgpool_fields[] = {"kernel",   "stride", "pad",
                                             "pad_size", "unpool", NULL};

const lt_layer_ops lt__layer_avgpool = {
    .name = "avgpool",
    .fields = avgpool_fields,
    .plan = lt__pool_plan,
    .mirror = avgpool_mirror,
    .forward = avgpool_forward,
    .backward = avgpool_backward,
    .tangent = avgpool_tangent,
};

static const char *const unpool_fields[] = {
    "kernel", "stride", "pad", "pad_size", "size", "unpool", NULL};

const lt_layer_ops lt__layer_avgunpool = {
    .name = "avgunpool",
    .fields = unpool_fields,
    .plan = lt__unpool_plan,
    .forward = unpool_forward,
    .backward = unpool_backward,
};
