/* The objective; see latent/net/objective.h for its terms.
 *
 * A batch's sums are kept apart from the means that are told, so that an
 * epoch's figures are means over its examples (or known entries) however its
 * batches were cut. */
#include "latent/net/objective.h"

#include "net/penalty_int.h"

#include <math.h>
#include <string.h>

static const char *const term_names[] = {
#define X(name) #name,
    LT_TERM_MAP(X)
#undef X
};

const char *lt_term_name(int index)
{
    LT_ASSERT(index >= 0 && index < LT_TERM_COUNT);
    return term_names[index];
}

double lt_term_value(const lt_terms *terms, int index)
{
    double values[LT_TERM_COUNT];

    LT_ASSERT(index >= 0 && index < LT_TERM_COUNT);
    memcpy(values, terms, sizeof values);
    return values[index];
}

lt_terms lt_terms_none(void)
{
    return (lt_terms){
#define X(name) .name = NAN,
        LT_TERM_MAP(X)
#undef X
    };
}

lt_objective lt_objective_of(lt_loss loss)
{
    return (lt_objective){.loss = loss,
                          .huber_delta = 1,
                          .beta = 1,
                          .sparsity_target = 0.05,
                          .contractive_probes = 1};
}

/* A number that weighs, of any term. */
static lt_status weight_check(const char *name, double found, lt_err *err)
{
    if (found >= 0 && isfinite(found))
        return LT_OK;
    return lt_err_set(err, LT_EINVAL, "objective: %s is %g, wanted 0 or more",
                      name, found);
}

lt_status lt_objective_check(const lt_objective *o, const lt_net *net,
                             lt_err *err)
{
    if (o->loss == LT_LOSS_HUBER &&
        (!((lt_real)o->huber_delta > 0) || !isfinite(o->huber_delta)))
        return lt_err_set(err, LT_EINVAL,
                          "objective: huber_delta is %g, wanted above 0",
                          o->huber_delta);
    LT_TRY(weight_check("beta", o->beta, err));
#define X(name) LT_TRY(weight_check(#name, o->name, err));
    LT__PENALTY_MAP(X)
#undef X
    LT_TRY(lt__penalty_check(o, net, err));
    return lt_loss_check(o->loss, net, err);
}

/* ---- sums ---- */

void lt_sums_add(lt_sums *to, const lt_sums *more)
{
#define X(name) to->total.name += more->total.name;
    LT_TERM_MAP(X)
#undef X
    to->rows += more->rows;
    to->recon_weight += more->recon_weight;
    to->penalty += more->penalty;
    to->words += more->words;
}

/* A batch in which nothing is known has nothing to learn from: 0. */
static double recon_mean(const lt_sums *sums)
{
    return sums->recon_weight > 0 ? sums->total.recon / sums->recon_weight : 0;
}

/* Penalties are told unweighted, and beside them the rest of the loss. */
static void mean_penalties(const lt_objective *o, const lt_sums *sums,
                           lt_terms *mean)
{
#define X(name)                                                                \
    if (o->name > 0)                                                           \
        mean->name = sums->total.name / sums->rows;
    LT__PENALTY_MAP(X)
#undef X
    if (lt__penalty_is_any(o))
        mean->recon = recon_mean(sums);
}

/* The bound wants a likelihood, which errors are not. */
static void mean_variational(const lt_objective *o, const lt_net *net,
                             const lt_sums *sums, lt_terms *mean)
{
    bool is_likelihood =
        o->loss == LT_LOSS_BCE || o->loss == LT_LOSS_MULTINOMIAL;

    if (!lt_net_is_variational(net))
        return;
    mean->recon = recon_mean(sums);
    mean->kl = sums->total.kl / sums->rows;
    if (is_likelihood)
        mean->bound = -(mean->recon + mean->kl);
}

lt_terms lt_sums_mean(const lt_objective *o, const lt_net *net,
                      const lt_sums *sums)
{
    lt_terms mean = lt_terms_none();
    double recon = recon_mean(sums);

    mean_variational(o, net, sums, &mean);
    mean.loss = recon + sums->penalty / sums->rows;
    mean.sse = sums->total.sse / sums->rows;
    mean_penalties(o, sums, &mean);
    if (o->loss == LT_LOSS_MASKED_MSE && sums->recon_weight > 0)
        mean.rmse = sqrt(recon);
    if (o->loss == LT_LOSS_MULTINOMIAL && sums->words > 0)
        mean.perplexity = exp(sums->total.recon / sums->words);
    return mean;
}

/* ---- a batch ---- */

static void batch_loss(const lt_objective *o, lt_net *net, lt_pool *pool,
                       int rows, const lt_real *y, const lt_real *target,
                       lt_real *delta, lt_sums *sums)
{
    lt_loss_sums loss = {0};

    lt_loss_compute(o->loss, o->huber_delta, net, pool, rows, y, target, delta,
                    &loss);
    *sums = (lt_sums){
        .rows = rows, .recon_weight = loss.weight, .words = loss.words};
    sums->total.recon = loss.loss;
    sums->total.sse = loss.sse;
}

void lt__kl_add(const lt_objective *o, const lt_tape *tape, lt_sums *sums)
{
    sums->total.kl = lt_tape_kl(tape);
    sums->penalty += o->beta * sums->total.kl;
}

void lt_objective_gradient(const lt_objective *o, lt_net *net, lt_tape *tape,
                           lt_pool *pool, int rows, const lt_real *x,
                           const lt_real *target, lt_sums *sums)
{
    bool logits = lt_loss_wants_logits(o->loss, net);
    const lt_real *y =
        lt_net_forward(net, tape, x, rows, 0, lt_net_n_layers(net), logits);
    const lt__penalty penalty = {o, net, tape, pool, rows, true};

    batch_loss(o, net, pool, rows, y, target, lt_tape_delta(tape), sums);
    lt__penalty_before(&penalty, sums);
    lt__kl_add(o, tape, sums);
    lt_tape_set_kl_scale(tape, o->beta / rows);
    lt_net_backward(net, tape, rows, logits);
    lt__penalty_after(&penalty, sums);
}

void lt_objective_value(const lt_objective *o, lt_net *net, lt_tape *tape,
                        lt_pool *pool, int rows, const lt_real *x,
                        const lt_real *target, lt_sums *sums)
{
    const lt_real *y =
        lt_net_forward(net, tape, x, rows, 0, lt_net_n_layers(net),
                       lt_loss_wants_logits(o->loss, net));
    const lt__penalty penalty = {o, net, tape, pool, rows, false};

    batch_loss(o, net, pool, rows, y, target, NULL, sums);
    lt__penalty_before(&penalty, sums);
    lt__penalty_after(&penalty, sums);
    lt__kl_add(o, tape, sums);
}
