/* Runs that go on after their process has died.
 *
 * A run is executed by calling its script's run function, always from the
 * start. Calls of latent.fit and latent.pretrain that record into the run are
 * its stages, numbered from 1 as they begin. What the run has reached is in
 * files of its folder:
 *
 *   checkpoint   the stage in work: its snapshot, the reports of its ended
 *                epochs; and how many points of every metric the store has
 *   stages/N     the end of stage N, where the stage took long enough
 *
 * A later process calls the function again. Stages that have ended take their
 * network's parameters from the file (or are done again, when there is none:
 * they give the same), the stage in work goes on, and on_epoch hears the
 * stored reports once more, so that all that a script keeps in its variables
 * comes back. Metrics that the store has are recognised by their number within
 * their series and not logged again. All of this but the files is forgotten
 * with the process; both are removed when the run ends other than by a stop. */
#ifndef LT_BIND_RESUME_INT_H
#define LT_BIND_RESUME_INT_H

#include "bind/bind_int.h"

#include "latent/base/snapshot.h"
#include "latent/train/fit.h"

/* ---- the run: resume.c ---- */

/* Reads what an earlier process left, and takes the claim's metrics back to
 * it; what is broken is removed, with a note, and the run begins anew. Before
 * there is a recorder. */
lt_status lt__resume_open(lt_claim *claim, lt__resume **out, lt_err *err);

/* The files stay: the claim's end removes them. Accepts NULL. */
void lt__resume_close(lt__resume *r);

/* The recorder that is flushed before a checkpoint is written; NULL: none. */
void lt__resume_record(lt__resume *r, lt_recorder *recorder);

/* The stage in work could not go on from its checkpoint, for reasons that are
 * the file's: the files are removed, with a note of `why`, for another
 * try. */
bool lt__resume_is_broken(const lt__resume *r);
void lt__resume_forget(lt_claim *claim, const char *why);

/* A metric on its way to the run's recorder: only those that it lacks. */
lt_status lt__resume_metric(lt__ctx *ctx, const lt__metric *m, lt_err *err);

/* Whether on_epoch hears of epochs that an earlier process has trained. */
bool lt__resume_is_replaying(const lt__resume *r); /* accepts NULL */

/* ---- its stages: stage.c. All accept NULL, a call that is no stage. ---- */

typedef struct lt__stage {
    const char *is; /* what it is, for people; other than in the process before:
                       an error */
    lt_net *net;
    double checkpoint_seconds; /* negative: by default */
} lt__stage;

typedef enum lt__stage_way {
    LT__STAGE_BEGINS,
    LT__STAGE_GOES_ON, /* with lt__stage_saver, after its reports */
    LT__STAGE_IS_OVER, /* the network is as it was left */
} lt__stage_way;

/* *r becomes NULL when the call is none: one within on_epoch. */
lt_status lt__stage_begin(lt__resume **r, const lt__stage *stage,
                          lt__stage_way *way, lt_err *err);
const lt_saver *lt__stage_saver(const lt__resume *r);

/* The training refused what the saver had to go on from. */
void lt__stage_blame(lt__resume *r);

/* The stage's result, when it is over; false: it had none. */
bool lt__stage_result(const lt__resume *r, lt_fit_result *out);

/* It has ended well; `result` or NULL. */
void lt__stage_end(lt__resume *r, const lt_fit_result *result);

/* on_epoch is called between these two. */
void lt__stage_call_begin(lt__resume *r);
void lt__stage_call_end(lt__resume *r);

/* What on_epoch learns of networks and sets would be another's when it hears of
 * an epoch again: by then they are as they became. So the answers of such
 * calls (lua/latent/recall.lua) are kept with the stage, in their order. */
typedef enum lt__recall {
    LT__RECALL_NONE, /* not within on_epoch: nothing is kept */
    LT__RECALL_KEEP, /* call, then lt__stage_remember */
    LT__RECALL_IS,   /* *answer is what it was; borrowed */
} lt__recall;

/* EINVAL when the script asks for something else than it did then. */
lt_status lt__stage_recall(lt__resume *r, const char *name, lt__recall *what,
                           const json_t **answer, lt_err *err);

/* Takes over `answer`; NULL: it cannot be kept. Then the stage's checkpoints
 * end with the last one before this. */
void lt__stage_remember(lt__resume *r, json_t *answer);

/* on_epoch does what cannot be done again. */
void lt__stage_touch(lt__resume *r);

/* Keeps a report, after on_epoch has heard it. */
lt_status lt__stage_report(lt__resume *r, const lt_epoch_report *report,
                           lt_err *err);

/* The reports of an earlier process, which on_epoch is to hear again before
 * the stage goes on; false: that was the last. */
bool lt__stage_replay(lt__resume *r, lt_epoch_report *out);

#endif
