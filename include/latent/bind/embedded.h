/* The Lua modules of lua/, compiled into the program by cmake/embed.cmake. */
#ifndef LT_EMBEDDED_H
#define LT_EMBEDDED_H

#include <stddef.h>

typedef struct lt_embedded {
    const char *name; /* "latent.sweep"; NULL ends the list */
    const char *path; /* "latent/sweep.lua" */
    const char *text; /* NUL-terminated */
    size_t size;      /* bytes, without the NUL */
} lt_embedded;

extern const lt_embedded lt_embedded_lua[];

#endif
