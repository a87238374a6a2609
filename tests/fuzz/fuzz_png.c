/* PNG pictures, from memory: as they are, and with the check sums of their
 * chunks put right, without which few changed inputs would get far. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "latent/base/png.h"

enum { SIGNATURE = 8, HEAD = 8, SUM = 4 }; /* of a file; of a chunk */

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

static void sums_mend(uint8_t *bytes, size_t size)
{
    size_t at = SIGNATURE;

    while (at < size && size - at >= HEAD + SUM) {
        uint32_t n = big_endian(bytes + at), sum;

        if (n > size - at - HEAD - SUM)
            return;
        sum = (uint32_t)crc32(0, bytes + at + 4, n + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + HEAD + n + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += HEAD + n + SUM;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *mended = malloc(size ? size : 1);
    lt_picture p = {0};
    lt_err err = {0};

    fuzz_picture_check(lt_png_decode(data, size, &p, &err), &p, &err);
    if (mended && size) {
        memcpy(mended, data, size);
        sums_mend(mended, size);
        fuzz_picture_check(lt_png_decode(mended, size, &p, &err), &p, &err);
    }
    free(mended);
    return 0;
}
