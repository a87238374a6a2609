/* What the store costs training, measured in a throw-away store. */
#ifndef LT_BENCH_STORE_H
#define LT_BENCH_STORE_H

#include "latent/base/status.h"

typedef struct lt__logging {
    double plain_ms, logged_ms; /* a step without and with its loss recorded */
} lt__logging;

/* Steps of the network `name`, for about `seconds`. */
lt_status lt__bench_logging(const char *name, double seconds, lt__logging *out,
                            lt_err *err);

/* Seconds to record `rows` values of ten series and to close the run. */
lt_status lt__bench_recording(int rows, double *seconds, lt_err *err);

/* A checkpoint of a standard network: parameters and two moments written as a
 * run writes them, its metrics settled before; the median of some. */
typedef struct lt__checkpointing {
    double ms, step_ms, megabytes;
} lt__checkpointing;

lt_status lt__bench_checkpoint(const char *name, lt__checkpointing *out,
                               lt_err *err);

#endif
