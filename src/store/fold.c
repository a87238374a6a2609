/* Folding side files into the store; unsaved.c tells what they are.
 *
 * A file is folded when the process of its claim is gone, as alive.c judges,
 * and by that process itself once its store can be written again. All happens
 * in one transaction, in which no other process can claim the run; the files
 * are removed in a second one, in which it is asked once more that nobody has,
 * and not before the first is on the disk.
 * Whoever dies in between leaves a file whose points the store has: each point
 * knows its number, so those are passed over the next time.
 *
 * A file is of no use when the run was claimed again (it went on from its
 * checkpoint, and logs the same points once more): then it is removed. One that
 * is damaged or of another store's run stays, for latent verify to tell of.
 * Points before its first may be missing in the store: what was committed
 * last can be lost with the machine's power. The others are folded in then, but
 * the run has not ended: it goes on from its checkpoint, as a lost one. */
#include "latent/base/mem.h"
#include "latent/base/tree.h"
#include "latent/store/books.h"
#include "store/unsaved_int.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 5.0 /* for other writers */

/* One file on its way into the store. */
typedef struct fold {
    lt_store *s;
    int64_t run;
    int64_t claim; /* whose the file is, as claim_key says */
    bool is_queued, has_gap;
    bool is_news; /* the store has got something from it */
    int64_t values;
} fold;

/* ---- points ---- */

static lt_status points_write(fold *f, const lt__entry *e, int64_t name,
                              lt__summary *sum, lt_err *err)
{
    lt__series_writer w = {0};
    lt_status rc = lt__writer_open(f->s, &w, err);
    lt__point p;

    for (int i = 0; rc == LT_OK && i < e->n_points; i++) {
        int64_t seq = e->seq + i;

        if (seq < sum->n)
            continue;
        f->has_gap = f->has_gap || seq > sum->n;
        lt__entry_point(e, i, &p);
        rc = lt__writer_point(f->s, &w, f->run, name, &p, sum, err);
        f->values += rc == LT_OK;
        f->is_news = true;
    }
    if (rc == LT_OK)
        rc = lt__summary_save(f->s, w.upsert, f->run, name, sum, err);
    lt__writer_close(&w);
    return rc;
}

static lt_status points_fold(fold *f, const lt__entry *e, lt_err *err)
{
    lt__summary sum = {0};
    int64_t name = 0;

    LT_TRY(lt__series_name(f->s, e->name, &name, err));
    LT_TRY(lt__summary_load(f->s, f->run, name, &sum, err));
    if (e->n_points == 0 || e->seq + e->n_points <= sum.n)
        return LT_OK;
    return points_write(f, e, name, &sum, err);
}

/* ---- one file ---- */

/* A run that is to be tried again has not come to that end. */
static lt_status entry_fold(fold *f, const lt__entry *e, lt_err *err)
{
    if (e->kind == LT__ENTRY_POINTS)
        return points_fold(f, e, err);
    if ((e->word == LT__WORD_END || e->word == LT__WORD_DIVERGENCE) &&
        (f->is_queued || f->has_gap))
        return LT_OK;
    f->is_news = true;
    return lt__word_write(f->s, f->run, e->word, e->values, err);
}

static lt_status entries_fold(fold *f, lt__unsaved_file *file, lt_err *err)
{
    lt__entry e;

    while (lt__unsaved_next(file, &e))
        LT_TRY(entry_fold(f, &e, err));
    return LT_OK;
}

lt_status lt__fold_words(lt_store *s, int64_t run, lt__unsaved_file *words,
                         lt_err *err)
{
    fold f = {.s = s, .run = run};

    return entries_fold(&f, words, err);
}

typedef enum ownership { OF_ANOTHER, OF_EARLIER, OF_THIS } ownership;

/* Whether the file is of the run's last claim, an earlier one, another's. A
 * run that is finished has got all of it: it is frozen by then. */
static lt_status owner_judge(fold *f, const lt__entry *e, ownership *out,
                             lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    *out = OF_ANOTHER;
    LT_TRY(lt__db_open(
        f->s, &stmt, err,
        "SELECT name, boot_id, pid, pid_start,"
        " status = 'queued', status = 'finished' FROM run WHERE id = ?",
        "i", f->run));
    rc = lt__db_next(f->s, stmt, &row, err);
    if (rc == LT_OK && row && e->run == f->run &&
        strcmp(e->name, lt__db_text(stmt, 0)) == 0) {
        bool is_last = strcmp(e->boot_id, lt__db_text(stmt, 1)) == 0 &&
                       e->pid == sqlite3_column_int64(stmt, 2) &&
                       e->pid_start == sqlite3_column_int64(stmt, 3) &&
                       !sqlite3_column_int(stmt, 5);

        *out = is_last ? OF_THIS : OF_EARLIER;
        f->is_queued = sqlite3_column_int(stmt, 4) != 0;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* Tells the claims of a run apart, by the process of each. */
static int64_t claim_key(const lt__entry *owner)
{
    return (int64_t)(((uint64_t)owner->pid_start << 22) ^ (uint64_t)owner->pid);
}

static lt_status done_add(lt__folding *all, const fold *f, lt_err *err)
{
    LT_TRY(lt__ids_add(&all->done, f->run, err));
    return lt__ids_add(&all->done, f->claim, err);
}

static void leave(lt__folding *all, lt_status rc, const char *path,
                  const char *why)
{
    if (all->sum.n_waiting++ == 0)
        lt_err_set(&all->sum.why, rc, "%s: %s", path, why);
}

/* What the store refuses for another reason than its own troubles is the
 * file's fault: then all of the file is undone, and only that. */
static lt_status file_fold(fold *f, lt__unsaved_file *file, const char *path,
                           lt__folding *all, lt_err *err)
{
    lt_err own = {0};
    lt_status rc;

    LT_TRY(lt__db_do(f->s, err, "SAVEPOINT unsaved", ""));
    rc = entries_fold(f, file, &own);
    if (rc == LT_ENOMEM || (rc != LT_OK && lt__db_is_in_trouble(f->s)))
        return lt_err_set(err, rc, "%s", own.text);
    if (rc != LT_OK) {
        leave(all, LT_EFORMAT, path, own.text);
        LT_TRY(lt__db_do(f->s, err, "ROLLBACK TO unsaved", ""));
    } else {
        all->sum.values += f->values;
        all->sum.runs += f->is_news;
        LT_TRY(done_add(all, f, err));
    }
    return lt__db_do(f->s, err, "RELEASE unsaved", "");
}

static lt_status owned_fold(fold *f, lt__unsaved_file *file, const char *path,
                            lt__folding *all, lt_err *err)
{
    ownership whose = OF_ANOTHER;
    lt__entry e;

    if (!lt__unsaved_next(file, &e)) {
        leave(all, LT_EFORMAT, path, "damaged: does not say whose it is");
        return LT_OK;
    }
    f->claim = claim_key(&e);
    LT_TRY(owner_judge(f, &e, &whose, err));
    if (whose == OF_THIS)
        return file_fold(f, file, path, all, err);
    return whose == OF_EARLIER ? done_add(all, f, err) : LT_OK;
}

lt_status lt__fold_file(lt_store *s, int64_t run, lt__unsaved_file *file,
                        lt__folding *all, lt_err *err)
{
    fold f = {.s = s, .run = run};
    lt_text path = {0};
    lt_status rc = LT_ENOMEM;

    lt__unsaved_path(s, run, &path);
    if (!path.failed)
        rc = owned_fold(&f, file, path.data, all, err);
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

lt_status lt__fold_run(lt_store *s, int64_t run, lt__folding *all, lt_err *err)
{
    lt__unsaved_file *file = NULL;
    lt_text path = {0};
    lt_err own = {0};
    lt_status rc;

    lt__unsaved_path(s, run, &path);
    rc = path.failed ? LT_ENOMEM : lt__unsaved_open(path.data, &file, &own);
    if (rc == LT_EFORMAT || rc == LT_EIO)
        leave(all, rc, path.data, own.text + strlen(path.data) + 2);
    lt_text_deinit(&path);
    if (rc == LT_OK)
        rc = lt__fold_file(s, run, file, all, err);
    else if (rc != LT_ENOMEM)
        rc = LT_OK;
    lt__unsaved_close(file);
    return lt_err_mark(err, rc);
}

/* ---- files that are done with ---- */

static bool run_is_free(const lt_store *s, int64_t run)
{
    lt_text path = {0};
    bool is_free;

    lt_store_run_dir(s, run, &path);
    lt_text_add(&path, "/lock");
    is_free = !path.failed && lt__lock_is_free(path.data);
    lt_text_deinit(&path);
    return is_free;
}

static lt_status run_judge(lt_store *s, int64_t run, const lt_host *here,
                           lt__sign *out, lt_err *err)
{
    lt__whereabouts w = {.run = run};
    sqlite3_stmt *stmt = NULL;
    lt__verdict verdict;
    bool row = false;
    lt_status rc;

    *out = LT__SIGN_ALIVE;
    LT_TRY(lt__db_open(s, &stmt, err,
                       "SELECT m.name, r.boot_id, r.started_at FROM run r"
                       " LEFT JOIN machine m ON m.id = r.machine"
                       " WHERE r.id = ?",
                       "i", run));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row) {
        w.host = lt__db_text(stmt, 0);
        w.boot_id = lt__db_text(stmt, 1);
        w.claimed = (double)sqlite3_column_int64(stmt, 2) / 1000;
        rc = lt__run_judge(s, &w, here, &verdict, err);
        if (rc == LT_OK)
            *out = verdict.sign;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* Whether the file is still that claim's: the run may have been claimed since,
 * and its process have died, too, with a file that nobody has folded in. */
static bool is_file_of(const char *path, int64_t claim)
{
    lt__unsaved_file *file = NULL;
    bool is_its = false;
    lt__entry e;

    if (lt__unsaved_open(path, &file, NULL) == LT_OK)
        is_its = lt__unsaved_next(file, &e) && claim_key(&e) == claim;
    lt__unsaved_close(file);
    return is_its;
}

/* By way of no link: the folder may be a stranger's. */
static void checkpoint_clear(const lt_store *s, int64_t run)
{
    static const char *const names[] = {"checkpoint", "stages"};
    lt_text path = {0};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lt_store_runs_folder(s, &path);
        lt_text_addf(&path, "/%lld/%s", (long long)run, names[i]);
        if (!path.failed)
            (void)lt_tree_remove(s->folder, path.data, NULL);
    }
    lt_text_deinit(&path);
}

/* A run of another host that is only silent may live after all, and its file
 * with it. Who came to an end of their own need no checkpoint any more. */
static void file_clear(lt_store *s, int64_t run, int64_t claim,
                       const lt_host *here)
{
    lt__sign sign = LT__SIGN_ALIVE;
    int64_t has_ended = 0;
    lt_text path = {0};

    if (run_judge(s, run, here, &sign, NULL) != LT_OK ||
        (sign != LT__SIGN_GONE && sign != LT__SIGN_REBOOT))
        return;
    lt__unsaved_path(s, run, &path);
    if (!path.failed && is_file_of(path.data, claim)) {
        lt__db_integer(s, &has_ended, NULL,
                       "SELECT status IN ('finished', 'failed', 'diverged',"
                       " 'pruned') FROM run WHERE id = ?",
                       "i", run);
        (void)unlink(path.data);
        if (has_ended)
            checkpoint_clear(s, run);
    }
    lt_text_deinit(&path);
}

void lt__fold_clear(lt_store *s, lt__folding *all)
{
    lt_host here;

    if (all->done.n > 0 && lt__store_sync(s, NULL) == LT_OK &&
        lt__db_begin(s, NULL) == LT_OK) {
        lt_host_describe(&here);
        for (int i = 0; i + 1 < all->done.n; i += 2)
            file_clear(s, all->done.items[i], all->done.items[i + 1], &here);
        lt__db_end(s, LT_EINTERRUPTED, NULL);
    }
    lt_mem_free(all->done.items);
    all->done = (lt__ids){0};
}

/* ---- all of a store's ---- */

/* Those whose run's lock is held are not looked at further. */
lt_status lt__unsaved_find(const lt_store *s, lt__ids *out, lt_err *err)
{
    lt_text folder = {0};
    struct dirent *entry;
    lt_status rc = LT_OK;
    DIR *dir = NULL;

    lt__unsaved_folder(s, &folder);
    if (folder.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else
        dir = opendir(folder.data);
    while (rc == LT_OK && dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        int64_t run = strtoll(name, NULL, 10);

        if (strspn(name, "0123456789") == strlen(name) && strlen(name) < 19 &&
            run_is_free(s, run))
            rc = lt__ids_add(out, run, err);
    }
    if (dir)
        closedir(dir);
    lt_text_deinit(&folder);
    return rc;
}

/* Whether anything is in the file but whose it is. */
static bool run_waits(const lt_store *s, int64_t run)
{
    lt__unsaved_file *file = NULL;
    lt_text path = {0};
    bool waits = true;
    lt__entry e;

    lt__unsaved_path(s, run, &path);
    if (!path.failed && lt__unsaved_open(path.data, &file, NULL) == LT_OK) {
        lt__unsaved_next(file, &e);
        waits = lt__unsaved_next(file, &e);
    }
    lt__unsaved_close(file);
    lt_text_deinit(&path);
    return waits;
}

static int count_waiting(const lt_store *s, const lt__ids *runs)
{
    int n = 0;

    for (int i = 0; i < runs->n; i++)
        n += run_waits(s, runs->items[i]);
    return n;
}

static lt_status runs_fold(lt_store *s, const lt__ids *runs, lt__folding *all,
                           lt_err *err)
{
    lt__sign sign = LT__SIGN_ALIVE;
    lt_host here;

    lt_host_describe(&here);
    for (int i = 0; i < runs->n; i++) {
        LT_TRY(run_judge(s, runs->items[i], &here, &sign, err));
        if (sign != LT__SIGN_ALIVE)
            LT_TRY(lt__fold_run(s, runs->items[i], all, err));
    }
    return LT_OK;
}

static lt_status store_fold(const char *path, const lt__ids *runs,
                            lt__folding *all, lt_err *err)
{
    lt_store *s = NULL;
    lt_status rc;

    LT_TRY(lt_store_open(path, LT_STORE_WRITE, &s, err));
    s->busy_limit = WAIT_SECONDS;
    rc = lt__db_begin(s, err);
    if (rc == LT_OK)
        rc = lt__db_end(s, runs_fold(s, runs, all, err), err);
    if (rc == LT_OK)
        lt__fold_clear(s, all);
    lt_mem_free(all->done.items);
    lt_store_close(s);
    return rc;
}

static void where_fill(const lt_store *s, lt_folded *out)
{
    lt_text folder = {0};

    lt__unsaved_folder(s, &folder);
    sqlite3_snprintf((int)sizeof out->where, out->where, "%s",
                     lt_text_str(&folder));
    lt_text_deinit(&folder);
}

lt_status lt_store_fold(const char *path, lt_folded *out, lt_err *err)
{
    lt_store *closed = NULL;
    lt__folding all = {0};
    lt__ids runs = {0};
    lt_status rc;

    *out = (lt_folded){0};
    LT_TRY(lt__store_new(path, LT_STORE_WRITE, &closed, err));
    rc = lt__unsaved_find(closed, &runs, err);
    if (rc == LT_OK && runs.n > 0) {
        lt_err own = {0};

        rc = store_fold(path, &runs, &all, &own);
        if (rc == LT_OK)
            *out = all.sum;
        else if (rc != LT_ENOTFOUND && rc != LT_ENOMEM)
            *out = (lt_folded){.n_waiting = count_waiting(closed, &runs),
                               .why = own};
        rc = lt_err_mark(err, rc == LT_ENOMEM ? rc : LT_OK);
    }
    if (out->n_waiting > 0)
        where_fill(closed, out);
    lt_store_close(closed);
    lt_mem_free(runs.items);
    return rc;
}
