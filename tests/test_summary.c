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
    check(net, "layer      kind     in   out  act      parameters  trained\n"
               "encoder 1  dense   784  1000  sigmoid     785,000  frozen\n"
               "encoder 2  dense  1000    30  sigmoid      30,030  yes\n"
               "decoder 1  dense    30  1000  sigmoid      31,000  yes\n"
               "decoder 2  dense  1000   784  linear      784,784  yes\n"
               "tie untied, code 30, 1,630,814 parameters, 845,814 trained\n");
    lt_net_free(net);
}

static void summary_says_what_a_tie_does(void **state)
{
    lt_net *net = fixture_net(
        (fixture_spec){20, 8, 2, LT_ACT_TANH, LT_ACT_LINEAR, LT_TIE_TIED, 1});

    (void)state;
    assert_int_equal(lt_net_freeze_layer(net, 3, true, NULL), LT_OK);
    check(net, "layer      kind   in  out  act     parameters  trained\n"
               "encoder 1  dense  20    8  tanh           168  yes\n"
               "encoder 2  dense   8    2  tanh            18  yes\n"
               "decoder 1  dense   2    8  tanh             8  bias (weight "
               "tied)\n"
               "decoder 2  dense   8   20  linear          20  frozen (weight "
               "tied)\n"
               "tie tied, code 2, 214 parameters, 194 trained\n");
    lt_net_free(net);
    net = fixture_net((fixture_spec){20, 8, 2, LT_ACT_TANH, LT_ACT_LINEAR,
                                     LT_TIE_MIRRORED, 1});
    check(net, "layer      kind   in  out  act     parameters  trained\n"
               "encoder 1  dense  20    8  tanh           168  yes\n"
               "encoder 2  dense   8    2  tanh            18  yes\n"
               "decoder 1  dense   2    8  tanh            24  bias (weight "
               "computed)\n"
               "decoder 2  dense   8   20  linear         180  bias (weight "
               "computed)\n"
               "tie mirrored (refreshed every step), code 2, 390 parameters, "
               "214 trained\n");
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_shows_layers_and_totals),
        cmocka_unit_test(summary_says_what_a_tie_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
