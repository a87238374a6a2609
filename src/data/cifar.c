/* CIFAR-10's binary batches; see latent/data/cifar.h and
 * https://www.cs.toronto.edu/~kriz/cifar.html.
 *
 * A batch has no header, so its size is all that tells it from another file:
 * at most 10,000 whole records. They are read one after another into memory
 * that grows from file to file by what the next one can hold. */
#include "latent/data/cifar.h"

#include "latent/base/gzin.h"
#include "latent/base/mem.h"

#include <inttypes.h>
#include <string.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, RECORD = 1 + PIXELS, CLASSES = 10 };

typedef struct cifar_set {
    uint8_t *values, *labels;
    int n, room;
} cifar_set;

/* One record; *got is false at the file's end. */
static lt_status record_read(cifar_set *s, lt_gzin *in, const char *path,
                             bool *got, lt_err *err)
{
    uint64_t at = lt_gzin_offset(in);
    uint8_t record[RECORD];
    size_t size = 0;

    LT_TRY(lt_gzin_some(in, record, RECORD, &size, err));
    *got = size > 0;
    if (size == 0)
        return LT_OK;
    if (size < RECORD)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %" PRIu64 ": found %zu bytes, wanted "
                          "%d, a record",
                          path, at, size, RECORD);
    if (record[0] >= CLASSES)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: offset %" PRIu64 ": found label %d, wanted 0 "
                          "to %d",
                          path, at, record[0], CLASSES - 1);
    LT_ASSERT(s->values && s->labels);
    s->labels[s->n] = record[0];
    memcpy(s->values + (size_t)s->n * PIXELS, record + 1, PIXELS);
    s->n++;
    return LT_OK;
}

/* Room for what the file can hold, from its size on disk, and one more: a
 * record that is cut is worth a message of its own. */
static lt_status set_grow(cifar_set *s, const lt_gzin *in, const char *path,
                          lt_err *err)
{
    uint64_t most = lt_gzin_bound(in) / RECORD + 1;
    size_t room =
        (size_t)s->n + (most < LT_CIFAR_BATCH ? most : LT_CIFAR_BATCH);
    uint8_t *values = lt_mem_grow(s->values, room, PIXELS);
    uint8_t *labels = lt_mem_grow(s->labels, room, 1);

    s->values = values ? values : s->values;
    s->labels = labels ? labels : s->labels;
    s->room = (int)room;
    if (values && labels)
        return LT_OK;
    return lt_err_set(err, LT_ENOMEM, "%s: out of memory for %zu pictures",
                      path, room);
}

/* The records of one file. */
static lt_status batch_read(cifar_set *s, const char *path, lt_err *err)
{
    int first = s->n;
    bool got = true;
    lt_gzin *in = NULL;
    uint8_t extra;
    size_t size = 0;
    lt_status rc = lt_gzin_open(path, &in, err);

    if (rc == LT_OK)
        rc = set_grow(s, in, path, err);
    while (rc == LT_OK && got && s->n < s->room)
        rc = record_read(s, in, path, &got, err);
    if (rc == LT_OK && got) /* full: the file must end here */
        rc = lt_gzin_some(in, &extra, 1, &size, err);
    if (rc == LT_OK && (size > 0 || s->n == first))
        rc = lt_err_set(
            err, LT_EFORMAT, "%s: found %s, wanted 1 to %d records of %d bytes",
            path, size > 0 ? "more" : "no bytes", LT_CIFAR_BATCH, RECORD);
    lt_gzin_close(in);
    return rc;
}

lt_status lt_cifar_load(const char *const *paths, int n_paths, lt_dataset **out,
                        lt_err *err)
{
    cifar_set s = {0};
    lt_status rc = LT_OK;
    uint8_t *fit;

    LT_ASSERT(n_paths > 0);
    for (int i = 0; i < n_paths && rc == LT_OK; i++)
        rc = batch_read(&s, paths[i], err);
    if (rc != LT_OK) {
        lt_mem_free(s.values);
        lt_mem_free(s.labels);
        return rc;
    }
    fit = lt_mem_grow(s.values, (size_t)s.n, PIXELS);
    return lt_dataset_new_take(LT_ELEM_U8, s.n, lt_shape_image(3, SIDE, SIDE),
                               fit ? fit : s.values, s.labels, out, err);
}
