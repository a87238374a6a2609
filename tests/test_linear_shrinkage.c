/* Linear autoencoders with an L2 penalty against exact theory (Kunin et al.
 * 2019). With e_i the variances along the principal axes and the loss
 *
 *   mean squared error per example + L (|W1|^2 + |W2|^2)
 *
 * every critical point has W1 = W2', the squared singular values of W2 at the
 * optimum are 1 - L / e_i (0 where e_i <= L: that axis is given up), and the
 * optimum is the sum of 2 L - L^2 / e_i over the axes kept and of e_i over the
 * others. The tied network has one weight where the untied has two and is the
 * same problem with 2 L. Our mse is per element: L = l2 D. */
#include "train_fixture.h"

#include "latent/math/linalg.h"
#include "latent/train/evaluate.h"
#include "latent/train/fit.h"

enum { D = 10, K = 3, N = 400 };

/* Variances along the principal axes, largest first. */
static void variances(const lt_dataset *d, double out[D])
{
    static lt_real x[N * D];
    double mean[D] = {0}, covariance[D * D] = {0}, ascending[D];

    lt_dataset_gather(d, NULL, 0, N, x);
    for (int i = 0; i < N * D; i++)
        mean[i % D] += (double)x[i] / N;
    for (int r = 0; r < N; r++)
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++)
                covariance[i * D + j] += ((double)x[r * D + i] - mean[i]) *
                                         ((double)x[r * D + j] - mean[j]) / N;
    assert_int_equal(lt_linalg_eigh(D, covariance, ascending, 0, NULL), LT_OK);
    for (int i = 0; i < D; i++)
        out[i] = ascending[D - 1 - i];
}

static double optimum(const double e[D], double penalty)
{
    double sum = 0;

    for (int i = 0; i < D; i++)
        sum += i < K && e[i] > penalty ? 2 * penalty - penalty * penalty / e[i]
                                       : e[i];
    return sum;
}

static lt_objective objective_of(lt_tie tie, double penalty)
{
    lt_objective o = lt_objective_of(LT_LOSS_MSE);

    o.l2 = (tie == LT_TIE_TIED ? 2 : 1) * penalty / D;
    return o;
}

static lt_net *trained(const lt_dataset *d, lt_tie tie, double penalty)
{
    const net_plan plan = {
        .width = D, .units = {K}, .n = 1, .tie = tie, .seed = 1};
    lt_net *net = net_make(&plan);
    lt_fit_opts o = {.train = d,
                     .objective = objective_of(tie, penalty),
                     .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                     .epochs = 500,
                     .batch = N,
                     .seed = 1};
    lt_err err = {0};

    o.optimizer.rate = 0.02;
    for (int stage = 0; stage < 6; stage++) {
        if (lt_fit(net, &o, NULL, &err) != LT_OK)
            fail_msg("%s", err.text);
        o.optimizer.rate *= 0.4;
    }
    return net;
}

/* Of the decoder's weight (D,K), largest first. */
static void singular_squares(lt_net *net, double out[K])
{
    const lt_layer *l = lt_net_layer(net, 1);
    const lt_real *w = lt_net_params(net) + l->weight;
    double gram[K * K] = {0}, ascending[K];

    for (int d = 0; d < D; d++)
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++)
                gram[i * K + j] +=
                    (double)w[l->is_transposed ? i * D + d : d * K + i] *
                    (double)w[l->is_transposed ? j * D + d : d * K + j];
    assert_int_equal(lt_linalg_eigh(K, gram, ascending, 0, NULL), LT_OK);
    for (int i = 0; i < K; i++)
        out[i] = ascending[K - 1 - i];
}

/* Largest difference between W1 (K,D) and W2' (K,D). */
static double asymmetry(lt_net *net)
{
    const lt_real *w1 = lt_net_params(net) + lt_net_layer(net, 0)->weight;
    const lt_real *w2 = lt_net_params(net) + lt_net_layer(net, 1)->weight;
    double worst = 0;

    for (int k = 0; k < K; k++)
        for (int d = 0; d < D; d++)
            worst = fmax(worst,
                         fabs((double)w1[k * D + d] - (double)w2[d * K + k]));
    return worst;
}

static void near_to(const char *what, double found, double wanted,
                    double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%s: %.9g, wanted %.9g", what, found, wanted);
}

static void check(const lt_dataset *d, const double e[D], lt_tie tie,
                  double penalty)
{
    lt_net *net = trained(d, tie, penalty);
    lt_objective o = objective_of(tie, penalty);
    double squares[K], sum = 0;
    lt_terms mean;

    assert_int_equal(lt_evaluate_terms(net, d, &o, 1, NULL, &mean, NULL),
                     LT_OK);
    near_to("loss", mean.loss * D, optimum(e, penalty),
            1e-4 * optimum(e, penalty));
    near_to("parts", mean.recon + o.l2 * mean.l2, mean.loss, 1e-6);
    singular_squares(net, squares);
    for (int i = 0; i < K; i++) {
        double wanted = e[i] > penalty ? 1 - penalty / e[i] : 0;

        near_to("squared singular value", squares[i], wanted, 0.01);
        sum += wanted;
    }
    near_to("l2", mean.l2, tie == LT_TIE_TIED ? sum : 2 * sum, 0.02);
    if (tie == LT_TIE_UNTIED)
        near_to("W1 - W2'", asymmetry(net), 0, 0.01);
    lt_net_free(net);
}

static void l2_shrinks_linear_networks_as_theory_says(void **state)
{
    lt_dataset *d = plane_make(N, D, 5, 0.1, 1);
    double e[D];

    (void)state;
    variances(d, e);
    for (int tie = 0; tie < 2; tie++) {
        lt_tie which = tie ? LT_TIE_TIED : LT_TIE_UNTIED;

        check(d, e, which, 0.1 * e[K - 1]);
        check(d, e, which, 0.5 * e[K - 1]);
        check(d, e, which, (e[K - 1] + e[K - 2]) / 2); /* gives one axis up */
    }
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l2_shrinks_linear_networks_as_theory_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
