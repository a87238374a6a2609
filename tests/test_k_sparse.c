/* k-sparse codes against counting, with ties, in training and evaluation. */
#include "layers_fixture.h"

enum { ROWS = 40, MOST = 60 };

static lt_net *k_net(int n, int k)
{
    const lt_layer_spec encoder[] = {K_SPARSE(k), DENSE(2, LINEAR)};
    const lt_net_spec spec = {
        .input = lt_shape_flat(n), .encoder = encoder, .n_encoder = 2};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* Whether x[i] is among the k largest: how many come before it? */
static bool is_kept(const lt_real *x, int n, int k, int i)
{
    int before = 0;

    for (int j = 0; j < n; j++)
        before += x[j] > x[i] || (x[j] == x[i] && j < i);
    return before < k;
}

/* Values of few kinds, so that many are equal, 0 and -0 among them. */
static void fill(lt_real *x, int n, int kinds)
{
    lt_rng rng;

    lt_rng_init(&rng, (uint64_t)(n * kinds), "k");
    for (int i = 0; i < n; i++)
        x[i] = kinds ? (lt_real)lt_rng_below(&rng, (uint64_t)kinds) - 1
                     : (lt_real)lt_rng_normal(&rng);
}

static void k_check(int n, int k, int kinds, bool with_gradient)
{
    lt_net *net = k_net(n, k);
    lt_tape *tape = fixture_tape(net, ROWS, with_gradient, NULL);
    lt_real x[ROWS * MOST];
    const lt_real *y;

    fill(x, ROWS * n, kinds);
    y = lt_net_forward(net, tape, x, ROWS, 0, 1, false);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < n; i++) {
            lt_real wanted = is_kept(x + r * n, n, k, i) ? x[r * n + i] : 0;

            assert_true(y[r * n + i] == wanted);
        }
    lt_tape_free(tape);
    lt_net_free(net);
}

static void the_k_largest_stay(void **state)
{
    const int sizes[] = {1, 2, 3, 7, 30, MOST};

    (void)state;
    for (int s = 0; s < 6; s++)
        for (int k = 1; k <= sizes[s]; k += 1 + k / 4)
            for (int kinds = 0; kinds < 4; kinds++)
                k_check(sizes[s], k, kinds, kinds % 2);
}

static void of_equals_the_first_stay(void **state)
{
    const lt_real x[] = {1, 3, 1, 3, 1, 3}, wanted[] = {1, 3, 0, 3, 0, 3};
    lt_net *net = k_net(6, 4);
    lt_tape *tape = fixture_tape(net, 1, false, NULL);

    (void)state;
    assert_memory_equal(lt_net_forward(net, tape, x, 1, 0, 1, false), wanted,
                        sizeof wanted);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void nan_is_not_hidden(void **state)
{
    lt_real x[] = {1, 5, NAN, 2};
    lt_net *net = k_net(4, 1);
    lt_tape *tape = fixture_tape(net, 1, true, NULL);
    const lt_real *y = lt_net_forward(net, tape, x, 1, 0, 1, false);

    (void)state;
    assert_true(isnan(y[2]));
    lt_tape_free(tape);
    lt_net_free(net);
}

static void bad_k_is_refused(void **state)
{
    (void)state;
    for (int k = 0; k <= 6; k += 6) {
        const lt_layer_spec encoder[] = {K_SPARSE(k), DENSE(2, LINEAR)};
        const lt_net_spec spec = {
            .input = lt_shape_flat(5), .encoder = encoder, .n_encoder = 2};
        lt_net *net = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_new(&spec, &net, &err), LT_EINVAL);
        assert_string_equal(
            err.text, k ? "encoder layer 1 (k_sparse): 6 of 5 activations to "
                          "keep, wanted 1 to 5"
                        : "encoder layer 1 (k_sparse): 0 of 5 activations to "
                          "keep, wanted 1 to 5");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_k_largest_stay),
        cmocka_unit_test(of_equals_the_first_stay),
        cmocka_unit_test(nan_is_not_hidden),
        cmocka_unit_test(bad_k_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
