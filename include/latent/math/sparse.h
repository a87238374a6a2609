/* Sparse matrices by rows (CSR): row i has the entries [start[i],
 * start[i + 1]) of `index` and `value`, columns ascending, each at most once.
 * start[0] need not be 0: a stretch of rows of a larger matrix shares its
 * arrays. An entry may be 0: it is known to be 0, where an absent one is
 * unknown (ratings) or 0 (counts). */
#ifndef LT_SPARSE_H
#define LT_SPARSE_H

#include <stdint.h>

typedef struct lt_sparse {
    int rows, cols;
    int64_t *start; /* (rows + 1) */
    int32_t *index; /* columns, from 0 */
    float *value;
} lt_sparse;

#endif
