/* Shuffled batches; see batch.h.
 *
 * The index array is made once and shuffled in place at each epoch, from the
 * identity, by a stream of the epoch's own ("shuffle.3"). Cost: one Fisher-
 * Yates pass an epoch (about 1 ms for MNIST) and the conversion of a batch to
 * lt_real at each step. The examples themselves are never copied. */
#include "train/batch.h"

#include "latent/base/mem.h"
#include "latent/base/rng.h"

#include <stdio.h>

lt_status lt__batcher_init(lt__batcher *b, const lt_dataset *data, int batch,
                           uint64_t seed, const char *stream, lt_err *err)
{
    int n = lt_dataset_rows(data);

    *b = (lt__batcher){
        .data = data, .n = n, .batch = batch < n ? batch : n, .seed = seed};
    snprintf(b->stream, sizeof b->stream, "%s", stream);
    b->order = lt_mem_alloc((size_t)n, sizeof *b->order);
    return lt_err_mark(err, b->order ? LT_OK : LT_ENOMEM);
}

void lt__batcher_deinit(lt__batcher *b)
{
    lt_mem_free(b->order);
    b->order = NULL;
}

int lt__batcher_count(const lt__batcher *b)
{
    return (b->n - 1) / b->batch + 1;
}

void lt__batcher_shuffle(lt__batcher *b, int epoch)
{
    char stream[LT__BATCHER_STREAM + 16];
    lt_rng rng;

    snprintf(stream, sizeof stream, "%s.%d", b->stream, epoch);
    lt_rng_init(&rng, b->seed, stream);
    for (int i = 0; i < b->n; i++)
        b->order[i] = i;
    lt_rng_shuffle(&rng, b->order, (size_t)b->n);
}

lt__feed_range lt__batcher_range(const lt__batcher *b, int index)
{
    int first = index * b->batch;
    int rows = b->n - first < b->batch ? b->n - first : b->batch;

    LT_DASSERT(index >= 0 && rows > 0);
    return (lt__feed_range){b->order + first, 0, rows};
}

int lt__batcher_gather(const lt__batcher *b, int index, lt_real *x)
{
    lt__feed_range range = lt__batcher_range(b, index);

    lt__feed_inputs(b->data, range, x);
    return range.rows;
}
