/* Small sparse matrices at random, for tests. */
#ifndef LT_SPARSE_FIXTURE_H
#define LT_SPARSE_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "latent/math/sparse.h"

/* Each entry is there with chance `density`, but every seventh row is empty
 * and every fifth column too; values are N(0, 1). Column 1 is in every row
 * that has any. */
static inline lt_sparse sparse_random(int rows, int cols, double density,
                                      uint64_t seed)
{
    lt_sparse s = {.rows = rows, .cols = cols};
    size_t most = (size_t)rows * (size_t)cols;
    int64_t n = 0;
    lt_rng rng;

    lt_rng_init(&rng, seed, "sparse");
    s.start = lt_mem_zero((size_t)rows + 1, sizeof *s.start);
    s.index = lt_mem_zero(most, sizeof *s.index);
    s.value = lt_mem_zero(most, sizeof *s.value);
    assert_true(s.start && s.index && s.value);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; r % 7 != 3 && c < cols; c++) {
            if (c % 5 == 4 || (c != 1 && lt_rng_uniform(&rng) >= density))
                continue;
            s.index[n] = c;
            s.value[n++] = (float)lt_rng_normal(&rng);
        }
        s.start[r + 1] = n;
    }
    return s;
}

static inline void sparse_drop(lt_sparse *s)
{
    lt_mem_free(s->start);
    lt_mem_free(s->index);
    lt_mem_free(s->value);
}

/* The batch of rows index[0..n), arranged; the caller's. */
static inline lt_sparse_batch *sparse_batch_of(const lt_sparse *s,
                                               const int32_t *index, int n)
{
    lt_sparse_batch *b = NULL;

    assert_int_equal(
        lt_sparse_batch_new(n, lt_sparse_most_entries(s, n), s->cols, &b, NULL),
        LT_OK);
    lt_sparse_batch_gather(b, s, index, 0, n);
    lt_sparse_batch_arrange(b);
    return b;
}

#endif
