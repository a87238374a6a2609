/* Files of ratings, in a format that is detected or given, and every split of
 * what they hold. */
#include "fuzz.h"

#include "latent/data/ratings.h"

/* Rows ascend, ids ascend, nothing lies outside. */
static void table_check(const lt_ratings *r)
{
    const lt_sparse *s = lt_ratings_table(r);

    LT_ASSERT(s->rows > 0 && s->cols > 0 && s->start[0] == 0);
    for (int u = 1; u < s->rows; u++)
        LT_ASSERT(lt_ratings_user_ids(r)[u] > lt_ratings_user_ids(r)[u - 1]);
    for (int i = 1; i < s->cols; i++)
        LT_ASSERT(lt_ratings_item_ids(r)[i] > lt_ratings_item_ids(r)[i - 1]);
    for (int u = 0; u < s->rows; u++) {
        LT_ASSERT(s->start[u] < s->start[u + 1]);
        for (int64_t e = s->start[u]; e < s->start[u + 1]; e++) {
            LT_ASSERT(s->index[e] >= 0 && s->index[e] < s->cols);
            LT_ASSERT(e == s->start[u] || s->index[e] > s->index[e - 1]);
        }
    }
}

static void splits_check(const lt_ratings *r)
{
    for (int k = 0; k < 6; k++) {
        const lt_ratings_cut cut = {(lt_ratings_split)(k / 2),
                                    0.3,
                                    1 + k % 2,
                                    (uint64_t)k,
                                    k % 2 == 1,
                                    k % 3 == 0};
        lt_data_pair pair = {0};
        lt_err err = {0}, same = {0};
        lt_status rc = lt_ratings_pair(r, &cut, &pair, &err);

        same = err;
        fuzz_set_check(rc, &pair.train, &err);
        fuzz_set_check(rc, &pair.test, &same);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(0, data, size);

    for (int format = LT_RATINGS_AUTO; format <= LT_RATINGS_DAT; format++) {
        lt_ratings *r = NULL;
        lt_err err = {0};
        lt_status rc =
            lt_ratings_load(path, (lt_ratings_format)format, &r, &err);

        LT_ASSERT((rc == LT_OK) == (r != NULL));
        if (rc != LT_OK) {
            LT_ASSERT(err.status == rc && err.text[0]);
            continue;
        }
        table_check(r);
        splits_check(r);
        lt_ratings_free(r);
    }
    return 0;
}
