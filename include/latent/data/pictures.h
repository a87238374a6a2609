/* A folder of pictures as a set of bytes (channels, height, width): PNG, PGM
 * and PPM files, recognised by what they hold, found by their names' endings
 * .png, .pgm, .ppm and .pnm. */
#ifndef LT_PICTURES_H
#define LT_PICTURES_H

#include <stdbool.h>

#include "latent/data/classes.h"
#include "latent/data/dataset.h"

typedef struct lt_pictures_opts {
    int channels; /* 1: grey, 3: colour, whatever the files are (picture.h);
                   * 0: as the files are, which must then be alike */
    bool labels;  /* the pictures are in sub-folders, which are the labels:
                   * 0, 1 ... in the order of their names */
    int limit;    /* at most so many; 0: all */
    lt_classes *classes; /* or NULL, with labels. Empty: is given the names of
                          * the sub-folders; else these, and no others, are
                          * labels, numbered so */
} lt_pictures_opts;

/* In the order of their names, byte by byte ("10.png" before "9.png"), folder
 * by folder. All must have the size of the first: EFORMAT names the one that
 * differs or is damaged. Names that start with '.' and other files are left
 * out; a folder without pictures is ENOTFOUND. */
lt_status lt_pictures_load(const char *dir, const lt_pictures_opts *opts,
                           lt_dataset **out, lt_err *err);

#endif
