/* The cells of a line, for csv.c. */
#ifndef LT_CSV_INT_H
#define LT_CSV_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/status.h"

/* Takes the next cell of a line, which is changed: *cell is NUL-terminated,
 * without quotes and blanks around it. *at is NULL after the last. On failure
 * returns what was wrong (static), else NULL. */
const char *lt__csv_cell(char **at, char separator, char **cell);

/* ',', ';' or '\t', by what stands outside of quotes. */
char lt__csv_separator(const char *line);

bool lt__csv_is_missing(const char *cell);
bool lt__csv_is_number(const char *cell, double *out);

#endif
