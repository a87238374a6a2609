/* The sparse text format of LIBSVM and svmlight, for word counts too: an
 * example a line, "label index:value index:value ... # comment", plain or
 * gzip. Indices ascend. Blank lines are skipped. The label may be missing,
 * then from every line. */
#ifndef LT_LIBSVM_H
#define LT_LIBSVM_H

#include <stdbool.h>

#include "latent/data/dataset.h"

typedef struct lt_libsvm_opts {
    int first;    /* the lowest index: 1, or 0 (some programs write so) */
    int features; /* elements of an example; 0: as many as are found */
    bool counts;  /* no value may be negative */
} lt_libsvm_opts;

/* Labels may be any numbers: in ascending order they become 0, 1, ..., 255. A
 * file with more than 256 different ones (for regression) gives a set without
 * labels. A bad line is EFORMAT: "PATH:7: found ..., wanted ...". */
lt_status lt_libsvm_load(const char *path, const lt_libsvm_opts *opts,
                         lt_dataset **out, lt_err *err);

/* Two files: as many elements as the wider has, and one numbering of labels;
 * no labels unless both files have them. */
lt_status lt_libsvm_load_pair(const char *train_path, const char *test_path,
                              const lt_libsvm_opts *opts, lt_data_pair *out,
                              lt_err *err);

#endif
