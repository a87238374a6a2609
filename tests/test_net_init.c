/* Initial weights: distributions, streams, names. */
#include "net_fixture.h"

enum { D = 400, H = 300 };

static lt_net *net_with(lt_init init, lt_tie tie, int h, uint64_t seed)
{
    const lt_layer_spec encoder[] = {{"dense", h, LT_ACT_TANH},
                                     {"dense", 20, LT_ACT_LINEAR}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_LINEAR,
                              .tie = tie,
                              .init = init,
                              .seed = seed};
    lt_net *net = NULL;

    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    return net;
}

typedef struct moments {
    double mean, sd, least, most;
} moments;

static moments measure(lt_net *net, int layer)
{
    const lt_layer *l = lt_net_layer(net, layer);
    const lt_real *w = lt_net_params(net) + l->weight;
    moments m = {0, 0, w[0], w[0]};
    double n = (double)l->weight_count;

    for (size_t i = 0; i < l->weight_count; i++) {
        m.mean += w[i] / n;
        m.sd += (double)w[i] * w[i] / n;
        m.least = fmin(m.least, w[i]);
        m.most = fmax(m.most, w[i]);
    }
    m.sd = sqrt(m.sd - m.mean * m.mean);
    return m;
}

/* 120,000 draws: the sd of the mean is sd/346, of the sd below sd/490. */
static void check_moments(lt_init init, double sd)
{
    lt_net *net = net_with(init, LT_TIE_UNTIED, H, 1);
    moments m = measure(net, 0);

    assert_true(fabs(m.mean) < 5 * sd / 346);
    assert_true(fabs(m.sd / sd - 1) < 5.0 / 490);
    lt_net_free(net);
}

static void normal_inits_have_their_deviation(void **state)
{
    (void)state;
    check_moments((lt_init){LT_INIT_GLOROT, 0}, sqrt(2.0 / (D + H)));
    check_moments((lt_init){LT_INIT_HE, 0}, sqrt(2.0 / D));
    check_moments((lt_init){LT_INIT_LECUN, 0}, sqrt(1.0 / D));
    check_moments((lt_init){LT_INIT_NORMAL, 0}, 0.1);
    check_moments((lt_init){LT_INIT_NORMAL, 0.03}, 0.03);
}

static void glorot_fills_its_interval_and_no_more(void **state)
{
    lt_net *net = net_with((lt_init){LT_INIT_GLOROT, 0}, LT_TIE_UNTIED, H, 1);
    double limit = sqrt(6.0 / (D + H));
    moments m = measure(net, 0);

    (void)state;
    assert_true(m.most <= limit * (1 + 1e-6) && m.most > 0.999 * limit);
    assert_true(m.least >= -limit * (1 + 1e-6) && m.least < -0.999 * limit);
    lt_net_free(net);
}

/* Layer 1 has 300 inputs, layer 2 (the decoder's first) only 20. */
static void sparse_gives_each_unit_its_connections(void **state)
{
    const int wanted[] = {25, 25, 20, 25};
    lt_net *net = net_with((lt_init){LT_INIT_SPARSE, 25}, LT_TIE_UNTIED, H, 1);
    double squares = 0;
    int used[D] = {0}, count = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        const lt_layer *l = lt_net_layer(net, i);
        const lt_real *w = lt_net_params(net) + l->weight;
        int d = lt_shape_elements(l->in), h = lt_shape_elements(l->out);

        for (int r = 0; r < h; r++) {
            int n = 0;

            for (int c = 0; c < d; c++, w++) {
                n += *w < 0 || *w > 0;
                if (i == 0)
                    used[c] += *w < 0 || *w > 0;
                squares += (double)*w * *w;
            }
            assert_int_equal(n, wanted[i]);
            count += n;
        }
    }
    assert_true(fabs(squares / count - 1) < 5 * sqrt(2.0 / count));
    for (int c = 0; c < D; c++) /* 300 * 25 / 400 = 19 expected */
        assert_true(used[c] > 0 && used[c] < 60);
    lt_net_free(net);
}

static void sparse_means_fifteen_by_default(void **state)
{
    lt_net *net = net_with((lt_init){LT_INIT_SPARSE, 0}, LT_TIE_UNTIED, H, 1);
    const lt_real *w = lt_net_params(net);
    int n = 0;

    (void)state;
    for (int c = 0; c < D; c++)
        n += w[c] < 0 || w[c] > 0;
    assert_int_equal(n, 15);
    lt_net_free(net);
}

static bool same_weights(lt_net *a, lt_net *b, int layer)
{
    const lt_layer *x = lt_net_layer(a, layer), *y = lt_net_layer(b, layer);

    return x->weight_count == y->weight_count &&
           memcmp(lt_net_params(a) + x->weight, lt_net_params(b) + y->weight,
                  x->weight_count * sizeof(lt_real)) == 0;
}

static void every_tie_starts_with_the_same_encoder(void **state)
{
    lt_net *untied = net_with((lt_init){0}, LT_TIE_UNTIED, H, 7);

    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net *net = net_with((lt_init){0}, (lt_tie)tie, H, 7);

        assert_true(same_weights(net, untied, 0));
        assert_true(same_weights(net, untied, 1));
        lt_net_free(net);
    }
    lt_net_free(untied);
}

static void seeds_and_layers_draw_apart(void **state)
{
    lt_net *a = net_with((lt_init){0}, LT_TIE_UNTIED, 20, 7);
    lt_net *b = net_with((lt_init){0}, LT_TIE_UNTIED, 20, 8);
    lt_net *c = net_with((lt_init){0}, LT_TIE_UNTIED, 20, 7);

    (void)state;
    assert_false(same_weights(a, b, 0));
    for (int i = 0; i < 4; i++)
        assert_true(same_weights(a, c, i));
    /* both (20,20), one seed */
    assert_true(memcmp(lt_net_params(a) + lt_net_layer(a, 1)->weight,
                       lt_net_params(a) + lt_net_layer(a, 2)->weight,
                       400 * sizeof(lt_real)) != 0);
    lt_net_free(a);
    lt_net_free(b);
    lt_net_free(c);
}

static void biases_start_at_zero(void **state)
{
    lt_net *net = net_with((lt_init){0}, LT_TIE_UNTIED, H, 7);

    (void)state;
    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < lt_net_layer(net, i)->bias_count; j++)
            assert_true(
                fabs(lt_net_params(net)[lt_net_layer(net, i)->bias + j]) <= 0);
    lt_net_free(net);
}

static void names_are_found_and_others_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < LT_INIT_COUNT; i++)
        assert_int_equal(lt_init_find(lt_init_name((lt_init_kind)i)), i);
    assert_int_equal(lt_init_find("glorott"), -1);
    assert_string_equal(lt_init_names()[LT_INIT_SPARSE], "sparse");
    assert_null(lt_init_names()[LT_INIT_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_inits_have_their_deviation),
        cmocka_unit_test(glorot_fills_its_interval_and_no_more),
        cmocka_unit_test(sparse_gives_each_unit_its_connections),
        cmocka_unit_test(sparse_means_fifteen_by_default),
        cmocka_unit_test(every_tie_starts_with_the_same_encoder),
        cmocka_unit_test(seeds_and_layers_draw_apart),
        cmocka_unit_test(biases_start_at_zero),
        cmocka_unit_test(names_are_found_and_others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
