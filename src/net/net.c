/* A network's life and its read-only face. What a network is made of is
 * decided in net_plan.c; weights start in net_init.c; the decoder's relation
 * to the encoder is in tie.c; passes are in tape.c. */
#include "latent/net/net.h"

#include "latent/base/mem.h"
#include "net/net_int.h"

#include <stdio.h>
#include <string.h>

lt_status lt_net_new(const lt_net_spec *spec, lt_net **out, lt_err *err)
{
    lt_net *net = NULL;

    LT_TRY(lt__net_plan(spec, &net, err));
    return lt__net_start_take(net, out, err);
}

lt_status lt__net_start_take(lt_net *net, lt_net **out, lt_err *err)
{
    lt_status rc = lt__net_allocate(net, err);

    if (rc == LT_OK) {
        lt__net_fill(net);
        rc = lt_net_retie(net, err);
    }
    if (rc != LT_OK) {
        lt_net_free(net);
        return lt_err_mark(err, rc);
    }
    *out = net;
    return LT_OK;
}

lt_status lt__net_allocate(lt_net *net, lt_err *err)
{
    net->params = lt_mem_aligned(net->n_params, sizeof *net->params);
    net->grads = lt_mem_aligned(net->n_params, sizeof *net->grads);
    net->state = lt_mem_aligned(net->n_state, sizeof *net->state);
    if (!net->params || !net->grads || !net->state)
        return lt_err_set(err, LT_ENOMEM,
                          "network of %zu parameters: out of memory",
                          net->n_params);
    return LT_OK;
}

void lt_net_free(lt_net *net)
{
    if (!net)
        return;
    lt_mem_free(net->layers);
    lt_mem_free(net->segments);
    lt_mem_free(net->params);
    lt_mem_free(net->grads);
    lt_mem_free(net->state);
    lt_mem_free(net);
}

const char *lt__net_label(const lt_net *net, int index, char out[LT_LABEL_TEXT])
{
    bool is_encoder = index < net->n_encoder;

    snprintf(out, LT_LABEL_TEXT, "%s layer %d (%.24s)",
             is_encoder ? "encoder" : "decoder",
             index + 1 - (is_encoder ? 0 : net->n_encoder),
             net->layers[index].spec.kind);
    return out;
}

const char *lt__net_tensor(const lt_net *net, int index, const char *part,
                           char out[LT_LABEL_TEXT])
{
    bool is_encoder = index < net->n_encoder;

    snprintf(out, LT_LABEL_TEXT, "%s.%d.%s", is_encoder ? "encoder" : "decoder",
             index - (is_encoder ? 0 : net->n_encoder), part);
    return out;
}

int lt_net_n_layers(const lt_net *net)
{
    return net->n_layers;
}

int lt_net_n_encoder(const lt_net *net)
{
    return net->n_encoder;
}

const lt_layer *lt_net_layer(const lt_net *net, int index)
{
    LT_ASSERT(index >= 0 && index < net->n_layers);
    return &net->layers[index];
}

lt_shape lt_net_input(const lt_net *net)
{
    return net->input;
}

lt_shape lt_net_code(const lt_net *net)
{
    return net->layers[net->n_encoder - 1].out;
}

lt_shape lt_net_output(const lt_net *net)
{
    return net->input; /* as many elements, planning saw to it */
}

lt_act lt_net_output_act(const lt_net *net)
{
    return net->layers[net->n_layers - 1].spec.act;
}

lt_tie lt_net_tie(const lt_net *net)
{
    return net->tie;
}

lt_refresh lt_net_refresh_kind(const lt_net *net)
{
    return net->refresh;
}

size_t lt_net_n_params(const lt_net *net)
{
    return net->n_params;
}

lt_real *lt_net_params(lt_net *net)
{
    return net->params;
}

lt_real *lt_net_grads(lt_net *net)
{
    return net->grads;
}

size_t lt_net_n_state(const lt_net *net)
{
    return net->n_state;
}

lt_real *lt_net_state(lt_net *net)
{
    return net->state;
}

bool lt_net_is_sparse(const lt_net *net)
{
    return net->is_sparse;
}

bool lt_net_is_variational(const lt_net *net)
{
    return net->layers[net->n_encoder - 1].ops == &lt__layer_gaussian_code;
}

lt_status lt_net_check_part(const lt_net *net, int first, int last, lt_err *err)
{
    char label[LT_LABEL_TEXT];

    for (int i = first; i < last; i++) {
        const lt_layer *l = &net->layers[i];

        if (l->ops->needs_partner && l->mirror_of < first)
            return lt_err_set(err, LT_EINVAL,
                              "%s: needs the switches of an encoder pass; "
                              "reconstruct instead (net:reconstruct), or build "
                              "the network with avgpool",
                              lt__net_label(net, i, label));
    }
    return LT_OK;
}

/* ---- tensors ---- */

static lt__tensor vector_tensor(const lt_layer *l, const char *part,
                                size_t offset, size_t count)
{
    return (lt__tensor){.layer = l->index,
                        .part = part,
                        .rank = 1,
                        .dim = {(int)count},
                        .offset = offset,
                        .count = count};
}

static lt__tensor weight_tensor(const lt_layer *l)
{
    lt__tensor t = vector_tensor(l, "weight", l->weight, l->weight_count);

    t.rank = l->weight_rank;
    t.is_transposed = l->is_transposed;
    memcpy(t.dim, l->weight_dim, sizeof t.dim);
    return t;
}

static int state_tensors(const lt_layer *l, lt__tensor *out)
{
    static const char *const parts[] = {"running_mean", "running_var"};
    size_t half = l->state_count / 2;

    if (!l->state_count)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        out[i] = vector_tensor(l, parts[i], l->state + i * half, half);
        out[i].is_state = true;
    }
    return 2;
}

int lt__net_tensors(const lt_net *net, lt__tensor *out)
{
    int n = 0;

    for (int i = 0; i < net->n_layers; i++) {
        const lt_layer *l = &net->layers[i];

        if (l->weight_count && !l->is_borrowed)
            out[n++] = weight_tensor(l);
        if (l->bias_count)
            out[n++] = vector_tensor(l, "bias", l->bias, l->bias_count);
    }
    for (int i = 0; i < net->n_layers; i++)
        n += state_tensors(&net->layers[i], out + n);
    return n;
}

void lt_net_snapshot(lt_net *net, const char *prefix, lt_snapshot *out)
{
    LT_SNAPSHOT_ADD(out, prefix, "params", net->params, net->n_params);
    LT_SNAPSHOT_ADD(out, prefix, "state", net->state, net->n_state);
}
