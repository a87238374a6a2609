/* "latent.core.exchange": runs from one store to another, as
 * lua/latent/taking.lua and cmd/export.lua ask. For the program's own commands
 * only: paths are the user's.
 *
 *   core.take{from =, to =, filter =, dry_run =}   -> report
 *   core.export{from =, runs = {ids}, path =, replace =}   -> report
 *
 * A report has the counts of lt_take_report, `lines`: what was told of runs (of
 * too many only the first, and is_cut), and when it failed `error` and `status`
 * (lt_status_name): what was taken by then is taken, and is told too. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/exchange.h"
#include "latent/store/filter.h"

#include <string.h>

#define MAX_LINES ((size_t)1 << 20) /* bytes */

typedef struct taking {
    lt_take_report report;
    lt_text lines; /* each with a newline */
    bool is_cut;   /* there were more */
    lt_err err;
} taking;

static void keep_line(void *self, const char *line)
{
    taking *t = self;

    if (t->lines.size > MAX_LINES) {
        t->is_cut = true;
        return;
    }
    for (const char *p = line; *p; p++)
        lt_text_add_n(&t->lines, *p == '\n' ? " " : p, 1);
    lt_text_add(&t->lines, "\n");
}

static int taking_collect(lua_State *L)
{
    taking *t = lua_touserdata(L, 1);

    lt_text_deinit(&t->lines);
    return 0;
}

static taking *new_taking(lua_State *L)
{
    taking *t = lua_newuserdatauv(L, sizeof *t, 0);

    memset(t, 0, sizeof *t);
    if (luaL_getmetatable(L, "latent.taking") == LUA_TNIL) {
        lua_pop(L, 1);
        lt__new_type(L, "latent.taking", taking_collect);
    }
    lua_setmetatable(L, -2);
    return t;
}

static int push_report(lua_State *L, const taking *t, lt_status rc)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"new", t->report.n_new},         {"updated", t->report.n_updated},
        {"same", t->report.n_same},       {"left", t->report.n_left},
        {"refused", t->report.n_refused}, {"files", t->report.files},
        {"bytes", t->report.bytes},       {"values", t->report.values},
        {"sources", t->report.sources},   {"run", t->report.run},
    };

    lua_createtable(L, 0, 16); /* and the fields below */
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        lua_pushinteger(L, counts[i].value);
        lua_setfield(L, -2, counts[i].name);
    }
    lua_pushlstring(L, lt_text_str(&t->lines), t->lines.size);
    lua_setfield(L, -2, "lines");
    lua_pushboolean(L, t->is_cut);
    lua_setfield(L, -2, "is_cut");
    if (rc != LT_OK) {
        lua_pushstring(L, t->err.text[0] ? t->err.text : lt_status_text(rc));
        lua_setfield(L, -2, "error");
        lua_pushstring(L, lt_status_name(rc));
        lua_setfield(L, -2, "status");
    }
    return 1;
}

/* ---- take ---- */

typedef struct wish {
    const char *from, *to, *filter; /* filter NULL: all */
    bool dry_run;
} wish;

static lt_status find_runs(lt_store *from, const char *text, int64_t **runs,
                           int *n, lt_err *err)
{
    lt_filter *filter = NULL;
    lt_status rc = lt_filter_compile(from, text, &filter, err);

    if (rc == LT_OK)
        rc = lt_filter_runs(filter, runs, n, err);
    lt_filter_free(filter);
    return rc;
}

/* A filter that is wrong is told before a store is made. */
static lt_status filter_check(lt_store *from, const char *text, lt_err *err)
{
    lt_filter *filter = NULL;
    lt_status rc = text ? lt_filter_compile(from, text, &filter, err) : LT_OK;

    lt_filter_free(filter);
    return rc;
}

static lt_status take_between(const wish *w, lt_store *from, lt_store *to,
                              taking *t)
{
    lt_take_opts opts = {.dry_run = w->dry_run, .tell = keep_line, .self = t};
    const char *notice = to ? lt_store_notice(to) : NULL;
    int64_t *runs = NULL;
    lt_status rc = LT_OK;

    if (notice)
        keep_line(t, notice);
    if (w->filter)
        rc = find_runs(from, w->filter, &runs, &opts.n_runs, &t->err);
    opts.runs = runs;
    if (rc == LT_OK && (!w->filter || opts.n_runs > 0))
        rc = lt_store_take(from, to, &opts, &t->report, &t->err);
    lt_mem_free(runs);
    return rc;
}

/* A dry run makes no store, and takes one that is not there for empty. */
static lt_status take(const wish *w, taking *t)
{
    lt_store *from = NULL, *to = NULL;
    lt_status rc = lt_store_open(w->from, LT_STORE_READ, &from, &t->err);

    if (rc == LT_OK)
        rc = filter_check(from, w->filter, &t->err);
    if (rc == LT_OK && (!w->dry_run || lt_path_exists(w->to)))
        rc = lt_store_open(w->to, w->dry_run ? LT_STORE_READ : LT_STORE_CREATE,
                           &to, &t->err);
    if (rc == LT_OK)
        rc = take_between(w, from, to, t);
    lt_store_close(to);
    lt_store_close(from);
    return rc;
}

static int exchange_take(lua_State *L)
{
    wish w;
    taking *t;

    luaL_checktype(L, 1, LUA_TTABLE);
    w = (wish){
        .from = lt__get_string(L, 1, "from"),
        .to = lt__get_string(L, 1, "to"),
        .filter = lt__get_string(L, 1, "filter"),
        .dry_run = lt__get_boolean(L, 1, "dry_run"),
    };
    luaL_argcheck(L, w.from && w.to, 1, "wanted two paths");
    t = new_taking(L);
    return push_report(L, t, take(&w, t));
}

/* ---- export ---- */

static int64_t *check_ids(lua_State *L, int *n)
{
    int64_t *ids;

    lua_getfield(L, 1, "runs");
    luaL_checktype(L, -1, LUA_TTABLE);
    *n = (int)luaL_len(L, -1);
    ids = lua_newuserdatauv(L, ((size_t)*n + 1) * sizeof *ids, 0);
    for (int i = 0; i < *n; i++) {
        lua_rawgeti(L, -2, i + 1);
        ids[i] = luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    return ids;
}

static int exchange_export(lua_State *L)
{
    lt_export_opts opts = {0};
    lt_store *from = NULL;
    const char *path;
    taking *t;
    lt_status rc;

    luaL_checktype(L, 1, LUA_TTABLE);
    path = lt__get_string(L, 1, "from");
    opts.path = lt__get_string(L, 1, "path");
    opts.replace = lt__get_boolean(L, 1, "replace");
    luaL_argcheck(L, path && opts.path, 1, "wanted two paths");
    opts.take.runs = check_ids(L, &opts.take.n_runs);
    t = new_taking(L);
    opts.take.tell = keep_line;
    opts.take.self = t;
    rc = lt_store_open(path, LT_STORE_READ, &from, &t->err);
    if (rc == LT_OK)
        rc = lt_store_export(from, &opts, &t->report, &t->err);
    lt_store_close(from);
    return push_report(L, t, rc);
}

int lt__open_exchange(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"take", exchange_take},
        {"export", exchange_export},
        {NULL, NULL},
    };

    luaL_newlib(L, functions);
    return 1;
}
