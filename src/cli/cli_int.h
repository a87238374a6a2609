/* Shared inside cli: commands, their options, and how they end. */
#ifndef LT_CLI_INT_H
#define LT_CLI_INT_H

#include <stdbool.h>
#include <stdio.h>

#include "latent/base/status.h"
#include "latent/base/text.h"
#include "latent/bind/script.h"
#include "latent/store/replay.h"
#include "latent/store/store.h"

/* DESIGN section 7. */
enum {
    LT__EXIT_OK = 0,
    LT__EXIT_RUN = 1,     /* a run failed, diverged or was lost */
    LT__EXIT_USAGE = 2,   /* or a bad script */
    LT__EXIT_NOTHING = 3, /* nothing found */
    LT__EXIT_STORE = 4,   /* store or file error */
    LT__EXIT_DIFFERS = 6, /* a replay or a check found something */
    LT__EXIT_SIGNAL = 128 /* plus the signal's number */
};

#define LT__DEFAULT_DB "results/latent.db"

typedef struct lt__call {
    const char *command; /* its name */
    const char *db;      /* of --db, $LATENT_DB or the default */
    int argc;            /* arguments after the command, --db taken out */
    char **argv;
    int full_argc; /* the command line as it was given */
    char **full_argv;
} lt__call;

/* The whole program: from the command line to the exit status. */
int lt__program(int argc, char **argv);

/* ---- options of the commands written in C ---- */

typedef enum lt__option_kind {
    LT__OPTION_FLAG, /* bool * */
    LT__OPTION_INT,  /* int *, at least `least` */
    LT__OPTION_REAL, /* double *, at least `least` */
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

/* ---- limits of scripts ---- */

typedef struct lt__limit_args {
    bool sandbox;
    int seconds, megabytes; /* 0: not given */
} lt__limit_args;

#define LT__LIMIT_OPTIONS(a)                                                   \
    {"--sandbox", NULL, LT__OPTION_FLAG, &(a).sandbox, 0},                     \
        {"--max-time", NULL, LT__OPTION_INT, &(a).seconds, 1},                 \
    {                                                                          \
        "--max-memory", NULL, LT__OPTION_INT, &(a).megabytes, 16               \
    }

/* A sandbox has limits of its own where none are given. */
lt_script_limits lt__limits_of(const lt__limit_args *a);

/* The same options for workers: "--sandbox", "--max-time", "60" ... */
typedef struct lt__worker_args {
    const char *items[5];
    int n;
    char seconds[16], megabytes[16];
} lt__worker_args;
void lt__limits_args(const lt__limit_args *a, lt__worker_args *out);

#define LT__LIMIT_HELP                                                         \
    "  --sandbox, --max-time SECONDS, --max-memory MB\n"                       \
    "                       as latent run has them, besides those that are\n"  \
    "                       stored: for a store that is not your own\n"

/* While this process itself loads a script: what does not heed a limit of time
 * is ended, with the program, some seconds after it. */
void lt__watchdog_set(const lt_script_limits *limits);
void lt__watchdog_clear(void);

/* ---- endings ---- */

int lt__exit_of(lt_status status);
/* "latent run: message" on stderr; the exit status for err's status. */
int lt__fail(const lt__call *call, const lt_err *err);

/* As one would type it for a shell. */
void lt__shell_quote(lt_text *out, const char *arg);

/* ---- executing what is queued ---- */

typedef struct lt__execution {
    int64_t sweep;     /* 0: all */
    int jobs, threads; /* 0: as the machine and the queue suggest */
    lt__limit_args limits;
} lt__execution;

/* The program's own file, even when it was replaced meanwhile. */
void lt__find_program(char *out, size_t size);

/* Marks what is lost, and says so on stderr. */
lt_status lt__reap(lt_store *store, lt_err *err);
/* Opens, says what that did, and reaps where the store may be written. */
lt_status lt__ready_store(const char *path, lt_store_mode mode, lt_store **out,
                          lt_err *err);
/* Folds in what runs could not store, and says so on stderr; whether nothing
 * waits after that. */
bool lt__fold(const lt__call *call);
/* The exit status; tables on stdout, progress and a hint on stderr. */
int lt__execute(const lt__call *call, lt_store *store, const lt__execution *e);

/* Whether the disk has room: an lt_queue_allow whose `self` is the store's
 * path; and for what resume or retry would execute. */
lt_status lt__space_allow(void *db, lt_store *store, const char *experiment,
                          int n_runs, lt_err *err);
lt_status lt__space_allow_sweep(const char *db, lt_store *store, int64_t sweep,
                                lt_requeue which, lt_err *err);

/* Text that may have come from a script or a store (base/visible.h). */
void lt__print_visible(FILE *out, const char *text);

/* ---- replay ---- */

typedef struct lt__replayed {
    lt_run_ref original, replay;
    lt_compare_opts opts;
    const char *status; /* of the original: "finished" */
    bool is_enough;     /* the replay was stopped: it has as many points */
} lt__replayed;

/* Compares and prints what came of it; the exit status. */
int lt__replay_report(const lt__call *call, const lt__replayed *r);

/* One value as text, "" for NULL; `run` and `name` are ?1 and ?2. */
lt_status lt__ask_text(const lt_run_ref *r, const char *sql, const char *name,
                       lt_text *out, lt_err *err);

/* ---- commands ---- */

int lt__cmd_replay(const lt__call *call);
int lt__cmd_resume(const lt__call *call);
int lt__cmd_retry(const lt__call *call);
int lt__cmd_run(const lt__call *call);
int lt__cmd_verify(const lt__call *call);
int lt__cmd_worker(const lt__call *call);

extern const char lt__help_replay[];
extern const char lt__help_resume[];
extern const char lt__help_retry[];
extern const char lt__help_run[];
extern const char lt__help_verify[];

#endif
