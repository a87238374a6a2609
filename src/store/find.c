/* RUN on a command line; see latent/store/filter.h.
 *
 * Runs that were removed are found by nobody but who asks for them: then there
 * are no others. */
#include "store/filter_int.h"
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CANDIDATES 5

/* What a removed run is called says so, rather than that there is none. */
static lt_status find_removed(lt_store *s, const char *text, lt_err *err)
{
    int64_t run = 0;

    if (!*text || s->shows_removed || s->version < 2)
        return LT_OK;
    LT_TRY(lt__db_integer(s, &run, err,
                          "SELECT id FROM removed_runs WHERE id = ?1 OR"
                          " substr(name, 1, length(?1)) = ?1 LIMIT 1",
                          "t", text));
    if (run == 0)
        return LT_OK;
    return lt_err_set(err, LT_ENOTFOUND,
                      "%s: run %lld was removed; latent restore %lld brings it "
                      "back",
                      s->path, (long long)run, (long long)run);
}

static lt_status find_nothing(lt_store *s, const char *text, lt_err *err)
{
    LT_TRY(find_removed(s, text, err));
    if (s->shows_removed)
        return lt_err_set(err, LT_ENOTFOUND,
                          "%s: no removed run '%s'; wanted an id, the start of "
                          "a name or @last (latent ls --removed)",
                          s->path, text);
    return lt_err_set(err, LT_ENOTFOUND,
                      "%s: no run '%s'; wanted an id, the start of a name, "
                      "@last or @best(METRIC)",
                      s->path, text);
}

static lt_status find_id(lt_store *s, const char *text, int64_t *run,
                         lt_err *err)
{
    int64_t found = 0;

    LT_TRY(lt__db_integer(s, &found, err,
                          s->shows_removed
                              ? "SELECT id FROM removed_runs WHERE id = ?"
                              : "SELECT id FROM runs WHERE id = ?",
                          "i", (int64_t)strtoll(text, NULL, 10)));
    if (found == 0)
        return find_nothing(s, text, err);
    *run = found;
    return LT_OK;
}

/* The one begun last, or when none was, the one queued last; among removed
 * ones, that removed last. */
static lt_status find_last(lt_store *s, int64_t *run, lt_err *err)
{
    int64_t found = 0;

    LT_TRY(lt__db_integer(s, &found, err,
                          s->shows_removed
                              ? "SELECT id FROM removed_runs ORDER BY"
                                " removed_at DESC, id DESC LIMIT 1"
                              : "SELECT id FROM runs ORDER BY started_at DESC"
                                " NULLS LAST, id DESC LIMIT 1",
                          ""));
    if (found == 0)
        return lt_err_set(err, LT_ENOTFOUND,
                          s->shows_removed ? "%s: no run was removed"
                                           : "%s: no runs yet",
                          s->path);
    *run = found;
    return LT_OK;
}

/* `text` is what stands after "@best". */
static lt_status best_metric(lt_store *s, const char *text, lt__names *names,
                             lt__ref *ref, bool *is_high, lt_err *err)
{
    size_t n = strlen(text);
    lt_text metric = {0};
    lt_status rc;

    if (n < 3 || text[0] != '(' || text[n - 1] != ')')
        return lt_err_set(err, LT_EINVAL,
                          "run '@best%s': wanted @best(METRIC) for the lowest "
                          "or @best(-METRIC) for the highest value",
                          text);
    *is_high = text[1] == '-';
    lt_text_add_n(&metric, text + 1 + *is_high, n - 2 - *is_high);
    rc = metric.failed ? lt_err_mark(err, LT_ENOMEM)
                       : lt__names_load(names, s, err);
    if (rc == LT_OK) {
        lt_err own = {0};

        rc = lt__names_parse(names, metric.data, ref, &own);
        if (rc == LT_OK && ref->name->kind != LT__REF_METRIC)
            rc = lt_err_set(&own, LT_EINVAL, "'%s' is not a metric",
                            metric.data);
        if (rc != LT_OK)
            lt_err_set(err, rc, "run '@best%s': %s", text, own.text);
    }
    lt_text_deinit(&metric);
    return rc;
}

static lt_status find_best(lt_store *s, const char *text, int64_t *run,
                           lt_err *err)
{
    lt__names names = {0};
    lt_text sql = {0};
    int64_t found = 0;
    bool is_high = false;
    lt__ref ref;
    lt_status rc = best_metric(s, text, &names, &ref, &is_high, err);

    if (rc == LT_OK) {
        lt_text_add(&sql, "SELECT id FROM (SELECT r.id AS id, ");
        lt__ref_emit(&ref, &sql);
        lt_text_addf(&sql,
                     " AS value FROM %s r WHERE r.status = 'finished')"
                     " WHERE abs(value) < 9e999 ORDER BY value %s, id LIMIT 1",
                     lt__store_runs(s), is_high ? "DESC" : "ASC");
        rc = sql.failed ? lt_err_mark(err, LT_ENOMEM)
                        : lt__db_integer(s, &found, err, sql.data, "");
    }
    lt_text_deinit(&sql);
    lt__names_deinit(&names);
    if (rc == LT_OK && found == 0)
        return lt_err_set(err, LT_ENOTFOUND,
                          "%s: no finished run has the metric of '@best%s'",
                          s->path, text);
    if (rc == LT_OK)
        *run = found;
    return rc;
}

#define NAMED(view)                                                            \
    "SELECT id, name, name = ?1 FROM " view                                    \
    " WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name LIMIT ?2"

/* Names that start with `text`, at most MAX_CANDIDATES + 1 of them. */
static lt_status find_names(lt_store *s, const char *text, lt_text *names,
                            int *n, int64_t *run, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err,
                       s->shows_removed ? NAMED("removed_runs") : NAMED("runs"),
                       "ti", text, (int64_t)MAX_CANDIDATES + 1));
    while ((rc = lt__db_next(s, stmt, &row, err)) == LT_OK && row) {
        *run = sqlite3_column_int64(stmt, 0);
        if (sqlite3_column_int(stmt, 2)) { /* the whole name, sorts first */
            *n = 1;
            break;
        }
        ++*n;
        lt_text_addf(names, "%s%s", *n > 1 ? ", " : "",
                     *n > MAX_CANDIDATES ? "..." : lt__db_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status find_name(lt_store *s, const char *text, int64_t *run,
                           lt_err *err)
{
    lt_text names = {0};
    int64_t found = 0;
    int n = 0;
    lt_status rc = find_names(s, text, &names, &n, &found, err);

    if (rc == LT_OK && n == 0)
        rc = find_nothing(s, text, err);
    else if (rc == LT_OK && n > 1)
        rc = lt_err_set(err, LT_EINVAL,
                        "run '%s': the start of several names: %s", text,
                        lt_text_str(&names));
    if (rc == LT_OK)
        *run = found;
    lt_text_deinit(&names);
    return rc;
}

lt_status lt_store_find_run(lt_store *store, const char *text, int64_t *run,
                            lt_err *err)
{
    if (*text == '\0' || (store->shows_removed && store->version < 2))
        return find_nothing(store, text, err);
    if (strcmp(text, "@last") == 0)
        return find_last(store, run, err);
    if (strncmp(text, "@best", 5) == 0)
        return find_best(store, text + 5, run, err);
    if (strspn(text, "0123456789") == strlen(text))
        return find_id(store, text, run, err);
    return find_name(store, text, run, err);
}
