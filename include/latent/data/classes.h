/* The names of classes, where labels are words or folders: class i is
 * names[i]. */
#ifndef LT_CLASSES_H
#define LT_CLASSES_H

#include <stdbool.h>

#define LT_CLASSES_MOST 256 /* labels are bytes */
#define LT_CLASSES_TEXT 80

typedef struct lt_classes {
    char *names[LT_CLASSES_MOST];
    int n;
} lt_classes; /* initialise with {0} */

void lt_classes_deinit(lt_classes *c);

/* The number of the class, or -1. */
int lt_classes_find(const lt_classes *c, const char *name);

/* A copy of the name becomes the last of at most LT_CLASSES_MOST; false when
 * out of memory. */
bool lt_classes_add(lt_classes *c, const char *name);

/* "cat, dog, ...", for messages. */
const char *lt_classes_text(const lt_classes *c, char out[LT_CLASSES_TEXT]);

#endif
