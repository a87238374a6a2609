/* A thousand steps take no more memory than ten: of networks of every kind of
 * layer, on dense and on sparse rows. Bytes and allocations are counted at
 * every epoch's end; the process itself is asked for its peak. */
#include "ratings_fixture.h"

#include <sys/resource.h>

#include "latent/train/fit.h"

enum { N = 50, BATCH = 5, EPOCHS = 100, SIDE = 9 };

typedef struct watch {
    int64_t bytes, allocations; /* at the end of the first epoch */
    long peak;                  /* KiB, at the end of the tenth */
    int epochs;
} watch;

static long peak_now(void)
{
    struct rusage use;

    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return use.ru_maxrss;
}

static lt_status watch_epoch(void *self, const lt_epoch_report *report,
                             bool *stop, lt_err *err)
{
    watch *w = self;

    (void)report, (void)stop, (void)err;
    if (++w->epochs == 1) {
        w->bytes = lt_mem_bytes();
        w->allocations = lt_mem_allocations();
    }
    assert_int_equal(lt_mem_bytes(), w->bytes);
    assert_int_equal(lt_mem_allocations(), w->allocations);
    if (w->epochs == 10)
        w->peak = peak_now();
    return LT_OK;
}

/* Takes net and data over. */
static void train_a_thousand(lt_net *net, lt_dataset *data, lt_objective o,
                             int refeed)
{
    int64_t before = lt_mem_bytes();
    watch w = {0};
    lt_fit_opts opts = {.train = data,
                        .test = data,
                        .objective = o,
                        .kl_warmup = lt_net_is_variational(net) ? 20 : 0,
                        .optimizer = lt_opt_defaults(LT_OPT_ADAM),
                        .epochs = EPOCHS,
                        .batch = BATCH,
                        .seed = 1,
                        .refeed = refeed,
                        .on_epoch = watch_epoch,
                        .on_epoch_self = &w};
    lt_fit_result result;
    lt_err err = {0};

    if (lt_fit(net, &opts, &result, &err) != LT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(result.last.step, 1000);
    assert_int_equal(lt_mem_bytes(), before);
    assert_true(peak_now() - w.peak < 1024);
    lt_dataset_free(data);
    lt_net_free(net);
}

static lt_net *net_of(const lt_net_spec *spec)
{
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static lt_dataset *pictures_make(void)
{
    lt_dataset *flat = patterns_make(N, SIDE * SIDE, 3), *d = NULL;
    uint8_t *values = lt_mem_alloc(N, SIDE * SIDE);

    memcpy(values, lt_dataset_values(flat), N * SIDE * SIDE);
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, N,
                                         lt_shape_image(1, SIDE, SIDE), values,
                                         NULL, &d, NULL),
                     LT_OK);
    lt_dataset_free(flat);
    return d;
}

static void pictures(void **state)
{
    const lt_layer_spec encoder[] = {
        {"noise", .noise = LT_NOISE_MASKING, .amount = 0.2},
        {"conv", .channels = 4, .kernel = {3, 3}, .stride = {2, 2},
         .dilation = {1, 1}},
        {"batchnorm", .act = LT_ACT_RELU, .momentum = 0.1, .epsilon = 1e-5},
        {"avgpool", .kernel = {2, 2}},
        {"flatten"},
        {"dropout", .amount = 0.1},
        {"dense", 6, LT_ACT_LINEAR},
        {"k_sparse", 3}};
    const lt_net_spec spec = {.input = lt_shape_image(1, SIDE, SIDE),
                              .encoder = encoder,
                              .n_encoder = 8,
                              .output = LT_ACT_SIGMOID,
                              .tie = LT_TIE_TIED,
                              .seed = 1};
    lt_objective o = lt_objective_of(LT_LOSS_BCE);

    (void)state;
    o.l1 = 1e-5, o.l2 = 1e-4, o.code_l1 = 1e-3, o.orthogonality = 1e-3;
    train_a_thousand(net_of(&spec), pictures_make(), o, 0);
}

static void variational_code(void **state)
{
    const lt_layer_spec encoder[] = {{"dense", 20, LT_ACT_TANH},
                                     {"gaussian_code", 4}};
    const lt_net_spec spec = {.input = lt_shape_flat(30),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = LT_ACT_SIGMOID,
                              .seed = 1};

    (void)state;
    train_a_thousand(net_of(&spec), patterns_make(N, 30, 4),
                     lt_objective_of(LT_LOSS_BCE), 0);
}

static void contractive_code(void **state)
{
    const net_plan plan = {.width = 30,
                           .units = {20, 4},
                           .n = 2,
                           .act = LT_ACT_TANH,
                           .code_act = LT_ACT_SIGMOID,
                           .output = LT_ACT_SIGMOID,
                           .seed = 1};
    lt_objective o = lt_objective_of(LT_LOSS_BCE);

    (void)state;
    o.contractive = 0.1, o.sparsity = 0.1;
    train_a_thousand(net_make(&plan), patterns_make(N, 30, 4), o, 0);
}

static void ratings(void **state)
{
    const net_plan plan = {.width = 40,
                           .units = {12, 6},
                           .n = 2,
                           .act = LT_ACT_SELU,
                           .code_act = LT_ACT_SELU,
                           .output = LT_ACT_LINEAR,
                           .tie = LT_TIE_TIED,
                           .seed = 1,
                           .is_sparse = true};

    (void)state;
    for (int refeed = 0; refeed < 2; refeed++)
        train_a_thousand(net_make(&plan), ratings_make(N, 40, 5, 6),
                         lt_objective_of(LT_LOSS_MASKED_MSE), refeed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),
        cmocka_unit_test(variational_code),
        cmocka_unit_test(contractive_code),
        cmocka_unit_test(ratings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
