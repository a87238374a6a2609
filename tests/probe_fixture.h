/* What the tests of probes share: codes with labels, and a search for
 * neighbours that is too plain to be wrong. */
#ifndef LT_PROBE_FIXTURE_H
#define LT_PROBE_FIXTURE_H

#include "train_fixture.h"

#include "latent/train/probe.h"

/* A set of the n rows (n,d); labels may be NULL. */
static inline lt_dataset *codes_make(int n, int d, const float *rows,
                                     const uint8_t *labels)
{
    size_t size = (size_t)n * (size_t)d;
    float *values = lt_mem_alloc(size, sizeof *values);
    uint8_t *copy = labels ? lt_mem_alloc((size_t)n, 1) : NULL;
    lt_dataset *out = NULL;

    assert_non_null(values);
    memcpy(values, rows, size * sizeof *values);
    if (labels)
        memcpy(copy, labels, (size_t)n);
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, n, lt_shape_flat(d),
                                         values, copy, &out, NULL),
                     LT_OK);
    return out;
}

/* Codes whose labels (0 to 4) have something to do with where they are.
 * grid: whole numbers from 0 to grid - 1, so that many distances are equal;
 * else continuous, `offset` from the origin. */
static inline lt_dataset *codes_draw(int n, int d, int grid, double offset,
                                     uint64_t seed)
{
    float *rows = lt_mem_alloc((size_t)n * (size_t)d, sizeof *rows);
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);
    lt_dataset *out;
    lt_rng rng;

    lt_rng_init(&rng, seed, "codes");
    for (int i = 0; i < n; i++) {
        labels[i] = (uint8_t)lt_rng_below(&rng, 5);
        for (int j = 0; j < d; j++) {
            double v = 0.7 * lt_rng_normal(&rng) + (j == labels[i] % d);

            if (grid)
                v = floor(lt_rng_uniform(&rng) * grid);
            rows[i * d + j] = (float)(offset + v);
        }
    }
    out = codes_make(n, d, rows, labels);
    lt_mem_free(labels);
    lt_mem_free(rows);
    return out;
}

typedef struct ranked {
    double distance;
    int item;
} ranked;

static inline int ranked_compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->item - y->item;
}

/* Squared distance, or 1 - cosine, in double, term by term. */
static inline double plain_distance(lt_distance kind, int d, const float *a,
                                    const float *b)
{
    double sum = 0, aa = 0, bb = 0, ab = 0;

    for (int j = 0; j < d; j++) {
        double x = (double)a[j], y = (double)b[j];

        sum += (x - y) * (x - y);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return kind == LT_DISTANCE_COSINE ? 1 - ab / sqrt(aa * bb) : sum;
}

/* All items, nearest first, ties in the set's order; without itself when the
 * items are the test set. Returns how many. */
static inline int plain_ranking(const lt_probe *p, int query, ranked *out)
{
    const lt_dataset *items = p->train ? p->train : p->test;
    int d = lt_shape_elements(lt_dataset_shape(items)), n = 0;
    const float *x = lt_dataset_values(items);
    const float *q = (const float *)lt_dataset_values(p->test) + query * d;

    for (int i = 0; i < lt_dataset_rows(items); i++)
        if (p->train || i != query)
            out[n++] =
                (ranked){plain_distance(p->distance, d, q, x + i * d), i};
    qsort(out, (size_t)n, sizeof *out, ranked_compare);
    return n;
}

/* Runs `probe` with a stop at the first, second, ... poll until it ends. */
static inline void check_interrupts(lt_probe *p,
                                    lt_status (*probe)(const lt_probe *p,
                                                       lt_err *err))
{
    static memory m;
    lt_observer observer = memory_observer(&m);
    lt_status rc = LT_EINTERRUPTED;
    int n = 0;

    p->observer = &observer;
    while (rc != LT_OK) {
        lt_err err = {0};

        assert_true(n < 2000);
        observer = memory_observer(&m);
        m.stop_at = ++n;
        rc = probe(p, &err);
        assert_true(rc == LT_OK || rc == LT_EINTERRUPTED);
        if (rc == LT_EINTERRUPTED)
            assert_non_null(strstr(err.text, "interrupted"));
    }
    assert_true(n > 2 && m.polls > 1 && m.told > 0);
    assert_memory_equal(m.phase, "probe ", 6);
    p->observer = NULL;
}

/* Runs `probe` with the first, second, ... allocation failing. */
static inline void check_allocations(const lt_probe *p,
                                     lt_status (*probe)(const lt_probe *p,
                                                        lt_err *err))
{
    lt_status rc = LT_ENOMEM;

    for (int n = 0; rc != LT_OK; n++) {
        lt_err err = {0};

        assert_true(n < 100);
        lt_mem_fail_after(n);
        rc = probe(p, &err);
        lt_mem_fail_after(-1);
        assert_true(rc == LT_OK || rc == LT_ENOMEM);
        assert_true((rc == LT_OK) == (err.text[0] == '\0'));
    }
}

#endif
