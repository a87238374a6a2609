/* Rehearsing: the script's run function, with nothing recorded; what that means
 * is in lua/latent/rehearsal.lua.
 *
 * A script that is busy with itself (a loop until a loss is small) is stopped
 * after some seconds and given the benefit of the doubt, as is a network that
 * diverges before it was trained. A limit of time is that of one run: here it
 * does not count. */
#include "bind/script_int.h"

#include "latent/base/clock.h"

#define REHEARSAL_SECONDS 10.0

typedef struct rehearsal {
    const char *path;
    const lt_plan_opts *opts;
    lt_text *warning;
    double until;
    bool is_over;
} rehearsal;

static bool rehearsal_is_over(void *self)
{
    rehearsal *r = self;

    r->is_over = r->is_over || lt_clock_elapsed() > r->until;
    return r->is_over;
}

static int rehearse_call(lua_State *L)
{
    const rehearsal *r = lua_touserdata(L, 1);

    lt__push_function(L, "latent.rehearsal", "perform");
    lua_pushstring(L, r->path);
    lt__push_sets(L, r->opts);
    lua_pushinteger(L, r->opts->seeds);
    lua_call(L, 3, 1);
    if (lua_isstring(L, -1))
        lt_text_add(r->warning, lua_tostring(L, -1));
    return 0;
}

lt_status lt_script_rehearse(lt_script *s, const char *path,
                             const lt_plan_opts *opts, lt_text *warning,
                             lt_err *err)
{
    rehearsal r = {path, opts, warning, lt_clock_elapsed() + REHEARSAL_SECONDS,
                   false};
    lt_observer observer = {.self = &r, .should_stop = rehearsal_is_over};
    lt_err own = {0};
    lt_status rc = lt__script_reopen(s, s->opts.seed, err);

    if (rc != LT_OK)
        return rc;
    s->ctx.progress = &observer;
    s->ctx.max_seconds = 0;
    rc = lt__script_protect(s, rehearse_call, &r, &own);
    lt__script_close(s); /* lets go of networks and sets */
    s->ctx.progress = NULL;
    lt__script_limit(s, &s->opts.limits);
    if (rc == LT_OK || rc == LT_EDIVERGED || r.is_over)
        return LT_OK;
    return lt_err_set(err, rc, "%s", own.text);
}
