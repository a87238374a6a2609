/* Agreement with PyTorch, layer by layer and for networks of them: forward
 * pass, gradients of input and parameters, ten steps of an optimiser, moving
 * averages. The vectors are made by tests/reference/make_layers.py.
 *
 * A variational code's deviates are drawn here and handed to PyTorch in
 * draws_float.json; "test_reference_layers draws" prints that file, and
 * grad_reference_layers, which draws doubles, draws_double.json. */
#include "net_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "latent/base/json.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

#define TOLERANCE (sizeof(lt_real) == 8 ? 1e-9 : 2e-5)
#define STEPS     10
#define SEED      11 /* of the variational draws */

typedef struct vector {
    lt_real *at;
    size_t n;
} vector;

/* ---- reading ---- */

static json_t *cases_load(const char *name)
{
    char path[512], *text = NULL;
    size_t size = 0;
    json_t *json = NULL;
    lt_err err = {0};

    snprintf(path, sizeof path, "%s/tests/reference/%s", LATENT_SOURCE_DIR,
             name);
    assert_int_equal(lt_path_read(path, 4 << 20, &text, &size, &err), LT_OK);
    assert_int_equal(lt_json_parse(text, size, path, &json, &err), LT_OK);
    lt_mem_free(text);
    return json;
}

/* Missing numbers (null) are NaN. */
static vector vector_get(const json_t *json, const char *key)
{
    const json_t *array = json_object_get(json, key);
    vector v = {NULL, json_array_size(array)};

    assert_non_null(array);
    v.at = lt_mem_aligned(v.n + 1, sizeof *v.at);
    for (size_t i = 0; i < v.n; i++) {
        const json_t *item = json_array_get(array, i);

        v.at[i] = json_is_null(item) ? (lt_real)NAN
                                     : (lt_real)json_number_value(item);
    }
    return v;
}

static double number(const json_t *json, const char *key, double otherwise)
{
    const json_t *v = json_object_get(json, key);

    return v ? json_number_value(v) : otherwise;
}

static const char *name_of(const json_t *json)
{
    return json_string_value(json_object_get(json, "name"));
}

static void compare(const json_t *json, const char *key, const lt_real *found,
                    size_t n)
{
    vector wanted = vector_get(json, key);
    double difference;

    if (wanted.n != n)
        fail_msg("%s: %s: %zu numbers, wanted %zu", name_of(json), key, n,
                 wanted.n);
    difference = n ? fixture_difference(n, found, wanted.at) : 0;
    if (!(difference < TOLERANCE))
        fail_msg("%s: %s: relative difference %g", name_of(json), key,
                 difference);
    lt_mem_free(wanted.at);
}

/* ---- single layers ---- */

/* A network of the layer alone cannot be made of every kind, so the layer is
 * planned by itself. Its spec is read by way of the field table. */
static void spec_get(const json_t *json, lt_layer_spec *out)
{
    const lt_layer_ops *ops =
        lt_layer_find(json_string_value(json_object_get(json, "kind")));

    if (!ops)
        fail_msg("no layer kind %s",
                 json_string_value(json_object_get(json, "kind")));
    out->kind = ops->name;
    for (int i = 0; ops->fields[i]; i++) {
        const lt_field *f = lt_layer_field(ops->fields[i]);
        const json_t *value = json_object_get(json, f->name);
        int *at = (int *)(void *)((char *)out + f->offset);

        assert_non_null(value);
        if (f->type == LT_FIELD_REAL)
            *(double *)(void *)at = json_number_value(value);
        else if (f->type == LT_FIELD_INT)
            *at = (int)json_integer_value(value);
        else if (f->type == LT_FIELD_NAME)
            while (strcmp(f->names[*at], json_string_value(value)) != 0)
                ++*at;
        else
            for (size_t k = 0; k < json_array_size(value); k++)
                at[k] = (int)json_integer_value(json_array_get(value, k));
    }
}

static lt_shape shape_get(const json_t *json, const char *key)
{
    const json_t *s = json_object_get(json, key);
    int dim[3] = {1, 1, 1};

    for (size_t i = 0; i < json_array_size(s); i++)
        dim[i] = (int)json_integer_value(json_array_get(s, i));
    return json_array_size(s) == 1 ? lt_shape_flat(dim[0])
                                   : lt_shape_image(dim[0], dim[1], dim[2]);
}

static lt_real *room(size_t (*size)(const lt_layer *, int, bool),
                     const lt_layer *l, int rows)
{
    return lt_mem_aligned(size ? size(l, rows, true) + 1 : 1, sizeof(lt_real));
}

static void layer_check(const json_t *json)
{
    lt_layer l = {.mirror_of = -1};
    lt_err err = {0};
    vector x = vector_get(json, "x"), dy = vector_get(json, "dy");
    vector params = vector_get(json, "params"), state = {NULL, 0};
    lt_pass p = {.rows = (int)number(json, "rows", 0), .params = params.at};
    lt_real *y, *dx, *grads;

    spec_get(json_object_get(json, "layer"), &l.spec);
    l.ops = lt_layer_find(l.spec.kind);
    l.in = shape_get(json, "shape");
    if (l.ops->plan(&l, &err) != LT_OK)
        fail_msg("%s: %s", name_of(json), err.text);
    assert_true(lt_shape_equal(l.out, shape_get(json, "out")));
    assert_int_equal(l.weight_count + l.bias_count, params.n);
    l.bias = l.weight_count;
    if (l.state_count) {
        state = vector_get(json, "state");
        assert_int_equal(state.n, l.state_count);
        p.state = state.at;
    }
    p.is_training = json_is_true(json_object_get(json, "training"));
    p.keep = room(l.ops->keep_size, &l, p.rows);
    p.work = room(l.ops->work_size, &l, p.rows);
    y = lt_mem_aligned(dy.n, sizeof *y);
    dx = lt_mem_aligned(x.n, sizeof *dx);
    grads = lt_mem_aligned(params.n + 1, sizeof *grads);
    l.ops->forward(&l, &p, x.at, y);
    compare(json, "y", y, dy.n);
    if (state.n)
        compare(json, "state_after", state.at, state.n);
    if (p.is_training) {
        p.grads = grads;
        l.ops->backward(&l, &p, x.at, y, dy.at, dx);
        compare(json, "dx", dx, x.n);
        compare(json, "grads", grads, params.n);
    }
    lt_mem_free(x.at);
    lt_mem_free(dy.at);
    lt_mem_free(params.at);
    lt_mem_free(state.at);
    lt_mem_free(p.keep);
    lt_mem_free(p.work);
    lt_mem_free(y);
    lt_mem_free(dx);
    lt_mem_free(grads);
}

static void layers_agree_with_pytorch(void **state)
{
    json_t *cases = cases_load("layers.json");

    (void)state;
    assert_true(json_array_size(cases) >= 43);
    for (size_t i = 0; i < json_array_size(cases); i++)
        layer_check(json_array_get(cases, i));
    json_decref(cases);
}

/* ---- networks ---- */

typedef struct network {
    const json_t *json;
    lt_net *net;
    lt_opt *opt;
    lt_tape *tape;
    lt_objective objective;
    int rows;
    vector x, target;
} network;

static void objective_get(const json_t *o, lt_objective *out)
{
    *out = lt_objective_of(
        (lt_loss)lt_loss_find(json_string_value(json_object_get(o, "loss"))));
    out->huber_delta = number(o, "huber_delta", out->huber_delta);
    out->beta = number(o, "beta", out->beta);
    out->l1 = number(o, "l1", 0);
    out->l2 = number(o, "l2", 0);
    out->code_l1 = number(o, "code_l1", 0);
    out->sparsity = number(o, "sparsity", 0);
    out->sparsity_target = number(o, "sparsity_target", 0.05);
    out->contractive = number(o, "contractive", 0);
    out->contractive_probes = (int)number(o, "contractive_probes", 1);
    out->orthogonality = number(o, "orthogonality", 0);
}

static void network_open(network *n, const json_t *json)
{
    const json_t *o = json_object_get(json, "optimizer");
    bool is_adam =
        strcmp(json_string_value(json_object_get(o, "kind")), "adam") == 0;
    lt_opt_spec spec = lt_opt_defaults(is_adam ? LT_OPT_ADAM : LT_OPT_SGD);
    vector params = vector_get(json, "params");
    lt_err err = {0};

    n->json = json;
    if (lt_net_from_json(json_object_get(json, "network"), &n->net, &err) !=
        LT_OK)
        fail_msg("%s: %s", name_of(json), err.text);
    spec.rate = number(o, "rate", 0);
    spec.momentum = number(o, "momentum", 0);
    spec.weight_decay = number(o, "weight_decay", 0);
    spec.nesterov = json_is_true(json_object_get(o, "nesterov"));
    assert_int_equal(lt_opt_new(&spec, n->net, &n->opt, NULL), LT_OK);
    objective_get(json_object_get(json, "objective"), &n->objective);
    if (lt_objective_check(&n->objective, n->net, &err) != LT_OK)
        fail_msg("%s: %s", name_of(json), err.text);
    n->rows = (int)number(json, "rows", 0);
    n->tape = fixture_tape(n->net, n->rows, true, NULL);
    assert_int_equal(lt_objective_reserve(&n->objective, n->tape, &err), LT_OK);
    n->x = vector_get(json, "x");
    n->target = vector_get(json, "target");
    assert_int_equal(params.n, lt_net_n_params(n->net));
    memcpy(lt_net_params(n->net), params.at, params.n * sizeof *params.at);
    lt_mem_free(params.at);
}

static void network_close(network *n)
{
    lt_opt_free(n->opt);
    lt_tape_free(n->tape);
    lt_net_free(n->net);
    lt_mem_free(n->x.at);
    lt_mem_free(n->target.at);
}

/* The deviates of step `step`: the code of a network whose means and log-
 * variances are 0. */
static void draws_of(network *n, int step, lt_real *out)
{
    size_t size = lt_net_n_params(n->net) * sizeof(lt_real);
    lt_real *kept = lt_mem_alloc(size, 1), *params = lt_net_params(n->net);
    int code = lt_shape_elements(lt_net_code(n->net));
    const lt_real *z;

    memcpy(kept, params, size);
    memset(params, 0, size);
    lt_tape_draw(n->tape, SEED, step);
    z = lt_net_forward(n->net, n->tape, n->x.at, n->rows, 0,
                       lt_net_n_encoder(n->net), false);
    memcpy(out, z, (size_t)(n->rows * code) * sizeof *out);
    memcpy(params, kept, size);
    lt_mem_free(kept);
}

/* The vectors were made with today's draws. */
static void draws_check(network *n)
{
    size_t per_step =
        (size_t)(n->rows * lt_shape_elements(lt_net_code(n->net)));
    lt_real *found = lt_mem_alloc(STEPS * per_step, sizeof *found);

    for (int i = 0; i < STEPS; i++)
        draws_of(n, i, found + (size_t)i * per_step);
    compare(n->json, "eps", found, STEPS * per_step);
    lt_mem_free(found);
}

static void terms_check(const network *n, const lt_sums *sums)
{
    lt_terms mean = lt_sums_mean(&n->objective, n->net, sums);
    const json_t *terms = json_object_get(n->json, "terms");

    for (int i = 0; i < LT_TERM_COUNT; i++) {
        const json_t *term = json_object_get(terms, lt_term_name(i));
        double found = lt_term_value(&mean, i);

        if (!term || (isnan(found) && json_object_size(terms) == 1))
            continue; /* recon is told only beside others */
        if (!(fabs(found / json_number_value(term) - 1) < TOLERANCE))
            fail_msg("%s: %s: %.9g, wanted %.9g", name_of(n->json),
                     lt_term_name(i), found, json_number_value(term));
    }
}

static void network_check(const json_t *json)
{
    const json_t *losses = json_object_get(json, "losses");
    network n = {0};

    network_open(&n, json);
    if (json_object_get(json, "eps"))
        draws_check(&n);
    for (int i = 0; i < STEPS; i++) {
        double wanted = json_number_value(json_array_get(losses, (size_t)i));
        double found;
        lt_sums sums;

        lt_tape_draw(n.tape, SEED, i);
        lt_objective_gradient(&n.objective, n.net, n.tape, NULL, n.rows, n.x.at,
                              n.target.at, &sums);
        found = lt_sums_mean(&n.objective, n.net, &sums).loss;
        if (!(fabs(found / wanted - 1) < TOLERANCE))
            fail_msg("%s: loss of step %d: %.9g, wanted %.9g", name_of(json),
                     i + 1, found, wanted);
        if (i == 0) {
            compare(json, "grads", lt_net_grads(n.net), lt_net_n_params(n.net));
            terms_check(&n, &sums);
        }
        lt_opt_step(n.opt, NULL);
    }
    compare(json, "final", lt_net_params(n.net), lt_net_n_params(n.net));
    compare(json, "state", lt_net_state(n.net), lt_net_n_state(n.net));
    network_close(&n);
}

static bool is_of_this_build(const json_t *json)
{
    const json_t *real = json_object_get(json, "real");

    return !real || strcmp(json_string_value(real),
                           sizeof(lt_real) == 8 ? "double" : "float") == 0;
}

static void networks_agree_with_pytorch(void **state)
{
    json_t *cases = cases_load("networks.json");

    (void)state;
    assert_true(json_array_size(cases) >= 20);
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (is_of_this_build(json_array_get(cases, i)))
            network_check(json_array_get(cases, i));
    json_decref(cases);
}

/* To the standard output. */
static int draws_print(void)
{
    const lt_layer_spec encoder[] = {{"dense", 8, LT_ACT_TANH},
                                     {"gaussian_code", 3}};
    const lt_net_spec spec = {.input = lt_shape_flat(10),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .seed = 1};
    network n = {.rows = 5};
    lt_real x[50] = {0}, out[15];

    if (lt_net_new(&spec, &n.net, NULL) != LT_OK ||
        lt_tape_new(n.net, n.rows, true, NULL, &n.tape, NULL) != LT_OK)
        return 1;
    n.x.at = x;
    for (int i = 0; i < STEPS; i++) {
        draws_of(&n, i, out);
        for (int k = 0; k < 15; k++)
            printf("%c%.12g", i + k ? ',' : '[', (double)out[k]);
    }
    printf("]\n");
    lt_tape_free(n.tape);
    lt_net_free(n.net);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_agree_with_pytorch),
        cmocka_unit_test(networks_agree_with_pytorch),
    };

    if (argc > 1 && strcmp(argv[1], "draws") == 0)
        return draws_print();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
