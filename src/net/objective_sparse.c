/* The objective at the entries of sparse rows; see latent/net/objective.h.
 *
 * Nothing dense may be asked for: a penalty on weights has a gradient wherever
 * there is a weight, a contractive one multiplies by all of the first layer.
 * What acts on the code does so as ever. (Weight decay is the optimiser's,
 * which catches up row by row.) */
#include "net/penalty_int.h"

bool lt_objective_is_sparse(const lt_objective *o, const lt_net *net)
{
    lt_objective others = *o;

    others.code_l1 = others.sparsity = 0;
    return o->loss == LT_LOSS_MASKED_MSE && !lt__penalty_is_any(&others) &&
           lt_net_check_sparse(net, NULL) == LT_OK;
}

/* The terms of a batch; with the gradients at the last layer and the code. */
static void sparse_terms(const lt_objective *o, const lt__penalty *p,
                         const lt_sparse_pair *pair, lt_sums *sums)
{
    const lt_sparse_batch *target = pair->target;
    double entries = target->start[target->rows];
    double sse =
        lt_net_sse_sparse(p->net, p->tape, pair, entries > 0 ? 2 / entries : 0);

    LT_ASSERT(o->loss == LT_LOSS_MASKED_MSE);
    *sums = (lt_sums){.rows = target->rows, .recon_weight = entries};
    sums->total.recon = sums->total.sse = sse;
    lt__penalty_before(p, sums);
    lt__kl_add(o, p->tape, sums);
}

void lt_objective_value_sparse(const lt_objective *o, lt_net *net,
                               lt_tape *tape, const lt_sparse_pair *pair,
                               lt_sums *sums)
{
    const lt__penalty p = {o, net, tape, tape->pool, pair->x->rows, false};

    sparse_terms(o, &p, pair, sums);
}

void lt_objective_gradient_sparse(const lt_objective *o, lt_net *net,
                                  lt_tape *tape, const lt_sparse_pair *pair,
                                  lt_sums *sums)
{
    const lt__penalty p = {o, net, tape, tape->pool, pair->x->rows, true};

    sparse_terms(o, &p, pair, sums);
    lt_tape_set_kl_scale(tape, o->beta / p.rows);
    lt_net_backward_sparse(net, tape);
}
