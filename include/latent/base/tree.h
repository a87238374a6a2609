/* Folders with all that is in them, for whoever counts or deletes. Links are
 * never followed, other file systems never entered: what a link leads to, or is
 * mounted there, is not in the folder.
 *
 * `path` is below `base`, by plain names: "runs/12/stages"; a link on the way
 * is an error. `base` itself may be a link. */
#ifndef LT_TREE_H
#define LT_TREE_H

#include <stdint.h>

#include "latent/base/status.h"

typedef enum lt_tree_kind {
    LT_TREE_FILE,
    LT_TREE_FOLDER,
    LT_TREE_LINK,
    LT_TREE_OTHER, /* a device, a pipe, a socket; a folder mounted there */
} lt_tree_kind;

typedef struct lt_tree_entry {
    const char *path; /* below the folder that is walked; borrowed */
    lt_tree_kind kind;
    int64_t bytes;  /* of a file; else 0 */
    double changed; /* seconds since 1970 */
} lt_tree_entry;

/* Not LT_OK ends the walk. */
typedef lt_status lt_tree_visit(void *self, const lt_tree_entry *e,
                                lt_err *err);

/* All that is in the folder, down to `depth` levels (1: what lies in it), in no
 * order, a folder before what it holds. What goes away meanwhile, or may not be
 * read, is left out. ENOTFOUND when there is no such folder. */
lt_status lt_tree_walk(const char *base, const char *path, int depth,
                       lt_tree_visit *visit, void *self, lt_err *err);

/* Deletes a file, a link, or a folder with all that is in it. What is not there
 * is fine. */
lt_status lt_tree_remove(const char *base, const char *path, lt_err *err);

/* Renames a folder to one beside it; ENOTFOUND when it is not there, EINVAL
 * when it is a link or no folder. */
lt_status lt_tree_rename(const char *base, const char *path, const char *name,
                         lt_err *err);

#endif
