/* The contractive penalty: |J|^2, J = dh/dx the encoder's Jacobian at an
 * example (Rifai et al. 2011), mean over the batch.
 *
 * One dense layer:  |J|^2 = sum_k s_k^2 |w_k|^2,  s = act'(z), w_k row k of W.
 * Its gradient is 2 s_k^2 w_k in W and 2 s_k act''(z_k) |w_k|^2 in z_k.
 *
 * Any other encoder, by products. For u in the code's space J'u is a pass back
 * through the encoder, and |J|^2 = sum |J'u|^2 over its unit vectors, or the
 * mean of |J'u|^2 over random signs u (Hutchinson 1990; no other u of
 * independent parts has less variance). With v = J'u, the gradient of |v|^2 is
 * that of 2 u'J v with u and v held fixed. So v goes forward through the
 * encoder as a tangent t, and layer by layer, a being the gradient at z in the
 * pass back (which that pass left in `slope`):
 *
 *   z = W x + b, t_z = W t:   dW += a' t
 *   y = act(z), t_y = act'(z) t_z:   dz += a t_z act''(z) / act'(z)
 *
 * The dW are gathered apart and added to the network's gradient in the end; the
 * dz ("bend") go into the ordinary backward pass, each at its layer, which
 * takes them on to all parameters below. Both are linear in the products, so
 * any number of them needs one backward pass.
 *
 * Noise, dropout, switches and k-sparse choices are those of the pass: the
 * Jacobian is the one that this batch's examples went through.
 *
 * Cost of one product: one pass of three through the encoder for its value,
 * two more with a gradient. Exact, as many as the code has units. */
#include "net/penalty_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int lt__contractive_only(const lt_net *net)
{
    int found = -1;

    for (int i = 0; i < net->n_encoder; i++) {
        const lt_layer *l = &net->layers[i];

        if (l->ops->is_shape_only)
            continue;
        if (found >= 0 || l->ops != &lt__layer_dense)
            return -1;
        found = i;
    }
    return found;
}

static size_t elements_out(const lt__penalty *p, int index)
{
    return (size_t)p->rows *
           (size_t)lt_shape_elements(p->net->layers[index].out);
}

/* Whether anything in the encoder trains. */
static bool learns(const lt__penalty *p)
{
    return p->with_gradient && p->net->lowest < p->net->n_encoder;
}

static void bends_clear(const lt__penalty *p)
{
    lt_real *const *bend = p->tape->room->bend;

    for (int i = 0; i < p->net->n_encoder; i++)
        if (bend[i])
            memset(bend[i], 0, elements_out(p, i) * sizeof *bend[i]);
}

/* What the derivative of |v|^2 is multiplied by. */
static double gradient_scale(const lt__penalty *p)
{
    return 2 * p->o->contractive / p->rows;
}

/* ---- one dense layer ---- */

typedef struct closed {
    const lt__penalty *p;
    const lt_layer *l;
    int units;
    size_t inputs;    /* of a unit */
    const lt_real *y; /* (B,K) */
    const lt_real *w; /* (K,D) */
    lt_real *squares; /* (K): of slopes, summed over the batch */
    lt_real *sizes;   /* (K): |w_k|^2 */
} closed;

static closed closed_of(const lt__penalty *p, int index)
{
    const lt_layer *l = &p->net->layers[index];
    lt_real *units = p->tape->room->units;
    int k = lt_shape_elements(l->out);

    return (closed){.p = p,
                    .l = l,
                    .units = k,
                    .inputs = (size_t)lt_shape_elements(l->in),
                    .y = p->tape->y[index],
                    .w = p->net->params + l->weight,
                    .squares = units,
                    .sizes = units + k};
}

/* x (B,K) *= act'(z) */
static void by_slope(const closed *c, lt_real *x)
{
    lt_vec_act_grad(c->p->pool, c->l->spec.act, elements_out(c->p, c->l->index),
                    c->y, x);
}

static void size_of_unit(void *arg, int k)
{
    const closed *c = arg;

    c->sizes[k] = (lt_real)lt_vec_shrink(
                      NULL, c->inputs, c->w + (size_t)k * c->inputs, 0, 0, NULL)
                      .squares;
}

static double closed_value(closed *c)
{
    lt_real *s = c->p->tape->room->slope[c->l->index];
    lt_real *twice = c->p->tape->room->tangent[0];
    size_t n = elements_out(c->p, c->l->index);
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        s[i] = 1;
    by_slope(c, s);
    memcpy(twice, s, n * sizeof *s);
    by_slope(c, twice);
    lt_vec_col_sums(c->p->pool, c->p->rows, c->units, twice, 0, c->squares);
    lt__rows_run(c->p->pool, c->units, size_of_unit, c);
    for (int k = 0; k < c->units; k++)
        sum += (double)c->squares[k] * (double)c->sizes[k];
    return sum;
}

static void closed_bend(const closed *c)
{
    const lt__room *room = c->p->tape->room;
    lt_real *t = room->tangent[1];
    size_t n = elements_out(c->p, c->l->index);
    lt_real scale = (lt_real)gradient_scale(c->p);

    if (!room->bend[c->l->index])
        return;
    for (int k = 0; k < c->units; k++)
        c->sizes[k] *= scale;
    memset(t, 0, n * sizeof *t);
    lt_vec_bias_act(c->p->pool, LT_ACT_LINEAR, c->p->rows, c->units, c->sizes,
                    t);
    by_slope(c, t);
    lt_vec_act_bend(c->p->pool, c->l->spec.act, n, c->y,
                    room->slope[c->l->index], t, room->bend[c->l->index]);
}

static double closed_form(const lt__penalty *p, int index)
{
    closed c = closed_of(p, index);
    double value = closed_value(&c);

    if (learns(p))
        closed_bend(&c);
    return value;
}

static void add_to_unit(void *arg, int k)
{
    const closed *c = arg;
    size_t first = (size_t)k * c->inputs;

    lt_vec_axpby(NULL, c->inputs, (lt_real)gradient_scale(c->p) * c->squares[k],
                 c->w + first, 1, c->p->net->grads + c->l->weight + first);
}

/* The squares of slopes are still there. */
static void closed_add(const lt__penalty *p, int index)
{
    closed c = closed_of(p, index);

    if (!c.l->is_weight_frozen)
        lt__rows_run(p->pool, c.units, add_to_unit, &c);
}

/* ---- by products ---- */

/* u = a unit vector in each row, or signs from `rng`. */
static void probe_set(const lt__penalty *p, lt_rng *rng, int unit)
{
    int last = p->net->n_encoder - 1;
    size_t n = elements_out(p, last), width = n / (size_t)p->rows;
    lt_real *u = p->tape->room->slope[last];
    uint64_t bits = 0;

    if (unit >= 0) {
        memset(u, 0, n * sizeof *u);
        for (size_t i = (size_t)unit; i < n; i += width)
            u[i] = 1;
        return;
    }
    for (size_t i = 0; i < n; i++, bits >>= 1) {
        if (i % 64 == 0)
            bits = lt_rng_next(rng);
        u[i] = bits & 1 ? 1 : -1;
    }
}

/* v = J'u into tangent[0]; slope has the gradient at each pre-activation.
 * Returns |v|^2 over the batch. */
static double pull(const lt__penalty *p)
{
    const lt__room *room = p->tape->room;
    size_t n = (size_t)p->rows * (size_t)lt_shape_elements(p->net->input);

    for (int i = p->net->n_encoder - 1; i >= 0; i--) {
        const lt_layer *l = &p->net->layers[i];
        lt_pass pass = lt__tape_pass(p->tape, p->rows, i);

        l->ops->backward(l, &pass, lt__tape_received(p->tape, i), p->tape->y[i],
                         room->slope[i],
                         i ? room->slope[i - 1] : room->tangent[0]);
    }
    return lt_vec_shrink(p->pool, n, room->tangent[0], 0, 0, NULL).squares;
}

/* dW (+)= a' t: the layer's own gradient, had it received t. */
static void push_weight(const lt__penalty *p, int index, const lt_real *t,
                        bool is_first)
{
    lt_layer l = p->net->layers[index];
    lt_pass pass = lt__tape_pass(p->tape, p->rows, index);

    if (!l.weight_count || l.is_weight_frozen)
        return;
    l.adds_gradient = !is_first;
    l.is_bias_frozen = true;
    pass.grads = p->tape->room->grads;
    pass.skips_act = true;
    l.ops->backward(&l, &pass, t, p->tape->y[index],
                    p->tape->room->slope[index], NULL);
}

/* t through the layer, into `out`. */
static void push_tangent(const lt__penalty *p, int index, const lt_real *t,
                         lt_real *out)
{
    const lt_layer *l = &p->net->layers[index];
    const lt__room *room = p->tape->room;
    const lt_pass pass = lt__tape_pass(p->tape, p->rows, index);
    const lt_real *y = p->tape->y[index];
    size_t n = elements_out(p, index);

    l->ops->tangent(l, &pass, lt__tape_received(p->tape, index), t, out);
    if (room->bend[index])
        lt_vec_act_bend(p->pool, l->spec.act, n, y, room->slope[index], out,
                        room->bend[index]);
    else
        lt_vec_act_grad(p->pool, l->spec.act, n, y, out);
}

/* The gradient of `scale` |v|^2 / 2, v in tangent[0]. */
static void push(const lt__penalty *p, double scale, bool is_first)
{
    lt_real *t = p->tape->room->tangent[0], *out = p->tape->room->tangent[1];
    size_t n = (size_t)p->rows * (size_t)lt_shape_elements(p->net->input);
    int last = p->net->n_encoder - 1;

    for (size_t i = 0; i < n; i++)
        t[i] *= (lt_real)scale;
    for (int i = 0; i < p->net->n_encoder; i++) {
        lt_real *done = t;

        push_weight(p, i, t, is_first);
        if (i < last || p->tape->room->bend[i])
            push_tangent(p, i, t, out);
        t = out;
        out = done;
    }
}

static double by_products(const lt__penalty *p)
{
    int units = lt_shape_elements(lt_net_code(p->net));
    bool is_exact = p->o->contractive_probes == 0;
    int n = is_exact ? units : p->o->contractive_probes;
    double share = is_exact ? 1 : 1.0 / n, sum = 0;
    char stream[48];
    lt_rng rng;

    snprintf(stream, sizeof stream, "contractive.%" PRId64, p->tape->step);
    lt_rng_init(&rng, p->tape->seed, stream);
    for (int i = 0; i < n; i++) {
        probe_set(p, &rng, is_exact ? i : -1);
        sum += pull(p);
        if (learns(p))
            push(p, share * gradient_scale(p), i == 0);
    }
    return share * sum;
}

double lt__contractive(const lt__penalty *p)
{
    int only = lt__contractive_only(p->net);

    if (learns(p)) {
        bends_clear(p);
        p->tape->bend = p->tape->room->bend;
    }
    return only >= 0 ? closed_form(p, only) : by_products(p);
}

void lt__contractive_add(const lt__penalty *p)
{
    const lt_real *from = p->tape->room->grads;
    int only = lt__contractive_only(p->net);

    if (only >= 0) {
        closed_add(p, only);
        return;
    }
    for (int i = 0; i < p->net->n_encoder; i++) {
        const lt_layer *l = &p->net->layers[i];

        if (l->weight_count && !l->is_weight_frozen)
            lt_vec_axpby(p->pool, l->weight_count, 1, from + l->weight, 1,
                         p->net->grads + l->weight);
    }
}
