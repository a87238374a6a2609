/* Batches of sparse rows; see latent/math/sparse.h.
 *
 * Arranging is a counting sort whose counters exist for the columns of the
 * batch only: a bit a column says which those are, and reading the bits in
 * order gives them sorted. So a step costs three passes over its entries and
 * one over cols / 64 words, not one over the columns: a million items of which
 * a batch has ten thousand cost no more than ten thousand would. */
#include "latent/math/sparse.h"

#include "latent/base/mem.h"

#include <limits.h>
#include <string.h>

/* Entries beyond the last that kernels may ask for ahead of time. */
#define MARGIN 64

/* Rows with at least `least` entries, and how many those have. */
static int rows_above(const lt_sparse *s, int64_t least, int64_t *entries)
{
    int n = 0;

    *entries = 0;
    for (int i = 0; i < s->rows; i++) {
        int64_t count = s->start[i + 1] - s->start[i];

        if (count < least)
            continue;
        *entries += count;
        n++;
    }
    return n;
}

/* The n-th largest count is found by halving: rows above it are all taken, and
 * it itself fills up what is left. */
int64_t lt_sparse_most_entries(const lt_sparse *s, int n)
{
    int64_t low = 0, high = (int64_t)s->cols + 1, entries;
    int above;

    if (n >= s->rows)
        return s->start[s->rows] - s->start[0];
    while (high - low > 1) { /* at least n rows have `low`, fewer `high` */
        int64_t middle = low + (high - low) / 2;

        if (rows_above(s, middle, &entries) >= n)
            low = middle;
        else
            high = middle;
    }
    above = rows_above(s, high, &entries);
    return entries + low * (n - above);
}

lt_status lt_sparse_batch_new(int rows, int64_t entries, int cols,
                              lt_sparse_batch **out, lt_err *err)
{
    lt_sparse_batch *b;
    size_t room = (size_t)entries + MARGIN, most;

    LT_ASSERT(out && !*out && rows > 0 && cols > 0 && entries >= 0);
    if (entries > INT_MAX / 2)
        return lt_err_set(err, LT_EINVAL,
                          "sparse batch: %lld entries, wanted at most %d",
                          (long long)entries, INT_MAX / 2);
    b = lt_mem_zero(1, sizeof *b);
    if (!b)
        return lt_err_mark(err, LT_ENOMEM);
    b->cols = cols;
    b->most_rows = rows;
    b->most_entries = (int)entries;
    /* Arranged with another batch, it has that one's columns too. */
    most = (size_t)cols + MARGIN;
    b->start = lt_mem_zero((size_t)rows + 1, sizeof *b->start);
    b->index = lt_mem_zero(room, sizeof *b->index);
    b->value = lt_mem_zero(room, sizeof *b->value);
    b->column = lt_mem_zero(most, sizeof *b->column);
    b->column_start = lt_mem_zero(most, sizeof *b->column_start);
    b->row = lt_mem_zero(room, sizeof *b->row);
    b->entry = lt_mem_zero(room, sizeof *b->entry);
    b->seen = lt_mem_zero((size_t)cols / 64 + 1, sizeof *b->seen);
    b->place = lt_mem_zero((size_t)cols, sizeof *b->place);
    if (b->start && b->index && b->value && b->column && b->column_start &&
        b->row && b->entry && b->seen && b->place) {
        *out = b;
        return LT_OK;
    }
    lt_sparse_batch_free(b);
    return lt_err_set(err, LT_ENOMEM,
                      "sparse batch of %lld entries: out of memory",
                      (long long)entries);
}

void lt_sparse_batch_free(lt_sparse_batch *b)
{
    if (!b)
        return;
    lt_mem_free(b->start);
    lt_mem_free(b->index);
    lt_mem_free(b->value);
    lt_mem_free(b->column);
    lt_mem_free(b->column_start);
    lt_mem_free(b->row);
    lt_mem_free(b->entry);
    lt_mem_free(b->seen);
    lt_mem_free(b->place);
    lt_mem_free(b);
}

void lt_sparse_batch_gather(lt_sparse_batch *b, const lt_sparse *s,
                            const int32_t *index, int first, int n)
{
    int at = 0;

    LT_ASSERT(n <= b->most_rows && s->cols == b->cols);
    b->rows = n;
    b->n_columns = 0;
    for (int i = 0; i < n; i++) {
        int row = index ? index[i] : first + i;
        int64_t from = s->start[row];
        int count = (int)(s->start[row + 1] - from);

        LT_ASSERT(count <= b->most_entries - at);
        memcpy(b->index + at, s->index + from, (size_t)count * sizeof(int32_t));
        for (int e = 0; e < count; e++)
            b->value[at + e] = (lt_real)s->value[from + e];
        b->start[i] = at;
        at += count;
    }
    b->start[n] = at;
}

/* ---- by column ---- */

static void columns_see(const lt_sparse_batch *b, uint64_t *seen)
{
    for (int e = 0; e < b->start[b->rows]; e++)
        seen[b->index[e] >> 6] |= (uint64_t)1 << (b->index[e] & 63);
}

/* Reads the bits off in order, and clears them. */
static void columns_list(lt_sparse_batch *b)
{
    int n = 0, words = b->cols / 64 + 1;

    for (int i = 0; i < words; i++) {
        for (uint64_t left = b->seen[i]; left; left &= left - 1) {
            int32_t column = 64 * i + __builtin_ctzll(left);

            b->place[column] = n;
            b->column[n++] = column;
        }
        b->seen[i] = 0;
    }
    b->n_columns = n;
}

/* column_start[t + 1] is where column t's next entry goes while they are
 * spread, and so ends as where column t ends. */
static void columns_fill(lt_sparse_batch *b)
{
    int *next = b->column_start + 1;
    int entries = b->start[b->rows], at = 0;

    memset(b->column_start, 0, ((size_t)b->n_columns + 1) * sizeof *next);
    for (int e = 0; e < entries; e++)
        next[b->place[b->index[e]]]++;
    for (int t = 0; t < b->n_columns; t++) {
        int count = next[t];

        next[t] = at;
        at += count;
    }
    for (int r = 0; r < b->rows; r++)
        for (int e = b->start[r]; e < b->start[r + 1]; e++) {
            int to = next[b->place[b->index[e]]]++;

            b->row[to] = r;
            b->entry[to] = e;
        }
}

void lt_sparse_batch_arrange(lt_sparse_batch *b)
{
    columns_see(b, b->seen);
    columns_list(b);
    columns_fill(b);
}

void lt_sparse_batch_arrange_both(lt_sparse_batch *a, lt_sparse_batch *b)
{
    size_t n;

    LT_ASSERT(a != b && a->cols == b->cols);
    columns_see(a, a->seen);
    columns_see(b, a->seen);
    columns_list(a);
    n = (size_t)a->n_columns;
    b->n_columns = a->n_columns;
    memcpy(b->column, a->column, n * sizeof *b->column);
    for (size_t t = 0; t < n; t++)
        b->place[a->column[t]] = (int32_t)t;
    columns_fill(a);
    columns_fill(b);
}
