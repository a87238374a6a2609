/* Passes over sparse rows; see latent/net/sparse_pass.h.
 *
 * Only the ends of the network differ from a dense pass. Layers between them
 * run as ever, on a tape that has no room for the input, the output and the
 * gradient there: at 20,000 items and 128 rows these are all but 1 % of a dense
 * tape.
 *
 * The last layer is done in one sweep over the entries, forward and back: the
 * row of the table that gives an output is still in the cache when the output's
 * error takes it back to the layer below. So dz and dh are there before the way
 * back begins. The gradient of a table is never stored: it is a sum over
 * entries of a number times a row of activations (lt_rows_gradient), and the
 * optimiser sums it as it updates the row. A tied table has both sums.
 *
 * Cost of a step: 2 width operations an entry for each of five uses: first
 * layer, its gradient, last layer, its gradient, the gradient below. */
#include "latent/net/sparse_pass.h"

#include "net/tape_int.h"

lt_status lt_net_check_sparse(const lt_net *net, lt_err *err)
{
    if (!net->is_sparse)
        return lt_err_set(err, LT_EINVAL,
                          "network: not sparse, wanted one made with sparse");
    if (lt__tie_is_derived(net->tie))
        return lt_err_set(err, LT_EINVAL,
                          "tie \"%s\": the decoder's weights are computed from "
                          "all of the encoder's; wanted tied, untied or "
                          "unrolled",
                          lt_tie_name(net->tie));
    return LT_OK;
}

/* ---- tables ---- */

static lt_table weight_table(const lt_layer *l, int items, int width)
{
    return (lt_table){l->weight, items, width, true, l->is_weight_frozen};
}

static lt_table first_table(const lt_net *net)
{
    const lt_layer *l = &net->layers[0];

    return weight_table(l, lt_shape_elements(l->in), lt_shape_elements(l->out));
}

static lt_table last_table(const lt_net *net)
{
    const lt_layer *l = &net->layers[net->n_layers - 1];

    return weight_table(l, lt_shape_elements(l->out), lt_shape_elements(l->in));
}

static lt_table bias_table(const lt_net *net)
{
    const lt_layer *l = &net->layers[net->n_layers - 1];

    return (lt_table){l->bias, lt_shape_elements(l->out), 1, false,
                      l->is_bias_frozen};
}

int lt_net_tables(const lt_net *net, lt_table out[LT_NET_TABLES])
{
    int n = 0;

    LT_ASSERT(net->is_sparse);
    out[n++] = first_table(net);
    if (!net->layers[net->n_layers - 1].is_borrowed)
        out[n++] = last_table(net);
    out[n++] = bias_table(net);
    return n;
}

/* ---- forward ---- */

lt_status lt_tape_new_sparse(lt_net *net, int batch, int64_t entries,
                             bool with_gradient, lt_pool *pool, lt_tape **out,
                             lt_err *err)
{
    LT_TRY(lt_net_check_sparse(net, err));
    LT_ASSERT(entries >= 0);
    return lt__tape_make(net, batch, entries, with_gradient, pool, out, err);
}

const lt_real *lt_net_forward_sparse(lt_net *net, lt_tape *tape,
                                     const lt_sparse_batch *x, int last)
{
    const lt_layer *l = &net->layers[0];
    int width = lt_shape_elements(l->out);

    LT_ASSERT(tape->net == net && tape->entries >= 0);
    LT_ASSERT(last > 0 && last < net->n_layers && x->rows <= tape->batch);
    lt_rows_multiply(tape->pool, x, width, net->params + l->weight, tape->y[0]);
    lt_vec_bias_act(tape->pool, l->spec.act, x->rows, width,
                    net->params + l->bias, tape->y[0]);
    return lt_net_forward(net, tape, tape->y[0], x->rows, 1, last, false);
}

double lt_net_sse_sparse(lt_net *net, lt_tape *tape, const lt_sparse_pair *pair,
                         double scale)
{
    int top = net->n_layers - 1;
    const lt_layer *l = &net->layers[top];
    bool trains = tape->has_gradient && net->lowest <= top;
    const lt_rows_output output = {
        .act = l->spec.act,
        .width = lt_shape_elements(l->in),
        .table = net->params + l->weight,
        .bias = net->params + l->bias,
        .h = lt_net_forward_sparse(net, tape, pair->x, top),
        .y = tape->sparse.y,
        .scale = (lt_real)scale,
        .dz = trains ? tape->sparse.dz : NULL,
        .dh = trains && net->lowest < top ? lt__tape_delta_of(tape, top - 1)
                                          : NULL,
    };

    LT_ASSERT(pair->x->rows == pair->target->rows);
    LT_ASSERT(pair->target->start[pair->target->rows] <= tape->entries);
    tape->sparse.pair = *pair;
    tape->sparse.n_tables = 0;
    return lt_rows_sse(tape->pool, pair->target, &output);
}

const lt_real *lt_tape_outputs(const lt_tape *tape)
{
    return tape->sparse.y;
}

/* ---- back ---- */

/* An entry more in the list of tables, whose gradient has one source. */
static void tables_add(lt__sparse_tape *s, lt_table table,
                       lt_rows_source source)
{
    if (table.is_frozen)
        return;
    s->tables[s->n_tables++] = (lt_table_gradient){
        table, {.width = table.width, .n_sources = 1, .source = {source}}};
}

/* The last layer's part, and the first one's where they share a table. */
static void tables_list(lt_tape *t, bool has_first)
{
    const lt_net *net = t->net;
    int top = net->n_layers - 1;
    lt__sparse_tape *s = &t->sparse;
    const lt_sparse_pair *p = &s->pair;
    const lt_rows_source first = {p->x, p->x->value, lt__tape_delta_of(t, 0)};
    const lt_rows_source last = {p->target, s->dz, t->y[top - 1]};
    const lt_rows_source bias = {p->target, s->dz, NULL};

    s->n_tables = 0;
    tables_add(s, last_table(net), last);
    if (net->layers[top].is_borrowed && s->n_tables) {
        lt_rows_gradient *both = &s->tables[0].rows;

        both->source[both->n_sources++] = first;
    } else if (has_first) {
        tables_add(s, first_table(net), first);
    }
    tables_add(s, bias_table(net), bias);
}

/* The first layer: its bias's gradient, and in its delta what its table's
 * gradient is made of. */
static void first_back(lt_tape *t, int rows)
{
    const lt_net *net = t->net;
    const lt_layer *l = &net->layers[0];
    size_t width = (size_t)lt_shape_elements(l->out);
    lt_real *dz = lt__tape_delta_of(t, 0);

    lt__tape_meet_code(t, rows, 0);
    lt_vec_act_grad(t->pool, l->spec.act, (size_t)rows * width, t->y[0], dz);
    if (!l->is_bias_frozen)
        lt_vec_col_sums(t->pool, rows, (int)width, dz, 0, net->grads + l->bias);
}

void lt_net_backward_sparse(lt_net *net, lt_tape *tape)
{
    const lt_sparse_pair *p = &tape->sparse.pair;
    int rows = p->x->rows, top = net->n_layers - 1;
    int lowest = net->lowest > 1 ? net->lowest : 1;

    LT_ASSERT(tape->net == net && tape->has_gradient && p->x);
    if (top - 1 >= lowest)
        lt__tape_back(tape, rows, top - 1, lowest, false);
    if (net->lowest == 0)
        first_back(tape, rows);
    tables_list(tape, net->lowest == 0);
    tape->adds_code_delta = false;
}

int lt_tape_tables(const lt_tape *tape, const lt_table_gradient **out)
{
    *out = tape->sparse.tables;
    return tape->sparse.n_tables;
}
