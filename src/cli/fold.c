/* What runs could not store is folded in by the next command, whichever that
 * is; it says so on stderr. A command goes on in any case: what cannot be
 * folded in yet stays where it is. */
#include "cli/cli_int.h"

#include "latent/store/fold.h"

#include <inttypes.h>
#include <stdio.h>

static void tell_folded(const lt_folded *f)
{
    fprintf(stderr,
            "what %d run%s could not store has got there now, %" PRId64
            " metric value%s among it\n",
            f->runs, f->runs == 1 ? "" : "s", f->values,
            f->values == 1 ? "" : "s");
}

static void tell_waiting(const lt_folded *f)
{
    fprintf(stderr, "what %d run%s could not store still waits in ",
            f->n_waiting, f->n_waiting == 1 ? "" : "s");
    lt__print_visible(stderr, f->where);
    fputs(": ", stderr);
    lt__print_visible(stderr, f->why.text);
    fputs("\n", stderr);
}

bool lt__fold(const lt__call *call)
{
    lt_folded folded;
    lt_err err = {0};

    if (lt_store_fold(call->db, &folded, &err) != LT_OK) {
        lt__fail(call, &err);
        return false;
    }
    if (folded.runs > 0)
        tell_folded(&folded);
    if (folded.n_waiting > 0)
        tell_waiting(&folded);
    return folded.n_waiting == 0;
}
