/* Signals as flags.
 *
 * Handlers only count; loops look at the counts. This is the one place with
 * state of the whole process, as signals themselves are. The supervisor blocks
 * its signals except while it waits in ppoll, so that none is missed between
 * looking and waiting. */
#include "latent/work/work.h"

#include "latent/base/clock.h"
#include "work/work_int.h"

#include <signal.h>
#include <stdint.h>

static volatile sig_atomic_t caught;
static volatile sig_atomic_t times;
static volatile sig_atomic_t suspended;
static volatile sig_atomic_t last; /* when one came, in hundredths of seconds */

/* Signals this near are one: a terminal that closes sends SIGHUP twice, and
 * programs around us pass on the Ctrl-C that we had from the terminal. */
enum { SAME_HUNDREDTHS = 30 };

static void on_stop(int number)
{
    int now = (int)((int64_t)(lt_clock_elapsed() * 100) % INT32_MAX);
    int since = now - (int)last;

    if (caught && since >= 0 && since < SAME_HUNDREDTHS)
        return;
    last = now;
    if (!caught)
        caught = number;
    times = times + 1;
}

static void on_suspend(int number)
{
    (void)number;
    suspended = 1;
}

static void catch_one(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

int lt_work_signal(void)
{
    return caught;
}

void lt_work_catch_signals(void)
{
    catch_one(SIGINT, on_stop);
    catch_one(SIGTERM, on_stop);
    catch_one(SIGPIPE, SIG_IGN);
}

int lt__signal_times(void)
{
    return times;
}

bool lt__signal_suspend(void)
{
    bool was = suspended;

    suspended = 0;
    return was;
}

void lt__signal_forget(void)
{
    caught = 0;
    times = 0;
    suspended = 0;
}

/* A signal that was ignored when we began (nohup) stays ignored. */
static void catch_unless_ignored(int number, void (*handler)(int))
{
    struct sigaction now;

    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
        return;
    catch_one(number, handler);
}

void lt__signal_supervise(sigset_t *waiting, sigset_t *before)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGTSTP);
    sigprocmask(SIG_BLOCK, &ours, before);
    *waiting = *before;
    sigdelset(waiting, SIGINT);
    sigdelset(waiting, SIGTERM);
    sigdelset(waiting, SIGHUP);
    sigdelset(waiting, SIGTSTP);
    lt_work_catch_signals();
    catch_unless_ignored(SIGHUP, on_stop);
    catch_unless_ignored(SIGTSTP, on_suspend);
}
