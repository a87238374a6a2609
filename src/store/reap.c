/* Finds runs whose process is gone; see latent/store/store.h.
 *
 * Only runs of this host are judged, and only by the kernel's lock: a process
 * that lives holds it, a process number is never trusted. A run of an earlier
 * boot of this host is lost as well, unless its lock is held (two machines of
 * one name on a shared folder). The end that is recorded is the time of the
 * last metric: nothing is known of the time after it. */
#include "latent/base/host.h"
#include "latent/base/mem.h"
#include "store/store_int.h"

#include <string.h>

/* One run said to be running. */
typedef struct suspect {
    int64_t run, pid;
    bool is_of_this_boot;
} suspect;

typedef struct suspects {
    suspect *items;
    int n;
} suspects;

static lt_status suspects_add(suspects *all, const suspect *one, lt_err *err)
{
    suspect *items = lt_mem_grow(all->items, (size_t)all->n + 1, sizeof *items);

    if (!items)
        return lt_err_mark(err, LT_ENOMEM);
    all->items = items;
    items[all->n++] = *one;
    return LT_OK;
}

lt_status lt__run_is_gone(const lt_store *s, int64_t run, bool *is_gone,
                          lt_err *err)
{
    lt_text path = {0};
    lt_status rc;

    lt_store_run_dir(s, run, &path);
    lt_text_add(&path, "/lock");
    rc = path.failed ? LT_ENOMEM : LT_OK;
    *is_gone = rc == LT_OK && lt__lock_is_free(path.data);
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

/* The dead among the runs of `pid` (0: of any). */
static lt_status suspects_find(lt_store *s, int pid, suspects *all, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_host host;
    lt_status rc;

    lt_host_describe(&host);
    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT r.id, r.pid, r.boot_id = ?1 FROM run r"
                       " JOIN machine m ON m.id = r.machine"
                       " WHERE r.status = 'running' AND m.name = ?2"
                       " AND (?3 = 0 OR r.pid = ?3 AND r.boot_id = ?1)",
                       "tti", host.boot_id, host.name, (int64_t)pid));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row) {
        suspect one = {
            .run = sqlite3_column_int64(stmt, 0),
            .pid = sqlite3_column_int64(stmt, 1),
            .is_of_this_boot = sqlite3_column_int(stmt, 2) != 0,
        };

        bool is_gone = false;

        rc = lt__run_is_gone(s, one.run, &is_gone, err);
        if (rc == LT_OK && is_gone)
            rc = suspects_add(all, &one, err);
        if (rc != LT_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status run_bury(lt_store *s, int64_t run, lt_run_status status,
                          const char *message, lt_err *err)
{
    return lt__db_do(
        s, err,
        "UPDATE run SET status = ?1, message = ?2,"
        " ended_at = started_at + coalesce((SELECT max(last_elapsed)"
        "  FROM series WHERE run = ?3), 0),"
        " seconds = coalesce((SELECT max(last_elapsed) / 1000.0"
        "  FROM series WHERE run = ?3), 0.0)"
        " WHERE id = ?3 AND status = 'running'",
        "tti", lt_run_status_name(status), message, run);
}

static lt_status reap_all(lt_store *s, int *n, lt_err *err)
{
    suspects dead = {0};
    char message[96];
    lt_status rc = suspects_find(s, 0, &dead, err);

    for (int i = 0; rc == LT_OK && i < dead.n; i++) {
        const suspect *d = &dead.items[i];

        if (d->is_of_this_boot)
            sqlite3_snprintf((int)sizeof message, message,
                             "its process (%lld) ended without a word", d->pid);
        else
            sqlite3_snprintf((int)sizeof message, message,
                             "the machine restarted while it ran");
        rc = run_bury(s, d->run, LT_RUN_LOST, message, err);
    }
    if (rc == LT_OK)
        *n = dead.n;
    lt_mem_free(dead.items);
    return rc;
}

lt_status lt_store_reap(lt_store *store, int *n, lt_err *err)
{
    int64_t running = 0;

    *n = 0;
    LT_TRY(lt__db_integer(store, &running, err,
                          "SELECT count(*) FROM run WHERE status = 'running'",
                          ""));
    if (running == 0)
        return LT_OK;
    LT_TRY(lt__db_begin(store, err));
    return lt__db_end(store, reap_all(store, n, err), err);
}

static lt_status reap_one(lt_store *s, int pid, lt_run_status status,
                          const char *message, int64_t *run, lt_err *err)
{
    suspects dead = {0};
    lt_status rc = suspects_find(s, pid, &dead, err);

    for (int i = 0; rc == LT_OK && i < dead.n; i++) {
        *run = dead.items[i].run;
        rc = run_bury(s, *run, status, message, err);
    }
    lt_mem_free(dead.items);
    return rc;
}

lt_status lt_store_reap_pid(lt_store *store, int pid, lt_run_status status,
                            const char *message, int64_t *run, lt_err *err)
{
    LT_ASSERT(pid > 0 && status >= LT_RUN_FINISHED);
    *run = 0;
    LT_TRY(lt__db_begin(store, err));
    return lt__db_end(store, reap_one(store, pid, status, message, run, err),
                      err);
}
