/* Diagonal Gaussians over the pieces of a batch; see latent/math/gaussian.h.
 * Pieces are whole rows; partial sums are added in their order. Cost: an
 * exponential a unit in each of the three. */
#include "latent/math/gaussian.h"

#include "math/kernels.h"
#include "math/pieces.h"

#include <string.h>

typedef struct gaussian_job {
    const lt__kernels *k;
    lt_gaussian_back all;
    lt_real *y;
    int per_piece;
    double part[MAX_PIECES];
} gaussian_job;

/* Rows of piece `i`, and where they begin. */
static lt_gaussian_back piece_rows(const gaussian_job *j, int i, size_t *first)
{
    lt_gaussian_back b = j->all;
    int from = i * j->per_piece;

    *first = (size_t)from * (size_t)b.units;
    b.rows = b.rows - from < j->per_piece ? b.rows - from : j->per_piece;
    b.z += 2 * *first;
    return b;
}

static void draw_piece(void *arg, int piece)
{
    const gaussian_job *j = arg;
    size_t first;
    lt_gaussian_back b = piece_rows(j, piece, &first);

    j->k->gaussian_draw(b.rows, b.units, b.z, b.eps + first, j->y + first);
}

static void kl_piece(void *arg, int piece)
{
    gaussian_job *j = arg;
    size_t first;
    lt_gaussian_back b = piece_rows(j, piece, &first);

    j->part[piece] = j->k->gaussian_kl(b.rows, b.units, b.z);
}

static void back_piece(void *arg, int piece)
{
    const gaussian_job *j = arg;
    size_t first;
    lt_gaussian_back b = piece_rows(j, piece, &first);

    b.eps += first;
    b.dy += first;
    b.dz += 2 * first;
    j->k->gaussian_back(&b);
}

/* Returns the number of pieces, at most MAX_PIECES. */
static int gaussian_run(lt_pool *pool, gaussian_job *j, lt_pool_task *task)
{
    int rows = j->all.rows;
    int least = (rows + MAX_PIECES - 1) / MAX_PIECES;
    int fitting = (int)(PIECE_ELEMENTS / 2 / (size_t)j->all.units);
    int pieces;

    j->k = lt__kernels_best();
    j->per_piece = fitting > least ? fitting : least;
    pieces = (rows - 1) / j->per_piece + 1;
    lt_pool_run(pool, pieces, task, j);
    return pieces;
}

void lt_gaussian_draw(lt_pool *pool, int rows, int units, const lt_real *z,
                      const lt_real *eps, lt_real *y)
{
    size_t h = (size_t)units;
    gaussian_job j;

    for (int r = 0; !eps && r < rows; r++)
        memcpy(y + (size_t)r * h, z + (size_t)r * 2 * h, h * sizeof *y);
    if (!eps)
        return;
    j.all = (lt_gaussian_back){.rows = rows, .units = units, .z = z};
    j.all.eps = eps;
    j.y = y;
    gaussian_run(pool, &j, draw_piece);
}

double lt_gaussian_kl(lt_pool *pool, int rows, int units, const lt_real *z)
{
    gaussian_job j;
    double sum = 0;
    int pieces;

    j.all = (lt_gaussian_back){.rows = rows, .units = units, .z = z};
    pieces = gaussian_run(pool, &j, kl_piece);
    for (int i = 0; i < pieces; i++)
        sum += j.part[i];
    return sum;
}

void lt_gaussian_backward(lt_pool *pool, const lt_gaussian_back *b)
{
    gaussian_job j;

    j.all = *b;
    gaussian_run(pool, &j, back_piece);
}
