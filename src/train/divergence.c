/* Finding the first value that is not finite; see divergence.h.
 *
 * Nothing here runs while all is well. That something is wrong is seen without
 * looking: by the loss of a batch, which is known anyway, and by the optimiser,
 * which looks at what it writes. Then the step is still at hand, outputs on the
 * tape and gradients in the network, and is looked through in the order in
 * which it was made:
 *
 *   parameters   before the step: others than the optimiser made them so (a
 *                tie, a script)
 *   outputs      layer by layer, first to last
 *   the loss     when all outputs are finite: one of its terms
 *   gradients    last layer to first, as they are computed
 *   parameters   after the step
 *
 * What is reported is the first; a sentence adds the largest numbers of what
 * went into it, which tell an overflow from a mistake. */
#include "train/divergence.h"

#include "latent/math/vec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

void lt__divergence_say(lt_divergence *d, const char *format, ...)
{
    size_t used = strlen(d->what);
    va_list args;

    va_start(args, format);
    vsnprintf(d->what + used, sizeof d->what - used, format, args);
    va_end(args);
}

bool lt__divergence_say_bad(lt_divergence *d, const char *verb, size_t n,
                            const lt_real *x)
{
    size_t n_nan = 0, n_infinite = 0, n_bad;

    for (size_t i = 0; i < n; i++) {
        n_nan += isnan(x[i]) != 0;
        n_infinite += isinf(x[i]) != 0;
    }
    n_bad = n_nan + n_infinite;
    if (n_bad == 0)
        return false;
    lt__divergence_say(d, " %s %s", verb,
                       !n_infinite ? "NaN"
                       : !n_nan    ? "infinite"
                                   : "NaN or infinite");
    if (n_bad < n)
        lt__divergence_say(d, " in %zu of %zu values", n_bad, n);
    return true;
}

double lt__largest(size_t n, const lt_real *x)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && fabs((double)x[i]) > largest)
            largest = fabs((double)x[i]);
    return largest;
}

/* "PART layer 3 (decoder 1: dense 500, sigmoid)"; and its number. */
static void blame_layer(const lt__scene *s, const char *part, int layer,
                        lt_divergence *d)
{
    char text[LT_LAYER_TEXT];
    const lt_net *net = s->whole ? s->whole : s->net;
    int place = s->whole ? s->place[layer] : layer;

    if (place >= 0) {
        d->layer = place + 1;
        lt__divergence_say(d, "%s %s", part,
                           lt_net_layer_text(net, place, text));
    } else {
        d->layer = s->place[0] + 1;
        lt__divergence_say(d, "%s the decoder of %s", part,
                           lt_net_layer_text(net, s->place[0], text));
    }
}

/* ---- parameters, gradients, averages ---- */

static const char *part_name(const lt__scene *s, const lt_segment *g)
{
    const lt_layer *l = lt_net_layer(s->net, g->layer);
    bool is_bias = g->offset == l->bias && l->bias_count > 0;

    if (l->ops->mirror_weight == LT_MIRROR_NONE)
        return is_bias ? "shift of" : "scale of";
    return is_bias ? "biases of" : "weights of";
}

static bool blame_segment(const lt__scene *s, const lt_segment *g,
                          const lt_real *params, lt_divergence *d)
{
    const lt_real *x = params + g->offset;

    if (lt_vec_all_finite(g->count, x))
        return false;
    blame_layer(s, part_name(s, g), g->layer, d);
    return lt__divergence_say_bad(d, "are", g->count, x);
}

bool lt__blame_params(const lt__scene *s, lt_divergence *d)
{
    int n = 0;
    const lt_segment *all = lt_net_segments(s->net, &n);

    for (int i = 0; i < n; i++)
        if (blame_segment(s, &all[i], lt_net_params(s->net), d))
            return true;
    return false;
}

bool lt__blame_gradients(const lt__scene *s, lt_divergence *d)
{
    int n = 0;
    const lt_segment *all = lt_net_segments(s->net, &n);

    for (int i = n - 1; i >= 0; i--) {
        const lt_real *g = lt_net_grads(s->net) + all[i].offset;

        if (lt_vec_all_finite(all[i].count, g))
            continue;
        lt__divergence_say(d, "gradient of the ");
        blame_layer(s, part_name(s, &all[i]), all[i].layer, d);
        return lt__divergence_say_bad(d, "is", all[i].count, g);
    }
    return false;
}

bool lt__blame_state(const lt__scene *s, lt_divergence *d)
{
    for (int i = 0; i < lt_net_n_layers(s->net); i++) {
        const lt_layer *l = lt_net_layer(s->net, i);
        const lt_real *x = lt_net_state(s->net) + l->state;

        if (lt_vec_all_finite(l->state_count, x))
            continue;
        blame_layer(s, "moving averages of", i, d);
        return lt__divergence_say_bad(d, "are", l->state_count, x);
    }
    return false;
}

/* ---- outputs ---- */

/* "; its weights reach 3e+04, its input 1e+35"; of the finite numbers, and
 * what is not. */
static void say_size(const char *before, const char *name, size_t n,
                     const lt_real *x, lt_divergence *d)
{
    lt__divergence_say(d, "%s its %s", before, name);
    if (lt_vec_all_finite(n, x))
        lt__divergence_say(d, " reach%s %.2g",
                           name[strlen(name) - 1] == 's' ? "" : "es",
                           lt__largest(n, x));
    else
        lt__divergence_say_bad(d, name[strlen(name) - 1] == 's' ? "are" : "is",
                               n, x);
}

static void say_own(const lt__scene *s, const lt_layer *l, lt_divergence *d)
{
    if (l->weight_count > 0)
        say_size(";", "weights", l->weight_count,
                 lt_net_params(s->net) + l->weight, d);
    if (l->state_count > 0)
        say_size(",", "moving averages", l->state_count,
                 lt_net_state(s->net) + l->state, d);
}

bool lt__blame_output_of(const lt__scene *s, const lt__blame_output *o,
                         lt_divergence *d)
{
    const lt_layer *l = lt_net_layer(s->net, o->layer);

    if (lt_vec_all_finite(o->n, o->y))
        return false;
    blame_layer(s, "output of", o->layer, d);
    lt__divergence_say_bad(d, "is", o->n, o->y);
    say_own(s, l, d);
    if (o->x)
        say_size(l->weight_count > 0 ? "," : ";", "input", o->n_x, o->x, d);
    return true;
}

static size_t elements(const lt__scene *s, lt_shape shape)
{
    return (size_t)s->rows * (size_t)lt_shape_elements(shape);
}

/* A code's divergence can overflow where its mean and sample do not. */
static bool blame_code(const lt__scene *s, lt_divergence *d)
{
    if (isfinite(lt_tape_kl(s->tape)))
        return false;
    blame_layer(s, "divergence from N(0,1) of", lt_net_n_encoder(s->net) - 1,
                d);
    lt__divergence_say(d, " is %s",
                       isnan(lt_tape_kl(s->tape)) ? "NaN" : "infinite");
    return true;
}

void lt__scene_set_output(lt__scene *s, const lt_tape *tape)
{
    s->y = lt_tape_activation(tape, lt_net_n_layers(s->net) - 1);
    s->n_y = elements(s, lt_net_output(s->net));
}

bool lt__blame_outputs(const lt__scene *s, lt_divergence *d)
{
    int last = lt_net_n_layers(s->net) - 1;

    for (int i = 0; i <= last; i++) {
        const lt_layer *l = lt_net_layer(s->net, i);
        lt__blame_output o = {
            .layer = i,
            .y = lt_tape_activation(s->tape, i),
            .x = i > 0 ? lt_tape_activation(s->tape, i - 1) : s->x,
            .n = elements(s, l->out),
            .n_x = elements(s, l->in),
        };

        if (i == last) {
            o.y = s->y;
            o.n = s->n_y;
        }
        if (lt__blame_output_of(s, &o, d))
            return true;
        if (i == lt_net_n_encoder(s->net) - 1 && blame_code(s, d))
            return true;
    }
    return false;
}

bool lt__blame_layers(const lt__scene *s, lt_tape *tape, int last, bool logits,
                      lt_divergence *d)
{
    const lt_real *x = s->x;

    for (int i = 0; i < last; i++) {
        const lt_layer *l = lt_net_layer(s->net, i);
        const lt_real *y =
            lt_net_forward(s->net, tape, x, s->rows, i, i + 1, logits);
        const lt__blame_output o = {i, y, x, elements(s, l->out),
                                    elements(s, l->in)};

        if (lt__blame_output_of(s, &o, d))
            return true;
        x = y;
    }
    return false;
}

/* ---- the loss, and the end ---- */

/* The layer whose output a term of the loss is computed from; -1: none. */
static int term_layer(const lt_net *net, const char *term)
{
    static const char *const of_code[] = {"kl", "code_l1", "sparsity"};

    if (strcmp(term, "recon") == 0 || strcmp(term, "sse") == 0)
        return lt_net_n_layers(net) - 1;
    for (size_t i = 0; i < sizeof of_code / sizeof *of_code; i++)
        if (strcmp(term, of_code[i]) == 0)
            return lt_net_n_encoder(net) - 1;
    return -1;
}

static const char *bad_term(const lt_sums *sums)
{
    for (int i = 0; i < LT_TERM_COUNT; i++)
        if (!isfinite(lt_term_value(&sums->total, i)))
            return lt_term_name(i);
    return NULL;
}

void lt__blame_loss(const lt__scene *s, const lt_sums *sums, lt_divergence *d)
{
    const char *term = bad_term(sums);
    int last = lt_net_n_layers(s->net) - 1;
    int layer = term ? term_layer(s->net, term) : -1;

    lt__divergence_say(d, "the loss is not finite");
    if (term)
        lt__divergence_say(d, ", by its term %s", term);
    else
        lt__divergence_say(d,
                           ", but each of its terms is: one weighs too much");
    if (layer >= 0)
        blame_layer(s, " of", layer, d);
    if (layer == last && s->y)
        lt__divergence_say(d, "; its output reaches %.2g",
                           lt__largest(s->n_y, s->y));
}

lt_status lt__diverged(const lt_observer *o, const lt_divergence *d, int epoch,
                       lt_err *err)
{
    lt_observe_divergence(o, d);
    return lt_err_set(err, LT_EDIVERGED,
                      "diverged at step %" PRId64 " (epoch %d): %s", d->step,
                      epoch, d->what);
}
