/* Layers that only change the shape: flatten, and reshape to a given one. The
 * numbers stay in their order; their mirrors restore the shape. */
#include "net/net_int.h"

#include <string.h>

static lt_status flatten_plan(lt_layer *l, lt_err *err)
{
    (void)err;
    l->out = lt_shape_flat(lt_shape_elements(l->in));
    return LT_OK;
}

/* {n, 0, 0} is flat. */
static bool shape_is_flat(const int shape[3])
{
    return !shape[1] && !shape[2];
}

static lt_status reshape_plan(lt_layer *l, lt_err *err)
{
    const int *s = l->spec.shape;
    int rank = shape_is_flat(s) ? 1 : 3;
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];
    int64_t n = 1;

    for (int i = 0; i < rank && n <= LT_LAYER_MAX_ELEMENTS; i++)
        n *= s[i] > 0 ? s[i] : 0;
    l->out = rank == 1 ? lt_shape_flat(s[0]) : lt_shape_image(s[0], s[1], s[2]);
    if (n != lt_shape_elements(l->in))
        return lt_err_set(err, LT_EINVAL,
                          "shape %s has %lld elements, wanted the input's %d "
                          "(%s)",
                          lt_shape_text(l->out, wanted), (long long)n,
                          lt_shape_elements(l->in),
                          lt_shape_text(l->in, found));
    return LT_OK;
}

static void shape_mirror(const lt_layer *l, lt_layer_spec *out)
{
    out->kind = "reshape";
    for (int i = 0; i < l->in.rank; i++)
        out->shape[i] = l->in.dim[i];
}

static void shape_copy(const lt_layer *l, const lt_pass *p, const lt_real *x,
                       lt_real *y)
{
    memcpy(y, x,
           (size_t)p->rows * (size_t)lt_shape_elements(l->in) * sizeof *y);
}

static void shape_backward(const lt_layer *l, const lt_pass *p,
                           const lt_real *x, const lt_real *y, lt_real *dy,
                           lt_real *dx)
{
    (void)x, (void)y;
    if (dx)
        shape_copy(l, p, dy, dx);
}

static void shape_tangent(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          const lt_real *t, lt_real *dz)
{
    (void)x;
    shape_copy(l, p, t, dz);
}

static const char *const flatten_fields[] = {NULL};

const lt_layer_ops lt__layer_flatten = {
    .name = "flatten",
    .fields = flatten_fields,
    .is_shape_only = true,
    .plan = flatten_plan,
    .mirror = shape_mirror,
    .forward = shape_copy,
    .backward = shape_backward,
    .tangent = shape_tangent,
};

static const char *const reshape_fields[] = {"shape", NULL};

const lt_layer_ops lt__layer_reshape = {
    .name = "reshape",
    .fields = reshape_fields,
    .is_shape_only = true,
    .plan = reshape_plan,
    .mirror = shape_mirror,
    .forward = shape_copy,
    .backward = shape_backward,
    .tangent = shape_tangent,
};
