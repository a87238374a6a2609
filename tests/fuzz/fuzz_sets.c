/* -s overrides: each line of the input is one -s KEY=VALUE for an experiment
 * that has a knob of every type and a sweep. Either they are all understood,
 * and the configs are made, or a message says which is not; never another
 * error.
 *
 * The script is sandboxed: git is not asked. Lines of many values make products
 * of them, which only take time: inputs of more than MOST_CONFIGS are passed
 * by. Run with -detect_leaks=0: libFuzzer takes a Lua state that grows for a
 * leak, and searches all memory; leaks are still found when it ends. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/bind/script.h"

enum { MOST_SETS = 4, MOST_SIZE = 96, MOST_CONFIGS = 64 };

static lt_script *script;

static const char text[] = "local latent = require \"latent\"\n"
                           "return latent.experiment { name = \"x\",\n"
                           "  config = { seed = 1, code = 2, rate = 0.5, tie = "
                           "\"a\", wide = false },\n"
                           "  sweep = latent.grid { code = { 1, 2 } },\n"
                           "  run = function() end }\n";

static void script_drop(void)
{
    lt_script_free(script);
}

static void script_load(void)
{
    LT_ASSERT(lt_script_load_text(script, text, sizeof text - 1, "x.lua",
                                  NULL) == LT_OK);
}

static void script_make(void)
{
    const lt_script_opts opts = {
        .threads = 1, .seed = 1, .limits = {true, 0, 200000000}};

    LT_ASSERT(freopen("/dev/null", "w", stdout)); /* a dry run prints */
    LT_ASSERT(lt_script_new(&opts, &script, NULL) == LT_OK);
    atexit(script_drop);
    script_load();
}

static int count_configs(const char *at)
{
    int n = 1, values = 1;

    for (; *at && n <= MOST_CONFIGS; at++) {
        values += *at == ',';
        n *= *at == '\n' ? values : 1;
        values = *at == '\n' ? 1 : values;
    }
    return n * values;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int n_runs;
    char copy[MOST_SIZE + 1], *rest = copy;
    const char *sets[MOST_SETS];
    lt_plan_opts opts = {.sets = sets, .dry_run = true};
    int64_t sweep = 0;
    lt_err err = {0};
    lt_status rc;
    int n = 0;

    if (size > MOST_SIZE)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    if (count_configs(copy) > MOST_CONFIGS)
        return 0;
    while (rest && opts.n_sets < MOST_SETS)
        sets[opts.n_sets++] = strsep(&rest, "\n");
    if (!script)
        script_make();
    else if (++n_runs % 10000 == 0)
        script_load(); /* a fresh state */
    rc = lt_script_plan(script, NULL, &opts, &sweep, &n, &err);
    LT_ASSERT(rc == LT_OK || (rc == LT_EINVAL && strstr(err.text, "-s ")));
    return 0;
}
