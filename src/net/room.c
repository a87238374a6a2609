/* What penalties keep on a tape, so that a step allocates nothing.
 *
 * One block, laid out twice: first to count, then to point into it. Codes and
 * the activations that a Jacobian depends on outlive the forward pass on a tape
 * with gradient; another tape, which has two buffers for all layers, gets
 * buffers of their own for them here.
 *
 * Memory: the contractive penalty wants the encoder's activations twice more,
 * two of the widest layer's, and the encoder's weights again unless it has one
 * layer only; orthogonality the square of the smaller side of the weight where
 * that is largest. */
#include "net/penalty_int.h"

#include "latent/base/mem.h"

#define ALIGNMENT 16 /* elements: a cache line of floats */

typedef struct layout {
    const lt_objective *o;
    lt_tape *tape;
    lt__room *room;
    lt_real *base; /* NULL: only counts */
    size_t used;
} layout;

/* The next n elements of the block. */
static lt_real *layout_take(layout *s, size_t n)
{
    size_t at = s->used;

    s->used += (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return s->base ? s->base + at : NULL;
}

static size_t elements_out(const lt_net *net, int index)
{
    return (size_t)lt_shape_elements(net->layers[index].out);
}

static size_t encoder_widest(const lt_net *net)
{
    size_t widest = (size_t)lt_shape_elements(net->input);

    for (int i = 0; i < net->n_encoder; i++)
        if (elements_out(net, i) > widest)
            widest = elements_out(net, i);
    return widest;
}

/* Activations that must outlive the pass. */
static void layout_activations(layout *s)
{
    lt_tape *t = s->tape;
    int last = t->net->n_encoder;
    int first = s->o->contractive > 0                     ? 0
                : s->o->code_l1 > 0 || s->o->sparsity > 0 ? last - 1
                                                          : last;

    if (t->has_gradient)
        return;
    for (int i = first; i < last; i++) {
        lt_real *y = layout_take(s, (size_t)t->batch * elements_out(t->net, i));

        if (s->base)
            t->y[i] = y;
    }
}

static size_t encoder_params(const lt_net *net)
{
    const lt_layer *l = &net->layers[net->n_encoder - 1];

    return l->bias + l->bias_count;
}

static void layout_contractive(layout *s)
{
    const lt_net *net = s->tape->net;
    size_t rows = (size_t)s->tape->batch;
    bool learns = s->tape->has_gradient;

    if (!(s->o->contractive > 0))
        return;
    for (int i = 0; i < net->n_encoder; i++) {
        bool bends = learns && lt_act_is_curved(net->layers[i].spec.act);

        s->room->slope[i] = layout_take(s, rows * elements_out(net, i));
        s->room->bend[i] =
            bends ? layout_take(s, rows * elements_out(net, i)) : NULL;
    }
    for (int i = 0; i < 2; i++)
        s->room->tangent[i] = layout_take(s, rows * encoder_widest(net));
    if (learns && lt__contractive_only(net) < 0)
        s->room->grads = layout_take(s, encoder_params(net));
}

static size_t gram_elements(const lt_net *net)
{
    size_t most = 0;
    int m, n;

    for (int i = 0; i < net->n_encoder; i++)
        if (lt__weight_matrix(&net->layers[i], &m, &n)) {
            size_t side = (size_t)(m < n ? m : n);

            most = side * side > most ? side * side : most;
        }
    return most;
}

static size_t layout_all(layout *s)
{
    const lt_net *net = s->tape->net;

    s->used = 0;
    layout_activations(s);
    layout_contractive(s);
    s->room->units = layout_take(s, 2 * encoder_widest(net));
    if (s->o->orthogonality > 0)
        s->room->gram = layout_take(s, gram_elements(net));
    return s->used;
}

static lt_status room_make(layout *s)
{
    size_t n = (size_t)s->tape->net->n_encoder;
    lt__room *room = s->room;

    room->lists = lt_mem_zero(2 * n, sizeof *room->lists);
    if (!room->lists)
        return LT_ENOMEM;
    room->slope = room->lists;
    room->bend = room->lists + n;
    room->block = lt_mem_aligned(layout_all(s), sizeof *room->block);
    if (!room->block)
        return LT_ENOMEM;
    s->base = room->block;
    layout_all(s);
    return LT_OK;
}

lt_status lt_objective_reserve(const lt_objective *o, lt_tape *tape,
                               lt_err *err)
{
    layout s = {.o = o, .tape = tape};

    LT_ASSERT(!tape->room);
    if (!lt__penalty_is_any(o))
        return LT_OK;
    s.room = lt_mem_zero(1, sizeof *s.room);
    if (!s.room || room_make(&s) != LT_OK) {
        lt__room_free(s.room);
        return lt_err_set(err, LT_ENOMEM,
                          "penalties on a batch of %d: out of memory",
                          tape->batch);
    }
    tape->room = s.room;
    return LT_OK;
}

void lt__room_free(lt__room *room)
{
    if (!room)
        return;
    lt_mem_free(room->block);
    lt_mem_free(room->lists);
    lt_mem_free(room);
}
