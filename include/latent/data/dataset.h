/* Sets of examples, kept in their own type and turned into lt_real as a batch
 * is gathered: bytes become byte/255. */
#ifndef LT_DATASET_H
#define LT_DATASET_H

#include <stdint.h>

#include "latent/base/digest.h"
#include "latent/math/real.h"
#include "latent/math/shape.h"

typedef enum lt_elem { LT_ELEM_U8, LT_ELEM_F32 } lt_elem;

typedef struct lt_dataset lt_dataset;

/* `values` (n, elements) of `type` and `labels` (n, or NULL) are taken over
 * (lt_mem_free), also on failure. */
lt_status lt_dataset_new_take(lt_elem type, int n, lt_shape shape, void *values,
                              uint8_t *labels, lt_dataset **out, lt_err *err);

/* A view of examples [first, first + n) of `d`, which must outlive it. */
lt_status lt_dataset_view(const lt_dataset *d, int first, int n,
                          lt_dataset **out, lt_err *err);
void lt_dataset_free(lt_dataset *d);

int lt_dataset_rows(const lt_dataset *d);
lt_shape lt_dataset_shape(const lt_dataset *d);
lt_elem lt_dataset_type(const lt_dataset *d);
const void *lt_dataset_values(const lt_dataset *d);    /* borrowed */
const uint8_t *lt_dataset_labels(const lt_dataset *d); /* borrowed, or NULL */

/* out (n, elements) = the examples index[0..n), or first.. when index is
 * NULL, as lt_real. */
void lt_dataset_gather(const lt_dataset *d, const int32_t *index, int first,
                       int n, lt_real *out);

/* SHA-256 of type, shape, values and labels. */
void lt_dataset_fingerprint(const lt_dataset *d, char hex[LT_DIGEST_HEX]);

typedef struct lt_data_pair {
    lt_dataset *train, *test; /* both the caller's */
} lt_data_pair;

#endif
