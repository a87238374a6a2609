/* What is read through a filter: ids, whole rows, tables, knobs; see
 * latent/store/filter.h.
 *
 * One statement each. Values of knobs and metrics are scalar subqueries by
 * primary key, so that a table over 10,000 runs is 10,000 look-ups a column
 * and never touches the points of a metric. */
#include "latent/base/mem.h"
#include "store/filter_int.h"
#include "store/store_int.h"

#include <string.h>

/* Opens `sql` with the filter's values bound; frees the text. */
static lt_status filter_query(lt_filter *f, lt_text *sql, lt_query **out,
                              lt_err *err)
{
    lt_query *q = NULL;
    lt_status rc = sql->failed
                       ? lt_err_mark(err, LT_ENOMEM)
                       : lt_query_open(f->store, lt_text_str(sql), 0, &q, err);

    lt_text_deinit(sql);
    for (int i = 0; rc == LT_OK && i < f->n_values; i++) {
        /* A boolean is in the SQL itself. */
        if (f->values[i].type != LT_VALUE_BLOB)
            rc = lt_query_bind(q, i + 1, &f->values[i], err);
    }
    if (rc == LT_OK)
        *out = q;
    else
        lt_query_close(q);
    return rc;
}

lt_status lt_filter_open(lt_filter *f, lt_query **out, lt_err *err)
{
    lt_text sql = {0};

    lt_text_addf(&sql, "SELECT * FROM %s r WHERE %s ORDER BY r.id",
                 lt__store_runs(f->store), lt_text_str(&f->where));
    return filter_query(f, &sql, out, err);
}

/* ---- ids ---- */

static lt_status ids_read(lt_query *q, int64_t **ids, int *n, lt_err *err)
{
    int capacity = 0;
    lt_value v;
    bool row;

    for (;;) {
        LT_TRY(lt_query_next(q, &row, err));
        if (!row)
            return LT_OK;
        if (*n == capacity) {
            int64_t *more;

            capacity = capacity ? 2 * capacity : 256;
            more = lt_mem_grow(*ids, (size_t)capacity, sizeof *more);
            if (!more)
                return lt_err_mark(err, LT_ENOMEM);
            *ids = more;
        }
        lt_query_value(q, 0, &v);
        (*ids)[(*n)++] = v.integer;
    }
}

lt_status lt_filter_runs(lt_filter *f, int64_t **ids, int *n, lt_err *err)
{
    int64_t *found = lt_mem_alloc(1, sizeof *found);
    lt_query *q = NULL;
    lt_text sql = {0};
    int count = 0;
    lt_status rc;

    lt_text_addf(&sql, "SELECT r.id FROM %s r WHERE %s ORDER BY r.id",
                 lt__store_runs(f->store), lt_text_str(&f->where));
    rc = filter_query(f, &sql, &q, err);
    if (rc == LT_OK)
        rc = found ? ids_read(q, &found, &count, err)
                   : lt_err_mark(err, LT_ENOMEM);
    lt_query_close(q);
    if (rc != LT_OK) {
        lt_mem_free(found);
        return rc;
    }
    *ids = found;
    *n = count;
    return LT_OK;
}

/* ---- tables ---- */

/* SQL has no NaN: a series that has a NaN last or first says NULL there, as
 * if it had nothing. An empty blob stands for it. */
static void table_value(const lt__ref *ref, lt_text *sql)
{
    const char *part = ref->part;

    if (ref->name->kind == LT__REF_METRIC &&
        (strcmp(part, "last") == 0 || strcmp(part, "first") == 0))
        lt_text_addf(sql,
                     "(SELECT ifnull(m.\"%s\", X'') FROM series m"
                     " WHERE m.run = r.id AND m.name = %lld)",
                     part, (long long)ref->name->id);
    else
        lt__ref_emit(ref, sql);
}

static lt_status table_columns(lt_filter *f, const lt_table_spec *spec,
                               lt_text *sql, lt_err *err)
{
    lt__ref ref;

    for (int i = 0; i < spec->n_columns; i++) {
        LT_TRY(lt__names_parse(&f->names, spec->columns[i], &ref, err));
        lt_text_add(sql, i > 0 ? ", " : "");
        table_value(&ref, sql);
        lt_text_addf(sql, " AS c%d", i);
    }
    return LT_OK;
}

static lt_status table_order(lt_filter *f, const char *order, lt_text *sql,
                             lt_err *err)
{
    bool is_down = order && *order == '-';
    lt__ref ref;

    lt_text_add(sql, " ORDER BY ");
    if (order) {
        LT_TRY(lt__names_parse(&f->names, order + is_down, &ref, err));
        lt__ref_emit(&ref, sql);
        lt_text_add(sql, is_down ? " DESC NULLS LAST, " : " NULLS LAST, ");
    }
    lt_text_add(sql, "r.id");
    return LT_OK;
}

lt_status lt_filter_table(lt_filter *f, const lt_table_spec *spec,
                          lt_query **out, lt_err *err)
{
    lt_text sql = {0};
    lt_err own = {0};
    lt_status rc;

    LT_ASSERT(spec->n_columns > 0);
    lt_text_add(&sql, "SELECT ");
    rc = table_columns(f, spec, &sql, &own);
    lt_text_addf(&sql, " FROM %s r WHERE %s", lt__store_runs(f->store),
                 lt_text_str(&f->where));
    if (rc == LT_OK)
        rc = table_order(f, spec->order, &sql, &own);
    if (spec->limit > 0)
        lt_text_addf(&sql, " LIMIT %lld", (long long)spec->limit);
    if (rc != LT_OK) {
        lt_text_deinit(&sql);
        return lt_err_set(err, rc, "%s", own.text);
    }
    return filter_query(f, &sql, out, err);
}

/* Whether the filter takes all runs that there are in the store's tables. */
static lt_status filter_is_all(const lt_filter *f, bool *is_all, lt_err *err)
{
    int64_t hides = f->store->shows_removed;

    *is_all = false;
    if (strcmp(lt_text_str(&f->where), "TRUE") != 0)
        return LT_OK;
    if (!hides && f->store->version >= 2)
        LT_TRY(lt__db_integer(f->store, &hides, err,
                              "SELECT 1 FROM removed LIMIT 1", ""));
    *is_all = !hides;
    return LT_OK;
}

/* Compares with the first run that has the knob, and stops at one that
 * differs: half the time of min and max. A knob that some of the runs lack
 * differs as well. */
lt_status lt_filter_keys(lt_filter *f, lt_query **out, lt_err *err)
{
    const char *among;
    lt_text sql = {0};
    bool is_all;

    LT_TRY(filter_is_all(f, &is_all, err));
    among = is_all ? "" : " AND p.run IN (SELECT id FROM m)";
    if (is_all)
        lt_text_add(&sql, "WITH t(n) AS MATERIALIZED (SELECT count(*)"
                          " FROM run)");
    else
        lt_text_addf(&sql,
                     "WITH m(id) AS MATERIALIZED (SELECT r.id FROM %s r"
                     " WHERE %s), t(n) AS MATERIALIZED (SELECT count(*)"
                     " FROM m)",
                     lt__store_runs(f->store), lt_text_str(&f->where));
    lt_text_addf(&sql,
                 ", c(id, name, n, one) AS MATERIALIZED (SELECT k.id, k.name,"
                 " (SELECT count(*) FROM param p WHERE p.key = k.id%s),"
                 " (SELECT p.run FROM param p WHERE p.key = k.id%s LIMIT 1)"
                 " FROM param_name k)"
                 " SELECT c.name AS key, c.n < (SELECT n FROM t) OR EXISTS ("
                 "SELECT 1 FROM param p WHERE p.key = c.id AND"
                 " (p.value IS NOT f.value OR p.type != f.type)%s) AS differs,"
                 " c.n AS n FROM c JOIN param f ON f.key = c.id AND"
                 " f.run = c.one ORDER BY 1",
                 among, among, among);
    return filter_query(f, &sql, out, err);
}
