/* The text in a run's checkpoint. */
#include "fuzz.h"

#include "bind/resume_state.h"
#include "latent/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = lt_mem_strndup((const char *)data, size);
    lt__resume_facts facts = {0};
    lt_err err = {0};

    if (lt__resume_parse(text, &facts, &err) == LT_OK)
        LT_ASSERT(facts.stage > 0 && facts.is && json_is_object(facts.series) &&
                  json_is_array(facts.answers) && facts.generation >= 0 &&
                  lt__files_are_right(facts.files));
    else
        LT_ASSERT(err.text[0] && !facts.is && !facts.series);
    lt__resume_facts_deinit(&facts);
    lt_mem_free(text);
    return 0;
}
