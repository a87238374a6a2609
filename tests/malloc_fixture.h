/* The C library's own allocations fail too, and those of all other libraries:
 * malloc and its kin are ours here. Not with sanitizers, which have theirs. */
#ifndef MALLOC_FIXTURE_H
#define MALLOC_FIXTURE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static atomic_int_least64_t malloc_countdown = -1, malloc_left;
static atomic_int_least64_t malloc_failures;

/* As lt_mem_fail_some. */
static inline void malloc_fail_some(int64_t n, int64_t count)
{
    malloc_countdown = -1;
    malloc_left = count;
    malloc_failures = 0;
    malloc_countdown = n;
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||           \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MALLOC_IS_OURS 0
#else
#define MALLOC_IS_OURS 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool malloc_must_fail(void)
{
    if (malloc_countdown < 0 || atomic_fetch_sub(&malloc_countdown, 1) > 0)
        return false;
    malloc_countdown = 0;
    if (atomic_fetch_sub(&malloc_left, 1) <= 0) {
        malloc_countdown = -1;
        return false;
    }
    malloc_failures++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return malloc_must_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return malloc_must_fail() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    return malloc_must_fail() ? NULL : __libc_realloc(p, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = malloc_must_fail() ? NULL : __libc_memalign(alignment, size);

    if (p)
        *out = p;
    return p ? 0 : ENOMEM;
}
#endif

#endif
