/* Noise, in training only: what makes an autoencoder a denoising one (Vincent
 * et al. 2010) when it comes first, since the target is always the clean input.
 *
 *   gaussian     y = x + amount N(0,1)
 *   masking      a share `amount` of the values is 0
 *   salt_pepper  a share `amount` of the values is 0 or 1, with equal chance
 *
 * What is drawn follows from the pass's seed, the layer and the step alone; the
 * way back draws the mask again. A value that was replaced gets no gradient. A
 * mirror has nothing in its place. */
#include "net/net_int.h"

#include <math.h>
#include <string.h>

lt_status lt__share_check(double share, lt_err *err)
{
    if (share >= 0 && share < 1)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "a share of %g, wanted 0 or more and below 1", share);
}

static lt_status noise_plan(lt_layer *l, lt_err *err)
{
    double amount = l->spec.amount;

    LT_ASSERT(l->spec.noise >= 0 && l->spec.noise < LT_NOISE_COUNT);
    l->out = l->in;
    if (l->spec.noise != LT_NOISE_GAUSSIAN)
        return lt__share_check(amount, err);
    if (!(amount >= 0) || !isfinite(amount))
        return lt_err_set(err, LT_EINVAL,
                          "a standard deviation of %g, wanted at least 0",
                          amount);
    return LT_OK;
}

static size_t elements(const lt_layer *l, const lt_pass *p)
{
    return (size_t)p->rows * (size_t)lt_shape_elements(l->in);
}

static void noise_mask(const lt_layer *l, const lt_pass *p, bool has_salt,
                       const lt_real *x, lt_real *y)
{
    const lt_mask mask = {
        .share = (lt_real)l->spec.amount, .scale = 1, .has_salt = has_salt};
    lt_rng rng;

    lt_pass_rng(p, l, &rng);
    lt_vec_mask(p->pool, &rng, elements(l, p), &mask, x, y);
}

static void noise_add(const lt_layer *l, const lt_pass *p, const lt_real *x,
                      lt_real *y)
{
    lt_rng rng;

    lt_pass_rng(p, l, &rng);
    lt_vec_normal(p->pool, &rng, elements(l, p), y);
    lt_vec_axpby(p->pool, elements(l, p), 1, x, (lt_real)l->spec.amount, y);
}

static void noise_forward(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          lt_real *y)
{
    if (!p->is_training)
        memcpy(y, x, elements(l, p) * sizeof *y);
    else if (l->spec.noise == LT_NOISE_GAUSSIAN)
        noise_add(l, p, x, y);
    else
        noise_mask(l, p, l->spec.noise == LT_NOISE_SALT_PEPPER, x, y);
}

/* Its own transpose: what the way back does too. */
static void noise_tangent(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          const lt_real *t, lt_real *dz)
{
    (void)x;
    if (!p->is_training || l->spec.noise == LT_NOISE_GAUSSIAN)
        memcpy(dz, t, elements(l, p) * sizeof *dz);
    else
        noise_mask(l, p, false, t, dz);
}

static void noise_backward(const lt_layer *l, const lt_pass *p,
                           const lt_real *x, const lt_real *y, lt_real *dy,
                           lt_real *dx)
{
    (void)y;
    if (dx)
        noise_tangent(l, p, x, dy, dx);
}

static const char *const noise_fields[] = {"noise", "amount", NULL};

const lt_layer_ops lt__layer_noise = {
    .name = "noise",
    .fields = noise_fields,
    .is_noise = true,
    .plan = noise_plan,
    .forward = noise_forward,
    .backward = noise_backward,
    .tangent = noise_tangent,
};
