/* Archives: chosen members of whatever libarchive is given, in memory. */
#include "fuzz.h"

#include "latent/base/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const members[] = {"u.data", "s1/1.pgm"};
    lt_text texts[2] = {{0}};
    lt_err err = {0};
    lt_unpack u = {.archive = fuzz_file(0, data, size),
                   .members = members,
                   .n = 2,
                   .limit = 4096};
    lt_status rc = lt_unpack_texts(&u, texts, &err);

    LT_ASSERT(rc == LT_OK || (err.status == rc && err.text[0]));
    for (int i = 0; i < 2; i++) {
        LT_ASSERT(texts[i].size <= 4096);
        lt_text_deinit(&texts[i]);
    }
    return 0;
}
