/* IDX files: as examples, and as the labels of three good examples. */
#include "fuzz.h"

#include "latent/data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t good[] = {0, 0, 8, 2, 0, 0, 0, 3, 0,
                                   0, 0, 2, 1, 2, 3, 4, 5, 6};
    const char *path = fuzz_file(0, data, size);
    const char *images = fuzz_file(1, good, sizeof good);
    lt_dataset *d = NULL;
    lt_err err = {0};

    fuzz_set_check(lt_idx_load(path, NULL, 0, &d, &err), &d, &err);
    fuzz_set_check(lt_idx_load(path, NULL, 2, &d, &err), &d, &err);
    fuzz_set_check(lt_idx_load(images, path, 0, &d, &err), &d, &err);
    return 0;
}
