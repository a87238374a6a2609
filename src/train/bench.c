/* How near a training step comes to the matrix products it is made of; see
 * latent/train/bench.h.
 *
 * Both are timed in turns in one process, so that the clock rate, the caches
 * and the neighbours on the machine are the same for both, and medians over
 * the blocks are compared. A step is all that lt_fit does for a batch: gather,
 * forward, loss, backward, optimiser, and the observer if there is one. The
 * floor is three products a layer (two for the first, whose input needs no
 * gradient), one library call each, on the network's own parameters and
 * gradients; those of a convolution are over patches that are taken as written
 * out already. With several threads the library may use as many; its idle
 * threads spin for a while, so a pause follows each floor block then. */
#include "latent/train/bench.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "latent/opt/optimizer.h"
#include "train/batch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_EXAMPLES = 10000, MAX_BLOCKS = 201, MAX_LAYERS = 2 * LT_BENCH_SIZES };

#define BLOCK_SECONDS 0.05

static const lt_bench_case bench_cases[] = {
    {"deep-100",
     {784, 1000, 500, 250, 30},
     LT_ACT_SIGMOID,
     LT_ACT_LINEAR,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_UNTIED,
     100},
    {"deep-1000",
     {784, 1000, 500, 250, 30},
     LT_ACT_SIGMOID,
     LT_ACT_LINEAR,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_UNTIED,
     1000},
    {"deep-tied-100",
     {784, 1000, 500, 250, 30},
     LT_ACT_SIGMOID,
     LT_ACT_LINEAR,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_TIED,
     100},
    {"deep-tied-1000",
     {784, 1000, 500, 250, 30},
     LT_ACT_SIGMOID,
     LT_ACT_LINEAR,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_TIED,
     1000},
    {"mid-128",
     {784, 196, 81, 49},
     LT_ACT_SIGMOID,
     LT_ACT_SIGMOID,
     LT_ACT_LINEAR,
     LT_LOSS_MSE,
     LT_TIE_UNTIED,
     128},
    {"small-32",
     {784, 32},
     LT_ACT_RELU,
     LT_ACT_RELU,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_UNTIED,
     32},
    {"conv-100",
     {1, 16, 32},
     LT_ACT_RELU,
     LT_ACT_RELU,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_UNTIED,
     100,
     28},
    {"conv-tied-100",
     {1, 16, 32},
     LT_ACT_RELU,
     LT_ACT_RELU,
     LT_ACT_SIGMOID,
     LT_LOSS_BCE,
     LT_TIE_TIED,
     100,
     28},
};

const lt_bench_case *lt_bench_cases(int *n)
{
    *n = (int)(sizeof bench_cases / sizeof bench_cases[0]);
    return bench_cases;
}

const lt_bench_case *lt_bench_find(const char *name)
{
    int n;
    const lt_bench_case *c = lt_bench_cases(&n);

    for (int i = 0; i < n; i++)
        if (strcmp(c[i].name, name) == 0)
            return &c[i];
    return NULL;
}

typedef struct bench {
    const lt_bench_case *c;
    const lt_bench_opts *o;
    lt_pool *pool;
    lt_dataset *data;
    lt__batcher batches;
    lt_net *net;
    lt_tape *tape;
    lt_opt *opt;
    int64_t steps;
    lt_real *values[MAX_LAYERS + 1]; /* floor: (B, width) at each level */
    lt_real *deltas[MAX_LAYERS + 1];
    lt_real *patches; /* floor: of the convolution that has the most */
    int n_blocks;
    double step[MAX_BLOCKS], floor[MAX_BLOCKS], share[MAX_BLOCKS];
} bench;

/* ---- making it ---- */

static lt_shape case_input(const lt_bench_case *c)
{
    return c->side ? lt_shape_image(c->sizes[0], c->side, c->side)
                   : lt_shape_flat(c->sizes[0]);
}

/* Bytes of which three in four are 0, as in images of digits. */
static lt_status data_make(bench *b, lt_err *err)
{
    const lt_shape input = case_input(b->c);
    size_t n = (size_t)N_EXAMPLES * (size_t)lt_shape_elements(input);
    uint8_t *bytes = lt_mem_alloc(n, 1);
    lt_rng rng;

    if (!bytes)
        return lt_err_mark(err, LT_ENOMEM);
    lt_rng_init(&rng, 1, "bench");
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t draw = lt_rng_next(&rng);

        for (size_t j = i; j < i + sizeof draw && j < n; j++, draw >>= 8)
            bytes[j] = (draw & 0xff) < 192 ? 0 : (uint8_t)draw;
    }
    LT_TRY(lt_dataset_new_take(LT_ELEM_U8, N_EXAMPLES, input, bytes, NULL,
                               &b->data, err));
    LT_TRY(
        lt__batcher_init(&b->batches, b->data, b->c->batch, 1, "shuffle", err));
    lt__batcher_shuffle(&b->batches, 0);
    return LT_OK;
}

static lt_layer_spec case_layer(const lt_bench_case *c, int size)
{
    if (!c->side)
        return (lt_layer_spec){"dense", size, c->act};
    return (lt_layer_spec){.kind = "conv",
                           .channels = size,
                           .kernel = {3, 3},
                           .stride = {2, 2},
                           .dilation = {1, 1},
                           .pad = LT_PAD_SAME,
                           .act = c->act};
}

static lt_status net_make(bench *b, lt_err *err)
{
    lt_layer_spec layers[LT_BENCH_SIZES];
    lt_net_spec spec = {.input = case_input(b->c),
                        .encoder = layers,
                        .output = b->c->output,
                        .tie = b->c->tie,
                        .init = {LT_INIT_GLOROT, 0},
                        .seed = 1};
    lt_opt_spec adam = lt_opt_defaults(LT_OPT_ADAM);

    while (spec.n_encoder + 1 < LT_BENCH_SIZES &&
           b->c->sizes[spec.n_encoder + 1] > 0) {
        layers[spec.n_encoder] =
            case_layer(b->c, b->c->sizes[spec.n_encoder + 1]);
        spec.n_encoder++;
    }
    layers[spec.n_encoder - 1].act = b->c->code_act;
    LT_TRY(lt_net_new(&spec, &b->net, err));
    LT_TRY(lt_tape_new(b->net, b->c->batch, true, b->pool, &b->tape, err));
    return lt_opt_new(&adam, b->net, &b->opt, err);
}

/* Elements that a convolution's patches have, for one example. */
static int patches_width(const lt_layer *l)
{
    int dims = l->weight_rank == 4 ? l->weight_dim[1] : 0;

    return dims * l->weight_dim[2] * l->weight_dim[3] * l->window.out[0] *
           l->window.out[1];
}

static lt_real *floor_block(const bench *b, int width, lt_rng *rng)
{
    size_t n = (size_t)b->c->batch * (size_t)width;
    lt_real *x = lt_mem_aligned(n, sizeof *x);

    if (x)
        lt_vec_uniform(NULL, rng, n, x);
    return x;
}

static lt_status floor_make(bench *b, lt_err *err)
{
    int n = lt_net_n_layers(b->net), most = 1;
    lt_rng rng;

    lt_rng_init(&rng, 1, "floor");
    for (int i = 0; i < n; i++) {
        int width = patches_width(lt_net_layer(b->net, i));

        most = width > most ? width : most;
    }
    b->patches = floor_block(b, most, &rng);
    for (int i = 0; i <= n; i++) {
        int width = lt_shape_elements(i < n ? lt_net_layer(b->net, i)->in
                                            : lt_net_output(b->net));

        b->values[i] = floor_block(b, width, &rng);
        b->deltas[i] = floor_block(b, width, &rng);
        if (!b->patches || !b->values[i] || !b->deltas[i])
            return lt_err_mark(err, LT_ENOMEM);
    }
    return LT_OK;
}

static void bench_deinit(bench *b)
{
    for (int i = 0; i <= MAX_LAYERS; i++) {
        lt_mem_free(b->values[i]);
        lt_mem_free(b->deltas[i]);
    }
    lt_mem_free(b->patches);
    lt_opt_free(b->opt);
    lt_tape_free(b->tape);
    lt_net_free(b->net);
    lt__batcher_deinit(&b->batches);
    lt_dataset_free(b->data);
    lt_pool_free(b->pool);
}

static lt_status bench_init(bench *b, lt_err *err)
{
    LT_TRY(lt_pool_new(b->o->threads, &b->pool, err));
    LT_TRY(data_make(b, err));
    LT_TRY(net_make(b, err));
    return floor_make(b, err);
}

/* ---- what is timed ---- */

/* With one thread its processor time, so that neighbours on the machine do not
 * count; with several, the clock on the wall. */
static double bench_clock(const bench *b)
{
    return b->o->threads > 1 || b->o->is_throughput ? lt_clock_elapsed()
                                                    : lt_clock_cpu();
}

static lt_status step_run(bench *b, lt_err *err)
{
    int full = b->batches.n / b->batches.batch;
    lt_real *x = lt_tape_input(b->tape);
    int rows = lt__batcher_gather(&b->batches, (int)(b->steps % full), x);
    lt_objective objective = lt_objective_of(b->c->loss);
    lt_sums sums;

    lt_tape_draw(b->tape, 1, b->steps);
    lt_objective_gradient(&objective, b->net, b->tape, b->pool, rows, x, x,
                          &sums);
    lt_opt_step(b->opt, b->pool);
    LT_TRY(lt_net_refresh(b->net, LT_REFRESH_STEP, err));
    b->steps++;
    return lt_observe_metric(b->o->observer, "step.loss", b->steps,
                             (double)b->steps / full,
                             lt_sums_mean(&objective, b->net, &sums).loss, err);
}

/* The three products of layer `i`, as its forward and backward passes have
 * them. */
static void floor_dense(bench *b, int i)
{
    const lt_layer *l = lt_net_layer(b->net, i);
    const lt_real *w = lt_net_params(b->net) + l->weight;
    lt_real *dw = lt_net_grads(b->net) + l->weight;
    bool flips = l->is_transposed;
    int rows = b->c->batch;
    int d = lt_shape_elements(l->in), h = lt_shape_elements(l->out);

    lt_gemm_bare(LT_NOTRANS, flips ? LT_NOTRANS : LT_TRANS, rows, h, d, 1,
                 b->values[i], w, 0, b->values[i + 1]);
    lt_gemm_bare(LT_TRANS, LT_NOTRANS, flips ? d : h, flips ? h : d, rows, 1,
                 flips ? b->values[i] : b->deltas[i + 1],
                 flips ? b->deltas[i + 1] : b->values[i],
                 l->adds_gradient ? 1 : 0, dw);
    if (i > 0)
        lt_gemm_bare(LT_NOTRANS, flips ? LT_TRANS : LT_NOTRANS, rows, d, h, 1,
                     b->deltas[i + 1], w, 0, b->deltas[i]);
}

/* Spots of a layer's kernels on a picture: rows of the products. */
static int layer_spots(const lt_layer *l)
{
    return l->weight_rank == 4 ? l->window.out[0] * l->window.out[1] : 1;
}

/* A convolution's, with the kernels w (O,K): z (P,O) = patches (P,K) w', where
 * P is all spots of the batch; the transposed one goes the other way. */
static void floor_conv(bench *b, int i)
{
    const lt_layer *l = lt_net_layer(b->net, i);
    const lt_real *w = lt_net_params(b->net) + l->weight;
    bool flips = lt_shape_elements(l->in) !=
                 l->window.in[0] * l->window.in[1] * l->weight_dim[1];
    lt_real *z = flips ? b->values[i] : b->values[i + 1];
    lt_real *dz = flips ? b->deltas[i] : b->deltas[i + 1];
    int p = b->c->batch * layer_spots(l), o = l->weight_dim[0];
    int k = (int)(l->weight_count / (size_t)o);

    for (int pass = 0; pass < (i > 0 ? 2 : 1); pass++)
        if (flips == (pass == 0))
            lt_gemm_bare(LT_NOTRANS, LT_NOTRANS, p, k, o, 1, pass ? dz : z, w,
                         0, b->patches);
        else
            lt_gemm_bare(LT_NOTRANS, LT_TRANS, p, o, k, 1, b->patches, w, 0,
                         pass ? dz : z);
    lt_gemm_bare(LT_TRANS, LT_NOTRANS, o, k, p, 1, flips ? z : dz, b->patches,
                 l->adds_gradient ? 1 : 0, lt_net_grads(b->net) + l->weight);
}

static void floor_layer(bench *b, int i)
{
    if (b->c->side)
        floor_conv(b, i);
    else
        floor_dense(b, i);
}

static double floor_flops(const bench *b)
{
    double flops = 0;

    for (int i = 0; i < lt_net_n_layers(b->net); i++)
        flops += (i > 0 ? 6.0 : 4.0) * b->c->batch *
                 layer_spots(lt_net_layer(b->net, i)) *
                 (double)lt_net_layer(b->net, i)->weight_count;
    return flops;
}

static double floor_time(bench *b, int times)
{
    const struct timespec settle = {0, 60000000};
    double began;

    if (b->o->threads > 1)
        lt_blas_threads(b->o->threads);
    began = bench_clock(b);
    for (int t = 0; t < times; t++)
        for (int i = 0; i < lt_net_n_layers(b->net); i++)
            floor_layer(b, i);
    began = bench_clock(b) - began;
    if (b->o->threads > 1) {
        lt_blas_threads(1);
        nanosleep(&settle, NULL);
    }
    return began / times;
}

static lt_status step_time(bench *b, int times, double *seconds, lt_err *err)
{
    double began = bench_clock(b);

    for (int t = 0; t < times; t++)
        LT_TRY(step_run(b, err));
    *seconds = (bench_clock(b) - began) / times;
    return LT_OK;
}

/* Deltas shrink as products feed one another: fresh ones for each block, so
 * that no block computes with denormal numbers. */
static void floor_refresh(bench *b)
{
    int n = lt_net_n_layers(b->net);
    lt_rng rng;

    lt_rng_init(&rng, 2, "floor");
    lt_vec_uniform(NULL, &rng,
                   (size_t)b->c->batch *
                       (size_t)lt_shape_elements(lt_net_output(b->net)),
                   b->deltas[n]);
}

static lt_status blocks_run(bench *b, lt_err *err)
{
    double block = b->o->seconds / 10, end, once = 0;
    int times;

    if (block > BLOCK_SECONDS)
        block = BLOCK_SECONDS;
    LT_TRY(step_time(b, 3, &once, err)); /* pages and caches */
    if (!b->o->is_throughput)
        floor_time(b, 3);
    LT_TRY(step_time(b, 3, &once, err));
    times = once < block ? (int)(block / once) : 1;
    end = lt_clock_elapsed() + b->o->seconds;
    do {
        int i = b->n_blocks++;

        LT_TRY(step_time(b, times, &b->step[i], err));
        if (b->o->is_throughput)
            continue;
        floor_refresh(b);
        b->floor[i] = floor_time(b, times);
        b->share[i] = b->floor[i] / b->step[i];
    } while (b->n_blocks < 5 ||
             (lt_clock_elapsed() < end && b->n_blocks < MAX_BLOCKS));
    return LT_OK;
}

/* ---- results ---- */

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts `x`, so that x[0] is the least. */
static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, double_compare);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double mean(const double *x, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;
}

static void bench_report(bench *b, lt_bench_result *out)
{
    double mean_step = mean(b->step, b->n_blocks);
    double step = median(b->step, b->n_blocks);
    double floor = median(b->floor, b->n_blocks);

    *out = (lt_bench_result){
        .step_ms = 1e3 * step,
        .floor_ms = 1e3 * floor,
        .share = median(b->share, b->n_blocks),
        .best_step_ms = 1e3 * b->step[0],
        .best_floor_ms = 1e3 * b->floor[0],
        .examples_per_second =
            b->c->batch / (b->o->is_throughput ? mean_step : step),
        .floor_gflops = floor > 0 ? 1e-9 * floor_flops(b) / floor : 0,
        .parameters = lt_net_n_params(b->net),
        .blocks = b->n_blocks,
        .steps = (int)b->steps,
    };
}

lt_status lt_bench_run(const lt_bench_case *c, const lt_bench_opts *o,
                       lt_bench_result *out, lt_err *err)
{
    bench b = {.c = c, .o = o};
    lt_status rc = bench_init(&b, err);

    if (rc == LT_OK)
        rc = blocks_run(&b, err);
    if (rc == LT_OK)
        bench_report(&b, out);
    bench_deinit(&b);
    return rc;
}
