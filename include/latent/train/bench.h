/* Timing of standard networks against their floor: the bare matrix products
 * of a training step, one library call each, on the same vectors in the same
 * process with the same number of threads. A convolution's products are those
 * of im2col, over the whole batch at once; writing out the patches, which they
 * would need, is left out. */
#ifndef LT_BENCH_H
#define LT_BENCH_H

#include <stdbool.h>

#include "latent/base/observer.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

#define LT_BENCH_SIZES 8

/* A network: inputs, then the encoder's units, 0 after the last; trained by
 * Adam on made-up images. With a side, they are the channels of pictures of
 * side x side, and of convolutions of 3x3 with stride 2, padded as "same". */
typedef struct lt_bench_case {
    const char *name;
    int sizes[LT_BENCH_SIZES];
    lt_act act, code_act, output;
    lt_loss loss;
    lt_tie tie;
    int batch;
    int side;
} lt_bench_case;

const lt_bench_case *lt_bench_cases(int *n);
const lt_bench_case *lt_bench_find(const char *name); /* or NULL */

typedef struct lt_bench_opts {
    int threads;                 /* at least 1 */
    double seconds;              /* about how long, above 0 */
    const lt_observer *observer; /* sees step.loss at every step; or NULL */
    bool is_throughput; /* steps only, by the clock on the wall: for several
                           processes at once; no floor, no share */
} lt_bench_opts;

/* Steps and floor are timed in turns, in blocks; medians over blocks. */
typedef struct lt_bench_result {
    double step_ms, floor_ms;
    double share; /* floor / step, the median of the blocks' own */
    double best_step_ms, best_floor_ms; /* of the quickest block */
    double examples_per_second;
    double floor_gflops; /* of the bare products, all threads */
    size_t parameters;
    int blocks, steps;
} lt_bench_result;

lt_status lt_bench_run(const lt_bench_case *c, const lt_bench_opts *o,
                       lt_bench_result *out, lt_err *err);

/* A step on sparse rows against the same step on arrays: a network of `items`
 * inputs and the encoder's units, 0 after the last, and its mirror, on
 * generated ratings (ratings.h). */
typedef struct lt_bench_sparse_case {
    int items;
    int units[LT_BENCH_SIZES];
    lt_tie tie;
    lt_opt_kind optimizer; /* sgd: with momentum */
    int batch;
    double density, popularity;
} lt_bench_sparse_case;

typedef struct lt_bench_sparse_result {
    double sparse_ms, dense_ms; /* a step, of the quickest turns */
    size_t parameters;
    int turns;
} lt_bench_sparse_result;

lt_status lt_bench_sparse_run(const lt_bench_sparse_case *c, int threads,
                              double seconds, lt_bench_sparse_result *out,
                              lt_err *err);

#endif
