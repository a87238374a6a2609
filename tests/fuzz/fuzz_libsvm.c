/* LIBSVM's sparse text: alone, as counts, and beside a good file. */
#include "fuzz.h"

#include "latent/data/libsvm.h"

/* Gathered when it has few elements; rows of 2^31 are better left sparse. */
static void wide_check(lt_status rc, lt_dataset **d, lt_err *err)
{
    char hex[LT_DIGEST_HEX];

    if (rc != LT_OK || lt_dataset_shape(*d).dim[0] <= 1000) {
        fuzz_set_check(rc, d, err);
        return;
    }
    lt_dataset_fingerprint(*d, hex);
    lt_dataset_free(*d);
    *d = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "7 1:1 3:2\n-1 2:1\n";
    const lt_libsvm_opts some = {1, 1000, false}, any = {0, 0, false};
    const lt_libsvm_opts counts = {1, 0, true};
    const char *path = fuzz_file(0, data, size);
    const char *other = fuzz_file(1, good, sizeof good - 1);
    lt_data_pair pair = {0};
    lt_dataset *d = NULL;
    lt_err err = {0}, same = {0};
    lt_status rc;

    fuzz_set_check(lt_libsvm_load(path, &some, &d, &err), &d, &err);
    wide_check(lt_libsvm_load(path, &any, &d, &err), &d, &err);
    wide_check(lt_libsvm_load(path, &counts, &d, &err), &d, &err);
    rc = lt_libsvm_load_pair(other, path, &some, &pair, &err);
    same = err;
    fuzz_set_check(rc, &pair.train, &err);
    fuzz_set_check(rc, &pair.test, &same);
    return 0;
}
