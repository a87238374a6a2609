/* Time. */
#ifndef LT_CLOCK_H
#define LT_CLOCK_H

#include <stdint.h>

double lt_clock_wall(void);    /* seconds since 1970 UTC */
double lt_clock_elapsed(void); /* monotonic seconds from some start */
double lt_clock_cpu(void);     /* CPU seconds of this process, all threads */

#endif
