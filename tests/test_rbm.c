/* RBMs against brute force: energies summed over every state, the exact
 * gradient of the likelihood, and the update written out by hand. */
#include "train_fixture.h"

#include "latent/math/vec.h"
#include "latent/train/rbm.h"

enum { D = 4, H = 3, V_STATES = 1 << D, H_STATES = 1 << H };

static lt_rbm *rbm_make(const lt_rbm_spec *spec, double sd)
{
    lt_rbm *rbm = NULL;
    lt_err err = {0};

    if (lt_rbm_new(spec, sd, 5, NULL, &rbm, &err) != LT_OK)
        fail_msg("%s", err.text);
    return rbm;
}

/* D x H with weights and biases of order 1. */
static lt_rbm *tiny_make(lt_unit visible, lt_unit hidden, int cd, int batch)
{
    lt_rbm_spec spec = {D, H, visible, hidden, cd, batch};
    lt_rbm *rbm = rbm_make(&spec, hidden == LT_UNIT_BINARY ? 1 : 0.3);
    lt_rng rng;

    lt_rng_init(&rng, 8, "biases");
    for (int i = 0; i < D; i++)
        lt_rbm_visible_bias(rbm)[i] = (lt_real)(0.5 * lt_rng_normal(&rng));
    for (int j = 0; j < H; j++)
        lt_rbm_hidden_bias(rbm)[j] = (lt_real)(0.5 * lt_rng_normal(&rng));
    return rbm;
}

static double bit(int state, int i)
{
    return (state >> i) & 1;
}

/* b_j + W_j v */
static double hidden_input(lt_rbm *rbm, int j, const double *v)
{
    double z = lt_rbm_hidden_bias(rbm)[j];

    for (int i = 0; i < D; i++)
        z += lt_rbm_weight(rbm)[j * D + i] * v[i];
    return z;
}

/* E(v,h) as the header defines it. */
static double energy(lt_rbm *rbm, lt_unit visible, const double *v,
                     const double *h)
{
    double e = 0;

    for (int i = 0; i < D; i++) {
        double a = lt_rbm_visible_bias(rbm)[i];

        e +=
            visible == LT_UNIT_BINARY ? -a * v[i] : (v[i] - a) * (v[i] - a) / 2;
    }
    for (int j = 0; j < H; j++)
        e -= h[j] * hidden_input(rbm, j, v);
    return e;
}

/* -log of the sum over all h of exp(-E). */
static double free_energy_by_states(lt_rbm *rbm, lt_unit visible,
                                    const double *v)
{
    double sum = 0;

    for (int s = 0; s < H_STATES; s++) {
        double h[H];

        for (int j = 0; j < H; j++)
            h[j] = bit(s, j);
        sum += exp(-energy(rbm, visible, v, h));
    }
    return -log(sum);
}

static double free_energy_of(lt_rbm *rbm, const double *v)
{
    lt_real row[D];

    for (int i = 0; i < D; i++)
        row[i] = (lt_real)v[i];
    return lt_rbm_free_energy(rbm, row, 1);
}

static void free_energy_sums_out_binary_hidden_units(void **state)
{
    const lt_unit units[] = {LT_UNIT_BINARY, LT_UNIT_GAUSSIAN};

    (void)state;
    for (int k = 0; k < 2; k++) {
        lt_rbm *rbm = tiny_make(units[k], LT_UNIT_BINARY, 1, V_STATES);

        for (int s = 0; s < V_STATES; s++) {
            double v[D];

            for (int i = 0; i < D; i++)
                v[i] = k == 0 ? bit(s, i) : bit(s, i) * 1.7 - 0.6;
            assert_true(fabs(free_energy_of(rbm, v) -
                             free_energy_by_states(rbm, units[k], v)) < 1e-5);
        }
        lt_rbm_free(rbm);
    }
}

/* A Gaussian hidden unit adds h^2/2 to the energy: the integral over h of
 * exp(h z - h^2/2), by trapezoids, is exp(-F) times the square root of 2 pi. */
static void free_energy_integrates_out_gaussian_hidden_units(void **state)
{
    lt_rbm *rbm = tiny_make(LT_UNIT_BINARY, LT_UNIT_GAUSSIAN, 1, 1);

    (void)state;
    for (int s = 0; s < V_STATES; s++) {
        double v[D], f = 0;

        for (int i = 0; i < D; i++) {
            v[i] = bit(s, i);
            f -= lt_rbm_visible_bias(rbm)[i] * v[i];
        }
        for (int j = 0; j < H; j++) {
            double z = hidden_input(rbm, j, v), sum = 0;

            for (double h = -14; h <= 14; h += 0.01)
                sum += 0.01 * exp(h * z - h * h / 2);
            f -= log(sum / sqrt(2 * acos(-1)));
        }
        assert_true(fabs(free_energy_of(rbm, v) - f) < 1e-5);
    }
    lt_rbm_free(rbm);
}

static void free_energy_sums_over_rows(void **state)
{
    lt_rbm *rbm = tiny_make(LT_UNIT_BINARY, LT_UNIT_BINARY, 1, V_STATES);
    lt_real rows[V_STATES * D];
    double sum = 0;

    (void)state;
    for (int s = 0; s < V_STATES; s++) {
        double v[D];

        for (int i = 0; i < D; i++)
            rows[s * D + i] = (lt_real)(v[i] = bit(s, i));
        sum += free_energy_of(rbm, v);
    }
    assert_true(fabs(lt_rbm_free_energy(rbm, rows, V_STATES) - sum) < 1e-4);
    lt_rbm_free(rbm);
}

/* ---- the exact gradient ---- */

/* log of the sum over all v of exp(-F). */
static double log_partition(lt_rbm *rbm)
{
    double sum = 0;

    for (int s = 0; s < V_STATES; s++) {
        double v[D];

        for (int i = 0; i < D; i++)
            v[i] = bit(s, i);
        sum += exp(-free_energy_by_states(rbm, LT_UNIT_BINARY, v));
    }
    return log(sum);
}

/* Means over a distribution of v of h v', v and h: one flat array of
 * H*D + D + H, weights first. */
enum { STATS = H * D + D + H };

static void stats_add(lt_rbm *rbm, const double *v, double p, double *stats)
{
    for (int i = 0; i < D; i++)
        stats[H * D + i] += p * v[i];
    for (int j = 0; j < H; j++) {
        double h = 1 / (1 + exp(-hidden_input(rbm, j, v)));

        stats[H * D + D + j] += p * h;
        for (int i = 0; i < D; i++)
            stats[j * D + i] += p * h * v[i];
    }
}

/* Three of the sixteen states, unevenly often. */
static const int data_states[] = {3, 3, 3, 12, 12, 5, 14, 14};
enum { N_DATA = 8 };

static void exact_gradient(lt_rbm *rbm, double *gradient)
{
    double data[STATS] = {0}, model[STATS] = {0}, log_z = log_partition(rbm);
    double v[D];

    for (int n = 0; n < N_DATA; n++) {
        for (int i = 0; i < D; i++)
            v[i] = bit(data_states[n], i);
        stats_add(rbm, v, 1.0 / N_DATA, data);
    }
    for (int s = 0; s < V_STATES; s++) {
        for (int i = 0; i < D; i++)
            v[i] = bit(s, i);
        stats_add(rbm, v,
                  exp(-free_energy_by_states(rbm, LT_UNIT_BINARY, v) - log_z),
                  model);
    }
    for (int i = 0; i < STATS; i++)
        gradient[i] = data[i] - model[i];
}

static lt_real *parameter(lt_rbm *rbm, int i)
{
    if (i < H * D)
        return lt_rbm_weight(rbm) + i;
    if (i < H * D + D)
        return lt_rbm_visible_bias(rbm) + (i - H * D);
    return lt_rbm_hidden_bias(rbm) + (i - H * D - D);
}

static double log_likelihood(lt_rbm *rbm)
{
    double sum = 0;

    for (int n = 0; n < N_DATA; n++) {
        double v[D];

        for (int i = 0; i < D; i++)
            v[i] = bit(data_states[n], i);
        sum -= free_energy_by_states(rbm, LT_UNIT_BINARY, v);
    }
    return sum / N_DATA - log_partition(rbm);
}

/* The yardstick of the next test is itself checked, by differences. */
static void exact_gradient_is_the_slope_of_the_likelihood(void **state)
{
    lt_rbm *rbm = tiny_make(LT_UNIT_BINARY, LT_UNIT_BINARY, 1, 1);
    double gradient[STATS];

    (void)state;
    exact_gradient(rbm, gradient);
    for (int i = 0; i < STATS; i++) {
        lt_real *x = parameter(rbm, i), old = *x;
        double up, down, high, low;

        *x = old + (lt_real)1e-3;
        up = log_likelihood(rbm), high = *x;
        *x = old - (lt_real)1e-3;
        down = log_likelihood(rbm), low = *x;
        *x = old;
        assert_true(fabs((up - down) / (high - low) - gradient[i]) < 1e-5);
    }
    lt_rbm_free(rbm);
}

/* 32,000 chains of 40 steps: noise 0.5 / sqrt(32000) = 0.003 a statistic. */
static void long_chains_give_the_exact_gradient(void **state)
{
    enum { ROWS = 32000 };
    lt_rbm *rbm = tiny_make(LT_UNIT_BINARY, LT_UNIT_BINARY, 40, ROWS);
    lt_real *v = lt_mem_alloc((size_t)ROWS * D, sizeof *v);
    double gradient[STATS], old[STATS], largest = 0;

    (void)state;
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            v[r * D + i] = (lt_real)bit(data_states[r % N_DATA], i);
    exact_gradient(rbm, gradient);
    for (int i = 0; i < STATS; i++)
        old[i] = *parameter(rbm, i);
    lt_rbm_step(rbm, v, ROWS, 1, 0, 0); /* rate 1: the step is the gradient */
    for (int i = 0; i < STATS; i++) {
        double step = *parameter(rbm, i) - old[i];

        assert_true(fabs(step - gradient[i]) < 0.015);
        largest = fabs(step) > largest ? fabs(step) : largest;
    }
    assert_true(largest > 0.1); /* or the bound above would mean little */
    lt_mem_free(v);
    lt_rbm_free(rbm);
}

static void training_raises_the_exact_likelihood(void **state)
{
    lt_rbm *rbm = tiny_make(LT_UNIT_BINARY, LT_UNIT_BINARY, 1, N_DATA);
    double before = log_likelihood(rbm), entropy = 0;
    const double shares[] = {3, 2, 1, 2};
    lt_real v[N_DATA * D];

    (void)state;
    for (int i = 0; i < 4; i++)
        entropy += shares[i] / 8 * log(shares[i] / 8);
    for (int r = 0; r < N_DATA; r++)
        for (int i = 0; i < D; i++)
            v[r * D + i] = (lt_real)bit(data_states[r], i);
    for (int step = 0; step < 3000; step++)
        lt_rbm_step(rbm, v, N_DATA, 0.1, 0.5, 0);
    assert_true(log_likelihood(rbm) > before + 1);
    assert_true(log_likelihood(rbm) < entropy); /* the best there is */
    lt_rbm_free(rbm);
}

/* ---- the update by hand ---- */

enum { BIG_D = 11, BIG_H = 7, BATCH = 6 };

/* A machine in double, written plainly. */
typedef struct naive {
    lt_unit visible, hidden;
    lt_rng sample;
    double w[BIG_H][BIG_D], a[BIG_D], b[BIG_H];
    double dw[BIG_H][BIG_D], da[BIG_D], db[BIG_H];
} naive;

static double mean_of(lt_unit unit, double z)
{
    return unit == LT_UNIT_BINARY ? 1 / (1 + exp(-z)) : z;
}

static void naive_hidden(const naive *n, const double *v, double *h)
{
    for (int j = 0; j < BIG_H; j++) {
        double z = n->b[j];

        for (int i = 0; i < BIG_D; i++)
            z += n->w[j][i] * v[i];
        h[j] = mean_of(n->hidden, z);
    }
}

static void naive_visible(const naive *n, const lt_real *h, double *v)
{
    for (int i = 0; i < BIG_D; i++) {
        double z = n->a[i];

        for (int j = 0; j < BIG_H; j++)
            z += n->w[j][i] * h[j];
        v[i] = mean_of(n->visible, z);
    }
}

/* The hidden samples of a whole batch, from the machine's own stream. */
static void naive_sample(naive *n, int rows, double h[][BIG_H], lt_real *out)
{
    lt_real mean[BATCH * BIG_H];
    size_t count = (size_t)rows * BIG_H;

    for (size_t i = 0; i < count; i++)
        mean[i] = (lt_real)h[i / BIG_H][i % BIG_H];
    if (n->hidden == LT_UNIT_BINARY) {
        lt_vec_bernoulli(NULL, &n->sample, count, mean, out);
        return;
    }
    lt_vec_normal(NULL, &n->sample, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] += mean[i];
}

static void naive_update(naive *n, int rows, double v[][BIG_D],
                         double h[][BIG_H], double v2[][BIG_D],
                         double h2[][BIG_H], const double rates[3])
{
    double rate = rates[0], momentum = rates[1], cost = rates[2];

    for (int j = 0; j < BIG_H; j++)
        for (int i = 0; i < BIG_D; i++) {
            double g = 0;

            for (int r = 0; r < rows; r++)
                g += (h[r][j] * v[r][i] - h2[r][j] * v2[r][i]) / rows;
            n->dw[j][i] =
                momentum * n->dw[j][i] + rate * (g - cost * n->w[j][i]);
        }
    for (int k = 0; k < BIG_D + BIG_H; k++) {
        double g = 0, *d = k < BIG_D ? &n->da[k] : &n->db[k - BIG_D];

        for (int r = 0; r < rows; r++)
            g += k < BIG_D ? v[r][k] - v2[r][k]
                           : h[r][k - BIG_D] - h2[r][k - BIG_D];
        *d = momentum * *d + rate * g / rows;
        *(k < BIG_D ? &n->a[k] : &n->b[k - BIG_D]) += *d;
    }
    for (int j = 0; j < BIG_H; j++)
        for (int i = 0; i < BIG_D; i++)
            n->w[j][i] += n->dw[j][i];
}

static double naive_step(naive *n, const lt_real *x, int rows,
                         const double rates[3])
{
    double v[BATCH][BIG_D], h[BATCH][BIG_H], v2[BATCH][BIG_D], h2[BATCH][BIG_H];
    lt_real s[BATCH * BIG_H];
    double error = 0;

    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < BIG_D; i++)
            v[r][i] = x[r * BIG_D + i];
        naive_hidden(n, v[r], h[r]);
    }
    naive_sample(n, rows, h, s);
    for (int r = 0; r < rows; r++) {
        naive_visible(n, s + r * BIG_H, v2[r]);
        naive_hidden(n, v2[r], h2[r]);
        for (int i = 0; i < BIG_D; i++)
            error += (v2[r][i] - v[r][i]) * (v2[r][i] - v[r][i]);
    }
    naive_update(n, rows, v, h, v2, h2, rates);
    return error;
}

static void naive_check(const naive *n, lt_rbm *rbm)
{
    for (int j = 0; j < BIG_H; j++) {
        assert_true(fabs(lt_rbm_hidden_bias(rbm)[j] - n->b[j]) < 1e-5);
        for (int i = 0; i < BIG_D; i++)
            assert_true(fabs(lt_rbm_weight(rbm)[j * BIG_D + i] - n->w[j][i]) <
                        1e-5);
    }
    for (int i = 0; i < BIG_D; i++)
        assert_true(fabs(lt_rbm_visible_bias(rbm)[i] - n->a[i]) < 1e-5);
}

static void machines_compare(lt_unit visible, lt_unit hidden)
{
    lt_rbm_spec spec = {BIG_D, BIG_H, visible, hidden, 1, BATCH};
    lt_rbm *rbm = rbm_make(&spec, 0.1);
    naive n = {.visible = visible, .hidden = hidden};
    lt_real x[BATCH * BIG_D];
    lt_rng rng;

    lt_rng_init(&n.sample, 5, "sample");
    lt_rng_init(&rng, 6, "data");
    for (int k = 0; k < BIG_H * BIG_D; k++)
        n.w[k / BIG_D][k % BIG_D] = lt_rbm_weight(rbm)[k];
    for (int step = 0; step < 6; step++) {
        const double rates[] = {0.05, step < 3 ? 0.5 : 0.9, 0.01};
        int rows = step == 4 ? 2 : BATCH; /* a short batch too */
        double a, b;

        for (int k = 0; k < rows * BIG_D; k++)
            x[k] = (lt_real)lt_rng_uniform(&rng);
        a = lt_rbm_step(rbm, x, rows, rates[0], rates[1], rates[2]);
        b = naive_step(&n, x, rows, rates);
        assert_true(fabs(a - b) < 1e-4 * b);
        naive_check(&n, rbm);
    }
    lt_rbm_free(rbm);
}

static void update_is_the_one_written_by_hand(void **state)
{
    (void)state;
    machines_compare(LT_UNIT_BINARY, LT_UNIT_BINARY);
    machines_compare(LT_UNIT_BINARY, LT_UNIT_GAUSSIAN);
    machines_compare(LT_UNIT_GAUSSIAN, LT_UNIT_BINARY);
    machines_compare(LT_UNIT_GAUSSIAN, LT_UNIT_GAUSSIAN);
}

static void start_is_normal_weights_and_zero_biases(void **state)
{
    lt_rbm_spec spec = {200, 100, LT_UNIT_BINARY, LT_UNIT_BINARY, 1, 1};
    lt_rbm *rbm = rbm_make(&spec, 0.1);
    double sum = 0, squares = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double w = lt_rbm_weight(rbm)[i];

        sum += w;
        squares += w * w;
    }
    assert_true(fabs(sum / 20000) < 0.003);
    assert_true(fabs(sqrt(squares / 20000) - 0.1) < 0.002);
    for (int i = 0; i < 100; i++)
        assert_true(fabsf((float)lt_rbm_hidden_bias(rbm)[i]) <= 0);
    lt_rbm_free(rbm);
}

static void steps_are_the_same_bits_on_any_threads(void **state)
{
    enum { ROWS = 100, WIDTH = 500, UNITS = 300 };
    lt_rbm_spec spec = {WIDTH, UNITS, LT_UNIT_BINARY, LT_UNIT_BINARY, 2, ROWS};
    lt_dataset *d = patterns_make(ROWS, WIDTH, 1);
    lt_real *x = lt_mem_alloc((size_t)ROWS * WIDTH, sizeof *x);
    lt_rbm *a = NULL, *b = NULL;
    lt_pool *pool = NULL;
    int64_t allocations;

    (void)state;
    lt_dataset_gather(d, NULL, 0, ROWS, x);
    assert_int_equal(lt_pool_new(2, &pool, NULL), LT_OK);
    assert_int_equal(lt_rbm_new(&spec, 0.1, 1, NULL, &a, NULL), LT_OK);
    assert_int_equal(lt_rbm_new(&spec, 0.1, 1, pool, &b, NULL), LT_OK);
    allocations = lt_mem_allocations();
    for (int i = 0; i < 5; i++) {
        double ea = lt_rbm_step(a, x, ROWS, 0.1, 0.5, 0.0002);
        double eb = lt_rbm_step(b, x, ROWS, 0.1, 0.5, 0.0002);

        assert_true(ea >= eb && ea <= eb);
    }
    assert_int_equal(lt_mem_allocations(), allocations);
    assert_memory_equal(lt_rbm_weight(a), lt_rbm_weight(b),
                        (size_t)WIDTH * UNITS * sizeof(lt_real));
    lt_rbm_free(a);
    lt_rbm_free(b);
    lt_pool_free(pool);
    lt_mem_free(x);
    lt_dataset_free(d);
}

static void rbm_refuses_a_bad_spec(void **state)
{
    const lt_rbm_spec bad[] = {
        {0, 3, LT_UNIT_BINARY, LT_UNIT_BINARY, 1, 1},
        {4, 0, LT_UNIT_BINARY, LT_UNIT_BINARY, 1, 1},
        {4, 3, LT_UNIT_BINARY, LT_UNIT_BINARY, 0, 1},
        {4, 3, LT_UNIT_BINARY, LT_UNIT_BINARY, 1, 0},
    };
    lt_rbm *rbm = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(lt_rbm_new(&bad[i], 0.1, 1, NULL, &rbm, NULL),
                         LT_EINVAL);
    assert_null(rbm);
}

static void rbm_survives_every_failed_allocation(void **state)
{
    lt_rbm_spec spec = {D, H, LT_UNIT_BINARY, LT_UNIT_BINARY, 2, 3};
    lt_status rc = LT_ENOMEM;
    lt_rbm *rbm = NULL;

    (void)state;
    for (int n = 0; rc == LT_ENOMEM && n < 50; n++) {
        lt_mem_fail_after(n);
        rc = lt_rbm_new(&spec, 0.1, 1, NULL, &rbm, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    lt_rbm_free(rbm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_energy_sums_out_binary_hidden_units),
        cmocka_unit_test(free_energy_integrates_out_gaussian_hidden_units),
        cmocka_unit_test(free_energy_sums_over_rows),
        cmocka_unit_test(exact_gradient_is_the_slope_of_the_likelihood),
        cmocka_unit_test(long_chains_give_the_exact_gradient),
        cmocka_unit_test(training_raises_the_exact_likelihood),
        cmocka_unit_test(update_is_the_one_written_by_hand),
        cmocka_unit_test(start_is_normal_weights_and_zero_biases),
        cmocka_unit_test(steps_are_the_same_bits_on_any_threads),
        cmocka_unit_test(rbm_refuses_a_bad_spec),
        cmocka_unit_test(rbm_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
