/* A pool of threads that work through numbered pieces; see pool.h.
 *
 * A training step calls lt_pool_run dozens of times, some for a few
 * microseconds of work, so starting a job must cost about a microsecond:
 *
 * - A job is published in one 64-bit word: its number, its pieces, and the
 *   next piece. Taking a piece is a compare-and-swap of that word, so a thread
 *   that wakes late can never take a piece of a job that is over.
 * - The caller works too, and returns when all pieces are done; it does not
 *   wait for threads that had none.
 * - An idle thread spins for a while and then sleeps on a condition variable.
 *   How long it spins adapts: longer after a spin that found work, shorter
 *   after one that did not, so a pool with more threads than cores, or an idle
 *   one, soon stops burning time.
 *
 * Every thread flushes denormal numbers to zero while it runs pieces, the
 * caller too: Adam's moments decay through that range, where an addition takes
 * a hundred times longer. It is done here, once, so that results cannot depend
 * on which thread ran a piece. */
#include "latent/math/pool.h"

#include "latent/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define POOL_MAX_PIECES 0xffffu
#define SPIN_LEAST      16   /* pauses, about 50 ns each */
#define SPIN_MOST       2048 /* about 100 us */

struct lt_pool {
    int threads;
    pthread_t *workers; /* threads - 1 */
    int n_started;
    _Alignas(64) atomic_uint_least64_t job; /* number:32, pieces:16, next:16 */
    _Atomic(lt_pool_task *) task;
    _Atomic(void *) arg;
    _Alignas(64) atomic_uint done; /* pieces of this job that ended */
    _Alignas(64) atomic_int sleeping;
    atomic_bool caller_sleeps, stops;
    pthread_mutex_t mutex;
    pthread_cond_t work_came, job_ended;
};

/* ---- the processor ---- */

#if defined(__x86_64__)

#define FLUSH_DENORMALS 0x8040u /* MXCSR: flush to zero, denormals are zero */

static unsigned pool_flush_denormals(void)
{
    unsigned before = _mm_getcsr();

    if ((before & FLUSH_DENORMALS) != FLUSH_DENORMALS)
        _mm_setcsr(before | FLUSH_DENORMALS);
    return before;
}

static void pool_restore_denormals(unsigned before)
{
    if ((before & FLUSH_DENORMALS) != FLUSH_DENORMALS)
        _mm_setcsr(before);
}

static void pool_pause(void)
{
    _mm_pause();
}

#else

static unsigned pool_flush_denormals(void)
{
    return 0;
}

static void pool_restore_denormals(unsigned before)
{
    (void)before;
}

static void pool_pause(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif

/* ---- pieces ---- */

static unsigned job_next(uint64_t job)
{
    return (unsigned)(job & 0xffff);
}

static unsigned job_pieces(uint64_t job)
{
    return (unsigned)(job >> 16 & 0xffff);
}

static bool job_is_open(uint64_t job)
{
    return job_next(job) < job_pieces(job);
}

/* Runs one piece if there is one. A piece taken from `job` keeps its job
 * alive, so task and arg, read before the swap, are that job's. */
static bool pool_work_once(lt_pool *p)
{
    uint64_t job = atomic_load(&p->job);
    lt_pool_task *task;
    void *arg;

    do {
        if (!job_is_open(job))
            return false;
        task = atomic_load_explicit(&p->task, memory_order_relaxed);
        arg = atomic_load_explicit(&p->arg, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&p->job, &job, job + 1));
    task(arg, (int)job_next(job));
    if (atomic_fetch_add(&p->done, 1) + 1 == job_pieces(job) &&
        atomic_load(&p->caller_sleeps)) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_signal(&p->job_ended);
        pthread_mutex_unlock(&p->mutex);
    }
    return true;
}

/* ---- workers ---- */

static bool pool_has_news(lt_pool *p)
{
    return job_is_open(atomic_load(&p->job)) || atomic_load(&p->stops);
}

static void pool_sleep(lt_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->sleeping, 1);
    while (!pool_has_news(p))
        pthread_cond_wait(&p->work_came, &p->mutex);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void pool_await_work(lt_pool *p, int *spin)
{
    for (int i = 0; i < *spin; i++) {
        if (pool_has_news(p)) {
            *spin = *spin * 2 < SPIN_MOST ? *spin * 2 : SPIN_MOST;
            return;
        }
        pool_pause();
    }
    *spin = *spin / 2 > SPIN_LEAST ? *spin / 2 : SPIN_LEAST;
    pool_sleep(p);
}

static void *pool_worker(void *self)
{
    lt_pool *p = self;
    int spin = SPIN_MOST;

    pool_flush_denormals();
    while (!atomic_load(&p->stops)) {
        if (!pool_work_once(p))
            pool_await_work(p, &spin);
    }
    return NULL;
}

/* ---- the caller ---- */

static void pool_publish(lt_pool *p, unsigned pieces, lt_pool_task *task,
                         void *arg)
{
    uint64_t number = (atomic_load(&p->job) >> 32) + 1;

    atomic_store_explicit(&p->task, task, memory_order_relaxed);
    atomic_store_explicit(&p->arg, arg, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store(&p->job, number << 32 | (uint64_t)pieces << 16);
    if (atomic_load(&p->sleeping) > 0) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_broadcast(&p->work_came);
        pthread_mutex_unlock(&p->mutex);
    }
}

static void pool_await_end(lt_pool *p, unsigned pieces)
{
    for (int i = 0; i < SPIN_MOST; i++) {
        if (atomic_load(&p->done) == pieces)
            return;
        pool_pause();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->done) != pieces)
        pthread_cond_wait(&p->job_ended, &p->mutex);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->mutex);
}

static void pool_run_threads(lt_pool *p, unsigned pieces, lt_pool_task *task,
                             void *arg)
{
    pool_publish(p, pieces, task, arg);
    while (pool_work_once(p))
        ;
    pool_await_end(p, pieces);
}

void lt_pool_run(lt_pool *pool, int pieces, lt_pool_task *task, void *arg)
{
    unsigned csr = pool_flush_denormals();

    LT_ASSERT(pieces >= 0 && (unsigned)pieces <= POOL_MAX_PIECES);
    if (!pool || pool->threads == 1 || pieces < 2) {
        for (int i = 0; i < pieces; i++)
            task(arg, i);
    } else {
        pool_run_threads(pool, (unsigned)pieces, task, arg);
    }
    pool_restore_denormals(csr);
}

/* ---- life ---- */

static lt_status pool_start(lt_pool *p, lt_err *err)
{
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work_came, NULL);
    pthread_cond_init(&p->job_ended, NULL);
    for (int i = 0; i < p->threads - 1; i++) {
        int rc = pthread_create(&p->workers[i], NULL, pool_worker, p);

        if (rc != 0)
            return lt_err_set(err, LT_ENOMEM,
                              "pool: thread %d of %d does not start: %s", i + 2,
                              p->threads, strerror(rc));
        p->n_started++;
    }
    return LT_OK;
}

lt_status lt_pool_new(int threads, lt_pool **out, lt_err *err)
{
    lt_pool *p;
    lt_status rc;

    LT_ASSERT(out && !*out);
    if (threads < 1)
        return lt_err_set(err, LT_EINVAL, "pool: %d threads, wanted at least 1",
                          threads);
    p = lt_mem_aligned(1, sizeof *p);
    if (!p)
        return lt_err_mark(err, LT_ENOMEM);
    p->threads = threads;
    p->workers = lt_mem_zero((size_t)threads, sizeof *p->workers);
    rc = p->workers ? LT_OK : LT_ENOMEM;
    if (rc != LT_OK) {
        lt_mem_free(p);
        return lt_err_mark(err, rc);
    }
    rc = pool_start(p, err);
    if (rc != LT_OK) {
        lt_pool_free(p);
        return rc;
    }
    *out = p;
    return LT_OK;
}

void lt_pool_free(lt_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stops, true);
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->job_ended);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->mutex);
    lt_mem_free(pool->workers);
    lt_mem_free(pool);
}

int lt_pool_threads(const lt_pool *pool)
{
    return pool ? pool->threads : 1;
}
