/* Options of the commands written in C, and exit statuses. */
#include "cli/cli_int.h"

#include "latent/base/suggest.h"
#include "latent/base/visible.h"
#include "latent/work/work.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 16 };

static lt_status unknown_option(const char *found, const lt__option *options,
                                int n, lt_err *err)
{
    const char *names[MAX_OPTIONS];
    const char *near;

    for (int i = 0; i < n && i < MAX_OPTIONS; i++)
        names[i] = options[i].name;
    near = lt_suggest(found, names, (size_t)n);
    return lt_err_set(err, LT_EINVAL, "unknown option %s%s%s%s", found,
                      near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

/* The option that `arg` names; *value gets what follows "=" or "-j". */
static const lt__option *find_option(const char *arg, const lt__option *options,
                                     int n, const char **value)
{
    for (int i = 0; i < n; i++) {
        size_t size = strlen(options[i].name);
        const char *other = options[i].other;

        *value = NULL;
        if (strncmp(arg, options[i].name, size) == 0 &&
            (arg[size] == '\0' || arg[size] == '=')) {
            *value = arg[size] ? arg + size + 1 : NULL;
            return &options[i];
        }
        if (!other || strncmp(arg, other, 2) != 0)
            continue;
        if (arg[2] && options[i].kind == LT__OPTION_FLAG)
            continue;
        *value = arg[2] ? arg + 2 : NULL;
        return &options[i];
    }
    return NULL;
}

static lt_status take_real(const lt__option *o, const char *text, lt_err *err)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value) || value < o->least)
        return lt_err_set(err, LT_EINVAL,
                          "%s: found '%s', wanted a number of at least %d",
                          o->name, text, o->least);
    *(double *)o->value = value;
    return LT_OK;
}

static lt_status take_value(const lt__option *o, const char *text, lt_err *err)
{
    char *end;
    long value;

    if (o->kind == LT__OPTION_LIST) {
        lt__list *list = o->value;

        list->items[list->n++] = text;
        return LT_OK;
    }
    if (o->kind == LT__OPTION_REAL)
        return take_real(o, text, err);
    value = strtol(text, &end, 10);
    if (end == text || *end || value < INT_MIN || value > INT_MAX)
        return lt_err_set(err, LT_EINVAL,
                          "%s: found '%s', wanted a whole number", o->name,
                          text);
    if (value < o->least)
        return lt_err_set(err, LT_EINVAL, "%s: found %ld, wanted at least %d",
                          o->name, value, o->least);
    *(int *)o->value = (int)value;
    return LT_OK;
}

lt_status lt__options_parse(const lt__call *call, const lt__option *options,
                            int n, lt__list *rest, lt_err *err)
{
    bool is_option = true;

    for (int i = 0; i < call->argc; i++) {
        const char *arg = call->argv[i], *value;
        const lt__option *o;

        if (is_option && strcmp(arg, "--") == 0) {
            is_option = false;
            continue;
        }
        if (!is_option || arg[0] != '-' || !arg[1]) {
            rest->items[rest->n++] = arg;
            continue;
        }
        o = find_option(arg, options, n, &value);
        if (!o)
            return unknown_option(arg, options, n, err);
        if (o->kind == LT__OPTION_FLAG && value)
            return lt_err_set(err, LT_EINVAL, "%s takes no value", o->name);
        if (o->kind == LT__OPTION_FLAG) {
            *(bool *)o->value = true;
            continue;
        }
        if (!value && i + 1 >= call->argc)
            return lt_err_set(err, LT_EINVAL, "%s: a value is missing", arg);
        LT_TRY(take_value(o, value ? value : call->argv[++i], err));
    }
    return LT_OK;
}

int lt__exit_of(lt_status status)
{
    switch (status) {
    case LT_OK:
        return LT__EXIT_OK;
    case LT_EINVAL:
    case LT_ECALLBACK:
    case LT_ELIMIT: /* of a script that was loaded or rehearsed */
        return LT__EXIT_USAGE;
    case LT_ENOTFOUND:
        return LT__EXIT_NOTHING;
    case LT_EDIVERGED:
        return LT__EXIT_RUN;
    case LT_EINTERRUPTED:
        return LT__EXIT_SIGNAL + (lt_work_signal() ? lt_work_signal() : 2);
    case LT_ENOMEM:
    case LT_EIO:
    case LT_ENOSPC:
    case LT_EFORMAT:
    case LT_ESTORE:
    case LT_EBUSY:
        return LT__EXIT_STORE;
    }
    return LT__EXIT_STORE;
}

int lt__fail(const lt__call *call, const lt_err *err)
{
    const char *text = err->text[0] ? err->text : lt_status_text(err->status);

    fprintf(stderr, "latent%s%s: ", call->command[0] ? " " : "", call->command);
    lt__print_visible(stderr, text);
    fputc('\n', stderr);
    return lt__exit_of(err->status);
}

/* Without any memory: what is not plain ASCII is a question mark. */
static void print_ascii(FILE *out, const char *text)
{
    for (; *text; text++)
        putc((*text >= ' ' && *text < 127) || *text == '\n' ? *text : '?', out);
}

void lt__print_visible(FILE *out, const char *text)
{
    lt_text shown = {0};

    lt_visible_add(&shown, text);
    if (shown.failed)
        print_ascii(out, text);
    else
        fputs(lt_text_str(&shown), out);
    lt_text_deinit(&shown);
}
