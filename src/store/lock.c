/* The lock that says whether a run's process lives: an "open file
 * description" lock (fcntl F_OFD_SETLK) on <run dir>/lock.
 *
 * The kernel drops it when the last descriptor of that open file closes, so
 * it cannot outlive the process, survives no reboot, and knows no reused
 * process number. It belongs to the open file, not to the process: two opens
 * in one process exclude each other, and closing another descriptor of the
 * same file does not drop it (POSIX locks have both faults). The descriptor
 * closes on exec, so a child program does not keep a dead run alive.
 *
 * Some shared file systems show no host the locks of another; for these the
 * file's time is a sign of life.
 *
 * A run's folder may be a stranger's: a link in the place of the lock is not
 * followed, and a pipe not waited for. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

lt_status lt__lock_take(const char *path, int *fd, lt_err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDWR | O_CREAT | FLAGS, 0666);

    if (file < 0)
        return lt_err_set(err, LT_EIO, "%s: %s", path, strerror(errno));
    if (fcntl(file, F_OFD_SETLK, &lock) == 0) {
        (void)!ftruncate(file, 0); /* alive.c's doubts of an earlier claim */
        lt__lock_touch(file);
        *fd = file;
        return LT_OK;
    }
    if (errno == EAGAIN || errno == EACCES)
        lt_err_set(err, LT_EBUSY,
                   "%s: locked by another process; was the store made anew "
                   "while a run goes on?",
                   path);
    else
        lt_err_set(err, LT_EIO, "%s: cannot lock: %s", path, strerror(errno));
    close(file);
    return err ? err->status : LT_EBUSY;
}

bool lt__lock_is_free(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDWR | FLAGS);
    bool is_free;

    if (file < 0)
        return errno == ENOENT;
    is_free = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    close(file);
    return is_free;
}

void lt__lock_touch(int fd)
{
    (void)!futimens(fd, NULL);
}
