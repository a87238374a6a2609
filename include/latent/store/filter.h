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

#include "latent/store/store.h"

typedef struct lt_filter lt_filter;

/* `text` NULL or "" takes all. An unknown name is EINVAL with the nearest
 * known one and the column where it stands. The store outlives the filter. */
lt_status lt_filter_compile(lt_store *store, const char *text, lt_filter **out,
                            lt_err *err);
void lt_filter_free(lt_filter *f);

/* Ids of the matching runs, ascending; *ids is the caller's (lt_mem_free). */
lt_status lt_filter_runs(lt_filter *f, int64_t **ids, int *n, lt_err *err);

/* RUN on a command line: an id, a unique prefix of a name, "@last", or
 * "@best(METRIC)" (lowest last value among finished runs; "@best(-METRIC)"
 * the highest). ENOTFOUND; an ambiguous prefix is EINVAL with candidates. */
lt_status lt_store_find_run(lt_store *store, const char *text, int64_t *run,
                            lt_err *err);

#endif
