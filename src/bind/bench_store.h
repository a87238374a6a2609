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

#endif
