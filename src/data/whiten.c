/* Whitening by principal components; see latent/data/prepare.h.
 *
 * With the covariance U' L U of the training set (U has the axes in its rows),
 *   PCA  y = (L + e)^-1/2 U (x - mean)         x = y (L + e)^1/2 U + mean
 *   ZCA  y = U' (L + e)^-1/2 U (x - mean)      x = U' (L + e)^1/2 U y + mean
 * The covariance of y is the identity but for e. Each way is one product with
 * one matrix of lt_real, made once; the eigenvectors, in double, take about
 * 9 D^3 operations. In floats y is right to about 1e-6 / sqrt(l) along an axis
 * of variance l (PCA), or everywhere to 1e-7 times the ratio of the largest
 * standard deviation to the smallest (ZCA): an epsilon bounds both.
 *
 * Axes whose variance is rounding have nothing to be scaled up: without an
 * epsilon they give 0, and nothing back. */
#include "data/prepare_int.h"

#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "latent/math/pca.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BLOCK 512

/* ---- the covariance of a set ---- */

static lt_status missing_check(const lt_dataset *d, int first, int rows,
                               const lt_real *x, lt_err *err)
{
    int elements = lt_shape_elements(lt_dataset_shape(d));

    for (int i = 0; i < rows; i++)
        for (int j = 0; j < elements; j++, x++)
            if (!isfinite(*x))
                return lt_err_set(err, LT_EINVAL,
                                  "whiten: element %d of example %d is %g, "
                                  "wanted finite numbers",
                                  j + 1, first + i + 1, (double)*x);
    return LT_OK;
}

static lt_status set_add(lt_covariance *c, const lt_dataset *d, lt_err *err)
{
    int n = lt_dataset_rows(d);
    int elements = lt_shape_elements(lt_dataset_shape(d));
    lt_real *x = lt_mem_alloc(BLOCK * (size_t)elements, sizeof *x);
    lt_status rc = x ? LT_OK : LT_ENOMEM;

    for (int at = 0; at < n && rc == LT_OK; at += BLOCK) {
        int rows = n - at < BLOCK ? n - at : BLOCK;

        lt_dataset_gather(d, NULL, at, rows, x);
        rc = missing_check(d, at, rows, x, err);
        if (rc == LT_OK)
            lt_covariance_add(c, rows, x);
    }
    lt_mem_free(x);
    return lt_err_mark(err, rc);
}

static lt_status axes_fit(const lt_dataset *d, const lt_whiten_opts *o,
                          lt_pca **out, lt_err *err)
{
    int elements = lt_shape_elements(lt_dataset_shape(d));
    lt_covariance *c = NULL;
    lt_status rc = lt_covariance_new(elements, o->pool, &c, err);

    if (rc == LT_OK)
        rc = set_add(c, d, err);
    if (rc == LT_OK)
        rc = lt_pca_fit(c, o->components, out, err);
    lt_covariance_free(c);
    return rc;
}

/* ---- its matrices ---- */

/* How much each axis is divided by, and multiplied by on the way back. */
typedef struct spread {
    const lt_pca *pca;
    double epsilon;
} spread;

/* (l + e)^1/2; 0 where nothing varies and e is 0. */
static double spread_of(const spread *s, int axis)
{
    const double *l = lt_pca_variances(s->pca);
    double least = l[0] * DBL_EPSILON * lt_pca_inputs(s->pca);

    return l[axis] > least || s->epsilon > 0 ? sqrt(l[axis] + s->epsilon) : 0;
}

/* out (K,D) = the axes, each times its spread to the power given. */
static void axes_scale(const spread *s, double power, lt_real *out)
{
    const double *axes = lt_pca_axes(s->pca);
    size_t d = (size_t)lt_pca_inputs(s->pca), at = 0;

    for (int i = 0; i < lt_pca_components(s->pca); i++) {
        double width = spread_of(s, i);
        double factor = width > 0 ? pow(width, power) : 0;

        for (size_t j = 0; j < d; j++, at++)
            out[at] = (lt_real)(axes[at] * factor);
    }
}

/* out (D,D) = axes' diag(spread^power) axes, from its root (K,D). */
static void axes_square(const spread *s, double power, lt_pool *pool,
                        lt_real *root, lt_real *out)
{
    int d = lt_pca_inputs(s->pca);

    axes_scale(s, power / 2, root);
    lt_gemm(pool, LT_TRANS, LT_NOTRANS, d, d, lt_pca_components(s->pca), 1,
            root, root, 0, out);
}

static lt_status matrices_new(int rows, lt_prep *p, lt_err *err)
{
    size_t d = (size_t)lt_shape_elements(p->input), n = (size_t)rows * d;

    p->forward = lt_mem_zero(n, sizeof *p->forward);
    p->backward = lt_mem_zero(n, sizeof *p->backward);
    p->variances = lt_mem_zero(d, sizeof *p->variances);
    if (p->forward && p->backward && p->variances)
        return LT_OK;
    return lt_err_mark(err, LT_ENOMEM);
}

static lt_status matrices_fill(const spread *s, const lt_whiten_opts *o,
                               lt_prep *p, lt_err *err)
{
    size_t d = (size_t)lt_pca_inputs(s->pca);
    lt_real *root;

    memcpy(p->shift, lt_pca_mean(s->pca), d * sizeof *p->shift);
    memcpy(p->variances, lt_pca_variances(s->pca), d * sizeof *p->variances);
    if (!o->is_zca) {
        axes_scale(s, -1, p->forward);
        axes_scale(s, 1, p->backward);
        return LT_OK;
    }
    root = lt_mem_alloc((size_t)lt_pca_components(s->pca) * d, sizeof *root);
    if (!root)
        return lt_err_mark(err, LT_ENOMEM);
    axes_square(s, -1, o->pool, root, p->forward);
    axes_square(s, 1, o->pool, root, p->backward);
    lt_mem_free(root);
    return LT_OK;
}

/* ---- fitting ---- */

static lt_status opts_check(const lt_dataset *d, const lt_whiten_opts *o,
                            lt_err *err)
{
    int elements = lt_shape_elements(lt_dataset_shape(d));

    LT_TRY(lt__prep_check("whiten", d, err));
    if (o->components < 0 || o->components > elements)
        return lt_err_set(err, LT_EINVAL,
                          "whiten: %d components, wanted 1 to %d, the elements "
                          "of an example",
                          o->components, elements);
    if (!(o->epsilon >= 0) || !isfinite(o->epsilon))
        return lt_err_set(err, LT_EINVAL,
                          "whiten: epsilon %g, wanted 0 or more", o->epsilon);
    return LT_OK;
}

static lt_status whiten_fit(const lt_dataset *d, const lt_whiten_opts *o,
                            lt_prep *p, lt_err *err)
{
    lt_pca *pca = NULL;
    lt_status rc;

    LT_TRY(matrices_new(o->is_zca ? lt_shape_elements(p->input) : o->components,
                        p, err));
    if (o->is_trial)
        return LT_OK;
    rc = axes_fit(d, o, &pca, err);
    if (rc == LT_OK)
        rc = matrices_fill(&(spread){pca, o->epsilon}, o, p, err);
    lt_pca_free(pca);
    return rc;
}

lt_status lt_prep_whiten(const lt_dataset *train, const lt_whiten_opts *opts,
                         lt_prep **out, lt_err *err)
{
    lt_whiten_opts o = *opts;
    lt_prep *p = NULL;
    lt_status rc = opts_check(train, opts, err);

    if (o.components == 0)
        o.components = lt_shape_elements(lt_dataset_shape(train));
    if (rc == LT_OK)
        rc = lt__prep_new(train, &p, err);
    if (rc == LT_OK && !o.is_zca)
        p->output = lt_shape_flat(o.components);
    if (rc == LT_OK)
        rc = whiten_fit(train, &o, p, err);
    if (rc == LT_OK)
        *out = p;
    else
        lt_prep_free(p);
    return rc;
}
