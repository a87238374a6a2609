/* Small dense linear algebra (LAPACK), always computed in double. Matrices
 * are row-major. */
#ifndef LT_LINALG_H
#define LT_LINALG_H

#include "latent/base/status.h"
#include "latent/math/real.h"

/* out (cols,rows) = Moore-Penrose pseudo-inverse of a (rows,cols), by singular
 * values; those below rtol times the largest count as zero (rtol <= 0: machine
 * epsilon of lt_real times max(rows,cols)). */
lt_status lt_linalg_pinv(int rows, int cols, const lt_real *a, double rtol,
                         lt_real *out, lt_err *err);

/* Eigenvalues (ascending) of the symmetric a (n,n); `a` is overwritten by the
 * eigenvectors, one a row, when `vectors` is true. */
lt_status lt_linalg_eigh(int n, double *a, double *values, int vectors,
                         lt_err *err);

#endif
