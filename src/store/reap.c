/* Finds runs whose process is gone; see latent/store/store.h.
 *
 * alive.c judges; here is what is done about it. Most commands that read ask
 * for this, so nothing is written, and no writer waited for, unless a run was
 * found dead; then it is looked at again inside the transaction. The end that
 * is recorded is the time of the last metric: nothing is known of the time
 * after it. */
#include "latent/base/mem.h"
#include "store/unsaved_int.h"

#include <string.h>

/* A run said to be running whose process is gone. */
typedef struct dead_run {
    int64_t run, pid;
    char host[128];
    lt__verdict verdict;
} dead_run;

typedef struct graves {
    dead_run *items;
    int n;
} graves;

static lt_status graves_add(graves *all, const dead_run *one, lt_err *err)
{
    dead_run *items =
        lt_mem_grow(all->items, (size_t)all->n + 1, sizeof *items);

    if (!items)
        return lt_err_mark(err, LT_ENOMEM);
    all->items = items;
    items[all->n++] = *one;
    return LT_OK;
}

static lt_status graves_judge(const lt_store *s, sqlite3_stmt *stmt,
                              const lt_host *here, graves *all, lt_err *err)
{
    const lt__whereabouts w = {
        .run = sqlite3_column_int64(stmt, 0),
        .host = lt__db_text(stmt, 2),
        .boot_id = lt__db_text(stmt, 3),
        .claimed = (double)sqlite3_column_int64(stmt, 4) / 1000,
    };
    dead_run one = {.run = w.run, .pid = sqlite3_column_int64(stmt, 1)};

    LT_TRY(lt__run_judge(s, &w, here, &one.verdict, err));
    sqlite3_snprintf((int)sizeof one.host, one.host, "%s", w.host);
    return one.verdict.sign == LT__SIGN_ALIVE ? LT_OK
                                              : graves_add(all, &one, err);
}

/* The dead among the runs of this kernel's process `pid` (0: among all). */
static lt_status graves_find(lt_store *s, int pid, graves *all, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_host here;
    lt_status rc;

    lt_host_describe(&here);
    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT r.id, r.pid, m.name, r.boot_id, r.started_at"
                       " FROM run r LEFT JOIN machine m ON m.id = r.machine"
                       " WHERE r.status = 'running'"
                       " AND (?1 = 0 OR r.pid = ?1 AND r.boot_id = ?2)",
                       "it", (int64_t)pid, here.boot_id));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row)
        if ((rc = graves_judge(s, stmt, &here, all, err)) != LT_OK)
            break;
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

static void describe_end(const dead_run *d, char *out, int size)
{
    switch (d->verdict.sign) {
    case LT__SIGN_REBOOT:
        sqlite3_snprintf(size, out, "the machine restarted while it ran");
        return;
    case LT__SIGN_SILENT:
        sqlite3_snprintf(size, out,
                         "no sign of life from host %s for %d seconds", d->host,
                         (int)d->verdict.silence);
        return;
    default:
        sqlite3_snprintf(size, out, "its process (%lld) ended without a word",
                         d->pid);
    }
}

static lt_status reap_all(lt_store *s, lt__folding *all, int *n, lt_err *err)
{
    graves dead = {0};
    char message[256];
    lt_status rc = graves_find(s, 0, &dead, err);

    for (int i = 0; rc == LT_OK && i < dead.n; i++) {
        describe_end(&dead.items[i], message, (int)sizeof message);
        rc = lt__fold_run(s, dead.items[i].run, all, err);
        if (rc == LT_OK)
            rc = run_bury(s, dead.items[i].run, LT_RUN_LOST, message, err);
    }
    if (rc == LT_OK)
        *n = dead.n;
    lt_mem_free(dead.items);
    return rc;
}

/* A run may have ended between the look at its row and that at its lock; its
 * end is then in the store by now, since it is written before the lock goes. */
static lt_status graves_confirm(lt_store *s, const graves *dead, int *n,
                                lt_err *err)
{
    for (int i = 0; i < dead->n; i++) {
        int64_t is_running = 0;

        LT_TRY(lt__db_integer(s, &is_running, err,
                              "SELECT 1 FROM run WHERE id = ? AND pid = ? AND"
                              " status = 'running'",
                              "ii", dead->items[i].run, dead->items[i].pid));
        *n += is_running != 0;
    }
    return LT_OK;
}

lt_status lt_store_reap(lt_store *store, int *n, lt_err *err)
{
    lt__folding all = {0};
    graves dead = {0};
    lt_status rc = graves_find(store, 0, &dead, err);

    *n = 0;
    if (rc == LT_OK)
        rc = graves_confirm(store, &dead, n, err);
    lt_mem_free(dead.items);
    if (rc != LT_OK || *n == 0 || lt__store_is_reader(store))
        return rc;
    *n = 0;
    LT_TRY(lt__db_begin(store, err));
    rc = lt__db_end(store, reap_all(store, &all, n, err), err);
    if (rc == LT_OK)
        lt__fold_clear(store, &all);
    lt_mem_free(all.done.items);
    return rc;
}

typedef struct last_words {
    lt_run_status status;
    const char *message;
} last_words;

static lt_status reap_one(lt_store *s, int pid, const last_words *end,
                          lt__folding *all, int64_t *run, lt_err *err)
{
    graves dead = {0};
    lt_status rc = graves_find(s, pid, &dead, err);

    for (int i = 0; rc == LT_OK && i < dead.n; i++) {
        *run = dead.items[i].run;
        rc = lt__fold_run(s, *run, all, err);
        if (rc == LT_OK)
            rc = run_bury(s, *run, end->status, end->message, err);
    }
    lt_mem_free(dead.items);
    return rc;
}

lt_status lt_store_reap_pid(lt_store *store, int pid, lt_run_status status,
                            const char *message, int64_t *run, lt_err *err)
{
    const last_words end = {status, message};
    lt__folding all = {0};
    lt_status rc;

    LT_ASSERT(pid > 0 && status >= LT_RUN_FINISHED);
    *run = 0;
    LT_TRY(lt__db_begin(store, err));
    rc = lt__db_end(store, reap_one(store, pid, &end, &all, run, err), err);
    if (rc == LT_OK)
        lt__fold_clear(store, &all);
    lt_mem_free(all.done.items);
    return rc;
}
