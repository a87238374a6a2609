/* JSON by jansson, with our errors and number format; see
 * latent/base/json.h.
 *
 * Parsing is jansson's. Dumping is ours for objects, arrays and reals, so
 * that equal values always give equal bytes and 0.1 is written as 0.1.
 *
 * jansson is given our memory as the program is loaded, before anything can
 * have been allocated by it. Out of memory, it calls the text malformed. */
#include "latent/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"

#define MAX_DEPTH 64

static lt_status dump_value(const json_t *v, lt_text *out, int depth);

static _Thread_local bool json_lacked;

static void *json_alloc(size_t size)
{
    void *p = lt_mem_alloc(size, 1);

    json_lacked = json_lacked || !p;
    return p;
}

__attribute__((constructor)) static void json_use_our_memory(void)
{
    json_set_alloc_funcs(json_alloc, lt_mem_free);
}

json_t *lt_json_copy(const json_t *value)
{
    json_t *copy;

    json_lacked = false;
    copy = json_deep_copy(value);
    if (!lt_json_lacked_memory())
        return copy;
    json_decref(copy);
    return NULL;
}

bool lt_json_lacked_memory(void)
{
    bool lacked = json_lacked;

    json_lacked = false;
    return lacked;
}

/* Containers around the innermost value, not looking past MAX_DEPTH + 1. */
static int json_depth(json_t *v, int around)
{
    int deepest;
    const char *key;
    size_t i;
    json_t *item;

    if (around > MAX_DEPTH || !(json_is_array(v) || json_is_object(v)))
        return around;
    deepest = ++around;
    json_array_foreach(v, i, item)
    {
        int d = json_depth(item, around);

        deepest = d > deepest ? d : deepest;
    }
    json_object_foreach(v, key, item)
    {
        int d = json_depth(item, around);

        deepest = d > deepest ? d : deepest;
    }
    return deepest;
}

lt_status lt_json_parse(const char *text, size_t size, const char *what,
                        json_t **out, lt_err *err)
{
    json_error_t e;
    json_t *v;

    json_lacked = false;
    v = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    /* It leaves out a character that it could not keep, and goes on. */
    if (lt_json_lacked_memory()) {
        json_decref(v);
        return lt_err_set(err, LT_ENOMEM, "%s: out of memory", what);
    }
    if (!v)
        return lt_err_set(err, LT_EFORMAT, "%s: line %d, column %d: %s", what,
                          e.line, e.column, e.text);
    if (json_depth(v, 0) > MAX_DEPTH) {
        json_decref(v);
        return lt_err_set(err, LT_EFORMAT,
                          "%s: nested deeper than %d levels, wanted at most "
                          "that",
                          what, MAX_DEPTH);
    }
    *out = v;
    return LT_OK;
}

static int text_sink(const char *bytes, size_t n, void *to)
{
    lt_text *out = to;

    lt_text_add_n(out, bytes, n);
    return out->failed ? -1 : 0;
}

static lt_status dump_plain(const json_t *v, lt_text *out)
{
    return json_dump_callback(v, text_sink, out, JSON_ENCODE_ANY) == 0
               ? LT_OK
               : LT_ENOMEM;
}

/* The fewest digits (15 to 17) that read back as the same number. A script
 * may have changed the locale, and with it the decimal point. */
static void dump_real(double x, lt_text *out)
{
    char digits[40];

    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, x);
        if (strtod(digits, NULL) == x)
            break;
    }
    for (char *p = digits; *p; p++)
        if (!strchr("+-0123456789einfa", *p))
            *p = '.';
    lt_text_add(out, digits);
    if (!strpbrk(digits, ".e"))
        lt_text_add(out, ".0"); /* so that it reads back as a real */
}

static lt_status dump_array(const json_t *v, lt_text *out, int depth)
{
    lt_text_add(out, "[");
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i > 0)
            lt_text_add(out, ",");
        LT_TRY(dump_value(json_array_get(v, i), out, depth + 1));
    }
    lt_text_add(out, "]");
    return LT_OK;
}

static int key_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static lt_status dump_key(const char *key, lt_text *out)
{
    json_t *name = json_string_nocheck(key);
    lt_status rc = name ? dump_plain(name, out) : LT_ENOMEM;

    json_decref(name);
    lt_text_add(out, ":");
    return rc;
}

static lt_status dump_members(const json_t *v, const char **keys, size_t n,
                              lt_text *out, int depth)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            lt_text_add(out, ",");
        LT_TRY(dump_key(keys[i], out));
        LT_TRY(dump_value(json_object_get(v, keys[i]), out, depth + 1));
    }
    return LT_OK;
}

static lt_status dump_object(const json_t *v, lt_text *out, int depth)
{
    const char **keys = lt_mem_alloc(json_object_size(v), sizeof *keys);
    const char *key;
    json_t *item;
    size_t n = 0;
    lt_status rc;

    if (!keys)
        return LT_ENOMEM;
    json_object_foreach((json_t *)v, key, item) keys[n++] = key;
    qsort(keys, n, sizeof *keys, key_compare);
    lt_text_add(out, "{");
    rc = dump_members(v, keys, n, out, depth);
    lt_text_add(out, "}");
    lt_mem_free(keys);
    return rc;
}

static lt_status dump_value(const json_t *v, lt_text *out, int depth)
{
    if (depth >= MAX_DEPTH && (json_is_object(v) || json_is_array(v)))
        return LT_EINVAL;
    if (json_is_object(v))
        return dump_object(v, out, depth);
    if (json_is_array(v))
        return dump_array(v, out, depth);
    if (!json_is_real(v))
        return dump_plain(v, out);
    dump_real(json_real_value(v), out);
    return LT_OK;
}

lt_status lt_json_dump(const json_t *value, lt_text *out, lt_err *err)
{
    lt_status rc = dump_value(value, out, 0);

    if (rc == LT_OK && out->failed)
        rc = LT_ENOMEM;
    if (rc == LT_EINVAL)
        return lt_err_set(err, rc,
                          "JSON: nested deeper than %d levels, wanted at "
                          "most that",
                          MAX_DEPTH);
    return rc == LT_OK ? rc : lt_err_set(err, rc, "JSON: out of memory");
}
