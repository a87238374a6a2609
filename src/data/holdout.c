/* One set cut into two at random; see latent/data/holdout.h.
 *
 * Selection sampling (Knuth, algorithm S): one pass, exactly as many as asked
 * for, every choice alike. */
#include "latent/data/holdout.h"

#include <stdbool.h>

#include "latent/base/mem.h"
#include "latent/base/rng.h"

/* Chosen examples are put from the front of index (n), the others behind. */
static void examples_choose(uint64_t seed, int n, int k, int32_t *index)
{
    int32_t *chosen = index, *other = index + k;
    lt_rng rng;

    lt_rng_init(&rng, seed, "holdout");
    for (int32_t i = 0; i < n; i++) {
        bool is_chosen = lt_rng_below(&rng, (uint64_t)(n - i)) < (uint64_t)k;

        *(is_chosen ? chosen++ : other++) = i;
        k -= is_chosen;
    }
}

lt_status lt_holdout_split(const lt_dataset *d, double share, uint64_t seed,
                           lt_data_pair *out, lt_err *err)
{
    int n = lt_dataset_rows(d), k;
    lt_data_pair pair = {NULL, NULL};
    int32_t *index;
    lt_status rc;

    if (!(share > 0 && share < 1))
        return lt_err_set(err, LT_EINVAL,
                          "held-out share %g, wanted above 0 and below 1",
                          share);
    k = (int)(n * share + 0.5);
    if (k < 1 || k >= n)
        return lt_err_set(err, LT_EINVAL,
                          "held-out share %g: %d of %d examples, wanted at "
                          "least one in and one out",
                          share, k, n);
    index = lt_mem_alloc((size_t)n, sizeof *index);
    if (!index)
        return lt_err_mark(err, LT_ENOMEM);
    examples_choose(seed, n, k, index);
    rc = lt_dataset_select(d, index, k, &pair.test, err);
    if (rc == LT_OK)
        rc = lt_dataset_select(d, index + k, n - k, &pair.train, err);
    lt_mem_free(index);
    if (rc == LT_OK)
        *out = pair;
    else
        lt_dataset_free(pair.test);
    return rc;
}
