/* Principal components as a baseline; see latent/train/probe.h.
 *
 * Two passes over the training set (covariance; codes and errors at once) and
 * one over the test set, a block of examples at a time. The eigenvectors
 * cannot be interrupted: about a tenth of a second for 784 inputs, growing
 * with the cube. */
#include "latent/base/mem.h"
#include "latent/math/pca.h"
#include "train/probe_int.h"

#include <string.h>

#define ROWS 512

typedef struct pass {
    const lt_probe *probe;
    int elements, components;
    lt_real *x, *back, *code; /* (ROWS,D) twice, (ROWS,k) */
    lt__probe_watch watch;
} pass;

static lt_status pass_init(pass *s, lt_err *err)
{
    size_t d = (size_t)s->elements, k = (size_t)s->components;

    s->x = lt_mem_aligned(ROWS * (2 * d + k), sizeof *s->x);
    if (!s->x)
        return lt_err_mark(err, LT_ENOMEM);
    s->back = s->x + ROWS * d;
    s->code = s->back + ROWS * d;
    return LT_OK;
}

/* The next *n examples of a set, from `at` on, into s->x. */
static lt_status rows_next(pass *s, const lt_dataset *set, int at, int *n,
                           lt_err *err)
{
    int rows = lt_dataset_rows(set);

    *n = rows - at < ROWS ? rows - at : ROWS;
    LT_TRY(lt__probe_poll(&s->watch, (double)at / rows, err));
    lt_dataset_gather(set, NULL, at, *n, s->x);
    return lt__probe_finite(
        set == s->probe->train ? LT__PROBE_TRAIN : LT__PROBE_TEST, at,
        s->elements, (size_t)*n * (size_t)s->elements, s->x, err);
}

static lt_status components_fit(pass *s, lt_pca **out, lt_err *err)
{
    const lt_dataset *train = s->probe->train;
    lt_covariance *c = NULL;
    lt_status rc;
    int n = 0;

    LT_TRY(lt_covariance_new(s->elements, s->probe->pool, &c, err));
    for (int at = 0; at < lt_dataset_rows(train); at += n) {
        rc = rows_next(s, train, at, &n, err);
        if (rc != LT_OK)
            goto done;
        lt_covariance_add(c, n, s->x);
    }
    rc = lt_pca_fit(c, s->components, out, err);
done:
    lt_covariance_free(c);
    return rc;
}

/* The set's codes, into codes (n,k), and its mean squared error. */
static lt_status set_code(pass *s, const lt_pca *pca, const lt_dataset *set,
                          float *codes, double *sse, lt_err *err)
{
    lt_pool *pool = s->probe->pool;
    double sum = 0;
    int n = 0;

    for (int at = 0; at < lt_dataset_rows(set); at += n) {
        size_t size;

        LT_TRY(rows_next(s, set, at, &n, err));
        size = (size_t)n * (size_t)s->components;
        lt_pca_encode(pca, pool, n, s->x, s->code);
        lt_pca_decode(pca, pool, n, s->code, s->back);
        sum += lt_vec_sse_value(pool, (size_t)n * (size_t)s->elements, s->back,
                                s->x);
        for (size_t i = 0; i < size; i++)
            *codes++ = (float)s->code[i];
    }
    *sse = sum / lt_dataset_rows(set);
    return LT_OK;
}

static lt_status labels_copy(const lt_dataset *set, uint8_t **out, lt_err *err)
{
    size_t n = (size_t)lt_dataset_rows(set);

    if (!lt_dataset_labels(set))
        return LT_OK;
    *out = lt_mem_alloc(n, 1);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    memcpy(*out, lt_dataset_labels(set), n);
    return LT_OK;
}

typedef struct coded {
    const lt_dataset *from;
    lt_dataset **to;
    double *sse;
} coded;

static lt_status set_project(pass *s, const lt_pca *pca, coded c, lt_err *err)
{
    int n = lt_dataset_rows(c.from);
    uint8_t *labels = NULL;
    float *values = NULL;
    lt_status rc = labels_copy(c.from, &labels, err);

    if (rc == LT_OK) {
        values =
            lt_mem_alloc((size_t)n * (size_t)s->components, sizeof *values);
        rc = values ? set_code(s, pca, c.from, values, c.sse, err)
                    : lt_err_mark(err, LT_ENOMEM);
    }
    if (rc == LT_OK)
        return lt_dataset_new_take(LT_ELEM_F32, n, lt_shape_flat(s->components),
                                   values, labels, c.to, err);
    lt_mem_free(values);
    lt_mem_free(labels);
    return rc;
}

static double share_explained(const lt_pca *pca)
{
    const double *variances = lt_pca_variances(pca);
    double first = 0, all = 0;

    for (int i = 0; i < lt_pca_inputs(pca); i++) {
        all += variances[i];
        first += i < lt_pca_components(pca) ? variances[i] : 0;
    }
    return all > 0 ? first / all : 1;
}

lt_status lt_probe_pca(const lt_probe *p, int components, lt_pca_probe *out,
                       lt_err *err)
{
    lt_pca_probe made = {0};
    pass s = {.probe = p,
              .elements = lt_shape_elements(lt_dataset_shape(p->test)),
              .components = components,
              .watch = {.observer = p->observer, .phase = "probe pca"}};
    lt_pca *pca = NULL;
    lt_status rc;

    LT_ASSERT(p->train && components > 0);
    LT_TRY(lt__probe_check(p, "pca", false, err));
    rc = pass_init(&s, err);
    if (rc == LT_OK)
        rc = components_fit(&s, &pca, err);
    if (rc == LT_OK)
        rc = set_project(&s, pca,
                         (coded){p->train, &made.train, &made.train_sse}, err);
    if (rc == LT_OK)
        rc = set_project(&s, pca, (coded){p->test, &made.test, &made.test_sse},
                         err);
    if (rc == LT_OK) {
        made.explained = share_explained(pca);
        *out = made;
    } else {
        lt_dataset_free(made.train);
    }
    lt_pca_free(pca);
    lt_mem_free(s.x);
    return rc;
}
