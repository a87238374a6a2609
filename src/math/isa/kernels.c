/* All element-wise kernels for one instruction set.
 *
 * cmake/kernels.cmake compiles this file once for each set, with LT_ISA naming
 * it and with fused multiply-adds allowed. The loops are plain C that gcc and
 * clang vectorise by themselves; where a sum would need its order changed,
 * `omp simd reduction` allows exactly that and nothing else. The order is
 * fixed at compile time, so a build gives the same bits on every run.
 *
 * Parts, by idea: fmath.inc (exp, log and friends on one real), act.inc
 * (activations), loss.inc, loss_known.inc, softmax.inc, update.inc
 * (optimisers), random.inc, gaussian.inc, pooling.inc, norm.inc, table_rows.inc
 * (tables and sparse batches), lanes.inc (convolutions), burn.inc (the
 * processor's peak).
 */
#include "math/kernels.h"

#include <math.h>
#include <string.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define STRING_(a)   #a
#define STRING(a)    STRING_(a)
#define TABLE        PASTE(lt__kernels_, LT_ISA)

#include "math/isa/fmath.inc"
#include "math/isa/softmax.inc"
#include "math/isa/act.inc"
#include "math/isa/loss.inc"
#include "math/isa/loss_known.inc"
#include "math/isa/penalty.inc"
#include "math/isa/update.inc"
#include "math/isa/random.inc"
#include "math/isa/gaussian.inc"
#include "math/isa/pooling.inc"
#include "math/isa/norm.inc"
#include "math/isa/table_rows.inc"
#include "math/isa/burn.inc"
#include "math/isa/lanes.inc"

extern const lt__kernels TABLE;

const lt__kernels TABLE = {
    .name = STRING(LT_ISA),
    .bias_act = bias_act,
    .act_grad = act_grad,
    .act_bend = act_bend,
    .shrink = shrink,
    .col_sums = col_sums,
    .channel_sum = channel_sum,
    .bce = bce,
    .sse = sse,
    .huber = huber,
    .masked_sse = masked_sse,
    .multinomial = multinomial,
    .known = known,
    .known_or_zero = known_or_zero,
    .adam = adam,
    .sgd = sgd,
    .add = add,
    .axpby = axpby,
    .uniform = uniform,
    .normal = normal,
    .bernoulli = bernoulli,
    .mask = mask,
    .from_bytes = from_bytes,
    .all_finite = all_finite,
    .gaussian_draw = gaussian_draw,
    .gaussian_kl = gaussian_kl,
    .gaussian_back = gaussian_back,
    .pool_max = pool_max,
    .pool_mean = pool_mean,
    .pool_spread = pool_spread,
    .pool_copy = pool_copy,
    .pool_copy_sum = pool_copy_sum,
    .norm_moments = norm_moments,
    .norm_sums = norm_sums,
    .norm_apply = norm_apply,
    .norm_back = norm_back,
    .norm_moments_strip = norm_moments_strip,
    .norm_sums_strip = norm_sums_strip,
    .norm_apply_row = norm_apply_row,
    .norm_back_row = norm_back_row,
    .rows_multiply = rows_multiply,
    .rows_sse = rows_sse,
    .rows_add = rows_add,
    .rows_sgd = rows_sgd,
    .rows_adam = rows_adam,
    .rows_settle = rows_settle,
    .rows_settle_adam = rows_settle_adam,
    .lanes = LANES,
    .lane_outs = LANE_OUTS,
    .lane_in = lane_in,
    .lane_out = lane_out,
    .lane_conv = lane_conv,
    .lane_dots = lane_dots,
    .burn = burn,
};
