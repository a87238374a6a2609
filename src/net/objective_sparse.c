/* The objective at the entries of sparse rows; see latent/net/objective.h.
 *
 * Nothing dense may be asked for: a penalty on weights has a gradient wherever
 * there is a weight, a contractive one multiplies by all of the first layer.
 * (Weight decay is the optimiser's, which catches up row by row.) */
#include "net/penalty_int.h"

#include <string.h>

static bool has_kind(const lt_net *net, const char *kind)
{
    for (int i = 0; i < lt_net_n_layers(net); i++)
        if (strcmp(lt_net_layer(net, i)->spec.kind, kind) == 0)
            return true;
    return false;
}

bool lt_objective_is_sparse(const lt_objective *o, const lt_net *net)
{
    return o->loss == LT_LOSS_MASKED_MSE && !lt__penalty_is_any(o) &&
           !has_kind(net, "gaussian_code") &&
           lt_net_check_sparse(net, NULL) == LT_OK;
}

void lt_objective_value_sparse(const lt_objective *o, lt_net *net,
                               lt_tape *tape, const lt_sparse_pair *pair,
                               lt_sums *sums)
{
    const lt_sparse_batch *target = pair->target;
    double entries = target->start[target->rows];
    double sse =
        lt_net_sse_sparse(net, tape, pair, entries > 0 ? 2 / entries : 0);

    LT_ASSERT(o->loss == LT_LOSS_MASKED_MSE);
    *sums = (lt_sums){.rows = target->rows, .recon_weight = entries};
    sums->total.recon = sums->total.sse = sse;
}

void lt_objective_gradient_sparse(const lt_objective *o, lt_net *net,
                                  lt_tape *tape, const lt_sparse_pair *pair,
                                  lt_sums *sums)
{
    lt_objective_value_sparse(o, net, tape, pair, sums);
    lt_net_backward_sparse(net, tape);
}
