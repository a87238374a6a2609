/* What runs that are to be executed will write; see latent/store/books.h.
 *
 * The latest finished runs of their experiment say: the rows that each has in
 * the store, and its files. Files may have been freed since; so each kind's
 * mean is over the runs that still have one. A checkpoint, of which there is
 * one for each run at work, is taken to be three times the largest network: its
 * parameters, and two states of the optimiser. */
#include "latent/store/books.h"

#include "latent/base/path.h"
#include "store/store_int.h"

#define LEAST       ((int64_t)64 << 20) /* whatever is known or not */
#define VALUE_BYTES 31                  /* in table metric; measured */
#define ROWS_BYTES  2048                /* of a run in the other tables */
#define STATES      3

#define LATEST                                                                 \
    "WITH latest AS (SELECT r.id AS id FROM run r JOIN sweep s"                \
    " ON s.id = r.sweep WHERE s.experiment = ?1 AND r.status = 'finished'"     \
    " ORDER BY r.id DESC LIMIT 50) "

static lt_status expect_known(lt_store *s, const char *experiment, int n,
                              lt_space *sum, lt_err *err)
{
    int64_t known = 0, values = 0, files = 0, largest = 0, bytes;
    lt_host here;

    LT_TRY(lt__db_integer(s, &known, err, LATEST "SELECT count(*) FROM latest",
                          "t", experiment));
    if (known == 0)
        return LT_OK;
    LT_TRY(lt__db_integer(s, &values, err,
                          LATEST "SELECT coalesce(sum(n), 0) FROM series"
                                 " WHERE run IN latest",
                          "t", experiment));
    LT_TRY(lt__db_integer(s, &files, err,
                          LATEST "SELECT coalesce(sum(mean), 0) FROM (SELECT"
                                 " sum(bytes) / count(DISTINCT run) AS mean"
                                 " FROM artifact WHERE run IN latest"
                                 " GROUP BY kind)",
                          "t", experiment));
    LT_TRY(lt__db_integer(s, &largest, err,
                          LATEST "SELECT coalesce(max(bytes), 0) FROM artifact"
                                 " WHERE run IN latest AND kind = 'network'",
                          "t", experiment));
    lt_host_describe(&here);
    bytes = ROWS_BYTES + VALUE_BYTES * (values / known) + files;
    sum->known += n;
    sum->needed += n * bytes;
    sum->needed += STATES * largest * (n < here.cores ? n : here.cores);
    return LT_OK;
}

lt_status lt_store_expect(lt_store *store, const char *experiment, int n,
                          lt_space *sum, lt_err *err)
{
    lt_err own = {0}; /* of a file system that does not tell: all stays 0 */

    sum->runs += n;
    if (sum->needed < LEAST)
        sum->needed += LEAST;
    if (lt_path_space(store->folder, &sum->free, &sum->all, &own) == LT_ENOMEM)
        return lt_err_mark(err, LT_ENOMEM);
    return expect_known(store, experiment, n, sum, err);
}

lt_status lt_store_expect_sweep(lt_store *store, int64_t sweep,
                                lt_requeue which, lt_space *sum, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(store, &stmt, err,
                       "SELECT s.experiment, count(*) FROM run r JOIN sweep s"
                       " ON s.id = r.sweep WHERE (r.sweep = ?1 OR ?1 = 0 AND"
                       "  NOT EXISTS (SELECT 1 FROM packed p"
                       "   WHERE p.run = r.id AND p.path = ''))"
                       " AND r.id NOT IN (SELECT run FROM removed)"
                       " AND (r.status = 'queued' OR"
                       "  ?2 = 0 AND r.status IN ('lost', 'interrupted') OR"
                       "  ?2 = 1 AND r.status IN ('failed', 'diverged'))"
                       " GROUP BY s.experiment",
                       "ii", sweep, (int64_t)(which == LT_REQUEUE_FAILED)));
    while ((rc = lt__db_next(store, stmt, &row, err)) == LT_OK && row) {
        rc = lt_store_expect(store, lt__db_text(stmt, 0),
                             sqlite3_column_int(stmt, 1), sum, err);
        if (rc != LT_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return rc;
}
