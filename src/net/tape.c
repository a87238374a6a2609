/* Forward and backward passes over a tape: all activations of one batch, what
 * layers keep for their way back, one shared workspace and two buffers of
 * deltas, in one block made once. A pass allocates nothing.
 *
 * Going back, deltas swap between the two buffers: the gradient at a layer's
 * input is written while the one at its output is still read. A tape without
 * gradient has two activation buffers in the same manner.
 *
 * A tape over sparse rows (sparse_pass.c) has no input and no last output.
 *
 * Memory with gradient: B times (input + all layers' outputs + the widest
 * outputs of even and of odd layers); 784-1000-500-250-30 mirrored at B = 100:
 * 2.8 MB in float. */
#include "net/tape_int.h"

#include "latent/base/mem.h"
#include "latent/math/vec.h"

#include <math.h>
#include <string.h>

#define ALIGNMENT 16 /* elements: a cache line of floats */

/* Columns of a layer's output, where the tape has room for it. */
static size_t tape_width(const lt_tape *t, int layer)
{
    if (t->entries >= 0 && layer == t->net->n_layers - 1)
        return 0;
    return (size_t)lt_shape_elements(t->net->layers[layer].out);
}

/* The next `rows` times `width` elements of the block. */
static size_t tape_take(size_t *used, size_t rows, size_t width)
{
    size_t offset = *used;

    *used += (rows * width + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return offset;
}

/* Widest output of layers `from`, from + 2, ... */
static size_t tape_widest(const lt_tape *t, int from)
{
    size_t widest = 0;

    for (int i = from; i < t->net->n_layers; i += 2)
        if (tape_width(t, i) > widest)
            widest = tape_width(t, i);
    return widest;
}

static size_t layer_need(const lt_tape *t, int index, bool keeps)
{
    const lt_layer *l = &t->net->layers[index];
    size_t (*size)(const lt_layer *, int, bool) =
        keeps ? l->ops->keep_size : l->ops->work_size;

    return size ? size(l, t->batch, t->has_gradient) : 0;
}

/* What layers keep, what one call needs, and the code's own gradient. */
static size_t tape_layout_rest(lt_tape *t, lt_real *base, size_t used)
{
    const lt_net *net = t->net;
    size_t offset, most = 0;

    for (int i = 0; i < net->n_layers; i++) {
        size_t work = layer_need(t, i, false);

        offset = tape_take(&used, 1, layer_need(t, i, true));
        t->keep[i] = base ? base + offset : NULL;
        most = work > most ? work : most;
    }
    offset = tape_take(&used, 1, most);
    t->work = base ? base + offset : NULL;
    offset = tape_take(&used, t->has_gradient ? (size_t)t->batch : 0,
                       tape_width(t, net->n_encoder - 1));
    t->code_delta = base ? base + offset : NULL;
    if (t->entries < 0)
        return used;
    offset = tape_take(&used, 1, (size_t)t->entries);
    t->sparse.y = base ? base + offset : NULL;
    offset = tape_take(&used, 1, t->has_gradient ? (size_t)t->entries : 0);
    t->sparse.dz = base ? base + offset : NULL;
    return used;
}

/* Lays the buffers out; with `base` NULL only counts. Returns the elements.
 * delta[0] serves the last layer, the one two below, ... */
static size_t tape_layout(lt_tape *t, lt_real *base)
{
    const lt_net *net = t->net;
    size_t rows = (size_t)t->batch, used = 0, offset;
    size_t shared[2] = {0, 0};

    if (t->entries < 0) {
        offset = tape_take(&used, rows, (size_t)lt_shape_elements(net->input));
        t->input = base ? base + offset : NULL;
    }
    for (int i = 0; i < 2; i++) {
        int parity = (net->n_layers - 1 - i) & 1;
        size_t width = tape_widest(t, t->has_gradient ? parity : i);

        shared[i] = tape_take(&used, rows, width);
        t->delta[i] = base && t->has_gradient ? base + shared[i] : NULL;
    }
    for (int i = 0; i < net->n_layers; i++) {
        offset = t->has_gradient ? tape_take(&used, rows, tape_width(t, i))
                                 : shared[i & 1];
        t->y[i] = base ? base + offset : NULL;
    }
    return tape_layout_rest(t, base, used);
}

static bool tape_take_units(lt_tape *t, const lt_net *net)
{
    int units = lt_shape_elements(lt_net_code(net));

    t->unit_sums = lt_mem_zero(2 * (size_t)units, sizeof *t->unit_sums);
    return t->unit_sums != NULL;
}

lt_status lt__tape_make(lt_net *net, int batch, int64_t entries,
                        bool with_gradient, lt_pool *pool, lt_tape **out,
                        lt_err *err)
{
    lt_tape *t;

    LT_ASSERT(out && !*out);
    if (batch < 1)
        return lt_err_set(err, LT_EINVAL, "batch of %d rows, wanted at least 1",
                          batch);
    t = lt_mem_zero(1, sizeof *t);
    if (!t || !(t->y = lt_mem_zero((size_t)net->n_layers, sizeof *t->y)) ||
        !(t->keep = lt_mem_zero((size_t)net->n_layers, sizeof *t->keep)) ||
        (lt_net_is_variational(net) && !tape_take_units(t, net))) {
        lt_tape_free(t);
        return lt_err_mark(err, LT_ENOMEM);
    }
    t->net = net;
    t->pool = pool;
    t->batch = batch;
    t->entries = entries;
    t->has_gradient = with_gradient;
    t->block = lt_mem_aligned(tape_layout(t, NULL), sizeof *t->block);
    if (!t->block) {
        lt_tape_free(t);
        return lt_err_set(err, LT_ENOMEM,
                          "activations of a batch of %d: out of memory", batch);
    }
    tape_layout(t, t->block);
    *out = t;
    return LT_OK;
}

lt_status lt_tape_new(lt_net *net, int batch, bool with_gradient, lt_pool *pool,
                      lt_tape **out, lt_err *err)
{
    return lt__tape_make(net, batch, -1, with_gradient, pool, out, err);
}

void lt_tape_free(lt_tape *tape)
{
    if (!tape)
        return;
    lt__room_free(tape->room);
    lt_mem_free(tape->block);
    lt_mem_free(tape->y);
    lt_mem_free(tape->keep);
    lt_mem_free(tape->unit_sums);
    lt_mem_free(tape);
}

int lt_tape_batch(const lt_tape *tape)
{
    return tape->batch;
}

lt_real *lt_tape_input(lt_tape *tape)
{
    return tape->input;
}

lt_real *lt_tape_delta(lt_tape *tape)
{
    return tape->delta[0];
}

void lt_tape_draw(lt_tape *tape, uint64_t seed, int64_t step)
{
    tape->seed = seed;
    tape->step = step;
}

void lt_tape_set_sampling(lt_tape *tape, bool samples)
{
    tape->samples = samples;
}

const lt_real *lt_tape_activation(const lt_tape *tape, int index)
{
    LT_ASSERT(index >= 0 && index < tape->net->n_layers);
    return tape->y[index];
}

double lt_tape_kl(const lt_tape *tape)
{
    return tape->kl;
}

void lt_tape_clear_units(lt_tape *tape)
{
    tape->unit_rows = 0;
    if (tape->unit_sums)
        memset(tape->unit_sums, 0,
               2 * tape_width(tape, tape->net->n_encoder - 1) *
                   sizeof *tape->unit_sums);
}

double lt_tape_active_units(const lt_tape *tape)
{
    const double least = 0.01, *sums = tape->unit_sums; /* Burda et al. 2016 */
    size_t units = tape_width(tape, tape->net->n_encoder - 1);
    double active = 0;

    if (!sums || !(tape->unit_rows > 0))
        return NAN;
    for (size_t i = 0; i < units; i++) {
        double mean = sums[i] / tape->unit_rows;

        active += sums[units + i] / tape->unit_rows - mean * mean > least;
    }
    return active;
}

void lt_tape_snapshot(lt_tape *t, const char *prefix, lt_snapshot *out)
{
    size_t units = tape_width(t, t->net->n_encoder - 1);

    if (!t->unit_sums)
        return;
    LT_SNAPSHOT_ADD(out, prefix, "units", t->unit_sums, 2 * units);
    LT_SNAPSHOT_ADD(out, prefix, "unit_rows", &t->unit_rows, 1);
}

lt_real *lt_tape_code_delta(lt_tape *tape)
{
    return tape->code_delta;
}

void lt_tape_add_code_delta(lt_tape *tape)
{
    tape->adds_code_delta = true;
}

void lt_tape_set_kl_scale(lt_tape *tape, double scale)
{
    tape->kl_scale = scale;
}

/* What layer `index` sees of a pass. */
static void pass_enter(const lt_tape *t, int index, lt_pass *p)
{
    int partner = t->net->layers[index].mirror_of;

    p->keep = t->keep[index];
    p->partner = partner >= 0 ? t->keep[partner] : NULL;
}

static lt_pass pass_make(const lt_tape *t, int rows)
{
    return (lt_pass){.pool = t->pool,
                     .params = t->net->params,
                     .state = t->net->state,
                     .work = t->work,
                     .rows = rows,
                     .is_training = t->has_gradient,
                     .samples = t->samples || t->has_gradient,
                     .seed = t->seed,
                     .step = t->step};
}

lt_pass lt__tape_pass(const lt_tape *tape, int rows, int index)
{
    lt_pass p = pass_make(tape, rows);

    pass_enter(tape, index, &p);
    return p;
}

const lt_real *lt__tape_received(const lt_tape *tape, int index)
{
    return index ? tape->y[index - 1] : tape->x;
}

const lt_real *lt_net_forward(lt_net *net, lt_tape *tape, const lt_real *x,
                              int rows, int first, int last, bool logits)
{
    lt_pass pass = pass_make(tape, rows);

    LT_ASSERT(tape->net == net && rows > 0 && rows <= tape->batch);
    LT_ASSERT(first >= 0 && first <= last && last <= net->n_layers);
    tape->x = x;
    tape->kl = 0;
    pass.kl = &tape->kl;
    pass.unit_sums = tape->unit_sums;
    if (first < net->n_encoder && last >= net->n_encoder)
        tape->unit_rows += rows;
    for (int i = first; i < last; i++) {
        const lt_layer *l = &net->layers[i];

        pass.skips_act = logits && i == net->n_layers - 1;
        pass_enter(tape, i, &pass);
        l->ops->forward(l, &pass, x, tape->y[i]);
        x = tape->y[i];
    }
    return x;
}

lt_real *lt__tape_delta_of(const lt_tape *tape, int index)
{
    return tape->delta[(tape->net->n_layers - 1 - index) & 1];
}

void lt__tape_meet_code(const lt_tape *tape, int rows, int index)
{
    if (index == tape->net->n_encoder - 1 && tape->adds_code_delta)
        lt_vec_axpby(tape->pool, (size_t)rows * tape_width(tape, index), 1,
                     tape->code_delta, 1, lt__tape_delta_of(tape, index));
}

/* Penalties' own gradient at the pre-activation: dy becomes the whole. */
static void tape_meet_bend(const lt_tape *t, int index, lt_pass *p)
{
    const lt_net *net = t->net;
    const lt_real *bend =
        t->bend && index < net->n_encoder ? t->bend[index] : NULL;
    lt_real *dy = lt__tape_delta_of(t, index);
    size_t n = (size_t)p->rows * tape_width(t, index);

    if (!bend)
        return;
    lt_vec_act_grad(t->pool, net->layers[index].spec.act, n, t->y[index], dy);
    lt_vec_axpby(t->pool, n, 1, bend, 1, dy);
    p->skips_act = true;
}

void lt__tape_back(lt_tape *tape, int rows, int from, int to, bool logits)
{
    lt_net *net = tape->net;
    lt_pass pass = pass_make(tape, rows);

    pass.grads = net->grads;
    pass.kl_scale = (lt_real)tape->kl_scale;
    for (int i = from; i >= to; i--) {
        const lt_layer *l = &net->layers[i];

        lt__tape_meet_code(tape, rows, i);
        pass.skips_act = logits && i == net->n_layers - 1;
        pass_enter(tape, i, &pass);
        tape_meet_bend(tape, i, &pass);
        l->ops->backward(l, &pass, lt__tape_received(tape, i), tape->y[i],
                         lt__tape_delta_of(tape, i),
                         i > net->lowest ? lt__tape_delta_of(tape, i - 1)
                                         : NULL);
    }
}

void lt_net_backward(lt_net *net, lt_tape *tape, int rows, bool logits)
{
    LT_ASSERT(tape->net == net && tape->has_gradient && tape->x);
    LT_ASSERT(rows > 0 && rows <= tape->batch);
    lt__tape_back(tape, rows, net->n_layers - 1, net->lowest, logits);
    tape->adds_code_delta = false;
    tape->bend = NULL;
}
