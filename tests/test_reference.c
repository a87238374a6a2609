/* Agreement with PyTorch: forward pass, loss, gradients, ten steps of each
 * optimiser. The vectors are made by tests/reference/make_reference.py. */
#include "net_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "latent/base/json.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/opt/optimizer.h"

#define TOLERANCE (sizeof(lt_real) == 8 ? 1e-9 : 1e-5)
#define STEPS     10

typedef struct reference {
    const char *name;
    json_t *json;
    lt_net *net;
    lt_opt *opt;
    lt_tape *tape;
    lt_loss loss;
    int rows;
} reference;

static size_t numbers_get(const json_t *json, const char *key, lt_real *out,
                          size_t limit)
{
    const json_t *array = json_object_get(json, key);
    size_t n = json_array_size(array);

    assert_true(n > 0 && n <= limit);
    for (size_t i = 0; i < n; i++)
        out[i] = (lt_real)json_number_value(json_array_get(array, i));
    return n;
}

static void compare(const reference *r, const char *what, const lt_real *found,
                    const lt_real *wanted, size_t n)
{
    double difference = fixture_difference(n, found, wanted);

    if (!(difference < TOLERANCE))
        fail_msg("%s: %s: relative difference %g", r->name, what, difference);
}

/* Compares a flat vector weight by weight and bias by bias. */
static void compare_flat(const reference *r, const char *key,
                         const lt_real *found)
{
    size_t n = lt_net_n_params(r->net);
    lt_real *wanted = lt_mem_zero(n, sizeof *wanted);
    int n_segments = 0;
    const lt_segment *s = lt_net_segments(r->net, &n_segments);

    assert_int_equal(numbers_get(r->json, key, wanted, n), n);
    for (int i = 0; i < n_segments; i++)
        compare(r, key, found + s[i].offset, wanted + s[i].offset, s[i].count);
    lt_mem_free(wanted);
}

static double number(const json_t *json, const char *key, double otherwise)
{
    const json_t *v = json_object_get(json, key);

    return v ? json_number_value(v) : otherwise;
}

static void reference_optimizer(reference *r)
{
    const json_t *o = json_object_get(r->json, "optimizer");
    bool is_adam =
        strcmp(json_string_value(json_object_get(o, "kind")), "adam") == 0;
    lt_opt_spec spec = lt_opt_defaults(is_adam ? LT_OPT_ADAM : LT_OPT_SGD);

    spec.rate = number(o, "rate", 0);
    spec.momentum = number(o, "momentum", 0);
    spec.weight_decay = number(o, "weight_decay", 0);
    spec.nesterov = json_is_true(json_object_get(o, "nesterov"));
    assert_int_equal(lt_opt_new(&spec, r->net, &r->opt, NULL), LT_OK);
}

static void reference_open(reference *r)
{
    char path[512], *text = NULL;
    size_t size = 0;
    lt_err err = {0};

    snprintf(path, sizeof path, "%s/tests/reference/%s.json", LATENT_SOURCE_DIR,
             r->name);
    assert_int_equal(lt_path_read(path, 1 << 20, &text, &size, &err), LT_OK);
    assert_int_equal(lt_json_parse(text, size, path, &r->json, &err), LT_OK);
    lt_mem_free(text);
    if (lt_net_from_json(json_object_get(r->json, "network"), &r->net, &err) !=
        LT_OK)
        fail_msg("%s: %s", r->name, err.text);
    r->rows = (int)number(r->json, "rows", 0);
    r->loss = (lt_loss)lt_loss_find(
        json_string_value(json_object_get(r->json, "loss")));
    r->tape = fixture_tape(r->net, r->rows, true, NULL);
    reference_optimizer(r);
    numbers_get(r->json, "params", lt_net_params(r->net),
                lt_net_n_params(r->net));
    numbers_get(r->json, "batch", lt_tape_input(r->tape),
                (size_t)r->rows *
                    (size_t)lt_shape_elements(lt_net_input(r->net)));
}

static void reference_close(reference *r)
{
    lt_opt_free(r->opt);
    lt_tape_free(r->tape);
    lt_net_free(r->net);
    json_decref(r->json);
}

static void check_forward(const reference *r)
{
    size_t n =
        (size_t)r->rows * (size_t)lt_shape_elements(lt_net_output(r->net));
    lt_real *wanted = lt_mem_zero(n, sizeof *wanted);
    const lt_real *x = lt_tape_input(r->tape), *y;
    double sse = 0;

    y = lt_net_forward(r->net, r->tape, x, r->rows, 0, lt_net_n_layers(r->net),
                       false);
    assert_int_equal(numbers_get(r->json, "output", wanted, n), n);
    compare(r, "output", y, wanted, n);
    for (size_t i = 0; i < n; i++)
        sse += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
    assert_true(fabs(sse / r->rows / number(r->json, "sse", 0) - 1) <
                TOLERANCE);
    lt_mem_free(wanted);
}

static void check_steps(const reference *r)
{
    const json_t *losses = json_object_get(r->json, "losses");

    assert_int_equal(json_array_size(losses), STEPS);
    for (size_t i = 0; i < STEPS; i++) {
        double wanted = json_number_value(json_array_get(losses, i));
        double found = fixture_loss(r->net, r->tape, r->rows, r->loss, true);

        if (!(fabs(found / wanted - 1) < TOLERANCE))
            fail_msg("%s: loss of step %zu: %.9g, wanted %.9g", r->name, i + 1,
                     found, wanted);
        if (i == 0)
            compare_flat(r, "grads", lt_net_grads(r->net));
        lt_opt_step(r->opt, NULL);
    }
    compare_flat(r, "final", lt_net_params(r->net));
}

static void check(const char *name)
{
    reference r = {.name = name};

    reference_open(&r);
    check_forward(&r);
    check_steps(&r);
    reference_close(&r);
}

#define CASE(name)                                                             \
    static void name##_agrees_with_pytorch(void **state)                       \
    {                                                                          \
        (void)state;                                                           \
        check(#name);                                                          \
    }

CASE(untied_bce_momentum)
CASE(tied_bce_nesterov_decay)
CASE(untied_mse_adam)
CASE(tied_mse_adam)
CASE(tied_bce_adam_decay)
CASE(untied_mse_sigmoid_sgd)
CASE(acts_untied_bce_adam)
CASE(acts_tied_mse_nesterov)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untied_bce_momentum_agrees_with_pytorch),
        cmocka_unit_test(tied_bce_nesterov_decay_agrees_with_pytorch),
        cmocka_unit_test(untied_mse_adam_agrees_with_pytorch),
        cmocka_unit_test(tied_mse_adam_agrees_with_pytorch),
        cmocka_unit_test(tied_bce_adam_decay_agrees_with_pytorch),
        cmocka_unit_test(untied_mse_sigmoid_sgd_agrees_with_pytorch),
        cmocka_unit_test(acts_untied_bce_adam_agrees_with_pytorch),
        cmocka_unit_test(acts_tied_mse_nesterov_agrees_with_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
