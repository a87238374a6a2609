/* Planning: from what a script asks for to layers with shapes and offsets.
 *
 * 1. The encoder's layers are planned one after another from the input.
 * 2. The decoder is the given list, or the mirror: layer k undoes encoder
 *    layer n-1-k, gives back exactly the shape that layer received, and has
 *    the activation of the encoder layer below it (the last one: `output`).
 * 3. Every weight and bias gets its offset in the flat vector, layer by layer,
 *    weight before bias, without gaps. A tied decoder layer gets the offset of
 *    the weight it borrows.
 *
 * Offsets are not rounded up to cache lines: OpenBLAS packs its operands, and
 * the optimiser sees few long stretches. */
#include "net/net_int.h"

#include "latent/base/mem.h"

#include <math.h>
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
    if (spec->tie != LT_TIE_UNTIED && spec->n_decoder > 0 &&
        spec->n_decoder != spec->n_encoder)
        return lt_err_set(err, LT_EINVAL,
                          "decoder: %d layers, but tie \"%s\" wants one for "
                          "each of the encoder's %d",
                          spec->n_decoder, lt_tie_name(spec->tie),
                          spec->n_encoder);
    return LT_OK;
}

/* An empty network with room for the layers of `spec`. */
static lt_status plan_open(const lt_net_spec *spec, lt_net **out, lt_err *err)
{
    lt_net *net = lt_mem_zero(1, sizeof *net);
    int n_decoder = spec->n_decoder ? spec->n_decoder : spec->n_encoder;
    int n = spec->n_encoder + n_decoder;

    *out = net;
    if (!net || !(net->layers = lt_mem_zero((size_t)n, sizeof *net->layers)) ||
        !(net->segments = lt_mem_zero(2 * (size_t)n, sizeof *net->segments)))
        return lt_err_mark(err, LT_ENOMEM);
    net->input = spec->input;
    net->n_layers = n;
    net->n_encoder = spec->n_encoder;
    net->has_own_decoder = spec->n_decoder > 0;
    net->tie = spec->tie;
    net->refresh = spec->refresh;
    net->init = spec->init;
    net->seed = spec->seed;
    return lt__init_check(&net->init, err);
}

static lt_status plan_layer(lt_net *net, int index, const lt_layer_spec *spec,
                            lt_err *err)
{
    lt_layer *l = &net->layers[index];
    char label[LT_LABEL_TEXT];
    lt_status rc;

    l->spec = *spec;
    l->mirror_of = -1;
    l->in = index ? l[-1].out : net->input;
    l->ops = lt_layer_find(spec->kind);
    if (!l->ops)
        return lt_err_set(
            err, LT_EINVAL, "%s: no layer kind of this name, wanted \"%s\"",
            lt__net_label(net, index, label), lt_layer_kind_name(0));
    LT_ASSERT(spec->act < LT_ACT_COUNT);
    l->spec.kind = l->ops->name;
    rc = l->ops->plan(l, err);
    if (rc != LT_OK)
        lt_err_prefix(err, "%s", lt__net_label(net, index, label));
    return rc;
}

/* The encoder layer that decoder layer `index` undoes if it undoes any. */
static int plan_mirrored(const lt_net *net, int index)
{
    int n_decoder = net->n_layers - net->n_encoder;

    return n_decoder == net->n_encoder ? net->n_layers - 1 - index : -1;
}

static lt_status plan_mirror(lt_net *net, int index, lt_act output, lt_err *err)
{
    int of = plan_mirrored(net, index);
    const lt_layer *enc = &net->layers[of];
    lt_layer_spec spec;

    enc->ops->mirror(enc, &spec);
    spec.act = of ? enc[-1].spec.act : output;
    LT_TRY(plan_layer(net, index, &spec, err));
    net->layers[index].out = enc->in;
    net->layers[index].mirror_of = of;
    return LT_OK;
}

/* Whether `dec` has the kind and shapes that undo `enc`. */
static bool plan_undoes(const lt_layer *dec, const lt_layer *enc)
{
    return dec->ops == enc->ops && dec->weight_count == enc->weight_count &&
           lt_shape_elements(dec->in) == lt_shape_elements(enc->out) &&
           lt_shape_elements(dec->out) == lt_shape_elements(enc->in);
}

/* A layer of an explicit decoder: any tie but untied wants a mirror. */
static lt_status plan_match(lt_net *net, int index, lt_err *err)
{
    int of = plan_mirrored(net, index);
    lt_layer *dec = &net->layers[index];
    const lt_layer *enc = of < 0 ? NULL : &net->layers[of];
    char a[LT_LABEL_TEXT], b[LT_LABEL_TEXT];

    if (enc && plan_undoes(dec, enc)) {
        dec->mirror_of = of;
        return LT_OK;
    }
    if (net->tie == LT_TIE_UNTIED)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: takes %d to %d, but tie \"%s\" wants %d to %d, the "
                      "reverse of %s",
                      lt__net_label(net, index, a), lt_shape_elements(dec->in),
                      lt_shape_elements(dec->out), lt_tie_name(net->tie),
                      lt_shape_elements(enc->out), lt_shape_elements(enc->in),
                      lt__net_label(net, of, b));
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
    last->out = net->input;
    return LT_OK;
}

static lt_status plan_layers(lt_net *net, const lt_net_spec *spec, lt_err *err)
{
    for (int i = 0; i < net->n_encoder; i++)
        LT_TRY(plan_layer(net, i, &spec->encoder[i], err));
    for (int i = net->n_encoder; i < net->n_layers; i++) {
        if (!net->has_own_decoder) {
            LT_TRY(plan_mirror(net, i, spec->output, err));
            continue;
        }
        LT_TRY(plan_layer(net, i, &spec->decoder[i - net->n_encoder], err));
        LT_TRY(plan_match(net, i, err));
    }
    return plan_output(net, err);
}

/* Flags of a layer's share in its weight. */
static void plan_tie(lt_net *net, lt_layer *l)
{
    if (l->mirror_of < 0)
        return;
    if (net->tie == LT_TIE_TIED && l->weight_count) {
        lt_layer *enc = &net->layers[l->mirror_of];

        l->weight_is_transposed = true;
        l->weight = enc->weight;
        enc->adds_gradient = true; /* the decoder comes first going back */
    }
    l->is_weight_frozen = lt__tie_is_derived(net->tie);
}

static lt_status plan_offsets(lt_net *net, lt_err *err)
{
    const size_t limit = SIZE_MAX / 64;

    for (int i = 0; i < net->n_layers; i++) {
        lt_layer *l = &net->layers[i];

        plan_tie(net, l);
        if (!l->weight_is_transposed) {
            l->weight = net->n_params;
            net->n_params += l->weight_count;
        }
        l->bias = net->n_params;
        net->n_params += l->bias_count;
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
