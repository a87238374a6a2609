/* CSV files, with and without labels. */
#include "fuzz.h"

#include "latent/data/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const lt_csv_opts opts[] = {
        {.missing = true},
        {.label_column = -1, .limit = 5},
        {.label = "y", .missing = true},
        {.separator = '\t', .header = LT_CSV_HEADER, .label_column = 1},
    };
    const char *path = fuzz_file(0, data, size);
    lt_classes classes = {0};
    lt_csv_opts named = {.label_column = -1, .classes = &classes};
    lt_dataset *d = NULL;
    lt_err err = {0};

    for (size_t i = 0; i < sizeof opts / sizeof opts[0]; i++)
        fuzz_set_check(lt_csv_load(path, &opts[i], &d, &err), &d, &err);
    for (int i = 0; i < 2; i++) /* the words as they come, and as known */
        fuzz_set_check(lt_csv_load(path, &named, &d, &err), &d, &err);
    lt_classes_deinit(&classes);
    return 0;
}
