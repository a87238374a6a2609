/* Objectives of small networks: gradients against central differences. */
#ifndef LT_OBJECTIVE_FIXTURE_H
#define LT_OBJECTIVE_FIXTURE_H

#include "net_fixture.h"

#include "latent/base/mem.h"
#include "latent/net/objective.h"

#include <stdio.h>

/* A network with its tape, a batch and what it should give. */
typedef struct subject {
    lt_objective objective;
    lt_net *net;
    lt_tape *tape;
    int rows;
    lt_real *x, *target; /* (rows, D) */
    size_t n;            /* rows D */
    lt_pool *pool;       /* or NULL */
} subject;

__attribute__((unused)) static lt_net *subject_net(const lt_net_spec *spec)
{
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

/* Parameters away from 0, a batch in (0,1), the same as target. */
__attribute__((unused)) static subject
subject_make(const lt_objective *o, const lt_net_spec *spec, int rows)
{
    subject s = {.objective = *o, .rows = rows};
    lt_err err = {0};

    s.net = subject_net(spec);
    fixture_shake(s.net, 0.6, 17);
    if (lt_objective_check(o, s.net, &err) != LT_OK)
        fail_msg("%s", err.text);
    s.tape = fixture_tape(s.net, rows, true, NULL);
    assert_int_equal(lt_objective_reserve(o, s.tape, NULL), LT_OK);
    s.n = (size_t)rows * (size_t)lt_shape_elements(lt_net_input(s.net));
    s.x = lt_tape_input(s.tape);
    s.target = lt_mem_zero(s.n, sizeof *s.target);
    fixture_batch(s.n, s.x, 5);
    memcpy(s.target, s.x, s.n * sizeof *s.x);
    lt_tape_draw(s.tape, 9, 3);
    return s;
}

__attribute__((unused)) static void subject_free(subject *s)
{
    lt_tape_free(s->tape);
    lt_net_free(s->net);
    lt_mem_free(s->target);
}

/* The batch's terms, in training; fills the network's gradient. */
__attribute__((unused)) static lt_terms subject_terms(const subject *s)
{
    lt_sums sums;

    lt_objective_gradient(&s->objective, s->net, s->tape, s->pool, s->rows,
                          s->x, s->target, &sums);
    return lt_sums_mean(&s->objective, s->net, &sums);
}

__attribute__((unused)) static double subject_loss(const subject *s)
{
    return subject_terms(s).loss;
}

/* 0 where both are rounding errors of the differences. */
__attribute__((unused)) static double
subject_difference(size_t n, const lt_real *a, const lt_real *b)
{
    double size = 0;

    for (size_t i = 0; i < n; i++)
        size += fabs((double)a[i]) + fabs((double)b[i]);
    return size < 1e-9 ? 0 : fixture_difference(n, a, b);
}

/* Weights that a tie computes count as constants, as they do in training. */
__attribute__((unused)) static void subject_check(const subject *s,
                                                  const char *what)
{
    const double step = 1e-5;
    size_t n = lt_net_n_params(s->net);
    lt_real *found = lt_mem_zero(n, sizeof *found);
    lt_real *wanted = lt_mem_zero(n, sizeof *wanted);
    int n_segments = 0;
    const lt_segment *segments = lt_net_segments(s->net, &n_segments);

    assert_true(isfinite(subject_loss(s)));
    memcpy(found, lt_net_grads(s->net), n * sizeof *found);
    for (int k = 0; k < n_segments; k++) {
        size_t first = segments[k].offset, count = segments[k].count;
        double difference;

        for (size_t i = first; !segments[k].is_frozen && i < first + count;
             i++) {
            lt_real *w = lt_net_params(s->net) + i, old = *w;
            double above, below;

            *w = old + (lt_real)step;
            above = subject_loss(s);
            *w = old - (lt_real)step;
            below = subject_loss(s);
            *w = old;
            wanted[i] = (lt_real)((above - below) / (2 * step));
        }
        difference = subject_difference(count, found + first, wanted + first);
        if (!(difference < 1e-6))
            fail_msg("%s: layer %d %s: relative error %g", what,
                     segments[k].layer,
                     segments[k].is_weight ? "weight" : "bias", difference);
    }
    lt_mem_free(found);
    lt_mem_free(wanted);
}

#endif
