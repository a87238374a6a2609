/* The supervisor: keeps `jobs` workers busy until the queue is empty.
 *
 * It waits in ppoll for messages, output and deaths. A worker that dies
 * without a word has its run written off in the store, and another takes its
 * place while runs are queued. Every replacement costs at least one claimed
 * run, so that this ends; workers that die before they claim anything are not
 * replaced. The first signal is passed on as SIGTERM, the second kills, as does
 * half a minute without an answer to the first.
 *
 * A worker keeps its runs' limit of time itself; one that does not (its script
 * is deep in a pattern that never ends) is killed after a while. */
#include "latent/work/work.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "work/work_int.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For a worker to hear a signal, end its step and write what it has. */
#define PATIENCE_SECONDS 30.0

typedef struct crew {
    lt_store *store;
    const lt_supervise_opts *opts;
    lt__child *children;
    struct pollfd *polls; /* two a child */
    lt__knobs *knobs;     /* or NULL */
    lt__board *board;
    lt_text scratch;
    int signals_passed;
    double signalled;  /* when the first was passed on */
    bool is_deaf;      /* ... and nobody heard it */
    double asked;      /* when is_enough was, last */
    bool is_enough;    /* it said so, `signalled` is when */
    char trouble[512]; /* how a worker ended before it claimed a run */
} crew;

static void show_output(crew *w, lt__child *c, bool ended)
{
    lt_text line = {0}, note = {0};

    while (lt__child_line(c, ended, &line)) {
        lt_text_clear(&note);
        if (c->run)
            lt_text_addf(&note, "run %" PRId64 ": ", c->run);
        lt_text_add(&note, lt_text_str(&line));
        lt__board_note(w->board, lt_text_str(&note));
    }
    lt_text_deinit(&line);
    lt_text_deinit(&note);
}

static void take_message(crew *w, int slot, const lt__msg *m)
{
    lt__child *c = &w->children[slot];

    if (m->kind == LT__MSG_START) {
        c->run = m->run;
        c->claimed = true;
        c->began = lt_clock_elapsed();
        c->limit = m->limit;
        lt_text_clear(&w->scratch);
        if (w->knobs)
            lt__knobs_title(w->knobs, m->run, &w->scratch);
        else
            lt_text_addf(&w->scratch, "%" PRId64, m->run);
        lt__board_start(w->board, slot, lt_text_str(&w->scratch));
    } else if (m->kind == LT__MSG_PROGRESS) {
        lt__board_progress(w->board, slot, m);
    } else if (m->kind == LT__MSG_TROUBLE) {
        lt_text_clear(&w->scratch);
        lt_text_addf(&w->scratch, "run %" PRId64 ": %s", m->run, m->text);
        lt__board_note(w->board, lt_text_str(&w->scratch));
    } else if (m->kind == LT__MSG_END) {
        show_output(w, c, false);
        lt__board_end(w->board, slot, m->status, m->text);
        c->run = 0;
    }
}

/* Why the process ended, in words for the run's record. */
static lt_run_status explain_death(const crew *w, const lt__child *c,
                                   int wait_status, lt_text *out)
{
    char how[96];
    bool is_kill = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;

    if (c->is_ended) {
        lt_text_addf(out,
                     "time limit: still busy after %.1f s and deaf to it, "
                     "allowed %g s (--max-time); killed",
                     lt_clock_elapsed() - c->began, c->limit);
        return LT_RUN_FAILED;
    }
    lt__child_describe(wait_status, how, sizeof how);
    lt_text_add(out, how);
    if (is_kill && w->signals_passed > 1) {
        lt_text_add(out, w->is_deaf ? ", deaf to the signal to stop"
                                    : " at the second signal");
        return LT_RUN_INTERRUPTED;
    }
    if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGTERM &&
        w->signals_passed > 0)
        return LT_RUN_INTERRUPTED;
    if (!is_kill && c->last[0])
        lt_text_addf(out, ": %s", c->last);
    return is_kill ? LT_RUN_LOST : LT_RUN_FAILED;
}

static lt_status start_worker(crew *w, int slot, lt_err *err)
{
    return lt__child_start(&w->children[slot], w->opts, lt_store_path(w->store),
                           err);
}

static lt_status count_queued(crew *w, int *n, lt_err *err)
{
    int counts[LT_RUN_STATUS_COUNT];

    LT_TRY(lt_store_sweep_counts(w->store, w->opts->sweep, counts, err));
    *n = counts[LT_RUN_QUEUED];
    return LT_OK;
}

static lt_status replace_worker(crew *w, int slot, lt_err *err)
{
    int queued = 0;

    LT_TRY(count_queued(w, &queued, err));
    return queued > 0 ? start_worker(w, slot, err) : LT_OK;
}

/* The run of a worker that died is written off; another worker may follow. A
 * store that cannot be written ends none of the other workers. */
static void bury(crew *w, int slot)
{
    lt__child *c = &w->children[slot];
    lt_text message = {0};
    int64_t run = 0;
    int pid = (int)c->pid, wait_status;
    lt_run_status status;
    lt_err err = {0};

    show_output(w, c, true);
    wait_status = lt__child_end(c);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 && !c->run)
        return;
    status = explain_death(w, c, wait_status, &message);
    lt_store_reap_pid(w->store, pid, status, lt_text_str(&message), &run, &err);
    if (c->run)
        lt__board_end(w->board, slot, status, lt_text_str(&message));
    c->run = 0;
    if (!c->claimed && w->signals_passed == 0)
        snprintf(w->trouble, sizeof w->trouble, "%s", lt_text_str(&message));
    lt_text_deinit(&message);
    if (err.status == LT_OK && c->claimed && lt__signal_times() == 0)
        replace_worker(w, slot, &err);
    if (err.status != LT_OK)
        snprintf(w->trouble, sizeof w->trouble, "%s", err.text);
}

static void listen_to(crew *w, int slot)
{
    lt__child *c = &w->children[slot];
    lt__msg m;
    int got;

    show_output(w, c, false);
    while ((got = lt__child_receive(c, &m)) > 0)
        take_message(w, slot, &m);
    if (got < 0)
        bury(w, slot);
}

static void signal_workers(crew *w, int number, bool with_children)
{
    for (int i = 0; i < w->opts->jobs; i++)
        if (w->children[i].pid > 0)
            kill(with_children ? -w->children[i].pid : w->children[i].pid,
                 number);
}

static void pass_on_signals(crew *w)
{
    int times = lt__signal_times();
    double now = lt_clock_elapsed();

    if (times == 1 && w->signals_passed == 1 &&
        now - w->signalled > PATIENCE_SECONDS) {
        w->is_deaf = true;
        times = 2;
    }
    if (times > 0 && w->signals_passed == 0) {
        lt__board_note(w->board, "stopping: running runs end as interrupted, "
                                 "others stay queued (again to kill)");
        w->signalled = now;
        signal_workers(w, SIGTERM, false);
        signal_workers(w, SIGCONT, true);
    } else if (times > 1 && w->signals_passed == 1) {
        lt__board_note(w->board, "killing the workers");
        signal_workers(w, SIGKILL, true);
    }
    if (times > w->signals_passed)
        w->signals_passed = times > 2 ? 2 : times;
}

static void stop_when_enough(crew *w)
{
    double now = lt_clock_elapsed();

    if (w->opts->is_enough && !w->is_enough && now - w->asked >= 1) {
        w->asked = now;
        w->is_enough = w->opts->is_enough(w->opts->self);
        w->signalled = now;
        if (w->is_enough)
            signal_workers(w, SIGTERM, false);
    } else if (w->is_enough && now - w->signalled > PATIENCE_SECONDS) {
        signal_workers(w, SIGKILL, true);
    }
}

/* What a worker gets beyond its limit, to notice it and to write its metrics.
 */
static double grace(double limit)
{
    return limit < 50 ? 5 : limit < 600 ? limit / 10 : 60;
}

static void end_overdue(crew *w)
{
    for (int i = 0; i < w->opts->jobs; i++) {
        lt__child *c = &w->children[i];
        double spent = lt_clock_elapsed() - c->began;

        if (c->pid <= 0 || !c->run || c->limit <= 0 || c->is_ended ||
            spent < c->limit + grace(c->limit))
            continue;
        c->is_ended = true;
        kill(-c->pid, SIGKILL);
    }
}

/* Ctrl-Z: the workers, which are not in our process group, stop with us. */
static void suspend_with_workers(crew *w)
{
    signal_workers(w, SIGSTOP, true);
    lt__board_clear(w->board);
    raise(SIGSTOP);
    signal_workers(w, SIGCONT, true);
}

static int plan_polls(crew *w)
{
    int alive = 0;

    for (int i = 0; i < w->opts->jobs; i++) {
        const lt__child *c = &w->children[i];

        alive += c->pid > 0;
        w->polls[2 * i] = (struct pollfd){.fd = c->pid > 0 ? c->messages : -1,
                                          .events = POLLIN};
        w->polls[2 * i + 1] = (struct pollfd){.fd = c->pid > 0 ? c->output : -1,
                                              .events = POLLIN};
    }
    return alive;
}

static lt_status watch(crew *w, const sigset_t *waiting, lt_err *err)
{
    const struct timespec tick = {.tv_nsec = 100000000};

    while (plan_polls(w) > 0) {
        nfds_t n = 2 * (nfds_t)w->opts->jobs;

        if (ppoll(w->polls, n, &tick, waiting) < 0 && errno != EINTR)
            return lt_err_set(err, LT_EIO, "waiting for workers: %s",
                              strerror(errno));
        pass_on_signals(w);
        stop_when_enough(w);
        end_overdue(w);
        if (lt__signal_suspend())
            suspend_with_workers(w);
        for (int i = 0; i < w->opts->jobs; i++)
            if (w->children[i].pid > 0)
                listen_to(w, i);
        lt__board_draw(w->board);
    }
    return LT_OK;
}

static lt_status crew_init(crew *w, lt_err *err)
{
    lt__board_opts board = {.fd = STDERR_FILENO, .jobs = w->opts->jobs};
    size_t jobs = (size_t)w->opts->jobs;

    w->children = lt_mem_zero(jobs, sizeof *w->children);
    w->polls = lt_mem_zero(jobs, 2 * sizeof *w->polls);
    if (!w->children || !w->polls)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(count_queued(w, &board.total, err));
    if (lt__knobs_new(w->store, w->opts->sweep, &w->knobs, NULL) == LT_OK)
        board.name = lt__knobs_experiment(w->knobs);
    lt__board_detect(&board);
    return lt__board_new(&board, &w->board, err);
}

/* Ends what still runs (only after an error of our own) and frees. */
static void crew_deinit(crew *w)
{
    for (int i = 0; w->children && i < w->opts->jobs; i++) {
        if (w->children[i].pid <= 0)
            continue;
        kill(-w->children[i].pid, SIGKILL);
        lt__child_end(&w->children[i]);
    }
    lt__board_free(w->board);
    lt__knobs_free(w->knobs);
    lt_text_deinit(&w->scratch);
    lt_mem_free(w->polls);
    lt_mem_free(w->children);
}

static lt_status start_all(crew *w, lt_err *err)
{
    for (int i = 0; i < w->opts->jobs; i++)
        LT_TRY(start_worker(w, i, err));
    return LT_OK;
}

static lt_status conclude(const crew *w, const int *counts, lt_err *err)
{
    if (w->signals_passed > 0)
        return lt_err_set(
            err, LT_EINTERRUPTED, "interrupted; %d run%s still queued",
            counts[LT_RUN_QUEUED], counts[LT_RUN_QUEUED] == 1 ? "" : "s");
    if (counts[LT_RUN_QUEUED] > 0)
        return lt_err_set(err, LT_EIO, "%d run%s still queued: %s",
                          counts[LT_RUN_QUEUED],
                          counts[LT_RUN_QUEUED] == 1 ? "" : "s",
                          w->trouble[0] ? w->trouble : "the workers ended");
    return LT_OK;
}

lt_status lt_supervise(lt_store *store, const lt_supervise_opts *opts,
                       int counts[LT_RUN_STATUS_COUNT], lt_err *err)
{
    crew w = {.store = store, .opts = opts};
    sigset_t waiting, before;
    lt_status rc;

    LT_ASSERT(store && opts && opts->program && opts->jobs > 0);
    lt__signal_supervise(&waiting, &before);
    rc = crew_init(&w, err);
    if (rc == LT_OK)
        rc = start_all(&w, err);
    if (rc == LT_OK)
        rc = watch(&w, &waiting, err);
    if (rc == LT_OK)
        rc = lt_store_sweep_counts(store, opts->sweep, counts, err);
    if (rc == LT_OK)
        rc = conclude(&w, counts, err);
    crew_deinit(&w);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}
