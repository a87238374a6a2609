/* PNG pictures, by libpng. */
#ifndef LT_PNG_H
#define LT_PNG_H

#include "latent/base/picture.h"

/* The PNG file that `bytes` are. Palettes become colour, fewer than 8 bits are
 * stretched, 16 bits rounded to 8, transparency is left out. Damage (check
 * sums too), a cut, or sizes that the bytes cannot hold are EFORMAT. The
 * picture is the caller's (lt_picture_deinit) on success only. */
lt_status lt_png_decode(const void *bytes, size_t size, lt_picture *out,
                        lt_err *err);

#endif
