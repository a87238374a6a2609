/* Reading snapshots that may be damaged, or lie.
 *
 * Order of suspicion: the header's length against the file's; the header's
 * JSON; every block's type, size and place, until they cover the data exactly;
 * then the data, read through once against the checksum. Only what the file
 * really holds is ever allocated: its header's text. */
#include "latent/base/snapshot.h"

#include "latent/base/json.h"
#include "latent/base/mem.h"
#include "latent/base/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_HEADER ((uint64_t)16 << 20)
#define MAX_BLOCKS (LT_SNAPSHOT_BLOCKS + 1) /* the checksum is one */
#define CHUNK      65536

static const char *const dtypes[] = {
#define X(name, type) #name,
    LT_SNAPSHOT_TYPE_MAP(X)
#undef X
};

typedef struct place {
    const char *name; /* in the header */
    const char *dtype;
    uint64_t count, begin, end;
} place;

struct lt_snapshot_file {
    FILE *file;
    uint64_t size;        /* of the file */
    uint64_t header_size; /* of the JSON */
    uint64_t header_sum;
    json_t *header;
    place places[MAX_BLOCKS]; /* in the order of the file */
    int n;
};

/* ---- the header ---- */

static lt_status file_open(lt_snapshot_file *f, const char *path, lt_err *err)
{
    struct stat st;

    f->file = lt_path_open(path);
    if (!f->file)
        return lt_err_set(err, errno == ENOENT ? LT_ENOTFOUND : LT_EIO,
                          "cannot open: %s", strerror(errno));
    if (fstat(fileno(f->file), &st) != 0 || !S_ISREG(st.st_mode))
        return lt_err_set(err, LT_EFORMAT, "not a regular file");
    f->size = (uint64_t)st.st_size;
    return LT_OK;
}

static lt_status file_read(lt_snapshot_file *f, void *to, size_t n, lt_err *err)
{
    if (fread(to, 1, n, f->file) == n)
        return LT_OK;
    return lt_err_set(err, ferror(f->file) ? LT_EIO : LT_EFORMAT,
                      "cannot read %zu bytes at %ld", n, ftell(f->file));
}

static lt_status header_read(lt_snapshot_file *f, lt_err *err)
{
    char *text;
    lt_status rc;

    if (f->size < 8)
        return lt_err_set(err, LT_EFORMAT, "%llu bytes, wanted at least 8",
                          (unsigned long long)f->size);
    LT_TRY(file_read(f, &f->header_size, 8, err));
    if (f->header_size > f->size - 8 || f->header_size > MAX_HEADER)
        return lt_err_set(
            err, LT_EFORMAT, "header of %llu bytes in a file of %llu",
            (unsigned long long)f->header_size, (unsigned long long)f->size);
    text = lt_mem_alloc((size_t)f->header_size, 1);
    if (!text)
        return lt_err_mark(err, LT_ENOMEM);
    rc = file_read(f, text, (size_t)f->header_size, err);
    if (rc == LT_OK) {
        f->header_sum = lt__snapshot_sum(0, text, (size_t)f->header_size);
        rc = lt_json_parse(text, (size_t)f->header_size, "header", &f->header,
                           err);
    }
    lt_mem_free(text);
    return rc;
}

/* ---- places ---- */

static bool read_uint(const json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static uint64_t item_size(const char *dtype)
{
    static const uint64_t sizes[] = {
#define X(name, type) sizeof(type),
        LT_SNAPSHOT_TYPE_MAP(X)
#undef X
    };

    for (int i = 0; dtype && i < LT_SNAPSHOT_TYPES; i++)
        if (strcmp(dtype, dtypes[i]) == 0)
            return sizes[i];
    return 0;
}

static lt_status place_read(const char *name, const json_t *entry, place *out,
                            lt_err *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    uint64_t size;

    out->name = name;
    out->dtype = json_string_value(json_object_get(entry, "dtype"));
    size = item_size(out->dtype);
    if (size > 0 && json_array_size(shape) == 1 &&
        json_array_size(offsets) == 2 &&
        read_uint(json_array_get(shape, 0), &out->count) &&
        read_uint(json_array_get(offsets, 0), &out->begin) &&
        read_uint(json_array_get(offsets, 1), &out->end) &&
        out->begin < out->end && (out->end - out->begin) % size == 0 &&
        (out->end - out->begin) / size == out->count)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT, "block \"%.40s\": malformed", name);
}

static int place_compare(const void *a, const void *b)
{
    const place *x = a, *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Together the blocks cover the data, the checksum last. */
static lt_status places_cover(lt_snapshot_file *f, lt_err *err)
{
    uint64_t at = 0, data_size = f->size - 8 - f->header_size;

    qsort(f->places, (size_t)f->n, sizeof *f->places, place_compare);
    for (int i = 0; i < f->n; i++) {
        if (f->places[i].begin != at)
            return lt_err_set(
                err, LT_EFORMAT, "block \"%.40s\" begins at %llu, wanted %llu",
                f->places[i].name, (unsigned long long)f->places[i].begin,
                (unsigned long long)at);
        at = f->places[i].end;
    }
    if (at != data_size)
        return lt_err_set(err, LT_EFORMAT, "%llu bytes of data, wanted %llu",
                          (unsigned long long)data_size,
                          (unsigned long long)at);
    if (f->n == 0 || strcmp(f->places[f->n - 1].name, "checksum") != 0 ||
        f->places[f->n - 1].end - f->places[f->n - 1].begin != 8)
        return lt_err_set(err, LT_EFORMAT, "no checksum at the end");
    return LT_OK;
}

static lt_status places_read(lt_snapshot_file *f, lt_err *err)
{
    const json_t *meta = json_object_get(f->header, "__metadata__");
    const char *name;
    json_t *entry;

    if (!json_is_string(json_object_get(meta, "text")))
        return lt_err_set(err, LT_EFORMAT, "no text in the metadata");
    if (json_object_size(f->header) - 1 > MAX_BLOCKS)
        return lt_err_set(err, LT_EFORMAT, "%zu blocks, wanted at most %d",
                          json_object_size(f->header) - 1, MAX_BLOCKS);
    json_object_foreach(f->header, name, entry)
    {
        if (strcmp(name, "__metadata__") != 0)
            LT_TRY(place_read(name, entry, &f->places[f->n++], err));
    }
    return places_cover(f, err);
}

/* ---- the data ---- */

/* The same words as the writer's, block by block. */
static lt_status place_sum(lt_snapshot_file *f, const place *p, char *chunk,
                           uint64_t *sum, lt_err *err)
{
    uint64_t size = p->end - p->begin, s = *sum;

    for (uint64_t done = 0, n; done < size; done += n) {
        n = size - done < CHUNK ? size - done : CHUNK;
        LT_TRY(file_read(f, chunk, (size_t)n, err));
        s = lt__snapshot_sum(s, chunk, (size_t)n) ^ n; /* not its size yet */
    }
    *sum = s ^ size;
    return LT_OK;
}

static lt_status data_check(lt_snapshot_file *f, lt_err *err)
{
    char *chunk = lt_mem_alloc(CHUNK, 1);
    uint64_t sum = f->header_sum, wanted = 0;
    lt_status rc = chunk ? LT_OK : LT_ENOMEM;

    for (int i = 0; rc == LT_OK && i < f->n - 1; i++)
        rc = place_sum(f, &f->places[i], chunk, &sum, err);
    if (rc == LT_OK)
        rc = file_read(f, &wanted, sizeof wanted, err);
    lt_mem_free(chunk);
    if (rc == LT_OK && sum != wanted)
        return lt_err_set(err, LT_EFORMAT, "damaged: its checksum is another");
    return lt_err_mark(err, rc);
}

lt_status lt_snapshot_open(const char *path, lt_snapshot_file **out,
                           lt_err *err)
{
    lt_snapshot_file *f = lt_mem_zero(1, sizeof *f);
    lt_status rc = f ? file_open(f, path, err) : LT_ENOMEM;

    if (rc == LT_OK)
        rc = header_read(f, err);
    if (rc == LT_OK)
        rc = places_read(f, err);
    if (rc == LT_OK)
        rc = data_check(f, err);
    if (rc == LT_OK) {
        *out = f;
        return LT_OK;
    }
    lt_snapshot_close(f);
    lt_err_mark(err, rc);
    lt_err_prefix(err, "%s", path);
    return rc;
}

void lt_snapshot_close(lt_snapshot_file *f)
{
    if (!f)
        return;
    if (f->file)
        fclose(f->file);
    json_decref(f->header);
    lt_mem_free(f);
}

const char *lt_snapshot_text(const lt_snapshot_file *f)
{
    return json_string_value(
        json_object_get(json_object_get(f->header, "__metadata__"), "text"));
}

static const place *place_find(const lt_snapshot_file *f, const char *name)
{
    for (int i = 0; i < f->n - 1; i++)
        if (strcmp(f->places[i].name, name) == 0)
            return &f->places[i];
    return NULL;
}

size_t lt_snapshot_count(const lt_snapshot_file *f, const char *name)
{
    const place *p = place_find(f, name);

    return p ? (size_t)p->count : 0;
}

static lt_status block_match(const lt_snapshot_file *f,
                             const lt_snapshot_block *b, lt_err *err)
{
    const place *p = place_find(f, b->name);

    if (p && strcmp(p->dtype, dtypes[b->type]) == 0 && p->count == b->count)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "%s: found %llu numbers (%s), wanted %zu (%s)", b->name,
                      p ? (unsigned long long)p->count : 0,
                      p ? p->dtype : "none", b->count, dtypes[b->type]);
}

lt_status lt_snapshot_read(lt_snapshot_file *f, const lt_snapshot *into,
                           lt_err *err)
{
    for (int i = 0; i < into->n; i++)
        LT_TRY(block_match(f, &into->blocks[i], err));
    for (int i = 0; i < into->n; i++) {
        const lt_snapshot_block *b = &into->blocks[i];
        const place *p = place_find(f, b->name);

        if (fseeko(f->file, (off_t)(8 + f->header_size + p->begin), SEEK_SET) !=
            0)
            return lt_err_set(err, LT_EIO, "%s: %s", b->name, strerror(errno));
        LT_TRY(file_read(f, b->data, (size_t)(p->end - p->begin), err));
    }
    return LT_OK;
}
