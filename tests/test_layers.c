/* What every kind of layer must do: come back from JSON and from files as it
 * was, give the same bits on any number of threads, allocate nothing in a step,
 * fail whole, and tell its name and numbers in the summary. */
#include "layers_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/net/checkpoint.h"
#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

enum { ROWS = 6 };

/* Large enough that all work is cut into pieces. */
static const layers_case large = {
    "large",
    PICTURE(4, 24, 24),
    {NORM(RELU), POOL("maxpool", 2, 2, VALID), POOL("avgpool", 3, 2, SAME),
     DENSE(200, LINEAR), NORM(TANH), K_SPARSE(50)},
    .output = LT_ACT_LINEAR,
    .loss = LT_LOSS_MSE};

static const layers_case convolutions = {"convolutions",
                                         PICTURE(3, 23, 24),
                                         {CONV(20, 3, 2, 1, SAME, RELU),
                                          CONV(40, 5, 1, 2, SAME, TANH),
                                          CONV(10, 3, 3, 1, VALID, LINEAR)},
                                         .output = LT_ACT_SIGMOID,
                                         .loss = LT_LOSS_BCE};

static const layers_case noisy = {"noisy",
                                  FLAT(900),
                                  {NOISE(SALT_PEPPER, 0.2), DENSE(400, TANH),
                                   DROPOUT(0.4), NOISE(GAUSSIAN, 0.1),
                                   DENSE(80, TANH), NOISE(MASKING, 0.1)},
                                  .output = LT_ACT_SIGMOID,
                                  .loss = LT_LOSS_BCE};

static const layers_case written_out = {
    "written out",
    PICTURE(2, 24, 24),
    {POOL("avgpool", 2, 2, VALID), UPSAMPLE(2, 2, NEAREST), DENSE(40, TANH)},
    {DENSE(72, TANH), RESHAPE(2, 6, 6), UPSAMPLE(2, 2, BILINEAR),
     UPSAMPLE(2, 2, NEAREST)},
    .output = LT_ACT_LINEAR,
    .loss = LT_LOSS_MSE};

static const layers_case *const larger[] = {&large, &noisy, &convolutions,
                                            &written_out};

static void shake(lt_net *net)
{
    lt_real *state = lt_net_state(net);

    fixture_shake(net, 0.3, 17);
    for (size_t i = 0; i < lt_net_n_state(net); i++)
        state[i] = (lt_real)(0.5 + 0.1 * (double)(i % 7));
}

/* ---- there and back ---- */

static void layer_assert_equal(const lt_layer *a, const lt_layer *b)
{
    lt_layer_spec x = a->spec, y = b->spec;

    assert_ptr_equal(a->ops, b->ops);
    assert_string_equal(x.kind, y.kind);
    x.kind = y.kind = NULL;
    assert_memory_equal(&x, &y, sizeof x);
    assert_true(lt_shape_equal(a->in, b->in));
    assert_true(lt_shape_equal(a->out, b->out));
    assert_memory_equal(&a->window, &b->window, sizeof a->window);
    assert_int_equal(a->weight, b->weight);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->mirror_of, b->mirror_of);
}

static void networks_come_back_from_json(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++) {
        lt_net *a = layers_net(&layers_cases[i], LT_TIE_UNTIED, 3), *b = NULL;
        json_t *json = NULL, *again = NULL;
        lt_err err = {0};

        assert_int_equal(lt_net_to_json(a, &json, &err), LT_OK);
        if (lt_net_from_json(json, &b, &err) != LT_OK)
            fail_msg("%s: %s", layers_cases[i].name, err.text);
        assert_int_equal(lt_net_to_json(b, &again, &err), LT_OK);
        assert_true(json_equal(json, again));
        assert_int_equal(lt_net_n_layers(a), lt_net_n_layers(b));
        for (int l = 0; l < lt_net_n_layers(a); l++)
            layer_assert_equal(lt_net_layer(a, l), lt_net_layer(b, l));
        assert_memory_equal(lt_net_params(a), lt_net_params(b),
                            lt_net_n_params(a) * sizeof(lt_real));
        assert_memory_equal(lt_net_state(a), lt_net_state(b),
                            lt_net_n_state(a) * sizeof(lt_real));
        json_decref(json);
        json_decref(again);
        lt_net_free(a);
        lt_net_free(b);
    }
}

static void json_has_every_field_by_name(void **state)
{
    const layers_case c = {
        "fields",
        PICTURE(1, 6, 6),
        {{.kind = "avgpool",
          .kernel = {3, 2},
          .stride = {2, 1},
          .pad = LT_PAD_SIZE,
          .pad_size = {1, 0},
          .unpool = LT_UNPOOL_COPY},
         NOISE(SALT_PEPPER, 0.25),
         {.kind = "batchnorm",
          .momentum = 0.125,
          .epsilon = 0.5,
          .act = LT_ACT_RELU},
         DENSE(3, TANH)},
        {DENSE(9, TANH), RESHAPE(1, 3, 3), UPSAMPLE(2, 2, BILINEAR)},
        .output = LT_ACT_LINEAR};
    const char *wanted =
        "{\"kernel\": [3, 2], \"kind\": \"avgpool\", \"pad\": \"size\", "
        "\"pad_size\": [1, 0], \"stride\": [2, 1], \"unpool\": \"copy\"}"
        "{\"amount\": 0.25, \"kind\": \"noise\", \"noise\": \"salt_pepper\"}"
        "{\"act\": \"relu\", \"epsilon\": 0.5, \"kind\": \"batchnorm\", "
        "\"momentum\": 0.125}";
    lt_net *net = layers_net(&c, LT_TIE_UNTIED, 3);
    json_t *json = NULL;
    char text[600] = "";

    (void)state;
    assert_int_equal(lt_net_to_json(net, &json, NULL), LT_OK);
    for (size_t i = 0; i < 3; i++) {
        const json_t *layers = json_object_get(json, "encoder");
        char *part = json_dumps(json_array_get(layers, i), JSON_SORT_KEYS);

        strncat(text, part, sizeof text - strlen(text) - 1);
        free(part);
    }
    assert_string_equal(text, wanted);
    json_decref(json);
    lt_net_free(net);
}

static void networks_come_back_from_files(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++) {
        const layers_case *c = &layers_cases[i];
        char path[] = "/tmp/latent-layers-XXXXXX";
        int file = mkstemp(path);
        lt_net *a = layers_net(c, LT_TIE_UNTIED, 3), *b = NULL;
        lt_tape *x, *y;
        size_t n = (size_t)(ROWS * lt_shape_elements(c->input));
        int layers = lt_net_n_layers(a);
        lt_err err = {0};

        assert_true(file >= 0);
        close(file);
        shake(a);
        assert_int_equal(lt_checkpoint_save(a, path, NULL, &err), LT_OK);
        if (lt_checkpoint_load(path, &b, &err) != LT_OK)
            fail_msg("%s: %s", c->name, err.text);
        assert_memory_equal(lt_net_state(a), lt_net_state(b),
                            lt_net_n_state(a) * sizeof(lt_real));
        x = fixture_tape(a, ROWS, false, NULL);
        y = fixture_tape(b, ROWS, false, NULL);
        fixture_batch(n, lt_tape_input(x), 5);
        fixture_batch(n, lt_tape_input(y), 5);
        assert_memory_equal(
            lt_net_forward(a, x, lt_tape_input(x), ROWS, 0, layers, false),
            lt_net_forward(b, y, lt_tape_input(y), ROWS, 0, layers, false),
            n * sizeof(lt_real));
        unlink(path);
        lt_tape_free(x);
        lt_tape_free(y);
        lt_net_free(a);
        lt_net_free(b);
    }
}

/* ---- steps ---- */

static lt_opt *optimizer(lt_net *net)
{
    lt_opt_spec spec = lt_opt_defaults(LT_OPT_ADAM);
    lt_opt *opt = NULL;

    assert_int_equal(lt_opt_new(&spec, net, &opt, NULL), LT_OK);
    return opt;
}

static void train(const layers_case *c, lt_net *net, lt_tape *tape,
                  lt_pool *pool, lt_opt *opt)
{
    lt_objective o = lt_objective_of(c->loss);
    lt_real *x = lt_tape_input(tape);
    lt_sums sums;

    for (int step = 0; step < 3; step++) {
        lt_tape_draw(tape, 9, step);
        lt_objective_gradient(&o, net, tape, pool, lt_tape_batch(tape), x, x,
                              &sums);
        lt_opt_step(opt, pool);
    }
}

static lt_net *trained(const layers_case *c, int rows, int threads)
{
    lt_net *net = layers_net(c, LT_TIE_TIED, 3);
    lt_opt *opt = optimizer(net);
    lt_pool *pool = NULL;
    lt_tape *tape;

    assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
    tape = fixture_tape(net, rows, true, pool);
    fixture_batch((size_t)(rows * lt_shape_elements(c->input)),
                  lt_tape_input(tape), 5);
    train(c, net, tape, pool, opt);
    lt_tape_free(tape);
    lt_opt_free(opt);
    lt_pool_free(pool);
    return net;
}

static void threads_do_not_change_the_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        lt_net *one = trained(larger[i], 50, 1);
        size_t n = lt_net_n_params(one);

        for (int threads = 2; threads <= 3; threads++) {
            lt_net *more = trained(larger[i], 50, threads);

            assert_memory_equal(lt_net_params(one), lt_net_params(more),
                                n * sizeof(lt_real));
            assert_memory_equal(lt_net_grads(one), lt_net_grads(more),
                                n * sizeof(lt_real));
            assert_memory_equal(lt_net_state(one), lt_net_state(more),
                                lt_net_n_state(one) * sizeof(lt_real));
            lt_net_free(more);
        }
        lt_net_free(one);
    }
}

/* Upsampling, which has no tie. */
static void threads_do_not_change_what_is_written_out(void **state)
{
    enum { MANY = 40 };
    lt_net *net = layers_net(&written_out, LT_TIE_UNTIED, 3);
    size_t bytes = lt_net_n_params(net) * sizeof(lt_real);
    lt_real *first = malloc(bytes);

    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        lt_pool *pool = NULL;
        lt_tape *tape;

        assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
        tape = fixture_tape(net, MANY, true, pool);
        fixture_batch(MANY * 2 * 24 * 24, lt_tape_input(tape), 5);
        fixture_loss(net, tape, MANY, LT_LOSS_MSE, true);
        if (threads == 1)
            memcpy(first, lt_net_grads(net), bytes);
        assert_memory_equal(lt_net_grads(net), first, bytes);
        lt_tape_free(tape);
        lt_pool_free(pool);
    }
    free(first);
    lt_net_free(net);
}

static void steps_allocate_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++) {
        const layers_case *c = &layers_cases[i];
        lt_net *net = layers_net(c, LT_TIE_UNTIED, 3);
        lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
        lt_tape *test = fixture_tape(net, ROWS, false, NULL);
        lt_opt *opt = optimizer(net);
        int64_t before = lt_mem_allocations();

        fixture_batch((size_t)(ROWS * lt_shape_elements(c->input)),
                      lt_tape_input(tape), 5);
        train(c, net, tape, NULL, opt);
        lt_net_forward(net, test, lt_tape_input(tape), ROWS, 0,
                       lt_net_n_layers(net), false);
        assert_int_equal(lt_mem_allocations(), before);
        lt_opt_free(opt);
        lt_tape_free(test);
        lt_tape_free(tape);
        lt_net_free(net);
    }
}

/* A short last batch leaves the rows beyond it alone. */
static void short_batches_are_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYERS_CASES; i++) {
        const layers_case *c = &layers_cases[i];
        lt_net *net = layers_net(c, LT_TIE_UNTIED, 3);
        lt_tape *wide = fixture_tape(net, ROWS, true, NULL);
        lt_tape *narrow = fixture_tape(net, 2, true, NULL);
        size_t n = (size_t)(ROWS * lt_shape_elements(c->input));
        size_t bytes = lt_net_n_params(net) * sizeof(lt_real);
        lt_real *grads = malloc(bytes);

        shake(net);
        fixture_batch(n, lt_tape_input(wide), 5);
        fixture_batch(n / 3, lt_tape_input(narrow), 5);
        fixture_loss(net, wide, ROWS, c->loss, true);
        fixture_loss(net, wide, 2, c->loss, true);
        memcpy(grads, lt_net_grads(net), bytes);
        fixture_loss(net, narrow, 2, c->loss, true);
        assert_memory_equal(lt_net_grads(net), grads, bytes);
        free(grads);
        lt_tape_free(wide);
        lt_tape_free(narrow);
        lt_net_free(net);
    }
}

/* ---- what is told ---- */

static void summary_tells_kinds_and_numbers(void **state)
{
    const layers_case c = {"told",
                           PICTURE(1, 9, 9),
                           {NOISE(MASKING, 0.25), POOL("maxpool", 2, 2, SAME),
                            NORM(RELU), DENSE(4, TANH), DROPOUT(0.5),
                            K_SPARSE(2)},
                           .output = LT_ACT_LINEAR};
    const char *wanted =
        "  layer (undoes)  kind                  out  act     params  trains\n"
        "  input                               1x9x9\n"
        "1 encoder 1       noise masking 0.25  1x9x9  -            0  -\n"
        "2 encoder 2       maxpool 2x2 same    1x5x5  -            0  -\n"
        "3 encoder 3       batchnorm           1x5x5  relu         2  no\n"
        "4 encoder 4       dense                   4  tanh       104  yes\n"
        "5 encoder 5       dropout 0.5             4  -            0  -\n"
        "6 encoder 6       k_sparse 2              4  -            0  -\n"
        "7 decoder 1 (4)   dense               1x5x5  relu       125  bias\n"
        "8 decoder 2 (3)   batchnorm           1x5x5  linear       2  yes\n"
        "9 decoder 3 (2)   maxunpool 2x2 same  1x9x9  -            0  -\n"
        "tie mirrored (refreshed every step), code 4\n"
        "233 parameters, 131 trained, 4 moving averages\n"
        "layer 9 needs, beside the code, the switches of layer 2\n";
    lt_net *net = layers_net(&c, LT_TIE_MIRRORED, 3);
    lt_text text = {0};

    (void)state;
    assert_int_equal(lt_net_freeze_layer(net, 2, true, NULL), LT_OK);
    assert_int_equal(lt_net_summary(net, &text, NULL), LT_OK);
    assert_string_equal(lt_text_str(&text), wanted);
    lt_text_deinit(&text);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_come_back_from_json),
        cmocka_unit_test(json_has_every_field_by_name),
        cmocka_unit_test(networks_come_back_from_files),
        cmocka_unit_test(threads_do_not_change_the_bits),
        cmocka_unit_test(threads_do_not_change_what_is_written_out),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(short_batches_are_their_own),
        cmocka_unit_test(summary_tells_kinds_and_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
