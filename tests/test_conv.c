/* Convolutions, their adjoint and the gradient of their kernels against plain
 * loops, over a grid of sizes, strides, paddings and dilations; bands and
 * groups of pictures; threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/math/conv.h"
#include "math/conv_int.h"

#include <stdio.h>
#include <string.h>

typedef struct bench {
    lt_conv c;
    int rows;
    size_t n_x, n_z, n_w;
    lt_real *x, *z, *w, *bias, *found_x, *found_z, *found_w, *work;
} bench;

static lt_real *numbers(size_t n, const char *stream)
{
    lt_real *x = lt_mem_aligned(n, sizeof *x);
    lt_rng rng;

    assert_non_null(x);
    lt_rng_init(&rng, 3, stream);
    for (size_t i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
    return x;
}

static void bench_open(bench *b, lt_conv c, int rows)
{
    size_t area = (size_t)(c.kernel[0] * c.kernel[1]);

    b->c = c;
    b->rows = rows;
    b->n_x = (size_t)(rows * c.channels * c.in[0] * c.in[1]);
    b->n_z = (size_t)(rows * c.kernels * c.out[0] * c.out[1]);
    b->n_w = (size_t)(c.channels * c.kernels) * area;
    b->x = numbers(b->n_x, "x");
    b->z = numbers(b->n_z, "z");
    b->w = numbers(b->n_w, "w");
    b->bias = numbers((size_t)(c.channels + c.kernels), "bias");
    b->found_x = numbers(b->n_x, "other");
    b->found_z = numbers(b->n_z, "other");
    b->found_w = numbers(b->n_w, "other");
    /* what is in a workspace must not matter */
    assert_true(lt_conv_is_possible(&c));
    b->work = numbers(lt_conv_work_size(&c, rows), "work");
}

static void bench_close(bench *b)
{
    lt_mem_free(b->x);
    lt_mem_free(b->z);
    lt_mem_free(b->w);
    lt_mem_free(b->bias);
    lt_mem_free(b->found_x);
    lt_mem_free(b->found_z);
    lt_mem_free(b->found_w);
    lt_mem_free(b->work);
}

static lt_conv_pass pass_of(const bench *b, lt_pool *pool, bool has_bias)
{
    return (lt_conv_pass){.pool = pool,
                          .rows = b->rows,
                          .weights = b->w,
                          .bias = has_bias ? b->bias : NULL,
                          .work = b->work};
}

/* Calls `at` for every product of the convolution. */
typedef void visit(const bench *b, double *sums, size_t x, size_t z, size_t w);

static void walk(const bench *b, double *sums, visit *at)
{
    const lt_conv *c = &b->c;
    size_t w = 0;

    for (int o = 0; o < c->kernels; o++)
        for (int ch = 0; ch < c->channels; ch++)
            for (int ky = 0; ky < c->kernel[0]; ky++)
                for (int kx = 0; kx < c->kernel[1]; kx++, w++)
                    for (int r = 0; r < b->rows; r++)
                        for (int p = 0; p < c->out[0] * c->out[1]; p++) {
                            int y = p / c->out[1] * c->stride[0] -
                                    c->before[0] + ky * c->dilation[0];
                            int x = p % c->out[1] * c->stride[1] -
                                    c->before[1] + kx * c->dilation[1];

                            if (y < 0 || y >= c->in[0] || x < 0 ||
                                x >= c->in[1])
                                continue;
                            at(b, sums,
                               (size_t)(((r * c->channels + ch) * c->in[0] +
                                         y) *
                                            c->in[1] +
                                        x),
                               (size_t)((r * c->kernels + o) * c->out[0] *
                                            c->out[1] +
                                        p),
                               w);
                        }
}

static void visit_z(const bench *b, double *sums, size_t x, size_t z, size_t w)
{
    sums[z] += (double)b->x[x] * (double)b->w[w];
}

static void visit_x(const bench *b, double *sums, size_t x, size_t z, size_t w)
{
    sums[x] += (double)b->z[z] * (double)b->w[w];
}

static void visit_w(const bench *b, double *sums, size_t x, size_t z, size_t w)
{
    sums[w] += (double)b->x[x] * (double)b->z[z];
}

static void geometry_text(const lt_conv *c, char out[160])
{
    snprintf(out, 160,
             "%d>%d in %dx%d out %dx%d kernel %dx%d stride %dx%d dilation "
             "%dx%d before %dx%d",
             c->channels, c->kernels, c->in[0], c->in[1], c->out[0], c->out[1],
             c->kernel[0], c->kernel[1], c->stride[0], c->stride[1],
             c->dilation[0], c->dilation[1], c->before[0], c->before[1]);
}

/* Adds a bias a channel of `area` elements, if any, and compares. */
static void compare(const bench *b, const char *what, double *wanted, size_t n,
                    const lt_real *found)
{
    double scale = sizeof(lt_real) == 8 ? 1e-12 : 1e-4;
    char text[160];

    geometry_text(&b->c, text);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - wanted[i]) <
              scale * (1 + fabs(wanted[i]))))
            fail_msg("%s of %s, %d rows: element %zu is %g, wanted %g", what,
                     text, b->rows, i, (double)found[i], wanted[i]);
}

static void add_bias(const bench *b, double *sums, size_t n, int channels)
{
    size_t area = n / (size_t)(b->rows * channels);

    for (size_t i = 0; i < n; i++)
        sums[i] += (double)b->bias[i / area % (size_t)channels];
}

/* All three passes against loops; the second gradient is added to the first. */
static void check(lt_conv c, int rows)
{
    bench b;
    lt_conv_pass p;
    double *sums;
    size_t most;

    bench_open(&b, c, rows);
    most = b.n_x > b.n_z ? b.n_x : b.n_z;
    sums = lt_mem_zero(most > b.n_w ? most : b.n_w, sizeof *sums);
    p = pass_of(&b, NULL, true);
    walk(&b, sums, visit_z);
    add_bias(&b, sums, b.n_z, c.kernels);
    lt_conv_forward(&c, &p, b.x, b.found_z);
    compare(&b, "forward", sums, b.n_z, b.found_z);

    memset(sums, 0, b.n_x * sizeof *sums);
    p.bias = NULL;
    walk(&b, sums, visit_x);
    lt_conv_adjoint(&c, &p, b.z, b.found_x);
    compare(&b, "adjoint", sums, b.n_x, b.found_x);

    memset(sums, 0, b.n_w * sizeof *sums);
    walk(&b, sums, visit_w);
    lt_conv_weights(&c, &p, b.x, b.z, false, b.found_w);
    compare(&b, "weights", sums, b.n_w, b.found_w);
    walk(&b, sums, visit_w);
    lt_conv_weights(&c, &p, b.x, b.z, true, b.found_w);
    compare(&b, "added weights", sums, b.n_w, b.found_w);
    lt_mem_free(sums);
    bench_close(&b);
}

static lt_conv square(int channels, int kernels, int in, int kernel)
{
    return (lt_conv){.channels = channels,
                     .kernels = kernels,
                     .in = {in, in},
                     .kernel = {kernel, kernel},
                     .stride = {1, 1},
                     .dilation = {1, 1}};
}

/* The most outputs with `pad` pixels on both sides; 0: none fit. */
static int outputs(const lt_conv *c, int axis, int pad)
{
    int extent = (c->kernel[axis] - 1) * c->dilation[axis] + 1;
    int room = c->in[axis] + 2 * pad - extent;

    return room < 0 ? 0 : room / c->stride[axis] + 1;
}

static void check_fit(lt_conv c, int pad, int rows)
{
    for (int axis = 0; axis < 2; axis++) {
        c.before[axis] = pad;
        c.out[axis] = outputs(&c, axis, pad);
        if (c.out[axis] < 1)
            return;
    }
    check(c, rows);
}

static void conv_agrees_with_loops_over_a_grid(void **state)
{
    (void)state;
    for (int in = 1; in <= 13; in += in < 6 ? 1 : 3)
        for (int kernel = 1; kernel <= 5; kernel++)
            for (int stride = 1; stride <= 3; stride++)
                for (int dilation = 1; dilation <= 3; dilation++)
                    for (int pad = 0; pad <= 3; pad++) {
                        lt_conv c = square(2, 3, in, kernel);

                        c.stride[0] = c.stride[1] = stride;
                        c.dilation[0] = c.dilation[1] = dilation;
                        check_fit(c, pad, 3);
                    }
}

/* Height and width have nothing to do with each other. */
static void conv_agrees_when_sides_differ(void **state)
{
    lt_conv c = {.channels = 3,
                 .kernels = 5,
                 .in = {11, 6},
                 .out = {4, 5},
                 .kernel = {2, 4},
                 .stride = {3, 1},
                 .dilation = {2, 1},
                 .before = {1, 1}};

    (void)state;
    check(c, 7);
    c.before[0] = 0, c.out[0] = 3; /* the last rows are read by no output */
    check(c, 7);
    c.before[1] = 3, c.out[1] = 9; /* more zeros than a kernel is wide */
    check(c, 7);
    c.stride[0] = 9, c.out[0] = 2; /* pixels that no output reads */
    check(c, 2);
    c.stride[0] = 40, c.out[0] = 1;
    check(c, 2);
}

/* Tiles of 8, 4, 2 and 1 outputs; full and part blocks of lanes. */
static void conv_agrees_for_every_number_of_channels_and_rows(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 17; channels++)
        check_fit(square(channels, 18 - channels, 5, 3), 1,
                  1 + 3 * channels % 40);
    check_fit(square(1, 40, 4, 3), 1, 33);
    check_fit(square(40, 1, 1, 1), 0, 100);
    check_fit(square(3, 4, 2, 2), 0, 100); /* several blocks a unit */
}

/* Pictures that are cut into bands. */
static void conv_agrees_for_large_pictures(void **state)
{
    lt_conv c = square(9, 2, 60, 3);
    lt__conv_plan p;

    (void)state;
    c.stride[0] = 2, c.stride[1] = 1;
    c.out[0] = 30, c.out[1] = 60, c.before[0] = 0, c.before[1] = 1;
    for (int kind = 0; kind <= LT__CONV_WEIGHTS; kind++) {
        p = lt__conv_plan_make(&c, 3, (lt__conv_kind)kind);
        assert_true(kind == LT__CONV_ADJOINT || p.bands > 1);
    }
    check(c, 3);
    c = square(2, 9, 60, 5);
    c.stride[0] = 3, c.stride[1] = 2, c.dilation[0] = 2;
    c.before[0] = 4, c.before[1] = 2, c.out[0] = 20, c.out[1] = 30;
    p = lt__conv_plan_make(&c, 3, LT__CONV_ADJOINT);
    assert_true(p.bands > 1);
    check(c, 3);
    c = square(13, 3, 40, 3); /* bands that see nothing but padding */
    c.before[0] = 50, c.out[0] = 138, c.out[1] = 38;
    check(c, 1);
}

/* A short last batch has the workspace of a whole one, though its work is cut
 * into more pieces. */
static void conv_needs_no_more_work_for_fewer_rows(void **state)
{
    const lt_conv cases[] = {
        {16, 40, {14, 14}, {7, 7}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},
        {40, 70, {5, 5}, {3, 3}, {3, 3}, {2, 2}, {1, 1}, {1, 1}},
        {1, 1, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
        {300, 200, {60, 60}, {30, 30}, {5, 5}, {2, 2}, {1, 1}, {1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t less = 0;

        for (int rows = 1; rows <= 200; rows++) {
            size_t size = lt_conv_work_size(&cases[i], rows);

            assert_true(size >= less);
            less = size;
        }
    }
}

/* Tables are indexed by 32 bits. */
static void conv_says_what_it_cannot_address(void **state)
{
    lt_conv c = square(1 << 20, 1, 1, 3);

    (void)state;
    c.before[0] = c.before[1] = 1, c.out[0] = c.out[1] = 1;
    assert_true(lt_conv_is_possible(&c));
    c.dilation[0] = c.dilation[1] = 60;
    c.before[0] = c.before[1] = 60;
    assert_false(lt_conv_is_possible(&c));
    c = square(1 << 20, 1 << 20, 1, 1);
    c.out[0] = c.out[1] = 1;
    assert_false(lt_conv_is_possible(&c));
}

/* Bits do not depend on the number of threads, nor on where a workspace is. */
static void conv_gives_the_same_bits_for_every_pool(void **state)
{
    const struct {
        lt_conv c;
        int rows;
    } cases[] = {
        {{16, 40, {14, 14}, {7, 7}, {3, 3}, {2, 2}, {1, 1}, {0, 0}}, 100},
        {{3, 70, {9, 9}, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}, 8},
        {{200, 100, {8, 8}, {8, 8}, {5, 5}, {1, 1}, {1, 1}, {2, 2}}, 20},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        lt_real *one[3];

        bench_open(&b, cases[i].c, cases[i].rows);
        for (int threads = 1; threads <= 3; threads++) {
            lt_pool *pool = NULL;
            lt_conv_pass p;

            assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
            p = pass_of(&b, pool, false);
            p.act = LT_ACT_TANH;
            lt_conv_forward(&b.c, &p, b.x, b.found_z);
            lt_conv_adjoint(&b.c, &p, b.z, b.found_x);
            lt_conv_weights(&b.c, &p, b.x, b.z, false, b.found_w);
            if (threads == 1) {
                one[0] = b.found_z, one[1] = b.found_x, one[2] = b.found_w;
                b.found_z = numbers(b.n_z, "again");
                b.found_x = numbers(b.n_x, "again");
                b.found_w = numbers(b.n_w, "again");
            } else {
                assert_memory_equal(one[0], b.found_z, b.n_z * sizeof(lt_real));
                assert_memory_equal(one[1], b.found_x, b.n_x * sizeof(lt_real));
                assert_memory_equal(one[2], b.found_w, b.n_w * sizeof(lt_real));
            }
            lt_pool_free(pool);
        }
        for (int k = 0; k < 3; k++)
            lt_mem_free(one[k]);
        bench_close(&b);
    }
}

static void conv_applies_the_activation(void **state)
{
    lt_conv c = square(2, 3, 5, 3);
    lt_real *plain;
    lt_conv_pass p;
    bench b;

    (void)state;
    c.out[0] = c.out[1] = 5, c.before[0] = c.before[1] = 1;
    bench_open(&b, c, 19);
    plain = numbers(b.n_z, "plain");
    p = pass_of(&b, NULL, true);
    lt_conv_forward(&c, &p, b.x, plain);
    p.act = LT_ACT_RELU;
    lt_conv_forward(&c, &p, b.x, b.found_z);
    for (size_t i = 0; i < b.n_z; i++)
        assert_true(b.found_z[i] == (plain[i] > 0 ? plain[i] : 0));
    lt_mem_free(plain);
    bench_close(&b);
}

/* ---- every instruction set ---- */

/* n elements of each picture, in vectors at at[i]. */
static void lanes_check(const lt__kernels *k, int rows, int n, const int *at)
{
    enum { WIDTH = 60, ROWS = 16 };
    static lt_real x[ROWS * WIDTH], back[ROWS * WIDTH];
    static _Alignas(64) lt_real in[WIDTH * 16];
    const lt__lane_run r = {rows, n, WIDTH, at};

    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (lt_real)(i + 1);
    memset(back, 0, sizeof back);
    k->lane_in(&r, x, in);
    for (int i = 0; i < n; i++)
        for (int l = 0; l < k->lanes; l++)
            assert_true(in[at[i] * k->lanes + l] ==
                        (l < rows ? x[l * WIDTH + i] : 0));
    k->lane_out(&r, in, back);
    for (int l = 0; l < ROWS; l++)
        for (int i = 0; i < WIDTH; i++)
            assert_true(back[l * WIDTH + i] ==
                        (l < rows && i < n ? x[l * WIDTH + i] : 0));
}

static void lanes_are_there_and_back_again(void **state)
{
    enum { N = 53 };
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets), at[N];

    (void)state;
    for (int i = 0; i < N; i++)
        at[i] = i * 7 % N;
    for (int s = 0; s < n; s++)
        for (int rows = 1; rows <= sets[s]->lanes; rows++)
            for (int size = 1; size <= N; size++)
                lanes_check(sets[s], rows, size, at);
}

/* Tiles of every width: 5 pixels, 7 taps, whole numbers. */
static void lane_tiles_agree_with_loops(void **state)
{
    enum { PIXELS = 5, TAPS = 7, SPAN = 30 };
    static _Alignas(64) lt_real in[SPAN * 16], out[8 * PIXELS * 16];
    static const int32_t taps[TAPS] = {0, 3, 1, 9, 4, 20, 2};
    static const int32_t from[PIXELS] = {2, 0, 9, 1, 5};
    static const int32_t to[PIXELS] = {1, 0, 4, 3, 2};
    static const lt_real bias[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    lt_real weights[TAPS * 8], sums[8 * TAPS];
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    (void)state;
    for (int i = 0; i < SPAN * 16; i++)
        in[i] = (lt_real)(i % 13 - 5);
    for (int i = 0; i < TAPS * 8; i++)
        weights[i] = (lt_real)(i % 7 - 3);
    for (int s = 0; s < n; s++)
        for (int outs = sets[s]->lane_outs; outs >= 1; outs /= 2) {
            const lt__kernels *k = sets[s];
            const lt__lane_conv c = {TAPS,    PIXELS, taps, from, to,
                                     weights, bias,   in,   out,  PIXELS};
            const lt__lane_dots d = {TAPS, PIXELS, taps, from,
                                     in,   out,    sums, TAPS};

            k->lane_conv(outs, &c);
            for (int o = 0; o < outs; o++)
                for (int p = 0; p < PIXELS; p++)
                    for (int l = 0; l < k->lanes; l++) {
                        lt_real wanted = bias[o];

                        for (int t = 0; t < TAPS; t++)
                            wanted += weights[t * outs + o] *
                                      in[(from[p] + taps[t]) * k->lanes + l];
                        assert_true(out[(o * PIXELS + to[p]) * k->lanes + l] ==
                                    wanted);
                    }
            for (int i = 0; i < 8 * TAPS; i++)
                sums[i] = 1;
            k->lane_dots(outs, &d);
            for (int o = 0; o < outs; o++)
                for (int t = 0; t < TAPS; t++) {
                    lt_real wanted = 1;

                    for (int p = 0; p < PIXELS; p++)
                        for (int l = 0; l < k->lanes; l++)
                            wanted += out[(p * outs + o) * k->lanes + l] *
                                      in[(from[p] + taps[t]) * k->lanes + l];
                    assert_true(sums[o * TAPS + t] == wanted);
                }
            for (int i = outs * TAPS; i < 8 * TAPS; i++)
                assert_true(sums[i] == 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_agrees_with_loops_over_a_grid),
        cmocka_unit_test(conv_agrees_when_sides_differ),
        cmocka_unit_test(conv_agrees_for_every_number_of_channels_and_rows),
        cmocka_unit_test(conv_agrees_for_large_pictures),
        cmocka_unit_test(conv_needs_no_more_work_for_fewer_rows),
        cmocka_unit_test(conv_says_what_it_cannot_address),
        cmocka_unit_test(conv_gives_the_same_bits_for_every_pool),
        cmocka_unit_test(conv_applies_the_activation),
        cmocka_unit_test(lanes_are_there_and_back_again),
        cmocka_unit_test(lane_tiles_agree_with_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
