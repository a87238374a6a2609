/* Every point of every metric, and the summaries made again from them.
 *
 * The points are read once, in the order of their table, which is run, metric,
 * number: numbers must count from 0, the kind must be that of the value, and
 * what lt__summary_add makes of a series must be what the store has. */
#include "store/verify_int.h"

#include <math.h>

/* A series as its points come. */
typedef struct series {
    int64_t run, name;
    lt__summary summary;
    int64_t bad_seq; /* the first point that is wrong in itself, or -1 */
    int64_t bad_kind, bad_want;
} series;

typedef struct field {
    const char *name;
    double stored, made;
} field;

static bool is_same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a <= b && a >= b);
}

/* The first part of a summary that is wrong, or NULL. */
static bool summary_differs(const lt__summary *s, const lt__summary *m,
                            field *out)
{
    bool has_finite = m->n > m->nonfinite, has_bad = m->nonfinite > 0;
    const field all[] = {
        {"n", (double)s->n, (double)m->n},
        {"nonfinite", (double)s->nonfinite, (double)m->nonfinite},
        {"first", s->first, m->first},
        {"first_step", (double)s->first_step, (double)m->first_step},
        {"last", s->last, m->last},
        {"last_step", (double)s->last_step, (double)m->last_step},
        {"last_epoch", s->last_epoch, m->last_epoch},
        {"last_kind", (double)s->last_kind, (double)m->last_kind},
        {"last_elapsed", (double)s->last_elapsed, (double)m->last_elapsed},
        {"min", s->min, has_finite ? m->min : (double)NAN},
        {"min_step", (double)s->min_step,
         has_finite ? (double)m->min_step : 0.0},
        {"max", s->max, has_finite ? m->max : (double)NAN},
        {"max_step", (double)s->max_step,
         has_finite ? (double)m->max_step : 0.0},
        {"bad_step", (double)s->bad_step, has_bad ? (double)m->bad_step : 0.0},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!is_same(all[i].stored, all[i].made)) {
            *out = all[i];
            return true;
        }
    return false;
}

static lt_status series_name(lt__verify *v, int64_t id, lt_text *out,
                             lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    lt_text_clear(out);
    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT name FROM metric_name WHERE id = ?", "i", id));
    rc = lt__db_next(v->store, stmt, &row, err);
    if (rc == LT_OK && row)
        lt_text_add(out, lt__db_text(stmt, 0));
    else
        lt_text_addf(out, "(metric %lld, which has no name)", (long long)id);
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status series_tell(lt__verify *v, const series *s, const field *wrong,
                             lt_err *err)
{
    const char *name;

    LT_TRY(series_name(v, s->name, &v->line, err));
    name = lt_text_str(&v->line);
    if (s->bad_seq >= 0 && s->bad_want < 0)
        lt__verify_wrong(v,
                         "run %lld: %s: the point after %lld others has number "
                         "%lld",
                         (long long)s->run, name, (long long)s->bad_seq,
                         (long long)s->bad_kind);
    else if (s->bad_seq >= 0)
        lt__verify_wrong(v,
                         "run %lld: %s: point %lld is said to be of kind %lld, "
                         "its value is of kind %lld",
                         (long long)s->run, name, (long long)s->bad_seq,
                         (long long)s->bad_kind, (long long)s->bad_want);
    if (wrong && !wrong->name)
        lt__verify_wrong(v, "run %lld: %s: has no summary (view finals)",
                         (long long)s->run, name);
    else if (wrong)
        lt__verify_wrong(v,
                         "run %lld: %s: its summary (view finals) has %s %.17g,"
                         " its points make %.17g",
                         (long long)s->run, name, wrong->name, wrong->stored,
                         wrong->made);
    return LT_OK;
}

static lt_status series_end(lt__verify *v, const series *s, lt_err *err)
{
    lt__summary stored = {.n = -1};
    field wrong = {0};
    bool differs, has_name = true;
    int64_t id = -1;

    if (s->summary.n == 0)
        return LT_OK;
    LT_TRY(lt__summary_load(v->store, s->run, s->name, &stored, err));
    LT_TRY(lt__db_integer(v->store, &id, err,
                          "SELECT id FROM metric_name WHERE id = ?", "i",
                          s->name));
    has_name = id == s->name;
    if (stored.n < 0)
        differs = true; /* with no name: none */
    else
        differs = summary_differs(&stored, &s->summary, &wrong);
    if (differs || s->bad_seq >= 0 || !has_name)
        return series_tell(v, s, differs || !has_name ? &wrong : NULL, err);
    return LT_OK;
}

static void series_point(series *s, sqlite3_stmt *stmt)
{
    const lt__point p = {.step = sqlite3_column_int64(stmt, 2),
                         .epoch = lt__db_real(stmt, 3),
                         .value = lt__db_real(stmt, 4),
                         .elapsed = sqlite3_column_int64(stmt, 6)};
    int64_t seq = sqlite3_column_int64(stmt, 1);
    int64_t kind = sqlite3_column_int64(stmt, 5);

    if (s->bad_seq < 0 && seq != s->summary.n) {
        s->bad_seq = s->summary.n;
        s->bad_kind = seq;
        s->bad_want = -1;
    } else if (s->bad_seq < 0 && kind != lt__value_kind(p.value)) {
        s->bad_seq = seq;
        s->bad_kind = kind;
        s->bad_want = lt__value_kind(p.value);
    }
    lt__summary_add(&s->summary, &p);
}

static lt_status verify_points(lt__verify *v, sqlite3_stmt *stmt, int64_t run,
                               lt_err *err)
{
    series s = {.run = run, .bad_seq = -1};
    bool row = true;
    lt_status rc;

    sqlite3_reset(stmt);
    sqlite3_bind_int64(stmt, 1, run);
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row) {
        int64_t name = sqlite3_column_int64(stmt, 0);

        if (name != s.name || s.summary.n == 0) {
            LT_TRY(series_end(v, &s, err));
            s = (series){.run = run, .name = name, .bad_seq = -1};
        }
        series_point(&s, stmt);
        v->out->values++;
    }
    return rc == LT_OK ? series_end(v, &s, err) : rc;
}

/* Summaries of nothing. */
static lt_status verify_empty(lt__verify *v, int64_t run, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT coalesce(k.name, f.name) FROM series f"
                       " LEFT JOIN metric_name k ON k.id = f.name"
                       " WHERE f.run = ?1 AND NOT EXISTS (SELECT 1 FROM metric"
                       "  m WHERE m.run = ?1 AND m.name = f.name)",
                       "i", run));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        lt__verify_wrong(v, "run %lld: %s: has a summary, but no points",
                         (long long)run, lt__db_text(stmt, 0));
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status verify_runs(lt__verify *v, sqlite3_stmt *runs,
                             sqlite3_stmt *points, lt_err *err)
{
    bool row = true;
    lt_status rc;

    while ((rc = lt__db_next(v->store, runs, &row, err)) == LT_OK && row) {
        int64_t run = sqlite3_column_int64(runs, 0);

        if (!lt__verify_wants(v, run))
            continue;
        v->out->runs++;
        LT_TRY(verify_points(v, points, run, err));
        LT_TRY(verify_empty(v, run, err));
    }
    return rc;
}

lt_status lt__verify_series(lt__verify *v, lt_err *err)
{
    sqlite3_stmt *runs = NULL, *points = NULL;
    lt_status rc =
        lt__db_open(v->store, &runs, err, "SELECT id FROM run ORDER BY id", "");

    if (rc == LT_OK)
        rc = lt__db_open(v->store, &points, err,
                         "SELECT name, seq, step, epoch, value, kind, elapsed"
                         " FROM metric WHERE run = ? ORDER BY name, seq",
                         "");
    if (rc == LT_OK)
        rc = verify_runs(v, runs, points, err);
    sqlite3_finalize(runs);
    sqlite3_finalize(points);
    return rc;
}
