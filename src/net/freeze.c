/* Freezing, and the segments through which optimisers see it.
 *
 * A weight's flag stands in the layer that owns it; a tied decoder layer
 * carries a copy of its encoder layer's. Derived decoder weights (mirrored,
 * pinv) are frozen from the start and stay so. */
#include "net/net_int.h"

#include <string.h>

static void segment_add(lt_net *net, lt_segment s)
{
    if (!s.count)
        return;
    net->segments[net->n_segments++] = s;
    if (!s.is_frozen && s.layer < net->lowest)
        net->lowest = s.layer;
    if (s.is_frozen && net->grads)
        memset(net->grads + s.offset, 0, s.count * sizeof *net->grads);
}

void lt__net_segment(lt_net *net)
{
    net->n_segments = 0;
    net->lowest = net->n_layers;
    for (int i = 0; i < net->n_layers; i++) {
        const lt_layer *l = &net->layers[i];

        if (!l->is_borrowed)
            segment_add(net,
                        (lt_segment){l->weight, l->weight_count, i,
                                     l->ops->mirror_weight != LT_MIRROR_NONE,
                                     l->is_weight_frozen});
        segment_add(net, (lt_segment){l->bias, l->bias_count, i, false,
                                      l->is_bias_frozen});
    }
}

const lt_segment *lt_net_segments(const lt_net *net, int *n)
{
    *n = net->n_segments;
    return net->segments;
}

size_t lt_net_n_trainable(const lt_net *net)
{
    size_t n = 0;

    for (int i = 0; i < net->n_segments; i++)
        if (!net->segments[i].is_frozen)
            n += net->segments[i].count;
    return n;
}

/* Whether the layer's weight is computed from another's. */
static bool weight_is_derived(const lt_net *net, const lt_layer *l)
{
    return lt__layer_is_tied(l) && lt__tie_is_derived(net->tie);
}

static void freeze_one(lt_net *net, int index, bool frozen)
{
    lt_layer *l = &net->layers[index];

    l->is_bias_frozen = frozen;
    if (weight_is_derived(net, l) || l->is_borrowed)
        return;
    l->is_weight_frozen = frozen;
    for (int i = net->n_encoder; i < net->n_layers; i++)
        if (net->layers[i].is_borrowed && net->layers[i].mirror_of == index)
            net->layers[i].is_weight_frozen = frozen;
}

/* Unfreezing must not be asked of weights that a tie computes. Layers without
 * parameters have nothing to say. */
static lt_status freeze_check(const lt_net *net, int first, int last,
                              lt_err *err)
{
    char label[LT_LABEL_TEXT];
    int derived = -1;

    for (int i = last - 1; i >= first; i--) {
        const lt_layer *l = &net->layers[i];

        if (l->weight_count + l->bias_count == 0)
            continue;
        if (!weight_is_derived(net, l) || l->is_bias_frozen)
            return LT_OK;
        derived = i;
    }
    if (derived < 0)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: its weights are computed from the encoder's (tie "
                      "\"%s\") and cannot be unfrozen; its biases are not "
                      "frozen",
                      lt__net_label(net, derived, label),
                      lt_tie_name(net->tie));
}

static lt_status freeze_range(lt_net *net, int first, int last, bool frozen,
                              lt_err *err)
{
    if (!frozen)
        LT_TRY(freeze_check(net, first, last, err));
    for (int i = first; i < last; i++)
        freeze_one(net, i, frozen);
    lt__net_segment(net);
    return LT_OK;
}

lt_status lt_net_freeze_layer(lt_net *net, int layer, bool frozen, lt_err *err)
{
    if (layer < 0 || layer >= net->n_layers)
        return lt_err_set(err, LT_EINVAL, "layer %d, wanted 1 to %d", layer + 1,
                          net->n_layers);
    return freeze_range(net, layer, layer + 1, frozen, err);
}

lt_status lt_net_freeze_encoder(lt_net *net, bool frozen, lt_err *err)
{
    return freeze_range(net, 0, net->n_encoder, frozen, err);
}

lt_status lt_net_freeze_decoder(lt_net *net, bool frozen, lt_err *err)
{
    return freeze_range(net, net->n_encoder, net->n_layers, frozen, err);
}
