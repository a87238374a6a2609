/* The CURVES generator: the same bytes everywhere, pictures of one stroke. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/data/curves.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static lt_data_pair curves(int n_train, int n_test, uint64_t seed)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    if (lt_curves_make(n_train, n_test, seed, &pair, &err) != LT_OK)
        fail_msg("%s", err.text);
    return pair;
}

static void pair_free(lt_data_pair pair)
{
    lt_dataset_free(pair.train);
    lt_dataset_free(pair.test);
}

static void curves_are_the_same_bytes_on_every_machine(void **state)
{
    lt_data_pair pair = curves(200, 100, 1);
    char hex[LT_DIGEST_HEX];

    (void)state;
    lt_digest_bytes(lt_dataset_values(pair.train), 200 * PIXELS, hex);
    assert_string_equal(
        hex,
        "cbd8a80414788af54e768d5278944b15792a417a5507e6f25390c6b995e7f156");
    lt_digest_bytes(lt_dataset_values(pair.test), 100 * PIXELS, hex);
    assert_string_equal(
        hex,
        "68de3fbf533430b1648bf2b5ac4ca6cefa2af3c4d90c9e76d0d8fbd24200349d");
    pair_free(pair);
}

static void curves_test_set_does_not_depend_on_n_train(void **state)
{
    lt_data_pair a = curves(10, 20, 5), b = curves(70, 30, 5);

    (void)state;
    assert_memory_equal(lt_dataset_values(a.test), lt_dataset_values(b.test),
                        20 * PIXELS);
    assert_memory_equal(lt_dataset_values(a.train), lt_dataset_values(b.train),
                        10 * PIXELS);
    assert_memory_not_equal(lt_dataset_values(a.train),
                            lt_dataset_values(a.test), PIXELS);
    pair_free(a);
    pair_free(b);
}

static void curves_differ_by_seed(void **state)
{
    lt_data_pair a = curves(1, 1, 5), b = curves(1, 1, 6);

    (void)state;
    assert_memory_not_equal(lt_dataset_values(a.train),
                            lt_dataset_values(b.train), PIXELS);
    pair_free(a);
    pair_free(b);
}

/* Pixels reached from `start` over inked neighbours, corners included. */
static int reach(const uint8_t *picture, int start)
{
    uint8_t seen[PIXELS] = {0};
    int stack[PIXELS], depth = 0, n = 0;

    seen[start] = 1;
    stack[depth++] = start;
    while (depth > 0) {
        int at = stack[--depth];

        n++;
        for (int k = 0; k < 9; k++) {
            int x = at % SIDE + k % 3 - 1, y = at / SIDE + k / 3 - 1;
            int next = y * SIDE + x;

            if (x < 0 || x >= SIDE || y < 0 || y >= SIDE || seen[next] ||
                !picture[next])
                continue;
            seen[next] = 1;
            stack[depth++] = next;
        }
    }
    return n;
}

static void curves_are_one_connected_stroke(void **state)
{
    lt_data_pair pair = curves(500, 1, 2);

    (void)state;
    for (int i = 0; i < 500; i++) {
        const uint8_t *picture = lt_dataset_values(pair.train);
        int inked = 0, start = 0;

        picture += i * PIXELS;
        for (int p = 0; p < PIXELS; p++) {
            inked += picture[p] > 0;
            start = picture[p] ? p : start;
        }
        assert_int_equal(reach(picture, start), inked);
        assert_in_range(inked, 12, 300); /* a stroke, neither dot nor blot */
    }
    pair_free(pair);
}

/* x of the outer points are at least 4 apart, and both lie in [2, 26]. */
static void curves_span_at_least_four_columns(void **state)
{
    lt_data_pair pair = curves(500, 1, 3);
    const uint8_t *picture = lt_dataset_values(pair.train);

    (void)state;
    for (int i = 0; i < 500; i++, picture += PIXELS) {
        int first = SIDE, last = 0;

        for (int p = 0; p < PIXELS; p++) {
            if (!picture[p])
                continue;
            first = p % SIDE < first ? p % SIDE : first;
            last = p % SIDE > last ? p % SIDE : last;
        }
        assert_true(last - first >= 4);
    }
    pair_free(pair);
}

static void curves_edges_are_soft(void **state)
{
    lt_data_pair pair = curves(200, 1, 4);
    const uint8_t *pixel = lt_dataset_values(pair.train);
    int full = 0, grey = 0;

    (void)state;
    for (int i = 0; i < 200 * PIXELS; i++) {
        full += pixel[i] == 255;
        grey += pixel[i] > 0 && pixel[i] < 255;
    }
    assert_true(full > 200 * 5);
    assert_true(grey > full / 2);
    pair_free(pair);
}

static void curves_want_at_least_one_example(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_err err = {0};

    (void)state;
    assert_int_equal(lt_curves_make(0, 5, 1, &pair, &err), LT_EINVAL);
    assert_non_null(strstr(err.text, "wanted at least 1"));
    assert_int_equal(lt_curves_make(5, -1, 1, &pair, &err), LT_EINVAL);
    assert_null(pair.train);
}

static void curves_survive_every_failed_allocation(void **state)
{
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = LT_ENOMEM;

    (void)state;
    for (int n = 0; rc == LT_ENOMEM && n < 20; n++) {
        lt_mem_fail_after(n);
        rc = lt_curves_make(3, 3, 1, &pair, NULL);
        lt_mem_fail_after(-1);
    }
    assert_int_equal(rc, LT_OK);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_the_same_bytes_on_every_machine),
        cmocka_unit_test(curves_test_set_does_not_depend_on_n_train),
        cmocka_unit_test(curves_differ_by_seed),
        cmocka_unit_test(curves_are_one_connected_stroke),
        cmocka_unit_test(curves_span_at_least_four_columns),
        cmocka_unit_test(curves_edges_are_soft),
        cmocka_unit_test(curves_want_at_least_one_example),
        cmocka_unit_test(curves_survive_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
