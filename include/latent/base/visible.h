/* Text that nobody vouches for, fit to be shown on a terminal.
 *
 * Names, notes and messages come from scripts and stores, and a terminal obeys
 * what it is shown: it can be made to hide lines, to rename its window, to send
 * text as if it were typed. Shown in place of themselves are control characters
 * (\x1b; \u{9b}: some terminals obey those too), bytes that are not UTF-8
 * (\xff), and characters that turn the direction of writing or cannot be seen
 * (\u{202e}). Kept are tabs and line feeds, with the carriage return before
 * one.
 *
 * lua/latent/encode.lua has the same for Lua; one table of cases tests both. */
#ifndef LT_VISIBLE_H
#define LT_VISIBLE_H

#include "latent/base/text.h"

/* Appends `bytes` as it may be shown. */
void lt_visible_add_n(lt_text *out, const char *bytes, size_t n);
void lt_visible_add(lt_text *out, const char *text);

#endif
