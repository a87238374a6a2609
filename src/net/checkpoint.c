/* Writing networks as safetensors files (github.com/huggingface/safetensors):
 *
 *   8 bytes   length N of the header, little-endian
 *   N bytes   JSON: name -> {"dtype", "shape", "data_offsets": [begin, end]},
 *             and "__metadata__" -> {name: string}; padded with spaces
 *   the rest  the tensors, little-endian, without gaps or overlap
 *
 * Tensors stand in the order of the flat parameter vector, so the file's data
 * are that vector, byte for byte, written without a copy. */
#include "latent/net/checkpoint.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "net/net_int.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors data are little-endian");

#define DTYPE (sizeof(lt_real) == 4 ? "F32" : "F64")

static json_t *tensor_shape(const lt_net *net, const lt_segment *s)
{
    const lt_layer *l = &net->layers[s->layer];
    json_int_t rows = (json_int_t)l->bias_count;

    return s->is_weight ? json_pack("[I, I]", rows, (json_int_t)s->count / rows)
                        : json_pack("[I]", rows);
}

static int put_tensor(json_t *header, const lt_net *net, const lt_segment *s)
{
    const char *part = s->is_weight ? "weight" : "bias";
    size_t begin = s->offset * sizeof(lt_real);
    size_t end = begin + s->count * sizeof(lt_real);
    char name[LT_LABEL_TEXT];

    return json_object_set_new(
        header, lt__net_tensor(net, s->layer, part, name),
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", DTYPE, "shape",
                  tensor_shape(net, s), "data_offsets", (json_int_t)begin,
                  (json_int_t)end));
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

    for (int i = 0; rc == LT_OK && i < net->n_segments; i++)
        if (put_tensor(header, net, &net->segments[i]) != 0)
            rc = LT_ENOMEM;
    if (rc == LT_OK)
        rc = lt_json_dump(header, out, err);
    while (rc == LT_OK && !out->failed && out->size % 8 != 0)
        lt_text_add(out, " ");
    json_decref(header);
    return rc == LT_OK && out->failed ? LT_ENOMEM : rc;
}

lt_status lt_checkpoint_save(const lt_net *net, const char *path,
                             const json_t *notes, lt_err *err)
{
    lt_text header = {0};
    lt_status rc = put_header(net, notes, &header, err);
    uint64_t length = header.size;
    const lt_path_part parts[] = {
        {&length, sizeof length},
        {header.data, header.size},
        {net->params, net->n_params * sizeof *net->params},
    };

    if (rc == LT_OK)
        rc = lt_path_write_parts(path, parts, 3, err);
    else if (lt_err_mark(err, rc) == LT_ENOMEM)
        lt_err_prefix(err, "%s", path);
    lt_text_deinit(&header);
    return rc;
}
