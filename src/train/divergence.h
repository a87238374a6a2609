/* Where a number that is not finite came from, once there is one. */
#ifndef LT_TRAIN_DIVERGENCE_H
#define LT_TRAIN_DIVERGENCE_H

#include "latent/base/observer.h"
#include "latent/net/objective.h"

/* A network, and the pass that is looked at. */
typedef struct lt__scene {
    lt_net *net;
    /* With a pass: a tape with gradient, or one over sparse rows. */
    const lt_tape *tape;
    int rows;
    const lt_real *x; /* (rows, D); NULL: not at hand */
    const lt_real *y; /* (n_y), the last layer's output */
    size_t n_y;
    /* Where `net` is a part of another, for its layers' names and numbers: */
    const lt_net *whole;
    const int *place; /* its layers there, from 0; -1: it has no such layer */
} lt__scene;

/* Each looks at one kind of thing, in the order in which a step makes them;
 * true when it fills layer and what. They cost a read of all they look at. */
bool lt__blame_params(const lt__scene *s, lt_divergence *d);
bool lt__blame_outputs(const lt__scene *s, lt_divergence *d);
bool lt__blame_gradients(const lt__scene *s, lt_divergence *d);
bool lt__blame_state(const lt__scene *s, lt_divergence *d);

/* The outputs of layers [0, last), which are run again one by one on `tape`:
 * one without gradient, which keeps the last two. */
bool lt__blame_layers(const lt__scene *s, lt_tape *tape, int last, bool logits,
                      lt_divergence *d);

/* One layer's output y (n), with what came in, x (n_x) or NULL. */
typedef struct lt__blame_output {
    int layer;
    const lt_real *y, *x;
    size_t n, n_x;
} lt__blame_output;
bool lt__blame_output_of(const lt__scene *s, const lt__blame_output *o,
                         lt_divergence *d);

/* The loss alone: the term that is not finite, of finite outputs that are too
 * large for it. */
void lt__blame_loss(const lt__scene *s, const lt_sums *sums, lt_divergence *d);

/* The last layer's output on a tape that has it: s->y. */
void lt__scene_set_output(lt__scene *s, const lt_tape *tape);

/* Adds to d->what. */
void lt__divergence_say(lt_divergence *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same: "is NaN in 3 of 80 values", or "are ..."; false, and nothing said,
 * when all of x is finite. */
bool lt__divergence_say_bad(lt_divergence *d, const char *verb, size_t n,
                            const lt_real *x);

/* The largest of the finite |x|. */
double lt__largest(size_t n, const lt_real *x);

/* Tells the observer; EDIVERGED: "diverged at step 812 (epoch 3): WHAT". */
lt_status lt__diverged(const lt_observer *o, const lt_divergence *d, int epoch,
                       lt_err *err);

#endif
