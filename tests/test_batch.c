/* Shuffled batches: each example once, orders that depend on the epoch. */
#include "train_fixture.h"

#include "train/batch.h"

enum { N = 103, BATCH = 10 };

static void batcher_make(lt__batcher *b, const lt_dataset *d, uint64_t seed,
                         const char *stream)
{
    assert_int_equal(lt__batcher_init(b, d, BATCH, seed, stream, NULL), LT_OK);
}

static void batches_visit_each_example_once(void **state)
{
    lt_dataset *d = plane_make(N, 5, 2, 0.1, 1);
    int seen[N] = {0}, rows = 0;
    lt_real x[BATCH * 5];
    lt__batcher b;

    (void)state;
    batcher_make(&b, d, 1, "shuffle");
    assert_int_equal(lt__batcher_count(&b), 11);
    lt__batcher_shuffle(&b, 0);
    for (int i = 0; i < 11; i++) {
        int n = lt__batcher_gather(&b, i, x);

        assert_int_equal(n, i < 10 ? BATCH : 3); /* the short one is used */
        for (int r = 0; r < n; r++, rows++) {
            lt_real wanted[5];

            seen[b.order[rows]]++;
            lt_dataset_gather(d, NULL, b.order[rows], 1, wanted);
            assert_memory_equal(x + 5 * r, wanted, sizeof wanted);
        }
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    lt__batcher_deinit(&b);
    lt_dataset_free(d);
}

static void batches_order_depends_on_epoch_seed_and_stream_alone(void **state)
{
    lt_dataset *d = plane_make(N, 5, 2, 0.1, 1);
    lt__batcher a, b;

    (void)state;
    batcher_make(&a, d, 1, "shuffle");
    batcher_make(&b, d, 1, "shuffle");
    for (int epoch = 0; epoch < 4; epoch++)
        lt__batcher_shuffle(&a, epoch);
    lt__batcher_shuffle(&b, 3); /* the epochs before do not matter */
    assert_memory_equal(a.order, b.order, N * sizeof *a.order);
    lt__batcher_shuffle(&b, 2);
    assert_memory_not_equal(a.order, b.order, N * sizeof *a.order);
    lt__batcher_deinit(&b);
    batcher_make(&b, d, 2, "shuffle");
    lt__batcher_shuffle(&b, 3);
    assert_memory_not_equal(a.order, b.order, N * sizeof *a.order);
    lt__batcher_deinit(&b);
    batcher_make(&b, d, 1, "pretrain.1.shuffle");
    lt__batcher_shuffle(&b, 3);
    assert_memory_not_equal(a.order, b.order, N * sizeof *a.order);
    lt__batcher_deinit(&a);
    lt__batcher_deinit(&b);
    lt_dataset_free(d);
}

static void batches_are_no_larger_than_the_set(void **state)
{
    lt_dataset *d = plane_make(4, 5, 2, 0.1, 1);
    lt_real x[4 * 5];
    lt__batcher b;

    (void)state;
    batcher_make(&b, d, 1, "shuffle");
    lt__batcher_shuffle(&b, 0);
    assert_int_equal(b.batch, 4);
    assert_int_equal(lt__batcher_count(&b), 1);
    assert_int_equal(lt__batcher_gather(&b, 0, x), 4);
    lt__batcher_deinit(&b);
    lt_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_visit_each_example_once),
        cmocka_unit_test(batches_order_depends_on_epoch_seed_and_stream_alone),
        cmocka_unit_test(batches_are_no_larger_than_the_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
