/* Updates tell whether what they wrote is finite: every instruction set that
 * this processor has, every place in a block and after the last one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "math/kernels.h"

enum { MOST = 1300 };

static lt_real w[MOST], g[MOST], m[MOST], v[MOST];

typedef bool update(const lt__kernels *k, size_t n);

static bool adam_do(const lt__kernels *k, size_t n)
{
    const lt_adam_step s = {.beta1 = 0.9,
                            .beta2 = 0.99,
                            .rate_t = (lt_real)0.1,
                            .correction = 1,
                            .epsilon = (lt_real)1e-3};

    return k->adam(n, &s, g, w, m, v);
}

static bool momentum_do(const lt__kernels *k, size_t n)
{
    const lt_sgd_step s = {.rate = (lt_real)0.1, .momentum = (lt_real)0.5};

    return k->sgd(n, &s, g, w, m);
}

static bool plain_do(const lt__kernels *k, size_t n)
{
    const lt_sgd_step s = {.rate = (lt_real)0.1};

    return k->sgd(n, &s, g, w, NULL);
}

static bool add_do(const lt__kernels *k, size_t n)
{
    return k->add(n, g, w);
}

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++) {
        w[i] = (lt_real)(i % 7) - 3;
        g[i] = (lt_real)(i % 5) / 4;
        m[i] = v[i] = (lt_real)0.25;
    }
}

/* What lies beyond n is not looked at. */
static void one_number_is_enough(update *f)
{
    static const size_t sizes[] = {1,   3,   16,  63,  64,   65,  127,
                                   128, 300, 512, 513, 1025, 1299};
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    const lt__kernels *sets[3];
    int n_sets = lt__kernels_usable(sets);

    for (int s = 0; s < n_sets; s++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n = sizes[i];

            fill();
            w[n] = (lt_real)NAN;
            assert_true(f(sets[s], n));
            for (size_t at = 0; at < n; at += at < 70 || at + 70 > n ? 1 : 37) {
                fill();
                if (at % 2)
                    w[at] = (lt_real)bad[at % 3];
                else
                    g[at] = (lt_real)bad[at % 3];
                assert_false(f(sets[s], n));
                assert_false(isfinite(w[at]));
            }
        }
}

static void adam_tells(void **state)
{
    (void)state;
    one_number_is_enough(adam_do);
}

static void momentum_tells(void **state)
{
    (void)state;
    one_number_is_enough(momentum_do);
}

static void plain_descent_tells(void **state)
{
    (void)state;
    one_number_is_enough(plain_do);
}

static void adding_tells_and_adds(void **state)
{
    const lt__kernels *sets[3];
    int n_sets = lt__kernels_usable(sets);

    (void)state;
    one_number_is_enough(add_do);
    for (int s = 0; s < n_sets; s++) {
        fill();
        assert_true(sets[s]->add(MOST, g, w));
        for (size_t i = 0; i < MOST; i++)
            assert_true(w[i] == (lt_real)(i % 7) - 3 + (lt_real)(i % 5) / 4);
    }
}

/* Over the pieces of a long vector, whatever the threads. */
static void pieces_tell(void **state)
{
    enum { LONG = 100000 };
    static lt_real x[LONG], y[LONG];
    const lt_sgd_step s = {.rate = 1};
    lt_pool *pool = NULL;

    (void)state;
    assert_int_equal(lt_pool_new(3, &pool, NULL), LT_OK);
    for (int i = 0; i < 2; i++) {
        lt_pool *p = i ? pool : NULL;

        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        assert_true(lt_vec_add(p, LONG, x, y));
        assert_true(lt_vec_sgd(p, LONG, &s, x, y, NULL));
        x[LONG - 1] = (lt_real)INFINITY;
        assert_false(lt_vec_add(p, LONG, x, y));
        y[LONG - 1] = 0;
        assert_false(lt_vec_sgd(p, LONG, &s, x, y, NULL));
        y[LONG - 1] = 0;
        x[LONG - 1] = 0;
        y[50000] = (lt_real)NAN;
        assert_false(lt_vec_add(p, LONG, x, y));
    }
    lt_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_tells),
        cmocka_unit_test(momentum_tells),
        cmocka_unit_test(plain_descent_tells),
        cmocka_unit_test(adding_tells_and_adds),
        cmocka_unit_test(pieces_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
