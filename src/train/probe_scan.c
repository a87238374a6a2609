/* All pairs of test and training codes; see probe_int.h.
 *
 * Squared distances come from matrix products, |a|^2 + |b|^2 - 2ab. That loses
 * digits where codes lie far from the origin: float keeps seven of |a|^2, and
 * near neighbours differ in the last ones. So all codes are moved by one
 * vector first, the middle of their range, element by element, rounded to a
 * multiple of a power of two as large as the range: small integers (binary
 * codes) stay small integers, whose products are exact, so that equal
 * distances come out equal. What error is left is bounded by `slack`, and a
 * consumer that wants more digits has the codes themselves:
 *   each element of a shifted code is rounded once      4 eps (|a|^2 + |b|^2)
 *   D products and sums, |ab| <= (|a|^2 + |b|^2) / 2    D eps (|a|^2 + |b|^2)
 * and a few eps more for norms and sums.
 *
 * A piece multiplies its own queries by a block of training codes in one call
 * of the library, so its results depend on shapes only. Codes are gathered
 * anew for every round: memory does not grow with the sets. */
#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "train/probe_int.h"

#include <float.h>
#include <math.h>

#define ITEMS_MIN  64
#define BLOCK_MOST (1 << 20) /* elements of a block, if possible */
#define FILL_ROWS  64        /* codes that a piece prepares */

#ifdef LT_DOUBLE
#define REAL_EPSILON DBL_EPSILON
#else
#define REAL_EPSILON ((double)FLT_EPSILON)
#endif

typedef struct state {
    const lt__scan *scan;
    const lt_dataset *items_from; /* borrowed */
    int dims;                     /* D */
    int most_items;
    lt_real *block;
    double *numbers;
    double *shift, *low, *high; /* (D) */
    lt__codes queries, items;
    lt_real *products; /* (round, most_items) */
    lt__probe_watch watch;
} state;

/* Codes [first, first + n) of `set` being prepared. */
typedef struct fill {
    const state *s;
    const lt_dataset *set;
    lt__codes *to;
} fill;

static lt_status state_init(state *s, const lt__scan *scan, lt_err *err)
{
    const lt_probe *p = scan->probe;
    size_t d, round = (size_t)scan->round, most = LT__TILE_ITEMS;

    *s = (state){.scan = scan, .items_from = lt__probe_items(p)};
    s->watch = (lt__probe_watch){.observer = p->observer, .phase = scan->phase};
    s->dims = lt_shape_elements(lt_dataset_shape(p->test));
    d = (size_t)s->dims;
    while (most > ITEMS_MIN && most * d > BLOCK_MOST)
        most /= 2;
    s->most_items = (int)most;
    s->block =
        lt_mem_aligned(2 * (round + most) * d + round * most, sizeof *s->block);
    s->numbers = lt_mem_zero(round + most + 3 * d, sizeof *s->numbers);
    if (!s->block || !s->numbers)
        return lt_err_mark(err, LT_ENOMEM);
    s->products = s->block;
    s->queries.rows = s->products + round * most;
    s->queries.shifted = s->queries.rows + round * d;
    s->items.rows = s->queries.shifted + round * d;
    s->items.shifted = s->items.rows + most * d;
    s->queries.norms = s->numbers;
    s->items.norms = s->queries.norms + round;
    s->shift = s->items.norms + most;
    s->low = s->shift + d;
    s->high = s->low + d;
    return LT_OK;
}

static void state_deinit(state *s)
{
    lt_mem_free(s->numbers);
    lt_mem_free(s->block);
}

/* ---- codes ---- */

/* Length 1, unless it is 0. */
static void row_normalise(int dims, lt_real *row)
{
    double sum = 0, scale;

    for (int j = 0; j < dims; j++)
        sum += (double)row[j] * (double)row[j];
    scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (int j = 0; j < dims; j++)
        row[j] = (lt_real)((double)row[j] * scale);
}

static void rows_read(const state *s, const lt_dataset *set, int first, int n,
                      lt_real *rows)
{
    size_t d = (size_t)s->dims;

    lt_dataset_gather(set, NULL, first, n, rows);
    if (s->scan->probe->distance == LT_DISTANCE_COSINE)
        for (int i = 0; i < n; i++)
            row_normalise(s->dims, rows + (size_t)i * d);
}

static void fill_piece(void *arg, int piece)
{
    const fill *f = arg;
    const state *s = f->s;
    size_t d = (size_t)s->dims, at = (size_t)piece * FILL_ROWS;
    int left = f->to->n - (int)at, n = left < FILL_ROWS ? left : FILL_ROWS;
    const lt_real *from = f->to->rows + at * d;
    lt_real *to = f->to->shifted + at * d;

    rows_read(s, f->set, f->to->first + (int)at, n, f->to->rows + at * d);
    for (int i = 0; i < n; i++) {
        double sum = 0;

        for (size_t j = 0; j < d; j++) {
            *to = (lt_real)((double)*from++ - s->shift[j]);
            sum += (double)*to * (double)*to;
            to++;
        }
        f->to->norms[at + (size_t)i] = sum;
    }
}

static void codes_fill(state *s, const lt_dataset *set, int first, int most,
                       lt__codes *to)
{
    int left = lt_dataset_rows(set) - first;
    fill f = {s, set, to};

    to->first = first;
    to->n = left < most ? left : most;
    lt_pool_run(s->scan->probe->pool, (to->n + FILL_ROWS - 1) / FILL_ROWS,
                fill_piece, &f);
}

/* ---- the shift ---- */

static void range_widen(state *s, int n, const lt_real *x)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < s->dims; j++) {
            double v = (double)*x++;

            s->low[j] = v < s->low[j] ? v : s->low[j];
            s->high[j] = v > s->high[j] ? v : s->high[j];
        }
}

/* Reads a set through once: its range, and whether all is finite. */
static lt_status range_read(state *s, const lt_dataset *set, const char *name,
                            lt_err *err)
{
    int rows = lt_dataset_rows(set);

    for (int at = 0; at < rows; at += s->most_items) {
        int n = rows - at < s->most_items ? rows - at : s->most_items;
        size_t count = (size_t)n * (size_t)s->dims;

        LT_TRY(lt__probe_poll(&s->watch, 0, err));
        rows_read(s, set, at, n, s->items.rows);
        LT_TRY(lt__probe_finite(name, at, s->dims, count, s->items.rows, err));
        range_widen(s, n, s->items.rows);
    }
    return LT_OK;
}

/* The middle, to a multiple of the least power of two that half of the range
 * does not exceed. */
static double range_middle(double low, double high)
{
    double middle = low / 2 + high / 2, half = high / 2 - low / 2, unit;
    int exponent;

    if (!(half > 0))
        return low;
    frexp(half, &exponent);
    unit = ldexp(1, exponent);
    return rint(middle / unit) * unit;
}

static lt_status shift_find(state *s, lt_err *err)
{
    const lt_probe *p = s->scan->probe;

    for (int j = 0; j < s->dims; j++) {
        s->low[j] = INFINITY;
        s->high[j] = -INFINITY;
    }
    if (p->train)
        LT_TRY(range_read(s, p->train, LT__PROBE_TRAIN, err));
    LT_TRY(range_read(s, p->test, LT__PROBE_TEST, err));
    for (int j = 0; j < s->dims; j++)
        s->shift[j] = range_middle(s->low[j], s->high[j]);
    return LT_OK;
}

/* ---- rounds ---- */

static int piece_rows(const state *s, int piece)
{
    int left = s->queries.n - piece * s->scan->piece;

    return left < s->scan->piece ? left : s->scan->piece;
}

static void visit_piece(void *arg, int piece)
{
    const state *s = arg;
    const lt__scan *scan = s->scan;
    size_t slot = (size_t)piece * (size_t)scan->piece;
    lt_real *products = s->products + slot * (size_t)s->most_items;
    lt__tile tile = {.slot = (int)slot,
                     .query = s->queries.first + (int)slot,
                     .n_queries = piece_rows(s, piece),
                     .dims = s->dims,
                     .queries = &s->queries,
                     .items = &s->items,
                     .products = products,
                     .slack = (s->dims + 32) * REAL_EPSILON};

    lt_gemm_bare(LT_NOTRANS, LT_TRANS, tile.n_queries, s->items.n, s->dims, -2,
                 s->queries.shifted + slot * (size_t)s->dims, s->items.shifted,
                 0, products);
    scan->visit(scan->self, &tile);
}

static void finish_piece(void *arg, int piece)
{
    const state *s = arg;
    int slot = piece * s->scan->piece;

    s->scan->finish(s->scan->self, slot, s->queries.first + slot,
                    piece_rows(s, piece));
}

static lt_status round_run(state *s, int first, lt_err *err)
{
    const lt_probe *p = s->scan->probe;
    int n_items = lt_dataset_rows(s->items_from), pieces;
    double tests = lt_dataset_rows(p->test);

    codes_fill(s, p->test, first, s->scan->round, &s->queries);
    pieces = (s->queries.n + s->scan->piece - 1) / s->scan->piece;
    for (int at = 0; at < n_items; at += s->most_items) {
        double done = (first + (double)s->queries.n * at / n_items) / tests;

        LT_TRY(lt__probe_poll(&s->watch, done, err));
        codes_fill(s, s->items_from, at, s->most_items, &s->items);
        lt_pool_run(p->pool, pieces, visit_piece, s);
    }
    lt_pool_run(p->pool, pieces, finish_piece, s);
    return LT_OK;
}

lt_status lt__scan_run(const lt__scan *scan, lt_err *err)
{
    int tests = lt_dataset_rows(scan->probe->test);
    state s;
    lt_status rc;

    LT_ASSERT(scan->piece > 0 && scan->round % scan->piece == 0);
    rc = state_init(&s, scan, err);
    if (rc == LT_OK)
        rc = shift_find(&s, err);
    for (int at = 0; rc == LT_OK && at < tests; at += scan->round)
        rc = round_run(&s, at, err);
    state_deinit(&s);
    return rc;
}
