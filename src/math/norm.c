/* Normalisation over the pieces of a batch; see latent/math/norm.h.
 *
 * Sums are cut by channels, so that each is one thread's: a picture's channel,
 * or 64 of a vector's units. Sweeps are cut by rows. Cost: the moments read the
 * batch twice, all other calls once. */
#include "latent/math/norm.h"

#include "math/kernels.h"

#define PIECE_ELEMENTS ((size_t)8192)
#define MAX_PIECES     65535
#define STRIP          64 /* columns; that of isa/norm.inc */

typedef struct norm_job {
    const lt__kernels *k;
    const lt_norm *n;
    const lt_norm_map *map;
    lt_act act;
    int per_piece; /* rows or strips of channels */
    const lt_real *x, *dz;
    const lt_real *dshift, *dscale; /* of the way back */
    lt_real *a, *b;                 /* (channels) out */
    lt_real *y;
} norm_job;

/* Elements of one example. */
static size_t width(const lt_norm *n)
{
    return (size_t)n->channels * (size_t)n->spots;
}

/* Runs `task` on `count` things, so many a piece that a pool takes them all. */
static void norm_run(lt_pool *pool, norm_job *j, int count, int per_piece,
                     lt_pool_task *task)
{
    int least = count / MAX_PIECES + 1;

    j->k = lt__kernels_best();
    j->per_piece = per_piece > least ? per_piece : least;
    if ((size_t)j->n->rows * width(j->n) < PIECE_ELEMENTS)
        pool = NULL; /* not worth waking anyone */
    lt_pool_run(pool, (count - 1) / j->per_piece + 1, task, j);
}

static int piece_end(const norm_job *j, int piece, int count)
{
    int64_t end = ((int64_t)piece + 1) * j->per_piece;

    return end < count ? (int)end : count;
}

/* ---- sums ---- */

static int strip_count(const lt_norm *n)
{
    return n->spots == 1 ? (n->channels - 1) / STRIP + 1 : n->channels;
}

/* Channels of strip `i`. */
static int strip_width(const lt_norm *n, int i)
{
    int left = n->channels - i * STRIP;

    return left < STRIP ? left : STRIP;
}

static void moments_one(const norm_job *j, int i)
{
    const lt_norm *n = j->n;

    if (n->spots == 1)
        j->k->norm_moments_strip(n->rows, strip_width(n, i), n->channels,
                                 j->x + i * STRIP, j->a + i * STRIP,
                                 j->b + i * STRIP);
    else
        j->k->norm_moments(n->rows, n->spots, width(n),
                           j->x + (size_t)i * (size_t)n->spots, j->a + i,
                           j->b + i);
}

static void moments_piece(void *arg, int piece)
{
    const norm_job *j = arg;
    int end = piece_end(j, piece, strip_count(j->n));

    for (int i = piece * j->per_piece; i < end; i++)
        moments_one(j, i);
}

void lt_norm_moments(lt_pool *pool, const lt_norm *n, const lt_real *x,
                     lt_real *mean, lt_real *variance)
{
    norm_job j = {.n = n, .x = x, .a = mean, .b = variance};

    norm_run(pool, &j, strip_count(n), 1, moments_piece);
}

static void sums_one(const norm_job *j, int i)
{
    const lt_norm *n = j->n;
    bool is_flat = n->spots == 1;
    int first = is_flat ? i * STRIP : i;
    int count = is_flat ? strip_width(n, i) : 1;
    size_t at = (size_t)first * (size_t)n->spots;
    double plain[STRIP], centred[STRIP];

    if (is_flat)
        j->k->norm_sums_strip(n->rows, count, n->channels, j->x + at,
                              j->dz + at, j->map->mean + first, plain, centred);
    else
        j->k->norm_sums(n->rows, n->spots, width(n), j->x + at, j->dz + at,
                        j->map->mean[first], plain, centred);
    for (int c = 0; c < count; c++) {
        j->a[first + c] = (lt_real)plain[c];
        j->b[first + c] =
            (lt_real)(centred[c] * (double)j->map->rate[first + c]);
    }
}

static void sums_piece(void *arg, int piece)
{
    const norm_job *j = arg;
    int end = piece_end(j, piece, strip_count(j->n));

    for (int i = piece * j->per_piece; i < end; i++)
        sums_one(j, i);
}

void lt_norm_sums(lt_pool *pool, const lt_norm *n, const lt_norm_map *map,
                  const lt_real *x, const lt_real *dz, lt_real *dshift,
                  lt_real *dscale)
{
    norm_job j = {
        .n = n, .map = map, .x = x, .dz = dz, .a = dshift, .b = dscale};

    norm_run(pool, &j, strip_count(n), 1, sums_piece);
}

/* ---- sweeps ---- */

static int rows_in_piece(const lt_norm *n)
{
    size_t rows = PIECE_ELEMENTS / width(n);

    return rows < 1 ? 1 : (int)rows;
}

static void apply_row(const norm_job *j, int row)
{
    const lt_norm *n = j->n;
    const lt_norm_map *map = j->map;
    size_t spots = (size_t)n->spots;
    const lt_real *x = j->x + (size_t)row * width(n);
    lt_real *y = j->y + (size_t)row * width(n);

    if (spots == 1)
        j->k->norm_apply_row(n->channels, map, x, y);
    for (size_t c = 0; spots > 1 && c < (size_t)n->channels; c++)
        j->k->norm_apply(n->spots, x + c * spots, map->mean[c],
                         map->scale[c] * map->rate[c], map->shift[c],
                         y + c * spots);
    j->k->bias_act(j->act, 1, (int)width(n), NULL, y);
}

static void apply_piece(void *arg, int piece)
{
    const norm_job *j = arg;
    int end = piece_end(j, piece, j->n->rows);

    for (int r = piece * j->per_piece; r < end; r++)
        apply_row(j, r);
}

void lt_norm_apply(lt_pool *pool, const lt_norm *n, lt_act act,
                   const lt_norm_map *map, const lt_real *x, lt_real *y)
{
    norm_job j = {.n = n, .map = map, .act = act, .x = x, .y = y};

    norm_run(pool, &j, n->rows, rows_in_piece(n), apply_piece);
}

static lt__norm_slope channel_slope(const norm_job *j, size_t c)
{
    const lt_norm_map *map = j->map;
    lt_real m = (lt_real)((double)j->n->rows * j->n->spots);
    lt__norm_slope s = {map->mean[c], map->scale[c] * map->rate[c], 0, 0};

    if (j->dshift) {
        s.a = s.factor * j->dshift[c] / m;
        s.b = s.factor * map->rate[c] * j->dscale[c] / m;
    }
    return s;
}

static void back_row(const norm_job *j, int row)
{
    const lt_norm *n = j->n;
    size_t spots = (size_t)n->spots, at = (size_t)row * width(n);

    if (spots == 1)
        j->k->norm_back_row(n->channels, j->map, (lt_real)n->rows, j->x + at,
                            j->dz + at, j->dshift, j->dscale, j->y + at);
    for (size_t c = 0; spots > 1 && c < (size_t)n->channels; c++) {
        lt__norm_slope s = channel_slope(j, c);

        j->k->norm_back(n->spots, j->x + at + c * spots, j->dz + at + c * spots,
                        &s, j->y + at + c * spots);
    }
}

static void back_piece(void *arg, int piece)
{
    const norm_job *j = arg;
    int end = piece_end(j, piece, j->n->rows);

    for (int r = piece * j->per_piece; r < end; r++)
        back_row(j, r);
}

void lt_norm_back(lt_pool *pool, const lt_norm *n, const lt_norm_map *map,
                  const lt_real *x, const lt_real *dz, const lt_real *dshift,
                  const lt_real *dscale, lt_real *dx)
{
    norm_job j = {.n = n,
                  .map = map,
                  .x = x,
                  .dz = dz,
                  .dshift = dshift,
                  .dscale = dscale,
                  .y = dx};

    norm_run(pool, &j, n->rows, rows_in_piece(n), back_piece);
}
