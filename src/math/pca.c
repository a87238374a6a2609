/* Covariances in blocks, and principal components; see latent/math/pca.h.
 *
 * Everything is summed in double: whitening divides by the roots of small
 * eigenvalues, and float sums would leave nothing but rounding there. The mean
 * of the first block is taken from all rows before they are multiplied, so
 * that data far from 0 lose no digits; with d = mean - shift,
 *   covariance = sum (x - shift)(x - shift)' / N - d d'
 * The product is made for the lower triangle only, in strips of rows that are
 * the pool's pieces; strips depend on D alone. Blocks are cut to CHUNK rows.
 *
 * MNIST (60,000 x 784) takes 37 billion multiplications and additions, then
 * about 9 D^3 operations for the eigenvectors. Forbidden: lt_pca_fit while
 * rows are still being added by another thread. */
#include "latent/math/pca.h"

#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "latent/math/linalg.h"
#include "latent/math/vec.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#define CHUNK 512 /* rows multiplied at once */
#define STRIP 96  /* rows of the covariance a piece */

struct lt_covariance {
    int inputs; /* D */
    lt_pool *pool;
    int64_t rows;
    double *shift;    /* (D) */
    double *sums;     /* (D) of x - shift */
    double *products; /* (D,D), the lower triangle */
    double *chunk;    /* (CHUNK,D), x - shift */
    int chunk_rows;
};

struct lt_pca {
    int inputs, components; /* D, k */
    double *mean;           /* (D) */
    double *variances;      /* (D) */
    double *axes;           /* (k,D) */
    lt_real *real_axes;     /* (k,D) */
    lt_real *real_mean;     /* (D) */
    lt_real *bias;          /* (k), -axes mean */
};

/* ---- covariance ---- */

lt_status lt_covariance_new(int inputs, lt_pool *pool, lt_covariance **out,
                            lt_err *err)
{
    lt_covariance *c;
    size_t d = (size_t)inputs;

    LT_ASSERT(out && inputs > 0);
    if (inputs > LT_PCA_MOST)
        return lt_err_set(err, LT_EINVAL,
                          "covariance: examples of %d elements, wanted at most "
                          "%d",
                          inputs, LT_PCA_MOST);
    c = lt_mem_zero(1, sizeof *c);
    if (!c)
        return lt_err_mark(err, LT_ENOMEM);
    c->inputs = inputs;
    c->pool = pool;
    c->shift = lt_mem_zero(2 * d, sizeof *c->shift);
    c->products = lt_mem_aligned(d * d, sizeof *c->products);
    c->chunk = lt_mem_aligned(CHUNK * d, sizeof *c->chunk);
    if (!c->shift || !c->products || !c->chunk) {
        lt_covariance_free(c);
        return lt_err_mark(err, LT_ENOMEM);
    }
    c->sums = c->shift + d;
    *out = c;
    return LT_OK;
}

void lt_covariance_free(lt_covariance *c)
{
    if (!c)
        return;
    lt_mem_free(c->shift);
    lt_mem_free(c->products);
    lt_mem_free(c->chunk);
    lt_mem_free(c);
}

static void shift_set(lt_covariance *c, int rows, const lt_real *x)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < c->inputs; j++)
            c->shift[j] += (double)*x++;
    for (int j = 0; j < c->inputs; j++)
        c->shift[j] /= rows;
}

static void chunk_fill(lt_covariance *c, int rows, const lt_real *x)
{
    double *to = c->chunk;

    for (int i = 0; i < rows; i++)
        for (int j = 0; j < c->inputs; j++) {
            *to = (double)*x++ - c->shift[j];
            c->sums[j] += *to++;
        }
    c->chunk_rows = rows;
}

/* Rows [first, last) of the lower triangle: columns [0, last). */
static void strip_add(void *arg, int piece)
{
    const lt_covariance *c = arg;
    int d = c->inputs, first = piece * STRIP;
    int last = d - first < STRIP ? d : first + STRIP;

    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, last - first, last,
                c->chunk_rows, 1, c->chunk + first, d, c->chunk, d, 1,
                c->products + (size_t)first * (size_t)d, d);
}

void lt_covariance_add(lt_covariance *c, int rows, const lt_real *x)
{
    LT_ASSERT(rows >= 0);
    if (c->rows == 0 && rows > 0)
        shift_set(c, rows, x);
    for (int at = 0; at < rows; at += CHUNK) {
        int n = rows - at < CHUNK ? rows - at : CHUNK;

        chunk_fill(c, n, x + (size_t)at * (size_t)c->inputs);
        lt_pool_run(c->pool, (c->inputs + STRIP - 1) / STRIP, strip_add, c);
    }
    c->rows += rows;
}

int64_t lt_covariance_rows(const lt_covariance *c)
{
    return c->rows;
}

static lt_status covariance_check(const lt_covariance *c, lt_err *err)
{
    if (c->rows < 1)
        return lt_err_set(err, LT_EINVAL,
                          "covariance: no examples, wanted at least 1");
    for (int j = 0; j < c->inputs; j++)
        if (!isfinite(c->sums[j]))
            return lt_err_set(err, LT_EINVAL,
                              "covariance: element %d of some example is not "
                              "finite (the sum is %g), wanted finite numbers",
                              j + 1, c->sums[j]);
    return LT_OK;
}

lt_status lt_covariance_get(const lt_covariance *c, double *mean,
                            double *covariance, lt_err *err)
{
    int d = c->inputs;
    double n = (double)c->rows;

    LT_TRY(covariance_check(c, err));
    for (int i = 0; mean && i < d; i++)
        mean[i] = c->shift[i] + c->sums[i] / n;
    for (int i = 0; covariance && i < d; i++)
        for (int j = 0; j <= i; j++) {
            size_t at = (size_t)i * (size_t)d + (size_t)j;
            double v =
                c->products[at] / n - (c->sums[i] / n) * (c->sums[j] / n);

            covariance[at] = v;
            covariance[(size_t)j * (size_t)d + (size_t)i] = v;
        }
    return LT_OK;
}

/* ---- principal components ---- */

static lt_status pca_new(int inputs, int components, lt_pca **out, lt_err *err)
{
    size_t d = (size_t)inputs, k = (size_t)components;
    lt_pca *p = lt_mem_zero(1, sizeof *p);

    if (!p)
        return lt_err_mark(err, LT_ENOMEM);
    p->inputs = inputs;
    p->components = components;
    p->mean = lt_mem_alloc(2 * d + k * d, sizeof *p->mean);
    p->real_axes = lt_mem_alloc(k * d + d + k, sizeof *p->real_axes);
    if (!p->mean || !p->real_axes) {
        lt_pca_free(p);
        return lt_err_mark(err, LT_ENOMEM);
    }
    p->variances = p->mean + d;
    p->axes = p->variances + d;
    p->real_mean = p->real_axes + k * d;
    p->bias = p->real_mean + d;
    *out = p;
    return LT_OK;
}

void lt_pca_free(lt_pca *pca)
{
    if (!pca)
        return;
    lt_mem_free(pca->mean);
    lt_mem_free(pca->real_axes);
    lt_mem_free(pca);
}

/* LAPACK gives either of two opposite vectors. */
static double axis_sign(int n, const double *v)
{
    int largest = 0;

    for (int i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[largest]))
            largest = i;
    return v[largest] < 0 ? -1 : 1;
}

/* From ascending eigenvalues and the eigenvectors in the rows of `vectors`. */
static void pca_fill(lt_pca *p, const double *values, const double *vectors)
{
    size_t d = (size_t)p->inputs;

    for (size_t i = 0; i < d; i++) {
        double v = values[d - 1 - i];

        p->variances[i] = v > 0 ? v : 0; /* below 0 by rounding only */
        p->real_mean[i] = (lt_real)p->mean[i];
    }
    for (size_t i = 0; i < (size_t)p->components; i++) {
        const double *from = vectors + (d - 1 - i) * d;
        double sign = axis_sign(p->inputs, from), offset = 0;

        for (size_t j = 0; j < d; j++) {
            p->axes[i * d + j] = sign * from[j];
            p->real_axes[i * d + j] = (lt_real)(sign * from[j]);
            offset += sign * from[j] * p->mean[j];
        }
        p->bias[i] = (lt_real)-offset;
    }
}

lt_status lt_pca_fit(const lt_covariance *c, int components, lt_pca **out,
                     lt_err *err)
{
    size_t d = (size_t)c->inputs;
    double *work = NULL; /* (D,D) and (D) */
    lt_pca *p = NULL;
    lt_status rc = LT_OK;

    LT_ASSERT(out);
    if (components < 1 || components > c->inputs)
        return lt_err_set(err, LT_EINVAL,
                          "PCA: %d components, wanted 1 to %d, the elements of "
                          "an example",
                          components, c->inputs);
    work = lt_mem_alloc(d * d + d, sizeof *work);
    rc = work ? pca_new(c->inputs, components, &p, err) : LT_ENOMEM;
    if (rc == LT_OK)
        rc = lt_covariance_get(c, p->mean, work, err);
    if (rc == LT_OK)
        rc = lt_linalg_eigh(c->inputs, work, work + d * d, 1, err);
    if (rc == LT_OK) {
        pca_fill(p, work + d * d, work);
        *out = p;
        p = NULL; /* now the caller's */
    }
    lt_pca_free(p);
    lt_mem_free(work);
    return lt_err_mark(err, rc);
}

int lt_pca_inputs(const lt_pca *pca)
{
    return pca->inputs;
}

int lt_pca_components(const lt_pca *pca)
{
    return pca->components;
}

const double *lt_pca_mean(const lt_pca *pca)
{
    return pca->mean;
}

const double *lt_pca_axes(const lt_pca *pca)
{
    return pca->axes;
}

const double *lt_pca_variances(const lt_pca *pca)
{
    return pca->variances;
}

void lt_pca_encode(const lt_pca *pca, lt_pool *pool, int rows, const lt_real *x,
                   lt_real *code)
{
    lt_gemm(pool, LT_NOTRANS, LT_TRANS, rows, pca->components, pca->inputs, 1,
            x, pca->real_axes, 0, code);
    lt_vec_bias_act(pool, LT_ACT_LINEAR, rows, pca->components, pca->bias,
                    code);
}

void lt_pca_decode(const lt_pca *pca, lt_pool *pool, int rows,
                   const lt_real *code, lt_real *x)
{
    lt_gemm(pool, LT_NOTRANS, LT_NOTRANS, rows, pca->inputs, pca->components, 1,
            code, pca->real_axes, 0, x);
    lt_vec_bias_act(pool, LT_ACT_LINEAR, rows, pca->inputs, pca->real_mean, x);
}
