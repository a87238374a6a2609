/* Memory for SQLite, where thousands of inputs a second make and free some
 * thousand small blocks each: lists of free blocks by size, which take a tenth
 * of the address sanitizer's time. It still sees a read past a block's end, or
 * of one that is free: the rest is poisoned. Blocks are never given back. */
#include "fuzz.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, n)   ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

/* Classes: 16, 32, ... 1024 bytes, then powers of two. */
enum { STEP = 16, N_SMALL = 64, N_CLASSES = 90, CHUNK = 1 << 20, CHUNKS = 256 };

typedef struct block {
    uint32_t class, size; /* of the block; asked for */
    struct block *next;   /* free ones */
} block;

static block *lists[N_CLASSES];
static char *chunks[CHUNKS], *at, *end;
static int n_chunks;

static uint32_t class_of(size_t n)
{
    uint32_t c = N_SMALL;

    if (n <= (size_t)STEP * N_SMALL)
        return n == 0 ? 0 : (uint32_t)((n - 1) / STEP);
    for (size_t most = (size_t)STEP * N_SMALL * 2; most < n; most *= 2)
        c++;
    return c;
}

static size_t class_size(uint32_t c)
{
    return c < N_SMALL ? (size_t)STEP * (c + 1)
                       : (size_t)STEP * N_SMALL << (c - N_SMALL + 1);
}

static block *block_carve(uint32_t class)
{
    size_t n = sizeof(block) + class_size(class);
    block *b;

    if (n > CHUNK / 8)
        return malloc(n);
    if (!at || (size_t)(end - at) < n) {
        if (n_chunks == CHUNKS || !(at = malloc(CHUNK)))
            return NULL;
        chunks[n_chunks++] = at;
        end = at + CHUNK;
    }
    b = (block *)(void *)at;
    at += n;
    return b;
}

static void *memory_get(int size)
{
    uint32_t class = class_of((size_t)size);
    block *b = lists[class];

    if (b)
        lists[class] = b->next;
    else if (!(b = block_carve(class)))
        return NULL;
    *b = (block){class, (uint32_t)size, NULL};
    ASAN_POISON_MEMORY_REGION(b + 1, class_size(class));
    ASAN_UNPOISON_MEMORY_REGION(b + 1, (size_t)size);
    return b + 1;
}

static void memory_put(void *p)
{
    block *b = (block *)p - 1;

    ASAN_POISON_MEMORY_REGION(p, class_size(b->class));
    b->next = lists[b->class];
    lists[b->class] = b;
}

static int memory_size(void *p)
{
    return p ? (int)((block *)p)[-1].size : 0;
}

static void *memory_grow(void *p, int size)
{
    void *q = memory_get(size);
    int n = memory_size(p);

    if (q) {
        memcpy(q, p, (size_t)(n < size ? n : size));
        memory_put(p);
    }
    return q;
}

static int memory_round(int size)
{
    return (size + 7) & ~7;
}

static int memory_begin(void *self)
{
    (void)self;
    return SQLITE_OK;
}

static void memory_end(void *self)
{
    (void)self;
}

void fuzz_sqlite_memory(void)
{
    static const sqlite3_mem_methods methods = {
        memory_get,   memory_put,   memory_grow, memory_size,
        memory_round, memory_begin, memory_end,  NULL};

    LT_ASSERT(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
    LT_ASSERT(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    LT_ASSERT(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
}
