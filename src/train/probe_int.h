/* What the probes share: checks, prepared blocks of codes, and a scan over all
 * pairs of test and training codes. */
#ifndef LT_PROBE_INT_H
#define LT_PROBE_INT_H

#include "latent/train/probe.h"

/* EINVAL unless the sets (one, when train is NULL) have the same elements, and
 * labels if wanted; `probe` ("knn") begins the message. */
lt_status lt__probe_check(const lt_probe *p, const char *probe,
                          bool wants_labels, lt_err *err);

/* The sets' names in messages. */
#define LT__PROBE_TRAIN "training set"
#define LT__PROBE_TEST  "test set"

/* EINVAL when one of the `count` values of examples first.. is not finite. */
lt_status lt__probe_finite(const char *set, int first, int elements,
                           size_t count, const lt_real *x, lt_err *err);

/* A stop asked for and progress told, a few times a second. */
typedef struct lt__probe_watch {
    const lt_observer *observer; /* or NULL */
    const char *phase;           /* "probe knn" */
    double tell_at;
} lt__probe_watch;

/* EINTERRUPTED when the observer asks for it; else tells it the share done. */
lt_status lt__probe_poll(lt__probe_watch *watch, double done, lt_err *err);

/* ---- all pairs ---- */

/* Some examples as the scan uses them. `rows` (n,D) are the codes, for the
 * cosine divided by their lengths. `shifted` are these moved near the origin,
 * which changes no distance but rounds less; `norms` their squared lengths. */
typedef struct lt__codes {
    int first, n; /* in the set */
    lt_real *rows, *shifted;
    double *norms;
} lt__codes;

#define LT__TILE_ITEMS 1024 /* training codes of a block, at most */

/* A block of test codes against a block of training codes. */
typedef struct lt__tile {
    int slot;  /* of the first query, in the round */
    int query; /* first of the n_queries in `queries` */
    int n_queries;
    int dims;                 /* D */
    const lt__codes *queries; /* of the round */
    const lt__codes *items;
    /* (n_queries, items->n): -2 times the inner products of shifted codes. The
     * squared distance of a pair is their sum with both norms, wrong by at
     * most `slack` times the norms' sum. */
    const lt_real *products;
    double slack;
} lt__tile;

/* Test examples go through in rounds of `round`, cut into pieces of `piece`
 * (which divides it). For each round and block of training examples, in
 * order, visit(self, tile) is called once for each piece, on any thread; when
 * all training examples are through, finish(self, slot, query, n) is, for the
 * same pieces: `slot` counts queries within the round, `query` in the set. */
typedef struct lt__scan {
    const lt_probe *probe;
    const char *phase; /* "probe knn" */
    int round, piece;
    void *self;
    void (*visit)(void *self, const lt__tile *tile);
    void (*finish)(void *self, int slot, int query, int n);
} lt__scan;

lt_status lt__scan_run(const lt__scan *scan, lt_err *err);

/* The set in which neighbours are looked for. */
const lt_dataset *lt__probe_items(const lt_probe *p);

#endif
