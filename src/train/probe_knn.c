/* Nearest neighbours; see latent/train/probe.h.
 *
 * The products of probe_scan.c only sort out: a training code whose distance
 * cannot, with all its rounding errors, be below that of the worst neighbour
 * so far is passed by; the distance of any other is computed from the codes in
 * double, and that decides. So the neighbours are exactly those of a search
 * that computes everything in double, for little more than the products: of N
 * training codes in random order about k (1 + log(N / k)) become neighbours
 * for a while.
 *
 * A query's neighbours are a heap of k_most entries, the worst on top, ordered
 * by distance, then by place in the set. Memory: `ROUND` heaps. */
#include "latent/base/mem.h"
#include "train/probe_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUND  1024 /* queries */
#define PIECE  128
#define LABELS 256
#define GROUP  64 /* training codes looked at together */
#define LANES  4  /* sums of a distance that are kept apart */

typedef struct neighbour {
    double distance; /* squared */
    int item;
} neighbour;

typedef struct knn {
    const lt_probe *probe;
    const int *k; /* (n_k) */
    int n_k, k_most;
    neighbour *heaps; /* (ROUND, k_most) */
    int *sizes;       /* (ROUND) */
    bool *hits;       /* (tests, n_k) */
} knn;

/* ---- heaps ---- */

static bool is_nearer(neighbour a, neighbour b)
{
    return a.distance < b.distance ||
           (a.distance == b.distance && a.item < b.item);
}

static void heap_up(neighbour *heap, int at)
{
    neighbour n = heap[at];

    while (at > 0 && is_nearer(heap[(at - 1) / 2], n)) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = n;
}

static void heap_down(neighbour *heap, int size, neighbour n)
{
    int at = 0;

    for (;;) {
        int child = 2 * at + 1;

        if (child + 1 < size && is_nearer(heap[child], heap[child + 1]))
            child++;
        if (child >= size || !is_nearer(n, heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = n;
}

static void heap_offer(neighbour *heap, int *size, int most, neighbour n)
{
    if (*size < most) {
        heap[*size] = n;
        heap_up(heap, (*size)++);
    } else if (is_nearer(n, heap[0])) {
        heap_down(heap, *size, n);
    }
}

static int neighbour_compare(const void *a, const void *b)
{
    if (is_nearer(*(const neighbour *)a, *(const neighbour *)b))
        return -1;
    return is_nearer(*(const neighbour *)b, *(const neighbour *)a);
}

/* ---- distances ---- */

/* The sums of four lanes, added in one order whatever the compiler. */
static double distance_exact(int dims, const lt_real *a, const lt_real *b)
{
    double sum[LANES] = {0};
    int j = 0;

    for (; j + LANES <= dims; j += LANES)
        for (int l = 0; l < LANES; l++) {
            double d = (double)a[j + l] - (double)b[j + l];

            sum[l] += d * d;
        }
    for (; j < dims; j++) {
        double d = (double)a[j] - (double)b[j];

        sum[0] += d * d;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* One query of a tile. */
typedef struct look {
    const knn *k;
    const lt__tile *tile;
    const lt_real *row; /* (D) the query's code */
    double norm;        /* least that rounding may have made of its norm */
    int query;
    neighbour *heap;
    int *size;
    lt_real limit; /* product + norm of the item: above it, no neighbour */
} look;

static void limit_set(look *l)
{
    double worst =
        *l->size < l->k->k_most ? INFINITY : l->heap[0].distance - l->norm;

    l->limit = (lt_real)worst;
    if ((double)l->limit < worst) /* rounded to the wrong side */
        l->limit = (lt_real)(worst + fabs(worst) * 1e-6);
}

static void look_at(look *l, int item)
{
    const lt__codes *items = l->tile->items;
    neighbour n = {.item = items->first + item};

    if (!l->k->probe->train && n.item == l->query)
        return; /* itself */
    n.distance =
        distance_exact(l->tile->dims, l->row,
                       items->rows + (size_t)item * (size_t)l->tile->dims);
    heap_offer(l->heap, l->size, l->k->k_most, n);
    limit_set(l);
}

/* Not (x > limit): what is NaN, by overflow, is looked at. */
static bool group_has(int n, const lt_real *products, const lt_real *norms,
                      lt_real limit)
{
    int found = 0;

    for (int i = 0; i < n; i++)
        found |= !(products[i] + norms[i] > limit);
    return found;
}

static void look_over(look *l, const lt_real *products, const lt_real *norms)
{
    for (int at = 0; at < l->tile->items->n; at += GROUP) {
        int left = l->tile->items->n - at, n = left < GROUP ? left : GROUP;

        if (!group_has(n, products + at, norms + at, l->limit))
            continue;
        for (int i = at; i < at + n; i++)
            if (!(products[i] + norms[i] > l->limit))
                look_at(l, i);
    }
}

static void knn_visit(void *self, const lt__tile *tile)
{
    const knn *k = self;
    lt_real norms[LT__TILE_ITEMS];
    int n = tile->items->n;

    LT_ASSERT(n <= LT__TILE_ITEMS);
    for (int i = 0; i < n; i++)
        norms[i] = (lt_real)(tile->items->norms[i] * (1 - tile->slack));
    for (int i = 0; i < tile->n_queries; i++) {
        size_t slot = (size_t)tile->slot + (size_t)i;
        look l = {.k = k,
                  .tile = tile,
                  .row = tile->queries->rows + slot * (size_t)tile->dims,
                  .norm = tile->queries->norms[slot] * (1 - tile->slack),
                  .query = tile->query + i,
                  .heap = k->heaps + slot * (size_t)k->k_most,
                  .size = k->sizes + slot};

        limit_set(&l);
        look_over(&l, tile->products + (size_t)i * (size_t)n, norms);
    }
}

/* ---- votes ---- */

/* The label of most of the n neighbours, nearest first; the first of those
 * with equally many. */
static int vote(const uint8_t *labels, const neighbour *nearest, int n)
{
    int counts[LABELS] = {0}, most = labels[nearest[0].item];

    for (int i = 0; i < n; i++)
        counts[labels[nearest[i].item]]++;
    for (int i = 0; i < n; i++)
        if (counts[labels[nearest[i].item]] > counts[most])
            most = labels[nearest[i].item];
    return most;
}

static void knn_finish(void *self, int slot, int query, int n)
{
    const knn *k = self;
    const uint8_t *labels = lt_dataset_labels(lt__probe_items(k->probe));
    const uint8_t *truth = lt_dataset_labels(k->probe->test);

    for (int i = 0; i < n; i++) {
        neighbour *heap = k->heaps + (size_t)(slot + i) * (size_t)k->k_most;

        qsort(heap, (size_t)k->sizes[slot + i], sizeof *heap,
              neighbour_compare);
        for (int j = 0; j < k->n_k; j++)
            k->hits[(size_t)(query + i) * (size_t)k->n_k + (size_t)j] =
                vote(labels, heap, k->k[j]) == truth[query + i];
        k->sizes[slot + i] = 0; /* for the next round */
    }
}

/* ---- the probe ---- */

static lt_status knn_check(const lt_probe *p, const int *k, int n_k,
                           lt_err *err)
{
    int most = lt_dataset_rows(lt__probe_items(p)) - (p->train ? 0 : 1);

    LT_TRY(lt__probe_check(p, "knn", true, err));
    if (most > LT_KNN_MOST)
        most = LT_KNN_MOST;
    for (int i = 0; i < n_k; i++)
        if (k[i] < 1 || k[i] > most)
            return lt_err_set(err, LT_EINVAL,
                              "knn: %d neighbours, wanted 1 to %d, of the "
                              "%d examples that there are",
                              k[i], most, lt_dataset_rows(lt__probe_items(p)));
    return LT_OK;
}

static lt_status knn_init(knn *k, lt_err *err)
{
    for (int i = 0; i < k->n_k; i++)
        k->k_most = k->k[i] > k->k_most ? k->k[i] : k->k_most;
    k->heaps = lt_mem_zero((size_t)ROUND * (size_t)k->k_most, sizeof *k->heaps);
    k->sizes = lt_mem_zero(ROUND, sizeof *k->sizes);
    k->hits =
        lt_mem_zero((size_t)lt_dataset_rows(k->probe->test) * (size_t)k->n_k,
                    sizeof *k->hits);
    return lt_err_mark(err,
                       k->heaps && k->sizes && k->hits ? LT_OK : LT_ENOMEM);
}

static void knn_deinit(knn *k)
{
    lt_mem_free(k->hits);
    lt_mem_free(k->sizes);
    lt_mem_free(k->heaps);
}

lt_status lt_probe_knn(const lt_probe *p, const int *k, int n_k,
                       double *accuracy, lt_err *err)
{
    int tests = lt_dataset_rows(p->test);
    knn self = {.probe = p, .k = k, .n_k = n_k};
    lt__scan scan = {p,     "probe knn", ROUND,     PIECE,
                     &self, knn_visit,   knn_finish};
    lt_status rc;

    LT_ASSERT(n_k > 0);
    LT_TRY(knn_check(p, k, n_k, err));
    rc = knn_init(&self, err);
    if (rc == LT_OK)
        rc = lt__scan_run(&scan, err);
    for (int j = 0; rc == LT_OK && j < n_k; j++) {
        int64_t hits = 0;

        for (int i = 0; i < tests; i++)
            hits += self.hits[(size_t)i * (size_t)n_k + (size_t)j];
        accuracy[j] = (double)hits / tests;
    }
    knn_deinit(&self);
    return rc;
}
