/* The table of ratings: rows by counting sorts; see latent/data/ratings.h.
 *
 * Ratings come in any order. Sorted by item and then, stably, by user, they
 * are rows with ascending columns in two passes over the ratings, and the
 * ratings of one item by one user stand beside each other in the order of the
 * file; only the latest of those stays. */
#include "ratings_int.h"

#include <limits.h>

#include "latent/base/mem.h"

lt_status lt__sparse_new(int rows, int cols, int64_t n, lt_sparse *s,
                         lt_err *err)
{
    *s = (lt_sparse){.rows = rows, .cols = cols};
    s->start = lt_mem_zero((size_t)rows + 1, sizeof *s->start);
    s->index = lt_mem_alloc((size_t)n, sizeof *s->index);
    s->value = lt_mem_alloc((size_t)n, sizeof *s->value);
    if (!s->start || !s->index || !s->value)
        return lt_err_mark(err, LT_ENOMEM);
    return LT_OK;
}

void lt__sparse_free(lt_sparse *s)
{
    lt_mem_free(s->start);
    lt_mem_free(s->index);
    lt_mem_free(s->value);
    *s = (lt_sparse){0};
}

void lt_ratings_free(lt_ratings *r)
{
    if (!r)
        return;
    lt__sparse_free(&r->table);
    lt_mem_free(r->user_ids);
    lt_mem_free(r->item_ids);
    lt_mem_free(r->times);
    lt_mem_free(r);
}

const lt_sparse *lt_ratings_table(const lt_ratings *r)
{
    return &r->table;
}

const int64_t *lt_ratings_user_ids(const lt_ratings *r)
{
    return r->user_ids;
}

const int64_t *lt_ratings_item_ids(const lt_ratings *r)
{
    return r->item_ids;
}

const int64_t *lt_ratings_times(const lt_ratings *r)
{
    return r->times;
}

/* Counts, in start[k + 1], become the places where each k begins, in
 * start[k]; filling then moves start[k] to its end, and so on. */
static void counts_accumulate(int64_t *start, int n)
{
    for (int k = 0; k < n; k++)
        start[k + 1] += start[k];
}

/* order (n) = the ratings by item, those of an item as they come. */
static lt_status items_order(const lt__rating *ratings, size_t n, int items,
                             int32_t *order, lt_err *err)
{
    int64_t *start = lt_mem_zero((size_t)items + 1, sizeof *start);

    if (!start)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < n; i++)
        start[ratings[i].item + 1]++;
    counts_accumulate(start, items);
    for (size_t i = 0; i < n; i++)
        order[start[ratings[i].item]++] = (int32_t)i;
    lt_mem_free(start);
    return LT_OK;
}

static void rows_fill(lt_ratings *r, const lt__rating *ratings, size_t n,
                      const int32_t *order)
{
    lt_sparse *s = &r->table;

    for (size_t i = 0; i < n; i++)
        s->start[ratings[i].user + 1]++;
    counts_accumulate(s->start, s->rows);
    for (size_t k = 0; k < n; k++) {
        const lt__rating *x = &ratings[order[k]];
        int64_t at = s->start[x->user]++;

        s->index[at] = x->item;
        s->value[at] = x->value;
        r->times[at] = x->time;
    }
    for (int row = s->rows; row > 0; row--) /* back to the beginnings */
        s->start[row] = s->start[row - 1];
    s->start[0] = 0;
}

/* Of each run of equal columns in a row the latest stays. */
static void rows_unrepeat(lt_ratings *r)
{
    lt_sparse *s = &r->table;
    int64_t to = 0, from = 0;

    for (int row = 0; row < s->rows; row++) {
        int64_t first = to, end = s->start[row + 1];

        s->start[row] = first;
        for (; from < end; from++) {
            bool repeats = to > first && s->index[to - 1] == s->index[from];

            if (repeats && r->times[from] < r->times[to - 1])
                continue;
            to -= repeats;
            s->index[to] = s->index[from];
            s->value[to] = s->value[from];
            r->times[to++] = r->times[from];
        }
    }
    s->start[s->rows] = to;
}

lt_status lt__ratings_build(lt_ratings *r, const lt__rating *ratings, size_t n,
                            bool has_times, lt_err *err)
{
    int users = r->table.rows, items = r->table.cols;
    int32_t *order = lt_mem_alloc(n, sizeof *order);
    lt_status rc = order ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    LT_ASSERT(n <= INT32_MAX);
    r->times = lt_mem_alloc(n, sizeof *r->times);
    if (!r->times)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK)
        rc = items_order(ratings, n, items, order, err);
    if (rc == LT_OK)
        rc = lt__sparse_new(users, items, (int64_t)n, &r->table, err);
    if (rc == LT_OK) {
        rows_fill(r, ratings, n, order);
        rows_unrepeat(r);
    }
    lt_mem_free(order);
    if (!has_times) {
        lt_mem_free(r->times);
        r->times = NULL;
    }
    return rc;
}
