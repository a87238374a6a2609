/* Names of classes; see latent/data/classes.h. They are few: a search looks at
 * all. */
#include "latent/data/classes.h"

#include <stdio.h>
#include <string.h>

#include "latent/base/mem.h"
#include "latent/base/status.h"

void lt_classes_deinit(lt_classes *c)
{
    for (int i = 0; i < c->n; i++)
        lt_mem_free(c->names[i]);
    c->n = 0;
}

int lt_classes_find(const lt_classes *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->names[i], name) == 0)
            return i;
    return -1;
}

bool lt_classes_add(lt_classes *c, const char *name)
{
    char *copy;

    LT_ASSERT(c->n < LT_CLASSES_MOST);
    copy = lt_mem_strdup(name);
    if (copy)
        c->names[c->n++] = copy;
    return copy != NULL;
}

const char *lt_classes_text(const lt_classes *c, char out[LT_CLASSES_TEXT])
{
    size_t at = 0;

    out[0] = '\0';
    for (int i = 0; i < c->n; i++) {
        const char *comma = i > 0 ? ", " : "";

        if (at + strlen(c->names[i]) + 8 > LT_CLASSES_TEXT) {
            snprintf(out + at, LT_CLASSES_TEXT - at, "%s...", comma);
            break;
        }
        at += (size_t)snprintf(out + at, LT_CLASSES_TEXT - at, "%s%s", comma,
                               c->names[i]);
    }
    return out;
}
