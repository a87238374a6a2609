/* Growing text. A buffer that ran out of memory stays valid, keeps what it
 * has, and says so in `failed`, so that only the last append need be checked.
 */
#ifndef LT_TEXT_H
#define LT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lt_text {
    char *data;  /* NUL-terminated once anything was appended; may be NULL */
    size_t size; /* without the NUL */
    size_t capacity;
    bool failed;
} lt_text; /* zero-initialise with {0} */

void lt_text_deinit(lt_text *t);
void lt_text_clear(lt_text *t); /* keeps the memory */
void lt_text_add(lt_text *t, const char *s);
void lt_text_add_n(lt_text *t, const char *bytes, size_t n);
void lt_text_addf(lt_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text as a C string: "" when empty; borrowed until the next change. */
const char *lt_text_str(const lt_text *t);

#endif
