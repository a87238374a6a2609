/* Sparse batches and tables over the pool; see latent/math/table_rows.h.
 *
 * Products go row by row of the batch, each with its sum of its own; updates
 * go column by column, each with its own row of the table. So no two pieces
 * write the same number, and pieces are cut by counts of rows and columns.
 * The arithmetic is in isa/table_rows.inc. */
#include "latent/math/table_rows.h"

#include "math/kernels.h"

#define MAX_PIECES 64

typedef struct rows_job {
    const lt__kernels *k;
    const lt_sparse_batch *batch;
    const lt_rows_output *output;
    const lt_rows_gradient *gradient;
    const lt_sgd_step *sgd;
    const lt_adam_step *adam;
    const lt_rows_behind *behind;
    const lt_rows_moments *moments;
    const int32_t *item;
    int n, width;
    const lt_real *table;
    lt_real *w, *m, *v;
    double part[MAX_PIECES]; /* its sum; of updates: 1 where it wrote what is
                                not finite */
} rows_job;

/* Pieces of at least `least` of the job's n items. */
static int piece_size(int n, int least)
{
    int size = (n + MAX_PIECES - 1) / MAX_PIECES;

    return size < least ? least : size;
}

/* Of piece `piece`: its first item, and in *end the one after its last. */
static int piece_first(const rows_job *j, int least, int piece, int *end)
{
    int size = piece_size(j->n, least), first = piece * size;

    *end = j->n - first < size ? j->n : first + size;
    return first;
}

static void rows_run(lt_pool *pool, int least, lt_pool_task *task, rows_job *j)
{
    int size = piece_size(j->n, least);

    j->k = lt__kernels_best();
    lt_pool_run(pool, (j->n + size - 1) / size, task, j);
}

/* A row of a batch has some hundred entries, a column a few. */
enum { LEAST_ROWS = 2, LEAST_COLUMNS = 64 };

/* ---- products ---- */

static void multiply_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int end, first = piece_first(j, LEAST_ROWS, piece, &end);

    j->k->rows_multiply(j->batch, first, end, j->width, j->table, j->w);
}

void lt_rows_multiply(lt_pool *pool, const lt_sparse_batch *x, int width,
                      const lt_real *table, lt_real *y)
{
    rows_job j = {
        .batch = x, .n = x->rows, .width = width, .table = table, .w = y};

    rows_run(pool, LEAST_ROWS, multiply_piece, &j);
}

static void sse_piece(void *arg, int piece)
{
    rows_job *j = arg;
    int end, first = piece_first(j, LEAST_ROWS, piece, &end);

    j->part[piece] = j->k->rows_sse(j->batch, first, end, j->output);
}

/* Those that did not run are 0. */
static double rows_sum(const rows_job *j)
{
    double sum = 0;

    for (int i = 0; i < MAX_PIECES; i++)
        sum += j->part[i];
    return sum;
}

double lt_rows_sse(lt_pool *pool, const lt_sparse_batch *at,
                   const lt_rows_output *o)
{
    rows_job j = {.batch = at, .output = o, .n = at->rows};

    LT_ASSERT(o->dz || !o->dh);
    rows_run(pool, LEAST_ROWS, sse_piece, &j);
    return rows_sum(&j);
}

/* ---- updates ---- */

static rows_job gradient_job(const lt_rows_gradient *g)
{
    LT_ASSERT(g->n_sources == 1 ||
              (g->n_sources == 2 &&
               g->source[0].at->n_columns == g->source[1].at->n_columns));
    LT_ASSERT(g->source[0].factor || g->width == 1);
    return (rows_job){.gradient = g, .n = g->source[0].at->n_columns};
}

static void add_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int end, first = piece_first(j, LEAST_COLUMNS, piece, &end);

    j->k->rows_add(j->gradient, first, end, j->w);
}

void lt_rows_add(lt_pool *pool, const lt_rows_gradient *g, lt_real *table)
{
    rows_job j = gradient_job(g);

    j.w = table;
    rows_run(pool, LEAST_COLUMNS, add_piece, &j);
}

static void sgd_piece(void *arg, int piece)
{
    rows_job *j = arg;
    int end, first = piece_first(j, LEAST_COLUMNS, piece, &end);

    j->part[piece] =
        !j->k->rows_sgd(j->gradient, first, end, j->sgd, j->w, j->m);
}

bool lt_rows_sgd(lt_pool *pool, const lt_rows_gradient *g, const lt_sgd_step *s,
                 lt_real *w, lt_real *u)
{
    rows_job j = gradient_job(g);

    LT_ASSERT(u || !(s->momentum > 0));
    j.sgd = s, j.w = w, j.m = u;
    rows_run(pool, LEAST_COLUMNS, sgd_piece, &j);
    return rows_sum(&j) < 1;
}

static void adam_piece(void *arg, int piece)
{
    rows_job *j = arg;
    int end, first = piece_first(j, LEAST_COLUMNS, piece, &end);

    j->part[piece] =
        !j->k->rows_adam(j->gradient, first, end, j->adam, j->w, j->m, j->v);
}

bool lt_rows_adam(lt_pool *pool, const lt_rows_gradient *g,
                  const lt_adam_step *s, lt_real *w, lt_real *m, lt_real *v)
{
    rows_job j = gradient_job(g);

    j.adam = s, j.w = w, j.m = m, j.v = v;
    rows_run(pool, LEAST_COLUMNS, adam_piece, &j);
    return rows_sum(&j) < 1;
}

static void settle_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int end, first = piece_first(j, LEAST_COLUMNS, piece, &end);

    j->k->rows_settle(j->behind, j->item, first, end, j->width, j->w, j->m);
}

void lt_rows_settle(lt_pool *pool, const lt_rows_behind *behind,
                    const int32_t *item, int n, int width, lt_real *w,
                    lt_real *u)
{
    rows_job j = {
        .behind = behind, .item = item, .n = n, .width = width, .w = w, .m = u};

    rows_run(pool, LEAST_COLUMNS, settle_piece, &j);
}

static void moments_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int end, first = piece_first(j, LEAST_COLUMNS, piece, &end);

    j->k->rows_settle_adam(j->moments, j->item, first, end, j->width, j->w,
                           j->m, j->v);
}

void lt_rows_settle_adam(lt_pool *pool, const lt_rows_moments *behind,
                         const lt_rows_some *rows, lt_real *w, lt_real *m,
                         lt_real *v)
{
    rows_job j = {.moments = behind,
                  .item = rows->item,
                  .n = rows->n,
                  .width = rows->width,
                  .w = w,
                  .m = m,
                  .v = v};

    rows_run(pool, LEAST_COLUMNS, moments_piece, &j);
}
