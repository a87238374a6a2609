/* Pooling of pictures and the ways back, for max and average pools and their
 * mirrors, and for upsampling by whole factors.
 *
 * A batch is `planes` pictures of in[0] x in[1] (large) and as many of
 * out[0] x out[1] (pooled), one after another. Window o of an axis covers the
 * large picture's places o stride - before + k, k in [0, kernel), that lie in
 * [0, in); every window covers at least one. Planes are cut into pieces by the
 * shapes alone. All calls set the whole of what they write, but where said. */
#ifndef LT_POOLING_H
#define LT_POOLING_H

#include <stddef.h>
#include <stdint.h>

#include "latent/math/pool.h"
#include "latent/math/real.h"

typedef struct lt_pooling {
    size_t planes;
    int in[2], out[2], kernel[2], stride[2], before[2]; /* {height, width} */
} lt_pooling;

/* y = the largest of each window, at = where it stands in its plane (the first
 * of equals; a NaN is larger than all). */
void lt_pooling_max(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                    lt_real *y, int32_t *at);

/* x = 0, then x[at] += y: what windows that overlap send to one place adds. */
void lt_pooling_scatter(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                        const int32_t *at, lt_real *x);

/* y = x[at], the adjoint of scatter. */
void lt_pooling_gather(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                       const int32_t *at, lt_real *y);

/* y = the mean over what each window covers. */
void lt_pooling_mean(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                     lt_real *y);

/* The adjoint of mean: each value is spread evenly over its window; windows
 * that overlap add, places under no window are 0. */
void lt_pooling_spread(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                       lt_real *x);

/* Each place has the value of the window whose centre is nearest, of two as
 * near the upper or left; so windows side by side copy their value to what they
 * cover, and every place is set. A window's centre is that of its kernel,
 * padding counted. */
void lt_pooling_copy(lt_pool *pool, const lt_pooling *g, const lt_real *y,
                     lt_real *x);

/* The adjoint of copy: y = the sum over the places that have the window's
 * value. */
void lt_pooling_copy_sum(lt_pool *pool, const lt_pooling *g, const lt_real *x,
                         lt_real *y);

#endif
