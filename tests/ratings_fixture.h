/* Sets of ratings as sparse rows and as arrays with gaps. */
#ifndef LT_RATINGS_FIXTURE_H
#define LT_RATINGS_FIXTURE_H

#include "sparse_fixture.h"
#include "train_fixture.h"

/* Takes `s` over. */
static inline lt_dataset *ratings_sparse(lt_sparse s)
{
    lt_dataset *d = NULL;

    assert_int_equal(lt_dataset_new_sparse_take(&s, NULL, &d, NULL), LT_OK);
    return d;
}

/* The same set as floats, NaN where nothing is known. */
static inline lt_dataset *ratings_dense(const lt_dataset *set)
{
    const lt_sparse *s = lt_dataset_sparse(set);
    size_t n = (size_t)s->rows * (size_t)s->cols;
    float *values = lt_mem_zero(n, sizeof *values);
    lt_dataset *d = NULL;

    for (size_t i = 0; i < n; i++)
        values[i] = NAN;
    for (int r = 0; r < s->rows; r++)
        for (int64_t e = s->start[r]; e < s->start[r + 1]; e++)
            values[(size_t)r * (size_t)s->cols + (size_t)s->index[e]] =
                s->value[e];
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, s->rows,
                                         lt_shape_flat(s->cols), values, NULL,
                                         &d, NULL),
                     LT_OK);
    return d;
}

/* Random rows, with held-out ones as targets when `seed_target` is not 0. */
static inline lt_dataset *ratings_make(int rows, int cols, uint64_t seed,
                                       uint64_t seed_target)
{
    lt_dataset *d = ratings_sparse(sparse_random(rows, cols, 0.2, seed));

    if (seed_target)
        assert_int_equal(
            lt_dataset_set_target_take(
                d, ratings_sparse(sparse_random(rows, cols, 0.1, seed_target)),
                NULL),
            LT_OK);
    return d;
}

/* The dense set of the same examples and targets. */
static inline lt_dataset *ratings_twin(const lt_dataset *set)
{
    lt_dataset *d = ratings_dense(set);

    if (lt_dataset_target(set) != set)
        assert_int_equal(lt_dataset_set_target_take(
                             d, ratings_dense(lt_dataset_target(set)), NULL),
                         LT_OK);
    return d;
}

#endif
