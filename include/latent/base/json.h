/* JSON by jansson. Rooms use jansson's json_t and json_* functions through
 * this header, whose functions add our errors and number format. Its memory is
 * lt_mem's. */
#ifndef LT_JSON_H
#define LT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "latent/base/status.h"
#include "latent/base/text.h"

/* `what` names the text in errors ("config of run 12"). *out is the caller's
 * (json_decref). Duplicate keys and nesting over 64 levels are EFORMAT. */
lt_status lt_json_parse(const char *text, size_t size, const char *what,
                        json_t **out, lt_err *err);

/* Appends the canonical form: no white space, keys sorted by bytes, reals
 * with the fewest digits that read back as the same number ("0.1", "1.0").
 * Fails with ENOMEM, or EINVAL when nested over 64 levels. */
lt_status lt_json_dump(const json_t *value, lt_text *out, lt_err *err);

/* All of a value, or NULL: jansson's own copy may lack parts. */
json_t *lt_json_copy(const json_t *value);

/* Whether this thread's json_* calls lacked memory since this was asked last:
 * jansson itself gives other reasons, or none. */
bool lt_json_lacked_memory(void);

#endif
