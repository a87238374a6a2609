/* Networks on whole sets; see latent/train/evaluate.h.
 *
 * Examples go through in order, 512 at a time (fewer where a layer has over
 * 32,768 outputs, so that no buffer is over 64 MB): large enough for the matrix
 * products to run at full speed, small enough to stay out of the way of the
 * memory limit. Sums are kept in double. Variational codes are drawn from
 * streams of their own, one a batch; how a set is cut into batches depends on
 * its size alone, and so the draws do. */
#include "train/evaluate_int.h"

#include "latent/base/mem.h"
#include "train/feed.h"

#include <math.h>

#define EVALUATE_ROWS     512
#define EVALUATE_ELEMENTS (1 << 24)

int lt__evaluate_rows(const lt_net *net, const lt_dataset *set)
{
    int n = lt_dataset_rows(set), most = EVALUATE_ROWS;

    for (int i = 0; i < lt_net_n_layers(net); i++) {
        int width = lt_shape_elements(lt_net_layer(net, i)->out);

        if (most > EVALUATE_ELEMENTS / width)
            most = EVALUATE_ELEMENTS / width;
    }
    if (most < 1)
        most = 1;
    return n < most ? n : most;
}

lt_status lt__evaluate_check(const lt_net *net, const lt_dataset *set,
                             const char *name, lt_err *err)
{
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];
    int elements = lt_shape_elements(lt_dataset_shape(set));

    lt_shape_text(lt_dataset_shape(set), found);
    if (elements != lt_shape_elements(lt_net_input(net)))
        return lt_err_set(err, LT_EINVAL,
                          "%s: examples of shape %s, wanted the network's "
                          "input, %s",
                          name, found,
                          lt_shape_text(lt_net_input(net), wanted));
    if (elements != lt_shape_elements(lt_net_output(net)))
        return lt_err_set(err, LT_EINVAL,
                          "%s: examples of shape %s, wanted the network's "
                          "output, %s, to be as large",
                          name, found,
                          lt_shape_text(lt_net_output(net), wanted));
    return LT_OK;
}

lt_status lt__evaluator_open(lt__evaluator *e, const lt_dataset *set,
                             lt_err *err)
{
    int rows = lt__evaluate_rows(e->net, set);

    e->set = set;
    e->is_sparse = lt_objective_is_sparse(e->objective, e->net) &&
                   lt__sparse_feed_suits(set);
    if (e->is_sparse) {
        LT_TRY(lt__sparse_feed_init(&e->sparse, set, rows, err));
        LT_TRY(lt_tape_new_sparse(e->net, rows,
                                  lt__sparse_feed_entries(&e->sparse), false,
                                  e->pool, &e->tape, err));
    } else {
        LT_TRY(lt__feed_room(set, e->objective->loss, rows, &e->target, err));
        LT_TRY(lt_tape_new(e->net, rows, false, e->pool, &e->tape, err));
    }
    return lt_objective_reserve(e->objective, e->tape, err);
}

void lt__evaluator_close(lt__evaluator *e)
{
    lt_tape_free(e->tape);
    lt_mem_free(e->target);
    if (e->is_sparse)
        lt__sparse_feed_deinit(&e->sparse);
}

/* Draws begin at each run anew. Returns the seed of those of its batches. */
static uint64_t run_begin(lt__evaluator *e, uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "evaluate");
    lt_tape_set_sampling(e->tape, true);
    lt_tape_clear_units(e->tape);
    return lt_rng_next(&rng);
}

static void batch_evaluate(lt__evaluator *e, lt__feed_range range,
                           lt_sums *sums)
{
    if (e->is_sparse) {
        lt_sparse_pair pair = lt__sparse_feed_gather(&e->sparse, range, false);

        lt_objective_value_sparse(e->objective, e->net, e->tape, &pair, sums);
    } else {
        lt_real *x = lt_tape_input(e->tape);
        const lt_real *t =
            lt__feed_gather(e->set, e->objective->loss, range, x, e->target);

        lt_objective_value(e->objective, e->net, e->tape, e->pool, range.rows,
                           x, t, sums);
    }
}

void lt__evaluator_run(lt__evaluator *e, uint64_t seed, lt_terms *mean)
{
    int n = lt_dataset_rows(e->set), batch = lt_tape_batch(e->tape);
    lt_sums all = {0}, sums;

    seed = run_begin(e, seed);
    for (int at = 0; at < n; at += batch) {
        int rows = n - at < batch ? n - at : batch;

        lt_tape_draw(e->tape, seed, at);
        batch_evaluate(e, (lt__feed_range){NULL, at, rows}, &sums);
        lt_sums_add(&all, &sums);
    }
    *mean = lt_sums_mean(e->objective, e->net, &all);
    mean->active_units = lt_tape_active_units(e->tape);
}

/* ---- what is not finite ---- */

/* Of a pass over sparse rows: layer by layer, each with those below it. */
static bool sparse_blame(lt__evaluator *e, lt__scene *s,
                         const lt_sparse_pair *pair, lt_divergence *d)
{
    int top = lt_net_n_layers(e->net) - 1;
    lt__blame_output o = {.x = NULL};

    for (o.layer = 0; o.layer < top; o.layer++) {
        lt_shape shape = lt_net_layer(e->net, o.layer)->out;

        o.y = lt_net_forward_sparse(e->net, e->tape, pair->x, o.layer + 1);
        o.n = (size_t)s->rows * (size_t)lt_shape_elements(shape);
        if (lt__blame_output_of(s, &o, d))
            return true;
    }
    lt_net_sse_sparse(e->net, e->tape, pair, 0);
    o.y = s->y = lt_tape_outputs(e->tape);
    o.n = s->n_y = (size_t)pair->target->start[s->rows];
    return lt__blame_output_of(s, &o, d);
}

/* The batch of which the tape has the input, once more. */
static void batch_blame(lt__evaluator *e, lt__feed_range range,
                        const lt_sums *sums, lt_divergence *d)
{
    lt__scene s = {.net = e->net, .rows = range.rows};
    bool is_found;

    if (e->is_sparse) {
        lt_sparse_pair pair = lt__sparse_feed_gather(&e->sparse, range, false);

        is_found = sparse_blame(e, &s, &pair, d);
    } else {
        s.x = lt_tape_input(e->tape);
        is_found = lt__blame_layers(
            &s, e->tape, lt_net_n_layers(e->net),
            lt_loss_wants_logits(e->objective->loss, e->net), d);
        lt__scene_set_output(&s, e->tape);
    }
    if (!is_found)
        lt__blame_loss(&s, sums, d);
}

void lt__evaluator_blame(lt__evaluator *e, uint64_t seed, lt_divergence *d)
{
    int n = lt_dataset_rows(e->set), batch = lt_tape_batch(e->tape);
    lt_sums sums = {0};

    seed = run_begin(e, seed);
    for (int at = 0; at < n; at += batch) {
        lt__feed_range range = {NULL, at, n - at < batch ? n - at : batch};

        lt_tape_draw(e->tape, seed, at);
        batch_evaluate(e, range, &sums);
        if (isfinite(lt_sums_mean(e->objective, e->net, &sums).loss))
            continue;
        lt__divergence_say(d, "examples %d to %d of the test set: ", at + 1,
                           at + range.rows);
        batch_blame(e, range, &sums, d);
        return;
    }
    lt__divergence_say(d, "the test set's loss is not finite");
}

lt_status lt_evaluate_terms(lt_net *net, const lt_dataset *set,
                            const lt_objective *objective, uint64_t seed,
                            lt_pool *pool, lt_terms *mean, lt_err *err)
{
    lt__evaluator e = {.net = net, .objective = objective, .pool = pool};
    lt_status rc;

    LT_TRY(lt__evaluate_check(net, set, "set to evaluate", err));
    LT_TRY(lt_objective_check(objective, net, err));
    LT_TRY(lt__feed_check(set, objective->loss, "set to evaluate", err));
    rc = lt__evaluator_open(&e, set, err);
    if (rc == LT_OK)
        lt__evaluator_run(&e, seed, mean);
    lt__evaluator_close(&e);
    return rc;
}

lt_status lt_evaluate(lt_net *net, const lt_dataset *set, lt_loss loss,
                      lt_pool *pool, lt_terms *mean, lt_err *err)
{
    lt_objective objective = lt_objective_of(loss);

    objective.beta = 0;
    return lt_evaluate_terms(net, set, &objective, 0, pool, mean, err);
}
