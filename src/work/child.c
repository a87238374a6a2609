/* Worker processes: how they are started, listened to and buried.
 *
 * A worker is this program's own file, started by posix_spawn in its own
 * process group, so that the terminal's Ctrl-C reaches the supervisor only.
 * It has no input; its stdout and stderr are one pipe, its messages another on
 * descriptor 3. It asks the kernel to be killed when the supervisor dies. */
#include "work/work_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGES_FD = 3, LINE_MAX_SIZE = 4096 };

extern char **environ;

typedef struct pipes {
    int read[2], write[2]; /* 0: messages, 1: output */
} pipes;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static lt_status pipes_open(pipes *p, lt_err *err)
{
    for (int i = 0; i < 2; i++)
        p->read[i] = p->write[i] = -1;
    for (int i = 0; i < 2; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0)
            return lt_err_set(err, LT_EIO, "pipe to a worker: %s",
                              strerror(errno));
        p->read[i] = ends[0];
        p->write[i] = ends[1];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    return LT_OK;
}

/* Output first: were its pipe descriptor 3, messages would overwrite it. */
static int plan_files(posix_spawn_file_actions_t *files, const pipes *p)
{
    const int to[][2] = {
        {p->write[1], 1}, {p->write[1], 2}, {p->write[0], MESSAGES_FD}};
    int rc =
        posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);

    for (int i = 0; rc == 0 && i < 3; i++)
        rc = posix_spawn_file_actions_adddup2(files, to[i][0], to[i][1]);
    return rc;
}

static void plan_signals(posix_spawnattr_t *attr)
{
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGHUP);
    sigaddset(&defaults, SIGTSTP);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &defaults);
    posix_spawnattr_setpgroup(attr, 0);
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETPGROUP);
}

static int spawn(const lt_supervise_opts *opts, const char *db, const pipes *p,
                 pid_t *pid)
{
    char sweep[24], threads[16], parent[16], fd[16];
    char *argv[12 + LT_WORKER_ARGS + 1] = {
        (char *)"latent",        (char *)"worker",
        (char *)"--db",          (char *)db,
        (char *)"--sweep",       sweep,
        (char *)"--threads",     threads,
        (char *)"--progress-fd", fd,
        (char *)"--parent",      parent};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc;

    LT_ASSERT(opts->n_args <= LT_WORKER_ARGS);
    for (int i = 0; i < opts->n_args; i++)
        argv[12 + i] = (char *)(uintptr_t)opts->args[i];
    snprintf(sweep, sizeof sweep, "%lld", (long long)opts->sweep);
    snprintf(threads, sizeof threads, "%d", opts->threads);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(fd, sizeof fd, "%d", MESSAGES_FD);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    rc = plan_files(&files, p);
    plan_signals(&attr);
    if (rc == 0)
        rc = posix_spawn(pid, opts->program, &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

lt_status lt__child_start(lt__child *c, const lt_supervise_opts *opts,
                          const char *db, lt_err *err)
{
    pipes p;
    lt_status rc = pipes_open(&p, err);
    int failed;

    *c = (lt__child){.messages = -1, .output = -1};
    if (rc == LT_OK && (failed = spawn(opts, db, &p, &c->pid)) != 0) {
        rc = lt_err_set(err, LT_EIO, "cannot start a worker: %s: %s",
                        opts->program, strerror(failed));
        c->pid = 0;
    }
    close_fd(&p.write[0]);
    close_fd(&p.write[1]);
    if (rc == LT_OK) {
        c->messages = p.read[0];
        c->output = p.read[1];
        return LT_OK;
    }
    close_fd(&p.read[0]);
    close_fd(&p.read[1]);
    return rc;
}

int lt__child_receive(lt__child *c, lt__msg *m)
{
    for (;;) {
        ssize_t n = read(c->messages, (char *)&c->partial + c->partial_size,
                         sizeof c->partial - c->partial_size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0)
            return -1;
        c->partial_size += (size_t)n;
        if (c->partial_size < sizeof c->partial)
            continue;
        c->partial_size = 0;
        *m = c->partial;
        m->phase[sizeof m->phase - 1] = '\0';
        m->text[sizeof m->text - 1] = '\0';
        return 1;
    }
}

static void take_line(lt__child *c, size_t size, size_t skip, lt_text *line)
{
    lt_text rest = {0};

    lt_text_add_n(line, c->line.data, size);
    lt_text_add_n(&rest, c->line.data + size + skip,
                  c->line.size - size - skip);
    lt_text_deinit(&c->line);
    c->line = rest;
    if (size > 0)
        snprintf(c->last, sizeof c->last, "%s", lt_text_str(line));
}

bool lt__child_line(lt__child *c, bool ended, lt_text *line)
{
    for (;;) {
        const char *end =
            c->line.size ? memchr(c->line.data, '\n', c->line.size) : NULL;
        char bytes[1024];
        ssize_t n;

        lt_text_clear(line);
        if (end) {
            take_line(c, (size_t)(end - c->line.data), 1, line);
            return true;
        }
        n = c->line.size > LINE_MAX_SIZE ? 0
                                         : read(c->output, bytes, sizeof bytes);
        if (n > 0) {
            lt_text_add_n(&c->line, bytes, (size_t)n);
            continue;
        }
        if (c->line.size > LINE_MAX_SIZE || (ended && c->line.size > 0)) {
            take_line(c, c->line.size, 0, line);
            return true;
        }
        return false;
    }
}

int lt__child_end(lt__child *c)
{
    int status = 0;

    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
    }
    close_fd(&c->messages);
    close_fd(&c->output);
    lt_text_deinit(&c->line);
    c->pid = 0;
    return status;
}

void lt__child_describe(int wait_status, char *out, size_t size)
{
    if (WIFSIGNALED(wait_status)) {
        int number = WTERMSIG(wait_status);
        const char *name = sigabbrev_np(number);

        snprintf(out, size, "killed by signal %d (SIG%s)", number,
                 name ? name : "?");
    } else {
        snprintf(out, size, "the worker ended with exit status %d",
                 WEXITSTATUS(wait_status));
    }
}
