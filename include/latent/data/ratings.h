/* Ratings of items by users, sparse: what recommender networks learn from.
 *
 * Users and items are known by any 64-bit integers and numbered in the order
 * of those; the sets that are made keep the ids (lt_dataset_legend). Memory
 * grows with the ratings, never with users x items. */
#ifndef LT_RATINGS_H
#define LT_RATINGS_H

#include <stdbool.h>

#include "latent/data/dataset.h"

typedef struct lt_ratings lt_ratings;

typedef enum lt_ratings_format {
    LT_RATINGS_AUTO, /* by the first line */
    LT_RATINGS_TAB,  /* MovieLens u.data: user, item, rating, time by tabs */
    LT_RATINGS_CSV,  /* ratings.csv: by commas */
    LT_RATINGS_DAT,  /* ratings.dat: by "::" */
} lt_ratings_format;

/* A file, plain or gzip. A first line that begins with no number is a header
 * and must name user, item (or movie), rating and time in this order. The time
 * may be missing, then from every line. Where a user rated an item twice the
 * later time wins, and the later line where times are equal or missing. A bad
 * line is EFORMAT: "PATH:7: found ..., wanted ...". */
lt_status lt_ratings_load(const char *path, lt_ratings_format format,
                          lt_ratings **out, lt_err *err);

/* A set made by
 *     rating = 3 + u.v / sqrt(rank) + noise N(0, 1)
 * with every number of u (users, rank) and v (items, rank) from N(0, 1), so
 * the signal has mean 3 and variance 1 like stars from 1 to 5, but is neither
 * rounded nor clipped: no prediction has a lower expected squared error than
 * noise^2. users x items x density ratings, rounded; item i (from 1) gets a
 * share in proportion to i^-popularity, but none more than once from a user,
 * and its users are drawn evenly. The same bits on every machine. Time and
 * memory grow with ratings x rank. */
typedef struct lt_ratings_plan {
    int users, items, rank;
    double density;    /* (0, 1] */
    double noise;      /* standard deviation, not negative */
    double popularity; /* 0: all items alike; 1: Zipf's law */
    uint64_t seed;
} lt_ratings_plan;
lt_status lt_ratings_generate(const lt_ratings_plan *plan, lt_ratings **out,
                              lt_err *err);

void lt_ratings_free(lt_ratings *r); /* accepts NULL */

/* Borrowed. Rows are users, columns items. */
const lt_sparse *lt_ratings_table(const lt_ratings *r);
const int64_t *lt_ratings_user_ids(const lt_ratings *r);
const int64_t *lt_ratings_item_ids(const lt_ratings *r);
const int64_t *lt_ratings_times(const lt_ratings *r); /* by entry, or NULL */

typedef enum lt_ratings_split {
    LT_SPLIT_RANDOM, /* `share` of all ratings is held out */
    LT_SPLIT_LEAVE,  /* `n` ratings of every user, drawn evenly */
    LT_SPLIT_TIME,   /* the latest `n` of every user; ties are drawn */
} lt_ratings_split;

typedef struct lt_ratings_cut {
    lt_ratings_split split;
    double share; /* (0, 1) */
    int n;        /* a user with no more than n ratings keeps them all */
    uint64_t seed;
    bool by_item; /* rows are items; the same ratings are held out */
    bool centre;  /* subtract the mean of the training ratings everywhere */
} lt_ratings_cut;

/* train: the rows that have training ratings. test: the rows that have
 * held-out ratings; an example's input is its training ratings (none, at
 * worst), its target (lt_dataset_target) the held-out ones. The legends' rows
 * are users, or items when by_item. EINVAL when either set would be empty, or
 * there are no times to split by. */
lt_status lt_ratings_pair(const lt_ratings *r, const lt_ratings_cut *cut,
                          lt_data_pair *out, lt_err *err);

#endif
