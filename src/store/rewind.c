/* Taking a run's metrics back to a checkpoint; see latent/store/store.h.
 *
 * A process that died had logged more than its last checkpoint knows of. The
 * run goes on from the checkpoint and logs those points again, so they must
 * go, and the summaries with them. A summary is not mended by arithmetic (a
 * lost minimum cannot be): it is built again from the points that stay, which
 * costs about a microsecond each. */
#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "store/store_int.h"

#include <string.h>

/* One series of the run as it is, and how many points of it stay. */
typedef struct cut {
    int64_t name, n, keep;
} cut;

typedef struct undo {
    lt_claim *claim;
    const char *const *names;
    const int64_t *counts;
    int n_names;
    cut *cuts;
    int n_cuts, n_found;
} undo;

static const int64_t *rewind_count(const undo *w, const char *name)
{
    for (int i = 0; i < w->n_names; i++)
        if (strcmp(w->names[i], name) == 0)
            return &w->counts[i];
    return NULL;
}

static lt_status rewind_lacks(const undo *w, const char *name, int64_t wanted,
                              int64_t found, lt_err *err)
{
    return lt_err_set(err, LT_EFORMAT,
                      "run %lld: the checkpoint counts %lld points of %s, the "
                      "store has %lld",
                      (long long)w->claim->run, (long long)wanted, name,
                      (long long)found);
}

static lt_status rewind_take(undo *w, sqlite3_stmt *stmt, lt_err *err)
{
    const char *name = lt__db_text(stmt, 1);
    const int64_t *count = rewind_count(w, name);
    cut one = {sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 2),
               count ? *count : 0};
    cut *cuts = lt_mem_grow(w->cuts, (size_t)w->n_cuts + 1, sizeof *cuts);

    if (!cuts)
        return lt_err_mark(err, LT_ENOMEM);
    w->cuts = cuts;
    cuts[w->n_cuts++] = one;
    w->n_found += count != NULL;
    return one.keep > one.n || one.keep < 0
               ? rewind_lacks(w, name, one.keep, one.n, err)
               : LT_OK;
}

static lt_status rewind_plan(undo *w, lt_err *err)
{
    lt_store *s = w->claim->store;
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT f.name, k.name, f.n FROM series f"
                       " JOIN metric_name k ON k.id = f.name WHERE f.run = ?",
                       "i", w->claim->run));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row)
        if ((rc = rewind_take(w, stmt, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* Metrics that the store has never heard of. */
static lt_status rewind_check(const undo *w, lt_err *err)
{
    for (int i = 0; i < w->n_names && w->n_found < w->n_names; i++) {
        int64_t n = 0;

        LT_TRY(lt__db_integer(w->claim->store, &n, err,
                              "SELECT f.n FROM series f JOIN metric_name k"
                              " ON k.id = f.name WHERE f.run = ? AND"
                              " k.name = ?",
                              "it", w->claim->run, w->names[i]));
        if (w->counts[i] != 0 && n == 0)
            return rewind_lacks(w, w->names[i], w->counts[i], n, err);
    }
    return LT_OK;
}

static lt_status summary_again(lt_store *s, int64_t run, int64_t name,
                               lt__summary *out, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT step, epoch, value, elapsed FROM metric"
                       " WHERE run = ? AND name = ? ORDER BY seq",
                       "ii", run, name));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row) {
        lt__point p = {.step = sqlite3_column_int64(stmt, 0),
                       .epoch = lt__db_real(stmt, 1),
                       .value = lt__db_real(stmt, 2),
                       .elapsed = sqlite3_column_int64(stmt, 3)};

        lt__summary_add(out, &p);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status rewind_one(undo *w, sqlite3_stmt *upsert, const cut *c,
                            lt_err *err)
{
    lt_store *s = w->claim->store;
    int64_t run = w->claim->run;
    lt__summary summary = {0};

    if (c->keep == c->n)
        return LT_OK;
    LT_TRY(lt__db_do(
        s, err, "DELETE FROM metric WHERE run = ? AND name = ? AND seq >= ?",
        "iii", run, c->name, c->keep));
    if (c->keep == 0)
        return lt__db_do(s, err,
                         "DELETE FROM series WHERE run = ? AND name = ?", "ii",
                         run, c->name);
    LT_TRY(summary_again(s, run, c->name, &summary, err));
    return lt__summary_save(s, upsert, run, c->name, &summary, err);
}

/* The run's clock goes on from its last point: `elapsed` never counts twice
 * and never counts the time between two processes. */
static lt_status rewind_clock(undo *w, double *started, lt_err *err)
{
    lt_claim *c = w->claim;
    int64_t before = 0;

    LT_TRY(lt__db_integer(c->store, &before, err,
                          "SELECT max(last_elapsed) FROM series WHERE run = ?",
                          "i", c->run));
    *started = c->claimed - (double)before / 1000;
    return lt__db_do(
        c->store, err, "UPDATE run SET started_at = ? WHERE id = ?", "ii",
        lt__now_ms() - (int64_t)((lt_clock_elapsed() - *started) * 1000),
        c->run);
}

static lt_status rewind_all(undo *w, double *started, lt_err *err)
{
    sqlite3_stmt *upsert = NULL;
    lt_status rc;

    LT_TRY(lt__claim_check(w->claim, err));
    LT_TRY(rewind_plan(w, err));
    LT_TRY(rewind_check(w, err));
    LT_TRY(lt__summary_open(w->claim->store, &upsert, err));
    rc = LT_OK;
    for (int i = 0; rc == LT_OK && i < w->n_cuts; i++)
        rc = rewind_one(w, upsert, &w->cuts[i], err);
    sqlite3_finalize(upsert);
    return rc == LT_OK ? rewind_clock(w, started, err) : rc;
}

lt_status lt_claim_rewind(lt_claim *claim, const char *const *names,
                          const int64_t *counts, int n, lt_err *err)
{
    undo w = {.claim = claim, .names = names, .counts = counts, .n_names = n};
    double started = claim->started;
    int64_t has_points = 0;
    lt_status rc;

    LT_ASSERT(!claim->recorder && n >= 0);
    LT_TRY(lt__db_integer(claim->store, &has_points, err,
                          "SELECT 1 FROM series WHERE run = ? LIMIT 1", "i",
                          claim->run));
    if (!has_points && n == 0)
        return LT_OK;
    LT_TRY(lt__db_begin(claim->store, err));
    rc = lt__db_end(claim->store, rewind_all(&w, &started, err), err);
    if (rc == LT_OK)
        claim->started = started;
    lt_mem_free(w.cuts);
    return rc;
}

lt_status lt__counts_add(lt_counts *c, const char *name, int64_t count,
                         lt_err *err)
{
    size_t n = (size_t)c->n + 1;
    char **names = lt_mem_grow(c->names, n, sizeof *names);
    int64_t *counts;

    if (names)
        c->names = names;
    counts = names ? lt_mem_grow(c->counts, n, sizeof *counts) : NULL;
    if (counts)
        c->counts = counts;
    if (!counts || !(c->names[c->n] = lt_mem_strdup(name)))
        return lt_err_mark(err, LT_ENOMEM);
    counts[c->n++] = count;
    return LT_OK;
}

lt_status lt_claim_counts(const lt_claim *claim, lt_counts *out, lt_err *err)
{
    lt_counts found = {0};
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(claim->store, &stmt, err,
                       "SELECT k.name, f.n FROM series f JOIN metric_name k"
                       " ON k.id = f.name WHERE f.run = ? ORDER BY k.name",
                       "i", claim->run));
    while ((rc = lt__db_next(claim->store, stmt, &row, err)) == LT_OK && row)
        if ((rc = lt__counts_add(&found, lt__db_text(stmt, 0),
                                 sqlite3_column_int64(stmt, 1), err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    if (rc == LT_OK)
        *out = found;
    else
        lt_counts_deinit(&found);
    return rc;
}

void lt_counts_deinit(lt_counts *counts)
{
    for (int i = 0; i < counts->n; i++)
        lt_mem_free(counts->names[i]);
    lt_mem_free(counts->names);
    lt_mem_free(counts->counts);
    *counts = (lt_counts){0};
}
