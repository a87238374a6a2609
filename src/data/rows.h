/* Sparse rows that are written one entry after another. */
#ifndef LT_DATA_ROWS_H
#define LT_DATA_ROWS_H

#include "latent/base/status.h"
#include "latent/math/sparse.h"

typedef struct lt__rows {
    lt_sparse sparse; /* rows that were ended; cols is the caller's to set */
    int64_t n;        /* entries so far */
    int64_t room;
    int row_room;
} lt__rows;

lt_status lt__rows_add(lt__rows *r, int32_t index, float value, lt_err *err);
lt_status lt__rows_end(lt__rows *r, lt_err *err);
void lt__rows_deinit(lt__rows *r);

#endif
