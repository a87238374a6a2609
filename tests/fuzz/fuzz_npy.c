/* NPY files: as examples, read and mapped, and as labels. */
#include "fuzz.h"

#include <string.h>

#include "latent/data/npy.h"

static const char good[] = "\x93NUMPY\1\0\62\0"
                           "{'descr':'|u1','fortran_order':False,'shape':(3,)}"
                           "abc";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(0, data, size);
    const char *examples = fuzz_file(1, good, sizeof good - 1);
    lt_npy_opts read = {.map_from = SIZE_MAX, .missing = true};
    lt_npy_opts map = {.map_from = 1, .limit = 2};
    lt_npy_opts labels = {.labels = path};
    lt_dataset *d = NULL;
    lt_err err = {0};

    fuzz_set_check(lt_npy_load(path, &read, &d, &err), &d, &err);
    fuzz_set_check(lt_npy_load(path, &map, &d, &err), &d, &err);
    fuzz_set_check(lt_npy_load(examples, &labels, &d, &err), &d, &err);
    return 0;
}
