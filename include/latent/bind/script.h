/* Scripts: the Lua side of the program.
 *
 * An lt_script is one Lua state with the program's modules, in protected mode
 * throughout: no Lua error leaves this room but as an lt_err with file, line
 * and a traceback in `lt_script_traceback`. */
#ifndef LT_SCRIPT_H
#define LT_SCRIPT_H

#include "latent/base/observer.h"
#include "latent/base/text.h"
#include "latent/store/store.h"

typedef struct lt_script lt_script;

/* What a script may do and use. Time is that of one run or of loading, memory
 * Lua's and the engine's together. A script that reaches a limit fails with
 * ELIMIT, whatever it catches; only what no Lua hook interrupts (a pattern that
 * never ends) needs a stronger hand: the supervisor's. */
typedef struct lt_script_limits {
    bool sandbox;   /* lua/latent/sandbox.lua: no files, programs, ... */
    double seconds; /* 0: any */
    int64_t bytes;  /* 0: any */
} lt_script_limits;

typedef struct lt_script_opts {
    int threads;               /* of the engine's pool in this state */
    uint64_t seed;             /* math.random */
    bool (*should_stop)(void); /* polled by the interpreter, or NULL */
    lt_script_limits limits;   /* of all that this lt_script does */
} lt_script_opts;

/* First thing in main of a command that computes: lt_blas_correct (math/blas.h)
 * for the command line, which sees no engine. */
void lt_script_prepare_engine(char **argv);

/* Host, BLAS core, instruction set; `threads` as given. */
void lt_script_describe_env(int threads, lt_run_env *out);

lt_status lt_script_new(const lt_script_opts *opts, lt_script **out,
                        lt_err *err);
void lt_script_free(lt_script *s);

/* Where the last error was raised; "" when there is none. Borrowed. */
const char *lt_script_traceback(const lt_script *s);

/* Loads an experiment's script from a file, or from stored text, and keeps
 * the experiment it returns. EINVAL with file and line for anything wrong. */
lt_status lt_script_load(lt_script *s, const char *path, lt_err *err);
lt_status lt_script_load_text(lt_script *s, const char *text, size_t size,
                              const char *path, lt_err *err);

/* How `latent run` changes a sweep. */
typedef struct lt_plan_opts {
    const char *const *sets; /* "code=2,6,30", "rate=0.01" */
    int n_sets;
    int seeds; /* seed = 1..seeds when > 0 */
    bool needed;
    bool dry_run;          /* prints the table of configs, stores nothing */
    const char *command;   /* the command line */
    lt_queue_allow *allow; /* asked before the sweep is stored, or NULL */
    void *allow_self;
} lt_plan_opts;

/* Loads the script and plays its run function for the first config, and for
 * those that bring a new word (16 at most), recording and writing nothing, to
 * find mistakes before a sweep is queued. An error that latent's own checks or
 * Lua itself raised is returned. One that the script raised itself goes to
 * `warning`: it may depend on results. LT_OK, too, when the script reached for
 * files or programs, or took too long: nothing more is known then. The script
 * must be loaded anew afterwards. */
lt_status lt_script_rehearse(lt_script *s, const char *path,
                             const lt_plan_opts *opts, lt_text *warning,
                             lt_err *err);

/* Expands the sweep of the loaded experiment and queues it. The script's limits
 * are stored with the sweep, as a source called LT_LIMITS_SOURCE, and hold
 * wherever it is executed. */
lt_status lt_script_plan(lt_script *s, lt_store *store,
                         const lt_plan_opts *opts, int64_t *sweep,
                         int *n_queued, lt_err *err);

/* The limits that were stored with a sweep; none is fine. */
#define LT_LIMITS_SOURCE "latent.limits"
lt_status lt_script_stored_limits(lt_store *store, int64_t sweep,
                                  lt_script_limits *out, lt_err *err);

/* Executes a claimed run: loads the stored script, calls its run function.
 * `progress` is as in lt_worker_opts. Of the stored limits and the script's own
 * the narrower hold. Returns the run's end state and, when
 * that is not finished, says why in `message`. */
lt_run_status lt_script_execute(lt_script *s, lt_store *store, lt_claim *claim,
                                const lt_observer *progress, lt_err *message);

/* Runs the reader command in Lua module "latent.cmd.<name>" (ls, show, best,
 * sql, plot, ...): its function main(args, context) returns an exit status.
 * `db` is the store's path. */
int lt_script_command(lt_script *s, const char *name, const char *db, int argc,
                      char **argv, lt_err *err);

#endif
