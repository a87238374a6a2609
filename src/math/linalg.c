/* Pseudo-inverse and symmetric eigenvalues by LAPACK; see linalg.h.
 *
 * LAPACK stores columns, we store rows: a (rows,cols) is to LAPACK its own
 * transpose (cols,rows), whose decomposition serves as well. With a' = U S V',
 *   pinv(a)' = pinv(a') = V S+ U'
 * and LAPACK's columns of pinv(a)' are our rows of pinv(a). Everything is done
 * in double: small singular values are what a pseudo-inverse is about.
 *
 * dgesdd costs about 10 min(r,c)^2 max(r,c) operations; dsyevd about 9 n^3. */
#include "latent/math/linalg.h"

#include "latent/base/mem.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* Fortran: arguments by reference, then the lengths of the strings. */
void dgesdd_(const char *job, const int *m, const int *n, double *a,
             const int *lda, double *s, double *u, const int *ldu, double *vt,
             const int *ldvt, double *work, const int *lwork, int *iwork,
             int *info, size_t job_size);
void dsyevd_(const char *job, const char *uplo, const int *n, double *a,
             const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info, size_t job_size,
             size_t uplo_size);

#ifdef LT_DOUBLE
#define REAL_EPSILON DBL_EPSILON
#else
#define REAL_EPSILON ((double)FLT_EPSILON)
#endif

/* The decomposition of an (m,n) matrix in LAPACK's order; k = min(m,n). */
typedef struct svd {
    int m, n, k;
    double *a;  /* m n; destroyed */
    double *s;  /* k, descending */
    double *u;  /* m k */
    double *vt; /* k n */
    double *block;
} svd;

static lt_status svd_init(svd *d, int m, int n, lt_err *err)
{
    size_t rows = (size_t)m, cols = (size_t)n;
    size_t k = rows < cols ? rows : cols;

    *d = (svd){.m = m, .n = n, .k = (int)k};
    d->block =
        lt_mem_alloc(rows * cols + k + rows * k + k * cols, sizeof *d->block);
    if (!d->block)
        return lt_err_mark(err, LT_ENOMEM);
    d->a = d->block;
    d->s = d->a + rows * cols;
    d->u = d->s + k;
    d->vt = d->u + rows * k;
    return LT_OK;
}

static int svd_call(svd *d, double *work, int lwork, int *iwork)
{
    int info = 0;

    dgesdd_("S", &d->m, &d->n, d->a, &d->m, d->s, d->u, &d->m, d->vt, &d->k,
            work, &lwork, iwork, &info, 1);
    return info;
}

static lt_status svd_compute(svd *d, lt_err *err)
{
    double size = 0, *work = NULL;
    int *iwork = lt_mem_alloc(8 * (size_t)d->k, sizeof *iwork), info = 0;
    lt_status rc = LT_ENOMEM;

    if (!iwork)
        goto done;
    svd_call(d, &size, -1, iwork);
    work = lt_mem_alloc((size_t)size, sizeof *work);
    if (!work)
        goto done;
    info = svd_call(d, work, (int)size, iwork);
    rc = info == 0 ? LT_OK
                   : lt_err_set(err, LT_EDIVERGED,
                                "singular values of a %dx%d matrix do not "
                                "converge (dgesdd: %d)",
                                d->n, d->m, info);
done:
    lt_mem_free(work);
    lt_mem_free(iwork);
    return lt_err_mark(err, rc);
}

/* Scales the columns of U by the inverse singular values. */
static void svd_scale(svd *d, double rtol)
{
    double least;

    if (rtol <= 0)
        rtol = REAL_EPSILON * (d->m > d->n ? d->m : d->n);
    least = rtol * d->s[0];
    for (int j = 0; j < d->k; j++) {
        double inverse = d->s[j] > least ? 1 / d->s[j] : 0;

        cblas_dscal(d->m, inverse, d->u + (size_t)j * (size_t)d->m, 1);
    }
}

static lt_status matrix_check(const char *what, int rows, int cols,
                              const double *a, lt_err *err)
{
    for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++)
        if (!isfinite(a[i]))
            return lt_err_set(err, LT_EDIVERGED,
                              "%s: element (%zu,%zu) of a %dx%d matrix is "
                              "%g, wanted finite numbers",
                              what, i / (size_t)cols, i % (size_t)cols, rows,
                              cols, a[i]);
    return LT_OK;
}

static lt_status pinv_run(svd *d, const lt_real *a, double rtol, lt_real *out,
                          lt_err *err)
{
    size_t n = (size_t)d->m * (size_t)d->n;

    for (size_t i = 0; i < n; i++)
        d->a[i] = (double)a[i];
    LT_TRY(matrix_check("pseudo-inverse", d->n, d->m, d->a, err));
    LT_TRY(svd_compute(d, err));
    svd_scale(d, rtol);
    /* (n,m) = V (n,k) times (U S+)' (k,m); `a` is free for the result. */
    cblas_dgemm(CblasColMajor, CblasTrans, CblasTrans, d->n, d->m, d->k, 1,
                d->vt, d->k, d->u, d->m, 0, d->a, d->n);
    for (size_t i = 0; i < n; i++)
        out[i] = (lt_real)d->a[i];
    return LT_OK;
}

lt_status lt_linalg_pinv(int rows, int cols, const lt_real *a, double rtol,
                         lt_real *out, lt_err *err)
{
    svd d;
    lt_status rc;

    LT_ASSERT(rows > 0 && cols > 0);
    LT_TRY(svd_init(&d, cols, rows, err));
    rc = pinv_run(&d, a, rtol, out, err);
    lt_mem_free(d.block);
    return rc;
}

static int eigh_call(int n, double *a, double *values, int vectors,
                     double *work, int lwork, int *iwork, int liwork)
{
    int info = 0;

    dsyevd_(vectors ? "V" : "N", "U", &n, a, &n, values, work, &lwork, iwork,
            &liwork, &info, 1, 1);
    return info;
}

lt_status lt_linalg_eigh(int n, double *a, double *values, int vectors,
                         lt_err *err)
{
    double size = 0, *work = NULL;
    int isize = 0, *iwork = NULL, info;
    lt_status rc = LT_ENOMEM;

    LT_ASSERT(n > 0);
    LT_TRY(matrix_check("eigenvalues", n, n, a, err));
    eigh_call(n, a, values, vectors, &size, -1, &isize, -1);
    work = lt_mem_alloc((size_t)size, sizeof *work);
    iwork = lt_mem_alloc((size_t)isize, sizeof *iwork);
    if (!work || !iwork)
        goto done;
    info = eigh_call(n, a, values, vectors, work, (int)size, iwork, isize);
    rc = info == 0 ? LT_OK
                   : lt_err_set(err, LT_EDIVERGED,
                                "eigenvalues of a %dx%d matrix do not converge "
                                "(dsyevd: %d)",
                                n, n, info);
done:
    lt_mem_free(iwork);
    lt_mem_free(work);
    return lt_err_mark(err, rc);
}
