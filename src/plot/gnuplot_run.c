/* gnuplot as a child process.
 *
 * No shell: the program is looked for in $PATH (absolute folders only), and
 * started by posix_spawn as "gnuplot -d -" (without the user's start-up file,
 * script on standard input) with an environment of our own and signals as
 * they come at birth. Script, complaints and picture go through files that
 * have no name or that the caller opened, so nothing can block on a full pipe.
 * A child that takes too long, or writes without end, is killed with all it
 * started. gnuplot goes on after an error in a script that it reads, but its
 * exit status remembers. */
#include "figure_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "latent/base/clock.h"

#define OUTPUT_MOST (256 << 20) /* bytes, of a picture or of complaints */

/* "folder/gnuplot" for the first folder of `path` that has one. */
static bool gnuplot_find(const char *path, lt_text *out)
{
    struct stat st;

    while (path && *path) {
        size_t n = strcspn(path, ":");

        if (n && path[0] == '/') {
            lt_text_clear(out);
            lt_text_add_n(out, path, n);
            lt_text_add(out, "/gnuplot");
            if (stat(lt_text_str(out), &st) == 0 && S_ISREG(st.st_mode) &&
                access(lt_text_str(out), X_OK) == 0)
                return true;
        }
        path += n + (path[n] == ':');
    }
    return false;
}

/* A file without a name that holds `text`, read from its start; or -1. */
static int scratch_open(const char *text, size_t size)
{
    int fd = memfd_create("latent-gnuplot", MFD_CLOEXEC);

    while (fd >= 0 && size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static int gnuplot_spawn(const char *program, const int fds[3], pid_t *pid)
{
    char *argv[] = {(char *)(uintptr_t) "gnuplot", (char *)(uintptr_t) "-d",
                    (char *)(uintptr_t) "-", NULL};
    char *envp[] = {(char *)(uintptr_t) "LC_ALL=C",
                    (char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin",
                    NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc = 0;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    if (rc == 0)
        rc = posix_spawn(pid, program, &actions, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static void gnuplot_kill(pid_t pid)
{
    int status;

    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

static bool is_too_large(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size > OUTPUT_MOST;
}

/* Waits for the child; EIO when it had to be killed. */
static lt_status gnuplot_wait(pid_t pid, const int fds[3], double timeout,
                              int *status, lt_err *err)
{
    double end = lt_clock_elapsed() + timeout;
    struct timespec pause = {0, 1000000};

    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);

        if (got == pid || (got < 0 && errno != EINTR))
            return LT_OK;
        if (is_too_large(fds[1]) || is_too_large(fds[2])) {
            gnuplot_kill(pid);
            return lt_err_set(err, LT_EIO,
                              "gnuplot wrote more than %d MB and was stopped",
                              OUTPUT_MOST >> 20);
        }
        if (lt_clock_elapsed() > end)
            break;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 8000000)
            pause.tv_nsec *= 2;
    }
    gnuplot_kill(pid);
    return lt_err_set(err, LT_EIO,
                      "gnuplot took longer than %g seconds and was stopped",
                      timeout);
}

/* What gnuplot said, on one line, without what it always says. */
static void complaint_read(int fd, char *out, size_t room)
{
    ssize_t n = pread(fd, out, room - 1, 0);
    size_t end = n > 0 ? (size_t)n : 0;

    for (size_t i = 0; i < end; i++)
        if ((unsigned char)out[i] < ' ')
            out[i] = ' ';
    while (end && out[end - 1] == ' ')
        end--;
    out[end] = '\0';
    if (!end)
        snprintf(out, room, "(it said nothing)");
}

static lt_status gnuplot_judge(int status, int out_fd, int err_fd, lt_err *err)
{
    char said[400];
    struct stat st;

    complaint_read(err_fd, said, sizeof said);
    if (WIFSIGNALED(status))
        return lt_err_set(err, LT_EIO, "gnuplot was ended by signal %d: %s",
                          WTERMSIG(status), said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return lt_err_set(err, LT_EIO, "gnuplot ended with status %d: %s",
                          WIFEXITED(status) ? WEXITSTATUS(status) : -1, said);
    if (fstat(out_fd, &st) != 0 || st.st_size == 0)
        return lt_err_set(err, LT_EIO, "gnuplot wrote no picture: %s", said);
    return LT_OK;
}

lt_status lt__gnuplot_run(const char *script, size_t size, int out_fd,
                          const lt__gnuplot_opts *opts, lt_err *err)
{
    const char *path = opts->path ? opts->path : getenv("PATH");
    lt_text program = {0};
    int fds[3] = {-1, out_fd, -1}, failed, status = 0;
    lt_status rc;
    pid_t pid;

    if (!gnuplot_find(path, &program)) {
        rc = lt_err_set(err, LT_ENOTFOUND,
                        "gnuplot: not found in PATH, and figures are drawn by "
                        "it; install the package gnuplot-nox (or gnuplot)");
        goto done;
    }
    fds[0] = scratch_open(script, size);
    fds[2] = scratch_open("", 0);
    if (fds[0] < 0 || fds[2] < 0) {
        rc = lt_err_set(err, LT_EIO, "gnuplot: no scratch file: %s",
                        strerror(errno));
        goto done;
    }
    failed = gnuplot_spawn(lt_text_str(&program), fds, &pid);
    if (failed)
        rc = lt_err_set(err, LT_EIO, "%s: cannot be started: %s",
                        lt_text_str(&program), strerror(failed));
    else if ((rc = gnuplot_wait(pid, fds, opts->timeout, &status, err)) ==
             LT_OK)
        rc = gnuplot_judge(status, out_fd, fds[2], err);
done:
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[2] >= 0)
        close(fds[2]);
    lt_text_deinit(&program);
    return rc;
}
