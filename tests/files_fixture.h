/* A folder of its own for a test's files. Include after cmocka.h. */
#ifndef FILES_FIXTURE_H
#define FILES_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "latent/base/mem.h"
#include "latent/base/status.h"

static char files_folder[] = "/tmp/latent-files-XXXXXX";

static inline int files_make(void **state)
{
    (void)state;
    return mkdtemp(files_folder) ? 0 : -1;
}

static inline int files_drop(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", files_folder);
    return system(command);
}

/* The path of a file there; stays valid for the next 1000 calls. */
static inline const char *files_path(const char *name)
{
    static char paths[1000][128];
    static int next;
    char *path = paths[next++ % 1000];

    snprintf(path, sizeof paths[0], "%s/%s", files_folder, name);
    return path;
}

static inline const char *files_write(const char *name, const void *bytes,
                                      size_t n)
{
    const char *path = files_path(name);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline const char *files_write_text(const char *name, const char *text)
{
    return files_write(name, text, strlen(text));
}

/* Fails the test unless the message holds each of the words, which are set
 * apart by '|'. */
static inline void err_check(const lt_err *err, const char *words)
{
    char copy[512], *rest = copy;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&rest, "|"));)
        if (!strstr(err->text, word))
            fail_msg("\"%s\" lacks \"%s\"", err->text, word);
}

#endif
