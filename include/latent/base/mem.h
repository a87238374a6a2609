/* The one door for heap memory.
 *
 * Every allocation is counted, so that a test can assert that a training step
 * allocates nothing, and any allocation can be made to fail, so that tests
 * can fail the first, second, third ... until an operation succeeds. So are
 * the bytes in use, for which there may be a limit. */
#ifndef LT_MEM_H
#define LT_MEM_H

#include <stddef.h>
#include <stdint.h>

/* `count` items of `size` bytes; NULL when out of memory or on overflow.
 * A request for nothing gives a valid pointer. */
void *lt_mem_alloc(size_t count, size_t size);
void *lt_mem_zero(size_t count, size_t size);

/* As lt_mem_zero, on a 64-byte boundary: for vectors that kernels read.
 * Large blocks ask for huge pages. Not to be given to lt_mem_grow. */
void *lt_mem_aligned(size_t count, size_t size);

/* A block that holds `count` items of `size` bytes, the old content kept;
 * NULL when out of memory, and then `p` is still valid. */
void *lt_mem_grow(void *p, size_t count, size_t size);

char *lt_mem_strdup(const char *text);
char *lt_mem_strndup(const char *text, size_t n);

void lt_mem_free(void *p); /* accepts NULL */

/* Allocations made so far by this process. */
int64_t lt_mem_allocations(void);

/* Bytes in use now; every block here was allocated and is freed by lt_mem. */
int64_t lt_mem_bytes(void);

/* From now on what would need more than so many bytes in all is refused, as if
 * memory had run out; 0: no limit. What is in use already stays. */
void lt_mem_set_limit(int64_t bytes);

/* The size that the limit refused last; 0: none since it was set. */
int64_t lt_mem_refused(void);

/* The n-th allocation from now, counted from 0, and all after it fail;
 * negative: none do. */
void lt_mem_fail_after(int64_t n);

/* The same for `count` allocations only: those after them succeed again. */
void lt_mem_fail_some(int64_t n, int64_t count);

/* How many failed so since one of these was called last. */
int64_t lt_mem_failures(void);

#endif
