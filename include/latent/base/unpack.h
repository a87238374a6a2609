/* Chosen members of a tar (plain or gzip) or zip archive (libarchive).
 *
 * A member's name is only ever compared, never used as a path: what an archive
 * says cannot decide where a file goes. A name matches whole, or its last part
 * ("u.data" and "ml-100k/u.data"); of equal ones the first counts. Links and
 * devices are passed over. A member that is missing, or larger than `limit`
 * bytes, is EFORMAT, as is a damaged archive; EINTERRUPTED when the observer
 * asks for a stop. */
#ifndef LT_UNPACK_H
#define LT_UNPACK_H

#include <stdint.h>

#include "latent/base/observer.h"
#include "latent/base/status.h"
#include "latent/base/text.h"

typedef struct lt_unpack {
    const char *archive;
    const char *const *members;
    int n;
    int64_t limit;               /* bytes of a member */
    const lt_observer *observer; /* or NULL; only should_stop is used */
} lt_unpack;

/* members[i] becomes the file paths[i], whole or not at all; its folders are
 * made. */
lt_status lt_unpack_files(const lt_unpack *u, const char *const *paths,
                          lt_err *err);

/* The same into memory: out (n), empty before. */
lt_status lt_unpack_texts(const lt_unpack *u, lt_text *out, lt_err *err);

#endif
