/* A file fetched by HTTP or HTTPS (libcurl).
 *
 * The bytes go to PATH.part, and the file appears under its own name only when
 * its size and SHA-256 are right. A part that is there already is taken up
 * where it ends. Failures that may pass (a cut connection, silence, a busy
 * server) are tried again after a pause that doubles; others end at once.
 *
 * The caller keeps the time:
 *
 *     lt_download_open(&opts, &d, &err);
 *     while (!done && rc == LT_OK) {
 *         rc = lt_download_step(d, 0.2, &done, &err);
 *         lt_download_look(d, &state);   (draw it)
 *     }
 *     lt_download_close(d);              (at any time; the part stays)
 */
#ifndef LT_DOWNLOAD_H
#define LT_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/status.h"

typedef struct lt_download lt_download;

typedef struct lt_download_opts {
    const char *url;
    const char *path;     /* its folders are made */
    int64_t size;         /* bytes; -1: unknown */
    int64_t limit;        /* bytes at most when the size is unknown */
    const char *sha256;   /* or NULL: then no older part is taken up */
    double stall_seconds; /* without data until a try fails */
    double pause_seconds; /* before the second try */
    int tries;            /* in a row that bring less than a megabyte */
} lt_download_opts;

typedef struct lt_download_state {
    int64_t have;   /* bytes so far */
    int64_t size;   /* -1: unknown */
    int tries;      /* failed ones */
    double pause;   /* seconds until the next try, or 0 */
    char text[256]; /* what went wrong last, or "" */
} lt_download_state;

/* EBUSY when another process is at the same file. */
lt_status lt_download_open(const lt_download_opts *opts, lt_download **out,
                           lt_err *err);

/* Works for about `seconds`. ENOTFOUND when the server has no such file,
 * EFORMAT when it gave another one than was wanted, else EIO; the message names
 * the URL, what was found and what was wanted. */
lt_status lt_download_step(lt_download *d, double seconds, bool *done,
                           lt_err *err);

void lt_download_look(const lt_download *d, lt_download_state *out);
void lt_download_close(lt_download *d); /* accepts NULL */

#endif
