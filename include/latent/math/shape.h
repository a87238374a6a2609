/* Shape of one example: {elements} or {channels, height, width}. */
#ifndef LT_SHAPE_H
#define LT_SHAPE_H

#include <stdbool.h>

#define LT_SHAPE_TEXT 48

typedef struct lt_shape {
    int rank;   /* 1 or 3 */
    int dim[3]; /* unused ones are 1 */
} lt_shape;

lt_shape lt_shape_flat(int elements);
lt_shape lt_shape_image(int channels, int height, int width);
int lt_shape_elements(lt_shape s);
bool lt_shape_equal(lt_shape a, lt_shape b);

/* "784" or "1x28x28"; returns `out`. */
const char *lt_shape_text(lt_shape s, char out[LT_SHAPE_TEXT]);

#endif
