/* Work that is under way, in a file: blocks of numbers that live in memory,
 * and a text. What can go on lists its blocks; the same list writes them and
 * reads them back to where they were, bit for bit.
 *
 * The file is a safetensors file (Python: safetensors.numpy.load_file), one
 * flat tensor a block, little-endian, the text in the metadata; its last
 * tensor, "checksum", tells a file that was damaged. */
#ifndef LT_SNAPSHOT_H
#define LT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latent/base/status.h"

#define LT_SNAPSHOT_TYPE_MAP(X)                                                \
    X(I32, int32_t)                                                            \
    X(I64, int64_t)                                                            \
    X(U64, uint64_t)                                                           \
    X(F32, float)                                                              \
    X(F64, double)

typedef enum lt_snapshot_type {
#define X(name, type) LT_SNAPSHOT_##name,
    LT_SNAPSHOT_TYPE_MAP(X)
#undef X
        LT_SNAPSHOT_TYPES
} lt_snapshot_type;

#define LT_SNAPSHOT_NAME   48
#define LT_SNAPSHOT_BLOCKS 32

typedef struct lt_snapshot_block {
    char name[LT_SNAPSHOT_NAME];
    lt_snapshot_type type;
    size_t count; /* of numbers, at least 1 */
    void *data;   /* borrowed */
} lt_snapshot_block;

/* Zero-initialise. Names are each other's equals never. */
typedef struct lt_snapshot {
    lt_snapshot_block blocks[LT_SNAPSHOT_BLOCKS];
    int n;
} lt_snapshot;

/* Lists `count` numbers at `data` as "prefix.name"; none are not listed. */
#define LT_SNAPSHOT_ADD(s, prefix, name, data, count)                          \
    lt_snapshot_add(s, prefix, name, LT_SNAPSHOT_TYPE_OF(data), data, count)
#define LT_SNAPSHOT_TYPE_OF(data)                                              \
    _Generic(*(data), int32_t                                                  \
             : LT_SNAPSHOT_I32, int64_t                                        \
             : LT_SNAPSHOT_I64, uint64_t                                       \
             : LT_SNAPSHOT_U64, float                                          \
             : LT_SNAPSHOT_F32, double                                         \
             : LT_SNAPSHOT_F64)
void lt_snapshot_add(lt_snapshot *s, const char *prefix, const char *name,
                     lt_snapshot_type type, void *data, size_t count);

/* Atomic and durable: see lt_path_write. The blocks are written from where
 * they are, without a copy. */
lt_status lt_snapshot_write(const lt_snapshot *s, const char *text,
                            const char *path, lt_err *err);

/* Bytes of its blocks. */
size_t lt_snapshot_size(const lt_snapshot *s);

/* ---- reading ---- */

typedef struct lt_snapshot_file lt_snapshot_file;

/* Reads the file through once: ENOTFOUND when there is none, EFORMAT when it
 * is not whole, or not as it was written. */
lt_status lt_snapshot_open(const char *path, lt_snapshot_file **out,
                           lt_err *err);
void lt_snapshot_close(lt_snapshot_file *file);

const char *lt_snapshot_text(const lt_snapshot_file *file); /* borrowed */

/* Numbers in the block of this name; 0 when there is none. */
size_t lt_snapshot_count(const lt_snapshot_file *file, const char *name);

/* Fills the blocks listed in `into`. EFORMAT, and nothing is filled, when the
 * file lacks one or has it in another type or size; blocks that the list has
 * not are passed by. */
lt_status lt_snapshot_read(lt_snapshot_file *file, const lt_snapshot *into,
                           lt_err *err);

/* ---- work that can go on ---- */

/* Who keeps snapshots for work that takes them. */
typedef struct lt_saver {
    void *self;
    /* Whether it is time for one. Asked before every step, so cheap; and with
     * `at_end` between two epochs, which is the better moment. */
    bool (*is_due)(void *self, bool at_end);
    /* Keeps what is listed, which changes after the call. What goes wrong is
     * the saver's own business: the work goes on. */
    void (*save)(void *self, const lt_snapshot *s);
    lt_snapshot_file *from; /* where the work goes on, or NULL */
} lt_saver;

/* Accept NULL. */
bool lt_saver_is_due(const lt_saver *s, bool at_end);
void lt_saver_save(const lt_saver *s, const lt_snapshot *snapshot);
lt_snapshot_file *lt_saver_from(const lt_saver *s);

/* Shared by writer and reader: the checksum of `size` bytes more. */
uint64_t lt__snapshot_sum(uint64_t sum, const void *data, size_t size);

#endif
