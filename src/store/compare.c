/* Two runs' metrics, point by point; see latent/store/replay.h.
 *
 * The runs may lie in two files. Each series is read from both at once in the
 * order of its points, which is the order of the table, so that nothing is
 * sorted and nothing kept. Of the differences the one with the smallest step is
 * told: what went another way there explains those after it.
 *
 * Bits are compared, not numbers; of values that are not finite the store
 * knows the kind only, and of zero no sign. */
#include "latent/base/mem.h"
#include "latent/store/replay.h"
#include "store/store_int.h"

#include <math.h>
#include <string.h>

typedef struct side {
    lt_store *store;
    int64_t run;
    sqlite3_stmt *stmt; /* points of one series */
    bool row;
    lt_logged at;
    int64_t seq, kind;
} side;

typedef struct compare {
    side a, b;
    const lt_compare_opts *opts;
    lt_comparison *out;
} compare;

/* ---- which metrics ---- */

bool lt_metric_is_timing(const char *name)
{
    static const char *const words[] = {
        "time", "seconds", "second", "minutes", "hours", "ms", "milliseconds"};
    const char *last = name;

    for (const char *p = name; *p; p++)
        if (strchr("._-/", *p))
            last = p + 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(last, words[i]) == 0)
            return true;
    return false;
}

static bool compare_skips(const compare *c, const char *name)
{
    for (int i = 0; i < c->opts->n_except; i++)
        if (strcmp(name, c->opts->except[i]) == 0)
            return true;
    return lt_metric_is_timing(name);
}

/* ---- one series ---- */

static lt_status side_open(side *s, const char *name, lt_err *err)
{
    sqlite3_finalize(s->stmt);
    s->stmt = NULL;
    return lt__db_open(s->store, &s->stmt, err,
                       "SELECT seq, step, epoch, value, kind FROM metric"
                       " WHERE run = ? AND name = (SELECT id FROM metric_name"
                       "  WHERE name = ?) ORDER BY seq",
                       "it", s->run, name);
}

static lt_status side_next(side *s, lt_err *err)
{
    LT_TRY(lt__db_next(s->store, s->stmt, &s->row, err));
    if (s->row) {
        s->seq = sqlite3_column_int64(s->stmt, 0);
        s->at.step = sqlite3_column_int64(s->stmt, 1);
        s->at.epoch = lt__db_real(s->stmt, 2);
        s->at.value = lt__db_real(s->stmt, 3);
        s->kind = sqlite3_column_int64(s->stmt, 4);
    }
    return LT_OK;
}

static bool is_same_bits(double a, double b)
{
    uint64_t x, y;

    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y || (isnan(a) && isnan(b));
}

/* Of two finite values; 0 for the same. */
static double relative(double a, double b)
{
    double size = fmax(fabs(a), fabs(b));

    return size > 0 ? fabs(a / size - b / size) : 0;
}

static bool compare_values(compare *c)
{
    double a = c->a.at.value, b = c->b.at.value, apart;

    if (c->a.kind != c->b.kind)
        return false;
    if (is_same_bits(a, b))
        return true;
    if (!isfinite(a) || !isfinite(b))
        return false;
    apart = relative(a, b);
    c->out->largest = fmax(c->out->largest, apart);
    return apart <= c->opts->tolerance;
}

static lt_difference compare_points(compare *c)
{
    const side *a = &c->a, *b = &c->b;

    if (!b->row)
        return LT_DIFFERENCE_MISSING;
    if (!a->row)
        return LT_DIFFERENCE_EXTRA;
    if (a->seq != b->seq || a->at.step != b->at.step ||
        !is_same_bits(a->at.epoch, b->at.epoch))
        return LT_DIFFERENCE_PLACE;
    return compare_values(c) ? LT_DIFFERENCE_NONE : LT_DIFFERENCE_VALUE;
}

static void compare_note(compare *c, const char *name, lt_difference found)
{
    lt_comparison *out = c->out;
    const side *where = c->a.row ? &c->a : &c->b;
    bool is_first = out->first == LT_DIFFERENCE_NONE;

    out->n_different++;
    if (!is_first) {
        bool is_extra = out->first == LT_DIFFERENCE_EXTRA;

        is_first = where->at.step < (is_extra ? out->b.step : out->a.step);
    }
    if (!is_first)
        return;
    out->first = found;
    out->seq = where->seq;
    out->a = c->a.at;
    out->b = c->b.at;
    lt_text_clear(&out->metric);
    lt_text_add(&out->metric, name);
}

static lt_status compare_series(compare *c, const char *name, lt_err *err)
{
    LT_TRY(side_open(&c->a, name, err));
    LT_TRY(side_open(&c->b, name, err));
    c->a.row = c->b.row = true;
    for (;;) {
        lt_difference found;

        if (c->a.row)
            LT_TRY(side_next(&c->a, err));
        if (c->b.row)
            LT_TRY(side_next(&c->b, err));
        if (!c->a.row && (!c->b.row || c->opts->prefix))
            return LT_OK;
        c->out->n_values += c->a.row;
        found = compare_points(c);
        if (found != LT_DIFFERENCE_NONE)
            compare_note(c, name, found);
    }
}

/* ---- how far ---- */

static lt_status catch_up(const lt_run_ref *b, const char *name, int64_t n,
                          bool *has, lt_err *err)
{
    int64_t have = 0;

    LT_TRY(lt__db_integer(b->store, &have, err,
                          "SELECT n FROM series WHERE run = ? AND name ="
                          " (SELECT id FROM metric_name WHERE name = ?)",
                          "it", b->run, name));
    *has = have >= n;
    return LT_OK;
}

lt_status lt_store_has_caught_up(const lt_run_ref *a, const lt_run_ref *b,
                                 bool *has, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc = LT_OK;

    *has = true;
    LT_TRY(lt__db_open(a->store, &stmt, err,
                       "SELECT k.name, f.n FROM series f JOIN metric_name k"
                       " ON k.id = f.name WHERE f.run = ?",
                       "i", a->run));
    while (*has && (rc = lt__db_next(a->store, stmt, &row, err)) == LT_OK &&
           row)
        if ((rc = catch_up(b, lt__db_text(stmt, 0),
                           sqlite3_column_int64(stmt, 1), has, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- all series ---- */

/* The numbers of a run's metrics, found by leaps through the table's order:
 * the summaries are not asked, which may be wrong. */
#define SERIES_OF_RUN                                                          \
    "WITH RECURSIVE leap(id) AS (SELECT min(name) FROM metric WHERE run = ?1"  \
    " UNION ALL SELECT (SELECT min(name) FROM metric WHERE run = ?1"           \
    "  AND name > leap.id) FROM leap WHERE leap.id IS NOT NULL)"               \
    " SELECT k.name FROM leap JOIN metric_name k ON k.id = leap.id"            \
    " ORDER BY k.name"

static lt_status has_series(const side *s, const char *name, bool *found,
                            lt_err *err)
{
    int64_t n = 0;

    LT_TRY(lt__db_integer(s->store, &n, err,
                          "SELECT 1 FROM metric WHERE run = ? AND name ="
                          " (SELECT id FROM metric_name WHERE name = ?)"
                          " LIMIT 1",
                          "it", s->run, name));
    *found = n != 0;
    return LT_OK;
}

/* Series of the first run; then, `only_new`, those that the first has not. */
static lt_status compare_one(compare *c, const char *name, bool only_new,
                             lt_err *err)
{
    bool is_known = false;

    if (only_new)
        LT_TRY(has_series(&c->a, name, &is_known, err));
    if (is_known)
        return LT_OK;
    if (!compare_skips(c, name))
        return compare_series(c, name, err);
    lt_text_addf(&c->out->skipped, "%s%s", c->out->skipped.size ? ", " : "",
                 name);
    return LT_OK;
}

static lt_status compare_all(compare *c, const side *of, bool only_new,
                             lt_err *err)
{
    sqlite3_stmt *names = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(of->store, &names, err, SERIES_OF_RUN, "i", of->run));
    while ((rc = lt__db_next(of->store, names, &row, err)) == LT_OK && row)
        if ((rc = compare_one(c, lt__db_text(names, 0), only_new, err)) !=
            LT_OK)
            break;
    sqlite3_finalize(names);
    return rc;
}

lt_status lt_store_compare_runs(const lt_run_ref *a, const lt_run_ref *b,
                                const lt_compare_opts *opts, lt_comparison *out,
                                lt_err *err)
{
    compare c = {.a = {.store = a->store, .run = a->run},
                 .b = {.store = b->store, .run = b->run},
                 .opts = opts,
                 .out = out};
    lt_status rc = compare_all(&c, &c.a, false, err);

    if (rc == LT_OK && !opts->prefix)
        rc = compare_all(&c, &c.b, true, err);
    sqlite3_finalize(c.a.stmt);
    sqlite3_finalize(c.b.stmt);
    if (rc == LT_OK && (out->metric.failed || out->skipped.failed))
        rc = lt_err_mark(err, LT_ENOMEM);
    return rc;
}

void lt_comparison_deinit(lt_comparison *c)
{
    lt_text_deinit(&c->metric);
    lt_text_deinit(&c->skipped);
}
