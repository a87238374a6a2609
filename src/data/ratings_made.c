/* Low-rank ratings with a known noise floor; see latent/data/ratings.h.
 *
 * Which items are rated is settled item by item: an item's number of ratings
 * is its share of the total, at most one from each user, and its users are a
 * sample without repetition, drawn by rejection when they are fewer than half
 * and by their complement when they are more; so a draw costs the same
 * whatever the density. Capped items give their surplus to the others (the
 * scale c below), so the total is met exactly. Values are drawn row by row.
 *
 * Users, items, pattern and noise are streams of their own: more noise leaves
 * the rest of the set where it is. Portable arithmetic only. */
#include "ratings_int.h"

#include <math.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"
#include "portable.h"

#define MEAN 3.0

static lt_status plan_check(const lt_ratings_plan *p, int64_t *total,
                            lt_err *err)
{
    if (p->users < 1 || p->items < 1 || p->rank < 1)
        return lt_err_set(err, LT_EINVAL,
                          "ratings: %d users, %d items, rank %d, wanted at "
                          "least 1 of each",
                          p->users, p->items, p->rank);
    if (!(p->density > 0 && p->density <= 1))
        return lt_err_set(err, LT_EINVAL,
                          "ratings: density %g, wanted above 0, at most 1",
                          p->density);
    if (!(p->noise >= 0 && isfinite(p->noise)) ||
        !(p->popularity >= 0 && p->popularity <= 10))
        return lt_err_set(err, LT_EINVAL,
                          "ratings: noise %g, popularity %g, wanted at least "
                          "0, and a popularity of at most 10",
                          p->noise, p->popularity);
    *total = (int64_t)((double)p->users * p->items * p->density + 0.5);
    if (*total < 1 || *total > INT32_MAX)
        return lt_err_set(err, LT_EINVAL,
                          "ratings: %d users x %d items x density %g: %lld "
                          "ratings, wanted 1 to %d",
                          p->users, p->items, p->density, (long long)*total,
                          INT32_MAX);
    return LT_OK;
}

/* ---- how many ratings an item has ---- */

/* share (items): the chance of an item to be rated by a given user,
 * min(1, c w_i) with w_i = i^-popularity and c such that they sum to
 * total / users. w falls, so those that are capped come first. */
static lt_status shares_fill(const lt_ratings_plan *p, int64_t total,
                             double *share, lt_err *err)
{
    double *rest = lt_mem_zero((size_t)p->items + 1, sizeof *rest);
    double wanted = (double)total / p->users, c = 1;
    int capped = 0;

    if (!rest)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = p->items - 1; i >= 0; i--) {
        share[i] =
            p->popularity > 0
                ? lt__portable_exp(-p->popularity * lt__portable_log(i + 1.0))
                : 1;
        rest[i] = rest[i + 1] + share[i];
    }
    for (; capped < p->items; capped++) {
        c = (wanted - capped) / rest[capped];
        if (c * share[capped] <= 1)
            break;
    }
    for (int i = 0; i < p->items; i++)
        share[i] = i < capped ? 1 : c * share[i];
    lt_mem_free(rest);
    return LT_OK;
}

/* start (items + 1): the running sum of the shares, rounded, so that no item
 * is more than one rating off its own, and the last is the total. */
static void starts_round(const lt_ratings_plan *p, const double *share,
                         int64_t *start)
{
    double sum = 0;

    start[0] = 0;
    for (int i = 0; i < p->items; i++) {
        int64_t most = start[i] + p->users, end;

        sum += share[i] * p->users;
        end = (int64_t)(sum + 0.5);
        start[i + 1] = end < most ? end : most;
    }
}

static lt_status starts_make(const lt_ratings_plan *p, int64_t total,
                             int64_t *start, lt_err *err)
{
    double *share = lt_mem_alloc((size_t)p->items, sizeof *share);
    lt_status rc =
        share ? shares_fill(p, total, share, err) : lt_err_mark(err, LT_ENOMEM);

    if (rc == LT_OK)
        starts_round(p, share, start);
    lt_mem_free(share);
    return rc;
}

/* ---- who rated it ---- */

/* Marks `n` users with `mark`, whom none has yet, and lists them in `who`
 * unless it is NULL. */
static void users_mark(lt_rng *rng, int users, int64_t n, int32_t mark,
                       int32_t *marks, int32_t *who)
{
    for (int64_t k = 0; k < n;) {
        int32_t user = (int32_t)lt_rng_below(rng, (uint64_t)users);

        if (marks[user] == mark)
            continue;
        marks[user] = mark;
        if (who)
            who[k] = user;
        k++;
    }
}

/* who: each item's users from start[item] on. marks (users) are 0. */
static void pattern_draw(const lt_ratings_plan *p, const int64_t *start,
                         int32_t *marks, int32_t *who)
{
    lt_rng rng;

    lt_rng_init(&rng, p->seed, "ratings.pattern");
    for (int32_t i = 0; i < p->items; i++) {
        int64_t n = start[i + 1] - start[i];

        if (n <= p->users / 2) {
            users_mark(&rng, p->users, n, i + 1, marks, who + start[i]);
            continue;
        }
        users_mark(&rng, p->users, p->users - n, i + 1, marks, NULL);
        for (int32_t user = 0, *to = who + start[i]; user < p->users; user++)
            if (marks[user] != i + 1)
                *to++ = user;
    }
}

/* Rows from the items' users: items come in ascending order. */
static void rows_fill(const int64_t *item_start, const int32_t *who,
                      lt_sparse *s)
{
    for (int64_t e = 0; e < item_start[s->cols]; e++)
        s->start[who[e] + 1]++;
    for (int u = 0; u < s->rows; u++)
        s->start[u + 1] += s->start[u];
    for (int32_t i = 0; i < s->cols; i++)
        for (int64_t e = item_start[i]; e < item_start[i + 1]; e++)
            s->index[s->start[who[e]]++] = i;
    for (int u = s->rows; u > 0; u--)
        s->start[u] = s->start[u - 1];
    s->start[0] = 0;
}

static lt_status pattern_make(const lt_ratings_plan *p, int64_t total,
                              lt_sparse *s, lt_err *err)
{
    int64_t *start = lt_mem_alloc((size_t)p->items + 1, sizeof *start);
    int32_t *marks = lt_mem_zero((size_t)p->users, sizeof *marks);
    int32_t *who = NULL;
    lt_status rc = start && marks ? starts_make(p, total, start, err)
                                  : lt_err_mark(err, LT_ENOMEM);

    if (rc == LT_OK) {
        who = lt_mem_alloc((size_t)start[p->items], sizeof *who);
        rc = lt__sparse_new(p->users, p->items, start[p->items], s, err);
    }
    if (rc == LT_OK && who) {
        pattern_draw(p, start, marks, who);
        rows_fill(start, who, s);
    } else if (rc == LT_OK) {
        rc = lt_err_mark(err, LT_ENOMEM);
    }
    lt_mem_free(start);
    lt_mem_free(marks);
    lt_mem_free(who);
    return rc;
}

/* ---- values ---- */

/* (n, rank) numbers from N(0, 1). */
static float *factors_draw(const lt_ratings_plan *p, int n, const char *stream)
{
    size_t count = (size_t)n * (size_t)p->rank;
    float *factors = lt_mem_alloc(count, sizeof *factors);
    lt_rng rng;

    lt_rng_init(&rng, p->seed, stream);
    for (size_t i = 0; factors && i < count; i++)
        factors[i] = (float)lt__portable_normal(&rng);
    return factors;
}

static void values_fill(const lt_ratings_plan *p, const float *users,
                        const float *items, lt_sparse *s)
{
    size_t rank = (size_t)p->rank;
    double scale = 1 / sqrt((double)p->rank);
    lt_rng rng;

    lt_rng_init(&rng, p->seed, "ratings.noise");
    for (int u = 0; u < s->rows; u++)
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++) {
            const float *a = users + (size_t)u * rank;
            const float *b = items + (size_t)s->index[e] * rank;
            double dot = 0;

            for (size_t k = 0; k < rank; k++)
                dot += (double)a[k] * (double)b[k];
            s->value[e] = (float)(MEAN + dot * scale +
                                  p->noise * lt__portable_normal(&rng));
        }
}

static lt_status values_make(const lt_ratings_plan *p, lt_sparse *s,
                             lt_err *err)
{
    float *users = factors_draw(p, p->users, "ratings.users");
    float *items = factors_draw(p, p->items, "ratings.items");
    lt_status rc = users && items ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    if (rc == LT_OK)
        values_fill(p, users, items, s);
    lt_mem_free(users);
    lt_mem_free(items);
    return rc;
}

/* 1 .. n */
static int64_t *ids_make(int n)
{
    int64_t *ids = lt_mem_alloc((size_t)n, sizeof *ids);

    for (int i = 0; ids && i < n; i++)
        ids[i] = i + 1;
    return ids;
}

lt_status lt_ratings_generate(const lt_ratings_plan *plan, lt_ratings **out,
                              lt_err *err)
{
    int64_t total = 0;
    lt_ratings *r;
    lt_status rc;

    LT_TRY(plan_check(plan, &total, err));
    r = lt_mem_zero(1, sizeof *r);
    if (!r)
        return lt_err_mark(err, LT_ENOMEM);
    r->user_ids = ids_make(plan->users);
    r->item_ids = ids_make(plan->items);
    rc = r->user_ids && r->item_ids ? LT_OK : lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK)
        rc = pattern_make(plan, total, &r->table, err);
    if (rc == LT_OK)
        rc = values_make(plan, &r->table, err);
    if (rc == LT_OK)
        *out = r;
    else
        lt_ratings_free(r);
    return rc;
}
