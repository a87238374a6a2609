/* Status codes and error messages; see latent/base/status.h. */
#include "latent/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[] = {
#define X(name, text) #name,
    LT_STATUS_MAP(X)
#undef X
};

static const char *const status_texts[] = {
#define X(name, text) text,
    LT_STATUS_MAP(X)
#undef X
};

const char *lt_status_name(lt_status status)
{
    return status_names[status];
}

const char *lt_status_text(lt_status status)
{
    return status_texts[status];
}

lt_status lt_err_set(lt_err *err, lt_status status, const char *format, ...)
{
    va_list args;

    if (!err)
        return status;
    err->status = status;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

lt_status lt_err_prefix(lt_err *err, const char *format, ...)
{
    char old[sizeof err->text];
    va_list args;
    int n;

    if (!err)
        return LT_OK;
    memcpy(old, err->text, sizeof old);
    va_start(args, format);
    n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
    return err->status;
}

lt_status lt_err_mark(lt_err *err, lt_status status)
{
    if (status != LT_OK && err && err->status == LT_OK)
        lt_err_set(err, status, "%s", lt_status_text(status));
    return status;
}

void lt_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "latent: %s:%d: this should never happen: not (%s)\n", file,
            line, condition);
    abort();
}
