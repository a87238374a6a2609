/* Messages from a worker to its supervisor.
 *
 * A message is one fixed-size record, smaller than PIPE_BUF, so that the
 * kernel writes it whole or not at all. The pipe does not block: a supervisor
 * that is stopped must not stop the training. */
#include "work/work_int.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum { WAIT_MS = 2000 };

static_assert(sizeof(lt__msg) <= PIPE_BUF, "a message is written in one piece");

void lt__msg_send(int fd, const lt__msg *m)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    if (fd < 0)
        return;
    for (;;) {
        if (write(fd, m, sizeof *m) >= 0)
            return;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || m->kind == LT__MSG_PROGRESS)
            return;
        if (poll(&p, 1, WAIT_MS) <= 0 && errno != EINTR)
            return;
    }
}
