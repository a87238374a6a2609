/* The filter language, compiled to SQL with bound values:
 *
 *   tie=tied and code>=6 and test.sse<2 and status=finished
 *   (tie in (tied, untied) or not experiment~mnist) and min(test.sse) < 1.5
 *
 * or, and, not, parentheses; = != < <= > >=; in (a, b); ~ (contains). A name
 * is a column of `runs` (id, name, experiment, sweep, status, seed, host,
 * script, tag, ...), else a config key, else a metric: a bare metric is its
 * last value; min(), max(), first(), last() choose. `config.x` and `metric.x`
 * disambiguate. Values are numbers, true, false, words or 'quoted'. Numbers
 * compare with numbers, text with text. */
#ifndef LT_FILTER_H
#define LT_FILTER_H

#include "latent/store/query.h"
#include "latent/store/store.h"

typedef struct lt_filter lt_filter;

/* `text` NULL or "" takes all. An unknown name is EINVAL with the nearest
 * known one and the column where it stands. The store outlives the filter. */
lt_status lt_filter_compile(lt_store *store, const char *text, lt_filter **out,
                            lt_err *err);
void lt_filter_free(lt_filter *f);

/* Ids of the matching runs, ascending; *ids is the caller's (lt_mem_free). */
lt_status lt_filter_runs(lt_filter *f, int64_t **ids, int *n, lt_err *err);

/* A table over the matching runs, for `ls` and the like. A column is a name as
 * in the filter ("id", "tie", "test.sse", "min(test.sse)"); `order` is one too
 * with "-" before it for descending (NULL: by id); absent values come last.
 * Booleans of a config come as the texts true and false, a last or first value
 * that is NaN as an empty blob. */
typedef struct lt_table_spec {
    const char *const *columns;
    int n_columns;
    const char *order;
    int64_t limit; /* 0: all */
} lt_table_spec;
lt_status lt_filter_table(lt_filter *f, const lt_table_spec *spec,
                          lt_query **out, lt_err *err);

/* All columns of the view `runs` for the matching runs, by ascending id. */
lt_status lt_filter_open(lt_filter *f, lt_query **out, lt_err *err);

/* One row (key, differs, n) for each config key that a matching run has, by
 * name: whether its value differs among them, and how many have it. */
lt_status lt_filter_keys(lt_filter *f, lt_query **out, lt_err *err);

/* RUN on a command line: an id, a unique prefix of a name, "@last", or
 * "@best(METRIC)" (lowest last value among finished runs; "@best(-METRIC)"
 * the highest). ENOTFOUND; an ambiguous prefix is EINVAL with candidates. */
lt_status lt_store_find_run(lt_store *store, const char *text, int64_t *run,
                            lt_err *err);

#endif
