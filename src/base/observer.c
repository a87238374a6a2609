/* Calls of an observer's members; see latent/base/observer.h. */
#include "latent/base/observer.h"

lt_status lt_observe_metric(const lt_observer *o, const char *name,
                            int64_t step, double epoch, double value,
                            lt_err *err)
{
    return o && o->metric ? o->metric(o->self, name, step, epoch, value, err)
                          : LT_OK;
}

void lt_observe_progress(const lt_observer *o, const lt_progress *progress)
{
    if (o && o->progress)
        o->progress(o->self, progress);
}

void lt_observe_divergence(const lt_observer *o, const lt_divergence *d)
{
    if (o && o->diverged)
        o->diverged(o->self, d);
}

bool lt_observe_stop(const lt_observer *o)
{
    return o && o->should_stop && o->should_stop(o->self);
}
