/* IDX files (MNIST's format), plain or gzip: two zero bytes, a type byte, a
 * rank byte, `rank` big-endian 32-bit sizes, then the values. */
#ifndef LT_IDX_H
#define LT_IDX_H

#include "latent/data/dataset.h"

/* Unsigned bytes of rank 2 (n, elements) to 4 (n, channels, h, w); float32
 * (type 0x0D) too. `labels_path` may be NULL; else rank 1 bytes, one for each
 * example. At most `limit` examples are read when limit > 0. A file that is
 * truncated, lies about its size or has the wrong type is EFORMAT with path,
 * offset, found and wanted; nothing is allocated that the file cannot hold. */
lt_status lt_idx_load(const char *images_path, const char *labels_path,
                      int limit, lt_dataset **out, lt_err *err);

/* Writes the set's values (rank 2, or 3 for pictures of one channel, else 4)
 * and, unless `labels_path` is NULL, its labels; each file appears whole or
 * not at all. EINVAL for sets of doubles, sparse ones, and labels that are
 * asked for but not there. */
lt_status lt_idx_save(const lt_dataset *d, const char *images_path,
                      const char *labels_path, lt_err *err);

#endif
