/* Members of archives; see latent/base/unpack.h.
 *
 * libarchive reads tar, gzip and zip here and nothing else: what is not
 * enabled cannot be reached by a hostile file. It is asked for bytes only;
 * files are made by part.c under the caller's names, so links, "../" and
 * absolute names in an archive mean nothing. Bytes are counted as they come,
 * whatever a header promises: a small archive cannot fill the disk. */
#include "latent/base/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <string.h>

#include "base/part.h"
#include "latent/base/mem.h"

#define CHUNK 65536

/* One archive on its way to files, or to texts. */
typedef struct unpacking {
    const lt_unpack *what;
    const char *const *paths; /* or NULL */
    lt_text *texts;           /* or NULL */
    struct archive *a;
    bool *is_done;
    int at; /* the member that comes now */
    int64_t size;
    lt__part part;
} unpacking;

static lt_status archive_fail(const unpacking *u, lt_err *err)
{
    const char *text = archive_error_string(u->a);

    return lt_err_set(err, LT_EFORMAT, "%s: %s", u->what->archive,
                      text ? text : "cannot be read as tar or zip");
}

static lt_status archive_start(unpacking *u, lt_err *err)
{
    u->a = archive_read_new();
    u->is_done = lt_mem_zero((size_t)u->what->n, sizeof *u->is_done);
    if (!u->a || !u->is_done)
        return lt_err_mark(err, LT_ENOMEM);
    archive_read_support_filter_gzip(u->a);
    archive_read_support_format_tar(u->a);
    archive_read_support_format_zip(u->a);
    if (archive_read_open_filename(u->a, u->what->archive, CHUNK) != ARCHIVE_OK)
        return archive_fail(u, err);
    return LT_OK;
}

/* Whether `name` is `member`, or ends in "/member". */
static bool is_member(const char *name, const char *member)
{
    size_t n = strlen(name), wanted = strlen(member);

    if (n < wanted || strcmp(name + n - wanted, member) != 0)
        return false;
    return n == wanted || name[n - wanted - 1] == '/';
}

/* The member that an entry is, or -1. */
static int member_find(const unpacking *u, struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    if (!name || archive_entry_filetype(entry) != AE_IFREG ||
        archive_entry_hardlink(entry))
        return -1;
    for (int i = 0; i < u->what->n; i++)
        if (!u->is_done[i] && is_member(name, u->what->members[i]))
            return i;
    return -1;
}

static lt_status bytes_take(unpacking *u, const char *bytes, size_t n,
                            lt_err *err)
{
    if ((int64_t)n > u->what->limit - u->size)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: %s is larger than %lld bytes, wanted at most "
                          "that",
                          u->what->archive, u->what->members[u->at],
                          (long long)u->what->limit);
    u->size += (int64_t)n;
    if (u->paths)
        return lt__part_add(&u->part, bytes, n, err);
    lt_text_add_n(&u->texts[u->at], bytes, n);
    return u->texts[u->at].failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

static lt_status member_copy(unpacking *u, lt_err *err)
{
    char chunk[CHUNK];
    la_ssize_t got;

    u->size = 0;
    while ((got = archive_read_data(u->a, chunk, sizeof chunk)) > 0) {
        if (lt_observe_stop(u->what->observer))
            return lt_err_set(err, LT_EINTERRUPTED, "interrupted");
        LT_TRY(bytes_take(u, chunk, (size_t)got, err));
    }
    return got < 0 ? archive_fail(u, err) : LT_OK;
}

static lt_status member_unpack(unpacking *u, int i, lt_err *err)
{
    lt_status rc = LT_OK;

    u->at = i;
    if (u->paths) {
        rc = lt__part_open(&u->part, u->paths[i], err);
        if (rc == LT_OK)
            rc = lt__part_clear(&u->part, err);
    }
    if (rc == LT_OK)
        rc = member_copy(u, err);
    if (rc == LT_OK && u->paths)
        rc = lt__part_publish(&u->part, err);
    lt__part_close(&u->part, false);
    u->is_done[i] = rc == LT_OK;
    return rc;
}

static lt_status all_unpack(unpacking *u, lt_err *err)
{
    struct archive_entry *entry = NULL;
    int rc;

    while ((rc = archive_read_next_header(u->a, &entry)) == ARCHIVE_OK ||
           rc == ARCHIVE_WARN) {
        int i = member_find(u, entry);

        if (i >= 0)
            LT_TRY(member_unpack(u, i, err));
    }
    if (rc != ARCHIVE_EOF)
        return archive_fail(u, err);
    for (int i = 0; i < u->what->n; i++)
        if (!u->is_done[i])
            return lt_err_set(err, LT_EFORMAT, "%s: has no %s",
                              u->what->archive, u->what->members[i]);
    return LT_OK;
}

static lt_status unpack_run(unpacking *u, lt_err *err)
{
    lt_status rc = archive_start(u, err);

    if (rc == LT_OK)
        rc = all_unpack(u, err);
    lt_mem_free(u->is_done);
    archive_read_free(u->a); /* accepts NULL */
    return rc;
}

lt_status lt_unpack_files(const lt_unpack *u, const char *const *paths,
                          lt_err *err)
{
    unpacking run = {.what = u, .paths = paths, .part = LT__PART_NONE};

    return unpack_run(&run, err);
}

lt_status lt_unpack_texts(const lt_unpack *u, lt_text *out, lt_err *err)
{
    unpacking run = {.what = u, .texts = out, .part = LT__PART_NONE};

    return unpack_run(&run, err);
}
