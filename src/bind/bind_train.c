/* "latent.core.train": fit and pretrain, as lua/latent/fit.lua and
 * pretrain.lua call them.
 *
 * Events go to an observer that joins the run's recorder (when the script
 * asked for recording), the worker's progress line, and the stop. A script's
 * on_epoch runs in protected mode: its error ends the training with
 * ECALLBACK, so that the engine lets go of what it owns, and is raised again
 * afterwards, as it was, with the traceback of where it happened. */
#include "bind/resume_int.h"

#include "latent/data/dataset.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"
#include "latent/store/recorder.h"
#include "latent/train/fit.h"
#include "latent/train/pretrain.h"

#include <string.h>

#define STAGE_TEXT 320

/* ---- the observer ---- */

typedef struct watch {
    lua_State *L;
    bool records;
    const lt_observer *progress;
    lt_observer observer;
} watch;

static lt_status watch_metric(void *self, const char *name, int64_t step,
                              double epoch, double value, lt_err *err)
{
    watch *w = self;
    const lt__metric m = {name, step, epoch, value};

    return w->records ? lt__resume_metric(lt__ctx_of(w->L), &m, err) : LT_OK;
}

static void watch_progress(void *self, const lt_progress *progress)
{
    watch *w = self;

    lt_observe_progress(w->progress, progress);
}

static bool watch_should_stop(void *self)
{
    watch *w = self;

    return lt__should_stop(w->L);
}

static void watch_diverged(void *self, const lt_divergence *divergence)
{
    watch *w = self;
    lt__ctx *ctx = lt__ctx_of(w->L);

    if (ctx)
        ctx->diverged = *divergence;
}

static void watch_init(watch *w, lua_State *L, bool records)
{
    lt__ctx *ctx = lt__ctx_of(L);

    *w = (watch){.L = L};
    if (ctx) {
        w->records = records && ctx->recorder;
        w->progress = ctx->progress;
    }
    w->observer = (lt_observer){w, watch_metric, watch_progress,
                                watch_should_stop, watch_diverged};
}

/* ---- on_epoch ---- */

typedef struct epoch_hook {
    lua_State *L;
    int function; /* its place on the stack */
    bool has_failed;
    lt__resume *resume; /* or NULL */
} epoch_hook;

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void push_report(lua_State *L, const lt_epoch_report *r)
{
    lua_createtable(L, 0, 8);
    lua_pushinteger(L, r->epoch);
    lua_setfield(L, -2, "epoch");
    lua_pushinteger(L, r->step);
    lua_setfield(L, -2, "step");
    lt__set_terms(L, "train.", &r->train);
    lt__set_terms(L, "test.", &r->test);
}

/* (function, report) in protected mode -> whether to stop */
static int epoch_call(lua_State *L)
{
    const lt_epoch_report *report = lua_touserdata(L, 2);

    lua_settop(L, 1);
    push_report(L, report);
    lua_call(L, 1, 1);
    return 1;
}

/* Keeps where the callback failed, for the traceback of the whole. */
static void keep_inner(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (!ctx)
        return;
    lt_text_clear(&ctx->inner_message);
    lt_text_clear(&ctx->inner_trace);
    lt__error_text(L, &ctx->inner_message);
    lt_text_add(&ctx->inner_trace, lt_text_str(&ctx->trace));
}

/* On failure leaves the error value on the stack. */
static lt_status epoch_end(void *self, const lt_epoch_report *report,
                           bool *stop, lt_err *err)
{
    epoch_hook *hook = self;
    lua_State *L = hook->L;
    lt__ctx *ctx = lt__ctx_of(L);
    int top = lua_gettop(L), rc;

    if (!lua_checkstack(L, 8))
        return lt_err_set(err, LT_ENOMEM, "on_epoch: Lua's stack is full");
    lua_pushcfunction(L, lt__traceback);
    lua_pushcfunction(L, epoch_call);
    lua_pushvalue(L, hook->function);
    lua_pushlightuserdata(L, (void *)(uintptr_t)report);
    if (ctx)
        ctx->callbacks++;
    lt__stage_call_begin(hook->resume);
    rc = lua_pcall(L, 2, 1, top + 1);
    lt__stage_call_end(hook->resume);
    if (ctx)
        ctx->callbacks--;
    if (rc != LUA_OK) {
        hook->has_failed = true;
        keep_inner(L);
        return lt_err_set(err, LT_ECALLBACK, "on_epoch raised an error");
    }
    *stop = lua_toboolean(L, -1);
    lua_settop(L, top);
    return lt__stage_report(hook->resume, report, err);
}

/* What an earlier process has told; its answers are known. */
static lt_status epochs_replay(epoch_hook *hook, lt_err *err)
{
    lt_epoch_report report;
    bool stop;

    while (lt__stage_replay(hook->resume, &report))
        LT_TRY(epoch_end(hook, &report, &stop, err));
    return LT_OK;
}

/* ---- fit ---- */

/* A field that replaces a default only when it is there. */
static void get_real(lua_State *L, const char *name, double *out)
{
    lua_getfield(L, 4, name);
    if (!lua_isnil(L, -1))
        *out = luaL_checknumber(L, -1);
    lua_pop(L, 1);
}

static void get_int(lua_State *L, const char *name, int *out)
{
    lua_getfield(L, 4, name);
    if (!lua_isnil(L, -1))
        *out = (int)luaL_checkinteger(L, -1);
    lua_pop(L, 1);
}

static void get_optimizer(lua_State *L, int table, lt_opt_spec *out)
{
    const char *kind;

    lua_getfield(L, table, "optimizer");
    table = lua_gettop(L);
    kind = lt__get_string(L, table, "kind");
    luaL_argcheck(L, kind, 4, "an optimiser without a kind");
    if (strcmp(kind, "sgd") == 0) {
        *out = lt_opt_defaults(LT_OPT_SGD);
        out->momentum = lt__get_number(L, table, "momentum");
        out->nesterov = lt__get_boolean(L, table, "nesterov");
    } else {
        *out = lt_opt_defaults(LT_OPT_ADAM);
        out->beta1 = lt__get_number(L, table, "beta1");
        out->beta2 = lt__get_number(L, table, "beta2");
        out->epsilon = lt__get_number(L, table, "epsilon");
    }
    out->rate = lt__get_number(L, table, "rate");
    out->weight_decay = lt__get_number(L, table, "weight_decay");
    lua_pop(L, 1);
}

static void get_fit_opts(lua_State *L, lt_fit_opts *out)
{
    out->train = lt__check_set(L, 2);
    out->test = lua_isnil(L, 3) ? NULL : lt__check_set(L, 3);
    lua_getfield(L, 4, "objective");
    luaL_checktype(L, -1, LUA_TTABLE);
    lt__get_objective(L, lua_gettop(L), &out->objective);
    lua_pop(L, 1);
    out->kl_warmup = (int)lt__get_integer(L, 4, "kl_warmup");
    get_optimizer(L, 4, &out->optimizer);
    out->epochs = (int)lt__get_integer(L, 4, "epochs");
    out->batch = (int)lt__get_integer(L, 4, "batch");
    out->refeed = (int)lt__get_integer(L, 4, "refeed");
    out->log_every = (int)lt__get_integer(L, 4, "log_every");
    out->seed = (uint64_t)lt__get_integer(L, 4, "seed");
    out->first_step = lt__get_integer(L, 4, "first_step");
    out->first_epoch = (int)lt__get_integer(L, 4, "first_epoch");
    out->pool = lt__pool_of(L);
}

static void push_result(lua_State *L, const lt_fit_result *r)
{
    push_report(L, &r->last);
    set_number(L, "seconds", r->seconds);
    set_number(L, "examples_per_second", r->examples_per_second);
}

/* The run's, when this call is to be one of its stages. */
static lt__resume *resume_of(lua_State *L)
{
    lt__ctx *ctx = lt__ctx_of(L);

    if (ctx)
        lt__stage_touch(ctx->resume); /* when within on_epoch */
    return ctx && lt__get_boolean(L, 4, "records") ? ctx->resume : NULL;
}

static double get_checkpoint_seconds(lua_State *L)
{
    double seconds = -1;

    get_real(L, "checkpoint_seconds", &seconds);
    return seconds;
}

/* Of the sets of a call that records, a word for their values. */
static const char *get_data_word(lua_State *L)
{
    const char *word = lt__get_string(L, 4, "data_word");

    return word ? word : "";
}

static void fit_describe(lt_net *net, const lt_fit_opts *o, const char *data,
                         char out[STAGE_TEXT])
{
    snprintf(out, STAGE_TEXT,
             "latent.fit: %d epochs after %d, batch %d, %s, %s of rate %.9g, "
             "seed %llu, %d examples (data %.40s), %zu parameters",
             o->epochs, o->first_epoch, o->batch,
             lt_loss_name(o->objective.loss),
             o->optimizer.kind == LT_OPT_SGD ? "sgd" : "adam",
             o->optimizer.rate, (unsigned long long)o->seed,
             lt_dataset_rows(o->train), data, lt_net_n_params(net));
}

/* A fit that may be a stage of the run. */
static lt_status fit_stage(lt_net *net, lt_fit_opts *o, epoch_hook *hook,
                           lt_fit_result *out, lt_err *err)
{
    char is[STAGE_TEXT];
    lt__stage stage = {is, net, get_checkpoint_seconds(hook->L)};
    lt__stage_way way;
    lt_status rc;

    fit_describe(net, o, get_data_word(hook->L), is);
    LT_TRY(lt__stage_begin(&hook->resume, &stage, &way, err));
    LT_TRY(epochs_replay(hook, err));
    if (way == LT__STAGE_IS_OVER && lt__stage_result(hook->resume, out))
        return LT_OK;
    o->saver = lt__stage_saver(hook->resume);
    rc = lt_fit(net, o, out, err);
    if (rc == LT_EFORMAT)
        lt__stage_blame(hook->resume);
    if (rc == LT_OK)
        lt__stage_end(hook->resume, out);
    return rc;
}

/* train.fit(net, train, test or nil, options, on_epoch) -> result */
static int train_fit(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    lt_fit_opts opts = {0};
    lt_fit_result result = {0};
    epoch_hook hook = {L, 5, false, NULL};
    lt_err err = {0};
    watch w;

    luaL_checktype(L, 4, LUA_TTABLE);
    luaL_checktype(L, 5, LUA_TFUNCTION);
    get_fit_opts(L, &opts);
    watch_init(&w, L, lt__get_boolean(L, 4, "records"));
    opts.observer = &w.observer;
    opts.on_epoch = epoch_end;
    opts.on_epoch_self = &hook;
    hook.resume = resume_of(L);
    lua_settop(L, 5);
    if (fit_stage(net, &opts, &hook, &result, &err) == LT_OK) {
        push_result(L, &result);
        return 1;
    }
    return hook.has_failed ? lua_error(L) : lt__raise(L, &err);
}

/* ---- pretrain ---- */

static lt_pretrain_method get_method(lua_State *L)
{
    const char *name = lt__get_string(L, 4, "method");

    luaL_argcheck(L, name, 4, "no method");
    if (strcmp(name, "rbm") == 0)
        return LT_PRETRAIN_RBM;
    return strcmp(name, "denoising") == 0 ? LT_PRETRAIN_DENOISING
                                          : LT_PRETRAIN_AUTOENCODER;
}

static void get_pretrain_opts(lua_State *L, lt_pretrain_opts *out)
{
    const char *visible = lt__get_string(L, 4, "visible");

    *out = lt_pretrain_defaults(get_method(L));
    out->train = lt__check_set(L, 2);
    out->test = lua_isnil(L, 3) ? NULL : lt__check_set(L, 3);
    get_int(L, "epochs", &out->epochs);
    get_int(L, "batch", &out->batch);
    get_real(L, "rate", &out->rate);
    get_real(L, "rate_linear", &out->rate_linear);
    get_real(L, "momentum", &out->momentum);
    get_real(L, "final_momentum", &out->final_momentum);
    get_int(L, "momentum_switch", &out->momentum_switch);
    get_real(L, "weight_cost", &out->weight_cost);
    get_real(L, "init_sd", &out->init_sd);
    get_int(L, "cd", &out->cd);
    get_real(L, "corruption", &out->corruption);
    out->visible = visible && strcmp(visible, "gaussian") == 0
                       ? LT_UNIT_GAUSSIAN
                       : LT_UNIT_BINARY;
    out->seed = (uint64_t)lt__get_integer(L, 4, "seed");
    out->pool = lt__pool_of(L);
}

static void pretrain_describe(lt_net *net, const lt_pretrain_opts *o,
                              const char *data, char out[STAGE_TEXT])
{
    static const char *const methods[] = {"rbm", "autoencoder", "denoising"};

    snprintf(out, STAGE_TEXT,
             "latent.pretrain: %s, %d epochs, batch %d, rate %.9g, seed %llu, "
             "%d examples (data %.40s), %zu parameters",
             methods[o->method], o->epochs, o->batch, o->rate,
             (unsigned long long)o->seed, lt_dataset_rows(o->train), data,
             lt_net_n_params(net));
}

/* A pre-training that may be a stage of the run. */
static lt_status pretrain_stage(lua_State *L, lt_net *net, lt_pretrain_opts *o,
                                lt_err *err)
{
    lt__resume *resume = resume_of(L);
    char is[STAGE_TEXT];
    lt__stage stage = {is, net, get_checkpoint_seconds(L)};
    lt_epoch_report none;
    lt__stage_way way;
    lt_status rc;

    pretrain_describe(net, o, get_data_word(L), is);
    LT_TRY(lt__stage_begin(&resume, &stage, &way, err));
    (void)lt__stage_replay(resume, &none); /* for the counts */
    if (way == LT__STAGE_IS_OVER)
        return LT_OK;
    o->saver = lt__stage_saver(resume);
    rc = lt_pretrain(net, o, err);
    if (rc == LT_EFORMAT)
        lt__stage_blame(resume);
    if (rc == LT_OK)
        lt__stage_end(resume, NULL);
    return rc;
}

/* train.pretrain(net, train, test or nil, options) */
static int train_pretrain(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    lt_pretrain_opts opts;
    lt_err err = {0};
    watch w;

    luaL_checktype(L, 4, LUA_TTABLE);
    get_pretrain_opts(L, &opts);
    watch_init(&w, L, lt__get_boolean(L, 4, "records"));
    opts.observer = &w.observer;
    return pretrain_stage(L, net, &opts, &err) == LT_OK ? 0
                                                        : lt__raise(L, &err);
}

/* train.divergence(message) -> {step =, layer = or nil, what =}, when the
 * message is that of the divergence raised last, or holds it; or nil */
static int train_divergence(lua_State *L)
{
    const char *message = luaL_checkstring(L, 1);
    const lt__ctx *ctx = lt__ctx_of(L);
    const lt_divergence *d = ctx ? lt__divergence_in(ctx, message) : NULL;

    if (!d)
        return 0;
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, d->step);
    lua_setfield(L, -2, "step");
    if (d->layer > 0) {
        lua_pushinteger(L, d->layer);
        lua_setfield(L, -2, "layer");
    }
    lua_pushstring(L, d->what);
    lua_setfield(L, -2, "what");
    return 1;
}

int lt__open_train(lua_State *L)
{
    static const luaL_Reg functions[] = {{"fit", train_fit},
                                         {"pretrain", train_pretrain},
                                         {"divergence", train_divergence},
                                         {NULL, NULL}};

    luaL_newlib(L, functions);
    return 1;
}
