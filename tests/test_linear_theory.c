/* Linear autoencoders against exact theory (Baldi and Hornik 1989): tied or
 * untied, the least squared error is that of PCA, and a tied optimum has
 * orthonormal weights. On generated data always; on MNIST, where the floor at
 * k = 30 is known to be 14.2071 (train) and 13.8663 (test), when LATENT_DATA
 * points at it (about 5 s of one core).
 * ctest: PROCESSORS 1 */
#include "train_fixture.h"

#include <stdlib.h>

#include "latent/data/catalog.h"
#include "latent/math/blas.h"
#include "latent/math/linalg.h"
#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

/* ---- PCA ---- */

enum { CHUNK = 500 };

typedef struct pca {
    int width;
    double *mean;     /* (D) */
    double *vectors;  /* (D,D) eigenvectors of the covariance, one a row */
    double *values;   /* (D) ascending */
    lt_real *x;       /* (CHUNK,D) centred examples */
    lt_real *product; /* (D,D), or (CHUNK,k) */
} pca;

/* The next at most CHUNK examples, centred; returns how many. */
static int pca_gather(const pca *p, const lt_dataset *d, int at)
{
    int left = lt_dataset_rows(d) - at, rows = left < CHUNK ? left : CHUNK;

    lt_dataset_gather(d, NULL, at, rows, p->x);
    for (int i = 0; i < rows * p->width; i++)
        p->x[i] -= (lt_real)p->mean[i % p->width];
    return rows;
}

static void pca_mean(pca *p, const lt_dataset *d)
{
    double *sums = lt_mem_zero((size_t)p->width, sizeof *sums);
    int rows;

    for (int at = 0; at < lt_dataset_rows(d); at += rows) {
        rows = pca_gather(p, d, at);
        for (int i = 0; i < rows * p->width; i++)
            sums[i % p->width] += p->x[i];
    }
    for (int j = 0; j < p->width; j++)
        p->mean[j] = sums[j] / lt_dataset_rows(d);
    lt_mem_free(sums);
}

static void pca_new(pca *p, const lt_dataset *train)
{
    int d = lt_shape_elements(lt_dataset_shape(train)), rows;
    size_t square = (size_t)d * (size_t)d;

    p->width = d;
    p->mean = lt_mem_zero((size_t)d, sizeof *p->mean);
    p->vectors = lt_mem_zero(square, sizeof *p->vectors);
    p->values = lt_mem_zero((size_t)d, sizeof *p->values);
    p->x = lt_mem_zero((size_t)CHUNK * (size_t)d, sizeof *p->x);
    p->product =
        lt_mem_zero(square + (size_t)CHUNK * (size_t)d, sizeof *p->product);
    pca_mean(p, train);
    for (int at = 0; at < lt_dataset_rows(train); at += rows) {
        rows = pca_gather(p, train, at);
        lt_gemm(NULL, LT_TRANS, LT_NOTRANS, d, d, rows, 1, p->x, p->x, 0,
                p->product);
        for (size_t i = 0; i < square; i++)
            p->vectors[i] += p->product[i];
    }
    for (size_t i = 0; i < square; i++)
        p->vectors[i] /= lt_dataset_rows(train);
    assert_int_equal(lt_linalg_eigh(d, p->vectors, p->values, 1, NULL), LT_OK);
}

static void pca_free(pca *p)
{
    lt_mem_free(p->mean);
    lt_mem_free(p->vectors);
    lt_mem_free(p->values);
    lt_mem_free(p->x);
    lt_mem_free(p->product);
}

/* Mean squared error of the reconstruction from the first k components. */
static double pca_floor(pca *p, const lt_dataset *set, int k)
{
    int d = p->width, rows;
    lt_real *top = lt_mem_alloc((size_t)k * (size_t)d, sizeof *top);
    double sum = 0;

    for (int i = 0; i < k * d; i++)
        top[i] = (lt_real)p->vectors[(size_t)(d - k) * (size_t)d + (size_t)i];
    for (int at = 0; at < lt_dataset_rows(set); at += rows) {
        rows = pca_gather(p, set, at);
        lt_gemm(NULL, LT_NOTRANS, LT_TRANS, rows, k, d, 1, p->x, top, 0,
                p->product);
        for (int i = 0; i < rows * d; i++)
            sum += (double)p->x[i] * p->x[i];
        for (int i = 0; i < rows * k; i++)
            sum -= (double)p->product[i] * p->product[i];
    }
    lt_mem_free(top);
    return sum / lt_dataset_rows(set);
}

/* ---- training ---- */

typedef struct recipe {
    lt_tie tie;
    int k, batch;
    double rate, decay; /* the rate is multiplied by it after each stage */
    int stages, epochs;
} recipe;

static lt_net *linear_train(const recipe *r, const lt_dataset *train)
{
    net_plan p = {.width = lt_shape_elements(lt_dataset_shape(train)),
                  .units = {r->k},
                  .n = 1,
                  .tie = r->tie,
                  .seed = 1};
    lt_net *net = net_make(&p);
    lt_fit_opts o = {.train = train,
                     .objective.loss = LT_LOSS_MSE,
                     .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                     .epochs = r->epochs,
                     .batch = r->batch,
                     .seed = 1};
    lt_err err = {0};

    o.optimizer.rate = r->rate;
    for (int i = 0; i < r->stages; i++) {
        if (lt_fit(net, &o, NULL, &err) != LT_OK)
            fail_msg("%s", err.text);
        o.first_epoch += r->epochs;
        o.optimizer.rate *= r->decay;
    }
    return net;
}

static double sse_of(lt_net *net, const lt_dataset *set)
{
    lt_terms mean;

    assert_int_equal(lt_evaluate(net, set, LT_LOSS_MSE, NULL, &mean, NULL),
                     LT_OK);
    return mean.sse;
}

/* Largest difference between W W' (k,k), W (k,D), and the identity. */
static double orthonormality(lt_net *net)
{
    const lt_layer *l = lt_net_layer(net, 0);
    const lt_real *w = lt_net_params(net) + l->weight;
    int k = lt_shape_elements(l->out), d = lt_shape_elements(l->in);
    double worst = 0;

    for (int a = 0; a < k; a++)
        for (int b = 0; b < k; b++) {
            double sum = a == b ? -1 : 0;

            for (int i = 0; i < d; i++)
                sum += (double)w[a * d + i] * w[b * d + i];
            worst = fabs(sum) > worst ? fabs(sum) : worst;
        }
    return worst;
}

/* At most `slack` above the floor, and not below it: it is one. */
static void floor_check(const char *what, double sse, double floor,
                        double slack)
{
    if (sse > floor * (1 + slack) || sse < floor * (1 - 1e-5))
        fail_msg("%s: sse %.6f, floor %.6f", what, sse, floor);
}

static void linear_autoencoders_reach_the_floor_of_pca(void **state)
{
    const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED, LT_TIE_UNROLLED};
    lt_dataset *train = plane_make(1000, 30, 8, 0.1, 1);
    pca p;

    (void)state;
    pca_new(&p, train);
    for (int i = 0; i < 3; i++) {
        recipe r = {ties[i], 4, 50, 0.02, 0.4, 6, 15};
        lt_net *net = linear_train(&r, train);

        floor_check(lt_tie_name(ties[i]), sse_of(net, train),
                    pca_floor(&p, train, 4), 0.002);
        lt_net_free(net);
    }
    pca_free(&p);
    lt_dataset_free(train);
}

static void tied_optimum_has_orthonormal_weights(void **state)
{
    recipe r = {LT_TIE_TIED, 4, 50, 0.02, 0.4, 6, 15};
    lt_dataset *train = plane_make(1000, 30, 8, 0.1, 1);
    lt_net *net = linear_train(&r, train);

    (void)state;
    assert_true(orthonormality(net) < 0.01);
    lt_net_free(net);
    lt_dataset_free(train);
}

static void every_code_size_has_its_own_floor(void **state)
{
    lt_dataset *train = plane_make(1000, 30, 8, 0.1, 1);
    double last = INFINITY;
    pca p;

    (void)state;
    pca_new(&p, train);
    for (int k = 1; k <= 7; k += 3) {
        recipe r = {LT_TIE_TIED, k, 50, 0.02, 0.4, 6, 15};
        lt_net *net = linear_train(&r, train);
        double sse = sse_of(net, train);

        floor_check("tied", sse, pca_floor(&p, train, k), 0.002);
        assert_true(sse < 0.95 * last);
        last = sse;
        lt_net_free(net);
    }
    pca_free(&p);
    lt_dataset_free(train);
}

static void mnist_autoencoders_reach_the_published_floor(void **state)
{
    const lt_tie ties[] = {LT_TIE_UNTIED, LT_TIE_TIED};
    const char *dir = getenv("LATENT_DATA");
    lt_data_pair data = {NULL, NULL};
    double train_floor, test_floor;
    pca p;

    (void)state;
    if (!dir || !*dir || lt_catalog_mnist(dir, &data, NULL) != LT_OK) {
        print_message("MNIST is not in LATENT_DATA: skipped\n");
        skip();
    }
    pca_new(&p, data.train);
    train_floor = pca_floor(&p, data.train, 30);
    test_floor = pca_floor(&p, data.test, 30);
    pca_free(&p);
    assert_true(fabs(train_floor - 14.2071) < 0.0005);
    assert_true(fabs(test_floor - 13.8663) < 0.0005);
    for (int i = 0; i < 2; i++) {
        recipe r = {ties[i], 30, 100, 0.003, 0.1, 3, 2};
        lt_net *net = linear_train(&r, data.train);
        double train = sse_of(net, data.train), test = sse_of(net, data.test);

        print_message("%s: train %.4f, floor %.4f; test %.4f, floor %.4f\n",
                      lt_tie_name(ties[i]), train, train_floor, test,
                      test_floor);
        floor_check(lt_tie_name(ties[i]), train, train_floor, 0.002);
        assert_true(fabs(test / test_floor - 1) < 0.003);
        if (ties[i] == LT_TIE_TIED)
            assert_true(orthonormality(net) < 0.05);
        lt_net_free(net);
    }
    lt_dataset_free(data.train);
    lt_dataset_free(data.test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_autoencoders_reach_the_floor_of_pca),
        cmocka_unit_test(tied_optimum_has_orthonormal_weights),
        cmocka_unit_test(every_code_size_has_its_own_floor),
        cmocka_unit_test(mnist_autoencoders_reach_the_published_floor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
