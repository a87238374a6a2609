/* Sparse text in LIBSVM's format; see latent/data/libsvm.h.
 *
 * Entries go straight into the rows they will stay in; memory grows with the
 * entries. Labels wait as numbers until all files of a set are read, because
 * their order decides what they become. */
#include "latent/data/libsvm.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"
#include "lines.h"
#include "rows.h"

/* Bytes: some ten million entries. */
#define LONGEST_LINE ((size_t)256 << 20)
#define MAX_LABELS   256
#define FIRST_LABELS 256

typedef struct libsvm_file {
    lt__lines lines;
    const lt_libsvm_opts *opts;
    lt__rows rows; /* sparse.cols: the widest so far */
    double *labels;
    int label_room;
    bool has_labels; /* as its first example tells */
} libsvm_file;

/* ---- a line ---- */

static const char *blanks_skip(const char *at)
{
    return at + strspn(at, " \t");
}

static bool is_token_end(char c)
{
    return c == '\0' || c == ' ' || c == '\t';
}

static lt_status label_add(libsvm_file *f, double label, lt_err *err)
{
    if (f->rows.sparse.rows >= f->label_room) {
        int room = f->label_room ? 2 * f->label_room : FIRST_LABELS;
        double *grown = NULL;

        if (f->label_room <= INT_MAX / 4)
            grown = lt_mem_grow(f->labels, (size_t)room, sizeof *grown);
        if (!grown)
            return lt_err_mark(err, LT_ENOMEM);
        f->labels = grown;
        f->label_room = room;
    }
    f->labels[f->rows.sparse.rows] = label;
    return LT_OK;
}

/* The label at *at, if the file has them. */
static lt_status label_read(libsvm_file *f, const char **at, lt_err *err)
{
    const char *start = *at;
    bool is_label = !memchr(start, ':', strcspn(start, " \t"));
    char shown[LT__SHOWN];
    double label;

    if (f->rows.sparse.rows == 0)
        f->has_labels = is_label;
    if (is_label != f->has_labels)
        return lt__lines_fail(
            &f->lines, err, "found %s, wanted %s as in the lines before",
            lt__shown(start, shown), f->has_labels ? "a label" : "no label");
    if (!is_label)
        return LT_OK;
    if (!lt__scan_number(at, &label) || !is_token_end(**at))
        return lt__lines_fail(&f->lines, err, "found %s, wanted a label",
                              lt__shown(start, shown));
    return label_add(f, label, err);
}

static lt_status index_check(const libsvm_file *f, int64_t index, int64_t least,
                             lt_err *err)
{
    const lt_libsvm_opts *o = f->opts;
    int64_t most = (o->features > 0 ? o->features : INT_MAX) - 1 + o->first;

    if (index < o->first)
        return lt__lines_fail(
            &f->lines, err, "found index %lld, wanted at least %d%s",
            (long long)index, o->first,
            o->first == 1 && index == 0 ? " (or the option first = 0)" : "");
    if (index > most)
        return lt__lines_fail(&f->lines, err,
                              "found index %lld, wanted at most %lld",
                              (long long)index, (long long)most);
    if (index < least)
        return lt__lines_fail(&f->lines, err,
                              "found index %lld after %lld, wanted indices in "
                              "ascending order",
                              (long long)index, (long long)least - 1);
    return LT_OK;
}

/* One "index:value"; *least is the lowest index that may come. */
static lt_status entry_read(libsvm_file *f, const char **at, int64_t *least,
                            lt_err *err)
{
    const char *start = *at;
    char shown[LT__SHOWN];
    int64_t index;
    double value;

    if (!lt__scan_integer(at, &index) || *(*at)++ != ':' ||
        !lt__scan_number(at, &value) || !is_token_end(**at) ||
        !isfinite((float)value))
        return lt__lines_fail(&f->lines, err, "found %s, wanted index:value",
                              lt__shown(start, shown));
    LT_TRY(index_check(f, index, *least, err));
    if (f->opts->counts && value < 0)
        return lt__lines_fail(&f->lines, err,
                              "found %s, wanted a count, at least 0",
                              lt__shown(start, shown));
    *least = index + 1;
    if (index - f->opts->first >= f->rows.sparse.cols)
        f->rows.sparse.cols = (int)(index - f->opts->first + 1);
    return lt__rows_add(&f->rows, (int32_t)(index - f->opts->first),
                        (float)value, err);
}

static lt_status line_read(libsvm_file *f, char *line, lt_err *err)
{
    const char *at;
    int64_t least = f->opts->first;

    line[strcspn(line, "#")] = '\0';
    at = blanks_skip(line);
    if (!*at)
        return LT_OK;
    LT_TRY(label_read(f, &at, err));
    for (at = blanks_skip(at); *at; at = blanks_skip(at))
        LT_TRY(entry_read(f, &at, &least, err));
    return lt__rows_end(&f->rows, err);
}

static lt_status file_read(libsvm_file *f, const char *path, lt_err *err)
{
    char *line = NULL;

    f->rows.sparse.cols = f->opts->features;
    LT_TRY(lt__lines_open(&f->lines, path, LONGEST_LINE, err));
    do {
        LT_TRY(lt__lines_next(&f->lines, &line, err));
        if (line)
            LT_TRY(line_read(f, line, err));
    } while (line);
    if (f->rows.sparse.rows == 0)
        return lt_err_set(err, LT_EFORMAT, "%s: found no examples", path);
    if (f->rows.sparse.cols == 0)
        return lt_err_set(err, LT_EFORMAT, "%s: found no index:value", path);
    return LT_OK;
}

static void file_deinit(libsvm_file *f)
{
    lt__lines_close(&f->lines);
    lt__rows_deinit(&f->rows);
    lt_mem_free(f->labels);
}

/* ---- labels ---- */

/* The place of `label` in known (n), or where it belongs. */
static int label_place(const double *known, int n, double label)
{
    int low = 0, high = n;

    while (low < high) {
        int middle = (low + high) / 2;

        if (known[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Adds the file's labels to known (*n), which ascend; false when there would
 * be too many. */
static bool labels_collect(const libsvm_file *f, double known[MAX_LABELS],
                           int *n)
{
    for (int i = 0; i < f->rows.sparse.rows; i++) {
        int at = label_place(known, *n, f->labels[i]);

        if (at < *n && !(known[at] > f->labels[i]))
            continue;
        if (*n == MAX_LABELS)
            return false;
        memmove(known + at + 1, known + at, (size_t)(*n - at) * sizeof *known);
        known[at] = f->labels[i];
        (*n)++;
    }
    return true;
}

static lt_status labels_number(const libsvm_file *f, const double *known, int n,
                               uint8_t **out, lt_err *err)
{
    if (n == 0)
        return LT_OK;
    *out = lt_mem_alloc((size_t)f->rows.sparse.rows, 1);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    for (int i = 0; i < f->rows.sparse.rows; i++)
        (*out)[i] = (uint8_t)label_place(known, n, f->labels[i]);
    return LT_OK;
}

/* ---- sets ---- */

static lt_status set_take(libsvm_file *f, const double *known, int n,
                          lt_dataset **out, lt_err *err)
{
    uint8_t *labels = NULL;
    lt_sparse sparse = f->rows.sparse;

    LT_TRY(labels_number(f, known, n, &labels, err));
    f->rows = (lt__rows){0};
    return lt_dataset_new_sparse_take(&sparse, labels, out, err);
}

/* The sets of `n_files` files that belong together. */
static lt_status sets_take(libsvm_file *f, int n_files, lt_dataset **out,
                           lt_err *err)
{
    double known[MAX_LABELS];
    int n = 0, wide = 0;
    bool has_labels = true;

    for (int i = 0; i < n_files; i++) {
        has_labels = has_labels && f[i].has_labels;
        wide = f[i].rows.sparse.cols > wide ? f[i].rows.sparse.cols : wide;
    }
    for (int i = 0; i < n_files; i++)
        has_labels = has_labels && labels_collect(&f[i], known, &n);
    for (int i = 0; i < n_files; i++) {
        f[i].rows.sparse.cols = wide;
        LT_TRY(set_take(&f[i], known, has_labels ? n : 0, &out[i], err));
    }
    return LT_OK;
}

static lt_status files_load(const char *const *paths, int n_files,
                            const lt_libsvm_opts *opts, lt_dataset **out,
                            lt_err *err)
{
    libsvm_file f[2] = {{.opts = opts}, {.opts = opts}};
    lt_status rc = LT_OK;

    LT_ASSERT(opts->first == 0 || opts->first == 1);
    for (int i = 0; rc == LT_OK && i < n_files; i++)
        rc = file_read(&f[i], paths[i], err);
    if (rc == LT_OK)
        rc = sets_take(f, n_files, out, err);
    file_deinit(&f[0]);
    file_deinit(&f[1]);
    return rc;
}

lt_status lt_libsvm_load(const char *path, const lt_libsvm_opts *opts,
                         lt_dataset **out, lt_err *err)
{
    return files_load(&path, 1, opts, out, err);
}

lt_status lt_libsvm_load_pair(const char *train_path, const char *test_path,
                              const lt_libsvm_opts *opts, lt_data_pair *out,
                              lt_err *err)
{
    const char *paths[] = {train_path, test_path};
    lt_dataset *sets[2] = {NULL, NULL};
    lt_status rc = files_load(paths, 2, opts, sets, err);

    if (rc == LT_OK)
        *out = (lt_data_pair){sets[0], sets[1]};
    else
        lt_dataset_free(sets[0]);
    return rc;
}
