/* Losses; see latent/net/loss.h for their definitions.
 *
 * Each is one fused sweep over the output: value, squared error and gradient
 * together. bce is computed from logits, where it neither overflows nor loses
 * digits: max(z,0) - z t + log(1 + exp(-|z|)). mse with a linear output has no
 * activation to undo, so its output counts as logits too. */
#include "latent/net/loss.h"

#include <string.h>

static const char *const loss_names[] = {
#define X(name, text) text,
    LT_LOSS_MAP(X)
#undef X
        NULL,
};

const char *lt_loss_name(lt_loss loss)
{
    LT_ASSERT(loss < LT_LOSS_COUNT);
    return loss_names[loss];
}

int lt_loss_find(const char *name)
{
    for (int i = 0; i < LT_LOSS_COUNT; i++)
        if (strcmp(loss_names[i], name) == 0)
            return i;
    return -1;
}

const char *const *lt_loss_names(void)
{
    return loss_names;
}

lt_status lt_loss_check(lt_loss loss, const lt_net *net, lt_err *err)
{
    if (loss != LT_LOSS_BCE && loss != LT_LOSS_MSE)
        return lt_err_set(err, LT_EINVAL, "loss \"%s\" is not built yet",
                          lt_loss_name(loss));
    if (loss == LT_LOSS_BCE && lt_net_output_act(net) != LT_ACT_SIGMOID)
        return lt_err_set(err, LT_EINVAL,
                          "loss \"bce\": output is \"%s\", wanted \"sigmoid\"",
                          lt_act_name(lt_net_output_act(net)));
    return LT_OK;
}

bool lt_loss_wants_logits(lt_loss loss, const lt_net *net)
{
    return loss == LT_LOSS_BCE || lt_net_output_act(net) == LT_ACT_LINEAR;
}

static void loss_bce(lt_pool *pool, size_t n, int rows, const lt_real *z,
                     const lt_real *target, lt_real *delta, lt_loss_sums *sums)
{
    if (delta)
        sums->loss = lt_vec_bce_logits(pool, n, z, target, (lt_real)1 / rows,
                                       delta, &sums->sse);
    else
        sums->loss = lt_vec_bce_logits_value(pool, n, z, target, &sums->sse);
}

void lt_loss_compute(lt_loss loss, double huber_delta, const lt_net *net,
                     lt_pool *pool, int rows, const lt_real *y,
                     const lt_real *target, lt_real *delta, lt_loss_sums *sums)
{
    int elements = lt_shape_elements(lt_net_output(net));
    size_t n = (size_t)rows * (size_t)elements;

    (void)huber_delta;
    sums->weight = rows;
    if (loss == LT_LOSS_BCE) {
        loss_bce(pool, n, rows, y, target, delta, sums);
        return;
    }
    if (delta)
        sums->sse =
            lt_vec_sse(pool, n, y, target,
                       (lt_real)(2.0 / ((double)rows * elements)), delta);
    else
        sums->sse = lt_vec_sse_value(pool, n, y, target);
    sums->loss = sums->sse / elements;
}
