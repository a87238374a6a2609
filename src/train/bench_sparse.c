/* How much quicker a step on ratings is than the same step on arrays; see
 * latent/train/bench.h.
 *
 * One network and one batch size, two trainers: one is given sparse rows, the
 * other the same rows as floats, NaN where nothing is known. Both are timed in
 * turns in one process, the quicker one for more steps a turn, and the quickest
 * turns are compared: sparse steps are limited by memory, which neighbours on
 * the machine slow down more than they do matrix products. The first steps of a
 * turn are not timed: they find in the caches what the other way left there.
 * The examples are few, so that the arrays fit in memory. */
#include "latent/train/bench.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/data/ratings.h"
#include "train/trainer.h"

#include <math.h>

enum { MOST_TURNS = 101, BATCHES = 5, SPARSE_STEPS = 15, DENSE_STEPS = 2 };

typedef struct sparse_bench {
    const lt_bench_sparse_case *c;
    lt_pool *pool;
    lt_objective objective;
    lt_dataset *set[2]; /* sparse, dense */
    lt_net *net[2];
    lt__trainer trainer[2];
    int64_t steps[2];
    double seconds[2][MOST_TURNS];
    int n_turns;
} sparse_bench;

/* ---- making it ---- */

/* The training part of generated ratings, which is nearly all of them. */
static lt_status ratings_make(sparse_bench *b, lt_err *err)
{
    const lt_ratings_plan plan = {.users = BATCHES * b->c->batch,
                                  .items = b->c->items,
                                  .rank = 2,
                                  .density = b->c->density,
                                  .noise = 0.5,
                                  .popularity = b->c->popularity,
                                  .seed = 1};
    const lt_ratings_cut cut = {
        .split = LT_SPLIT_RANDOM, .share = 0.001, .seed = 1, .centre = true};
    lt_ratings *ratings = NULL;
    lt_data_pair pair = {0};
    lt_status rc = lt_ratings_generate(&plan, &ratings, err);

    if (rc == LT_OK)
        rc = lt_ratings_pair(ratings, &cut, &pair, err);
    b->set[0] = pair.train;
    lt_dataset_free(pair.test);
    lt_ratings_free(ratings);
    return rc;
}

static lt_status arrays_make(sparse_bench *b, lt_err *err)
{
    const lt_sparse *s = lt_dataset_sparse(b->set[0]);
    size_t cols = (size_t)s->cols, n = (size_t)s->rows * cols;
    float *values = lt_mem_alloc(n, sizeof *values);

    if (!values)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < n; i++)
        values[i] = NAN;
    for (int r = 0; r < s->rows; r++)
        for (int64_t e = s->start[r]; e < s->start[r + 1]; e++)
            values[(size_t)r * cols + (size_t)s->index[e]] = s->value[e];
    return lt_dataset_new_take(LT_ELEM_F32, s->rows, lt_shape_flat(s->cols),
                               values, NULL, &b->set[1], err);
}

static lt_status way_make(sparse_bench *b, int way, lt_err *err)
{
    const lt_bench_sparse_case *c = b->c;
    lt_layer_spec layers[LT_BENCH_SIZES];
    lt_net_spec spec = {.input = lt_shape_flat(c->items),
                        .encoder = layers,
                        .output = LT_ACT_LINEAR,
                        .tie = c->tie,
                        .seed = 1,
                        .is_sparse = true};
    lt_opt_spec optimizer = lt_opt_defaults(c->optimizer);

    for (int i = 0; i < LT_BENCH_SIZES && c->units[i] > 0; i++)
        layers[spec.n_encoder++] = (lt_layer_spec){
            .kind = "dense", .units = c->units[i], .act = LT_ACT_SELU};
    if (c->optimizer == LT_OPT_SGD)
        optimizer.momentum = 0.9;
    optimizer.rate = 1e-4;
    LT_TRY(lt_net_new(&spec, &b->net[way], err));
    b->trainer[way] = (lt__trainer){.net = b->net[way],
                                    .set = b->set[way],
                                    .objective = &b->objective,
                                    .pool = b->pool,
                                    .batch = c->batch,
                                    .seed = 1};
    return lt__trainer_open(&b->trainer[way], &optimizer, err);
}

static lt_status sparse_init(sparse_bench *b, int threads, lt_err *err)
{
    b->objective = lt_objective_of(LT_LOSS_MASKED_MSE);
    LT_TRY(lt_pool_new(threads, &b->pool, err));
    LT_TRY(ratings_make(b, err));
    LT_TRY(arrays_make(b, err));
    LT_TRY(way_make(b, 0, err));
    LT_TRY(way_make(b, 1, err));
    LT_ASSERT(b->trainer[0].is_sparse && !b->trainer[1].is_sparse);
    return LT_OK;
}

static void sparse_deinit(sparse_bench *b)
{
    for (int i = 0; i < 2; i++) {
        lt__trainer_close(&b->trainer[i]);
        lt_net_free(b->net[i]);
        lt_dataset_free(b->set[i]);
    }
    lt_pool_free(b->pool);
}

/* ---- what is timed ---- */

/* A step on rows that differ from step to step; the last batch may be short,
 * and is left out. */
static void way_step(sparse_bench *b, int way)
{
    int batches = lt_dataset_rows(b->set[0]) / b->c->batch;
    int at = (int)(b->steps[way] % batches) * b->c->batch;
    lt_sums sums;

    lt__trainer_gradient(&b->trainer[way],
                         (lt__feed_range){NULL, at, b->c->batch},
                         b->steps[way]++, &sums);
    lt__trainer_update(&b->trainer[way]);
}

/* With one thread its processor time. */
static double now(int threads)
{
    return threads > 1 ? lt_clock_elapsed() : lt_clock_cpu();
}

static double way_time(sparse_bench *b, int way, int threads, int times)
{
    double began = now(threads);

    for (int i = 0; i < times; i++)
        way_step(b, way);
    return (now(threads) - began) / times;
}

static double least(const double *x, int n)
{
    double out = x[0];

    for (int i = 1; i < n; i++)
        out = x[i] < out ? x[i] : out;
    return out;
}

static void turns_run(sparse_bench *b, int threads, double seconds)
{
    double end;

    for (int way = 0; way < 2; way++)
        way_time(b, way, threads, BATCHES); /* pages, moments */
    end = lt_clock_elapsed() + seconds;
    do {
        int i = b->n_turns++;

        way_time(b, 0, threads, BATCHES);
        b->seconds[0][i] = way_time(b, 0, threads, SPARSE_STEPS);
        way_time(b, 1, threads, 1);
        b->seconds[1][i] = way_time(b, 1, threads, DENSE_STEPS);
    } while (b->n_turns < 3 ||
             (b->n_turns < MOST_TURNS && lt_clock_elapsed() < end));
}

lt_status lt_bench_sparse_run(const lt_bench_sparse_case *c, int threads,
                              double seconds, lt_bench_sparse_result *out,
                              lt_err *err)
{
    sparse_bench b = {.c = c};
    lt_status rc = sparse_init(&b, threads, err);

    if (rc == LT_OK) {
        turns_run(&b, threads, seconds);
        *out = (lt_bench_sparse_result){
            .sparse_ms = 1e3 * least(b.seconds[0], b.n_turns),
            .dense_ms = 1e3 * least(b.seconds[1], b.n_turns),
            .parameters = lt_net_n_params(b.net[0]),
            .turns = b.n_turns,
        };
    }
    sparse_deinit(&b);
    return rc;
}
