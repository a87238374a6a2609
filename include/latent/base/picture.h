/* One picture in memory, as a decoder gives it. */
#ifndef LT_PICTURE_H
#define LT_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "latent/base/status.h"

/* Larger ones are refused before anything is allocated for them. */
#define LT_PICTURE_SIDE   16384
#define LT_PICTURE_PIXELS ((int64_t)1 << 26)

typedef struct lt_picture {
    int width, height, channels; /* 1 (grey) or 3 (red, green, blue) */
    uint8_t *pixels;             /* (height, width, channels) */
} lt_picture;

/* Checks the sizes and allocates zeroed pixels. */
lt_status lt_picture_init(lt_picture *p, int64_t width, int64_t height,
                          int channels, lt_err *err);
void lt_picture_deinit(lt_picture *p);

/* out (channels, height, width), 1 or 3 channels whatever the picture has:
 * grey is 0.299 red + 0.587 green + 0.114 blue, rounded; colour of a grey
 * picture is three times the same. */
void lt_picture_planes(const lt_picture *p, int channels, uint8_t *out);

#endif
