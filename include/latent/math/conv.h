/* Convolutions of batches of pictures, their adjoint, and the gradient of
 * their kernels. What is called convolution is, as everywhere in learning, a
 * correlation:
 *
 *   z[b][o][p] = sum over c and t of w[o][c][t] x[b][c][p stride - before + t
 *                dilation],  x 0 outside the picture
 *
 * x is (B, C, in), z is (B, O, out), w is (O, C, kernel); in, out and kernel
 * are {height, width}. out is the caller's (lt_window_plan knows the rules); it
 * may be anything.
 *
 * Nothing is allocated: the caller gives lt_conv_work_size reals. The bits do
 * not depend on the number of threads. */
#ifndef LT_CONV_H
#define LT_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "latent/math/pool.h"
#include "latent/math/real.h"
#include "latent/math/vec.h"

typedef struct lt_conv {
    int channels, kernels; /* C, O */
    int in[2], out[2];
    int kernel[2], stride[2], dilation[2], before[2];
} lt_conv;

/* What the three passes need beside pictures. */
typedef struct lt_conv_pass {
    lt_pool *pool;
    int rows;               /* B */
    const lt_real *weights; /* (O, C, kernel); not for lt_conv_weights */
    const lt_real *bias;    /* one a channel of the result, or NULL */
    lt_act act;             /* of the result */
    lt_real *work;          /* lt_conv_work_size, on a 64-byte boundary */
} lt_conv_pass;

/* Whether the geometry is one that these passes can address: workspaces are
 * indexed by 32 bits. */
bool lt_conv_is_possible(const lt_conv *c);

/* Reals of workspace for up to `rows` pictures: enough for all three. */
size_t lt_conv_work_size(const lt_conv *c, int rows);

/* z = act(conv(x) + bias) */
void lt_conv_forward(const lt_conv *c, const lt_conv_pass *p, const lt_real *x,
                     lt_real *z);

/* x = act(conv'(z) + bias), where <conv(x), z> = <x, conv'(z)> */
void lt_conv_adjoint(const lt_conv *c, const lt_conv_pass *p, const lt_real *z,
                     lt_real *x);

/* dw = the gradient of <conv(x), z> by w; is added to dw when `adds`. */
void lt_conv_weights(const lt_conv *c, const lt_conv_pass *p, const lt_real *x,
                     const lt_real *z, bool adds, lt_real *dw);

#endif
