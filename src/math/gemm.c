/* Matrix products in pieces; see latent/math/blas.h.
 *
 * OpenBLAS copies both factors into its own order before it multiplies, so
 * every further piece of a product copies one factor again. Measured on one
 * core of an AVX-512 server, with the shapes of a 784-1000-500-250-30
 * autoencoder at batch 100: halves along the longer side of C cost 2 to 6 %
 * and give 1.6 to 1.9 times the speed on two threads; quarters cost 10 %.
 * Hence:
 *
 * - a lone product is cut into halves (quarters from 4 GFLOP on), by rows when
 *   C is not much wider than high;
 * - two products that do not depend on each other, a layer's weight gradient
 *   and input gradient, are given to the pool whole, as two pieces, and cut
 *   only when both are large;
 * - up to a million multiplications OpenBLAS has kernels that copy nothing
 *   (not when only B is transposed): products a little above are cut down to
 *   that size, which is faster even on one thread;
 * - the rest of the small ones stay whole.
 *
 * The cut depends on the shapes alone, so the bits do not depend on the number
 * of threads. */
#include "latent/math/blas.h"

#include <cblas.h>

#define SMALL_VOLUME  1e6 /* m n k up to which the library copies nothing */
#define HALVE_VOLUME  1.5e6
#define PAIRED_VOLUME 2.5e8 /* each of a pair is cut too */
#define QUARTER_FLOPS 4e9
#define CUT_TILE      16 /* strips are multiples of OpenBLAS's own tile */

#ifdef LT_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* A product and how it is cut. */
typedef struct cut {
    lt_product p;
    bool by_rows;
    int strip, pieces;
} cut;

static CBLAS_TRANSPOSE flag(lt_trans trans)
{
    return trans == LT_TRANS ? CblasTrans : CblasNoTrans;
}

/* Rows [row, row + rows) and columns [col, col + cols) of C. */
static void product_part(const lt_product *p, int row, int rows, int col,
                         int cols)
{
    int depth = p->k > 0 ? p->k : 1; /* BLAS wants strides of at least 1 */
    int lda = p->ta == LT_TRANS ? p->m : depth;
    int ldb = p->tb == LT_TRANS ? depth : p->n;
    size_t at_a = (size_t)row * (p->ta == LT_TRANS ? 1 : (size_t)lda);
    size_t at_b = (size_t)col * (p->tb == LT_TRANS ? (size_t)ldb : 1);

    GEMM(CblasRowMajor, flag(p->ta), flag(p->tb), rows, cols, p->k, p->alpha,
         p->a + at_a, lda, p->b + at_b, ldb, p->beta,
         p->c + (size_t)row * (size_t)p->n + (size_t)col, p->n);
}

static void cut_run(const cut *c, int piece)
{
    int side = c->by_rows ? c->p.m : c->p.n, first = piece * c->strip;
    int size = side - first < c->strip ? side - first : c->strip;

    if (c->by_rows)
        product_part(&c->p, first, size, 0, c->p.n);
    else
        product_part(&c->p, 0, c->p.m, first, size);
}

static int pieces_wanted(const lt_product *p, double volume, bool is_paired)
{
    bool has_small_kernel = p->ta == LT_TRANS || p->tb == LT_NOTRANS;

    if (has_small_kernel && volume <= 4 * SMALL_VOLUME)
        return (int)(volume / SMALL_VOLUME) + 1;
    if (is_paired)
        return volume < PAIRED_VOLUME ? 1 : 2;
    if (volume < HALVE_VOLUME)
        return 1;
    return 2 * volume < QUARTER_FLOPS ? 2 : 4;
}

static cut cut_plan(const lt_product *p, bool is_paired)
{
    cut c = {.p = *p};
    double volume = (double)p->m * p->n * p->k;
    int side, pieces = pieces_wanted(p, volume, is_paired);

    if (p->m < 1 || p->n < 1)
        return c;
    c.by_rows = p->m * (p->ta == LT_TRANS ? 2.0 : 1.0) >= p->n;
    side = c.by_rows ? p->m : p->n;
    c.strip = (side + pieces - 1) / pieces;
    if (pieces > 1)
        c.strip = (c.strip + CUT_TILE - 1) / CUT_TILE * CUT_TILE;
    c.pieces = (side + c.strip - 1) / c.strip;
    return c;
}

static void cut_piece(void *arg, int piece)
{
    const cut *c = arg;

    if (piece < c[0].pieces)
        cut_run(&c[0], piece);
    else
        cut_run(&c[1], piece - c[0].pieces);
}

void lt_gemm(lt_pool *pool, lt_trans ta, lt_trans tb, int m, int n, int k,
             lt_real alpha, const lt_real *a, const lt_real *b, lt_real beta,
             lt_real *c)
{
    const lt_product p = {ta, tb, m, n, k, alpha, beta, a, b, c};
    cut cuts[1] = {cut_plan(&p, false)};

    lt_pool_run(pool, cuts[0].pieces, cut_piece, cuts);
}

void lt_gemm_pair(lt_pool *pool, const lt_product pair[2])
{
    cut cuts[2] = {cut_plan(&pair[0], true), cut_plan(&pair[1], true)};

    lt_pool_run(pool, cuts[0].pieces + cuts[1].pieces, cut_piece, cuts);
}

void lt_gemm_bare(lt_trans ta, lt_trans tb, int m, int n, int k, lt_real alpha,
                  const lt_real *a, const lt_real *b, lt_real beta, lt_real *c)
{
    const lt_product p = {ta, tb, m, n, k, alpha, beta, a, b, c};

    product_part(&p, 0, m, 0, n);
}
