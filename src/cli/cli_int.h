/* Shared inside cli: commands, their options, and how they end. */
#ifndef LT_CLI_INT_H
#define LT_CLI_INT_H

#include <stdbool.h>

#include "latent/base/status.h"

/* DESIGN section 7. */
enum {
    LT__EXIT_OK = 0,
    LT__EXIT_RUN = 1,     /* a run failed, diverged or was lost */
    LT__EXIT_USAGE = 2,   /* or a bad script */
    LT__EXIT_NOTHING = 3, /* nothing found */
    LT__EXIT_STORE = 4,   /* store or file error */
    LT__EXIT_SIGNAL = 128 /* plus the signal's number */
};

typedef struct lt__call {
    const char *command; /* its name */
    const char *db;      /* of --db, $LATENT_DB or the default */
    int argc;            /* arguments after the command, --db taken out */
    char **argv;
    int full_argc; /* the command line as it was given */
    char **full_argv;
} lt__call;

/* ---- options of the commands written in C ---- */

typedef enum lt__option_kind {
    LT__OPTION_FLAG, /* bool * */
    LT__OPTION_INT,  /* int *, at least `least` */
    LT__OPTION_LIST, /* lt__list *: may be repeated */
} lt__option_kind;

typedef struct lt__list {
    const char **items; /* borrowed from argv; room for all of argc */
    int n;
} lt__list;

typedef struct lt__option {
    const char *name, *other; /* "--jobs" and "-j"; other may be NULL */
    lt__option_kind kind;
    void *value;
    int least;
} lt__option;

/* Options anywhere; the rest goes to `rest`. EINVAL names the argument and,
 * for an unknown option, the nearest known one. */
lt_status lt__options_parse(const lt__call *call, const lt__option *options,
                            int n, lt__list *rest, lt_err *err);

/* ---- endings ---- */

int lt__exit_of(lt_status status);
/* "latent run: message" on stderr; the exit status for err's status. */
int lt__fail(const lt__call *call, const lt_err *err);

/* ---- commands ---- */

int lt__cmd_run(const lt__call *call);
int lt__cmd_worker(const lt__call *call);

extern const char lt__help_run[];

#endif
