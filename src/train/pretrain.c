/* Greedy layer-wise pre-training; see latent/train/pretrain.h.
 *
 * Layer by layer from the input: a learner for the layer alone is made, fed
 * with the layer's inputs for so many epochs, and what it learned is put into
 * the network, so that the next layer's inputs come from trained layers. The
 * inputs are computed afresh for each batch. For 784-1000-500-250-30 that adds
 * half to the multiplications of RBM learning (most in the small upper layers);
 * to keep them, 60,000 x 1000 floats, would cost 240 MB.
 *
 * Random streams have the layer in their names ("pretrain.2.shuffle"), so that
 * no layer's draws move another's. A frozen layer is passed by and its mirror
 * with it, and so are layers without a weight of their own: a pass over the
 * layers below is one of evaluation, without noise, with moving averages. */
#include "train/pretrain_int.h"

#include "latent/base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_SECONDS 0.2

lt_pretrain_opts lt_pretrain_defaults(lt_pretrain_method method)
{
    bool is_rbm = method == LT_PRETRAIN_RBM;

    return (lt_pretrain_opts){
        .method = method,
        .epochs = 10,
        .batch = 100,
        .rate = 0,
        .rate_linear = 0.001,
        .momentum = 0.5,
        .final_momentum = 0.9,
        .momentum_switch = 5,
        .weight_cost = is_rbm ? 0.0002 : 0,
        .init_sd = 0.1,
        .cd = 1,
        .visible = LT_UNIT_BINARY,
        .corruption = 0.25,
    };
}

/* ---- checks ---- */

static lt_status range_check(const char *name, double found, double low,
                             double below, lt_err *err)
{
    if (found >= low && found < below)
        return LT_OK;
    if (isinf(below))
        return lt_err_set(err, LT_EINVAL,
                          "pre-training: %s is %g, wanted at least %g", name,
                          found, low);
    return lt_err_set(err, LT_EINVAL,
                      "pre-training: %s is %g, wanted %g or more and below %g",
                      name, found, low, below);
}

static lt_status opts_check(const lt_pretrain_opts *o, lt_err *err)
{
    LT_TRY(range_check("epochs", o->epochs, 0, INFINITY, err));
    LT_TRY(range_check("batch", o->batch, 1, INFINITY, err));
    LT_TRY(range_check("rate", o->rate, 0, INFINITY, err));
    LT_TRY(range_check("rate_linear", o->rate_linear, 0, INFINITY, err));
    LT_TRY(range_check("momentum", o->momentum, 0, 1, err));
    LT_TRY(range_check("final_momentum", o->final_momentum, 0, 1, err));
    LT_TRY(
        range_check("momentum_switch", o->momentum_switch, 0, INFINITY, err));
    LT_TRY(range_check("weight_cost", o->weight_cost, 0, INFINITY, err));
    LT_TRY(range_check("init_sd", o->init_sd, 0, INFINITY, err));
    LT_TRY(range_check("cd", o->cd, 1, INFINITY, err));
    return range_check("corruption", o->corruption, 0, 1, err);
}

static lt_status set_check(const lt_net *net, const lt_dataset *set,
                           const char *name, lt_err *err)
{
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];

    if (lt_shape_elements(lt_dataset_shape(set)) ==
        lt_shape_elements(lt_net_input(net)))
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "pre-training: %s of shape %s, wanted the network's "
                      "input, %s",
                      name, lt_shape_text(lt_dataset_shape(set), found),
                      lt_shape_text(lt_net_input(net), wanted));
}

/* Layers with a weight of their own to learn: not pools, noise, or a batch
 * normalisation, which are run as in evaluation. */
static bool layer_is_weighted(const lt_layer *l)
{
    return l->ops->mirror_weight != LT_MIRROR_NONE;
}

static bool layer_learns(const lt_net *net, int index)
{
    const lt_layer *l = lt_net_layer(net, index);

    return layer_is_weighted(l) && !l->is_weight_frozen;
}

/* How many of the layers [0, last) are weighted. */
static int weighted_before(const lt_net *net, int last)
{
    int n = 0;

    for (int i = 0; i < last; i++)
        n += layer_is_weighted(lt_net_layer(net, i));
    return n;
}

static lt_status layer_check(const lt_net *net, int index,
                             lt_pretrain_method method, lt_err *err)
{
    const lt_layer *l = lt_net_layer(net, index);
    lt_act act = l->spec.act;

    if (strcmp(l->ops->name, "dense") != 0)
        return lt_err_set(err, LT_EINVAL,
                          "encoder layer %d (%s): pre-training wants dense "
                          "layers, or this one frozen",
                          index + 1, l->ops->name);
    if (l->is_transposed)
        return lt_err_set(err, LT_EINVAL,
                          "encoder layer %d: pre-training wants a network that "
                          "is not sparse",
                          index + 1);
    if (method == LT_PRETRAIN_RBM && act != LT_ACT_SIGMOID &&
        act != LT_ACT_LINEAR)
        return lt_err_set(err, LT_EINVAL,
                          "encoder layer %d (%s): RBM pre-training wants "
                          "sigmoid or linear",
                          index + 1, lt_act_name(act));
    return LT_OK;
}

static lt_status pretrain_check(const lt_net *net, const lt_pretrain_opts *o,
                                lt_err *err)
{
    if (!o->train)
        return lt_err_set(err, LT_EINVAL, "pre-training: no training set");
    LT_TRY(opts_check(o, err));
    LT_TRY(set_check(net, o->train, "training set", err));
    LT_TRY(lt__feed_check_inputs(o->train, "training set", err));
    if (o->test) {
        LT_TRY(set_check(net, o->test, "test set", err));
        LT_TRY(lt__feed_check_inputs(o->test, "test set", err));
    }
    if (!weighted_before(net, lt_net_n_encoder(net)))
        return lt_err_set(err, LT_EINVAL,
                          "pre-training: the encoder has no dense layer to "
                          "learn");
    for (int i = 0; i < lt_net_n_encoder(net); i++)
        if (layer_learns(net, i))
            LT_TRY(layer_check(net, i, o->method, err));
    return LT_OK;
}

/* ---- one layer ---- */

const lt_real *lt__phase_inputs(lt__phase *p, int rows)
{
    const lt_real *x = lt_tape_input(p->tape);

    if (p->index == 0)
        return x;
    return lt_net_forward(p->net, p->tape, x, rows, 0, p->index, false);
}

const char *lt__phase_name(const lt__phase *p, const char *name,
                           char out[LT__PHASE_NAME])
{
    snprintf(out, LT__PHASE_NAME, "pretrain.%d.%s", p->number, name);
    return out;
}

lt_status lt__phase_metric(const lt__phase *p, const char *name, double value,
                           lt_err *err)
{
    char full[LT__PHASE_NAME];

    return lt_observe_metric(p->o->observer, lt__phase_name(p, name, full),
                             p->steps, p->epochs, value, err);
}

const lt_layer *lt__phase_below(const lt__phase *p)
{
    for (int i = p->index - 1; i >= 0; i--)
        if (lt_layer_has_field(lt_net_layer(p->net, i)->ops, "act"))
            return lt_net_layer(p->net, i);
    return NULL;
}

lt_unit lt__phase_input_unit(const lt__phase *p)
{
    const lt_layer *below = lt__phase_below(p);

    if (!below)
        return p->o->visible;
    return below->spec.act == LT_ACT_SIGMOID ? LT_UNIT_BINARY
                                             : LT_UNIT_GAUSSIAN;
}

/* The decoder layer that undoes encoder layer `index`, or NULL. */
static const lt_layer *mirror_find(const lt_net *net, int index)
{
    for (int i = lt_net_n_encoder(net); i < lt_net_n_layers(net); i++)
        if (lt_net_layer(net, i)->mirror_of == index)
            return lt_net_layer(net, i);
    return NULL;
}

/* In the order of block "pretrain.at": the layer in the network, its epochs
 * that ended, batches of the one under way, and the layer's steps; examples of
 * the epoch; the layer's number, for people. */
enum {
    AT_LAYER,
    AT_EPOCH,
    AT_BATCH,
    AT_STEPS,
    AT_EXAMPLES,
    AT_NUMBER,
    AT_COUNT
};

/* What an epoch has seen so far. */
typedef struct epoch_sums {
    double error;
    int64_t examples;
    double began, progress_at;
} epoch_sums;

static void progress_tell(const lt__phase *p, int batch, epoch_sums *s)
{
    double now = lt_clock_elapsed();
    int batches = lt__batcher_count(&p->batches);
    char phase[48];
    lt_progress tell = {phase, p->epochs, p->o->epochs, 0, 0, 0};

    if (now < s->progress_at || !p->o->observer)
        return;
    s->progress_at = now + PROGRESS_SECONDS;
    snprintf(phase, sizeof phase, "pretrain %d/%d", p->number,
             weighted_before(p->net, lt_net_n_encoder(p->net)));
    tell.done = (p->epochs + (double)(batch + 1) / batches) / p->o->epochs;
    tell.loss = s->error / (double)s->examples;
    if (now > s->began)
        tell.examples_per_second = (double)s->examples / (now - s->began);
    lt_observe_progress(p->o->observer, &tell);
}

/* Layers below are in the network; what this one has learned is not yet. */
static void phase_save(lt__phase *p, int batch, epoch_sums *s)
{
    int64_t at[AT_COUNT] = {p->index, p->epochs,   batch,
                            p->steps, s->examples, p->number};
    lt_snapshot out = {0};

    LT_SNAPSHOT_ADD(&out, "pretrain", "at", at, AT_COUNT);
    LT_SNAPSHOT_ADD(&out, "pretrain", "error", &s->error, 1);
    lt_net_snapshot(p->net, "net", &out);
    p->ops->snapshot(p->learner, &out);
    lt_saver_save(p->o->saver, &out);
}

/* Between two steps: a stop that is asked for, a snapshot that is due. */
static lt_status phase_pause(lt__phase *p, int batch, epoch_sums *s,
                             lt_err *err)
{
    bool stops = lt_observe_stop(p->o->observer);

    if (stops || lt_saver_is_due(p->o->saver, batch == 0 && (p->epochs > 0 ||
                                                             p->number > 1)))
        phase_save(p, batch, s);
    if (!stops)
        return LT_OK;
    return lt_err_set(err, LT_EINTERRUPTED,
                      "interrupted in pre-training of layer %d, epoch %d",
                      p->number, p->epochs + 1);
}

/* By the step just made, on `x`, the layer's inputs. When those are not finite
 * the fault is with a layer below. */
static lt_status phase_diverged(lt__phase *p, const lt_real *x, int epoch,
                                lt_err *err)
{
    size_t n = (size_t)p->rows * (size_t)p->n_inputs;
    lt_divergence d = {.step = p->steps, .layer = p->index + 1};
    const lt__scene below = {
        .net = p->net, .rows = p->rows, .x = lt_tape_input(p->tape)};

    lt__divergence_say(&d, "pre-training of layer %d: ", p->number);
    if (lt_vec_all_finite(n, x) ||
        !lt__blame_layers(&below, p->tape, p->index, false, &d))
        p->ops->blame(p->learner, x, p->rows, &d);
    return lt__diverged(p->o->observer, &d, epoch, err);
}

static lt_status batch_learn(lt__phase *p, int batch, epoch_sums *s,
                             lt_err *err)
{
    const lt_real *x;
    double error = 0;

    LT_TRY(phase_pause(p, batch, s, err));
    p->rows = lt__batcher_gather(&p->batches, batch, lt_tape_input(p->tape));
    x = lt__phase_inputs(p, p->rows);
    LT_TRY(p->ops->step(p->learner, x, p->rows, &error, err));
    p->steps++;
    if (!isfinite(error) || p->is_spoilt) {
        LT_TRY(lt__phase_metric(p, "recon", error / p->rows, err));
        return phase_diverged(p, x, p->epochs + 1, err);
    }
    s->error += error;
    s->examples += p->rows;
    return LT_OK;
}

/* It begins, or goes on, with batch `first`. */
static lt_status epoch_run(lt__phase *p, int first, epoch_sums *s, lt_err *err)
{
    int batches = lt__batcher_count(&p->batches);

    if (first == 0) {
        s->error = 0;
        s->examples = 0;
    }
    s->began = lt_clock_elapsed();
    lt__batcher_shuffle(&p->batches, p->epochs);
    for (int i = first; i < batches; i++) {
        LT_TRY(batch_learn(p, i, s, err));
        progress_tell(p, i, s);
    }
    p->epochs++;
    LT_TRY(lt__phase_metric(p, "recon", s->error / (double)s->examples, err));
    LT_TRY(p->ops->epoch_end(p->learner, err));
    if (!p->is_spoilt)
        return LT_OK;
    return phase_diverged(p, lt__phase_inputs(p, p->rows), p->epochs, err);
}

static lt_status phase_begin(lt__phase *p, lt_err *err)
{
    char stream[LT__PHASE_NAME];

    p->layer = lt_net_layer(p->net, p->index);
    p->mirror = mirror_find(p->net, p->index);
    p->n_inputs = lt_shape_elements(p->layer->in);
    p->n_units = lt_shape_elements(p->layer->out);
    LT_TRY(lt__batcher_init(&p->batches, p->o->train, p->o->batch, p->o->seed,
                            lt__phase_name(p, "shuffle", stream), err));
    return p->o->method == LT_PRETRAIN_RBM
               ? lt__learner_rbm(p, &p->ops, &p->learner, err)
               : lt__learner_ae(p, &p->ops, &p->learner, err);
}

/* `at`, from the snapshot, is checked against the layer. */
static lt_status phase_restore(lt__phase *p, const int64_t *at, epoch_sums *s,
                               lt_err *err)
{
    int64_t n = lt__batcher_count(&p->batches);
    lt_snapshot in = {0};

    if (at[AT_EPOCH] < 0 || at[AT_EPOCH] >= p->o->epochs || at[AT_BATCH] < 0 ||
        at[AT_BATCH] >= n || at[AT_STEPS] != at[AT_EPOCH] * n + at[AT_BATCH] ||
        at[AT_EXAMPLES] < 0)
        return lt_err_set(
            err, LT_EFORMAT,
            "epoch %" PRId64 ", batch %" PRId64 ", step %" PRId64
            " of a pre-training of %d epochs of %" PRId64 " batches",
            at[AT_EPOCH], at[AT_BATCH], at[AT_STEPS], p->o->epochs, n);
    LT_SNAPSHOT_ADD(&in, "pretrain", "error", &s->error, 1);
    p->ops->snapshot(p->learner, &in);
    LT_TRY(lt_snapshot_read(lt_saver_from(p->o->saver), &in, err));
    p->epochs = (int)at[AT_EPOCH];
    p->steps = at[AT_STEPS];
    s->examples = at[AT_EXAMPLES];
    return p->ops->restored(p->learner, err);
}

/* `at`: where the layer goes on, or NULL. */
static lt_status layer_pretrain(lt__phase *p, const int64_t *at, lt_err *err)
{
    epoch_sums sums = {0, 0, 0, 0};
    int first = at ? (int)at[AT_BATCH] : 0;
    lt_status rc = phase_begin(p, err);

    if (rc == LT_OK && at)
        rc = phase_restore(p, at, &sums, err);
    for (; rc == LT_OK && p->epochs < p->o->epochs; first = 0)
        rc = epoch_run(p, first, &sums, err);
    if (rc == LT_OK)
        p->ops->land(p->learner);
    if (p->learner)
        p->ops->free(p->learner);
    lt__batcher_deinit(&p->batches);
    return rc;
}

static lt_status layers_pretrain(lt_net *net, const lt_pretrain_opts *o,
                                 const int64_t *at, lt_tape *tape, lt_err *err)
{
    int first = at ? (int)at[AT_LAYER] : 0;

    for (int i = first; i < lt_net_n_encoder(net); i++) {
        lt__phase p = {.net = net,
                       .o = o,
                       .index = i,
                       .number = weighted_before(net, i) + 1,
                       .tape = tape};

        if (layer_learns(net, i))
            LT_TRY(layer_pretrain(&p, at && i == first ? at : NULL, err));
    }
    return LT_OK;
}

/* The layers that were done, and where the one after them goes on. */
static lt_status pretrain_restore(lt_net *net, const lt_pretrain_opts *o,
                                  int64_t *at, lt_err *err)
{
    lt_snapshot in = {0};

    LT_SNAPSHOT_ADD(&in, "pretrain", "at", at, AT_COUNT);
    lt_net_snapshot(net, "net", &in);
    LT_TRY(lt_snapshot_read(lt_saver_from(o->saver), &in, err));
    if (at[AT_LAYER] < 0 || at[AT_LAYER] >= lt_net_n_encoder(net) ||
        !layer_learns(net, (int)at[AT_LAYER]))
        return lt_err_set(err, LT_EFORMAT,
                          "layer %" PRId64 " is none to pre-train",
                          at[AT_LAYER] + 1);
    if (!lt_vec_all_finite(lt_net_n_params(net), lt_net_params(net)))
        return lt_err_set(err, LT_EFORMAT,
                          "net.params: a parameter is not finite");
    return LT_OK;
}

lt_status lt_pretrain(lt_net *net, const lt_pretrain_opts *opts, lt_err *err)
{
    bool goes_on = lt_saver_from(opts->saver) != NULL;
    int64_t at[AT_COUNT] = {0};
    lt_tape *tape = NULL;
    lt_status rc;
    int n;

    LT_TRY(pretrain_check(net, opts, err));
    if (opts->epochs == 0)
        return LT_OK;
    if (goes_on)
        LT_TRY(pretrain_restore(net, opts, at, err));
    n = lt_dataset_rows(opts->train);
    n = opts->batch < n ? opts->batch : n;
    LT_TRY(lt_tape_new(net, n, false, opts->pool, &tape, err));
    rc = layers_pretrain(net, opts, goes_on ? at : NULL, tape, err);
    lt_tape_free(tape);
    if (rc == LT_OK)
        return lt_net_retie(net, err);
    (void)lt_net_retie(net, NULL); /* for the layers that were done */
    return rc;
}
