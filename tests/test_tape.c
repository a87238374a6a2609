/* Passes: short batches, parts of a network, both kinds of tape, no
 * allocation, the same bits for every number of threads. */
#include "net_fixture.h"

#include "latent/base/mem.h"
#include "latent/opt/optimizer.h"

enum { D = 6, H = 5, K = 3, ROWS = 8 };

static lt_net *small(lt_tie tie)
{
    lt_net *net = fixture_net(
        (fixture_spec){D, H, K, LT_ACT_TANH, LT_ACT_SIGMOID, tie, 1});

    fixture_shake(net, 0.5, 2);
    return net;
}

static void both_kinds_of_tape_give_the_same_output(void **state)
{
    lt_net *net = small(LT_TIE_UNTIED);
    lt_tape *with = fixture_tape(net, ROWS, true, NULL);
    lt_tape *without = fixture_tape(net, ROWS, false, NULL);
    const lt_real *a, *b;

    (void)state;
    fixture_batch(ROWS * D, lt_tape_input(with), 3);
    fixture_batch(ROWS * D, lt_tape_input(without), 3);
    a = lt_net_forward(net, with, lt_tape_input(with), ROWS, 0, 4, false);
    b = lt_net_forward(net, without, lt_tape_input(without), ROWS, 0, 4, false);
    assert_memory_equal(a, b, ROWS * D * sizeof *a);
    /* the input is still there: it is the target */
    assert_memory_equal(lt_tape_input(with), lt_tape_input(without),
                        ROWS * D * sizeof *a);
    lt_tape_free(with);
    lt_tape_free(without);
    lt_net_free(net);
}

static void encode_then_decode_is_reconstruct(void **state)
{
    lt_net *net = small(LT_TIE_TIED);
    lt_tape *tape = fixture_tape(net, ROWS, false, NULL);
    lt_real x[ROWS * D], code[ROWS * K], whole[ROWS * D];

    (void)state;
    fixture_batch(ROWS * D, x, 3);
    memcpy(whole, lt_net_forward(net, tape, x, ROWS, 0, 4, false),
           sizeof whole);
    memcpy(code, lt_net_forward(net, tape, x, ROWS, 0, 2, false), sizeof code);
    assert_memory_equal(lt_net_forward(net, tape, code, ROWS, 2, 4, false),
                        whole, sizeof whole);
    assert_ptr_equal(lt_net_forward(net, tape, x, ROWS, 1, 1, false), x);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void logits_are_the_output_before_its_sigmoid(void **state)
{
    lt_net *net = small(LT_TIE_UNTIED);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    lt_real y[ROWS * D];
    const lt_real *z;

    (void)state;
    fixture_batch(ROWS * D, lt_tape_input(tape), 3);
    memcpy(y, lt_net_forward(net, tape, lt_tape_input(tape), ROWS, 0, 4, false),
           sizeof y);
    z = lt_net_forward(net, tape, lt_tape_input(tape), ROWS, 0, 4, true);
    for (int i = 0; i < ROWS * D; i++)
        assert_true(fabs(y[i] - 1 / (1 + exp(-(double)z[i]))) < 1e-6);
    lt_tape_free(tape);
    lt_net_free(net);
}

/* The gradient of a batch is the mean of its rows' gradients. */
static void short_batches_average_over_their_own_rows(void **state)
{
    lt_net *net = small(LT_TIE_TIED);
    lt_tape *tape = fixture_tape(net, ROWS, true, NULL);
    lt_real rows[3 * D], sum[128] = {0}, whole[128];
    size_t n = lt_net_n_params(net);

    (void)state;
    assert_true(n <= 128);
    fixture_batch(3 * D, rows, 3);
    memcpy(lt_tape_input(tape), rows, sizeof rows);
    fixture_loss(net, tape, 3, LT_LOSS_BCE, true);
    memcpy(whole, lt_net_grads(net), n * sizeof *whole);
    for (int r = 0; r < 3; r++) {
        memcpy(lt_tape_input(tape), rows + r * D, D * sizeof *rows);
        fixture_loss(net, tape, 1, LT_LOSS_BCE, true);
        for (size_t i = 0; i < n; i++)
            sum[i] += lt_net_grads(net)[i] / 3;
    }
    assert_true(fixture_difference(n, whole, sum) < 1e-6);
    lt_tape_free(tape);
    lt_net_free(net);
}

/* A denoising pass: the input is elsewhere, the target is another. */
static void backward_reads_the_input_that_forward_read(void **state)
{
    lt_net *net = small(LT_TIE_UNTIED);
    lt_tape *tape = fixture_tape(net, 1, true, NULL);
    const lt_layer *first = lt_net_layer(net, 0);
    lt_real x[D] = {0, 1, 0, 0, 0, 0};
    const lt_real *y, *dw = lt_net_grads(net) + first->weight;
    const lt_real *db = lt_net_grads(net) + first->bias;
    lt_loss_sums sums;

    (void)state;
    fixture_batch(D, lt_tape_input(tape), 3);
    y = lt_net_forward(net, tape, x, 1, 0, 4, true);
    lt_loss_compute(LT_LOSS_BCE, 1, net, NULL, 1, y, lt_tape_input(tape),
                    lt_tape_delta(tape), &sums);
    lt_net_backward(net, tape, 1, true);
    /* dW = dz x': column 1 is db, the others 0 */
    for (int r = 0; r < H; r++)
        for (int c = 0; c < D; c++)
            assert_true(fabs(dw[r * D + c] - (c == 1 ? db[r] : 0)) < 1e-7);
    lt_tape_free(tape);
    lt_net_free(net);
}

static void train(lt_net *net, lt_tape *tape, lt_opt *opt, lt_pool *pool,
                  int steps)
{
    int rows = lt_tape_batch(tape);

    for (int i = 0; i < steps; i++) {
        const lt_real *x = lt_tape_input(tape);
        const lt_real *y =
            lt_net_forward(net, tape, x, rows, 0, lt_net_n_layers(net), true);
        lt_loss_sums sums;

        lt_loss_compute(LT_LOSS_BCE, 1, net, pool, rows, y, x,
                        lt_tape_delta(tape), &sums);
        lt_net_backward(net, tape, rows, true);
        lt_opt_step(opt, pool);
        assert_int_equal(lt_net_refresh(net, LT_REFRESH_STEP, NULL), LT_OK);
    }
}

static lt_opt *optimizer(lt_net *net, lt_opt_kind kind)
{
    lt_opt_spec spec = lt_opt_defaults(kind);
    lt_opt *opt = NULL;

    spec.weight_decay = 0.01;
    assert_int_equal(lt_opt_new(&spec, net, &opt, NULL), LT_OK);
    return opt;
}

/* All ties but pinv, whose refresh needs LAPACK's workspace. */
static void a_training_step_allocates_nothing(void **state)
{
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    for (int tie = 0; tie < LT_TIE_PINV; tie++)
        for (int kind = 0; kind < LT_OPT_COUNT; kind++) {
            lt_net *net = small((lt_tie)tie);
            lt_tape *tape = fixture_tape(net, ROWS, true, pool);
            lt_opt *opt = optimizer(net, (lt_opt_kind)kind);
            int64_t before = lt_mem_allocations();

            train(net, tape, opt, pool, 3);
            assert_int_equal(lt_mem_allocations(), before);
            lt_opt_free(opt);
            lt_tape_free(tape);
            lt_net_free(net);
        }
    lt_pool_free(pool);
}

/* Large enough that products and sweeps are cut into pieces. */
static lt_net *trained_with_threads(lt_tie tie, int threads)
{
    lt_net *net = fixture_net(
        (fixture_spec){500, 300, 40, LT_ACT_SIGMOID, LT_ACT_SIGMOID, tie, 4});
    lt_pool *pool = NULL;
    lt_tape *tape;
    lt_opt *opt = optimizer(net, LT_OPT_ADAM);

    assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
    tape = fixture_tape(net, 60, true, pool);
    fixture_batch(60 * 500, lt_tape_input(tape), 3);
    train(net, tape, opt, pool, 4);
    lt_opt_free(opt);
    lt_tape_free(tape);
    lt_pool_free(pool);
    return net;
}

static void threads_do_not_change_the_bits(void **state)
{
    (void)state;
    for (int tie = 0; tie < LT_TIE_UNROLLED; tie++) {
        lt_net *one = trained_with_threads((lt_tie)tie, 1);

        for (int threads = 2; threads <= 3; threads++) {
            lt_net *many = trained_with_threads((lt_tie)tie, threads);

            assert_memory_equal(lt_net_params(one), lt_net_params(many),
                                lt_net_n_params(one) * sizeof(lt_real));
            lt_net_free(many);
        }
        lt_net_free(one);
    }
}

static void tapes_refuse_empty_batches(void **state)
{
    lt_net *net = small(LT_TIE_UNTIED);
    lt_tape *tape = NULL;
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_tape_new(net, 0, true, NULL, &tape, &err), LT_EINVAL);
    assert_string_equal(err.text, "batch of 0 rows, wanted at least 1");
    for (int n = 0; n < 3; n++) {
        lt_mem_fail_after(n);
        assert_int_equal(lt_tape_new(net, 4, true, NULL, &tape, &err),
                         LT_ENOMEM);
        lt_mem_fail_after(-1);
    }
    assert_null(tape);
    lt_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_tape_give_the_same_output),
        cmocka_unit_test(encode_then_decode_is_reconstruct),
        cmocka_unit_test(logits_are_the_output_before_its_sigmoid),
        cmocka_unit_test(short_batches_average_over_their_own_rows),
        cmocka_unit_test(backward_reads_the_input_that_forward_read),
        cmocka_unit_test(a_training_step_allocates_nothing),
        cmocka_unit_test(threads_do_not_change_the_bits),
        cmocka_unit_test(tapes_refuse_empty_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
