/* Aggregates that SQLite lacks, for users' SQL and our own:
 *
 *   median(x)  mean of the two middle values when their number is even
 *   stddev(x)  of a sample (divides by n - 1), by Welford's recurrence;
 *              NULL below two values
 *
 * NULL is left out, as in avg(). median keeps all values: 8 bytes each. */
#include "store/store_int.h"

#include "latent/base/mem.h"

#include <math.h>
#include <stdlib.h>

typedef struct spread {
    int64_t n;
    double mean, squares;
} spread;

static void spread_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    spread *a = sqlite3_aggregate_context(ctx, sizeof *a);
    double x, delta;

    (void)argc;
    if (!a || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    x = sqlite3_value_double(argv[0]);
    delta = x - a->mean;
    a->mean += delta / (double)++a->n;
    a->squares += delta * (x - a->mean);
}

static void spread_final(sqlite3_context *ctx)
{
    spread *a = sqlite3_aggregate_context(ctx, 0);

    if (a && a->n > 1)
        sqlite3_result_double(ctx, sqrt(a->squares / (double)(a->n - 1)));
}

typedef struct middle {
    double *values;
    size_t n, capacity;
} middle;

static void middle_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    middle *a = sqlite3_aggregate_context(ctx, sizeof *a);

    (void)argc;
    if (!a || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    if (a->n == a->capacity) {
        size_t capacity = a->capacity ? 2 * a->capacity : 64;
        double *values = lt_mem_grow(a->values, capacity, sizeof *values);

        if (!values) {
            sqlite3_result_error_nomem(ctx);
            return;
        }
        a->values = values;
        a->capacity = capacity;
    }
    a->values[a->n++] = sqlite3_value_double(argv[0]);
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void middle_final(sqlite3_context *ctx)
{
    middle *a = sqlite3_aggregate_context(ctx, 0);

    if (!a || a->n == 0)
        return;
    qsort(a->values, a->n, sizeof *a->values, double_compare);
    sqlite3_result_double(
        ctx, a->n % 2 ? a->values[a->n / 2]
                      : (a->values[a->n / 2 - 1] + a->values[a->n / 2]) / 2);
    lt_mem_free(a->values);
}

lt_status lt__aggregates_register(lt_store *s, lt_err *err)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

    if (sqlite3_create_function_v2(s->db, "stddev", 1, flags, NULL, NULL,
                                   spread_step, spread_final,
                                   NULL) != SQLITE_OK ||
        sqlite3_create_function_v2(s->db, "median", 1, flags, NULL, NULL,
                                   middle_step, middle_final,
                                   NULL) != SQLITE_OK)
        return lt__db_fail(s, err);
    return LT_OK;
}
