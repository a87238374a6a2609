/* The list of layer kinds. A new kind is one source file that defines an
 * lt_layer_ops, one declaration in net_int.h and one line here. */
#include "latent/net/layer.h"

#include "net/net_int.h"

#include <string.h>

static const lt_layer_ops *const layer_kinds[] = {
    &lt__layer_dense,
};

#define N_KINDS ((int)(sizeof layer_kinds / sizeof *layer_kinds))

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
