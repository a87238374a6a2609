/* Paths and files; see latent/base/path.h.
 *
 * A write goes to "PATH.PID-N.tmp" beside the target, which is made afresh
 * (O_EXCL), so that two writers never share one; the last rename wins. A
 * crash can leave such a file behind, never half of the target. */
#include "latent/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "latent/base/mem.h"

#define TRIES 1000 /* names for a temporary file before giving up */

static lt_status path_fail(const char *path, const char *verb, lt_err *err)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;

    return lt_err_set(err, is_full ? LT_ENOSPC : LT_EIO, "%s: cannot %s: %s",
                      path, verb, strerror(errno));
}

void lt_path_join(lt_text *out, const char *a, const char *b)
{
    size_t n = strlen(a);

    lt_text_clear(out);
    if (n > 0 && b[0] != '/') {
        lt_text_add(out, a);
        if (a[n - 1] != '/')
            lt_text_add(out, "/");
    }
    lt_text_add(out, b);
}

const char *lt_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool lt_path_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static lt_status path_make_one(const char *path, lt_err *err)
{
    struct stat st;

    if (mkdir(path, 0777) == 0)
        return LT_OK;
    if (errno != EEXIST)
        return path_fail(path, "create the folder", err);
    if (stat(path, &st) != 0)
        return path_fail(path, "look at", err);
    if (S_ISDIR(st.st_mode))
        return LT_OK;
    errno = ENOTDIR;
    return path_fail(path, "create the folder", err);
}

lt_status lt_path_make_dirs(const char *path, lt_err *err)
{
    char *copy = lt_mem_strdup(path);
    lt_status rc = LT_OK;

    if (!copy)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", path);
    for (char *p = copy; *p && rc == LT_OK; p++) {
        if (*p != '/' || p == copy)
            continue;
        *p = '\0';
        if (!lt_path_exists(copy)) /* a parent may be there, not writable */
            rc = path_make_one(copy, err);
        *p = '/';
    }
    if (rc == LT_OK)
        rc = path_make_one(copy, err);
    lt_mem_free(copy);
    return rc;
}

/* Reads until the end of the file or until `n` bytes are there. */
static ssize_t fd_read(int fd, char *out, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = read(fd, out + done, n - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* The size that fstat tells is a first guess only: files under /proc say 0,
 * and another process may be writing. */
static lt_status fd_read_all(int fd, const char *path, size_t limit,
                             lt_text *out, lt_err *err)
{
    char chunk[16384];

    for (;;) {
        ssize_t got = fd_read(fd, chunk, sizeof chunk);

        if (got < 0)
            return path_fail(path, "read", err);
        if ((size_t)got > limit - out->size)
            return lt_err_set(err, LT_EIO,
                              "%s: more than %zu bytes, wanted at most that",
                              path, limit);
        lt_text_add_n(out, chunk, (size_t)got);
        if (out->failed)
            return lt_err_set(err, LT_ENOMEM, "%s: out of memory", path);
        if ((size_t)got < sizeof chunk)
            return LT_OK;
    }
}

FILE *lt_path_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");

    if (!f && fd >= 0)
        close(fd);
    return f;
}

lt_status lt_path_read(const char *path, size_t limit, char **out, size_t *size,
                       lt_err *err)
{
    lt_text content = {0};
    lt_status rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return path_fail(path, "open", err);
    rc = fd_read_all(fd, path, limit, &content, err);
    close(fd);
    if (rc != LT_OK) {
        lt_text_deinit(&content);
        return rc;
    }
    *out = content.data; /* lt_text memory is lt_mem memory */
    if (size)
        *size = content.size;
    return LT_OK;
}

static int fd_write(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, data, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data += put;
        n -= (size_t)put;
    }
    return 0;
}

/* Opens a new file beside `path`; its name goes to `name`. */
static int temporary_open(const char *path, lt_text *name)
{
    for (int i = 0; i < TRIES; i++) {
        int fd;

        lt_text_clear(name);
        lt_text_addf(name, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        if (name->failed) {
            errno = ENOMEM;
            return -1;
        }
        fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Makes the name `path` durable in its folder. Some file systems refuse to sync
 * a folder; then there is nothing more to be done. */
static void folder_sync(const char *path)
{
    size_t n = (size_t)(lt_path_name(path) - path);
    char *folder = n ? lt_mem_strndup(path, n) : lt_mem_strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    lt_mem_free(folder);
}

lt_status lt_path_replace(const char *from, const char *to, lt_err *err)
{
    if (rename(from, to) != 0)
        return path_fail(to, "replace", err);
    folder_sync(to);
    return LT_OK;
}

lt_status lt_path_sync(const char *path, lt_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    lt_status rc = LT_OK;

    if (fd < 0)
        return path_fail(path, "open", err);
    /* A file that may not be written, or is none, needs no sync. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        rc = path_fail(path, "write", err);
    close(fd);
    folder_sync(path);
    return rc;
}

static int fd_write_parts(int fd, const lt_path_part *parts, int n)
{
    for (int i = 0; i < n; i++)
        if (fd_write(fd, parts[i].data, parts[i].size) != 0)
            return -1;
    return 0;
}

lt_status lt_path_write(const char *path, const void *data, size_t size,
                        lt_err *err)
{
    const lt_path_part part = {data, size};

    return lt_path_write_parts(path, &part, 1, err);
}

lt_status lt_path_write_parts(const char *path, const lt_path_part *parts,
                              int n, lt_err *err)
{
    lt_text name = {0};
    lt_status rc = LT_OK;
    int fd = temporary_open(path, &name);

    if (fd < 0) {
        rc = path_fail(path, "create", err);
        goto done;
    }
    if (fd_write_parts(fd, parts, n) != 0 || fsync(fd) != 0)
        rc = path_fail(path, "write", err);
    if (close(fd) != 0 && rc == LT_OK)
        rc = path_fail(path, "write", err);
    if (rc == LT_OK)
        rc = lt_path_replace(name.data, path, err);
    if (rc != LT_OK)
        (void)unlink(name.data);
done:
    lt_text_deinit(&name);
    return rc;
}

lt_status lt_path_space(const char *path, int64_t *free, int64_t *all,
                        lt_err *err)
{
    char *place = lt_mem_strdup(*path ? path : ".");
    struct statvfs fs;
    lt_status rc = LT_OK;

    if (!place)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", path);
    while (statvfs(place, &fs) != 0 && rc == LT_OK) {
        char *slash = strrchr(place, '/');

        if ((errno != ENOENT && errno != ENOTDIR) || strcmp(place, "/") == 0 ||
            strcmp(place, ".") == 0)
            rc = path_fail(place, "ask for free space on", err);
        else if (!slash)
            memcpy(place, ".", 2);
        else
            slash[slash == place] = '\0';
    }
    if (rc == LT_OK) {
        *free = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
        *all = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    }
    lt_mem_free(place);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

lt_status lt_path_remove(const char *path, lt_err *err)
{
    enum { OPEN_FOLDERS = 8 };

    if (nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 ||
        errno == ENOENT || errno == ENOTDIR)
        return LT_OK;
    return path_fail(path, "remove", err);
}
