/* Pictures from pictures: random crops, shifts and patches (turned and scaled
 * too), and smaller pictures. What comes out has the type of what went in
 * (bytes stay bytes, rounded) and its labels. Sets that are sparse, not
 * pictures {channels, height, width}, or have targets of their own are EINVAL.
 */
#ifndef LT_PATCHES_H
#define LT_PATCHES_H

#include "latent/data/dataset.h"

typedef struct lt_patch_opts {
    int height, width;
    int copies;       /* so many of each picture, one picture after another */
    int n;            /* or so many in all, each of a random picture; 0 */
    int pad;          /* zeros around the pictures, where patches may reach */
    double rotate[2]; /* degrees, counter-clockwise: least and most */
    double scale[2];  /* the picture's pixels a pixel of the patch */
    uint64_t seed;
    const char *name;   /* of what is made, in messages; NULL: "patches" */
    const char *stream; /* sets that are drawn from beside others: "train" */
    int limit;          /* draw the first so many only, the rest are zeros; 0:
                           all */
} lt_patch_opts;

/* Places are even over all where the patch fits: whole pixels when nothing is
 * turned or scaled, else any, with bilinear sampling. EINVAL when the largest,
 * most awkwardly turned patch does not fit. A shift by up to 2 pixels is a
 * patch of the picture's own size with a pad of 2. */
lt_status lt_patches_make(const lt_dataset *d, const lt_patch_opts *opts,
                          lt_dataset **out, lt_err *err);

/* Each new pixel is the mean of the area that it covers. */
lt_status lt_resize_make(const lt_dataset *d, int height, int width,
                         lt_dataset **out, lt_err *err);

#endif
