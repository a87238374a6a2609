/* Paths and files. All paths are byte strings; a failure of the system is
 * LT_EIO (LT_ENOSPC when the disk is full) and names the path: "a/b: cannot
 * open: No such file or directory". */
#ifndef LT_PATH_H
#define LT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "latent/base/status.h"
#include "latent/base/text.h"

/* "a/b", or `b` alone when it starts with '/' or `a` is empty; `out` is
 * cleared first. */
void lt_path_join(lt_text *out, const char *a, const char *b);
const char *lt_path_name(const char *path); /* after the last '/'; borrowed */
bool lt_path_exists(const char *path);

/* Creates the folder and its parents; existing ones are fine. */
lt_status lt_path_make_dirs(const char *path, lt_err *err);

/* For reading what may be no plain file, which its caller finds out: a pipe is
 * not waited for. NULL with errno. */
FILE *lt_path_open(const char *path);

/* The whole file, at most `limit` bytes (a larger one is an error);
 * *out is NUL-terminated and the caller's (lt_mem_free). */
lt_status lt_path_read(const char *path, size_t limit, char **out, size_t *size,
                       lt_err *err);

/* Writes through a temporary file in the same folder, fsync, rename and
 * fsync of the folder: a reader sees the old content or the new, whole. */
lt_status lt_path_write(const char *path, const void *data, size_t size,
                        lt_err *err);

/* The same from several pieces, one after another, without joining them in
 * memory first. */
typedef struct lt_path_part {
    const void *data;
    size_t size;
} lt_path_part;
lt_status lt_path_write_parts(const char *path, const lt_path_part *parts,
                              int n, lt_err *err);

/* Renames a file (in one file system, replacing what is there) and makes that
 * durable. */
lt_status lt_path_replace(const char *from, const char *to, lt_err *err);

/* Waits until what was written to a file, by whomever, or the names in a
 * folder, and its own name, are on the disk. */
lt_status lt_path_sync(const char *path, lt_err *err);

/* Bytes free for this user, and in all, on the file system that the path is on,
 * or would be: the nearest folder above it that is there. */
lt_status lt_path_space(const char *path, int64_t *free, int64_t *all,
                        lt_err *err);

/* Removes a file, or a folder with all that is in it (links are removed, not
 * followed). What is not there is fine. */
lt_status lt_path_remove(const char *path, lt_err *err);

#endif
