/* Pictures in files and in the terminal.
 *
 * The script is written first, so that it is there even when gnuplot is not.
 * The picture is drawn into memory, and written to a temporary file beside its
 * place which is renamed: a reader sees the old picture or the new one, whole:
 * one that does not begin and end as its format does is none. (gnuplot does not
 * notice when the disk is full.) */
#include "figure_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latent/base/mem.h"
#include "latent/base/path.h"

static const lt__gnuplot_opts usual = {.path = NULL, .timeout = 60};

/* The ending of the file's name with its dot, or NULL. */
static const char *path_ending(const char *path)
{
    const char *name = lt_path_name(path);
    const char *dot = strrchr(name, '.');

    return dot && dot > name ? dot : NULL;
}

lt_status lt_format_of_path(const char *path, lt_format *out, lt_err *err)
{
    const char *ending = path_ending(path);

    if (ending && !strcasecmp(ending, ".svg"))
        *out = LT_FORMAT_SVG;
    else if (ending && !strcasecmp(ending, ".png"))
        *out = LT_FORMAT_PNG;
    else if (ending && !strcasecmp(ending, ".pdf"))
        *out = LT_FORMAT_PDF;
    else
        return lt_err_set(err, LT_EINVAL,
                          "figure %s: the name ends in \"%s\", wanted .svg, "
                          ".png or .pdf",
                          path, ending ? ending : "");
    return LT_OK;
}

static lt_status script_save(const char *path, const lt_text *script,
                             lt_err *err)
{
    const char *ending = path_ending(path);
    lt_text name = {0};
    lt_status rc = LT_ENOMEM;

    lt_text_add_n(&name, path, ending ? (size_t)(ending - path) : strlen(path));
    lt_text_add(&name, ".gp");
    if (!name.failed)
        rc = lt_path_write(lt_text_str(&name), lt_text_str(script),
                           script->size, err);
    lt_text_deinit(&name);
    return lt_err_mark(err, rc);
}

static lt_status drawing_read(int fd, char **out, size_t *size, lt_err *err)
{
    struct stat st;
    ssize_t n = -1;

    if (fstat(fd, &st) == 0)
        *out = lt_mem_alloc((size_t)st.st_size + 1, 1);
    if (*out)
        n = pread(fd, *out, (size_t)st.st_size, 0);
    *size = n > 0 ? (size_t)n : 0;
    if (!*out)
        return lt_err_mark(err, LT_ENOMEM);
    return n >= 0 ? LT_OK
                  : lt_err_set(err, LT_EIO, "figure: %s", strerror(errno));
}

enum { END_BYTES = 512 };

static bool has_text(const char *bytes, ssize_t n, const char *text)
{
    return n > 0 && memmem(bytes, (size_t)n, text, strlen(text));
}

/* gnuplot, or what is called so, may end well and have drawn nothing. */
static lt_status picture_check(int fd, lt_format format, lt_err *err)
{
    static const struct {
        const char *name, *head, *tail;
    } formats[] = {[LT_FORMAT_SVG] = {"SVG", "<svg", "</svg>"},
                   [LT_FORMAT_PNG] = {"PNG", "\x89PNG\r\n", "IEND"},
                   [LT_FORMAT_PDF] = {"PDF", "%PDF-", "%%EOF"}};
    off_t size = lseek(fd, 0, SEEK_END);
    off_t last = size > END_BYTES ? size - END_BYTES : 0;
    char head[END_BYTES], tail[END_BYTES];
    ssize_t n_head = pread(fd, head, sizeof head, 0);
    ssize_t n_tail = pread(fd, tail, sizeof tail, last);

    if (has_text(head, n_head, formats[format].head) &&
        has_text(tail, n_tail, formats[format].tail))
        return LT_OK;
    return lt_err_set(err, LT_EIO,
                      "gnuplot wrote %lld bytes that are no whole %s picture",
                      (long long)size, formats[format].name);
}

static lt_status picture_save(const char *path, lt_format format,
                              const lt_text *script,
                              const lt__gnuplot_opts *opts, lt_err *err)
{
    int fd = memfd_create("latent-picture", MFD_CLOEXEC);
    char *picture = NULL;
    size_t size = 0;
    lt_status rc;

    if (fd < 0)
        return lt_err_set(err, LT_EIO, "figure %s: %s", path, strerror(errno));
    rc = lt__gnuplot_run(lt_text_str(script), script->size, fd, opts, err);
    if (rc == LT_OK)
        rc = picture_check(fd, format, err);
    if (rc == LT_OK)
        rc = drawing_read(fd, &picture, &size, err);
    if (rc == LT_OK)
        rc = lt_path_write(path, picture, size, err);
    if (rc != LT_OK)
        lt_err_prefix(err, "figure %s", path);
    close(fd);
    lt_mem_free(picture);
    return rc;
}

lt_status lt__figure_write(const lt_figure *f, const char *path,
                           const lt__gnuplot_opts *opts, lt_err *err)
{
    lt_text script = {0};
    lt_format format;
    lt_status rc;

    LT_TRY(lt_format_of_path(path, &format, err));
    rc = lt_figure_script(f, format, &script, err);
    if (rc == LT_OK)
        rc = script_save(path, &script, err);
    if (rc == LT_OK)
        rc = picture_save(path, format, &script, opts, err);
    lt_text_deinit(&script);
    return rc;
}

lt_status lt_figure_write(const lt_figure *f, const char *path, lt_err *err)
{
    return lt__figure_write(f, path, &usual, err);
}

/* ---- terminal ---- */

/* Appends what gnuplot drew without form feeds, blank lines at either end,
 * and blanks at the ends of lines. */
static void drawing_tidy(const char *s, size_t size, lt_text *out)
{
    const char *end = s + size;
    bool begun = false;
    int blank = 0;

    while (s < end) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((line ? line : end) - s);

        while (n && (s[0] == '\f' || s[0] == '\r')) {
            s++;
            n--;
        }
        {
            size_t keep = n;

            while (keep && (s[keep - 1] == ' ' || s[keep - 1] == '\r'))
                keep--;
            if (keep) {
                for (; begun && blank > 0; blank--)
                    lt_text_add(out, "\n");
                lt_text_add_n(out, s, keep);
                lt_text_add(out, "\n");
                begun = true;
                blank = 0;
            } else {
                blank++;
            }
        }
        s += n + 1;
    }
}

static lt_status panel_draw(const lt_figure *f, const lt__canvas *canvas,
                            lt_text *out, lt_err *err)
{
    lt_text script = {0};
    int fd = memfd_create("latent-drawing", MFD_CLOEXEC);
    char *drawing = NULL;
    size_t size = 0;
    lt_status rc;

    if (fd < 0)
        return lt_err_set(err, LT_EIO, "figure: %s", strerror(errno));
    rc = lt__script_write(f, canvas, &script, err);
    if (rc == LT_OK)
        rc =
            lt__gnuplot_run(lt_text_str(&script), script.size, fd, &usual, err);
    if (rc == LT_OK)
        rc = drawing_read(fd, &drawing, &size, err);
    if (rc == LT_OK)
        drawing_tidy(drawing, size, out);
    close(fd);
    lt_mem_free(drawing);
    lt_text_deinit(&script);
    return rc;
}

static void line_add(lt_text *out, const char *text)
{
    if (!text || !*text)
        return;
    lt__clean(out, text, LT__TEXT_MOST);
    lt_text_add(out, "\n");
}

lt_status lt_figure_draw_text(const lt_figure *f, int columns, int rows,
                              bool color, lt_text *out, lt_err *err)
{
    lt__canvas canvas = {.format = LT_FORMAT_TERMINAL,
                         .columns = columns < 30 ? 30 : columns,
                         .rows = rows < 10 ? 10 : rows,
                         .color = color};

    if (f->failed)
        return lt_err_mark(err, LT_ENOMEM);
    line_add(out, f->title);
    for (int i = 0; i < f->n_panels; i++) {
        canvas.only = i;
        line_add(out, f->panels[i].title);
        if (f->panels[i].tiles) {
            lt__tiles_draw_text(f->panels[i].tiles, &canvas, out);
            continue;
        }
        line_add(out, f->panels[i].y.label);
        LT_TRY(panel_draw(f, &canvas, out, err));
    }
    return out->failed ? lt_err_mark(err, LT_ENOMEM) : LT_OK;
}
