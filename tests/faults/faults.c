/* Write calls that fail, for tests: a library for LD_PRELOAD.
 *
 * It counts the calls that change files below $LATENT_FAULT_ROOT, those of all
 * processes together (the count is in the file $LATENT_FAULT_COUNT, mapped by
 * each), and lets number $LATENT_FAULT_AT fail, or with $LATENT_FAULT_ON=1 that
 * and all that follow, with $LATENT_FAULT_ERRNO (a number: 5 is EIO, 28
 * ENOSPC). Writes that fail have written half of their bytes. Removing, closing
 * and opening what is there never fail; nor, with $LATENT_FAULT_SPARES=TEXT,
 * what is done to an open file that has TEXT in its path: it has blocks.
 *
 * Calls that the C library makes inside of itself (stdio's) are not seen; the
 * program writes its files with the calls here. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic int64_t *count; /* NULL: not used, all calls pass */
static char root[PATH_MAX];
static int64_t fails_at;
static bool fails_on;
static const char *spares;
static int error_number;

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("LATENT_FAULT_ROOT");
    const char *path = getenv("LATENT_FAULT_COUNT");
    const char *at = getenv("LATENT_FAULT_AT");
    const char *number = getenv("LATENT_FAULT_ERRNO");
    void *map;
    int fd;

    if (!folder || !path || !realpath(folder, root))
        return;
    fails_at = at ? atoll(at) : 0;
    fails_on = getenv("LATENT_FAULT_ON") != NULL;
    spares = getenv("LATENT_FAULT_SPARES");
    error_number = number ? atoi(number) : EIO;
    fd = NEXT(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || NEXT(ftruncate)(fd, sizeof *count) != 0)
        abort();
    map = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        abort();
    close(fd);
    count = map;
}

static bool is_below(const char *path)
{
    size_t n = strlen(root);

    return strncmp(path, root, n) == 0 && (path[n] == '/' || !path[n]);
}

static bool is_there_below(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return is_below(path) && !(spares && strstr(path, spares));
}

/* A path that may not be there yet; the program's own start in its folder. */
static bool is_named_below(const char *path)
{
    char folder[PATH_MAX];

    if (path[0] == '/')
        return is_below(path);
    return getcwd(folder, sizeof folder) && is_below(folder);
}

static bool fails(bool is_ours)
{
    int64_t n;

    if (!count || !is_ours)
        return false;
    n = ++*count;
    if (fails_at == 0 || (fails_on ? n < fails_at : n != fails_at))
        return false;
    errno = error_number;
    return true;
}

/* ---- by descriptor ---- */

#define BY_DESCRIPTOR(result, name, parameters, arguments)                     \
    result name parameters                                                     \
    {                                                                          \
        return count && fails(is_there_below(fd)) ? -1 : NEXT(name) arguments; \
    }

BY_DESCRIPTOR(int, ftruncate, (int fd, off_t n), (fd, n))
BY_DESCRIPTOR(int, ftruncate64, (int fd, off64_t n), (fd, n))
BY_DESCRIPTOR(int, fallocate, (int fd, int mode, off_t at, off_t n),
              (fd, mode, at, n))
BY_DESCRIPTOR(int, fallocate64, (int fd, int mode, off64_t at, off64_t n),
              (fd, mode, at, n))
BY_DESCRIPTOR(int, fsync, (int fd), (fd))
BY_DESCRIPTOR(int, fdatasync, (int fd), (fd))
BY_DESCRIPTOR(ssize_t, writev, (int fd, const struct iovec *v, int n),
              (fd, v, n))

int posix_fallocate(int fd, off_t at, off_t n)
{
    return fails(is_there_below(fd)) ? error_number
                                     : NEXT(posix_fallocate)(fd, at, n);
}

int posix_fallocate64(int fd, off64_t at, off64_t n)
{
    return fails(is_there_below(fd)) ? error_number
                                     : NEXT(posix_fallocate64)(fd, at, n);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    if (!count || !fails(is_there_below(fd)))
        return NEXT(write)(fd, bytes, n);
    (void)!NEXT(write)(fd, bytes, n / 2);
    errno = error_number;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    if (!count || !fails(is_there_below(fd)))
        return NEXT(pwrite)(fd, bytes, n, at);
    (void)!NEXT(pwrite)(fd, bytes, n / 2, at);
    errno = error_number;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    if (!count || !fails(is_there_below(fd)))
        return NEXT(pwrite64)(fd, bytes, n, at);
    (void)!NEXT(pwrite64)(fd, bytes, n / 2, at);
    errno = error_number;
    return -1;
}

/* ---- by name ---- */

int rename(const char *from, const char *to)
{
    return fails(is_named_below(to)) ? -1 : NEXT(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(is_named_below(path)) ? -1 : NEXT(mkdir)(path, mode);
}

static bool opening_fails(const char *path, int flags)
{
    return (flags & O_CREAT) && access(path, F_OK) != 0 &&
           fails(is_named_below(path));
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define OPENING(name, parameters, arguments)                                   \
    int name parameters                                                        \
    {                                                                          \
        mode_t mode;                                                           \
        va_list args;                                                          \
                                                                               \
        va_start(args, flags);                                                 \
        mode = mode_of(flags, args);                                           \
        va_end(args);                                                          \
        return opening_fails(path, flags) ? -1 : NEXT(name) arguments;         \
    }

OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...),
        (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...),
        (at, path, flags, mode))
