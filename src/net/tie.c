/* Ties: how decoder weights follow from the encoder's.
 *
 *   tied      one storage, nothing to compute (net_plan.c shares the offset)
 *   unrolled  the transpose at the start and after pre-training
 *   mirrored  the transpose at every refresh
 * (for a convolution, whose mirror is its adjoint, the same kernels)
 *   pinv      the pseudo-inverse at every refresh, by singular values; costs
 *             some 20 times a product of the same shape */
#include "net/net_int.h"

#include "latent/math/linalg.h"

#include <string.h>

#define TILE 32

static const char *const tie_names[] = {
#define X(name, text) text,
    LT_TIE_MAP(X)
#undef X
        NULL,
};

const char *lt_tie_name(lt_tie tie)
{
    LT_ASSERT(tie < LT_TIE_COUNT);
    return tie_names[tie];
}

int lt_tie_find(const char *name)
{
    for (int i = 0; i < LT_TIE_COUNT; i++)
        if (strcmp(tie_names[i], name) == 0)
            return i;
    return -1;
}

const char *const *lt_tie_names(void)
{
    return tie_names;
}

bool lt__tie_is_derived(lt_tie tie)
{
    return tie == LT_TIE_MIRRORED || tie == LT_TIE_PINV;
}

/* Tile by tile, so that both sides stay in the cache. */
void lt__transpose(int rows, int cols, const lt_real *a, lt_real *out)
{
    for (int r0 = 0; r0 < rows; r0 += TILE)
        for (int c0 = 0; c0 < cols; c0 += TILE)
            for (int r = r0; r < rows && r < r0 + TILE; r++)
                for (int c = c0; c < cols && c < c0 + TILE; c++)
                    out[(size_t)c * (size_t)rows + (size_t)r] =
                        a[(size_t)r * (size_t)cols + (size_t)c];
}

/* The decoder layer's weight from the encoder's W (H,D), or what of it the
 * decoder uses: a variational code's first half. */
static lt_status tie_layer(lt_net *net, int index, lt_err *err)
{
    const lt_layer *dec = &net->layers[index];
    const lt_layer *enc = &net->layers[dec->mirror_of];
    int h = lt_shape_elements(enc->out), d = lt_shape_elements(enc->in);
    const lt_real *from = net->params + enc->weight;
    lt_real *to = net->params + dec->weight;
    char label[LT_LABEL_TEXT];
    lt_status rc = LT_OK;

    if (net->tie == LT_TIE_PINV)
        rc = lt_linalg_pinv(h, d, from, 0, to, err);
    else if (enc->ops->mirror_weight == LT_MIRROR_SAME || enc->is_transposed)
        memcpy(to, from, dec->weight_count * sizeof *to);
    else
        lt__transpose(h, d, from, to);
    if (rc != LT_OK)
        lt_err_prefix(err, "%s", lt__net_label(net, dec->mirror_of, label));
    return rc;
}

lt_status lt__tie_derive(lt_net *net, lt_err *err)
{
    for (int i = net->n_encoder; i < net->n_layers; i++)
        if (lt__layer_is_tied(&net->layers[i]))
            LT_TRY(tie_layer(net, i, err));
    return LT_OK;
}

lt_status lt_net_refresh(lt_net *net, lt_refresh when, lt_err *err)
{
    if (!lt__tie_is_derived(net->tie))
        return LT_OK;
    if (when == LT_REFRESH_STEP && net->refresh != LT_REFRESH_STEP)
        return LT_OK;
    return lt__tie_derive(net, err);
}

lt_status lt_net_retie(lt_net *net, lt_err *err)
{
    if (net->tie == LT_TIE_UNTIED || net->tie == LT_TIE_TIED)
        return LT_OK;
    return lt__tie_derive(net, err);
}
