/* The head of an HTTP answer, line by line as libcurl hands it on, and what a
 * download then makes of it. The source is included, not linked: these are its
 * own functions. */
#include "base/download.c"

#include "fuzz.h"

#include <unistd.h>

/* A line with its end; libcurl gives it without a closing NUL. */
static size_t line_size(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);

    return end ? (size_t)(end - data) + 1 : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char url[] = "http://host/file";
    lt_download d = {.url = url, .now = {.start = -1, .total = -1}};
    lt_err err = {0};

    d.opts.size = -1;
    d.opts.limit = 1000;
    while (size > 0) {
        size_t n = line_size(data, size);
        char *line = lt_mem_alloc(n, 1); /* of its exact size */

        LT_ASSERT(line);
        memcpy(line, data, n);
        LT_ASSERT(on_header(line, 1, n, &d) == n);
        lt_mem_free(line);
        data += n;
        size -= n;
    }
    LT_ASSERT(strlen(d.now.etag) < sizeof d.now.etag);
    LT_ASSERT(total_check(&d, d.now.total, &err) == LT_OK ? d.now.total <= 1000
                                                          : err.text[0]);
    return 0;
}
