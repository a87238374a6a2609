/* Pictures in memory; see latent/base/picture.h.
 *
 * Grey is ITU-R 601-2 luma in 16-bit fixed point, the numbers that Pillow's
 * convert("L") uses, so that a folder read here and there gives the same
 * bytes. White stays 255: the three weights add up to one. */
#include "latent/base/picture.h"

#include "latent/base/mem.h"

#include <inttypes.h>

enum { RED = 19595, GREEN = 38470, BLUE = 7471, HALF = 1 << 15 };

lt_status lt_picture_init(lt_picture *p, int64_t width, int64_t height,
                          int channels, lt_err *err)
{
    LT_ASSERT(channels == 1 || channels == 3);
    if (width < 1 || height < 1 || width > LT_PICTURE_SIDE ||
        height > LT_PICTURE_SIDE || width * height > LT_PICTURE_PIXELS)
        return lt_err_set(err, LT_EFORMAT,
                          "found a picture of %" PRId64 "x%" PRId64
                          ", wanted sides of 1 to %d and at most %" PRId64
                          " pixels",
                          width, height, LT_PICTURE_SIDE, LT_PICTURE_PIXELS);
    *p = (lt_picture){(int)width, (int)height, channels, NULL};
    p->pixels = lt_mem_zero((size_t)(width * height), (size_t)channels);
    return p->pixels ? LT_OK : lt_err_mark(err, LT_ENOMEM);
}

void lt_picture_deinit(lt_picture *p)
{
    lt_mem_free(p->pixels);
    p->pixels = NULL;
}

static uint8_t grey(const uint8_t *rgb)
{
    return (uint8_t)((RED * rgb[0] + GREEN * rgb[1] + BLUE * rgb[2] + HALF) >>
                     16);
}

void lt_picture_planes(const lt_picture *p, int channels, uint8_t *out)
{
    size_t n = (size_t)p->width * (size_t)p->height;
    size_t step = (size_t)p->channels;

    LT_ASSERT(channels == 1 || channels == 3);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pixel = p->pixels + i * step;

        if (channels == 1)
            out[i] = step == 1 ? pixel[0] : grey(pixel);
        else
            for (size_t c = 0; c < 3; c++)
                out[c * n + i] = step == 1 ? pixel[0] : pixel[c];
    }
}
