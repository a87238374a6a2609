/* Two equal sparse networks, of which one learns from sparse rows and the other
 * from the same rows as dense arrays. */
#ifndef LT_SPARSE_TWIN_H
#define LT_SPARSE_TWIN_H

#include "net_fixture.h"
#include "sparse_fixture.h"

#include "latent/net/objective.h"
#include "latent/opt/optimizer.h"

#include <stdio.h>

enum { TWIN_ITEMS = 37, TWIN_USERS = 60, TWIN_ROWS = 9 };

/* What differs from one twin to another. */
typedef struct twin_plan {
    const char *name;
    lt_layer_spec encoder[4];
    int n_encoder;
    lt_act output;
    lt_tie tie;
    bool has_target; /* targets are other entries than the inputs */
    int freeze;      /* layer from 1, 0: none */
    lt_pool *pool;
} twin_plan;

typedef struct twin {
    twin_plan plan;
    lt_sparse inputs, targets; /* (users, items) */
    lt_net *net[2];            /* sparse way, dense way */
    lt_tape *tape[2];
    lt_opt *opt[2];
    lt_sparse_batch *x, *t; /* t is x unless has_target */
    lt_real *target;        /* (rows, items) */
    lt_objective objective;
    int steps;
} twin;

static inline lt_net *twin_net(const twin_plan *p)
{
    const lt_net_spec spec = {.input = lt_shape_flat(TWIN_ITEMS),
                              .encoder = p->encoder,
                              .n_encoder = p->n_encoder,
                              .output = p->output,
                              .tie = p->tie,
                              .seed = 5,
                              .is_sparse = true};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s: %s", p->name, err.text);
    fixture_shake(net, 0.3, 4);
    if (p->freeze)
        assert_int_equal(lt_net_freeze_layer(net, p->freeze - 1, true, NULL),
                         LT_OK);
    return net;
}

static inline void twin_make(twin *s, const twin_plan *p,
                             const lt_opt_spec *opt)
{
    *s = (twin){.plan = *p,
                .inputs = sparse_random(TWIN_USERS, TWIN_ITEMS, 0.1, 3),
                .targets = sparse_random(TWIN_USERS, TWIN_ITEMS, 0.15, 8),
                .objective = lt_objective_of(LT_LOSS_MASKED_MSE)};
    int64_t most = lt_sparse_most_entries(&s->targets, TWIN_ROWS);

    if (!p->has_target)
        most = lt_sparse_most_entries(&s->inputs, TWIN_ROWS);
    for (int i = 0; i < 2; i++)
        s->net[i] = twin_net(p);
    assert_int_equal(lt_tape_new_sparse(s->net[0], TWIN_ROWS, most, true,
                                        p->pool, &s->tape[0], NULL),
                     LT_OK);
    s->tape[1] = fixture_tape(s->net[1], TWIN_ROWS, true, p->pool);
    for (int i = 0; i < 2 && opt; i++)
        assert_int_equal(lt_opt_new(opt, s->net[i], &s->opt[i], NULL), LT_OK);
    assert_int_equal(
        lt_sparse_batch_new(TWIN_ROWS,
                            lt_sparse_most_entries(&s->inputs, TWIN_ROWS),
                            TWIN_ITEMS, &s->x, NULL),
        LT_OK);
    if (p->has_target)
        assert_int_equal(
            lt_sparse_batch_new(TWIN_ROWS, most, TWIN_ITEMS, &s->t, NULL),
            LT_OK);
    else
        s->t = s->x;
    s->target = lt_mem_zero((size_t)TWIN_ROWS * TWIN_ITEMS, sizeof *s->target);
}

static inline void twin_drop(twin *s)
{
    for (int i = 0; i < 2; i++) {
        lt_opt_free(s->opt[i]);
        lt_tape_free(s->tape[i]);
        lt_net_free(s->net[i]);
    }
    if (s->t != s->x)
        lt_sparse_batch_free(s->t);
    lt_sparse_batch_free(s->x);
    lt_mem_free(s->target);
    sparse_drop(&s->inputs);
    sparse_drop(&s->targets);
}

/* Rows first, first + 1, ... as both ways want them. */
static inline void twin_gather(twin *s, int first, int rows)
{
    const lt_sparse *t = s->plan.has_target ? &s->targets : &s->inputs;
    lt_real *x = lt_tape_input(s->tape[1]);

    lt_sparse_batch_gather(s->x, &s->inputs, NULL, first, rows);
    if (s->t == s->x) {
        lt_sparse_batch_arrange(s->x);
    } else {
        lt_sparse_batch_gather(s->t, t, NULL, first, rows);
        lt_sparse_batch_arrange_both(s->x, s->t);
    }
    for (int i = 0; i < rows * TWIN_ITEMS; i++)
        x[i] = 0, s->target[i] = (lt_real)NAN;
    for (int r = 0; r < rows; r++) {
        for (int64_t e = s->inputs.start[first + r];
             e < s->inputs.start[first + r + 1]; e++)
            x[r * TWIN_ITEMS + s->inputs.index[e]] =
                (lt_real)s->inputs.value[e];
        for (int64_t e = t->start[first + r]; e < t->start[first + r + 1]; e++)
            s->target[r * TWIN_ITEMS + t->index[e]] = (lt_real)t->value[e];
    }
}

/* Gradients of both ways; returns the losses. */
static inline void twin_gradient(twin *s, lt_sums sums[2])
{
    const lt_sparse_pair pair = {s->x, s->t};

    for (int i = 0; i < 2; i++)
        lt_tape_draw(s->tape[i], 11, s->steps);
    lt_objective_gradient_sparse(&s->objective, s->net[0], s->tape[0], &pair,
                                 &sums[0]);
    lt_objective_gradient(&s->objective, s->net[1], s->tape[1], s->plan.pool,
                          s->x->rows, lt_tape_input(s->tape[1]), s->target,
                          &sums[1]);
    s->steps++;
}

/* A step of both ways on rows drawn by the step's number. */
static inline void twin_step(twin *s, int first, int rows)
{
    const lt_sparse_pair pair = {s->x, s->t};
    lt_sums sums[2];

    twin_gather(s, first, rows);
    lt_opt_catch_up(s->opt[0], s->plan.pool, pair.x);
    twin_gradient(s, sums);
    lt_opt_step_sparse(s->opt[0], s->plan.pool, s->tape[0]);
    lt_opt_step(s->opt[1], s->plan.pool);
}

/* The gradient of the sparse way, all of it, in lt_net_grads. */
static inline void twin_spread(twin *s)
{
    lt_real *grads = lt_net_grads(s->net[0]);
    const lt_table_gradient *gradients;
    lt_table tables[LT_NET_TABLES];
    int n = lt_net_tables(s->net[0], tables);

    for (int i = 0; i < n; i++)
        memset(grads + tables[i].offset, 0,
               (size_t)tables[i].items * (size_t)tables[i].width *
                   sizeof *grads);
    n = lt_tape_tables(s->tape[0], &gradients);
    for (int i = 0; i < n; i++)
        lt_rows_add(s->plan.pool, &gradients[i].rows,
                    grads + gradients[i].table.offset);
}

static inline double twin_norm(size_t n, const lt_real *a, const lt_real *b)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double x = (double)a[i] - (b ? (double)b[i] : 0);

        sum += x * x;
    }
    return sqrt(sum);
}

/* |a - b| / |b| of the segment where it is largest; |b| counts for no less than
 * a hundredth of all (a bias below a normalisation has nothing but rounding
 * for a gradient). */
static inline double twin_difference(const twin *s, const lt_real *a,
                                     const lt_real *b)
{
    int n = 0;
    const lt_segment *segments = lt_net_segments(s->net[0], &n);
    double all = twin_norm(lt_net_n_params(s->net[0]), b, NULL), worst = 0;

    for (int i = 0; i < n; i++) {
        size_t at = segments[i].offset, count = segments[i].count;
        double size = twin_norm(count, b + at, NULL);
        double difference = twin_norm(count, a + at, b + at);

        size = size > 1e-2 * all ? size : 1e-2 * all;
        worst = difference > worst * size ? difference / size : worst;
    }
    return worst;
}

#endif
