/* Files in the making; see part.h.
 *
 * The lock (flock) goes with the open file, so that a process that dies leaves
 * none behind. Between opening and locking another process may have finished
 * the file and given it its name: then what was locked is no longer what the
 * name says, and all begins again. */
#include "base/part.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latent/base/digest.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

static lt_status part_fail(const lt__part *p, const char *verb, lt_err *err)
{
    return lt_err_set(err, LT_EIO, "%s: cannot %s: %s", lt_text_str(&p->name),
                      verb, strerror(errno));
}

static lt_status folder_make(const char *path, lt_err *err)
{
    size_t n = (size_t)(lt_path_name(path) - path);
    char *folder;
    lt_status rc;

    if (n < 2) /* here, or the root */
        return LT_OK;
    folder = lt_mem_strndup(path, n - 1);
    rc = folder ? lt_path_make_dirs(folder, err) : LT_ENOMEM;
    lt_mem_free(folder);
    return lt_err_mark(err, rc);
}

/* Whether the name still means the file that is open. */
static bool is_named(const lt__part *p)
{
    struct stat own, named;

    return fstat(p->fd, &own) == 0 && stat(p->name.data, &named) == 0 &&
           own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

static lt_status part_lock(lt__part *p, lt_err *err)
{
    do {
        if (p->fd >= 0)
            close(p->fd);
        p->fd =
            open(p->name.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (p->fd < 0)
            return part_fail(p, "open", err);
        if (flock(p->fd, LOCK_EX | LOCK_NB) == 0)
            continue;
        if (errno != EWOULDBLOCK)
            return part_fail(p, "lock", err);
        return lt_err_set(err, LT_EBUSY,
                          "%s: another process is writing it; wait for that, "
                          "or end it",
                          p->name.data);
    } while (!is_named(p));
    return LT_OK;
}

lt_status lt__part_open(lt__part *p, const char *path, lt_err *err)
{
    struct stat st;
    lt_status rc;

    lt_text_add(&p->path, path);
    lt_text_addf(&p->name, "%s.part", path);
    rc = p->path.failed || p->name.failed ? LT_ENOMEM : folder_make(path, err);
    if (rc == LT_OK)
        rc = part_lock(p, err);
    if (rc == LT_OK && fstat(p->fd, &st) != 0)
        rc = part_fail(p, "look at", err);
    if (rc == LT_OK) {
        p->size = (int64_t)st.st_size;
        return LT_OK;
    }
    lt__part_close(p, true);
    return lt_err_mark(err, rc);
}

lt_status lt__part_clear(lt__part *p, lt_err *err)
{
    if (ftruncate(p->fd, 0) != 0)
        return part_fail(p, "empty", err);
    p->size = 0;
    return LT_OK;
}

lt_status lt__part_add(lt__part *p, const void *bytes, size_t n, lt_err *err)
{
    const char *from = bytes;

    while (n > 0) {
        ssize_t put = pwrite(p->fd, from, n, (off_t)p->size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return part_fail(p, "write", err);
        from += put;
        n -= (size_t)put;
        p->size += put;
    }
    return LT_OK;
}

lt_status lt__part_check(const lt__part *p, const char *wanted, lt_err *err)
{
    char found[LT_DIGEST_HEX];

    LT_TRY(lt_digest_file(p->name.data, found, err));
    if (strcmp(found, wanted) == 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "found %lld bytes of SHA-256 %s, wanted %s",
                      (long long)p->size, found, wanted);
}

lt_status lt__part_publish(lt__part *p, lt_err *err)
{
    if (fsync(p->fd) != 0)
        return part_fail(p, "write", err);
    return lt_path_replace(p->name.data, p->path.data, err);
}

void lt__part_close(lt__part *p, bool keeps)
{
    if (p->fd >= 0 && !keeps && is_named(p))
        (void)unlink(p->name.data);
    if (p->fd >= 0)
        close(p->fd);
    lt_text_deinit(&p->name);
    lt_text_deinit(&p->path);
    *p = (lt__part)LT__PART_NONE;
}
