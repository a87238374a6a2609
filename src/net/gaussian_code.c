/* Variational codes (Kingma and Welling 2014): of each example the encoder
 * gives a Gaussian, and the code is a draw from it,
 *
 *   z = x W' + b,  z = [mean | logvar],  y = mean + eps exp(logvar / 2),
 *
 * eps from N(0,1), so that the gradient goes through the draw to mean and
 * logvar. In training, and where an estimate of the bound is wanted, the code
 * is drawn; else it is its mean: encode gives means, decode takes any code.
 *
 * W (2H,D) has the means' weights first, and they alone are tied: the mirror is
 * a dense layer of D outputs whose weight, when tied, is that first half
 * transposed. Going back its gradient is there already; the second half of W
 * has no other user.
 *
 * The divergence from N(0,1) is told to the pass going forward, and its
 * gradient is added going back (p->kl_scale).
 *
 * The layer ends the encoder (net_check.c). Its draws follow from the pass's
 * seed, the layer and the step alone. Cost: a dense layer of 2H units and two
 * exponentials a unit. */
#include "net/net_int.h"

#include "latent/math/blas.h"
#include "latent/math/gaussian.h"

#include <string.h>

static lt_status gaussian_plan(lt_layer *l, lt_err *err)
{
    const int most = LT_LAYER_MAX_ELEMENTS / 2;

    if (l->spec.units < 1 || l->spec.units > most)
        return lt_err_set(err, LT_EINVAL, "%d units, wanted 1 to %d",
                          l->spec.units, most);
    l->out = lt_shape_flat(l->spec.units);
    l->bias_count = 2 * (size_t)l->spec.units;
    l->weight_count = (size_t)lt_shape_elements(l->in) * l->bias_count;
    l->weight_rank = 2;
    l->weight_dim[0] = 2 * l->spec.units;
    l->weight_dim[1] = l->fan_in = lt_shape_elements(l->in);
    l->fan_out = l->spec.units; /* as two dense layers side by side */
    return LT_OK;
}

static void gaussian_mirror(const lt_layer *l, lt_layer_spec *out)
{
    out->kind = lt__layer_dense.name;
    out->units = lt_shape_elements(l->in);
}

/* z (B,2H), then eps (B,H). */
static size_t gaussian_keep(const lt_layer *l, int rows, bool with_gradient)
{
    (void)with_gradient;
    return 3 * (size_t)rows * (size_t)l->spec.units;
}

/* dz (B,2H) */
static size_t gaussian_work(const lt_layer *l, int rows, bool with_gradient)
{
    return with_gradient ? 2 * (size_t)rows * (size_t)l->spec.units : 0;
}

static lt_real *kept_eps(const lt_layer *l, const lt_pass *p)
{
    return p->keep + 2 * (size_t)p->rows * (size_t)l->spec.units;
}

/* Sums of each unit's mean over the batch, and of its square. */
static void units_add(const lt_layer *l, const lt_pass *p)
{
    size_t h = (size_t)l->spec.units;

    for (int r = 0; r < p->rows; r++)
        for (size_t i = 0; i < h; i++) {
            double mean = (double)p->keep[(size_t)r * 2 * h + i];

            p->unit_sums[i] += mean;
            p->unit_sums[h + i] += mean * mean;
        }
}

static void gaussian_forward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, lt_real *y)
{
    int d = lt_shape_elements(l->in), h = l->spec.units;
    lt_real *z = p->keep, *eps = kept_eps(l, p);
    lt_rng rng;

    lt_gemm(p->pool, LT_NOTRANS, LT_TRANS, p->rows, 2 * h, d, 1, x,
            p->params + l->weight, 0, z);
    lt_vec_bias_act(p->pool, LT_ACT_LINEAR, p->rows, 2 * h, p->params + l->bias,
                    z);
    if (p->kl)
        *p->kl += lt_gaussian_kl(p->pool, p->rows, h, z);
    if (p->unit_sums)
        units_add(l, p);
    if (p->samples) {
        lt_pass_rng(p, l, &rng);
        lt_vec_normal(p->pool, &rng, (size_t)p->rows * (size_t)h, eps);
    }
    lt_gaussian_draw(p->pool, p->rows, h, z, p->samples ? eps : NULL, y);
}

/* dW (2H,D) = dz' x. Of a tied weight the mirror has left the first half of
 * the gradient, to which this adds. */
static lt_product weight_grad(const lt_layer *l, const lt_pass *p,
                              const lt_real *x)
{
    return (lt_product){.ta = LT_TRANS,
                        .tb = LT_NOTRANS,
                        .m = 2 * l->spec.units,
                        .n = lt_shape_elements(l->in),
                        .k = p->rows,
                        .alpha = 1,
                        .beta = l->adds_gradient ? 1 : 0,
                        .a = p->work,
                        .b = x,
                        .c = p->grads + l->weight};
}

/* dx (B,D) = dz W */
static lt_product input_grad(const lt_layer *l, const lt_pass *p, lt_real *dx)
{
    return (lt_product){.ta = LT_NOTRANS,
                        .tb = LT_NOTRANS,
                        .m = p->rows,
                        .n = lt_shape_elements(l->in),
                        .k = 2 * l->spec.units,
                        .alpha = 1,
                        .a = p->work,
                        .b = p->params + l->weight,
                        .c = dx};
}

static void product_run(lt_pool *pool, const lt_product *p)
{
    lt_gemm(pool, p->ta, p->tb, p->m, p->n, p->k, p->alpha, p->a, p->b, p->beta,
            p->c);
}

static void weight_backward(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, lt_real *dx)
{
    const lt_product both[2] = {weight_grad(l, p, x), input_grad(l, p, dx)};
    size_t half = l->weight_count / 2;

    if (l->adds_gradient)
        memset(p->grads + l->weight + half, 0, half * sizeof *p->grads);
    if (dx)
        lt_gemm_pair(p->pool, both);
    else
        product_run(p->pool, &both[0]);
}

static void gaussian_backward(const lt_layer *l, const lt_pass *p,
                              const lt_real *x, const lt_real *y, lt_real *dy,
                              lt_real *dx)
{
    const lt_gaussian_back back = {.rows = p->rows,
                                   .units = l->spec.units,
                                   .z = p->keep,
                                   .eps = kept_eps(l, p),
                                   .dy = dy,
                                   .kl_scale = p->kl_scale,
                                   .dz = p->work};

    (void)y;
    lt_gaussian_backward(p->pool, &back);
    if (!l->is_bias_frozen)
        lt_vec_col_sums(p->pool, p->rows, 2 * l->spec.units, p->work, 0,
                        p->grads + l->bias);
    if (!l->is_weight_frozen) {
        weight_backward(l, p, x, dx);
    } else if (dx) {
        const lt_product one = input_grad(l, p, dx);

        product_run(p->pool, &one);
    }
}

static const char *const gaussian_fields[] = {"units", NULL};

const lt_layer_ops lt__layer_gaussian_code = {
    .name = "gaussian_code",
    .fields = gaussian_fields,
    .mirror_weight = LT_MIRROR_TRANSPOSED,
    .plan = gaussian_plan,
    .mirror = gaussian_mirror,
    .keep_size = gaussian_keep,
    .work_size = gaussian_work,
    .forward = gaussian_forward,
    .backward = gaussian_backward,
};
