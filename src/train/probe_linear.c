/* A softmax classifier on codes; see latent/train/probe.h.
 *
 * The objective is convex and smooth: Newton's method (newton.h) finds its one
 * minimum. What it needs of the Hessian are products with vectors:
 *   Z = X W',  P = softmax(Z),  g = (P - Y)' X / N + l2 W
 *   U = X V',  H V = (P * (U - sum_k P U))' X / N + l2 V
 * each one pass over the set, two thin matrix products. Biases are the weights
 * of a last column of ones, and not penalised.
 *
 * Passes run in pieces of ROWS examples, each with its own gradient; these are
 * added in double, in order, so neither the threads nor float's digits set
 * where the gradient ends. Memory: the standardised codes and two (N,K). */
#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "train/newton.h"
#include "train/probe_int.h"

#include <math.h>
#include <string.h>

#define ROWS  2048 /* of a piece */
#define NOISE 1e-7 /* of the objective, relative, from float products */

typedef struct linear {
    const lt_probe *probe;
    const lt_linear_opts *opts;
    int n, dims, classes; /* N; D + 1, the last column ones; K */
    int pieces;
    double *mean, *scale; /* (D) */
    lt_real *x;           /* (N,D+1) */
    lt_real *p;           /* (N,K) probabilities */
    lt_real *delta;       /* (N,K) */
    lt_real *v;           /* (K,D+1) what a pass multiplies with */
    lt_real *parts;       /* (pieces,K,D+1) */
    double *losses;       /* (pieces) */
    double *w;            /* (K,D+1) the classifier */
    int products;
    lt__probe_watch watch;
} linear;

lt_linear_opts lt_linear_defaults(void)
{
    return (lt_linear_opts){.l2 = 1e-4, .tolerance = 1e-5, .iterations = 100};
}

/* ---- codes ---- */

static int labels_most(const lt_dataset *d)
{
    const uint8_t *labels = lt_dataset_labels(d);
    int most = 0;

    for (int i = 0; i < lt_dataset_rows(d); i++)
        most = labels[i] > most ? labels[i] : most;
    return most;
}

static int classes_of(const lt_probe *p)
{
    int a = labels_most(p->train), b = labels_most(p->test);

    return (a > b ? a : b) + 1;
}

/* out (n,D+1) = standardised rows of x (n,D), and a one. */
static void rows_standardise(const linear *l, int n, const lt_real *x,
                             lt_real *out)
{
    int d = l->dims - 1;

    for (int i = 0; i < n; i++) {
        for (int j = 0; j < d; j++)
            *out++ = (lt_real)(((double)*x++ - l->mean[j]) * l->scale[j]);
        *out++ = 1;
    }
}

typedef void row_block(linear *l, int first, int n, const lt_real *x);

static void mean_add(linear *l, int first, int n, const lt_real *x)
{
    (void)first;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < l->dims - 1; j++)
            l->mean[j] += (double)*x++ / l->n;
}

static void variance_add(linear *l, int first, int n, const lt_real *x)
{
    (void)first;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < l->dims - 1; j++) {
            double deviation = (double)*x++ - l->mean[j];

            l->scale[j] += deviation * deviation / l->n;
        }
}

static void rows_keep(linear *l, int first, int n, const lt_real *x)
{
    rows_standardise(l, n, x, l->x + (size_t)first * (size_t)l->dims);
}

/* Calls `use` for all training codes, block by block; `block` (ROWS,D). */
static lt_status train_read(linear *l, lt_real *block, row_block *use,
                            lt_err *err)
{
    int d = l->dims - 1;

    for (int at = 0; at < l->n; at += ROWS) {
        int n = l->n - at < ROWS ? l->n - at : ROWS;

        LT_TRY(lt__probe_poll(&l->watch, 0, err));
        lt_dataset_gather(l->probe->train, NULL, at, n, block);
        LT_TRY(lt__probe_finite(LT__PROBE_TRAIN, at, d, (size_t)n * (size_t)d,
                                block, err));
        use(l, at, n, block);
    }
    return LT_OK;
}

/* From variances; one that rounding alone explains is none. */
static void scale_set(linear *l)
{
    for (int j = 0; j < l->dims - 1; j++) {
        double variance = l->scale[j], least = 1e-14 * l->mean[j] * l->mean[j];

        l->scale[j] = variance > least ? 1 / sqrt(variance) : 0;
    }
}

static lt_status codes_prepare(linear *l, lt_real *block, lt_err *err)
{
    LT_TRY(train_read(l, block, mean_add, err));
    LT_TRY(train_read(l, block, variance_add, err));
    scale_set(l);
    return train_read(l, block, rows_keep, err);
}

/* ---- passes ---- */

/* Probabilities in place of the logits z (K); returns log sum exp z. */
static double softmax_row(int classes, lt_real *z)
{
    double most = (double)z[0], sum = 0;

    for (int k = 1; k < classes; k++)
        most = (double)z[k] > most ? (double)z[k] : most;
    for (int k = 0; k < classes; k++)
        sum += exp((double)z[k] - most);
    for (int k = 0; k < classes; k++)
        z[k] = (lt_real)(exp((double)z[k] - most) / sum);
    return most + log(sum);
}

/* A piece's rows. */
typedef struct piece_of {
    size_t first;
    int n;
    const lt_real *x; /* (n,D+1) */
    lt_real *p, *delta;
} piece_of;

static piece_of piece_rows(const linear *l, int piece)
{
    size_t first = (size_t)piece * ROWS, k = (size_t)l->classes;
    int left = l->n - (int)first;

    return (piece_of){.first = first,
                      .n = left < ROWS ? left : ROWS,
                      .x = l->x + first * (size_t)l->dims,
                      .p = l->p + first * k,
                      .delta = l->delta + first * k};
}

/* The piece's part of delta' X. */
static void part_make(const linear *l, int piece, const piece_of *r)
{
    size_t size = (size_t)l->classes * (size_t)l->dims;

    lt_gemm_bare(LT_TRANS, LT_NOTRANS, l->classes, l->dims, r->n, 1, r->delta,
                 r->x, 0, l->parts + (size_t)piece * size);
}

static void gradient_piece(void *arg, int piece)
{
    const linear *l = arg;
    const uint8_t *labels = lt_dataset_labels(l->probe->train);
    piece_of r = piece_rows(l, piece);
    size_t k = (size_t)l->classes;
    double loss = 0;

    lt_gemm_bare(LT_NOTRANS, LT_TRANS, r.n, l->classes, l->dims, 1, r.x, l->v,
                 0, r.p);
    for (size_t i = 0; i < (size_t)r.n; i++) {
        uint8_t label = labels[r.first + i];
        double z = (double)r.p[i * k + label];

        loss += softmax_row(l->classes, r.p + i * k) - z;
        memcpy(r.delta + i * k, r.p + i * k, k * sizeof *r.p);
        r.delta[i * k + label] -= 1;
    }
    l->losses[piece] = loss;
    part_make(l, piece, &r);
}

static void product_piece(void *arg, int piece)
{
    const linear *l = arg;
    piece_of r = piece_rows(l, piece);
    size_t k = (size_t)l->classes;

    lt_gemm_bare(LT_NOTRANS, LT_TRANS, r.n, l->classes, l->dims, 1, r.x, l->v,
                 0, r.delta);
    for (size_t i = 0; i < (size_t)r.n; i++) {
        const lt_real *p = r.p + i * k;
        lt_real *u = r.delta + i * k;
        double mean = 0;

        for (size_t j = 0; j < k; j++)
            mean += (double)p[j] * (double)u[j];
        for (size_t j = 0; j < k; j++)
            u[j] = p[j] * (lt_real)((double)u[j] - mean);
    }
    part_make(l, piece, &r);
}

/* out (K,D+1) = the parts' sum / N + l2 v, where v has a penalty. */
static void parts_sum(const linear *l, const double *v, double *out)
{
    size_t d = (size_t)l->dims, size = (size_t)l->classes * d;

    memset(out, 0, size * sizeof *out);
    for (size_t p = 0; p < (size_t)l->pieces; p++)
        for (size_t i = 0; i < size; i++)
            out[i] += (double)l->parts[p * size + i];
    for (size_t i = 0; i < size; i++)
        out[i] = out[i] / l->n + (i % d == d - 1 ? 0 : l->opts->l2 * v[i]);
}

static void pass_run(linear *l, const double *v, lt_pool_task *task,
                     double *out)
{
    size_t size = (size_t)l->classes * (size_t)l->dims;

    for (size_t i = 0; i < size; i++)
        l->v[i] = (lt_real)v[i];
    lt_pool_run(l->probe->pool, l->pieces, task, l);
    parts_sum(l, v, out);
    l->products++;
}

/* The objective at w, its gradient, and the probabilities for products. */
static double linear_value(void *self, const double *w, double *gradient)
{
    linear *l = self;
    size_t d = (size_t)l->dims, size = (size_t)l->classes * d;
    double loss = 0, squares = 0;

    pass_run(l, w, gradient_piece, gradient);
    for (int p = 0; p < l->pieces; p++)
        loss += l->losses[p];
    for (size_t i = 0; i < size; i++)
        squares += i % d == d - 1 ? 0 : w[i] * w[i];
    return loss / l->n + l->opts->l2 / 2 * squares;
}

static void linear_product(void *self, const double *v, double *out)
{
    pass_run(self, v, product_piece, out);
}

static lt_status linear_poll(void *self, double done, lt_err *err)
{
    linear *l = self;

    return lt__probe_poll(&l->watch, done, err);
}

static lt_status linear_solve(linear *l, lt_linear_result *out, lt_err *err)
{
    lt__newton method = {.size = (size_t)l->classes * (size_t)l->dims,
                         .tolerance = l->opts->tolerance,
                         .iterations = l->opts->iterations,
                         .noise = NOISE,
                         .self = l,
                         .value = linear_value,
                         .product = linear_product,
                         .poll = linear_poll};
    lt__newton_result found;

    LT_TRY(lt__newton_run(&method, l->w, &found, err));
    out->gradient = found.gradient;
    out->iterations = found.iterations;
    out->is_converged = found.is_converged;
    out->products = l->products;
    return LT_OK;
}

/* ---- judging ---- */

static int row_best(int classes, const lt_real *z)
{
    int best = 0;

    for (int k = 1; k < classes; k++)
        if (z[k] > z[best])
            best = k;
    return best;
}

/* Accuracy and loss of the weights in l->v on a set; block (ROWS,D). */
static lt_status set_judge(linear *l, const lt_dataset *set, lt_real *block,
                           double figures[2], lt_err *err)
{
    const uint8_t *labels = lt_dataset_labels(set);
    int rows = lt_dataset_rows(set), d = l->dims - 1, hits = 0;
    size_t k = (size_t)l->classes;
    double loss = 0;

    for (int at = 0; at < rows; at += ROWS) {
        int n = rows - at < ROWS ? rows - at : ROWS;

        lt_dataset_gather(set, NULL, at, n, block);
        LT_TRY(lt__probe_finite(LT__PROBE_TEST, at, d, (size_t)n * (size_t)d,
                                block, err));
        rows_standardise(l, n, block, l->x);
        lt_gemm(l->probe->pool, LT_NOTRANS, LT_TRANS, n, l->classes, l->dims, 1,
                l->x, l->v, 0, l->p);
        for (size_t i = 0; i < (size_t)n; i++) {
            uint8_t label = labels[(size_t)at + i];
            double z = (double)l->p[i * k + label];

            hits += row_best(l->classes, l->p + i * k) == label;
            loss += softmax_row(l->classes, l->p + i * k) - z;
        }
    }
    figures[0] = (double)hits / rows;
    figures[1] = loss / rows;
    return LT_OK;
}

static lt_status linear_judge(linear *l, lt_real *block, lt_linear_result *out,
                              lt_err *err)
{
    size_t size = (size_t)l->classes * (size_t)l->dims;
    double train[2], test[2];

    for (size_t i = 0; i < size; i++)
        l->v[i] = (lt_real)l->w[i];
    LT_TRY(set_judge(l, l->probe->train, block, train, err));
    LT_TRY(set_judge(l, l->probe->test, block, test, err));
    out->train_accuracy = train[0];
    out->train_loss = train[1];
    out->test_accuracy = test[0];
    out->test_loss = test[1];
    return LT_OK;
}

/* ---- the probe ---- */

static lt_status linear_init(linear *l, lt_real **block, lt_err *err)
{
    size_t d1 = (size_t)l->dims, k = (size_t)l->classes, size = k * d1;
    size_t rows = (size_t)l->n > ROWS ? (size_t)l->n : ROWS;

    l->x = lt_mem_aligned(rows * (d1 + 2 * k), sizeof *l->x);
    l->v = lt_mem_aligned(size * ((size_t)l->pieces + 1), sizeof *l->v);
    l->mean = lt_mem_zero(2 * d1 + (size_t)l->pieces, sizeof *l->mean);
    l->w = lt_mem_zero(size, sizeof *l->w);
    *block = lt_mem_aligned(ROWS * d1, sizeof **block);
    if (!l->x || !l->v || !l->mean || !l->w || !*block)
        return lt_err_mark(err, LT_ENOMEM);
    l->p = l->x + rows * d1;
    l->delta = l->p + rows * k;
    l->parts = l->v + size;
    l->scale = l->mean + d1;
    l->losses = l->scale + d1;
    return LT_OK;
}

lt_status lt_probe_linear(const lt_probe *p, const lt_linear_opts *opts,
                          lt_linear_result *out, lt_err *err)
{
    linear l = {.probe = p, .opts = opts};
    lt_real *block = NULL;
    lt_status rc;

    LT_ASSERT(p->train && opts->l2 >= 0 && opts->tolerance > 0);
    LT_TRY(lt__probe_check(p, "linear", true, err));
    *out = (lt_linear_result){0};
    l.n = lt_dataset_rows(p->train);
    l.dims = lt_shape_elements(lt_dataset_shape(p->train)) + 1;
    l.classes = classes_of(p);
    l.pieces = (l.n + ROWS - 1) / ROWS;
    l.watch =
        (lt__probe_watch){.observer = p->observer, .phase = "probe linear"};
    rc = linear_init(&l, &block, err);
    if (rc == LT_OK)
        rc = codes_prepare(&l, block, err);
    if (rc == LT_OK)
        rc = linear_solve(&l, out, err);
    if (rc == LT_OK)
        rc = linear_judge(&l, block, out, err);
    lt_mem_free(block);
    lt_mem_free(l.w);
    lt_mem_free(l.mean);
    lt_mem_free(l.v);
    lt_mem_free(l.x);
    return rc;
}
