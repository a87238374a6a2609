/* NPY files as sets; see latent/data/npy.h, and npy_head.c for the header.
 *
 * The file's size must be what the header promises before anything is mapped
 * or allocated. Small files are read, large ones mapped; values that do not
 * lie on their own boundary (old numpy aligned to 16 bytes, others may not)
 * are read whatever their size. Fortran order (first axis fastest) is
 * transposed in blocks of TURNED_ROWS examples, so that the lines written stay
 * in the cache while the reading jumps; the file is mapped for that.
 *
 * Floats are looked at once, all of them: NaN means "missing" and must be
 * asked for, and an infinity would spoil a whole run. That reads a mapped file
 * through, which a run's fingerprint does anyway. */
#include "latent/data/npy.h"

#include "data/npy_int.h"
#include "latent/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "values are taken as they lie in the file");

#define TURNED_ROWS  32
#define CHECKED_ONCE 4096 /* values between two looks at the result */

/* The values of the first n examples, where they came to lie. */
typedef struct npy_content {
    const void *values;
    void *owner; /* what release() takes */
    void (*release)(void *);
} npy_content;

typedef struct npy_mapping {
    void *start;
    size_t size;
} npy_mapping;

typedef struct npy_input {
    lt__npy_file file;
    lt__npy_head head;
    int n;        /* examples wanted */
    int elements; /* of one example */
} npy_input;

static lt_status out_of_memory(const npy_input *in, size_t size, lt_err *err)
{
    return lt_err_set(err, LT_ENOMEM, "%s: out of memory for %zu bytes",
                      in->file.path, size);
}

/* ---- opening, and the promise against the file ---- */

static lt_status file_open(const char *path, lt__npy_file *out, lt_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return lt_err_set(err, LT_EIO, "%s: cannot open: %s", path,
                          strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return lt_err_set(err, LT_EIO,
                          "%s: found a folder or device, wanted a file", path);
    }
    *out = (lt__npy_file){path, fd, (uint64_t)st.st_size};
    return LT_OK;
}

/* Sets in->elements. The counts' product stays below 2^62. */
static lt_status sizes_check(npy_input *in, lt_err *err)
{
    const lt__npy_head *h = &in->head;
    uint64_t elements = 1, total, held;

    LT_ASSERT(h->width > 0);
    for (int i = 1; i < h->rank; i++) {
        elements *= (uint64_t)h->dim[i];
        if (elements > INT_MAX)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: found examples of over %d elements, wanted "
                              "at most that",
                              in->file.path, INT_MAX);
    }
    in->elements = (int)elements;
    in->n = h->dim[0];
    total = elements * (uint64_t)h->dim[0];
    held = in->file.size - h->at;
    if (total == held / (uint64_t)h->width && held % (uint64_t)h->width == 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "%s: the header promises %" PRIu64 " values of %d bytes "
                      "after offset %zu; found %" PRIu64 " bytes",
                      in->file.path, total, h->width, h->at, held);
}

static lt_status input_open(const char *path, npy_input *in, lt_err *err)
{
    LT_TRY(file_open(path, &in->file, err));
    LT_TRY(lt__npy_head_read(&in->file, &in->head, err));
    return sizes_check(in, err);
}

static void input_close(npy_input *in)
{
    if (in->file.fd >= 0)
        close(in->file.fd);
}

static size_t input_bytes(const npy_input *in)
{
    return (size_t)in->n * (size_t)in->elements * (size_t)in->head.width;
}

/* ---- reading and mapping ---- */

static lt_status bytes_read(const npy_input *in, size_t size, npy_content *out,
                            lt_err *err)
{
    void *values = lt_mem_aligned(size, 1);
    lt_status rc;

    if (!values)
        return out_of_memory(in, size, err);
    rc = lt__npy_read(&in->file, in->head.at, values, size, err);
    if (rc == LT_OK)
        *out = (npy_content){values, values, lt_mem_free};
    else
        lt_mem_free(values);
    return rc;
}

static void mapping_release(void *owner)
{
    npy_mapping *m = owner;

    munmap(m->start, m->size);
    lt_mem_free(m);
}

/* Maps the file from its start to the last value wanted. */
static lt_status bytes_map(const npy_input *in, size_t size, npy_content *out,
                           lt_err *err)
{
    npy_mapping *m = lt_mem_zero(1, sizeof *m);

    if (!m)
        return out_of_memory(in, sizeof *m, err);
    m->size = in->head.at + size;
    m->start = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, in->file.fd, 0);
    if (m->start == MAP_FAILED) {
        lt_mem_free(m);
        return lt_err_set(err, LT_EIO, "%s: cannot map %zu bytes: %s",
                          in->file.path, in->head.at + size, strerror(errno));
    }
    *out =
        (npy_content){(const char *)m->start + in->head.at, m, mapping_release};
    return LT_OK;
}

/* out[i] = in[i] for n values, those of `out` `row` bytes apart. */
static void column_turn(const char *in, char *out, int n, size_t row,
                        size_t width)
{
    for (int i = 0; i < n; i++, out += row) /* memcpy of a constant: a move */
        if (width == 1)
            *out = in[i];
        else if (width == 4)
            memcpy(out, in + 4 * (size_t)i, 4);
        else
            memcpy(out, in + 8 * (size_t)i, 8);
}

/* values (all, D) with the first axis fastest and the axes of an example in
 * Fortran's order too; out (n, D) in C order. `j` counts an example's elements
 * in C order, `from` is the same element's place in the file. */
static void rows_turn(const npy_input *in, int first, int n, const char *values,
                      char *out)
{
    const int *dim = in->head.dim;
    size_t width = (size_t)in->head.width, all = (size_t)dim[0];
    size_t row = (size_t)in->elements * width;
    size_t b = (size_t)(in->head.rank > 1 ? dim[1] : 1);
    size_t c = (size_t)(in->head.rank > 2 ? dim[2] : 1);
    size_t d = (size_t)(in->head.rank > 3 ? dim[3] : 1);

    for (size_t j = 0; j < b * c * d; j++) {
        size_t x = j % d, y = j / d % c, z = j / d / c;
        size_t from = all * (z + b * (y + c * x)) + (size_t)first;

        column_turn(values + from * width, out + j * width, n, row, width);
    }
}

/* Replaces the content, in Fortran's order, by a copy in C's. */
static lt_status content_turn(const npy_input *in, npy_content *content,
                              lt_err *err)
{
    size_t size = input_bytes(in);
    size_t row = (size_t)in->elements * (size_t)in->head.width;
    char *turned = lt_mem_aligned(size, 1);

    LT_ASSERT(content->values);
    if (!turned)
        return out_of_memory(in, size, err);
    for (int i = 0; i < in->n; i += TURNED_ROWS)
        rows_turn(in, i, in->n - i < TURNED_ROWS ? in->n - i : TURNED_ROWS,
                  content->values, turned + (size_t)i * row);
    content->release(content->owner);
    *content = (npy_content){turned, turned, lt_mem_free};
    return LT_OK;
}

/* On failure too, *out is the caller's when it has an owner. */
static lt_status content_load(const npy_input *in, size_t map_from,
                              npy_content *out, lt_err *err)
{
    bool is_aligned = in->head.at % (size_t)in->head.width == 0;
    size_t size = input_bytes(in);

    if (in->head.is_fortran && in->head.rank > 1) {
        LT_TRY(bytes_map(in, in->file.size - in->head.at, out, err));
        return content_turn(in, out, err);
    }
    if (size >= (map_from ? map_from : LT_NPY_MAP_SIZE) && is_aligned)
        return bytes_map(in, size, out, err);
    return bytes_read(in, size, out, err);
}

/* ---- what the values are ---- */

static lt_status type_of(const npy_input *in, lt_elem *out, lt_err *err)
{
    const lt__npy_head *h = &in->head;

    if (h->kind == 'u' && h->width == 1)
        *out = LT_ELEM_U8;
    else if (h->kind == 'f' && h->width == 4)
        *out = LT_ELEM_F32;
    else if (h->kind == 'f' && h->width == 8)
        *out = LT_ELEM_F64;
    else
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found values of type '%c%d', wanted 'u1', 'f4' "
                          "or 'f8' (numpy: a.astype('<f4'))",
                          in->file.path, h->kind, h->width);
    return LT_OK;
}

static double value_at(const npy_content *c, lt_elem type, size_t i)
{
    return type == LT_ELEM_F32 ? (double)((const float *)c->values)[i]
                               : ((const double *)c->values)[i];
}

static bool is_good(double x, bool missing)
{
    return fabs(x) <= (double)FLT_MAX || (missing && isnan(x));
}

/* Whether all of some values are good; without a branch in the loop. */
static bool are_good(const npy_content *c, lt_elem type, size_t at, size_t n)
{
    int bad = 0;

    if (type == LT_ELEM_F32)
        for (size_t i = at; i < at + n; i++)
            bad |= !(fabsf(((const float *)c->values)[i]) <= FLT_MAX);
    else
        for (size_t i = at; i < at + n; i++)
            bad |= !(fabs(((const double *)c->values)[i]) <= (double)FLT_MAX);
    return !bad;
}

static lt_status value_fail(const npy_input *in, size_t example, double x,
                            lt_err *err)
{
    if (isnan(x)) /* printf would show its sign */
        return lt_err_set(err, LT_EFORMAT,
                          "%s: example %zu: found NaN, wanted a number "
                          "(missing = true keeps NaN as missing)",
                          in->file.path, example + 1);
    return lt_err_set(err, LT_EFORMAT,
                      "%s: example %zu: found %g, wanted a number that a "
                      "float holds",
                      in->file.path, example + 1, x);
}

static lt_status floats_check(const npy_input *in, const npy_content *c,
                              lt_elem type, bool missing, lt_err *err)
{
    size_t total = (size_t)in->n * (size_t)in->elements;

    for (size_t at = 0; at < total; at += CHECKED_ONCE) {
        size_t n = total - at < CHECKED_ONCE ? total - at : CHECKED_ONCE;

        if (are_good(c, type, at, n))
            continue;
        for (size_t i = at; i < at + n; i++) {
            double x = value_at(c, type, i);

            if (!is_good(x, missing))
                return value_fail(in, i / (size_t)in->elements, x, err);
        }
    }
    return LT_OK;
}

static lt_shape head_shape(const npy_input *in)
{
    const int *dim = in->head.dim;

    if (in->head.rank == 3)
        return lt_shape_image(1, dim[1], dim[2]);
    if (in->head.rank == 4)
        return lt_shape_image(dim[1], dim[2], dim[3]);
    return lt_shape_flat(in->elements);
}

/* ---- labels ---- */

/* A little-endian integer; a negative one is above 255 here. */
static uint64_t label_decode(const uint8_t *bytes, const lt__npy_head *h)
{
    bool is_negative = h->kind == 'i' && bytes[h->width - 1] >= 128;
    uint64_t x = is_negative ? UINT64_MAX : 0;

    for (int i = h->width - 1; i >= 0; i--)
        x = x << 8 | bytes[i];
    return x;
}

static lt_status labels_decode(const npy_input *in, const uint8_t *bytes,
                               uint8_t *out, lt_err *err)
{
    for (int i = 0; i < in->n; i++) {
        uint64_t x =
            label_decode(bytes + (size_t)i * (size_t)in->head.width, &in->head);
        bool is_negative = in->head.kind == 'i' && x > INT64_MAX;

        if (x > UINT8_MAX)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: label %d is %s%" PRIu64 ", wanted 0 to 255",
                              in->file.path, i + 1, is_negative ? "-" : "",
                              is_negative ? 0 - x : x);
        out[i] = (uint8_t)x;
    }
    return LT_OK;
}

static lt_status labels_check(const npy_input *in, const npy_input *examples,
                              lt_err *err)
{
    const lt__npy_head *h = &in->head;

    if (h->kind != 'u' && h->kind != 'i')
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found labels of type '%c%d', wanted integers",
                          in->file.path, h->kind, h->width);
    if (in->elements != 1 || h->dim[0] != examples->head.dim[0])
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found %d x %d labels, wanted %d, one for each "
                          "example of %s",
                          in->file.path, h->dim[0], in->elements,
                          examples->head.dim[0], examples->file.path);
    return LT_OK;
}

/* *out is the caller's, on failure too. */
static lt_status labels_load(const char *path, const npy_input *examples,
                             uint8_t **out, lt_err *err)
{
    npy_input in = {.file.fd = -1};
    npy_content content = {0};
    lt_status rc = input_open(path, &in, err);

    if (rc == LT_OK)
        rc = labels_check(&in, examples, err);
    if (rc == LT_OK) {
        in.n = examples->n;
        *out = lt_mem_alloc((size_t)in.n, 1);
        rc = *out ? bytes_read(&in, input_bytes(&in), &content, err)
                  : out_of_memory(&in, (size_t)in.n, err);
    }
    if (rc == LT_OK)
        rc = labels_decode(&in, content.values, *out, err);
    if (content.release)
        content.release(content.owner);
    input_close(&in);
    return rc;
}

/* ---- the whole ---- */

/* The set of an open input; the content is let go of when it fails. */
static lt_status set_make(npy_input *in, const lt_npy_opts *opts,
                          lt_dataset **out, lt_err *err)
{
    npy_content content = {0};
    uint8_t *labels = NULL;
    lt_elem type = LT_ELEM_U8;
    lt_status rc = type_of(in, &type, err);

    if (opts->limit > 0 && opts->limit < in->n)
        in->n = opts->limit;
    if (rc == LT_OK && opts->labels)
        rc = labels_load(opts->labels, in, &labels, err);
    if (rc == LT_OK)
        rc = content_load(in, opts->map_from, &content, err);
    if (rc == LT_OK && type != LT_ELEM_U8)
        rc = floats_check(in, &content, type, opts->missing, err);
    if (rc == LT_OK)
        return lt_dataset_new_borrow(type, in->n, head_shape(in),
                                     content.values, content.release,
                                     content.owner, labels, out, err);
    if (content.release)
        content.release(content.owner);
    lt_mem_free(labels);
    return rc;
}

lt_status lt_npy_load(const char *path, const lt_npy_opts *opts,
                      lt_dataset **out, lt_err *err)
{
    npy_input in = {.file.fd = -1};
    lt_status rc = input_open(path, &in, err);

    if (rc == LT_OK)
        rc = set_make(&in, opts, out, err);
    input_close(&in);
    return rc;
}
