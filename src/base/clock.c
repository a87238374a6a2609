/* Time; see latent/base/clock.h. */
#include "latent/base/clock.h"

#include <time.h>

static double clock_read(clockid_t id)
{
    struct timespec t = {0, 0};

    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double lt_clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}

double lt_clock_elapsed(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

double lt_clock_cpu(void)
{
    return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}
