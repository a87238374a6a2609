/* Max pooling:  y = the largest of each window of the picture; and its mirror,
 * which puts each value back where the largest stood and 0 elsewhere (Zeiler,
 * Taylor and Fergus 2011, "switches").
 *
 * The pool keeps the switches, the places of its maxima, of the last forward
 * pass; its own backward pass and its mirror read them. Windows that overlap
 * may send several values to one place, where they add: so the mirror is the
 * exact adjoint of the pool for fixed switches, and each one's backward pass is
 * the other's forward pass.
 *
 * The switches go from the encoder to the decoder beside the code: they tell it
 * where things were, which the code then need not. A network with maxpool is
 * therefore no measure of how much its code holds, and its decoder cannot run
 * on codes alone. avgpool has neither trouble.
 *
 * Cost: one comparison a pixel and window. */
#include "net/net_int.h"

/* Switches are 32-bit places in a plane, kept in the tape's reals. */
static int32_t *switches(lt_real *keep)
{
    return (int32_t *)keep;
}

static size_t maxpool_keep(const lt_layer *l, int rows, bool with_gradient)
{
    size_t bytes =
        (size_t)rows * (size_t)lt_shape_elements(l->out) * sizeof(int32_t);

    (void)with_gradient; /* the mirror reads them in evaluation too */
    return (bytes + sizeof(lt_real) - 1) / sizeof(lt_real);
}

static void maxpool_mirror(const lt_layer *l, lt_layer_spec *out)
{
    lt__pool_mirror(l, "maxunpool", out);
}

static void maxpool_forward(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, lt_real *y)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    lt_pooling_max(p->pool, &g, x, y, switches(p->keep));
}

static void maxpool_backward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, const lt_real *y, lt_real *dy,
                             lt_real *dx)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    (void)x, (void)y;
    if (dx)
        lt_pooling_scatter(p->pool, &g, dy, switches(p->keep), dx);
}

static void maxpool_tangent(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, const lt_real *t, lt_real *dz)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    (void)x;
    lt_pooling_gather(p->pool, &g, t, switches(p->keep), dz);
}

static void unpool_forward(const lt_layer *l, const lt_pass *p,
                           const lt_real *x, lt_real *y)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    lt_pooling_scatter(p->pool, &g, x, (const int32_t *)p->partner, y);
}

static void unpool_backward(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, const lt_real *y, lt_real *dy,
                            lt_real *dx)
{
    const lt_pooling g = lt__pool_geometry(l, p->rows);

    (void)x, (void)y;
    if (dx)
        lt_pooling_gather(p->pool, &g, dy, (const int32_t *)p->partner, dx);
}

static const char *const maxpool_fields[] = {"kernel", "stride", "pad",
                                             "pad_size", NULL};

const lt_layer_ops lt__layer_maxpool = {
    .name = "maxpool",
    .fields = maxpool_fields,
    .plan = lt__pool_plan,
    .mirror = maxpool_mirror,
    .keep_size = maxpool_keep,
    .forward = maxpool_forward,
    .backward = maxpool_backward,
    .tangent = maxpool_tangent,
};

static const char *const unpool_fields[] = {"kernel",   "stride", "pad",
                                            "pad_size", "size",   NULL};

const lt_layer_ops lt__layer_maxunpool = {
    .name = "maxunpool",
    .fields = unpool_fields,
    .needs_partner = true,
    .plan = lt__unpool_plan,
    .forward = unpool_forward,
    .backward = unpool_backward,
};
