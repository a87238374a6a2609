/* Held-out ratings, and the pair of sets that a network is judged by; see
 * latent/data/ratings.h.
 *
 * Every rating gets a mark, held out or not, on the table of users. Choosing
 * k of n is selection sampling (Knuth, algorithm S): one pass, exactly k, each
 * choice alike. The latest k of a row are those before the k-th in the order
 * of time, ties in an order that is drawn. The table by items is the
 * transposed one, marks and all, so that both sorts of network are judged on
 * the same ratings. */
#include "ratings_int.h"

#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"

/* The table as the sets will have it; all its own but the ids. */
typedef struct marked {
    lt_sparse table;
    uint8_t *held; /* by entry */
    const int64_t *row_ids, *column_ids;
} marked;

static int64_t entries_of(const lt_sparse *s)
{
    return s->start[s->rows];
}

/* ---- which ratings ---- */

/* Marks `k` of `n`. */
static void held_choose(lt_rng *rng, int64_t n, int64_t k, uint8_t *held)
{
    for (int64_t i = 0; i < n; i++) {
        held[i] = lt_rng_below(rng, (uint64_t)(n - i)) < (uint64_t)k;
        k -= held[i];
    }
}

/* A rating of one row, by its time. */
typedef struct dated {
    int64_t time;
    uint64_t lot; /* among equal times */
    int64_t at;
} dated;

static int later_compare(const void *a, const void *b)
{
    const dated *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? 1 : -1;
    return (x->lot < y->lot) - (x->lot > y->lot);
}

/* Marks the `k` latest of `n`. */
static void held_latest(lt_rng *rng, const int64_t *times, dated *row,
                        int64_t n, int64_t k, uint8_t *held)
{
    for (int64_t i = 0; i < n; i++)
        row[i] = (dated){times[i], lt_rng_next(rng), i};
    qsort(row, (size_t)n, sizeof *row, later_compare);
    for (int64_t i = 0; i < k; i++)
        held[row[i].at] = 1;
}

/* Marks n ratings of every row that has more; `row` is NULL unless the latest
 * are wanted. */
static void held_by_row(const lt_ratings *r, const lt_ratings_cut *cut,
                        lt_rng *rng, dated *row, uint8_t *held)
{
    const int64_t *start = r->table.start;

    for (int u = 0; u < r->table.rows; u++) {
        int64_t n = start[u + 1] - start[u];

        if (n <= cut->n)
            continue;
        if (row)
            held_latest(rng, r->times + start[u], row, n, cut->n,
                        held + start[u]);
        else
            held_choose(rng, n, cut->n, held + start[u]);
    }
}

static lt_status row_scratch(const lt_ratings *r, dated **out, lt_err *err)
{
    int64_t longest = 0;

    if (!r->times)
        return lt_err_set(err, LT_EINVAL,
                          "ratings: found no times, wanted them for a split "
                          "by time");
    for (int u = 0; u < r->table.rows; u++) {
        int64_t n = r->table.start[u + 1] - r->table.start[u];

        longest = n > longest ? n : longest;
    }
    *out = lt_mem_alloc((size_t)longest, sizeof **out);
    return *out ? LT_OK : lt_err_mark(err, LT_ENOMEM);
}

static lt_status held_mark(const lt_ratings *r, const lt_ratings_cut *cut,
                           uint8_t *held, lt_err *err)
{
    int64_t n = entries_of(&r->table);
    dated *row = NULL;
    lt_rng rng;

    lt_rng_init(&rng, cut->seed, "ratings.split");
    if (cut->split == LT_SPLIT_RANDOM) {
        held_choose(&rng, n, (int64_t)((double)n * cut->share + 0.5), held);
        return LT_OK;
    }
    if (cut->split == LT_SPLIT_TIME)
        LT_TRY(row_scratch(r, &row, err));
    held_by_row(r, cut, &rng, row, held);
    lt_mem_free(row);
    return LT_OK;
}

static lt_status cut_check(const lt_ratings_cut *cut, lt_err *err)
{
    if (cut->split == LT_SPLIT_RANDOM && !(cut->share > 0 && cut->share < 1))
        return lt_err_set(err, LT_EINVAL,
                          "ratings: share %g, wanted above 0 and below 1",
                          cut->share);
    if (cut->split != LT_SPLIT_RANDOM && cut->n < 1)
        return lt_err_set(err, LT_EINVAL,
                          "ratings: %d held out of every user, wanted at "
                          "least 1",
                          cut->n);
    return LT_OK;
}

/* ---- rows of users or of items ---- */

static void marked_deinit(marked *m)
{
    lt__sparse_free(&m->table);
    lt_mem_free(m->held);
}

static void transpose_fill(const lt_sparse *s, const uint8_t *held, marked *to)
{
    lt_sparse *t = &to->table;

    for (int64_t e = 0; e < entries_of(s); e++)
        t->start[s->index[e] + 1]++;
    for (int i = 0; i < t->rows; i++)
        t->start[i + 1] += t->start[i];
    for (int32_t u = 0; u < s->rows; u++)
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++) {
            int64_t at = t->start[s->index[e]]++;

            t->index[at] = u;
            t->value[at] = s->value[e];
            to->held[at] = held[e];
        }
    for (int i = t->rows; i > 0; i--)
        t->start[i] = t->start[i - 1];
    t->start[0] = 0;
}

static lt_status marked_transpose(marked *m, lt_err *err)
{
    int64_t n = entries_of(&m->table);
    marked t = {.row_ids = m->column_ids, .column_ids = m->row_ids};
    lt_status rc =
        lt__sparse_new(m->table.cols, m->table.rows, n, &t.table, err);

    t.held = lt_mem_alloc((size_t)n, 1);
    if (rc == LT_OK && !t.held)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc != LT_OK) {
        marked_deinit(&t);
        return rc;
    }
    transpose_fill(&m->table, m->held, &t);
    marked_deinit(m);
    *m = t;
    return LT_OK;
}

/* A copy of r's table, marked, and turned when by_item. */
static lt_status marked_make(const lt_ratings *r, const lt_ratings_cut *cut,
                             marked *m, lt_err *err)
{
    const lt_sparse *s = &r->table;
    int64_t n = entries_of(s);

    m->row_ids = r->user_ids;
    m->column_ids = r->item_ids;
    LT_TRY(lt__sparse_new(s->rows, s->cols, n, &m->table, err));
    m->held = lt_mem_zero((size_t)n, 1);
    if (!m->held)
        return lt_err_mark(err, LT_ENOMEM);
    LT_TRY(held_mark(r, cut, m->held, err));
    memcpy(m->table.start, s->start, ((size_t)s->rows + 1) * sizeof *s->start);
    memcpy(m->table.index, s->index, (size_t)n * sizeof *s->index);
    memcpy(m->table.value, s->value, (size_t)n * sizeof *s->value);
    return cut->by_item ? marked_transpose(m, err) : LT_OK;
}

/* ---- sets ---- */

static double training_mean(const marked *m)
{
    int64_t n = 0;
    double sum = 0;

    for (int64_t e = 0; e < entries_of(&m->table); e++)
        if (!m->held[e]) {
            sum += (double)m->table.value[e];
            n++;
        }
    return n > 0 ? sum / (double)n : 0;
}

static void values_centre(marked *m, double centre)
{
    for (int64_t e = 0; e < entries_of(&m->table); e++)
        m->table.value[e] = (float)((double)m->table.value[e] - centre);
}

/* rows: those that have entries marked as `held` says. */
static int rows_list(const marked *m, bool held, int32_t *rows)
{
    int n = 0;

    for (int32_t i = 0; i < m->table.rows; i++) {
        int64_t e = m->table.start[i], end = m->table.start[i + 1];

        while (e < end && m->held[e] != held)
            e++;
        if (e < end)
            rows[n++] = i;
    }
    return n;
}

/* The entries of `rows` (n) that are marked as `held` says. */
static lt_status part_make(const marked *m, const int32_t *rows, int n,
                           bool held, lt_dataset **out, lt_err *err)
{
    const lt_sparse *s = &m->table;
    lt_sparse part;
    int64_t total = 0;
    lt_status rc;

    for (int k = 0; k < n; k++)
        for (int64_t e = s->start[rows[k]]; e < s->start[rows[k] + 1]; e++)
            total += m->held[e] == held;
    rc = lt__sparse_new(n, s->cols, total, &part, err);
    if (rc != LT_OK) {
        lt__sparse_free(&part);
        return rc;
    }
    total = 0;
    for (int k = 0; k < n; k++) {
        for (int64_t e = s->start[rows[k]]; e < s->start[rows[k] + 1]; e++) {
            if (m->held[e] != held)
                continue;
            part.index[total] = s->index[e];
            part.value[total++] = s->value[e];
        }
        part.start[k + 1] = total;
    }
    return lt_dataset_new_sparse_take(&part, NULL, out, err);
}

static lt_status legend_add(const marked *m, const int32_t *rows, int n,
                            double centre, lt_dataset *d, lt_err *err)
{
    size_t wide = (size_t)m->table.cols;
    int64_t *row_ids = lt_mem_alloc((size_t)n, sizeof *row_ids);
    int64_t *column_ids = lt_mem_alloc(wide, sizeof *column_ids);

    lt_dataset_set_legend_take(d, row_ids, column_ids, centre);
    if (!row_ids || !column_ids)
        return lt_err_mark(err, LT_ENOMEM);
    for (int k = 0; k < n; k++)
        row_ids[k] = m->row_ids[rows[k]];
    memcpy(column_ids, m->column_ids, wide * sizeof *column_ids);
    return LT_OK;
}

/* The rows that have entries marked as `held` says: their training entries,
 * and with `held` the others as the target. */
static lt_status set_make(const marked *m, bool held, double centre,
                          lt_dataset **out, lt_err *err)
{
    int32_t *rows = lt_mem_alloc((size_t)m->table.rows, sizeof *rows);
    int n = rows ? rows_list(m, held, rows) : 0;
    lt_dataset *d = NULL, *target = NULL;
    lt_status rc = rows ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    if (rc == LT_OK && n == 0)
        rc = lt_err_set(err, LT_EINVAL,
                        "ratings: the split leaves no ratings %s, of %lld",
                        held ? "to hold out" : "to train on",
                        (long long)entries_of(&m->table));
    if (rc == LT_OK)
        rc = part_make(m, rows, n, false, &d, err);
    if (rc == LT_OK)
        rc = legend_add(m, rows, n, centre, d, err);
    if (rc == LT_OK && held)
        rc = part_make(m, rows, n, true, &target, err);
    if (rc == LT_OK && held)
        rc = lt_dataset_set_target_take(d, target, err);
    if (rc == LT_OK)
        *out = d;
    else
        lt_dataset_free(d);
    lt_mem_free(rows);
    return rc;
}

lt_status lt_ratings_pair(const lt_ratings *r, const lt_ratings_cut *cut,
                          lt_data_pair *out, lt_err *err)
{
    marked m = {0};
    lt_data_pair pair = {NULL, NULL};
    double centre = 0;
    lt_status rc = cut_check(cut, err);

    if (rc == LT_OK)
        rc = marked_make(r, cut, &m, err);
    if (rc == LT_OK && cut->centre) {
        centre = training_mean(&m);
        values_centre(&m, centre);
    }
    if (rc == LT_OK)
        rc = set_make(&m, false, centre, &pair.train, err);
    if (rc == LT_OK)
        rc = set_make(&m, true, centre, &pair.test, err);
    if (rc == LT_OK)
        *out = pair;
    else
        lt_dataset_free(pair.train);
    marked_deinit(&m);
    return rc;
}
