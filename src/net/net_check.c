/* What a planned network may not be, whatever its layers say for themselves:
 * kinds and activations that have a meaning in one place only.
 *
 *   softmax         the activation of a dense layer that ends the network: its
 *                   derivative is a matrix a row, and only the loss that it is
 *                   fused with (multinomial) goes back through it
 *   noise, dropout  not at the end, where the loss would see the noise and
 *                   evaluation would not
 *   gaussian_code   the encoder's last layer: its draw is the code, and its
 *                   divergence is of the code */
#include "net/net_int.h"

#include <string.h>

static lt_status check_softmax(const lt_net *net, int index, lt_err *err)
{
    const lt_layer *l = &net->layers[index];
    char label[LT_LABEL_TEXT];

    if (l->spec.act != LT_ACT_SOFTMAX)
        return LT_OK;
    if (index != net->n_layers - 1)
        return lt_err_set(err, LT_EINVAL,
                          "%s: act \"softmax\", wanted in the last layer of "
                          "the network only",
                          lt__net_label(net, index, label));
    if (strcmp(l->ops->name, "dense") != 0)
        return lt_err_set(err, LT_EINVAL,
                          "%s: output \"softmax\" wants a dense layer here",
                          lt__net_label(net, index, label));
    return LT_OK;
}

static lt_status check_noise(const lt_net *net, lt_err *err)
{
    int last = net->n_layers - 1;
    char label[LT_LABEL_TEXT];

    if (!net->layers[last].ops->is_noise)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: acts in training only, so the output would differ "
                      "from what is evaluated; put it before a layer with "
                      "weights",
                      lt__net_label(net, last, label));
}

static lt_status check_code(const lt_net *net, int index, lt_err *err)
{
    char label[LT_LABEL_TEXT];

    if (net->layers[index].ops != &lt__layer_gaussian_code ||
        index == net->n_encoder - 1)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: is a code, wanted as the encoder's last layer only",
                      lt__net_label(net, index, label));
}

lt_status lt__net_check(const lt_net *net, lt_err *err)
{
    for (int i = 0; i < net->n_layers; i++) {
        LT_TRY(check_softmax(net, i, err));
        LT_TRY(check_code(net, i, err));
    }
    return check_noise(net, err);
}
