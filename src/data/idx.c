/* IDX files, plain or gzip; see latent/data/idx.h.
 *
 * A header is believed only as far as the file can back it: sizes are checked
 * for sign, for overflow and against what the file's bytes on disk can expand
 * to, before anything is allocated. That bound is a thousand times loose for
 * compressed files, so memory for large sets grows with what was read. Values
 * are read straight into the set's own memory, so a set is never held twice.
 * Whole files must end where the header says; with a limit the rest is not
 * read, and so not checked. */
#include "latent/data/idx.h"

#include "latent/base/gzin.h"
#include "latent/base/mem.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { TYPE_U8 = 0x08, TYPE_F32 = 0x0D };

#define MAX_RANK 4

/* Bytes for which a header's word is taken; MNIST's pictures are 47 MB. */
#define TRUSTED_SIZE ((size_t)64 << 20)

typedef struct idx_head {
    lt_elem type;
    int rank;
    int dim[MAX_RANK];
    int elements;        /* of one example */
    size_t example_size; /* bytes of one example */
} idx_head;

typedef struct idx_file {
    const char *path;
    lt_gzin *in;
    idx_head head;
} idx_file;

static uint32_t big_endian(const uint8_t b[4])
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

static lt_status magic_read(idx_file *f, int low_rank, int high_rank,
                            lt_err *err)
{
    uint8_t b[4];

    LT_TRY(lt_gzin_read(f->in, b, 4, err));
    if (b[0] != 0 || b[1] != 0)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 0: found bytes 0x%02x 0x%02x, wanted "
                          "the two zeros that open an IDX file",
                          f->path, b[0], b[1]);
    if (b[2] != TYPE_U8 && b[2] != TYPE_F32)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 2: found type 0x%02x, wanted 0x08 "
                          "(bytes) or 0x0d (float32)",
                          f->path, b[2]);
    if (b[3] < low_rank || b[3] > high_rank)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 3: found rank %d, wanted %d to %d",
                          f->path, b[3], low_rank, high_rank);
    f->head.type = b[2] == TYPE_U8 ? LT_ELEM_U8 : LT_ELEM_F32;
    f->head.rank = b[3];
    return LT_OK;
}

static lt_status sizes_read(idx_file *f, lt_err *err)
{
    for (int i = 0; i < f->head.rank; i++) {
        uint64_t at = lt_gzin_offset(f->in);
        uint8_t b[4];
        uint32_t size;

        LT_TRY(lt_gzin_read(f->in, b, 4, err));
        size = big_endian(b);
        if (size < 1 || size > INT_MAX)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: offset %" PRIu64 ": found size %" PRIu32
                              ", wanted 1 to %d",
                              f->path, at, size, INT_MAX);
        f->head.dim[i] = (int)size;
    }
    return LT_OK;
}

/* The promised bytes against what the file can hold. */
static lt_status sizes_check(idx_file *f, lt_err *err)
{
    idx_head *h = &f->head;
    uint64_t promised, bound = lt_gzin_bound(f->in);
    uint64_t at = lt_gzin_offset(f->in), elements = 1;

    for (int i = 1; i < h->rank; i++) {
        elements *= (uint64_t)h->dim[i];
        if (elements > INT_MAX)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: offset 8: found examples of over %d "
                              "elements, wanted at most that",
                              f->path, INT_MAX);
    }
    h->elements = (int)elements;
    h->example_size = (size_t)elements *
                      (h->type == LT_ELEM_U8 ? sizeof(uint8_t) : sizeof(float));
    promised = (uint64_t)h->dim[0] * h->example_size;
    if (promised > bound || at > bound - promised)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 4: the header promises %d examples, "
                          "%" PRIu64 " bytes; found a file that holds at most "
                          "%" PRIu64,
                          f->path, h->dim[0], promised,
                          bound > at ? bound - at : 0);
    return LT_OK;
}

static lt_status head_read(idx_file *f, int low_rank, int high_rank,
                           lt_err *err)
{
    LT_TRY(lt_gzin_open(f->path, &f->in, err));
    LT_TRY(magic_read(f, low_rank, high_rank, err));
    LT_TRY(sizes_read(f, err));
    return sizes_check(f, err);
}

static lt_status end_check(idx_file *f, lt_err *err)
{
    uint64_t at = lt_gzin_offset(f->in);
    uint8_t extra;
    size_t got = 0;

    LT_TRY(lt_gzin_some(f->in, &extra, 1, &got, err));
    if (got == 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "%s: offset %" PRIu64 ": found more bytes, wanted the "
                      "end of the file (%d examples)",
                      f->path, at, f->head.dim[0]);
}

/* Big-endian floats become the machine's, in place. */
static lt_status floats_decode(const idx_file *f, size_t n, uint64_t start,
                               void *values, lt_err *err)
{
    uint8_t *bytes = values;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits = big_endian(bytes + 4 * i);
        float x;

        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            return lt_err_set(err, LT_EFORMAT,
                              "%s: offset %" PRIu64 ": found %f, wanted a "
                              "finite value",
                              f->path, start + 4 * i, (double)x);
        memcpy(bytes + 4 * i, &x, sizeof x);
    }
    return LT_OK;
}

/* `size` bytes, more than are believed at once: memory doubles as the bytes
 * come, so that no more than twice of what the file held is ever taken. */
static lt_status bytes_collect(idx_file *f, size_t size, void **out,
                               lt_err *err)
{
    size_t have = 0, room = TRUSTED_SIZE;

    while (have < size) {
        uint8_t *grown = lt_mem_grow(*out, room, 1);

        if (!grown)
            return lt_err_set(err, LT_ENOMEM, "%s: out of memory for %zu bytes",
                              f->path, room);
        *out = grown;
        LT_TRY(lt_gzin_read(f->in, grown + have, room - have, err));
        have = room;
        room = size - have < have ? size : 2 * have;
    }
    return LT_OK;
}

static lt_status bytes_read(idx_file *f, size_t size, void **out, lt_err *err)
{
    if (size > TRUSTED_SIZE)
        return bytes_collect(f, size, out, err);
    *out = lt_mem_aligned(size, 1);
    if (!*out)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory for %zu bytes",
                          f->path, size);
    return lt_gzin_read(f->in, *out, size, err);
}

/* The first `n` examples; *out is the caller's, on failure too. */
static lt_status values_read(idx_file *f, int n, void **out, lt_err *err)
{
    uint64_t start = lt_gzin_offset(f->in);
    size_t bytes = (size_t)n * f->head.example_size;

    LT_TRY(bytes_read(f, bytes, out, err));
    if (f->head.type == LT_ELEM_F32)
        LT_TRY(floats_decode(f, bytes / 4, start, *out, err));
    return n == f->head.dim[0] ? end_check(f, err) : LT_OK;
}

static lt_status labels_read(idx_file *f, const idx_file *images, int n,
                             uint8_t **out, lt_err *err)
{
    void *values = NULL;
    lt_status rc;

    LT_TRY(head_read(f, 1, 1, err));
    if (f->head.type != LT_ELEM_U8)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 2: found float32 labels, wanted bytes "
                          "(type 0x08)",
                          f->path);
    if (f->head.dim[0] != images->head.dim[0])
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset 4: found %d labels, wanted %d, one for "
                          "each example of %s",
                          f->path, f->head.dim[0], images->head.dim[0],
                          images->path);
    rc = values_read(f, n, &values, err);
    *out = values;
    return rc;
}

static lt_shape head_shape(const idx_head *h)
{
    if (h->rank == 2)
        return lt_shape_flat(h->dim[1]);
    if (h->rank == 3)
        return lt_shape_image(1, h->dim[1], h->dim[2]);
    return lt_shape_image(h->dim[1], h->dim[2], h->dim[3]);
}

lt_status lt_idx_load(const char *images_path, const char *labels_path,
                      int limit, lt_dataset **out, lt_err *err)
{
    idx_file images = {.path = images_path}, labels = {.path = labels_path};
    void *values = NULL;
    uint8_t *classes = NULL;
    int n = 0;
    lt_status rc = head_read(&images, 2, MAX_RANK, err);

    if (rc == LT_OK) {
        n = images.head.dim[0];
        n = limit > 0 && limit < n ? limit : n;
        rc = labels_path ? labels_read(&labels, &images, n, &classes, err)
                         : LT_OK;
    }
    if (rc == LT_OK)
        rc = values_read(&images, n, &values, err);
    if (rc == LT_OK) {
        rc = lt_dataset_new_take(images.head.type, n, head_shape(&images.head),
                                 values, classes, out, err);
        values = NULL; /* the set's, or freed by it */
        classes = NULL;
    }
    lt_mem_free(values);
    lt_mem_free(classes);
    lt_gzin_close(images.in);
    lt_gzin_close(labels.in);
    return rc;
}
