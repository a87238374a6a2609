/* A small pool of threads that work through numbered pieces.
 *
 * Results must not depend on the number of threads: whoever cuts work into
 * pieces does so by the shapes alone, each piece writes its own part of the
 * output, and sums over pieces are added in piece order. A NULL pool runs the
 * pieces one after another in the caller. */
#ifndef LT_POOL_H
#define LT_POOL_H

#include "latent/base/status.h"

typedef struct lt_pool lt_pool;

/* `threads` counts the caller: 1 starts none. Not re-entrant: one
 * lt_pool_run at a time, from one thread. */
lt_status lt_pool_new(int threads, lt_pool **out, lt_err *err);
void lt_pool_free(lt_pool *pool);
int lt_pool_threads(const lt_pool *pool); /* 1 for NULL */

typedef void lt_pool_task(void *arg, int piece);

/* Calls task(arg, 0 .. pieces-1), each once, in any order, on any thread;
 * returns when all are done. Allocates nothing. */
void lt_pool_run(lt_pool *pool, int pieces, lt_pool_task *task, void *arg);

#endif
