/* Shared by the reader, the generator and the splits of ratings. */
#ifndef LT_RATINGS_INT_H
#define LT_RATINGS_INT_H

#include "latent/data/ratings.h"

struct lt_ratings {
    lt_sparse table; /* (users, items) */
    int64_t *user_ids, *item_ids;
    int64_t *times; /* by entry, or NULL */
};

/* One line of a file; users and items by the order of appearance until
 * lt__ratings_build. */
typedef struct lt__rating {
    int64_t time;
    int32_t user, item;
    float value;
} lt__rating;

/* Ids and their numbers from 0, in the order of appearance. */
typedef struct lt__idmap {
    int64_t *ids;   /* (n) */
    int32_t *slots; /* number + 1, or 0; a power of two */
    int n, room;
} lt__idmap;

void lt__idmap_deinit(lt__idmap *m);

/* The number of `id`, a new one when it is new; -1 when out of memory. */
int lt__idmap_number(lt__idmap *m, int64_t id);

/* The ids in ascending order; rank[number] is a number's place in it. Both
 * are the caller's (lt_mem_free), on failure too. */
lt_status lt__idmap_sort(const lt__idmap *m, int64_t **sorted, int32_t **rank,
                         lt_err *err);

/* r->table of `n` ratings whose users and items are numbered as the rows and
 * columns, r->times too when asked for; r's ids are there already. Later
 * ratings of the same item by the same user replace earlier ones. */
lt_status lt__ratings_build(lt_ratings *r, const lt__rating *ratings, size_t n,
                            bool has_times, lt_err *err);

/* The arrays of a sparse matrix of `n` entries; ENOMEM leaves `s` to
 * lt__sparse_free. */
lt_status lt__sparse_new(int rows, int cols, int64_t n, lt_sparse *s,
                         lt_err *err);
void lt__sparse_free(lt_sparse *s);

#endif
