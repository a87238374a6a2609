/* The table of element-wise kernels: one per instruction set.
 *
 * isa/kernels.c is compiled once for each set (cmake/kernels.cmake) and every
 * copy defines one table. A kernel works on one contiguous piece and knows
 * nothing of threads; vec.c cuts vectors into pieces and gives them to the
 * pool. */
#ifndef LT_KERNELS_H
#define LT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "latent/math/gaussian.h"
#include "latent/math/norm.h"
#include "latent/math/pooling.h"
#include "latent/math/table_rows.h"
#include "latent/math/vec.h"

/* Losses, squared errors and targets of one piece. */
typedef struct lt__loss_sums {
    double loss, sse, words;
} lt__loss_sums;

/* The gradient through one channel's normalisation. */
typedef struct lt__norm_slope {
    lt_real mean, factor, a, b;
} lt__norm_slope;

/* Convolutions compute in lanes: a vector holds one element of as many
 * pictures, side by side (conv.c). Offsets and planes below count vectors. */

/* Elements of `pictures` rows, `stride` apart, into vectors or out of them:
 * element i of all rows is vector at[i]. Lanes without a picture are 0. */
typedef struct lt__lane_run {
    int pictures, n;
    size_t stride;
    const int32_t *at;
} lt__lane_run;

/* out[o][to[p]] = bias[o] + sum over t of weights[t][o] in[from[p] + taps[t]];
 * outputs are `plane` apart. */
typedef struct lt__lane_conv {
    int n_taps, n_pixels;
    const int32_t *taps, *from, *to;
    const lt_real *weights, *bias, *in;
    lt_real *out;
    size_t plane;
} lt__lane_conv;

/* sums[o][t] += sum over p and lanes of z[p][o] in[from[p] + taps[t]] */
typedef struct lt__lane_dots {
    int n_taps, n_pixels;
    const int32_t *taps, *from;
    const lt_real *in, *z;
    lt_real *sums;
    size_t stride; /* of a row of sums */
} lt__lane_dots;

typedef struct lt__kernels {
    const char *name; /* "avx512" */
    /* y (rows,cols); bias may be NULL. */
    void (*bias_act)(lt_act act, int rows, int cols, const lt_real *bias,
                     lt_real *y);
    void (*act_grad)(lt_act act, size_t n, const lt_real *y, lt_real *dy);
    void (*act_bend)(lt_act act, size_t n, const lt_real *y, const lt_real *a,
                     lt_real *t, lt_real *bend);
    lt_vec_sizes (*shrink)(size_t n, const lt_real *x, lt_real a, lt_real b,
                           lt_real *g);
    /* x (rows, cols) with `stride` elements from row to row. */
    void (*col_sums)(int rows, int cols, int stride, const lt_real *x,
                     lt_real beta, lt_real *out);
    /* The sum of n values in each row, `stride` elements apart. */
    double (*channel_sum)(int rows, int n, size_t stride, const lt_real *x);
    /* dz and dy may be NULL: no gradient wanted. */
    lt__loss_sums (*bce)(size_t n, const lt_real *z, const lt_real *target,
                         lt_real scale, lt_real *dz);
    double (*sse)(size_t n, const lt_real *y, const lt_real *target,
                  lt_real scale, lt_real *dy);
    lt__loss_sums (*huber)(size_t n, const lt_real *y, const lt_real *target,
                           lt_real width, lt_real scale, lt_real *dy);
    double (*masked_sse)(size_t n, const lt_real *y, const lt_real *target,
                         lt_real scale, lt_real *dy);
    lt__loss_sums (*multinomial)(int rows, int cols, const lt_real *z,
                                 const lt_real *target, lt_real scale,
                                 lt_real *dz);
    size_t (*known)(size_t n, const lt_real *x);
    void (*known_or_zero)(size_t n, const lt_real *x, lt_real *out);
    /* These tell whether all that they wrote into w, or y, is finite. */
    bool (*adam)(size_t n, const lt_adam_step *s, const lt_real *g, lt_real *w,
                 lt_real *m, lt_real *v);
    bool (*sgd)(size_t n, const lt_sgd_step *s, const lt_real *g, lt_real *w,
                lt_real *u);
    bool (*add)(size_t n, const lt_real *x, lt_real *y);
    void (*axpby)(size_t n, lt_real a, const lt_real *x, lt_real b, lt_real *y);
    /* Elements first .. first+n-1 of the stream of `key`; `first` is a
     * multiple of 32. */
    void (*uniform)(uint64_t key, size_t first, size_t n, lt_real *out);
    void (*normal)(uint64_t key, size_t first, size_t n, lt_real *out);
    void (*bernoulli)(uint64_t key, size_t first, size_t n, const lt_real *p,
                      lt_real *out);
    /* Chooses elements as bernoulli does: those with uniform < share. */
    void (*mask)(uint64_t key, size_t first, size_t n, const lt_mask *m,
                 const lt_real *x, lt_real *y);
    void (*from_bytes)(size_t n, const uint8_t *bytes, lt_real scale,
                       lt_real shift, lt_real *out);
    bool (*all_finite)(size_t n, const lt_real *x);
    /* Some rows each; see gaussian.h. */
    void (*gaussian_draw)(int rows, int units, const lt_real *z,
                          const lt_real *eps, lt_real *y);
    double (*gaussian_kl)(int rows, int units, const lt_real *z);
    void (*gaussian_back)(const lt_gaussian_back *b);
    /* One plane each; see pooling.h. */
    void (*pool_max)(const lt_pooling *g, const lt_real *x, lt_real *y,
                     int32_t *at);
    void (*pool_mean)(const lt_pooling *g, const lt_real *x, lt_real *y);
    void (*pool_spread)(const lt_pooling *g, const lt_real *y, lt_real *x);
    void (*pool_copy)(const lt_pooling *g, const lt_real *y, lt_real *x);
    void (*pool_copy_sum)(const lt_pooling *g, const lt_real *x, lt_real *y);
    /* One channel: `n` values in each row, `stride` elements apart. */
    void (*norm_moments)(int rows, int n, size_t stride, const lt_real *x,
                         lt_real *mean, lt_real *variance);
    void (*norm_sums)(int rows, int n, size_t stride, const lt_real *x,
                      const lt_real *dz, lt_real mean, double *plain,
                      double *centred);
    /* y = (x - mean) factor + shift */
    void (*norm_apply)(int n, const lt_real *x, lt_real mean, lt_real factor,
                       lt_real shift, lt_real *y);
    /* dx = factor dz - a - (x - mean) b */
    void (*norm_back)(int n, const lt_real *x, const lt_real *dz,
                      const lt__norm_slope *s, lt_real *dx);
    /* Up to 64 columns, or a row of them. */
    void (*norm_moments_strip)(int rows, int n, int stride, const lt_real *x,
                               lt_real *mean, lt_real *variance);
    void (*norm_sums_strip)(int rows, int n, int stride, const lt_real *x,
                            const lt_real *dz, const lt_real *mean,
                            double *plain, double *centred);
    void (*norm_apply_row)(int n, const lt_norm_map *map, const lt_real *x,
                           lt_real *y);
    void (*norm_back_row)(int n, const lt_norm_map *map, lt_real m,
                          const lt_real *x, const lt_real *dz,
                          const lt_real *dshift, const lt_real *dscale,
                          lt_real *dx);
    /* See table_rows.h; each on rows [from, to) of a batch, or columns, or
     * items. */
    void (*rows_multiply)(const lt_sparse_batch *x, int from, int to, int width,
                          const lt_real *table, lt_real *y);
    double (*rows_sse)(const lt_sparse_batch *at, int from, int to,
                       const lt_rows_output *o);
    void (*rows_add)(const lt_rows_gradient *g, int from, int to, lt_real *w);
    bool (*rows_sgd)(const lt_rows_gradient *g, int from, int to,
                     const lt_sgd_step *s, lt_real *w, lt_real *u);
    bool (*rows_adam)(const lt_rows_gradient *g, int from, int to,
                      const lt_adam_step *s, lt_real *w, lt_real *m,
                      lt_real *v);
    void (*rows_settle)(const lt_rows_behind *b, const int32_t *item, int from,
                        int to, int width, lt_real *w, lt_real *u);
    void (*rows_settle_adam)(const lt_rows_moments *b, const int32_t *item,
                             int from, int to, int width, lt_real *w,
                             lt_real *m, lt_real *v);
    int lanes;     /* reals in a vector */
    int lane_outs; /* outputs that lane_conv and lane_dots compute at once, at
                      most: `outs` is this or a smaller power of 2 */
    void (*lane_in)(const lt__lane_run *r, const lt_real *src, lt_real *out);
    void (*lane_out)(const lt__lane_run *r, const lt_real *src, lt_real *out);
    void (*lane_conv)(int outs, const lt__lane_conv *j);
    void (*lane_dots)(int outs, const lt__lane_dots *j);
    /* Multiply-adds in registers, nothing else; returns how many floating
     * point operations that were. */
    double (*burn)(size_t rounds, lt_real *out);
} lt__kernels;

/* The best table that this processor can run, and all that it can, best
 * first. */
const lt__kernels *lt__kernels_best(void);
int lt__kernels_usable(const lt__kernels *out[3]);

#endif
