/* Newton's method with conjugate gradients; see newton.h.
 *
 * A direction s solves H s = -g by conjugate gradients, the more exactly the
 * smaller the gradient: to min(1/2, sqrt(|g| / |g0|)) |g|, which makes the
 * convergence faster than linear (Nocedal and Wright 2006, section 7.1). Steps
 * are halved until the value falls by 1e-4 of what the slope promises. Where H
 * is singular (softmax: one number added to all biases) g has no part, and
 * conjugate gradients never enter it. */
#include "train/newton.h"

#include "latent/base/mem.h"

#include <math.h>
#include <string.h>

#define PRODUCTS 500 /* for one direction, at most */
#define HALVINGS 20
#define ARMIJO   1e-4

typedef struct search {
    const lt__newton *m;
    double *w, *block;
    double *gradient, *step, *trial;
    double *residual, *direction, *product; /* of conjugate gradients */
    double value, first;                    /* at w; the first |gradient| */
} search;

static double dot(size_t n, const double *a, const double *b)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* y += a x */
static void add(size_t n, double a, const double *x, double *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static double length(size_t n, const double *a)
{
    return sqrt(dot(n, a, a));
}

static lt_status search_poll(const search *s, double gradient, lt_err *err)
{
    double whole = log(s->first / s->m->tolerance);
    double done = log(s->first / gradient) / whole;

    return s->m->poll(s->m->self, done > 0 && done < 1 ? done : 0, err);
}

/* step = -H^-1 gradient, until what is left is `wanted` long. */
static lt_status step_find(search *s, double wanted, lt_err *err)
{
    size_t n = s->m->size;
    double squares, gradient = length(n, s->gradient);

    memset(s->step, 0, n * sizeof *s->step);
    for (size_t i = 0; i < n; i++)
        s->residual[i] = s->direction[i] = -s->gradient[i];
    squares = dot(n, s->residual, s->residual);
    for (int i = 0; i < PRODUCTS && sqrt(squares) > wanted; i++) {
        double curvature, before = squares;

        LT_TRY(search_poll(s, gradient, err));
        s->m->product(s->m->self, s->direction, s->product);
        curvature = dot(n, s->direction, s->product);
        if (!(curvature > 0))
            break;
        add(n, before / curvature, s->direction, s->step);
        add(n, -before / curvature, s->product, s->residual);
        squares = dot(n, s->residual, s->residual);
        for (size_t k = 0; k < n; k++)
            s->direction[k] =
                s->residual[k] + squares / before * s->direction[k];
    }
    return LT_OK;
}

/* Moves w along the step; false when the value does not fall. */
static bool step_take(search *s)
{
    size_t n = s->m->size;
    double slope = dot(n, s->gradient, s->step), share = 1;
    double noise = s->m->noise * (1 + fabs(s->value));

    for (int i = 0; i < HALVINGS; i++, share /= 2) {
        double value;

        memcpy(s->trial, s->w, n * sizeof *s->w);
        add(n, share, s->step, s->trial);
        value = s->m->value(s->m->self, s->trial, s->product);
        if (value <= s->value + ARMIJO * share * slope + noise) {
            memcpy(s->w, s->trial, n * sizeof *s->w);
            memcpy(s->gradient, s->product, n * sizeof *s->w);
            s->value = value;
            return true;
        }
    }
    return false;
}

static lt_status search_run(search *s, lt__newton_result *out, lt_err *err)
{
    size_t n = s->m->size;
    double size;

    s->value = s->m->value(s->m->self, s->w, s->gradient);
    size = s->first = length(n, s->gradient);
    while (size > s->m->tolerance && out->iterations < s->m->iterations) {
        double ratio = sqrt(size / s->first);

        LT_TRY(step_find(s, (ratio < 0.5 ? ratio : 0.5) * size, err));
        if (!step_take(s))
            break;
        size = length(n, s->gradient);
        out->iterations++;
    }
    out->value = s->value;
    out->gradient = size;
    out->is_converged = size <= s->m->tolerance;
    return LT_OK;
}

lt_status lt__newton_run(const lt__newton *m, double *w, lt__newton_result *out,
                         lt_err *err)
{
    search s = {.m = m, .w = w};
    lt_status rc;

    *out = (lt__newton_result){0};
    s.block = lt_mem_zero(6 * m->size, sizeof *s.block);
    if (!s.block)
        return lt_err_mark(err, LT_ENOMEM);
    s.gradient = s.block;
    s.step = s.gradient + m->size;
    s.trial = s.step + m->size;
    s.residual = s.trial + m->size;
    s.direction = s.residual + m->size;
    s.product = s.direction + m->size;
    rc = search_run(&s, out, err);
    lt_mem_free(s.block);
    return rc;
}
