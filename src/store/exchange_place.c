/* Folders of runs to come.
 *
 * A run's files must lie in their place before its row says so, and so the id
 * must be known before there is a row. It is drawn from the table's own counter
 * in a transaction of its own: nobody gets that id again, whatever happens. The
 * folder is locked as that of a run is that is being executed, and holds a file
 * "incoming". A folder with that file, no row and a free lock is what an
 * exchange left that was killed; the next one removes it. */
#include "store/exchange_int.h"

#include "latent/base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "/incoming"
#define LOCK "/lock"

enum { TRIES = 100 };

static lt_status place_fail(const char *path, lt_err *err)
{
    return lt_err_set(err, LT_EIO, "%s: %s", path, strerror(errno));
}

/* ---- an id ---- */

static lt_status id_draw(lt_store *s, int64_t *id, lt_err *err)
{
    LT_TRY(lt__db_integer(s, id, err,
                          "SELECT 1 + max(coalesce((SELECT max(seq) FROM"
                          " sqlite_sequence WHERE name = 'run'), 0),"
                          " coalesce((SELECT max(id) FROM run), 0))",
                          ""));
    LT_TRY(lt__db_do(s, err, "DELETE FROM sqlite_sequence WHERE name = 'run'",
                     ""));
    return lt__db_do(s, err,
                     "INSERT INTO sqlite_sequence (name, seq)"
                     " VALUES ('run', ?)",
                     "i", *id);
}

static lt_status id_reserve(lt_store *s, int64_t *id, lt_err *err)
{
    LT_TRY(lt__db_begin(s, err));
    return lt__db_end(s, id_draw(s, id, err), err);
}

/* ---- a folder ---- */

static void folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd); /* some file systems cannot; nothing to be done */
        close(fd);
    }
}

/* "results/runs" of "results/runs/12". */
static lt_status parent_make(const char *dir, lt_err *err)
{
    lt_text parent = {0};
    lt_status rc;

    lt_text_add_n(&parent, dir, (size_t)(lt_path_name(dir) - dir) - 1);
    rc = parent.failed ? LT_ENOMEM : lt_path_make_dirs(parent.data, err);
    lt_text_deinit(&parent);
    return lt_err_mark(err, rc);
}

/* A folder may be there that an earlier store of this name has left. */
static lt_status folder_make(lt__take *t, lt_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        LT_TRY(id_reserve(t->to, &t->here, err));
        lt_store_run_dir(t->to, t->here, &t->dir);
        if (t->dir.failed)
            return lt_err_mark(err, LT_ENOMEM);
        LT_TRY(parent_make(t->dir.data, err));
        if (mkdir(t->dir.data, 0777) == 0)
            return LT_OK;
        if (errno != EEXIST)
            break;
    }
    return place_fail(t->dir.data, err);
}

static lt_status folder_lock(lt__take *t, lt_err *err)
{
    lt_text path = {0};
    lt_status rc = LT_ENOMEM;

    lt_text_addf(&path, "%s" LOCK, t->dir.data);
    if (!path.failed)
        rc = lt__lock_take(path.data, &t->lock, err);
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

static lt_status folder_mark(lt__take *t, lt_err *err)
{
    lt_text path = {0};
    lt_status rc = LT_OK;
    int fd = -1;

    lt_text_addf(&path, "%s" MARK, t->dir.data);
    if (!path.failed)
        fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (path.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else if (fd < 0)
        rc = place_fail(path.data, err);
    if (fd >= 0)
        close(fd);
    lt_text_deinit(&path);
    return rc;
}

static lt_status place_make_new(lt__take *t, lt_err *err)
{
    lt_status rc;

    LT_TRY(folder_make(t, err));
    rc = folder_lock(t, err);
    if (rc == LT_OK)
        rc = folder_mark(t, err);
    if (rc != LT_OK)
        lt__place_end(t, false);
    return rc;
}

lt_status lt__place_make(lt__take *t, lt_err *err)
{
    if (t->status_here < 0)
        return place_make_new(t, err);
    lt_store_run_dir(t->to, t->here, &t->dir);
    if (t->dir.failed)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(lt_path_make_dirs(t->dir.data, err));
    return folder_lock(t, err);
}

/* What cannot be removed stays, and does no harm. */
static void remove_below(const char *dir, const char *name)
{
    lt_text path = {0};

    lt_text_addf(&path, "%s%s", dir, name);
    if (!path.failed)
        (void)lt_path_remove(path.data, NULL);
    lt_text_deinit(&path);
}

void lt__place_end(lt__take *t, bool is_taken)
{
    if (t->dir.size == 0)
        return;
    if (!is_taken && t->status_here < 0)
        (void)lt_path_remove(t->dir.data, NULL);
    if (is_taken)
        remove_below(t->dir.data, MARK);
    if (is_taken && t->status_here >= 0 && t->status == LT_RUN_FINISHED) {
        remove_below(t->dir.data, "/checkpoint");
        remove_below(t->dir.data, "/stages");
    }
    if (is_taken)
        folder_sync(t->dir.data);
    if (t->lock >= 0)
        close(t->lock);
    t->lock = -1;
    lt_text_clear(&t->dir);
}

/* ---- what was left behind ---- */

bool lt__place_is_live(const char *dir)
{
    lt_text path = {0};
    bool is_live;

    lt_text_addf(&path, "%s" LOCK, dir);
    is_live = path.failed || !lt__lock_is_free(path.data);
    lt_text_deinit(&path);
    return is_live;
}

static bool is_marked(const char *dir)
{
    lt_text path = {0};
    bool is_there;

    lt_text_addf(&path, "%s" MARK, dir);
    is_there = !path.failed && lt_path_exists(path.data);
    lt_text_deinit(&path);
    return is_there;
}

/* The row is looked for last: the exchange may have ended well meanwhile. */
static lt_status clean_one(lt_store *s, int64_t run, lt_err *err)
{
    lt_text dir = {0};
    int64_t known = 0;
    lt_status rc = LT_OK;

    lt_store_run_dir(s, run, &dir);
    if (dir.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK && is_marked(dir.data) && !lt__place_is_live(dir.data)) {
        rc = lt__db_integer(s, &known, err, "SELECT 1 FROM run WHERE id = ?",
                            "i", run);
        if (rc == LT_OK && known)
            remove_below(dir.data, MARK);
        else if (rc == LT_OK)
            (void)lt_path_remove(dir.data, NULL);
    }
    lt_text_deinit(&dir);
    return rc;
}

lt_status lt__place_clean(lt_store *s, lt_err *err)
{
    lt_text parent = {0};
    struct dirent *entry;
    lt_status rc = LT_OK;
    DIR *dir = NULL;

    lt_store_run_dir(s, 0, &parent); /* ".../0" */
    if (parent.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK) {
        parent.data[parent.size - 2] = '\0';
        dir = opendir(parent.data);
    }
    while (rc == LT_OK && dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;

        if (strspn(name, "0123456789") == strlen(name) && strlen(name) < 19)
            rc = clean_one(s, strtoll(name, NULL, 10), err);
    }
    if (dir)
        closedir(dir);
    lt_text_deinit(&parent);
    return rc;
}
