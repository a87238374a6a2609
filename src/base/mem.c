/* The one door for heap memory; see latent/base/mem.h.
 *
 * The counters are the process's, not a caller's: they are the only global
 * state of the library. Bytes are what the C library set aside, which is what
 * it will give back. Each thread counts its own and adds them to the process's
 * sum a slice at a time, which saves two locked instructions a block: the sum
 * that another thread reads is right to a slice a thread. */
#include "latent/base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT      64
#define HUGE_PAGE_SIZE ((size_t)2 << 20)
#define SLICE          ((int64_t)64 << 10)

static atomic_int_least64_t mem_count;
static atomic_int_least64_t mem_countdown = -1;
static atomic_int_least64_t mem_to_fail; /* when the countdown is over */
static atomic_int_least64_t mem_failures;
static atomic_int_least64_t mem_bytes; /* but for what threads hold back */
static atomic_int_least64_t mem_limit; /* 0: none */
static atomic_int_least64_t mem_refused;
static _Thread_local int64_t mem_slice; /* not yet in mem_bytes */

/* Whether `bytes` in place of a block of `old` bytes stay within the limit. */
static int mem_fits(size_t bytes, size_t old)
{
    int64_t limit = atomic_load_explicit(&mem_limit, memory_order_relaxed);

    if (limit <= 0 || bytes <= old ||
        (int64_t)(bytes - old) <= limit - lt_mem_bytes())
        return 1;
    atomic_store(&mem_refused, (int64_t)bytes);
    return 0;
}

static void mem_add(int64_t bytes)
{
    mem_slice += bytes;
    if (mem_slice < SLICE && mem_slice > -SLICE)
        return;
    atomic_fetch_add_explicit(&mem_bytes, mem_slice, memory_order_relaxed);
    mem_slice = 0;
}

static void *mem_taken(void *p)
{
    if (p)
        mem_add((int64_t)malloc_usable_size(p));
    return p;
}

/* Whether this allocation is one that a test wants to fail. */
static int mem_must_fail(void)
{
    if (atomic_load_explicit(&mem_countdown, memory_order_relaxed) < 0 ||
        atomic_fetch_sub(&mem_countdown, 1) > 0)
        return 0;
    atomic_store(&mem_countdown, 0);
    if (atomic_fetch_sub(&mem_to_fail, 1) <= 0) {
        atomic_store(&mem_countdown, -1);
        return 0;
    }
    atomic_fetch_add(&mem_failures, 1);
    return 1;
}

/* False when the allocation must be refused; `old` bytes will be given back. */
static int mem_admit(size_t count, size_t size, size_t old, size_t *bytes)
{
    atomic_fetch_add_explicit(&mem_count, 1, memory_order_relaxed);
    if (mem_must_fail())
        return 0;
    if (__builtin_mul_overflow(count, size, bytes) || *bytes > (size_t)-1 / 2)
        return 0;
    if (*bytes == 0)
        *bytes = 1;
    return mem_fits(*bytes, old);
}

void *lt_mem_alloc(size_t count, size_t size)
{
    size_t bytes;

    return mem_admit(count, size, 0, &bytes) ? mem_taken(malloc(bytes)) : NULL;
}

void *lt_mem_zero(size_t count, size_t size)
{
    size_t bytes;

    return mem_admit(count, size, 0, &bytes) ? mem_taken(calloc(1, bytes))
                                             : NULL;
}

void *lt_mem_aligned(size_t count, size_t size)
{
    size_t bytes, alignment = ALIGNMENT;
    void *p = NULL;

    if (!mem_admit(count, size, 0, &bytes))
        return NULL;
    if (bytes >= 2 * HUGE_PAGE_SIZE)
        alignment = HUGE_PAGE_SIZE;
    if (posix_memalign(&p, alignment, bytes) != 0)
        return NULL;
    if (alignment == HUGE_PAGE_SIZE)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);
    return mem_taken(p);
}

void *lt_mem_grow(void *p, size_t count, size_t size)
{
    size_t bytes, old = malloc_usable_size(p);
    void *q;

    if (!mem_admit(count, size, old, &bytes))
        return NULL;
    q = realloc(p, bytes);
    if (q)
        mem_add(-(int64_t)old);
    return mem_taken(q);
}

char *lt_mem_strndup(const char *text, size_t n)
{
    char *copy = lt_mem_alloc(n + 1, 1);

    if (copy) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

char *lt_mem_strdup(const char *text)
{
    return lt_mem_strndup(text, strlen(text));
}

void lt_mem_free(void *p)
{
    if (p)
        mem_add(-(int64_t)malloc_usable_size(p));
    free(p);
}

int64_t lt_mem_allocations(void)
{
    return atomic_load(&mem_count);
}

int64_t lt_mem_bytes(void)
{
    return atomic_load_explicit(&mem_bytes, memory_order_relaxed) + mem_slice;
}

void lt_mem_set_limit(int64_t bytes)
{
    atomic_store(&mem_limit, bytes);
    atomic_store(&mem_refused, 0);
}

int64_t lt_mem_refused(void)
{
    return atomic_load(&mem_refused);
}

void lt_mem_fail_after(int64_t n)
{
    lt_mem_fail_some(n, INT64_MAX);
}

void lt_mem_fail_some(int64_t n, int64_t count)
{
    atomic_store(&mem_countdown, -1);
    atomic_store(&mem_to_fail, count);
    atomic_store(&mem_failures, 0);
    atomic_store(&mem_countdown, n);
}

int64_t lt_mem_failures(void)
{
    return atomic_load(&mem_failures);
}
