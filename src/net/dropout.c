/* Dropout (Srivastava et al. 2014), inverted: in training a share `amount` of
 * the values, chosen anew in every step, is 0 and the others are divided by
 * 1 - amount, so that evaluation, which changes nothing, sees the same mean.
 *
 * Which values are dropped follows from the pass's seed, the layer and the step
 * alone (lt_pass_rng), so the way back draws the mask again instead of keeping
 * it. Freezing a network does not stop it: there is nothing here to train. A
 * mirror has nothing in its place. */
#include "net/net_int.h"

#include <string.h>

static lt_status dropout_plan(lt_layer *l, lt_err *err)
{
    l->out = l->in;
    return lt__share_check(l->spec.amount, err);
}

static void dropout_run(const lt_layer *l, const lt_pass *p, const lt_real *x,
                        lt_real *y)
{
    size_t n = (size_t)p->rows * (size_t)lt_shape_elements(l->in);
    const lt_mask mask = {.share = (lt_real)l->spec.amount,
                          .scale = (lt_real)(1 / (1 - l->spec.amount))};
    lt_rng rng;

    if (!p->is_training) {
        memcpy(y, x, n * sizeof *y);
        return;
    }
    lt_pass_rng(p, l, &rng);
    lt_vec_mask(p->pool, &rng, n, &mask, x, y);
}

static void dropout_backward(const lt_layer *l, const lt_pass *p,
                             const lt_real *x, const lt_real *y, lt_real *dy,
                             lt_real *dx)
{
    (void)x, (void)y;
    if (dx)
        dropout_run(l, p, dy, dx);
}

static void dropout_tangent(const lt_layer *l, const lt_pass *p,
                            const lt_real *x, const lt_real *t, lt_real *dz)
{
    (void)x;
    dropout_run(l, p, t, dz);
}

static const char *const dropout_fields[] = {"amount", NULL};

const lt_layer_ops lt__layer_dropout = {
    .name = "dropout",
    .fields = dropout_fields,
    .is_noise = true,
    .plan = dropout_plan,
    .forward = dropout_run,
    .backward = dropout_backward,
    .tangent = dropout_tangent,
};
