/* A sweep's limits are one more of its sources, so that every store has room
 * for them: whoever executes its runs, now or later, finds them there. What is
 * not understood is an error: no run gets rid of its limits by a slip. */
#include "bind/script_int.h"

#include <math.h>
#include <string.h>

/* The member `name` as a finite number of at least 0; 0 when it is not there.
 */
static bool number_of(const json_t *object, const char *name, double *out)
{
    const json_t *value = json_object_get(object, name);

    *out = value ? json_number_value(value) : 0;
    return (!value || json_is_number(value)) && *out >= 0 && isfinite(*out);
}

static lt_status limits_parse(const lt_text *text, lt_script_limits *out,
                              lt_err *err)
{
    json_t *object = NULL;
    const json_t *sandbox;
    double bytes = 0;
    bool ok;

    LT_TRY(lt_json_parse(lt_text_str(text), text->size, LT_LIMITS_SOURCE,
                         &object, err));
    sandbox = json_object_get(object, "sandbox");
    ok = json_is_boolean(sandbox) &&
         number_of(object, "seconds", &out->seconds) &&
         number_of(object, "bytes", &bytes) && bytes < 0x1p62;
    out->sandbox = json_is_true(sandbox);
    out->bytes = ok ? (int64_t)bytes : 0;
    json_decref(object);
    if (!ok)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found '%s', wanted sandbox, seconds and bytes",
                          LT_LIMITS_SOURCE, lt_text_str(text));
    return LT_OK;
}

lt_status lt_script_stored_limits(lt_store *store, int64_t sweep,
                                  lt_script_limits *out, lt_err *err)
{
    lt_text path = {0}, text = {0};
    lt_err end = {0};
    lt_status rc = LT_OK;
    bool found = false;

    *out = (lt_script_limits){0};
    for (int i = 1; rc == LT_OK && !found; i++) {
        rc = lt_store_sweep_source(store, sweep, i, &path, &text, &end);
        found =
            rc == LT_OK && strcmp(lt_text_str(&path), LT_LIMITS_SOURCE) == 0;
    }
    if (found)
        rc = limits_parse(&text, out, err);
    else if (rc == LT_ENOTFOUND)
        rc = LT_OK;
    else
        lt_err_set(err, rc, "%s", end.text);
    lt_text_deinit(&path);
    lt_text_deinit(&text);
    return rc;
}
