/* Restricted Boltzmann machines by contrastive divergence; see
 * latent/train/rbm.h for the energies and the update.
 *
 * CD-1 is the recipe of the code released with Hinton and Salakhutdinov 2006:
 * probabilities everywhere but in the hidden sample that drives the
 * reconstruction. Gradients go straight into the velocity (momentum times the
 * old, plus rate times the new), so no third matrix of the weights' size is
 * kept. Costs of a step: three products of the layer's size forth and back,
 * two for the statistics, two passes over the weights.
 *
 * With k > 1 that recipe would be no Markov chain: with means for visibles
 * even an endless chain has a biased gradient. There, all units are sampled,
 * and the negative statistics are the last visible sample and its hidden
 * probabilities, whose limit is the gradient of the likelihood. */
#include "latent/train/rbm.h"

#include "latent/base/mem.h"
#include "latent/math/blas.h"
#include "latent/math/vec.h"
#include "train/rbm_int.h"

struct lt_rbm {
    lt_rbm_spec spec;
    lt_pool *pool;
    lt_rng sample;
    lt_real *w, *a, *b;    /* (H,D), (D), (H) */
    lt_real *dw, *da, *db; /* velocities */
    lt_real *h_data;       /* (B,H) hidden probabilities given the data */
    lt_real *h_model;      /* (B,H) ... and given the reconstruction */
    lt_real *h_sample;     /* (B,H) */
    lt_real *v_mean;       /* (B,D) reconstruction */
    lt_real *v_sample;     /* (B,D), only with cd > 1 */
    lt_real *sums;         /* (max(D,H)) */
    bool is_finite;        /* w, a, b after the last step */
};

static bool buffer_new(lt_real **out, size_t rows, size_t cols)
{
    *out = lt_mem_aligned(rows * cols, sizeof **out);
    return *out;
}

static bool buffers_new(lt_rbm *r)
{
    size_t d = (size_t)r->spec.visible, h = (size_t)r->spec.hidden;
    size_t batch = (size_t)r->spec.batch;

    return buffer_new(&r->w, h, d) && buffer_new(&r->a, 1, d) &&
           buffer_new(&r->b, 1, h) && buffer_new(&r->dw, h, d) &&
           buffer_new(&r->da, 1, d) && buffer_new(&r->db, 1, h) &&
           buffer_new(&r->h_data, batch, h) &&
           buffer_new(&r->h_model, batch, h) &&
           buffer_new(&r->h_sample, batch, h) &&
           buffer_new(&r->v_mean, batch, d) &&
           buffer_new(&r->sums, 1, d > h ? d : h) &&
           (r->spec.cd == 1 || buffer_new(&r->v_sample, batch, d));
}

static lt_status spec_check(const lt_rbm_spec *s, lt_err *err)
{
    if (s->visible < 1 || s->hidden < 1)
        return lt_err_set(err, LT_EINVAL,
                          "rbm: %d visible and %d hidden units, wanted at "
                          "least 1 of each",
                          s->visible, s->hidden);
    if (s->cd < 1)
        return lt_err_set(err, LT_EINVAL, "rbm: cd is %d, wanted at least 1",
                          s->cd);
    if (s->batch < 1)
        return lt_err_set(err, LT_EINVAL,
                          "rbm: a batch of %d, wanted at least 1", s->batch);
    return LT_OK;
}

lt_status lt_rbm_new(const lt_rbm_spec *spec, double sd, uint64_t seed,
                     lt_pool *pool, lt_rbm **out, lt_err *err)
{
    size_t weights = (size_t)spec->visible * (size_t)spec->hidden;
    lt_rbm *r;
    lt_rng init;

    LT_TRY(spec_check(spec, err));
    r = lt_mem_zero(1, sizeof *r);
    if (r) {
        r->spec = *spec;
        r->pool = pool;
        r->is_finite = true;
    }
    if (!r || !buffers_new(r)) {
        lt_rbm_free(r);
        return lt_err_mark(err, LT_ENOMEM);
    }
    lt_rng_init(&init, seed, "init");
    lt_rng_init(&r->sample, seed, "sample");
    lt_vec_normal(pool, &init, weights, r->w);
    lt_vec_axpby(pool, weights, 0, r->dw, (lt_real)sd, r->w);
    *out = r;
    return LT_OK;
}

void lt_rbm_free(lt_rbm *r)
{
    if (!r)
        return;
    lt_mem_free(r->w);
    lt_mem_free(r->a);
    lt_mem_free(r->b);
    lt_mem_free(r->dw);
    lt_mem_free(r->da);
    lt_mem_free(r->db);
    lt_mem_free(r->h_data);
    lt_mem_free(r->h_model);
    lt_mem_free(r->h_sample);
    lt_mem_free(r->v_mean);
    lt_mem_free(r->v_sample);
    lt_mem_free(r->sums);
    lt_mem_free(r);
}

lt_real *lt_rbm_weight(lt_rbm *rbm)
{
    return rbm->w;
}

lt_real *lt_rbm_visible_bias(lt_rbm *rbm)
{
    return rbm->a;
}

lt_real *lt_rbm_hidden_bias(lt_rbm *rbm)
{
    return rbm->b;
}

const lt_real *lt_rbm_reconstruction(const lt_rbm *rbm)
{
    return rbm->v_mean;
}

void lt_rbm_snapshot(lt_rbm *r, const char *prefix, lt_snapshot *out)
{
    size_t d = (size_t)r->spec.visible, h = (size_t)r->spec.hidden;

    LT_SNAPSHOT_ADD(out, prefix, "w", r->w, h * d);
    LT_SNAPSHOT_ADD(out, prefix, "a", r->a, d);
    LT_SNAPSHOT_ADD(out, prefix, "b", r->b, h);
    LT_SNAPSHOT_ADD(out, prefix, "dw", r->dw, h * d);
    LT_SNAPSHOT_ADD(out, prefix, "da", r->da, d);
    LT_SNAPSHOT_ADD(out, prefix, "db", r->db, h);
    LT_SNAPSHOT_ADD(out, prefix, "sample", r->sample.state, 4);
}

static lt_act unit_act(lt_unit unit)
{
    return unit == LT_UNIT_BINARY ? LT_ACT_SIGMOID : LT_ACT_LINEAR;
}

/* h (B,H) = mean of the hidden units given v (B,D). */
static void hidden_mean(lt_rbm *r, int rows, const lt_real *v, lt_real *h)
{
    lt_gemm(r->pool, LT_NOTRANS, LT_TRANS, rows, r->spec.hidden,
            r->spec.visible, 1, v, r->w, 0, h);
    lt_vec_bias_act(r->pool, unit_act(r->spec.hidden_unit), rows,
                    r->spec.hidden, r->b, h);
}

/* v (B,D) = mean of the visible units given h (B,H). */
static void visible_mean(lt_rbm *r, int rows, const lt_real *h, lt_real *v)
{
    lt_gemm(r->pool, LT_NOTRANS, LT_NOTRANS, rows, r->spec.visible,
            r->spec.hidden, 1, h, r->w, 0, v);
    lt_vec_bias_act(r->pool, unit_act(r->spec.visible_unit), rows,
                    r->spec.visible, r->a, v);
}

/* out (n) = samples of units with these means: coins, or mean + N(0,1). */
static void units_sample(lt_rbm *r, lt_unit unit, size_t n, const lt_real *mean,
                         lt_real *out)
{
    if (unit == LT_UNIT_BINARY) {
        lt_vec_bernoulli(r->pool, &r->sample, n, mean, out);
        return;
    }
    lt_vec_normal(r->pool, &r->sample, n, out);
    lt_vec_axpby(r->pool, n, 1, mean, 1, out);
}

/* Runs the chain from h_data; leaves v_mean and h_model, and returns the
 * visibles of the negative statistics. */
static const lt_real *chain_run(lt_rbm *r, int rows)
{
    size_t n_hidden = (size_t)rows * (size_t)r->spec.hidden;
    size_t n_visible = (size_t)rows * (size_t)r->spec.visible;
    const lt_real *h = r->h_data, *v = r->v_mean;

    for (int k = 0; k < r->spec.cd; k++) {
        units_sample(r, r->spec.hidden_unit, n_hidden, h, r->h_sample);
        visible_mean(r, rows, r->h_sample, r->v_mean);
        if (r->spec.cd > 1) {
            units_sample(r, r->spec.visible_unit, n_visible, r->v_mean,
                         r->v_sample);
            v = r->v_sample;
        }
        hidden_mean(r, rows, v, r->h_model);
        h = r->h_model;
    }
    return v;
}

/* x += dx, after dx = momentum dx + rate/rows (sums of plus - of minus). */
static void bias_update(lt_rbm *r, int rows, int n, const lt_real *plus,
                        const lt_real *minus, lt_real rate, lt_real momentum,
                        lt_real *dx, lt_real *x)
{
    size_t count = (size_t)n;

    lt_vec_col_sums(r->pool, rows, n, plus, 0, r->sums);
    lt_vec_axpby(r->pool, count, rate / (lt_real)rows, r->sums, momentum, dx);
    lt_vec_col_sums(r->pool, rows, n, minus, 0, r->sums);
    lt_vec_axpby(r->pool, count, -rate / (lt_real)rows, r->sums, 1, dx);
    r->is_finite &= lt_vec_add(r->pool, count, dx, x);
}

double lt_rbm_step(lt_rbm *r, const lt_real *v, int rows, double rate,
                   double momentum, double cost)
{
    int d = r->spec.visible, h = r->spec.hidden;
    size_t weights = (size_t)d * (size_t)h;
    lt_real share = (lt_real)(rate / rows);
    const lt_real *v_model;

    LT_ASSERT(rows > 0 && rows <= r->spec.batch);
    hidden_mean(r, rows, v, r->h_data);
    v_model = chain_run(r, rows);
    lt_gemm(r->pool, LT_TRANS, LT_NOTRANS, h, d, rows, share, r->h_data, v,
            (lt_real)momentum, r->dw);
    lt_gemm(r->pool, LT_TRANS, LT_NOTRANS, h, d, rows, -share, r->h_model,
            v_model, 1, r->dw);
    lt_vec_axpby(r->pool, weights, (lt_real)(-rate * cost), r->w, 1, r->dw);
    r->is_finite = lt_vec_add(r->pool, weights, r->dw, r->w);
    bias_update(r, rows, d, v, v_model, (lt_real)rate, (lt_real)momentum, r->da,
                r->a);
    bias_update(r, rows, h, r->h_data, r->h_model, (lt_real)rate,
                (lt_real)momentum, r->db, r->b);
    return lt_vec_sse_value(r->pool, (size_t)rows * (size_t)d, r->v_mean, v);
}

bool lt_rbm_is_finite(const lt_rbm *rbm)
{
    return rbm->is_finite;
}

/* What a step makes, in its order. */
void lt__rbm_blame(const lt_rbm *r, const lt_real *v, int rows,
                   const char *name, lt_divergence *d)
{
    size_t n_v = (size_t)rows * (size_t)r->spec.visible;
    size_t n_h = (size_t)rows * (size_t)r->spec.hidden;
    size_t n_w = (size_t)r->spec.visible * (size_t)r->spec.hidden;
    const struct {
        const char *what;
        size_t n;
        const lt_real *x;
    } all[] = {
        {"hidden units", n_h, r->h_data},
        {"hidden units' samples", n_h, r->h_sample},
        {"reconstructions", n_v, r->v_mean},
        {"hidden units of reconstructions", n_h, r->h_model},
        {"steps of the weights", n_w, r->dw},
        {"steps of the visible biases", (size_t)r->spec.visible, r->da},
        {"steps of the hidden biases", (size_t)r->spec.hidden, r->db},
        {"weights", n_w, r->w},
        {"visible biases", (size_t)r->spec.visible, r->a},
        {"hidden biases", (size_t)r->spec.hidden, r->b},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!lt_vec_all_finite(all[i].n, all[i].x)) {
            lt__divergence_say(d, "%s of %s", all[i].what, name);
            lt__divergence_say_bad(d, "are", all[i].n, all[i].x);
            lt__divergence_say(d, "; its weights reach %.2g, its input %.2g",
                               lt__largest(n_w, r->w), lt__largest(n_v, v));
            return;
        }
    lt__divergence_say(d, "squared error of %s is not finite", name);
}

/* Sum over the rows of -a'v, or of |v-a|^2/2. */
static double visible_energy(const lt_rbm *r, const lt_real *v, int rows)
{
    bool is_binary = r->spec.visible_unit == LT_UNIT_BINARY;
    int d = r->spec.visible;
    double sum = 0;

    for (int i = 0; i < rows; i++)
        for (int j = 0; j < d; j++) {
            double x = v[(size_t)i * (size_t)d + (size_t)j], a = r->a[j];

            sum += is_binary ? -a * x : (x - a) * (x - a) / 2;
        }
    return sum;
}

double lt_rbm_free_energy(lt_rbm *r, const lt_real *v, int rows)
{
    bool is_binary = r->spec.hidden_unit == LT_UNIT_BINARY;
    size_t n = (size_t)rows * (size_t)r->spec.hidden;
    double sum = 0;

    LT_ASSERT(rows > 0 && rows <= r->spec.batch);
    lt_gemm(r->pool, LT_NOTRANS, LT_TRANS, rows, r->spec.hidden,
            r->spec.visible, 1, v, r->w, 0, r->h_sample);
    lt_vec_bias_act(r->pool, is_binary ? LT_ACT_SOFTPLUS : LT_ACT_LINEAR, rows,
                    r->spec.hidden, r->b, r->h_sample);
    for (size_t i = 0; i < n; i++) {
        double z = r->h_sample[i];

        sum += is_binary ? z : z * z / 2;
    }
    return visible_energy(r, v, rows) - sum;
}
