/* Executing a claimed run from what the store keeps: the script and the Lua
 * files that it had when it was queued, not today's.
 *
 * Order of calls: a fresh state, seeded by the run; the script loaded; a
 * recorder; experiment.execute; the recorder closed, so that all metrics are
 * in the store before the claim ends. Files of a sweep are read one by one
 * into a table of path and text, from which `require` is served. */
#include "bind/resume_int.h"
#include "bind/script_int.h"

#include "latent/store/recorder.h"

#include <stdio.h>
#include <string.h>

#define TRACE_LINES 12

typedef struct run_args {
    lt_script *script;
    lt_store *store;
    lt_claim *claim;
} run_args;

/* boot.load(text, path, {path = text of the others}); the experiment stays
 * on the stack. */
static void load_stored(lua_State *L, const run_args *args)
{
    lt_text *path = lt__new_text_guard(L), *text = lt__new_text_guard(L);
    int64_t sweep = lt_claim_sweep(args->claim);
    lt_err err = {0};
    lt_status rc;
    int table;

    lt__push_function(L, "latent.boot", "load");
    if (lt_store_sweep_source(args->store, sweep, 0, path, text, &err) != LT_OK)
        lt__raise(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    lua_pushstring(L, lt_text_str(path));
    lua_newtable(L);
    table = lua_gettop(L);
    for (int i = 1; (rc = lt_store_sweep_source(args->store, sweep, i, path,
                                                text, &err)) == LT_OK;
         i++) {
        lua_pushlstring(L, lt_text_str(text), text->size);
        lua_setfield(L, table, lt_text_str(path));
    }
    if (rc != LT_ENOTFOUND)
        lt__raise(L, &err);
    lua_call(L, 3, 1);
}

static int run_call(lua_State *L)
{
    const run_args *args = lua_touserdata(L, 1);

    lt__push_function(L, "latent.experiment", "execute");
    load_stored(L, args);
    /* [execute, guards, experiment]: the guards are below the experiment */
    lua_replace(L, 3);
    lua_settop(L, 3);
    lua_pushstring(L, lt_claim_config(args->claim));
    lt__push_function(L, "latent.run", "current");
    lua_call(L, 0, 1);
    lua_call(L, 3, 0);
    return 0;
}

/* Appends the first lines of the traceback, as many as there is room for. */
static void add_trace(lt_script *s, lt_err *message)
{
    const char *p = lt_script_traceback(s);
    size_t used = strlen(message->text);

    if (used + 2 >= sizeof message->text || !*p)
        return;
    message->text[used++] = '\n';
    for (int line = 0; *p && line < TRACE_LINES; line++) {
        size_t n = strcspn(p, "\n");

        if (used + n + 2 > sizeof message->text)
            break;
        if (line > 0)
            message->text[used++] = '\n';
        memcpy(message->text + used, p, n);
        used += n;
        p += n + (p[n] == '\n');
    }
    message->text[used] = '\0';
}

/* Protected; without a recorder nothing is executed. */
static lt_status run_protected(run_args *args, lt_err *message)
{
    lt__ctx *ctx = &args->script->ctx;
    uint64_t seed = (uint64_t)lt_claim_seed(args->claim);
    lt_err close_err = {0};
    lt_status rc, close_rc;

    LT_TRY(lt__script_reopen(args->script, seed, message));
    LT_TRY(lt_recorder_new(args->claim, &ctx->recorder, message));
    lt__resume_record(ctx->resume, ctx->recorder);
    rc = lt__script_protect(args->script, run_call, args, message);
    lt__resume_record(ctx->resume, NULL);
    close_rc = lt_recorder_close(ctx->recorder, &close_err);
    ctx->recorder = NULL;
    if (rc == LT_OK && close_rc != LT_OK) {
        *message = close_err;
        rc = close_rc;
    }
    return rc;
}

/* What an earlier process has left, it goes on with; when that proves to be no
 * good, it is forgotten, and the run begins anew. */
static lt_status run_resumed(run_args *args, lt_err *message)
{
    lt__ctx *ctx = &args->script->ctx;
    bool is_broken;
    lt_status rc;

    do {
        LT_TRY(lt__resume_open(args->claim, &ctx->resume, message));
        rc = run_protected(args, message);
        is_broken = rc != LT_OK && lt__resume_is_broken(ctx->resume);
        lt__script_close(args->script); /* lets go of networks and sets */
        lt__resume_close(ctx->resume);
        ctx->resume = NULL;
        if (is_broken)
            lt__resume_forget(args->claim, message->text);
    } while (is_broken);
    return rc;
}

static double narrower(double a, double b)
{
    return a > 0 && (b <= 0 || a < b) ? a : b;
}

/* With a limit of memory, what earlier runs left in the cache is let go: what
 * became of a run must not depend on those before it. */
static lt_status run_limits(run_args *args, lt_err *message)
{
    const lt_script_limits *own = &args->script->opts.limits;
    lt_script_limits limits;

    LT_TRY(lt_script_stored_limits(args->store, lt_claim_sweep(args->claim),
                                   &limits, message));
    limits.sandbox = limits.sandbox || own->sandbox;
    limits.seconds = narrower(limits.seconds, own->seconds);
    limits.bytes = (int64_t)narrower((double)limits.bytes, (double)own->bytes);
    if (limits.bytes > 0 || limits.sandbox)
        lt__script_forget(args->script);
    lt__script_limit(args->script, &limits);
    return LT_OK;
}

lt_run_status lt_script_execute(lt_script *s, lt_store *store, lt_claim *claim,
                                const lt_observer *progress, lt_err *message)
{
    run_args args = {s, store, claim};
    const lt_divergence *diverged;
    lt_status rc;

    s->ctx.claim = claim;
    s->ctx.progress = progress;
    rc = run_limits(&args, message);
    if (rc == LT_OK)
        rc = run_resumed(&args, message);
    diverged = lt__divergence_in(&s->ctx, s->ctx.last.text);
    if (rc == LT_EDIVERGED && diverged)
        lt_claim_divergence(claim, diverged);
    lt__script_close(s);
    lt__script_limit(s, &s->opts.limits);
    s->ctx.claim = NULL;
    s->ctx.progress = NULL;
    switch (rc) {
    case LT_OK:
        return LT_RUN_FINISHED;
    case LT_EDIVERGED:
        return LT_RUN_DIVERGED;
    case LT_EINTERRUPTED:
    case LT_ENOSPC: /* it goes on from its checkpoint when there is room */
        return LT_RUN_INTERRUPTED;
    default:
        add_trace(s, message);
        return LT_RUN_FAILED;
    }
}
