/* Shared inside work: what a worker tells its supervisor, the board that
 * draws it, and the child processes. */
#ifndef LT_WORK_INT_H
#define LT_WORK_INT_H
#include "latent/work/work.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/* ---- messages: one fixed-size record each, written in one piece ---- */

typedef enum lt__msg_kind {
    LT__MSG_START = 1, /* claimed `run`, which may take `limit` seconds */
    LT__MSG_PROGRESS,
    LT__MSG_END,     /* with `status` and, when not finished, `text` */
    LT__MSG_TROUBLE, /* of the run with its store: `text` */
} lt__msg_kind;

typedef struct lt__msg {
    int kind;
    lt_run_status status;
    int64_t run;
    int epoch, epochs;
    double done, loss, examples_per_second, limit;
    char phase[32];
    char text[1024];
} lt__msg;

/* Progress may be dropped when the pipe is full; other kinds wait a while. */
void lt__msg_send(int fd, const lt__msg *m);

/* ---- signals ---- */

int lt__signal_times(void);    /* SIGINT, SIGTERM and SIGHUP so far */
bool lt__signal_suspend(void); /* SIGTSTP came; asking clears it */
void lt__signal_forget(void);  /* as if none had come (tests) */
/* Also SIGHUP and SIGTSTP; blocks them all but while waiting: `waiting` gets
 * the mask for ppoll, `before` the mask to put back. */
void lt__signal_supervise(sigset_t *waiting, sigset_t *before);

/* ---- heartbeat ---- */

typedef struct lt__heart {
    const lt_claim *claim;
    int seconds; /* between two beats */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t end;
    bool is_beating, is_over;
} lt__heart;

/* The claim must outlive it. */
void lt__heart_start(lt__heart *h, const lt_claim *claim, int seconds);
void lt__heart_stop(lt__heart *h);

/* ---- children ---- */

typedef struct lt__child {
    pid_t pid;      /* 0: none */
    int messages;   /* pipe ends to read, not blocking; -1: none */
    int output;     /* its stdout and stderr */
    lt_text line;   /* output not yet ended by a newline */
    char last[256]; /* last line of output */
    lt__msg partial;
    size_t partial_size;
    int64_t run;   /* executing now, or 0 */
    bool claimed;  /* it has claimed a run at least once */
    double began;  /* ... when, lt_clock_elapsed */
    double limit;  /* seconds that it may take; 0: any */
    bool is_ended; /* killed, as it took much longer */
} lt__child;

lt_status lt__child_start(lt__child *c, const lt_supervise_opts *opts,
                          const char *db, lt_err *err);
/* 1: *m holds the next message; 0: none now; -1: the worker has gone. */
int lt__child_receive(lt__child *c, lt__msg *m);
/* The next line of output or, when the child has ended, what is left of it;
 * false: none now. *line is the caller's. */
bool lt__child_line(lt__child *c, bool ended, lt_text *line);
/* Waits for the process and closes the pipes; the wait status. */
int lt__child_end(lt__child *c);

/* "killed by signal 9 (SIGKILL)", "exit status 4". */
void lt__child_describe(int wait_status, char *out, size_t size);

/* ---- the board: progress on stderr ---- */

typedef struct lt__board lt__board;

typedef struct lt__board_opts {
    int fd;
    int jobs;
    int total;        /* runs of this sweep to do */
    const char *name; /* of the experiment */
    int width;        /* 0: ask the terminal */
    bool live, color, utf8;
} lt__board_opts;

/* live, color and utf8 from the file descriptor and the environment. */
void lt__board_detect(lt__board_opts *opts);
lt_status lt__board_new(const lt__board_opts *opts, lt__board **out,
                        lt_err *err);
void lt__board_free(lt__board *b); /* clears the live lines */

/* `title` says which run: "12 tie=tied seed=2". */
void lt__board_start(lt__board *b, int slot, const char *title);
void lt__board_progress(lt__board *b, int slot, const lt__msg *m);
void lt__board_end(lt__board *b, int slot, lt_run_status s, const char *text);
void lt__board_note(lt__board *b, const char *text); /* a line that stays */
void lt__board_draw(lt__board *b); /* at most as often as is useful */
void lt__board_clear(lt__board *b);

/* Lines of the board as text, for progress.c. */
typedef struct lt__row {
    bool busy;
    char title[160];
    lt__msg now;
    double started, phase_started; /* lt_clock_elapsed */
} lt__row;

void lt__format_duration(double seconds, lt_text *out);
void lt__format_rate(double per_second, lt_text *out);
void lt__format_bar(double share, int width, bool utf8, lt_text *out);
void lt__format_row(const lt__row *r, int width, bool utf8, lt_text *out);
/* Cuts to `width` columns (UTF-8, one column a code point). */
void lt__format_cut(lt_text *t, int width);

/* ---- which run is which ---- */

typedef struct lt__knobs lt__knobs; /* the knobs that vary in a sweep */

lt_status lt__knobs_new(lt_store *store, int64_t sweep, lt__knobs **out,
                        lt_err *err);
void lt__knobs_free(lt__knobs *k);
const char *lt__knobs_experiment(const lt__knobs *k); /* its name; borrowed */
/* "12 tie=tied seed=2"; only the id when anything goes wrong. */
void lt__knobs_title(lt__knobs *k, int64_t run, lt_text *out);

#endif
