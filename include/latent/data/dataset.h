/* Sets of examples, kept in their own type and turned into lt_real as a batch
 * is gathered: bytes become byte/255; an entry that a sparse row does not have
 * becomes 0.
 *
 * NaN in a set of floats means "missing" (loss masked_mse leaves it out). */
#ifndef LT_DATASET_H
#define LT_DATASET_H

#include <stdint.h>

#include "latent/base/digest.h"
#include "latent/math/real.h"
#include "latent/math/shape.h"
#include "latent/math/sparse.h"

typedef enum lt_elem {
    LT_ELEM_U8,
    LT_ELEM_F32,
    LT_ELEM_F64,
    LT_ELEM_SPARSE, /* an lt_sparse, not an array of values */
} lt_elem;

typedef struct lt_dataset lt_dataset;

/* `values` (n, elements) of `type` (not sparse) and `labels` (n, or NULL) are
 * taken over (lt_mem_free), also on failure. */
lt_status lt_dataset_new_take(lt_elem type, int n, lt_shape shape, void *values,
                              uint8_t *labels, lt_dataset **out, lt_err *err);

/* The same for values that lie elsewhere, in a mapped file say: release(owner)
 * is called once when the set is freed, or on failure. */
lt_status lt_dataset_new_borrow(lt_elem type, int n, lt_shape shape,
                                const void *values, void (*release)(void *),
                                void *owner, uint8_t *labels, lt_dataset **out,
                                lt_err *err);

/* A set of s->rows examples {s->cols}; the arrays of `s` (each lt_mem_free)
 * and labels are taken over, also on failure. Columns out of range or not
 * ascending within a row are EINVAL. */
lt_status lt_dataset_new_sparse_take(const lt_sparse *s, uint8_t *labels,
                                     lt_dataset **out, lt_err *err);

/* What the network should give for example i, where it is not example i
 * itself: held-out ratings, say. `target` has as many examples and elements;
 * it is taken over, also on failure. At most once. */
lt_status lt_dataset_set_target_take(lt_dataset *d, lt_dataset *target,
                                     lt_err *err);
const lt_dataset *lt_dataset_target(const lt_dataset *d); /* or d itself */

/* What the rows, columns and values of ratings stand for. */
typedef struct lt_legend {
    const int64_t *row_ids;    /* (n) as the file names them, or NULL */
    const int64_t *column_ids; /* (elements), or NULL */
    double centre;             /* was subtracted from each value */
} lt_legend;

/* The two arrays (lt_mem_free) are taken over. At most once; views and copies
 * have the legend of what they were made from. It is no part of the
 * fingerprint. */
void lt_dataset_set_legend_take(lt_dataset *d, int64_t *row_ids,
                                int64_t *column_ids, double centre);
lt_legend lt_dataset_legend(const lt_dataset *d); /* borrowed */

/* A view of examples [first, first + n) of `d`, which must outlive it, and of
 * its target. */
lt_status lt_dataset_view(const lt_dataset *d, int first, int n,
                          lt_dataset **out, lt_err *err);

/* A copy of the examples index[0..n), in their own type, with labels and
 * target. */
lt_status lt_dataset_select(const lt_dataset *d, const int32_t *index, int n,
                            lt_dataset **out, lt_err *err);
void lt_dataset_free(lt_dataset *d);

int lt_dataset_rows(const lt_dataset *d);
lt_shape lt_dataset_shape(const lt_dataset *d);
lt_elem lt_dataset_type(const lt_dataset *d);
size_t lt_dataset_bytes(const lt_dataset *d); /* of the examples' values */

/* Borrowed; NULL when sparse. */
const void *lt_dataset_values(const lt_dataset *d);
const uint8_t *lt_dataset_labels(const lt_dataset *d); /* borrowed, or NULL */
/* Borrowed; NULL unless sparse. */
const lt_sparse *lt_dataset_sparse(const lt_dataset *d);

/* out (n, elements) = the examples index[0..n), or first.. when index is
 * NULL, as lt_real. */
void lt_dataset_gather(const lt_dataset *d, const int32_t *index, int first,
                       int n, lt_real *out);

/* The same as a target of which only known entries count: NaN where a sparse
 * row has no entry; where it has one, and in other sets, as above. */
void lt_dataset_gather_known(const lt_dataset *d, const int32_t *index,
                             int first, int n, lt_real *out);

/* SHA-256 of type, shape, values, labels and target. */
void lt_dataset_fingerprint(const lt_dataset *d, char hex[LT_DIGEST_HEX]);

typedef struct lt_data_pair {
    lt_dataset *train, *test; /* both the caller's */
} lt_data_pair;

#endif
