/* Writing networks as safetensors files (github.com/huggingface/safetensors):
 *
 *   8 bytes   length N of the header, little-endian
 *   N bytes   JSON: name -> {"dtype", "shape", "data_offsets": [begin, end]},
 *             and "__metadata__" -> {name: string}; padded with spaces
 *   the rest  the tensors, little-endian, without gaps or overlap
 *
 * Tensors stand in the order of the flat parameter vector, then of the state,
 * so the file's data are those vectors, byte for byte, written without a
 * copy; but a weight that a sparse network stores transposed stands in the
 * file as every other, and is turned in a copy of it. */
#include "latent/net/checkpoint.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "net/net_int.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors data are little-endian");

#define DTYPE (sizeof(lt_real) == 4 ? "F32" : "F64")

static json_t *tensor_shape(const lt__tensor *t)
{
    json_t *shape = json_array();
    int rc = 0;

    for (int i = 0; shape && i < t->rank; i++)
        rc |= json_array_append_new(shape, json_integer(t->dim[i]));
    if (rc == 0)
        return shape;
    json_decref(shape);
    return NULL;
}

/* State follows the parameters. */
static int put_tensor(json_t *header, const lt_net *net, const lt__tensor *t)
{
    size_t first = t->offset + (t->is_state ? net->n_params : 0);
    size_t begin = first * sizeof(lt_real);
    size_t end = begin + t->count * sizeof(lt_real);
    char name[LT_LABEL_TEXT];

    return json_object_set_new(
        header, lt__net_tensor(net, t->layer, t->part, name),
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", DTYPE, "shape",
                  tensor_shape(t), "data_offsets", (json_int_t)begin,
                  (json_int_t)end));
}

static int put_tensors(json_t *header, const lt_net *net)
{
    lt__tensor *tensors = lt_mem_alloc(
        LT__TENSORS_PER_LAYER * (size_t)net->n_layers, sizeof *tensors);
    int n, rc = 0;

    if (!tensors)
        return -1;
    n = lt__net_tensors(net, tensors);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = put_tensor(header, net, &tensors[i]);
    lt_mem_free(tensors);
    return rc;
}

/* The metadata of the format are strings only. */
static lt_status check_notes(const json_t *notes, lt_err *err)
{
    const char *name;
    json_t *note;

    json_object_foreach((json_t *)notes, name, note)
    {
        if (!json_is_string(note))
            return lt_err_set(err, LT_EINVAL,
                              "metadata \"%s\": wanted a string", name);
    }
    return LT_OK;
}

/* The notes first: the names that follow are the network's own. */
static int fill_metadata(json_t *header, const json_t *notes,
                         const char *network)
{
    json_t *meta = json_object();

    if (json_object_set_new(header, "__metadata__", meta) != 0)
        return -1;
    if (notes && json_object_update(meta, (json_t *)notes) != 0)
        return -1;
    if (json_object_set_new(meta, "format", json_string("latent")) != 0)
        return -1;
    return json_object_set_new(meta, "latent.network", json_string(network));
}

static lt_status put_metadata(json_t *header, const lt_net *net,
                              const json_t *notes, lt_err *err)
{
    json_t *network = NULL;
    lt_text text = {0};
    lt_status rc = check_notes(notes, err);

    if (rc == LT_OK)
        rc = lt_net_to_json(net, &network, err);
    if (rc == LT_OK)
        rc = lt_json_dump(network, &text, err);
    if (rc == LT_OK && fill_metadata(header, notes, lt_text_str(&text)) != 0)
        rc = LT_ENOMEM;
    json_decref(network);
    lt_text_deinit(&text);
    return rc;
}

static lt_status put_header(const lt_net *net, const json_t *notes,
                            lt_text *out, lt_err *err)
{
    json_t *header = json_object();
    lt_status rc = header ? put_metadata(header, net, notes, err) : LT_ENOMEM;

    if (rc == LT_OK && put_tensors(header, net) != 0)
        rc = LT_ENOMEM;
    if (rc == LT_OK)
        rc = lt_json_dump(header, out, err);
    while (rc == LT_OK && !out->failed && out->size % 8 != 0)
        lt_text_add(out, " ");
    json_decref(header);
    return rc == LT_OK && out->failed ? LT_ENOMEM : rc;
}

/* The first layer's weight when it is stored transposed, else NULL. */
static const lt_layer *turned_layer(const lt_net *net)
{
    const lt_layer *first = &net->layers[0];

    return first->is_transposed ? first : NULL;
}

/* The parameters in two parts: what is turned, in *turned, the caller's, or
 * nothing; and the rest. */
static lt_status param_parts(const lt_net *net, lt_real **turned,
                             lt_path_part out[2], lt_err *err)
{
    const lt_layer *l = turned_layer(net);
    size_t n = l ? l->weight_count : 0;

    out[0] = (lt_path_part){NULL, 0};
    out[1] = (lt_path_part){net->params + n,
                            (net->n_params - n) * sizeof *net->params};
    if (!l)
        return LT_OK;
    LT_ASSERT(l->weight == 0);
    *turned = lt_mem_alloc(n, sizeof **turned);
    if (!*turned)
        return lt_err_set(err, LT_ENOMEM, "out of memory");
    lt__transpose(l->weight_dim[1], l->weight_dim[0], net->params, *turned);
    out[0] = (lt_path_part){*turned, n * sizeof **turned};
    return LT_OK;
}

lt_status lt_checkpoint_save(const lt_net *net, const char *path,
                             const json_t *notes, lt_err *err)
{
    lt_text header = {0};
    lt_real *turned = NULL;
    lt_status rc = put_header(net, notes, &header, err);
    uint64_t length = header.size;
    lt_path_part parts[] = {
        {&length, sizeof length},
        {header.data, header.size},
        {NULL, 0},
        {NULL, 0},
        {net->state, net->n_state * sizeof *net->state},
    };

    if (rc == LT_OK)
        rc = param_parts(net, &turned, parts + 2, err);
    if (rc == LT_OK)
        rc = lt_path_write_parts(path, parts, 5, err);
    else if (lt_err_mark(err, rc) == LT_ENOMEM)
        lt_err_prefix(err, "%s", path);
    lt_mem_free(turned);
    lt_text_deinit(&header);
    return rc;
}
