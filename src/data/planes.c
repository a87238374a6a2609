/* The pictures of a dense set; see planes.h. */
#include "data/planes.h"

#include "data/prepare_int.h"

#include <limits.h>

lt_status lt__planes_open(const char *what, const lt_dataset *d,
                          lt__planes *out, lt_err *err)
{
    lt_shape shape = lt_dataset_shape(d);
    char text[LT_SHAPE_TEXT];

    LT_TRY(lt__prep_check(what, d, err));
    if (shape.rank != 3)
        return lt_err_set(err, LT_EINVAL,
                          "%s: examples of %s, wanted pictures {channels, "
                          "height, width}",
                          what, lt_shape_text(shape, text));
    *out = (lt__planes){lt_dataset_type(d), lt_dataset_rows(d),
                        shape.dim[0],       shape.dim[1],
                        shape.dim[2],       lt_dataset_values(d)};
    return LT_OK;
}

lt_status lt__planes_shape(const char *what, const lt__planes *p, int height,
                           int width, lt_shape *out, lt_err *err)
{
    if (height > INT_MAX / p->channels / width)
        return lt_err_set(
            err, LT_EINVAL,
            "%s: pictures of %dx%dx%d, wanted at most %d elements", what,
            p->channels, height, width, INT_MAX);
    *out = lt_shape_image(p->channels, height, width);
    return LT_OK;
}
