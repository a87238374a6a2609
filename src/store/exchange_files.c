/* The files of a run on their way to another store.
 *
 * A store has its files beside it, in folders of its runs, or inside, in parts,
 * in table `packed`. Either may be a stranger's. A path must be that of a file
 * below its run's folder, in plain names; on the way down no link is followed,
 * and only a plain file of the very size is read. What comes is hashed as it
 * passes, and is in its place, or its rows stay, only when the hash is right:
 * and that of a run which is here already only when all else is right too.
 *
 * Of a packed store all is said by whoever made it: what is not sound there
 * is the run's end. Beside a store a file may have been lost or changed since:
 * the run is worth having without it. */
#include "store/exchange_int.h"

#include "latent/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAME = 200, MAX_PATH = 1000 };

/* Files have names that begin so until all of a run's are sound. */
#define TEMPORARY ".latent-"

/* ---- paths ---- */

/* Names in a run's folder that are the program's own. */
static bool is_reserved(const char *name, size_t n)
{
    static const char *const names[] = {"lock", "checkpoint", "stages",
                                        "incoming"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (n == strlen(names[i]) && strncmp(name, names[i], n) == 0)
            return true;
    return false;
}

static bool is_name(const char *name, size_t n)
{
    if (n == 0 || n > MAX_NAME || (n == 1 && name[0] == '.') ||
        (n == 2 && name[0] == '.' && name[1] == '.') ||
        strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return true;
}

static bool is_below(const char *rest)
{
    if (strlen(rest) > MAX_PATH || is_reserved(rest, strcspn(rest, "/")))
        return false;
    for (const char *p = rest;; p++) {
        size_t n = strcspn(p, "/");

        if (!is_name(p, n))
            return false;
        p += n;
        if (*p == '\0')
            return true;
    }
}

const char *lt__parcel_rest(const char *path, int64_t run)
{
    size_t n = strcspn(path, "/"), size;
    char id[32];

    sqlite3_snprintf((int)sizeof id, id, "/%lld/", run);
    size = strlen(id);
    if (n < 4 || strncmp(path + n - 4, "runs", 4) != 0 ||
        (n > 4 && path[n - 5] != '.') || strncmp(path + n, id, size) != 0)
        return NULL;
    return is_below(path + n + size) ? path + n + size : NULL;
}

/* ---- the rows there ---- */

void lt__parcels_free(lt__take *t)
{
    for (int i = 0; i < t->n_parcels; i++) {
        lt_mem_free(t->parcels[i].name);
        lt_mem_free(t->parcels[i].kind);
        lt_mem_free(t->parcels[i].path);
        lt_mem_free(t->parcels[i].hash);
    }
    lt_mem_free(t->parcels);
    t->parcels = NULL;
    t->n_parcels = 0;
}

static lt_status parcels_add(lt__take *t, sqlite3_stmt *stmt, lt_err *err)
{
    lt__parcel *items =
        lt_mem_grow(t->parcels, (size_t)t->n_parcels + 1, sizeof *items);
    lt__parcel *p;

    if (!items)
        return lt_err_mark(err, LT_ENOMEM);
    t->parcels = items;
    p = &items[t->n_parcels++];
    *p = (lt__parcel){.name = lt_mem_strdup(lt__db_text(stmt, 0)),
                      .kind = lt_mem_strdup(lt__db_text(stmt, 1)),
                      .path = lt_mem_strdup(lt__db_text(stmt, 2)),
                      .hash = lt_mem_strdup(lt__db_text(stmt, 3)),
                      .bytes = sqlite3_column_int64(stmt, 4),
                      .added_at = sqlite3_column_int64(stmt, 5)};
    if (!p->name || !p->kind || !p->path || !p->hash)
        return lt_err_mark(err, LT_ENOMEM);
    p->rest = lt__parcel_rest(p->path, t->there);
    return LT_OK;
}

lt_status lt__parcels_find(lt__take *t, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    lt_status rc;

    LT_TRY(lt__db_open(t->from, &stmt, err,
                       "SELECT name, kind, path, sha256, bytes, added_at"
                       " FROM artifact WHERE run = ? ORDER BY name",
                       "i", t->there));
    while ((rc = lt__db_next(t->from, stmt, &row, err)) == LT_OK && row)
        if ((rc = parcels_add(t, stmt, err)) != LT_OK)
            break;
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- reading ---- */

/* A file under way: its bytes come from a descriptor or from rows, and go to
 * either, or nowhere. */
typedef struct flow {
    lt_store *from, *to;
    int in, out;                  /* descriptors, or -1 */
    sqlite3_stmt *parts, *insert; /* or NULL */
    int64_t n_read, n_written;    /* parts */
    char *buffer;                 /* for `in` */
    int folder;                   /* where `out` is to be; or -1 */
    char name[32];                /* there, for now */
    lt_text *wrong;               /* says what is not sound, or is empty */
} flow;

/* A reason that there was no memory for is one too. */
static bool is_wrong(const flow *f)
{
    return f->wrong->size > 0 || f->wrong->failed;
}

/* The folder of the file `path` below `folder`, and the file's name; -1 and
 * errno. */
static int walk(const char *folder, const char *path, bool makes,
                const char **name)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;

    for (; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char part[MAX_NAME + 1];
        int next = -1;

        if ((size_t)(slash - path) < sizeof part) {
            sqlite3_snprintf((int)(slash - path) + 1, part, "%s", path);
            if (makes)
                (void)mkdirat(fd, part, 0777);
            next = openat(fd, part,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        close(fd);
        fd = next;
    }
    *name = path;
    return fd;
}

static void open_beside(flow *f, const lt__parcel *p)
{
    const char *name;
    struct stat st;
    int folder = walk(f->from->folder, p->path, false, &name);

    if (folder >= 0)
        f->in =
            openat(folder, name,
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (f->in < 0 && errno == ENOENT)
        lt_text_add(f->wrong, "is not there");
    else if (f->in < 0)
        lt_text_addf(f->wrong, "cannot be opened: %s", strerror(errno));
    else if (fstat(f->in, &st) != 0 || !S_ISREG(st.st_mode))
        lt_text_add(f->wrong, "is no plain file");
    else if ((int64_t)st.st_size != p->bytes)
        lt_text_addf(f->wrong, "has %lld bytes, wanted %lld",
                     (long long)st.st_size, (long long)p->bytes);
    if (folder >= 0)
        close(folder);
}

static lt_status open_inside(flow *f, int64_t run, const char *path,
                             lt_err *err)
{
    return lt__db_open(f->from, &f->parts, err,
                       "SELECT part, length(body),"
                       " CASE WHEN length(body) <= ?3 THEN body END"
                       " FROM packed WHERE run = ?1 AND path = ?2"
                       " ORDER BY part",
                       "iti", run, path, (int64_t)LT__PART_SIZE);
}

static lt_status read_part(flow *f, const void **bytes, size_t *n, lt_err *err)
{
    bool row = false;
    int64_t size;

    *n = 0;
    LT_TRY(lt__db_next(f->from, f->parts, &row, err));
    if (!row)
        return LT_OK;
    size = sqlite3_column_int64(f->parts, 1);
    if (sqlite3_column_int64(f->parts, 0) != f->n_read++ || size < 1 ||
        size > (int64_t)LT__PART_SIZE ||
        sqlite3_column_type(f->parts, 2) != SQLITE_BLOB) {
        lt_text_addf(f->wrong, "lacks part %lld", (long long)f->n_read - 1);
        return LT_OK;
    }
    *bytes = sqlite3_column_blob(f->parts, 2);
    *n = *bytes ? (size_t)sqlite3_column_bytes(f->parts, 2) : 0;
    return *bytes ? LT_OK : lt__db_fail(f->from, err);
}

/* *n is 0 at the end, and when something is wrong. */
static lt_status flow_read(flow *f, const void **bytes, size_t *n, lt_err *err)
{
    ssize_t got;

    *n = 0;
    if (f->parts)
        return read_part(f, bytes, n, err);
    do {
        got = read(f->in, f->buffer, LT__PART_SIZE);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        lt_text_addf(f->wrong, "cannot be read: %s", strerror(errno));
    else
        *n = (size_t)got;
    *bytes = f->buffer;
    return LT_OK;
}

/* ---- writing ---- */

static lt_status write_fail(const flow *f, lt_err *err)
{
    return lt_err_set(err, LT_EIO, "%s: cannot write a file of a run: %s",
                      f->to->path, strerror(errno));
}

static lt_status write_part(flow *f, const void *bytes, size_t n, lt_err *err)
{
    lt_status rc = LT_OK;

    if (sqlite3_bind_int64(f->insert, 3, f->n_written++) != SQLITE_OK ||
        sqlite3_bind_blob64(f->insert, 4, bytes, n, SQLITE_STATIC) !=
            SQLITE_OK ||
        sqlite3_step(f->insert) != SQLITE_DONE)
        rc = lt__db_fail(f->to, err);
    sqlite3_reset(f->insert);
    return rc;
}

static lt_status flow_write(flow *f, const char *bytes, size_t n, lt_err *err)
{
    if (f->insert)
        return write_part(f, bytes, n, err);
    while (f->out >= 0 && n > 0) {
        ssize_t put = write(f->out, bytes, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_fail(f, err);
        bytes += put;
        n -= (size_t)put;
    }
    return LT_OK;
}

static void temporary_name(const lt__take *t, const lt__parcel *p, char *out,
                           size_t size)
{
    sqlite3_snprintf((int)size, out, TEMPORARY "%d", (int)(p - t->parcels));
}

static lt_status file_create(flow *f, const lt__take *t, const lt__parcel *p,
                             lt_err *err)
{
    const char *name;

    temporary_name(t, p, f->name, sizeof f->name);
    f->folder = walk(t->dir.data, p->rest, true, &name);
    if (f->folder >= 0) {
        (void)unlinkat(f->folder, f->name, 0);
        f->out = openat(f->folder, f->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return f->out >= 0 ? LT_OK : write_fail(f, err);
}

static lt_status file_end(flow *f, bool is_sound, lt_err *err)
{
    lt_status rc = LT_OK;

    if (is_sound && fsync(f->out) != 0)
        rc = write_fail(f, err);
    if (close(f->out) != 0 && is_sound && rc == LT_OK)
        rc = write_fail(f, err);
    f->out = -1;
    if (rc != LT_OK || !is_sound)
        (void)unlinkat(f->folder, f->name, 0);
    return rc;
}

/* ---- one file ---- */

static void flow_close(flow *f)
{
    if (f->in >= 0)
        close(f->in);
    if (f->out >= 0)
        close(f->out);
    if (f->folder >= 0)
        close(f->folder);
    sqlite3_finalize(f->parts);
    sqlite3_finalize(f->insert);
}

/* All bytes from here to there. */
static lt_status flow_run(flow *f, const char *hash, int64_t bytes, lt_err *err)
{
    char found[LT_DIGEST_HEX];
    lt_digest *digest = NULL;
    const void *data = NULL;
    int64_t total = 0;
    size_t n = 0;
    lt_status rc;

    LT_TRY(lt_digest_new(&digest, err));
    while ((rc = flow_read(f, &data, &n, err)) == LT_OK && n > 0) {
        total += (int64_t)n;
        if (total > bytes)
            break;
        lt_digest_add(digest, data, n);
        if ((rc = flow_write(f, data, n, err)) != LT_OK)
            break;
    }
    lt_digest_end(digest, found);
    lt_digest_free(digest);
    if (rc != LT_OK || is_wrong(f))
        return rc;
    if (total != bytes)
        lt_text_addf(f->wrong, "has %s bytes than the %lld that it should",
                     total > bytes ? "more" : "fewer", (long long)bytes);
    else if (strcmp(found, hash) != 0)
        lt_text_addf(f->wrong, "was changed: SHA-256 %.12s, wanted %.12s",
                     found, hash);
    return LT_OK;
}

lt_status lt__packed_check(lt_store *s, int64_t run, const char *path,
                           const char *hash, int64_t bytes, lt_text *wrong,
                           lt_err *err)
{
    flow f = {.from = s, .in = -1, .out = -1, .folder = -1, .wrong = wrong};
    lt_status rc = open_inside(&f, run, path, err);

    if (rc == LT_OK)
        rc = flow_run(&f, hash, bytes, err);
    flow_close(&f);
    return rc == LT_OK && wrong->failed ? lt_err_mark(err, LT_ENOMEM) : rc;
}

/* Where a file is to be said to lie, in the store that takes it. */
static void packed_path(const lt__take *t, const lt__parcel *p, lt_text *out)
{
    lt_text_clear(out);
    lt_text_addf(out, "runs/%lld/%s", (long long)t->here, p->rest);
}

static lt_status pack_open(flow *f, const lt__take *t, const char *path,
                           lt_err *err)
{
    return lt__db_open(t->to, &f->insert, err,
                       "INSERT INTO packed (run, path, part, body)"
                       " VALUES (?, ?, ?, ?)",
                       "it", t->here, path);
}

static lt_status parcel_open(flow *f, lt__take *t, const lt__parcel *p,
                             lt_text *path, lt_err *err)
{
    if (!p->rest) {
        lt_text_add(f->wrong, "does not lie in its run's folder");
        return LT_OK;
    }
    if (t->is_packed)
        LT_TRY(open_inside(f, t->there, p->path, err));
    else
        open_beside(f, p);
    if (is_wrong(f))
        return LT_OK;
    if (!t->packs)
        return file_create(f, t, p, err);
    packed_path(t, p, path);
    return path->failed ? lt_err_mark(err, LT_ENOMEM)
                        : pack_open(f, t, path->data, err);
}

/* An artifact before this one that was taken, and is the same file. */
static const lt__parcel *find_twin(const lt__take *t, const lt__parcel *p)
{
    for (const lt__parcel *other = t->parcels; p->rest && other < p; other++)
        if (other->is_sound && strcmp(other->rest, p->rest) == 0)
            return other;
    return NULL;
}

static lt_status parcel_flow(flow *f, lt__take *t, lt__parcel *p, lt_text *path,
                             lt_err *err)
{
    lt_status rc = parcel_open(f, t, p, path, err);

    if (rc == LT_OK && !is_wrong(f))
        rc = flow_run(f, p->hash, p->bytes, err);
    p->is_sound = rc == LT_OK && !is_wrong(f);
    if (f->out >= 0) {
        lt_status ended = file_end(f, p->is_sound, rc == LT_OK ? err : NULL);

        rc = rc == LT_OK ? ended : rc;
    }
    if (rc == LT_OK && !p->is_sound && f->n_written > 0)
        rc = lt__db_do(t->to, err,
                       "DELETE FROM packed WHERE run = ? AND path = ?", "it",
                       t->here, lt_text_str(path));
    return rc;
}

static lt_status parcel_copy(lt__take *t, lt__parcel *p, lt_err *err)
{
    lt_text wrong = {0}, path = {0};
    flow f = {.from = t->from,
              .to = t->to,
              .in = -1,
              .out = -1,
              .folder = -1,
              .wrong = &wrong};
    const lt__parcel *twin = find_twin(t, p);
    lt_status rc = LT_OK;

    f.buffer = t->buffer;
    if (!twin)
        rc = parcel_flow(&f, t, p, &path, err);
    else if (strcmp(twin->hash, p->hash) == 0)
        p->is_sound = p->is_twin = true;
    else
        lt_text_add(&wrong, "was changed");
    flow_close(&f);
    if (rc == LT_OK && wrong.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else if (rc == LT_OK && !p->is_sound && t->is_packed)
        rc = lt_err_set(err, LT_EFORMAT, "file %.80s (%.160s) %s", p->name,
                        p->path, lt_text_str(&wrong));
    else if (rc == LT_OK && !p->is_sound)
        lt__take_tell(t, "run %s: file %.80s (%.160s) %s: left behind", t->name,
                      p->name, p->path, lt_text_str(&wrong));
    lt_text_deinit(&wrong);
    lt_text_deinit(&path);
    return rc;
}

lt_status lt__parcels_copy(lt__take *t, lt_err *err)
{
    if (t->n_parcels > 0 && !t->buffer)
        t->buffer = lt_mem_alloc(LT__PART_SIZE, 1);
    if (t->n_parcels > 0 && !t->buffer)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = 0; i < t->n_parcels; i++) {
        lt__parcel *p = &t->parcels[i];

        LT_TRY(parcel_copy(t, p, err));
        t->out->files += p->is_sound;
        t->out->bytes += p->is_sound ? p->bytes : 0;
    }
    return LT_OK;
}

/* ---- all at once ---- */

static lt_status parcel_publish(lt__take *t, const lt__parcel *p, bool keep,
                                lt_err *err)
{
    const char *name;
    char part[32];
    int folder = walk(t->dir.data, p->rest, false, &name);
    lt_status rc = LT_OK;

    temporary_name(t, p, part, sizeof part);
    if (!keep && folder >= 0)
        (void)unlinkat(folder, part, 0);
    else if (keep && (folder < 0 || renameat(folder, part, folder, name) != 0))
        rc = lt_err_set(err, LT_EIO, "%s: cannot write %.160s: %s", t->to->path,
                        p->rest, strerror(errno));
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
    return rc;
}

lt_status lt__parcels_publish(lt__take *t, bool keep, lt_err *err)
{
    for (int i = 0; i < t->n_parcels; i++)
        if (t->parcels[i].is_sound && !t->parcels[i].is_twin)
            LT_TRY(parcel_publish(t, &t->parcels[i], keep, err));
    return LT_OK;
}
