/* Writing snapshots; see latent/base/snapshot.h.
 *
 * Layout: safetensors (net/checkpoint.c tells how that looks), blocks in the
 * order of the list. The checksum goes over the header's text and then over
 * each block; it costs a multiplication for 8 bytes, far less than writing
 * them. It is against damage, not against forgery. */
#include "latent/base/snapshot.h"

#include "latent/base/json.h"
#include "latent/base/path.h"
#include "latent/base/text.h"

#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors data are little-endian");

static const char *const dtypes[] = {
#define X(name, type) #name,
    LT_SNAPSHOT_TYPE_MAP(X)
#undef X
};

static const size_t item_sizes[] = {
#define X(name, type) sizeof(type),
    LT_SNAPSHOT_TYPE_MAP(X)
#undef X
};

void lt_snapshot_add(lt_snapshot *s, const char *prefix, const char *name,
                     lt_snapshot_type type, void *data, size_t count)
{
    lt_snapshot_block *b = &s->blocks[s->n];
    int n;

    if (count == 0)
        return;
    LT_ASSERT(s->n < LT_SNAPSHOT_BLOCKS && data);
    n = snprintf(b->name, sizeof b->name, "%s.%s", prefix, name);
    LT_ASSERT(n > 0 && (size_t)n < sizeof b->name);
    b->type = type;
    b->data = data;
    b->count = count;
    s->n++;
}

uint64_t lt__snapshot_sum(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *p = data;

    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;

        memcpy(&word, p + at, size - at < 8 ? size - at : 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum ^ size;
}

static size_t block_size(const lt_snapshot_block *b)
{
    return b->count * item_sizes[b->type];
}

size_t lt_snapshot_size(const lt_snapshot *s)
{
    size_t size = 0;

    for (int i = 0; i < s->n; i++)
        size += block_size(&s->blocks[i]);
    return size;
}

static int put_block(json_t *header, const char *name, const char *dtype,
                     size_t count, const size_t place[2])
{
    return json_object_set_new(header, name,
                               json_pack("{s:s, s:[I], s:[I, I]}", "dtype",
                                         dtype, "shape", (json_int_t)count,
                                         "data_offsets", (json_int_t)place[0],
                                         (json_int_t)place[1]));
}

static int put_blocks(const lt_snapshot *s, json_t *header)
{
    size_t place[2] = {0, 0};

    for (int i = 0; i < s->n; i++) {
        const lt_snapshot_block *b = &s->blocks[i];

        place[0] = place[1];
        place[1] += block_size(b);
        if (put_block(header, b->name, dtypes[b->type], b->count, place) != 0)
            return -1;
    }
    place[0] = place[1];
    place[1] += sizeof(uint64_t);
    return put_block(header, "checksum", "U64", 1, place);
}

/* The header's text, padded so that the data begin at a multiple of 8. */
static lt_status header_make(const lt_snapshot *s, const char *text,
                             lt_text *out, lt_err *err)
{
    json_t *header = json_pack("{s:{s:s, s:s}}", "__metadata__", "format",
                               "latent.snapshot", "text", text);
    lt_status rc = header && put_blocks(s, header) == 0 ? LT_OK : LT_ENOMEM;

    if (rc == LT_OK)
        rc = lt_json_dump(header, out, err);
    while (rc == LT_OK && !out->failed && out->size % 8 != 0)
        lt_text_add(out, " ");
    json_decref(header);
    return lt_err_mark(err, rc == LT_OK && out->failed ? LT_ENOMEM : rc);
}

lt_status lt_snapshot_write(const lt_snapshot *s, const char *text,
                            const char *path, lt_err *err)
{
    lt_path_part parts[LT_SNAPSHOT_BLOCKS + 3];
    lt_text header = {0};
    lt_status rc = header_make(s, text, &header, err);
    uint64_t length = header.size, sum = 0;
    int n = 0;

    if (rc == LT_OK) {
        parts[n++] = (lt_path_part){&length, sizeof length};
        parts[n++] = (lt_path_part){header.data, header.size};
        for (int i = 0; i < s->n; i++)
            parts[n++] =
                (lt_path_part){s->blocks[i].data, block_size(&s->blocks[i])};
        for (int i = 1; i < n; i++)
            sum = lt__snapshot_sum(sum, parts[i].data, parts[i].size);
        parts[n++] = (lt_path_part){&sum, sizeof sum};
        rc = lt_path_write_parts(path, parts, n, err);
    }
    lt_text_deinit(&header);
    return rc;
}

bool lt_saver_is_due(const lt_saver *s, bool at_end)
{
    return s && s->is_due && s->is_due(s->self, at_end);
}

void lt_saver_save(const lt_saver *s, const lt_snapshot *snapshot)
{
    if (s && s->save)
        s->save(s->self, snapshot);
}

lt_snapshot_file *lt_saver_from(const lt_saver *s)
{
    return s ? s->from : NULL;
}
