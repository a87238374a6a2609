/* Shuffled batches of a set, shared by training and pre-training. */
#ifndef LT_TRAIN_BATCH_H
#define LT_TRAIN_BATCH_H

#include "train/feed.h"

#define LT__BATCHER_STREAM 48

typedef struct lt__batcher {
    const lt_dataset *data; /* borrowed */
    int32_t *order;         /* (N) */
    int n, batch;
    uint64_t seed;
    char stream[LT__BATCHER_STREAM];
} lt__batcher;

/* `stream` names the random stream ("shuffle", "pretrain.1.shuffle"). */
lt_status lt__batcher_init(lt__batcher *b, const lt_dataset *data, int batch,
                           uint64_t seed, const char *stream, lt_err *err);
void lt__batcher_deinit(lt__batcher *b);

/* Batches in an epoch; the last may be short. */
int lt__batcher_count(const lt__batcher *b);

/* Draws the order of epoch `epoch`, which depends on the seed, the stream and
 * the epoch alone: training that goes on where another ended sees the same
 * orders as one that never stopped. Allocates nothing. */
void lt__batcher_shuffle(lt__batcher *b, int epoch);

/* x (rows,D) = batch number `index` of the epoch, 0 where a value is missing;
 * returns rows. */
int lt__batcher_gather(const lt__batcher *b, int index, lt_real *x);

/* The examples of that batch, for lt__feed_gather. */
lt__feed_range lt__batcher_range(const lt__batcher *b, int index);

#endif
