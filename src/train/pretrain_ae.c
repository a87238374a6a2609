/* Pre-training of one layer as an autoencoder of its inputs, plain or
 * denoising (Vincent et al. 2010: a share of the inputs masked to 0, the
 * target clean).
 *
 * The one-layer autoencoder is an ordinary small network with the big one's
 * tie (unrolled: tied, and untied when the big network is retied). It starts
 * from the parameters that the big network has, so that init means here what
 * it means there, and is trained by Adam; a frozen decoder layer is frozen here
 * too, and the encoder learns to be read by it. Its decoder has the activation
 * of the layer that mirrors this one. The loss is cross-entropy when that is a
 * sigmoid and the inputs are in [0,1] (bytes, or a sigmoid layer below),
 * multinomial when it is a softmax, else mse. */
#include "train/pretrain_int.h"

#include "latent/base/mem.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

#include <math.h>
#include <string.h>

#define RATE 1e-3

typedef struct ae_learner {
    lt__phase *p;
    lt_net *net; /* layer 0 encodes, layer 1 decodes */
    lt_tape *tape;
    lt_opt *opt;
    lt_objective objective;
    lt_rng noise;
    lt_real *keep; /* (B,D) probability of each input to stay */
    lt_real *mask; /* (B,D) */
    lt_sums sums;  /* of the last batch */
    lt_err why;    /* ... and why its refresh failed */
} ae_learner;

static lt_act decoder_act(const lt__phase *p)
{
    const lt_layer *below = lt__phase_below(p);

    if (p->mirror)
        return p->mirror->spec.act;
    return below ? below->spec.act : lt_net_output_act(p->net);
}

static lt_loss loss_choose(const lt__phase *p)
{
    const lt_layer *below = lt__phase_below(p);
    bool in_unit_range = below ? below->spec.act == LT_ACT_SIGMOID
                               : lt_dataset_type(p->o->train) == LT_ELEM_U8;

    if (decoder_act(p) == LT_ACT_SOFTMAX)
        return LT_LOSS_MULTINOMIAL;
    return in_unit_range && decoder_act(p) == LT_ACT_SIGMOID ? LT_LOSS_BCE
                                                             : LT_LOSS_MSE;
}

static void mask_inputs(ae_learner *l, size_t n, lt_real *x)
{
    lt_vec_bernoulli(l->p->o->pool, &l->noise, n, l->keep, l->mask);
    for (size_t i = 0; i < n; i++)
        x[i] *= l->mask[i];
}

/* Where a pseudo-inverse fails, the step is spoilt. */
static lt_status ae_refresh(ae_learner *l, lt_refresh when, lt_err *err)
{
    lt_status rc = lt_net_refresh(l->net, when, &l->why);

    if (rc == LT_EDIVERGED) {
        l->p->is_spoilt = true;
        return LT_OK;
    }
    return rc == LT_OK ? rc : lt_err_set(err, rc, "%s", l->why.text);
}

static lt_status ae_learn(void *self, const lt_real *x, int rows, double *error,
                          lt_err *err)
{
    ae_learner *l = self;
    lt_pool *pool = l->p->o->pool;
    size_t n = (size_t)rows * (size_t)l->p->n_inputs;
    lt_real *in = lt_tape_input(l->tape);
    lt_sums sums;

    l->p->is_spoilt = false;
    memcpy(in, x, n * sizeof *in);
    if (l->mask)
        mask_inputs(l, n, in);
    lt_objective_gradient(&l->objective, l->net, l->tape, pool, rows, in, x,
                          &sums);
    *error = sums.total.sse;
    l->sums = sums;
    l->p->is_spoilt =
        !isfinite(lt_sums_mean(&l->objective, l->net, &sums).loss) ||
        !lt_opt_step(l->opt, pool);
    if (l->p->is_spoilt)
        return LT_OK;
    return ae_refresh(l, LT_REFRESH_STEP, err);
}

/* A small network of its own: its layers have other names in the big one. */
static void ae_blame(void *self, const lt_real *x, int rows, lt_divergence *d)
{
    ae_learner *l = self;
    const lt__phase *p = l->p;
    const int place[2] = {p->index, p->mirror ? p->mirror->index : -1};
    lt__scene s = {.net = l->net,
                   .tape = l->tape,
                   .rows = rows,
                   .x = lt_tape_input(l->tape),
                   .whole = p->net,
                   .place = place};

    (void)x;
    lt__scene_set_output(&s, l->tape);
    if (l->why.text[0])
        lt__divergence_say(d, "%s", l->why.text);
    else if (!lt__blame_outputs(&s, d) && !lt__blame_gradients(&s, d) &&
             !lt__blame_params(&s, d))
        lt__blame_loss(&s, &l->sums, d);
}

static lt_status ae_epoch_end(void *self, lt_err *err)
{
    return ae_refresh(self, LT_REFRESH_EPOCH, err);
}

/* Whether the mirror has weights of its own. */
static bool decoder_is_own(const lt__phase *p)
{
    return p->mirror && lt_net_tie(p->net) == LT_TIE_UNTIED;
}

/* Copies one parameter block between the big network and the small one. */
static void block_copy(const ae_learner *l, bool lands, size_t big,
                       size_t small, size_t n)
{
    lt_real *in_big = lt_net_params(l->p->net) + big;
    lt_real *in_small = lt_net_params(l->net) + small;

    if (lands)
        memcpy(in_big, in_small, n * sizeof *in_big);
    else
        memcpy(in_small, in_big, n * sizeof *in_big);
}

static void params_copy(const ae_learner *l, bool lands)
{
    const lt_layer *encoder = l->p->layer, *decoder = l->p->mirror;
    const lt_layer *e = lt_net_layer(l->net, 0), *d = lt_net_layer(l->net, 1);

    block_copy(l, lands, encoder->weight, e->weight, e->weight_count);
    block_copy(l, lands, encoder->bias, e->bias, e->bias_count);
    if (decoder_is_own(l->p))
        block_copy(l, lands, decoder->weight, d->weight, d->weight_count);
    if (decoder)
        block_copy(l, lands, decoder->bias, d->bias, d->bias_count);
}

static void ae_land(void *self)
{
    params_copy(self, true);
}

static void ae_snapshot(void *self, lt_snapshot *out)
{
    ae_learner *l = self;

    lt_net_snapshot(l->net, "learner", out);
    lt_opt_snapshot(l->opt, "learner.opt", out);
    if (l->mask)
        LT_SNAPSHOT_ADD(out, "learner", "noise", l->noise.state, 4);
}

static lt_status ae_restored(void *self, lt_err *err)
{
    ae_learner *l = self;

    return lt_opt_restored(l->opt, err);
}

static void ae_free(void *self)
{
    ae_learner *l = self;

    if (!l)
        return;
    lt_opt_free(l->opt);
    lt_tape_free(l->tape);
    lt_net_free(l->net);
    lt_mem_free(l->keep);
    lt_mem_free(l->mask);
    lt_mem_free(l);
}

static lt_status net_begin(ae_learner *l, lt_err *err)
{
    const lt__phase *p = l->p;
    lt_layer_spec encoder = p->layer->spec;
    lt_tie tie = lt_net_tie(p->net);
    lt_net_spec spec = {
        .input = lt_shape_flat(p->n_inputs),
        .encoder = &encoder,
        .n_encoder = 1,
        .output = decoder_act(p),
        .tie = tie == LT_TIE_UNROLLED ? LT_TIE_TIED : tie,
        .refresh = lt_net_refresh_kind(p->net),
        .init = {LT_INIT_GLOROT, 0},
        .seed = p->o->seed,
    };

    LT_TRY(lt_net_new(&spec, &l->net, err));
    params_copy(l, false);
    if (p->mirror && p->mirror->is_bias_frozen)
        LT_TRY(lt_net_freeze_layer(l->net, 1, true, err));
    return lt_net_retie(l->net, err);
}

static lt_status noise_begin(ae_learner *l, lt_err *err)
{
    const lt__phase *p = l->p;
    size_t n = (size_t)p->batches.batch * (size_t)p->n_inputs;
    char stream[LT__PHASE_NAME];

    if (p->o->method != LT_PRETRAIN_DENOISING)
        return LT_OK;
    lt_rng_init(&l->noise, p->o->seed, lt__phase_name(p, "noise", stream));
    l->keep = lt_mem_aligned(n, sizeof *l->keep);
    l->mask = lt_mem_aligned(n, sizeof *l->mask);
    if (!l->keep || !l->mask)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < n; i++)
        l->keep[i] = (lt_real)(1 - p->o->corruption);
    return LT_OK;
}

static lt_status ae_begin(ae_learner *l, lt_err *err)
{
    const lt_pretrain_opts *o = l->p->o;
    lt_opt_spec adam = lt_opt_defaults(LT_OPT_ADAM);

    adam.rate = o->rate > 0 ? o->rate : RATE;
    adam.weight_decay = o->weight_cost;
    l->objective = lt_objective_of(loss_choose(l->p));
    LT_TRY(net_begin(l, err));
    LT_TRY(noise_begin(l, err));
    LT_TRY(lt_opt_new(&adam, l->net, &l->opt, err));
    return lt_tape_new(l->net, l->p->batches.batch, true, o->pool, &l->tape,
                       err);
}

lt_status lt__learner_ae(lt__phase *p, const lt__learner_ops **ops, void **out,
                         lt_err *err)
{
    static const lt__learner_ops ae_ops = {ae_learn, ae_blame,    ae_epoch_end,
                                           ae_land,  ae_snapshot, ae_restored,
                                           ae_free};
    ae_learner *l = lt_mem_zero(1, sizeof *l);
    lt_status rc;

    if (!l)
        return lt_err_mark(err, LT_ENOMEM);
    l->p = p;
    rc = ae_begin(l, err);
    if (rc != LT_OK) {
        ae_free(l);
        return rc;
    }
    *ops = &ae_ops;
    *out = l;
    return LT_OK;
}
