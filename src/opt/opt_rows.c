/* Steps on some rows of tables; see latent/opt/optimizer.h.
 *
 * A row of a table that a batch has nothing to say about has the gradient 0,
 * but a dense step moves it all the same: by its velocity, its moments, its
 * decay. Here it is left alone, and catches up when a batch reads it again.
 *
 * sgd   Without a gradient a step is linear in (w, u), so k missed steps are
 *       the k-th power of one 2 x 2 matrix, made beforehand: the row is read
 *       and written once. Equal to k dense steps but for rounding.
 * adam  A step without a gradient has a square root and a division, and a rate
 *       of its own, so the missed steps are made one after another, while the
 *       row is in the cache: the same operations as in dense steps, the same
 *       bits. Without decay the motion dies away as (beta1 / sqrt(beta2))^k;
 *       after adam_most steps (198 with the usual betas, in float) what is left
 *       of it is 1e-9 of its beginning, and only the moments are taken on, by
 *       powers. So a row that k steps passed by costs min(k, 198) updates in
 *       the cache. With decay nothing dies away: k updates.
 *
 * Powers and coefficients are kept for HORIZON steps; then all rows are
 * settled, which also happens before anything else may look at the parameters
 * (lt_opt_settle). */
#include "opt/opt_int.h"

#include "latent/base/mem.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { HORIZON = 4096 };

/* ---- making ---- */

/* The powers of a step of `s` without a gradient. */
static void powers_fill(const lt_sgd_step *s, lt_rows_power *out)
{
    double a = s->nesterov ? 1 : 0, b = s->nesterov ? (double)s->momentum : 1;
    double rate = (double)s->rate, decay = (double)s->decay;
    double ww = 1 - rate * (a + b) * decay;
    double wu = -rate * b * (double)s->momentum;
    double uw = decay, uu = (double)s->momentum;
    double p[4] = {1, 0, 0, 1}; /* rows w, u */

    for (int k = 0; k <= HORIZON; k++) {
        const double q[4] = {ww * p[0] + wu * p[2], ww * p[1] + wu * p[3],
                             uw * p[0] + uu * p[2], uw * p[1] + uu * p[3]};

        out[k] = (lt_rows_power){(lt_real)p[0], (lt_real)p[1], (lt_real)p[2],
                                 (lt_real)p[3]};
        memcpy(p, q, sizeof p);
    }
}

/* Steps after which rows of moments m, v move no more than by rounding. */
static int motion_end(const lt_opt_spec *s)
{
    double shrink = s->beta1 / sqrt(s->beta2);
    double rest = sizeof(lt_real) == sizeof(float) ? 1e-9 : 1e-18;

    if (s->weight_decay > 0 || !(shrink < 1))
        return INT_MAX;
    return shrink > 0 ? (int)ceil(log(rest) / log(shrink)) : 1;
}

lt_status lt__opt_rows_init(lt_opt *opt, lt_err *err)
{
    lt__opt_rows *r = &opt->rows;

    r->items = lt_shape_elements(lt_net_input(opt->net));
    r->last = lt_mem_zero((size_t)r->items, sizeof *r->last);
    if (!r->last)
        return lt_err_mark(err, LT_ENOMEM);
    if (opt->spec.kind == LT_OPT_ADAM) {
        r->adam = lt_mem_zero(HORIZON + 1, sizeof *r->adam);
        r->adam_most = motion_end(&opt->spec);
        return lt_err_mark(err, r->adam ? LT_OK : LT_ENOMEM);
    }
    for (int i = 0; i < 2; i++) {
        const lt_sgd_step s = lt__opt_sgd(opt, i == 1);

        r->power[i] = lt_mem_alloc(HORIZON + 1, sizeof *r->power[i]);
        if (!r->power[i])
            return lt_err_mark(err, LT_ENOMEM);
        powers_fill(&s, r->power[i]);
    }
    return LT_OK;
}

void lt__opt_rows_deinit(lt_opt *opt)
{
    lt_mem_free(opt->rows.last);
    lt_mem_free(opt->rows.adam);
    lt_mem_free(opt->rows.power[0]);
    lt_mem_free(opt->rows.power[1]);
}

/* ---- a later process goes on ---- */

void lt__opt_rows_snapshot(lt_opt *opt, const char *prefix, lt_snapshot *out)
{
    lt__opt_rows *r = &opt->rows;

    if (!r->last)
        return;
    LT_SNAPSHOT_ADD(out, prefix, "rows_now", &r->now, 1);
    LT_SNAPSHOT_ADD(out, prefix, "rows_last", r->last, (size_t)r->items);
}

/* Adam's steps since all were settled are the last `now` ones: they are made
 * again from their numbers. */
lt_status lt__opt_rows_restored(lt_opt *opt, lt_err *err)
{
    lt__opt_rows *r = &opt->rows;
    int64_t steps = opt->steps;
    bool is_right = true;

    if (!r->last)
        return LT_OK;
    is_right = r->now >= 0 && r->now <= HORIZON && r->now <= steps;
    for (int i = 0; i < r->items; i++)
        is_right = is_right && r->last[i] >= 0 && r->last[i] <= r->now;
    if (!is_right)
        return lt_err_set(err, LT_EFORMAT,
                          "optimiser: its count of rows' steps is wrong");
    for (int k = 1; r->adam && k <= r->now; k++) {
        opt->steps = steps - r->now + k;
        r->adam[k] = lt__opt_adam(opt, false);
    }
    opt->steps = steps;
    return LT_OK;
}

/* ---- catching up ---- */

static bool is_decayed(const lt_opt *opt, const lt_table *t)
{
    return t->is_weight && opt->spec.weight_decay > 0;
}

/* Rows item[0..n) of the table, or all. */
static void table_settle(lt_opt *opt, lt_pool *pool, const lt_table *t,
                         const int32_t *item, int n)
{
    const lt__opt_rows *r = &opt->rows;
    lt_real *w = lt_net_params(opt->net) + t->offset;
    lt_real *u = opt->state[0] ? opt->state[0] + t->offset : NULL;
    bool decays = is_decayed(opt, t);

    if (opt->spec.kind == LT_OPT_ADAM) {
        const lt_rows_moments behind = {
            .last = r->last,
            .now = r->now,
            .step = r->adam,
            .decay = decays ? (lt_real)opt->spec.weight_decay : 0,
            .most = r->adam_most,
        };

        lt_rows_settle_adam(pool, &behind, &(lt_rows_some){item, n, t->width},
                            w, u, opt->state[1] + t->offset);
    } else if (u || decays) {
        const lt_rows_behind behind = {r->last, r->now, r->power[decays]};

        lt_rows_settle(pool, &behind, item, n, t->width, w, u);
    }
}

static void rows_settle(lt_opt *opt, lt_pool *pool, const int32_t *item, int n)
{
    lt_table tables[LT_NET_TABLES];
    int n_tables = lt_net_tables(opt->net, tables);

    for (int i = 0; i < n_tables; i++)
        if (!tables[i].is_frozen)
            table_settle(opt, pool, &tables[i], item, n);
}

void lt_opt_settle(lt_opt *opt, lt_pool *pool)
{
    lt__opt_rows *r = &opt->rows;

    if (!r->now)
        return;
    rows_settle(opt, pool, NULL, r->items);
    memset(r->last, 0, (size_t)r->items * sizeof *r->last);
    r->now = 0;
}

void lt_opt_catch_up(lt_opt *opt, lt_pool *pool, const lt_sparse_batch *batch)
{
    LT_ASSERT(opt->rows.last && batch->cols == opt->rows.items);
    if (opt->rows.now == HORIZON)
        lt_opt_settle(opt, pool);
    rows_settle(opt, pool, batch->column, batch->n_columns);
}

/* ---- a step ---- */

static bool table_step(lt_opt *opt, lt_pool *pool, const lt_table_gradient *t)
{
    lt_real *w = lt_net_params(opt->net) + t->table.offset;
    lt_real *u = opt->state[0] ? opt->state[0] + t->table.offset : NULL;
    bool decays = is_decayed(opt, &t->table);

    if (opt->spec.kind == LT_OPT_ADAM) {
        const lt_adam_step s = lt__opt_adam(opt, decays);

        return lt_rows_adam(pool, &t->rows, &s, w, u,
                            opt->state[1] + t->table.offset);
    } else {
        const lt_sgd_step s = lt__opt_sgd(opt, decays);

        return lt_rows_sgd(pool, &t->rows, &s, w, u);
    }
}

bool lt_opt_step_sparse(lt_opt *opt, lt_pool *pool, const lt_tape *tape)
{
    lt__opt_rows *r = &opt->rows;
    lt_table tables[LT_NET_TABLES];
    const lt_table_gradient *gradients;
    int n = lt_tape_tables(tape, &gradients);
    bool is_finite;

    LT_ASSERT(r->last && r->now < HORIZON);
    opt->steps++;
    is_finite =
        lt__opt_step_others(opt, pool, tables, lt_net_tables(opt->net, tables));
    for (int i = 0; i < n; i++)
        is_finite &= table_step(opt, pool, &gradients[i]);
    r->now++;
    if (r->adam)
        r->adam[r->now] = lt__opt_adam(opt, false);
    if (n > 0) { /* all tables have the same columns */
        const lt_sparse_batch *at = gradients[0].rows.source[0].at;

        for (int i = 0; i < at->n_columns; i++)
            r->last[at->column[i]] = r->now;
    }
    return is_finite;
}
