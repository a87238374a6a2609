/* Fully connected layers:  y = act(x W' + b).
 *
 * Forward is one matrix product and one fused sweep that adds the bias and
 * applies the activation. Backward is the activation's derivative taken from
 * the output, column sums for the bias, and two products: one for the weight,
 * one for the input. The product for the input is skipped in the lowest layer
 * that trains, the one for the weight when it is frozen.
 *
 * A layer that borrows its weight from the layer it mirrors reads it (D,H)
 * instead of (H,D), and the first layer of a sparse network stores it so; only
 * the transposition flags differ. Nothing is copied, and both uses of a tied
 * weight add into one gradient.
 *
 * Cost: 2 B D H operations for each of the three products. */
#include "net/net_int.h"

#include "latent/math/blas.h"

static lt_status dense_plan(lt_layer *l, lt_err *err)
{
    if (l->spec.units < 1)
        return lt_err_set(err, LT_EINVAL, "%d units, wanted at least 1",
                          l->spec.units);
    if (l->spec.units > LT_LAYER_MAX_ELEMENTS)
        return lt_err_set(err, LT_EINVAL, "%d units, wanted at most %d",
                          l->spec.units, LT_LAYER_MAX_ELEMENTS);
    l->out = lt_shape_flat(l->spec.units);
    l->bias_count = (size_t)l->spec.units;
    l->weight_count = (size_t)lt_shape_elements(l->in) * l->bias_count;
    l->weight_rank = 2;
    l->weight_dim[0] = l->fan_out = l->spec.units;
    l->weight_dim[1] = l->fan_in = lt_shape_elements(l->in);
    return LT_OK;
}

static void dense_mirror(const lt_layer *l, lt_layer_spec *out)
{
    *out = l->spec;
    out->units = lt_shape_elements(l->in);
}

/* x is (B,D); W is (H,D), or (D,H) when transposed; y is (B,H). */
static void dense_forward(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          lt_real *y)
{
    int d = lt_shape_elements(l->in), h = lt_shape_elements(l->out);
    lt_trans tw = l->is_transposed ? LT_NOTRANS : LT_TRANS;

    lt_gemm(p->pool, LT_NOTRANS, tw, p->rows, h, d, 1, x, p->params + l->weight,
            0, y);
    lt_vec_bias_act(p->pool, p->skips_act ? LT_ACT_LINEAR : l->spec.act,
                    p->rows, h, p->params + l->bias, y);
}

/* dW (H,D) = dz' x, or as stored when transposed (D,H) = x' dz. */
static lt_product dense_weight_grad(const lt_layer *l, const lt_pass *p,
                                    const lt_real *x, const lt_real *dz)
{
    int d = lt_shape_elements(l->in), h = lt_shape_elements(l->out);
    bool is_flipped = l->is_transposed;

    return (lt_product){.ta = LT_TRANS,
                        .tb = LT_NOTRANS,
                        .m = is_flipped ? d : h,
                        .n = is_flipped ? h : d,
                        .k = p->rows,
                        .alpha = 1,
                        .beta = l->adds_gradient ? 1 : 0,
                        .a = is_flipped ? x : dz,
                        .b = is_flipped ? dz : x,
                        .c = p->grads ? p->grads + l->weight : NULL};
}

/* dx (B,D) = dz W */
static lt_product dense_input_grad(const lt_layer *l, const lt_pass *p,
                                   const lt_real *dz, lt_real *dx)
{
    return (lt_product){.ta = LT_NOTRANS,
                        .tb = l->is_transposed ? LT_TRANS : LT_NOTRANS,
                        .m = p->rows,
                        .n = lt_shape_elements(l->in),
                        .k = lt_shape_elements(l->out),
                        .alpha = 1,
                        .a = dz,
                        .b = p->params + l->weight,
                        .c = dx};
}

static void product_run(lt_pool *pool, const lt_product *p)
{
    lt_gemm(pool, p->ta, p->tb, p->m, p->n, p->k, p->alpha, p->a, p->b, p->beta,
            p->c);
}

static void dense_backward(const lt_layer *l, const lt_pass *p,
                           const lt_real *x, const lt_real *y, lt_real *dy,
                           lt_real *dx)
{
    size_t h = (size_t)lt_shape_elements(l->out);
    const lt_product both[2] = {dense_weight_grad(l, p, x, dy),
                                dense_input_grad(l, p, dy, dx)};
    bool trains = p->grads && !l->is_weight_frozen;

    if (!p->skips_act)
        lt_vec_act_grad(p->pool, l->spec.act, (size_t)p->rows * h, y, dy);
    if (p->grads && !l->is_bias_frozen)
        lt_vec_col_sums(p->pool, p->rows, (int)h, dy, 0, p->grads + l->bias);
    if (dx && trains)
        lt_gemm_pair(p->pool, both);
    else if (dx)
        product_run(p->pool, &both[1]);
    else if (trains)
        product_run(p->pool, &both[0]);
}

/* dz = t W' */
static void dense_tangent(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          const lt_real *t, lt_real *dz)
{
    (void)x;
    lt_gemm(p->pool, LT_NOTRANS, l->is_transposed ? LT_NOTRANS : LT_TRANS,
            p->rows, lt_shape_elements(l->out), lt_shape_elements(l->in), 1, t,
            p->params + l->weight, 0, dz);
}

static const char *const dense_fields[] = {"units", "act", NULL};

const lt_layer_ops lt__layer_dense = {
    .name = "dense",
    .fields = dense_fields,
    .mirror_weight = LT_MIRROR_TRANSPOSED,
    .plan = dense_plan,
    .mirror = dense_mirror,
    .forward = dense_forward,
    .backward = dense_backward,
    .tangent = dense_tangent,
};
