/* The one door for heap memory; see latent/base/mem.h.
 *
 * The two counters are the process's, not a caller's: they are the only
 * global state of the library, and only tests set one. */
#include "latent/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT      64
#define HUGE_PAGE_SIZE ((size_t)2 << 20)

static atomic_int_least64_t mem_count;
static atomic_int_least64_t mem_countdown = -1;

/* False when the allocation must be refused. */
static int mem_admit(size_t count, size_t size, size_t *bytes)
{
    atomic_fetch_add_explicit(&mem_count, 1, memory_order_relaxed);
    if (atomic_load_explicit(&mem_countdown, memory_order_relaxed) >= 0 &&
        atomic_fetch_sub(&mem_countdown, 1) <= 0) {
        atomic_store(&mem_countdown, 0);
        return 0;
    }
    if (__builtin_mul_overflow(count, size, bytes) || *bytes > (size_t)-1 / 2)
        return 0;
    if (*bytes == 0)
        *bytes = 1;
    return 1;
}

void *lt_mem_alloc(size_t count, size_t size)
{
    size_t bytes;

    return mem_admit(count, size, &bytes) ? malloc(bytes) : NULL;
}

void *lt_mem_zero(size_t count, size_t size)
{
    size_t bytes;

    return mem_admit(count, size, &bytes) ? calloc(1, bytes) : NULL;
}

void *lt_mem_aligned(size_t count, size_t size)
{
    size_t bytes, alignment = ALIGNMENT;
    void *p = NULL;

    if (!mem_admit(count, size, &bytes))
        return NULL;
    if (bytes >= 2 * HUGE_PAGE_SIZE)
        alignment = HUGE_PAGE_SIZE;
    if (posix_memalign(&p, alignment, bytes) != 0)
        return NULL;
    if (alignment == HUGE_PAGE_SIZE)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);
    return p;
}

void *lt_mem_grow(void *p, size_t count, size_t size)
{
    size_t bytes;

    return mem_admit(count, size, &bytes) ? realloc(p, bytes) : NULL;
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
    free(p);
}

int64_t lt_mem_allocations(void)
{
    return atomic_load(&mem_count);
}

void lt_mem_fail_after(int64_t n)
{
    atomic_store(&mem_countdown, n);
}
