/* Trainings that are cut off and go on in another network: a saver that keeps
 * snapshots in a file, and events of several sittings put together. */
#ifndef LT_RESUME_FIXTURE_H
#define LT_RESUME_FIXTURE_H

#include "train_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "latent/base/path.h"
#include "latent/base/snapshot.h"

/* Keeps every snapshot under one name, the last one remains. */
typedef struct keeper {
    char path[64];
    int due_every; /* questions between two snapshots that are due; 0: none */
    int asked, saved;
    lt_saver saver;
} keeper;

static inline bool keeper_is_due(void *self, bool at_end)
{
    keeper *k = self;

    (void)at_end;
    return k->due_every > 0 && ++k->asked % k->due_every == 0;
}

static inline void keeper_save(void *self, const lt_snapshot *s)
{
    keeper *k = self;
    lt_err err = {0};

    if (lt_snapshot_write(s, "{}", k->path, &err) != LT_OK)
        fail_msg("%s", err.text);
    k->saved++;
}

static inline void keeper_init(keeper *k)
{
    int fd;

    *k = (keeper){.path = "/tmp/latent-resume-XXXXXX"};
    fd = mkstemp(k->path);
    assert_true(fd >= 0);
    close(fd);
    k->saver =
        (lt_saver){.self = k, .is_due = keeper_is_due, .save = keeper_save};
}

static inline void keeper_drop(keeper *k)
{
    lt_snapshot_close(k->saver.from);
    assert_int_equal(unlink(k->path), 0);
}

/* The work goes on from the last snapshot. */
static inline void keeper_reopen(keeper *k)
{
    lt_err err = {0};

    lt_snapshot_close(k->saver.from);
    k->saver.from = NULL;
    if (lt_snapshot_open(k->path, &k->saver.from, &err) != LT_OK)
        fail_msg("%s", err.text);
}

/* Two sittings told what one does: the same values, bit for bit. */
static inline void events_assert_equal(const memory *a, const memory *b)
{
    for (int i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->events[i].name, b->events[i].name) != 0 ||
            a->events[i].step != b->events[i].step ||
            memcmp(&a->events[i].epoch, &b->events[i].epoch, 16) != 0)
            fail_msg("event %d: %s at %lld is %.17g, wanted %s at %lld %.17g",
                     i, b->events[i].name, (long long)b->events[i].step,
                     b->events[i].value, a->events[i].name,
                     (long long)a->events[i].step, a->events[i].value);
    assert_int_equal(a->n, b->n);
}

#endif
