/* Mean, covariance and principal components of examples that come in blocks,
 * in double:
 *
 *     lt_covariance_new, lt_covariance_add for every block, lt_pca_fit
 *
 * A covariance is the mean over the N examples (not N - 1) of the products of
 * deviations. */
#ifndef LT_PCA_H
#define LT_PCA_H

#include <stdint.h>

#include "latent/base/status.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"

/* Inputs at most: the eigenvectors of more would take minutes. */
#define LT_PCA_MOST 8192

typedef struct lt_covariance lt_covariance;

/* For examples of D inputs; keeps (D,D) doubles. EINVAL above LT_PCA_MOST. */
lt_status lt_covariance_new(int inputs, lt_pool *pool, lt_covariance **out,
                            lt_err *err);
void lt_covariance_free(lt_covariance *c);

/* Adds the rows of x (rows,D). Allocates nothing. */
void lt_covariance_add(lt_covariance *c, int rows, const lt_real *x);
int64_t lt_covariance_rows(const lt_covariance *c); /* N so far */

/* mean (D) and covariance (D,D), symmetric, of all rows so far; either may be
 * NULL. EINVAL without rows, or when a value was not finite. */
lt_status lt_covariance_get(const lt_covariance *c, double *mean,
                            double *covariance, lt_err *err);

typedef struct lt_pca lt_pca;

/* The first `components` (k, 1 to D) principal components. */
lt_status lt_pca_fit(const lt_covariance *c, int components, lt_pca **out,
                     lt_err *err);
void lt_pca_free(lt_pca *pca);

int lt_pca_inputs(const lt_pca *pca);         /* D */
int lt_pca_components(const lt_pca *pca);     /* k */
const double *lt_pca_mean(const lt_pca *pca); /* (D) */
/* (k,D): orthonormal rows, by descending variance; the element of a row that
 * is largest in size (the first of equal ones) is positive. */
const double *lt_pca_axes(const lt_pca *pca);
/* (D): variances along all axes, descending, none negative. Their sum from k
 * on is the mean squared error of lt_pca_decode(lt_pca_encode(x)). */
const double *lt_pca_variances(const lt_pca *pca);

/* code (rows,k) = (x - mean) axes';  x (rows,D) = code axes + mean */
void lt_pca_encode(const lt_pca *pca, lt_pool *pool, int rows, const lt_real *x,
                   lt_real *code);
void lt_pca_decode(const lt_pca *pca, lt_pool *pool, int rows,
                   const lt_real *code, lt_real *x);

#endif
