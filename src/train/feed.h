/* What goes into a network from a set, and what should come out. */
#ifndef LT_TRAIN_FEED_H
#define LT_TRAIN_FEED_H

#include "latent/data/dataset.h"
#include "latent/net/loss.h"

/* EINVAL when a target of `set` lies where the loss is not defined: bce wants
 * values from 0 to 1, multinomial counts, masked_mse at least one known entry,
 * all others that none is missing; all want what is there to be finite. `name`
 * ("test set") says which set it is. Bytes are as they should be; other values
 * are read through once. */
lt_status lt__feed_check(const lt_dataset *set, lt_loss loss, const char *name,
                         lt_err *err);

/* EINVAL when a value that goes in is infinite, in the numbers that the network
 * computes with; one that is missing (NaN) is 0 to it. Part of the above where
 * targets are others. */
lt_status lt__feed_check_inputs(const lt_dataset *set, const char *name,
                                lt_err *err);

/* Room for `rows` targets, where they are not what goes in; else *out stays
 * NULL. */
lt_status lt__feed_room(const lt_dataset *set, lt_loss loss, int rows,
                        lt_real **out, lt_err *err);

/* The examples index[0..rows), or first.. when index is NULL. */
typedef struct lt__feed_range {
    const int32_t *index;
    int first, rows;
} lt__feed_range;

/* x (rows, D) = the examples, 0 where a value is missing. */
void lt__feed_inputs(const lt_dataset *set, lt__feed_range range, lt_real *x);

/* The same, and returns their targets, in which NaN stands for what masked_mse
 * leaves out: `target`, from lt__feed_room, or x. Allocates nothing. */
const lt_real *lt__feed_gather(const lt_dataset *set, lt_loss loss,
                               lt__feed_range range, lt_real *x,
                               lt_real *target);

#endif
