/* Checkpoints of runs. */
#include "fuzz.h"

#include "latent/base/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(0, data, size);
    lt_snapshot_file *f = NULL;
    double numbers[8];
    lt_snapshot into = {0};
    lt_err err = {0};

    if (lt_snapshot_open(path, &f, &err) != LT_OK) {
        LT_ASSERT(!f && err.text[0]);
        return 0;
    }
    LT_ASSERT(lt_snapshot_text(f));
    LT_SNAPSHOT_ADD(&into, "a", "b", numbers, 2);
    LT_ASSERT(lt_snapshot_read(f, &into, NULL) != LT_OK ||
              lt_snapshot_count(f, "a.b") == 2);
    lt_snapshot_close(f);
    return 0;
}
