/* The cells of a line of CSV, in place: a cell is cut out of the line by a NUL
 * at its end, and a quoted one moved to where its first quote was.
 *
 * A number is what lines.h scans, the whole cell. "inf" is none: a set's
 * values are finite or missing. */
#include "csv_int.h"

#include <string.h>
#include <strings.h>

#include "lines.h"

static bool is_blank(char c, char separator)
{
    return (c == ' ' || c == '\t') && c != separator;
}

/* `from` is behind the opening quote; the text goes to `to`. NULL when the
 * quote is not closed, else what follows it. */
static char *quoted_take(char *from, char *to)
{
    for (; *from; from++) {
        if (*from == '"' && *++from != '"') {
            *to = '\0'; /* at the closing quote at the latest */
            return from;
        }
        *to++ = *from;
    }
    return NULL;
}

/* `p` is the separator behind a cell, or the line's end. */
static char *next_cell(char *p)
{
    return *p ? p + 1 : NULL;
}

const char *lt__csv_cell(char **at, char separator, char **cell)
{
    char *p = *at, *end;

    while (is_blank(*p, separator))
        p++;
    *cell = p;
    if (*p == '"') {
        p = quoted_take(p + 1, p);
        if (!p)
            return "found a quote that is not closed, wanted its end in the "
                   "same line";
        while (is_blank(*p, separator))
            p++;
        if (*p && *p != separator)
            return "found text behind a closing quote, wanted a separator";
        *at = next_cell(p);
        return NULL;
    }
    while (*p && *p != separator)
        p++;
    *at = next_cell(p);
    end = p;
    while (end > *cell && is_blank(end[-1], separator))
        end--;
    *end = '\0';
    return NULL;
}

char lt__csv_separator(const char *line)
{
    int commas = 0, semicolons = 0, tabs = 0;
    bool is_quoted = false;

    for (; *line; line++) {
        if (*line == '"')
            is_quoted = !is_quoted;
        if (is_quoted)
            continue;
        commas += *line == ',';
        semicolons += *line == ';';
        tabs += *line == '\t';
    }
    if (tabs > 0 && tabs >= commas && tabs >= semicolons)
        return '\t';
    return semicolons > 0 ? ';' : ',';
}

bool lt__csv_is_missing(const char *cell)
{
    return !*cell || strcasecmp(cell, "nan") == 0 ||
           strcasecmp(cell, "na") == 0;
}

bool lt__csv_is_number(const char *cell, double *out)
{
    return lt__scan_number(&cell, out) && !*cell;
}
