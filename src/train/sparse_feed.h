/* Batches of sparse rows for networks that read them as they are. */
#ifndef LT_TRAIN_SPARSE_FEED_H
#define LT_TRAIN_SPARSE_FEED_H

#include "latent/net/objective.h"
#include "train/feed.h"

typedef struct lt__sparse_feed {
    const lt_dataset *set;
    lt_sparse_batch *x;
    lt_sparse_batch *target; /* x where the set is its own target */
} lt__sparse_feed;

/* Whether set and target are sparse and all their values are numbers (an entry
 * of NaN is as good as none, which a dense batch knows). */
bool lt__sparse_feed_suits(const lt_dataset *set);

/* Room for any `rows` examples. */
lt_status lt__sparse_feed_init(lt__sparse_feed *f, const lt_dataset *set,
                               int rows, lt_err *err);
void lt__sparse_feed_deinit(lt__sparse_feed *f);

/* The most entries that `rows` targets have. */
int64_t lt__sparse_feed_entries(const lt__sparse_feed *f);

/* Arranged by column too when `arranges`, for a way back. */
lt_sparse_pair lt__sparse_feed_gather(lt__sparse_feed *f, lt__feed_range range,
                                      bool arranges);

#endif
