/* Trees of files; see latent/base/tree.h.
 *
 * Everything goes by descriptors of open folders (openat, fstatat, unlinkat),
 * each opened with O_NOFOLLOW: a folder that another process exchanges for a
 * link between two looks leads nowhere. A name is unlinked before it is looked
 * at, for the same reason: only what the kernel calls a folder is opened.
 *
 * A level takes one descriptor, so the depth is bounded. */
#include "latent/base/tree.h"

#include "latent/base/mem.h"
#include "latent/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64
#define AS_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static lt_status tree_fail(const char *base, const char *path, const char *verb,
                           lt_err *err)
{
    if (errno == ELOOP || errno == ENOTDIR)
        return lt_err_set(err, LT_EINVAL,
                          "%s/%s: a link or no folder on the way, not followed",
                          base, path);
    return lt_err_set(err, errno == ENOENT ? LT_ENOTFOUND : LT_EIO,
                      "%s/%s: cannot %s: %s", base, path, verb,
                      strerror(errno));
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens the folder that holds the last name of `path`; *name gets that. -1 with
 * errno. The name is in the caller's `room`. */
static int open_parent(const char *base, const char *path, char room[4096],
                       const char **name)
{
    int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *rest = room, *slash;

    if (snprintf(room, 4096, "%s", path) >= 4096) {
        errno = ENAMETOOLONG;
        goto fail;
    }
    while (fd >= 0 && (slash = strchr(rest, '/'))) {
        int inner;

        *slash = '\0';
        if (!*rest || is_dots(rest))
            goto refuse;
        inner = openat(fd, rest, AS_FOLDER);
        close(fd);
        fd = inner;
        rest = slash + 1;
    }
    if (fd < 0)
        return -1;
    if (!*rest || is_dots(rest))
        goto refuse;
    *name = rest;
    return fd;
refuse:
    errno = ENOTDIR;
fail:
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- walking ---- */

typedef struct walk {
    lt_tree_visit *visit;
    void *self;
    lt_text path;
    dev_t device;
    lt_err *err;
} walk;

static lt_tree_kind kind_of(const walk *w, const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return LT_TREE_FILE;
    if (S_ISLNK(st->st_mode))
        return LT_TREE_LINK;
    return S_ISDIR(st->st_mode) && st->st_dev == w->device ? LT_TREE_FOLDER
                                                           : LT_TREE_OTHER;
}

static lt_status walk_folder(walk *w, int fd, int depth);

static lt_status walk_entry(walk *w, int fd, const char *name, int depth)
{
    lt_tree_entry e;
    struct stat st;
    int inner;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return LT_OK; /* gone */
    lt_text_addf(&w->path, "%s%s", w->path.size ? "/" : "", name);
    if (w->path.failed)
        return lt_err_mark(w->err, LT_ENOMEM);
    e = (lt_tree_entry){.path = w->path.data,
                        .kind = kind_of(w, &st),
                        .changed = (double)st.st_mtim.tv_sec +
                                   (double)st.st_mtim.tv_nsec / 1e9};
    e.bytes = e.kind == LT_TREE_FILE ? (int64_t)st.st_size : 0;
    LT_TRY(w->visit(w->self, &e, w->err));
    if (e.kind != LT_TREE_FOLDER || depth <= 1)
        return LT_OK;
    inner = openat(fd, name, AS_FOLDER);
    return inner < 0 ? LT_OK : walk_folder(w, inner, depth - 1);
}

/* Takes over `fd`. */
static lt_status walk_folder(walk *w, int fd, int depth)
{
    size_t mark = w->path.size;
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    lt_status rc = LT_OK;

    if (!dir) {
        close(fd);
        return lt_err_mark(w->err, LT_ENOMEM);
    }
    while (rc == LT_OK && (entry = readdir(dir))) {
        if (is_dots(entry->d_name))
            continue;
        rc = walk_entry(w, dirfd(dir), entry->d_name, depth);
        if (w->path.data) {
            w->path.size = mark;
            w->path.data[mark] = '\0';
        }
    }
    closedir(dir);
    return rc;
}

lt_status lt_tree_walk(const char *base, const char *path, int depth,
                       lt_tree_visit *visit, void *self, lt_err *err)
{
    walk w = {.visit = visit, .self = self, .err = err};
    char room[4096];
    const char *name = NULL;
    int parent = open_parent(base, path, room, &name);
    int fd = parent < 0 ? -1 : openat(parent, name, AS_FOLDER);
    struct stat st;
    lt_status rc;

    if (parent >= 0)
        close(parent);
    if (fd < 0)
        return tree_fail(base, path, "open", err);
    w.device = fstat(fd, &st) == 0 ? st.st_dev : 0;
    rc = walk_folder(&w, fd, depth < MAX_DEPTH ? depth : MAX_DEPTH);
    lt_text_deinit(&w.path);
    return rc;
}

/* ---- deleting ---- */

/* 0, or -1 with errno. */
static int remove_at(int fd, const char *name, dev_t device, int depth);

/* Takes over `fd`. A folder may be read while what was read is deleted. */
static int remove_all(int fd, dev_t device, int depth)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int rc = 0;

    if (!dir) {
        close(fd);
        return -1;
    }
    while (rc == 0 && (entry = readdir(dir)))
        if (!is_dots(entry->d_name))
            rc = remove_at(dirfd(dir), entry->d_name, device, depth);
    closedir(dir);
    return rc;
}

static int remove_at(int fd, const char *name, dev_t device, int depth)
{
    struct stat st;
    int inner;

    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -1;
    inner = openat(fd, name, AS_FOLDER);
    if (inner < 0)
        return errno == ENOENT ? 0 : -1;
    if (depth <= 0 || fstat(inner, &st) != 0 || st.st_dev != device) {
        close(inner);
        errno = depth <= 0 ? ENAMETOOLONG : EXDEV;
        return -1;
    }
    if (remove_all(inner, device, depth - 1) != 0)
        return -1;
    return unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

lt_status lt_tree_remove(const char *base, const char *path, lt_err *err)
{
    char room[4096];
    const char *name = NULL;
    int fd = open_parent(base, path, room, &name), rc;
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? LT_OK : tree_fail(base, path, "delete", err);
    rc = fstat(fd, &st) == 0 ? remove_at(fd, name, st.st_dev, MAX_DEPTH) : -1;
    if (rc != 0)
        tree_fail(base, path, "delete", err);
    close(fd);
    return rc == 0 ? LT_OK : err ? err->status : LT_EIO;
}

lt_status lt_tree_rename(const char *base, const char *path, const char *name,
                         lt_err *err)
{
    char room[4096];
    const char *old = NULL;
    int fd = open_parent(base, path, room, &old);
    struct stat st;
    lt_status rc = LT_OK;

    if (fd < 0)
        return tree_fail(base, path, "rename", err);
    if (fstatat(fd, old, &st, AT_SYMLINK_NOFOLLOW) != 0)
        rc = tree_fail(base, path, "rename", err);
    else if (!S_ISDIR(st.st_mode))
        rc = lt_err_set(err, LT_EINVAL,
                        "%s/%s: a link or no folder, left alone", base, path);
    else if (renameat(fd, old, fd, name) != 0)
        rc = tree_fail(base, path, "rename", err);
    close(fd);
    return rc;
}
