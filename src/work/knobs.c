/* Names for runs: the knobs that vary in the sweep (0: among all that is
 * queued) and their values.
 *
 * Asked of the store once for the sweep and once a run, through its views.
 * A name is a convenience: trouble here never stops a sweep. */
#include "work/work_int.h"

#include "latent/base/mem.h"
#include "latent/store/query.h"

#include <inttypes.h>
#include <string.h>

struct lt__knobs {
    lt_store *store;
    char experiment[128];
    lt_text keys; /* "'code','tie'", quoted for SQL */
};

static lt_status next_text(lt_query *q, lt_value *v, bool *row, lt_err *err)
{
    LT_TRY(lt_query_next(q, row, err));
    if (*row)
        lt_query_value(q, 0, v);
    return LT_OK;
}

static lt_status ask(lt_store *store, const char *sql, int64_t id,
                     lt_query **out, lt_err *err)
{
    lt_value v = {.type = LT_VALUE_INTEGER, .integer = id};
    lt_status rc = lt_query_open(store, sql, 0, out, err);

    if (rc == LT_OK)
        rc = lt_query_bind(*out, 1, &v, err);
    return rc;
}

static void add_quoted(lt_text *out, const char *bytes, size_t size)
{
    lt_text_add(out, out->size ? ",'" : "'");
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\'')
            lt_text_add(out, "'");
        lt_text_add_n(out, &bytes[i], 1);
    }
    lt_text_add(out, "'");
}

static lt_status find_keys(lt__knobs *k, int64_t sweep, lt_err *err)
{
    lt_query *q = NULL;
    bool row = false;
    lt_value v;
    lt_status rc =
        ask(k->store,
            "SELECT key FROM params WHERE run IN (SELECT id FROM runs WHERE "
            "sweep = ?1 OR ?1 = 0 AND status = 'queued') GROUP BY key HAVING "
            "count(DISTINCT value) > 1 "
            "ORDER BY key",
            sweep, &q, err);

    while (rc == LT_OK && (rc = next_text(q, &v, &row, err)) == LT_OK && row)
        add_quoted(&k->keys, v.text, v.size);
    lt_query_close(q);
    return rc;
}

static lt_status find_experiment(lt__knobs *k, int64_t sweep, lt_err *err)
{
    lt_query *q = NULL;
    bool row = false;
    lt_value v;
    lt_status rc = ask(k->store,
                       "SELECT CASE count(DISTINCT experiment) WHEN 1 THEN "
                       "max(experiment) ELSE count(DISTINCT experiment) || "
                       "' experiments' END FROM runs "
                       "WHERE sweep = ?1 OR ?1 = 0 AND status = 'queued'",
                       sweep, &q, err);

    if (rc == LT_OK)
        rc = next_text(q, &v, &row, err);
    if (rc == LT_OK && row && v.size < sizeof k->experiment)
        memcpy(k->experiment, v.text, v.size);
    lt_query_close(q);
    return rc;
}

lt_status lt__knobs_new(lt_store *store, int64_t sweep, lt__knobs **out,
                        lt_err *err)
{
    lt__knobs *k = lt_mem_zero(1, sizeof *k);
    lt_status rc = k ? LT_OK : LT_ENOMEM;

    if (rc == LT_OK) {
        k->store = store;
        rc = find_experiment(k, sweep, err);
    }
    if (rc == LT_OK)
        rc = find_keys(k, sweep, err);
    if (rc == LT_OK)
        *out = k;
    else
        lt__knobs_free(k);
    return lt_err_mark(err, rc);
}

void lt__knobs_free(lt__knobs *k)
{
    if (!k)
        return;
    lt_text_deinit(&k->keys);
    lt_mem_free(k);
}

const char *lt__knobs_experiment(const lt__knobs *k)
{
    return k->experiment;
}

static void add_value(lt_text *out, lt_query *q)
{
    lt_value key, value;

    lt_query_value(q, 0, &key);
    lt_query_value(q, 1, &value);
    lt_text_addf(out, " %.*s=", (int)key.size, key.text);
    if (value.type == LT_VALUE_INTEGER)
        lt_text_addf(out, "%" PRId64, value.integer);
    else if (value.type == LT_VALUE_REAL)
        lt_text_addf(out, "%.6g", value.real);
    else if (value.type == LT_VALUE_TEXT)
        lt_text_add_n(out, value.text, value.size);
}

void lt__knobs_title(lt__knobs *k, int64_t run, lt_text *out)
{
    lt_text sql = {0};
    lt_query *q = NULL;
    bool row = false;
    lt_status rc;

    lt_text_clear(out);
    lt_text_addf(out, "%" PRId64, run);
    if (k->keys.size == 0)
        return;
    lt_text_addf(&sql,
                 "SELECT key, value FROM params WHERE run = ?1 AND key IN "
                 "(%s) ORDER BY key = 'seed', key",
                 k->keys.data);
    rc = sql.failed ? LT_ENOMEM : ask(k->store, sql.data, run, &q, NULL);
    while (rc == LT_OK && (rc = lt_query_next(q, &row, NULL)) == LT_OK && row)
        add_value(out, q);
    lt_query_close(q);
    lt_text_deinit(&sql);
}
