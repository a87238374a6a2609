/* Steps of training; see trainer.h.
 *
 * Examples go one of two ways. The dense one gathers a batch of arrays. The
 * sparse one, of a sparse network whose objective lies at known entries, leaves
 * rows as they are (sparse_pass.h), and parameters of items that no batch has
 * read lately are behind until they are settled.
 *
 * Dense re-feeding (Kuchaiev and Ginsburg 2017, section 2.4) is dense by
 * nature: f(x) has all elements. So a sparse trainer that re-feeds has a dense
 * tape too, three times batch x items, and settles at every step. What is fed
 * anew is the output of the pass that gave the last gradient, so by the
 * parameters before the update, and its dropout: on the sparse way the last
 * layer is run once more for it. It must be taken before the update
 * (trainer_keep). */
#include "train/trainer.h"

#include "latent/base/mem.h"

#include <string.h>

static lt_status dense_open(lt__trainer *t, lt_tape **out, lt_err *err)
{
    LT_TRY(lt_tape_new(t->net, t->batch, true, t->pool, out, err));
    return lt_objective_reserve(t->objective, *out, err);
}

static lt_status sparse_open(lt__trainer *t, lt_err *err)
{
    LT_TRY(lt__sparse_feed_init(&t->sparse, t->set, t->batch, err));
    LT_TRY(lt_tape_new_sparse(t->net, t->batch,
                              lt__sparse_feed_entries(&t->sparse), true,
                              t->pool, &t->tape, err));
    return lt_objective_reserve(t->objective, t->tape, err);
}

lt_status lt__trainer_open(lt__trainer *t, const lt_opt_spec *optimizer,
                           lt_err *err)
{
    t->is_sparse = lt_objective_is_sparse(t->objective, t->net) &&
                   lt__sparse_feed_suits(t->set);
    if (!t->is_sparse)
        LT_TRY(lt__feed_room(t->set, t->objective->loss, t->batch, &t->target,
                             err));
    LT_TRY(t->is_sparse ? sparse_open(t, err) : dense_open(t, &t->tape, err));
    if (!t->is_sparse || !t->refeeds)
        t->dense = t->tape;
    else
        LT_TRY(dense_open(t, &t->dense, err));
    return lt_opt_new(optimizer, t->net, &t->opt, err);
}

void lt__trainer_close(lt__trainer *t)
{
    if (t->opt)
        lt__trainer_settle(t);
    if (t->dense != t->tape)
        lt_tape_free(t->dense);
    lt_tape_free(t->tape);
    lt_opt_free(t->opt);
    lt_mem_free(t->target);
    if (t->is_sparse)
        lt__sparse_feed_deinit(&t->sparse);
}

void lt__trainer_settle(lt__trainer *t)
{
    lt_opt_settle(t->opt, t->pool);
}

/* The last pass's outputs become the dense tape's input. */
static void trainer_keep(lt__trainer *t, const lt_real *y)
{
    memcpy(lt_tape_input(t->dense), y,
           (size_t)t->rows * (size_t)lt_shape_elements(lt_net_output(t->net)) *
               sizeof *y);
}

static void gradient_sparse(lt__trainer *t, lt__feed_range range, lt_sums *sums)
{
    int top = lt_net_n_layers(t->net) - 1;
    lt_sparse_pair pair = lt__sparse_feed_gather(&t->sparse, range, true);

    lt_opt_catch_up(t->opt, t->pool, pair.x);
    lt_objective_gradient_sparse(t->objective, t->net, t->tape, &pair, sums);
    if (t->refeeds)
        trainer_keep(t, lt_net_forward(t->net, t->dense,
                                       lt_tape_activation(t->tape, top - 1),
                                       range.rows, top, top + 1, false));
}

static void gradient_dense(lt__trainer *t, lt__feed_range range, lt_sums *sums)
{
    lt_real *x = lt_tape_input(t->tape);
    const lt_real *target =
        lt__feed_gather(t->set, t->objective->loss, range, x, t->target);

    lt_objective_gradient(t->objective, t->net, t->tape, t->pool, range.rows, x,
                          target, sums);
    if (t->refeeds)
        trainer_keep(t,
                     lt_tape_activation(t->tape, lt_net_n_layers(t->net) - 1));
}

void lt__trainer_gradient(lt__trainer *t, lt__feed_range range, int64_t step,
                          lt_sums *sums)
{
    t->rows = range.rows;
    t->is_by_rows = t->is_sparse;
    lt_tape_draw(t->tape, t->seed, step);
    if (t->is_sparse)
        gradient_sparse(t, range, sums);
    else
        gradient_dense(t, range, sums);
}

bool lt__trainer_update(lt__trainer *t)
{
    bool is_finite;

    if (!t->is_by_rows)
        return lt_opt_step(t->opt, t->pool);
    is_finite = lt_opt_step_sparse(t->opt, t->pool, t->tape);
    if (t->refeeds)
        lt_opt_settle(t->opt, t->pool);
    return is_finite;
}

/* What went in is overwritten where it is kept to be fed anew. */
lt__scene lt__trainer_scene(const lt__trainer *t)
{
    lt__scene s = {.net = t->net, .tape = t->tape, .rows = t->rows};

    if (t->is_by_rows) {
        s.y = lt_tape_outputs(t->tape);
        s.n_y = (size_t)t->sparse.target->start[t->rows];
        return s;
    }
    s.tape = t->dense;
    s.x = t->refeeds ? NULL : lt_tape_input(t->dense);
    lt__scene_set_output(&s, t->dense);
    return s;
}

/* Nothing is unknown of what is fed anew: masked_mse is the mean over all. */
void lt__trainer_refeed(lt__trainer *t, int64_t draw, lt_sums *sums)
{
    const lt_real *x = lt_tape_input(t->dense);

    t->is_by_rows = false;
    lt_tape_draw(t->dense, t->seed, draw);
    lt_objective_gradient(t->objective, t->net, t->dense, t->pool, t->rows, x,
                          x, sums);
    trainer_keep(t, lt_tape_activation(t->dense, lt_net_n_layers(t->net) - 1));
}
