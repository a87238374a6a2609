/* What a network that learned from ratings says of others. */
#ifndef LT_RECOMMEND_H
#define LT_RECOMMEND_H

#include "latent/data/dataset.h"
#include "latent/net/net.h"

/* The network's outputs where ratings were held out: *out is a sparse set with
 * the entries of set's target (its own when it has none), whose values are the
 * outputs. Its legend is the set's, and like the set's values these are
 * relative to the centre. EINVAL unless set and target are sparse. Time grows
 * with the ratings for a sparse network (lt_net_check_sparse), with rows x
 * items otherwise. */
lt_status lt_predict(lt_net *net, const lt_dataset *set, lt_pool *pool,
                     lt_dataset **out, lt_err *err);

typedef struct lt_recommended {
    int32_t column; /* -1: there were no more */
    float score;    /* output plus the legend's centre */
} lt_recommended;

typedef struct lt_recommend_opts {
    int first, rows; /* of the set */
    int n;           /* a row, at least 1 */
    bool with_known; /* also what the row has already */
} lt_recommend_opts;

/* out (rows, n): for each row the n columns with the highest outputs, best
 * first, the lower column where outputs are equal. A row may be empty. Time
 * grows with rows x items. */
lt_status lt_recommend(lt_net *net, const lt_dataset *set,
                       const lt_recommend_opts *opts, lt_pool *pool,
                       lt_recommended *out, lt_err *err);

#endif
