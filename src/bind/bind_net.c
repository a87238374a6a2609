/* "latent.core.net": autoencoders, as lua/latent/net.lua gives them to
 * scripts. Layers are counted from 1 here, as everywhere in Lua.
 *
 * A network's buffers are unseen by Lua's collector, which is told of them. */
#include "bind/bind_int.h"

#include "latent/base/mem.h"
#include "latent/net/checkpoint.h"
#include "latent/net/net.h"
#include "latent/train/evaluate.h"

#include <string.h>

#define NET_TYPE "latent.net"

static int net_collect(lua_State *L)
{
    lt_net **handle = luaL_checkudata(L, 1, NET_TYPE);

    lt_net_free(*handle);
    *handle = NULL;
    return 0;
}

static lt_net **push_handle(lua_State *L)
{
    lt_net **handle = lua_newuserdatauv(L, sizeof *handle, 0);

    *handle = NULL;
    luaL_setmetatable(L, NET_TYPE);
    return handle;
}

lt_net *lt__check_net(lua_State *L, int index)
{
    lt_net **handle = luaL_checkudata(L, index, NET_TYPE);

    if (!*handle)
        luaL_error(L, "the network was closed");
    return *handle;
}

static int finish_new(lua_State *L, lt_net **handle, lt_status rc,
                      const lt_err *err)
{
    if (rc != LT_OK)
        return lt__raise(L, err);
    lt__account(L, lt_net_n_params(*handle) * 2 * sizeof(lt_real));
    return 1;
}

/* ---- construction ---- */

/* A name in the field `name`, as an enum's number. */
static int get_enum(lua_State *L, int table, const char *name,
                    int (*find)(const char *))
{
    const char *text = lt__get_string(L, table, name);
    int value = text ? find(text) : -1;

    if (value < 0)
        luaL_error(L, "%s: unknown name '%s'", name, text ? text : "nil");
    return value;
}

static void get_ints(lua_State *L, const char *name, int n, int *out)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, -1, i + 1);
        if (!lua_isinteger(L, -1))
            luaL_error(L, "%s: wanted %d integers", name, n);
        out[i] = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
}

/* Field `f` of the layer's table on top of the stack. */
static void get_field(lua_State *L, const lt_field *f, lt_layer_spec *out)
{
    int table = lua_gettop(L);
    void *at = (char *)out + f->offset;

    switch (f->type) {
    case LT_FIELD_INT:
        *(int *)at = (int)lt__get_integer(L, table, f->name);
        return;
    case LT_FIELD_REAL:
        *(double *)at = lt__get_number(L, table, f->name);
        return;
    case LT_FIELD_PAIR:
    case LT_FIELD_SHAPE:
        lua_getfield(L, table, f->name);
        get_ints(L, f->name, f->type == LT_FIELD_PAIR ? 2 : 3, at);
        lua_pop(L, 1);
        return;
    case LT_FIELD_NAME:
        break;
    }
    lua_getfield(L, table, f->name);
    *(int *)at = luaL_checkoption(L, -1, NULL, f->names);
    lua_pop(L, 1);
}

/* The list in field `name`; the array belongs to Lua and is left on the
 * stack. The kinds' names are static. */
static lt_layer_spec *get_layers(lua_State *L, const char *name, int *n)
{
    lt_layer_spec *specs;

    lua_getfield(L, 1, name);
    *n = (int)luaL_len(L, -1);
    specs = lua_newuserdatauv(L, sizeof *specs * ((size_t)*n + 1), 0);
    memset(specs, 0, sizeof *specs * ((size_t)*n + 1));
    for (int i = 0; i < *n; i++) {
        const lt_layer_ops *ops;
        const char *kind;

        lua_rawgeti(L, -2, i + 1);
        kind = lt__get_string(L, lua_gettop(L), "kind");
        ops = kind ? lt_layer_find(kind) : NULL;
        if (!ops)
            luaL_error(L, "no such kind of layer");
        specs[i].kind = ops->name;
        for (int k = 0; ops->fields[k]; k++)
            get_field(L, lt_layer_field(ops->fields[k]), &specs[i]);
        lua_pop(L, 1);
    }
    return specs;
}

static lt_shape get_shape(lua_State *L, const char *name)
{
    int dim[3] = {1, 1, 1}, rank;

    lua_getfield(L, 1, name);
    rank = (int)luaL_len(L, -1);
    for (int i = 0; i < rank && i < 3; i++) {
        lua_rawgeti(L, -1, i + 1);
        dim[i] = (int)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return rank == 1 ? lt_shape_flat(dim[0])
                     : lt_shape_image(dim[0], dim[1], dim[2]);
}

/* net.new(spec) -> net; every field of the spec is there and checked */
static int net_new(lua_State *L)
{
    lt_net_spec spec = {.input = get_shape(L, "input")};
    lt_net **handle;
    lt_err err = {0};

    spec.encoder = get_layers(L, "encoder", &spec.n_encoder);
    spec.decoder = get_layers(L, "decoder", &spec.n_decoder);
    spec.output = (lt_act)get_enum(L, 1, "output", lt_act_find);
    spec.tie = (lt_tie)get_enum(L, 1, "tie", lt_tie_find);
    spec.refresh = lt__get_boolean(L, 1, "refresh_each_epoch")
                       ? LT_REFRESH_EPOCH
                       : LT_REFRESH_STEP;
    spec.init.kind = (lt_init_kind)get_enum(L, 1, "init", lt_init_find);
    spec.init.value = lt__get_number(L, 1, "init_value");
    spec.seed = (uint64_t)lt__get_integer(L, 1, "seed");
    spec.is_sparse = lt__get_boolean(L, 1, "sparse");
    handle = push_handle(L);
    return finish_new(L, handle, lt_net_new(&spec, handle, &err), &err);
}

static int net_load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lt_net **handle = push_handle(L);
    lt_err err = {0};

    return finish_new(L, handle, lt_checkpoint_load(path, handle, &err), &err);
}

/* net.save(net, path [, notes]): notes is a table of strings. */
static int net_save(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const char *path = luaL_checkstring(L, 2);
    json_t *notes = NULL;
    lt_err err = {0};
    lt_status rc = LT_OK;

    if (!lua_isnoneornil(L, 3))
        rc = lt__to_json(L, 3, &notes, &err);
    if (rc == LT_OK)
        rc = lt_checkpoint_save(net, path, notes, &err);
    json_decref(notes);
    if (rc != LT_OK)
        return lt__raise(L, &err);
    lt__saved(L, path);
    return 0;
}

/* ---- passes ---- */

/* net.map(net, set, "encode" | "decode" | "reconstruct") -> set */
static int net_map(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_dataset *set = lt__check_set(L, 2);
    const char *which = luaL_checkstring(L, 3);
    bool decodes = strcmp(which, "decode") == 0;
    int first = decodes ? lt_net_n_encoder(net) : 0;
    int last = strcmp(which, "encode") == 0 ? lt_net_n_encoder(net)
                                            : lt_net_n_layers(net);
    lt_dataset **out = lt__push_set(L);
    lt_err err = {0};
    lt_status rc =
        lt_evaluate_map(net, set, first, last, lt__pool_of(L), out, &err);

    return lt__finish_set(L, rc, &err);
}

/* net.evaluate(net, set, objective, seed) -> {loss =, sse =, ...}, the terms
 * that apply */
static int net_evaluate(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_dataset *set = lt__check_set(L, 2);
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 4);
    lt_objective objective;
    lt_terms mean = {0};
    lt_err err = {0};

    luaL_checktype(L, 3, LUA_TTABLE);
    lt__get_objective(L, 3, &objective);
    if (lt_evaluate_terms(net, set, &objective, seed, lt__pool_of(L), &mean,
                          &err) != LT_OK)
        return lt__raise(L, &err);
    lua_createtable(L, 0, 4);
    lt__set_terms(L, "", &mean);
    return 1;
}

/* ---- what a network tells ---- */

static void push_shape(lua_State *L, lt_shape shape)
{
    lua_createtable(L, shape.rank, 0);
    for (int i = 0; i < shape.rank; i++) {
        lua_pushinteger(L, shape.dim[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* net.info(net) -> {input, code, output, layers, encoder_layers, tie,
 * output_act, is_variational, parameters, trainable} */
static int net_info(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);

    lua_createtable(L, 0, 11);
    push_shape(L, lt_net_input(net));
    lua_setfield(L, -2, "input");
    push_shape(L, lt_net_code(net));
    lua_setfield(L, -2, "code");
    push_shape(L, lt_net_output(net));
    lua_setfield(L, -2, "output");
    lua_pushinteger(L, lt_net_n_layers(net));
    lua_setfield(L, -2, "layers");
    lua_pushinteger(L, lt_net_n_encoder(net));
    lua_setfield(L, -2, "encoder_layers");
    lua_pushstring(L, lt_tie_name(lt_net_tie(net)));
    lua_setfield(L, -2, "tie");
    lua_pushstring(L, lt_act_name(lt_net_output_act(net)));
    lua_setfield(L, -2, "output_act");
    lua_pushboolean(L, lt_net_is_variational(net));
    lua_setfield(L, -2, "is_variational");
    lua_pushinteger(L, (lua_Integer)lt_net_n_params(net));
    lua_setfield(L, -2, "parameters");
    lua_pushinteger(L, (lua_Integer)lt_net_n_trainable(net));
    lua_setfield(L, -2, "trainable");
    return 1;
}

static int net_summary(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    lt_text *text = lt__new_text_guard(L);
    lt_err err = {0};

    if (lt_net_summary(net, text, &err) != LT_OK)
        return lt__raise(L, &err);
    lua_pushlstring(L, lt_text_str(text), text->size);
    return 1;
}

/* net.to_json(net) -> table */
static int net_to_json(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    json_t **value = lt__new_json_guard(L);
    lt_err err = {0};

    if (lt_net_to_json(net, value, &err) != LT_OK)
        return lt__raise(L, &err);
    lt__push_json(L, *value);
    return 1;
}

static const lt_layer *check_layer(lua_State *L, const lt_net *net, int index)
{
    lua_Integer i = luaL_checkinteger(L, index);

    luaL_argcheck(L, i >= 1 && i <= lt_net_n_layers(net), index,
                  "no such layer");
    return lt_net_layer(net, (int)i - 1);
}

/* net.weight(net, layer) -> flat values in the order of the sizes that follow:
 * H, D of a dense layer, (out, in, height, width) of a convolution, only
 * how many of a normalisation's scales; nil without weights */
static int net_weight(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_layer *l = check_layer(L, net, 2);
    const lt_real *w = lt_net_params(net) + l->weight;
    size_t n = l->weight_count, rows, cols;

    if (!n) {
        lua_pushnil(L);
        return 1;
    }
    rows = (size_t)l->weight_dim[0];
    cols = n / rows;
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        size_t at = l->is_transposed ? i % cols * rows + i / cols : i;

        lua_pushnumber(L, (lua_Number)w[at]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    for (int i = 0; i < l->weight_rank; i++)
        lua_pushinteger(L, l->weight_dim[i]);
    return 1 + l->weight_rank;
}

/* net.bias(net, layer) -> values (H), or nil */
static int net_bias(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    const lt_layer *l = check_layer(L, net, 2);
    const lt_real *b = lt_net_params(net) + l->bias;

    if (!l->bias_count) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, (int)l->bias_count, 0);
    for (size_t i = 0; i < l->bias_count; i++) {
        lua_pushnumber(L, (lua_Number)b[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* net.freeze(net, "encoder" | "decoder" | layer, frozen) */
static int net_freeze(lua_State *L)
{
    lt_net *net = lt__check_net(L, 1);
    bool frozen = lua_toboolean(L, 3);
    lt_err err = {0};
    lt_status rc;

    if (lua_isinteger(L, 2))
        rc = lt_net_freeze_layer(net, (int)lua_tointeger(L, 2) - 1, frozen,
                                 &err);
    else if (strcmp(luaL_checkstring(L, 2), "encoder") == 0)
        rc = lt_net_freeze_encoder(net, frozen, &err);
    else
        rc = lt_net_freeze_decoder(net, frozen, &err);
    return rc == LT_OK ? 0 : lt__raise(L, &err);
}

static void set_names(lua_State *L, const char *field, const char *const *names,
                      int n)
{
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, field);
}

/* terms = the names of what training and evaluation tell */
static void set_terms(lua_State *L)
{
    const char *names[LT_TERM_COUNT];

    for (int i = 0; i < LT_TERM_COUNT; i++)
        names[i] = lt_term_name(i);
    set_names(L, "terms", names, LT_TERM_COUNT);
}

int lt__open_net(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"new", net_new},           {"load", net_load},
        {"save", net_save},         {"map", net_map},
        {"evaluate", net_evaluate}, {"info", net_info},
        {"summary", net_summary},   {"to_json", net_to_json},
        {"weight", net_weight},     {"bias", net_bias},
        {"freeze", net_freeze},     {NULL, NULL}};

    luaL_newlib(L, functions);
    lt__new_type(L, NET_TYPE, net_collect);
    lua_setfield(L, -2, "meta");
    set_names(L, "acts", lt_act_names(), LT_ACT_COUNT);
    set_names(L, "ties", lt_tie_names(), LT_TIE_COUNT);
    set_names(L, "inits", lt_init_names(), LT_INIT_COUNT);
    set_names(L, "losses", lt_loss_names(), LT_LOSS_COUNT);
    set_terms(L);
    return 1;
}
