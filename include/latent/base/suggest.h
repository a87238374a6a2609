/* "did you mean ...?": the candidate nearest to a mistyped name. */
#ifndef LT_SUGGEST_H
#define LT_SUGGEST_H

#include <stddef.h>

/* The candidate with the smallest edit distance (insert, delete, replace,
 * swap of neighbours; case counts half), or NULL when none is near: at
 * most a third of the longer name's length, or 2, and something in common.
 * Of equals the first. Borrowed. */
const char *lt_suggest(const char *name, const char *const *candidates,
                       size_t n);

#endif
