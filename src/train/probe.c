/* What all probes check and tell; see latent/train/probe.h. */
#include "train/probe_int.h"

#include "latent/base/clock.h"

#include <math.h>
#include <string.h>

#define PROGRESS_SECONDS 0.1

static const char *const distance_names[] = {
#define X(name, text) text,
    LT_DISTANCE_MAP(X)
#undef X
        NULL};

int lt_distance_find(const char *name)
{
    for (int i = 0; i < LT_DISTANCE_COUNT; i++)
        if (strcmp(name, distance_names[i]) == 0)
            return i;
    return -1;
}

const char *const *lt_distance_names(void)
{
    return distance_names;
}

const lt_dataset *lt__probe_items(const lt_probe *p)
{
    return p->train ? p->train : p->test;
}

static lt_status labels_check(const lt_dataset *d, const char *set,
                              const char *probe, lt_err *err)
{
    if (lt_dataset_labels(d))
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "%s: the %s has no labels, wanted examples with labels",
                      probe, set);
}

lt_status lt__probe_check(const lt_probe *p, const char *probe,
                          bool wants_labels, lt_err *err)
{
    const lt_dataset *items = lt__probe_items(p);
    char found[LT_SHAPE_TEXT], wanted[LT_SHAPE_TEXT];

    if (wants_labels) {
        LT_TRY(labels_check(items, p->train ? LT__PROBE_TRAIN : LT__PROBE_TEST,
                            probe, err));
        LT_TRY(labels_check(p->test, LT__PROBE_TEST, probe, err));
    }
    lt_shape_text(lt_dataset_shape(p->test), found);
    lt_shape_text(lt_dataset_shape(items), wanted);
    if (lt_shape_elements(lt_dataset_shape(items)) !=
        lt_shape_elements(lt_dataset_shape(p->test)))
        return lt_err_set(err, LT_EINVAL,
                          "%s: examples of shape %s in the %s, wanted %s, as "
                          "in the %s",
                          probe, found, LT__PROBE_TEST, wanted,
                          LT__PROBE_TRAIN);
    return LT_OK;
}

lt_status lt__probe_finite(const char *set, int first, int elements,
                           size_t count, const lt_real *x, lt_err *err)
{
    if (lt_vec_all_finite(count, x))
        return LT_OK;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return lt_err_set(err, LT_EINVAL,
                              "%s: element %zu of example %zu is %g, wanted "
                              "finite numbers",
                              set, i % (size_t)elements + 1,
                              (size_t)first + i / (size_t)elements + 1,
                              (double)x[i]);
    return LT_OK;
}

lt_status lt__probe_poll(lt__probe_watch *watch, double done, lt_err *err)
{
    lt_progress p = {.phase = watch->phase, .done = done, .loss = NAN};
    double now;

    if (!watch->observer)
        return LT_OK;
    if (lt_observe_stop(watch->observer))
        return lt_err_set(err, LT_EINTERRUPTED, "interrupted");
    now = lt_clock_elapsed();
    if (now < watch->tell_at)
        return LT_OK;
    watch->tell_at = now + PROGRESS_SECONDS;
    lt_observe_progress(watch->observer, &p);
    return LT_OK;
}
