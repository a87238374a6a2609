/* A text file line by line, plain or gzip, and the numbers in it. */
#ifndef LT_DATA_LINES_H
#define LT_DATA_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latent/base/gzin.h"
#include "latent/base/status.h"

typedef struct lt__lines {
    const char *path;
    lt_gzin *in;
    size_t longest; /* bytes a line may have */
    char *buffer;
    size_t room, at, have;
    bool is_end;
    int64_t number; /* of the line given last, from 1 */
} lt__lines;

/* `path` is borrowed. Close it on failure too. */
lt_status lt__lines_open(lt__lines *l, const char *path, size_t longest,
                         lt_err *err);
void lt__lines_close(lt__lines *l);

/* *line is the next line, NUL-terminated, without LF or CRLF (and without the
 * byte order mark of some CSV files), the caller's to change until the next
 * call; NULL at the end of the file. A line that is too long or holds a NUL
 * is EFORMAT: "PATH:7: ...". */
lt_status lt__lines_next(lt__lines *l, char **line, lt_err *err);

/* EFORMAT "PATH:7: " and the rest, of the line given last. */
lt_status lt__lines_fail(const lt__lines *l, lt_err *err, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));

/* Up to 24 bytes of `text` in quotes, those that do not print as '?'. */
#define LT__SHOWN 32
const char *lt__shown(const char *text, char out[LT__SHOWN]);

/* The number at *at, which then points behind it; false when there is none,
 * or none that fits. Decimal; no leading blanks, hexadecimal, inf or nan. */
bool lt__scan_integer(const char **at, int64_t *out);
bool lt__scan_number(const char **at, double *out);

#endif
