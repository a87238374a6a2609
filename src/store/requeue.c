/* Runs put back into the queue; see latent/store/store.h.
 *
 * A run's status is not enough to judge by: a run written off as lost by
 * another host may live after all, and one that has just recorded its end
 * still holds its lock for a moment. Such runs are left alone. Nothing can take
 * a lock meanwhile: claims are transactions, and this one is under way. */
#include "latent/base/mem.h"
#include "store/store_int.h"

/* The end of a lost run is another's word, that of any other run its own. */
static lt_status requeue_judge(lt_store *s, sqlite3_stmt *stmt,
                               const lt_host *here, lt__ids *all, lt_err *err)
{
    bool is_lost = sqlite3_column_int(stmt, 1) != 0;
    const lt__whereabouts w = {
        .run = sqlite3_column_int64(stmt, 0),
        .host = is_lost ? lt__db_text(stmt, 2) : here->name,
        .boot_id = is_lost ? lt__db_text(stmt, 3) : here->boot_id,
        .claimed = (double)sqlite3_column_int64(stmt, 4) / 1000,
    };
    lt__verdict verdict;

    LT_TRY(lt__run_judge(s, &w, here, &verdict, err));
    return verdict.sign == LT__SIGN_ALIVE ? LT_OK
                                          : lt__ids_add(all, w.run, err);
}

/* Those that came from another store, with a script of who knows whom, are for
 * whoever names their sweep. */
#define TAKEN                                                                  \
    "EXISTS (SELECT 1 FROM packed p WHERE p.run = r.id AND p.path = '')"
#define FIND                                                                   \
    "SELECT r.id, r.status = 'lost', m.name, r.boot_id, r.started_at"          \
    " FROM run r LEFT JOIN machine m ON m.id = r.machine"                      \
    " WHERE (r.sweep = ?1 OR ?1 = 0 AND NOT " TAKEN ")"                        \
    " AND r.id NOT IN (SELECT run FROM removed) AND r.status IN "

static lt_status requeue_find(lt_store *s, int64_t sweep, lt_requeue which,
                              lt__ids *all, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_host here;
    lt_status rc;

    lt_host_describe(&here);
    LT_TRY(lt__db_open(s, &stmt, err,
                       which == LT_REQUEUE_CUT ? FIND "('lost', 'interrupted')"
                                               : FIND "('failed', 'diverged')",
                       "i", sweep));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row)
        if ((rc = requeue_judge(s, stmt, &here, all, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* The note keeps what the row's next claim will overwrite: "lost: killed by
 * signal 9 (SIGKILL); queued again". A failure's traceback stays out of it. */
static lt_status requeue_note(lt_store *s, int64_t run, lt_err *err)
{
    return lt__db_do(
        s, err,
        "INSERT INTO note (run, at, text) SELECT id, ?1, status || CASE"
        " WHEN message IN ('', status) THEN '' ELSE ': ' || substr(message, 1,"
        "  instr(message || char(10), char(10)) - 1) END || '; queued again'"
        " FROM run WHERE id = ?2",
        "ii", lt__now_ms(), run);
}

static lt_status requeue_one(lt_store *s, int64_t run, lt_requeue which,
                             lt_err *err)
{
    LT_TRY(requeue_note(s, run, err));
    LT_TRY(lt__db_do(s, err, "DELETE FROM divergence WHERE run = ?", "i", run));
    if (which == LT_REQUEUE_CUT)
        return lt__db_do(
            s, err, "UPDATE run SET status = 'queued' WHERE id = ?", "i", run);
    return lt__db_do(s, err,
                     "UPDATE run SET status = 'queued', message = '',"
                     " started_at = NULL, ended_at = NULL, seconds = NULL,"
                     " cpu_seconds = NULL WHERE id = ?",
                     "i", run);
}

static lt_status requeue_all(lt_store *s, int64_t sweep, lt_requeue which,
                             int *n, lt_err *err)
{
    lt__ids found = {0};
    int64_t is_known = sweep == 0;
    lt_status rc;

    LT_TRY(lt__db_integer(s, &is_known, err, "SELECT 1 FROM sweep WHERE id = ?",
                          "i", sweep));
    if (!is_known)
        return lt_err_set(err, LT_ENOTFOUND, "%s: no sweep %lld", s->path,
                          (long long)sweep);
    rc = requeue_find(s, sweep, which, &found, err);
    for (int i = 0; rc == LT_OK && i < found.n; i++)
        rc = requeue_one(s, found.items[i], which, err);
    *n = found.n;
    lt_mem_free(found.items);
    return rc;
}

lt_status lt_store_requeue(lt_store *store, int64_t sweep, lt_requeue which,
                           int *n, lt_err *err)
{
    int count = 0;
    lt_status rc;

    LT_TRY(lt__db_begin(store, err));
    rc = lt__db_end(store, requeue_all(store, sweep, which, &count, err), err);
    if (rc == LT_OK)
        *n = count;
    return rc;
}

lt_status lt_store_count_taken(lt_store *store, lt_requeue which, int *n,
                               lt_err *err)
{
    int64_t count = 0;

    LT_TRY(lt__db_integer(store, &count, err,
                          "SELECT count(*) FROM run r WHERE " TAKEN
                          " AND r.id NOT IN (SELECT run FROM removed)"
                          " AND CASE ? WHEN 0 THEN status IN ('lost',"
                          "  'interrupted') ELSE status IN ('failed',"
                          "  'diverged') END",
                          "i", (int64_t)(which == LT_REQUEUE_FAILED)));
    *n = (int)count;
    return LT_OK;
}
