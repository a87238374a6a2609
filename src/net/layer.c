/* The list of layer kinds, and the table of the spec's fields. A new kind is
 * one source file that defines an lt_layer_ops, one declaration in net_int.h
 * and one line here; JSON and the Lua binding read and write its fields by the
 * table. */
#include "latent/net/layer.h"

#include "net/net_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const lt_layer_ops *const layer_kinds[] = {
    &lt__layer_dense,     &lt__layer_conv,      &lt__layer_conv_transpose,
    &lt__layer_maxpool,   &lt__layer_maxunpool, &lt__layer_avgpool,
    &lt__layer_avgunpool, &lt__layer_upsample,  &lt__layer_flatten,
    &lt__layer_reshape,   &lt__layer_batchnorm, &lt__layer_dropout,
    &lt__layer_noise,     &lt__layer_k_sparse,  &lt__layer_gaussian_code,
};

#define N_KINDS ((int)(sizeof layer_kinds / sizeof *layer_kinds))

#define X(name, text) text,
static const char *const pad_names[] = {LT_PAD_MAP(X) NULL};
static const char *const unpool_names[] = {LT_UNPOOL_MAP(X) NULL};
static const char *const interp_names[] = {LT_INTERP_MAP(X) NULL};
static const char *const noise_names[] = {LT_NOISE_MAP(X) NULL};
static const char *const act_names[] = {LT_ACT_MAP(X) NULL};
#undef X

#define FIELD(name, type, names)                                               \
    {                                                                          \
#name, LT_FIELD_##type, offsetof(lt_layer_spec, name), names           \
    }

static const lt_field layer_fields[] = {
    FIELD(units, INT, NULL),           FIELD(act, NAME, act_names),
    FIELD(channels, INT, NULL),        FIELD(kernel, PAIR, NULL),
    FIELD(stride, PAIR, NULL),         FIELD(dilation, PAIR, NULL),
    FIELD(pad, NAME, pad_names),       FIELD(pad_size, PAIR, NULL),
    FIELD(size, PAIR, NULL),           FIELD(shape, SHAPE, NULL),
    FIELD(factor, PAIR, NULL),         FIELD(unpool, NAME, unpool_names),
    FIELD(interp, NAME, interp_names), FIELD(noise, NAME, noise_names),
    FIELD(amount, REAL, NULL),         FIELD(momentum, REAL, NULL),
    FIELD(epsilon, REAL, NULL),
};

const lt_layer_ops *lt_layer_find(const char *kind)
{
    for (int i = 0; i < N_KINDS; i++)
        if (strcmp(layer_kinds[i]->name, kind) == 0)
            return layer_kinds[i];
    return NULL;
}

const char *lt_layer_kind_name(int index)
{
    return index >= 0 && index < N_KINDS ? layer_kinds[index]->name : NULL;
}

bool lt_layer_has_field(const lt_layer_ops *ops, const char *name)
{
    for (int i = 0; ops->fields[i]; i++)
        if (strcmp(ops->fields[i], name) == 0)
            return true;
    return false;
}

const lt_field *lt_layer_field(const char *name)
{
    for (size_t i = 0; i < sizeof layer_fields / sizeof *layer_fields; i++)
        if (strcmp(layer_fields[i].name, name) == 0)
            return &layer_fields[i];
    return NULL;
}

void lt_pass_rng(const lt_pass *p, const lt_layer *l, lt_rng *rng)
{
    char stream[48];

    snprintf(stream, sizeof stream, "noise.%d.%" PRId64, l->index, p->step);
    lt_rng_init(rng, p->seed, stream);
}
