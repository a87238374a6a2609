/* Functions of a real argument for generated data: the same bits on every
 * machine, which libm's are not (it picks by the processor). */
#ifndef LT_DATA_PORTABLE_H
#define LT_DATA_PORTABLE_H

#include "latent/base/rng.h"

/* Natural logarithm of x > 0, a normal number; relative error below 1e-15. */
double lt__portable_log(double x);

/* e^x, x in [-700, 700]; relative error below 1e-15. */
double lt__portable_exp(double x);

double lt__portable_normal(lt_rng *rng); /* N(0, 1) */

#endif
