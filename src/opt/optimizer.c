/* First-order optimisers on the flat vectors; see latent/opt/optimizer.h.
 *
 * A step walks the network's segments and joins neighbours that are treated
 * alike, so that an unfrozen network without weight decay is one sweep over
 * one stretch. Each sweep is fused: it reads gradient, parameter and state
 * once and writes parameter and state once, which bounds its speed by memory:
 * 7 words a parameter for Adam, 5 for momentum, 3 for plain descent.
 *
 * State is one flat vector a moment, of the network's length. */
#include "opt/opt_int.h"

#include "latent/base/mem.h"

#include <math.h>

lt_opt_spec lt_opt_defaults(lt_opt_kind kind)
{
    if (kind == LT_OPT_SGD)
        return (lt_opt_spec){.kind = kind, .rate = 0.01};
    return (lt_opt_spec){.kind = kind,
                         .rate = 0.001,
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-8};
}

static lt_status check_range(const char *name, double value, bool is_right,
                             const char *wanted, lt_err *err)
{
    if (is_right && isfinite(value))
        return LT_OK;
    return lt_err_set(err, LT_EINVAL, "%s is %g, wanted %s", name, value,
                      wanted);
}

static lt_status check_sgd(const lt_opt_spec *s, lt_err *err)
{
    LT_TRY(check_range("sgd: momentum", s->momentum,
                       s->momentum >= 0 && s->momentum < 1,
                       "at least 0 and below 1", err));
    if (s->nesterov && !(s->momentum > 0))
        return lt_err_set(err, LT_EINVAL,
                          "sgd: nesterov wants a momentum above 0");
    return LT_OK;
}

static lt_status check_adam(const lt_opt_spec *s, lt_err *err)
{
    LT_TRY(check_range("adam: beta1", s->beta1, s->beta1 >= 0 && s->beta1 < 1,
                       "at least 0 and below 1", err));
    LT_TRY(check_range("adam: beta2", s->beta2, s->beta2 >= 0 && s->beta2 < 1,
                       "at least 0 and below 1", err));
    return check_range("adam: epsilon", s->epsilon, s->epsilon > 0, "above 0",
                       err);
}

lt_status lt_opt_check(const lt_opt_spec *s, lt_err *err)
{
    LT_ASSERT(s->kind < LT_OPT_COUNT);
    LT_TRY(check_range("rate", s->rate, s->rate > 0, "above 0", err));
    LT_TRY(check_range("weight_decay", s->weight_decay, s->weight_decay >= 0,
                       "at least 0", err));
    return s->kind == LT_OPT_SGD ? check_sgd(s, err) : check_adam(s, err);
}

static int opt_n_states(const lt_opt_spec *s)
{
    if (s->kind == LT_OPT_ADAM)
        return 2;
    return s->momentum > 0 ? 1 : 0;
}

lt_status lt_opt_new(const lt_opt_spec *spec, lt_net *net, lt_opt **out,
                     lt_err *err)
{
    lt_opt *opt;

    LT_ASSERT(out && !*out);
    LT_TRY(lt_opt_check(spec, err));
    opt = lt_mem_zero(1, sizeof *opt);
    if (!opt)
        return lt_err_mark(err, LT_ENOMEM);
    opt->spec = *spec;
    opt->net = net;
    for (int i = 0; i < opt_n_states(spec); i++) {
        opt->state[i] = lt_mem_aligned(lt_net_n_params(net), sizeof(lt_real));
        if (!opt->state[i]) {
            lt_opt_free(opt);
            return lt_err_mark(err, LT_ENOMEM);
        }
    }
    if (lt_net_is_sparse(net) && lt__opt_rows_init(opt, err) != LT_OK) {
        lt_opt_free(opt);
        return lt_err_mark(err, LT_ENOMEM);
    }
    *out = opt;
    return LT_OK;
}

void lt_opt_free(lt_opt *opt)
{
    if (!opt)
        return;
    lt_mem_free(opt->state[0]);
    lt_mem_free(opt->state[1]);
    lt__opt_rows_deinit(opt);
    lt_mem_free(opt);
}

static lt_real decay_of(const lt_opt *opt, bool is_decayed)
{
    return is_decayed ? (lt_real)opt->spec.weight_decay : 0;
}

lt_sgd_step lt__opt_sgd(const lt_opt *opt, bool is_decayed)
{
    return (lt_sgd_step){.rate = (lt_real)opt->spec.rate,
                         .momentum = (lt_real)opt->spec.momentum,
                         .decay = decay_of(opt, is_decayed),
                         .nesterov = opt->spec.nesterov};
}

lt_adam_step lt__opt_adam(const lt_opt *opt, bool is_decayed)
{
    const lt_opt_spec *s = &opt->spec;
    double t = (double)opt->steps;

    return (lt_adam_step){
        .beta1 = s->beta1,
        .beta2 = s->beta2,
        .rate_t = (lt_real)(s->rate / (1 - pow(s->beta1, t))),
        .correction = (lt_real)(1 / sqrt(1 - pow(s->beta2, t))),
        .epsilon = (lt_real)s->epsilon,
        .decay = decay_of(opt, is_decayed),
    };
}

/* Neighbouring segments that are treated alike. */
typedef struct stretch {
    size_t offset, count;
    bool is_decayed, is_left; /* frozen, or a table */
} stretch;

static bool stretch_step(lt_opt *opt, lt_pool *pool, const stretch *s)
{
    const lt_real *g = lt_net_grads(opt->net) + s->offset;
    lt_real *w = lt_net_params(opt->net) + s->offset;
    lt_real *u = opt->state[0] ? opt->state[0] + s->offset : NULL;

    if (s->is_left)
        return true;
    if (opt->spec.kind == LT_OPT_SGD) {
        const lt_sgd_step step = lt__opt_sgd(opt, s->is_decayed);

        return lt_vec_sgd(pool, s->count, &step, g, w, u);
    } else {
        const lt_adam_step step = lt__opt_adam(opt, s->is_decayed);

        return lt_vec_adam(pool, s->count, &step, g, w, u,
                           opt->state[1] + s->offset);
    }
}

static stretch stretch_of(const lt_opt *opt, const lt_segment *s,
                          const lt_table *tables, int n)
{
    stretch out = {s->offset, s->count,
                   s->is_weight && opt->spec.weight_decay > 0, s->is_frozen};

    for (int i = 0; i < n; i++)
        if (tables[i].offset == s->offset)
            out.is_left = true;
    return out;
}

bool lt__opt_step_others(lt_opt *opt, lt_pool *pool, const lt_table *tables,
                         int n)
{
    bool is_finite = true;
    int n_segments = 0, next;
    const lt_segment *s = lt_net_segments(opt->net, &n_segments);

    for (int i = 0; i < n_segments; i = next) {
        stretch all = stretch_of(opt, &s[i], tables, n);

        for (next = i + 1; next < n_segments; next++) {
            stretch more = stretch_of(opt, &s[next], tables, n);

            if (more.is_left != all.is_left ||
                more.is_decayed != all.is_decayed)
                break;
            all.count += more.count;
        }
        is_finite &= stretch_step(opt, pool, &all);
    }
    return is_finite;
}

bool lt_opt_step(lt_opt *opt, lt_pool *pool)
{
    LT_ASSERT(opt->rows.now == 0);
    opt->steps++;
    return lt__opt_step_others(opt, pool, NULL, 0);
}

int64_t lt_opt_steps(const lt_opt *opt)
{
    return opt->steps;
}

/* ---- a later process goes on ---- */

void lt_opt_snapshot(lt_opt *opt, const char *prefix, lt_snapshot *out)
{
    static const char *const names[] = {"state0", "state1"};
    size_t n = lt_net_n_params(opt->net);

    LT_SNAPSHOT_ADD(out, prefix, "steps", &opt->steps, 1);
    for (int i = 0; i < opt_n_states(&opt->spec); i++)
        LT_SNAPSHOT_ADD(out, prefix, names[i], opt->state[i], n);
    lt__opt_rows_snapshot(opt, prefix, out);
}

lt_status lt_opt_restored(lt_opt *opt, lt_err *err)
{
    if (opt->steps < 0)
        return lt_err_set(err, LT_EFORMAT, "optimiser: %lld steps",
                          (long long)opt->steps);
    return lt__opt_rows_restored(opt, err);
}
