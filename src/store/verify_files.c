/* What lies beside the database: files that runs made, folders of runs, locks
 * of those that are said to be running; and the stored sources.
 *
 * A file is opened only when it lies in the store's folder (links followed), is
 * a plain file and has the size that the store says: a stranger's store reads
 * no other file here, and nothing that never ends. Rows are gathered before the
 * files are looked at, so that a doubt can be settled by asking again. */
#include "latent/base/mem.h"
#include "store/exchange_int.h"
#include "store/verify_int.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- sources ---- */

static void verify_source(lt__verify *v, sqlite3_stmt *stmt)
{
    const char *hash = lt__db_text(stmt, 0);
    const void *body = sqlite3_column_blob(stmt, 2);
    size_t size = (size_t)sqlite3_column_bytes(stmt, 2);
    char found[LT_DIGEST_HEX];

    v->out->sources++;
    lt_digest_bytes(body ? body : "", size, found);
    if (strcmp(found, hash) != 0)
        lt__verify_wrong(v, "source %.12s: was changed: it now hashes to %.12s",
                         hash, found);
    else if (sqlite3_column_int64(stmt, 1) != (int64_t)size)
        lt__verify_wrong(v, "source %.12s: has %lld bytes, said are %lld", hash,
                         (long long)size,
                         (long long)sqlite3_column_int64(stmt, 1));
}

/* Hashes that sweeps name beside the foreign key. */
static lt_status verify_sweeps(lt__verify *v, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT s.id, coalesce(x.hash, '') <> s.script_hash"
                       " FROM sweep s LEFT JOIN sweep_source x"
                       " ON x.sweep = s.id AND x.position = 0"
                       " WHERE coalesce(x.hash, '') <> s.script_hash"
                       " OR (s.git_diff <> '' AND s.git_diff NOT IN"
                       "  (SELECT hash FROM source))",
                       ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        lt__verify_wrong(v, "sweep %lld: its %s is not that of its sources",
                         sqlite3_column_int64(stmt, 0),
                         sqlite3_column_int(stmt, 1) ? "script" : "git diff");
    sqlite3_finalize(stmt);
    return rc;
}

lt_status lt__verify_sources(lt__verify *v, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT hash, size, body FROM source ORDER BY hash",
                       ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        verify_source(v, stmt);
    sqlite3_finalize(stmt);
    return rc == LT_OK ? verify_sweeps(v, err) : rc;
}

/* ---- runs said to be running ---- */

static lt_status judge_run(lt__verify *v, sqlite3_stmt *stmt,
                           const lt_host *here, lt__ids *gone, lt_err *err)
{
    const lt__whereabouts w = {
        .run = sqlite3_column_int64(stmt, 0),
        .host = lt__db_text(stmt, 1),
        .boot_id = lt__db_text(stmt, 2),
        .claimed = (double)sqlite3_column_int64(stmt, 3) / 1000,
    };
    lt__verdict verdict;

    if (!lt__verify_wants(v, w.run))
        return LT_OK;
    LT_TRY(lt__run_judge(v->store, &w, here, &verdict, err));
    return verdict.sign == LT__SIGN_ALIVE ? LT_OK
                                          : lt__ids_add(gone, w.run, err);
}

static lt_status find_gone(lt__verify *v, lt__ids *gone, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_host here;
    lt_status rc;

    lt_host_describe(&here);
    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT r.id, m.name, r.boot_id, r.started_at FROM run r"
                       " LEFT JOIN machine m ON m.id = r.machine"
                       " WHERE r.status = 'running'",
                       ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        if ((rc = judge_run(v, stmt, &here, gone, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* One that ended meanwhile has its end in the store by now. */
lt_status lt__verify_alive(lt__verify *v, lt_err *err)
{
    lt__ids gone = {0};
    lt_status rc = find_gone(v, &gone, err);

    for (int i = 0; rc == LT_OK && i < gone.n; i++) {
        int64_t is_running = 0;

        rc = lt__db_integer(v->store, &is_running, err,
                            "SELECT 1 FROM run WHERE id = ? AND status ="
                            " 'running'",
                            "i", gone.items[i]);
        if (rc == LT_OK && is_running)
            lt__verify_wrong(v,
                             "run %lld: is said to be running, but its process "
                             "is gone (latent ls marks it lost)",
                             (long long)gone.items[i]);
    }
    lt_mem_free(gone.items);
    return rc;
}

/* ---- files that runs made ---- */

typedef struct file {
    int64_t run, bytes;
    char *name, *path, *hash;
} file;

typedef struct files {
    file *items;
    int n;
} files;

static void files_deinit(files *all)
{
    for (int i = 0; i < all->n; i++) {
        lt_mem_free(all->items[i].name);
        lt_mem_free(all->items[i].path);
        lt_mem_free(all->items[i].hash);
    }
    lt_mem_free(all->items);
}

static lt_status files_add(files *all, sqlite3_stmt *stmt, lt_err *err)
{
    file *items = lt_mem_grow(all->items, (size_t)all->n + 1, sizeof *items);
    file *f;

    if (!items)
        return lt_err_mark(err, LT_ENOMEM);
    all->items = items;
    f = &items[all->n++];
    *f = (file){.run = sqlite3_column_int64(stmt, 0),
                .bytes = sqlite3_column_int64(stmt, 4),
                .name = lt_mem_strdup(lt__db_text(stmt, 1)),
                .path = lt_mem_strdup(lt__db_text(stmt, 2)),
                .hash = lt_mem_strdup(lt__db_text(stmt, 3))};
    return f->name && f->path && f->hash ? LT_OK : lt_err_mark(err, LT_ENOMEM);
}

/* Those of runs that are being executed may change at any moment. */
static lt_status files_find(lt__verify *v, files *all, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(v->store, &stmt, err,
                       "SELECT a.run, a.name, a.path, a.sha256, a.bytes"
                       " FROM artifact a JOIN run r ON r.id = a.run"
                       " WHERE r.status NOT IN ('running', 'queued')"
                       " ORDER BY a.run, a.name",
                       ""));
    while ((rc = lt__db_next(v->store, stmt, &row, err)) == LT_OK && row)
        if (lt__verify_wants(v, sqlite3_column_int64(stmt, 0)) &&
            (rc = files_add(all, stmt, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* Whether `path` lies in the store's folder, which it starts from unless it is
 * absolute. `real` gets it without links; "" when it is not there. */
static bool is_inside(const lt_store *s, const char *path, char real[PATH_MAX])
{
    char folder[PATH_MAX];
    lt_text whole = {0};
    bool is_there;
    size_t n;

    real[0] = '\0';
    if (*path != '/')
        lt_text_addf(&whole, "%s/", s->folder);
    lt_text_add(&whole, path);
    is_there = !whole.failed && realpath(whole.data, real);
    lt_text_deinit(&whole);
    if (!is_there) {
        real[0] = '\0';
        return *path != '/' && !strstr(path, "..");
    }
    if (!realpath(s->folder, folder))
        return false;
    n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(real, folder, n) == 0 && real[n] == '/';
}

/* What is wrong with the file, or ""; cleared first. */
static void file_inspect(lt__verify *v, const file *f, const char *real,
                         lt_text *wrong)
{
    char hash[LT_DIGEST_HEX];
    struct stat st;
    lt_err err = {0};

    lt_text_clear(wrong);
    if (!*real || stat(real, &st) != 0)
        lt_text_add(wrong, "is not there");
    else if (!S_ISREG(st.st_mode))
        lt_text_add(wrong, "is no plain file");
    else if ((int64_t)st.st_size != f->bytes)
        lt_text_addf(wrong, "has %lld bytes, wanted %lld",
                     (long long)st.st_size, (long long)f->bytes);
    else if (lt_digest_file(real, hash, &err) != LT_OK)
        lt_text_addf(wrong, "cannot be read: %s", err.text);
    else if (strcmp(hash, f->hash) != 0)
        lt_text_addf(wrong, "was changed: SHA-256 %.12s, wanted %.12s", hash,
                     f->hash);
    else
        v->out->bytes += f->bytes;
}

/* Whether the store still says so: the run may have gone on meanwhile. */
static lt_status file_confirm(lt__verify *v, const file *f, bool *stands,
                              lt_err *err)
{
    int64_t found = 0;

    LT_TRY(lt__db_integer(v->store, &found, err,
                          "SELECT 1 FROM artifact a JOIN run r ON r.id = a.run"
                          " WHERE a.run = ? AND a.name = ? AND a.sha256 = ?"
                          " AND r.status NOT IN ('running', 'queued')",
                          "itt", f->run, f->name, f->hash));
    *stands = found != 0;
    return LT_OK;
}

/* Of a file in the store itself (table packed) *is_packed. */
static lt_status packed_inspect(lt__verify *v, const file *f, bool *is_packed,
                                lt_err *err)
{
    int64_t found = 0;

    lt_text_clear(&v->line);
    if (v->store->version >= 2)
        LT_TRY(lt__db_integer(v->store, &found, err,
                              "SELECT 1 FROM packed WHERE run = ? AND path = ''"
                              " AND CAST(body AS TEXT) = ?",
                              "it", f->run, LT__PACKED_INSIDE));
    *is_packed = found != 0;
    if (!found)
        return LT_OK;
    v->out->files++;
    LT_TRY(lt__packed_check(v->store, f->run, f->path, f->hash, f->bytes,
                            &v->line, err));
    if (v->line.size > 0)
        lt__verify_wrong(v, "run %lld: file %s (%s, in the store) %s",
                         (long long)f->run, f->name, f->path,
                         lt_text_str(&v->line));
    else
        v->out->bytes += f->bytes;
    return LT_OK;
}

static lt_status verify_file(lt__verify *v, const file *f, lt_err *err)
{
    bool stands = true, is_packed = false;
    char real[PATH_MAX];

    LT_TRY(packed_inspect(v, f, &is_packed, err));
    if (is_packed)
        return LT_OK;
    if (!is_inside(v->store, f->path, real)) {
        v->out->n_outside++;
        return LT_OK;
    }
    v->out->files++;
    file_inspect(v, f, real, &v->line);
    if (v->line.size > 0)
        LT_TRY(file_confirm(v, f, &stands, err));
    if (v->line.size > 0 && stands)
        lt__verify_wrong(v, "run %lld: file %s (%s) %s", (long long)f->run,
                         f->name, f->path, lt_text_str(&v->line));
    return LT_OK;
}

lt_status lt__verify_artifacts(lt__verify *v, lt_err *err)
{
    files all = {0};
    lt_status rc = files_find(v, &all, err);

    for (int i = 0; rc == LT_OK && i < all.n; i++)
        rc = verify_file(v, &all.items[i], err);
    files_deinit(&all);
    return rc;
}

/* ---- folders of no run ---- */

/* Another process is taking in a run right now. */
static bool is_coming(const char *parent, const char *name)
{
    lt_text dir = {0};
    bool is_live;

    lt_text_addf(&dir, "%s/%s", parent, name);
    is_live = dir.failed || lt__place_is_live(dir.data);
    lt_text_deinit(&dir);
    return is_live;
}

/* What a process leaves that is killed before it puts anything there. */
static bool is_empty(const char *parent, const char *name)
{
    lt_text path = {0};
    const struct dirent *entry;
    bool is_so = false;
    DIR *dir = NULL;

    lt_text_addf(&path, "%s/%s", parent, name);
    if (!path.failed)
        dir = opendir(path.data);
    if (dir) {
        is_so = true;
        while (is_so && (entry = readdir(dir)))
            is_so = strcmp(entry->d_name, ".") == 0 ||
                    strcmp(entry->d_name, "..") == 0 ||
                    strcmp(entry->d_name, "lock") == 0;
        closedir(dir);
    }
    lt_text_deinit(&path);
    return is_so;
}

static lt_status verify_folder(lt__verify *v, const char *parent,
                               const char *name, lt_err *err)
{
    int64_t known = 0;
    long long id;
    char *end;

    if (!*name || strspn(name, "0123456789") != strlen(name))
        return LT_OK;
    errno = 0;
    id = strtoll(name, &end, 10);
    if (errno == 0)
        LT_TRY(lt__db_integer(v->store, &known, err,
                              "SELECT 1 FROM run WHERE id = ?", "i",
                              (int64_t)id));
    if (!known && !is_empty(parent, name) && !is_coming(parent, name))
        lt__verify_wrong(v, "folder %s/%s: of a run that is not in the store",
                         parent, name);
    return LT_OK;
}

lt_status lt__verify_folders(lt__verify *v, lt_err *err)
{
    lt_text parent = {0};
    struct dirent *entry;
    lt_status rc = LT_OK;
    DIR *dir = NULL;

    if (v->opts->runs)
        return LT_OK;
    lt_store_run_dir(v->store, 0, &parent); /* ".../0" */
    if (parent.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK) {
        parent.data[parent.size -= 2] = '\0';
        dir = opendir(parent.data);
    }
    while (rc == LT_OK && dir && (entry = readdir(dir)))
        rc = verify_folder(v, parent.data, entry->d_name, err);
    if (dir)
        closedir(dir);
    lt_text_deinit(&parent);
    return rc;
}
