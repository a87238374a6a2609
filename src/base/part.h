/* A file in the making: PATH.part, which becomes PATH when it is whole. Only
 * one process at a time has it. */
#ifndef LT_PART_H
#define LT_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "latent/base/status.h"
#include "latent/base/text.h"

typedef struct lt__part {
    int fd;
    int64_t size;
    lt_text name; /* PATH.part */
    lt_text path; /* PATH */
} lt__part;       /* initialise with LT__PART_NONE */

#define LT__PART_NONE                                                          \
    {                                                                          \
        .fd = -1                                                               \
    }

/* Opens what is there, or makes it and its folders. EBUSY when another process
 * has it. */
lt_status lt__part_open(lt__part *p, const char *path, lt_err *err);
lt_status lt__part_clear(lt__part *p, lt_err *err);
lt_status lt__part_add(lt__part *p, const void *bytes, size_t n, lt_err *err);

/* EFORMAT unless its SHA-256 is `wanted`. */
lt_status lt__part_check(const lt__part *p, const char *wanted, lt_err *err);

/* Makes it durable and gives it its name. */
lt_status lt__part_publish(lt__part *p, lt_err *err);

/* Lets go of it; removes it too unless it is to be taken up again. */
void lt__part_close(lt__part *p, bool keeps);

#endif
