/* Runs as one file; see latent/store/exchange.h.
 *
 * The file is a store as any other, made beside its place under another name,
 * and gets its own when all is in it and on the disk. It keeps no log beside
 * it: it is to be sent away. */
#include "store/exchange_int.h"

#include "latent/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Also when there is no memory for anything. */
static void remove_all(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_MAX];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sqlite3_snprintf((int)sizeof name, name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

/* The log goes into the file, and goes. */
static lt_status seal(lt_store *s, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, "PRAGMA journal_mode = DELETE", ""));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && (!row || strcmp(lt__db_text(stmt, 0), "delete") != 0))
        rc = lt_err_set(err, LT_ESTORE, "%s: its log cannot be taken in",
                        s->path);
    sqlite3_finalize(stmt);
    return rc;
}

/* The store itself is not to be replaced by a part of it. */
static lt_status check_place(const lt_store *from, const lt_export_opts *opts,
                             lt_err *err)
{
    struct stat store, file;

    if (stat(opts->path, &file) != 0)
        return LT_OK;
    if (!opts->replace)
        return lt_err_set(err, LT_EINVAL, "%s: is there already", opts->path);
    if (!S_ISREG(file.st_mode) ||
        (stat(from->path, &store) == 0 && store.st_dev == file.st_dev &&
         store.st_ino == file.st_ino))
        return lt_err_set(
            err, LT_EINVAL, "%s: is %s, and not replaced", opts->path,
            S_ISREG(file.st_mode) ? "the store itself" : "no plain file");
    return LT_OK;
}

static lt_status put_in_place(const lt_store *from, const char *part,
                              const lt_export_opts *opts, lt_err *err)
{
    int fd = open(part, O_RDONLY | O_CLOEXEC);
    bool is_kept = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    if (!is_kept)
        return lt_err_set(err, LT_EIO, "%s: %s", part, strerror(errno));
    LT_TRY(check_place(from, opts, err));
    return lt_path_replace(part, opts->path, err);
}

static lt_status fill(lt_store *from, const char *part,
                      const lt_export_opts *opts, lt_take_report *out,
                      lt_err *err)
{
    lt_store *to = NULL;
    lt_status rc;

    LT_TRY(lt_store_open(part, LT_STORE_CREATE, &to, err));
    rc = lt__store_pack(from, to, &opts->take, out, err);
    if (rc == LT_OK && out->n_new == 0)
        rc = lt_err_set(err, out->n_refused > 0 ? LT_ESTORE : LT_ENOTFOUND,
                        "%s: no run to export", from->path);
    if (rc == LT_OK)
        rc = seal(to, err);
    lt_store_close(to);
    return rc;
}

lt_status lt_store_export(lt_store *from, const lt_export_opts *opts,
                          lt_take_report *out, lt_err *err)
{
    lt_text part = {0};
    lt_status rc;

    LT_TRY(check_place(from, opts, err));
    lt_text_addf(&part, "%s.%ld.part", opts->path, (long)getpid());
    if (part.failed)
        return lt_err_mark(err, LT_ENOMEM);
    remove_all(part.data);
    rc = fill(from, part.data, opts, out, err);
    if (rc == LT_OK)
        rc = put_in_place(from, part.data, opts, err);
    if (rc != LT_OK)
        remove_all(part.data);
    lt_text_deinit(&part);
    return rc;
}
