/* The candidate nearest to a mistyped name; see latent/base/suggest.h.
 *
 * Optimal string alignment distance (Damerau-Levenshtein without editing a
 * swapped pair again), O(n m) time, three rows of memory on the stack. It
 * counts in halves of an edit, because a letter in the wrong case costs one
 * half; a name all of whose differences are of case costs one half. Names over
 * MAX_NAME bytes are never suggested. */
#include "latent/base/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME 63
#define EDIT     2 /* the cost of one edit; one half is a wrong case */

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int replace_cost(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? EDIT / 2
                                                                  : EDIT;
}

/* Rows are the distances of a[0..i) to every b[0..j). */
static int distance(const char *a, int n, const char *b, int m)
{
    int rows[3][MAX_NAME + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2], *spare;

    for (int j = 0; j <= m; j++)
        last[j] = j * EDIT;
    for (int i = 1; i <= n; i++) {
        now[0] = i * EDIT;
        for (int j = 1; j <= m; j++) {
            int best = last[j - 1] + replace_cost(a[i - 1], b[j - 1]);

            best = min_int(best, min_int(last[j], now[j - 1]) + EDIT);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min_int(best, before[j - 2] + EDIT);
            now[j] = best;
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *lt_suggest(const char *name, const char *const *candidates,
                       size_t n)
{
    const char *best = NULL;
    int best_cost = 0, length = (int)strnlen(name, MAX_NAME + 1);

    if (length > MAX_NAME)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int other = (int)strnlen(candidates[i], MAX_NAME + 1);
        int longer = length > other ? length : other;
        int allowed = longer / 3 > 2 ? longer / 3 : 2;
        int cost;

        if (other > MAX_NAME)
            continue;
        cost = strcasecmp(name, candidates[i]) == 0
                   ? length > 0
                   : distance(name, length, candidates[i], other);
        if (cost <= allowed * EDIT && cost < longer * EDIT &&
            (!best || cost < best_cost)) {
            best = candidates[i];
            best_cost = cost;
        }
    }
    return best;
}
