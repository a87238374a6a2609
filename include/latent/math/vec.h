/* Element-wise kernels, vectorised for several instruction sets and chosen at
 * run time (kernels.c, compiled once per set). All work on whole vectors, are
 * cut into fixed-size pieces over the pool, and give the same bits for every
 * number of threads. `n` counts elements. Sums are returned in double. */
#ifndef LT_VEC_H
#define LT_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latent/base/rng.h"
#include "latent/math/pool.h"
#include "latent/math/real.h"

#define LT_ACT_MAP(X)                                                          \
    X(LINEAR, "linear")                                                        \
    X(SIGMOID, "sigmoid")                                                      \
    X(TANH, "tanh")                                                            \
    X(RELU, "relu")                                                            \
    X(LEAKY_RELU, "leaky_relu") /* slope 0.01 */                               \
    X(ELU, "elu")               /* alpha 1 */                                  \
    X(SELU, "selu")             /* Klambauer et al. 2017 */                    \
    X(SOFTPLUS, "softplus")                                                    \
    X(SOFTMAX, "softmax") /* over a row; all above are element by element */

typedef enum lt_act {
#define X(name, text) LT_ACT_##name,
    LT_ACT_MAP(X)
#undef X
        LT_ACT_COUNT
} lt_act;

#define LT_ACT_ELEMENTWISE LT_ACT_SOFTMAX /* as many are */

const char *lt_act_name(lt_act act);   /* "leaky_relu" */
int lt_act_find(const char *name);     /* an lt_act, or -1 */
const char *const *lt_act_names(void); /* LT_ACT_COUNT of them */

/* y (B,H) += bias (H) in each row, then y = act(y), in place. `bias` may be
 * NULL. */
void lt_vec_bias_act(lt_pool *pool, lt_act act, int rows, int cols,
                     const lt_real *bias, lt_real *y);

/* dy *= act'(z), in place, with act' taken from y = act(z); not softmax. */
void lt_vec_act_grad(lt_pool *pool, lt_act act, size_t n, const lt_real *y,
                     lt_real *dy);

/* Whether act'' is not 0 everywhere that act' is defined. */
bool lt_act_is_curved(lt_act act);

/* A tangent on its way through an activation, whose slope the gradient of a
 * product's result depends on: bend += a t act''(z) / act'(z), then t *=
 * act'(z), both taken from y = act(z). With a = g act'(z), the gradient at z
 * of <g act'(z), t> is added to bend. Not softmax. */
void lt_vec_act_bend(lt_pool *pool, lt_act act, size_t n, const lt_real *y,
                     const lt_real *a, lt_real *t, lt_real *bend);

/* The sums of |x| and of x^2. Unless g is NULL, g += a sign(x) + b x, where
 * sign(0) is 0; g is not x. */
typedef struct lt_vec_sizes {
    double abs, squares;
} lt_vec_sizes;
lt_vec_sizes lt_vec_shrink(lt_pool *pool, size_t n, const lt_real *x, lt_real a,
                           lt_real b, lt_real *g);

/* out (H) = beta out + column sums of x (B,H). beta is 0 or 1. */
void lt_vec_col_sums(lt_pool *pool, int rows, int cols, const lt_real *x,
                     lt_real beta, lt_real *out);

/* out[c] = the sum of channel c of x (B, channels, spots). */
void lt_vec_channel_sums(lt_pool *pool, int rows, int channels, int spots,
                         const lt_real *x, lt_real *out);

/* Cross-entropy from logits, fused with the sigmoid. z (n) in: logits;
 * target (n) in [0,1]. dz (n) out: scale (sigmoid(z) - t); may be z itself.
 * Returns the sum of max(z,0) - z t + log(1 + exp(-|z|)) and puts the sum of
 * (sigmoid(z) - t)^2 into *sse. */
double lt_vec_bce_logits(lt_pool *pool, size_t n, const lt_real *z,
                         const lt_real *target, lt_real scale, lt_real *dz,
                         double *sse);

/* dy = scale (y - t) (dy may be y itself); returns the sum of (y - t)^2. */
double lt_vec_sse(lt_pool *pool, size_t n, const lt_real *y,
                  const lt_real *target, lt_real scale, lt_real *dy);

/* The same two without a gradient, for evaluation. */
double lt_vec_bce_logits_value(lt_pool *pool, size_t n, const lt_real *z,
                               const lt_real *target, double *sse);
double lt_vec_sse_value(lt_pool *pool, size_t n, const lt_real *y,
                        const lt_real *target);

/* Huber's loss. dy = scale times e = y - t cut off at +-width (dy may be y;
 * NULL: no gradient). Returns the sum of e^2/2, where |e| <= width, and of
 * width (|e| - width/2) beyond; *sse: of e^2. */
double lt_vec_huber(lt_pool *pool, size_t n, const lt_real *y,
                    const lt_real *target, lt_real width, lt_real scale,
                    lt_real *dy, double *sse);

/* lt_vec_sse over known targets, those that are not NaN; 0 in dy elsewhere.
 * dy NULL: no gradient. */
double lt_vec_masked_sse(lt_pool *pool, size_t n, const lt_real *y,
                         const lt_real *target, lt_real scale, lt_real *dy);

/* How many of x are not NaN. */
size_t lt_vec_known(lt_pool *pool, size_t n, const lt_real *x);

/* out = x, 0 where that is NaN; may be x itself. */
void lt_vec_known_or_zero(lt_pool *pool, size_t n, const lt_real *x,
                          lt_real *out);

/* Multinomial cross-entropy of counts t (B,H) from logits z (B,H), fused with
 * the softmax over each row. With T_r the row's total, dz = scale (T_r
 * softmax(z) - t) (may be z; NULL: no gradient). */
typedef struct lt_multinomial_sums {
    double loss;  /* -sum t log softmax(z) */
    double sse;   /* sum (T_r softmax(z) - t)^2 */
    double words; /* sum t */
} lt_multinomial_sums;
lt_multinomial_sums lt_vec_multinomial_logits(lt_pool *pool, int rows, int cols,
                                              const lt_real *z,
                                              const lt_real *target,
                                              lt_real scale, lt_real *dz);

/* Adam (Kingma and Ba 2015): with g' = g + decay w,
 *   m = b1 m + (1-b1) g',  v = b2 v + (1-b2) g'^2,
 *   w -= rate_t m / (sqrt(v) c + eps)
 * The caller passes rate_t = rate / (1 - b1^t) and c = 1 / sqrt(1 - b2^t). The
 * betas are double: a b2 of 0.9999, rounded to float first, leaves a 1-b2 that
 * is wrong in the fourth digit. */
typedef struct lt_adam_step {
    double beta1, beta2;
    lt_real rate_t, correction, epsilon, decay;
} lt_adam_step;
/* All three: false when something that was written into w (y) is not finite. */
bool lt_vec_adam(lt_pool *pool, size_t n, const lt_adam_step *s,
                 const lt_real *g, lt_real *w, lt_real *m, lt_real *v);

/* SGD as PyTorch writes it: g' = g + decay w; u = momentum u + g';
 * w -= rate (nesterov ? g' + momentum u : u). `u` may be NULL when momentum
 * is 0. */
typedef struct lt_sgd_step {
    lt_real rate, momentum, decay;
    int nesterov;
} lt_sgd_step;
bool lt_vec_sgd(lt_pool *pool, size_t n, const lt_sgd_step *s, const lt_real *g,
                lt_real *w, lt_real *u);

/* y += x */
bool lt_vec_add(lt_pool *pool, size_t n, const lt_real *x, lt_real *y);

/* y = a x + b y */
void lt_vec_axpby(lt_pool *pool, size_t n, lt_real a, const lt_real *x,
                  lt_real b, lt_real *y);

/* Random fills. One 64-bit key is drawn from `rng` a call; element i depends
 * on the key and i alone (a counter-based generator), whatever the threads. */
void lt_vec_uniform(lt_pool *pool, lt_rng *rng, size_t n, lt_real *out);
void lt_vec_normal(lt_pool *pool, lt_rng *rng, size_t n, lt_real *out);
/* out[i] = uniform < p[i] ? 1 : 0 */
void lt_vec_bernoulli(lt_pool *pool, lt_rng *rng, size_t n, const lt_real *p,
                      lt_real *out);

/* y = scale x, but a share of the elements, chosen at random, is 0; or, with
 * `has_salt`, half of those (also at random) is 1. The same elements for the
 * same state of `rng`, whatever the other fields. y may be x. */
typedef struct lt_mask {
    lt_real share, scale;
    bool has_salt;
} lt_mask;
void lt_vec_mask(lt_pool *pool, lt_rng *rng, size_t n, const lt_mask *m,
                 const lt_real *x, lt_real *y);

/* out = scale bytes + shift */
void lt_vec_from_bytes(size_t n, const uint8_t *bytes, lt_real scale,
                       lt_real shift, lt_real *out);

bool lt_vec_all_finite(size_t n, const lt_real *x);

/* Largest element-wise set in use: "avx512", "avx2", "baseline". */
const char *lt_vec_isa(void);

#endif
