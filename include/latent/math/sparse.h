/* Sparse matrices by rows (CSR): row i has the entries [start[i],
 * start[i + 1]) of `index` and `value`, columns ascending, each at most once.
 * start[0] need not be 0: a stretch of rows of a larger matrix shares its
 * arrays. An entry may be 0: it is known to be 0, where an absent one is
 * unknown (ratings) or 0 (counts). */
#ifndef LT_SPARSE_H
#define LT_SPARSE_H

#include <stdint.h>

#include "latent/base/status.h"
#include "latent/math/real.h"

typedef struct lt_sparse {
    int rows, cols;
    int64_t *start; /* (rows + 1) */
    int32_t *index; /* columns, from 0 */
    float *value;
} lt_sparse;

/* The most entries that any `n` rows have together; n may be above rows. */
int64_t lt_sparse_most_entries(const lt_sparse *s, int n);

/* Some rows of a sparse matrix, copied out for one step of training, and the
 * same entries by column, for a gradient that is summed column by column.
 * Made once for the largest batch; refilled without an allocation. Time grows
 * with the entries (and cols / 64), memory with entries and cols. */
typedef struct lt_sparse_batch {
    int rows, cols;
    int *start;     /* (rows + 1) */
    int32_t *index; /* columns */
    lt_real *value;
    /* After lt_sparse_batch_arrange: column[t] has the entries
     * [column_start[t], column_start[t + 1]) of `row` and `entry`, which is
     * the entry's place in `index` and `value`; rows ascend. */
    int n_columns;
    int32_t *column;   /* (n_columns), ascending */
    int *column_start; /* (n_columns + 1) */
    int32_t *row, *entry;
    /* The owner's. */
    int most_rows, most_entries;
    uint64_t *seen; /* a bit a column, all 0 between calls */
    int32_t *place; /* of a column in `column`, where it is there */
} lt_sparse_batch;

/* Room for `rows` rows of together `entries` entries. */
lt_status lt_sparse_batch_new(int rows, int64_t entries, int cols,
                              lt_sparse_batch **out, lt_err *err);
void lt_sparse_batch_free(lt_sparse_batch *b); /* accepts NULL */

/* The rows index[0..n), or first.. when index is NULL. */
void lt_sparse_batch_gather(lt_sparse_batch *b, const lt_sparse *s,
                            const int32_t *index, int first, int n);

void lt_sparse_batch_arrange(lt_sparse_batch *b);

/* Both arranged by the columns of either, so that column[t] is the same in
 * both; a column that a batch has not has no entries there. */
void lt_sparse_batch_arrange_both(lt_sparse_batch *a, lt_sparse_batch *b);

#endif
