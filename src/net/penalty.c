/* Penalties on weights and codes; the one on the Jacobian is contractive.c.
 *
 * What acts on codes leaves its gradient where the backward pass takes it up at
 * the code. What acts on weights is added to their gradients after the pass:
 * one read of each weight for l1 and l2 together, with the values; for
 * orthogonality, with G = W W' - I (or W'W - I, the smaller), two products,
 *
 *   |G|^2   and   4 G W   (or 4 W G)
 *
 * of 2 min(H,D)^2 max(H,D) operations each.
 *
 * Means of sigmoid units are kept a millionth away from 0 and 1 by the sparsity
 * penalty: a unit that is off in all of a batch to the last digit costs a lot,
 * not infinitely much, and since its slope is 0 it would not move anyway. */
#include "net/penalty_int.h"

#include "latent/math/blas.h"

#include <math.h>
#include <string.h>

bool lt__penalty_is_any(const lt_objective *o)
{
#define X(name) || o->name > 0
    return false LT__PENALTY_MAP(X);
#undef X
}

bool lt__weight_matrix(const lt_layer *l, int *m, int *n)
{
    if (!l->weight_count || l->ops->mirror_weight == LT_MIRROR_NONE)
        return false;
    *m = l->weight_dim[l->is_transposed ? 1 : 0];
    *n = (int)(l->weight_count / (size_t)*m);
    return true;
}

/* ---- checks ---- */

/* Flattening leaves a sigmoid's values where they are. */
static lt_status sparsity_check(const lt_objective *o, const lt_net *net,
                                lt_err *err)
{
    int last = net->n_encoder - 1;
    char label[LT_LABEL_TEXT];

    if (!(o->sparsity > 0))
        return LT_OK;
    if (!(o->sparsity_target > 0 && o->sparsity_target < 1))
        return lt_err_set(err, LT_EINVAL,
                          "objective: sparsity_target is %g, wanted above 0 "
                          "and below 1",
                          o->sparsity_target);
    while (last > 0 && net->layers[last].ops->is_shape_only)
        last--;
    if (net->layers[last].spec.act != LT_ACT_SIGMOID)
        return lt_err_set(err, LT_EINVAL,
                          "objective: sparsity wants a code of sigmoid units, "
                          "but %s gives \"%s\"",
                          lt__net_label(net, last, label),
                          lt_act_name(net->layers[last].spec.act));
    return LT_OK;
}

static lt_status contractive_check(const lt_objective *o, const lt_net *net,
                                   lt_err *err)
{
    char label[LT_LABEL_TEXT];

    if (!(o->contractive > 0))
        return LT_OK;
    if (o->contractive_probes < 0)
        return lt_err_set(err, LT_EINVAL,
                          "objective: contractive_probes is %d, wanted 0 or "
                          "more",
                          o->contractive_probes);
    if (net->is_sparse)
        return lt_err_set(err, LT_EINVAL,
                          "objective: contractive wants a network that is not "
                          "sparse");
    for (int i = 0; i < net->n_encoder; i++) {
        const lt_layer *l = &net->layers[i];

        if (!l->ops->tangent)
            return lt_err_set(err, LT_EINVAL,
                              "objective: contractive wants layers with a "
                              "Jacobian of each example, which %s has not",
                              lt__net_label(net, i, label));
        if (l->ops == &lt__layer_batchnorm &&
            !(l->is_weight_frozen && l->is_bias_frozen))
            return lt_err_set(err, LT_EINVAL,
                              "objective: contractive wants layers with a "
                              "Jacobian of each example, but %s mixes the "
                              "examples of a batch unless it is frozen",
                              lt__net_label(net, i, label));
    }
    return LT_OK;
}

lt_status lt__penalty_check(const lt_objective *o, const lt_net *net,
                            lt_err *err)
{
    LT_TRY(sparsity_check(o, net, err));
    return contractive_check(o, net, err);
}

/* `value` is the batch's mean, or what does not depend on the batch. */
static void term_add(const lt__penalty *p, double weight, double value,
                     double *term, lt_sums *sums)
{
    *term += p->rows * value;
    sums->penalty += p->rows * weight * value;
}

/* ---- codes ---- */

static size_t code_units(const lt__penalty *p)
{
    return (size_t)lt_shape_elements(lt_net_code(p->net));
}

/* A unit's divergence, and what its slope is to each example's activation. */
static double unit_divergence(const lt__penalty *p, double r, lt_real *slope)
{
    const double least = 1e-6, rho = p->o->sparsity_target;

    r = r < least ? least : r > 1 - least ? 1 - least : r;
    *slope =
        (lt_real)(p->o->sparsity / p->rows * ((1 - rho) / (1 - r) - rho / r));
    return rho * log(rho / r) + (1 - rho) * log((1 - rho) / (1 - r));
}

/* Adds to delta (B,K) unless it is NULL. */
static double sparsity(const lt__penalty *p, const lt_real *code,
                       lt_real *delta)
{
    size_t units = code_units(p);
    lt_real *sum = p->tape->room->units, *slope = sum + units;
    double divergence = 0;

    lt_vec_col_sums(p->pool, p->rows, (int)units, code, 0, sum);
    for (size_t i = 0; i < units; i++)
        divergence += unit_divergence(p, (double)sum[i] / p->rows, &slope[i]);
    if (delta)
        lt_vec_bias_act(p->pool, LT_ACT_LINEAR, p->rows, (int)units, slope,
                        delta);
    return divergence;
}

static void penalise_code(const lt__penalty *p, lt_sums *sums)
{
    const lt_objective *o = p->o;
    const lt_real *code = p->tape->y[p->net->n_encoder - 1];
    lt_real *delta = p->with_gradient ? p->tape->code_delta : NULL;
    size_t n = (size_t)p->rows * code_units(p);

    if (!(o->code_l1 > 0) && !(o->sparsity > 0))
        return;
    if (delta)
        memset(delta, 0, n * sizeof *delta);
    if (o->sparsity > 0)
        term_add(p, o->sparsity, sparsity(p, code, delta),
                 &sums->total.sparsity, sums);
    if (o->code_l1 > 0) {
        lt_vec_sizes sizes = lt_vec_shrink(
            p->pool, n, code, (lt_real)(o->code_l1 / p->rows), 0, delta);

        term_add(p, o->code_l1, sizes.abs / p->rows, &sums->total.code_l1,
                 sums);
    }
    if (delta)
        lt_tape_add_code_delta(p->tape);
}

void lt__penalty_before(const lt__penalty *p, lt_sums *sums)
{
    if (!lt__penalty_is_any(p->o))
        return;
    LT_ASSERT(p->tape->room);
    penalise_code(p, sums);
    if (p->o->contractive > 0)
        term_add(p, p->o->contractive, lt__contractive(p) / p->rows,
                 &sums->total.contractive, sums);
}

/* ---- weights ---- */

static void shrink_weights(const lt__penalty *p, lt_sums *sums)
{
    const lt_objective *o = p->o;
    lt_vec_sizes all = {0};

    for (int i = 0; i < p->net->n_segments; i++) {
        const lt_segment *s = &p->net->segments[i];
        lt_vec_sizes one;

        if (!s->is_weight || s->is_frozen)
            continue;
        one =
            lt_vec_shrink(p->pool, s->count, p->net->params + s->offset,
                          (lt_real)o->l1, (lt_real)(2 * o->l2),
                          p->with_gradient ? p->net->grads + s->offset : NULL);
        all.abs += one.abs;
        all.squares += one.squares;
    }
    if (o->l1 > 0)
        term_add(p, o->l1, all.abs, &sums->total.l1, sums);
    if (o->l2 > 0)
        term_add(p, o->l2, all.squares, &sums->total.l2, sums);
}

/* w (m,n); returns |G|^2. */
static double orthogonality(const lt__penalty *p, int m, int n,
                            const lt_real *w, lt_real *dw)
{
    bool is_wide = m <= n;
    int side = is_wide ? m : n;
    lt_real *g = p->tape->room->gram;
    lt_real scale = (lt_real)(4 * p->o->orthogonality);

    lt_gemm(p->pool, is_wide ? LT_NOTRANS : LT_TRANS,
            is_wide ? LT_TRANS : LT_NOTRANS, side, side, is_wide ? n : m, 1, w,
            w, 0, g);
    for (int i = 0; i < side; i++)
        g[(size_t)i * (size_t)side + (size_t)i] -= 1;
    if (dw)
        lt_gemm(p->pool, LT_NOTRANS, LT_NOTRANS, m, n, side, scale,
                is_wide ? g : w, is_wide ? w : g, 1, dw);
    return lt_vec_shrink(p->pool, (size_t)side * (size_t)side, g, 0, 0, NULL)
        .squares;
}

static void straighten_weights(const lt__penalty *p, lt_sums *sums)
{
    lt_net *net = p->net;
    double all = 0;
    int m, n;

    for (int i = 0; i < net->n_encoder; i++) {
        const lt_layer *l = &net->layers[i];
        bool learns = p->with_gradient && !l->is_weight_frozen;

        if (lt__weight_matrix(l, &m, &n))
            all += orthogonality(p, m, n, net->params + l->weight,
                                 learns ? net->grads + l->weight : NULL);
    }
    term_add(p, p->o->orthogonality, all, &sums->total.orthogonality, sums);
}

void lt__penalty_after(const lt__penalty *p, lt_sums *sums)
{
    if (p->o->l1 > 0 || p->o->l2 > 0)
        shrink_weights(p, sums);
    if (p->o->orthogonality > 0)
        straighten_weights(p, sums);
    if (p->o->contractive > 0 && p->with_gradient)
        lt__contractive_add(p);
}
