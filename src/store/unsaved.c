/* The side file of a run: what its store could not take.
 *
 * <folder of the runs>/unsaved/<run> begins with a line that says what it is,
 * and goes on in frames: size, generation, checksum, then that many bytes. The
 * first frame says whose file it is: the run's id and name, and the process of
 * its claim. Then come points, each with its number in its series, so that
 * whoever folds them in knows which the store has already; and words (notes,
 * the run's end), each as good twice as once. A frame of size 0, an end of the
 * file or a checksum that is wrong ends the file: all before it is good,
 * whatever the process was doing when it died.
 *
 * On a network's file system all that a run logs goes this way (recorder.c).
 *
 * The file is made when the run is claimed, with room of ROOM bytes (some
 * 30,000 values) that the file system sets aside, so that there is a place to
 * write to once the disk is full. (Where blocks are never written in place, as
 * on btrfs and ZFS, that is no promise.) When it is used up, the file grows if
 * the disk lets it; else the values stay in memory. Each commit is one write
 * and an fsync, once a second at most.
 *
 * Emptying voids the first frame and begins again behind the owner's, with a
 * greater generation: frames of an earlier one, still lying behind those of
 * today, are of no interest. A new claim never writes to the file of an earlier
 * one: it removes that and makes its own, so that a process that was taken for
 * dead writes to nowhere. */
#include "store/unsaved_int.h"

#include "latent/base/host.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "side files are little-endian");

#define ROOM ((off_t)1 << 20)

struct lt__unsaved {
    lt_text path;
    int fd;         /* or -1 */
    int error;      /* errno, why there is none */
    bool is_placed; /* its name is on the disk */
    off_t start, used;
    uint32_t generation;
    lt_text batch; /* frames of points, not written yet */
    lt_text words; /* frames of words that could not be written yet */
    lt_text *into; /* which of them gets what is put */
    size_t open;   /* where the frame being made begins */
    bool has_open;
    const char *name; /* of its series */
    int64_t seq;      /* of the next point */
    uint32_t n;       /* points in it */
};

void lt__unsaved_folder(const lt_store *s, lt_text *out)
{
    lt_store_run_dir(s, 0, out); /* ".../0" */
    if (out->failed)
        return;
    out->data[--out->size] = '\0';
    lt_text_add(out, "unsaved/");
}

void lt__unsaved_path(const lt_store *s, int64_t run, lt_text *out)
{
    lt__unsaved_folder(s, out);
    lt_text_addf(out, "%lld", (long long)run);
}

uint64_t lt__frame_sum(const lt__frame *f, const void *body)
{
    const unsigned char *p = body;
    uint64_t sum = ((uint64_t)f->generation << 32) ^ f->size;

    for (size_t at = 0; at < f->size; at += 8) {
        uint64_t word = 0;

        memcpy(&word, p + at, f->size - at < 8 ? f->size - at : 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum * 0x9e3779b97f4a7c15u + 1;
}

/* ---- frames ---- */

static void put(lt__unsaved *u, const void *bytes, size_t n)
{
    lt_text_add_n(u->into, bytes, n);
}

static void put_integer(lt__unsaved *u, int64_t x)
{
    put(u, &x, sizeof x);
}

/* Its length, then its bytes and a NUL; no text has a length of its own. */
static void put_text(lt__unsaved *u, const char *text)
{
    uint32_t n = text ? (uint32_t)strlen(text) : UINT32_MAX;

    put(u, &n, sizeof n);
    if (text)
        put(u, text, (size_t)n + 1);
}

static void frame_begin(lt__unsaved *u, lt__entry_kind kind)
{
    const lt__frame f = {.generation = u->generation};
    const unsigned char byte = (unsigned char)kind;

    u->open = u->into->size;
    u->has_open = true;
    put(u, &f, sizeof f);
    put(u, &byte, 1);
}

/* A frame too large to be read again, or for memory, fails the text. */
static void frame_end(lt__unsaved *u)
{
    lt__frame f = {.generation = u->generation};
    size_t size = u->into->size - u->open - sizeof f;
    char *at;

    u->has_open = false;
    u->into->failed = u->into->failed || size > LT__UNSAVED_MAX;
    if (u->into->failed)
        return;
    at = u->into->data + u->open;
    f.size = (uint32_t)size;
    f.sum = lt__frame_sum(&f, at + sizeof f);
    memcpy(at, &f, sizeof f);
}

static void frame_close(lt__unsaved *u)
{
    if (u->has_open)
        frame_end(u);
}

void lt__unsaved_series(lt__unsaved *u, const char *name, int64_t seq)
{
    frame_close(u);
    frame_begin(u, LT__ENTRY_POINTS);
    put_text(u, name);
    put_integer(u, seq);
    u->name = name;
    u->seq = seq;
    u->n = 0;
}

void lt__unsaved_point(lt__unsaved *u, const lt__point *p)
{
    if (u->n == LT__UNSAVED_POINTS)
        lt__unsaved_series(u, u->name, u->seq);
    put_integer(u, p->step);
    put_integer(u, p->elapsed);
    put(u, &p->epoch, sizeof p->epoch);
    put(u, &p->value, sizeof p->value);
    u->seq++;
    u->n++;
}

lt_status lt__unsaved_word(lt__unsaved *u, lt__word word,
                           const lt__value *values)
{
    const char *types = lt__word_types(word);
    const unsigned char byte = (unsigned char)word;
    size_t before = u->words.size;

    frame_close(u);
    u->into = &u->words;
    frame_begin(u, LT__ENTRY_WORD);
    put(u, &byte, 1);
    for (int i = 0; types[i]; i++) {
        if (types[i] == 'i')
            put_integer(u, values[i].integer);
        else if (types[i] == 'd')
            put(u, &values[i].real, sizeof values[i].real);
        else
            put_text(u, values[i].text);
    }
    frame_end(u);
    u->into = &u->batch;
    if (!u->words.failed)
        return LT_OK;
    u->words.size = before;
    u->words.failed = false;
    return LT_ENOMEM;
}

/* ---- the file ---- */

static bool write_at(int fd, const char *bytes, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t put = pwrite(fd, bytes, n, at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

/* Its name and its folder's are on the disk. */
static void place_file(lt__unsaved *u)
{
    char *slash = strrchr(u->path.data, '/');

    u->is_placed = lt_path_sync(u->path.data, NULL) == LT_OK;
    *slash = '\0';
    u->is_placed = lt_path_sync(u->path.data, NULL) == LT_OK && u->is_placed;
    *slash = '/';
}

/* Words, then points, then a frame that ends the file. */
lt_status lt__unsaved_commit(lt__unsaved *u, lt_err *err)
{
    const lt__frame none = {0};
    lt_text all = {0};
    size_t size;
    bool is_good;

    frame_close(u);
    lt_text_add_n(&all, lt_text_str(&u->words), u->words.size);
    lt_text_add_n(&all, lt_text_str(&u->batch), u->batch.size);
    size = all.size;
    lt_text_add_n(&all, (const char *)&none, sizeof none);
    is_good = u->fd >= 0;
    if (all.failed || u->batch.failed) {
        u->error = ENOMEM;
        is_good = false;
    } else if (is_good && !(write_at(u->fd, all.data, all.size, u->used) &&
                            fsync(u->fd) == 0)) {
        u->error = errno;
        is_good = false;
    }
    if (is_good) {
        u->used += (off_t)size;
        lt_text_clear(&u->words);
    }
    if (is_good && !u->is_placed)
        place_file(u);
    lt_text_deinit(&all);
    lt_text_deinit(&u->batch);
    return is_good ? LT_OK
                   : lt_err_set(err, u->error == ENOMEM ? LT_ENOMEM : LT_EIO,
                                "%s: %s", lt_text_str(&u->path),
                                strerror(u->error));
}

void lt__unsaved_empty(lt__unsaved *u)
{
    const lt__frame none = {0};

    lt_text_clear(&u->words);
    if (u->used == u->start)
        return;
    u->used = u->start;
    u->generation++;
    if (write_at(u->fd, (const char *)&none, sizeof none, u->start))
        (void)!fsync(u->fd);
}

bool lt__unsaved_is_empty(const lt__unsaved *u)
{
    return u->used == u->start && u->words.size == 0;
}

bool lt__unsaved_has_filed(const lt__unsaved *u)
{
    return u->used != u->start;
}

lt_status lt__unsaved_reread(const lt__unsaved *u, lt__unsaved_file **out,
                             lt_err *err)
{
    int fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        lt_err_set(err, LT_EIO, "%s: %s", u->path.data, strerror(errno));
        if (fd >= 0)
            close(fd);
        return LT_EIO;
    }
    return lt__unsaved_open_fd(fd, u->path.data, out, err);
}

bool lt__unsaved_has_words(const lt__unsaved *u)
{
    return u->words.size > 0;
}

lt_status lt__unsaved_words(const lt__unsaved *u, lt__unsaved_file **out,
                            lt_err *err)
{
    return lt__unsaved_open_bytes(u->words.data, u->words.size, out, err);
}

const char *lt__unsaved_name(const lt__unsaved *u)
{
    return lt_text_str(&u->path);
}

/* The first line and the owner's frame; blocks for more, where that goes. */
static void file_begin(lt__unsaved *u, const lt_claim *c)
{
    put(u, LT__UNSAVED_MAGIC "\n", sizeof LT__UNSAVED_MAGIC);
    frame_begin(u, LT__ENTRY_OWNER);
    put_integer(u, c->run);
    put_integer(u, (int64_t)getpid());
    put_integer(u, lt_host_process_start(getpid()));
    put_text(u, c->name);
    put_text(u, c->boot_id);
    frame_end(u);
    u->start = u->used = (off_t)u->batch.size;
    if (u->batch.failed || !write_at(u->fd, u->batch.data, u->batch.size, 0)) {
        u->error = u->batch.failed ? ENOMEM : errno;
        close(u->fd);
        (void)unlink(u->path.data);
        u->fd = -1;
    } else {
        (void)!fallocate(u->fd, FALLOC_FL_KEEP_SIZE, 0, ROOM);
    }
    lt_text_deinit(&u->batch);
    u->generation = 1;
}

static void file_make(lt__unsaved *u, const lt_claim *c)
{
    lt_text folder = {0};

    lt__unsaved_folder(c->store, &folder);
    lt__unsaved_path(c->store, c->run, &u->path);
    errno = ENOMEM;
    if (!folder.failed && !u->path.failed) {
        (void)mkdir(folder.data, 0777);
        (void)unlink(u->path.data);
        u->fd = open(u->path.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    lt_text_deinit(&folder);
    if (u->fd < 0)
        u->error = errno;
    else
        file_begin(u, c);
}

lt__unsaved *lt__unsaved_new(const lt_claim *c)
{
    lt__unsaved *u = lt_mem_zero(1, sizeof *u);

    if (!u)
        return NULL;
    u->fd = -1;
    u->into = &u->batch;
    file_make(u, c);
    return u;
}

void lt__unsaved_free(lt__unsaved *u)
{
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    lt_text_deinit(&u->batch);
    lt_text_deinit(&u->words);
    lt_text_deinit(&u->path);
    lt_mem_free(u);
}

void lt__unsaved_remove(lt__unsaved *u)
{
    if (u && u->fd >= 0)
        (void)unlink(u->path.data);
}
