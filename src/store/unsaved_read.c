/* Reading a side file; unsaved.c tells how it looks.
 *
 * It may be a stranger's, or damaged: nothing is believed. A frame is read into
 * a buffer that is never larger than the file itself; then its checksum, and
 * then each field against the bytes that are left. The first thing that is
 * wrong ends the file. Only a plain file is opened: no pipe is waited for. */
#include "store/unsaved_int.h"

#include "latent/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_SIZE 1000
#define ELAPSED_MAX   ((int64_t)1 << 50) /* ms: nobody's run took as long */

struct lt__unsaved_file {
    FILE *in;
    int64_t left; /* bytes of the file, not read yet */
    char *body;   /* of the frame */
    size_t capacity;
    size_t size, at; /* read up to `at` */
    bool is_bad;     /* a field of the frame */
    bool is_torn, has_owner;
    uint32_t generation;
};

/* ---- fields ---- */

static void take(lt__unsaved_file *f, void *out, size_t n)
{
    if (n > f->size - f->at) {
        f->is_bad = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, f->body + f->at, n);
    f->at += n;
}

static int64_t take_integer(lt__unsaved_file *f)
{
    int64_t x;

    take(f, &x, sizeof x);
    return x;
}

static const char *take_text(lt__unsaved_file *f)
{
    const char *text = f->body + f->at;
    uint32_t n;

    take(f, &n, sizeof n);
    if (f->is_bad || n == UINT32_MAX)
        return NULL;
    text += sizeof n;
    if (n >= f->size - f->at || memchr(text, '\0', (size_t)n + 1) != text + n) {
        f->is_bad = true;
        return NULL;
    }
    f->at += (size_t)n + 1;
    return text;
}

/* ---- entries ---- */

static void owner_parse(lt__unsaved_file *f, lt__entry *e)
{
    e->run = take_integer(f);
    e->pid = take_integer(f);
    e->pid_start = take_integer(f);
    e->name = take_text(f);
    e->boot_id = take_text(f);
    f->is_bad = f->is_bad || !e->name || !e->boot_id;
}

void lt__entry_point(const lt__entry *e, int i, lt__point *out)
{
    const unsigned char *p = e->points + (size_t)i * LT__UNSAVED_POINT;

    memcpy(&out->step, p, 8);
    memcpy(&out->elapsed, p + 8, 8);
    memcpy(&out->epoch, p + 16, 8);
    memcpy(&out->value, p + 24, 8);
}

static void points_parse(lt__unsaved_file *f, lt__entry *e)
{
    size_t bytes;
    lt__point p;

    e->name = take_text(f);
    e->seq = take_integer(f);
    bytes = f->size - f->at;
    e->points = (const unsigned char *)f->body + f->at;
    e->n_points = (int)(bytes / LT__UNSAVED_POINT);
    f->at = f->size;
    f->is_bad = f->is_bad || !e->name || !*e->name ||
                strlen(e->name) > NAME_MAX_SIZE || e->seq < 0 ||
                e->seq > INT64_MAX / 2 || bytes % LT__UNSAVED_POINT != 0 ||
                bytes / LT__UNSAVED_POINT > LT__UNSAVED_POINTS;
    for (int i = 0; !f->is_bad && i < e->n_points; i++) {
        lt__entry_point(e, i, &p);
        f->is_bad = p.elapsed < 0 || p.elapsed > ELAPSED_MAX;
    }
}

/* An end is one that a run can come to by itself. */
static bool end_is_good(const lt__value *values)
{
    int status = values[0].text ? lt_run_status_find(values[0].text) : -1;

    return status >= LT_RUN_FINISHED && status != LT_RUN_LOST;
}

static void word_parse(lt__unsaved_file *f, lt__entry *e)
{
    unsigned char which;
    const char *types;

    take(f, &which, 1);
    if (f->is_bad || which >= LT__WORD_COUNT) {
        f->is_bad = true;
        return;
    }
    e->word = (lt__word)which;
    types = lt__word_types(e->word);
    for (int i = 0; types[i]; i++) {
        lt__value *v = &e->values[i];

        *v = (lt__value){.type = types[i]};
        if (types[i] == 'i')
            v->integer = take_integer(f);
        else if (types[i] == 'd')
            take(f, &v->real, sizeof v->real);
        else
            v->text = take_text(f);
    }
    if (e->word == LT__WORD_END)
        f->is_bad = f->is_bad || !end_is_good(e->values);
}

/* The owner comes first, and only then. */
static void entry_parse(lt__unsaved_file *f, lt__entry *e)
{
    unsigned char kind;

    f->at = 0;
    f->is_bad = false;
    *e = (lt__entry){0};
    take(f, &kind, 1);
    e->kind = (lt__entry_kind)kind;
    if ((kind == LT__ENTRY_OWNER) == f->has_owner)
        f->is_bad = true;
    else if (kind == LT__ENTRY_OWNER)
        owner_parse(f, e);
    else if (kind == LT__ENTRY_POINTS)
        points_parse(f, e);
    else if (kind == LT__ENTRY_WORD)
        word_parse(f, e);
    else
        f->is_bad = true;
    f->is_bad = f->is_bad || f->at != f->size;
}

/* ---- frames ---- */

static bool body_grow(lt__unsaved_file *f, size_t size)
{
    char *body;

    if (size <= f->capacity)
        return true;
    body = lt_mem_grow(f->body, size, 1);
    if (!body)
        return false;
    f->body = body;
    f->capacity = size;
    return true;
}

static bool file_take(lt__unsaved_file *f, void *out, size_t n)
{
    if ((int64_t)n > f->left || fread(out, 1, n, f->in) != n)
        return false;
    f->left -= (int64_t)n;
    return true;
}

/* False at the end; what is no frame is torn, zeros are not. */
static bool frame_take(lt__unsaved_file *f)
{
    lt__frame head;

    if (f->left == 0)
        return false;
    f->is_torn = true;
    if (!file_take(f, &head, sizeof head))
        return false;
    if (head.size == 0) {
        f->is_torn = head.generation != 0 || head.sum != 0;
        return false;
    }
    if (head.size > LT__UNSAVED_MAX || (int64_t)head.size > f->left ||
        !body_grow(f, head.size) || !file_take(f, f->body, head.size) ||
        lt__frame_sum(&head, f->body) != head.sum)
        return false;
    f->size = head.size;
    f->is_torn = false;
    if (f->has_owner && f->generation == 0)
        f->generation = head.generation;
    return head.generation == f->generation;
}

bool lt__unsaved_next(lt__unsaved_file *f, lt__entry *e)
{
    if (f->is_torn || !frame_take(f))
        return false;
    entry_parse(f, e);
    f->is_torn = f->is_bad;
    f->has_owner = true;
    return !f->is_bad;
}

bool lt__unsaved_is_torn(const lt__unsaved_file *f)
{
    return f->is_torn;
}

/* ---- the file ---- */

static lt_status file_check(lt__unsaved_file *f, const char *path, lt_err *err)
{
    char line[sizeof LT__UNSAVED_MAGIC];
    struct stat st;

    if (fstat(fileno(f->in), &st) != 0 || !S_ISREG(st.st_mode))
        return lt_err_set(err, LT_EFORMAT, "%s: no plain file", path);
    f->left = (int64_t)st.st_size;
    if (!file_take(f, line, sizeof line) ||
        memcmp(line, LT__UNSAVED_MAGIC "\n", sizeof line) != 0)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: damaged: does not begin with '%s'", path,
                          LT__UNSAVED_MAGIC);
    return LT_OK;
}

static lt_status file_new(FILE *in, lt__unsaved_file **out, lt_err *err)
{
    lt__unsaved_file *f = in ? lt_mem_zero(1, sizeof *f) : NULL;

    if (!f) {
        if (in)
            fclose(in);
        return lt_err_mark(err, LT_ENOMEM);
    }
    f->in = in;
    *out = f;
    return LT_OK;
}

lt_status lt__unsaved_open_fd(int fd, const char *path, lt__unsaved_file **out,
                              lt_err *err)
{
    lt__unsaved_file *f = NULL;
    FILE *in = fdopen(fd, "rb");
    lt_status rc;

    if (!in)
        close(fd);
    LT_TRY(file_new(in, &f, err));
    rc = file_check(f, path, err);
    if (rc == LT_OK)
        *out = f;
    else
        lt__unsaved_close(f);
    return rc;
}

lt_status lt__unsaved_open(const char *path, lt__unsaved_file **out,
                           lt_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return lt_err_set(err, errno == ENOENT ? LT_ENOTFOUND : LT_EIO,
                          "%s: %s", path, strerror(errno));
    return lt__unsaved_open_fd(fd, path, out, err);
}

lt_status lt__unsaved_open_bytes(const void *bytes, size_t size,
                                 lt__unsaved_file **out, lt_err *err)
{
    LT_ASSERT(size > 0);
    LT_TRY(file_new(fmemopen((void *)(uintptr_t)bytes, size, "rb"), out, err));
    (*out)->left = (int64_t)size;
    (*out)->has_owner = true;
    return LT_OK;
}

void lt__unsaved_close(lt__unsaved_file *f)
{
    if (!f)
        return;
    fclose(f->in);
    lt_mem_free(f->body);
    lt_mem_free(f);
}
