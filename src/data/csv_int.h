/* The cells of a line, and the words of a column of labels, for csv.c. */
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

/* Distinct words, numbered as they appear. */
#define LT__CSV_WORDS 256
typedef struct lt__csv_words {
    char *words[LT__CSV_WORDS];
    int n;
} lt__csv_words;

void lt__csv_words_deinit(lt__csv_words *w);

/* The word's number; -1 when it would be one too many, -2 when out of
 * memory. */
int lt__csv_words_number(lt__csv_words *w, const char *word);

/* rank[number] is the word's place in the order of their bytes. */
void lt__csv_words_rank(const lt__csv_words *w, uint8_t rank[LT__CSV_WORDS]);

#endif
