/* Pooling over the planes of a batch; see latent/math/pooling.h.
 *
 * Planes are independent: a piece is as many of them as make some 32 KB of the
 * large picture, and each kernel (isa/pooling.inc) does one plane. Cost: every
 * place is read and written about once; windows of 2 x 2 side by side are
 * vectorised, others go place by place. */
#include "latent/math/pooling.h"

#include "math/kernels.h"

#include <string.h>

#define PIECE_ELEMENTS ((size_t)8192)
#define MAX_PIECES     ((size_t)65535)

typedef struct pooling_job {
    const lt__kernels *k;
    const lt_pooling *g;
    size_t per_piece; /* planes */
    /* One plane, by its offsets in the large and in the pooled pictures. */
    void (*plane)(const struct pooling_job *j, size_t large, size_t pooled);
    const lt_real *from;
    lt_real *to;
    int32_t *at;
} pooling_job;

static size_t area(const int size[2])
{
    return (size_t)size[0] * (size_t)size[1];
}

static void planes_piece(void *arg, int piece)
{
    const pooling_job *j = arg;
    size_t first = (size_t)piece * j->per_piece;
    size_t last = first + j->per_piece;

    if (last > j->g->planes)
        last = j->g->planes;
    for (size_t i = first; i < last; i++)
        j->plane(j, i * area(j->g->in), i * area(j->g->out));
}

static void planes_run(lt_pool *pool, pooling_job *j)
{
    size_t least = (j->g->planes + MAX_PIECES - 1) / MAX_PIECES;

    j->k = lt__kernels_best();
    j->per_piece = PIECE_ELEMENTS / area(j->g->in);
    if (j->per_piece < 1)
        j->per_piece = 1;
    if (j->per_piece < least)
        j->per_piece = least;
    lt_pool_run(pool, (int)((j->g->planes + j->per_piece - 1) / j->per_piece),
                planes_piece, j);
}

static void max_plane(const pooling_job *j, size_t large, size_t pooled)
{
    j->k->pool_max(j->g, j->from + large, j->to + pooled, j->at + pooled);
}

void lt_pooling_max(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                    lt_real *y, int32_t *at)
{
    pooling_job j = {.g = g, .plane = max_plane, .from = x, .to = y, .at = at};

    planes_run(pool, &j);
}

static void scatter_plane(const pooling_job *j, size_t large, size_t pooled)
{
    const lt_real *y = j->from + pooled;
    const int32_t *at = j->at + pooled;
    lt_real *x = j->to + large;

    memset(x, 0, area(j->g->in) * sizeof *x);
    for (size_t i = 0; i < area(j->g->out); i++)
        x[at[i]] += y[i];
}

void lt_pooling_scatter(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                        const int32_t *at, lt_real *x)
{
    pooling_job j = {.g = g,
                     .plane = scatter_plane,
                     .from = y,
                     .to = x,
                     .at = (int32_t *)at};

    planes_run(pool, &j);
}

static void gather_plane(const pooling_job *j, size_t large, size_t pooled)
{
    const lt_real *x = j->from + large;
    const int32_t *at = j->at + pooled;
    lt_real *y = j->to + pooled;

    for (size_t i = 0; i < area(j->g->out); i++)
        y[i] = x[at[i]];
}

void lt_pooling_gather(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                       const int32_t *at, lt_real *y)
{
    pooling_job j = {
        .g = g, .plane = gather_plane, .from = x, .to = y, .at = (int32_t *)at};

    planes_run(pool, &j);
}

static void mean_plane(const pooling_job *j, size_t large, size_t pooled)
{
    j->k->pool_mean(j->g, j->from + large, j->to + pooled);
}

void lt_pooling_mean(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                     lt_real *y)
{
    pooling_job j = {.g = g, .plane = mean_plane, .from = x, .to = y};

    planes_run(pool, &j);
}

static void spread_plane(const pooling_job *j, size_t large, size_t pooled)
{
    j->k->pool_spread(j->g, j->from + pooled, j->to + large);
}

void lt_pooling_spread(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                       lt_real *x)
{
    pooling_job j = {.g = g, .plane = spread_plane, .from = y, .to = x};

    planes_run(pool, &j);
}

static void copy_plane(const pooling_job *j, size_t large, size_t pooled)
{
    j->k->pool_copy(j->g, j->from + pooled, j->to + large);
}

void lt_pooling_copy(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                     lt_real *x)
{
    pooling_job j = {.g = g, .plane = copy_plane, .from = y, .to = x};

    planes_run(pool, &j);
}

static void copy_sum_plane(const pooling_job *j, size_t large, size_t pooled)
{
    j->k->pool_copy_sum(j->g, j->from + large, j->to + pooled);
}

void lt_pooling_copy_sum(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                         lt_real *y)
{
    pooling_job j = {.g = g, .plane = copy_sum_plane, .from = x, .to = y};

    planes_run(pool, &j);
}
