/* Inputs as files in memory, and what every reader of sets must keep to. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "latent/base/mem.h"

/* Larger sets are not gathered whole: that would only take time. */
#define GATHERED_ROWS     64
#define GATHERED_ELEMENTS 8192

const char *fuzz_file(int slot, const void *data, size_t size)
{
    static struct {
        int fd;
        char path[40];
    } files[FUZZ_FILES];

    LT_ASSERT(slot >= 0 && slot < FUZZ_FILES);
    if (files[slot].fd > 0)
        close(files[slot].fd); /* a mapping of the old bytes stays valid */
    files[slot].fd = memfd_create("fuzz", MFD_CLOEXEC);
    LT_ASSERT(files[slot].fd > 0);
    LT_ASSERT(write(files[slot].fd, data, size) == (ssize_t)size);
    snprintf(files[slot].path, sizeof files[slot].path, "/proc/self/fd/%d",
             files[slot].fd);
    return files[slot].path;
}

static void set_read(const lt_dataset *d)
{
    int rows = lt_dataset_rows(d);
    int elements = lt_shape_elements(lt_dataset_shape(d));
    int most = elements < GATHERED_ELEMENTS / GATHERED_ROWS
                   ? GATHERED_ROWS
                   : 1 + GATHERED_ELEMENTS / elements;
    int n = rows < most ? rows : most;
    lt_real *out = lt_mem_alloc((size_t)n, (size_t)elements * sizeof *out);
    char hex[LT_DIGEST_HEX];

    LT_ASSERT(rows > 0 && elements > 0);
    if (out)
        lt_dataset_gather(d, NULL, rows - n, n, out);
    lt_mem_free(out);
    lt_dataset_fingerprint(d, hex);
}

void fuzz_set_check(lt_status rc, lt_dataset **d, lt_err *err)
{
    if (rc == LT_OK) {
        LT_ASSERT(*d);
        set_read(*d);
    } else {
        LT_ASSERT(!*d);
        LT_ASSERT(err->status == rc && err->text[0]);
    }
    lt_dataset_free(*d);
    *d = NULL;
    *err = (lt_err){0};
}

void fuzz_picture_check(lt_status rc, lt_picture *p, lt_err *err)
{
    if (rc == LT_OK) {
        size_t n = (size_t)p->width * (size_t)p->height;
        uint8_t *planes = lt_mem_alloc(n, 3);

        LT_ASSERT(p->pixels && n > 0);
        if (planes)
            lt_picture_planes(p, 3, planes);
        lt_mem_free(planes);
    } else {
        LT_ASSERT(!p->pixels);
        LT_ASSERT(err->status == rc && err->text[0]);
    }
    lt_picture_deinit(p);
    *err = (lt_err){0};
}
