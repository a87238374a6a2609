/* What an NPY file's header says; npy_head.c reads it for npy.c. */
#ifndef LT_NPY_INT_H
#define LT_NPY_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latent/base/status.h"

#define LT__NPY_RANK 4

typedef struct lt__npy_head {
    char kind; /* 'u', 'i', 'f', 'b': little-endian or one byte */
    int width; /* bytes: 1, 2, 4 or 8 */
    bool is_fortran;
    int rank; /* 1 to LT__NPY_RANK */
    int dim[LT__NPY_RANK];
    size_t at; /* where the values start */
} lt__npy_head;

typedef struct lt__npy_file {
    const char *path;
    int fd;
    uint64_t size;
} lt__npy_file;

/* The header of an open file; that the values are there is not looked at. */
lt_status lt__npy_head_read(const lt__npy_file *f, lt__npy_head *out,
                            lt_err *err);

/* Exactly `n` bytes from offset `at` on. */
lt_status lt__npy_read(const lt__npy_file *f, uint64_t at, void *out, size_t n,
                       lt_err *err);

#endif
