/* Pooling against brute force, for every instruction set: maxima and where they
 * stand, means over real pixels, spreads, copies, and the adjoints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/rng.h"
#include "latent/math/pooling.h"
#include "math/kernels.h"

enum { MOST = 40 * 40 };

/* A window over n places as "same" (1) or "valid" (0) padding has it. */
static bool axis_plan(lt_pooling *g, int axis, int n, bool same)
{
    int k = g->kernel[axis], s = g->stride[axis], padding = 0;

    g->in[axis] = n;
    g->before[axis] = 0;
    if (same) {
        padding = ((n + s - 1) / s - 1) * s + k - n;
        padding = padding > 0 ? padding : 0;
    }
    g->before[axis] = padding / 2;
    g->out[axis] = (n + padding - k) / s + 1;
    return n + padding >= k;
}

/* Every small window over pictures of every small size, and some wide ones. */
static int for_all(void (*check)(const lt__kernels *k, const lt_pooling *g))
{
    const int shapes[][2] = {{1, 1}, {2, 3},  {5, 5}, {7, 4},
                             {9, 8}, {6, 37}, {3, 40}};
    const lt__kernels *sets[3];
    int n_sets = lt__kernels_usable(sets), count = 0;

    for (int set = 0; set < n_sets; set++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int code = 0; code < 3 * 3 * 2 * 2; code++) {
                int k = 1 + code % 3, s = 1 + code / 3 % 3;
                bool wide = code / 9 % 2, same = code / 18;
                lt_pooling g = {.planes = 1,
                                .kernel = {k, k + wide},
                                .stride = {s, s + wide}};

                if (!axis_plan(&g, 0, shapes[i][0], same) ||
                    !axis_plan(&g, 1, shapes[i][1], same))
                    continue;
                check(sets[set], &g);
                count++;
            }
    return count;
}

static void fill(lt_real *x, int n, uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "test");
    for (int i = 0; i < n; i++)
        x[i] = (lt_real)lt_rng_normal(&rng);
}

static bool covers(const lt_pooling *g, int axis, int o, int i)
{
    int first = o * g->stride[axis] - g->before[axis];

    return i >= first && i < first + g->kernel[axis];
}

/* The window whose centre is nearest to place i, by looking at all. */
static int nearest(const lt_pooling *g, int axis, int i)
{
    double least = INFINITY;
    int best = 0;

    for (int o = 0; o < g->out[axis]; o++) {
        double centre =
            o * g->stride[axis] - g->before[axis] + (g->kernel[axis] - 1) / 2.0;

        if (fabs(i - centre) < least) {
            least = fabs(i - centre);
            best = o;
        }
    }
    return best;
}

#define EACH_WINDOW(g, r, c)                                                   \
    for (int r = 0; r < (g)->out[0]; r++)                                      \
        for (int c = 0; c < (g)->out[1]; c++)
#define EACH_PIXEL(g, i, j)                                                    \
    for (int i = 0; i < (g)->in[0]; i++)                                       \
        for (int j = 0; j < (g)->in[1]; j++)

static void max_check(const lt__kernels *k, const lt_pooling *g)
{
    lt_real x[MOST], y[MOST];
    int32_t at[MOST];

    fill(x, g->in[0] * g->in[1], 3);
    if (g->in[0] * g->in[1] > 1)
        x[0] = x[1]; /* of equals the first */
    k->pool_max(g, x, y, at);
    EACH_WINDOW(g, r, c)
    {
        double best = -INFINITY;
        int where = -1;

        EACH_PIXEL(g, i, j)
        if (covers(g, 0, r, i) && covers(g, 1, c, j) &&
            (double)x[i * g->in[1] + j] > best) {
            best = (double)x[i * g->in[1] + j];
            where = i * g->in[1] + j;
        }
        assert_true((double)y[r * g->out[1] + c] == best);
        assert_int_equal(at[r * g->out[1] + c], where);
    }
}

static void maxima_are_those_of_the_real_pixels(void **state)
{
    (void)state;
    assert_true(for_all(max_check) > 300);
}

static void nan_check(const lt__kernels *k, const lt_pooling *g)
{
    lt_real x[MOST], y[MOST];
    int32_t at[MOST];
    int n = g->in[0] * g->in[1], hole = n / 2;

    fill(x, n, 3);
    x[hole] = (lt_real)NAN;
    k->pool_max(g, x, y, at);
    EACH_WINDOW(g, r, c)
    {
        bool inside = covers(g, 0, r, hole / g->in[1]) &&
                      covers(g, 1, c, hole % g->in[1]);

        assert_int_equal(isnan(y[r * g->out[1] + c]) != 0, inside);
    }
}

static void nan_is_larger_than_all(void **state)
{
    (void)state;
    for_all(nan_check);
}

static void mean_check(const lt__kernels *k, const lt_pooling *g)
{
    lt_real x[MOST], y[MOST];

    fill(x, g->in[0] * g->in[1], 4);
    k->pool_mean(g, x, y);
    EACH_WINDOW(g, r, c)
    {
        double sum = 0;
        int count = 0;

        EACH_PIXEL(g, i, j)
        if (covers(g, 0, r, i) && covers(g, 1, c, j)) {
            sum += (double)x[i * g->in[1] + j];
            count++;
        }
        assert_true(fabs((double)y[r * g->out[1] + c] - sum / count) < 1e-6);
    }
}

static void means_do_not_count_the_padding(void **state)
{
    (void)state;
    for_all(mean_check);
}

static void copy_check(const lt__kernels *k, const lt_pooling *g)
{
    lt_real x[MOST], y[MOST];

    fill(y, g->out[0] * g->out[1], 5);
    memset(x, 0xff, sizeof x); /* NaN: every place is set */
    k->pool_copy(g, y, x);
    EACH_PIXEL(g, i, j)
    {
        lt_real wanted = y[nearest(g, 0, i) * g->out[1] + nearest(g, 1, j)];

        assert_true(x[i * g->in[1] + j] == wanted);
        /* side by side: the window that covers the place */
        if (g->stride[0] == g->kernel[0] && g->stride[1] == g->kernel[1])
            EACH_WINDOW(g, r, c)
        if (covers(g, 0, r, i) && covers(g, 1, c, j))
            assert_true(wanted == y[r * g->out[1] + c]);
    }
}

static void copies_come_from_the_nearest_window(void **state)
{
    (void)state;
    for_all(copy_check);
}

static double dot(int n, const lt_real *a, const lt_real *b)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* <down(x), y> = <x, up(y)> */
static void adjoint_check(const lt_pooling *g, const lt_real *x,
                          const lt_real *down, const lt_real *y,
                          const lt_real *up)
{
    double left = dot(g->out[0] * g->out[1], down, y);
    double right = dot(g->in[0] * g->in[1], x, up);

    assert_true(fabs(left - right) < 1e-5 * (1 + fabs(left)));
}

static void adjoints_check(const lt__kernels *k, const lt_pooling *g)
{
    lt_real x[MOST], y[MOST], down[MOST], up[MOST];
    int32_t at[MOST];

    fill(x, g->in[0] * g->in[1], 6);
    fill(y, g->out[0] * g->out[1], 7);
    k->pool_mean(g, x, down);
    memset(up, 0xff, sizeof up);
    k->pool_spread(g, y, up);
    adjoint_check(g, x, down, y, up);
    k->pool_copy(g, y, up);
    k->pool_copy_sum(g, x, down);
    adjoint_check(g, x, down, y, up);
    k->pool_max(g, x, down, at);
    lt_pooling_scatter(NULL, g, y, at, up);
    adjoint_check(g, x, down, y, up);
    lt_pooling_gather(NULL, g, x, at, up);
    assert_memory_equal(up, down, sizeof *up * (size_t)(g->out[0] * g->out[1]));
}

static void ways_back_are_adjoint(void **state)
{
    (void)state;
    for_all(adjoints_check);
}

/* By hand: 1x5, kernel 3, stride 2, "same": windows {0,1}, {1,2,3}, {3,4},
 * centred at 0, 2, 4. */
static void overlapping_windows_add_or_share(void **state)
{
    const lt_pooling g = {.planes = 1,
                          .in = {1, 5},
                          .out = {1, 3},
                          .kernel = {1, 3},
                          .stride = {1, 2},
                          .before = {0, 1}};
    const lt_real y[] = {2, 3, 8}, x[] = {1, 7, 2, 5, 4};
    const lt_real spread[] = {1, 2, 1, 5, 4}, copied[] = {2, 2, 3, 3, 8};
    const lt_real unpooled[] = {0, 5, 0, 8, 0}, pooled[] = {7, 7, 5};
    lt_real out[5];
    int32_t at[3];

    (void)state;
    lt_pooling_spread(NULL, &g, y, out);
    assert_memory_equal(out, spread, sizeof spread);
    lt_pooling_copy(NULL, &g, y, out);
    assert_memory_equal(out, copied, sizeof copied);
    lt_pooling_max(NULL, &g, x, out, at);
    assert_memory_equal(out, pooled, sizeof pooled);
    lt_pooling_scatter(NULL, &g, y, at, out);
    assert_memory_equal(out, unpooled, sizeof unpooled);
}

/* Stride 3, kernel 1: windows at 0 and 3 of 6 places. */
static void places_under_no_window(void **state)
{
    const lt_pooling g = {.planes = 1,
                          .in = {1, 6},
                          .out = {1, 2},
                          .kernel = {1, 1},
                          .stride = {1, 3}};
    const lt_real y[] = {2, 7};
    const lt_real spread[] = {2, 0, 0, 7, 0, 0}, copied[] = {2, 2, 7, 7, 7, 7};
    lt_real out[6];

    (void)state;
    lt_pooling_spread(NULL, &g, y, out);
    assert_memory_equal(out, spread, sizeof spread);
    lt_pooling_copy(NULL, &g, y, out);
    assert_memory_equal(out, copied, sizeof copied);
}

/* ---- many planes, threads ---- */

enum { PLANES = 300, SIDE = 14, HALF = 7 };

static lt_real large[PLANES * SIDE * SIDE], many_up[3][PLANES * SIDE * SIDE];
static lt_real many[3][4][PLANES * HALF * HALF];
static int32_t switches[3][PLANES * HALF * HALF];

static void threads_do_not_change_pooling(void **state)
{
    const lt_pooling g = {.planes = PLANES,
                          .in = {SIDE, SIDE},
                          .out = {HALF, HALF},
                          .kernel = {2, 2},
                          .stride = {2, 2}};

    (void)state;
    fill(large, PLANES * SIDE * SIDE, 8);
    for (int t = 0; t < 3; t++) {
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(t + 1, &pool, NULL), LT_OK);
        lt_pooling_max(pool, &g, large, many[t][0], switches[t]);
        lt_pooling_mean(pool, &g, large, many[t][1]);
        lt_pooling_copy_sum(pool, &g, large, many[t][2]);
        lt_pooling_gather(pool, &g, large, switches[t], many[t][3]);
        lt_pooling_scatter(pool, &g, many[t][0], switches[t], many_up[t]);
        lt_pool_free(pool);
        assert_memory_equal(many[t], many[0], sizeof many[0]);
        assert_memory_equal(switches[t], switches[0], sizeof switches[0]);
        assert_memory_equal(many_up[t], many_up[0], sizeof many_up[0]);
    }
    /* the last plane has its own values */
    assert_true(many[0][3][PLANES * HALF * HALF - 1] ==
                large[(PLANES - 1) * SIDE * SIDE +
                      switches[0][PLANES * HALF * HALF - 1]]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maxima_are_those_of_the_real_pixels),
        cmocka_unit_test(nan_is_larger_than_all),
        cmocka_unit_test(means_do_not_count_the_padding),
        cmocka_unit_test(copies_come_from_the_nearest_window),
        cmocka_unit_test(ways_back_are_adjoint),
        cmocka_unit_test(overlapping_windows_add_or_share),
        cmocka_unit_test(places_under_no_window),
        cmocka_unit_test(threads_do_not_change_pooling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
