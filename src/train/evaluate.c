/* Networks on whole sets; see latent/train/evaluate.h.
 *
 * Examples go through in order, 512 at a time: large enough for the matrix
 * products to run at full speed, small enough to stay out of the way of the
 * memory limit. Sums are kept in double. */
#include "train/evaluate_int.h"

#include "latent/base/mem.h"
#include "train/feed.h"

#include <string.h>

#define EVALUATE_ROWS 512

int lt__evaluate_rows(const lt_dataset *set)
{
    int n = lt_dataset_rows(set);

    return n < EVALUATE_ROWS ? n : EVALUATE_ROWS;
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

void lt__evaluate_with(lt_net *net, lt_tape *tape, const lt_dataset *set,
                       const lt_objective *objective, uint64_t seed,
                       lt_real *target, lt_pool *pool, lt_terms *mean)
{
    int n = lt_dataset_rows(set), batch = lt_tape_batch(tape);
    lt_real *x = lt_tape_input(tape);
    lt_sums all = {0}, sums;

    lt_tape_set_sampling(tape, true);
    for (int at = 0; at < n; at += batch) {
        int rows = n - at < batch ? n - at : batch;
        const lt_real *t = lt__feed_gather(
            set, objective->loss, (lt__feed_range){NULL, at, rows}, x, target);

        lt_tape_draw(tape, seed, at);
        lt_objective_value(objective, net, tape, pool, rows, x, t, &sums);
        lt_sums_add(&all, &sums);
    }
    *mean = lt_sums_mean(objective, net, &all);
}

lt_status lt_evaluate_terms(lt_net *net, const lt_dataset *set,
                            const lt_objective *objective, uint64_t seed,
                            lt_pool *pool, lt_terms *mean, lt_err *err)
{
    lt_tape *tape = NULL;
    lt_real *target = NULL;
    int rows = lt__evaluate_rows(set);
    lt_status rc;

    LT_TRY(lt__evaluate_check(net, set, "set to evaluate", err));
    LT_TRY(lt_objective_check(objective, net, err));
    LT_TRY(lt__feed_check(set, objective->loss, "set to evaluate", err));
    LT_TRY(lt__feed_room(set, objective->loss, rows, &target, err));
    rc = lt_tape_new(net, rows, false, pool, &tape, err);
    if (rc == LT_OK)
        lt__evaluate_with(net, tape, set, objective, seed, target, pool, mean);
    lt_tape_free(tape);
    lt_mem_free(target);
    return rc;
}

lt_status lt_evaluate(lt_net *net, const lt_dataset *set, lt_loss loss,
                      lt_pool *pool, lt_terms *mean, lt_err *err)
{
    lt_objective objective = lt_objective_of(loss);

    return lt_evaluate_terms(net, set, &objective, 0, pool, mean, err);
}

/* A set of `n` examples of `shape`, zero, with a copy of the labels; *values
 * points into it. */
static lt_status floats_new(int n, lt_shape shape, const uint8_t *labels,
                            float **values, lt_dataset **out, lt_err *err)
{
    uint8_t *copy = NULL;

    *values = lt_mem_zero((size_t)n * (size_t)lt_shape_elements(shape),
                          sizeof **values);
    if (labels)
        copy = lt_mem_alloc((size_t)n, 1);
    if (!*values || (labels && !copy)) {
        lt_mem_free(*values);
        lt_mem_free(copy);
        return lt_err_mark(err, LT_ENOMEM);
    }
    if (labels)
        memcpy(copy, labels, (size_t)n);
    return lt_dataset_new_take(LT_ELEM_F32, n, shape, *values, copy, out, err);
}

typedef struct layer_map {
    lt_net *net;
    int first, last;
    lt_tape *tape;
    lt_real *x; /* (B,D), D that of the first layer: the tape's own input may
                   be narrower */
} layer_map;

/* The layers on the whole set, into out (N,H). */
static void map_run(const layer_map *m, const lt_dataset *set, float *out)
{
    int n = lt_dataset_rows(set), batch = lt_tape_batch(m->tape);
    int width = lt_shape_elements(lt_net_layer(m->net, m->last - 1)->out);

    for (int at = 0; at < n; at += batch) {
        int rows = n - at < batch ? n - at : batch;
        const lt_real *y;

        lt__feed_inputs(set, (lt__feed_range){NULL, at, rows}, m->x);
        y = lt_net_forward(m->net, m->tape, m->x, rows, m->first, m->last,
                           false);
        for (size_t i = 0; i < (size_t)rows * (size_t)width; i++)
            *out++ = (float)y[i];
    }
}

lt_status lt_evaluate_map(lt_net *net, const lt_dataset *set, int first,
                          int last, lt_pool *pool, lt_dataset **out,
                          lt_err *err)
{
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];
    layer_map m = {.net = net, .first = first, .last = last};
    int elements = lt_shape_elements(lt_dataset_shape(set));
    float *values = NULL;
    lt_status rc;

    LT_ASSERT(first >= 0 && first < last && last <= lt_net_n_layers(net));
    if (lt_shape_elements(lt_net_layer(net, first)->in) != elements)
        return lt_err_set(
            err, LT_EINVAL,
            "set of examples of shape %s: wanted the input of layer %d, %s",
            lt_shape_text(lt_dataset_shape(set), found), first + 1,
            lt_shape_text(lt_net_layer(net, first)->in, wanted));
    LT_TRY(lt_net_check_part(net, first, last, err));
    LT_TRY(lt_tape_new(net, lt__evaluate_rows(set), false, pool, &m.tape, err));
    m.x = lt_mem_aligned((size_t)lt_tape_batch(m.tape) * (size_t)elements,
                         sizeof *m.x);
    rc =
        m.x ? floats_new(lt_dataset_rows(set), lt_net_layer(net, last - 1)->out,
                         lt_dataset_labels(set), &values, out, err)
            : lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK)
        map_run(&m, set, values);
    lt_mem_free(m.x);
    lt_tape_free(m.tape);
    return rc;
}
