/* What code units do over a set; see latent/train/probe.h.
 *
 * One pass over the codes, a block at a time. The participation ratio needs no
 * eigenvalues: their sum is the covariance's trace, the sum of their squares
 * the sum of its elements' squares. The covariance takes (units, units)
 * doubles, and codes of more than LT_PCA_MOST units are refused. */
#include "latent/base/mem.h"
#include "latent/math/pca.h"
#include "train/probe_int.h"

#include <math.h>

#define ROWS 512

lt_unit_opts lt_unit_defaults(lt_act act)
{
    return (lt_unit_opts){.act = act, .dead_below = 1e-4};
}

/* A block of codes, and what is counted. */
typedef struct count {
    const lt_unit_opts *opts;
    int units, rows;
    lt_real *block;     /* (ROWS, units) */
    double *covariance; /* (units, units) */
    bool *is_used;      /* (units) not 0 for some example */
    lt_covariance *sums;
} count;

static lt_status count_init(count *c, lt_err *err)
{
    size_t h = (size_t)c->units;

    LT_TRY(lt_covariance_new(c->units, c->opts->pool, &c->sums, err));
    c->block = lt_mem_aligned(ROWS * h, sizeof *c->block);
    c->covariance = lt_mem_alloc(h * h, sizeof *c->covariance);
    c->is_used = lt_mem_zero(h, sizeof *c->is_used);
    return lt_err_mark(
        err, c->block && c->covariance && c->is_used ? LT_OK : LT_ENOMEM);
}

static void count_deinit(count *c)
{
    lt_covariance_free(c->sums);
    lt_mem_free(c->is_used);
    lt_mem_free(c->covariance);
    lt_mem_free(c->block);
}

/* The least and the greatest value of an activation that has both. */
static bool act_limits(lt_act act, double *low, double *high)
{
    *low = act == LT_ACT_TANH ? -1 : 0;
    *high = 1;
    return act == LT_ACT_TANH || act == LT_ACT_SIGMOID;
}

static void block_count(const count *c, int n, lt_unit_stats *out)
{
    double low, high;
    bool is_bounded = act_limits(c->opts->act, &low, &high);
    const lt_real *x = c->block;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < c->units; j++) {
            double v = (double)*x++;

            c->is_used[j] |= v != 0;
            if (is_bounded && (v <= low + LT_SATURATED_WITHIN ||
                               v >= high - LT_SATURATED_WITHIN))
                out->saturated[j] += 1;
        }
}

static lt_status codes_count(count *c, const lt_dataset *codes,
                             lt_unit_stats *out, lt_err *err)
{
    lt__probe_watch watch = {.observer = c->opts->observer,
                             .phase = "probe units"};

    for (int at = 0; at < c->rows; at += ROWS) {
        int n = c->rows - at < ROWS ? c->rows - at : ROWS;
        size_t size = (size_t)n * (size_t)c->units;

        LT_TRY(lt__probe_poll(&watch, (double)at / c->rows, err));
        lt_dataset_gather(codes, NULL, at, n, c->block);
        LT_TRY(lt__probe_finite("codes", at, c->units, size, c->block, err));
        lt_covariance_add(c->sums, n, c->block);
        block_count(c, n, out);
    }
    return lt_covariance_get(c->sums, out->mean, c->covariance, err);
}

static double participation(int units, const double *covariance)
{
    size_t h = (size_t)units;
    double trace = 0, squares = 0;

    for (size_t i = 0; i < h; i++)
        trace += covariance[i * h + i];
    for (size_t i = 0; i < h * h; i++)
        squares += covariance[i] * covariance[i];
    return squares > 0 ? trace * trace / squares : 0;
}

static void stats_fill(const count *c, lt_unit_stats *out)
{
    double low, high;
    bool is_bounded = act_limits(c->opts->act, &low, &high);

    for (int j = 0; j < c->units; j++) {
        double v = c->covariance[(size_t)j * (size_t)c->units + (size_t)j];

        out->variance[j] = v > 0 ? v : 0;
        out->saturated[j] = is_bounded ? out->saturated[j] / c->rows : NAN;
        out->is_dead[j] = v < c->opts->dead_below || !c->is_used[j];
        out->n_dead += out->is_dead[j];
        out->mean_variance += out->variance[j] / c->units;
        out->mean_saturated += out->saturated[j] / c->units;
    }
    out->effective = participation(c->units, c->covariance);
}

static lt_status stats_init(lt_unit_stats *out, int units, lt_err *err)
{
    size_t h = (size_t)units;

    *out = (lt_unit_stats){.units = units};
    out->mean = lt_mem_zero(3 * h, sizeof *out->mean);
    out->is_dead = lt_mem_zero(h, sizeof *out->is_dead);
    if (!out->mean || !out->is_dead)
        return lt_err_mark(err, LT_ENOMEM);
    out->variance = out->mean + h;
    out->saturated = out->variance + h;
    return LT_OK;
}

void lt_unit_stats_deinit(lt_unit_stats *stats)
{
    lt_mem_free(stats->mean);
    lt_mem_free(stats->is_dead);
    *stats = (lt_unit_stats){0};
}

lt_status lt_probe_units(const lt_dataset *codes, const lt_unit_opts *opts,
                         lt_unit_stats *out, lt_err *err)
{
    count c = {.opts = opts,
               .units = lt_shape_elements(lt_dataset_shape(codes)),
               .rows = lt_dataset_rows(codes)};
    lt_status rc = count_init(&c, err);

    *out = (lt_unit_stats){0};
    if (rc == LT_OK)
        rc = stats_init(out, c.units, err);
    if (rc == LT_OK)
        rc = codes_count(&c, codes, out, err);
    if (rc == LT_OK)
        stats_fill(&c, out);
    else
        lt_unit_stats_deinit(out);
    count_deinit(&c);
    return rc;
}
