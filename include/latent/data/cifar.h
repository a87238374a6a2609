/* CIFAR-10's binary batches: records of 3073 bytes, a label 0 to 9 and 32x32
 * pixels of red, then of green, then of blue. Plain or gzip. */
#ifndef LT_CIFAR_H
#define LT_CIFAR_H

#include "latent/data/dataset.h"

#define LT_CIFAR_BATCH 10000 /* records of a published batch */

/* The records of several files, one after another, 3x32x32 with labels. A
 * file that is no whole number of records, or at most LT_CIFAR_BATCH of them,
 * or holds another label, is EFORMAT with path, offset, found and wanted. */
lt_status lt_cifar_load(const char *const *paths, int n_paths, lt_dataset **out,
                        lt_err *err);

#endif
