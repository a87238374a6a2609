/* A network's spec as JSON, and back:
 *
 *   {"input": [784], "encoder": [{"kind": "dense", "units": 30,
 *    "act": "linear"}], "decoder": [...], "output": "sigmoid",
 *    "tie": "mirrored", "refresh": "step",
 *    "init": {"kind": "glorot", "value": 0}, "seed": 1}
 *
 * "decoder" is there only when it was given, "sparse" only when true; all
 * other keys always. A layer has the fields of its kind (layer.h). A seed is
 * stored as the signed integer of the same bits, since JSON readers have no
 * unsigned one. Reading trusts nothing: it is also how checkpoints begin. */
#include "net/net_int.h"

#include "latent/base/mem.h"
#include "latent/base/suggest.h"

#include <string.h>

static const char *const refresh_names[] = {"step", "epoch", NULL};

/* ---- writing ---- */

static json_t *put_ints(const int *values, int n)
{
    json_t *array = json_array();
    int rc = 0;

    for (int i = 0; array && i < n; i++)
        rc |= json_array_append_new(array, json_integer(values[i]));
    if (rc == 0)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *put_shape(lt_shape s)
{
    return put_ints(s.dim, s.rank);
}

static json_t *put_field(const lt_layer_spec *s, const lt_field *f)
{
    const void *at = (const char *)s + f->offset;

    switch (f->type) {
    case LT_FIELD_INT:
        return json_integer(*(const int *)at);
    case LT_FIELD_PAIR:
        return put_ints(at, 2);
    case LT_FIELD_SHAPE:
        return put_ints(at, 3);
    case LT_FIELD_REAL:
        return json_real(*(const double *)at);
    case LT_FIELD_NAME:
        return json_string(f->names[*(const int *)at]);
    }
    return NULL;
}

static json_t *put_layer(const lt_layer *l)
{
    json_t *o = json_pack("{s:s}", "kind", l->ops->name);
    int rc = 0;

    for (int i = 0; o && l->ops->fields[i]; i++)
        rc |= json_object_set_new(
            o, l->ops->fields[i],
            put_field(&l->spec, lt_layer_field(l->ops->fields[i])));
    if (rc == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *put_layers(const lt_net *net, int first, int last)
{
    json_t *array = json_array();
    int rc = 0;

    for (int i = first; array && i < last; i++)
        rc |= json_array_append_new(array, put_layer(&net->layers[i]));
    if (rc == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* json_object_set_new refuses NULL values, so every failure shows here. */
static int put_all(const lt_net *net, json_t *o)
{
    int rc = json_object_set_new(o, "input", put_shape(net->input));

    rc |= json_object_set_new(o, "encoder", put_layers(net, 0, net->n_encoder));
    if (net->has_own_decoder)
        rc |= json_object_set_new(
            o, "decoder", put_layers(net, net->n_encoder, net->n_layers));
    rc |= json_object_set_new(o, "output",
                              json_string(lt_act_name(lt_net_output_act(net))));
    rc |= json_object_set_new(o, "tie", json_string(lt_tie_name(net->tie)));
    rc |= json_object_set_new(o, "refresh",
                              json_string(refresh_names[net->refresh]));
    rc |= json_object_set_new(o, "init",
                              json_pack("{s:s, s:f}", "kind",
                                        lt_init_name(net->init.kind), "value",
                                        net->init.value));
    rc |= json_object_set_new(o, "seed", json_integer((json_int_t)net->seed));
    if (net->is_sparse)
        rc |= json_object_set_new(o, "sparse", json_true());
    return rc;
}

lt_status lt_net_to_json(const lt_net *net, json_t **out, lt_err *err)
{
    json_t *o = json_object();

    if (!o || put_all(net, o) != 0) {
        json_decref(o);
        return lt_err_mark(err, LT_ENOMEM);
    }
    *out = o;
    return LT_OK;
}

/* ---- reading ---- */

static size_t count_names(const char *const *names)
{
    size_t n = 0;

    while (names[n])
        n++;
    return n;
}

/* The index of the string at `key` among `names`. */
static lt_status get_name(const json_t *o, const char *key,
                          const char *const *names, int *out, lt_err *err)
{
    const char *text = json_string_value(json_object_get(o, key));
    const char *near;

    if (!text)
        return lt_err_set(err, LT_EFORMAT, "\"%s\": missing or not a string",
                          key);
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return LT_OK;
        }
    near = lt_suggest(text, names, count_names(names));
    return lt_err_set(err, LT_EFORMAT, "\"%s\": unknown name \"%.64s\"%s%s%s",
                      key, text, near ? ", did you mean \"" : "",
                      near ? near : "", near ? "\"?" : "");
}

static lt_status get_int(const json_t *value, const char *what, int *out,
                         lt_err *err)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 1 || n > LT_LAYER_MAX_ELEMENTS)
        return lt_err_set(err, LT_EFORMAT,
                          "\"%s\": wanted a whole number from 1 to %d", what,
                          LT_LAYER_MAX_ELEMENTS);
    *out = (int)n;
    return LT_OK;
}

static lt_status get_shape(const json_t *o, lt_shape *out, lt_err *err)
{
    const json_t *array = json_object_get(o, "input");
    size_t rank = json_array_size(array);

    if (rank != 1 && rank != 3)
        return lt_err_set(err, LT_EFORMAT,
                          "\"input\": wanted an array of 1 or 3 numbers");
    *out = (lt_shape){(int)rank, {1, 1, 1}};
    for (size_t i = 0; i < rank; i++)
        LT_TRY(get_int(json_array_get(array, i), "input", &out->dim[i], err));
    return LT_OK;
}

static lt_status get_ints(const json_t *array, const char *key, int n, int *out,
                          lt_err *err)
{
    bool is_right = json_is_array(array) && json_array_size(array) == (size_t)n;

    for (int i = 0; is_right && i < n; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        json_int_t value = json_integer_value(item);

        is_right = json_is_integer(item) && value >= 0 &&
                   value <= LT_LAYER_MAX_ELEMENTS;
        out[i] = (int)value;
    }
    if (is_right)
        return LT_OK;
    return lt_err_set(err, LT_EFORMAT,
                      "\"%s\": wanted %d whole numbers from 0 to %d", key, n,
                      LT_LAYER_MAX_ELEMENTS);
}

static lt_status get_field(const json_t *o, const lt_field *f,
                           lt_layer_spec *out, lt_err *err)
{
    const json_t *value = json_object_get(o, f->name);
    void *at = (char *)out + f->offset;

    switch (f->type) {
    case LT_FIELD_INT:
        return get_int(value, f->name, at, err);
    case LT_FIELD_PAIR:
        return get_ints(value, f->name, 2, at, err);
    case LT_FIELD_SHAPE:
        return get_ints(value, f->name, 3, at, err);
    case LT_FIELD_NAME:
        return get_name(o, f->name, f->names, at, err);
    case LT_FIELD_REAL:
        break;
    }
    if (!json_is_number(value))
        return lt_err_set(err, LT_EFORMAT, "\"%s\": wanted a number", f->name);
    *(double *)at = json_number_value(value);
    return LT_OK;
}

static lt_status get_layer(const json_t *o, lt_layer_spec *out, lt_err *err)
{
    const char *kind = json_string_value(json_object_get(o, "kind"));
    const lt_layer_ops *ops = kind ? lt_layer_find(kind) : NULL;

    if (!kind)
        return lt_err_set(err, LT_EFORMAT, "\"kind\": missing");
    if (!ops)
        return lt_err_set(err, LT_EFORMAT, "\"kind\": no layer kind \"%.32s\"",
                          kind);
    out->kind = ops->name;
    for (int i = 0; ops->fields[i]; i++)
        LT_TRY(get_field(o, lt_layer_field(ops->fields[i]), out, err));
    return LT_OK;
}

/* The list at `key`; *out is the caller's even after a failure. */
static lt_status get_layers(const json_t *o, const char *key,
                            lt_layer_spec **out, int *n, lt_err *err)
{
    const json_t *array = json_object_get(o, key);
    size_t count = json_array_size(array);

    if (!json_is_array(array) || count < 1 || count > INT16_MAX)
        return lt_err_set(err, LT_EFORMAT,
                          "\"%s\": wanted an array of 1 to %d layers", key,
                          INT16_MAX);
    *out = lt_mem_zero(count, sizeof **out);
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < count; i++) {
        lt_status rc = get_layer(json_array_get(array, i), *out + i, err);

        if (rc != LT_OK) {
            lt_err_prefix(err, "%s layer %zu", key, i + 1);
            return rc;
        }
    }
    *n = (int)count;
    return LT_OK;
}

static lt_status get_scalars(const json_t *o, lt_net_spec *s, lt_err *err)
{
    const json_t *init = json_object_get(o, "init");
    const json_t *seed = json_object_get(o, "seed");
    const json_t *value = json_object_get(init, "value");
    int output = 0, tie = 0, refresh = 0, kind = 0;

    LT_TRY(get_name(o, "output", lt_act_names(), &output, err));
    LT_TRY(get_name(o, "tie", lt_tie_names(), &tie, err));
    LT_TRY(get_name(o, "refresh", refresh_names, &refresh, err));
    LT_TRY(get_name(init, "kind", lt_init_names(), &kind, err));
    if (!json_is_integer(seed))
        return lt_err_set(err, LT_EFORMAT, "\"seed\": wanted an integer");
    if (!json_is_number(value))
        return lt_err_set(err, LT_EFORMAT, "\"value\": wanted a number");
    s->output = (lt_act)output;
    s->tie = (lt_tie)tie;
    s->refresh = (lt_refresh)refresh;
    s->init = (lt_init){(lt_init_kind)kind, json_number_value(value)};
    s->seed = (uint64_t)json_integer_value(seed);
    s->is_sparse = json_is_true(json_object_get(o, "sparse"));
    return LT_OK;
}

lt_status lt__net_plan_json(const json_t *spec, lt_net **out, lt_err *err)
{
    lt_layer_spec *encoder = NULL, *decoder = NULL;
    lt_net_spec s = {0};
    lt_status rc = LT_OK;

    if (!json_is_object(spec))
        return lt_err_set(err, LT_EFORMAT, "network: wanted an object");
    rc = get_shape(spec, &s.input, err);
    if (rc == LT_OK)
        rc = get_scalars(spec, &s, err);
    if (rc == LT_OK)
        rc = get_layers(spec, "encoder", &encoder, &s.n_encoder, err);
    if (rc == LT_OK && json_object_get(spec, "decoder"))
        rc = get_layers(spec, "decoder", &decoder, &s.n_decoder, err);
    s.encoder = encoder;
    s.decoder = decoder;
    if (rc == LT_OK)
        rc = lt__net_plan(&s, out, err);
    lt_mem_free(encoder);
    lt_mem_free(decoder);
    return lt_err_mark(err, rc);
}

lt_status lt_net_from_json(const json_t *spec, lt_net **out, lt_err *err)
{
    lt_net *net = NULL;

    LT_TRY(lt__net_plan_json(spec, &net, err));
    return lt__net_start_take(net, out, err);
}
