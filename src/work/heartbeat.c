/* A run's sign of life: a thread that touches its lock every few seconds.
 *
 * A thread, because a script may compute for minutes without a word to the
 * engine. It does nothing else, so it can neither fail nor slow the run down.
 * Signals stay the main thread's. Where no thread can be had the run goes on
 * without: hosts that share its kernel ask the lock itself. */
#include "work/work_int.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static void *heart_beat(void *self)
{
    lt__heart *h = self;
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&h->lock);
    while (!h->is_over) {
        lt_claim_beat(h->claim);
        next.tv_sec += h->seconds;
        while (!h->is_over &&
               pthread_cond_timedwait(&h->end, &h->lock, &next) != ETIMEDOUT) {
        }
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

void lt__heart_start(lt__heart *h, const lt_claim *claim, int seconds)
{
    pthread_condattr_t attr;
    sigset_t all, before;

    *h = (lt__heart){.claim = claim, .seconds = seconds};
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->end, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    h->is_beating = pthread_create(&h->thread, NULL, heart_beat, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void lt__heart_stop(lt__heart *h)
{
    if (h->is_beating) {
        pthread_mutex_lock(&h->lock);
        h->is_over = true;
        pthread_cond_signal(&h->end);
        pthread_mutex_unlock(&h->lock);
        pthread_join(h->thread, NULL);
    }
    pthread_cond_destroy(&h->end);
    pthread_mutex_destroy(&h->lock);
}
