/* MovieLens' three ways to write ratings; see latent/data/ratings.h.
 *
 * Lines are cut into fields by the separator that the first line shows, and
 * checked one by one: ids are whole numbers, ratings finite, and every line
 * has as many fields as the first. A rating is 24 bytes while it waits for
 * the end of the file, when users and items get their numbers in the order of
 * their ids. About 5 million lines a second. */
#include "ratings_int.h"

#include <math.h>
#include <string.h>

#include "latent/base/mem.h"
#include "lines.h"

#define LONGEST_LINE 4096
#define FIRST_ROOM   4096

enum { USER, ITEM, RATING, TIME, MAX_FIELDS };

typedef struct format_facts {
    const char *separator, *name;
} format_facts;

static const format_facts formats[] = {
    [LT_RATINGS_TAB] = {"\t", "tabs"},
    [LT_RATINGS_CSV] = {",", "commas"},
    [LT_RATINGS_DAT] = {"::", "'::'"},
};

typedef struct ratings_reader {
    lt__lines lines;
    lt_ratings_format format;
    int n_fields; /* of every line; 0 until the first */
    lt__rating *ratings;
    size_t n, room;
    lt__idmap users, items;
} ratings_reader;

static lt_status format_detect(ratings_reader *r, const char *line, lt_err *err)
{
    char shown[LT__SHOWN];

    if (r->format != LT_RATINGS_AUTO)
        return LT_OK;
    if (strstr(line, "::"))
        r->format = LT_RATINGS_DAT;
    else if (strchr(line, '\t'))
        r->format = LT_RATINGS_TAB;
    else if (strchr(line, ','))
        r->format = LT_RATINGS_CSV;
    else
        return lt__lines_fail(&r->lines, err,
                              "found %s without a tab, comma or '::', wanted "
                              "user, item, rating, time",
                              lt__shown(line, shown));
    return LT_OK;
}

/* Cuts the line at its separators; returns how many fields there are, which
 * may be more than are kept. */
static int fields_cut(char *line, const char *separator,
                      char *fields[MAX_FIELDS])
{
    size_t width = strlen(separator);
    int n = 0;

    for (;;) {
        char *end = strstr(line, separator);

        if (n < MAX_FIELDS)
            fields[n] = line;
        n++;
        if (!end)
            return n;
        *end = '\0';
        line = end + width;
    }
}

static lt_status fields_check(ratings_reader *r, int n, lt_err *err)
{
    const char *by = formats[r->format].name;

    if (r->n_fields == 0 && (n == 3 || n == 4))
        r->n_fields = n;
    if (n == r->n_fields)
        return LT_OK;
    if (r->n_fields == 0)
        return lt__lines_fail(&r->lines, err,
                              "found %d field%s between %s, wanted 4: user, "
                              "item, rating, time (or 3 without the time)",
                              n, n == 1 ? "" : "s", by);
    return lt__lines_fail(&r->lines, err,
                          "found %d field%s between %s, wanted %d as in the "
                          "lines before",
                          n, n == 1 ? "" : "s", by, r->n_fields);
}

/* ---- the header ---- */

static bool is_header(const char *line)
{
    double x;

    return !lt__scan_number(&line, &x);
}

static bool names(const char *field, const char *a, const char *b)
{
    return strcasestr(field, a) || strcasestr(field, b);
}

static lt_status header_check(ratings_reader *r, char *line, lt_err *err)
{
    char *f[MAX_FIELDS], shown[LT__SHOWN], copy[64] = "";
    int n;

    strncat(copy, line, sizeof copy - 1);
    n = fields_cut(line, formats[r->format].separator, f);
    if (n >= 3 && n <= 4 && names(f[USER], "user", "user") &&
        names(f[ITEM], "item", "movie") && names(f[RATING], "rating", "rating"))
        return fields_check(r, n, err);
    return lt__lines_fail(&r->lines, err,
                          "found %s, wanted numbers, or a header with user, "
                          "movie (or item), rating, time in this order",
                          lt__shown(copy, shown));
}

/* ---- lines ---- */

static lt_status integer_read(ratings_reader *r, const char *field,
                              const char *what, int64_t *out, lt_err *err)
{
    const char *end = field;
    char shown[LT__SHOWN];

    if (lt__scan_integer(&end, out) && !*end)
        return LT_OK;
    return lt__lines_fail(&r->lines, err,
                          "found %s, wanted %s, a whole number of 64 bits",
                          lt__shown(field, shown), what);
}

static lt_status rating_read(ratings_reader *r, const char *field, float *out,
                             lt_err *err)
{
    const char *end = field;
    char shown[LT__SHOWN];
    double x;

    if (lt__scan_number(&end, &x) && !*end && isfinite((float)x)) {
        *out = (float)x;
        return LT_OK;
    }
    return lt__lines_fail(&r->lines, err, "found %s, wanted a rating",
                          lt__shown(field, shown));
}

/* Whole seconds; programs that write tables like to make 1.2e9 or 5.0 of
 * them. */
static lt_status time_read(ratings_reader *r, const char *field, int64_t *out,
                           lt_err *err)
{
    const char *end = field;
    double x;

    if (lt__scan_number(&end, &x) && !*end && fabs(x) < 0x1p53) {
        *out = (int64_t)x;
        return LT_OK;
    }
    return integer_read(r, field, "a time", out, err);
}

static lt_status rating_add(ratings_reader *r, const lt__rating *rating,
                            lt_err *err)
{
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : FIRST_ROOM;
        lt__rating *grown;

        if (r->n > INT32_MAX / 2)
            return lt__lines_fail(&r->lines, err,
                                  "found over %zu ratings, wanted at most that",
                                  r->n);
        grown = lt_mem_grow(r->ratings, room, sizeof *grown);
        if (!grown)
            return lt_err_mark(err, LT_ENOMEM);
        r->ratings = grown;
        r->room = room;
    }
    r->ratings[r->n++] = *rating;
    return LT_OK;
}

static lt_status line_read(ratings_reader *r, char *line, lt_err *err)
{
    char *f[MAX_FIELDS];
    int64_t user, item;
    lt__rating x = {0};

    LT_TRY(fields_check(r, fields_cut(line, formats[r->format].separator, f),
                        err));
    LT_TRY(integer_read(r, f[USER], "a user's id", &user, err));
    LT_TRY(integer_read(r, f[ITEM], "an item's id", &item, err));
    LT_TRY(rating_read(r, f[RATING], &x.value, err));
    if (r->n_fields > TIME)
        LT_TRY(time_read(r, f[TIME], &x.time, err));
    x.user = lt__idmap_number(&r->users, user);
    x.item = lt__idmap_number(&r->items, item);
    if (x.user < 0 || x.item < 0)
        return lt_err_mark(err, LT_ENOMEM);
    return rating_add(r, &x, err);
}

static lt_status lines_read(ratings_reader *r, lt_err *err)
{
    for (;;) {
        char *line;

        LT_TRY(lt__lines_next(&r->lines, &line, err));
        if (!line)
            break;
        if (r->lines.number == 1) {
            LT_TRY(format_detect(r, line, err));
            if (is_header(line)) {
                LT_TRY(header_check(r, line, err));
                continue;
            }
        }
        if (*line)
            LT_TRY(line_read(r, line, err));
    }
    if (r->n > 0)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT, "%s: found no ratings", r->lines.path);
}

/* ---- the whole file ---- */

/* Numbers by appearance become numbers by id. */
static lt_status ratings_number(ratings_reader *in, lt_ratings *r, lt_err *err)
{
    int32_t *user_rank = NULL, *item_rank = NULL;
    lt_status rc = lt__idmap_sort(&in->users, &r->user_ids, &user_rank, err);

    if (rc == LT_OK)
        rc = lt__idmap_sort(&in->items, &r->item_ids, &item_rank, err);
    r->table.rows = in->users.n;
    r->table.cols = in->items.n;
    for (size_t i = 0; rc == LT_OK && i < in->n; i++) {
        in->ratings[i].user = user_rank[in->ratings[i].user];
        in->ratings[i].item = item_rank[in->ratings[i].item];
    }
    lt_mem_free(user_rank);
    lt_mem_free(item_rank);
    return rc;
}

static lt_status ratings_collect(ratings_reader *in, lt_ratings **out,
                                 lt_err *err)
{
    lt_ratings *r = lt_mem_zero(1, sizeof *r);
    lt_status rc = r ? LT_OK : lt_err_mark(err, LT_ENOMEM);

    if (rc == LT_OK)
        rc = ratings_number(in, r, err);
    if (rc == LT_OK)
        rc = lt__ratings_build(r, in->ratings, in->n, in->n_fields > TIME, err);
    if (rc == LT_OK)
        *out = r;
    else
        lt_ratings_free(r);
    return rc;
}

lt_status lt_ratings_load(const char *path, lt_ratings_format format,
                          lt_ratings **out, lt_err *err)
{
    ratings_reader r = {.format = format};
    lt_status rc = lt__lines_open(&r.lines, path, LONGEST_LINE, err);

    if (rc == LT_OK)
        rc = lines_read(&r, err);
    if (rc == LT_OK)
        rc = ratings_collect(&r, out, err);
    lt__lines_close(&r.lines);
    lt__idmap_deinit(&r.users);
    lt__idmap_deinit(&r.items);
    lt_mem_free(r.ratings);
    return rc;
}
