/* Child processes by posix_spawn; see latent/base/spawn.h.
 *
 * The child's output is read here until it ends, so a child never waits for
 * a reader, and one that never ends is killed at the deadline. Descriptors of
 * this process are all close-on-exec and do not leak into it. */
#include "latent/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "latent/base/clock.h"

extern char **environ;

/* Starts the child with `fd` as its standard output; 0 or an errno. */
static int child_start(const char *const *argv, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    rc =
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, fd, 1);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null",
                                              O_WRONLY, 0);
    if (rc ==
        0) /* the cast: posix_spawn's argv is not const, but not written */
        rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv,
                          environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Reads to the end, the limit or the deadline. */
static lt_status child_read(int fd, size_t limit, double seconds, lt_text *out,
                            lt_err *err)
{
    double end = lt_clock_elapsed() + seconds;
    size_t start = out->size;
    char buffer[16384];

    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        double left = end - lt_clock_elapsed();
        ssize_t n;

        if (left <= 0)
            return lt_err_set(err, LT_EIO, "no end after %g seconds", seconds);
        if (poll(&p, 1, (int)(left * 1000) + 1) <= 0)
            continue;
        n = read(fd, buffer, sizeof buffer);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return LT_OK;
        if (out->size - start + (size_t)n > limit)
            return lt_err_set(err, LT_EIO, "more than %zu bytes of output",
                              limit);
        lt_text_add_n(out, buffer, (size_t)n);
    }
}

/* A child may close its output long before it ends. */
static lt_status child_wait(pid_t pid, double began, double seconds,
                            int *status, lt_err *err)
{
    const struct timespec nap = {0, 200000};

    while (waitpid(pid, status, WNOHANG) == 0) {
        if (lt_clock_elapsed() - began > seconds)
            return lt_err_set(err, LT_EIO, "no end after %g seconds", seconds);
        nanosleep(&nap, NULL);
    }
    return LT_OK;
}

static void child_kill(pid_t pid, int *status)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

lt_status lt_spawn_capture(const char *const *argv, size_t limit,
                           double seconds, lt_text *out, int *code, lt_err *err)
{
    double began = lt_clock_elapsed();
    int fd[2], rc, ended = 0;
    lt_status status;
    pid_t pid;

    if (pipe2(fd, O_CLOEXEC) != 0)
        return lt_err_set(err, LT_EIO, "%s: cannot make a pipe: %s", argv[0],
                          strerror(errno));
    rc = child_start(argv, fd[1], &pid);
    close(fd[1]);
    if (rc != 0) {
        close(fd[0]);
        return lt_err_set(err, rc == ENOENT ? LT_ENOTFOUND : LT_EIO,
                          "%s: cannot run: %s", argv[0], strerror(rc));
    }
    status = child_read(fd[0], limit, seconds, out, err);
    close(fd[0]);
    if (status == LT_OK)
        status = child_wait(pid, began, seconds, &ended, err);
    if (status != LT_OK) {
        child_kill(pid, &ended);
        lt_err_prefix(err, "%s", argv[0]);
    }
    *code = exit_code(ended);
    if (status == LT_OK && out->failed)
        status = lt_err_mark(err, LT_ENOMEM);
    return status;
}
