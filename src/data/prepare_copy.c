/* The numbers of a preparation, out of it and into a new one: what a file of
 * it holds; see latent/data/prepare.h. Numbers come from files that anyone may
 * have written, so all are looked at. */
#include "data/prepare_int.h"

#include "latent/base/mem.h"

#include <math.h>
#include <string.h>

lt_prep_numbers lt_prep_look(const lt_prep *p)
{
    return (lt_prep_numbers){.input = p->input,
                             .output = p->output,
                             .shift = p->shift,
                             .factor = p->factor,
                             .forward = p->forward,
                             .backward = p->backward,
                             .variances = p->variances};
}

static lt_status doubles_copy(const char *name, const double *from, size_t n,
                              double **to, lt_err *err)
{
    if (!from)
        return LT_OK;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(from[i]))
            return lt_err_set(err, LT_EFORMAT,
                              "%s: number %zu is %g, wanted a finite one", name,
                              i + 1, from[i]);
    *to = lt_mem_alloc(n, sizeof **to);
    if (!*to)
        return lt_err_mark(err, LT_ENOMEM);
    memcpy(*to, from, n * sizeof **to);
    return LT_OK;
}

static lt_status reals_copy(const char *name, const lt_real *from, size_t n,
                            lt_real **to, lt_err *err)
{
    if (!from)
        return LT_OK;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(from[i]))
            return lt_err_set(err, LT_EFORMAT,
                              "%s: number %zu is %g, wanted a finite one", name,
                              i + 1, (double)from[i]);
    *to = lt_mem_alloc(n, sizeof **to);
    if (!*to)
        return lt_err_mark(err, LT_ENOMEM);
    memcpy(*to, from, n * sizeof **to);
    return LT_OK;
}

static lt_status numbers_check(const lt_prep_numbers *n, lt_err *err)
{
    int from = lt_shape_elements(n->input), to = lt_shape_elements(n->output);

    if (!n->shift || !n->factor == !n->forward || !n->forward != !n->backward)
        return lt_err_set(err, LT_EFORMAT,
                          "wanted shift, and either factor or forward and "
                          "backward");
    if (to > from || (n->factor && to != from))
        return lt_err_set(err, LT_EFORMAT,
                          "found %d elements made of %d, wanted %s", to, from,
                          n->factor ? "as many" : "no more");
    for (int j = 0; n->factor && j < from; j++)
        if (!(fabs(n->factor[j]) > 0))
            return lt_err_set(err, LT_EFORMAT,
                              "factor: number %d is 0, wanted another", j + 1);
    return LT_OK;
}

lt_status lt_prep_copy(const lt_prep_numbers *n, lt_prep **out, lt_err *err)
{
    size_t from = (size_t)lt_shape_elements(n->input);
    size_t size = (size_t)lt_shape_elements(n->output) * from;
    lt_prep *p;
    lt_status rc;

    LT_TRY(numbers_check(n, err));
    p = lt_mem_zero(1, sizeof *p);
    if (!p)
        return lt_err_mark(err, LT_ENOMEM);
    p->input = n->input;
    p->output = n->output;
    rc = doubles_copy("shift", n->shift, from, &p->shift, err);
    if (rc == LT_OK)
        rc = doubles_copy("factor", n->factor, from, &p->factor, err);
    if (rc == LT_OK)
        rc = doubles_copy("variances", n->variances, from, &p->variances, err);
    if (rc == LT_OK)
        rc = reals_copy("forward", n->forward, size, &p->forward, err);
    if (rc == LT_OK)
        rc = reals_copy("backward", n->backward, size, &p->backward, err);
    if (rc == LT_OK)
        *out = p;
    else
        lt_prep_free(p);
    return rc;
}
