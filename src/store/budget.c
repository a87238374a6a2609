/* What reading a store may cost. A file that a stranger built can hold pages
 * that lead to each other again and again, so that a count never ends, or texts
 * without measure; no statement of ours asks for so much.
 *
 * Time: a statement's steps are timed and stopped by SQLite's progress handler,
 * which costs nothing beside the OPS it waits for. Waiting for a lock is within
 * it, as is what a statement has taken before. Memory: SQLite's own, for
 * readers, and the rows of one query. Sizes: one value, the parts of a
 * statement. Weights and figures are files; the largest values are scripts,
 * diffs, and pieces of packed files.
 *
 * Order: lt__budget_begin, sqlite3_prepare or _step, lt__budget_end. */
#include "store/store_int.h"

#include "latent/base/clock.h"

#define OPS 20000 /* of SQLite's machine, between two looks at the clock */

#define READER_MEMORY ((sqlite3_int64)1 << 30)
#define MOST_ROWS     50000000

static int budget_watch(void *self)
{
    lt__budget *b = &((lt_store *)self)->budget;

    if (!b->is_running || b->limit <= 0)
        return 0;
    b->is_late = b->spent + lt_clock_elapsed() - b->since > b->limit;
    return b->is_late;
}

void lt__budget_open(lt_store *s)
{
    static const int seconds[] = {
        [LT_STORE_READ] = 120,
        [LT_STORE_WRITE] = 600,
        [LT_STORE_CREATE] = 600,
        [LT_STORE_INSPECT] = 3600, /* every point of a large store */
    };
    static const int limits[][2] = {
        {SQLITE_LIMIT_LENGTH, 256 << 20},
        {SQLITE_LIMIT_VDBE_OP, 10000000},
        {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 20},
        {SQLITE_LIMIT_ATTACHED, 1}, /* VACUUM */
    };

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(s->db, limits[i][0], limits[i][1]);
    s->budget.patience = seconds[s->mode];
    s->budget.most_rows = MOST_ROWS;
    if (lt__store_is_reader(s))
        sqlite3_hard_heap_limit64(READER_MEMORY);
    sqlite3_progress_handler(s->db, OPS, budget_watch, s);
}

void lt__budget_begin(lt_store *s, double spent, double limit)
{
    lt__budget *b = &s->budget;

    b->limit = limit;
    b->spent = spent;
    b->is_late = false;
    b->is_running = true;
    b->since = limit > 0 ? lt_clock_elapsed() : 0;
}

double lt__budget_end(lt_store *s)
{
    lt__budget *b = &s->budget;

    b->is_running = false;
    if (b->limit > 0)
        b->spent += lt_clock_elapsed() - b->since;
    return b->spent;
}
