/* Growing text; see latent/base/text.h. */
#include "latent/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "latent/base/mem.h"

/* Room for `extra` more bytes and a NUL; false when out of memory. */
static bool text_reserve(lt_text *t, size_t extra)
{
    size_t wanted = t->size + extra + 1;
    size_t capacity = t->capacity ? t->capacity : 64;
    char *data;

    if (t->failed)
        return false;
    if (wanted <= t->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    data = lt_mem_grow(t->data, capacity, 1);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void lt_text_deinit(lt_text *t)
{
    lt_mem_free(t->data);
    memset(t, 0, sizeof *t);
}

void lt_text_clear(lt_text *t)
{
    t->size = 0;
    t->failed = false;
    if (t->data)
        t->data[0] = '\0';
}

void lt_text_add_n(lt_text *t, const char *bytes, size_t n)
{
    if (!text_reserve(t, n))
        return;
    memcpy(t->data + t->size, bytes, n);
    t->size += n;
    t->data[t->size] = '\0';
}

void lt_text_add(lt_text *t, const char *s)
{
    lt_text_add_n(t, s, strlen(s));
}

void lt_text_addf(lt_text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !text_reserve(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->data + t->size, (size_t)n + 1, format, args);
    va_end(args);
    t->size += (size_t)n;
}

const char *lt_text_str(const lt_text *t)
{
    return t->data ? t->data : "";
}
