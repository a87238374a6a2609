/* The summary of a series: what table `series` keeps of a run's points of one
 * metric, and view `finals` shows.
 *
 * It is only ever made by adding points one after another, in their order.
 * The recorder adds as it writes; a rewind adds the points that stay, again
 * from the first. So both give the same bits. */
#include "store/store_int.h"

#include <math.h>

int64_t lt__value_kind(double x)
{
    return isfinite(x) ? 0 : isnan(x) ? 1 : x > 0 ? 2 : 3;
}

void lt__summary_add(lt__summary *s, const lt__point *p)
{
    int64_t kind = lt__value_kind(p->value);

    if (s->n == 0) {
        s->first = p->value;
        s->first_step = p->step;
    }
    if (kind != 0) {
        if (s->nonfinite++ == 0)
            s->bad_step = p->step;
    } else {
        bool is_only = s->n == s->nonfinite;

        if (is_only || p->value < s->min) {
            s->min = p->value;
            s->min_step = p->step;
        }
        if (is_only || p->value > s->max) {
            s->max = p->value;
            s->max_step = p->step;
        }
    }
    s->n++;
    s->last = p->value;
    s->last_step = p->step;
    s->last_epoch = p->epoch;
    s->last_kind = kind;
    s->last_elapsed = p->elapsed;
}

double lt__db_real(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(stmt, column);
}

lt_status lt__summary_load(lt_store *s, int64_t run, int64_t name,
                           lt__summary *out, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT n, nonfinite, first, first_step, min, min_step,"
                       " max, max_step, bad_step, last, last_step, last_epoch,"
                       " last_kind, last_elapsed FROM series"
                       " WHERE run = ? AND name = ?",
                       "ii", run, name));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row)
        *out = (lt__summary){
            .n = sqlite3_column_int64(stmt, 0),
            .nonfinite = sqlite3_column_int64(stmt, 1),
            .first = lt__db_real(stmt, 2),
            .first_step = sqlite3_column_int64(stmt, 3),
            .min = lt__db_real(stmt, 4),
            .min_step = sqlite3_column_int64(stmt, 5),
            .max = lt__db_real(stmt, 6),
            .max_step = sqlite3_column_int64(stmt, 7),
            .bad_step = sqlite3_column_int64(stmt, 8),
            .last = lt__db_real(stmt, 9),
            .last_step = sqlite3_column_int64(stmt, 10),
            .last_epoch = lt__db_real(stmt, 11),
            .last_kind = sqlite3_column_int64(stmt, 12),
            .last_elapsed = sqlite3_column_int64(stmt, 13),
        };
    sqlite3_finalize(stmt);
    return rc;
}

lt_status lt__summary_open(lt_store *s, sqlite3_stmt **out, lt_err *err)
{
    return lt__db_open(s, out, err,
                       "INSERT INTO series (run, name, n, nonfinite, first,"
                       " first_step, last, last_step, last_epoch, last_kind,"
                       " last_elapsed, min, min_step, max, max_step, bad_step)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                       "  ?, ?, ?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET n = excluded.n,"
                       " nonfinite = excluded.nonfinite,"
                       " last = excluded.last, last_step = excluded.last_step,"
                       " last_epoch = excluded.last_epoch,"
                       " last_kind = excluded.last_kind,"
                       " last_elapsed = excluded.last_elapsed,"
                       " min = excluded.min, min_step = excluded.min_step,"
                       " max = excluded.max, max_step = excluded.max_step,"
                       " bad_step = excluded.bad_step",
                       "");
}

lt_status lt__summary_save(lt_store *s, sqlite3_stmt *stmt, int64_t run,
                           int64_t name, const lt__summary *f, lt_err *err)
{
    bool has_finite = f->n > f->nonfinite;

    sqlite3_clear_bindings(stmt);
    if (has_finite) {
        sqlite3_bind_double(stmt, 12, f->min);
        sqlite3_bind_int64(stmt, 13, f->min_step);
        sqlite3_bind_double(stmt, 14, f->max);
        sqlite3_bind_int64(stmt, 15, f->max_step);
    }
    if (f->nonfinite > 0)
        sqlite3_bind_int64(stmt, 16, f->bad_step);
    return lt__db_again(s, stmt, err, "iiiidididii", run, name, f->n,
                        f->nonfinite, f->first, f->first_step, f->last,
                        f->last_step, f->last_epoch, f->last_kind,
                        f->last_elapsed);
}

lt_status lt__series_name(lt_store *s, const char *name, int64_t *id,
                          lt_err *err)
{
    LT_TRY(lt__db_do(s, err,
                     "INSERT OR IGNORE INTO metric_name (name) VALUES (?)", "t",
                     name));
    return lt__db_integer(
        s, id, err, "SELECT id FROM metric_name WHERE name = ?", "t", name);
}

lt_status lt__writer_open(lt_store *s, lt__series_writer *w, lt_err *err)
{
    if (!w->insert)
        LT_TRY(lt__db_open(s, &w->insert, err,
                           "INSERT INTO metric (run, name, seq, step, epoch,"
                           " value, kind, elapsed)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                           ""));
    return w->upsert ? LT_OK : lt__summary_open(s, &w->upsert, err);
}

void lt__writer_close(lt__series_writer *w)
{
    sqlite3_finalize(w->insert);
    sqlite3_finalize(w->upsert);
    *w = (lt__series_writer){0};
}

/* A NaN is stored as NULL by SQLite itself. */
lt_status lt__writer_point(lt_store *s, const lt__series_writer *w, int64_t run,
                           int64_t name, const lt__point *p, lt__summary *sum,
                           lt_err *err)
{
    sqlite3_stmt *stmt = w->insert;
    lt_status rc = LT_OK;

    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, name);
    sqlite3_bind_int64(stmt, 3, sum->n);
    sqlite3_bind_int64(stmt, 4, p->step);
    sqlite3_bind_double(stmt, 5, p->epoch);
    sqlite3_bind_double(stmt, 6, p->value);
    sqlite3_bind_int64(stmt, 7, lt__value_kind(p->value));
    sqlite3_bind_int64(stmt, 8, p->elapsed);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        rc = lt__db_fail(s, err);
    sqlite3_reset(stmt);
    if (rc == LT_OK)
        lt__summary_add(sum, p);
    return rc;
}
