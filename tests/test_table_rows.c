/* Sparse batches and tables, of every instruction set that this processor has,
 * against plain loops in double; and the same bits for all thread counts. */
#include "sparse_fixture.h"

#include "latent/math/table_rows.h"
#include "math/kernels.h"

#include <float.h>
#include <string.h>

enum { ROWS = 23, ITEMS = 90, MOST_WIDTH = 301, MOST = ITEMS * MOST_WIDTH };

static const int widths[] = {1, 3, 8, 16, 21, 64, 100, 128, 130, 256, 301};
enum { N_WIDTHS = sizeof widths / sizeof widths[0] };

static const double epsilon = sizeof(lt_real) == 4 ? FLT_EPSILON : DBL_EPSILON;

typedef struct fixture {
    lt_sparse s;
    lt_sparse_batch *b;
    lt_real table[MOST], bias[ITEMS], factor[ROWS * MOST_WIDTH];
    lt_real second[ROWS * MOST_WIDTH], coef[ROWS * ITEMS];
    lt_real w[MOST], u[MOST], v[MOST];
    double wanted[MOST];
    lt_real out[MOST], out_b[MOST];
} fixture;

static void fill(lt_real *x, size_t n, const char *stream)
{
    lt_rng rng;

    lt_rng_init(&rng, 5, stream);
    for (size_t i = 0; i < n; i++)
        x[i] = (lt_real)(0.3 * lt_rng_normal(&rng));
}

static int setup(void **state)
{
    static fixture f;
    int32_t index[ROWS];

    memset(&f, 0, sizeof f);
    for (int i = 0; i < ROWS; i++)
        index[i] = 2 * i;
    f.s = sparse_random(2 * ROWS, ITEMS, 0.2, 9);
    f.b = sparse_batch_of(&f.s, index, ROWS);
    fill(f.table, MOST, "table");
    fill(f.bias, ITEMS, "bias");
    fill(f.factor, ROWS * MOST_WIDTH, "factor");
    fill(f.second, ROWS * MOST_WIDTH, "second");
    fill(f.coef, ROWS * ITEMS, "coef");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    lt_sparse_batch_free(f->b);
    sparse_drop(&f->s);
    return 0;
}

static void check(const lt_real *found, const double *wanted, size_t n,
                  double scale)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - wanted[i]) < 40 * epsilon * scale))
            fail_msg("element %zu: found %.9g, wanted %.9g", i,
                     (double)found[i], wanted[i]);
}

static void rows_multiply_is_the_dense_product(void **state)
{
    fixture *f = *state;
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    for (int s = 0; s < n; s++)
        for (int i = 0; i < N_WIDTHS; i++) {
            int width = widths[i];

            memset(f->wanted, 0, sizeof f->wanted);
            for (int r = 0; r < ROWS; r++)
                for (int e = f->b->start[r]; e < f->b->start[r + 1]; e++)
                    for (int j = 0; j < width; j++)
                        f->wanted[r * width + j] +=
                            (double)f->b->value[e] *
                            (double)f->table[f->b->index[e] * width + j];
            sets[s]->rows_multiply(f->b, 0, ROWS, width, f->table, f->out);
            check(f->out, f->wanted, (size_t)(ROWS * width), 10);
        }
}

/* y = act(z) and act' for the two activations that are tried. */
static double act_of(lt_act act, double z)
{
    return act == LT_ACT_TANH ? tanh(z) : z;
}

static double slope_of(lt_act act, double y)
{
    return act == LT_ACT_TANH ? 1 - y * y : 1;
}

static void check_sse(fixture *f, const lt__kernels *k, lt_act act, int width)
{
    static double y[ROWS * ITEMS], dz[ROWS * ITEMS];
    static lt_real out_dz[ROWS * ITEMS], out_dh[ROWS * MOST_WIDTH];
    const lt_rows_output o = {act,           width,     f->table,
                              f->bias,       f->factor, f->out,
                              (lt_real)0.25, out_dz,    out_dh};
    double sum = 0;

    memset(f->wanted, 0, sizeof f->wanted);
    for (int r = 0; r < ROWS; r++)
        for (int e = f->b->start[r]; e < f->b->start[r + 1]; e++) {
            int item = f->b->index[e];
            double z = (double)f->bias[item], error;

            for (int j = 0; j < width; j++)
                z += (double)f->table[item * width + j] *
                     (double)f->factor[r * width + j];
            y[e] = act_of(act, z);
            error = y[e] - (double)f->b->value[e];
            sum += error * error;
            dz[e] = 0.25 * error * slope_of(act, y[e]);
            for (int j = 0; j < width; j++)
                f->wanted[r * width + j] +=
                    dz[e] * (double)f->table[item * width + j];
        }
    assert_true(fabs(k->rows_sse(f->b, 0, ROWS, &o) / sum - 1) < 200 * epsilon);
    check(f->out, y, (size_t)f->b->start[ROWS], 20);
    check(out_dz, dz, (size_t)f->b->start[ROWS], 20);
    check(out_dh, f->wanted, (size_t)(ROWS * width), 20);
}

static void rows_sse_is_the_dense_loss_at_known_entries(void **state)
{
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    for (int s = 0; s < n; s++)
        for (int i = 0; i < N_WIDTHS; i++) {
            check_sse(*state, sets[s], LT_ACT_LINEAR, widths[i]);
            check_sse(*state, sets[s], LT_ACT_TANH, widths[i]);
        }
}

static void rows_sse_gives_values_without_a_gradient(void **state)
{
    fixture *f = *state;
    static lt_real dz[ROWS * ITEMS], y[ROWS * ITEMS];
    lt_rows_output o = {LT_ACT_SELU, 21, f->table, f->bias, f->factor,
                        y,           1,  dz,       f->out_b};
    double with = lt_rows_sse(NULL, f->b, &o);

    o.y = f->out;
    o.dz = o.dh = NULL;
    assert_true(lt_rows_sse(NULL, f->b, &o) == with);
    assert_memory_equal(y, f->out, (size_t)f->b->start[ROWS] * sizeof(lt_real));
}

/* ---- gradients and updates ---- */

/* Two uses of one table: by value and factor, by coef and second. */
static lt_rows_gradient gradient_of(const fixture *f, int width, int sources)
{
    return (lt_rows_gradient){
        width,
        sources,
        {{f->b, f->b->value, f->factor}, {f->b, f->coef, f->second}}};
}

static void gradient_wanted(fixture *f, const lt_rows_gradient *g)
{
    memset(f->wanted, 0, sizeof f->wanted);
    for (int i = 0; i < g->n_sources; i++)
        for (int r = 0; r < ROWS; r++)
            for (int e = f->b->start[r]; e < f->b->start[r + 1]; e++)
                for (int j = 0; j < g->width; j++)
                    f->wanted[f->b->index[e] * g->width + j] +=
                        (double)g->source[i].coef[e] *
                        (g->source[i].factor
                             ? (double)g->source[i].factor[r * g->width + j]
                             : 1);
}

static void rows_add_is_the_dense_gradient(void **state)
{
    fixture *f = *state;
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);

    for (int s = 0; s < n; s++)
        for (int i = 0; i < N_WIDTHS; i++)
            for (int sources = 1; sources <= 2; sources++) {
                lt_rows_gradient g = gradient_of(f, widths[i], sources);

                gradient_wanted(f, &g);
                memset(f->out, 0, sizeof f->out);
                sets[s]->rows_add(&g, 0, f->b->n_columns, f->out);
                check(f->out, f->wanted, (size_t)(ITEMS * g.width), 10);
            }
}

static void rows_gradient_of_a_vector_has_no_factor(void **state)
{
    fixture *f = *state;
    lt_rows_gradient g = {1, 1, {{f->b, f->coef, NULL}}};

    gradient_wanted(f, &g);
    memset(f->out, 0, sizeof f->out);
    lt_rows_add(NULL, &g, f->out);
    check(f->out, f->wanted, ITEMS, 10);
}

/* The rows that a batch has are updated as if they were a vector of their own,
 * the others not at all. */
static void check_update(fixture *f, int width, bool is_adam, bool has_u)
{
    static const lt_sgd_step sgd = {(lt_real)0.1, (lt_real)0.9, (lt_real)0.01,
                                    1};
    static const lt_sgd_step plain = {(lt_real)0.1, 0, (lt_real)0.01, 0};
    static const lt_adam_step adam = {0.9, 0.999,         (lt_real)0.1,
                                      2,   (lt_real)1e-8, (lt_real)0.01};
    static lt_real grad[MOST], w[MOST], u[MOST], v[MOST];
    size_t n = (size_t)(ITEMS * width);
    lt_rows_gradient g = gradient_of(f, width, 2);

    memset(grad, 0, sizeof grad);
    lt_rows_add(NULL, &g, grad);
    fill(w, n, "w"), fill(u, n, "u"), fill(v, n, "v");
    for (size_t i = 0; i < n; i++)
        v[i] *= v[i];
    memcpy(f->w, w, sizeof w), memcpy(f->u, u, sizeof u);
    memcpy(f->v, v, sizeof v);
    if (is_adam) {
        lt_vec_adam(NULL, n, &adam, grad, w, u, v);
        lt_rows_adam(NULL, &g, &adam, f->w, f->u, f->v);
    } else {
        lt_vec_sgd(NULL, n, has_u ? &sgd : &plain, grad, w, has_u ? u : NULL);
        lt_rows_sgd(NULL, &g, has_u ? &sgd : &plain, f->w, has_u ? f->u : NULL);
    }
    for (int t = 0; t < f->b->n_columns; t++)
        for (int j = 0; j < width; j++) {
            size_t i = (size_t)(f->b->column[t] * width + j);

            assert_true(fabs((double)(w[i] - f->w[i])) < 40 * epsilon);
            assert_true(fabs((double)(u[i] - f->u[i])) < 40 * epsilon);
            assert_true(fabs((double)(v[i] - f->v[i])) < 40 * epsilon);
            w[i] = f->w[i]; /* for the comparison of the others */
        }
    fill(u, n, "w");
    for (size_t i = 0, t = 0; i < n; i++) {
        while (t < (size_t)f->b->n_columns &&
               (size_t)(f->b->column[t] + 1) * (size_t)width <= i)
            t++;
        if (t == (size_t)f->b->n_columns ||
            i < (size_t)f->b->column[t] * (size_t)width)
            assert_true(f->w[i] == u[i]);
    }
}

static void rows_updates_are_those_of_vectors(void **state)
{
    for (int i = 0; i < N_WIDTHS; i++) {
        check_update(*state, widths[i], false, true);
        check_update(*state, widths[i], false, false);
        check_update(*state, widths[i], true, true);
    }
}

static void rows_settle_applies_the_power_of_what_was_missed(void **state)
{
    static const lt_rows_power power[] = {
        {1, 0, 0, 1}, {2, 1, 3, 4}, {5, 6, 7, 8}};
    static const int32_t last[] = {7, 6, 7, 5, 5}, item[] = {1, 2, 3};
    static const lt_real w[] = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50};
    static const lt_real u[] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
    /* item 1 missed one update, items 3 and 4 two */
    static const lt_real w_some[] = {1, 10, 6, 42, 3, 30, 44, 224, 5, 50};
    static const lt_real u_some[] = {1, 1, 14, 68, 3, 3, 60, 312, 5, 5};
    static const lt_real w_all[] = {1, 10, 6, 42, 3, 30, 44, 224, 55, 280};
    const lt_rows_behind behind = {last, 7, power};
    fixture *f = *state;

    memcpy(f->w, w, sizeof w), memcpy(f->u, u, sizeof u);
    lt_rows_settle(NULL, &behind, item, 3, 2, f->w, f->u);
    assert_memory_equal(f->w, w_some, sizeof w_some);
    assert_memory_equal(f->u, u_some, sizeof u_some);
    memcpy(f->w, w, sizeof w), memcpy(f->u, u, sizeof u);
    lt_rows_settle(NULL, &behind, NULL, 5, 2, f->w, f->u);
    assert_memory_equal(f->w, w_all, sizeof w_all);
    memcpy(f->w, w, sizeof w);
    lt_rows_settle(NULL, &behind, NULL, 2, 2, f->w, NULL);
    assert_true(f->w[1] == 10 && f->w[2] == 4 && f->w[3] == 40);
}

/* ---- threads ---- */

static void run_all(fixture *f, lt_pool *pool, lt_real *out)
{
    const lt_sgd_step sgd = {(lt_real)0.1, (lt_real)0.9, 0, 0};
    static lt_real dz[ROWS * ITEMS], y[ROWS * ITEMS], h[ROWS * 130];
    lt_rows_output o = {LT_ACT_SELU, 130, f->table, f->bias,  h,
                        y,           1,   dz,       f->factor};
    lt_rows_gradient g = {
        130, 2, {{f->b, f->b->value, f->factor}, {f->b, dz, h}}};

    lt_rows_multiply(pool, f->b, 130, f->table, h);
    h[0] += (lt_real)lt_rows_sse(pool, f->b, &o);
    memset(f->u, 0, sizeof f->u);
    memcpy(out, f->table, sizeof f->table);
    lt_rows_sgd(pool, &g, &sgd, out, f->u);
    lt_rows_add(pool, &g, out);
}

static void rows_do_not_depend_on_threads(void **state)
{
    fixture *f = *state;

    run_all(f, NULL, f->out);
    for (int threads = 2; threads <= 5; threads++) {
        lt_pool *pool = NULL;

        assert_int_equal(lt_pool_new(threads, &pool, NULL), LT_OK);
        run_all(f, pool, f->out_b);
        assert_memory_equal(f->out, f->out_b, sizeof f->out);
        lt_pool_free(pool);
    }
}

/* Steps with gradient 0, one after another in double; of more than `most` the
 * rest on the moments alone. */
static void adam_by_hand(const lt_rows_moments *b, int missed, int width,
                         double *w, double *m, double *v)
{
    for (int k = 0; k < missed; k++) {
        const lt_adam_step *s = &b->step[b->now - missed + 1 + k];

        for (int j = 0; j < width; j++) {
            double slope = (double)b->decay * w[j];

            m[j] = s->beta1 * m[j] + (1 - s->beta1) * slope;
            v[j] = s->beta2 * v[j] + (1 - s->beta2) * slope * slope;
            if (k < b->most)
                w[j] -=
                    (double)s->rate_t * m[j] /
                    (sqrt(v[j]) * (double)s->correction + (double)s->epsilon);
        }
    }
}

static void settled_adam_made_the_missed_steps(void **state)
{
    enum { STEPS = 7, N = 4 };
    static const int32_t last[N] = {7, 6, 0, 3}, item[] = {1, 2, 3};
    lt_adam_step step[STEPS + 1];
    double w[MOST_WIDTH], m[MOST_WIDTH], v[MOST_WIDTH];
    const lt__kernels *sets[3];
    int n = lt__kernels_usable(sets);
    fixture *f = *state;

    for (int k = 0; k <= STEPS; k++)
        step[k] = (lt_adam_step){.beta1 = 0.8,
                                 .beta2 = 0.9,
                                 .rate_t = (lt_real)(0.1 / (k + 1)),
                                 .correction = (lt_real)(1 + 0.1 * k),
                                 .epsilon = (lt_real)1e-3};
    for (int i = 0; i < 2 * N_WIDTHS; i++) {
        int width = widths[i / 2];
        const lt_rows_moments b = {last, STEPS, step, (lt_real)(i % 2 * 0.1),
                                   i % 2 ? 100 : 5};
        const lt_rows_some all = {NULL, N, width}, some = {item, 3, width};

        for (int s = -1; s < n; s++) {
            fill(f->w, MOST, "w"), fill(f->u, MOST, "m"), fill(f->v, MOST, "v");
            for (int j = 0; j < MOST; j++)
                f->v[j] = (lt_real)fabs((double)f->v[j]);
            memcpy(f->table, f->w, sizeof f->w);
            memcpy(f->out, f->u, sizeof f->u);
            memcpy(f->out_b, f->v, sizeof f->v);
            if (s < 0)
                lt_rows_settle_adam(NULL, &b, i % 4 < 2 ? &all : &some, f->w,
                                    f->u, f->v);
            else
                sets[s]->rows_settle_adam(&b, i % 4 < 2 ? NULL : item, 0,
                                          i % 4 < 2 ? N : 3, width, f->w, f->u,
                                          f->v);
            for (int k = 0; k < N; k++) {
                int at = k * width;

                for (int j = 0; j < width; j++) {
                    w[j] = (double)f->table[at + j];
                    m[j] = (double)f->out[at + j];
                    v[j] = (double)f->out_b[at + j];
                }
                adam_by_hand(&b, STEPS - last[k], width, w, m, v);
                check(f->w + at, w, (size_t)width, 10);
                check(f->u + at, m, (size_t)width, 10);
                check(f->v + at, v, (size_t)width, 10);
            }
        }
    }
}

/* Nothing moves where nothing ever moved, and nothing is divided by 0. */
static void settled_rows_without_moments_stay(void **state)
{
    static const int32_t last[] = {0};
    const lt_adam_step step[3] = {{0}, {0}, {0}};
    const lt_rows_moments b = {last, 2, step, 0, 5};
    fixture *f = *state;

    fill(f->w, MOST, "w");
    memcpy(f->table, f->w, sizeof f->w);
    memset(f->u, 0, sizeof f->u), memset(f->v, 0, sizeof f->v);
    lt_rows_settle_adam(NULL, &b, &(lt_rows_some){NULL, 1, 64}, f->w, f->u,
                        f->v);
    assert_memory_equal(f->w, f->table, sizeof f->w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_multiply_is_the_dense_product),
        cmocka_unit_test(rows_sse_is_the_dense_loss_at_known_entries),
        cmocka_unit_test(rows_sse_gives_values_without_a_gradient),
        cmocka_unit_test(rows_add_is_the_dense_gradient),
        cmocka_unit_test(rows_gradient_of_a_vector_has_no_factor),
        cmocka_unit_test(rows_updates_are_those_of_vectors),
        cmocka_unit_test(rows_settle_applies_the_power_of_what_was_missed),
        cmocka_unit_test(settled_adam_made_the_missed_steps),
        cmocka_unit_test(settled_rows_without_moments_stay),
        cmocka_unit_test(rows_do_not_depend_on_threads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
