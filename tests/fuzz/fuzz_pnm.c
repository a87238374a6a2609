/* PGM and PPM pictures, from memory. */
#include "fuzz.h"

#include "latent/base/pnm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_picture p = {0};
    lt_err err = {0};

    fuzz_picture_check(lt_pnm_decode(data, size, &p, &err), &p, &err);
    return 0;
}
