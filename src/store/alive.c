/* Whether a run's process lives: known, where that can be known, and guessed
 * with care where it cannot.
 *
 *   its lock is held                      alive, whoever asks
 *   free, claimed under this very kernel  gone: the kernel itself says so
 *   free, on a host of this name, last    gone: this machine has started
 *     touched before this kernel started  since
 *   free, on another host                 gone when nobody has touched the
 *                                         lock for two minutes
 *
 * The last is for folders that hosts share: their locks may not be seen from
 * here, but a run's process touches its lock every ten seconds. The age of
 * that is taken by the clock that stamped it, the file system's, as two hosts'
 * clocks may differ by more than two minutes. A kernel is known by its boot id:
 * containers of one machine have several names and one kernel.
 *
 * That clock may have been set, and the run have had no time yet to touch its
 * lock again. One touched in the future tells nothing: it is touched in the
 * run's stead, and two minutes of silence count from there. The same is done,
 * but only once in a claim, when the file system's clock is not ours: a byte in
 * the lock says so. */
#include "store/store_int.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SILENCE 120.0 /* seconds after which another host's run is lost */

static double seconds_of(const struct timespec *t)
{
    return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

/* What a file touched now would have as its time. One that is there already is
 * left alone: it may be a link that leads elsewhere. */
static double time_there(const char *lock)
{
    double now = lt_clock_wall();
    lt_text path = {0};
    struct stat st;
    int fd = -1;

    lt_text_addf(&path, "%s.%d.now", lock, (int)getpid());
    if (!path.failed)
        fd = open(path.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (futimens(fd, NULL) == 0 && fstat(fd, &st) == 0)
            now = seconds_of(&st.st_mtim);
        close(fd);
        (void)unlink(path.data);
    }
    lt_text_deinit(&path);
    return now;
}

/* When this kernel started, by its clock of today. */
static double time_of_boot(void)
{
    struct timespec up = {0};

    clock_gettime(CLOCK_BOOTTIME, &up);
    return lt_clock_wall() - seconds_of(&up);
}

static bool is_same_kernel(const lt__whereabouts *w, const lt_host *here)
{
    return strcmp(w->boot_id, here->boot_id) == 0 &&
           (*here->boot_id || strcmp(w->host, here->name) == 0);
}

/* Begins to count anew; what cannot be touched is believed to live. */
static void doubt(const char *lock)
{
    int fd = open(lock, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!pwrite(fd, "?", 1, 0);
    lt__lock_touch(fd);
    close(fd);
}

static bool is_doubtful(const struct stat *lock, double now, double silence)
{
    return silence < -SILENCE || (silence > SILENCE && lock->st_size == 0 &&
                                  fabs(now - lt_clock_wall()) > SILENCE);
}

static lt__verdict judge_silence(const lt__whereabouts *w, const lt_host *here,
                                 const char *lock)
{
    struct stat st;
    bool is_there = stat(lock, &st) == 0;
    double last = is_there ? seconds_of(&st.st_mtim) : w->claimed;
    double now, silence;

    if (strcmp(w->host, here->name) == 0 && last < time_of_boot())
        return (lt__verdict){.sign = LT__SIGN_REBOOT};
    now = is_there ? time_there(lock) : lt_clock_wall();
    silence = is_there ? now - last : fabs(now - last);
    if (is_there && is_doubtful(&st, now, silence)) {
        doubt(lock);
        return (lt__verdict){.sign = LT__SIGN_ALIVE};
    }
    return (lt__verdict){silence > SILENCE ? LT__SIGN_SILENT : LT__SIGN_ALIVE,
                         silence};
}

lt_status lt__run_judge(const lt_store *s, const lt__whereabouts *w,
                        const lt_host *here, lt__verdict *out, lt_err *err)
{
    lt_text path = {0};

    lt_store_run_dir(s, w->run, &path);
    lt_text_add(&path, "/lock");
    if (path.failed) {
        lt_text_deinit(&path);
        return lt_err_mark(err, LT_ENOMEM);
    }
    if (!lt__lock_is_free(path.data))
        *out = (lt__verdict){.sign = LT__SIGN_ALIVE};
    else if (is_same_kernel(w, here))
        *out = (lt__verdict){.sign = LT__SIGN_GONE};
    else
        *out = judge_silence(w, here, path.data);
    lt_text_deinit(&path);
    return LT_OK;
}

#define WHERE_IT_IS                                                            \
    "SELECT r.status IN ('running', 'lost'), m.name, r.boot_id, r.started_at"  \
    " FROM run r LEFT JOIN machine m ON m.id = r.machine WHERE r.id = ?"

lt_status lt__run_is_live(lt_store *s, int64_t run, const lt_host *here,
                          bool *live, lt_err *err)
{
    lt__verdict verdict = {.sign = LT__SIGN_GONE};
    lt__whereabouts w = {run, here->name, here->boot_id, 0};
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    lt_status rc;

    LT_TRY(lt__db_open(s, &stmt, err, WHERE_IT_IS, "i", run));
    rc = lt__db_next(s, stmt, &row, err);
    if (rc == LT_OK && row && sqlite3_column_int(stmt, 0)) {
        w.host = lt__db_text(stmt, 1);
        w.boot_id = lt__db_text(stmt, 2);
        w.claimed = (double)sqlite3_column_int64(stmt, 3) / 1000;
    }
    if (rc == LT_OK)
        rc = lt__run_judge(s, &w, here, &verdict, err);
    sqlite3_finalize(stmt);
    *live = verdict.sign == LT__SIGN_ALIVE;
    return rc;
}

lt_status lt__ids_add(lt__ids *all, int64_t id, lt_err *err)
{
    int64_t *items = lt_mem_grow(all->items, (size_t)all->n + 1, sizeof *items);

    if (!items)
        return lt_err_mark(err, LT_ENOMEM);
    all->items = items;
    items[all->n++] = id;
    return LT_OK;
}
