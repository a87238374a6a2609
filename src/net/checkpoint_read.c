/* Reading safetensors files that may lie.
 *
 * Order of suspicion: the header's length against the file's; the header's
 * JSON (no duplicate keys, no deep nesting); the network it describes, planned
 * but without vectors; then every tensor's presence, type, shape and place
 * against the plan, until they cover the data exactly. Only then, when the
 * file is known to hold as many bytes as the parameters take, are vectors
 * allocated and the data read, straight to where they belong. */
#include "latent/net/checkpoint.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "net/net_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_HEADER ((uint64_t)16 << 20)
#define CHUNK      2048 /* elements converted at a time */

typedef struct reader_tensor {
    lt__tensor tensor;
    char name[LT_LABEL_TEXT];
    uint64_t begin, end; /* bytes after the header */
    size_t item_size;    /* 4 or 8 */
} reader_tensor;

typedef struct reader {
    const char *path;
    FILE *file;
    uint64_t size;        /* of the file */
    uint64_t header_size; /* of the JSON */
    json_t *header;
    lt_net *net;
    reader_tensor *tensors;
    int n_tensors;
} reader;

static lt_status reader_open(reader *r, lt_err *err)
{
    struct stat st;

    r->file = lt_path_open(r->path);
    if (!r->file)
        return lt_err_set(err, errno == ENOENT ? LT_ENOTFOUND : LT_EIO,
                          "cannot open: %s", strerror(errno));
    if (fstat(fileno(r->file), &st) != 0 || !S_ISREG(st.st_mode))
        return lt_err_set(err, LT_EIO, "not a regular file");
    r->size = (uint64_t)st.st_size;
    return LT_OK;
}

static lt_status reader_read(reader *r, void *to, size_t n, lt_err *err)
{
    if (fread(to, 1, n, r->file) == n)
        return LT_OK;
    return lt_err_set(err, ferror(r->file) ? LT_EIO : LT_EFORMAT,
                      "cannot read %zu bytes at %ld", n, ftell(r->file));
}

static lt_status reader_header(reader *r, lt_err *err)
{
    char *text;
    lt_status rc;

    if (r->size < 8)
        return lt_err_set(err, LT_EFORMAT,
                          "%llu bytes, wanted at least 8 (a safetensors file)",
                          (unsigned long long)r->size);
    LT_TRY(reader_read(r, &r->header_size, 8, err));
    if (r->header_size > r->size - 8 || r->header_size > MAX_HEADER)
        return lt_err_set(err, LT_EFORMAT,
                          "header of %llu bytes, wanted at most %llu (file of "
                          "%llu bytes; is it a safetensors file?)",
                          (unsigned long long)r->header_size,
                          (unsigned long long)(r->size - 8 < MAX_HEADER
                                                   ? r->size - 8
                                                   : MAX_HEADER),
                          (unsigned long long)r->size);
    text = lt_mem_alloc((size_t)r->header_size, 1);
    if (!text)
        return lt_err_mark(err, LT_ENOMEM);
    rc = reader_read(r, text, (size_t)r->header_size, err);
    if (rc == LT_OK)
        rc = lt_json_parse(text, (size_t)r->header_size, "header", &r->header,
                           err);
    lt_mem_free(text);
    return rc;
}

/* Plans the network that the metadata describe. */
static lt_status reader_plan(reader *r, lt_err *err)
{
    const json_t *meta = json_object_get(r->header, "__metadata__");
    const json_t *text = json_object_get(meta, "latent.network");
    json_t *spec = NULL;
    lt_status rc;

    if (!json_is_string(text))
        return lt_err_set(err, LT_EFORMAT,
                          "no \"latent.network\" in the metadata, wanted a "
                          "network saved by this program");
    rc = lt_json_parse(json_string_value(text), json_string_length(text),
                       "metadata \"latent.network\"", &spec, err);
    if (rc != LT_OK)
        return rc;
    rc = lt__net_plan_json(spec, &r->net, err);
    json_decref(spec);
    if (rc != LT_OK)
        lt_err_prefix(err, "metadata \"latent.network\"");
    return rc == LT_EINVAL ? LT_EFORMAT : rc;
}

static lt_status tensor_dtype(reader_tensor *t, const json_t *entry,
                              lt_err *err)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));

    if (dtype && strcmp(dtype, "F32") == 0)
        t->item_size = 4;
    else if (dtype && strcmp(dtype, "F64") == 0)
        t->item_size = 8;
    else
        return lt_err_set(err, LT_EFORMAT,
                          "tensor \"%s\": dtype %.16s, wanted F32 or F64",
                          t->name, dtype ? dtype : "missing");
    return LT_OK;
}

static lt_status tensor_shape(reader_tensor *t, const json_t *entry,
                              lt_err *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = (size_t)t->tensor.rank;
    bool is_right = json_is_array(shape) && json_array_size(shape) == rank;
    char wanted[64] = "";

    for (size_t i = 0, at = 0; i < rank; i++) {
        const json_t *n = json_array_get(shape, i);

        is_right = is_right && json_is_integer(n) &&
                   json_integer_value(n) == t->tensor.dim[i];
        at += (size_t)snprintf(wanted + at, sizeof wanted - at, "%s%d",
                               i ? ", " : "", t->tensor.dim[i]);
    }
    if (is_right)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "tensor \"%s\": wrong shape, wanted [%s]", t->name,
                      wanted);
}

static lt_status tensor_place(reader_tensor *t, const json_t *entry,
                              uint64_t data_size, lt_err *err)
{
    const json_t *pair = json_object_get(entry, "data_offsets");
    const json_t *a = json_array_get(pair, 0), *b = json_array_get(pair, 1);
    json_int_t begin = json_integer_value(a), end = json_integer_value(b);
    uint64_t wanted = t->tensor.count * t->item_size;

    if (json_array_size(pair) != 2 || !json_is_integer(a) ||
        !json_is_integer(b) || begin < 0 || end < begin ||
        (uint64_t)end > data_size || (uint64_t)(end - begin) != wanted)
        return lt_err_set(err, LT_EFORMAT,
                          "tensor \"%s\": data_offsets %lld to %lld, wanted "
                          "%llu bytes within the file's %llu",
                          t->name, (long long)begin, (long long)end,
                          (unsigned long long)wanted,
                          (unsigned long long)data_size);
    t->begin = (uint64_t)begin;
    t->end = (uint64_t)end;
    return LT_OK;
}

static lt_status reader_tensor_check(reader *r, int index, lt_err *err)
{
    reader_tensor *t = &r->tensors[index];
    const json_t *entry;

    lt__net_tensor(r->net, t->tensor.layer, t->tensor.part, t->name);
    entry = json_object_get(r->header, t->name);
    if (!json_is_object(entry))
        return lt_err_set(err, LT_EFORMAT, "tensor \"%s\": missing", t->name);
    LT_TRY(tensor_dtype(t, entry, err));
    LT_TRY(tensor_shape(t, entry, err));
    return tensor_place(t, entry, r->size - 8 - r->header_size, err);
}

static int tensor_compare(const void *a, const void *b)
{
    const reader_tensor *x = a, *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Together the tensors cover the data, without gaps or overlap. */
static lt_status reader_cover(reader *r, lt_err *err)
{
    uint64_t at = 0, data_size = r->size - 8 - r->header_size;

    qsort(r->tensors, (size_t)r->n_tensors, sizeof *r->tensors, tensor_compare);
    for (int i = 0; i < r->n_tensors; i++) {
        if (r->tensors[i].begin != at)
            return lt_err_set(
                err, LT_EFORMAT, "tensor \"%s\": begins at %llu, wanted %llu",
                r->tensors[i].name, (unsigned long long)r->tensors[i].begin,
                (unsigned long long)at);
        at = r->tensors[i].end;
    }
    if (at != data_size)
        return lt_err_set(err, LT_EFORMAT, "%llu bytes of data, wanted %llu",
                          (unsigned long long)data_size,
                          (unsigned long long)at);
    return LT_OK;
}

/* What the planned network wants of the file. */
static lt_status reader_want(reader *r, lt_err *err)
{
    size_t most = LT__TENSORS_PER_LAYER * (size_t)r->net->n_layers;
    lt__tensor *wanted = lt_mem_alloc(most, sizeof *wanted);

    if (wanted)
        r->n_tensors = lt__net_tensors(r->net, wanted);
    r->tensors = lt_mem_zero((size_t)r->n_tensors, sizeof *r->tensors);
    for (int i = 0; wanted && r->tensors && i < r->n_tensors; i++)
        r->tensors[i].tensor = wanted[i];
    lt_mem_free(wanted);
    return lt_err_mark(err, wanted && r->tensors ? LT_OK : LT_ENOMEM);
}

static lt_status reader_check(reader *r, lt_err *err)
{
    size_t found = json_object_size(r->header) - 1; /* "__metadata__" */

    LT_TRY(reader_want(r, err));
    for (int i = 0; i < r->n_tensors; i++)
        LT_TRY(reader_tensor_check(r, i, err));
    if (found != (size_t)r->n_tensors)
        return lt_err_set(err, LT_EFORMAT, "%zu tensors, wanted %d", found,
                          r->n_tensors);
    return reader_cover(r, err);
}

/* Elements of the other width than lt_real, a chunk at a time. */
static lt_status reader_convert(reader *r, size_t item_size, size_t n,
                                lt_real *to, lt_err *err)
{
    union {
        float f[CHUNK];
        double d[CHUNK];
    } chunk;

    for (size_t done = 0, count; done < n; done += count) {
        count = n - done < CHUNK ? n - done : CHUNK;
        LT_TRY(reader_read(r, &chunk, count * item_size, err));
        for (size_t i = 0; i < count; i++)
            to[done + i] =
                item_size == 4 ? (lt_real)chunk.f[i] : (lt_real)chunk.d[i];
    }
    return LT_OK;
}

static lt_status reader_values(reader *r, const reader_tensor *t, size_t n,
                               lt_real *to, lt_err *err)
{
    if (t->item_size == sizeof(lt_real))
        return reader_read(r, to, n * sizeof *to, err);
    return reader_convert(r, t->item_size, n, to, err);
}

/* A weight (H,D) that stands (D,H) in the parameters, some rows at a time. */
static lt_status reader_turned(reader *r, const reader_tensor *t, lt_real *to,
                               lt_err *err)
{
    enum { ROWS = 16 };
    int h = t->tensor.dim[0], d = t->tensor.dim[1];
    lt_real *rows = lt_mem_alloc((size_t)d, ROWS * sizeof *rows);
    lt_status rc = rows ? LT_OK : LT_ENOMEM;

    for (int at = 0, n; rc == LT_OK && at < h; at += n) {
        n = h - at < ROWS ? h - at : ROWS;
        rc = reader_values(r, t, (size_t)n * (size_t)d, rows, err);
        for (int j = 0; rc == LT_OK && j < d; j++)
            for (int i = 0; i < n; i++)
                to[(size_t)j * (size_t)h + (size_t)(at + i)] =
                    rows[(size_t)i * (size_t)d + (size_t)j];
    }
    lt_mem_free(rows);
    return lt_err_mark(err, rc);
}

/* The tensors are in the order of the file by now. */
static lt_status reader_load(reader *r, lt_err *err)
{
    LT_TRY(lt__net_allocate(r->net, err));
    for (int i = 0; i < r->n_tensors; i++) {
        const reader_tensor *t = &r->tensors[i];
        lt_real *vector = t->tensor.is_state ? r->net->state : r->net->params;
        lt_real *to = vector + t->tensor.offset;

        if (t->tensor.is_transposed)
            LT_TRY(reader_turned(r, t, to, err));
        else
            LT_TRY(reader_values(r, t, t->tensor.count, to, err));
    }
    return LT_OK;
}

lt_status lt_checkpoint_load(const char *path, lt_net **out, lt_err *err)
{
    reader r = {.path = path};
    lt_status rc;

    LT_ASSERT(out && !*out);
    rc = reader_open(&r, err);
    if (rc == LT_OK)
        rc = reader_header(&r, err);
    if (rc == LT_OK)
        rc = reader_plan(&r, err);
    if (rc == LT_OK)
        rc = reader_check(&r, err);
    if (rc == LT_OK)
        rc = reader_load(&r, err);
    if (rc == LT_OK) {
        *out = r.net;
        r.net = NULL;
    } else if (lt_err_mark(err, rc) && err) {
        err->status = rc;
        lt_err_prefix(err, "%s", path);
    }
    if (r.file)
        fclose(r.file);
    json_decref(r.header);
    lt_net_free(r.net);
    lt_mem_free(r.tensors);
    return rc;
}
