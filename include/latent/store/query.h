/* SQL for readers. */
#ifndef LT_QUERY_H
#define LT_QUERY_H

#include "latent/store/store.h"

typedef enum lt_value_type {
    LT_VALUE_NULL,
    LT_VALUE_INTEGER,
    LT_VALUE_REAL,
    LT_VALUE_TEXT,
    LT_VALUE_BLOB,
} lt_value_type;

typedef struct lt_value {
    lt_value_type type;
    int64_t integer;
    double real;
    const char *text; /* TEXT, BLOB; borrowed until the next row */
    size_t size;
} lt_value;

typedef struct lt_query lt_query;

/* One statement. Guarded: SELECT only (an authorizer lets no table be written
 * and no file attached), with a deadline of `seconds` (0: none). The store may
 * be open in any mode. A second statement after ';' is EINVAL. */
lt_status lt_query_open(lt_store *store, const char *sql, double seconds,
                        lt_query **out, lt_err *err);
void lt_query_close(lt_query *q);

lt_status lt_query_bind(lt_query *q, int index, const lt_value *value,
                        lt_err *err); /* 1-based */
int lt_query_columns(const lt_query *q);
const char *lt_query_column_name(const lt_query *q, int column); /* 0-based */

/* *row says whether there is a row; values are then read by lt_query_value. */
lt_status lt_query_next(lt_query *q, bool *row, lt_err *err);
void lt_query_value(const lt_query *q, int column, lt_value *out);

#endif
