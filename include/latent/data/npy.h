/* NPY files, what numpy.save writes: versions 1 to 3, C or Fortran order, of
 * '|u1' (bytes), '<f4' or '<f8', with one axis (n examples of one element) to
 * four (n, channels, h, w); (n, h, w) are grey pictures 1xhxw. */
#ifndef LT_NPY_H
#define LT_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "latent/data/dataset.h"

/* Values of at least so many bytes are not read but mapped: the system brings
 * in pages as they are asked for and may drop them again. Such a file must
 * not be cut while the set lives. Fortran order is put into C order in memory,
 * and so is never mapped. */
#define LT_NPY_MAP_SIZE ((size_t)64 << 20)

typedef struct lt_npy_opts {
    const char *labels; /* an NPY file of integers 0 to 255, one for each
                         * example; or NULL */
    int limit;          /* at most so many examples; 0: all */
    bool missing;       /* NaN is a missing value; else an error */
    size_t map_from;    /* bytes; 0: LT_NPY_MAP_SIZE */
} lt_npy_opts;

/* A file that is malformed, cut, longer than its header says, big-endian or
 * of another type is EFORMAT with path, place, found and wanted, and so are
 * infinite values; nothing is allocated or mapped that the file does not
 * hold. */
lt_status lt_npy_load(const char *path, const lt_npy_opts *opts,
                      lt_dataset **out, lt_err *err);

#endif
