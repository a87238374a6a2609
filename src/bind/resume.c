/* What a run left behind, and which of its metrics the store has; see
 * bind/resume_int.h.
 *
 * Counts live in JSON objects, name to number: a lookup for every value that
 * is logged, some 50 ns beside the recorder's own. They are compared with the
 * store's by lt_claim_rewind: a checkpoint is written after a flush of what it
 * counts, so the store has at least as many, unless its last transactions were
 * lost with the machine's power. Then the run begins anew. */
#include "bind/resume_state.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/recorder.h"
#include "latent/store/store.h"

#include <limits.h>
#include <string.h>

#define VERSION 2

/* ---- texts ---- */

lt_status lt__resume_text(const lt__resume *r, int stage, const char *is,
                          const json_t *files, lt_text *out, lt_err *err)
{
    json_t *v =
        json_pack("{s:i, s:i, s:s, s:O, s:i, s:O, s:o}", "version", VERSION,
                  "stage", stage, "is", is, "series", r->seen, "generation",
                  r->generation, "files", files, "answers",
                  is[0] && r->answers ? json_incref(r->answers) : json_array());
    lt_status rc = v ? lt_json_dump(v, out, err) : LT_ENOMEM;

    json_decref(v);
    return lt_err_mark(err, rc == LT_OK && out->failed ? LT_ENOMEM : rc);
}

static bool counts_are_right(const json_t *series)
{
    const char *name;
    json_t *n;

    json_object_foreach((json_t *)series, name, n)
    {
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return false;
    }
    return json_is_object(series) && json_object_size(series) < INT_MAX;
}

void lt__resume_facts_deinit(lt__resume_facts *f)
{
    lt_mem_free(f->is);
    json_decref(f->series);
    json_decref(f->answers);
    json_decref(f->files);
    *f = (lt__resume_facts){0};
}

static bool is_count(const json_t *number, json_int_t least)
{
    return json_is_integer(number) && json_integer_value(number) >= least &&
           json_integer_value(number) < INT_MAX;
}

lt_status lt__resume_parse(const char *text, lt__resume_facts *out, lt_err *err)
{
    json_t *v = NULL, *counts, *number, *what, *answers, *files, *generation;
    lt_status rc = LT_OK;

    LT_TRY(lt_json_parse(text, strlen(text), "text", &v, err));
    counts = json_object_get(v, "series");
    number = json_object_get(v, "stage");
    what = json_object_get(v, "is");
    answers = json_object_get(v, "answers");
    files = json_object_get(v, "files");
    generation = json_object_get(v, "generation");
    if (json_integer_value(json_object_get(v, "version")) != VERSION)
        rc = lt_err_set(err, LT_EFORMAT, "not of this program's version");
    else if (!counts_are_right(counts) || !json_is_string(what) ||
             !json_is_array(answers) || !is_count(number, 1) ||
             !is_count(generation, 0) || !lt__files_are_right(files))
        rc = lt_err_set(err, LT_EFORMAT, "its text is malformed");
    if (rc == LT_OK) {
        *out = (lt__resume_facts){(int)json_integer_value(number),
                                  (int)json_integer_value(generation),
                                  lt_mem_strdup(json_string_value(what)),
                                  json_incref(counts),
                                  json_incref(answers),
                                  json_incref(files)};
        rc = lt_err_mark(err, out->is ? LT_OK : LT_ENOMEM);
    }
    json_decref(v);
    if (rc != LT_OK)
        lt__resume_facts_deinit(out);
    return rc;
}

/* ---- the beginning ---- */

static lt_status paths_make(lt__resume *r, lt_err *err)
{
    lt_path_join(&r->checkpoint, lt_claim_dir(r->claim), "checkpoint");
    lt_path_join(&r->stages, lt_claim_dir(r->claim), "stages");
    return lt_err_mark(err, r->checkpoint.failed || r->stages.failed ? LT_ENOMEM
                                                                     : LT_OK);
}

static void files_remove(lt_claim *claim)
{
    lt_text path = {0};

    lt_path_join(&path, lt_claim_dir(claim), "checkpoint");
    if (!path.failed)
        lt_path_remove(path.data, NULL);
    lt_path_join(&path, lt_claim_dir(claim), "stages");
    if (!path.failed)
        lt_path_remove(path.data, NULL);
    lt_text_deinit(&path);
}

void lt__resume_forget(lt_claim *claim, const char *why)
{
    lt_text note = {0};

    files_remove(claim);
    lt_text_addf(&note, "the run began anew, its checkpoint was no good: %s",
                 why);
    if (!note.failed)
        lt_claim_note(claim, note.data, NULL);
    lt_text_deinit(&note);
}

/* The store goes back to what the checkpoint counts. */
static lt_status metrics_rewind(lt__resume *r, lt_err *err)
{
    size_t most = json_object_size(r->kept), n = 0;
    const char **names = lt_mem_alloc(most, sizeof *names);
    int64_t *counts = lt_mem_alloc(most, sizeof *counts);
    lt_status rc = names && counts ? LT_OK : LT_ENOMEM;
    const char *name;
    json_t *count;

    if (rc == LT_OK)
        json_object_foreach(r->kept, name, count)
        {
            names[n] = name;
            counts[n++] = json_integer_value(count);
        }
    if (rc == LT_OK)
        rc = lt_claim_rewind(r->claim, names, counts, (int)n, err);
    lt_mem_free((void *)names);
    lt_mem_free(counts);
    return lt_err_mark(err, rc);
}

/* ENOTFOUND: nothing was left. */
static lt_status checkpoint_read(lt__resume *r, lt_err *err)
{
    lt__resume_facts facts = {0};

    LT_TRY(lt_snapshot_open(r->checkpoint.data, &r->file, err));
    LT_TRY(lt__resume_parse(lt_snapshot_text(r->file), &facts, err));
    r->resumed = facts.stage;
    r->file_is = facts.is;
    r->kept = facts.series;
    r->file_answers = facts.answers;
    r->file_files = facts.files;
    r->generation = facts.generation;
    json_decref(r->files);
    r->files = lt_json_copy(facts.files);
    LT_TRY(lt_err_mark(err, r->files ? LT_OK : LT_ENOMEM));
    return metrics_rewind(r, err);
}

static lt_status begin_anew(lt__resume *r, lt_err *err)
{
    lt_snapshot_close(r->file);
    lt_mem_free(r->file_is);
    json_decref(r->kept);
    json_decref(r->file_answers);
    json_decref(r->file_files);
    json_decref(r->files);
    r->file_answers = r->file_files = NULL;
    r->file = NULL;
    r->file_is = NULL;
    r->resumed = r->generation = 0;
    r->kept = json_object();
    r->files = json_array();
    LT_TRY(lt_err_mark(err, r->kept && r->files ? LT_OK : LT_ENOMEM));
    return lt_claim_rewind(r->claim, NULL, NULL, 0, err);
}

static lt_status resume_read(lt__resume *r, lt_err *err)
{
    lt_err why = {0};
    lt_status rc;

    LT_TRY(paths_make(r, err));
    r->seen = json_object();
    LT_TRY(lt_err_mark(err, r->seen ? LT_OK : LT_ENOMEM));
    rc = checkpoint_read(r, &why);
    if (rc == LT_OK)
        return rc;
    if (rc != LT_ENOTFOUND && rc != LT_EFORMAT && rc != LT_EIO)
        return lt_err_set(err, rc, "%s", why.text);
    if (rc != LT_ENOTFOUND)
        lt__resume_forget(r->claim, why.text);
    return begin_anew(r, err);
}

lt_status lt__resume_open(lt_claim *claim, lt__resume **out, lt_err *err)
{
    lt__resume *r = lt_mem_zero(1, sizeof *r);
    lt_status rc;

    if (!r)
        return lt_err_mark(err, LT_ENOMEM);
    r->claim = claim;
    r->last = lt_clock_elapsed();
    rc = resume_read(r, err);
    if (rc == LT_OK)
        *out = r;
    else
        lt__resume_close(r);
    return rc;
}

void lt__resume_close(lt__resume *r)
{
    if (!r)
        return;
    lt_snapshot_close(r->file);
    lt_text_deinit(&r->checkpoint);
    lt_text_deinit(&r->stages);
    json_decref(r->seen);
    json_decref(r->kept);
    json_decref(r->seen_then);
    json_decref(r->answers);
    json_decref(r->file_answers);
    json_decref(r->file_files);
    json_decref(r->files);
    lt_mem_free(r->file_is);
    lt_mem_free(r->is);
    lt_mem_free(r->rows);
    lt_mem_free(r);
}

void lt__resume_record(lt__resume *r, lt_recorder *recorder)
{
    r->recorder = recorder;
}

bool lt__resume_is_broken(const lt__resume *r)
{
    return r && r->is_broken;
}

bool lt__resume_is_replaying(const lt__resume *r)
{
    return r && r->is_replaying;
}

/* ---- metrics ---- */

/* Whether the store lacks the next point of the series. */
static lt_status metric_count(lt__resume *r, const char *name, bool *is_new)
{
    json_t *seen = json_object_get(r->seen, name);
    json_int_t n = json_integer_value(seen);

    *is_new = n >= json_integer_value(json_object_get(r->kept, name));
    if (seen)
        return json_integer_set(seen, n + 1) == 0 ? LT_OK : LT_ENOMEM;
    return json_object_set_new(r->seen, name, json_integer(1)) == 0 ? LT_OK
                                                                    : LT_ENOMEM;
}

lt_status lt__resume_metric(lt__ctx *ctx, const lt__metric *m, lt_err *err)
{
    lt__resume *r = ctx->resume;
    bool is_new = true;

    if (r && r->is_replaying)
        return LT_OK;
    if (r)
        LT_TRY(lt_err_mark(err, metric_count(r, m->name, &is_new)));
    if (!is_new)
        return LT_OK;
    return lt_observe_metric(lt_recorder_observer(ctx->recorder), m->name,
                             m->step, m->epoch, m->value, err);
}
