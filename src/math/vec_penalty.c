/* Penalties' kernels cut into pieces; see latent/math/vec.h. Partial sums are
 * added in piece order, in double. */
#include "latent/math/vec.h"

#include "math/kernels.h"
#include "math/pieces.h"

typedef struct shrink_job {
    const lt__kernels *k;
    size_t n;
    const lt_real *x;
    lt_real a, b;
    lt_real *g;
    lt_vec_sizes part[MAX_PIECES];
} shrink_job;

static void shrink_piece(void *arg, int piece)
{
    shrink_job *j = arg;
    span s = piece_span(j->n, piece);

    j->part[piece] = j->k->shrink(s.n, j->x + s.first, j->a, j->b,
                                  j->g ? j->g + s.first : NULL);
}

lt_vec_sizes lt_vec_shrink(lt_pool *pool, size_t n, const lt_real *x, lt_real a,
                           lt_real b, lt_real *g)
{
    lt_vec_sizes sums = {0};
    int pieces = piece_count(n);
    shrink_job j;

    j.k = lt__kernels_best(), j.n = n, j.x = x, j.a = a, j.b = b, j.g = g;
    lt_pool_run(pool, pieces, shrink_piece, &j);
    for (int i = 0; i < pieces; i++) {
        sums.abs += j.part[i].abs;
        sums.squares += j.part[i].squares;
    }
    return sums;
}

typedef struct bend_job {
    const lt__kernels *k;
    lt_act act;
    size_t n;
    const lt_real *y, *a;
    lt_real *t, *bend;
} bend_job;

static void bend_piece(void *arg, int piece)
{
    const bend_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->act_bend(j->act, s.n, j->y + s.first, j->a + s.first, j->t + s.first,
                   j->bend + s.first);
}

void lt_vec_act_bend(lt_pool *pool, lt_act act, size_t n, const lt_real *y,
                     const lt_real *a, lt_real *t, lt_real *bend)
{
    bend_job j = {lt__kernels_best(), act, n, y, a, t, bend};

    LT_ASSERT(act < LT_ACT_ELEMENTWISE);
    lt_pool_run(pool, piece_count(n), bend_piece, &j);
}

bool lt_act_is_curved(lt_act act)
{
    return act != LT_ACT_LINEAR && act != LT_ACT_RELU &&
           act != LT_ACT_LEAKY_RELU;
}
