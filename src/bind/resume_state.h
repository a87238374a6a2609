/* The inside of lt__resume, for resume.c and stage.c. */
#ifndef LT_BIND_RESUME_STATE_H
#define LT_BIND_RESUME_STATE_H

#include "bind/resume_int.h"

/* A report as a row of numbers: epoch, step, the terms of both sets. */
#define LT__REPORT_COLUMNS (2 + 2 * LT_TERM_COUNT)

struct lt__resume {
    lt_claim *claim;
    lt_recorder *recorder;      /* or NULL */
    lt_text checkpoint, stages; /* paths */
    json_t *seen; /* series -> points that the script has logged so far */
    json_t *kept; /* series -> points that the store had at the start */
    /* What an earlier process left. */
    lt_snapshot_file *file; /* its checkpoint, until that was used */
    char *file_is;          /* the stage in work; "": it had not begun */
    json_t *file_answers;
    int resumed;        /* ... and its number; 0: there is nothing */
    json_t *file_files; /* names that it knew: lt__files_restore */
    bool is_broken;
    /* Names in the run's folder that the script has saved, and the number of
     * the checkpoint beside which their contents are kept. */
    json_t *files;
    int generation;
    /* The stage in work. */
    int stage; /* its number; the last one's, between two */
    char *is;
    lt_net *net;
    double began;      /* clock; negative: in an earlier process */
    double seconds;    /* between checkpoints; negative: by default */
    double *rows;      /* reports of its ended epochs */
    int n_rows;        /* ... of those heard, */
    int n_stored;      /* ... and of all that an earlier process left */
    json_t *seen_then; /* `seen` where the stage goes on, or is over */
    lt_fit_result result;
    bool has_result;
    bool is_replaying, is_calling;
    bool is_touched; /* on_epoch did what cannot be told again */
    json_t *answers; /* [[name, answer], ...] of calls within on_epoch */
    size_t answers_size, n_recalled;
    bool is_asking; /* a call within on_epoch has not given its answer */
    lt_saver saver;
    /* Writing. */
    double last, cost; /* clock after the last write; seconds that one takes */
    bool has_told;     /* of a write that failed */
    bool has_written;  /* cost was measured */
};

/* The text of a snapshot: the stage, what it is, the counts so far, and the
 * files that are kept beside it. */
lt_status lt__resume_text(const lt__resume *r, int stage, const char *is,
                          const json_t *files, lt_text *out, lt_err *err);

/* ---- files of the script: resume_files.c ---- */

/* "stages/3.files" of a stage's end, "stages/files.12" of the checkpoint
 * (stage 0). */
void lt__files_name(const lt__resume *r, int stage, lt_text *out);

/* Keeps the contents that files have now in `folder`; *list, the caller's also
 * on failure, gets the names of those that it could. */
lt_status lt__files_keep(lt__resume *r, const char *folder, json_t **list,
                         lt_err *err);

/* Makes them what they were; what fails stays as it is. */
void lt__files_restore(lt__resume *r, const json_t *list, const char *folder);

/* A list as it may stand in a file. */
bool lt__files_are_right(const json_t *list);

/* A snapshot's text, checked; the caller's. */
typedef struct lt__resume_facts {
    int stage, generation;
    char *is;
    json_t *series, *answers, *files;
} lt__resume_facts;

lt_status lt__resume_parse(const char *text, lt__resume_facts *out,
                           lt_err *err);
void lt__resume_facts_deinit(lt__resume_facts *facts);

#endif
