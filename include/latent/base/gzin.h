/* A file read from the start, gzip-compressed or plain alike (zlib). */
#ifndef LT_GZIN_H
#define LT_GZIN_H

#include <stddef.h>
#include <stdint.h>

#include "latent/base/status.h"

typedef struct lt_gzin lt_gzin;

lt_status lt_gzin_open(const char *path, lt_gzin **out, lt_err *err);
void lt_gzin_close(lt_gzin *in);

/* Exactly `n` bytes, or LT_EFORMAT: "PATH: offset 16: found 100 bytes, wanted
 * 47040000" (offsets count uncompressed bytes). A cut or damaged gzip
 * file is LT_EFORMAT too; its check sum is looked at when the end is reached,
 * so ask lt_gzin_some for one byte more than the file should hold. */
lt_status lt_gzin_read(lt_gzin *in, void *out, size_t n, lt_err *err);

/* Up to `n` bytes; *got < n only at the end of the file. */
lt_status lt_gzin_some(lt_gzin *in, void *out, size_t n, size_t *got,
                       lt_err *err);

uint64_t lt_gzin_offset(const lt_gzin *in);

/* An upper bound of the bytes the whole file can expand to, from its size on
 * disk (deflate expands at most 1032 times): check a header against it before
 * allocating what the header promises. */
uint64_t lt_gzin_bound(const lt_gzin *in);

#endif
