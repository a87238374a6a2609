/* Shapes of examples; see latent/math/shape.h. */
#include "latent/math/shape.h"

#include <stdio.h>
#include <string.h>

lt_shape lt_shape_flat(int elements)
{
    return (lt_shape){1, {elements, 1, 1}};
}

lt_shape lt_shape_image(int channels, int height, int width)
{
    return (lt_shape){3, {channels, height, width}};
}

int lt_shape_elements(lt_shape s)
{
    return s.dim[0] * s.dim[1] * s.dim[2];
}

bool lt_shape_equal(lt_shape a, lt_shape b)
{
    return a.rank == b.rank && memcmp(a.dim, b.dim, sizeof a.dim) == 0;
}

const char *lt_shape_text(lt_shape s, char out[LT_SHAPE_TEXT])
{
    if (s.rank == 1)
        snprintf(out, LT_SHAPE_TEXT, "%d", s.dim[0]);
    else
        snprintf(out, LT_SHAPE_TEXT, "%dx%dx%d", s.dim[0], s.dim[1], s.dim[2]);
    return out;
}
