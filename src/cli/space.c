/* Whether there is room on the disk for what is about to be executed. A sweep
 * that would fill it is refused before it is queued; where the room is less
 * than twice what is expected, the user is warned. */
#include "cli/cli_int.h"

#include "latent/store/books.h"

#include <stdio.h>

/* "812 B", "4.5 MB" */
static void show_bytes(int64_t n, char *out, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double x = (double)n;
    int unit = 0;

    for (; x >= 999.5 && unit < 5; unit++)
        x /= 1000;
    snprintf(out, size, "%.*f %s", unit > 0 && x < 9.95 ? 1 : 0, x,
             units[unit]);
}

static lt_status judge(const char *db, const lt_space *space, lt_err *err)
{
    char needed[32], free[32], whence[64] = "at the least";

    if (space->all <= 0 || space->free >= 2 * space->needed)
        return LT_OK;
    show_bytes(space->needed, needed, sizeof needed);
    show_bytes(space->free, free, sizeof free);
    if (space->known > 0)
        snprintf(whence, sizeof whence, "by what finished runs of %s took",
                 space->known == space->runs ? "the same experiment"
                                             : "some of the experiments");
    if (space->free < space->needed)
        return lt_err_set(err, LT_EIO,
                          "%s: the disk has %s free, and %d run%s will write "
                          "about %s (%s): nothing was begun; make room (latent "
                          "du, latent gc), or go on with --no-space-check",
                          db, free, space->runs, space->runs == 1 ? "" : "s",
                          needed, whence);
    fprintf(stderr,
            "warning: the disk has %s free, and %d run%s will write about %s "
            "(%s)\n",
            free, space->runs, space->runs == 1 ? "" : "s", needed, whence);
    return LT_OK;
}

lt_status lt__space_allow(void *db, lt_store *store, const char *experiment,
                          int n_runs, lt_err *err)
{
    lt_space space = {0};

    LT_TRY(lt_store_expect(store, experiment, n_runs, &space, err));
    return judge(db, &space, err);
}

lt_status lt__space_allow_sweep(const char *db, lt_store *store, int64_t sweep,
                                lt_requeue which, lt_err *err)
{
    lt_space space = {0};

    LT_TRY(lt_store_expect_sweep(store, sweep, which, &space, err));
    return space.runs > 0 ? judge(db, &space, err) : LT_OK;
}
