/* Products of sparse batches with tables, of which only the rows that the
 * batch has entries for are read; and updates of those rows alone.
 *
 * A table is (items, width), an item's numbers together: the first layer's
 * weight of a sparse network, or the last one's. Work is cut over the pool by
 * the batch alone, and results are the same bits for every number of threads.
 * Nothing is allocated. */
#ifndef LT_TABLE_ROWS_H
#define LT_TABLE_ROWS_H

#include <stdint.h>

#include "latent/math/pool.h"
#include "latent/math/real.h"
#include "latent/math/sparse.h"
#include "latent/math/vec.h"

/* y (rows, width) = X T: row r is the sum of x's values times the table's
 * rows. */
void lt_rows_multiply(lt_pool *pool, const lt_sparse_batch *x, int width,
                      const lt_real *table, lt_real *y);

/* A layer's outputs at the entries of a batch, and what squared error sends
 * back from there: for entry e of row r and column i
 *   y[e] = act(table[i] . h[r] + bias[i]),  dz[e] = scale (y[e] - t[e]) act',
 *   dh[r] = sum of dz[e] table[i]. */
typedef struct lt_rows_output {
    lt_act act;
    int width;
    const lt_real *table; /* (items, width) */
    const lt_real *bias;  /* (items) */
    const lt_real *h;     /* (rows, width) */
    lt_real *y;           /* (entries) */
    lt_real scale;
    lt_real *dz; /* (entries); NULL: values alone */
    lt_real *dh; /* (rows, width), or NULL */
} lt_rows_output;

/* Returns the sum of (y - t)^2, t the values of `at`. */
double lt_rows_sse(lt_pool *pool, const lt_sparse_batch *at,
                   const lt_rows_output *o);

/* A gradient of a table that is 0 but for the columns of one or two batches
 * arranged by column: row column[t] is the sum over their entries e, of row r,
 * of coef[e] factor[r]. Both batches, where there are two, were arranged
 * together, or are the same. */
typedef struct lt_rows_source {
    const lt_sparse_batch *at;
    const lt_real *coef;   /* (entries) */
    const lt_real *factor; /* (rows, width); NULL: 1, and width is 1 */
} lt_rows_source;

typedef struct lt_rows_gradient {
    int width, n_sources;
    lt_rows_source source[2];
} lt_rows_gradient;

/* table += gradient */
void lt_rows_add(lt_pool *pool, const lt_rows_gradient *g, lt_real *table);

/* As lt_vec_sgd and lt_vec_adam, on the gradient's rows alone. */
bool lt_rows_sgd(lt_pool *pool, const lt_rows_gradient *g, const lt_sgd_step *s,
                 lt_real *w, lt_real *u);
bool lt_rows_adam(lt_pool *pool, const lt_rows_gradient *g,
                  const lt_adam_step *s, lt_real *w, lt_real *m, lt_real *v);

/* What some updates without a gradient make of a parameter and its velocity:
 * w' = ww w + wu u,  u' = uw w + uu u. */
typedef struct lt_rows_power {
    lt_real ww, wu, uw, uu;
} lt_rows_power;

/* Row i missed now - last[i] updates; power[k] is what k of them make. The
 * rows item[0..n), or 0..n-1 when item is NULL; `last` is not changed. `u`
 * NULL: there is no velocity. */
typedef struct lt_rows_behind {
    const int32_t *last;
    int32_t now;
    const lt_rows_power *power;
} lt_rows_behind;
void lt_rows_settle(lt_pool *pool, const lt_rows_behind *behind,
                    const int32_t *item, int n, int width, lt_real *w,
                    lt_real *u);

/* The same for adam: row i missed the steps step[last[i] + 1 .. now], each
 * without a gradient but with `decay`. Of more than `most` the first `most` are
 * made, and the moments are taken on by powers. Rows whose moments are 0 stay
 * as they are when nothing decays. */
typedef struct lt_rows_moments {
    const int32_t *last;
    int32_t now;
    const lt_adam_step *step;
    lt_real decay;
    int most;
} lt_rows_moments;

typedef struct lt_rows_some {
    const int32_t *item; /* NULL: 0 .. n-1 */
    int n, width;
} lt_rows_some;

void lt_rows_settle_adam(lt_pool *pool, const lt_rows_moments *behind,
                         const lt_rows_some *rows, lt_real *w, lt_real *m,
                         lt_real *v);

#endif
