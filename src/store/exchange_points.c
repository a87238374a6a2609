/* The points of a run on their way to another store.
 *
 * They come in the order of their key, one series after another. Each is
 * checked as it passes: that it is the next of its series, and that its value
 * is of the kind that is said. Summaries are not copied but made again from the
 * points, as the recorder makes them: so they agree with those, whatever the
 * other store says, and honest ones come out bit for bit the same. */
#include "store/exchange_int.h"

typedef struct mover {
    lt__take *t;
    sqlite3_stmt *points;
    lt__series_writer writer;
    int64_t name_there, name; /* of the series under way; 0: none */
    lt__summary sum;
} mover;

enum { NAME, SEQ, STEP, EPOCH, VALUE, KIND, ELAPSED }; /* columns */

static lt_status mover_open(mover *m, lt_err *err)
{
    lt__take *t = m->t;

    LT_TRY(lt__db_open(t->from, &m->points, err,
                       "SELECT name, seq, step, epoch, value, kind, elapsed"
                       " FROM metric WHERE run = ? ORDER BY name, seq",
                       "i", t->there));
    return lt__writer_open(t->to, &m->writer, err);
}

static lt_status series_end(mover *m, lt_err *err)
{
    if (m->name == 0)
        return LT_OK;
    m->t->out->values += m->sum.n;
    return lt__summary_save(m->t->to, m->writer.upsert, m->t->here, m->name,
                            &m->sum, err);
}

/* A name has another number here. */
static lt_status series_begin(mover *m, int64_t there, lt_err *err)
{
    lt__take *t = m->t;
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(series_end(m, err));
    m->sum = (lt__summary){0};
    m->name_there = there;
    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT name FROM metric_name WHERE id = ?", "i",
                       there));
    rc = lt__db_next(t->from, stmt, &row, err);
    if (rc == LT_OK && !row)
        rc = lt_err_set(err, LT_EFORMAT, "a metric has no name (%lld)",
                        (long long)there);
    if (rc == LT_OK)
        rc = lt__series_name(t->to, lt__db_text(stmt, 0), &m->name, err);
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status move_point(mover *m, lt_err *err)
{
    const lt__point p = {
        .step = sqlite3_column_int64(m->points, STEP),
        .elapsed = sqlite3_column_int64(m->points, ELAPSED),
        .epoch = lt__db_real(m->points, EPOCH),
        .value = lt__db_real(m->points, VALUE),
    };
    int64_t there = sqlite3_column_int64(m->points, NAME);
    int64_t kind = lt__value_kind(p.value);

    if (m->name == 0 || there != m->name_there)
        LT_TRY(series_begin(m, there, err));
    if (sqlite3_column_int64(m->points, SEQ) != m->sum.n ||
        sqlite3_column_int64(m->points, KIND) != kind)
        return lt_err_set(err, LT_EFORMAT,
                          "point %lld of a metric (%lld) is not what it is "
                          "said to be",
                          (long long)m->sum.n, (long long)there);
    return lt__writer_point(m->t->to, &m->writer, m->t->here, m->name, &p,
                            &m->sum, err);
}

lt_status lt__take_points(lt__take *t, lt_err *err)
{
    mover m = {.t = t};
    bool row = true;
    lt_status rc = mover_open(&m, err);

    while (rc == LT_OK) {
        rc = lt__db_next(t->from, m.points, &row, err);
        if (rc != LT_OK || !row)
            break;
        rc = move_point(&m, err);
    }
    if (rc == LT_OK)
        rc = series_end(&m, err);
    sqlite3_finalize(m.points);
    lt__writer_close(&m.writer);
    return rc;
}
