/* A file read from the start, compressed or plain; see latent/base/gzin.h.
 *
 * zlib looks at the first bytes: what is no gzip file is passed on as it is.
 * The check sum at the end of a gzip file is verified when the end is
 * reached, so a reader that knows its size should ask for one byte more. */
#include "latent/base/gzin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "latent/base/mem.h"

#define CHUNK       ((size_t)1 << 30) /* gzread counts in int */
#define BUFFER_SIZE (128u << 10)
#define LEAST_SIZE  (8u << 10)
#define EXPANSION   1032u /* deflate's best: 258 bytes from 2 bits, always */

struct lt_gzin {
    gzFile file;
    char *path;
    uint64_t offset;
    uint64_t bound;
};

static lt_status gzin_fail(const char *path, const char *verb, lt_err *err)
{
    return lt_err_set(err, LT_EIO, "%s: cannot %s: %s", path, verb,
                      strerror(errno));
}

/* Opens `path` for reading and tells its size, UINT64_MAX when unknown. */
static lt_status regular_open(const char *path, int *fd, uint64_t *size,
                              lt_err *err)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return gzin_fail(path, "open", err);
    if (fstat(*fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        close(*fd);
        return lt_err_set(err, LT_EIO, "%s: found a folder, wanted a file",
                          path);
    }
    *size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX;
    return LT_OK;
}

/* Small files get small buffers: zlib asks for three times this much, and many
 * small files cost little but that. */
static unsigned buffer_size(uint64_t size)
{
    return size >= BUFFER_SIZE  ? BUFFER_SIZE
           : size <= LEAST_SIZE ? LEAST_SIZE
                                : (unsigned)size;
}

static void bound_set(lt_gzin *in, uint64_t size)
{
    in->bound = size;
    if (gzdirect(in->file)) /* looks at the first bytes */
        return;
    in->bound = size > UINT64_MAX / EXPANSION ? UINT64_MAX : size * EXPANSION;
}

lt_status lt_gzin_open(const char *path, lt_gzin **out, lt_err *err)
{
    lt_gzin *in;
    uint64_t size = 0;
    int fd = -1;

    LT_TRY(regular_open(path, &fd, &size, err));
    in = lt_mem_zero(1, sizeof *in);
    if (in)
        in->path = lt_mem_strdup(path);
    if (in && in->path)
        in->file = gzdopen(fd, "rb");
    if (!in || !in->file) {
        close(fd);
        lt_gzin_close(in);
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", path);
    }
    (void)gzbuffer(in->file, buffer_size(size));
    bound_set(in, size);
    *out = in;
    return LT_OK;
}

void lt_gzin_close(lt_gzin *in)
{
    if (!in)
        return;
    if (in->file)
        (void)gzclose_r(in->file);
    lt_mem_free(in->path);
    lt_mem_free(in);
}

/* After a short or failed read: LT_OK when the file simply ended. */
static lt_status gzin_check(lt_gzin *in, lt_err *err)
{
    int code = Z_OK;
    const char *text = gzerror(in->file, &code);

    if (code == Z_OK || code == Z_STREAM_END)
        return LT_OK;
    if (code == Z_ERRNO)
        return gzin_fail(in->path, "read", err);
    if (code == Z_MEM_ERROR)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", in->path);
    if (code == Z_BUF_ERROR)
        text = "the compressed file is cut off";
    return lt_err_set(err, LT_EFORMAT, "%s: offset %" PRIu64 ": %s", in->path,
                      in->offset, text);
}

lt_status lt_gzin_some(lt_gzin *in, void *out, size_t n, size_t *got,
                       lt_err *err)
{
    unsigned char *bytes = out;

    *got = 0;
    while (*got < n) {
        size_t wanted = n - *got < CHUNK ? n - *got : CHUNK;
        int some = gzread(in->file, bytes + *got, (unsigned)wanted);

        if (some > 0) {
            *got += (size_t)some;
            in->offset += (size_t)some;
        }
        if (some < 0 || (size_t)some < wanted)
            return gzin_check(in, err);
    }
    return LT_OK;
}

lt_status lt_gzin_read(lt_gzin *in, void *out, size_t n, lt_err *err)
{
    uint64_t start = in->offset;
    size_t got;

    LT_TRY(lt_gzin_some(in, out, n, &got, err));
    if (got == n)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "%s: offset %" PRIu64 ": found %zu bytes, wanted %zu",
                      in->path, start, got, n);
}

uint64_t lt_gzin_offset(const lt_gzin *in)
{
    return in->offset;
}

uint64_t lt_gzin_bound(const lt_gzin *in)
{
    return in->bound;
}
