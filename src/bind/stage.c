/* The stages of a run, and when they are written; see bind/resume_int.h.
 *
 * When: by default at ends of epochs, when 200 times what the last write took
 * has passed since, and within an epoch after a minute; a script may ask for
 * other times. A stage's end is written when the stage took so long; shorter
 * ones are done again by a later process, from the same start, with the same
 * result. So all writing costs at most 1 % of the time, half of it for each.
 * Before the checkpoint the metrics are flushed, so that the store has what it
 * counts.
 *
 * What cannot be written is told once, in a note, and tried again later: the
 * last good checkpoint stays until then. */
#include "bind/resume_state.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/recorder.h"
#include "latent/store/store.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SHARE            200.0 /* of a stage's time: checkpoints, and its end */
#define WITHIN_SECONDS   60.0  /* between checkpoints within an epoch */
#define COST_AT_FIRST    0.02  /* seconds, a guess before the first write: */
#define BYTES_PER_SECOND 2e8
#define MAX_ANSWERS      ((size_t)4 << 20) /* bytes of them, as text */

/* ---- reports as rows ---- */

static void row_put(double *row, const lt_epoch_report *r)
{
    row[0] = r->epoch;
    row[1] = (double)r->step;
    memcpy(row + 2, &r->train, sizeof r->train);
    memcpy(row + 2 + LT_TERM_COUNT, &r->test, sizeof r->test);
}

static void row_get(const double *row, lt_epoch_report *r)
{
    r->epoch = (int)row[0];
    r->step = (int64_t)row[1];
    memcpy(&r->train, row + 2, sizeof r->train);
    memcpy(&r->test, row + 2 + LT_TERM_COUNT, sizeof r->test);
}

static bool rows_grow(lt__resume *r, size_t n)
{
    double *rows =
        lt_mem_grow(r->rows, n, LT__REPORT_COLUMNS * sizeof *r->rows);

    if (rows)
        r->rows = rows;
    return rows;
}

/* ---- writing ---- */

static void write_tell(lt__resume *r, const lt_err *why)
{
    lt_text note = {0};

    if (!r->has_told) {
        lt_text_addf(&note, "no checkpoint was written: %s", why->text);
        r->has_told =
            !note.failed && lt_claim_note(r->claim, note.data, NULL) == LT_OK;
    }
    lt_text_deinit(&note);
}

/* A snapshot's file: what it is of, and of which files of the script. */
typedef struct written {
    int stage;
    const char *is, *path;
    json_t *files;
} written;

/* `s` with the reports. */
static lt_status stage_write(lt__resume *r, const lt_snapshot *s,
                             const written *w, lt_err *err)
{
    lt_snapshot all = *s;
    lt_text text = {0};
    lt_status rc;

    if (s->n > 0)
        LT_SNAPSHOT_ADD(&all, "stage", "reports", r->rows,
                        (size_t)r->n_rows * LT__REPORT_COLUMNS);
    rc = lt__resume_text(r, w->stage, w->is, w->files, &text, err);
    if (rc == LT_OK)
        rc = lt_snapshot_write(&all, text.data, w->path, err);
    lt_text_deinit(&text);
    return rc;
}

/* The script's files first, beside those of the checkpoint before, which go
 * when they are no longer the last. */
static lt_status checkpoint_write(lt__resume *r, const lt_snapshot *s,
                                  int stage, const char *is, lt_err *err)
{
    written w = {stage, is, r->checkpoint.data, NULL};
    lt_text before = {0}, now = {0};
    lt_status rc;

    lt__files_name(r, 0, &before);
    r->generation++;
    lt__files_name(r, 0, &now);
    rc = before.failed || now.failed
             ? lt_err_mark(err, LT_ENOMEM)
             : lt__files_keep(r, now.data, &w.files, err);
    if (rc == LT_OK)
        rc = stage_write(r, s, &w, err);
    if (rc != LT_OK)
        r->generation--;
    if (!before.failed && !now.failed)
        lt_path_remove(rc == LT_OK ? before.data : now.data, NULL);
    json_decref(w.files);
    lt_text_deinit(&before);
    lt_text_deinit(&now);
    return rc;
}

/* The end of the stage, and that the next one has not begun. */
static lt_status end_write(lt__resume *r, const lt_snapshot *s, lt_err *err)
{
    const lt_snapshot nothing = {0};
    written w = {r->stage, r->is, NULL, NULL};
    lt_text path = {0}, folder = {0};
    lt_status rc = lt_path_make_dirs(r->stages.data, err);

    lt_text_addf(&path, "%s/%d", r->stages.data, r->stage);
    lt__files_name(r, r->stage, &folder);
    if (rc == LT_OK && (path.failed || folder.failed))
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK)
        rc = lt__files_keep(r, folder.data, &w.files, err);
    w.path = path.data;
    if (rc == LT_OK)
        rc = stage_write(r, s, &w, err);
    if (rc == LT_OK)
        rc = checkpoint_write(r, &nothing, r->stage + 1, "", err);
    json_decref(w.files);
    lt_text_deinit(&path);
    lt_text_deinit(&folder);
    return rc;
}

/* The store has all that the checkpoint will count, whatever happens. */
static lt_status metrics_settle(lt__resume *r, lt_err *err)
{
    lt_counts counts = {0};
    lt_status rc = LT_OK;

    if (r->recorder)
        rc = lt_recorder_settle(r->recorder, &counts, err);
    lt_counts_deinit(&counts);
    return rc;
}

/* Metrics first. A stage that an earlier process had got beyond writes
 * nothing: what there is, is better. */
static void stage_keep(lt__resume *r, const lt_snapshot *s, bool is_end)
{
    double began = lt_clock_elapsed();
    lt_err err = {0};
    lt_status rc;

    if (r->stage < r->resumed || r->is_touched)
        return;
    rc = metrics_settle(r, &err);
    if (rc == LT_OK)
        rc = is_end ? end_write(r, s, &err)
                    : checkpoint_write(r, s, r->stage, r->is, &err);
    if (rc != LT_OK)
        write_tell(r, &err);
    r->last = lt_clock_elapsed();
    r->cost = r->last - began;
    r->has_written = true;
}

static bool saver_is_due(void *self, bool at_end)
{
    const lt__resume *r = self;
    double passed = lt_clock_elapsed() - r->last;
    double pause = SHARE * r->cost;

    if (r->stage < r->resumed || r->is_touched)
        return false;
    if (r->seconds >= 0)
        return r->seconds > 0 ? passed >= r->seconds : at_end;
    return passed >= (at_end ? pause : fmax(pause, WITHIN_SECONDS));
}

static void saver_save(void *self, const lt_snapshot *s)
{
    stage_keep(self, s, false);
}

/* ---- reading ---- */

static lt_status rows_read(lt__resume *r, lt_snapshot_file *f, lt_err *err)
{
    size_t n = lt_snapshot_count(f, "stage.reports");
    lt_snapshot in = {0};

    if (n % LT__REPORT_COLUMNS != 0 || n > INT32_MAX)
        return lt_err_set(err, LT_EFORMAT,
                          "stage.reports: %zu numbers, wanted rows of %d", n,
                          LT__REPORT_COLUMNS);
    r->n_stored = (int)(n / LT__REPORT_COLUMNS);
    if (n == 0)
        return LT_OK;
    if (!rows_grow(r, (size_t)r->n_stored))
        return lt_err_mark(err, LT_ENOMEM);
    LT_SNAPSHOT_ADD(&in, "stage", "reports", r->rows, n);
    return lt_snapshot_read(f, &in, err);
}

static lt_status is_check(const lt__resume *r, const char *was, lt_err *err)
{
    if (strcmp(was, r->is) == 0)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "the run cannot go on: it does not repeat itself. Its "
                      "training number %d was {%s}, is now {%s}",
                      r->stage, was, r->is);
}

/* Places as train/fit.c and train/pretrain.c have them. */
static void note_resumed(const lt__resume *r)
{
    int64_t at[6] = {0};
    lt_snapshot in = {0};
    lt_text note = {0};

    if (lt_snapshot_count(r->file, "fit.at") == 4) {
        LT_SNAPSHOT_ADD(&in, "fit", "at", at, 4);
        if (lt_snapshot_read(r->file, &in, NULL) == LT_OK)
            lt_text_addf(&note,
                         "resumed at epoch %" PRId64 ", step %" PRId64
                         " of training number %d",
                         at[0] + 1, at[2], r->stage);
    } else {
        LT_SNAPSHOT_ADD(&in, "pretrain", "at", at, 6);
        if (lt_snapshot_read(r->file, &in, NULL) == LT_OK)
            lt_text_addf(&note,
                         "resumed at epoch %" PRId64 ", step %" PRId64
                         " of the pre-training of layer %" PRId64,
                         at[1] + 1, at[3], at[5]);
    }
    if (!note.failed && note.size > 0)
        lt_claim_note(r->claim, note.data, NULL);
    lt_text_deinit(&note);
}

/* As they were at the end of `stage`, or at the checkpoint (0). */
static void files_restore(lt__resume *r, const json_t *list, int stage)
{
    lt_text folder = {0};

    lt__files_name(r, stage, &folder);
    if (!folder.failed)
        lt__files_restore(r, list, folder.data);
    lt_text_deinit(&folder);
}

/* The stage in work, from the checkpoint. EFORMAT is the file's fault. */
static lt_status stage_go_on(lt__resume *r, lt_err *err)
{
    lt_status rc;

    LT_TRY(is_check(r, r->file_is, err));
    rc = rows_read(r, r->file, err);
    if (rc == LT_OK) {
        json_decref(r->answers);
        r->answers = json_incref(r->file_answers);
        r->seen_then = lt_json_copy(r->kept);
        rc = lt_err_mark(err, r->seen_then ? LT_OK : LT_ENOMEM);
    }
    r->is_broken = rc == LT_EFORMAT || rc == LT_EIO;
    if (rc != LT_OK)
        return rc;
    files_restore(r, r->file_files, 0);
    r->saver.from = r->file;
    r->began = -INFINITY;
    note_resumed(r);
    return LT_OK;
}

/* The list of a stage's end; `result` gets seconds, rate and the report. */
static lt_snapshot end_snapshot(lt__resume *r, double *result)
{
    lt_snapshot s = {0};

    LT_SNAPSHOT_ADD(&s, "stage", "result", result, 3 + LT__REPORT_COLUMNS);
    lt_net_snapshot(r->net, "net", &s);
    return s;
}

static lt_status end_fill(lt__resume *r, lt_snapshot_file *f, lt_err *err)
{
    double result[3 + LT__REPORT_COLUMNS];
    lt_snapshot in = end_snapshot(r, result);
    lt__resume_facts was = {0};
    lt_status rc = lt__resume_parse(lt_snapshot_text(f), &was, err);

    if (rc == LT_OK)
        rc = is_check(r, was.is, err);
    if (rc == LT_OK) {
        json_decref(r->answers);
        r->answers = json_incref(was.answers);
        r->seen_then = json_incref(was.series);
        rc = rows_read(r, f, err);
    }
    if (rc == LT_OK)
        rc = lt_snapshot_read(f, &in, err);
    if (rc == LT_OK)
        files_restore(r, was.files, r->stage);
    lt__resume_facts_deinit(&was);
    LT_TRY(rc);
    r->has_result = result[0] > 0;
    r->result.seconds = result[1];
    r->result.examples_per_second = result[2];
    row_get(result + 3, &r->result.last);
    return LT_OK;
}

/* A stage that is over. When its end was not kept, or is damaged, it is done
 * again, from the same start. */
static lt_status stage_skip(lt__resume *r, bool *is_over, lt_err *err)
{
    lt_snapshot_file *f = NULL;
    lt_text path = {0};
    lt_status rc;

    lt_text_addf(&path, "%s/%d", r->stages.data, r->stage);
    rc = path.failed ? LT_ENOMEM : lt_snapshot_open(path.data, &f, err);
    lt_text_deinit(&path);
    if (rc == LT_ENOTFOUND || rc == LT_EFORMAT || rc == LT_EIO)
        return LT_OK;
    if (rc == LT_OK)
        rc = end_fill(r, f, err);
    lt_snapshot_close(f);
    r->is_broken = rc == LT_EFORMAT || rc == LT_EIO;
    *is_over = rc == LT_OK;
    return lt_err_mark(err, rc);
}

/* ---- a stage's life ---- */

/* Before anything was written: parameters and two moments, by a slow disk. */
static void cost_guess(lt__resume *r)
{
    double bytes = 3.0 * (double)lt_net_n_params(r->net) * sizeof(lt_real);

    if (!r->has_written)
        r->cost = fmax(r->cost, COST_AT_FIRST + bytes / BYTES_PER_SECOND);
}

static lt_status stage_clear(lt__resume *r, const lt__stage *stage, lt_err *err)
{
    lt_mem_free(r->is);
    json_decref(r->seen_then);
    json_decref(r->answers);
    r->seen_then = NULL;
    r->answers = json_array();
    r->answers_size = r->n_recalled = 0;
    r->is = lt_mem_strdup(stage->is);
    r->stage++;
    r->net = stage->net;
    r->seconds = stage->checkpoint_seconds;
    r->began = lt_clock_elapsed();
    r->n_rows = r->n_stored = 0;
    r->has_result = r->is_touched = false;
    r->saver = (lt_saver){r, saver_is_due, saver_save, NULL};
    cost_guess(r);
    return lt_err_mark(err, r->is && r->answers ? LT_OK : LT_ENOMEM);
}

lt_status lt__stage_begin(lt__resume **resume, const lt__stage *stage,
                          lt__stage_way *way, lt_err *err)
{
    lt__resume *r = *resume;
    bool is_over = false;

    *way = LT__STAGE_BEGINS;
    if (!r)
        return LT_OK;
    if (r->is_calling) {
        lt__stage_touch(r);
        *resume = NULL;
        return LT_OK;
    }
    LT_TRY(stage_clear(r, stage, err));
    if (r->stage < r->resumed) {
        LT_TRY(stage_skip(r, &is_over, err));
        *way = is_over ? LT__STAGE_IS_OVER : LT__STAGE_BEGINS;
    } else if (r->stage == r->resumed && r->file_is[0]) {
        LT_TRY(stage_go_on(r, err));
        *way = LT__STAGE_GOES_ON;
    }
    return LT_OK;
}

const lt_saver *lt__stage_saver(const lt__resume *r)
{
    return r ? &r->saver : NULL;
}

void lt__stage_blame(lt__resume *r)
{
    if (r && r->saver.from)
        r->is_broken = true;
}

bool lt__stage_result(const lt__resume *r, lt_fit_result *out)
{
    if (r && r->has_result)
        *out = r->result;
    return r && r->has_result;
}

void lt__stage_end(lt__resume *r, const lt_fit_result *given)
{
    double result[3 + LT__REPORT_COLUMNS] = {0}, took, wanted;
    lt_snapshot s;

    if (!r)
        return;
    took = lt_clock_elapsed() - r->began;
    wanted = r->seconds >= 0 ? r->seconds : SHARE * r->cost;
    if (given) {
        result[0] = 1;
        result[1] = given->seconds;
        result[2] = given->examples_per_second;
        row_put(result + 3, &given->last);
    }
    s = end_snapshot(r, result);
    if (took >= wanted)
        stage_keep(r, &s, true);
    if (r->stage < r->resumed)
        return;
    lt_snapshot_close(r->file);
    r->file = NULL;
}

void lt__stage_call_begin(lt__resume *r)
{
    if (!r)
        return;
    r->is_calling = true;
    r->is_asking = false;
}

void lt__stage_call_end(lt__resume *r)
{
    if (!r)
        return;
    r->is_calling = false;
    if (r->is_asking)
        lt__stage_touch(r);
}

/* ---- answers ---- */

void lt__stage_touch(lt__resume *r)
{
    if (r && r->is_calling)
        r->is_touched = true;
}

static lt_status answer_find(lt__resume *r, const char *name,
                             const json_t **answer, lt_err *err)
{
    const json_t *pair = json_array_get(r->answers, r->n_recalled);
    const char *was = json_string_value(json_array_get(pair, 0));

    if (!was || strcmp(was, name) != 0)
        return lt_err_set(err, LT_EINVAL,
                          "the run cannot go on: on_epoch does not repeat "
                          "itself. It asked for %s, now for %s",
                          was ? was : "nothing more", name);
    r->n_recalled++;
    *answer = json_array_get(pair, 1);
    return LT_OK;
}

/* A question whose predecessor had no answer: that one raised an error. */
lt_status lt__stage_recall(lt__resume *r, const char *name, lt__recall *what,
                           const json_t **answer, lt_err *err)
{
    *what = LT__RECALL_NONE;
    if (!r || !r->is_calling)
        return LT_OK;
    if (r->is_replaying) {
        *what = LT__RECALL_IS;
        return answer_find(r, name, answer, err);
    }
    if (r->is_asking)
        lt__stage_touch(r);
    if (r->is_touched)
        return LT_OK;
    if (json_array_append_new(r->answers, json_pack("[s]", name)) != 0)
        return lt_err_mark(err, LT_ENOMEM);
    *what = LT__RECALL_KEEP;
    r->is_asking = true;
    return LT_OK;
}

void lt__stage_remember(lt__resume *r, json_t *answer)
{
    size_t n = json_array_size(r->answers);
    lt_text text = {0};
    bool is_kept = answer && lt_json_dump(answer, &text, NULL) == LT_OK;

    r->is_asking = false;
    r->answers_size += text.size;
    lt_text_deinit(&text);
    if (!is_kept || r->answers_size > MAX_ANSWERS ||
        json_array_append(json_array_get(r->answers, n - 1), answer) != 0)
        lt__stage_touch(r);
    json_decref(answer);
}

/* ---- reports ---- */

lt_status lt__stage_report(lt__resume *r, const lt_epoch_report *report,
                           lt_err *err)
{
    if (!r || r->is_replaying)
        return LT_OK;
    if (!rows_grow(r, (size_t)r->n_rows + 1))
        return lt_err_mark(err, LT_ENOMEM);
    row_put(r->rows + (size_t)r->n_rows++ * LT__REPORT_COLUMNS, report);
    return LT_OK;
}

/* After the last one the counts are those of the place reached. */
bool lt__stage_replay(lt__resume *r, lt_epoch_report *out)
{
    if (!r)
        return false;
    r->is_replaying = r->n_rows < r->n_stored;
    if (r->is_replaying) {
        row_get(r->rows + (size_t)r->n_rows++ * LT__REPORT_COLUMNS, out);
    } else if (r->seen_then) {
        json_decref(r->seen);
        r->seen = r->seen_then;
        r->seen_then = NULL;
    }
    return r->is_replaying;
}
