/* Documents of generated words; see latent/data/topics.h.
 *
 * A word is drawn in two steps, its topic by the document's shares and its
 * rank by Zipf's law from one cumulative table, both by searching; the topic's
 * permutation turns the rank into a word. The words of a document, sorted,
 * are counted into one sparse row. Only + - * / of double, exactly rounded. */
#include "latent/data/topics.h"

#include <stdbool.h>
#include <stdlib.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "rows.h"

enum {
    MOST_MIXED = 3,
    MOST_ORDERED = 1 << 28, /* words x topics: a gigabyte of orders */
};

typedef struct topics_maker {
    const lt_topics_plan *plan;
    int32_t *words;   /* (topics, words): a topic's words by rank */
    double *rank_sum; /* (words): sum of 1/k for k = 1 .. rank + 1 */
    int32_t *drawn;   /* of one document */
} topics_maker;

static lt_status plan_check(const lt_topics_plan *p, lt_err *err)
{
    if (p->n_train < 1 || p->n_test < 1)
        return lt_err_set(err, LT_EINVAL,
                          "topics: %d + %d documents, wanted at least 1 + 1",
                          p->n_train, p->n_test);
    if (p->words < 2 || p->topics < 1 || p->topics > 256)
        return lt_err_set(err, LT_EINVAL,
                          "topics: %d words in %d topics, wanted at least 2 "
                          "in 1 to 256",
                          p->words, p->topics);
    if (p->words > MOST_ORDERED / p->topics)
        return lt_err_set(err, LT_EINVAL,
                          "topics: %d words in %d topics, wanted at most %d of "
                          "words x topics",
                          p->words, p->topics, MOST_ORDERED);
    if (p->length < 1 || p->length > 1 << 24)
        return lt_err_set(err, LT_EINVAL, "topics: length %d, wanted 1 to %d",
                          p->length, 1 << 24);
    return LT_OK;
}

static void maker_deinit(topics_maker *m)
{
    lt_mem_free(m->words);
    lt_mem_free(m->rank_sum);
    lt_mem_free(m->drawn);
}

static lt_status maker_init(topics_maker *m, lt_err *err)
{
    const lt_topics_plan *p = m->plan;
    size_t wide = (size_t)p->words;
    double sum = 0;
    lt_rng rng;

    m->words = lt_mem_alloc((size_t)p->topics * wide, sizeof *m->words);
    m->rank_sum = lt_mem_alloc(wide, sizeof *m->rank_sum);
    m->drawn = lt_mem_alloc(2 * (size_t)p->length, sizeof *m->drawn);
    if (!m->words || !m->rank_sum || !m->drawn)
        return lt_err_mark(err, LT_ENOMEM);
    lt_rng_init(&rng, p->seed, "topics.words");
    for (int t = 0; t < p->topics; t++) {
        int32_t *order = m->words + (size_t)t * wide;

        for (int32_t w = 0; w < p->words; w++)
            order[w] = w;
        lt_rng_shuffle(&rng, order, wide);
    }
    for (int k = 0; k < p->words; k++)
        m->rank_sum[k] = sum += 1.0 / (k + 1);
    return LT_OK;
}

/* ---- one document ---- */

typedef struct mixture {
    int n;
    int topic[MOST_MIXED];
    double share_sum[MOST_MIXED]; /* up to and with this one; ends with 1 */
    int heaviest;                 /* a topic */
} mixture;

static bool is_mixed(const mixture *x, int n, int topic)
{
    for (int i = 0; i < n; i++)
        if (x->topic[i] == topic)
            return true;
    return false;
}

static mixture mixture_draw(const lt_topics_plan *p, lt_rng *rng)
{
    int most = p->topics < MOST_MIXED ? p->topics : MOST_MIXED;
    mixture x = {.n = 1 + (int)lt_rng_below(rng, (uint64_t)most)};
    double sum = 0, best = -1;

    for (int i = 0; i < x.n; i++) {
        double weight = 1 - lt_rng_uniform(rng); /* never 0 */

        do
            x.topic[i] = (int)lt_rng_below(rng, (uint64_t)p->topics);
        while (is_mixed(&x, i, x.topic[i]));
        x.share_sum[i] = sum += weight;
        x.heaviest = weight > best ? x.topic[i] : x.heaviest;
        best = weight > best ? weight : best;
    }
    for (int i = 0; i < x.n; i++)
        x.share_sum[i] /= sum;
    return x;
}

/* The first of sums (n), which ascend, that is above u. */
static int sum_find(const double *sums, int n, double u)
{
    int low = 0, high = n - 1;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (sums[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int word_compare(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

static lt_status counts_add(const int32_t *words, int n, lt__rows *rows,
                            lt_err *err)
{
    for (int i = 0; i < n;) {
        int from = i;

        while (i < n && words[i] == words[from])
            i++;
        LT_TRY(lt__rows_add(rows, words[from], (float)(i - from), err));
    }
    return lt__rows_end(rows, err);
}

static lt_status document_draw(topics_maker *m, lt_rng *rng, uint8_t *label,
                               lt__rows *rows, lt_err *err)
{
    const lt_topics_plan *p = m->plan;
    mixture x = mixture_draw(p, rng);
    int half = p->length / 2;
    int n = p->length - half + (int)lt_rng_below(rng, 2 * (uint64_t)half + 1);
    double total = m->rank_sum[p->words - 1];

    *label = (uint8_t)x.heaviest;
    for (int i = 0; i < n; i++) {
        int part = sum_find(x.share_sum, x.n, lt_rng_uniform(rng));
        int rank = sum_find(m->rank_sum, p->words, lt_rng_uniform(rng) * total);

        m->drawn[i] =
            m->words[(size_t)x.topic[part] * (size_t)p->words + (size_t)rank];
    }
    qsort(m->drawn, (size_t)n, sizeof *m->drawn, word_compare);
    return counts_add(m->drawn, n, rows, err);
}

/* ---- sets ---- */

static lt_status topics_set(topics_maker *m, int n, const char *stream,
                            lt_dataset **out, lt_err *err)
{
    lt__rows rows = {0};
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);
    lt_status rc = labels ? LT_OK : lt_err_mark(err, LT_ENOMEM);
    lt_rng rng;

    lt_rng_init(&rng, m->plan->seed, stream);
    rows.sparse.cols = m->plan->words;
    for (int i = 0; rc == LT_OK && i < n; i++)
        rc = document_draw(m, &rng, &labels[i], &rows, err);
    if (rc == LT_OK)
        return lt_dataset_new_sparse_take(&rows.sparse, labels, out, err);
    lt__rows_deinit(&rows);
    lt_mem_free(labels);
    return rc;
}

lt_status lt_topics_make(const lt_topics_plan *plan, lt_data_pair *out,
                         lt_err *err)
{
    topics_maker m = {.plan = plan};
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = plan_check(plan, err);

    if (rc == LT_OK)
        rc = maker_init(&m, err);
    if (rc == LT_OK)
        rc = topics_set(&m, plan->n_train, "topics.train", &pair.train, err);
    if (rc == LT_OK)
        rc = topics_set(&m, plan->n_test, "topics.test", &pair.test, err);
    if (rc == LT_OK)
        *out = pair;
    else
        lt_dataset_free(pair.train);
    maker_deinit(&m);
    return rc;
}
