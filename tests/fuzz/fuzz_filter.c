/* Filters, compiled against a store of two runs and executed; and the run that
 * a command line names. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/store/filter.h"
#include "latent/store/store.h"

static char folder[] = "/tmp/latent-fuzz-XXXXXX";
static lt_store *store;

static void store_drop(void)
{
    char command[64];

    lt_store_close(store);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s: not removed\n", folder);
}

static void store_make(void)
{
    lt_source_ref source = {.path = "a.lua"};
    lt_queue_item items[] = {{"{\"code\":6,\"tie\":\"tied\"}", 1, "a"},
                             {"{\"code\":30,\"deep\":true}", 2, "b"}};
    lt_sweep_spec spec = {
        .experiment = "e",
        .question = "?",
        .targets = "{}",
        .defaults = "{}",
        .command = "latent run a.lua",
        .sources = &source,
        .n_sources = 1,
        .git_commit = "",
        .git_diff_hex = "",
    };
    char path[64];
    int64_t sweep = 0;
    int n = 0;

    LT_ASSERT(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/latent.db", folder);
    LT_ASSERT(lt_store_open(path, LT_STORE_CREATE, &store, NULL) == LT_OK);
    atexit(store_drop);
    LT_ASSERT(lt_store_put_source(store, "e", 1, source.hex, NULL) == LT_OK);
    LT_ASSERT(lt_store_queue(store, &spec, items, 2, false, &sweep, &n, NULL) ==
              LT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = lt_mem_strndup((const char *)data, size);
    lt_filter *filter = NULL;
    int64_t *ids = NULL, run;
    lt_err err = {0};
    int n = 0;

    if (!store)
        store_make();
    if (lt_filter_compile(store, text, &filter, &err) != LT_OK)
        LT_ASSERT(!filter && err.text[0]);
    else if (lt_filter_runs(filter, &ids, &n, &err) == LT_OK)
        LT_ASSERT(n >= 0 && n <= 2);
    else
        LT_ASSERT(err.text[0]);
    (void)lt_store_find_run(store, text, &run, &err);
    lt_mem_free(ids);
    lt_filter_free(filter);
    lt_mem_free(text);
    return 0;
}
