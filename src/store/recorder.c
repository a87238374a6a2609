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
 * What cannot be written by the end is told through close and the run's
 * message. Numbers of points are given in the flush, after the store was asked
 * what the series holds already: a run claimed again goes on. */
#include "latent/store/recorder.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "store/store_int.h"

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
    int64_t id;           /* of the name; 0 before the first flush */
    lt__summary stored;   /* up to the last flush that succeeded */
    lt__summary flushing; /* as it will be after the flush under way */
    int head, tail;       /* points waiting, or -1 */
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
    int64_t n_dropped;       /* for want of memory */
    lt_err trouble;          /* of the last flush, if it failed */
    sqlite3_stmt *insert, *upsert;
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
    *s = (series){.hash = hash, .head = -1, .tail = -1};
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

/* Gives the series its number, and what an earlier claim of the run left. */
static lt_status series_load(lt_recorder *r, series *s, lt_err *err)
{
    lt_store *store = r->claim->store;

    LT_TRY(lt__db_do(store, err,
                     "INSERT OR IGNORE INTO metric_name (name) VALUES (?)", "t",
                     s->name));
    LT_TRY(lt__db_integer(store, &s->id, err,
                          "SELECT id FROM metric_name WHERE name = ?", "t",
                          s->name));
    return lt__summary_load(store, r->claim->run, s->id, &s->flushing, err);
}

static lt_status recorder_prepare(lt_recorder *r, lt_err *err)
{
    lt_store *s = r->claim->store;

    if (!r->insert)
        LT_TRY(lt__db_open(s, &r->insert, err,
                           "INSERT INTO metric (run, name, seq, step, epoch,"
                           " value, kind, elapsed)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                           ""));
    return r->upsert ? LT_OK : lt__summary_open(s, &r->upsert, err);
}

/* run and name stay bound from one point of a series to the next. A NaN is
 * stored as NULL by SQLite itself. */
static lt_status point_write(lt_recorder *r, const lt__point *p, int64_t seq,
                             lt_err *err)
{
    sqlite3_stmt *stmt = r->insert;
    int rc;

    sqlite3_bind_int64(stmt, 3, seq);
    sqlite3_bind_int64(stmt, 4, p->step);
    sqlite3_bind_double(stmt, 5, p->epoch);
    sqlite3_bind_double(stmt, 6, p->value);
    sqlite3_bind_int64(stmt, 7, lt__value_kind(p->value));
    sqlite3_bind_int64(stmt, 8, p->elapsed);
    rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE)
        lt__db_fail(r->claim->store, err);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? LT_OK : LT_ESTORE;
}

static lt_status series_write(lt_recorder *r, series *s, lt_err *err)
{
    s->flushing = s->stored;
    if (s->id == 0)
        LT_TRY(series_load(r, s, err));
    sqlite3_bind_int64(r->insert, 1, r->claim->run);
    sqlite3_bind_int64(r->insert, 2, s->id);
    for (int i = s->head; i >= 0; i = r->points[i].next) {
        LT_TRY(point_write(r, &r->points[i].is, s->flushing.n, err));
        lt__summary_add(&s->flushing, &r->points[i].is);
    }
    return lt__summary_save(r->claim->store, r->upsert, r->claim->run, s->id,
                            &s->flushing, err);
}

static lt_status recorder_write(lt_recorder *r, lt_err *err)
{
    LT_TRY(lt__claim_check(r->claim, err));
    LT_TRY(recorder_prepare(r, err));
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

        if (is_written && s->head >= 0) {
            s->stored = s->flushing;
            s->head = s->tail = -1;
        } else if (!is_written && s->stored.n == 0) {
            s->id = 0;
        }
    }
    if (is_written)
        r->n_points = 0;
}

lt_status lt_recorder_flush(lt_recorder *r, lt_err *err)
{
    lt_store *s;
    lt_status rc;

    r->last_flush = lt_clock_elapsed();
    if (r->n_points == 0 || !r->claim)
        return LT_OK;
    s = r->claim->store;
    r->trouble = (lt_err){0};
    rc = lt__db_begin(s, &r->trouble);
    if (rc == LT_OK)
        rc = lt__db_end(s, recorder_write(r, &r->trouble), &r->trouble);
    recorder_settle(r, rc == LT_OK);
    if (rc == LT_OK)
        r->wait = FLUSH_SECONDS;
    else
        r->wait = fmin(2 * r->wait, RETRY_MAX);
    return rc == LT_OK ? rc : lt_err_set(err, rc, "%s", r->trouble.text);
}

lt_status lt_recorder_settle(lt_recorder *r, lt_counts *out, lt_err *err)
{
    LT_ASSERT(r->claim);
    LT_TRY(lt_recorder_flush(r, err));
    LT_TRY(lt__store_sync(r->claim->store, err));
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

static void flush_while_running(lt_recorder *r)
{
    double limit = r->claim->store->busy_limit;

    r->claim->store->busy_limit = WAIT_SECONDS;
    lt_recorder_flush(r, NULL);
    r->claim->store->busy_limit = limit;
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
    s->tail = r->n_points++;
    if (now - r->last_flush >= r->wait ||
        (r->n_points >= FLUSH_ROWS && r->trouble.status == LT_OK))
        flush_while_running(r);
    return LT_OK;
}

/* ---- its life ---- */

lt_status lt_recorder_new(lt_claim *claim, lt_recorder **out, lt_err *err)
{
    lt_recorder *r = lt_mem_zero(1, sizeof *r);

    LT_ASSERT(!claim->recorder);
    if (!r || !(r->points = lt_mem_alloc(FLUSH_ROWS, sizeof *r->points))) {
        lt_mem_free(r);
        return lt_err_mark(err, LT_ENOMEM);
    }
    r->capacity = FLUSH_ROWS;
    r->claim = claim;
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

/* The last try to write, and what it could not in the claim. */
static lt_status recorder_finish(lt_recorder *r, lt_err *err)
{
    lt_err own = {0};
    lt_status rc = lt_recorder_flush(r, &own);
    int64_t n = r->n_dropped + (rc == LT_OK ? 0 : r->n_points);

    if (n > 0) {
        if (rc == LT_OK)
            rc = lt_err_set(&own, LT_ENOMEM, "out of memory");
        r->claim->n_unsaved += n;
        r->claim->trouble = own;
    }
    sqlite3_finalize(r->insert);
    sqlite3_finalize(r->upsert);
    r->insert = r->upsert = NULL;
    r->claim->recorder = NULL;
    r->claim = NULL;
    return rc == LT_OK ? rc
                       : lt_err_set(err, rc,
                                    "%lld metric values could not be stored: "
                                    "%s",
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
    for (int i = 0; i < r->n_series; i++)
        lt_mem_free(r->series[i].name);
    lt_mem_free(r->series);
    lt_mem_free(r->slots);
    lt_mem_free(r->points);
    lt_mem_free(r);
    return rc;
}
