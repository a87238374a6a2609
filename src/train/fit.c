/* Training; see latent/train/fit.h.
 *
 * A step is: gather a batch, forward, loss, backward, optimiser, refresh of
 * decoders that copy the encoder. Everything is planned in fit_begin; a step
 * allocates nothing and costs, beside the kernels, two reads of the clock at
 * most. The order of an epoch depends on the seed and the epoch's number
 * (batch.h), so fits that follow each other with first_epoch set see new
 * orders. At an epoch's end decoders are refreshed before anything is
 * evaluated, so that what is reported is what would be saved.
 *
 * The optimiser's state (momentum, Adam's moments) lives as long as one call:
 * a second lt_fit starts with none. */
#include "latent/train/fit.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/math/vec.h"
#include "train/batch.h"
#include "train/evaluate_int.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_SECONDS 0.2

/* In the order of block "fit.at": epochs of this call that ended, batches of
 * the one under way, steps, examples. */
enum { AT_EPOCH, AT_BATCH, AT_STEPS, AT_EXAMPLES, AT_COUNT };

typedef struct fit {
    lt_net *net;
    const lt_fit_opts *o;
    lt__batcher batches;
    lt__trainer trainer;
    lt__evaluator tests;    /* when there is a test set */
    lt_objective objective; /* with this step's beta */
    int n_batches;
    lt_epoch_report report; /* of the last epoch that ended */
    int64_t steps, examples;
    double seconds;     /* of the epochs that ended, evaluation not counted */
    double began;       /* clock at the epoch's start */
    double progress_at; /* clock after which progress is due */
    lt_sums sums;       /* of the epoch so far */
} fit;

/* ---- before ---- */

static lt_status number_check(const char *name, int found, int least,
                              lt_err *err)
{
    if (found >= least)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL, "fit: %s is %d, wanted at least %d", name,
                      found, least);
}

static lt_status refeed_check(const lt_fit_opts *o, lt_err *err)
{
    LT_TRY(number_check("refeed", o->refeed, 0, err));
    if (o->refeed == 0 || o->objective.loss == LT_LOSS_MASKED_MSE ||
        o->objective.loss == LT_LOSS_MSE)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "fit: refeed wants loss \"masked_mse\" or \"mse\", found "
                      "\"%s\"",
                      lt_loss_name(o->objective.loss));
}

static lt_status opts_check(const lt_net *net, const lt_fit_opts *o,
                            lt_err *err)
{
    if (!o->train)
        return lt_err_set(err, LT_EINVAL, "fit: no training set");
    LT_TRY(number_check("epochs", o->epochs, 0, err));
    LT_TRY(number_check("batch", o->batch, 1, err));
    LT_TRY(number_check("log_every", o->log_every, 0, err));
    LT_TRY(lt__evaluate_check(net, o->train, "training set", err));
    if (o->test)
        LT_TRY(lt__evaluate_check(net, o->test, "test set", err));
    LT_TRY(lt_opt_check(&o->optimizer, err));
    LT_TRY(number_check("kl_warmup", o->kl_warmup, 0, err));
    if (o->kl_warmup > 0 && !lt_net_is_variational(net))
        return lt_err_set(err, LT_EINVAL,
                          "fit: kl_warmup is %d, but the network's code is not "
                          "variational (gaussian_code)",
                          o->kl_warmup);
    LT_TRY(lt_objective_check(&o->objective, net, err));
    LT_TRY(refeed_check(o, err));
    LT_TRY(lt__feed_check(o->train, o->objective.loss, "training set", err));
    return o->test ? lt__feed_check(o->test, o->objective.loss, "test set", err)
                   : LT_OK;
}

static lt_status fit_begin(fit *f, lt_err *err)
{
    const lt_fit_opts *o = f->o;

    f->report = (lt_epoch_report){o->first_epoch, o->first_step,
                                  lt_terms_none(), lt_terms_none()};
    LT_TRY(opts_check(f->net, o, err));
    f->objective = o->objective;
    f->tests = (lt__evaluator){
        .net = f->net, .objective = &f->objective, .pool = o->pool};
    if (o->test)
        LT_TRY(lt__evaluator_open(&f->tests, o->test, err));
    if (o->epochs == 0)
        return LT_OK;
    LT_TRY(lt__batcher_init(&f->batches, o->train, o->batch, o->seed, "shuffle",
                            err));
    f->n_batches = lt__batcher_count(&f->batches);
    f->trainer = (lt__trainer){
        .net = f->net,
        .set = o->train,
        .objective = &f->objective,
        .pool = o->pool,
        .batch = f->batches.batch,
        .refeeds = o->refeed > 0,
        .seed = o->seed,
    };
    return lt__trainer_open(&f->trainer, &o->optimizer, err);
}

static void fit_end(fit *f)
{
    lt__trainer_close(&f->trainer);
    lt__evaluator_close(&f->tests);
    lt__batcher_deinit(&f->batches);
}

/* ---- what is told ---- */

static lt_status metric_emit(const fit *f, const char *name, double epoch,
                             double value, lt_err *err)
{
    return lt_observe_metric(f->o->observer, name, f->o->first_step + f->steps,
                             epoch, value, err);
}

/* Loss and sse always, even when they are not finite; the others where they
 * apply. */
static lt_status terms_emit(const fit *f, const char *set,
                            const lt_terms *terms, lt_err *err)
{
    char name[64];

    for (int i = 0; i < LT_TERM_COUNT; i++) {
        double value = lt_term_value(terms, i);
        bool always = strcmp(lt_term_name(i), "loss") == 0 ||
                      strcmp(lt_term_name(i), "sse") == 0;

        if (isnan(value) && !always)
            continue;
        snprintf(name, sizeof name, "%s.%s", set, lt_term_name(i));
        LT_TRY(metric_emit(f, name, f->report.epoch, value, err));
    }
    return LT_OK;
}

static lt_status report_emit(const fit *f, lt_err *err)
{
    LT_TRY(terms_emit(f, "train", &f->report.train, err));
    return f->o->test ? terms_emit(f, "test", &f->report.test, err) : LT_OK;
}

static double training_rate(const fit *f, double seconds)
{
    return seconds > 0 ? (double)f->examples / seconds : 0;
}

/* `index` batches of epoch `epoch` (0-based in this call) are done. */
static void progress_tell(fit *f, int epoch, int index)
{
    double now = lt_clock_elapsed();
    lt_progress p = {"fit", epoch, f->o->epochs, 0, NAN, 0};

    if (now < f->progress_at || !f->o->observer)
        return;
    f->progress_at = now + PROGRESS_SECONDS;
    p.done = (epoch + (double)index / f->n_batches) / f->o->epochs;
    p.loss = f->sums.rows > 0
                 ? lt_sums_mean(&f->objective, f->net, &f->sums).loss
                 : NAN;
    p.examples_per_second = training_rate(f, f->seconds + now - f->began);
    lt_observe_progress(f->o->observer, &p);
}

/* ---- divergence ---- */

/* Of the step under way, or of the updates made when `is_between` two. */
static lt_divergence divergence_begin(const fit *f, bool is_between)
{
    return (lt_divergence){.step = f->o->first_step + f->steps + !is_between};
}

/* The step's loss is always told, as it is. */
static lt_status step_diverged(const fit *f, const lt_divergence *d,
                               double loss, double epoch, lt_err *err)
{
    LT_TRY(lt_observe_metric(f->o->observer, "step.loss",
                             f->o->first_step + f->steps + 1, epoch, loss,
                             err));
    return lt__diverged(f->o->observer, d, (int)ceil(epoch), err);
}

/* A batch's loss is not finite. */
static lt_status loss_diverged(const fit *f, const lt_sums *sums, double epoch,
                               lt_err *err)
{
    lt_divergence d = divergence_begin(f, false);
    lt__scene s = lt__trainer_scene(&f->trainer);

    if (lt__blame_params(&s, &d)) {
        d.step--;
        lt__divergence_say(&d, " by its end, as the next step's loss shows");
    } else if (!lt__blame_outputs(&s, &d)) {
        lt__blame_loss(&s, sums, &d);
    }
    return step_diverged(f, &d, lt_sums_mean(&f->objective, f->net, sums).loss,
                         epoch, err);
}

/* The loss was finite; what the step made of the network is not. */
static lt_status update_diverged(const fit *f, const lt_sums *sums,
                                 double epoch, lt_err *err)
{
    lt_divergence d = divergence_begin(f, false);
    lt__scene s = lt__trainer_scene(&f->trainer);
    size_t n = lt_net_n_params(f->net);

    if (!lt__blame_outputs(&s, &d) && !lt__blame_gradients(&s, &d)) {
        if (lt__blame_params(&s, &d))
            lt__divergence_say(&d,
                               " by the update; gradients are finite (at "
                               "most %.2g)",
                               lt__largest(n, lt_net_grads(f->net)));
        else
            lt__blame_state(&s, &d);
    }
    return step_diverged(f, &d, lt_sums_mean(&f->objective, f->net, sums).loss,
                         epoch, err);
}

/* What nobody has looked at yet: parameters as the call found them, those that
 * a callback of the last epoch or a tie has changed, rows that were behind. */
static lt_status params_check(const fit *f, const char *when, int epoch,
                              lt_err *err)
{
    lt_divergence d = divergence_begin(f, true);
    const lt__scene s = {.net = f->net};

    if (lt_vec_all_finite(lt_net_n_params(f->net), lt_net_params(f->net)))
        return LT_OK;
    lt__blame_params(&s, &d);
    lt__divergence_say(&d, " %s", when);
    return lt__diverged(f->o->observer, &d, epoch, err);
}

/* A pseudo-inverse of what is finite but too large fails too. */
static lt_status net_refresh(const fit *f, lt_refresh when, int epoch,
                             lt_err *err)
{
    lt_divergence d = divergence_begin(f, when == LT_REFRESH_EPOCH);
    lt_err why = {0};
    lt_status rc = lt_net_refresh(f->net, when, &why);

    if (rc == LT_OK)
        return rc;
    LT_TRY(params_check(f, "when the decoder was refreshed", epoch, err));
    if (rc != LT_EDIVERGED)
        return lt_err_set(err, rc, "%s", why.text);
    lt__divergence_say(&d, "%s", why.text);
    sscanf(why.text, "encoder layer %d", &d.layer);
    return lt__diverged(f->o->observer, &d, epoch, err);
}

static lt_status test_check(fit *f, lt_err *err)
{
    lt_divergence d = divergence_begin(f, true);

    if (!f->o->test || isfinite(f->report.test.loss))
        return LT_OK;
    lt__evaluator_blame(&f->tests, f->o->seed, &d);
    return lt__diverged(f->o->observer, &d, f->report.epoch, err);
}

/* ---- another process goes on ---- */

/* All that later steps depend on. Orders, draws and the warm-up of beta come
 * from numbers of steps and epochs; rows of a sparse network's tables that are
 * behind stay behind: to settle them would give other bits. */
static lt_snapshot fit_snapshot(fit *f, int64_t *at, double *seconds)
{
    lt_snapshot s = {0};
    size_t n_sums = sizeof f->sums / sizeof(double);

    LT_SNAPSHOT_ADD(&s, "fit", "at", at, AT_COUNT);
    LT_SNAPSHOT_ADD(&s, "fit", "seconds", seconds, 1);
    LT_SNAPSHOT_ADD(&s, "fit", "sums", (double *)&f->sums, n_sums);
    LT_SNAPSHOT_ADD(&s, "fit", "train", (double *)&f->report.train,
                    LT_TERM_COUNT);
    LT_SNAPSHOT_ADD(&s, "fit", "test", (double *)&f->report.test,
                    LT_TERM_COUNT);
    lt_net_snapshot(f->net, "net", &s);
    lt_opt_snapshot(f->trainer.opt, "opt", &s);
    lt_tape_snapshot(f->trainer.tape, "tape", &s);
    return s;
}

static void fit_save(fit *f, int epoch, int batch)
{
    int64_t at[AT_COUNT] = {epoch, batch, f->steps, f->examples};
    double seconds = f->seconds + lt_clock_elapsed() - f->began;
    lt_snapshot s = fit_snapshot(f, at, &seconds);

    lt_saver_save(f->o->saver, &s);
}

static lt_status at_check(const fit *f, const int64_t *at, lt_err *err)
{
    int64_t n = f->n_batches;

    if (at[AT_EPOCH] >= 0 && at[AT_EPOCH] < f->o->epochs && at[AT_BATCH] >= 0 &&
        at[AT_BATCH] < n && at[AT_STEPS] == at[AT_EPOCH] * n + at[AT_BATCH] &&
        at[AT_EXAMPLES] >= 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "epoch %" PRId64 ", batch %" PRId64 ", step %" PRId64
                      " of a fit of %d epochs of %d batches",
                      at[AT_EPOCH], at[AT_BATCH], at[AT_STEPS], f->o->epochs,
                      f->n_batches);
}

static lt_status fit_restore(fit *f, int *epoch, int *batch, lt_err *err)
{
    int64_t at[AT_COUNT] = {0};
    lt_snapshot s = fit_snapshot(f, at, &f->seconds);

    LT_TRY(lt_snapshot_read(lt_saver_from(f->o->saver), &s, err));
    LT_TRY(at_check(f, at, err));
    LT_TRY(lt_opt_restored(f->trainer.opt, err));
    if (!lt_vec_all_finite(lt_net_n_params(f->net), lt_net_params(f->net)))
        return lt_err_set(err, LT_EFORMAT,
                          "net.params: a parameter is not finite");
    *epoch = (int)at[AT_EPOCH];
    *batch = (int)at[AT_BATCH];
    f->steps = at[AT_STEPS];
    f->examples = at[AT_EXAMPLES];
    f->report.epoch = f->o->first_epoch + *epoch;
    return LT_OK;
}

/* ---- a step, an epoch, all ---- */

/* beta rises with the steps of this call while the warm-up lasts. */
static void beta_set(fit *f)
{
    double warmup = (double)f->o->kl_warmup * f->n_batches;
    double share = warmup > 0 ? (double)(f->steps + 1) / warmup : 1;

    f->objective.beta = f->o->objective.beta * (share < 1 ? share : 1);
}

/* What the gradient says, if it says something. */
static lt_status fit_update(fit *f, const lt_sums *sums, double epoch,
                            lt_err *err)
{
    if (!isfinite(lt_sums_mean(&f->objective, f->net, sums).loss))
        return loss_diverged(f, sums, epoch, err);
    if (!lt__trainer_update(&f->trainer) ||
        !lt_vec_all_finite(lt_net_n_state(f->net), lt_net_state(f->net)))
        return update_diverged(f, sums, epoch, err);
    return net_refresh(f, LT_REFRESH_STEP, (int)ceil(epoch), err);
}

/* Draws of re-fed passes have numbers of their own, below 0. */
static lt_status fit_refeed(fit *f, double epoch, lt_err *err)
{
    int64_t first = (f->o->first_step + f->steps) * f->o->refeed;

    for (int i = 0; i < f->o->refeed; i++) {
        lt_sums sums;

        lt__trainer_refeed(&f->trainer, -1 - first - i, &sums);
        LT_TRY(fit_update(f, &sums, epoch, err));
    }
    return LT_OK;
}

/* `epoch` is where this step's end lies, in epochs of the phase. */
static lt_status fit_step(fit *f, int index, double epoch, lt_err *err)
{
    const lt_fit_opts *o = f->o;
    lt__feed_range range = lt__batcher_range(&f->batches, index);
    lt_sums sums;

    beta_set(f);
    lt__trainer_gradient(&f->trainer, range, o->first_step + f->steps, &sums);
    LT_TRY(fit_update(f, &sums, epoch, err));
    LT_TRY(fit_refeed(f, epoch, err));
    lt_sums_add(&f->sums, &sums);
    f->examples += range.rows;
    f->steps++;
    if (o->log_every > 0 && f->steps % o->log_every == 0)
        LT_TRY(metric_emit(f, "step.loss", epoch,
                           lt_sums_mean(&f->objective, f->net, &sums).loss,
                           err));
    return LT_OK;
}

/* Between two steps: a stop that is asked for, a snapshot that is due. */
static lt_status fit_pause(fit *f, int epoch, int batch, lt_err *err)
{
    bool stops = lt_observe_stop(f->o->observer);

    if (stops || lt_saver_is_due(f->o->saver, batch == 0 && epoch > 0))
        fit_save(f, epoch, batch);
    if (!stops)
        return LT_OK;
    return lt_err_set(err, LT_EINTERRUPTED,
                      "interrupted in epoch %d, after %" PRId64 " steps",
                      f->o->first_epoch + epoch + 1, f->steps);
}

/* `epoch` counts from 0 in this call; it begins, or goes on, with batch
 * `first`. */
static lt_status epoch_train(fit *f, int epoch, int first, lt_err *err)
{
    /* on_epoch may have frozen and unfrozen layers, and changed numbers. */
    LT_TRY(lt_objective_check(&f->o->objective, f->net, err));
    LT_TRY(params_check(f, f->steps ? "between two epochs" : "at the start",
                        f->o->first_epoch + epoch + 1, err));
    f->began = lt_clock_elapsed();
    if (first == 0) {
        f->sums = (lt_sums){0};
        lt_tape_clear_units(f->trainer.tape);
    }
    lt__batcher_shuffle(&f->batches, f->o->first_epoch + epoch);
    for (int i = first; i < f->n_batches; i++) {
        double at = f->o->first_epoch + epoch + (i + 1.0) / f->n_batches;

        LT_TRY(fit_pause(f, epoch, i, err));
        LT_TRY(fit_step(f, i, at, err));
        progress_tell(f, epoch, i + 1);
    }
    lt__trainer_settle(&f->trainer);
    LT_TRY(
        net_refresh(f, LT_REFRESH_EPOCH, f->o->first_epoch + epoch + 1, err));
    f->seconds += lt_clock_elapsed() - f->began;
    return LT_OK;
}

static void test_evaluate(fit *f)
{
    if (f->o->test)
        lt__evaluator_run(&f->tests, f->o->seed, &f->report.test);
}

static lt_status epoch_end(fit *f, int epoch, bool *stop, lt_err *err)
{
    const lt_fit_opts *o = f->o;

    /* Other parameters the optimiser alone has changed, which looks. */
    if (lt_net_is_sparse(f->net) || lt_net_tie(f->net) == LT_TIE_PINV)
        LT_TRY(params_check(f, "at the epoch's end", o->first_epoch + epoch + 1,
                            err));
    f->report.epoch = o->first_epoch + epoch + 1;
    f->report.step = o->first_step + f->steps;
    f->report.train = lt_sums_mean(&f->objective, f->net, &f->sums);
    f->report.train.active_units = lt_tape_active_units(f->trainer.tape);
    test_evaluate(f);
    LT_TRY(report_emit(f, err));
    LT_TRY(test_check(f, err));
    if (!o->on_epoch)
        return LT_OK;
    return lt_err_mark(err,
                       o->on_epoch(o->on_epoch_self, &f->report, stop, err));
}

static lt_status fit_run(fit *f, lt_err *err)
{
    bool stop = false;
    int epoch = 0, batch = 0;

    if (lt_saver_from(f->o->saver))
        LT_TRY(fit_restore(f, &epoch, &batch, err));
    for (; epoch < f->o->epochs && !stop; epoch++, batch = 0) {
        LT_TRY(epoch_train(f, epoch, batch, err));
        LT_TRY(epoch_end(f, epoch, &stop, err));
    }
    return LT_OK;
}

/* No epochs: the network as it is. */
static lt_status fit_evaluate(fit *f, lt_err *err)
{
    const lt_fit_opts *o = f->o;

    LT_TRY(lt_evaluate_terms(f->net, o->train, &o->objective, o->seed, o->pool,
                             &f->report.train, err));
    test_evaluate(f);
    return report_emit(f, err);
}

lt_status lt_fit(lt_net *net, const lt_fit_opts *opts, lt_fit_result *out,
                 lt_err *err)
{
    fit f = {.net = net, .o = opts};
    lt_status rc = fit_begin(&f, err);

    if (rc == LT_OK)
        rc = opts->epochs > 0 ? fit_run(&f, err) : fit_evaluate(&f, err);
    f.report.step = opts->first_step + f.steps;
    if (out)
        *out =
            (lt_fit_result){f.report, f.seconds, training_rate(&f, f.seconds)};
    fit_end(&f);
    return rc;
}
