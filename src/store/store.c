/* Opening and closing a store; see latent/store/store.h.
 *
 * Order matters (measured elsewhere): the busy handler before any statement,
 * then what the file is, then the journal mode. The file is treated as one
 * that a stranger may have sent: defensive mode, no trusted schema, double
 * quotes never mean text.
 *
 * The busy handler waits 1 to 12 ms at random: SQLite's own backs off to
 * 100 ms steps, which starves one of several busy writers. */
#include "latent/store/place.h"
#include "store/store_int.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/store/books.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_SECONDS 30

static const char *const status_names[] = {
#define X(name, text) text,
    LT_RUN_STATUS_MAP(X)
#undef X
};

const char *lt_run_status_name(lt_run_status s)
{
    LT_ASSERT((unsigned)s < LT_RUN_STATUS_COUNT);
    return status_names[s];
}

int lt_run_status_find(const char *name)
{
    for (int i = 0; i < LT_RUN_STATUS_COUNT; i++)
        if (strcmp(status_names[i], name) == 0)
            return i;
    return -1;
}

static int store_wait(void *self, int count)
{
    lt_store *s = self;
    double now = lt_clock_elapsed();
    struct timespec pause = {0};

    if (count == 0)
        s->busy_since = now;
    if (now - s->busy_since >= s->busy_limit)
        return 0;
    /* Nanoseconds of the clock are random enough to part two waiters. */
    pause.tv_nsec = 1000000 + (long)((int64_t)(now * 1e9) % 11000000);
    nanosleep(&pause, NULL);
    s->busy_longest = fmax(s->busy_longest, lt_clock_elapsed() - s->busy_since);
    return 1;
}

/* The file itself where `path` is a link to it: the runs' locks lie beside the
 * file, and looked for beside the link they would all seem free. */
static char *store_target(const char *path)
{
    char real[PATH_MAX];
    struct stat st;
    bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);

    return lt_mem_strdup(is_link && realpath(path, real) ? real : path);
}

static char *store_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return lt_mem_strdup(".");
    return lt_mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* "./" before a relative path: SQLite gives "" and ":memory:" meanings. */
lt_status lt__store_new(const char *path, lt_store_mode mode, lt_store **out,
                        lt_err *err)
{
    lt_store *s = lt_mem_zero(1, sizeof *s);

    if (s) {
        s->mode = mode;
        s->busy_limit = BUSY_SECONDS;
        s->path = store_target(path);
        s->folder = s->path ? store_folder(s->path) : NULL;
    }
    if (!s || !s->path || !s->folder) {
        lt_store_close(s);
        return lt_err_mark(err, LT_ENOMEM);
    }
    *out = s;
    return LT_OK;
}

static lt_status store_find(const lt_store *s, lt_err *err)
{
    struct stat st;

    if (*s->path == '\0')
        return lt_err_set(err, LT_EINVAL, "store: no path given");
    if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode))
        return lt_err_set(err, LT_ESTORE,
                          "%s: a folder, wanted a file such as %s/latent.db",
                          s->path, s->path);
    if (stat(s->path, &st) == 0)
        return S_ISREG(st.st_mode)
                   ? LT_OK
                   : lt_err_set(err, LT_ESTORE, "%s: no plain file", s->path);
    if (errno != ENOENT && errno != ENOTDIR)
        return lt_err_set(err, LT_ESTORE, "%s: %s", s->path, strerror(errno));
    if (lstat(s->path, &st) == 0)
        return lt_err_set(err, LT_ESTORE,
                          "%s: a link to a file that is not "
                          "there",
                          s->path);
    if (s->mode == LT_STORE_CREATE)
        return lt_path_make_dirs(s->folder, err);
    return lt_err_set(err, LT_ENOTFOUND,
                      "%s: no store there yet; `latent run SCRIPT.lua` makes "
                      "one, --db PATH or $LATENT_DB names another",
                      s->path);
}

/* A URI that names s->path byte for byte. */
static void store_uri(const lt_store *s, lt_text *out)
{
    lt_text_add(out, *s->path == '/' ? "file:" : "file:./");
    for (const char *p = s->path; *p; p++)
        lt_text_addf(out, "%%%02x", (unsigned char)*p);
    lt_text_add(out, "?immutable=1");
}

/* Ways to open a file that is to be read. */
typedef enum way {
    TOGETHER,  /* with others, as is usual */
    UNCHANGED, /* as one that cannot change */
    ALONE,     /* keeping others out: needs no file for them */
} way;

static lt_status store_connect(lt_store *s, way how, lt_err *err)
{
    static const int flags[] = {
        [LT_STORE_READ] = SQLITE_OPEN_READONLY,
        [LT_STORE_WRITE] = SQLITE_OPEN_READWRITE,
        [LT_STORE_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [LT_STORE_INSPECT] = SQLITE_OPEN_READONLY,
    };
    int flag = how == ALONE ? SQLITE_OPEN_READWRITE : flags[s->mode];
    lt_text name = {0};
    lt_status rc = LT_OK;

    if (how == UNCHANGED)
        store_uri(s, &name);
    else
        lt_text_addf(&name, "%s%s", *s->path == '/' ? "" : "./", s->path);
    if (name.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else if (sqlite3_open_v2(name.data, &s->db,
                             flag | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE |
                                 (how == UNCHANGED ? SQLITE_OPEN_URI : 0),
                             NULL) != SQLITE_OK)
        rc = lt__db_fail(s, err);
    lt_text_deinit(&name);
    return rc;
}

bool lt__store_holds(const lt_store *s, const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    size_t n;

    if (!realpath(s->folder, folder) || !realpath(path, real))
        return false;
    n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(real, folder, n) == 0 && real[n] == '/';
}

bool lt__store_is_reader(const lt_store *s)
{
    return s->mode == LT_STORE_READ || s->mode == LT_STORE_INSPECT;
}

static lt_status store_configure(lt_store *s, lt_err *err)
{
    static const int switches[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };

    sqlite3_busy_handler(s->db, store_wait, s);
    lt__budget_open(s);
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        sqlite3_db_config(s->db, switches[i][0], switches[i][1], NULL);
    sqlite3_set_authorizer(s->db, lt__query_authorize, s);
    if (sqlite3_exec(s->db,
                     "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;"
                     "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
                     "PRAGMA cache_size = -16000;"
                     "PRAGMA wal_autocheckpoint = 4000;"
                     "PRAGMA journal_size_limit = 16777216",
                     NULL, NULL, NULL) != SQLITE_OK)
        return lt__db_fail(s, err);
    return lt__aggregates_register(s, err);
}

/* The index of the log is then in memory, and nothing is ever written. */
static lt_status store_keep_alone(lt_store *s, lt_err *err)
{
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_exec(s->db,
                     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON",
                     NULL, NULL, NULL) != SQLITE_OK)
        return lt__db_fail(s, err);
    return LT_OK;
}

static lt_status store_try(lt_store *s, way how, lt_err *err)
{
    if (!lt__store_is_reader(s) || how == ALONE) /* it can play one back */
        LT_TRY(lt__journal_check(s, err));
    LT_TRY(store_connect(s, how, err));
    if (how == ALONE) /* before anything is read */
        LT_TRY(store_keep_alone(s, err));
    LT_TRY(store_configure(s, err));
    return lt__schema_open(s, err);
}

static lt_status store_again(lt_store *s, way how, lt_err *err)
{
    sqlite3_close(s->db);
    s->db = NULL;
    return store_try(s, how, err);
}

/* A reader of a write-ahead log needs to write beside it. Without a log the
 * file is whole by itself and may be read as one that cannot change. */
static bool store_is_in_closed_folder(const lt_store *s)
{
    int rc = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_OK;

    return lt__store_is_reader(s) &&
           ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY) &&
           access(s->path, R_OK) == 0 && access(s->folder, W_OK) != 0;
}

/* Nor can it be done on a full disk, unless another has done it before: then
 * its file would have been found. */
static bool store_is_on_full_disk(const lt_store *s)
{
    int rc = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_OK;

    return lt__store_is_reader(s) &&
           (rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_SHMOPEN ||
            rc == SQLITE_IOERR_SHMMAP);
}

static lt_status store_read_closed(lt_store *s, lt_err *err)
{
    lt_text log = {0};
    struct stat st;
    bool has_log;

    lt_text_addf(&log, "%s-wal", s->path);
    has_log = !log.data || (stat(log.data, &st) == 0 && st.st_size > 0);
    lt_text_deinit(&log);
    if (has_log)
        return lt_err_set(err, LT_ESTORE,
                          "%s: its folder may not be written, and its last "
                          "changes are in %s-wal; copy both files to a folder "
                          "of your own and read them there",
                          s->path, s->path);
    return store_again(s, UNCHANGED, err);
}

static bool store_is_on_network(const lt_store *s)
{
    lt_place place;

    lt_place_find(s->path, &place);
    return place.is_network;
}

lt_status lt_store_open(const char *path, lt_store_mode mode, lt_store **out,
                        lt_err *err)
{
    lt_store *s = NULL;
    lt_err own = {0}; /* the caller's is left alone when a retry succeeds */
    lt_status rc;

    LT_TRY(lt__store_new(path, mode, &s, err));
    rc = store_find(s, &own);
    s->is_network = store_is_on_network(s);
    if (rc == LT_OK)
        rc = store_try(s, TOGETHER, &own);
    if (rc == LT_ESTORE && mode == LT_STORE_READ && lt__store_take_back(s))
        rc = store_again(s, TOGETHER, &own);
    if (rc != LT_OK && store_is_in_closed_folder(s))
        rc = store_read_closed(s, &own);
    else if (rc != LT_OK && store_is_on_full_disk(s))
        rc = store_again(s, ALONE, &own);
    if (rc == LT_ESTORE && s->db && sqlite3_errcode(s->db) == SQLITE_NOTADB)
        lt_err_set(&own, rc, "%s: not a latent store (not an SQLite file)",
                   path);
    if (rc != LT_OK) {
        lt_store_close(s);
        return lt_err_set(err, rc, "%s", own.text);
    }
    *out = s;
    return LT_OK;
}

/* With synchronous = NORMAL a commit is in the log, but perhaps not yet on the
 * disk. SQLite's locks are on its other files: those are dropped when any
 * descriptor of theirs is closed, the log's may come and go. */
lt_status lt__store_sync(const lt_store *s, lt_err *err)
{
    lt_text log = {0};
    lt_status rc = LT_OK;
    int fd;

    lt_text_addf(&log, "%s-wal", s->path);
    if (log.failed)
        return lt_err_mark(err, LT_ENOMEM);
    fd = open(log.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0 ? errno != ENOENT : fsync(fd) != 0)
        rc = lt_err_set(err, LT_EIO, "%s: %s", log.data, strerror(errno));
    if (fd >= 0)
        close(fd);
    lt_text_deinit(&log);
    return rc;
}

const char *lt_store_sqlite_version(void)
{
    return sqlite3_libversion();
}

void lt_store_close(lt_store *store)
{
    if (!store)
        return;
    /* _v2: a query still open keeps the connection until it closes. */
    sqlite3_close_v2(store->db);
    lt_mem_free(store->path);
    lt_mem_free(store->folder);
    lt_text_deinit(&store->notice);
    lt_mem_free(store);
}

bool lt_store_is_strange(const lt_store *store)
{
    return store->is_strange;
}

const char *lt_store_notice(const lt_store *store)
{
    return store->notice.size ? lt_text_str(&store->notice) : NULL;
}

void lt_store_show_removed(lt_store *store, bool on)
{
    store->shows_removed = on;
}

const char *lt__store_runs(const lt_store *s)
{
    if (!s->shows_removed)
        return "runs";
    return s->version < 2 ? "(SELECT * FROM runs WHERE FALSE)"
                          : lt__removed_runs;
}

const char *lt_store_path(const lt_store *store)
{
    return store->path;
}

/* "runs", or "NAME.runs" for a store that is not named latent.db: run ids are
 * a store's own, so two stores in one folder must not share theirs. */
static void add_runs_folder(const lt_store *store, lt_text *out)
{
    const char *name = lt_path_name(store->path);
    size_t n = strlen(name);

    if (strcmp(name, "latent.db") == 0) {
        lt_text_add(out, "runs");
        return;
    }
    if (n > 3 && strcmp(name + n - 3, ".db") == 0)
        n -= 3;
    lt_text_add_n(out, name, n);
    lt_text_add(out, ".runs");
}

void lt_store_runs_folder(const lt_store *store, lt_text *out)
{
    lt_text_clear(out);
    add_runs_folder(store, out);
}

const char *lt_store_folder(const lt_store *store)
{
    return store->folder;
}

void lt_store_run_dir(const lt_store *store, int64_t run, lt_text *out)
{
    lt_text_clear(out);
    if (strcmp(store->folder, ".") != 0)
        lt_text_addf(out, "%s%s", store->folder,
                     strcmp(store->folder, "/") == 0 ? "" : "/");
    add_runs_folder(store, out);
    lt_text_addf(out, "/%lld", (long long)run);
}

const char *lt__store_relative(const lt_store *s, const char *path)
{
    size_t n = strlen(s->folder);

    if (strncmp(path, s->folder, n) == 0 && path[n] == '/' &&
        strcmp(s->folder, ".") != 0)
        return path + n + 1;
    return path;
}
