/* Texts kept once by their SHA-256: scripts, Lua modules, git diffs; see
 * latent/store/store.h. A text is checked against its hash when it is read.
 *
 * A text that is put again gets today's time: latent gc, which deletes what no
 * sweep refers to, leaves young ones alone, and the sweep comes after them. */
#include "store/store_int.h"

#include <string.h>

lt_status lt_store_put_source(lt_store *store, const void *bytes, size_t size,
                              char hex[LT_DIGEST_HEX], lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    lt_digest_bytes(bytes, size, hex);
    LT_TRY(lt__db_open(store, &stmt, err,
                       "INSERT INTO source VALUES (?, ?, ?, ?)"
                       " ON CONFLICT (hash) DO UPDATE"
                       " SET added_at = excluded.added_at"
                       " WHERE added_at < excluded.added_at - 600000",
                       "ti", hex, (int64_t)size));
    if (sqlite3_bind_blob64(stmt, 3, size ? bytes : "", size, SQLITE_STATIC) !=
            SQLITE_OK ||
        sqlite3_bind_int64(stmt, 4, lt__now_ms()) != SQLITE_OK)
        rc = lt__db_fail(store, err);
    else
        rc = lt__db_next(store, stmt, &row, err);
    sqlite3_finalize(stmt);
    return rc;
}

static lt_status source_check(lt_store *s, const char *hex, const lt_text *t,
                              lt_err *err)
{
    char found[LT_DIGEST_HEX];

    if (t->failed)
        return lt_err_mark(err, LT_ENOMEM);
    lt_digest_bytes(lt_text_str(t), t->size, found);
    if (strcmp(found, hex) != 0)
        return lt_err_set(err, LT_ESTORE,
                          "%s: source %.12s was changed: it now hashes to "
                          "%.12s",
                          s->path, hex, found);
    return LT_OK;
}

lt_status lt_store_get_source(lt_store *store, const char *hex, lt_text *out,
                              lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    lt_text_clear(out);
    LT_TRY(lt__db_open(store, &stmt, err,
                       "SELECT body FROM source WHERE hash = ?", "t", hex));
    rc = lt__db_next(store, stmt, &row, err);
    if (rc == LT_OK && row) {
        const void *body = sqlite3_column_blob(stmt, 0);

        lt_text_add_n(out, body ? body : "",
                      (size_t)sqlite3_column_bytes(stmt, 0));
    }
    sqlite3_finalize(stmt);
    if (rc == LT_OK && !row)
        return lt_err_set(err, LT_ENOTFOUND, "%s: no source with hash %.64s",
                          store->path, hex);
    return rc == LT_OK ? source_check(store, hex, out, err) : rc;
}

lt_status lt_store_sweep_source(lt_store *store, int64_t sweep, int index,
                                lt_text *path, lt_text *body, lt_err *err)
{
    char hex[LT_DIGEST_HEX] = "";
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    lt_text_clear(path);
    lt_text_clear(body);
    LT_TRY(lt__db_open(store, &stmt, err,
                       "SELECT path, hash FROM sweep_source"
                       " WHERE sweep = ? AND position = ?",
                       "ii", sweep, (int64_t)index));
    rc = lt__db_next(store, stmt, &row, err);
    if (rc == LT_OK && row) {
        lt_text_add(path, lt__db_text(stmt, 0));
        sqlite3_snprintf((int)sizeof hex, hex, "%s", lt__db_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    if (rc == LT_OK && !row)
        return lt_err_set(err, LT_ENOTFOUND, "%s: sweep %lld has no source %d",
                          store->path, (long long)sweep, index);
    if (rc == LT_OK)
        rc = lt_store_get_source(store, hex, body, err);
    if (rc == LT_OK && (path->failed || body->failed))
        rc = lt_err_set(err, LT_ENOMEM, "%s: out of memory", store->path);
    return rc;
}

lt_status lt__source_copy(lt_store *from, const char *hex, lt_store *to,
                          lt_err *err)
{
    char found[LT_DIGEST_HEX];
    lt_text body = {0};
    lt_status rc = lt_store_get_source(from, hex, &body, err);

    if (rc == LT_OK)
        rc = lt_store_put_source(to, lt_text_str(&body), body.size, found, err);
    lt_text_deinit(&body);
    return rc;
}
