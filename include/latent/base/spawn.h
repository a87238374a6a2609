/* Another program, run without a shell. */
#ifndef LT_SPAWN_H
#define LT_SPAWN_H

#include <stddef.h>

#include "latent/base/status.h"
#include "latent/base/text.h"

/* Runs argv[0] (looked for in $PATH) to its end with nothing on its standard
 * input, its standard error thrown away, and what it writes appended to
 * `out`. More than `limit` bytes, or more than `seconds`, kill it: EIO.
 * *code is its exit status, 128 + signal when it was killed. A program that
 * is not there is ENOTFOUND. */
lt_status lt_spawn_capture(const char *const *argv, size_t limit,
                           double seconds, lt_text *out, int *code,
                           lt_err *err);

#endif
