/* Passes and training over sparse rows against the same network on dense
 * arrays; in float here, in double by grad_sparse_pass.c. */
#include "sparse_twin.h"

#include <float.h>

static const double tolerance = sizeof(lt_real) == 4 ? 1e-5 : 1e-10;
/* Rounding grows from step to step. */
static const double after_steps = sizeof(lt_real) == 4 ? 1e-4 : 1e-10;

#define DENSE(n, a)                                                            \
    {                                                                          \
        .kind = "dense", .units = (n), .act = (a)                              \
    }
#define DROPOUT(share)                                                         \
    {                                                                          \
        .kind = "dropout", .amount = (share)                                   \
    }
#define BATCHNORM(a)                                                           \
    {                                                                          \
        .kind = "batchnorm", .act = (a), .momentum = 0.1, .epsilon = 1e-5      \
    }

static const twin_plan plans[] = {
    {"one layer",
     {DENSE(20, LT_ACT_SIGMOID)},
     1,
     LT_ACT_LINEAR,
     LT_TIE_UNTIED,
     false,
     0,
     NULL},
    {"one layer, tied",
     {DENSE(20, LT_ACT_TANH)},
     1,
     LT_ACT_LINEAR,
     LT_TIE_TIED,
     false,
     0,
     NULL},
    {"deep selu, dropout",
     {DENSE(18, LT_ACT_SELU), DENSE(33, LT_ACT_SELU), DROPOUT(0.5)},
     3,
     LT_ACT_SELU,
     LT_TIE_UNTIED,
     false,
     0,
     NULL},
    {"deep selu, dropout, tied, targets",
     {DENSE(18, LT_ACT_SELU), DENSE(7, LT_ACT_SELU), DROPOUT(0.5)},
     3,
     LT_ACT_SELU,
     LT_TIE_TIED,
     true,
     0,
     NULL},
    {"unrolled, targets",
     {DENSE(16, LT_ACT_TANH), DENSE(5, LT_ACT_LINEAR)},
     2,
     LT_ACT_TANH,
     LT_TIE_UNROLLED,
     true,
     0,
     NULL},
    {"normalised",
     {DENSE(16, LT_ACT_LINEAR), BATCHNORM(LT_ACT_RELU), DENSE(5, LT_ACT_TANH)},
     3,
     LT_ACT_LINEAR,
     LT_TIE_UNTIED,
     false,
     0,
     NULL},
    {"first layer frozen",
     {DENSE(16, LT_ACT_TANH), DENSE(5, LT_ACT_TANH)},
     2,
     LT_ACT_LINEAR,
     LT_TIE_UNTIED,
     false,
     1,
     NULL},
    {"first layer frozen, tied",
     {DENSE(16, LT_ACT_TANH), DENSE(5, LT_ACT_TANH)},
     2,
     LT_ACT_LINEAR,
     LT_TIE_TIED,
     true,
     1,
     NULL},
    {"last layer frozen",
     {DENSE(16, LT_ACT_TANH), DENSE(5, LT_ACT_TANH)},
     2,
     LT_ACT_LINEAR,
     LT_TIE_UNTIED,
     false,
     4,
     NULL},
};
enum { N_PLANS = sizeof plans / sizeof plans[0] };

static void check_sums(const char *name, const lt_sums sums[2])
{
    assert_true(sums[0].rows == sums[1].rows);
    assert_true(sums[0].recon_weight == sums[1].recon_weight);
    if (!(fabs(sums[0].total.recon / sums[1].total.recon - 1) < tolerance) ||
        !(fabs(sums[0].total.sse / sums[1].total.sse - 1) < tolerance))
        fail_msg("%s: loss %g, dense %g", name, sums[0].total.recon,
                 sums[1].total.recon);
}

static void gradients_are_those_of_dense_arrays(void **state)
{
    (void)state;
    for (int i = 0; i < N_PLANS; i++) {
        lt_sums sums[2];
        double difference;
        twin s;

        twin_make(&s, &plans[i], NULL);
        twin_gather(&s, 7, TWIN_ROWS);
        twin_gradient(&s, sums);
        check_sums(plans[i].name, sums);
        twin_spread(&s);
        difference =
            twin_difference(&s, lt_net_grads(s.net[0]), lt_net_grads(s.net[1]));
        if (!(difference < tolerance))
            fail_msg("%s: gradients differ by %g", plans[i].name, difference);
        twin_drop(&s);
    }
}

static void evaluation_is_that_of_dense_arrays(void **state)
{
    (void)state;
    for (int i = 0; i < N_PLANS; i++) {
        lt_tape *tape[2] = {NULL, NULL};
        lt_sums sums[2];
        const lt_real *y;
        lt_sparse_pair pair;
        twin s;

        twin_make(&s, &plans[i], NULL);
        twin_gather(&s, 7, TWIN_ROWS);
        pair = (lt_sparse_pair){s.x, s.t};
        assert_int_equal(lt_tape_new_sparse(s.net[0], TWIN_ROWS,
                                            s.t->most_entries, false, NULL,
                                            &tape[0], NULL),
                         LT_OK);
        tape[1] = fixture_tape(s.net[1], TWIN_ROWS, false, NULL);
        lt_objective_value_sparse(&s.objective, s.net[0], tape[0], &pair,
                                  &sums[0]);
        lt_objective_value(&s.objective, s.net[1], tape[1], NULL, TWIN_ROWS,
                           lt_tape_input(s.tape[1]), s.target, &sums[1]);
        check_sums(plans[i].name, sums);
        y = lt_tape_activation(tape[1], lt_net_n_layers(s.net[1]) - 1);
        for (int r = 0; r < TWIN_ROWS; r++)
            for (int e = s.t->start[r]; e < s.t->start[r + 1]; e++)
                assert_true(fabs((double)(lt_tape_outputs(tape[0])[e] -
                                          y[r * TWIN_ITEMS + s.t->index[e]])) <
                            10 * tolerance);
        lt_tape_free(tape[0]);
        lt_tape_free(tape[1]);
        twin_drop(&s);
    }
}

/* What acts on the code acts on it as ever, draws included. */
static void codes_are_penalised_as_on_dense_arrays(void **state)
{
    const twin_plan codes[] = {
        {"one layer, sparse code",
         {DENSE(20, LT_ACT_SIGMOID)},
         1,
         LT_ACT_LINEAR,
         LT_TIE_TIED,
         false,
         0,
         NULL},
        {"two layers, sparse code",
         {DENSE(20, LT_ACT_TANH), DENSE(6, LT_ACT_SIGMOID)},
         2,
         LT_ACT_LINEAR,
         LT_TIE_UNTIED,
         true,
         0,
         NULL},
        {"variational",
         {DENSE(20, LT_ACT_TANH), {.kind = "gaussian_code", .units = 5}},
         2,
         LT_ACT_LINEAR,
         LT_TIE_UNTIED,
         false,
         0,
         NULL},
    };

    (void)state;
    for (int i = 0; i < 3; i++) {
        lt_terms terms[2];
        lt_sums sums[2];
        twin s;

        twin_make(&s, &codes[i], NULL);
        s.objective.beta = 0.3;
        if (i < 2) {
            s.objective.code_l1 = 0.02;
            s.objective.sparsity = 0.5;
        }
        assert_true(lt_objective_is_sparse(&s.objective, s.net[0]));
        for (int k = 0; k < 2; k++)
            assert_int_equal(
                lt_objective_reserve(&s.objective, s.tape[k], NULL), LT_OK);
        twin_gather(&s, 7, TWIN_ROWS);
        twin_gradient(&s, sums);
        for (int k = 0; k < 2; k++)
            terms[k] = lt_sums_mean(&s.objective, s.net[k], &sums[k]);
        for (int k = 0; k < LT_TERM_COUNT; k++) {
            double a = lt_term_value(&terms[0], k);
            double b = lt_term_value(&terms[1], k);

            assert_true(isnan(a) == isnan(b));
            assert_true(isnan(a) || fabs(a - b) <= tolerance * fabs(b));
        }
        assert_true(terms[0].loss > terms[0].recon * 1.001);
        twin_spread(&s);
        assert_true(twin_difference(&s, lt_net_grads(s.net[0]),
                                    lt_net_grads(s.net[1])) < tolerance);
        twin_drop(&s);
    }
}

/* ---- training ---- */

typedef struct named_opt {
    const char *name;
    lt_opt_spec spec;
} named_opt;

static const named_opt opts[] = {
    {"sgd", {.kind = LT_OPT_SGD, .rate = 0.1}},
    {"sgd, decay", {.kind = LT_OPT_SGD, .rate = 0.1, .weight_decay = 0.05}},
    {"momentum", {.kind = LT_OPT_SGD, .rate = 0.05, .momentum = 0.9}},
    {"nesterov",
     {.kind = LT_OPT_SGD, .rate = 0.05, .momentum = 0.8, .nesterov = true}},
    {"momentum, decay",
     {.kind = LT_OPT_SGD, .rate = 0.05, .momentum = 0.9, .weight_decay = 0.02}},
    {"nesterov, decay",
     {.kind = LT_OPT_SGD,
      .rate = 0.05,
      .momentum = 0.8,
      .nesterov = true,
      .weight_decay = 0.02}},
    {"adam",
     {.kind = LT_OPT_ADAM,
      .rate = 0.01,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-4}},
    {"adam, decay",
     {.kind = LT_OPT_ADAM,
      .rate = 0.01,
      .beta1 = 0.9,
      .beta2 = 0.99,
      .epsilon = 1e-4,
      .weight_decay = 0.1}},
};
enum { N_OPTS = sizeof opts / sizeof opts[0] };

static void check_training(const twin_plan *plan, const named_opt *o)
{
    double difference;
    twin s;

    twin_make(&s, plan, &o->spec);
    for (int i = 0; i < 10; i++) /* short batches too, rows without entries */
        twin_step(&s, 5 * i % 50, i % 3 ? TWIN_ROWS : 4);
    lt_opt_settle(s.opt[0], plan->pool);
    difference =
        twin_difference(&s, lt_net_params(s.net[0]), lt_net_params(s.net[1]));
    if (!(difference < after_steps))
        fail_msg("%s, %s: parameters differ by %g after 10 steps", plan->name,
                 o->name, difference);
    twin_drop(&s);
}

static void training_is_that_on_dense_arrays(void **state)
{
    (void)state;
    for (int i = 0; i < N_PLANS; i++)
        for (int k = 0; k < N_OPTS; k++)
            check_training(&plans[i], &opts[k]);
}

/* Rows of tables that every batch of a few users passes by. */
static void rows_left_behind_catch_up(void **state)
{
    const int counts[] = {1, 2, 150, 450, 4100};

    (void)state;
    for (int k = 0; k < N_OPTS; k++)
        for (int c = 0; c < 5; c++) {
            named_opt o = opts[k];
            double difference;
            twin s;

            o.spec.rate *= 1e-3; /* so that rounding stays rounding */
            twin_make(&s, &plans[1], &o.spec);
            twin_step(&s, 0, TWIN_ROWS);
            for (int i = 0; i < counts[c]; i++)
                twin_step(&s, 10, 1);
            twin_step(&s, 0, TWIN_ROWS);
            lt_opt_settle(s.opt[0], NULL);
            difference = twin_difference(&s, lt_net_params(s.net[0]),
                                         lt_net_params(s.net[1]));
            if (!(difference < 10 * tolerance))
                fail_msg("%s: parameters differ by %g when %d steps passed by",
                         o.name, difference, counts[c]);
            twin_drop(&s);
        }
}

/* Left alone with its moments, a row moves as in dense steps. */
static void adam_moves_rows_left_alone(void **state)
{
    twin s;
    lt_table tables[LT_NET_TABLES];
    size_t at;

    (void)state;
    twin_make(&s, &plans[0], &opts[6].spec);
    lt_net_tables(s.net[0], tables);
    at = tables[0].offset + 1 * (size_t)tables[0].width; /* item 1's row */
    twin_step(&s, 0, 1);
    for (int i = 0; i < 30; i++)
        twin_step(&s, 3, 1); /* a row without entries */
    lt_opt_settle(s.opt[0], NULL);
    assert_true(fixture_difference(
                    (size_t)tables[0].width, lt_net_params(s.net[0]) + at,
                    lt_net_params(s.net[1]) + at) < 1e-2 * tolerance);
    twin_drop(&s);
}

static void a_batch_without_entries_changes_inner_layers_only(void **state)
{
    twin s;
    lt_sums sums[2];

    (void)state;
    twin_make(&s, &plans[0], &opts[0].spec);
    twin_gather(&s, 3, 1);
    assert_int_equal(s.x->start[1], 0);
    twin_gradient(&s, sums);
    assert_true(sums[0].recon_weight == 0 && sums[0].total.recon == 0);
    twin_spread(&s);
    for (size_t i = 0; i < lt_net_n_params(s.net[0]); i++)
        assert_true(lt_net_grads(s.net[0])[i] == 0);
    twin_drop(&s);
}

static void threads_do_not_change_a_bit(void **state)
{
    static lt_real first[20000];
    size_t n = 0;

    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        twin_plan plan = plans[3];
        twin s;

        plan.pool = NULL;
        assert_int_equal(lt_pool_new(threads, &plan.pool, NULL), LT_OK);
        twin_make(&s, &plan, &opts[6].spec);
        for (int i = 0; i < 12; i++)
            twin_step(&s, 5 * i % 50, TWIN_ROWS);
        lt_opt_settle(s.opt[0], plan.pool);
        n = lt_net_n_params(s.net[0]);
        assert_true(n <= 20000);
        if (threads == 1)
            memcpy(first, lt_net_params(s.net[0]), n * sizeof *first);
        assert_memory_equal(first, lt_net_params(s.net[0]), n * sizeof *first);
        twin_drop(&s);
        lt_pool_free(plan.pool);
    }
}

/* ---- memory and refusals ---- */

static void a_step_allocates_nothing(void **state)
{
    int64_t before;
    twin s;

    (void)state;
    twin_make(&s, &plans[3], &opts[6].spec);
    twin_step(&s, 0, TWIN_ROWS);
    before = lt_mem_allocations();
    for (int i = 0; i < 5; i++)
        twin_step(&s, 9 * i, TWIN_ROWS);
    lt_opt_settle(s.opt[0], NULL);
    assert_true(lt_mem_allocations() == before);
    twin_drop(&s);
}

static void a_tape_has_no_room_for_what_is_dense(void **state)
{
    const lt_layer_spec encoder[] = {DENSE(8, LT_ACT_SELU)};
    const lt_net_spec spec = {.input = lt_shape_flat(100000),
                              .encoder = encoder,
                              .n_encoder = 1,
                              .seed = 1,
                              .is_sparse = true};
    lt_net *net = NULL;
    lt_tape *tape = NULL;

    (void)state;
    assert_int_equal(lt_net_new(&spec, &net, NULL), LT_OK);
    /* Its inputs would take 26 GB. */
    assert_int_equal(
        lt_tape_new_sparse(net, 65536, 1000, true, NULL, &tape, NULL), LT_OK);
    assert_null(lt_tape_input(tape));
    lt_tape_free(tape);
    lt_net_free(net);
}

static void memory_may_run_out(void **state)
{
    lt_net *net = twin_net(&plans[3]);

    (void)state;
    for (int k = 0; k < 2; k++) {
        bool succeeded = false;

        for (int fail_at = 0; !succeeded; fail_at++) {
            lt_tape *tape = NULL;
            lt_opt *opt = NULL;
            lt_err err = {0};

            lt_mem_fail_after(fail_at);
            succeeded =
                lt_tape_new_sparse(net, 5, 50, true, NULL, &tape, &err) ==
                    LT_OK &&
                lt_opt_new(&opts[k ? 6 : 4].spec, net, &opt, &err) == LT_OK;
            lt_mem_fail_after(-1);
            if (!succeeded)
                assert_int_equal(err.status, LT_ENOMEM);
            lt_opt_free(opt);
            lt_tape_free(tape);
            assert_true(fail_at < 50);
        }
    }
    lt_net_free(net);
}

static void what_is_dense_is_told_apart(void **state)
{
    twin_plan plan = plans[0];
    lt_objective o = lt_objective_of(LT_LOSS_MASKED_MSE);
    lt_net *net = twin_net(&plan), *copied, *dense;
    lt_tape *tape = NULL;
    lt_err err = {0};

    (void)state;
    assert_true(lt_objective_is_sparse(&o, net));
    o.l2 = 1e-3;
    assert_false(lt_objective_is_sparse(&o, net));
    o = lt_objective_of(LT_LOSS_MSE);
    assert_false(lt_objective_is_sparse(&o, net));
    plan.tie = LT_TIE_MIRRORED;
    copied = twin_net(&plan);
    o = lt_objective_of(LT_LOSS_MASKED_MSE);
    assert_false(lt_objective_is_sparse(&o, copied));
    assert_int_equal(lt_tape_new_sparse(copied, 5, 50, true, NULL, &tape, &err),
                     LT_EINVAL);
    assert_non_null(strstr(err.text, "tie \"mirrored\""));
    dense = fixture_net(
        (fixture_spec){9, 5, 3, LT_ACT_TANH, LT_ACT_LINEAR, LT_TIE_UNTIED, 1});
    assert_false(lt_objective_is_sparse(&o, dense));
    assert_int_equal(lt_net_check_sparse(dense, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "not sparse"));
    lt_net_free(net);
    lt_net_free(copied);
    lt_net_free(dense);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_dense_arrays),
        cmocka_unit_test(evaluation_is_that_of_dense_arrays),
        cmocka_unit_test(codes_are_penalised_as_on_dense_arrays),
        cmocka_unit_test(training_is_that_on_dense_arrays),
        cmocka_unit_test(rows_left_behind_catch_up),
        cmocka_unit_test(adam_moves_rows_left_alone),
        cmocka_unit_test(a_batch_without_entries_changes_inner_layers_only),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(a_tape_has_no_room_for_what_is_dense),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(what_is_dense_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
