/* Files of the script, as they were at a checkpoint; see resume_state.h.
 *
 * A network that a script saves, reads again and saves once more by the same
 * name is another file by the time the process dies than it was at the
 * checkpoint, or at the end of a stage: a run that went on would read the later
 * one. So those that were saved into the run's folder get a second name beside
 * each checkpoint and each stage's end, and are put back from there. A second
 * name costs nothing: files are replaced, never written into. Where the file
 * system has no second names (links), files stay as they are.
 *
 * Only names directly in the run's folder, none of them the run's own: the list
 * stands in the checkpoint, which may lie. */
#include "bind/resume_state.h"

#include "latent/base/path.h"
#include "latent/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 1000
#define MOST_NAME  200

static bool name_is_right(const char *name)
{
    static const char *const own[] = {".", "..", "lock", "checkpoint",
                                      "stages"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(name, own[i]) == 0)
            return false;
    return *name && !strchr(name, '/') && strlen(name) <= MOST_NAME;
}

bool lt__files_are_right(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (!name || !name_is_right(name))
            return false;
    }
    return json_is_array(list) && json_array_size(list) <= MOST_FILES;
}

static bool has_name(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

void lt__saved(lua_State *L, const char *path)
{
    const lt__ctx *ctx = lt__ctx_of(L);
    lt__resume *r = ctx ? ctx->resume : NULL;
    const char *dir = r ? lt_claim_dir(r->claim) : "", *name;
    size_t n = strlen(dir);

    if (!r || strncmp(path, dir, n) != 0 || path[n] != '/')
        return;
    name = path + n + 1;
    if (name_is_right(name) && !has_name(r->files, name) &&
        json_array_size(r->files) < MOST_FILES &&
        json_array_append_new(r->files, json_string(name)) != 0)
        lt__raise(L, &(lt_err){LT_ENOMEM, "out of memory"});
}

void lt__files_name(const lt__resume *r, int stage, lt_text *out)
{
    lt_text_clear(out);
    if (stage)
        lt_text_addf(out, "%s/%d.files", r->stages.data, stage);
    else
        lt_text_addf(out, "%s/files.%d", r->stages.data, r->generation);
}

/* Both names of one file; false when there is no memory for them. */
static bool names_join(const lt__resume *r, const char *folder,
                       const char *name, lt_text both[2])
{
    lt_path_join(&both[0], lt_claim_dir(r->claim), name);
    lt_path_join(&both[1], folder, name);
    return !both[0].failed && !both[1].failed;
}

lt_status lt__files_keep(lt__resume *r, const char *folder, json_t **list,
                         lt_err *err)
{
    lt_text both[2] = {{0}, {0}};
    lt_status rc = lt_path_remove(folder, err);

    *list = json_array();
    if (rc == LT_OK && !*list)
        rc = lt_err_mark(err, LT_ENOMEM);
    if (rc == LT_OK && json_array_size(r->files) > 0)
        rc = lt_path_make_dirs(folder, err);
    for (size_t i = 0; rc == LT_OK && i < json_array_size(r->files); i++) {
        json_t *name = json_array_get(r->files, i);

        if (!names_join(r, folder, json_string_value(name), both))
            rc = lt_err_mark(err, LT_ENOMEM);
        else if ((link(both[0].data, both[1].data) == 0 || errno == ENOENT) &&
                 json_array_append(*list, name) != 0)
            rc = lt_err_mark(err, LT_ENOMEM);
    }
    if (rc == LT_OK && json_array_size(*list) > 0)
        rc = lt_path_sync(folder, err);
    lt_text_deinit(&both[0]);
    lt_text_deinit(&both[1]);
    return rc;
}

/* Puts one back under its name, by way of a third, or removes what was not
 * there then. */
static bool file_restore(const lt__resume *r, const char *name,
                         const char *kept)
{
    struct stat now, then;
    lt_text other = {0};
    bool is_done = false;

    if (lstat(kept, &then) != 0)
        return errno == ENOENT && unlink(name) == 0;
    if (!S_ISREG(then.st_mode) ||
        (lstat(name, &now) == 0 && now.st_ino == then.st_ino))
        return false;
    lt_path_join(&other, r->stages.data, "back");
    if (!other.failed) {
        unlink(other.data);
        is_done = link(kept, other.data) == 0 && rename(other.data, name) == 0;
    }
    lt_text_deinit(&other);
    return is_done;
}

void lt__files_restore(lt__resume *r, const json_t *list, const char *folder)
{
    lt_text both[2] = {{0}, {0}};

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (names_join(r, folder, name, both) &&
            file_restore(r, both[0].data, both[1].data))
            lt_claim_refile(r->claim, both[0].data, NULL);
    }
    lt_text_deinit(&both[0]);
    lt_text_deinit(&both[1]);
}
