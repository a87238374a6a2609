/* A run's life in the process that executes it; see latent/store/store.h.
 *
 * The claim's transaction takes the kernel lock on <run dir>/lock before it
 * commits `running`, and the end's transaction commits before it lets go.
 * Whoever sees `running` in the store can therefore trust the lock. The lock
 * file stays: removing it would race with the next claim of the run.
 *
 * Most commits may be lost when the power fails (synchronous = NORMAL). Not
 * what a checkpoint counts (lt_recorder_settle), nor a run's end; nor is there
 * ever a row of a file that is not on the disk. */
#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/recorder.h"
#include "store/unsaved_int.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void claim_free(lt_claim *c)
{
    if (!c)
        return;
    if (c->lock >= 0)
        close(c->lock);
    lt__unsaved_free(c->unsaved);
    lt_mem_free(c->name);
    lt_mem_free(c->config);
    lt_mem_free(c->dir);
    lt_mem_free(c);
}

/* ---- claiming ---- */

#define PICK                                                                   \
    "SELECT id, sweep, seed, name, config, started_at IS NULL FROM run"        \
    " WHERE status = 'queued' AND id NOT IN (SELECT run FROM removed)"

/* Of those behind run `after`. */
static lt_status claim_pick(lt_claim *c, int64_t sweep, int64_t after,
                            lt_err *err)
{
    lt_store *s = c->store;
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err,
                       sweep ? PICK " AND sweep = ?1 AND id > ?2"
                                    " ORDER BY id LIMIT 1"
                             : PICK " AND id > ?2 ORDER BY id LIMIT 1",
                       "ii", sweep, after));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row) {
        c->run = sqlite3_column_int64(stmt, 0);
        c->sweep = sqlite3_column_int64(stmt, 1);
        c->seed = sqlite3_column_int64(stmt, 2);
        c->name = lt_mem_strdup(lt__db_text(stmt, 3));
        c->config = lt_mem_strdup(lt__db_text(stmt, 4));
        c->is_anew = sqlite3_column_int(stmt, 5) != 0;
        if (!c->name || !c->config)
            rc = lt_err_mark(err, LT_ENOMEM);
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK && rc == LT_OK)
        rc = lt__db_fail(s, err); /* no memory for a text of the row */
    if (rc == LT_OK && !row)
        return lt_err_set(err, LT_ENOTFOUND, "%s: no run is queued", s->path);
    return rc;
}

static lt_status folder_check(const lt_claim *c, const char *path, lt_err *err)
{
    if (!lt_path_exists(path) || lt__store_holds(c->store, path))
        return LT_OK;
    return lt_err_set(err, LT_ESTORE,
                      "%s: a link leads it out of the store's folder, where a "
                      "run's files must lie",
                      path);
}

/* Before it is made as well: a stranger's folder of runs may be a link. */
static lt_status claim_folder(const lt_claim *c, lt_err *err)
{
    const char *name = lt_path_name(c->dir);
    char *parent = lt_mem_strndup(c->dir, (size_t)(name - c->dir));
    lt_status rc = parent ? folder_check(c, parent, err) : LT_ENOMEM;

    lt_mem_free(parent);
    if (rc == LT_OK)
        rc = lt_path_make_dirs(c->dir, err);
    return rc == LT_OK ? folder_check(c, c->dir, err) : rc;
}

static lt_status claim_lock(lt_claim *c, lt_err *err)
{
    lt_text path = {0};
    lt_status rc = LT_ENOMEM;

    lt_store_run_dir(c->store, c->run, &path);
    c->dir = path.failed ? NULL : lt_mem_strdup(path.data);
    lt_text_add(&path, "/lock");
    if (c->dir && !path.failed) {
        rc = claim_folder(c, err);
        if (rc == LT_OK)
            rc = lt__lock_take(path.data, &c->lock, err);
    }
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

/* A run that latent merge brings up to date right now, or whose number one has
 * that an earlier store of this name began, holds up no other. */
static lt_status claim_choose(lt_claim *c, int64_t sweep, lt_err *err)
{
    lt_err held = {0};
    lt_status rc;

    for (;;) {
        rc = claim_pick(c, sweep, c->run, err);
        if (rc == LT_ENOTFOUND && held.status != LT_OK)
            return lt_err_set(err, held.status, "%s", held.text);
        LT_TRY(rc);
        rc = claim_lock(c, &held);
        if (rc != LT_EBUSY)
            break;
        lt_mem_free(c->name);
        lt_mem_free(c->config);
        lt_mem_free(c->dir);
        c->name = c->config = c->dir = NULL;
    }
    return rc == LT_OK ? rc : lt_err_set(err, rc, "%s", held.text);
}

/* A run that begins anew must find no checkpoint: not its own, when it is
 * tried again, nor one of a store that was here before this one. */
lt_status lt__run_clear(const char *dir, lt_err *err)
{
    static const char *const names[] = {"checkpoint", "stages"};
    lt_text path = {0};
    lt_status rc = LT_OK;

    for (size_t i = 0; rc == LT_OK && i < sizeof names / sizeof *names; i++) {
        lt_path_join(&path, dir, names[i]);
        rc = path.failed ? LT_ENOMEM : lt_path_remove(path.data, err);
    }
    lt_text_deinit(&path);
    return lt_err_mark(err, rc);
}

/* What the run's last process could not store: its checkpoint counts it. */
static lt_status claim_fold(const lt_claim *c, lt_err *err)
{
    lt__folding all = {0};
    lt_status rc = lt__fold_run(c->store, c->run, &all, err);

    lt_mem_free(all.done.items);
    return rc;
}

lt_status lt__machine_id(lt_store *s, const lt_run_env *env, int64_t *id,
                         lt_err *err)
{
    const lt_host *h = &env->host;

    LT_TRY(lt__db_do(s, err,
                     "INSERT OR IGNORE INTO machine (name, cpu, system, build,"
                     " cores, blas_core, isa) VALUES (?, ?, ?, ?, ?, ?, ?)",
                     "ttttitt", h->name, h->cpu, h->system, h->build,
                     (int64_t)h->cores, env->blas_core, env->isa));
    return lt__db_integer(s, id, err,
                          "SELECT id FROM machine WHERE name = ? AND cpu = ?"
                          " AND system = ? AND build = ? AND cores = ?"
                          " AND blas_core = ? AND isa = ?",
                          "ttttitt", h->name, h->cpu, h->system, h->build,
                          (int64_t)h->cores, env->blas_core, env->isa);
}

static lt_status claim_take(lt_claim *c, int64_t sweep, const lt_run_env *env,
                            lt_err *err)
{
    int64_t machine = 0;

    sqlite3_snprintf((int)sizeof c->boot_id, c->boot_id, "%s",
                     env->host.boot_id);
    LT_TRY(claim_choose(c, sweep, err));
    LT_TRY(c->is_anew ? lt__run_clear(c->dir, err) : claim_fold(c, err));
    LT_TRY(lt__db_do(c->store, err, "DELETE FROM divergence WHERE run = ?", "i",
                     c->run));
    LT_TRY(lt__db_integer(c->store, &c->notes, err,
                          "SELECT max(id) FROM note WHERE run = ?", "i",
                          c->run));
    LT_TRY(lt__machine_id(c->store, env, &machine, err));
    return lt__db_do(
        c->store, err,
        "UPDATE run SET status = 'running', message = '', started_at = ?,"
        " ended_at = NULL, seconds = NULL, cpu_seconds = NULL, machine = ?,"
        " threads = ?, boot_id = ?, pid = ?, pid_start = ? WHERE id = ?",
        "iiitiii", lt__now_ms(), machine, (int64_t)env->threads, c->boot_id,
        (int64_t)getpid(), lt_host_process_start(getpid()), c->run);
}

lt_status lt_claim_next(lt_store *store, int64_t sweep, const lt_run_env *env,
                        lt_claim **out, lt_err *err)
{
    lt_claim *c = lt_mem_zero(1, sizeof *c);
    lt_status rc;

    if (!c)
        return lt_err_mark(err, LT_ENOMEM);
    c->store = store;
    c->lock = -1;
    rc = lt__db_begin(store, err);
    if (rc == LT_OK)
        rc = lt__db_end(store, claim_take(c, sweep, env, err), err);
    c->started = c->claimed = lt_clock_elapsed();
    c->cpu_started = lt_clock_cpu();
    /* What came from an earlier side file stays, before that goes. */
    if (rc == LT_OK && !c->is_anew)
        (void)lt__store_sync(store, NULL);
    if (rc == LT_OK)
        c->unsaved = lt__unsaved_new(c);
    if (rc == LT_OK)
        *out = c;
    else
        claim_free(c);
    return rc;
}

int64_t lt_claim_run(const lt_claim *claim)
{
    return claim->run;
}

int64_t lt_claim_sweep(const lt_claim *claim)
{
    return claim->sweep;
}

int64_t lt_claim_seed(const lt_claim *claim)
{
    return claim->seed;
}

const char *lt_claim_name(const lt_claim *claim)
{
    return claim->name;
}

const char *lt_claim_config(const lt_claim *claim)
{
    return claim->config;
}

const char *lt_claim_dir(const lt_claim *claim)
{
    return claim->dir;
}

void lt_claim_beat(const lt_claim *claim)
{
    lt__lock_touch(claim->lock);
}

lt_status lt__claim_check(lt_claim *c, lt_err *err)
{
    int64_t is_ours = 0;

    LT_TRY(lt__db_integer(c->store, &is_ours, err,
                          "SELECT 1 FROM run WHERE id = ? AND boot_id = ?"
                          " AND pid = ? AND status IN ('running', 'lost')",
                          "iti", c->run, c->boot_id, (int64_t)getpid()));
    c->is_gone = !is_ours;
    if (is_ours)
        return LT_OK;
    return lt_err_set(err, LT_ESTORE,
                      "%s: run %lld is no longer this process's there",
                      c->store->path, (long long)c->run);
}

/* ---- what becomes known as it goes ---- */

void lt_claim_listen(lt_claim *claim, void (*tell)(void *self, const char *),
                     void *self)
{
    claim->tell = tell;
    claim->tell_self = self;
}

void lt__claim_complain(lt_claim *c, const lt_err *err, bool is_kept)
{
    lt_text words = {0};

    if (c->has_told || !c->tell)
        return;
    c->has_told = true;
    lt_text_addf(&words, "cannot write to the store: %s. ", err->text);
    if (is_kept)
        lt_text_addf(&words,
                     "What it lacks is kept in %s, until the run, or the next "
                     "latent command, can write it",
                     lt__unsaved_name(c->unsaved));
    else
        lt_text_add(&words, "Its values stay in memory, are tried again, and "
                            "are lost if the run ends before");
    c->tell(c->tell_self, lt_text_str(&words));
    lt_text_deinit(&words);
}

/* In the side file, or in memory: only without that is it an error. */
static lt_status words_keep(lt_claim *c, lt__word word, const lt__value *values,
                            const lt_err *why, bool *is_filed)
{
    lt_err own = {0};

    *is_filed = false;
    if (!c->unsaved || lt__unsaved_word(c->unsaved, word, values) != LT_OK)
        return LT_ENOMEM;
    *is_filed = lt__unsaved_commit(c->unsaved, &own) == LT_OK;
    if (why || !*is_filed)
        lt__claim_complain(c, why ? why : &own, *is_filed);
    return LT_OK;
}

/* In the store or, where that is in trouble or on a network's file system, in
 * the side file, and then all that follows too: the order stays. */
static lt_status claim_say(lt_claim *c, lt__word word, const lt__value *values,
                           lt_err *err)
{
    lt_err own = {0};
    bool is_filed;
    lt_status rc;

    if (c->unsaved &&
        (c->store->is_network || !lt__unsaved_is_empty(c->unsaved)) &&
        words_keep(c, word, values, NULL, &is_filed) == LT_OK)
        return LT_OK;
    rc = lt__word_write(c->store, c->run, word, values, &own);
    if (rc == LT_OK || (rc == LT_ESTORE && lt__db_is_in_trouble(c->store) &&
                        words_keep(c, word, values, &own, &is_filed) == LT_OK))
        return LT_OK;
    return lt_err_set(err, rc, "%s", own.text);
}

lt_status lt__claim_drain(lt_claim *c, bool *is_all, lt_err *err)
{
    lt__unsaved_file *file = NULL, *words = NULL;
    lt__folding all = {0};
    lt_status rc = LT_OK;

    *is_all = true;
    if (lt__unsaved_has_filed(c->unsaved)) {
        rc = lt__unsaved_reread(c->unsaved, &file, err);
        if (rc == LT_OK)
            rc = lt__fold_file(c->store, c->run, file, &all, err);
        lt__unsaved_close(file);
        *is_all = all.done.n > 0;
        lt_mem_free(all.done.items);
    }
    if (rc == LT_OK && lt__unsaved_has_words(c->unsaved))
        rc = lt__unsaved_words(c->unsaved, &words, err);
    if (rc == LT_OK && words)
        rc = lt__fold_words(c->store, c->run, words, err);
    lt__unsaved_close(words);
    return rc;
}

lt_status lt_claim_facts(lt_claim *claim, const lt_run_facts *facts,
                         lt_err *err)
{
    const lt__value values[] = {
        {.type = 't', .text = facts->data_fingerprint},
        {.type = 't', .text = facts->network},
        {.type = 'i', .integer = facts->parameters},
        {.type = 'd', .real = facts->examples_per_second},
    };

    return claim_say(claim, LT__WORD_FACTS, values, err);
}

bool lt__folder_place(const char *dir)
{
    lt_text runs = {0};
    bool is_done;

    lt_text_add_n(&runs, dir, (size_t)(lt_path_name(dir) - dir) - 1);
    is_done = lt_path_sync(dir, NULL) == LT_OK && !runs.failed &&
              lt_path_sync(runs.data, NULL) == LT_OK;
    lt_text_deinit(&runs);
    return is_done;
}

void lt__claim_place(lt_claim *c)
{
    c->is_placed = c->is_placed || lt__folder_place(c->dir);
}

lt_status lt_claim_artifact(lt_claim *claim, const char *name, const char *kind,
                            const char *path, lt_err *err)
{
    char hex[LT_DIGEST_HEX];
    struct stat st;

    lt__claim_place(claim);
    LT_TRY(lt_path_sync(path, err));
    LT_TRY(lt_digest_file(path, hex, err));
    if (stat(path, &st) != 0)
        return lt_err_set(err, LT_EIO, "%s: gone while it was recorded", path);
    const lt__value values[] = {
        {.type = 't', .text = name},
        {.type = 't', .text = kind},
        {.type = 't', .text = lt__store_relative(claim->store, path)},
        {.type = 't', .text = hex},
        {.type = 'i', .integer = (int64_t)st.st_size},
        {.type = 'i', .integer = lt__now_ms()},
    };

    return claim_say(claim, LT__WORD_ARTIFACT, values, err);
}

lt_status lt_claim_refile(lt_claim *claim, const char *path, lt_err *err)
{
    const char *relative = lt__store_relative(claim->store, path);
    char hex[LT_DIGEST_HEX];
    struct stat st;

    if (stat(path, &st) != 0)
        return lt__db_do(claim->store, err,
                         "DELETE FROM artifact WHERE run = ? AND path = ?",
                         "it", claim->run, relative);
    LT_TRY(lt_digest_file(path, hex, err));
    return lt__db_do(claim->store, err,
                     "UPDATE artifact SET sha256 = ?, bytes = ?"
                     " WHERE run = ? AND path = ?",
                     "tiit", hex, (int64_t)st.st_size, claim->run, relative);
}

/* A run that goes on says again what it had said: in the same order. No two
 * notes of a run have one time and one text: words.c knows them by that. */
lt_status lt_claim_note(lt_claim *claim, const char *text, lt_err *err)
{
    lt__value values[] = {{.type = 'i', .integer = lt__now_ms()},
                          {.type = 't', .text = text}};
    int64_t same = 0;

    if (claim->matched < claim->notes)
        LT_TRY(lt__db_integer(claim->store, &same, err,
                              "SELECT min(id) FROM note WHERE run = ?"
                              " AND id > ? AND id <= ? AND text = ?",
                              "iiit", claim->run, claim->matched, claim->notes,
                              text));
    if (same > 0) {
        claim->matched = same;
        return LT_OK;
    }
    if (values[0].integer <= claim->noted)
        values[0].integer = claim->noted + 1;
    claim->noted = values[0].integer;
    return claim_say(claim, LT__WORD_NOTE, values, err);
}

lt_status lt_claim_tag(lt_claim *claim, const char *tag, lt_err *err)
{
    const lt__value values[] = {{.type = 't', .text = tag}};

    return claim_say(claim, LT__WORD_TAG, values, err);
}

/* ---- the end ---- */

void lt_claim_divergence(lt_claim *claim, const lt_divergence *divergence)
{
    claim->has_diverged = true;
    claim->divergence = *divergence;
}

/* What there is to say of a run's end: first where it diverged. */
typedef struct end_words {
    lt__value divergence[3], end[5];
    bool has_diverged;
} end_words;

static void words_fill(const lt_claim *c, lt_run_status status,
                       const char *message, end_words *w)
{
    const lt_divergence *d = &c->divergence;

    *w = (end_words){
        .divergence = {{'i', .integer = d->step},
                       {'i', .integer = d->layer},
                       {'t', .text = d->what}},
        .end = {{'t', .text = lt_run_status_name(status)},
                {'t', .text = message},
                {'i', .integer = lt__now_ms()},
                {'d', .real = lt_clock_elapsed() - c->started},
                {'d', .real = lt_clock_cpu() - c->cpu_started}},
        .has_diverged = status == LT_RUN_DIVERGED && c->has_diverged,
    };
}

static lt_status claim_write_end(lt_claim *c, const end_words *w, bool *is_all,
                                 lt_err *err)
{
    if (lt__claim_check(c, err) != LT_OK)
        return lt_err_prefix(err,
                             "its end (%s) was not recorded: ", w->end[0].text);
    if (c->unsaved && !lt__unsaved_is_empty(c->unsaved))
        LT_TRY(lt__claim_drain(c, is_all, err));
    if (w->has_diverged)
        LT_TRY(lt__word_write(c->store, c->run, LT__WORD_DIVERGENCE,
                              w->divergence, err));
    return lt__word_write(c->store, c->run, LT__WORD_END, w->end, err);
}

/* An end in memory would be none: nobody is there to write it. */
static lt_status claim_keep_end(lt_claim *c, const end_words *w,
                                const lt_err *why)
{
    bool is_filed;

    if (w->has_diverged)
        LT_TRY(
            words_keep(c, LT__WORD_DIVERGENCE, w->divergence, why, &is_filed));
    LT_TRY(words_keep(c, LT__WORD_END, w->end, why, &is_filed));
    return is_filed ? LT_OK : LT_EIO;
}

/* The end is on the disk before anything goes that a lost one would need: a run
 * that was said to be finished stays finished, whatever happens to the machine,
 * and one that is not goes on from its checkpoint. */
static void claim_clean_up(const lt_claim *c, lt_run_status status, bool is_all)
{
    if (lt__store_sync(c->store, NULL) != LT_OK)
        return;
    if (is_all)
        lt__unsaved_remove(c->unsaved);
    if (status != LT_RUN_INTERRUPTED && status != LT_RUN_LOST)
        (void)lt__run_clear(c->dir, NULL);
}

/* An end that the store cannot take is the side file's last word. */
static lt_status claim_close(lt_claim *c, lt_run_status status,
                             const end_words *w, lt_err *err)
{
    lt_err own = {0};
    bool is_all = true;
    lt_status rc = lt__db_begin(c->store, &own);

    if (rc == LT_OK)
        rc = lt__db_end(c->store, claim_write_end(c, w, &is_all, &own), &own);
    if (rc == LT_OK) {
        claim_clean_up(c, status, is_all);
        return rc;
    }
    if (!c->is_gone && lt__db_is_in_trouble(c->store) &&
        claim_keep_end(c, w, &own) == LT_OK)
        return LT_OK;
    return lt_err_set(err, rc, "%s", own.text);
}

static void claim_message(const lt_claim *c, const char *message, lt_text *out)
{
    lt_text_add(out, message ? message : "");
    if (c->n_unsaved > 0 && !strstr(lt_text_str(out), c->trouble.text))
        lt_text_addf(out, "%s%lld metric values were lost: %s",
                     out->size ? "; " : "", (long long)c->n_unsaved,
                     c->trouble.text);
}

lt_status lt_claim_end(lt_claim *claim, lt_run_status status,
                       const char *message, lt_err *err)
{
    lt_text text = {0};
    end_words words;
    lt_status rc;

    LT_ASSERT(status >= LT_RUN_FINISHED);
    if (claim->recorder)
        lt__recorder_detach(claim->recorder);
    claim_message(claim, message, &text);
    words_fill(claim, status, lt_text_str(&text), &words);
    rc = claim_close(claim, status, &words, err);
    lt_text_deinit(&text);
    claim_free(claim);
    return rc;
}
