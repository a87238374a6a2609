/* Matrix products on OpenBLAS, and the check that it runs the right kernels.
 *
 * OpenBLAS itself is kept to one thread; lt_gemm cuts a product into pieces
 * that depend on its shape only and runs them on the pool, so the bits of the
 * result are the same for every number of threads. */
#ifndef LT_BLAS_H
#define LT_BLAS_H

#include <stdbool.h>

#include "latent/base/status.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"

typedef enum { LT_NOTRANS, LT_TRANS } lt_trans;

/* C = alpha op(A) op(B) + beta C;  op(A) is (m,k), op(B) is (k,n), C (m,n);
 * all row-major without padding: A is (m,k), or (k,m) when ta is LT_TRANS.
 * beta 0 does not read C. */
void lt_gemm(lt_pool *pool, lt_trans ta, lt_trans tb, int m, int n, int k,
             lt_real alpha, const lt_real *a, const lt_real *b, lt_real beta,
             lt_real *c);

/* One product as above, its arguments in a struct. */
typedef struct lt_product {
    lt_trans ta, tb;
    int m, n, k;
    lt_real alpha, beta;
    const lt_real *a, *b;
    lt_real *c;
} lt_product;

/* Both products, side by side on the pool; neither may read what the other
 * writes. Two whole products on two threads are faster than each cut in two:
 * a layer's weight gradient and input gradient are such a pair. */
void lt_gemm_pair(lt_pool *pool, const lt_product pair[2]);

/* The same as one call of the library, for benchmarks ("the floor"). */
void lt_gemm_bare(lt_trans ta, lt_trans tb, int m, int n, int k, lt_real alpha,
                  const lt_real *a, const lt_real *b, lt_real beta, lt_real *c);

typedef struct lt_blas_info {
    char library[128]; /* openblas_get_config() */
    char core[32];     /* the core OpenBLAS uses: "SkylakeX" */
    char wanted[32];   /* the best core for this CPU by CPUID: "SKYLAKEX" */
    bool user_set;     /* OPENBLAS_CORETYPE was the user's own choice */
    bool is_right;     /* core is the wanted one, or a better */
} lt_blas_info;

void lt_blas_describe(lt_blas_info *out);

/* How many threads the library itself may use: 1, but for benchmarks. */
void lt_blas_threads(int n);

/* Speed of one core in GFLOP/s, measured for about `seconds`: of a product of
 * two 768x768 matrices, and of multiply-adds in registers by the widest
 * vectors of lt_vec_isa, which nothing can exceed. */
typedef struct lt_blas_speed {
    double gemm_gflops, peak_gflops;
} lt_blas_speed;
lt_status lt_blas_measure(double seconds, lt_blas_speed *out, lt_err *err);

/* First thing in main of any program that computes: when OpenBLAS chose a
 * worse core than CPUID allows and the user did not set OPENBLAS_CORETYPE,
 * sets it and executes the program again with `argv`. Returns when there is
 * nothing to correct, and then has set OpenBLAS to one thread, here and (by
 * OPENBLAS_NUM_THREADS) in child processes. Never loops: a mark in the
 * environment stops a second try. */
void lt_blas_correct(char **argv);

#endif
