/* Figures from plain tables: require "latent.core.plot".
 *
 *   plot.render(figure, { path = "a.svg" })              -> true
 *   plot.render(figure, { terminal = true, columns = 80, rows = 24,
 *                         color = false })               -> text
 *   plot.script(figure, "svg" | "png" | "pdf" | "terminal")   -> text
 *
 * A figure that is wrong (a field unknown, of the wrong type or length) raises
 * an error that names the field: "panels[1].series[2].y: ...". A drawing that
 * fails (no gnuplot, a folder that cannot be written) gives nil, message and
 * the status' name, because a run must outlive its figures.
 *
 *   { title =, columns =, width =, height =, panels = { {
 *       title =,
 *       x = { label =, log =, range = {low, high}, categories = {...} }, y =,
 *       series = { { label =, mark = "line"|"points"|"band"|"bars"|"text",
 *                    color = 1.., dash = 1.., faint =, x = {}, y = {},
 *                    low = {}, high = {} }, ... },
 *       tiles = { rows =, cols =, height =, width =, values = {}, low =,
 *                 high =, diverging =, row_labels = {}, captions = {} },
 *   }, ... } }
 *
 * Colours and dashes count from 1. A caption may be false: none. Memory: the
 * figure and every array are Lua's while a table is read, so an error loses
 * nothing. */
#include "bind/bind_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latent/base/suggest.h"
#include "latent/plot/figure.h"

#define FIGURE_TYPE "latent.figure"

enum { PATH_SIZE = 120 };

static int figure_collect(lua_State *L)
{
    lt_figure **f = luaL_checkudata(L, 1, FIGURE_TYPE);

    lt_figure_free(*f);
    *f = NULL;
    return 0;
}

static int bad_field(lua_State *L, const char *where, const char *what)
{
    lt_err err = {0};

    lt_err_set(&err, LT_EINVAL, "figure: %s: %s", where, what);
    return lt__raise(L, &err);
}

/* "where.name", or "name" at the top. */
static const char *join(char out[PATH_SIZE], const char *where,
                        const char *name)
{
    snprintf(out, PATH_SIZE, "%.60s%s%.50s", where, *where ? "." : "", name);
    return out;
}

/* ---- fields of the table at `t` ---- */

static void check_fields(lua_State *L, int t, const char *where,
                         const char *const *names, size_t n)
{
    char path[PATH_SIZE];
    lt_err err = {0};

    if (!lua_istable(L, t))
        bad_field(L, *where ? where : "(all)", "wanted a table");
    for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        const char *near = lt_suggest(name, names, n);
        size_t i = 0;

        while (i < n && strcmp(names[i], name) != 0)
            i++;
        if (i < n)
            continue;
        lt_err_set(&err, LT_EINVAL, "figure: %s: unknown field%s%s%s",
                   join(path, where, name), near ? "; did you mean \"" : "",
                   near ? near : "", near ? "\"?" : "");
        lt__raise(L, &err);
    }
}

/* The string stays in its table, and so in place while the table lives. */
static const char *text_field(lua_State *L, int t, const char *where,
                              const char *name)
{
    char path[PATH_SIZE];
    const char *text = NULL;

    lua_getfield(L, t, name);
    if (!lua_isnil(L, -1)) {
        if (lua_type(L, -1) != LUA_TSTRING)
            bad_field(L, join(path, where, name), "wanted a text");
        text = lua_tostring(L, -1);
    }
    lua_pop(L, 1);
    return text;
}

static bool flag_field(lua_State *L, int t, const char *name)
{
    bool value;

    lua_getfield(L, t, name);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

typedef struct limits {
    double least, most, fallback; /* fallback NaN: the field must be there */
} limits;

static double number_field(lua_State *L, int t, const char *where,
                           const char *name, limits k)
{
    char path[PATH_SIZE], want[64];
    double value = k.fallback;

    lua_getfield(L, t, name);
    if (!lua_isnil(L, -1) || value != value) {
        snprintf(want, sizeof want, "wanted a number from %g to %g", k.least,
                 k.most);
        value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        if (!(value >= k.least && value <= k.most))
            bad_field(L, join(path, where, name), want);
    }
    lua_pop(L, 1);
    return value;
}

static int whole_field(lua_State *L, int t, const char *where, const char *name,
                       limits k)
{
    char path[PATH_SIZE];
    double value = number_field(L, t, where, name, k);

    if (value != (int)value)
        bad_field(L, join(path, where, name), "wanted a whole number");
    return (int)value;
}

/* An array of numbers; pushes what owns it (nil for none). */
static const double *reals_field(lua_State *L, int t, const char *where,
                                 const char *name, size_t *n)
{
    char path[PATH_SIZE];
    double *values;

    *n = 0;
    lua_getfield(L, t, name);
    if (lua_isnil(L, -1))
        return NULL;
    join(path, where, name);
    if (!lua_istable(L, -1))
        bad_field(L, path, "wanted a list of numbers");
    *n = lua_rawlen(L, -1);
    values = lua_newuserdatauv(L, *n * sizeof *values + 1, 0);
    for (size_t i = 0; i < *n; i++) {
        if (lua_rawgeti(L, -2, (lua_Integer)i + 1) != LUA_TNUMBER)
            bad_field(L, path, "wanted numbers only");
        values[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
    return values;
}

/* A list of `wanted` texts (0: any number), false standing for none; pushes
 * what owns the array. */
static const char *const *texts_field(lua_State *L, int t, const char *where,
                                      const char *name, size_t *n)
{
    char path[PATH_SIZE];
    const char **texts;
    size_t wanted = *n;

    lua_getfield(L, t, name);
    if (lua_isnil(L, -1))
        return NULL;
    join(path, where, name);
    if (!lua_istable(L, -1))
        bad_field(L, path, "wanted a list of texts");
    *n = lua_rawlen(L, -1);
    if (wanted && *n != wanted)
        bad_field(L, path, "wrong number of texts");
    texts = lua_newuserdatauv(L, *n * sizeof *texts + 1, 0);
    for (size_t i = 0; i < *n; i++) {
        int type = lua_rawgeti(L, -2, (lua_Integer)i + 1);

        if (type != LUA_TSTRING &&
            !(type == LUA_TBOOLEAN && !lua_toboolean(L, -1)))
            bad_field(L, path, "wanted texts only");
        texts[i] = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
    return texts;
}

/* ---- parts of a figure ---- */

/* Pushes up to two values that own what `out` borrows. */
static void axis_read(lua_State *L, int panel, const char *where,
                      const char *name, lt_axis *out)
{
    static const char *const names[] = {"label", "log", "range", "categories"};
    char path[PATH_SIZE];
    const double *range;
    size_t n = 0;
    int t;

    *out = (lt_axis){0};
    lua_getfield(L, panel, name);
    t = lua_gettop(L);
    if (lua_isnil(L, t))
        return;
    join(path, where, name);
    check_fields(L, t, path, names, 4);
    out->label = text_field(L, t, path, "label");
    out->is_log = flag_field(L, t, "log");
    range = reals_field(L, t, path, "range", &n);
    if (range) {
        if (n != 2 || !(range[0] < range[1]) || !(range[1] - range[0] <= 1e300))
            bad_field(L, path, "range: wanted {low, high}");
        out->has_range = true;
        out->low = range[0];
        out->high = range[1];
    }
    n = 0;
    out->categories = texts_field(L, t, path, "categories", &n);
    out->n_categories = (int)n;
    out->is_categorical = n > 0;
    if (out->is_categorical && (name[0] != 'x' || out->is_log))
        bad_field(L, path, "categories: only for x, and not with log");
}

static lt_mark mark_read(lua_State *L, int t, const char *where)
{
    static const char *const names[] = {"line", "points", "band", "bars",
                                        "text"};
    static const lt_mark marks[] = {LT_MARK_LINE, LT_MARK_POINTS, LT_MARK_BAND,
                                    LT_MARK_BARS, LT_MARK_TEXT};
    char path[PATH_SIZE];
    const char *text = text_field(L, t, where, "mark");

    for (int i = 0; text && i < 5; i++)
        if (!strcmp(text, names[i]))
            return marks[i];
    if (text)
        bad_field(L, join(path, where, "mark"),
                  "wanted line, points, band, bars or text");
    return LT_MARK_LINE;
}

static void series_read(lua_State *L, int t, const char *where, lt_figure *f)
{
    static const char *const names[] = {
        "label", "mark", "color", "dash", "faint", "x", "y", "low", "high"};
    size_t ny, nlow, nhigh;
    bool has_ends;
    lt_series s = {0};
    lt_err err = {0};

    check_fields(L, t, where, names, 9);
    s.label = text_field(L, t, where, "label");
    s.mark = mark_read(L, t, where);
    s.color = whole_field(L, t, where, "color", (limits){1, 1e6, 1}) - 1;
    s.dash = whole_field(L, t, where, "dash", (limits){1, 1e6, 1}) - 1;
    s.is_faint = flag_field(L, t, "faint");
    s.x = reals_field(L, t, where, "x", &s.n);
    s.y = reals_field(L, t, where, "y", &ny);
    s.low = reals_field(L, t, where, "low", &nlow);
    s.high = reals_field(L, t, where, "high", &nhigh);
    has_ends = s.mark == LT_MARK_BAND || s.mark == LT_MARK_BARS;
    if (!s.x)
        bad_field(L, where, "x is missing");
    if (s.mark != LT_MARK_BAND && (!s.y || ny != s.n))
        bad_field(L, where, "y: wanted as many numbers as x");
    if (s.mark == LT_MARK_BAND && s.y && ny != s.n)
        bad_field(L, where, "y: wanted as many numbers as x, or none");
    if (has_ends && (!s.low || !s.high || nlow != s.n || nhigh != s.n))
        bad_field(L, where, "low, high: wanted as many numbers as x");
    if (!has_ends)
        s.low = s.high = NULL;
    if (lt_figure_add_series(f, &s, &err) != LT_OK)
        lt__raise(L, &err);
}

static void tiles_read(lua_State *L, int t, const char *where, lt_figure *f)
{
    static const char *const names[] = {
        "rows", "cols", "height",    "width",      "values",
        "low",  "high", "diverging", "row_labels", "captions"};
    const limits size = {1, 10000, NAN}, any = {-1e300, 1e300, NAN};
    lt_tiles k = {0};
    lt_err err = {0};
    size_t n, n_rows, n_all;

    check_fields(L, t, where, names, 10);
    k.rows = whole_field(L, t, where, "rows", size);
    k.cols = whole_field(L, t, where, "cols", size);
    k.height = whole_field(L, t, where, "height", size);
    k.width = whole_field(L, t, where, "width", size);
    k.low = number_field(L, t, where, "low", any);
    k.high = number_field(L, t, where, "high", any);
    if (!(k.low < k.high))
        bad_field(L, where, "low, high: wanted low < high");
    k.is_diverging = flag_field(L, t, "diverging");
    k.values = reals_field(L, t, where, "values", &n);
    n_rows = (size_t)k.rows;
    n_all = n_rows * (size_t)k.cols;
    if (!k.values || n != n_all * (size_t)k.height * (size_t)k.width)
        bad_field(L, where,
                  "values: wanted rows * cols * height * width numbers");
    k.row_labels = texts_field(L, t, where, "row_labels", &n_rows);
    k.captions = texts_field(L, t, where, "captions", &n_all);
    if (lt_figure_add_tiles(f, &k, &err) != LT_OK)
        lt__raise(L, &err);
}

static void series_list_read(lua_State *L, int panel, const char *where,
                             lt_figure *f)
{
    char path[PATH_SIZE];
    int list, top;

    lua_getfield(L, panel, "series");
    list = lua_gettop(L);
    if (lua_isnil(L, list))
        return;
    if (!lua_istable(L, list))
        bad_field(L, join(path, where, "series"), "wanted a list");
    top = lua_gettop(L);
    for (size_t i = 1; i <= lua_rawlen(L, list); i++) {
        snprintf(path, sizeof path, "%.60s.series[%d]", where, (int)i);
        lua_rawgeti(L, list, (lua_Integer)i);
        series_read(L, lua_gettop(L), path, f);
        lua_settop(L, top);
    }
}

static void panel_read(lua_State *L, int t, const char *where, lt_figure *f)
{
    static const char *const names[] = {"title", "x", "y", "series", "tiles"};
    char path[PATH_SIZE];
    lt_axis x, y;
    lt_err err = {0};

    check_fields(L, t, where, names, 5);
    axis_read(L, t, where, "x", &x);
    axis_read(L, t, where, "y", &y);
    if (lt_figure_add_panel(f, text_field(L, t, where, "title"), &x, &y,
                            &err) != LT_OK)
        lt__raise(L, &err);
    series_list_read(L, t, where, f);
    lua_getfield(L, t, "tiles");
    if (!lua_isnil(L, -1))
        tiles_read(L, lua_gettop(L), join(path, where, "tiles"), f);
}

/* Pushes what owns the figure described by the table at `t`. */
static lt_figure *figure_read(lua_State *L, int t)
{
    static const char *const names[] = {"title", "columns", "width", "height",
                                        "panels"};
    lt_figure **f = lua_newuserdatauv(L, sizeof *f, 0);
    char path[PATH_SIZE];
    lt_err err = {0};
    int top;

    *f = NULL;
    luaL_setmetatable(L, FIGURE_TYPE);
    luaL_checkstack(L, 40, "figure");
    check_fields(L, t, "", names, 5);
    if (lt_figure_new(text_field(L, t, "", "title"), f, &err) != LT_OK)
        lt__raise(L, &err);
    lt_figure_set_columns(
        *f, whole_field(L, t, "", "columns", (limits){1, 100, 1}));
    lt_figure_set_size(*f, number_field(L, t, "", "width", (limits){1, 50, 0}),
                       number_field(L, t, "", "height", (limits){1, 50, 0}));
    top = lua_gettop(L);
    if (lua_getfield(L, t, "panels") != LUA_TTABLE)
        bad_field(L, "panels", "wanted a list");
    for (size_t i = 1; i <= lua_rawlen(L, top + 1); i++) {
        snprintf(path, sizeof path, "panels[%d]", (int)i);
        lua_rawgeti(L, top + 1, (lua_Integer)i);
        panel_read(L, top + 2, path, *f);
        lua_settop(L, top + 1);
    }
    lua_settop(L, top);
    return *f;
}

/* ---- functions ---- */

static int drawing_result(lua_State *L, const lt_err *err)
{
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushstring(L, lt_status_name(err->status));
    return 3;
}

static int plot_render(lua_State *L)
{
    static const char *const names[] = {"path", "terminal", "columns", "rows",
                                        "color"};
    const limits chars = {10, 1000, 79};
    lt_text *text = lt__new_text_guard(L);
    lt_figure *f = figure_read(L, 1);
    const char *path;
    lt_format format;
    lt_err err = {0};

    check_fields(L, 2, "(options)", names, 5);
    path = text_field(L, 2, "(options)", "path");
    if (path) {
        if (lt_format_of_path(path, &format, &err) != LT_OK)
            return lt__raise(L, &err);
        if (lt_figure_write(f, path, &err) != LT_OK)
            return drawing_result(L, &err);
        lua_pushboolean(L, 1);
        return 1;
    }
    if (lt_figure_draw_text(
            f, whole_field(L, 2, "(options)", "columns", chars),
            whole_field(L, 2, "(options)", "rows", (limits){5, 1000, 24}),
            flag_field(L, 2, "color"), text, &err) != LT_OK)
        return drawing_result(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    return 1;
}

static int plot_script(lua_State *L)
{
    static const char *const names[] = {"svg", "png", "pdf", "terminal", NULL};
    static const lt_format formats[] = {LT_FORMAT_SVG, LT_FORMAT_PNG,
                                        LT_FORMAT_PDF, LT_FORMAT_TERMINAL};
    int format = luaL_checkoption(L, 2, "svg", names);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};

    if (lt_figure_script(figure_read(L, 1), formats[format], text, &err) !=
        LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    return 1;
}

int lt__open_plot(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"render", plot_render}, {"script", plot_script}, {NULL, NULL}};

    lt__new_type(L, FIGURE_TYPE, figure_collect);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
