/* On what file system a store lies. Over a network SQLite's write-ahead log is
 * not safe: such a store has a plain journal, and runs write their metrics to
 * files of their own, which are folded in when they end. */
#ifndef LT_PLACE_H
#define LT_PLACE_H

#include <stdbool.h>

typedef struct lt_place {
    char name[32];   /* "nfs", "fuse", ..; "" for one that is not a network's */
    bool is_network; /* to be treated so */
    bool is_said;    /* by $LATENT_NETWORK_STORE, 1 or 0 */
} lt_place;

/* Of the store at `path`, or of the nearest folder above it that is there. */
void lt_place_find(const char *path, lt_place *out);

/* The journal that the file says: "wal", "truncate", "" when it is not there
 * (or is no store). */
const char *lt_place_journal(const char *path);

#endif
