/* SHA-256 (nettle), in lower-case hexadecimal. */
#ifndef LT_DIGEST_H
#define LT_DIGEST_H

#include <stddef.h>

#include "latent/base/status.h"

#define LT_DIGEST_HEX 65 /* with the NUL */

typedef struct lt_digest lt_digest;

lt_status lt_digest_new(lt_digest **out, lt_err *err);
void lt_digest_add(lt_digest *d, const void *bytes, size_t n);
void lt_digest_end(lt_digest *d, char hex[LT_DIGEST_HEX]); /* and resets */
void lt_digest_free(lt_digest *d);

void lt_digest_bytes(const void *bytes, size_t n, char hex[LT_DIGEST_HEX]);
lt_status lt_digest_file(const char *path, char hex[LT_DIGEST_HEX],
                         lt_err *err);

#endif
