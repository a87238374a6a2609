/* Losses, and the terms that training is told in.
 *
 * Per example, summed over elements, then averaged over the batch:
 *   bce          -sum_j t log y + (1-t) log(1-y), in nats; wants a sigmoid
 *                output and is computed from its logits, fused with it
 *   mse          (1/elements) sum_j (y-t)^2, with any output activation
 *   huber        (1/elements) sum_j h(y-t), h(e) = e^2/2 within huber_delta,
 *                delta (|e| - delta/2) beyond (Huber 1964)
 *   multinomial  -sum_j t_j log y_j, in nats; t are counts; wants a softmax
 *                output and is computed from its logits
 * and per known entry, over all of the batch at once:
 *   masked_mse   sum m (y-t)^2 / sum m; m = 1 where the target is known: an
 *                entry of a sparse row, or a number that is not NaN
 *                (Kuchaiev and Ginsburg 2017, section 2)
 * and, whatever the loss, sse: sum_j (y-t)^2 over an example's known elements;
 * with multinomial y is the expected count, softmax times the row's total. */
#ifndef LT_LOSS_H
#define LT_LOSS_H

#include "latent/net/net.h"

#define LT_LOSS_MAP(X)                                                         \
    X(BCE, "bce")                                                              \
    X(MSE, "mse")                                                              \
    X(HUBER, "huber")                                                          \
    X(MULTINOMIAL, "multinomial")                                              \
    X(MASKED_MSE, "masked_mse")

typedef enum lt_loss {
#define X(name, text) LT_LOSS_##name,
    LT_LOSS_MAP(X)
#undef X
        LT_LOSS_COUNT
} lt_loss;

const char *lt_loss_name(lt_loss loss);
int lt_loss_find(const char *name);
const char *const *lt_loss_names(void);

/* Sums over a batch's examples. The mean loss is loss / weight: weight is the
 * rows, or the known entries of masked_mse. */
typedef struct lt_loss_sums {
    double loss;
    double sse;
    double weight;
    double words; /* multinomial: sum of the targets */
} lt_loss_sums;

/* EINVAL when the loss does not go with the network's output: bce wants
 * sigmoid, multinomial softmax, and softmax wants multinomial. */
lt_status lt_loss_check(lt_loss loss, const lt_net *net, lt_err *err);

/* Whether lt_net_forward must leave logits for this loss. */
bool lt_loss_wants_logits(lt_loss loss, const lt_net *net);

/* y (rows, output): the forward pass's result (logits or output as asked);
 * target (rows, output), in which masked_mse leaves NaN out; when it knows no
 * entry, the weight is 0 and so is the gradient. With `delta` (lt_tape_delta)
 * fills the gradient of the mean loss as lt_net_backward wants it; NULL for the
 * value alone. `huber_delta` is read by huber only. */
void lt_loss_compute(lt_loss loss, double huber_delta, const lt_net *net,
                     lt_pool *pool, int rows, const lt_real *y,
                     const lt_real *target, lt_real *delta, lt_loss_sums *sums);

#endif
