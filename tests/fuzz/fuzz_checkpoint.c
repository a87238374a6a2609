/* Networks in safetensors files. */
#include "fuzz.h"

#include "latent/net/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(0, data, size);
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_checkpoint_load(path, &net, &err) == LT_OK)
        LT_ASSERT(net);
    else
        LT_ASSERT(!net && err.text[0]);
    lt_net_free(net);
    return 0;
}
