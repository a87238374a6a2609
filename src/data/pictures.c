/* Folders of pictures; see latent/data/pictures.h.
 *
 * All names are listed and sorted first, then one file after another is read
 * and decoded. The set's memory doubles as pictures come: a first picture of
 * 64 million pixels packed into 64 kB, and a thousand names beside it, do not
 * take 64 GB. The sizes are held against those of the first picture. */
#include "latent/data/pictures.h"

#include "latent/base/mem.h"
#include "latent/base/path.h"
#include "latent/base/png.h"
#include "latent/base/pnm.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILE_SIZE ((size_t)256 << 20)

/* ---- names ---- */

typedef struct name_list {
    char **names; /* each lt_mem_free */
    int n, room;
} name_list;

static void list_deinit(name_list *list)
{
    for (int i = 0; i < list->n; i++)
        lt_mem_free(list->names[i]);
    lt_mem_free(list->names);
}

static lt_status list_add(name_list *list, const char *name, lt_err *err)
{
    char *copy;

    if (list->n == list->room) {
        int room = list->room ? 2 * list->room : 64;
        char **grown =
            list->room > INT_MAX / 2
                ? NULL
                : lt_mem_grow(list->names, (size_t)room, sizeof *grown);

        if (!grown)
            return lt_err_mark(err, LT_ENOMEM);
        list->names = grown;
        list->room = room;
    }
    copy = lt_mem_strdup(name);
    if (!copy)
        return lt_err_mark(err, LT_ENOMEM);
    list->names[list->n++] = copy;
    return LT_OK;
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".pgm", ".ppm", ".pnm"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

/* Adds `name` when it is wanted: a folder, or a regular picture. */
static lt_status entry_look(const char *dir, const char *name, bool folders,
                            name_list *out, lt_err *err)
{
    lt_text path = {0};
    struct stat st;
    lt_status rc = LT_OK;

    if (name[0] == '.' || (!folders && !is_picture(name)))
        return LT_OK;
    lt_path_join(&path, dir, name);
    if (path.failed)
        rc = lt_err_mark(err, LT_ENOMEM);
    else if (stat(path.data, &st) != 0)
        rc = lt_err_set(err, LT_EIO, "%s: cannot look at: %s", path.data,
                        strerror(errno));
    else if (folders ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode))
        rc = list_add(out, name, err);
    else if (folders && is_picture(name))
        rc = lt_err_set(err, LT_EFORMAT,
                        "%s: found a picture, wanted it in a sub-folder, "
                        "whose place is its label",
                        path.data);
    lt_text_deinit(&path);
    return rc;
}

/* The sorted names of a folder's sub-folders or pictures. */
static lt_status names_list(const char *dir, bool folders, name_list *out,
                            lt_err *err)
{
    DIR *d = opendir(dir);
    lt_status rc = LT_OK;

    if (!d)
        return lt_err_set(err, errno == ENOENT ? LT_ENOTFOUND : LT_EIO,
                          "%s: cannot open the folder: %s", dir,
                          strerror(errno));
    for (struct dirent *e; rc == LT_OK && (e = readdir(d));)
        rc = entry_look(dir, e->d_name, folders, out, err);
    closedir(d);
    if (rc == LT_OK && out->n == 0)
        rc = lt_err_set(err, LT_ENOTFOUND, "%s: found no %s", dir,
                        folders ? "sub-folders (labels = true takes them for "
                                  "labels)"
                                : "pictures (.png, .pgm, .ppm)");
    LT_ASSERT(rc != LT_OK || out->names);
    if (rc == LT_OK)
        qsort(out->names, (size_t)out->n, sizeof *out->names, names_compare);
    return rc;
}

/* ---- pictures ---- */

typedef struct picture_set {
    const lt_pictures_opts *opts;
    int width, height, channels; /* of all */
    bool has_colour;             /* the first file, as it was */
    lt_text first;               /* its path */
    uint8_t *values, *labels;
    int n, room;
    lt_text path; /* of the picture at hand */
} picture_set;

static void set_deinit(picture_set *s)
{
    lt_text_deinit(&s->first);
    lt_text_deinit(&s->path);
    lt_mem_free(s->values);
    lt_mem_free(s->labels);
}

static lt_status file_decode(const char *path, lt_picture *out, lt_err *err)
{
    char *bytes = NULL;
    size_t size = 0;
    lt_status rc;

    LT_TRY(lt_path_read(path, MAX_FILE_SIZE, &bytes, &size, err));
    if (size > 0 && bytes[0] == 'P')
        rc = lt_pnm_decode(bytes, size, out, err);
    else
        rc = lt_png_decode(bytes, size, out, err);
    if (rc != LT_OK)
        lt_err_prefix(err, "%s", path);
    lt_mem_free(bytes);
    return rc;
}

static lt_status first_take(picture_set *s, const lt_picture *p, lt_err *err)
{
    s->width = p->width;
    s->height = p->height;
    s->has_colour = p->channels == 3;
    s->channels = s->opts->channels ? s->opts->channels : p->channels;
    lt_text_add(&s->first, lt_text_str(&s->path));
    return s->first.failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}

static lt_status picture_compare(const picture_set *s, const lt_picture *p,
                                 lt_err *err)
{
    if (p->width != s->width || p->height != s->height)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found %dx%d pixels (width x height), wanted "
                          "%dx%d, the size of %s",
                          s->path.data, p->width, p->height, s->width,
                          s->height, s->first.data);
    if (s->opts->channels == 0 && (p->channels == 3) != s->has_colour)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found a picture in %s, wanted %s, as %s is "
                          "(or channels = 1 or 3)",
                          s->path.data, p->channels == 3 ? "colour" : "grey",
                          s->has_colour ? "colour" : "grey", s->first.data);
    return LT_OK;
}

/* Room for one picture more. */
static lt_status set_grow(picture_set *s, lt_err *err)
{
    size_t size = (size_t)s->channels * (size_t)s->width * (size_t)s->height;
    int room = s->room ? 2 * s->room : 16;
    uint8_t *values, *labels;

    if (s->n < s->room)
        return LT_OK;
    if (s->room > INT_MAX / 2)
        return lt_err_mark(err, LT_ENOMEM);
    values = lt_mem_grow(s->values, (size_t)room, size);
    s->values = values ? values : s->values;
    labels = lt_mem_grow(s->labels, (size_t)room, 1);
    s->labels = labels ? labels : s->labels;
    if (!values || !labels)
        return lt_err_set(err, LT_ENOMEM,
                          "%s: out of memory for %d pictures of %zu bytes",
                          s->path.data, room, size);
    s->room = room;
    return LT_OK;
}

static lt_status picture_add(picture_set *s, uint8_t label, lt_err *err)
{
    size_t size;
    lt_picture p = {0};
    lt_status rc = file_decode(lt_text_str(&s->path), &p, err);

    if (rc == LT_OK)
        rc = s->n == 0 ? first_take(s, &p, err) : picture_compare(s, &p, err);
    if (rc == LT_OK)
        rc = set_grow(s, err);
    if (rc == LT_OK) {
        size = (size_t)s->channels * (size_t)s->width * (size_t)s->height;
        lt_picture_planes(&p, s->channels, s->values + (size_t)s->n * size);
        s->labels[s->n++] = label;
    }
    lt_picture_deinit(&p);
    return rc;
}

static bool is_full(const picture_set *s)
{
    return s->opts->limit > 0 && s->n >= s->opts->limit;
}

static lt_status folder_add(picture_set *s, const char *dir, uint8_t label,
                            lt_err *err)
{
    name_list list = {0};
    lt_status rc = names_list(dir, false, &list, err);

    for (int i = 0; i < list.n && rc == LT_OK && !is_full(s); i++) {
        lt_path_join(&s->path, dir, list.names[i]);
        rc = s->path.failed ? lt_err_mark(err, LT_ENOMEM)
                            : picture_add(s, label, err);
    }
    list_deinit(&list);
    return rc;
}

/* Makes the sub-folders' names the classes, or holds them against those that
 * are there. */
static lt_status classes_settle(const char *dir, const name_list *list,
                                lt_classes *classes, lt_err *err)
{
    bool is_given = classes->n > 0;
    char text[LT_CLASSES_TEXT];

    if (!is_given && list->n > LT_CLASSES_MOST)
        return lt_err_set(err, LT_EFORMAT,
                          "%s: found %d sub-folders, wanted at most %d labels",
                          dir, list->n, LT_CLASSES_MOST);
    for (int i = 0; i < list->n; i++) {
        if (!is_given && !lt_classes_add(classes, list->names[i]))
            return lt_err_mark(err, LT_ENOMEM);
        if (is_given && lt_classes_find(classes, list->names[i]) < 0)
            return lt_err_set(err, LT_EFORMAT,
                              "%s: found the sub-folder %s, wanted one of the "
                              "labels %s",
                              dir, list->names[i],
                              lt_classes_text(classes, text));
    }
    return LT_OK;
}

static lt_status folders_add(picture_set *s, const char *dir, lt_err *err)
{
    name_list list = {0};
    lt_classes own = {0};
    lt_classes *classes = s->opts->classes ? s->opts->classes : &own;
    lt_text sub = {0};
    lt_status rc = names_list(dir, true, &list, err);

    if (rc == LT_OK)
        rc = classes_settle(dir, &list, classes, err);
    for (int i = 0; i < list.n && rc == LT_OK && !is_full(s); i++) {
        int label = lt_classes_find(classes, list.names[i]);

        lt_path_join(&sub, dir, list.names[i]);
        rc = sub.failed ? lt_err_mark(err, LT_ENOMEM)
                        : folder_add(s, sub.data, (uint8_t)label, err);
    }
    lt_classes_deinit(&own);
    lt_text_deinit(&sub);
    list_deinit(&list);
    return rc;
}

/* The set takes the memory over; what was too much is given back. */
static lt_status set_finish(picture_set *s, lt_dataset **out, lt_err *err)
{
    lt_shape shape = lt_shape_image(s->channels, s->height, s->width);
    uint8_t *values =
        lt_mem_grow(s->values, (size_t)s->n, (size_t)lt_shape_elements(shape));
    uint8_t *labels = s->opts->labels ? s->labels : NULL;

    if (values)
        s->values = values;
    values = s->values;
    s->values = NULL;
    if (labels)
        s->labels = NULL;
    return lt_dataset_new_take(LT_ELEM_U8, s->n, shape, values, labels, out,
                               err);
}

lt_status lt_pictures_load(const char *dir, const lt_pictures_opts *opts,
                           lt_dataset **out, lt_err *err)
{
    picture_set s = {.opts = opts};
    lt_status rc;

    LT_ASSERT(opts->channels == 0 || opts->channels == 1 ||
              opts->channels == 3);
    rc = opts->labels ? folders_add(&s, dir, err) : folder_add(&s, dir, 0, err);
    if (rc == LT_OK)
        rc = set_finish(&s, out, err);
    set_deinit(&s);
    return rc;
}
