/* The table of layers. */
#include "net_fixture.h"

static void check(lt_net *net, const char *wanted)
{
    lt_text text = {0};

    assert_int_equal(lt_net_summary(net, &text, NULL), LT_OK);
    assert_string_equal(lt_text_str(&text), wanted);
    lt_text_deinit(&text);
}

static void summary_shows_layers_and_totals(void **state)
{
    lt_net *net = fixture_net((fixture_spec){784, 1000, 30, LT_ACT_SIGMOID,
                                             LT_ACT_LINEAR, LT_TIE_UNTIED, 1});

    (void)state;
    assert_int_equal(lt_net_freeze_layer(net, 0, true, NULL), LT_OK);
    check(net, "  layer (undoes)  kind    out  act       params  trains\n"
               "  input                   784\n"
               "1 encoder 1       dense  1000  sigmoid  785,000  no\n"
               "2 encoder 2       dense    30  sigmoid   30,030  yes\n"
               "3 decoder 1 (2)   dense  1000  sigmoid   31,000  yes\n"
               "4 decoder 2 (1)   dense   784  linear   784,784  yes\n"
               "tie untied, code 30\n"
               "1,630,814 parameters, 845,814 trained\n");
    lt_net_free(net);
}

static void summary_says_what_a_tie_does(void **state)
{
    lt_net *net = fixture_net(
        (fixture_spec){20, 8, 2, LT_ACT_TANH, LT_ACT_LINEAR, LT_TIE_TIED, 1});

    (void)state;
    assert_int_equal(lt_net_freeze_layer(net, 3, true, NULL), LT_OK);
    check(net, "  layer (undoes)  kind   out  act     params  trains\n"
               "  input                   20\n"
               "1 encoder 1       dense    8  tanh       168  yes\n"
               "2 encoder 2       dense    2  tanh        18  yes\n"
               "3 decoder 1 (2)   dense    8  tanh         8  bias\n"
               "4 decoder 2 (1)   dense   20  linear      20  no\n"
               "tie tied, code 2\n"
               "214 parameters, 194 trained\n");
    lt_net_free(net);
    net = fixture_net((fixture_spec){20, 8, 2, LT_ACT_TANH, LT_ACT_LINEAR,
                                     LT_TIE_MIRRORED, 1});
    check(net, "  layer (undoes)  kind   out  act     params  trains\n"
               "  input                   20\n"
               "1 encoder 1       dense    8  tanh       168  yes\n"
               "2 encoder 2       dense    2  tanh        18  yes\n"
               "3 decoder 1 (2)   dense    8  tanh        24  bias\n"
               "4 decoder 2 (1)   dense   20  linear     180  bias\n"
               "tie mirrored (refreshed every step), code 2\n"
               "390 parameters, 214 trained\n");
    lt_net_free(net);
}

static lt_layer_spec conv(const char *kind, int channels, int kernel)
{
    return (lt_layer_spec){.kind = kind,
                           .channels = channels,
                           .act = LT_ACT_RELU,
                           .kernel = {kernel, kernel},
                           .stride = {2, 2},
                           .dilation = {1, 1}};
}

/* No line of a network for pictures of 32x32 in colour is over 80 columns,
 * and the number of every layer is told. */
static void summary_fits_a_terminal(void **state)
{
    const lt_layer_spec encoder[] = {
        {.kind = "noise", .noise = LT_NOISE_SALT_PEPPER, .amount = 0.25},
        conv("conv", 16, 3),
        {.kind = "batchnorm", .momentum = 0.1, .epsilon = 1e-5},
        {.kind = "dropout", .amount = 0.25},
        conv("conv", 64, 5),
        {.kind = "flatten"},
        {.kind = "dense", .units = 128}};
    const lt_net_spec spec = {.input = lt_shape_image(3, 32, 32),
                              .encoder = encoder,
                              .n_encoder = 7,
                              .tie = LT_TIE_TIED};
    lt_net *net = NULL;
    lt_text text = {0};
    char *line, *rest = NULL;

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    assert_int_equal(lt_net_summary(net, &text, NULL), LT_OK);
    assert_non_null(strstr(lt_text_str(&text),
                           "\n12 decoder 5 (2)   conv_transpose 3x3/2 same"));
    for (line = strtok_r(text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strlen(line);

        assert_in_range(n, 1, 80);
        assert_true(line[n - 1] != ' ');
    }
    lt_text_deinit(&text);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_shows_layers_and_totals),
        cmocka_unit_test(summary_says_what_a_tie_does),
        cmocka_unit_test(summary_fits_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
