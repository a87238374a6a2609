/* The worker's loop: claim, execute, end, until the queue is empty.
 *
 * What a run is, the callback knows; this file makes sure that every claimed
 * run gets an end state and that the supervisor hears of it. A failed run is
 * no error of the worker's: only trouble with the store ends the loop. */
#include "latent/work/work.h"

#include "latent/base/clock.h"
#include "latent/store/fold.h"
#include "work/work_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BEAT_SECONDS = 10 };

typedef struct teller {
    int fd;
    int64_t run;
    double last; /* when progress was last told */
    char phase[32];
} teller;

static void teller_progress(void *self, const lt_progress *p)
{
    teller *t = self;
    double now = lt_clock_elapsed();
    bool is_new_phase = strncmp(t->phase, p->phase, sizeof t->phase - 1) != 0;
    lt__msg m = {.kind = LT__MSG_PROGRESS,
                 .run = t->run,
                 .epoch = p->epoch,
                 .epochs = p->epochs,
                 .done = p->done,
                 .loss = p->loss,
                 .examples_per_second = p->examples_per_second};

    if (now - t->last < 0.05 && !is_new_phase)
        return;
    t->last = now;
    snprintf(t->phase, sizeof t->phase, "%s", p->phase);
    snprintf(m.phase, sizeof m.phase, "%s", p->phase);
    lt__msg_send(t->fd, &m);
}

static void teller_trouble(void *self, const char *words)
{
    const teller *t = self;
    lt__msg m = {.kind = LT__MSG_TROUBLE, .run = t->run};

    snprintf(m.text, sizeof m.text, "%s", words);
    lt__msg_send(t->fd, &m);
}

static bool teller_stop(void *self)
{
    (void)self;
    return lt_work_signal() != 0;
}

static lt_status run_claim(lt_store *store, lt_claim *claim,
                           const lt_worker_opts *opts, lt_err *err)
{
    lt_err message = {0};
    teller t = {.fd = opts->progress_fd, .run = lt_claim_run(claim)};
    lt_observer progress = {
        .self = &t, .progress = teller_progress, .should_stop = teller_stop};
    lt__msg m = {.kind = LT__MSG_START, .run = t.run};
    lt_run_status status;
    lt__heart heart;
    lt_status rc;

    if (opts->seconds_of)
        m.limit = opts->seconds_of(opts->self, store, lt_claim_sweep(claim));
    lt__msg_send(t.fd, &m);
    lt_claim_listen(claim, teller_trouble, &t);
    lt__heart_start(&heart, claim, BEAT_SECONDS);
    status = opts->execute(opts->self, store, claim, &progress, &message);
    lt__heart_stop(&heart);
    rc = lt_claim_end(claim, status, message.text, err);
    m.kind = LT__MSG_END;
    m.status = rc == LT_OK ? status : LT_RUN_LOST;
    snprintf(m.text, sizeof m.text, "%s",
             rc == LT_OK || !err ? message.text : err->text);
    lt__msg_send(t.fd, &m);
    return rc;
}

static void make_pipe_ours(int fd)
{
    if (fd < 0)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

lt_status lt_worker_run(lt_store *store, const lt_worker_opts *opts,
                        lt_err *err)
{
    LT_ASSERT(store && opts && opts->execute);
    make_pipe_ours(opts->progress_fd);
    while (!lt_work_signal()) {
        lt_claim *claim = NULL;
        lt_err none = {0};
        lt_status rc =
            lt_claim_next(store, opts->sweep, &opts->env, &claim, &none);

        if (rc == LT_ENOTFOUND)
            return LT_OK;
        if (rc != LT_OK)
            return lt_err_set(err, rc, "%s", none.text);
        LT_TRY(run_claim(store, claim, opts, err));
    }
    return LT_OK;
}
