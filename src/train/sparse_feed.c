/* Batches of sparse rows; see sparse_feed.h. The rows of a batch are copied,
 * some kilobytes, because a shuffled order has them all over the set. */
#include "train/sparse_feed.h"

#include <math.h>

static bool values_are_numbers(const lt_sparse *s)
{
    for (int64_t e = s->start[0]; e < s->start[s->rows]; e++)
        if (isnan(s->value[e]))
            return false;
    return true;
}

bool lt__sparse_feed_suits(const lt_dataset *set)
{
    const lt_sparse *x = lt_dataset_sparse(set);
    const lt_sparse *t = lt_dataset_sparse(lt_dataset_target(set));

    return x && t && values_are_numbers(x) && (t == x || values_are_numbers(t));
}

lt_status lt__sparse_feed_init(lt__sparse_feed *f, const lt_dataset *set,
                               int rows, lt_err *err)
{
    const lt_sparse *x = lt_dataset_sparse(set);
    const lt_sparse *t = lt_dataset_sparse(lt_dataset_target(set));

    *f = (lt__sparse_feed){.set = set};
    LT_TRY(lt_sparse_batch_new(rows, lt_sparse_most_entries(x, rows), x->cols,
                               &f->x, err));
    if (t == x) {
        f->target = f->x;
        return LT_OK;
    }
    return lt_sparse_batch_new(rows, lt_sparse_most_entries(t, rows), t->cols,
                               &f->target, err);
}

void lt__sparse_feed_deinit(lt__sparse_feed *f)
{
    if (f->target != f->x)
        lt_sparse_batch_free(f->target);
    lt_sparse_batch_free(f->x);
    *f = (lt__sparse_feed){0};
}

int64_t lt__sparse_feed_entries(const lt__sparse_feed *f)
{
    return f->target->most_entries;
}

lt_sparse_pair lt__sparse_feed_gather(lt__sparse_feed *f, lt__feed_range range,
                                      bool arranges)
{
    const lt_dataset *wanted = lt_dataset_target(f->set);

    lt_sparse_batch_gather(f->x, lt_dataset_sparse(f->set), range.index,
                           range.first, range.rows);
    if (f->target != f->x)
        lt_sparse_batch_gather(f->target, lt_dataset_sparse(wanted),
                               range.index, range.first, range.rows);
    if (arranges && f->target != f->x)
        lt_sparse_batch_arrange_both(f->x, f->target);
    else if (arranges)
        lt_sparse_batch_arrange(f->x);
    return (lt_sparse_pair){f->x, f->target};
}
