/* CSV files, plain or gzip, as sets of float32: one example a line, numbers
 * with a decimal point (whatever the locale) set apart by commas, semicolons
 * or tabs. Cells may be in double quotes ("" is a quote) but not go over a
 * line's end; blanks around them, blank lines and a carriage return before the
 * line feed do not count. */
#ifndef LT_CSV_H
#define LT_CSV_H

#include <stdbool.h>

#include "latent/data/classes.h"
#include "latent/data/dataset.h"

typedef enum lt_csv_header {
    LT_CSV_DETECT, /* the first line, when it has a cell that is no number */
    LT_CSV_HEADER,
    LT_CSV_NO_HEADER,
} lt_csv_header;

typedef struct lt_csv_opts {
    char separator; /* ',', ';' or '\t'; 0: tabs when the first line has no
                     * less of them than of others, else semicolons when it has
                     * any, else commas */
    lt_csv_header header;
    bool missing;      /* empty cells, NaN and NA become NaN; else an error */
    const char *label; /* name of the column of labels, in the header; NULL */
    int label_column;  /* or its number: from 1, or from -1, the last; 0 */
    lt_shape shape;    /* of an example; rank 0: as many elements as columns */
    int limit;         /* at most so many examples; 0: all */
    lt_classes *classes; /* or NULL. Empty: is given the words that are labels;
                          * else labels are these words and no others */
} lt_csv_opts;

/* Labels are whole numbers from 0 to 255, or, when the first is no number,
 * words: then they are numbered in the order of their bytes, or as `classes`
 * says, so that two files of one set are numbered alike. What is malformed
 * is EFORMAT with "path:line:cell: found ..., wanted ..."; a label's column
 * that is not there or a shape of another size EINVAL. */
lt_status lt_csv_load(const char *path, const lt_csv_opts *opts,
                      lt_dataset **out, lt_err *err);

#endif
