/* Shared by patches.c and resize.c: the pictures of a dense set, a channel of
 * one being a plane of values in the set's own type (bytes as 0 to 255). */
#ifndef LT_PLANES_H
#define LT_PLANES_H

#include "latent/data/dataset.h"

typedef struct lt__planes {
    lt_elem type;
    int n, channels, height, width;
    const void *values;
} lt__planes;

/* EINVAL when `d` holds no pictures; `what` is the name in the message. */
lt_status lt__planes_open(const char *what, const lt_dataset *d,
                          lt__planes *out, lt_err *err);

/* The shape of pictures of another size; EINVAL when an example would have more
 * elements than are counted. */
lt_status lt__planes_shape(const char *what, const lt__planes *p, int height,
                           int width, lt_shape *out, lt_err *err);

static inline size_t lt__plane_bytes(lt_elem type)
{
    return type == LT_ELEM_U8    ? sizeof(uint8_t)
           : type == LT_ELEM_F32 ? sizeof(float)
                                 : sizeof(double);
}

/* Channel c of picture i. */
static inline const void *lt__plane_at(const lt__planes *p, int i, int c)
{
    size_t plane = (size_t)p->height * (size_t)p->width;
    size_t index = (size_t)i * (size_t)p->channels + (size_t)c;

    return (const char *)p->values + index * plane * lt__plane_bytes(p->type);
}

static inline double lt__plane_get(lt_elem type, const void *plane, size_t at)
{
    if (type == LT_ELEM_U8)
        return ((const uint8_t *)plane)[at];
    if (type == LT_ELEM_F32)
        return (double)((const float *)plane)[at];
    return ((const double *)plane)[at];
}

static inline void lt__plane_put(lt_elem type, void *plane, size_t at, double x)
{
    if (type == LT_ELEM_U8)
        ((uint8_t *)plane)[at] = (uint8_t)(x + 0.5);
    else if (type == LT_ELEM_F32)
        ((float *)plane)[at] = (float)x;
    else
        ((double *)plane)[at] = x;
}

#endif
