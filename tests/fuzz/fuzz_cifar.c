/* CIFAR-10 batches: one, and the same twice. Inputs are records of 35 bytes
 * that are stretched to 3073, so that a fuzzer need not invent thousands. */
#include "fuzz.h"

#include <string.h>

#include "latent/data/cifar.h"

enum { RECORD = 3073, SHORT = 35, MAX_RECORDS = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[RECORD * MAX_RECORDS];
    size_t n = size / SHORT, at = 0;
    const char *paths[2];
    lt_dataset *d = NULL;
    lt_err err = {0};

    paths[0] = fuzz_file(0, data, size);
    fuzz_set_check(lt_cifar_load(paths, 1, &d, &err), &d, &err);
    n = n < MAX_RECORDS ? n : MAX_RECORDS - 1;
    memset(file, 0, (n + 1) * RECORD);
    for (size_t i = 0; i < n; i++, at += RECORD)
        memcpy(file + at, data + i * SHORT, SHORT);
    at += size % SHORT; /* a cut record, most of the time */
    paths[0] = paths[1] = fuzz_file(0, file, at);
    fuzz_set_check(lt_cifar_load(paths, 2, &d, &err), &d, &err);
    return 0;
}
