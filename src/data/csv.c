/* CSV files; see latent/data/csv.h.
 *
 * The first line that is not blank settles the separator, whether there is a
 * header, how many columns there are and which is the labels'; all other lines
 * are held to that. Whether labels are numbers or words is settled by the
 * first of them. Memory doubles as lines come. Measured on one
 * core: 18 MB of MNIST's pixels in 0.09 s. */
#include "latent/data/csv.h"

#include "csv_int.h"
#include "latent/base/mem.h"
#include "lines.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_LINE ((size_t)64 << 20)
#define FIRST_ROOM   4096 /* values; one example at least */

typedef enum csv_labels {
    LABELS_UNSEEN, /* or none */
    LABELS_NUMBERS,
    LABELS_WORDS,
} csv_labels;

typedef struct csv_input {
    const lt_csv_opts *opts;
    lt__lines lines;
    int64_t first_line; /* its number: what settled the columns */
    char separator;
    int columns, label; /* the labels' column from 1; 0: none */
    int elements;
    float *values;   /* (n, elements) */
    uint8_t *labels; /* (n) numbers, or places in known or `words` */
    csv_labels kind;
    lt_classes words; /* as they appear */
    int n, room;
} csv_input;

static void input_deinit(csv_input *in)
{
    lt__lines_close(&in->lines);
    lt_classes_deinit(&in->words);
    lt_mem_free(in->values);
    lt_mem_free(in->labels);
}

/* "path:7:3: found 'x', wanted ..."; a cell is named by its number. */
static lt_status cell_fail(const csv_input *in, int column, const char *cell,
                           const char *wanted, lt_err *err)
{
    char shown[LT__SHOWN];

    return lt_err_set(err, LT_EFORMAT, "%s:%" PRId64 ":%d: found %s, wanted %s",
                      in->lines.path, in->lines.number, column,
                      *cell ? lt__shown(cell, shown) : "an empty cell", wanted);
}

static lt_status cell_take(const csv_input *in, char **at, int column,
                           char **cell, lt_err *err)
{
    const char *wrong = lt__csv_cell(at, in->separator, cell);

    if (!wrong)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT, "%s:%" PRId64 ":%d: %s", in->lines.path,
                      in->lines.number, column, wrong);
}

/* ---- the first line ---- */

/* What the cells of the first line tell. */
typedef struct first_cells {
    int n;
    int named;     /* the column named as the labels', or 0 */
    bool has_word; /* a cell outside of the labels is no number */
} first_cells;

static lt_status first_scan(const csv_input *in, char *line, int label,
                            first_cells *out, lt_err *err)
{
    const char *name = in->opts->label;

    for (char *at = line, *cell; at;) {
        double x;

        LT_TRY(cell_take(in, &at, out->n + 1, &cell, err));
        out->n++;
        if (name && strcmp(cell, name) == 0) {
            if (out->named)
                return lt_err_set(err, LT_EINVAL,
                                  "%s:%" PRId64 ": found two columns '%s'",
                                  in->lines.path, in->lines.number, name);
            out->named = out->n;
        }
        if (out->n != label && !lt__csv_is_missing(cell) &&
            !lt__csv_is_number(cell, &x))
            out->has_word = true;
    }
    return LT_OK;
}

/* The labels' column among `columns`; 0 when none is wanted. */
static lt_status label_find(const csv_input *in, const first_cells *first,
                            int *out, lt_err *err)
{
    const lt_csv_opts *o = in->opts;
    int column = o->label_column;

    if (o->label && !first->named)
        return lt_err_set(err, LT_EINVAL,
                          "%s:%" PRId64 ": found no column '%s' in the header",
                          in->lines.path, in->lines.number, o->label);
    if (column > first->n || column < -first->n)
        return lt_err_set(err, LT_EINVAL,
                          "%s:%" PRId64 ": found %d columns, wanted labels in "
                          "column %d",
                          in->lines.path, in->lines.number, first->n, column);
    if (column < 0)
        column += first->n + 1;
    *out = o->label ? first->named : column;
    return LT_OK;
}

static lt_status shape_check(csv_input *in, lt_err *err)
{
    lt_shape shape = in->opts->shape;

    in->elements = in->columns - (in->label > 0);
    if (in->elements < 1)
        return lt_err_set(err, LT_EFORMAT,
                          "%s:%" PRId64 ": found no column but the labels'",
                          in->lines.path, in->lines.number);
    if (shape.rank > 0 && lt_shape_elements(shape) != in->elements)
        return lt_err_set(err, LT_EINVAL,
                          "%s:%" PRId64 ": found %d columns of values, wanted "
                          "%d, as the shape has",
                          in->lines.path, in->lines.number, in->elements,
                          lt_shape_elements(shape));
    return LT_OK;
}

/* Settles what all lines must be like; `line` is left as it is. The cells are
 * looked at twice, because a label given from the end ("-1") is known only
 * when they are counted. */
static lt_status first_settle(csv_input *in, const char *line, bool *is_header,
                              lt_err *err)
{
    char *copies[2] = {lt_mem_strdup(line), lt_mem_strdup(line)};
    first_cells counted = {0}, first = {0};
    lt_status rc = copies[0] && copies[1] ? LT_OK : LT_ENOMEM;

    in->first_line = in->lines.number;
    in->separator =
        in->opts->separator ? in->opts->separator : lt__csv_separator(line);
    if (rc == LT_OK)
        rc = first_scan(in, copies[0], 0, &counted, err);
    if (rc == LT_OK)
        rc = label_find(in, &counted, &in->label, err);
    if (rc == LT_OK)
        rc = first_scan(in, copies[1], in->label, &first, err);
    lt_mem_free(copies[0]);
    lt_mem_free(copies[1]);
    LT_TRY(lt_err_mark(err, rc));
    in->columns = first.n;
    *is_header = in->opts->header == LT_CSV_HEADER || in->opts->label ||
                 (in->opts->header == LT_CSV_DETECT && first.has_word);
    return shape_check(in, err);
}

/* ---- examples ---- */

static lt_status input_grow(csv_input *in, lt_err *err)
{
    int room;
    float *values;
    uint8_t *labels;

    LT_ASSERT(in->elements > 0);
    if (in->n < in->room)
        return LT_OK;
    if (in->room > INT_MAX / 2)
        return lt_err_mark(err, LT_ENOMEM);
    room = in->room ? 2 * in->room : FIRST_ROOM / in->elements + 1;
    values = lt_mem_grow(in->values, (size_t)room,
                         (size_t)in->elements * sizeof *values);
    in->values = values ? values : in->values;
    labels = lt_mem_grow(in->labels, (size_t)room, 1);
    in->labels = labels ? labels : in->labels;
    if (!values || !labels)
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory for %d examples",
                          in->lines.path, room);
    in->room = room;
    return LT_OK;
}

static lt_status value_read(const csv_input *in, int column, const char *cell,
                            float *out, lt_err *err)
{
    double x;

    if (!lt__csv_is_number(cell, &x)) {
        *out = NAN;
        if (!lt__csv_is_missing(cell))
            return cell_fail(in, column, cell, "a number", err);
        if (in->opts->missing)
            return LT_OK;
        return cell_fail(in, column, cell,
                         "a number (missing = true allows gaps)", err);
    }
    if (fabs(x) > (double)FLT_MAX)
        return cell_fail(in, column, cell, "a number that a float holds", err);
    *out = (float)x;
    return LT_OK;
}

/* The words that labels must be, or NULL. */
static const lt_classes *known_words(const csv_input *in)
{
    const lt_classes *c = in->opts->classes;

    return c && c->n > 0 ? c : NULL;
}

static lt_status word_read(csv_input *in, const char *cell, uint8_t *out,
                           lt_err *err)
{
    const lt_classes *known = known_words(in);
    int number = lt_classes_find(known ? known : &in->words, cell);
    char text[LT_CLASSES_TEXT], wanted[LT_CLASSES_TEXT + 32];

    if (number < 0 && known) {
        snprintf(wanted, sizeof wanted, "one of the labels %s",
                 lt_classes_text(known, text));
        return cell_fail(in, in->label, cell, wanted, err);
    }
    if (number < 0) {
        number = in->words.n;
        if (number == LT_CLASSES_MOST)
            return cell_fail(in, in->label, cell,
                             "a label, of which there may be 256", err);
        if (!lt_classes_add(&in->words, cell))
            return lt_err_mark(err, LT_ENOMEM);
    }
    *out = (uint8_t)number;
    return LT_OK;
}

static lt_status label_read(csv_input *in, const char *cell, uint8_t *out,
                            lt_err *err)
{
    bool is_number;
    double x;

    if (!*cell)
        return cell_fail(in, in->label, cell, "a label", err);
    is_number = lt__csv_is_number(cell, &x);
    if (in->kind == LABELS_UNSEEN)
        in->kind =
            is_number && !known_words(in) ? LABELS_NUMBERS : LABELS_WORDS;
    if (in->kind == LABELS_WORDS)
        return word_read(in, cell, out, err);
    if (!is_number || x < 0 || x > 255 || x != floor(x))
        return cell_fail(in, in->label, cell,
                         "a label, a whole number from 0 to 255", err);
    *out = (uint8_t)x;
    return LT_OK;
}

static lt_status columns_fail(const csv_input *in, int found, lt_err *err)
{
    return lt__lines_fail(
        &in->lines, err,
        "found %s%d columns, wanted %d, as line %" PRId64 " has",
        found > in->columns ? "over " : "",
        found > in->columns ? in->columns : found, in->columns, in->first_line);
}

static lt_status line_read(csv_input *in, char *line, lt_err *err)
{
    float *row;
    int column = 0;

    LT_TRY(input_grow(in, err));
    row = in->values + (size_t)in->n * (size_t)in->elements;
    for (char *at = line, *cell; at;) {
        if (++column > in->columns)
            return columns_fail(in, column, err);
        LT_TRY(cell_take(in, &at, column, &cell, err));
        if (column == in->label)
            LT_TRY(label_read(in, cell, &in->labels[in->n], err));
        else
            LT_TRY(value_read(in, column, cell, row++, err));
    }
    if (column < in->columns)
        return columns_fail(in, column, err);
    in->n++;
    return LT_OK;
}

/* The next line that is not blank; NULL at the end. */
static lt_status line_next(csv_input *in, char **line, lt_err *err)
{
    do
        LT_TRY(lt__lines_next(&in->lines, line, err));
    while (*line && !(*line)[strspn(*line, " \t")] &&
           !(in->separator == '\t' && strchr(*line, '\t')));
    return LT_OK;
}

static lt_status file_read(csv_input *in, lt_err *err)
{
    bool is_header = false;
    int limit = in->opts->limit > 0 ? in->opts->limit : INT_MAX;
    char *line = NULL;

    LT_TRY(line_next(in, &line, err));
    if (line)
        LT_TRY(first_settle(in, line, &is_header, err));
    if (is_header)
        LT_TRY(line_next(in, &line, err));
    while (line && in->n < limit) {
        LT_TRY(line_read(in, line, err));
        LT_TRY(line_next(in, &line, err));
    }
    if (in->n > 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT, "%s: found no line of numbers%s",
                      in->lines.path, is_header ? " below the header" : "");
}

/* Places in the order of appearance become places in the order of bytes, and
 * the words are the caller's when it wants them. */
static void words_rank(csv_input *in)
{
    lt_classes sorted = {.n = in->words.n};
    uint8_t rank[LT_CLASSES_MOST];

    for (int i = 0; i < in->words.n; i++) {
        int place = 0;

        for (int k = 0; k < in->words.n; k++)
            place += strcmp(in->words.names[k], in->words.names[i]) < 0;
        rank[i] = (uint8_t)place;
        sorted.names[place] = in->words.names[i];
    }
    for (int i = 0; i < in->n; i++)
        in->labels[i] = rank[in->labels[i]];
    in->words = sorted;
    if (in->opts->classes) {
        *in->opts->classes = sorted;
        in->words.n = 0;
    }
}

/* The set takes the arrays over. */
static lt_status set_make(csv_input *in, lt_dataset **out, lt_err *err)
{
    lt_shape shape = in->opts->shape.rank > 0 ? in->opts->shape
                                              : lt_shape_flat(in->elements);
    float *values = lt_mem_grow(in->values, (size_t)in->n,
                                (size_t)in->elements * sizeof *values);
    uint8_t *labels = in->label ? in->labels : NULL;

    if (in->kind == LABELS_WORDS && !known_words(in))
        words_rank(in);
    values = values ? values : in->values;
    in->values = NULL;
    if (labels)
        in->labels = NULL;
    return lt_dataset_new_take(LT_ELEM_F32, in->n, shape, values, labels, out,
                               err);
}

static lt_status opts_check(const char *path, const lt_csv_opts *o, lt_err *err)
{
    if (o->separator && !strchr(",;\t", o->separator))
        return lt_err_set(err, LT_EINVAL,
                          "%s: separator '%c', wanted ',', ';' or a tab", path,
                          o->separator);
    if (o->label && (o->label_column != 0 || o->header == LT_CSV_NO_HEADER))
        return lt_err_set(err, LT_EINVAL,
                          "%s: labels in column '%s', wanted a header and no "
                          "column by number",
                          path, o->label);
    return LT_OK;
}

lt_status lt_csv_load(const char *path, const lt_csv_opts *opts,
                      lt_dataset **out, lt_err *err)
{
    csv_input in = {.opts = opts};
    lt_status rc;

    LT_TRY(opts_check(path, opts, err));
    rc = lt__lines_open(&in.lines, path, LONGEST_LINE, err);
    if (rc == LT_OK)
        rc = file_read(&in, err);
    if (rc == LT_OK)
        rc = set_make(&in, out, err);
    input_deinit(&in);
    return rc;
}
