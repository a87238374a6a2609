/* Pre-training of one layer as a restricted Boltzmann machine.
 *
 * The machine's own seed is drawn from the stream "pretrain.L.rbm" of the
 * run's, so that no two layers share their start or their samples. Watching for
 * over-fitting costs, once an epoch, the free energies of the test set and of
 * as many training examples. */
#include "train/pretrain_int.h"
#include "train/rbm_int.h"

#include "latent/base/mem.h"

#include <string.h>

#define RATE          0.1
#define RATE_GAUSSIAN 0.001

typedef struct rbm_learner {
    lt__phase *p;
    lt_rbm *rbm;
    lt_unit hidden_unit, visible_unit;
    double rate;
} rbm_learner;

static double rate_choose(const rbm_learner *l)
{
    const lt_pretrain_opts *o = l->p->o;

    if (l->hidden_unit == LT_UNIT_GAUSSIAN)
        return o->rate_linear;
    if (o->rate > 0)
        return o->rate;
    return l->visible_unit == LT_UNIT_GAUSSIAN ? RATE_GAUSSIAN : RATE;
}

static lt_status rbm_learn(void *self, const lt_real *x, int rows,
                           double *error, lt_err *err)
{
    rbm_learner *l = self;
    const lt_pretrain_opts *o = l->p->o;
    double momentum =
        l->p->epochs < o->momentum_switch ? o->momentum : o->final_momentum;

    (void)err;
    *error = lt_rbm_step(l->rbm, x, rows, l->rate, momentum, o->weight_cost);
    l->p->is_spoilt = !lt_rbm_is_finite(l->rbm);
    return LT_OK;
}

static void rbm_blame(void *self, const lt_real *x, int rows, lt_divergence *d)
{
    rbm_learner *l = self;
    char name[LT_LAYER_TEXT];

    lt_net_layer_text(l->p->net, l->p->index, name);
    lt__rbm_blame(l->rbm, x, rows, name, d);
}

/* Mean F over the first `n` examples of `set`. */
static double energy_mean(rbm_learner *l, const lt_dataset *set, int n)
{
    int batch = lt_tape_batch(l->p->tape);
    double sum = 0;

    for (int at = 0; at < n; at += batch) {
        int rows = n - at < batch ? n - at : batch;

        lt__feed_inputs(set, (lt__feed_range){NULL, at, rows},
                        lt_tape_input(l->p->tape));
        sum += lt_rbm_free_energy(l->rbm, lt__phase_inputs(l->p, rows), rows);
    }
    return sum / n;
}

static lt_status gap_emit(rbm_learner *l, lt_err *err)
{
    const lt_pretrain_opts *o = l->p->o;
    int n_test = lt_dataset_rows(o->test), n = lt_dataset_rows(o->train);
    double test = energy_mean(l, o->test, n_test);
    double train = energy_mean(l, o->train, n < n_test ? n : n_test);

    return lt__phase_metric(l->p, "free_energy_gap", test - train, err);
}

/* The last batch is still in the tape. */
static lt_status contrast_emit(rbm_learner *l, lt_err *err)
{
    lt__phase *p = l->p;
    int rows = p->rows;
    double model =
        lt_rbm_free_energy(l->rbm, lt_rbm_reconstruction(l->rbm), rows);
    double data = lt_rbm_free_energy(l->rbm, lt__phase_inputs(p, rows), rows);

    return lt__phase_metric(p, "free_energy_contrast", (model - data) / rows,
                            err);
}

static lt_status rbm_epoch_end(void *self, lt_err *err)
{
    rbm_learner *l = self;

    return l->p->o->test ? gap_emit(l, err) : contrast_emit(l, err);
}

static void rbm_land(void *self)
{
    rbm_learner *l = self;
    const lt__phase *p = l->p;
    lt_real *params = lt_net_params(p->net);
    size_t d = (size_t)p->n_inputs, h = (size_t)p->n_units;

    memcpy(params + p->layer->weight, lt_rbm_weight(l->rbm),
           d * h * sizeof *params);
    memcpy(params + p->layer->bias, lt_rbm_hidden_bias(l->rbm),
           h * sizeof *params);
    if (p->mirror && !p->mirror->is_bias_frozen)
        memcpy(params + p->mirror->bias, lt_rbm_visible_bias(l->rbm),
               d * sizeof *params);
}

static void rbm_snapshot(void *self, lt_snapshot *out)
{
    rbm_learner *l = self;

    lt_rbm_snapshot(l->rbm, "learner", out);
}

static lt_status rbm_restored(void *self, lt_err *err)
{
    (void)self;
    (void)err;
    return LT_OK;
}

static void rbm_free(void *self)
{
    rbm_learner *l = self;

    if (!l)
        return;
    lt_rbm_free(l->rbm);
    lt_mem_free(l);
}

lt_status lt__learner_rbm(lt__phase *p, const lt__learner_ops **ops, void **out,
                          lt_err *err)
{
    static const lt__learner_ops rbm_ops = {
        rbm_learn,    rbm_blame,    rbm_epoch_end, rbm_land,
        rbm_snapshot, rbm_restored, rbm_free};
    rbm_learner *l = lt_mem_zero(1, sizeof *l);
    lt_rbm_spec spec = {.visible = p->n_inputs,
                        .hidden = p->n_units,
                        .cd = p->o->cd,
                        .batch = lt_tape_batch(p->tape)};
    char stream[LT__PHASE_NAME];
    lt_rng rng;
    lt_status rc;

    if (!l)
        return lt_err_mark(err, LT_ENOMEM);
    l->p = p;
    l->hidden_unit =
        p->layer->spec.act == LT_ACT_LINEAR ? LT_UNIT_GAUSSIAN : LT_UNIT_BINARY;
    l->visible_unit = lt__phase_input_unit(p);
    l->rate = rate_choose(l);
    spec.hidden_unit = l->hidden_unit;
    spec.visible_unit = l->visible_unit;
    lt_rng_init(&rng, p->o->seed, lt__phase_name(p, "rbm", stream));
    rc = lt_rbm_new(&spec, p->o->init_sd, lt_rng_next(&rng), p->o->pool,
                    &l->rbm, err);
    if (rc != LT_OK) {
        rbm_free(l);
        return rc;
    }
    *ops = &rbm_ops;
    *out = l;
    return LT_OK;
}
