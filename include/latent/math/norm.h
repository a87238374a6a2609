/* Normalisation over a batch, channel by channel (Ioffe and Szegedy 2015).
 *
 * x is (rows, channels, spots): `spots` values of each channel in an example,
 * 1 for a vector's units. m = rows spots values share a channel's statistics.
 * Sums are made in double, a channel by one thread, so no call depends on the
 * number of threads. */
#ifndef LT_NORM_H
#define LT_NORM_H

#include "latent/math/pool.h"
#include "latent/math/real.h"
#include "latent/math/vec.h"

typedef struct lt_norm {
    int rows, channels, spots;
} lt_norm;

/* What each channel is normalised by; (channels) each. `rate` is 1 over the
 * standard deviation. */
typedef struct lt_norm_map {
    const lt_real *mean, *rate, *scale, *shift;
} lt_norm_map;

/* Means, and variances that are means of squares (divided by m). */
void lt_norm_moments(lt_pool *pool, const lt_norm *n, const lt_real *x,
                     lt_real *mean, lt_real *variance);

/* y = act(scale (x - mean) rate + shift) */
void lt_norm_apply(lt_pool *pool, const lt_norm *n, lt_act act,
                   const lt_norm_map *map, const lt_real *x, lt_real *y);

/* dshift = sum dz,  dscale = sum dz (x - mean) rate */
void lt_norm_sums(lt_pool *pool, const lt_norm *n, const lt_norm_map *map,
                  const lt_real *x, const lt_real *dz, lt_real *dshift,
                  lt_real *dscale);

/* The gradient through mean and variance of this batch,
 *   dx = scale rate (dz - dshift / m - (x - mean) rate dscale / m)
 * or with dshift and dscale NULL past fixed ones, dx = scale rate dz. */
void lt_norm_back(lt_pool *pool, const lt_norm *n, const lt_norm_map *map,
                  const lt_real *x, const lt_real *dz, const lt_real *dshift,
                  const lt_real *dscale, lt_real *dx);

#endif
