/* A run queued once more in another store; see latent/store/replay.h.
 *
 * The row of the run and its sweep stays open in the one store while the other
 * takes it: nothing is copied on the way but the sources, which are read one
 * by one and checked. The run goes through the queue as every other does, and
 * then gets its name back; its id it has because the store was told that the
 * id before is taken. A script may see both, and weights carry the name. */
#include "latent/base/mem.h"
#include "latent/store/replay.h"
#include "store/store_int.h"

typedef struct copy {
    lt_store *from, *to;
    int64_t run, sweep; /* in `from` */
    lt_source_ref *sources;
    int n_sources;
} copy;

/* Columns of the row. */
enum {
    SWEEP,
    EXPERIMENT,
    QUESTION,
    TARGETS,
    DEFAULTS,
    COMMAND,
    COMMIT,
    DIFF,
    CONFIG,
    SEED,
    HASH,
    NAME,
    UUID,
};

static void copy_deinit(copy *c)
{
    for (int i = 0; i < c->n_sources; i++)
        lt_mem_free((char *)c->sources[i].path);
    lt_mem_free(c->sources);
}

static lt_status copy_source(copy *c, const char *path, const lt_text *body,
                             lt_err *err)
{
    lt_source_ref *refs =
        lt_mem_grow(c->sources, (size_t)c->n_sources + 1, sizeof *refs);
    lt_source_ref *ref;

    if (!refs)
        return lt_err_mark(err, LT_ENOMEM);
    c->sources = refs;
    ref = &refs[c->n_sources];
    ref->path = lt_mem_strdup(path);
    if (!ref->path)
        return lt_err_mark(err, LT_ENOMEM);
    c->n_sources++;
    return lt_store_put_source(c->to, lt_text_str(body), body->size, ref->hex,
                               err);
}

static lt_status copy_sources(copy *c, lt_err *err)
{
    lt_text path = {0}, body = {0};
    lt_err end = {0};
    lt_status rc = LT_OK;

    for (int i = 0; rc == LT_OK; i++) {
        rc = lt_store_sweep_source(c->from, c->sweep, i, &path, &body, &end);
        if (rc == LT_OK)
            rc = copy_source(c, lt_text_str(&path), &body, &end);
    }
    lt_text_deinit(&path);
    lt_text_deinit(&body);
    if (rc == LT_ENOTFOUND && c->n_sources > 0)
        return LT_OK;
    return lt_err_set(err, rc, "%s",
                      end.text[0] ? end.text : lt_status_text(rc));
}

/* The run to come gets this id, unless the store has as large a one. */
static lt_status keep_id(lt_store *s, int64_t run, lt_err *err)
{
    LT_TRY(lt__db_do(s, err,
                     "DELETE FROM sqlite_sequence WHERE name = 'run'"
                     " AND seq < ?",
                     "i", run - 1));
    return lt__db_do(s, err,
                     "INSERT INTO sqlite_sequence (name, seq) SELECT 'run', ?"
                     " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence"
                     "  WHERE name = 'run')",
                     "i", run - 1);
}

static lt_status copy_queue(copy *c, sqlite3_stmt *row, int64_t *sweep,
                            lt_err *err)
{
    const lt_sweep_spec spec = {
        .experiment = lt__db_text(row, EXPERIMENT),
        .question = lt__db_text(row, QUESTION),
        .targets = lt__db_text(row, TARGETS),
        .defaults = lt__db_text(row, DEFAULTS),
        .command = lt__db_text(row, COMMAND),
        .sources = c->sources,
        .n_sources = c->n_sources,
        .git_commit = lt__db_text(row, COMMIT),
        .git_diff_hex = lt__db_text(row, DIFF),
    };
    const lt_queue_item item = {lt__db_text(row, CONFIG),
                                sqlite3_column_int64(row, SEED),
                                lt__db_text(row, HASH)};
    int n = 0;

    if (c->run > 1) /* a stranger's may be anything */
        LT_TRY(keep_id(c->to, c->run, err));
    LT_TRY(lt_store_queue(c->to, &spec, &item, 1, false, sweep, &n, err));
    return lt__db_do(c->to, err,
                     "UPDATE run SET name = ?, uuid = ? WHERE sweep = ?", "tti",
                     lt__db_text(row, NAME), lt__db_text(row, UUID), *sweep);
}

static lt_status copy_row(copy *c, sqlite3_stmt *row, int64_t *sweep,
                          lt_err *err)
{
    c->sweep = sqlite3_column_int64(row, SWEEP);
    LT_TRY(copy_sources(c, err));
    if (*lt__db_text(row, DIFF))
        LT_TRY(lt__source_copy(c->from, lt__db_text(row, DIFF), c->to, err));
    return copy_queue(c, row, sweep, err);
}

lt_status lt_store_copy_run(lt_store *from, int64_t run, lt_store *to,
                            int64_t *sweep, lt_err *err)
{
    copy c = {.from = from, .to = to, .run = run};
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(from, &stmt, err,
                       "SELECT s.id, s.experiment, s.question, s.targets,"
                       " s.defaults, s.command, s.git_commit, s.git_diff,"
                       " r.config, r.seed, r.config_hash, r.name, r.uuid"
                       " FROM run r JOIN sweep s ON s.id = r.sweep"
                       " WHERE r.id = ?",
                       "i", run));
    rc = lt__db_next(from, stmt, &row, err);
    if (rc == LT_OK && row)
        rc = copy_row(&c, stmt, sweep, err);
    else if (rc == LT_OK)
        rc = lt_err_set(err, LT_ENOTFOUND, "%s: no run %lld", from->path,
                        (long long)run);
    sqlite3_finalize(stmt);
    copy_deinit(&c);
    return rc;
}
