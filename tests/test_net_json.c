/* A network's spec as JSON: there and back, and what is refused. */
#include "net_fixture.h"

#include "latent/base/json.h"

static json_t *to_json(const lt_net *net)
{
    json_t *json = NULL;

    assert_int_equal(lt_net_to_json(net, &json, NULL), LT_OK);
    return json;
}

static void json_makes_an_equal_network(void **state)
{
    (void)state;
    for (int tie = 0; tie < LT_TIE_COUNT; tie++) {
        lt_net *a =
            fixture_net((fixture_spec){6, 5, 3, LT_ACT_SELU, LT_ACT_SOFTPLUS,
                                       (lt_tie)tie, UINT64_MAX - 5});
        lt_net *b = NULL;
        json_t *spec = to_json(a), *again;

        assert_int_equal(lt_net_from_json(spec, &b, NULL), LT_OK);
        again = to_json(b);
        assert_true(json_equal(spec, again));
        assert_memory_equal(lt_net_params(a), lt_net_params(b),
                            lt_net_n_params(a) * sizeof(lt_real));
        json_decref(spec);
        json_decref(again);
        lt_net_free(a);
        lt_net_free(b);
    }
}

static void json_keeps_explicit_decoders_and_inits(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", 4, LT_ACT_ELU}};
    const lt_layer_spec decoder[] = {{"dense", 9, LT_ACT_RELU},
                                     {"dense", 12, LT_ACT_SIGMOID}};
    const lt_net_spec spec = {.input = lt_shape_image(3, 2, 2),
                              .encoder = encoder,
                              .n_encoder = 1,
                              .decoder = decoder,
                              .n_decoder = 2,
                              .refresh = LT_REFRESH_EPOCH,
                              .init = {LT_INIT_SPARSE, 7},
                              .seed = 3};
    const char *wanted =
        "{\"decoder\":[{\"act\":\"relu\",\"kind\":\"dense\",\"units\":9},"
        "{\"act\":\"sigmoid\",\"kind\":\"dense\",\"units\":12}],"
        "\"encoder\":[{\"act\":\"elu\",\"kind\":\"dense\",\"units\":4}],"
        "\"init\":{\"kind\":\"sparse\",\"value\":7.0},\"input\":[3,2,2],"
        "\"output\":\"sigmoid\",\"refresh\":\"epoch\",\"seed\":3,"
        "\"tie\":\"untied\"}";
    lt_net *a = NULL, *b = NULL;
    lt_text text = {0};
    json_t *json;

    (void)state;
    assert_int_equal(lt_net_new(&spec, &a, NULL), LT_OK);
    json = to_json(a);
    assert_int_equal(lt_json_dump(json, &text, NULL), LT_OK);
    assert_string_equal(lt_text_str(&text), wanted);
    assert_int_equal(lt_net_from_json(json, &b, NULL), LT_OK);
    assert_int_equal(lt_net_n_layers(b), 3);
    lt_text_deinit(&text);
    json_decref(json);
    lt_net_free(a);
    lt_net_free(b);
}

#define REST                                                                   \
    "\"output\":\"linear\",\"tie\":\"tied\",\"refresh\":\"step\","             \
    "\"init\":{\"kind\":\"glorot\",\"value\":0},\"seed\":1}"
#define LAYER "{\"kind\":\"dense\",\"units\":3,\"act\":\"tanh\"}"

static void bad_specs_are_refused(void **state)
{
    const char *cases[][2] = {
        {"[1]", "network: wanted an object"},
        {"{}", "\"input\": wanted an array of 1 or 3 numbers"},
        {"{\"input\":[1,2]," REST,
         "\"input\": wanted an array of 1 or 3 numbers"},
        {"{\"input\":[-4]," REST,
         "\"input\": wanted a whole number from 1 to 67108864"},
        {"{\"input\":[4.5]," REST,
         "\"input\": wanted a whole number from 1 to 67108864"},
        {"{\"input\":[67108864,67108864,2],\"encoder\":[" LAYER "]," REST,
         "input shape: 4503599627370496 elements, wanted at most 67108864"},
        {"{\"input\":[4]," REST,
         "\"encoder\": wanted an array of 1 to 32767 layers"},
        {"{\"input\":[4],\"encoder\":[]," REST,
         "\"encoder\": wanted an array of 1 to 32767 layers"},
        {"{\"input\":[4],\"encoder\":[7]," REST,
         "encoder layer 1: \"kind\": missing"},
        {"{\"input\":[4],\"encoder\":[" LAYER ",{\"kind\":\"dense\"}]," REST,
         "encoder layer 2: \"units\": wanted a whole number from 1 to "
         "67108864"},
        {"{\"input\":[4],\"encoder\":[{\"kind\":\"dense\",\"units\":3,"
         "\"act\":\"tahn\"}]," REST,
         "encoder layer 1: \"act\": unknown name \"tahn\", did you mean "
         "\"tanh\"?"},
        {"{\"input\":[4],\"encoder\":[" LAYER "],\"decoder\":[" LAYER "]," REST,
         "decoder layer 1 (dense): takes 3 to 3, but tie \"tied\" wants 3 to "
         "4, the reverse of encoder layer 1 (dense)"},
        {"{\"input\":[4],\"encoder\":[" LAYER "],\"output\":\"linear\"}",
         "\"tie\": missing or not a string"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = json_loads(cases[i][0], 0, NULL);
        lt_net *net = NULL;
        lt_err err = {0};

        assert_non_null(json);
        assert_true(lt_net_from_json(json, &net, &err) != LT_OK);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(net);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_makes_an_equal_network),
        cmocka_unit_test(json_keeps_explicit_decoders_and_inits),
        cmocka_unit_test(bad_specs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
