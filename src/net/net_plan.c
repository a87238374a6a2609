/* Planning: from what a script asks for to layers with shapes and offsets.
 *
 * 1. The encoder's layers are planned one after another from the input.
 * 2. The decoder is the given list, or the mirror: the encoder's layers undone
 *    from the last to the first, each giving back exactly the shape that its
 *    partner received (net.h says which activations it has).
 * 3. Every weight, bias and state gets its offset in its flat vector, layer by
 *    layer, weight before bias, without gaps. A tied decoder layer gets the
 *    offset of the weight it borrows.
 *
 * Offsets are not rounded up to cache lines: OpenBLAS packs its operands, and
 * the optimiser sees few long stretches. */
#include "net/net_int.h"

#include "latent/base/mem.h"

#include <string.h>

static lt_status plan_input(lt_shape s, lt_err *err)
{
    int64_t elements = 1;

    if (s.rank != 1 && s.rank != 3)
        return lt_err_set(err, LT_EINVAL,
                          "input shape: %d dimensions, wanted 1 or 3", s.rank);
    for (int i = 0; i < 3; i++) {
        if (s.dim[i] < 1 || (i >= s.rank && s.dim[i] != 1))
            return lt_err_set(err, LT_EINVAL,
                              "input shape: dimension %d is %d, wanted at "
                              "least 1",
                              i + 1, s.dim[i]);
        elements *= s.dim[i];
        if (elements > LT_LAYER_MAX_ELEMENTS)
            return lt_err_set(err, LT_EINVAL,
                              "input shape: %lld elements, wanted at most %d",
                              (long long)elements, LT_LAYER_MAX_ELEMENTS);
    }
    return LT_OK;
}

static lt_status plan_spec(const lt_net_spec *spec, lt_err *err)
{
    LT_TRY(plan_input(spec->input, err));
    if (spec->n_encoder < 1)
        return lt_err_set(err, LT_EINVAL,
                          "encoder: %d layers, wanted at least 1",
                          spec->n_encoder);
    if (spec->n_decoder < 0 || spec->n_encoder > INT16_MAX ||
        spec->n_decoder > INT16_MAX)
        return lt_err_set(err, LT_EINVAL,
                          "%d encoder and %d decoder layers, wanted at most "
                          "%d of each",
                          spec->n_encoder, spec->n_decoder, INT16_MAX);
    LT_ASSERT(spec->tie < LT_TIE_COUNT && spec->output < LT_ACT_COUNT);
    return LT_OK;
}

/* An empty network with room for the layers of `spec`. */
static lt_status plan_open(const lt_net_spec *spec, lt_net **out, lt_err *err)
{
    lt_net *net = lt_mem_zero(1, sizeof *net);
    int n_decoder = spec->n_decoder ? spec->n_decoder : spec->n_encoder;
    int n = spec->n_encoder + n_decoder; /* a mirror may have fewer */

    *out = net;
    if (!net || !(net->layers = lt_mem_zero((size_t)n, sizeof *net->layers)) ||
        !(net->segments = lt_mem_zero(2 * (size_t)n, sizeof *net->segments)))
        return lt_err_mark(err, LT_ENOMEM);
    net->input = spec->input;
    net->n_encoder = spec->n_encoder;
    net->is_sparse = spec->is_sparse;
    net->has_own_decoder = spec->n_decoder > 0;
    net->tie = spec->tie;
    net->refresh = spec->refresh;
    net->init = spec->init;
    net->seed = spec->seed;
    return lt__init_check(&net->init, err);
}

static bool has_act(const lt_layer *l)
{
    return lt_layer_has_field(l->ops, "act");
}

/* The next layer. */
static lt_status plan_layer(lt_net *net, const lt_layer_spec *spec, lt_err *err)
{
    int index = net->n_layers++;
    lt_layer *l = &net->layers[index];
    char label[LT_LABEL_TEXT];
    lt_status rc;

    l->spec = *spec;
    l->index = index;
    l->mirror_of = -1;
    l->in = index ? l[-1].out : net->input;
    l->ops = lt_layer_find(spec->kind);
    if (!l->ops)
        return lt_err_set(
            err, LT_EINVAL, "%s: no layer kind of this name, wanted \"%s\"",
            lt__net_label(net, index, label), lt_layer_kind_name(0));
    LT_ASSERT(spec->act < LT_ACT_COUNT);
    l->spec.kind = l->ops->name;
    if (!has_act(l))
        l->spec.act = LT_ACT_LINEAR;
    rc = l->ops->plan(l, err);
    if (rc != LT_OK)
        lt_err_prefix(err, "%s", lt__net_label(net, index, label));
    return rc;
}

/* ---- the mirror ---- */

static bool is_batchnorm(const lt_layer *l)
{
    return strcmp(l->ops->name, "batchnorm") == 0;
}

/* The activation of what encoder layer `of` received: of the nearest layer
 * below that has one; below all, the network's output. */
static lt_act act_below(const lt_net *net, int of, lt_act output)
{
    for (int i = of - 1; i >= 0; i--) {
        const lt_layer *l = &net->layers[i];

        if (has_act(l) && !(is_batchnorm(l) && l->spec.act == LT_ACT_LINEAR))
            return l->spec.act;
    }
    return output;
}

/* The next layer down from `of` with an activation, or NULL. */
static const lt_layer *next_below(const lt_net *net, int of)
{
    for (int i = of - 1; i >= 0; i--)
        if (has_act(&net->layers[i]))
            return &net->layers[i];
    return NULL;
}

/* What gives back the output of a batch normalisation leaves the activation to
 * that one's mirror, which comes next; unless that is the last and has the
 * network's. */
static lt_act mirror_act(const lt_net *net, int of, lt_act output)
{
    const lt_layer *below = next_below(net, of);

    if (is_batchnorm(&net->layers[of]))
        return below ? act_below(net, of + 1, output) : output;
    if (!below || !is_batchnorm(below))
        return act_below(net, of, output);
    return next_below(net, below->index) ? LT_ACT_LINEAR : below->spec.act;
}

/* A layer without a mirror may be passed by when it keeps the shape. */
static bool leaves_nothing(const lt_layer *l)
{
    return !l->ops->mirror && lt_shape_equal(l->in, l->out);
}

/* A flat output may count as a picture of as many numbers. A picture stays what
 * its layer made it: passes of convolutions read its sizes. */
static void plan_label(lt_layer *l, lt_shape shape)
{
    LT_ASSERT(lt_shape_elements(l->out) == lt_shape_elements(shape));
    if (l->out.rank == 1)
        l->out = shape;
}

static lt_status plan_mirror_layer(lt_net *net, int of, lt_act output,
                                   lt_err *err)
{
    const lt_layer *enc = &net->layers[of];
    lt_layer_spec spec = {0};
    lt_layer *dec = &net->layers[net->n_layers];
    char label[LT_LABEL_TEXT];

    if (enc->ops->mirror)
        enc->ops->mirror(enc, &spec);
    if (!spec.kind)
        return lt_err_set(err, LT_EINVAL,
                          "%s: no layer undoes it; write the decoder out",
                          lt__net_label(net, of, label));
    spec.act = mirror_act(net, of, output);
    LT_TRY(plan_layer(net, &spec, err));
    plan_label(dec, enc->in);
    dec->mirror_of = of;
    return LT_OK;
}

/* Layers at the end that only change the shape would change it back. */
static void plan_trim(lt_net *net)
{
    while (net->n_layers > net->n_encoder + 1 &&
           net->layers[net->n_layers - 1].ops->is_shape_only)
        net->n_layers--;
}

static lt_status plan_mirror(lt_net *net, lt_act output, lt_err *err)
{
    char label[LT_LABEL_TEXT];
    int last;

    for (int of = net->n_encoder - 1; of >= 0; of--)
        if (!leaves_nothing(&net->layers[of]))
            LT_TRY(plan_mirror_layer(net, of, output, err));
    if (net->n_layers == net->n_encoder)
        return lt_err_set(err, LT_EINVAL,
                          "encoder: no layer that a mirror could undo");
    plan_trim(net);
    last = net->n_layers - 1;
    if (output != LT_ACT_LINEAR && !has_act(&net->layers[last]))
        return lt_err_set(err, LT_EINVAL,
                          "%s: has no activation, but the output is to be "
                          "\"%s\"; begin the encoder with another layer, or "
                          "ask for output = \"linear\"",
                          lt__net_label(net, last, label), lt_act_name(output));
    return LT_OK;
}

/* ---- explicit decoders ---- */

static lt_status plan_decoder(lt_net *net, const lt_net_spec *spec, lt_err *err)
{
    for (int i = 0; i < spec->n_decoder; i++)
        LT_TRY(plan_layer(net, &spec->decoder[i], err));
    plan_trim(net);
    return lt__net_match(net, err);
}

static lt_status plan_output(lt_net *net, lt_err *err)
{
    lt_layer *last = &net->layers[net->n_layers - 1];
    char label[LT_LABEL_TEXT], shape[LT_SHAPE_TEXT];

    if (lt_shape_elements(last->out) != lt_shape_elements(net->input))
        return lt_err_set(
            err, LT_EINVAL, "%s: %d elements, wanted the input's %d (%s)",
            lt__net_label(net, net->n_layers - 1, label),
            lt_shape_elements(last->out), lt_shape_elements(net->input),
            lt_shape_text(net->input, shape));
    plan_label(last, net->input);
    return LT_OK;
}

/* Element i's weights lie together in a sparse network's first layer. */
static lt_status plan_sparse(lt_net *net, lt_err *err)
{
    const int ends[2] = {0, net->n_layers - 1};
    char label[LT_LABEL_TEXT];

    if (!net->is_sparse)
        return LT_OK;
    for (int i = 0; i < 2; i++)
        if (strcmp(net->layers[ends[i]].ops->name, "dense") != 0)
            return lt_err_set(err, LT_EINVAL,
                              "%s: a sparse network wants dense here",
                              lt__net_label(net, ends[i], label));
    net->layers[0].is_transposed = true;
    return LT_OK;
}

static lt_status plan_partners(const lt_net *net, lt_err *err)
{
    char label[LT_LABEL_TEXT];

    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].ops->needs_partner && net->layers[i].mirror_of < 0)
            return lt_err_set(err, LT_EINVAL,
                              "%s: stands in mirrors only: it undoes one layer "
                              "of the encoder",
                              lt__net_label(net, i, label));
    return LT_OK;
}

static lt_status plan_layers(lt_net *net, const lt_net_spec *spec, lt_err *err)
{
    for (int i = 0; i < net->n_encoder; i++)
        LT_TRY(plan_layer(net, &spec->encoder[i], err));
    if (net->has_own_decoder)
        LT_TRY(plan_decoder(net, spec, err));
    else
        LT_TRY(plan_mirror(net, spec->output, err));
    LT_TRY(plan_output(net, err));
    LT_TRY(plan_partners(net, err));
    LT_TRY(plan_sparse(net, err));
    return lt__net_check(net, err);
}

/* Flags of a layer's share in its weight. */
static lt_status plan_tie(lt_net *net, lt_layer *l, lt_err *err)
{
    char label[LT_LABEL_TEXT];
    lt_layer *enc;

    if (!lt__layer_is_tied(l))
        return LT_OK;
    enc = &net->layers[l->mirror_of];
    if (net->tie == LT_TIE_PINV &&
        (enc->ops->mirror_weight != LT_MIRROR_TRANSPOSED || net->is_sparse))
        return lt_err_set(
            err, LT_EINVAL, "%s: tie \"pinv\" wants dense layers%s",
            lt__net_label(net, l->mirror_of, label),
            net->is_sparse ? " of a network that is not sparse" : "");
    if (net->tie == LT_TIE_TIED) {
        l->is_borrowed = true;
        l->is_transposed = enc->ops->mirror_weight == LT_MIRROR_TRANSPOSED &&
                           !enc->is_transposed;
        l->weight = enc->weight;
        enc->adds_gradient = true; /* the decoder comes first going back */
    }
    l->is_weight_frozen = lt__tie_is_derived(net->tie);
    return LT_OK;
}

static lt_status plan_offsets(lt_net *net, lt_err *err)
{
    const size_t limit = SIZE_MAX / 64;

    for (int i = 0; i < net->n_layers; i++) {
        lt_layer *l = &net->layers[i];

        LT_TRY(plan_tie(net, l, err));
        if (!l->is_borrowed) {
            l->weight = net->n_params;
            net->n_params += l->weight_count;
        }
        l->bias = net->n_params;
        net->n_params += l->bias_count;
        l->state = net->n_state;
        net->n_state += l->state_count;
        if (net->n_params > limit)
            return lt_err_set(err, LT_EINVAL, "network: over %zu parameters",
                              limit);
    }
    return LT_OK;
}

lt_status lt__net_plan(const lt_net_spec *spec, lt_net **out, lt_err *err)
{
    lt_net *net = NULL;
    lt_status rc;

    LT_ASSERT(out && !*out);
    LT_TRY(plan_spec(spec, err));
    rc = plan_open(spec, &net, err);
    if (rc == LT_OK)
        rc = plan_layers(net, spec, err);
    if (rc == LT_OK)
        rc = plan_offsets(net, err);
    if (rc != LT_OK) {
        lt_net_free(net);
        return lt_err_mark(err, rc);
    }
    lt__net_segment(net);
    *out = net;
    return LT_OK;
}
