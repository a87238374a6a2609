/* Ties: what decoder weights are at the start, after a refresh, after
 * pre-training; names. */
#include "net_fixture.h"

enum { D = 9, H = 6, K = 4 };

static lt_net *net_of(lt_tie tie, lt_refresh refresh)
{
    const lt_layer_spec encoder[] = {{"dense", H, LT_ACT_TANH},
                                     {"dense", K, LT_ACT_LINEAR}};
    const lt_net_spec spec = {.input = lt_shape_flat(D),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .tie = tie,
                              .refresh = refresh,
                              .seed = 5};
    lt_net *net = NULL;

    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    return net;
}

static lt_real *weight(lt_net *net, int layer)
{
    return lt_net_params(net) + lt_net_layer(net, layer)->weight;
}

/* Whether decoder weights are the encoder's, transposed. */
static bool is_transposed(lt_net *net)
{
    const int sizes[] = {D, H, K};

    for (int e = 0; e < 2; e++)
        for (int r = 0; r < sizes[e + 1]; r++)
            for (int c = 0; c < sizes[e]; c++)
                if (memcmp(weight(net, e) + r * sizes[e] + c,
                           weight(net, 3 - e) + c * sizes[e + 1] + r,
                           sizeof(lt_real)) != 0)
                    return false;
    return true;
}

/* Largest |W pinv(W) W - W| over both encoder layers. */
static double pinv_error(lt_net *net)
{
    const int sizes[] = {D, H, K};
    double worst = 0;

    for (int e = 0; e < 2; e++) {
        int h = sizes[e + 1], d = sizes[e];
        const lt_real *w = weight(net, e), *p = weight(net, 3 - e);

        for (int r = 0; r < h; r++)
            for (int c = 0; c < d; c++) {
                double sum = 0;

                for (int i = 0; i < d; i++)
                    for (int j = 0; j < h; j++)
                        sum +=
                            (double)w[r * d + i] * p[i * h + j] * w[j * d + c];
                worst = fmax(worst, fabs(sum - w[r * d + c]));
            }
    }
    return worst;
}

static void unrolled_and_mirrored_start_as_the_transpose(void **state)
{
    lt_net *a = net_of(LT_TIE_UNROLLED, LT_REFRESH_STEP);
    lt_net *b = net_of(LT_TIE_MIRRORED, LT_REFRESH_STEP);
    lt_net *c = net_of(LT_TIE_UNTIED, LT_REFRESH_STEP);

    (void)state;
    assert_true(is_transposed(a));
    assert_true(is_transposed(b));
    assert_false(is_transposed(c));
    lt_net_free(a);
    lt_net_free(b);
    lt_net_free(c);
}

static void pinv_decoder_inverts_the_encoder(void **state)
{
    lt_net *net = net_of(LT_TIE_PINV, LT_REFRESH_EPOCH);

    (void)state;
    assert_true(pinv_error(net) < 1e-5);
    weight(net, 0)[3] += 1;
    assert_true(pinv_error(net) > 1e-3);
    assert_int_equal(lt_net_refresh(net, LT_REFRESH_EPOCH, NULL), LT_OK);
    assert_true(pinv_error(net) < 1e-5);
    lt_net_free(net);
}

static void refresh_comes_when_the_tie_says(void **state)
{
    const struct {
        lt_tie tie;
        lt_refresh has, when;
        bool refreshes;
    } cases[] = {
        {LT_TIE_MIRRORED, LT_REFRESH_STEP, LT_REFRESH_STEP, true},
        {LT_TIE_MIRRORED, LT_REFRESH_STEP, LT_REFRESH_EPOCH, true},
        {LT_TIE_MIRRORED, LT_REFRESH_EPOCH, LT_REFRESH_EPOCH, true},
        {LT_TIE_MIRRORED, LT_REFRESH_EPOCH, LT_REFRESH_STEP, false},
        {LT_TIE_UNROLLED, LT_REFRESH_STEP, LT_REFRESH_STEP, false},
        {LT_TIE_UNROLLED, LT_REFRESH_STEP, LT_REFRESH_EPOCH, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_net *net = net_of(cases[i].tie, cases[i].has);

        assert_int_equal(lt_net_refresh_kind(net), cases[i].has);
        weight(net, 1)[0] = 3;
        assert_false(is_transposed(net));
        assert_int_equal(lt_net_refresh(net, cases[i].when, NULL), LT_OK);
        assert_int_equal(is_transposed(net), cases[i].refreshes);
        lt_net_free(net);
    }
}

static void retie_unrolls_after_pre_training(void **state)
{
    lt_net *net = net_of(LT_TIE_UNROLLED, LT_REFRESH_STEP);
    lt_net *untied = net_of(LT_TIE_UNTIED, LT_REFRESH_STEP);
    lt_real before = weight(untied, 2)[0];

    (void)state;
    weight(net, 0)[7] = 2;
    assert_int_equal(lt_net_retie(net, NULL), LT_OK);
    assert_true(is_transposed(net));
    assert_int_equal(lt_net_retie(untied, NULL), LT_OK);
    assert_memory_equal(&before, weight(untied, 2), sizeof before);
    lt_net_free(net);
    lt_net_free(untied);
}

/* Same weights in a tied and a mirrored network: same output. */
static void tied_and_mirrored_compute_the_same(void **state)
{
    lt_net *a = net_of(LT_TIE_TIED, LT_REFRESH_STEP);
    lt_net *b = net_of(LT_TIE_MIRRORED, LT_REFRESH_STEP);
    lt_tape *s = fixture_tape(a, 3, false, NULL);
    lt_tape *t = fixture_tape(b, 3, false, NULL);
    const lt_real *y, *z;

    (void)state;
    fixture_batch(3 * D, lt_tape_input(s), 1);
    fixture_batch(3 * D, lt_tape_input(t), 1);
    y = lt_net_forward(a, s, lt_tape_input(s), 3, 0, 4, false);
    z = lt_net_forward(b, t, lt_tape_input(t), 3, 0, 4, false);
    assert_true(fixture_difference(3 * D, y, z) < 1e-6);
    lt_tape_free(s);
    lt_tape_free(t);
    lt_net_free(a);
    lt_net_free(b);
}

static void names_are_found_and_others_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < LT_TIE_COUNT; i++)
        assert_int_equal(lt_tie_find(lt_tie_name((lt_tie)i)), i);
    assert_int_equal(lt_tie_find("tide"), -1);
    assert_null(lt_tie_names()[LT_TIE_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unrolled_and_mirrored_start_as_the_transpose),
        cmocka_unit_test(pinv_decoder_inverts_the_encoder),
        cmocka_unit_test(refresh_comes_when_the_tie_says),
        cmocka_unit_test(retie_unrolls_after_pre_training),
        cmocka_unit_test(tied_and_mirrored_compute_the_same),
        cmocka_unit_test(names_are_found_and_others_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
