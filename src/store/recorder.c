/* Metrics on their way to the store; see latent/store/recorder.h.
 *
 * A value costs a hash of its name, a look at the clock and 48 bytes of
 * buffer. Values wait in the order they came, chained by series, and a flush
 * writes them series by series: the rows of a series lie together in the
 * table (WITHOUT ROWID, PRIMARY KEY (run, name, seq)), so that this fills
 * pages in order. The summary of every touched series goes into the same
 * transaction, so view `finals` never disagrees with view `metrics`.
 *
 * A run must not die of its log. A flush that fails (disk full, another
 * writer too long at work) is rolled back whole, keeps every value, and is
 * tried again a second later, then ever less often; `metric` returns LT_OK.
 * Meanwhile the values go, once a second, to the run's side file (unsaved.c)
 * as well: who dies with the store still closed to it leaves them there. What
 * not even that file could take by the end is told through close and the run's
 * message.
 *
 * On a network's file system that file is where values go in the first place:
 * they are folded in when the run ends, and until then only there.
 *
 * A point's number in its series is what the store has, asked when the recorder
 * is made, and how many came since. A commit that failed may have been carried
 * out after all: after a failure the store is asked again, and points that it
 * has by then are not written twice. */
#include "latent/store/recorder.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "store/unsaved_int.h"

#include <math.h>
#include <string.h>

#define FLUSH_ROWS    4096
#define FLUSH_SECONDS 1.0
#define WAIT_SECONDS  2.0  /* for other writers, while the run goes on */
#define RETRY_MAX     60.0 /* seconds between tries when flushes fail */

typedef struct point {
    lt__point is;
    int next; /* of the same series, or -1 */
} point;

typedef struct series {
    char *name;
    uint64_t hash;
    int64_t id;           /* of the name; 0: ask the store */
    int64_t n_stored;     /* points that the store has */
    lt__summary stored;   /* of them, when the id is known */
    lt__summary flushing; /* as it will be after the flush under way */
    int head, tail;       /* points waiting, or -1 */
    int unfiled;          /* the first that is not in the side file, or -1 */
    int64_t n_filed;      /* before it */
} series;

struct lt_recorder {
    lt_claim *claim; /* NULL once that has ended */
    lt_observer observer;
    point *points;
    int n_points, capacity;
    series *series;
    int n_series, series_capacity;
    int *slots; /* hash table of series numbers, -1 empty */
    int n_slots;
    double last_flush, wait; /* wait: seconds to the next try */
    double last_filing;
    int64_t n_dropped; /* for want of memory */
    lt_err trouble;    /* of the last flush, if it failed */
    lt__series_writer writer;
};

/* ---- series by name ---- */

static uint64_t name_hash(const char *name)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a */

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211ULL;
    return h;
}

static void slots_put(lt_recorder *r, int number)
{
    unsigned mask = (unsigned)r->n_slots - 1;
    unsigned at = (unsigned)r->series[number].hash & mask;

    while (r->slots[at] >= 0)
        at = (at + 1) & mask;
    r->slots[at] = number;
}

/* Keeps the table at most half full. */
static bool slots_grow(lt_recorder *r)
{
    int n = r->n_slots ? 2 * r->n_slots : 64;
    int *slots = lt_mem_alloc((size_t)n, sizeof *slots);

    if (!slots)
        return false;
    for (int i = 0; i < n; i++)
        slots[i] = -1;
    lt_mem_free(r->slots);
    r->slots = slots;
    r->n_slots = n;
    for (int i = 0; i < r->n_series; i++)
        slots_put(r, i);
    return true;
}

static series *series_add(lt_recorder *r, const char *name, uint64_t hash)
{
    series *s;

    if (2 * (r->n_series + 1) > r->n_slots && !slots_grow(r))
        return NULL;
    if (r->n_series == r->series_capacity) {
        int capacity = r->series_capacity ? 2 * r->series_capacity : 32;

        s = lt_mem_grow(r->series, (size_t)capacity, sizeof *s);
        if (!s)
            return NULL;
        r->series = s;
        r->series_capacity = capacity;
    }
    s = &r->series[r->n_series];
    *s = (series){.hash = hash, .head = -1, .tail = -1, .unfiled = -1};
    s->name = lt_mem_strdup(name);
    if (!s->name)
        return NULL;
    slots_put(r, r->n_series++);
    return s;
}

static series *series_find(lt_recorder *r, const char *name)
{
    uint64_t hash = name_hash(name);
    unsigned mask = (unsigned)r->n_slots - 1;
    unsigned at = (unsigned)hash & mask;

    if (r->n_slots > 0)
        for (; r->slots[at] >= 0; at = (at + 1) & mask) {
            series *s = &r->series[r->slots[at]];

            if (s->hash == hash && strcmp(s->name, name) == 0)
                return s;
        }
    return series_add(r, name, hash);
}

/* ---- flushing ---- */

/* Gives the series its number, and what the store has of it. */
static lt_status series_load(lt_recorder *r, series *s, lt_err *err)
{
    lt_store *store = r->claim->store;

    LT_TRY(lt__series_name(store, s->name, &s->id, err));
    s->flushing = (lt__summary){0};
    return lt__summary_load(store, r->claim->run, s->id, &s->flushing, err);
}

static lt_status series_write(lt_recorder *r, series *s, lt_err *err)
{
    lt_store *store = r->claim->store;
    int64_t seq = s->n_stored, had;

    s->flushing = s->stored;
    if (s->id == 0)
        LT_TRY(series_load(r, s, err));
    had = s->flushing.n;
    for (int i = s->head; i >= 0; i = r->points[i].next)
        if (seq++ >= had)
            LT_TRY(lt__writer_point(store, &r->writer, r->claim->run, s->id,
                                    &r->points[i].is, &s->flushing, err));
    return lt__summary_save(store, r->writer.upsert, r->claim->run, s->id,
                            &s->flushing, err);
}

/* What the side file has goes first. *is_all: and can go from there. */
static lt_status recorder_write(lt_recorder *r, bool *is_all, lt_err *err)
{
    const lt__unsaved *u = r->claim->unsaved;

    LT_TRY(lt__claim_check(r->claim, err));
    if (u && !lt__unsaved_is_empty(u)) {
        LT_TRY(lt__claim_drain(r->claim, is_all, err));
        for (int i = 0; i < r->n_series; i++)
            r->series[i].id = 0;
    }
    LT_TRY(lt__writer_open(r->claim->store, &r->writer, err));
    for (int i = 0; i < r->n_series; i++)
        if (r->series[i].head >= 0)
            LT_TRY(series_write(r, &r->series[i], err));
    return LT_OK;
}

/* After a commit the points are gone; after a rollback so are the numbers of
 * names that it had made. */
static void recorder_settle(lt_recorder *r, bool is_written)
{
    for (int i = 0; i < r->n_series; i++) {
        series *s = &r->series[i];

        if (!is_written) {
            s->id = 0;
        } else if (s->head >= 0) {
            s->stored = s->flushing;
            s->n_stored = s->flushing.n;
            s->head = s->tail = s->unfiled = -1;
            s->n_filed = 0;
        }
    }
    if (is_written)
        r->n_points = 0;
}

/* ---- the side file ---- */

/* Adds what it lacks; on the disk after this. */
static lt_status recorder_file(lt_recorder *r, lt_err *err)
{
    lt__unsaved *u = r->claim->unsaved;

    r->last_filing = lt_clock_elapsed();
    if (!u)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = 0; i < r->n_series; i++) {
        const series *s = &r->series[i];

        if (s->unfiled >= 0)
            lt__unsaved_series(u, s->name, s->n_stored + s->n_filed);
        for (int at = s->unfiled; at >= 0; at = r->points[at].next)
            lt__unsaved_point(u, &r->points[at].is);
    }
    LT_TRY(lt__unsaved_commit(u, err));
    for (int i = 0; i < r->n_series; i++) {
        series *s = &r->series[i];

        for (; s->unfiled >= 0; s->unfiled = r->points[s->unfiled].next)
            s->n_filed++;
    }
    return LT_OK;
}

static int64_t count_unfiled(const lt_recorder *r)
{
    int64_t n = r->n_points;

    for (int i = 0; i < r->n_series; i++)
        n -= r->series[i].n_filed;
    return n;
}

static void flush_failed(lt_recorder *r)
{
    r->wait = fmin(2 * r->wait, RETRY_MAX);
    if (!r->claim->is_gone)
        lt__claim_complain(r->claim, &r->trouble,
                           recorder_file(r, NULL) == LT_OK);
}

/* Over a network all points go to the side file, and are let go of. */
static lt_status flush_to_file(lt_recorder *r, lt_err *err)
{
    LT_TRY(recorder_file(r, err));
    for (int i = 0; i < r->n_series; i++) {
        series *s = &r->series[i];

        s->n_stored += s->n_filed;
        s->n_filed = 0;
        s->head = s->tail = -1;
    }
    r->n_points = 0;
    return LT_OK;
}

lt_status lt_recorder_flush(lt_recorder *r, lt_err *err)
{
    bool is_all = true;
    lt_store *s;
    lt_status rc;

    r->last_flush = lt_clock_elapsed();
    if (r->n_points == 0 || !r->claim)
        return LT_OK;
    s = r->claim->store;
    r->trouble = (lt_err){0};
    if (s->is_network && flush_to_file(r, NULL) == LT_OK)
        return LT_OK;
    rc = lt__db_begin(s, &r->trouble);
    if (rc == LT_OK)
        rc =
            lt__db_end(s, recorder_write(r, &is_all, &r->trouble), &r->trouble);
    recorder_settle(r, rc == LT_OK);
    if (rc != LT_OK) {
        flush_failed(r);
        return lt_err_set(err, rc, "%s", r->trouble.text);
    }
    r->wait = FLUSH_SECONDS;
    if (is_all && r->claim->unsaved &&
        !lt__unsaved_is_empty(r->claim->unsaved) &&
        lt__store_sync(s, NULL) == LT_OK)
        lt__unsaved_empty(r->claim->unsaved);
    return rc;
}

static lt_status recorder_counts(const lt_recorder *r, lt_counts *out,
                                 lt_err *err)
{
    lt_counts all = {0};
    lt_status rc = LT_OK;

    for (int i = 0; rc == LT_OK && i < r->n_series; i++) {
        const series *s = &r->series[i];

        rc = lt__counts_add(&all, s->name, s->n_stored + s->n_filed, err);
    }
    if (rc == LT_OK)
        *out = all;
    else
        lt_counts_deinit(&all);
    return rc;
}

/* What is in the side file is as good as stored: whoever goes on with the run
 * folds it in first. */
lt_status lt_recorder_settle(lt_recorder *r, lt_counts *out, lt_err *err)
{
    lt_status rc;

    LT_ASSERT(r->claim);
    rc = lt_recorder_flush(r, err);
    if (rc != LT_OK && (r->claim->is_gone || count_unfiled(r) > 0))
        return rc;
    LT_TRY(lt__store_sync(r->claim->store, err)); /* earlier flushes, too */
    if (rc != LT_OK || r->claim->store->is_network)
        return recorder_counts(r, out, err);
    return lt_claim_counts(r->claim, out, err);
}

/* ---- the observer ---- */

static bool points_grow(lt_recorder *r)
{
    point *points;

    if (r->n_points < r->capacity)
        return true;
    points = lt_mem_grow(r->points, 2 * (size_t)r->capacity, sizeof *points);
    if (!points)
        return false;
    r->points = points;
    r->capacity *= 2;
    return true;
}

static lt_status flush_soon(lt_recorder *r, lt_err *err)
{
    lt_store *s = r->claim->store;
    double limit = s->busy_limit;
    lt_status rc;

    s->busy_limit = WAIT_SECONDS;
    rc = lt_recorder_flush(r, err);
    s->busy_limit = limit;
    return rc;
}

static void recorder_pace(lt_recorder *r, double now)
{
    bool is_in_trouble = r->trouble.status != LT_OK;

    if (now - r->last_flush >= r->wait ||
        (r->n_points >= FLUSH_ROWS && !is_in_trouble))
        flush_soon(r, NULL);
    else if (is_in_trouble && now - r->last_filing >= FLUSH_SECONDS &&
             !r->claim->is_gone)
        recorder_file(r, NULL);
}

static lt_status recorder_metric(void *self, const char *name, int64_t step,
                                 double epoch, double value, lt_err *err)
{
    lt_recorder *r = self;
    series *s = series_find(r, name);
    double now = lt_clock_elapsed();
    point *p;

    (void)err;
    LT_ASSERT(r->claim);
    if (!s || !points_grow(r)) {
        r->n_dropped++;
        return LT_OK;
    }
    p = &r->points[r->n_points];
    *p = (point){
        .is = {.step = step,
               .elapsed = (int64_t)((now - r->claim->started) * 1000),
               .epoch = epoch,
               .value = value},
        .next = -1,
    };
    if (s->head < 0)
        s->head = r->n_points;
    else
        r->points[s->tail].next = r->n_points;
    if (s->unfiled < 0)
        s->unfiled = r->n_points;
    s->tail = r->n_points++;
    recorder_pace(r, now);
    return LT_OK;
}

/* ---- its life ---- */

/* How many points of each metric an earlier claim has left. */
static lt_status recorder_count(lt_recorder *r, lt_err *err)
{
    lt_counts counts = {0};
    lt_status rc = lt_claim_counts(r->claim, &counts, err);

    for (int i = 0; rc == LT_OK && i < counts.n; i++) {
        series *s = series_find(r, counts.names[i]);

        if (s)
            s->n_stored = counts.counts[i];
        else
            rc = lt_err_mark(err, LT_ENOMEM);
    }
    lt_counts_deinit(&counts);
    return rc;
}

static void recorder_free(lt_recorder *r)
{
    for (int i = 0; i < r->n_series; i++)
        lt_mem_free(r->series[i].name);
    lt_mem_free(r->series);
    lt_mem_free(r->slots);
    lt_mem_free(r->points);
    lt_mem_free(r);
}

lt_status lt_recorder_new(lt_claim *claim, lt_recorder **out, lt_err *err)
{
    lt_recorder *r = lt_mem_zero(1, sizeof *r);
    lt_status rc = LT_ENOMEM;

    LT_ASSERT(!claim->recorder);
    if (!r)
        return lt_err_mark(err, LT_ENOMEM);
    r->claim = claim;
    r->points = lt_mem_alloc(FLUSH_ROWS, sizeof *r->points);
    if (r->points)
        rc = recorder_count(r, err);
    if (rc != LT_OK) {
        recorder_free(r);
        return lt_err_mark(err, rc);
    }
    r->capacity = FLUSH_ROWS;
    r->observer = (lt_observer){.self = r, .metric = recorder_metric};
    r->last_flush = lt_clock_elapsed();
    r->wait = FLUSH_SECONDS;
    claim->recorder = r;
    *out = r;
    return LT_OK;
}

const lt_observer *lt_recorder_observer(lt_recorder *r)
{
    return &r->observer;
}

/* The last try to write: not a long one where it has failed before and the side
 * file has all (the claim's end tries too, and takes that along). */
static lt_status flush_finally(lt_recorder *r, lt_err *err)
{
    if (r->trouble.status != LT_OK && flush_soon(r, err) != LT_OK &&
        count_unfiled(r) == 0)
        return r->trouble.status;
    return lt_recorder_flush(r, err);
}

/* What neither the store nor the side file could take, in the claim. */
static lt_status recorder_finish(lt_recorder *r, lt_err *err)
{
    lt_err own = {0};
    lt_status rc = flush_finally(r, &own);
    int64_t n = r->n_dropped + (rc == LT_OK ? 0 : count_unfiled(r));

    if (n > 0) {
        if (rc == LT_OK)
            rc = lt_err_set(&own, LT_ENOMEM, "out of memory");
        r->claim->n_unsaved += n;
        r->claim->trouble = own;
    }
    lt__writer_close(&r->writer);
    r->claim->recorder = NULL;
    r->claim = NULL;
    return n == 0 ? LT_OK
                  : lt_err_set(err, rc,
                               "%lld metric values could not be stored: %s",
                               (long long)n, own.text);
}

void lt__recorder_detach(lt_recorder *r)
{
    recorder_finish(r, NULL);
}

lt_status lt_recorder_close(lt_recorder *r, lt_err *err)
{
    lt_status rc;

    if (!r)
        return LT_OK;
    rc = r->claim ? recorder_finish(r, err) : LT_OK;
    recorder_free(r);
    return rc;
}
