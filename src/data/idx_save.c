/* Sets written as IDX files; see latent/data/idx.h.
 *
 * Bytes go to the file as they lie in memory; floats are turned big-endian in
 * a copy. Labels come first, so that values never stand without them. */
#include "latent/data/idx.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"

#include <string.h>

enum { CODE_U8 = 0x08, CODE_F32 = 0x0D, HEAD_MOST = 4 + 4 * 4 };

static void put_big_endian(uint8_t out[4], uint32_t x)
{
    out[0] = (uint8_t)(x >> 24);
    out[1] = (uint8_t)(x >> 16);
    out[2] = (uint8_t)(x >> 8);
    out[3] = (uint8_t)x;
}

/* Returns the size of the head; `sizes` are those after the first. */
static size_t head_fill(uint8_t *out, int code, int n, const int *sizes,
                        int n_sizes)
{
    out[0] = out[1] = 0;
    out[2] = (uint8_t)code;
    out[3] = (uint8_t)(n_sizes + 1);
    put_big_endian(out + 4, (uint32_t)n);
    for (int i = 0; i < n_sizes; i++)
        put_big_endian(out + 8 + 4 * i, (uint32_t)sizes[i]);
    return 8 + 4 * (size_t)n_sizes;
}

static size_t values_head(const lt_dataset *d, uint8_t *out)
{
    lt_shape shape = lt_dataset_shape(d);
    int skip = shape.rank == 3 && shape.dim[0] == 1; /* grey pictures */

    return head_fill(out, lt_dataset_type(d) == LT_ELEM_U8 ? CODE_U8 : CODE_F32,
                     lt_dataset_rows(d), shape.dim + skip, shape.rank - skip);
}

static lt_status parts_write(const char *path, const uint8_t *head,
                             size_t head_size, const lt_path_part *values,
                             lt_err *err)
{
    const lt_path_part parts[] = {{head, head_size}, *values};

    return lt_path_write_parts(path, parts, 2, err);
}

static lt_status floats_write(const lt_dataset *d, const char *path,
                              const uint8_t *head, size_t head_size,
                              lt_err *err)
{
    size_t size = lt_dataset_bytes(d);
    uint8_t *copy = lt_mem_alloc(size, 1);
    lt_path_part values = {copy, size};
    lt_status rc;

    if (!copy)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", path);
    memcpy(copy, lt_dataset_values(d), size);
    for (size_t i = 0; i < size; i += 4) {
        uint32_t bits;

        memcpy(&bits, copy + i, 4);
        put_big_endian(copy + i, bits);
    }
    rc = parts_write(path, head, head_size, &values, err);
    lt_mem_free(copy);
    return rc;
}

lt_status lt_idx_save(const lt_dataset *d, const char *images_path,
                      const char *labels_path, lt_err *err)
{
    const uint8_t *labels = lt_dataset_labels(d);
    lt_path_part classes = {labels, (size_t)lt_dataset_rows(d)};
    lt_path_part values = {lt_dataset_values(d), lt_dataset_bytes(d)};
    uint8_t head[HEAD_MOST];
    lt_elem type = lt_dataset_type(d);

    if (type != LT_ELEM_U8 && type != LT_ELEM_F32)
        return lt_err_set(
            err, LT_EINVAL, "%s: a set of %s, wanted bytes or floats",
            images_path, type == LT_ELEM_F64 ? "doubles" : "sparse rows");
    if (labels_path && !labels)
        return lt_err_set(err, LT_EINVAL, "%s: the set has no labels",
                          labels_path);
    if (labels_path)
        LT_TRY(
            parts_write(labels_path, head,
                        head_fill(head, CODE_U8, lt_dataset_rows(d), NULL, 0),
                        &classes, err));
    if (type == LT_ELEM_F32)
        return floats_write(d, images_path, head, values_head(d, head), err);
    return parts_write(images_path, head, values_head(d, head), &values, err);
}
