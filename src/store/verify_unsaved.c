/* Side files (unsaved.c) of runs whose process is gone: what waits in them,
 * and which are damaged or strange. An empty one says nothing. */
#include "latent/base/mem.h"
#include "store/unsaved_int.h"
#include "store/verify_int.h"

typedef struct side {
    const char *path;
    int64_t run, values;
    int n_words;
} side;

/* Whether the run has nothing from the file yet: the file is of its last claim,
 * which is not known to be finished. *is_known: the store has such a run. */
static lt_status side_judge(lt__verify *v, const lt__entry *e, bool *is_known,
                            bool *is_last, lt_err *err)
{
    int64_t found = -1;

    LT_TRY(lt__db_integer(v->store, &found, err,
                          "SELECT boot_id = ?3 AND pid = ?4 AND pid_start = ?5"
                          " AND status <> 'finished' FROM run WHERE id = ?1"
                          " AND name = ?2",
                          "ittii", e->run, e->name, e->boot_id, e->pid,
                          e->pid_start));
    *is_known = found >= 0;
    *is_last = found > 0;
    return LT_OK;
}

static void side_tell(lt__verify *v, const side *s, lt__unsaved_file *file)
{
    if (s->values > 0 || s->n_words > 0)
        lt__verify_wrong(
            v,
            "run %lld: %lld metric values and %d other things wait "
            "in %s to be stored (any other command does that)",
            (long long)s->run, (long long)s->values, s->n_words, s->path);
    if (lt__unsaved_is_torn(file))
        lt__verify_wrong(v, "run %lld: %s: damaged after %lld metric values",
                         (long long)s->run, s->path, (long long)s->values);
}

static lt_status side_read(lt__verify *v, side *s, lt__unsaved_file *file,
                           lt_err *err)
{
    bool is_known = false, is_last = false;
    lt__entry e;

    if (!lt__unsaved_next(file, &e)) {
        lt__verify_wrong(v, "run %lld: %s: does not say whose it is",
                         (long long)s->run, s->path);
        return LT_OK;
    }
    LT_TRY(side_judge(v, &e, &is_known, &is_last, err));
    if (!is_known || e.run != s->run) {
        lt__verify_wrong(v, "%s: of a run that is not in the store", s->path);
        return LT_OK;
    }
    while (lt__unsaved_next(file, &e)) {
        s->values += e.kind == LT__ENTRY_POINTS ? e.n_points : 0;
        s->n_words += e.kind == LT__ENTRY_WORD;
    }
    if (is_last)
        side_tell(v, s, file);
    return LT_OK;
}

static lt_status side_verify(lt__verify *v, int64_t run, lt_err *err)
{
    lt__unsaved_file *file = NULL;
    side s = {.run = run};
    lt_text path = {0};
    lt_err own = {0};
    lt_status rc;

    lt__unsaved_path(v->store, run, &path);
    s.path = lt_text_str(&path);
    rc = path.failed ? LT_ENOMEM : lt__unsaved_open(s.path, &file, &own);
    if (rc == LT_OK)
        rc = side_read(v, &s, file, err);
    else if (rc == LT_EFORMAT || rc == LT_EIO)
        lt__verify_wrong(v, "%s", own.text);
    lt__unsaved_close(file);
    lt_text_deinit(&path);
    return lt_err_mark(
        err,
        rc == LT_ENOTFOUND || rc == LT_EFORMAT || rc == LT_EIO ? LT_OK : rc);
}

lt_status lt__verify_unsaved(lt__verify *v, lt_err *err)
{
    lt__ids runs = {0};
    lt_status rc = lt__unsaved_find(v->store, &runs, err);

    for (int i = 0; rc == LT_OK && i < runs.n; i++)
        if (lt__verify_wants(v, runs.items[i]))
            rc = side_verify(v, runs.items[i], err);
    lt_mem_free(runs.items);
    return rc;
}
