/* Runs that are hidden, and shown again; see latent/store/books.h.
 *
 * A row of table `removed` is all that there is to it: the views leave out the
 * runs that have one, and so does whoever claims or queues. All runs of one
 * call get the same time, by which they can be brought back together. */
#include "latent/store/books.h"
#include "store/store_int.h"

enum { MAX_NAMED = 5 }; /* of the runs that are in the way */

/* "run 3 (kafobitu)", after a comma when there are others. */
static void add_name(lt_store *s, int64_t run, int n, lt_text *names)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;

    if (n > MAX_NAMED)
        return;
    lt_text_addf(names, "%srun %lld", n > 1 ? ", " : "", (long long)run);
    if (lt__db_open(s, &stmt, NULL, "SELECT name FROM run WHERE id = ?", "i",
                    run) == LT_OK &&
        lt__db_next(s, stmt, &row, NULL) == LT_OK && row)
        lt_text_addf(names, " (%s)", lt__db_text(stmt, 0));
    sqlite3_finalize(stmt);
}

/* Every one is looked at, so that one message names all that are alive. */
static lt_status refuse_live(lt_store *s, const int64_t *runs, int n,
                             lt_err *err)
{
    lt_text names = {0};
    lt_status rc = LT_OK;
    lt_host here;
    int n_live = 0;

    lt_host_describe(&here);
    for (int i = 0; rc == LT_OK && i < n; i++) {
        bool live = false;

        rc = lt__run_is_live(s, runs[i], &here, &live, err);
        if (live)
            add_name(s, runs[i], ++n_live, &names);
    }
    if (rc == LT_OK && names.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK && n_live > MAX_NAMED)
        lt_text_addf(&names, " and %d more", n_live - MAX_NAMED);
    if (rc == LT_OK && n_live > 0)
        rc = lt_err_set(err, LT_EBUSY, "%s: %s being executed: %s", s->path,
                        n_live == 1 ? "a run is" : "runs are",
                        lt_text_str(&names));
    lt_text_deinit(&names);
    return rc;
}

static lt_status refuse_unknown(lt_store *s, const int64_t *runs, int n,
                                lt_err *err)
{
    for (int i = 0; i < n; i++) {
        int64_t known = 0;

        LT_TRY(lt__db_integer(s, &known, err, "SELECT 1 FROM run WHERE id = ?",
                              "i", runs[i]));
        if (!known)
            return lt_err_set(err, LT_ENOTFOUND, "%s: no run %lld", s->path,
                              (long long)runs[i]);
    }
    return LT_OK;
}

static lt_status remove_all(lt_store *s, const int64_t *runs, int n,
                            int *n_done, lt_err *err)
{
    int64_t now = lt__now_ms();

    LT_TRY(refuse_unknown(s, runs, n, err));
    LT_TRY(refuse_live(s, runs, n, err));
    for (int i = 0; i < n; i++) {
        LT_TRY(lt__db_do(s, err, "INSERT OR IGNORE INTO removed VALUES (?, ?)",
                         "ii", runs[i], now));
        *n_done += sqlite3_changes(s->db);
    }
    return LT_OK;
}

static lt_status restore_all(lt_store *s, const int64_t *runs, int n,
                             int *n_done, lt_err *err)
{
    LT_TRY(refuse_unknown(s, runs, n, err));
    for (int i = 0; i < n; i++) {
        LT_TRY(lt__db_do(s, err, "DELETE FROM removed WHERE run = ?", "i",
                         runs[i]));
        *n_done += sqlite3_changes(s->db);
    }
    return LT_OK;
}

lt_status lt_store_remove(lt_store *store, const int64_t *runs, int n,
                          int *n_done, lt_err *err)
{
    *n_done = 0;
    LT_TRY(lt__db_begin(store, err));
    return lt__db_end(store, remove_all(store, runs, n, n_done, err), err);
}

lt_status lt_store_restore(lt_store *store, const int64_t *runs, int n,
                           int *n_done, lt_err *err)
{
    *n_done = 0;
    LT_TRY(lt__db_begin(store, err));
    return lt__db_end(store, restore_all(store, runs, n, n_done, err), err);
}
