/* What is deleted for good; see latent/store/books.h.
 *
 * Three promises. Rows go before files, and the log is synced in between: with
 * synchronous = NORMAL a power cut may undo the last commits, and must not
 * bring back rows of which the files are gone. What a file is deleted for is
 * asked inside a BEGIN IMMEDIATE transaction, which writes nothing, while the
 * file goes: no run can be claimed meanwhile. And a folder is renamed in that
 * transaction and deleted after it, so that others wait for a rename only. */
#include "latent/store/books.h"

#include "latent/base/clock.h"
#include "latent/base/path.h"
#include "latent/base/tree.h"
#include "store/store_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_MEMORY    ((int64_t)256 << 20) /* up to this a copy is made there */
#define YOUNG        300 /* seconds: a folder may be of another machine's run */
#define SOURCE_YOUNG 3600000 /* milliseconds that a loose source stays */

/* ---- runs that were removed ---- */

static lt_status delete_one(lt_store *s, int64_t run, const lt_host *here,
                            int *n_done, lt_err *err)
{
    bool live = true;

    LT_TRY(lt__run_is_live(s, run, here, &live, err));
    if (live)
        return LT_OK;
    LT_TRY(lt__db_do(s, err,
                     "DELETE FROM run WHERE id = ?"
                     " AND id IN (SELECT run FROM removed)",
                     "i", run));
    *n_done += sqlite3_changes(s->db);
    return LT_OK;
}

static lt_status delete_removed(lt_store *s, const int64_t *runs, int n,
                                int *n_done, lt_err *err)
{
    lt_host here;

    lt_host_describe(&here);
    for (int i = 0; i < n; i++)
        LT_TRY(delete_one(s, runs[i], &here, n_done, err));
    return LT_OK;
}

lt_status lt_store_delete_removed(lt_store *store, const int64_t *runs, int n,
                                  int *n_done, lt_err *err)
{
    *n_done = 0;
    LT_TRY(lt__db_begin(store, err));
    LT_TRY(lt__db_end(store, delete_removed(store, runs, n, n_done, err), err));
    return lt__store_sync(store, err);
}

/* ---- folders of no run ---- */

/* "runs/12" and, where asked for, "results/runs/12/lock". */
static lt_status folder_names(const lt_store *s, int64_t run, lt_text *path,
                              lt_text *lock, lt_err *err)
{
    lt_store_runs_folder(s, path);
    lt_text_addf(path, "/%lld", (long long)run);
    lt_store_run_dir(s, run, lock);
    lt_text_add(lock, "/lock");
    return lt_err_mark(err, path->failed || lock->failed ? LT_ENOMEM : LT_OK);
}

/* Seconds since the lock was touched, as its process does every ten; of a
 * folder that has none yet, since a name in it was made. By this machine's
 * clock, as a file made to ask another's would be a touch by itself. */
static double folder_silence(const lt_store *s, int64_t run, const char *lock)
{
    lt_text folder = {0};
    double silence = 1e9;
    struct stat st;

    lt_store_run_dir(s, run, &folder);
    if (stat(lock, &st) == 0 ||
        (!folder.failed && lstat(folder.data, &st) == 0))
        silence = lt_clock_wall() - (double)st.st_mtim.tv_sec;
    lt_text_deinit(&folder);
    return silence;
}

static lt_status folder_check(lt_store *s, int64_t run, const char *lock,
                              bool is_dead, lt_err *err)
{
    int64_t known = 0;

    LT_TRY(lt__db_integer(s, &known, err, "SELECT 1 FROM run WHERE id = ?", "i",
                          run));
    if (known)
        return lt_err_set(err, LT_EBUSY, "run %lld is in the store",
                          (long long)run);
    if (!lt__lock_is_free(lock))
        return lt_err_set(err, LT_EBUSY,
                          "%s: held by a process: its run is being executed",
                          lock);
    if (!is_dead && folder_silence(s, run, lock) < YOUNG)
        return lt_err_set(err, LT_EBUSY,
                          "%s: touched in the last %d minutes: its run may be "
                          "executed on another machine",
                          lock, YOUNG / 60);
    return LT_OK;
}

/* What the run could not store waits for a row that will never be there. */
static lt_status folder_forget(const lt_store *s, int64_t run, lt_err *err)
{
    lt_text path = {0};
    lt_status rc;

    lt_store_runs_folder(s, &path);
    lt_text_addf(&path, "/unsaved/%lld", (long long)run);
    rc = path.failed ? lt_err_mark(err, LT_ENOMEM)
                     : lt_tree_remove(s->folder, path.data, err);
    lt_text_deinit(&path);
    return rc;
}

/* The folder by another name, which *path then is. */
static lt_status folder_rename(const lt_store *s, int64_t run, lt_text *path,
                               lt_err *err)
{
    char name[64];

    snprintf(name, sizeof name, LT_STORE_TRASH "%lld-%ld", (long long)run,
             (long)getpid());
    LT_TRY(lt_tree_rename(s->folder, path->data, name, err));
    lt_store_runs_folder(s, path);
    lt_text_addf(path, "/%s", name);
    return lt_err_mark(err, path->failed ? LT_ENOMEM : LT_OK);
}

lt_status lt_store_delete_folder(lt_store *store, int64_t run, bool is_dead,
                                 lt_err *err)
{
    lt_text path = {0}, lock = {0};
    lt_err own = {0};
    lt_status rc = folder_names(store, run, &path, &lock, &own);

    if (rc == LT_OK)
        rc = lt__db_begin(store, &own);
    if (rc == LT_OK) {
        rc = folder_check(store, run, lock.data, is_dead, &own);
        if (rc == LT_OK)
            rc = folder_forget(store, run, &own);
        if (rc == LT_OK)
            rc = folder_rename(store, run, &path, &own);
        rc = lt__db_end(store, rc, &own);
    }
    if (rc == LT_OK)
        rc = lt_tree_remove(store->folder, path.data, &own);
    lt_text_deinit(&path);
    lt_text_deinit(&lock);
    if (rc == LT_OK || rc == LT_ENOTFOUND) /* another gc was quicker */
        return LT_OK;
    return lt_err_set(err, rc, "%s",
                      own.text[0] ? own.text : lt_status_text(rc));
}

lt_status lt_store_check_folder(lt_store *store, int64_t run, lt_err *err)
{
    lt_text path = {0}, lock = {0};
    lt_status rc = folder_names(store, run, &path, &lock, err);

    if (rc == LT_OK)
        rc = folder_check(store, run, lock.data, false, err);
    lt_text_deinit(&path);
    lt_text_deinit(&lock);
    return rc;
}

lt_status lt_store_delete_trash(lt_store *store, const char *name, lt_err *err)
{
    lt_text path = {0};
    lt_status rc;

    if (strncmp(name, LT_STORE_TRASH, strlen(LT_STORE_TRASH)) != 0 ||
        strchr(name, '/'))
        return lt_err_set(err, LT_EINVAL, "'%s': not what a gc left", name);
    lt_store_runs_folder(store, &path);
    lt_text_addf(&path, "/%s", name);
    rc = path.failed ? lt_err_mark(err, LT_ENOMEM)
                     : lt_tree_remove(store->folder, path.data, err);
    lt_text_deinit(&path);
    return rc;
}

/* ---- files of runs ---- */

#define MAY_GO_ON "status IN ('queued', 'running', 'lost', 'interrupted')"

static lt_status check_ended(lt_store *s, int64_t run, lt_err *err)
{
    int64_t ended = 0;
    bool live = true;
    lt_host here;

    LT_TRY(lt__db_integer(s, &ended, err,
                          "SELECT NOT (" MAY_GO_ON ") FROM run WHERE id = ?",
                          "i", run));
    if (!ended)
        return lt_err_set(err, LT_EBUSY, "run %lld: has not ended for good",
                          (long long)run);
    lt_host_describe(&here);
    LT_TRY(lt__run_is_live(s, run, &here, &live, err));
    return live ? lt_err_set(err, LT_EBUSY, "run %lld: its lock is held",
                             (long long)run)
                : LT_OK;
}

static lt_status free_artifact(lt_store *s, int64_t run, const char *name,
                               lt_err *err)
{
    LT_TRY(check_ended(s, run, err));
    LT_TRY(lt__db_do(s, err,
                     "INSERT INTO note (run, at, text) SELECT run, ?1,"
                     " 'gc freed ' || name || ': ' || path || ', ' || bytes ||"
                     " ' bytes, SHA-256 ' || sha256 FROM artifact"
                     " WHERE run = ?2 AND name = ?3",
                     "iit", lt__now_ms(), run, name));
    return lt__db_do(s, err, "DELETE FROM artifact WHERE run = ? AND name = ?",
                     "it", run, name);
}

lt_status lt_store_free_artifact(lt_store *store, int64_t run, const char *name,
                                 lt_err *err)
{
    LT_TRY(lt__db_begin(store, err));
    LT_TRY(lt__db_end(store, free_artifact(store, run, name, err), err));
    return lt__store_sync(store, err);
}

/* `path` is below the store's folder, as an artifact's is. */
static lt_status delete_file(lt_store *s, int64_t run, const char *path,
                             lt_err *err)
{
    int64_t kept = 0;

    LT_TRY(check_ended(s, run, err));
    LT_TRY(lt__db_integer(s, &kept, err,
                          "SELECT count(*) FROM artifact WHERE path = ?1"
                          " OR substr(path, 1, length(?1) + 1) = ?1 || '/'",
                          "t", path));
    if (kept)
        return lt_err_set(err, LT_EBUSY, "%s: an artifact is there", path);
    return lt_tree_remove(s->folder, path, err);
}

lt_status lt_store_delete_file(lt_store *store, int64_t run, const char *path,
                               lt_err *err)
{
    lt_text whole = {0};
    lt_status rc;

    lt_store_runs_folder(store, &whole);
    lt_text_addf(&whole, "/%lld/%s", (long long)run, path);
    rc = whole.failed ? lt_err_mark(err, LT_ENOMEM) : lt__db_begin(store, err);
    if (rc == LT_OK)
        rc = lt__db_end(store, delete_file(store, run, whole.data, err), err);
    lt_text_deinit(&whole);
    return rc;
}

/* ---- rows that nothing refers to ---- */

#define NO_RUN " FROM sweep WHERE id NOT IN (SELECT sweep FROM run)"
#define NO_SWEEP                                                               \
    " FROM source WHERE added_at < ?1 AND hash NOT IN (SELECT x.hash"          \
    " FROM sweep_source x JOIN run r ON r.sweep = x.sweep)"                    \
    " AND hash NOT IN (SELECT s.git_diff FROM sweep s JOIN run r"              \
    " ON r.sweep = s.id)"

/* Sources of sweeps without runs go with these. */
static lt_status loose_count(lt_store *s, int64_t before, lt_loose_rows *out,
                             lt_err *err)
{
    LT_TRY(lt__db_integer(s, &out->sweeps, err, "SELECT count(*)" NO_RUN, ""));
    LT_TRY(lt__db_integer(s, &out->sources, err, "SELECT count(*)" NO_SWEEP,
                          "i", before));
    return lt__db_integer(s, &out->source_bytes, err,
                          "SELECT coalesce(sum(size), 0)" NO_SWEEP, "i",
                          before);
}

static lt_status loose_delete(lt_store *s, int64_t before, lt_err *err)
{
    LT_TRY(lt__db_do(s, err, "DELETE" NO_RUN, ""));
    return lt__db_do(s, err, "DELETE" NO_SWEEP, "i", before);
}

lt_status lt_store_delete_loose(lt_store *store, bool is_dry,
                                lt_loose_rows *out, lt_err *err)
{
    int64_t before = lt__now_ms() - SOURCE_YOUNG;
    lt_status rc;

    *out = (lt_loose_rows){0};
    if (is_dry)
        return loose_count(store, before, out, err);
    LT_TRY(lt__db_begin(store, err));
    rc = loose_count(store, before, out, err);
    if (rc == LT_OK)
        rc = loose_delete(store, before, err);
    return lt__db_end(store, rc, err);
}

/* ---- pages ---- */

lt_status lt_store_pages(lt_store *store, lt_pages *out, lt_err *err)
{
    *out = (lt_pages){0};
    LT_TRY(
        lt__db_integer(store, &out->page_bytes, err, "PRAGMA page_size", ""));
    LT_TRY(lt__db_integer(store, &out->all, err, "PRAGMA page_count", ""));
    return lt__db_integer(store, &out->free, err, "PRAGMA freelist_count", "");
}

lt_status lt_store_table_bytes(lt_store *store, const char *table,
                               int64_t *bytes, lt_err *err)
{
    int64_t knows = 0;

    *bytes = -1;
    LT_TRY(lt__db_integer(store, &knows, err,
                          "SELECT 1 FROM pragma_module_list"
                          " WHERE name = 'dbstat'",
                          ""));
    if (!knows)
        return LT_OK;
    *bytes = 0;
    return lt__db_integer(store, bytes, err,
                          "SELECT sum(pgsize) FROM dbstat"
                          " WHERE name = ? AND aggregate = TRUE",
                          "t", table);
}

/* The copy that SQLite makes goes through a temporary file when it is large,
 * and through the log in any case. */
static lt_status compact_check(lt_store *s, lt_err *err)
{
    int64_t free = 0, all = 0, size;
    lt_pages pages;

    LT_TRY(lt_store_pages(s, &pages, err));
    size = (pages.all - pages.free) * pages.page_bytes;
    LT_TRY(lt_path_space(s->folder, &free, &all, err));
    if (all > 0 && free < 2 * size)
        return lt_err_set(
            err, LT_EIO, "%s: %lld MB free on the disk, wanted %lld for a copy",
            s->path, (long long)(free / 1000000),
            (long long)(2 * size / 1000000));
    return size < IN_MEMORY ? LT_OK
                            : lt__db_do(s, err, "PRAGMA temp_store = FILE", "");
}

lt_status lt_store_compact(lt_store *store, lt_err *err)
{
    LT_TRY(compact_check(store, err));
    LT_TRY(lt__db_do(store, err, "VACUUM", ""));
    return lt__db_do(store, err, "PRAGMA wal_checkpoint(TRUNCATE)", "");
}
