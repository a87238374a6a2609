/* What the fuzz targets share. A target is one file fuzz_<reader>.c with
 * LLVMFuzzerTestOneInput; see CMakeLists.txt beside it for how it is built
 * and how its corpus is replayed in the normal test run. */
#ifndef LT_FUZZ_H
#define LT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "latent/base/picture.h"
#include "latent/data/dataset.h"

#define FUZZ_FILES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The path of a file in memory that holds exactly these bytes, until the
 * same `slot` (below FUZZ_FILES) is used again. */
const char *fuzz_file(int slot, const void *data, size_t size);

/* Aborts unless a reader kept its word: a set that can be read to its last
 * byte and gathered, or no set and a message. Frees the set and clears both, so
 * that they can be used again. */
void fuzz_set_check(lt_status rc, lt_dataset **d, lt_err *err);

/* The same for a decoder of pictures. */
void fuzz_picture_check(lt_status rc, lt_picture *p, lt_err *err);

/* SQLite takes its memory from lists of its own: several times as many inputs
 * a second. Before the first store is opened; see sqlite_memory.c. */
void fuzz_sqlite_memory(void);

#endif
