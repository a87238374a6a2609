/* JSON: the canonical form of what was read reads back as the same. */
#include "fuzz.h"

#include <string.h>

#include "latent/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = NULL, *again = NULL;
    lt_text first = {0}, second = {0};
    lt_err err = {0};

    if (lt_json_parse((const char *)data, size, "input", &value, &err) !=
        LT_OK) {
        LT_ASSERT(!value && err.text[0]);
        return 0;
    }
    LT_ASSERT(lt_json_dump(value, &first, &err) == LT_OK);
    LT_ASSERT(lt_json_parse(lt_text_str(&first), first.size, "again", &again,
                            &err) == LT_OK);
    LT_ASSERT(lt_json_dump(again, &second, &err) == LT_OK);
    LT_ASSERT(strcmp(lt_text_str(&first), lt_text_str(&second)) == 0);
    json_decref(value);
    json_decref(again);
    lt_text_deinit(&first);
    lt_text_deinit(&second);
    return 0;
}
