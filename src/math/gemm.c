/* Matrix products in pieces; see latent/math/blas.h.
 *
 * A product is cut along the longer side of C into at most GEMM_PIECES equal
 * strips, fewer when a strip would do too little work to pay for packing the
 * other matrix again. Strips are a multiple of 16 rows or columns, OpenBLAS's
 * own tile. The cut depends on the shape alone, so the bits do not depend on
 * the number of threads. */
#include "latent/math/blas.h"

#include <cblas.h>

#define GEMM_PIECES    4
#define GEMM_MIN_FLOPS 4e6 /* per strip */
#define GEMM_TILE      16

#ifdef LT_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

typedef struct gemm_job {
    CBLAS_TRANSPOSE ta, tb;
    int m, n, k, lda, ldb, ldc;
    lt_real alpha, beta;
    const lt_real *a, *b;
    lt_real *c;
    bool by_rows;
    int strip;
} gemm_job;

static gemm_job gemm_plan(lt_trans ta, lt_trans tb, int m, int n, int k)
{
    gemm_job j = {.m = m, .n = n, .k = k, .ldc = n};
    int depth = k > 0 ? k : 1; /* BLAS wants strides of at least 1 */

    j.ta = ta == LT_TRANS ? CblasTrans : CblasNoTrans;
    j.tb = tb == LT_TRANS ? CblasTrans : CblasNoTrans;
    j.lda = ta == LT_TRANS ? m : depth;
    j.ldb = tb == LT_TRANS ? depth : n;
    return j;
}

static void gemm_call(const gemm_job *j, int m, int n, const lt_real *a,
                      const lt_real *b, lt_real *c)
{
    GEMM(CblasRowMajor, j->ta, j->tb, m, n, j->k, j->alpha, a, j->lda, b,
         j->ldb, j->beta, c, j->ldc);
}

static void gemm_strip(void *arg, int piece)
{
    const gemm_job *j = arg;
    int first = piece * j->strip;
    int side = j->by_rows ? j->m : j->n;
    int size = side - first < j->strip ? side - first : j->strip;
    size_t at = (size_t)first;

    if (j->by_rows)
        gemm_call(j, size, j->n,
                  j->a + (j->ta == CblasTrans ? at : at * (size_t)j->lda), j->b,
                  j->c + at * (size_t)j->ldc);
    else
        gemm_call(j, j->m, size, j->a,
                  j->b + (j->tb == CblasTrans ? at * (size_t)j->ldb : at),
                  j->c + at);
}

/* Chooses by_rows and strip; returns the number of strips. */
static int gemm_cut(gemm_job *j)
{
    double flops = 2.0 * j->m * j->n * j->k;
    int side, pieces;

    j->by_rows = j->m > j->n;
    side = j->by_rows ? j->m : j->n;
    pieces = flops / GEMM_PIECES >= GEMM_MIN_FLOPS
                 ? GEMM_PIECES
                 : (int)(flops / GEMM_MIN_FLOPS);
    if (pieces > side / GEMM_TILE)
        pieces = side / GEMM_TILE;
    if (pieces < 1)
        pieces = 1;
    j->strip = (side + pieces - 1) / pieces;
    if (pieces > 1)
        j->strip = (j->strip + GEMM_TILE - 1) / GEMM_TILE * GEMM_TILE;
    return (side + j->strip - 1) / j->strip;
}

void lt_gemm(lt_pool *pool, lt_trans ta, lt_trans tb, int m, int n, int k,
             lt_real alpha, const lt_real *a, const lt_real *b, lt_real beta,
             lt_real *c)
{
    gemm_job j = gemm_plan(ta, tb, m, n, k);

    if (m < 1 || n < 1)
        return;
    j.alpha = alpha, j.beta = beta;
    j.a = a, j.b = b, j.c = c;
    lt_pool_run(pool, gemm_cut(&j), gemm_strip, &j);
}

void lt_gemm_bare(lt_trans ta, lt_trans tb, int m, int n, int k, lt_real alpha,
                  const lt_real *a, const lt_real *b, lt_real beta, lt_real *c)
{
    gemm_job j = gemm_plan(ta, tb, m, n, k);

    j.alpha = alpha, j.beta = beta;
    gemm_call(&j, m, n, a, b, c);
}
