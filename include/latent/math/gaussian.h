/* Diagonal Gaussians, one a row: the arithmetic of variational codes (Kingma
 * and Welling 2014). z (B,2H) has in each row H means and then H logarithms of
 * variances. Cut into pieces by shapes only, as vec.h. */
#ifndef LT_GAUSSIAN_H
#define LT_GAUSSIAN_H

#include "latent/math/pool.h"
#include "latent/math/real.h"

/* y (B,H) = mean + eps exp(logvar / 2); eps (B,H), or NULL: y = mean. */
void lt_gaussian_draw(lt_pool *pool, int rows, int units, const lt_real *z,
                      const lt_real *eps, lt_real *y);

/* The divergence from N(0,1) in nats, summed over all rows and units:
 * (mean^2 + exp(logvar) - 1 - logvar) / 2. Infinite where a variance
 * overflows. */
double lt_gaussian_kl(lt_pool *pool, int rows, int units, const lt_real *z);

/* dz (B,2H) from dy (B,H), the gradient at lt_gaussian_draw's y, plus kl_scale
 * times the divergence's gradient. */
typedef struct lt_gaussian_back {
    int rows, units;
    const lt_real *z, *eps, *dy;
    lt_real kl_scale;
    lt_real *dz;
} lt_gaussian_back;
void lt_gaussian_backward(lt_pool *pool, const lt_gaussian_back *b);

#endif
