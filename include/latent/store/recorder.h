/* The recorder writes a run's metrics: buffered, in batches, one transaction
 * a batch, with the per-series summary (view `finals`) kept as it writes.
 * It flushes when its buffer is full or a second has passed since the last
 * flush, and at the end. Logging costs well under a microsecond a value plus
 * about two in the flush. What the store cannot take goes to the run's side
 * file, and on a network's file system everything does (fold.h). */
#ifndef LT_RECORDER_H
#define LT_RECORDER_H

#include "latent/base/observer.h"
#include "latent/store/store.h"

typedef struct lt_recorder lt_recorder;

/* The claim outlives the recorder. */
lt_status lt_recorder_new(lt_claim *claim, lt_recorder **out, lt_err *err);

/* An observer whose `metric` records; borrowed, with the recorder as self. */
const lt_observer *lt_recorder_observer(lt_recorder *r);

lt_status lt_recorder_flush(lt_recorder *r, lt_err *err);

/* Before a checkpoint is written: flushes, waits until that is on the disk
 * (where a power cut leaves it), and counts. A checkpoint may count no point
 * that could be lost; so after an error none is written. */
lt_status lt_recorder_settle(lt_recorder *r, lt_counts *out, lt_err *err);

lt_status lt_recorder_close(lt_recorder *r, lt_err *err); /* and frees */

#endif
