/* PGM and PPM pictures: P2 and P5 (grey), P3 and P6 (colour). */
#ifndef LT_PNM_H
#define LT_PNM_H

#include "latent/base/picture.h"

/* The file that `bytes` are; values become 8 bits, value * 255 / maxval,
 * rounded. Errors are EFORMAT with offset, found and wanted. The picture is
 * the caller's (lt_picture_deinit) on success only. */
lt_status lt_pnm_decode(const void *bytes, size_t size, lt_picture *out,
                        lt_err *err);

#endif
