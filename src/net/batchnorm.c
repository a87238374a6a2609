/* Batch normalisation (Ioffe and Szegedy 2015):
 *
 *   y = act(scale (x - mean) / sqrt(variance + epsilon) + shift)
 *
 * for each unit of a vector, each channel of a picture. In training, mean and
 * (biased) variance are the batch's, and the forward pass moves the averages
 * that evaluation uses towards them, in PyTorch's convention:
 *
 *   running = (1 - momentum) running + momentum batch
 *
 * with the unbiased variance; a batch that has one value a unit has no such
 * variance and leaves running_var alone. The averages are state of the network
 * and saved with it.
 *
 * Scale (the layer's "weight", 1 at the start) and shift ("bias") are trained;
 * neither is ever tied, decayed or penalised. When both are frozen the layer
 * uses its averages in training too and does not move them: a frozen part of a
 * network computes the same in every batch.
 *
 * The way back goes through mean and variance; the layer keeps those of its
 * pass. Cost: four reads of the batch forward, three back. */
#include "net/net_int.h"

#include <math.h>
#include <string.h>

static lt_norm norm_of(const lt_layer *l, int rows)
{
    lt_shape s = l->in;

    return (lt_norm){rows, s.dim[0], s.rank == 3 ? s.dim[1] * s.dim[2] : 1};
}

static lt_status batchnorm_plan(lt_layer *l, lt_err *err)
{
    int channels = norm_of(l, 1).channels;

    if (!(l->spec.momentum >= 0 && l->spec.momentum <= 1))
        return lt_err_set(err, LT_EINVAL, "momentum %g, wanted 0 to 1",
                          l->spec.momentum);
    if (!(l->spec.epsilon > 0) || !isfinite(l->spec.epsilon))
        return lt_err_set(err, LT_EINVAL, "epsilon %g, wanted above 0",
                          l->spec.epsilon);
    l->out = l->in;
    l->weight_count = l->bias_count = (size_t)channels;
    l->weight_rank = 1;
    l->weight_dim[0] = channels;
    l->state_count = 2 * (size_t)channels;
    return LT_OK;
}

static void batchnorm_mirror(const lt_layer *l, lt_layer_spec *out)
{
    *out = l->spec;
}

/* The scale and the second half of the state, running_var, are 1. */
static void batchnorm_start(const lt_layer *l, lt_real *params, lt_real *state)
{
    for (size_t i = 0; i < l->weight_count; i++) {
        params[l->weight + i] = 1;
        state[l->state + l->weight_count + i] = 1;
    }
}

/* The means and rates of the pass. */
static size_t batchnorm_keep(const lt_layer *l, int rows, bool with_gradient)
{
    (void)rows, (void)with_gradient;
    return 2 * l->weight_count;
}

/* The gradients of scale and shift. */
static size_t batchnorm_work(const lt_layer *l, int rows, bool with_gradient)
{
    (void)rows;
    return with_gradient ? 2 * l->weight_count : 0;
}

static bool uses_batch(const lt_layer *l, const lt_pass *p)
{
    return p->is_training && !(l->is_weight_frozen && l->is_bias_frozen);
}

static lt_norm_map map_of(const lt_layer *l, const lt_pass *p)
{
    return (lt_norm_map){.mean = p->keep,
                         .rate = p->keep + l->weight_count,
                         .scale = p->params + l->weight,
                         .shift = p->params + l->bias};
}

/* running moves towards batch by `share`. */
static void average(size_t n, double share, double factor, const lt_real *batch,
                    lt_real *running)
{
    for (size_t i = 0; i < n; i++)
        running[i] = (lt_real)((1 - share) * (double)running[i] +
                               share * factor * (double)batch[i]);
}

static void averages_move(const lt_layer *l, const lt_pass *p,
                          const lt_norm *shape)
{
    size_t n = l->weight_count;
    double m = (double)shape->rows * shape->spots;
    const lt_real *mean = p->keep, *variance = p->keep + n;
    lt_real *state = p->state + l->state;

    average(n, l->spec.momentum, 1, mean, state);
    if (m > 1)
        average(n, l->spec.momentum, m / (m - 1), variance, state + n);
}

/* Leaves means and rates in keep. */
static void statistics(const lt_layer *l, const lt_pass *p, const lt_norm *n,
                       const lt_real *x)
{
    size_t count = l->weight_count;
    lt_real *second = p->keep + count;

    if (uses_batch(l, p)) {
        lt_norm_moments(p->pool, n, x, p->keep, second);
        averages_move(l, p, n);
    } else {
        memcpy(p->keep, p->state + l->state, 2 * count * sizeof *p->keep);
    }
    for (size_t i = 0; i < count; i++)
        second[i] = (lt_real)(1 / sqrt((double)second[i] + l->spec.epsilon));
}

static void batchnorm_forward(const lt_layer *l, const lt_pass *p,
                              const lt_real *x, lt_real *y)
{
    const lt_norm n = norm_of(l, p->rows);
    const lt_norm_map map = map_of(l, p);

    statistics(l, p, &n, x);
    lt_norm_apply(p->pool, &n, p->skips_act ? LT_ACT_LINEAR : l->spec.act, &map,
                  x, y);
}

static void batchnorm_backward(const lt_layer *l, const lt_pass *p,
                               const lt_real *x, const lt_real *y, lt_real *dy,
                               lt_real *dx)
{
    const lt_norm n = norm_of(l, p->rows);
    const lt_norm_map map = map_of(l, p);
    size_t count = l->weight_count, elements = (size_t)lt_shape_elements(l->in);
    lt_real *dshift = p->work, *dscale = p->work + count;
    bool through = uses_batch(l, p);

    if (!p->skips_act)
        lt_vec_act_grad(p->pool, l->spec.act, (size_t)p->rows * elements, y,
                        dy);
    if (through)
        lt_norm_sums(p->pool, &n, &map, x, dy, dshift, dscale);
    if (p->grads && !l->is_weight_frozen)
        memcpy(p->grads + l->weight, dscale, count * sizeof *dscale);
    if (p->grads && !l->is_bias_frozen)
        memcpy(p->grads + l->bias, dshift, count * sizeof *dshift);
    if (dx)
        lt_norm_back(p->pool, &n, &map, x, dy, through ? dshift : NULL,
                     through ? dscale : NULL, dx);
}

/* Without the batch's statistics each value goes its own way. */
static void batchnorm_tangent(const lt_layer *l, const lt_pass *p,
                              const lt_real *x, const lt_real *t, lt_real *dz)
{
    const lt_norm n = norm_of(l, p->rows);
    const lt_norm_map map = map_of(l, p);

    LT_ASSERT(!uses_batch(l, p));
    lt_norm_back(p->pool, &n, &map, x, t, NULL, NULL, dz);
}

static const char *const batchnorm_fields[] = {"momentum", "epsilon", "act",
                                               NULL};

const lt_layer_ops lt__layer_batchnorm = {
    .name = "batchnorm",
    .fields = batchnorm_fields,
    .plan = batchnorm_plan,
    .mirror = batchnorm_mirror,
    .start = batchnorm_start,
    .keep_size = batchnorm_keep,
    .work_size = batchnorm_work,
    .forward = batchnorm_forward,
    .backward = batchnorm_backward,
    .tangent = batchnorm_tangent,
};
