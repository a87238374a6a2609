/* Retrieval; see latent/train/probe.h.
 *
 * A ranking of N training codes is a row of N keys of 32 bits: the squared
 * distance as a float, whose bits are ordered like its value, moved up by one
 * bit (a distance has no sign), and below them whether the labels agree. The
 * keys are sorted by radix, eleven bits at a time, by all but that last bit:
 * the sort is stable, so equal distances stay in the set's order. For 60,000
 * codes that takes about half a millisecond, a quarter of a comparing sort's
 * time, and nothing need be carried along.
 *
 * Every query leaves its own figures; they are added up in the queries' order.
 */
#include "latent/base/mem.h"
#include "train/probe_int.h"

#include <math.h>
#include <string.h>

#define ROUND  256 /* rankings kept at once */
#define PIECE  32
#define DIGITS 2048
#define PASSES 3

typedef struct retrieval {
    const lt_probe *probe;
    lt_retrieval *out;
    size_t n_items;
    uint32_t *keys;  /* (ROUND, n_items) */
    uint32_t *spare; /* (ROUND / PIECE, n_items) */
    double *figures; /* (tests, n_points + 1): precisions, average precision */
} retrieval;

/* ---- keys ---- */

static uint32_t key_make(double distance, bool is_match)
{
    float value = distance > 0 ? (float)distance : 0;
    uint32_t bits;

    if (!isfinite(distance)) /* products that overflow are far away */
        value = INFINITY;
    memcpy(&bits, &value, sizeof bits);
    return bits << 1 | (is_match ? 1 : 0);
}

/* What is no item: behind all others, and no match. */
#define KEY_NONE (UINT32_MAX - 1)

static void keys_fill(const retrieval *r, const lt__tile *tile, int i)
{
    const uint8_t *labels =
        lt_dataset_labels(lt__probe_items(r->probe)) + tile->items->first;
    uint8_t wanted = lt_dataset_labels(r->probe->test)[tile->query + i];
    size_t slot = (size_t)tile->slot + (size_t)i, n = (size_t)tile->items->n;
    uint32_t *keys = r->keys + slot * r->n_items + (size_t)tile->items->first;
    const lt_real *products = tile->products + (size_t)i * n;
    double norm = tile->queries->norms[slot];

    for (size_t j = 0; j < n; j++)
        keys[j] = key_make((norm + tile->items->norms[j]) + (double)products[j],
                           labels[j] == wanted);
}

static void retrieval_visit(void *self, const lt__tile *tile)
{
    const retrieval *r = self;

    for (int i = 0; i < tile->n_queries; i++) {
        int itself = tile->query + i - tile->items->first;

        keys_fill(r, tile, i);
        if (!r->probe->train && itself >= 0 && itself < tile->items->n)
            r->keys[(size_t)(tile->slot + i) * r->n_items +
                    (size_t)(tile->query + i)] = KEY_NONE;
    }
}

/* ---- sorting ---- */

static const int pass_shifts[PASSES] = {1, 11, 22};
static const uint32_t pass_masks[PASSES] = {0x3ff, 0x7ff, 0x3ff};

static void counts_make(size_t n, const uint32_t *keys,
                        uint32_t counts[PASSES][DIGITS])
{
    memset(counts, 0, PASSES * sizeof counts[0]);
    for (size_t i = 0; i < n; i++)
        for (int p = 0; p < PASSES; p++)
            counts[p][keys[i] >> pass_shifts[p] & pass_masks[p]]++;
    for (int p = 0; p < PASSES; p++) {
        uint32_t before = 0;

        for (int d = 0; d < DIGITS; d++) {
            uint32_t count = counts[p][d];

            counts[p][d] = before;
            before += count;
        }
    }
}

/* The sorted keys are in `spare` afterwards: three passes. */
static void keys_sort(size_t n, uint32_t *keys, uint32_t *spare)
{
    uint32_t counts[PASSES][DIGITS];

    counts_make(n, keys, counts);
    for (int p = 0; p < PASSES; p++) {
        const uint32_t *from = p % 2 ? spare : keys;
        uint32_t *to = p % 2 ? keys : spare;

        for (size_t i = 0; i < n; i++)
            to[counts[p][from[i] >> pass_shifts[p] & pass_masks[p]]++] =
                from[i];
    }
}

/* ---- figures ---- */

/* Precision at each of the points, then the average precision. */
static void ranking_judge(const lt_retrieval *points, size_t n,
                          const uint32_t *keys, double *figures)
{
    size_t hits = 0;
    double sum = 0;
    int point = 0;

    for (size_t i = 0; i < n; i++) {
        if (keys[i] & 1)
            sum += (double)++hits / (double)(i + 1);
        if (point < points->n_points && i + 1 == (size_t)points->n[point])
            figures[point++] = (double)hits / (double)(i + 1);
    }
    figures[points->n_points] = hits > 0 ? sum / (double)hits : 0;
}

static void retrieval_finish(void *self, int slot, int query, int n)
{
    const retrieval *r = self;
    size_t width = (size_t)r->out->n_points + 1;
    uint32_t *spare = r->spare + (size_t)(slot / PIECE) * r->n_items;

    for (int i = 0; i < n; i++) {
        uint32_t *keys = r->keys + (size_t)(slot + i) * r->n_items;

        keys_sort(r->n_items, keys, spare);
        ranking_judge(r->out, r->n_items, spare,
                      r->figures + (size_t)(query + i) * width);
    }
}

/* ---- the probe ---- */

static void points_set(lt_retrieval *out, int items)
{
    *out = (lt_retrieval){0};
    for (int64_t n = 1; n <= items; n = 2 * n + 1)
        out->n[out->n_points++] = (int)n;
}

static lt_status retrieval_init(retrieval *r, lt_err *err)
{
    size_t tests = (size_t)lt_dataset_rows(r->probe->test);
    size_t rows = tests < ROUND ? tests : ROUND;

    r->keys = lt_mem_alloc(rows * r->n_items, sizeof *r->keys);
    r->spare = lt_mem_alloc(ROUND / PIECE * r->n_items, sizeof *r->spare);
    r->figures =
        lt_mem_zero(tests * ((size_t)r->out->n_points + 1), sizeof *r->figures);
    return lt_err_mark(err,
                       r->keys && r->spare && r->figures ? LT_OK : LT_ENOMEM);
}

static void retrieval_deinit(retrieval *r)
{
    lt_mem_free(r->figures);
    lt_mem_free(r->spare);
    lt_mem_free(r->keys);
}

static void figures_mean(const retrieval *r)
{
    int tests = lt_dataset_rows(r->probe->test), points = r->out->n_points;
    const double *f = r->figures;

    for (int i = 0; i < tests; i++) {
        for (int j = 0; j < points; j++)
            r->out->precision[j] += *f++;
        r->out->map += *f++;
    }
    for (int j = 0; j < points; j++)
        r->out->precision[j] /= tests;
    r->out->map /= tests;
}

lt_status lt_probe_retrieval(const lt_probe *p, lt_retrieval *out, lt_err *err)
{
    retrieval r = {.probe = p, .out = out};
    lt__scan scan = {p,  "probe retrieval", ROUND,           PIECE,
                     &r, retrieval_visit,   retrieval_finish};
    int items = lt_dataset_rows(lt__probe_items(p));
    lt_status rc;

    LT_TRY(lt__probe_check(p, "retrieval", true, err));
    if (!p->train && items < 2)
        return lt_err_set(err, LT_EINVAL,
                          "retrieval: 1 example, wanted at least 2 to rank");
    r.n_items = (size_t)items;
    points_set(out, p->train ? items : items - 1);
    rc = retrieval_init(&r, err);
    if (rc == LT_OK)
        rc = lt__scan_run(&scan, err);
    if (rc == LT_OK)
        figures_mean(&r);
    retrieval_deinit(&r);
    return rc;
}
