/* Runs from one store to another; see latent/store/exchange.h.
 *
 * A run's files come first, into a folder that nobody else has (or into the
 * table, when a single file is made); then one transaction takes its rows. The
 * other store is read in one transaction a run, so that a live one is seen as
 * of one moment. What another process changes here between the look at a run
 * and its transaction is looked for again inside of that.
 *
 * Whose fault an error is matters: what the other store says wrongly makes one
 * run refused, what fails here (no memory, a full disk) ends it all. */
#include "store/exchange_int.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "store/unsaved_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef enum action {
    ACTION_TAKE, /* it is not here, or has gone further there */
    ACTION_SAME,
    ACTION_LEAVE,
} action;

void lt__take_tell(lt__take *t, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (t->opts->tell)
        t->opts->tell(t->opts->self, line);
}

/* ---- looking at a run, there and here ---- */

static bool is_of(const char *text, size_t n, const char *signs)
{
    return strlen(text) == n && strspn(text, signs) == n;
}

static lt_status look_there_row(lt__take *t, sqlite3_stmt *stmt, lt_err *err)
{
    const char *uuid = lt__db_text(stmt, 0), *name = lt__db_text(stmt, 1);

    t->name[0] = '\0';
    t->status = lt_run_status_find(lt__db_text(stmt, 2));
    t->ended = sqlite3_column_int64(stmt, 3);
    t->sweep = sqlite3_column_int64(stmt, 4);
    if (!is_of(name, LT__NAME_SIZE - 1, "abcdefghijklmnopqrstuvwxyz0123456789"))
        return lt_err_set(err, LT_EFORMAT, "a name that latent gives no run");
    memcpy(t->name, name, sizeof t->name);
    if (!is_of(uuid, LT__UUID_SIZE - 1, "0123456789abcdef-"))
        return lt_err_set(err, LT_EFORMAT, "its uuid is none");
    memcpy(t->uuid, uuid, sizeof t->uuid);
    return t->status >= 0 ? LT_OK
                          : lt_err_set(err, LT_EFORMAT, "its status is none");
}

static lt_status look_there(lt__take *t, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t is_packed = 0;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT uuid, name, status, coalesce(ended_at, 0), sweep"
                       " FROM run WHERE id = ?",
                       "i", t->there));
    rc = lt__db_next(t->from, stmt, &row, err);
    if (rc == LT_OK)
        rc = row ? look_there_row(t, stmt, err)
                 : lt_err_set(err, LT_ENOTFOUND, "%s: no run %lld",
                              t->from->path, (long long)t->there);
    sqlite3_finalize(stmt);
    if (rc == LT_OK && t->from->version >= 2)
        rc = lt__db_integer(t->from, &is_packed, err,
                            "SELECT 1 FROM packed WHERE run = ? AND path = ''"
                            " AND CAST(body AS TEXT) = ?",
                            "it", t->there, LT__PACKED_INSIDE);
    t->is_packed = is_packed != 0;
    return rc;
}

static lt_status look_here(lt__take *t, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    t->here = 0;
    t->status_here = -1;
    t->ended_here = 0;
    if (!t->to)
        return LT_OK;
    LT_TRY(lt__db_open(t->to, &stmt, err,
                       "SELECT id, status, coalesce(ended_at, 0) FROM run"
                       " WHERE uuid = ?",
                       "t", t->uuid));
    rc = lt__db_next(t->to, stmt, &row, err);
    if (rc == LT_OK && row) {
        t->here = sqlite3_column_int64(stmt, 0);
        t->status_here = lt_run_status_find(lt__db_text(stmt, 1));
        t->ended_here = sqlite3_column_int64(stmt, 2);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* How far a run has come: see the header. */
static int rank_of(int status)
{
    switch (status) {
    case LT_RUN_FINISHED:
        return 3;
    case LT_RUN_FAILED:
    case LT_RUN_DIVERGED:
    case LT_RUN_PRUNED:
        return 2;
    case LT_RUN_LOST:
    case LT_RUN_INTERRUPTED:
        return 1;
    default:
        return 0;
    }
}

static bool is_further_there(const lt__take *t)
{
    int there = rank_of(t->status), here = rank_of(t->status_here);

    return there > here ||
           (there == here && there < 3 && t->ended > t->ended_here);
}

/* What a run could not store lies beside its store, for the next command there
 * to take in. */
static bool is_waiting_there(const lt__take *t)
{
    lt_text path = {0};
    bool is_there;

    lt__unsaved_path(t->from, t->there, &path);
    is_there = !path.failed && lt_path_exists(path.data);
    lt_text_deinit(&path);
    return is_there && !t->is_packed && t->status != LT_RUN_FINISHED;
}

static action choose(lt__take *t)
{
    const char *why = NULL;

    if (t->status_here == LT_RUN_RUNNING)
        why = "is being executed here";
    else if (t->status == LT_RUN_RUNNING)
        why = "is being executed there, or was when last looked at";
    else if (t->status == LT_RUN_QUEUED && t->status_here < 0)
        why = "has not begun there";
    else if (is_waiting_there(t))
        why = "could not store all there; any latent command there mends that";
    if (why) {
        lt__take_tell(t, "run %s %s: left", t->name, why);
        t->out->n_left++;
        return ACTION_LEAVE;
    }
    return t->status_here < 0 || is_further_there(t) ? ACTION_TAKE
                                                     : ACTION_SAME;
}

/* ---- a run that is here ---- */

static lt_status unite_words(lt__take *t, int *n, lt_err *err)
{
    LT_TRY(lt__take_words(t, false, n, err));
    if (*n == 0 || t->opts->dry_run)
        return LT_OK;
    LT_TRY(lt__db_begin(t->to, err));
    return lt__db_end(t->to, lt__take_words(t, true, n, err), err);
}

static lt_status take_same(lt__take *t, lt_err *err)
{
    bool agrees = true;
    int n = 0;

    if (t->status == LT_RUN_FINISHED && t->status_here == LT_RUN_FINISHED)
        LT_TRY(lt__take_agrees(t, &agrees, err));
    if (!agrees) {
        t->out->n_left++;
        lt__take_tell(
            t,
            "run %s (%lld here) is finished on both sides, with other "
            "results: this store's are kept",
            t->name, (long long)t->here);
        return LT_OK;
    }
    LT_TRY(unite_words(t, &n, err));
    t->out->n_same += n == 0;
    t->out->n_updated += n > 0;
    return LT_OK;
}

/* ---- a run that is taken ---- */

static lt_status take_write(lt__take *t, lt_err *err)
{
    lt__take now = *t;
    int n = 0;

    LT_TRY(look_here(&now, err));
    if (now.status_here != t->status_here || now.ended_here != t->ended_here)
        return lt_err_set(err, LT_EBUSY, "was changed here meanwhile");
    LT_TRY(lt__take_rows(t, err));
    if (t->packs)
        LT_TRY(lt__parcels_copy(t, err));
    LT_TRY(lt__take_words(t, true, &n, err));
    LT_TRY(lt__take_seal(t, err));
    return t->packs || t->status_here < 0 ? LT_OK
                                          : lt__parcels_publish(t, true, err);
}

/* Errors that the other store is to blame for become EFORMAT. */
static lt_status blame(const lt__take *t, lt_status rc, lt_err *err)
{
    int there = sqlite3_errcode(t->from->db) & 0xff;
    int here = t->to ? sqlite3_errcode(t->to->db) & 0xff : SQLITE_OK;

    if (rc != LT_ESTORE || (there != SQLITE_CORRUPT && there != SQLITE_TOOBIG &&
                            here != SQLITE_CONSTRAINT &&
                            here != SQLITE_MISMATCH && here != SQLITE_TOOBIG))
        return rc;
    if (err)
        err->status = LT_EFORMAT;
    return LT_EFORMAT;
}

static lt_status take_files(lt__take *t, lt_err *err)
{
    if (t->status_here >= 0 || t->n_parcels > 0)
        LT_TRY(lt__place_make(t, err));
    LT_TRY(blame(t, lt__parcels_copy(t, err), err));
    return t->status_here < 0 ? lt__parcels_publish(t, true, err) : LT_OK;
}

static lt_status take_whole(lt__take *t, lt_err *err)
{
    bool is_new = t->status_here < 0;
    lt_status rc = LT_OK;

    if (!t->packs)
        rc = take_files(t, err);
    if (rc == LT_OK && t->dir.size > 0)
        (void)lt__folder_place(t->dir.data);
    if (rc == LT_OK)
        rc = lt__db_begin(t->to, err);
    if (rc == LT_OK)
        rc = lt__db_end(t->to, blame(t, take_write(t, err), err), err);
    if (rc == LT_OK && t->dir.size > 0)
        (void)lt__store_sync(t->to, NULL); /* before its mark goes */
    if (rc != LT_OK && !t->packs && !is_new && t->dir.size > 0)
        (void)lt__parcels_publish(t, false, NULL);
    lt__place_end(t, rc == LT_OK);
    if (rc == LT_OK) {
        t->out->n_new += is_new;
        t->out->n_updated += !is_new;
        t->out->run = t->here;
    }
    return rc;
}

/* What a dry run can tell of it. */
static lt_status take_count(lt__take *t, lt_err *err)
{
    int64_t values = 0;

    for (int i = 0; i < t->n_parcels; i++)
        if (t->parcels[i].rest) {
            t->out->files++;
            t->out->bytes += t->parcels[i].bytes;
        }
    LT_TRY(lt__db_integer(t->from, &values, err,
                          "SELECT coalesce(sum(n), 0) FROM series"
                          " WHERE run = ?",
                          "i", t->there));
    t->out->values += values;
    t->out->n_new += t->status_here < 0;
    t->out->n_updated += t->status_here >= 0;
    return LT_OK;
}

static lt_status take_further(lt__take *t, lt_err *err)
{
    bool is_same = true;
    lt_status rc = LT_OK;

    if (t->status_here >= 0)
        LT_TRY(blame(t, lt__take_is_same(t, &is_same, err), err));
    if (!is_same)
        return lt_err_set(err, LT_EFORMAT,
                          "it is here with another config, sweep or script");
    rc = blame(t, lt__parcels_find(t, err), err);
    if (rc == LT_OK)
        rc = t->opts->dry_run ? take_count(t, err) : take_whole(t, err);
    lt__parcels_free(t);
    return rc;
}

/* ---- all of them ---- */

static lt_status take_run(lt__take *t, lt_err *err)
{
    lt_status rc = blame(t, look_there(t, err), err);

    if (rc == LT_OK)
        rc = look_here(t, err);
    if (rc != LT_OK)
        return rc;
    switch (choose(t)) {
    case ACTION_TAKE:
        return take_further(t, err);
    case ACTION_SAME:
        return blame(t, take_same(t, err), err);
    default:
        return LT_OK;
    }
}

/* A run that is not sound costs only itself. */
static lt_status take_one(lt__take *t, int64_t run, lt_err *err)
{
    lt_take_report before = *t->out;
    lt_err own = {0};
    lt_status rc;

    t->there = run;
    LT_TRY(lt__db_do(t->from, err, "BEGIN", ""));
    rc = take_run(t, &own);
    (void)lt__db_end(t->from, LT_EINVAL, NULL); /* nothing to be committed */
    if (rc == LT_OK)
        return LT_OK;
    *t->out = before;
    if (rc == LT_EFORMAT || rc == LT_EBUSY) {
        t->out->n_refused += rc == LT_EFORMAT;
        t->out->n_left += rc == LT_EBUSY;
        lt__take_tell(t, "run %lld of %.160s: %s: %s", (long long)run,
                      t->from->path, own.text,
                      rc == LT_EFORMAT ? "refused" : "left");
        return LT_OK;
    }
    return lt_err_set(err, rc, "%s",
                      own.text[0] ? own.text : lt_status_text(rc));
}

static lt_status find_all(lt_store *s, lt__ids *all, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, "SELECT id FROM run ORDER BY id", ""));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row)
        if ((rc = lt__ids_add(all, sqlite3_column_int64(stmt, 0), err)) !=
            LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status take_all(lt__take *t, lt_err *err)
{
    lt__ids all = {0};
    const int64_t *runs = t->opts->runs;
    int n = t->opts->n_runs;
    lt_status rc = LT_OK;

    if (!runs) {
        rc = find_all(t->from, &all, err);
        runs = all.items;
        n = all.n;
    }
    for (int i = 0; rc == LT_OK && i < n; i++)
        rc = take_one(t, runs[i], err);
    lt_mem_free(all.items);
    return rc;
}

/* ---- the stores ---- */

static lt_status check_apart(const lt_store *from, const lt_store *to,
                             lt_err *err)
{
    struct stat a, b;

    if (stat(from->path, &a) == 0 && stat(to->path, &b) == 0 &&
        a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return lt_err_set(err, LT_EINVAL, "%s: this is the store itself (%s)",
                          from->path, to->path);
    return LT_OK;
}

/* Opening compared the tables; of a newer schema only views are known. */
static lt_status check_version(const lt_store *from, lt_err *err)
{
    if (from->version <= lt__schema_version())
        return LT_OK;
    return lt_err_set(err, LT_ESTORE,
                      "%s: made by a newer latent (schema %lld, this program "
                      "knows up to %lld): only that takes runs from it",
                      from->path, (long long)from->version,
                      (long long)lt__schema_version());
}

static lt_status take_from(lt__take *t, lt_err *err)
{
    lt_status rc;

    LT_ASSERT(t->from->mode != LT_STORE_INSPECT);
    *t->out = (lt_take_report){0};
    t->lock = -1;
    LT_TRY(check_version(t->from, err));
    if (t->to)
        LT_TRY(check_apart(t->from, t->to, err));
    rc = take_all(t, err);
    lt_mem_free(t->buffer);
    lt_text_deinit(&t->dir);
    return rc;
}

lt_status lt_store_take(lt_store *from, lt_store *to, const lt_take_opts *opts,
                        lt_take_report *out, lt_err *err)
{
    lt__take t = {.from = from, .to = to, .opts = opts, .out = out};

    LT_ASSERT(to || opts->dry_run);
    if (to && !opts->dry_run)
        LT_TRY(lt__place_clean(to, err));
    return take_from(&t, err);
}

lt_status lt__store_pack(lt_store *from, lt_store *to, const lt_take_opts *opts,
                         lt_take_report *out, lt_err *err)
{
    lt__take t = {
        .from = from, .to = to, .opts = opts, .out = out, .packs = true};

    return take_from(&t, err);
}
