/* What a run says beside metrics (a note, its end): one statement each.
 *
 * A statement that the store cannot take is kept and repeated later, by this
 * process or by another, which may not know that it was carried out after all
 * (its process died between that and forgetting it). So each is such that twice
 * is as good as once. The run is always ?1; the values follow. */
#include "store/unsaved_int.h"

typedef struct word {
    const char *types, *sql;
} word;

static const word words[LT__WORD_COUNT] = {
    [LT__WORD_NOTE] = {"it", "INSERT INTO note (run, at, text)"
                             " SELECT ?1, ?2, ?3 WHERE NOT EXISTS"
                             " (SELECT 1 FROM note WHERE run = ?1 AND at = ?2"
                             "  AND text = ?3)"},
    [LT__WORD_TAG] = {"t", "INSERT OR IGNORE INTO tag VALUES (?1, ?2)"},
    [LT__WORD_ARTIFACT] = {"ttttii", "INSERT OR REPLACE INTO artifact"
                                     " VALUES (?, ?, ?, ?, ?, ?, ?)"},
    [LT__WORD_FACTS] = {"ttid", "UPDATE run SET data = coalesce(?2, data),"
                                " network = coalesce(?3, network), parameters ="
                                " coalesce(nullif(?4, 0), parameters),"
                                " examples_per_second = coalesce(nullif(?5,"
                                "  0.0), examples_per_second)"
                                " WHERE id = ?1 AND status IN ('running',"
                                "  'lost', 'failed', 'interrupted')"},
    [LT__WORD_END] = {"ttidd", "UPDATE run SET status = ?2, message = ?3,"
                               " ended_at = ?4, seconds = ?5, cpu_seconds = ?6"
                               " WHERE id = ?1"},
    [LT__WORD_DIVERGENCE] = {"iit", "INSERT OR REPLACE INTO divergence (run,"
                                    " step, layer, what)"
                                    " VALUES (?1, ?2, nullif(?3, 0), ?4)"},
};

const char *lt__word_types(lt__word which)
{
    return words[which].types;
}

static int value_bind(sqlite3_stmt *stmt, int at, const lt__value *v)
{
    switch (v->type) {
    case 'i':
        return sqlite3_bind_int64(stmt, at, v->integer);
    case 'd':
        return sqlite3_bind_double(stmt, at, v->real);
    default:
        return sqlite3_bind_text(stmt, at, v->text, -1, SQLITE_TRANSIENT);
    }
}

lt_status lt__word_write(lt_store *s, int64_t run, lt__word which,
                         const lt__value *values, lt_err *err)
{
    const char *types = words[which].types;
    sqlite3_stmt *stmt = NULL;
    int bound = SQLITE_OK;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, words[which].sql, "i", run));
    for (int i = 0; bound == SQLITE_OK && types[i]; i++) {
        LT_ASSERT(values[i].type == types[i]);
        bound = value_bind(stmt, i + 2, &values[i]);
    }
    rc = bound == SQLITE_OK ? lt__db_next(s, stmt, &row, err)
                            : lt__db_fail(s, err);
    sqlite3_finalize(stmt);
    return rc;
}
