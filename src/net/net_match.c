/* Explicit decoders and the encoder: which layer undoes which.
 *
 * Only weights are tied, so only layers whose weight has a mirror are paired:
 * dense, convolutional and variational ones, from the code outwards, whatever
 * stands between them. Any tie but untied wants a partner for each, the exact
 * reverse in kind, shapes and window; untied takes what fits, up to the first
 * that does not (pre-training then knows whose biases are the visible ones). */
#include "net/net_int.h"

#include <stdio.h>
#include <string.h>

bool lt__layer_is_tied(const lt_layer *l)
{
    return l->mirror_of >= 0 && l->weight_count &&
           l->ops->mirror_weight != LT_MIRROR_NONE;
}

/* The nearest layer from `index` on, in steps of `step`, whose weight has a
 * mirror; -1 beyond [first, last). */
static int next_weighted(const lt_net *net, int index, int step, int first,
                         int last)
{
    for (; index >= first && index < last; index += step)
        if (net->layers[index].ops->mirror_weight != LT_MIRROR_NONE)
            return index;
    return -1;
}

/* Whether `dec` has the kind and shapes that undo `enc`. */
static bool match_undoes(const lt_layer *dec, const lt_layer *enc)
{
    lt_layer_spec mirror = {0};

    enc->ops->mirror(enc, &mirror);
    if (strcmp(dec->ops->name, mirror.kind) != 0 ||
        lt_shape_elements(dec->in) != lt_shape_elements(enc->out) ||
        lt_shape_elements(dec->out) != lt_shape_elements(enc->in))
        return false;
    if (enc->ops->mirror_weight != LT_MIRROR_SAME)
        return true;
    return dec->weight_count == enc->weight_count &&
           memcmp(dec->weight_dim, enc->weight_dim, sizeof dec->weight_dim) ==
               0 &&
           memcmp(&dec->window, &enc->window, sizeof dec->window) == 0;
}

static const char *window_text(const lt_window *w, char out[96])
{
    snprintf(out, 96, "%dx%d/%dx%d dilated %dx%d, %dx%d before, of %dx%d",
             w->kernel[0], w->kernel[1], w->stride[0], w->stride[1],
             w->dilation[0], w->dilation[1], w->before[0], w->before[1],
             w->in[0], w->in[1]);
    return out;
}

static lt_status match_failed(const lt_net *net, int dec, int enc, lt_err *err)
{
    const lt_layer *d = &net->layers[dec], *e = &net->layers[enc];
    const char *tie = lt_tie_name(net->tie);
    char a[LT_LABEL_TEXT], b[LT_LABEL_TEXT], found[96], wanted[96];
    lt_layer_spec mirror = {0};

    lt__net_label(net, dec, a);
    lt__net_label(net, enc, b);
    e->ops->mirror(e, &mirror);
    if (strcmp(d->ops->name, mirror.kind) != 0)
        return lt_err_set(err, LT_EINVAL,
                          "%s: tie \"%s\" wants a %s, the reverse of %s", a,
                          tie, mirror.kind, b);
    if (lt_shape_elements(d->in) == lt_shape_elements(e->out) &&
        lt_shape_elements(d->out) == lt_shape_elements(e->in))
        return lt_err_set(err, LT_EINVAL,
                          "%s: a window of %s; tie \"%s\" wants that of %s, %s",
                          a, window_text(&d->window, found), tie, b,
                          window_text(&e->window, wanted));
    return lt_err_set(err, LT_EINVAL,
                      "%s: takes %d to %d, but tie \"%s\" wants %d to %d, the "
                      "reverse of %s",
                      a, lt_shape_elements(d->in), lt_shape_elements(d->out),
                      tie, lt_shape_elements(e->out), lt_shape_elements(e->in),
                      b);
}

static int count_weighted(const lt_net *net, int first, int last)
{
    int n = 0;

    for (int i = first; i < last; i++)
        n += net->layers[i].ops->mirror_weight != LT_MIRROR_NONE;
    return n;
}

/* Pairs the layers of an explicit decoder with the encoder's, from the code
 * outwards: any tie but untied wants a partner for each. */
lt_status lt__net_match(lt_net *net, lt_err *err)
{
    int enc = net->n_encoder, dec = net->n_encoder - 1;
    int wanted = count_weighted(net, 0, net->n_encoder);
    int found = count_weighted(net, net->n_encoder, net->n_layers);

    if (net->tie != LT_TIE_UNTIED && found != wanted)
        return lt_err_set(err, LT_EINVAL,
                          "decoder: %d dense and convolutional layers, but "
                          "tie \"%s\" wants one for each of the encoder's %d",
                          found, lt_tie_name(net->tie), wanted);
    for (int i = 0; i < found && i < wanted; i++) {
        enc = next_weighted(net, enc - 1, -1, 0, net->n_encoder);
        dec = next_weighted(net, dec + 1, 1, net->n_encoder, net->n_layers);
        if (match_undoes(&net->layers[dec], &net->layers[enc]))
            net->layers[dec].mirror_of = enc;
        else if (net->tie != LT_TIE_UNTIED)
            return match_failed(net, dec, enc, err);
        else
            break;
    }
    return LT_OK;
}
