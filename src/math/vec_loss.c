/* Losses cut into pieces; see latent/math/vec.h. Partial sums are added in
 * piece order, in double. */
#include "latent/math/vec.h"

#include "math/kernels.h"
#include "math/pieces.h"

typedef struct loss_job {
    const lt__kernels *k;
    size_t n;
    const lt_real *y, *target;
    lt_real scale, width;
    int cols; /* of multinomial, whose n counts rows */
    lt_real *dy;
    lt__loss_sums part[MAX_PIECES];
} loss_job;

static void bce_piece(void *arg, int piece)
{
    loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] = j->k->bce(s.n, j->y + s.first, j->target + s.first,
                               j->scale, j->dy ? j->dy + s.first : NULL);
}

static void sse_piece(void *arg, int piece)
{
    loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] = (lt__loss_sums){
        .sse = j->k->sse(s.n, j->y + s.first, j->target + s.first, j->scale,
                         j->dy ? j->dy + s.first : NULL)};
}

static lt__loss_sums loss_run_pieces(lt_pool *pool, int pieces,
                                     lt_pool_task *task, loss_job *j)
{
    lt__loss_sums sums = {0};

    j->k = lt__kernels_best();
    lt_pool_run(pool, pieces, task, j);
    for (int i = 0; i < pieces; i++) {
        sums.loss += j->part[i].loss;
        sums.sse += j->part[i].sse;
        sums.words += j->part[i].words;
    }
    return sums;
}

static lt__loss_sums loss_run(lt_pool *pool, lt_pool_task *task, loss_job *j)
{
    return loss_run_pieces(pool, piece_count(j->n), task, j);
}

static double bce_run(lt_pool *pool, loss_job *j, double *sse)
{
    lt__loss_sums sums = loss_run(pool, bce_piece, j);

    *sse = sums.sse;
    return sums.loss;
}

double lt_vec_bce_logits(lt_pool *pool, size_t n, const lt_real *z,
                         const lt_real *target, lt_real scale, lt_real *dz,
                         double *sse)
{
    loss_job j;

    j.n = n, j.y = z, j.target = target, j.scale = scale, j.dy = dz;
    return bce_run(pool, &j, sse);
}

double lt_vec_bce_logits_value(lt_pool *pool, size_t n, const lt_real *z,
                               const lt_real *target, double *sse)
{
    return lt_vec_bce_logits(pool, n, z, target, 0, NULL, sse);
}

double lt_vec_sse(lt_pool *pool, size_t n, const lt_real *y,
                  const lt_real *target, lt_real scale, lt_real *dy)
{
    loss_job j;

    j.n = n, j.y = y, j.target = target, j.scale = scale, j.dy = dy;
    return loss_run(pool, sse_piece, &j).sse;
}

double lt_vec_sse_value(lt_pool *pool, size_t n, const lt_real *y,
                        const lt_real *target)
{
    return lt_vec_sse(pool, n, y, target, 0, NULL);
}

/* ---- Huber, known targets ---- */

static void huber_piece(void *arg, int piece)
{
    loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] =
        j->k->huber(s.n, j->y + s.first, j->target + s.first, j->width,
                    j->scale, j->dy ? j->dy + s.first : NULL);
}

double lt_vec_huber(lt_pool *pool, size_t n, const lt_real *y,
                    const lt_real *target, lt_real width, lt_real scale,
                    lt_real *dy, double *sse)
{
    lt__loss_sums sums;
    loss_job j;

    j.n = n, j.y = y, j.target = target, j.scale = scale, j.dy = dy;
    j.width = width;
    sums = loss_run(pool, huber_piece, &j);
    *sse = sums.sse;
    return sums.loss;
}

static void masked_piece(void *arg, int piece)
{
    loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] = (lt__loss_sums){
        .sse = j->k->masked_sse(s.n, j->y + s.first, j->target + s.first,
                                j->scale, j->dy ? j->dy + s.first : NULL)};
}

double lt_vec_masked_sse(lt_pool *pool, size_t n, const lt_real *y,
                         const lt_real *target, lt_real scale, lt_real *dy)
{
    loss_job j;

    j.n = n, j.y = y, j.target = target, j.scale = scale, j.dy = dy;
    return loss_run(pool, masked_piece, &j).sse;
}

/* Counts stand in `words`: exact in a double. */
static void known_piece(void *arg, int piece)
{
    loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] =
        (lt__loss_sums){.words = (double)j->k->known(s.n, j->y + s.first)};
}

size_t lt_vec_known(lt_pool *pool, size_t n, const lt_real *x)
{
    loss_job j;

    j.n = n, j.y = x;
    return (size_t)loss_run(pool, known_piece, &j).words;
}

static void known_or_zero_piece(void *arg, int piece)
{
    const loss_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->known_or_zero(s.n, j->y + s.first, j->dy + s.first);
}

void lt_vec_known_or_zero(lt_pool *pool, size_t n, const lt_real *x,
                          lt_real *out)
{
    loss_job j;

    j.k = lt__kernels_best(), j.n = n, j.y = x, j.dy = out;
    lt_pool_run(pool, piece_count(n), known_or_zero_piece, &j);
}

/* ---- rows ---- */

static size_t multinomial_rows(const loss_job *j)
{
    size_t rows = PIECE_ELEMENTS / (size_t)j->cols;
    size_t least = (j->n + MAX_PIECES - 1) / MAX_PIECES;

    rows = rows < least ? least : rows;
    return rows < 1 ? 1 : rows;
}

static void multinomial_piece(void *arg, int piece)
{
    loss_job *j = arg;
    size_t size = multinomial_rows(j), first = (size_t)piece * size;
    size_t rows = j->n - first < size ? j->n - first : size;
    size_t at = first * (size_t)j->cols;

    j->part[piece] =
        j->k->multinomial((int)rows, j->cols, j->y + at, j->target + at,
                          j->scale, j->dy ? j->dy + at : NULL);
}

lt_multinomial_sums lt_vec_multinomial_logits(lt_pool *pool, int rows, int cols,
                                              const lt_real *z,
                                              const lt_real *target,
                                              lt_real scale, lt_real *dz)
{
    lt__loss_sums sums;
    loss_job j;
    size_t size;

    j.n = (size_t)rows, j.cols = cols;
    j.y = z, j.target = target, j.scale = scale, j.dy = dz;
    size = multinomial_rows(&j);
    sums = loss_run_pieces(pool, (int)((j.n + size - 1) / size),
                           multinomial_piece, &j);
    return (lt_multinomial_sums){sums.loss, sums.sse, sums.words};
}
